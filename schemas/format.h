/*
 * format.h - the `format` of texts in a JSON schema: what values of it look like. Pure.
 * Source: k8s.io/kube-openapi's strfmt. Of "email" comments are not understood, of "uri" not all that
 * Go's parser refuses.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether anybody checks it; hyphens do not count. */
bool format_is_text(const char *format);
/* `format` is one that format_is_text() knows. */
bool format_matches(const char *format, const char *text, size_t len);
