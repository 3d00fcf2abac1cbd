/* Server-side apply: merge what is applied, give up what is not any more, find conflicts. */
#include "schemas/managed_entry.h"

#include "common/base/jsonx.h"

/* Who managed an object before the first apply, where nobody was noted. */
#define BEFORE_FIRST_APPLY "before-first-apply"

static ssize_t find_applier(const json_t *entries, const struct managed_writer *w)
{
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *e = json_array_get(entries, i);
		if (managed_entry_is_applied(e) &&
		    streq(json_str_or(e, "manager", ""), w->manager) &&
		    streq(json_str_or(e, "subresource", ""), w->subresource))
			return (ssize_t)i;
	}
	return -1;
}

/* ---- giving up ---- */

/* `merged` without what was applied last and is not now, but for what others (or the new
 * configuration) own, and for what only hangs on something that goes. */
static json_t *give_up(const struct managed_writer *w, json_t *merged, const json_t *last,
		       const json_t *owned)
{
	if (field_set_is_empty(last))
		return json_incref(merged);
	AUTO_JSON *named = field_set_with_structs(w->type, last);
	AUTO_JSON *without = field_remove(w->type, merged, named);

	AUTO_JSON *all = field_set_of(w->type, merged);
	AUTO_JSON *all_named = field_set_with_structs(w->type, all);
	AUTO_JSON *left = field_set_of(w->type, without);
	AUTO_JSON *left_named = field_set_with_structs(w->type, left);
	AUTO_JSON *owned_named = field_set_with_structs(w->type, owned);
	AUTO_JSON *stays = field_set_union(left_named, owned_named);
	AUTO_JSON *goes = field_set_difference(all_named, stays);
	AUTO_JSON *with_owned = field_remove(w->type, merged, goes);

	AUTO_JSON *now = field_set_of(w->type, with_owned);
	AUTO_JSON *now_named = field_set_with_structs(w->type, now);
	AUTO_JSON *gone = field_set_difference(all_named, now_named);
	AUTO_JSON *own_gone = field_set_intersection(gone, named);
	return field_remove(w->type, merged, own_gone);
}

/* ---- conflicts ---- */

struct adding {
	struct managed_conflicts *to;
	const json_t *entry;
};

static char *who_is(const json_t *entry)
{
	AUTO_STR text;
	const char *subresource = json_str(entry, "subresource");
	str_init(&text, 4096);
	str_addf(&text, "\"%s\"", json_str_or(entry, "manager", ""));
	if (subresource)
		str_addf(&text, " with subresource \"%s\"", subresource);
	if (!managed_entry_is_applied(entry))
		str_addf(&text, " using %s", json_str_or(entry, "apiVersion", ""));
	return str_take(&text);
}

static void add_conflict(void *ctx, const char *path)
{
	struct adding *a = ctx;
	a->to->total++;
	if (a->to->count == MANAGED_CONFLICTS_MAX)
		return;
	a->to->at[a->to->count++] = (struct managed_conflict){ who_is(a->entry), xstrdup(path) };
}

void managed_conflicts_fini(struct managed_conflicts *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->at[i].who);
		free(c->at[i].path);
	}
	*c = (struct managed_conflicts){ 0 };
}

void managed_conflicts_text(const struct managed_conflicts *c, struct str *out)
{
	if (c->total == 1) {
		str_addf(out, "Apply failed with 1 conflict: conflict with %s: %s", c->at[0].who,
			 c->at[0].path);
		return;
	}
	str_addf(out, "Apply failed with %zu conflicts: ", c->total);
	for (size_t i = 0; i < c->count; i++) {
		if (i == 0 || !streq(c->at[i].who, c->at[i - 1].who))
			str_addf(out, "%sconflicts with %s:", i ? "\n" : "", c->at[i].who);
		str_addf(out, "\n- %s", c->at[i].path);
	}
}

/* Fields of others that the apply would change. */
static void find_conflicts(const json_t *entries, const json_t *mine, const json_t *changed,
			   struct managed_conflicts *ret)
{
	AUTO_JSON *sorted = managed_sorted(entries);
	for (size_t i = 0; i < json_array_size(sorted); i++) {
		const json_t *entry = json_array_get(sorted, i);
		if (entry == mine)
			continue;
		AUTO_JSON *both = field_set_intersection(managed_entry_set(entry), changed);
		struct adding a = { ret, entry };
		field_set_each(both, add_conflict, &a);
	}
}

/* ---- kubectl's step from client-side to server-side apply ---- */

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

/* What the client-side apply before set and nobody has changed since: kubectl may take it. */
static json_t *left_by_client(const struct managed_writer *w, const json_t *live)
{
	const char *text = json_member_str(json_dig(live, "metadata.annotations"), LAST_APPLIED);
	struct error err;
	if (!text || !streq(w->manager, "kubectl"))
		return NULL;
	AUTO_JSON *last = json_loads(text, 0, NULL);
	if (!last || schema_normalize(w->type, last, NULL, &err) < 0)
		return NULL;
	struct field_difference d;
	field_compare(w->type, last, live, &d);
	AUTO_JSON *changed = field_set_union(d.added, d.modified);
	AUTO_JSON *differs = field_set_union(changed, d.removed);
	AUTO_JSON *set = field_set_of(w->type, last);
	field_difference_fini(&d);
	return field_set_difference(set, differs);
}

/* kubectl's annotation follows what it applies, where it is there. */
static void follow_annotation(const struct managed_writer *w, const json_t *config, json_t *tree)
{
	json_t *annotations = json_dig(tree, "metadata.annotations");
	const char *text = json_member_str(annotations, LAST_APPLIED);
	if (!text || !*text || !streq(w->manager, "kubectl"))
		return;
	AUTO_JSON *copy = json_deep_copy(config);
	json_object_del(json_dig(copy, "metadata.annotations"), LAST_APPLIED);
	AUTO_STR out;
	str_init(&out, 1 << 20);
	json_print_sorted(copy, &out);
	str_add_char(&out, '\n');
	if (!str_ok(&out))
		return;
	AUTO_JSON *next = json_copy(annotations);
	json_object_set_new(next, LAST_APPLIED, json_string(out.data));
	json_t *metadata = json_copy(json_object_get(tree, "metadata"));
	json_object_set(metadata, "annotations", next);
	json_object_set_new(tree, "metadata", metadata);
}

/* ---- apply ---- */

static json_t *without_entries(const json_t *object)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)object);
	json_t *metadata = json_object_get(copy, "metadata");
	if (json_object_get(metadata, "managedFields")) {
		metadata = json_copy(metadata);
		json_object_del(metadata, "managedFields");
		json_object_set_new(copy, "metadata", metadata);
	}
	return copy;
}

static json_t *first_entries(const struct managed_writer *w, const json_t *entries,
			     const json_t *live)
{
	if (json_array_size(entries) > 0 || !json_str(live, "metadata.uid"))
		return json_copy((json_t *)(uintptr_t)entries);
	struct managed_writer before = *w;
	before.manager = BEFORE_FIRST_APPLY;
	AUTO_JSON *nothing = json_object();
	struct managed_change change;
	(void)managed_compare(&before, nothing, live, &change); /* everything is new */
	json_t *first = managed_update(&before, entries, &change, true);
	managed_change_fini(&change);
	return first;
}

static json_t *union_of_all(const json_t *entries)
{
	json_t *all = json_object();
	for (size_t i = 0; i < json_array_size(entries); i++) {
		json_t *more = field_set_union(all, managed_entry_set(json_array_get(entries, i)));
		json_decref(all);
		all = more;
	}
	return all;
}

bool managed_apply(const struct managed_writer *w, const json_t *entries, const json_t *live,
		   const json_t *config, bool force, json_t **ret_tree, json_t **ret_entries,
		   struct managed_conflicts *conflicts)
{
	AUTO_JSON *base = without_entries(live);
	AUTO_JSON *next = first_entries(w, entries, base);
	AUTO_JSON *merged = field_merge(w->type, base, config);
	AUTO_JSON *whole = field_set_of(w->type, config);
	AUTO_JSON *set = managed_written(w, whole);
	AUTO_JSON *owned = managed_ownable(set);

	ssize_t at = find_applier(next, w);
	AUTO_JSON *last = at >= 0 ? json_incref(json_array_get(next, (size_t)at)) : NULL;
	AUTO_JSON *mine = managed_entry_new(w->manager, "Apply", w->api_version, w->subresource,
					    json_incref(owned));
	if (last && json_object_get(last, "time"))
		json_object_set(mine, "time", json_object_get(last, "time"));
	if (at >= 0)
		json_array_set(next, (size_t)at, mine);
	else
		json_array_append(next, mine);

	AUTO_JSON *all = union_of_all(next);
	AUTO_JSON *all_and_set = field_set_union(all, set);
	AUTO_JSON *made = give_up(w, merged, managed_entry_set(last), all_and_set);
	struct field_difference d;
	field_compare(w->type, base, made, &d);
	AUTO_JSON *both = field_set_union(d.added, d.modified);
	AUTO_JSON *changed = managed_written(w, both);
	AUTO_JSON *removed = managed_written(w, d.removed);
	field_difference_fini(&d);
	if (!force) {
		AUTO_JSON *may_take = left_by_client(w, base);
		AUTO_JSON *contested = field_set_difference(changed, may_take);
		find_conflicts(next, mine, contested, conflicts);
		if (conflicts->count > 0)
			return false;
	}
	managed_take_from_all(next, mine, changed);
	managed_take_from_all(next, mine, removed);
	if (!json_equal(base, made))
		if (*w->now)
			json_put_str(mine, "time", w->now);
	if (field_set_is_empty(owned))
		for (size_t i = json_array_size(next); i-- > 0;)
			if (json_array_get(next, i) == mine)
				json_array_remove(next, i);
	json_t *tree = json_copy(made);
	follow_annotation(w, config, tree);
	*ret_tree = tree;
	*ret_entries = managed_sorted(next);
	return true;
}
