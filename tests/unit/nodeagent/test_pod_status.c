/* pod_status: phase, container states and conditions from facts. */
#include "nodeagent/pod_status.h"
#include "tests/support/check.h"

#define NOW_MS 1764547200000

static json_t *parse(const char *text)
{
	json_t *tree;
	struct error err;
	CHECK_INT(json_parse(text, strlen(text), &tree, &err), 0);
	return tree;
}

static const char *condition(const json_t *status, const char *type, const char *member)
{
	size_t i;
	json_t *c;
	json_array_foreach (json_object_get(status, "conditions"), i, c) {
		if (streq(json_str_or(c, "type", ""), type))
			return json_str_or(c, member, "");
	}
	return "(none)";
}

static struct container_facts app(enum instance_state state, int exit_code)
{
	return (struct container_facts){
		.name = "web",
		.kind = CONTAINER_APP,
		.now = { .state = state,
			 .exit_code = exit_code,
			 .is_in_sandbox = true,
			 .id = "abc",
			 .attempt = 2,
			 .started_ns = (NOW_MS - 5000) * 1000000,
			 .finished_ns = (NOW_MS - 1000) * 1000000 },
		.is_started = state == INSTANCE_RUNNING,
		.is_ready = state == INSTANCE_RUNNING,
		.streak = 2,
	};
}

static void test_states(json_t *pod)
{
	static const struct {
		const char *name;
		enum pod_restart restart;
		enum instance_state state;
		int exit_code;
		const char *phase, *path, *want, *ready;
	} table[] = {
		{ "running", POD_RESTART_ALWAYS, INSTANCE_RUNNING, 0, "Running",
		  "running.startedAt", "2025-11-30T23:59:55Z", "True" },
		{ "created", POD_RESTART_ALWAYS, INSTANCE_NONE, 0, "Pending", "waiting.reason",
		  "ContainerCreating", "False" },
		{ "crash loop", POD_RESTART_ALWAYS, INSTANCE_EXITED, 1, "Running", "waiting.reason",
		  "CrashLoopBackOff", "False" },
		{ "succeeded", POD_RESTART_NEVER, INSTANCE_EXITED, 0, "Succeeded",
		  "terminated.reason", "Completed", "False" },
		{ "failed", POD_RESTART_NEVER, INSTANCE_EXITED, 3, "Failed", "terminated.reason",
		  "Error", "False" },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct container_facts c = app(table[i].state, table[i].exit_code);
		struct pod_facts f = { .object = pod,
				       .restart = table[i].restart,
				       .sandbox = SANDBOX_READY,
				       .containers = &c,
				       .count = 1,
				       .now_ms = NOW_MS,
				       .are_volumes_ready = true };
		AUTO_JSON *s = pod_status_make(&f, "192.0.2.1");
		json_t *state = json_object_get(
			json_array_get(json_object_get(s, "containerStatuses"), 0), "state");
		CHECK_TEXT(table[i].name, json_str_or(s, "phase", ""), table[i].phase);
		CHECK_TEXT(table[i].name, json_str_or(state, table[i].path, ""), table[i].want);
		CHECK_TEXT(table[i].name, condition(s, "Ready", "status"), table[i].ready);
		CHECK_TEXT(table[i].name, condition(s, "Other", "status"), "True"); /* kept */
		CHECK_TEXT(table[i].name, condition(s, "PodScheduled", "lastTransitionTime"),
			   "2020-01-01T00:00:00Z");
	}
}

int main(void)
{
	AUTO_JSON *pod = parse(
		"{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\",\"generation\":4},"
		"\"spec\":{\"containers\":[{\"name\":\"web\"}]},\"status\":{\"conditions\":["
		"{\"type\":\"Other\",\"status\":\"True\"},{\"type\":\"PodScheduled\","
		"\"status\":\"True\",\"lastTransitionTime\":\"2020-01-01T00:00:00Z\"}]}}");
	test_states(pod);
	return 0;
}
