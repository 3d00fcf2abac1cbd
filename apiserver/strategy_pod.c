#include "apiserver/strategy_pod.h"

#include "common/base/jsonx.h"
#include "schemas/qos.h"

static void add_keys(json_t *term, const char *keys, const char *operator, const json_t * labels)
{
	json_t *selector = json_object_get(term, "labelSelector"), *key;
	size_t i;
	json_array_foreach (json_object_get(term, keys), i, key) {
		json_t *value = json_object_get(labels, json_string_value(key));
		json_t *list = json_object_get(selector, "matchExpressions");
		if (!selector || !value)
			continue;
		if (!list) {
			list = json_array();
			json_object_set_new(selector, "matchExpressions", list);
		}
		json_array_append_new(list, json_pack("{s:O, s:s, s:[O]}", "key", key,
						      "operator", operator, "values", value));
	}
}

static void add_both(json_t *term, const json_t *labels)
{
	add_keys(term, "matchLabelKeys", "In", labels);
	add_keys(term, "mismatchLabelKeys", "NotIn", labels);
}

static json_t *first_status(const json_t *spec, const char *now)
{
	json_t *status = json_pack("{s:s}", "phase", "Pending");
	if (json_array_size(json_object_get(spec, "schedulingGates")))
		json_object_set_new(status, "conditions",
				    json_pack("[{s:s, s:s, s:s, s:s, s:s}]", "type", "PodScheduled",
					      "status", "False", "lastTransitionTime", now,
					      "reason", "SchedulingGated", "message",
					      "Scheduling is blocked due to non-empty "
					      "scheduling gates"));
	json_object_set_new(status, "qosClass", json_string(pod_qos_class(spec)));
	return status;
}

void strategy_create_pod(json_t *pod, const char *now)
{
	static const char *const kinds[] = { "podAffinity", "podAntiAffinity" };
	json_t *spec = json_object_get(pod, "spec"), *one;
	const json_t *labels = json_dig(pod, "metadata.labels");
	size_t i;
	json_object_set_new(pod, "status", first_status(spec, now));
	if (json_int_or(spec, "terminationGracePeriodSeconds", 0) < 0)
		json_put_int(spec, "terminationGracePeriodSeconds", 1);
	json_array_foreach (json_object_get(spec, "topologySpreadConstraints"), i, one)
		add_keys(one, "matchLabelKeys", "In", labels);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		json_t *terms = json_at(spec, "affinity", kinds[k]);
		json_array_foreach (
			json_object_get(terms, "requiredDuringSchedulingIgnoredDuringExecution"), i,
			one)
			add_both(one, labels);
		json_array_foreach (
			json_object_get(terms, "preferredDuringSchedulingIgnoredDuringExecution"),
			i, one)
			add_both(json_object_get(one, "podAffinityTerm"), labels);
	}
}
