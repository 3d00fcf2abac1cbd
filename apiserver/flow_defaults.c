#include "apiserver/flow_defaults.h"
#include "apiserver/system_objects.h"
#include "common/base/jsonx.h"
#include "schemas/schema.h"

#define GROUP       "flowcontrol.apiserver.k8s.io"
#define AUTO_UPDATE "apf.kubernetes.io/autoupdate-spec"

static bool is_mandatory(const char *name)
{
	return streq(name, "exempt") || streq(name, "catch-all");
}

static const char *said(const json_t *live)
{
	return json_member_str(json_dig(live, "metadata.annotations"), AUTO_UPDATE);
}

/* Go's ParseBool. False: it is neither. */
static bool parse_bool(const char *text, bool *ret)
{
	static const char *const words[2][6] = { { "0", "f", "F", "false", "FALSE", "False" },
						 { "1", "t", "T", "true", "TRUE", "True" } };
	for (size_t i = 0; i < 12; i++)
		if (streq(words[i / 6][i % 6], text)) {
			*ret = i / 6;
			return true;
		}
	return false;
}

static bool is_kept(const json_t *live)
{
	const char *text = said(live);
	bool keeps;
	if (is_mandatory(json_str_or(live, "metadata.name", "")))
		return true;
	if (text && parse_bool(text, &keeps))
		return keeps;
	return json_int_or(live, "metadata.generation", 0) == 1;
}

/* With what a client need not say. */
static json_t *defaulted_spec(const json_t *wanted)
{
	AUTO_JSON *tree = json_deep_copy(wanted);
	const struct schema_kind *kind =
		schema_kind_by_kind(GROUP, "v1", json_str_or(tree, "kind", ""));
	schema_default(kind, tree);
	return json_incref(json_object_get(tree, "spec"));
}

json_t *flow_default_mend(const json_t *live, const json_t *wanted)
{
	bool keeps = is_kept(live);
	const char *word = keeps ? "true" : "false", *text = said(live);
	AUTO_JSON *spec = defaulted_spec(wanted);
	bool is_same_spec = json_equal(json_object_get(live, "spec"), spec);
	if (text && streq(text, word) && (is_same_spec || !keeps))
		return NULL;
	json_t *tree = json_deep_copy(live);
	if (!json_dig(tree, "metadata.annotations"))
		json_put(tree, "metadata.annotations", json_object());
	json_object_set_new(json_dig(tree, "metadata.annotations"), AUTO_UPDATE, json_string(word));
	if (keeps)
		json_object_set(tree, "spec", spec);
	return tree;
}

bool flow_is_stray(const json_t *live)
{
	const char *text = said(live);
	bool keeps = false;
	return text && parse_bool(text, &keeps) && keeps &&
	       !system_object_find(json_str_or(live, "kind", ""), "",
				   json_str_or(live, "metadata.name", ""));
}

static json_t *dangling(json_t *conditions)
{
	size_t i;
	json_t *one;
	json_array_foreach (conditions, i, one)
		if (streq(json_str_or(one, "type", ""), "Dangling"))
			return one;
	return NULL;
}

json_t *flow_status(const json_t *schema, bool level_exists, const char *now)
{
	const char *level = json_str_or(schema, "spec.priorityLevelConfiguration.name", "");
	const char *status = level_exists ? "False" : "True";
	auto_free char *message = xasprintf(
		"This FlowSchema references the PriorityLevelConfiguration object named \"%s\" %s",
		level, level_exists ? "and it exists" : "but there is no such object");
	const json_t *before = dangling(json_dig(schema, "status.conditions"));
	bool is_same = before && streq(json_str_or(before, "status", ""), status);
	if (is_same && streq(json_str_or(before, "message", ""), message))
		return NULL;
	json_t *tree = json_deep_copy(schema);
	json_t *one = json_pack("{s:s,s:s,s:s,s:s,s:s}", "type", "Dangling", "status", status,
				"lastTransitionTime",
				is_same ? json_str_or(before, "lastTransitionTime", now) : now,
				"reason", level_exists ? "Found" : "NotFound", "message", message);
	if (!json_dig(tree, "status.conditions"))
		json_put(tree, "status.conditions", json_array());
	json_t *list = json_dig(tree, "status.conditions"), *old = dangling(list);
	if (old) {
		json_object_update(old, one);
		json_decref(one);
	} else {
		json_array_append_new(list, one);
	}
	return tree;
}
