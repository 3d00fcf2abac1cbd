#include "apiserver/audit.h"
#include "apiserver/authz.h"
#include "common/base/jsonx.h"
#include "common/base/scan.h"
#include "common/base/time_text.h"
#include "common/io/log.h"

#define WAITING_MAX      (16u << 20)
#define STATUS_MAX       65536 /* longer ones are told of by their code */
#define LINE_MAX         (8u << 20)
#define SIZE_MAX_DEFAULT (100 << 20)
#define GATHER_MS        100

struct audit {
	struct loop *loop;
	struct audit_policy *policy;
	struct audit_file file;
	struct loop_timer *timer;
	struct str waiting; /* the loop's */
	struct str writing; /* the worker's, while it works */
	int64_t write_at_us;
	struct error err; /* of the last write; code 0: none */
	bool is_working, is_gone;
	uint64_t dropped;
};

/* ---- the worker ---- */

static void release(struct audit *a)
{
	audit_policy_free(a->policy);
	str_fini(&a->waiting);
	str_fini(&a->writing);
	free(a->file.path);
	free(a);
}

static void write_lines(void *ctx)
{
	struct audit *a = ctx;
	/* A failure is told of on the loop. */
	if (audit_file_write(&a->file, a->writing.data, a->writing.len, a->write_at_us, &a->err) ==
	    0)
		a->err.code = 0;
}

static void start_writing(void *ctx);

static void written(void *ctx)
{
	struct audit *a = ctx;
	a->is_working = false;
	str_clear(&a->writing);
	if (a->is_gone) {
		release(a);
		return;
	}
	if (a->err.code)
		log_error("audit", "lines are lost", "error", a->err.text);
	if (a->waiting.len)
		start_writing(a);
}

static void start_writing(void *ctx)
{
	struct audit *a = ctx;
	if (a->is_working || !a->waiting.len)
		return;
	struct str empty = a->writing;
	a->writing = a->waiting;
	a->waiting = empty;
	a->write_at_us = loop_wall_us(a->loop);
	a->is_working = true;
	loop_offload(a->loop, write_lines, written, a);
}

int audit_new(struct loop *loop, const struct audit_options *o, struct audit **ret,
	      struct error *err)
{
	struct audit_policy *policy = NULL;
	int code = o->policy ? audit_policy_read(o->policy, &policy, err) : 0;
	if (code < 0)
		return error_wrap(err, "audit policy");
	struct audit *a = xcalloc(1, sizeof *a);
	*a = (struct audit){ .loop = loop, .policy = policy };
	a->file = (struct audit_file){ .path = xstrdup(o->path),
				       .size_max = o->size_max ? o->size_max : SIZE_MAX_DEFAULT,
				       .age_max_days = o->age_max_days,
				       .backups_max = o->backups_max };
	str_init(&a->waiting, WAITING_MAX);
	str_init(&a->writing, WAITING_MAX);
	a->timer = loop_timer_new(loop, start_writing, a);
	*ret = a;
	return 0;
}

void audit_free(struct audit *a)
{
	struct error err;
	if (!a)
		return;
	loop_timer_free(a->timer);
	if (a->waiting.len && audit_file_write(&a->file, a->waiting.data, a->waiting.len,
					       loop_wall_us(a->loop), &err) < 0)
		log_error("audit", "lines are lost", "error", err.text);
	a->is_gone = true;
	if (!a->is_working)
		release(a);
}

/* ---- a line ---- */

static json_t *user_of(const struct identity *who)
{
	if (!who->name)
		return json_object(); /* it was not found out */
	json_t *user = json_pack("{s:s}", "username", who->name ? who->name : "");
	json_t *groups = json_array();
	if (who->uid && *who->uid)
		json_put_str(user, "uid", who->uid);
	for (size_t i = 0; i < who->groups_count; i++)
		json_array_append_new(groups, json_string(who->groups[i]));
	json_object_set_new(user, "groups", groups);
	if (json_object_size(who->extra))
		json_object_set(user, "extra", who->extra);
	return user;
}

static void put_if(json_t *o, const char *name, const char *value)
{
	if (value && *value)
		json_put_str(o, name, value);
}

static json_t *object_of(const struct target *t)
{
	json_t *o = json_object();
	put_if(o, "resource", t->resource);
	put_if(o, "namespace", t->ns);
	put_if(o, "name", t->name);
	put_if(o, "apiGroup", t->group);
	put_if(o, "apiVersion", t->version);
	put_if(o, "subresource", t->subresource);
	return o;
}

/* What nobody may read in a log. */
static bool is_secret(const struct target *t)
{
	static const char *const resources[] = { "secrets", "configmaps", "tokenreviews" };
	for (size_t i = 0; t->is_resource && i < ARRAY_LEN(resources); i++)
		if (streq(t->resource, resources[i]))
			return true;
	return t->is_resource && t->subresource && streq(t->subresource, "token");
}

static void put_bytes(json_t *event, const char *name, const void *bytes, size_t len)
{
	json_t *tree = NULL;
	struct error err;
	if (len && len < LINE_MAX && json_parse(bytes, len, &tree, &err) == 0)
		json_object_set_new(event, name, tree);
}

/* A body in any encoding; a patch as it is. */
static void put_body(json_t *event, struct request *r)
{
	enum schema_encoding encoding;
	json_t *tree = NULL;
	struct schema_report report = { 0 };
	struct error err;
	const char *type = http_header_get(r->x, "Content-Type");
	if (!r->x->body_len)
		return;
	bool known = content_type_encoding(type, &encoding);
	if (known && encoding == SCHEMA_PROTOBUF && r->target.kind && !r->target.subresource) {
		if (schema_decode(r->target.kind->type, encoding, r->x->body, r->x->body_len, &tree,
				  &report, &err) == 0)
			json_object_set_new(event, "requestObject", tree);
		schema_report_fini(&report);
	} else if (!known || encoding == SCHEMA_JSON) {
		put_bytes(event, "requestObject", r->x->body, r->x->body_len);
	}
}

/* What came of it: a Status that was answered, or the code alone. */
static json_t *status_of(const void *body, size_t len, int code)
{
	static const char begins[] = "{\"kind\":\"Status\"";
	static const char *const kept[] = { "status", "message", "reason", "details" };
	AUTO_JSON *answer = NULL;
	struct error err;
	json_t *o = json_pack("{s:{}}", "metadata");
	bool is_status = len > strlen(begins) && len < STATUS_MAX &&
			 memcmp(body, begins, strlen(begins)) == 0;
	if (is_status && json_parse(body, len, &answer, &err) < 0)
		answer = NULL; /* it is told of by its code */
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (json_object_get(answer, kept[i]))
			json_object_set(o, kept[i], json_object_get(answer, kept[i]));
	json_put_int(o, "code", code);
	return o;
}

/* What was made has its name in the answer only, where the server drew it. */
static void put_name(json_t *object, const struct request *r, const void *body, size_t len,
		     int code)
{
	bool has_object = r->target.verb == VERB_CREATE && !r->target.name && code == 201 &&
			  len > 2 && memcmp(body, "{\"", 2) == 0 && r->accept.as == ACCEPT_OBJECT;
	if (!has_object)
		return;
	auto_free char *name = scan_text(scan_dig((struct span){ body, len }, "metadata.name"));
	put_if(object, "name", name);
}

/* HEAD asks for what GET asks for. */
static const char *verb_of(const struct request *r)
{
	struct access access;
	authz_access_of(r, &access);
	if (r->target.is_resource && streq(r->x->method, "HEAD"))
		return r->target.name ? "get" : "list";
	return access.verb;
}

static json_t *event_of(struct audit *a, struct request *r, enum audit_level level,
			enum audit_stage stage, int status, const void *body, size_t len)
{
	static const char *const levels[] = { "None", "Metadata", "Request", "RequestResponse" };
	static const char *const stages[] = { "RequestReceived", "ResponseStarted",
					      "ResponseComplete" };
	char now[TIME_TEXT_SIZE], began[TIME_TEXT_SIZE];
	int64_t now_us = loop_wall_us(a->loop);
	time_format_micro(now_us, now);
	time_format_micro(now_us - (loop_now_ms(a->loop) - r->start_ms) * 1000, began);
	auto_free char *uri = xasprintf("%s%s%s", r->x->path, *r->x->query ? "?" : "", r->x->query);
	json_t *e = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "kind", "Event", "apiVersion",
			      "audit.k8s.io/v1", "level", levels[level], "auditID", r->audit_id,
			      "stage", stages[stage], "requestURI", uri, "verb", verb_of(r));
	if (!e) /* the path is no UTF-8 */
		return NULL;
	json_object_set_new(e, "user", user_of(r->real.name ? &r->real : &r->who));
	if (r->real.name)
		json_object_set_new(e, "impersonatedUser", user_of(&r->who));
	if (r->x->peer.address) {
		const char *colon = strrchr(r->x->peer.address, ':');
		size_t n =
			colon ? (size_t)(colon - r->x->peer.address) : strlen(r->x->peer.address);
		json_object_set_new(e, "sourceIPs",
				    json_pack("[s%]", r->x->peer.address, (size_t)n));
	}
	put_if(e, "userAgent", http_header_get(r->x, "User-Agent"));
	if (r->target.is_resource) {
		json_t *object = object_of(&r->target);
		put_name(object, r, body, len, status);
		json_object_set_new(e, "objectRef", object);
	}
	if (stage != AUDIT_RECEIVED)
		json_object_set_new(e, "responseStatus", status_of(body, len, status));
	json_put_str(e, "requestReceivedTimestamp", began);
	json_put_str(e, "stageTimestamp", now);
	if (stage != AUDIT_RECEIVED && r->annotations)
		json_object_set_new(e, "annotations", json_copy(r->annotations));
	return e;
}

/* Who not known, is told of when the answer begins, as in Kubernetes. */
static enum audit_stage stage_of(enum audit_stage stage, int status)
{
	return status == 401 && stage == AUDIT_COMPLETE ? AUDIT_STARTED : stage;
}

/* Judged by who has signed in, whoever is asked for. */
static enum audit_level level_for(struct audit *a, struct request *r, enum audit_stage stage,
				  int status)
{
	const struct identity *who = r->real.name ? &r->real : &r->who;
	enum audit_level level =
		audit_policy_level(a->policy, who, &r->target, verb_of(r), r->x->path, stage);
	bool is_hidden = is_secret(&r->target) || status == 401;
	return level > AUDIT_METADATA && is_hidden ? AUDIT_METADATA : level;
}

static void add_line(struct audit *a, const char *line, size_t len)
{
	if (!len || a->waiting.len + len > WAITING_MAX) {
		if (a->dropped++ % 1000 == 0)
			log_error("audit",
				  "lines are dropped: the disk does not keep up, or a line "
				  "is too long");
		return;
	}
	str_add_bytes(&a->waiting, line, len);
	if (!a->is_working)
		loop_timer_set(a->timer, GATHER_MS);
}

/* Empty: too long, or no text. */
static void print_line(json_t *e, struct str *line)
{
	if (e) {
		json_print(e, line);
		str_add_char(line, '\n');
	}
	if (!str_ok(line))
		str_clear(line);
}

void audit_tell(struct audit *a, struct request *r, enum audit_stage stage, int status,
		const void *body, size_t len)
{
	if (!a)
		return;
	stage = stage_of(stage, status);
	enum audit_level level = level_for(a, r, stage, status);
	if (level == AUDIT_NONE)
		return;
	AUTO_JSON *e = event_of(a, r, level, stage, status, body, len);
	if (level >= AUDIT_REQUEST && stage != AUDIT_RECEIVED)
		put_body(e, r);
	if (level >= AUDIT_REQUEST_RESPONSE)
		put_bytes(e, "responseObject", body, len);
	AUTO_STR line;
	str_init(&line, LINE_MAX);
	print_line(e, &line);
	add_line(a, line.data, line.len);
}

/* ---- the end of a stream ---- */

struct told_stream {
	const struct http_source *source;
	void *ctx;
	struct audit *a;
	char *line;
	size_t time_at; /* where in it the time of the end stands */
};

static ssize_t told_read(void *ctx, char *buf, size_t max)
{
	struct told_stream *t = ctx;
	return t->source->read(t->ctx, buf, max);
}

static void told_closed(void *ctx)
{
	struct told_stream *t = ctx;
	char now[TIME_TEXT_SIZE];
	t->source->closed(t->ctx);
	time_format_micro(loop_wall_us(t->a->loop), now);
	memcpy(t->line + t->time_at, now, strlen(now));
	add_line(t->a, t->line, strlen(t->line));
	free(t->line);
	free(t);
}

/* As it will be told, but for the time; the request is gone by then. */
static char *line_of_end(struct audit *a, struct request *r, int status, size_t *ret_time_at)
{
	static const char mark[] = "\"stageTimestamp\":\"";
	enum audit_level level = level_for(a, r, AUDIT_COMPLETE, status);
	if (level == AUDIT_NONE)
		return NULL;
	AUTO_JSON *e = event_of(a, r, level, AUDIT_COMPLETE, status, NULL, 0);
	AUTO_STR line;
	str_init(&line, LINE_MAX);
	print_line(e, &line);
	/* The last: what clients wrote comes before. */
	const char *time = NULL;
	for (const char *at = line.data; (at = strstr(at, mark)); at++)
		time = at;
	if (!time)
		return NULL;
	*ret_time_at = (size_t)(time - line.data) + sizeof mark - 1;
	return str_take(&line);
}

void audit_stream(struct audit *a, struct request *r, int status, const struct http_source **source,
		  void **ctx)
{
	static const struct http_source told = { told_read, told_closed };
	size_t time_at;
	if (!a)
		return;
	if (r->target.verb == VERB_WATCH)
		audit_tell(a, r, AUDIT_STARTED, status, NULL, 0);
	char *line = line_of_end(a, r, status, &time_at);
	if (!line)
		return;
	struct told_stream *t = xcalloc(1, sizeof *t);
	*t = (struct told_stream){ *source, *ctx, a, line, time_at };
	*source = &told;
	*ctx = t;
}
