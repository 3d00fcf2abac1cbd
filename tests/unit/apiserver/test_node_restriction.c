/*
 * NodeRestriction: what agents may not say about themselves, their pods and what these use, row by row
 * of upstream's plugin; and ServiceAccounts that say which secrets their pods may use, mirror pods.
 */
#include "common/io/tls.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

/* A request of /O=system:nodes/CN=system:node:n1. */
#define REQUEST                                                                                    \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIck1JR1NBZ0VBTURBeEZUQVRCZ05W"         \
	"QkFvTURITjVjM1JsYlRwdWIyUmxjekVYTUJVR0ExVUVBd3dPYzNsegpkR1Z0T201dlpHVTZiakV3V1RB"         \
	"VEJnY3Foa2pPUFFJQkJnZ3Foa2pPUFFNQkJ3TkNBQVNqbktjS0EvRElBRWJlClZKZ2YxZmlDMkZWL3Iw"         \
	"UVpnWTI2N0puVFdPT3pJZ2NwbkZ2NnIwU2doMnNDalFFZC84OVVpazJtMUNDMFl2YSsKaE93VmhacTlv"         \
	"QUF3Q2dZSUtvWkl6ajBFQXdJRFNBQXdSUUloQVA3YVV6U2tLOUNicHl4aHR0TG0xRHlmRWo4dQoyU1BI"         \
	"bGE0T0gzeHpKa0UwQWlBQ0daVmF4TEZaem1maXhTWFl1bzZNckdBQXpEWWRmN1hLRXNWc3MveGt1UT09"         \
	"Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo="

#define CORE "/api/v1"
#define NS   CORE "/namespaces/default"
#define N1   "system:node:n1/system:nodes"
#define N2   "system:node:n2/system:nodes"
#define CSRS "/apis/certificates.k8s.io/v1/certificatesigningrequests"
#define SC   "/apis/storage.k8s.io/v1"
#define RES  "/apis/resource.k8s.io/v1"
#define RBAC "/apis/rbac.authorization.k8s.io/v1"

#define NAME(name)      "{\"metadata\":{\"name\":\"" name "\"}}"
#define BIND(pod, node) "{\"metadata\":{\"name\":\"" pod "\"},\"target\":{\"name\":\"" node "\"}}"
#define POD(name, meta, spec)                                                                      \
	"{\"metadata\":{\"name\":\"" name "\"" meta "},\"spec\":{" spec                            \
	"\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"
#define MIRROR(more) ",\"annotations\":{\"kubernetes.io/config.mirror\":\"x\"}" more
#define OWNER(more)                                                                                \
	",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"n1\"," more "}]"
#define CSR(name, signer)                                                                          \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"request\":\"" REQUEST                   \
	"\",\"signerName\":\"kubernetes.io/" signer "\",\"usages\":[\"client auth\"]}}"
#define SLICE(name, node)                                                                          \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"driver\":\"x.y\",\"pool\":{\"name\":\"" \
	"p\",\"generation\":1,\"resourceSliceCount\":1},\"nodeName\":\"" node                      \
	"\",\"devices\":[]}}"
#define TOKEN(api, name, uid, audiences)                                                           \
	"{\"spec\":{\"audiences\":[" audiences "],\"boundObjectRef\":{\"apiVersion\":\"" api       \
	"\",\"kind\":\"Pod\",\"name\":\"" name "\",\"uid\":\"" uid "\"}}}"

static const struct api_row rows[] = {
	{ "account", 0, "POST", NS "/serviceaccounts", NAME("default"), 201, "" },

	/* Itself. */
	{ "no settings from elsewhere", N1, "POST", CORE "/nodes",
	  "{\"metadata\":{\"name\":\"n1\"},\"spec\":{\"configSource\":{\"configMap\":{\"name\":\"m\","
	  "\"namespace\":\"default\",\"kubeletConfigKey\":\"k\"}}}}",
	  403, "node \\\"n1\\\" is not allowed to create pods with a non-nil configSource" },
	{ "itself", N1, "POST", CORE "/nodes", NAME("n1"), 201, "node.kubernetes.io/not-ready" },
	{ "the other", N2, "POST", CORE "/nodes", NAME("n2"), 201, "" },
	{ "nor later", N1, "PATCH", CORE "/nodes/n1",
	  "{\"spec\":{\"configSource\":{\"configMap\":{\"name\":\"m\",\"namespace\":\"default\","
	  "\"kubeletConfigKey\":\"k\"}}}}",
	  403, "is not allowed to update configSource to a new non-nil configSource" },
	{ "no taint off", N1, "PATCH", CORE "/nodes/n1", "{\"spec\":{\"taints\":null}}", 403,
	  "node \\\"n1\\\" is not allowed to modify taints" },
	{ "no owner", N1, "PATCH", CORE "/nodes/n1",
	  "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"p\","
	  "\"uid\":\"u\"}]}}",
	  403, "node \\\"n1\\\" is not allowed to modify ownerReferences" },
	{ "no label", N1, "PATCH", CORE "/nodes/n1",
	  "{\"metadata\":{\"labels\":{\"node-restriction.kubernetes.io/x\":\"y\"}}}", 403,
	  "is not allowed to modify labels: node-restriction.kubernetes.io/x" },
	{ "its status", N1, "PATCH", CORE "/nodes/n1/status",
	  "{\"status\":{\"capacity\":{\"cpu\":\"1\"}}}", 200, "" },

	/* Certificates. */
	{ "its certificate", N1, "POST", CSRS, CSR("a", "kube-apiserver-client-kubelet"), 201, "" },
	{ "not in its name", N2, "POST", CSRS, CSR("b", "kube-apiserver-client-kubelet"), 403,
	  "can only create a node CSR with CN=system:node:n2" },
	{ "nor to serve", N2, "POST", CSRS, CSR("b", "kubelet-serving"), 403,
	  "can only create a node CSR with CN=system:node:n2" },
	{ "others are the signer's business", N2, "POST", CSRS, CSR("b", "kube-apiserver-client"),
	  201, "" },

	/* Mirror pods. */
	{ "bound to none", N1, "POST", NS "/pods", POD("m", MIRROR(""), ""), 422,
	  "must set spec.nodeName if mirror pod annotation is set" },
	{ "bound to it", N1, "POST", NS "/pods", POD("m", MIRROR(""), "\"nodeName\":\"n2\","), 403,
	  "node \\\"n1\\\" can only create pods with spec.nodeName set to itself" },
	{ "owned by it", N1, "POST", NS "/pods", POD("m", MIRROR(""), "\"nodeName\":\"n1\","), 403,
	  "can only create pods with an owner reference set to itself" },
	{ "controlled by it", N1, "POST", NS "/pods",
	  POD("m", MIRROR(OWNER("\"uid\":\"u\"")), "\"nodeName\":\"n1\","), 403,
	  "can only create pods with a controller owner reference set to itself" },
	{ "not blocking", N1, "POST", NS "/pods",
	  POD("m", MIRROR(OWNER("\"uid\":\"u\",\"controller\":true,\"blockOwnerDeletion\":true")),
	      "\"nodeName\":\"n1\","),
	  403, "must not set blockOwnerDeletion on an owner reference" },
	{ "by this one", N1, "POST", NS "/pods",
	  POD("m", MIRROR(OWNER("\"uid\":\"u\",\"controller\":true")), "\"nodeName\":\"n1\","), 403,
	  "node n1 UID mismatch: expected u got" },
	{ "without an account", 0, "POST", NS "/pods",
	  POD("m", MIRROR(""), "\"serviceAccountName\":\"default\","), 403,
	  "a mirror pod may not reference service accounts" },
	{ "without secrets", 0, "POST", NS "/pods",
	  POD("m", MIRROR(""), "\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}],"),
	  403, "a mirror pod may not reference secrets" },
	{ "without tokens", 0, "POST", NS "/pods",
	  POD("m", MIRROR(""),
	      "\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"serviceAccountToken\":{\"path\":"
	      "\"t\"}}]}}],"),
	  403, "a mirror pod may not use ServiceAccountToken volume projections" },
	{ "as it stands in its file", 0, "POST", NS "/pods",
	  POD("m", MIRROR(""), "\"nodeName\":\"n1\","), 201,
	  "!serviceAccountName & !kube-api-access" },

	/* Its pods. */
	{ "a pod", 0, "POST", NS "/pods", POD("p", "", ""), 201, "kube-api-access" },
	{ "bound", 0, "POST", NS "/pods/p/binding", BIND("p", "n1"), 201, "" },
	{ "with devices", 0, "POST", NS "/pods",
	  "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"resourceClaims\":[{\"name\":\"r\",\"resourceClaimName\":"
	  "\"k\"}],\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"requests\":{\"x.y/z\":\"1\"},"
	  "\"limits\":{\"x.y/z\":\"1\"}}}]}}",
	  201, "" },
	{ "bound", 0, "POST", NS "/pods/d/binding", BIND("d", "n1"), 201, "" },
	{ "not its claims' names", N1, "PATCH", NS "/pods/d/status",
	  "{\"status\":{\"resourceClaimStatuses\":[{\"name\":\"r\",\"resourceClaimName\":\"x\"}]}}",
	  403, "node \\\"n1\\\" cannot update resource claim statues" },
	{ "nor those of resources", N1, "PATCH", NS "/pods/d/status",
	  "{\"status\":{\"extendedResourceClaimStatus\":{\"resourceClaimName\":\"x\",\"requestMappings\":[{"
	  "\"containerName\":\"c\",\"resourceName\":\"x.y/z\",\"requestName\":\"r\"}]}}}",
	  403, "node \\\"n1\\\" cannot update extended resource claim status" },
	{ "what the server said stays", N1, "PATCH", NS "/pods/d/status",
	  "{\"status\":{\"phase\":\"Running\",\"qosClass\":null}}", 200,
	  "\"qosClass\":\"BestEffort\"" },
	{ "and is no other", N1, "PATCH", NS "/pods/d/status",
	  "{\"status\":{\"qosClass\":\"Burstable\"}}", 422,
	  "status.qosClass: Invalid value: \\\"Burstable\\\": field is immutable" },
	{ "evicted by it", N2, "POST", NS "/pods/p/eviction",
	  "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"p\"}}", 403,
	  "node n2 can only evict pods with spec.nodeName set to itself" },

	/* Whoever may write them: what a role gives to all nodes. */
	{ "a role", 0, "POST", RBAC "/clusterroles",
	  "{\"metadata\":{\"name\":\"more\"},\"rules\":[{\"apiGroups\":[\"\",\"resource.k8s.io\","
	  "\"storage.k8s.io\"],\"verbs\":[\"*\"],\"resources\":[\"*\"]}]}",
	  201, "" },
	{ "for nodes", 0, "POST", RBAC "/clusterrolebindings",
	  "{\"metadata\":{\"name\":\"more\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\","
	  "\"kind\":\"ClusterRole\",\"name\":\"more\"},\"subjects\":[{\"kind\":\"Group\",\"name\":"
	  "\"system:nodes\"}]}",
	  201, "" },
	{ "no other part of a pod", N1, "PATCH", NS "/pods/p/resize",
	  "{\"spec\":{\"containers\":[{\"name\":"
	  "\"c\"}]}}",
	  403,
	  "unexpected pod subresource \\\"resize\\\", only 'status' and 'eviction' are allowed" },
	{ "nor the pod", N1, "PATCH", NS "/pods/p", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}",
	  403,
	  "unexpected operation \\\"UPDATE\\\", node \\\"n1\\\" can only create and delete mirror pods" },
	{ "another node", N1, "DELETE", CORE "/nodes/n2", 0, 403,
	  "node \\\"n1\\\" is not allowed to modify node \\\"n2\\\"" },
	{ "a claim", 0, "POST", NS "/persistentvolumeclaims",
	  "{\"metadata\":{\"name\":\"data\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{"
	  "\"requests\":{\"storage\":\"1Gi\"}}}}",
	  201, "" },
	{ "is not theirs", N1, "PATCH", NS "/persistentvolumeclaims/data",
	  "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}", 403, "may only update PVC status" },
	{ "but its size", N1, "PATCH", NS "/persistentvolumeclaims/data/status",
	  "{\"status\":{\"capacity\":{\"storage\":\"1Gi\"}}}", 200, "" },
	{ "not its phase", N1, "PATCH", NS "/persistentvolumeclaims/data/status",
	  "{\"status\":{\"phase\":\"Lost\"}}", 403,
	  "node \\\"n1\\\" is not allowed to update fields other than status.quantity and "
	  "status.conditions" },
	{ "nor its labels", N1, "PATCH", NS "/persistentvolumeclaims/data/status",
	  "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}", 403,
	  "is not allowed to update fields other than" },
	{ "its slice", N1, "POST", RES "/resourceslices", SLICE("s1", "n1"), 201, "" },
	{ "not the other's", N1, "POST", RES "/resourceslices", SLICE("s2", "n2"), 403,
	  "can only create ResourceSlice with the same NodeName as the requesting node" },
	{ "nor away", N2, "DELETE", RES "/resourceslices/s1", 0, 403,
	  "can only delete ResourceSlice with the same NodeName as the requesting node" },
	{ "its drivers", N1, "POST", SC "/csinodes",
	  "{\"metadata\":{\"name\":\"n1\"},\"spec\":{\"drivers\":[]}}", 201, "" },
	{ "not the other's", N2, "DELETE", SC "/csinodes/n1", 0, 403,
	  "can only access CSINode with the same name as the requesting node" },

	/* Accounts that say which secrets. */
	{ "an account with few secrets", 0, "POST", NS "/serviceaccounts",
	  "{\"metadata\":{\"name\":\"few\",\"annotations\":{\"kubernetes.io/enforce-mountable-secrets\":"
	  "\"true\"}},\"secrets\":[{\"name\":\"mine\"}],\"imagePullSecrets\":[{\"name\":\"pull\"}]}",
	  201, "" },
	{ "its secret", 0, "POST", NS "/pods",
	  POD("s1", "",
	      "\"serviceAccountName\":\"few\",\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":"
	      "\"mine\"}}],"),
	  201, "" },
	{ "another's", 0, "POST", NS "/pods",
	  POD("s2", "",
	      "\"serviceAccountName\":\"few\",\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":"
	      "\"other\"}}],"),
	  403,
	  "volume with secret.secretName=\\\"other\\\" is not allowed because service account few does not "
	  "reference that secret" },
	{ "in the environment", 0, "POST", NS "/pods",
	  "{\"metadata\":{\"name\":\"s3\"},\"spec\":{\"serviceAccountName\":\"few\",\"containers\":[{\"name\":\"c\","
	  "\"image\":\"i\",\"env\":[{\"name\":\"E\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"other\",\"key\":\"k\"}}}]"
	  "}]}}",
	  403,
	  "container c with envVar E referencing secret.secretName=\\\"other\\\" is not allowed because "
	  "service account few does not reference that secret" },
	{ "as a whole", 0, "POST", NS "/pods",
	  "{\"metadata\":{\"name\":\"s4\"},\"spec\":{\"serviceAccountName\":\"few\",\"initContainers\":[{\"name\":\"c\","
	  "\"image\":\"i\",\"envFrom\":[{\"secretRef\":{\"name\":\"other\"}}]}],\"containers\":[{\"name\":\"d\","
	  "\"image\":\"i\"}]}}",
	  403,
	  "init container c with envFrom referencing secret.secretName=\\\"other\\\" is not allowed because" },
	{ "to pull with", 0, "POST", NS "/pods",
	  POD("s5", "",
	      "\"serviceAccountName\":\"few\",\"imagePullSecrets\":[{\"name\":\"other\"}],"),
	  403,
	  "imagePullSecrets[0].name=\\\"other\\\" is not allowed because service account few does not "
	  "reference that imagePullSecret" },
	{ "nor to look with", 0, "PATCH", NS "/pods/s1/ephemeralcontainers",
	  "{\"spec\":{\"ephemeralContainers\":[{\"name\":\"e\",\"image\":\"i\",\"env\":[{\"name\":\"E\","
	  "\"valueFrom\":{\"secretKeyRef\":{\"name\":\"other\",\"key\":\"k\"}}}]}]}}",
	  403, "ephemeral container e with envVar E referencing secret.secretName=\\\"other\\\"" },
	{ "replaced, it keeps what it got", 0, "PATCH", NS "/pods/s1",
	  "{\"spec\":{\"priority\":null,\"preemptionPolicy\":null}}", 200, "\"priority\":0" },
	{ "a node with a zone", 0, "POST", CORE "/nodes",
	  "{\"metadata\":{\"name\":\"z\",\"labels\":{\"topology.kubernetes.io/zone\":\"z1\"}}}",
	  201, "" },
	{ "who is born there knows", 0, "POST", NS "/pods", POD("s6", "", "\"nodeName\":\"z\","),
	  201, "\"topology.kubernetes.io/zone\":\"z1\"" },
};

/* ---- tokens: they need a key ---- */

static char *uid_of(struct api_world *w, const char *path)
{
	struct api_answer a;
	api_world_call(w, w->admin, "GET", path, NULL, NULL, NULL, 5000, &a);
	CHECK_INT(a.status, 200);
	const char *at = strstr(a.body.data, "\"uid\":\"");
	CHECK(at);
	char *uid = xstrndup(at + strlen("\"uid\":\""), 36);
	api_answer_fini(&a);
	return uid;
}

static const struct api_row with_volumes[] = {
	{ "account", 0, "POST", NS "/serviceaccounts", NAME("default"), 201, "" },
	{ "another account", 0, "POST", NS "/serviceaccounts", NAME("other"), 201, "" },
	{ "a driver", 0, "POST", SC "/csidrivers",
	  "{\"metadata\":{\"name\":\"d.x.y\"},\"spec\":{\"tokenRequests\":[{\"audience\":\"store\"}]}}",
	  201, "" },
	{ "a volume", 0, "POST", CORE "/persistentvolumes",
	  "{\"metadata\":{\"name\":\"disk\"},\"spec\":{\"capacity\":{\"storage\":\"1Gi\"},\"accessModes\":["
	  "\"ReadWriteOnce\"],\"csi\":{\"driver\":\"d.x.y\",\"volumeHandle\":\"h\"}}}",
	  201, "" },
	{ "a claim", 0, "POST", NS "/persistentvolumeclaims",
	  "{\"metadata\":{\"name\":\"data\"},\"spec\":{\"volumeName\":\"disk\",\"accessModes\":["
	  "\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}",
	  201, "" },
	{ "a pod", 0, "POST", NS "/pods",
	  POD("p", "",
	      "\"volumes\":[{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"data\"}},{\"name\":\"t\","
	      "\"projected\":{\"sources\":[{\"serviceAccountToken\":{\"path\":\"t\",\"audience\":\"vault\"}}]}}"
	      "],"),
	  201, "" },
	{ "bound", 0, "POST", NS "/pods/p/binding", BIND("p", "n1"), 201, "" },
};

static const struct {
	const char *name, *as, *account, *body; /* %s: the pod's uid */
	int status;
	const char *has;
} tokens[] = {
	{ "for the server", N1, "default", TOKEN("v1", "p", "%s", ""), 201, "" },
	{ "for a volume's audience", N1, "default", TOKEN("v1", "p", "%s", "\"vault\""), 201, "" },
	{ "for a driver's, by claim", N1, "default", TOKEN("v1", "p", "%s", "\"store\""), 201, "" },
	{ "for another", N1, "default", TOKEN("v1", "p", "%s", "\"bank\""), 403,
	  "audience \\\"bank\\\" not found in pod spec volume, system:node:n1 is not authorized to request "
	  "tokens for this audience" },
	{ "for two", N1, "default", TOKEN("v1", "p", "%s", "\"vault\",\"store\""), 403,
	  "node may only request 0 or 1 audiences" },
	{ "unbound", N1, "default", "{\"spec\":{}}", 403,
	  "node requested token not bound to a pod" },
	{ "of another version", N1, "default", TOKEN("v2", "p", "%s", ""), 403,
	  "node requested token not bound to a pod" },
	{ "without a uid", N1, "default", TOKEN("v1", "p", "", ""), 403,
	  "node requested token with a pod binding without a uid" },
	{ "of a pod before", N1, "default", TOKEN("v1", "p", "x", ""), 403,
	  "the UID in the bound object reference (x) does not match the UID in record" },
	{ "of a pod that is none", N1, "default", TOKEN("v1", "q", "x", ""), 404, "" },
	{ "of another node", N2, "default", TOKEN("v1", "p", "%s", ""), 403,
	  "no relationship found" },
};

static void test_tokens(void)
{
	struct api_world w;
	struct error err;
	auto_free char *key = NULL;
	CHECK_INT(tls_rsa_generate(&key, &err), 0);
	api_world_init_with(&w, 3, &(struct server_options){ .token_key_pem = key });
	api_rows_run(&w, with_volumes, ARRAY_LEN(with_volumes));
	auto_free char *uid = uid_of(&w, NS "/pods/p");
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		AUTO_STR body;
		str_init(&body, 4096);
		const char *gap = strstr(tokens[i].body, "%s");
		if (gap)
			str_addf(&body, "%.*s%s%s", (int)(gap - tokens[i].body), tokens[i].body,
				 uid, gap + 2);
		else
			str_add(&body, tokens[i].body);
		auto_free char *path = xasprintf(NS "/serviceaccounts/%s/token", tokens[i].account);
		const struct api_row row = { tokens[i].name, tokens[i].as,     "POST",       path,
					     body.data,      tokens[i].status, tokens[i].has };
		api_rows_run(&w, &row, 1);
	}
	api_world_fini(&w);
}

int main(void)
{
	struct api_world w;
	api_world_init(&w, 1);
	api_rows_run(&w, rows, ARRAY_LEN(rows));
	api_world_fini(&w);
	test_tokens();
	return 0;
}
