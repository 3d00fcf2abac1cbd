/* A node without containers: pods start, become ready, end and go after times drawn from the
 * seed. It talks to the API like the real agent. */
#include "tests/sim/sim.h"

#include "common/base/time_text.h"
#include "controller/order_lost_plan.h"

#include <stdio.h>

#define TICK_MS      500
#define HEARTBEAT_MS 10000

static const struct api_resource pods = { "", "v1", "pods", true };
static const struct api_resource nodes = { "", "v1", "nodes", false };
static const struct api_resource leases = { "coordination.k8s.io", "v1", "leases", true };

struct sim_pod {
	int64_t start_ms, ready_ms, end_ms, gone_ms;
	bool is_asking, is_failing;
	bool is_stopped; /* by its annotation, as an agent does with naked pods */
	int restarts;
};

struct asked {
	struct sim_node *node;
	char uid[40];
};

static struct asked *ask(struct sim_node *n, const char *uid)
{
	struct asked *a = xcalloc(1, sizeof *a);
	int len = snprintf(a->uid, sizeof a->uid, "%s", uid);
	assert(len >= 0);
	a->node = n;
	return a;
}

static void answered(void *ctx, const struct api_reply *reply)
{
	struct asked *a = ctx;
	struct sim_pod *p = map_get(&a->node->seen, a->uid);
	(void)reply; /* the next tick sees what came of it */
	if (p)
		p->is_asking = false;
	free(a);
}

static void ignored(void *ctx, const struct api_reply *reply)
{
	(void)ctx, (void)reply; /* the next beat says it again */
}

static void created(void *ctx, const struct api_reply *reply)
{
	struct sim_node *n = ctx;
	n->is_registered = reply->code == 0 || reply->code == ERR_EXISTS;
}

static void register_node(struct sim_node *n)
{
	AUTO_JSON *tree = json_pack(
		"{s:s,s:s,s:{s:s},s:{},s:{s:{s:s,s:s,s:s},s:{s:s,s:s,s:s},s:[{s:s,s:s,s:s}],"
		"s:[{s:s,s:s}]}}",
		"apiVersion", "v1", "kind", "Node", "metadata", "name", n->name, "spec", "status",
		"capacity", "cpu", "4", "memory", "8Gi", "pods", "110", "allocatable", "cpu", "4",
		"memory", "8Gi", "pods", "110", "conditions", "type", "Ready", "status", "True",
		"reason", "SimReady", "addresses", "type", "InternalIP", "address", "10.0.0.9");
	auto_free char *path = api_path(&nodes, NULL, NULL, NULL);
	(void)api_request(n->api, "POST", path, tree, NULL, created, n);
}

static void beat(struct sim_node *n)
{
	char now[TIME_TEXT_SIZE];
	time_format_micro(loop_wall_us(n->sim->loop), now);
	AUTO_JSON *lease = json_pack("{s:{s:s,s:i,s:s}}", "spec", "holderIdentity", n->name,
				     "leaseDurationSeconds", 40, "renewTime", now);
	AUTO_JSON *whole =
		json_pack("{s:s,s:s,s:{s:s,s:s},s:O}", "apiVersion", "coordination.k8s.io/v1",
			  "kind", "Lease", "metadata", "name", n->name, "namespace",
			  "kube-node-lease", "spec", json_object_get(lease, "spec"));
	auto_free char *one = api_path(&leases, "kube-node-lease", n->name, NULL);
	auto_free char *all = api_path(&leases, "kube-node-lease", NULL, NULL);
	(void)api_request(n->api, "POST", all, whole, NULL, ignored, NULL);
	(void)api_request(n->api, "PATCH", one, lease, API_MERGE_PATCH, ignored, NULL);
	AUTO_JSON *status =
		json_pack("{s:{s:[{s:s,s:s,s:s,s:s}]}}", "status", "conditions", "type", "Ready",
			  "status", "True", "reason", "SimReady", "lastHeartbeatTime", now);
	auto_free char *path = api_path(&nodes, NULL, n->name, "status");
	(void)api_request(n->api, "PATCH", path, status, API_STRATEGIC_PATCH, ignored, NULL);
}

/* ---- pods ---- */

static json_t *condition(const char *type, bool is_true, const char *now)
{
	return json_pack("{s:s,s:s,s:s}", "type", type, "status", is_true ? "True" : "False",
			 "lastTransitionTime", now);
}

static bool api_says_ready(const json_t *pod)
{
	size_t i;
	json_t *c;
	json_array_foreach (json_dig(pod, "status.conditions"), i, c)
		if (streq(json_str_or(c, "type", ""), "Ready"))
			return streq(json_str_or(c, "status", ""), "True");
	return false;
}

static bool api_says_running(const json_t *pod)
{
	return json_dig(json_array_get(json_dig(pod, "status.containerStatuses"), 0),
			"state.running") != NULL;
}

static bool is_naked(const json_t *pod)
{
	return json_array_size(json_dig(pod, "metadata.ownerReferences")) == 0;
}

/* What the controller goes by where it cannot make pods anew. */
static json_t *container_status(const struct sim_pod *p, bool is_ready, const char *now)
{
	json_t *state = p->is_stopped
				? json_pack("{s:{s:s}}", "waiting", "reason", "DependencyLost")
				: json_pack("{s:{s:s}}", "running", "startedAt", now);
	return json_pack("[{s:s,s:s,s:s,s:b,s:i,s:o}]", "name", "c", "image", "i", "imageID", "i",
			 "ready", is_ready, "restartCount", p->restarts, "state", state);
}

static void tell(struct sim_node *n, struct sim_pod *p, const json_t *pod, const char *phase,
		 bool is_ready)
{
	char now[TIME_TEXT_SIZE];
	/* Against what the API holds, not against what was said: others write there too. */
	bool is_said = streq(json_str_or(pod, "status.phase", ""), phase) &&
		       api_says_ready(pod) == is_ready;
	if (is_naked(pod) && streq(phase, "Running"))
		is_said = is_said && api_says_running(pod) == !p->is_stopped;
	if (p->is_asking || is_said)
		return;
	p->is_asking = true;
	time_format(loop_wall_us(n->sim->loop), now);
	json_t *conditions = json_array();
	static const char *const always[] = { "Initialized", "PodScheduled" };
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		json_array_append_new(conditions, condition(always[i], true, now));
	json_array_append_new(conditions, condition("Ready", is_ready, now));
	json_array_append_new(conditions, condition("ContainersReady", is_ready, now));
	AUTO_JSON *patch =
		json_pack("{s:{s:s},s:{s:s,s:o,s:s,s:s}}", "metadata", "uid",
			  json_str_or(pod, "metadata.uid", ""), "status", "phase", phase,
			  "conditions", conditions, "podIP", "10.244.0.5", "startTime", now);
	if (is_naked(pod))
		json_put(patch, "status.containerStatuses", container_status(p, is_ready, now));
	auto_free char *path = api_path(&pods, json_str(pod, "metadata.namespace"),
					json_str(pod, "metadata.name"), "status");
	(void)api_request(n->api, "PATCH", path, patch, API_STRATEGIC_PATCH, answered,
			  ask(n, json_str_or(pod, "metadata.uid", "")));
}

static void finish_deletion(struct sim_node *n, struct sim_pod *p, const json_t *pod)
{
	if (p->is_asking)
		return;
	p->is_asking = true;
	AUTO_JSON *options = json_pack("{s:i,s:{s:s}}", "gracePeriodSeconds", 0, "preconditions",
				       "uid", json_str_or(pod, "metadata.uid", ""));
	auto_free char *path = api_path(&pods, json_str(pod, "metadata.namespace"),
					json_str(pod, "metadata.name"), NULL);
	(void)api_request(n->api, "DELETE", path, options, NULL, answered,
			  ask(n, json_str_or(pod, "metadata.uid", "")));
}

static struct sim_pod *pod_of(struct sim_node *n, const json_t *pod)
{
	const char *uid = json_str_or(pod, "metadata.uid", "");
	struct sim_pod *p = map_get(&n->seen, uid);
	if (p)
		return p;
	struct sim *s = n->sim;
	int64_t now = loop_now_ms(s->loop);
	bool runs_once = !streq(json_str_or(pod, "spec.restartPolicy", "Always"), "Always");
	p = xcalloc(1, sizeof *p);
	p->start_ms = now + sim_between(s, 100, 3000);
	p->ready_ms = p->start_ms + sim_between(s, 0, 3000);
	p->end_ms = runs_once ? p->start_ms + sim_between(s, 500, 8000) : INT64_MAX;
	p->is_failing = s->faults && (s->which & FAULT_PODS) && sim_dice(s, 8);
	map_put(&n->seen, uid, p);
	return p;
}

/* Most pods end when asked, some are deaf and are killed, and some cannot even be killed in time. */
static int64_t stopping_ms(struct sim *s)
{
	if ((s->which & FAULT_PODS) && sim_dice(s, 12))
		return SIM_STUCK_MS;
	return sim_dice(s, 8) ? SIM_GRACE_S * 1000 : sim_between(s, 0, 4000);
}

/* Its containers stop and start where they are. */
static void obey_loss(struct sim_node *n, struct sim_pod *p, const json_t *pod)
{
	const char *note = json_member_str(json_dig(pod, "metadata.annotations"), ORDER_LOST);
	bool stops = lost_note_stops(note);
	if (stops == p->is_stopped)
		return;
	p->is_stopped = stops;
	if (stops)
		return;
	p->restarts++;
	p->ready_ms = loop_now_ms(n->sim->loop) + sim_between(n->sim, 0, 3000);
}

static void step_pod(struct sim_node *n, const json_t *pod)
{
	struct sim *s = n->sim;
	struct sim_pod *p = pod_of(n, pod);
	int64_t now = loop_now_ms(s->loop);
	const char *phase = json_str_or(pod, "status.phase", "");
	bool is_over = streq(phase, "Succeeded") || streq(phase, "Failed");
	if (json_dig(pod, "metadata.deletionTimestamp")) {
		if (!p->gone_ms)
			p->gone_ms = now + stopping_ms(s);
		if (now >= p->gone_ms)
			finish_deletion(n, p, pod);
		return;
	}
	if (is_over || now < p->start_ms)
		return;
	bool runs_once = p->end_ms != INT64_MAX;
	if (is_naked(pod))
		obey_loss(n, p, pod);
	if (now >= p->end_ms)
		tell(n, p, pod, p->is_failing ? "Failed" : "Succeeded", false);
	else if (p->is_stopped || (!runs_once && p->is_failing && s->faults))
		tell(n, p, pod, "Running", false); /* not ready until the faults end */
	else
		tell(n, p, pod, "Running", now >= p->ready_ms);
}

static void tick(void *ctx)
{
	struct sim_node *n = ctx;
	struct sim *s = n->sim;
	int64_t now = loop_now_ms(s->loop);
	loop_timer_set(n->tick, TICK_MS);
	if (s->faults && (s->which & FAULT_NODES) && sim_dice(s, 400))
		n->down_until_ms = now + sim_between(s, 5000, 90000);
	if (s->faults && now < n->down_until_ms)
		return;
	if (!n->is_registered)
		register_node(n);
	if (now - n->beat_ms >= HEARTBEAT_MS) {
		n->beat_ms = now;
		beat(n);
	}
	struct cache_range r = cache_all(reflector_cache(n->pods));
	for (size_t i = 0; i < r.count; i++)
		step_pod(n, r.at[i]->tree);
}

void sim_node_start(struct sim_node *n, struct sim *s, size_t number)
{
	*n = (struct sim_node){ .sim = s, .beat_ms = -HEARTBEAT_MS };
	int len = snprintf(n->name, sizeof n->name, "node-%zu", number + 1);
	assert(len > 0);
	auto_free char *cn = xasprintf("system:node:%s", n->name);
	auto_free char *selector = xasprintf("spec.nodeName=%s", n->name);
	struct sim_server *server = &s->servers[number % SIM_SERVERS];
	n->transport = sim_transport_new(s->loop, s->seed + 10 + number,
					 &(struct sim_peer){ .cn = cn, .org = "system:nodes" },
					 server_handle, server->server, &s->network);
	n->api = api_new(s->loop, n->transport, "sim-node");
	n->pods = reflector_new(s->loop, n->api,
				&(struct reflector_options){ .resource = pods,
							     .field_selector = selector,
							     .seed = s->seed + number });
	n->tick = loop_timer_new(s->loop, tick, n);
	reflector_start(n->pods);
	loop_timer_set(n->tick, sim_between(s, 0, TICK_MS));
}

void sim_node_stop(struct sim_node *n)
{
	void *value;
	loop_timer_free(n->tick);
	reflector_free(n->pods);
	api_free(n->api);
	http_transport_free(n->transport);
	for (size_t i = 0; (i = map_next(&n->seen, i, NULL, &value)) != 0;)
		free(value);
	map_fini(&n->seen);
}
