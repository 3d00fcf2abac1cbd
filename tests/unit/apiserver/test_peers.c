/*
 * API servers that come, go, die and move: what their Leases say, and which addresses the Service
 * `kubernetes` has meanwhile, in its Endpoints and in its slices.
 */
#include "apiserver/peers.h"
#include "common/base/jsonx.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define LEASES    "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
#define ENDPOINTS "/api/v1/namespaces/default/endpoints/kubernetes"
#define SLICES    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
#define ADDRESS   "kubernetes.io/peer-advertise-address"

#define CHECK_SAME(got, want) CHECK_TEXT("", (got), (want))
#define RUN(w, rows)          api_rows_run((w), (rows), ARRAY_LEN(rows))

static void rest(struct api_world *w, int64_t ms)
{
	loop_sim_run_until(w->loop, loop_now_ms(w->loop) + ms);
}

static json_t *get(struct api_world *w, const char *target)
{
	struct api_answer a;
	struct error err;
	json_t *tree = NULL;
	api_world_call(w, w->admin, "GET", target, NULL, NULL, NULL, 20000, &a);
	CHECK_INT(a.status, 200);
	CHECK(json_parse(a.body.data, a.body.len, &tree, &err) == 0);
	api_answer_fini(&a);
	return tree;
}

static void tell_endpoints(struct api_world *w, struct str *to)
{
	AUTO_JSON *tree = get(w, ENDPOINTS);
	json_t *subset, *address;
	size_t i, k;
	json_array_foreach (json_object_get(tree, "subsets"), i, subset)
		json_array_foreach (json_object_get(subset, "addresses"), k, address) {
			const json_t *port = json_array_get(json_object_get(subset, "ports"), 0);
			str_addf(to, "%s%s:%lld", to->len ? " " : "",
				 json_str_or(address, "ip", "?"),
				 (long long)json_int_or(port, "port", 0));
		}
}

/* Where a slice has another port than the first, its name has the port. */
static void tell_slices(struct api_world *w, struct str *to)
{
	AUTO_JSON *list = get(w, SLICES);
	json_t *slice, *endpoint;
	size_t i, k;
	json_array_foreach (json_object_get(list, "items"), i, slice) {
		const json_t *port = json_array_get(json_object_get(slice, "ports"), 0);
		long long number = (long long)json_int_or(port, "port", 0);
		auto_free char *name =
			i ? xasprintf("kubernetes-%lld", number) : xstrdup("kubernetes");
		CHECK_SAME(json_str_or(slice, "metadata.name", ""), name);
		json_array_foreach (json_object_get(slice, "endpoints"), k, endpoint)
			str_addf(to, "%s%s:%lld", to->len ? " " : "",
				 json_string_value(
					 json_array_get(json_object_get(endpoint, "addresses"), 0)),
				 number);
	}
}

static void check_addresses(struct api_world *w, const char *wanted)
{
	AUTO_STR endpoints, slices;
	str_init(&endpoints, 4096);
	str_init(&slices, 4096);
	str_add(&endpoints, "");
	str_add(&slices, "");
	tell_endpoints(w, &endpoints);
	tell_slices(w, &slices);
	CHECK_SAME(endpoints.data, wanted);
	CHECK_SAME(slices.data, wanted);
}

static size_t leases(struct api_world *w)
{
	AUTO_JSON *list =
		get(w, LEASES "?labelSelector=apiserver.kubernetes.io%2Fidentity%3Dkube-apiserver");
	return json_array_size(json_object_get(list, "items"));
}

/* The path of the Lease of the server at `address`; "": there is none. */
static char *lease_of(struct api_world *w, const char *address)
{
	AUTO_JSON *list = get(w, LEASES);
	json_t *one;
	size_t i;
	json_array_foreach (json_object_get(list, "items"), i, one) {
		const char *text = json_member_str(json_dig(one, "metadata.annotations"), ADDRESS);
		if (text && streq(text, address))
			return xasprintf(LEASES "/%s", json_str_or(one, "metadata.name", ""));
	}
	return xstrdup("");
}

static void join(struct api_world *w, struct api_world *first, uint64_t seed, const char *address,
		 uint16_t port)
{
	api_world_join(w, seed,
		       &(struct server_options){ .advertise_address = address,
						 .advertise_port = port,
						 .hostname = "other" },
		       first);
	rest(w, 2000); /* for its address to have come */
}

/* ---- what a Lease says ---- */

static void test_lease(struct api_world *w)
{
	CHECK_INT(leases(w), 1);
	auto_free char *path = lease_of(w, "10.0.0.1:6443");
	AUTO_JSON *lease = get(w, path);
	const json_t *labels = json_dig(lease, "metadata.labels");
	const char *name = json_str_or(lease, "metadata.name", "");
	const char *holder = json_str_or(lease, "spec.holderIdentity", "");
	CHECK_INT(strlen(name), strlen("apiserver-wlv32tlttr4jl3gtroqexyxapa"));
	CHECK(starts_with(name, "apiserver-"));
	CHECK(starts_with(holder, name) && holder[strlen(name)] == '_');
	CHECK_INT(strlen(holder), strlen(name) + 37);
	CHECK_SAME(json_member_str(labels, "apiserver.kubernetes.io/identity"), "kube-apiserver");
	CHECK_SAME(json_member_str(labels, "kubernetes.io/hostname"), "localhost");
	CHECK_INT(json_int_or(lease, "spec.leaseDurationSeconds", 0), 3600);
	CHECK(json_str(lease, "spec.renewTime"));
	const struct api_row nodes[] = {
		{ "a node does not read it", "system:node:n1/system:nodes", "GET", path, 0, 403,
		  "can only access leases in the \\\"kube-node-lease\\\" system namespace" },
		{ "nor remove it", "system:node:n1/system:nodes", "DELETE", path, 0, 403, "" },
	};
	RUN(w, nodes);
	rest(w, 10500);
	AUTO_JSON *later = get(w, path);
	CHECK(!streq(json_str(lease, "spec.renewTime"), json_str(later, "spec.renewTime")));
	CHECK_SAME(json_str(later, "spec.holderIdentity"), holder);
}

/* A renewal every ten seconds, and nothing else. */
static void test_idle(struct api_world *w, unsigned servers)
{
	AUTO_JSON *before = get(w, ENDPOINTS);
	uint64_t revision = memory_etcd_revision(w->etcd);
	rest(w, 100000);
	AUTO_JSON *after = get(w, ENDPOINTS);
	CHECK(json_equal(before, after));
	CHECK_INT(memory_etcd_revision(w->etcd) - revision, 10 * servers);
}

/* ---- servers that come and go ---- */

static void test_killed(struct api_world *w)
{
	struct api_world second;
	check_addresses(w, "10.0.0.1:6443");
	join(&second, w, 11, "10.0.0.2", 6443);
	check_addresses(w, "10.0.0.1:6443 10.0.0.2:6443");
	check_addresses(&second, "10.0.0.1:6443 10.0.0.2:6443");
	test_idle(w, 2);
	auto_free char *path = lease_of(w, "10.0.0.2:6443");
	api_world_fini(&second);
	rest(w, 4000);
	check_addresses(w, "10.0.0.1:6443 10.0.0.2:6443");
	rest(w, 12000);
	check_addresses(w, "10.0.0.1:6443");
	CHECK_INT(leases(w), 2);
	AUTO_JSON *lease = get(w, path);
	CHECK(!json_member_str(json_dig(lease, "metadata.annotations"), ADDRESS));
	/* The same one comes back. */
	join(&second, w, 12, "10.0.0.2", 6443);
	check_addresses(w, "10.0.0.1:6443 10.0.0.2:6443");
	AUTO_JSON *again = get(w, path);
	CHECK(!streq(json_str(lease, "spec.holderIdentity"),
		     json_str(again, "spec.holderIdentity")));
	CHECK_INT(leases(w), 2);
	api_world_fini(&second);
	rest(w, 3500 * 1000);
	CHECK_INT(leases(w), 2);
	rest(w, 150 * 1000);
	CHECK_INT(leases(w), 1);
}

static void test_moved(struct api_world *w)
{
	struct api_world second;
	join(&second, w, 13, "10.0.0.2", 6443);
	api_world_fini(&second);
	join(&second, w, 14, "10.0.0.3", 6443);
	check_addresses(w, "10.0.0.1:6443 10.0.0.2:6443 10.0.0.3:6443");
	rest(w, 16000);
	check_addresses(w, "10.0.0.1:6443 10.0.0.3:6443");
	api_world_fini(&second);
	rest(w, 16000);
	check_addresses(w, "10.0.0.1:6443");
}

static void note(void *ctx)
{
	*(bool *)ctx = true;
}

static void test_left(struct api_world *w)
{
	struct api_world second;
	bool is_done = false;
	join(&second, w, 15, "10.0.0.2", 6443);
	server_leave(second.server, note, &is_done);
	rest(w, 100);
	CHECK(is_done);
	check_addresses(w, "10.0.0.1:6443");
	api_world_fini(&second);
	/* One that has not come up yet, and one whose store does not answer, end all the same. */
	join(&second, w, 16, "10.0.0.2", 6443);
	store_memory_set_down(second.backend, true);
	is_done = false;
	server_leave(second.server, note, &is_done);
	rest(w, 900);
	CHECK(!is_done);
	rest(w, 200);
	CHECK(is_done);
	store_memory_set_down(second.backend, false);
	rest(w, 16000);
	check_addresses(w, "10.0.0.1:6443"); /* it does not come back */
	api_world_fini(&second);
	rest(w, 16000);
	check_addresses(w, "10.0.0.1:6443");
}

static void test_ports(struct api_world *w)
{
	struct api_world second, third;
	join(&second, w, 17, "10.0.0.2", 7443);
	join(&third, w, 18, "10.0.0.1", 7443);
	check_addresses(w, "10.0.0.1:6443 10.0.0.1:7443 10.0.0.2:7443");
	test_idle(w, 3);
	api_world_fini(&third);
	rest(w, 16000);
	check_addresses(w, "10.0.0.1:6443 10.0.0.2:7443");
	api_world_fini(&second);
	rest(w, 16000);
	check_addresses(w, "10.0.0.1:6443");
}

/* ---- what others do to it ---- */

static void test_meddled(struct api_world *w)
{
	struct api_world second;
	join(&second, w, 19, "10.0.0.2", 6443);
	auto_free char *path = lease_of(w, "10.0.0.2:6443");
	const struct api_row rows[] = {
		{ "removed", 0, "DELETE", path, 0, 200, "" },
		{ "not a server's", 0, "POST", LEASES,
		  "{\"metadata\":{\"name\":\"apiserver-x\",\"annotations\":{\"" ADDRESS
		  "\":\"10.0.0.9:6443\"}}}",
		  201, "" },
		{ "nonsense", 0, "POST", LEASES,
		  "{\"metadata\":{\"name\":\"apiserver-y\",\"annotations\":{\"" ADDRESS
		  "\":\"127.0.0.1:6443\"},\"labels\":{\"apiserver.kubernetes.io/identity\":"
		  "\"kube-apiserver\"}}}",
		  201, "" },
		{ "endpoints", 0, "PATCH", ENDPOINTS, "{\"subsets\":[]}", 200, "" },
		{ "slice", 0, "DELETE", SLICES "/kubernetes", 0, 200, "" },
	};
	RUN(w, rows);
	rest(w, 1000);
	check_addresses(w, "10.0.0.1:6443 10.0.0.2:6443");
	const struct api_row off[] = {
		{ "thought dead", 0, "PATCH", path,
		  "{\"metadata\":{\"annotations\":{\"" ADDRESS "\":null}}}", 200, "" },
	};
	RUN(w, off);
	rest(w, 1000);
	check_addresses(w, "10.0.0.1:6443 10.0.0.2:6443");
	rest(w, 11000);
	const struct api_row rows_end[] = {
		{ "without a time: ended at once", 0, "GET", LEASES "/apiserver-y", 0, 404, "" },
		{ "not a server's: left", 0, "DELETE", LEASES "/apiserver-x", 0, 200, "" },
	};
	RUN(w, rows_end);
	api_world_fini(&second);
	rest(w, 16000);
}

/* Nobody hears of anybody for a minute: nobody is to blame. */
static void test_silence(struct api_world *w)
{
	struct api_world second;
	join(&second, w, 20, "10.0.0.2", 6443);
	AUTO_JSON *before = get(w, ENDPOINTS);
	store_memory_set_down(w->backend, true);
	store_memory_set_down(second.backend, true);
	rest(w, 60000);
	store_memory_set_down(w->backend, false);
	store_memory_set_down(second.backend, false);
	rest(w, 20000);
	AUTO_JSON *after = get(w, ENDPOINTS);
	CHECK_SAME(json_str(before, "metadata.resourceVersion"),
		   json_str(after, "metadata.resourceVersion"));
	/* One alone hears nothing: the other goes on, and it is back afterwards. */
	store_memory_set_down(second.backend, true);
	rest(w, 30000);
	check_addresses(w, "10.0.0.1:6443");
	store_memory_set_down(second.backend, false);
	rest(w, 20000);
	check_addresses(w, "10.0.0.1:6443 10.0.0.2:6443");
	api_world_fini(&second);
	rest(w, 16000);
}

/* While the store takes its time, the Lease is not asked for again and again. */
static void test_slow(struct api_world *w)
{
	struct api_pending removal;
	auto_free char *path = lease_of(w, "10.0.0.1:6443");
	const char *name = strrchr(path, '/') + 1;
	const struct schema_kind *kind = schema_kind_by_kind("coordination.k8s.io", "v1", "Lease");
	api_world_ask(w, "DELETE", path, NULL, &removal);
	while (hub_get(w->server->hub, kind, "kube-system", name))
		CHECK(loop_sim_step(w->loop));
	memory_etcd_set_delay(w->etcd, 50000, 50000, 1);
	rest(w, 45000);
	CHECK(w->server->own_under_way >= 3);
	CHECK(w->server->own_under_way < 10);
	memory_etcd_set_delay(w->etcd, 0, 0, 1);
	rest(w, 120000);
	check_addresses(w, "10.0.0.1:6443");
}

static void test_refused(void)
{
	static const struct {
		const char *text, *why; /* NULL: fine */
	} rows[] = {
		{ "10.0.0.1", NULL },
		{ "192.168.1.7", NULL },
		{ "nonsense", "advertised address 'nonsense' is no IPv4 address" },
		{ "", "advertised address '' is no IPv4 address" },
		{ "::1", "advertised address '::1' is no IPv4 address" },
		{ "10.0.0.1:6443", "advertised address '10.0.0.1:6443' is no IPv4 address" },
		{ "127.0.0.1", "advertised address 127.0.0.1 is on the loopback interface: pods do "
			       "not reach it" },
		{ "0.0.0.0", "advertised address 0.0.0.0 is no address of any machine: pods do not "
			     "reach it" },
		{ "169.254.1.1",
		  "advertised address 169.254.1.1 is valid on one link only: pods do "
		  "not reach it" },
		{ "239.1.1.1",
		  "advertised address 239.1.1.1 is for many at once: pods do not reach "
		  "it" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err;
		int code = peers_check_address(rows[i].text, &err);
		CHECK_INT(code, rows[i].why ? ERR_INVALID : 0);
		if (code < 0)
			CHECK_SAME(err.text, rows[i].why);
	}
}

int main(void)
{
	struct api_world w;
	test_refused();
	api_world_init(&w, 1);
	test_lease(&w);
	test_idle(&w, 1);
	test_killed(&w);
	test_moved(&w);
	test_left(&w);
	test_ports(&w);
	test_meddled(&w);
	test_silence(&w);
	test_slow(&w);
	api_world_fini(&w);
	puts("peers: all right");
	return 0;
}
