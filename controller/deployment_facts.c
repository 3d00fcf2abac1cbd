#include "controller/deployment_internal.h"

static bool is_same_template(const json_t *set, const json_t *template)
{
	AUTO_JSON *own = json_deep_copy(json_dig(set, "spec.template"));
	json_t *labels = json_dig(own, "metadata.labels");
	if (labels)
		(void)json_object_del(labels, HASH_LABEL); /* fine if absent */
	return json_equal(own, template);
}

static int64_t number_of(const json_t *object, const char *annotation, int64_t otherwise)
{
	const char *text = annotation_of(object, annotation);
	return text && *text ? strtoll(text, NULL, 10) : otherwise;
}

static void read_set(struct deployment_set *s, const json_t *set)
{
	*s = (struct deployment_set){
		.is_deleting = pod_is_terminating(set),
		.replicas = json_int_or(set, "spec.replicas", 1),
		.status_replicas = json_int_or(set, "status.replicas", 0),
		.available = json_int_or(set, "status.availableReplicas", 0),
		.desired = number_of(set, DESIRED_ANNOTATION, -1),
		.max = number_of(set, MAX_ANNOTATION, -1),
		.created_us = time_of(set, "metadata.creationTimestamp"),
		.revision = number_of(set, REVISION_ANNOTATION, 0),
		.is_observed = json_int_or(set, "status.observedGeneration", 0) >=
			       json_int_or(set, "metadata.generation", 0),
		.name = name_of(set),
	};
}

/* Equal templates can meet (a rollback raced with a scale): the oldest is the one. */
static void find_new_set(struct deployment_facts *f)
{
	const json_t *template = json_dig(f->deployment, "spec.template");
	f->new_set = SIZE_MAX;
	for (size_t i = 0; i < f->sets.count; i++) {
		if (!is_same_template(f->sets.at[i]->tree, template))
			continue;
		if (f->new_set == SIZE_MAX || f->at[i].created_us < f->at[f->new_set].created_us)
			f->new_set = i;
	}
	if (f->new_set != SIZE_MAX)
		f->at[f->new_set].is_new = true;
	f->has_old = f->sets.count > (f->new_set != SIZE_MAX);
}

static bool has_running_pods(const struct context *c, const json_t *set)
{
	struct cache_range pods = controlled_by(c, KIND_POD, uid_of(set));
	for (size_t i = 0; i < pods.count; i++)
		if (!pod_is_finished(pods.at[i]->tree))
			return true;
	return false;
}

static void count(struct deployment_facts *f, const struct context *c)
{
	struct deployment_counts *n = &f->counts;
	int64_t spec_total = 0;
	for (size_t i = 0; i < f->sets.count; i++) {
		const json_t *set = f->sets.at[i]->tree;
		const struct deployment_set *s = &f->at[i];
		spec_total += s->replicas;
		n->replicas += s->status_replicas;
		n->ready += json_int_or(set, "status.readyReplicas", 0);
		n->available += s->available;
		if (s->is_new)
			n->updated = s->status_replicas;
		else if (f->want.is_recreate && has_running_pods(c, set))
			f->want.old_pods_are_running = true;
	}
	n->unavailable = MAX(spec_total - n->available, (int64_t)0);
}

static void read_want(struct deployment_want *want, const json_t *d)
{
	const json_t *rolling = json_dig(d, "spec.strategy.rollingUpdate");
	*want = (struct deployment_want){
		.replicas = json_int_or(d, "spec.replicas", 1),
		.is_recreate = streq(json_str_or(d, "spec.strategy.type", ""), "Recreate"),
		.is_paused = json_bool_or(d, "spec.paused", false),
		.is_deleting = pod_is_terminating(d),
		.history_limit = json_int_or(d, "spec.revisionHistoryLimit", 10),
		.status_replicas = json_int_or(d, "status.replicas", 0),
	};
	if (want->is_recreate)
		return;
	want->max_surge =
		int_or_percent(json_object_get(rolling, "maxSurge"), want->replicas, true, 1);
	want->max_unavailable = int_or_percent(json_object_get(rolling, "maxUnavailable"),
					       want->replicas, false, 0);
	deployment_resolve(&want->max_surge, &want->max_unavailable);
	want->max_unavailable = MIN(want->max_unavailable, want->replicas);
}

void deployment_facts_init(struct deployment_facts *f, const struct context *c, json_t *deployment)
{
	*f = (struct deployment_facts){ .deployment = deployment, .gate_wake_ms = -1 };
	str_init(&f->gate_text, 16384);
	read_want(&f->want, deployment);
	f->sets = controlled_by(c, KIND_REPLICASET, uid_of(deployment));
	f->sets.count = MIN(f->sets.count, (size_t)DEPLOYMENT_SETS_MAX);
	f->at = xcalloc(f->sets.count + 1, sizeof *f->at);
	for (size_t i = 0; i < f->sets.count; i++)
		read_set(&f->at[i], f->sets.at[i]->tree);
	find_new_set(f);
	count(f, c);
	f->want.is_complete = deployment_is_complete(f->want.replicas, &f->counts);
}

void deployment_facts_fini(struct deployment_facts *f)
{
	free(f->at);
	str_fini(&f->gate_text);
	*f = (struct deployment_facts){ 0 };
}

/* on-dependency-lost: stop. While a dependency serves nobody, nothing of this one runs. */
static void stop_if_lost(struct deployment_facts *f, const struct context *c)
{
	const char *policy = annotation_of(f->deployment, ORDER_ON_LOST);
	if (!policy || !streq(policy, "stop") || f->is_waiting)
		return;
	AUTO_ORDER_VIEW v = { 0 };
	order_view_init(&v, c, namespace_of(f->deployment), NULL, 0);
	size_t node = order_find(v.graph, "Deployment", name_of(f->deployment));
	if (node == ORDER_NONE || !order_dependency_is_lost(&v, node))
		return;
	f->gate = order_gate(v.graph, node, v.facts, v.services_ready, &f->gate_text);
	f->is_waiting = f->is_lost = true;
	f->want.replicas = f->want.max_surge = 0;
	f->want.is_complete = false;
}

void deployment_facts_gate(struct deployment_facts *f, const struct context *c, int64_t since_ms,
			   int64_t now_ms)
{
	const json_t *set = deployment_new_set(f);
	const char *gate = set ? annotation_of(set, ORDER_GATE_OPEN) : NULL;
	const char *updates = annotation_of(f->deployment, ORDER_ORDER_UPDATES);
	f->has_dependencies = order_has_dependencies(f->deployment);
	struct order_latch_facts latch = {
		/* A revision made before the annotation came has been let through. */
		.is_open = set && (!gate || streq(gate, "true")),
		.has_dependencies = f->has_dependencies,
		.is_update = f->has_old,
		.orders_updates = !updates || !streq(updates, "false"),
		.since_ms = since_ms,
		.now_ms = now_ms,
	};
	if (f->has_dependencies && !latch.is_open)
		f->gate = order_gate_of(c, "Deployment", f->deployment, &f->gate_text);
	latch.gate = f->gate;
	f->latch = order_latch(&latch, &f->gate_wake_ms);
	/* The annotation was removed while a revision waited: nothing holds it any more. */
	if (f->latch == ORDER_LATCH_NONE && gate && streq(gate, "false"))
		f->latch = ORDER_LATCH_OPEN_NOW;
	f->is_waiting = f->latch == ORDER_LATCH_CLOSED;
	f->want.is_gate_closed = f->is_waiting;
	f->watches_dependencies =
		f->has_dependencies && annotation_of(f->deployment, ORDER_ON_LOST) != NULL;
	if (f->watches_dependencies)
		stop_if_lost(f, c);
}
