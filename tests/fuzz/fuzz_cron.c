/* Any text as a schedule: refused with words, or its ticks go on in order, forwards and back. */
#include "common/plan/cron_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	struct cron_schedule s;
	struct error err;
	char zone[CRON_ZONE_NAME_MAX];
	if (cron_parse_zoned(text, &s, zone, &err) < 0) {
		assert(err.code == ERR_INVALID && err.text[0]);
		return 0;
	}
	int64_t at_s = 1700000000 + (int64_t)size * 86400;
	for (int i = 0; i < 20; i++) {
		int64_t next_s = cron_next(&s, NULL, 0, at_s);
		assert(next_s != CRON_NONE && next_s > at_s);
		assert(cron_previous(&s, NULL, 0, next_s) == next_s);
		assert(cron_previous(&s, NULL, 0, next_s - 1) <= at_s);
		at_s = next_s;
	}
	return 0;
}
