/* The drawn graph and the chain of causes, as golden text. Workloads are written "name<depends". */
#include "cli/tree_plan.h"
#include "tests/support/check.h"

#define NODES_MAX 16

struct workload {
	const char *kind, *name, *depends;
	enum ready_state state;
	bool waits;
	const char *text;
};

static const struct row {
	const char *name;
	struct workload at[NODES_MAX];
	const char *tree;
	const char *why; /* of the first one; its causes stand in brackets */
} rows[] = {
	{ "one alone",
	  { { "Deployment", "a", "", READY_YES, false, "1/1 ready" } },
	  "✓ Deployment/a  1/1 ready\n",
	  "Deployment/a  1/1 ready\n[]" },
	{ "a chain",
	  { { "Deployment", "a", "b", READY_WAITING, true, "waiting for b" },
	    { "Deployment", "b", "c", READY_WAITING, true, "waiting for c" },
	    { "Deployment", "c", "", READY_STUCK, false, "0/1 ready" } },
	  "· Deployment/a  waiting for b\n"
	  "└─ · Deployment/b  waiting for c\n"
	  "   └─ ! Deployment/c  0/1 ready\n",
	  "Deployment/a  waiting for b\n"
	  "└─ Deployment/b  waiting for c\n"
	  "   └─ Deployment/c  0/1 ready\n"
	  "[c]" },
	{ "a diamond is drawn once",
	  { { "Deployment", "a", "b, c", READY_WAITING, true, "waits" },
	    { "Deployment", "b", "d", READY_YES, false, "1/1 ready" },
	    { "Deployment", "c", "d", READY_FAILED, false, "crashed" },
	    { "Deployment", "d", "Job/m:completed", READY_YES, false, "1/1 ready" },
	    { "Job", "m", "", READY_YES, false, "completed" } },
	  "· Deployment/a  waits\n"
	  "├─ ✓ Deployment/b  1/1 ready\n"
	  "│  └─ ✓ Deployment/d  1/1 ready\n"
	  "│     └─ ✓ Job/m:completed  completed\n"
	  "└─ ✗ Deployment/c  crashed\n"
	  "   └─ ✓ Deployment/d  (see above)\n",
	  "Deployment/a  waits\n"
	  "└─ Deployment/c  crashed\n"
	  "[c]" },
	{ "something is not there",
	  { { "Deployment", "a", "nobody, Job/x:completed, b:exists", READY_WAITING, true,
	      "waits" },
	    { "Deployment", "b", "", READY_WAITING, false, "0/1 ready" } },
	  "· Deployment/a  waits\n"
	  "├─ ! nobody  is not there\n"
	  "├─ ! Job/x  is not there\n"
	  "└─ · Deployment/b:exists  0/1 ready\n",
	  "Deployment/a  waits\n"
	  "└─ nobody  is not there: apply it, or change skiff.dev/depends-on\n"
	  "└─ Job/x  is not there: apply it, or change skiff.dev/depends-on\n"
	  "[]" },
	{ "through a service",
	  { { "Deployment", "a", "Service/s", READY_WAITING, true, "waits" },
	    { "Deployment", "b", "", READY_STUCK, false, "0/1 ready" } },
	  "· Deployment/a  waits\n"
	  "└─ ! Deployment/b (Service/s)  0/1 ready\n",
	  "Deployment/a  waits\n"
	  "└─ Deployment/b  0/1 ready\n"
	  "[b]" },
	{ "a cycle ends",
	  { { "Deployment", "a", "b", READY_FAILED, true, "cycle" },
	    { "Deployment", "b", "a", READY_FAILED, true, "cycle" } },
	  "✗ Deployment/a  cycle\n"
	  "└─ ✗ Deployment/b  cycle\n"
	  "   └─ ✗ Deployment/a  (a cycle)\n",
	  "Deployment/a  cycle\n"
	  "└─ Deployment/b  cycle\n"
	  "   └─ Deployment/a  cycle\n"
	  "[]" },
	{ "runs, and has lost what it needed",
	  { { "Deployment", "a", "b, Job/x:completed, c:exists", READY_YES, false, "1/1 ready" },
	    { "Deployment", "b", "d", READY_STUCK, false, "0/1 ready" },
	    { "Deployment", "c", "", READY_WAITING, false, "0/1 ready" } },
	  "✓ Deployment/a  1/1 ready\n"
	  "├─ ! Deployment/b  0/1 ready\n"
	  "│  └─ ! d  is not there\n"
	  "├─ ! Job/x  is not there\n"
	  "└─ · Deployment/c:exists  0/1 ready\n",
	  "Deployment/a  1/1 ready\n"
	  "└─ Deployment/b  0/1 ready (it runs on without)\n"
	  "└─ Job/x  is not there (it runs on without)\n"
	  "[]" },
	{ "not because of others",
	  { { "Deployment", "a", "b", READY_STUCK, false, "0/1 ready" },
	    { "Deployment", "b", "", READY_WAITING, false, "0/1 ready" } },
	  "! Deployment/a  0/1 ready\n"
	  "└─ · Deployment/b  0/1 ready\n",
	  "Deployment/a  0/1 ready\n"
	  "[a]" },
};

static json_t *labels_of(const char *name)
{
	return json_pack("{s:s}", "app", name);
}

static void run_row(const struct row *r)
{
	AUTO(order_graph) *g = order_graph_new();
	struct tree_node nodes[NODES_MAX];
	json_t *labels[NODES_MAX] = { NULL };
	size_t causes[NODES_MAX], n = 0;
	struct error err;
	AUTO_JSON *selector = labels_of("b");
	AUTO_STR tree, why;
	str_init(&tree, 65536);
	str_init(&why, 65536);
	for (; r->at[n].name; n++) {
		struct order_list depends = { 0 };
		CHECK_INT(order_parse(r->at[n].depends, &depends, &err), 0);
		labels[n] = labels_of(r->at[n].name);
		CHECK_INT(order_add_workload(g, order_kind_find(r->at[n].kind), r->at[n].name,
					     labels[n], &depends),
			  n);
		nodes[n] = (struct tree_node){ r->at[n].state, r->at[n].text, r->at[n].waits };
	}
	order_add_service(g, "s", selector);
	order_link(g);
	static const char *const marks[READY_STATE_COUNT] = { "✓", "·", "!", "✗" };
	tree_draw(g, nodes, ORDER_NONE, marks, &tree);
	CHECK_TEXT(r->name, tree.data, r->tree);
	size_t count = why_chain(g, nodes, 0, &why, causes);
	str_add_char(&why, '[');
	for (size_t i = 0; i < count; i++)
		str_addf(&why, "%s%s", i ? " " : "", g->nodes[causes[i]].name);
	str_add_char(&why, ']');
	CHECK_TEXT(r->name, why.data, r->why);
	for (size_t i = 0; i < n; i++)
		json_decref(labels[i]);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		run_row(&rows[i]);
	return 0;
}
