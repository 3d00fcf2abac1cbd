/* What objects say that nobody wrote: who owns it, what comes again, what is warned of. */
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define NS          "/api/v1/namespaces/default"
#define DEPLOYMENTS "/apis/apps/v1/namespaces/default/deployments"

static const struct api_row rows[] = {
	/* what is always there was nobody's doing; what admission gave comes again */
	{ "owners of a deployment", 0, "POST", "/apis/apps/v1/namespaces/default/deployments",
	  "{\"metadata\":{\"name\":\"mine\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
	  "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":"
	  "\"c\",\"image\":\"i\"}]}}}}",
	  201,
	  "\"fieldsV1\":{\"f:spec\":{\"f:progressDeadlineSeconds\": & \"f:template\":{\"f:metadata\":{"
	  "\"f:labels\":{\".\":{},\"f:a\":{}}},\"f:spec\":{\"f:containers\":{\"k:{" },
	{ "its annotations count", 0, "PATCH", "/apis/apps/v1/namespaces/default/deployments/mine",
	  "{\"metadata\":{\"annotations\":{\"x\":\"y\"}}}", 200, "\"generation\":2" },
	{ "its labels do not", 0, "PATCH", "/apis/apps/v1/namespaces/default/deployments/mine",
	  "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}", 200, "\"generation\":2" },
	{ "a daemon set's templates", 0, "POST", "/apis/apps/v1/namespaces/default/daemonsets",
	  "{\"metadata\":{\"name\":\"mine\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
	  "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":"
	  "\"c\",\"image\":\"i\"}]}}}}",
	  201, "\"deprecated.daemonset.template.generation\":\"1\"" },
	{ "another of them", 0, "PATCH", "/apis/apps/v1/namespaces/default/daemonsets/mine",
	  "{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"x\":\"y\"}}}}}", 200,
	  "\"deprecated.daemonset.template.generation\":\"2\"" },
	{ "claims say what they are", 0, "POST", "/apis/apps/v1/namespaces/default/statefulsets",
	  "{\"metadata\":{\"name\":\"mine\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
	  "\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"v\"},\"spec\":{\"accessModes\":["
	  "\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}],"
	  "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":"
	  "\"c\",\"image\":\"i\"}]}}}}",
	  201,
	  "\"volumeClaimTemplates\":[{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\"," },
	{ "a job's labels", 0, "POST", "/apis/batch/v1/namespaces/default/jobs",
	  "{\"metadata\":{\"name\":\"mine\"},\"spec\":{\"template\":{\"spec\":{\"restartPolicy\":\"Never\","
	  "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}",
	  201, "\"labels\":{\"batch.kubernetes.io/controller-uid\":" },
	{ "who writes is known by the program's name",
	  "@|User-Agent: tool.exe/v1.2 (linux/amd64) x/y", "POST", NS "/configmaps",
	  "{\"metadata\":{\"name\":\"agent\"},\"data\":{\"a\":\"b\"}}", 201,
	  "\"manager\":\"tool.exe\",\"operation\":\"Update\"" },
	{ "or says it", "@|User-Agent: tool/v1.2", "PATCH", NS "/configmaps/agent?fieldManager=me",
	  "{\"data\":{\"a\":\"c\"}}", 200, "\"manager\":\"me\",\"operation\":\"Update\"" },
	{ "a driver counts from its first change", 0, "POST", "/apis/storage.k8s.io/v1/csidrivers",
	  "{\"metadata\":{\"name\":\"d.x\"},\"spec\":{}}", 201, "!\"generation\"" },
	{ "this is it", 0, "PATCH", "/apis/storage.k8s.io/v1/csidrivers/d.x",
	  "{\"spec\":{\"requiresRepublish\":true}}", 200, "\"generation\":1" },
	/* Who scales is noted without a time. */
	{ "scaled", "@|User-Agent: scaler/1", "PATCH", DEPLOYMENTS "/mine/scale",
	  "{\"spec\":{\"replicas\":3}}", 200, "\"replicas\":3" },
	{ "by whom", 0, "GET", DEPLOYMENTS "/mine", 0, 200,
	  "\"manager\":\"scaler\",\"operation\":\"Update\",\"apiVersion\":\"apps/v1\","
	  "\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:spec\":{\"f:replicas\":{}}},"
	  "\"subresource\":\"scale\"" },
	{ "applied", "@|Content-Type: application/apply-patch+yaml", "PATCH",
	  DEPLOYMENTS "/mine/scale?fieldManager=applier&force=true",
	  "{\"apiVersion\":\"autoscaling/v1\",\"kind\":\"Scale\",\"metadata\":{\"name\":\"mine\"},"
	  "\"spec\":{\"replicas\":4}}",
	  200, "\"replicas\":4" },
	{ "by whom now", 0, "GET", DEPLOYMENTS "/mine", 0, 200,
	  "\"manager\":\"applier\",\"operation\":\"Apply\",\"apiVersion\":\"apps/v1\","
	  "\"fieldsType\":\"FieldsV1\" & !scaler" },
	/* warned of when it is made, and when what it wants is changed */
	{ "a doubtful deployment", 0, "POST", DEPLOYMENTS,
	  "{\"metadata\":{\"name\":\"a.b\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
	  "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"nodeSelector\":{"
	  "\"beta.kubernetes.io/os\":\"linux\"},\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}",
	  201, "must not contain dots & beta.kubernetes.io/os]: deprecated" },
	{ "its labels are nobody's business", 0, "PATCH", DEPLOYMENTS "/a.b",
	  "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}", 200, "!Warning:" },
	{ "its wishes are", 0, "PATCH", DEPLOYMENTS "/a.b", "{\"spec\":{\"paused\":true}}", 200,
	  "beta.kubernetes.io/os]: deprecated & !must not contain dots" },
	{ "a doubtful daemon set", 0, "POST", "/apis/apps/v1/namespaces/default/daemonsets",
	  "{\"metadata\":{\"name\":\"doubt\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
	  "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"nodeSelector\":{"
	  "\"beta.kubernetes.io/os\":\"linux\"},\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}",
	  201, "beta.kubernetes.io/os]: deprecated" },
	{ "is left in peace", 0, "PATCH", "/apis/apps/v1/namespaces/default/daemonsets/doubt",
	  "{\"spec\":{\"minReadySeconds\":3}}", 200, "\"generation\":2 & !Warning:" },
	{ "endpoints are deprecated", 0, "GET", NS "/endpoints", 0, 200,
	  "Warning: 299 - \"v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 "
	  "EndpointSlice\"" },
	{ "so are component statuses", 0, "GET", "/api/v1/componentstatuses", 0, 200,
	  "Warning: 299 - \"v1 ComponentStatus is deprecated in v1.19+\"" },
	{ "an account", 0, "POST", NS "/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}",
	  201, "" },
	{ "a pod with a toleration", 0, "POST", NS "/pods",
	  "{\"metadata\":{\"name\":\"tol\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}],"
	  "\"tolerations\":[{\"key\":\"k\",\"operator\":\"Exists\"}]}}",
	  201, "node.kubernetes.io/unreachable" },
	{ "a doubtful pod", 0, "POST", NS "/pods",
	  "{\"metadata\":{\"name\":\"x.y\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
	  201, "must not contain dots" },
	{ "once is enough", 0, "PATCH", NS "/pods/x.y", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}",
	  200, "!Warning:" },
	{ "written again with it alone", 0, "PATCH", NS "/pods/tol",
	  "{\"metadata\":{\"labels\":{\"x\":\"y\"}},\"spec\":{\"tolerations\":[{\"key\":\"k\",\"operator\":"
	  "\"Exists\"}]}}",
	  200, "\"x\":\"y\" & node.kubernetes.io/unreachable" },
};

int main(void)
{
	struct api_world w;
	api_world_init(&w, 7);
	api_rows_run(&w, rows, ARRAY_LEN(rows));
	api_world_fini(&w);
	return 0;
}
