#include "common/client/metadata_watch.h"

#include "common/base/map.h"
#include "common/base/rng.h"
#include "common/io/log.h"

#include <stdio.h>

#define PATH           "/apis/skiff.dev/v1/metadata"
#define OBJECTS_MAX    1000000u
#define LINE_MAX_BYTES (16u << 20)
#define IDLE_MS        150000 /* bookmarks come every minute */
#define WAIT_MIN_MS    800
#define WAIT_MAX_MS    30000
#define TROUBLE_TRIES  3

struct metadata_watch {
	struct loop *loop;
	struct api *api;
	struct map caches; /* "apps/deployments" → struct cache: versions come and go */
	metadata_kind *on_kind;
	void *on_kind_ctx;
	struct loop_timer *timer;
	struct http_call *call;
	struct str text; /* the unfinished line */
	struct rng rng;
	uint64_t revision; /* 0: begin anew */
	unsigned failures;
	int status;
	bool is_listing, is_cut, is_started;
	char trouble[256];
};

static void start(struct metadata_watch *m);

static void note(struct metadata_watch *m, const char *detail)
{
	int n = snprintf(m->trouble, sizeof m->trouble, "%s", detail);
	if (n < 0)
		m->trouble[0] = '\0';
}

static void for_all(struct metadata_watch *m, void (*each)(struct cache *c, uint64_t revision),
		    uint64_t revision)
{
	void *value;
	for (size_t i = 0; (i = map_next(&m->caches, i, NULL, &value)) != 0;)
		each(value, revision);
}

static void list_begin(struct cache *c, uint64_t revision)
{
	(void)revision;
	cache_list_begin(c);
}

static void drop_call(struct metadata_watch *m)
{
	if (m->call)
		http_cancel(api_transport(m->api), m->call);
	m->call = NULL;
	str_clear(&m->text);
	m->status = 0;
	m->is_cut = false;
}

/* We are inside the transport's callback: the call ends from a turn of its own. */
static void cut(struct metadata_watch *m)
{
	m->is_cut = true;
	loop_timer_set(m->timer, 0);
}

/* ---- events ---- */

static char *key_of(const char *group, const char *resource)
{
	return xasprintf("%s/%s", group, resource);
}

/* "apps/v1/deployments" or "v1/pods" in place; false: it is neither. */
static bool split(char *text, struct api_resource *ret)
{
	char *last = strrchr(text, '/');
	if (!last)
		return false;
	*last = '\0';
	char *first = strchr(text, '/');
	if (first)
		*first = '\0';
	*ret = (struct api_resource){ .group = first ? text : "",
				      .version = first ? first + 1 : text,
				      .resource = last + 1 };
	return true;
}

static void take_kind(struct metadata_watch *m, const json_t *event)
{
	auto_free char *text = xstrdup(json_str_or(event, "resource", ""));
	struct api_resource r;
	if (!m->on_kind || !split(text, &r))
		return;
	r.is_namespaced = json_bool_or(event, "object.namespaced", false);
	m->on_kind(m->on_kind_ctx, &r, json_str_or(event, "object.kind", ""));
}

static struct cache *cache_for(struct metadata_watch *m, const json_t *event)
{
	auto_free char *text = xstrdup(json_str_or(event, "resource", ""));
	struct api_resource r;
	if (!split(text, &r))
		return NULL;
	auto_free char *key = key_of(r.group, r.resource);
	return map_get(&m->caches, key);
}

static void take_bookmark(struct metadata_watch *m, const json_t *object)
{
	uint64_t revision =
		strtoull(json_str_or(object, "metadata.resourceVersion", "0"), NULL, 10);
	const json_t *annotations = json_dig(object, "metadata.annotations");
	if (m->is_listing && json_member_str(annotations, "k8s.io/initial-events-end")) {
		m->is_listing = false;
		for_all(m, cache_list_end, revision);
	} else {
		for_all(m, cache_advance, revision);
	}
	m->revision = revision;
	if (m->failures >= TROUBLE_TRIES)
		log_info("metadata", "follows all kinds again");
	m->failures = 0;
}

static void take_event(struct metadata_watch *m, const json_t *event)
{
	struct error err = { .text = "" };
	const char *type = json_str_or(event, "type", "");
	json_t *object = json_object_get(event, "object");
	if (streq(type, "BOOKMARK")) {
		take_bookmark(m, object);
		return;
	}
	if (streq(type, "ERROR")) {
		note(m, json_str_or(object, "message", "refused"));
		m->revision = 0;
		cut(m);
		return;
	}
	if (streq(type, "KIND")) {
		take_kind(m, event);
		return;
	}
	struct cache *c = cache_for(m, event);
	if (!c)
		return; /* nobody asked for the kind */
	if (streq(type, "DELETED")) {
		auto_free char *key = cache_key_of(object);
		cache_remove(c, key);
	} else if (cache_put(c, json_incref(object), &err) < 0) {
		note(m, err.text);
		m->revision = 0;
		cut(m);
	}
}

static void take_line(struct metadata_watch *m, const char *line, size_t n)
{
	struct error err = { .text = "" };
	AUTO_JSON *event = NULL;
	if (n == 0)
		return;
	if (json_parse(line, n, &event, &err) == 0) {
		take_event(m, event);
		return;
	}
	note(m, err.text);
	cut(m);
}

static void on_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	(void)headers, (void)n; /* nothing in them for us */
	((struct metadata_watch *)ctx)->status = status;
}

static void on_data(void *ctx, const char *bytes, size_t n)
{
	struct metadata_watch *m = ctx;
	str_add_bytes(&m->text, bytes, n);
	if (!str_ok(&m->text)) {
		note(m, "an event is too large");
		cut(m);
		return;
	}
	if (m->status != 200)
		return;
	size_t at = 0;
	for (const char *end; !m->is_cut; at = (size_t)(end - m->text.data) + 1) {
		end = memchr(m->text.data + at, '\n', m->text.len - at);
		if (!end)
			break;
		take_line(m, m->text.data + at, (size_t)(end - m->text.data) - at);
	}
	if (at > 0 && !m->is_cut)
		str_consume(&m->text, at);
}

/* ---- beginning and ending ---- */

static void try_again(struct metadata_watch *m)
{
	int64_t wait_ms = MIN((int64_t)WAIT_MIN_MS << MIN(m->failures, 6u), (int64_t)WAIT_MAX_MS);
	m->failures++;
	if (m->failures == TROUBLE_TRIES)
		log_warn("metadata", "cannot follow all kinds, trying on", "why", m->trouble);
	loop_timer_set(m->timer, wait_ms / 2 + (int64_t)rng_below(&m->rng, (uint64_t)wait_ms / 2));
}

static void on_done(void *ctx, const struct error *err)
{
	struct metadata_watch *m = ctx;
	bool has_ended_well = !err && m->status == 200 && !m->is_listing;
	if (m->status == 410)
		m->revision = 0;
	if (err)
		note(m, err->text);
	else if (m->status != 200)
		note(m, "refused");
	m->call = NULL; /* freed by the transport after this */
	drop_call(m);
	if (has_ended_well)
		loop_timer_set(m->timer, 0);
	else
		try_again(m);
}

static void start(struct metadata_watch *m)
{
	static const struct http_events events = { on_head, on_data, on_done };
	AUTO_STR target;
	str_init(&target, 256);
	str_add(&target, PATH "?watch=true");
	m->is_listing = m->revision == 0;
	if (m->is_listing)
		for_all(m, list_begin, 0);
	else
		str_addf(&target, "&resourceVersion=%llu", (unsigned long long)m->revision);
	const struct http_header headers[] = { { "Accept", "application/json" },
					       { "User-Agent", api_user_agent(m->api) } };
	const struct http_request request = { .method = "GET",
					      .target = target.data,
					      .headers = headers,
					      .headers_count = ARRAY_LEN(headers),
					      .idle_ms = IDLE_MS };
	m->call = http_start(api_transport(m->api), &request, &events, m);
}

static void on_timer(void *ctx)
{
	struct metadata_watch *m = ctx;
	bool was_cut = m->is_cut;
	drop_call(m);
	if (was_cut)
		try_again(m);
	else
		start(m);
}

/* Somebody waits in vain for a version: begin anew. */
static void on_relist(void *ctx)
{
	struct metadata_watch *m = ctx;
	if (!m->is_started || m->is_listing)
		return;
	m->revision = 0;
	loop_timer_set(m->timer, 0);
}

struct metadata_watch *metadata_watch_new(struct loop *loop, struct api *api, uint64_t seed)
{
	struct metadata_watch *m = xcalloc(1, sizeof *m);
	*m = (struct metadata_watch){ .loop = loop, .api = api, .rng = { seed ^ 0x6d657461 } };
	m->timer = loop_timer_new(loop, on_timer, m);
	str_init(&m->text, LINE_MAX_BYTES);
	return m;
}

void metadata_watch_free(struct metadata_watch *m)
{
	void *value;
	if (!m)
		return;
	drop_call(m);
	loop_timer_free(m->timer);
	str_fini(&m->text);
	for (size_t i = 0; (i = map_next(&m->caches, i, NULL, &value)) != 0;)
		cache_free(value);
	map_fini(&m->caches);
	free(m);
}

struct cache *metadata_watch_add(struct metadata_watch *m, const struct api_resource *resource)
{
	struct cache *c = cache_new(OBJECTS_MAX);
	auto_free char *key = key_of(resource->group, resource->resource);
	cache_on_relist(c, on_relist, m);
	cache_free(map_put(&m->caches, key, c));
	if (m->is_started)
		cache_list_begin(c);
	if (m->is_started && !m->is_listing) /* all that there is of it comes as events */
		cache_list_end(c, m->revision);
	return c;
}

void metadata_watch_on_kind(struct metadata_watch *m, metadata_kind *on_kind, void *ctx)
{
	m->on_kind = on_kind;
	m->on_kind_ctx = ctx;
}

void metadata_watch_start(struct metadata_watch *m)
{
	m->is_started = true;
	start(m);
}
