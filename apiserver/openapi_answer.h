/*
 * openapi_answer.h - /openapi: documents are made when they are asked for, by workers, for the largest
 * take milliseconds. The index, which clients ask for often, is kept.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/request.h"

/* False: the path is none of these. */
bool openapi_serve(struct request *r);
/* What kinds are served has changed. */
void openapi_changed(struct server *s);
