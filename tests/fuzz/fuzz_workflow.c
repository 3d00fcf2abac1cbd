// link: cli client io
/* Any text as a workflow: refused with the file's name and a line, or it is played to its end. */
#include "cli/simulate_workflow_show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = { 0 };
	struct workflow_shown w = { .path = "f", .workers = 1 + (uint32_t)(size % 3) };
	struct error err;
	if (workflow_file_parse("f", (const char *)data, size, &a, &w.file, &err) < 0) {
		assert(starts_with(err.text, "f:"));
		return 0;
	}
	/* What would take minutes rather than tell something: lists of millions, retries by the thousand. */
	uint64_t attempts = 0;
	for (size_t s = 0; s < w.file.definition.steps_count; s++)
		attempts += (1 + (uint64_t)w.file.fates[s].items) *
			    (1 + (uint64_t)w.file.definition.steps[s].retry.count);
	for (size_t s = 0; s < w.file.definition.steps_count; s++)
		if (w.file.definition.steps[s].is_sensor &&
		    w.file.fates[s].time_us / MAX(w.file.definition.steps[s].poke_us, 1) > 1000)
			return 0;
	if (attempts > 20000)
		return 0;
	if (workflow_shown_play(&w, size, &a, &err) < 0) {
		assert(starts_with(err.text, "f:"));
		return 0;
	}
	AUTO_STR out;
	str_init(&out, 64u << 20);
	workflow_show_text(&w, size % 200, size % 2, size % 3, &out);
	workflow_show_json(&w, &out);
	assert(w.played.result != WORKFLOW_ACTIVE);
	free(w.played.bars);
	return 0;
}
