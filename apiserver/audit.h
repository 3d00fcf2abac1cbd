/*
 * audit.h - who did what, when, and what came of it: a line of JSON (audit.k8s.io/v1 Event) a request,
 * in a file that is rotated by size, kept by age and number. A policy (audit.k8s.io/v1 Policy) says
 * how much of which request is told: None, Metadata, Request, RequestResponse. Of Secrets, ConfigMaps
 * and tokens never more than Metadata is written, whatever the policy says.
 *
 * Requests are told of when it is known who asks (RequestReceived; only with a policy, which may
 * omit it), and when they are answered or what they stream has ended (ResponseComplete); watches,
 * terminals and tunnels also when they begin (ResponseStarted), as is who is not known (401).
 *
 * Lines gather in memory and are written by a worker. Where the file cannot be written or the worker
 * does not keep up (16 MiB wait), lines are dropped, counted, and that is logged.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/request.h"

struct audit;
struct loop;

struct audit_options {
	const char *path;     /* of the file */
	const char *policy;   /* text; NULL: Metadata of everything but health */
	int64_t size_max;     /* bytes; 0: 100 MiB */
	int64_t age_max_days; /* of rotated files; 0: any */
	int64_t backups_max;  /* rotated files; 0: any number */
};

/* ERR_INVALID: the policy is none. */
int audit_new(struct loop *loop, const struct audit_options *options, struct audit **ret,
	      struct error *err) MUST_CHECK;
void audit_free(struct audit *a); /* what waits is written first */

enum audit_stage { AUDIT_RECEIVED, AUDIT_STARTED, AUDIT_COMPLETE, AUDIT_STAGE_COUNT };

/* `body` is the answer's, JSON or NULL; a may be NULL. */
void audit_tell(struct audit *a, struct request *r, enum audit_stage stage, int status,
		const void *body, size_t len);

/* The metadata of an object that was sent, as its line has them: what the URL does not say, before
 * anything is judged or drawn; "" or NULL: not said. Where nothing is audited, nothing is noted. */
struct audit_object {
	const char *ns, *name, *uid, *version;
};
void audit_note_object(struct request *r, const struct audit_object *sent);

/* A stream begins: its source is exchanged for one that tells of its end. `a` may be NULL, and must
 * outlive the stream. */
void audit_stream(struct audit *a, struct request *r, int status, const struct http_source **source,
		  void **ctx);

enum audit_level {
	AUDIT_NONE,
	AUDIT_METADATA,
	AUDIT_REQUEST,
	AUDIT_REQUEST_RESPONSE,
	AUDIT_LEVEL_COUNT,
};

/* ---- audit_policy.c: pure ---- */
struct audit_policy;
int audit_policy_read(const char *text, struct audit_policy **ret, struct error *err) MUST_CHECK;
void audit_policy_free(struct audit_policy *p);
/* The first rule that fits says how much; p NULL: as audit_options. */
enum audit_level audit_policy_level(const struct audit_policy *p, const struct identity *who,
				    const struct target *t, const char *verb, const char *path,
				    enum audit_stage stage);

/* ---- audit_file.c: on a worker ---- */
struct audit_file {
	char *path;
	int64_t size_max, age_max_days, backups_max;
};
/* Appends whole lines; rotates before it would pass the size. `now_us` names what is rotated. */
int audit_file_write(const struct audit_file *f, const char *lines, size_t len, int64_t now_us,
		     struct error *err) MUST_CHECK;
