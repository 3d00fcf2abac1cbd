#include "tests/support/runtime_fake.h"

#include "common/base/arena.h"

#include <stdio.h>

#define DELAY_MS  5
#define LAG_MS    70 /* as containerd: an end is told at once, and shown when all is cleared away */
#define ITEMS_MAX 4096

struct item {
	struct runtime_table *table;
	bool is_sandbox, is_gone;
	struct arena keep; /* its texts */
	struct cri_sandbox sandbox;
	struct cri_container container;
	struct loop_timer *end;
	int exit_code;
	int64_t shown_ms; /* its end */
};

struct runtime_table {
	struct loop *loop;
	struct item *items[ITEMS_MAX];
	size_t count;
	struct runtime_fake *faces;
};

struct fake_call {
	struct runtime_fake *face;
	struct fake_call *next;
	struct loop_timer *timer;
	enum cri_op op;
	struct arena keep;
	const char *id, *uid, *image;
	struct item *item; /* what RUN and CREATE make */
	cri_done *done;
	void *ctx;
};

struct runtime_fake {
	struct runtime face;
	struct runtime_table *table;
	struct runtime_fake *next;
	struct fake_call *calls;
	struct cri_events events;
	struct loop_timer *connect;
};

/* ---- the table ---- */

static struct cri_pairs copy_pairs(struct arena *a, const struct cri_pairs *from)
{
	struct cri_pair *at = arena_alloc(a, from->count, sizeof(*at));
	for (size_t i = 0; i < from->count; i++)
		at[i] = (struct cri_pair){ arena_text(a, from->at[i].key),
					   arena_text(a, from->at[i].value) };
	return (struct cri_pairs){ at, from->count };
}

static struct item *find(struct runtime_table *t, const char *id)
{
	for (size_t i = 0; i < t->count; i++) {
		struct item *m = t->items[i];
		if (!m->is_gone && streq(m->is_sandbox ? m->sandbox.id : m->container.id, id))
			return m;
	}
	return NULL;
}

static int64_t now_ns(const struct runtime_table *t)
{
	return loop_wall_us(t->loop) * 1000;
}

static void end_item(struct item *m, int exit_code)
{
	struct runtime_table *t = m->table;
	if (m->container.state != CRI_RUNNING)
		return;
	m->container.state = CRI_EXITED;
	m->container.exit_code = exit_code;
	m->container.finished_ns = now_ns(t);
	m->container.reason = exit_code ? "Error" : "Completed";
	m->shown_ms = loop_now_ms(t->loop) + LAG_MS;
	for (struct runtime_fake *f = t->faces; f; f = f->next)
		if (f->events.event)
			f->events.event(f->events.ctx, CRI_EVENT_EXIT, m->container.id, exit_code);
}

static void on_end(void *ctx)
{
	struct item *m = ctx;
	end_item(m, m->exit_code);
}

static struct item *item_new(struct runtime_table *t)
{
	assert(t->count < ITEMS_MAX);
	struct item *m = xcalloc(1, sizeof(*m));
	m->table = t;
	m->end = loop_timer_new(t->loop, on_end, m);
	return m;
}

static void add(struct item *m)
{
	m->table->items[m->table->count++] = m;
}

static void item_free(struct item *m)
{
	loop_timer_free(m->end);
	arena_fini(&m->keep);
	free(m);
}

struct runtime_table *runtime_table_new(struct loop *loop)
{
	struct runtime_table *t = xcalloc(1, sizeof(*t));
	t->loop = loop;
	return t;
}

void runtime_table_free(struct runtime_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		item_free(t->items[i]);
	free(t);
}

size_t runtime_table_running(const struct runtime_table *t)
{
	size_t n = 0;
	for (size_t i = 0; i < t->count; i++)
		n += !t->items[i]->is_sandbox && t->items[i]->container.state == CRI_RUNNING;
	return n;
}

size_t runtime_table_sandboxes(const struct runtime_table *t)
{
	size_t n = 0;
	for (size_t i = 0; i < t->count; i++)
		n += t->items[i]->is_sandbox && !t->items[i]->is_gone;
	return n;
}

size_t runtime_table_started(const struct runtime_table *t, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < t->count; i++)
		n += !t->items[i]->is_sandbox && streq(t->items[i]->container.name, name) &&
		     t->items[i]->container.started_ns > 0;
	return n;
}

void runtime_table_kill(struct runtime_table *t, const char *name, int exit_code)
{
	for (size_t i = 0; i < t->count; i++)
		if (!t->items[i]->is_sandbox && streq(t->items[i]->container.name, name))
			end_item(t->items[i], exit_code);
}

/* ---- operations ---- */

static struct item *make_sandbox(struct runtime_table *t, const struct cri_sandbox_config *c)
{
	struct item *m = item_new(t);
	struct arena *a = &m->keep;
	m->is_sandbox = true;
	m->sandbox = (struct cri_sandbox){
		.id = arena_format(a, "sandbox-%s-%u", c->uid, c->attempt),
		.name = arena_text(a, c->name),
		.uid = arena_text(a, c->uid),
		.ns = arena_text(a, c->ns),
		.attempt = c->attempt,
		.is_ready = true,
		.labels = copy_pairs(a, &c->labels),
		.annotations = copy_pairs(a, &c->annotations),
	};
	const char **ips = arena_alloc(a, 1, sizeof(*ips));
	ips[0] = arena_format(a, "10.244.0.%zu", t->count % 250 + 2);
	m->sandbox.ips = (struct cri_texts){ ips, 1 };
	return m;
}

static struct item *make_container(struct runtime_table *t, const char *sandbox,
				   const struct cri_container_config *c, const char *uid)
{
	struct item *m = item_new(t);
	struct arena *a = &m->keep;
	m->container = (struct cri_container){
		.id = arena_format(a, "container-%s-%s-%u", uid, c->name, c->attempt),
		.sandbox_id = arena_text(a, sandbox),
		.name = arena_text(a, c->name),
		.image = arena_text(a, c->image),
		.image_ref = "sha256:fake",
		.attempt = c->attempt,
		.reason = "",
		.message = "",
		.log_path = "",
		.labels = copy_pairs(a, &c->labels),
		.annotations = copy_pairs(a, &c->annotations),
	};
	m->exit_code = -1;
	if (c->command.count == 3 && streq(c->command.at[0], "exit"))
		m->exit_code = (int)strtol(c->command.at[1], NULL, 10) +
			       1000 * (int)strtol(c->command.at[2], NULL, 10);
	return m;
}

static void begin_life(struct item *m)
{
	m->container.state = CRI_RUNNING;
	m->container.started_ns = now_ns(m->table);
	if (m->exit_code >= 0) {
		loop_timer_set(m->end, m->exit_code / 1000);
		m->exit_code %= 1000;
	}
}

static void drop(struct runtime_table *t, struct item *m)
{
	m->is_gone = true;
	for (size_t i = 0; i < t->count && m->is_sandbox; i++)
		if (!t->items[i]->is_sandbox &&
		    streq(t->items[i]->container.sandbox_id, m->sandbox.id))
			t->items[i]->is_gone = true;
}

static struct cri_container shown(const struct item *m)
{
	struct cri_container c = m->container;
	if (c.state == CRI_EXITED && loop_now_ms(m->table->loop) < m->shown_ms) {
		c.state = CRI_RUNNING;
		c.exit_code = 0;
		c.finished_ns = 0;
		c.reason = "";
	}
	return c;
}

static void fill_lists(struct fake_call *c, struct cri_reply *reply, struct arena *a)
{
	struct runtime_table *t = c->face->table;
	struct cri_sandbox *sandboxes = arena_alloc(a, t->count, sizeof(*sandboxes));
	struct cri_container *containers = arena_alloc(a, t->count, sizeof(*containers));
	for (size_t i = 0; i < t->count; i++) {
		struct item *m = t->items[i];
		const struct cri_pairs *labels =
			m->is_sandbox ? &m->sandbox.labels : &m->container.labels;
		const char *uid = cri_pairs_get(labels, "io.kubernetes.pod.uid");
		bool is_wanted = c->op == CRI_LIST_SANDBOXES ? m->is_sandbox : !m->is_sandbox;
		if (m->is_gone || !is_wanted || (c->uid && !streq(c->uid, uid ? uid : "")))
			continue;
		if (m->is_sandbox)
			sandboxes[reply->sandboxes_count++] = m->sandbox;
		else
			containers[reply->containers_count++] = shown(m);
	}
	reply->sandboxes = sandboxes;
	reply->containers = containers;
}

/* On an existing sandbox or container. */
static void act(struct fake_call *c, struct item *m, struct cri_reply *reply, struct arena *a)
{
	struct cri_container *status;
	switch (c->op) {
	case CRI_START_CONTAINER:
		begin_life(m);
		break;
	case CRI_STOP_CONTAINER:
		end_item(m, 143);
		break;
	case CRI_STOP_SANDBOX:
		m->sandbox.is_ready = false;
		for (size_t i = 0; i < m->table->count; i++)
			if (!m->table->items[i]->is_sandbox &&
			    streq(m->table->items[i]->container.sandbox_id, m->sandbox.id))
				end_item(m->table->items[i], 137);
		break;
	case CRI_REMOVE_SANDBOX:
	case CRI_REMOVE_CONTAINER:
		drop(m->table, m);
		break;
	case CRI_SANDBOX_STATUS:
		reply->sandboxes = &m->sandbox;
		reply->sandboxes_count = 1;
		break;
	case CRI_CONTAINER_STATUS:
		status = arena_alloc(a, 1, sizeof(*status));
		*status = shown(m);
		reply->containers = status;
		reply->containers_count = 1;
		break;
	default: /* exec, update …: nothing to see */
		break;
	}
}

static void perform(struct fake_call *c, struct cri_reply *reply, struct arena *a)
{
	static const struct cri_image image = { .id = "sha256:fake", .size = 1 };
	static const struct cri_condition conditions[] = { { "RuntimeReady", "", "", true },
							   { "NetworkReady", "", "", true } };
	struct item *m = c->id ? find(c->face->table, c->id) : NULL;
	if (c->op == CRI_LIST_SANDBOXES || c->op == CRI_LIST_CONTAINERS) {
		fill_lists(c, reply, a);
	} else if (c->op == CRI_VERSION || c->op == CRI_STATUS) {
		reply->runtime_name = reply->runtime_version = "fake";
		reply->conditions = conditions;
		reply->conditions_count = 2;
	} else if (c->item) {
		c->item->sandbox.created_ns = c->item->container.created_ns =
			now_ns(c->item->table);
		reply->text = c->item->is_sandbox ? c->item->sandbox.id : c->item->container.id;
		add(c->item);
		c->item = NULL;
	} else if (c->image) {
		bool is_missing = strstr(c->image, "missing") != NULL;
		reply->images = &image;
		reply->images_count = is_missing ? 0 : 1;
		if (is_missing && c->op == CRI_PULL_IMAGE) {
			reply->code = ERR_NOT_FOUND;
			reply->message = "there is no such image";
		}
	} else if (m) {
		act(c, m, reply, a);
	} else if (c->id) {
		reply->code = ERR_NOT_FOUND;
		reply->message = "not found";
	}
}

/* ---- calls ---- */

static void call_free(struct fake_call *c)
{
	for (struct fake_call **p = &c->face->calls; *p; p = &(*p)->next) {
		if (*p != c)
			continue;
		*p = c->next;
		break;
	}
	if (c->item)
		item_free(c->item);
	loop_timer_free(c->timer);
	arena_fini(&c->keep);
	free(c);
}

static void on_due(void *ctx)
{
	struct fake_call *c = ctx;
	AUTO_ARENA a = { 0 };
	struct cri_reply reply = { .message = "", .text = "" };
	cri_done *done = c->done;
	void *done_ctx = c->ctx;
	perform(c, &reply, &a);
	reply.text = arena_text(&a, reply.text);
	call_free(c);
	done(done_ctx, &reply);
}

static struct runtime_call *start(struct runtime *r, const struct cri_request *q, cri_done *done,
				  void *ctx)
{
	struct runtime_fake *f = CONTAINER_OF(r, struct runtime_fake, face);
	struct fake_call *c = xcalloc(1, sizeof(*c));
	*c = (struct fake_call){
		.face = f, .next = f->calls, .op = q->op, .done = done, .ctx = ctx
	};
	f->calls = c;
	c->id = q->id ? arena_text(&c->keep, q->id) : NULL;
	c->image = q->image ? arena_text(&c->keep, q->image) : NULL;
	c->uid = q->labels.count ? arena_text(&c->keep, q->labels.at[0].value) : NULL;
	if (q->op == CRI_RUN_SANDBOX)
		c->item = make_sandbox(f->table, q->sandbox);
	else if (q->op == CRI_CREATE_CONTAINER)
		c->item = make_container(f->table, q->id, q->container, q->sandbox->uid);
	c->timer = loop_timer_new(f->table->loop, on_due, c);
	loop_timer_set(c->timer, DELAY_MS);
	return (struct runtime_call *)(void *)c;
}

static void cancel(struct runtime *r, struct runtime_call *call)
{
	(void)r;
	call_free((struct fake_call *)(void *)call);
}

static void on_connect(void *ctx)
{
	struct runtime_fake *f = ctx;
	if (f->events.connected)
		f->events.connected(f->events.ctx, true);
}

static void subscribe(struct runtime *r, const struct cri_events *events)
{
	struct runtime_fake *f = CONTAINER_OF(r, struct runtime_fake, face);
	f->events = *events;
	loop_timer_set(f->connect, 0);
}

static void free_face(struct runtime *r)
{
	struct runtime_fake *f = CONTAINER_OF(r, struct runtime_fake, face);
	while (f->calls)
		call_free(f->calls);
	for (struct runtime_fake **p = &f->table->faces; *p; p = &(*p)->next) {
		if (*p != f)
			continue;
		*p = f->next;
		break;
	}
	loop_timer_free(f->connect);
	free(f);
}

struct runtime *runtime_fake_new(struct runtime_table *t)
{
	static const struct runtime_ops ops = { start, cancel, subscribe, free_face };
	struct runtime_fake *f = xcalloc(1, sizeof(*f));
	f->face.ops = &ops;
	f->table = t;
	f->next = t->faces;
	t->faces = f;
	f->connect = loop_timer_new(t->loop, on_connect, f);
	return &f->face;
}
