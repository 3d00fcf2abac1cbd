/* What running workloads do when a dependency goes or is replaced: on-dependency-lost and
 * restart-with. */
#include "controller/order_internal.h"

#include "common/base/time_text.h"
#include "controller/order_lost_plan.h"

#define SEEN           "skiff.dev/restart-with-seen"
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

/* ---- restart-with ---- */

/* Who those are that one entry of depends-on leads to: changes when one is made anew or gets a new
 * revision. False while one is missing. */
static bool identify_entry(const struct order_view *v, size_t node, size_t entry, struct str *ret)
{
	const struct order_node *n = &v->graph->nodes[node];
	bool is_found = false;
	for (size_t i = 0; i < n->edges_count; i++) {
		if (n->edges[i].entry != entry)
			continue;
		const struct order_node *to = &v->graph->nodes[n->edges[i].to];
		const json_t *object = v->objects[n->edges[i].to];
		const char *revision =
			object ? annotation_of(object, "deployment.kubernetes.io/revision") : NULL;
		if (!object || (!revision && streq(to->kind->kind, "Deployment")))
			return false; /* gone, or too young to have a revision */
		is_found = true;
		str_addf(ret, "%s%s/%s=%s:%s", ret->len ? "," : "", to->kind->kind, to->name,
			 uid_of(object), revision ? revision : "");
	}
	return is_found;
}

/* Members of a cycle are nobody's: their restarts would go round for ever. */
static bool identify(const struct order_view *v, size_t node, struct str *ret)
{
	const struct order_node *n = &v->graph->nodes[node];
	const char *text = annotation_of(v->objects[node], ORDER_RESTART_WITH);
	AUTO_ORDER_LIST list = { 0 };
	struct error ignored; /* admission refused it; an older version may have let it in */
	if (!text || n->is_in_cycle || order_parse(text, &list, &ignored) < 0)
		return false;
	for (size_t i = 0; i < list.count; i++) {
		size_t entry = order_entry_meant(&n->depends, &list.at[i]);
		if (entry == ORDER_NONE || !identify_entry(v, node, entry, ret))
			return false;
	}
	return list.count > 0 && str_ok(ret);
}

/* ---- facts ---- */

static bool containers_run(const json_t *pod)
{
	size_t i;
	json_t *c;
	json_array_foreach (json_dig(pod, "status.containerStatuses"), i, c) {
		if (json_dig(c, "state.running"))
			return true;
	}
	return false;
}

static void read_state(struct order_controller *o, enum kind kind, const json_t *object,
		       struct lost_facts *f)
{
	const char *gate = annotation_of(object, ORDER_GATE_OPEN);
	const json_t *conditions = json_dig(object, "status.conditions");
	if (kind == KIND_DEPLOYMENT) {
		f->runs = f->is_started = json_int_or(object, "status.replicas", 0) > 0;
		/* One that waits for the dependency to come back has no pods perhaps. */
		f->is_started |= f->note != NOTE_NONE;
	} else if (kind == KIND_JOB) {
		f->is_started = gate && streq(gate, "true") &&
				!condition_is(conditions, "Complete", "True") &&
				!condition_is(conditions, "Failed", "True");
		f->runs = order_has_pods(o, kind, object);
	} else {
		f->is_started = json_str(object, "spec.nodeName") && pod_is_active(object);
		f->runs = containers_run(object);
	}
}

static void read_facts(struct order_controller *o, const struct order_view *v, size_t node,
		       const char *now, struct lost_facts *f)
{
	const json_t *object = v->objects[node];
	const char *seen = annotation_of(object, SEEN);
	AUTO_STR ignored;
	str_init(&ignored, 16384);
	*f = (struct lost_facts){
		.how = v->graph->nodes[node].kind->restart,
		.policy = lost_policy_of(annotation_of(object, ORDER_ON_LOST)),
		.note = lost_note_of(annotation_of(object, ORDER_LOST)),
		.is_lost = order_dependency_is_lost(v, node),
		.holds = order_gate(v->graph, node, v->facts, v->services_ready, &ignored) ==
			 ORDER_GATE_HOLDS,
		.is_replaced = now && seen && !streq(seen, now),
	};
	read_state(o, order_cache_kind(v->graph->nodes[node].kind), object, f);
}

/* ---- performing ---- */

static void put_note(json_t *annotations, const char *name, const char *value)
{
	(void)json_object_set_new(annotations, name, value ? json_string(value) : json_null());
}

static void patch_workload(struct order_controller *o, struct work *w, enum kind kind,
			   const json_t *object, json_t *take_annotations,
			   json_t *take_template_annotations)
{
	json_t *patch = json_object();
	json_put_str(patch, "metadata.resourceVersion",
		     json_str_or(object, "metadata.resourceVersion", ""));
	json_put(patch, "metadata.annotations", take_annotations);
	if (take_template_annotations)
		json_put(patch, "spec.template.metadata.annotations", take_template_annotations);
	struct work_write *write =
		work_patch(w, o->context->caches[kind], resource_of(kind), namespace_of(object),
			   name_of(object), NULL, API_MERGE_PATCH, patch);
	write->fine = WORK_FINE_GONE;
}

static void perform(struct order_controller *o, struct work *w, enum kind kind,
		    const json_t *object, const struct lost_facts *f, const struct lost_step *s,
		    const char *now)
{
	json_t *annotations = json_object(), *template = NULL;
	char time[TIME_TEXT_SIZE];
	if (s->note != f->note)
		put_note(annotations, ORDER_LOST, lost_note_name(s->note));
	if (s->sees)
		put_note(annotations, SEEN, now);
	if (s->rolls_out) {
		template = json_object();
		time_format(work_wall_us(w), time);
		put_note(template, s->sees ? RESTARTED_WITH : RESTARTED_AT, s->sees ? now : time);
	}
	if (json_object_size(annotations) > 0 || template)
		patch_workload(o, w, kind, object, annotations, template);
	else
		json_decref(annotations);
	if (s->reason)
		context_event(o->context, kind, object, s->is_warning ? "Warning" : "Normal",
			      s->reason, "%s", s->why);
}

/* A naked pod that is stopped says so itself; other kinds have controllers that do. */
static void tell_of_pod(struct order_controller *o, struct work *w, const struct order_view *v,
			size_t node)
{
	const json_t *pod = v->objects[node];
	bool is_stopped = lost_note_stops(annotation_of(pod, ORDER_LOST));
	bool says_open = condition_is(json_dig(pod, "status.conditions"), ORDER_CONDITION, "True");
	if (!is_stopped == says_open && !is_stopped)
		return;
	AUTO_STR text;
	str_init(&text, 16384);
	enum order_gate gate = order_gate(v->graph, node, v->facts, v->services_ready, &text);
	if (is_stopped && gate == ORDER_GATE_HOLDS)
		order_tell_pod(o, w, pod, ORDER_GATE_PENDING, false,
			       lost_note_text(annotation_of(pod, ORDER_LOST)));
	else
		order_tell_pod(o, w, pod, gate, !is_stopped, text.data);
}

static void look_at(struct order_controller *o, struct work *w, const struct order_view *v,
		    size_t node)
{
	const json_t *object = v->objects[node];
	enum kind kind = order_cache_kind(v->graph->nodes[node].kind);
	AUTO_STR now;
	str_init(&now, 16384);
	bool is_known = identify(v, node, &now);
	struct lost_facts f;
	struct lost_step step;
	read_facts(o, v, node, is_known ? now.data : NULL, &f);
	if (is_known && !annotation_of(object, SEEN)) {
		json_t *annotations = json_object();
		put_note(annotations, SEEN, now.data);
		patch_workload(o, w, kind, object, annotations, NULL);
		return; /* its event brings us back */
	}
	lost_plan(&f, &step);
	perform(o, w, kind, object, &f, &step, now.data);
	if (kind == KIND_POD && f.is_started)
		tell_of_pod(o, w, v, node);
}

void order_restart_namespace(struct order_controller *o, struct work *w, const struct order_view *v)
{
	for (size_t i = 0; i < v->graph->nodes_count; i++) {
		const json_t *object = v->objects[i];
		if (object && !pod_is_terminating(object) && v->graph->nodes[i].depends.count > 0)
			look_at(o, w, v, i);
	}
}
