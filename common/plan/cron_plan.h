/*
 * cron_plan.h - when a schedule is due, and what to do about it: five-field cron, @macros and
 * intervals, time zones through their changes, missed starts, catch-up, backfill, overlap. Pure:
 * time and the bytes of the zone are arguments. All times are Unix seconds.
 *
 * Syntax: `minute hour day-of-month month day-of-week`, each `*`, `?` (the same), a number, a name
 * (jan-dec, sun-sat, case ignored), a range a-b, a list a,b, a step: star/n, a-b/n, or a/n, which is
 * a-max/n. Sunday is 0 and 7. @yearly @annually @monthly @weekly @daily @midnight @hourly, and
 * `@every 1h30m` (Go durations of whole seconds).
 *
 * Where implementations differ, Kubernetes' (robfig/cron v3) is followed unless said:
 *
 *	                       robfig v3 (Kubernetes)  vixie cron (Debian)     here
 *	day of month and week  either matches, unless one is a star: then both (all three)
 *	star/2 is a star       no                      yes                     no
 *	a/n                    a-max/n                 error                   a-max/n
 *	Sunday as 7            error                   yes                     yes
 *	@reboot                error                   yes                     error
 *	TZ=, CRON_TZ= prefix   parsed; CronJobs refuse its own line            cron_parse_zoned only
 *	30 February            never, in silence       never, in silence       error "never runs"
 *	@every                 from the last run       none                    from the anchor: no drift
 *	time in a gap          lost                    soon after the gap      first second after the gap
 *	time that comes twice  runs twice              runs once (see below)   runs once: the first
 *
 * Time zones. A schedule that does not choose all 24 hours names times of the clock, and each of
 * them gives one tick a day: one that the clock jumps over runs at the first second after the gap
 * (several, or one that is due then anyway, are one tick); one that the clock shows twice runs at
 * the first. A schedule that chooses all 24 hours means time that passes: whole hours of a jump
 * change nothing in it (no time passes in a gap; both passes of a doubled hour are hours), and
 * what is left of the jump (30 minutes at Lord Howe) follows the rule of the clock. Where a whole
 * day is left out (Apia, 30 December 2011) what was limited to that day runs after the gap as well.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/error.h"

#define CRON_TEXT_MAX      512
#define CRON_ZONE_NAME_MAX 64
#define CRON_EVERY_MAX_S   (366LL * 86400 * 100)
#define CRON_NONE          INT64_MIN      /* no such tick */
#define CRON_FIRST_S       (-62135596800) /* 0001-01-01T00:00:00Z: earlier instants are CRON_NONE */
#define CRON_LAST_S        253402300799   /* 9999-12-31T23:59:59Z */

/* ---- the schedule ---- */
struct cron_schedule {
	uint64_t minutes;          /* bit 0 … 59 */
	uint32_t hours;            /* bit 0 … 23 */
	uint32_t days;             /* bit 1 … 31 */
	uint16_t months;           /* bit 1 … 12 */
	uint8_t weekdays;          /* bit 0 (Sunday) … 6 */
	bool any_day, any_weekday; /* a star */
	int64_t every_s;           /* > 0: an interval; the fields mean nothing */
};

/* ERR_INVALID says which field and what is allowed there; a prefix TZ= or CRON_TZ= is refused as in
 * a CronJob (`spec.timeZone` is for that). */
int cron_parse(const char *text, struct cron_schedule *ret, struct error *err) MUST_CHECK;
/* The same with such a prefix: `ret_zone` is its name, or "". */
int cron_parse_zoned(const char *text, struct cron_schedule *ret, char ret_zone[CRON_ZONE_NAME_MAX],
		     struct error *err) MUST_CHECK;

/* ---- the zone ---- */
#define CRON_ZONE_BYTES_MAX 65536 /* the largest of Debian's is 3.6 kB */
#define CRON_CHANGES_MAX    4096

struct cron_change { /* from `at_s` on, local time is UTC + offset_s */
	int64_t at_s;
	int32_t offset_s;
};
struct cron_rule_day { /* POSIX: Mmonth.week.weekday, Jday or day, at time_s of local time */
	enum { CRON_RULE_MONTH, CRON_RULE_JULIAN, CRON_RULE_DAY } kind;
	int month, week, weekday, day;
	int32_t time_s;
};
struct cron_zone {
	const struct cron_change *changes; /* ascending */
	size_t changes_count;
	int32_t first_s; /* the offset before the first change */
	/* After the last change; without summer time the last change's offset holds for ever. */
	bool has_summer;
	int32_t standard_s, summer_s;
	struct cron_rule_day summer_begin, summer_end;
};

/* A name as a path below the zone folder: no "..", no "/" in front. ERR_INVALID. */
int cron_zone_check_name(const char *name, struct error *err) MUST_CHECK;
/* TZif (RFC 9636, versions 1 to 4) as found below /usr/share/zoneinfo. The changes live in `a`.
 * ERR_MALFORMED: no or a broken TZif; ERR_INVALID: one that counts leap seconds; ERR_LIMIT. */
int cron_zone_parse(const void *bytes, size_t n, struct arena *a, struct cron_zone *ret,
		    struct error *err) MUST_CHECK;
/* A stretch of time in which the offset does not change. */
struct cron_span {
	int64_t begin_s, end_s;     /* [begin, end); INT64_MIN and INT64_MAX: without bound */
	int32_t offset_s, before_s; /* before_s: the offset before begin_s */
};
/* `zone` NULL is UTC, here and below. O(log n). */
struct cron_span cron_zone_span(const struct cron_zone *zone, int64_t at_s);

/* ---- ticks ---- */
/* The first tick after `after_s`, the last at or before `until_s`; CRON_NONE: there is none.
 * An interval's ticks are anchor_s + k × every, k ≥ 1; else the anchor means nothing. Bounded by
 * eight years of months and changes of the zone, whatever is asked. */
int64_t cron_next(const struct cron_schedule *s, const struct cron_zone *zone, int64_t anchor_s,
		  int64_t after_s);
int64_t cron_previous(const struct cron_schedule *s, const struct cron_zone *zone, int64_t anchor_s,
		      int64_t until_s);

/* The interval whose data the run of a tick works on: from the tick before it to itself. */
struct cron_interval {
	int64_t begin_s, end_s;
};
struct cron_interval cron_data_interval(const struct cron_schedule *s, const struct cron_zone *zone,
					int64_t anchor_s, int64_t tick_s);

/* A backfill runs the ticks whose data interval begins in [from, to): oldest first, or newest
 * first. The first one (done_s = CRON_NONE) or the one that follows tick done_s; CRON_NONE: done. */
struct cron_backfill {
	int64_t from_s, to_s;
	bool newest_first;
};
int64_t cron_backfill_next(const struct cron_schedule *s, const struct cron_zone *zone,
			   int64_t anchor_s, const struct cron_backfill *b, int64_t done_s);

/* "nightly-1764547200": a tick's run, always the same. */
#define CRON_RUN_NAME_SIZE 280
void cron_run_name(const char *name, int64_t tick_s, char ret[CRON_RUN_NAME_SIZE]);

/* ---- what to do now ---- */
enum cron_overlap { CRON_ALLOW, CRON_FORBID, CRON_REPLACE, CRON_OVERLAP_COUNT };
enum cron_catch_up {
	CRON_LATEST, /* of several missed ticks the last runs (Kubernetes; Airflow's catchup=False) */
	CRON_ALL,    /* all of them, oldest first */
	CRON_CATCH_UP_COUNT
};
struct cron_facts {
	const struct cron_schedule *schedule;
	const struct cron_zone *zone;
	int64_t created_s; /* no tick at or before it is due; the anchor of intervals */
	int64_t last_s;    /* the tick that was dealt with last, or CRON_NONE */
	int64_t now_s;
	int64_t deadline_s; /* a start may be so late; -1: however late */
	enum cron_overlap overlap;
	enum cron_catch_up catch_up;
	size_t running, running_max; /* runs of it that live; 0: no limit */
	bool is_suspended;
};
enum cron_action { CRON_WAIT, CRON_START, CRON_STOP_AND_START, CRON_ACTION_COUNT };
struct cron_decision {
	enum cron_action action;
	const char *why;
	int64_t tick_s; /* it is about, or CRON_NONE */
	struct cron_interval data;
	bool has_missed; /* ticks that will never run lie before tick_s (or, waiting, before now) */
	int64_t missed_first_s; /* the first of them */
	int64_t wake_s;         /* look again then, or CRON_NONE: when a fact changes */
};
/* One step. After CRON_START was performed and last_s is tick_s it is asked again. Its cost does not
 * depend on how many starts were missed. */
struct cron_decision cron_decide(const struct cron_facts *f);
