#include "apiserver/address_keep.h"
#include "apiserver/hub_cursor.h"
#include "apiserver/own_exchange.h"
#include "common/base/jsonx.h"
#include "common/base/map.h"

#include <stdio.h>

#define RETRY_MS  500
#define ASK_COUNT 8 /* writes a turn, and the pause behind them (bootstrap.c says why) */
#define PAUSE_MS  2

struct wake {
	struct hub_watcher watcher;
	struct address_keeper *of;
};

struct address_keeper {
	struct server *server;
	struct hub_cursor services, addresses;
	struct wake wakes[2];
	struct loop_timer *timer;
	struct map wrong; /* address → struct wrong: looked at again until it is right */
};

struct wrong {
	int64_t asked_ms; /* when it was to be mended; 0: not yet */
};

/* ---- what an address is ---- */

const struct schema_kind *address_kind(void)
{
	return schema_kind_by_kind("networking.k8s.io", "v1", "IPAddress");
}

void address_key(char out[ADDRESS_KEY_SIZE], const char *ip)
{
	int n = snprintf(out, ADDRESS_KEY_SIZE, "alloc/ip/%.40s", ip);
	assert(n > 0);
}

void address_tail(struct str *to, const char *ns, const char *name)
{
	str_addf(to,
		 ",\"spec\":{\"parentRef\":{\"resource\":\"services\",\"namespace\":\"%s\","
		 "\"name\":\"%s\"}}}",
		 ns, name);
}

/* Without a tree: each Service that is made or goes comes by here twice. */
bool address_is_of(const struct object *o, const char *owner, size_t len)
{
	AUTO_STR tail;
	const char *slash = memchr(owner, '/', len);
	if (!slash)
		return false;
	auto_free char *ns = xstrndup(owner, (size_t)(slash - owner));
	auto_free char *name = xstrndup(slash + 1, len - (size_t)(slash + 1 - owner));
	str_init(&tail, 1024);
	address_tail(&tail, ns, name);
	return o->len > tail.len && memcmp(o->bytes + o->len - tail.len, tail.data, tail.len) == 0;
}

/* Who holds it, by its key; NULL: nobody. Borrowed. */
static const char *holder(const struct address_keeper *k, const char *ip, size_t *ret_len)
{
	char key[ADDRESS_KEY_SIZE];
	const char *bytes;
	uint64_t version;
	address_key(key, ip);
	return hub_own_key(k->server->hub, key, &bytes, ret_len, &version) ? bytes : NULL;
}

static bool is_right(const struct address_keeper *k, const char *ip)
{
	size_t len;
	const char *owner = holder(k, ip, &len);
	const struct object *o = hub_get(k->server->hub, address_kind(), NULL, ip);
	if (owner)
		return o && address_is_of(o, owner, len);
	return !o || !span_is(object_label(o, ADDRESS_MANAGED), ADDRESS_MANAGER);
}

/* ---- making it so ---- */

static void make(const struct address_keeper *k, const char *ip, const char *owner, size_t len)
{
	const char *slash = memchr(owner, '/', len);
	if (!slash)
		return;
	auto_free char *ns = xstrndup(owner, (size_t)(slash - owner));
	auto_free char *name = xstrndup(slash + 1, len - (size_t)(slash + 1 - owner));
	auto_free char *path = own_path(address_kind(), "", NULL);
	AUTO_JSON *tree = json_pack("{s:s,s:s,s:{s:s,s:{s:s,s:s}},s:{s:{s:s,s:s,s:s}}}",
				    "apiVersion", "networking.k8s.io/v1", "kind", "IPAddress",
				    "metadata", "name", ip, "labels", ADDRESS_FAMILY, "IPv4",
				    ADDRESS_MANAGED, ADDRESS_MANAGER, "spec", "parentRef",
				    "resource", "services", "namespace", ns, "name", name);
	own_request(k->server, "addresses", "POST", path, tree);
}

static void drop(const struct address_keeper *k, const struct object *o)
{
	auto_free char *path = own_path(address_kind(), "", o->name);
	auto_free char *version = xasprintf("%llu", (unsigned long long)o->version);
	AUTO_JSON *options = json_pack("{s:{s:s}}", "preconditions", "resourceVersion", version);
	own_request(k->server, "addresses", "DELETE", path, options);
}

/* Nothing to do now: it is right, or somebody holds what is another's, which its going will tell. */
static bool is_over(const struct address_keeper *k, const char *ip)
{
	const struct object *o = hub_get(k->server->hub, address_kind(), NULL, ip);
	return is_right(k, ip) || (o && o->is_deleting);
}

static void mend(const struct address_keeper *k, const char *ip)
{
	size_t len;
	const char *owner = holder(k, ip, &len);
	const struct object *o = hub_get(k->server->hub, address_kind(), NULL, ip);
	if (o)
		drop(k, o);
	else if (owner)
		make(k, ip, owner, len);
}

static void mend_some(struct address_keeper *k)
{
	const char *ip;
	void *value;
	unsigned asked = 0;
	int64_t now_ms = loop_now_ms(k->server->loop);
	for (size_t i = 0; asked < ASK_COUNT && (i = map_next(&k->wrong, i, &ip, &value)) != 0;) {
		struct wrong *w = value;
		if (is_over(k, ip)) {
			free(map_remove(&k->wrong, ip));
		} else if (!w->asked_ms || now_ms - w->asked_ms >= RETRY_MS) {
			w->asked_ms = now_ms;
			mend(k, ip);
			asked++;
		}
	}
	if (k->wrong.count)
		loop_timer_set(k->timer, asked == ASK_COUNT ? PAUSE_MS : RETRY_MS);
}

static void step(void *ctx)
{
	struct address_keeper *k = ctx;
	if (!hub_is_loaded(k->server->hub))
		return;
	hub_cursor_catch_up(&k->services);
	hub_cursor_catch_up(&k->addresses);
	mend_some(k);
}

/* ---- following ---- */

static void check(struct address_keeper *k, const char *ip)
{
	if (*ip && !streq(ip, "None") && !is_right(k, ip) && !map_has(&k->wrong, ip))
		map_put(&k->wrong, ip, xcalloc(1, sizeof(struct wrong)));
}

static void service_event(void *ctx, const struct object *now, const struct object *before)
{
	struct address_keeper *k = ctx;
	auto_free char *old = before ? object_field(before, "spec.clusterIP") : xstrdup("");
	auto_free char *new = now ? object_field(now, "spec.clusterIP") : xstrdup("");
	check(k, new);
	if (!streq(old, new))
		check(k, old);
}

static void address_event(void *ctx, const struct object *now, const struct object *before)
{
	check(ctx, now ? now->name : before->name);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static void woken(struct hub_watcher *w)
{
	loop_timer_set(CONTAINER_OF(w, struct wake, watcher)->of->timer, 0);
}

struct address_keeper *address_keeper_new(struct server *s)
{
	struct address_keeper *k = xcalloc(1, sizeof *k);
	const struct schema_kind *kinds[] = { schema_kind_by_kind("", "v1", "Service"),
					      address_kind() };
	k->server = s;
	k->timer = loop_timer_new(s->loop, step, k);
	hub_cursor_init(&k->services, s->hub, kinds[0], nothing, service_event, k);
	hub_cursor_init(&k->addresses, s->hub, kinds[1], nothing, address_event, k);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		k->wakes[i] = (struct wake){ { .changed = woken }, k };
		hub_watch(s->hub, kinds[i], &k->wakes[i].watcher);
	}
	return k;
}

void address_keeper_free(struct address_keeper *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < ARRAY_LEN(k->wakes); i++)
		hub_unwatch(k->server->hub, i ? k->addresses.kind : k->services.kind,
			    &k->wakes[i].watcher);
	hub_cursor_fini(&k->services);
	hub_cursor_fini(&k->addresses);
	loop_timer_free(k->timer);
	void *value;
	for (size_t i = 0; (i = map_next(&k->wrong, i, NULL, &value)) != 0;)
		free(value);
	map_fini(&k->wrong);
	free(k);
}
