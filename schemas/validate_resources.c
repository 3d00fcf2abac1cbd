#include "schemas/pod_sum.h"
#include "schemas/quantity.h"
#include "schemas/rule.h"

/* What containers, and pods as a whole, ask for and may have at most. */

static bool is_pages(const char *name)
{
	return starts_with(name, "hugepages-");
}

/* Others are given out once, and whole. */
static bool may_differ(const char *name)
{
	return !strchr(name, '/') && !is_pages(name);
}

static void check_name(const char *name, bool is_pod, const struct path *at, struct field_errors *e)
{
	static const char *const known[] = { "cpu", "hugepages-", "memory", NULL };
	const char *problems[NAME_PROBLEMS_MAX];
	size_t count = name_label_key(name, problems);
	for (size_t i = 0; i < count; i++)
		rule_bad_text(e, FIELD_INVALID, at, name, "%s", problems[i]);
	if (count)
		return;
	if (is_pod && !pod_has_resource(name)) {
		rule_unsupported(e, at, name, known);
	} else if (!strchr(name, '/') && !pod_has_resource(name) &&
		   !streq(name, "ephemeral-storage")) {
		rule_bad_text(e, FIELD_INVALID, at, name,
			      "must be a standard resource type or fully qualified");
		rule_bad_text(e, FIELD_INVALID, at, name,
			      "must be a standard resource for containers");
	}
}

static void check_quantity(const char *name, const json_t *quantity, bool is_pod,
			   const struct path *at, struct field_errors *e)
{
	const char *text = json_string_value(quantity);
	check_name(name, is_pod, at, e);
	if (text && *text == '-')
		rule_broken(e, FIELD_INVALID, at, quantity, "must be greater than or equal to 0");
	if (strchr(name, '/') && quantity_milli(text) % 1000 != 0)
		rule_broken(e, FIELD_INVALID, at, quantity, "must be an integer");
	if (!is_pages(name))
		return;
	int64_t page = quantity_value(name + strlen("hugepages-"));
	if (page <= 0 || quantity_value(text) % page != 0)
		rule_broken(e, FIELD_INVALID, at, quantity,
			    "%s is not positive integer multiple of %s", text ? text : "", name);
}

static void check_request(const json_t *limits, const char *name, const json_t *quantity,
			  const struct path *at, struct field_errors *e)
{
	const struct path *here = PATH(at, "requests");
	const char *limit = json_string_value(json_object_get(limits, name));
	int64_t asked = quantity_milli(json_string_value(quantity));
	if (!limit && !may_differ(name))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "limits"), NULL,
			    "Limit must be set for non overcommitable resources");
	else if (limit && !may_differ(name) && asked != quantity_milli(limit))
		rule_broken(e, FIELD_INVALID, here, quantity, "must be equal to %s limit of %s",
			    name, limit);
	else if (limit && asked > quantity_milli(limit))
		rule_broken(e, FIELD_INVALID, here, quantity,
			    "must be less than or equal to %s limit of %s", name, limit);
}

static void check_amounts(const json_t *resources, bool is_pod, const struct path *at,
			  struct field_errors *e)
{
	const json_t *limits = json_object_get(resources, "limits");
	const json_t *requests = json_object_get(resources, "requests");
	bool has_pages = false, has_room = false;
	const char *name;
	json_t *quantity;
	json_object_foreach ((json_t *)(uintptr_t)limits, name, quantity) {
		check_quantity(name, quantity, is_pod, PATH_OF(PATH(at, "limits"), name), e);
		has_pages |= is_pages(name);
		has_room |= streq(name, "cpu") || streq(name, "memory");
	}
	json_object_foreach ((json_t *)(uintptr_t)requests, name, quantity) {
		check_quantity(name, quantity, is_pod, PATH_OF(PATH(at, "requests"), name), e);
		check_request(limits, name, quantity, at, e);
		has_pages |= is_pages(name);
		has_room |= streq(name, "cpu") || streq(name, "memory");
	}
	if (has_pages && !has_room)
		rule_broken(e, FIELD_FORBIDDEN, at, NULL, "HugePages require cpu or memory");
}

void validate_resources(const json_t *resources, const struct path *at, struct field_errors *e)
{
	check_amounts(resources, false, at, e);
}

/* ---- of the pod as a whole ---- */

static void check_sum(const json_t *spec, const char *which, const char *name,
		      const struct path *at, struct field_errors *e)
{
	const json_t *own = json_object_get(json_at(spec, "resources", which), name);
	int64_t sum = pod_resource_sum(spec, which, name);
	if (!own || sum == 0 || sum <= quantity_milli(json_string_value(own)))
		return;
	char text[QUANTITY_TEXT_SIZE];
	pod_resource_text(name, sum, text);
	rule_broken(e, FIELD_INVALID, PATH_OF(PATH(at, which), name), own,
		    "must be greater than or equal to aggregate container %s of %s", which, text);
}

static void check_sums(const json_t *spec, const char *which, bool pages_alone,
		       const struct path *at, struct field_errors *e)
{
	const char *name;
	json_t *quantity;
	json_object_foreach (json_at(spec, "resources", which), name, quantity)
		if (pod_has_resource(name) && (!pages_alone || is_pages(name)))
			check_sum(spec, which, name, at, e);
}

/* The original puts the index and the resource before what is limited. */
static void check_shares(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *list = json_object_get(spec, "containers");
	const json_t *limits = json_at(spec, "resources", "limits");
	const char *name;
	json_t *limit;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const struct path *here = PATH_AT(PATH(at, "containers"), i);
		json_object_foreach (json_at(json_array_get(list, i), "resources", "limits"), name,
				     limit) {
			const char *all = json_string_value(json_object_get(limits, name));
			if (all && quantity_milli(json_string_value(limit)) > quantity_milli(all))
				rule_broken(e, FIELD_INVALID, PATH(PATH_OF(here, name), "limits"),
					    limit, "must be less than or equal to pod limits of %s",
					    all);
		}
	}
}

void validate_pod_resources(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *resources = json_object_get(spec, "resources");
	if (!resources)
		return;
	if (json_object_get(resources, "claims"))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "claims"), NULL,
			    "claims may not be set for Resources at pod-level");
	check_amounts(resources, true, at, e);
	struct pod_names pod = { .spec = spec };
	rule_names_init(&pod.claim_names, json_object_get(spec, "resourceClaims"), "name");
	validate_container_claims(resources, &pod, at, e);
	rule_names_fini(&pod.claim_names);
	if (streq(json_str_or(json_object_get(spec, "os"), "name", ""), "windows")) {
		rule_broken(e, FIELD_FORBIDDEN, at, NULL, "may not be set for a windows pod");
		return;
	}
	check_sums(spec, "requests", false, at, e);
	check_sums(spec, "limits", true, at, e);
	check_shares(spec, at, e);
}
