/* The actions of pod_plan.h, each performed once: runtime calls, file work, API calls. */
#include "nodeagent/pod_work.h"

#include "common/io/log.h"

#include <stdarg.h>
#include <stdio.h>

#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS   60000
#define EVENT_MAX      1024
#define CHECK_MS       60000 /* have the contents of volumes changed */
#define CHECK_SOON_MS  10000

/* ---- beginning and end ---- */

void work_end(struct pod_work *w)
{
	struct pod *p = w->pod;
	work_free_slot(w);
	work_free_stops(w);
	volume_set_fini(&w->volumes);
	for (size_t i = 0; i < w->paths_count; i++)
		free(w->paths[i]);
	free(w->paths);
	free(w->container);
	free(w->id);
	free(w->image);
	free(w->pod_dir);
	free(w->log_dir);
	free(w->hosts_path);
	str_fini(&w->hosts);
	free(w);
	p->work = NULL;
	pod_act_done(p);
}

void work_free_slot(struct pod_work *w)
{
	if (!w->is_slot_free)
		pod_slot_done(w->pod, w->action);
	w->is_slot_free = true;
}

void pod_work_hurry(struct pod *p)
{
	struct pod_work *w = p->work;
	if (!w || p->grace_s < 0)
		return;
	if (w->action == POD_START_CONTAINER && w->hook) {
		work_start_give_up(w);
	} else if (w->action == POD_STOP_CONTAINERS && p->grace_s < w->grace_s) {
		w->grace_s = p->grace_s;
		work_stop_hurry(w);
	}
}

void pod_work_ended(struct pod *p, const char *id)
{
	struct pod_work *w = p->work;
	if (w && w->hook && streq(w->id, id))
		work_start_give_up(w);
}

void work_hold(struct pod *p)
{
	p->view.is_known = false;
	p->agent->counts.actions_failed_total++;
	p->hold_ms = agent_now_ms(p->agent) +
		     backoff_ms(&p->agent->rng, p->hold_failures++, RETRY_FIRST_MS, RETRY_MAX_MS);
}

void pod_event(struct pod *p, const char *container, const char *type, const char *reason,
	       const char *fmt, ...)
{
	char text[EVENT_MAX];
	va_list args;
	if (!p->object)
		return;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0)
		return;
	bool is_init = false;
	size_t i;
	json_t *c;
	json_array_foreach (json_dig(p->object, "spec.initContainers"), i, c) {
		is_init = is_init || (container && streq(json_str_or(c, "name", ""), container));
	}
	auto_free char *path =
		container ? xasprintf("spec.%s{%s}", is_init ? "initContainers" : "containers",
				      container)
			  : NULL;
	events_emit_at(p->agent->events, "v1", "Pod", p->object, path, type, reason, "%s", text);
}

/* ---- volumes ---- */

static void set_next_check(struct pod *p)
{
	int64_t span_ms = volume_set_changes_soon(p->object) ? CHECK_SOON_MS : CHECK_MS;
	int64_t jitter_ms = (int64_t)rng_below(&p->agent->rng, (uint64_t)span_ms / 4);
	p->volumes_next_ms = agent_now_ms(p->agent) + span_ms - jitter_ms;
}

static void volumes_failed(struct pod_work *w)
{
	struct pod *p = w->pod;
	w->pod->agent->counts.actions_failed_total++;
	if (!p->are_volumes_ready) {
		pod_event(p, NULL, "Warning", "FailedMount", "%s", w->err.text);
		pod_wait(p, "ContainerCreating", w->err.text);
	}
	p->volumes_retry_ms =
		agent_now_ms(p->agent) +
		backoff_ms(&p->agent->rng, p->volumes_failures++, RETRY_FIRST_MS, RETRY_MAX_MS);
}

static void write_volumes(void *ctx)
{
	struct pod_work *w = ctx;
	if (volume_set_write(&w->volumes, &w->err) < 0)
		w->is_failed = true;
}

static void volumes_written(void *ctx)
{
	struct pod_work *w = ctx;
	struct pod *p = w->pod;
	p->have_volumes = true;
	set_next_check(p);
	if (w->is_failed) {
		volumes_failed(w);
	} else {
		p->are_volumes_ready = true;
		p->volumes_failures = 0;
		pod_wait(p, NULL, NULL);
	}
	work_end(w);
}

static void sources_for_volumes(struct pod *p)
{
	struct pod_work *w = p->work;
	AUTO_ARENA a = { 0 };
	struct pod_context context;
	pod_context_make(p, &a, &context);
	if (!p->object ||
	    volume_set_make(&context, &p->agent->config.paths, &w->volumes, &w->err) < 0) {
		set_next_check(p);
		volumes_failed(w);
		work_end(w);
		return;
	}
	loop_offload(p->agent->loop, write_volumes, volumes_written, w);
}

static void remove_volumes(void *ctx)
{
	struct pod_work *w = ctx;
	volume_remove_cgroup(w->cgroup_parent, w->uid);
	if (volume_set_remove(w->pod_dir, w->log_dir, &w->err) < 0)
		w->is_failed = true;
}

static void volumes_removed(void *ctx)
{
	struct pod_work *w = ctx;
	struct pod *p = w->pod;
	if (w->is_failed)
		log_warn("pod", "its files stay behind", "pod", p->name, "why", w->err.text);
	p->have_volumes = p->are_volumes_ready = false;
	work_end(w);
}

static void clean_volumes(struct pod_work *w)
{
	struct agent *a = w->pod->agent;
	w->uid = w->pod->uid;
	w->cgroup_parent = a->config.cgroup_parent;
	w->pod_dir = xasprintf("%s/pods/%s", a->root, w->pod->uid);
	w->log_dir = xasprintf("%s/%s_%s_%s", a->log_root, w->pod->ns, w->pod->name, w->pod->uid);
	loop_offload(a->loop, remove_volumes, volumes_removed, w);
}

/* ---- the sandbox ---- */

static void sandbox_known(void *ctx, const struct cri_reply *reply)
{
	struct pod_work *w = ctx;
	if (reply->code == 0 && reply->sandboxes_count)
		view_put_sandbox(w->pod, &reply->sandboxes[0], true);
	else
		w->pod->view.is_known = false;
	work_end(w);
}

static void sandbox_made(void *ctx, const struct cri_reply *reply)
{
	struct pod_work *w = ctx;
	struct pod *p = w->pod;
	if (reply->code < 0) {
		pod_event(p, NULL, "Warning", "FailedCreatePodSandBox",
			  "Failed to create pod sandbox: %s", reply->message);
		pod_wait(p, "ContainerCreating", NULL);
		p->agent->counts.actions_failed_total++;
		p->sandbox_retry_ms =
			agent_now_ms(p->agent) + backoff_ms(&p->agent->rng, p->sandbox_failures++,
							    RETRY_FIRST_MS, RETRY_MAX_MS);
		p->view.is_known = false;
		work_end(w);
		return;
	}
	p->sandbox_failures = 0;
	(void)runtime_start(p->agent->runtime,
			    &(struct cri_request){ .op = CRI_SANDBOX_STATUS, .id = reply->text },
			    sandbox_known, w);
}

static void run_sandbox(struct pod_work *w, const struct pod_facts *f)
{
	struct pod *p = w->pod;
	AUTO_ARENA a = { 0 };
	struct pod_context context;
	struct cri_sandbox_config config;
	uint32_t attempt = f->sandbox == SANDBOX_NONE ? 0 : f->sandbox_attempt + 1;
	pod_context_make(p, &a, &context);
	if (pod_sandbox_config(&p->agent->config, &context, attempt, &a, &config, &w->err) < 0) {
		p->failed_reason = xstrdup("InvalidPod");
		p->failed_message = xstrdup(w->err.text);
		work_end(w);
		return;
	}
	if (attempt > 0)
		pod_event(p, NULL, "Normal", "SandboxChanged",
			  "Pod sandbox changed, it will be killed and re-created.");
	(void)runtime_start(p->agent->runtime,
			    &(struct cri_request){ .op = CRI_RUN_SANDBOX, .sandbox = &config },
			    sandbox_made, w);
}

static void sandbox_ended(void *ctx, const struct cri_reply *reply)
{
	struct pod_work *w = ctx;
	struct pod *p = w->pod;
	bool is_fine = reply->code == 0 || reply->code == ERR_NOT_FOUND;
	if (is_fine && w->action == POD_REMOVE_SANDBOX)
		for (size_t i = p->view.instances_count; i-- > 0;)
			if (p->view.instances[i].sandbox_id &&
			    streq(p->view.instances[i].sandbox_id, w->id))
				view_remove(p, p->view.instances[i].id);
	if (is_fine && w->action != POD_STOP_SANDBOX)
		view_remove(p, w->id);
	else if (is_fine && p->view.sandboxes_count)
		p->view.sandboxes[0].is_ready = false;
	if (!is_fine) {
		log_warn("pod", "cannot be taken down yet", "pod", p->name, "why", reply->message);
		work_hold(p);
	} else {
		p->hold_failures = 0;
	}
	work_end(w);
}

static void end_sandbox(struct pod_work *w, enum cri_op op, const char *id)
{
	w->id = xstrdup(id);
	(void)runtime_start(w->pod->agent->runtime, &(struct cri_request){ .op = op, .id = w->id },
			    sandbox_ended, w);
}

/* ---- which ---- */

static void begin(struct pod_work *w, const struct pod_facts *f, const struct pod_step *step)
{
	struct pod *p = w->pod;
	switch (step->action) {
	case POD_PREPARE_VOLUMES:
		pod_sources_fetch(p, sources_for_volumes);
		return;
	case POD_RUN_SANDBOX:
		run_sandbox(w, f);
		return;
	case POD_ENSURE_IMAGE:
		image_ensure(p, step->container, pod_image_done);
		return;
	case POD_CREATE_CONTAINER:
		work_create(w);
		return;
	case POD_START_CONTAINER:
		work_start(w, f);
		return;
	case POD_STOP_CONTAINERS:
		work_stop(w, f, step);
		return;
	case POD_STOP_SANDBOX:
		end_sandbox(w, CRI_STOP_SANDBOX, f->sandbox_id);
		return;
	case POD_REMOVE_SANDBOX:
		end_sandbox(w, CRI_REMOVE_SANDBOX, step->id);
		return;
	case POD_REMOVE_CONTAINER:
		work_remove(w, step->id);
		return;
	case POD_CLEAN_VOLUMES:
		clean_volumes(w);
		return;
	case POD_DELETE_OBJECT:
		pod_delete_object(p);
		work_end(w);
		return;
	case POD_FORGET:
		work_end(w);
		p->is_dead = true;
		pod_kick_after(p, 0);
		return;
	case POD_NOTHING:
	case POD_ACTION_COUNT:
		work_end(w);
		return;
	}
}

void pod_image_done(struct pod *p)
{
	work_end(p->work);
}

void pod_act(struct pod *p, const struct pod_facts *f, const struct pod_step *step)
{
	struct pod_work *w = xcalloc(1, sizeof(*w));
	assert(!p->work);
	p->work = w;
	w->pod = p;
	w->action = step->action;
	w->index = step->container;
	if (step->action == POD_CREATE_CONTAINER || step->action == POD_START_CONTAINER) {
		const struct container_facts *c = &f->containers[step->container];
		w->container = xstrdup(c->name);
		w->attempt = c->now.state == INSTANCE_NONE ? 0 : c->now.attempt + 1;
	}
	begin(w, f, step);
}
