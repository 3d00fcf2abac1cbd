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

/* One walk over the text; nodes whose parent is not finished wait on a stack. */
struct parser {
	struct arena *arena;
	const char *p, *end;
	bool is_foreign;
	int depth;
	struct owned small[64], *stack;
	size_t count, size;
};

static struct owned *push(struct parser *r)
{
	if (r->count == r->size) {
		struct owned *old = r->stack;
		r->size *= 2;
		r->stack = xcalloc(r->size, sizeof *r->stack);
		memcpy(r->stack, old, r->count * sizeof *old);
		if (old != r->small)
			free(old);
	}
	struct owned *node = &r->stack[r->count++];
	*node = (struct owned){ 0 };
	return node;
}

/* {} itself, or what is below it. */
static bool parse(struct parser *r, struct owned *ret);

static bool parse_member(struct parser *r, struct owned *parent, size_t mark)
{
	const char *colon = scan_past(r->p, r->end);
	if (*r->p != '"' || colon - r->p < 3 || r->end - colon < 2 || *colon != ':')
		return false;
	struct span name = { r->p + 1, (size_t)(colon - r->p) - 2 };
	r->p = colon + 1;
	if (name.len == 1 && *name.at == '.') {
		if (memcmp(r->p, "{}", 2) != 0 || r->depth == 1)
			return false;
		r->p += 2;
		parent->is_member = true;
		return true;
	}
	struct owned node = { 0 };
	if (!read_name(r->arena, name, &node) || (r->is_foreign && !is_value(&node)) ||
	    (r->count > mark && order_of(&r->stack[r->count - 1], &node) >= 0) || !parse(r, &node))
		return false;
	*push(r) = node;
	return true;
}

static bool parse(struct parser *r, struct owned *ret)
{
	size_t mark = r->count;
	if (r->end - r->p < 2 || *r->p != '{' || ++r->depth > DEPTH_MAX)
		return false;
	r->p++;
	while (r->p < r->end && *r->p != '}') {
		if (!parse_member(r, ret, mark) || r->p >= r->end)
			return false;
		if (*r->p == ',')
			r->p++;
	}
	if (r->p++ >= r->end)
		return false;
	r->depth--;
	ret->count = (uint32_t)(r->count - mark);
	ret->is_member |= ret->count == 0 && r->depth > 0;
	r->count = mark;
	if (ret->count) {
		ret->below = arena_alloc(r->arena, ret->count, sizeof *ret->below);
		memcpy(ret->below, r->stack + mark, ret->count * sizeof *ret->below);
	}
	return true;
}

bool owned_parse(struct arena *arena, struct span json, bool is_foreign, struct owned *ret)
{
	struct parser r; /* large, and most of it is not needed */
	r.arena = arena;
	r.p = json.at;
	r.end = json.at + json.len;
	r.is_foreign = is_foreign;
	r.depth = 0;
	r.stack = r.small;
	r.count = 0;
	r.size = ARRAY_LEN(r.small);
	*ret = (struct owned){ 0 };
	bool done = parse(&r, ret) && r.p == r.end;
	if (r.stack != r.small)
		free(r.stack);
	return done;
}

/* ---- printing ---- */

static void print_name(const struct owned *node, struct str *out)
{
	char *to = str_reserve(out, 2 * node->name.len + 5), *begin = to;
	if (!to)
		return;
	*to++ = '"';
	*to++ = node->kind;
	*to++ = ':';
	if (node->kind == 'f') {
		memcpy(to, node->name.at, node->name.len);
		to += node->name.len;
	}
	for (size_t i = 0; node->kind != 'f' && i < node->name.len; i++) {
		if (node->name.at[i] == '"' || node->name.at[i] == '\\')
			*to++ = '\\';
		*to++ = node->name.at[i];
	}
	*to++ = '"';
	*to++ = ':';
	str_grew(out, (size_t)(to - begin));
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
