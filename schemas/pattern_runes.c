/* Sets of characters. */
#include "common/base/base.h"
#include "schemas/pattern_internal.h"

void runes_add(struct runes *r, uint32_t low, uint32_t high)
{
	r->at = xrealloc(r->at, r->count + 1, sizeof *r->at);
	r->at[r->count++] = (struct rune_range){ low, high };
}

void runes_add_all(struct runes *r, const struct rune_range *at, size_t count, bool is_negated)
{
	uint32_t next = 0;
	for (size_t i = 0; i < count; i++) {
		if (!is_negated)
			runes_add(r, at[i].low, at[i].high);
		else if (at[i].low > next)
			runes_add(r, next, at[i].low - 1);
		next = at[i].high + 1;
	}
	if (is_negated && next <= PATTERN_RUNE_MAX)
		runes_add(r, next, PATTERN_RUNE_MAX);
}

static int by_low(const void *a, const void *b)
{
	const struct rune_range *x = a, *y = b;
	return x->low < y->low ? -1 : x->low > y->low;
}

void runes_clean(struct runes *r)
{
	size_t n = 0;
	if (r->count < 2)
		return;
	qsort(r->at, r->count, sizeof *r->at, by_low);
	for (size_t i = 1; i < r->count; i++) {
		if (r->at[i].low > r->at[n].high + 1)
			r->at[++n] = r->at[i];
		else if (r->at[i].high > r->at[n].high)
			r->at[n].high = r->at[i].high;
	}
	r->count = n + 1;
}

void runes_negate(struct runes *r)
{
	struct runes made = { 0 };
	runes_add_all(&made, r->at, r->count, true);
	free(r->at);
	*r = made;
}

bool runes_have(const struct rune_range *at, size_t count, uint32_t rune)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (rune < at[middle].low)
			high = middle;
		else if (rune > at[middle].high)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

/* The first pair of a letter that is not before `rune`. */
static size_t first_fold(uint32_t rune)
{
	size_t low = 0, high = unicode_tables.folds_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (unicode_tables.folds[middle].rune < rune)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void runes_fold(struct runes *r)
{
	size_t count = r->count;
	for (size_t i = 0; i < count; i++) {
		uint32_t high = r->at[i].high;
		for (size_t k = first_fold(r->at[i].low);
		     k < unicode_tables.folds_count && unicode_tables.folds[k].rune <= high; k++) {
			const struct unicode_fold *f = &unicode_tables.folds[k];
			for (uint32_t next = f->next; next != f->rune;
			     next = unicode_tables.folds[first_fold(next)].next)
				runes_add(r, next, next);
		}
	}
	runes_clean(r);
}

size_t rune_read(const char *text, size_t len, uint32_t *ret)
{
	const unsigned char *p = (const unsigned char *)text;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (len == 0)
		return 0;
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (n > len || (n > 1 && (p[0] < 0xc0 || p[0] > 0xf4)))
		return 0;
	uint32_t rune = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (p[i] & 0x3fu);
	}
	if (rune < least[n] || rune > PATTERN_RUNE_MAX || (rune >= 0xd800 && rune < 0xe000))
		return 0;
	*ret = rune;
	return n;
}
