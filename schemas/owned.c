#include "schemas/owned.h"

#include "common/base/jsonx.h"

#define DEPTH_MAX 512

static int order_of(const struct owned *a, const struct owned *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	int order = memcmp(a->name.at, b->name.at, MIN(a->name.len, b->name.len));
	if (order)
		return order;
	return a->name.len < b->name.len ? -1 : a->name.len > b->name.len;
}

/* ---- reading ---- */

/* A path element, from inside a JSON string; quotes and backslashes are all that may be escaped. */
static bool read_name(struct arena *arena, struct span raw, struct owned *node)
{
	if (raw.len < 2 || raw.at[1] != ':' || !memchr("fkv", raw.at[0], 3))
		return false;
	node->kind = raw.at[0];
	node->name = (struct span){ raw.at + 2, raw.len - 2 };
	if (!memchr(node->name.at, '\\', node->name.len))
		return node->kind == 'f' || node->name.len > 0;
	if (node->kind == 'f')
		return false;
	char *text = arena_alloc(arena, raw.len, 1);
	size_t n = 0;
	for (size_t i = 2; i < raw.len; i++) {
		if (raw.at[i] == '\\' && ++i < raw.len && raw.at[i] != '"' && raw.at[i] != '\\')
			return false;
		text[n++] = raw.at[i];
	}
	node->name = (struct span){ text, n };
	return true;
}

/* "k:" an object, "v:" any value. */
static bool is_value(const struct owned *node)
{
	if (node->kind == 'f')
		return true;
	AUTO_JSON *value = json_loadb(node->name.at, node->name.len, JSON_DECODE_ANY, NULL);
	return value && (node->kind == 'v' || json_is_object(value));
}

static size_t count_members(struct span object)
{
	struct scan s = scan_open(object);
	size_t n = 0;
	for (struct span name, value; scan_next(&s, &name, &value);)
		n++;
	return n;
}

static bool parse(struct arena *arena, struct span json, bool is_foreign, size_t depth,
		  struct owned *ret)
{
	if (json.len < 2 || *json.at != '{' || depth > DEPTH_MAX)
		return false;
	size_t count = count_members(json);
	ret->is_member = count == 0 && depth > 0;
	if (count == 0)
		return true;
	ret->below = arena_alloc(arena, count, sizeof *ret->below);
	struct scan s = scan_open(json);
	for (struct span name, value; scan_next(&s, &name, &value);) {
		if (name.len == 1 && *name.at == '.') {
			if (value.len != 2 || *value.at != '{' || depth == 0)
				return false;
			ret->is_member = true;
			continue;
		}
		struct owned *node = &ret->below[ret->count];
		if (!read_name(arena, name, node) || (is_foreign && !is_value(node)) ||
		    (ret->count && order_of(node - 1, node) >= 0) ||
		    !parse(arena, value, is_foreign, depth + 1, node))
			return false;
		ret->count++;
	}
	return true;
}

bool owned_parse(struct arena *arena, struct span json, bool is_foreign, struct owned *ret)
{
	*ret = (struct owned){ 0 };
	return parse(arena, json, is_foreign, 0, ret);
}

/* ---- printing ---- */

static void print_name(const struct owned *node, struct str *out)
{
	str_add_char(out, '"');
	str_add_char(out, node->kind);
	str_add_char(out, ':');
	const char *p = node->name.at, *end = p + node->name.len;
	while (node->kind != 'f' && p < end) {
		const char *from = p;
		while (p < end && *p != '"' && *p != '\\')
			p++;
		str_add_bytes(out, from, (size_t)(p - from));
		if (p == end)
			break;
		str_add_char(out, '\\');
		str_add_char(out, *p++);
	}
	if (node->kind == 'f')
		str_add_bytes(out, p, node->name.len);
	str_add_bytes(out, "\":", 2);
}

void owned_print(const struct owned *set, struct str *out)
{
	bool has_self = set->is_member && set->count > 0;
	str_add_char(out, '{');
	if (has_self)
		str_add_bytes(out, "\".\":{}", 6);
	for (size_t i = 0; i < set->count; i++) {
		if (i || has_self)
			str_add_char(out, ',');
		print_name(&set->below[i], out);
		owned_print(&set->below[i], out);
	}
	str_add_char(out, '}');
}

/* ---- combining ---- */

enum operation { UNION, DIFFERENCE };

static void combine(struct arena *arena, enum operation op, const struct owned *a,
		    const struct owned *b, struct owned *ret)
{
	static const struct owned nothing;
	a = a ? a : &nothing;
	b = b ? b : &nothing;
	*ret = a == &nothing ? *b : *a;
	ret->is_member = op == UNION ? a->is_member || b->is_member : a->is_member && !b->is_member;
	if (b->count == 0 || (op == DIFFERENCE && a->count == 0))
		return; /* what is below `a` stays as it is */
	if (a->count == 0) {
		ret->below = b->below;
		ret->count = b->count;
		return;
	}
	size_t i = 0, k = 0, most = op == UNION ? a->count + b->count : a->count;
	ret->below = arena_alloc(arena, most, sizeof *ret->below);
	ret->count = 0;
	while (i < a->count || (op == UNION && k < b->count)) {
		int order = i == a->count   ? 1
			    : k == b->count ? -1
					    : order_of(&a->below[i], &b->below[k]);
		struct owned *node = &ret->below[ret->count];
		if (order > 0 && op == DIFFERENCE) {
			k++;
			continue;
		}
		combine(arena, op, order <= 0 ? &a->below[i] : NULL,
			order >= 0 ? &b->below[k] : NULL, node);
		i += order <= 0;
		k += order >= 0;
		ret->count += node->is_member || node->count > 0;
	}
}

void owned_union(struct arena *arena, const struct owned *a, const struct owned *b,
		 struct owned *ret)
{
	combine(arena, UNION, a, b, ret);
}

void owned_difference(struct arena *arena, const struct owned *a, const struct owned *b,
		      struct owned *ret)
{
	combine(arena, DIFFERENCE, a, b, ret);
}

static bool is_named(const struct owned *node, const char *name)
{
	size_t n = strlen(name);
	return node->kind == 'f' && node->name.len == n && memcmp(node->name.at, name, n) == 0;
}

struct owned *owned_find(const struct owned *at, const char *name)
{
	for (size_t i = 0; i < at->count; i++)
		if (is_named(&at->below[i], name))
			return &at->below[i];
	return NULL;
}

void owned_drop(struct arena *arena, struct owned *at, const char *const *names, size_t count)
{
	struct owned *below = arena_alloc(arena, at->count, sizeof *below);
	uint32_t left = 0;
	for (size_t i = 0; i < at->count; i++) {
		bool goes = false;
		for (size_t k = 0; k < count && !goes; k++)
			goes = is_named(&at->below[i], names[k]);
		if (!goes)
			below[left++] = at->below[i];
	}
	at->below = below;
	at->count = left;
}
