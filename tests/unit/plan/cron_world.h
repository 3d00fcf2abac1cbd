/* cron_world.h - what the tests of cron_plan share: zones from the corpus, times as text. */
#pragma once

#include "common/base/str.h"
#include "common/base/time_text.h"
#include "common/plan/cron_plan.h"
#include "tests/support/check.h"

#define ZONES "tests/fuzz/corpus/tzif/"

/* "Europe/Berlin" stands in the corpus as Europe_Berlin. */
static inline void zone_path(const char *name, char ret[256])
{
	int n = snprintf(ret, 256, ZONES "%s", name);
	CHECK(n > 0 && n < 256);
	for (char *c = ret + strlen(ZONES); *c; c++)
		if (*c == '/')
			*c = '_';
}

static inline void read_zone(const char *name, struct arena *a, struct cron_zone *ret)
{
	char path[256];
	struct error err = { .text = "" };
	uint8_t *bytes = xcalloc(CRON_ZONE_BYTES_MAX, 1);
	zone_path(name, path);
	FILE *file = fopen(path, "rbe");
	CHECK(file);
	size_t n = fread(bytes, 1, CRON_ZONE_BYTES_MAX, file);
	fclose(file);
	int code = cron_zone_parse(bytes, n, a, ret, &err);
	CHECK_TEXT(name, code < 0 ? err.text : "", "");
	free(bytes);
}

static inline struct cron_schedule schedule_of(const char *text)
{
	struct cron_schedule s;
	struct error err;
	int code = cron_parse(text, &s, &err);
	CHECK_TEXT(text, code < 0 ? err.text : "", "");
	return s;
}

static inline int64_t seconds_of(const char *text)
{
	int64_t us;
	CHECK(time_parse(text, &us));
	return us / 1000000;
}

static inline void add_time(struct str *out, int64_t at_s)
{
	char text[TIME_TEXT_SIZE] = "never";
	if (at_s != CRON_NONE)
		time_format(at_s * 1000000, text);
	str_addf(out, "%s%s", out->len ? " " : "", text);
}
