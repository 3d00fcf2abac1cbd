/* All controllers together on a simulated loop against an API in memory: what users see. */
#include "tests/support/check.h"

#include "common/io/log.h"
#include "controller/controllers.h"
#include "tests/unit/controller/fake_api.h"

struct world {
	struct loop *loop;
	struct fake *api;
	struct api *client;
	struct controllers *controllers;
};

static void start(struct world *w, uint64_t seed)
{
	w->loop = loop_sim_new(seed, 1800000000000000);
	w->api = fake_new(w->loop);
	fake_add(
		w->api, "namespaces", "",
		"{'metadata':{'name':'default'},'spec':{'finalizers':['kubernetes']},'status':{'phase':'Active'}}");
	fake_add_node(w->api, "node-1");
	fake_add_node(w->api, "node-2");
	w->client = api_new(w->loop, &w->api->transport, "test");
	w->controllers = controllers_start(
		w->loop, w->client,
		&(struct controllers_options){
			.cluster_cidr = "10.244.0.0/16", .root_ca = "PEM", .seed = seed });
}

static void run(struct world *w, int64_t ms)
{
	CHECK(loop_sim_run_until(w->loop, loop_now_ms(w->loop) + ms));
}

static void finish(struct world *w)
{
	controllers_free(w->controllers);
	api_free(w->client);
	fake_free(w->api);
	loop_free(w->loop);
}

static json_t *add_deployment(struct world *w, const char *name, int replicas, const char *extra)
{
	char *text = xasprintf(
		"{'metadata':{'name':'%s','annotations':{%s}},'spec':{'replicas':%d,"
		"'revisionHistoryLimit':2,'progressDeadlineSeconds':600,"
		"'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':'25%%','maxUnavailable':'25%%'}},"
		"'selector':{'matchLabels':{'app':'%s'}},"
		"'template':{'metadata':{'labels':{'app':'%s'}},'spec':{'containers':[{'name':'c',"
		"'image':'x:1','ports':[{'name':'web','containerPort':80}],"
		"'resources':{'requests':{'cpu':'100m','memory':'64Mi'}}}]}}}}",
		name, extra, replicas, name, name);
	json_t *d = fake_add(w->api, "deployments", "default", text);
	free(text);
	return d;
}

static json_t *deployment(struct world *w, const char *name)
{
	json_t *d = fake_get(w->api, "deployments", "default", name);
	CHECK(d);
	return d;
}

static const char *condition(const json_t *o, const char *type, const char *member)
{
	size_t i;
	json_t *c;
	json_array_foreach(json_dig(o, "status.conditions"), i, c)
	{
		if (streq(json_str_or(c, "type", ""), type))
			return json_str_or(c, member, "");
	}
	return "(none)";
}

static void update(struct world *w, const char *resource, const char *name, const char *path,
		   json_t *value)
{
	struct fake_object *o = fake_find(w->api, resource, "default", name);
	CHECK(o);
	json_put(o->tree, path, value);
	json_put_int(o->tree, "metadata.generation",
		     json_int_or(o->tree, "metadata.generation", 1) + 1);
	fake_changed(w->api, o);
}

static void delete_object(struct world *w, const char *resource, const char *ns, const char *name,
			  const char *policy)
{
	struct fake_object *o = fake_find(w->api, resource, ns, name);
	CHECK(o);
	struct fake_call call = { .body = json_object() };
	json_t *reply = NULL;
	json_put_str(call.body, "propagationPolicy", policy);
	fake_delete(w->api, &call, o, &reply);
	json_decref(reply);
	json_decref(call.body);
}

static void check_complete(struct world *w, const char *name, int replicas)
{
	const json_t *d = deployment(w, name);
	CHECK_INT(json_int_or(d, "status.replicas", 0), replicas);
	CHECK_INT(json_int_or(d, "status.updatedReplicas", 0), replicas);
	CHECK_INT(json_int_or(d, "status.availableReplicas", 0), replicas);
	CHECK_INT(json_int_or(d, "status.observedGeneration", 0),
		  json_int_or(d, "metadata.generation", -1));
	CHECK_TEXT(name, condition(d, "Available", "status"), "True");
	CHECK_TEXT(name, condition(d, "Progressing", "reason"), "NewReplicaSetAvailable");
}

static void test_rollout(uint64_t seed, unsigned fail_every)
{
	struct world w;
	start(&w, seed);
	w.api->fail_every = fail_every;
	add_deployment(&w, "web", 4, "");
	fake_add(
		w.api, "services", "default",
		"{'metadata':{'name':'web'},'spec':{'clusterIP':'10.96.0.9','selector':{'app':'web'},"
		"'ports':[{'port':80,'targetPort':'web'}]}}");
	run(&w, 20000);
	check_complete(&w, "web", 4);
	CHECK_INT(fake_count(w.api, "pods", "default", "web-"), 4);
	CHECK_INT(fake_count(w.api, "replicasets", "default", "web-"), 1);
	CHECK_INT(fake_count(w.api, "endpointslices", "default", "web-"), 1);
	const json_t *e = fake_get(w.api, "endpoints", "default", "web");
	CHECK_INT(json_array_size(json_object_get(json_array_get(json_object_get(e, "subsets"), 0),
						  "addresses")),
		  4);
	CHECK(fake_get(w.api, "serviceaccounts", "default", "default"));
	CHECK(fake_get(w.api, "configmaps", "default", "kube-root-ca.crt"));
	CHECK_TEXT("range", json_str(fake_get(w.api, "nodes", "", "node-1"), "spec.podCIDR"),
		   "10.244.0.0/24");
	CHECK_TEXT("range", json_str(fake_get(w.api, "nodes", "", "node-2"), "spec.podCIDR"),
		   "10.244.1.0/24");

	/* Three more revisions; the history keeps two old ones. */
	for (int i = 2; i <= 4; i++) {
		json_t *template = json_deep_copy(json_dig(deployment(&w, "web"), "spec.template"));
		json_t *containers = json_dig(template, "spec.containers");
		char image[8];
		CHECK(snprintf(image, sizeof image, "x:%d", i) > 0);
		json_put_str(json_array_get(containers, 0), "image", image);
		update(&w, "deployments", "web", "spec.template", template);
		run(&w, 30000);
		check_complete(&w, "web", 4);
	}
	CHECK_INT(fake_count(w.api, "replicasets", "default", "web-"), 3);
	CHECK_TEXT("revision",
		   json_member_str(json_dig(deployment(&w, "web"), "metadata.annotations"),
				   "deployment.kubernetes.io/revision"),
		   "4");
	update(&w, "deployments", "web", "spec.replicas", json_integer(7));
	run(&w, 20000);
	check_complete(&w, "web", 7);
	CHECK_INT(fake_count(w.api, "pods", "default", "web-"), 7);

	uint64_t quiet = w.api->writes;
	run(&w, 300000);
	CHECK_INT(w.api->writes - quiet, 0); /* at rest nothing is written */

	delete_object(&w, "deployments", "default", "web", "Background");
	run(&w, 40000);
	CHECK_INT(fake_count(w.api, "pods", "default", ""), 0);
	CHECK_INT(fake_count(w.api, "replicasets", "default", ""), 0);
	finish(&w);
}

static void test_order(void)
{
	struct world w;
	start(&w, 5);
	add_deployment(&w, "web", 1, "'skiff.dev/depends-on':'api'");
	add_deployment(&w, "api", 2, "'skiff.dev/depends-on':'Deployment/db'");
	run(&w, 3000);
	CHECK_INT(fake_count(w.api, "pods", "default", ""), 0);
	CHECK_TEXT("api", condition(deployment(&w, "api"), "DependenciesReady", "message"),
		   "waiting for Deployment/db (not found)");
	CHECK_TEXT("web", condition(deployment(&w, "web"), "DependenciesReady", "message"),
		   "waiting for Deployment/api (0/2 ready)");
	CHECK_TEXT("web", condition(deployment(&w, "web"), "Progressing", "reason"),
		   "DependenciesPending");
	json_t *db = add_deployment(&w, "db", 1, "");
	run(&w, 10000);
	check_complete(&w, "db", 1);
	check_complete(&w, "api", 2);
	check_complete(&w, "web", 1);
	CHECK_TEXT("web", condition(deployment(&w, "web"), "DependenciesReady", "status"), "True");
	db = deployment(&w, "db");
	CHECK_INT(json_array_size(json_dig(db, "metadata.finalizers")), 1);

	/* Deleted together: web first, db last. */
	delete_object(&w, "deployments", "default", "db", "Background");
	delete_object(&w, "deployments", "default", "api", "Background");
	delete_object(&w, "deployments", "default", "web", "Background");
	bool db_had_pods = false;
	for (int i = 0; i < 200; i++) {
		run(&w, 20);
		bool web = fake_count(w.api, "pods", "default", "web-") > 0;
		bool api = fake_count(w.api, "pods", "default", "api-") > 0;
		struct fake_object *o = fake_find(w.api, "deployments", "default", "db");
		CHECK(!web || fake_find(w.api, "deployments", "default", "api"));
		CHECK(!api || o);
		db_had_pods |= !api && fake_count(w.api, "pods", "default", "db-") > 0;
	}
	CHECK(db_had_pods);
	run(&w, 20000);
	CHECK_INT(fake_count(w.api, "pods", "default", ""), 0);
	CHECK_INT(fake_count(w.api, "deployments", "default", ""), 0);
	finish(&w);
}

static void set_image(struct world *w, const char *name, const char *image)
{
	json_t *template = json_deep_copy(json_dig(deployment(w, name), "spec.template"));
	json_put_str(json_array_get(json_dig(template, "spec.containers"), 0), "image", image);
	update(w, "deployments", name, "spec.template", template);
}

/* Pods of a deployment that have this image. */
static size_t count_image(struct world *w, const char *prefix, const char *image)
{
	size_t n = 0;
	for (size_t i = 0; i < w->api->count; i++) {
		const json_t *o = w->api->objects[i].tree;
		const json_t *c = json_array_get(json_dig(o, "spec.containers"), 0);
		n += streq(w->api->objects[i].resource, "pods") &&
		     starts_with(json_str_or(o, "metadata.name", ""), prefix) &&
		     streq(json_str_or(c, "image", ""), image);
	}
	return n;
}

/* Dependent and dependency change in one file, in both orders: the dependency is first. */
static void test_updates(bool dependent_first)
{
	struct world w;
	start(&w, 17);
	add_deployment(&w, "api", 2, "'skiff.dev/depends-on':'db'");
	add_deployment(&w, "db", 1, "");
	run(&w, 10000);
	check_complete(&w, "api", 2);
	w.api->kubelet_is_off = true;
	set_image(&w, dependent_first ? "api" : "db", "x:2");
	run(&w, 50);
	set_image(&w, dependent_first ? "db" : "api", "x:2");
	run(&w, 5000);
	CHECK_INT(count_image(&w, "db-", "x:2"), 1);
	CHECK_INT(count_image(&w, "api-", "x:2"), 0);
	CHECK_INT(count_image(&w, "api-", "x:1"), 2); /* they serve on */
	CHECK_TEXT("api", condition(deployment(&w, "api"), "DependenciesReady", "status"), "False");
	w.api->kubelet_is_off = false;
	run(&w, 20000);
	check_complete(&w, "api", 2);
	CHECK_INT(count_image(&w, "api-", "x:2"), 2);
	CHECK_TEXT("api", condition(deployment(&w, "api"), "DependenciesReady", "status"), "True");
	/* The latch: the dependency fails, a pod of the dependent is replaced all the same. */
	update(&w, "deployments", "db", "spec.replicas", json_integer(0));
	run(&w, 5000);
	for (size_t i = 0; i < w.api->count; i++)
		if (starts_with(json_str_or(w.api->objects[i].tree, "metadata.name", ""), "api-") &&
		    streq(w.api->objects[i].resource, "pods")) {
			delete_object(&w, "pods", "default",
				      json_str(w.api->objects[i].tree, "metadata.name"), "");
			break;
		}
	run(&w, 5000);
	CHECK_INT(count_image(&w, "api-", "x:2"), 2);
	finish(&w);
}

static void test_lost(void)
{
	struct world w;
	start(&w, 19);
	add_deployment(&w, "stops", 2,
		       "'skiff.dev/depends-on':'db','skiff.dev/on-dependency-lost':'stop'");
	add_deployment(&w, "restarts", 1,
		       "'skiff.dev/depends-on':'db','skiff.dev/on-dependency-lost':'restart'");
	add_deployment(&w, "follows", 1,
		       "'skiff.dev/depends-on':'db','skiff.dev/restart-with':'db'");
	add_deployment(&w, "db", 1, "");
	run(&w, 20000);
	check_complete(&w, "stops", 2);
	check_complete(&w, "restarts", 1);
	check_complete(&w, "follows", 1);
	uint64_t quiet = w.api->writes;
	run(&w, 60000);
	CHECK_INT(w.api->writes - quiet, 0);

	update(&w, "deployments", "db", "spec.replicas", json_integer(0));
	run(&w, 10000);
	CHECK_INT(fake_count(w.api, "pods", "default", "stops-"), 0);
	CHECK_INT(fake_count(w.api, "pods", "default", "restarts-"), 1);
	CHECK_TEXT("stops", condition(deployment(&w, "stops"), "DependenciesReady", "status"),
		   "False");
	update(&w, "deployments", "db", "spec.replicas", json_integer(1));
	run(&w, 20000);
	check_complete(&w, "stops", 2);
	check_complete(&w, "restarts", 1);
	CHECK_INT(fake_count(w.api, "replicasets", "default", "restarts-"), 2);
	CHECK_INT(fake_count(w.api, "replicasets", "default", "stops-"), 1);
	CHECK_INT(fake_count(w.api, "replicasets", "default", "follows-"), 1);
	set_image(&w, "db", "x:2");
	run(&w, 20000);
	check_complete(&w, "follows", 1);
	CHECK_INT(fake_count(w.api, "replicasets", "default", "follows-"), 2);
	CHECK_INT(fake_count(w.api, "replicasets", "default", "restarts-"), 2);
	finish(&w);
}

static json_t *add_job(struct world *w, const char *name, const char *annotations,
		       const char *pod_annotations, const char *spec)
{
	char *text = xasprintf(
		"{'metadata':{'name':'%s','annotations':{%s}},'spec':{%s,"
		"'selector':{'matchLabels':{'job':'%s'}},'template':{'metadata':{'labels':{'job':'%s'},"
		"'annotations':{%s}},'spec':{'restartPolicy':'Never','containers':[{'name':'c','image':'x'}]}}}}",
		name, annotations, spec, name, name, pod_annotations);
	json_t *job = fake_add(w->api, "jobs", "default", text);
	free(text);
	return job;
}

static void test_jobs(uint64_t seed, unsigned fail_every)
{
	struct world w;
	start(&w, seed);
	w.api->fail_every = fail_every;
	add_job(&w, "good", "", "'test/exit':'0'",
		"'completions':5,'parallelism':2,'backoffLimit':6");
	add_job(&w, "bad", "", "'test/exit':'1'",
		"'completions':1,'parallelism':1,'backoffLimit':2");
	add_job(&w, "index", "", "'test/exit':'0'",
		"'completions':3,'parallelism':3,'backoffLimit':6,'completionMode':'Indexed'");
	add_job(&w, "after", "'skiff.dev/depends-on':'Job/good:completed'", "'test/exit':'0'",
		"'completions':1,'parallelism':1,'backoffLimit':6");
	add_job(&w, "never", "'skiff.dev/depends-on':'Job/bad:completed'", "'test/exit':'0'",
		"'completions':1,'parallelism':1,'backoffLimit':6");
	run(&w, 200);
	CHECK_INT(fake_count(w.api, "pods", "default", "after-"), 0);
	run(&w, 120000);
	const json_t *good = fake_get(w.api, "jobs", "default", "good");
	CHECK_INT(json_int_or(good, "status.succeeded", 0), 5);
	CHECK_INT(json_int_or(good, "status.failed", 0), 0);
	CHECK_INT(json_int_or(good, "status.active", 0), 0);
	CHECK_TEXT("good", condition(good, "Complete", "status"), "True");
	CHECK(json_str(good, "status.completionTime"));
	const json_t *bad = fake_get(w.api, "jobs", "default", "bad");
	CHECK_TEXT("bad", condition(bad, "Failed", "reason"), "BackoffLimitExceeded");
	CHECK_INT(json_int_or(bad, "status.failed", 0), 3);
	const json_t *index = fake_get(w.api, "jobs", "default", "index");
	CHECK_TEXT("index", json_str(index, "status.completedIndexes"), "0-2");
	CHECK_TEXT("index", condition(index, "Complete", "status"), "True");
	const json_t *after = fake_get(w.api, "jobs", "default", "after");
	CHECK_TEXT("after", condition(after, "Complete", "status"), "True");
	const json_t *never = fake_get(w.api, "jobs", "default", "never");
	CHECK(!json_str(never, "status.startTime"));
	CHECK_TEXT("never", condition(never, "DependenciesReady", "reason"), "DependencyFailed");
	CHECK_TEXT("never", condition(never, "DependenciesReady", "message"),
		   "waiting for Job/bad (failed: BackoffLimitExceeded)");
	for (size_t i = 0; i < w.api->count; i++)
		if (streq(w.api->objects[i].resource, "pods"))
			CHECK_INT(json_array_size(
					  json_dig(w.api->objects[i].tree, "metadata.finalizers")),
				  0);
	finish(&w);
}

static void test_namespace(void)
{
	struct world w;
	start(&w, 9);
	add_deployment(&w, "web", 2, "'skiff.dev/depends-on':'db'");
	add_deployment(&w, "db", 1, "");
	run(&w, 10000);
	check_complete(&w, "web", 2);
	delete_object(&w, "namespaces", "", "default", "Background");
	run(&w, 60000);
	CHECK(!fake_find(w.api, "namespaces", "", "default"));
	CHECK_INT(fake_count(w.api, "pods", "default", ""), 0);
	CHECK_INT(fake_count(w.api, "serviceaccounts", "default", ""), 0);
	finish(&w);
}

static void test_node_lost(void)
{
	struct world w;
	start(&w, 11);
	add_deployment(&w, "web", 2, "");
	run(&w, 10000);
	check_complete(&w, "web", 2);
	struct fake_object *lease = fake_find(w.api, "leases", "kube-node-lease", "node-2");
	CHECK(lease);
	free(lease->ns);
	lease->ns = xstrdup("elsewhere"); /* nobody renews it any more */
	run(&w, 60000);
	const json_t *node = fake_get(w.api, "nodes", "", "node-2");
	CHECK_TEXT("node-2", condition(node, "Ready", "status"), "Unknown");
	CHECK_INT(json_array_size(json_dig(node, "spec.taints")), 2);
	const json_t *other = fake_get(w.api, "nodes", "", "node-1");
	CHECK_TEXT("node-1", condition(other, "Ready", "status"), "True");
	run(&w, 20000);
	/* Without tolerations its pod went at once, and lives on node-1. */
	size_t alive = 0;
	for (size_t i = 0; i < w.api->count; i++)
		if (streq(w.api->objects[i].resource, "pods") &&
		    streq(json_str_or(w.api->objects[i].tree, "spec.nodeName", ""), "node-1"))
			alive++;
	CHECK_INT(alive, 2);
	finish(&w);
}

static void test_unschedulable(void)
{
	struct world w;
	start(&w, 13);
	fake_add(w.api, "pods", "default",
		 "{'metadata':{'name':'big'},'spec':{'containers':[{'name':'c','image':'x',"
		 "'resources':{'requests':{'cpu':'64'}}}]}}");
	fake_add(w.api, "pods", "default",
		 "{'metadata':{'name':'late','annotations':{'skiff.dev/depends-on':'Pod/first'}},"
		 "'spec':{'containers':[{'name':'c','image':'x'}]}}");
	run(&w, 3000);
	const json_t *big = fake_get(w.api, "pods", "default", "big");
	CHECK_TEXT("big", condition(big, "PodScheduled", "message"),
		   "0/2 nodes are available: 2 Insufficient cpu.");
	const json_t *late = fake_get(w.api, "pods", "default", "late");
	CHECK(!json_str(late, "spec.nodeName"));
	CHECK_TEXT("late", condition(late, "DependenciesReady", "message"),
		   "waiting for Pod/first (not found)");
	fake_add(w.api, "pods", "default",
		 "{'metadata':{'name':'first'},'spec':{'containers':[{'name':'c','image':'x'}]}}");
	run(&w, 5000);
	late = fake_get(w.api, "pods", "default", "late");
	CHECK(json_str(late, "spec.nodeName"));
	CHECK_TEXT("late",
		   json_member_str(json_dig(late, "metadata.annotations"), "skiff.dev/start-boot"),
		   "boot-1");

	/* The machine boots again: the pod starts only when its dependency is ready. */
	struct fake_object *first = fake_find(w.api, "pods", "default", "first");
	CHECK(first);
	json_put(first->tree, "status.conditions", json_array());
	fake_changed(w.api, first);
	for (int i = 1; i <= 2; i++) {
		struct fake_object *node =
			fake_find(w.api, "nodes", "", i == 1 ? "node-1" : "node-2");
		CHECK(node);
		json_put_str(node->tree, "status.nodeInfo.bootID", "boot-2");
		fake_changed(w.api, node);
	}
	run(&w, 5000);
	late = fake_get(w.api, "pods", "default", "late");
	CHECK_TEXT("late waits",
		   json_member_str(json_dig(late, "metadata.annotations"), "skiff.dev/start-boot"),
		   "boot-1");
	first = fake_find(w.api, "pods", "default", "first");
	CHECK(first);
	json_put_str(first->tree, "status.phase", "Pending"); /* the kubelet starts it again */
	fake_changed(w.api, first);
	run(&w, 5000);
	late = fake_get(w.api, "pods", "default", "late");
	CHECK_TEXT("late goes on",
		   json_member_str(json_dig(late, "metadata.annotations"), "skiff.dev/start-boot"),
		   "boot-2");
	finish(&w);
}

/* Every few writes an answer is lost: what was done is not done twice. */
static void test_lost_answers(unsigned first, unsigned last)
{
	for (unsigned seed = first; seed <= last; seed++) {
		printf("seed %u\n", seed);
		test_rollout(seed, 7 + seed % 5);
		test_jobs(seed, 7 + seed % 5);
	}
}

int main(int argc, char **argv)
{
	log_set_quiet(true);
	if (argc == 3) { /* a range of seeds, by hand */
		test_lost_answers((unsigned)strtoul(argv[1], NULL, 10),
				  (unsigned)strtoul(argv[2], NULL, 10));
		return 0;
	}
	test_rollout(1, 0);
	test_order();
	test_updates(true);
	test_updates(false);
	test_lost();
	test_jobs(3, 0);
	test_namespace();
	test_node_lost();
	test_unschedulable();
	test_lost_answers(20, 22);
	return 0;
}
