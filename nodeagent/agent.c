#include "nodeagent/house.h"
#include "nodeagent/pod.h"

#include "common/base/time_text.h"
#include "common/io/log.h"

#include <arpa/inet.h>

#define RELIST_MS       60000
#define RELIST_RETRY_MS 1000
#define AHEAD_MAX_MS    30000 /* then the watch is believed, whatever it says */

int64_t agent_now_ms(const struct agent *a)
{
	return loop_wall_us(a->loop) / 1000;
}

int64_t backoff_ms(struct rng *r, unsigned failures, int64_t first_ms, int64_t max_ms)
{
	int64_t span = MIN(first_ms << MIN(failures, 20u), max_ms);
	return span / 2 + (int64_t)rng_below(r, (uint64_t)span / 2 + 1);
}

/* ---- the pods ---- */

struct pod *agent_pod(struct agent *a, const char *uid)
{
	return map_get(&a->pods, uid);
}

struct pod *agent_pod_make(struct agent *a, const char *uid, const char *ns, const char *name)
{
	struct pod *p = xcalloc(1, sizeof(*p));
	p->agent = a;
	p->uid = xstrdup(uid);
	p->ns = xstrdup(ns);
	p->name = xstrdup(name);
	p->grace_s = -1;
	/* The first list of the runtime named every pod that it has: this one is not there. */
	p->view.is_known = a->is_runtime_known;
	(void)map_put(&a->pods, uid, p);
	return p;
}

static void forget_name(struct agent *a, struct pod *p)
{
	auto_free char *key = cache_key(p->ns, p->name);
	if (map_get(&a->by_name, key) == p)
		(void)map_remove(&a->by_name, key);
}

static void pod_free(struct pod *p)
{
	for (size_t i = 0; i < p->memory_count; i++) {
		struct container_memory *m = &p->memory[i];
		probes_stop(m);
		free(m->name);
		free(m->probed_id);
		free(m->wait_reason);
		free(m->wait_message);
	}
	free(p->memory);
	view_fini(&p->view);
	if (p->status_call)
		api_cancel(p->agent->api, p->status_call);
	loop_timer_free(p->timer);
	loop_timer_free(p->report_timer);
	json_decref(p->object);
	json_decref(p->sources);
	json_decref(p->status);
	json_decref(p->status_sent);
	json_decref(p->status_stored);
	free(p->wait_reason);
	free(p->wait_message);
	free(p->failed_reason);
	free(p->failed_message);
	free(p->uid);
	free(p->ns);
	free(p->name);
	free(p);
}

void agent_pod_forget(struct pod *p)
{
	struct agent *a = p->agent;
	for (size_t i = p->view.sandboxes_count; i-- > 0;)
		(void)map_remove(&a->by_id, p->view.sandboxes[i].id);
	for (size_t i = p->view.instances_count; i-- > 0;)
		(void)map_remove(&a->by_id, p->view.instances[i].id);
	(void)map_remove(&a->pods, p->uid);
	forget_name(a, p);
	pod_slot_pass(p, POD_NOTHING);
	pod_free(p);
}

/* ---- what the API says ---- */

static void pod_gone(struct agent *a, const json_t *object)
{
	struct pod *p = agent_pod(a, json_str_or(object, "metadata.uid", ""));
	if (!p)
		return;
	forget_name(a, p);
	json_decref(p->object);
	p->object = NULL;
	p->grace_s = p->grace_s >= 0 ? MIN(p->grace_s, (int64_t)1) : 1;
	pod_work_hurry(p);
	pod_kick(p);
}

/* More pods than the node takes: whoever bound it did not know. */
static void refuse_excess(struct pod *p)
{
	const struct agent *a = p->agent;
	int max = a->options.pods_max > 0 ? a->options.pods_max : PODS_MAX;
	int used = 0;
	const char *uid;
	void *value;
	for (size_t i = 0; (i = map_next(&a->pods, i, &uid, &value)) != 0;) {
		const struct pod *other = value;
		used += other != p && other->object && !other->was_terminal &&
			!other->failed_reason;
	}
	if (used < max)
		return;
	p->failed_reason = xstrdup("OutOfpods");
	p->failed_message = xasprintf("Pod was rejected: Node didn't have enough resource: pods, "
				      "requested: 1, used: %d, capacity: %d",
				      used, max);
	pod_event(p, NULL, "Warning", p->failed_reason, "%s", p->failed_message);
}

static void first_seen(struct pod *p)
{
	const char *start = json_str(p->object, "status.startTime");
	const char *phase = json_str_or(p->object, "status.phase", "");
	int64_t us;
	p->is_new_here = !start;
	p->start_ms = start && time_parse(start, &us) ? us / 1000 : agent_now_ms(p->agent);
	p->was_terminal = streq(phase, "Succeeded") || streq(phase, "Failed");
	p->have_volumes = !p->is_new_here;
	if (p->is_new_here && !p->was_terminal)
		refuse_excess(p);
}

static uint64_t revision_of(const json_t *object)
{
	return strtoull(json_str_or(object, "metadata.resourceVersion", "0"), NULL, 10);
}

/* News that are older than an answer we had already. */
static bool is_overtaken(struct pod *p, const json_t *object)
{
	if (p->ahead_revision == 0)
		return false;
	bool is_late = agent_now_ms(p->agent) > p->ahead_ms + AHEAD_MAX_MS;
	if (revision_of(object) < p->ahead_revision && !is_late)
		return true;
	p->ahead_revision = 0;
	return false;
}

/* Dependency order: what others depend on stops after them; the controller takes the finalizer
 * away when its turn has come. */
static bool waits_for_dependents(const json_t *object)
{
	size_t i;
	json_t *f;
	json_array_foreach (json_dig(object, "metadata.finalizers"), i, f) {
		if (json_is_string(f) && streq(json_string_value(f), "skiff.dev/stop-order"))
			return true;
	}
	return false;
}

static bool has_other_notes(const json_t *a, const json_t *b)
{
	static const char *const names[] = { "metadata.labels", "metadata.annotations" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const json_t *x = json_dig(a, names[i]), *y = json_dig(b, names[i]);
		if (x != y && !json_equal(x, y))
			return true;
	}
	return false;
}

static void pod_changed(struct agent *a, const json_t *object)
{
	const char *uid = json_str_or(object, "metadata.uid", "");
	const char *ns = json_str_or(object, "metadata.namespace", "");
	const char *name = json_str_or(object, "metadata.name", "");
	struct pod *p = agent_pod(a, uid);
	if (!p)
		p = agent_pod_make(a, uid, ns, name);
	if (is_overtaken(p, object))
		return;
	bool is_first = !p->object;
	if (!is_first && has_other_notes(p->object, object))
		p->volumes_next_ms = 0; /* downwardAPI volumes may show them */
	json_decref(p->object);
	p->object = json_incref((json_t *)(uintptr_t)object);
	if (is_first) {
		auto_free char *key = cache_key(ns, name);
		(void)map_put(&a->by_name, key, p);
		first_seen(p);
	}
	int64_t grace_s = json_int_or(object, "metadata.deletionGracePeriodSeconds", 30);
	if (json_str(object, "metadata.deletionTimestamp") &&
	    (grace_s == 0 || !waits_for_dependents(object))) {
		p->grace_s = p->grace_s >= 0 ? MIN(p->grace_s, grace_s) : grace_s;
		pod_work_hurry(p);
	}
	pod_kick(p);
}

void agent_pod_answered(struct pod *p, json_t *object)
{
	bool is_it = p->object && streq(json_str_or(object, "metadata.uid", ""), p->uid);
	if (!is_it || revision_of(object) <= revision_of(p->object))
		return;
	p->ahead_revision = 0;
	pod_changed(p->agent, object);
	p->ahead_revision = revision_of(object);
	p->ahead_ms = agent_now_ms(p->agent);
}

static void on_changed(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct agent *a = ctx;
	(void)key;
	bool is_other = before && now &&
			!streq(json_str_or(before, "metadata.uid", ""),
			       json_str_or(now, "metadata.uid", ""));
	if (before && (!now || is_other))
		pod_gone(a, before);
	if (now)
		pod_changed(a, now);
}

/* ---- what the runtime says ---- */

static void try_run(struct agent *a)
{
	if (a->is_running || !a->is_runtime_known ||
	    !cache_is_synced(reflector_cache(a->pods_reflector)) ||
	    !cache_is_synced(reflector_cache(a->services_reflector)))
		return;
	a->is_running = true;
	log_info("agent", "running", "node", a->node_name);
	house_start(a->house);
	const char *uid;
	void *value;
	for (size_t i = 0; (i = map_next(&a->pods, i, &uid, &value)) != 0;)
		pod_kick_after(value, 0);
}

static void on_progressed(void *ctx)
{
	try_run(ctx);
}

/* A pod that the runtime has something of. */
static struct pod *pod_of_labels(struct agent *a, const struct cri_pairs *labels)
{
	const char *uid = cri_pairs_get(labels, LABEL_POD_UID);
	const char *ns = cri_pairs_get(labels, LABEL_POD_NAMESPACE);
	const char *name = cri_pairs_get(labels, LABEL_POD_NAME);
	if (!uid || !ns || !name)
		return NULL; /* not ours: somebody uses this containerd as well */
	struct pod *p = agent_pod(a, uid);
	if (!p) {
		p = agent_pod_make(a, uid, ns, name);
		p->have_volumes = true;
		p->view.is_known = false;
	}
	return p;
}

static void relist_end(struct agent *a, bool is_fine)
{
	if (a->is_listing_sandboxes || a->is_listing_containers)
		return;
	loop_timer_set(a->relist_timer, is_fine ? RELIST_MS : RELIST_RETRY_MS);
	if (!is_fine)
		return;
	a->is_runtime_known = true;
	const char *uid;
	void *value;
	for (size_t i = 0; (i = map_next(&a->pods, i, &uid, &value)) != 0;) {
		struct pod *p = value;
		if (!p->work && p->seen != p->view.sandboxes_count + p->view.instances_count)
			p->view.is_known = false;
		p->seen = 0;
		if (!p->view.is_known && a->is_running)
			pod_kick_after(p, 0);
	}
	try_run(a);
}

static void on_containers(void *ctx, const struct cri_reply *reply)
{
	static const enum instance_state states[] = {
		[CRI_CREATED] = INSTANCE_CREATED,
		[CRI_RUNNING] = INSTANCE_RUNNING,
		[CRI_EXITED] = INSTANCE_EXITED,
		[CRI_UNKNOWN] = INSTANCE_EXITED,
	};
	struct agent *a = ctx;
	a->is_listing_containers = false;
	for (size_t i = 0; i < reply->containers_count; i++) {
		const struct cri_container *c = &reply->containers[i];
		struct pod *p = pod_of_labels(a, &c->labels);
		if (!p)
			continue;
		p->seen++;
		const struct view_instance *v = view_instance_of(p, c->id);
		if (v && v->state != states[c->state])
			p->view.is_known = false;
	}
	relist_end(a, reply->code == 0);
}

static void on_sandboxes(void *ctx, const struct cri_reply *reply)
{
	struct agent *a = ctx;
	a->is_listing_sandboxes = false;
	for (size_t i = 0; i < reply->sandboxes_count; i++) {
		const struct cri_sandbox *s = &reply->sandboxes[i];
		struct pod *p = pod_of_labels(a, &s->labels);
		if (!p)
			continue;
		p->seen++;
		for (size_t k = 0; k < p->view.sandboxes_count; k++)
			if (streq(p->view.sandboxes[k].id, s->id) &&
			    p->view.sandboxes[k].is_ready != s->is_ready)
				p->view.is_known = false;
	}
	a->is_listing_containers = true;
	if (reply->code < 0) {
		a->is_listing_containers = false;
		relist_end(a, false);
		return;
	}
	(void)runtime_start(a->runtime, &(struct cri_request){ .op = CRI_LIST_CONTAINERS },
			    on_containers, a);
}

void agent_relist(struct agent *a)
{
	if (a->is_listing_sandboxes || a->is_listing_containers)
		return;
	a->is_listing_sandboxes = true;
	(void)runtime_start(a->runtime, &(struct cri_request){ .op = CRI_LIST_SANDBOXES },
			    on_sandboxes, a);
}

static void on_relist_timer(void *ctx)
{
	agent_relist(ctx);
}

void agent_watch_execs(struct agent *a, agent_exec_watch *watch, void *ctx)
{
	a->exec_watch = watch;
	a->exec_watch_ctx = ctx;
}

static void tell_exec(struct agent *a, bool is_end, const char *id, int exit_code)
{
	const char *slash = strchr(id, '/');
	if (!slash || !a->exec_watch)
		return;
	auto_free char *container = xstrndup(id, (size_t)(slash - id));
	a->exec_watch(a->exec_watch_ctx, is_end, container, slash + 1, exit_code);
}

static void on_runtime_event(void *ctx, enum cri_event_type type, const char *id, int exit_code)
{
	struct agent *a = ctx;
	if (type == CRI_EVENT_EXEC_ADDED || type == CRI_EVENT_EXEC_EXIT) {
		tell_exec(a, type == CRI_EVENT_EXEC_EXIT, id, exit_code);
		return;
	}
	struct pod *p = map_get(&a->by_id, id);
	if (p && type == CRI_EVENT_DELETE)
		pod_end_is_near(p);
	if (!p || (type != CRI_EVENT_EXIT && type != CRI_EVENT_OOM))
		return;
	if (type == CRI_EVENT_EXIT) {
		view_mark_ended(p, id, exit_code);
		pod_work_ended(p, id);
	} else {
		view_mark_oomed(p, id);
	}
	p->view.is_known &= !view_lags(p); /* else it said all that the next step needs */
	pod_kick(p);
}

static void on_runtime_connected(void *ctx, bool is_connected)
{
	struct agent *a = ctx;
	if (is_connected)
		agent_relist(a);
	else
		log_warn("agent", "containerd's events broke off, asking again and again", "node",
			 a->node_name);
}

/* ---- making ---- */

int agent_new(struct loop *loop, struct api *api, struct runtime *runtime,
	      const struct agent_options *options, struct agent **ret, struct error *err)
{
	struct in6_addr any;
	if (!options->node_name || !options->node_name[0])
		return error_set(err, ERR_INVALID, "the node needs a name");
	if (!options->root || options->root[0] != '/')
		return error_set(err, ERR_INVALID, "the root must be an absolute path");
	if (!options->node_ip || (inet_pton(AF_INET, options->node_ip, &any) != 1 &&
				  inet_pton(AF_INET6, options->node_ip, &any) != 1))
		return error_set(err, ERR_INVALID, "'%s' is no address for the node",
				 options->node_ip ? options->node_ip : "");
	struct agent *a = xcalloc(1, sizeof(*a));
	a->loop = loop;
	a->api = api;
	a->runtime = runtime;
	a->options = *options;
	a->node_name = xstrdup(options->node_name);
	a->root = xstrdup(options->root);
	a->log_root = xasprintf("%s/log", options->root);
	a->node_ip = xstrdup(options->node_ip);
	a->pod_cidr = options->pod_cidr ? xstrdup(options->pod_cidr) : NULL;
	a->boot_id = options->boot_id ? xstrdup(options->boot_id) : agent_kernel_boot_id();
	a->rng.state = (uint64_t)loop_wall_us(loop);
	agent_config_make(a);
	a->events = events_new(loop, api, "skiff-nodeagent", a->node_name, rng_next(&a->rng));
	auto_free char *selector = xasprintf("spec.nodeName=%s", a->node_name);
	struct reflector_options pods = { .resource = { "", "v1", "pods", true },
					  .field_selector = selector,
					  .seed = rng_next(&a->rng) };
	struct reflector_options services = { .resource = { "", "v1", "services", true },
					      .seed = rng_next(&a->rng) };
	a->pods_reflector = reflector_new(loop, api, &pods);
	a->services_reflector = reflector_new(loop, api, &services);
	struct cache_subscriber s = { on_changed, on_progressed, a };
	cache_subscribe(reflector_cache(a->pods_reflector), &s);
	s.changed = NULL;
	cache_subscribe(reflector_cache(a->services_reflector), &s);
	a->relist_timer = loop_timer_new(loop, on_relist_timer, a);
	a->node = node_new(a);
	a->house = house_new(a);
	*ret = a;
	return 0;
}

void agent_start(struct agent *a)
{
	struct cri_events events = { on_runtime_event, on_runtime_connected, a };
	a->runtime->ops->subscribe(a->runtime, &events);
	loop_timer_set(a->relist_timer, 0);
	reflector_start(a->pods_reflector);
	reflector_start(a->services_reflector);
	node_start(a->node);
}

void agent_free(struct agent *a)
{
	if (!a)
		return;
	a->is_running = false;
	reflector_free(a->pods_reflector);
	reflector_free(a->services_reflector);
	node_free(a->node);
	house_free(a->house);
	const char *uid;
	void *value;
	for (size_t i = 0; (i = map_next(&a->pods, i, &uid, &value)) != 0;)
		pod_free(value);
	map_fini(&a->pods);
	map_fini(&a->by_name);
	map_fini(&a->by_id);
	events_free(a->events);
	loop_timer_free(a->relist_timer);
	agent_config_fini(a);
	free(a->node_name);
	free(a->root);
	free(a->log_root);
	free(a->node_ip);
	free(a->pod_cidr);
	free(a->boot_id);
	free(a->api_host);
	free(a->api_port);
	free(a);
}
