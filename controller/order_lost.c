/* What running workloads do when a dependency goes or is replaced: on-dependency-lost and
 * restart-with. Deployments only: other kinds have no template to roll out anew. */
#include "controller/order_internal.h"

#include "common/base/time_text.h"

#define SEEN           "skiff.dev/restart-with-seen"
#define LOST           "skiff.dev/dependency-lost"
#define RESTARTED_WITH "skiff.dev/restarted-with"
#define RESTARTED_AT   "skiff.dev/restarted-at"

/* Serves nobody at all; being rolled out or short of a replica is no loss. */
static bool is_lost(const struct order_view *v, size_t node)
{
	const json_t *object = v->objects[node];
	const struct order_facts *f = &v->facts[node];
	if (!object)
		return true;
	if (streq(v->graph->nodes[node].kind->kind, "Deployment"))
		return json_int_or(object, "status.availableReplicas", 0) == 0;
	return !f->is_ready && !f->has_completed;
}

static bool entry_is_lost(const struct order_view *v, size_t node, size_t entry)
{
	const struct order_node *n = &v->graph->nodes[node];
	const struct order_entry *e = &n->depends.at[entry];
	bool is_found = false;
	if (e->condition != ORDER_READY)
		return false; /* what was reached once is not lost */
	if (e->kind && streq(e->kind, "Service")) {
		for (size_t i = 0; i < v->graph->services_count; i++)
			if (streq(v->graph->services[i].name, e->name))
				return !v->services_ready[i];
		return true;
	}
	for (size_t i = 0; i < n->edges_count; i++) {
		if (n->edges[i].entry != entry)
			continue;
		is_found = true;
		if (is_lost(v, n->edges[i].to))
			return true;
	}
	return !is_found;
}

bool order_dependency_is_lost(const struct order_view *v, size_t node)
{
	for (size_t i = 0; i < v->graph->nodes[node].depends.count; i++)
		if (entry_is_lost(v, node, i))
			return true;
	return false;
}

static void patch_deployment(struct order_controller *o, struct work *w, const json_t *deployment,
			     const char *name, const char *value, const char *template_name,
			     const char *template_value)
{
	json_t *patch = json_object(), *annotations = json_object(), *template = json_object();
	(void)json_object_set_new(annotations, name, value ? json_string(value) : json_null());
	json_put_str(patch, "metadata.resourceVersion",
		     json_str_or(deployment, "metadata.resourceVersion", ""));
	json_put(patch, "metadata.annotations", annotations);
	if (template_name) {
		(void)json_object_set_new(template, template_name, json_string(template_value));
		json_put(patch, "spec.template.metadata.annotations", template);
	} else {
		json_decref(template);
	}
	struct work_write *write = work_patch(
		w, o->context->caches[KIND_DEPLOYMENT], resource_of(KIND_DEPLOYMENT),
		namespace_of(deployment), name_of(deployment), NULL, API_MERGE_PATCH, patch);
	write->fine = WORK_FINE_GONE;
}

/* ---- restart-with ---- */

/* Who the named workloads are now: changes when one is made anew or gets a new revision. False
 * while one is missing. */
static bool identify(const struct order_view *v, const struct order_list *list, struct str *ret)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct order_entry *e = &list->at[i];
		bool is_found = false;
		for (size_t n = 0; n < v->graph->nodes_count; n++) {
			const struct order_node *node = &v->graph->nodes[n];
			if (!v->objects[n] || !streq(node->name, e->name) ||
			    (e->kind && !streq(e->kind, node->kind->kind)))
				continue;
			const char *revision =
				annotation_of(v->objects[n], "deployment.kubernetes.io/revision");
			if (!revision && streq(node->kind->kind, "Deployment"))
				return false; /* too young to have one */
			is_found = true;
			str_addf(ret, "%s%s/%s=%s:%s", ret->len ? "," : "", node->kind->kind,
				 node->name, uid_of(v->objects[n]), revision ? revision : "");
		}
		if (!is_found)
			return false;
	}
	return list->count > 0 && str_ok(ret);
}

static void restart_with(struct order_controller *o, struct work *w, const struct order_view *v,
			 const json_t *deployment)
{
	const char *text = annotation_of(deployment, ORDER_RESTART_WITH);
	AUTO_ORDER_LIST list = { 0 };
	struct error ignored; /* admission refused it; an older version may have let it in */
	if (!text || order_parse(text, &list, &ignored) < 0)
		return;
	AUTO_STR now;
	str_init(&now, 16384);
	if (!identify(v, &list, &now))
		return;
	const char *seen = annotation_of(deployment, SEEN);
	if (!seen) {
		patch_deployment(o, w, deployment, SEEN, now.data, NULL, NULL);
	} else if (!streq(seen, now.data)) {
		patch_deployment(o, w, deployment, SEEN, now.data, RESTARTED_WITH, now.data);
		context_event(o->context, KIND_DEPLOYMENT, deployment, "Normal", "RestartedWith",
			      "restarted together with %s", text);
	}
}

/* ---- on-dependency-lost: restart (stop is the deployment controller's) ---- */

static void restart_after_loss(struct order_controller *o, struct work *w,
			       const struct order_view *v, size_t node)
{
	const json_t *deployment = v->objects[node];
	const char *policy = annotation_of(deployment, ORDER_ON_LOST);
	bool was_lost = annotation_of(deployment, LOST) != NULL;
	bool has_run = json_int_or(deployment, "status.replicas", 0) > 0;
	if (!policy || !streq(policy, "restart"))
		return;
	bool lost = order_dependency_is_lost(v, node);
	if (lost && !was_lost && has_run) {
		patch_deployment(o, w, deployment, LOST, "true", NULL, NULL);
		context_event(o->context, KIND_DEPLOYMENT, deployment, "Warning", "DependencyLost",
			      "a dependency is lost; restarting when it is back");
	} else if (!lost && was_lost) {
		char now[TIME_TEXT_SIZE];
		time_format(work_wall_us(w), now);
		patch_deployment(o, w, deployment, LOST, NULL, RESTARTED_AT, now);
		context_event(o->context, KIND_DEPLOYMENT, deployment, "Normal", "DependencyBack",
			      "the dependency is back; restarting");
	}
}

void order_restart_namespace(struct order_controller *o, struct work *w, const struct order_view *v)
{
	for (size_t i = 0; i < v->graph->nodes_count; i++) {
		const json_t *object = v->objects[i];
		if (!object || pod_is_terminating(object) ||
		    !streq(v->graph->nodes[i].kind->kind, "Deployment"))
			continue;
		restart_with(o, w, v, object);
		restart_after_loss(o, w, v, i);
	}
}
