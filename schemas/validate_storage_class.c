/* The kinds of storage.k8s.io. */
#include "schemas/rule.h"
#include "schemas/rule_hook.h"

#define PARAMETERS_MAX      512
#define PARAMETERS_SIZE_MAX (256 * 1024)
#define ERROR_SIZE_MAX      1024
#define NODE_ID_SIZE_MAX    256
#define DRIVER_SIZE_MAX     63

void rule_driver_name(struct field_errors *e, const struct path *at, const char *name)
{
	const char *problems[NAME_PROBLEMS_MAX];
	rule_required(e, at, name);
	if (!name || !*name)
		return;
	if (strlen(name) > DRIVER_SIZE_MAX)
		rule_broken(e, FIELD_TOO_LONG, at, NULL, "may not be more than %d bytes",
			    DRIVER_SIZE_MAX);
	auto_free char *small = name_lower(name);
	size_t count = name_dns_subdomain(small, problems);
	for (size_t i = 0; i < count; i++)
		rule_bad_text(e, FIELD_INVALID, at, name, "%s", problems[i]);
}

static void check_provisioner(const json_t *tree, const char *field, struct field_errors *e)
{
	const char *name = json_str_or(tree, field, "");
	auto_free char *small = name_lower(name);
	rule_required_name(e, PATH(NULL, field), small, name_label_key);
}

static void check_parameters(const json_t *map, bool may_be_empty, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "parameters");
	size_t size = 0;
	const char *key;
	json_t *value;
	if (json_object_size(map) > PARAMETERS_MAX) {
		rule_broken(e, FIELD_TOO_LONG, at, NULL, "may not be more than %d bytes",
			    PARAMETERS_MAX);
		return;
	}
	json_object_foreach ((json_t *)(uintptr_t)map, key, value) {
		if (!*key)
			rule_bad_text(e, FIELD_INVALID, at, key, "field can not be empty.");
		size += strlen(key) + json_string_length(value);
	}
	if (size > PARAMETERS_SIZE_MAX)
		rule_broken(e, FIELD_TOO_LONG, at, NULL, "may not be more than %d bytes",
			    PARAMETERS_SIZE_MAX);
	if (!may_be_empty && !json_object_size(map))
		rule_broken(e, FIELD_REQUIRED, at, NULL,
			    "must contain at least one key/value pair");
}

static void check_topology_values(const json_t *list, const struct path *at, struct field_errors *e)
{
	auto_free size_t *firsts = RULE_FIRSTS(list);
	if (!json_array_size(list))
		rule_required(e, at, NULL);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (firsts[i] != i)
			rule_broken(e, FIELD_DUPLICATE, PATH_AT(at, i), json_array_get(list, i),
				    NULL);
}

static void check_topologies(const json_t *terms, struct field_errors *e)
{
	auto_free size_t *terms_firsts = RULE_FIRSTS(terms, "matchLabelExpressions");
	for (size_t i = 0; i < json_array_size(terms); i++) {
		const json_t *list =
			json_object_get(json_array_get(terms, i), "matchLabelExpressions");
		const struct path *at =
			PATH(PATH_AT(PATH(NULL, "allowedTopologies"), i), "matchLabelExpressions");
		auto_free size_t *firsts = NULL;
		for (size_t k = 0; k < json_array_size(list); k++) {
			const json_t *one = json_array_get(list, k);
			const struct path *here = PATH_AT(at, k);
			check_topology_values(json_object_get(one, "values"), PATH(here, "values"),
					      e);
			rule_name(e, PATH(here, "key"), json_str_or(one, "key", ""),
				  name_label_key);
			if (rule_is_again(&firsts, list, k, "key"))
				rule_bad_text(e, FIELD_DUPLICATE, PATH(here, "key"),
					      json_str(one, "key"), NULL);
		}
		/* The original compares what it has made of them: nothing is like nothing. */
		if (!json_array_size(list) || terms_firsts[i] != i)
			rule_bad_text(e, FIELD_DUPLICATE, at, "", NULL);
	}
}

void validate_storage_class(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const fates[] = { "Delete", "Retain", NULL };
	static const char *const binding[] = { "Immediate", "WaitForFirstConsumer", NULL };
	static const char *const fixed[] = { "reclaimPolicy", "volumeBindingMode" };
	check_provisioner(tree, "provisioner", e);
	check_parameters(json_object_get(tree, "parameters"), true, e);
	if (*json_str_or(tree, "reclaimPolicy", ""))
		rule_enum(e, NULL, tree, "reclaimPolicy", fates);
	rule_enum(e, NULL, tree, "volumeBindingMode", binding);
	check_topologies(json_object_get(tree, "allowedTopologies"), e);
	if (!old)
		return;
	rule_unchanged(e, PATH(NULL, "parameters"), json_object_get(tree, "parameters"),
		       json_object_get(old, "parameters"));
	rule_unchanged_text(e, PATH(NULL, "provisioner"), json_object_get(tree, "provisioner"),
			    json_object_get(old, "provisioner"));
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		rule_unchanged(e, PATH(NULL, fixed[i]), json_object_get(tree, fixed[i]),
			       json_object_get(old, fixed[i]));
}

void validate_attributes_class(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const fixed[] = { "driverName", "parameters" };
	for (size_t i = 0; i < ARRAY_LEN(fixed) && old; i++)
		if (!rule_same(json_object_get(tree, fixed[i]), json_object_get(old, fixed[i])))
			rule_broken(e, FIELD_FORBIDDEN, PATH(NULL, fixed[i]), NULL,
				    "updates to %s are forbidden.", fixed[i]);
	check_provisioner(tree, "driverName", e);
	check_parameters(json_object_get(tree, "parameters"), false, e);
}

static void check_token_requests(const json_t *list, const struct path *at, struct field_errors *e)
{
	auto_free size_t *firsts = RULE_FIRSTS(list, "audience");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const json_t *seconds = json_object_get(one, "expirationSeconds");
		const char *audience = json_str_or(one, "audience", "");
		const struct path *here = PATH_AT(at, i);
		bool is_again = firsts[i] != i;
		if (is_again)
			rule_bad_text(e, FIELD_DUPLICATE, PATH(here, "audience"), audience, NULL);
		if (is_again || !seconds)
			continue;
		if (json_integer_value(seconds) < 600)
			rule_broken(e, FIELD_INVALID, PATH(here, "expirationSeconds"), seconds,
				    "may not specify a duration less than 10 minutes");
		if (json_integer_value(seconds) > 1LL << 32)
			rule_broken(e, FIELD_INVALID, PATH(here, "expirationSeconds"), seconds,
				    "may not specify a duration larger than 2^32 seconds");
	}
}

void validate_csi_driver(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const groups[] = { "File", "None", "ReadWriteOnceWithFSType", NULL };
	static const char *const lives[] = { "Persistent", "Ephemeral", NULL };
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *list = json_object_get(spec, "volumeLifecycleModes");
	const json_t *period = json_object_get(spec, "nodeAllocatableUpdatePeriodSeconds");
	const json_t *tokens = json_object_get(spec, "tokenRequests");
	rule_enum(e, at, spec, "fsGroupPolicy", groups);
	check_token_requests(tokens, PATH(at, "tokenRequests"), e);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!rule_is_one_of(json_string_value(json_array_get(list, i)), lives))
			rule_unsupported(e, PATH(at, "volumeLifecycleModes"),
					 json_string_value(json_array_get(list, i)), lives);
	if (period && json_integer_value(period) < 10)
		rule_broken(e, FIELD_INVALID, PATH(at, "nodeAllocatableUpdatePeriodSeconds"),
			    period, "must be greater than or equal to 10 seconds");
	if (json_object_get(spec, "serviceAccountTokenInSecrets") && !json_array_size(tokens))
		rule_broken(e, FIELD_INVALID, PATH(at, "serviceAccountTokenInSecrets"),
			    json_object_get(spec, "serviceAccountTokenInSecrets"),
			    "serviceAccountTokenInSecrets is set but no tokenRequests are "
			    "specified");
	if (!old)
		return;
	const json_t *before = json_object_get(old, "spec");
	rule_unchanged(e, PATH(at, "attachedRequired"), json_object_get(spec, "attachRequired"),
		       json_object_get(before, "attachRequired"));
	rule_unchanged(e, PATH(at, "volumeLifecycleModes"), list,
		       json_object_get(before, "volumeLifecycleModes"));
}

static void check_node_driver(const json_t *driver, bool is_again, const struct path *at,
			      struct field_errors *e)
{
	const json_t *keys = json_object_get(driver, "topologyKeys");
	auto_free size_t *firsts = RULE_FIRSTS(keys);
	const char *name = json_str_or(driver, "name", "");
	const char *id = json_str_or(driver, "nodeID", "");
	rule_driver_name(e, PATH(at, "name"), name);
	rule_required(e, PATH(at, "nodeID"), id);
	if (strlen(id) > NODE_ID_SIZE_MAX)
		rule_bad_text(e, FIELD_INVALID, PATH(at, "nodeID"), id,
			      "must be %d characters or less", NODE_ID_SIZE_MAX);
	rule_at_least(e, PATH(at, "allocatable"), json_object_get(driver, "allocatable"), "count",
		      0);
	if (is_again)
		rule_bad_text(e, FIELD_DUPLICATE, PATH(at, "name"), name, NULL);
	for (size_t k = 0; k < json_array_size(keys); k++) {
		const char *key = json_string_value(json_array_get(keys, k));
		rule_required(e, at, key);
		if (firsts[k] != k)
			rule_bad_text(e, FIELD_DUPLICATE, at, key, NULL);
		rule_name(e, at, key, name_label_key);
	}
}

void validate_csi_node(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "spec"), "drivers");
	const json_t *drivers = json_dig(tree, "spec.drivers"), *before;
	auto_free size_t *firsts = RULE_FIRSTS(drivers, "name");
	for (size_t i = 0; i < json_array_size(drivers); i++)
		check_node_driver(json_array_get(drivers, i), firsts[i] != i, PATH_AT(at, i), e);
	before = old ? json_dig(old, "spec.drivers") : NULL;
	AUTO_NAMES names;
	rule_names_init(&names, drivers, "name");
	for (size_t i = 0; i < json_array_size(before); i++) {
		const char *name = json_str_or(json_array_get(before, i), "name", "");
		size_t k = rule_names_sorted(&names, name);
		for (; k < names.count && streq(names.at[k].text, name); k++) {
			AUTO_JSON *was = json_copy(json_array_get(before, i));
			AUTO_JSON *now = json_copy(json_array_get(drivers, names.at[k].place));
			json_object_del(was, "allocatable");
			json_object_del(now, "allocatable");
			rule_unchanged(e, at, now, was);
		}
	}
}

void validate_capacity(const json_t *tree, const json_t *old, struct field_errors *e)
{
	rule_label_selector(e, PATH(NULL, "nodeTopology"), json_object_get(tree, "nodeTopology"));
	rule_name(e, PATH(NULL, "storageClassName"), json_str_or(tree, "storageClassName", ""),
		  name_dns_subdomain);
	rule_quantity_at_least_0(e, PATH(NULL, "capacity"), json_object_get(tree, "capacity"));
	if (!old)
		return;
	rule_unchanged_selector(e, PATH(NULL, "nodeTopology"),
				json_object_get(tree, "nodeTopology"),
				json_object_get(old, "nodeTopology"));
	rule_unchanged_text(e, PATH(NULL, "storageClassName"),
			    json_object_get(tree, "storageClassName"),
			    json_object_get(old, "storageClassName"));
}

static void check_attachment_source(const json_t *source, const struct path *at,
				    struct field_errors *e)
{
	const json_t *inner = json_object_get(source, "inlineVolumeSpec");
	const char *name = json_str(source, "persistentVolumeName");
	if (!inner == !name)
		rule_broken(e, inner ? FIELD_FORBIDDEN : FIELD_REQUIRED, at, NULL,
			    "must specify exactly one of inlineVolumeSpec and "
			    "persistentVolumeName");
	else if (name && !*name)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "persistentVolumeName"), NULL,
			    "must specify non empty persistentVolumeName");
	else if (inner)
		validate_volume_spec(inner, "", true, PATH(at, "inlineVolumeSpec"), e);
}

void validate_attachment_status(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const errors[] = { "attachError", "detachError" };
	(void)old;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		const json_t *error = json_at(tree, "status", errors[i]);
		const struct path *here = PATH(PATH(NULL, "status"), errors[i]);
		/* The words name another bound than the rule has. */
		if (strlen(json_str_or(error, "message", "")) > ERROR_SIZE_MAX)
			rule_broken(e, FIELD_TOO_LONG, PATH(here, "message"), NULL,
				    "may not be more than %d bytes", PARAMETERS_SIZE_MAX);
		rule_between(e, here, error, "errorCode", 0, INT32_MAX);
	}
}

void validate_attachment(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *source = json_object_get(spec, "source");
	const char *volume = json_str(source, "persistentVolumeName");
	rule_driver_name(e, PATH(at, "attacher"), json_str(spec, "attacher"));
	check_attachment_source(source, PATH(at, "source"), e);
	rule_name(e, PATH(at, "nodeName"), json_str_or(spec, "nodeName", ""), name_dns_subdomain);
	if (volume)
		rule_name(e, PATH(PATH(at, "source"), "persistentVolumeName"), volume,
			  name_dns_subdomain);
	if (old)
		rule_unchanged(e, at, spec, json_object_get(old, "spec"));
}
