/* A user who applies a shop, scales, rolls out, deletes and applies again. */
#include "tests/sim/sim.h"

#include "common/plan/order_plan.h"

#include <stdio.h>

#define ACT_MIN_MS 2000
#define ACT_MAX_MS 15000

static const struct api_resource deployments = { "apps", "v1", "deployments", true };
static const struct api_resource jobs = { "batch", "v1", "jobs", true };
static const struct api_resource budgets = { "policy", "v1", "poddisruptionbudgets", true };
static const struct api_resource pods = { "", "v1", "pods", true };
static const struct api_resource services = { "", "v1", "services", true };

static const struct workload {
	const char *name, *depends;
	int replicas;
	const char *rule, *value; /* one more annotation, or NULL */
} workloads[] = {
	{ "db", "", 1, NULL, NULL },
	{ "cache", "", 1, NULL, NULL },
	{ "api", "db, cache, Job/migrate:completed", 3, NULL, NULL },
	{ "web", "api", 2, NULL, NULL },
	{ "worker", "Service/db", 2, NULL, NULL },
	/* where has_lost: */
	{ "stops", "db", 2, ORDER_ON_LOST, "stop" },
	{ "restarts", "db", 1, ORDER_ON_LOST, "restart" },
	{ "follows", "cache", 1, ORDER_RESTART_WITH, "cache" },
};
#define ALWAYS_COUNT 5

size_t sim_user_deployments(const struct sim *s)
{
	return s->has_lost ? ARRAY_LEN(workloads) : ALWAYS_COUNT;
}

static void ignored(void *ctx, const struct api_reply *reply)
{
	(void)ctx, (void)reply; /* what failed is asked again by a later act */
}

static json_t *template(const char *name, const char *version, const char *policy)
{
	return json_pack("{s:{s:{s:s},s:{s:s}},s:{s:s,s:i,s:[{s:s,s:s,s:{s:{s:s,s:s}}}]}}",
			 "metadata", "labels", "app", name, "annotations", "version", version,
			 "spec", "restartPolicy", policy, "terminationGracePeriodSeconds",
			 SIM_GRACE_S, "containers", "name", "c", "image", "i", "resources",
			 "requests", "cpu", "250m", "memory", "64Mi");
}

static json_t *deployment(const struct workload *w)
{
	json_t *tree = json_pack("{s:s,s:s,s:{s:s,s:{s:s}},s:{s:i,s:{s:{s:s}},s:o}}", "apiVersion",
				 "apps/v1", "kind", "Deployment", "metadata", "name", w->name,
				 "annotations", ORDER_DEPENDS_ON, w->depends, "spec", "replicas",
				 w->replicas, "selector", "matchLabels", "app", w->name, "template",
				 template(w->name, "1", "Always"));
	if (w->rule)
		json_object_set_new(json_dig(tree, "metadata.annotations"), w->rule,
				    json_string(w->value));
	return tree;
}

static void create(struct sim *s, const struct api_resource *r, json_t *take_tree)
{
	auto_free char *path = api_path(r, "default", NULL, NULL);
	(void)api_request(s->user, "POST", path, take_tree, NULL, ignored, NULL);
	json_decref(take_tree);
}

static void create_service(struct sim *s, const char *name)
{
	create(s, &services,
	       json_pack("{s:s,s:s,s:{s:s},s:{s:s,s:{s:s},s:[{s:i}]}}", "apiVersion", "v1", "kind",
			 "Service", "metadata", "name", name, "spec", "type", "NodePort",
			 "selector", "app", name, "ports", "port", 80));
}

/* A Job that stops, and a naked Pod that stops or is restarted, with db. */
static void create_lost(struct sim *s)
{
	const char *rule = s->seed % 2 ? "stop" : "restart";
	create(s, &jobs,
	       json_pack("{s:s,s:s,s:{s:s,s:{s:s,s:s}},s:{s:i,s:i,s:o}}", "apiVersion", "batch/v1",
			 "kind", "Job", "metadata", "name", "audit", "annotations",
			 ORDER_DEPENDS_ON, "db", ORDER_ON_LOST, "stop", "spec", "completions", 2,
			 "backoffLimit", 50, "template", template("audit", "1", "Never")));
	json_t *pod = template("lone", "1", "Always");
	json_object_set_new(pod, "apiVersion", json_string("v1"));
	json_object_set_new(pod, "kind", json_string("Pod"));
	json_t *metadata = json_object_get(pod, "metadata");
	json_object_set_new(metadata, "name", json_string("lone"));
	json_t *annotations = json_object_get(metadata, "annotations");
	json_object_set_new(annotations, ORDER_DEPENDS_ON, json_string("db"));
	json_object_set_new(annotations, ORDER_ON_LOST, json_string(rule));
	create(s, &pods, pod);
}

static void create_job(struct sim *s)
{
	create(s, &jobs,
	       json_pack("{s:s,s:s,s:{s:s,s:{s:s}},s:{s:i,s:i,s:o}}", "apiVersion", "batch/v1",
			 "kind", "Job", "metadata", "name", "migrate", "annotations",
			 "skiff.dev/depends-on", "db", "spec", "completions", 2, "backoffLimit", 50,
			 "template", template("migrate", "1", "Never")));
}

static void create_budget(struct sim *s)
{
	create(s, &budgets,
	       json_pack("{s:s,s:s,s:{s:s},s:{s:i,s:{s:{s:s}}}}", "apiVersion", "policy/v1", "kind",
			 "PodDisruptionBudget", "metadata", "name", "web", "spec", "maxUnavailable",
			 1, "selector", "matchLabels", "app", "web"));
}

/* Refused or not: the budget's say. */
static void evict(struct sim *s)
{
	const char *pod = sim_check_some_pod(s->check, "web", &s->rng);
	if (!pod)
		return;
	auto_free char *path = xasprintf("/api/v1/namespaces/default/pods/%s/eviction", pod);
	AUTO_JSON *eviction =
		json_pack("{s:s,s:s,s:{s:s,s:s}}", "apiVersion", "policy/v1", "kind", "Eviction",
			  "metadata", "name", pod, "namespace", "default");
	(void)api_request(s->user, "POST", path, eviction, NULL, ignored, NULL);
}

static void create_all(struct sim *s)
{
	create_job(s);
	if (s->has_lost)
		create_lost(s);
	for (size_t i = 0; i < sim_user_deployments(s); i++)
		create(s, &deployments, deployment(&workloads[i]));
	create_service(s, "db");
	create_service(s, "web");
	create_budget(s);
}

void sim_user_patch(struct sim *s, const char *name, json_t *take_patch)
{
	auto_free char *path = api_path(&deployments, "default", name, NULL);
	(void)api_request(s->user, "PATCH", path, take_patch, API_MERGE_PATCH, ignored, NULL);
	json_decref(take_patch);
}

static void scale(struct sim *s, const char *name)
{
	sim_user_patch(s, name,
		       json_pack("{s:{s:i}}", "spec", "replicas", (int)sim_between(s, 1, 5)));
}

void sim_user_roll_out(struct sim *s, const char *name)
{
	char version[24];
	int n = snprintf(version, sizeof version, "%zu", s->user_acts);
	assert(n > 0);
	sim_user_patch(s, name,
		       json_pack("{s:{s:{s:{s:{s:s}}}}}", "spec", "template", "metadata",
				 "annotations", "version", version));
}

static void delete (struct sim *s, const struct api_resource *r, const char *name)
{
	static const char *const policies[] = { "Background", "Foreground" };
	AUTO_JSON *options = json_pack("{s:s}", "propagationPolicy",
				       policies[rng_below(&s->rng, ARRAY_LEN(policies))]);
	auto_free char *path = api_path(r, "default", name, NULL);
	(void)api_request(s->user, "DELETE", path, options, NULL, ignored, NULL);
}

/* As `kubectl delete -f` does, in a file's order: the Services first. */
void sim_user_delete_all(struct sim *s)
{
	delete (s, &services, "db");
	delete (s, &services, "web");
	delete (s, &jobs, "migrate");
	if (s->has_lost) {
		delete (s, &jobs, "audit");
		delete (s, &pods, "lone");
	}
	for (size_t i = 0; i < sim_user_deployments(s); i++)
		delete (s, &deployments, workloads[i].name);
}

static void act(void *ctx)
{
	struct sim *s = ctx;
	const char *name = workloads[rng_below(&s->rng, sim_user_deployments(s))].name;
	loop_timer_set(s->user_timer, s->faults ? sim_between(s, ACT_MIN_MS, ACT_MAX_MS) : 5000);
	s->user_acts++;
	if (s->is_ending)
		return;
	if (!s->faults || s->user_acts < 3) {
		create_all(s); /* until everything is there: what exists already is refused */
		return;
	}
	switch (rng_below(&s->rng, 8)) {
	case 0:
		delete (s, &deployments, name);
		break;
	case 1:
	case 2:
		sim_user_roll_out(s, name);
		break;
	case 3:
		create_all(s);
		break;
	case 6:
	case 7:
		evict(s);
		break;
	default:
		scale(s, name);
	}
}

void sim_user_start(struct sim *s)
{
	s->user_transport = sim_transport_new(
		s->loop, s->seed + 5,
		&(struct sim_peer){ .cn = "skiff-admin", .org = "system:masters" }, server_handle,
		s->servers[0].server, &s->network);
	s->user = api_new(s->loop, s->user_transport, "sim-user");
	s->user_timer = loop_timer_new(s->loop, act, s);
	loop_timer_set(s->user_timer, 3000);
}

void sim_user_stop(struct sim *s)
{
	loop_timer_free(s->user_timer);
	api_free(s->user);
	http_transport_free(s->user_transport);
}
