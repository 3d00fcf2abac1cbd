/*
 * What on-dependency-lost and restart-with promise, where nothing else goes wrong:
 *
 *	- while db serves nobody, what stops with it has no pods and its naked Pod no container
 *	- who is restarted, or does not care, runs on meanwhile
 *	- once db is back all run; of who is restarted every pod is another, of the others none
 *	- who follows the cache has other pods after the cache's new revision, and no others before
 *
 * And always, once all has settled: nothing is left noted as lost.
 */
#include "controller/order_lost_plan.h"
#include "tests/sim/sim.h"

#include <stdio.h>

#define STEP_MS  1000
#define BOUND_MS 300000
#define HOLD_MS  15000 /* so long what stopped stays so */
#define PODS_MAX 16
#define SEEN     "skiff.dev/restart-with-seen"

struct uids {
	char at[PODS_MAX][40];
	size_t count;
};

static void uids_of(const struct sim *s, const char *app, struct uids *ret)
{
	const json_t *pods[PODS_MAX];
	ret->count = sim_check_pods(s->check, app, pods, PODS_MAX);
	for (size_t i = 0; i < ret->count; i++) {
		int n = snprintf(ret->at[i], sizeof ret->at[i], "%s",
				 json_str_or(pods[i], "metadata.uid", ""));
		assert(n >= 0);
	}
}

static size_t common(const struct uids *a, const struct uids *b)
{
	size_t n = 0;
	for (size_t i = 0; i < a->count; i++)
		for (size_t k = 0; k < b->count; k++)
			n += streq(a->at[i], b->at[k]);
	return n;
}

static void must_be_same(struct sim *s, const char *app, const struct uids *before,
			 const char *when)
{
	struct uids now;
	uids_of(s, app, &now);
	if (common(before, &now) != before->count || now.count != before->count)
		sim_fail(s, "%s was not left alone: %zu of %zu pods are the same %s", app,
			 common(before, &now), before->count, when);
}

static void must_be_others(struct sim *s, const char *app, const struct uids *before,
			   const char *when)
{
	struct uids now;
	uids_of(s, app, &now);
	if (common(before, &now) > 0 || now.count == 0)
		sim_fail(s, "%s was not restarted: %zu of %zu pods are the same %s", app,
			 common(before, &now), now.count, when);
}

/* ---- what has settled ---- */

/* The cache is whom it is followed as. */
static bool follows_present(const struct sim_check *c, const json_t *follower)
{
	const json_t *cache = sim_check_object(c, "apps", "deployments", "default", "cache");
	const char *seen = json_member_str(json_dig(follower, "metadata.annotations"), SEEN);
	const char *revision = json_member_str(json_dig(cache, "metadata.annotations"),
					       "deployment.kubernetes.io/revision");
	auto_free char *now =
		xasprintf("Deployment/cache=%s:%s", json_str_or(cache, "metadata.uid", ""),
			  revision ? revision : "");
	return seen && streq(seen, now);
}

bool sim_lost_is_settled(const struct sim_check *c, const json_t *object)
{
	const json_t *annotations = json_dig(object, "metadata.annotations");
	const char *with = json_member_str(annotations, ORDER_RESTART_WITH);
	if (json_member_str(annotations, ORDER_LOST))
		return json_int_or(object, "status.succeeded", 0) > 0; /* a Job that is through */
	return !with || follows_present(c, object);
}

static bool lone_runs(const struct sim *s)
{
	const json_t *pod = sim_check_object(s->check, "core", "pods", "default", "lone");
	const json_t *container = json_array_get(json_dig(pod, "status.containerStatuses"), 0);
	return json_dig(container, "state.running") != NULL &&
	       json_bool_or(container, "ready", false);
}

static int64_t lone_restarts(const struct sim *s)
{
	const json_t *pod = sim_check_object(s->check, "core", "pods", "default", "lone");
	return json_int_or(json_array_get(json_dig(pod, "status.containerStatuses"), 0),
			   "restartCount", 0);
}

/* ---- waiting ---- */

static bool all_settled(struct sim *s, char *why, size_t size)
{
	int n = snprintf(why, size, "lone does not run");
	assert(n > 0);
	return lone_runs(s) && sim_check_settled(s->check, why, size);
}

static bool has_stopped(struct sim *s, char *why, size_t size)
{
	const json_t *pods[PODS_MAX];
	size_t left = sim_check_pods(s->check, "stops", pods, PODS_MAX);
	size_t db = sim_check_pods(s->check, "db", pods, PODS_MAX);
	bool stops = s->seed % 2; /* lone's rule: sim_user.c */
	int n = snprintf(why, size, "%zu pods of db, %zu of what stops with it; lone %s", db, left,
			 lone_runs(s) ? "runs" : "does not run");
	assert(n > 0);
	return db == 0 && left == 0 && lone_runs(s) == !stops;
}

static void until(struct sim *s, bool (*holds)(struct sim *s, char *why, size_t size),
		  const char *what)
{
	char why[480] = "";
	for (int64_t t = 0; t < BOUND_MS && !*s->failure; t += STEP_MS) {
		loop_sim_run_until(s->loop, loop_now_ms(s->loop) + STEP_MS);
		if (holds(s, why, sizeof why))
			return;
	}
	sim_fail(s, "%s: %s", what, why);
}

static void stays_stopped(struct sim *s)
{
	char why[480];
	for (int64_t t = 0; t < HOLD_MS && !*s->failure; t += STEP_MS) {
		loop_sim_run_until(s->loop, loop_now_ms(s->loop) + STEP_MS);
		if (!has_stopped(s, why, sizeof why))
			sim_fail(s, "what stopped with db does not stay so: %s", why);
	}
}

static void scale_db(struct sim *s, int replicas)
{
	sim_user_patch(s, "db", json_pack("{s:{s:i}}", "spec", "replicas", replicas));
}

void sim_lost_episode(struct sim *s)
{
	struct uids restarts, follows, worker;
	until(s, all_settled, "before db is taken away");
	int64_t before = lone_restarts(s);
	uids_of(s, "restarts", &restarts);
	uids_of(s, "follows", &follows);
	uids_of(s, "worker", &worker);

	scale_db(s, 0);
	until(s, has_stopped, "db is gone");
	stays_stopped(s);
	must_be_same(s, "restarts", &restarts, "while db is gone");
	must_be_same(s, "worker", &worker, "while db is gone");

	scale_db(s, 1);
	until(s, all_settled, "db is back");
	must_be_others(s, "restarts", &restarts, "after db came back");
	must_be_same(s, "worker", &worker, "after db came back");
	must_be_same(s, "follows", &follows, "before the cache was replaced");
	if (!*s->failure && lone_restarts(s) != before + 1)
		sim_fail(s, "lone was restarted %lld times, not once",
			 (long long)(lone_restarts(s) - before));

	sim_user_roll_out(s, "cache");
	loop_sim_run_until(s->loop,
			   loop_now_ms(s->loop) + STEP_MS); /* settled is what comes after */
	until(s, all_settled, "the cache is replaced");
	must_be_others(s, "follows", &follows, "after the cache was replaced");
	must_be_same(s, "worker", &worker, "after the cache was replaced");
}
