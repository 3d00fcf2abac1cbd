/*
 * session.h - one command's talk with the API server: a loop, a transport from a kubeconfig, and
 * requests that run to their end.
 *
 * Threads: one.
 */
#pragma once

#include "common/client/api.h"
#include "common/client/kubeconfig.h"

struct session {
	struct loop *loop;
	struct http_transport *transport;
	struct api *api;
	struct kubeconfig config;
};

/* `kubeconfig` NULL: $KUBECONFIG, then ~/.kube/config where it exists, then the default cluster's.
 * ERR_NOT_FOUND says what to do. */
int session_open(const char *kubeconfig, struct session *ret, struct error *err) MUST_CHECK;
/* The same with a context of the file; NULL: its current one. */
int session_open_context(const char *kubeconfig, const char *context, struct session *ret,
			 struct error *err) MUST_CHECK;
void session_close(struct session *s); /* {0} is fine */
#define AUTO_SESSION __attribute__((cleanup(session_close))) struct session

/* The answer of a request, owned. */
struct session_reply {
	int status; /* 0: no answer; code and message say why */
	int code;   /* as in struct api_reply */
	json_t *body;
	char *reason, *message;
};
void session_reply_fini(struct session_reply *r);
#define AUTO_REPLY __attribute__((cleanup(session_reply_fini))) struct session_reply

void session_call(struct session *s, const char *method, const char *target, const json_t *body,
		  const char *content_type, struct session_reply *ret);
