/*
 * PodDisruptionBudgets: keeps what their status says, by which the server lets pods be evicted. And pods
 * that were said to be disrupted but were not: after two minutes they are told so.
 */
#include "controller/controllers_internal.h"

#include "common/base/selector.h"
#include "common/plan/budget_plan.h"
#include "controller/facts.h"

#define TARGET   "DisruptionTarget"
#define STALE_MS 120000

struct disruption_controller {
	struct context *context;
	struct control_loop *budgets, *targets;
};

/* ---- who wants how many ---- */

static const json_t *object_at(const struct disruption_controller *d, enum kind kind,
			       const char *ns, const json_t *owner)
{
	const json_t *o =
		cache_get_at(d->context->caches[kind], ns, json_str_or(owner, "name", ""));
	return o && streq(uid_of(o), json_str_or(owner, "uid", "")) ? o : NULL;
}

/* What of a pod's controller says how many there should be: a ReplicaSet's Deployment, or itself. */
static const json_t *scaled_owner(const struct disruption_controller *d, const char *ns,
				  const json_t *owner)
{
	static const struct {
		const char *kind;
		enum kind cached;
	} kinds[] = {
		{ "ReplicaSet", KIND_REPLICASET },
		{ "StatefulSet", KIND_STATEFULSET },
		{ "ReplicationController", KIND_REPLICATION_CONTROLLER },
	};
	const json_t *found = NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds) && !found; i++)
		if (streq(json_str_or(owner, "kind", ""), kinds[i].kind))
			found = object_at(d, kinds[i].cached, ns, owner);
	const json_t *above = found ? controller_of(found) : NULL;
	const json_t *deployment = streq(json_str_or(above, "kind", ""), "Deployment")
					   ? object_at(d, KIND_DEPLOYMENT, ns, above)
					   : NULL;
	return deployment ? deployment : found;
}

static char *problem_of(const json_t *pod, const json_t *owner)
{
	static const char *const unscaled[][2] = { { "Job", "jobs.batch" },
						   { "DaemonSet", "daemonsets.apps" } };
	for (size_t i = 0; i < ARRAY_LEN(unscaled); i++)
		if (streq(json_str_or(owner, "kind", ""), unscaled[i][0]))
			return xasprintf("%s does not implement the scale subresource",
					 unscaled[i][1]);
	return xasprintf("found no controllers for pod \"%s\"", name_of(pod));
}

/* `ret_problem` owns the problem's text. */
static struct budget_pod facts_of(const struct disruption_controller *d, const json_t *pod,
				  char **ret_problem)
{
	const json_t *owner = controller_of(pod);
	const json_t *scaled = owner ? scaled_owner(d, namespace_of(pod), owner) : NULL;
	struct budget_pod p = { .name = name_of(pod),
				.is_stopping = pod_is_terminating(pod),
				.is_ready = pod_is_ready(pod, NULL) };
	if (scaled) {
		p.owner_uid = uid_of(scaled);
		p.owner_scale = json_int_or(scaled, "spec.replicas", 1);
	} else if (owner) {
		p.owner_uid = json_str_or(owner, "uid", "");
		p.problem = *ret_problem = problem_of(pod, owner);
	}
	return p;
}

/* ---- one budget ---- */

static void say_unmanaged(struct disruption_controller *d, const json_t *budget)
{
	AUTO_STR selector;
	str_init(&selector, 4096);
	json_print(json_dig(budget, "spec.selector"), &selector);
	context_event(d->context, KIND_BUDGET, budget, "Warning", "UnmanagedPods",
		      "Pods selected by this PodDisruptionBudget (selector: %s) were found to be "
		      "unmanaged. As a result, the status of the PDB cannot be calculated "
		      "correctly, which may result in undefined behavior. To account for these "
		      "pods please set \".spec.minAvailable\" field of the PDB to an integer "
		      "value.",
		      selector.data);
}

static void write_status(struct disruption_controller *d, struct work *w, const json_t *budget,
			 json_t *take_status)
{
	json_t *copy = json_deep_copy(budget);
	json_put_str(copy, "apiVersion", "policy/v1");
	json_put_str(copy, "kind", "PodDisruptionBudget");
	json_put(copy, "status", take_status);
	/* With its version: an eviction may have taken from it since. */
	struct work_write *write = work_update(w, d->context->caches[KIND_BUDGET],
					       resource_of(KIND_BUDGET), "status", copy);
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
}

static void reconcile(void *ctx, struct work *w, const char *key)
{
	struct disruption_controller *d = ctx;
	const json_t *budget = cache_get(d->context->caches[KIND_BUDGET], key);
	AUTO_SELECTOR selector = { 0 };
	struct error err;
	if (!budget || pod_is_terminating(budget))
		return;
	if (selector_from_json(json_dig(budget, "spec.selector"), &selector, &err) < 0)
		return; /* the server refuses such ones */
	struct cache_range all =
		cache_in_namespace(d->context->caches[KIND_POD], namespace_of(budget));
	auto_free struct budget_pod *pods = xcalloc(all.count + 1, sizeof *pods);
	auto_free char **problems = xcalloc(all.count + 1, sizeof *problems);
	size_t n = 0;
	for (size_t i = 0; i < all.count; i++) {
		const json_t *pod = all.at[i]->tree;
		if (selector_matches_json(&selector, json_dig(pod, "metadata.labels"))) {
			pods[n] = facts_of(d, pod, &problems[n]);
			n++;
		}
	}
	struct budget_status plan;
	budget_status_make(budget, pods, n, work_wall_us(w), &plan);
	if (plan.wake_ms >= 0)
		work_again(w, plan.wake_ms);
	if (plan.status && n == 0)
		context_event(d->context, KIND_BUDGET, budget, "Normal", "NoPods",
			      "No matching pods found");
	if (plan.status && plan.has_unmanaged)
		say_unmanaged(d, budget);
	if (plan.status)
		write_status(d, w, budget, plan.status);
	for (size_t i = 0; i < n; i++)
		free(problems[i]);
}

/* ---- disruptions that did not happen ---- */

static const json_t *stale_target(const json_t *pod)
{
	const json_t *c = condition_of(json_dig(pod, "status.conditions"), TARGET);
	bool is_open = c && streq(json_str_or(c, "status", ""), "True") &&
		       !streq(json_str_or(c, "reason", ""), "TerminationByKubelet");
	return is_open && !pod_is_terminating(pod) && !pod_is_finished(pod) ? c : NULL;
}

static void reset_target(void *ctx, struct work *w, const char *key)
{
	struct disruption_controller *d = ctx;
	const json_t *pod = cache_get(d->context->caches[KIND_POD], key);
	const json_t *c = pod ? stale_target(pod) : NULL;
	if (!c)
		return;
	int64_t left_ms = STALE_MS - (work_wall_us(w) - time_of(c, "lastTransitionTime")) / 1000;
	if (left_ms > 0) {
		work_again(w, left_ms);
		return;
	}
	AUTO_JSON *conditions = json_deep_copy(json_dig(pod, "status.conditions"));
	const struct condition now = {
		.type = TARGET, .status = "False", .reason = "", .message = ""
	};
	(void)condition_set(conditions, &now, work_wall_us(w)); /* it changes */
	json_t *patch = json_object(), *list = json_array();
	(void)json_array_append(list, (json_t *)(uintptr_t)condition_of(conditions, TARGET));
	json_put_str(patch, "metadata.uid", uid_of(pod));
	json_put(patch, "status.conditions", list);
	struct work_write *write =
		work_patch(w, d->context->caches[KIND_POD], resource_of(KIND_POD),
			   namespace_of(pod), name_of(pod), "status", API_STRATEGIC_PATCH, patch);
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
}

/* ---- what wakes them ---- */

static void on_budget(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct disruption_controller *d = ctx;
	(void)before; /* the present counts */
	if (now)
		control_loop_add(d->budgets, key);
}

static bool covers(const json_t *budget, const json_t *pod)
{
	AUTO_SELECTOR selector = { 0 };
	struct error err;
	return pod && selector_from_json(json_dig(budget, "spec.selector"), &selector, &err) == 0 &&
	       selector_matches_json(&selector, json_dig(pod, "metadata.labels"));
}

static void on_pod(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct disruption_controller *d = ctx;
	char ns[256];
	(void)cache_key_split(key, ns);
	struct cache_range budgets = cache_in_namespace(d->context->caches[KIND_BUDGET], ns);
	for (size_t i = 0; i < budgets.count; i++)
		if (covers(budgets.at[i]->tree, before) || covers(budgets.at[i]->tree, now))
			control_loop_add(d->budgets, budgets.at[i]->key);
	if (now && stale_target(now))
		control_loop_add(d->targets, key);
}

/* Another number of replicas counts before its pods are there. */
static void on_owner(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct disruption_controller *d = ctx;
	char ns[256];
	(void)cache_key_split(key, ns);
	if (before && now &&
	    json_int_or(before, "spec.replicas", 1) == json_int_or(now, "spec.replicas", 1))
		return;
	struct cache_range budgets = cache_in_namespace(d->context->caches[KIND_BUDGET], ns);
	for (size_t i = 0; i < budgets.count; i++)
		control_loop_add(d->budgets, budgets.at[i]->key);
}

static const enum kind owners[] = { KIND_REPLICASET, KIND_DEPLOYMENT, KIND_STATEFULSET,
				    KIND_REPLICATION_CONTROLLER };

struct disruption_controller *disruption_controller_new(struct context *c)
{
	static const enum kind needs[] = { KIND_BUDGET,      KIND_POD,
					   KIND_REPLICASET,  KIND_DEPLOYMENT,
					   KIND_STATEFULSET, KIND_REPLICATION_CONTROLLER };
	struct disruption_controller *d = xcalloc(1, sizeof *d);
	d->context = c;
	d->budgets = context_loop(c, "disruption", reconcile, d, needs, ARRAY_LEN(needs));
	d->targets = context_loop(c, "disruption-target", reset_target, d, &needs[1], 1);
	cache_subscribe(c->caches[KIND_BUDGET],
			&(struct cache_subscriber){ .changed = on_budget, .ctx = d });
	cache_subscribe(c->caches[KIND_POD],
			&(struct cache_subscriber){ .changed = on_pod, .ctx = d });
	for (size_t i = 0; i < ARRAY_LEN(owners); i++)
		cache_subscribe(c->caches[owners[i]],
				&(struct cache_subscriber){ .changed = on_owner, .ctx = d });
	return d;
}

void disruption_controller_free(struct disruption_controller *d)
{
	if (!d)
		return;
	cache_unsubscribe(d->context->caches[KIND_BUDGET], d);
	cache_unsubscribe(d->context->caches[KIND_POD], d);
	for (size_t i = 0; i < ARRAY_LEN(owners); i++)
		cache_unsubscribe(d->context->caches[owners[i]], d);
	control_loop_free(d->budgets);
	control_loop_free(d->targets);
	free(d);
}
