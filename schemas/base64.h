/*
 * base64.h - standard base64 with padding. Pure.
 */
#pragma once

#include "common/base/str.h"

void base64_add(struct str *out, const void *bytes, size_t n);

/* Line ends are skipped, as Go does. -1: fine, else the byte where it is bad. */
long base64_check(const char *text, size_t n);

/* Text that base64_check accepts, decoded. */
void base64_decode(const char *text, size_t n, struct str *out);
