/*
 * What pods/resize may change: cpu and memory of containers that stay as they are, and of the pod as a
 * whole, within its class of service. Source: upstream's core validation, KEP-1287.
 */
#include "schemas/qos.h"
#include "schemas/quantity.h"
#include "schemas/rule.h"

#define MIRROR "kubernetes.io/config.mirror"

static const char *const lists[] = { "initContainers", "containers" };

static bool is_sidecar(const json_t *container)
{
	return streq(json_str_or(container, "restartPolicy", ""), "Always");
}

/* Some node says what its containers have: then it can give them more. */
static bool node_can_resize(const json_t *old)
{
	size_t i;
	json_t *status;
	json_array_foreach (json_dig(old, "status.containerStatuses"), i, status)
		if (json_dig(status, "state.running"))
			return json_object_get(status, "resources") != NULL;
	return true;
}

static bool check_order(const json_t *spec, const json_t *before, struct field_errors *e)
{
	static const char *const in_order[] = { "containers", "initContainers" };
	const struct path *at = PATH(NULL, "spec");
	size_t errors = e->count;
	for (size_t l = 0; l < ARRAY_LEN(in_order); l++) {
		const json_t *now = json_object_get(spec, in_order[l]);
		const json_t *old = json_object_get(before, in_order[l]);
		const struct path *here = PATH(at, in_order[l]);
		if (json_array_size(now) != json_array_size(old)) {
			rule_broken(e, FIELD_FORBIDDEN, here, NULL,
				    "%s may not be added or removed on resize", in_order[l]);
			continue;
		}
		for (size_t i = 0; i < json_array_size(old); i++)
			if (!streq(json_str_or(json_array_get(now, i), "name", ""),
				   json_str_or(json_array_get(old, i), "name", "")))
				rule_broken(e, FIELD_FORBIDDEN, PATH(PATH_AT(here, i), "name"),
					    NULL, "%s may not be renamed or reordered on resize",
					    in_order[l]);
	}
	return e->count == errors;
}

static bool has_removed(const json_t *now, const json_t *old)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)old, name, value)
		if (!json_object_get(now, name))
			return true;
	return false;
}

/* `what` is "" for containers, "pod-level " for the pod. */
static void check_kept(const json_t *now, const json_t *old, const char *what,
		       const struct path *at, struct field_errors *e)
{
	if (has_removed(json_object_get(now, "requests"), json_object_get(old, "requests")))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "requests"), NULL,
			    "%sresource requests cannot be removed", what);
	if (has_removed(json_object_get(now, "limits"), json_object_get(old, "limits")))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "limits"), NULL,
			    "%sresource limits cannot be removed", what);
}

/* Amounts without those that may change. */
static json_t *fixed_amounts(const json_t *resources, const char *what)
{
	json_t *amounts = json_object_get(resources, what);
	json_t *copy = amounts ? json_copy(amounts) : json_object();
	json_object_del(copy, "cpu");
	json_object_del(copy, "memory");
	return copy;
}

static bool same_fixed(const json_t *now, const json_t *old)
{
	static const char *const parts[] = { "requests", "limits" };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		AUTO_JSON *a = fixed_amounts(now, parts[i]);
		AUTO_JSON *b = fixed_amounts(old, parts[i]);
		if (!rule_same(a, b))
			return false;
	}
	return true;
}

static bool only_amounts_differ(const json_t *now, const json_t *old)
{
	AUTO_JSON *a = json_copy((json_t *)(uintptr_t)now);
	AUTO_JSON *b = json_copy((json_t *)(uintptr_t)old);
	json_object_del(a, "resources");
	json_object_del(b, "resources");
	/* Claims of devices are not carried over to the comparison: they must be none. */
	return rule_same(a, b) &&
	       same_fixed(json_object_get(now, "resources"), json_object_get(old, "resources")) &&
	       !json_array_size(json_dig(old, "resources.claims"));
}

static bool restarts_on_resize(const json_t *container)
{
	size_t i;
	json_t *policy;
	json_array_foreach (json_object_get(container, "resizePolicy"), i, policy)
		if (streq(json_str_or(policy, "restartPolicy", ""), "RestartContainer"))
			return true;
	return false;
}

static void check_fixed(const json_t *spec, const json_t *before, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *now = json_object_get(spec, "containers");
	const json_t *old = json_object_get(before, "containers");
	for (size_t i = 0; i < json_array_size(now); i++)
		if (!only_amounts_differ(json_array_get(now, i), json_array_get(old, i)))
			rule_broken(e, FIELD_FORBIDDEN, at, NULL,
				    "only cpu and memory resources are mutable");
	now = json_object_get(spec, "initContainers");
	old = json_object_get(before, "initContainers");
	for (size_t i = 0; i < json_array_size(now); i++) {
		const json_t *one = json_array_get(now, i), *was = json_array_get(old, i);
		const struct path *here = PATH_AT(PATH(at, "initContainers"), i);
		if (!only_amounts_differ(one, was))
			rule_broken(e, FIELD_FORBIDDEN, here, NULL,
				    "only cpu and memory resources for init or sidecar containers "
				    "are mutable");
		if (!rule_same(one, was) && !is_sidecar(one) && restarts_on_resize(one))
			rule_broken(e, FIELD_FORBIDDEN, here, NULL,
				    "non-sidecar init containers with a resize policy of "
				    "RestartContainer cannot be resized");
	}
}

static bool has_amounts(const json_t *spec)
{
	return json_object_size(json_dig(spec, "resources.requests")) ||
	       json_object_size(json_dig(spec, "resources.limits"));
}

/* Resources of the pod as a whole. */
static void check_whole(const json_t *spec, const json_t *before, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *now = json_object_get(spec, "resources");
	const json_t *old = json_object_get(before, "resources");
	if (!has_amounts(spec) && !has_amounts(before))
		return;
	if (old && !now) {
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "resources"), NULL,
			    "pod-level resources cannot be removed");
		return;
	}
	check_kept(now, old, "pod-level ", PATH(at, "resources"), e);
	if (!same_fixed(now, old))
		rule_broken(e, FIELD_FORBIDDEN, at, NULL,
			    "only cpu and memory resources are mutable at pod-level");
}

static bool refuse_kind(const json_t *old, struct field_errors *e)
{
	const char *why = NULL;
	if (json_object_get(json_dig(old, "metadata.annotations"), MIRROR))
		why = "static pods cannot be resized";
	else if (streq(json_str_or(json_dig(old, "spec.os"), "name", ""), "windows"))
		why = "windows pods cannot be resized";
	if (!why)
		return false;
	field_errors_fini(e);
	*e = (struct field_errors){ 0 };
	rule_broken(e, FIELD_FORBIDDEN, PATH(NULL, ""), NULL, "%s", why);
	return true;
}

/* What else differs, when all that may is put back. */
static bool rest_is_same(const json_t *spec, const json_t *before)
{
	static const char *const may[] = { "containers", "initContainers", "resources" };
	AUTO_JSON *a = json_copy((json_t *)(uintptr_t)spec);
	AUTO_JSON *b = json_copy((json_t *)(uintptr_t)before);
	for (size_t i = 0; i < ARRAY_LEN(may); i++) {
		json_object_del(a, may[i]);
		json_object_del(b, may[i]);
	}
	return rule_same(a, b);
}

void validate_pod_resize(const json_t *pod, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(pod, "spec"), *before = json_object_get(old, "spec");
	const char *class = json_str(json_object_get(old, "status"), "qosClass");
	validate_tables(schema_type_by_name("core.v1.PodSpec"), spec, NULL, at, e);
	validate_pod_spec(spec, NULL, at, e);
	if (refuse_kind(old, e))
		return;
	if (!class)
		class = pod_qos_class(before);
	if (!streq(class, pod_qos_class(spec)))
		rule_bad_text(e, FIELD_INVALID, at, class,
			      "Pod QOS Class may not change as a result of resizing");
	if (!node_can_resize(old))
		rule_broken(e, FIELD_FORBIDDEN, at, NULL,
			    "Pod running on node without support for resize");
	check_whole(spec, before, e);
	if (!check_order(spec, before, e))
		return;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(spec, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++)
			check_kept(json_object_get(json_array_get(list, i), "resources"),
				   json_object_get(
					   json_array_get(json_object_get(before, lists[l]), i),
					   "resources"),
				   "", PATH(PATH_AT(PATH(at, lists[l]), i), "resources"), e);
	}
	check_fixed(spec, before, e);
	if (e->count == 0 && !rest_is_same(spec, before))
		rule_broken(e, FIELD_FORBIDDEN, at, NULL,
			    "only cpu and memory resources are mutable");
}

/* ---- pods/ephemeralcontainers ---- */

static const json_t *named(const json_t *list, const char *name)
{
	const json_t *found = NULL;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (streq(json_str_or(json_array_get(list, i), "name", ""), name))
			found = json_array_get(list, i);
	return found;
}

void validate_pod_debug(const json_t *pod, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(pod, "spec"), *before = json_object_get(old, "spec");
	const json_t *now = json_object_get(spec, "ephemeralContainers");
	const json_t *had = json_object_get(before, "ephemeralContainers");
	validate_tables(schema_type_by_name("core.v1.PodSpec"), spec, NULL, at, e);
	validate_pod_spec(spec, NULL, at, e);
	if (json_object_get(json_dig(old, "metadata.annotations"), MIRROR)) {
		field_errors_fini(e);
		*e = (struct field_errors){ 0 };
		rule_broken(e, FIELD_FORBIDDEN, PATH(NULL, ""), NULL,
			    "static pods do not support ephemeral containers");
		return;
	}
	at = PATH(at, "ephemeralContainers");
	for (size_t i = 0; i < json_array_size(had); i++) {
		const json_t *was = json_array_get(had, i);
		const char *name = json_str_or(was, "name", "");
		const json_t *is = named(now, name);
		if (!is)
			rule_broken(e, FIELD_FORBIDDEN, at, NULL,
				    "existing ephemeral containers \"%s\" may not be removed\n",
				    name);
		else if (!rule_same(is, was))
			rule_broken(e, FIELD_FORBIDDEN, at, NULL,
				    "existing ephemeral containers \"%s\" may not be changed\n",
				    name);
	}
}
