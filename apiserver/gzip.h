/*
 * gzip.h - answers in gzip (RFC 1952) at level 1, piece by piece. Pure.
 */
#pragma once

#include "common/base/str.h"

/* Smaller answers go as they are: what is saved on the wire costs more in time. */
#define GZIP_BYTES (128u << 10)

struct gzip;

struct gzip *gzip_new(void);
void gzip_free(struct gzip *g);
DEFINE_CLEANUP(gzip)

/* What has come out so far goes to `out`; is_end: all of it. */
void gzip_add(struct gzip *g, const void *bytes, size_t n, bool is_end, struct str *out);
