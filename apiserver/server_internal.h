/*
 * server_internal.h - what the API server's own files share. Nobody else includes it.
 */
#pragma once

#include "apiserver/hub.h"
#include "apiserver/request.h"
#include "apiserver/server.h"
#include "common/base/rng.h"
#include "schemas/kinds.h"

#define SNAPSHOTS_MAX    64
#define SNAPSHOT_KEEP_MS 300000
#define LIST_WAIT_MS     3000 /* for a resourceVersion that is not there yet */
#define LATENCY_BUCKETS  12

/* A list that was begun with a limit goes on from the state it began with. */
struct snapshot {
	const struct schema_kind *kind;
	uint64_t version;
	struct index index;
	int64_t used_ms;
};

struct account_wait;
struct address_keeper;
struct address_ranges;
struct audit;
struct authn_file;
struct authn_oidc;
struct all;
struct authz_node;
struct bootstrap;
struct callers;
struct deadlines;
struct definitions;
struct endpoints_keeper;
struct flow_keeper;
struct oidc_fetch;
struct openapi_whole;
struct own_exchange;
struct peers;
struct quota_keeper;
struct range_keeper;
struct rbac;
struct rbac_gatherer;
struct seal;
struct service_keeper;
struct tokens;
struct turns;
struct watch_frames;

struct server {
	struct loop *loop;
	struct store *store;
	struct hub *hub;
	struct kinds *kinds; /* what is served */
	struct definitions *definitions;
	struct all *metadata_watches;        /* streams of all kinds */
	uint64_t kind_gone_version;          /* when the last kind ceased to be served */
	char *openapi_index;                 /* rendered once it was asked for */
	uint64_t openapi_changes;            /* how often that was out of date */
	struct openapi_whole *openapi_whole; /* NULL: nobody has asked for it */
	struct server_options options;       /* its texts are owned here */
	struct address_ranges *ranges;
	struct audit *audit; /* NULL: nothing is told */
	struct seal *seal;   /* NULL: nothing is encrypted */
	struct tokens *tokens;
	struct callers *callers;
	char *noted_secret; /* whose token's use was noted last; NULL: none */
	int64_t noted_ms;
	struct authn_file *token_file; /* NULL: none */
	struct authn_oidc *oidc;       /* NULL: none */
	struct oidc_fetch *oidc_fetch; /* NULL: its keys are from a file */
	struct rbac *rbac;
	struct rbac_gatherer *gatherer;
	struct quota_keeper *quotas;
	struct authz_node *authz_node;
	struct account_wait *account_waits; /* pods that came before their account */
	struct snapshot snapshots[SNAPSHOTS_MAX];
	struct turns *turns;
	struct deadlines *deadlines;
	struct request *spare; /* to be used again */
	size_t spare_count;
	struct loop_timer *bookmarks;
	struct watch *watches; /* all of them, for bookmarks */
	size_t watches_count;
	struct watch_frames *frames; /* what several of them are told */
	size_t in_flight[LANE_COUNT];
	size_t own_under_way;     /* that the server asks itself */
	struct own_exchange *own; /* they, and those that have had their answer just now */
	uint64_t refused_total[LANE_COUNT]; /* 429 */
	struct server_work *works;          /* computations on workers */
	struct server_work *computed;       /* those of them that wait for their turn */
	struct loop_timer *finishing;
	struct server_work *held; /* those that wait for kinds to be exchanged */
	uint64_t works_total;
	bool has_system_objects;
	struct bootstrap *bootstrap;
	struct flow_keeper *flows;
	struct service_keeper *services;
	struct peers *peers;
	struct endpoints_keeper *endpoints;
	struct address_keeper *addresses;
	struct range_keeper *range_keeper;
	uint64_t requests_total[VERB_COUNT][6]; /* by status / 100 */
	uint64_t latency_ms[LATENCY_BUCKETS];
	uint64_t latency_sum_ms;
};

void server_random(struct server *s, void *buf, size_t n);
void server_new_uid(struct server *s, char out[37]); /* version 4 */
/* Five characters for generateName. */
void server_name_suffix(struct server *s, char out[6]);
void server_count_request(struct server *s, enum verb verb, bool is_resource, int status,
			  int64_t took_ms);
/* Now, as metadata shows it. */
void server_now_text(const struct server *s, char *out);

/* Subresources that are no documents: log, exec … */
bool server_is_stream(const char *subresource);

/* ---- what answers a request; each takes over r ---- */
void serve_kind(struct request *r); /* of the ones below, which its target says */
void serve_get(struct request *r);
void serve_list(struct request *r);
void serve_watch(struct request *r);
void watch_all_follow(struct server *s, const struct schema_kind *kind); /* a new one */
void watch_all_forget(struct server *s, size_t place);                   /* before its objects go */
void serve_watch_all(struct request *r); /* skiff.dev/v1 metadata: every kind in one stream */
void serve_write(struct request *r);     /* create, update, patch */
void serve_delete(struct request *r);    /* one, and collections */
void serve_review(struct request *r);    /* kinds that can be created only: answered, not stored */
void serve_token_request(struct request *r); /* serviceaccounts/NAME/token */
void serve_subresource(struct request *r);   /* what is neither status nor scale */
void serve_path(struct request *r);          /* no resource: health, discovery, OpenAPI … */
void serve_node_stream(struct request *r);   /* log, exec, attach, port-forward */
void serve_eviction(struct request *r);      /* pods/NAME/eviction */
void serve_images(struct request *r);        /* /apis/skiff.dev/v1/nodes/NAME/images */

/* Who is it? False: 401 in f. */
bool authenticate(struct request *r, struct identity *ret, struct failure *f);
/* May they? 0, or 403 in f. */
int authorize(struct request *r, struct failure *f);
/* For a PUT or an apply that turns out to make the object. */
int authorize_create(struct request *r, struct failure *f);
