#include "apiserver/peers.h"
#include "apiserver/endpoints_keep.h"
#include "apiserver/own_exchange.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"
#include "common/io/log.h"
#include "common/io/tls.h"

#include <arpa/inet.h>

#define RENEW_MS      10000
#define LIFE_MS       15000 /* without renewal */
#define DURATION_S    3600
#define RETRY_MS      500
#define START_MS      10
#define JUDGE_MS      5000 /* for a judgement to arrive */
#define LEAVE_MS      1000
#define LEAVE_LOOK_MS 5

#define LEASE_NS      "kube-system"
#define NAME_PREFIX   "apiserver-"
#define NAME_SIZE     (sizeof NAME_PREFIX + 26)
#define IDENTITY      "apiserver.kubernetes.io/identity"
#define COMPONENT     "kube-apiserver"
#define ADDRESS       "kubernetes.io/peer-advertise-address"
#define ADDRESSES_DIG "metadata.annotations"

struct peer {
	char *name;
	uint64_t version;
	int64_t seen_ms; /* when it was seen to be renewed */
	int64_t ends_us; /* by the wall's clock */
	struct peer_address address;
	bool has_address, is_listed;
};

struct peers {
	struct server *server;
	const struct schema_kind *kind;
	struct hub_watcher watcher;
	struct loop_timer *renew, *look, *judge;
	char name[NAME_SIZE], holder[NAME_SIZE + 40];
	char address[24]; /* "": nobody is told how to reach this server */
	int64_t asked_ms; /* when the own Lease was written last; 0: never */
	int64_t retry_ms; /* until it is made once more, where it has not come */
	bool is_made;     /* by this very life, a moment ago */
	int64_t heard_ms; /* when that arrived last */
	struct peer *at[PEERS_MAX];
	size_t count;
	bool is_leaving;
	void (*left)(void *ctx); /* NULL once it was told */
	void *left_ctx;
	int64_t leave_ms; /* by when it ends */
};

/* ---- names ---- */

/* Of what parts one server from another: its machine, and where it is reached. */
static void name_self(struct peers *p)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	const struct server_options *o = &p->server->options;
	uint8_t hash[TLS_SHA256_SIZE];
	char uid[37], *to = p->name + strlen(NAME_PREFIX);
	auto_free char *text =
		xasprintf("%s\n" COMPONENT "\n%s:%u", o->hostname, p->address, o->advertise_port);
	memcpy(p->name, NAME_PREFIX, sizeof NAME_PREFIX);
	tls_sha256(text, strlen(text), hash);
	for (unsigned bit = 0; bit < 128; bit += 5) {
		unsigned two = (unsigned)hash[bit / 8] << 8;
		two |= bit / 8 == 15 ? 0 : hash[bit / 8 + 1];
		*to++ = digits[two >> (11 - bit % 8) & 31];
	}
	*to = '\0';
	server_new_uid(p->server, uid);
	int n = snprintf(p->holder, sizeof p->holder, "%s_%s", p->name, uid);
	assert(n > 0 && (size_t)n < sizeof p->holder);
}

int peers_check_address(const char *text, struct error *err)
{
	struct in_addr address;
	if (inet_pton(AF_INET, text, &address) != 1)
		return error_set(err, ERR_INVALID, "advertised address '%s' is no IPv4 address",
				 text);
	uint32_t n = ntohl(address.s_addr);
	const char *why = n >> 24 == 127      ? "on the loopback interface"
			  : n == 0            ? "no address of any machine"
			  : n >> 16 == 0xa9fe ? "valid on one link only"
			  : n >> 28 == 14     ? "for many at once"
			  : n == 0xffffffffu  ? "for all at once"
					      : NULL;
	if (why)
		return error_set(err, ERR_INVALID,
				 "advertised address %s is %s: pods do not reach it", text, why);
	return 0;
}

/* "10.0.0.1:6443" */
static bool read_address(const char *text, struct peer_address *ret)
{
	const char *colon = text ? strchr(text, ':') : NULL;
	struct error err;
	unsigned port = 0;
	if (!colon || (size_t)(colon - text) >= sizeof ret->ip)
		return false;
	memcpy(ret->ip, text, (size_t)(colon - text));
	ret->ip[colon - text] = '\0';
	for (const char *d = colon + 1; *d; d++) {
		if (*d < '0' || *d > '9' || port > UINT16_MAX)
			return false;
		port = port * 10 + (unsigned)(*d - '0');
	}
	ret->port = (uint16_t)port;
	return port > 0 && port <= UINT16_MAX && peers_check_address(ret->ip, &err) == 0;
}

/* ---- what the Leases say ---- */

static bool is_self(const struct peers *p, const char *name)
{
	return streq(p->name, name);
}

static struct peer *find(struct peers *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (streq(p->at[i]->name, name))
			return p->at[i];
	return NULL;
}

static struct peer *find_or_add(struct peers *p, const char *name)
{
	struct peer *one = find(p, name);
	if (one || p->count == PEERS_MAX)
		return one;
	one = xcalloc(1, sizeof *one);
	one->name = xstrdup(name);
	p->at[p->count++] = one;
	return one;
}

static void peer_free(struct peer *one)
{
	free(one->name);
	free(one);
}

static bool same_address(const struct peer *a, bool has, const struct peer_address *address)
{
	return a->has_address == has &&
	       (!has || (streq(a->address.ip, address->ip) && a->address.port == address->port));
}

/* True: its address is another than before. */
static bool read_lease(struct peers *p, struct peer *one, const struct object *o)
{
	AUTO_JSON *tree = object_tree(o);
	const json_t *notes = json_dig(tree, ADDRESSES_DIG);
	int64_t now_ms = loop_now_ms(p->server->loop), renewed_us = 0;
	struct peer_address address = { 0 };
	bool has = read_address(json_member_str(notes, ADDRESS), &address);
	bool is_new = !same_address(one, has, &address);
	if (one->has_address && !has && !is_self(p, one->name))
		log_info("peers", "an API server is gone", "lease", one->name, "address",
			 one->address.ip);
	one->version = o->version;
	one->seen_ms = now_ms;
	one->address = address;
	one->has_address = has;
	one->ends_us = time_parse(json_str_or(tree, "spec.renewTime", ""), &renewed_us)
			       ? renewed_us + json_int_or(tree, "spec.leaseDurationSeconds", 0) *
						      INT64_C(1000000)
			       : 0;
	return is_new;
}

/* Those that were renewed while nothing arrived here are not to be blamed. */
static void hear(struct peers *p)
{
	int64_t now_ms = loop_now_ms(p->server->loop);
	for (size_t i = 0; now_ms - p->heard_ms >= LIFE_MS && i < p->count; i++)
		p->at[i]->seen_ms = now_ms;
	p->heard_ms = now_ms;
}

struct leases {
	const struct index *index;
	struct index_cursor at;
	char *prefix;
};

static struct leases leases_begin(const struct peers *p)
{
	struct leases l = { .index = hub_index(p->server->hub, p->kind),
			    .prefix = object_key(p->kind, LEASE_NS, NAME_PREFIX) };
	l.at = index_seek(l.index, l.prefix);
	return l;
}

/* NULL: no more; then it is ended, too. */
static const struct object *leases_next(struct leases *l)
{
	const struct object *o;
	while ((o = index_next(l->index, &l->at)) && starts_with(o->key, l->prefix)) {
		struct span label = object_label(o, IDENTITY);
		if (span_is(label, COMPONENT))
			return o;
	}
	free(l->prefix);
	return NULL;
}

/* True: addresses have come or gone. */
static bool read_leases(struct peers *p)
{
	struct leases l = leases_begin(p);
	bool is_new = false;
	for (size_t i = 0; i < p->count; i++)
		p->at[i]->is_listed = false;
	for (const struct object *o; (o = leases_next(&l));) {
		struct peer *one = find_or_add(p, o->name);
		if (!one)
			continue;
		one->is_listed = true;
		if (one->version == o->version)
			continue;
		if (is_self(p, o->name))
			hear(p);
		is_new = read_lease(p, one, o) || is_new;
	}
	for (size_t i = p->count; i-- > 0;) {
		if (p->at[i]->is_listed)
			continue;
		is_new = is_new || p->at[i]->has_address;
		peer_free(p->at[i]);
		p->at[i] = p->at[--p->count];
	}
	return is_new;
}

static int by_port(const void *a, const void *b)
{
	const struct peer_address *x = a, *y = b;
	struct in_addr i, k;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	if (inet_pton(AF_INET, x->ip, &i) != 1 || inet_pton(AF_INET, y->ip, &k) != 1)
		return strcmp(x->ip, y->ip);
	return (ntohl(i.s_addr) > ntohl(k.s_addr)) - (ntohl(i.s_addr) < ntohl(k.s_addr));
}

size_t peers_addresses(const struct peers *p, struct peer_address ret[PEERS_MAX])
{
	size_t n = 0, kept = 0;
	for (size_t i = 0; i < p->count; i++)
		if (p->at[i]->has_address)
			ret[n++] = p->at[i]->address;
	qsort(ret, n, sizeof *ret, by_port);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || by_port(&ret[kept - 1], &ret[i]) != 0)
			ret[kept++] = ret[i];
	return kept;
}

/* ---- the own Lease ---- */

static json_t *own_lease(const struct peers *p)
{
	char now[TIME_TEXT_SIZE];
	time_format_micro(loop_wall_us(p->server->loop), now);
	json_t *tree = json_pack("{s:s,s:s,s:{s:{s:s,s:s}},s:{s:s,s:i,s:s}}", "apiVersion",
				 "coordination.k8s.io/v1", "kind", "Lease", "metadata", "labels",
				 IDENTITY, COMPONENT, "kubernetes.io/hostname",
				 p->server->options.hostname, "spec", "holderIdentity", p->holder,
				 "leaseDurationSeconds", DURATION_S, "renewTime", now);
	assert(tree);
	if (*p->address)
		json_put(tree, ADDRESSES_DIG, json_pack("{s:s}", ADDRESS, p->address));
	return tree;
}

static void patch(const struct peers *p, const char *name, const json_t *body)
{
	auto_free char *path = own_path(p->kind, LEASE_NS, name);
	own_request(p->server, "peers", "PATCH", path, body);
}

static void make_own(struct peers *p, json_t *lease)
{
	auto_free char *path = own_path(p->kind, LEASE_NS, NULL);
	json_put_str(lease, "metadata.name", p->name);
	own_request(p->server, "peers", "POST", path, lease);
}

static void remove_ended(struct peers *p)
{
	int64_t now_us = loop_wall_us(p->server->loop);
	for (size_t i = 0; i < p->count; i++) {
		const struct peer *one = p->at[i];
		if (is_self(p, one->name) || one->has_address || one->ends_us >= now_us)
			continue;
		auto_free char *path = own_path(p->kind, LEASE_NS, one->name);
		auto_free char *version = xasprintf("%llu", (unsigned long long)one->version);
		AUTO_JSON *options =
			json_pack("{s:{s:s}}", "preconditions", "resourceVersion", version);
		own_request(p->server, "peers", "DELETE", path, options);
	}
}

static bool has_place(const struct peers *p)
{
	return hub_get(p->server->hub, schema_kind_by_kind("", "v1", "Namespace"), NULL, LEASE_NS);
}

/* Ends once nothing is under way any more, or its time is over. */
static void end(struct peers *p)
{
	if (p->server->own_under_way && loop_now_ms(p->server->loop) < p->leave_ms) {
		loop_timer_set(p->renew, LEAVE_LOOK_MS);
		return;
	}
	void (*left)(void *) = TAKE(p->left);
	if (left)
		left(p->left_ctx);
}

static void renew(void *ctx)
{
	struct peers *p = ctx;
	if (p->is_leaving) {
		end(p);
		return;
	}
	if (!hub_is_loaded(p->server->hub))
		return; /* changed() will tell */
	if (!has_place(p)) {
		loop_timer_set(p->renew, START_MS);
		return;
	}
	bool is_there = hub_get(p->server->hub, p->kind, LEASE_NS, p->name);
	if (is_there && p->is_made) {
		p->is_made = false;
		loop_timer_set(p->renew, RENEW_MS - p->retry_ms);
		p->retry_ms = RETRY_MS;
		return;
	}
	AUTO_JSON *lease = own_lease(p);
	if (is_there)
		patch(p, p->name, lease);
	else
		make_own(p, lease);
	p->is_made = !is_there;
	p->asked_ms = loop_now_ms(p->server->loop);
	/* A store that takes its time is not asked for the same twice a second. */
	p->retry_ms = is_there ? RETRY_MS : MIN(p->retry_ms * 2, RENEW_MS);
	loop_timer_set(p->renew, is_there ? RENEW_MS : p->retry_ms);
	remove_ended(p);
}

/* Somebody removed it, or thought that this server was dead. */
static void stay_known(struct peers *p)
{
	const struct peer *self = find(p, p->name);
	int64_t since_ms = loop_now_ms(p->server->loop) - p->asked_ms;
	if (p->is_leaving || !p->asked_ms || (self && (self->has_address || !*p->address)))
		return;
	loop_timer_set(p->renew, since_ms < RETRY_MS ? RETRY_MS - since_ms : 0);
}

/* ---- the others ---- */

static void take_off(struct peers *p, struct peer *one)
{
	auto_free char *version = xasprintf("%llu", (unsigned long long)one->version);
	AUTO_JSON *body = json_pack("{s:{s:s,s:{s:n}}}", "metadata", "resourceVersion", version,
				    "annotations", ADDRESS);
	patch(p, one->name, body);
}

/* Whose time is over, and when the next one's is. */
static void judge(void *ctx)
{
	struct peers *p = ctx;
	int64_t now_ms = loop_now_ms(p->server->loop), next_ms = INT64_MAX;
	bool is_heard = now_ms - p->heard_ms < LIFE_MS;
	for (size_t i = 0; i < p->count; i++) {
		struct peer *one = p->at[i];
		if (!one->has_address || is_self(p, one->name))
			continue;
		if (is_heard && now_ms - one->seen_ms >= LIFE_MS) {
			take_off(p, one);
			one->seen_ms = now_ms - LIFE_MS + JUDGE_MS;
		}
		next_ms = MIN(next_ms, MAX(one->seen_ms + LIFE_MS - now_ms, RETRY_MS));
	}
	if (next_ms != INT64_MAX)
		loop_timer_set(p->judge, next_ms);
}

/* ---- following ---- */

static void look(void *ctx)
{
	struct peers *p = ctx;
	if (!hub_is_loaded(p->server->hub))
		return;
	if (read_leases(p)) {
		endpoints_keeper_follow(p->server->endpoints);
		if (!loop_timer_is_set(p->judge))
			loop_timer_set(p->judge, LIFE_MS);
	}
	stay_known(p);
}

/* Every Lease of the cluster comes by here: most are nodes'. */
static void changed(struct hub_watcher *w)
{
	struct peers *p = CONTAINER_OF(w, struct peers, watcher);
	struct leases l = leases_begin(p);
	size_t n = 0;
	bool is_new = false;
	if (!p->asked_ms && !loop_timer_is_set(p->renew))
		loop_timer_set(p->renew, 0);
	for (const struct object *o; (o = leases_next(&l)); n++) {
		const struct peer *one = find(p, o->name);
		is_new = is_new || (one ? one->version != o->version : p->count < PEERS_MAX);
	}
	if (is_new || MIN(n, PEERS_MAX) != p->count)
		loop_timer_set(p->look, 0);
}

void peers_leave(struct peers *p, void (*done)(void *ctx), void *ctx)
{
	p->is_leaving = true;
	p->left = done;
	p->left_ctx = ctx;
	p->leave_ms = loop_now_ms(p->server->loop) + LEAVE_MS;
	loop_timer_set(p->renew, 0);
	if (!p->asked_ms || !*p->address)
		return;
	/* Whether the Lease has come by here or not: others may have seen it already. */
	AUTO_JSON *body = json_pack("{s:{s:{s:n}}}", "metadata", "annotations", ADDRESS);
	patch(p, p->name, body);
}

struct peers *peers_new(struct server *s)
{
	struct peers *p = xcalloc(1, sizeof *p);
	*p = (struct peers){ .server = s,
			     .kind = schema_kind_by_kind("coordination.k8s.io", "v1", "Lease"),
			     .watcher = { .changed = changed },
			     .retry_ms = RETRY_MS };
	if (s->options.advertise_address) {
		int n = snprintf(p->address, sizeof p->address, "%s:%u",
				 s->options.advertise_address, s->options.advertise_port);
		assert(n > 0 && (size_t)n < sizeof p->address);
	}
	name_self(p);
	p->renew = loop_timer_new(s->loop, renew, p);
	p->look = loop_timer_new(s->loop, look, p);
	p->judge = loop_timer_new(s->loop, judge, p);
	hub_watch(s->hub, p->kind, &p->watcher);
	loop_timer_set(p->renew, 0);
	return p;
}

void peers_free(struct peers *p)
{
	if (!p)
		return;
	hub_unwatch(p->server->hub, p->kind, &p->watcher);
	loop_timer_free(p->renew);
	loop_timer_free(p->look);
	loop_timer_free(p->judge);
	for (size_t i = 0; i < p->count; i++)
		peer_free(p->at[i]);
	free(p);
}
