/*
 * manifests.h - objects from files, folders and standard input, YAML or JSON, several in a
 * file, Lists taken apart. Blocking.
 */
#pragma once

#include "cli/options.h"
#include "common/base/jsonx.h"

#define MANIFESTS_MAX      10000
#define MANIFEST_BYTES_MAX (64u << 20) /* of one file */

struct manifest {
	json_t *tree; /* has apiVersion, kind and a name */
	char *source; /* "shop.yaml:12" */
};
struct manifests {
	struct manifest *at;
	size_t count;
};
void manifests_fini(struct manifests *m); /* {0} is fine */
#define AUTO_MANIFESTS __attribute__((cleanup(manifests_fini))) struct manifests

/* `files`: paths of files or folders (their *.yaml, *.yml, *.json, by name; with is_recursive
 * those in folders below too), or "-". ERR_INVALID, ERR_MALFORMED: says file and line. */
int manifests_read(const struct words *files, bool is_recursive, struct manifests *ret,
		   struct error *err) MUST_CHECK;
/* The same from text; `name` stands in sources. Adds to `ret`. */
int manifests_parse(const char *name, const char *text, size_t n, struct manifests *ret,
		    struct error *err) MUST_CHECK;
