/* Any text as a CronJob's schedule and as its zone: refused with words that stay within their bound. */
#include "schemas/cron_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	AUTO_STR why;
	str_init(&why, CRON_TEXT_WHY_MAX(strlen(text)));
	bool is_good = cron_text_check(text, &why);
	assert(str_ok(&why) && is_good == (why.len == 0));
	(void)cron_text_is_zone(text); /* asked for its reads only */
	return 0;
}
