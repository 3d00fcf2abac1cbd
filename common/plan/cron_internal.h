/*
 * cron_internal.h - the calendar that the parts of cron_plan share: proleptic Gregorian, days counted
 * from 1970-01-01. Pure.
 */
#pragma once

#include "common/base/base.h"

/* Division that rounds down, as the calendar needs before 1970. */
static inline int64_t cron_floor(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static inline int cron_month_days(int year, int month)
{
	static const int days[] = { 0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month] + (month == 2 && is_leap);
}

/* Days since 1970-01-01; after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static inline int64_t cron_days(int year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = cron_floor(y, 400), of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static inline void cron_civil(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t z = days + 719468, era = cron_floor(z, 146097), of_era = z - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t m = (5 * of_year + 2) / 153;
	*ret_day = (int)(of_year - (153 * m + 2) / 5 + 1);
	*ret_month = (int)(m + (m < 10 ? 3 : -9));
	*ret_year = (int)(year + era * 400 + (*ret_month <= 2));
}

/* 0 is Sunday. */
static inline int cron_weekday(int64_t days)
{
	int64_t w = (days + 4) % 7;
	return (int)(w < 0 ? w + 7 : w);
}
