#include "schemas/schema.h"

#include "common/base/jsonx.h"
#include "tests/support/check.h"

#define CONTAINER(image, policy)                                                                   \
	"{\"name\":\"c\",\"image\":\"" image "\",\"resources\":{},\"terminationMessagePath\":"     \
	"\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":"      \
	"\"" policy "\"}"
#define SPEC_END                                                                                   \
	"\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":"         \
	"\"ClusterFirst\",\"securityContext\":{},\"schedulerName\":\"default-scheduler\""

static const struct {
	const char *name, *group, *kind, *yaml, *want;
} rows[] = {
	{ "pod", "", "Pod", "spec: {containers: [{name: c, image: i}]}\n",
	  "{\"metadata\":{},\"spec\":{\"containers\":[" CONTAINER(
		  "i", "Always") "]," SPEC_END ",\"enableServiceLinks\":true},\"status\":{}}" },
	{ "pull policies", "", "Pod",
	  "spec: {containers: [{name: c, image: \"h:5000/i\"}, {name: c, image: \"i:1\"}, {name: c, "
	  "image: \"i:latest\"}, {name: c, image: \"i@sha256:0\"}]}\n",
	  "{\"metadata\":{},\"spec\":{\"containers\":[" CONTAINER("h:5000/i", "Always") "," CONTAINER(
		  "i:1",
		  "IfNotPresent") "," CONTAINER("i:latest",
						"Always") "," CONTAINER("i@sha256:0",
									"IfNotPresent") "]," SPEC_END
											",\"enableServiceLinks\":true},\"status\":{}}" },
	{ "deployment", "apps", "Deployment", "spec: {template: {spec: {containers: []}}}\n",
	  "{\"metadata\":{},\"spec\":{\"replicas\":1,\"template\":{\"metadata\":{},"
	  "\"spec\":{\"containers\":[]," SPEC_END "}},\"strategy\":{\"type\":\"RollingUpdate\","
	  "\"rollingUpdate\":{\"maxUnavailable\":\"25%\",\"maxSurge\":\"25%\"}},"
	  "\"revisionHistoryLimit\":10,\"progressDeadlineSeconds\":600},\"status\":{}}" },
	{ "a given surge stays", "apps", "Deployment",
	  "spec: {replicas: 0, strategy: {rollingUpdate: {maxSurge: 1}}}\n",
	  "{\"metadata\":{},\"spec\":{\"replicas\":0,\"template\":{\"metadata\":{},"
	  "\"spec\":{\"containers\":[]," SPEC_END "}},\"strategy\":{\"type\":\"RollingUpdate\","
	  "\"rollingUpdate\":{\"maxUnavailable\":\"25%\",\"maxSurge\":1}},"
	  "\"revisionHistoryLimit\":10,\"progressDeadlineSeconds\":600},\"status\":{}}" },
	{ "service", "", "Service", "spec: {type: NodePort, ports: [{port: 80}]}\n",
	  "{\"metadata\":{},\"spec\":{\"ports\":[{\"protocol\":\"TCP\",\"port\":80,\"targetPort\":80}]"
	  ",\"type\":\"NodePort\",\"sessionAffinity\":\"None\",\"externalTrafficPolicy\":"
	  "\"Cluster\",\"internalTrafficPolicy\":\"Cluster\"},\"status\":{\"loadBalancer\":{}}}" },
	{ "affinity", "", "Service", "spec: {sessionAffinity: ClientIP}\n",
	  "{\"metadata\":{},\"spec\":{\"type\":\"ClusterIP\",\"sessionAffinity\":\"ClientIP\","
	  "\"sessionAffinityConfig\":{\"clientIP\":{\"timeoutSeconds\":10800}},"
	  "\"internalTrafficPolicy\":\"Cluster\"},\"status\":{\"loadBalancer\":{}}}" },
	{ "secret", "", "Secret", "data: {a: YQ==}\nstringData: {b: b, a: c}\n",
	  "{\"metadata\":{},\"data\":{\"a\":\"Yw==\",\"b\":\"Yg==\"},\"type\":\"Opaque\"}" },
	{ "namespace", "", "Namespace", "metadata: {name: x}\n",
	  "{\"metadata\":{\"name\":\"x\",\"labels\":{\"kubernetes.io/metadata.name\":\"x\"}},\"spec\":"
	  "{},\"status\":{\"phase\":\"Active\"}}" },
	{ "slice", "discovery.k8s.io", "EndpointSlice", "ports: [{port: 1}]\n",
	  "{\"metadata\":{},\"addressType\":\"\",\"endpoints\":[],\"ports\":[{\"name\":\"\","
	  "\"protocol\":\"TCP\",\"port\":1}]}" },
};

/* Part of what comes out, for objects too large for a row. */
static const struct {
	const char *name, *group, *kind, *yaml, *path, *want;
} part_rows[] = {
	{ "requests", "", "Pod",
	  "spec: {containers: [{name: c, resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: "
	  "500m}}}]}\n",
	  "resources",
	  "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"requests\":{\"cpu\":"
	  "\"500m\",\"memory\":\"1Gi\"}}" },
	{ "probe", "", "Pod",
	  "spec: {containers: [{name: c, livenessProbe: {timeoutSeconds: 0, httpGet: {port: 80}}}]}\n",
	  "livenessProbe",
	  "{\"failureThreshold\":3,\"httpGet\":{\"path\":\"/\",\"port\":80,\"scheme\":\"HTTP\"},"
	  "\"periodSeconds\":10,\"successThreshold\":1,\"timeoutSeconds\":1}" },
	{ "host network", "", "Pod",
	  "spec: {hostNetwork: true, containers: [{name: c, ports: [{containerPort: 80}]}]}\n",
	  "ports", "[{\"containerPort\":80,\"hostPort\":80,\"protocol\":\"TCP\"}]" },
	{ "job", "batch", "Job", "spec: {template: {metadata: {labels: {a: b}}, spec: {}}}\n", NULL,
	  "{\"backoffLimit\":6,\"completionMode\":\"NonIndexed\",\"completions\":1,"
	  "\"manualSelector\":false,\"parallelism\":1,\"podReplacementPolicy\":"
	  "\"TerminatingOrFailed\",\"suspend\":false}" },
	{ "job with parallelism", "batch", "Job", "spec: {parallelism: 2}\n", NULL,
	  "{\"backoffLimit\":6,\"completionMode\":\"NonIndexed\",\"manualSelector\":false,"
	  "\"parallelism\":2,\"podReplacementPolicy\":\"TerminatingOrFailed\",\"suspend\":false}" },
	{ "what containers ask for together", "", "Pod",
	  "spec: {resources: {limits: {cpu: 4, hugepages-2Mi: 4Mi}}, containers: [{name: c, resources: "
	  "{requests: {cpu: 1, memory: 1Gi}}}, {name: d, resources: {limits: {memory: 1Gi}}}], "
	  "initContainers: [{name: e, restartPolicy: Always, resources: {requests: {cpu: 500m}}}, "
	  "{name: f, resources: {requests: {cpu: 2, a.b/c: 1}}}]}\n",
	  "^resources",
	  "{\"limits\":{\"cpu\":\"4\",\"hugepages-2Mi\":\"4Mi\"},\"requests\":{\"cpu\":\"2500m\","
	  "\"hugepages-2Mi\":\"4Mi\",\"memory\":\"2Gi\"}}" },
	{ "images that are none", "", "Pod", "spec: {containers: [{name: c, image: A_b!}]}\n",
	  "imagePullPolicy", "\"IfNotPresent\"" },
	{ "an image of a host", "", "Pod",
	  "spec: {containers: [{name: c, image: 'H.x:5/a/b_c'}]}\n", "imagePullPolicy",
	  "\"Always\"" },
	{ "an image with a large letter", "", "Pod",
	  "spec: {containers: [{name: c, image: 'h.x/A'}]}\n", "imagePullPolicy",
	  "\"IfNotPresent\"" },
	{ "one range of a node", "", "Node", "spec: {podCIDR: 10.1.0.0/24}\n", NULL,
	  "{\"podCIDR\":\"10.1.0.0/24\",\"podCIDRs\":[\"10.1.0.0/24\"]}" },
	{ "a list of ranges", "", "Node", "spec: {podCIDRs: [10.1.0.0/24, 'fd00::/64']}\n", NULL,
	  "{\"podCIDR\":\"10.1.0.0/24\",\"podCIDRs\":[\"10.1.0.0/24\",\"fd00::/64\"]}" },
	{ "a range beside others", "", "Node",
	  "spec: {podCIDR: 10.1.0.0/24, podCIDRs: [10.2.0.0/24, 'fd00::/64']}\n", NULL,
	  "{\"podCIDR\":\"10.1.0.0/24\",\"podCIDRs\":[\"10.1.0.0/24\"]}" },
};

static json_t *parse(const struct schema_kind *k, const char *yaml)
{
	struct error err = { 0 };
	json_t *tree = NULL;
	if (schema_decode(k->type, SCHEMA_YAML, yaml, strlen(yaml), &tree, NULL, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	schema_default(k, tree);
	return tree;
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct schema_kind *k =
			schema_kind_by_kind(rows[i].group, "v1", rows[i].kind);
		AUTO_JSON *tree = parse(k, rows[i].yaml);
		AUTO_STR out;
		str_init(&out, 1 << 16);
		schema_print(k->type, tree, &out);
		CHECK_TEXT(rows[i].name, out.data, rows[i].want);
	}
	for (size_t i = 0; i < ARRAY_LEN(part_rows); i++) {
		const struct schema_kind *k =
			schema_kind_by_kind(part_rows[i].group, "v1", part_rows[i].kind);
		AUTO_JSON *tree = parse(k, part_rows[i].yaml);
		json_t *part = json_object_get(tree, "spec");
		if (part_rows[i].path && *part_rows[i].path == '^') /* of the pod itself */
			part = json_object_get(part, part_rows[i].path + 1);
		else if (part_rows[i].path)
			part = json_object_get(
				json_array_get(json_object_get(part, "containers"), 0),
				part_rows[i].path);
		else
			json_object_del(part, "template");
		AUTO_STR out;
		str_init(&out, 1 << 16);
		json_print_sorted(part, &out);
		CHECK_TEXT(part_rows[i].name, out.data, part_rows[i].want);
	}
	return 0;
}
