/*
 * http_target.h - what stands between method and version of a request. Pure.
 *
 * Source: RFC 9112, section 3.2. A server must take a whole URL where a path is usual; whatever host
 * that names, it means the server that it was sent to.
 */
#pragma once

/* "/path?query", "scheme://host/path?query" or "*" is cut into pieces in place, which stay
 * percent-encoded; without a query that is "". Returns what is wrong with it, a constant text, or
 * NULL. */
const char *http_target_split(char *target, const char **ret_path, const char **ret_query);
