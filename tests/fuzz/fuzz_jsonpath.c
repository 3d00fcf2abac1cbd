/* A path, a line end and a JSON value: refused, or something of the value. */
#include "schemas/json_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = size ? memchr(text, '\n', size) : NULL;
	struct error err;
	struct json_values found = { 0 };
	if (!end || memchr(text, '\0', (size_t)(end - text)))
		return 0;
	size_t first = (size_t)(end - text);
	json_t *value = json_loadb(end + 1, size - first - 1, JSON_DECODE_ANY, NULL);
	int code = json_path_find(text, first, value, &found, &err);
	int check = json_path_check(text, first, &err);
	assert(code < 0 || check == 0 || !value);
	for (size_t i = 0; code == 0 && i < found.count; i++) {
		AUTO_STR out;
		str_init(&out, 1 << 16);
		json_path_print(found.at[i], &out);
	}
	json_values_fini(&found);
	json_decref(value);
	return 0;
}
