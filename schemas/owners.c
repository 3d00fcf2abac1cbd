#include "schemas/owners.h"

#define ENTRIES_MAX 64

enum text { OPERATION, TIME, MANAGER, VERSION, SUBRESOURCE, TEXTS }; /* in the order of sorting */

struct entry {
	struct span texts[TEXTS]; /* between the quotes */
	struct span raw;          /* as it came; absent: it has changed */
	struct owned set;
};

struct owners {
	struct arena *arena;
	struct entry at[ENTRIES_MAX];
	size_t count;
};

static struct span span_of(const char *text)
{
	return (struct span){ text, strlen(text) };
}

static bool is_text(struct span value, const char *text)
{
	size_t n = strlen(text);
	return value.len == n && (n == 0 || memcmp(value.at, text, n) == 0);
}

static int text_order(struct span a, struct span b)
{
	size_t n = MIN(a.len, b.len);
	int order = n ? memcmp(a.at, b.at, n) : 0;
	if (order)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

/* ---- reading ---- */

static bool read_member(struct owners *o, struct entry *e, struct span name, struct span value,
			bool is_foreign)
{
	static const char *const names[TEXTS] = { "operation", "time", "manager", "apiVersion",
						  "subresource" };
	if (is_text(name, "fieldsV1"))
		return owned_parse(o->arena, value, is_foreign, &e->set);
	if (value.len < 2 || *value.at != '"' || memchr(value.at, '\\', value.len))
		return false;
	struct span inside = { value.at + 1, value.len - 2 };
	if (is_text(name, "fieldsType"))
		return is_text(inside, "FieldsV1");
	for (int i = 0; i < TEXTS; i++)
		if (is_text(name, names[i])) {
			e->texts[i] = inside;
			return true;
		}
	return false;
}

static bool read_entry(struct owners *o, struct span raw, bool is_foreign)
{
	struct entry *e = &o->at[o->count++];
	bool has_set = false, has_type = false;
	struct scan s = scan_open(raw);
	*e = (struct entry){ .raw = raw };
	for (struct span name, value; scan_next(&s, &name, &value);) {
		if (!read_member(o, e, name, value, is_foreign))
			return false;
		has_set |= is_text(name, "fieldsV1");
		has_type |= is_text(name, "fieldsType");
	}
	return has_set && has_type && !owned_is_empty(&e->set) &&
	       (is_text(e->texts[OPERATION], "Apply") || is_text(e->texts[OPERATION], "Update"));
}

static bool read_list(struct owners *o, struct span list, bool is_foreign)
{
	struct scan s = scan_open(list);
	for (struct span name, value; scan_next(&s, &name, &value);)
		if (o->count == ENTRIES_MAX || !read_entry(o, value, is_foreign))
			return false;
	return true;
}

/* Two entries of one writer come from elsewhere. */
static bool has_twins(const struct owners *o)
{
	for (size_t i = 0; i < o->count; i++)
		for (size_t k = 0; k < i; k++) {
			bool differ = false;
			for (int t = 0; t < TEXTS; t++)
				differ |= t != TIME &&
					  text_order(o->at[i].texts[t], o->at[k].texts[t]) != 0;
			if (!differ)
				return true;
		}
	return false;
}

/* The entries to begin with: those that were sent, else the stored ones. */
static bool begin(struct owners *o, const struct owners_input *in)
{
	bool is_same = in->sent.at && text_order(in->sent, in->stored) == 0;
	bool is_foreign = in->sent.at && !is_same;
	if (is_foreign && in->sent.len <= 4) /* "[]", "[{}]": to be forgotten */
		return false;
	struct span from = is_foreign ? in->sent : in->stored;
	return !from.at || (read_list(o, from, is_foreign) && !has_twins(o));
}

/* ---- what changed ---- */

struct change {
	struct owned taken, owned, removed;
};

static void make_ownable(struct arena *arena, struct owned *set)
{
	static const char *const common[] = { "apiVersion", "kind" };
	static const char *const metadata[] = { "metadata" };
	static const char *const in_metadata[] = {
		"name", "namespace",  "creationTimestamp", "selfLink",
		"uid",  "generation", "managedFields",     "resourceVersion",
	};
	owned_drop(arena, set, common, ARRAY_LEN(common));
	struct owned *meta = owned_find(set, "metadata");
	if (!meta)
		return;
	owned_drop(arena, meta, in_metadata, ARRAY_LEN(in_metadata));
	meta->is_member = false;
	if (meta->count == 0)
		owned_drop(arena, set, metadata, ARRAY_LEN(metadata));
}

/* False: the long way. */
static bool compare(struct arena *arena, const struct managed_writer *w,
		    const struct owners_input *in, struct change *ret)
{
	struct owned found[OWNED_OUTCOMES];
	if (!owned_compare(arena, w->type, in->before, in->now, found))
		return false;
	owned_union(arena, &found[OWNED_ADDED], &found[OWNED_MODIFIED], &ret->taken);
	ret->removed = found[OWNED_REMOVED];
	if (w->ignored) {
		owned_drop(arena, &ret->taken, &w->ignored, 1);
		owned_drop(arena, &ret->removed, &w->ignored, 1);
	}
	ret->owned = ret->taken;
	make_ownable(arena, &ret->owned);
	return true;
}

/* ---- entries ---- */

static struct entry *find_updater(struct owners *o, const struct managed_writer *w)
{
	for (size_t i = 0; i < o->count; i++) {
		struct entry *e = &o->at[i];
		if (is_text(e->texts[OPERATION], "Update") &&
		    is_text(e->texts[MANAGER], w->manager) &&
		    is_text(e->texts[VERSION], w->api_version) &&
		    is_text(e->texts[SUBRESOURCE], w->subresource))
			return e;
	}
	return NULL;
}

static size_t size_of(const struct owned *set)
{
	size_t n = set->is_member;
	for (size_t i = 0; i < set->count; i++)
		n += size_of(&set->below[i]);
	return n;
}

/* Members only go: as many as before are the same ones. */
static void take_from(struct arena *arena, struct entry *e, const struct owned *set)
{
	struct owned left;
	if (owned_is_empty(set))
		return;
	owned_difference(arena, &e->set, set, &left);
	if (size_of(&left) == size_of(&e->set))
		return;
	e->set = left;
	e->raw = (struct span){ 0 };
}

static int by_place(const struct entry *a, const struct entry *b)
{
	for (int i = 0; i < TEXTS; i++) {
		int order = text_order(a->texts[i], b->texts[i]);
		if (order)
			return order;
	}
	return 0;
}

/* Few, and nearly sorted. */
static void sort(struct owners *o)
{
	for (size_t i = 1; i < o->count; i++) {
		struct entry one = o->at[i];
		size_t k = i;
		for (; k > 0 && by_place(&o->at[k - 1], &one) > 0; k--)
			o->at[k] = o->at[k - 1];
		o->at[k] = one;
	}
}

static void drop_empty(struct owners *o)
{
	size_t left = 0;
	for (size_t i = 0; i < o->count; i++)
		if (!owned_is_empty(&o->at[i].set))
			o->at[left++] = o->at[i];
	o->count = left;
}

/* False: there are too many. */
static bool update(struct owners *o, const struct managed_writer *w, const struct change *change)
{
	struct entry *mine = find_updater(o, w);
	struct entry now = { .texts = { span_of("Update"), span_of(w->now), span_of(w->manager),
					span_of(w->api_version), span_of(w->subresource) } };
	if (mine) {
		struct owned kept;
		owned_difference(o->arena, &mine->set, &change->removed, &kept);
		owned_union(o->arena, &kept, &change->owned, &now.set);
	} else {
		now.set = change->owned;
	}
	for (size_t i = 0; i < o->count; i++) {
		take_from(o->arena, &o->at[i], &change->removed);
		take_from(o->arena, &o->at[i], &change->taken);
	}
	if (!owned_is_empty(&change->owned)) {
		if (!mine && o->count == ENTRIES_MAX)
			return false;
		mine = mine ? mine : &o->at[o->count++];
		*mine = now;
	}
	drop_empty(o);
	sort(o);
	size_t updaters = 0;
	for (size_t i = 0; i < o->count; i++)
		updaters += is_text(o->at[i].texts[OPERATION], "Update");
	return updaters <= MANAGED_UPDATERS_MAX;
}

static void print_text(const char *name, struct span text, struct str *out)
{
	if (text.len == 0)
		return;
	str_add_bytes(out, out->data[out->len - 1] == '{' ? "\"" : ",\"",
		      out->data[out->len - 1] == '{' ? 1 : 2);
	str_add(out, name);
	str_add_bytes(out, "\":", 2);
	str_add_json(out, text.at, text.len);
}

static void print(const struct owners *o, struct str *out)
{
	str_add_char(out, '[');
	for (size_t i = 0; i < o->count; i++) {
		const struct entry *e = &o->at[i];
		if (i)
			str_add_char(out, ',');
		if (e->raw.at) {
			str_add_bytes(out, e->raw.at, e->raw.len);
			continue;
		}
		str_add_char(out, '{');
		print_text("manager", e->texts[MANAGER], out);
		print_text("operation", e->texts[OPERATION], out);
		print_text("apiVersion", e->texts[VERSION], out);
		print_text("time", e->texts[TIME], out);
		str_add(out, ",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":");
		owned_print(&e->set, out);
		print_text("subresource", e->texts[SUBRESOURCE], out);
		str_add_char(out, '}');
	}
	str_add_char(out, ']');
}

enum owners_outcome owners_update(const struct managed_writer *w, const struct owners_input *in,
				  struct str *out)
{
	AUTO_ARENA arena = { 0 };
	struct change change;
	struct owners o; /* large, and most of it is not needed */
	o.arena = &arena;
	o.count = 0;
	if (strpbrk(w->manager, "\"\\") || !compare(&arena, w, in, &change))
		return OWNERS_UNKNOWN;
	bool differs = !owned_is_empty(&change.taken) || !owned_is_empty(&change.removed);
	if (!differs && !in->sent.at)
		return in->is_create ? OWNERS_UNKNOWN : OWNERS_KEPT;
	if (!begin(&o, in))
		return OWNERS_UNKNOWN;
	if (o.count == 0 && !in->is_create)
		str_add(out, "[]");
	else if (update(&o, w, &change))
		print(&o, out);
	else
		return OWNERS_UNKNOWN;
	return OWNERS_WRITTEN;
}
