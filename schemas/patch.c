#include "schemas/schema.h"

#include "common/base/jsonx.h"

#define PATCH_OPS_MAX   10000
#define PATCH_NODES_MAX 1000000 /* copied by "copy" */
#define INDEX_MAX       10000000

/* A JSON pointer's parent and last step. */
struct place {
	json_t *parent; /* NULL: the whole document */
	char *name;     /* the last step, unescaped */
};

static int place_missing(const char *path, struct error *err)
{
	return error_set(err, ERR_INVALID, "the path %.300s does not exist", path);
}

/* One step, unescaped (~1 is /, ~0 is ~). */
static char *take_step(const char **at)
{
	size_t n = strcspn(*at, "/");
	char *step = xcalloc(n + 1, 1);
	size_t out = 0;
	for (size_t i = 0; i < n; i++) {
		char c = (*at)[i];
		if (c == '~' && i + 1 < n && ((*at)[i + 1] == '0' || (*at)[i + 1] == '1'))
			c = (*at)[++i] == '0' ? '~' : '/';
		step[out++] = c;
	}
	*at += n;
	return step;
}

static bool parse_index(const char *text, size_t *ret)
{
	size_t value = 0;
	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || value > INDEX_MAX)
			return false;
		value = value * 10 + (size_t)(*text - '0');
	}
	*ret = value;
	return true;
}

/* The place of an element; -1 is the last one, as the original has it and RFC 6902 has not. `size` is
 * one more than there are where one is to be added. */
static bool parse_place(const char *text, size_t size, size_t *ret)
{
	size_t back;
	if (*text != '-')
		return parse_index(text, ret);
	if (!parse_index(text + 1, &back) || back == 0 || back > size)
		return false;
	*ret = size - back;
	return true;
}

static json_t *child(const json_t *parent, const char *name)
{
	size_t index;
	if (json_is_object(parent))
		return json_object_get(parent, name);
	if (json_is_array(parent) && parse_place(name, json_array_size(parent), &index))
		return json_array_get(parent, index);
	return NULL;
}

static int find_place(json_t *document, const char *path, struct place *ret, struct error *err)
{
	*ret = (struct place){ 0 };
	if (!*path)
		return 0;
	/* What stands before the first slash is not looked at, there as here. */
	const char *rest = strchr(path, '/');
	if (!rest++)
		return error_set(err, ERR_MALFORMED, "'%.300s' is no JSON pointer", path);
	json_t *at = document;
	auto_free char *name = take_step(&rest);
	while (*rest == '/') {
		at = child(at, name);
		if (!at)
			return place_missing(path, err);
		rest++;
		free(name);
		name = take_step(&rest);
	}
	if (!json_is_object(at) && !json_is_array(at))
		return place_missing(path, err);
	ret->parent = at;
	ret->name = TAKE(name);
	return 0;
}

/* The value at a path, borrowed; NULL: absent (no error). */
static int read_at(json_t *document, const char *path, json_t **ret, struct error *err)
{
	struct place place;
	if (find_place(document, path, &place, err) < 0)
		return err->code;
	*ret = place.parent ? child(place.parent, place.name) : document;
	free(place.name);
	return 0;
}

static int add_at(json_t **document, const char *path, json_t *take_value, struct error *err)
{
	AUTO_JSON *value = take_value;
	struct place place;
	size_t index;
	if (find_place(*document, path, &place, err) < 0)
		return err->code;
	auto_free char *name = place.name;
	if (!place.parent) {
		json_decref(*document);
		*document = TAKE(value);
		return 0;
	}
	if (json_is_object(place.parent)) {
		json_object_set_nocheck(place.parent, name, value);
		return 0;
	}
	size_t size = json_array_size(place.parent);
	if (streq(name, "-"))
		index = size;
	else if (!parse_place(name, size + 1, &index) || index > size)
		return error_set(err, ERR_INVALID, "'%.300s' is no index of its list", path);
	json_array_insert(place.parent, index, value);
	return 0;
}

static int remove_at(json_t *document, const char *path, struct error *err)
{
	struct place place;
	size_t index;
	if (find_place(document, path, &place, err) < 0)
		return err->code;
	auto_free char *name = place.name;
	if (!place.parent || !child(place.parent, name))
		return place_missing(path, err);
	if (json_is_object(place.parent))
		json_object_del(place.parent, name);
	else if (parse_place(name, json_array_size(place.parent), &index))
		json_array_remove(place.parent, index);
	return 0;
}

/* A member that is not there yet is added: RFC 6902 says otherwise, Kubernetes does so. */
static int replace_at(json_t **document, const char *path, json_t *take_value, struct error *err)
{
	AUTO_JSON *value = take_value;
	struct place place;
	size_t index;
	if (find_place(*document, path, &place, err) < 0)
		return err->code;
	auto_free char *name = place.name;
	if (!place.parent)
		return add_at(document, path, TAKE(value), err);
	if (json_is_object(place.parent))
		json_object_set_nocheck(place.parent, name, value);
	else if (!child(place.parent, name))
		return place_missing(path, err);
	else if (parse_place(name, json_array_size(place.parent), &index))
		json_array_set(place.parent, index, value);
	return 0;
}

static size_t count_nodes(const json_t *tree)
{
	size_t count = 1, i;
	json_t *item;
	const char *key;
	if (json_is_array(tree)) {
		json_array_foreach (tree, i, item)
			count += count_nodes(item);
	} else if (json_is_object(tree)) {
		json_object_foreach ((json_t *)(uintptr_t)tree, key, item)
			count += count_nodes(item);
	}
	return count;
}

static int test_at(json_t *document, const char *path, const json_t *value, struct error *err)
{
	json_t *now = NULL;
	if (read_at(document, path, &now, err) < 0)
		return err->code;
	bool is_equal = now ? json_equal(now, value) : json_is_null(value);
	if (is_equal)
		return 0;
	return error_set(err, ERR_INVALID, "testing path %.300s failed: its value differs", path);
}

/* move and copy */
/* Whether a value that is not there is copied as null: a member of an object is. */
static bool is_copied_as_null(json_t *document, const char *from)
{
	struct place place;
	struct error err;
	if (find_place(document, from, &place, &err) < 0)
		return false;
	bool is_member = json_is_object(place.parent);
	free(place.name);
	return is_member;
}

static int transfer(json_t **document, const json_t *op, const char *path, bool is_move,
		    size_t *nodes, struct error *err)
{
	const char *from = json_string_value(json_object_get(op, "from"));
	json_t *value = NULL;
	if (!from)
		return error_set(err, ERR_MALFORMED, "a patch operation lacks 'from'");
	if (read_at(*document, from, &value, err) < 0)
		return err->code;
	if (!value && !is_move && is_copied_as_null(*document, from))
		return add_at(document, path, json_null(), err);
	if (!value)
		return place_missing(from, err);
	if (is_move) {
		size_t n = strlen(from);
		if (strncmp(path, from, n) == 0 && path[n] == '/')
			return error_set(err, ERR_INVALID, "a value cannot move into itself");
		if (streq(path, from))
			return 0;
		AUTO_JSON *kept = json_incref(value);
		if (remove_at(*document, from, err) < 0)
			return err->code;
		return add_at(document, path, TAKE(kept), err);
	}
	*nodes += count_nodes(value);
	if (*nodes > PATCH_NODES_MAX)
		return error_set(err, ERR_LIMIT, "the patch copies too much");
	return add_at(document, path, json_deep_copy(value), err);
}

static int apply_op(json_t **document, const json_t *op, size_t *nodes, struct error *err)
{
	const char *name = json_string_value(json_object_get(op, "op"));
	const char *path = json_string_value(json_object_get(op, "path"));
	const json_t *value = json_object_get(op, "value");
	if (!name || !path)
		return error_set(err, ERR_MALFORMED, "a patch operation lacks 'op' or 'path'");
	if (streq(name, "remove"))
		return remove_at(*document, path, err);
	if (streq(name, "move") || streq(name, "copy"))
		return transfer(document, op, path, streq(name, "move"), nodes, err);
	AUTO_JSON *none = json_null();
	if (!value)
		value = none;
	if (streq(name, "test"))
		return test_at(*document, path, value, err);
	if (streq(name, "add"))
		return add_at(document, path, json_deep_copy(value), err);
	if (streq(name, "replace"))
		return replace_at(document, path, json_deep_copy(value), err);
	return error_set(err, ERR_MALFORMED, "Unexpected kind: %.100s", name);
}

int patch_json(const json_t *target, const json_t *patch, json_t **ret, struct error *err)
{
	if (!json_is_array(patch))
		return error_set(err, ERR_MALFORMED, "a JSON patch is a list of operations");
	if (json_array_size(patch) > PATCH_OPS_MAX)
		return error_set(err, ERR_LIMIT,
				 "The allowed maximum operations in a JSON patch is %d, got %zu",
				 PATCH_OPS_MAX, json_array_size(patch));
	AUTO_JSON *document = json_deep_copy(target);
	size_t nodes = 0;
	for (size_t i = 0; i < json_array_size(patch); i++)
		if (apply_op(&document, json_array_get(patch, i), &nodes, err) < 0)
			return err->code;
	*ret = TAKE(document);
	return 0;
}

/* RFC 7386; the result is new. */
static json_t *merged(const json_t *target, const json_t *patch)
{
	if (!json_is_object(patch))
		return json_deep_copy(patch);
	json_t *result = json_is_object(target) ? json_deep_copy(target) : json_object();
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)patch, key, value) {
		if (json_is_null(value))
			json_object_del(result, key);
		else
			json_object_set_new_nocheck(result, key,
						    merged(json_object_get(result, key), value));
	}
	return result;
}

int patch_merge(const json_t *target, const json_t *patch, json_t **ret, struct error *err)
{
	if (!json_is_object(patch))
		return error_set(err, ERR_MALFORMED, "a merge patch is an object");
	*ret = merged(target, patch);
	return 0;
}
