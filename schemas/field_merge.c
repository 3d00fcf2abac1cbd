/* One object laid over another, as server-side apply does it. */
#include "schemas/field_walk.h"

#include "common/base/map.h"

static json_t *merge(const struct field_slot *s, json_t *base, json_t *over);

static json_t *merge_members(const struct field_slot *s, json_t *base, json_t *over)
{
	json_t *out = json_copy(base);
	const char *name;
	json_t *value;
	json_object_foreach (over, name, value) {
		struct field_slot at = field_slot_below(s, name);
		json_t *was = json_object_get(base, name);
		json_t *now = was && at.field ? merge(&at, was, value) : json_incref(value);
		json_object_set_new_nocheck(out, name, now);
	}
	return out;
}

struct element {
	json_t *item;
	char *name;
	bool is_done;
};

struct elements {
	struct element *at;
	size_t count;
	struct map by_name; /* the first of each name */
};

static void elements_init(struct elements *e, const struct field_slot *s, const json_t *list)
{
	*e = (struct elements){ .count = json_array_size(list) };
	e->at = xcalloc(e->count + 1, sizeof *e->at);
	for (size_t i = 0; i < e->count; i++) {
		struct element *one = &e->at[i];
		one->item = json_array_get(list, i);
		one->name = field_element_name(s, one->item);
		if (one->name && !map_has(&e->by_name, one->name))
			(void)map_put(&e->by_name, one->name, one);
	}
}

static void elements_fini(struct elements *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->at[i].name);
	map_fini(&e->by_name);
	free(e->at);
}

static struct element *same_in(const struct elements *e, const struct element *of)
{
	return of->name ? map_get(&e->by_name, of->name) : NULL;
}

struct lists {
	const struct field_slot *at; /* of an element */
	struct elements base, over;
	size_t left, right; /* the next of each */
	json_t *out;
};

/* The next element of `over` that `base` has too; NULL: none. */
static const struct element *next_shared(const struct lists *l)
{
	for (size_t i = l->right; i < l->over.count; i++)
		if (same_in(&l->base, &l->over.at[i]))
			return &l->over.at[i];
	return NULL;
}

static void take_over(struct lists *l)
{
	struct element *mine = &l->over.at[l->right++], *was = same_in(&l->base, mine);
	mine->is_done = true;
	if (was && was->is_done)
		was = NULL; /* named twice: validation says so */
	if (was)
		was->is_done = true;
	json_array_append_new(l->out,
			      was ? merge(l->at, was->item, mine->item) : json_incref(mine->item));
}

/* Go on with the base's list; false: it must wait for `over`. */
static bool step_left(struct lists *l)
{
	const struct element *one = &l->base.at[l->left];
	const struct element *mine = same_in(&l->over, one);
	if (!mine) {
		json_array_append(l->out, one->item);
		l->left++;
		return true;
	}
	/* It stands where `over` wants it, or has stood there already; nothing but the order
	 * of what both have makes the base wait. */
	const struct element *next = next_shared(l);
	if (mine->is_done || (l->right < l->over.count && next && next != mine)) {
		l->left++;
		return true;
	}
	return false;
}

/*
 * Elements that both have stand in the order of `over`; what only `base` has comes where the base
 * has it among what is left, before new elements of `over`.
 */
static json_t *merge_list(const struct field_slot *s, json_t *base, json_t *over)
{
	struct field_slot at = field_slot_below(s, "");
	struct lists l = { .at = &at, .out = json_array() };
	elements_init(&l.base, s, base);
	elements_init(&l.over, s, over);
	while (l.left < l.base.count || l.right < l.over.count) {
		if (l.left < l.base.count && step_left(&l))
			continue;
		if (l.right < l.over.count)
			take_over(&l);
	}
	elements_fini(&l.base);
	elements_fini(&l.over);
	return l.out;
}

static json_t *merge(const struct field_slot *s, json_t *base, json_t *over)
{
	if (field_relation_at(s, base) != field_relation_at(s, over))
		return json_incref(over);
	switch (field_relation_at(s, over)) {
	case FIELD_LEAF:
		break;
	case FIELD_STRUCT:
	case FIELD_MAP:
		if (json_is_object(base) && json_is_object(over))
			return merge_members(s, base, over);
		break;
	case FIELD_SET_LIST:
	case FIELD_KEYED_LIST:
		if (json_is_array(base) && json_is_array(over))
			return merge_list(s, base, over);
		break;
	}
	return json_incref(over);
}

json_t *field_merge(const struct schema_type *type, const json_t *base, const json_t *over)
{
	return merge(&(struct field_slot){ .root = type }, (json_t *)(uintptr_t)base,
		     (json_t *)(uintptr_t)over);
}
