/* Admission: what the server adds, and the exact words in which it refuses. */
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define CORE "/api/v1"
#define NS   CORE "/namespaces/default"
#define PRIO "/apis/scheduling.k8s.io/v1/priorityclasses"
#define RUN  "/apis/node.k8s.io/v1/runtimeclasses"
#define SC   "/apis/storage.k8s.io/v1/storageclasses"
#define NET  "/apis/networking.k8s.io/v1"

#define POD(name, spec, resources)                                                                 \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{" spec "\"containers\":[{\"name\":\"c\"," \
	"\"image\":\"i\"" resources "}]}}"
#define PVC(name, spec)                                                                            \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{" spec                                    \
	"\"accessModes\":[\"ReadWriteOnce\"],"                                                     \
	"\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}"
#define RES(requests, limits) ",\"resources\":{\"requests\":{" requests "},\"limits\":{" limits "}}"

#define ARMORED(profile)                                                                           \
	"{\"metadata\":{\"name\":\"x\",\"annotations\":{"                                          \
	"\"container.apparmor.security.beta.kubernetes.io/c\":\"" profile                          \
	"\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"

static const struct api_row rows[] = {
	{ "account", 0, "POST", NS "/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}", 201,
	  "" },

	/* ServiceAccount: as templates leave what nobody has set */
	{ "an account without a name", 0, "POST", NS "/pods",
	  POD("a0", "\"serviceAccountName\":\"\",\"imagePullSecrets\":[{},{\"name\":\"\"}],", ""),
	  201, "\"serviceAccount\":\"default\" & \"serviceAccountName\":\"default\"" },
	{ "the old name", 0, "POST", NS "/pods",
	  POD("a1", "\"serviceAccountName\":\"\",\"serviceAccount\":\"nobody\",", ""), 403,
	  "error looking up service account default/nobody" },

	/* Priority */
	{ "system classes stay", 0, "DELETE", PRIO "/system-node-critical", 0, 403,
	  "priorityclasses.scheduling.k8s.io \\\"system-node-critical\\\" is forbidden: this is a system "
	  "priority class and cannot be deleted" },
	{ "system classes", 0, "GET", PRIO "/system-node-critical", 0, 200,
	  "\"value\":2000001000" },
	{ "no class", 0, "POST", NS "/pods", POD("p0", "", ""), 201,
	  "\"priority\":0 & \"preemptionPolicy\":\"PreemptLowerPriority\" & !priorityClassName" },
	{ "a system class", 0, "POST", NS "/pods",
	  POD("p1", "\"priorityClassName\":\"system-cluster-critical\",", ""), 201,
	  "\"priority\":2000000000" },
	{ "no such class", 0, "POST", NS "/pods", POD("p2", "\"priorityClassName\":\"none\",", ""),
	  403, "pods \\\"p2\\\" is forbidden: no PriorityClass with name none was found" },
	{ "a class", 0, "POST", PRIO,
	  "{\"metadata\":{\"name\":\"low\"},\"value\":-5,\"preemptionPolicy\":\"Never\"}", 201,
	  "" },
	{ "its number", 0, "POST", NS "/pods", POD("p3", "\"priorityClassName\":\"low\",", ""), 201,
	  "\"priority\":-5 & \"preemptionPolicy\":\"Never\"" },
	{ "no other number", 0, "POST", NS "/pods",
	  POD("p4", "\"priority\":7,\"priorityClassName\":\"low\",", ""), 403,
	  "the integer value of priority (7) must not be provided in pod spec; priority admission "
	  "controller computed -5 from the given PriorityClass name" },
	{ "a default", 0, "POST", PRIO,
	  "{\"metadata\":{\"name\":\"mid\"},\"value\":50,\"globalDefault\":true}", 201, "" },
	{ "for who names none", 0, "POST", NS "/pods", POD("p5", "", ""), 201,
	  "\"priority\":50 & \"priorityClassName\":\"mid\"" },
	{ "one default", 0, "POST", PRIO,
	  "{\"metadata\":{\"name\":\"max\"},\"value\":60,\"globalDefault\":true}", 403,
	  "priorityclasses.scheduling.k8s.io \\\"max\\\" is forbidden: PriorityClass mid is already "
	  "marked as default. Only one default can exist" },
	{ "no default", 0, "DELETE", PRIO "/mid", 0, 200, "" },

	/* RuntimeClass */
	{ "no runtime", 0, "POST", NS "/pods", POD("r0", "\"runtimeClassName\":\"kata\",", ""), 403,
	  "pod rejected: RuntimeClass \\\"kata\\\" not found" },
	{ "a runtime", 0, "POST", RUN,
	  "{\"metadata\":{\"name\":\"kata\"},\"handler\":\"kata\",\"overhead\":{\"podFixed\":{\"cpu\":"
	  "\"250m\"}},\"scheduling\":{\"nodeSelector\":{\"kata\":\"yes\"},\"tolerations\":[{\"key\":"
	  "\"kata\",\"operator\":\"Exists\",\"effect\":\"NoSchedule\"}]}}",
	  201, "" },
	{ "gives what it costs", 0, "POST", NS "/pods",
	  POD("r1", "\"runtimeClassName\":\"kata\",", ""), 201,
	  "\"overhead\":{\"cpu\":\"250m\"} & \"nodeSelector\":{\"kata\":\"yes\"} & \"key\":\"kata\"" },
	{ "a quarrel", 0, "POST", NS "/pods",
	  POD("r2", "\"runtimeClassName\":\"kata\",\"nodeSelector\":{\"kata\":\"no\"},", ""), 403,
	  "conflict: runtimeClass.scheduling.nodeSelector[kata] = yes; pod.spec.nodeSelector[kata] = no" },
	{ "another cost", 0, "POST", NS "/pods",
	  POD("r3", "\"runtimeClassName\":\"kata\",\"overhead\":{\"cpu\":\"1\"},", ""), 403,
	  "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead" },

	/* Classes of storage and ingress */
	{ "no storage class", 0, "POST", NS "/persistentvolumeclaims", PVC("c0", ""), 201,
	  "!storageClassName" },
	{ "a class", 0, "POST", SC,
	  "{\"metadata\":{\"name\":\"std\",\"annotations\":{\"storageclass.kubernetes.io/is-default-class\":"
	  "\"true\"}},\"provisioner\":\"x.y/z\"}",
	  201, "" },
	{ "is given", 0, "POST", NS "/persistentvolumeclaims", PVC("c1", ""), 201,
	  "\"storageClassName\":\"std\"" },
	{ "not over a choice", 0, "POST", NS "/persistentvolumeclaims",
	  PVC("c2", "\"storageClassName\":\"\","), 201, "!std" },
	{ "not unbound", 0, "PATCH", NS "/persistentvolumeclaims/c1",
	  "{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}}}", 422,
	  "for bound claims" },
	{ "bound", 0, "PATCH", NS "/persistentvolumeclaims/c1/status",
	  "{\"status\":{\"phase\":\"Bound\",\"capacity\":{\"storage\":\"1Gi\"}}}", 200, "Bound" },
	{ "not by this class", 0, "PATCH", NS "/persistentvolumeclaims/c1",
	  "{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}}}", 403,
	  "persistentvolumeclaims \\\"c1\\\" is forbidden: only dynamically provisioned pvc can be resized "
	  "and the storageclass that provisions the pvc must support resize" },
	{ "a growing class", 0, "PATCH", SC "/std", "{\"allowVolumeExpansion\":true}", 200, "" },
	{ "grows", 0, "PATCH", NS "/persistentvolumeclaims/c1",
	  "{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}}}", 200, "2Gi" },
	{ "an ingress class", 0, "POST", NET "/ingressclasses",
	  "{\"metadata\":{\"name\":\"web\",\"annotations\":{\"ingressclass.kubernetes.io/is-default-class\":"
	  "\"true\"}},\"spec\":{\"controller\":\"x.y/z\"}}",
	  201, "" },
	{ "is given", 0, "POST", NET "/namespaces/default/ingresses",
	  "{\"metadata\":{\"name\":\"i\"},\"spec\":{\"defaultBackend\":{\"service\":{\"name\":\"s\",\"port\":"
	  "{\"number\":80}}}}}",
	  201, "\"ingressClassName\":\"web\"" },

	/* LimitRanger */
	{ "a namespace", 0, "POST", CORE "/namespaces", "{\"metadata\":{\"name\":\"lim\"}}", 201,
	  "" },
	{ "account", 0, "POST", CORE "/namespaces/lim/serviceaccounts",
	  "{\"metadata\":{\"name\":\"default\"}}", 201, "" },
	{ "a range", 0, "POST", CORE "/namespaces/lim/limitranges",
	  "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"limits\":[{\"type\":\"Container\",\"default\":{\"cpu\":"
	  "\"500m\",\"memory\":\"256Mi\"},\"defaultRequest\":{\"cpu\":\"250m\",\"memory\":\"128Mi\"},\"min\":"
	  "{\"cpu\":\"100m\"},\"max\":{\"cpu\":\"1\"},\"maxLimitRequestRatio\":{\"cpu\":\"4\"}},{\"type\":"
	  "\"PersistentVolumeClaim\",\"min\":{\"storage\":\"2Gi\"},\"max\":{\"storage\":\"5Gi\"}}]}}",
	  201, "" },
	{ "defaults", 0, "POST", CORE "/namespaces/lim/pods", POD("a", "", ""), 201,
	  "\"limits\":{\"cpu\":\"500m\",\"memory\":\"256Mi\"} & \"requests\":{\"cpu\":\"250m\",\"memory\":"
	  "\"128Mi\"} & \"qosClass\":\"Burstable\" & LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit "
	  "for container c" },
	{ "too little", 0, "POST", CORE "/namespaces/lim/pods",
	  POD("b", "", RES("\"cpu\":\"50m\"", "\"cpu\":\"200m\"")), 403,
	  "pods \\\"b\\\" is forbidden: minimum cpu usage per Container is 100m, but request is 50m" },
	{ "too much", 0, "POST", CORE "/namespaces/lim/pods",
	  POD("b", "", RES("\"cpu\":\"1\"", "\"cpu\":\"2\"")), 403,
	  "maximum cpu usage per Container is 1, but limit is 2" },
	{ "too far apart", 0, "POST", CORE "/namespaces/lim/pods",
	  POD("b", "", RES("\"cpu\":\"100m\"", "\"cpu\":\"1\"")), 403,
	  "cpu max limit to request ratio per Container is 4, but provided ratio is 10.000000" },
	{ "a small claim", 0, "POST", CORE "/namespaces/lim/persistentvolumeclaims", PVC("c", ""),
	  403, "minimum storage usage per PersistentVolumeClaim is 2Gi, but request is 1Gi" },

	/* What uses storage keeps it. */
	{ "a claim is held", 0, "POST", NS "/persistentvolumeclaims", PVC("held", ""), 201,
	  "\"finalizers\":[\"kubernetes.io/pvc-protection\"]" },
	{ "once", 0, "POST", NS "/persistentvolumeclaims",
	  "{\"metadata\":{\"name\":\"held2\",\"finalizers\":[\"kubernetes.io/pvc-protection\"]},\"spec\":{"
	  "\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}",
	  201, "\"finalizers\":[\"kubernetes.io/pvc-protection\"]" },
	{ "a volume is held", 0, "POST", CORE "/persistentvolumes",
	  "{\"metadata\":{\"name\":\"v\"},\"spec\":{\"capacity\":{\"storage\":\"1Gi\"},\"accessModes\":["
	  "\"ReadWriteOnce\"],\"hostPath\":{\"path\":\"/v\"}}}",
	  201, "\"finalizers\":[\"kubernetes.io/pv-protection\"]" },
	{ "attributes are held", 0, "POST", "/apis/storage.k8s.io/v1/volumeattributesclasses",
	  "{\"metadata\":{\"name\":\"fast\"},\"driverName\":\"x.y/z\",\"parameters\":{\"a\":\"b\"}}",
	  201, "\"finalizers\":[\"kubernetes.io/vac-protection\"]" },
	{ "it waits", 0, "DELETE", NS "/persistentvolumeclaims/held", 0, 200, "deletionTimestamp" },
	{ "until it is let go", 0, "PATCH", NS "/persistentvolumeclaims/held",
	  "{\"metadata\":{\"finalizers\":null}}", 200, "" },
	{ "then it is gone", 0, "GET", NS "/persistentvolumeclaims/held", 0, 404, "" },

	/* A new node takes nothing before it is ready. */
	{ "a new node", 0, "POST", CORE "/nodes", "{\"metadata\":{\"name\":\"new\"}}", 201,
	  "\"taints\":[{\"key\":\"node.kubernetes.io/not-ready\",\"effect\":\"NoSchedule\"}]" },
	{ "has the taint once", 0, "POST", CORE "/nodes",
	  "{\"metadata\":{\"name\":\"new2\"},\"spec\":{\"taints\":[{\"key\":"
	  "\"node.kubernetes.io/not-ready\",\"effect\":\"NoSchedule\"}]}}",
	  201,
	  "\"taints\":[{\"key\":\"node.kubernetes.io/not-ready\",\"effect\":\"NoSchedule\"}]" },
	{ "beside others", 0, "POST", CORE "/nodes",
	  "{\"metadata\":{\"name\":\"new3\"},\"spec\":{\"taints\":[{\"key\":\"a\",\"effect\":"
	  "\"NoExecute\"}]}}",
	  201, "\"key\":\"a\" & \"key\":\"node.kubernetes.io/not-ready\"" },
	{ "not again", 0, "PATCH", CORE "/nodes/new", "{\"spec\":{\"taints\":null}}", 200,
	  "!not-ready" },

	/* A pod learns where its node stands. */
	{ "a node", 0, "POST", CORE "/nodes",
	  "{\"metadata\":{\"name\":\"n\",\"labels\":{\"topology.kubernetes.io/zone\":\"z1\"}}}",
	  201, "" },
	{ "bound", 0, "POST", NS "/pods/p0/binding",
	  "{\"metadata\":{\"name\":\"p0\"},\"target\":{\"name\":\"n\"}}", 201, "" },
	{ "knows its zone", 0, "GET", NS "/pods/p0", 0, 200,
	  "\"topology.kubernetes.io/zone\":\"z1\"" },

	/* PodSecurity */
	{ "a guarded namespace", 0, "POST", CORE "/namespaces",
	  "{\"metadata\":{\"name\":\"sec\",\"labels\":{\"pod-security.kubernetes.io/enforce\":\"baseline\","
	  "\"pod-security.kubernetes.io/warn\":\"restricted\"}}}",
	  201, "" },
	{ "account", 0, "POST", CORE "/namespaces/sec/serviceaccounts",
	  "{\"metadata\":{\"name\":\"default\"}}", 201, "" },
	{ "a bad pod", 0, "POST", CORE "/namespaces/sec/pods",
	  POD("x", "\"hostNetwork\":true,", ",\"securityContext\":{\"privileged\":true}"), 403,
	  "pods \\\"x\\\" is forbidden: violates PodSecurity \\\"baseline:latest\\\": host namespaces "
	  "(hostNetwork=true), privileged (container \\\"c\\\" must not set "
	  "securityContext.privileged=true)\"" },
	{ "a profile that an annotation says", 0, "POST", CORE "/namespaces/sec/pods",
	  ARMORED("unconfined"), 403,
	  "pods \\\"x\\\" is forbidden: violates PodSecurity \\\"baseline:latest\\\": forbidden AppArmor "
	  "profiles (container \\\"c\\\" and annotation must not set AppArmor profile type to "
	  "\\\"Unconfined\\\", \\\"container.apparmor.security.beta.kubernetes.io/c=\\\"unconfined\\\"\\\")\" & !field instead\"\nWarning" },
	{ "becomes a field", 0, "POST", CORE "/namespaces/sec/pods?dryRun=All",
	  ARMORED("localhost/mine"), 201,
	  "\"appArmorProfile\":{\"type\":\"Localhost\",\"localhostProfile\":\"mine\"} & Warning: 299 - "
	  "\"metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since "
	  "v1.30; use the \\\"appArmorProfile\\\" field instead\"" },
	{ "a plain pod", 0, "POST", CORE "/namespaces/sec/pods", POD("y", "", ""), 201,
	  "Warning: 299 - \"would violate PodSecurity \\\"restricted:latest\\\": allowPrivilegeEscalation != "
	  "false (container \\\"c\\\" must set securityContext.allowPrivilegeEscalation=false), unrestricted "
	  "capabilities (container \\\"c\\\" must set securityContext.capabilities.drop=[\\\"ALL\\\"]), "
	  "runAsNonRoot != true (pod or container \\\"c\\\" must set securityContext.runAsNonRoot=true), "
	  "seccompProfile (pod or container \\\"c\\\" must set securityContext.seccompProfile.type to "
	  "\\\"RuntimeDefault\\\" or \\\"Localhost\\\")\"" },
	{ "a workload warns", 0, "POST", "/apis/apps/v1/namespaces/sec/deployments",
	  "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":"
	  "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
	  "\"i\"}]}}}}",
	  201, "Warning: 299 - \"would violate PodSecurity" },
	{ "no level", 0, "PATCH", CORE "/namespaces/sec",
	  "{\"metadata\":{\"labels\":{\"pod-security.kubernetes.io/enforce\":\"high\"}}}", 422,
	  "Namespace \\\"sec\\\" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid "
	  "value: \\\"high\\\": must be one of privileged, baseline, restricted" },
	{ "no version", 0, "POST", CORE "/namespaces",
	  "{\"metadata\":{\"name\":\"odd\",\"labels\":{\"pod-security.kubernetes.io/warn-version\":"
	  "\"1\"}}}",
	  422, "must be \\\"latest\\\" or \\\"v1.x\\\"" },
	{ "a version", 0, "PATCH", CORE "/namespaces/sec",
	  "{\"metadata\":{\"labels\":{\"pod-security.kubernetes.io/enforce-version\":\"v1.30\"}}}",
	  200, "!Warning" },
	{ "is told", 0, "POST", CORE "/namespaces/sec/pods", POD("x", "\"hostNetwork\":true,", ""),
	  403, "violates PodSecurity \\\"baseline:v1.30\\\": host namespaces" },
	{ "who is there is told of", 0, "PATCH", CORE "/namespaces/sec",
	  "{\"metadata\":{\"labels\":{\"pod-security.kubernetes.io/enforce\":\"restricted\"}}}",
	  200,
	  "Warning: 299 - \"existing pods in namespace \\\"sec\\\" violate the new PodSecurity enforce "
	  "level \\\"restricted:v1.30\\\"\" & Warning: 299 - \"y: allowPrivilegeEscalation != false, "
	  "unrestricted capabilities, runAsNonRoot != true, seccompProfile\"" },
	{ "not when it is less", 0, "PATCH", CORE "/namespaces/sec",
	  "{\"metadata\":{\"labels\":{\"pod-security.kubernetes.io/enforce\":\"baseline\"}}}", 200,
	  "!Warning" },
	{ "elsewhere", 0, "POST", NS "/pods",
	  POD("free", "\"hostNetwork\":true,", ",\"securityContext\":{\"privileged\":true}"), 201,
	  "!Warning" },
};

int main(void)
{
	struct api_world w;
	api_world_init(&w, 11);
	api_rows_run(&w, rows, ARRAY_LEN(rows));
	api_world_fini(&w);
	puts("ok");
	return 0;
}
