#include "nodeagent/pod.h"

/* ---- sandboxes and instances ---- */

static void sandbox_fini(struct view_sandbox *s)
{
	free(s->id);
	free(s->ip);
}

static void instance_fini(struct view_instance *i)
{
	free(i->id);
	free(i->name);
	free(i->sandbox_id);
	free(i->image);
	free(i->image_ref);
	free(i->reason);
	free(i->message);
	free(i->log_path);
	free(i->hash);
	free(i->message_policy);
}

void view_fini(struct pod_view *v)
{
	for (size_t i = 0; i < v->sandboxes_count; i++)
		sandbox_fini(&v->sandboxes[i]);
	for (size_t i = 0; i < v->instances_count; i++)
		instance_fini(&v->instances[i]);
	free(v->sandboxes);
	free(v->instances);
	*v = (struct pod_view){ 0 };
}

static struct view_sandbox *sandbox_of(struct pod *p, const char *id)
{
	for (size_t i = 0; i < p->view.sandboxes_count; i++)
		if (streq(p->view.sandboxes[i].id, id))
			return &p->view.sandboxes[i];
	return NULL;
}

struct view_instance *view_instance_of(struct pod *p, const char *id)
{
	for (size_t i = 0; i < p->view.instances_count; i++)
		if (streq(p->view.instances[i].id, id))
			return &p->view.instances[i];
	return NULL;
}

static int by_age(const void *a, const void *b)
{
	const struct view_sandbox *x = a, *y = b;
	return (x->created_ns < y->created_ns) - (x->created_ns > y->created_ns);
}

static int by_life(const void *a, const void *b)
{
	const struct view_instance *x = a, *y = b;
	if (x->created_ns != y->created_ns)
		return x->created_ns < y->created_ns ? 1 : -1;
	return (x->attempt < y->attempt) - (x->attempt > y->attempt);
}

static void replace(char **to, const char *text)
{
	if (!text)
		return;
	free(*to);
	*to = xstrdup(text);
}

void view_put_sandbox(struct pod *p, const struct cri_sandbox *from, bool has_ip)
{
	struct pod_view *v = &p->view;
	struct view_sandbox *s = sandbox_of(p, from->id);
	if (!s) {
		v->sandboxes =
			xrealloc(v->sandboxes, v->sandboxes_count + 1, sizeof(*v->sandboxes));
		s = &v->sandboxes[v->sandboxes_count++];
		*s = (struct view_sandbox){ .id = xstrdup(from->id) };
		(void)map_put(&p->agent->by_id, from->id, p);
	}
	const char *boot = cri_pairs_get(&from->annotations, ANNOTATION_BOOT);
	s->attempt = from->attempt;
	s->is_ready = from->is_ready;
	s->created_ns = from->created_ns;
	s->is_of_this_boot = boot && streq(boot, p->agent->boot_id);
	if (has_ip) {
		s->has_ip = true;
		replace(&s->ip, from->ips.count ? from->ips.at[0] : NULL);
	}
	qsort(v->sandboxes, v->sandboxes_count, sizeof(*v->sandboxes), by_age);
}

static const char *end_reason(const struct view_instance *i)
{
	return i->has_oomed ? "OOMKilled" : i->exit_code == 0 ? "Completed" : "Error";
}

/*
 * What the event said is enough to go on with: containerd's CRI shows the end only when it has
 * cleared the task away, which takes longer than a new container's start. Not where the last words
 * are in the log, which is written out by then.
 */
static void end_by_event(struct view_instance *i)
{
	bool needs_log = i->message_policy && streq(i->message_policy, "FallbackToLogsOnError");
	if (!i->has_ended || !i->is_complete || i->state != INSTANCE_RUNNING || needs_log)
		return;
	i->state = INSTANCE_EXITED;
	i->exit_code = i->ended_code;
	i->finished_ns = i->ended_ns;
	replace(&i->reason, end_reason(i));
}

void view_put_container(struct pod *p, const struct cri_container *from, bool is_complete)
{
	struct pod_view *v = &p->view;
	struct view_instance *i = view_instance_of(p, from->id);
	if (!i) {
		v->instances =
			xrealloc(v->instances, v->instances_count + 1, sizeof(*v->instances));
		i = &v->instances[v->instances_count++];
		*i = (struct view_instance){ .id = xstrdup(from->id), .name = xstrdup(from->name) };
		(void)map_put(&p->agent->by_id, from->id, p);
	}
	enum instance_state state = from->state == CRI_RUNNING   ? INSTANCE_RUNNING
				    : from->state == CRI_CREATED ? INSTANCE_CREATED
								 : INSTANCE_EXITED;
	bool lags = i->has_ended && i->state == INSTANCE_EXITED && state == INSTANCE_RUNNING;
	state = lags ? INSTANCE_EXITED : state;
	is_complete &= !lags; /* what the event said is newer */
	i->is_complete = is_complete || (i->is_complete && i->state == state);
	i->state = state;
	i->attempt = from->attempt;
	i->created_ns = from->created_ns;
	if (from->sandbox_id[0])
		replace(&i->sandbox_id, from->sandbox_id);
	replace(&i->image, from->image);
	replace(&i->image_ref, from->image_ref);
	replace(&i->hash, cri_pairs_get(&from->annotations, ANNOTATION_HASH));
	replace(&i->message_policy, cri_pairs_get(&from->annotations, ANNOTATION_MESSAGE_POLICY));
	if (is_complete) {
		i->started_ns = from->started_ns;
		i->finished_ns = from->finished_ns;
		i->exit_code = from->exit_code;
		replace(&i->reason, from->reason);
		if (from->message[0] || !i->message)
			replace(&i->message, from->message);
		replace(&i->log_path, from->log_path);
	}
	end_by_event(i);
	qsort(v->instances, v->instances_count, sizeof(*v->instances), by_life);
}

void view_remove(struct pod *p, const char *id)
{
	struct pod_view *v = &p->view;
	(void)map_remove(&p->agent->by_id, id);
	for (size_t i = 0; i < v->sandboxes_count; i++) {
		if (!streq(v->sandboxes[i].id, id))
			continue;
		sandbox_fini(&v->sandboxes[i]);
		v->sandboxes_count--;
		memmove(&v->sandboxes[i], &v->sandboxes[i + 1],
			(v->sandboxes_count - i) * sizeof(*v->sandboxes));
		return;
	}
	for (size_t i = 0; i < v->instances_count; i++) {
		if (!streq(v->instances[i].id, id))
			continue;
		instance_fini(&v->instances[i]);
		v->instances_count--;
		memmove(&v->instances[i], &v->instances[i + 1],
			(v->instances_count - i) * sizeof(*v->instances));
		return;
	}
}

void view_mark_ended(struct pod *p, const char *id, int exit_code)
{
	struct view_sandbox *s = sandbox_of(p, id);
	struct view_instance *i = view_instance_of(p, id);
	if (s)
		s->has_ended = true;
	if (!i || i->has_ended)
		return;
	i->has_ended = true;
	i->ended_code = exit_code;
	i->ended_ns = agent_now_ms(p->agent) * 1000000;
	end_by_event(i);
}

/* This event may come before or after that of the end. */
void view_mark_oomed(struct pod *p, const char *id)
{
	struct view_instance *i = view_instance_of(p, id);
	if (!i)
		return;
	i->has_oomed = true;
	if (i->has_ended && i->state == INSTANCE_EXITED && i->is_complete)
		replace(&i->reason, end_reason(i));
}

bool view_lags(const struct pod *p)
{
	for (size_t i = 0; i < p->view.sandboxes_count; i++)
		if (p->view.sandboxes[i].has_ended && p->view.sandboxes[i].is_ready)
			return true;
	for (size_t i = 0; i < p->view.instances_count; i++)
		if (p->view.instances[i].has_ended &&
		    p->view.instances[i].state == INSTANCE_RUNNING)
			return true;
	return false;
}

void view_forget_ended(struct pod *p)
{
	for (size_t i = 0; i < p->view.sandboxes_count; i++)
		p->view.sandboxes[i].has_ended = false;
	for (size_t i = 0; i < p->view.instances_count; i++)
		p->view.instances[i].has_ended = false;
}

struct view_instance *view_nth(const struct pod *p, const char *name, size_t nth)
{
	for (size_t i = 0; i < p->view.instances_count; i++)
		if (streq(p->view.instances[i].name, name) && nth-- == 0)
			return &p->view.instances[i];
	return NULL;
}

/* ---- asking for everything ---- */

struct refresh {
	struct pod *pod;
	void (*done)(struct pod *p);
	size_t waiting;
	bool is_failed;
	struct cri_pair label;
	char **seen; /* ids that the lists named */
	size_t seen_count;
};

static void see(struct refresh *r, const char *id)
{
	r->seen = xrealloc(r->seen, r->seen_count + 1, sizeof(*r->seen));
	r->seen[r->seen_count++] = xstrdup(id);
}

static bool was_seen(const struct refresh *r, const char *id)
{
	for (size_t i = 0; i < r->seen_count; i++)
		if (streq(r->seen[i], id))
			return true;
	return false;
}

static void drop_unseen(struct refresh *r)
{
	struct pod_view *v = &r->pod->view;
	for (size_t i = v->sandboxes_count; i-- > 0;)
		if (!was_seen(r, v->sandboxes[i].id))
			view_remove(r->pod, v->sandboxes[i].id);
	for (size_t i = v->instances_count; i-- > 0;)
		if (!was_seen(r, v->instances[i].id))
			view_remove(r->pod, v->instances[i].id);
}

static void finish(struct refresh *r)
{
	if (--r->waiting > 0)
		return;
	struct pod *p = r->pod;
	if (!r->is_failed)
		drop_unseen(r);
	p->view.is_known = !r->is_failed;
	void (*done)(struct pod *) = r->done;
	for (size_t i = 0; i < r->seen_count; i++)
		free(r->seen[i]);
	free(r->seen);
	free(r);
	done(p);
}

static void on_sandbox(void *ctx, const struct cri_reply *reply)
{
	struct refresh *r = ctx;
	if (reply->code == 0 && reply->sandboxes_count)
		view_put_sandbox(r->pod, &reply->sandboxes[0], true);
	else if (reply->code < 0 && reply->code != ERR_NOT_FOUND)
		r->is_failed = true;
	finish(r);
}

static void on_container(void *ctx, const struct cri_reply *reply)
{
	struct refresh *r = ctx;
	if (reply->code == 0 && reply->containers_count)
		view_put_container(r->pod, &reply->containers[0], true);
	else if (reply->code < 0 && reply->code != ERR_NOT_FOUND)
		r->is_failed = true;
	finish(r);
}

static void ask(struct refresh *r, enum cri_op op, const char *id, cri_done *done)
{
	r->waiting++;
	(void)runtime_start(r->pod->agent->runtime, &(struct cri_request){ .op = op, .id = id },
			    done, r);
}

static void on_sandboxes(void *ctx, const struct cri_reply *reply)
{
	struct refresh *r = ctx;
	r->is_failed = r->is_failed || reply->code < 0;
	for (size_t i = 0; i < reply->sandboxes_count; i++) {
		const struct cri_sandbox *s = &reply->sandboxes[i];
		see(r, s->id);
		view_put_sandbox(r->pod, s, false);
		const struct view_sandbox *v = sandbox_of(r->pod, s->id);
		if (s->is_ready && v && !v->has_ip)
			ask(r, CRI_SANDBOX_STATUS, s->id, on_sandbox);
	}
	finish(r);
}

static void on_containers(void *ctx, const struct cri_reply *reply)
{
	struct refresh *r = ctx;
	r->is_failed = r->is_failed || reply->code < 0;
	for (size_t i = 0; i < reply->containers_count; i++) {
		const struct cri_container *c = &reply->containers[i];
		see(r, c->id);
		view_put_container(r->pod, c, false);
		const struct view_instance *v = view_instance_of(r->pod, c->id);
		if (v && !v->is_complete)
			ask(r, CRI_CONTAINER_STATUS, c->id, on_container);
	}
	finish(r);
}

void view_refresh(struct pod *p, void (*done)(struct pod *p))
{
	struct refresh *r = xcalloc(1, sizeof(*r));
	*r = (struct refresh){ .pod = p, .done = done, .waiting = 2 };
	r->label = (struct cri_pair){ LABEL_POD_UID, p->uid };
	struct cri_request request = { .op = CRI_LIST_SANDBOXES, .labels = { &r->label, 1 } };
	(void)runtime_start(p->agent->runtime, &request, on_sandboxes, r);
	request.op = CRI_LIST_CONTAINERS;
	(void)runtime_start(p->agent->runtime, &request, on_containers, r);
}
