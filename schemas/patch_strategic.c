/*
 * Strategic merge patch, as apimachinery's strategicpatch applies it: lists merge by key, and the
 * directives $patch, $retainKeys, $setElementOrder/x and $deleteFromPrimitiveList/x.
 */
#include "common/base/jsonx.h"
#include "schemas/schema.h"

#define ORDER_PREFIX  "$setElementOrder/"
#define DELETE_PREFIX "$deleteFromPrimitiveList/"
#define RETAIN        "$retainKeys"

#define FEW 12

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

/* The first place of each identity in a list: a patch may hold some hundred thousand. */
struct places {
	const json_t *list;
	const char *merge_key;
	json_t *by_text; /* NULL: so few that they are looked through */
};

#define AUTO_PLACES __attribute__((cleanup(places_fini))) struct places

static void places_fini(struct places *p)
{
	json_decref(p->by_text);
}

static void note_place(struct places *p, size_t i)
{
	const json_t *id = identity(json_array_get(p->list, i), p->merge_key);
	AUTO_STR text;
	if (!id || !p->by_text)
		return;
	str_init(&text, 64u << 20);
	json_print_sorted(id, &text);
	if (!json_object_get(p->by_text, text.data))
		json_object_set_new_nocheck(p->by_text, text.data, json_integer((json_int_t)i));
}

static struct places places_of(const json_t *list, const char *merge_key)
{
	struct places p = { .list = list, .merge_key = merge_key };
	if (json_array_size(list) > FEW)
		p.by_text = json_object();
	for (size_t i = 0; p.by_text && i < json_array_size(list); i++)
		note_place(&p, i);
	return p;
}

/* The list got one more element. */
static void places_grew(struct places *p)
{
	size_t n = json_array_size(p->list);
	if (p->by_text)
		note_place(p, n - 1);
	else if (n > FEW)
		*p = places_of(p->list, p->merge_key);
}

static ssize_t place_of(const struct places *p, const json_t *item)
{
	const json_t *id = identity(item, p->merge_key);
	if (p->by_text && id) {
		AUTO_STR text;
		str_init(&text, 64u << 20);
		json_print_sorted(id, &text);
		const json_t *at = json_object_get(p->by_text, text.data);
		return at ? (ssize_t)json_integer_value(at) : -1;
	}
	for (size_t i = 0; id && !p->by_text && i < json_array_size(p->list); i++) {
		const json_t *other = identity(json_array_get(p->list, i), p->merge_key);
		if (other && json_equal(other, id))
			return (ssize_t)i;
	}
	return -1;
}

/* Those of `list` that `others` names, or those that it does not. */
static json_t *only(const json_t *list, const json_t *others, const char *merge_key, bool is_named)
{
	AUTO_PLACES p = places_of(others, merge_key);
	json_t *out = json_array();
	for (size_t i = 0; i < json_array_size(list); i++)
		if ((place_of(&p, json_array_get(list, i)) >= 0) == is_named)
			json_array_append(out, json_array_get(list, i));
	return out;
}

/* Those of `list` that `order` names, in its order. */
static json_t *in_order(const json_t *list, const json_t *order, const char *merge_key)
{
	AUTO_PLACES p = places_of(list, merge_key);
	auto_free bool *is_taken = xcalloc(json_array_size(list) + 1, sizeof *is_taken);
	json_t *out = json_array();
	for (size_t i = 0; i < json_array_size(order); i++) {
		ssize_t at = place_of(&p, json_array_get(order, i));
		if (at < 0 || is_taken[at])
			continue;
		is_taken[at] = true;
		json_array_append(out, json_array_get(list, (size_t)at));
	}
	return out;
}

/* Items of the patch in the patch's order, others where they stood among them. */
static json_t *ordered(const json_t *list, const json_t *order, const json_t *before,
		       const char *merge_key)
{
	AUTO_JSON *named = in_order(list, order, merge_key);
	AUTO_JSON *others = only(list, order, merge_key, false);
	AUTO_PLACES p = places_of(before, merge_key);
	json_t *out = json_array();
	size_t i = 0, k = 0;
	while (i < json_array_size(others) || k < json_array_size(named)) {
		json_t *left = json_array_get(others, i), *right = json_array_get(named, k);
		bool takes_left = !right;
		if (left && right) {
			ssize_t at_left = place_of(&p, left);
			ssize_t at_right = place_of(&p, right);
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

/* Each that has the identity of one of these. */
static void remove_all(json_t *list, const json_t *these, const char *merge_key)
{
	if (!json_array_size(these))
		return;
	AUTO_JSON *kept = only(list, these, merge_key, false);
	json_array_clear(list);
	json_array_extend(list, kept);
}

/* Elements that say $patch: taken out of the patch; what they delete is taken from the list. */
static int obey_elements(json_t *list, json_t *patch, const char *merge_key, struct error *err)
{
	bool replaces = false;
	AUTO_JSON *deleted = json_array(), *rest = json_array();
	for (size_t i = 0; i < json_array_size(patch); i++) {
		json_t *item = json_array_get(patch, i);
		const char *directive = json_string_value(json_object_get(item, "$patch"));
		if (!directive)
			json_array_append(rest, item);
		else if (streq(directive, "replace"))
			replaces = true;
		else if (streq(directive, "delete"))
			json_array_append(deleted, item);
		else
			return refuse(err, "$patch in a list is neither replace nor delete");
	}
	if (json_array_size(rest) < json_array_size(patch)) {
		json_array_clear(patch);
		json_array_extend(patch, rest);
	}
	if (replaces)
		json_array_clear(list);
	else
		remove_all(list, deleted, merge_key);
	return 0;
}

static int merge_objects_list(const struct schema_field *f, json_t *list, json_t *patch,
			      struct error *err)
{
	const char *key = f->patch_merge_key;
	if (check_elements(patch, key, err) < 0 || obey_elements(list, patch, key, err) < 0)
		return err->code;
	AUTO_PLACES p = places_of(list, key);
	for (size_t i = 0; i < json_array_size(patch); i++) {
		json_t *item = json_array_get(patch, i), *result = NULL;
		ssize_t at = place_of(&p, item);
		AUTO_JSON *base =
			at >= 0 ? json_incref(json_array_get(list, (size_t)at)) : json_object();
		if (merge_object(f->type, base, item, &result, err) < 0)
			return err->code;
		if (at >= 0) {
			json_array_set_new(list, (size_t)at, result);
		} else {
			json_array_append_new(list, result);
			places_grew(&p);
		}
	}
	return 0;
}

static void merge_texts_list(json_t *list, const json_t *patch)
{
	AUTO_PLACES p = places_of(list, NULL);
	for (size_t i = 0; i < json_array_size(patch); i++) {
		json_t *item = json_array_get(patch, i);
		if (place_of(&p, item) >= 0)
			continue;
		json_array_append(list, item);
		places_grew(&p);
	}
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
		merge_texts_list(list, changes);
	}
	AUTO_JSON *places = order ? slots(list, json_array_size(before)) : NULL;
	*ret = ordered(list, order ? order : changes, places ? places : before, key);
	return 0;
}

static void delete_from_list(json_t *target, const char *name, const json_t *values)
{
	remove_all(json_object_get(target, name), values, NULL);
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
	AUTO_PLACES named = places_of(keys, NULL);
	json_object_foreach ((json_t *)(uintptr_t)patch, name, value) {
		AUTO_JSON *text = json_string_nocheck(name);
		if (*name != '$' && !json_is_null(value) && place_of(&named, text) < 0)
			return refuse(err, "$retainKeys does not name a member of the patch");
	}
	json_object_foreach_safe (target, next, name, value) {
		AUTO_JSON *text = json_string_nocheck(name);
		if (place_of(&named, text) < 0)
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
	json_object_foreach ((json_t *)(uintptr_t)patch, name, value) {
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
	json_object_foreach ((json_t *)(uintptr_t)patch, name, value) {
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
