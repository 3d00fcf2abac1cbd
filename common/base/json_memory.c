#include "common/base/json_memory.h"

#include "common/base/base.h"

#include <jansson.h>
#include <malloc.h>

#define STEP        16
#define CLASSES     20           /* up to 320 bytes: nodes, small tables, short texts */
#define KEEPS_BYTES (256u << 10) /* a thread; the trees of a few writes */

struct free_block {
	struct free_block *next;
};

static __thread struct {
	struct free_block *lists[CLASSES];
	size_t bytes;
} kept;

/* Blocks of class n have room for at least 16 n + 8 bytes: so glibc rounds. */
static size_t class_of(size_t usable)
{
	return (usable - STEP / 2) / STEP;
}

static void *take(size_t n)
{
	size_t class = (n + STEP / 2 - 1) / STEP;
	struct free_block *block = class < CLASSES ? kept.lists[class] : NULL;
	if (!block)
		return malloc(class < CLASSES ? class * STEP + STEP / 2 : n);
	kept.lists[class] = block->next;
	kept.bytes -= class * STEP;
	return block;
}

static void give(void *p)
{
	if (!p)
		return;
	size_t class = class_of(malloc_usable_size(p));
	if (class == 0 || class >= CLASSES || kept.bytes >= KEEPS_BYTES) {
		free(p);
		return;
	}
	struct free_block *block = p;
	block->next = kept.lists[class];
	kept.lists[class] = block;
	kept.bytes += class * STEP;
}

void json_memory_keep(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	json_set_alloc_funcs(take, give);
#else
	(void)take;
	(void)give;
#endif
}

void json_memory_trim(void)
{
	for (size_t i = 0; i < CLASSES; i++)
		while (kept.lists[i]) {
			struct free_block *block = kept.lists[i];
			kept.lists[i] = block->next;
			free(block);
		}
	kept.bytes = 0;
}
