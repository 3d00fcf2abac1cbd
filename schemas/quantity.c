#include "schemas/quantity.h"

#include <stdio.h>

/* Values are held in units of 10^-9; the API caps them at 2^63-1 whole units, so the largest is
 * below 2^93. */
typedef __int128 wide;
typedef unsigned __int128 uwide;

#define NANO_PER_UNIT 1000000000
#define DIGITS_MAX    20

enum format { FORMAT_DECIMAL, FORMAT_EXPONENT, FORMAT_BINARY };

struct quantity {
	wide nano;
	enum format format;
};

static const char *const decimal_suffixes[] = { "n", "u", "m", "", "k", "M", "G", "T", "P", "E" };
static const char *const binary_suffixes[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };

static uwide cap(void)
{
	return (uwide)INT64_MAX * NANO_PER_UNIT;
}

static uwide times_saturated(uwide value, uwide factor)
{
	return value && factor > (~(uwide)0 >> 1) / value ? ~(uwide)0 >> 1 : value * factor;
}

/* value × 10^exponent; what is lost rounds up. */
static uwide scale_decimal(uwide value, int exponent, bool *is_inexact)
{
	for (; exponent > 0 && value; exponent--)
		value = times_saturated(value, 10);
	for (; exponent < 0 && value; exponent++) {
		if (value % 10)
			*is_inexact = true;
		value /= 10;
	}
	return value;
}

/* digits[.digits] → significant digits and exponent. False: no digit, or a second point. */
static bool parse_number(const char **text, uwide *ret_digits, int *ret_exponent, bool *is_inexact)
{
	uwide digits = 0;
	int exponent = 0, kept = 0;
	bool seen_digit = false, seen_point = false;
	const char *p = *text;
	for (;; p++) {
		if (*p == '.' && !seen_point) {
			seen_point = true;
			continue;
		}
		if (*p < '0' || *p > '9')
			break;
		seen_digit = true;
		if (kept < DIGITS_MAX) {
			digits = digits * 10 + (unsigned)(*p - '0');
			kept += digits != 0;
			exponent -= seen_point;
		} else {
			*is_inexact |= *p != '0';
			exponent += !seen_point && exponent < 1000;
		}
	}
	*text = p;
	*ret_digits = digits;
	*ret_exponent = exponent;
	return seen_digit;
}

/* "e3", "E-2" → exponent. */
static bool parse_exponent(const char *text, int *ret)
{
	bool negative = *text == '-';
	if (*text == '-' || *text == '+')
		text++;
	if (!*text)
		return false;
	int value = 0;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = MIN(value * 10 + (*text - '0'), 1000);
	}
	*ret = negative ? -value : value;
	return true;
}

/* The text after the number: powers of ten and of two. */
static bool parse_suffix(const char *text, enum format *ret_format, int *ret_ten, int *ret_two)
{
	*ret_ten = *ret_two = 0;
	*ret_format = FORMAT_DECIMAL;
	for (size_t i = 0; i < ARRAY_LEN(decimal_suffixes); i++) {
		if (streq(text, decimal_suffixes[i])) {
			*ret_ten = 3 * ((int)i - 3);
			return true;
		}
	}
	for (size_t i = 1; i < ARRAY_LEN(binary_suffixes); i++) {
		if (streq(text, binary_suffixes[i])) {
			*ret_format = FORMAT_BINARY;
			*ret_two = 10 * (int)i;
			return true;
		}
	}
	*ret_format = FORMAT_EXPONENT;
	return (*text == 'e' || *text == 'E') && parse_exponent(text + 1, ret_ten);
}

static bool parse(const char *text, struct quantity *ret)
{
	if (!text)
		return false;
	bool negative = *text == '-', is_inexact = false;
	if (*text == '-' || *text == '+')
		text++;
	uwide digits;
	int exponent, ten, two;
	if (!parse_number(&text, &digits, &exponent, &is_inexact) ||
	    !parse_suffix(text, &ret->format, &ten, &two))
		return false;
	digits <<= two;
	digits = scale_decimal(digits, exponent + ten + 9, &is_inexact);
	digits = MIN(digits + (is_inexact ? 1 : 0), cap());
	ret->nano = negative ? -(wide)digits : (wide)digits;
	return true;
}

static void print_wide(uwide value, bool negative, const char *suffix, char out[QUANTITY_TEXT_SIZE])
{
	char digits[44];
	size_t at = sizeof digits - 1;
	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + (int)(value % 10));
		value /= 10;
	} while (value);
	int n = snprintf(out, QUANTITY_TEXT_SIZE, "%s%s%s", negative ? "-" : "", digits + at,
			 suffix);
	assert(n > 0 && n < QUANTITY_TEXT_SIZE);
}

static void print_decimal(uwide nano, bool negative, enum format format,
			  char out[QUANTITY_TEXT_SIZE])
{
	size_t suffix = 0;
	while (nano && nano % 1000 == 0 && suffix + 1 < ARRAY_LEN(decimal_suffixes)) {
		nano /= 1000;
		suffix++;
	}
	if (nano == 0)
		suffix = 3;
	char exponent[16] = "";
	if (format == FORMAT_EXPONENT && suffix != 3) {
		int n = snprintf(exponent, sizeof exponent, "e%d", 3 * ((int)suffix - 3));
		assert(n > 0);
	}
	print_wide(nano, negative, format == FORMAT_EXPONENT ? exponent : decimal_suffixes[suffix],
		   out);
}

static void print(const struct quantity *q, char out[QUANTITY_TEXT_SIZE])
{
	bool negative = q->nano < 0;
	uwide nano = (uwide)(negative ? -q->nano : q->nano);
	bool is_binary = q->format == FORMAT_BINARY && nano >= (uwide)1024 * NANO_PER_UNIT &&
			 nano % NANO_PER_UNIT == 0;
	if (!is_binary) {
		print_decimal(nano, negative,
			      q->format == FORMAT_BINARY ? FORMAT_DECIMAL : q->format, out);
		return;
	}
	uwide units = nano / NANO_PER_UNIT;
	size_t suffix = 0;
	while (units % 1024 == 0 && suffix + 1 < ARRAY_LEN(binary_suffixes)) {
		units /= 1024;
		suffix++;
	}
	print_wide(units, negative, binary_suffixes[suffix], out);
}

bool quantity_canonical(const char *text, char out[QUANTITY_TEXT_SIZE])
{
	struct quantity q;
	if (!parse(text, &q))
		return false;
	print(&q, out);
	return true;
}

/* nano / unit, away from zero, saturated. */
static int64_t in_units(const char *text, int64_t unit)
{
	struct quantity q;
	if (!parse(text, &q))
		return 0;
	wide value = q.nano / unit;
	if (q.nano % unit != 0)
		value += q.nano > 0 ? 1 : -1; /* away from zero, as upstream */
	if (value > INT64_MAX)
		return INT64_MAX;
	return value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

int64_t quantity_milli(const char *text)
{
	return in_units(text, NANO_PER_UNIT / 1000);
}

int64_t quantity_value(const char *text)
{
	return in_units(text, NANO_PER_UNIT);
}

void quantity_from_milli(int64_t milli, char out[QUANTITY_TEXT_SIZE])
{
	struct quantity q = { (wide)milli * (NANO_PER_UNIT / 1000), FORMAT_DECIMAL };
	print(&q, out);
}

void quantity_from_bytes(int64_t bytes, char out[QUANTITY_TEXT_SIZE])
{
	struct quantity q = { (wide)bytes * NANO_PER_UNIT, FORMAT_BINARY };
	print(&q, out);
}
