/*
 * fake_api.h - for tests of controllers: an API server of a few hundred lines in memory,
 * behind a http_transport on the simulated loop. It knows resourceVersions, lists, watches
 * with bookmarks, patches, finalizers, graceful deletion of pods, bindings and nothing else: no
 * defaults, no validation. A small "kubelet" runs pods: annotation test/exit says with which
 * code a pod ends, test/never-ready that it does not become ready.
 */
#pragma once

#include "common/base/base.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"
#include "common/io/http_transport.h"
#include "common/io/loop_sim.h"

#include "schemas/schema.h"

#include <stdio.h>

#define FAKE_OBJECTS_MAX 20000
#define FAKE_EVENTS_MAX  200000

struct fake_object {
	char *resource, *ns;
	json_t *tree;
};
struct fake_event {
	uint64_t revision;
	const char *type;
	char *resource, *ns;
	json_t *tree;
};

struct fake_call {
	struct http_events events;
	void *ctx;
	struct fake *fake;
	struct loop_timer *timer;
	char *method, *path, *query;
	json_t *body;
	char *content_type;
	bool is_watch, was_opened, is_done;
	uint64_t seen;
	size_t next_event;
	int64_t bookmark_ms;
	struct fake_call *next;
};

struct fake {
	struct http_transport transport;
	struct loop *loop;
	struct fake_object objects[FAKE_OBJECTS_MAX];
	size_t count;
	struct fake_event events[FAKE_EVENTS_MAX];
	size_t events_count;
	uint64_t revision;
	unsigned uids;
	struct fake_call *calls;
	uint64_t writes;
	struct loop_timer *kubelet;
	bool kubelet_is_off;
	unsigned fail_every; /* every so many writes one fails after it was done */
	char *last_target;
};

static inline struct fake_object *fake_find(struct fake *f, const char *resource, const char *ns,
					    const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (streq(f->objects[i].resource, resource) && streq(f->objects[i].ns, ns) &&
		    streq(json_str_or(f->objects[i].tree, "metadata.name", ""), name))
			return &f->objects[i];
	return NULL;
}

static inline json_t *fake_get(struct fake *f, const char *resource, const char *ns,
			       const char *name)
{
	struct fake_object *o = fake_find(f, resource, ns, name);
	return o ? o->tree : NULL;
}

static inline void fake_publish(struct fake *f, const char *type, const char *resource,
				const char *ns, json_t *tree)
{
	char text[32];
	CHECK(snprintf(text, sizeof text, "%llu", (unsigned long long)++f->revision) > 0);
	json_put_str(tree, "metadata.resourceVersion", text);
	CHECK(f->events_count < FAKE_EVENTS_MAX);
	f->events[f->events_count++] = (struct fake_event){ f->revision, type, xstrdup(resource),
							    xstrdup(ns), json_deep_copy(tree) };
}

/* Deleting for good, or saying that something changed. */
static inline void fake_changed(struct fake *f, struct fake_object *o)
{
	bool is_dying = json_str(o->tree, "metadata.deletionTimestamp") != NULL;
	bool may_go = json_array_size(json_dig(o->tree, "metadata.finalizers")) == 0;
	int64_t grace = json_int_or(o->tree, "metadata.deletionGracePeriodSeconds", 0);
	if (streq(o->resource, "namespaces"))
		may_go = may_go && json_array_size(json_dig(o->tree, "spec.finalizers")) == 0;
	if (!is_dying || !may_go || grace > 0) {
		fake_publish(f, "MODIFIED", o->resource, o->ns, o->tree);
		return;
	}
	fake_publish(f, "DELETED", o->resource, o->ns, o->tree);
	json_decref(o->tree);
	free(o->resource);
	free(o->ns);
	*o = f->objects[--f->count];
}

static inline json_t *fake_create(struct fake *f, const char *resource, const char *ns,
				  json_t *tree)
{
	char text[TIME_TEXT_SIZE];
	time_format(loop_wall_us(f->loop), text);
	json_put_str(tree, "metadata.creationTimestamp", text);
	if (*ns)
		json_put_str(tree, "metadata.namespace", ns);
	CHECK(snprintf(text, sizeof text, "uid-%u", ++f->uids) > 0);
	json_put_str(tree, "metadata.uid", text);
	json_put_int(tree, "metadata.generation", 1);
	CHECK(f->count < FAKE_OBJECTS_MAX);
	struct fake_object *o = &f->objects[f->count++];
	*o = (struct fake_object){ xstrdup(resource), xstrdup(ns), tree };
	fake_publish(f, "ADDED", resource, ns, tree);
	return tree;
}

/* From text: fake_add(f, "pods", "default", "{…}"), quotes as '. */
static inline json_t *fake_add(struct fake *f, const char *resource, const char *ns,
			       const char *text)
{
	char *copy = xstrdup(text);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	json_error_t why;
	json_t *tree = json_loads(copy, 0, &why);
	if (!tree) {
		fprintf(stderr, "%s: %s\n", copy, why.text);
		exit(1);
	}
	free(copy);
	return fake_create(f, resource, ns, tree);
}

#include "tests/unit/controller/fake_verbs.h"

static inline json_t *fake_list(struct fake *f, struct fake_call *c)
{
	json_t *list = json_object(), *items = json_array();
	char text[32];
	CHECK(snprintf(text, sizeof text, "%llu", (unsigned long long)f->revision) > 0);
	json_put_str(list, "metadata.resourceVersion", text);
	for (size_t i = 0; i < f->count; i++)
		if (fake_selected(c, f->objects[i].resource, f->objects[i].ns, f->objects[i].tree))
			json_array_append_new(items, json_deep_copy(f->objects[i].tree));
	json_put(list, "items", items);
	return list;
}

static inline void fake_call_free(struct fake_call *c)
{
	struct fake_call **at = &c->fake->calls;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	loop_timer_free(c->timer);
	json_decref(c->body);
	free(c->method);
	free(c->path);
	free(c->query);
	free(c->content_type);
	free(c);
}

/* A line of the stream of all metadata: the kind stands beside the object. */
static inline void fake_metadata_line(const char *type, const char *resource, const json_t *tree,
				      struct str *out)
{
	for (size_t i = 0; i < schema_kinds_count(); i++) {
		const struct schema_kind *k = schema_kind_at(i);
		if (!streq(k->resource, resource))
			continue;
		str_addf(out,
			 "{\"type\":\"%s\",\"resource\":\"%s%s%s/%s\",\"object\":{\"metadata\":",
			 type, k->group, *k->group ? "/" : "", k->version, resource);
		json_print(json_object_get(tree, "metadata"), out);
		str_add(out, "}}\n");
		return;
	}
}

static inline void fake_metadata_turn(struct fake_call *c)
{
	struct fake *f = c->fake;
	AUTO_STR out;
	str_init(&out, 256u << 20);
	bool is_first = !c->was_opened && c->seen == 0;
	if (!c->was_opened)
		c->events.head(c->ctx, 200, NULL, 0);
	c->was_opened = true;
	if (is_first) {
		for (size_t i = 0; i < f->count; i++)
			fake_metadata_line("ADDED", f->objects[i].resource, f->objects[i].tree,
					   &out);
		c->next_event = f->events_count;
	}
	for (; c->next_event < f->events_count; c->next_event++) {
		struct fake_event *e = &f->events[c->next_event];
		if (e->revision > c->seen)
			fake_metadata_line(e->type, e->resource, e->tree, &out);
	}
	if (is_first || out.len > 0)
		str_addf(&out,
			 "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":"
			 "\"%llu\",\"annotations\":{%s}}}}\n",
			 (unsigned long long)f->revision,
			 is_first ? "\"k8s.io/initial-events-end\":\"true\"" : "");
	c->seen = f->revision;
	loop_timer_set(c->timer, 3);
	if (out.len > 0)
		c->events.data(c->ctx, out.data, out.len);
}

static inline void fake_watch_turn(struct fake_call *c)
{
	if (streq(c->path, "/apis/skiff.dev/v1/metadata")) {
		fake_metadata_turn(c);
		return;
	}
	struct fake *f = c->fake;
	if (!c->was_opened) {
		c->was_opened = true;
		c->events.head(c->ctx, 200, NULL, 0);
	}
	AUTO_STR out;
	str_init(&out, 256u << 20);
	for (; c->next_event < f->events_count; c->next_event++) {
		struct fake_event *e = &f->events[c->next_event];
		if (e->revision <= c->seen || !fake_selected(c, e->resource, e->ns, e->tree))
			continue;
		str_addf(&out, "{\"type\":\"%s\",\"object\":", e->type);
		json_print(e->tree, &out);
		str_add(&out, "}\n");
	}
	c->seen = f->revision;
	if (loop_now_ms(f->loop) >= c->bookmark_ms + 1000) {
		c->bookmark_ms = loop_now_ms(f->loop);
		str_addf(&out,
			 "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":"
			 "\"%llu\"}}}\n",
			 (unsigned long long)c->seen);
	}
	loop_timer_set(c->timer, 3);
	if (out.len > 0)
		c->events.data(c->ctx, out.data, out.len);
}

static inline void fake_turn(void *ctx)
{
	struct fake_call *c = ctx;
	struct fake *f = c->fake;
	struct fake_target t;
	json_t *reply = NULL;
	int status = 200;
	if (c->is_watch) {
		fake_watch_turn(c);
		return;
	}
	fake_parse(c->path, &t);
	bool is_read = streq(c->method, "GET");
	if (is_read && !*t.name) {
		reply = fake_list(f, c);
	} else if (is_read) {
		json_t *tree = fake_get(f, t.resource, t.ns, t.name);
		reply = tree ? json_deep_copy(tree) : fake_status(404, "NotFound");
		status = tree ? 200 : 404;
	} else {
		status = fake_write(f, c, &t, &reply);
	}
	struct error lost = { ERR_UNAVAILABLE, "the connection broke" };
	if (!is_read && f->fail_every && f->writes % f->fail_every == 0) {
		c->events.done(c->ctx, &lost);
		json_decref(reply);
		fake_call_free(c);
		return;
	}
	char revision[32];
	CHECK(snprintf(revision, sizeof revision, "%llu", (unsigned long long)f->revision) > 0);
	const struct http_header headers[] = { { "Skiff-Revision", revision } };
	AUTO_STR text;
	str_init(&text, 256u << 20);
	json_print(reply, &text);
	json_decref(reply);
	c->events.head(c->ctx, status, headers, is_read ? 0 : 1);
	c->events.data(c->ctx, text.data, text.len);
	c->events.done(c->ctx, NULL);
	fake_call_free(c);
}

static inline struct http_call *fake_start(struct http_transport *transport,
					   const struct http_request *r,
					   const struct http_events *events, void *ctx)
{
	struct fake *f = CONTAINER_OF(transport, struct fake, transport);
	struct fake_call *c = xcalloc(1, sizeof *c);
	*c = (struct fake_call){ .events = *events, .ctx = ctx, .fake = f, .next = f->calls };
	f->calls = c;
	const char *question = strchr(r->target, '?');
	size_t n = question ? (size_t)(question - r->target) : strlen(r->target);
	c->method = xstrdup(r->method);
	c->path = xstrndup(r->target, n);
	c->query = xstrdup(question ? question + 1 : "");
	c->content_type = xstrdup("");
	for (size_t i = 0; i < r->headers_count; i++)
		if (streq(r->headers[i].name, "Content-Type")) {
			free(c->content_type);
			c->content_type = xstrdup(r->headers[i].value);
		}
	if (r->body)
		c->body = json_loadb(r->body, r->body_len, 0, NULL);
	const char *from = strstr(c->query, "resourceVersion=");
	c->is_watch = strstr(c->query, "watch=true") != NULL;
	c->seen = from ? strtoull(from + strlen("resourceVersion="), NULL, 10) : 0;
	c->timer = loop_timer_new(f->loop, fake_turn, c);
	loop_timer_set(c->timer, 1 + (int64_t)(f->writes % 3));
	return (struct http_call *)(void *)c;
}

static inline void fake_cancel(struct http_transport *transport, struct http_call *call)
{
	(void)transport; /* the call knows */
	fake_call_free((struct fake_call *)(void *)call);
}

static inline void fake_transport_free(struct http_transport *transport)
{
	(void)transport; /* part of struct fake */
}

#include "tests/unit/controller/fake_kubelet.h"

static inline struct fake *fake_new(struct loop *loop)
{
	static const struct http_transport_ops ops = { fake_start, fake_cancel,
						       fake_transport_free };
	struct fake *f = xcalloc(1, sizeof *f);
	f->transport.ops = &ops;
	f->loop = loop;
	f->revision = 100;
	f->kubelet = loop_timer_new(loop, fake_kubelet, f);
	loop_timer_set(f->kubelet, 100);
	return f;
}

static inline void fake_free(struct fake *f)
{
	while (f->calls)
		fake_call_free(f->calls);
	for (size_t i = 0; i < f->count; i++) {
		json_decref(f->objects[i].tree);
		free(f->objects[i].resource);
		free(f->objects[i].ns);
	}
	for (size_t i = 0; i < f->events_count; i++) {
		json_decref(f->events[i].tree);
		free(f->events[i].resource);
		free(f->events[i].ns);
	}
	loop_timer_free(f->kubelet);
	free(f);
}

static inline void fake_add_node(struct fake *f, const char *name)
{
	char *node = xasprintf(
		"{'metadata':{'name':'%s','labels':{'kubernetes.io/hostname':'%s'}},'spec':{},"
		"'status':{'allocatable':{'cpu':'4','memory':'8Gi','pods':'110'},"
		"'nodeInfo':{'bootID':'boot-1'},"
		"'conditions':[{'type':'Ready','status':'True'}]}}",
		name, name);
	char *lease =
		xasprintf("{'metadata':{'name':'%s'},'spec':{'holderIdentity':'%s'}}", name, name);
	fake_add(f, "nodes", "", node);
	fake_add(f, "leases", "kube-node-lease", lease);
	free(node);
	free(lease);
}

/* How many objects of the resource there are in the namespace, of any name with this prefix. */
static inline size_t fake_count(struct fake *f, const char *resource, const char *ns,
				const char *prefix)
{
	size_t n = 0;
	for (size_t i = 0; i < f->count; i++)
		n += streq(f->objects[i].resource, resource) && streq(f->objects[i].ns, ns) &&
		     starts_with(json_str_or(f->objects[i].tree, "metadata.name", ""), prefix);
	return n;
}
