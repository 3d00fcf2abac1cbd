/*
 * A server on a real loop with real workers: large objects of custom and built-in kinds are decoded,
 * patched, applied and printed on threads while definitions come, change and go under them. What the
 * answers are is other tests' business: here it counts that every request has one that makes sense,
 * and, in the build with ThreadSanitizer, that no two threads touch the same at once.
 */
#include "apiserver/server.h"
#include "apiserver/store_memory.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/io/loop.h"
#include "tests/support/check.h"
#include "tests/support/sim_exchange.h"

#include <stdio.h>

#define CLIENTS     8
#define REQUESTS    200
#define LIMIT_MS    110000
#define LARGE_BYTES 70000 /* worth a worker's while: work.h */
#define BODY_MAX    (1 << 20)
#define NAMES       4

#define DEFINITIONS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define LAMPS       "/apis/example.com/v1/namespaces/default/lamps"
#define MAPS        "/api/v1/namespaces/default/configmaps"
#define APPLY       "application/apply-patch+yaml"
#define MERGE       "application/merge-patch+json"
#define JSON        "application/json"
#define TABLE       "application/json;as=Table;v=v1;g=meta.k8s.io"

struct world;

struct client {
	struct world *world;
	struct loop_timer *next;
	struct str body;
	char target[200];
	int status;
	bool is_ahead; /* of the definition */
};

struct world {
	struct loop *loop;
	struct http_transport *transport;
	struct rng rng;
	struct client clients[CLIENTS];
	struct loop_timer *limit;
	size_t begun, answered, good, bad;
	bool is_late;
};

struct ask {
	const char *method, *type, *accept, *target;
};

static unsigned dice(struct world *w, unsigned n)
{
	return (unsigned)rng_below(&w->rng, n);
}

static void add_large(struct client *c)
{
	for (size_t i = 0; i < LARGE_BYTES / 20; i++)
		str_addf(&c->body, "%s\"k%05zu\":\"%05u67890\"", i ? "," : "", i,
			 dice(c->world, 99999));
}

static void add_versions(struct client *c)
{
	bool has_more = dice(c->world, 2), is_second_served = dice(c->world, 2);
	for (int i = 1; i <= 2; i++)
		str_addf(
			&c->body,
			"%s{\"name\":\"v%d\",\"served\":%s,\"storage\":%s,\"schema\":{"
			"\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":"
			"\"object\",\"properties\":{\"watts\":{\"type\":\"integer\",\"default\":%d}%s,"
			"\"all\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}"
			"}}}}},\"additionalPrinterColumns\":[{\"name\":\"Watts\",\"type\":\"integer\","
			"\"jsonPath\":\".spec.watts\"}]}",
			i > 1 ? "," : "", i, i == 1 || is_second_served ? "true" : "false",
			i == 1 ? "true" : "false", 1 + (int)dice(c->world, 50),
			has_more ? ",\"color\":{\"type\":\"string\"}" : "");
}

static void definition(struct client *c)
{
	str_add(&c->body,
		"{\"metadata\":{\"name\":\"lamps.example.com\"},\"spec\":{\"group\":"
		"\"example.com\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"lamps\","
		"\"kind\":\"Lamp\"},\"versions\":[");
	add_versions(c);
	str_add(&c->body, "]}}");
}

static void lamp(struct client *c, unsigned number)
{
	str_addf(&c->body,
		 "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Lamp\",\"metadata\":{\"name\":"
		 "\"l%u\"},\"spec\":{\"color\":\"red\",\"all\":{",
		 number);
	add_large(c);
	str_add(&c->body, "}}}");
}

static void map(struct client *c, unsigned number)
{
	str_addf(&c->body,
		 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m%u\"},"
		 "\"data\":{",
		 number);
	add_large(c);
	str_add(&c->body, "}}");
}

static void of(struct client *c, const char *list, unsigned number)
{
	int n = snprintf(c->target, sizeof c->target, "%s/%c%u?fieldManager=c%u", list,
			 streq(list, LAMPS) ? 'l' : 'm', number, number % 2);
	assert(n > 0 && n < (int)sizeof c->target);
}

static struct ask about_definitions(struct client *c)
{
	switch (dice(c->world, 5)) {
	case 0:
	case 1:
		definition(c);
		return (struct ask){ "POST", JSON, JSON, DEFINITIONS };
	case 2:
		if (dice(c->world, 3) == 0)
			return (struct ask){ "DELETE", JSON, JSON,
					     DEFINITIONS "/lamps.example.com" };
		return (struct ask){ "GET", JSON, JSON,
				     dice(c->world, 2) ? "/openapi/v2"
						       : "/openapi/v3/apis/example.com/v1" };
	default:
		str_add(&c->body, "{\"spec\":{\"versions\":[");
		add_versions(c);
		str_add(&c->body, "]}}");
		return (struct ask){ "PATCH", MERGE, JSON, DEFINITIONS "/lamps.example.com" };
	}
}

static struct ask about_objects(struct client *c)
{
	unsigned number = dice(c->world, NAMES);
	bool is_custom = dice(c->world, 4) > 0;
	const char *list = is_custom ? LAMPS : MAPS;
	of(c, list, number);
	switch (dice(c->world, 7)) {
	case 0:
	case 1:
		is_custom ? lamp(c, number) : map(c, number);
		return (struct ask){ "POST", JSON, JSON, list };
	case 2:
		is_custom ? lamp(c, number) : map(c, number);
		str_addf(&c->body, "\n");
		return (struct ask){ "PATCH", APPLY, JSON, c->target };
	case 3:
		str_addf(&c->body,
			 is_custom ? "{\"spec\":{\"watts\":%u}}" : "{\"data\":{\"x\":\"%u\"}}",
			 dice(c->world, 99));
		return (struct ask){ "PATCH", MERGE, JSON, c->target };
	case 4:
		return (struct ask){ "GET", JSON, TABLE, list };
	case 5:
		return (struct ask){ "GET", JSON, JSON, list };
	default:
		return (struct ask){ "DELETE", JSON, JSON, c->target };
	}
}

/* ---- asking ---- */

static void on_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	(void)headers, (void)n;
	((struct client *)ctx)->status = status;
}

static void on_data(void *ctx, const char *bytes, size_t n)
{
	struct client *c = ctx;
	static const char unknown[] = "field not declared in schema";
	c->is_ahead |= memmem(bytes, n, unknown, sizeof unknown - 1) != NULL;
}

static void on_done(void *ctx, const struct error *err)
{
	struct client *c = ctx;
	struct world *w = c->world;
	w->answered++;
	w->good += !err && c->status >= 200 && c->status < 300;
	/* Who applies a field that the definition of now does not have is told so. */
	if (err || (c->status == 500 && !c->is_ahead) || c->status == 0) {
		fprintf(stderr, "%s: status %d %s\n", c->target, c->status, err ? err->text : "");
		w->bad++;
	}
	c->is_ahead = false;
	loop_timer_set(c->next, 0);
}

static void ask(void *ctx)
{
	static const struct http_events events = { on_head, on_data, on_done };
	struct client *c = ctx;
	struct world *w = c->world;
	if (w->begun == REQUESTS) {
		if (w->answered == REQUESTS)
			loop_stop(w->loop);
		return;
	}
	bool is_first = w->begun++ == 0;
	str_clear(&c->body);
	c->status = 0;
	struct ask a = is_first || dice(w, 5) == 0 ? about_definitions(c) : about_objects(c);
	const struct http_header headers[] = { { "Content-Type", a.type },
					       { "Accept", a.accept },
					       { "Accept-Encoding", "gzip" } };
	if (a.target != c->target && snprintf(c->target, sizeof c->target, "%s", a.target) < 0)
		abort();
	a.target = c->target;
	struct http_request q = { .method = a.method,
				  .target = a.target,
				  .headers = headers,
				  .headers_count = ARRAY_LEN(headers),
				  .body = c->body.data,
				  .body_len = c->body.len };
	(void)http_start(w->transport, &q, &events, c);
}

static void on_limit(void *ctx)
{
	struct world *w = ctx;
	w->is_late = true;
	loop_stop(w->loop);
}

static void pretend_random(void *ctx, void *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = (uint8_t)rng_next(ctx);
}

int main(void)
{
	struct world w = { .loop = loop_new(), .rng = { 11 } };
	struct rng random = { 12 };
	struct server_options options = { .cluster_id = "abc123",
					  .service_cidr = "10.96.0.0/16",
					  .advertise_address = "10.0.0.1",
					  .advertise_port = 6443,
					  .random = pretend_random,
					  .random_ctx = &random };
	struct server *server;
	struct error err;
	struct store *store =
		store_new(w.loop, store_memory_new(w.loop),
			  &(struct store_options){ .cluster_id = "abc123", .schema_revision = 1 });
	CHECK_INT(server_new(w.loop, store, &options, &server, &err), 0);
	w.transport = sim_transport_new(
		w.loop, 13, &(struct sim_peer){ .cn = "skiff-admin", .org = "system:masters" },
		server_handle, server, NULL);
	for (size_t i = 0; i < CLIENTS; i++) {
		struct client *c = &w.clients[i];
		*c = (struct client){ .world = &w };
		str_init(&c->body, BODY_MAX);
		c->next = loop_timer_new(w.loop, ask, c);
		loop_timer_set(c->next, 1000); /* it has read its store then, or says 503 */
	}
	w.limit = loop_timer_new(w.loop, on_limit, &w);
	loop_timer_set(w.limit, LIMIT_MS);
	loop_run(w.loop);
	CHECK(!w.is_late);
	CHECK_INT(w.answered, REQUESTS);
	CHECK_INT(w.bad, 0);
	CHECK(w.good > REQUESTS / 3);
	for (size_t i = 0; i < CLIENTS; i++) {
		loop_timer_free(w.clients[i].next);
		str_fini(&w.clients[i].body);
	}
	loop_timer_free(w.limit);
	http_transport_free(w.transport);
	store_free(store);
	server_free(server);
	loop_free(w.loop);
	return 0;
}
