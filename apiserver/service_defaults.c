#include "apiserver/service_defaults.h"
#include "common/base/jsonx.h"

/* Behind all of Kubernetes' own groups. */
#define CUSTOM_GROUP_PRIORITY   1000
#define CUSTOM_VERSION_PRIORITY 100

static const char *managed(const json_t *tree)
{
	return json_member_str(json_dig(tree, "metadata.labels"), SERVICE_MANAGED);
}

/* What is empty need not be there. */
static bool is_same(const json_t *live, const json_t *wanted)
{
	static const char *const numbers[] = { "spec.groupPriorityMinimum",
					       "spec.versionPriority" };
	static const char *const texts[] = { "spec.group", "spec.version" };
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (json_int_or(live, numbers[i], 0) != json_int_or(wanted, numbers[i], 0) ||
		    !streq(json_str_or(live, texts[i], ""), json_str_or(wanted, texts[i], "")))
			return false;
	return !json_dig(live, "spec.service") && !json_dig(live, "spec.caBundle") &&
	       !json_bool_or(live, "spec.insecureSkipTLSVerify", false);
}

json_t *service_default_mend(const json_t *live, const json_t *wanted)
{
	const char *is = managed(live), *shall = managed(wanted);
	if (!is || (is_same(live, wanted) && streq(is, shall)))
		return NULL;
	json_t *tree = json_deep_copy(live);
	json_object_set(tree, "spec", json_object_get(wanted, "spec"));
	json_object_set_new(json_dig(tree, "metadata.labels"), SERVICE_MANAGED, json_string(shall));
	return tree;
}

json_t *service_of_custom(const char *group, const char *version)
{
	auto_free char *name = xasprintf("%s.%s", version, group);
	return json_pack("{s:s,s:s,s:{s:s,s:{s:s}},s:{s:s,s:s,s:i,s:i}}", "apiVersion",
			 "apiregistration.k8s.io/v1", "kind", "APIService", "metadata", "name",
			 name, "labels", SERVICE_MANAGED, "true", "spec", "group", group, "version",
			 version, "groupPriorityMinimum", CUSTOM_GROUP_PRIORITY, "versionPriority",
			 CUSTOM_VERSION_PRIORITY);
}

void service_create(json_t *tree, const char *now)
{
	if (json_dig(tree, "spec.service"))
		return;
	json_put(tree, "status",
		 json_pack("{s:[{s:s,s:s,s:s,s:s,s:s}]}", "conditions", "type", "Available",
			   "status", "True", "lastTransitionTime", now, "reason", "Local",
			   "message", "Local APIServices are always available"));
}
