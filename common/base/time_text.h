/*
 * time_text.h - RFC 3339 times and Go durations as the API writes them. Pure.
 * Unix times are signed microseconds in UTC.
 */
#pragma once

#include "common/base/base.h"

#define TIME_TEXT_SIZE 40

/* "2026-11-23T12:00:00Z"; true on success. Offsets and fractions are accepted. */
bool time_parse(const char *text, int64_t *ret_us);
void time_format(int64_t us, char out[TIME_TEXT_SIZE]);       /* seconds, "…Z" */
void time_format_micro(int64_t us, char out[TIME_TEXT_SIZE]); /* six decimals, "…Z" */

/* As HTTP's headers have it (RFC 9110): "Mon, 23 Nov 2026 12:00:00 GMT". */
void time_format_http(int64_t us, char out[TIME_TEXT_SIZE]);

/* The age that kubectl shows: 5s, 3m20s, 2h5m, 4d3h, 2y30d; "<invalid>" when negative
 * beyond clock skew. */
void time_format_age(int64_t span_s, char out[TIME_TEXT_SIZE]);

/* "1h30m", "500ms", "90s", "0"; true on success. */
bool duration_parse(const char *text, int64_t *ret_us);
