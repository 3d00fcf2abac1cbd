/*
 * scan_tree.h - a tree from canonical JSON bytes, which were checked when they were written: several
 * times faster than parsing what somebody sent. Pure.
 */
#pragma once

#include "common/base/scan.h"

#include <jansson.h>

/* The caller's. NULL: these are no canonical bytes. */
json_t *scan_tree(struct span value);
