/* What of a pod's status is ours: comparing it with what the API holds, and writing it. */
#include "nodeagent/pod_status.h"

/* Members that may go again; the rest is always there. */
static const char *const removable[] = { "reason", "message", "podIP", "podIPs",
					 "initContainerStatuses" };
/* Lists that a strategic patch would merge by address. */
static const char *const addresses[] = { "podIPs", "hostIPs" };
static const char *const condition_removable[] = { "reason", "message" };

static bool is_nothing(const json_t *v)
{
	if (!v || json_is_null(v))
		return true;
	if (json_is_string(v))
		return json_string_length(v) == 0;
	return (json_is_object(v) && json_object_size(v) == 0) ||
	       (json_is_array(v) && json_array_size(v) == 0);
}

static bool holds_all(const json_t *a, const json_t *b);

static bool is_same(const json_t *a, const json_t *b)
{
	if (is_nothing(a) || is_nothing(b))
		return is_nothing(a) && is_nothing(b);
	if (json_is_object(a) && json_is_object(b))
		return holds_all(a, b) && holds_all(b, a);
	if (!json_is_array(a) || !json_is_array(b))
		return json_equal(a, b);
	if (json_array_size(a) != json_array_size(b))
		return false;
	for (size_t i = 0; i < json_array_size(a); i++)
		if (!is_same(json_array_get(a, i), json_array_get(b, i)))
			return false;
	return true;
}

/* Every member of b is in a with the same value. */
static bool holds_all(const json_t *a, const json_t *b)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)b, name, value) {
		if (!is_same(json_object_get(a, name), value))
			return false;
	}
	return true;
}

static bool holds_conditions(const json_t *stored, const json_t *ours)
{
	size_t i;
	json_t *c;
	json_array_foreach (ours, i, c) {
		const char *type = json_str_or(c, "type", "");
		if (pod_condition_is_ours(type) && !is_same(json_find(stored, "type", type), c))
			return false;
	}
	return true;
}

bool pod_status_holds(const json_t *stored, const json_t *status)
{
	const char *name;
	json_t *value;
	for (size_t i = 0; i < ARRAY_LEN(removable); i++)
		if (!is_same(json_object_get(stored, removable[i]),
			     json_object_get(status, removable[i])))
			return false;
	json_object_foreach ((json_t *)(uintptr_t)status, name, value) {
		const json_t *have = json_object_get(stored, name);
		bool is_fine = streq(name, "conditions") ? holds_conditions(have, value)
							 : is_same(have, value);
		if (!is_fine)
			return false;
	}
	return true;
}

static void put_nulls(json_t *o, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!json_object_get(o, names[i]))
			json_object_set_new(o, names[i], json_null());
}

json_t *pod_status_patch(const json_t *status)
{
	json_t *patch = json_deep_copy(status), *conditions = json_array(), *c;
	size_t i;
	json_array_foreach (json_object_get(patch, "conditions"), i, c) {
		if (!pod_condition_is_ours(json_str_or(c, "type", "")))
			continue;
		put_nulls(c, condition_removable, ARRAY_LEN(condition_removable));
		json_array_append(conditions, c);
	}
	json_object_set_new(patch, "conditions", conditions);
	for (i = 0; i < ARRAY_LEN(addresses); i++) {
		json_t *list = json_object_get(patch, addresses[i]);
		if (list)
			json_array_insert_new(list, 0, json_pack("{s:s}", "$patch", "replace"));
	}
	put_nulls(patch, removable, ARRAY_LEN(removable));
	return patch;
}
