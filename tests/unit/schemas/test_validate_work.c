/* Lists as long as a body can hold: validation and warnings look at each element a few times, not at each
 * pair. What is counted is how often a tree is looked into. */
#include "common/base/jsonx.h"
#include "schemas/schema.h"
#include "tests/support/check.h"

#include <dlfcn.h>
#include <setjmp.h>

#define ELEMENTS  30000
#define LOOKS_MAX 100 /* an element */

/* ---- counting: these stand before jansson's own ---- */

static size_t looks;
static jmp_buf enough;

static void look(void)
{
	if (++looks > (size_t)ELEMENTS * LOOKS_MAX)
		longjmp(enough, 1); /* the check fails: what is left behind does not matter */
}

json_t *json_array_get(const json_t *array, size_t index)
{
	static json_t *(*next)(const json_t *, size_t);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "json_array_get");
	look();
	return next(array, index);
}

json_t *json_object_getn(const json_t *object, const char *key, size_t n)
{
	static json_t *(*next)(const json_t *, const char *, size_t);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "json_object_getn");
	look();
	return next(object, key, n);
}

/* ---- rows ---- */

enum { WHOLE, STATUS };

#define POD(inside)  "{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"," inside "}]}}"
#define SPEC(inside) "{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]," inside "}}"

/* Each @ is the list; # in an element its number. */
static const struct {
	const char *name, *group, *version, *kind;
	int what;
	const char *object, *element;
} rows[] = {
	{ "env", "", "v1", "Pod", WHOLE, POD("\"env\":@"), "{\"name\":\"E#\",\"value\":\"v\"}" },
	{ "ports", "", "v1", "Pod", WHOLE, POD("\"ports\":@"),
	  "{\"name\":\"p#\",\"containerPort\":80}" },
	{ "resizes", "", "v1", "Pod", WHOLE, POD("\"resizePolicy\":@"),
	  "{\"resourceName\":\"r#\",\"restartPolicy\":\"NotRequired\"}" },
	{ "claims taken", "", "v1", "Pod", WHOLE, POD("\"resources\":{\"claims\":@}"),
	  "{\"name\":\"c#\",\"request\":\"r\"}" },
	{ "mounts", "", "v1", "Pod", WHOLE, POD("\"volumeMounts\":@"),
	  "{\"name\":\"v\",\"mountPath\":\"/#\"}" },
	{ "devices", "", "v1", "Pod", WHOLE, POD("\"volumeDevices\":@"),
	  "{\"name\":\"v#\",\"devicePath\":\"/#\"}" },
	{ "containers", "", "v1", "Pod", WHOLE, "{\"spec\":{\"containers\":@}}",
	  "{\"name\":\"c#\",\"image\":\"i\"}" },
	{ "inits", "", "v1", "Pod", WHOLE, SPEC("\"initContainers\":@"),
	  "{\"name\":\"i#\",\"image\":\"i\"}" },
	{ "volumes", "", "v1", "Pod", WHOLE, SPEC("\"volumes\":@"),
	  "{\"name\":\"v#\",\"emptyDir\":{}}" },
	{ "pull secrets", "", "v1", "Pod", WHOLE, SPEC("\"imagePullSecrets\":@"),
	  "{\"name\":\"s#\"}" },
	{ "spread", "", "v1", "Pod", WHOLE, SPEC("\"topologySpreadConstraints\":@"),
	  "{\"maxSkew\":1,\"topologyKey\":\"k#\",\"whenUnsatisfiable\":\"DoNotSchedule\"}" },
	{ "gates", "", "v1", "Pod", WHOLE, SPEC("\"schedulingGates\":@"), "{\"name\":\"g#\"}" },
	{ "claims", "", "v1", "Pod", WHOLE, SPEC("\"resourceClaims\":@"),
	  "{\"name\":\"c#\",\"resourceClaimName\":\"x\"}" },
	{ "sysctls", "", "v1", "Pod", WHOLE, SPEC("\"securityContext\":{\"sysctls\":@}"),
	  "{\"name\":\"net.a#\",\"value\":\"1\"}" },
	{ "tolerations", "", "v1", "Pod", WHOLE, SPEC("\"tolerations\":@"),
	  "{\"key\":\"t#\",\"operator\":\"Exists\"}" },
	{ "mounts of volumes", "", "v1", "Pod", WHOLE,
	  "{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"volumeMounts\":@}],\"volumes\":"
	  "@}}",
	  "{\"name\":\"v#\",\"mountPath\":\"/#\",\"emptyDir\":{}}" },
	{ "a mount each", "", "v1", "Pod", WHOLE, "{\"spec\":{\"containers\":@,\"volumes\":@}}",
	  "{\"name\":\"v#\",\"image\":\"i\",\"emptyDir\":{},\"volumeMounts\":[{\"name\":\"v30000\","
	  "\"mountPath\":\"/\"}]}" },
	{ "claims known", "", "v1", "Pod", WHOLE,
	  "{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"claims\":@}}],"
	  "\"resourceClaims\":@}}",
	  "{\"name\":\"c#\",\"resourceClaimName\":\"x\"}" },
	{ "claim statuses", "", "v1", "Pod", STATUS,
	  "{\"spec\":{},\"status\":{\"resourceClaimStatuses\":@}}", "{\"name\":\"c#\"}" },
	{ "mappings", "", "v1", "Pod", STATUS,
	  "{\"spec\":{},\"status\":{\"extendedResourceClaimStatus\":{\"resourceClaimName\":\"c\","
	  "\"requestMappings\":@}}}",
	  "{\"containerName\":\"c#\",\"resourceName\":\"r\",\"requestName\":\"q\"}" },
	{ "addresses", "", "v1", "Node", STATUS, "{\"status\":{\"addresses\":@}}",
	  "{\"type\":\"InternalIP\",\"address\":\"a#\"}" },
	{ "taints", "", "v1", "Node", WHOLE, "{\"spec\":{\"taints\":@}}",
	  "{\"key\":\"t#\",\"effect\":\"NoSchedule\"}" },
	{ "service ports", "", "v1", "Service", WHOLE, "{\"spec\":{\"ports\":@}}",
	  "{\"name\":\"p#\",\"port\":80,\"protocol\":\"TCP\"}" },
	{ "limits", "", "v1", "LimitRange", WHOLE, "{\"spec\":{\"limits\":@}}",
	  "{\"type\":\"a.b/t#\"}" },
	{ "scheduling", "node.k8s.io", "v1", "RuntimeClass", WHOLE,
	  "{\"handler\":\"h\",\"scheduling\":{\"tolerations\":@}}",
	  "{\"key\":\"t#\",\"operator\":\"Exists\"}" },
	{ "topologies", "storage.k8s.io", "v1", "StorageClass", WHOLE,
	  "{\"provisioner\":\"p\",\"allowedTopologies\":@}",
	  "{\"matchLabelExpressions\":[{\"key\":\"k#\",\"values\":[\"v\"]}]}" },
	{ "expressions", "storage.k8s.io", "v1", "StorageClass", WHOLE,
	  "{\"provisioner\":\"p\",\"allowedTopologies\":[{\"matchLabelExpressions\":@}]}",
	  "{\"key\":\"k#\",\"values\":[\"v\"]}" },
	{ "values", "storage.k8s.io", "v1", "StorageClass", WHOLE,
	  "{\"provisioner\":\"p\",\"allowedTopologies\":[{\"matchLabelExpressions\":[{\"key\":\"k\","
	  "\"values\":@}]}]}",
	  "\"v#\"" },
	{ "token requests", "storage.k8s.io", "v1", "CSIDriver", WHOLE,
	  "{\"spec\":{\"tokenRequests\":@}}", "{\"audience\":\"a#\"}" },
	{ "drivers", "storage.k8s.io", "v1", "CSINode", WHOLE, "{\"spec\":{\"drivers\":@}}",
	  "{\"name\":\"d#\",\"nodeID\":\"n\"}" },
	{ "topology keys", "storage.k8s.io", "v1", "CSINode", WHOLE,
	  "{\"spec\":{\"drivers\":[{\"name\":\"d\",\"nodeID\":\"n\",\"topologyKeys\":@}]}}",
	  "\"k#\"" },
	{ "usages", "certificates.k8s.io", "v1", "CertificateSigningRequest", WHOLE,
	  "{\"spec\":{\"signerName\":\"a.b/c\",\"usages\":@}}", "\"u#\"" },
	{ "conditions", "certificates.k8s.io", "v1", "CertificateSigningRequest", STATUS,
	  "{\"spec\":{},\"status\":{\"conditions\":@}}", "{\"type\":\"T#\",\"status\":\"True\"}" },
	{ "conditions", "policy", "v1", "PodDisruptionBudget", STATUS,
	  "{\"status\":{\"conditions\":@}}", "{\"type\":\"T#\",\"status\":\"True\"}" },
	{ "conditions", "flowcontrol.apiserver.k8s.io", "v1", "FlowSchema", STATUS,
	  "{\"status\":{\"conditions\":@}}", "{\"type\":\"T#\",\"status\":\"True\"}" },
	{ "slice ports", "discovery.k8s.io", "v1", "EndpointSlice", WHOLE,
	  "{\"addressType\":\"IPv4\",\"endpoints\":[],\"ports\":@}",
	  "{\"name\":\"p#\",\"protocol\":\"TCP\"}" },
	{ "exit codes", "batch", "v1", "Job", WHOLE,
	  "{\"spec\":{\"podFailurePolicy\":{\"rules\":[{\"action\":\"Ignore\",\"onExitCodes\":{"
	  "\"operator\":\"In\",\"values\":@}}]},\"template\":{\"spec\":{\"containers\":[]}}}}",
	  "#" },
	{ "volume claims", "apps", "v1", "StatefulSet", WHOLE,
	  "{\"spec\":{\"volumeClaimTemplates\":@,\"template\":{\"spec\":{\"containers\":[]}}}}",
	  "{\"metadata\":{\"name\":\"v#\"}}" },
	{ "hooks", "admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", WHOLE,
	  "{\"webhooks\":@}", "{\"name\":\"a.b.h#\"}" },
	{ "versions of a hook", "admissionregistration.k8s.io", "v1",
	  "ValidatingWebhookConfiguration", WHOLE,
	  "{\"webhooks\":[{\"name\":\"a.b.c\",\"admissionReviewVersions\":@}]}", "\"v#\"" },
	{ "resources of a hook", "admissionregistration.k8s.io", "v1",
	  "ValidatingWebhookConfiguration", WHOLE,
	  "{\"webhooks\":[{\"name\":\"a.b.c\",\"rules\":[{\"operations\":[\"*\"],\"apiGroups\":"
	  "[\"*\"],\"apiVersions\":[\"*\"],\"resources\":@}]}]}",
	  "\"r#/s\"" },
	{ "names of a policy", "admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy",
	  WHOLE, "{\"spec\":{\"matchConstraints\":{\"resourceRules\":[{\"resourceNames\":@}]}}}",
	  "\"n#\"" },
	{ "actions", "admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding",
	  WHOLE, "{\"spec\":{\"policyName\":\"p\",\"validationActions\":@}}", "\"A#\"" },
	{ "versions", "apiextensions.k8s.io", "v1", "CustomResourceDefinition", WHOLE,
	  "{\"spec\":{\"group\":\"a.b\",\"names\":{\"plural\":\"x\",\"kind\":\"X\"},\"scope\":"
	  "\"Cluster\",\"versions\":@}}",
	  "{\"name\":\"v#\",\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}" },
	{ "selectable", "apiextensions.k8s.io", "v1", "CustomResourceDefinition", WHOLE,
	  "{\"spec\":{\"group\":\"a.b\",\"names\":{\"plural\":\"x\",\"kind\":\"X\"},\"scope\":"
	  "\"Cluster\",\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{"
	  "\"openAPIV3Schema\":{\"type\":\"object\"}},\"selectableFields\":@}]}}",
	  "{\"jsonPath\":\".spec.f#\"}" },
};

static void add_list(struct str *out, const char *element)
{
	str_add_char(out, '[');
	for (int i = 1; i <= ELEMENTS; i++) {
		if (i > 1)
			str_add_char(out, ',');
		for (const char *p = element; *p; p++) {
			if (*p == '#')
				str_addf(out, "%d", i);
			else
				str_add_char(out, *p);
		}
	}
	str_add_char(out, ']');
}

static json_t *filled(const char *name, const char *object, const char *element)
{
	AUTO_STR text;
	json_t *tree = NULL;
	struct error err;
	str_init(&text, 32 << 20);
	for (const char *p = object; *p; p++) {
		if (*p == '@')
			add_list(&text, element);
		else
			str_add_char(&text, *p);
	}
	CHECK(str_ok(&text));
	if (json_parse(text.data, text.len, &tree, &err) < 0) {
		fprintf(stderr, "%s: %s\n", name, err.text);
		exit(1);
	}
	json_put_str(tree, "metadata.name", "one");
	return tree;
}

static bool is_bounded(size_t row)
{
	const struct schema_kind *k =
		schema_kind_by_kind(rows[row].group, rows[row].version, rows[row].kind);
	looks = 0;
	AUTO_JSON *tree = filled(rows[row].name, rows[row].object, rows[row].element);
	struct field_errors errors = { 0 };
	struct schema_report report = { 0 };
	CHECK(k);
	looks = 0;
	if (setjmp(enough)) {
		fprintf(stderr, "%s of a %s: more than %d looks an element\n", rows[row].name,
			rows[row].kind, LOOKS_MAX);
		return false;
	}
	if (rows[row].what == STATUS) {
		schema_validate_status(k, tree, tree, &errors);
	} else {
		schema_validate(k, tree, NULL, &errors);
		schema_warnings(k, tree, NULL, &report);
	}
	if (getenv("LOOKS"))
		printf("%s of a %s: %zu\n", rows[row].name, rows[row].kind, looks / ELEMENTS);
	field_errors_fini(&errors);
	schema_report_fini(&report);
	return true;
}

/* ---- patches: a list in the object, one in the patch ---- */

static const struct {
	const char *name, *object, *patch, *element;
} patches[] = {
	{ "texts", "{}", "{\"metadata\":{\"finalizers\":@}}", "\"a/f#\"" },
	{ "the same texts", "{\"metadata\":{\"finalizers\":@}}",
	  "{\"metadata\":{\"finalizers\":@}}", "\"a/f#\"" },
	{ "texts to delete", "{\"metadata\":{\"finalizers\":@}}",
	  "{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":@}}", "\"a/f#\"" },
	{ "objects", "{}", "{\"metadata\":{\"ownerReferences\":@}}", "{\"uid\":\"u#\"}" },
	{ "the same objects", "{\"metadata\":{\"ownerReferences\":@}}",
	  "{\"metadata\":{\"ownerReferences\":@,\"$setElementOrder/ownerReferences\":@}}",
	  "{\"uid\":\"u#\"}" },
	{ "objects to delete", "{\"metadata\":{\"ownerReferences\":@}}",
	  "{\"metadata\":{\"ownerReferences\":@}}", "{\"$patch\":\"delete\",\"uid\":\"u#\"}" },
	{ "keys to retain", "{}", "{\"metadata\":{\"labels\":{\"$retainKeys\":@}}}", "\"k#\"" },
};

static bool is_patch_bounded(size_t row)
{
	const struct schema_kind *k = schema_kind_by_kind("", "v1", "ConfigMap");
	looks = 0;
	AUTO_JSON *object = filled(patches[row].name, patches[row].object, patches[row].element);
	AUTO_JSON *patch = filled(patches[row].name, patches[row].patch, patches[row].element);
	json_t *result = NULL;
	struct error err;
	looks = 0;
	if (setjmp(enough)) {
		fprintf(stderr, "a patch of %s: more than %d looks an element\n", patches[row].name,
			LOOKS_MAX);
		return false;
	}
	int code = patch_strategic(k->type, object, patch, &result, &err);
	if (code < 0)
		fprintf(stderr, "%s: %s\n", patches[row].name, err.text);
	CHECK(code == 0);
	if (getenv("LOOKS"))
		printf("a patch of %s: %zu\n", patches[row].name, looks / ELEMENTS);
	json_decref(result);
	return true;
}

int main(void)
{
	static size_t failed; /* what longjmp leaves alone */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		failed += !is_bounded(i);
	for (size_t i = 0; i < ARRAY_LEN(patches); i++)
		failed += !is_patch_bounded(i);
	CHECK_INT(failed, 0);
	puts("ok");
	return 0;
}
