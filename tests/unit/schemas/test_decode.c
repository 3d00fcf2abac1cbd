#include "schemas/schema.h"

#include "common/base/jsonx.h"
#include "tests/support/check.h"

/* What comes out: canonical bytes, then problems; or the error. */
static char *run(const char *type, enum schema_encoding encoding, const char *text)
{
	struct error err;
	struct schema_report report = { 0 };
	json_t *tree = NULL;
	struct str out;
	const struct schema_type *t = schema_type_by_name(type);
	CHECK(t);
	str_init(&out, 1 << 20);
	if (schema_decode(t, encoding, text, strlen(text), &tree, &report, &err) < 0) {
		str_addf(&out, "error %d: %s", err.code, err.text);
	} else {
		schema_print(t, tree, &out);
		for (size_t i = 0; i < report.count; i++)
			str_addf(&out, "\n%s", report.problems[i]);
	}
	json_decref(tree);
	schema_report_fini(&report);
	return str_take(&out);
}

#define MAP(inside) "{\"metadata\":{}" inside "}"

static const struct {
	const char *name, *type;
	enum schema_encoding encoding;
	const char *in, *out;
} rows[] = {
	{ "table order", "core.v1.ConfigMap", SCHEMA_JSON,
	  "{\"data\":{\"b\":\"2\",\"a\":\"1\"},\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\","
	  "\"metadata\":{\"namespace\":\"d\",\"name\":\"x\"}}",
	  "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"x\",\"namespace\":"
	  "\"d\"},\"data\":{\"a\":\"1\",\"b\":\"2\"}}" },
	{ "null and empty go", "core.v1.ConfigMap", SCHEMA_JSON,
	  "{\"data\":{},\"metadata\":{\"creationTimestamp\":null,\"labels\":null}}", MAP("") },
	{ "pointers stay", "core.v1.ConfigMap", SCHEMA_JSON, "{\"immutable\":false}",
	  MAP(",\"immutable\":false") },
	{ "unknown field", "core.v1.ConfigMap", SCHEMA_JSON,
	  "{\"metadata\":{\"lables\":{}},\"dta\":1}",
	  MAP("") "\nunknown field \"metadata.lables\"\nunknown field \"dta\"" },
	{ "duplicate field", "core.v1.ConfigMap", SCHEMA_JSON,
	  "{\"data\":{\"a\":\"1\",\"a\":\"2\"}}",
	  MAP(",\"data\":{\"a\":\"2\"}") "\nduplicate field \"data.a\"" },
	{ "index in path", "core.v1.Pod", SCHEMA_JSON,
	  "{\"spec\":{\"containers\":[{\"name\":\"a\",\"imag\":\"x\"}]}}",
	  "{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"a\",\"resources\":{}}]},"
	  "\"status\":{}}\nunknown field \"spec.containers[0].imag\"" },
	{ "wrong type", "apps.v1.Deployment", SCHEMA_JSON, "{\"spec\":{\"replicas\":\"3\"}}",
	  "error -10: json: cannot unmarshal string into Go struct field "
	  "DeploymentSpec.spec.replicas of type int32" },
	{ "wrong type in an embedded struct", "core.v1.Pod", SCHEMA_JSON,
	  "{\"spec\":{\"volumes\":[{\"configMap\":{\"defaultMode\":\"0644\"}}]}}",
	  "error -10: json: cannot unmarshal string into Go struct field "
	  "ConfigMapVolumeSource.spec.volumes.VolumeSource.configMap.defaultMode of type int32" },
	{ "wrong type in two embedded structs",
	  "admissionregistration.v1.ValidatingAdmissionPolicy", SCHEMA_JSON,
	  "{\"spec\":{\"matchConstraints\":{\"resourceRules\":[{\"apiGroups\":\"x\"}]}}}",
	  "error -10: json: cannot unmarshal string into Go struct field "
	  "NamedRuleWithOperations.spec.matchConstraints.resourceRules.RuleWithOperations.Rule."
	  "apiGroups of type []string" },
	{ "wrong number or text", "core.v1.Service", SCHEMA_JSON,
	  "{\"spec\":{\"ports\":[{\"targetPort\":true}]}}",
	  "error -10: json: cannot unmarshal bool into Go struct field "
	  "ServicePort.spec.ports.targetPort of type int32" },
	{ "number or text too large", "apps.v1.Deployment", SCHEMA_JSON,
	  "{\"spec\":{\"strategy\":{\"rollingUpdate\":{\"maxSurge\":3000000000}}}}",
	  "error -10: json: cannot unmarshal number 3000000000 into Go struct field "
	  "RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32" },
	{ "wrong amount", "core.v1.Pod", SCHEMA_JSON,
	  "{\"spec\":{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":true}}}]}}",
	  "error -10: quantities must match the regular expression "
	  "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'" },
	{ "amounts in a list", "core.v1.Pod", SCHEMA_JSON,
	  "{\"spec\":{\"containers\":[{\"resources\":{\"limits\":[]}}]}}",
	  "error -10: json: cannot unmarshal array into Go struct field "
	  "ResourceRequirements.spec.containers.resources.limits of type v1.ResourceList" },
	{ "wrong micro time", "coordination.v1.Lease", SCHEMA_JSON,
	  "{\"spec\":{\"renewTime\":\"x\"}}",
	  "error -10: parsing time \"x\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse "
	  "\"x\" as \"2006\"" },
	{ "wrong type inside map", "core.v1.ConfigMap", SCHEMA_JSON, "{\"data\":{\"a\":1}}",
	  "error -10: json: cannot unmarshal number into Go struct field ConfigMap.data of type "
	  "string" },
	{ "wrong type inside list", "core.v1.Pod", SCHEMA_JSON,
	  "{\"spec\":{\"containers\":[{\"image\":1}]}}",
	  "error -10: json: cannot unmarshal number into Go struct field "
	  "Container.spec.containers.image of type string" },
	{ "object for list", "core.v1.Pod", SCHEMA_JSON, "{\"spec\":{\"containers\":{}}}",
	  "error -10: json: cannot unmarshal object into Go struct field "
	  "PodSpec.spec.containers of type []v1.Container" },
	{ "list for map", "core.v1.Pod", SCHEMA_JSON, "{\"metadata\":{\"labels\":[]}}",
	  "error -10: json: cannot unmarshal array into Go struct field "
	  "ObjectMeta.metadata.labels of type map[string]string" },
	{ "no object", "core.v1.Pod", SCHEMA_JSON, "[]",
	  "error -10: json: cannot unmarshal array into Go value of type v1.Pod" },
	{ "int32 overflow", "apps.v1.Deployment", SCHEMA_JSON,
	  "{\"spec\":{\"replicas\":4294967296}}",
	  "error -10: json: cannot unmarshal number 4294967296 into Go struct field "
	  "DeploymentSpec.spec.replicas of type int32" },
	{ "fraction", "apps.v1.Deployment", SCHEMA_JSON, "{\"spec\":{\"replicas\":1.5}}",
	  "error -10: json: cannot unmarshal number 1.5 into Go struct field "
	  "DeploymentSpec.spec.replicas of type int32" },
	{ "base64", "core.v1.Secret", SCHEMA_JSON, "{\"data\":{\"a\":\"YQ\\n==\"}}",
	  MAP(",\"data\":{\"a\":\"YQ==\"}") },
	{ "bad base64", "core.v1.Secret", SCHEMA_JSON, "{\"data\":{\"a\":\"Y?==\"}}",
	  "error -10: illegal base64 data at input byte 1" },
	{ "time with offset", "core.v1.ConfigMap", SCHEMA_JSON,
	  "{\"metadata\":{\"creationTimestamp\":\"2026-01-02T03:04:05.5+01:00\"}}",
	  "{\"metadata\":{\"creationTimestamp\":\"2026-01-02T02:04:05Z\"}}" },
	{ "quantities", "core.v1.ResourceRequirements", SCHEMA_JSON,
	  "{\"limits\":{\"cpu\":0.5,\"memory\":\"1024Mi\",\"x\":2}}",
	  "{\"limits\":{\"cpu\":\"500m\",\"memory\":\"1Gi\",\"x\":\"2\"}}" },
	{ "bad quantity", "core.v1.ResourceRequirements", SCHEMA_JSON,
	  "{\"limits\":{\"cpu\":\"lots\"}}",
	  "error -10: quantities must match the regular expression "
	  "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'" },
	{ "surrogates", "core.v1.ConfigMap", SCHEMA_JSON,
	  "{\"data\":{\"a\":\"\\ud83d\\ude00\\u00e9\\ud83d\"}}",
	  MAP(",\"data\":{\"a\":\"\xf0\x9f\x98\x80\xc3\xa9\xef\xbf\xbd\"}") },
	{ "bad utf-8", "core.v1.ConfigMap", SCHEMA_JSON, "{\"data\":{\"a\":\"\xff\"}}",
	  MAP(",\"data\":{\"a\":\"\xef\xbf\xbd\"}") },
	{ "truncated", "core.v1.ConfigMap", SCHEMA_JSON, "{\"data\":{\"a\":\"",
	  "error -10: unexpected end of JSON input" },
	{ "trailing comma", "core.v1.ConfigMap", SCHEMA_JSON, "{\"data\":{},}",
	  "error -10: invalid character '}' looking for beginning of object key string "
	  "(line 1)" },
	{ "null element", "core.v1.Pod", SCHEMA_JSON,
	  "{\"metadata\":{\"labels\":{\"a\":null},\"finalizers\":[null]}}",
	  "{\"metadata\":{\"labels\":{\"a\":\"\"},\"finalizers\":[\"\"]},\"spec\":{\"containers\":"
	  "[]},\"status\":{}}" },
	{ "empty pointer object stays", "core.v1.Volume", SCHEMA_JSON,
	  "{\"name\":\"v\",\"emptyDir\":{}}", "{\"name\":\"v\",\"emptyDir\":{}}" },
	{ "yaml", "core.v1.ConfigMap", SCHEMA_YAML, "data:\n  a: \"1\"\n  b: |\n    x\n    y\n",
	  MAP(",\"data\":{\"a\":\"1\",\"b\":\"x\\ny\\n\"}") },
	{ "yaml bool for text", "core.v1.ConfigMap", SCHEMA_YAML, "data:\n  a: yes\n",
	  "error -10: json: cannot unmarshal bool into Go struct field ConfigMap.data of type "
	  "string" },
	{ "yaml duplicate", "core.v1.ConfigMap", SCHEMA_YAML, "data:\n  a: b\n  a: c\n",
	  MAP(",\"data\":{\"a\":\"c\"}") "\nline 3: key \"a\" already set in map" },
	{ "yaml tab", "core.v1.ConfigMap", SCHEMA_YAML, "data:\n\ta: b\n",
	  "error -10: yaml: line 2: found character that cannot start any token" },
};

static void test_depth(void)
{
	struct error err;
	json_t *tree = NULL;
	char text[4096];
	memset(text, '[', sizeof text);
	CHECK_INT(schema_decode(schema_type_by_name("core.v1.Pod"), SCHEMA_JSON, text, sizeof text,
				&tree, NULL, &err),
		  ERR_LIMIT);
	CHECK_INT(schema_decode(schema_type_by_name("core.v1.Pod"), SCHEMA_YAML, text, sizeof text,
				&tree, NULL, &err),
		  ERR_LIMIT);
}

static void test_peek(void)
{
	struct error err;
	char *version, *kind;
	const char *text = "apiVersion: apps/v1\nkind: Deployment\n";
	CHECK_INT(schema_peek(SCHEMA_YAML, text, strlen(text), &version, &kind, &err), 0);
	CHECK_TEXT("version", version, "apps/v1");
	CHECK_TEXT("kind", kind, "Deployment");
	free(version);
	free(kind);
}

static void test_find(void)
{
	const struct schema_kind *k = schema_kind_by_resource("apps", "v1", "deployments");
	CHECK(k && streq(k->kind, "Deployment") &&
	      k == schema_kind_by_kind("apps", "v1", "Deployment"));
	CHECK(!schema_kind_by_resource("", "v1", "deployments"));
	CHECK(schema_group_version_exists("", "v1") && !schema_group_version_exists("", "v2"));
	for (size_t i = 0; i < schema_kinds_count(); i++) {
		const struct schema_type *t = schema_kind_at(i)->type;
		for (size_t f = 0; f < t->fields_count; f++)
			CHECK(schema_field_of(t, t->fields[f].name) == &t->fields[f]);
	}
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_free char *got = run(rows[i].type, rows[i].encoding, rows[i].in);
		CHECK_TEXT(rows[i].name, got, rows[i].out);
	}
	test_depth();
	test_peek();
	test_find();
	return 0;
}
