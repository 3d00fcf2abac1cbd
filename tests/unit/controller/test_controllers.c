/* All controllers together on a simulated loop against an API in memory: what users see. */
#include "tests/unit/controller/world.h"

static void test_rollout(uint64_t seed, unsigned fail_every, bool is_killed_often)
{
	struct world w;
	start(&w, seed);
	w.is_killed_often = is_killed_often;
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

	w.is_killed_often = false;
	uint64_t quiet = w.api->writes;
	run(&w, 300000);
	CHECK_INT(w.api->writes - quiet, 0); /* at rest nothing is written */

	delete_object(&w, "deployments", "default", "web", "Background");
	run(&w, 40000);
	CHECK_INT(fake_count(w.api, "pods", "default", ""), 0);
	CHECK_INT(fake_count(w.api, "replicasets", "default", ""), 0);
	finish(&w);
}

/* What a budget says of a Deployment's pods, while they come, go and are many. */
static void test_budget(uint64_t seed)
{
	struct world w;
	start(&w, seed);
	add_deployment(&w, "web", 3, "");
	fake_add(
		w.api, "poddisruptionbudgets", "default",
		"{'metadata':{'name':'web'},'spec':{'minAvailable':'50%','selector':{'matchLabels':"
		"{'app':'web'}}}}");
	run(&w, 20000);
	const json_t *budget = fake_get(w.api, "poddisruptionbudgets", "default", "web");
	CHECK_INT(json_int_or(budget, "status.expectedPods", -1), 3);
	CHECK_INT(json_int_or(budget, "status.currentHealthy", -1), 3);
	CHECK_INT(json_int_or(budget, "status.desiredHealthy", -1), 2);
	CHECK_INT(json_int_or(budget, "status.disruptionsAllowed", -1), 1);
	CHECK_INT(json_int_or(budget, "status.observedGeneration", -1), 1);
	CHECK_TEXT("condition", condition(budget, "DisruptionAllowed", "status"), "True");
	CHECK_TEXT("reason", condition(budget, "DisruptionAllowed", "reason"), "SufficientPods");

	/* One is said to go, and does not: two minutes long it does not count. */
	struct fake_object *o = fake_find(w.api, "poddisruptionbudgets", "default", "web");
	auto_free char *pod = NULL;
	for (size_t i = 0; i < w.api->count && !pod; i++)
		if (streq(w.api->objects[i].resource, "pods"))
			pod = xstrdup(json_str(w.api->objects[i].tree, "metadata.name"));
	CHECK(pod);
	char now[TIME_TEXT_SIZE];
	time_format(loop_wall_us(w.loop), now);
	json_put(o->tree, "status.disruptedPods", json_object());
	json_object_set_new(json_dig(o->tree, "status.disruptedPods"), pod, json_string(now));
	json_put_int(o->tree, "status.disruptionsAllowed", 0);
	fake_changed(w.api, o);
	struct fake_object *p = fake_find(w.api, "pods", "default", pod);
	json_t *target =
		json_pack("{s:s,s:s,s:s,s:s}", "type", "DisruptionTarget", "status", "True",
			  "reason", "EvictionByEvictionAPI", "lastTransitionTime", now);
	json_array_append_new(json_dig(p->tree, "status.conditions"), target);
	fake_changed(w.api, p);
	run(&w, 60000);
	budget = fake_get(w.api, "poddisruptionbudgets", "default", "web");
	CHECK_INT(json_int_or(budget, "status.currentHealthy", -1), 2);
	CHECK_INT(json_int_or(budget, "status.disruptionsAllowed", -1), 0);
	CHECK_TEXT("reason", condition(budget, "DisruptionAllowed", "reason"), "InsufficientPods");
	run(&w, 90000);
	budget = fake_get(w.api, "poddisruptionbudgets", "default", "web");
	CHECK_INT(json_int_or(budget, "status.currentHealthy", -1), 3);
	CHECK(!json_dig(budget, "status.disruptedPods"));
	CHECK_TEXT("it was not to go",
		   condition(fake_get(w.api, "pods", "default", pod), "DisruptionTarget", "status"),
		   "False");

	update(&w, "deployments", "web", "spec.replicas", json_integer(6));
	run(&w, 20000);
	budget = fake_get(w.api, "poddisruptionbudgets", "default", "web");
	CHECK_INT(json_int_or(budget, "status.expectedPods", -1), 6);
	CHECK_INT(json_int_or(budget, "status.disruptionsAllowed", -1), 3);
	uint64_t quiet = w.api->writes;
	run(&w, 300000);
	CHECK_INT(w.api->writes - quiet, 0);
	finish(&w);
}

static bool has_claim(struct world *w)
{
	return fake_get(w->api, "persistentvolumeclaims", "default", "data") != NULL;
}

/* A claim goes when the last pod that uses it has gone; a volume when it is bound no more. */
static void test_protection(uint64_t seed)
{
	struct world w;
	start(&w, seed);
	fake_add(w.api, "persistentvolumeclaims", "default", "{'metadata':{'name':'data'}}");
	fake_add(w.api, "persistentvolumes", "",
		 "{'metadata':{'name':'disk'},'status':{'phase':'Bound'}}");
	fake_add(w.api, "volumeattributesclasses", "", "{'metadata':{'name':'fast'}}");
	fake_add(
		w.api, "pods", "default",
		"{'metadata':{'name':'user'},'spec':{'terminationGracePeriodSeconds':5,'containers':[{"
		"'name':'c','image':'x'}],'volumes':[{'name':'v','persistentVolumeClaim':{'claimName':"
		"'data'}}]}}");
	run(&w, 15000);
	const json_t *claim = fake_get(w.api, "persistentvolumeclaims", "default", "data");
	CHECK_TEXT("claim",
		   json_string_value(json_array_get(json_dig(claim, "metadata.finalizers"), 0)),
		   "kubernetes.io/pvc-protection");
	CHECK(*json_str_or(fake_get(w.api, "pods", "default", "user"), "spec.nodeName", ""));
	delete_object(&w, "persistentvolumeclaims", "default", "data", "Background");
	delete_object(&w, "persistentvolumes", "", "disk", "Background");
	delete_object(&w, "volumeattributesclasses", "", "fast", "Background");
	run(&w, 60000);
	CHECK(has_claim(&w));
	CHECK(fake_get(w.api, "persistentvolumes", "", "disk"));
	CHECK(!fake_get(w.api, "volumeattributesclasses", "", "fast"));
	struct fake_object *disk = fake_find(w.api, "persistentvolumes", "", "disk");
	json_put_str(disk->tree, "status.phase", "Released");
	fake_changed(w.api, disk);
	delete_object(&w, "pods", "default", "user", "Background");
	run(&w, 30000);
	CHECK(!has_claim(&w));
	CHECK(!fake_get(w.api, "persistentvolumes", "", "disk"));
	finish(&w);
}

/* Secrets that stand for an account are filled, and go with it. The token itself is the server's. */
static void test_account_tokens(uint64_t seed)
{
	struct world w;
	start(&w, seed);
	fake_add(w.api, "serviceaccounts", "default", "{'metadata':{'name':'robot'}}");
	fake_add(
		w.api, "secrets", "default",
		"{'metadata':{'name':'t','annotations':{'kubernetes.io/service-account.name':'robot'}},"
		"'type':'kubernetes.io/service-account-token'}");
	fake_add(
		w.api, "secrets", "default",
		"{'metadata':{'name':'other','annotations':{'kubernetes.io/service-account.name':'robot'}"
		"},'type':'Opaque'}");
	fake_add(
		w.api, "secrets", "default",
		"{'metadata':{'name':'lost','annotations':{'kubernetes.io/service-account.name':'gone'}},"
		"'type':'kubernetes.io/service-account-token'}");
	run(&w, 15000);
	const json_t *secret = fake_get(w.api, "secrets", "default", "t");
	const json_t *account = fake_get(w.api, "serviceaccounts", "default", "robot");
	CHECK_TEXT("ca", json_member_str(json_object_get(secret, "data"), "ca.crt"), "UEVN");
	CHECK_TEXT("namespace", json_str(secret, "data.namespace"), "ZGVmYXVsdA==");
	CHECK_TEXT("uid",
		   json_member_str(json_dig(secret, "metadata.annotations"),
				   "kubernetes.io/service-account.uid"),
		   json_str(account, "metadata.uid"));
	CHECK(!json_object_get(fake_get(w.api, "secrets", "default", "other"), "data"));
	CHECK(!fake_get(w.api, "secrets", "default", "lost"));
	delete_object(&w, "serviceaccounts", "default", "robot", "Background");
	run(&w, 15000);
	CHECK(!fake_get(w.api, "secrets", "default", "t"));
	CHECK(fake_get(w.api, "secrets", "default", "other"));
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

static void test_jobs(uint64_t seed, unsigned fail_every, bool is_killed_often)
{
	struct world w;
	start(&w, seed);
	w.is_killed_often = is_killed_often;
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

/* Every few writes an answer is lost, or the controllers are killed in the middle: what was done is
 * not done twice, and all ends well. */
static void test_lost_answers(unsigned first, unsigned last)
{
	for (unsigned seed = first; seed <= last; seed++) {
		printf("seed %u\n", seed);
		test_rollout(seed, 7 + seed % 5, false);
		test_jobs(seed, 7 + seed % 5, false);
		test_rollout(seed, 0, true);
		test_jobs(seed, 7 + seed % 5, true);
	}
}

int main(int argc, char **argv)
{
	test_budget(7);
	test_protection(8);
	test_account_tokens(9);
	log_set_quiet(true);
	if (argc == 3) { /* a range of seeds, by hand */
		test_lost_answers((unsigned)strtoul(argv[1], NULL, 10),
				  (unsigned)strtoul(argv[2], NULL, 10));
		return 0;
	}
	test_rollout(1, 0, false);
	test_jobs(3, 0, false);
	test_namespace();
	test_node_lost();
	test_lost_answers(20, 20);
	return 0;
}
