#include "apiserver/server.h"
#include "apiserver/account_wait.h"
#include "apiserver/address_keep.h"
#include "apiserver/alloc.h"
#include "apiserver/audit.h"
#include "apiserver/authn.h"
#include "apiserver/authn_file.h"
#include "apiserver/authn_oidc.h"
#include "apiserver/authz_node.h"
#include "apiserver/bootstrap.h"
#include "apiserver/callers.h"
#include "apiserver/definitions.h"
#include "apiserver/endpoints_keep.h"
#include "apiserver/flow_keep.h"
#include "apiserver/oidc_fetch.h"
#include "apiserver/openapi_whole.h"
#include "apiserver/own_exchange.h"
#include "apiserver/peers.h"
#include "apiserver/quota_keep.h"
#include "apiserver/range_keep.h"
#include "apiserver/rbac.h"
#include "apiserver/rbac_keep.h"
#include "apiserver/seal.h"
#include "apiserver/server_internal.h"
#include "apiserver/service_keep.h"
#include "apiserver/work.h"
#include "apiserver/tokens.h"
#include "apiserver/turn.h"
#include "apiserver/watch.h"
#include "apiserver/watch_frame.h"
#include "common/base/time_text.h"

#include <stdio.h>

#define BOOKMARK_MS      60000
#define IN_FLIGHT_MAX    2000
#define DEFAULT_ISSUER   "https://kubernetes.default.svc.cluster.local"
#define DEFAULT_SERVICES "10.96.0.0/16"

void server_random(struct server *s, void *buf, size_t n)
{
	s->options.random(s->options.random_ctx, buf, n);
}

void server_new_uid(struct server *s, char out[37])
{
	uint8_t b[16];
	server_random(s, b, sizeof b);
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	/* One a request, for its Audit-Id: printf would cost as much as finding the object. */
	size_t at = 0;
	for (size_t i = 0; i < sizeof b; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		out[at++] = "0123456789abcdef"[b[i] >> 4];
		out[at++] = "0123456789abcdef"[b[i] & 15];
	}
	out[at] = '\0';
	assert(at == 36);
}

/* The alphabet leaves out what reads as words or as other characters. */
void server_name_suffix(struct server *s, char out[6])
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	uint8_t b[5];
	server_random(s, b, sizeof b);
	for (int i = 0; i < 5; i++)
		out[i] = letters[b[i] % (sizeof letters - 1)];
	out[5] = '\0';
}

void server_count_request(struct server *s, enum verb verb, bool is_resource, int status,
			  int64_t took_ms)
{
	size_t class = (size_t)status / 100;
	enum verb v = is_resource ? verb : VERB_NONE;
	s->requests_total[v][class < 6 ? class : 5]++;
	size_t bucket = 0;
	while (bucket + 1 < LATENCY_BUCKETS && took_ms >= (1 << bucket))
		bucket++;
	s->latency_ms[bucket]++;
	s->latency_sum_ms += (uint64_t)took_ms;
}

void server_now_text(const struct server *s, char *out)
{
	time_format(loop_wall_us(s->loop), out);
}

/* ---- from an exchange to the function that serves it ---- */

static bool is_images(const struct target *t)
{
	return streq(t->group, "skiff.dev") && streq(t->version, "v1") &&
	       streq(t->resource, "nodes") && t->name && t->subresource &&
	       streq(t->subresource, "images") && !t->rest;
}

static bool is_metadata(const struct target *t)
{
	return streq(t->group, "skiff.dev") && streq(t->version, "v1") &&
	       streq(t->resource, "metadata") && !t->name && !t->ns;
}

static enum request_lane lane_of(const struct request *r)
{
	if (!r->target.is_resource)
		return LANE_NONE;
	bool is_system = identity_in_group(&r->who, "system:nodes") ||
			 identity_in_group(&r->who, "system:skiff-controllers") ||
			 (streq(r->target.group, "coordination.k8s.io") &&
			  streq(r->target.resource, "leases"));
	return is_system ? LANE_SYSTEM : LANE_USER;
}

static int admit_load(struct server *s, struct request *r, struct failure *f)
{
	size_t max = s->options.in_flight_max ? s->options.in_flight_max : IN_FLIGHT_MAX;
	enum request_lane lane = lane_of(r);
	if (lane == LANE_NONE)
		return 0;
	if (s->in_flight[lane] < max) {
		s->in_flight[r->lane]--;
		r->lane = lane;
		s->in_flight[lane]++;
		return 0;
	}
	s->refused_total[lane]++;
	fail(f, 429, "TooManyRequests", "too many requests, please try again later.");
	f->retry_after_s = 1;
	return -1;
}

static void serve_authorized(struct request *r)
{
	struct failure f = { 0 };
	if (admit_load(r->server, r, &f) < 0) {
		/* the failure says why */
	} else if (!r->target.is_resource) {
		serve_path(r);
		return;
	} else if (is_images(&r->target)) {
		serve_images(r);
		return;
	} else if (!hub_is_loaded(r->server->hub)) {
		fail_unavailable(&f, "the server is starting: it has not read the store yet");
		f.retry_after_s = 1;
	} else if (is_metadata(&r->target)) {
		serve_watch_all(r);
		return;
	} else {
		serve_kind(r);
		return;
	}
	reply_failure(r, &f);
}

/* May they be whom they say, and do what they ask? */
static int allow(struct request *r, struct failure *f)
{
	return authn_impersonate(r, f) < 0 ? -1 : authorize(r, f);
}

/* The cache is as new as it gets. While the default roles are being made, nobody is refused for
 * good. */
static void authorize_again(void *ctx, const struct error *err)
{
	struct request *r = ctx;
	struct failure f = { 0 };
	if (err)
		fail_unavailable(&f, "%s", err->text);
	else if (allow(r, &f) == 0) {
		serve_authorized(r);
		return;
	} else if (f.code == 403 && !r->server->has_system_objects) {
		fail_unavailable(&f, "the server is starting: its roles are not there yet");
	}
	reply_failure(r, &f);
}

/* A role granted, or a pod bound, a moment ago through another server counts: somebody known is
 * refused on a fresh cache only. An upload is on its way already and cannot wait. */
static bool is_refused_at_once(const struct request *r)
{
	return !identity_in_group(&r->who, "system:authenticated") ||
	       (r->target.is_resource && is_images(&r->target));
}

/* Who it is, is known. */
static void serve_known(struct request *r)
{
	struct failure f = { 0 };
	audit_tell(r->server->audit, r, AUDIT_RECEIVED, 0, NULL, 0);
	if (allow(r, &f) == 0) {
		serve_authorized(r);
		return;
	} else if (f.code != 403) {
		/* nothing that a fresher cache would change */
	} else if (!hub_is_loaded(r->server->hub) && !is_refused_at_once(r)) {
		fail_unavailable(&f, "the server is starting: it has not read the store yet");
	} else if (!is_refused_at_once(r)) {
		failure_fini(&f);
		hub_when_fresh(r->server->hub, authorize_again, r);
		return;
	}
	reply_failure(r, &f);
}

/* The issuer's keys are as new as they get. */
static void authenticate_again(void *ctx)
{
	struct request *r = ctx;
	struct failure f = { 0 };
	if (authenticate(r, &r->who, &f))
		serve_known(r);
	else
		reply_failure(r, &f);
}

/* A token of the issuer may be signed by a key that it has had for a moment only. */
static bool waits_for_keys(struct request *r)
{
	struct server *s = r->server;
	return s->oidc_fetch && authn_oidc_wants_keys(s->oidc) &&
	       oidc_fetch_wait(s->oidc_fetch, authenticate_again, r);
}

/* Watches and streams take as long as they like, and the server itself waits for what comes. */
static bool is_patient(const struct request *r)
{
	const struct target *t = &r->target;
	return r->x->ops == own_exchange_ops() ||
	       (t->is_resource && (t->verb == VERB_WATCH || is_images(t) || is_metadata(t) ||
				   (t->subresource && server_is_stream(t->subresource))));
}

static int read_target(struct request *r, struct error *err)
{
	struct target *t = &r->target;
	int code = query_parse(r->x->query, &r->query, err);
	if (code == 0)
		code = target_parse(r->server->kinds, r->x->method, r->x->path, &r->query, t, err);
	int64_t timeout_us;
	if (code < 0 || is_patient(r))
		return code;
	code = query_timeout(&r->query, &timeout_us, err);
	if (code == 0)
		deadline_set(r, timeout_us);
	return code;
}

static void serve(struct request *r)
{
	struct failure f = { 0 };
	struct error err;
	r->x->is_brief = false;
	if (read_target(r, &err) < 0) {
		fail_bad_request(&f, "%s", err.text);
	} else if (authenticate(r, &r->who, &f)) {
		serve_known(r);
		return;
	} else if (waits_for_keys(r)) {
		failure_fini(&f);
		return;
	}
	reply_failure(r, &f);
}

bool server_wants_stream(void *ctx, const char *method, const char *path)
{
	static const char prefix[] = "/apis/skiff.dev/v1/nodes/";
	(void)ctx;
	const char *slash = starts_with(path, prefix) ? strchr(path + strlen(prefix), '/') : NULL;
	return streq(method, "POST") && slash && streq(slash, "/images");
}

void server_handle(void *ctx, struct http_exchange *x)
{
	struct server *s = ctx;
	struct request *r = request_new(s, x);
	if (server_wants_stream(s, x->method, x->path)) {
		serve(r); /* its body is on its way already */
		return;
	}
	x->is_brief = true; /* until its turn */
	turns_take(s->turns, r);
}

/* …/pods/NAME/exec and the like. */
bool server_may_take_over(void *ctx, const char *path)
{
	static const char prefix[] = "/api/v1/namespaces/";
	const char *parts[4];
	size_t n = 0;
	(void)ctx;
	if (!starts_with(path, prefix))
		return false;
	for (const char *at = path + strlen(prefix); at && n < ARRAY_LEN(parts); n++) {
		parts[n] = at;
		at = strchr(at, '/');
		at = at ? at + 1 : NULL;
	}
	return n == ARRAY_LEN(parts) && starts_with(parts[1], "pods/") &&
	       server_is_stream(parts[3]);
}

bool server_is_ready(const struct server *s)
{
	return hub_is_loaded(s->hub) && s->has_system_objects;
}

void server_leave(struct server *s, void (*done)(void *ctx), void *ctx)
{
	peers_leave(s->peers, done, ctx);
}

/* ---- life ---- */

static void bookmark(void *ctx)
{
	watch_bookmark_all(ctx);
}

static char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static void copy_options(struct server *s, const struct server_options *o)
{
	s->options = *o;
	s->options.cluster_id = copy(o->cluster_id);
	s->options.service_cidr = copy(o->service_cidr ? o->service_cidr : DEFAULT_SERVICES);
	s->options.advertise_address = copy(o->advertise_address);
	s->options.hostname = copy(o->hostname ? o->hostname : "localhost");
	s->options.ca_pem = copy(o->ca_pem);
	s->options.issuer = copy(o->issuer ? o->issuer : DEFAULT_ISSUER);
	s->options.node_cert_pem = copy(o->node_cert_pem);
	s->options.node_key_pem = copy(o->node_key_pem);
	/* These live on in what is made of them. */
	s->options.token_key_pem = s->options.token_file = s->options.oidc_keys = NULL;
	s->options.oidc_ca = NULL;
	s->options.encryption = NULL;
	s->options.oidc = NULL;
	s->options.audit = NULL;
}

static int read_tokens(struct server *s, const struct server_options *o, struct error *err)
{
	if (o->audit && audit_new(s->loop, o->audit, &s->audit, err) < 0)
		return err->code;
	if (o->encryption && seal_new(o->encryption, &s->seal, err) < 0)
		return error_wrap(err, "encryption configuration");
	if (o->token_file && authn_file_new(o->token_file, &s->token_file, err) < 0)
		return error_wrap(err, "file of tokens");
	if (!o->oidc)
		return 0;
	int code = authn_oidc_new(o->oidc, &s->oidc, err);
	if (code < 0)
		return code;
	return o->oidc_keys ? authn_oidc_set_keys(s->oidc, o->oidc_keys, err)
			    : oidc_fetch_new(s->loop, s->oidc, o->oidc->issuer, o->oidc_ca,
					     &s->oidc_fetch, err);
}

int server_new(struct loop *loop, struct store *store, const struct server_options *options,
	       struct server **ret, struct error *err)
{
	assert(options->random);
	AUTO(server) *s = xcalloc(1, sizeof *s);
	s->loop = loop;
	s->store = store;
	copy_options(s, options);
	int code = address_ranges_new(s->options.service_cidr, &s->ranges, err);
	if (code == 0 && options->advertise_address)
		code = peers_check_address(options->advertise_address, err);
	if (code == 0 && options->token_key_pem)
		code = tokens_new(options->token_key_pem, s->options.issuer, &s->tokens, err);
	if (code == 0)
		code = read_tokens(s, options, err);
	if (code < 0)
		return code;
	s->kinds = kinds_new();
	s->hub = hub_new(loop, store, s->kinds, s->seal);
	s->rbac = rbac_new(s->hub);
	s->callers = callers_new(s->hub);
	s->authz_node = authz_node_new(s->hub);
	s->gatherer = rbac_gatherer_new(s);
	s->quotas = quota_keeper_new(s);
	s->definitions = definitions_new(s);
	s->turns = turns_new(loop, serve);
	s->deadlines = deadlines_new(loop);
	s->frames = watch_frames_new();
	s->bookmarks = loop_timer_new(loop, bookmark, s);
	loop_timer_set(s->bookmarks, BOOKMARK_MS);
	s->peers = peers_new(s);
	s->endpoints = endpoints_keeper_new(s);
	s->addresses = address_keeper_new(s);
	s->range_keeper = range_keeper_new(s);
	s->bootstrap = bootstrap_new(s);
	s->flows = flow_keeper_new(s);
	s->services = service_keeper_new(s);
	*ret = TAKE(s);
	return 0;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	deadlines_free(s->deadlines);
	account_waits_end(s);
	server_work_orphan(s);
	turns_free(s->turns);
	own_exchanges_free(s);
	watch_frames_free(s->frames);
	loop_timer_free(s->bookmarks);
	service_keeper_free(s->services);
	flow_keeper_free(s->flows);
	bootstrap_free(s->bootstrap);
	range_keeper_free(s->range_keeper);
	address_keeper_free(s->addresses);
	endpoints_keeper_free(s->endpoints);
	peers_free(s->peers);
	free(s->noted_secret);
	for (size_t i = 0; i < SNAPSHOTS_MAX; i++)
		index_fini(&s->snapshots[i].index);
	definitions_free(s->definitions);
	quota_keeper_free(s->quotas);
	rbac_gatherer_free(s->gatherer);
	rbac_free(s->rbac);
	callers_free(s->callers);
	authz_node_free(s->authz_node);
	hub_free(s->hub);
	tokens_free(s->tokens);
	seal_free(s->seal);
	audit_free(s->audit);
	free(s->openapi_index);
	openapi_whole_free(s->openapi_whole);
	kinds_free(s->kinds);
	authn_file_free(s->token_file);
	oidc_fetch_free(s->oidc_fetch);
	authn_oidc_free(s->oidc);
	free(s->ranges);
	requests_free_spare(s);
	const char *texts[] = {
		s->options.cluster_id,   s->options.service_cidr, s->options.advertise_address,
		s->options.ca_pem,       s->options.issuer,       s->options.node_cert_pem,
		s->options.node_key_pem, s->options.hostname
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free((char *)(uintptr_t)texts[i]);
	free(s);
}
