/* A user who applies a shop, scales, rolls out, deletes and applies again. */
#include "tests/sim/sim.h"

#include <stdio.h>

#define ACT_MIN_MS 2000
#define ACT_MAX_MS 15000

static const struct api_resource deployments = { "apps", "v1", "deployments", true };
static const struct api_resource jobs = { "batch", "v1", "jobs", true };
static const struct api_resource budgets = { "policy", "v1", "poddisruptionbudgets", true };
static const struct api_resource services = { "", "v1", "services", true };

static const struct workload {
	const char *name, *depends;
	int replicas;
} workloads[] = { { "db", "", 1 },
		  { "cache", "", 1 },
		  { "api", "db, cache, Job/migrate:completed", 3 },
		  { "web", "api", 2 },
		  { "worker", "Service/db", 2 } };

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
	return json_pack("{s:s,s:s,s:{s:s,s:{s:s}},s:{s:i,s:{s:{s:s}},s:o}}", "apiVersion",
			 "apps/v1", "kind", "Deployment", "metadata", "name", w->name,
			 "annotations", "skiff.dev/depends-on", w->depends, "spec", "replicas",
			 w->replicas, "selector", "matchLabels", "app", w->name, "template",
			 template(w->name, "1", "Always"));
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
	for (size_t i = 0; i < ARRAY_LEN(workloads); i++)
		create(s, &deployments, deployment(&workloads[i]));
	create_service(s, "db");
	create_service(s, "web");
	create_budget(s);
}

static void patch(struct sim *s, const char *name, json_t *take_patch)
{
	auto_free char *path = api_path(&deployments, "default", name, NULL);
	(void)api_request(s->user, "PATCH", path, take_patch, API_MERGE_PATCH, ignored, NULL);
	json_decref(take_patch);
}

static void scale(struct sim *s, const char *name)
{
	patch(s, name, json_pack("{s:{s:i}}", "spec", "replicas", (int)sim_between(s, 1, 5)));
}

static void roll_out(struct sim *s, const char *name)
{
	char version[24];
	int n = snprintf(version, sizeof version, "%zu", s->user_acts);
	assert(n > 0);
	patch(s, name,
	      json_pack("{s:{s:{s:{s:{s:s}}}}}", "spec", "template", "metadata", "annotations",
			"version", version));
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
	for (size_t i = 0; i < ARRAY_LEN(workloads); i++)
		delete (s, &deployments, workloads[i].name);
}

static void act(void *ctx)
{
	struct sim *s = ctx;
	const char *name = workloads[rng_below(&s->rng, ARRAY_LEN(workloads))].name;
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
		roll_out(s, name);
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
	s->user_transport = sim_transport_new(s->loop, s->seed + 5,
					      &(struct sim_peer){ "skiff-admin", "system:masters" },
					      server_handle, s->servers[0].server, &s->network);
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
