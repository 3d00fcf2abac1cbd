#include "common/client/leader.h"

#include "common/base/rng.h"
#include "common/base/time_text.h"
#include "common/io/log.h"

#include <stdio.h>

static const struct api_resource leases = { "coordination.k8s.io", "v1", "leases", true };

struct leader {
	struct leader_options options;
	char *ns, *lease, *identity, *former;
	struct loop_timer *timer, *deadline;
	struct api_call *call;
	json_t *seen;        /* the record as last seen, or NULL */
	int64_t seen_at_ms;  /* when it was seen first */
	int64_t asked_at_ms; /* when the request under way was sent */
	int64_t transitions; /* of the record we write */
	struct rng rng;
	char *dead; /* the holder that was seen first, a former life of ours, or NULL */
	bool leads, is_releasing, is_writing;
	bool has_complained; /* about the present trouble */
	void (*released)(void *ctx);
	void *released_ctx;
};

static void ask(struct leader *l);

static void complain(struct leader *l, const struct api_reply *reply)
{
	if (!l->has_complained)
		log_warn("leader", "cannot read or write the lease, trying on", "lease", l->lease,
			 "why", reply->message);
	l->has_complained = true;
}

static void stop_leading(struct leader *l, const char *why)
{
	if (!l->leads)
		return;
	l->leads = false;
	loop_timer_stop(l->deadline);
	api_set_leader(l->options.api, NULL);
	log_warn("leader", "no longer leads", "identity", l->identity, "why", why);
	l->options.stopped(l->options.ctx);
}

static void start_leading(struct leader *l)
{
	/* The lease was valid from when we asked, not from when we heard. */
	int64_t left_ms = l->asked_at_ms + LEADER_DEADLINE_S * 1000 - loop_now_ms(l->options.loop);
	loop_timer_set(l->deadline, MAX(left_ms, (int64_t)0));
	if (l->leads)
		return;
	auto_free char *fence = xasprintf("%s/%s/%lld", l->ns, l->lease, (long long)l->transitions);
	api_set_leader(l->options.api, fence);
	l->leads = true;
	log_info("leader", "leads", "identity", l->identity, "fence", fence);
	l->options.started(l->options.ctx);
}

static void retry_later(struct leader *l)
{
	int64_t ms = LEADER_RETRY_S * 1000;
	/* Those who wait must not all try at the same moment. */
	if (!l->leads)
		ms += (int64_t)rng_below(&l->rng, (uint64_t)ms / 5);
	loop_timer_set(l->timer, ms);
}

static void note_seen(struct leader *l, const json_t *lease)
{
	const char *before = json_str_or(l->seen, "metadata.resourceVersion", "");
	const char *now = json_str_or(lease, "metadata.resourceVersion", "");
	if (!l->seen || !streq(before, now))
		l->seen_at_ms = loop_now_ms(l->options.loop);
	json_decref(l->seen);
	l->seen = json_deep_copy(lease);
}

static void release(struct leader *l);

static void on_written(void *ctx, const struct api_reply *reply)
{
	struct leader *l = ctx;
	l->call = NULL;
	l->is_writing = false;
	if (l->is_releasing) {
		release(l);
		return;
	}
	if (reply->code == 0) {
		l->has_complained = false;
		note_seen(l, reply->body);
		start_leading(l);
	} else if (reply->code == ERR_CONFLICT || reply->code == ERR_EXISTS) {
		ask(l); /* somebody was faster: look who */
		return;
	} else {
		complain(l, reply);
	}
	retry_later(l);
}

static json_t *record(struct leader *l, enum leader_action action)
{
	char now[TIME_TEXT_SIZE];
	time_format_micro(loop_wall_us(l->options.loop), now);
	json_t *o = action == LEADER_CREATE ? json_object() : json_deep_copy(l->seen);
	json_put_str(o, "apiVersion", "coordination.k8s.io/v1");
	json_put_str(o, "kind", "Lease");
	json_put_str(o, "metadata.namespace", l->ns);
	json_put_str(o, "metadata.name", l->lease);
	json_put_str(o, "spec.holderIdentity", l->identity);
	json_put_int(o, "spec.leaseDurationSeconds", LEADER_LEASE_S);
	json_put_str(o, "spec.renewTime", now);
	if (action != LEADER_RENEW)
		json_put_str(o, "spec.acquireTime", now);
	l->transitions = json_int_or(l->seen, "spec.leaseTransitions", 0);
	if (action == LEADER_CREATE)
		l->transitions = 0;
	else if (action == LEADER_TAKE)
		l->transitions++;
	json_put_int(o, "spec.leaseTransitions", l->transitions);
	return o;
}

static void send(struct leader *l, enum leader_action action)
{
	AUTO_JSON *body = record(l, action);
	auto_free char *path =
		api_path(&leases, l->ns, action == LEADER_CREATE ? NULL : l->lease, NULL);
	/* Taking the lease is what moves the fence: it cannot be fenced itself. */
	if (action != LEADER_RENEW)
		api_set_leader(l->options.api, NULL);
	l->asked_at_ms = loop_now_ms(l->options.loop);
	l->is_writing = true;
	l->call = api_request(l->options.api, action == LEADER_CREATE ? "POST" : "PUT", path, body,
			      NULL, on_written, l);
}

static void on_read(void *ctx, const struct api_reply *reply)
{
	struct leader *l = ctx;
	l->call = NULL;
	if (reply->code != 0 && reply->code != ERR_NOT_FOUND) {
		complain(l, reply);
		retry_later(l);
		return;
	}
	struct leader_seen seen = { .exists = reply->code == 0 };
	if (seen.exists) {
		note_seen(l, reply->body);
		seen.holder = json_str_or(l->seen, "spec.holderIdentity", "");
		seen.duration_s = json_int_or(l->seen, "spec.leaseDurationSeconds", LEADER_LEASE_S);
		seen.unchanged_ms = loop_now_ms(l->options.loop) - l->seen_at_ms;
		if (l->former && starts_with(seen.holder, l->former))
			l->dead = xstrdup(seen.holder);
		seen.is_dead = l->dead && streq(seen.holder, l->dead);
	}
	free(TAKE(l->former)); /* whoever comes by such a name from now on lives */
	enum leader_action action = leader_plan(&seen, l->identity);
	if (action == LEADER_WAIT || action == LEADER_TAKE || action == LEADER_CREATE)
		stop_leading(l, "another holds the lease");
	if (action == LEADER_WAIT)
		retry_later(l);
	else
		send(l, action);
}

static void ask(struct leader *l)
{
	auto_free char *path = api_path(&leases, l->ns, l->lease, NULL);
	l->call = api_request(l->options.api, "GET", path, NULL, NULL, on_read, l);
}

static void on_timer(void *ctx)
{
	struct leader *l = ctx;
	if (l->call)
		api_cancel(l->options.api, l->call);
	l->call = NULL;
	l->is_writing = false;
	/* The leader knows the record: it writes at once, and reads only when refused. */
	if (l->leads)
		send(l, LEADER_RENEW);
	else
		ask(l);
	/* An answer that does not come must not stop the next try. */
	loop_timer_set(l->timer, LEADER_DEADLINE_S * 500);
}

static void on_deadline(void *ctx)
{
	stop_leading(ctx, "could not renew the lease for 10 s");
}

struct leader *leader_new(const struct leader_options *options)
{
	struct leader *l = xcalloc(1, sizeof *l);
	l->options = *options;
	l->ns = xstrdup(options->ns);
	l->lease = xstrdup(options->lease);
	l->identity = xstrdup(options->identity);
	l->former = options->former ? xstrdup(options->former) : NULL;
	l->rng.state = options->seed;
	l->timer = loop_timer_new(options->loop, on_timer, l);
	l->deadline = loop_timer_new(options->loop, on_deadline, l);
	loop_timer_set(l->timer, 0);
	return l;
}

void leader_free(struct leader *l)
{
	if (!l)
		return;
	if (l->call)
		api_cancel(l->options.api, l->call);
	loop_timer_free(l->timer);
	loop_timer_free(l->deadline);
	json_decref(l->seen);
	free(l->ns);
	free(l->lease);
	free(l->identity);
	free(l->former);
	free(l->dead);
	free(l);
}

bool leader_leads(const struct leader *l)
{
	return l->leads;
}

/* ---- letting go ---- */

static void on_let_go(void *ctx, const struct api_reply *reply)
{
	struct leader *l = ctx;
	l->call = NULL;
	if (reply->code == ERR_CONFLICT)
		release(l); /* a renewal of ours that was thought lost, or another */
	else if (l->released)
		l->released(l->released_ctx);
}

static void on_read_last(void *ctx, const struct api_reply *reply)
{
	struct leader *l = ctx;
	l->call = NULL;
	if (reply->code != 0 ||
	    !streq(json_str_or(reply->body, "spec.holderIdentity", ""), l->identity)) {
		if (l->released)
			l->released(l->released_ctx);
		return;
	}
	note_seen(l, reply->body);
	AUTO_JSON *body = record(l, LEADER_RENEW);
	json_put_str(body, "spec.holderIdentity", "");
	json_put_int(body, "spec.leaseDurationSeconds", 1);
	auto_free char *path = api_path(&leases, l->ns, l->lease, NULL);
	l->call = api_request(l->options.api, "PUT", path, body, NULL, on_let_go, l);
}

static void release(struct leader *l)
{
	auto_free char *path = api_path(&leases, l->ns, l->lease, NULL);
	l->call = api_request(l->options.api, "GET", path, NULL, NULL, on_read_last, l);
}

void leader_release(struct leader *l, void (*done)(void *ctx), void *ctx)
{
	loop_timer_stop(l->timer);
	stop_leading(l, "asked to stop");
	l->is_releasing = true;
	l->released = done;
	l->released_ctx = ctx;
	if (l->call && l->is_writing)
		return;
	if (l->call)
		api_cancel(l->options.api, l->call);
	release(l);
}
