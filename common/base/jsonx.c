#include "common/base/jsonx.h"

json_t *json_at_path(const json_t *o, const char *const *names)
{
	for (; o && *names; names++)
		o = json_object_get(o, *names);
	return (json_t *)o;
}

/* The next name of a dotted path; false at the end. */
static bool next_name(const char **path, const char **ret, size_t *ret_len)
{
	if (!**path)
		return false;
	const char *dot = strchr(*path, '.');
	*ret = *path;
	*ret_len = dot ? (size_t)(dot - *path) : strlen(*path);
	*path += *ret_len + (dot ? 1 : 0);
	return true;
}

json_t *json_dig(const json_t *o, const char *path)
{
	const char *name;
	size_t n;
	while (o && next_name(&path, &name, &n))
		o = json_object_getn(o, name, n);
	return (json_t *)o;
}

json_t *json_find(const json_t *list, const char *path, const char *value)
{
	size_t i;
	json_t *one;
	json_array_foreach (list, i, one) {
		if (streq(json_str_or(one, path, ""), value))
			return one;
	}
	return NULL;
}

const char *json_str(const json_t *o, const char *path)
{
	return json_string_value(json_dig(o, path));
}

const char *json_str_or(const json_t *o, const char *path, const char *otherwise)
{
	const char *s = json_str(o, path);
	return s ? s : otherwise;
}

int64_t json_int_or(const json_t *o, const char *path, int64_t otherwise)
{
	json_t *v = json_dig(o, path);
	return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool json_bool_or(const json_t *o, const char *path, bool otherwise)
{
	json_t *v = json_dig(o, path);
	return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

const char *json_member_str(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

void json_put(json_t *o, const char *path, json_t *take_value)
{
	const char *name;
	size_t n;
	while (next_name(&path, &name, &n)) {
		if (!*path) {
			(void)json_object_setn_new(o, name, n, take_value);
			return;
		}
		json_t *inner = json_object_getn(o, name, n);
		if (!json_is_object(inner)) {
			inner = json_object();
			(void)json_object_setn_new(o, name, n, inner);
		}
		o = inner;
	}
	json_decref(take_value);
}

void json_put_str(json_t *o, const char *path, const char *value)
{
	json_put(o, path, json_string(value));
}

void json_put_int(json_t *o, const char *path, int64_t value)
{
	json_put(o, path, json_integer(value));
}

void json_put_bool(json_t *o, const char *path, bool value)
{
	json_put(o, path, json_boolean(value));
}

void json_drop(json_t *o, const char *path)
{
	const char *name;
	size_t n;
	while (o && next_name(&path, &name, &n)) {
		if (!*path) {
			(void)json_object_deln(o, name, n);
			return;
		}
		o = json_object_getn(o, name, n);
	}
}

int json_parse(const char *text, size_t n, json_t **ret, struct error *err)
{
	json_error_t where;
	json_t *tree = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
	if (!tree)
		return error_set(err, ERR_MALFORMED, "line %d column %d: %s", where.line,
				 where.column, where.text);
	*ret = tree;
	return 0;
}

static int add_piece(const char *bytes, size_t n, void *out)
{
	str_add_bytes(out, bytes, n);
	return 0;
}

void json_print(const json_t *o, struct str *out)
{
	(void)json_dump_callback(o, add_piece, out, JSON_COMPACT | JSON_ENCODE_ANY);
}

void json_print_sorted(const json_t *o, struct str *out)
{
	(void)json_dump_callback(o, add_piece, out,
				 JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
}

void json_print_pretty(const json_t *o, struct str *out)
{
	(void)json_dump_callback(o, add_piece, out, JSON_INDENT(4) | JSON_ENCODE_ANY);
}
