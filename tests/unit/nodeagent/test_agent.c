/* The agent against the real API server's core and a fake runtime, in simulated time. */
#include "apiserver/jwt.h"
#include "common/base/time_text.h"
#include "common/io/log.h"
#include "common/io/tls.h"
#include "nodeagent/agent.h"
#include "tests/support/api_world.h"
#include "tests/support/check.h"
#include "tests/support/runtime_fake.h"

#include <stdio.h>

#define PODS_FIT 6
#define PODS     "/api/v1/namespaces/default/pods"

struct node_world {
	struct api_world w;
	struct runtime_table *table;
	struct runtime *runtime;
	struct http_transport *transport;
	struct api *api;
	struct agent *agent;
	struct sim_network_faults faults;
	char root[64];
};

static void start_agent(struct node_world *n, const char *boot)
{
	struct error err;
	struct agent_options options = {
		.node_name = "n1",
		.root = n->root,
		.node_ip = "192.0.2.1",
		.boot_id = boot,
		.pods_max = PODS_FIT,
	};
	n->runtime = runtime_fake_new(n->table);
	n->transport = sim_transport_new(
		n->w.loop, 7, &(struct sim_peer){ .cn = "system:node:n1", .org = "system:nodes" },
		server_handle, n->w.server, &n->faults);
	n->api = api_new(n->w.loop, n->transport, "test");
	CHECK_INT(agent_new(n->w.loop, n->api, n->runtime, &options, &n->agent, &err), 0);
	agent_start(n->agent);
}

/* As kill -9 does: nothing is said to anybody. */
static void crash_agent(struct node_world *n)
{
	runtime_free(n->runtime);
	agent_free(n->agent);
	api_free(n->api);
	http_transport_free(n->transport);
}

static int call(struct node_world *n, const char *method, const char *target, const char *body,
		struct api_answer *ret)
{
	api_world_call(&n->w, n->w.admin, method, target, body ? "application/json" : NULL, NULL,
		       body, 2000, ret);
	return ret->status;
}

static int run(struct node_world *n, const char *method, const char *target, const char *body)
{
	struct api_answer a = { 0 };
	int status = call(n, method, target, body, &a);
	if (status >= 400 && status != 404)
		fprintf(stderr, "%s %s: %s\n", method, target, a.body.data);
	api_answer_fini(&a);
	return status;
}

static void pass(struct node_world *n, int64_t ms)
{
	loop_sim_run_until(n->w.loop, loop_now_ms(n->w.loop) + ms);
}

static void check_pod(struct node_world *n, const char *step, const char *name, const char *phase,
		      int64_t restarts)
{
	struct api_answer a = { 0 };
	struct error err;
	AUTO_JSON *pod = NULL;
	auto_free char *target = xasprintf(PODS "/%s", name);
	CHECK_INT(call(n, "GET", target, NULL, &a), 200);
	CHECK_INT(json_parse(a.body.data, a.body.len, &pod, &err), 0);
	CHECK_TEXT(step, json_str_or(pod, "status.phase", "(none)"), phase);
	const json_t *c = json_array_get(json_dig(pod, "status.containerStatuses"), 0);
	CHECK_INT(json_int_or(c, "restartCount", -1), restarts);
	api_answer_fini(&a);
}

static char *pod_body(const char *name, const char *restart, const char *command)
{
	return xasprintf("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\"},"
			 "\"spec\":{\"nodeName\":\"n1\",\"restartPolicy\":\"%s\","
			 "\"automountServiceAccountToken\":false,\"containers\":[{\"name\":\"%s\","
			 "\"image\":\"i:1\",\"command\":[%s]}]}}",
			 name, restart, name, command);
}

static void test_lives(struct node_world *n)
{
	auto_free char *web = pod_body("web", "Always", "\"serve\"");
	auto_free char *job = pod_body("job", "Never", "\"exit\",\"0\",\"500\"");
	CHECK_INT(run(n, "GET", "/api/v1/nodes/n1", NULL), 200);
	CHECK_INT(run(n, "POST", "/api/v1/namespaces/default/serviceaccounts",
		      "{\"metadata\":{\"name\":\"default\"}}"),
		  201);
	CHECK_INT(run(n, "POST", PODS, web), 201);
	CHECK_INT(run(n, "POST", PODS, job), 201);
	pass(n, 5000);
	check_pod(n, "web runs", "web", "Running", 0);
	check_pod(n, "job is done", "job", "Succeeded", 0);
	runtime_table_kill(n->table, "web", 1);
	pass(n, 60); /* containerd still shows it running: its event is enough */
	CHECK_INT(runtime_table_started(n->table, "web"), 2);
	pass(n, 2000);
	CHECK_INT(runtime_table_started(n->table, "web"), 2);
	check_pod(n, "web runs again", "web", "Running", 1);
	runtime_table_kill(n->table, "web", 1);
	pass(n, 5000);
	CHECK_INT(runtime_table_running(n->table), 0); /* backs off */
	pass(n, 8000);
	check_pod(n, "after the back-off", "web", "Running", 2);
}

static json_t *pod_status(struct node_world *n, const char *name, char **ret_revision)
{
	struct api_answer a = { 0 };
	struct error err;
	AUTO_JSON *pod = NULL;
	auto_free char *target = xasprintf(PODS "/%s", name);
	CHECK_INT(call(n, "GET", target, NULL, &a), 200);
	CHECK_INT(json_parse(a.body.data, a.body.len, &pod, &err), 0);
	api_answer_fini(&a);
	if (ret_revision)
		*ret_revision = xstrdup(json_str_or(pod, "metadata.resourceVersion", ""));
	return json_incref(json_object_get(pod, "status"));
}

static const char *condition(const json_t *status, const char *type)
{
	size_t i;
	json_t *c;
	json_array_foreach (json_object_get(status, "conditions"), i, c) {
		if (streq(json_str_or(c, "type", ""), type))
			return json_str_or(c, "status", "");
	}
	return "(none)";
}

/* The node controller says that a pod is not ready; who runs it knows better. */
static void test_status_of_others(struct node_world *n)
{
	static const char body[] =
		"{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\","
		"\"reason\":\"NodeNotReady\"},{\"type\":\"skiff.dev/mine\",\"status\":\"True\"}]}}";
	for (int round = 0; round < 3; round++) {
		struct api_answer a = { 0 };
		auto_free char *before = NULL, *after = NULL;
		api_world_call(&n->w, n->w.admin, "PATCH", PODS "/web/status",
			       "application/strategic-merge-patch+json", NULL, body, 2000, &a);
		CHECK_INT(a.status, 200);
		api_answer_fini(&a);
		pass(n, 3000);
		AUTO_JSON *status = pod_status(n, "web", &before);
		CHECK_TEXT("said again", condition(status, "Ready"), "True");
		CHECK_TEXT("others' stay", condition(status, "skiff.dev/mine"), "True");
		pass(n, 30000);
		json_t *later = pod_status(n, "web", &after);
		CHECK_TEXT("nothing more is written", after, before);
		json_decref(later);
	}
}

static void test_crash(struct node_world *n)
{
	size_t started = runtime_table_started(n->table, "web");
	crash_agent(n);
	pass(n, 1000);
	start_agent(n, "boot-1");
	pass(n, 5000);
	CHECK_INT(runtime_table_started(n->table, "web"), started);
	check_pod(n, "a restarted agent changes nothing", "web", "Running", 2);
}

/* A gated pod does not start by itself after a boot, and the boot is told only when nobody can
 * take its old readiness for a new one. */
static void test_boot(struct node_world *n)
{
	static const char gate[] =
		"{\"metadata\":{\"annotations\":{\"skiff.dev/gated\":\"true\"}}}";
	static const char turn[] =
		"{\"metadata\":{\"annotations\":{\"skiff.dev/start-boot\":\"boot-2\"}}}";
	struct api_answer a = { 0 };
	api_world_call(&n->w, n->w.admin, "PATCH", PODS "/web", "application/merge-patch+json",
		       NULL, gate, 2000, &a);
	CHECK_INT(a.status, 200);
	api_answer_fini(&a);
	pass(n, 1000);
	crash_agent(n);
	runtime_table_kill(n->table, "web", 137);
	pass(n, 1000); /* a boot takes a while */
	size_t started = runtime_table_started(n->table, "web");
	start_agent(n, "boot-2");
	bool is_told = false;
	for (int i = 0; i < 400; i++) {
		struct error err;
		AUTO_JSON *node = NULL;
		CHECK_INT(call(n, "GET", "/api/v1/nodes/n1", NULL, &a), 200);
		CHECK_INT(json_parse(a.body.data, a.body.len, &node, &err), 0);
		api_answer_fini(&a);
		is_told = streq(json_str_or(node, "status.nodeInfo.bootID", ""), "boot-2");
		AUTO_JSON *status = pod_status(n, "web", NULL);
		if (is_told)
			CHECK_TEXT("told when", condition(status, "Ready"), "False");
		pass(n, 10);
	}
	CHECK(is_told);
	CHECK_INT(runtime_table_started(n->table, "web"), started);
	api_world_call(&n->w, n->w.admin, "PATCH", PODS "/web", "application/merge-patch+json",
		       NULL, turn, 2000, &a);
	CHECK_INT(a.status, 200);
	api_answer_fini(&a);
	pass(n, 60000);
	CHECK_INT(runtime_table_started(n->table, "web"), started + 1);
}

/* What others depend on is not stopped before the controller says so. */
static void test_stop_order(struct node_world *n)
{
	auto_free char *body = pod_body("db", "Always", "\"serve\"");
	struct api_answer a = { 0 };
	CHECK_INT(run(n, "POST", PODS, body), 201);
	api_world_call(&n->w, n->w.admin, "PATCH", PODS "/db", "application/merge-patch+json", NULL,
		       "{\"metadata\":{\"finalizers\":[\"skiff.dev/stop-order\"]}}", 2000, &a);
	CHECK_INT(a.status, 200);
	api_answer_fini(&a);
	pass(n, 3000);
	size_t running = runtime_table_running(n->table);
	CHECK_INT(run(n, "DELETE", PODS "/db", NULL), 200);
	pass(n, 20000);
	check_pod(n, "it waits", "db", "Running", 0);
	CHECK_INT(runtime_table_running(n->table), running);
	api_world_call(&n->w, n->w.admin, "PATCH", PODS "/db", "application/merge-patch+json", NULL,
		       "{\"metadata\":{\"finalizers\":null}}", 2000, &a);
	CHECK_INT(a.status, 200);
	api_answer_fini(&a);
	pass(n, 3000);
	CHECK_INT(run(n, "GET", PODS "/db", NULL), 404);
	CHECK_INT(runtime_table_running(n->table), running - 1);
}

static char *file_text(const char *path)
{
	char text[4096] = "";
	FILE *f = fopen(path, "re");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	return xstrdup(text);
}

/* The file in a pod's volume. */
static char *volume_path(struct node_world *n, const char *pod, const char *file)
{
	struct api_answer a = { 0 };
	struct error err;
	AUTO_JSON *object = NULL;
	auto_free char *target = xasprintf(PODS "/%s", pod);
	CHECK_INT(call(n, "GET", target, NULL, &a), 200);
	CHECK_INT(json_parse(a.body.data, a.body.len, &object, &err), 0);
	api_answer_fini(&a);
	return xasprintf("%s/pods/%s/volumes/v/%s", n->root,
			 json_str_or(object, "metadata.uid", ""), file);
}

/* A changed ConfigMap is in the volume soon. */
static void test_volume(struct node_world *n)
{
	static const char pod[] =
		"{\"metadata\":{\"name\":\"conf\"},\"spec\":{\"nodeName\":\"n1\","
		"\"automountServiceAccountToken\":false,\"containers\":[{\"name\":\"conf\","
		"\"image\":\"i:1\",\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\"}]}],"
		"\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"c\"}}]}}";
	CHECK_INT(run(n, "POST", "/api/v1/namespaces/default/configmaps",
		      "{\"metadata\":{\"name\":\"c\"},\"data\":{\"k\":\"one\"}}"),
		  201);
	CHECK_INT(run(n, "POST", PODS, pod), 201);
	pass(n, 3000);
	auto_free char *path = volume_path(n, "conf", "k");
	auto_free char *before = file_text(path);
	CHECK_TEXT("written", before, "one");
	CHECK_INT(run(n, "PUT", "/api/v1/namespaces/default/configmaps/c",
		      "{\"metadata\":{\"name\":\"c\"},\"data\":{\"k\":\"two\"}}"),
		  200);
	pass(n, 11000);
	auto_free char *after = file_text(path);
	CHECK_TEXT("written anew", after, "two");
	CHECK_INT(run(n, "DELETE", PODS "/conf", NULL), 200);
	pass(n, 5000);
}

static int64_t token_end_s(const char *token)
{
	struct error err = { 0 };
	AUTO_JWT parsed = { 0 };
	if (jwt_parse(token, &parsed, &err) < 0)
		fprintf(stderr, "'%s': %s\n", token, err.text);
	return json_int_or(parsed.claims, "exp", 0);
}

/* A token is another before it has ended, in the same file; programs in pods read it anew. */
static void test_token(struct node_world *n)
{
	static const char pod[] =
		"{\"metadata\":{\"name\":\"asks\"},\"spec\":{\"nodeName\":\"n1\","
		"\"automountServiceAccountToken\":false,\"containers\":[{\"name\":\"asks\","
		"\"image\":\"i:1\",\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\"}]}],"
		"\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"serviceAccountToken\":{"
		"\"path\":\"token\",\"expirationSeconds\":600}}]}}]}}";
	CHECK_INT(run(n, "POST", PODS, pod), 201);
	pass(n, 3000);
	int64_t begin_s = loop_wall_us(n->w.loop) / 1000000;
	auto_free char *path = volume_path(n, "asks", "token");
	auto_free char *first = file_text(path);
	int64_t end_s = token_end_s(first);
	CHECK(end_s > begin_s + 590 && end_s <= begin_s + 600);
	pass(n, 460000);
	auto_free char *same = file_text(path);
	CHECK_TEXT("not yet", same, first);
	pass(n, 60000);
	auto_free char *second = file_text(path);
	CHECK(token_end_s(second) >= end_s + 460);
	CHECK_INT(run(n, "DELETE", PODS "/asks", NULL), 200);
	pass(n, 5000);
}

/* One more than the node takes. */
static void test_excess(struct node_world *n)
{
	char name[16];
	for (int i = 0; i <= PODS_FIT; i++) {
		CHECK(snprintf(name, sizeof(name), "many-%d", i) > 0);
		auto_free char *body = pod_body(name, "Always", "\"serve\"");
		CHECK_INT(run(n, "POST", PODS, body), 201);
		pass(n, 1500);
	}
	AUTO_JSON *status = pod_status(n, "many-6", NULL);
	CHECK_TEXT("refused", json_str_or(status, "reason", ""), "OutOfpods");
	CHECK_TEXT("refused", json_str_or(status, "phase", ""), "Failed");
	CHECK_INT(runtime_table_started(n->table, "many-6"), 0);
	for (int i = 0; i <= PODS_FIT; i++) {
		auto_free char *target = xasprintf(PODS "/many-%d", i);
		CHECK_INT(run(n, "DELETE", target, NULL), 200);
	}
	pass(n, 5000);
}

static void test_hooks(struct node_world *n)
{
	static const char body[] =
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"hooks\"},"
		"\"spec\":{\"nodeName\":\"n1\",\"automountServiceAccountToken\":false,"
		"\"terminationGracePeriodSeconds\":%d,\"containers\":[{\"name\":\"hooks\","
		"\"image\":\"i:1\",\"lifecycle\":{\"postStart\":{\"sleep\":{\"seconds\":%d}},"
		"\"preStop\":{\"sleep\":{\"seconds\":3}}}}]}}";
	auto_free char *both = xasprintf(body, 30, 2), *hasty = xasprintf(body, 60, 60);
	CHECK_INT(run(n, "POST", PODS, both), 201);
	pass(n, 1500);
	check_pod(n, "its hook is under way", "hooks", "Pending", 0);
	pass(n, 3000);
	check_pod(n, "its hook is through", "hooks", "Running", 0);
	size_t others = runtime_table_running(n->table) - 1;
	CHECK_INT(run(n, "DELETE", PODS "/hooks", NULL), 200);
	pass(n, 2500);
	CHECK_INT(runtime_table_running(n->table), others + 1); /* preStop */
	pass(n, 3000);
	CHECK_INT(run(n, "GET", PODS "/hooks", NULL), 404);
	/* Deleted while postStart sleeps: the hook is given up. */
	CHECK_INT(run(n, "POST", PODS, hasty), 201);
	pass(n, 3000);
	check_pod(n, "a long hook", "hooks", "Pending", 0);
	CHECK_INT(run(n, "DELETE", PODS "/hooks?gracePeriodSeconds=1", NULL), 200);
	pass(n, 4000);
	CHECK_INT(run(n, "GET", PODS "/hooks", NULL), 404);
	/* The process dies while its hook sleeps. */
	CHECK_INT(run(n, "POST", PODS, hasty), 201);
	pass(n, 3000);
	runtime_table_kill(n->table, "hooks", 1);
	pass(n, 2000);
	CHECK_INT(runtime_table_started(n->table, "hooks"), 4);
	CHECK_INT(run(n, "DELETE", PODS "/hooks", NULL), 200);
	pass(n, 8000);
	CHECK_INT(run(n, "GET", PODS "/hooks", NULL), 404);
}

static void test_deletion(struct node_world *n)
{
	CHECK_INT(run(n, "DELETE", PODS "/web", NULL), 200);
	CHECK_INT(run(n, "DELETE", PODS "/job", NULL), 200);
	pass(n, 5000);
	CHECK_INT(run(n, "GET", PODS "/web", NULL), 404);
	CHECK_INT(run(n, "GET", PODS "/job", NULL), 404);
	CHECK_INT(runtime_table_sandboxes(n->table), 0);
	CHECK_INT(runtime_table_running(n->table), 0);
	/* One that is not restarted: when the runtime has forgotten it, its end stays said. */
	auto_free char *once = pod_body("once", "Never", "\"serve\"");
	CHECK_INT(run(n, "POST", PODS, once), 201);
	pass(n, 3000);
	check_pod(n, "once runs", "once", "Running", 0);
	CHECK_INT(run(n, "DELETE", PODS "/once", NULL), 200);
	pass(n, 5000);
	CHECK_INT(run(n, "GET", PODS "/once", NULL), 404);
}

/* Renewed not long ago, also when the answer to a renewal never comes. */
static void test_lease(struct node_world *n)
{
	struct api_answer a = { 0 };
	struct error err;
	AUTO_JSON *lease = NULL;
	char then[TIME_TEXT_SIZE];
	n->faults.delay_min_ms = n->faults.delay_max_ms = 30000;
	pass(n, 10000);
	n->faults = (struct sim_network_faults){ 0 };
	time_format_micro(loop_wall_us(n->w.loop), then);
	pass(n, 5500);
	CHECK_INT(call(n, "GET",
		       "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1", NULL,
		       &a),
		  200);
	CHECK_INT(json_parse(a.body.data, a.body.len, &lease, &err), 0);
	CHECK(strcmp(json_str_or(lease, "spec.renewTime", ""), then) > 0);
	api_answer_fini(&a);
}

int main(void)
{
	struct node_world n = { 0 };
	struct error err;
	log_set_quiet(true);
	CHECK(snprintf(n.root, sizeof(n.root), "/tmp/skiff-agent-XXXXXX") > 0);
	CHECK(mkdtemp(n.root) != NULL);
	auto_free char *orphan = xasprintf("%s/pods/of-nobody/volumes", n.root);
	auto_free char *make = xasprintf("mkdir -p %s %s/log/a_b_of-nobody/c", orphan, n.root);
	CHECK_INT(system(make), 0);
	auto_free char *key = NULL;
	CHECK_INT(tls_rsa_generate(&key, &err), 0);
	api_world_init_with(&n.w, 42, &(struct server_options){ .token_key_pem = key });
	n.table = runtime_table_new(n.w.loop);
	start_agent(&n, "boot-1");
	pass(&n, 3000);
	test_lives(&n);
	CHECK_INT(access(orphan, F_OK), -1); /* files of a pod that vanished */
	test_status_of_others(&n);
	test_lease(&n);
	test_crash(&n);
	test_status_of_others(&n);
	test_hooks(&n);
	test_volume(&n);
	test_token(&n);
	test_stop_order(&n);
	test_boot(&n);
	test_deletion(&n);
	test_excess(&n);
	crash_agent(&n);
	runtime_table_free(n.table);
	api_world_fini(&n.w);
	auto_free char *tidy = xasprintf("rm -rf %s", n.root);
	CHECK_INT(system(tidy), 0);
	return 0;
}
