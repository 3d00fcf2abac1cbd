/* When a pod is looked at, and what follows: refresh, facts, report, plan, one action. */
#include "nodeagent/pod.h"

#include "common/io/log.h"

/* Pods that start something at once, and that end; more gains nothing on two cores, and whoever
 * starts would share the runtime with all that go. */
#define SLOTS_MAX         6
#define REFRESH_RETRY_MS  1000
#define RECHECK_MS        60000
#define END_POLL_FIRST_MS 4
#define END_POLLS_MAX     12

static void look(struct pod *p);

/* ---- when ---- */

static void on_timer(void *ctx)
{
	struct pod *p = ctx;
	if (p->is_dead)
		agent_pod_forget(p);
	else if (p->is_busy || !p->agent->is_running)
		p->is_dirty = true;
	else
		look(p);
}

void pod_kick_after(struct pod *p, int64_t ms)
{
	int64_t at_ms = loop_now_ms(p->agent->loop) + ms;
	if (!p->timer)
		p->timer = loop_timer_new(p->agent->loop, on_timer, p);
	if (loop_timer_is_set(p->timer) && p->timer_at_ms <= at_ms)
		return;
	p->timer_at_ms = at_ms;
	loop_timer_set(p->timer, ms);
}

/* In a turn of its own: callers may be in the middle of something. */
void pod_kick(struct pod *p)
{
	p->is_dirty = true;
	pod_kick_after(p, 0);
}

static enum pod_slot slot_of(enum pod_action action)
{
	switch (action) {
	case POD_RUN_SANDBOX:
	case POD_CREATE_CONTAINER:
	case POD_START_CONTAINER:
		return POD_SLOT_START;
	case POD_STOP_SANDBOX:
	case POD_REMOVE_SANDBOX:
		return POD_SLOT_END;
	default:
		return POD_SLOT_NONE;
	}
}

static void use_slots(struct agent *a, enum pod_slot slot, int n)
{
	a->slots_used[slot] += (size_t)n;
	events_give_way(a->events, a->slots_used[POD_SLOT_START] > 0);
}

/* A slot came free: whoever waits looks again (the facts may have changed meanwhile). */
static void free_slot(struct agent *a, enum pod_slot slot)
{
	const char *uid;
	void *value;
	for (size_t i = 0; (i = map_next(&a->pods, i, &uid, &value)) != 0;) {
		struct pod *p = value;
		if (p->waits_for != slot)
			continue;
		p->waits_for = POD_SLOT_NONE;
		p->called_for = slot;
		pod_kick_after(p, 0);
		return;
	}
}

void pod_slot_pass(struct pod *p, enum pod_action taken)
{
	enum pod_slot called = p->called_for;
	p->called_for = POD_SLOT_NONE;
	if (called != POD_SLOT_NONE && slot_of(taken) != called)
		free_slot(p->agent, called);
}

static void idle(struct pod *p)
{
	p->is_busy = false;
	if (p->is_dirty && !p->is_dead)
		pod_kick_after(p, 0);
}

/* ---- the look ---- */

static void log_step(const struct pod *p, const struct pod_facts *f, const struct pod_step *step)
{
	const char *container = "";
	if (step->action == POD_ENSURE_IMAGE || step->action == POD_CREATE_CONTAINER ||
	    step->action == POD_START_CONTAINER)
		container = f->containers[step->container].name;
	log_debug("pod", pod_action_name(step->action), "namespace", p->ns, "pod", p->name,
		  "container", container, "why", step->why ? step->why : "");
}

static void sleep_until(struct pod *p, const struct pod_step *step, const struct pod_facts *f)
{
	int64_t wait_ms = 0;
	if (step->next_wake_ms > 0)
		wait_ms = MAX(step->next_wake_ms - f->now_ms, (int64_t)1);
	for (size_t i = 0; i < p->memory_count; i++) /* ErrImagePull becomes ImagePullBackOff */
		if (p->memory[i].image_retry_ms > f->now_ms &&
		    f->now_ms < p->memory[i].image_failed_ms + 3100)
			wait_ms = MIN(wait_ms > 0 ? wait_ms : RECHECK_MS, (int64_t)3100);
	if (wait_ms == 0 && p->are_volumes_ready && !f->is_deleted && !p->was_terminal &&
	    volume_set_changes(p->object))
		wait_ms = MAX(p->volumes_next_ms - f->now_ms, (int64_t)1);
	if (wait_ms > 0)
		pod_kick_after(p, wait_ms);
}

/* One event an instance whose restart waits. */
static void tell_backoff(struct pod *p, const struct pod_facts *f)
{
	for (size_t i = 0; i < f->count && i < p->memory_count; i++) {
		const struct container_facts *c = &f->containers[i];
		int64_t ended_ns = c->now.finished_ns;
		if (c->now.state != INSTANCE_EXITED || f->is_deleted || f->was_terminal ||
		    !pod_restarts(f, c) || ended_ns == p->memory[i].told_backoff_ns ||
		    ended_ns / 1000000 + pod_backoff_ms(c) <= f->now_ms)
			continue;
		p->memory[i].told_backoff_ns = ended_ns;
		pod_event(p, c->name, "Warning", "BackOff",
			  "Back-off restarting failed container %s in pod %s_%s(%s)", c->name,
			  p->name, p->ns, p->uid);
	}
}

static void decide(struct pod *p)
{
	AUTO_ARENA arena = { 0 };
	struct pod_facts f;
	struct pod_step step;
	pod_memory_fit(p);
	pod_facts_make(p, &arena, &f);
	pod_status_compute(p, &f);
	f.is_status_sent = p->is_status_sent;
	probes_sync(p);
	pod_plan(&f, &step);
	pod_report(p, &f, &step);
	/* Contents that others may have changed: written anew now and then while it runs. */
	if (step.action == POD_NOTHING && p->are_volumes_ready && !f.is_deleted &&
	    !p->was_terminal && f.now_ms >= p->volumes_next_ms && volume_set_changes(p->object))
		step = (struct pod_step){ .action = POD_PREPARE_VOLUMES,
					  .why = "they may have changed" };
	if (step.action == POD_DELETE_OBJECT && (p->is_delete_sent || p->status_call))
		step = (struct pod_step){ 0 }; /* the answer kicks */
	if (step.action != POD_NOTHING && f.now_ms < p->hold_ms)
		step = (struct pod_step){ .next_wake_ms = p->hold_ms };
	pod_slot_pass(p, step.action);
	if (step.action == POD_NOTHING) {
		tell_backoff(p, &f);
		idle(p);
		sleep_until(p, &step, &f);
		return;
	}
	enum pod_slot slot = slot_of(step.action);
	p->waits_for = POD_SLOT_NONE;
	if (slot != POD_SLOT_NONE && p->agent->slots_used[slot] >= SLOTS_MAX) {
		p->waits_for = slot;
		idle(p);
		return;
	}
	use_slots(p->agent, slot, slot != POD_SLOT_NONE);
	p->agent->counts.actions_total++;
	log_step(p, &f, &step);
	pod_act(p, &f, &step);
}

/* containerd tells ends before its CRI knows of them: ask again in a moment, and again. True
 * if this look is over. */
static bool waits_for_end(struct pod *p)
{
	if (!view_lags(p)) {
		p->end_polls = 0;
		return false;
	}
	if (p->end_polls >= END_POLLS_MAX) {
		p->end_polls = 0;
		view_forget_ended(p);
		return false;
	}
	p->view.is_known = false;
	p->is_dirty = false;
	idle(p);
	pod_kick_after(p, MIN((int64_t)END_POLL_FIRST_MS << p->end_polls, (int64_t)1000));
	p->end_polls++;
	return true;
}

void pod_end_is_near(struct pod *p)
{
	if (!view_lags(p))
		return;
	p->end_polls = 0;
	pod_kick_after(p, END_POLL_FIRST_MS);
}

static void go_on(struct pod *p)
{
	if (!waits_for_end(p) && !pod_message_collect(p))
		decide(p);
}

void pod_look_again(struct pod *p)
{
	if (p->view.is_known)
		go_on(p);
	else
		look(p);
}

static void on_refreshed(struct pod *p)
{
	if (!p->view.is_known) {
		idle(p);
		pod_kick_after(p, REFRESH_RETRY_MS);
		return;
	}
	go_on(p);
}

static void look(struct pod *p)
{
	p->is_busy = true;
	p->is_dirty = false;
	if (!p->view.is_known)
		view_refresh(p, on_refreshed);
	else
		go_on(p);
}

void pod_slot_done(struct pod *p, enum pod_action action)
{
	enum pod_slot slot = slot_of(action);
	if (slot == POD_SLOT_NONE)
		return;
	use_slots(p->agent, slot, -1);
	free_slot(p->agent, slot);
}

void pod_act_done(struct pod *p)
{
	p->is_dirty = true;
	idle(p);
}
