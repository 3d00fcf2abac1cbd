/* Any bytes on one line: whatever the reader of bodies takes is taken, and reads the same. */
#include "common/base/jsonx.h"
#include "schemas/json_text.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_STR line;
	AUTO_JSON *sent = NULL, *written = NULL;
	struct error err;
	str_init(&line, 64 << 20);
	bool done = json_text_compact((const char *)data, size, &line);
	int code = json_text_parse((const char *)data, size, &sent, NULL, &err);
	if (!done) {
		assert(line.len == 0 && code < 0);
		return 0;
	}
	assert(!strpbrk(line.data, "\n\r\t"));
	if (code == 0) {
		int again = json_text_parse(line.data, line.len, &written, NULL, &err);
		assert(again == 0 && json_equal(sent, written));
	}
	AUTO_STR second;
	str_init(&second, 64 << 20);
	bool same = json_text_compact(line.data, line.len, &second);
	assert(same && second.len == line.len && memcmp(second.data, line.data, line.len) == 0);
	return 0;
}
