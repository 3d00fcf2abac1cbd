#include "apiserver/schedule.h"

#include "common/base/jsonx.h"
#include "tests/support/check.h"

static const struct {
	const char *kind, *schedule, *want;
} rows[] = {
	{ "CronJob", "*/5 * * * *", "" },
	{ "CronJob", "@hourly", "" },
	{ "CronJob", "", "" },                 /* said by the kind's rules */
	{ "CronJob", "TZ=UTC 0 * * * *", "" }, /* the same */
	{ "Job", "x", "" },
	{ "CronJob", "99 * * * *",
	  "spec.schedule: Invalid value: \"99 * * * *\": field 1 (minute): '99' is not within "
	  "0-59" },
	{ "CronJob", "* * *",
	  "spec.schedule: Invalid value: \"* * *\": expected 5 fields (minute hour day-of-month "
	  "month day-of-week), found 3" },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct field_errors errors = { 0 };
		AUTO_STR got;
		str_init(&got, 4096);
		str_add(&got, "");
		AUTO_JSON *tree = json_pack("{s:{s:s}}", "spec", "schedule", rows[i].schedule);
		schedule_check(schema_kind_by_kind("batch", "v1", rows[i].kind), tree, &errors);
		for (size_t k = 0; k < errors.count; k++)
			field_error_text(&errors.at[k], &got);
		field_errors_fini(&errors);
		CHECK_TEXT(rows[i].schedule, got.data, rows[i].want);
	}
	return 0;
}
