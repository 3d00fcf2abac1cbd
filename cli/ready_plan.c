#include "cli/ready_plan.h"
#include "common/base/time_text.h"

#include <stdio.h>

#define RESTARTS_HOPELESS 5
#define SETTLE_MS         2000
#define SETTLE_CRASHED_MS 12000

const json_t *ready_condition(const json_t *object, const char *type)
{
	const json_t *list = json_dig(object, "status.conditions");
	for (size_t i = 0; i < json_array_size(list); i++)
		if (streq(json_str_or(json_array_get(list, i), "type", ""), type))
			return json_array_get(list, i);
	return NULL;
}

static bool condition_is(const json_t *object, const char *type, const char *status)
{
	return streq(json_str_or(ready_condition(object, type), "status", ""), status);
}

/* Names in a status are a foreign program's: one too long is cut off and finds no log. */
static void blame(struct ready_culprit *c, const json_t *pod, const char *container,
		  bool is_previous)
{
	if (!c)
		return;
	if (snprintf(c->pod, sizeof c->pod, "%s", json_str_or(pod, "metadata.name", "")) >=
		    (int)sizeof c->pod ||
	    snprintf(c->container, sizeof c->container, "%s", container) >=
		    (int)sizeof c->container)
		c->pod[0] = '\0';
	c->is_previous = is_previous;
}

/* ---- one container ---- */

static void add_exit(struct str *text, const json_t *terminated, int64_t restarts)
{
	int64_t code = json_int_or(terminated, "exitCode", 0);
	const char *reason = json_str_or(terminated, "reason", "");
	str_addf(text, "exit code %lld", (long long)code);
	if (streq(reason, "OOMKilled"))
		str_add(text, " (out of memory)");
	else if (json_int_or(terminated, "signal", 0))
		str_addf(text, " (signal %lld)", (long long)json_int_or(terminated, "signal", 0));
	if (restarts > 0)
		str_addf(text, ", restarted %lld time%s", (long long)restarts,
			 restarts == 1 ? "" : "s");
}

static void add_first_line(struct str *text, const char *message)
{
	str_add_bytes(text, message, strcspn(message, "\n"));
}

/* What a runtime wraps around the reason, and a back-off around that, says nothing more. */
static const char *pull_reason(const char *message)
{
	const char *unpack = strstr(message, "failed to pull and unpack image");
	const char *rest = unpack ? strstr(unpack, "\": ") : NULL;
	return rest ? rest + 3 : message;
}

struct container_view {
	const json_t *pod, *status;
	const char *name;
	bool is_init, restarts_never;
};

static enum ready_state crashed(const struct container_view *v, const json_t *terminated,
				bool is_over, struct str *text, struct ready_culprit *culprit)
{
	int64_t restarts = json_int_or(v->status, "restartCount", 0);
	str_addf(text, "%scontainer %s: ", v->is_init ? "init " : "", v->name);
	add_exit(text, terminated, restarts);
	blame(culprit, v->pod, v->name, !is_over);
	return restarts >= RESTARTS_HOPELESS || (is_over && v->restarts_never) ? READY_FAILED
									       : READY_STUCK;
}

static enum ready_state waits(const struct container_view *v, const char *reason, struct str *text,
			      struct ready_culprit *culprit)
{
	const json_t *last = json_dig(v->status, "lastState.terminated");
	const char *message = json_str_or(v->status, "state.waiting.message", "");
	if (streq(reason, "CrashLoopBackOff"))
		return crashed(v, last, false, text, culprit);
	if (streq(reason, "ContainerCreating") || streq(reason, "PodInitializing") || !*reason) {
		if (last && json_int_or(last, "exitCode", 0) != 0)
			return crashed(v, last, false, text, culprit);
		str_add(text, *message                           ? message
			      : streq(reason, "PodInitializing") ? "init containers run"
								 : "starting");
		/* The agent says what it is about, or what it cannot do now and tries again. */
		return !*message || starts_with(message, "pulling ") ? READY_WAITING : READY_STUCK;
	}
	if (streq(reason, "ErrImagePull") || streq(reason, "ImagePullBackOff") ||
	    streq(reason, "ErrImageNeverPull") || streq(reason, "InvalidImageName"))
		str_addf(text, "image %s cannot be had", json_str_or(v->status, "image", "?"));
	else
		str_addf(text, "container %s: %s", v->name, reason);
	message = pull_reason(message);
	if (*message) {
		str_add(text, ": ");
		add_first_line(text, message);
	}
	return streq(reason, "InvalidImageName") ? READY_FAILED : READY_STUCK;
}

static enum ready_state container_state(const struct container_view *v, struct str *text,
					struct ready_culprit *culprit)
{
	const json_t *waiting = json_dig(v->status, "state.waiting");
	const json_t *terminated = json_dig(v->status, "state.terminated");
	const json_t *last = json_dig(v->status, "lastState.terminated");
	if (waiting)
		return waits(v, json_str_or(waiting, "reason", ""), text, culprit);
	if (terminated) {
		if (json_int_or(terminated, "exitCode", 0) == 0)
			return READY_YES; /* done, or about to be started again */
		return crashed(v, terminated, true, text, culprit);
	}
	if (v->is_init) {
		str_addf(text, "init container %s runs", v->name);
		return READY_WAITING;
	}
	if (json_bool_or(v->status, "ready", false))
		return READY_YES;
	if (last && json_int_or(last, "exitCode", 0) != 0)
		return crashed(v, last, false, text, culprit);
	str_addf(text, "container %s runs, but is not ready yet", v->name);
	return READY_WAITING;
}

/* The worst of a list; its text is the first one's of that badness. */
static enum ready_state containers_state(const json_t *pod, const char *list_path, bool is_init,
					 struct str *text, struct ready_culprit *culprit)
{
	const json_t *list = json_dig(pod, list_path);
	enum ready_state worst = READY_YES;
	AUTO_STR best;
	str_init(&best, 4096);
	const char *policy = json_str_or(pod, "spec.restartPolicy", "Always");
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct ready_culprit who = { "", "", false };
		struct container_view v = { .pod = pod,
					    .status = json_array_get(list, i),
					    .is_init = is_init,
					    .restarts_never = streq(policy, "Never") };
		AUTO_STR own;
		str_init(&own, 4096);
		v.name = json_str_or(v.status, "name", "?");
		enum ready_state state = container_state(&v, &own, &who);
		if (state <= worst)
			continue;
		worst = state;
		str_clear(&best);
		str_add(&best, own.data);
		if (culprit)
			*culprit = who;
	}
	str_add(text, best.len ? best.data : "");
	return worst;
}

/* ---- one pod ---- */

static enum ready_state unbound(const json_t *pod, struct str *text)
{
	const json_t *scheduled = ready_condition(pod, "PodScheduled");
	const json_t *gate = ready_condition(pod, "DependenciesReady");
	if (gate && !streq(json_str_or(gate, "status", ""), "True")) {
		str_add(text, json_str_or(gate, "message", "waiting for what it depends on"));
		return READY_WAITING;
	}
	if (scheduled && streq(json_str_or(scheduled, "reason", ""), "Unschedulable")) {
		str_add(text, "no node takes it: ");
		add_first_line(text, json_str_or(scheduled, "message", ""));
		return READY_STUCK;
	}
	str_add(text, "waiting for a node");
	return READY_WAITING;
}

enum ready_state ready_pod(const json_t *pod, struct str *text, struct ready_culprit *culprit)
{
	const char *phase = json_str_or(pod, "status.phase", "Pending");
	if (streq(phase, "Succeeded")) {
		str_add(text, "completed");
		return READY_YES;
	}
	if (!json_str(pod, "spec.nodeName") && !streq(phase, "Failed"))
		return unbound(pod, text);
	size_t start = text->len;
	enum ready_state state =
		containers_state(pod, "status.initContainerStatuses", true, text, culprit);
	if (state == READY_YES)
		state = containers_state(pod, "status.containerStatuses", false, text, culprit);
	if (streq(phase, "Failed")) {
		if (text->len == start)
			str_addf(text, "failed: %s",
				 json_str_or(pod, "status.message",
					     json_str_or(pod, "status.reason", "no reason given")));
		return READY_FAILED;
	}
	if (state != READY_YES)
		return state;
	if (condition_is(pod, "Ready", "True")) {
		str_add(text, "ready");
		return READY_YES;
	}
	str_add(text, "pulling or starting");
	return READY_WAITING;
}

static enum ready_state worst_pod(const json_t *const *pods, size_t n, struct str *text,
				  struct ready_culprit *culprit)
{
	enum ready_state worst = READY_YES;
	AUTO_STR best;
	str_init(&best, 4096);
	for (size_t i = 0; i < n; i++) {
		struct ready_culprit who = { "", "", false };
		AUTO_STR own;
		str_init(&own, 4096);
		if (json_str(pods[i], "metadata.deletionTimestamp"))
			continue;
		enum ready_state state = ready_pod(pods[i], &own, &who);
		if (state <= worst)
			continue;
		worst = state;
		str_clear(&best);
		str_add(&best, own.data);
		if (culprit)
			*culprit = who;
	}
	str_add(text, best.len ? best.data : "");
	return worst;
}

/* ---- workloads ---- */

struct counts {
	int64_t wanted, all, updated, available;
};

/* False: the dependencies are not there; the text says which. */
static bool dependencies_hold(const json_t *object, struct str *text, enum ready_state *ret)
{
	const json_t *c = ready_condition(object, "DependenciesReady");
	if (!c || streq(json_str_or(c, "status", ""), "True"))
		return true;
	const char *reason = json_str_or(c, "reason", "");
	str_add(text, json_str_or(c, "message", "waiting for what it depends on"));
	*ret = streq(reason, "DependencyCycle")    ? READY_FAILED
	       : streq(reason, "DependencyFailed") ? READY_STUCK
						   : READY_WAITING;
	return false;
}

static enum ready_state counted(const struct counts *c, const json_t *const *pods, size_t n,
				struct str *text, struct ready_culprit *culprit)
{
	if (c->updated < c->wanted)
		str_addf(text, "%lld/%lld updated", (long long)c->updated, (long long)c->wanted);
	else if (c->all > c->updated)
		str_addf(text, "%lld/%lld updated, %lld of the old revision still there",
			 (long long)c->updated, (long long)c->wanted,
			 (long long)(c->all - c->updated));
	else
		str_addf(text, "%lld/%lld ready", (long long)c->available, (long long)c->wanted);
	if (c->updated >= c->wanted && c->all <= c->updated && c->available >= c->wanted)
		return READY_YES;
	AUTO_STR why;
	str_init(&why, 4096);
	enum ready_state state = worst_pod(pods, n, &why, culprit);
	if (why.len)
		str_addf(text, ": %s", why.data);
	return state == READY_YES ? READY_WAITING : state;
}

static bool is_seen(const json_t *o, struct str *text)
{
	if (json_int_or(o, "status.observedGeneration", 0) >=
	    json_int_or(o, "metadata.generation", 0))
		return true;
	str_add(text, "accepted");
	return false;
}

static enum ready_state deployment(const json_t *o, const json_t *const *pods, size_t n,
				   struct str *text, struct ready_culprit *culprit)
{
	enum ready_state state;
	if (!is_seen(o, text))
		return READY_WAITING;
	if (!dependencies_hold(o, text, &state))
		return state;
	struct counts c = { json_int_or(o, "spec.replicas", 1),
			    json_int_or(o, "status.replicas", 0),
			    json_int_or(o, "status.updatedReplicas", 0),
			    json_int_or(o, "status.availableReplicas", 0) };
	state = counted(&c, pods, n, text, culprit);
	if (state == READY_YES)
		return state;
	const json_t *progress = ready_condition(o, "Progressing");
	const json_t *failure = ready_condition(o, "ReplicaFailure");
	if (streq(json_str_or(failure, "status", ""), "True")) {
		str_add(text, ": ");
		add_first_line(text, json_str_or(failure, "message", "pods cannot be made"));
		state = MAX(state, READY_STUCK);
	}
	if (streq(json_str_or(progress, "reason", ""), "ProgressDeadlineExceeded")) {
		str_add(text, "; its progress deadline has passed");
		state = READY_FAILED;
	}
	if (json_bool_or(o, "spec.paused", false)) {
		str_add(text, "; it is paused");
		state = MAX(state, READY_STUCK);
	}
	return state;
}

static enum ready_state replica_set(const json_t *o, const json_t *const *pods, size_t n,
				    struct str *text, struct ready_culprit *culprit)
{
	int64_t all = json_int_or(o, "status.replicas", 0);
	struct counts c = { json_int_or(o, "spec.replicas", 1), all, all,
			    json_int_or(o, "status.availableReplicas", 0) };
	return is_seen(o, text) ? counted(&c, pods, n, text, culprit) : READY_WAITING;
}

static enum ready_state stateful_set(const json_t *o, const json_t *const *pods, size_t n,
				     struct str *text, struct ready_culprit *culprit)
{
	enum ready_state state;
	struct counts c = { json_int_or(o, "spec.replicas", 1),
			    json_int_or(o, "status.replicas", 0),
			    json_int_or(o, "status.updatedReplicas", 0),
			    json_int_or(o, "status.availableReplicas", 0) };
	if (!is_seen(o, text))
		return READY_WAITING;
	return dependencies_hold(o, text, &state) ? counted(&c, pods, n, text, culprit) : state;
}

static enum ready_state daemon_set(const json_t *o, const json_t *const *pods, size_t n,
				   struct str *text, struct ready_culprit *culprit)
{
	enum ready_state state;
	int64_t updated = json_int_or(o, "status.updatedNumberScheduled", 0);
	struct counts c = { json_int_or(o, "status.desiredNumberScheduled", 0), updated, updated,
			    json_int_or(o, "status.numberAvailable", 0) };
	if (!is_seen(o, text))
		return READY_WAITING;
	return dependencies_hold(o, text, &state) ? counted(&c, pods, n, text, culprit) : state;
}

static enum ready_state job(const json_t *o, const json_t *const *pods, size_t n, struct str *text,
			    struct ready_culprit *culprit)
{
	enum ready_state state;
	const json_t *failed = ready_condition(o, "Failed");
	int64_t done = json_int_or(o, "status.succeeded", 0);
	if (condition_is(o, "Complete", "True")) {
		str_addf(text, "completed");
		return READY_YES;
	}
	AUTO_STR why;
	str_init(&why, 4096);
	if (streq(json_str_or(failed, "status", ""), "True")) {
		(void)worst_pod(pods, n, &why, culprit);
		str_addf(text, "failed: %s", json_str_or(failed, "message", "no reason given"));
		if (why.len)
			str_addf(text, "; %s", why.data);
		return READY_FAILED;
	}
	if (!dependencies_hold(o, text, &state))
		return state;
	if (json_bool_or(o, "spec.suspend", false)) {
		str_add(text, "suspended");
		return READY_STUCK;
	}
	str_addf(text, "%lld/%lld completed", (long long)done,
		 (long long)json_int_or(o, "spec.completions", 1));
	state = worst_pod(pods, n, &why, culprit);
	if (why.len)
		str_addf(text, ": %s", why.data);
	/* Its own back-off limit says when it has failed. */
	return state == READY_FAILED ? READY_STUCK : state == READY_YES ? READY_WAITING : state;
}

static enum ready_state lone_pod(const json_t *o, const json_t *const *pods, size_t n,
				 struct str *text, struct ready_culprit *culprit)
{
	(void)pods, (void)n; /* it is its own */
	return ready_pod(o, text, culprit);
}

static enum ready_state namespace_state(const json_t *o, const json_t *const *pods, size_t n,
					struct str *text, struct ready_culprit *culprit)
{
	(void)pods, (void)n, (void)culprit; /* it has none */
	const char *phase = json_str_or(o, "status.phase", "Active");
	str_add(text, streq(phase, "Active") ? "active" : "is being deleted");
	return streq(phase, "Active") ? READY_YES : READY_FAILED;
}

static const struct {
	const char *kind;
	enum ready_state (*state)(const json_t *o, const json_t *const *pods, size_t n,
				  struct str *text, struct ready_culprit *culprit);
} kinds[] = {
	{ "Deployment", deployment },
	{ "ReplicaSet", replica_set },
	{ "StatefulSet", stateful_set },
	{ "DaemonSet", daemon_set },
	{ "Job", job },
	{ "Pod", lone_pod },
	{ "Namespace", namespace_state },
};

static bool lacks_probe(const json_t *pod)
{
	const json_t *list = json_dig(pod, "spec.containers");
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_object_get(json_array_get(list, i), "readinessProbe"))
			return true;
	return false;
}

static void see_run(const json_t *pod, int64_t *ret_start_us, bool *ret_has_crashed)
{
	const json_t *list = json_dig(pod, "status.containerStatuses");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		int64_t us;
		if (time_parse(json_str_or(one, "state.running.startedAt", ""), &us))
			*ret_start_us = MAX(*ret_start_us, us);
		*ret_has_crashed |= json_int_or(one, "lastState.terminated.exitCode", 0) != 0;
	}
}

int64_t ready_settle_ms(const json_t *const *pods, size_t n, int64_t now_us)
{
	int64_t start_us = INT64_MIN;
	bool has_crashed = false;
	for (size_t i = 0; i < n; i++)
		if (lacks_probe(pods[i]))
			see_run(pods[i], &start_us, &has_crashed);
	int64_t need_ms = has_crashed ? SETTLE_CRASHED_MS : SETTLE_MS;
	return start_us != INT64_MIN && now_us - start_us < 2 * need_ms * 1000 ? need_ms : 0;
}

bool ready_is_watched(const char *kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (streq(kinds[i].kind, kind))
			return true;
	return false;
}

enum ready_state ready_plan(const char *kind, const json_t *object, const json_t *const *pods,
			    size_t n, struct str *text, struct ready_culprit *ret_culprit)
{
	if (ret_culprit)
		*ret_culprit = (struct ready_culprit){ "", "", false };
	if (json_str(object, "metadata.deletionTimestamp") && !streq(kind, "Namespace")) {
		str_add(text, "is being deleted");
		return READY_FAILED;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (streq(kinds[i].kind, kind))
			return kinds[i].state(object, pods, n, text, ret_culprit);
	str_add(text, "there");
	return READY_YES;
}
