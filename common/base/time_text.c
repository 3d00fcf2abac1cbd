#include "common/base/time_text.h"

#include <stdio.h>

/* Days since 1970-01-01 of a civil date (proleptic Gregorian), and back.
 * Source: H. Hinnant, "chrono-compatible low-level date algorithms". */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	int64_t day_of_era =
		year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static void civil_of(int64_t days, int *y, int *m, int *d)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

/* Exactly n digits; moves on. */
static bool digits(const char **p, int n, int *ret)
{
	int v = 0;
	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		v = v * 10 + (**p - '0');
	}
	*ret = v;
	return true;
}

static bool literal(const char **p, char a, char b)
{
	if (**p != a && **p != b)
		return false;
	(*p)++;
	return true;
}

static bool fraction(const char **p, int64_t *ret_us)
{
	*ret_us = 0;
	if (**p != '.' && **p != ',')
		return true;
	(*p)++;
	int64_t scale = 100000;
	int n = 0;
	for (; **p >= '0' && **p <= '9'; (*p)++, n++, scale /= 10)
		*ret_us += (**p - '0') * scale;
	return n > 0;
}

static bool offset(const char **p, int *ret_minutes)
{
	*ret_minutes = 0;
	if (literal(p, 'Z', 'z'))
		return true;
	int sign = **p == '-' ? -1 : 1, h, m;
	if (!literal(p, '+', '-') || !digits(p, 2, &h) || !literal(p, ':', ':') ||
	    !digits(p, 2, &m) || h > 23 || m > 59)
		return false;
	*ret_minutes = sign * (h * 60 + m);
	return true;
}

static bool is_date(int y, int mo, int d)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	return mo >= 1 && mo <= 12 && d >= 1 && d <= days[mo - 1] + (mo == 2 && leap);
}

bool time_parse(const char *text, int64_t *ret_us)
{
	const char *p = text;
	int y, mo, d, h, mi, s, minutes;
	int64_t us;
	if (!digits(&p, 4, &y) || !literal(&p, '-', '-') || !digits(&p, 2, &mo) ||
	    !literal(&p, '-', '-') || !digits(&p, 2, &d) || !literal(&p, 'T', 't') ||
	    !digits(&p, 2, &h) || !literal(&p, ':', ':') || !digits(&p, 2, &mi) ||
	    !literal(&p, ':', ':') || !digits(&p, 2, &s) || !fraction(&p, &us) ||
	    !offset(&p, &minutes) || *p)
		return false;
	if (!is_date(y, mo, d) || h > 23 || mi > 59 || s > 60)
		return false;
	int64_t seconds = days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - minutes * 60;
	*ret_us = seconds * 1000000 + us;
	return true;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int format_seconds(int64_t us, char out[TIME_TEXT_SIZE])
{
	int64_t seconds = floor_div(us, 1000000), days = floor_div(seconds, 86400);
	int in_day = (int)(seconds - days * 86400), y, m, d;
	civil_of(days, &y, &m, &d);
	return snprintf(out, TIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", y, m, d,
			in_day / 3600, in_day / 60 % 60, in_day % 60);
}

void time_format(int64_t us, char out[TIME_TEXT_SIZE])
{
	int n = format_seconds(us, out);
	assert(n > 0 && n < TIME_TEXT_SIZE - 2);
	memcpy(out + n, "Z", 2);
}

void time_format_http(int64_t us, char out[TIME_TEXT_SIZE])
{
	static const char week[] = "ThuFriSatSunMonTueWed"; /* 1970 began on a Thursday */
	static const char year[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t seconds = floor_div(us, 1000000), days = floor_div(seconds, 86400);
	int in_day = (int)(seconds - days * 86400), y, m, d;
	civil_of(days, &y, &m, &d);
	int weekday = (int)(days - floor_div(days, 7) * 7);
	int n = snprintf(out, TIME_TEXT_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
			 week + weekday * 3, d, year + (m - 1) * 3, y, in_day / 3600,
			 in_day / 60 % 60, in_day % 60);
	assert(n > 0 && n < TIME_TEXT_SIZE);
}

void time_format_micro(int64_t us, char out[TIME_TEXT_SIZE])
{
	int n = format_seconds(us, out);
	assert(n > 0 && n < TIME_TEXT_SIZE - 9);
	int micro = (int)(us - floor_div(us, 1000000) * 1000000);
	n = snprintf(out + n, (size_t)(TIME_TEXT_SIZE - n), ".%06dZ", micro);
	assert(n == 8);
}

/* "3m20s", or "3m" where the second part is zero. */
static void two_parts(char out[TIME_TEXT_SIZE], int64_t a, const char *unit_a, int64_t b,
		      const char *unit_b)
{
	int n = b ? snprintf(out, TIME_TEXT_SIZE, "%lld%s%lld%s", (long long)a, unit_a,
			     (long long)b, unit_b) :
		    snprintf(out, TIME_TEXT_SIZE, "%lld%s", (long long)a, unit_a);
	assert(n > 0);
}

/* The steps are apimachinery's HumanDuration. */
void time_format_age(int64_t s, char out[TIME_TEXT_SIZE])
{
	int64_t m = s / 60, h = s / 3600, d = s / 86400;
	if (s < -1)
		(void)snprintf(out, TIME_TEXT_SIZE, "<invalid>");
	else if (s < 0)
		(void)snprintf(out, TIME_TEXT_SIZE, "0s");
	else if (s < 60 * 2)
		two_parts(out, s, "s", 0, "");
	else if (m < 10)
		two_parts(out, m, "m", s % 60, "s");
	else if (m < 60 * 3)
		two_parts(out, m, "m", 0, "");
	else if (h < 8)
		two_parts(out, h, "h", m % 60, "m");
	else if (h < 48)
		two_parts(out, h, "h", 0, "");
	else if (h < 24 * 8)
		two_parts(out, d, "d", h % 24, "h");
	else if (d < 365 * 2)
		two_parts(out, d, "d", 0, "");
	else if (d < 365 * 8)
		two_parts(out, d / 365, "y", d % 365, "d");
	else
		two_parts(out, d / 365, "y", 0, "");
}

static bool unit_us(const char **p, double *ret)
{
	static const struct {
		const char *name;
		double us;
	} units[] = { { "ns", 1e-3 }, { "us", 1 },     { "\xc2\xb5s", 1 }, { "ms", 1e3 },
		      { "s", 1e6 },   { "m", 60e6 }, { "h", 3600e6 } };
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (starts_with(*p, units[i].name)) {
			*p += strlen(units[i].name);
			*ret = units[i].us;
			return true;
		}
	return false;
}

bool duration_parse(const char *text, int64_t *ret_us)
{
	const char *p = text;
	double sign = *p == '-' ? -1 : 1, total = 0;
	if (*p == '-' || *p == '+')
		p++;
	if (streq(p, "0")) {
		*ret_us = 0;
		return true;
	}
	if (!*p)
		return false;
	while (*p) {
		double value = 0, scale = 1, unit;
		int n = 0;
		for (; *p >= '0' && *p <= '9'; p++, n++)
			value = value * 10 + (*p - '0');
		if (*p == '.')
			for (p++; *p >= '0' && *p <= '9'; p++, n++)
				value += (*p - '0') * (scale /= 10);
		if (n == 0 || !unit_us(&p, &unit))
			return false;
		total += value * unit;
	}
	if (total > (double)(INT64_MAX / 1000)) /* it is a number of nanoseconds */
		return false;
	*ret_us = (int64_t)(sign * total);
	return true;
}
