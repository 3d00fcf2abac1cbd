#include "apiserver/range_keep.h"
#include "apiserver/address_keep.h"
#include "apiserver/alloc.h"
#include "apiserver/own_exchange.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"

#define RETRY_MS  500
#define FINALIZER "networking.k8s.io/service-cidr-finalizer"
#define FINAL_AT  "metadata.finalizers"

struct wake {
	struct hub_watcher watcher;
	struct range_keeper *of;
};

struct range_keeper {
	struct server *server;
	const struct schema_kind *kind;
	struct wake ranges, addresses;
	struct loop_timer *timer;
	bool waits; /* some range for its addresses to go */
};

/* ---- what is still given ---- */

static bool has_address(const json_t *tree, const char *ip)
{
	const json_t *cidrs = json_dig(tree, "spec.cidrs");
	struct address_ranges a;
	for (size_t i = 0; i < json_array_size(cidrs); i++)
		if (address_ranges_read(json_string_value(json_array_get(cidrs, i)), &a) &&
		    address_ranges_has(&a, ip))
			return true;
	return false;
}

static bool is_elsewhere(const struct range_keeper *k, const char *ip)
{
	const struct index *ranges = hub_index(k->server->hub, k->kind);
	struct index_cursor at = index_seek(ranges, NULL);
	bool found = address_ranges_has(k->server->ranges, ip);
	for (const struct object *o; !found && (o = index_next(ranges, &at));) {
		AUTO_JSON *tree = o->is_deleting ? NULL : object_tree(o);
		found = tree && has_address(tree, ip);
	}
	return found;
}

/* Some Service has an address of this range, and of no other. */
static bool is_used(const struct range_keeper *k, const json_t *tree)
{
	const struct index *addresses = hub_index(k->server->hub, address_kind());
	struct index_cursor at = index_seek(addresses, NULL);
	for (const struct object *o; (o = index_next(addresses, &at));)
		if (span_is(object_label(o, ADDRESS_MANAGED), ADDRESS_MANAGER) &&
		    has_address(tree, o->name) && !is_elsewhere(k, o->name))
			return true;
	return false;
}

/* ---- one range ---- */

static void put(const struct range_keeper *k, const struct object *o, const char *part,
		const json_t *tree)
{
	auto_free char *object = own_path(k->kind, "", o->name);
	auto_free char *path = xasprintf("%s%s", object, part);
	own_request(k->server, "ranges", "PUT", path, tree);
}

/* True: it says so already. */
static bool say(const struct range_keeper *k, const struct object *o, json_t *tree,
		const char *status, const char *reason, const char *message)
{
	const json_t *ready = json_find(json_dig(tree, "status.conditions"), "type", "Ready");
	char now[TIME_TEXT_SIZE];
	if (streq(json_str_or(ready, "status", ""), status) &&
	    streq(json_str_or(ready, "reason", ""), reason) &&
	    streq(json_str_or(ready, "message", ""), message))
		return true;
	server_now_text(k->server, now);
	json_put(tree, "status",
		 json_pack("{s:[{s:s,s:s,s:s,s:s,s:s}]}", "conditions", "type", "Ready", "status",
			   status, "lastTransitionTime", now, "reason", reason, "message",
			   message));
	put(k, o, "/status", tree);
	return false;
}

/* Its place in the list, or the list's size. */
static size_t finalizer_at(const json_t *list)
{
	size_t i = 0;
	while (i < json_array_size(list) &&
	       !streq(json_string_value(json_array_get(list, i)), FINALIZER))
		i++;
	return i;
}

static bool keep_living(const struct range_keeper *k, const struct object *o, json_t *tree)
{
	json_t *list = json_dig(tree, FINAL_AT);
	if (finalizer_at(list) < json_array_size(list))
		return say(k, o, tree, "True", "", "Kubernetes Service CIDR is ready");
	if (!list) {
		list = json_array();
		json_put(tree, FINAL_AT, list);
	}
	json_array_append_new(list, json_string(FINALIZER));
	put(k, o, "", tree);
	return false;
}

static bool keep_going(struct range_keeper *k, const struct object *o, json_t *tree)
{
	json_t *list = json_dig(tree, FINAL_AT);
	size_t at = finalizer_at(list);
	if (at == json_array_size(list))
		return true; /* others' finalizers hold it */
	if (is_used(k, tree)) {
		k->waits = true;
		return say(k, o, tree, "False", "Terminating",
			   "There are still IPAddresses referencing the ServiceCIDR, please remove "
			   "them or create a new ServiceCIDR");
	}
	json_array_remove(list, at);
	put(k, o, "", tree);
	return false;
}

static void step(void *ctx)
{
	struct range_keeper *k = ctx;
	bool all = true;
	if (!hub_is_loaded(k->server->hub))
		return;
	struct index ranges = index_snapshot(hub_index(k->server->hub, k->kind));
	struct index_cursor at = index_seek(&ranges, NULL);
	k->waits = false;
	for (const struct object *o; (o = index_next(&ranges, &at));) {
		if (streq(o->name, ADDRESS_DEFAULT_RANGE))
			continue;
		AUTO_JSON *tree = object_tree(o);
		all = (o->is_deleting ? keep_going(k, o, tree) : keep_living(k, o, tree)) && all;
	}
	index_fini(&ranges);
	if (!all)
		loop_timer_set(k->timer, RETRY_MS);
}

/* ---- following ---- */

static void range_changed(struct hub_watcher *w)
{
	loop_timer_set(CONTAINER_OF(w, struct wake, watcher)->of->timer, 0);
}

/* Addresses count only where a range waits for them. */
static void address_changed(struct hub_watcher *w)
{
	struct range_keeper *k = CONTAINER_OF(w, struct wake, watcher)->of;
	if (k->waits && !loop_timer_is_set(k->timer))
		loop_timer_set(k->timer, 0);
}

struct range_keeper *range_keeper_new(struct server *s)
{
	struct range_keeper *k = xcalloc(1, sizeof *k);
	*k = (struct range_keeper){
		.server = s,
		.kind = schema_kind_by_kind("networking.k8s.io", "v1", "ServiceCIDR"),
		.ranges = { { .changed = range_changed }, k },
		.addresses = { { .changed = address_changed }, k },
	};
	k->timer = loop_timer_new(s->loop, step, k);
	hub_watch(s->hub, k->kind, &k->ranges.watcher);
	hub_watch(s->hub, address_kind(), &k->addresses.watcher);
	return k;
}

void range_keeper_free(struct range_keeper *k)
{
	if (!k)
		return;
	hub_unwatch(k->server->hub, k->kind, &k->ranges.watcher);
	hub_unwatch(k->server->hub, address_kind(), &k->addresses.watcher);
	loop_timer_free(k->timer);
	free(k);
}
