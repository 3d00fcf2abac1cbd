#include "apiserver/endpoints_keep.h"
#include "apiserver/own_exchange.h"
#include "apiserver/peers.h"
#include "common/base/jsonx.h"

#define RETRY_MS 500
#define START_MS 10
#define NS       "default"
#define NAME     "kubernetes"
#define SERVICE  "kubernetes.io/service-name"
#define SKIP     "endpointslice.kubernetes.io/skip-mirror"

/* One object that is kept, and the last look at it. */
struct row {
	const struct schema_kind *kind;
	char name[32];
	size_t from, count;     /* which of the addresses; those of one port, but of Endpoints */
	uint64_t right_version; /* 0: not found right yet */
	uint64_t asked_version; /* what it was when it was asked for; */
	int64_t asked_ms;       /* 0: never */
};

struct watcher {
	struct hub_watcher watcher;
	struct endpoints_keeper *of;
};

struct endpoints_keeper {
	struct server *server;
	const struct schema_kind *endpoints, *slices;
	struct watcher watchers[2];
	struct loop_timer *timer;
	struct peer_address addresses[PEERS_MAX];
	struct row rows[PEERS_MAX + 1];
	size_t count;
	bool is_swept; /* there are no slices of ports that nobody has any more */
	bool is_right;
};

/* ---- what is wanted ---- */

static void add_row(struct endpoints_keeper *k, const struct schema_kind *kind, size_t from,
		    size_t count)
{
	struct row *row = &k->rows[k->count++];
	*row = (struct row){ .kind = kind, .from = from, .count = count };
	int n = from ? snprintf(row->name, sizeof row->name, NAME "-%u", k->addresses[from].port)
		     : snprintf(row->name, sizeof row->name, NAME);
	assert(n > 0 && (size_t)n < sizeof row->name);
}

static void plan(struct endpoints_keeper *k)
{
	size_t n = peers_addresses(k->server->peers, k->addresses);
	k->count = 0;
	if (n)
		add_row(k, k->endpoints, 0, n);
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from; to < n && k->addresses[to].port == k->addresses[from].port;)
			to++;
		add_row(k, k->slices, from, to - from);
	}
	k->is_swept = false;
}

static json_t *ports_of(const struct peer_address *a)
{
	return json_pack("[{s:s,s:i,s:s}]", "name", "https", "port", (int)a->port, "protocol",
			 "TCP");
}

static json_t *subsets(const struct peer_address *a, size_t n)
{
	json_t *all = json_array(), *ips = NULL;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || a[i].port != a[i - 1].port) {
			ips = json_array();
			json_array_append_new(all, json_pack("{s:o,s:o}", "addresses", ips, "ports",
							     ports_of(&a[i])));
		}
		json_array_append_new(ips, json_pack("{s:s}", "ip", a[i].ip));
	}
	return all;
}

static json_t *slice_endpoints(const struct peer_address *a, size_t n)
{
	json_t *all = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_pack("{s:[s],s:{s:b}}", "addresses", a[i].ip,
						     "conditions", "ready", 1));
	return all;
}

/* Set what is ours in `tree`; the rest of it stays. */
static void fill(const struct endpoints_keeper *k, const struct row *row, json_t *tree)
{
	const struct peer_address *a = &k->addresses[row->from];
	json_t *labels = json_dig(tree, "metadata.labels");
	if (!labels) {
		labels = json_object();
		json_put(tree, "metadata.labels", labels);
	}
	if (row->kind == k->endpoints) {
		json_object_set_new(labels, SKIP, json_string("true"));
		json_put(tree, "subsets", subsets(a, row->count));
	} else {
		json_object_set_new(labels, SERVICE, json_string(NAME));
		json_put(tree, "endpoints", slice_endpoints(a, row->count));
		json_put(tree, "ports", ports_of(a));
	}
}

static json_t *made(const struct endpoints_keeper *k, const struct row *row)
{
	json_t *tree =
		json_pack("{s:s,s:{s:s}}", "kind", row->kind->kind, "metadata", "name", row->name);
	json_put_str(tree, "apiVersion", row->kind == k->endpoints ? "v1" : "discovery.k8s.io/v1");
	if (row->kind == k->slices)
		json_put_str(tree, "addressType", "IPv4");
	fill(k, row, tree);
	return tree;
}

/* ---- what is there ---- */

static void ask(struct endpoints_keeper *k, struct row *row, const struct object *o,
		const json_t *tree)
{
	auto_free char *path = own_path(row->kind, NS, o ? row->name : NULL);
	row->asked_version = o ? o->version : 0;
	row->asked_ms = loop_now_ms(k->server->loop);
	own_request(k->server, "endpoints", o ? "PUT" : "POST", path, tree);
}

static bool may_ask(const struct endpoints_keeper *k, const struct row *row, const struct object *o)
{
	return !row->asked_ms || row->asked_version != (o ? o->version : 0) ||
	       loop_now_ms(k->server->loop) - row->asked_ms >= RETRY_MS;
}

/* True: it is right. */
static bool keep(struct endpoints_keeper *k, struct row *row)
{
	const struct object *o = hub_get(k->server->hub, row->kind, NS, row->name);
	if (o && o->version == row->right_version)
		return true;
	if (!may_ask(k, row, o))
		return false;
	AUTO_JSON *live = o ? object_tree(o) : NULL;
	AUTO_JSON *tree = o ? json_deep_copy(live) : made(k, row);
	if (o)
		fill(k, row, tree);
	bool is_right = o && json_equal(live, tree);
	row->right_version = is_right ? o->version : 0;
	if (!is_right)
		ask(k, row, o, tree);
	return is_right;
}

static bool is_wanted(const struct endpoints_keeper *k, const char *name)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->rows[i].kind == k->slices && streq(k->rows[i].name, name))
			return true;
	return false;
}

/* Of a port that nobody has any more. True: there was none. */
static bool sweep(const struct endpoints_keeper *k)
{
	bool all = true;
	auto_free char *prefix = object_key(k->slices, NS, NAME "-");
	struct index slices = index_snapshot(hub_index(k->server->hub, k->slices));
	struct index_cursor at = index_seek(&slices, prefix);
	for (struct object *o; (o = index_next(&slices, &at)) && starts_with(o->key, prefix);) {
		const char *port = o->name + strlen(NAME "-");
		if (!*port || port[strspn(port, "0123456789")] || is_wanted(k, o->name) ||
		    !span_is(object_label(o, SERVICE), NAME))
			continue;
		AUTO_JSON *options = json_object();
		auto_free char *path = own_path(k->slices, NS, o->name);
		own_request(k->server, "endpoints", "DELETE", path, options);
		all = false;
	}
	index_fini(&slices);
	return all;
}

static bool has_place(const struct server *s)
{
	return hub_is_loaded(s->hub) &&
	       hub_get(s->hub, schema_kind_by_kind("", "v1", "Namespace"), NULL, NS);
}

static void step(void *ctx)
{
	struct endpoints_keeper *k = ctx;
	bool all = k->count > 0;
	if (!k->count) /* of nobody is known that he is alive: better those of before than none */
		return;
	if (has_place(k->server)) {
		for (size_t i = 0; i < k->count; i++)
			all = keep(k, &k->rows[i]) && all;
		k->is_swept = k->is_swept || sweep(k);
	}
	k->is_right = all && has_place(k->server);
	if (!k->is_right || !k->is_swept)
		loop_timer_set(k->timer, has_place(k->server) ? RETRY_MS : START_MS);
}

/* ---- following ---- */

static void changed(struct hub_watcher *w)
{
	struct endpoints_keeper *k = CONTAINER_OF(w, struct watcher, watcher)->of;
	for (size_t i = 0; i < k->count; i++) {
		const struct row *row = &k->rows[i];
		const struct object *o = hub_get(k->server->hub, row->kind, NS, row->name);
		if (!o || o->version != row->right_version)
			loop_timer_set(k->timer, 0);
	}
}

void endpoints_keeper_follow(struct endpoints_keeper *k)
{
	if (!k)
		return;
	plan(k);
	loop_timer_set(k->timer, 0);
}

bool endpoints_keeper_is_right(const struct endpoints_keeper *k)
{
	return !k->server->options.advertise_address || k->is_right;
}

struct endpoints_keeper *endpoints_keeper_new(struct server *s)
{
	struct endpoints_keeper *k = xcalloc(1, sizeof *k);
	k->server = s;
	k->endpoints = schema_kind_by_kind("", "v1", "Endpoints");
	k->slices = schema_kind_by_kind("discovery.k8s.io", "v1", "EndpointSlice");
	k->timer = loop_timer_new(s->loop, step, k);
	for (size_t i = 0; i < ARRAY_LEN(k->watchers); i++) {
		k->watchers[i] = (struct watcher){ { .changed = changed }, k };
		hub_watch(s->hub, i ? k->slices : k->endpoints, &k->watchers[i].watcher);
	}
	return k;
}

void endpoints_keeper_free(struct endpoints_keeper *k)
{
	if (!k)
		return;
	hub_unwatch(k->server->hub, k->endpoints, &k->watchers[0].watcher);
	hub_unwatch(k->server->hub, k->slices, &k->watchers[1].watcher);
	loop_timer_free(k->timer);
	free(k);
}
