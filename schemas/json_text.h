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

/* Append `n` bytes, replacing what is no valid UTF-8. */
void utf8_add_valid(struct str *out, const char *bytes, size_t n);

/* A JSON string of bytes that may be no valid UTF-8. */
json_t *json_string_valid(const char *bytes, size_t n);
