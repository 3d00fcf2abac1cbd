/* Time zones: TZif files and the POSIX rule at their end. */
#include "common/plan/cron_plan.h"

#include "common/plan/cron_internal.h"

#define DAY_S        86400
#define OFFSET_MAX_S (26 * 3600) /* RFC 9636 allows -24:59:59 to 25:59:59 */
#define HEADER_BYTES 44

int cron_zone_check_name(const char *name, struct error *err)
{
	size_t n = strlen(name);
	bool is_good = n > 0 && n < CRON_ZONE_NAME_MAX && name[0] != '/' && name[n - 1] != '/';
	for (size_t i = 0; i < n && is_good; i++) {
		char c = name[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool is_other = (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+';
		/* No dot is in any zone's name, so no way up is either. */
		is_good = is_letter || is_other || (c == '/' && name[i + 1] != '/');
	}
	if (!is_good)
		return error_set(err, ERR_INVALID,
				 "'%.80s' is no name of a time zone (as in Europe/Berlin)", name);
	return 0;
}

/* ---- the footer: std offset [dst [offset] , begin[/time] , end[/time]] ---- */

struct footer {
	const char *at, *end;
};

static bool take(struct footer *f, char c)
{
	if (f->at == f->end || *f->at != c)
		return false;
	f->at++;
	return true;
}

static bool take_name(struct footer *f)
{
	const char *from = f->at;
	if (take(f, '<')) {
		while (f->at < f->end && *f->at != '>')
			f->at++;
		return take(f, '>') && f->at - from >= 5;
	}
	while (f->at < f->end &&
	       ((*f->at >= 'a' && *f->at <= 'z') || (*f->at >= 'A' && *f->at <= 'Z')))
		f->at++;
	return f->at - from >= 3;
}

static bool take_number(struct footer *f, int max, int *ret)
{
	const char *from = f->at;
	int value = 0;
	while (f->at < f->end && *f->at >= '0' && *f->at <= '9' && value <= max)
		value = value * 10 + (*f->at++ - '0');
	*ret = value;
	return f->at > from && value <= max;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct footer *f, int hours_max, int32_t *ret_s)
{
	int sign = take(f, '-') ? -1 : 1, hours = 0, minutes = 0, seconds = 0;
	if (sign == 1)
		(void)take(f, '+'); /* it may be there */
	if (!take_number(f, hours_max, &hours))
		return false;
	if (take(f, ':')) {
		if (!take_number(f, 59, &minutes))
			return false;
		if (take(f, ':') && !take_number(f, 59, &seconds))
			return false;
	}
	*ret_s = sign * (hours * 3600 + minutes * 60 + seconds);
	return true;
}

static bool take_rule_day(struct footer *f, struct cron_rule_day *ret)
{
	*ret = (struct cron_rule_day){ .time_s = 2 * 3600 };
	if (!take(f, ','))
		return false;
	if (take(f, 'M')) {
		ret->kind = CRON_RULE_MONTH;
		if (!take_number(f, 12, &ret->month) || ret->month < 1 || !take(f, '.') ||
		    !take_number(f, 5, &ret->week) || ret->week < 1 || !take(f, '.') ||
		    !take_number(f, 6, &ret->weekday))
			return false;
	} else if (take(f, 'J')) {
		ret->kind = CRON_RULE_JULIAN;
		if (!take_number(f, 365, &ret->day) || ret->day < 1)
			return false;
	} else {
		ret->kind = CRON_RULE_DAY;
		if (!take_number(f, 365, &ret->day))
			return false;
	}
	return !take(f, '/') || take_time(f, 167, &ret->time_s);
}

static bool parse_footer(const char *text, size_t n, struct cron_zone *z)
{
	struct footer f = { text, text + n };
	if (n == 0)
		return true;
	if (!take_name(&f) || !take_time(&f, 24, &z->standard_s))
		return false;
	z->standard_s = -z->standard_s; /* POSIX counts west of Greenwich */
	if (f.at == f.end)
		return true;
	z->has_summer = true;
	z->summer_s = z->standard_s + 3600;
	if (!take_name(&f))
		return false;
	if (f.at < f.end && *f.at != ',') {
		if (!take_time(&f, 24, &z->summer_s))
			return false;
		z->summer_s = -z->summer_s;
	}
	return take_rule_day(&f, &z->summer_begin) && take_rule_day(&f, &z->summer_end) &&
	       f.at == f.end;
}

/* ---- TZif ---- */

struct counts {
	uint64_t utc, standard, leap, times, types, chars;
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static int broken(struct error *err, const char *what)
{
	return error_set(err, ERR_MALFORMED, "this is no time zone file (TZif): %s", what);
}

static int read_header(const uint8_t *p, size_t n, struct counts *ret, struct error *err)
{
	if (n < HEADER_BYTES || memcmp(p, "TZif", 4) != 0)
		return broken(err, "its first bytes are not TZif");
	*ret = (struct counts){ be32(p + 20), be32(p + 24), be32(p + 28),
				be32(p + 32), be32(p + 36), be32(p + 40) };
	if (ret->leap > 0)
		return error_set(
			err, ERR_INVALID,
			"the time zone counts leap seconds (right/…): use the one without");
	if (ret->times > CRON_CHANGES_MAX || ret->types > 256)
		return error_set(err, ERR_LIMIT, "the time zone changes more than %d times",
				 CRON_CHANGES_MAX);
	if (ret->types == 0)
		return broken(err, "it has no type of local time");
	return 0;
}

static uint64_t data_bytes(const struct counts *c, unsigned time_bytes)
{
	return c->times * (time_bytes + 1) + c->types * 6 + c->chars + c->leap * (time_bytes + 4) +
	       c->standard + c->utc;
}

/* One block's changes; those that change nothing are left out. */
static int read_data(const uint8_t *p, const struct counts *c, unsigned time_bytes, struct arena *a,
		     struct cron_zone *z, struct error *err)
{
	const uint8_t *kinds = p + c->times * time_bytes, *types = kinds + c->times;
	for (size_t i = 0; i < c->types; i++) {
		int32_t offset = (int32_t)be32(types + 6 * i);
		if (offset > OFFSET_MAX_S || offset < -OFFSET_MAX_S)
			return broken(err, "local time is more than 26 hours from UTC");
	}
	struct cron_change *changes = arena_alloc(a, c->times, sizeof *changes);
	size_t count = 0;
	int64_t last = INT64_MIN;
	z->first_s = (int32_t)be32(types);
	int32_t offset = z->first_s;
	for (size_t i = 0; i < c->times; i++) {
		int64_t at = time_bytes == 8 ? be64(p + 8 * i) : (int32_t)be32(p + 4 * i);
		if (kinds[i] >= c->types)
			return broken(err, "a change leads to a type that is not there");
		if (i > 0 && at <= last)
			return broken(err, "its changes are not in order");
		last = at;
		int32_t next = (int32_t)be32(types + 6 * (size_t)kinds[i]);
		if (next == offset)
			continue;
		changes[count++] = (struct cron_change){ MAX(at, CRON_FIRST_S - DAY_S), next };
		offset = next;
	}
	z->changes = changes;
	z->changes_count = count;
	z->standard_s = offset;
	return 0;
}

int cron_zone_parse(const void *bytes, size_t n, struct arena *a, struct cron_zone *ret,
		    struct error *err)
{
	const uint8_t *p = bytes;
	struct cron_zone z = { 0 };
	struct counts c = { 0 };
	unsigned time_bytes = 4;
	if (n > CRON_ZONE_BYTES_MAX)
		return error_set(err, ERR_LIMIT, "the time zone file is larger than %d bytes",
				 CRON_ZONE_BYTES_MAX);
	if (read_header(p, n, &c, err) < 0)
		return err->code;
	bool has_second = p[4] >= '2';
	if (data_bytes(&c, 4) > n - HEADER_BYTES)
		return broken(err, "it ends too early");
	if (has_second) { /* the same with 64 bits follows */
		size_t skip = HEADER_BYTES + (size_t)data_bytes(&c, 4);
		p += skip;
		n -= skip;
		time_bytes = 8;
		if (read_header(p, n, &c, err) < 0)
			return err->code;
		if (data_bytes(&c, 8) > n - HEADER_BYTES)
			return broken(err, "it ends too early");
	}
	if (read_data(p + HEADER_BYTES, &c, time_bytes, a, &z, err) < 0)
		return err->code;
	if (has_second) {
		size_t skip = HEADER_BYTES + (size_t)data_bytes(&c, 8);
		const char *footer = (const char *)p + skip;
		n -= skip;
		const char *end = n >= 2 ? memchr(footer + 1, '\n', n - 1) : NULL;
		if (!end || footer[0] != '\n')
			return broken(err, "the rule at its end is missing");
		if (!parse_footer(footer + 1, (size_t)(end - footer - 1), &z))
			return broken(err, "the rule at its end cannot be read");
	}
	*ret = z;
	return 0;
}

/* ---- which offset holds when ---- */

/* When the rule's day and time come in a year, in local time seconds. */
static int64_t rule_local_s(const struct cron_rule_day *r, int year)
{
	int64_t first = cron_days(year, 1, 1);
	bool is_leap = cron_month_days(year, 2) == 29;
	int64_t day = first;
	switch (r->kind) {
	case CRON_RULE_MONTH: {
		int64_t begin = cron_days(year, r->month, 1);
		int64_t offset = (r->weekday - cron_weekday(begin) + 7) % 7 + 7 * (r->week - 1);
		/* Week 5 is the last one, be it the fourth or the fifth. */
		if (offset >= cron_month_days(year, r->month))
			offset -= 7;
		day = begin + offset;
		break;
	}
	case CRON_RULE_JULIAN: /* 29 February is never counted */
		day = first + r->day - 1 + (is_leap && r->day >= 60);
		break;
	case CRON_RULE_DAY:
		day = first + r->day;
		break;
	}
	return day * DAY_S + r->time_s;
}

/* The rule's changes around a year, in order of time; those before `from_s` are left out. */
static size_t rule_changes(const struct cron_zone *z, int year, int64_t from_s,
			   struct cron_change ret[6])
{
	size_t count = 0;
	for (int y = year - 1; y <= year + 1; y++) {
		struct cron_change two[2] = {
			{ rule_local_s(&z->summer_begin, y) - z->standard_s, z->summer_s },
			{ rule_local_s(&z->summer_end, y) - z->summer_s, z->standard_s },
		};
		for (int i = 0; i < 2; i++) {
			size_t at = count;
			if (two[i].at_s < from_s)
				continue;
			/* At one instant summer wins: that is how a rule says "all year". */
			while (at > 0 && (ret[at - 1].at_s > two[i].at_s ||
					  (ret[at - 1].at_s == two[i].at_s && i == 1)))
				at--;
			memmove(&ret[at + 1], &ret[at], (count - at) * sizeof *ret);
			ret[at] = two[i];
			count++;
		}
	}
	return count;
}

static struct cron_span rule_span(const struct cron_zone *z, int64_t at_s)
{
	struct cron_change changes[6];
	size_t last = z->changes_count;
	int64_t from_s = last ? z->changes[last - 1].at_s : CRON_FIRST_S - DAY_S;
	struct cron_span s = {
		.begin_s = last ? from_s : INT64_MIN,
		.end_s = INT64_MAX,
		.offset_s = last ? z->changes[last - 1].offset_s : z->first_s,
		.before_s = last > 1 ? z->changes[last - 2].offset_s : z->first_s,
	};
	int year;
	int month, day;
	cron_civil(cron_floor(at_s, DAY_S), &year, &month, &day);
	size_t n = rule_changes(z, year, from_s + 1, changes);
	for (size_t i = 0; i < n; i++) {
		if (changes[i].at_s > at_s) {
			s.end_s = changes[i].at_s;
			break;
		}
		s.begin_s = changes[i].at_s;
		s.before_s = i > 0 ? changes[i - 1].offset_s : s.offset_s;
		s.offset_s = changes[i].offset_s;
	}
	return s;
}

struct cron_span cron_zone_span(const struct cron_zone *z, int64_t at_s)
{
	if (!z)
		return (struct cron_span){ INT64_MIN, INT64_MAX, 0, 0 };
	at_s = MAX(MIN(at_s, CRON_LAST_S + DAY_S), CRON_FIRST_S - DAY_S);
	size_t low = 0, high = z->changes_count; /* the first change after at_s */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (z->changes[middle].at_s <= at_s)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == z->changes_count && z->has_summer)
		return rule_span(z, at_s);
	struct cron_span s = { INT64_MIN, INT64_MAX, z->first_s, z->first_s };
	if (low < z->changes_count)
		s.end_s = z->changes[low].at_s;
	if (low > 0) {
		s.begin_s = z->changes[low - 1].at_s;
		s.offset_s = z->changes[low - 1].offset_s;
		s.before_s = low > 1 ? z->changes[low - 2].offset_s : z->first_s;
	}
	return s;
}
