/* Traces of jobs, SWF and CSV, and the machine of --servers; what is read is replayed, too. */
// link: cli
#include "cli/simulate_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_small(const struct trace *t, const struct machine *m)
{
	struct replay_settings s = { .queue = queue_settings_of(QUEUE_SRTF),
				     .servers = MAX(1, m->servers),
				     .places = m->places,
				     .places_count = m->places_count,
				     .resources = m->resources_count,
				     .resource_names = (const char *const *)m->names };
	struct replay_result x;
	struct replay *r = NULL;
	struct error err;
	s.queue.backfills = t->replay.count % 2;
	for (size_t i = 0; i < t->replay.requests_count; i++)
		if (!replay_can_start(&s, &t->requests[i]))
			return;
	size_t size = (replay_size(&t->replay, &s) + 63) / 64 * 64;
	void *memory = aligned_alloc(64, size);
	assert(memory);
	memset(memory, 0, size);
	if (replay_init(memory, &t->replay, &s, &r, &err) == 0) {
		while (replay_step(r, 1000))
			;
		replay_finish(r, &x);
	}
	free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const nodes[] = { "4", "64", "cpu=4,memory=8Gi;2*cpu=2,memory=4Gi" };
	struct error err;
	if (size < 2 || size > 100000)
		return 0;
	AUTO_MACHINE odd = { 0 };
	auto_free char *text = xstrndup((const char *)data, MIN(size, (size_t)200));
	if (machine_parse(text, &odd, &err) < 0)
		assert(err.text[0]);
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
		AUTO_MACHINE m = { 0 };
		AUTO_TRACE t = { 0 };
		FILE *file = fmemopen((void *)(uintptr_t)data, size, "r");
		int code = machine_parse(nodes[i], &m, &err);
		assert(file && code == 0);
		struct trace_form form = { .resources = (const char *const *)m.names,
					   .resources_count = m.resources_count,
					   .sorts = size % 2 };
		if (trace_read_file(file, i == 1 ? "x.swf" : "x", &form, &t, &err) == 0 &&
		    t.replay.count < 2000)
			replay_small(&t, &m);
		else if (t.replay.count == 0)
			assert(err.text[0]);
		fclose(file);
	}
	return 0;
}
