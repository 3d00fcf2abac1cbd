/*
 * audit_line.h - a line of the audit log: an Event of audit.k8s.io/v1 as bytes, written straight out,
 * for every request has one. Text that is no valid UTF-8 becomes U+FFFD. Pure.
 */
#pragma once

#include "apiserver/audit.h"

extern const char *const audit_level_names[AUDIT_LEVEL_COUNT];
extern const char *const audit_stage_names[AUDIT_STAGE_COUNT];

/* All is borrowed for the call; NULL: there is none. */
struct audit_event {
	enum audit_level level;
	enum audit_stage stage;
	const char *id, *path, *query, *verb;
	const struct identity *user, *impersonated;
	const char *address, *agent; /* with the port; what the client calls itself */
	const struct target *target;
	const char *object_ref; /* by audit_line_object: what was sent says more than the target */
	int status;
	const char *answer; /* JSON of ours, or anything; of it a Status is told of */
	size_t answer_len;
	int64_t received_us, stage_us;
	const struct annotations *annotations;
};

/* The member objectRef, and the comma before it. */
void audit_line_object(struct str *out, const struct target *t, const struct audit_object *sent);
/* An open line: without its bodies and end. Returns where in `out` the stage's time stands. */
size_t audit_line_begin(const struct audit_event *e, struct str *out);
/* "requestObject", "responseObject": bytes that may be JSON. Nothing is written where they are none, or
 * more than there is room for. */
void audit_line_body(struct str *out, const char *member, const char *bytes, size_t len);
void audit_line_end(struct str *out);
