/*
 * order_lost_plan.h - what becomes of a workload that runs when something it depends on is lost or
 * replaced: skiff.dev/on-dependency-lost and skiff.dev/restart-with. Pure.
 *
 * What was begun stands in one annotation of the workload, so that it goes on whoever leads:
 *
 *	skiff.dev/dependency-lost: lost        seen; it is restarted when the dependency is back
 *	                           stopped     nothing of it runs until the dependency is back
 *	                           restarting  nothing of it runs until all of it has stopped
 *
 * Jobs (their controller) and naked Pods (their node's agent) obey the last two. A Deployment rolls
 * out a new revision instead, and stops by having no replicas (deployment_facts.c).
 */
#pragma once

#include "common/plan/order_plan.h"

#define ORDER_LOST "skiff.dev/dependency-lost"

enum lost_policy { LOST_IGNORE, LOST_STOP, LOST_RESTART, LOST_POLICY_COUNT };
enum lost_note { NOTE_NONE, NOTE_LOST, NOTE_STOPPED, NOTE_RESTARTING, NOTE_COUNT };

struct lost_facts {
	enum order_restart how;
	enum lost_policy policy;
	enum lost_note note; /* as written */
	bool is_started;     /* its gate is open and it has not ended */
	bool runs;           /* something of it runs, be it stopping */
	bool is_lost;        /* a dependency that was ready serves nobody */
	bool holds;          /* all dependencies hold */
	bool is_replaced;    /* one of restart-with is another than when it was seen last */
};

struct lost_step {
	enum lost_note note; /* write it, if it is another */
	bool rolls_out;      /* a new revision of its template */
	bool sees;           /* write down who those of restart-with are now */
	bool is_warning;
	const char *reason, *why; /* an event, or NULL */
};
void lost_plan(const struct lost_facts *f, struct lost_step *ret);

/* The words in the annotations. Unknown ones: LOST_IGNORE, NOTE_NONE. */
enum lost_policy lost_policy_of(const char *value);
enum lost_note lost_note_of(const char *value);
const char *lost_note_name(enum lost_note note); /* NULL for NOTE_NONE */
/* Nothing of it may run. */
bool lost_note_stops(const char *value);
/* What a condition says while nothing may run although the gate would hold: of no replicas wanted,
 * none is missing. */
#define LOST_SERVES_NOBODY "stopped: what it depends on serves nobody"
const char *lost_note_text(const char *value);
