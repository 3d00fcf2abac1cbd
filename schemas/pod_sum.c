#include "schemas/pod_sum.h"

#include "common/base/jsonx.h"

static int64_t amount_of(const json_t *container, const char *which, const char *name)
{
	const json_t *amounts = json_at(container, "resources", which);
	const char *text = json_string_value(json_object_get(amounts, name));
	return text ? MAX(quantity_milli(text), (int64_t)0) : 0;
}

static int64_t plus(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

int64_t pod_resource_sum(const json_t *spec, const char *which, const char *name)
{
	const json_t *mains = json_object_get(spec, "containers");
	const json_t *inits = json_object_get(spec, "initContainers");
	int64_t sum = 0, beside = 0, most = 0;
	for (size_t i = 0; i < json_array_size(mains); i++)
		sum = plus(sum, amount_of(json_array_get(mains, i), which, name));
	for (size_t i = 0; i < json_array_size(inits); i++) {
		const json_t *one = json_array_get(inits, i);
		int64_t amount = plus(beside, amount_of(one, which, name));
		if (streq(json_str_or(one, "restartPolicy", ""), "Always")) {
			sum = plus(sum, amount - beside);
			beside = amount;
		}
		most = MAX(most, amount);
	}
	return MAX(sum, most);
}

bool pod_has_resource(const char *name)
{
	return streq(name, "cpu") || streq(name, "memory") || starts_with(name, "hugepages-");
}

void pod_resource_text(const char *name, int64_t milli, char out[QUANTITY_TEXT_SIZE])
{
	if (streq(name, "cpu"))
		quantity_from_milli(milli, out);
	else
		quantity_from_bytes(milli / 1000, out);
}
