#include "common/plan/budget_plan.h"

#include "common/base/jsonx.h"
#include "common/base/time_text.h"

#include <stdio.h>

#define CONDITION "DisruptionAllowed"

/* ---- the condition ---- */

static json_t *condition_in(const json_t *status)
{
	size_t i;
	json_t *c;
	json_array_foreach (json_object_get(status, "conditions"), i, c)
		if (streq(json_str_or(c, "type", ""), CONDITION))
			return c;
	return NULL;
}

static void set_condition(json_t *status, const char *now, bool is_allowed, const char *reason,
			  const char *message)
{
	const char *text = is_allowed ? "True" : "False";
	json_t *c = condition_in(status), *list = json_object_get(status, "conditions");
	if (!list) {
		list = json_array();
		(void)json_object_set_new(status, "conditions", list);
	}
	if (!c) {
		c = json_object();
		json_put_str(c, "type", CONDITION);
		(void)json_array_append_new(list, c);
	}
	if (!streq(json_str_or(c, "status", ""), text))
		json_put_str(c, "lastTransitionTime", now);
	json_put_str(c, "status", text);
	json_put_str(c, "reason", reason);
	json_put_str(c, "message", message);
	json_put_int(c, "observedGeneration", json_int_or(status, "observedGeneration", 0));
}

static void set_allowed(json_t *status, const char *now)
{
	bool is_allowed = json_int_or(status, "disruptionsAllowed", 0) > 0;
	set_condition(status, now, is_allowed, is_allowed ? "SufficientPods" : "InsufficientPods",
		      "");
}

/* ---- counting ---- */

/* The pods that the controllers of these pods want, each controller once. NULL: *ret; else why it
 * cannot be said. */
static const char *count_scale(const struct budget_pod *pods, size_t n, int64_t *ret,
			       bool *ret_unmanaged)
{
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		bool is_known = false;
		if (!pods[i].owner_uid) {
			*ret_unmanaged = true;
			continue;
		}
		for (size_t k = 0; k < i && !is_known; k++)
			is_known = pods[k].owner_uid && streq(pods[k].owner_uid, pods[i].owner_uid);
		if (is_known)
			continue;
		if (pods[i].problem)
			return pods[i].problem;
		*ret += pods[i].owner_scale;
	}
	return NULL;
}

/* A number, or so many percent of `total`, rounded up. */
static int64_t scaled(const json_t *value, int64_t total)
{
	if (!json_is_string(value))
		return json_integer_value(value);
	int64_t percent = strtoll(json_string_value(value), NULL, 10);
	return (percent * total + 99) / 100;
}

struct counts {
	int64_t expected, desired, healthy;
};

static const char *count(const json_t *spec, const struct budget_pod *pods, size_t n,
			 struct counts *c, bool *ret_unmanaged)
{
	const json_t *most = json_object_get(spec, "maxUnavailable");
	const json_t *least = json_object_get(spec, "minAvailable");
	const char *problem = NULL;
	if (most) {
		problem = count_scale(pods, n, &c->expected, ret_unmanaged);
		c->desired = MAX(c->expected - scaled(most, c->expected), (int64_t)0);
	} else if (json_is_string(least)) {
		problem = count_scale(pods, n, &c->expected, ret_unmanaged);
		c->desired = scaled(least, c->expected);
	} else if (least) {
		c->expected = (int64_t)n;
		c->desired = json_integer_value(least);
	}
	return problem;
}

/* When a pod that was evicted must have been seen stopping; 0: it was not evicted. */
static int64_t gone_by_us(const json_t *disrupted, const struct budget_pod *pod)
{
	int64_t at_us;
	const char *at = json_member_str(disrupted, pod->name);
	return at && time_parse(at, &at_us) ? at_us + BUDGET_DELETION_MS * 1000LL : 0;
}

/* Those that are still on their way; counts who is left. */
static json_t *on_their_way(const json_t *disrupted, const struct budget_pod *pods, size_t n,
			    int64_t now_us, struct counts *c, int64_t *ret_wake_us)
{
	json_t *left = json_object();
	for (size_t i = 0; i < n; i++) {
		int64_t by_us = gone_by_us(disrupted, &pods[i]);
		if (pods[i].is_stopping)
			continue;
		if (by_us >= now_us) {
			(void)json_object_set(left, pods[i].name,
					      json_object_get(disrupted, pods[i].name));
			*ret_wake_us = MIN(*ret_wake_us, by_us);
		}
		c->healthy += pods[i].is_ready && by_us <= now_us;
	}
	return left;
}

/* ---- the status ---- */

static json_t *failed_status(const json_t *budget, const char *why, const char *now)
{
	json_t *status = json_deep_copy(json_object_get(budget, "status"));
	if (!status)
		status = json_object();
	json_put_int(status, "disruptionsAllowed", 0);
	set_condition(status, now, false, "SyncFailed", why);
	return status;
}

static json_t *good_status(const json_t *budget, const struct counts *c, json_t *take_disrupted,
			   const char *now)
{
	json_t *status = json_object();
	const json_t *conditions = json_dig(budget, "status.conditions");
	int64_t allowed = c->healthy - c->desired;
	if (c->expected <= 0 || allowed <= 0)
		allowed = 0;
	json_put_int(status, "observedGeneration", json_int_or(budget, "metadata.generation", 0));
	if (json_object_size(take_disrupted))
		(void)json_object_set_new(status, "disruptedPods", take_disrupted);
	else
		json_decref(take_disrupted);
	json_put_int(status, "disruptionsAllowed", allowed);
	json_put_int(status, "currentHealthy", c->healthy);
	json_put_int(status, "desiredHealthy", c->desired);
	json_put_int(status, "expectedPods", c->expected);
	if (conditions)
		(void)json_object_set_new(status, "conditions", json_deep_copy(conditions));
	set_allowed(status, now);
	return status;
}

void budget_status_make(const json_t *budget, const struct budget_pod *pods, size_t n,
			int64_t now_us, struct budget_status *ret)
{
	char now[TIME_TEXT_SIZE];
	int64_t wake_us = INT64_MAX;
	struct counts c = { 0 };
	*ret = (struct budget_status){ .wake_ms = -1 };
	time_format(now_us, now);
	const char *problem =
		count(json_object_get(budget, "spec"), pods, n, &c, &ret->has_unmanaged);
	json_t *left = on_their_way(json_dig(budget, "status.disruptedPods"), pods, n, now_us, &c,
				    &wake_us);
	if (problem) {
		json_decref(left);
		ret->status = failed_status(budget, problem, now);
	} else {
		ret->status = good_status(budget, &c, left, now);
		if (wake_us != INT64_MAX)
			ret->wake_ms = (wake_us - now_us) / 1000 + 1;
	}
	if (json_equal(ret->status, json_object_get(budget, "status"))) {
		json_decref(ret->status);
		ret->status = NULL;
	}
}

/* ---- evicting ---- */

static void say_why(const char *name, const json_t *status, struct str *why)
{
	const json_t *c = condition_in(status);
	const char *message = json_str_or(c, "message", ""), *reason = json_str_or(c, "reason", "");
	bool is_false = streq(json_str_or(c, "status", ""), "False");
	long long current = (long long)json_int_or(status, "currentHealthy", 0);
	long long desired = (long long)json_int_or(status, "desiredHealthy", 0);
	if (is_false && *message && streq(reason, "SyncFailed"))
		str_addf(why,
			 "The disruption budget %s does not allow evicting pods currently because "
			 "it failed sync: %s",
			 name, message);
	else if (current <= desired)
		str_addf(why,
			 "The disruption budget %s needs %lld healthy pods and has %lld "
			 "currently",
			 name, desired, current);
	else if (is_false && *message)
		str_addf(why,
			 "The disruption budget %s does not allow evicting pods currently (%s): %s",
			 name, reason, message);
	else
		str_addf(why, "The disruption budget %s does not allow evicting pods currently",
			 name);
}

enum budget_verdict budget_take(json_t *budget, const char *pod, bool is_ready, const char *now,
				struct str *why)
{
	const char *name = json_str_or(budget, "metadata.name", "");
	json_t *status = json_object_get(budget, "status");
	int64_t allowed = json_int_or(status, "disruptionsAllowed", 0);
	int64_t desired = json_int_or(status, "desiredHealthy", 0);
	const char *policy = json_str_or(budget, "spec.unhealthyPodEvictionPolicy", "");
	if (!is_ready && (streq(policy, "AlwaysAllow") ||
			  (json_int_or(status, "currentHealthy", 0) >= desired && desired > 0)))
		return BUDGET_FREE;
	if (json_int_or(status, "observedGeneration", 0) <
	    json_int_or(budget, "metadata.generation", 0)) {
		str_addf(why, "The disruption budget %s is still being processed by the server.",
			 name);
		return BUDGET_BEHIND;
	}
	if (allowed < 0) {
		str_add(why, "pdb disruptions allowed is negative");
		return BUDGET_BROKEN;
	}
	if (json_object_size(json_object_get(status, "disruptedPods")) > BUDGET_DISRUPTED_MAX) {
		str_add(why, "DisruptedPods map too big - too many evictions not confirmed by PDB "
			     "controller");
		return BUDGET_BROKEN;
	}
	if (allowed == 0) {
		say_why(name, status, why);
		return BUDGET_SPENT;
	}
	json_put_int(status, "disruptionsAllowed", allowed - 1);
	if (allowed == 1)
		set_allowed(status, now);
	if (!json_object_get(status, "disruptedPods"))
		(void)json_object_set_new(status, "disruptedPods", json_object());
	(void)json_object_set_new(json_object_get(status, "disruptedPods"), pod, json_string(now));
	return BUDGET_TAKEN;
}
