#include "common/base/json_memory.h"

#include "common/base/base.h"

#include <jansson.h>
#include <malloc.h>

#define STEP    16
#define CLASSES 20 /* up to 320 bytes: nodes, small tables, short texts */
/* Of each class and thread, the trees of a few writes: what one kind of tree left never keeps out
 * what the next one needs. */
#define KEEPS_BYTES (32u << 10)

struct free_block {
	struct free_block *next;
};

static __thread struct {
	struct free_block *list;
	size_t bytes;
} kept[CLASSES];

/* Blocks of class n have room for at least 16 n + 8 bytes: so glibc rounds. */
static size_t class_of(size_t usable)
{
	return (usable - STEP / 2) / STEP;
}

void *json_memory_take(size_t n)
{
	size_t class = MAX((n + STEP / 2 - 1) / STEP, 1); /* glibc's smallest has 24 bytes */
	struct free_block *block = class < CLASSES ? kept[class].list : NULL;
	if (!block)
		return malloc(class < CLASSES ? class * STEP + STEP / 2 : n);
	kept[class].list = block->next;
	kept[class].bytes -= class * STEP;
	return block;
}

void json_memory_give(void *p)
{
	if (!p)
		return;
	size_t class = class_of(malloc_usable_size(p));
	if (class == 0 || class >= CLASSES || kept[class].bytes >= KEEPS_BYTES) {
		free(p);
		return;
	}
	struct free_block *block = p;
	block->next = kept[class].list;
	kept[class].list = block;
	kept[class].bytes += class * STEP;
}

void json_memory_keep(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they look at each block */
	json_set_alloc_funcs(json_memory_take, json_memory_give);
#endif
}

void json_memory_trim(void)
{
	for (size_t i = 0; i < CLASSES; i++) {
		while (kept[i].list) {
			struct free_block *block = kept[i].list;
			kept[i].list = block->next;
			free(block);
		}
		kept[i].bytes = 0;
	}
}
