#include "schemas/yaml_scalar.h"

#include <errno.h>
#include <math.h>

#define NUMBER_LENGTH_MAX 400

struct word {
	const char *text;
	enum yaml_meaning meaning;
	bool truth;
};

static const struct word words[] = {
	{ "y", YAML_BOOL, true },           { "Y", YAML_BOOL, true },
	{ "yes", YAML_BOOL, true },         { "Yes", YAML_BOOL, true },
	{ "YES", YAML_BOOL, true },         { "true", YAML_BOOL, true },
	{ "True", YAML_BOOL, true },        { "TRUE", YAML_BOOL, true },
	{ "on", YAML_BOOL, true },          { "On", YAML_BOOL, true },
	{ "ON", YAML_BOOL, true },          { "n", YAML_BOOL, false },
	{ "N", YAML_BOOL, false },          { "no", YAML_BOOL, false },
	{ "No", YAML_BOOL, false },         { "NO", YAML_BOOL, false },
	{ "false", YAML_BOOL, false },      { "False", YAML_BOOL, false },
	{ "FALSE", YAML_BOOL, false },      { "off", YAML_BOOL, false },
	{ "Off", YAML_BOOL, false },        { "OFF", YAML_BOOL, false },
	{ "", YAML_NULL, false },           { "~", YAML_NULL, false },
	{ "null", YAML_NULL, false },       { "Null", YAML_NULL, false },
	{ "NULL", YAML_NULL, false },       { ".nan", YAML_NO_NUMBER, false },
	{ ".NaN", YAML_NO_NUMBER, false },  { ".NAN", YAML_NO_NUMBER, false },
	{ ".inf", YAML_NO_NUMBER, false },  { ".Inf", YAML_NO_NUMBER, false },
	{ ".INF", YAML_NO_NUMBER, false },  { "+.inf", YAML_NO_NUMBER, false },
	{ "+.Inf", YAML_NO_NUMBER, false }, { "+.INF", YAML_NO_NUMBER, false },
	{ "-.inf", YAML_NO_NUMBER, false }, { "-.Inf", YAML_NO_NUMBER, false },
	{ "-.INF", YAML_NO_NUMBER, false },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool all_in(const char *text, const char *set)
{
	return *text && strspn(text, set) == strlen(text);
}

/* [sign][0x|0o|0b|0]digits that fit 64 bits; what passes the signed range is a real. */
static bool parse_whole(const char *text, struct yaml_scalar *ret)
{
	bool negative = *text == '-';
	if (*text == '-' || *text == '+')
		text++;
	int base = 10;
	const char *digits = text, *allowed = "0123456789";
	if (text[0] == '0' && text[1]) {
		base = 8;
		digits = text + 1;
		char c = text[1];
		if (c == 'x' || c == 'X')
			base = 16;
		else if (c == 'b' || c == 'B')
			base = 2;
		if (base != 8 || c == 'o' || c == 'O')
			digits = text + 2;
		allowed = base == 16 ? "0123456789abcdefABCDEF" : base == 2 ? "01" : "01234567";
	}
	if (!all_in(digits, allowed))
		return false;
	errno = 0;
	unsigned long long value = strtoull(digits, NULL, base);
	if (errno)
		return false;
	if (value > (unsigned long long)INT64_MAX) {
		if (negative)
			return false;
		*ret = (struct yaml_scalar){ YAML_REAL, .real = (double)value };
		return true;
	}
	*ret = (struct yaml_scalar){ YAML_INT,
				     .whole = negative ? -(int64_t)value : (int64_t)value };
	return true;
}

/* ^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$ */
static bool looks_like_real(const char *p)
{
	if (*p == '-' || *p == '+')
		p++;
	bool has_whole = is_digit(*p);
	while (is_digit(*p))
		p++;
	if (*p == '.') {
		p++;
		if (!has_whole && !is_digit(*p))
			return false;
		while (is_digit(*p))
			p++;
	} else if (!has_whole) {
		return false;
	}
	if (*p == 'e' || *p == 'E') {
		p++;
		if (*p == '-' || *p == '+')
			p++;
		if (!is_digit(*p))
			return false;
		while (is_digit(*p))
			p++;
	}
	return !*p;
}

/* A real without a fraction is a whole number in JSON. */
static struct yaml_scalar real_scalar(double real)
{
	if (!isfinite(real))
		return (struct yaml_scalar){ .meaning = YAML_NO_NUMBER };
	if (real == floor(real) && fabs(real) < 9e18)
		return (struct yaml_scalar){ YAML_INT, .whole = (int64_t)real };
	return (struct yaml_scalar){ YAML_REAL, .real = real };
}

struct yaml_scalar yaml_resolve(const char *text, size_t len)
{
	struct yaml_scalar text_itself = { .meaning = YAML_TEXT };
	if (len > NUMBER_LENGTH_MAX || memchr(text, '\0', len))
		return text_itself;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i].text) == len && memcmp(words[i].text, text, len) == 0)
			return (struct yaml_scalar){ words[i].meaning, .truth = words[i].truth };
	if (len == 0 || !(is_digit(text[0]) || strchr("+-.", text[0])))
		return text_itself;
	char plain[NUMBER_LENGTH_MAX + 1];
	size_t n = 0;
	for (size_t i = 0; i < len; i++)
		if (text[i] != '_' || text[0] == '.')
			plain[n++] = text[i];
	plain[n] = '\0';
	struct yaml_scalar value;
	if (parse_whole(plain, &value))
		return value;
	if (looks_like_real(plain))
		return real_scalar(strtod(plain, NULL));
	return text_itself;
}
