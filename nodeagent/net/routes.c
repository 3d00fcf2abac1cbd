#include "nodeagent/net/routes.h"

#include "common/io/log.h"
#include "nodeagent/net/service_facts.h"

#include <stdio.h>

#define RETRY_MS 10000

struct routes {
	struct loop *loop;
	struct cache *nodes;
	const char *own_name;
	struct loop_timer *timer;
	bool is_busy, is_dirty, is_failing;
	/* of the work under way */
	struct route *wanted;
	size_t wanted_count;
	struct error err;
};

bool route_of_node(const json_t *node, struct route *ret)
{
	char network[32];
	unsigned bits;
	size_t i;
	json_t *address;
	const char *range = json_str(node, "spec.podCIDR");
	if (!range || sscanf(range, "%31[0-9.]/%2u", network, &bits) != 2 || bits == 0 ||
	    bits > 32 || !address_parse(network, &ret->network))
		return false;
	ret->bits = (uint8_t)bits;
	json_array_foreach (json_dig(node, "status.addresses"), i, address)
		if (streq(json_str_or(address, "type", ""), "InternalIP") &&
		    address_parse(json_str(address, "address"), &ret->via))
			return true;
	return false;
}

static void work(void *ctx)
{
	struct routes *r = ctx;
	struct error err;
	if (routes_apply(r->wanted, r->wanted_count, &err) < 0)
		r->err = err;
}

static void done(void *ctx)
{
	struct routes *r = ctx;
	r->is_busy = false;
	free(TAKE(r->wanted));
	bool is_failing = r->err.code < 0;
	if (is_failing && !r->is_failing)
		log_warn("routes", "pods of some nodes cannot be reached, trying again", "error",
			 r->err.text);
	r->is_failing = is_failing;
	if (r->is_dirty || is_failing)
		loop_timer_set(r->timer, r->is_dirty ? 0 : RETRY_MS);
}

static void on_timer(void *ctx)
{
	struct routes *r = ctx;
	if (r->is_busy || !cache_is_synced(r->nodes))
		return;
	struct cache_range all = cache_all(r->nodes);
	r->wanted = xcalloc(all.count + 1, sizeof(*r->wanted));
	r->wanted_count = 0;
	for (size_t i = 0; i < all.count; i++)
		if (!streq(all.at[i]->key, r->own_name) &&
		    route_of_node(all.at[i]->tree, &r->wanted[r->wanted_count]))
			r->wanted_count++;
	r->is_dirty = false;
	r->is_busy = true;
	r->err = (struct error){ 0 };
	loop_offload(r->loop, work, done, r);
}

/* A node's heartbeat changes its object all the time; its route hardly ever. */
static void changed(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct routes *r = ctx;
	struct route a = { 0 }, b = { 0 };
	bool had = before && route_of_node(before, &a), has = now && route_of_node(now, &b);
	if (streq(key, r->own_name) ||
	    (had == has && a.network == b.network && a.bits == b.bits && a.via == b.via))
		return;
	r->is_dirty = true;
	loop_timer_set(r->timer, 0);
}

static void progressed(void *ctx)
{
	struct routes *r = ctx;
	if (r->is_dirty && !r->is_busy)
		loop_timer_set(r->timer, 0);
}

void routes_start(struct loop *loop, struct cache *nodes, const char *own_name)
{
	struct routes *r = xcalloc(1, sizeof(*r));
	r->loop = loop;
	r->nodes = nodes;
	r->own_name = own_name;
	r->is_dirty = true; /* what an earlier life left is looked at once */
	r->timer = loop_timer_new(loop, on_timer, r);
	cache_subscribe(nodes, &(struct cache_subscriber){ changed, progressed, r });
}
