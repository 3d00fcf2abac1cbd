/*
 * replicaset_plan.h - which pods a ReplicaSet creates and deletes next. Pure.
 *
 * Each pod fills a slot; its name follows from the set's uid, the slot and the incarnation
 * (how often the slot was filled before), so a repeated create is a harmless
 * "already exists". A stopping or finished pod holds up nobody: its slot is filled
 * anew under the next incarnation.
 */
#pragma once

#include "controller/facts.h"

#define RS_BURST_MAX 500 /* creates or deletes a plan; the next plan goes on */

struct rs_want {
	const char *uid;
	int64_t replicas;
	bool is_gate_closed; /* dependencies: nothing is created */
	bool is_deleting;    /* the set itself: nothing is done */
};

struct rs_pod {
	const char *name;
	int64_t slot; /* -1: adopted, or unknown */
	int64_t incarnation;
	bool is_active; /* not stopping, not finished */
	bool is_bound, is_ready;
	int phase; /* 0 Pending, 1 Unknown, 2 Running */
	int64_t deletion_cost;
	int64_t doubled_up; /* active pods of the same owner on its node */
	int64_t ready_since_us, created_us, restarts;
};

struct rs_create {
	int64_t slot, incarnation;
	char suffix[NAME_CHARS + 1];
};

struct rs_plan {
	struct rs_create creates[RS_BURST_MAX];
	size_t creates_count;
	size_t deletes[RS_BURST_MAX]; /* numbers of pods, first to go first */
	size_t deletes_count;
	int64_t active; /* pods that count */
};

/* `base_incarnation`: at least so many have filled slots before (pods already forgotten). */
void rs_plan_make(struct rs_plan *plan, const struct rs_want *want, const struct rs_pod *pods,
		  size_t n, int64_t base_incarnation);

/* "3.1": slot 3, incarnation 1, as pods carry it in annotation skiff.dev/slot. */
#define RS_SLOT_ANNOTATION "skiff.dev/slot"
bool rs_slot_parse(const char *text, int64_t *ret_slot, int64_t *ret_incarnation);
