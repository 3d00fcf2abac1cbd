#include "schemas/schema.h"

#include "common/base/jsonx.h"
#include "common/base/time_text.h"
#include "tests/support/check.h"

static const char created[] = "2026-01-01T00:00:00Z";

#define META "metadata: {name: x, creationTimestamp: \"2026-01-01T00:00:00Z\""

static const struct {
	const char *name, *group, *kind, *yaml, *want;
} rows[] = {
	{ "pending", "", "Pod",
	  META "}\nspec: {containers: [{name: a}]}\nstatus: {phase: Pending}\n",
	  "[\"x\",\"0/1\",\"Pending\",\"0\",\"10m\",\"<none>\",\"<none>\",\"<none>\",\"<none>\"]" },
	{ "running", "", "Pod",
	  META
	  "}\nspec: {nodeName: k, containers: [{name: a}]}\nstatus: {phase: Running, podIPs: "
	  "[{ip: 10.0.0.1}], containerStatuses: [{name: a, ready: true, restartCount: 2, state: "
	  "{running: {}}, lastState: {terminated: {finishedAt: \"2026-01-01T00:05:00Z\"}}}]}\n",
	  "[\"x\",\"1/1\",\"Running\",\"2 (5m ago)\",\"10m\",\"10.0.0.1\",\"k\",\"<none>\",\"<none>\"]" },
	{ "crashing", "", "Pod",
	  META "}\nspec: {containers: [{name: a}]}\nstatus: {phase: Running, containerStatuses: "
	       "[{name: a, state: {waiting: {reason: CrashLoopBackOff}}}]}\n",
	  "[\"x\",\"0/1\",\"CrashLoopBackOff\",\"0\",\"10m\",\"<none>\",\"<none>\",\"<none>\","
	  "\"<none>\"]" },
	{ "init", "", "Pod",
	  META
	  "}\nspec: {initContainers: [{name: i}, {name: j}], containers: [{name: a}]}\nstatus: "
	  "{phase: Pending, initContainerStatuses: [{name: i, state: {terminated: {exitCode: "
	  "0}}}, {name: j, state: {running: {}}}]}\n",
	  "[\"x\",\"0/1\",\"Init:1/2\",\"0\",\"10m\",\"<none>\",\"<none>\",\"<none>\",\"<none>\"]" },
	{ "init fails", "", "Pod",
	  META "}\nspec: {initContainers: [{name: i}], containers: [{name: a}]}\nstatus: {phase: "
	       "Pending, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 3}}}]}\n",
	  "[\"x\",\"0/1\",\"Init:ExitCode:3\",\"0\",\"10m\",\"<none>\",\"<none>\",\"<none>\","
	  "\"<none>\"]" },
	{ "completed", "", "Pod",
	  META "}\nspec: {containers: [{name: a}]}\nstatus: {phase: Succeeded, containerStatuses: "
	       "[{name: a, state: {terminated: {exitCode: 0, reason: Completed}}}]}\n",
	  "[\"x\",\"0/1\",\"Completed\",\"0\",\"10m\",\"<none>\",\"<none>\",\"<none>\",\"<none>\"]" },
	{ "terminating", "", "Pod",
	  META ", deletionTimestamp: \"2026-01-01T00:05:00Z\"}\nspec: {containers: [{name: "
	       "a}]}\nstatus: {phase: Running}\n",
	  "[\"x\",\"0/1\",\"Terminating\",\"0\",\"10m\",\"<none>\",\"<none>\",\"<none>\",\"<none>\"]" },
	{ "sidecar", "", "Pod",
	  META "}\nspec: {initContainers: [{name: s, restartPolicy: Always}], containers: [{name: "
	       "a}], readinessGates: [{conditionType: g}]}\nstatus: {phase: Running, conditions: "
	       "[{type: g, status: \"True\"}], initContainerStatuses: [{name: s, started: true, "
	       "ready: true, restartCount: 1}], containerStatuses: [{name: a, ready: true, state: "
	       "{running: {}}}]}\n",
	  "[\"x\",\"2/2\",\"Running\",\"1\",\"10m\",\"<none>\",\"<none>\",\"<none>\",\"1/1\"]" },
	{ "deployment", "apps", "Deployment",
	  META
	  "}\nspec: {replicas: 3, selector: {matchLabels: {b: c}, matchExpressions: [{key: a, "
	  "operator: In, values: [z, w]}]}, template: {spec: {containers: [{name: p, image: q}, "
	  "{name: r, image: s}]}}}\nstatus: {readyReplicas: 1, updatedReplicas: 2}\n",
	  "[\"x\",\"1/3\",2,0,\"10m\",\"p,r\",\"q,s\",\"a in (w,z),b=c\"]" },
	{ "replica set", "apps", "ReplicaSet",
	  META "}\nspec: {replicas: 3}\nstatus: {replicas: 2}\n",
	  "[\"x\",3,2,0,\"10m\",\"\",\"\",\"\"]" },
	{ "service", "", "Service",
	  META "}\nspec: {type: NodePort, clusterIPs: [10.96.0.1], ports: [{port: 80, nodePort: "
	       "30080, protocol: TCP}, {port: 53, protocol: UDP}], selector: {b: c, a: d}}\n",
	  "[\"x\",\"NodePort\",\"10.96.0.1\",\"<none>\",\"80:30080/TCP,53/UDP\",\"10m\",\"a=d,b=c\"]" },
	{ "balanced service", "", "Service", META "}\nspec: {type: LoadBalancer}\n",
	  "[\"x\",\"LoadBalancer\",\"<none>\",\"<pending>\",\"<none>\",\"10m\",\"<none>\"]" },
	{ "endpoints", "", "Endpoints",
	  META "}\nsubsets: [{addresses: [{ip: 10.0.0.1}, {ip: 10.0.0.2}], ports: [{port: 80}, "
	       "{port: 81}]}]\n",
	  "[\"x\",\"10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more...\",\"10m\"]" },
	{ "no endpoints", "", "Endpoints", META "}\n", "[\"x\",\"<none>\",\"10m\"]" },
	{ "slice", "discovery.k8s.io", "EndpointSlice",
	  META "}\naddressType: IPv4\nports: [{port: 80}]\nendpoints: [{addresses: [10.0.0.1]}]\n",
	  "[\"x\",\"IPv4\",\"80\",\"10.0.0.1\",\"10m\"]" },
	{ "node", "", "Node",
	  META ", labels: {node-role.kubernetes.io/control-plane: \"\"}}\nspec: {unschedulable: "
	       "true}\nstatus: {conditions: [{type: Ready, status: \"True\"}], addresses: [{type: "
	       "InternalIP, address: 10.0.0.9}], nodeInfo: {kubeletVersion: v1, architecture: "
	       "amd64, kernelVersion: k, osImage: o, containerRuntimeVersion: c}}\n",
	  "[\"x\",\"Ready,SchedulingDisabled\",\"control-plane\",\"10m\",\"v1\",\"10.0.0.9\","
	  "\"<none>\",\"o\",\"k (amd64)\",\"c\"]" },
	{ "job", "batch", "Job",
	  META "}\nspec: {completions: 2}\nstatus: {succeeded: 2, startTime: "
	       "\"2026-01-01T00:00:00Z\", completionTime: \"2026-01-01T00:00:05Z\", conditions: "
	       "[{type: Complete, status: \"True\"}]}\n",
	  "[\"x\",\"Complete\",\"2/2\",\"5s\",\"10m\",\"\",\"\",\"<none>\"]" },
	{ "event", "", "Event",
	  META
	  "}\ninvolvedObject: {kind: Pod, name: p, fieldPath: f}\ntype: Normal\nreason: "
	  "Started\nmessage: \" did it \"\nsource: {component: agent, host: h}\nlastTimestamp: "
	  "\"2026-01-01T00:09:00Z\"\nfirstTimestamp: \"2026-01-01T00:05:00Z\"\ncount: 2\n",
	  "[\"60s\",\"Normal\",\"Started\",\"pod/p\",\"f\",\"agent, h\",\"did it\",\"5m\",2,\"x\"]" },
	{ "secret", "", "Secret", META "}\ntype: Opaque\ndata: {a: YQ==}\n",
	  "[\"x\",\"Opaque\",1,\"10m\"]" },
	{ "namespace", "", "Namespace", META "}\nstatus: {phase: Active}\n",
	  "[\"x\",\"Active\",\"10m\"]" },
	{ "lease", "coordination.k8s.io", "Lease", META "}\nspec: {holderIdentity: h}\n",
	  "[\"x\",\"h\",\"10m\"]" },
};

int main(void)
{
	int64_t now_us;
	CHECK(time_parse(created, &now_us));
	now_us += 600 * 1000000ll;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = { 0 };
		const struct schema_kind *k =
			schema_kind_by_kind(rows[i].group, "v1", rows[i].kind);
		json_t *tree = NULL;
		int code = schema_decode(k->type, SCHEMA_YAML, rows[i].yaml, strlen(rows[i].yaml),
					 &tree, NULL, &err);
		CHECK_TEXT(rows[i].name, code ? err.text : "", "");
		AUTO_JSON *cells = table_cells(k, tree, now_us);
		AUTO_STR text;
		str_init(&text, 1 << 16);
		json_print(cells, &text);
		CHECK_TEXT(rows[i].name, text.data, rows[i].want);
		CHECK_INT(json_array_size(cells), k->columns_count);
		json_decref(tree);
	}
	return 0;
}
