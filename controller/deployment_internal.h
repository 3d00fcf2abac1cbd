/*
 * deployment_internal.h - what the files of the deployment controller share: the facts of one
 * Deployment (deployment_facts.c), its status (deployment_status.c), the shell
 * (deployment.c).
 */
#pragma once

#include "common/base/selector.h"
#include "controller/controllers_internal.h"
#include "controller/deployment_plan.h"
#include "controller/facts.h"
#include "controller/order_facts.h"
#include "controller/order_lost_plan.h"

#define REVISION_ANNOTATION "deployment.kubernetes.io/revision"
#define HISTORY_ANNOTATION  "deployment.kubernetes.io/revision-history"
#define DESIRED_ANNOTATION  "deployment.kubernetes.io/desired-replicas"
#define MAX_ANNOTATION      "deployment.kubernetes.io/max-replicas"
#define HASH_LABEL          "pod-template-hash"

/* Everything that one reconcile looks at; references into the caches. */
struct deployment_facts {
	json_t *deployment;
	struct deployment_want want;
	struct cache_range sets;   /* the ReplicaSets it controls */
	struct deployment_set *at; /* the same, for the plan */
	size_t new_set;            /* SIZE_MAX: none */
	bool has_old;
	struct deployment_counts counts; /* as they are now */
	/* Dependency order: */
	bool has_dependencies, is_waiting;
	bool is_lost;              /* a dependency is, and so nothing runs */
	bool watches_dependencies; /* even while it runs */
	enum order_latch latch;
	enum order_gate gate;
	struct str gate_text;
	int64_t gate_wake_ms;
};

void deployment_facts_init(struct deployment_facts *f, const struct context *c, json_t *deployment);
void deployment_facts_fini(struct deployment_facts *f);
/* Evaluates gate and latch; `since_ms`: when this generation was seen first. */
void deployment_facts_gate(struct deployment_facts *f, const struct context *c, int64_t since_ms,
			   int64_t now_ms);

static inline json_t *deployment_new_set(const struct deployment_facts *f)
{
	return f->new_set == SIZE_MAX ? NULL : f->sets.at[f->new_set]->tree;
}

/* The status as it should be; *ret_wake_ms: the progress deadline, or -1. */
json_t *deployment_make_status(const struct deployment_facts *f, int64_t now_us,
			       int64_t *ret_wake_ms);
