/* A pod that comes before the account "default" of its namespace waits for it, and for nothing else. */
#include "apiserver/account_wait.h"
#include "tests/support/api_world.h"
#include "tests/support/check.h"

#include <stdio.h>

#define JSON     "application/json"
#define SPACES   "/api/v1/namespaces"
#define PODS     SPACES "/fresh/pods"
#define ACCOUNTS SPACES "/fresh/serviceaccounts"
#define SHORT_MS 300
#define LONG_MS  (ACCOUNT_WAIT_MS + 1000)

struct asker {
	int status;
	bool is_done;
};

static void head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	(void)headers, (void)n;
	((struct asker *)ctx)->status = status;
}

static void data(void *ctx, const char *bytes, size_t n)
{
	(void)ctx, (void)bytes, (void)n; /* the status is enough */
}

static void done(void *ctx, const struct error *err)
{
	(void)err; /* it is no answer then */
	((struct asker *)ctx)->is_done = true;
}

static void ask(struct api_world *w, const char *target, const char *body, struct asker *a)
{
	static const struct http_events events = { .head = head, .data = data, .done = done };
	const struct http_header type = { "Content-Type", JSON };
	const struct http_request r = { .method = "POST",
					.target = target,
					.headers = &type,
					.headers_count = 1,
					.body = body,
					.body_len = strlen(body) };
	*a = (struct asker){ 0 };
	(void)http_start(w->admin, &r, &events, a);
}

static void run(struct api_world *w, int64_t ms)
{
	(void)loop_sim_run_until(w->loop, loop_now_ms(w->loop) + ms);
}

static void make(struct api_world *w, const char *target, const char *name)
{
	struct asker a;
	auto_free char *body = xasprintf("{\"metadata\":{\"name\":\"%s\"}}", name);
	ask(w, target, body, &a);
	run(w, SHORT_MS);
	CHECK_INT(a.status, 201);
}

static void ask_pod(struct api_world *w, const char *name, const char *spec, struct asker *a)
{
	auto_free char *body = xasprintf("{\"metadata\":{\"name\":\"%s\"},\"spec\":{%s"
					 "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
					 name, spec);
	ask(w, PODS, body, a);
}

int main(void)
{
	struct api_world w;
	struct asker early, other, again, never;
	api_world_init(&w, 7);
	make(&w, SPACES, "fresh");

	/* An account that somebody named is there or is not. */
	ask_pod(&w, "named", "\"serviceAccountName\":\"robot\",", &other);
	ask_pod(&w, "early", "", &early);
	run(&w, SHORT_MS);
	CHECK_INT(other.status, 403);
	CHECK(!early.is_done);
	/* Nor is it another namespace's that it waits for, or another of its own. */
	make(&w, ACCOUNTS, "robot");
	make(&w, SPACES "/default/serviceaccounts", "default");
	CHECK(!early.is_done);
	make(&w, ACCOUNTS, "default");
	CHECK_INT(early.status, 201);
	ask_pod(&w, "again", "", &again);
	run(&w, SHORT_MS);
	CHECK_INT(again.status, 201);

	/* It does not wait for ever, and not in a namespace that is not there. */
	make(&w, SPACES, "empty");
	ask(&w, SPACES "/empty/pods",
	    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
	    &never);
	ask(&w, SPACES "/nowhere/pods",
	    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
	    &other);
	run(&w, SHORT_MS);
	CHECK(!never.is_done);
	CHECK_INT(other.status, 404);
	run(&w, LONG_MS);
	CHECK_INT(never.status, 403);

	/* A server that goes leaves nobody behind. */
	ask(&w, SPACES "/empty/pods",
	    "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
	    &never);
	run(&w, SHORT_MS);
	api_world_fini(&w);
	return 0;
}
