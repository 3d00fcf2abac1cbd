/* How two objects differ, from their canonical bytes: what field_compare() finds in trees. */
#include "common/base/jsonx.h"
#include "schemas/owned_names.h"

#define DEPTH_MAX 512

/* Nodes whose parent is not finished. */
struct stack {
	struct owned *at;
	size_t count, size;
};

struct comparing {
	struct arena *arena;
	struct stack stacks[OWNED_OUTCOMES];
	size_t depth;
	bool is_custom; /* values may be anything */
};

/* What became of one value itself: the node is there, and more than what is below it. */
struct outcome {
	bool is_there, is_member;
};

/* One member or element of a container. */
struct part {
	struct span name, value;
};

static bool compare_values(struct comparing *c, const struct field_slot *s, struct span before,
			   struct span now, struct outcome ret[OWNED_OUTCOMES]);
static bool take_alone(struct comparing *c, const struct field_slot *s, char kind, struct span name,
		       struct span value, enum owned_outcome outcome);

static bool is_same(struct span a, struct span b)
{
	return a.len == b.len && (a.at == b.at || (a.at && b.at && !memcmp(a.at, b.at, a.len)));
}

static bool is_empty(struct span value)
{
	return value.len <= 2; /* "{}", "[]", or absent */
}

static enum field_relation relation_at(const struct field_slot *s, struct span value)
{
	enum field_relation r = field_relation_of(s);
	bool is_list = r == FIELD_SET_LIST || r == FIELD_KEYED_LIST;
	if (!value.at || s->root)
		return r;
	return *value.at == (is_list ? '[' : '{') ? r : FIELD_LEAF;
}

/* ---- nodes ---- */

static void push(struct stack *s, const struct owned *node)
{
	if (s->count == s->size) {
		s->size = s->size ? 2 * s->size : 32;
		s->at = xrealloc(s->at, s->size, sizeof *s->at);
	}
	s->at[s->count++] = *node;
}

static int by_name(const void *a, const void *b)
{
	const struct owned *p = a, *q = b;
	int order = p->kind - q->kind;
	if (order == 0)
		order = memcmp(p->name.at, q->name.at, MIN(p->name.len, q->name.len));
	if (order == 0)
		order = p->name.len < q->name.len ? -1 : p->name.len > q->name.len;
	return order;
}

/* The nodes from `mark` on, sorted: what is below a node of the arena. */
static void close_below(struct comparing *c, struct stack *s, size_t mark, struct owned *node)
{
	size_t n = s->count - mark;
	s->count = mark;
	node->count = (uint32_t)n;
	if (n == 0)
		return;
	struct owned *from = s->at + mark;
	for (size_t i = 1; i < n; i++)
		if (by_name(&from[i - 1], &from[i]) > 0) {
			qsort(from, n, sizeof *from, by_name);
			break;
		}
	node->below = arena_alloc(c->arena, n, sizeof *from);
	memcpy(node->below, from, n * sizeof *from);
}

static bool compare_below(struct comparing *c, const struct field_slot *at, char kind,
			  struct span name, struct span before, struct span now)
{
	struct outcome found[OWNED_OUTCOMES] = { 0 };
	size_t marks[OWNED_OUTCOMES];
	if (is_same(before, now))
		return true;
	if (!before.at || !now.at)
		return take_alone(c, at, kind, name, before.at ? before : now,
				  before.at ? OWNED_REMOVED : OWNED_ADDED);
	for (int i = 0; i < OWNED_OUTCOMES; i++)
		marks[i] = c->stacks[i].count;
	if (++c->depth > DEPTH_MAX || !compare_values(c, at, before, now, found))
		return false;
	c->depth--;
	for (int i = 0; i < OWNED_OUTCOMES; i++) {
		struct owned node = { .kind = kind, .name = name };
		if (!found[i].is_there && c->stacks[i].count == marks[i])
			continue;
		close_below(c, &c->stacks[i], marks[i], &node);
		node.is_member = found[i].is_member || node.count == 0;
		push(&c->stacks[i], &node);
	}
	return true;
}

/* ---- structs: members stand in the order of the table ---- */

struct cursor {
	struct scan scan;
	struct part part;
	size_t field; /* fields_count: the end */
};

/* To the next member; false: the table does not know it. */
static bool advance(struct cursor *c, const struct schema_type *type)
{
	if (!scan_next(&c->scan, &c->part.name, &c->part.value)) {
		c->field = type->fields_count;
		return true;
	}
	for (c->field++; c->field < type->fields_count; c->field++) {
		const char *name = type->fields[c->field].name;
		if (strncmp(name, c->part.name.at, c->part.name.len) == 0 &&
		    !name[c->part.name.len])
			return true;
	}
	return false;
}

static bool compare_struct(struct comparing *c, const struct schema_type *type, struct span before,
			   struct span now)
{
	struct cursor a = { .scan = scan_open(before), .field = SIZE_MAX };
	struct cursor b = { .scan = scan_open(now), .field = SIZE_MAX };
	if (!advance(&a, type) || !advance(&b, type))
		return false;
	while (a.field < type->fields_count || b.field < type->fields_count) {
		bool in_a = a.field <= b.field, in_b = b.field <= a.field;
		struct part *either = in_a ? &a.part : &b.part;
		struct span none = { 0 };
		const struct field_slot at = { .field = &type->fields[in_a ? a.field : b.field] };
		if (!compare_below(c, &at, 'f', either->name, in_a ? a.part.value : none,
				   in_b ? b.part.value : none))
			return false;
		if ((in_a && !advance(&a, type)) || (in_b && !advance(&b, type)))
			return false;
	}
	return true;
}

/* ---- maps and lists: parts by name ---- */

struct parts {
	struct part *at;
	size_t count;
};

static int part_order(const struct part *a, const struct part *b)
{
	int order = memcmp(a->name.at, b->name.at, MIN(a->name.len, b->name.len));
	if (order)
		return order;
	return a->name.len < b->name.len ? -1 : a->name.len > b->name.len;
}

static int by_part(const void *a, const void *b)
{
	return part_order(a, b);
}

/* False: there are two of one name. */
static bool sort_parts(struct parts *p)
{
	qsort(p->at, p->count, sizeof *p->at, by_part);
	for (size_t i = 1; i < p->count; i++)
		if (part_order(&p->at[i - 1], &p->at[i]) == 0)
			return false;
	return true;
}

static bool take_members(struct comparing *c, struct span map, struct parts *out)
{
	struct scan s = scan_open(map);
	struct span name, value;
	bool is_sorted = true;
	while (scan_next(&s, &name, &value))
		out->count++;
	out->at = arena_alloc(c->arena, out->count, sizeof *out->at);
	s = scan_open(map);
	for (size_t i = 0; scan_next(&s, &name, &value); i++) {
		out->at[i] = (struct part){ name, value };
		if (memchr(name.at, '\\', name.len))
			return false;
		is_sorted &= i == 0 || part_order(&out->at[i - 1], &out->at[i]) < 0;
	}
	return is_sorted || sort_parts(out);
}

static bool take_elements(struct comparing *c, const struct field_slot *s, struct span list,
			  struct parts *out)
{
	bool is_keyed = field_relation_of(s) == FIELD_KEYED_LIST;
	struct scan scan = scan_open(list);
	struct span name, value;
	while (scan_next(&scan, &name, &value))
		out->count++;
	out->at = arena_alloc(c->arena, out->count, sizeof *out->at);
	scan = scan_open(list);
	for (size_t i = 0; scan_next(&scan, &name, &value); i++) {
		out->at[i] = (struct part){ value, value };
		if (is_keyed ? !owned_name_by_keys(c->arena, s, value, &out->at[i].name)
			     : c->is_custom && !owned_is_plain(value))
			return false;
	}
	return sort_parts(out);
}

/* An object of a custom kind, or inside one: members stand by name, but for the first three. */
static bool compare_custom(struct comparing *c, const struct schema_type *type, struct span before,
			   struct span now)
{
	struct parts a = { 0 }, b = { 0 };
	if (!take_members(c, before, &a) || !take_members(c, now, &b))
		return false;
	for (size_t i = 0, k = 0; i < a.count || k < b.count;) {
		int order = i == a.count ? 1 : k == b.count ? -1 : part_order(&a.at[i], &b.at[k]);
		struct span none = { 0 }, name = order <= 0 ? a.at[i].name : b.at[k].name;
		const struct field_slot at = { .field = owned_custom_field(type, name) };
		if (!at.field ||
		    !compare_below(c, &at, 'f', name, order <= 0 ? a.at[i].value : none,
				   order >= 0 ? b.at[k].value : none))
			return false;
		i += order <= 0;
		k += order >= 0;
	}
	return true;
}

static bool compare_parts(struct comparing *c, const struct field_slot *s, enum field_relation r,
			  struct span before, struct span now)
{
	struct parts a = { 0 }, b = { 0 };
	const struct field_slot at = { .field = s->field, .is_element = true };
	char kind = r == FIELD_MAP ? 'f' : r == FIELD_KEYED_LIST ? 'k' : 'v';
	if (r == FIELD_MAP ? !take_members(c, before, &a) || !take_members(c, now, &b)
			   : !take_elements(c, s, before, &a) || !take_elements(c, s, now, &b))
		return false;
	for (size_t i = 0, k = 0; i < a.count || k < b.count;) {
		int order = i == a.count ? 1 : k == b.count ? -1 : part_order(&a.at[i], &b.at[k]);
		struct span none = { 0 };
		if (!compare_below(c, &at, kind, order <= 0 ? a.at[i].name : b.at[k].name,
				   order <= 0 ? a.at[i].value : none,
				   order >= 0 ? b.at[k].value : none))
			return false;
		i += order <= 0;
		k += order >= 0;
	}
	return true;
}

/* ---- what one side has alone: one walk over its text ---- */

struct alone {
	struct comparing *c;
	struct stack *stack;
	const char *p, *end;
};

static bool walk(struct alone *a, const struct field_slot *s, char kind, struct span name);

/* The name before a value; nothing is escaped in it. */
static bool walk_name(struct alone *a, struct span *ret)
{
	const char *from = a->p;
	a->p = scan_past(from, a->end);
	*ret = (struct span){ from + 1, (size_t)(a->p - from) - 2 };
	return *from == '"' && a->p - from >= 2 && a->end - a->p >= 2 && *a->p++ == ':' &&
	       !memchr(ret->at, '\\', ret->len);
}

static bool walk_custom(struct alone *a, const struct schema_type *type)
{
	for (struct span name; a->p < a->end && *a->p != '}';) {
		if (!walk_name(a, &name))
			return false;
		const struct field_slot at = { .field = owned_custom_field(type, name) };
		if (!at.field || !walk(a, &at, 'f', name))
			return false;
		a->p += a->p < a->end && *a->p == ',';
	}
	return true;
}

static bool walk_struct(struct alone *a, const struct schema_type *type)
{
	size_t field = 0;
	if (type->is_custom)
		return walk_custom(a, type);
	for (struct span name; a->p < a->end && *a->p != '}'; field++) {
		if (!walk_name(a, &name))
			return false;
		for (; field < type->fields_count; field++)
			if (strncmp(type->fields[field].name, name.at, name.len) == 0 &&
			    !type->fields[field].name[name.len])
				break;
		if (field == type->fields_count)
			return false;
		const struct field_slot at = { .field = &type->fields[field] };
		if (!walk(a, &at, 'f', name))
			return false;
		a->p += a->p < a->end && *a->p == ',';
	}
	return true;
}

static bool walk_map(struct alone *a, const struct field_slot *at, size_t mark)
{
	for (struct span name; a->p < a->end && *a->p != '}';) {
		const struct stack *s = a->stack;
		if (!walk_name(a, &name))
			return false;
		struct owned now = { .kind = 'f', .name = name };
		if (s->count > mark && by_name(&s->at[s->count - 1], &now) >= 0)
			return false;
		if (!walk(a, at, 'f', name))
			return false;
		a->p += a->p < a->end && *a->p == ',';
	}
	return true;
}

/* What an element is called is known behind it. */
static bool walk_list(struct alone *a, const struct field_slot *s, const struct field_slot *at,
		      enum field_relation r)
{
	while (a->p < a->end && *a->p != ']') {
		const char *from = a->p;
		if (!walk(a, at, r == FIELD_KEYED_LIST ? 'k' : 'v', (struct span){ 0 }))
			return false;
		struct span item = { from, (size_t)(a->p - from) };
		struct span *name = &a->stack->at[a->stack->count - 1].name;
		*name = item;
		if (r == FIELD_KEYED_LIST ? !owned_name_by_keys(a->c->arena, s, item, name)
					  : a->c->is_custom && !owned_is_plain(item))
			return false;
		a->p += a->p < a->end && *a->p == ',';
	}
	return true;
}

/* Two elements of one name would be one field. */
static bool has_twins(const struct owned *node)
{
	for (size_t i = 1; i < node->count; i++)
		if (by_name(&node->below[i - 1], &node->below[i]) == 0)
			return true;
	return false;
}

/* One value, which becomes a node of its own: a->p stands on it, and behind it afterwards. */
static bool walk(struct alone *a, const struct field_slot *s, char kind, struct span name)
{
	struct owned node = { .kind = kind, .is_member = true, .name = name };
	const struct field_slot at = { .field = s->field, .is_element = true };
	size_t mark = a->stack->count;
	if (a->end - a->p < 1)
		return false;
	enum field_relation r = relation_at(s, (struct span){ a->p, (size_t)(a->end - a->p) });
	if (r == FIELD_LEAF) {
		a->p = scan_past(a->p, a->end);
		push(a->stack, &node);
		return true;
	}
	if (++a->c->depth > DEPTH_MAX)
		return false;
	a->p++;
	bool done = r == FIELD_STRUCT ? walk_struct(a, s->field->type)
		    : r == FIELD_MAP  ? walk_map(a, &at, mark)
				      : walk_list(a, s, &at, r);
	a->c->depth--;
	if (!done || a->p++ >= a->end)
		return false;
	close_below(a->c, a->stack, mark, &node);
	push(a->stack, &node);
	return !has_twins(&node);
}

static bool take_alone(struct comparing *c, const struct field_slot *s, char kind, struct span name,
		       struct span value, enum owned_outcome outcome)
{
	struct alone a = { c, &c->stacks[outcome], value.at, value.at + value.len };
	return walk(&a, s, kind, name) && a.p == a.end;
}

/* ---- values ---- */

/* Objects that nobody takes apart may say the same in another order. */
static bool is_same_tree(struct span a, struct span b)
{
	struct error err;
	AUTO_JSON *x = NULL, *y = NULL;
	bool is_container = *a.at == '{' || *a.at == '[';
	return is_container && *a.at == *b.at && json_parse(a.at, a.len, &x, &err) == 0 &&
	       json_parse(b.at, b.len, &y, &err) == 0 && json_equal(x, y);
}

static void compare_leaf(struct span before, struct span now, struct outcome ret[OWNED_OUTCOMES])
{
	if (!before.at)
		ret[OWNED_ADDED].is_there = true;
	else if (!now.at)
		ret[OWNED_REMOVED].is_there = true;
	else if (!is_same(before, now) && !is_same_tree(before, now))
		ret[OWNED_MODIFIED].is_there = true;
}

static bool compare_inside(struct comparing *c, const struct field_slot *s, enum field_relation r,
			   struct span before, struct span now)
{
	const struct schema_type *type = s->root ? s->root : s->field->type;
	if (r == FIELD_STRUCT)
		return type->is_custom ? compare_custom(c, type, before, now)
				       : compare_struct(c, type, before, now);
	return r == FIELD_LEAF || compare_parts(c, s, r, before, now);
}

static bool compare_values(struct comparing *c, const struct field_slot *s, struct span before,
			   struct span now, struct outcome ret[OWNED_OUTCOMES])
{
	enum field_relation r = relation_at(s, before);
	struct span none = { 0 };
	if (before.at && now.at && relation_at(s, now) != r) {
		ret[OWNED_MODIFIED].is_there = true;
		return compare_inside(c, s, r, before, none) &&
		       compare_inside(c, s, relation_at(s, now), none, now);
	}
	r = before.at ? r : relation_at(s, now);
	if (r == FIELD_LEAF || (is_empty(before) && is_empty(now))) {
		compare_leaf(before, now, ret);
		return true;
	}
	if (!compare_inside(c, s, r, before, now))
		return false;
	int outcome = !before.at ? OWNED_ADDED : OWNED_REMOVED;
	if (!(before.at && now.at) && !s->root)
		ret[outcome] = (struct outcome){ true, true };
	return true;
}

bool owned_compare(struct arena *arena, const struct schema_type *type, struct span before,
		   struct span now, struct owned ret[OWNED_OUTCOMES])
{
	struct comparing c = { .arena = arena, .is_custom = type->is_custom };
	struct outcome found[OWNED_OUTCOMES] = { 0 };
	bool done = compare_values(&c, &(struct field_slot){ .root = type }, before, now, found);
	for (int i = 0; i < OWNED_OUTCOMES; i++) {
		ret[i] = (struct owned){ 0 };
		if (done)
			close_below(&c, &c.stacks[i], 0, &ret[i]);
		free(c.stacks[i].at);
	}
	return done;
}
