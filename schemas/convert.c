/*
 * Objects of two served versions that are one object in the store: Events of events.k8s.io are
 * core Events, autoscalers of autoscaling/v1 are those of v2. What the older autoscaler cannot
 * say stands in annotations, so that a write through it loses nothing.
 */
#include "common/base/jsonx.h"
#include "schemas/schema.h"

#define HPA_METRICS    "autoscaling.alpha.kubernetes.io/metrics"
#define HPA_BEHAVIOR   "autoscaling.alpha.kubernetes.io/behavior"
#define HPA_CONDITIONS "autoscaling.alpha.kubernetes.io/conditions"
#define HPA_CURRENT    "autoscaling.alpha.kubernetes.io/current-metrics"

const struct schema_kind *schema_storage(const struct schema_kind *kind)
{
	return kind->storage ? kind->storage : kind;
}

/* ---- Event: the same fields under other names ---- */

static const struct {
	const char *stored, *shown;
} event_names[] = {
	{ "involvedObject", "regarding" },
	{ "message", "note" },
	{ "source", "deprecatedSource" },
	{ "firstTimestamp", "deprecatedFirstTimestamp" },
	{ "lastTimestamp", "deprecatedLastTimestamp" },
	{ "count", "deprecatedCount" },
	{ "reportingComponent", "reportingController" },
};

static void rename_member(json_t *tree, const char *from, const char *to)
{
	json_t *value = json_object_get(tree, from);
	if (!value)
		return;
	json_object_set(tree, to, value);
	json_object_del(tree, from);
}

static void convert_event(json_t *tree, bool to_storage)
{
	for (size_t i = 0; i < ARRAY_LEN(event_names); i++)
		rename_member(tree, to_storage ? event_names[i].shown : event_names[i].stored,
			      to_storage ? event_names[i].stored : event_names[i].shown);
}

char *schema_stored_label(const struct schema_kind *kind, const char *label)
{
	if (!kind->storage || kind->custom || !streq(kind->kind, "Event"))
		return xstrdup(label);
	for (size_t i = 0; i < ARRAY_LEN(event_names); i++) {
		size_t n = strlen(event_names[i].shown);
		bool is_it = strncmp(label, event_names[i].shown, n) == 0 &&
			     (label[n] == '.' || !label[n]);
		if (is_it)
			return xasprintf("%s%s", event_names[i].stored, label + n);
	}
	return xstrdup(label);
}

/* ---- HorizontalPodAutoscaler ---- */

/* True for what targetCPUUtilizationPercentage says. */
static bool is_cpu_share(const json_t *metric)
{
	return streq(json_str_or(metric, "type", ""), "Resource") &&
	       streq(json_str_or(metric, "resource.name", ""), "cpu") &&
	       (json_dig(metric, "resource.target.averageUtilization") ||
		json_dig(metric, "resource.current.averageUtilization"));
}

static void keep_as_text(json_t *tree, const char *name, const json_t *value)
{
	if (!value || (json_is_array(value) && json_array_size(value) == 0))
		return;
	AUTO_STR text;
	str_init(&text, 1 << 20);
	json_print_sorted(value, &text);
	json_t *annotations = json_dig(tree, "metadata.annotations");
	if (!annotations) {
		annotations = json_object();
		json_put(tree, "metadata.annotations", annotations);
	}
	json_object_set_new(annotations, name, json_string(text.data));
}

/* What keep_as_text() put there; NULL: nothing. The annotation goes. */
static json_t *take_text(json_t *tree, const char *name)
{
	json_t *annotations = json_dig(tree, "metadata.annotations");
	const char *text = json_member_str(annotations, name);
	json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
	if (!text)
		return NULL;
	json_object_del(annotations, name);
	if (json_object_size(annotations) == 0)
		json_object_del(json_object_get(tree, "metadata"), "annotations");
	return value;
}

/* The share of the CPU out of a list of metrics, and the rest of the list. */
static json_t *split_cpu(json_t *list, const char *value_path, json_t **ret_rest)
{
	json_t *share = NULL, *rest = json_array(), *metric;
	size_t i;
	json_array_foreach (list, i, metric) {
		if (!share && is_cpu_share(metric))
			share = json_incref(json_dig(metric, value_path));
		else
			json_array_append(rest, metric);
	}
	*ret_rest = rest;
	return share;
}

static void autoscaler_to_old(json_t *tree)
{
	json_t *spec = json_object_get(tree, "spec"), *status = json_object_get(tree, "status");
	json_t *rest;
	json_t *share = split_cpu(json_object_get(spec, "metrics"),
				  "resource.target.averageUtilization", &rest);
	if (share)
		json_object_set_new(spec, "targetCPUUtilizationPercentage", share);
	keep_as_text(tree, HPA_METRICS, rest);
	keep_as_text(tree, HPA_BEHAVIOR, json_object_get(spec, "behavior"));
	json_decref(rest);
	share = split_cpu(json_object_get(status, "currentMetrics"),
			  "resource.current.averageUtilization", &rest);
	if (share)
		json_object_set_new(status, "currentCPUUtilizationPercentage", share);
	keep_as_text(tree, HPA_CURRENT, rest);
	keep_as_text(tree, HPA_CONDITIONS, json_object_get(status, "conditions"));
	json_decref(rest);
	json_object_del(spec, "metrics");
	json_object_del(spec, "behavior");
	json_object_del(status, "currentMetrics");
	json_object_del(status, "conditions");
}

/* The list with the share of the CPU in front, where there is one. */
static json_t *join_cpu(json_t *share, const char *member, json_t *take_rest)
{
	json_t *list = json_is_array(take_rest) ? take_rest : json_array();
	if (take_rest && list != take_rest)
		json_decref(take_rest);
	if (!share)
		return list;
	json_t *metric = json_pack("{s:s,s:{s:s}}", "type", "Resource", "resource", "name", "cpu");
	json_t *value = json_object();
	if (streq(member, "target"))
		json_put_str(value, "type", "Utilization");
	json_object_set(value, "averageUtilization", share);
	json_object_set_new(json_object_get(metric, "resource"), member, value);
	json_array_insert_new(list, 0, metric);
	return list;
}

static void put_list(json_t *into, const char *name, json_t *take_list)
{
	if (into && json_array_size(take_list) > 0)
		json_object_set(into, name, take_list);
	json_decref(take_list);
}

static void autoscaler_to_new(json_t *tree)
{
	json_t *spec = json_object_get(tree, "spec"), *status = json_object_get(tree, "status");
	json_t *behavior = take_text(tree, HPA_BEHAVIOR);
	json_t *conditions = take_text(tree, HPA_CONDITIONS);
	put_list(spec, "metrics",
		 join_cpu(json_object_get(spec, "targetCPUUtilizationPercentage"), "target",
			  take_text(tree, HPA_METRICS)));
	put_list(status, "currentMetrics",
		 join_cpu(json_object_get(status, "currentCPUUtilizationPercentage"), "current",
			  take_text(tree, HPA_CURRENT)));
	if (spec && json_is_object(behavior))
		json_object_set(spec, "behavior", behavior);
	if (status && json_is_array(conditions))
		json_object_set(status, "conditions", conditions);
	json_decref(behavior);
	json_decref(conditions);
	json_object_del(spec, "targetCPUUtilizationPercentage");
	json_object_del(status, "currentCPUUtilizationPercentage");
}

/* ---- either ---- */

static void set_version(const struct schema_kind *kind, json_t *tree)
{
	AUTO_STR version;
	str_init(&version, 512);
	schema_api_version(kind, &version);
	json_put_str(tree, "apiVersion", version.data);
	json_put_str(tree, "kind", kind->kind);
}

/* Versions of a custom kind say the same in the same fields (strategy None): what the other version
 * does not describe goes. */
static void convert_custom(const struct schema_kind *kind, json_t *tree)
{
	struct error err;
	set_version(kind, tree);
	/* What does not fit the other version's schema stays as it is; validation will name it. */
	int code = schema_normalize(kind->type, tree, NULL, &err);
	(void)code;
}

void schema_to_storage(const struct schema_kind *kind, json_t *tree)
{
	if (!kind->storage)
		return;
	if (kind->custom) {
		schema_default(kind, tree);
		convert_custom(kind->storage, tree);
		return;
	}
	if (streq(kind->kind, "Event"))
		convert_event(tree, true);
	else
		autoscaler_to_new(tree);
	set_version(kind->storage, tree);
}

void schema_from_storage(const struct schema_kind *kind, json_t *tree)
{
	struct error err;
	if (kind->custom)
		convert_custom(kind, tree); /* another version may have been the stored one */
	if (kind->custom || !kind->storage)
		return;
	if (streq(kind->kind, "Event"))
		convert_event(tree, false);
	else
		autoscaler_to_old(tree);
	set_version(kind, tree);
	int code = schema_normalize(kind->type, tree, NULL, &err);
	assert(code == 0); /* it was good under its other name */
	(void)code;
}
