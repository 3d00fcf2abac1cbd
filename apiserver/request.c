#include "apiserver/request.h"
#include "apiserver/audit.h"
#include "apiserver/callers.h"
#include "apiserver/gzip.h"
#include "apiserver/render.h"
#include "apiserver/server_internal.h"
#include "apiserver/work.h"
#include "common/base/jsonx.h"
#include "common/base/map.h"
#include "common/base/time_text.h"

#include <stdarg.h>
#include <stdio.h>

#define HEADERS_MAX (10 + WARNINGS_MAX)
#define GROUPS_STEP 8
#define SPARE_MAX   256 /* requests kept for those to come */
#define YEAR_US     (365 * 86400 * 1000000LL)

void identity_add_group(struct identity *who, const char *group)
{
	assert(!who->caller);
	if (who->groups_count == IDENTITY_GROUPS_MAX || identity_in_group(who, group))
		return;
	if (who->groups_count % GROUPS_STEP == 0)
		who->groups =
			xrealloc(who->groups, who->groups_count + GROUPS_STEP, sizeof *who->groups);
	who->groups[who->groups_count++] = xstrdup(group);
}

bool identity_in_group(const struct identity *who, const char *group)
{
	for (size_t i = 0; i < who->groups_count; i++)
		if (streq(who->groups[i], group))
			return true;
	return false;
}

void identity_add_extra(struct identity *who, const char *key, const char *value)
{
	if (!who->extra)
		who->extra = json_object();
	json_t *list = json_object_get(who->extra, key);
	if (!list) {
		list = json_array();
		json_object_set_new(who->extra, key, list);
	}
	json_array_append_new(list, json_string(value));
}

void identity_fini(struct identity *who)
{
	if (who->caller) {
		caller_unref(who->caller);
	} else {
		json_decref(who->extra);
		for (size_t i = 0; i < who->groups_count; i++)
			free(who->groups[i]);
		free(who->groups);
		free(who->name);
		free(who->uid);
		free(who->sa_ns);
		free(who->sa_name);
	}
	*who = (struct identity){ 0 };
}

struct request *request_new(struct server *server, struct http_exchange *x)
{
	struct request *r = server->spare;
	if (r) {
		server->spare = r->next_turn;
		server->spare_count--;
	} else {
		r = xcalloc(1, sizeof *r);
	}
	memset(r, 0, offsetof(struct request, target));
	memset(&r->target, 0, offsetof(struct target, room));
	r->server = server;
	r->x = x;
	r->start_ms = loop_now_ms(server->loop);
	server_new_uid(server, r->audit_id);
	server->in_flight[LANE_NONE]++;
	return r;
}

static void request_fini(struct request *r)
{
	deadline_clear(r);
	query_fini(&r->query);
	target_fini(&r->target);
	identity_fini(&r->who);
	identity_fini(&r->real);
	for (size_t i = 0; i < r->warnings_count; i++)
		free(r->warnings[i]);
	for (size_t i = 0; i < r->annotations.count; i++)
		free(r->annotations.at[i].value);
	free(r->object_ref);
}

void requests_free_spare(struct server *s)
{
	while (s->spare) {
		struct request *r = s->spare;
		s->spare = r->next_turn;
		free(r);
	}
	s->spare_count = 0;
}

void request_drop(struct request *r)
{
	struct server *s = r->server;
	s->in_flight[r->lane]--;
	request_fini(r);
	if (s->spare_count >= SPARE_MAX) {
		free(r);
		return;
	}
	r->next_turn = s->spare;
	s->spare = r;
	s->spare_count++;
}

void request_abandon(struct request *r)
{
	http_reply(r->x, 503, NULL, 0, "", 0, NULL, NULL);
	request_fini(r);
	free(r);
}

/* Text of a Warning header: quotes and backslashes escaped, control characters gone. */
void request_warn(struct request *r, const char *fmt, ...)
{
	AUTO_STR text, header;
	str_init(&text, WARNINGS_BYTES_MAX);
	str_init(&header, WARNINGS_BYTES_MAX);
	va_list args;
	va_start(args, fmt);
	str_vaddf(&text, fmt, args);
	va_end(args);
	str_add(&header, "299 - \"");
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c == '"' || c == '\\')
			str_add_char(&header, '\\');
		str_add_char(&header, c < 0x20 || c == 0x7f ? ' ' : (char)c);
	}
	str_add_char(&header, '"');
	if (!str_ok(&header) || r->warnings_count == WARNINGS_MAX ||
	    r->warnings_bytes + header.len > WARNINGS_BYTES_MAX)
		return;
	/* What is computed again says it again. */
	for (size_t i = 0; i < r->warnings_count; i++)
		if (streq(r->warnings[i], header.data))
			return;
	r->warnings_bytes += header.len;
	r->warnings[r->warnings_count++] = str_take(&header);
}

void request_annotate(struct request *r, const char *key, const char *value)
{
	if (!r->server->audit)
		return;
	struct annotations *a = &r->annotations;
	size_t i = 0;
	while (i < a->count && !streq(a->at[i].key, key))
		i++;
	assert(i < ANNOTATIONS_MAX);
	if (i == a->count)
		a->at[a->count++].key = key;
	free(a->at[i].value);
	a->at[i].value = xstrdup(value);
}

/* The headers that every answer has; the array and text live in the caller's frame. */
struct headers {
	struct http_header at[HEADERS_MAX];
	size_t count;
	char revision[24], retry[16];
};

static void add_header(struct headers *h, const char *name, const char *value)
{
	assert(h->count < HEADERS_MAX);
	h->at[h->count++] = (struct http_header){ name, value };
}

static void common_headers(struct request *r, struct headers *h, const char *content_type,
			   uint64_t revision)
{
	h->count = 0;
	if (content_type)
		add_header(h, "Content-Type", content_type);
	add_header(h, "Cache-Control", "no-cache, private");
	add_header(h, "Audit-Id", r->audit_id);
	for (size_t i = 0; i < r->warnings_count; i++)
		add_header(h, "Warning", r->warnings[i]);
	if (revision) {
		int n = snprintf(h->revision, sizeof h->revision, "%llu",
				 (unsigned long long)revision);
		assert(n > 0);
		add_header(h, "Skiff-Revision", h->revision);
	}
}

/* Who has heard 504 is counted already. */
static void count(struct request *r, int status)
{
	if (!r->deadline.is_over)
		server_count_request(r->server, r->target.verb, r->target.is_resource, status,
				     loop_now_ms(r->server->loop) - r->start_ms);
}

static void finish_now(struct request *r, int status, struct headers *h, const void *body,
		       size_t len, void (*release)(void *ctx), void *release_ctx)
{
	count(r, status);
	struct http_exchange *x = r->x;
	audit_tell(r->server->audit, r, AUDIT_COMPLETE, status, body, len);
	http_reply(x, status, h->at, h->count, body, len, release, release_ctx);
	request_drop(r);
}

/* ---- large answers in gzip, packed by a worker ---- */

struct packing {
	struct request *r;
	int status;
	struct headers h; /* its values are copies */
	const void *body;
	size_t len;
	void (*release)(void *ctx);
	void *release_ctx;
	struct str packed;
};

static void pack_step(void *packing)
{
	struct packing *p = packing;
	AUTO(gzip) *g = gzip_new();
	gzip_add(g, p->body, p->len, true, &p->packed);
}

static void packed(void *packing, bool is_gone)
{
	struct packing *p = packing;
	p->release(p->release_ctx);
	if (is_gone) {
		str_fini(&p->packed);
		request_abandon(p->r);
	} else {
		size_t len = p->packed.len;
		char *bytes = str_take(&p->packed);
		finish_now(p->r, p->status, &p->h, bytes, len, free, bytes);
	}
	for (size_t i = 0; i < p->h.count; i++)
		free((char *)(uintptr_t)p->h.at[i].value);
	free(p);
}

static void add_packed_headers(struct headers *h)
{
	add_header(h, "Content-Encoding", "gzip");
	add_header(h, "Vary", "Accept-Encoding");
}

static void finish(struct request *r, int status, struct headers *h, const void *body, size_t len,
		   void (*release)(void *ctx), void *release_ctx)
{
	if (len < GZIP_BYTES || !accept_gzip(http_header_get(r->x, "Accept-Encoding"))) {
		finish_now(r, status, h, body, len, release, release_ctx);
		return;
	}
	struct packing *p = xcalloc(1, sizeof *p);
	*p = (struct packing){ .r = r,
			       .status = status,
			       .body = body,
			       .len = len,
			       .release = release,
			       .release_ctx = release_ctx };
	if (!release) {
		p->body = p->release_ctx = xmemdup(body, len);
		p->release = free;
	}
	str_init(&p->packed, RENDER_MAX);
	add_packed_headers(h);
	p->h.count = h->count;
	for (size_t i = 0; i < h->count; i++)
		p->h.at[i] = (struct http_header){ h->at[i].name, xstrdup(h->at[i].value) };
	server_offload(r->server, pack_step, packed, p);
}

void reply_whole(struct request *r, const char *content_type, bool is_packed, struct str *bytes)
{
	struct headers h;
	common_headers(r, &h, content_type, 0);
	if (is_packed)
		add_packed_headers(&h);
	size_t len = bytes->len;
	char *body = str_take(bytes);
	finish_now(r, 200, &h, body, len, free, body);
}

void reply_failure(struct request *r, struct failure *f)
{
	AUTO_STR json, body;
	str_init(&json, 1 << 20);
	str_init(&body, 1 << 20);
	failure_json(f, &json);
	/* As it asked for its object; people who asked for YAML get JSON, too. */
	const struct accept how = { .encoding = r->accept.encoding == SCHEMA_PROTOBUF
							? SCHEMA_PROTOBUF
							: SCHEMA_JSON };
	struct headers h;
	common_headers(r, &h, render_bytes(&how, json.data, json.len, &body), 0);
	if (f->retry_after_s) {
		int n = snprintf(h.retry, sizeof h.retry, "%d", f->retry_after_s);
		assert(n > 0);
		add_header(&h, "Retry-After", h.retry);
	}
	if (f->code == 401)
		add_header(&h, "WWW-Authenticate", "Bearer");
	int code = f->code;
	failure_fini(f);
	finish(r, code, &h, body.data, body.len, NULL, NULL);
}

void reply_text(struct request *r, int status, const char *content_type, const char *text,
		size_t len)
{
	struct headers h;
	common_headers(r, &h, content_type, 0);
	add_header(&h, "X-Content-Type-Options", "nosniff");
	finish(r, status, &h, text, len, NULL, NULL);
}

void request_etag(uint64_t hash, char out[ETAG_SIZE])
{
	int n = snprintf(out, ETAG_SIZE, "\"%016llX\"", (unsigned long long)hash);
	assert(n > 0 && n < ETAG_SIZE);
}

bool request_has(struct request *r, const char *etag)
{
	const char *known = http_header_get(r->x, "If-None-Match");
	return known && strstr(known, etag);
}

static void cached_headers(struct request *r, struct headers *h, const char *content_type,
			   const char *etag)
{
	common_headers(r, h, content_type, 0);
	add_header(h, "ETag", etag);
	add_header(h, "Vary", "Accept");
}

void reply_unchanged(struct request *r, const char *content_type, const char *etag)
{
	struct headers h;
	cached_headers(r, &h, content_type, etag);
	finish_now(r, 304, &h, "", 0, NULL, NULL);
}

void reply_shared(struct request *r, const char *content_type, const char *etag, bool is_packed,
		  const void *bytes, size_t len, void (*release)(void *ctx), void *ctx)
{
	struct headers h;
	cached_headers(r, &h, content_type, etag);
	if (is_packed)
		add_packed_headers(&h);
	finish_now(r, 200, &h, bytes, len, release, ctx);
}

void reply_public(struct request *r, const char *content_type, const char *text, size_t len)
{
	struct headers h;
	common_headers(r, &h, content_type, 0);
	h.at[1] = (struct http_header){ "Cache-Control", "public, max-age=3600" };
	finish(r, 200, &h, text, len, NULL, NULL);
}

void reply_cached(struct request *r, const char *content_type, const char *text, size_t len,
		  bool is_immutable)
{
	struct headers h;
	char etag[ETAG_SIZE], expires[TIME_TEXT_SIZE];
	request_etag(hash_bytes(text, len), etag);
	cached_headers(r, &h, content_type, etag);
	if (is_immutable) {
		time_format_http(loop_wall_us(r->server->loop) + YEAR_US, expires);
		h.at[1] = (struct http_header){ "Cache-Control", "public, immutable" };
		add_header(&h, "Expires", expires);
	}
	if (request_has(r, etag))
		finish(r, 304, &h, "", 0, NULL, NULL);
	else
		finish(r, 200, &h, text, len, NULL, NULL);
}

void reply_moved(struct request *r, const char *location)
{
	struct headers h;
	common_headers(r, &h, "text/plain; charset=utf-8", 0);
	add_header(&h, "Location", location);
	finish(r, 301, &h, "", 0, NULL, NULL);
}

static void reply_rendered(struct request *r, int status, const char *bytes, size_t len,
			   uint64_t revision)
{
	AUTO_STR out;
	str_init(&out, RENDER_MAX);
	const char *content_type = render_bytes(&r->accept, bytes, len, &out);
	struct headers h;
	common_headers(r, &h, content_type, revision);
	finish(r, status, &h, out.data, out.len, NULL, NULL);
}

void reply_json(struct request *r, int status, const char *bytes, size_t len)
{
	reply_rendered(r, status, bytes, len, 0);
}

static void release_object(void *o)
{
	object_unref(o);
}

void reply_object(struct request *r, int status, struct object *o, uint64_t revision)
{
	struct headers h;
	bool as_it_is = r->accept.as == ACCEPT_OBJECT && r->accept.encoding == SCHEMA_JSON &&
			!r->accept.is_pretty && !render_omits_owners(r) &&
			(!r->target.kind || r->target.kind == o->kind ||
			 (!r->target.kind->custom && r->target.kind->storage != o->kind));
	if (as_it_is) {
		common_headers(r, &h, "application/json", revision);
		finish(r, status, &h, o->bytes, o->len, release_object, object_ref(o));
		return;
	}
	AUTO_STR out;
	str_init(&out, RENDER_MAX);
	const char *content_type = render_object(r, o, &out);
	common_headers(r, &h, content_type, revision);
	finish(r, status, &h, out.data, out.len, NULL, NULL);
}

void reply_success(struct request *r, int status, const struct schema_kind *kind, const char *name,
		   const char *uid, uint64_t revision)
{
	json_t *j = json_pack("{s:s,s:s,s:{},s:s}", "kind", "Status", "apiVersion", "v1",
			      "metadata", "status", "Success");
	if (kind) {
		json_t *details = json_pack("{s:s,s:s}", "name", name, "kind", kind->resource);
		if (*kind->group)
			json_put_str(details, "group", kind->group);
		if (uid)
			json_put_str(details, "uid", uid);
		json_object_set_new(j, "details", details);
	} else {
		json_put_int(j, "code", status);
	}
	AUTO_STR text;
	str_init(&text, 1 << 16);
	json_print(j, &text);
	json_decref(j);
	reply_rendered(r, status, text.data, text.len, revision);
}

static void begin_stream(struct request *r, int status, const struct headers *h,
			 const struct http_source *source, void *ctx)
{
	count(r, status);
	audit_stream(r->server->audit, r, status, &source, &ctx);
	http_stream(r->x, status, h->at, h->count, source, ctx);
	request_drop(r);
}

void reply_stream(struct request *r, int status, const char *content_type,
		  const struct http_source *source, void *ctx)
{
	struct headers h;
	common_headers(r, &h, content_type, 0);
	begin_stream(r, status, &h, source, ctx);
}

void reply_packed_stream(struct request *r, const char *content_type,
			 const struct http_source *source, void *ctx)
{
	struct headers h;
	common_headers(r, &h, content_type, 0);
	add_packed_headers(&h);
	begin_stream(r, 200, &h, source, ctx);
}
