/* A regular expression, a line end and a text: compiled or refused, and matched in bounded time. */
#include "common/base/str.h"
#include "schemas/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = size ? memchr(text, '\n', size) : NULL;
	struct error err;
	struct pattern *p = NULL;
	size_t first = end ? (size_t)(end - text) : size;
	if (pattern_compile(text, first, &p, &err) < 0)
		return 0;
	(void)pattern_match(p, end ? end + 1 : "", end ? size - first - 1 : 0);
	pattern_free(p);
	return 0;
}
