/*
 * share_world.h - queues that want tasks, and a cluster that does what share_plan says until it says
 * wait. A tree is words `name[<parent][*weight][g2,4][r1,0][l8,8]`: guarantee, reservation and limit of
 * two resources; a want is `name=1,4x10`: ten tasks of (1, 4); with `~` behind, they may be revoked.
 */
#pragma once

#include "common/base/str.h"
#include "common/plan/share_plan.h"
#include "tests/support/check.h"

#define QUEUES_MAX 64

struct queue_world {
	const char *name;
	struct share_amounts task;
	int waits, runs, lent; /* tasks */
	bool takes_revocable;
};
struct share_world {
	struct share_tree *tree;
	struct queue_world queues[QUEUES_MAX]; /* by node */
	bool lent[20000];                      /* by task */
	int starts, evictions;
};

static inline void share_change(struct share_world *w, struct share_change c)
{
	struct error err = { .text = "" };
	int code = share_apply(w->tree, &c, &err);
	CHECK_TEXT("change", code < 0 ? err.text : "", "");
}

static inline void show_head(struct share_world *w, uint32_t node)
{
	const struct queue_world *q = &w->queues[node];
	share_change(w, (struct share_change){ .kind = SHARE_HEAD,
					       .node = node,
					       .amounts = q->task,
					       .has_head = q->waits > 0,
					       .takes_revocable = q->takes_revocable });
}

static inline const char *read_amounts(const char *at, struct share_amounts *ret)
{
	char *end;
	ret->of[0] = strtol(at, &end, 10);
	CHECK(*end == ',');
	ret->of[1] = strtol(end + 1, &end, 10);
	return end;
}

static inline uint32_t find_queue(const struct share_world *w, const char *name, size_t n)
{
	for (uint32_t i = 1; i < share_nodes_count(w->tree); i++)
		if (strlen(w->queues[i].name) == n && strncmp(w->queues[i].name, name, n) == 0)
			return i;
	CHECK(false); /* no such queue */
	return 0;
}

static inline void grow_tree(struct share_world *w, const char *text, struct arena *a)
{
	char *copy = arena_text(a, text), *state = NULL;
	for (char *word = strtok_r(copy, " ", &state); word; word = strtok_r(NULL, " ", &state)) {
		struct share_node spec = share_node_plain();
		size_t n = strcspn(word, "<*grl");
		const char *at = word + n;
		uint32_t parent = 0, node;
		struct error err = { .text = "" };
		while (*at) {
			char kind = *at++;
			size_t length = strcspn(at, "<*grl");
			if (kind == '<')
				parent = find_queue(w, at, length);
			else if (kind == '*')
				spec.weight = strtod(at, NULL);
			else
				(void)read_amounts(at, kind == 'g'   ? &spec.guarantee
						       : kind == 'r' ? &spec.reserved
								     : &spec.limit);
			at += length;
		}
		int code = share_add(w->tree, parent, &spec, &node, &err);
		CHECK_TEXT(word, code < 0 ? err.text : "", "");
		w->queues[node].name = arena_format(a, "%.*s", (int)n, word);
	}
}

static inline void want(struct share_world *w, const char *text, struct arena *a)
{
	char *copy = arena_text(a, text), *state = NULL;
	for (char *word = strtok_r(copy, " ", &state); word; word = strtok_r(NULL, " ", &state)) {
		uint32_t node = find_queue(w, word, strcspn(word, "="));
		struct queue_world *q = &w->queues[node];
		const char *x = read_amounts(strchr(word, '=') + 1, &q->task);
		q->waits = (int)strtol(x + 1, NULL, 10);
		q->takes_revocable = strchr(x, '~') != NULL;
		show_head(w, node);
	}
}

/* One action; false: it waits. */
static inline bool share_step(struct share_world *w)
{
	struct share_action act = share_next(w->tree), again = share_next(w->tree);
	CHECK(act.why && act.kind == again.kind && act.node == again.node &&
	      act.task == again.task);
	if (act.kind == SHARE_WAIT)
		return false;
	struct queue_world *q = &w->queues[act.node];
	CHECK(act.task < ARRAY_LEN(w->lent));
	if (act.kind == SHARE_START) {
		share_change(w, (struct share_change){ .kind = SHARE_STARTED,
						       .node = act.node,
						       .task = act.task,
						       .is_revocable = act.is_revocable });
		w->lent[act.task] = act.is_revocable;
		*(act.is_revocable ? &q->lent : &q->runs) += 1;
		q->waits--;
		w->starts++;
	} else {
		share_change(w, (struct share_change){ .kind = SHARE_ENDED, .task = act.task });
		*(w->lent[act.task] ? &q->lent : &q->runs) -= 1;
		q->waits++; /* it comes again */
		w->evictions++;
	}
	show_head(w, act.node);
	return true;
}

static inline void share_settle(struct share_world *w)
{
	int steps = 0;
	while (share_step(w))
		CHECK(++steps < 40000);
}
