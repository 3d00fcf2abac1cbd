/* APIService. */
#include "schemas/rule.h"

static void check_local(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const char *bundle = json_str_or(spec, "caBundle", "");
	const json_t *blind = json_object_get(spec, "insecureSkipTLSVerify");
	size_t n = strlen(bundle);
	if (n) {
		size_t padding = n - strcspn(bundle, "=");
		auto_free char *shown = xasprintf("%zu bytes", n / 4 * 3 - padding);
		rule_bad_text(e, FIELD_INVALID, PATH(at, "caBundle"), shown,
			      "local APIServices may not have a caBundle");
	}
	if (json_is_true(blind))
		rule_broken(e, FIELD_INVALID, PATH(at, "insecureSkipTLSVerify"), blind,
			    "local APIServices may not have insecureSkipTLSVerify");
}

static void check_priority(const json_t *spec, const char *field, int max, const struct path *at,
			   struct field_errors *e)
{
	AUTO_JSON *value = json_integer(json_int_or(spec, field, 0));
	if (json_integer_value(value) <= 0 || json_integer_value(value) > max)
		rule_broken(e, FIELD_INVALID, PATH(at, field), value,
			    "must be positive and less than %d", max);
}

void validate_api_service(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *service = json_object_get(spec, "service");
	const char *group = json_str_or(spec, "group", "");
	const char *version = json_str_or(spec, "version", "");
	const char *name = json_str_or(tree, "metadata.name", "");
	auto_free char *wanted = xasprintf("%s.%s", version, group);
	(void)old;
	if (name_is(name_path_segment, name) && !streq(name, wanted))
		rule_bad_text(e, FIELD_INVALID, PATH(PATH(NULL, "metadata"), "name"), name,
			      "must be `spec.version+\".\"+spec.group`: \"%s\"", wanted);
	if (!*group && !streq(version, "v1"))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "group"), NULL,
			    "only v1 may have an empty group and it better be legacy kube");
	if (*group)
		rule_name(e, PATH(at, "group"), group, name_dns_subdomain);
	rule_name(e, PATH(at, "version"), version, name_dns1035_label);
	check_priority(spec, "groupPriorityMinimum", 20000, at, e);
	check_priority(spec, "versionPriority", 1000, at, e);
	if (!service) {
		check_local(spec, at, e);
		return;
	}
	const struct path *here = PATH(at, "service");
	AUTO_JSON *port = json_integer(json_int_or(service, "port", 443));
	rule_required(e, PATH(here, "namespace"), json_str(service, "namespace"));
	rule_required(e, PATH(here, "name"), json_str(service, "name"));
	if (json_integer_value(port) < 1 || json_integer_value(port) > 65535)
		rule_broken(e, FIELD_INVALID, PATH(here, "port"), port,
			    "port is not valid: must be between 1 and 65535, inclusive");
	if (json_bool_or(spec, "insecureSkipTLSVerify", false) &&
	    *json_str_or(spec, "caBundle", ""))
		rule_broken(e, FIELD_INVALID, PATH(at, "insecureSkipTLSVerify"),
			    json_object_get(spec, "insecureSkipTLSVerify"),
			    "may not be true if caBundle is present");
}
