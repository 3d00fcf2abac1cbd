/*
 * controllers_internal.h - the list of controllers: each has a new and a free, nothing more. They
 * subscribe to the caches in new, before the context is started.
 */
#pragma once

#include "controller/context.h"

struct replicaset_controller;
struct replicaset_controller *replicaset_controller_new(struct context *c);
void replicaset_controller_free(struct replicaset_controller *r);

struct deployment_controller;
struct deployment_controller *deployment_controller_new(struct context *c);
void deployment_controller_free(struct deployment_controller *d);

struct job_controller;
struct job_controller *job_controller_new(struct context *c);
void job_controller_free(struct job_controller *j);

struct scheduler;
struct scheduler *scheduler_new(struct context *c);
void scheduler_free(struct scheduler *s);

struct endpoints_controller;
struct endpoints_controller *endpoints_controller_new(struct context *c);
void endpoints_controller_free(struct endpoints_controller *e);

struct node_controller;
struct node_controller *node_controller_new(struct context *c);
void node_controller_free(struct node_controller *n);

struct podgc_controller;
struct podgc_controller *podgc_controller_new(struct context *c);
void podgc_controller_free(struct podgc_controller *p);

struct gc_controller;
struct namespace_controller;
struct namespace_controller *namespace_controller_new(struct context *c,
						      const struct gc_controller *gc);
void namespace_controller_free(struct namespace_controller *n);

struct account_controller; /* 'default' ServiceAccounts and kube-root-ca.crt */
struct account_controller *account_controller_new(struct context *c);
void account_controller_free(struct account_controller *a);

struct disruption_controller; /* status of budgets */
struct disruption_controller *disruption_controller_new(struct context *c);
void disruption_controller_free(struct disruption_controller *d);

struct certificate_controller; /* signing requests */
struct certificate_controller *certificate_controller_new(struct context *c);
void certificate_controller_free(struct certificate_controller *c);

struct gc_controller *gc_controller_new(struct context *c);
void gc_controller_free(struct gc_controller *g);
/* Its cache of the metadata (at least) of a kind that it watches; lives as long as it. */
struct cache *gc_controller_metadata(const struct gc_controller *g, const struct api_resource *r);
/* The next custom kind from *i on, which starts at 0; false: there are no more. Borrowed until the
 * next turn. */
bool gc_controller_custom(const struct gc_controller *g, size_t *i, struct api_resource *ret);

struct account_token_controller; /* tokens that stand in Secrets */
struct account_token_controller *account_token_controller_new(struct context *c,
							      const struct gc_controller *gc);
void account_token_controller_free(struct account_token_controller *a);

struct protection_controller; /* finalizers of storage in use */
struct protection_controller *protection_controller_new(struct context *c,
							const struct gc_controller *gc);
void protection_controller_free(struct protection_controller *p);

struct order_controller; /* naked pods, boots, stop order */
struct order_controller *order_controller_new(struct context *c);
void order_controller_free(struct order_controller *o);

/* ---- shared by shells ---- */

/* Key of the controlling owner if it is of this kind: "namespace/name", the caller's; else NULL. */
char *owner_key(const json_t *object, const char *kind);

/* Told when a write that makes or deletes a child is answered: becomes an event about the
 * owner: SuccessfulCreate, FailedCreate, SuccessfulDelete, FailedDelete. */
struct child_write {
	struct context *context;
	enum kind owner_kind;
	json_t *owner;          /* a reference */
	const char *child_kind; /* "pod" */
	char *child;
	bool is_delete;
	/* NULL, or told the text of a failure, or NULL when a write went well. The owner may be
	 * gone by then, so it is named, not pointed to. */
	void (*note)(void *ctx, const char *owner_uid, const char *failure);
	void *note_ctx;
};
void child_write_track(struct work_write *write, const struct child_write *facts);

/* A pod as its owner makes it from `template`; name and owner reference are set. */
json_t *pod_from_template(const json_t *template, const char *ns, const char *name,
			  json_t *take_owner_reference);

/* Owner references as a patch: adopt a child, or let one go. */
void work_adopt(struct work *w, struct context *c, enum kind child_kind, const json_t *child,
		json_t *take_reference);
void work_release(struct work *w, struct context *c, enum kind child_kind, const json_t *child,
		  const char *owner_uid);
