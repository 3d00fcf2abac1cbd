/* Questions that the server answers and does not store, and acting as somebody else. */
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define AUTHZ "/apis/authorization.k8s.io/v1"
#define AUTHN "/apis/authentication.k8s.io/v1"
#define NS    "/api/v1/namespaces/default"
#define RBAC  "/apis/rbac.authorization.k8s.io/v1"
#define MAY_I AUTHZ "/selfsubjectaccessreviews"
#define MAY   AUTHZ "/subjectaccessreviews"
#define ALICE "alice/dev"
#define CAN(verb, resource, more)                                                                  \
	"{\"spec\":{\"resourceAttributes\":{\"verb\":\"" verb "\",\"resource\":\"" resource        \
	"\",\"namespace\":\"default\"}" more "}}"
#define SELECTED(which, selector)                                                                  \
	"{\"spec\":{\"resourceAttributes\":{\"verb\":\"list\",\"resource\":\"pods\",\"" which      \
	"\":{" selector "}}}}"

static const struct api_row rows[] = {
	{ "discovery", 0, "GET", AUTHZ, 0, 200,
	  "\"selfsubjectaccessreviews\" & \"localsubjectaccessreviews\" & \"verbs\":[\"create\"]" },
	{ "the group", 0, "GET", "/apis", 0, 200, "authentication.k8s.io & authorization.k8s.io" },
	{ "bindings", 0, "GET", "/api/v1", 0, 200, "\"bindings\" & \"componentstatuses\"" },
	{ "of no group, the version", 0, "POST", AUTHZ "/subjectaccessreviews",
	  "{\"spec\":{\"user\":\"x\",\"nonResourceAttributes\":{\"path\":\"/version\",\"verb\":\"get\"}}}",
	  201, "\"status\":{\"allowed\":false}" },
	{ "of all, by a role", 0, "POST", AUTHZ "/subjectaccessreviews",
	  "{\"spec\":{\"user\":\"x\",\"groups\":[\"system:authenticated\"],\"nonResourceAttributes\":{"
	  "\"path\":\"/healthz\",\"verb\":\"get\"}}}",
	  201, "\"status\":{\"allowed\":true,\"reason\":\"RBAC: allowed by ClusterRoleBinding " },
	{ "only created", 0, "GET", MAY_I, 0, 405, "MethodNotAllowed" },
	{ "nor by name", 0, "GET", AUTHN "/tokenreviews/x", 0, 405, "" },
	{ "no component", 0, "GET", "/api/v1/componentstatuses", 0, 200,
	  "ComponentStatusList & \"items\":[]" },

	{ "a role", 0, "POST", RBAC "/namespaces/default/rolebindings",
	  "{\"metadata\":{\"name\":\"v\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\","
	  "\"kind\":\"ClusterRole\",\"name\":\"view\"},\"subjects\":[{\"kind\":\"Group\",\"name\":\"dev\","
	  "\"apiGroup\":\"rbac.authorization.k8s.io\"}]}",
	  201, "" },
	{ "a role for one name", 0, "POST", RBAC "/namespaces/default/roles",
	  "{\"metadata\":{\"name\":\"one\"},\"rules\":[{\"verbs\":[\"list\"],\"apiGroups\":[\"\"],"
	  "\"resources\":[\"secrets\"],\"resourceNames\":[\"s\"]}]}",
	  201, "" },
	{ "its binding", 0, "POST", RBAC "/namespaces/default/rolebindings",
	  "{\"metadata\":{\"name\":\"one\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\","
	  "\"kind\":\"Role\",\"name\":\"one\"},\"subjects\":[{\"kind\":\"Group\",\"name\":\"one\","
	  "\"apiGroup\":\"rbac.authorization.k8s.io\"}]}",
	  201, "" },
	{ "yes, and why", ALICE, "POST", MAY_I, CAN("list", "pods", ""), 201,
	  "\"kind\":\"SelfSubjectAccessReview\" & \"allowed\":true & \"reason\":\"RBAC: allowed by "
	  "RoleBinding \\\"v/default\\\" of ClusterRole \\\"view\\\" to Group \\\"dev\\\"\"" },
	{ "no", ALICE, "POST", MAY_I, CAN("delete", "pods", ""), 201,
	  "\"allowed\":false & !reason" },
	{ "masters", 0, "POST", MAY_I, CAN("delete", "pods", ""), 201, "\"allowed\":true" },
	{ "a path", ALICE, "POST", MAY_I,
	  "{\"spec\":{\"nonResourceAttributes\":{\"verb\":\"get\",\"path\":\"/apis/x\"}}}", 201,
	  "\"allowed\":true" },
	{ "another", ALICE, "POST", MAY_I,
	  "{\"spec\":{\"nonResourceAttributes\":{\"verb\":\"get\",\"path\":\"/metrics\"}}}", 201,
	  "\"allowed\":false" },
	{ "nothing asked", ALICE, "POST", MAY_I, "{\"spec\":{}}", 422,
	  "\".authorization.k8s.io \\\"\\\" is invalid: spec.resourceAttributes: Invalid value: null: "
	  "exactly one of nonResourceAttributes or resourceAttributes must be specified\" & "
	  "\"details\":{\"group\":\"authorization.k8s.io\",\"causes\"" },
	{ "both", ALICE, "POST", MAY_I,
	  "{\"spec\":{\"resourceAttributes\":{},\"nonResourceAttributes\":{\"path\":\"/x\"}}}", 422,
	  "spec.nonResourceAttributes: Invalid value: {\\\"Path\\\":\\\"/x\\\",\\\"Verb\\\":\\\"\\\"}: "
	  "cannot be specified in combination with resourceAttributes" },
	{ "with a name", ALICE, "POST", MAY_I, CAN("get", "pods", "},\"metadata\":{\"name\":\"x\""),
	  422, "metadata: Invalid value: {\\\"name\\\":\\\"x\\\"}: must be empty\"" },
	{ "with nothing in it, as protobuf says it", ALICE, "POST", MAY_I,
	  CAN("list", "pods", "},\"metadata\":{\"name\":\"\",\"generation\":0,\"labels\":{}"), 201,
	  "\"allowed\":true" },
	{ "two selectors", ALICE, "POST", MAY_I,
	  SELECTED("fieldSelector", "\"rawSelector\":\"a=b\",\"requirements\":[{\"key\":\"\"},"
				    "{\"key\":\"a\",\"operator\":\"In\"}]"),
	  422,
	  "[spec.resourceAttributes.fieldSelector.rawSelector: Invalid value: \\\"a=b\\\": may not "
	  "specified at the same time as requirements, "
	  "spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be "
	  "specified, spec.resourceAttributes.fieldSelector.requirements[1].values: Required value: "
	  "must be specified when `operator` is 'In' or 'NotIn']" },
	{ "none", ALICE, "POST", MAY_I, SELECTED("labelSelector", ""), 422,
	  "spec.resourceAttributes.labelSelector.requirements: Required value: when "
	  "spec.resourceAttributes.labelSelector is specified, requirements or rawSelector is "
	  "required" },
	{ "of bad words", ALICE, "POST", MAY_I,
	  SELECTED("labelSelector", "\"requirements\":[{\"key\":\"A b\",\"operator\":\"Exists\","
				    "\"values\":[\"x y\"]}]"),
	  422,
	  "labelSelector.requirements[0].values: Forbidden: may not be specified when `operator` is "
	  "'Exists' or 'DoesNotExist', & labelSelector.requirements[0].key: Invalid value: "
	  "\\\"A b\\\": name part must consist of & labelSelector.requirements[0].values[0]: Invalid "
	  "value: \\\"x y\\\": a valid label must be" },
	{ "nobody may ask", "", "POST", MAY_I, CAN("list", "pods", ""), 403,
	  "User \\\"system:anonymous\\\" cannot create resource \\\"selfsubjectaccessreviews\\\"" },
	{ "of others neither", ALICE, "POST", MAY, CAN("list", "pods", ",\"user\":\"bob\""), 403,
	  "" },
	{ "of others", 0, "POST", MAY,
	  CAN("list", "pods", ",\"user\":\"bob\",\"groups\":[\"dev\"]"), 201,
	  "\"allowed\":true & \"user\":\"bob\"" },
	{ "a selected name is not asked for by name", 0, "POST", MAY,
	  "{\"spec\":{\"user\":\"alice\",\"groups\":[\"one\"],\"resourceAttributes\":{\"verb\":\"list\","
	  "\"resource\":\"secrets\",\"namespace\":\"default\",\"fieldSelector\":{\"requirements\":[{"
	  "\"key\":\"metadata.name\",\"operator\":\"In\",\"values\":[\"s\"]}]}}}}",
	  201, "\"allowed\":false" },
	{ "of others, no", 0, "POST", MAY, CAN("list", "pods", ",\"user\":\"bob\""), 201,
	  "\"allowed\":false" },
	{ "of whom", 0, "POST", MAY, CAN("list", "pods", ""), 422,
	  "spec.user: Invalid value: \\\"\\\": at least one of user or group must be specified" },
	{ "in a namespace", 0, "POST", AUTHZ "/namespaces/default/localsubjectaccessreviews",
	  CAN("list", "pods", ",\"groups\":[\"dev\"]"), 201,
	  "\"allowed\":true & \"metadata\":{\"namespace\":\"default\"}" },
	{ "in another", 0, "POST", AUTHZ "/namespaces/kube-system/localsubjectaccessreviews",
	  CAN("list", "pods", ",\"groups\":[\"dev\"]"), 422,
	  "spec.resourceAttributes.namespace: Invalid value: \\\"default\\\": must match "
	  "metadata.namespace" },
	{ "of another", 0, "POST", AUTHZ "/namespaces/default/localsubjectaccessreviews",
	  CAN("list", "pods", ",\"user\":\"a\"},\"metadata\":{\"namespace\":\"x\""), 400,
	  "the namespace of the provided object does not match the namespace sent on the request" },
	{ "of a path", 0, "POST", AUTHZ "/namespaces/default/localsubjectaccessreviews",
	  "{\"spec\":{\"user\":\"a\",\"nonResourceAttributes\":{\"path\":\"/\",\"verb\":\"get\"}}}",
	  422,
	  "spec.nonResourceAttributes: Invalid value: {\\\"Path\\\":\\\"/\\\",\\\"Verb\\\":\\\"get\\\"}: "
	  "disallowed on this kind of request" },

	{ "what may I", ALICE, "POST", AUTHZ "/selfsubjectrulesreviews",
	  "{\"spec\":{\"namespace\":\"default\"}}", 201,
	  "\"resourceRules\":[{ & \"pods/log\" & \"nonResourceRules\":[{ & /openapi & "
	  "\"incomplete\":false & !evaluationError & \"spec\":{}" },
	{ "elsewhere", ALICE, "POST", AUTHZ "/selfsubjectrulesreviews",
	  "{\"spec\":{\"namespace\":\"kube-system\"}}", 201, "!pods/log" },
	{ "where", ALICE, "POST", AUTHZ "/selfsubjectrulesreviews", "{\"spec\":{}}", 400,
	  "no namespace on request" },
	{ "who am I", ALICE, "POST", AUTHN "/selfsubjectreviews", "{}", 201,
	  "\"kind\":\"SelfSubjectReview\" & \"metadata\":{\"creationTimestamp\":\"20 & \"username\":\"alice\" & \"groups\":[\"dev\","
	  "\"system:authenticated\"]" },
	{ "no token", 0, "POST", AUTHN "/tokenreviews", "{\"spec\":{}}", 400,
	  "token is required for TokenReview in authentication" },
	{ "a bad token", 0, "POST", AUTHN "/tokenreviews", "{\"spec\":{\"token\":\"x.y.z\"}}", 201,
	  "\"error\":\"invalid bearer token\" & !x.y.z" },

	/* Acting as somebody else. */
	{ "as another",
	  "@|"
	  "Impersonate-User: bob\nImpersonate-Group: ops\nImpersonate-Group: dev\n"
	  "Impersonate-Uid: 7\nImpersonate-Extra-Scopes: a\nImpersonate-Extra-scopes: b",
	  "POST", AUTHN "/selfsubjectreviews", "{}", 201,
	  "\"username\":\"bob\" & \"groups\":[\"ops\",\"dev\",\"system:authenticated\"] & \"uid\":\"7\" & "
	  "\"scopes\":[\"a\",\"b\"] & !system:masters" },
	{ "with their rights",
	  "@|"
	  "Impersonate-User: bob",
	  "GET", NS "/secrets", 0, 403, "User \\\"bob\\\" cannot list" },
	{ "an account",
	  "@|"
	  "Impersonate-User: system:serviceaccount:ns:sa",
	  "POST", AUTHN "/selfsubjectreviews", "{}", 201,
	  "\"groups\":[\"system:serviceaccounts\",\"system:serviceaccounts:ns\",\"system:authenticated\"]" },
	{ "nobody",
	  "@|"
	  "Impersonate-User: system:anonymous",
	  "GET", "/api", 0, 403, "User \\\"system:anonymous\\\"" },
	{ "not everybody may",
	  ALICE "|"
		"Impersonate-User: bob",
	  "GET", NS "/pods", 0, 403,
	  "users \\\"bob\\\" is forbidden: User \\\"alice\\\" cannot impersonate resource \\\"users\\\" in "
	  "API group \\\"\\\" at the cluster scope\"" },
	{ "a group alone",
	  "@|"
	  "Impersonate-Group: x",
	  "GET", NS "/pods", 0, 400, "without impersonating a user" },
	{ "a role for one", 0, "POST", RBAC "/clusterroles",
	  "{\"metadata\":{\"name\":\"imp\"},\"rules\":[{\"verbs\":[\"impersonate\"],\"apiGroups\":[\"\"],"
	  "\"resources\":[\"users\"],\"resourceNames\":[\"bob\"]},{\"verbs\":[\"impersonate\"],"
	  "\"apiGroups\":[\"authentication.k8s.io\"],\"resources\":[\"userextras/scopes\"]}]}",
	  201, "" },
	{ "its binding", 0, "POST", RBAC "/clusterrolebindings",
	  "{\"metadata\":{\"name\":\"imp\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\","
	  "\"kind\":\"ClusterRole\",\"name\":\"imp\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"alice\","
	  "\"apiGroup\":\"rbac.authorization.k8s.io\"}]}",
	  201, "" },
	{ "that one",
	  ALICE "|"
		"Impersonate-User: bob\nImpersonate-Extra-Scopes: x",
	  "POST", AUTHN "/selfsubjectreviews", "{}", 201, "\"username\":\"bob\"" },
	{ "no other",
	  ALICE "|"
		"Impersonate-User: eve",
	  "GET", NS "/pods", 0, 403, "users \\\"eve\\\"" },
	{ "no group",
	  ALICE "|"
		"Impersonate-User: bob\nImpersonate-Group: system:masters",
	  "GET", NS "/pods", 0, 403,
	  "groups \\\"system:masters\\\" is forbidden: User \\\"alice\\\" cannot impersonate resource "
	  "\\\"groups\\\"" },
	{ "no other extra",
	  ALICE "|"
		"Impersonate-User: bob\nImpersonate-Extra-other: x",
	  "GET", NS "/pods", 0, 403,
	  "cannot impersonate resource \\\"userextras/other\\\" in API group "
	  "\\\"authentication.k8s.io\\\"" },

	/* The old way to bind. */
	{ "an account", 0, "POST", NS "/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}",
	  201, "" },
	{ "a pod", 0, "POST", NS "/pods",
	  "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
	  201, "" },
	{ "its binding", 0, "POST", NS "/bindings",
	  "{\"metadata\":{\"name\":\"p\"},\"target\":{\"name\":\"n1\"}}", 201,
	  "\"status\":\"Success\"" },
	{ "bound", 0, "GET", NS "/pods/p", 0, 200, "\"nodeName\":\"n1\"" },
};

int main(void)
{
	struct api_world w;
	api_world_init(&w, 5);
	api_rows_run(&w, rows, ARRAY_LEN(rows));
	api_world_fini(&w);
	puts("ok");
	return 0;
}
