/*
 * target.h - what a request is about: a verb on a resource, or a path that is none. Pure.
 */
#pragma once

#include "apiserver/query.h"
#include "schemas/kinds.h"

enum verb {
	VERB_GET,
	VERB_LIST,
	VERB_WATCH,
	VERB_CREATE,
	VERB_UPDATE,
	VERB_PATCH,
	VERB_DELETE,
	VERB_DELETE_COLLECTION,
	VERB_NONE, /* a method that resources do not have */
	VERB_COUNT,
};

const char *verb_name(enum verb v);
/* What its options are called: "CreateOptions". */
const char *verb_options(enum verb v);

#define TARGET_ROOM 256

/* Not to be copied: its texts may be inside. */
struct target {
	bool is_resource; /* else only path counts */
	enum verb verb;
	const char *group, *version, *resource;
	const char *ns, *name, *subresource; /* NULL: absent */
	const char *rest;                    /* behind the subresource: "a/b"; NULL: none */
	const struct schema_kind *kind;      /* NULL: not served */
	char *text;                          /* what they are in: `room`, or the target's */
	char *given;                         /* a name that came in another way; the target's */
	char room[TARGET_ROOM];
};

/* ERR_MALFORMED: broken escapes. */
int target_parse(const struct kinds *kinds, const char *method, const char *path,
		 const struct query *query, struct target *ret, struct error *err) MUST_CHECK;
void target_fini(struct target *t);
