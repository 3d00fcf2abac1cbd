#include "tests/support/api_world.h"
#include "apiserver/server_internal.h"
#include "common/base/rng.h"

#include <stdio.h>

static void seeded_random(void *ctx, void *buf, size_t n)
{
	struct rng r = { *(uint64_t *)ctx };
	for (size_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = (uint8_t)rng_next(&r);
	*(uint64_t *)ctx = r.state;
}

static void begin(struct api_world *w, struct store_backend *backend, uint64_t seed,
		  const struct server_options *more);

void api_world_init(struct api_world *w, uint64_t seed)
{
	api_world_init_with(w, seed, &(struct server_options){ 0 });
}

void api_world_init_with(struct api_world *w, uint64_t seed, const struct server_options *more)
{
	struct loop *loop = loop_sim_new(seed, 1790000000000000);
	struct store_backend *backend = store_memory_new(loop);
	*w = (struct api_world){ .rng = seed, .loop = loop };
	w->etcd = memory_etcd_ref(store_memory_etcd(backend));
	begin(w, backend, seed, more);
}

void api_world_join(struct api_world *w, uint64_t seed, const struct server_options *more,
		    const struct api_world *first)
{
	*w = (struct api_world){ .rng = seed, .loop = first->loop, .is_guest = true };
	w->etcd = memory_etcd_ref(first->etcd);
	begin(w, store_memory_on(first->etcd), seed, more);
}

static void begin(struct api_world *w, struct store_backend *backend, uint64_t seed,
		  const struct server_options *more)
{
	w->backend = backend;
	w->store =
		store_new(w->loop, backend,
			  &(struct store_options){ .cluster_id = "abc123", .schema_revision = 1 });
	struct server_options options = *more;
	options.cluster_id = "abc123";
	options.service_cidr = "10.96.0.0/16";
	if (!options.advertise_address)
		options.advertise_address = "10.0.0.1";
	if (!options.advertise_port)
		options.advertise_port = 6443;
	options.random = seeded_random;
	options.random_ctx = &w->rng;
	struct error err;
	if (server_new(w->loop, w->store, &options, &w->server, &err) < 0) {
		fprintf(stderr, "no server: %s\n", err.text);
		abort();
	}
	w->admin = sim_transport_new(
		w->loop, seed, &(struct sim_peer){ .cn = "skiff-admin", .org = "system:masters" },
		server_handle, w->server, NULL);
	w->other = sim_transport_new(w->loop, seed, &(struct sim_peer){ .cn = NULL }, server_handle,
				     w->server, NULL);
	loop_sim_run_until(w->loop, loop_now_ms(w->loop) + 2000);
}

void api_world_fini(struct api_world *w)
{
	/* What the server asks itself has its answer first. */
	while (w->server && w->server->own_under_way && loop_sim_step(w->loop))
		if (!w->server->own_under_way) /* what was answered is freed in the same moment */
			loop_sim_run_until(w->loop, loop_now_ms(w->loop));
	http_transport_free(w->admin);
	http_transport_free(w->other);
	store_free(w->store);
	server_free(w->server);
	memory_etcd_unref(w->etcd);
	if (w->is_guest)
		return;
	loop_sim_run_until(w->loop, loop_now_ms(w->loop)); /* what it said at its end arrives */
	loop_free(w->loop);
}

struct waiting {
	struct api_answer *answer;
	bool is_done;
};

static void head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct api_answer *a = ((struct waiting *)ctx)->answer;
	a->status = status;
	for (size_t i = 0; i < n; i++)
		str_addf(&a->headers, "%s: %s\n", headers[i].name, headers[i].value);
}

static void data(void *ctx, const char *bytes, size_t n)
{
	str_add_bytes(&((struct waiting *)ctx)->answer->body, bytes, n);
}

static void done(void *ctx, const struct error *err)
{
	struct waiting *w = ctx;
	if (err)
		w->answer->status = 0;
	w->is_done = true;
}

static const struct http_events events = { head, data, done };

void api_answer_fini(struct api_answer *a)
{
	str_fini(&a->body);
	str_fini(&a->headers);
}

void api_world_call(struct api_world *w, struct http_transport *as, const char *method,
		    const char *target, const char *content_type, const char *accept,
		    const char *body, int64_t run_ms, struct api_answer *ret)
{
	api_world_send(w, as, method, target, content_type, accept, body, body ? strlen(body) : 0,
		       run_ms, ret);
}

void api_world_send(struct api_world *w, struct http_transport *as, const char *method,
		    const char *target, const char *content_type, const char *accept,
		    const void *body, size_t len, int64_t run_ms, struct api_answer *ret)
{
	*ret = (struct api_answer){ 0 };
	str_init(&ret->body, 64 << 20);
	str_init(&ret->headers, 1 << 20);
	struct http_header headers[2 + API_WORLD_EXTRA_MAX];
	size_t n = 0;
	for (size_t i = 0; i < w->extra_count; i++)
		headers[n++] = w->extra[i];
	if (content_type)
		headers[n++] = (struct http_header){ "Content-Type", content_type };
	if (accept)
		headers[n++] = (struct http_header){ "Accept", accept };
	struct http_request q = { .method = method,
				  .target = target,
				  .headers = headers,
				  .headers_count = n,
				  .body = body,
				  .body_len = len };
	struct waiting wait = { .answer = ret };
	struct http_call *call = http_start(as, &q, &events, &wait);
	int64_t until = loop_now_ms(w->loop) + run_ms;
	while (!wait.is_done && loop_now_ms(w->loop) < until)
		if (!loop_sim_run_until(w->loop, MIN(loop_now_ms(w->loop) + 10, until)))
			break;
	if (!wait.is_done)
		http_cancel(as, call);
	loop_sim_run_until(w->loop, loop_now_ms(w->loop));
}

/* ---- without waiting ---- */

static void pending_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	(void)headers, (void)n;
	((struct api_pending *)ctx)->status = status;
}

static void pending_data(void *ctx, const char *bytes, size_t n)
{
	(void)ctx, (void)bytes, (void)n; /* the status is enough */
}

static void pending_done(void *ctx, const struct error *err)
{
	(void)err; /* it is no answer then */
	((struct api_pending *)ctx)->is_done = true;
}

void api_world_ask(struct api_world *w, const char *method, const char *target, const char *body,
		   struct api_pending *ret)
{
	static const struct http_events pending = { pending_head, pending_data, pending_done };
	const struct http_header type = { "Content-Type", "application/json" };
	const struct http_request r = { .method = method,
					.target = target,
					.headers = &type,
					.headers_count = body ? 1 : 0,
					.body = body,
					.body_len = body ? strlen(body) : 0 };
	*ret = (struct api_pending){ 0 };
	(void)http_start(w->admin, &r, &pending, ret);
}
