/*
 * json_memory.h - jansson's nodes from lists of free blocks: a tree is made of hundreds of small
 * ones, more than malloc keeps at hand, and the next tree needs the same. Each thread has lists of its
 * own; a block may be freed by another than took it, and by free(). Call it before the first tree.
 */
#pragma once

#include <stddef.h>

void json_memory_keep(void);
/* What jansson calls then. */
void *json_memory_take(size_t n);
void json_memory_give(void *p);
/* What this thread keeps goes back. */
void json_memory_trim(void);
