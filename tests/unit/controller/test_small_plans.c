/* Tables of the smaller plans: nodes, garbage, endpoints, scheduler, storage in use. */
#include "common/base/str.h"
#include "common/base/time_text.h"
#include "controller/endpoints_plan.h"
#include "controller/gc_plan.h"
#include "controller/node_plan.h"
#include "controller/protection_plan.h"
#include "controller/scheduler/scheduler_plan.h"
#include "tests/support/check.h"

static json_t *parse(const char *text)
{
	char *copy = xstrdup(text);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	json_t *tree = json_loads(copy, JSON_DECODE_ANY, NULL);
	if (!tree)
		fprintf(stderr, "no JSON: %s\n", copy);
	CHECK(tree);
	free(copy);
	return tree;
}

/* ---- nodes ---- */
static void test_ranges(void)
{
	static const char *const taken[] = { "10.244.0.0/24", "10.244.1.0/25", "10.244.3.0/24" };
	char out[32];
	CHECK(node_plan_range("10.244.0.0/16", 24, NULL, 0, out));
	CHECK_TEXT("first", out, "10.244.0.0/24");
	CHECK(node_plan_range("10.244.0.0/16", 24, taken, 3, out));
	CHECK_TEXT("a hole", out, "10.244.2.0/24");
	CHECK(!node_plan_range("10.244.0.0/23", 24, taken, 3, out));
	CHECK(!node_plan_range("10.244.0.0", 24, taken, 3, out));
	CHECK(!node_plan_range("10.244.0.0/25", 24, taken, 3, out));
}

static void test_eviction(void)
{
	static const struct {
		const char *name, *tolerations, *taints;
		int64_t ms;
	} rows[] = {
		{ "no taint", "[]", "[]", -1 },
		{ "not tolerated", "[]", "[{'key':'k','effect':'NoExecute'}]", 0 },
		{ "NoSchedule does not evict", "[]", "[{'key':'k','effect':'NoSchedule'}]", -1 },
		{ "for ever", "[{'key':'k','operator':'Exists'}]",
		  "[{'key':'k','effect':'NoExecute'}]", -1 },
		{ "for a time", "[{'key':'k','operator':'Exists','tolerationSeconds':300}]",
		  "[{'key':'k','effect':'NoExecute','timeAdded':'2027-01-01T00:00:00Z'}]", 200001 },
		{ "time is over", "[{'key':'k','operator':'Exists','tolerationSeconds':60}]",
		  "[{'key':'k','effect':'NoExecute','timeAdded':'2027-01-01T00:00:00Z'}]", 0 },
		{ "wrong value", "[{'key':'k','value':'a'}]",
		  "[{'key':'k','value':'b','effect':'NoExecute'}]", 0 },
	};
	int64_t now_us;
	CHECK(time_parse("2027-01-01T00:01:40Z", &now_us));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_JSON *pod = json_object(), *taints = parse(rows[i].taints);
		json_put(pod, "spec.tolerations", parse(rows[i].tolerations));
		int64_t ms = node_plan_evict_in_ms(pod, taints, now_us);
		if (ms != rows[i].ms)
			fprintf(stderr, "%s\n", rows[i].name);
		CHECK_INT(ms, rows[i].ms);
	}
}

static void test_taints(void)
{
	AUTO_JSON *node =
		parse("{'spec':{'unschedulable':true,'taints':[{'key':'mine','effect':"
		      "'NoSchedule'},{'key':'node.kubernetes.io/not-ready','effect':'NoExecute'}]},"
		      "'status':{'conditions':[{'type':'Ready','status':'Unknown'}]}}");
	AUTO_JSON *taints = node_plan_taints(node, "now");
	AUTO_STR text;
	str_init(&text, 4096);
	for (size_t i = 0; i < json_array_size(taints); i++)
		str_addf(&text, "%s:%s ", json_str(json_array_get(taints, i), "key"),
			 json_str(json_array_get(taints, i), "effect"));
	CHECK_TEXT(
		"taints", text.data,
		"mine:NoSchedule node.kubernetes.io/unreachable:NoSchedule "
		"node.kubernetes.io/unreachable:NoExecute node.kubernetes.io/unschedulable:NoSchedule ");
	int64_t wake_ms;
	CHECK(!node_plan_is_lost(&(struct node_signs){ 39999, true, "True" }, &wake_ms));
	CHECK_INT(wake_ms, 1);
	CHECK(node_plan_is_lost(&(struct node_signs){ 40000, true, "True" }, &wake_ms));
	CHECK(!node_plan_is_lost(&(struct node_signs){ 90000, true, "Unknown" }, &wake_ms));
	CHECK(!node_plan_is_lost(&(struct node_signs){ 50000, false, "" }, &wake_ms));
}

/* ---- garbage ---- */
static const struct gc_kind things = { { "", "v1", "things", true }, "v1", "Thing" };

/* Objects are "name(:owner,…)" and flags before it: f foreground, o orphan, d deleting, h held; an
 * owner with '!' blocks. */
static const struct {
	const char *name, *objects, *of, *absent, *plan;
} garbage[] = {
	{ "no owners", "a", "a", "", "nothing" },
	{ "owner there", "a b:a", "b", "", "nothing" },
	{ "owner unknown", "b:a", "b", "", "verify 0" },
	{ "owner gone", "b:a", "b", "a", "delete Background" },
	{ "one of two gone", "c b:a,c", "b", "a", "drop a" },
	{ "both gone", "b:a,c", "b", "a c", "delete Background" },
	{ "unknown and gone", "b:a,c", "b", "a", "verify 1" },
	{ "foreground waits", "fa b:a!", "a", "", "wake" },
	{ "foreground, blocked by nobody", "fa b:a", "a", "", "drop-finalizer" },
	{ "foreground deletes dependents", "fa b:a!", "b", "", "delete Background" },
	{ "foreground goes deep", "fa b:a! c:b!", "b", "", "delete Foreground" },
	{ "foreground, held by the stop order", "fha b:a!", "a", "", "nothing" },
	{ "dependents of a held one stay", "fha b:a!", "b", "", "nothing" },
	{ "not blocking: stays till the owner goes", "fa b:a", "b", "", "nothing" },
	{ "another owner remains", "fa c b:a!,c", "b", "", "drop a" },
	{ "orphan", "oa b:a", "a", "", "orphan" },
	{ "already deleting", "db:a", "b", "a", "nothing" },
};

static void add_garbage(struct gc_graph *g, const char *word)
{
	json_t *o = json_object(), *owners = json_array(), *finalizers = json_array();
	const char *name = word;
	while (strchr("fodh", *name) && name[1] && name[1] != ':') {
		json_put_str(o, "metadata.deletionTimestamp", "2027-01-01T00:00:00Z");
		const char *finalizer = *name == 'f'   ? "foregroundDeletion"
					: *name == 'o' ? "orphan"
					: *name == 'h' ? "skiff.dev/stop-order"
						       : "other";
		json_array_append_new(finalizers, json_string(finalizer));
		name++;
	}
	char uid[2] = { *name, '\0' };
	json_put_str(o, "metadata.uid", uid);
	json_put_str(o, "metadata.name", uid);
	json_put_str(o, "metadata.namespace", "n");
	for (const char *p = name + 1; *p; p++) {
		if (*p == ':' || *p == ',')
			continue;
		if (*p == '!') {
			json_put_bool(json_array_get(owners, json_array_size(owners) - 1),
				      "blockOwnerDeletion", true);
			continue;
		}
		char owner_uid[2] = { *p, '\0' };
		json_t *owner = json_object();
		json_put_str(owner, "uid", owner_uid);
		json_array_append_new(owners, owner);
	}
	json_put(o, "metadata.ownerReferences", owners);
	json_put(o, "metadata.finalizers", finalizers);
	gc_graph_put(g, &things, o);
	json_decref(o);
}

static void test_garbage(void)
{
	for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
		struct gc_graph g = { 0 };
		char *copy = xstrdup(garbage[i].objects), *save = NULL;
		for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save))
			add_garbage(&g, p);
		free(copy);
		for (const char *p = garbage[i].absent; *p; p++)
			if (*p != ' ')
				gc_graph_set_absent(&g, (char[]){ *p, '\0' });
		struct gc_plan plan;
		const struct gc_node *n = gc_graph_get(&g, garbage[i].of);
		gc_plan_make(&plan, &g, n);
		static const char *const words[] = { "nothing",        "verify", "delete", "drop",
						     "drop-finalizer", "wake",   "orphan" };
		AUTO_STR got;
		str_init(&got, 256);
		str_add(&got, words[plan.verb]);
		if (plan.verb == GC_VERIFY)
			str_addf(&got, " %zu", plan.owner);
		if (plan.verb == GC_DELETE)
			str_addf(&got, " %s", plan.policy);
		for (size_t k = 0; plan.verb == GC_DROP_OWNERS && k < n->owners_count; k++)
			if (plan.drops[k])
				str_addf(&got, " %s", n->owners[k].uid);
		CHECK_TEXT(garbage[i].name, got.data, garbage[i].plan);
		gc_graph_fini(&g);
	}
}

/* ---- endpoints ---- */
static void test_slices(void)
{
	AUTO_JSON *service =
		parse("{'metadata':{'name':'s','namespace':'n'},'spec':{'ports':[{'name':"
		      "'web','port':80,'targetPort':'http'}]}}");
	const json_t *pods[250];
	for (int i = 0; i < 250; i++) {
		char *text = xasprintf(
			"{'metadata':{'name':'p%03d','namespace':'n','uid':'u%d'},'spec':{'nodeName':'x',"
			"'containers':[{'ports':[{'name':'http','containerPort':8080}]}]},"
			"'status':{'podIP':'10.0.%d.%d','conditions':[{'type':'Ready','status':'True'}]}}",
			i, i, i / 100, i % 100);
		pods[i] = parse(text);
		free(text);
	}
	struct endpoint_groups groups;
	struct slice_plan plan;
	endpoints_plan_groups(service, pods, 250, &groups);
	CHECK_INT(groups.count, 1);
	slice_plan_make(&plan, &groups, NULL, 0);
	CHECK_INT(plan.count, 3); /* 100, 100, 50 */
	json_t *slices[3];
	for (size_t i = 0; i < 3; i++) {
		CHECK_INT(plan.actions[i].verb, SLICE_CREATE);
		slices[i] = json_object();
		json_object_set(slices[i], "ports", plan.actions[i].ports);
		json_object_set(slices[i], "endpoints", plan.actions[i].endpoints);
	}
	slice_plan_fini(&plan);
	slice_plan_make(&plan, &groups, (const json_t *const *)slices, 3);
	CHECK_INT(plan.count, 0); /* nothing to do */
	slice_plan_fini(&plan);
	endpoint_groups_fini(&groups);

	/* One pod less and one not ready: two slices change, the others stay as they are. */
	json_put(json_array_get(json_dig(pods[10], "status.conditions"), 0), "status",
		 json_string("False"));
	json_decref((json_t *)(uintptr_t)pods[249]);
	pods[249] = json_incref((json_t *)(uintptr_t)pods[248]);
	endpoints_plan_groups(service, pods, 249, &groups);
	slice_plan_make(&plan, &groups, (const json_t *const *)slices, 3);
	CHECK_INT(plan.count, 2);
	CHECK(plan.actions[0].verb == SLICE_UPDATE && plan.actions[0].slice == 0);
	CHECK(plan.actions[1].verb == SLICE_UPDATE && plan.actions[1].slice == 2);
	CHECK_INT(json_array_size(plan.actions[1].endpoints), 49);
	CHECK(!json_bool_or(json_array_get(plan.actions[0].endpoints, 10), "conditions.ready",
			    true));
	slice_plan_fini(&plan);
	endpoint_groups_fini(&groups);

	AUTO_JSON *subsets = endpoints_plan_subsets(service, pods, 249);
	CHECK_INT(json_array_size(subsets), 1);
	CHECK_INT(json_array_size(json_object_get(json_array_get(subsets, 0), "addresses")), 248);
	CHECK_INT(json_array_size(json_object_get(json_array_get(subsets, 0), "notReadyAddresses")),
		  1);
	CHECK(endpoints_are_same_subsets(subsets, subsets));
	for (int i = 0; i < 250; i++)
		json_decref((json_t *)(uintptr_t)pods[i]);
	for (int i = 0; i < 3; i++)
		json_decref(slices[i]);
}

/* A pod without a port of the name that the Service wants: in a slice without ports, in no subset. */
static void test_no_such_port(void)
{
	AUTO_JSON *service = parse("{'metadata':{'name':'s'},'spec':{'ports':[{'port':80,"
				   "'targetPort':'http'}]}}");
	AUTO_JSON *headless = parse("{'metadata':{'name':'s'},'spec':{'clusterIP':'None'}}");
	AUTO_JSON *pod =
		parse("{'metadata':{'name':'p'},'spec':{'containers':[{}]},'status':{"
		      "'podIP':'10.0.0.1','conditions':[{'type':'Ready','status':'True'}]}}");
	const json_t *pods[] = { pod };
	AUTO_JSON *none = endpoints_plan_subsets(service, pods, 1);
	AUTO_JSON *one = endpoints_plan_subsets(headless, pods, 1);
	CHECK_INT(json_array_size(none), 0);
	CHECK_INT(json_array_size(one), 1);
}

/* ---- scheduler ---- */
/* An image counts where pulling it would take long. */
static void test_image_locality(void)
{
	AUTO_JSON *pod = json_pack("{s:[{s:s}]}", "containers", "image", "localhost/busybox:1");
	for (int64_t mb = 2; mb < 100; mb += 21) {
		AUTO_JSON *images = json_pack("[{s:[s], s:I}]", "names", "localhost/busybox:1",
					      "sizeBytes", (json_int_t)mb << 20);
		CHECK(sched_has_images(pod, images) == (mb >= 23));
	}
}

static void test_scheduler(void)
{
	static const struct {
		const char *name, *spec;
		int pods;
		const char *places;
	} cases[] = {
		{ "spread", "{'containers':[{}]}", 4, "a b a b" },
		{ "by cpu", "{'containers':[{'resources':{'requests':{'cpu':'3'}}}]}", 3,
		  "a b (0/4 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were "
		  "unschedulable, 2 Insufficient cpu.)" },
		{ "selector", "{'nodeSelector':{'disk':'ssd'},'containers':[{}]}", 2, "b b" },
		{ "no such node", "{'nodeSelector':{'disk':'tape'},'containers':[{}]}", 1,
		  "(0/4 nodes are available: 1 node(s) were unschedulable, 3 node(s) didn't match Pod's "
		  "node affinity/selector.)" },
		{ "toleration",
		  "{'tolerations':[{'key':'gpu','operator':'Exists'}],'nodeSelector':{'gpu':'yes'},"
		  "'containers':[{}]}",
		  1, "c" },
		{ "host port", "{'containers':[{'ports':[{'hostPort':80}]}]}", 3,
		  "a b (0/4 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were "
		  "unschedulable, 2 node(s) didn't have free ports for the requested pod ports.)" },
		{ "affinity",
		  "{'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':"
		  "{'nodeSelectorTerms':[{'matchExpressions':[{'key':'disk','operator':'DoesNotExist'}]}]}}},"
		  "'containers':[{}]}",
		  1, "a" },
		{ "init containers count",
		  "{'containers':[{}],'initContainers':[{'resources':{'requests':{'memory':'64Gi'}}}]}",
		  1,
		  "(0/4 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were "
		  "unschedulable, 2 Insufficient memory.)" },
	};
	AUTO_JSON *ssd = parse("{'disk':'ssd'}"), *gpu = parse("{'gpu':'yes'}");
	AUTO_JSON *taints = parse("[{'key':'gpu','effect':'NoSchedule'}]");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sched_node nodes[4] = {
			{ .name = "a" },
			{ .name = "b", .labels = ssd },
			{ .name = "c", .labels = gpu, .taints = taints },
			{ .name = "d", .is_unschedulable = true },
		};
		struct sched_pod pods[8];
		AUTO_JSON *spec = parse(cases[i].spec);
		for (size_t n = 0; n < 4; n++) {
			nodes[n].is_ready = true;
			nodes[n].total.basic[SCHED_CPU] = 4000;
			nodes[n].total.basic[SCHED_MEMORY] = 8ll << 30;
			nodes[n].pods_max = 110;
		}
		for (int p = 0; p < cases[i].pods; p++) {
			pods[p] = (struct sched_pod){ .spec = spec,
						      .owner = "o",
						      .class = 1,
						      .ports = sched_pod_ports(spec) };
			sched_pod_resources(spec, &pods[p].wants);
		}
		struct sched_plan plan;
		sched_plan_make(&plan, nodes, 4, pods, (size_t)cases[i].pods, NULL, 0);
		AUTO_STR got;
		str_init(&got, 4096);
		for (size_t p = 0; p < plan.count; p++)
			if (plan.places[p].node == SIZE_MAX)
				str_addf(&got, "%s(%s)", p ? " " : "", plan.places[p].why);
			else
				str_addf(&got, "%s%s", p ? " " : "",
					 nodes[plan.places[p].node].name);
		CHECK_TEXT(cases[i].name, got.data, cases[i].places);
		sched_plan_fini(&plan);
		for (int p = 0; p < cases[i].pods; p++)
			free(pods[p].ports);
		for (size_t n = 0; n < 4; n++)
			free(nodes[n].ports);
	}
}

/* ---- storage in use ---- */
static void test_protection(void)
{
	static const struct {
		const char *name, *pod;
		bool uses;
	} pods[] = {
		{ "by name",
		  "{'spec':{'nodeName':'n','volumes':[{'name':'v','persistentVolumeClaim':{"
		  "'claimName':'data'}}]}}",
		  true },
		{ "another",
		  "{'spec':{'nodeName':'n','volumes':[{'name':'v','persistentVolumeClaim':{"
		  "'claimName':'date'}}]}}",
		  false },
		{ "not placed",
		  "{'spec':{'volumes':[{'name':'v','persistentVolumeClaim':{'claimName':"
		  "'data'}}]}}",
		  false },
		{ "its own",
		  "{'metadata':{'name':'da','uid':'u'},'spec':{'nodeName':'n','volumes':[{"
		  "'name':'ta','ephemeral':{}}]}}",
		  false },
		{ "ended",
		  "{'spec':{'nodeName':'n','volumes':[{'name':'v','persistentVolumeClaim':{"
		  "'claimName':'data'}}]},'status':{'phase':'Succeeded'}}",
		  true },
	};
	AUTO_JSON *claim = parse("{'metadata':{'name':'data'}}");
	for (size_t i = 0; i < ARRAY_LEN(pods); i++) {
		AUTO_JSON *pod = parse(pods[i].pod);
		if (protection_plan_pod_uses(pod, claim) != pods[i].uses)
			fprintf(stderr, "%s\n", pods[i].name);
		CHECK_INT(protection_plan_pod_uses(pod, claim), pods[i].uses);
	}
	AUTO_JSON *own =
		parse("{'metadata':{'name':'p-v','ownerReferences':[{'uid':'u','controller':"
		      "true}]}}");
	AUTO_JSON *pod =
		parse("{'metadata':{'name':'p','uid':'u'},'spec':{'nodeName':'n','volumes':[{"
		      "'name':'v','ephemeral':{}}]}}");
	CHECK(protection_plan_pod_uses(pod, own));
	json_put_str(pod, "metadata.deletionTimestamp", "2027-01-01T00:00:00Z");
	json_put_int(pod, "metadata.deletionGracePeriodSeconds", 5);
	CHECK(protection_plan_pod_uses(pod, own));
	json_put_int(pod, "metadata.deletionGracePeriodSeconds", 0);
	CHECK(!protection_plan_pod_uses(pod, own));
	AUTO_JSON *wants = parse("{'spec':{'volumeAttributesClassName':'fast'}}");
	AUTO_JSON *has = parse("{'status':{'currentVolumeAttributesClassName':'fast'}}");
	CHECK(protection_plan_uses_class(wants, "fast") && protection_plan_uses_class(has, "fast"));
	CHECK(!protection_plan_uses_class(has, "slow"));
}

int main(void)
{
	test_protection();
	test_ranges();
	test_eviction();
	test_taints();
	test_garbage();
	test_slices();
	test_no_such_port();
	test_image_locality();
	test_scheduler();
	return 0;
}
