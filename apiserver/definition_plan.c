#include "apiserver/definition_plan.h"

#include "common/base/jsonx.h"

#define MESSAGE_MAX 8192

/* ---- names ---- */

static void take(struct map *names, const char *name)
{
	if (name && *name)
		(void)map_put(names, name, names);
}

void definition_names_add(struct definition_names *names, const json_t *accepted)
{
	size_t i;
	json_t *name;
	take(&names->resources, json_member_str(accepted, "plural"));
	take(&names->resources, json_member_str(accepted, "singular"));
	json_array_foreach (json_object_get(accepted, "shortNames"), i, name)
		take(&names->resources, json_string_value(name));
	take(&names->kinds, json_member_str(accepted, "kind"));
	take(&names->kinds, json_member_str(accepted, "listKind"));
}

void definition_names_fini(struct definition_names *names)
{
	map_fini(&names->resources);
	map_fini(&names->kinds);
}

/* ---- conditions ---- */

static json_t *condition_of(const json_t *tree, const char *type)
{
	return json_find(json_dig(tree, "status.conditions"), "type", type);
}

static bool is_true(const json_t *tree, const char *type)
{
	return streq(json_str_or(condition_of(tree, type), "status", ""), "True");
}

static void set_condition(json_t *tree, const char *type, bool value, const char *reason,
			  const char *message, const char *now)
{
	const char *status = value ? "True" : "False";
	json_t *c = condition_of(tree, type);
	if (!c) {
		json_t *list = json_dig(tree, "status.conditions");
		if (!list) {
			list = json_array();
			json_put(tree, "status.conditions", list);
		}
		c = json_pack("{s:s}", "type", type);
		json_array_append_new(list, c);
	}
	if (!streq(json_str_or(c, "status", ""), status))
		json_put_str(c, "lastTransitionTime", now);
	json_put_str(c, "status", status);
	json_put_str(c, "reason", reason);
	json_put_str(c, "message", message);
}

/* ---- which names are given ---- */

struct naming {
	const json_t *wanted;
	json_t *accepted;
	const char *reason; /* of the last refusal; NULL: none */
	struct str message;
};

static bool is_free(const struct map *taken, const char *name, const char *had)
{
	return streq(name, had) || !map_has(taken, name);
}

static void refuse(struct naming *n, const char *reason, const char *name)
{
	n->reason = reason;
	str_clear(&n->message);
	str_addf(&n->message, "\"%s\" is already in use", name);
}

static void accept_name(struct naming *n, const char *member, const struct map *taken,
			const char *reason)
{
	const char *name = json_member_str(n->wanted, member);
	const char *had = json_member_str(n->accepted, member);
	if (!name)
		name = "";
	if (!is_free(taken, name, had ? had : ""))
		refuse(n, reason, name);
	else if (*name)
		json_put_str(n->accepted, member, name);
	else
		json_object_del(n->accepted, member);
}

static bool has_text(const json_t *list, const char *text)
{
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v)
		if (json_is_string(v) && streq(json_string_value(v), text))
			return true;
	return false;
}

static void copy_list(struct naming *n, const char *member)
{
	json_t *list = json_object_get(n->wanted, member);
	if (json_array_size(list))
		json_object_set_new(n->accepted, member, json_deep_copy(list));
	else
		json_object_del(n->accepted, member);
}

/* All short names or none: the refused ones are all named. */
static void accept_short_names(struct naming *n, const struct map *taken)
{
	const json_t *had = json_object_get(n->accepted, "shortNames");
	size_t i, refused = 0;
	json_t *v;
	AUTO_STR text;
	str_init(&text, MESSAGE_MAX);
	json_array_foreach (json_object_get(n->wanted, "shortNames"), i, v) {
		const char *name = json_string_value(v);
		if (!name || has_text(had, name) || !map_has(taken, name))
			continue;
		str_addf(&text, "%s\"%s\" is already in use", refused ? ", " : "", name);
		refused++;
	}
	if (!refused) {
		copy_list(n, "shortNames");
		return;
	}
	n->reason = "ShortNamesConflict";
	str_clear(&n->message);
	str_addf(&n->message, refused > 1 ? "[%s]" : "%s", text.data);
}

static void judge_names(json_t *tree, const struct definition_names *taken, const char *now)
{
	json_t *accepted = json_dig(tree, "status.acceptedNames");
	if (!accepted) {
		accepted = json_object();
		json_put(tree, "status.acceptedNames", accepted);
	}
	struct naming n = { .wanted = json_dig(tree, "spec.names"), .accepted = accepted };
	str_init(&n.message, MESSAGE_MAX);
	accept_name(&n, "plural", &taken->resources, "PluralConflict");
	accept_name(&n, "singular", &taken->resources, "SingularConflict");
	accept_short_names(&n, &taken->resources);
	accept_name(&n, "kind", &taken->kinds, "KindConflict");
	accept_name(&n, "listKind", &taken->kinds, "ListKindConflict");
	copy_list(&n, "categories");
	if (n.reason)
		set_condition(tree, "NamesAccepted", false, n.reason, n.message.data, now);
	else
		set_condition(tree, "NamesAccepted", true, "NoConflicts", "no conflicts found",
			      now);
	str_fini(&n.message);
}

bool definition_plan(json_t *tree, const struct definition_names *taken, const char *now)
{
	AUTO_JSON *before = json_deep_copy(json_object_get(tree, "status"));
	if (!before)
		json_object_set_new(tree, "status", json_object());
	judge_names(tree, taken, now);
	/* What was once established stays so, whatever its names become. */
	if (is_true(tree, "NamesAccepted"))
		set_condition(tree, "Established", true, "InitialNamesAccepted",
			      "the initial names have been accepted", now);
	else if (!is_true(tree, "Established"))
		set_condition(tree, "Established", false, "NotAccepted",
			      "not all names are accepted", now);
	if (definition_is_ending(tree))
		set_condition(tree, "Terminating", true, "InstanceDeletionInProgress",
			      "CustomResource deletion is in progress", now);
	return !before || !json_equal(before, json_object_get(tree, "status"));
}

/* ---- deletion ---- */

static bool has_finalizer(const json_t *tree)
{
	return has_text(json_dig(tree, "metadata.finalizers"), DEFINITION_FINALIZER);
}

bool definition_is_ending(const json_t *tree)
{
	return json_dig(tree, "metadata.deletionTimestamp") && has_finalizer(tree);
}

void definition_begin_end(json_t *tree, const char *now)
{
	json_t *list = json_dig(tree, "metadata.finalizers");
	if (!list) {
		list = json_array();
		json_put(tree, "metadata.finalizers", list);
	}
	if (!has_finalizer(tree))
		json_array_append_new(list, json_string(DEFINITION_FINALIZER));
	set_condition(tree, "Terminating", true, "InstanceDeletionPending",
		      "CustomResourceDefinition marked for deletion; CustomResource deletion will "
		      "begin soon",
		      now);
}

void definition_note_end(json_t *tree, const char *now)
{
	if (is_true(tree, "Established"))
		set_condition(tree, "Terminating", false, "InstanceDeletionCompleted",
			      "removed all instances", now);
	else
		set_condition(tree, "Terminating", false, "NeverEstablished",
			      "resource was never established", now);
}
