/* deployment_plan: a table, and rolling updates stepped through every setting. */
#include "common/base/str.h"
#include "controller/deployment_plan.h"
#include "tests/support/check.h"

#define DESIRED 10

/* A set is "letter replicas/available": n new, o old (oldest first); ":d" its desired annotation
 * where it is not the wanted number; "@" its revision where it is not its place. Flags: r
 * recreate, p paused, g gate closed, l old pods live, c complete. */
static const struct {
	const char *name;
	int64_t replicas, surge, unavailable;
	const char *flags, *sets, *plan;
} rows[] = {
	{ "first", 3, 1, 0, "", "", "create 3" },
	{ "first, gate closed", 3, 1, 0, "g", "", "create 3" },
	{ "new beside old", 10, 3, 2, "", "o10/10", "create 3" },
	{ "new beside old, gate closed", 10, 3, 2, "g", "o10/10", "create 0" },
	{ "held by the gate", 10, 3, 2, "g", "o10/10 n0/0", "" },
	{ "surge, then down", 10, 3, 2, "", "o10/10 n3/0", "0=8" },
	{ "ready ones release old ones", 10, 3, 2, "", "o8/8 n5/3", "0=5" },
	{ "grow as old ones go", 10, 3, 2, "", "o5/5 n5/5", "1=8" },
	{ "sick old pods first", 10, 0, 2, "", "o5/0 o5/5 n0/0", "0=3" },
	{ "end", 3, 1, 0, "", "o1/1 n3/3", "0=0" },
	{ "nothing to do", 3, 1, 0, "", "o0/0 n3/3", "" },
	{ "scaled", 5, 1, 0, "", "n3/3:3", "0=5" },
	{ "scaled in proportion", 20, 5, 0, "", "o6/6:10/13 n7/3:10/13", "1=13 0=12" },
	{ "scaled to zero", 0, 1, 0, "", "o6/6:10/13 n7/3:10/13", "1=0 0=0" },
	{ "paused makes nothing", 3, 1, 0, "p", "o3/3", "" },
	{ "paused scales", 5, 1, 0, "p", "o3/3", "0=5" },
	{ "recreate stops old ones", 3, 0, 0, "r", "o3/3", "0=0" },
	{ "recreate waits for the last", 3, 0, 0, "rl", "o0/0", "" },
	{ "recreate starts", 3, 0, 0, "r", "o0/0", "create 3" },
	{ "recreate holds for the gate", 3, 0, 0, "rg", "o3/3", "create 0" },
	{ "recreate held", 3, 0, 0, "rgl", "o3/3 n0/0", "" },
	{ "recreate goes on", 3, 0, 0, "rl", "o3/3 n0/0", "0=0" },
	{ "recreate grows", 3, 0, 0, "r", "o0/0 n0/0", "1=3" },
	{ "history", 1, 1, 0, "c", "o0/0 o0/0 o0/0 n1/1", "-0" },
	{ "history: an undone one is young", 1, 1, 0, "c", "o0/0@5 o0/0 o0/0 n1/1", "-1" },
	{ "history only when complete", 1, 1, 0, "", "o0/0 o0/0 o0/0 n1/1", "" },
};

static size_t parse(const char *text, int64_t replicas, int64_t surge, struct deployment_set *sets)
{
	size_t n = 0;
	while (*text) {
		char *end;
		struct deployment_set *s = &sets[n];
		*s = (struct deployment_set){ .is_new = *text == 'n',
					      .is_observed = true,
					      .desired = replicas,
					      .max = replicas + surge,
					      .created_us = 1, /* all within one second */
					      .revision = (int64_t)n + 1,
					      .name = "x" };
		s->replicas = s->status_replicas = strtoll(text + 1, &end, 10);
		s->available = strtoll(end + 1, &end, 10);
		if (*end == ':')
			s->desired = strtoll(end + 1, &end, 10);
		if (*end == '/')
			s->max = strtoll(end + 1, &end, 10);
		if (*end == '@')
			s->revision = strtoll(end + 1, &end, 10);
		text = end + (*end == ' ');
		n++;
	}
	return n;
}

static void print(const struct deployment_plan *plan, struct str *out)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct deployment_action *a = &plan->actions[i];
		const char *gap = i ? " " : "";
		if (a->verb == DEPLOYMENT_CREATE)
			str_addf(out, "%screate %lld", gap, (long long)a->replicas);
		else if (a->verb == DEPLOYMENT_SCALE)
			str_addf(out, "%s%zu=%lld", gap, a->set, (long long)a->replicas);
		else
			str_addf(out, "%s-%zu", gap, a->set);
	}
}

static void test_table(void)
{
	static struct deployment_plan plan;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct deployment_set sets[8];
		const struct deployment_want want = {
			.replicas = rows[i].replicas,
			.max_surge = rows[i].surge,
			.max_unavailable = rows[i].unavailable,
			.history_limit = 2,
			.is_recreate = strchr(rows[i].flags, 'r'),
			.is_paused = strchr(rows[i].flags, 'p'),
			.is_gate_closed = strchr(rows[i].flags, 'g'),
			.old_pods_are_running = strchr(rows[i].flags, 'l'),
			.is_complete = strchr(rows[i].flags, 'c'),
		};
		deployment_plan_make(&plan, &want, sets,
				     parse(rows[i].sets, want.replicas, want.max_surge, sets));
		AUTO_STR got;
		str_init(&got, 4096);
		print(&plan, &got);
		CHECK_TEXT(rows[i].name, got.data, rows[i].plan);
	}
}

/* A rollout from old to new, pods becoming available one at a time or all at once: it always ends, and
 * never has too many or too few on the way. */
static void roll(int64_t replicas, int64_t surge, int64_t unavailable, bool one_at_a_time,
		 bool is_old_sick)
{
	static struct deployment_plan plan;
	struct deployment_set sets[2] = {
		{ .replicas = replicas,
		  .desired = replicas,
		  .max = replicas + surge,
		  .name = "old",
		  .available = is_old_sick ? 0 : replicas,
		  .created_us = 1,
		  .is_observed = true },
		{ .is_new = true,
		  .desired = replicas,
		  .max = replicas + surge,
		  .name = "new",
		  .created_us = 2,
		  .is_observed = true },
	};
	const struct deployment_want want = { .replicas = replicas,
					      .max_surge = surge,
					      .max_unavailable = unavailable,
					      .history_limit = -1 };
	for (int step = 0; step < 1000; step++) {
		deployment_plan_make(&plan, &want, sets, 2);
		for (size_t i = 0; i < plan.count; i++) {
			struct deployment_set *s = &sets[plan.actions[i].set];
			CHECK_INT(plan.actions[i].verb, DEPLOYMENT_SCALE);
			/* The sick go first when a set shrinks. */
			s->replicas = plan.actions[i].replicas;
			s->available = MIN(s->available, s->replicas);
		}
		CHECK(sets[0].replicas + sets[1].replicas <= replicas + surge);
		if (!is_old_sick)
			CHECK(sets[0].available + sets[1].available >= replicas - unavailable);
		if (sets[0].replicas == 0 && sets[1].available == replicas)
			return;
		bool is_moving = sets[1].available < sets[1].replicas;
		CHECK(plan.count > 0 || is_moving);
		if (is_moving)
			sets[1].available =
				one_at_a_time ? sets[1].available + 1 : sets[1].replicas;
	}
	CHECK(false); /* the rollout never ends */
}

int main(void)
{
	test_table();
	for (int64_t replicas = 1; replicas <= DESIRED; replicas++)
		for (int64_t surge = 0; surge <= replicas; surge++)
			for (int64_t unavailable = surge == 0; unavailable <= replicas;
			     unavailable++)
				for (int mode = 0; mode < 4; mode++)
					roll(replicas, surge, unavailable, mode & 1, mode & 2);
	return 0;
}
