#include "schemas/quantity.h"
#include "schemas/rule.h"

/* What variables and files may take from their pod (the downward API). */

/* What stands between the quotes of PATH['NAME']; false: it is no such text. */
static bool split_subscript(const char *text, char **ret_path, char **ret_name)
{
	size_t n = strlen(text);
	const char *open = strstr(text, "['");
	if (!open || open == text || n < 2 || !streq(text + n - 2, "']") || open + 2 > text + n - 2)
		return false;
	*ret_path = xstrndup(text, (size_t)(open - text));
	*ret_name = xstrndup(open + 2, (size_t)(text + n - 2 - (open + 2)));
	return true;
}

void validate_field_ref(const json_t *ref, const char *const *known, const struct path *at,
			struct field_errors *e)
{
	static const char *const fields[] = { "metadata.annotations",
					      "metadata.labels",
					      "metadata.name",
					      "metadata.namespace",
					      "metadata.uid",
					      "spec.host",
					      "spec.nodeName",
					      "status.phase",
					      "spec.restartPolicy",
					      "status.hostIP",
					      "status.hostIPs",
					      "spec.schedulerName",
					      "status.podIP",
					      "status.podIPs",
					      "spec.serviceAccountName",
					      NULL };
	const struct path *path_at = PATH(at, "fieldPath");
	const char *version = json_str_or(ref, "apiVersion", "");
	const char *text = json_str_or(ref, "fieldPath", "");
	auto_free char *path = NULL, *name = NULL, *lower = NULL;
	rule_required(e, PATH(at, "apiVersion"), version);
	rule_required(e, path_at, text);
	if (!*version || !*text)
		return;
	bool has_name = split_subscript(text, &path, &name);
	lower = has_name ? name_lower(name) : NULL;
	bool is_label = has_name && streq(path, "metadata.labels");
	bool is_annotation = has_name && streq(path, "metadata.annotations");
	if (!streq(version, "v1"))
		rule_bad_text(e, FIELD_INVALID, path_at, text,
			      "error converting fieldPath: unsupported pod version: %s", version);
	else if (has_name && !is_label && !is_annotation)
		rule_bad_text(e, FIELD_INVALID, path_at, text,
			      "error converting fieldPath: field label does not support "
			      "subscript: %s",
			      text);
	else if (is_label)
		rule_name(e, at, name, name_label_key);
	else if (is_annotation)
		rule_name(e, at, lower, name_label_key);
	else if (!rule_is_one_of(text, fields))
		rule_bad_text(e, FIELD_INVALID, path_at, text,
			      "error converting fieldPath: field label not supported: %s", text);
	else if (!rule_is_one_of(streq(text, "spec.host") ? "spec.nodeName" : text, known))
		rule_unsupported(e, path_at, text, known);
}

static void check_divisor(const char *resource, const char *divisor, const struct path *at,
			  struct field_errors *e)
{
	static const char *const cores[] = { "1m", "1", NULL };
	static const char *const bytes[] = { "1",   "1k",  "1M",  "1G",  "1T",  "1P",  "1E",
					     "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei", NULL };
	const char *dot = strchr(resource, '.');
	const char *of = dot ? dot + 1 : resource;
	bool is_cpu = streq(of, "cpu");
	const char *shown = streq(of, "memory")             ? "memory"
			    : starts_with(of, "hugepages-") ? "hugepages"
							    : "local ephemeral storage";
	if (quantity_milli(divisor) == 0 || rule_is_one_of(divisor, is_cpu ? cores : bytes))
		return;
	if (is_cpu)
		rule_bad_text(e, FIELD_INVALID, PATH(at, "divisor"), resource,
			      "only divisor's values 1m and 1 are supported with the cpu resource");
	else
		rule_bad_text(e, FIELD_INVALID, PATH(at, "divisor"), resource,
			      "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, "
			      "1Ti, 1Pi, 1Ei are supported with the %s resource",
			      shown);
}

void validate_resource_ref(const json_t *ref, bool in_volume, const struct path *at,
			   struct field_errors *e)
{
	static const char *const known[] = { "limits.cpu",
					     "limits.ephemeral-storage",
					     "limits.memory",
					     "requests.cpu",
					     "requests.ephemeral-storage",
					     "requests.memory",
					     NULL };
	const char *resource = json_str_or(ref, "resource", "");
	bool is_pages = starts_with(resource, "limits.hugepages-") ||
			starts_with(resource, "requests.hugepages-");
	if (in_volume && !*json_str_or(ref, "containerName", ""))
		rule_required(e, PATH(at, "containerName"), NULL);
	else if (!*resource)
		rule_required(e, PATH(at, "resource"), NULL);
	else if (!is_pages && !rule_is_one_of(resource, known))
		rule_unsupported(e, PATH(at, "resource"), resource, known);
	if (*resource && (is_pages || rule_is_one_of(resource, known)))
		check_divisor(resource, json_str_or(ref, "divisor", "0"), at, e);
}
