/*
 * ResourceClaim, ResourceClaimTemplate, DeviceClass, ResourceSlice. Expressions are stored and not
 * compiled.
 */
#include "schemas/rule.h"

#define LIST_MAX            32
#define CHOICES_MAX         8
#define COUNTERS_MAX        8
#define DEVICES_MAX         128
#define SPECIAL_DEVICES_MAX 64 /* with taints or counters */
#define PROPERTIES_MAX      32
#define PARAMETERS_SIZE_MAX (10 * 1024)
#define EXPRESSION_SIZE_MAX (10 * 1024)
#define IDENTIFIER_SIZE_MAX 32
#define VALUE_SIZE_MAX      64
#define POOL_NAME_SIZE_MAX  253

static void check_identifier(const char *name, const struct path *at, struct field_errors *e)
{
	bool is_good = *name && !(*name >= '0' && *name <= '9');
	if (strlen(name) > IDENTIFIER_SIZE_MAX)
		rule_broken(e, FIELD_TOO_LONG, at, NULL, "may not be more than %d bytes",
			    IDENTIFIER_SIZE_MAX);
	for (const char *p = name; *p; p++)
		is_good &= (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			   (*p >= '0' && *p <= '9') || *p == '_';
	if (!is_good)
		rule_bad_text(
			e, FIELD_INVALID, at, name,
			"a valid C identifier must start with alphabetic character or '_', "
			"followed by a string of alphanumeric characters or '_' (e.g. "
			"'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is "
			"'[A-Za-z_][A-Za-z0-9_]*')");
}

/* [domain/]identifier */
static void check_qualified(const char *name, const struct path *at, struct field_errors *e)
{
	const char *slash = strchr(name, '/');
	if (!slash) {
		check_identifier(name, at, e);
		return;
	}
	if (strchr(slash + 1, '/'))
		return;
	auto_free char *domain = xasprintf("%.*s", (int)(slash - name), name);
	if (!*domain)
		rule_bad_text(e, FIELD_INVALID, at, "", "the domain must not be empty");
	else
		rule_driver_name(e, at, domain);
	if (!slash[1])
		rule_bad_text(e, FIELD_INVALID, at, "", "the name must not be empty");
	else
		check_identifier(slash + 1, at, e);
}

static void check_selectors(const json_t *list, const struct path *at, struct field_errors *e)
{
	if (rule_is_too_many(list, LIST_MAX, at, e))
		return;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *cel = json_object_get(json_array_get(list, i), "cel");
		const struct path *here = PATH(PATH_AT(at, i), "cel");
		if (!cel)
			rule_required(e, here, NULL);
		else if (strlen(json_str_or(cel, "expression", "")) > EXPRESSION_SIZE_MAX)
			rule_broken(e, FIELD_TOO_LONG, PATH(here, "expression"), NULL,
				    "may not be more than %d bytes", EXPRESSION_SIZE_MAX);
	}
}

/* An exact request, or one of several to choose from. */
static void check_wanted(const json_t *o, const struct path *at, struct field_errors *e)
{
	static const char *const modes[] = { "All", "ExactCount", NULL };
	const char *mode = json_str_or(o, "allocationMode", "");
	AUTO_JSON *count = json_integer(json_int_or(o, "count", 0));
	rule_required_name(e, PATH(at, "deviceClassName"), json_str(o, "deviceClassName"),
			   name_dns_subdomain);
	check_selectors(json_object_get(o, "selectors"), PATH(at, "selectors"), e);
	if (!rule_is_one_of(mode, modes))
		rule_unsupported(e, PATH(at, "allocationMode"), mode, modes);
	else if (streq(mode, "All") && json_integer_value(count))
		rule_broken(e, FIELD_INVALID, PATH(at, "count"), count,
			    "must not be specified when allocationMode is 'All'");
	else if (streq(mode, "ExactCount") && json_integer_value(count) <= 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "count"), count,
			    "must be greater than zero");
	validate_device_tolerations(json_object_get(o, "tolerations"), PATH(at, "tolerations"), e);
}

static void check_request(const json_t *request, const struct path *at, struct field_errors *e)
{
	const json_t *exactly = json_object_get(request, "exactly");
	const json_t *choices = json_object_get(request, "firstAvailable");
	const struct path *here = PATH(at, "firstAvailable");
	AUTO_JSON *nothing = json_null();
	rule_name(e, PATH(at, "name"), json_str_or(request, "name", ""), name_dns_label);
	auto_free size_t *firsts = NULL;
	if (!exactly && !json_array_size(choices))
		rule_broken(e, FIELD_REQUIRED, at, NULL,
			    "exactly one of `exactly` or `firstAvailable` is required");
	else if (exactly && json_array_size(choices))
		rule_broken(
			e, FIELD_INVALID, at, nothing,
			"exactly one of `exactly` or `firstAvailable` is required, but multiple "
			"fields are set");
	else if (exactly)
		check_wanted(exactly, PATH(at, "exactly"), e);
	else if (!rule_is_too_many(choices, CHOICES_MAX, here, e))
		for (size_t i = 0; i < json_array_size(choices); i++) {
			const json_t *choice = json_array_get(choices, i);
			const char *name = json_str_or(choice, "name", "");
			rule_name(e, PATH(PATH_AT(here, i), "name"), name, name_dns_label);
			check_wanted(choice, PATH_AT(here, i), e);
			if (rule_is_again(&firsts, choices, i, "name"))
				rule_bad_text(e, FIELD_DUPLICATE, PATH_AT(here, i), name, NULL);
		}
}

/* Whether the claim has a request of that name, or one with such a choice: "a" or "a/b". */
bool device_claim_has_request(const json_t *claim, const char *name)
{
	const json_t *requests = json_object_get(claim, "requests");
	size_t n = strcspn(name, "/");
	for (size_t i = 0; i < json_array_size(requests); i++) {
		const json_t *one = json_array_get(requests, i);
		const json_t *choices = json_object_get(one, "firstAvailable");
		const char *own = json_str_or(one, "name", "");
		if (strlen(own) != n || strncmp(own, name, n) != 0)
			continue;
		if (!name[n])
			return true;
		for (size_t k = 0; k < json_array_size(choices); k++)
			if (streq(json_str_or(json_array_get(choices, k), "name", ""),
				  name + n + 1))
				return true;
	}
	return false;
}

static void check_references(const json_t *list, const json_t *claim, const struct path *at,
			     struct field_errors *e)
{
	static const char words[] = "must be the name of a request in the claim or the name of a "
				    "request and a subrequest separated by '/'";
	if (rule_is_too_many(list, LIST_MAX, at, e))
		return;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		const char *slash = strchr(name, '/');
		auto_free char *first = xasprintf("%.*s", (int)strcspn(name, "/"), name);
		if (slash && strchr(slash + 1, '/')) {
			rule_bad_text(e, FIELD_INVALID, PATH_AT(at, i), name, words);
			continue;
		}
		rule_name(e, PATH_AT(at, i), first, name_dns_label);
		if (slash)
			rule_name(e, PATH_AT(at, i), slash + 1, name_dns_label);
		if (!device_claim_has_request(claim, name))
			rule_bad_text(e, FIELD_INVALID, PATH_AT(at, i), name, words);
	}
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (rule_is_again(&firsts, list, i, NULL))
			rule_bad_text(e, FIELD_DUPLICATE, PATH_AT(at, i),
				      json_string_value(json_array_get(list, i)), NULL);
}

static void check_constraints(const json_t *claim, const struct path *at, struct field_errors *e)
{
	const json_t *list = json_object_get(claim, "constraints");
	at = PATH(at, "constraints");
	if (rule_is_too_many(list, LIST_MAX, at, e))
		return;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const struct path *here = PATH_AT(at, i);
		const char *same = json_str(one, "matchAttribute");
		const char *other = json_str(one, "distinctAttribute");
		const char *name = same ? same : other;
		const struct path *name_at =
			PATH(here, same ? "matchAttribute" : "distinctAttribute");
		check_references(json_object_get(one, "requests"), claim, PATH(here, "requests"),
				 e);
		if (!name) {
			rule_broken(e, FIELD_REQUIRED, here, NULL,
				    "exactly one of \"matchAttribute\" or \"distinctAttribute\" is "
				    "required, but multiple fields are set");
			continue;
		}
		check_qualified(name, name_at, e);
		if (!strchr(name, '/'))
			rule_bad_text(
				e, FIELD_INVALID, name_at, name,
				"a fully qualified name must be a domain and a name separated "
				"by a slash");
	}
}

static void check_config(const json_t *list, const json_t *claim, const struct path *at,
			 struct field_errors *e)
{
	if (rule_is_too_many(list, LIST_MAX, at, e))
		return;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const json_t *opaque = json_object_get(one, "opaque");
		const json_t *parameters = json_object_get(opaque, "parameters");
		const struct path *here = PATH(PATH_AT(at, i), "opaque");
		if (claim)
			check_references(json_object_get(one, "requests"), claim,
					 PATH(PATH_AT(at, i), "requests"), e);
		if (!opaque) {
			rule_required(e, here, NULL);
			continue;
		}
		rule_driver_name(e, PATH(here, "driver"), json_str(opaque, "driver"));
		here = PATH(here, "parameters");
		auto_free char *text = json_dumps(parameters, JSON_COMPACT | JSON_ENCODE_ANY);
		if (!parameters)
			rule_required(e, here, NULL);
		else if (text && strlen(text) > PARAMETERS_SIZE_MAX)
			rule_broken(e, FIELD_TOO_LONG, here, NULL, "may not be more than %d bytes",
				    PARAMETERS_SIZE_MAX);
		else if (!json_is_object(parameters))
			rule_bad_text(e, FIELD_INVALID, here, "<value omitted>",
				      "must be a valid JSON object");
	}
}

static void check_claim(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *claim = json_object_get(spec, "devices");
	const json_t *requests = json_object_get(claim, "requests");
	at = PATH(at, "devices");
	const struct path *here = PATH(at, "requests");
	auto_free size_t *firsts = NULL;
	if (!rule_is_too_many(requests, LIST_MAX, here, e)) {
		for (size_t i = 0; i < json_array_size(requests); i++)
			check_request(json_array_get(requests, i), PATH_AT(here, i), e);
		for (size_t i = 0; i < json_array_size(requests); i++)
			if (rule_is_again(&firsts, requests, i, "name"))
				rule_bad_text(e, FIELD_DUPLICATE, PATH_AT(here, i),
					      json_str(json_array_get(requests, i), "name"), NULL);
	}
	check_constraints(claim, at, e);
	check_config(json_object_get(claim, "config"), claim, PATH(at, "config"), e);
}

void validate_device_claim(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	if (old)
		rule_unchanged(e, at, spec, json_object_get(old, "spec"));
	else
		check_claim(spec, at, e);
}

void validate_device_claim_template(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	validate_labels_and_annotations(PATH(at, "metadata"), json_object_get(spec, "metadata"), e);
	check_claim(json_object_get(spec, "spec"), PATH(at, "spec"), e);
	if (old)
		rule_unchanged(e, at, spec, json_object_get(old, "spec"));
}

void validate_device_class(const json_t *tree, const json_t *old, struct field_errors *e)
{
	(void)old;
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	check_selectors(json_object_get(spec, "selectors"), PATH(at, "selectors"), e);
	check_config(json_object_get(spec, "config"), NULL, PATH(at, "config"), e);
	const char *extended = json_str(spec, "extendedResourceName");
	if (extended && !validate_is_extended_resource(extended))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "extendedResourceName"), extended,
			      "must be a valid extended resource name");
}

void validate_pool_name(const char *name, const struct path *at, struct field_errors *e)
{
	if (!*name)
		rule_required(e, at, NULL);
	if (strlen(name) > POOL_NAME_SIZE_MAX)
		rule_broken(e, FIELD_TOO_LONG, at, NULL, "may not be more than %d bytes",
			    POOL_NAME_SIZE_MAX);
	for (const char *p = name; *name;) {
		size_t n = strcspn(p, "/");
		auto_free char *part = xasprintf("%.*s", (int)n, p);
		rule_name(e, at, part, name_dns_subdomain);
		if (!p[n])
			break;
		p += n + 1;
	}
}

static void check_pool(const json_t *pool, const struct path *at, struct field_errors *e)
{
	AUTO_JSON *slices = json_integer(json_int_or(pool, "resourceSliceCount", 0));
	AUTO_JSON *generation = json_integer(json_int_or(pool, "generation", 0));
	validate_pool_name(json_str_or(pool, "name", ""), PATH(at, "name"), e);
	if (json_integer_value(slices) <= 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "resourceSliceCount"), slices,
			    "must be greater than zero");
	if (json_integer_value(generation) < 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "generation"), generation,
			    "must be greater than or equal to zero");
}

/* Which nodes reach it: exactly one way of saying so. */
static void check_reach(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const char *const flags[] = { "allNodes", "perDeviceNodeSelection" };
	static const char ways[] = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, "
				   "`perDeviceNodeSelection` is required";
	const json_t *selector = json_object_get(spec, "nodeSelector");
	const json_t *terms = json_object_get(selector, "nodeSelectorTerms");
	const char *node = json_str(spec, "nodeName");
	size_t count = 0;
	AUTO_STR set;
	str_init(&set, 256);
	if (node && *node) {
		str_addf(&set, "`nodeName`");
		count++;
		rule_name(e, PATH(at, "nodeName"), node, name_dns_subdomain);
	} else if (node) {
		rule_bad_text(e, FIELD_INVALID, PATH(at, "nodeName"), node,
			      "must be either unset or set to a non-empty string");
	}
	if (selector) {
		str_addf(&set, "%s`nodeSelector`", count++ ? ", " : "");
		validate_node_selector(selector, PATH(at, "nodeSelector"), e);
		if (json_array_size(terms) != 1)
			rule_broken(e, FIELD_INVALID,
				    PATH(PATH(at, "nodeSelector"), "nodeSelectorTerms"), terms,
				    "must have exactly one node selector term");
	}
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		const json_t *flag = json_object_get(spec, flags[i]);
		if (json_is_true(flag))
			str_addf(&set, "%s`%s`", count++ ? ", " : "", flags[i]);
		else if (flag)
			rule_broken(e, FIELD_INVALID, PATH(at, flags[i]), flag,
				    "must be either unset or set to true");
	}
	auto_free char *shown = xasprintf("{%s}", set.len ? set.data : "");
	if (count == 0)
		rule_broken(e, FIELD_REQUIRED, at, NULL, "%s", ways);
	else if (count > 1)
		rule_bad_text(e, FIELD_INVALID, at, shown, "%s, but multiple fields are set", ways);
}

static void check_attribute(const json_t *o, const struct path *at, struct field_errors *e)
{
	static const char *const kinds[] = { "bool",  "int",  "string",  "version",
					     "bools", "ints", "strings", "versions" };
	const char *text = json_str_or(o, "string", "");
	size_t count = 0;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		count += json_object_get(o, kinds[i]) != NULL;
	if (strlen(text) > VALUE_SIZE_MAX)
		rule_broken(e, FIELD_TOO_LONG, PATH(at, "string"), NULL,
			    "may not be more than %d bytes", VALUE_SIZE_MAX);
	if (json_object_get(o, "version"))
		validate_device_version(json_str_or(o, "version", ""), PATH(at, "version"), e);
	if (count == 0)
		rule_bad_text(e, FIELD_INVALID, at, "", "exactly one value must be specified");
	else if (count > 1)
		rule_broken(e, FIELD_INVALID, at, o, "exactly one value must be specified");
}

static void check_device(const json_t *device, const struct path *at, struct field_errors *e)
{
	const json_t *attributes = json_object_get(device, "attributes");
	const json_t *capacity = json_object_get(device, "capacity");
	bool is_shared = json_bool_or(device, "allowMultipleAllocations", false);
	AUTO_JSON *count = json_integer(
		(json_int_t)(json_object_size(attributes) + json_object_size(capacity)));
	const char *name;
	json_t *value;
	rule_name(e, PATH(at, "name"), json_str_or(device, "name", ""), name_dns_label);
	if (json_integer_value(count) > PROPERTIES_MAX)
		rule_broken(e, FIELD_INVALID, at, count,
			    "the total number of attributes and capacities must not exceed %d",
			    PROPERTIES_MAX);
	json_object_foreach ((json_t *)(uintptr_t)attributes, name, value) {
		check_qualified(name, PATH(at, "attributes"), e);
		check_attribute(value, PATH_OF(PATH(at, "attributes"), name), e);
	}
	json_object_foreach ((json_t *)(uintptr_t)capacity, name, value) {
		check_qualified(name, PATH(at, "capacity"), e);
		if (!is_shared && json_object_get(value, "requestPolicy"))
			rule_broken(e, FIELD_FORBIDDEN,
				    PATH(PATH_OF(PATH(at, "capacity"), name), "requestPolicy"),
				    NULL, "allowMultipleAllocations must be true");
	}
	validate_device_taints(json_object_get(device, "taints"), PATH(at, "taints"), e);
}

static void check_devices(const json_t *list, const struct path *at, struct field_errors *e)
{
	size_t max = DEVICES_MAX;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_array_size(json_object_get(json_array_get(list, i), "taints")) ||
		    json_array_size(json_object_get(json_array_get(list, i), "consumesCounters")))
			max = SPECIAL_DEVICES_MAX;
	if (rule_is_too_many(list, max, at, e))
		return;
	for (size_t i = 0; i < json_array_size(list); i++)
		check_device(json_array_get(list, i), PATH_AT(at, i), e);
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (rule_is_again(&firsts, list, i, "name"))
			rule_bad_text(e, FIELD_DUPLICATE, PATH_AT(at, i),
				      json_str(json_array_get(list, i), "name"), NULL);
}

void validate_device_slice(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec"), *before = json_object_get(old, "spec");
	const json_t *counters = json_object_get(spec, "sharedCounters");
	rule_driver_name(e, PATH(at, "driver"), json_str(spec, "driver"));
	check_pool(json_object_get(spec, "pool"), PATH(at, "pool"), e);
	if (old) {
		rule_unchanged_text(e, PATH(PATH(at, "pool"), "name"), json_dig(spec, "pool.name"),
				    json_dig(before, "pool.name"));
		rule_unchanged_text(e, PATH(at, "driver"), json_object_get(spec, "driver"),
				    json_object_get(before, "driver"));
		rule_unchanged(e, PATH(at, "nodeName"), json_object_get(spec, "nodeName"),
			       json_object_get(before, "nodeName"));
	}
	check_reach(spec, at, e);
	if (counters && json_object_get(spec, "devices"))
		rule_bad_text(e, FIELD_INVALID, at, "",
			      "only one of `sharedCounters` or `devices` is allowed");
	check_devices(json_object_get(spec, "devices"), PATH(at, "devices"), e);
	(void)rule_is_too_many(counters, COUNTERS_MAX, PATH(at, "sharedCounters"), e);
}
