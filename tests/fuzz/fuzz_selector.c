/* Label and field selectors as text, matched against labels; times and durations. */
#include "common/base/selector.h"
#include "common/base/time_text.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	struct error err;
	struct selector s = { 0 };
	json_t *labels = json_pack("{s:s,s:s}", "app", "web", "tier", "");
	if (selector_parse(text, &s, &err) == 0)
		(void)selector_matches_json(&s, labels);
	selector_fini(&s);
	if (field_selector_parse(text, &s, &err) == 0)
		(void)selector_matches_json(&s, labels);
	selector_fini(&s);
	json_decref(labels);
	int64_t us;
	char out[TIME_TEXT_SIZE];
	if (time_parse(text, &us)) {
		int64_t again;
		time_format_micro(us, out);
		assert(time_parse(out, &again) && again == us);
	}
	(void)duration_parse(text, &us);
	return 0;
}
