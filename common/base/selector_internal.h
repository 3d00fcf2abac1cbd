/* selector_internal.h - what the readers of selectors share. Pure. */
#pragma once

#include "common/base/selector.h"

struct selector_term *selector_add_term(struct selector *s, char *take_key, enum selector_op op);
void selector_add_value(struct selector_term *t, char *take_value);
bool selector_number(const char *text, int64_t *ret); /* false: no 64-bit number */
