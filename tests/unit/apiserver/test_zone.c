/* Zones that a CronJob may name: those of a folder, here the corpus' own. */
#include "apiserver/zone.h"

#include "common/base/jsonx.h"
#include "common/io/zone_names.h"
#include "tests/support/check.h"

#define UNKNOWN(name) "spec.timeZone: Invalid value: \"" name "\": unknown time zone " name

static const struct {
	const char *kind, *zone, *was, *want;
} rows[] = {
	{ "CronJob", "tzif/Europe_Berlin", NULL, "" },
	{ "CronJob", "tzif/Asia_Atlantis", NULL, UNKNOWN("tzif/Asia_Atlantis") },
	{ "CronJob", "tzif/Asia_Atlantis", "tzif/Europe_Berlin", UNKNOWN("tzif/Asia_Atlantis") },
	{ "CronJob", "tzif/Asia_Atlantis", "tzif/Asia_Atlantis", "" }, /* not now's mistake */
	{ "CronJob", "tzif/europe_berlin", NULL, UNKNOWN("tzif/europe_berlin") },
	{ "CronJob", "tzif", NULL, "spec.timeZone: Invalid value: \"tzif\": is a directory" },
	{ "CronJob", "cron/s01", NULL,
	  "spec.timeZone: Invalid value: \"cron/s01\": malformed time zone information" },
	{ "CronJob", "UTC", NULL, "" }, /* without a file */
	{ "CronJob", "utc", NULL, UNKNOWN("utc") },
	{ "CronJob", "Local", NULL, "" }, /* refused by the kind's rules */
	{ "CronJob", "local", NULL, UNKNOWN("local") },
	{ "CronJob", "", NULL, "" }, /* refused by the kind's rules, as all that follow */
	{ "CronJob", "../tzif", NULL, "" },
	{ "CronJob", "/tzif", NULL, "" },
	{ "Job", "tzif/Asia_Atlantis", NULL, "" },
};

static void check(const struct zone_names *zones, size_t i, const char *want)
{
	struct field_errors errors = { 0 };
	AUTO_STR got;
	str_init(&got, 4096);
	AUTO_JSON *tree = json_pack("{s:{s:s}}", "spec", "timeZone", rows[i].zone);
	AUTO_JSON *old =
		rows[i].was ? json_pack("{s:{s:s}}", "spec", "timeZone", rows[i].was) : NULL;
	zone_check(zones, schema_kind_by_kind("batch", "v1", rows[i].kind), tree, old, &errors);
	for (size_t k = 0; k < errors.count; k++)
		field_error_text(&errors.at[k], &got);
	field_errors_fini(&errors);
	CHECK_TEXT(rows[i].zone, got.data, want);
}

int main(void)
{
	char folder[4096];
	CHECK(getcwd(folder, sizeof folder - 100));
	strncat(folder, "/tests/fuzz/corpus", 30);
	setenv("TZDIR", folder, 1);
	AUTO(zone_names) *zones = zone_names_new();
	CHECK(zones);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check(zones, i, rows[i].want);
		check(NULL, i, "");
	}
	setenv("TZDIR", "/nonexistent", 1);
	CHECK(!zone_names_new());
	return 0;
}
