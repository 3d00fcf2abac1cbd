/*
 * What an answer depends on beside its object: the encoding that is asked for, how large it is,
 * and how much else is under way.
 */
#include "apiserver/server_internal.h"
#include "common/base/jsonx.h"
#include "schemas/wire.h"
#include "tests/support/api_world.h"
#include "tests/support/check.h"

#include <zlib.h>

#define MERGE_PATCH "application/merge-patch+json"
#define NS          "/api/v1/namespaces/default"

static void call(struct api_world *w, const char *method, const char *target, const char *body)
{
	struct api_answer a;
	api_world_call(w, w->admin, method, target, NULL, NULL, body, 20000, &a);
	CHECK(a.status >= 200 && a.status < 300);
	api_answer_fini(&a);
}

#define LARGE_BYTES ((size_t)300 << 10)

static char *large_body(const char *name, char fill)
{
	auto_free char *data = xcalloc(LARGE_BYTES + 1, 1);
	memset(data, fill, LARGE_BYTES);
	return xasprintf("{\"metadata\":{\"name\":\"%s\"},\"data\":{\"k\":\"%s\"}}", name, data);
}

/* ---- protobuf ---- */

#define PROTOBUF "application/vnd.kubernetes.protobuf"

/* The object in the body, decoded by our decoder and printed; *at goes behind it. */
static void decode_at(const char *type, const char *bytes, size_t len, struct str *out)
{
	struct schema_report report = { 0 };
	struct error err = { 0 };
	AUTO_JSON *tree = NULL;
	if (schema_decode(schema_type_by_name(type), SCHEMA_PROTOBUF, bytes, len, &tree, &report,
			  &err) < 0)
		fprintf(stderr, "%s\n", err.text);
	CHECK(tree != NULL);
	json_print(tree, out);
	schema_report_fini(&report);
}

/* Frames of a watch: four bytes of length, WatchEvent{type=1, object=2{raw=1}}. */
static void decode_frames(const char *type, const struct str *body, struct str *out)
{
	const uint8_t *at = (const uint8_t *)body->data, *end = at + body->len;
	while (at < end) {
		struct error err;
		struct wire_field f;
		CHECK(end - at >= 4);
		size_t n = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
		CHECK(n <= (size_t)(end - at - 4));
		struct wire w = { at + 4, at + 4 + n };
		while (wire_next(&w, &f, &err) > 0) {
			size_t len = (size_t)(f.bytes.end - f.bytes.at);
			if (f.number == 1) {
				str_add_bytes(out, f.bytes.at, len);
				str_add(out, " ");
			} else {
				CHECK_INT(f.number, 2);
				struct wire inside = f.bytes;
				CHECK_INT(wire_next(&inside, &f, &err), 1);
				decode_at(type, (const char *)f.bytes.at,
					  (size_t)(f.bytes.end - f.bytes.at), out);
				str_add(out, "\n");
			}
		}
		at += 4 + n;
	}
}

static void test_protobuf(void)
{
	static const struct {
		const char *name, *target, *accept, *type, *has; /* type NULL: JSON comes */
	} gets[] = {
		{ "one", NS "/configmaps/a", PROTOBUF, "core.v1.ConfigMap", "\"k\":\"v\"" },
		{ "first of both", NS "/configmaps/a", PROTOBUF ",application/json",
		  "core.v1.ConfigMap", "\"name\":\"a\"" },
		{ "the better of both", NS "/configmaps/a", PROTOBUF ";q=0.5,application/json",
		  NULL, "\"k\":\"v\"" },
		{ "not at all", NS "/configmaps/a", PROTOBUF ";q=0,*/*;q=0.1", NULL,
		  "\"k\":\"v\"" },
		{ "a list", NS "/configmaps", PROTOBUF, "core.v1.ConfigMapList", "\"name\":\"a\"" },
		{ "a large list", "/api/v1/namespaces/kube-public/configmaps", PROTOBUF,
		  "core.v1.ConfigMapList", "\"name\":\"large-9\"" },
		{ "an empty list", NS "/secrets", PROTOBUF, "core.v1.SecretList",
		  "\"resourceVersion\":\"" },
		{ "metadata alone", NS "/configmaps/a",
		  PROTOBUF ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1", "core.v1.ConfigMap",
		  "\"name\":\"a\"" },
		{ "a list of those", NS "/configmaps",
		  PROTOBUF ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
		  "core.v1.ConfigMapList", "\"name\":\"a\"" },
		{ "a Table has none", NS "/configmaps",
		  PROTOBUF ";as=Table;g=meta.k8s.io;v=v1,application/json", NULL,
		  "\"kind\":\"ConfigMapList\"" },
		{ "a failure", NS "/configmaps/none", PROTOBUF, "apis.meta.v1.Status",
		  "configmaps \\\"none\\\" not found" },
	};
	struct api_world w;
	struct api_answer a;
	api_world_init(&w, 7);
	call(&w, "POST", NS "/configmaps",
	     "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}");
	for (int i = 0; i < 10; i++) {
		char name[20];
		CHECK(snprintf(name, sizeof name, "large-%d", i) > 0);
		auto_free char *body = large_body(name, 'x');
		call(&w, "POST", "/api/v1/namespaces/kube-public/configmaps", body);
	}
	for (size_t i = 0; i < ARRAY_LEN(gets); i++) {
		AUTO_STR text;
		str_init(&text, 64u << 20);
		api_world_call(&w, w.admin, "GET", gets[i].target, NULL, gets[i].accept, NULL,
			       20000, &a);
		CHECK(strstr(a.headers.data, gets[i].type ? "Content-Type: " PROTOBUF "\n"
							  : "Content-Type: application/json\n"));
		if (gets[i].type)
			decode_at(gets[i].type, a.body.data, a.body.len, &text);
		else
			str_add(&text, a.body.data);
		if (!strstr(text.data, gets[i].has)) {
			fprintf(stderr, "%s: %.500s\n", gets[i].name, text.data);
			exit(1);
		}
		api_answer_fini(&a);
	}
	AUTO_STR text;
	str_init(&text, 1u << 20);
	api_world_call(&w, w.admin, "GET",
		       NS "/configmaps?watch=1&sendInitialEvents=true&resourceVersionMatch="
			  "NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=5",
		       NULL, PROTOBUF ",application/json", NULL, 20000, &a);
	CHECK(strstr(a.headers.data, "Content-Type: " PROTOBUF ";stream=watch\n"));
	decode_frames("core.v1.ConfigMap", &a.body, &text);
	CHECK(starts_with(text.data, "ADDED {") && strstr(text.data, "\"k\":\"v\""));
	CHECK(strstr(text.data, "\nBOOKMARK {") && strstr(text.data, "events-end"));
	api_answer_fini(&a);
	api_world_fini(&w);
}

/* ---- gzip ---- */

static void unpack(const struct str *from, struct str *to)
{
	z_stream z = { .next_in = (uint8_t *)from->data, .avail_in = (unsigned)from->len };
	CHECK_INT(inflateInit2(&z, 15 + 16), Z_OK);
	int code = Z_OK;
	while (code == Z_OK) {
		char *room = str_reserve(to, 65536);
		CHECK(room != NULL);
		z.next_out = (uint8_t *)room;
		z.avail_out = 65536;
		code = inflate(&z, Z_NO_FLUSH);
		str_grew(to, 65536 - z.avail_out);
	}
	CHECK_INT(code, Z_STREAM_END);
	CHECK_INT(z.avail_in, 0);
	inflateEnd(&z);
}

/* With gzip the same bytes come as without. */
static void test_gzip(void)
{
	static const struct {
		const char *target, *accept, *encoding;
		bool is_packed;
	} gets[] = {
		{ NS "/configmaps/large-1", NULL, "gzip", true },
		{ NS "/configmaps/large-1", NULL, "deflate, gzip;q=0.5, br", true },
		{ NS "/configmaps/large-1", NULL, "gzip;q=0", false },
		{ NS "/configmaps/large-1", NULL, "identity", false },
		{ NS "/configmaps/small", NULL, "gzip", false },
		{ NS "/configmaps/large-1", PROTOBUF, "gzip", true },
		{ NS "/configmaps", NULL, "gzip", true },
		{ NS "/configmaps", PROTOBUF, "gzip", true },
		{ NS "/configmaps?pretty=true", NULL, "gzip", true },
		{ NS "/configmaps?limit=2", NULL, "gzip", true },
		{ NS "/secrets", NULL, "gzip", false },
		{ NS "/configmaps?watch=1&timeoutSeconds=1", NULL, "gzip", false },
	};
	struct api_world w;
	struct api_answer plain, a;
	api_world_init(&w, 8);
	call(&w, "POST", NS "/configmaps", "{\"metadata\":{\"name\":\"small\"}}");
	for (int i = 0; i < 5; i++) {
		char name[20];
		CHECK(snprintf(name, sizeof name, "large-%d", i) > 0);
		auto_free char *body = large_body(name, 'x');
		call(&w, "POST", NS "/configmaps", body);
	}
	for (size_t i = 0; i < ARRAY_LEN(gets); i++) {
		AUTO_STR text;
		str_init(&text, 64u << 20);
		w.extra_count = 0;
		api_world_call(&w, w.admin, "GET", gets[i].target, NULL, gets[i].accept, NULL,
			       20000, &plain);
		w.extra[0] = (struct http_header){ "Accept-Encoding", gets[i].encoding };
		w.extra_count = 1;
		api_world_call(&w, w.admin, "GET", gets[i].target, NULL, gets[i].accept, NULL,
			       20000, &a);
		CHECK_INT(a.status, 200);
		bool says_so = strstr(a.headers.data, "Content-Encoding: gzip\n") &&
			       strstr(a.headers.data, "Vary: Accept-Encoding\n");
		CHECK_INT(says_so, gets[i].is_packed);
		if (gets[i].is_packed)
			unpack(&a.body, &text);
		else
			str_add_bytes(&text, a.body.data, a.body.len);
		CHECK_INT(text.len, plain.body.len);
		CHECK(memcmp(text.data, plain.body.data, text.len) == 0);
		CHECK(!gets[i].is_packed || a.body.len < plain.body.len / 10);
		api_answer_fini(&a);
		api_answer_fini(&plain);
	}
	api_world_fini(&w);
}

/* A megabyte that packs badly comes piece by piece, and is the same. */
static void test_gzip_in_pieces(void)
{
	static const char *const accepts[] = { NULL,
					       "application/json;as=Table;v=v1;g=meta.k8s.io" };
	static const char *const target = NS "/configmaps?includeObject=Object";
	struct api_world w;
	struct api_answer plain, a;
	struct rng random = { 3 };
	api_world_init(&w, 9);
	for (int i = 0; i < 40; i++) {
		AUTO_STR body;
		str_init(&body, 64u << 10);
		str_addf(&body, "{\"metadata\":{\"name\":\"noise-%d\"},\"data\":{\"k\":\"", i);
		for (int k = 0; k < 2000; k++)
			str_addf(&body, "%016llx", (unsigned long long)rng_next(&random));
		str_add(&body, "\"}}");
		call(&w, "POST", NS "/configmaps", body.data);
	}
	for (size_t i = 0; i < ARRAY_LEN(accepts); i++) {
		AUTO_STR text;
		str_init(&text, 64u << 20);
		w.extra_count = 0;
		api_world_call(&w, w.admin, "GET", target, NULL, accepts[i], NULL, 20000, &plain);
		w.extra[0] = (struct http_header){ "Accept-Encoding", "gzip" };
		w.extra_count = 1;
		api_world_call(&w, w.admin, "GET", target, NULL, accepts[i], NULL, 20000, &a);
		CHECK(strstr(a.headers.data, "Content-Encoding: gzip\n"));
		CHECK(strstr(a.headers.data, "Vary: Accept-Encoding\n"));
		CHECK(a.body.len > 500000);
		unpack(&a.body, &text);
		CHECK_INT(text.len, plain.body.len);
		CHECK(memcmp(text.data, plain.body.data, text.len) == 0);
		api_answer_fini(&a);
		api_answer_fini(&plain);
	}
	api_world_fini(&w);
}

/* Questions come in every encoding, as objects do. */
static void test_review_in_yaml(void)
{
	struct api_world w;
	struct api_answer a;
	api_world_init(&w, 9);
	api_world_call(&w, w.admin, "POST",
		       "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "application/yaml",
		       PROTOBUF, "spec: {nonResourceAttributes: {verb: get, path: /x}}\n", 20000,
		       &a);
	CHECK_INT(a.status, 201);
	AUTO_STR text;
	str_init(&text, 65536);
	decode_at("authorization.v1.SelfSubjectAccessReview", a.body.data, a.body.len, &text);
	CHECK(strstr(text.data, "\"allowed\":true"));
	api_answer_fini(&a);
	api_world_fini(&w);
}

/* ---- too many at once ---- */

struct burst {
	int status[8];
	char retry[16];
};

struct burst_call {
	struct burst *burst;
	size_t i;
};

static void burst_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct burst_call *c = ctx;
	c->burst->status[c->i] = status;
	for (size_t i = 0; i < n; i++)
		if (streq(headers[i].name, "Retry-After"))
			CHECK(snprintf(c->burst->retry, sizeof c->burst->retry, "%s",
				       headers[i].value) > 0);
}

static void burst_data(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	(void)bytes;
	(void)n;
}

static void burst_done(void *ctx, const struct error *err)
{
	CHECK(err == NULL);
	free(ctx);
}

/* Two users' requests wait for the store: a third is sent away, a lease is not. */
static void test_lanes(void)
{
	static const struct http_events burst_events = { burst_head, burst_data, burst_done };
	static const struct {
		const char *target, *body;
		bool is_user;
	} calls[] = {
		{ NS "/configmaps", "{\"metadata\":{\"name\":\"a\"}}", true },
		{ NS "/configmaps", "{\"metadata\":{\"name\":\"b\"}}", true },
		{ NS "/configmaps", "{\"metadata\":{\"name\":\"c\"}}", true },
		{ "/apis/coordination.k8s.io/v1/namespaces/default/leases",
		  "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"holderIdentity\":\"x\"}}", false },
	};
	struct burst b = { 0 };
	struct api_world w;
	struct api_answer a;
	api_world_init(&w, 4);
	w.server->options.in_flight_max = 2;
	memory_etcd_set_delay(w.etcd, 100, 100, 1); /* longer than all take to arrive */
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		struct http_request q = { .method = "POST",
					  .target = calls[i].target,
					  .body = calls[i].body,
					  .body_len = strlen(calls[i].body) };
		struct burst_call *c = xcalloc(1, sizeof *c);
		*c = (struct burst_call){ &b, i };
		http_start(w.admin, &q, &burst_events, c);
	}
	loop_sim_run_until(w.loop, loop_now_ms(w.loop) + 1000);
	/* They arrive in any order. */
	int refused = 0;
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		refused += b.status[i] == 429 && calls[i].is_user;
		CHECK(b.status[i] == 201 || calls[i].is_user);
	}
	CHECK_INT(refused, 1);
	CHECK_TEXT("Retry-After", b.retry, "1");
	api_world_call(&w, w.admin, "GET", "/metrics", NULL, NULL, NULL, 20000, &a);
	CHECK(strstr(a.body.data, "skiff_requests_refused_total{lane=\"user\"} 1\n"));
	CHECK(strstr(a.body.data, "skiff_requests_refused_total{lane=\"system\"} 0\n"));
	CHECK(strstr(a.body.data, "apiserver_current_inflight_requests{lane=\"user\"} 0\n"));
	api_answer_fini(&a);
	api_world_fini(&w);
}

/* ---- large bodies: computed on workers, with the same results ---- */

static void expect(struct api_world *w, const char *method, const char *target, const char *type,
		   const char *body, int status, const char *has)
{
	struct api_answer a;
	api_world_call(w, w->admin, method, target, type, NULL, body, 20000, &a);
	CHECK_INT(a.status, status);
	CHECK(strstr(a.body.data, has));
	api_answer_fini(&a);
}

static void test_large(void)
{
	struct api_world w;
	auto_free char *a = large_body("large", 'a');
	auto_free char *b = large_body("large", 'b');
	auto_free char *unknown = xasprintf("{\"nonsense\":1,%s", a + 1);
	auto_free char *cut = xstrndup(a, strlen(a) - 2);
	api_world_init(&w, 5);
	expect(&w, "POST", NS "/configmaps", NULL, a, 201, "aaaa");
	CHECK(w.server->works_total >= 3);
	expect(&w, "POST", NS "/configmaps", NULL, a, 409, "already exists");
	expect(&w, "POST", NS "/configmaps", NULL, cut, 400,
	       "is unrecognized (must be of type ConfigMap)");
	expect(&w, "PUT", NS "/configmaps/large", NULL, b, 200, "bbbb");
	expect(&w, "PUT", NS "/configmaps/large", NULL, b, 200, "bbbb"); /* no change */
	expect(&w, "PUT", NS "/configmaps/large?fieldValidation=Strict", NULL, unknown, 400,
	       "unknown field \\\"nonsense\\\"");
	uint64_t before = w.server->works_total;
	expect(&w, "PATCH", NS "/configmaps/large", MERGE_PATCH, "{\"data\":{\"small\":\"1\"}}",
	       200, "\"small\":\"1\"");
	CHECK(w.server->works_total > before); /* the object is large, not the patch */
	expect(&w, "PATCH", NS "/configmaps/large", MERGE_PATCH, "{\"data\":{\"k\":null}}", 200,
	       "\"small\":\"1\"");
	before = w.server->works_total;
	expect(&w, "GET", NS "/configmaps/large", NULL, NULL, 200, "\"data\":{\"small\":\"1\"}");
	expect(&w, "PATCH", NS "/configmaps/large", MERGE_PATCH, "{\"data\":{\"t\":\"2\"}}", 200,
	       "");
	CHECK_INT(w.server->works_total, before);
	expect(&w, "PUT", NS "/configmaps/large", NULL, b, 200, "bbbb");
	struct api_answer large;
	api_world_call(&w, w.admin, "GET", NS "/configmaps/large", NULL, NULL, NULL, 20000, &large);
	const char *version = strstr(large.body.data, "\"resourceVersion\":\"");
	CHECK(version != NULL);
	unsigned long long before_end =
		strtoull(version + strlen("\"resourceVersion\":\""), NULL, 10);
	api_answer_fini(&large);
	/* By somebody else: no write of ours has made its last state. */
	memory_etcd_write(w.etcd, (const char *[]){ "o/core/configmaps/default/large" },
			  (const char *[]){ NULL }, 1);
	/* A watcher is told of the end at the end's version. */
	auto_free char *watch = xasprintf(
		NS "/configmaps?watch=1&timeoutSeconds=1&resourceVersion=%llu", before_end);
	api_world_call(&w, w.admin, "GET", watch, NULL, NULL, NULL, 20000, &large);
	const char *end = strstr(large.body.data, "{\"type\":\"DELETED\"");
	version = end ? strstr(end, "\"resourceVersion\":\"") : NULL;
	CHECK(version && strstr(end, "bbbb"));
	CHECK(strtoull(version + strlen("\"resourceVersion\":\""), NULL, 10) > before_end);
	api_answer_fini(&large);
	expect(&w, "POST", NS "/configmaps", NULL, a, 201, "aaaa");
	expect(&w, "DELETE", NS "/configmaps/large", NULL, NULL, 200, "");
	api_world_fini(&w);
}

/* The server goes while a worker computes: whoever waits hears so, and nothing is lost. */
static void test_large_and_gone(void)
{
	static const struct http_events burst_events = { burst_head, burst_data, burst_done };
	struct api_world w;
	struct burst b = { 0 };
	auto_free char *body = large_body("large", 'a');
	api_world_init(&w, 6);
	struct http_request q = {
		.method = "POST", .target = NS "/configmaps", .body = body, .body_len = strlen(body)
	};
	struct burst_call *c = xcalloc(1, sizeof *c);
	*c = (struct burst_call){ &b, 0 };
	http_start(w.admin, &q, &burst_events, c);
	while (!w.server->works)
		CHECK(loop_sim_step(w.loop));
	server_free(TAKE(w.server));
	for (int i = 0; i < 1000 && !b.status[0]; i++)
		if (!loop_sim_step(w.loop))
			break;
	CHECK_INT(b.status[0], 503);
	api_world_fini(&w);
}

int main(void)
{
	test_protobuf();
	test_gzip();
	test_gzip_in_pieces();
	test_review_in_yaml();
	test_lanes();
	test_large();
	test_large_and_gone();
	return 0;
}
