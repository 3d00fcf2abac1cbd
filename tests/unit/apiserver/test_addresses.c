/*
 * What Services are given: cluster addresses with their IPAddress objects, and node ports; what goes
 * with them, what comes back, and what nobody gets twice.
 */
#include "apiserver/own_exchange.h"
#include "common/base/jsonx.h"
#include "common/base/rng.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define SERVICES  "/api/v1/namespaces/default/services"
#define ADDRESSES "/apis/networking.k8s.io/v1/ipaddresses"
#define RANGES    "/apis/networking.k8s.io/v1/servicecidrs"

#define RUN(w, rows) api_rows_run((w), (rows), ARRAY_LEN(rows))

/* ---- node ports ---- */

/* A Service with `count` node ports from `first` on. */
static char *with_ports(const char *name, unsigned count, unsigned first)
{
	AUTO_STR text;
	str_init(&text, 1 << 16);
	str_addf(&text,
		 "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[",
		 name);
	for (unsigned i = 0; i < count; i++)
		str_addf(&text, "%s{\"name\":\"p%u\",\"port\":%u,\"nodePort\":%u}", i ? "," : "", i,
			 80 + i, first + i);
	str_add(&text, "]}}");
	return str_take(&text);
}

/* As many as there may be are all exchanged at once: twice as many keys are written. */
static void test_ports(struct api_world *w)
{
	auto_free char *many = with_ports("many", 13, 30000);
	auto_free char *first = with_ports("most", 12, 30100),
		       *then = with_ports("most", 12, 30200);
	auto_free char *again = with_ports("again", 12, 30100);
	auto_free char *taken = with_ports("again", 12, 30200);
	const struct api_row rows[] = {
		{ "too many", 0, "POST", SERVICES, many, 422,
		  "spec.ports & must have at most 12 items with node ports" },
		{ "most", 0, "POST", SERVICES, first, 201, "30111" },
		{ "all others", 0, "PUT", SERVICES "/most", then, 200, "30211 & !30111" },
		{ "they are free again", 0, "POST", SERVICES, again, 201, "30111" },
		{ "these are not", 0, "PUT", SERVICES "/again", taken, 422,
		  "provided port is already allocated" },
		{ "away", 0, "DELETE", SERVICES "/most", 0, 200, "" },
		{ "with it", 0, "DELETE", SERVICES "/again", 0, 200, "" },
		{ "and free", 0, "POST", SERVICES, first, 201, "" },
		{ "away", 0, "DELETE", SERVICES "/most", 0, 200, "" },
	};
	RUN(w, rows);
}

/* ---- addresses ---- */

#define SERVICE(name, more)                                                                        \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"ports\":[{\"port\":80}]" more "}}"
#define PARENT(name) "\"resource\":\"services\",\"namespace\":\"default\",\"name\":\"" name "\""
#define GIVEN(ip, name)                                                                            \
	"\"name\":\"" ip                                                                           \
	"\" & ip-family\":\"IPv4\" & managed-by\":\"ipallocator.k8s.io\" & " PARENT(               \
		name) " & \"manager\":\"kube-apiserver\""

static void rest(struct api_world *w, int64_t ms)
{
	loop_sim_run_until(w->loop, loop_now_ms(w->loop) + ms);
}

static void test_given(struct api_world *w)
{
	static const struct api_row rows[] = {
		{ "the first", 0, "GET", ADDRESSES "/10.96.0.1", 0, 200,
		  GIVEN("10.96.0.1", "kubernetes") },
		{ "asked for", 0, "POST", SERVICES, SERVICE("a", ",\"clusterIP\":\"10.96.0.50\""),
		  201, "10.96.0.50" },
		{ "told of", 0, "GET", ADDRESSES "/10.96.0.50", 0, 200, GIVEN("10.96.0.50", "a") },
		{ "rehearsed", 0, "POST", SERVICES "?dryRun=All",
		  SERVICE("b", ",\"clusterIP\":\"10.96.0.51\""), 201, "" },
		{ "not taken", 0, "GET", ADDRESSES "/10.96.0.51", 0, 404, "" },
		{ "taken", 0, "POST", SERVICES, SERVICE("b", ",\"clusterIP\":\"10.96.0.50\""), 422,
		  "spec.clusterIPs & [\\\"10.96.0.50\\\"]: failed to allocate IP 10.96.0.50: provided "
		  "IP is already allocated" },
		{ "none", 0, "POST", SERVICES, SERVICE("none", ",\"clusterIP\":\"None\""), 201,
		  "" },
		{ "elsewhere", 0, "POST", SERVICES, SERVICE("out", ",\"clusterIP\":\"10.97.0.1\""),
		  422, "the provided network does not match the current range" },
		{ "another type", 0, "PATCH", SERVICES "/a",
		  "{\"spec\":{\"type\":\"ExternalName\",\"externalName\":\"x.example\","
		  "\"clusterIP\":null,\"clusterIPs\":null}}",
		  200, "!10.96.0.50" },
		{ "lets go of it", 0, "GET", ADDRESSES "/10.96.0.50", 0, 404, "" },
		{ "and back", 0, "PATCH", SERVICES "/a",
		  "{\"spec\":{\"type\":\"ClusterIP\",\"clusterIP\":\"10.96.0.52\"}}", 200,
		  "10.96.0.52" },
		{ "takes another", 0, "GET", ADDRESSES "/10.96.0.52", 0, 200,
		  GIVEN("10.96.0.52", "a") },
		{ "the Service goes", 0, "DELETE", SERVICES "/a", 0, 200, "" },
		{ "with its address", 0, "GET", ADDRESSES "/10.96.0.52", 0, 404, "" },
		{ "away", 0, "DELETE", SERVICES "/none", 0, 200, "" },
	};
	RUN(w, rows);
}

/* What is printed by hand is what the API itself would have stored: written again, nothing changes. */
static void test_canonical(struct api_world *w)
{
	struct api_answer before, after;
	api_world_call(w, w->admin, "GET", ADDRESSES "/10.96.0.1", NULL, NULL, NULL, 20000,
		       &before);
	api_world_call(w, w->admin, "PUT", ADDRESSES "/10.96.0.1", "application/json", NULL,
		       before.body.data, 20000, &after);
	CHECK_INT(after.status, 200);
	CHECK_TEXT("canonical", after.body.data, before.body.data);
	api_answer_fini(&before);
	api_answer_fini(&after);
}

static void test_users(struct api_world *w)
{
	static const struct api_row rows[] = {
		{ "a Service", 0, "POST", SERVICES, SERVICE("a", ",\"clusterIP\":\"10.96.0.60\""),
		  201, "" },
		{ "somebody removes its address", 0, "DELETE", ADDRESSES "/10.96.0.60", 0, 200,
		  "" },
		{ "which is not free", 0, "POST", SERVICES,
		  SERVICE("b", ",\"clusterIP\":\"10.96.0.60\""), 422, "already allocated" },
		{ "one for something else", 0, "POST", ADDRESSES,
		  "{\"metadata\":{\"name\":\"10.96.0.61\"},\"spec\":{\"parentRef\":{\"group\":"
		  "\"x.io\",\"resource\":\"gateways\",\"name\":\"g\"}}}",
		  201, "" },
		{ "is not given", 0, "POST", SERVICES,
		  SERVICE("b", ",\"clusterIP\":\"10.96.0.61\""), 422, "already allocated" },
		{ "one of a Service that is not", 0, "POST", ADDRESSES,
		  "{\"metadata\":{\"name\":\"10.96.0.62\",\"labels\":{\"ipaddress.kubernetes.io/"
		  "managed-by\":\"ipallocator.k8s.io\"}},\"spec\":{\"parentRef\":{" PARENT(
			  "gone") "}}}",
		  201, "" },
	};
	static const struct api_row then[] = {
		{ "it is back", 0, "GET", ADDRESSES "/10.96.0.60", 0, 200,
		  GIVEN("10.96.0.60", "a") },
		{ "that stays", 0, "GET", ADDRESSES "/10.96.0.61", 0, 200, "gateways" },
		{ "that goes", 0, "GET", ADDRESSES "/10.96.0.62", 0, 404, "" },
		{ "held", 0, "PATCH", ADDRESSES "/10.96.0.60",
		  "{\"metadata\":{\"finalizers\":[\"x.io/hold\"]}}", 200, "" },
		{ "the Service goes", 0, "DELETE", SERVICES "/a", 0, 200, "" },
		{ "not what is held", 0, "POST", SERVICES,
		  SERVICE("b", ",\"clusterIP\":\"10.96.0.60\""), 422, "already allocated" },
	};
	static const struct api_row end[] = {
		{ "it is about to go", 0, "GET", ADDRESSES "/10.96.0.60", 0, 200,
		  "deletionTimestamp" },
		{ "let go", 0, "PATCH", ADDRESSES "/10.96.0.60",
		  "{\"metadata\":{\"finalizers\":null}}", 200, "" },
		{ "given", 0, "POST", SERVICES, SERVICE("b", ",\"clusterIP\":\"10.96.0.60\""), 201,
		  "" },
		{ "away", 0, "DELETE", SERVICES "/b", 0, 200, "" },
		{ "with it", 0, "DELETE", ADDRESSES "/10.96.0.61", 0, 200, "" },
	};
	RUN(w, rows);
	rest(w, 1500);
	RUN(w, then);
	rest(w, 1500);
	RUN(w, end);
}

/* ---- further ranges ---- */

#define RANGE(name, cidr)                                                                          \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"cidrs\":[\"" cidr "\"]}}"

static void test_ranges(struct api_world *w)
{
	static const struct api_row rows[] = {
		{ "not yet", 0, "POST", SERVICES, SERVICE("a", ",\"clusterIP\":\"10.200.0.7\""),
		  422, "the provided network does not match the current range" },
		{ "a range", 0, "POST", RANGES, RANGE("more", "10.200.0.0/28"), 201, "" },
		{ "is given out of", 0, "POST", SERVICES,
		  SERVICE("a", ",\"clusterIP\":\"10.200.0.7\""), 201, "" },
		{ "not its last", 0, "POST", SERVICES,
		  SERVICE("b", ",\"clusterIP\":\"10.200.0.15\""), 422, "does not match" },
		{ "told of", 0, "GET", ADDRESSES "/10.200.0.7", 0, 200, GIVEN("10.200.0.7", "a") },
	};
	static const struct api_row ready[] = {
		{ "it is ready", 0, "GET", RANGES "/more", 0, 200,
		  "\"finalizers\":[\"networking.k8s.io/service-cidr-finalizer\"] & \"Ready\",\"status\":"
		  "\"True\" & \"message\":\"Kubernetes Service CIDR is ready\"" },
		{ "it goes", 0, "DELETE", RANGES "/more", 0, 200, "deletionTimestamp" },
		{ "nothing more of it", 0, "POST", SERVICES,
		  SERVICE("b", ",\"clusterIP\":\"10.200.0.8\""), 422, "does not match" },
	};
	static const struct api_row waits[] = {
		{ "it waits", 0, "GET", RANGES "/more", 0, 200,
		  "\"status\":\"False\" & \"reason\":\"Terminating\" & There are still IPAddresses "
		  "referencing the ServiceCIDR" },
		{ "the last goes", 0, "DELETE", SERVICES "/a", 0, 200, "" },
	};
	static const struct api_row gone[] = {
		{ "and it", 0, "GET", RANGES "/more", 0, 404, "" },
		{ "one around another", 0, "POST", RANGES, RANGE("wide", "10.200.0.0/24"), 201,
		  "" },
		{ "another", 0, "POST", RANGES, RANGE("more", "10.200.0.0/28"), 201, "" },
		{ "of both", 0, "POST", SERVICES, SERVICE("a", ",\"clusterIP\":\"10.200.0.7\""),
		  201, "" },
		{ "one goes", 0, "DELETE", RANGES "/wide", 0, 200, "" },
	};
	static const struct api_row end[] = {
		{ "at once: the other has it", 0, "GET", RANGES "/wide", 0, 404, "" },
		{ "the other", 0, "GET", RANGES "/more", 0, 200, "\"status\":\"True\"" },
		{ "its own finalizer", 0, "PATCH", RANGES "/more",
		  "{\"metadata\":{\"finalizers\":[\"x.io/hold\"]}}", 200, "" },
		{ "away", 0, "DELETE", SERVICES "/a", 0, 200, "" },
	};
	static const struct api_row last[] = {
		{ "both finalizers", 0, "GET", RANGES "/more", 0, 200,
		  "x.io/hold & service-cidr-finalizer" },
		{ "held", 0, "DELETE", RANGES "/more", 0, 200, "" },
		{ "let go", 0, "PATCH", RANGES "/more", "{\"metadata\":{\"finalizers\":null}}", 200,
		  "" },
		{ "gone", 0, "GET", RANGES "/more", 0, 404, "" },
	};
	RUN(w, rows);
	rest(w, 1000);
	RUN(w, ready);
	rest(w, 1000);
	RUN(w, waits);
	rest(w, 1000);
	RUN(w, gone);
	rest(w, 2000);
	RUN(w, end);
	rest(w, 1000);
	RUN(w, last);
}

/* ---- many at once, through two servers ---- */

static json_t *items(struct api_world *w, const char *target)
{
	struct api_answer a;
	struct error err;
	AUTO_JSON *list = NULL;
	api_world_call(w, w->admin, "GET", target, NULL, NULL, NULL, 20000, &a);
	CHECK_INT(a.status, 200);
	CHECK(json_parse(a.body.data, a.body.len, &list, &err) == 0);
	api_answer_fini(&a);
	return json_incref(json_object_get(list, "items"));
}

/* No address twice; and, where all has come to rest, each Service's address names it, and no other does. */
static void check_all(struct api_world *w, bool is_at_rest)
{
	AUTO_JSON *services = items(w, "/api/v1/services"), *addresses = items(w, ADDRESSES);
	AUTO_JSON *holders = json_object();
	json_t *one;
	size_t i;
	json_array_foreach (services, i, one) {
		const char *ip = json_str_or(one, "spec.clusterIP", "None");
		if (streq(ip, "None"))
			continue;
		CHECK(!json_object_get(holders, ip));
		json_object_set(holders, ip, json_dig(one, "metadata.name"));
	}
	json_array_foreach (addresses, i, one) {
		const char *ip = json_str_or(one, "metadata.name", "");
		const char *holder = json_string_value(json_object_get(holders, ip));
		if (is_at_rest)
			CHECK_TEXT(ip, holder ? holder : "nobody",
				   json_str_or(one, "spec.parentRef.name", ""));
		json_object_del(holders, ip);
	}
	CHECK(!is_at_rest || json_object_size(holders) == 0);
}

/* One step of somebody: Services that come, change and go, addresses that are removed and made. */
static void meddle(struct server *s, struct rng *r)
{
	uint64_t what = rng_next(r) % 6;
	unsigned name = (unsigned)(rng_next(r) % 5), ip = (unsigned)(rng_next(r) % 4);
	auto_free char *service = xasprintf(SERVICES "/s%u", name);
	auto_free char *address = xasprintf(ADDRESSES "/10.96.0.%u", 70 + ip);
	auto_free char *asked = xasprintf("10.96.0.%u", 70 + ip);
	auto_free char *called = xasprintf("s%u", name);
	AUTO_JSON *made = json_pack("{s:{s:s},s:{s:s,s:[{s:i}]}}", "metadata", "name", called,
				    "spec", "clusterIP", asked, "ports", "port", 80);
	AUTO_JSON *outside = json_pack("{s:{s:s,s:n},s:n}", "spec", "type", "ExternalName",
				       "clusterIP", "unused");
	AUTO_JSON *of = json_pack("{s:{s:s,s:{s:s}},s:{s:{s:s,s:s,s:s}}}", "metadata", "name",
				  asked, "labels", "ipaddress.kubernetes.io/managed-by",
				  "ipallocator.k8s.io", "spec", "parentRef", "resource", "services",
				  "namespace", "default", "name", called);
	AUTO_JSON *none = json_object();
	json_put_str(outside, "spec.externalName", "x.example");
	json_put(outside, "spec.clusterIPs", json_null());
	if (what < 2)
		own_request(s, "test", "POST", SERVICES, made);
	else if (what == 2)
		own_request(s, "test", "DELETE", service, none);
	else if (what == 3)
		own_request(s, "test", "DELETE", address, none);
	else if (what == 4)
		own_request(s, "test", "PATCH", service, outside);
	else
		own_request(s, "test", "POST", ADDRESSES, of);
}

static void test_raced(uint64_t seed)
{
	struct rng r = { seed };
	struct api_world w, second;
	api_world_init(&w, seed);
	memory_etcd_set_delay(w.etcd, 1, 9, seed);
	api_world_join(&second, seed + 1, &(struct server_options){ 0 }, &w);
	for (int step = 0; step < 80; step++) {
		for (uint64_t n = rng_next(&r) % 5; n > 0; n--)
			meddle(rng_next(&r) % 2 ? w.server : second.server, &r);
		rest(&w, (int64_t)(rng_next(&r) % 20));
		if (step % 10 == 0)
			check_all(&w, false);
	}
	rest(&w, 5000);
	check_all(&w, true);
	api_world_fini(&second);
	api_world_fini(&w);
}

int main(void)
{
	struct api_world w;
	api_world_init(&w, 1);
	test_ports(&w);
	test_given(&w);
	test_canonical(&w);
	test_users(&w);
	test_ranges(&w);
	api_world_fini(&w);
	for (uint64_t seed = 1; seed <= 10; seed++)
		test_raced(seed);
	puts("addresses: all right");
	return 0;
}
