/* The exit status as SPDY and WebSocket clients read it. */
#include "nodeagent/exec_end.h"
#include "tests/support/check.h"

static void check(bool is_spdy, int code, bool is_known, size_t head, const char *text)
{
	AUTO_STR out;
	str_init(&out, 4096);
	exec_status_frame(is_spdy, code, is_known, &out);
	const unsigned char *bytes = (const unsigned char *)out.data;
	size_t len;
	if (is_spdy) {
		CHECK_INT(bytes[3], 1); /* the error stream */
		CHECK_INT(bytes[4], 1); /* and nothing after it */
		len = (size_t)bytes[6] << 8 | bytes[7];
		CHECK_INT((int64_t)out.len, (int64_t)(len + head));
	} else {
		CHECK_INT(bytes[0], 0x82);
		len = bytes[1] == 126 ? (size_t)bytes[2] << 8 | bytes[3] : bytes[1];
		len--; /* the channel */
		CHECK_INT(bytes[head - 1], 3);
		CHECK_INT((int64_t)out.len, (int64_t)(len + head + 4)); /* and a close */
	}
	auto_free char *json = xstrndup(out.data + head, len);
	AUTO_JSON *status = NULL;
	struct error err;
	CHECK_INT(json_parse(json, len, &status, &err), 0);
	CHECK_TEXT("status", json_str_or(status, "status", ""),
		   code || !is_known ? "Failure" : "Success");
	CHECK(strstr(json, text) != NULL);
}

int main(void)
{
	check(true, 0, true, 8, "Success");
	check(true, 3, true, 8, "{\"reason\":\"ExitCode\",\"message\":\"3\"}");
	check(true, 3, false, 8, "InternalError");
	check(false, 0, true, 3, "Success");
	check(false, 137, true, 5, "\"message\":\"137\"");
	return 0;
}
