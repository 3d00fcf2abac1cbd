/*
 * OpenAPI v2: what is accepted, that one rendering serves all who ask, for as long as the kinds stay
 * the same and somebody asks, and that an ETag outlives it.
 */
#include "apiserver/server_internal.h"
#include "tests/support/api_world.h"
#include "tests/support/check.h"

#define V2          "/openapi/v2"
#define JSON        "application/json"
#define PROTOBUF    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
#define PROTOBUF_AT "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
#define DEFINITIONS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define RUN_MS      20000
#define ASKERS      5
#define WORK_MS     10 /* longer than a worker takes */

static const char definition[] =
	"{\"metadata\":{\"name\":\"lamps.example.com\"},\"spec\":{\"group\":\"example.com\","
	"\"scope\":\"Namespaced\",\"names\":{\"plural\":\"lamps\",\"kind\":\"Lamp\"},\"versions\":[{"
	"\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{"
	"\"type\":\"object\"}}}]}}";

/* ---- what is accepted ---- */

static const struct {
	const char *accept;
	const char *type; /* NULL: 406 */
} accepted[] = {
	{ NULL, JSON },
	{ "", JSON },
	{ "*/*", JSON },
	{ "application/*", JSON },
	{ "text/html, *; q=.2", JSON },
	{ "application/json;as=Table", JSON },
	{ PROTOBUF_AT, PROTOBUF },
	{ PROTOBUF, PROTOBUF },
	{ PROTOBUF_AT ", application/json", PROTOBUF },
	{ "*/*, " PROTOBUF, PROTOBUF },
	{ "application/json;q=0.5, " PROTOBUF_AT, PROTOBUF },
	{ PROTOBUF_AT ";q=0.5, application/json;q=0.9", JSON },
	{ PROTOBUF_AT ";q=0, */*;q=0.1", JSON },
	{ "text/*, */*;q=0.1", JSON },
	{ "text/plain", NULL },
	{ "application/yaml", NULL },
	{ "application/jso", NULL },
	{ "application/vnd.kubernetes.protobuf", NULL },
	{ "foo", NULL },
};

static void test_accepted(void)
{
	struct api_world w;
	api_world_init(&w, 1);
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
		struct api_answer a;
		auto_free char *header = xasprintf("Content-Type: %s\n", accepted[i].type);
		api_world_call(&w, w.admin, "GET", V2, NULL, accepted[i].accept, NULL, RUN_MS, &a);
		bool good = accepted[i].type ? a.status == 200 && strstr(a.headers.data, header)
					     : a.status == 406 && a.body.len == 0;
		if (!good)
			fprintf(stderr, "'%s': %d\n%s\n", accepted[i].accept, a.status,
				a.headers.data);
		CHECK(good);
		api_answer_fini(&a);
	}
	api_world_fini(&w);
}

/* ---- one rendering ---- */

/* Asks, and says how much had to be computed. */
static uint64_t works(struct api_world *w, const char *accept, const char *header,
		      const char *value, struct api_answer *ret)
{
	uint64_t before = w->server->works_total;
	w->extra_count = header != NULL;
	w->extra[0] = (struct http_header){ header, value };
	api_world_call(w, w->admin, "GET", V2, NULL, accept, NULL, RUN_MS, ret);
	w->extra_count = 0;
	return w->server->works_total - before;
}

static char *etag_of(const struct api_answer *a)
{
	const char *at = strstr(a->headers.data, "ETag: ");
	CHECK(at);
	return xstrndup(at + 6, strcspn(at + 6, "\n"));
}

/* The same answer, and how much was computed for it. */
static void expect(struct api_world *w, const char *accept, const char *header, const char *value,
		   uint64_t computed, int status, const char *etag)
{
	struct api_answer a;
	CHECK_INT(works(w, accept, header, value, &a), computed);
	CHECK_INT(a.status, status);
	auto_free char *now = etag_of(&a);
	CHECK_TEXT("ETag", now, etag);
	CHECK_INT(a.body.len > 0, status == 200);
	api_answer_fini(&a);
}

static char *first_etag(struct api_world *w, const char *accept)
{
	struct api_answer a;
	CHECK_INT(works(w, accept, NULL, NULL, &a), 1);
	CHECK_INT(a.status, 200);
	CHECK(strstr(a.headers.data, "Vary: Accept\n"));
	char *etag = etag_of(&a);
	api_answer_fini(&a);
	return etag;
}

static void test_shared(void)
{
	struct api_world w;
	struct api_answer packed;
	api_world_init(&w, 2);
	auto_free char *etag = first_etag(&w, JSON);
	expect(&w, JSON, NULL, NULL, 0, 200, etag);
	expect(&w, JSON, "If-None-Match", etag, 0, 304, etag);
	auto_free char *other = first_etag(&w, PROTOBUF);
	expect(&w, PROTOBUF_AT, NULL, NULL, 0, 200, other);
	expect(&w, PROTOBUF, "If-None-Match", other, 0, 304, other);

	CHECK_INT(works(&w, JSON, "Accept-Encoding", "gzip", &packed), 1);
	CHECK(strstr(packed.headers.data, "Content-Encoding: gzip\n"));
	CHECK(memcmp(packed.body.data, "\x1f\x8b", 2) == 0);
	api_answer_fini(&packed);
	expect(&w, JSON, "Accept-Encoding", "gzip", 0, 200, etag);

	/* A minute after the last one the bytes are gone, the ETag is not. */
	(void)loop_sim_run_until(w.loop, loop_now_ms(w.loop) + 61000);
	expect(&w, JSON, "If-None-Match", etag, 0, 304, etag);
	expect(&w, JSON, NULL, NULL, 1, 200, etag);
	expect(&w, JSON, "If-None-Match", "\"0\"", 0, 200, etag);
	api_world_fini(&w);
}

static void test_changes(void)
{
	struct api_world w;
	struct api_answer a, b;
	api_world_init(&w, 3);
	auto_free char *etag = first_etag(&w, JSON);
	api_world_call(&w, w.admin, "POST", DEFINITIONS, JSON, NULL, definition, RUN_MS, &a);
	CHECK_INT(a.status, 201);
	api_answer_fini(&a);
	CHECK_INT(works(&w, JSON, "If-None-Match", etag, &b), 1);
	CHECK_INT(b.status, 200);
	CHECK(strstr(b.body.data, "com.example.v1.LampList"));
	CHECK(strstr(b.body.data, "listExampleComV1LampForAllNamespaces"));
	api_answer_fini(&b);
	api_world_fini(&w);
}

/* ---- many at once ---- */

struct asker {
	int status;
	size_t len;
	bool is_done, has_lamps;
};

static void head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct asker *a = ctx;
	(void)headers;
	(void)n;
	a->status = status;
}

static void data(void *ctx, const char *bytes, size_t n)
{
	struct asker *a = ctx;
	a->len += n;
	a->has_lamps |= memmem(bytes, n, "com.example.v1.Lamp", 19) != NULL;
}

static void done(void *ctx, const struct error *err)
{
	struct asker *a = ctx;
	(void)err;
	a->is_done = true;
}

static void ask(struct api_world *w, const char *method, const char *target, const char *body,
		struct asker *a)
{
	static const struct http_events events = { .head = head, .data = data, .done = done };
	const struct http_header type = { "Content-Type", JSON };
	const struct http_request r = { .method = method,
					.target = target,
					.headers = &type,
					.headers_count = 1,
					.body = body,
					.body_len = body ? strlen(body) : 0 };
	*a = (struct asker){ 0 };
	(void)http_start(w->admin, &r, &events, a);
}

static void wait_for(struct api_world *w, const struct asker *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		while (!a[i].is_done)
			CHECK(loop_sim_step(w->loop));
}

static void test_many(void)
{
	struct api_world w;
	struct asker a[ASKERS], change, later;
	api_world_init(&w, 4);
	free(first_etag(&w, PROTOBUF)); /* the server serves */
	uint64_t before = w.server->works_total;
	for (size_t i = 0; i < ASKERS; i++)
		ask(&w, "GET", V2, NULL, &a[i]);
	wait_for(&w, a, ASKERS);
	for (size_t i = 0; i < ASKERS; i++) {
		CHECK_INT(a[i].status, 200);
		CHECK_INT(a[i].len, a[0].len);
	}
	CHECK_INT(w.server->works_total - before, 1);
	/* Who asks after a change sees it, whatever is being rendered. */
	ask(&w, "POST", DEFINITIONS, definition, &change);
	for (size_t i = 0; i < ASKERS; i++)
		ask(&w, "GET", V2, NULL, &a[i]);
	wait_for(&w, &change, 1);
	CHECK_INT(change.status, 201);
	ask(&w, "GET", "/apis/example.com/v1/lamps", NULL, &change);
	wait_for(&w, &change, 1);
	CHECK_INT(change.status, 200);
	ask(&w, "GET", V2, NULL, &later);
	wait_for(&w, &later, 1);
	CHECK(later.has_lamps);
	wait_for(&w, a, ASKERS);
	api_world_fini(&w);
}

/* One of two servers goes while it renders: everybody hears of it. */
static void test_gone(void)
{
	struct api_world stays, w;
	struct asker a[ASKERS], other;
	api_world_init(&stays, 5);
	api_world_join(&w, 6, &(struct server_options){ 0 }, &stays);
	free(first_etag(&w, PROTOBUF));
	uint64_t before = w.server->works_total;
	for (size_t i = 0; i < ASKERS; i++)
		ask(&w, "GET", V2, NULL, &a[i]);
	while (w.server->works_total == before)
		CHECK(loop_sim_step(w.loop));
	api_world_fini(&w);
	ask(&stays, "GET", V2, NULL, &other);
	wait_for(&stays, &other, 1);
	CHECK_INT(other.status, 200);
	/* The other's answer may be there first: a worker ends what it began, after its server. */
	(void)loop_sim_run_until(stays.loop, loop_now_ms(stays.loop) + WORK_MS);
	for (size_t i = 0; i < ASKERS; i++)
		CHECK_INT(a[i].status == 200, 0);
	api_world_fini(&stays);
}

int main(void)
{
	test_accepted();
	test_shared();
	test_changes();
	test_many();
	test_gone();
	return 0;
}
