#include "schemas/field_set.h"

#include "common/base/jsonx.h"
#include "schemas/print.h"

#define SELF      "."
#define DEPTH_MAX 512

bool field_set_is_empty(const json_t *set)
{
	return json_object_size(set) == 0;
}

bool field_node_is_member(const json_t *node)
{
	return node && (json_object_size(node) == 0 || json_object_get(node, SELF));
}

void field_node_add_self(json_t *node)
{
	if (json_object_size(node) > 0)
		json_object_set_new_nocheck(node, SELF, json_object());
}

enum operation { UNION, INTERSECTION, DIFFERENCE };

static bool holds(enum operation op, bool in_a, bool in_b)
{
	switch (op) {
	case UNION:
		return in_a || in_b;
	case INTERSECTION:
		return in_a && in_b;
	case DIFFERENCE:
		return in_a && !in_b;
	}
	return false;
}

static json_t *combine(enum operation op, const json_t *a, const json_t *b);

/* One node of both: NULL where neither it nor anything below stays. */
static json_t *combine_node(enum operation op, const json_t *a, const json_t *b)
{
	bool is_member = holds(op, field_node_is_member(a), field_node_is_member(b));
	json_t *below = combine(op, a, b);
	if (json_object_size(below) == 0 && !is_member) {
		json_decref(below);
		return NULL;
	}
	if (is_member)
		field_node_add_self(below);
	return below;
}

static void combine_into(enum operation op, const json_t *a, const json_t *b, bool is_second,
			 json_t *out)
{
	const char *name;
	json_t *node;
	json_object_foreach ((json_t *)(uintptr_t)(is_second ? b : a), name, node) {
		if (strcmp(name, SELF) == 0 || (is_second && json_object_get(a, name)))
			continue;
		json_t *made = is_second ? combine_node(op, NULL, node)
					 : combine_node(op, node, json_object_get(b, name));
		if (made)
			json_object_set_new_nocheck(out, name, made);
	}
}

static json_t *combine(enum operation op, const json_t *a, const json_t *b)
{
	json_t *out = json_object();
	combine_into(op, a, b, false, out);
	if (op == UNION)
		combine_into(op, a, b, true, out);
	return out;
}

json_t *field_set_union(const json_t *a, const json_t *b)
{
	return combine(UNION, a, b);
}

json_t *field_set_intersection(const json_t *a, const json_t *b)
{
	return combine(INTERSECTION, a, b);
}

json_t *field_set_difference(const json_t *a, const json_t *b)
{
	return combine(DIFFERENCE, a, b);
}

/* ---- paths ---- */

static void add_value(const json_t *value, struct str *out)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	str_add(out, text ? text : "");
	free(text);
}

void field_element_text(const char *name, struct str *out)
{
	if (name[0] == 'f') {
		str_addf(out, ".%s", name + 2);
		return;
	}
	AUTO_JSON *value = json_loads(name + 2, JSON_DECODE_ANY, NULL);
	str_add_char(out, '[');
	if (name[0] == 'k') {
		size_t count;
		auto_free const char **keys = sorted_keys(value, &count);
		for (size_t i = 0; i < count; i++) {
			str_addf(out, "%s%s=", i ? "," : "", keys[i]);
			add_value(json_object_get(value, keys[i]), out);
		}
	} else {
		str_add_char(out, '=');
		add_value(value, out);
	}
	str_add_char(out, ']');
}

static void each_below(const json_t *set, struct str *path,
		       void (*each)(void *ctx, const char *path), void *ctx)
{
	size_t count, before = path->len;
	auto_free const char **names = sorted_keys(set, &count);
	for (int below = 0; below < 2; below++)
		for (size_t i = 0; i < count; i++) {
			const json_t *node = json_object_get(set, names[i]);
			if (strcmp(names[i], SELF) == 0)
				continue;
			field_element_text(names[i], path);
			if (below)
				each_below(node, path, each, ctx);
			else if (field_node_is_member(node))
				each(ctx, path->data);
			str_truncate(path, before);
		}
}

void field_set_each(const json_t *set, void (*each)(void *ctx, const char *path), void *ctx)
{
	AUTO_STR path;
	str_init(&path, 1 << 20);
	each_below(set, &path, each, ctx);
}

/* ---- what others wrote ---- */

static int check_name(const char *name, struct error *err)
{
	bool is_known = strcmp(name, SELF) == 0 || strncmp(name, "f:", 2) == 0;
	if (is_known)
		return 0;
	AUTO_JSON *value = NULL;
	if (strncmp(name, "k:", 2) == 0 || strncmp(name, "v:", 2) == 0)
		value = json_loads(name + 2, JSON_DECODE_ANY, NULL);
	bool is_good = value && (name[0] == 'v' || json_is_object(value));
	return is_good ? 0
		       : error_set(err, ERR_MALFORMED, "'%.80s' is no element of a field's path",
				   name);
}

static int check(const json_t *set, size_t depth, struct error *err)
{
	const char *name;
	json_t *node;
	if (!json_is_object(set) || depth > DEPTH_MAX)
		return error_set(err, ERR_MALFORMED,
				 "a set of fields is an object of objects, at most %d deep",
				 DEPTH_MAX);
	json_object_foreach ((json_t *)(uintptr_t)set, name, node)
		if (check_name(name, err) < 0 || check(node, depth + 1, err) < 0)
			return err->code;
	return 0;
}

int field_set_check(const json_t *set, struct error *err)
{
	return check(set, 0, err);
}
