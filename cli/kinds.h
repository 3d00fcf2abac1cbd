/*
 * kinds.h - which resource a word on the command line or a manifest's kind means: the built-in
 * tables first, then what the server says it serves.
 */
#pragma once

#include "cli/session.h"
#include "schemas/schema.h"

struct kind {
	char group[254], version[64], resource[64], singular[64], kind[64];
	bool is_namespaced;
	const struct schema_kind *schema; /* NULL: not built in */
};

/* "po", "pods", "Pod", "deployments.apps", "deployments.v1.apps". ERR_INVALID: nothing is called
 * that; ERR_UNAVAILABLE. */
int kind_by_word(struct session *s, const char *word, struct kind *ret,
		 struct error *err) MUST_CHECK;
int kind_by_name(struct session *s, const char *api_version, const char *name, struct kind *ret,
		 struct error *err) MUST_CHECK;
/* Kinds that the server serves and the tables have not: custom ones, each in its preferred version.
 * `entry`: of the discovery document (shortNames, categories, verbs). */
typedef int kind_visit(void *ctx, const struct kind *k, const json_t *entry, struct error *err);
int kinds_custom(struct session *s, kind_visit *visit, void *ctx, struct error *err) MUST_CHECK;
/* A built-in kind; it must exist. */
struct kind kind_builtin(const char *group, const char *version, const char *resource);

/* Borrowed from `k`. */
struct api_resource kind_resource(const struct kind *k);
char *kind_path(const struct kind *k, const char *ns, const char *name, const char *subresource);
/* "deployment.apps/web", as kubectl -o name prints. */
char *kind_slash_name(const struct kind *k, const char *name);
