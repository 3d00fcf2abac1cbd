#include "schemas/format.h"

#include "common/base/str.h"
#include "common/base/time_text.h"
#include "schemas/cidr.h"
#include "schemas/format_net.h"
#include "schemas/pattern_internal.h"

#include <ctype.h>

/* ---- masks: h a hex digit, 9 a digit, v one of 89ab, - a hyphen or nothing, s a hyphen or blank
 * ---- */

static bool fits_mask(char c, char mask)
{
	switch (mask) {
	case 'h':
		return isxdigit((unsigned char)c);
	case '9':
		return isdigit((unsigned char)c);
	case 'v':
		return c == '8' || c == '9' || (c | 0x20) == 'a' || (c | 0x20) == 'b';
	case 's':
		return c == '-' || c == ' ';
	default:
		return c == mask;
	}
}

static bool is_masked(const char *text, const char *mask)
{
	for (; *mask; mask++) {
		if (*text && fits_mask(*text, *mask))
			text++;
		else if (*mask != '-')
			return false;
	}
	return *text == '\0';
}

static bool is_uuid(const char *text)
{
	return is_masked(text, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh");
}

static bool is_uuid3(const char *text)
{
	return is_masked(text, "hhhhhhhh-hhhh-3hhh-hhhh-hhhhhhhhhhhh");
}

static bool is_uuid4(const char *text)
{
	return is_masked(text, "hhhhhhhh-hhhh-4hhh-vhhh-hhhhhhhhhhhh");
}

static bool is_uuid5(const char *text)
{
	return is_masked(text, "hhhhhhhh-hhhh-5hhh-vhhh-hhhhhhhhhhhh");
}

static bool is_bson_id(const char *text)
{
	return is_masked(text, "hhhhhhhhhhhhhhhhhhhhhhhh");
}

static bool is_ssn(const char *text)
{
	return is_masked(text, "999s99s9999");
}

static bool is_hex_color(const char *text)
{
	text += *text == '#';
	return is_masked(text, "hhh") || is_masked(text, "hhhhhh");
}

/* ---- numbers with check digits ---- */

/* Without blanks and hyphens, or without all that is no digit. NULL: longer than `size`. */
static const char *squeeze(const char *text, bool digits_only, char *out, size_t size)
{
	size_t n = 0;
	for (; *text; text++) {
		bool goes = digits_only ? !isdigit((unsigned char)*text)
					: *text == '-' || strchr(" \t\n\f\r", *text);
		if (goes)
			continue;
		if (n + 1 == size)
			return NULL;
		out[n++] = *text;
	}
	out[n] = '\0';
	return out;
}

static bool is_isbn10(const char *text)
{
	char digits[32];
	const char *p = squeeze(text, false, digits, sizeof digits);
	int sum = 0;
	if (!p || (!is_masked(p, "9999999999") && !is_masked(p, "999999999X")))
		return false;
	for (int i = 0; i < 10; i++)
		sum += (i + 1) * (p[i] == 'X' ? 10 : p[i] - '0');
	return sum % 11 == 0;
}

static bool is_isbn13(const char *text)
{
	char digits[32];
	const char *p = squeeze(text, false, digits, sizeof digits);
	int sum = 0;
	if (!p || !is_masked(p, "9999999999999"))
		return false;
	for (int i = 0; i < 12; i++)
		sum += (i % 2 ? 3 : 1) * (p[i] - '0');
	return p[12] - '0' == (10 - sum % 10) % 10;
}

static bool is_isbn(const char *text)
{
	return is_isbn10(text) || is_isbn13(text);
}

static bool occurs(const char *pattern, const char *text)
{
	struct pattern *p = NULL;
	struct error err;
	if (pattern_compile(pattern, strlen(pattern), &p, &err) < 0)
		return false;
	bool is_there = pattern_match(p, text, strlen(text)) == PATTERN_YES;
	pattern_free(p);
	return is_there;
}

static bool is_credit_card(const char *text)
{
	static const char issuers[] =
		"^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47]"
		"[0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\\d{3})\\d{11})$";
	char digits[32];
	const char *p = squeeze(text, true, digits, sizeof digits);
	int sum = 0;
	if (!p || !occurs(issuers, p))
		return false;
	size_t n = strlen(p);
	for (size_t i = 0; i < n; i++) {
		int digit = (p[n - 1 - i] - '0') * (i % 2 ? 2 : 1);
		sum += digit > 9 ? digit - 9 : digit;
	}
	return sum % 10 == 0;
}

static bool is_rgb_color(const char *text)
{
#define BYTE "\\s*(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])\\s*"
	return occurs("^rgb\\(" BYTE "," BYTE "," BYTE "\\)$", text);
#undef BYTE
}

static bool is_base64(const char *text)
{
	size_t n = strlen(text), plain = 0;
	while (isalnum((unsigned char)text[plain]) || text[plain] == '+' || text[plain] == '/')
		plain++;
	size_t padding = n - plain;
	return n > 0 && n % 4 == 0 && padding <= 2 && strspn(text + plain, "=") == padding;
}

/* ---- times ---- */

static int two(const char *p)
{
	return (p[0] - '0') * 10 + (p[1] - '0');
}

static bool is_date_of(const char *text, size_t n)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	char copy[16];
	if (n != 10)
		return false;
	memcpy(copy, text, n);
	copy[n] = '\0';
	/* A hyphen may be left out in a mask, but not with ten characters. */
	if (!is_masked(copy, "9999-99-99"))
		return false;
	int year = two(copy) * 100 + two(copy + 2), month = two(copy + 5), day = two(copy + 8);
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month >= 1 && month <= 12 && day >= 1 &&
	       day <= days[month - 1] + (month == 2 && is_leap);
}

static bool is_date(const char *text)
{
	return is_date_of(text, strlen(text));
}

static bool is_zone(const char *p)
{
	if (streq(p, "z") || streq(p, "Z"))
		return true;
	return (*p == '+' || *p == '-') && strlen(p) == 6 && is_masked(p + 1, "99:99");
}

static bool is_date_time(const char *text)
{
	size_t n = strcspn(text, "tT");
	char clock[9];
	const char *p = text + n + 1;
	if (!text[n] || !is_date_of(text, n) || strlen(p) < 9)
		return false;
	memcpy(clock, p, 8);
	clock[8] = '\0';
	if (!is_masked(clock, "99:99:99") || two(clock) > 23 || two(clock + 3) > 59 ||
	    two(clock + 6) > 59)
		return false;
	p += 8;
	if (is_zone(p))
		return true;
	/* One character of any kind, then digits. */
	uint32_t rune;
	size_t size = rune_read(p, strlen(p), &rune);
	size_t digits = strspn(p + size, "0123456789");
	return digits > 0 && is_zone(p + size + digits);
}

static bool starts_with_word(const char *unit, const char *word)
{
	return strncasecmp(unit, word, strlen(word)) == 0;
}

static bool is_unit(const char *unit)
{
	static const char *const whole[] = { "ns", "us", "µs", "ms", "s", "m",
					     "h",  "hr", "d",  "w",  "wk" };
	static const char *const begun[] = { "nano", "micro", "milli", "sec",
					     "min",  "hour",  "day",   "week" };
	for (size_t i = 0; i < ARRAY_LEN(whole); i++)
		if (strcasecmp(unit, whole[i]) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(begun); i++)
		if (starts_with_word(unit, begun[i]))
			return true;
	return false;
}

/* Go's, or numbers with units as Scala writes them. */
static bool is_duration(const char *text)
{
	int64_t us;
	bool has_one = false;
	if (duration_parse(text, &us))
		return true;
	for (const char *p = text; *p;) {
		size_t digits = strspn(p, "0123456789");
		if (digits == 0) {
			p++;
			continue;
		}
		const char *unit = p + digits;
		unit += strspn(unit, " \t\n\f\r");
		size_t n = 0;
		while (isalpha((unsigned char)unit[n]) || (unsigned char)unit[n] == 0xc2 ||
		       (unsigned char)unit[n] == 0xb5)
			n++;
		auto_free char *word = xstrndup(unit, n);
		if (n && digits > 18)
			return false;
		has_one |= n && is_unit(word);
		p = unit + n;
	}
	return has_one;
}

/* ---- all ---- */

static bool is_any(const char *text)
{
	(void)text;
	return true;
}

static const struct {
	const char *name;
	bool (*is)(const char *text);
} formats[] = {
	{ "bsonobjectid", is_bson_id },
	{ "byte", is_base64 },
	{ "cidr", format_is_cidr },
	{ "creditcard", is_credit_card },
	{ "date", is_date },
	{ "datetime", is_date_time },
	{ "duration", is_duration },
	{ "email", format_is_email },
	{ "hexcolor", is_hex_color },
	{ "hostname", format_is_hostname },
	{ "ipv4", format_is_ipv4 },
	{ "ipv6", format_is_ipv6 },
	{ "isbn", is_isbn },
	{ "isbn10", is_isbn10 },
	{ "isbn13", is_isbn13 },
	{ "k8slongname", format_is_long_name },
	{ "k8sshortname", format_is_short_name },
	{ "mac", format_is_mac },
	{ "password", is_any },
	{ "rgbcolor", is_rgb_color },
	{ "ssn", is_ssn },
	{ "uri", format_is_uri },
	{ "uuid", is_uuid },
	{ "uuid3", is_uuid3 },
	{ "uuid4", is_uuid4 },
	{ "uuid5", is_uuid5 },
};

static bool is_named(const char *format, const char *name)
{
	for (; *format; format++)
		if (*format != '-' && *format != *name++)
			return false;
	return *name == '\0';
}

bool format_is_text(const char *format)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (is_named(format, formats[i].name))
			return true;
	return false;
}

bool format_matches(const char *format, const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (is_named(format, formats[i].name))
			return (formats[i].is == is_any) ||
			       (!memchr(text, '\0', len) && formats[i].is(text));
	return true;
}
