#include "schemas/field_walk.h"

#include "common/base/jsonx.h"
#include "common/base/map.h"
#include "schemas/print.h"

/* ---- slots ---- */

static bool is_atomic_type(const struct schema_field *f)
{
	return f->form != SCHEMA_OBJECT || f->type->is_atomic;
}

enum field_relation field_relation_of(const struct field_slot *s)
{
	if (s->root)
		return FIELD_STRUCT;
	const struct schema_field *f = s->field;
	if (s->is_element || f->shape == SCHEMA_ONE)
		return is_atomic_type(f) ? FIELD_LEAF : FIELD_STRUCT;
	if (f->shape == SCHEMA_MAP)
		return f->is_atomic_map ? FIELD_LEAF : FIELD_MAP;
	if (f->list_type == SCHEMA_LIST_SET)
		return FIELD_SET_LIST;
	return f->list_type == SCHEMA_LIST_MAP ? FIELD_KEYED_LIST : FIELD_LEAF;
}

enum field_relation field_relation_at(const struct field_slot *s, const json_t *value)
{
	enum field_relation r = field_relation_of(s);
	if (!value || s->root)
		return r;
	bool is_list = r == FIELD_SET_LIST || r == FIELD_KEYED_LIST;
	return (is_list ? json_is_array(value) : json_is_object(value)) ? r : FIELD_LEAF;
}

static const struct schema_type *type_at(const struct field_slot *s)
{
	return s->root ? s->root : s->field->type;
}

struct field_slot field_slot_below(const struct field_slot *s, const char *name)
{
	if (field_relation_of(s) != FIELD_STRUCT)
		return (struct field_slot){ .field = s->field, .is_element = true };
	const struct schema_type *type = type_at(s);
	const struct schema_field *field = schema_field_of(type, name);
	return (struct field_slot){ .field = field ? field : type->rest, .is_rest = !field };
}

/* The key's value in the element, or what defaulting would put there. */
static json_t *key_value(const struct field_slot *s, const json_t *item, const char *key)
{
	json_t *value = json_object_get(item, key);
	if (value)
		return json_incref(value);
	const struct schema_field *f = schema_field_of(s->field->type, key);
	return f && f->default_json ? json_loads(f->default_json, JSON_DECODE_ANY, NULL) : NULL;
}

static char *keyed_name(const struct field_slot *s, const json_t *item)
{
	AUTO_JSON *keys = json_object();
	for (const char *const *key = s->field->list_map_keys; key && *key; key++) {
		json_t *value = key_value(s, item, *key);
		if (value)
			json_object_set_new_nocheck(keys, *key, value);
	}
	if (json_object_size(keys) == 0)
		return NULL;
	AUTO_STR text;
	str_init(&text, 1 << 20);
	str_add(&text, "k:");
	json_print_sorted(keys, &text);
	return str_take(&text);
}

char *field_element_name(const struct field_slot *s, const json_t *item)
{
	if (field_relation_of(s) == FIELD_KEYED_LIST)
		return keyed_name(s, item);
	AUTO_STR text;
	str_init(&text, 1 << 20);
	str_add(&text, "v:");
	json_print(item, &text);
	return str_take(&text);
}

/* ---- what is below a value, by path element ---- */

static size_t size_of(const json_t *value)
{
	return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

struct below {
	char *name;         /* "f:x", "k:{…}", "v:…" */
	const json_t *item; /* an array of them where `is_twice` */
	bool is_twice;
	json_t *several;
};

struct belows {
	struct below *at;
	size_t count;
	struct map by_name; /* name → struct below; only of lists */
};

static void belows_fini(struct belows *b)
{
	for (size_t i = 0; i < b->count; i++) {
		json_decref(b->at[i].several);
		free(b->at[i].name);
	}
	map_fini(&b->by_name);
	free(b->at);
}

/* Nulls are values of custom objects only. */
static void take_members(const struct field_slot *s, const json_t *tree, struct belows *out)
{
	const struct schema_type *type = s->root ? s->root : s->field->type;
	const char *name;
	json_t *value;
	out->at = xcalloc(json_object_size(tree) + 1, sizeof *out->at);
	json_object_foreach ((json_t *)(uintptr_t)tree, name, value)
		if ((type && type->is_custom) || !json_is_null(value))
			out->at[out->count++] =
				(struct below){ xasprintf("f:%s", name), value, false, NULL };
}

static void take_elements(const struct field_slot *s, const json_t *list, struct belows *out)
{
	size_t n = json_array_size(list);
	out->at = xcalloc(n + 1, sizeof *out->at);
	for (size_t i = 0; i < n; i++) {
		json_t *item = json_array_get(list, i);
		auto_free char *name = field_element_name(s, item);
		if (!name)
			continue; /* validation refuses it */
		struct below *same = map_get(&out->by_name, name);
		if (!same) {
			struct below *one = &out->at[out->count++];
			*one = (struct below){ xstrdup(name), item, false, NULL };
			(void)map_put(&out->by_name, name, one);
			continue;
		}
		if (!same->is_twice) {
			same->several = json_array();
			json_array_append(same->several, (json_t *)(uintptr_t)same->item);
			same->item = same->several;
			same->is_twice = true;
		}
		json_array_append(same->several, item);
	}
}

static void belows_of(const struct field_slot *s, const json_t *value, struct belows *out)
{
	enum field_relation r = field_relation_of(s);
	*out = (struct belows){ 0 };
	if (r == FIELD_STRUCT || r == FIELD_MAP)
		take_members(s, value, out);
	else
		take_elements(s, value, out);
}

static const struct below *find_below(const struct belows *b, const char *name, size_t hint)
{
	if (hint < b->count && streq(b->at[hint].name, name))
		return &b->at[hint];
	if (b->by_name.count)
		return map_get(&b->by_name, name);
	for (size_t i = 0; i < b->count; i++)
		if (streq(b->at[i].name, name))
			return &b->at[i];
	return NULL;
}

/* The slot of a path element; field NULL: the schema does not know it. */
static struct field_slot slot_of(const struct field_slot *s, const char *element)
{
	return field_slot_below(s, element[0] == 'f' ? element + 2 : "");
}

/* ---- lists that cannot be taken apart ---- */

static bool check_lists(const struct field_slot *s, const json_t *value, struct str *path,
			struct str *why);

static bool check_list(const struct field_slot *s, const json_t *list, const struct str *path,
		       struct str *why)
{
	struct belows b;
	belows_of(s, list, &b);
	size_t seen = 0;
	for (size_t i = 0; i < b.count && why->len == 0; i++) {
		seen++;
		if (!b.at[i].is_twice)
			continue;
		str_addf(why, "%s: duplicate entries for key ", path->data);
		field_element_text(b.at[i].name, why);
	}
	if (why->len == 0 && seen < json_array_size(list))
		field_keyless_text(s->field, list, path->data, why);
	belows_fini(&b);
	return why->len == 0;
}

static bool check_lists(const struct field_slot *s, const json_t *value, struct str *path,
			struct str *why)
{
	enum field_relation r = field_relation_at(s, value);
	struct belows b;
	if (r == FIELD_LEAF)
		return true;
	if ((r == FIELD_SET_LIST || r == FIELD_KEYED_LIST) && !check_list(s, value, path, why))
		return false;
	belows_of(s, value, &b);
	size_t before = path->len;
	for (size_t i = 0; i < b.count && why->len == 0; i++) {
		struct field_slot at = slot_of(s, b.at[i].name);
		field_element_text(b.at[i].name, path);
		if (at.field)
			(void)check_lists(&at, b.at[i].item, path, why);
		str_truncate(path, before);
	}
	belows_fini(&b);
	return why->len == 0;
}

bool field_check_lists(const struct schema_type *type, const json_t *tree, struct str *why)
{
	AUTO_STR path;
	str_init(&path, 1 << 20);
	return check_lists(&(struct field_slot){ .root = type }, tree, &path, why);
}

/* ---- the fields of an object ---- */

static void add_fields(const struct field_slot *s, const json_t *value, json_t *node)
{
	enum field_relation r = field_relation_of(s);
	struct belows b;
	belows_of(s, value, &b);
	for (size_t i = 0; i < b.count; i++) {
		struct field_slot at = slot_of(s, b.at[i].name);
		const json_t *item = b.at[i].item;
		if (!at.field)
			continue;
		json_t *below = json_object();
		if (b.at[i].is_twice || field_relation_at(&at, item) == FIELD_LEAF) {
			json_object_set_new_nocheck(node, b.at[i].name, below);
			continue;
		}
		add_fields(&at, item, below);
		/* An element of a list or map is a field of its own; so is an empty object. What
		 * holds nothing but an empty list owns nothing. */
		bool is_own = r != FIELD_STRUCT || at.is_rest ||
			      (json_is_object(item) && size_of(item) == 0);
		if (is_own)
			field_node_add_self(below);
		if (is_own || json_object_size(below) > 0)
			json_object_set_new_nocheck(node, b.at[i].name, below);
		else
			json_decref(below);
	}
	belows_fini(&b);
}

json_t *field_set_of(const struct schema_type *type, const json_t *tree)
{
	json_t *set = json_object();
	add_fields(&(struct field_slot){ .root = type }, tree, set);
	return set;
}

/* ---- differences ---- */

enum { ADDED, MODIFIED, REMOVED, OUTCOMES };

static void compare_values(const struct field_slot *s, const json_t *before, const json_t *now,
			   json_t *ret[OUTCOMES]);

static void compare_leaf(const json_t *before, const json_t *now, json_t *ret[OUTCOMES])
{
	if (!before)
		ret[ADDED] = json_object();
	else if (!now)
		ret[REMOVED] = json_object();
	else if (!json_equal(before, now))
		ret[MODIFIED] = json_object();
}

static void put_outcomes(json_t *into[OUTCOMES], const char *name, json_t *below[OUTCOMES])
{
	for (int i = 0; i < OUTCOMES; i++) {
		if (!below[i])
			continue;
		if (!into[i])
			into[i] = json_object();
		json_object_set_new_nocheck(into[i], name, below[i]);
	}
}

static bool is_equal(const json_t *a, const json_t *b)
{
	return a == b || (a && b && json_equal(a, b));
}

static void compare_below(const struct field_slot *s, const char *name, const struct below *before,
			  const struct below *now, json_t *ret[OUTCOMES])
{
	json_t *below[OUTCOMES] = { NULL };
	struct field_slot at = slot_of(s, name);
	const json_t *a = before ? before->item : NULL, *b = now ? now->item : NULL;
	if (!at.field || is_equal(a, b))
		return;
	if ((before && before->is_twice) || (now && now->is_twice))
		compare_leaf(a, b, below);
	else
		compare_values(&at, a, b, below);
	put_outcomes(ret, name, below);
}

/* A struct or map: most members are equal, and cost no more than finding that out. */
static void compare_members(const struct field_slot *s, const json_t *before, const json_t *now,
			    json_t *ret[OUTCOMES])
{
	const char *key;
	json_t *value;
	for (int second = 0; second < 2; second++)
		json_object_foreach ((json_t *)(uintptr_t)(second ? now : before), key, value) {
			const json_t *other = json_object_get(second ? before : now, key);
			if (other && (second || is_equal(value, other)))
				continue;
			auto_free char *name = xasprintf("f:%s", key);
			struct below one = { NULL, value, false, NULL };
			struct below two = { NULL, other, false, NULL };
			compare_below(s, name, second ? NULL : &one,
				      second  ? &one
				      : other ? &two
					      : NULL,
				      ret);
		}
}

static void compare_elements(const struct field_slot *s, const json_t *before, const json_t *now,
			     json_t *ret[OUTCOMES])
{
	struct belows a, b;
	belows_of(s, before, &a);
	belows_of(s, now, &b);
	for (size_t i = 0; i < a.count; i++)
		compare_below(s, a.at[i].name, &a.at[i], find_below(&b, a.at[i].name, i), ret);
	for (size_t i = 0; i < b.count; i++)
		if (!find_below(&a, b.at[i].name, i))
			compare_below(s, b.at[i].name, NULL, &b.at[i], ret);
	belows_fini(&a);
	belows_fini(&b);
}

static void compare_inside(const struct field_slot *s, enum field_relation r, const json_t *before,
			   const json_t *now, json_t *ret[OUTCOMES])
{
	if (r == FIELD_STRUCT || r == FIELD_MAP)
		compare_members(s, before, now, ret);
	else if (r != FIELD_LEAF)
		compare_elements(s, before, now, ret);
}

/* Nodes of what was added, modified and removed at this place and below; NULL: nothing. */
static void compare_values(const struct field_slot *s, const json_t *before, const json_t *now,
			   json_t *ret[OUTCOMES])
{
	enum field_relation r = field_relation_at(s, before);
	if (before == now)
		return;
	if (before && now && field_relation_at(s, now) != r) {
		compare_inside(s, r, before, NULL, ret);
		compare_inside(s, field_relation_at(s, now), NULL, now, ret);
		ret[MODIFIED] = json_object();
		return;
	}
	r = before ? r : field_relation_at(s, now);
	/* Both empty: whether there is one at all is all that can differ. */
	if (r == FIELD_LEAF || (size_of(before) == 0 && size_of(now) == 0)) {
		compare_leaf(before, now, ret);
		return;
	}
	compare_inside(s, r, before, now, ret);
	int outcome = !before ? ADDED : REMOVED;
	if ((before && now) || s->root)
		return;
	if (!ret[outcome])
		ret[outcome] = json_object();
	field_node_add_self(ret[outcome]);
}

void field_compare(const struct schema_type *type, const json_t *before, const json_t *now,
		   struct field_difference *ret)
{
	json_t *sets[OUTCOMES] = { NULL };
	compare_values(&(struct field_slot){ .root = type }, before, now, sets);
	for (int i = 0; i < OUTCOMES; i++)
		if (!sets[i])
			sets[i] = json_object();
	*ret = (struct field_difference){ sets[ADDED], sets[MODIFIED], sets[REMOVED] };
}

void field_difference_fini(struct field_difference *d)
{
	json_decref(d->added);
	json_decref(d->modified);
	json_decref(d->removed);
}

/* ---- without some fields ---- */

static json_t *without(const struct field_slot *s, const json_t *value, const json_t *set);

/* One member or element: NULL where it goes, or nothing of it is left. */
static json_t *without_below(const struct field_slot *s, const char *name, json_t *item,
			     const json_t *set)
{
	const json_t *node = json_object_get(set, name);
	struct field_slot at = slot_of(s, name);
	if (!node || !at.field)
		return json_incref(item);
	if (field_node_is_member(node))
		return NULL;
	return without(&at, item, node);
}

static json_t *without(const struct field_slot *s, const json_t *value, const json_t *set)
{
	enum field_relation r = field_relation_at(s, value);
	json_t *whole = (json_t *)(uintptr_t)value;
	if (r == FIELD_LEAF || size_of(value) == 0)
		return json_incref(whole);
	json_t *out = json_is_array(value) ? json_array() : json_object();
	const char *key;
	json_t *item;
	size_t i;
	json_object_foreach (whole, key, item) {
		auto_free char *name = xasprintf("f:%s", key);
		json_t *left = without_below(s, name, item, set);
		if (left)
			json_object_set_new_nocheck(out, key, left);
	}
	json_array_foreach (whole, i, item) {
		auto_free char *name = field_element_name(s, item);
		json_t *left = name ? without_below(s, name, item, set) : json_incref(item);
		if (left)
			json_array_append_new(out, left);
	}
	if (size_of(out) == 0 && !s->root) {
		json_decref(out);
		return NULL;
	}
	return out;
}

json_t *field_remove(const struct schema_type *type, const json_t *tree, const json_t *set)
{
	return without(&(struct field_slot){ .root = type }, tree, set);
}

/* ---- structs as members ---- */

static json_t *with_structs(const struct field_slot *s, const json_t *set)
{
	json_t *out = json_object();
	const char *name;
	json_t *node;
	bool is_struct = field_relation_of(s) == FIELD_STRUCT;
	json_object_foreach ((json_t *)(uintptr_t)set, name, node) {
		if (streq(name, ".")) {
			json_object_set(out, name, node);
			continue;
		}
		struct field_slot at = slot_of(s, name);
		bool goes_on = at.field && field_relation_of(&at) != FIELD_LEAF;
		json_t *made = goes_on ? with_structs(&at, node) : json_deep_copy(node);
		if (is_struct && at.field)
			field_node_add_self(made);
		json_object_set_new_nocheck(out, name, made);
	}
	return out;
}

json_t *field_set_with_structs(const struct schema_type *type, const json_t *set)
{
	return with_structs(&(struct field_slot){ .root = type }, set);
}
