/*
 * pattern_internal.h - between the parser of expressions and what matches them.
 */
#pragma once

#include "schemas/pattern.h"

#include <stdint.h>

#define PATTERN_DEPTH_MAX  1000
#define PATTERN_STATES_MAX 100000
#define PATTERN_RUNE_MAX   0x10ffffu

struct rune_range {
	uint32_t low, high;
};

/* Sorted and apart after runes_clean. */
struct runes {
	struct rune_range *at;
	size_t count;
};
void runes_add(struct runes *r, uint32_t low, uint32_t high);
void runes_add_all(struct runes *r, const struct rune_range *at, size_t count, bool is_negated);
void runes_clean(struct runes *r);
void runes_negate(struct runes *r); /* of clean ones */
bool runes_have(const struct rune_range *at, size_t count, uint32_t rune);
/* All that differ from one of them by case only. */
void runes_fold(struct runes *r);

enum node_op {
	NODE_RUNES,
	NODE_TEXT_BEGIN,
	NODE_TEXT_END,
	NODE_LINE_BEGIN,
	NODE_LINE_END,
	NODE_WORD_EDGE,
	NODE_NO_WORD_EDGE,
	NODE_ALL,  /* one after the other */
	NODE_ANY,  /* one of them */
	NODE_MANY, /* the first below, min to max times; max -1: for ever */
};

struct node {
	enum node_op op;
	struct runes runes;
	struct node **below;
	size_t below_count;
	int min, max;
};
void pattern_node_free(struct node *n);

int pattern_parse(const char *text, size_t len, struct node **ret, struct error *err) MUST_CHECK;

/* Of one \p{NAME}, or NULL. Generated from Python's character data. */
struct unicode_category {
	const char *name;
	const struct rune_range *at;
	uint32_t count;
};
struct unicode_fold {
	uint32_t rune, next; /* around a circle of what differs by case only */
};
struct unicode_tables {
	const struct unicode_category *categories;
	size_t categories_count;
	const struct unicode_fold *folds; /* sorted */
	size_t folds_count;
};
extern const struct unicode_tables unicode_tables;

/* A character of valid UTF-8; the bytes it takes. 0: it is not valid. */
size_t rune_read(const char *text, size_t len, uint32_t *ret);
