/* cron_plan: syntax, ticks, zones through their changes, decisions, as tables. */
#include "common/base/time_text.h"
#include "common/plan/cron_plan.h"
#include "tests/unit/plan/cron_world.h"

static const struct {
	const char *name, *text,
		*result; /* minutes hours days months weekdays stars, or the error */
} parses[] = {
	{ "all stars", "* * * * *", "every tick" },
	{ "question marks", "? ? ? ? ?", "every tick" },
	{ "numbers", "5 4 3 2 1", "m5 h4 d3 M2 w1" },
	{ "lists and ranges", "0,30 8-10,20 1,15 * *", "m0,30 h8,9,10,20 d1,15 M* w* W" },
	{ "steps", "*/20 1-9/4 */10 * *", "m0,20,40 h1,5,9 d1,11,21,31 M* w* W" },
	{ "a step from a number", "5/25 20/2 * * *", "m5,30,55 h20,22 d* M* w* DW" },
	{ "a step beyond the range", "*/90 * * * *", "m0 h* d* M* w* DW" },
	{ "step one is a star", "0 0 */1 * */1", "m0 h0 d* M* w* DW" },
	{ "names", "0 0 * JAN,mar-May sun", "m0 h0 d* M1,3,4,5 w0 D" },
	{ "weekdays by name", "0 9 * * MON-FRI", "m0 h9 d* M* w1,2,3,4,5 D" },
	{ "Sunday is 0 and 7", "0 0 * * 0", "m0 h0 d* M* w0 D" },
	{ "Sunday is 7 and 0", "0 0 * * 7", "m0 h0 d* M* w0 D" },
	{ "5-7 ends on Sunday", "0 0 * * 5-7", "m0 h0 d* M* w0,5,6 D" },
	{ "sat-sun", "0 0 * * sat-sun", "m0 h0 d* M* w0,6 D" },
	{ "0-7", "0 0 * * 0-7", "m0 h0 d* M* w* D" },
	{ "blanks and tabs", "  1\t2  3 4 5 ", "m1 h2 d3 M4 w5" },
	{ "hourly", "@hourly", "m0 h* d* M* w* DW" },
	{ "daily", "@daily", "m0 h0 d* M* w* DW" },
	{ "midnight", " @midnight ", "m0 h0 d* M* w* DW" },
	{ "weekly", "@weekly", "m0 h0 d* M* w0 D" },
	{ "monthly", "@monthly", "m0 h0 d1 M* w* W" },
	{ "yearly", "@yearly", "m0 h0 d1 M1 w* W" },
	{ "annually", "@annually", "m0 h0 d1 M1 w* W" },
	{ "every", "@every 90s", "every 90 s" },
	{ "every hour and a half", "@every 1h30m", "every 5400 s" },
	{ "29 February comes", "0 0 29 2 *", "m0 h0 d29 M2 w* W" },
	{ "30 February or a Monday", "0 0 30 2 mon", "m0 h0 d30 M2 w1" },

	{ "empty", "", "expected 5 fields (minute hour day-of-month month day-of-week), found 0" },
	{ "blank", "   ",
	  "expected 5 fields (minute hour day-of-month month day-of-week), found 0" },
	{ "four fields", "* * * *",
	  "expected 5 fields (minute hour day-of-month month day-of-week), found 4" },
	{ "six fields", "0 * * * * *",
	  "expected 5 fields (minute hour day-of-month month day-of-week), found 6" },
	{ "minute 60", "60 * * * *", "field 1 (minute): '60' is not within 0-59" },
	{ "hour 24", "0 24 * * *", "field 2 (hour): '24' is not within 0-23" },
	{ "day 0", "0 0 0 * *", "field 3 (day of month): '0' is not within 1-31" },
	{ "month 13", "0 0 1 13 *", "field 4 (month): '13' is not within 1-12 or jan-dec" },
	{ "weekday 8", "0 0 * * 8", "field 5 (day of week): '8' is not within 0-7 or sun-sat" },
	{ "no such name", "0 0 * * mond",
	  "field 5 (day of week): 'mond' is not within 0-7 or sun-sat" },
	{ "a name in the wrong field", "0 0 mon * *",
	  "field 3 (day of month): 'mon' is not within 1-31" },
	{ "a huge number", "99999999999999999999 * * * *",
	  "field 1 (minute): '99999999999999999999' is not within 0-59" },
	{ "negative", "-1 * * * *",
	  "field 1 (minute): '-1' is no number, name, range or step (as in 5, 1-5, */15)" },
	{ "backwards", "30-10 * * * *", "field 1 (minute): '30-10' ends before it begins" },
	{ "open range", "5- * * * *",
	  "field 1 (minute): '' is no number, name, range or step (as in 5, 1-5, */15)" },
	{ "empty item", "1,,2 * * * *",
	  "field 1 (minute): ',2' is no number, name, range or step (as in 5, 1-5, */15)" },
	{ "trailing comma", "1, * * * *",
	  "field 1 (minute): '' is no number, name, range or step (as in 5, 1-5, */15)" },
	{ "step zero", "*/0 * * * *", "field 1 (minute): '0' is no step: a number of 1 or more" },
	{ "no step", "*/ * * * *", "field 1 (minute): '' is no step: a number of 1 or more" },
	{ "two steps", "*/2/3 * * * *",
	  "field 1 (minute): '*/2/3' is no number, name, range or step" },
	{ "last day", "0 0 L * *", "field 3 (day of month): 'L' is not within 1-31" },
	{ "nth weekday", "0 0 * * 5#2",
	  "field 5 (day of week): '5#2' is no number, name, range or step" },
	{ "no UTF-8", "\xff * * * *",
	  "field 1 (minute): '\xff' is no number, name, range or step (as in 5, 1-5, */15)" },
	{ "30 February", "0 0 30 2 *",
	  "never runs: none of the chosen months has a chosen day of month" },
	{ "31st of short months", "0 0 31 4,6,9,11 *",
	  "never runs: none of the chosen months has a chosen day of month" },
	{ "reboot", "@reboot",
	  "'@reboot' is no macro: use @hourly, @daily, @midnight, @weekly, @monthly, @yearly, "
	  "@annually or @every DURATION" },
	{ "macros are lower case", "@Daily",
	  "'@Daily' is no macro: use @hourly, @daily, @midnight, @weekly, @monthly, @yearly, "
	  "@annually or @every DURATION" },
	{ "every nothing", "@every ", "@every: '' is no duration (as in 90s, 15m, 1h30m)" },
	{ "every word", "@every day", "@every: 'day' is no duration (as in 90s, 15m, 1h30m)" },
	{ "every moment", "@every 500ms", "@every: '500ms' is not in whole seconds, 1s or more" },
	{ "every zero", "@every 0", "@every: '0' is not in whole seconds, 1s or more" },
	{ "every past", "@every -5s", "@every: '-5s' is no duration (as in 90s, 15m, 1h30m)" },
	{ "every age", "@every 1000000h", "@every: '1000000h' is longer than 100 years" },
	{ "zone", "CRON_TZ=Europe/Berlin 0 0 * * *",
	  "cannot use TZ or CRON_TZ in schedule, use timeZone field instead" },
	{ "other zone", "TZ=UTC @daily",
	  "cannot use TZ or CRON_TZ in schedule, use timeZone field instead" },
};

static void add_bits(struct str *out, const char *name, uint64_t bits, unsigned min, unsigned max)
{
	uint64_t all = ((1ull << max) - (1ull << min)) | 1ull << max;
	str_addf(out, "%s%s", out->len ? " " : "", name);
	if (bits == all) {
		str_add(out, "*");
		return;
	}
	const char *comma = "";
	for (unsigned i = min; i <= max; i++)
		if (bits >> i & 1) {
			str_addf(out, "%s%u", comma, i);
			comma = ",";
		}
}

static void describe(const struct cron_schedule *s, struct str *out)
{
	if (s->every_s) {
		str_addf(out, "every %lld s", (long long)s->every_s);
		return;
	}
	add_bits(out, "m", s->minutes, 0, 59);
	add_bits(out, "h", s->hours, 0, 23);
	add_bits(out, "d", s->days, 1, 31);
	add_bits(out, "M", s->months, 1, 12);
	add_bits(out, "w", s->weekdays, 0, 6);
	if (s->any_day || s->any_weekday)
		str_addf(out, " %s%s", s->any_day ? "D" : "", s->any_weekday ? "W" : "");
	if (streq(out->data, "m* h* d* M* w* DW")) {
		str_clear(out);
		str_add(out, "every tick");
	}
}

static void test_parse(void)
{
	for (size_t i = 0; i < ARRAY_LEN(parses); i++) {
		struct cron_schedule s;
		struct error err;
		AUTO_STR got;
		str_init(&got, 4096);
		if (cron_parse(parses[i].text, &s, &err) < 0)
			str_add(&got, err.text);
		else
			describe(&s, &got);
		CHECK_TEXT(parses[i].name, got.data, parses[i].result);
	}
	struct cron_schedule s;
	struct error err;
	char long_text[CRON_TEXT_MAX + 2];
	memset(long_text, ' ', sizeof long_text);
	long_text[CRON_TEXT_MAX + 1] = '\0';
	CHECK_INT(cron_parse(long_text, &s, &err), ERR_INVALID);
	CHECK_TEXT("long", err.text, "longer than 512 characters");
}

static void test_zoned(void)
{
	static const struct {
		const char *text, *zone, *error;
	} rows[] = {
		{ "0 0 * * *", "", NULL },
		{ "TZ=Asia/Tokyo 0 0 * * *", "Asia/Tokyo", NULL },
		{ "CRON_TZ=UTC @daily", "UTC", NULL },
		{ "CRON_TZ= @daily", NULL, "'' is no name of a time zone (as in Europe/Berlin)" },
		{ "TZ=../etc/passwd @daily", NULL,
		  "'../etc/passwd' is no name of a time zone (as in Europe/Berlin)" },
		{ "TZ=/etc/localtime @daily", NULL,
		  "'/etc/localtime' is no name of a time zone (as in Europe/Berlin)" },
		{ "TZ=UTC", NULL,
		  "expected 5 fields (minute hour day-of-month month day-of-week), found 0" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cron_schedule s;
		struct error err;
		char zone[CRON_ZONE_NAME_MAX] = "?";
		int code = cron_parse_zoned(rows[i].text, &s, zone, &err);
		CHECK_INT(code, rows[i].error ? ERR_INVALID : 0);
		CHECK_TEXT(rows[i].text, code < 0 ? err.text : zone,
			   rows[i].error ? rows[i].error : rows[i].zone);
	}
}

/* The ticks after a time, as local or UTC times that people can check with a calendar. */
static const struct {
	const char *name, *zone, *schedule, *after, *ticks;
} nexts[] = {
	{ "each minute", NULL, "* * * * *", "2026-01-01T00:00:00Z",
	  "2026-01-01T00:01:00Z 2026-01-01T00:02:00Z" },
	{ "strictly after", NULL, "0 0 1 1 *", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z" },
	{ "a second before", NULL, "0 0 1 1 *", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z" },
	{ "leap day", NULL, "0 0 29 2 *", "2024-02-29T00:00:00Z",
	  "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z" },
	{ "no leap day in 2100", NULL, "0 0 29 2 *", "2096-02-29T00:00:00Z",
	  "2104-02-29T00:00:00Z" },
	{ "day or weekday", NULL, "0 0 13 * fri", "2026-02-01T00:00:00Z",
	  "2026-02-06T00:00:00Z 2026-02-13T00:00:00Z 2026-02-20T00:00:00Z" },
	{ "a step is no star: either", NULL, "0 0 */30 * fri", "2026-05-01T00:00:00Z",
	  "2026-05-08T00:00:00Z 2026-05-15T00:00:00Z 2026-05-22T00:00:00Z 2026-05-29T00:00:00Z "
	  "2026-05-31T00:00:00Z" },
	{ "31st only", NULL, "0 0 31 * *", "2026-03-31T00:00:00Z",
	  "2026-05-31T00:00:00Z 2026-07-31T00:00:00Z" },
	{ "end of all time", NULL, "59 23 31 12 *", "9999-12-31T23:58:00Z",
	  "9999-12-31T23:59:00Z never" },

	{ "Berlin: in the gap, so after it", "Europe/Berlin", "30 2 * * *", "2026-03-28T02:00:00Z",
	  "2026-03-29T01:00:00Z 2026-03-30T00:30:00Z" },
	{ "Berlin: four in the gap are one", "Europe/Berlin", "*/15 2 * * *",
	  "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z 2026-03-30T00:00:00Z" },
	{ "Berlin: gap and 3:00 are one", "Europe/Berlin", "0 2,3 * * *", "2026-03-29T00:00:00Z",
	  "2026-03-29T01:00:00Z 2026-03-30T00:00:00Z" },
	{ "Berlin: the first of two", "Europe/Berlin", "30 2 * * *", "2026-10-24T12:00:00Z",
	  "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z" },
	{ "Berlin: hourly through the gap", "Europe/Berlin", "30 * * * *", "2026-03-29T00:00:00Z",
	  "2026-03-29T00:30:00Z 2026-03-29T01:30:00Z 2026-03-29T02:30:00Z" },
	{ "Berlin: hourly, both passes", "Europe/Berlin", "30 * * * *", "2026-10-24T23:45:00Z",
	  "2026-10-25T00:30:00Z 2026-10-25T01:30:00Z 2026-10-25T02:30:00Z" },
	{ "New York: in the gap", "America/New_York", "30 2 * * *", "2026-03-07T08:00:00Z",
	  "2026-03-08T07:00:00Z 2026-03-09T06:30:00Z" },
	{ "New York: the first of two", "America/New_York", "30 1 * * *", "2026-10-31T06:00:00Z",
	  "2026-11-01T05:30:00Z 2026-11-02T06:30:00Z" },
	{ "New York in 2090: by the rule", "America/New_York", "0 12 * * *", "2090-03-11T17:00:00Z",
	  "2090-03-12T16:00:00Z" },
	{ "Lord Howe: half an hour is skipped", "Australia/Lord_Howe", "15 2 * * *",
	  "2026-10-02T16:00:00Z", "2026-10-03T15:30:00Z 2026-10-04T15:15:00Z" },
	{ "Lord Howe: hourly loses no hour", "Australia/Lord_Howe", "0 * * * *",
	  "2026-10-03T14:00:00Z",
	  "2026-10-03T14:30:00Z 2026-10-03T15:30:00Z 2026-10-03T16:00:00Z" },
	{ "Lord Howe: hourly doubles none", "Australia/Lord_Howe", "45 * * * *",
	  "2026-04-04T14:00:00Z",
	  "2026-04-04T14:45:00Z 2026-04-04T16:15:00Z 2026-04-04T17:15:00Z" },
	{ "Kathmandu: 5:45", "Asia/Kathmandu", "0 0 * * *", "2026-01-01T00:00:00Z",
	  "2026-01-01T18:15:00Z" },
	{ "Kathmandu: a quarter is skipped in 1986", "Asia/Kathmandu", "10 0 * * *",
	  "1985-12-31T00:00:00Z", "1985-12-31T18:30:00Z 1986-01-01T18:25:00Z" },
	{ "Apia: the day that was not", "Pacific/Apia", "0 12 30 12 *", "2011-01-01T00:00:00Z",
	  "2011-12-30T10:00:00Z 2012-12-29T22:00:00Z" },
	{ "Apia: hours of that day", "Pacific/Apia", "30 * 30 12 *", "2011-12-30T09:00:00Z",
	  "2011-12-30T10:00:00Z 2012-12-29T10:30:00Z" },
	{ "Apia: daily, none is lost", "Pacific/Apia", "0 12 * * *", "2011-12-28T23:00:00Z",
	  "2011-12-29T22:00:00Z 2011-12-30T10:00:00Z 2011-12-30T22:00:00Z" },
	{ "Apia: hourly goes on", "Pacific/Apia", "30 * * * *", "2011-12-30T09:00:00Z",
	  "2011-12-30T09:30:00Z 2011-12-30T10:30:00Z" },
	{ "Dublin: winter is the exception", "Europe/Dublin", "30 1 * * *", "2026-03-28T12:00:00Z",
	  "2026-03-29T01:00:00Z 2026-03-30T00:30:00Z" },
};

static void test_next(void)
{
	for (size_t i = 0; i < ARRAY_LEN(nexts); i++) {
		AUTO_ARENA a = { 0 };
		struct cron_zone zone;
		struct cron_schedule s;
		AUTO_STR forward;
		str_init(&forward, 4096);
		if (nexts[i].zone)
			read_zone(nexts[i].zone, &a, &zone);
		s = schedule_of(nexts[i].schedule);
		const struct cron_zone *z = nexts[i].zone ? &zone : NULL;
		int64_t at_s = seconds_of(nexts[i].after), before_s = CRON_NONE;
		for (const char *c = nexts[i].ticks; c; c = strchr(c + 1, ' ')) {
			at_s = cron_next(&s, z, 0, at_s);
			add_time(&forward, at_s);
			/* And backwards the same ticks. */
			if (at_s != CRON_NONE) {
				CHECK_INT(cron_previous(&s, z, 0, at_s), at_s);
				if (before_s != CRON_NONE)
					CHECK_INT(cron_previous(&s, z, 0, at_s - 1), before_s);
			}
			before_s = at_s;
		}
		CHECK_TEXT(nexts[i].name, forward.data, nexts[i].ticks);
	}
}

static void test_every(void)
{
	struct cron_schedule s = schedule_of("@every 90s");
	CHECK_INT(cron_next(&s, NULL, 1000, 0), 1090);
	CHECK_INT(cron_next(&s, NULL, 1000, 1000), 1090);
	CHECK_INT(cron_next(&s, NULL, 1000, 1089), 1090);
	CHECK_INT(cron_next(&s, NULL, 1000, 1090), 1180);
	CHECK_INT(cron_previous(&s, NULL, 1000, 1089), CRON_NONE);
	CHECK_INT(cron_previous(&s, NULL, 1000, 1100), 1090);
	CHECK_INT(cron_next(&s, NULL, INT64_MIN, INT64_MIN), CRON_FIRST_S + 89);
	CHECK_INT(cron_next(&s, NULL, INT64_MAX, INT64_MAX), CRON_NONE);
	CHECK_INT(cron_previous(&s, NULL, INT64_MIN, INT64_MAX) > CRON_LAST_S - 90, true);
	struct cron_interval i = cron_data_interval(&s, NULL, 1000, 1090);
	CHECK_INT(i.begin_s, 1000);
	CHECK_INT(i.end_s, 1090);
}

static void test_backfill(void)
{
	static const struct {
		const char *schedule, *from, *to;
		bool newest_first;
		const char *ticks;
	} rows[] = {
		{ "@daily", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z", false,
		  "2026-01-02T00:00:00Z 2026-01-03T00:00:00Z 2026-01-04T00:00:00Z" },
		{ "@daily", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z", true,
		  "2026-01-04T00:00:00Z 2026-01-03T00:00:00Z 2026-01-02T00:00:00Z" },
		{ "@daily", "2026-01-01T00:00:01Z", "2026-01-03T00:00:01Z", false,
		  "2026-01-03T00:00:00Z 2026-01-04T00:00:00Z" },
		{ "@daily", "2026-01-01T00:00:01Z", "2026-01-01T23:59:59Z", false, "" },
		{ "@daily", "2026-01-04T00:00:00Z", "2026-01-01T00:00:00Z", false, "" },
		{ "@every 12h", "1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", false,
		  "1970-01-01T12:00:00Z 1970-01-02T00:00:00Z" },
		{ "@every 12h", "1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", true,
		  "1970-01-02T00:00:00Z 1970-01-01T12:00:00Z" },
		{ "0 0 31 * *", "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", true,
		  "2026-07-31T00:00:00Z 2026-05-31T00:00:00Z 2026-03-31T00:00:00Z" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cron_schedule s = schedule_of(rows[i].schedule);
		struct cron_backfill b = { seconds_of(rows[i].from), seconds_of(rows[i].to),
					   rows[i].newest_first };
		AUTO_STR got;
		str_init(&got, 4096);
		int64_t at_s = CRON_NONE;
		for (int n = 0; n < 10; n++) {
			at_s = cron_backfill_next(&s, NULL, 0, &b, at_s);
			if (at_s == CRON_NONE)
				break;
			add_time(&got, at_s);
		}
		CHECK_TEXT(rows[i].schedule, got.data, rows[i].ticks);
	}
	char name[CRON_RUN_NAME_SIZE];
	cron_run_name("nightly", 1764547200, name);
	CHECK_TEXT("name", name, "nightly-1764547200");
}

/* Facts in minutes of 2026-01-01: created, last (-1: none), now; the schedule is each ten minutes. */
static const struct {
	const char *name;
	int created, last, now, deadline_s;
	enum cron_overlap overlap;
	enum cron_catch_up catch_up;
	size_t running, running_max;
	bool is_suspended;
	const char *result; /* action tick, missed, wake: why */
} decisions[] = {
	{ "not yet", 3, -1, 5, -1, CRON_ALLOW, CRON_LATEST, 0, 0, false,
	  "wait - wake 10: not yet time" },
	{ "on time", 3, -1, 10, -1, CRON_ALLOW, CRON_LATEST, 0, 0, false,
	  "start 10 of 0-10: its time has come" },
	{ "none at its creation", 10, -1, 10, -1, CRON_ALLOW, CRON_LATEST, 0, 0, false,
	  "wait - wake 20: not yet time" },
	{ "done already", 3, 10, 12, -1, CRON_ALLOW, CRON_LATEST, 0, 0, false,
	  "wait - wake 20: not yet time" },
	{ "missed ones, the last runs", 3, 10, 55, -1, CRON_ALLOW, CRON_LATEST, 0, 0, false,
	  "start 50 of 40-50 missed 20: its time has come; earlier ones were missed" },
	{ "five years later", 3, 10, 2628000, -1, CRON_ALLOW, CRON_LATEST, 0, 0, false,
	  "start 2628000 of 2627990-2628000 missed 20: its time has come; earlier ones were missed" },
	{ "all of them", 3, 10, 55, -1, CRON_ALLOW, CRON_ALL, 0, 0, false,
	  "start 20 of 10-20: catching up" },
	{ "all, but three at a time", 3, 40, 95, -1, CRON_ALLOW, CRON_ALL, 3, 3, false,
	  "wait 50 of 40-50 wake 100: as many runs as allowed are active" },
	{ "all within the deadline", 3, 10, 55, 1200, CRON_ALLOW, CRON_ALL, 0, 0, false,
	  "start 40 of 30-40 missed 20: catching up" },
	{ "late, but in time", 3, 10, 24, 240, CRON_ALLOW, CRON_LATEST, 0, 0, false,
	  "start 20 of 10-20: its time has come" },
	{ "too late", 3, 10, 25, 240, CRON_ALLOW, CRON_LATEST, 0, 0, false,
	  "wait - missed 20 wake 30: too late for the last start: its deadline has passed" },
	{ "too late after five years", 3, 10, 2628005, 240, CRON_ALLOW, CRON_LATEST, 0, 0, false,
	  "wait - missed 20 wake 2628010: too late for the last start: its deadline has passed" },
	{ "deadline of all time", 3, 10, 55, -2, CRON_ALLOW, CRON_LATEST, 0, 0, false,
	  "start 50 of 40-50 missed 20: its time has come; earlier ones were missed" },
	{ "allowed beside another", 3, 10, 20, -1, CRON_ALLOW, CRON_LATEST, 5, 0, false,
	  "start 20 of 10-20: its time has come" },
	{ "forbidden beside another", 3, 10, 20, -1, CRON_FORBID, CRON_LATEST, 1, 0, false,
	  "wait 20 of 10-20 wake 30: the run before is still active" },
	{ "forbidden, then too late", 3, 10, 21, 120, CRON_FORBID, CRON_LATEST, 1, 0, false,
	  "wait 20 of 10-20 wake 22+1s: the run before is still active" },
	{ "forbidden, later starts the last", 3, 10, 43, -1, CRON_FORBID, CRON_LATEST, 0, 0, false,
	  "start 40 of 30-40 missed 20: its time has come; earlier ones were missed" },
	{ "replaces", 3, 10, 20, -1, CRON_REPLACE, CRON_LATEST, 1, 0, false,
	  "replace 20 of 10-20: the run before is still active and is replaced" },
	{ "nothing to replace", 3, 10, 20, -1, CRON_REPLACE, CRON_LATEST, 0, 0, false,
	  "start 20 of 10-20: its time has come" },
	{ "suspended", 3, 10, 55, -1, CRON_ALLOW, CRON_LATEST, 0, 0, true,
	  "wait -: it is suspended" },
};

static void add_minutes(struct str *out, int64_t at_s)
{
	int64_t s = at_s - seconds_of("2026-01-01T00:00:00Z");
	str_addf(out, "%lld", (long long)(s / 60));
	if (s % 60)
		str_addf(out, "+%llds", (long long)(s % 60));
}

static void print_decision(const struct cron_decision *d, struct str *out)
{
	static const char *const words[] = { "wait", "start", "replace" };
	str_addf(out, "%s ", words[d->action]);
	if (d->tick_s == CRON_NONE) {
		str_add(out, "-");
	} else {
		add_minutes(out, d->tick_s);
		str_add(out, " of ");
		add_minutes(out, d->data.begin_s);
		str_add(out, "-");
		add_minutes(out, d->data.end_s);
	}
	CHECK(d->has_missed == (d->missed_first_s != CRON_NONE));
	if (d->has_missed) {
		str_add(out, " missed ");
		add_minutes(out, d->missed_first_s);
	}
	if (d->wake_s != CRON_NONE) {
		str_add(out, " wake ");
		add_minutes(out, d->wake_s);
	}
	str_addf(out, ": %s", d->why);
}

static void test_decide(void)
{
	struct cron_schedule s = schedule_of("*/10 * * * *");
	int64_t zero_s = seconds_of("2026-01-01T00:00:00Z");
	for (size_t i = 0; i < ARRAY_LEN(decisions); i++) {
		struct cron_facts f = {
			.schedule = &s,
			.created_s = zero_s + 60 * decisions[i].created,
			.last_s =
				decisions[i].last < 0 ? CRON_NONE : zero_s + 60 * decisions[i].last,
			.now_s = zero_s + 60LL * decisions[i].now,
			.deadline_s =
				decisions[i].deadline_s == -2 ? INT64_MAX : decisions[i].deadline_s,
			.overlap = decisions[i].overlap,
			.catch_up = decisions[i].catch_up,
			.running = decisions[i].running,
			.running_max = decisions[i].running_max,
			.is_suspended = decisions[i].is_suspended,
		};
		struct cron_decision d = cron_decide(&f);
		AUTO_STR got;
		str_init(&got, 4096);
		print_decision(&d, &got);
		CHECK_TEXT(decisions[i].name, got.data, decisions[i].result);
	}
}

int main(void)
{
	test_parse();
	test_zoned();
	test_next();
	test_every();
	test_backfill();
	test_decide();
	return 0;
}
