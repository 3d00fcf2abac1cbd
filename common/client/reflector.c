#include "common/client/reflector.h"

#include "common/base/map.h"
#include "common/client/reflector_plan.h"
#include "common/io/log.h"

#include <stdio.h>

#define PAGE_OBJECTS    "500"
#define OBJECTS_MAX     1000000u
#define LINE_MAX_BYTES  (16u << 20)
#define LIST_MAX_BYTES  (256u << 20)
#define LIST_TIMEOUT_MS 60000
#define TROUBLE_TRIES   3
#define WATCH_IDLE_MS   150000 /* bookmarks come every minute */
#define ACCEPT_OBJECTS  "application/json"
#define ACCEPT_METADATA                                                                            \
	"application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,"                            \
	"application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"

struct reflector {
	struct loop *loop;
	struct api *api;
	struct api_resource resource;
	char *path;
	char *selectors; /* "&labelSelector=…", or "" */
	bool is_metadata_only;
	struct cache *cache;
	struct reflector_state state;
	struct loop_timer *timer; /* back-off, or the next step in a turn of its own */
	struct http_call *call;   /* list or watch under way */
	struct str text;          /* of a list, or of the unfinished line of a watch */
	char *continue_token;     /* of the next page, or NULL */
	int status;
	bool is_cut; /* the watch said by itself how it ends: ended by us */
	enum reflector_event cut_event;
	bool relist_wanted;
	char trouble[256];
};

static void perform(struct reflector *r, struct reflector_step step);

static void happened(struct reflector *r, enum reflector_event event, uint64_t revision)
{
	unsigned failures = r->state.failures;
	struct reflector_step step = reflector_plan(&r->state, event, revision);
	/* One try may fail whenever a server starts anew: only what lasts is worth a line. */
	if (failures < TROUBLE_TRIES && r->state.failures >= TROUBLE_TRIES)
		log_warn("reflector", "cannot follow a kind, trying on", "path", r->path, "why",
			 r->trouble);
	else if (failures >= TROUBLE_TRIES && r->state.failures == 0)
		log_info("reflector", "follows it again", "path", r->path);
	perform(r, step);
}

static void note_trouble(struct reflector *r, const char *what, const char *detail)
{
	int n = snprintf(r->trouble, sizeof r->trouble, "%s: %s", what, detail);
	if (n < 0)
		r->trouble[0] = '\0';
}

static void drop_call(struct reflector *r)
{
	if (r->call)
		http_cancel(api_transport(r->api), r->call);
	r->call = NULL;
	str_clear(&r->text);
	r->status = 0;
	r->is_cut = false;
}

static void on_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct reflector *r = ctx;
	(void)headers, (void)n; /* nothing in them for us */
	r->status = status;
}

/* ---- list ---- */

static void on_list_data(void *ctx, const char *bytes, size_t n)
{
	struct reflector *r = ctx;
	str_add_bytes(&r->text, bytes, n);
}

static int take_page(struct reflector *r, json_t *page, struct error *err)
{
	json_t *items = json_object_get(page, "items");
	size_t count = json_array_size(items);
	for (size_t i = 0; i < count; i++) {
		json_t *item = json_incref(json_array_get(items, i));
		/* Let go of it here, so that the page shrinks as the cache grows. */
		(void)json_array_set_new(items, i, json_null());
		if (cache_put(r->cache, item, err) < 0)
			return err->code;
	}
	const char *token = json_str(page, "metadata.continue");
	free(r->continue_token);
	r->continue_token = token && *token ? xstrdup(token) : NULL;
	return 0;
}

static enum reflector_event list_outcome(struct reflector *r, const struct error *broken,
					 uint64_t *ret_revision)
{
	struct error err = { .text = "" };
	AUTO_JSON *page = NULL;
	if (broken) {
		note_trouble(r, "list", broken->text);
		return REFLECTOR_FAILED;
	}
	if (r->status == 410)
		return REFLECTOR_EXPIRED;
	if (str_check(&r->text, "the list", &err) < 0 ||
	    json_parse(r->text.data, r->text.len, &page, &err) < 0) {
		note_trouble(r, "list", err.text);
		return REFLECTOR_FAILED;
	}
	if (r->status != 200) {
		note_trouble(r, "list", json_str_or(page, "message", "refused"));
		return REFLECTOR_FAILED;
	}
	*ret_revision = strtoull(json_str_or(page, "metadata.resourceVersion", "0"), NULL, 10);
	if (take_page(r, page, &err) < 0) {
		note_trouble(r, "list", err.text);
		return REFLECTOR_FAILED;
	}
	return r->continue_token ? REFLECTOR_PAGE : REFLECTOR_LISTED;
}

static void on_list_done(void *ctx, const struct error *err)
{
	struct reflector *r = ctx;
	uint64_t revision = 0;
	enum reflector_event event = list_outcome(r, err, &revision);
	r->call = NULL; /* freed by the transport after this */
	drop_call(r);
	if (event == REFLECTOR_LISTED) {
		r->trouble[0] = '\0';
		cache_list_end(r->cache, revision);
	}
	happened(r, event, revision);
}

static void start_call(struct reflector *r, const char *query, int64_t timeout_ms, int64_t idle_ms,
		       const struct http_events *events)
{
	auto_free char *target = xasprintf("%s?%s%s", r->path, query, r->selectors);
	const struct http_header headers[] = {
		{ "Accept", r->is_metadata_only ? ACCEPT_METADATA : ACCEPT_OBJECTS },
		{ "User-Agent", api_user_agent(r->api) },
		{ "Skiff-Omit", "managedFields" }, /* the cache would drop them */
	};
	const struct http_request request = { .method = "GET",
					      .target = target,
					      .headers = headers,
					      .headers_count = ARRAY_LEN(headers),
					      .timeout_ms = timeout_ms,
					      .idle_ms = idle_ms };
	r->call = http_start(api_transport(r->api), &request, events, r);
}

static void start_list(struct reflector *r, bool is_first)
{
	static const struct http_events events = { on_head, on_list_data, on_list_done };
	AUTO_STR query;
	str_init(&query, 65536);
	str_add(&query, "limit=" PAGE_OBJECTS);
	if (is_first) {
		free(r->continue_token);
		r->continue_token = NULL;
		cache_list_begin(r->cache);
	} else {
		str_add(&query, "&continue=");
		str_add_urlencoded(&query, r->continue_token);
	}
	str_fini(&r->text);
	str_init(&r->text, LIST_MAX_BYTES);
	start_call(r, query.data, LIST_TIMEOUT_MS, 0, &events);
}

/* ---- watch ---- */

static void cut(struct reflector *r, enum reflector_event event)
{
	/* We are inside the transport's callback: end it from a turn of its own. */
	if (r->is_cut)
		return;
	r->is_cut = true;
	r->cut_event = event;
	loop_timer_set(r->timer, 0);
}

static void take_event(struct reflector *r, json_t *event)
{
	struct error err = { .text = "" };
	const char *type = json_str_or(event, "type", "");
	json_t *object = json_object_get(event, "object");
	uint64_t revision =
		strtoull(json_str_or(object, "metadata.resourceVersion", "0"), NULL, 10);

	if (streq(type, "ERROR")) {
		note_trouble(r, "watch", json_str_or(object, "message", "refused"));
		cut(r,
		    json_int_or(object, "code", 0) == 410 ? REFLECTOR_EXPIRED : REFLECTOR_FAILED);
		return;
	}
	if (streq(type, "ADDED") || streq(type, "MODIFIED")) {
		if (cache_put(r->cache, json_incref(object), &err) < 0) {
			note_trouble(r, "watch", err.text);
			cut(r, REFLECTOR_FAILED);
			return;
		}
	} else if (streq(type, "DELETED")) {
		auto_free char *key = cache_key_of(object);
		cache_remove(r->cache, key);
	} else if (!streq(type, "BOOKMARK")) {
		return; /* a type of the future */
	}
	cache_advance(r->cache, revision);
	(void)reflector_plan(&r->state, REFLECTOR_SEEN, revision); /* plans nothing */
}

static void take_line(struct reflector *r, const char *line, size_t n)
{
	struct error err = { .text = "" };
	AUTO_JSON *event = NULL;
	if (n == 0)
		return;
	if (json_parse(line, n, &event, &err) < 0) {
		note_trouble(r, "watch", err.text);
		cut(r, REFLECTOR_FAILED);
		return;
	}
	take_event(r, event);
}

static void on_watch_data(void *ctx, const char *bytes, size_t n)
{
	struct reflector *r = ctx;
	str_add_bytes(&r->text, bytes, n);
	if (!str_ok(&r->text)) {
		note_trouble(r, "watch", "an event is too large");
		cut(r, REFLECTOR_FAILED);
		return;
	}
	if (r->status != 200)
		return; /* an error's body: read at the end */
	size_t at = 0;
	for (const char *end; !r->is_cut; at = (size_t)(end - r->text.data) + 1) {
		end = memchr(r->text.data + at, '\n', r->text.len - at);
		if (!end)
			break;
		take_line(r, r->text.data + at, (size_t)(end - r->text.data) - at);
	}
	if (at > 0 && !r->is_cut)
		str_consume(&r->text, at);
}

static enum reflector_event watch_outcome(struct reflector *r, const struct error *broken)
{
	if (r->is_cut)
		return r->cut_event;
	if (broken) {
		note_trouble(r, "watch", broken->text);
		/* A watch that worked and was cut off is resumed at once, once. */
		return r->state.seen_in_watch ? REFLECTOR_WATCH_ENDED : REFLECTOR_FAILED;
	}
	if (r->status == 410)
		return REFLECTOR_EXPIRED;
	if (r->status == 200)
		return REFLECTOR_WATCH_ENDED;
	note_trouble(r, "watch", "refused");
	return REFLECTOR_FAILED;
}

static void on_watch_done(void *ctx, const struct error *err)
{
	struct reflector *r = ctx;
	enum reflector_event event = watch_outcome(r, err);
	r->call = NULL; /* freed by the transport after this */
	drop_call(r);
	loop_timer_stop(r->timer);
	happened(r, r->relist_wanted ? REFLECTOR_EXPIRED : event, 0);
}

static void start_watch(struct reflector *r)
{
	static const struct http_events events = { on_head, on_watch_data, on_watch_done };
	auto_free char *query = xasprintf(
		"watch=true&allowWatchBookmarks=true&resourceVersion=%llu&timeoutSeconds=%u",
		(unsigned long long)r->state.revision,
		(unsigned)(300 + rng_below(&r->state.rng, 300)));
	str_fini(&r->text);
	str_init(&r->text, LINE_MAX_BYTES);
	start_call(r, query, 0, WATCH_IDLE_MS, &events);
}

/* ---- steps ---- */

static void perform(struct reflector *r, struct reflector_step step)
{
	switch (step.action) {
	case REFLECTOR_DO_NOTHING:
		return;
	case REFLECTOR_DO_LIST:
		r->relist_wanted = false;
		start_list(r, true);
		return;
	case REFLECTOR_DO_LIST_MORE:
		start_list(r, false);
		return;
	case REFLECTOR_DO_WATCH:
		start_watch(r);
		return;
	case REFLECTOR_DO_WAIT:
		loop_timer_set(r->timer, step.wait_ms);
		return;
	case REFLECTOR_ACTION_COUNT:
		break;
	}
	assert(false);
}

static void on_timer(void *ctx)
{
	struct reflector *r = ctx;
	enum reflector_event event = REFLECTOR_WAITED;
	if (r->is_cut)
		event = r->cut_event;
	else if (r->relist_wanted && r->state.phase == REFLECTOR_WATCHING)
		event = REFLECTOR_RELIST_WANTED;
	else if (r->state.phase != REFLECTOR_WAITING)
		return; /* what it was set for has passed */
	drop_call(r);
	happened(r, event, 0);
}

static void on_relist(void *ctx)
{
	struct reflector *r = ctx;
	r->relist_wanted = true;
	if (r->state.phase == REFLECTOR_WATCHING)
		loop_timer_set(r->timer, 0); /* we may be inside a callback of the watch */
	else
		(void)reflector_plan(&r->state, REFLECTOR_RELIST_WANTED, 0); /* for its next step */
}

static char *selectors_of(const struct reflector_options *o)
{
	AUTO_STR s;
	str_init(&s, 65536);
	if (o->label_selector) {
		str_add(&s, "&labelSelector=");
		str_add_urlencoded(&s, o->label_selector);
	}
	if (o->field_selector) {
		str_add(&s, "&fieldSelector=");
		str_add_urlencoded(&s, o->field_selector);
	}
	return str_take(&s);
}

struct reflector *reflector_new(struct loop *loop, struct api *api,
				const struct reflector_options *options)
{
	struct reflector *r = xcalloc(1, sizeof *r);
	r->loop = loop;
	r->api = api;
	r->resource = options->resource;
	r->path = api_path(&options->resource, options->ns, NULL, NULL);
	r->selectors = selectors_of(options);
	r->is_metadata_only = options->is_metadata_only;
	r->cache = cache_new(options->objects_max ? options->objects_max : OBJECTS_MAX);
	r->state.rng.state = options->seed ^ hash_bytes(r->path, strlen(r->path));
	r->timer = loop_timer_new(loop, on_timer, r);
	str_init(&r->text, LINE_MAX_BYTES);
	cache_on_relist(r->cache, on_relist, r);
	return r;
}

void reflector_free(struct reflector *r)
{
	if (!r)
		return;
	drop_call(r);
	loop_timer_free(r->timer);
	str_fini(&r->text);
	cache_free(r->cache);
	free(r->continue_token);
	free(r->selectors);
	free(r->path);
	free(r);
}

void reflector_start(struct reflector *r)
{
	happened(r, REFLECTOR_STARTED, 0);
}

struct cache *reflector_cache(const struct reflector *r)
{
	return r->cache;
}

const struct api_resource *reflector_resource(const struct reflector *r)
{
	return &r->resource;
}

const char *reflector_trouble(const struct reflector *r)
{
	return r->trouble;
}
