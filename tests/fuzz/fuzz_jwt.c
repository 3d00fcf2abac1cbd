// link: apiserver io
/* A bearer token as a stranger sends it. */
#include "apiserver/jwt.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	struct error err;
	AUTO_JWT t = { 0 };
	if (jwt_parse(text, &t, &err) < 0)
		return 0;
	assert(json_is_object(t.header) && json_is_object(t.claims));
	assert(t.signed_len < strlen(text));
	if (jwt_check_times(t.claims, 1000, &err) == 0)
		(void)jwt_is_for(t.claims, "a");
	return 0;
}
