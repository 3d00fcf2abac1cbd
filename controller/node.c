#include "controller/controllers_internal.h"

#include "common/base/map.h"
#include "common/base/time_text.h"
#include "controller/facts.h"
#include "controller/node_plan.h"

#define RANGES     "ranges" /* the one key of the loop that hands out pod ranges */
#define RANGE_BITS 24

struct node_controller {
	struct context *context;
	struct control_loop *loop, *ranges;
	struct map signs; /* node name → struct sign */
};

/* The last sign of life and when we saw it: clocks of nodes are not asked. */
struct sign {
	char *text;
	int64_t at_ms;
	bool has_signed;
};

static void sign_free(void *p)
{
	struct sign *s = p;
	if (!s)
		return;
	free(s->text);
	free(s);
}

static struct sign *read_sign(struct node_controller *n, const json_t *node, int64_t now_ms)
{
	const char *name = name_of(node);
	const json_t *lease = cache_get_at(n->context->caches[KIND_LEASE], "kube-node-lease", name);
	const json_t *ready = condition_of(json_dig(node, "status.conditions"), "Ready");
	const char *status = json_str_or(ready, "status", "");
	bool is_ours = streq(status, "Unknown"); /* what we wrote is no sign of the node's */
	auto_free char *text =
		xasprintf("%s|%s", json_str_or(lease, "spec.renewTime", ""),
			  is_ours ? "" : json_str_or(ready, "lastHeartbeatTime", ""));
	struct sign *s = map_get(&n->signs, name);
	if (!s) {
		s = xcalloc(1, sizeof *s);
		(void)map_put(&n->signs, name, s); /* was absent */
	}
	s->has_signed = lease || ready;
	if (!s->text || (!streq(s->text, text) && !is_ours) ||
	    (is_ours && lease && strncmp(s->text, text, strcspn(text, "|") + 1) != 0)) {
		free(s->text);
		s->text = TAKE(text);
		s->at_ms = now_ms;
	}
	return s;
}

static void patch_conditions(struct node_controller *n, struct work *w, const json_t *node,
			     json_t *take_conditions)
{
	json_t *patch = json_object();
	json_put_str(patch, "metadata.resourceVersion",
		     json_str_or(node, "metadata.resourceVersion", ""));
	json_put(patch, "status.conditions", take_conditions);
	(void)work_patch(w, n->context->caches[KIND_NODE], resource_of(KIND_NODE), NULL,
			 name_of(node), "status", API_STRATEGIC_PATCH,
			 patch); /* the write needs no change */
}

static void say_lost(struct node_controller *n, struct work *w, const json_t *node)
{
	static const char *const types[] = { "Ready", "MemoryPressure", "DiskPressure",
					     "PIDPressure" };
	bool never = json_array_size(json_dig(node, "status.conditions")) == 0;
	const json_t *before = json_dig(node, "status.conditions");
	json_t *conditions = before ? json_deep_copy(before) : json_array();
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const struct condition c = {
			.type = types[i],
			.status = "Unknown",
			.reason = never ? "NodeStatusNeverUpdated" : "NodeStatusUnknown",
			.message = never ? "Kubelet never posted node status."
					 : "Kubelet stopped posting node status.",
		};
		(void)condition_set(conditions, &c, work_wall_us(w)); /* it changes */
	}
	patch_conditions(n, w, node, conditions);
	context_event(n->context, KIND_NODE, node, "Normal", "NodeNotReady",
		      "Node %s status is now: NodeNotReady", name_of(node));
}

static void fix_taints(struct node_controller *n, struct work *w, const json_t *node)
{
	char now[TIME_TEXT_SIZE];
	time_format(work_wall_us(w), now);
	const json_t *present = json_dig(node, "spec.taints");
	AUTO_JSON *wanted = node_plan_taints(node, now);
	if (present ? json_equal(present, wanted) : json_array_size(wanted) == 0)
		return;
	json_t *patch = json_object();
	json_put_str(patch, "metadata.resourceVersion",
		     json_str_or(node, "metadata.resourceVersion", ""));
	json_put(patch, "spec.taints", TAKE(wanted));
	(void)work_patch(w, n->context->caches[KIND_NODE], resource_of(KIND_NODE), NULL,
			 name_of(node), NULL, API_MERGE_PATCH, patch); /* needs no change */
}

/* ---- its pods ---- */

/* A pod on a lost node serves nobody: Services must not send to it. */
static void mark_not_ready(struct node_controller *n, struct work *w, const json_t *pod)
{
	if (!pod_is_ready(pod, NULL))
		return;
	AUTO_JSON *conditions = json_deep_copy(json_dig(pod, "status.conditions"));
	const json_t *ready = condition_of(conditions, "Ready");
	auto_free char *reason = xstrdup(json_str_or(ready, "reason", ""));
	auto_free char *message = xstrdup(json_str_or(ready, "message", ""));
	const struct condition c = {
		.type = "Ready", .status = "False", .reason = reason, .message = message
	};
	(void)condition_set(conditions, &c, work_wall_us(w)); /* it changes */
	json_t *patch = json_object(), *list = json_array();
	(void)json_array_append(list, (json_t *)(uintptr_t)condition_of(conditions, "Ready"));
	json_put_str(patch, "metadata.uid", uid_of(pod));
	json_put(patch, "status.conditions", list);
	struct work_write *write =
		work_patch(w, n->context->caches[KIND_POD], resource_of(KIND_POD),
			   namespace_of(pod), name_of(pod), "status", API_STRATEGIC_PATCH, patch);
	write->group = 1;
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
	context_event(n->context, KIND_POD, pod, "Warning", "NodeNotReady", "Node is not ready");
}

static void evict(struct node_controller *n, struct work *w, const json_t *pod)
{
	struct work_write *write =
		work_delete(w, n->context->caches[KIND_POD], resource_of(KIND_POD),
			    namespace_of(pod), name_of(pod), uid_of(pod), -1, NULL);
	write->group = 2;
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
	context_event(n->context, KIND_POD, pod, "Normal", "TaintManagerEviction",
		      "Marking for deletion Pod %s/%s", namespace_of(pod), name_of(pod));
}

static void look_after_pods(struct node_controller *n, struct work *w, const json_t *node)
{
	struct cache_range pods =
		cache_indexed(n->context->caches[KIND_POD], INDEX_NODE, name_of(node));
	const json_t *taints = json_dig(node, "spec.taints");
	bool is_ready = condition_is(json_dig(node, "status.conditions"), "Ready", "True");
	bool is_known = condition_of(json_dig(node, "status.conditions"), "Ready") != NULL;
	for (size_t i = 0; i < pods.count; i++) {
		const json_t *pod = pods.at[i]->tree;
		if (pod_is_finished(pod))
			continue;
		if (!is_ready && is_known)
			mark_not_ready(n, w, pod);
		if (pod_is_terminating(pod))
			continue;
		int64_t ms = node_plan_evict_in_ms(pod, taints, work_wall_us(w));
		if (ms == 0)
			evict(n, w, pod);
		else if (ms > 0)
			work_again(w, ms);
	}
}

static void reconcile(void *ctx, struct work *w, const char *key)
{
	struct node_controller *n = ctx;
	const json_t *node = cache_get(n->context->caches[KIND_NODE], key);
	if (!node) {
		sign_free(map_remove(&n->signs, key));
		return;
	}
	const struct sign *sign = read_sign(n, node, work_now_ms(w));
	const json_t *ready = condition_of(json_dig(node, "status.conditions"), "Ready");
	const struct node_signs signs = { .silent_ms = work_now_ms(w) - sign->at_ms,
					  .has_signed = sign->has_signed,
					  .ready = json_str_or(ready, "status", "") };
	int64_t wake_ms;
	if (node_plan_is_lost(&signs, &wake_ms)) {
		say_lost(n, w, node);
		return; /* its event brings us back for the taints */
	}
	if (wake_ms >= 0)
		work_again(w, wake_ms);
	fix_taints(n, w, node);
	look_after_pods(n, w, node);
}

/* ---- pod ranges ---- */

static void give_ranges(void *ctx, struct work *w, const char *key)
{
	struct node_controller *n = ctx;
	struct cache_range nodes = cache_all(n->context->caches[KIND_NODE]);
	auto_free const char **taken = xcalloc(nodes.count + 1, sizeof(char *));
	const json_t *needy = NULL;
	size_t count = 0;
	char range[32];
	(void)key; /* there is but one */
	for (size_t i = 0; i < nodes.count; i++) {
		const char *present = json_str(nodes.at[i]->tree, "spec.podCIDR");
		if (present && *present)
			taken[count++] = present;
		else if (!needy)
			needy = nodes.at[i]->tree;
	}
	if (!needy)
		return;
	if (!node_plan_range(n->context->settings.cluster_cidr, RANGE_BITS, taken, count, range)) {
		context_event(n->context, KIND_NODE, needy, "Warning", "CIDRNotAvailable",
			      "Node %s status is now: CIDRNotAvailable", name_of(needy));
		work_again(w, 30000);
		return;
	}
	json_t *patch = json_object(), *ranges = json_array();
	(void)json_array_append_new(ranges, json_string(range));
	json_put_str(patch, "metadata.resourceVersion",
		     json_str_or(needy, "metadata.resourceVersion", ""));
	json_put_str(patch, "spec.podCIDR", range);
	json_put(patch, "spec.podCIDRs", ranges);
	(void)work_patch(w, n->context->caches[KIND_NODE], resource_of(KIND_NODE), NULL,
			 name_of(needy), NULL, API_MERGE_PATCH, patch);
	work_again(w, 0); /* the next one; the barrier waits for this write */
}

/* ---- what wakes it ---- */

static void on_node(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct node_controller *n = ctx;
	(void)before; /* the present counts */
	control_loop_add(n->loop, key);
	const char *range = now ? json_str(now, "spec.podCIDR") : NULL;
	if (now && (!range || !*range) && *n->context->settings.cluster_cidr)
		control_loop_add(n->ranges, RANGES);
}

static void on_lease(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct node_controller *n = ctx;
	char ns[256];
	const char *name = cache_key_split(key, ns);
	(void)before; /* the present counts */
	const json_t *node = cache_get(n->context->caches[KIND_NODE], name);
	if (node && now)
		(void)read_sign(n, node, loop_now_ms(n->context->loop)); /* noted for later */
}

static void on_pod(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct node_controller *n = ctx;
	(void)key; /* its node's is asked for */
	const char *node = now ? json_str(now, "spec.nodeName") : NULL;
	if (node && (!before || !json_str(before, "spec.nodeName")))
		control_loop_add(n->loop, node);
}

struct node_controller *node_controller_new(struct context *c)
{
	static const enum kind needs[] = { KIND_NODE, KIND_LEASE, KIND_POD };
	struct node_controller *n = xcalloc(1, sizeof *n);
	n->context = c;
	n->loop = context_loop(c, "node", reconcile, n, needs, ARRAY_LEN(needs));
	n->ranges = context_loop(c, "node-range", give_ranges, n, needs, 1);
	cache_subscribe(c->caches[KIND_NODE],
			&(struct cache_subscriber){ .changed = on_node, .ctx = n });
	cache_subscribe(c->caches[KIND_LEASE],
			&(struct cache_subscriber){ .changed = on_lease, .ctx = n });
	cache_subscribe(c->caches[KIND_POD],
			&(struct cache_subscriber){ .changed = on_pod, .ctx = n });
	return n;
}

void node_controller_free(struct node_controller *n)
{
	if (!n)
		return;
	cache_unsubscribe(n->context->caches[KIND_NODE], n);
	cache_unsubscribe(n->context->caches[KIND_LEASE], n);
	cache_unsubscribe(n->context->caches[KIND_POD], n);
	control_loop_free(n->loop);
	control_loop_free(n->ranges);
	const char *name;
	void *sign;
	for (size_t i = 0; (i = map_next(&n->signs, i, &name, &sign)) != 0;)
		sign_free(sign);
	map_fini(&n->signs);
	free(n);
}
