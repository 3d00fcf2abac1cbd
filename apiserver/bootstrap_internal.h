/*
 * bootstrap_internal.h - the system's objects that depend on how this server was started.
 */
#pragma once

#include "apiserver/server_internal.h"

#include <jansson.h>

struct bootstrap_item {
	const char *group, *version, *kind, *ns, *name;
	json_t *(*make)(const struct server *s); /* NULL: this server has none of it */
	/* What is to be written in the place of `live`; NULL: it is right. *ret_part: of which
	 * subresource; NULL: of the object. No function: it is left as it is. */
	json_t *(*mend)(const struct server *s, const json_t *live, const char **ret_part);
};

extern const struct bootstrap_item bootstrap_items[];
extern const size_t bootstrap_items_count;
