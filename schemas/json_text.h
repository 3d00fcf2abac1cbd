/*
 * json_text.h - JSON text to a tree, noting members that are there twice (the last one wins, as
 * in Go). Text that is no valid UTF-8 becomes U+FFFD, as in Go. Pure.
 */
#pragma once

#include "schemas/report.h"

#define JSON_DEPTH_MAX 512

/* ERR_MALFORMED, ERR_LIMIT (too deep). `report` may be NULL. */
int json_text_parse(const char *text, size_t len, json_t **ret, struct schema_report *report,
		    struct error *err) MUST_CHECK;

/* Append the same value as it was sent, but without blanks between its tokens: it is not parsed, so
 * members that are there twice stay. False, and `out` is as it was: it is no JSON, too deep, or has a
 * number that is out of range. */
bool json_text_compact(const char *text, size_t len, struct str *out) MUST_CHECK;

bool utf8_is_valid(const char *bytes, size_t n);
/* Append `n` bytes, replacing what is no valid UTF-8. */
void utf8_add_valid(struct str *out, const char *bytes, size_t n);

/* A JSON string of bytes that may be no valid UTF-8. */
json_t *json_string_valid(const char *bytes, size_t n);
