/* A pod that comes before the account "default" of its namespace waits for it, and for nothing else. */
#include "apiserver/account_wait.h"
#include "tests/support/api_world.h"
#include "tests/support/check.h"

#define SPACES   "/api/v1/namespaces"
#define PODS     SPACES "/fresh/pods"
#define ACCOUNTS SPACES "/fresh/serviceaccounts"
#define SHORT_MS 300
#define LONG_MS  (ACCOUNT_WAIT_MS + 1000)

static void run(struct api_world *w, int64_t ms)
{
	(void)loop_sim_run_until(w->loop, loop_now_ms(w->loop) + ms);
}

static void make(struct api_world *w, const char *target, const char *name)
{
	struct api_pending a;
	auto_free char *body = xasprintf("{\"metadata\":{\"name\":\"%s\"}}", name);
	api_world_ask(w, "POST", target, body, &a);
	run(w, SHORT_MS);
	CHECK_INT(a.status, 201);
}

static void ask_pod(struct api_world *w, const char *name, const char *spec, struct api_pending *a)
{
	auto_free char *body = xasprintf("{\"metadata\":{\"name\":\"%s\"},\"spec\":{%s"
					 "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
					 name, spec);
	api_world_ask(w, "POST", PODS, body, a);
}

int main(void)
{
	struct api_world w;
	struct api_pending early, other, again, never;
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
	api_world_ask(
		&w, "POST", SPACES "/empty/pods",
		"{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
		&never);
	api_world_ask(
		&w, "POST", SPACES "/nowhere/pods",
		"{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
		&other);
	run(&w, SHORT_MS);
	CHECK(!never.is_done);
	CHECK_INT(other.status, 404);
	run(&w, LONG_MS);
	CHECK_INT(never.status, 403);

	/* A server that goes leaves nobody behind. */
	api_world_ask(
		&w, "POST", SPACES "/empty/pods",
		"{\"metadata\":{\"name\":\"q\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
		&never);
	run(&w, SHORT_MS);
	api_world_fini(&w);
	return 0;
}
