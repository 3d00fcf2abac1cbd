#include "schemas/managed_entry.h"

#include "common/base/jsonx.h"

#define OLD_MANAGER "ancient-changes"
#define PRINTED_MAX (64u << 20)

/* ---- entries ---- */

json_t *managed_written(const struct managed_writer *w, const json_t *set)
{
	json_t *written = json_copy((json_t *)(uintptr_t)set);
	if (!w->ignored)
		return written;
	auto_free char *name = xasprintf("f:%s", w->ignored);
	json_object_del(written, name);
	return written;
}

json_t *managed_ownable(const json_t *set)
{
	static const char *const common[] = { "f:apiVersion", "f:kind" };
	static const char *const in_metadata[] = {
		".",     "f:name",       "f:namespace",     "f:creationTimestamp", "f:selfLink",
		"f:uid", "f:generation", "f:managedFields", "f:resourceVersion",
	};
	json_t *own = json_copy((json_t *)(uintptr_t)set);
	json_t *metadata = json_copy(json_object_get(own, "f:metadata"));
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		json_object_del(own, common[i]);
	for (size_t i = 0; i < ARRAY_LEN(in_metadata); i++)
		json_object_del(metadata, in_metadata[i]);
	if (json_object_size(metadata) > 0) {
		json_object_set_new_nocheck(own, "f:metadata", metadata);
	} else {
		json_object_del(own, "f:metadata");
		json_decref(metadata);
	}
	return own;
}

json_t *managed_entry_new(const char *manager, const char *operation, const char *api_version,
			  const char *subresource, json_t *take_set)
{
	json_t *entry = json_object();
	json_put_str(entry, "manager", manager);
	json_put_str(entry, "operation", operation);
	json_put_str(entry, "apiVersion", api_version);
	json_put_str(entry, "fieldsType", "FieldsV1");
	if (*subresource)
		json_put_str(entry, "subresource", subresource);
	json_object_set_new_nocheck(entry, "fieldsV1", take_set);
	return entry;
}

const json_t *managed_entry_set(const json_t *entry)
{
	return json_object_get(entry, "fieldsV1");
}

bool managed_entry_is_applied(const json_t *entry)
{
	return streq(json_str_or(entry, "operation", ""), "Apply");
}

void managed_take_from_all(json_t *entries, const json_t *except, const json_t *set)
{
	if (field_set_is_empty(set))
		return;
	for (size_t i = json_array_size(entries); i-- > 0;) {
		json_t *entry = json_array_get(entries, i);
		if (entry == except)
			continue;
		json_t *left = field_set_difference(managed_entry_set(entry), set);
		if (field_set_is_empty(left)) {
			json_decref(left);
			json_array_remove(entries, i);
			continue;
		}
		json_t *changed = json_copy(entry);
		json_object_set_new_nocheck(changed, "fieldsV1", left);
		json_array_set_new(entries, i, changed);
	}
}

static int by_place(const void *a, const void *b)
{
	static const char *const names[] = { "operation", "time", "manager", "apiVersion",
					     "subresource" };
	const json_t *p = *(const json_t *const *)a, *q = *(const json_t *const *)b;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int order = strcmp(json_str_or(p, names[i], ""), json_str_or(q, names[i], ""));
		if (order)
			return order;
	}
	return 0;
}

json_t *managed_sorted(const json_t *entries)
{
	size_t n = json_array_size(entries);
	auto_free json_t **all = xcalloc(n + 1, sizeof *all);
	for (size_t i = 0; i < n; i++)
		all[i] = json_array_get(entries, i);
	qsort(all, n, sizeof *all, by_place);
	json_t *sorted = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append(sorted, all[i]);
	return sorted;
}

/* ---- where to begin ---- */

static bool is_good_entry(const json_t *entry)
{
	struct error err;
	const char *operation = json_str_or(entry, "operation", "");
	const json_t *set = managed_entry_set(entry);
	return (streq(operation, "Apply") || streq(operation, "Update")) &&
	       streq(json_str_or(entry, "fieldsType", ""), "FieldsV1") && set &&
	       field_set_check(set, &err) == 0;
}

static bool is_good_list(const json_t *entries)
{
	for (size_t i = 0; i < json_array_size(entries); i++)
		if (!is_good_entry(json_array_get(entries, i)))
			return false;
	return json_array_size(entries) > 0;
}

json_t *managed_begin(const json_t *stored, const json_t *sent)
{
	bool is_cleared =
		json_is_array(sent) &&
		(json_array_size(sent) == 0 ||
		 (json_array_size(sent) == 1 && json_object_size(json_array_get(sent, 0)) == 0));
	if (is_cleared)
		return json_array();
	const json_t *from = is_good_list(sent) ? sent : stored;
	return is_good_list(from) ? json_copy((json_t *)(uintptr_t)from) : json_array();
}

/* ---- at most ten updaters ---- */

static size_t count_updaters(const json_t *entries)
{
	size_t n = 0;
	for (size_t i = 0; i < json_array_size(entries); i++)
		n += !managed_entry_is_applied(json_array_get(entries, i));
	return n;
}

static ssize_t find_bucket(const json_t *entries, const char *api_version)
{
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *e = json_array_get(entries, i);
		if (!managed_entry_is_applied(e) &&
		    streq(json_str_or(e, "manager", ""), OLD_MANAGER) &&
		    streq(json_str_or(e, "apiVersion", ""), api_version) &&
		    !json_object_get(e, "subresource"))
			return (ssize_t)i;
	}
	return -1;
}

/* The oldest updater that is no bucket: into the bucket of its version. Sorted by time. */
static bool fold_one(json_t *entries)
{
	for (size_t i = 0; i < json_array_size(entries); i++) {
		json_t *e = json_array_get(entries, i);
		const char *version = json_str_or(e, "apiVersion", "");
		if (managed_entry_is_applied(e) ||
		    streq(json_str_or(e, "manager", ""), OLD_MANAGER))
			continue;
		ssize_t at = find_bucket(entries, version);
		const json_t *bucket = at >= 0 ? json_array_get(entries, (size_t)at) : NULL;
		json_t *made = managed_entry_new(
			OLD_MANAGER, "Update", version, "",
			field_set_union(managed_entry_set(bucket), managed_entry_set(e)));
		json_object_set(made, "time", json_object_get(e, "time"));
		json_array_set_new(entries, i, made);
		if (at >= 0)
			json_array_remove(entries, (size_t)at);
		return true;
	}
	return false;
}

static json_t *capped(const json_t *entries)
{
	json_t *sorted = managed_sorted(entries);
	while (count_updaters(sorted) > MANAGED_UPDATERS_MAX && fold_one(sorted)) {
		json_t *again = managed_sorted(sorted);
		json_decref(sorted);
		sorted = again;
	}
	return sorted;
}

/* ---- updates ---- */

static ssize_t find_updater(const json_t *entries, const struct managed_writer *w)
{
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *e = json_array_get(entries, i);
		if (!managed_entry_is_applied(e) &&
		    streq(json_str_or(e, "manager", ""), w->manager) &&
		    streq(json_str_or(e, "apiVersion", ""), w->api_version) &&
		    streq(json_str_or(e, "subresource", ""), w->subresource))
			return (ssize_t)i;
	}
	return -1;
}

static void give(json_t *entries, const struct managed_writer *w, const json_t *taken)
{
	ssize_t at = find_updater(entries, w);
	const json_t *old = at >= 0 ? json_array_get(entries, (size_t)at) : NULL;
	json_t *made = managed_entry_new(w->manager, "Update", w->api_version, w->subresource,
					 field_set_union(managed_entry_set(old), taken));
	if (*w->now)
		json_put_str(made, "time", w->now);
	if (at >= 0)
		json_array_set_new(entries, (size_t)at, made);
	else
		json_array_append_new(entries, made);
}

bool managed_compare(const struct managed_writer *w, const json_t *before, const json_t *now,
		     struct managed_change *ret)
{
	struct field_difference d;
	field_compare(w->type, before, now, &d);
	AUTO_JSON *both = field_set_union(d.added, d.modified);
	ret->taken = managed_written(w, both);
	ret->removed = managed_written(w, d.removed);
	ret->owned = managed_ownable(ret->taken);
	field_difference_fini(&d);
	return !field_set_is_empty(ret->taken) || !field_set_is_empty(ret->removed);
}

void managed_change_fini(struct managed_change *c)
{
	json_decref(c->taken);
	json_decref(c->owned);
	json_decref(c->removed);
}

json_t *managed_update(const struct managed_writer *w, const json_t *entries,
		       const struct managed_change *change, bool is_create)
{
	if (json_array_size(entries) == 0 && !is_create)
		return json_array();
	AUTO_JSON *next = json_copy((json_t *)(uintptr_t)entries);
	managed_take_from_all(next, NULL, change->removed);
	/* Its own entry loses and gets back: the union is the same. */
	managed_take_from_all(next, NULL, change->taken);
	if (field_set_is_empty(change->owned))
		return managed_sorted(next);
	AUTO_JSON *mine = NULL;
	ssize_t at = find_updater(entries, w);
	if (at >= 0) {
		AUTO_JSON *kept = field_set_difference(
			managed_entry_set(json_array_get(entries, (size_t)at)), change->removed);
		mine = field_set_union(kept, change->owned);
	}
	give(next, w, mine ? mine : change->owned);
	return capped(next);
}

void managed_print(const json_t *entries, struct str *out)
{
	static const char head[] = "{\"managedFields\":";
	AUTO_STR text;
	AUTO_JSON *metadata = json_object();
	str_init(&text, PRINTED_MAX);
	json_object_set(metadata, "managedFields", (json_t *)(uintptr_t)entries);
	schema_print(schema_type_by_name("apis.meta.v1.ObjectMeta"), metadata, &text);
	if (text.len > sizeof head)
		str_add_bytes(out, text.data + sizeof head - 1, text.len - sizeof head);
}
