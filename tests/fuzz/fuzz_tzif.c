/* Any bytes as a zone: refused, or it has an offset at all times and schedules have ticks in it. */
#include "common/plan/cron_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const texts[] = { "30 2 * * *", "*/7 * * * *", "0 * 29 2 *",
					     "5 0-5 1 * 3" };
	AUTO_ARENA a = { 0 };
	struct cron_zone zone;
	struct error err;
	if (cron_zone_parse(data, size, &a, &zone, &err) < 0) {
		assert(err.text[0]);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct cron_schedule s;
		int code = cron_parse(texts[i], &s, &err);
		assert(code == 0);
		int64_t at_s = -4000000000 + (int64_t)(size % 97) * 100000000;
		for (int k = 0; k < 50 && at_s != CRON_NONE; k++) {
			struct cron_span span = cron_zone_span(&zone, at_s);
			assert(span.begin_s <= at_s && at_s < span.end_s);
			int64_t next_s = cron_next(&s, &zone, 0, at_s);
			if (next_s == CRON_NONE)
				break;
			assert(next_s > at_s);
			assert(cron_previous(&s, &zone, 0, next_s) == next_s);
			at_s = next_s;
		}
	}
	return 0;
}
