/*
 * rbac.h - roles and bindings of the watch cache, indexed by whom they are for: what somebody may
 * do is found in the rules that apply to them, however many bindings there are.
 *
 * The index follows the hub's events and is brought up to date at each question, so an answer is
 * as new as the hub.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/hub.h"
#include "apiserver/rbac_rule.h"
#include "apiserver/request.h"

struct rbac;

struct rbac *rbac_new(struct hub *hub); /* the hub is borrowed */
void rbac_free(struct rbac *r);
DEFINE_CLEANUP(rbac)

/* Where a rule comes from, for the reason that a review shows. */
struct rbac_source {
	const char *binding, *binding_ns; /* ns "": a ClusterRoleBinding */
	const char *role_kind, *role;
	const char *subject_kind, *subject, *subject_ns;
};

/* Called for each rule, bindings of the cluster first, each kind in order of names. False ends the
 * walk. A binding whose role does not exist comes with rule NULL. */
typedef bool rbac_visit(void *ctx, const struct rbac_source *source, const struct rbac_rule *rule);

/* Another number after each change of a role or a binding: what was answered holds until then. */
uint64_t rbac_generation(struct rbac *r);

/* All rules for `who` in `ns` ("": those that hold in the whole cluster). */
void rbac_rules_for(struct rbac *r, const struct identity *who, const char *ns, rbac_visit *visit,
		    void *ctx);

/* The rules of a role; NULL: there is none. ns "": a ClusterRole. Borrowed until the next call. */
const struct rbac_rules *rbac_role(struct rbac *r, const char *ns, const char *name);

/* RBAC's answer. `reason` gets why: what allowed it, or which roles are missing. */
bool rbac_allows(struct rbac *r, const struct identity *who, const struct access *a,
		 struct str *reason);

/* 'ClusterRoleBinding "b" of ClusterRole "r" to User "u"' */
void rbac_source_text(const struct rbac_source *s, struct str *out);
