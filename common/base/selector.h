/*
 * selector.h - label selectors, as text (?labelSelector=) and as LabelSelector
 * objects, and field selectors as text. Pure.
 */
#pragma once

#include "common/base/base.h"
#include "common/base/error.h"
#include "common/base/scan.h"

#include <jansson.h>

#define SELECTOR_TERMS_MAX 256

enum selector_op {
	SELECT_IN,         /* =, ==, in (…) */
	SELECT_NOT_IN,     /* !=, notin (…): true where the key is absent */
	SELECT_EXISTS,     /* key */
	SELECT_NOT_EXISTS, /* !key */
	SELECT_GREATER,    /* key>1: the label is a greater number */
	SELECT_LESS,       /* key<1 */
	SELECT_OP_COUNT,
};

struct selector_term {
	char *key;
	enum selector_op op;
	char **values;
	size_t values_count;
};

struct selector {
	struct selector_term *terms;
	size_t count;
	bool nothing; /* matches no object at all (a missing LabelSelector) */
};

void selector_fini(struct selector *s); /* {0} is fine */
#define AUTO_SELECTOR __attribute__((cleanup(selector_fini))) struct selector

/* "a=b,c in (d,e),!f". ERR_MALFORMED says where it went wrong. */
int selector_parse(const char *text, struct selector *ret, struct error *err) MUST_CHECK;

/* "metadata.name=x,status.phase!=Running"; terms are IN or NOT_IN with one value. */
int field_selector_parse(const char *text, struct selector *ret, struct error *err) MUST_CHECK;

/* A LabelSelector object; NULL or null matches nothing, {} matches everything. */
int selector_from_json(const json_t *label_selector, struct selector *ret,
		       struct error *err) MUST_CHECK;

/* A plain map (Service spec.selector, nodeSelector): all pairs equal. */
void selector_from_map(const json_t *map, struct selector *ret);

/* `lookup(ctx, key)` gives a label's text, borrowed until the next, or an absent span. */
typedef struct span selector_lookup(void *ctx, const char *key);
bool selector_matches(const struct selector *s, selector_lookup *lookup, void *ctx);

/* Against a JSON map of labels (may be NULL: no labels). */
bool selector_matches_json(const struct selector *s, const json_t *labels);
