/* The text of a schedule. */
#include "common/base/time_text.h"
#include "common/plan/cron_plan.h"

#include <stdio.h>
#include <strings.h>

struct field {
	const char *name;
	unsigned min, max;
	const char *const *words; /* the names of min, min + 1 … */
	size_t words_count;
};

static const char *const month_words[] = { "jan", "feb", "mar", "apr", "may", "jun",
					   "jul", "aug", "sep", "oct", "nov", "dec" };
static const char *const weekday_words[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELD_COUNT };
static const struct field fields[FIELD_COUNT] = {
	{ "minute", 0, 59, NULL, 0 },
	{ "hour", 0, 23, NULL, 0 },
	{ "day of month", 1, 31, NULL, 0 },
	{ "month", 1, 12, month_words, ARRAY_LEN(month_words) },
	{ "day of week", 0, 7, weekday_words, ARRAY_LEN(weekday_words) },
};

static const struct {
	const char *name, *text;
} macros[] = {
	{ "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" },
	{ "@weekly", "0 0 * * 0" }, { "@daily", "0 0 * * *" },    { "@midnight", "0 0 * * *" },
	{ "@hourly", "0 * * * *" },
};

/* One field's text and how it is named in errors. */
struct reading {
	const struct field *field;
	const char *at, *end;
	unsigned number; /* of the field, from 1 */
};

static int bad(const struct reading *r, struct error *err, const char *from, const char *to,
	       const char *what)
{
	return error_set(err, ERR_INVALID, "field %u (%s): '%.*s' %s", r->number, r->field->name,
			 (int)MIN(to - from, 60), from, what);
}

static int out_of_range(const struct reading *r, struct error *err, const char *from,
			const char *to)
{
	char what[96];
	const struct field *f = r->field;
	int n = snprintf(what, sizeof what, "is not within %u-%u%s", f->min, f->max,
			 f->words == month_words     ? " or jan-dec"
			 : f->words == weekday_words ? " or sun-sat"
						     : "");
	assert(n > 0 && (size_t)n < sizeof what);
	return bad(r, err, from, to, what);
}

static bool is_word_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A number, or a name where the field has names. */
static int read_value(struct reading *r, unsigned *ret, struct error *err)
{
	const struct field *f = r->field;
	const char *from = r->at;
	while (r->at < r->end && is_word_char(*r->at))
		r->at++;
	size_t n = (size_t)(r->at - from);
	if (n == 0)
		return bad(r, err, from, r->end,
			   "is no number, name, range or step (as in 5, 1-5, */15)");
	for (size_t i = 0; i < f->words_count; i++)
		if (n == 3 && strncasecmp(f->words[i], from, 3) == 0) {
			*ret = f->min + (unsigned)i;
			return 0;
		}
	unsigned value = 0;
	for (size_t i = 0; i < n; i++) {
		if (from[i] < '0' || from[i] > '9' || n > 6)
			return out_of_range(r, err, from, r->at);
		value = value * 10 + (unsigned)(from[i] - '0');
	}
	if (value < f->min || value > f->max)
		return out_of_range(r, err, from, r->at);
	*ret = value;
	return 0;
}

static int read_step(struct reading *r, unsigned *ret, struct error *err)
{
	const char *from = ++r->at; /* behind the slash */
	unsigned value = 0;
	while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && value < 100000)
		value = value * 10 + (unsigned)(*r->at++ - '0');
	if (value == 0 || value >= 100000)
		return bad(r, err, from, r->end, "is no step: a number of 1 or more");
	*ret = value;
	return 0;
}

/* `*`, `a`, `a-b`, each with `/n`: up to a comma or the end. */
static int read_item(struct reading *r, uint64_t *bits, bool *is_star, struct error *err)
{
	const char *begin = r->at;
	unsigned from = r->field->min, to = r->field->max, step = 1;
	bool star = r->at < r->end && (*r->at == '*' || *r->at == '?');
	bool is_single = false;
	if (star) {
		r->at++;
	} else {
		if (read_value(r, &from, err) < 0)
			return err->code;
		is_single = r->at == r->end || *r->at != '-';
		to = from;
		if (!is_single) {
			r->at++;
			if (read_value(r, &to, err) < 0)
				return err->code;
		}
	}
	if (r->at < r->end && *r->at == '/') {
		if (read_step(r, &step, err) < 0)
			return err->code;
		if (is_single)
			to = r->field->max;
	}
	if (r->at < r->end && *r->at != ',')
		return bad(r, err, begin, r->end, "is no number, name, range or step");
	/* sat-sun reads as 6-0: the last day of such a range is the seventh. */
	if (r->field == &fields[WEEKDAY] && to == 0 && from > 0)
		to = 7;
	if (from > to)
		return bad(r, err, begin, r->at, "ends before it begins");
	for (unsigned i = from; i <= to; i += step)
		*bits |= 1ull << i;
	*is_star |= star && step == 1;
	return 0;
}

static int read_field(struct reading *r, uint64_t *ret, bool *is_star, struct error *err)
{
	uint64_t bits = 0;
	for (;;) {
		if (read_item(r, &bits, is_star, err) < 0)
			return err->code;
		if (r->at == r->end)
			break;
		r->at++; /* the comma */
	}
	*ret = bits;
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Is there a month with a chosen day? Only asked where the weekday does not decide. */
static bool has_a_day(const struct cron_schedule *s)
{
	static const unsigned longest[] = { 0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	for (unsigned m = 1; m <= 12; m++)
		for (unsigned d = 1; d <= longest[m]; d++)
			if (s->months >> m & 1 && s->days >> d & 1)
				return true;
	return false;
}

static int parse_fields(const char *text, struct cron_schedule *ret, struct error *err)
{
	uint64_t bits[FIELD_COUNT];
	bool star[FIELD_COUNT] = { 0 };
	unsigned count = 0;
	for (const char *at = text; *at;) {
		if (is_blank(*at)) {
			at++;
			continue;
		}
		const char *end = at;
		while (*end && !is_blank(*end))
			end++;
		if (count < FIELD_COUNT) {
			struct reading r = { &fields[count], at, end, count + 1 };
			if (read_field(&r, &bits[count], &star[count], err) < 0)
				return err->code;
		}
		count++;
		at = end;
	}
	if (count != FIELD_COUNT)
		return error_set(err, ERR_INVALID,
				 "expected 5 fields (minute hour day-of-month month day-of-week), "
				 "found %u",
				 count);
	struct cron_schedule s = {
		.minutes = bits[MINUTE],
		.hours = (uint32_t)bits[HOUR],
		.days = (uint32_t)bits[DAY],
		.months = (uint16_t)bits[MONTH],
		.weekdays = (uint8_t)((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f),
		.any_day = star[DAY],
		.any_weekday = star[WEEKDAY],
	};
	if (s.any_weekday && !has_a_day(&s))
		return error_set(err, ERR_INVALID,
				 "never runs: none of the chosen months has a chosen day of month");
	*ret = s;
	return 0;
}

static int parse_every(const char *text, struct cron_schedule *ret, struct error *err)
{
	int64_t us;
	while (is_blank(*text))
		text++;
	if (!duration_parse(text, &us) || us < 0)
		return error_set(err, ERR_INVALID,
				 "@every: '%.60s' is no duration (as in 90s, 15m, 1h30m)", text);
	if (us < 1000000 || us % 1000000)
		return error_set(err, ERR_INVALID,
				 "@every: '%.60s' is not in whole seconds, 1s or more", text);
	if (us / 1000000 > CRON_EVERY_MAX_S)
		return error_set(err, ERR_INVALID, "@every: '%.60s' is longer than 100 years",
				 text);
	*ret = (struct cron_schedule){ .every_s = us / 1000000 };
	return 0;
}

static int parse(const char *text, struct cron_schedule *ret, struct error *err)
{
	while (is_blank(*text))
		text++;
	if (*text != '@')
		return parse_fields(text, ret, err);
	size_t n = strlen(text);
	while (n > 0 && is_blank(text[n - 1]))
		n--;
	for (size_t i = 0; i < ARRAY_LEN(macros); i++)
		if (strlen(macros[i].name) == n && strncmp(macros[i].name, text, n) == 0)
			return parse_fields(macros[i].text, ret, err);
	if (starts_with(text, "@every") && is_blank(text[6]))
		return parse_every(text + 6, ret, err);
	return error_set(err, ERR_INVALID,
			 "'%.60s' is no macro: use @hourly, @daily, @midnight, @weekly, @monthly, "
			 "@yearly, @annually or @every DURATION",
			 text);
}

static int check_length(const char *text, struct error *err)
{
	if (strlen(text) > CRON_TEXT_MAX)
		return error_set(err, ERR_INVALID, "longer than %d characters", CRON_TEXT_MAX);
	return 0;
}

static const char *behind_prefix(const char *text)
{
	return starts_with(text, "CRON_TZ=") ? text + 8
	       : starts_with(text, "TZ=")    ? text + 3
					     : NULL;
}

int cron_parse(const char *text, struct cron_schedule *ret, struct error *err)
{
	if (check_length(text, err) < 0)
		return err->code;
	/* Kubernetes looks for it anywhere in the text. */
	if (strstr(text, "TZ"))
		return error_set(
			err, ERR_INVALID,
			"cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
	return parse(text, ret, err);
}

int cron_parse_zoned(const char *text, struct cron_schedule *ret, char ret_zone[CRON_ZONE_NAME_MAX],
		     struct error *err)
{
	char zone[CRON_ZONE_NAME_MAX] = "";
	if (check_length(text, err) < 0)
		return err->code;
	const char *name = behind_prefix(text);
	if (name) {
		size_t n = strcspn(name, " \t");
		if (n >= sizeof zone)
			return error_set(err, ERR_INVALID, "the time zone's name is too long");
		memcpy(zone, name, n);
		if (cron_zone_check_name(zone, err) < 0)
			return err->code;
		text = name + n;
	}
	if (parse(text, ret, err) < 0)
		return err->code;
	memcpy(ret_zone, zone, sizeof zone);
	return 0;
}
