/* Telling the API what became of a pod. */
#include "nodeagent/pod.h"

#include "common/io/log.h"

#include <stdio.h>

static const struct api_resource pods = { "", "v1", "pods", true };

/* Others changed what is ours: said again, but not in a duel. */
#define REPEAT_MS 1000
/* What a pod passes through on its way is said only where it takes longer: three writes fewer a
 * start, and the processors are the runtime's meanwhile. */
#define INTERIM_MS 500

static void on_status(void *ctx, const struct api_reply *reply)
{
	struct pod *p = ctx;
	p->status_call = NULL;
	if (reply->code == 0) {
		p->status_failures = 0;
		p->status_acked_ms = agent_now_ms(p->agent);
		json_decref(p->status_stored);
		p->status_stored = json_incref(json_object_get(reply->body, "status"));
		agent_pod_answered(p, reply->body);
		pod_kick(p);
		return;
	}
	json_decref(p->status_sent);
	p->status_sent = NULL;
	int64_t wait_ms = backoff_ms(&p->agent->rng, p->status_failures++, 500, 10000);
	/* Not found, conflict: it is another pod now, or none; the watch will tell. */
	if (reply->code != ERR_NOT_FOUND && reply->code != ERR_CONFLICT)
		log_warn("pod", "status not accepted", "pod", p->name, "message", reply->message);
	pod_kick_after(p, wait_ms);
}

static void send_status(struct pod *p)
{
	p->unsaid_since_ms = 0;
	json_decref(p->status_sent);
	json_decref(p->status_stored);
	p->status_sent = json_incref(p->status);
	p->status_stored = NULL;
	AUTO_JSON *body = json_object();
	json_put_str(body, "metadata.uid", p->uid);
	json_put(body, "status", pod_status_patch(p->status));
	auto_free char *path = api_path(&pods, p->ns, p->name, "status");
	p->status_call =
		api_request(p->agent->api, "PATCH", path, body, API_STRATEGIC_PATCH, on_status, p);
}

/* The API made something of our last words that differs from them, and still has it. */
static bool is_echo(const struct pod *p, const json_t *stored)
{
	return p->status_sent && p->status_stored && json_equal(p->status_sent, p->status) &&
	       pod_status_holds(stored, p->status_stored);
}

void pod_status_compute(struct pod *p, const struct pod_facts *f)
{
	if (!p->object)
		return;
	const json_t *stored = json_object_get(p->object, "status");
	json_decref(p->status);
	p->status = pod_status_make(f, p->agent->node_ip);
	p->is_status_sent =
		p->was_terminal || pod_status_holds(stored, p->status) || is_echo(p, stored);
	if (p->is_status_sent)
		p->unsaid_since_ms = 0;
}

/* What was computed before the action under way: its own results are told when it is through. */
static void on_report_timer(void *ctx)
{
	struct pod *p = ctx;
	if (p->is_dead || !p->agent->is_running || !p->object || p->is_status_sent)
		return;
	if (p->status_call) /* the action under way may last long after its answer */
		loop_timer_set(p->report_timer, INTERIM_MS);
	else
		send_status(p);
}

static void tell_later(struct pod *p, int64_t span_ms)
{
	if (!p->report_timer)
		p->report_timer = loop_timer_new(p->agent->loop, on_report_timer, p);
	if (!loop_timer_is_set(p->report_timer))
		loop_timer_set(p->report_timer, span_ms);
}

void pod_report_meanwhile(struct pod *p)
{
	AUTO_ARENA arena = { 0 };
	struct pod_facts f;
	pod_facts_make(p, &arena, &f);
	pod_status_compute(p, &f);
	if (p->object && !p->is_status_sent)
		tell_later(p, INTERIM_MS);
}

/* While it goes on by itself the next state is a moment away; true: it is worth waiting for. */
static bool waits_for_more(struct pod *p, const struct pod_facts *f, const struct pod_step *step)
{
	if (!pod_step_is_start(step))
		return false;
	if (p->unsaid_since_ms == 0)
		p->unsaid_since_ms = f->now_ms;
	int64_t left_ms = p->unsaid_since_ms + INTERIM_MS - f->now_ms;
	if (left_ms <= 0 || left_ms > INTERIM_MS) /* the clock may have been set */
		return false;
	tell_later(p, left_ms);
	return true;
}

void pod_report(struct pod *p, const struct pod_facts *f, const struct pod_step *step)
{
	if (!p->object || p->is_status_sent || p->status_call)
		return; /* an answer kicks the pod, which then sends what is newest */
	if (waits_for_more(p, f, step))
		return;
	const json_t *stored = json_object_get(p->object, "status");
	bool is_contested = p->status_stored && !pod_status_holds(stored, p->status_stored);
	int64_t left_ms = p->status_acked_ms + REPEAT_MS - f->now_ms;
	if (is_contested && left_ms > 0)
		pod_kick_after(p, left_ms);
	else
		send_status(p);
}

static void on_deleted(void *ctx, const struct api_reply *reply)
{
	struct pod *p = ctx;
	p->status_call = NULL;
	if (reply->code < 0 && reply->code != ERR_NOT_FOUND && reply->code != ERR_CONFLICT) {
		p->is_delete_sent = false;
		pod_kick_after(p, backoff_ms(&p->agent->rng, p->status_failures++, 500, 10000));
	}
	/* Else the watch tells that it is gone. */
}

void pod_delete_object(struct pod *p)
{
	if (p->is_delete_sent || p->status_call)
		return;
	AUTO_JSON *body =
		json_pack("{s:s, s:s, s:i, s:{s:s}}", "kind", "DeleteOptions", "apiVersion", "v1",
			  "gracePeriodSeconds", 0, "preconditions", "uid", p->uid);
	auto_free char *path = api_path(&pods, p->ns, p->name, NULL);
	p->is_delete_sent = true;
	p->status_call = api_request(p->agent->api, "DELETE", path, body, NULL, on_deleted, p);
}
