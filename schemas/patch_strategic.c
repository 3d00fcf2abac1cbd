/*
 * Strategic merge patch, as apimachinery's strategicpatch applies it: lists merge by key, and the
 * directives $patch, $retainKeys, $setElementOrder/x and $deleteFromPrimitiveList/x.
 */
#include "common/base/jsonx.h"
#include "schemas/schema.h"

#define ORDER_PREFIX  "$setElementOrder/"
#define DELETE_PREFIX "$deleteFromPrimitiveList/"
#define RETAIN        "$retainKeys"

static int merge_object(const struct schema_type *type, json_t *target, const json_t *patch,
			json_t **ret, struct error *err);

static int refuse(struct error *err, const char *what)
{
	return error_set(err, ERR_MALFORMED, "invalid strategic merge patch: %s", what);
}

/* What an element is known by in its list: its key's value, or itself. */
static const json_t *identity(const json_t *item, const char *merge_key)
{
	return merge_key ? json_object_get(item, merge_key) : item;
}

static bool is_same_identity(const json_t *a, const json_t *b)
{
	return a && b && json_equal(a, b);
}

static ssize_t index_of(const json_t *list, const json_t *item, const char *merge_key)
{
	const json_t *id = identity(item, merge_key);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (is_same_identity(identity(json_array_get(list, i), merge_key), id))
			return (ssize_t)i;
	return -1;
}

/* Those of `list` that `order` names, in its order. */
static json_t *in_order(const json_t *list, const json_t *order, const char *merge_key,
			bool is_named)
{
	json_t *out = json_array();
	if (!is_named) {
		for (size_t i = 0; i < json_array_size(list); i++)
			if (index_of(order, json_array_get(list, i), merge_key) < 0)
				json_array_append(out, json_array_get(list, i));
		return out;
	}
	for (size_t i = 0; i < json_array_size(order); i++) {
		ssize_t at = index_of(list, json_array_get(order, i), merge_key);
		json_t *item = at >= 0 ? json_array_get(list, (size_t)at) : NULL;
		if (item && index_of(out, item, merge_key) < 0)
			json_array_append(out, item);
	}
	return out;
}

/* Items of the patch in the patch's order, others where they stood among them. */
static json_t *ordered(const json_t *list, const json_t *order, const json_t *before,
		       const char *merge_key)
{
	AUTO_JSON *named = in_order(list, order, merge_key, true);
	AUTO_JSON *others = in_order(list, order, merge_key, false);
	json_t *out = json_array();
	size_t i = 0, k = 0;
	while (i < json_array_size(others) || k < json_array_size(named)) {
		json_t *left = json_array_get(others, i), *right = json_array_get(named, k);
		bool takes_left = !right;
		if (left && right) {
			ssize_t at_left = index_of(before, left, merge_key);
			ssize_t at_right = index_of(before, right, merge_key);
			takes_left = at_left >= 0 && at_right >= 0 && at_left < at_right;
		}
		json_array_append(out, takes_left ? left : right);
		if (takes_left)
			i++;
		else
			k++;
	}
	return out;
}

static int check_elements(const json_t *list, const char *merge_key, struct error *err)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const char *directive = json_string_value(json_object_get(item, "$patch"));
		if (!json_is_object(item))
			return refuse(err, "a list of objects holds something else");
		if (directive && streq(directive, "replace"))
			continue;
		if (!json_object_get(item, merge_key))
			return error_set(err, ERR_INVALID,
					 "map: an element does not contain declared merge key: %s",
					 merge_key);
	}
	return 0;
}

/* Elements that say $patch: taken out of the patch; what they delete is taken from the list. */
static int obey_elements(json_t *list, json_t *patch, const char *merge_key, struct error *err)
{
	bool replaces = false;
	for (size_t i = 0; i < json_array_size(patch);) {
		const json_t *item = json_array_get(patch, i);
		const char *directive = json_string_value(json_object_get(item, "$patch"));
		if (!directive) {
			i++;
			continue;
		}
		if (streq(directive, "replace")) {
			replaces = true;
		} else if (streq(directive, "delete")) {
			for (ssize_t at; (at = index_of(list, item, merge_key)) >= 0;)
				json_array_remove(list, (size_t)at);
		} else {
			return refuse(err, "$patch in a list is neither replace nor delete");
		}
		json_array_remove(patch, i);
	}
	if (replaces)
		json_array_clear(list);
	return 0;
}

static int merge_objects_list(const struct schema_field *f, json_t *list, json_t *patch,
			      struct error *err)
{
	const char *key = f->patch_merge_key;
	if (check_elements(patch, key, err) < 0 || obey_elements(list, patch, key, err) < 0)
		return err->code;
	for (size_t i = 0; i < json_array_size(patch); i++) {
		json_t *item = json_array_get(patch, i), *result = NULL;
		ssize_t at = index_of(list, item, key);
		AUTO_JSON *base =
			at >= 0 ? json_incref(json_array_get(list, (size_t)at)) : json_object();
		if (merge_object(f->type, base, item, &result, err) < 0)
			return err->code;
		if (at >= 0)
			json_array_set_new(list, (size_t)at, result);
		else
			json_array_append_new(list, result);
	}
	return 0;
}

/* The first `n` elements. With $setElementOrder upstream compares places in these: what is added
 * takes the places of what was deleted. */
static json_t *slots(const json_t *list, size_t n)
{
	json_t *out = json_array();
	for (size_t i = 0; i < MIN(n, json_array_size(list)); i++)
		json_array_append(out, json_array_get(list, i));
	return out;
}

/* `order` is $setElementOrder's list, or NULL. */
static int merge_list(const struct schema_field *f, const json_t *before, const json_t *patch,
		      const json_t *order, json_t **ret, struct error *err)
{
	const char *key = f->form == SCHEMA_OBJECT ? f->patch_merge_key : NULL;
	AUTO_JSON *list = before ? json_deep_copy(before) : json_array();
	AUTO_JSON *changes = patch ? json_deep_copy(patch) : json_array();
	if (f->form == SCHEMA_OBJECT && !key)
		return error_set(err, ERR_INVALID, "no merge key for list %s", f->name);
	if (key) {
		if (merge_objects_list(f, list, changes, err) < 0)
			return err->code;
	} else {
		for (size_t i = 0; i < json_array_size(changes); i++)
			if (index_of(list, json_array_get(changes, i), NULL) < 0)
				json_array_append(list, json_array_get(changes, i));
	}
	AUTO_JSON *places = order ? slots(list, json_array_size(before)) : NULL;
	*ret = ordered(list, order ? order : changes, places ? places : before, key);
	return 0;
}

static void delete_from_list(json_t *target, const char *name, const json_t *values)
{
	json_t *list = json_object_get(target, name);
	for (size_t i = 0; i < json_array_size(values); i++)
		for (ssize_t at; (at = index_of(list, json_array_get(values, i), NULL)) >= 0;)
			json_array_remove(list, (size_t)at);
}

/* Members that the list does not name go; members of the patch must be named. */
static int retain_keys(json_t *target, const json_t *patch, struct error *err)
{
	const json_t *keys = json_object_get(patch, RETAIN);
	const char *name;
	json_t *value;
	void *next;
	if (!keys)
		return 0;
	if (!json_is_array(keys))
		return refuse(err, "$retainKeys is no list");
	json_object_foreach((json_t *)(uintptr_t)patch, name, value)
	{
		AUTO_JSON *text = json_string_nocheck(name);
		if (*name != '$' && !json_is_null(value) && index_of(keys, text, NULL) < 0)
			return refuse(err, "$retainKeys does not name a member of the patch");
	}
	json_object_foreach_safe(target, next, name, value)
	{
		AUTO_JSON *text = json_string_nocheck(name);
		if (index_of(keys, text, NULL) < 0)
			json_object_del(target, name);
	}
	return 0;
}

/* A value of the patch where the target has none: directives in it must not stay. */
static int fresh_value(const struct schema_field *f, const json_t *value, json_t **ret,
		       struct error *err)
{
	bool merges = f && f->patch_merge && f->shape == SCHEMA_LIST;
	if (json_is_object(value)) {
		AUTO_JSON *empty = json_object();
		bool is_object = f && f->form == SCHEMA_OBJECT && f->shape == SCHEMA_ONE;
		return merge_object(is_object ? f->type : NULL, empty, value, ret, err);
	}
	if (json_is_array(value) && merges)
		return merge_list(f, NULL, value, NULL, ret, err);
	*ret = json_deep_copy(value);
	return 0;
}

static int merge_member(const struct schema_type *type, json_t *target, const char *name,
			const json_t *value, const json_t *order, struct error *err)
{
	const struct schema_field *f = type ? schema_field_of(type, name) : NULL;
	json_t *before = json_object_get(target, name), *result = NULL;
	bool replaces = f && f->patch_replace;
	int code;
	if (value && json_is_null(value)) {
		json_object_del(target, name);
		return 0;
	}
	if (order && f && f->shape == SCHEMA_LIST) {
		if (!before && !value)
			return 0;
		code = merge_list(f, before, value, order, &result, err);
	} else if (json_is_object(before) && json_is_object(value) && !replaces) {
		bool is_object = f && f->form == SCHEMA_OBJECT;
		code = merge_object(is_object ? f->type : NULL, before, value, &result, err);
	} else if (json_is_array(before) && json_is_array(value) && f && f->patch_merge) {
		code = merge_list(f, before, value, NULL, &result, err);
	} else {
		code = fresh_value(f, value, &result, err);
	}
	if (code == 0)
		json_object_set_new_nocheck(target, name, result);
	return code;
}

static int obey_directives(const struct schema_type *type, json_t *target, const json_t *patch,
			   struct error *err)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)patch, name, value)
	{
		if (*name != '$')
			continue;
		if (starts_with(name, DELETE_PREFIX)) {
			if (!json_is_array(value))
				return refuse(err, "$deleteFromPrimitiveList is no list");
			delete_from_list(target, name + strlen(DELETE_PREFIX), value);
		} else if (starts_with(name, ORDER_PREFIX)) {
			const char *field = name + strlen(ORDER_PREFIX);
			if (!json_is_array(value))
				return refuse(err, "$setElementOrder is no list");
			if (merge_member(type, target, field, json_object_get(patch, field), value,
					 err) < 0)
				return err->code;
		} else if (!streq(name, "$patch") && !streq(name, RETAIN)) {
			return refuse(err, "an unknown directive");
		}
	}
	return 0;
}

static bool has_order(const json_t *patch, const char *name)
{
	auto_free char *directive = xasprintf(ORDER_PREFIX "%s", name);
	return json_object_get(patch, directive) != NULL;
}

static int merge_object(const struct schema_type *type, json_t *target, const json_t *patch,
			json_t **ret, struct error *err)
{
	const json_t *directive = json_object_get(patch, "$patch");
	const char *word = json_string_value(directive), *name;
	json_t *value;
	if (directive &&
	    (!word || (!streq(word, "replace") && !streq(word, "delete") && !streq(word, "merge"))))
		return refuse(err, "$patch is none of replace, delete and merge");
	if (word && streq(word, "delete")) {
		*ret = json_object();
		return 0;
	}
	AUTO_JSON *result = word && streq(word, "replace") ? json_object() : json_deep_copy(target);
	if (retain_keys(result, patch, err) < 0 || obey_directives(type, result, patch, err) < 0)
		return err->code;
	json_object_foreach((json_t *)(uintptr_t)patch, name, value)
	{
		if (*name == '$' || has_order(patch, name))
			continue;
		if (merge_member(type, result, name, value, NULL, err) < 0)
			return err->code;
	}
	*ret = TAKE(result);
	return 0;
}

int patch_strategic(const struct schema_type *type, const json_t *target, const json_t *patch,
		    json_t **ret, struct error *err)
{
	if (!json_is_object(patch) || !json_is_object(target))
		return error_set(err, ERR_MALFORMED, "a strategic merge patch is an object");
	return merge_object(type, (json_t *)(uintptr_t)target, patch, ret, err);
}
