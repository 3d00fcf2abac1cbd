/* What is no resource: health, version, metrics, discovery, keys of tokens. */
#include "apiserver/oidc_fetch.h"
#include "apiserver/openapi_answer.h"
#include "apiserver/server_internal.h"
#include "apiserver/tokens.h"
#include "common/base/jsonx.h"
#include "common/base/map.h"
#include "schemas/discovery.h"

#include <inttypes.h>
#include <stdio.h>

#define TEXT_MAX (64u << 20)

static void json_text(struct request *r, const char *text, size_t len)
{
	reply_json(r, 200, text, len);
}

static void serve_version(struct request *r)
{
	static const char text[] =
		"{\"major\":\"1\",\"minor\":\"36\",\"gitVersion\":\"v1.36.3+skiff." SKIFF_VERSION
		"\",\"gitCommit\":\"\",\"gitTreeState\":\"clean\",\"buildDate\":"
		"\"1970-01-01T00:00:00Z\",\"goVersion\":\"\",\"compiler\":\"" __VERSION__
		"\",\"platform\":\"linux/amd64\"}";
	json_text(r, text, sizeof text - 1);
}

/* ---- health ---- */

struct check {
	const char *name;
	bool (*is_good)(const struct server *s);
	bool for_liveness; /* else only readiness */
};

static bool always(const struct server *s)
{
	(void)s;
	return true;
}

static bool store_is_read(const struct server *s)
{
	return hub_is_loaded(s->hub);
}

static bool has_system(const struct server *s)
{
	return s->has_system_objects;
}

static const struct check checks[] = {
	{ "ping", always, true },
	{ "etcd", store_is_read, false },
	{ "poststarthook/bootstrap", has_system, false },
};

static bool is_excluded(const struct request *r, const char *name)
{
	for (size_t i = 0; i < r->query.count; i++)
		if (streq(r->query.at[i].name, "exclude") && streq(r->query.at[i].value, name))
			return true;
	return false;
}

/* "/readyz", "/readyz/etcd"; true if the path was one of these. */
static bool serve_health(struct request *r, const char *root, bool is_liveness)
{
	size_t n = strlen(root);
	if (strncmp(r->x->path, root, n) != 0 || (r->x->path[n] && r->x->path[n] != '/'))
		return false;
	const char *one = r->x->path[n] ? r->x->path + n + 1 : "";
	bool good = true, known = !*one;
	AUTO_STR text;
	str_init(&text, 65536);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		const struct check *c = &checks[i];
		bool counts =
			!is_liveness || c->for_liveness; /* each may be asked for by its name */
		if ((*one ? !streq(one, c->name) : !counts) || is_excluded(r, c->name))
			continue;
		known = true;
		bool ok = c->is_good(r->server);
		good &= ok;
		str_addf(&text, "[%s]%s %s\n", ok ? "+" : "-", c->name,
			 ok ? "ok" : "failed: not ready yet");
	}
	struct failure f = { 0 };
	if (!known) {
		fail_path(&f);
		reply_failure(r, &f);
		return true;
	}
	str_addf(&text, "%s check %s\n", root + 1, good ? "passed" : "failed");
	bool verbose = !good || query_get(&r->query, "verbose");
	reply_text(r, good ? 200 : 500, "text/plain; charset=utf-8", verbose ? text.data : "ok",
		   verbose ? text.len : 2);
	return true;
}

/* ---- metrics (Prometheus text format 0.0.4) ---- */

static void metric(struct str *out, const char *name, const char *type, const char *help,
		   uint64_t value)
{
	str_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name,
		 value);
}

static void request_metrics(const struct server *s, struct str *out)
{
	str_add(out, "# HELP apiserver_request_total Requests answered.\n"
		     "# TYPE apiserver_request_total counter\n");
	for (int v = 0; v < VERB_COUNT; v++)
		for (int class = 1; class < 6; class ++)
			if (s->requests_total[v][class])
				str_addf(out,
					 "apiserver_request_total{verb=\"%s\",code=\"%dxx\"} "
					 "%" PRIu64 "\n",
					 verb_name((enum verb)v), class,
					 s->requests_total[v][class]);
	str_add(out, "# HELP apiserver_request_duration_seconds Time to the answer.\n"
		     "# TYPE apiserver_request_duration_seconds histogram\n");
	uint64_t total = 0;
	for (int i = 0; i < LATENCY_BUCKETS; i++) {
		total += s->latency_ms[i];
		if (i + 1 < LATENCY_BUCKETS)
			str_addf(out,
				 "apiserver_request_duration_seconds_bucket{le=\"%g\"} %" PRIu64
				 "\n",
				 (double)(1 << i) / 1000, total);
	}
	str_addf(out,
		 "apiserver_request_duration_seconds_bucket{le=\"+Inf\"} %" PRIu64
		 "\napiserver_request_duration_seconds_sum %g\n"
		 "apiserver_request_duration_seconds_count %" PRIu64 "\n",
		 total, (double)s->latency_sum_ms / 1000, total);
}

static void lane_metrics(const struct server *s, struct str *out)
{
	static const char *const names[] = {
		[LANE_NONE] = "other", [LANE_USER] = "user", [LANE_SYSTEM] = "system"
	};
	str_add(out, "# HELP apiserver_current_inflight_requests Requests under way.\n"
		     "# TYPE apiserver_current_inflight_requests gauge\n");
	for (size_t i = 0; i < LANE_COUNT; i++)
		str_addf(out, "apiserver_current_inflight_requests{lane=\"%s\"} %zu\n", names[i],
			 s->in_flight[i]);
	str_add(out, "# HELP skiff_requests_refused_total Answered 429: too many under way.\n"
		     "# TYPE skiff_requests_refused_total counter\n");
	for (size_t i = LANE_USER; i < LANE_COUNT; i++)
		str_addf(out, "skiff_requests_refused_total{lane=\"%s\"} %" PRIu64 "\n", names[i],
			 s->refused_total[i]);
}

static void serve_metrics(struct request *r)
{
	struct server *s = r->server;
	struct hub_counts hub;
	struct store_counts store;
	hub_counts(s->hub, &hub);
	store_counts(s->store, &store);
	AUTO_STR out;
	str_init(&out, 1 << 20);
	request_metrics(s, &out);
	lane_metrics(s, &out);
	metric(&out, "apiserver_storage_objects", "gauge", "Objects in the watch cache.",
	       hub.objects);
	metric(&out, "skiff_object_bytes", "gauge", "Bytes of all objects.", hub.object_bytes);
	metric(&out, "skiff_event_bytes", "gauge", "Bytes of recent events.", hub.event_bytes);
	metric(&out, "skiff_events_total", "counter", "Events from the store.", hub.events_total);
	metric(&out, "skiff_watchers", "gauge", "Open watches.", hub.watchers);
	metric(&out, "skiff_cache_loads_total", "counter", "Times the store was read whole.",
	       hub.reloads);
	metric(&out, "skiff_store_batches_total", "counter", "Transactions sent to etcd.",
	       store.batches);
	metric(&out, "skiff_store_writes_total", "counter", "Writes in them.", store.members);
	metric(&out, "skiff_store_probes_total", "counter", "Linearizability probes.",
	       store.probes);
	metric(&out, "skiff_store_queued", "gauge", "Writes waiting for a transaction.",
	       store.queued_now);
	metric(&out, "skiff_store_compactions_total", "counter",
	       "Times that this server had etcd forget its history.", store.compactions);
	metric(&out, "skiff_store_compacted_revision", "gauge",
	       "Up to here history is known to be forgotten.", store.compacted_revision);
	metric(&out, "skiff_worker_jobs_total", "counter", "Computations given to workers.",
	       s->works_total);
	metric(&out, "skiff_loop_longest_turn_microseconds", "gauge",
	       "Longest turn of the core loop since the last reading.",
	       (uint64_t)loop_longest_turn_us(s->loop));
	metric(&out, "skiff_loop_longest_turn_cpu_microseconds", "gauge",
	       "The same in the thread's own time: without what others took of the processor.",
	       (uint64_t)loop_longest_turn_cpu_us(s->loop));
	if (s->oidc_fetch) {
		struct oidc_fetch_counts keys;
		oidc_fetch_counts(s->oidc_fetch, &keys);
		metric(&out, "skiff_oidc_fetches_total", "counter",
		       "Times that the OpenID Connect issuer was asked for its keys.",
		       keys.fetches);
		metric(&out, "skiff_oidc_failures_total", "counter", "Times that it gave none.",
		       keys.failures);
	}
	if (s->options.carrier_metrics)
		s->options.carrier_metrics(s->options.carrier_ctx, &out);
	reply_text(r, 200, "text/plain; version=0.0.4", out.data, out.len);
}

/* ---- discovery ---- */

static void serve_discovery_root(struct request *r, bool is_core)
{
	struct failure f = { 0 };
	struct accept_offer offer = { .discovery = true, .yaml = true };
	if (!accept_choose(http_header_get(r->x, "Accept"), &offer, &r->accept)) {
		fail_not_acceptable(&f, &offer);
		reply_failure(r, &f);
		return;
	}
	AUTO_STR text;
	str_init(&text, TEXT_MAX);
	if (r->accept.as == ACCEPT_DISCOVERY) {
		discovery_aggregated(r->server->kinds, is_core, &text);
		reply_cached(r,
			     "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
			     text.data, text.len, false);
		return;
	}
	if (is_core)
		discovery_api_versions(&text);
	else
		discovery_group_list(r->server->kinds, &text);
	json_text(r, text.data, text.len);
}

/* "/api/v1", "/apis/G", "/apis/G/V" */
static bool serve_discovery(struct request *r)
{
	const char *path = r->x->path;
	const struct kinds *kinds = r->server->kinds;
	bool core = starts_with(path, "/api/"), named = starts_with(path, "/apis/");
	if (!core && !named)
		return false;
	const char *rest = path + (core ? 5 : 6);
	size_t n = strcspn(rest, "/");
	auto_free char *first = xstrndup(rest, n);
	/* One slash may follow. */
	size_t left = rest[n] ? strlen(rest + n + 1) : 0;
	bool has_slash = left && rest[n + left] == '/';
	auto_free char *second = xstrndup(left ? rest + n + 1 : "", left - has_slash);
	AUTO_STR text;
	str_init(&text, TEXT_MAX);
	bool found;
	if (core)
		found = !*second && discovery_resources(kinds, "", first, &text);
	else
		found = *second ? discovery_resources(kinds, first, second, &text)
				: discovery_group(kinds, first, &text);
	if (!found)
		return false;
	struct failure f = { 0 };
	struct accept_offer offer = { .yaml = true, .protobuf = true };
	if (accept_choose(http_header_get(r->x, "Accept"), &offer, &r->accept)) {
		json_text(r, text.data, text.len);
	} else {
		/* The original's router refuses for the groups it knows, a handler for others. */
		bool is_custom = named && *second && !schema_group_version_exists(first, second);
		(void)(is_custom ? fail_not_acceptable(&f, &offer)
				 : fail_no_representation(&f, false));
		reply_failure(r, &f);
	}
	return true;
}

static bool serve_openid(struct request *r)
{
	const struct tokens *t = r->server->tokens;
	const char *path = r->x->path;
	bool jwks = streq(path, "/openid/v1/jwks");
	if (!t || (!jwks && !streq(path, "/.well-known/openid-configuration")))
		return false;
	AUTO_STR text;
	struct error err;
	struct failure f = { 0 };
	str_init(&text, 65536);
	if (!jwks)
		str_addf(&text,
			 "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/openid/v1/jwks\","
			 "\"response_types_supported\":[\"id_token\"],"
			 "\"subject_types_supported\":[\"public\"],"
			 "\"id_token_signing_alg_values_supported\":[\"RS256\"]}",
			 tokens_issuer(t), tokens_issuer(t));
	if (jwks && tokens_jwks(t, &text, &err) < 0) {
		fail_error(&f, &err);
		reply_failure(r, &f);
		return true;
	}
	reply_public(r, jwks ? "application/jwk-set+json" : "application/json", text.data,
		     text.len);
	return true;
}

static void serve_root(struct request *r)
{
	static const char text[] =
		"{\"paths\":[\"/api\",\"/apis\",\"/healthz\",\"/livez\",\"/metrics\","
		"\"/openapi/v2\",\"/openapi/v3\",\"/readyz\",\"/version\"]}";
	json_text(r, text, sizeof text - 1);
}

static bool is_path(const struct request *r, const char *path)
{
	size_t n = strlen(path);
	return strncmp(r->x->path, path, n) == 0 && (!r->x->path[n] || streq(r->x->path + n, "/"));
}

void serve_path(struct request *r)
{
	struct failure f = { 0 };
	if (!streq(r->x->method, "GET") && !streq(r->x->method, "HEAD")) {
		fail_method(&f);
		reply_failure(r, &f);
	} else if (is_path(r, "/version")) {
		serve_version(r);
	} else if (is_path(r, "/metrics")) {
		serve_metrics(r);
	} else if (is_path(r, "/api")) {
		serve_discovery_root(r, true);
	} else if (is_path(r, "/apis")) {
		serve_discovery_root(r, false);
	} else if (streq(r->x->path, "/")) {
		serve_root(r);
	} else if (!serve_health(r, "/healthz", false) && !serve_health(r, "/livez", true) &&
		   !serve_health(r, "/readyz", false) && !serve_discovery(r) && !openapi_serve(r) &&
		   !serve_openid(r)) {
		fail_path(&f);
		reply_failure(r, &f);
	}
}
