/*
 * request.h - one API request on its way: what it asks, who asks, and the ways to
 * answer. Every answer function ends the request: it is freed with it.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/accept.h"
#include "apiserver/deadline.h"
#include "apiserver/failure.h"
#include "apiserver/object.h"
#include "apiserver/target.h"
#include "common/io/http_exchange.h"

struct server;

#define IDENTITY_GROUPS_MAX 64
#define WARNINGS_MAX        32
#define WARNINGS_BYTES_MAX  4096
#define ANNOTATIONS_MAX     8

struct identity {
	char *name; /* "system:anonymous" where nobody is known */
	char *uid;
	char **groups;
	size_t groups_count;
	struct caller *caller; /* whose all these are (callers.h); NULL: its own */
	json_t *extra;         /* lists of texts by key; NULL: nothing more is known */
	char *sa_ns, *sa_name; /* a ServiceAccount's; NULL: none */
	bool is_deployer;      /* its ServiceAccount has skiff.dev/role: deploy */
};

void identity_add_group(struct identity *who, const char *group);
bool identity_in_group(const struct identity *who, const char *group);
void identity_add_extra(struct identity *who, const char *key, const char *value);
void identity_fini(struct identity *who);

/* What keeps the cluster alive is never refused because of what its users ask. */
enum request_lane {
	LANE_NONE, /* health, discovery and the like; or not known yet */
	LANE_USER,
	LANE_SYSTEM, /* nodes, the controller, and every lease */
	LANE_COUNT,
};

struct annotations {
	struct {
		const char *key; /* a constant */
		char *value;
	} at[ANNOTATIONS_MAX];
	size_t count;
};

struct request {
	struct server *server;
	enum request_lane lane;
	struct http_exchange *x;
	struct request *next_turn; /* waits behind this one (turn.h) */
	struct query query;
	struct identity who;
	struct identity real; /* who acts as `who`; without a name: nobody else */
	struct accept accept;
	char *warnings[WARNINGS_MAX];
	size_t warnings_count, warnings_bytes;
	int64_t start_ms;
	struct deadline deadline;
	struct annotations annotations; /* for the audit log */
	char *object_ref;               /* the same: of what was sent; NULL: nothing was */
	char audit_id[37];
	struct target target; /* the last: its room is not zeroed for the next request */
};

struct request *request_new(struct server *server, struct http_exchange *x);
void requests_free_spare(struct server *server);

/* A Warning header of the answer; more than 4 KiB in all are left out. */
void request_warn(struct request *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* An annotation of the request's line in the audit log; the last one of a key, a constant, counts. */
void request_annotate(struct request *r, const char *key, const char *value);

/* ---- answers ---- */

void reply_failure(struct request *r, struct failure *f); /* empties f */
void reply_text(struct request *r, int status, const char *content_type, const char *text,
		size_t len);
/* What anybody may keep for an hour. */
void reply_public(struct request *r, const char *content_type, const char *text, size_t len);
/* What seldom changes, with an ETag: 304 where the client has it. is_immutable: its address holds
 * its hash, so it may be kept for a year. */
void reply_cached(struct request *r, const char *content_type, const char *text, size_t len,
		  bool is_immutable);
#define ETAG_SIZE 24
void request_etag(uint64_t hash, char out[ETAG_SIZE]);
/* The client says that it has what has this ETag: it need not be made. */
bool request_has(struct request *r, const char *etag);
void reply_unchanged(struct request *r, const char *content_type, const char *etag); /* 304 */
/* The same bytes for all who ask, in gzip or not, used in place until `release`. */
void reply_shared(struct request *r, const char *content_type, const char *etag, bool is_packed,
		  const void *bytes, size_t len, void (*release)(void *ctx), void *ctx);
void reply_moved(struct request *r, const char *location); /* 301 */
/* JSON bytes; rendered as YAML, or pretty, where the client asked for it. */
void reply_json(struct request *r, int status, const char *bytes, size_t len);
/* An object by reference. revision > 0: the Skiff-Revision of the write. */
void reply_object(struct request *r, int status, struct object *o, uint64_t revision);
/* A Status of success with details of the object (NULL: none). */
void reply_success(struct request *r, int status, const struct schema_kind *kind, const char *name,
		   const char *uid, uint64_t revision);
/* What a worker has made: bytes of this type, in gzip or not; taken out of `bytes`. */
void reply_whole(struct request *r, const char *content_type, bool is_packed, struct str *bytes);
/* A body of unknown length. The request is freed; the source owns its own context. */
void reply_stream(struct request *r, int status, const char *content_type,
		  const struct http_source *source, void *ctx);
/* The same in gzip, with 200. */
void reply_packed_stream(struct request *r, const char *content_type,
			 const struct http_source *source, void *ctx);
/* End the request without an answer: its exchange has been handed on. */
void request_drop(struct request *r);
/* The server is gone: whoever still waits hears so. */
void request_abandon(struct request *r);
