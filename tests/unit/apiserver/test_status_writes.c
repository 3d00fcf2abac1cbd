/* What a write of a status brings along of the metadata, what the server says itself, and what an
 * update counts. The answers are Kubernetes'. */
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define NS                        "/api/v1/namespaces/default"
#define JOBS                      "/apis/batch/v1/namespaces/default/jobs"
#define PUT_STATUS(kind_at, body) 0, "PUT", kind_at "/status", body
#define LABELLED                                                                                   \
	"\"metadata\":{\"name\":\"x\",\"labels\":{\"l\":\"1\"},\"annotations\":{\"a\":\"1\"},"     \
	"\"finalizers\":[\"a.b/c\"]}"
#define CLAIM                                                                                      \
	"\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"storageClassName\":\"c\","                \
	"\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}"
#define PODS                                                                                       \
	"\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{"    \
	"\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"
#define JOB_LABELS(labels)                                                                         \
	"{\"metadata\":{\"name\":\"j\"},\"spec\":{\"suspend\":true,\"template\":{\"metadata\":{"   \
	"\"labels\":{" labels "}},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":["          \
	"{\"name\":\"c\",\"image\":\"i\"}]}}}}"
#define VOLUME                                                                                     \
	"{\"metadata\":{\"name\":\"v\"},\"spec\":{\"capacity\":{\"storage\":\"1Gi\"},"             \
	"\"accessModes\":[\"ReadWriteOnce\"],\"nfs\":{\"server\":\"s\",\"path\":\"/\"}}}"

static const struct api_row rows[] = {
	{ "a claim", 0, "POST", NS "/persistentvolumeclaims", "{" LABELLED "," CLAIM "}", 201, "" },
	{ "labels with a status",
	  PUT_STATUS(NS "/persistentvolumeclaims/x",
		     "{\"metadata\":{\"name\":\"x\",\"finalizers\":["
		     "\"a.b/d\"]},\"status\":{\"phase\":\"Pending\"}}"),
	  200, "!\"labels\" & !\"annotations\" & \"finalizers\":[\"a.b/d\"]" },
	{ "a deployment", 0, "POST", "/apis/apps/v1/namespaces/default/deployments",
	  "{" LABELLED ",\"spec\":{" PODS "}}", 201, "" },
	{ "keeps its labels alone",
	  PUT_STATUS("/apis/apps/v1/namespaces/default/deployments/x",
		     "{\"metadata\":{\"name\":\"x\",\"labels\":{\"l\":\"2\"}},\"status\":{}}"),
	  200, "\"labels\":{\"l\":\"1\"} & !\"annotations\" & !\"finalizers\"" },
	{ "a claim of devices", 0, "POST",
	  "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims",
	  "{" LABELLED ",\"spec\":{}}", 201, "" },
	{ "keeps all", 0, "PATCH",
	  "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims/x/status",
	  "{\"metadata\":{\"labels\":{\"l\":\"2\"},\"annotations\":null,\"finalizers\":null}}", 200,
	  "\"labels\":{\"l\":\"1\"} & \"annotations\":{\"a\":\"1\"} & \"a.b/c\"" },
	{ "ends with its last finalizer", 0, "DELETE", NS "/persistentvolumeclaims/x", 0, 200,
	  "deletionTimestamp" },
	{ "taken from it with a status", 0, "PATCH", NS "/persistentvolumeclaims/x/status",
	  "{\"metadata\":{\"finalizers\":null}}", 200, "" },
	{ "is gone", 0, "GET", NS "/persistentvolumeclaims/x", 0, 404, "" },
	/* when a volume came into its phase */
	{ "a volume", 0, "POST", "/api/v1/persistentvolumes", VOLUME, 201,
	  "\"status\":{\"phase\":\"Pending\",\"lastPhaseTransitionTime\":\"20" },
	{ "says when",
	  PUT_STATUS("/api/v1/persistentvolumes/v",
		     "{\"metadata\":{\"name\":\"v\"},\"status\":{\"phase\":\"Available\"}}"),
	  200, "\"phase\":\"Available\",\"lastPhaseTransitionTime\":\"20" },
	{ "or is told",
	  PUT_STATUS("/api/v1/persistentvolumes/v",
		     "{\"metadata\":{\"name\":\"v\"},\"status\":{\"phase\":\"Bound\","
		     "\"lastPhaseTransitionTime\":\"2001-01-01T00:00:00Z\"}}"),
	  200, "\"lastPhaseTransitionTime\":\"2001-01-01T00:00:00Z\"" },
	{ "a taint of a device", 0, "POST", "/apis/resource.k8s.io/v1/resourceslices",
	  "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"driver\":\"d.x\",\"nodeName\":\"n\",\"pool\":{"
	  "\"name\":\"p\",\"generation\":1,\"resourceSliceCount\":1},\"devices\":[{\"name\":\"a\","
	  "\"taints\":[{\"key\":\"k\",\"effect\":\"NoSchedule\"}]}]}}",
	  201, "\"effect\":\"NoSchedule\",\"timeAdded\":\"20" },
	/* a class of attributes that a claim has never asked for */
	{ "another claim", 0, "POST", NS "/persistentvolumeclaims",
	  "{\"metadata\":{\"name\":\"y\"}," CLAIM "}", 201, "" },
	{ "has a class", 0, "PATCH", NS "/persistentvolumeclaims/y/status",
	  "{\"status\":{\"currentVolumeAttributesClassName\":\"gold\"}}", 200, "gold" },
	{ "may change", 0, "PATCH", NS "/persistentvolumeclaims/y",
	  "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}", 200, "gold" },
	/* what admission gives again is no change */
	{ "an account", 0, "POST", NS "/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}",
	  201, "" },
	{ "a pod", 0, "POST", NS "/pods",
	  "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"terminationGracePeriodSeconds\":1,"
	  "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
	  201, "\"generation\":1 & tolerationSeconds" },
	{ "tolerations come again", 0, "PATCH", NS "/pods/p", "{\"spec\":{\"tolerations\":null}}",
	  200, "\"generation\":1 & tolerationSeconds" },
	{ "less than no grace is a second", 0, "PATCH", NS "/pods/p",
	  "{\"spec\":{\"terminationGracePeriodSeconds\":-1}}", 200,
	  "\"generation\":1 & \"terminationGracePeriodSeconds\":1" },
	/* a Job's labels are the server's */
	{ "a job's uid", 0, "POST", JOBS, JOB_LABELS("\"controller-uid\":\"zz\""), 422,
	  "is invalid: spec.template.metadata.labels[controller-uid]: Invalid value: {" },
	{ "its name", 0, "POST", JOBS, JOB_LABELS("\"job-name\":\"zz\""), 422,
	  "]: Invalid value: { & \\\"job-name\\\":\\\"zz\\\"}: must be 'j'\"" },
	{ "its selector", 0, "POST", JOBS,
	  "{\"metadata\":{\"name\":\"j\"},\"spec\":{\"selector\":{\"matchLabels\":{\"x\":\"y\"}},"
	  "\"template\":{\"metadata\":{\"labels\":{\"x\":\"y\"}},\"spec\":{\"restartPolicy\":"
	  "\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}",
	  422,
	  "spec.selector: Invalid value: {\\\"matchLabels\\\":{\\\"x\\\":\\\"y\\\"}}: `selector` not "
	  "auto-generated\"" },
	{ "a job", 0, "POST", JOBS, JOB_LABELS("\"job-name\":\"j\",\"x\":\"y\""), 201, "" },
	{ "loses one", 0, "PATCH", JOBS "/j",
	  "{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"job-name\":null}}}}}", 422,
	  "is invalid: spec.template.metadata.labels[job-name]: Required value: must be 'j'\"" },
	{ "loses its own", 0, "PATCH", JOBS "/j",
	  "{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"x\":null}}}}}", 200,
	  "\"generation\":2" },
	{ "has another container", 0, "PATCH", JOBS "/j",
	  "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"j\"}]}}}}",
	  422, "is invalid: spec.template.spec: Invalid value: { & }: field is immutable\"" },
};

int main(void)
{
	struct api_world w;
	api_world_init(&w, 7);
	api_rows_run(&w, rows, ARRAY_LEN(rows));
	api_world_fini(&w);
	return 0;
}
