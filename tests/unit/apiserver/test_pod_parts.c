/*
 * Parts of a pod that are written through endpoints of their own: resize, ephemeralcontainers,
 * binding. What else the client sends there is not taken; generation counts; admission looks at them.
 */
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define CORE "/api/v1"
#define NS   CORE "/namespaces/default"

#define POD(name, spec, more)                                                                      \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{" spec "\"containers\":[{\"name\":\"c\"," \
	"\"image\":\"i\"" more "}]}}"
#define CPU(cpu) ",\"resources\":{\"requests\":{\"cpu\":\"" cpu "\",\"memory\":\"1Mi\"}}"
/* A list that a merge patch replaces as a whole: only its amounts are taken. */
#define RESIZE(cpu)                                                                                \
	"{\"metadata\":{\"labels\":{\"l\":\"new\"}},\"spec\":{\"containers\":[{\"name\":\"c\","    \
	"\"image\":\"other\"" CPU(cpu) "}]}}"
#define DEBUG(container) "{\"spec\":{\"ephemeralContainers\":[" container "]}}"

static const struct api_row rows[] = {
	{ "account", 0, "POST", NS "/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}", 201,
	  "" },
	{ "a pod", 0, "POST", NS "/pods", POD("p", "", CPU("100m")), 201,
	  "\"generation\":1 & Burstable" },

	/* what a new pod is given */
	{ "keys of its labels", 0, "POST", NS "/pods?dryRun=All",
	  "{\"metadata\":{\"name\":\"k\",\"labels\":{\"x\":\"y\"}},\"spec\":{\"containers\":[{\"name\":\"c\","
	  "\"image\":\"i\"}],\"terminationGracePeriodSeconds\":-3,\"topologySpreadConstraints\":[{"
	  "\"maxSkew\":1,\"topologyKey\":\"t\",\"whenUnsatisfiable\":\"DoNotSchedule\","
	  "\"labelSelector\":{},\"matchLabelKeys\":[\"x\",\"none\"]}],\"affinity\":{\"podAntiAffinity\":{"
	  "\"requiredDuringSchedulingIgnoredDuringExecution\":[{\"topologyKey\":\"t\","
	  "\"labelSelector\":{\"matchLabels\":{\"a\":\"b\"}},\"mismatchLabelKeys\":[\"x\"]}]}}}}",
	  201,
	  "\"labelSelector\":{\"matchExpressions\":[{\"key\":\"x\",\"operator\":\"In\",\"values\":["
	  "\"y\"]}]} & \"labelSelector\":{\"matchLabels\":{\"a\":\"b\"},\"matchExpressions\":[{\"key\":"
	  "\"x\",\"operator\":\"NotIn\",\"values\":[\"y\"]}]} & "
	  "\"terminationGracePeriodSeconds\":1" },

	{ "behind a gate", 0, "POST", NS "/pods?dryRun=All",
	  POD("gated", "\"schedulingGates\":[{\"name\":\"a.b/c\"}],", ""), 201,
	  "\"reason\":\"SchedulingGated\" & \"phase\":\"Pending\"" },

	/* features that are off */
	{ "is said to be owned, and is not there", 0, "POST", NS "/pods?dryRun=All",
	  POD("off", "\"schedulingGroup\":{\"podGroupName\":\"g\"},",
	      ",\"lifecycle\":{\"stopSignal\":\"SIGFOO\"}"),
	  201,
	  "\"f:stopSignal\":{} & \"f:podGroupName\":{} & !SIGFOO & !\"podGroupName\" & !\"lifecycle\"" },
	{ "nothing changes by it", 0, "POST", "/apis/apps/v1/namespaces/default/statefulsets",
	  "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{"
	  "\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
	  "\"i\"}]}}}}",
	  201, "\"generation\":1" },
	{ "so", 0, "PATCH", "/apis/apps/v1/namespaces/default/statefulsets/s",
	  "{\"spec\":{\"updateStrategy\":{\"rollingUpdate\":{\"maxUnavailable\":2}}}}", 200,
	  "\"generation\":1 & \"f:maxUnavailable\":{} & !\"maxUnavailable\"" },
	{ "in a status", 0, "PATCH", NS "/pods/p/status",
	  "{\"status\":{\"nodeAllocatableResourceClaimStatuses\":[{\"resourceClaimName\":\"x\",\"containers\":["
	  "\"c\"],\"resources\":{\"cpu\":\"1\"}}]}}",
	  200, "!\"nodeAllocatableResourceClaimStatuses\"" },
	{ "of a lease", 0, "POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases",
	  "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"holderIdentity\":\"h\",\"strategy\":\"none\","
	  "\"preferredHolder\":\"p\"}}",
	  201, "\"holderIdentity\":\"h\" & !\"strategy\" & !\"preferredHolder\"" },

	/* resize */
	{ "not by an update", 0, "PATCH", NS "/pods/p", RESIZE("200m"), 422,
	  "pod updates may not change fields other than" },
	{ "read", 0, "GET", NS "/pods/p/resize", 0, 200, "\"cpu\":\"100m\"" },
	{ "more", 0, "PATCH", NS "/pods/p/resize", RESIZE("200m"), 200,
	  "\"cpu\":\"200m\" & \"image\":\"i\" & \"generation\":2 & \"subresource\":\"resize\" & !\"l\":" },
	{ "the same", 0, "PATCH", NS "/pods/p/resize", RESIZE("200m"), 200, "\"generation\":2" },
	{ "tried only", 0, "PATCH", NS "/pods/p/resize?dryRun=All", RESIZE("300m"), 200,
	  "\"cpu\":\"300m\"" },
	{ "all of it", 0, "PUT", NS "/pods/p/resize", POD("p", "", CPU("250m")), 200,
	  "\"cpu\":\"250m\" & \"generation\":3" },
	{ "no POST", 0, "POST", NS "/pods/p/resize", RESIZE("1"), 405, "" },
	{ "not of no pod", 0, "PATCH", NS "/pods/none/resize", RESIZE("1"), 404,
	  "pods \\\"none\\\" not found" },
	{ "best effort stays", 0, "POST", NS "/pods", POD("b", "", ""), 201, "BestEffort" },
	{ "so", 0, "PATCH", NS "/pods/b/resize", RESIZE("1"), 422,
	  "Pod \\\"b\\\" is invalid: spec: Invalid value: \\\"BestEffort\\\": Pod QOS Class may not change "
	  "as a result of resizing" },
	{ "a node", 0, "POST", CORE "/nodes",
	  "{\"metadata\":{\"name\":\"n\",\"labels\":{\"kubernetes.io/os\":\"linux\"}},\"status\":{"
	  "\"allocatable\":{\"cpu\":\"2\",\"memory\":\"1Gi\"}}}",
	  201, "" },
	{ "bound", 0, "POST", NS "/pods/p/binding",
	  "{\"metadata\":{\"name\":\"p\"},\"target\":{\"name\":\"n\"}}", 201, "" },
	{ "all that it has", 0, "PATCH", NS "/pods/p/resize", RESIZE("2"), 200, "\"cpu\":\"2\"" },
	{ "not more", 0, "PATCH", NS "/pods/p/resize", RESIZE("2500m"), 403,
	  "pods \\\"p\\\" is forbidden: node didn't have enough allocatable resources: cpu, requested: "
	  "2500, allocatable: 2000 & \"reason\":\"NodeCapacity\"" },
	{ "another system", 0, "PATCH", CORE "/nodes/n",
	  "{\"metadata\":{\"labels\":{\"kubernetes.io/os\":\"plan9\"}}}", 200, "" },
	{ "is not resized", 0, "PATCH", NS "/pods/p/resize", RESIZE("1"), 403,
	  "pod resize is only supported on linux nodes, node \\\"n\\\" is \\\"plan9\\\" & "
	  "\"reason\":\"UnsupportedPlatform\"" },
	{ "a range", 0, "POST", NS "/limitranges",
	  "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"limits\":[{\"type\":\"Container\",\"min\":{\"cpu\":"
	  "\"50m\"}}]}}",
	  201, "" },
	{ "bounds it", 0, "PATCH", NS "/pods/p/resize", RESIZE("20m"), 403,
	  "minimum cpu usage per Container is 50m, but request is 20m" },
	{ "no more", 0, "DELETE", NS "/limitranges/l", 0, 200, "" },
	{ "a quota", 0, "POST", NS "/resourcequotas",
	  "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{\"requests.cpu\":\"2\"}}}", 201, "" },
	{ "what is there", 0, "PATCH", CORE "/nodes/n",
	  "{\"metadata\":{\"labels\":{\"kubernetes.io/os\":\"linux\"}}}", 200, "" },
	{ "less is fine", 0, "PATCH", NS "/pods/p/resize", RESIZE("1"), 200, "\"cpu\":\"1\"" },
	{ "another", 0, "POST", NS "/pods", POD("q", "", CPU("500m")), 201, "" },
	{ "beyond the quota", 0, "PATCH", NS "/pods/q/resize", RESIZE("1500m"), 403,
	  "exceeded quota: q, requested: requests.cpu=1, used: requests.cpu=1500m, limited: "
	  "requests.cpu=2" },

	/* ephemeralcontainers */
	{ "not when it is made", 0, "POST", NS "/pods",
	  POD("e", "\"ephemeralContainers\":[{\"name\":\"d\",\"image\":\"i\"}],", CPU("1m")), 422,
	  "spec.ephemeralContainers: Forbidden: cannot be set on create" },
	{ "one", 0, "PATCH", NS "/pods/q/ephemeralcontainers",
	  DEBUG("{\"name\":\"d\",\"image\":\"busybox\",\"targetContainerName\":\"c\",\"stdin\":true}"),
	  200,
	  "\"targetContainerName\":\"c\" & \"imagePullPolicy\":\"Always\" & "
	  "\"terminationMessagePolicy\":\"File\" & \"generation\":2 & "
	  "\"subresource\":\"ephemeralcontainers\"" },
	{ "read", 0, "GET", NS "/pods/q/ephemeralcontainers", 0, 200,
	  "\"kind\":\"Pod\" & busybox" },
	{ "it stays", 0, "PATCH", NS "/pods/q/ephemeralcontainers", DEBUG(""), 422,
	  "spec.ephemeralContainers: Forbidden: existing ephemeral containers \\\"d\\\" may not be "
	  "removed" },
	{ "as it is", 0, "PATCH", NS "/pods/q/ephemeralcontainers",
	  "[{\"op\":\"replace\",\"path\":\"/spec/ephemeralContainers/0/image\",\"value\":\"other\"}]",
	  422, "existing ephemeral containers \\\"d\\\" may not be changed" },
	{ "nothing else is taken", 0, "PATCH", NS "/pods/q/ephemeralcontainers",
	  "[{\"op\":\"replace\",\"path\":\"/spec/containers/0/image\",\"value\":\"other\"}]", 200,
	  "\"image\":\"i\" & !other & \"generation\":2" },
	{ "nor by an update", 0, "PATCH", NS "/pods/q", DEBUG(""), 422,
	  "pod updates may not change fields other than" },
	{ "no POST", 0, "POST", NS "/pods/q/ephemeralcontainers", "{}", 405, "" },
	{ "a guarded namespace", 0, "PATCH", CORE "/namespaces/default",
	  "{\"metadata\":{\"labels\":{\"pod-security.kubernetes.io/enforce\":\"baseline\"}}}", 200,
	  "" },
	{ "guards it", 0, "PATCH", NS "/pods/q/ephemeralcontainers",
	  "[{\"op\":\"add\",\"path\":\"/spec/ephemeralContainers/-\",\"value\":{\"name\":\"f\",\"image\":\"i\","
	  "\"securityContext\":{\"privileged\":true}}}]",
	  403, "violates PodSecurity \\\"baseline:latest\\\": privileged" },
	{ "nodes do neither", "system:node:n/system:nodes", "PATCH", NS "/pods/p/resize",
	  RESIZE("900m"), 403, "" },
	{ "listed", 0, "GET", CORE, 0, 200,
	  "\"name\":\"pods/resize\" & \"name\":\"pods/ephemeralcontainers\"" },
};

/* A binding names its pod in the body, too; the original's words and their order. */
#define BIND(metadata)  "{\"metadata\":{" metadata "},\"target\":{\"kind\":\"Node\",\"name\":\"n\"}}"
#define OTHER_NAME      "\"name in URL does not match name in Binding object\""
#define EVICT(metadata) "{\"metadata\":{" metadata "}}"
#define OTHER_NS                                                                                   \
	"\"the namespace of the provided object does not match the namespace sent on the request\""
#define PRECONDITION(what, wanted)                                                                 \
	"Operation cannot be fulfilled on pods \\\"p\\\": StorageError: invalid object, Code: 4, " \
	"Key: /registry/pods/default/p, ResourceVersion: 0, AdditionalErrorMsg: Precondition "     \
	"failed: " what " in precondition: " wanted ", " what " in object meta: & "                \
	"\"details\":{\"name\":\"p\",\"kind\":\"pods\"}"

static const struct api_row bindings[] = {
	{ "account", 0, "POST", NS "/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}", 201,
	  "" },
	{ "a pod", 0, "POST", NS "/pods",
	  "{\"metadata\":{\"name\":\"p\",\"labels\":{\"l\":\"mine\"},\"annotations\":{\"a\":\"mine\"}},"
	  "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
	  201, "" },
	{ "no name", 0, "POST", NS "/pods/p/binding", BIND(""), 400, OTHER_NAME },
	{ "no metadata", 0, "POST", NS "/pods/p/binding", "{\"target\":{\"name\":\"n\"}}", 400,
	  OTHER_NAME },
	{ "another name", 0, "POST", NS "/pods/p/binding", BIND("\"name\":\"q\""), 400,
	  OTHER_NAME },
	{ "none is drawn", 0, "POST", NS "/pods/p/binding", BIND("\"generateName\":\"p\""), 400,
	  OTHER_NAME },
	{ "no name of no pod", 0, "POST", NS "/pods/none/binding", BIND(""), 400, OTHER_NAME },
	{ "for show", 0, "POST", NS "/pods/p/binding?dryRun=All", BIND(""), 400, OTHER_NAME },
	{ "no pod", 0, "POST", NS "/pods/none/binding", BIND("\"name\":\"none\""), 404,
	  "pods \\\"none\\\" not found" },
	{ "another namespace", 0, "POST", NS "/pods/p/binding",
	  BIND("\"name\":\"p\",\"namespace\":\"x\""), 400, OTHER_NS },
	{ "as of old", 0, "POST", NS "/bindings", BIND(""), 400, "\"Name parameter required.\"" },
	{ "the same", 0, "POST", NS "/bindings", BIND("\"generateName\":\"p\""), 400,
	  "\"Name parameter required.\"" },
	{ "in another namespace", 0, "POST", NS "/bindings",
	  BIND("\"name\":\"p\",\"namespace\":\"x\""), 400, OTHER_NS },
	{ "another pod of that name", 0, "POST", NS "/pods/p/binding",
	  BIND("\"name\":\"p\",\"uid\":\"u-1\""), 409, PRECONDITION("UID", "u-1") },
	{ "the pod as it was", 0, "POST", NS "/pods/p/binding",
	  BIND("\"name\":\"p\",\"resourceVersion\":\"1\""), 409,
	  PRECONDITION("ResourceVersion", "1") },
	{ "bound", 0, "POST", NS "/pods/p/binding",
	  BIND("\"name\":\"p\",\"labels\":{\"l\":\"its\",\"m\":\"its\"},\"annotations\":{\"a\":\"its\","
	       "\"b\":\"its\"}"),
	  201, "\"status\":\"Success\"" },
	{ "its labels are added, its annotations count", 0, "GET", NS "/pods/p", 0, 200,
	  "\"labels\":{\"l\":\"mine\",\"m\":\"its\"} & \"annotations\":{\"a\":\"its\",\"b\":\"its\"} & "
	  "\"nodeName\":\"n\"" },
	{ "that comes first", 0, "POST", NS "/pods/p/binding",
	  BIND("\"name\":\"p\",\"uid\":\"u-1\""), 409, PRECONDITION("UID", "u-1") },
	{ "once and for all", 0, "POST", NS "/pods/p/binding", BIND("\"name\":\"p\""), 409,
	  "Operation cannot be fulfilled on pods/binding \\\"p\\\": pod p is already assigned to node "
	  "\\\"n\\\"" },
	{ "an eviction elsewhere", 0, "POST", NS "/pods/p/eviction",
	  EVICT("\"name\":\"p\",\"namespace\":\"x\""), 400, OTHER_NS },
	{ "an eviction of another", 0, "POST", NS "/pods/p/eviction", EVICT("\"name\":\"q\""), 400,
	  "\"name in URL does not match name in Eviction object\"" },
};

static void run(const struct api_row *table, size_t n)
{
	struct api_world w;
	api_world_init(&w, 1);
	api_rows_run(&w, table, n);
	api_world_fini(&w);
}

int main(void)
{
	run(rows, ARRAY_LEN(rows));
	run(bindings, ARRAY_LEN(bindings));
	return 0;
}
