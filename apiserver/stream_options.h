/*
 * stream_options.h - what the parameters of pods/log and pods/portforward may say. Pure.
 */
#pragma once

#include "apiserver/failure.h"
#include "apiserver/query.h"

/* Asked before it is known whether the pod exists. */
int stream_options_check(const struct query *q, const char *subresource, const char *pod,
			 struct failure *f) MUST_CHECK;
