#include "apiserver/zone.h"

#include "common/base/jsonx.h"
#include "common/io/zone_names.h"
#include "schemas/cron_text.h"

void zone_check(const struct zone_names *zones, const struct schema_kind *kind, const json_t *tree,
		const json_t *old, struct field_errors *errors)
{
	if (!zones || !streq(kind->group, "batch") || !streq(kind->kind, "CronJob"))
		return;
	const json_t *value = json_dig(tree, "spec.timeZone");
	const char *name = json_string_value(value), *was = json_str(old, "spec.timeZone");
	bool is_fixed = name && (streq(name, "UTC") || streq(name, "Local"));
	/* What is no name at all the kind's own rules refuse, and Local. */
	if (!name || is_fixed || (was && streq(name, was)) || !cron_text_is_zone(name))
		return;
	switch (zone_names_find(zones, name)) {
	case ZONE_KNOWN:
	case ZONE_FOUND_COUNT:
		return;
	case ZONE_NONE:
		field_errors_add(errors, FIELD_INVALID, "spec.timeZone", value,
				 "unknown time zone %s", name);
		return;
	case ZONE_FOLDER:
		field_errors_add(errors, FIELD_INVALID, "spec.timeZone", value, "is a directory");
		return;
	case ZONE_BROKEN:
		field_errors_add(errors, FIELD_INVALID, "spec.timeZone", value,
				 "malformed time zone information");
		return;
	}
}
