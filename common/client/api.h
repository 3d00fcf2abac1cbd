/*
 * api.h - the Kubernetes API as our own programs use it: objects as jansson trees over a
 * http_transport (real or simulated). One request, one callback.
 *
 * Threads: the loop's. No callback is made inside a call.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/jsonx.h"
#include "common/io/http_transport.h"
#include "common/io/loop.h"

struct api;

/* The transport is borrowed and must outlive it. */
struct api *api_new(struct loop *loop, struct http_transport *transport, const char *user_agent);
void api_free(struct api *a);
DEFINE_CLEANUP(api)

/* Leader fencing: sent as Skiff-Leader with every write from now on; NULL: none. */
void api_set_leader(struct api *a, const char *fence);

/* A resource: group "" for core. */
struct api_resource {
	const char *group, *version, *resource;
	bool is_namespaced;
};

struct api_reply {
	int status;          /* HTTP; 0: no answer came */
	json_t *body;        /* borrowed; NULL where there is none */
	uint64_t revision;   /* Skiff-Revision of a write, else 0 */
	const char *reason;  /* Status.reason, or "" */
	const char *message; /* Status.message, or "" */
	/* 0 for 2xx; else ERR_NOT_FOUND, ERR_EXISTS, ERR_CONFLICT, ERR_GONE, ERR_LIMIT (429),
	 * ERR_INVALID (400, 422), ERR_FORBIDDEN, ERR_UNAVAILABLE (no answer, 503, 504), ERR_INTERNAL */
	int code;
	int retry_after_s; /* 0: none */
};
typedef void api_done(void *ctx, const struct api_reply *reply);

/* What a transport of its own needs (reflector: watches). Borrowed. */
struct http_transport *api_transport(const struct api *a);
const char *api_user_agent(const struct api *a);
/* The enum err_code of an HTTP status and Status.reason. */
int api_code_of(int status, const char *reason);

struct api_call;
void api_cancel(struct api *a, struct api_call *c); /* no callback any more */

/* "/apis/apps/v1/namespaces/n/deployments/x/status"; name and subresource may be NULL. */
char *api_path(const struct api_resource *r, const char *ns, const char *name,
	       const char *subresource);

/* Any request. `body` is borrowed for the call; content_type NULL: application/json. */
struct api_call *api_request(struct api *a, const char *method, const char *target,
			     const json_t *body, const char *content_type, api_done *done,
			     void *ctx);

#define API_JSON_PATCH      "application/json-patch+json"
#define API_MERGE_PATCH     "application/merge-patch+json"
#define API_STRATEGIC_PATCH "application/strategic-merge-patch+json"
