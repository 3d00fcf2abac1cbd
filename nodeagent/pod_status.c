#include "nodeagent/pod_status.h"

#include "common/base/time_text.h"
#include "nodeagent/pod_plan.h"
#include "schemas/qos.h"

#define NS_PER_US 1000
#define NAMES_MAX 4096

/* ---- phase ---- */

static bool any_running(const struct pod_facts *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->containers[i].now.state == INSTANCE_RUNNING)
			return true;
	return false;
}

static bool all_succeeded(const struct pod_facts *f)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct container_facts *c = &f->containers[i];
		if (c->kind == CONTAINER_SIDECAR)
			continue;
		if (c->now.state != INSTANCE_EXITED || c->now.exit_code != 0)
			return false;
	}
	return true;
}

static bool never_ran(const struct container_facts *c)
{
	return c->now.state == INSTANCE_NONE ||
	       (c->now.state == INSTANCE_CREATED && c->before.state == INSTANCE_NONE);
}

const char *pod_phase(const struct pod_facts *f)
{
	if (f->was_terminal)
		return json_str_or(f->object, "status.phase", "Failed");
	if (f->failed_reason)
		return "Failed";
	bool has_ended = f->is_deleted && f->sandbox != SANDBOX_READY && !any_running(f);
	if (has_ended || pod_is_finished(f))
		return all_succeeded(f) ? "Succeeded" : "Failed";
	if (!pod_is_initialized(f))
		return "Pending";
	for (size_t i = 0; i < f->count; i++)
		if (f->containers[i].kind == CONTAINER_APP && never_ran(&f->containers[i]))
			return "Pending";
	return "Running";
}

/* ---- containers ---- */

static json_t *time_of_ns(int64_t ns)
{
	char text[TIME_TEXT_SIZE];
	if (ns <= 0)
		return json_null();
	time_format(ns / NS_PER_US, text);
	return json_string(text);
}

static json_t *container_id(const struct instance *i)
{
	auto_free char *id = xasprintf("containerd://%s", i->id ? i->id : "");
	return json_string(id);
}

static json_t *terminated(const struct instance *i)
{
	const char *reason = i->reason && i->reason[0] ? i->reason
			     : i->exit_code == 0       ? "Completed"
						       : "Error";
	json_t *t = json_object();
	json_put_int(t, "exitCode", i->exit_code);
	json_put_str(t, "reason", reason);
	if (i->message && i->message[0])
		json_put_str(t, "message", i->message);
	json_put(t, "startedAt", time_of_ns(i->started_ns));
	json_put(t, "finishedAt", time_of_ns(i->finished_ns));
	json_put(t, "containerID", container_id(i));
	json_t *state = json_object();
	json_put(state, "terminated", t);
	return state;
}

static json_t *waiting(const char *reason, const char *message)
{
	json_t *w = json_object();
	json_put_str(w, "reason", reason);
	if (message && message[0])
		json_put_str(w, "message", message);
	json_t *state = json_object();
	json_put(state, "waiting", w);
	return state;
}

static json_t *running(const struct instance *i)
{
	json_t *state = json_object();
	json_put(state, "running", json_object());
	json_put(state, "running.startedAt", time_of_ns(i->started_ns));
	return state;
}

static json_t *crash_loop(const struct pod_facts *f, const struct container_facts *c)
{
	int64_t span_s = pod_backoff_ms(c) / 1000;
	auto_free char *span = span_s < 60 ? xasprintf("%llds", (long long)span_s)
					   : xasprintf("%lldm%llds", (long long)span_s / 60,
						       (long long)span_s % 60);
	auto_free char *message =
		xasprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)", span, c->name,
			  json_str_or(f->object, "metadata.name", ""),
			  json_str_or(f->object, "metadata.namespace", ""),
			  json_str_or(f->object, "metadata.uid", ""));
	return waiting("CrashLoopBackOff", message);
}

static bool is_over(const struct pod_facts *f, const struct container_facts *c)
{
	return f->is_deleted || f->failed_reason || f->was_terminal || pod_is_finished(f) ||
	       !pod_restarts(f, c);
}

/* The present state; `ret_last` is the one before it, or NULL. */
static json_t *container_state(const struct pod_facts *f, const struct container_facts *c,
			       json_t **ret_last)
{
	bool in_backoff = c->now.state == INSTANCE_EXITED &&
			  c->now.finished_ns / 1000000 + pod_backoff_ms(c) > f->now_ms;
	*ret_last = c->before.state == INSTANCE_EXITED ? terminated(&c->before) : NULL;
	switch (c->now.state) {
	case INSTANCE_RUNNING:
		return running(&c->now);
	case INSTANCE_EXITED:
		if (is_over(f, c) || (!c->wait_reason && !in_backoff))
			return terminated(&c->now);
		json_decref(*ret_last);
		*ret_last = terminated(&c->now);
		return c->wait_reason ? waiting(c->wait_reason, c->wait_message) : crash_loop(f, c);
	case INSTANCE_CREATED:
	case INSTANCE_NONE:
		break;
	}
	if (c->wait_reason)
		return waiting(c->wait_reason, c->wait_message);
	if (f->wait_reason)
		return waiting(f->wait_reason, f->wait_message);
	bool has_init = f->count > 0 && f->containers[0].kind != CONTAINER_APP;
	return waiting(has_init && (c->kind != CONTAINER_APP || !pod_is_initialized(f))
			       ? "PodInitializing"
			       : "ContainerCreating",
		       c->wait_message);
}

static bool container_is_ready(const struct container_facts *c)
{
	if (c->kind == CONTAINER_INIT)
		return c->now.state == INSTANCE_EXITED && c->now.exit_code == 0;
	return c->now.state == INSTANCE_RUNNING && c->is_ready;
}

/* What was said of the end of a container that the runtime has forgotten since: of a pod that goes
 * nothing newer is known, and an end is final. */
static json_t *said_of_end(const struct pod_facts *f, const struct container_facts *c)
{
	const json_t *list =
		json_dig(f->object, c->kind == CONTAINER_APP ? "status.containerStatuses"
							     : "status.initContainerStatuses");
	size_t i;
	json_t *said;
	if (c->now.state != INSTANCE_NONE || !f->is_deleted)
		return NULL;
	json_array_foreach (list, i, said) {
		if (streq(json_str_or(said, "name", ""), c->name) &&
		    json_dig(said, "state.terminated"))
			return said;
	}
	return NULL;
}

static json_t *container_status(const struct pod_facts *f, const struct container_facts *c)
{
	json_t *said = said_of_end(f, c);
	if (said)
		return json_incref(said);
	json_t *s = json_object(), *last;
	bool exists = c->now.state != INSTANCE_NONE;
	json_put_str(s, "name", c->name);
	json_put(s, "state", container_state(f, c, &last));
	json_put(s, "lastState", last ? last : json_object());
	json_put_bool(s, "ready", container_is_ready(c));
	json_put_int(s, "restartCount", c->now.attempt);
	json_put_str(s, "image",
		     exists && c->now.image && c->now.image[0] ? c->now.image
							       : json_str_or(c->spec, "image", ""));
	json_put_str(s, "imageID", exists && c->now.image_ref ? c->now.image_ref : "");
	if (exists)
		json_put(s, "containerID", container_id(&c->now));
	json_put_bool(s, "started", c->now.state == INSTANCE_RUNNING && c->is_started);
	return s;
}

static void put_containers(const struct pod_facts *f, json_t *status)
{
	json_t *init = json_array(), *apps = json_array();
	for (size_t i = 0; i < f->count; i++)
		json_array_append_new(f->containers[i].kind == CONTAINER_APP ? apps : init,
				      container_status(f, &f->containers[i]));
	if (json_array_size(init))
		json_put(status, "initContainerStatuses", init);
	else
		json_decref(init);
	json_put(status, "containerStatuses", apps);
}

/* ---- conditions ---- */

static json_t *find_condition(const json_t *status, const char *type)
{
	return json_find(json_object_get(status, "conditions"), "type", type);
}

static void put_condition(const struct pod_facts *f, json_t *list, const char *type, bool is_true,
			  const char *reason, const char *message)
{
	const json_t *old = find_condition(json_object_get(f->object, "status"), type);
	const char *status = is_true ? "True" : "False";
	json_t *c = json_object();
	json_put_str(c, "type", type);
	json_put_str(c, "status", status);
	json_put_int(c, "observedGeneration", json_int_or(f->object, "metadata.generation", 0));
	json_put(c, "lastProbeTime", json_null());
	json_t *since = json_object_get(old, "lastTransitionTime");
	if (old && streq(json_str_or(old, "status", ""), status) && json_is_string(since))
		json_put(c, "lastTransitionTime", json_incref(since));
	else
		json_put(c, "lastTransitionTime", time_of_ns(f->now_ms * 1000000));
	if (reason)
		json_put_str(c, "reason", reason);
	if (message && message[0])
		json_put_str(c, "message", message);
	json_array_append_new(list, c);
}

/* "containers with unready status: [a b]" */
static bool list_unready(const struct pod_facts *f, bool is_init, struct str *out)
{
	bool any = false;
	str_add(out, is_init ? "containers with incomplete status: ["
			     : "containers with unready status: [");
	for (size_t i = 0; i < f->count; i++) {
		const struct container_facts *c = &f->containers[i];
		bool counts = is_init ? c->kind != CONTAINER_APP : c->kind != CONTAINER_INIT;
		bool is_fine = is_init && c->kind == CONTAINER_SIDECAR
				       ? c->now.state == INSTANCE_RUNNING && c->is_started
				       : container_is_ready(c);
		if (!counts || is_fine)
			continue;
		str_addf(out, "%s%s", any ? " " : "", c->name);
		any = true;
	}
	str_add(out, "]");
	return any;
}

static bool gates_hold(const struct pod_facts *f, struct str *why)
{
	size_t i;
	json_t *gate;
	json_array_foreach (json_dig(f->object, "spec.readinessGates"), i, gate) {
		const char *type = json_str_or(gate, "conditionType", "");
		const json_t *c = find_condition(json_object_get(f->object, "status"), type);
		const char *status = json_str_or(c, "status", "");
		if (streq(status, "True"))
			continue;
		if (!c)
			str_addf(why,
				 "corresponding condition of pod readiness gate \"%s\" does "
				 "not exist.",
				 type);
		else
			str_addf(why,
				 "the status of pod readiness gate \"%s\" is not \"True\", "
				 "but %s",
				 type, status);
		return false;
	}
	return true;
}

bool pod_condition_is_ours(const char *type)
{
	static const char *const ours[] = { "PodReadyToStartContainers", "Initialized", "Ready",
					    "ContainersReady", "PodScheduled" };
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (streq(type, ours[i]))
			return true;
	return false;
}

static void put_conditions(const struct pod_facts *f, json_t *status, const char *phase)
{
	json_t *list = json_array();
	AUTO_STR init_why, why, gate_why;
	str_init(&init_why, NAMES_MAX);
	str_init(&why, NAMES_MAX);
	str_init(&gate_why, NAMES_MAX);
	(void)list_unready(f, true, &init_why);
	bool all_ready = !list_unready(f, false, &why) && f->count > 0;
	bool has_ended = streq(phase, "Succeeded") || streq(phase, "Failed");
	const char *ended = streq(phase, "Succeeded") ? "PodCompleted" : "PodFailed";
	bool initialized = streq(phase, "Succeeded") || pod_is_initialized(f);
	bool ready = all_ready && !has_ended;

	put_condition(f, list, "PodReadyToStartContainers", f->sandbox == SANDBOX_READY, NULL,
		      NULL);
	put_condition(f, list, "Initialized", initialized,
		      streq(phase, "Succeeded") ? "PodCompleted"
		      : initialized             ? NULL
						: "ContainersNotInitialized",
		      initialized ? NULL : init_why.data);
	const char *reason = ready ? NULL : has_ended ? ended : "ContainersNotReady";
	const char *message = ready || has_ended ? NULL : why.data;
	if (ready && !gates_hold(f, &gate_why))
		put_condition(f, list, "Ready", false, "ReadinessGatesNotReady", gate_why.data);
	else
		put_condition(f, list, "Ready", ready, reason, message);
	put_condition(f, list, "ContainersReady", ready, reason, message);
	put_condition(f, list, "PodScheduled", true, NULL, NULL);

	size_t i;
	json_t *c;
	json_array_foreach (json_dig(f->object, "status.conditions"), i, c) {
		if (!pod_condition_is_ours(json_str_or(c, "type", "")))
			json_array_append(list, c);
	}
	json_put(status, "conditions", list);
}

/* ---- the whole ---- */

static void put_addresses(const struct pod_facts *f, json_t *status, const char *host_ip)
{
	bool is_on_host = json_bool_or(f->object, "spec.hostNetwork", false);
	if (host_ip) {
		json_put_str(status, "hostIP", host_ip);
		json_put(status, "hostIPs", json_pack("[{s:s}]", "ip", host_ip));
	}
	if (is_on_host && host_ip && f->sandbox == SANDBOX_READY) {
		json_put_str(status, "podIP", host_ip);
		json_put(status, "podIPs", json_pack("[{s:s}]", "ip", host_ip));
	} else if (!is_on_host && f->ips_count > 0) {
		json_t *list = json_array();
		for (size_t i = 0; i < f->ips_count; i++)
			json_array_append_new(list, json_pack("{s:s}", "ip", f->ips[i]));
		json_put_str(status, "podIP", f->ips[0]);
		json_put(status, "podIPs", list);
	}
}

json_t *pod_status_make(const struct pod_facts *f, const char *host_ip)
{
	const json_t *old = json_object_get(f->object, "status");
	/* What ended before we came is reported as it was. */
	if (f->was_terminal && old)
		return json_deep_copy(old);
	json_t *status = json_object();
	const char *phase = pod_phase(f);
	json_put_int(status, "observedGeneration",
		     json_int_or(f->object, "metadata.generation", 0));
	json_put_str(status, "phase", phase);
	put_conditions(f, status, phase);
	if (f->failed_reason)
		json_put_str(status, "reason", f->failed_reason);
	if (f->failed_reason && f->failed_message)
		json_put_str(status, "message", f->failed_message);
	put_addresses(f, status, host_ip);
	if (f->start_ms > 0)
		json_put(status, "startTime", time_of_ns(f->start_ms * 1000000));
	put_containers(f, status);
	/* It is said once, by the server. */
	const char *class = json_str(f->object, "status.qosClass");
	json_put_str(status, "qosClass",
		     class ? class : pod_qos_class(json_object_get(f->object, "spec")));
	return status;
}
