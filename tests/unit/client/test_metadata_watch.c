/* One stream for the metadata of all kinds, against the real API server over the memory store. */
#include "tests/support/check.h"

#include "common/base/rng.h"
#include "common/client/metadata_watch.h"
#include "common/io/log.h"
#include "tests/support/api_world.h"

static const struct api_resource configmaps = { "", "v1", "configmaps", true };
static const struct api_resource secrets = { "", "v1", "secrets", true };
static const struct api_resource deployments = { "apps", "v1", "deployments", true };

static void call(struct api_world *w, const char *method, const char *target, const char *body)
{
	struct api_answer a;
	api_world_call(w, w->admin, method, target, body ? "application/json" : NULL, NULL, body,
		       2000, &a);
	CHECK(a.status >= 200 && a.status < 300);
	api_answer_fini(&a);
}

static void run(struct api_world *w, int64_t ms)
{
	CHECK(loop_sim_run_until(w->loop, loop_now_ms(w->loop) + ms));
}

static void add_map(struct api_world *w, const char *name)
{
	auto_free char *body = xasprintf("{\"metadata\":{\"name\":\"%s\",\"labels\":{\"a\":\"b\"}},"
					 "\"data\":{\"k\":\"v\"}}", name);
	call(w, "POST", "/api/v1/namespaces/default/configmaps", body);
}

static void test_kinds(void)
{
	struct api_world w;
	api_world_init(&w, 7);
	run(&w, 2000);
	add_map(&w, "before");
	struct api *api = api_new(w.loop, w.admin, "test");
	struct metadata_watch *m = metadata_watch_new(w.loop, api, 1);
	struct cache *maps = metadata_watch_add(m, &configmaps);
	struct cache *keys = metadata_watch_add(m, &secrets);
	struct cache *apps = metadata_watch_add(m, &deployments);
	metadata_watch_start(m);
	CHECK(!cache_is_synced(maps));
	run(&w, 2000);
	CHECK(cache_is_synced(maps) && cache_is_synced(keys) && cache_is_synced(apps));
	const json_t *o = cache_get(maps, "default/before");
	CHECK(o && !json_object_get(o, "data"));
	CHECK_TEXT("labels", json_str_or(o, "metadata.labels.a", ""), "b");

	/* Live: additions, deletions, other kinds; the position of all moves with any. */
	uint64_t was = cache_revision(apps);
	add_map(&w, "after");
	call(&w, "POST", "/api/v1/namespaces/default/secrets", "{\"metadata\":{\"name\":\"s\"}}");
	call(&w, "DELETE", "/api/v1/namespaces/default/configmaps/before", NULL);
	run(&w, 1000);
	CHECK(cache_get(maps, "default/after") && !cache_get(maps, "default/before"));
	CHECK(cache_get(keys, "default/s"));
	CHECK(cache_revision(apps) > was);
	CHECK_INT(cache_revision(apps), cache_revision(maps));

	/* Asked to begin anew, it finds what is there and forgets nothing. */
	cache_relist(maps);
	run(&w, 2000);
	CHECK(cache_get(maps, "default/after") && cache_get(keys, "default/s"));
	add_map(&w, "last");
	run(&w, 1000);
	CHECK(cache_get(maps, "default/last"));
	metadata_watch_free(m);
	api_free(api);
	api_world_fini(&w);
}

/* Random writes, with the watch begun anew in between: it ends with what the server holds. */
static void test_random(uint64_t seed)
{
	struct api_world w;
	struct rng r = { seed };
	bool there[8] = { false };
	api_world_init(&w, seed);
	run(&w, 2000);
	struct api *api = api_new(w.loop, w.admin, "test");
	struct metadata_watch *m = metadata_watch_new(w.loop, api, seed);
	struct cache *maps = metadata_watch_add(m, &configmaps);
	metadata_watch_start(m);
	for (int step = 0; step < 60; step++) {
		size_t i = rng_below(&r, ARRAY_LEN(there));
		auto_free char *name = xasprintf("m%zu", i);
		auto_free char *path =
			xasprintf("/api/v1/namespaces/default/configmaps/%s", name);
		if (there[i])
			call(&w, "DELETE", path, NULL);
		else
			add_map(&w, name);
		there[i] = !there[i];
		if (rng_one_in(&r, 10))
			cache_relist(maps);
		run(&w, (int64_t)rng_below(&r, 50));
	}
	run(&w, 5000);
	for (size_t i = 0; i < ARRAY_LEN(there); i++) {
		auto_free char *key = xasprintf("default/m%zu", i);
		CHECK_INT(cache_get(maps, key) != NULL, there[i]);
	}
	metadata_watch_free(m);
	api_free(api);
	api_world_fini(&w);
}

int main(void)
{
	log_set_quiet(true);
	test_kinds();
	for (uint64_t seed = 1; seed <= 8; seed++)
		test_random(seed);
	return 0;
}
