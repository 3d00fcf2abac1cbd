/* Two JSON values, one a line: an object and any kind of patch for it. */
#include "schemas/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_patch(const json_t *target, const json_t *patch)
{
	struct error err;
	json_t *ret = NULL;
	const struct schema_type *type = schema_type_by_name("core.v1.Pod");
	if (patch_json(target, patch, &ret, &err) == 0)
		json_decref(ret);
	if (patch_merge(target, patch, &ret, &err) == 0)
		json_decref(ret);
	if (patch_strategic(NULL, target, patch, &ret, &err) == 0)
		json_decref(ret);
	if (patch_three_way(type, NULL, patch, target, &ret, &err) == 0)
		json_decref(ret);
	if (patch_strategic(type, target, patch, &ret, &err) < 0)
		return;
	if (schema_normalize(type, ret, NULL, &err) == 0) {
		AUTO_STR text;
		str_init(&text, 16 << 20);
		schema_print(type, ret, &text);
	}
	json_decref(ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = size ? memchr(text, '\n', size) : NULL;
	if (!end)
		return 0;
	size_t first = (size_t)(end - text);
	json_t *target = json_loadb(text, first, JSON_DECODE_ANY, NULL);
	json_t *patch = json_loadb(end + 1, size - first - 1, JSON_DECODE_ANY, NULL);
	if (target && patch)
		try_patch(target, patch);
	json_decref(target);
	json_decref(patch);
	return 0;
}
