/*
 * budget_plan.h - PodDisruptionBudgets: what their status should say, and whether one pod may go
 * now. The controller keeps the first, the server asks the second of each eviction. Pure.
 *
 * Source: policy/v1, upstream's disruption controller and eviction subresource.
 */
#pragma once

#include "common/base/str.h"

#include <jansson.h>

#define BUDGET_DISRUPTED_MAX 2000
#define BUDGET_DELETION_MS   120000 /* so long an evicted pod may take until it is seen stopping */
#define BUDGET_RETRY_S       10

/* ---- keeping the status ---- */

struct budget_pod {
	const char *name;
	bool is_stopping, is_ready;
	const char *owner_uid; /* of its controller; NULL: nobody controls it */
	int64_t owner_scale;   /* replicas that the controller wants */
	const char *problem;   /* the controller's scale is not known: why; NULL: it is */
};

struct budget_status {
	json_t *status;     /* as it should be, the caller's; NULL: as it is */
	int64_t wake_ms;    /* when to look again; -1: only when something changes */
	bool has_unmanaged; /* pods that nobody controls were left out of the count */
};

void budget_status_make(const json_t *budget, const struct budget_pod *pods, size_t n,
			int64_t now_us, struct budget_status *ret);

/* ---- evicting ---- */

enum budget_verdict {
	BUDGET_FREE,   /* the pod may go, and does not count */
	BUDGET_TAKEN,  /* it may go; the budget was changed, and must be written with it */
	BUDGET_BEHIND, /* the status is about an older spec: again in BUDGET_RETRY_S */
	BUDGET_SPENT,  /* it may not go now; why */
	BUDGET_BROKEN, /* the status is not to be trusted; why */
};

/* `budget` is a copy that may be changed; `why` gets words for whoever asked. */
enum budget_verdict budget_take(json_t *budget, const char *pod, bool is_ready, const char *now,
				struct str *why);
