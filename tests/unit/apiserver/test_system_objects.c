/*
 * What every cluster has, without anybody making it: that it is there, comes back, is mended where it is
 * kept, and is left where somebody wanted it otherwise; with servers that come, go and differ.
 */
#include "apiserver/flow_defaults.h"
#include "apiserver/server.h"
#include "apiserver/store_memory.h"
#include "apiserver/system_objects.h"
#include "common/base/jsonx.h"
#include "common/base/rng.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

/* A server that is killed frees nothing of what it had begun. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#define leaks_are_fine(are_they) ((are_they) ? __lsan_disable() : __lsan_enable())
#else
#define leaks_are_fine(are_they) ((void)0)
#endif

#define CORE     "/api/v1"
#define RBAC     "/apis/rbac.authorization.k8s.io/v1"
#define FLOWS    "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"
#define LEVELS   "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations"
#define SERVICES "/apis/apiregistration.k8s.io/v1/apiservices"
#define CRDS     "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define MAPS     CORE "/namespaces/kube-system/configmaps"
#define RANGE    "/apis/networking.k8s.io/v1/servicecidrs/kubernetes"
#define KEEPS    "apf.kubernetes.io/autoupdate-spec"

#define CA_ONE                                                                                     \
	"-----BEGIN CERTIFICATE-----\n"                                                            \
	"MIIBczCCARmgAwIBAgIUcZUMuPmLQJK+Z7XZBq3Lx2uIlkUwCgYIKoZIzj0EAwIw\n"                       \
	"DjEMMAoGA1UEAwwDb25lMCAXDTI2MTEyNjEwMzI0OVoYDzIxMjYxMTAyMTAzMjQ5\n"                       \
	"WjAOMQwwCgYDVQQDDANvbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQhquNs\n"                       \
	"4dWsEp0qbOkzREwBaXwPW9hWzZs2eGA1WArUoneqEQTLXm9Bh4VMyHF/Aiovbjkl\n"                       \
	"SxNKANnXMjzetrKTo1MwUTAdBgNVHQ4EFgQUF+CF5Z+aWCNWKnOWRuV+ZRh6gVAw\n"                       \
	"HwYDVR0jBBgwFoAUF+CF5Z+aWCNWKnOWRuV+ZRh6gVAwDwYDVR0TAQH/BAUwAwEB\n"                       \
	"/zAKBggqhkjOPQQDAgNIADBFAiEAqmUG7dC5AU/QhihGNYo7Wl1u6tkh8LIZBut3\n"                       \
	"zfLFle0CIGeB62Vt2D1tymO76NU28ut+RS21XKYSelIpdu61MEaD\n"                                   \
	"-----END CERTIFICATE-----\n"
#define CA_TWO                                                                                     \
	"-----BEGIN CERTIFICATE-----\n"                                                            \
	"MIIBczCCARmgAwIBAgIUdbRXohKIMwgqc1RnvFbEJb56Xp4wCgYIKoZIzj0EAwIw\n"                       \
	"DjEMMAoGA1UEAwwDdHdvMCAXDTI2MTEyNjEwMzI0OVoYDzIxMjYxMTAyMTAzMjQ5\n"                       \
	"WjAOMQwwCgYDVQQDDAN0d28wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQa30fs\n"                       \
	"72AlZ+X07zIEipM1t46fUDayMHoRspyizMm44GJTaHrt918KzAYlPrmIyUpZN/DM\n"                       \
	"bX4Cihl5W8adyq4bo1MwUTAdBgNVHQ4EFgQUrYw5mS67d85hkDuciqk8HJgKYxMw\n"                       \
	"HwYDVR0jBBgwFoAUrYw5mS67d85hkDuciqk8HJgKYxMwDwYDVR0TAQH/BAUwAwEB\n"                       \
	"/zAKBggqhkjOPQQDAgNIADBFAiASJgOYNfeCP2uwL1l182jRy3djmVIr5nvBkrqR\n"                       \
	"euyEhAIhAKvoSNqEu3Y75mfrDGDlhell9qFGP/EU0cxeGy+fvTvp\n"                                   \
	"-----END CERTIFICATE-----\n"

static void rest(struct api_world *w, int64_t ms)
{
	loop_sim_run_until(w->loop, loop_now_ms(w->loop) + ms);
}

#define RUN(w, rows) api_rows_run((w), (rows), ARRAY_LEN(rows))

/* ---- a new cluster ---- */

static void test_there(struct api_world *w)
{
	static const struct api_row rows[] = {
		{ "a control loop's role", 0, "GET",
		  RBAC "/clusterroles/system:controller:job-controller", 0, 200,
		  "rbac-defaults & \"resources\":[\"jobs/status\"] & !aggregate" },
		{ "and binding", 0, "GET",
		  RBAC "/clusterrolebindings/system:controller:job-controller", 0, 200,
		  "\"kind\":\"ServiceAccount\",\"name\":\"job-controller\",\"namespace\":\"kube-system\"" },
		{ "a role in a namespace", 0, "GET",
		  RBAC "/namespaces/kube-public/roles/system:controller:bootstrap-signer", 0, 200,
		  "\"resourceNames\":[\"cluster-info\"]" },
		{ "whose binding is of another name", 0, "GET",
		  RBAC "/namespaces/kube-system/rolebindings/"
		       "system::extension-apiserver-authentication-reader",
		  0, 200, "\"name\":\"extension-apiserver-authentication-reader\"" },
		{ "a flow", 0, "GET", FLOWS "/probes", 0, 200,
		  "\"matchingPrecedence\":2 & \"type\":\"Dangling\",\"status\":\"False\" & "
		  "object named \\\"exempt\\\" and it exists & !distinguisherMethod" },
		{ "a level", 0, "GET", LEVELS "/workload-low", 0, 200,
		  "\"nominalConcurrencyShares\":100 & \"lendablePercent\":90 & \"queues\":128" },
		{ "without queues", 0, "GET", LEVELS "/catch-all", 0, 200, "\"type\":\"Reject\"" },
		{ "without limit", 0, "GET", LEVELS "/exempt", 0, 200, "\"type\":\"Exempt\"" },
		{ "a group", 0, "GET", SERVICES "/v1.apps", 0, 200,
		  "automanaged\":\"onstart\" & \"groupPriorityMinimum\":17800 & \"Available\",\"status\":"
		  "\"True\"" },
		{ "the group without a name", 0, "GET", SERVICES "/v1.", 0, 200,
		  "\"groupPriorityMinimum\":18000" },
		{ "the range", 0, "GET", RANGE, 0, 200,
		  "10.96.0.0/16 & \"Ready\",\"status\":\"True\"" },
		{ "its authorities", 0, "GET", MAPS "/extension-apiserver-authentication", 0, 200,
		  "client-ca-file & BEGIN CERTIFICATE" },
		{ "made by", 0, "GET", CORE "/namespaces/default", 0, 200,
		  "\"manager\":\"kube-apiserver\"" },
	};
	RUN(w, rows);
}

static size_t count(struct api_world *w, const char *target)
{
	struct api_answer a;
	struct error err;
	AUTO_JSON *list = NULL;
	api_world_call(w, w->admin, "GET", target, NULL, NULL, NULL, 20000, &a);
	CHECK_INT(a.status, 200);
	CHECK(json_parse(a.body.data, a.body.len, &list, &err) == 0);
	api_answer_fini(&a);
	return json_array_size(json_object_get(list, "items"));
}

static void check_counts(struct api_world *w)
{
	CHECK_INT(count(w, RBAC "/clusterroles"), 70); /* 69, and ours */
	CHECK_INT(count(w, RBAC "/clusterrolebindings"), 54);
	CHECK_INT(count(w, RBAC "/roles"), 7);
	CHECK_INT(count(w, RBAC "/rolebindings"), 7);
	CHECK_INT(count(w, FLOWS), 11);
	CHECK_INT(count(w, LEVELS), 8);
	CHECK_INT(count(w, SERVICES), 21);
}

/* ---- kept ---- */

#define FLOW(name, annotations)                                                                    \
	"{\"metadata\":{\"name\":\"" name "\"" annotations                                         \
	"},\"spec\":{\"priorityLevelConfiguration\":{\"name\":\"nope\"}}}"

static void test_flows(struct api_world *w)
{
	static const struct api_row change[] = {
		{ "gone", 0, "DELETE", FLOWS "/catch-all", 0, 200, "" },
		{ "gone, too", 0, "DELETE", LEVELS "/workload-low", 0, 200, "" },
		{ "changed", 0, "PATCH", FLOWS "/probes", "{\"spec\":{\"matchingPrecedence\":77}}",
		  200, "77" },
		{ "mandatory", 0, "PATCH", FLOWS "/exempt",
		  "{\"metadata\":{\"annotations\":{\"" KEEPS "\":\"false\"}}}", 200, "" },
		{ "taken over", 0, "PATCH", FLOWS "/system-nodes",
		  "{\"metadata\":{\"annotations\":{\"" KEEPS
		  "\":\"false\"}},\"spec\":{\"matchingPrecedence\":501}}",
		  200, "" },
		{ "changed, and nothing said", 0, "PATCH", FLOWS "/system-node-high",
		  "{\"metadata\":{\"annotations\":null},\"spec\":{\"matchingPrecedence\":401}}",
		  200, "" },
		{ "nothing said", 0, "PATCH", FLOWS "/service-accounts",
		  "{\"metadata\":{\"annotations\":null}}", 200, "" },
		{ "somebody's", 0, "POST", FLOWS, FLOW("mine", ""), 201, "" },
		{ "which claims to be a default", 0, "POST", FLOWS,
		  FLOW("stray", ",\"annotations\":{\"" KEEPS "\":\"true\"}"), 201, "" },
	};
	static const struct api_row then[] = {
		{ "back", 0, "GET", FLOWS "/catch-all", 0, 200, "\"status\":\"False\"" },
		{ "back, too", 0, "GET", LEVELS "/workload-low", 0, 200, KEEPS },
		{ "mended", 0, "GET", FLOWS "/probes", 0, 200, "\"matchingPrecedence\":2 & !77" },
		{ "kept all the same", 0, "GET", FLOWS "/exempt", 0, 200, KEEPS "\":\"true\"" },
		{ "left", 0, "GET", FLOWS "/system-nodes", 0, 200, "501 & " KEEPS "\":\"false\"" },
		{ "left, and said so", 0, "GET", FLOWS "/system-node-high", 0, 200,
		  "401 & " KEEPS "\":\"false\"" },
		{ "kept, and said so", 0, "GET", FLOWS "/service-accounts", 0, 200,
		  KEEPS "\":\"true\" & \"status\":\"False\"" },
		{ "dangles", 0, "GET", FLOWS "/mine", 0, 200,
		  "\"status\":\"True\" & \"reason\":\"NotFound\" & but there is no such object" },
		{ "removed", 0, "GET", FLOWS "/stray", 0, 404, "" },
		{ "its level comes", 0, "POST", LEVELS,
		  "{\"metadata\":{\"name\":\"nope\"},\"spec\":{\"type\":\"Limited\",\"limited\":"
		  "{\"limitResponse\":{\"type\":\"Reject\"}}}}",
		  201, "" },
	};
	static const struct api_row found[] = {
		{ "no more", 0, "GET", FLOWS "/mine", 0, 200,
		  "\"status\":\"False\" & \"reason\":\"Found\"" },
		{ "clean", 0, "DELETE", FLOWS "/mine", 0, 200, "" },
		{ "up", 0, "DELETE", LEVELS "/nope", 0, 200, "" },
	};
	RUN(w, change);
	rest(w, 1500);
	RUN(w, then);
	rest(w, 1500);
	RUN(w, found);
}

static void test_kept(struct api_world *w)
{
	static const struct api_row change[] = {
		{ "the authorities", 0, "DELETE", MAPS "/extension-apiserver-authentication", 0,
		  200, "" },
		{ "the range", 0, "DELETE", RANGE, 0, 200, "" },
		{ "a slice", 0, "DELETE",
		  "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes", 0, 200,
		  "" },
		{ "the Service", 0, "DELETE", CORE "/namespaces/default/services/kubernetes", 0,
		  200, "" },
		{ "a group", 0, "DELETE", SERVICES "/v1.apps", 0, 200, "" },
		{ "a role", 0, "DELETE", RBAC "/clusterroles/system:kube-dns", 0, 200, "" },
	};
	static const struct api_row then[] = {
		{ "the authorities", 0, "GET", MAPS "/extension-apiserver-authentication", 0, 200,
		  "BEGIN" },
		{ "the range", 0, "GET", RANGE, 0, 200, "\"Ready\",\"status\":\"True\"" },
		{ "a slice", 0, "GET",
		  "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes", 0, 200,
		  "10.0.0.1" },
		{ "the Service", 0, "GET", CORE "/namespaces/default/services/kubernetes", 0, 200,
		  "10.96.0.1" },
		{ "a group is made at a start only", 0, "GET", SERVICES "/v1.apps", 0, 404, "" },
		{ "so is a role", 0, "GET", RBAC "/clusterroles/system:kube-dns", 0, 404, "" },
		{ "and a group is changed as it was", 0, "PATCH", SERVICES "/v1.batch",
		  "{\"spec\":{\"versionPriority\":99}}", 200, "" },
	};
	RUN(w, change);
	rest(w, 1500);
	RUN(w, then);
}

/* ---- another server, of another authority ---- */

static void test_joined(struct api_world *w)
{
	static const struct api_row there[] = {
		{ "a group is back", 0, "GET", SERVICES "/v1.apps", 0, 200, "\"status\":\"True\"" },
		{ "and as it was", 0, "GET", SERVICES "/v1.batch", 0, 200,
		  "\"versionPriority\":15" },
		{ "a role is back", 0, "GET", RBAC "/clusterroles/system:kube-dns", 0, 200, "" },
	};
	struct api_world second;
	struct api_answer a;
	api_world_join(&second, 7, &(struct server_options){ .ca_pem = CA_TWO }, w);
	RUN(&second, there);
	rest(w, 3000);
	api_world_call(w, w->admin, "GET", MAPS "/extension-apiserver-authentication", NULL, NULL,
		       NULL, 20000, &a);
	size_t n = 0;
	for (const char *at = a.body.data; (at = strstr(at, "BEGIN CERTIFICATE")); at++)
		n++;
	CHECK_INT(n, 2); /* both, once each, and nobody fights */
	api_answer_fini(&a);
	check_counts(&second);
	api_world_fini(&second);
}

/* ---- groups of custom kinds ---- */

static void test_custom(struct api_world *w)
{
	static const struct api_row define[] = {
		{ "definition", 0, "POST", CRDS,
		  "{\"metadata\":{\"name\":\"lamps.example.com\"},\"spec\":{\"group\":\"example.com\","
		  "\"scope\":\"Cluster\",\"names\":{\"plural\":\"lamps\",\"kind\":\"Lamp\"},"
		  "\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":"
		  "{\"openAPIV3Schema\":{\"type\":\"object\"}}},{\"name\":\"v2\",\"served\":false,"
		  "\"storage\":false,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}",
		  201, "" },
	};
	static const struct api_row served[] = {
		{ "its group", 0, "GET", SERVICES "/v1.example.com", 0, 200,
		  "automanaged\":\"true\" & \"groupPriorityMinimum\":1000 & \"versionPriority\":100 & "
		  "\"status\":\"True\"" },
		{ "what is not served", 0, "GET", SERVICES "/v2.example.com", 0, 404, "" },
		{ "goes, and", 0, "DELETE", SERVICES "/v1.example.com", 0, 200, "" },
		{ "of somebody else", 0, "POST", SERVICES,
		  "{\"metadata\":{\"name\":\"v1.else.example\"},\"spec\":{\"group\":\"else.example\","
		  "\"version\":\"v1\",\"groupPriorityMinimum\":1,\"versionPriority\":1,\"service\":"
		  "{\"name\":\"a\",\"namespace\":\"b\"}}}",
		  201, "!Available" },
	};
	static const struct api_row again[] = {
		{ "comes back", 0, "GET", SERVICES "/v1.example.com", 0, 200, "" },
		{ "the definition goes", 0, "DELETE", CRDS "/lamps.example.com", 0, 200, "" },
	};
	static const struct api_row gone[] = {
		{ "and its group", 0, "GET", SERVICES "/v1.example.com", 0, 404, "" },
		{ "no other", 0, "DELETE", SERVICES "/v1.else.example", 0, 200, "" },
	};
	RUN(w, define);
	rest(w, 900);
	RUN(w, served);
	rest(w, 900);
	RUN(w, again);
	rest(w, 900);
	RUN(w, gone);
}

/* ---- servers that are killed on the way ---- */

static void seeded(void *ctx, void *buf, size_t n)
{
	struct rng r = { *(uint64_t *)ctx };
	for (size_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = (uint8_t)rng_next(&r);
	*(uint64_t *)ctx = r.state;
}

struct short_life {
	struct store *store;
	struct server *server;
	uint64_t rng;
};

static void live(struct short_life *l, struct loop *loop, struct memory_etcd *etcd, uint64_t seed)
{
	struct error err;
	l->rng = seed;
	l->store =
		store_new(loop, store_memory_on(etcd),
			  &(struct store_options){ .cluster_id = "abc123", .schema_revision = 1 });
	struct server_options o = { .cluster_id = "abc123",
				    .service_cidr = "10.96.0.0/16",
				    .advertise_address = "10.0.0.1",
				    .advertise_port = 6443,
				    .ca_pem = CA_ONE,
				    .random = seeded,
				    .random_ctx = &l->rng };
	CHECK(server_new(loop, l->store, &o, &l->server, &err) == 0);
}

static void end(struct short_life *l)
{
	store_free(l->store);
	server_free(l->server);
}

/* Two at once, both killed after some milliseconds; then one that stays. */
static void test_killed(uint64_t seed)
{
	struct rng r = { seed };
	struct loop *loop = loop_sim_new(seed, 1790000000000000);
	struct memory_etcd *etcd = memory_etcd_new(loop);
	memory_etcd_set_delay(etcd, 1, 9, seed);
	struct short_life a, b;
	leaks_are_fine(true);
	live(&a, loop, etcd, seed + 1);
	loop_sim_run_until(loop, loop_now_ms(loop) + (int64_t)(rng_next(&r) % 20));
	live(&b, loop, etcd, seed + 2);
	loop_sim_run_until(loop, loop_now_ms(loop) + (int64_t)(rng_next(&r) % 200));
	end(&a);
	loop_sim_run_until(loop, loop_now_ms(loop) + (int64_t)(rng_next(&r) % 50));
	end(&b);
	leaks_are_fine(false);
	struct api_world base = { .loop = loop, .etcd = etcd }, w;
	api_world_join(&w, seed + 3, &(struct server_options){ .ca_pem = CA_ONE }, &base);
	test_there(&w);
	check_counts(&w);
	api_world_fini(&w);
	memory_etcd_unref(etcd);
	loop_free(loop);
}

int main(void)
{
	struct api_world w;
	api_world_init_with(&w, 1, &(struct server_options){ .ca_pem = CA_ONE });
	test_there(&w);
	check_counts(&w);
	test_flows(&w);
	test_kept(&w);
	test_joined(&w);
	test_custom(&w);
	check_counts(&w);
	api_world_fini(&w);
	for (uint64_t seed = 1; seed <= 10; seed++)
		test_killed(seed);
	puts("system objects: all right");
	return 0;
}
