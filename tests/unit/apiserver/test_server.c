/*
 * The API as a client sees it: rows are requests in order, against one server on the memory
 * store. `has` are pieces that the answer's body or headers must contain, parted by " & "; "!" in front of a
 * piece: must not.
 */
#include "tests/support/api_world.h"
#include "tests/support/check.h"

#define JSON_PATCH  "application/json-patch+json"
#define MERGE_PATCH "application/merge-patch+json"
#define APPLY       "application/apply-patch+yaml"
#define STRATEGIC   "application/strategic-merge-patch+json"
#define TABLE       "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
#define PARTIAL     "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
#define HPAS(v)     "/apis/autoscaling/v" #v "/namespaces/default/horizontalpodautoscalers"
#define NS          "/api/v1/namespaces/default"

#define POD(name)                                                                                  \
	"{\"metadata\":{\"name\":\"" name "\",\"labels\":{\"app\":\"" name "\"}},"                 \
	"\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"
#define DEPLOY(name, annotations)                                                                  \
	"{\"metadata\":{\"name\":\"" name "\",\"annotations\":{" annotations "}},\"spec\":{"       \
	"\"selector\":{\"matchLabels\":{\"app\":\"" name "\"}},\"template\":{\"metadata\":{"       \
	"\"labels\":{\"app\":\"" name "\"}},\"spec\":{\"containers\":[{\"name\":\"c\","            \
	"\"image\":\"i\"}]}}}}"
#define DEPLOYMENTS "/apis/apps/v1/namespaces/default/deployments"

static const struct {
	const char *name, *method, *target, *type, *accept, *body;
	int status;
	const char *has;
} rows[] = {
	{ "version", "GET", "/version", 0, 0, 0, 200, "\"gitVersion\":\"v1.36.3+skiff" },
	{ "ready", "GET", "/readyz?verbose", 0, 0, 0, 200, "[+]etcd ok & readyz check passed" },
	{ "unknown path", "GET", "/nothing", 0, 0, 0, 404, "could not find the requested" },
	{ "openapi index", "GET", "/openapi/v3", 0, 0, 0, 200,
	  "\"apis/apps/v1\":{\"serverRelativeURL\":\"/openapi/v3/apis/apps/v1?hash= & ETag: \"" },
	{ "an old address", "GET", "/openapi/v3/apis/apps/v1?hash=0", 0, 0, 0, 301,
	  "Location: /openapi/v3/apis/apps/v1?hash=" },
	{ "a group's document", "GET", "/openapi/v3/apis/apps", 0, 0, 0, 200, "getAppsAPIGroup" },
	{ "no document", "GET", "/openapi/v3/apis/apps/v9", 0, 0, 0, 404, "" },
	{ "no name of one", "GET", "/openapi/v3/", 0, 0, 0, 404, "" },
	{ "without a hash", "GET", "/openapi/v3/apis/apps/v1", 0, 0, 0, 200,
	  "Cache-Control: no-cache, private & io.k8s.api.apps.v1.Deployment" },
	{ "as protobuf", "GET", "/openapi/v3/apis/apps/v1", 0,
	  "application/com.github.proto-openapi.spec.v3@v1.0+protobuf, application/json;q=0.9", 0,
	  200,
	  "Content-Type: application/com.github.proto-openapi.spec.v3.v1.0+protobuf & ETag: \"" },
	{ "an old address as protobuf", "GET", "/openapi/v3/apis/apps/v1?hash=0", 0,
	  "application/com.github.proto-openapi.spec.v3@v1.0+protobuf", 0, 301,
	  "Location: /openapi/v3/apis/apps/v1?hash=" },
	{ "as something else", "GET", "/openapi/v3/apis/apps/v1", 0, "application/yaml", 0, 406,
	  "!Deployment" },
	{ "discovery has an etag", "GET", "/apis", 0,
	  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", 0, 200,
	  "ETag: \" & Vary: Accept & \"name\":\"apps\"" },
	{ "system namespaces", "GET", "/api/v1/namespaces", 0, 0, 0, 200,
	  "\"kind\":\"NamespaceList\" & kube-system & kube-node-lease & \"items\":[" },
	{ "the API's Service", "GET", NS "/services/kubernetes", 0, 0, 0, 200,
	  "\"clusterIP\":\"10.96.0.1\" & \"targetPort\":6443" },
	{ "absent", "GET", NS "/configmaps/x", 0, 0, 0, 404,
	  "configmaps \\\"x\\\" not found & \"reason\":\"NotFound\" & \"kind\":\"configmaps\"" },

	{ "create", "POST", NS "/configmaps", 0, 0,
	  "{\"metadata\":{\"name\":\"a\",\"labels\":{\"k\":\"1\"}},\"data\":{\"x\":\"1\"}}", 201,
	  "\"uid\":\" & \"creationTimestamp\":\" & \"namespace\":\"default\" & "
	  "\"resourceVersion\":\"" },
	{ "create again", "POST", NS "/configmaps", 0, 0, "{\"metadata\":{\"name\":\"a\"}}", 409,
	  "\"reason\":\"AlreadyExists\" & configmaps \\\"a\\\" already exists" },
	{ "generate a name", "POST", NS "/configmaps", 0, 0,
	  "{\"metadata\":{\"generateName\":\"g-\"}}", 201, "\"name\":\"g-" },
	{ "no name", "POST", NS "/configmaps", 0, 0, "{}", 422,
	  "name or generateName is required" },
	{ "no such namespace", "POST", "/api/v1/namespaces/nope/configmaps", 0, 0,
	  "{\"metadata\":{\"name\":\"a\"}}", 404, "namespaces \\\"nope\\\" not found" },
	{ "dry run", "POST", NS "/configmaps?dryRun=All", 0, 0, "{\"metadata\":{\"name\":\"dry\"}}",
	  201, "\"name\":\"dry\"" },
	{ "dry run leaves nothing", "GET", NS "/configmaps/dry", 0, 0, 0, 404, "not found" },
	{ "unknown field, strict", "POST", NS "/configmaps?fieldValidation=Strict", 0, 0,
	  "{\"metadata\":{\"name\":\"s\"},\"dada\":{}}", 400,
	  "strict decoding error: unknown field \\\"dada\\\"" },
	{ "no JSON", "POST", NS "/configmaps", 0, 0, "{", 400, "\"reason\":\"BadRequest\"" },
	/* Server-side apply, and who owns what. */
	{ "who created it", "GET", NS "/configmaps/a", 0, 0, 0, 200,
	  "\"managedFields\":[{\"manager\": & \"operation\":\"Update\",\"apiVersion\":\"v1\", & "
	  "\"f:data\":{\".\":{},\"f:x\":{}}" },
	{ "apply creates", "PATCH", NS "/configmaps/ap?fieldManager=m", APPLY, 0,
	  "apiVersion: v1\nkind: ConfigMap\ndata: {x: '1', w: '2'}", 201,
	  "\"name\":\"ap\" & \"manager\":\"m\",\"operation\":\"Apply\" & "
	  "\"fieldsV1\":{\"f:data\":{\"f:w\":{},\"f:x\":{}}}" },
	{ "apply gives up", "PATCH", NS "/configmaps/ap?fieldManager=m", APPLY, 0,
	  "apiVersion: v1\nkind: ConfigMap\ndata: {x: '1'}", 200,
	  "\"data\":{\"x\":\"1\"} & \"fieldsV1\":{\"f:data\":{\"f:x\":{}}}" },
	{ "apply of another", "PATCH", NS "/configmaps/ap?fieldManager=n", APPLY, 0,
	  "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"x\":\"2\"}}", 409,
	  "\"reason\":\"Conflict\" & Apply failed with 1 conflict: conflict with \\\"m\\\": .data.x & "
	  "\"reason\":\"FieldManagerConflict\",\"message\":\"conflict with \\\"m\\\"\",\"field\":"
	  "\".data.x\"" },
	{ "by force", "PATCH", NS "/configmaps/ap?fieldManager=n&force=true", APPLY, 0,
	  "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"x\":\"2\"}}", 200,
	  "\"data\":{\"x\":\"2\"} & \"manager\":\"n\" & !\"manager\":\"m\"" },
	{ "apply without a manager", "PATCH", NS "/configmaps/ap", APPLY, 0,
	  "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}", 422,
	  "fieldManager: Required value: is required for apply patch" },
	{ "apply with managedFields", "PATCH", NS "/configmaps/ap?fieldManager=n", APPLY, 0,
	  "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"managedFields\":[{}]}}",
	  400, "metadata.managedFields must be nil" },
	{ "apply of another name", "PATCH", NS "/configmaps/ap?fieldManager=n", APPLY, 0,
	  "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"b\"}}", 400,
	  "the name of the object (b) does not match the name on the URL (ap)" },
	{ "apply one container twice", "PATCH", NS "/pods/ap?fieldManager=n", APPLY, 0,
	  "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"name\":\"c\"},{\"name\":"
	  "\"c\"}]}}",
	  500, ".spec.containers: duplicate entries for key [name=\\\"c\\\"]" },
	{ "apply one without its key", "PATCH", NS "/pods/ap?fieldManager=n", APPLY, 0,
	  "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"image\":\"i\"}]}}",
	  422, "\"Pod \\\"ap\\\" is invalid: spec.containers[0].name: Required value\"" },
	{ "apply without a kind", "PATCH", NS "/configmaps/ap?fieldManager=n", APPLY, 0, "{}", 400,
	  "\"invalid object type: /, Kind=\"" },
	{ "force without apply", "PATCH", NS "/configmaps/ap?force=true", MERGE_PATCH, 0, "{}", 422,
	  "force: Forbidden: may not be specified for non-apply patch" },
	{ "forget who owns it", "PATCH", NS "/configmaps/ap", MERGE_PATCH, 0,
	  "{\"metadata\":{\"managedFields\":[{}]}}", 200, "!managedFields" },
	{ "and stay so", "PATCH", NS "/configmaps/ap", MERGE_PATCH, 0, "{\"data\":{\"z\":\"1\"}}",
	  200, "\"z\":\"1\" & !managedFields" },
	{ "until it is applied", "PATCH", NS "/configmaps/ap?fieldManager=n", APPLY, 0,
	  "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"q\":\"1\"}}", 200,
	  "\"manager\":\"before-first-apply\",\"operation\":\"Update\" & \"manager\":\"n\"" },
	{ "away with it", "DELETE", NS "/configmaps/ap", 0, 0, 0, 200, "" },

	/* Two versions, one object. */
	{ "an event of the new group", "POST", "/apis/events.k8s.io/v1/namespaces/default/events",
	  0, 0,
	  "{\"metadata\":{\"name\":\"e\"},\"regarding\":{\"kind\":\"Pod\",\"name\":\"p\",\"namespace\":"
	  "\"default\"},\"note\":\"hello\",\"reason\":\"R\",\"type\":\"Normal\",\"action\":\"A\","
	  "\"eventTime\":\"2026-01-01T00:00:00.000000Z\",\"reportingController\":\"c/c\","
	  "\"reportingInstance\":\"i\"}",
	  201,
	  "\"apiVersion\":\"events.k8s.io/v1\" & \"regarding\":{\"kind\":\"Pod\" & \"note\":\"hello\" & "
	  "!involvedObject" },
	{ "is one of the core", "GET", NS "/events/e", 0, 0, 0, 200,
	  "\"apiVersion\":\"v1\" & \"involvedObject\":{\"kind\":\"Pod\" & \"message\":\"hello\" & "
	  "\"reportingComponent\":\"c/c\" & !regarding" },
	{ "selected by its own label", "GET",
	  "/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name%3Dp", 0, 0,
	  0, 200,
	  "\"kind\":\"EventList\",\"apiVersion\":\"events.k8s.io/v1\" & \"note\":\"hello\"" },
	{ "not by the core's", "GET",
	  "/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp",
	  0, 0, 0, 400, "field label not supported" },
	{ "patched as a new one", "PATCH", "/apis/events.k8s.io/v1/namespaces/default/events/e",
	  MERGE_PATCH, 0, "{\"deprecatedCount\":3}", 422,
	  "count: Invalid value: 3: field is immutable" },
	{ "as Kubernetes counts", "PATCH", "/apis/events.k8s.io/v1/namespaces/default/events/e",
	  MERGE_PATCH, 0,
	  "{\"series\":{\"count\":3,\"lastObservedTime\":\"2026-01-01T00:00:00.000000Z\"}}", 200,
	  "\"count\":3" },
	{ "counts in the core", "GET", NS "/events?fieldSelector=involvedObject.name%3Dp", 0, 0, 0,
	  200, "\"series\":{\"count\":3" },
	{ "of no type", "POST", "/apis/events.k8s.io/v1/namespaces/default/events", 0, 0,
	  "{\"metadata\":{\"name\":\"f\"},\"eventTime\":\"2026-01-01T00:00:00.000000Z\",\"action\":\"a\","
	  "\"reason\":\"r\",\"regarding\":{\"namespace\":\"default\"},\"reportingController\":\"c/c\","
	  "\"reportingInstance\":\"i\"}",
	  422,
	  "\"Event \\\"f\\\" is invalid: type: Invalid value: \\\"\\\": has invalid value: \"" },
	{ "deleted", "DELETE", "/apis/events.k8s.io/v1/namespaces/default/events/e", 0, 0, 0, 200,
	  "\"status\":\"Success\"" },
	{ "an old autoscaler", "POST", HPAS(1), 0, 0,
	  "{\"metadata\":{\"name\":\"h\"},\"spec\":{\"maxReplicas\":3,\"targetCPUUtilizationPercentage\":50,"
	  "\"scaleTargetRef\":{\"kind\":\"Deployment\",\"name\":\"d\",\"apiVersion\":\"apps/v1\"}}}",
	  201, "\"apiVersion\":\"autoscaling/v1\" & \"targetCPUUtilizationPercentage\":50" },
	{ "is a new one", "GET", HPAS(2) "/h", 0, 0, 0, 200,
	  "\"apiVersion\":\"autoscaling/v2\" & \"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\","
	  "\"target\":{\"type\":\"Utilization\",\"averageUtilization\":50}}}]" },
	{ "with more", "PATCH", HPAS(2) "/h", JSON_PATCH, 0,
	  "[{\"op\":\"add\",\"path\":\"/spec/metrics/-\",\"value\":{\"type\":\"Resource\",\"resource\":{"
	  "\"name\":\"memory\",\"target\":{\"type\":\"AverageValue\",\"averageValue\":\"1Gi\"}}}}]",
	  200, "\"memory\"" },
	{ "an old write keeps it", "PATCH", HPAS(1) "/h", MERGE_PATCH, 0,
	  "{\"spec\":{\"maxReplicas\":5}}", 200,
	  "\"maxReplicas\":5 & autoscaling.alpha.kubernetes.io/metrics & "
	  "\"targetCPUUtilizationPercentage\":50" },
	{ "as the new one shows", "GET", HPAS(2) "/h", 0, 0, 0, 200,
	  "\"maxReplicas\":5 & \"averageUtilization\":50 & \"averageValue\":\"1Gi\" & "
	  "!autoscaling.alpha" },
	{ "in a table of the old", "GET", HPAS(1), 0, TABLE, 0, 200,
	  "\"Deployment/d\",\"cpu: <unknown>/50%, memory: <unknown>/1Gi\"" },
	{ "away with the autoscaler", "DELETE", HPAS(1) "/h", 0, 0, 0, 200,
	  "\"kind\":\"horizontalpodautoscalers\"" },
	{ "media type", "POST", NS "/configmaps", "text/plain", 0, "{}", 415,
	  "\"reason\":\"UnsupportedMediaType\"" },
	{ "accept", "GET", NS "/configmaps/a", 0, "image/png", 0, 406, "NotAcceptable" },
	{ "YAML body and answer", "POST", NS "/configmaps", "application/yaml", "application/yaml",
	  "metadata:\n  name: yam\ndata:\n  k: 'v'\n", 201, "kind: ConfigMap & name: yam" },

	{ "update", "PUT", NS "/configmaps/a", 0, 0,
	  "{\"metadata\":{\"name\":\"a\",\"labels\":{\"k\":\"2\"}},\"data\":{\"x\":\"2\"}}", 200,
	  "\"x\":\"2\"" },
	{ "update with an old version", "PUT", NS "/configmaps/a", 0, 0,
	  "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"64\"},\"data\":{}}", 409,
	  "\"reason\":\"Conflict\" & the object has been modified" },
	{ "other name in the body", "PUT", NS "/configmaps/a", 0, 0,
	  "{\"metadata\":{\"name\":\"b\"}}", 400, "does not match the name on the URL" },
	{ "update what is not there", "PUT", NS "/configmaps/none", 0, 0,
	  "{\"metadata\":{\"name\":\"none\"}}", 404, "not found" },
	{ "merge patch", "PATCH", NS "/configmaps/a", MERGE_PATCH, 0,
	  "{\"data\":{\"y\":\"3\",\"x\":null}}", 200, "\"y\":\"3\" & !\"x\":\"2\"" },
	{ "JSON patch", "PATCH", NS "/configmaps/a", JSON_PATCH, 0,
	  "[{\"op\":\"add\",\"path\":\"/data/z\",\"value\":\"4\"}]", 200, "\"z\":\"4\"" },
	{ "JSON patch whose test fails", "PATCH", NS "/configmaps/a", JSON_PATCH, 0,
	  "[{\"op\":\"test\",\"path\":\"/data/z\",\"value\":\"5\"}]", 422, "" },
	{ "select by label", "GET", NS "/configmaps?labelSelector=k%3D2", 0, 0, 0, 200,
	  "\"name\":\"a\" & !\"name\":\"yam\"" },
	{ "select by field", "GET", NS "/configmaps?fieldSelector=metadata.name%3Dyam", 0, 0, 0,
	  200, "\"name\":\"yam\" & !\"name\":\"a\"" },
	{ "unknown field label", "GET", NS "/configmaps?fieldSelector=spec.x%3Dy", 0, 0, 0, 400,
	  "is not a known field selector" },
	{ "bad label selector", "GET", NS "/configmaps?labelSelector=a%3D%3D%3D", 0, 0, 0, 400,
	  "" },
	{ "limit", "GET", NS "/configmaps?limit=1", 0, 0, 0, 200,
	  "\"continue\":\" & \"remainingItemCount\":2 & \"name\":\"a\" & !\"name\":\"yam\"" },
	{ "all namespaces", "GET", "/api/v1/configmaps", 0, 0, 0, 200, "\"name\":\"a\"" },
	{ "table", "GET", NS "/configmaps", 0, TABLE, 0, 200,
	  "\"kind\":\"Table\" & \"columnDefinitions\":[ & \"cells\":[\"a\",2 & "
	  "PartialObjectMetadata" },
	{ "partial", "GET", NS "/configmaps/a", 0, PARTIAL, 0, 200,
	  "\"kind\":\"PartialObjectMetadata\" & !\"data\"" },
	{ "version too new", "GET", NS "/configmaps?resourceVersion=99999999", 0, 0, 0, 504,
	  "Too large resource version & ResourceVersionTooLarge" },
	{ "exact and gone", "GET", NS "/configmaps?resourceVersion=65&resourceVersionMatch=Exact",
	  0, 0, 0, 410, "Expired" },
	{ "delete with another uid", "DELETE", NS "/configmaps/a", 0, 0,
	  "{\"preconditions\":{\"uid\":\"other\"}}", 409,
	  "the UID in the precondition (other) does not match the UID in record (" },
	{ "delete", "DELETE", NS "/configmaps/a", 0, 0, 0, 200,
	  "\"status\":\"Success\" & \"name\":\"a\" & \"uid\":\"" },
	{ "delete again", "DELETE", NS "/configmaps/a", 0, 0, 0, 404, "not found" },

	{ "default account", "POST", NS "/serviceaccounts", 0, 0,
	  "{\"metadata\":{\"name\":\"default\"}}", 201, "" },
	{ "pod", "POST", NS "/pods", 0, 0, POD("p"), 201,
	  "\"phase\":\"Pending\" & \"qosClass\":\"BestEffort\" & \"serviceAccountName\":\"default\" & "
	  "kube-api-access- & node.kubernetes.io/unreachable & "
	  "\"imagePullPolicy\":\"Always\" & \"restartPolicy\":\"Always\"" },
	{ "pod without account", "POST", "/api/v1/namespaces/kube-public/pods", 0, 0, POD("p"), 403,
	  "serviceaccount \\\"default\\\" not found" },
	{ "bind to another kind", "POST", NS "/pods/p/binding", 0, 0,
	  "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Pod\",\"name\":\"n1\"}}", 422,
	  "target.kind: Unsupported value: \\\"Pod\\\": supported values: "
	  "\\\"Node\\\", \\\"<empty>\\\"" },
	{ "bind", "POST", NS "/pods/p/binding", 0, 0,
	  "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\",\"name\":\"n1\"}}", 201,
	  "\"status\":\"Success\"" },
	{ "bound", "GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1", 0, 0, 0, 200,
	  "\"name\":\"p\" & PodScheduled" },
	{ "status write", "PATCH", NS "/pods/p/status", STRATEGIC, 0,
	  "{\"status\":{\"phase\":\"Running\"},\"spec\":{\"nodeName\":\"evil\"}}", 200,
	  "\"phase\":\"Running\" & \"nodeName\":\"n1\"" },
	{ "pod spec is immutable", "PATCH", NS "/pods/p", MERGE_PATCH, 0,
	  "{\"spec\":{\"hostNetwork\":true}}", 422, "\"reason\":\"Invalid\" & Forbidden" },
	{ "graceful deletion", "DELETE", NS "/pods/p", 0, 0, 0, 200,
	  "\"deletionGracePeriodSeconds\":30 & \"deletionTimestamp\":\"" },
	{ "still there", "GET", NS "/pods/p", 0, 0, 0, 200, "deletionTimestamp" },
	{ "the agent's last word", "DELETE", NS "/pods/p", 0, 0, "{\"gracePeriodSeconds\":0}", 200,
	  "\"name\":\"p\"" },
	{ "gone", "GET", NS "/pods/p", 0, 0, 0, 404, "" },

	{ "service", "POST", NS "/services", 0, 0,
	  "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":\"NodePort\",\"selector\":{\"app\":\"w\"},"
	  "\"ports\":[{\"port\":80}]}}",
	  201,
	  "\"clusterIP\":\"10.96. & \"nodePort\":3 & \"targetPort\":80 & "
	  "\"ipFamilies\":[\"IPv4\"]" },
	{ "address taken", "POST", NS "/services", 0, 0,
	  "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"clusterIP\":\"10.96.0.1\",\"ports\":[{\"port\":80}"
	  "]}}",
	  422, "provided IP is already allocated" },
	{ "address out of range", "POST", NS "/services", 0, 0,
	  "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"clusterIP\":\"1.2.3.4\",\"ports\":[{\"port\":80}"
	  "]}}",
	  422, "the provided network does not match the current range" },
	{ "headless", "POST", NS "/services", 0, 0,
	  "{\"metadata\":{\"name\":\"h\"},\"spec\":{\"clusterIP\":\"None\",\"ports\":[{\"port\":80}]}}",
	  201, "\"clusterIPs\":[\"None\"]" },
	{ "keeps its address", "PUT", NS "/services/s", 0, 0,
	  "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"selector\":{\"app\":\"v\"},"
	  "\"ports\":[{\"port\":80}]}}",
	  200, "\"clusterIP\":\"10.96. & !nodePort" },

	{ "headless and without a selector", "GET", NS "/services/h", 0, 0, 0, 200,
	  "\"ipFamilies\":[\"IPv4\",\"IPv6\"],\"ipFamilyPolicy\":\"RequireDualStack\"" },
	{ "with addresses of both families", "POST", NS "/services", 0, 0,
	  "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"ipFamilyPolicy\":\"RequireDualStack\",\"selector\":{\"a\":\"b\"},\"ports\":[{\"port\":80}]}}",
	  422,
	  "\"Service \\\"t\\\" is invalid: spec.ipFamilyPolicy: Invalid value: "
	  "\\\"RequireDualStack\\\": this cluster is not configured for dual-stack "
	  "services\"" },
	{ "of the other family", "POST", NS "/services", 0, 0,
	  "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"ipFamilies\":[\"IPv6\"],\"ports\":[{\"port\":80}]}}",
	  422,
	  "spec.ipFamilies[0]: Invalid value: \\\"IPv6\\\": not configured on this cluster\"" },
	{ "of two by one policy", "POST", NS "/services", 0, 0,
	  "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"ipFamilies\":[\"IPv4\",\"IPv6\"],\"ports\":[{\"port\":80}]}}",
	  422,
	  "spec.ipFamilyPolicy: Invalid value: \\\"SingleStack\\\": must be "
	  "'RequireDualStack' or 'PreferDualStack' when multiple IP families are "
	  "specified\"" },
	{ "an address of the other family", "POST", NS "/services", 0, 0,
	  "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"clusterIP\":\"fd00::1\",\"ports\":[{\"port\":80}]}}",
	  422,
	  "spec.clusterIPs[0]: Invalid value: [\\\"fd00::1\\\"]: IPv6 is not "
	  "configured on this cluster\"" },
	{ "prefers both", "POST", NS "/services?dryRun=All", 0, 0,
	  "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"ipFamilyPolicy\":\"PreferDualStack\",\"selector\":{\"a\":\"b\"},\"ports\":[{\"port\":80}]}}",
	  201, "\"ipFamilies\":[\"IPv4\"],\"ipFamilyPolicy\":\"PreferDualStack\"" },
	{ "asked for its health", "POST", NS "/services", 0, 0,
	  "{\"metadata\":{\"name\":\"lb\"},\"spec\":{\"type\":\"LoadBalancer\","
	  "\"externalTrafficPolicy\":\"Local\",\"healthCheckNodePort\":31777,\"ports\":[{\"port\":80}]}}",
	  201, "\"healthCheckNodePort\":31777" },
	{ "at a port that is taken", "POST", NS "/services", 0, 0,
	  "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"nodePort\":31777}]}}",
	  422, "provided port is already allocated" },
	{ "which does not change", "PATCH", NS "/services/lb", MERGE_PATCH, 0,
	  "{\"spec\":{\"healthCheckNodePort\":31778}}", 422,
	  "spec.healthCheckNodePort: Forbidden: field is immutable\"" },
	{ "is kept where nothing is said", "PATCH", NS "/services/lb", MERGE_PATCH, 0,
	  "{\"spec\":{\"healthCheckNodePort\":null}}", 200, "\"healthCheckNodePort\":31777" },
	{ "goes with the policy", "PATCH", NS "/services/lb", MERGE_PATCH, 0,
	  "{\"spec\":{\"externalTrafficPolicy\":\"Cluster\"}}", 200, "!healthCheckNodePort" },
	{ "and is free", "PATCH", NS "/services/lb", MERGE_PATCH, 0,
	  "{\"spec\":{\"ports\":[{\"port\":80,\"nodePort\":31777}]}}", 200, "\"nodePort\":31777" },
	{ "another is found", "PATCH", NS "/services/lb", MERGE_PATCH, 0,
	  "{\"spec\":{\"externalTrafficPolicy\":\"Local\"}}", 200, "\"healthCheckNodePort\":3" },
	{ "of no balancer", "POST", NS "/services", 0, 0,
	  "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"type\":\"NodePort\",\"healthCheckNodePort\":31000,\"ports\":[{\"port\":80}]}}",
	  422,
	  "spec.healthCheckNodePort: Invalid value: 31000: may only be set when "
	  "`type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'\"" },
	{ "no balancer any more", "DELETE", NS "/services/lb", 0, 0, 0, 200, "" },

	{ "deployment", "POST", DEPLOYMENTS, 0, 0, DEPLOY("a", ""), 201,
	  "\"generation\":1 & \"maxSurge\":\"25%\" & \"replicas\":1" },
	{ "scale", "GET", DEPLOYMENTS "/a/scale", 0, 0, 0, 200,
	  "\"kind\":\"Scale\" & \"replicas\":1 & \"selector\":\"app=a\"" },
	{ "scale up", "PATCH", DEPLOYMENTS "/a/scale", MERGE_PATCH, 0,
	  "{\"spec\":{\"replicas\":3}}", 200, "\"kind\":\"Scale\" & \"replicas\":3" },
	{ "generation counts", "GET", DEPLOYMENTS "/a", 0, 0, 0, 200,
	  "\"generation\":2 & \"replicas\":3" },
	{ "selector is immutable", "PATCH", DEPLOYMENTS "/a", MERGE_PATCH, 0,
	  "{\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"z\"}},\"template\":{\"metadata\":{"
	  "\"labels\":{\"app\":\"z\"}}}}}",
	  422, "field is immutable" },
	{ "bad annotation", "POST", DEPLOYMENTS, 0, 0,
	  DEPLOY("bad", "\"skiff.dev/depends-on\":\"db:sometimes\""), 422,
	  "metadata.annotations[skiff.dev/depends-on] & at character" },
	{ "order: a choice that is none", "POST", DEPLOYMENTS, 0, 0,
	  DEPLOY("bad", "\"skiff.dev/on-dependency-lost\":\"die\""), 422,
	  "metadata.annotations[skiff.dev/on-dependency-lost]: Invalid value: \\\"die\\\": at "
	  "character 1: 'die' is unknown: use ignore, stop or restart" },
	{ "order: restart with a stranger", "POST", DEPLOYMENTS, 0, 0,
	  DEPLOY("bad", "\"skiff.dev/depends-on\":\"a\",\"skiff.dev/restart-with\":\"a, db\""), 422,
	  "metadata.annotations[skiff.dev/restart-with] & at character 4: 'db' is not in" },
	{ "order: a Pod that is not started again", "POST", NS "/pods", 0, 0,
	  "{\"metadata\":{\"name\":\"bad\",\"annotations\":{\"skiff.dev/on-dependency-lost\":"
	  "\"restart\"}},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\","
	  "\"image\":\"i\"}]}}",
	  422, "metadata.annotations[skiff.dev/on-dependency-lost] & restartPolicy Never" },
	{ "b depends on a", "POST", DEPLOYMENTS, 0, 0,
	  DEPLOY("b", "\"skiff.dev/depends-on\":\"a\""), 201, "" },
	{ "a depends on b: a cycle", "PATCH", DEPLOYMENTS "/a", MERGE_PATCH, 0,
	  "{\"metadata\":{\"annotations\":{\"skiff.dev/depends-on\":\"b\"}}}", 422, "a → b → a" },
	{ "depends on itself", "POST", DEPLOYMENTS, 0, 0,
	  DEPLOY("own", "\"skiff.dev/depends-on\":\"own\""), 422, "own → own" },
	{ "deleting what others need warns", "DELETE", DEPLOYMENTS "/a", 0, 0, 0, 200,
	  "\"status\":\"Success\"" },

	{ "finalizer", "POST", NS "/configmaps", 0, 0,
	  "{\"metadata\":{\"name\":\"f\",\"finalizers\":[\"x.io/y\"]}}", 201, "x.io/y" },
	{ "deletion waits for it", "DELETE", NS "/configmaps/f", 0, 0, 0, 200,
	  "deletionTimestamp & \"name\":\"f\"" },
	{ "no new finalizers", "PATCH", NS "/configmaps/f", MERGE_PATCH, 0,
	  "{\"metadata\":{\"finalizers\":[\"x.io/y\",\"x.io/z\"]}}", 422,
	  "no new finalizers can be added" },
	{ "the last finalizer goes", "PATCH", NS "/configmaps/f", MERGE_PATCH, 0,
	  "{\"metadata\":{\"finalizers\":null}}", 200, "\"name\":\"f\"" },
	{ "and the object with it", "GET", NS "/configmaps/f", 0, 0, 0, 404, "" },
	{ "foreground", "DELETE", DEPLOYMENTS "/b", 0, 0, "{\"propagationPolicy\":\"Foreground\"}",
	  200, "foregroundDeletion" },

	{ "secret", "POST", NS "/secrets", 0, 0,
	  "{\"metadata\":{\"name\":\"s\"},\"stringData\":{\"p\":\"pw\"}}", 201,
	  "\"p\":\"cHc=\" & \"type\":\"Opaque\" & !stringData" },
	{ "collection", "DELETE", NS "/configmaps", 0, 0, 0, 200, "ConfigMapList" },
	{ "empty", "GET", NS "/configmaps", 0, 0, 0, 200, "\"items\":[]" },
	{ "no collection of namespaces", "DELETE", "/api/v1/namespaces", 0, 0, 0, 405,
	  "MethodNotAllowed" },
	{ "immortal", "DELETE", "/api/v1/namespaces/default", 0, 0, 0, 403,
	  "this namespace may not be deleted" },
	{ "namespace", "POST", "/api/v1/namespaces", 0, 0, "{\"metadata\":{\"name\":\"n\"}}", 201,
	  "\"phase\":\"Active\" & kubernetes.io/metadata.name" },
	{ "namespace goes", "DELETE", "/api/v1/namespaces/n", 0, 0, 0, 200,
	  "\"phase\":\"Terminating\"" },
	{ "nothing new in it", "POST", "/api/v1/namespaces/n/configmaps", 0, 0,
	  "{\"metadata\":{\"name\":\"a\"}}", 403, "because it is being terminated" },
	{ "finalize", "PUT", "/api/v1/namespaces/n/finalize", 0, 0,
	  "{\"metadata\":{\"name\":\"n\"},\"spec\":{}}", 200, "\"name\":\"n\"" },
	{ "namespace is gone", "GET", "/api/v1/namespaces/n", 0, 0, 0, 404, "" },
	{ "create on update", "PUT", "/apis/coordination.k8s.io/v1/namespaces/default/leases/l", 0,
	  0, "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"holderIdentity\":\"x\"}}", 201,
	  "\"holderIdentity\":\"x\"" },
	{ "a role by update", "PUT",
	  "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles/r", 0, 0,
	  "{\"metadata\":{\"name\":\"r\"},\"rules\":[]}", 201, "\"name\":\"r\"" },
	{ "no class by update", "PUT", "/apis/storage.k8s.io/v1/storageclasses/s", 0, 0,
	  "{\"metadata\":{\"name\":\"s\"},\"provisioner\":\"p\"}", 404, "not found" },
	{ "a class", "POST", "/apis/storage.k8s.io/v1/storageclasses", 0, 0,
	  "{\"metadata\":{\"name\":\"s\"},\"provisioner\":\"p\"}", 201,
	  "\"reclaimPolicy\":\"Delete\" & \"volumeBindingMode\":\"Immediate\"" },
	{ "comes back when it goes", "DELETE", "/apis/storage.k8s.io/v1/storageclasses/s", 0, 0, 0,
	  200, "\"kind\":\"StorageClass\" & \"provisioner\":\"p\"" },
	{ "a role does not", "DELETE",
	  "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles/r", 0, 0, 0, 200,
	  "\"kind\":\"Status\" & \"group\":\"rbac.authorization.k8s.io\"" },
	{ "no blind lease update", "PUT",
	  "/apis/coordination.k8s.io/v1/namespaces/default/leases/l", 0, 0,
	  "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"holderIdentity\":\"y\"}}", 422,
	  "must be specified for an update" },
	{ "discovery", "GET", "/apis/apps/v1", 0, 0, 0, 200, "deployments/scale & \"deploy\"" },
	{ "core discovery", "GET", "/api/v1", 0, 0, 0, 200, "pods/log & \"po\"" },
	{ "aggregated discovery", "GET", "/apis", 0,
	  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", 0, 200,
	  "APIGroupDiscoveryList & deployments" },
	{ "no definitions", "GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", 0, 0,
	  0, 200, "CustomResourceDefinitionList & \"items\":[]" },
	{ "OpenAPI index", "GET", "/openapi/v3", 0, 0, 0, 200, "apis/apps/v1" },
};

static void check_row(struct api_world *w, size_t i)
{
	struct api_answer a;
	api_world_call(w, w->admin, rows[i].method, rows[i].target, rows[i].type, rows[i].accept,
		       rows[i].body, 20000, &a);
	bool good = a.status == rows[i].status;
	auto_free char *pieces = xstrdup(rows[i].has);
	char *rest = pieces;
	for (char *piece; (piece = rest) != NULL;) {
		char *amp = strstr(piece, " & ");
		rest = amp ? amp + 3 : NULL;
		if (amp)
			*amp = '\0';
		bool wanted = *piece != '!';
		const char *text = wanted ? piece : piece + 1;
		bool is_there = strstr(a.body.data, text) || strstr(a.headers.data, text);
		good &= is_there == wanted;
	}
	if (!good) {
		fprintf(stderr, "row '%s': got %d, expected %d with: %s\n%s\n%s\n", rows[i].name,
			a.status, rows[i].status, rows[i].has, a.headers.data, a.body.data);
		exit(1);
	}
	api_answer_fini(&a);
}

static void test_rows(void)
{
	struct api_world w;
	api_world_init(&w, 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check_row(&w, i);
	api_world_fini(&w);
}

static void test_anonymous(void)
{
	static const struct {
		const char *target;
		int status;
	} cases[] = { { "/version", 200 },     { "/healthz", 200 },   { "/livez/ping", 200 },
		      { "/metrics", 403 },     { "/api", 403 },       { "/healthzz", 403 },
		      { "/api/v1/pods", 403 }, { "/openapi/v2", 403 } };
	struct api_world w;
	api_world_init(&w, 2);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct api_answer a;
		api_world_call(&w, w.other, "GET", cases[i].target, NULL, NULL, NULL, 20000, &a);
		if (a.status != cases[i].status)
			fprintf(stderr, "%s\n", cases[i].target);
		CHECK_INT(a.status, cases[i].status);
		api_answer_fini(&a);
	}
	api_world_fini(&w);
}

static void call(struct api_world *w, const char *method, const char *target, const char *body)
{
	struct api_answer a;
	api_world_call(w, w->admin, method, target, NULL, NULL, body, 20000, &a);
	CHECK(a.status >= 200 && a.status < 300);
	api_answer_fini(&a);
}

static void test_watch(void)
{
	struct api_world w;
	struct api_answer a;
	api_world_init(&w, 3);
	call(&w, "POST", NS "/configmaps", "{\"metadata\":{\"name\":\"a\"}}");
	api_world_call(&w, w.admin, "GET",
		       NS "/configmaps?watch=1&sendInitialEvents=true&resourceVersionMatch="
			  "NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=5",
		       NULL, NULL, NULL, 20000, &a);
	CHECK_INT(a.status, 200);
	CHECK(strstr(a.body.data, "{\"type\":\"ADDED\",\"object\":{"));
	CHECK(strstr(a.body.data, "k8s.io/initial-events-end"));
	api_answer_fini(&a);
	api_world_call(&w, w.admin, "GET", NS "/configmaps?watch=1&resourceVersion=64", NULL, NULL,
		       NULL, 5000, &a);
	CHECK(strstr(a.body.data, "{\"type\":\"ERROR\"") && strstr(a.body.data, "\"code\":410"));
	api_answer_fini(&a);
	api_world_call(&w, w.admin, "GET", NS "/configmaps?watch=1&sendInitialEvents=true", NULL,
		       NULL, NULL, 5000, &a);
	CHECK_INT(a.status, 422);
	api_answer_fini(&a);
	api_world_fini(&w);
}

static size_t count_of(const char *text, const char *part)
{
	size_t n = 0;
	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

/* Each minute who asked for it is told how far he is, though nothing happens to what he watches. */
static void test_bookmarks(void)
{
	struct api_world w;
	struct api_answer a;
	api_world_init(&w, 3);
	call(&w, "POST", NS "/configmaps", "{\"metadata\":{\"name\":\"a\"}}");
	for (int wants = 0; wants < 2; wants++) {
		auto_free char *target = xasprintf(NS "/configmaps?watch=1&timeoutSeconds=130%s",
						   wants ? "&allowWatchBookmarks=true" : "");
		api_world_call(&w, w.admin, "GET", target, NULL, NULL, NULL, 140000, &a);
		CHECK_INT(a.status, 200);
		CHECK_INT(count_of(a.body.data, "{\"type\":\"ADDED\""), 1);
		size_t told = count_of(a.body.data,
				       "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"ConfigMap\"");
		CHECK(wants ? told >= 2 && told <= 3 : told == 0);
		api_answer_fini(&a);
	}
	api_world_fini(&w);
}

int main(void)
{
	test_rows();
	test_anonymous();
	test_watch();
	test_bookmarks();
	puts("ok");
	return 0;
}
