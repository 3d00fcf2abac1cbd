/* What apply asks, and what it does when somebody else was faster. */
#include "cli/applying.h"
#include "cli/command.h"
#include "common/io/loop_sim.h"
#include "tests/support/check.h"

/* The requests in order and how each is answered; more than these are not expected. */
static const struct {
	const char *name, *talk;
	int code; /* 0, or the exit code */
	enum applied applied;
} rows[] = {
	{ "it is not there", "GET 404, POST 201", 0, APPLIED_CREATED },
	{ "it is there", "GET 200, PATCH 200", 0, APPLIED_CONFIGURED },
	{ "somebody made it in between", "GET 404, POST 409E, GET 200, PATCH 200", 0,
	  APPLIED_CONFIGURED },
	{ "somebody changed it in between", "GET 200, PATCH 409, GET 200, PATCH 200", 0,
	  APPLIED_CONFIGURED },
	{ "twice", "GET 200, PATCH 409, GET 200, PATCH 409, GET 200, PATCH 200", 0,
	  APPLIED_CONFIGURED },
	{ "somebody removed it in between", "GET 200, PATCH 404, GET 404, POST 201", 0,
	  APPLIED_CREATED },
	{ "always",
	  "GET 200, PATCH 409, GET 200, PATCH 409, GET 200, PATCH 409, GET 200, PATCH 409, "
	  "GET 200, PATCH 409",
	  EXIT_FAILED, APPLIED_CONFIGURED },
	{ "its namespace is not there", "GET 404, POST 404", EXIT_FAILED, APPLIED_CREATED },
	{ "it is refused", "GET 200, PATCH 422", EXIT_REFUSED, APPLIED_CONFIGURED },
	{ "nothing may be read", "GET 403", EXIT_REFUSED, APPLIED_CREATED },
};

/* ---- the server ---- */

struct script {
	struct http_transport base;
	struct loop *loop;
	struct loop_timer *timer;
	const char *rest; /* of the talk */
	struct str heard;
	const struct http_events *events;
	void *ctx;
	int status;
	bool exists;
};

static struct http_call *start(struct http_transport *t, const struct http_request *r,
			       const struct http_events *events, void *ctx)
{
	struct script *s = (struct script *)t;
	size_t n = strcspn(s->rest, ",");
	const char *space = strchr(s->rest, ' ');
	str_addf(&s->heard, "%s%s ", s->heard.len ? ", " : "", r->method);
	s->status = space ? atoi(space + 1) : 500;
	s->exists = n && s->rest[n - 1] == 'E';
	str_addf(&s->heard, "%d%s", s->status, s->exists ? "E" : "");
	s->rest += n + (s->rest[n] ? 2 : 0);
	s->events = events;
	s->ctx = ctx;
	loop_timer_set(s->timer, 1);
	return (struct http_call *)(void *)s;
}

static void answer(void *ctx)
{
	struct script *s = ctx;
	static const char object[] =
		"{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{"
		"\"name\":\"a\",\"namespace\":\"n\",\"resourceVersion\":\"%zu\"}}";
	AUTO_STR body;
	str_init(&body, 1000);
	if (s->status < 300)
		str_addf(&body, object, s->heard.len); /* another one each time */
	else
		str_addf(&body, "{\"kind\":\"Status\",\"reason\":\"%s\",\"message\":\"m\"}",
			 s->exists          ? "AlreadyExists"
			 : s->status == 409 ? "Conflict"
					    : "");
	s->events->head(s->ctx, s->status, NULL, 0);
	s->events->data(s->ctx, body.data, body.len);
	s->events->done(s->ctx, NULL);
}

static void cancel(struct http_transport *t, struct http_call *call)
{
	(void)t;
	(void)call;
}

static void test(size_t row)
{
	static const struct http_transport_ops ops = { .start = start, .cancel = cancel };
	struct loop *loop = loop_sim_new(1, 0);
	struct script s = { .base = { &ops }, .loop = loop, .rest = rows[row].talk };
	AUTO_JSON *manifest = json_pack("{s:s,s:s,s:{s:s},s:{s:s}}", "apiVersion", "v1", "kind",
					"ConfigMap", "metadata", "name", "a", "data", "k", "v");
	struct applying a;
	enum applied applied = APPLIED_COUNT;
	struct error err;
	json_t *object = NULL;
	s.timer = loop_timer_new(loop, answer, &s);
	str_init(&s.heard, 10000);
	struct session session = { .loop = loop, .transport = &s.base };
	session.api = api_new(loop, &s.base, "test");
	CHECK(applying_init(&session, manifest, "n", &a, &err) == 0);
	CHECK_INT(apply_object(&session, &a, &applied, &object), rows[row].code);
	CHECK_TEXT(rows[row].name, s.heard.data, rows[row].talk);
	if (rows[row].code == 0)
		CHECK_INT(applied, rows[row].applied);
	json_decref(object);
	api_free(session.api);
	loop_timer_free(s.timer);
	str_fini(&s.heard);
	loop_free(loop);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		test(i);
	puts("ok");
	return 0;
}
