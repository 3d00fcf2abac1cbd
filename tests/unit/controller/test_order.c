/* Dependency order end to end: starts, updates, losses, stops, boots. */
#include "tests/unit/controller/world.h"

static void restart_controllers(struct world *w)
{
	controllers_free(w->controllers);
	start_controllers(w);
}

static void test_order(bool is_restarted)
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
		if (is_restarted && i % 10 == 9)
			restart_controllers(&w); /* nothing that counts is in their memory */
	}
	CHECK(db_had_pods);
	run(&w, 20000);
	CHECK_INT(fake_count(w.api, "pods", "default", ""), 0);
	CHECK_INT(fake_count(w.api, "deployments", "default", ""), 0);
	finish(&w);
}

static bool is_there(struct world *w, const char *resource, const char *name)
{
	return fake_find(w->api, resource, "default", name) != NULL;
}

/*
 * Deaf pods: each link of the chain gets its whole time from when it starts to stop (30 s of grace
 * and 30 s more), and the Service that an edge goes through stays as long as the edge counts.
 */
static void test_deaf(void)
{
	static const char *const names[] = { "web", "api", "db" };
	struct world w;
	start(&w, 23);
	add_deployment(&w, "web", 1, "'skiff.dev/depends-on':'api'");
	add_deployment(&w, "api", 1, "'skiff.dev/depends-on':'Service/db'");
	add_deployment(&w, "db", 1, "");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_t *deaf = json_object();
		json_put_str(deaf, "test/deaf", "yes");
		update(&w, "deployments", names[i], "spec.template.metadata.annotations", deaf);
	}
	fake_add(
		w.api, "services", "default",
		"{'metadata':{'name':'db'},'spec':{'selector':{'app':'db'},'clusterIP':'10.96.0.9',"
		"'ports':[{'port':80,'targetPort':80,'protocol':'TCP'}]}}");
	run(&w, 15000);
	check_complete(&w, "web", 1);
	const json_t *service = fake_get(w.api, "services", "default", "db");
	CHECK_INT(json_array_size(json_dig(service, "metadata.finalizers")), 1);

	/* deletionTimestamp has whole seconds: late in one, and the others come in the next. */
	run(&w, 1900 - loop_wall_us(w.loop) / 1000 % 1000);
	delete_object(&w, "services", "default", "db", "Background");
	run(&w, 300);
	CHECK(is_there(&w, "services", "db"));
	for (size_t i = ARRAY_LEN(names); i-- > 0;)
		delete_object(&w, "deployments", "default", names[i], "Background");
	run(&w, 3000);
	CHECK(!is_there(&w, "deployments", "web"));
	CHECK(is_there(&w, "deployments", "api"));
	run(&w, 55000); /* 58 s */
	CHECK(is_there(&w, "deployments", "api"));
	run(&w, 5000); /* 63 s: web had its time */
	CHECK(!is_there(&w, "deployments", "api"));
	run(&w, 55000); /* 118 s */
	CHECK(is_there(&w, "deployments", "db"));
	CHECK(is_there(&w, "services", "db"));
	run(&w, 8000); /* 126 s: so had api */
	CHECK(!is_there(&w, "deployments", "db"));
	CHECK(!is_there(&w, "services", "db"));
	CHECK_INT(fake_count(w.api, "pods", "default", ""), 3); /* deaf for good */
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

static void add_naked(struct world *w, const char *name, const char *annotations)
{
	auto_free char *text = xasprintf(
		"{'metadata':{'name':'%s','annotations':{%s}},'spec':{'restartPolicy':'Always',"
		"'containers':[{'name':'c','image':'x'}]}}",
		name, annotations);
	fake_add(w->api, "pods", "default", text);
}

static void add_job(struct world *w, const char *name, const char *annotations)
{
	auto_free char *text = xasprintf(
		"{'metadata':{'name':'%s','annotations':{%s}},'spec':{'parallelism':2,"
		"'completions':2,'backoffLimit':0,'selector':{'matchLabels':{'j':'%s'}},"
		"'template':{'metadata':{'labels':{'j':'%s'}},'spec':{'restartPolicy':'Never',"
		"'containers':[{'name':'c','image':'x'}]}}}}",
		name, annotations, name, name);
	fake_add(w->api, "jobs", "default", text);
}

static const json_t *job(struct world *w, const char *name)
{
	const json_t *j = fake_get(w->api, "jobs", "default", name);
	CHECK(j);
	return j;
}

static int64_t starts(struct world *w, const char *name)
{
	return json_int_or(fake_get(w->api, "pods", "default", name), "status.starts", 0);
}

static const char *pods_of(struct world *w, const char *prefix)
{
	static char names[256];
	names[0] = '\0';
	for (size_t i = 0; i < w->api->count; i++) {
		const char *name = json_str_or(w->api->objects[i].tree, "metadata.name", "");
		if (streq(w->api->objects[i].resource, "pods") && starts_with(name, prefix))
			CHECK(snprintf(names + strlen(names), sizeof names - strlen(names), "%s ",
				       name) > 0);
	}
	return names;
}

/* Jobs and naked Pods: stopped, restarted when it is back, restarted with what is replaced. */
static void test_lost_jobs_and_pods(void)
{
	struct world w;
	char before[256];
	start(&w, 29);
	add_naked(&w, "p-stops",
		  "'skiff.dev/depends-on':'db','skiff.dev/on-dependency-lost':'stop'");
	add_naked(&w, "p-restarts",
		  "'skiff.dev/depends-on':'db','skiff.dev/on-dependency-lost':'restart'");
	add_naked(&w, "p-follows", "'skiff.dev/depends-on':'db','skiff.dev/restart-with':'db'");
	add_job(&w, "j-stops", "'skiff.dev/depends-on':'db','skiff.dev/on-dependency-lost':'stop'");
	add_job(&w, "j-restarts",
		"'skiff.dev/depends-on':'db','skiff.dev/on-dependency-lost':'restart'");
	add_job(&w, "j-follows", "'skiff.dev/depends-on':'db','skiff.dev/restart-with':'db'");
	add_deployment(&w, "db", 1, "");
	run(&w, 15000);
	CHECK_INT(fake_count(w.api, "pods", "default", "j-"), 6);
	CHECK_INT(starts(&w, "p-stops") + starts(&w, "p-restarts") + starts(&w, "p-follows"), 3);
	uint64_t quiet = w.api->writes;
	run(&w, 60000);
	CHECK_INT(w.api->writes - quiet, 0);
	CHECK(snprintf(before, sizeof before, "%s", pods_of(&w, "j-restarts")) > 0);

	update(&w, "deployments", "db", "spec.replicas", json_integer(0));
	run(&w, 10000);
	CHECK_INT(fake_count(w.api, "pods", "default", "j-stops"), 0);
	CHECK(!json_dig(job(&w, "j-stops"), "status.startTime"));
	CHECK_INT(json_int_or(job(&w, "j-stops"), "status.failed", 0), 0);
	CHECK_TEXT("j-stops", condition(job(&w, "j-stops"), "DependenciesReady", "message"),
		   "stopped: what it depends on serves nobody");
	CHECK_TEXT("j-restarts", pods_of(&w, "j-restarts"), before);
	const json_t *pod = fake_get(w.api, "pods", "default", "p-stops");
	CHECK_TEXT("p-stops", condition(pod, "DependenciesReady", "status"), "False");
	CHECK_TEXT("p-stops", condition(pod, "Ready", "status"), "False");
	CHECK_INT(starts(&w, "p-restarts"), 1);

	update(&w, "deployments", "db", "spec.replicas", json_integer(1));
	run(&w, 20000);
	CHECK_INT(fake_count(w.api, "pods", "default", "j-stops"), 2);
	CHECK(json_dig(job(&w, "j-stops"), "status.startTime"));
	CHECK(!streq(pods_of(&w, "j-restarts"), before));
	CHECK_INT(fake_count(w.api, "pods", "default", "j-restarts"), 2);
	CHECK_INT(json_int_or(job(&w, "j-restarts"), "status.failed", 0), 0);
	CHECK_INT(starts(&w, "p-stops"), 2);
	CHECK_INT(starts(&w, "p-restarts"), 2);
	CHECK_INT(starts(&w, "p-follows"), 1);
	pod = fake_get(w.api, "pods", "default", "p-stops");
	CHECK_TEXT("p-stops", condition(pod, "DependenciesReady", "status"), "True");

	CHECK(snprintf(before, sizeof before, "%s", pods_of(&w, "j-follows")) > 0);
	set_image(&w, "db", "x:2");
	run(&w, 20000);
	CHECK(!streq(pods_of(&w, "j-follows"), before));
	CHECK_INT(fake_count(w.api, "pods", "default", "j-follows"), 2);
	CHECK_INT(starts(&w, "p-follows"), 2);
	CHECK_INT(starts(&w, "p-restarts"), 2);
	quiet = w.api->writes;
	run(&w, 60000);
	CHECK_INT(w.api->writes - quiet, 0);
	finish(&w);
}

/* A cycle that no admission saw (a restored store, a Service's selector) starts none of its members,
 * names itself, and holds nobody who is deleted; those outside are not touched. */
static void test_cycle_in_the_store(void)
{
	struct world w;
	start(&w, 31);
	fake_add(w.api, "services", "default",
		 "{'metadata':{'name':'front'},'spec':{'selector':{'app':'b'},"
		 "'ports':[{'port':80,'targetPort':80,'protocol':'TCP'}]}}");
	add_deployment(&w, "a", 1, "'skiff.dev/depends-on':'Service/front'");
	add_deployment(&w, "b", 1, "'skiff.dev/depends-on':'a','skiff.dev/restart-with':'a'");
	add_deployment(&w, "c", 1, "'skiff.dev/depends-on':'d'");
	add_deployment(&w, "d", 1, "");
	run(&w, 10000);
	check_complete(&w, "c", 1);
	CHECK_INT(fake_count(w.api, "pods", "default", "a-"), 0);
	CHECK_INT(fake_count(w.api, "pods", "default", "b-"), 0);
	CHECK_TEXT("a", condition(deployment(&w, "a"), "DependenciesReady", "reason"),
		   "DependencyCycle");
	CHECK_TEXT("a", condition(deployment(&w, "a"), "DependenciesReady", "message"),
		   "it depends on itself: a → b (Service/front) → a");
	CHECK_INT(json_array_size(json_dig(deployment(&w, "a"), "metadata.finalizers")), 0);
	uint64_t quiet = w.api->writes;
	run(&w, 60000);
	CHECK_INT(w.api->writes - quiet, 0);
	delete_object(&w, "deployments", "default", "a", "Background");
	run(&w, 100);
	CHECK(!is_there(&w, "deployments", "a"));
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

int main(void)
{
	log_set_quiet(true);
	test_order(false);
	test_order(true);
	test_deaf();
	test_updates(true);
	test_updates(false);
	test_lost();
	test_lost_jobs_and_pods();
	test_cycle_in_the_store();
	test_unschedulable();
	return 0;
}
