/* order_plan: the annotation's syntax, cycles, gates and latches, as tables. */
#include "common/base/jsonx.h"
#include "common/plan/order_plan.h"
#include "tests/unit/plan/order_world.h"

static const struct {
	const char *name, *text, *result;
} parses[] = {
	{ "empty means none", "", "" },
	{ "blanks mean none", " \t", "" },
	{ "plain name", "db", "*/db:ready" },
	{ "the example", "db, Job/migrate:completed, Service/redis",
	  "*/db:ready Job/migrate:completed Service/redis:ready" },
	{ "conditions", "a:started,b:exists,c:ready,d:completed",
	  "*/a:started */b:exists */c:ready */d:completed" },
	{ "dots in names", "a.b-c", "*/a.b-c:ready" },
	{ "empty entry", "a,,b", "at character 3: an entry is empty" },
	{ "trailing comma", "a, ", "at character 4: an entry is empty" },
	{ "unknown kind", "a, ReplicaSet/b",
	  "at character 4: 'ReplicaSet' is no kind to depend on: use Deployment, StatefulSet, "
	  "DaemonSet, Job, CronJob, Pod or Service" },
	{ "lower case kind", "job/b",
	  "at character 1: 'job' is no kind to depend on: use Deployment, StatefulSet, DaemonSet, "
	  "Job, CronJob, Pod or Service" },
	{ "bad name", "Job/B",
	  "at character 5: 'B' is no name of a workload: lower case letters, digits, '-' and '.'" },
	{ "blank inside", "a b",
	  "at character 1: 'a b' is no name of a workload: lower case letters, digits, '-' and '.'" },
	{ "dash at the end", "a-",
	  "at character 1: 'a-' is no name of a workload: lower case letters, digits, '-' and '.'" },
	{ "unknown condition", "db:up",
	  "at character 4: unknown condition 'up': use ready, started, completed or exists" },
	{ "empty condition",
	  "db:", "at character 4: unknown condition '': use ready, started, completed or exists" },
	{ "a Deployment does not complete", "Deployment/db:completed",
	  "at character 15: a Deployment never completes; use ready, started or exists" },
	{ "a Service does not start", "Service/db:started",
	  "at character 12: a Service can be 'ready' or 'exists'" },
};

static void test_parse(void)
{
	for (size_t i = 0; i < ARRAY_LEN(parses); i++) {
		AUTO_ORDER_LIST list = { 0 };
		struct error err;
		AUTO_STR got;
		str_init(&got, 4096);
		if (order_parse(parses[i].text, &list, &err) < 0)
			str_add(&got, err.text);
		for (size_t k = 0; k < list.count; k++)
			str_addf(&got, "%s%s/%s:%s", k ? " " : "",
				 list.at[k].kind ? list.at[k].kind : "*", list.at[k].name,
				 order_condition_name(list.at[k].condition));
		CHECK_TEXT(parses[i].name, got.data, parses[i].result);
	}
	AUTO_STR many;
	str_init(&many, 4096);
	for (int i = 0; i < 65; i++)
		str_addf(&many, "%sa", i ? "," : "");
	AUTO_ORDER_LIST list = { 0 };
	struct error err;
	CHECK_INT(order_parse(many.data, &list, &err), ERR_INVALID);
	CHECK_TEXT("65 entries", err.text, "at character 129: more than 64 dependencies");
}

/* Annotations as "key=value;…" without skiff.dev/ in front. */
static const struct {
	const char *name, *kind, *annotations, *policy, *result;
} checks[] = {
	{ "all of them", "Deployment",
	  "depends-on=db;order-updates=false;restart-with=db;on-dependency-lost=stop", "Always",
	  "" },
	{ "unknown choice", "Deployment", "on-dependency-lost=die", "Always",
	  "skiff.dev/on-dependency-lost: at character 1: 'die' is unknown: use ignore, stop or "
	  "restart" },
	{ "empty choice", "Job", "on-dependency-lost=", "Never",
	  "skiff.dev/on-dependency-lost: at character 1: '' is unknown: use ignore, stop or "
	  "restart" },
	{ "no boolean", "Deployment", "order-updates=no", "Always",
	  "skiff.dev/order-updates: at character 1: 'no' is unknown: use \"true\" or \"false\"" },
	{ "depends-on comes first", "Pod", "depends-on=a b;on-dependency-lost=die", "Always",
	  "skiff.dev/depends-on: at character 1: 'a b' is no name of a workload: lower case "
	  "letters, digits, '-' and '.'" },
	{ "a Job's pods are made anew", "Job", "on-dependency-lost=restart", "Never", "" },
	{ "a Pod that restarts", "Pod", "on-dependency-lost=restart", "Always", "" },
	{ "a Pod that does not", "Pod", "on-dependency-lost=restart", "Never",
	  "skiff.dev/on-dependency-lost: at character 1: a Pod with restartPolicy Never is not "
	  "started again after a stop; leave 'restart' out, or use restartPolicy Always" },
	{ "ignoring is always possible", "Pod", "on-dependency-lost=ignore", "Never", "" },
	{ "restart with a Service", "Job", "depends-on=a, Service/db;restart-with=Service/db",
	  "Never", "" },
	{ "restart with one of a name", "Job", "depends-on=db;restart-with=Pod/db", "Never", "" },
	{ "restart with a stranger", "Job", "depends-on=db;restart-with=db, Job/other", "Never",
	  "skiff.dev/restart-with: at character 5: 'Job/other' is not in skiff.dev/depends-on: only "
	  "what a workload depends on restarts it; add it there" },
	{ "restart with another kind", "Job", "depends-on=Job/db;restart-with=Pod/db", "Never",
	  "skiff.dev/restart-with: at character 1: 'Pod/db' is not in skiff.dev/depends-on: only "
	  "what a workload depends on restarts it; add it there" },
	{ "restart with a condition", "Job", "depends-on=db;restart-with=db:started", "Never",
	  "skiff.dev/restart-with: at character 1: 'db' takes no condition here: it is about being "
	  "replaced" },
	{ "restart with nothing", "Pod", "restart-with=", "Never", "" },
	{ "restart of a Pod that does not", "Pod", "depends-on=db;restart-with=db", "OnFailure",
	  "skiff.dev/restart-with: at character 1: a Pod with restartPolicy OnFailure is not "
	  "started again after a stop; leave 'db' out, or use restartPolicy Always" },
};

static void test_checks(void)
{
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		AUTO_JSON *object = json_object();
		json_put_str(object, "spec.restartPolicy", checks[i].policy);
		json_t *annotations = json_object();
		json_put(object, "metadata.annotations", annotations);
		auto_free char *copy = xstrdup(checks[i].annotations);
		char *state = NULL;
		for (char *w = strtok_r(copy, ";", &state); w; w = strtok_r(NULL, ";", &state)) {
			char *value = strchr(w, '=');
			*value++ = '\0';
			auto_free char *key = xasprintf("skiff.dev/%s", w);
			json_object_set_new(annotations, key, json_string(value));
		}
		AUTO_STR got;
		str_init(&got, 4096);
		struct error err;
		const char *annotation;
		if (order_check(order_kind_find(checks[i].kind), object, &annotation, &err) < 0)
			str_addf(&got, "%s: %s", annotation, err.text);
		CHECK_TEXT(checks[i].name, got.data, checks[i].result);
	}
}

static const struct {
	const char *name, *graph, *cycle, *sorted;
} graphs[] = {
	{ "chain", "a:b b:c c", "", "c b a" },
	{ "diamond", "a:b,c b:d c:d d", "", "d b c a" },
	{ "two", "a:b b:a", "a → b → a", "b a" },
	{ "three", "a:b b:c c:a", "a → b → c → a", "c b a" },
	{ "itself", "a:a", "a → a", "a" },
	{ "shortest", "a:b,c b:c c:a", "a → c → a", "c b a" },
	{ "not the first", "x:a a:b b:a", "a → b → a", "b a x" },
	{ "through a service", "a:Service/s S/s=b b:a", "a → b (Service/s) → a", "b a" },
	{ "service of itself", "a:Service/s S/s=a", "a → a (Service/s)", "a" },
	{ "kind tells apart", "a:Job/a J/a", "", "a a" },
	{ "name means both", "x:a a J/a:x", "x → Job/a → x", "a a x" },
	{ "missing", "a:b", "", "a" },
};

static void test_graphs(void)
{
	for (size_t i = 0; i < ARRAY_LEN(graphs); i++) {
		struct drawn d = draw(graphs[i].graph);
		AUTO_STR cycle, sorted;
		str_init(&cycle, 4096);
		str_init(&sorted, 4096);
		CHECK(order_cycle_text(d.g, ORDER_NONE, &cycle) == (cycle.len > 0));
		CHECK_TEXT(graphs[i].name, cycle.data, graphs[i].cycle);
		size_t order[16];
		order_sort(d.g, order);
		for (size_t k = 0; k < d.g->nodes_count; k++)
			str_addf(&sorted, "%s%s", k ? " " : "", d.g->nodes[order[k]].name);
		CHECK_TEXT(graphs[i].name, sorted.data, graphs[i].sorted);
		erase(&d);
	}
	struct drawn d = draw("a:b b:c c:Deployment/a");
	AUTO_STR advice;
	str_init(&advice, 4096);
	CHECK(order_cycle_advice(d.g, 0, &advice));
	CHECK_TEXT(
		"advice", advice.data,
		"a → b → c → a; to break it, remove 'Deployment/a' from the annotation "
		"skiff.dev/depends-on of Deployment/c, or let Deployment/a depend on it instead");
	CHECK(order_has_dependents(d.g, 0));
	erase(&d);
}

/* Every graph of four nodes: members of cycles are those that reach themselves. */
static void test_every_graph(void)
{
	for (unsigned bits = 0; bits < 1u << 16; bits++) {
		struct order_graph *g = order_graph_new();
		bool reach[4][4] = { 0 };
		for (unsigned n = 0; n < 4; n++) {
			struct order_list list = { 0 };
			struct error err;
			AUTO_STR text;
			str_init(&text, 64);
			for (unsigned to = 0; to < 4; to++) {
				if (!(bits >> (n * 4 + to) & 1))
					continue;
				reach[n][to] = true;
				str_addf(&text, "%sn%u", text.len ? "," : "", to);
			}
			CHECK_INT(order_parse(text.data, &list, &err), 0);
			char name[8];
			CHECK(snprintf(name, sizeof name, "n%u", n) == 2);
			order_add_workload(g, order_kind_find("Deployment"), name, NULL, &list);
		}
		order_link(g);
		for (int k = 0; k < 4; k++)
			for (int i = 0; i < 4; i++)
				for (int j = 0; j < 4; j++)
					reach[i][j] |= reach[i][k] && reach[k][j];
		for (size_t n = 0; n < 4; n++)
			CHECK(g->nodes[n].is_in_cycle == reach[n][n]);
		size_t order[4], at[4];
		order_sort(g, order);
		for (size_t i = 0; i < 4; i++)
			at[order[i]] = i;
		for (size_t n = 0; n < 4; n++)
			for (size_t k = 0; k < g->nodes[n].edges_count; k++) {
				size_t to = g->nodes[n].edges[k].to;
				CHECK(at[to] < at[n] || reach[to][n]);
			}
		order_graph_free(g);
	}
}

static const struct {
	const char *name, *graph,
		*facts; /* by node: r ready, c completed, f failed, s started, t trouble, - none */
	bool service_ready;
	const char *result;
} gates[] = {
	{ "no dependencies", "a", "-", false, "DependenciesReady: all dependencies are ready" },
	{ "waits", "a:b b", "--", false,
	  "DependenciesPending: waiting for Deployment/b (0/1 ready)" },
	{ "holds", "a:b b", "-r", false, "DependenciesReady: all dependencies are ready" },
	{ "missing", "a:Job/x", "-", false, "DependenciesPending: waiting for Job/x (not found)" },
	{ "missing, any kind", "a:x", "-", false,
	  "DependenciesPending: waiting for x (not found)" },
	{ "two", "a:b,Job/c:completed b J/c", "---", false,
	  "DependenciesPending: waiting for Deployment/b (0/1 ready), Job/c (not completed)" },
	{ "failed", "a:Job/c:completed J/c", "-f", false,
	  "DependencyFailed: waiting for Job/c (failed: BackoffLimitExceeded)" },
	{ "crashing", "a:b b", "-t", false,
	  "DependenciesPending: waiting for Deployment/b (0/1 ready, crashing with exit code 1)" },
	{ "crashing Job", "a:Job/c:completed J/c", "-t", false,
	  "DependenciesPending: waiting for Job/c (not completed, crashing with exit code 1)" },
	{ "started", "a:b:started b", "-s", false,
	  "DependenciesReady: all dependencies are ready" },
	{ "exists", "a:b:exists b", "--", false, "DependenciesReady: all dependencies are ready" },
	{ "service", "a:Service/s S/s=b b", "-r", false,
	  "DependenciesPending: waiting for Service/s (no ready endpoint)" },
	{ "service holds", "a:Service/s S/s=b b", "--", true,
	  "DependenciesReady: all dependencies are ready" },
	{ "no service", "a:Service/s", "-", false,
	  "DependenciesPending: waiting for Service/s (not found)" },
	{ "cycle", "a:b b:a", "rr", false, "DependencyCycle: it depends on itself: a → b → a" },
	{ "all of that name", "x:a a J/a", "-r-", false,
	  "DependenciesPending: waiting for Job/a (0/1 ready)" },
};

static void test_gates(void)
{
	for (size_t i = 0; i < ARRAY_LEN(gates); i++) {
		struct drawn d = draw(gates[i].graph);
		struct order_facts facts[8] = { 0 };
		for (size_t n = 0; n < d.g->nodes_count; n++) {
			facts[n] = (struct order_facts){
				.is_ready = gates[i].facts[n] == 'r',
				.has_completed = gates[i].facts[n] == 'c',
				.has_started = gates[i].facts[n] == 's',
				.has_failed = gates[i].facts[n] == 'f',
				.failure = "BackoffLimitExceeded",
				.wanted_count = 1,
			};
			if (gates[i].facts[n] == 't')
				strcpy(facts[n].trouble, "crashing with exit code 1");
		}
		AUTO_STR text, got;
		str_init(&text, 4096);
		str_init(&got, 4096);
		enum order_gate gate = order_gate(d.g, 0, facts, &gates[i].service_ready, &text);
		str_addf(&got, "%s: %s", order_gate_reason(gate), text.data);
		CHECK_TEXT(gates[i].name, got.data, gates[i].result);
		erase(&d);
	}
}

/*
 * Services and jobs in one graph, brought up from nothing: in each round everything starts whose gate
 * holds; then what started is ready, or has completed, or (the jobs named in `failing`) has failed.
 */
static const struct {
	const char *name, *graph, *failing, *rounds;
} mixed[] = {
	{ "a job between services", "api:db,Job/migrate:completed J/migrate:db db", "",
	  "db | migrate | api" },
	{ "a job after a service, a service after a job",
	  "web:api api:Job/seed:completed J/seed:db db J/warm:web", "",
	  "db | seed | api | web | warm" },
	{ "jobs after jobs", "J/c:Job/b:completed J/b:Job/a:completed J/a", "", "a | b | c" },
	{ "a job that is only started", "api:Job/stream:started J/stream:db db", "",
	  "db | stream | api" },
	{ "a job that has completed has started too", "api:Job/a:started J/a", "", "a | api" },
	{ "independent branches side by side",
	  "web:api,Job/assets:completed api:db J/assets J/migrate:db db J/report:api,Job/migrate:completed",
	  "", "assets db | api migrate | web report" },
	{ "through a service", "J/load:Service/s S/s=api api:db db", "", "db | api | load" },
	{ "one name, both kinds", "x:a:exists,Job/a:completed a J/a", "", "a Job/a | x" },
	{ "a plain name means both, and both ready", "x:a a:Job/a:completed J/a:b b", "",
	  "b | Job/a | a; never x: DependenciesPending: waiting for Job/a (0/1 ready)" },
	{ "a failed job is named", "web:api api:db,Job/migrate:completed J/migrate:db db",
	  "migrate",
	  "db | migrate; never web: DependenciesPending: waiting for Deployment/api (0/1 ready); never "
	  "api: DependencyFailed: waiting for Job/migrate (failed: BackoffLimitExceeded)" },
	{ "a failed job holds up only what needs it", "a:Job/x:completed b:Job/y:completed J/x J/y",
	  "x",
	  "x y | b; never a: DependencyFailed: waiting for Job/x (failed: BackoffLimitExceeded)" },
	{ "a cycle of both kinds", "api:Job/migrate:completed J/migrate:api db", "",
	  "db; never api: DependencyCycle: it depends on itself: api → migrate → api; never migrate: "
	  "DependencyCycle: it depends on itself: migrate → api → migrate" },
	{ "a cycle of both kinds, through a service",
	  "api:Job/migrate:completed J/migrate:Service/s S/s=api", "",
	  "; never api: DependencyCycle: it depends on itself: api → migrate → api (Service/s); never "
	  "migrate: DependencyCycle: it depends on itself: migrate → api (Service/s) → migrate" },
};

struct bring_up {
	struct order_facts facts[16];
	bool has_started[16], services_ready[16];
};

static void look_at_services(const struct order_graph *g, struct bring_up *b)
{
	for (size_t s = 0; s < g->services_count; s++)
		for (size_t n = 0; n < g->nodes_count; n++)
			b->services_ready[s] |=
				b->facts[n].is_ready &&
				json_equal((json_t *)(uintptr_t)g->services[s].selector,
					   (json_t *)(uintptr_t)g->nodes[n].pod_labels);
}

/* Two nodes may share a name. */
static void add_node(const struct order_graph *g, size_t n, struct str *ret)
{
	bool is_shared = false;
	for (size_t i = 0; i < n; i++)
		is_shared |= streq(g->nodes[i].name, g->nodes[n].name);
	if (is_shared)
		str_addf(ret, "%s/", g->nodes[n].kind->kind);
	str_add(ret, g->nodes[n].name);
}

static bool start_round(const struct order_graph *g, struct bring_up *b, const char *failing,
			bool is_first, struct str *ret)
{
	bool starts[16] = { 0 }, is_any = false;
	for (size_t n = 0; n < g->nodes_count; n++) {
		AUTO_STR text;
		str_init(&text, 4096);
		starts[n] = !b->has_started[n] && order_gate(g, n, b->facts, b->services_ready,
							     &text) == ORDER_GATE_HOLDS;
	}
	for (size_t n = 0; n < g->nodes_count; n++) {
		if (!starts[n])
			continue;
		str_add(ret, is_any ? " " : is_first ? "" : " | ");
		add_node(g, n, ret);
		is_any = b->has_started[n] = true;
		struct order_facts *f = &b->facts[n];
		bool is_job = streq(g->nodes[n].kind->kind, "Job");
		f->has_started = true;
		f->has_failed = is_job && streq(g->nodes[n].name, failing);
		f->failure = f->has_failed ? "BackoffLimitExceeded" : NULL;
		f->has_completed = is_job && !f->has_failed;
		f->is_ready = !is_job;
	}
	look_at_services(g, b);
	return is_any;
}

static void test_mixed(void)
{
	for (size_t i = 0; i < ARRAY_LEN(mixed); i++) {
		struct drawn d = draw(mixed[i].graph);
		struct bring_up b = { 0 };
		AUTO_STR got;
		str_init(&got, 4096);
		for (size_t n = 0; n < d.g->nodes_count; n++)
			b.facts[n].wanted_count = 1;
		for (int round = 0; start_round(d.g, &b, mixed[i].failing, round == 0, &got);)
			round++;
		for (size_t n = 0; n < d.g->nodes_count; n++) {
			AUTO_STR text;
			str_init(&text, 4096);
			if (b.has_started[n])
				continue;
			enum order_gate gate = order_gate(d.g, n, b.facts, b.services_ready, &text);
			str_add(&got, "; never ");
			add_node(d.g, n, &got);
			str_addf(&got, ": %s: %s", order_gate_reason(gate), text.data);
		}
		CHECK_TEXT(mixed[i].name, got.data, mixed[i].rounds);
		erase(&d);
	}
}

static void test_latch(void)
{
	static const struct {
		const char *name;
		struct order_latch_facts facts;
		enum order_latch latch;
		int64_t wake_ms;
	} rows[] = {
		{ "no dependencies", { .gate = ORDER_GATE_HOLDS }, ORDER_LATCH_NONE, -1 },
		{ "closed",
		  { .has_dependencies = true, .gate = ORDER_GATE_PENDING, .now_ms = 9000 },
		  ORDER_LATCH_CLOSED,
		  -1 },
		{ "settles",
		  { .has_dependencies = true, .since_ms = 1000, .now_ms = 1200 },
		  ORDER_LATCH_CLOSED,
		  300 },
		{ "opens",
		  { .has_dependencies = true, .since_ms = 1000, .now_ms = 1500 },
		  ORDER_LATCH_OPEN_NOW,
		  -1 },
		{ "stays open",
		  { .has_dependencies = true, .is_open = true, .gate = ORDER_GATE_PENDING },
		  ORDER_LATCH_OPEN,
		  -1 },
		{ "updates not ordered",
		  { .has_dependencies = true, .is_update = true, .gate = ORDER_GATE_PENDING },
		  ORDER_LATCH_NONE,
		  -1 },
		{ "first start is, always",
		  { .has_dependencies = true, .gate = ORDER_GATE_PENDING },
		  ORDER_LATCH_CLOSED,
		  -1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t wake_ms;
		if (order_latch(&rows[i].facts, &wake_ms) != rows[i].latch ||
		    wake_ms != rows[i].wake_ms) {
			fprintf(stderr, "latch '%s'\n", rows[i].name);
			exit(1);
		}
	}
}

int main(void)
{
	test_parse();
	test_checks();
	test_graphs();
	test_every_graph();
	test_gates();
	test_mixed();
	test_latch();
	return 0;
}
