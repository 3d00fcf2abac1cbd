/* Startup, liveness and readiness probes: one worker for each probe of a running container. */
#include "nodeagent/pod.h"
#include "nodeagent/probe_check.h"

#include <strings.h>

enum probe_kind { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS, PROBE_KIND_COUNT };

static const struct {
	const char *field, *shown, *kill_why;
} kinds[PROBE_KIND_COUNT] = {
	[PROBE_STARTUP] = { "startupProbe", "Startup", "startup probe" },
	[PROBE_LIVENESS] = { "livenessProbe", "Liveness", "liveness probe" },
	[PROBE_READINESS] = { "readinessProbe", "Readiness", NULL },
};

struct probe {
	struct pod *pod;
	struct container_memory *memory;
	enum probe_kind kind;
	char *id; /* of the container */
	struct loop_timer *timer;
	struct probe_check *check;
	struct runtime_call *exec;
	int successes, failures; /* in a row */
};

/* ---- life ---- */

static void probe_free(struct probe *w)
{
	loop_timer_free(w->timer);
	probe_check_cancel(w->check);
	if (w->exec)
		runtime_cancel(w->pod->agent->runtime, w->exec);
	free(w->id);
	free(w);
}

void probes_stop(struct container_memory *m)
{
	for (size_t i = 0; i < PROBE_KIND_COUNT; i++) {
		if (m->probes[i])
			probe_free(m->probes[i]);
		m->probes[i] = NULL;
	}
}

static const json_t *probe_spec(const struct probe *w)
{
	return json_object_get(pod_container_spec(w->pod, w->memory->name), kinds[w->kind].field);
}

/* ---- results ---- */

static void set_ready(struct probe *w, bool *flag, bool value)
{
	if (*flag == value)
		return;
	*flag = value;
	pod_kick(w->pod);
}

static void passed(struct probe *w, const json_t *spec)
{
	struct container_memory *m = w->memory;
	w->failures = 0;
	w->successes++;
	if (w->successes < json_int_or(spec, "successThreshold", 1))
		return;
	if (w->kind == PROBE_STARTUP)
		set_ready(w, &m->is_started, true);
	else if (w->kind == PROBE_READINESS)
		set_ready(w, &m->is_ready, true);
}

static void missed(struct probe *w, const json_t *spec, const char *why)
{
	struct container_memory *m = w->memory;
	w->successes = 0;
	w->failures++;
	pod_event(w->pod, m->name, "Warning", "Unhealthy", "%s probe failed: %s",
		  kinds[w->kind].shown, why);
	if (w->failures < json_int_or(spec, "failureThreshold", 3))
		return;
	if (w->kind == PROBE_READINESS) {
		set_ready(w, &m->is_ready, false);
	} else if (!m->kill_why) {
		m->kill_why = kinds[w->kind].kill_why;
		pod_kick(w->pod);
	}
}

static void result(struct probe *w, bool is_fine, const char *why)
{
	const json_t *spec = probe_spec(w);
	if (!spec)
		return; /* the pod is gone from the API: the end is near */
	is_fine = is_fine || w->memory->kill_why; /* it is being stopped: no more complaints */
	loop_timer_set(w->timer, MAX(json_int_or(spec, "periodSeconds", 10), (int64_t)1) * 1000);
	if (is_fine)
		passed(w, spec);
	else
		missed(w, spec, why);
}

static void on_checked(void *ctx, bool is_fine, const char *why)
{
	struct probe *w = ctx;
	w->check = NULL;
	result(w, is_fine, why);
}

static void on_exec(void *ctx, const struct cri_reply *reply)
{
	struct probe *w = ctx;
	char why[256];
	w->exec = NULL;
	if (reply->code < 0) {
		result(w, false, reply->message);
		return;
	}
	int n = (int)MIN(reply->out_len, sizeof(why) - 1);
	memcpy(why, reply->out, (size_t)n);
	why[n] = '\0';
	if (n == 0 && reply->err_len) {
		n = (int)MIN(reply->err_len, sizeof(why) - 1);
		memcpy(why, reply->err, (size_t)n);
		why[n] = '\0';
	}
	result(w, reply->exit_code == 0, why);
}

/* ---- tries ---- */

/* A number or the name of one of the container's ports. */
static uint16_t port_of(const json_t *container, const json_t *port)
{
	size_t i;
	json_t *p;
	if (json_is_integer(port))
		return (uint16_t)json_integer_value(port);
	const char *name = json_string_value(port);
	json_array_foreach (json_object_get(container, "ports"), i, p) {
		if (name && streq(json_str_or(p, "name", ""), name))
			return (uint16_t)json_int_or(p, "containerPort", 0);
	}
	return name ? (uint16_t)strtoul(name, NULL, 10) : 0;
}

static void start_exec(struct probe *w, const json_t *command, int64_t timeout_s)
{
	AUTO_ARENA a = { 0 };
	size_t i;
	json_t *each;
	const char **texts = arena_alloc(&a, json_array_size(command), sizeof(*texts));
	json_array_foreach (command, i, each) {
		texts[i] = json_string_value(each);
	}
	w->exec = runtime_start(w->pod->agent->runtime,
				&(struct cri_request){ .op = CRI_EXEC_SYNC,
						       .id = w->id,
						       .command = { texts, i },
						       .timeout_s = timeout_s },
				on_exec, w);
}

void probe_target_make(struct pod *p, const json_t *container, const json_t *handler,
		       int64_t timeout_ms, struct arena *a, struct probe_target *ret)
{
	struct pod_context context;
	const json_t *http = json_object_get(handler, "httpGet"),
		     *tcp = json_object_get(handler, "tcpSocket"),
		     *grpc = json_object_get(handler, "grpc");
	pod_context_make(p, a, &context);
	const json_t *from = http ? http : tcp ? tcp : grpc;
	const char *host = json_str(from, "host");
	bool is_https = strcasecmp(json_str_or(http, "scheme", "HTTP"), "HTTPS") == 0;
	*ret = (struct probe_target){
		.method = http  ? (is_https ? PROBE_HTTPS : PROBE_HTTP)
			  : tcp ? PROBE_TCP
				: PROBE_GRPC,
		.address = host && host[0] && !grpc ? host : context.pod_ip,
		.port = port_of(container, json_object_get(from, "port")),
		.path = json_str_or(http, "path", "/"),
		.service = json_str_or(grpc, "service", ""),
		.headers = json_object_get(http, "httpHeaders"),
		.timeout_ms = timeout_ms,
	};
}

static void start_check(struct probe *w, const json_t *spec, const json_t *container,
			int64_t timeout_s)
{
	AUTO_ARENA a = { 0 };
	struct probe_target target;
	probe_target_make(w->pod, container, spec, timeout_s * 1000, &a, &target);
	w->check = probe_check_start(w->pod->agent->loop, &target, on_checked, w);
}

static void on_due(void *ctx)
{
	struct probe *w = ctx;
	const json_t *spec = probe_spec(w);
	const json_t *container = pod_container_spec(w->pod, w->memory->name);
	int64_t timeout_s = MAX(json_int_or(spec, "timeoutSeconds", 1), (int64_t)1);
	if (!spec)
		return;
	/* The others wait for the startup probe; after it, that one is done. */
	bool has_startup = json_object_get(container, "startupProbe") != NULL;
	if (w->kind != PROBE_STARTUP && has_startup && !w->memory->is_started) {
		loop_timer_set(w->timer, 200);
		return;
	}
	if (w->kind == PROBE_STARTUP && w->memory->is_started)
		return;
	const json_t *command = json_dig(spec, "exec.command");
	if (command)
		start_exec(w, command, timeout_s);
	else
		start_check(w, spec, container, timeout_s);
}

/* ---- which ---- */

static void probe_new(struct pod *p, struct container_memory *m, enum probe_kind kind,
		      const struct view_instance *v, const json_t *spec)
{
	struct probe *w = xcalloc(1, sizeof(*w));
	*w = (struct probe){ .pod = p, .memory = m, .kind = kind, .id = xstrdup(v->id) };
	w->timer = loop_timer_new(p->agent->loop, on_due, w);
	int64_t delay_ms = json_int_or(spec, "initialDelaySeconds", 0) * 1000;
	int64_t at_ms = v->started_ns / 1000000 + delay_ms - agent_now_ms(p->agent);
	loop_timer_set(w->timer, MAX(at_ms, (int64_t)0));
	m->probes[kind] = w;
}

void probes_sync(struct pod *p)
{
	for (size_t i = 0; i < p->memory_count; i++) {
		struct container_memory *m = &p->memory[i];
		const struct view_instance *v = view_nth(p, m->name, 0);
		const json_t *container = pod_container_spec(p, m->name);
		if (!v || v->state != INSTANCE_RUNNING || !container) {
			probes_stop(m);
			continue;
		}
		for (int k = 0; k < PROBE_KIND_COUNT; k++) {
			const json_t *spec = json_object_get(container, kinds[k].field);
			if (m->probes[k] && !streq(m->probes[k]->id, v->id)) {
				probe_free(m->probes[k]);
				m->probes[k] = NULL;
			}
			if (spec && !m->probes[k])
				probe_new(p, m, (enum probe_kind)k, v, spec);
		}
	}
}
