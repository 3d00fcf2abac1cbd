#include "common/plan/cron_plan.h"

#include "common/plan/cron_internal.h"

#include <stdio.h>

#define DAY_S     86400
#define HOUR_S    3600
#define ALL_HOURS 0xffffffu

/* ---- local time: no zone in this part ---- */

static bool day_matches(const struct cron_schedule *s, int day, int64_t days)
{
	bool is_day = s->days >> day & 1, is_weekday = s->weekdays >> cron_weekday(days) & 1;
	return s->any_day || s->any_weekday ? is_day && is_weekday : is_day || is_weekday;
}

/* The first matching minute of a day at or after `from` (or, backwards, the last at or before);
 * -1: none is left. */
static int time_after(const struct cron_schedule *s, int from)
{
	for (int hour = from / 60; hour < 24; hour++) {
		if (!(s->hours >> hour & 1))
			continue;
		int minute = hour == from / 60 ? from % 60 : 0;
		uint64_t left = s->minutes >> minute;
		if (left)
			return hour * 60 + minute + __builtin_ctzll(left);
	}
	return -1;
}

static int time_before(const struct cron_schedule *s, int until)
{
	for (int hour = until / 60; hour >= 0; hour--) {
		if (!(s->hours >> hour & 1))
			continue;
		int minute = hour == until / 60 ? until % 60 : 59;
		uint64_t left = s->minutes << (63 - minute);
		if (left)
			return hour * 60 + minute - __builtin_clzll(left);
	}
	return -1;
}

/* The first matching day at or after `days`; false: past the last year. A schedule that parsed
 * finds one within eight years (29 February around 1900 or 2100). */
static bool day_after(const struct cron_schedule *s, int64_t days, int64_t *ret)
{
	int year, month, day;
	cron_civil(days, &year, &month, &day);
	for (; year < 10000; month = month % 12 + 1, year += month == 1, day = 1) {
		if (!(s->months >> month & 1))
			continue;
		int64_t first = cron_days(year, month, 1);
		for (; day <= cron_month_days(year, month); day++)
			if (day_matches(s, day, first + day - 1)) {
				*ret = first + day - 1;
				return true;
			}
	}
	return false;
}

static bool day_before(const struct cron_schedule *s, int64_t days, int64_t *ret)
{
	int year, month, day;
	cron_civil(days, &year, &month, &day);
	while (year > 0) {
		int64_t first = cron_days(year, month, 1);
		for (; day > 0 && s->months >> month & 1; day--)
			if (day_matches(s, day, first + day - 1)) {
				*ret = first + day - 1;
				return true;
			}
		month = month == 1 ? 12 : month - 1;
		year -= month == 12;
		day = year > 0 ? cron_month_days(year, month) : 0;
	}
	return false;
}

/* The first match at or after a local time; INT64_MAX: none. */
static int64_t local_after(const struct cron_schedule *s, int64_t local_s)
{
	int64_t minutes = -cron_floor(-local_s, 60), days = cron_floor(minutes, 1440), found;
	if (!day_after(s, days, &found))
		return INT64_MAX;
	int time = time_after(s, found == days ? (int)(minutes - days * 1440) : 0);
	if (time < 0) {
		if (!day_after(s, found + 1, &found))
			return INT64_MAX;
		time = time_after(s, 0);
	}
	return found * DAY_S + time * 60;
}

/* The last match at or before a local time; INT64_MIN: none. */
static int64_t local_before(const struct cron_schedule *s, int64_t local_s)
{
	int64_t minutes = cron_floor(local_s, 60), days = cron_floor(minutes, 1440), found;
	if (!day_before(s, days, &found))
		return INT64_MIN;
	int time = time_before(s, found == days ? (int)(minutes - days * 1440) : 1439);
	if (time < 0) {
		if (!day_before(s, found - 1, &found))
			return INT64_MIN;
		time = time_before(s, 1439);
	}
	return found * DAY_S + time * 60;
}

/* ---- the zone's jumps ---- */

/* How much of the jump at a span's beginning is a jump of the clock for this schedule (see the
 * header): forwards > 0, backwards < 0. */
static int64_t jump_s(const struct cron_schedule *s, const struct cron_span *span)
{
	if (span->begin_s == INT64_MIN)
		return 0;
	int64_t jump = (int64_t)span->offset_s - span->before_s;
	bool is_limited_to_days = !s->any_day || !s->any_weekday || s->months != 0x1ffe;
	if (s->hours != ALL_HOURS || (jump >= DAY_S && is_limited_to_days))
		return jump;
	return jump % HOUR_S;
}

/* Is a tick due at the very beginning of the span, because the clock jumped over it? */
static bool is_due_after_gap(const struct cron_schedule *s, const struct cron_span *span)
{
	int64_t jump = jump_s(s, span);
	if (jump <= 0)
		return false;
	int64_t gap_s = span->begin_s + span->before_s;
	return local_after(s, gap_s) < gap_s + jump;
}

/* Where in the span the clock shows something for the first time: no zone of tzdata has had an offset
 * for a shorter time than the jump back that ended it, so what is shown again was shown just before. */
static int64_t begin_of_new(const struct cron_schedule *s, const struct cron_span *span)
{
	int64_t jump = jump_s(s, span);
	return jump < 0 ? span->begin_s - jump : span->begin_s;
}

static int64_t fields_next(const struct cron_schedule *s, const struct cron_zone *zone,
			   int64_t from_s)
{
	int64_t local_s = INT64_MIN; /* the first match in the time of this offset */
	int32_t offset_s = 0;
	while (from_s <= CRON_LAST_S) {
		struct cron_span span = cron_zone_span(zone, from_s);
		if (from_s == span.begin_s && is_due_after_gap(s, &span))
			return from_s;
		int64_t lowest_s = MAX(from_s, begin_of_new(s, &span)) + span.offset_s;
		/* What was found beyond the last span is still the first match, unless the clock
		 * went back. */
		if (local_s < lowest_s || span.offset_s < offset_s)
			local_s = local_after(s, lowest_s);
		offset_s = span.offset_s;
		if (local_s == INT64_MAX)
			return CRON_NONE;
		if (local_s - span.offset_s < span.end_s)
			return local_s - span.offset_s <= CRON_LAST_S ? local_s - span.offset_s
								      : CRON_NONE;
		from_s = span.end_s;
	}
	return CRON_NONE;
}

static int64_t fields_previous(const struct cron_schedule *s, const struct cron_zone *zone,
			       int64_t until_s)
{
	while (until_s >= CRON_FIRST_S) {
		struct cron_span span = cron_zone_span(zone, until_s);
		int64_t local_s = local_before(s, until_s + span.offset_s);
		if (local_s == INT64_MIN)
			return CRON_NONE;
		int64_t at_s = local_s - span.offset_s;
		if (at_s >= begin_of_new(s, &span) && at_s >= span.begin_s)
			return at_s >= CRON_FIRST_S ? at_s : CRON_NONE;
		if (is_due_after_gap(s, &span))
			return span.begin_s;
		if (span.begin_s == INT64_MIN)
			return CRON_NONE;
		until_s = span.begin_s - 1;
	}
	return CRON_NONE;
}

/* ---- ticks ---- */

static int64_t clamped(int64_t at_s)
{
	return MAX(MIN(at_s, CRON_LAST_S), CRON_FIRST_S - 1);
}

int64_t cron_next(const struct cron_schedule *s, const struct cron_zone *zone, int64_t anchor_s,
		  int64_t after_s)
{
	after_s = clamped(after_s);
	if (s->every_s == 0)
		return fields_next(s, zone, after_s + 1);
	anchor_s = clamped(anchor_s);
	int64_t k = MAX(cron_floor(after_s - anchor_s, s->every_s) + 1, 1);
	int64_t at_s = anchor_s + k * s->every_s;
	return at_s <= CRON_LAST_S ? at_s : CRON_NONE;
}

int64_t cron_previous(const struct cron_schedule *s, const struct cron_zone *zone, int64_t anchor_s,
		      int64_t until_s)
{
	until_s = clamped(until_s);
	if (s->every_s == 0)
		return fields_previous(s, zone, until_s);
	anchor_s = clamped(anchor_s);
	int64_t k = cron_floor(until_s - anchor_s, s->every_s);
	return k >= 1 ? anchor_s + k * s->every_s : CRON_NONE;
}

struct cron_interval cron_data_interval(const struct cron_schedule *s, const struct cron_zone *zone,
					int64_t anchor_s, int64_t tick_s)
{
	struct cron_interval i = { tick_s - s->every_s, tick_s };
	if (s->every_s == 0) {
		int64_t before_s = cron_previous(s, zone, anchor_s, tick_s - 1);
		i.begin_s = before_s == CRON_NONE ? CRON_FIRST_S : before_s;
	}
	return i;
}

int64_t cron_backfill_next(const struct cron_schedule *s, const struct cron_zone *zone,
			   int64_t anchor_s, const struct cron_backfill *b, int64_t done_s)
{
	int64_t from_s = MAX(b->from_s, CRON_FIRST_S), to_s = MIN(b->to_s, CRON_LAST_S), begin_s;
	if (from_s >= to_s)
		return CRON_NONE;
	/* An interval's begin is a tick or, for the first of an interval schedule, the anchor. */
	if (!b->newest_first) {
		if (done_s != CRON_NONE)
			begin_s = done_s;
		else if (s->every_s > 0 && clamped(anchor_s) >= from_s)
			begin_s = clamped(anchor_s);
		else
			begin_s = cron_next(s, zone, anchor_s, from_s - 1);
	} else {
		int64_t before_s = to_s - 1;
		if (done_s != CRON_NONE)
			before_s = cron_data_interval(s, zone, anchor_s, done_s).begin_s - 1;
		begin_s = cron_previous(s, zone, anchor_s, before_s);
		if (begin_s == CRON_NONE && s->every_s > 0 && clamped(anchor_s) <= before_s)
			begin_s = clamped(anchor_s);
	}
	if (begin_s == CRON_NONE || begin_s < from_s || begin_s >= to_s)
		return CRON_NONE;
	return cron_next(s, zone, anchor_s, begin_s);
}

void cron_run_name(const char *name, int64_t tick_s, char ret[CRON_RUN_NAME_SIZE])
{
	int n = snprintf(ret, CRON_RUN_NAME_SIZE, "%.250s-%lld", name, (long long)tick_s);
	assert(n > 0 && n < CRON_RUN_NAME_SIZE);
}

/* ---- what to do now ---- */

/* The tick to deal with: the oldest or the newest that is due and not too late; CRON_NONE: none. */
static int64_t due_tick(const struct cron_facts *f, int64_t after_s)
{
	int64_t tick_s = f->catch_up == CRON_ALL
				 ? cron_next(f->schedule, f->zone, f->created_s, after_s)
				 : cron_previous(f->schedule, f->zone, f->created_s, f->now_s);
	return tick_s != CRON_NONE && tick_s > after_s && tick_s <= f->now_s ? tick_s : CRON_NONE;
}

static void choose(const struct cron_facts *f, struct cron_decision *d)
{
	bool is_busy = f->running > 0;
	d->action = CRON_START;
	d->why =
		d->has_missed ? "its time has come; earlier ones were missed" : "its time has come";
	if (f->catch_up == CRON_ALL && d->tick_s < f->now_s)
		d->why = "catching up";
	if (is_busy && f->overlap == CRON_REPLACE) {
		d->action = CRON_STOP_AND_START;
		d->why = "the run before is still active and is replaced";
	} else if (is_busy && f->overlap == CRON_FORBID) {
		d->action = CRON_WAIT;
		d->why = "the run before is still active";
	} else if (f->running_max > 0 && f->running >= f->running_max) {
		d->action = CRON_WAIT;
		d->why = "as many runs as allowed are active";
	}
}

struct cron_decision cron_decide(const struct cron_facts *f)
{
	struct cron_decision d = { .why = "not yet time",
				   .tick_s = CRON_NONE,
				   .wake_s = CRON_NONE };
	int64_t after_s = f->last_s == CRON_NONE ? f->created_s : MAX(f->last_s, f->created_s);
	int64_t first_s = cron_next(f->schedule, f->zone, f->created_s, after_s);
	/* A deadline longer than all of time is none. */
	bool has_deadline = f->deadline_s >= 0 && f->deadline_s < CRON_LAST_S - CRON_FIRST_S;
	int64_t oldest_s = has_deadline ? f->now_s - f->deadline_s : CRON_FIRST_S;

	d.missed_first_s = CRON_NONE;
	if (f->is_suspended) {
		d.why = "it is suspended";
		return d;
	}
	if (first_s == CRON_NONE) {
		d.why = "it never comes again";
		return d;
	}
	if (first_s > f->now_s) {
		d.wake_s = first_s;
		return d;
	}
	/* Ticks before the deadline are out; the schedule goes on with the one that is not. */
	d.tick_s = due_tick(f, MAX(after_s, oldest_s - 1));
	d.has_missed = d.tick_s == CRON_NONE || first_s < d.tick_s;
	if (d.has_missed)
		d.missed_first_s = first_s;
	int64_t next_s = cron_next(f->schedule, f->zone, f->created_s, f->now_s);
	if (d.tick_s == CRON_NONE) {
		d.why = "too late for the last start: its deadline has passed";
		d.wake_s = next_s;
		return d;
	}
	choose(f, &d);
	d.data = cron_data_interval(f->schedule, f->zone, f->created_s, d.tick_s);
	if (d.action == CRON_WAIT) {
		d.wake_s = next_s;
		/* It may also become too late in the meantime. */
		if (has_deadline && (next_s == CRON_NONE || d.tick_s + f->deadline_s < next_s))
			d.wake_s = d.tick_s + f->deadline_s + 1;
	}
	return d;
}
