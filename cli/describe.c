#include "cli/describe.h"
#include "cli/apply_plan.h"
#include "common/base/time_text.h"
#include "schemas/schema.h"

#define LABEL_COLUMNS 20
#define VALUE_MAX     (1u << 20)

void describe_line(const struct description *d, size_t indent, const char *label, const char *value)
{
	size_t width = strlen(label) + 1;
	str_addf(d->out, "%*s%s:", (int)indent, "", label);
	for (size_t i = width; i < MAX(width + 1, LABEL_COLUMNS - MIN(indent, LABEL_COLUMNS)); i++)
		str_add_char(d->out, ' ');
	str_addf(d->out, "%s\n", value && *value ? value : "<none>");
}

static void line_at(const struct description *d, size_t indent, const char *label,
		    const json_t *object, const char *path)
{
	const json_t *value = json_dig(object, path);
	AUTO_STR text;
	str_init(&text, VALUE_MAX);
	if (!value || json_is_null(value))
		return;
	if (json_is_string(value))
		str_add(&text, json_string_value(value));
	else
		json_print(value, &text);
	describe_line(d, indent, label, text.data);
}

static void add_map(const struct description *d, size_t indent, const char *label,
		    const json_t *map)
{
	const char *name;
	json_t *value;
	bool is_first = true;
	json_object_foreach ((json_t *)(uintptr_t)map, name, value) {
		if (streq(name, LAST_APPLIED))
			continue;
		const char *text = json_string_value(value);
		auto_free char *pair = xasprintf("%s=%s", name, text ? text : "");
		if (is_first)
			describe_line(d, indent, label, pair);
		else
			str_addf(d->out, "%*s%s\n", LABEL_COLUMNS, "", pair);
		is_first = false;
	}
	if (is_first)
		describe_line(d, indent, label, NULL);
}

static void line_age(const struct description *d, size_t indent, const char *label,
		     const char *time)
{
	int64_t us;
	char age[TIME_TEXT_SIZE];
	if (!time || !time_parse(time, &us))
		return;
	time_format_age(d->now_s - us / 1000000, age);
	auto_free char *text = xasprintf("%s (%s ago)", time, age);
	describe_line(d, indent, label, text);
}

void describe_head(const struct description *d, const char *kind, const json_t *object)
{
	const json_t *owners = json_dig(object, "metadata.ownerReferences");
	const json_t *finalizers = json_dig(object, "metadata.finalizers");
	describe_line(d, 0, "Name", json_str(object, "metadata.name"));
	line_at(d, 0, "Namespace", object, "metadata.namespace");
	describe_line(d, 0, "Kind", kind);
	line_age(d, 0, "Created", json_str(object, "metadata.creationTimestamp"));
	line_age(d, 0, "Deleted", json_str(object, "metadata.deletionTimestamp"));
	add_map(d, 0, "Labels", json_dig(object, "metadata.labels"));
	add_map(d, 0, "Annotations", json_dig(object, "metadata.annotations"));
	for (size_t i = 0; i < json_array_size(owners); i++) {
		const json_t *o = json_array_get(owners, i);
		auto_free char *text =
			xasprintf("%s/%s", json_str_or(o, "kind", ""), json_str_or(o, "name", ""));
		describe_line(d, 0,
			      json_bool_or(o, "controller", false) ? "Controlled by" : "Owner",
			      text);
	}
	for (size_t i = 0; i < json_array_size(finalizers); i++)
		describe_line(d, 0, "Finalizer", json_string_value(json_array_get(finalizers, i)));
}

/* ---- containers ---- */

static void add_yaml(const struct description *d, size_t indent, const json_t *tree)
{
	AUTO_STR text;
	str_init(&text, VALUE_MAX);
	yaml_print(tree, &text);
	char *rest = text.data;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (*line)
			str_addf(d->out, "%*s%s\n", (int)indent, "", line);
}

static void add_part(const struct description *d, size_t indent, const char *label,
		     const json_t *tree)
{
	if (!tree || (json_is_object(tree) && json_object_size(tree) == 0) ||
	    (json_is_array(tree) && json_array_size(tree) == 0))
		return;
	str_addf(d->out, "%*s%s:\n", (int)indent, "", label);
	add_yaml(d, indent + 2, tree);
}

static void add_state(const struct description *d, size_t indent, const char *label,
		      const json_t *state)
{
	const json_t *waiting = json_object_get(state, "waiting");
	const json_t *running = json_object_get(state, "running");
	const json_t *ended = json_object_get(state, "terminated");
	AUTO_STR text;
	str_init(&text, VALUE_MAX);
	if (waiting)
		str_addf(&text, "Waiting (%s) %s", json_str_or(waiting, "reason", ""),
			 json_str_or(waiting, "message", ""));
	else if (running)
		str_addf(&text, "Running since %s", json_str_or(running, "startedAt", "?"));
	else if (ended)
		str_addf(&text, "Terminated (%s), exit code %lld, %s to %s %s",
			 json_str_or(ended, "reason", ""),
			 (long long)json_int_or(ended, "exitCode", 0),
			 json_str_or(ended, "startedAt", "?"),
			 json_str_or(ended, "finishedAt", "?"), json_str_or(ended, "message", ""));
	if (text.len)
		describe_line(d, indent, label, text.data);
}

static const json_t *status_of(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (streq(json_str_or(json_array_get(list, i), "name", ""), name))
			return json_array_get(list, i);
	return NULL;
}

static void add_container(const struct description *d, size_t indent, const json_t *c,
			  const json_t *status)
{
	static const struct {
		const char *label, *path;
	} parts[] = { { "Command", "command" },
		      { "Arguments", "args" },
		      { "Ports", "ports" },
		      { "Limits", "resources.limits" },
		      { "Requests", "resources.requests" },
		      { "Startup probe", "startupProbe" },
		      { "Readiness probe", "readinessProbe" },
		      { "Liveness probe", "livenessProbe" },
		      { "Environment", "env" },
		      { "Environment from", "envFrom" },
		      { "Mounts", "volumeMounts" } };
	str_addf(d->out, "%*s%s:\n", (int)indent, "", json_str_or(c, "name", "?"));
	line_at(d, indent + 2, "Image", c, "image");
	if (status) {
		line_at(d, indent + 2, "Container ID", status, "containerID");
		add_state(d, indent + 2, "State", json_object_get(status, "state"));
		add_state(d, indent + 2, "Last state", json_object_get(status, "lastState"));
		line_at(d, indent + 2, "Ready", status, "ready");
		line_at(d, indent + 2, "Restarts", status, "restartCount");
	}
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		add_part(d, indent + 2, parts[i].label, json_dig(c, parts[i].path));
}

static void add_containers(const struct description *d, const char *label, const json_t *list,
			   const json_t *statuses, size_t indent)
{
	if (json_array_size(list) == 0)
		return;
	str_addf(d->out, "%*s%s:\n", (int)indent, "", label);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		add_container(d, indent + 2, c, status_of(statuses, json_str_or(c, "name", "")));
	}
}

void describe_containers(const struct description *d, const json_t *spec, const json_t *status,
			 size_t indent)
{
	add_containers(d, "Init containers", json_object_get(spec, "initContainers"),
		       json_object_get(status, "initContainerStatuses"), indent);
	add_containers(d, "Containers", json_object_get(spec, "containers"),
		       json_object_get(status, "containerStatuses"), indent);
	add_part(d, indent, "Volumes", json_object_get(spec, "volumes"));
}

/* ---- kinds ---- */

static void body_pod(const struct description *d, const json_t *o)
{
	AUTO_STR state;
	str_init(&state, 4096);
	(void)ready_pod(o, &state, NULL); /* the text says it */
	line_at(d, 0, "Node", o, "spec.nodeName");
	line_at(d, 0, "Address", o, "status.podIP");
	line_at(d, 0, "Phase", o, "status.phase");
	describe_line(d, 0, "State", state.data);
	line_at(d, 0, "Message", o, "status.message");
	line_at(d, 0, "Service account", o, "spec.serviceAccountName");
	line_at(d, 0, "Quality", o, "status.qosClass");
	line_at(d, 0, "Node selector", o, "spec.nodeSelector");
	describe_containers(d, json_dig(o, "spec"), json_dig(o, "status"), 0);
	add_part(d, 0, "Tolerations", json_dig(o, "spec.tolerations"));
}

static void body_workload(const struct description *d, const json_t *o)
{
	line_at(d, 0, "Replicas wanted", o, "spec.replicas");
	line_at(d, 0, "Replicas updated", o, "status.updatedReplicas");
	line_at(d, 0, "Replicas available", o, "status.availableReplicas");
	line_at(d, 0, "Completions", o, "spec.completions");
	line_at(d, 0, "Parallelism", o, "spec.parallelism");
	line_at(d, 0, "Succeeded", o, "status.succeeded");
	line_at(d, 0, "Failed", o, "status.failed");
	line_at(d, 0, "Strategy", o, "spec.strategy.type");
	add_map(d, 0, "Selector", json_dig(o, "spec.selector.matchLabels"));
	str_add(d->out, "Pod template:\n");
	add_map(d, 2, "Labels", json_dig(o, "spec.template.metadata.labels"));
	describe_containers(d, json_dig(o, "spec.template.spec"), NULL, 2);
}

static void body_service(const struct description *d, const json_t *o)
{
	const json_t *ports = json_dig(o, "spec.ports");
	line_at(d, 0, "Type", o, "spec.type");
	line_at(d, 0, "Cluster IP", o, "spec.clusterIP");
	line_at(d, 0, "External name", o, "spec.externalName");
	add_map(d, 0, "Selector", json_dig(o, "spec.selector"));
	for (size_t i = 0; i < json_array_size(ports); i++) {
		const json_t *p = json_array_get(ports, i);
		AUTO_STR text;
		str_init(&text, 4096);
		str_addf(&text, "%s %lld/%s", json_str_or(p, "name", "<unnamed>"),
			 (long long)json_int_or(p, "port", 0), json_str_or(p, "protocol", "TCP"));
		if (json_object_get(p, "targetPort")) {
			str_add(&text, " to port ");
			json_print(json_object_get(p, "targetPort"), &text);
		}
		if (json_int_or(p, "nodePort", 0))
			str_addf(&text, ", on nodes %lld",
				 (long long)json_int_or(p, "nodePort", 0));
		describe_line(d, 0, "Port", text.data);
	}
}

static void body_node(const struct description *d, const json_t *o)
{
	const json_t *addresses = json_dig(o, "status.addresses");
	for (size_t i = 0; i < json_array_size(addresses); i++) {
		const json_t *a = json_array_get(addresses, i);
		describe_line(d, 0, json_str_or(a, "type", "Address"), json_str(a, "address"));
	}
	line_at(d, 0, "Pod addresses", o, "spec.podCIDR");
	line_at(d, 0, "Unschedulable", o, "spec.unschedulable");
	add_part(d, 0, "Taints", json_dig(o, "spec.taints"));
	add_part(d, 0, "Capacity", json_dig(o, "status.capacity"));
	add_part(d, 0, "Allocatable", json_dig(o, "status.allocatable"));
	add_part(d, 0, "System", json_dig(o, "status.nodeInfo"));
}

static void body_config(const struct description *d, const json_t *o)
{
	add_part(d, 0, "Data", json_dig(o, "data"));
	add_map(d, 0, "Binary data", json_dig(o, "binaryData"));
}

/* Names and sizes: not what is secret. */
static void body_secret(const struct description *d, const json_t *o)
{
	const char *name;
	json_t *value;
	line_at(d, 0, "Type", o, "type");
	str_add(d->out, "Data:\n");
	json_object_foreach ((json_t *)(uintptr_t)json_dig(o, "data"), name, value) {
		const char *text = json_string_value(value);
		size_t n = text ? strlen(text) : 0;
		size_t padding = n && text[n - 1] == '=' ? 1u + (n > 1 && text[n - 2] == '=') : 0;
		auto_free char *size = xasprintf("%zu bytes", n / 4 * 3 - MIN(padding, n / 4 * 3));
		describe_line(d, 2, name, size);
	}
}

static void body_other(const struct description *d, const json_t *o)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)o, name, value)
		if (!streq(name, "metadata") && !streq(name, "kind") && !streq(name, "apiVersion"))
			add_part(d, 0, name, value);
}

void describe_body(const struct description *d, const char *kind, const json_t *object)
{
	static const struct {
		const char *kind;
		void (*body)(const struct description *d, const json_t *o);
	} bodies[] = { { "Pod", body_pod },
		       { "Deployment", body_workload },
		       { "ReplicaSet", body_workload },
		       { "StatefulSet", body_workload },
		       { "DaemonSet", body_workload },
		       { "Job", body_workload },
		       { "Service", body_service },
		       { "Node", body_node },
		       { "ConfigMap", body_config },
		       { "Secret", body_secret } };
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		if (streq(bodies[i].kind, kind)) {
			bodies[i].body(d, object);
			return;
		}
	body_other(d, object);
}

void describe_conditions(const struct description *d, const json_t *object)
{
	const json_t *list = json_dig(object, "status.conditions");
	if (json_array_size(list) == 0)
		return;
	str_add(d->out, "Conditions:\n");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		AUTO_STR text;
		str_init(&text, 65536);
		str_addf(&text, "%-8s %s", json_str_or(c, "status", ""),
			 json_str_or(c, "reason", ""));
		if (*json_str_or(c, "message", ""))
			str_addf(&text, ": %s", json_str_or(c, "message", ""));
		describe_line(d, 2, json_str_or(c, "type", "?"), text.data);
	}
}
