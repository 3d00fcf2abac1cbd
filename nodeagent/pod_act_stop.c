/*
 * Stopping containers: each gets its preStop hook, then the signal, then what is left of its grace
 * period; all of them at the same time.
 */
#include "nodeagent/hook.h"
#include "nodeagent/pod_work.h"

#include "common/io/log.h"

#define GRACE_MIN_S 2 /* what a process gets at least, however long its hook took */

struct stop {
	struct pod_work *work;
	struct hook *hook; /* runs; NULL: the runtime has been asked */
	char *id, *name;
	int64_t grace_s;
};

static struct pod *pod_of(const struct stop *s)
{
	return s->work->pod;
}

void work_free_stops(struct pod_work *w)
{
	for (size_t i = 0; i < w->stops_count; i++) {
		hook_cancel(w->stops[i].hook);
		free(w->stops[i].id);
		free(w->stops[i].name);
	}
	free(w->stops);
}

/* All answers are in: how each ended. */
static void container_stopped(void *ctx, const struct cri_reply *reply)
{
	struct pod_work *w = ctx;
	struct pod *p = w->pod;
	if (reply->code < 0 && reply->code != ERR_NOT_FOUND) {
		log_warn("pod", "container does not stop", "pod", p->name, "why", reply->message);
		w->is_failed = true;
	}
	if (--w->waiting > 0)
		return;
	p->view.is_known = false; /* asked anew, with exit codes */
	if (w->is_failed)
		work_hold(p);
	work_end(w);
}

static int64_t left_ms(const struct stop *s)
{
	return s->work->started_ms + s->grace_s * 1000 - agent_now_ms(pod_of(s)->agent);
}

/*
 * Asked again with less time, the runtime kills earlier; each question has its own answer. The runtime
 * counts whole seconds: a part of one is given, not taken.
 */
static void ask(struct stop *s)
{
	int64_t left_s = (left_ms(s) + 999) / 1000;
	int64_t rest_s = MAX(left_s, (int64_t)MIN(GRACE_MIN_S, s->grace_s));
	s->work->waiting++;
	(void)runtime_start(
		pod_of(s)->agent->runtime,
		&(struct cri_request){ .op = CRI_STOP_CONTAINER, .id = s->id, .timeout_s = rest_s },
		container_stopped, s->work);
}

static void on_hook(void *ctx, const char *why)
{
	struct stop *s = ctx;
	struct pod_work *w = s->work;
	s->hook = NULL;
	if (why) {
		log_info("pod", "preStop hook failed", "pod", pod_of(s)->name, "container", s->name,
			 "why", why);
		pod_event(pod_of(s), s->name, "Warning", "FailedPreStopHook", "PreStopHook failed");
	}
	ask(s);
	container_stopped(w, &(struct cri_reply){ .message = "" }); /* the hook's own count */
}

static void begin(struct stop *s, const json_t *spec)
{
	const json_t *handler = json_dig(spec, "lifecycle.preStop");
	if (!json_is_object(handler) || s->grace_s <= 0) {
		ask(s);
		return;
	}
	s->work->waiting++;
	s->hook = hook_start(pod_of(s), spec, s->id, handler, s->grace_s * 1000, on_hook, s);
}

void work_stop(struct pod_work *w, const struct pod_facts *f, const struct pod_step *step)
{
	struct pod *p = w->pod;
	w->grace_s = step->grace_s;
	w->started_ms = f->now_ms;
	w->stops = xcalloc(MAX(f->count, (size_t)1), sizeof(*w->stops));
	w->waiting = 1;
	for (size_t i = 0; i < f->count; i++) {
		const struct container_facts *c = &f->containers[i];
		if (!step->stop[i])
			continue;
		if (c->kill_why)
			pod_event(p, c->name, "Normal", "Killing",
				  "Container %s failed %s, will be restarted", c->name,
				  c->kill_why);
		else
			pod_event(p, c->name, "Normal", "Killing", "Stopping container %s",
				  c->name);
		struct stop *s = &w->stops[w->stops_count++];
		*s = (struct stop){ .work = w,
				    .id = xstrdup(c->now.id),
				    .name = xstrdup(c->name),
				    .grace_s = step->grace_s };
		begin(s, c->spec);
	}
	container_stopped(w, &(struct cri_reply){ .message = "" });
}

void work_stop_hurry(struct pod_work *w)
{
	for (size_t i = 0; i < w->stops_count; i++) {
		struct stop *s = &w->stops[i];
		s->grace_s = w->grace_s;
		if (s->hook)
			hook_hurry(s->hook, left_ms(s));
		else
			ask(s);
	}
}
