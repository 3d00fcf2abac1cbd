#include "apiserver/schedule.h"

#include "common/base/jsonx.h"
#include "common/plan/cron_plan.h"

void schedule_check(const struct schema_kind *kind, const json_t *tree, struct field_errors *errors)
{
	struct cron_schedule parsed;
	struct error err;
	const json_t *schedule = json_dig(tree, "spec.schedule");
	const char *text = json_string_value(schedule);
	if (!streq(kind->group, "batch") || !streq(kind->kind, "CronJob") || !text || !*text ||
	    strstr(text, "TZ")) /* which is refused by the kind's own rules */
		return;
	if (cron_parse(text, &parsed, &err) < 0)
		field_errors_add(errors, FIELD_INVALID, "spec.schedule", schedule, "%s", err.text);
}
