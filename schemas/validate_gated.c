#include "schemas/rule.h"

/*
 * What may change of a pod that waits at a gate: who opens it may first say more about where the pod
 * shall run (KEP-3521, KEP-3838).
 */

static void check_gates(const json_t *spec, const json_t *old, const struct path *at,
			struct field_errors *e)
{
	const json_t *gates = json_object_get(spec, "schedulingGates"), *other;
	size_t k;
	for (size_t i = 0; i < json_array_size(gates); i++) {
		const char *name = json_str_or(json_array_get(gates, i), "name", "");
		bool was_there = false;
		json_array_foreach (json_object_get(old, "schedulingGates"), k, other)
			was_there |= streq(json_str_or(other, "name", ""), name);
		if (!was_there)
			rule_broken(e, FIELD_FORBIDDEN,
				    PATH(PATH_AT(PATH(at, "schedulingGates"), i), "name"), NULL,
				    "only deletion is allowed, but found new scheduling gate '%s'",
				    name);
	}
}

static void check_node_labels(const json_t *now, const json_t *old, const struct path *at,
			      struct field_errors *e)
{
	AUTO_JSON *nothing = json_null();
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)old, name, value)
		if (!json_equal(json_object_get(now, name), value)) {
			rule_broken(e, FIELD_INVALID, at, now ? now : nothing,
				    "only additions to spec.nodeSelector are allowed (no "
				    "mutations or deletions)");
			return;
		}
}

/* `now` begins with what was. */
static bool begins_with(const json_t *now, const json_t *old)
{
	if (json_array_size(now) < json_array_size(old))
		return false;
	for (size_t i = 0; i < json_array_size(old); i++)
		if (!json_equal(json_array_get(now, i), json_array_get(old, i)))
			return false;
	return true;
}

/* A term without conditions chooses nothing: with some it would choose more. */
static bool is_only_added(const json_t *now, const json_t *old)
{
	const json_t *labels = json_object_get(old, "matchExpressions");
	const json_t *fields = json_object_get(old, "matchFields");
	const json_t *new_labels = json_object_get(now, "matchExpressions");
	const json_t *new_fields = json_object_get(now, "matchFields");
	if (!json_array_size(labels) && !json_array_size(fields))
		return !json_array_size(new_labels) && !json_array_size(new_fields);
	return begins_with(new_labels, labels) && begins_with(new_fields, fields);
}

static const json_t *terms_of(const json_t *affinity)
{
	return json_dig(affinity,
			"requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
}

static void check_node_affinity(const json_t *now, const json_t *old, const struct path *at,
				struct field_errors *e)
{
	static const char type[] = "core.v1.NodeSelectorTerm";
	const json_t *terms = terms_of(now), *before = terms_of(old);
	AUTO_JSON *nothing = json_null();
	at = PATH(PATH(at, "requiredDuringSchedulingIgnoredDuringExecution"), "nodeSelectorTerms");
	if (!json_array_size(before))
		return;
	if (json_array_size(terms) != json_array_size(before)) {
		static const char words[] = "no additions/deletions to non-empty "
					    "NodeSelectorTerms list are allowed";
		if (json_array_size(terms))
			rule_broken_inside(e, FIELD_INVALID, at, type, terms, words);
		else
			rule_broken(e, FIELD_INVALID, at, terms ? terms : nothing, words);
		return;
	}
	for (size_t i = 0; i < json_array_size(terms); i++)
		if (!is_only_added(json_array_get(terms, i), json_array_get(before, i)))
			rule_broken_inside(
				e, FIELD_INVALID, PATH_AT(at, i), type, json_array_get(terms, i),
				"only additions are allowed (no mutations or deletions)");
}

/* The affinity with the old one's part for nodes; NULL: none is left. */
static json_t *with_old_nodes(const json_t *affinity, const json_t *old)
{
	json_t *nodes = json_object_get(old, "nodeAffinity");
	json_t *copy = affinity ? json_deep_copy(affinity) : json_object();
	if (nodes)
		json_object_set(copy, "nodeAffinity", nodes);
	else
		json_object_del(copy, "nodeAffinity");
	if (json_object_size(copy) == 0 && !old) {
		json_decref(copy);
		return NULL;
	}
	return copy;
}

static void put_or_drop(json_t *o, const char *name, json_t *take_value)
{
	if (take_value)
		json_object_set_new(o, name, take_value);
	else
		json_object_del(o, name);
}

void validate_gated_update(json_t *rest, const json_t *spec, const json_t *old,
			   const struct path *at, struct field_errors *e)
{
	const json_t *affinity = json_object_get(spec, "affinity");
	const json_t *before = json_object_get(old, "affinity");
	check_gates(spec, old, at, e);
	if (!json_array_size(json_object_get(old, "schedulingGates")))
		return;
	check_node_labels(json_object_get(spec, "nodeSelector"),
			  json_object_get(old, "nodeSelector"), PATH(at, "nodeSelector"), e);
	put_or_drop(rest, "nodeSelector", json_incref(json_object_get(old, "nodeSelector")));
	check_node_affinity(json_object_get(affinity, "nodeAffinity"),
			    json_object_get(before, "nodeAffinity"),
			    PATH(PATH(at, "affinity"), "nodeAffinity"), e);
	put_or_drop(rest, "affinity", with_old_nodes(affinity, before));
}
