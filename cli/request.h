/*
 * request.h - requests of a command beyond session_call: streamed answers, files as bodies, other
 * Accept headers; warnings of the server go to standard error; and how a failed one is explained.
 *
 * Threads: one; every call runs the session's loop until the answer is complete.
 */
#pragma once

#include "cli/options.h"
#include "cli/session.h"

#define ACCEPT_TABLE "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

struct request {
	const char *method, *target;
	const char *accept;       /* NULL: JSON */
	const json_t *body;       /* or NULL */
	const char *content_type; /* NULL: JSON */
	int body_fd;              /* > 0: the body is this file */
	int64_t timeout_ms;       /* 0: 60 s; < 0: none */
	/* Given: pieces of a good answer as they come (an error's body is collected as always). */
	void (*data)(void *ctx, const char *bytes, size_t n);
	void *ctx;
};
/* A piece's callback may end the request: the answer is then as if complete. */
void request_end(struct session *s);
void request_send(struct session *s, const struct request *r, struct session_reply *ret);
void request_json(struct session *s, const char *method, const char *target, const json_t *body,
		  const char *content_type, struct session_reply *ret);

/* Prints what went wrong, and gives the exit code. `what`: "deployments/web". */
int reply_explain(const struct session *s, const char *what, const struct session_reply *r);
/* The same for an error of our own. */
int error_explain(const struct error *err);

/* The session of a command's arguments; 0 or the exit code, the reason printed. */
int command_open(const struct arguments *a, struct session *ret) MUST_CHECK;
/*
 * command_open, and one question to the server: what only follows changes would try again for long where
 * nobody answers.
 */
int command_reach(const struct arguments *a, struct session *ret) MUST_CHECK;
/* options_parse, its error and the usage printed; 0 or the exit code. */
int command_parse(const char *usage, int argc, char **argv, const struct option *options, size_t n,
		  struct arguments *ret) MUST_CHECK;
const char *command_namespace(const struct arguments *a, const struct session *s);
