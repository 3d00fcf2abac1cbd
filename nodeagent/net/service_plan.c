#include "nodeagent/net/service_plan.h"

#include "common/base/map.h"

#include <netinet/in.h>
#include <stdio.h>

#define TEXT_MAX   ((size_t)256 << 20)
#define CLAIM_MAX  24
#define CHAINS_MIN 16

struct group {
	struct service_elements want;    /* sorted, no key twice */
	struct service_elements loaded;  /* what the kernel holds */
	struct service_elements pending; /* what it holds when the transaction is through */
	bool is_dirty, is_pending, is_blocked;
};

struct service_plan {
	struct service_plan_options options;
	char *table;
	struct map groups;
	struct map claims; /* who has an address and port: the group */
	struct group **dirty;
	size_t dirty_count, blocked_count;
	size_t chains_count; /* 1 … so many endpoints have chains; more: the table is made anew, for
				nftables 1.0.6 cannot add a rule that uses a map made before */
	bool is_full_due, is_making;
};

/* ---- elements ---- */

void service_elements_add(struct service_elements *e, struct service_element element)
{
	if ((e->count & (e->count - 1)) == 0)
		e->at = xrealloc(e->at, e->count ? e->count * 2 : 1, sizeof(*e->at));
	e->at[e->count++] = element;
}

void service_elements_fini(struct service_elements *e)
{
	free(e->at);
	*e = (struct service_elements){ 0 };
}

static int by_number(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_keys(const struct service_element *a, const struct service_element *b)
{
	int c = by_number(a->kind, b->kind);
	if (c == 0)
		c = by_number(a->protocol, b->protocol);
	if (c == 0)
		c = by_number(a->address, b->address);
	if (c == 0)
		c = by_number(a->port, b->port);
	return c ? c : by_number(a->slot, b->slot);
}

static int compare(const void *x, const void *y)
{
	return compare_keys(x, y);
}

static bool same_value(const struct service_element *a, const struct service_element *b)
{
	return a->to_address == b->to_address && a->to_port == b->to_port;
}

static void elements_sort(struct service_elements *e)
{
	size_t n = 0;
	if (e->count > 1)
		qsort(e->at, e->count, sizeof(*e->at), compare);
	for (size_t i = 0; i < e->count; i++)
		if (n == 0 || compare_keys(&e->at[n - 1], &e->at[i]) != 0)
			e->at[n++] = e->at[i];
	e->count = n;
}

/* ---- claims ---- */

/* What only one group can have; its slots go with it. */
static void claim_of(const struct service_element *e, char out[CLAIM_MAX])
{
	static const char classes[SERVICE_KIND_COUNT + 1] = "vvpppHAHo";
	_Static_assert(sizeof(classes) == SERVICE_KIND_COUNT + 1, "a letter a kind");
	int n = snprintf(out, CLAIM_MAX, "%c%x.%x.%x", classes[e->kind], e->address, e->protocol,
			 e->port);
	assert(n > 0 && n < CLAIM_MAX);
}

static void mark_dirty(struct service_plan *p, struct group *g)
{
	if (g->is_dirty)
		return;
	if ((p->dirty_count & (p->dirty_count - 1)) == 0)
		p->dirty = xrealloc(p->dirty, p->dirty_count ? p->dirty_count * 2 : 1,
				    sizeof(*p->dirty));
	p->dirty[p->dirty_count++] = g;
	g->is_dirty = true;
}

static void wake_blocked(struct service_plan *p)
{
	const char *key;
	void *g;
	for (size_t i = 0; p->blocked_count > 0 && (i = map_next(&p->groups, i, &key, &g)) != 0;)
		if (((struct group *)g)->is_blocked)
			mark_dirty(p, g);
}

static bool is_wanted(const struct group *g, const struct service_element *e)
{
	return g->want.count > 0 &&
	       bsearch(e, g->want.at, g->want.count, sizeof(*g->want.at), compare);
}

/* Claims that the group no longer needs. Slots and NodePorts' policy follow their first element. */
static void release(struct service_plan *p, const struct group *g)
{
	char name[CLAIM_MAX];
	bool is_any = false;
	for (size_t i = 0; i < g->loaded.count; i++) {
		const struct service_element *e = &g->loaded.at[i];
		if (e->kind == SERVICE_VIP_SLOT || e->kind == SERVICE_NODE_SLOT ||
		    e->kind == SERVICE_NODE_KEEPS || is_wanted(g, e))
			continue;
		claim_of(e, name);
		if (map_get(&p->claims, name) == g) {
			map_remove(&p->claims, name);
			is_any = true;
		}
	}
	if (is_any)
		wake_blocked(p);
}

/* What the group gets of what it wants. */
static void claim(struct service_plan *p, struct group *g)
{
	char name[CLAIM_MAX];
	p->blocked_count -= g->is_blocked;
	g->is_blocked = false;
	service_elements_fini(&g->pending);
	for (size_t i = 0; i < g->want.count; i++) {
		claim_of(&g->want.at[i], name);
		struct group *owner = map_get(&p->claims, name);
		if (owner && owner != g) {
			g->is_blocked = true;
			continue;
		}
		if (!owner)
			(void)map_put(&p->claims, name, g);
		service_elements_add(&g->pending, g->want.at[i]);
	}
	p->blocked_count += g->is_blocked;
	g->is_pending = true;
}

/* ---- the difference ---- */

static bool has_target(const struct service_elements *e, const struct service_element *like)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->at[i].kind == like->kind && e->at[i].protocol == like->protocol &&
		    e->at[i].address == like->address && e->at[i].port == like->port &&
		    same_value(&e->at[i], like))
			return true;
	return false;
}

static void flush_add(struct service_change *c, const struct service_element *e, uint32_t to)
{
	if ((c->flushes_count & (c->flushes_count - 1)) == 0)
		c->flushes = xrealloc(c->flushes, c->flushes_count ? c->flushes_count * 2 : 1,
				      sizeof(*c->flushes));
	c->flushes[c->flushes_count++] = (struct service_flush){ e->address, e->port, to };
}

/* UDP has no end of connection: what points at an endpoint that went, or was turned away before
 * the first one came, would go on for minutes. */
static void flush_for(struct service_change *c, const struct group *g,
		      const struct service_element *before, const struct service_element *now)
{
	const struct service_element *e = before ? before : now;
	if (e->protocol != IPPROTO_UDP)
		return;
	bool is_chain = e->kind == SERVICE_VIP || e->kind == SERVICE_NODE_PORT;
	bool is_target = e->kind == SERVICE_VIP_SLOT || e->kind == SERVICE_NODE_SLOT ||
			 e->kind == SERVICE_HOST_PORT || e->kind == SERVICE_HOST_PORT_AT;
	if (is_chain && now && now->to_port > 0 && (!before || before->to_port == 0))
		flush_add(c, now, 0);
	if (is_target && before && !has_target(&g->pending, before))
		flush_add(c, before, before->to_address);
	if (!before && (e->kind == SERVICE_HOST_PORT || e->kind == SERVICE_HOST_PORT_AT))
		flush_add(c, now, 0);
}

static void diff(const struct group *g, struct service_elements *removed,
		 struct service_elements *added, struct service_change *c)
{
	const struct service_elements *a = &g->loaded, *b = &g->pending;
	for (size_t i = 0, k = 0; i < a->count || k < b->count;) {
		int order = i == a->count   ? 1
			    : k == b->count ? -1
					    : compare_keys(&a->at[i], &b->at[k]);
		const struct service_element *before = order <= 0 ? &a->at[i++] : NULL;
		const struct service_element *now = order >= 0 ? &b->at[k++] : NULL;
		if (before && now && same_value(before, now))
			continue;
		if (before)
			service_elements_add(removed, *before);
		if (now)
			service_elements_add(added, *now);
		flush_for(c, g, before, now);
	}
}

static size_t chains_needed(const struct service_elements *e)
{
	size_t most = 0;
	for (size_t i = 0; i < e->count; i++)
		if (e->at[i].kind == SERVICE_VIP || e->at[i].kind == SERVICE_NODE_PORT)
			most = MAX(most, (size_t)e->at[i].to_port);
	return most;
}

/* Everything that is to be there after this transaction. */
static void collect(const struct service_plan *p, struct service_elements *out)
{
	const char *key;
	void *value;
	service_elements_fini(out);
	for (size_t i = 0; (i = map_next(&p->groups, i, &key, &value)) != 0;) {
		const struct group *g = value;
		const struct service_elements *e = g->is_pending ? &g->pending : &g->loaded;
		for (size_t k = 0; k < e->count; k++)
			service_elements_add(out, e->at[k]);
	}
}

static void make_text(const struct service_plan *p, bool is_full, struct service_elements *removed,
		      struct service_elements *added, struct str *out)
{
	if (removed->count > 1)
		qsort(removed->at, removed->count, sizeof(*removed->at), compare);
	if (added->count > 1)
		qsort(added->at, added->count, sizeof(*added->at), compare);
	if (is_full) {
		service_text_table(out, &p->options);
		for (size_t n = 1; n <= p->chains_count; n++)
			service_text_chain(out, p->table, n);
	} else {
		service_text_elements(out, p->table, "delete", removed->at, removed->count);
	}
	service_text_elements(out, p->table, "add", added->at, added->count);
}

/* ---- public ---- */

struct service_plan *service_plan_new(const struct service_plan_options *options)
{
	struct service_plan *p = xcalloc(1, sizeof(*p));
	p->options = *options;
	p->table = xasprintf("skiff-%s", options->cluster_id);
	p->is_full_due = true;
	p->chains_count = CHAINS_MIN;
	return p;
}

static void group_free(struct group *g)
{
	service_elements_fini(&g->want);
	service_elements_fini(&g->loaded);
	service_elements_fini(&g->pending);
	free(g);
}

void service_plan_free(struct service_plan *p)
{
	if (!p)
		return;
	const char *key;
	void *g;
	for (size_t i = 0; (i = map_next(&p->groups, i, &key, &g)) != 0;)
		group_free(g);
	map_fini(&p->groups);
	map_fini(&p->claims);
	free(p->dirty);
	free(p->table);
	free(p);
}

void service_change_fini(struct service_change *c)
{
	free(c->text);
	free(c->flushes);
	*c = (struct service_change){ 0 };
}

static bool elements_equal(const struct service_elements *a, const struct service_elements *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (compare_keys(&a->at[i], &b->at[i]) != 0 || !same_value(&a->at[i], &b->at[i]))
			return false;
	return true;
}

void service_plan_want(struct service_plan *p, const char *group,
		       struct service_elements *take_elements)
{
	struct service_elements elements = *take_elements;
	*take_elements = (struct service_elements){ 0 };
	elements_sort(&elements);
	struct group *g = map_get(&p->groups, group);
	if (!g && elements.count > 0) {
		g = xcalloc(1, sizeof(*g));
		(void)map_put(&p->groups, group, g);
	}
	if (!g || elements_equal(&g->want, &elements)) {
		service_elements_fini(&elements);
		return;
	}
	service_elements_fini(&g->want);
	g->want = elements;
	mark_dirty(p, g);
}

static void everything_dirty(struct service_plan *p)
{
	const char **keys = map_sorted_keys(&p->groups);
	for (size_t i = 0; i < p->groups.count; i++)
		mark_dirty(p, map_get(&p->groups, keys[i]));
	free(keys);
}

int service_plan_make(struct service_plan *p, struct service_change *ret, struct error *err)
{
	struct service_elements removed = { 0 }, added = { 0 };
	AUTO_STR text;
	assert(!p->is_making);
	str_init(&text, TEXT_MAX);
	bool is_full = p->is_full_due;
	if (is_full)
		everything_dirty(p);
	*ret = (struct service_change){ 0 };
	for (size_t i = 0; i < p->dirty_count; i++) /* it grows while blocked groups wake */
		release(p, p->dirty[i]);
	for (size_t i = 0; i < p->dirty_count; i++) {
		claim(p, p->dirty[i]);
		if (!is_full)
			diff(p->dirty[i], &removed, &added, ret);
	}
	if (is_full)
		collect(p, &added);
	for (; p->chains_count < chains_needed(&added); is_full = true)
		p->chains_count *= 2;
	if (is_full)
		collect(p, &added);
	ret->is_full = is_full;
	if (is_full || removed.count > 0 || added.count > 0)
		make_text(p, is_full, &removed, &added, &text);
	service_elements_fini(&removed);
	service_elements_fini(&added);
	p->is_making = true;
	if (str_check(&text, "the Services' rules", err) < 0) {
		service_change_fini(ret);
		service_plan_done(p, false);
		return err->code;
	}
	ret->text = text.len > 0 ? str_take(&text) : NULL;
	for (size_t i = 0; i < p->dirty_count; i++)
		p->dirty[i]->is_dirty = false;
	p->dirty_count = 0;
	return 0;
}

void service_plan_done(struct service_plan *p, bool is_loaded)
{
	const char *key;
	void *value;
	assert(p->is_making);
	p->is_making = false;
	p->is_full_due = !is_loaded;
	for (size_t i = 0; (i = map_next(&p->groups, i, &key, &value)) != 0;) {
		struct group *g = value;
		if (!g->is_pending)
			continue;
		g->is_pending = false;
		service_elements_fini(&g->loaded);
		g->loaded = g->pending;
		g->pending = (struct service_elements){ 0 };
		if (g->want.count == 0 && g->loaded.count == 0 && !g->is_dirty) {
			p->blocked_count -= g->is_blocked;
			group_free(g);
			map_remove(&p->groups, key);
		}
	}
}

void service_plan_forget(struct service_plan *p)
{
	p->is_full_due = true;
}

size_t service_plan_blocked(const struct service_plan *p)
{
	return p->blocked_count;
}
