/*
 * The patch that makes `live` what `want` says: additions and changes from comparing live with
 * want, deletions from comparing last with want, so that what others wrote stays.
 */
#include "common/base/jsonx.h"
#include "schemas/schema.h"

static json_t *diff_objects(const struct schema_type *type, const json_t *last, const json_t *want,
			    const json_t *live, bool is_strategic);

static json_t *find_by(const json_t *list, const char *key, const json_t *id)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *item = json_array_get(list, i);
		const json_t *other = key ? json_object_get(item, key) : item;
		if (other && id && json_equal(other, id))
			return item;
	}
	return NULL;
}

static void set_directive(json_t *patch, const char *directive, const char *name,
			  json_t *take_value)
{
	auto_free char *text = xasprintf("$%s/%s", directive, name);
	json_object_set_new_nocheck(patch, text, take_value);
}

static bool has_more(const json_t *live, const json_t *want)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)live, name,
			    value) if (!json_object_get(want, name)) return true;
	return false;
}

/* Members of a union: those not wanted go, whoever set them. */
static void retain(json_t *change, const json_t *want, const json_t *live)
{
	const char *name;
	json_t *value, *names;
	if (json_object_size(want) == 0 || (json_object_size(change) == 0 && !has_more(live, want)))
		return;
	names = json_array();
	json_object_foreach((json_t *)(uintptr_t)want, name, value)
		json_array_append_new(names, json_string_nocheck(name));
	json_object_set_new(change, "$retainKeys", names);
}

/* Elements known by a key. */
static void diff_keyed_list(const struct schema_field *f, const json_t *last, const json_t *want,
			    const json_t *live, json_t *patch)
{
	const char *key = f->patch_merge_key;
	AUTO_JSON *changes = json_array(), *order = json_array();
	for (size_t i = 0; i < json_array_size(want); i++) {
		const json_t *item = json_array_get(want, i);
		json_t *id = json_object_get(item, key);
		const json_t *now = find_by(live, key, id);
		AUTO_JSON *change = NULL;
		if (now)
			change = diff_objects(f->type, find_by(last, key, id), item, now, true);
		else
			change = json_deep_copy(item);
		if (now && f->patch_retain_keys)
			retain(change, item, now);
		if (json_object_size(change)) {
			if (id)
				json_object_set(change, key, id);
			json_array_append(changes, change);
		}
		AUTO_JSON *place = json_object();
		if (id)
			json_object_set(place, key, id);
		json_array_append(order, place);
	}
	for (size_t i = 0; i < json_array_size(last); i++) {
		json_t *id = json_object_get(json_array_get(last, i), key);
		if (!id || find_by(want, key, id) || !find_by(live, key, id))
			continue;
		json_t *gone = json_object();
		json_object_set(gone, key, id);
		json_object_set_new(gone, "$patch", json_string("delete"));
		json_array_append_new(changes, gone);
	}
	if (json_array_size(changes) == 0)
		return;
	json_object_set(patch, f->name, changes);
	set_directive(patch, "setElementOrder", f->name, TAKE(order));
}

static void diff_plain_list(const struct schema_field *f, const json_t *last, const json_t *want,
			    const json_t *live, json_t *patch)
{
	AUTO_JSON *added = json_array(), *gone = json_array(), *kept = json_array();
	for (size_t i = 0; i < json_array_size(want); i++)
		if (!find_by(live, NULL, json_array_get(want, i)))
			json_array_append(added, json_array_get(want, i));
	for (size_t i = 0; i < json_array_size(last); i++) {
		json_t *item = json_array_get(last, i);
		if (!find_by(want, NULL, item) && find_by(live, NULL, item))
			json_array_append(gone, item);
	}
	for (size_t i = 0; i < json_array_size(live); i++)
		if (find_by(want, NULL, json_array_get(live, i)))
			json_array_append(kept, json_array_get(live, i));
	if (json_array_size(added) + json_array_size(gone) == 0 && json_equal(kept, want))
		return;
	if (json_array_size(added))
		json_object_set(patch, f->name, added);
	if (json_array_size(gone))
		set_directive(patch, "deleteFromPrimitiveList", f->name, TAKE(gone));
	set_directive(patch, "setElementOrder", f->name, json_deep_copy(want));
}

static void diff_member(const struct schema_field *f, const char *name, const json_t *last,
			json_t *want, const json_t *live, bool is_strategic, json_t *patch)
{
	bool merges = is_strategic && f && f->patch_merge && f->shape == SCHEMA_LIST;
	if (json_is_object(want) && json_is_object(live) && !(f && f->patch_replace)) {
		bool is_object = f && f->form == SCHEMA_OBJECT && f->shape == SCHEMA_ONE;
		AUTO_JSON *change =
			diff_objects(is_object ? f->type : NULL, last, want, live, is_strategic);
		if (is_strategic && f && f->patch_retain_keys)
			retain(change, want, live);
		if (json_object_size(change))
			json_object_set(patch, name, change);
	} else if (merges && json_is_array(want) && json_is_array(live)) {
		if (f->form == SCHEMA_OBJECT && f->patch_merge_key)
			diff_keyed_list(f, last, want, live, patch);
		else
			diff_plain_list(f, last, want, live, patch);
	} else if (!live || !json_equal(want, live)) {
		json_object_set(patch, name, want);
	}
}

static json_t *diff_objects(const struct schema_type *type, const json_t *last, const json_t *want,
			    const json_t *live, bool is_strategic)
{
	json_t *patch = json_object(), *value;
	const char *name;
	json_object_foreach((json_t *)(uintptr_t)want, name, value)
	{
		const struct schema_field *f = type ? schema_field_of(type, name) : NULL;
		if (json_is_null(value))
			continue;
		diff_member(f, name, json_object_get(last, name), value,
			    json_object_get(live, name), is_strategic, patch);
	}
	json_object_foreach((json_t *)(uintptr_t)last, name, value)
	{
		const json_t *wanted = json_object_get(want, name);
		if ((!wanted || json_is_null(wanted)) && json_object_get(live, name))
			json_object_set_new_nocheck(patch, name, json_null());
	}
	return patch;
}

int patch_three_way(const struct schema_type *type, const json_t *last, const json_t *want,
		    const json_t *live, json_t **ret, struct error *err)
{
	if (!json_is_object(want) || !json_is_object(live))
		return error_set(err, ERR_MALFORMED, "objects are needed to compare");
	*ret = diff_objects(type, last, want, live, type != NULL);
	return 0;
}
