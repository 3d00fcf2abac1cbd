/*
 * change.h - one write on its way to the store: create, update, patch or delete of one object,
 * with what admission adds to it. An attempt is computed from the hub as it is; where the
 * store refuses it, or the hub may have been behind, it is computed again on a fresher one.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/server_internal.h"

struct owners_input;

#define CHANGE_ATTEMPTS_MAX 8
#define CHANGE_EXTRA_MAX    29
/* Of a Service: two keys each where all of them change; two of health, and three of its address. */
#define CHANGE_PORTS_MAX ((CHANGE_EXTRA_MAX - 5) / 2)
#define RENDER_LIMIT     (16u << 20) /* canonical bytes of one object, in work */

enum change_part {
	PART_MAIN,
	PART_STATUS,
	PART_SCALE,
	PART_FINALIZE,  /* namespaces/finalize */
	PART_BINDING,   /* pods/binding */
	PART_APPROVAL,  /* certificatesigningrequests/approval */
	PART_RESIZE,    /* pods/resize */
	PART_EPHEMERAL, /* pods/ephemeralcontainers */
	PART_OTHER,     /* not ours */
};

enum change_verb { CHANGE_CREATE, CHANGE_UPDATE, CHANGE_PATCH };

/* Own keys that go with the object: allocations, the graph, the leader. */
struct change_extra {
	enum store_write_kind write;
	bool has_write;
	bool has_guard;
	struct store_guard guard;
	char *key, *bytes;
	size_t len;
	uint8_t sealed_by; /* the key that encrypted them; 0: none */
};

struct change {
	struct request *r; /* borrowed; the answer ends it */
	struct server *server;
	const struct schema_kind *kind;  /* as it is stored */
	const struct schema_kind *asked; /* the version that the client speaks */
	enum change_verb verb;
	enum change_part part;
	char *ns, *name;                 /* name NULL: generateName */
	char *content_type, *user_agent; /* headers; NULL: none */
	char *base;                      /* generateName, where that names it; or NULL */
	/* Decoded object, or patch document. An attempt may take it: the next decodes again. */
	json_t *body;
	const char *patch_type;
	struct schema_report patch_report; /* what strict decoding of the patch found */
	bool is_apply;                     /* the patch is a configuration to apply */
	bool is_straight;                  /* from bytes to bytes; the body, canonical, is `sent` */
	struct str sent;
	uint32_t sent_revision; /* of the kind, by whose rules that is canonical */
	char uid[37];           /* of a new object that goes straight; "": not drawn yet */
	/* What the last step came to, perhaps on a worker. */
	int code;
	struct failure failure;
	bool is_dry_run, is_fresh, is_abandoned;
	void (*after)(void *change, bool is_gone); /* a worker has done its step */
	bool has_looked;                           /* at the pods of a namespace */
	bool has_waited;                           /* for the account "default" of a pod */
	int attempts;
	char now[64]; /* as metadata shows it, of the present attempt */

	/* of the present attempt */
	struct object *old; /* reference; NULL: there is none */
	json_t *old_tree, *tree;
	json_t *sent_managed;      /* managedFields that the client sent; or NULL */
	json_t *managed;           /* the new managedFields, once they are known: as a tree … */
	struct str owners;         /* … or as they are stored; empty: none */
	bool keeps_managed;        /* they are the old ones, which no tree holds */
	bool is_delete, is_create; /* what it turned out to be */
	bool looks_at_pods;        /* a namespace's pods may break its new level */
	bool lacks_account;        /* a pod's "default", which will be made */
	uint32_t revision;         /* of the kind */
	struct change_extra extras[CHANGE_EXTRA_MAX];
	size_t extras_count;
	char *key;
	struct str bytes;
	bool is_printed; /* they are the tree's, as managedFields were compared with them */
};

/* NULL: of the object itself. */
enum change_part change_part_of(const char *subresource);
/* Once, before anything is decoded: a worker must not ask the exchange. */
void change_read_headers(struct change *c);
void change_free_headers(struct change *c);
/* Forget the present attempt. */
void change_reset(struct change *c);
/* Its trees alone, of which the bytes have been made. */
void change_drop_trees(struct change *c);

bool change_is_kind(const struct change *c, const char *group, const char *kind);
/* Nothing would change: the attempt's bytes are the stored ones. */
bool change_is_same(const struct change *c);

/* An own key to be written and/or compared with the object; copies key and bytes. */
void change_put_key(struct change *c, const char *key, const char *bytes);
void change_drop_key(struct change *c, const char *key);
/* Another object goes with it: its new tree, written only where it still is as in `o`. */
int change_put_object(struct change *c, const struct object *o, const json_t *tree,
		      struct failure *f);
/* A new object goes with it: its bytes as they are stored; written only where there is none
 * of the name. */
int change_make_object(struct change *c, const struct schema_kind *kind, const char *ns,
		       const char *name, const struct str *bytes, struct failure *f);
/* Another object goes: only where it still is as in `o`. */
void change_remove_object(struct change *c, const struct object *o);
/* Only where the object is as the hub has it now, or is still absent; what this write would make of it
 * is not made. */
void change_guard_object(struct change *c, const struct schema_kind *kind, const char *ns,
			 const char *name);
/* Compare the key with what the hub knows of it now. */
void change_guard_key(struct change *c, const char *key);

/* ---- change_names.c ---- */
/* Name, or generateName, and namespace of the change, once its body is decoded. */
int change_settle_names(struct change *c, struct failure *f);

/* ---- body.c: what the client sent ---- */
/* On any thread that has the change to itself. */
int body_decode(struct change *c, struct failure *f);
/* The decoding rules for a finished patch: prune, strictness, warnings. 0; -1: a failure;
 * BODY_NO_OBJECT: the patch makes no such object, why in `why`. */
#define BODY_NO_OBJECT 1
int body_check_patched(struct change *c, json_t *tree, struct str *why, struct failure *f);
/* DeleteOptions from body and query; a new tree. */
int body_delete_options(struct request *r, json_t **ret, struct failure *f);
/* ?dryRun=; -1: 422 */
int body_dry_run(struct request *r, const json_t *options, bool *ret, struct failure *f);

/* ---- managed_write.c: who owns which field; server-side apply ---- */
int managed_check_options(struct change *c, struct failure *f);
/* Put aside the managedFields that came with the tree. */
void managed_take_sent(struct change *c);
/* Compare with the old tree: who owns what after this write. */
void managed_note(struct change *c);
/* The same from bytes; `stored` is filled in. False: not known without the trees. */
bool managed_note_bytes(struct change *c, struct owners_input *in);
/* Into the object's bytes, of which the tree knows nothing. */
void managed_put(struct change *c);
int apply_check_body(struct change *c, struct failure *f);
/* -1: what is applied is no object of the kind. */
int apply_refuse(const struct change *c, const char *why, struct failure *f);
int apply_build(struct change *c, struct failure *f);

/* ---- change_build.c: the tree that is wanted, and the old one; on any thread, as above ---- */
int change_build(struct change *c, struct failure *f);

/* ---- change_validate.c: the rules of its kind, for what went by trees; on any thread, as above ---- */
int change_validate(struct change *c, struct failure *f);
/* Warnings for the client; of the first attempt alone. */
void change_warn(struct change *c);

/* ---- change_straight.c: from bytes to bytes, without trees ---- */
/* The body, where the kind and the request allow it: sets is_straight; on any thread, as above. */
void straight_decode(struct change *c);
/* A text of its metadata; the caller's. */
char *straight_text(const struct change *c, const char *name);
/* The attempt: false where it must go by trees. On any thread. */
bool straight_build(struct change *c);
/* What change_build() and these three are for trees: admission, bytes, judging. */
int straight_admit(struct change *c, struct failure *f);
int straight_print(struct change *c, struct failure *f);
int straight_validate(struct change *c, struct failure *f);

/* ---- strategy.c: what the server keeps, sets and forgets ---- */
/* Owners that are told of twice count once, with a warning; a new object's owner sets no times of its
 * end. On any thread. */
void strategy_owners(struct change *c);
/* What objects of a kind say although nobody wrote it, before it is asked whose it is. */
void strategy_fill(struct change *c);
int strategy_create(struct change *c, struct failure *f); /* on the loop: it draws a uid */
int strategy_update(struct change *c, struct failure *f);
/* Of an update, when admission is through: the spec that is another counts up the generation. */
void strategy_count(struct change *c);
/* True if the finished update leaves a deleted object without anything to wait for. */
bool strategy_is_over(const struct schema_kind *kind, const json_t *tree);

/* ---- admit.c: mutating, then judging ---- */
int admit_mutate(struct change *c, struct failure *f);
int admit_validate(struct change *c, struct failure *f);
int admit_namespace(struct change *c, struct failure *f); /* it is there, and stays */
/* A lease that changes hands changes its fence with it: leader/<ns>/<lease>. */
void admit_fence(struct change *c, const char *holder, const char *before, const char *transitions);
/* Release what the object holds (addresses, ports). */
void admit_release(struct change *c, const json_t *tree);

/* ---- admit_rbac.c: nobody grants what they do not hold ---- */
int admit_rbac(struct change *c, struct failure *f);

/* ---- admit_account_token.c: tokens that stand in Secrets ---- */
int admit_account_token(struct change *c, struct failure *f);

/* ---- admit_account.c: accounts that say which secrets their pods may use ---- */
int admit_account_secrets(struct change *c, const json_t *spec, const json_t *account,
			  struct failure *f);
int admit_ephemeral_secrets(struct change *c, struct failure *f);

/* ---- admit_node.c: agents write about themselves and their pods only ---- */
int admit_node(struct change *c, struct failure *f);
/* A node asks for tokens of its own pods' accounts, bound to the pod, for audiences it names. */
int admit_node_token(struct request *r, const json_t *body, struct failure *f);
int admit_node_deletes(struct change *c, bool is_eviction, struct failure *f);

/* ---- admit_defaults.c: what classes and a node's labels give ---- */
int admit_pod_classes(struct change *c, json_t *spec, struct failure *f);
void admit_classes(struct change *c);
int admit_check_classes(struct change *c, struct failure *f);
void admit_topology(struct change *c);

/* ---- admit_limits.c: LimitRange ---- */
int admit_limits(struct change *c); /* 0 */
int admit_check_limits(struct change *c, struct failure *f);
/* What a pod asks for in all ("requests" or "limits"), by resource; the caller's. */
json_t *pod_amounts(const json_t *spec, const char *what);

/* ---- admit_quota.c: ResourceQuota, last of all ---- */
int admit_quota(struct change *c, struct failure *f);

/* ---- admit_resize.c: what pods/resize asks for fits its node ---- */
int admit_resize(struct change *c, struct failure *f);

/* ---- admit_security.c: PodSecurity ---- */
int admit_security(struct change *c, struct failure *f);
/* Where that has set looks_at_pods: warns of those that break the namespace's new level; `after`, in a
 * later turn. */
void admit_security_pods(struct change *c, void (*after)(void *change, bool is_gone));

/* ---- admit_order.c: skiff.dev/depends-on ---- */
int admit_order(struct change *c, struct failure *f);
/* Warnings about live dependents of what is deleted. */
void admit_order_deleted(struct request *r, const struct object *o);

/* ---- alloc.c: cluster addresses and node ports ---- */
int alloc_service(struct change *c, struct failure *f);
void alloc_release_service(struct change *c, const json_t *tree, const json_t *keep);

/* ---- scale.c ---- */
json_t *scale_of(const struct schema_kind *kind, const json_t *tree);
/* Answers with the scale of an object of the kind that was asked for, in the form that was. */
void scale_reply(struct request *r, int status, const json_t *tree);
/* Where the number stands: "spec.replicas", or a custom kind's path. */
const char *scale_path(const struct schema_kind *kind);

/* ---- submit.c ---- */
/* Write the finished attempt; `done` as store_done, in a later turn. -1: refused at once. */
int change_too_large(struct failure *f); /* -1 */
int change_submit(struct change *c, store_done *done, void *ctx, struct failure *f);
/* Why the store refused, on a fresh hub: -1 and LeaderChanged, or 0: try again. */
int change_check_leader(struct change *c, struct failure *f);
/* From a store outcome that is no success. */
int change_store_failure(struct change *c, enum store_outcome outcome, const struct error *err,
			 struct failure *f);
