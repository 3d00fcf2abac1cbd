#include "common/client/events.h"

#include "common/base/map.h"
#include "common/base/rng.h"
#include "common/base/time_text.h"

#include <stdio.h>

#define WAITING_MAX     1000
#define KNOWN_MAX       4096 /* objects and events remembered; then all are forgotten */
#define SIMILAR_MAX     10
#define SIMILAR_SPAN_MS (10 * 60 * 1000)
#define BURST           25
#define REFILL_MS       (5 * 60 * 1000)
#define SENDING_MAX     4
#define GIVE_WAY_MS     1000

static const struct api_resource event_resource = { "", "v1", "events", true };

/* One event object that exists, or is being made. */
struct known {
	char *ns, *name;
	int64_t count;
	char first[TIME_TEXT_SIZE];
};

/* Events alike but for their message. */
struct similar {
	size_t count;
	int64_t since_ms;
};

struct budget {
	double tokens;
	int64_t at_ms;
};

struct outgoing {
	struct outgoing *next;
	char *method, *target, *identity;
	const char *content_type;
	json_t *body;
};

struct events {
	struct loop *loop;
	struct api *api;
	const char *component;
	char *host;
	struct rng rng;
	uint64_t last_name;
	struct map known;   /* identity → struct known */
	struct map similar; /* identity without message → struct similar */
	struct map budgets; /* object uid → struct budget */
	struct outgoing *first, **end;
	size_t waiting;
	bool gives_way, is_overdue;
	struct loop_timer *timer; /* the longest that something waits for others' work */
	struct sending {
		struct events *owner;
		struct api_call *call;
		struct outgoing *what;
	} sending[SENDING_MAX];
};

static void pump(struct events *e);
static void on_overdue(void *ctx);

static void known_free(void *p)
{
	struct known *k = p;
	free(k->ns);
	free(k->name);
	free(k);
}

static void forget(struct map *m, void (*free_value)(void *p))
{
	const char *key;
	void *value;
	for (size_t i = 0; (i = map_next(m, i, &key, &value)) != 0;)
		free_value(value);
	map_fini(m);
	*m = (struct map){ 0 };
}

static void outgoing_free(struct outgoing *o)
{
	free(o->method);
	free(o->target);
	free(o->identity);
	json_decref(o->body);
	free(o);
}

struct events *events_new(struct loop *loop, struct api *api, const char *component,
			  const char *host, uint64_t seed)
{
	struct events *e = xcalloc(1, sizeof *e);
	e->loop = loop;
	e->api = api;
	e->component = component;
	e->host = host ? xstrdup(host) : NULL;
	e->rng.state = seed;
	e->end = &e->first;
	e->timer = loop_timer_new(loop, on_overdue, e);
	return e;
}

void events_free(struct events *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < SENDING_MAX; i++) {
		if (!e->sending[i].what)
			continue;
		api_cancel(e->api, e->sending[i].call);
		outgoing_free(e->sending[i].what);
	}
	while (e->first) {
		struct outgoing *o = e->first;
		e->first = o->next;
		outgoing_free(o);
	}
	forget(&e->known, known_free);
	forget(&e->similar, free);
	forget(&e->budgets, free);
	loop_timer_free(e->timer);
	free(e->host);
	free(e);
}

bool events_is_idle(const struct events *e)
{
	for (size_t i = 0; i < SENDING_MAX; i++)
		if (e->sending[i].what)
			return false;
	return e->first == NULL;
}

/* ---- sending ---- */

static void on_sent(void *ctx, const struct api_reply *reply)
{
	struct sending *s = ctx;
	struct events *e = s->owner;
	struct outgoing *o = s->what;
	s->what = NULL;
	s->call = NULL;
	/* The event object expired, or its making failed: the next one starts anew. */
	if (reply->code != 0 && reply->code != ERR_EXISTS) {
		struct known *k = map_remove(&e->known, o->identity);
		if (k)
			known_free(k);
	}
	outgoing_free(o);
	pump(e);
}

static bool is_sending(const struct events *e, const char *identity)
{
	for (size_t i = 0; i < SENDING_MAX; i++)
		if (e->sending[i].what && streq(e->sending[i].what->identity, identity))
			return true;
	return false;
}

static bool must_hold(struct events *e)
{
	e->is_overdue &= e->first != NULL;
	if (!e->gives_way || e->is_overdue || !e->first)
		return false;
	if (!loop_timer_is_set(e->timer))
		loop_timer_set(e->timer, GIVE_WAY_MS);
	return true;
}

static void on_overdue(void *ctx)
{
	struct events *e = ctx;
	e->is_overdue = true;
	pump(e);
}

void events_give_way(struct events *e, bool gives_way)
{
	if (e->gives_way == gives_way)
		return;
	e->gives_way = gives_way;
	pump(e);
}

static void pump(struct events *e)
{
	if (must_hold(e))
		return;
	for (size_t i = 0; i < SENDING_MAX && e->first; i++) {
		struct sending *s = &e->sending[i];
		/* Bumps of one event stay in order. */
		if (s->what || is_sending(e, e->first->identity))
			continue;
		struct outgoing *o = e->first;
		e->first = o->next;
		if (!e->first)
			e->end = &e->first;
		e->waiting--;
		s->owner = e;
		s->what = o;
		s->call = api_request(e->api, o->method, o->target, o->body, o->content_type,
				      on_sent, s);
	}
}

static void send(struct events *e, const char *identity, const char *method, char *take_target,
		 json_t *take_body, const char *content_type)
{
	struct outgoing *o = xcalloc(1, sizeof *o);
	*o = (struct outgoing){ .method = xstrdup(method),
				.target = take_target,
				.identity = xstrdup(identity),
				.content_type = content_type,
				.body = take_body };
	*e->end = o;
	e->end = &o->next;
	e->waiting++;
	pump(e);
}

/* ---- what to send ---- */

static bool spend(struct events *e, const char *uid)
{
	int64_t now_ms = loop_now_ms(e->loop);
	struct budget *b = map_get(&e->budgets, uid);
	if (!b) {
		if (e->budgets.count >= KNOWN_MAX)
			forget(&e->budgets, free);
		b = xcalloc(1, sizeof *b);
		*b = (struct budget){ BURST, now_ms };
		(void)map_put(&e->budgets, uid, b); /* was absent */
	}
	b->tokens = MIN((double)BURST, b->tokens + (double)(now_ms - b->at_ms) / REFILL_MS);
	b->at_ms = now_ms;
	if (b->tokens < 1)
		return false;
	b->tokens -= 1;
	return true;
}

/* True once too many differ only in their message. */
static bool is_crowd(struct events *e, const char *identity)
{
	int64_t now_ms = loop_now_ms(e->loop);
	struct similar *s = map_get(&e->similar, identity);
	if (!s) {
		if (e->similar.count >= KNOWN_MAX)
			forget(&e->similar, free);
		s = xcalloc(1, sizeof *s);
		s->since_ms = now_ms;
		(void)map_put(&e->similar, identity, s); /* was absent */
	}
	if (now_ms - s->since_ms > SIMILAR_SPAN_MS)
		*s = (struct similar){ 0, now_ms };
	return ++s->count > SIMILAR_MAX;
}

static json_t *involved(const char *api_version, const char *kind, const json_t *object,
			const char *field_path)
{
	json_t *o = json_object();
	json_put_str(o, "kind", kind);
	json_put_str(o, "apiVersion", api_version);
	static const char *const names[] = { "namespace", "name", "uid", "resourceVersion" };
	const json_t *metadata = json_object_get(object, "metadata");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = json_str(metadata, names[i]);
		if (value)
			json_put_str(o, names[i], value);
	}
	if (field_path)
		json_put_str(o, "fieldPath", field_path);
	return o;
}

/* Events of one second are shown in the order of their names, whoever wrote them: so these tell the
 * time, and a few bits keep apart what two programs say in one microsecond. */
static uint64_t next_name(struct events *e)
{
	uint64_t name = (uint64_t)loop_wall_us(e->loop) << 12 | (rng_next(&e->rng) & 0xfff);
	e->last_name = MAX(name, e->last_name + 1);
	return e->last_name;
}

static void send_new(struct events *e, const char *identity, json_t *take_involved,
		     const char *type, const char *reason, const char *message)
{
	struct known *k = xcalloc(1, sizeof *k);
	time_format(loop_wall_us(e->loop), k->first);
	k->count = 1;
	const char *ns = json_str_or(take_involved, "namespace", "");
	k->ns = xstrdup(*ns ? ns : "default");
	k->name = xasprintf("%.230s.%016llx", json_str_or(take_involved, "name", "x"),
			    (unsigned long long)next_name(e));

	json_t *o = json_object();
	json_put_str(o, "apiVersion", "v1");
	json_put_str(o, "kind", "Event");
	json_put_str(o, "metadata.namespace", k->ns);
	json_put_str(o, "metadata.name", k->name);
	json_put(o, "involvedObject", take_involved);
	json_put_str(o, "reason", reason);
	json_put_str(o, "message", message);
	json_put_str(o, "type", type);
	json_put_int(o, "count", 1);
	json_put_str(o, "firstTimestamp", k->first);
	json_put_str(o, "lastTimestamp", k->first);
	json_put_str(o, "source.component", e->component);
	if (e->host)
		json_put_str(o, "source.host", e->host);
	json_put_str(o, "reportingComponent", e->component);
	json_put_str(o, "reportingInstance", e->host ? e->host : "");

	if (e->known.count >= KNOWN_MAX)
		forget(&e->known, known_free);
	(void)map_put(&e->known, identity, k); /* was absent */
	send(e, identity, "POST", api_path(&event_resource, k->ns, NULL, NULL), o, NULL);
}

static void send_bump(struct events *e, const char *identity, struct known *k, const char *message)
{
	char now[TIME_TEXT_SIZE];
	time_format(loop_wall_us(e->loop), now);
	json_t *patch = json_object();
	json_put_int(patch, "count", ++k->count);
	json_put_str(patch, "lastTimestamp", now);
	json_put_str(patch, "message", message);
	send(e, identity, "PATCH", api_path(&event_resource, k->ns, k->name, NULL), patch,
	     API_MERGE_PATCH);
}

void events_emit_at(struct events *e, const char *api_version, const char *kind,
		    const json_t *object, const char *field_path, const char *type,
		    const char *reason, const char *fmt, ...)
{
	AUTO_STR message;
	str_init(&message, 1024); /* as long as the API lets it be */
	va_list args;
	va_start(args, fmt);
	str_vaddf(&message, fmt, args);
	va_end(args);
	if (!str_ok(&message)) {
		str_fini(&message);
		str_init(&message, 1024);
		str_add(&message, "(the message is too long to show)");
	}

	const char *uid = json_str_or(object, "metadata.uid", "");
	if (e->waiting >= WAITING_MAX || !spend(e, uid))
		return;
	AUTO_STR identity;
	str_init(&identity, 65536);
	str_addf(&identity, "%s|%s|%s|%s|%s|%s", kind, json_str_or(object, "metadata.name", ""),
		 uid, field_path ? field_path : "", type, reason);
	auto_free char *text = NULL;
	AUTO_STR full;
	str_init(&full, 65536);
	str_addf(&full, "%s|%s", identity.data, message.data);
	/* An exact repetition is counted, whatever the crowd. */
	if (!map_has(&e->known, full.data) && is_crowd(e, identity.data)) {
		text = xasprintf("(combined from similar events): %.900s", message.data);
		str_clear(&full);
		str_add(&full, identity.data);
	} else {
		text = xstrdup(message.data);
	}
	struct known *k = map_get(&e->known, full.data);
	if (k)
		send_bump(e, full.data, k, text);
	else
		send_new(e, full.data, involved(api_version, kind, object, field_path), type,
			 reason, text);
}
