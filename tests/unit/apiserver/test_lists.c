/*
 * Long lists: what workers make ahead of the client is what the pages of it say, in any encoding; what
 * selects little is looked for over several turns; whoever comes too late is told so, and how to go on.
 */
#include "apiserver/render.h"
#include "apiserver/server_internal.h"
#include "common/base/jsonx.h"
#include "tests/support/api_world.h"
#include "tests/support/check.h"

#define MAPS     "/api/v1/namespaces/default/configmaps"
#define TABLE    "application/json;as=Table;g=meta.k8s.io;v=v1"
#define PARTIAL  "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
#define PROTOBUF "application/vnd.kubernetes.protobuf"
#define COUNT    1500 /* several pieces, of everything */
#define PAGE     20   /* answered on the loop */
#define BODY_MAX ((size_t)64 << 20)
#define BATCH    50
#define ONE_MORE "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}"

/* As the store has them, in key order; of three one is odd, of a hundred one is rare. */
static void fill(struct api_world *w, size_t count)
{
	for (size_t i = 0; i < count; i += BATCH) {
		char *keys[BATCH], *values[BATCH];
		for (size_t k = 0; k < BATCH; k++) {
			size_t n = i + k;
			keys[k] = xasprintf("o/core/configmaps/default/m-%05zu", n);
			values[k] = xasprintf(
				"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
				"\"creationTimestamp\":\"2026-01-02T03:04:05Z\",\"labels\":{"
				"\"rare\":\"%s\",\"three\":\"%s\"},\"name\":\"m-%05zu\","
				"\"namespace\":\"default\",\"uid\":\"u-%zu\"},\"data\":{"
				"\"k\":\"%0300zu\"}}",
				n % 100 == 99 ? "yes" : "no", n % 3 == 0 ? "odd" : "even", n, n, n);
		}
		memory_etcd_write(w->etcd, (const char *const *)keys, (const char *const *)values,
				  BATCH);
		for (size_t k = 0; k < BATCH; k++) {
			free(keys[k]);
			free(values[k]);
		}
	}
}

static void get(struct api_world *w, const char *target, const char *accept, struct api_answer *ret)
{
	api_world_call(w, w->admin, "GET", target, NULL, accept, NULL, 60000, ret);
}

static json_t *get_tree(struct api_world *w, const char *target, const char *accept)
{
	struct api_answer a;
	struct error err;
	json_t *tree = NULL;
	get(w, target, accept, &a);
	CHECK_INT(a.status, 200);
	if (json_parse(a.body.data, a.body.len, &tree, &err) < 0)
		CHECK_TEXT(target, err.text, "JSON");
	api_answer_fini(&a);
	return tree;
}

static json_t *items_of(const json_t *list)
{
	json_t *rows = json_object_get(list, "rows");
	return rows ? rows : json_object_get(list, "items");
}

/* The same list, page by page. */
static json_t *get_pages(struct api_world *w, const char *target, const char *accept)
{
	json_t *all = json_array();
	AUTO_STR page;
	str_init(&page, 4096);
	str_addf(&page, "%s%climit=%d", target, strchr(target, '?') ? '&' : '?', PAGE);
	for (;;) {
		AUTO_JSON *list = get_tree(w, page.data, accept);
		json_array_extend(all, items_of(list));
		const char *token = json_str(json_object_get(list, "metadata"), "continue");
		if (!token)
			return all;
		str_clear(&page);
		str_addf(&page, "%s%climit=%d&continue=%s", target, strchr(target, '?') ? '&' : '?',
			 PAGE, token);
	}
}

static const struct {
	const char *name, *target, *accept;
	size_t count;
} rows[] = {
	{ "as it is", MAPS, NULL, COUNT },
	{ "a Table", MAPS, TABLE, COUNT },
	{ "a Table with objects", MAPS "?includeObject=Object", TABLE, COUNT },
	{ "metadata", MAPS, PARTIAL, COUNT },
	{ "a Table of those selected", MAPS "?labelSelector=three%3Deven", TABLE, COUNT / 3 * 2 },
	{ "a Table of few", MAPS "?labelSelector=rare%3Dyes", TABLE, COUNT / 100 },
	{ "a Table of none", MAPS "?labelSelector=three%3Dno", TABLE, 0 },
	{ "few as they are", MAPS "?labelSelector=rare%3Dyes", NULL, COUNT / 100 },
	{ "none of them", MAPS "?labelSelector=three%3Dno", NULL, 0 },
	{ "of all namespaces", "/api/v1/configmaps?labelSelector=three", TABLE, COUNT },
};

static void test_same_as_pages(struct api_world *w)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_JSON *whole = get_tree(w, rows[i].target, rows[i].accept);
		AUTO_JSON *pages = get_pages(w, rows[i].target, rows[i].accept);
		json_t *items = items_of(whole);
		if (json_array_size(items) != rows[i].count || !json_equal(items, pages)) {
			fprintf(stderr, "%s: %zu items, %zu in pages\n", rows[i].name,
				json_array_size(items), json_array_size(pages));
			exit(1);
		}
	}
}

/* Pages that are long themselves, and what is behind them. */
static void test_long_pages(struct api_world *w)
{
	AUTO_JSON *first = get_tree(w, MAPS "?limit=1000", TABLE);
	CHECK_INT(json_array_size(items_of(first)), 1000);
	json_t *metadata = json_object_get(first, "metadata");
	CHECK_INT(json_int_or(metadata, "remainingItemCount", 0), COUNT - 1000);
	auto_free char *target =
		xasprintf(MAPS "?limit=1000&continue=%s", json_str(metadata, "continue"));
	AUTO_JSON *rest = get_tree(w, target, TABLE);
	CHECK_INT(json_array_size(items_of(rest)), COUNT - 1000);
	CHECK(!json_str(json_object_get(rest, "metadata"), "continue"));
	AUTO_JSON *odd = get_tree(w, MAPS "?limit=400&labelSelector=three%3Dodd", TABLE);
	CHECK_INT(json_array_size(items_of(odd)), 400);
	CHECK(json_str(json_object_get(odd, "metadata"), "continue") != NULL);
}

static const struct {
	const char *name, *target, *as;
} messages[] = {
	{ "protobuf", MAPS "?resourceVersion=0", "" },
	{ "selected", MAPS "?resourceVersion=0&labelSelector=three%3Deven", "" },
	{ "metadata", MAPS "?resourceVersion=0",
	  ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1" },
	{ "a long page", MAPS "?limit=700", "" },
};

/* The message says its length before its items are made; twice, for objects remember theirs. */
static void test_protobuf(struct api_world *w)
{
	for (size_t i = 0; i < 2 * ARRAY_LEN(messages); i++) {
		size_t k = i % ARRAY_LEN(messages);
		struct api_answer json, protobuf;
		AUTO_STR want;
		str_init(&want, BODY_MAX);
		auto_free char *json_accept = xasprintf("application/json%s", messages[k].as);
		auto_free char *accept = xasprintf(PROTOBUF "%s", messages[k].as);
		get(w, messages[k].target, json_accept, &json);
		get(w, messages[k].target, accept, &protobuf);
		CHECK(render_protobuf(json.body.data, json.body.len, &want));
		CHECK_INT(protobuf.body.len, want.len);
		CHECK(memcmp(protobuf.body.data, want.data, want.len) == 0);
		api_answer_fini(&json);
		api_answer_fini(&protobuf);
	}
}

static void test_answers(int64_t pace_us)
{
	struct api_world w;
	api_world_init(&w, 11);
	fill(&w, COUNT);
	loop_sim_set_pace(w.loop, pace_us);
	AUTO_JSON *all = get_tree(&w, MAPS, NULL); /* linearizable: the cache has all of it now */
	CHECK_INT(json_array_size(items_of(all)), COUNT);
	test_same_as_pages(&w);
	test_long_pages(&w);
	test_protobuf(&w);
	api_world_fini(&w);
}

/* ---- who leaves in between ---- */

struct leaver {
	struct api_world *w;
	struct http_call *call;
	size_t bytes;
	bool is_over;
};

static void leaver_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	(void)ctx, (void)status, (void)headers, (void)n;
}

static void leaver_data(void *ctx, const char *bytes, size_t n)
{
	struct leaver *l = ctx;
	(void)bytes;
	l->bytes += n;
}

static void leaver_done(void *ctx, const struct error *err)
{
	struct leaver *l = ctx;
	(void)err;
	l->is_over = true;
}

/* After so many steps the client goes, or the server; the rest is for the sanitizers to say. */
static void leave_after(int steps, const char *accept, bool is_server)
{
	static const struct http_events events = { leaver_head, leaver_data, leaver_done };
	struct api_world w;
	api_world_init(&w, 12);
	fill(&w, COUNT);
	json_decref(get_tree(&w, MAPS, NULL));
	struct leaver l = { .w = &w };
	struct http_header header = { "Accept", accept };
	struct http_request q = { .method = "GET",
				  .target = MAPS "?resourceVersion=0",
				  .headers = &header,
				  .headers_count = 1 };
	l.call = http_start(w.admin, &q, &events, &l);
	for (int i = 0; i < steps && !l.is_over; i++)
		CHECK(loop_sim_step(w.loop));
	if (is_server) { /* as it ends: nobody takes bytes any more, workers still compute */
		http_transport_free(TAKE(w.admin));
		server_free(TAKE(w.server));
	} else if (!l.is_over) {
		http_cancel(w.admin, l.call);
	}
	for (int i = 0; i < 200; i++)
		if (!loop_sim_step(w.loop))
			break;
	api_world_fini(&w);
}

static void test_leaving(void)
{
	static const char *const accepts[] = { TABLE, PROTOBUF, "application/json" };
	for (size_t i = 0; i < ARRAY_LEN(accepts); i++)
		for (int steps = 1; steps < 40; steps += 3)
			leave_after(steps, accepts[i], steps % 2 == 0);
}

/* ---- too late ---- */

/* A day later nobody knows the state that a page was of; the answer says how to go on without it. */
static void test_expired(void)
{
	struct api_world w;
	struct api_answer a;
	struct error err;
	api_world_init(&w, 13);
	fill(&w, 100);
	AUTO_JSON *first = get_tree(&w, MAPS "?limit=60", NULL);
	json_t *metadata = json_object_get(first, "metadata");
	auto_free char *next =
		xasprintf(MAPS "?limit=60&continue=%s", json_str(metadata, "continue"));
	const char *version = json_str(metadata, "resourceVersion");
	auto_free char *watch = xasprintf(MAPS "?watch=1&resourceVersion=%s", version);
	auto_free char *exact =
		xasprintf(MAPS "?resourceVersionMatch=Exact&resourceVersion=%s", version);

	/* Three revisions that the watch has not told yet, and the first of them are forgotten. */
	for (int i = 0; i < 3; i++)
		memory_etcd_write(w.etcd, (const char *[]){ "o/core/configmaps/default/a" },
				  (const char *[]){ ONE_MORE }, 1);
	memory_etcd_compact(w.etcd, memory_etcd_revision(w.etcd));
	loop_sim_run_until(w.loop, loop_now_ms(w.loop) + SNAPSHOT_KEEP_MS + 1000);

	get(&w, next, NULL, &a);
	CHECK_INT(a.status, 410);
	AUTO_JSON *status = NULL;
	CHECK_INT(json_parse(a.body.data, a.body.len, &status, &err), 0);
	CHECK_TEXT("reason", json_str(status, "reason"), "Expired");
	auto_free char *rest = xasprintf(MAPS "?limit=60&continue=%s",
					 json_str(json_object_get(status, "metadata"), "continue"));
	api_answer_fini(&a);
	AUTO_JSON *list = get_tree(&w, rest, NULL);
	CHECK_INT(json_array_size(items_of(list)), 40);

	get(&w, exact, NULL, &a);
	CHECK_INT(a.status, 410);
	api_answer_fini(&a);
	get(&w, watch, NULL, &a);
	CHECK_INT(a.status, 200);
	CHECK(strstr(a.body.data, "{\"type\":\"ERROR\"") && strstr(a.body.data, "\"code\":410"));
	api_answer_fini(&a);
	api_world_fini(&w);
}

int main(void)
{
	test_answers(0);
	test_answers(400);
	test_leaving();
	test_expired();
	return 0;
}
