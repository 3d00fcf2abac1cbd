#include "controller/scheduler/scheduler_plan.h"

#include "common/base/jsonx.h"

bool sched_tolerates(const json_t *toleration, const json_t *taint)
{
	const char *effect = json_str_or(toleration, "effect", "");
	const char *key = json_str_or(toleration, "key", "");
	if (*effect && !streq(effect, json_str_or(taint, "effect", "")))
		return false;
	if (*key && !streq(key, json_str_or(taint, "key", "")))
		return false;
	const char *operator= json_str_or(toleration, "operator", "Equal");
	if (streq(operator, "Exists"))
		return true;
	return *key && streq(json_str_or(toleration, "value", ""), json_str_or(taint, "value", ""));
}

const json_t *sched_untolerated(const json_t *tolerations, const json_t *taints,
				bool (*counts)(const char *effect))
{
	size_t i, k;
	json_t *taint, *toleration;
	json_array_foreach (taints, i, taint) {
		bool is_tolerated = !counts(json_str_or(taint, "effect", ""));
		json_array_foreach (tolerations, k, toleration)
			is_tolerated = is_tolerated || sched_tolerates(toleration, taint);
		if (!is_tolerated)
			return taint;
	}
	return NULL;
}

static bool is_listed(const json_t *values, const char *value)
{
	size_t i;
	json_t *v;
	json_array_foreach (values, i, v) {
		if (json_is_string(v) && streq(json_string_value(v), value))
			return true;
	}
	return false;
}

static bool requirement_holds(const json_t *r, const char *value)
{
	const char *operator= json_str_or(r, "operator", "");
	const json_t *values = json_object_get(r, "values");
	if (streq(operator, "In"))
		return value && is_listed(values, value);
	if (streq(operator, "NotIn"))
		return !value || !is_listed(values, value);
	if (streq(operator, "Exists"))
		return value != NULL;
	if (streq(operator, "DoesNotExist"))
		return value == NULL;
	const char *bound = json_string_value(json_array_get(values, 0));
	if (!value || !bound)
		return false;
	char *end;
	long long number = strtoll(value, &end, 10);
	if (end == value || *end)
		return false;
	long long limit = strtoll(bound, NULL, 10);
	return streq(operator, "Gt") ? number > limit : number < limit;
}

/* All expressions and fields of one term; an empty term matches nothing. */
static bool term_holds(const json_t *term, const struct sched_node *node)
{
	const json_t *expressions = json_object_get(term, "matchExpressions");
	const json_t *fields = json_object_get(term, "matchFields");
	size_t i;
	json_t *r;
	if (json_array_size(expressions) + json_array_size(fields) == 0)
		return false;
	json_array_foreach (expressions, i, r) {
		if (!requirement_holds(r, json_member_str(node->labels, json_str_or(r, "key", ""))))
			return false;
	}
	json_array_foreach (fields, i, r) {
		bool is_name = streq(json_str_or(r, "key", ""), "metadata.name");
		if (!requirement_holds(r, is_name ? node->name : NULL))
			return false;
	}
	return true;
}

bool sched_matches_affinity(const json_t *pod_spec, const struct sched_node *node)
{
	const char *name;
	json_t *value;
	json_object_foreach (json_dig(pod_spec, "nodeSelector"), name, value) {
		const char *have = json_member_str(node->labels, name);
		if (!have || !streq(have, json_is_string(value) ? json_string_value(value) : ""))
			return false;
	}
	const json_t *required = json_dig(
		pod_spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
	if (!required)
		return true;
	size_t i;
	json_t *term;
	json_array_foreach (json_object_get(required, "nodeSelectorTerms"), i, term) {
		if (term_holds(term, node))
			return true;
	}
	return false;
}

int64_t sched_preferred_weight(const json_t *pod_spec, const struct sched_node *node)
{
	int64_t weight = 0;
	size_t i;
	json_t *p;
	json_array_foreach (
		json_dig(pod_spec,
			 "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution"),
		i, p) {
		if (term_holds(json_object_get(p, "preference"), node))
			weight += json_int_or(p, "weight", 0);
	}
	return weight;
}

/* Node status writes images in full; manifests often leave registry, folder and tag out. */
static bool is_same_image(const char *wanted, const char *present)
{
	size_t n = strlen(wanted), k = strlen(present);
	bool is_tagged = strchr(strrchr(wanted, '/') ? strrchr(wanted, '/') : wanted, ':') != NULL;
	if (!is_tagged) {
		const char *latest = ":latest";
		size_t l = strlen(latest);
		if (k <= l || !streq(present + k - l, latest))
			return false;
		k -= l;
	}
	if (k < n || strncmp(present + k - n, wanted, n) != 0)
		return false;
	return k == n || present[k - n - 1] == '/';
}

/* Smaller ones are pulled in no time: to save that must not outweigh an even spread. Kubernetes'
 * ImageLocality has the same bound. */
#define IMAGE_MIN_BYTES (23ll << 20)

static bool has_image(const char *wanted, const json_t *images)
{
	size_t i, k;
	json_t *image, *name;
	json_array_foreach (images, i, image) {
		if (json_int_or(image, "sizeBytes", 0) < IMAGE_MIN_BYTES)
			continue;
		json_array_foreach (json_object_get(image, "names"), k, name) {
			if (json_is_string(name) && is_same_image(wanted, json_string_value(name)))
				return true;
		}
	}
	return false;
}

bool sched_has_images(const json_t *pod_spec, const json_t *images)
{
	size_t i;
	json_t *container;
	json_array_foreach (json_object_get(pod_spec, "containers"), i, container) {
		if (!has_image(json_str_or(container, "image", ""), images))
			return false;
	}
	return true;
}
