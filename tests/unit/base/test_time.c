/* Times as texts. */
#include "common/base/time_text.h"

#include "tests/support/check.h"

static const struct {
	const char *rfc3339, *http;
} rows[] = {
	{ "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT" },
	{ "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT" },
	{ "1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 GMT" },
	{ "2000-02-29T12:00:00Z", "Tue, 29 Feb 2000 12:00:00 GMT" },
	{ "2026-11-25T20:00:00+01:00", "Wed, 25 Nov 2026 19:00:00 GMT" },
	{ "9999-12-31T23:59:59Z", "Fri, 31 Dec 9999 23:59:59 GMT" },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t us;
		char text[TIME_TEXT_SIZE];
		CHECK(time_parse(rows[i].rfc3339, &us));
		time_format_http(us, text);
		CHECK_TEXT(rows[i].rfc3339, text, rows[i].http);
	}
	return 0;
}
