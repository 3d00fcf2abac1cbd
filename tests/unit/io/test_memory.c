/* What was freed is given back when it has become quiet, also where a few blocks that are used stand
 * between; and again after the next burst. */
#include "common/base/base.h"
#include "common/io/loop_sim.h"
#include "common/io/memory.h"
#include "tests/support/check.h"

#include <stdio.h>

#define BLOCKS     16384
#define BLOCK_SIZE 1024
#define KEPT_EVERY 64 /* one block of so many stays */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_GLIBC false /* a sanitizer's malloc keeps what is free */
#else
#define IS_GLIBC true
#endif

static long resident_kb(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	CHECK(f && fscanf(f, "%*s %ld", &pages) == 1);
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* A burst that leaves holes: sixteen megabytes, of which a sixty-fourth is kept. */
static void burst(char *kept[BLOCKS / KEPT_EVERY])
{
	char **all = xcalloc(BLOCKS, sizeof *all);
	for (size_t i = 0; i < BLOCKS; i++) {
		all[i] = xcalloc(1, BLOCK_SIZE);
		memset(all[i], 1, BLOCK_SIZE);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		if (i % KEPT_EVERY == KEPT_EVERY - 1)
			kept[i / KEPT_EVERY] = all[i];
		else
			free(all[i]);
	free(all);
}

int main(void)
{
	char *kept[2][BLOCKS / KEPT_EVERY];
	if (!IS_GLIBC)
		return 0;
	memory_keep_small();
	memory_reuse_large();
	struct loop *loop = loop_sim_new(1, 0);
	struct memory_trim *trim = memory_trim_later(loop);
	(void)loop_sim_run_until(loop, 60000);
	for (int i = 0; i < 2; i++) {
		long before_kb = resident_kb();
		burst(kept[i]);
		CHECK(resident_kb() > before_kb + 12000);
		(void)loop_sim_run_until(loop, loop_now_ms(loop) + 30000);
		CHECK(resident_kb() < before_kb + 3000);
	}
	for (int i = 0; i < 2; i++)
		for (size_t k = 0; k < BLOCKS / KEPT_EVERY; k++)
			free(kept[i][k]);
	memory_trim_free(trim);
	loop_free(loop);
	return 0;
}
