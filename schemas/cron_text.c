/* The order of questions is that of robfig/cron's parser: the first that fails gives the words. */
#include "schemas/cron_text.h"

#include <inttypes.h>
#include <strings.h>

struct bounds {
	uint64_t min, max;
	const char *const *names; /* of min, min + 1 … */
	size_t names_count;
};
struct span {
	const char *at;
	size_t n;
};

#define ZONE_PART_SIZE_MAX 14

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun",
				      "jul", "aug", "sep", "oct", "nov", "dec" };
static const char *const weekdays[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

#define FIELDS_COUNT 5
static const struct bounds fields[FIELDS_COUNT] = {
	{ 0, 59, NULL, 0 },
	{ 0, 23, NULL, 0 },
	{ 1, 31, NULL, 0 },
	{ 1, 12, months, ARRAY_LEN(months) },
	{ 0, 6, weekdays, ARRAY_LEN(weekdays) },
};

static const char *const descriptors[] = { "@yearly", "@annually", "@monthly", "@weekly",
					   "@daily",  "@midnight", "@hourly" };

/* The length of the white space at `p`, as Go's unicode.IsSpace sees it. */
static size_t space_at(const char *p)
{
	static const char *const wide[] = {
		"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
		"\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
	};
	if (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(wide); i++)
		if (starts_with(p, wide[i]))
			return strlen(wide[i]);
	bool is_quad = starts_with(p, "\xe2\x80") && (unsigned char)p[2] >= 0x80 &&
		       (unsigned char)p[2] <= 0x8a;
	return is_quad ? 3 : 0;
}

/* As Go shows a string; `plain_from`: bytes from here on are shown as they are. */
static void add_quoted(struct str *why, struct span s, unsigned plain_from)
{
	static const char *const short_ones = "abtnvfr"; /* of 7 … 13 */
	str_add_char(why, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.at[i];
		if (c == '"' || c == '\\')
			str_addf(why, "\\%c", c);
		else if (plain_from == 0x80 && c >= 7 && c <= 13)
			str_addf(why, "\\%c", short_ones[c - 7]);
		else if (c < 0x20 || c == 0x7f || (c > 0x7f && plain_from != 0x80))
			str_addf(why, "\\x%02x", c);
		else
			str_add_char(why, (char)c);
	}
	str_add_char(why, '"');
}

static void add_span(struct str *why, struct span s)
{
	str_add_bytes(why, s.at, s.n);
}

static bool no_number(struct str *why, struct span s, const char *what)
{
	str_add(why, "failed to parse int from ");
	add_span(why, s);
	str_add(why, ": strconv.Atoi: parsing ");
	add_quoted(why, s, 0x80);
	str_addf(why, ": %s", what);
	return false;
}

static bool read_number(struct span s, uint64_t *ret, struct str *why)
{
	uint64_t limit = INT64_MAX, value = 0;
	bool is_negative = s.n && s.at[0] == '-',
	     is_signed = is_negative || (s.n && s.at[0] == '+');
	if (s.n == (size_t)is_signed)
		return no_number(why, s, "invalid syntax");
	for (size_t i = is_signed; i < s.n; i++)
		if (s.at[i] < '0' || s.at[i] > '9')
			return no_number(why, s, "invalid syntax");
	for (size_t i = is_signed; i < s.n; i++) {
		uint64_t digit = (uint64_t)(s.at[i] - '0');
		if (value > (limit + is_negative - digit) / 10)
			return no_number(why, s, "value out of range");
		value = value * 10 + digit;
	}
	*ret = value;
	if (!is_negative || value == 0)
		return true;
	str_addf(why, "negative number (-%" PRIu64 ") not allowed: ", value);
	add_span(why, s);
	return false;
}

static bool read_value(struct span s, const struct bounds *b, uint64_t *ret, struct str *why)
{
	for (size_t i = 0; i < b->names_count; i++)
		if (s.n == 3 && strncasecmp(b->names[i], s.at, 3) == 0) {
			*ret = b->min + i;
			return true;
		}
	return read_number(s, ret, why);
}

/* The part before the first `c`; the rest behind it is left, without it `is_more` is false. */
static struct span cut(struct span *rest, char c, bool *is_more)
{
	const char *end = memchr(rest->at, c, rest->n);
	struct span part = { rest->at, end ? (size_t)(end - rest->at) : rest->n };
	*is_more = end != NULL;
	rest->at += part.n + *is_more;
	rest->n -= part.n + *is_more;
	return part;
}

static bool too_many(struct str *why, const char *what, struct span expr)
{
	str_addf(why, "too many %s: ", what);
	add_span(why, expr);
	return false;
}

static bool check_bounds(struct span expr, const struct bounds *b, const uint64_t of[3],
			 struct str *why)
{
	uint64_t start = of[0], end = of[1], step = of[2];
	if (start < b->min)
		str_addf(why,
			 "beginning of range (%" PRIu64 ") below minimum (%" PRIu64 "): ", start,
			 b->min);
	else if (end > b->max)
		str_addf(why, "end of range (%" PRIu64 ") above maximum (%" PRIu64 "): ", end,
			 b->max);
	else if (start > end)
		str_addf(why,
			 "beginning of range (%" PRIu64 ") beyond end of range (%" PRIu64 "): ",
			 start, end);
	else if (step == 0)
		str_add(why, "step of range should be a positive number: ");
	else
		return true;
	add_span(why, expr);
	return false;
}

/* `a`, `a-b`, a star or question mark, each with `/n`. */
static bool check_range(struct span expr, const struct bounds *b, struct str *why)
{
	uint64_t of[3] = { b->min, b->max, 1 }; /* from, to, step */
	bool has_step, has_end, is_more = false;
	struct span steps = expr, range = cut(&steps, '/', &has_step);
	struct span ends = range, low = cut(&ends, '-', &has_end);
	/* What stands behind the hyphen of a star is not looked at. */
	bool is_star = low.n == 1 && (*low.at == '*' || *low.at == '?');
	if (!is_star) {
		if (!read_value(low, b, &of[0], why))
			return false;
		struct span high = has_end ? cut(&ends, '-', &is_more) : low;
		if (is_more)
			return too_many(why, "hyphens", expr);
		of[1] = of[0];
		if (has_end && !read_value(high, b, &of[1], why))
			return false;
	}
	struct span step = has_step ? cut(&steps, '/', &is_more) : (struct span){ 0 };
	if (has_step && is_more)
		return too_many(why, "slashes", expr);
	if (has_step && !read_number(step, &of[2], why))
		return false;
	if (has_step && !has_end)
		of[1] = b->max;
	return check_bounds(expr, b, of, why);
}

static bool check_field(struct span field, const struct bounds *b, struct str *why)
{
	for (bool is_more = true; is_more;) {
		struct span expr = cut(&field, ',', &is_more);
		if (expr.n && !check_range(expr, b, why))
			return false;
	}
	return true;
}

/* The next field at or after *at, which then stands behind it. */
static bool next_field(const char **at, struct span *ret)
{
	size_t n;
	while ((n = space_at(*at)) > 0)
		*at += n;
	const char *end = *at;
	while (*end && space_at(end) == 0)
		end++;
	*ret = (struct span){ *at, (size_t)(end - *at) };
	*at = end;
	return ret->n > 0;
}

static bool check_fields(const char *text, struct str *why)
{
	struct span parts[FIELDS_COUNT] = { 0 }, part;
	size_t count = 0;
	for (const char *at = text; next_field(&at, &part); count++)
		if (count < FIELDS_COUNT)
			parts[count] = part;
	if (count != FIELDS_COUNT) {
		str_addf(why, "expected exactly %d fields, found %zu: [", FIELDS_COUNT, count);
		bool is_first = true;
		for (const char *at = text; next_field(&at, &part); is_first = false) {
			str_add(why, is_first ? "" : " ");
			add_span(why, part);
		}
		str_add(why, "]");
		return false;
	}
	for (size_t i = 0; i < FIELDS_COUNT; i++)
		if (!check_field(parts[i], &fields[i], why))
			return false;
	return true;
}

static bool bad_duration(const char *all, const char *text, const char *what, struct span unit,
			 struct str *why)
{
	struct span duration = { text, strlen(text) };
	str_addf(why, "failed to parse duration %s: time: %s ", all, what);
	if (unit.at) {
		add_quoted(why, unit, 0);
		str_add(why, " in duration ");
	}
	add_quoted(why, duration, 0);
	return false;
}

static size_t digits_at(const char *p)
{
	return strspn(p, "0123456789");
}

/* How many nanoseconds the unit has, or 0. */
static uint64_t unit_ns(struct span unit)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ns", 1 },           { "us", 1000 },         { "\xc2\xb5s", 1000 },
		{ "\xce\xbcs", 1000 }, { "ms", 1000000 },      { "s", 1000000000 },
		{ "m", 60000000000 },  { "h", 3600000000000 },
	};
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strlen(units[i].name) == unit.n && memcmp(units[i].name, unit.at, unit.n) == 0)
			return units[i].ns;
	return 0;
}

/* Go's durations: a sign, then numbers with units, or 0. */
static bool check_duration(const char *all, const char *text, struct str *why)
{
	const struct span none = { 0 };
	const char *at = text + (*text == '-' || *text == '+');
	uint64_t sum = 0, limit = (uint64_t)INT64_MAX + (*text == '-');
	if (streq(at, "0"))
		return true;
	if (!*at)
		return bad_duration(all, text, "invalid duration", none, why);
	while (*at) {
		size_t whole = digits_at(at), behind = at[whole] == '.';
		size_t part = behind ? digits_at(at + whole + 1) : 0;
		uint64_t value = 0, ns;
		for (size_t i = 0; i < whole; i++)
			if (__builtin_mul_overflow(value, 10, &value) ||
			    __builtin_add_overflow(value, (uint64_t)(at[i] - '0'), &value))
				return bad_duration(all, text, "invalid duration", none, why);
		if (whole + part == 0)
			return bad_duration(all, text, "invalid duration", none, why);
		at += whole + behind + part;
		struct span unit = { at, strcspn(at, ".0123456789") };
		if (unit.n == 0)
			return bad_duration(all, text, "missing unit in duration", none, why);
		if ((ns = unit_ns(unit)) == 0)
			return bad_duration(all, text, "unknown unit", unit, why);
		if (__builtin_mul_overflow(value, ns, &value) ||
		    __builtin_add_overflow(sum, value, &sum) || sum > limit)
			return bad_duration(all, text, "invalid duration", none, why);
		at += unit.n;
	}
	return true;
}

static bool check_descriptor(const char *text, struct str *why)
{
	static const char every[] = "@every ";
	for (size_t i = 0; i < ARRAY_LEN(descriptors); i++)
		if (streq(text, descriptors[i]))
			return true;
	if (starts_with(text, every))
		return check_duration(text, text + sizeof every - 1, why);
	str_addf(why, "unrecognized descriptor: %s", text);
	return false;
}

bool cron_text_check(const char *text, struct str *why)
{
	auto_free char *trimmed = NULL;
	if (starts_with(text, "TZ=") || starts_with(text, "CRON_TZ=")) {
		const char *behind = strchr(text, ' ');
		if (!behind) { /* Go's parser panics there, and its caller says so */
			str_add(why, "invalid schedule format: runtime error: slice bounds out of "
				     "range [:-1]");
			return false;
		}
		for (size_t n; (n = space_at(behind)) > 0;)
			behind += n;
		text = trimmed = xstrdup(behind);
		size_t n = strlen(trimmed);
		while (n > 0 && space_at(trimmed + n - 1) == 1)
			trimmed[--n] = '\0';
	}
	return *text == '@' ? check_descriptor(text, why) : check_fields(text, why);
}

static bool is_zone_part(const char *p, size_t n)
{
	if (n == 0 || n > ZONE_PART_SIZE_MAX || *p == '-' || (n == 1 && *p == '.') ||
	    (n == 2 && p[0] == '.' && p[1] == '.'))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(p[i] >= 'a' && p[i] <= 'z') && !(p[i] >= 'A' && p[i] <= 'Z') &&
		    !(p[i] >= '0' && p[i] <= '9') && !strchr(".-_+", p[i]))
			return false;
	return true;
}

bool cron_text_is_zone(const char *zone)
{
	for (const char *p = zone;; p++) {
		size_t n = strcspn(p, "/");
		if (!is_zone_part(p, n))
			return false;
		p += n;
		if (!*p)
			return true;
	}
}
