#include "nodeagent/pod_plan.h"

#define NS_PER_MS 1000000

const char *pod_action_name(enum pod_action a)
{
	static const char *const names[POD_ACTION_COUNT] = {
		[POD_NOTHING] = "nothing",
		[POD_PREPARE_VOLUMES] = "prepare volumes",
		[POD_RUN_SANDBOX] = "run sandbox",
		[POD_ENSURE_IMAGE] = "ensure image",
		[POD_CREATE_CONTAINER] = "create container",
		[POD_START_CONTAINER] = "start container",
		[POD_STOP_CONTAINERS] = "stop containers",
		[POD_STOP_SANDBOX] = "stop sandbox",
		[POD_REMOVE_SANDBOX] = "remove sandbox",
		[POD_REMOVE_CONTAINER] = "remove container",
		[POD_CLEAN_VOLUMES] = "clean volumes",
		[POD_DELETE_OBJECT] = "delete object",
		[POD_FORGET] = "forget",
	};
	return names[a];
}

/* ---- classes ---- */

static bool is_running(const struct container_facts *c)
{
	return c->now.state == INSTANCE_RUNNING;
}

static bool has_succeeded(const struct container_facts *c)
{
	return c->now.state == INSTANCE_EXITED && c->now.exit_code == 0;
}

/* An init container's result counts only in the sandbox it ran in. */
static bool is_init_done(const struct container_facts *c)
{
	return has_succeeded(c) && c->now.is_in_sandbox;
}

bool pod_restarts(const struct pod_facts *f, const struct container_facts *c)
{
	if (c->kind == CONTAINER_SIDECAR)
		return true;
	if (f->restart == POD_RESTART_NEVER)
		return false;
	/* Always means: an init container runs again only until it has succeeded. */
	if (c->kind == CONTAINER_INIT || f->restart == POD_RESTART_ON_FAILURE)
		return c->now.exit_code != 0;
	return true;
}

int64_t pod_backoff_ms(const struct container_facts *c)
{
	int64_t ran_ms = (c->now.finished_ns - c->now.started_ns) / NS_PER_MS;
	if (c->streak == 0 || (c->now.started_ns > 0 && ran_ms >= POD_BACKOFF_RESET_MS))
		return 0;
	unsigned doublings = MIN(c->streak - 1, 10u);
	return MIN((int64_t)POD_BACKOFF_FIRST_MS << doublings, (int64_t)POD_BACKOFF_MAX_MS);
}

/* An ordinary container was made in the present sandbox, so its init containers were through,
 * whether or not the runtime still shows them. */
static bool has_begun(const struct pod_facts *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->containers[i].kind == CONTAINER_APP &&
		    f->containers[i].now.state != INSTANCE_NONE &&
		    f->containers[i].now.is_in_sandbox)
			return true;
	return false;
}

bool pod_is_initialized(const struct pod_facts *f)
{
	bool begun = has_begun(f);
	for (size_t i = 0; i < f->count; i++) {
		const struct container_facts *c = &f->containers[i];
		if (c->kind == CONTAINER_INIT && !begun && !is_init_done(c))
			return false;
		if (c->kind == CONTAINER_SIDECAR && !begun && !(is_running(c) && c->is_started))
			return false;
	}
	return true;
}

bool pod_is_finished(const struct pod_facts *f)
{
	size_t ended = 0, apps = 0;
	bool begun = has_begun(f);
	for (size_t i = 0; i < f->count; i++) {
		const struct container_facts *c = &f->containers[i];
		bool is_over = c->now.state == INSTANCE_EXITED && !pod_restarts(f, c);
		if (c->kind == CONTAINER_INIT && is_over && c->now.exit_code != 0 && !begun)
			return true;
		apps += c->kind == CONTAINER_APP;
		ended += c->kind == CONTAINER_APP && is_over;
	}
	return apps > 0 && ended == apps;
}

/* ---- small helpers of the decision ---- */

static void wake_at(struct pod_step *s, int64_t at_ms)
{
	if (at_ms > 0 && (s->next_wake_ms == 0 || at_ms < s->next_wake_ms))
		s->next_wake_ms = at_ms;
}

static bool act(struct pod_step *s, enum pod_action action, const char *why)
{
	s->action = action;
	s->why = why;
	s->next_wake_ms = 0;
	return true;
}

static bool act_on(struct pod_step *s, enum pod_action action, size_t container, const char *why)
{
	s->container = container;
	return act(s, action, why);
}

/* Is it too early? Then the step wakes up at that time. */
static bool must_wait(const struct pod_facts *f, struct pod_step *s, int64_t until_ms)
{
	if (until_ms <= f->now_ms)
		return false;
	wake_at(s, until_ms);
	return true;
}

static bool stop_kind(const struct pod_facts *f, struct pod_step *s, bool is_sidecar,
		      const char *why)
{
	bool any = false;
	for (size_t i = f->count; i-- > 0;) {
		const struct container_facts *c = &f->containers[i];
		if (!is_running(c) || (c->kind == CONTAINER_SIDECAR) != is_sidecar)
			continue;
		s->stop[i] = any = true;
		if (is_sidecar)
			break; /* one after the other, last first */
	}
	s->grace_s = f->grace_s;
	return any && act(s, POD_STOP_CONTAINERS, why);
}

/* Everything that runs: ordinary containers together, then sidecars. */
static bool stop_all(const struct pod_facts *f, struct pod_step *s, const char *why)
{
	return stop_kind(f, s, false, why) || stop_kind(f, s, true, why);
}

/* ---- the end ---- */

static bool remove_spares(const struct pod_facts *f, struct pod_step *s)
{
	s->id = f->spare_container;
	if (s->id)
		return act(s, POD_REMOVE_CONTAINER, "an older instance");
	s->id = f->spare_sandbox;
	return s->id && act(s, POD_REMOVE_SANDBOX, "an older sandbox");
}

static bool plan_end(const struct pod_facts *f, struct pod_step *s)
{
	if (stop_all(f, s, "the pod is deleted"))
		return true;
	if (f->sandbox == SANDBOX_READY)
		return act(s, POD_STOP_SANDBOX, "the pod is deleted");
	/* How it ended must be known before the runtime forgets it. */
	if (f->object && !f->is_status_sent)
		return true;
	if (remove_spares(f, s))
		return true;
	s->id = f->sandbox_id;
	if (f->sandbox != SANDBOX_NONE)
		return act(s, POD_REMOVE_SANDBOX, "the pod is deleted");
	if (f->have_volumes)
		return act(s, POD_CLEAN_VOLUMES, "the pod is deleted");
	if (f->object)
		return act(s, POD_DELETE_OBJECT, "nothing of it is left");
	return act(s, POD_FORGET, "nothing of it is left");
}

/* ---- the start ---- */

/* A container that should run and does not. True if there is something to do. */
static bool plan_container(const struct pod_facts *f, struct pod_step *s, size_t i)
{
	const struct container_facts *c = &f->containers[i];
	bool is_here = c->now.is_in_sandbox;
	if (c->now.state == INSTANCE_CREATED && is_here && !c->now.is_outdated)
		return !must_wait(f, s, c->start_retry_ms) &&
		       act_on(s, POD_START_CONTAINER, i, "it is created");
	if (c->now.state == INSTANCE_EXITED &&
	    must_wait(f, s, c->now.finished_ns / NS_PER_MS + pod_backoff_ms(c)))
		return false;
	if (!c->is_image_ready)
		return !must_wait(f, s, c->image_retry_ms) &&
		       act_on(s, POD_ENSURE_IMAGE, i, "before it is created");
	return !must_wait(f, s, c->start_retry_ms) &&
	       act_on(s, POD_CREATE_CONTAINER, i,
		      c->now.state == INSTANCE_EXITED ? "it exited" : "it is not there");
}

/* Init containers and sidecars in order. `ret_go_on`: the next may come. */
static bool plan_init(const struct pod_facts *f, struct pod_step *s, bool *ret_go_on)
{
	bool begun = has_begun(f);
	*ret_go_on = true;
	for (size_t i = 0; i < f->count; i++) {
		const struct container_facts *c = &f->containers[i];
		if (c->kind == CONTAINER_APP)
			continue;
		if (c->kind == CONTAINER_INIT && (begun || is_init_done(c)))
			continue;
		bool is_started = is_running(c) && c->is_started;
		if (!is_running(c) && plan_container(f, s, i))
			return true;
		if (c->kind == CONTAINER_SIDECAR && (is_started || begun))
			continue;
		*ret_go_on = false;
		return false;
	}
	return false;
}

/* Containers that a probe gave up, or whose spec changed. */
static bool plan_kills(const struct pod_facts *f, struct pod_step *s)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct container_facts *c = &f->containers[i];
		if (!is_running(c) || (!c->kill_why && !c->now.is_outdated))
			continue;
		const char *own = !c->kill_why                          ? NULL
				  : streq(c->kill_why, "startup probe") ? "startupProbe"
									: "livenessProbe";
		s->stop[i] = true;
		s->grace_s = f->grace_s;
		if (own)
			s->grace_s = json_int_or(json_object_get(c->spec, own),
						 "terminationGracePeriodSeconds", s->grace_s);
		return act(s, POD_STOP_CONTAINERS, c->kill_why ? c->kill_why : "its spec changed");
	}
	return false;
}

/* The sandbox is gone or was never there. */
static bool plan_sandbox(const struct pod_facts *f, struct pod_step *s)
{
	if (stop_all(f, s, "its sandbox is gone"))
		return true;
	return !must_wait(f, s, f->sandbox_retry_ms) &&
	       act(s, POD_RUN_SANDBOX,
		   f->sandbox == SANDBOX_DEAD ? "the last one is gone" : "the pod has none");
}

static bool plan_run(const struct pod_facts *f, struct pod_step *s)
{
	if (f->is_held)
		return false;
	if (f->is_stopped)
		return stop_all(f, s, "what it depends on is lost");
	if (!f->are_volumes_ready)
		return !must_wait(f, s, f->volumes_retry_ms) &&
		       act(s, POD_PREPARE_VOLUMES, "they are not there");
	if (f->sandbox != SANDBOX_READY)
		return plan_sandbox(f, s);
	if (plan_kills(f, s))
		return true;
	bool go_on;
	if (plan_init(f, s, &go_on))
		return true;
	for (size_t i = 0; go_on && i < f->count; i++) {
		const struct container_facts *c = &f->containers[i];
		if (c->kind != CONTAINER_APP || is_running(c))
			continue;
		if (c->now.state == INSTANCE_EXITED && !pod_restarts(f, c))
			continue;
		if (plan_container(f, s, i))
			return true;
	}
	return remove_spares(f, s);
}

bool pod_step_is_start(const struct pod_step *s)
{
	return s->action >= POD_PREPARE_VOLUMES && s->action <= POD_START_CONTAINER;
}

void pod_plan(const struct pod_facts *f, struct pod_step *ret)
{
	*ret = (struct pod_step){ 0 };
	assert(f->count <= POD_CONTAINERS_MAX);
	if (f->is_deleted || !f->object) {
		(void)plan_end(f, ret);
	} else if (f->failed_reason || f->was_terminal || pod_is_finished(f)) {
		if (!stop_all(f, ret, "the pod has ended") && f->sandbox == SANDBOX_READY)
			(void)act(ret, POD_STOP_SANDBOX, "the pod has ended");
	} else {
		(void)plan_run(f, ret);
	}
}
