#include "apiserver/audit_line.h"
#include "apiserver/authz.h"
#include "common/base/jsonx.h"
#include "common/base/scan.h"
#include "common/base/time_text.h"
#include "common/io/log.h"

#define WAITING_MAX      (16u << 20)
#define LINE_MAX         (8u << 20)
#define LINE_KEPT        65536
#define SIZE_MAX_DEFAULT (100 << 20)
#define GATHER_MS        100
#define TELL_MS          10000

struct audit {
	struct loop *loop;
	struct audit_policy *policy;
	struct audit_file file;
	struct loop_timer *timer;
	struct str line;    /* the one that is being written */
	struct str waiting; /* the loop's */
	struct str writing; /* the worker's, while it works */
	int64_t write_at_us;
	struct error err; /* of the last write; code 0: none */
	bool is_working, is_gone;
	uint64_t dropped;
	int64_t told_ms; /* when that was logged last; 0: never */
};

/* ---- the worker ---- */

static void release(struct audit *a)
{
	audit_policy_free(a->policy);
	str_fini(&a->line);
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
	str_init(&a->line, LINE_MAX);
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

/* What nobody may read in a log. */
static bool is_secret(const struct target *t)
{
	static const char *const resources[] = { "secrets", "configmaps", "tokenreviews" };
	for (size_t i = 0; t->is_resource && i < ARRAY_LEN(resources); i++)
		if (streq(t->resource, resources[i]))
			return true;
	return t->is_resource && t->subresource && streq(t->subresource, "token");
}

/* A body in any encoding; a patch as it is. */
static void add_body(struct str *line, struct request *r)
{
	static const char member[] = "requestObject";
	enum schema_encoding encoding;
	json_t *tree = NULL;
	struct schema_report report = { 0 };
	struct error err;
	const char *type = http_header_get(r->x, "Content-Type");
	bool known = content_type_encoding(type, &encoding);
	if (!known || encoding == SCHEMA_JSON) {
		audit_line_body(line, member, r->x->body, r->x->body_len);
	} else if (encoding == SCHEMA_PROTOBUF && r->target.kind && !r->target.subresource &&
		   schema_decode(r->target.kind->type, encoding, r->x->body, r->x->body_len, &tree,
				 &report, &err) == 0) {
		AUTO_STR text;
		str_init(&text, LINE_MAX);
		json_print(tree, &text);
		if (str_ok(&text))
			audit_line_body(line, member, text.data, text.len);
		json_decref(tree);
	}
	schema_report_fini(&report);
}

void audit_note_object(struct request *r, const struct audit_object *sent)
{
	if (!r->server->audit || !r->target.is_resource || r->object_ref)
		return;
	AUTO_STR text;
	str_init(&text, LINE_MAX);
	audit_line_object(&text, &r->target, sent);
	if (str_ok(&text))
		r->object_ref = str_take(&text);
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

/* Begins the line; returns where in it the stage's time stands. */
static size_t begin_line(struct audit *a, struct request *r, enum audit_level level,
			 enum audit_stage stage, int status, const void *body, size_t len)
{
	int64_t now_us = loop_wall_us(a->loop);
	bool is_another = r->real.name != NULL;
	str_clear(&a->line);
	return audit_line_begin(
		&(struct audit_event){
			.level = level,
			.stage = stage,
			.id = r->audit_id,
			.path = r->x->path,
			.query = r->x->query,
			.verb = verb_of(r),
			.user = is_another ? &r->real : &r->who,
			.impersonated = is_another ? &r->who : NULL,
			.address = r->x->peer.address,
			.agent = http_header_get(r->x, "User-Agent"),
			.target = &r->target,
			.object_ref = r->object_ref,
			.status = status,
			.answer = body,
			.answer_len = len,
			.received_us = now_us - (loop_now_ms(a->loop) - r->start_ms) * 1000,
			.stage_us = now_us,
			.annotations = &r->annotations,
		},
		&a->line);
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

/* Empty where it is too long. */
static void end_line(struct audit *a)
{
	audit_line_end(&a->line);
	if (!str_ok(&a->line))
		str_clear(&a->line);
}

/* Told of now and then: it happens to many in a row. */
static void drop(struct audit *a)
{
	int64_t now_ms = loop_now_ms(a->loop);
	a->dropped++;
	if (a->told_ms && now_ms - a->told_ms < TELL_MS)
		return;
	char count[24];
	int n = snprintf(count, sizeof count, "%llu", (unsigned long long)a->dropped);
	assert(n > 0);
	log_error("audit", "lines are dropped: the disk does not keep up, or a line is too long",
		  "count", count);
	a->told_ms = now_ms;
}

static void add_line(struct audit *a, const char *line, size_t len)
{
	if (!len || a->waiting.len + len > WAITING_MAX) {
		drop(a);
		return;
	}
	str_add_bytes(&a->waiting, line, len);
	/* From the first of them on: setting it again would move it, for as long as lines come. */
	if (!a->is_working && !loop_timer_is_set(a->timer))
		loop_timer_set(a->timer, GATHER_MS);
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
	(void)begin_line(a, r, level, stage, status, body, len);
	if (level >= AUDIT_REQUEST && stage != AUDIT_RECEIVED)
		add_body(&a->line, r);
	if (level >= AUDIT_REQUEST_RESPONSE)
		audit_line_body(&a->line, "responseObject", body, len);
	end_line(a);
	add_line(a, a->line.data, a->line.len);
	if (a->line.size > LINE_KEPT)
		str_fini(&a->line);
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
	enum audit_level level = level_for(a, r, AUDIT_COMPLETE, status);
	if (level == AUDIT_NONE)
		return NULL;
	*ret_time_at = begin_line(a, r, level, AUDIT_COMPLETE, status, NULL, 0);
	end_line(a);
	return a->line.len ? str_take(&a->line) : NULL;
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
