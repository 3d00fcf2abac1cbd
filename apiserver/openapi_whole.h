/*
 * openapi_whole.h - OpenAPI v2, one document of all kinds, some megabytes: a worker renders it once
 * for all who ask while the kinds stay as they are, and packs it for those who take gzip. They
 * share the bytes, which are forgotten when nobody has asked for a minute; its ETag is not, so who
 * has the document needs no rendering.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/request.h"

struct openapi_whole;

struct openapi_whole *openapi_whole_new(struct server *s);
/* What is being rendered is told when it is done. */
void openapi_whole_free(struct openapi_whole *w);
void openapi_whole_serve(struct openapi_whole *w, struct request *r);
