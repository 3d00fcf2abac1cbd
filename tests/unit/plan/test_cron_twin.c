/*
 * cron_plan against a dumb twin that walks minute by minute and knows a zone only through libc: the
 * clock of a wall is looked at each minute, and a tick is due whenever a chosen minute was shown, or
 * jumped over, for the first time. Schedules and stretches of time are drawn from a seed.
 */
#include "common/base/rng.h"
#include "tests/unit/plan/cron_world.h"

#include <limits.h>
#include <time.h>

#define WALK_MINUTES (40 * 1440)
#define TICKS_MAX    (WALK_MINUTES + 1)
#define WARM_MINUTES (3 * 1440) /* until the twin knows what its wall has shown */

static const char *const zones[] = { "Europe/Berlin",     "America/New_York", "Australia/Lord_Howe",
				     "Asia/Kathmandu",    "Pacific/Apia",     "Europe/Dublin",
				     "Africa/Casablanca", "Asia/Gaza",        "America/Sao_Paulo" };

static void use_zone(const char *name)
{
	char path[256], whole[PATH_MAX + 1] = ":";
	zone_path(name, path);
	CHECK(realpath(path, whole + 1));
	setenv("TZ", whole, 1);
	tzset();
}

static int64_t libc_offset_s(int64_t at_s)
{
	struct tm local;
	time_t t = at_s;
	CHECK(localtime_r(&t, &local));
	return local.tm_gmtoff;
}

/* What a calendar says about a local minute; gmtime is the twin's calendar. */
static bool matches(const struct cron_schedule *s, int64_t local_minute)
{
	struct tm t;
	time_t seconds = local_minute * 60;
	CHECK(gmtime_r(&seconds, &t));
	bool is_day = s->days >> t.tm_mday & 1, is_weekday = s->weekdays >> t.tm_wday & 1;
	bool on_day = s->any_day || s->any_weekday ? is_day && is_weekday : is_day || is_weekday;
	return on_day && s->months >> (t.tm_mon + 1) & 1 && s->hours >> t.tm_hour & 1 &&
	       s->minutes >> t.tm_min & 1;
}

struct walk {
	int64_t begin; /* UTC minute */
	int32_t offsets[WALK_MINUTES];
};

static size_t twin_ticks(const struct cron_schedule *s, const struct walk *w, int64_t *ret)
{
	bool is_elapsed = s->hours == 0xffffff;
	bool is_limited = !s->any_day || !s->any_weekday || s->months != 0x1ffe;
	int64_t shown = w->begin + w->offsets[0] - 1; /* the latest minute the wall has shown */
	size_t count = 0;
	for (int64_t i = 0; i < WALK_MINUTES; i++) {
		int64_t local = w->begin + i + w->offsets[i];
		int64_t jump = i > 0 ? w->offsets[i] - w->offsets[i - 1] : 0;
		bool is_due = false;
		/* Whole hours of a jump are no jump for what runs every hour. */
		if (is_elapsed && !(jump >= 1440 && is_limited))
			shown += jump - jump % 60;
		for (int64_t m = shown + 1; m <= local; m++)
			is_due |= matches(s, m);
		shown = MAX(shown, local);
		if (is_due && i >= WARM_MINUTES)
			ret[count++] = (w->begin + i) * 60;
	}
	return count;
}

static uint64_t some_bits(struct rng *r, unsigned min, unsigned max)
{
	uint64_t all = ((1ull << max) - (1ull << min)) | 1ull << max, bits = 0;
	switch (rng_below(r, 4)) {
	case 0:
		return all;
	case 1:
		return 1ull << (min + rng_below(r, max - min + 1));
	case 2: {
		unsigned step = 1 + (unsigned)rng_below(r, (max - min) / 2 + 1);
		for (unsigned i = min; i <= max; i += step)
			bits |= 1ull << i;
		return bits;
	}
	default:
		bits = rng_next(r) & rng_next(r) & all;
		return bits ? bits : all;
	}
}

static struct cron_schedule some_schedule(struct rng *r)
{
	struct cron_schedule s = {
		.minutes = some_bits(r, 0, 59),
		.hours = (uint32_t)some_bits(r, 0, 23),
		.days = (uint32_t)some_bits(r, 1, 31),
		.months = (uint16_t)(rng_one_in(r, 4) ? some_bits(r, 1, 12) : 0x1ffe),
		.weekdays = (uint8_t)some_bits(r, 0, 6),
	};
	/* Near the jumps it is the small hours that matter. */
	if (rng_one_in(r, 2))
		s.hours = (uint32_t)(1 + rng_below(r, 15));
	s.any_day = s.days == 0xfffffffe;
	s.any_weekday = s.weekdays == 0x7f;
	return s;
}

static void fail(const struct cron_schedule *s, const char *zone, const char *what, int64_t got,
		 int64_t want)
{
	fprintf(stderr, "%s: m %llx h %x d %x M %x w %x: %s: got %lld, expected %lld\n", zone,
		(unsigned long long)s->minutes, s->hours, s->days, s->months, s->weekdays, what,
		(long long)got, (long long)want);
	exit(1);
}

static void compare(const struct cron_schedule *s, const char *name, const struct cron_zone *zone,
		    const struct walk *w, int64_t *ticks)
{
	size_t n = twin_ticks(s, w, ticks), i = 0;
	int64_t from_s = (w->begin + WARM_MINUTES) * 60, end_s = (w->begin + WALK_MINUTES) * 60;
	int64_t at_s = cron_next(s, zone, 0, from_s - 1);
	for (; at_s != CRON_NONE && at_s < end_s; i++, at_s = cron_next(s, zone, 0, at_s))
		if (i == n || ticks[i] != at_s)
			fail(s, name, "next", at_s, i < n ? ticks[i] : 0);
	if (i < n)
		fail(s, name, "next", 0, ticks[i]);
	at_s = cron_previous(s, zone, 0, end_s - 1);
	for (; at_s != CRON_NONE && at_s >= from_s; at_s = cron_previous(s, zone, 0, at_s - 1))
		if (i == 0 || ticks[--i] != at_s)
			fail(s, name, "previous", at_s, ticks[i]);
	if (i > 0)
		fail(s, name, "previous", 0, ticks[i - 1]);
}

/* A stretch of 40 days around a change of the zone, or anywhere from 1971 to 2099. */
static int64_t some_begin(struct rng *r, const struct cron_zone *zone)
{
	int64_t at_s = 31536000 + (int64_t)rng_below(r, 4070908800u - 31536000u - 40 * 86400);
	if (!rng_one_in(r, 3))
		at_s = cron_zone_span(zone, at_s).begin_s - 3 * 86400 -
		       (int64_t)rng_below(r, 34 * 86400);
	return MAX(at_s, 31536000) / 60;
}

static void test_zone(const char *name, struct rng *r, int walks, int schedules)
{
	AUTO_ARENA a = { 0 };
	struct cron_zone zone;
	auto_free struct walk *w = xcalloc(1, sizeof *w);
	auto_free int64_t *ticks = xcalloc(TICKS_MAX, sizeof *ticks);
	read_zone(name, &a, &zone);
	use_zone(name);
	for (int i = 0; i < walks; i++) {
		w->begin = streq(name, "Pacific/Apia") && i == 0 ? 1324000000 / 60
								 : some_begin(r, &zone);
		for (int m = 0; m < WALK_MINUTES; m++)
			w->offsets[m] = (int32_t)(libc_offset_s((w->begin + m) * 60) / 60);
		for (int k = 0; k < schedules; k++) {
			struct cron_schedule s = some_schedule(r);
			compare(&s, name, &zone, w, ticks);
		}
	}
}

/* The offsets themselves, and the spans' ends, from 1900 to 2400 second by second at random. */
static void test_offsets(const char *name, struct rng *r)
{
	AUTO_ARENA a = { 0 };
	struct cron_zone zone;
	read_zone(name, &a, &zone);
	use_zone(name);
	for (int i = 0; i < 2000; i++) {
		int64_t at_s = -2208988800 + (int64_t)rng_below(r, 15778800000u);
		struct cron_span span = cron_zone_span(&zone, at_s);
		CHECK(span.begin_s <= at_s && at_s < span.end_s);
		CHECK_INT(span.offset_s, libc_offset_s(at_s));
		if (span.begin_s > -2208988800) {
			CHECK_INT(span.offset_s, libc_offset_s(span.begin_s));
			CHECK_INT(span.before_s, libc_offset_s(span.begin_s - 1));
		}
		if (span.end_s < INT64_MAX)
			CHECK_INT(span.offset_s, libc_offset_s(span.end_s - 1));
	}
}

int main(int argc, char **argv)
{
	struct rng r = { argc > 1 ? strtoull(argv[1], NULL, 10) : 1 };
	int walks = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 3;
	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		test_offsets(zones[i], &r);
		test_zone(zones[i], &r, walks, 8);
	}
	return 0;
}
