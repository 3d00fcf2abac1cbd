#include "schemas/schema.h"

#include "common/base/jsonx.h"
#include "tests/support/check.h"

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

static char *run(const char *group, const char *kind, const char *yaml, const char *old_yaml)
{
	const struct schema_kind *k = schema_kind_by_kind(group, "v1", kind);
	struct field_errors errors = { 0 };
	struct str out;
	str_init(&out, 1 << 16);
	AUTO_JSON *tree = parse(k, yaml), *old = old_yaml ? parse(k, old_yaml) : NULL;
	schema_validate(k, tree, old, &errors);
	for (size_t i = 0; i < errors.count; i++) {
		if (i)
			str_add_char(&out, '\n');
		field_error_text(&errors.at[i], &out);
	}
	field_errors_fini(&errors);
	return str_take(&out);
}

#define META      "metadata: {name: x, namespace: d}\n"
#define POD(spec) META "spec:\n  containers: [{name: c, image: i" spec
#define DEPLOY(spec)                                                                                   \
	META "spec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n" \
	     "    spec: {containers: [{name: c, image: i}]" spec
#define JOB(spec)                                                                                      \
	META "spec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n" \
	     "    spec: {containers: [{name: c, image: i}]" spec

static const struct {
	const char *name, *group, *kind, *yaml, *old, *want;
} rows[] = {
	{ "good pod", "", "Pod", POD("}]\n"), NULL, "" },
	{ "name", "", "ConfigMap", "metadata: {name: Bad_Name, namespace: d}\n", NULL,
	  "metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain must consist "
	  "of lower case alphanumeric characters, '-' or '.', and must start and end with an "
	  "alphanumeric character (e.g. 'example.com', regex used for validation is "
	  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')" },
	{ "namespace name", "", "Namespace", "metadata: {name: a.b}\n", NULL,
	  "metadata.name: Invalid value: \"a.b\": must not contain dots" },
	{ "no name", "", "ConfigMap", "metadata: {namespace: d}\n", NULL,
	  "metadata.name: Required value: name or generateName is required" },
	{ "label value", "", "ConfigMap",
	  "metadata: {name: x, namespace: d, labels: {a: \"b c\"}}\n", NULL,
	  "metadata.labels: Invalid value: \"b c\": a valid label must be an empty string or "
	  "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
	  "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
	  "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')" },
	{ "no containers", "", "Pod", META "spec: {}\n", NULL, "spec.containers: Required value" },
	{ "container", "", "Pod", META "spec: {containers: [{name: A_, imagePullPolicy: Now}]}\n",
	  NULL,
	  "spec.containers[0].imagePullPolicy: Unsupported value: \"Now\": supported values: "
	  "\"Always\", \"IfNotPresent\", \"Never\"\n"
	  "spec.containers[0].name: Invalid value: \"A_\": a lowercase RFC 1123 label must consist "
	  "of lower case alphanumeric characters or '-', and must start and end with an "
	  "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
	  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')\n"
	  "spec.containers[0].image: Required value" },
	{ "ports", "", "Pod",
	  POD(", ports: [{containerPort: 0}, {containerPort: 70000, name: http--x}, {containerPort: "
	      "1, hostPort: 80}, {containerPort: 2, hostPort: 80, protocol: ABC}, {containerPort: 3, "
	      "hostPort: 80}]}]\n"),
	  NULL,
	  "spec.containers[0].ports[3].protocol: Unsupported value: \"ABC\": supported values: "
	  "\"SCTP\", \"TCP\", \"UDP\"\n"
	  "spec.containers[0].ports[0].containerPort: Required value\n"
	  "spec.containers[0].ports[1].name: Invalid value: \"http--x\": must not contain "
	  "consecutive hyphens\n"
	  "spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and "
	  "65535, inclusive\n"
	  "spec.containers[0].ports[4].hostPort: Duplicate value: \"TCP//80\"" },
	{ "mounts", "", "Pod",
	  POD(", volumeMounts: [{name: v, mountPath: /a}, {name: w, mountPath: /a, subPath: "
	      "../x}]}]\n  volumes: [{name: v, emptyDir: {}}, {name: v, hostPath: {path: /x}, "
	      "emptyDir: {}}]\n"),
	  NULL,
	  "spec.volumes[1].hostPath: Forbidden: may not specify more than 1 volume type\n"
	  "spec.volumes[1].name: Duplicate value: \"v\"\n"
	  "spec.containers[0].volumeMounts[1].name: Not found: \"w\"\n"
	  "spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique\n"
	  "spec.containers[0].volumeMounts.subPath: Invalid value: \"../x\": must not contain '..'" },
	{ "env", "", "Pod",
	  POD(", env: [{name: \"\"}, {name: A, value: b, valueFrom: {fieldRef: {fieldPath: "
	      "status.podIP}}}, {name: B, valueFrom: {fieldRef: {fieldPath: spec.x}}}]}]\n"),
	  NULL,
	  "spec.containers[0].env[0].name: Required value\n"
	  "spec.containers[0].env[1].valueFrom: Invalid value: \"\": may not be specified when "
	  "`value` is not empty\n"
	  "spec.containers[0].env[2].valueFrom.fieldRef.fieldPath: Invalid value: \"spec.x\": "
	  "error converting fieldPath: field label not supported: spec.x" },
	{ "probe", "", "Pod",
	  POD(", livenessProbe: {successThreshold: 2, httpGet: {port: 0}}, readinessProbe: "
	      "{periodSeconds: -1}}]\n"),
	  NULL,
	  "spec.containers[0].readinessProbe.periodSeconds: Invalid value: -1: must be greater than "
	  "or equal to 0\n"
	  "spec.containers[0].livenessProbe.httpGet.port: Invalid value: 0: must be between 1 and "
	  "65535, inclusive\n"
	  "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1\n"
	  "spec.containers[0].readinessProbe: Required value: must specify a handler type" },
	{ "resources", "", "Pod",
	  POD(", resources: {limits: {cpu: 1, foo: 1}, requests: {cpu: 2}}}]\n"), NULL,
	  "spec.containers[0].resources.limits[foo]: Invalid value: \"foo\": must be a standard "
	  "resource type or fully qualified\n"
	  "spec.containers[0].resources.limits[foo]: Invalid value: \"foo\": must be a standard "
	  "resource for containers\n"
	  "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal "
	  "to cpu limit of 1\n"
	  "spec.containers[0].resources.requests[foo]: Invalid value: \"foo\": must be a standard "
	  "resource type or fully qualified\n"
	  "spec.containers[0].resources.requests[foo]: Invalid value: \"foo\": must be a standard "
	  "resource for containers" },
	{ "pod image may change", "", "Pod", POD("2}]\n"), POD("1}]\n"), "" },
	{ "pod spec may not", "", "Pod", POD(", command: [a]}]\n"), POD("}]\n"),
	  "spec: Forbidden: pod updates may not change fields other than "
	  "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
	  "`spec.tolerations` (only additions to existing "
	  "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
	  "previously negative)" },
	{ "good deployment", "apps", "Deployment", DEPLOY("}\n"), NULL, "" },
	{ "deployment", "apps", "Deployment", DEPLOY(", restartPolicy: Never}\n  replicas: -1\n"),
	  NULL,
	  "spec.replicas: Invalid value: -1: must be greater than or equal to 0\n"
	  "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: "
	  "\"Always\"" },
	{ "selector differs", "apps", "Deployment",
	  META
	  "spec: {selector: {matchLabels: {a: c}}, template: {metadata: {labels: {a: b}}, spec: "
	  "{containers: [{name: c, image: i}]}}}\n",
	  NULL,
	  "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match "
	  "template `labels`" },
	{ "no selector", "apps", "Deployment",
	  META "spec: {template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: "
	       "i}]}}}\n",
	  NULL,
	  "spec.selector: Required value\n"
	  "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match "
	  "template `labels`" },
	{ "selector is fixed", "apps", "Deployment",
	  META
	  "spec: {selector: {matchLabels: {b: b}}, template: {metadata: {labels: {a: b, b: b}}, "
	  "spec: {containers: [{name: c, image: i}]}}}\n",
	  DEPLOY("}\n"),
	  "spec.selector: Invalid value: {\"matchLabels\":{\"b\":\"b\"}}: field is immutable" },
	{ "strategy", "apps", "Deployment",
	  DEPLOY("}\n  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}\n"), NULL,
	  "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when "
	  "`maxSurge` is 0" },
	{ "good job", "batch", "Job", JOB(", restartPolicy: Never}\n"), NULL, "" },
	{ "job restart", "batch", "Job", JOB("}\n"), NULL,
	  "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", "
	  "\"Never\"" },
	{ "job template is fixed", "batch", "Job", JOB(", restartPolicy: Never, hostname: a}\n"),
	  JOB(", restartPolicy: OnFailure, hostname: a}\n"),
	  "spec.template: Invalid value: "
	  "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"image\":\"i\","
	  "\"imagePullPolicy\":\"Always\",\"name\":\"c\",\"resources\":{},\"terminationMessagePath\":"
	  "\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\"}],\"dnsPolicy\":"
	  "\"ClusterFirst\",\"hostname\":\"a\",\"restartPolicy\":\"Never\",\"schedulerName\":"
	  "\"default-scheduler\",\"securityContext\":{},\"terminationGracePeriodSeconds\":30}}: "
	  "field is immutable" },
	{ "service", "", "Service",
	  META "spec: {ports: [{port: 80}, {port: 80, nodePort: 30000}]}\n", NULL,
	  "spec.ports[0].name: Required value\nspec.ports[1].name: Required value\n"
	  "spec.ports[1]: Duplicate value: {\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":null,"
	  "\"Port\":80,\"TargetPort\":0,\"NodePort\":0}\n"
	  "spec.ports[1].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'" },
	{ "service address", "", "Service",
	  META "spec: {clusterIP: 10.0.0.2, ports: [{port: 80}]}\n",
	  META "spec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}\n",
	  "spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set" },
	{ "external name", "", "Service", META "spec: {type: ExternalName}\n", NULL,
	  "spec.externalName: Required value" },
	{ "config key", "", "ConfigMap", META "data: {\"a b\": c}\n", NULL,
	  "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric "
	  "characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used "
	  "for validation is '[-._a-zA-Z0-9]+')" },
	{ "immutable config", "", "ConfigMap", META "immutable: true\ndata: {a: c}\n",
	  META "immutable: true\ndata: {a: b}\n",
	  "data: Forbidden: field is immutable when `immutable` is set" },
	{ "secret type", "", "Secret", META "type: kubernetes.io/tls\n",
	  META "stringData: {\"tls.crt\": a, \"tls.key\": b}\ntype: Opaque\n",
	  "type: Invalid value: \"kubernetes.io/tls\": field is immutable\n"
	  "data[tls.crt]: Required value\ndata[tls.key]: Required value" },
	{ "toleration", "", "Pod",
	  POD("}]\n  tolerations: [{key: a, effect: Bad}, {operator: Exists, "
	      "value: x}, {}]\n"),
	  NULL,
	  "spec.tolerations[0].effect: Unsupported value: \"Bad\": supported values: "
	  "\"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"\n"
	  "spec.tolerations[1].operator: Invalid value: \"x\": value must be empty when `operator` "
	  "is 'Exists'\n"
	  "spec.tolerations[2].operator: Invalid value: \"\": operator must be Exists when `key` is "
	  "empty, which means \"match all values and all keys\"" },
	{ "affinity", "", "Pod",
	  POD("}]\n  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
	      "{nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Gt}]}]}}, podAffinity: "
	      "{preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0, podAffinityTerm: "
	      "{}}]}}\n"),
	  NULL,
	  "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
	  "nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified single "
	  "value when `operator` is 'Lt' or 'Gt'\n"
	  "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: "
	  "Invalid value: 0: must be in the range 1-100\n"
	  "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]."
	  "podAffinityTerm.topologyKey: Required value: can not be empty\n"
	  "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]."
	  "podAffinityTerm.topologyKey: Invalid value: \"\": name part must be non-empty\n"
	  "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]."
	  "podAffinityTerm.topologyKey: Invalid value: \"\": name part must consist of "
	  "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
	  "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
	  "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')" },
	{ "host aliases", "", "Pod", POD("}]\n  hostAliases: [{ip: x, hostnames: [a.b]}]\n"), NULL,
	  "spec.hostAliases[0].ip: Invalid value: \"x\": must be a valid IP address, (e.g. "
	  "10.9.8.7 or 2001:db8::ffff)" },
	{ "lease", "coordination.k8s.io", "Lease", META "spec: {leaseDurationSeconds: 0}\n", NULL,
	  "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0" },
	{ "slice", "discovery.k8s.io", "EndpointSlice",
	  META "addressType: IPv4\nendpoints: [{addresses: []}, {addresses: [x]}]\n", NULL,
	  "endpoints[0].addresses: Required value: must contain at least 1 address\n"
	  "endpoints[1].addresses[0]: Invalid value: \"x\": must be a valid IP address, (e.g. "
	  "10.9.8.7 or 2001:db8::ffff)" },
	{ "uid is fixed", "", "ConfigMap", "metadata: {name: x, namespace: d, uid: a}\n",
	  "metadata: {name: x, namespace: d, uid: b}\n",
	  "metadata.uid: Invalid value: \"a\": field is immutable" },
	{ "finalizers", "", "ConfigMap",
	  "metadata: {name: x, namespace: d, finalizers: [a/b, c/d], deletionTimestamp: "
	  "2026-01-01T00:00:00Z}\n",
	  "metadata: {name: x, namespace: d, finalizers: [a/b], deletionTimestamp: "
	  "2026-01-01T00:00:00Z}\n",
	  "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being "
	  "deleted, found new finalizers []string{\"c/d\"}" },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_free char *got = run(rows[i].group, rows[i].kind, rows[i].yaml, rows[i].old);
		CHECK_TEXT(rows[i].name, got, rows[i].want);
	}
	return 0;
}
