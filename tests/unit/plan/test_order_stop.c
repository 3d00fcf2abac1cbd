/* order_plan: in which order things stop, as a table and for every small graph. */
#include "tests/unit/plan/order_world.h"

/* Stop facts by node: '.' alive; being deleted since 0 s with pods: 'h' held by others, 'd'
 * stopping since 0 s, 's' since 60 s, 'o' orphaning them; 'g' stopping without pods. `who`: a node,
 * or -1 for the first Service. Grace is 30 s. */
static const struct {
	const char *name, *graph, *facts;
	int who;
	int64_t now_ms;
	const char *result;
} stops[] = {
	{ "waits for more", "a:b b", ".h", 1, 400, "hold 600 waiting a moment for more deletions" },
	{ "alive dependents never hold", "a:b b", ".h", 1, 1000, "go" },
	{ "waits for the dependent", "a:b b", "dh", 1, 1000,
	  "hold 59000 stops after Deployment/a" },
	{ "its pods are gone", "a:b b", "gh", 1, 1000, "go" },
	{ "bound", "a:b b", "dh", 1, 60000, "late no longer waiting for Deployment/a to stop" },
	{ "one that is held has not begun", "a:b b:c c", "dhh", 2, 60000,
	  "hold stops after Deployment/b" },
	{ "held for an hour: still not begun", "a:b b:c c", "dhh", 2, 3600000,
	  "hold stops after Deployment/b" },
	{ "each link has its own time", "a:b b:c c", "dsh", 2, 61000,
	  "hold 59000 stops after Deployment/b" },
	{ "the sum of a chain of deaf ones", "a:b b:c c", "dsh", 2, 120000,
	  "late no longer waiting for Deployment/b to stop" },
	{ "the last to stop counts", "a:c b:c c", "dsh", 2, 60000,
	  "hold 60000 stops after Deployment/a, Deployment/b" },
	{ "a held one beside a late one", "a:c b:c c", "dhh", 2, 99000,
	  "hold stops after Deployment/a, Deployment/b" },
	{ "pods that are left to themselves", "a:b b", "oh", 1, 1000, "go" },
	{ "the top goes", "a:b b:c c", "hhh", 0, 1000, "go" },
	{ "cycle is never held", "a:b b:a", "hh", 1, 0, "go" },
	{ "nor does its member hold", "a:a,b b", "dh", 1, 1000, "go" },
	{ "through a service", "a:Service/s S/s=b b", "dh", 1, 1000,
	  "hold 59000 stops after Deployment/a" },
	{ "the service itself", "a:Service/s S/s=b b", "dh", -1, 1000,
	  "hold 59000 stops after Deployment/a" },
	{ "a service waits for more", "a:Service/s S/s=b b", "..", -1, 1,
	  "hold 999 waiting a moment for more deletions" },
	{ "a service is not held by the living", "a:Service/s S/s=b b", ".h", -1, 1000, "go" },
	{ "nor by what it stands for", "a:Service/s S/s=b b", "gd", -1, 1000, "go" },
	{ "a service's bound", "a:Service/s S/s=b b", "dh", -1, 60000,
	  "late no longer waiting for Deployment/a to stop" },
	{ "many", "a:z b:z c:z d:z e:z f:z g:z h:z i:z j:z k:z l:z z", "dddddddddddhh", 12, 1000,
	  "hold 59000 stops after Deployment/a, Deployment/b, Deployment/c, Deployment/d, "
	  "Deployment/e, Deployment/f, Deployment/g, Deployment/h, Deployment/i, Deployment/j "
	  "and 2 more" },
};

static struct order_stop_facts stop_facts_of(char letter)
{
	return (struct order_stop_facts){ .is_deleting = letter != '.',
					  .is_held = letter == 'h',
					  .has_pods = letter != 'g',
					  .is_exempt = letter == 'o',
					  .stopping_since_ms = letter == 's' ? 60000 : 0,
					  .grace_ms = 30000 };
}

static void test_stops(void)
{
	static const char *const words[] = { "go", "hold", "late" };
	for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
		struct drawn d = draw(stops[i].graph);
		struct order_stop_facts facts[16] = { 0 }, service = stop_facts_of('h');
		for (size_t n = 0; n < d.g->nodes_count; n++)
			facts[n] = stop_facts_of(stops[i].facts[n]);
		AUTO_STR text, got;
		str_init(&text, 4096);
		str_init(&got, 4096);
		int64_t wake_ms, now_ms = stops[i].now_ms;
		enum order_stop stop = stops[i].who < 0
					       ? order_stop_service(d.g, 0, &service, facts, now_ms,
								    &wake_ms, &text)
					       : order_stop(d.g, (size_t)stops[i].who, facts,
							    now_ms, &wake_ms, &text);
		str_add(&got, words[stop]);
		if (wake_ms >= 0)
			str_addf(&got, " %lld", (long long)wake_ms);
		if (text.len)
			str_addf(&got, " %s", text.data);
		CHECK_TEXT(stops[i].name, got.data, stops[i].result);
		erase(&d);
	}
}

/*
 * Everything is deleted at once and every pod is deaf: whatever the graph, each node goes no later
 * than the sum of times along the longest chain above it, and no earlier than those above it.
 */
static void test_every_stop(void)
{
	enum { N = 4, STEP_MS = 1000, GRACE_MS = 5000, LINK_MS = GRACE_MS + ORDER_STOP_EXTRA_MS };
	for (unsigned edges = 0; edges < 1u << (N * (N - 1) / 2); edges++) {
		AUTO_STR text;
		str_init(&text, 256);
		unsigned bit = 0;
		int64_t depth[N] = { 0 }; /* of those above */
		for (int from = 0; from < N; from++) {
			str_addf(&text, "%s%c", from ? " " : "", 'a' + from);
			for (int to = from + 1, first = 1; to < N; to++, bit++) {
				if (!(edges & 1u << bit))
					continue;
				str_addf(&text, "%c%c", first ? ':' : ',', 'a' + to);
				depth[to] = MAX(depth[to], depth[from] + 1);
				first = 0;
			}
		}
		struct drawn d = draw(text.data);
		struct order_stop_facts facts[N];
		for (int i = 0; i < N; i++)
			facts[i] = stop_facts_of('h'), facts[i].grace_ms = GRACE_MS;
		size_t left = N;
		for (int64_t now = 0; left > 0; now += STEP_MS) {
			for (size_t i = 0; i < N; i++) {
				int64_t wake_ms;
				AUTO_STR why;
				str_init(&why, 1024);
				if (!facts[i].is_held || order_stop(d.g, i, facts, now, &wake_ms,
								    &why) == ORDER_STOP_HOLD)
					continue;
				facts[i].is_held = false;
				facts[i].stopping_since_ms = now;
				left--;
				CHECK(now <= ORDER_STOP_WAIT_MS + depth[i] * (LINK_MS + STEP_MS));
				for (size_t on = 0; on < N; on++)
					CHECK(!order_depends_on(d.g, i, on) || facts[on].is_held);
			}
		}
		erase(&d);
	}
}

int main(void)
{
	test_stops();
	test_every_stop();
	return 0;
}
