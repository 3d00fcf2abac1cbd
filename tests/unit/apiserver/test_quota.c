/* ResourceQuota: exact words, exact sums, and no race that passes the bound. */
#include "common/base/jsonx.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define NS "/api/v1/namespaces/q"
#define POD(name, more)                                                                            \
	"{\"metadata\":{\"name\":\"" name                                                          \
	"\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"" more "}]}}"
#define RES(cpu, memory)                                                                           \
	",\"resources\":{\"requests\":{\"cpu\":\"" cpu "\",\"memory\":\"" memory "\"}}"
#define QUOTA(name, spec) "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{" spec "}}"
#define MAP(name)         "{\"metadata\":{\"name\":\"" name "\"}}"

#define NEAR(affinity, more)                                                                         \
	"{\"metadata\":{\"name\":\"near\"},\"spec\":{\"affinity\":{\"" affinity                      \
	"\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{\"topologyKey\":\"k\"," more       \
	"}]}},\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"requests\":{\"cpu\":" \
	"\"1m\"}}}]}}"
#define CLAIM(more)                                                                                \
	"{\"metadata\":{\"name\":\"c\"},\"spec\":{" more "\"accessModes\":[\"ReadWriteOnce\"],"    \
	"\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}"

static const struct api_row rows[] = {
	{ "namespace", 0, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"q\"}}", 201,
	  "" },
	{ "account", 0, "POST", NS "/serviceaccounts", MAP("default"), 201, "" },
	{ "quota", 0, "POST", NS "/resourcequotas",
	  QUOTA("main",
		"\"hard\":{\"pods\":\"2\",\"requests.cpu\":\"1\",\"memory\":\"1Gi\",\"configmaps\":"
		"\"1\",\"count/deployments.apps\":\"0\",\"services.nodeports\":\"1\","
		"\"requests.storage\":\"3Gi\"}"),
	  201, "" },
	{ "compute must be said", 0, "POST", NS "/pods", POD("a", ""), 403,
	  "pods \\\"a\\\" is forbidden: failed quota: main: must specify memory for: c; requests.cpu for: c" },
	{ "one", 0, "POST", NS "/pods", POD("a", RES("600m", "256Mi")), 201, "" },
	{ "too much", 0, "POST", NS "/pods", POD("b", RES("500m", "900Mi")), 403,
	  "exceeded quota: main, requested: memory=900Mi,requests.cpu=500m, used: memory=256Mi,"
	  "requests.cpu=600m, limited: memory=1Gi,requests.cpu=1" },
	{ "two", 0, "POST", NS "/pods", POD("b", RES("400m", "256Mi")), 201, "" },
	{ "three", 0, "POST", NS "/pods", POD("c", RES("0", "0")), 403,
	  "exceeded quota: main, requested: pods=1, used: pods=2, limited: pods=2" },
	{ "a finished pod counts no more", 0, "PATCH", NS "/pods/a/status",
	  "{\"status\":{\"phase\":\"Succeeded\"}}", 200, "" },
	{ "so a third", 0, "POST", NS "/pods", POD("c", RES("100m", "1Mi")), 201, "" },
	{ "a map", 0, "POST", NS "/configmaps", MAP("a"), 201, "" },
	{ "one too many", 0, "POST", NS "/configmaps", MAP("b"), 403,
	  "configmaps \\\"b\\\" is forbidden: exceeded quota: main, requested: configmaps=1, used: "
	  "configmaps=1, limited: configmaps=1" },
	{ "changed all the same", 0, "PATCH", NS "/configmaps/a", "{\"data\":{\"a\":\"b\"}}", 200,
	  "" },
	{ "removed", 0, "DELETE", NS "/configmaps/a", 0, 200, "" },
	{ "and room again", 0, "POST", NS "/configmaps", MAP("b"), 201, "" },
	{ "no deployments", 0, "POST", "/apis/apps/v1/namespaces/q/deployments",
	  "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":"
	  "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
	  "\"i\"}]}}}}",
	  403, "requested: count/deployments.apps=1, used: count/deployments.apps=0" },
	{ "node ports", 0, "POST", NS "/services",
	  "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"name\":\"a\",\"port\":1},"
	  "{\"name\":\"b\",\"port\":2}]}}",
	  403, "requested: services.nodeports=2" },
	{ "inside", 0, "POST", NS "/services",
	  "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"ports\":[{\"name\":\"a\",\"port\":1},{\"name\":\"b\","
	  "\"port\":2}]}}",
	  201, "" },
	{ "not later either", 0, "PATCH", NS "/services/s", "{\"spec\":{\"type\":\"NodePort\"}}",
	  403, "exceeded quota: main, requested: services.nodeports=2" },
	{ "a claim", 0, "POST", NS "/persistentvolumeclaims",
	  "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":"
	  "{\"requests\":{\"storage\":\"4Gi\"}}}}",
	  403,
	  "requested: requests.storage=4Gi, used: requests.storage=0, limited: requests.storage=3Gi" },
	{ "elsewhere", 0, "POST", "/api/v1/namespaces/default/configmaps", MAP("x"), 201, "" },
	{ "a scope", 0, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"s\"}}", 201, "" },
	{ "account", 0, "POST", "/api/v1/namespaces/s/serviceaccounts", MAP("default"), 201, "" },
	{ "no best effort", 0, "POST", "/api/v1/namespaces/s/resourcequotas",
	  QUOTA("be", "\"hard\":{\"pods\":\"0\"},\"scopes\":[\"BestEffort\"]"), 201, "" },
	{ "is refused", 0, "POST", "/api/v1/namespaces/s/pods", POD("a", ""), 403,
	  "exceeded quota: be" },
	{ "none that looks beyond", 0, "POST", "/api/v1/namespaces/s/resourcequotas",
	  QUOTA("beyond", "\"hard\":{\"pods\":\"0\"},\"scopes\":[\"CrossNamespacePodAffinity\"]"),
	  201, "" },
	{ "by names", 0, "POST", "/api/v1/namespaces/s/pods",
	  NEAR("podAffinity", "\"namespaces\":[\"x\"]"), 403,
	  "exceeded quota: beyond, requested: pods=1, used: pods=0, limited: pods=0" },
	{ "by a selector", 0, "POST", "/api/v1/namespaces/s/pods",
	  NEAR("podAntiAffinity", "\"namespaceSelector\":{}"), 403, "exceeded quota: beyond" },
	{ "one that looks about is let in", 0, "POST", "/api/v1/namespaces/s/pods?dryRun=All",
	  NEAR("podAffinity", "\"labelSelector\":{}"), 201, "" },
	{ "none of a class", 0, "POST", "/api/v1/namespaces/s/resourcequotas",
	  QUOTA("gold",
		"\"hard\":{\"persistentvolumeclaims\":\"0\"},\"scopeSelector\":{"
		"\"matchExpressions\":[{\"scopeName\":\"VolumeAttributesClass\",\"operator\":"
		"\"In\",\"values\":[\"gold\"]}]}"),
	  201, "" },
	{ "a claim of it", 0, "POST", "/api/v1/namespaces/s/persistentvolumeclaims",
	  CLAIM("\"volumeAttributesClassName\":\"gold\","), 403,
	  "exceeded quota: gold, requested: persistentvolumeclaims=1" },
	{ "of another", 0, "POST", "/api/v1/namespaces/s/persistentvolumeclaims",
	  CLAIM("\"volumeAttributesClassName\":\"tin\","), 201, "" },
	{ "what must be said", 0, "POST", "/api/v1/namespaces/s/resourcequotas",
	  QUOTA("said", "\"hard\":{\"requests.cpu\":\"4\"},\"scopes\":[\"NotTerminating\"]"), 201,
	  "" },
	{ "is asked for before anything is counted", 0, "POST", "/api/v1/namespaces/s/pods",
	  POD("a", ""), 403, "failed quota: said: must specify requests.cpu for: c" },
	{ "an ordered one is not", 0, "POST", "/api/v1/namespaces/s/pods",
	  POD("a", RES("1", "1Mi")), 201, "" },
};

static const struct api_row shown[] = {
	{ "status", 0, "GET", NS "/resourcequotas/main", 0, 200,
	  "\"status\":{\"hard\":{ & \"used\":{\"configmaps\":\"1\",\"count/deployments.apps\":\"0\",\"memory\":"
	  "\"257Mi\",\"pods\":\"2\",\"requests.cpu\":\"500m\",\"requests.storage\":\"0\","
	  "\"services.nodeports\":\"0\"}" },
};

/* Ten at once on two servers, and place for three. */
static void test_race(uint64_t seed)
{
	static const struct api_row before[] = {
		{ "namespace", 0, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"r\"}}",
		  201, "" },
		{ "quota", 0, "POST", "/api/v1/namespaces/r/resourcequotas",
		  QUOTA("three", "\"hard\":{\"secrets\":\"3\"}"), 201, "" },
	};
	struct api_world a, b;
	struct api_pending racers[10] = { 0 };
	api_world_init(&a, seed);
	api_world_join(&b, seed + 100, &(struct server_options){ 0 }, &a);
	memory_etcd_set_delay(a.etcd, 1, 9, seed);
	api_rows_run(&a, before, ARRAY_LEN(before));
	loop_sim_run_until(a.loop, loop_now_ms(a.loop) + 1000);
	for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
		auto_free char *body = xasprintf("{\"metadata\":{\"name\":\"s%zu\"}}", i);
		api_world_ask(i % 2 ? &a : &b, "POST", "/api/v1/namespaces/r/secrets", body,
			      &racers[i]);
	}
	loop_sim_run_until(a.loop, loop_now_ms(a.loop) + 20000);
	int made = 0, refused = 0;
	for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
		CHECK(racers[i].is_done);
		made += racers[i].status == 201;
		refused += racers[i].status == 403;
	}
	/* Who loses too many races is told to come again (409), and has made nothing. */
	CHECK_INT(made, 3);
	CHECK(refused >= 1 && made + refused <= 10);
	api_world_fini(&b);
	api_world_fini(&a);
}

/* What is used is told while things come and come, not only when they have stopped. */
static void test_no_pause(void)
{
	static const struct api_row before[] = {
		{ "namespace", 0, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"p\"}}",
		  201, "" },
		{ "quota", 0, "POST", "/api/v1/namespaces/p/resourcequotas",
		  "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{\"configmaps\":\"1k\"}}}",
		  201, "" },
	};
	struct api_world w;
	struct api_answer a;
	api_world_init(&w, 11);
	api_rows_run(&w, before, ARRAY_LEN(before));
	int64_t until = loop_now_ms(w.loop) + 5000;
	for (int i = 0; loop_now_ms(w.loop) < until; i++) {
		auto_free char *body = xasprintf("{\"metadata\":{\"name\":\"c%d\"}}", i);
		api_world_call(&w, w.admin, "POST", "/api/v1/namespaces/p/configmaps",
			       "application/json", NULL, body, 100, &a);
		CHECK_INT(a.status, 201);
		api_answer_fini(&a);
	}
	api_world_call(&w, w.admin, "GET", "/api/v1/namespaces/p/resourcequotas/q", NULL, NULL,
		       NULL, 100, &a);
	CHECK(!strstr(a.body.data, "\"used\":{\"configmaps\":\"0\"}"));
	CHECK(strstr(a.body.data, "\"used\":{\"configmaps\":"));
	api_answer_fini(&a);
	api_world_fini(&w);
}

int main(void)
{
	test_no_pause();

	struct api_world w;
	api_world_init(&w, 6);
	api_rows_run(&w, rows, ARRAY_LEN(rows));
	loop_sim_run_until(w.loop, loop_now_ms(w.loop) + 3000);
	api_rows_run(&w, shown, ARRAY_LEN(shown));
	api_world_fini(&w);
	for (uint64_t seed = 1; seed <= 20; seed++)
		test_race(seed);
	puts("ok");
	return 0;
}
