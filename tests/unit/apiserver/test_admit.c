/* Admission: what the server adds, and the exact words in which it refuses. */
#include "apiserver/pod_security.h"
#include "common/base/jsonx.h"
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
	  "\"128Mi\"} & LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit "
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
	{ "bound", 0, "POST", NS "/pods/p0/binding", "{\"target\":{\"name\":\"n\"}}", 201, "" },
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

/* Pods as their spec: a container "c" stands in each. */
#define SPEC(pod, container)                                                                       \
	"{\"metadata\":{},\"spec\":{" pod "\"containers\":[{\"name\":\"c\"" container "}]}}"
#define CONTEXT(text) ",\"securityContext\":{" text "}"
#define GOOD                                                                                              \
	"\"allowPrivilegeEscalation\":false,\"runAsNonRoot\":true,\"capabilities\":{\"drop\":[\"ALL\"]}," \
	"\"seccompProfile\":{\"type\":\"RuntimeDefault\"}"

static const struct {
	const char *name, *pod;
	enum pod_security_level level;
	const char *why;
} levels[] = {
	{ "anything", SPEC("\"hostPID\":true,", ""), POD_SECURITY_PRIVILEGED, "" },
	{ "plain", SPEC("", ""), POD_SECURITY_BASELINE, "" },
	{ "all of the host's", SPEC("\"hostNetwork\":true,\"hostPID\":true,\"hostIPC\":true,", ""),
	  POD_SECURITY_BASELINE, "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)" },
	{ "paths",
	  SPEC("\"volumes\":[{\"name\":\"a\",\"hostPath\":{}},{\"name\":\"b\",\"hostPath\":{}}],",
	       ""),
	  POD_SECURITY_BASELINE, "hostPath volumes (volumes \"a\", \"b\")" },
	{ "paths are restricted volumes",
	  SPEC("\"volumes\":[{\"name\":\"a\",\"hostPath\":{}}],", CONTEXT(GOOD)),
	  POD_SECURITY_RESTRICTED,
	  "restricted volume types (volume \"a\" uses restricted volume type \"hostPath\")" },
	{ "a port of the host", SPEC("", ",\"ports\":[{\"hostPort\":80},{\"hostPort\":443}]"),
	  POD_SECURITY_BASELINE, "hostPort (container \"c\" uses hostPorts 443, 80)" },
	{ "a probe elsewhere", SPEC("", ",\"livenessProbe\":{\"httpGet\":{\"host\":\"10.0.0.1\"}}"),
	  POD_SECURITY_BASELINE,
	  "probe or lifecycle host (container \"c\" uses probe or lifecycle host \"10.0.0.1\")" },
	{ "capabilities",
	  SPEC("", CONTEXT("\"capabilities\":{\"add\":[\"SYS_ADMIN\",\"CHOWN\",\"BPF\"]}")),
	  POD_SECURITY_BASELINE,
	  "non-default capabilities (container \"c\" must not include \"BPF\", \"SYS_ADMIN\" in "
	  "securityContext.capabilities.add)" },
	{ "more capabilities",
	  SPEC("",
	       CONTEXT("\"allowPrivilegeEscalation\":false,\"runAsNonRoot\":true,\"capabilities\":{"
		       "\"drop\":[\"ALL\"],\"add\":[\"CHOWN\"]},\"seccompProfile\":{\"type\":\"Localhost\"}")),
	  POD_SECURITY_RESTRICTED,
	  "unrestricted capabilities (container \"c\" must not include \"CHOWN\" in "
	  "securityContext.capabilities.add)" },
	{ "proc", SPEC("", CONTEXT("\"procMount\":\"Unmasked\"")), POD_SECURITY_BASELINE,
	  "procMount (container \"c\" must not set securityContext.procMount to \"Unmasked\")" },
	{ "proc with its own users",
	  SPEC("\"hostUsers\":false,", CONTEXT("\"procMount\":\"Unmasked\"")),
	  POD_SECURITY_BASELINE, "" },
	{ "selinux",
	  SPEC("\"securityContext\":{\"seLinuxOptions\":{\"type\":\"x_t\",\"user\":\"u\",\"role\":"
	       "\"r\"}},",
	       ""),
	  POD_SECURITY_BASELINE,
	  "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type \"x_t\"; user may not "
	  "be set; role may not be set)" },
	{ "seccomp",
	  SPEC("\"securityContext\":{\"seccompProfile\":{\"type\":\"Unconfined\"}},", ""),
	  POD_SECURITY_BASELINE,
	  "seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\")" },
	{ "sysctl",
	  SPEC("\"securityContext\":{\"sysctls\":[{\"name\":\"kernel.x\"},{\"name\":"
	       "\"net.ipv4.tcp_syncookies\"}]},",
	       ""),
	  POD_SECURITY_BASELINE, "forbidden sysctls (kernel.x)" },
	{ "windows", SPEC("", CONTEXT("\"windowsOptions\":{\"hostProcess\":true}")),
	  POD_SECURITY_BASELINE,
	  "hostProcess (container \"c\" must not set securityContext.windowsOptions.hostProcess=true)" },
	{ "apparmor", SPEC("", CONTEXT("\"appArmorProfile\":{\"type\":\"Unconfined\"}")),
	  POD_SECURITY_BASELINE,
	  "forbidden AppArmor profile (container \"c\" must not set AppArmor profile type to "
	  "\"Unconfined\")" },
	{ "restricted", SPEC("", CONTEXT(GOOD)), POD_SECURITY_RESTRICTED, "" },
	{ "root by number",
	  SPEC("\"securityContext\":{\"runAsUser\":0},", CONTEXT(GOOD ",\"runAsUser\":0")),
	  POD_SECURITY_RESTRICTED,
	  "runAsUser=0 (pod and container \"c\" must not set runAsUser=0)" },
	{ "root by word", SPEC("\"securityContext\":{\"runAsNonRoot\":false},", CONTEXT(GOOD)),
	  POD_SECURITY_RESTRICTED,
	  "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)" },
};

static void test_levels(void)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		struct error err;
		AUTO_JSON *pod = NULL;
		AUTO_STR why;
		str_init(&why, 16384);
		CHECK(json_parse(levels[i].pod, strlen(levels[i].pod), &pod, &err) == 0);
		bool good =
			pod_security_check(pod, levels[i].level, POD_SECURITY_LATEST, &why, NULL);
		CHECK_TEXT(levels[i].name, why.data, levels[i].why);
		CHECK_INT(good, !*levels[i].why);
	}
}

#define CTX(text) ",\"securityContext\":{" text "}"
#define SECCOMP                                                                                    \
	"seccompProfile (pod or container \"c\" must set securityContext.seccompProfile.type"

/* What a level asked for when: from which version on a piece is told of, and until which. */
static const struct {
	const char *name, *pod;
	enum pod_security_level level;
	const char *piece;
	int since, until;
} versions[] = {
	{ "probes", SPEC("", ",\"livenessProbe\":{\"httpGet\":{\"host\":\"10.0.0.1\"}}"),
	  POD_SECURITY_BASELINE, "probe or lifecycle host", 34, 99 },
	{ "another seLinux type",
	  SPEC("", CTX("\"seLinuxOptions\":{\"type\":\"container_engine_t\"}")),
	  POD_SECURITY_BASELINE, "seLinuxOptions", 0, 30 },
	{ "a seccomp field", SPEC("", CTX("\"seccompProfile\":{\"type\":\"Unconfined\"}")),
	  POD_SECURITY_BASELINE, "seccompProfile (container", 19, 99 },
	{ "a seccomp annotation",
	  "{\"metadata\":{\"annotations\":{\"seccomp.security.alpha.kubernetes.io/pod\":\"unconfined\"}},"
	  "\"spec\":{\"containers\":[]}}",
	  POD_SECURITY_RESTRICTED,
	  "seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod=\"unconfined\")",
	  0, 18 },
	{ "reserved ports",
	  SPEC("\"securityContext\":{\"sysctls\":[{\"name\":\"net.ipv4.ip_local_reserved_ports\"}]},",
	       ""),
	  POD_SECURITY_BASELINE, "forbidden sysctls", 0, 26 },
	{ "keepalive",
	  SPEC("\"securityContext\":{\"sysctls\":[{\"name\":\"net.ipv4.tcp_keepalive_probes\"}]},",
	       ""),
	  POD_SECURITY_BASELINE, "forbidden sysctls", 0, 28 },
	{ "memory of connections",
	  SPEC("\"securityContext\":{\"sysctls\":[{\"name\":\"net.ipv4.tcp_wmem\"}]},", ""),
	  POD_SECURITY_BASELINE, "forbidden sysctls", 0, 31 },
	{ "users of its own", SPEC("\"hostUsers\":false,", CTX("\"procMount\":\"Unmasked\"")),
	  POD_SECURITY_BASELINE, "procMount", 0, 34 },
	{ "which are root", SPEC("\"hostUsers\":false,", CTX("\"runAsUser\":0")),
	  POD_SECURITY_RESTRICTED, "runAsUser=0", 23, 34 },
	{ "or may be", SPEC("\"hostUsers\":false,", ""), POD_SECURITY_RESTRICTED,
	  "runAsNonRoot != true", 0, 34 },
	{ "root", SPEC("", CTX("\"runAsUser\":0")), POD_SECURITY_RESTRICTED, "runAsUser=0", 23,
	  99 },
	{ "escalation", SPEC("", ""), POD_SECURITY_RESTRICTED, "allowPrivilegeEscalation", 8, 99 },
	{ "escalation of Windows", SPEC("\"os\":{\"name\":\"windows\"},", ""),
	  POD_SECURITY_RESTRICTED, "allowPrivilegeEscalation", 8, 24 },
	{ "capabilities are dropped", SPEC("", ""), POD_SECURITY_RESTRICTED,
	  "unrestricted capabilities", 22, 99 },
	{ "or were baseline's",
	  SPEC("", CTX("\"capabilities\":{\"add\":[\"NET_RAW\"],\"drop\":[\"ALL\"]}")),
	  POD_SECURITY_RESTRICTED, "non-default capabilities", 0, 21 },
	{ "seccomp is set", SPEC("", ""), POD_SECURITY_RESTRICTED, SECCOMP, 19, 99 },
	{ "but not on Windows", SPEC("\"os\":{\"name\":\"windows\"},", ""), POD_SECURITY_RESTRICTED,
	  SECCOMP, 19, 24 },
};

static void test_versions(void)
{
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct error err;
		AUTO_JSON *pod = NULL;
		CHECK(json_parse(versions[i].pod, strlen(versions[i].pod), &pod, &err) == 0);
		for (int minor = 0; minor < 100; minor++) {
			AUTO_STR why;
			str_init(&why, 16384);
			str_add(&why, "");
			(void)pod_security_check(pod, versions[i].level, minor, &why,
						 NULL); /* others may be broken, too */
			bool wanted = minor >= versions[i].since && minor <= versions[i].until;
			if ((strstr(why.data, versions[i].piece) != NULL) != wanted) {
				fprintf(stderr, "%s in v1.%d: %s\n", versions[i].name, minor,
					why.data);
				exit(1);
			}
		}
	}
}

static const struct {
	const char *labels, *want; /* enforce, audit, warn; the errors */
} policies[] = {
	{ "{}", "privileged:latest privileged:latest privileged:latest" },
	{ "{\"enforce\":\"baseline\",\"enforce-version\":\"v1.30\"}",
	  "baseline:v1.30 privileged:latest baseline:v1.30" },
	{ "{\"enforce\":\"baseline\",\"enforce-version\":\"v1.30\",\"warn-version\":\"v1.7\"}",
	  "baseline:v1.30 privileged:latest baseline:v1.7" },
	{ "{\"enforce\":\"baseline\",\"warn\":\"privileged\",\"audit\":\"restricted\","
	  "\"audit-version\":\"latest\"}",
	  "baseline:latest restricted:latest privileged:latest" },
	{ "{\"enforce\":\"high\",\"audit\":\"low\",\"warn\":\"no\"}",
	  "restricted:latest privileged:latest privileged:latest; "
	  "metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"high\": must be one of "
	  "privileged, baseline, restricted; metadata.labels[pod-security.kubernetes.io/audit]: Invalid "
	  "value: \"low\": must be one of privileged, baseline, restricted; "
	  "metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: \"no\": must be one of "
	  "privileged, baseline, restricted" },
	{ "{\"enforce\":\"baseline\",\"enforce-version\":\"v1.07\"}",
	  "baseline:latest privileged:latest baseline:latest; "
	  "metadata.labels[pod-security.kubernetes.io/enforce-version]: Invalid value: \"v1.07\": must be "
	  "\"latest\" or \"v1.x\"" },
	{ "{\"warn-version\":\"1.30\",\"audit-version\":\"v2.1\"}",
	  "privileged:latest privileged:latest privileged:latest; "
	  "metadata.labels[pod-security.kubernetes.io/audit-version]: Invalid value: \"v2.1\": must be "
	  "\"latest\" or \"v1.x\"; metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid "
	  "value: \"1.30\": must be \"latest\" or \"v1.x\"" },
};

static void test_policies(void)
{
	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		struct error err;
		AUTO_JSON *given = NULL;
		AUTO_JSON *labels = json_object();
		const char *key;
		json_t *value;
		CHECK(json_parse(policies[i].labels, strlen(policies[i].labels), &given, &err) ==
		      0);
		json_object_foreach (given, key, value) {
			auto_free char *name = xasprintf("pod-security.kubernetes.io/%s", key);
			json_object_set(labels, name, value);
		}
		struct pod_security_policy p;
		struct field_errors errors = { 0 };
		AUTO_STR got;
		str_init(&got, 16384);
		pod_security_policy_read(labels, &p, &errors);
		pod_security_mode_text(&p.enforce, &got);
		str_add(&got, " ");
		pod_security_mode_text(&p.audit, &got);
		str_add(&got, " ");
		pod_security_mode_text(&p.warn, &got);
		for (size_t k = 0; k < errors.count; k++) {
			str_add(&got, "; ");
			field_error_text(&errors.at[k], &got);
		}
		CHECK_TEXT(policies[i].labels, got.data, policies[i].want);
		field_errors_fini(&errors);
	}
}

#define MANY 210
#define OWNER                                                                                      \
	"{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"r\",\"uid\":\"u\","        \
	"\"controller\":true}"

static void add_pod(struct api_world *w, const char *name, const char *owners, const char *spec)
{
	auto_free char *body = xasprintf(
		"{\"metadata\":{\"name\":\"%s\",\"ownerReferences\":[%s]},\"spec\":{%s\"containers\":[{"
		"\"name\":\"c\",\"image\":\"i\"}]}}",
		name, owners, spec);
	api_rows_run(
		w,
		&(struct api_row){ name, 0, "POST", CORE "/namespaces/many/pods", body, 201, "" },
		1);
}

/* All of a namespace's pods are looked at when its level is raised. */
static void test_many_pods(struct api_world *w)
{
	static const struct api_row before[] = {
		{ "a namespace", 0, "POST", CORE "/namespaces",
		  "{\"metadata\":{\"name\":\"many\"}}", 201, "" },
		{ "its account", 0, "POST", CORE "/namespaces/many/serviceaccounts",
		  "{\"metadata\":{\"name\":\"default\"}}", 201, "" },
	};
	static const struct api_row raised = {
		"raised",
		0,
		"PATCH",
		CORE "/namespaces/many",
		"{\"metadata\":{\"labels\":{\"pod-security.kubernetes.io/enforce\":\"restricted\"}}}",
		200,
		"violate the new PodSecurity enforce level \\\"restricted:latest\\\" & Warning: 299 - "
		"\"a000 (and 209 other pods): allowPrivilegeEscalation != false, unrestricted "
		"capabilities, runAsNonRoot != true, seccompProfile\" & Warning: 299 - \"zz: host "
		"namespaces, allowPrivilegeEscalation != false & !only checked"
	};
	api_rows_run(w, before, ARRAY_LEN(before));
	for (int i = 0; i < MANY; i++) {
		auto_free char *name = xasprintf("a%03d", i);
		add_pod(w, name, OWNER, "");
	}
	add_pod(w, "zz", "", "\"hostNetwork\":true,");
	api_rows_run(w, &raised, 1);
}

int main(void)
{
	struct api_world w;
	test_levels();
	test_versions();
	test_policies();
	api_world_init(&w, 11);
	api_rows_run(&w, rows, ARRAY_LEN(rows));
	test_many_pods(&w);
	api_world_fini(&w);
	puts("ok");
	return 0;
}
