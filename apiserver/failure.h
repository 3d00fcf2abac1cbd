/*
 * failure.h - why a request is refused, as the Status object that tells the client: code,
 * reason, message, details. Messages are upstream's to the letter, because clients show and
 * sometimes match them. Pure.
 *
 * Every function returns -1, so `return fail_not_found(f, kind, name);` reads well.
 */
#pragma once

#include "apiserver/accept.h"
#include "common/base/str.h"
#include "schemas/schema.h"

struct failure {
	int code;           /* HTTP; 0: none */
	const char *reason; /* static: "NotFound" */
	char *message;
	json_t *details;
	char *continue_token; /* how to go on without what is gone; NULL: no way */
	int retry_after_s;
	bool is_final; /* not to be asked again on a fresher cache */
};

void failure_fini(struct failure *f); /* {0} is fine */

int fail(struct failure *f, int code, const char *reason, const char *fmt, ...) PRINTF_LIKE(4, 5);

int fail_not_found(struct failure *f, const struct schema_kind *kind, const char *name);
int fail_exists(struct failure *f, const struct schema_kind *kind, const char *name);
int fail_conflict(struct failure *f, const struct schema_kind *kind, const char *name,
		  const char *fmt, ...) PRINTF_LIKE(4, 5);
int fail_modified(struct failure *f, const struct schema_kind *kind, const char *name);
int fail_forbidden(struct failure *f, const struct schema_kind *kind, const char *name,
		   const char *fmt, ...) PRINTF_LIKE(4, 5);
int fail_bad_request(struct failure *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
int fail_method(struct failure *f);
/* 400: the object has no name, the URL has. */
int fail_nameless(struct failure *f, const char *name);
int fail_other_name(struct failure *f, const char *name, const char *in_url); /* 400 */
int fail_other_namespace(struct failure *f);                                  /* 400 */
/* 422 for a patch that cannot be carried out. */
int fail_rejected(struct failure *f);
int fail_path(struct failure *f); /* 404 without a resource */
int fail_not_acceptable(struct failure *f, const struct accept_offer *offer);
int fail_not_acceptable_stream(struct failure *f, const struct accept_offer *offer);
/* 406 where no media type is ours at all. */
int fail_no_representation(struct failure *f, bool is_collection);
int fail_media_type(struct failure *f, bool has_protobuf);
int fail_patch_type(struct failure *f, bool is_custom); /* 415 */
int fail_expired(struct failure *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* What a watch ends with that has lost its place, appended as JSON without a newline. */
void failure_watch_expired(uint64_t version, uint64_t reached, struct str *out);
int fail_too_large_version(struct failure *f, uint64_t wanted, uint64_t current);
/* The object is stored, and this server has no key that opens it. */
int fail_unopened(struct failure *f, const struct schema_kind *kind, const char *name);
int fail_internal(struct failure *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
int fail_unavailable(struct failure *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* 422 with one cause an error; `errors` must not be empty. */
int fail_invalid(struct failure *f, const struct schema_kind *kind, const char *name,
		 const struct field_errors *errors);
/* 422 with one field. */
int fail_field(struct failure *f, const struct schema_kind *kind, const char *name,
	       enum field_error_type type, const char *field, const char *value,
	       const char *detail);
/* 422 about one of a request's options ("CreateOptions"); value NULL: none is shown. */
/* 422: an update that must name the version it is of; the resource is named, not the kind. */
int fail_versionless(struct failure *f, const struct schema_kind *kind, const char *name);
/* 422 about a number. */
int fail_number(struct failure *f, const struct schema_kind *kind, const char *name,
		const char *field, int64_t value, const char *detail);
int fail_option(struct failure *f, const char *options, enum field_error_type type,
		const char *field, const json_t *value, const char *fmt, ...) PRINTF_LIKE(6, 7);
/* 422 with all of them, which are ended; 0: there are none. */
int fail_options(struct failure *f, const char *options, struct field_errors *errors);
/* From a plain error: MALFORMED 400, INVALID 422, LIMIT 413, UNAVAILABLE 503, else 500. */
int fail_error(struct failure *f, const struct error *err);

/* Add a cause to the details: reason may be "", field NULL. */
void failure_cause(struct failure *f, const char *reason, const char *message, const char *field);
void failure_name(struct failure *f, const struct schema_kind *kind, const char *name);
/* The same where the resource need not be one of ours; name NULL: none. */
void failure_kind(struct failure *f, const char *group, const char *resource, const char *name);

void failure_json(const struct failure *f, struct str *out);
