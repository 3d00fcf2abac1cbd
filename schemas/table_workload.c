/* Rows of what runs pods: ReplicationController, StatefulSet, DaemonSet, CronJob and so on. */
#include "schemas/cells.h"

static void cell_template(const json_t *tree, const char *containers, json_t *row)
{
	cell_containers(row, json_dig(tree, containers));
}

static void cell_of(json_t *row, int64_t part, int64_t whole)
{
	struct str text;
	str_init(&text, 64);
	str_addf(&text, "%lld/%lld", (long long)part, (long long)whole);
	cell_take(row, &text);
}

void table_deployment(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_of(row, json_int_or(tree, "status.readyReplicas", 0),
		json_int_or(tree, "spec.replicas", 0));
	cell_int(row, json_int_or(tree, "status.updatedReplicas", 0));
	cell_int(row, json_int_or(tree, "status.availableReplicas", 0));
	cell_age(row, tree, now_us);
	cell_template(tree, "spec.template.spec.containers", row);
	cell_selector(row, json_dig(tree, "spec.selector"), "");
}

static void replicas(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_int(row, json_int_or(tree, "spec.replicas", 0));
	cell_int(row, json_int_or(tree, "status.replicas", 0));
	cell_int(row, json_int_or(tree, "status.readyReplicas", 0));
	cell_age(row, tree, now_us);
	cell_template(tree, "spec.template.spec.containers", row);
}

void table_replicaset(const json_t *tree, int64_t now_us, json_t *row)
{
	replicas(tree, now_us, row);
	cell_selector(row, json_dig(tree, "spec.selector"), "");
}

void table_replication_controller(const json_t *tree, int64_t now_us, json_t *row)
{
	replicas(tree, now_us, row);
	cell_labels(row, json_dig(tree, "spec.selector"));
}

void table_statefulset(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_of(row, json_int_or(tree, "status.readyReplicas", 0),
		json_int_or(tree, "spec.replicas", 0));
	cell_age(row, tree, now_us);
	cell_template(tree, "spec.template.spec.containers", row);
}

void table_daemonset(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_int(row, json_int_or(tree, "status.desiredNumberScheduled", 0));
	cell_int(row, json_int_or(tree, "status.currentNumberScheduled", 0));
	cell_int(row, json_int_or(tree, "status.numberReady", 0));
	cell_int(row, json_int_or(tree, "status.updatedNumberScheduled", 0));
	cell_int(row, json_int_or(tree, "status.numberAvailable", 0));
	cell_labels(row, json_dig(tree, "spec.template.spec.nodeSelector"));
	cell_age(row, tree, now_us);
	cell_template(tree, "spec.template.spec.containers", row);
	cell_selector(row, json_dig(tree, "spec.selector"), "");
}

void table_cronjob(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_text(row, json_str_or(tree, "spec.schedule", ""));
	cell_text_or(row, json_str(tree, "spec.timeZone"), "<none>");
	cell_text(row, json_bool_or(tree, "spec.suspend", false) ? "True" : "False");
	cell_int(row, (int64_t)json_array_size(json_dig(tree, "status.active")));
	const char *last = json_str(tree, "status.lastScheduleTime");
	if (last)
		cell_since(row, last, now_us);
	else
		cell_text(row, "<none>");
	cell_age(row, tree, now_us);
	cell_template(tree, "spec.jobTemplate.spec.template.spec.containers", row);
	cell_selector(row, json_dig(tree, "spec.jobTemplate.spec.selector"), "<none>");
}

void table_pod_template(const json_t *tree, int64_t now_us, json_t *row)
{
	(void)now_us;
	cell_template(tree, "template.spec.containers", row);
	cell_labels(row, json_dig(tree, "template.metadata.labels"));
}

void table_revision(const json_t *tree, int64_t now_us, json_t *row)
{
	const json_t *owners = json_dig(tree, "metadata.ownerReferences");
	const json_t *owner = NULL;
	for (size_t i = 0; i < json_array_size(owners) && !owner; i++)
		if (json_bool_or(json_array_get(owners, i), "controller", false))
			owner = json_array_get(owners, i);
	struct str text;
	str_init(&text, 4096);
	if (owner) {
		const char *version = json_str_or(owner, "apiVersion", "");
		const char *slash = strchr(version, '/');
		cell_add_lower(&text, json_str_or(owner, "kind", ""));
		if (slash)
			str_addf(&text, ".%.*s", (int)(slash - version), version);
		str_addf(&text, "/%s", json_str_or(owner, "name", ""));
	} else {
		str_add(&text, "<none>");
	}
	cell_take(row, &text);
	cell_int(row, json_int_or(tree, "revision", 0));
	cell_age(row, tree, now_us);
}

/* A number or a percentage; "N/A" where absent. */
static void cell_budget(const json_t *value, json_t *row)
{
	if (json_is_string(value)) {
		cell_text(row, json_string_value(value));
	} else if (json_is_integer(value)) {
		struct str text;
		str_init(&text, 32);
		str_addf(&text, "%lld", (long long)json_integer_value(value));
		cell_take(row, &text);
	} else {
		cell_text(row, "N/A");
	}
}

void table_budget(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_budget(json_dig(tree, "spec.minAvailable"), row);
	cell_budget(json_dig(tree, "spec.maxUnavailable"), row);
	cell_int(row, json_int_or(tree, "status.disruptionsAllowed", 0));
	cell_age(row, tree, now_us);
}

/* ---- HorizontalPodAutoscaler ---- */

/* What a metric is measured at and wanted at: "80%", "10" or "<unknown>". */
static void add_measure(const json_t *metric, const char *const *names, struct str *out)
{
	for (size_t i = 0; names[i]; i++) {
		const json_t *value = json_object_get(metric, names[i]);
		if (json_is_integer(value)) {
			str_addf(out, "%lld%%", (long long)json_integer_value(value));
			return;
		}
		if (json_is_string(value)) {
			str_add(out, json_string_value(value));
			return;
		}
	}
	str_add(out, "<unknown>");
}

static const json_t *source_of(const json_t *metric)
{
	static const char *const names[] = { "resource", "pods", "object", "external",
					     "containerResource" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (json_object_get(metric, names[i]))
			return json_object_get(metric, names[i]);
	return NULL;
}

/* The one metric of autoscaling/v1. */
static void add_cpu(const json_t *target, const json_t *current, struct str *out)
{
	str_add(out, "cpu: ");
	if (current)
		str_addf(out, "%lld%%", (long long)json_integer_value(current));
	else
		str_add(out, "<unknown>");
	str_addf(out, "/%lld%%", (long long)json_integer_value(target));
}

static void add_targets(const json_t *tree, struct str *out)
{
	static const char *const measures[] = { "averageUtilization", "averageValue", "value",
						NULL };
	static const size_t shown = 2;
	const json_t *specs = json_dig(tree, "spec.metrics");
	const json_t *now = json_dig(tree, "status.currentMetrics");
	size_t count = json_array_size(specs);
	const json_t *percent = json_dig(tree, "spec.targetCPUUtilizationPercentage");
	if (percent)
		add_cpu(percent, json_dig(tree, "status.currentCPUUtilizationPercentage"), out);
	else if (count == 0)
		str_add(out, "<none>");
	for (size_t i = 0; i < count && i < shown; i++) {
		const json_t *spec = json_array_get(specs, i);
		const json_t *source = source_of(spec);
		const char *label = json_str(source, "name");
		str_add(out, i ? ", " : "");
		if (label && (json_object_get(spec, "resource") ||
			      json_object_get(spec, "containerResource")))
			str_addf(out, "%s: ", label);
		const json_t *current = json_at(source_of(json_array_get(now, i)), "current");
		add_measure(current, measures, out);
		str_add_char(out, '/');
		add_measure(json_at(source, "target"), measures, out);
	}
	if (count > shown)
		str_addf(out, " + %zu more...", count - shown);
}

void table_autoscaler(const json_t *tree, int64_t now_us, json_t *row)
{
	struct str text;
	str_init(&text, 4096);
	str_addf(&text, "%s/%s", json_str_or(tree, "spec.scaleTargetRef.kind", ""),
		 json_str_or(tree, "spec.scaleTargetRef.name", ""));
	cell_take(row, &text);
	str_init(&text, 4096);
	add_targets(tree, &text);
	cell_take(row, &text);
	const json_t *least = json_dig(tree, "spec.minReplicas");
	str_init(&text, 32);
	if (least)
		str_addf(&text, "%lld", (long long)json_integer_value(least));
	else
		str_add(&text, "<unset>");
	cell_take(row, &text);
	cell_int(row, json_int_or(tree, "spec.maxReplicas", 0));
	cell_int(row, json_int_or(tree, "status.currentReplicas", 0));
	cell_age(row, tree, now_us);
}
