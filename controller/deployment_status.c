#include "controller/deployment_internal.h"

#define NO_DEADLINE INT32_MAX

static void set_condition(json_t *conditions, const char *type, const char *status,
			  const char *reason, const char *message, int64_t now_us)
{
	const struct condition c = { .type = type,
				     .status = status,
				     .reason = reason,
				     .message = message,
				     .has_update_time = true };
	const json_t *before = condition_of(conditions, type);
	/* The time of the last update moves only when something did. */
	if (before && streq(json_str_or(before, "status", ""), status) &&
	    streq(json_str_or(before, "reason", ""), reason) &&
	    streq(json_str_or(before, "message", ""), message))
		return;
	(void)condition_set(conditions, &c, now_us); /* compared as a whole later */
}

static void set_progressing(json_t *conditions, const char *status, const char *reason,
			    const char *message, int64_t now_us)
{
	set_condition(conditions, "Progressing", status, reason, message, now_us);
}

/* Progress was made again: the clock of the deadline starts anew. */
static void touch_progressing(json_t *conditions, const char *message, int64_t now_us)
{
	const struct condition c = { .type = "Progressing",
				     .status = "True",
				     .reason = "ReplicaSetUpdated",
				     .message = message,
				     .has_update_time = true };
	(void)condition_set(conditions, &c, now_us); /* compared as a whole later */
}

static struct deployment_counts counts_in(const json_t *status)
{
	return (struct deployment_counts){
		.replicas = json_int_or(status, "replicas", 0),
		.updated = json_int_or(status, "updatedReplicas", 0),
		.ready = json_int_or(status, "readyReplicas", 0),
		.available = json_int_or(status, "availableReplicas", 0),
	};
}

/* Milliseconds to the deadline; 0: it has passed. -1: it does not run. */
static int64_t deadline_in_ms(const json_t *conditions, int64_t deadline_s, int64_t now_us)
{
	const json_t *c = condition_of(conditions, "Progressing");
	if (!c)
		return -1;
	const char *reason = json_str_or(c, "reason", "");
	if (streq(reason, "ProgressDeadlineExceeded"))
		return 0;
	if (streq(reason, "NewReplicaSetAvailable") || streq(reason, "DependenciesPending") ||
	    streq(reason, "DeploymentPaused"))
		return -1;
	int64_t left_us = time_of(c, "lastUpdateTime") + deadline_s * 1000000 - now_us;
	return left_us <= 0 ? 0 : left_us / 1000 + 1;
}

static void follow_progress(const struct deployment_facts *f, json_t *conditions, int64_t now_us,
			    int64_t *ret_wake_ms)
{
	int64_t deadline_s =
		json_int_or(f->deployment, "spec.progressDeadlineSeconds", NO_DEADLINE);
	const json_t *set = deployment_new_set(f);
	const json_t *current = condition_of(conditions, "Progressing");
	const char *reason = json_str_or(current, "reason", "");
	const char *name = set ? name_of(set) : name_of(f->deployment);
	const char *what = set ? "ReplicaSet" : "Deployment";
	struct deployment_counts before = counts_in(json_object_get(f->deployment, "status"));
	AUTO_STR text;
	str_init(&text, 1024);

	if (deadline_s >= NO_DEADLINE) {
		condition_remove(conditions, "Progressing");
		return;
	}
	bool was_complete =
		f->counts.replicas == f->counts.updated && streq(reason, "NewReplicaSetAvailable");
	if (was_complete && f->want.is_complete)
		return;
	if (f->want.is_complete && set) {
		str_addf(&text, "%s \"%s\" has successfully progressed.", what, name);
		set_progressing(conditions, "True", "NewReplicaSetAvailable", text.data, now_us);
		return;
	}
	if (was_complete)
		return; /* pods fell ill after the rollout: not a matter of progress */
	if (!current || streq(reason, "DependenciesPending") ||
	    streq(reason, "DeploymentResumed") || streq(reason, "DeploymentPaused")) {
		str_addf(&text,
			 set ? "Found new replica set \"%s\"" : "Deployment \"%s\" is progressing.",
			 name);
		set_progressing(conditions, "True",
				set ? "FoundNewReplicaSet" : "ReplicaSetUpdated", text.data,
				now_us);
	} else if (deployment_is_progressing(&before, &f->counts)) {
		str_addf(&text, "%s \"%s\" is progressing.", what, name);
		touch_progressing(conditions, text.data, now_us);
	} else if (deadline_in_ms(conditions, deadline_s, now_us) == 0) {
		str_addf(&text, "%s \"%s\" has timed out progressing.", what, name);
		set_progressing(conditions, "False", "ProgressDeadlineExceeded", text.data, now_us);
		return;
	}
	*ret_wake_ms = deadline_in_ms(conditions, deadline_s, now_us);
}

static void set_dependencies(const struct deployment_facts *f, json_t *conditions, int64_t now_us)
{
	if (!f->has_dependencies) {
		condition_remove(conditions, ORDER_CONDITION);
		return;
	}
	if (!f->is_waiting) {
		set_condition(conditions, ORDER_CONDITION, "True",
			      order_gate_reason(ORDER_GATE_HOLDS), "all dependencies are ready",
			      now_us);
		return;
	}
	bool settles = f->gate == ORDER_GATE_HOLDS;
	set_condition(conditions, ORDER_CONDITION, "False",
		      order_gate_reason(settles ? ORDER_GATE_PENDING : f->gate),
		      settles && f->is_lost ? LOST_SERVES_NOBODY
		      : settles             ? "waiting a moment for changes of dependencies"
					    : f->gate_text.data,
		      now_us);
}

static void copy_failure(const struct deployment_facts *f, json_t *conditions, int64_t now_us)
{
	const json_t *found = NULL;
	for (size_t i = 0; i < f->sets.count && (!found || !f->at[i].is_new); i++) {
		const json_t *c = condition_of(json_dig(f->sets.at[i]->tree, "status.conditions"),
					       "ReplicaFailure");
		if (c && (!found || f->at[i].is_new))
			found = c;
	}
	if (found)
		set_condition(conditions, "ReplicaFailure", "True",
			      json_str_or(found, "reason", "FailedCreate"),
			      json_str_or(found, "message", ""), now_us);
	else
		condition_remove(conditions, "ReplicaFailure");
}

static json_t *make_conditions(const struct deployment_facts *f, int64_t now_us,
			       int64_t *ret_wake_ms)
{
	const json_t *before = json_dig(f->deployment, "status.conditions");
	json_t *conditions = before ? json_deep_copy(before) : json_array();
	bool is_available = f->counts.available >= f->want.replicas - f->want.max_unavailable;
	set_condition(conditions, "Available", is_available ? "True" : "False",
		      is_available ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
		      is_available ? "Deployment has minimum availability."
				   : "Deployment does not have minimum availability.",
		      now_us);
	if (f->want.is_deleting)
		return conditions;
	set_dependencies(f, conditions, now_us);
	copy_failure(f, conditions, now_us);
	const char *reason = json_str_or(condition_of(conditions, "Progressing"), "reason", "");
	if (f->is_waiting)
		set_progressing(conditions, "Unknown", "DependenciesPending",
				f->gate_text.len ? f->gate_text.data : "waiting for dependencies",
				now_us);
	else if (f->want.is_paused && !streq(reason, "ProgressDeadlineExceeded"))
		set_progressing(conditions, "Unknown", "DeploymentPaused", "Deployment is paused",
				now_us);
	else
		follow_progress(f, conditions, now_us, ret_wake_ms);
	return conditions;
}

json_t *deployment_make_status(const struct deployment_facts *f, int64_t now_us,
			       int64_t *ret_wake_ms)
{
	const struct {
		const char *name;
		int64_t value;
	} counts[] = {
		{ "replicas", f->counts.replicas },
		{ "updatedReplicas", f->counts.updated },
		{ "readyReplicas", f->counts.ready },
		{ "availableReplicas", f->counts.available },
		{ "unavailableReplicas", f->counts.unavailable },
	};
	*ret_wake_ms = -1;
	json_t *status = json_object();
	json_put_int(status, "observedGeneration",
		     json_int_or(f->deployment, "metadata.generation", 0));
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		if (counts[i].value != 0)
			json_put_int(status, counts[i].name, counts[i].value);
	const json_t *collisions = json_dig(f->deployment, "status.collisionCount");
	if (collisions)
		json_put(status, "collisionCount", json_deep_copy(collisions));
	json_put(status, "conditions", make_conditions(f, now_us, ret_wake_ms));
	return status;
}
