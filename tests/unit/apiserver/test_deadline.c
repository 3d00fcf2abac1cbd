/* Who waits too long hears 504 in the original's bytes; what was begun goes on to its end. */
#include "apiserver/server_internal.h"
#include "apiserver/store_internal.h"
#include "tests/support/api_world.h"
#include "tests/support/check.h"

#define CMS "/api/v1/namespaces/default/configmaps"
#define LATE                                                                                       \
	"{\"metadata\":{},\"status\":\"Failure\",\"message\":\"Timeout: request did not complete " \
	"within the allotted timeout\",\"reason\":\"Timeout\",\"details\":{},\"code\":504}\n"
#define SLOW_MS 5000 /* each way to etcd */

struct row {
	const char *method, *target, *accept, *body;
	int64_t after_ms; /* when it hears so; -1: it is answered, and well */
};

/* A probe takes ten seconds, a write as well. */
static const struct row rows[] = {
	{ "GET", CMS "?timeout=1s", 0, 0, 1000 },
	{ "GET", CMS "?timeout=1s&resourceVersion=0", 0, 0, -1 },
	{ "GET", CMS "?timeout=30s", 0, 0, -1 },
	{ "GET", CMS "?timeout=1ns", 0, 0, 1 },
	{ "GET", CMS "/old?timeout=1500ms", "application/vnd.kubernetes.protobuf", 0, 1500 },
	{ "GET", CMS "/old?timeout=2s", "application/yaml", 0, 2000 },
	{ "POST", CMS "?timeout=1s", 0, "{\"metadata\":{\"name\":\"made\"}}", 1000 },
	{ "GET", CMS "/made", 0, 0, -1 }, /* it was made all the same */
	{ "PUT", CMS "/old?timeout=1s", 0,
	  "{\"metadata\":{\"name\":\"old\"},\"data\":{\"a\":\"b\"}}", 1000 },
	{ "PATCH", CMS "/old?timeout=1s", 0, "{\"data\":{\"c\":\"d\"}}", 1000 },
	{ "PATCH", CMS "/old?timeout=1s&fieldManager=m", 0,
	  "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"old\"},"
	  "\"data\":{\"c\":\"d\"}}",
	  1000 },
	{ "DELETE", CMS "/made?timeout=1s", 0, 0, 1000 },
	{ "DELETE", CMS "?timeout=1s", 0, 0, 1000 },
	{ "POST", "/api/v1/namespaces/default/pods?timeout=1s", 0,
	  "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
	  "\"i\"}]}}",
	  1000 },
	{ "DELETE", "/api/v1/namespaces/default/pods/p?timeout=1s", 0, 0, 1000 },
	{ "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews?timeout=1s", 0,
	  "{\"spec\":{\"nonResourceAttributes\":{\"path\":\"/x\",\"verb\":\"get\"}}}", 1000 },
};

static void quick(struct api_world *w, const char *method, const char *target, const char *body)
{
	struct api_answer a;
	api_world_call(w, w->admin, method, target, NULL, NULL, body, 60000, &a);
	CHECK(a.status < 300 && a.status > 0);
	api_answer_fini(&a);
}

static void run_row(struct api_world *w, const struct row *row)
{
	struct api_answer a;
	int64_t begun_ms = loop_now_ms(w->loop);
	const char *type = strstr(row->target, "fieldManager") ? "application/apply-patch+yaml"
			   : streq(row->method, "PATCH")       ? "application/merge-patch+json"
							       : NULL;
	api_world_call(w, w->admin, row->method, row->target, type, row->accept, row->body, 100000,
		       &a);
	int64_t took_ms = loop_now_ms(w->loop) - begun_ms;
	bool is_late = a.status == 504 && streq(a.body.data, LATE) &&
		       strstr(a.headers.data, "Content-Type: text/plain; charset=utf-8\n") &&
		       took_ms >= row->after_ms && took_ms <= row->after_ms + 50;
	bool is_as_said = row->after_ms < 0 ? a.status < 300 && a.status > 0 : is_late;
	if (!is_as_said)
		printf("%s %s: %d after %lld ms: %s\n", row->method, row->target, a.status,
		       (long long)took_ms, a.body.data ? a.body.data : "");
	CHECK(is_as_said);
	api_answer_fini(&a);
	/* What goes on comes to its end. */
	loop_sim_run_until(w->loop, loop_now_ms(w->loop) + 20 * SLOW_MS);
	CHECK_INT(w->server->in_flight[LANE_USER], 0);
}

static void test_rows(void)
{
	struct api_world w;
	api_world_init(&w, 7);
	quick(&w, "POST", CMS, "{\"metadata\":{\"name\":\"old\"}}");
	memory_etcd_set_delay(w.etcd, SLOW_MS, SLOW_MS, 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		run_row(&w, &rows[i]);
	memory_etcd_set_delay(w.etcd, 0, 0, 1);
	api_world_fini(&w);
}

/* Nobody waits for more than a minute. */
static void test_a_minute(void)
{
	struct api_world w;
	struct api_answer a;
	api_world_init(&w, 8);
	w.store->deadline_ms = 300000;
	memory_etcd_set_delay(w.etcd, 50000, 50000, 1);
	const char *const targets[] = { CMS, CMS "?timeout=0", CMS "?timeout=3h" };
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		int64_t begun_ms = loop_now_ms(w.loop);
		api_world_call(&w, w.admin, "POST", targets[i], NULL, NULL,
			       "{\"metadata\":{\"generateName\":\"x\"}}", 100000, &a);
		CHECK_INT(a.status, 504);
		CHECK_INT((loop_now_ms(w.loop) - begun_ms + 50) / 1000, 60);
		api_answer_fini(&a);
	}
	memory_etcd_set_delay(w.etcd, 0, 0, 1);
	loop_sim_run_until(w.loop, loop_now_ms(w.loop) + 300000);
	api_world_fini(&w);
}

/* ---- while a worker has it, and in what order ---- */

struct asked {
	struct http_exchange x;
	struct request *r;
	int status;
};

static const char *no_header(struct http_exchange *x, const char *name)
{
	(void)x, (void)name;
	return NULL;
}

static void note_status(struct http_exchange *x, int status, const struct http_header *headers,
			size_t headers_count, const void *body, size_t body_len,
			void (*release)(void *ctx), void *release_ctx)
{
	(void)headers, (void)headers_count, (void)body, (void)body_len, (void)release_ctx;
	CHECK(!release);
	CHECK_INT(CONTAINER_OF(x, struct asked, x)->status, 0);
	CONTAINER_OF(x, struct asked, x)->status = status;
}

static const struct http_exchange_ops ops = { .header = no_header, .reply = note_status };

static void ask(struct api_world *w, struct asked *a, int64_t timeout_us)
{
	*a = (struct asked){ .x = { .ops = &ops, .method = "GET", .path = "/", .query = "" } };
	a->r = request_new(w->server, &a->x);
	deadline_set(a->r, timeout_us);
}

static void pass(struct api_world *w, int64_t ms)
{
	loop_sim_run_until(w->loop, loop_now_ms(w->loop) + ms);
}

static void test_worker(void)
{
	struct api_world w;
	struct asked a, b;
	api_world_init(&w, 9);
	ask(&w, &a, 1000000);
	deadline_lend(a.r);
	pass(&w, 2000);
	CHECK_INT(a.status, 0); /* its body is being read */
	deadline_give_back(a.r);
	CHECK_INT(a.status, 504);
	reply_text(a.r, 200, "text/plain", "", 0); /* goes nowhere */
	ask(&w, &b, 1000000);
	deadline_lend(b.r);
	deadline_give_back(b.r); /* in time */
	reply_text(b.r, 200, "text/plain", "", 0);
	pass(&w, 2000);
	CHECK_INT(b.status, 200);
	api_world_fini(&w);
}

static void test_order(void)
{
	struct api_world w;
	struct asked a[5];
	const int64_t timeouts_s[] = { 0, 5, 2, 9, 2 };
	api_world_init(&w, 10);
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		ask(&w, &a[i], timeouts_s[i] * 1000000);
	reply_text(a[4].r, 200, "text/plain", "", 0);
	for (int64_t s = 1; s <= 70; s++) {
		pass(&w, 1000);
		for (size_t i = 0; i < 4; i++) {
			bool is_over = s >= (timeouts_s[i] ? timeouts_s[i] : 60);
			CHECK_INT(a[i].status, is_over ? 504 : 0);
		}
	}
	CHECK_INT(a[4].status, 200);
	for (size_t i = 0; i < 4; i++)
		reply_text(a[i].r, 200, "text/plain", "", 0);
	api_world_fini(&w);
}

int main(void)
{
	test_rows();
	test_a_minute();
	test_worker();
	test_order();
	return 0;
}
