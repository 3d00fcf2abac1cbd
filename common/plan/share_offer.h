/*
 * share_offer.h - offers to external frameworks (schedulers of their own, as on Apache Mesos): free
 * resources of one machine are offered to one framework at a time; it accepts a part, or declines for a
 * while; what it sits on is rescinded. Who is next is a matter of shares. Pure.
 *
 * A framework is a leaf with a weight. Its share is its largest part of any resource, of what it runs
 * and what it is offered, by weight; the lowest share is offered first, ties by number (Ghodsi et al.,
 * NSDI 2011; Mesos calls it wDRF). An offer is all that is free on a machine, so that no framework is
 * starved by crumbs; as much as its limit leaves.
 *
 * Nobody is starved by a framework that hoards: an offer that is neither accepted nor declined within
 * offer_timeout_us is rescinded, and the framework gets none for decline_default_us, twice as long each
 * further time, until it answers one or revives; so of any time it holds up others for a part that goes
 * to nothing. One that accepts is charged for what it holds and comes last. A machine that a framework
 * declined is offered to it again when the filter's time is over, or at once when more is free on it
 * than it declined (as in Mesos, where a filter holds for the refused resources and subsets), or when it
 * revives.
 *
 * A change costs O(1) (a machine or framework that goes: O(what it had)); a decision O(machines ×
 * frameworks).
 */
#pragma once

#include "common/plan/share_plan.h"

#define OFFER_FRAMEWORKS_MAX 100
#define OFFER_MACHINES_MAX   5000
#define OFFERS_MAX           (OFFER_MACHINES_MAX * 4)
#define OFFER_NEVER          INT64_MAX

struct offer_settings {
	uint32_t resources;
	int64_t offer_timeout_us;   /* 0: an offer stands until it is answered */
	int64_t decline_default_us; /* of a filter whose time is not said; Mesos: 5 s */
};

struct offers; /* lives in its arena */

struct offers *offers_new(const struct offer_settings *s, struct arena *a);

enum offer_change_kind {
	/* Framework `framework` has `weight` and `limit`; a new one has the next number. */
	OFFER_FRAMEWORK_IS,
	OFFER_FRAMEWORK_GONE, /* it runs nothing and is offered nothing any more */
	/* Machine `machine` has `amounts` in all; none: it is gone, with what runs on it. */
	OFFER_MACHINE_IS,
	OFFER_MADE,     /* as the action asked */
	OFFER_ACCEPTED, /* `amounts` of offer `offer` are used, the rest is declined for filter_us */
	OFFER_DECLINED,   /* offer `offer`, for filter_us */
	OFFER_RESCINDED,  /* as the action asked */
	OFFER_TASK_ENDED, /* `framework` gives `amounts` on `machine` back */
	OFFER_REVIVED,    /* framework `framework`: its filters are gone, it wants offers */
	OFFER_SUPPRESSED, /* it wants none until it is revived */
	OFFER_CHANGE_COUNT
};
struct offer_change {
	enum offer_change_kind kind;
	uint32_t framework, machine, offer;
	struct share_amounts amounts, limit;
	double weight;
	int64_t filter_us; /* < 0: the default; 0: no filter */
	int64_t now_us;
};
/* ERR_INVALID, and nothing is changed: no such thing (an offer that was rescinded, too), or more than
 * there is. ERR_LIMIT. */
int offers_apply(struct offers *o, const struct offer_change *c, struct error *err) MUST_CHECK;

enum offer_action_kind { OFFER_DO_WAIT, OFFER_DO_MAKE, OFFER_DO_RESCIND, OFFER_ACTION_COUNT };
struct offer_action {
	enum offer_action_kind kind;
	uint32_t framework, machine, offer; /* `offer` is never used twice at a time */
	struct share_amounts amounts;
	const char *why;
	int64_t wake_us; /* WAIT: look again then; OFFER_NEVER: at the next change */
};
struct offer_action offers_next(struct offers *o, int64_t now_us);

double offers_share(const struct offers *o, uint32_t framework);
