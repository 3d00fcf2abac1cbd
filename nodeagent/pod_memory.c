#include "nodeagent/pod.h"

#include "common/base/time_text.h"

#include <stdio.h>

#define IMAGE_ERROR_SHOWN_MS 3000 /* then it is called a back-off, as the kubelet does */
#define STREAK_MAX           7

static void replace(char **to, const char *text)
{
	char *copy = text ? xstrdup(text) : NULL;
	free(*to);
	*to = copy;
}

void memory_wait(struct container_memory *m, const char *reason, const char *message)
{
	replace(&m->wait_reason, reason);
	replace(&m->wait_message, message);
}

void pod_wait(struct pod *p, const char *reason, const char *message)
{
	replace(&p->wait_reason, reason);
	replace(&p->wait_message, message);
}

/* ---- the spec's containers ---- */

static size_t specs_count(const struct pod *p)
{
	return json_array_size(json_dig(p->object, "spec.initContainers")) +
	       json_array_size(json_dig(p->object, "spec.containers"));
}

static const json_t *spec_at(const struct pod *p, size_t i, bool *ret_is_init)
{
	const json_t *init = json_dig(p->object, "spec.initContainers");
	size_t n = json_array_size(init);
	*ret_is_init = i < n;
	return i < n ? json_array_get(init, i)
		     : json_array_get(json_dig(p->object, "spec.containers"), i - n);
}

const json_t *pod_container_spec(const struct pod *p, const char *name)
{
	bool is_init;
	for (size_t i = 0; i < specs_count(p); i++)
		if (streq(json_str_or(spec_at(p, i, &is_init), "name", ""), name))
			return spec_at(p, i, &is_init);
	return NULL;
}

void pod_memory_fit(struct pod *p)
{
	bool is_init;
	if (p->memory || !p->object)
		return;
	p->memory_count = MIN(specs_count(p), (size_t)POD_CONTAINERS_MAX);
	p->memory = xcalloc(MAX(p->memory_count, (size_t)1), sizeof(*p->memory));
	for (size_t i = 0; i < p->memory_count; i++)
		p->memory[i].name = xstrdup(json_str_or(spec_at(p, i, &is_init), "name", ""));
}

/* ---- facts of a container ---- */

static void set_instance(const struct pod *p, const struct view_instance *from, const json_t *spec,
			 struct instance *to)
{
	char hash[32];
	if (!from)
		return;
	const char *sandbox = p->view.sandboxes_count ? p->view.sandboxes[0].id : "";
	*to = (struct instance){
		.state = from->state,
		.id = from->id,
		.image = from->image,
		.image_ref = from->image_ref,
		.reason = from->reason,
		.message = from->message,
		.log_path = from->log_path,
		.attempt = from->attempt,
		.exit_code = from->exit_code,
		.created_ns = from->created_ns,
		.started_ns = from->started_ns,
		.finished_ns = from->finished_ns,
		.is_in_sandbox = from->sandbox_id && streq(from->sandbox_id, sandbox),
	};
	if (spec && from->hash &&
	    snprintf(hash, sizeof(hash), "%llx", (unsigned long long)pod_container_hash(spec)) > 0)
		to->is_outdated = !streq(hash, from->hash);
}

/* What the API last heard about this very life of the container, for a restarted agent. */
static const json_t *stored_status(const struct pod *p, const char *name, const char *id)
{
	static const char *const lists[] = { "status.initContainerStatuses",
					     "status.containerStatuses" };
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		size_t i;
		json_t *s;
		json_array_foreach (json_dig(p->object, lists[l]), i, s) {
			const char *stored = json_str_or(s, "containerID", "");
			const char *slash = strstr(stored, "://");
			if (streq(json_str_or(s, "name", ""), name) && slash &&
			    streq(slash + 3, id))
				return s;
		}
	}
	return NULL;
}

/* A new life: probe results of the former one say nothing about it. */
static void fit_probed(struct pod *p, struct container_memory *m, const struct view_instance *now)
{
	if (!now || (m->probed_id && streq(m->probed_id, now->id)))
		return;
	const json_t *stored = stored_status(p, m->name, now->id);
	probes_stop(m);
	replace(&m->probed_id, now->id);
	m->kill_why = NULL;
	m->is_started = json_bool_or(stored, "started", false);
	m->is_ready = json_bool_or(stored, "ready", false);
}

static void image_wait(const struct pod *p, const struct container_memory *m, struct arena *a,
		       struct container_facts *c, int64_t now_ms)
{
	(void)p;
	if (!m->wait_reason || !streq(m->wait_reason, "ErrImagePull") ||
	    now_ms < m->image_failed_ms + IMAGE_ERROR_SHOWN_MS)
		return;
	c->wait_reason = "ImagePullBackOff";
	c->wait_message = arena_format(a, "Back-off pulling image \"%s\": ErrImagePull: %s",
				       json_str_or(c->spec, "image", ""),
				       m->wait_message ? m->wait_message : "");
}

static void container_facts(struct pod *p, size_t i, struct arena *a, struct container_facts *c,
			    int64_t now_ms)
{
	struct container_memory *m = &p->memory[i];
	bool is_init;
	const json_t *spec = spec_at(p, i, &is_init);
	const struct view_instance *now = view_nth(p, m->name, 0);
	fit_probed(p, m, now);
	*c = (struct container_facts){
		.name = m->name,
		.spec = spec,
		.kind = !is_init ? CONTAINER_APP
			: streq(json_str_or(spec, "restartPolicy", ""), "Always")
				? CONTAINER_SIDECAR
				: CONTAINER_INIT,
		.has_startup_probe = json_object_get(spec, "startupProbe") != NULL,
		.has_readiness_probe = json_object_get(spec, "readinessProbe") != NULL,
		.kill_why = m->kill_why,
		.is_image_ready = m->is_image_ready,
		.image_retry_ms = m->image_retry_ms,
		.start_retry_ms = m->start_retry_ms,
		.wait_reason = m->wait_reason,
		.wait_message = m->wait_message,
	};
	set_instance(p, now, spec, &c->now);
	set_instance(p, view_nth(p, m->name, 1), NULL, &c->before);
	if (!m->is_streak_known && now) {
		m->is_streak_known = true;
		m->streak = MIN(now->attempt, (uint32_t)STREAK_MAX);
	}
	c->streak = m->streak;
	bool runs = c->now.state == INSTANCE_RUNNING;
	c->is_started = runs && (!c->has_startup_probe || m->is_started);
	c->is_ready = c->is_started && (!c->has_readiness_probe || m->is_ready);
	image_wait(p, m, a, c, now_ms);
}

/* ---- facts of the pod ---- */

static enum pod_restart restart_of(const json_t *object)
{
	const char *policy = json_str_or(object, "spec.restartPolicy", "Always");
	return streq(policy, "Never")       ? POD_RESTART_NEVER
	       : streq(policy, "OnFailure") ? POD_RESTART_ON_FAILURE
					    : POD_RESTART_ALWAYS;
}

/* Dependency order: a gated pod of an earlier boot waits until the controller names this one. */
bool pod_is_held(const struct pod *p)
{
	const json_t *notes = json_dig(p->object, "metadata.annotations");
	const char *gated = json_member_str(notes, "skiff.dev/gated");
	const char *boot = json_member_str(notes, "skiff.dev/start-boot");
	if (!gated || !streq(gated, "true") || (boot && streq(boot, p->agent->boot_id)))
		return false;
	for (size_t i = 0; i < p->view.sandboxes_count; i++)
		if (p->view.sandboxes[i].is_of_this_boot)
			return false;
	/* Newly bound: no agent has ever reported about it before this one was made known to us. */
	return json_dig(p->object, "status.startTime") != NULL && !p->is_new_here;
}

/* Dependency order: the controller says so on naked pods (order_lost_plan.h). */
static bool pod_is_stopped(const struct pod *p)
{
	const char *lost = json_member_str(json_dig(p->object, "metadata.annotations"),
					   "skiff.dev/dependency-lost");
	return lost && (streq(lost, "stopped") || streq(lost, "restarting"));
}

static void add_spares(struct pod *p, struct pod_facts *f)
{
	for (size_t i = p->view.instances_count; i-- > 0;) {
		const struct view_instance *v = &p->view.instances[i];
		const struct view_instance *kept = view_nth(p, v->name, 1);
		if (v == view_nth(p, v->name, 0) || v == kept || v->state == INSTANCE_RUNNING)
			continue;
		f->spare_container = v->id;
		break;
	}
	/* Removing a sandbox removes its containers: not while their end is worth showing. */
	if (p->view.sandboxes_count < 2)
		return;
	const struct view_sandbox *old = &p->view.sandboxes[p->view.sandboxes_count - 1];
	for (size_t i = 0; i < p->view.instances_count; i++)
		if (p->view.instances[i].sandbox_id &&
		    streq(p->view.instances[i].sandbox_id, old->id) && !f->is_deleted)
			return;
	f->spare_sandbox = old->id;
}

static void add_sandbox(struct pod *p, struct arena *a, struct pod_facts *f)
{
	if (p->view.sandboxes_count == 0)
		return;
	const struct view_sandbox *s = &p->view.sandboxes[0];
	f->sandbox = s->is_ready ? SANDBOX_READY : SANDBOX_DEAD;
	f->sandbox_id = s->id;
	f->sandbox_attempt = s->attempt;
	f->sandbox_created_ns = s->created_ns;
	if (s->ip) {
		const char **ips = arena_alloc(a, 1, sizeof(*ips));
		ips[0] = s->ip;
		f->ips = ips;
		f->ips_count = 1;
	}
}

/* Containers of a pod that the API no longer has: whatever the runtime shows must stop. */
static void add_orphans(struct pod *p, struct arena *a, struct pod_facts *f)
{
	f->containers = arena_alloc(a, p->view.instances_count, sizeof(*f->containers));
	for (size_t i = 0; i < p->view.instances_count && f->count < POD_CONTAINERS_MAX; i++) {
		const struct view_instance *v = &p->view.instances[i];
		if (v->state != INSTANCE_RUNNING)
			continue;
		struct container_facts *c = &f->containers[f->count++];
		c->name = v->name;
		c->kind = CONTAINER_APP;
		set_instance(p, v, NULL, &c->now);
	}
}

static void check_deadline(struct pod *p, int64_t now_ms)
{
	int64_t limit_s = json_int_or(p->object, "spec.activeDeadlineSeconds", 0);
	if (limit_s <= 0 || p->start_ms == 0 || p->failed_reason)
		return;
	int64_t left_ms = p->start_ms + limit_s * 1000 - now_ms;
	if (left_ms > 0) {
		pod_kick_after(p, left_ms + 1);
		return;
	}
	p->failed_reason = xstrdup("DeadlineExceeded");
	p->failed_message =
		xstrdup("Pod was active on the node longer than the specified deadline");
}

void pod_facts_make(struct pod *p, struct arena *a, struct pod_facts *f)
{
	int64_t now_ms = agent_now_ms(p->agent);
	*f = (struct pod_facts){
		.object = p->object,
		.restart = restart_of(p->object),
		.is_deleted = p->grace_s >= 0 || !p->object,
		.now_ms = now_ms,
		.are_volumes_ready = p->are_volumes_ready,
		.have_volumes = p->have_volumes,
		.volumes_retry_ms = p->volumes_retry_ms,
		.sandbox_retry_ms = p->sandbox_retry_ms,
		.was_terminal = p->was_terminal,
		.wait_reason = p->wait_reason,
		.wait_message = p->wait_message,
		.start_ms = p->start_ms,
		.is_status_sent = p->is_status_sent,
	};
	f->grace_s = p->grace_s >= 0 ? p->grace_s
		     : p->object ? json_int_or(p->object, "spec.terminationGracePeriodSeconds", 30)
				 : 1;
	add_sandbox(p, a, f);
	if (!p->object) {
		add_orphans(p, a, f);
		add_spares(p, f);
		return;
	}
	check_deadline(p, now_ms);
	f->failed_reason = p->failed_reason;
	f->failed_message = p->failed_message;
	f->is_held = pod_is_held(p);
	if (f->is_held) {
		f->wait_reason = "WaitingForDependencies";
		f->wait_message = "its turn in this boot has not come yet";
	}
	f->is_stopped = pod_is_stopped(p);
	if (f->is_stopped) {
		f->wait_reason = "DependencyLost";
		f->wait_message = "stopped until what it depends on is back";
	}
	f->containers = arena_alloc(a, p->memory_count, sizeof(*f->containers));
	f->count = p->memory_count;
	for (size_t i = 0; i < f->count; i++)
		container_facts(p, i, a, &f->containers[i], now_ms);
	add_spares(p, f);
}

/* ---- what configurations are made from ---- */

void pod_context_make(struct pod *p, struct arena *a, struct pod_context *c)
{
	struct agent *agent = p->agent;
	struct cache_range range =
		cache_in_namespace(reflector_cache(agent->services_reflector), p->ns);
	const json_t **services = arena_alloc(a, range.count, sizeof(*services));
	for (size_t i = 0; i < range.count; i++)
		services[i] = range.at[i]->tree;
	*c = (struct pod_context){
		.object = p->object,
		.sources = p->sources,
		.services = services,
		.services_count = range.count,
		.node_name = agent->node_name,
		.host_ip = agent->node_ip,
		.api_host = agent->api_host,
		.api_port = agent->api_port,
		.node_cpu_milli = agent->node_cpu_milli,
		.node_memory = agent->node_memory,
	};
	if (json_bool_or(p->object, "spec.hostNetwork", false))
		c->pod_ip = agent->node_ip;
	else if (p->view.sandboxes_count && p->view.sandboxes[0].ip)
		c->pod_ip = p->view.sandboxes[0].ip;
	else
		c->pod_ip = "";
}
