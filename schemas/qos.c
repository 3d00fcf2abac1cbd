#include "schemas/qos.h"

#include "common/base/jsonx.h"
#include "schemas/quantity.h"

static const char *const names[] = { "cpu", "memory" };

struct sums {
	/* In thousandths; amounts of 0 count as none. */
	int64_t requests[ARRAY_LEN(names)], limits[ARRAY_LEN(names)];
	bool has_all_limits;
};

static void add(struct sums *s, const json_t *resources)
{
	for (size_t n = 0; n < ARRAY_LEN(names); n++) {
		const char *request = json_string_value(json_at(resources, "requests", names[n]));
		const char *limit = json_string_value(json_at(resources, "limits", names[n]));
		int64_t most = limit ? MAX(quantity_milli(limit), (int64_t)0) : 0;
		/* Who asks for nothing asks for the limit: that is the default. */
		s->requests[n] += request ? MAX(quantity_milli(request), (int64_t)0) : most;
		s->limits[n] += most;
		s->has_all_limits &= most > 0;
	}
}

const char *pod_qos_class(const json_t *spec)
{
	static const char *const lists[] = { "containers", "initContainers" };
	const json_t *own = json_object_get(spec, "resources");
	struct sums s = { .has_all_limits = true };
	if (own)
		add(&s, own);
	for (size_t l = 0; l < ARRAY_LEN(lists) && !own; l++) {
		const json_t *list = json_object_get(spec, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++)
			add(&s, json_object_get(json_array_get(list, i), "resources"));
	}
	bool any = false, are_equal = true;
	for (size_t n = 0; n < ARRAY_LEN(names); n++) {
		any |= s.requests[n] || s.limits[n];
		are_equal &= s.requests[n] == s.limits[n];
	}
	return !any ? "BestEffort" : s.has_all_limits && are_equal ? "Guaranteed" : "Burstable";
}
