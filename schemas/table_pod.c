#include "schemas/cells.h"

#include <stdio.h>

#define REASON_SIZE 256

struct pod_row {
	char reason[REASON_SIZE];
	long long restarts, sidecar_restarts;
	const char *last_restart, *last_sidecar_restart; /* RFC 3339: sorts as text */
	size_t ready, total;
	bool is_initializing;
};

static void set_reason(struct pod_row *r, const char *prefix, const char *text)
{
	int n = snprintf(r->reason, sizeof r->reason, "%s%s", prefix, text);
	if (n < 0)
		r->reason[0] = '\0';
}

static void note_later(const char **latest, const char *time)
{
	if (time && (!*latest || strcmp(time, *latest) > 0))
		*latest = time;
}

static bool condition_is_true(const json_t *pod, const char *type)
{
	const json_t *list = json_dig(pod, "status.conditions");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		if (streq(json_str_or(c, "type", ""), type))
			return streq(json_str_or(c, "status", ""), "True");
	}
	return false;
}

static bool is_sidecar(const json_t *pod, const char *name)
{
	const json_t *list = json_dig(pod, "spec.initContainers");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		if (streq(json_str_or(c, "name", ""), name))
			return streq(json_str_or(c, "restartPolicy", ""), "Always");
	}
	return false;
}

/* "Error", "Signal:9", "ExitCode:1". */
static void set_terminated(struct pod_row *r, const char *prefix, const json_t *terminated)
{
	char text[64];
	const char *reason = json_str_or(terminated, "reason", "");
	long long signal = json_int_or(terminated, "signal", 0);
	if (*reason) {
		set_reason(r, prefix, reason);
		return;
	}
	int n = signal ? snprintf(text, sizeof text, "Signal:%lld", signal)
		       : snprintf(text, sizeof text, "ExitCode:%lld",
				  (long long)json_int_or(terminated, "exitCode", 0));
	assert(n > 0);
	set_reason(r, prefix, text);
}

/* True: this init container holds the pod up. */
static bool read_init(struct pod_row *r, const json_t *pod, size_t i, const json_t *status)
{
	const json_t *terminated = json_dig(status, "state.terminated");
	const char *waiting = json_str_or(status, "state.waiting.reason", "");
	const char *ended = json_str(status, "lastState.terminated.finishedAt");
	bool sidecar = is_sidecar(pod, json_str_or(status, "name", ""));
	long long restarts = json_int_or(status, "restartCount", 0);
	r->restarts += restarts;
	note_later(&r->last_restart, ended);
	if (sidecar) {
		r->sidecar_restarts += restarts;
		note_later(&r->last_sidecar_restart, ended);
	}
	if (terminated && json_int_or(terminated, "exitCode", 0) == 0)
		return false;
	if (sidecar && json_bool_or(status, "started", false)) {
		r->ready += json_bool_or(status, "ready", false);
		return false;
	}
	char text[64];
	int n = snprintf(text, sizeof text, "%zu/%zu", i,
			 json_array_size(json_dig(pod, "spec.initContainers")));
	assert(n > 0);
	if (terminated)
		set_terminated(r, "Init:", terminated);
	else if (*waiting && !streq(waiting, "PodInitializing"))
		set_reason(r, "Init:", waiting);
	else
		set_reason(r, "Init:", text);
	return true;
}

static void read_containers(struct pod_row *r, const json_t *pod)
{
	const json_t *list = json_dig(pod, "status.containerStatuses");
	bool has_running = false;
	char error[REASON_SIZE] = "";
	r->restarts = r->sidecar_restarts;
	r->last_restart = r->last_sidecar_restart;
	for (size_t i = json_array_size(list); i-- > 0;) {
		const json_t *status = json_array_get(list, i);
		const json_t *terminated = json_dig(status, "state.terminated");
		const char *waiting = json_str_or(status, "state.waiting.reason", "");
		r->restarts += json_int_or(status, "restartCount", 0);
		note_later(&r->last_restart, json_str(status, "lastState.terminated.finishedAt"));
		if (*waiting) {
			set_reason(r, "", waiting);
		} else if (terminated) {
			set_terminated(r, "", terminated);
			if (json_int_or(terminated, "exitCode", 0) != 0)
				memcpy(error, r->reason, sizeof error);
		} else if (json_bool_or(status, "ready", false) &&
			   json_dig(status, "state.running")) {
			has_running = true;
			r->ready++;
		}
	}
	if (!streq(r->reason, "Completed"))
		return;
	if (has_running && condition_is_true(pod, "Ready"))
		set_reason(r, "", "Running");
	else if (*error)
		set_reason(r, "", error);
	else if (has_running)
		set_reason(r, "", "NotReady");
}

static void read_pod(struct pod_row *r, const json_t *pod)
{
	const char *phase = json_str_or(pod, "status.phase", "");
	const char *why = json_str_or(pod, "status.reason", "");
	const json_t *conditions = json_dig(pod, "status.conditions");
	const json_t *inits = json_dig(pod, "status.initContainerStatuses");
	set_reason(r, "", *why ? why : phase);
	for (size_t i = 0; i < json_array_size(conditions); i++) {
		const json_t *c = json_array_get(conditions, i);
		if (streq(json_str_or(c, "type", ""), "PodScheduled") &&
		    streq(json_str_or(c, "reason", ""), "SchedulingGated"))
			set_reason(r, "", "SchedulingGated");
	}
	r->total = json_array_size(json_dig(pod, "spec.containers"));
	const json_t *list = json_dig(pod, "spec.initContainers");
	for (size_t i = 0; i < json_array_size(list); i++)
		r->total +=
			streq(json_str_or(json_array_get(list, i), "restartPolicy", ""), "Always");
	for (size_t i = 0; i < json_array_size(inits) && !r->is_initializing; i++)
		r->is_initializing = read_init(r, pod, i, json_array_get(inits, i));
	if (!r->is_initializing || condition_is_true(pod, "Initialized"))
		read_containers(r, pod);
	if (!json_dig(pod, "metadata.deletionTimestamp"))
		return;
	if (streq(why, "NodeLost"))
		set_reason(r, "", "Unknown");
	else if (!streq(phase, "Succeeded") && !streq(phase, "Failed"))
		set_reason(r, "", "Terminating");
}

static void cell_gates(const json_t *pod, json_t *row)
{
	const json_t *gates = json_dig(pod, "spec.readinessGates");
	size_t open = 0;
	if (json_array_size(gates) == 0) {
		cell_text(row, "<none>");
		return;
	}
	for (size_t i = 0; i < json_array_size(gates); i++)
		open += condition_is_true(
			pod, json_str_or(json_array_get(gates, i), "conditionType", ""));
	struct str text;
	str_init(&text, 64);
	str_addf(&text, "%zu/%zu", open, json_array_size(gates));
	cell_take(row, &text);
}

void table_pod(const json_t *pod, int64_t now_us, json_t *row)
{
	struct pod_row r = { 0 };
	read_pod(&r, pod);
	struct str text;
	str_init(&text, 256);
	str_addf(&text, "%zu/%zu", r.ready, r.total);
	cell_take(row, &text);
	cell_text(row, r.reason);
	str_init(&text, 256);
	str_addf(&text, "%lld", r.restarts);
	if (r.restarts && r.last_restart) {
		str_add(&text, " (");
		since_text(r.last_restart, now_us, &text);
		str_add(&text, " ago)");
	}
	cell_take(row, &text);
	cell_age(row, pod, now_us);
	const json_t *ip = json_array_get(json_dig(pod, "status.podIPs"), 0);
	cell_text_or(row, json_str(ip, "ip"), "<none>");
	cell_text_or(row, json_str(pod, "spec.nodeName"), "<none>");
	cell_text_or(row, json_str(pod, "status.nominatedNodeName"), "<none>");
	cell_gates(pod, row);
}
