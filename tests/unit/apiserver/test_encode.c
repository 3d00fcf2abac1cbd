/* Protobuf from bytes is what protobuf from a tree is: odd objects and those of the manifests, both ways. */
#include "apiserver/encode.h"
#include "common/base/jsonx.h"
#include "tests/support/check.h"

#include <glob.h>
#include <stdio.h>

#define FILE_MAX (4u << 20)

/* What a decoder makes of a message, as text. */
static char *decoded(const struct schema_kind *k, const struct str *message)
{
	AUTO_JSON *tree = NULL;
	AUTO_STR whole;
	struct schema_report report = { 0 };
	struct error err;
	struct str text;
	str_init(&text, FILE_MAX);
	str_init(&whole, FILE_MAX);
	schema_add_envelope("v1", k->kind, message->data, message->len, &whole);
	CHECK_INT(schema_decode(k->type, SCHEMA_PROTOBUF, whole.data, whole.len, &tree, &report,
				&err),
		  0);
	schema_print(k->type, tree, &text);
	schema_report_fini(&report);
	return str_take(&text);
}

static void check_object(const struct schema_kind *k, const json_t *tree)
{
	AUTO_STR canonical, from_bytes, from_tree;
	AUTO_JSON *again = NULL;
	struct error err;
	str_init(&canonical, FILE_MAX);
	str_init(&from_bytes, FILE_MAX);
	str_init(&from_tree, FILE_MAX);
	schema_print(k->type, tree, &canonical);
	CHECK_INT(json_parse(canonical.data, canonical.len, &again, &err), 0);
	encode_message(k->type, (struct span){ canonical.data, canonical.len }, &from_bytes);
	CHECK_INT(schema_encode_message(k->type, again, &from_tree, &err), 0);
	auto_free char *got = decoded(k, &from_bytes), *want = decoded(k, &from_tree);
	CHECK_TEXT(canonical.data, got, want);
}

static const struct schema_kind *kind_of(const json_t *tree)
{
	const char *api = json_str_or(tree, "apiVersion", ""), *slash = strchr(api, '/');
	auto_free char *group = slash ? xstrndup(api, (size_t)(slash - api)) : xstrdup("");
	return schema_kind_by_kind(group, slash ? slash + 1 : api, json_str_or(tree, "kind", ""));
}

/* Every document of a manifest. */
static size_t check_file(const char *path)
{
	size_t count = 0;
	FILE *f = fopen(path, "re");
	CHECK(f);
	auto_free char *text = xcalloc(FILE_MAX, 1);
	CHECK(fread(text, 1, FILE_MAX - 1, f) > 0);
	(void)fclose(f);
	struct yaml_documents docs = { 0 };
	struct error err;
	CHECK_INT(yaml_parse(text, strlen(text), &docs, &err), 0);
	for (size_t i = 0; i < docs.count; i++)
		if (json_is_object(docs.at[i].tree) && kind_of(docs.at[i].tree)) {
			check_object(kind_of(docs.at[i].tree), docs.at[i].tree);
			count++;
		}
	yaml_documents_fini(&docs);
	return count;
}

static size_t check_manifests(void)
{
	size_t count = 0;
	glob_t files;
	CHECK_INT(glob("manifests/*/*.yaml", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++)
		count += check_file(files.gl_pathv[i]);
	globfree(&files);
	return count;
}

static const char *const texts[] = {
	"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"creationTimestamp\":"
	"\"2026-01-02T03:04:05Z\",\"labels\":{\"b\":\"\",\"a\":\"\\u00e9\\\"\\\\\"},\"generation\":9000000000,"
	"\"managedFields\":[{\"manager\":\"m\",\"fieldsV1\":{\"f:a\":{\".\":{}}},\"time\":"
	"\"1969-12-31T23:59:59Z\"}]},\"spec\":{\"volumes\":[{\"name\":\"a\",\"emptyDir\":{}},{\"name\":\"b\","
	"\"projected\":{\"defaultMode\":420,\"sources\":[{\"configMap\":{\"name\":\"x\"}}]}}],"
	"\"terminationGracePeriodSeconds\":0,\"containers\":[{\"name\":\"c\",\"args\":[\"\",\"x\"],"
	"\"resources\":{\"limits\":{\"cpu\":\"100m\"}},\"livenessProbe\":{\"httpGet\":{\"port\":\"web\","
	"\"path\":\"/\"},\"periodSeconds\":-1},\"readinessProbe\":{\"tcpSocket\":{\"port\":80},"
	"\"exec\":{\"command\":[\"a\"]}},\"stdin\":true}],\"hostNetwork\":false},\"status\":{\"phase\":"
	"\"Running\",\"conditions\":[{\"type\":\"Ready\",\"lastProbeTime\":null,\"status\":\"True\"}]}}",
	"{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s\"},\"immutable\":false,"
	"\"data\":{\"a\":\"AAEC/w==\",\"b\":\"\"},\"type\":\"Opaque\"}",
	"{\"kind\":\"Lease\",\"apiVersion\":\"coordination.k8s.io/v1\",\"metadata\":{\"name\":\"l\"},\"spec\":"
	"{\"holderIdentity\":\"\",\"leaseTransitions\":0,\"renewTime\":\"2026-01-02T03:04:05.000001Z\"}}",
	"{\"kind\":\"CustomResourceDefinition\",\"apiVersion\":\"apiextensions.k8s.io/v1\",\"metadata\":"
	"{\"name\":\"d\"},\"spec\":{\"group\":\"g\",\"versions\":[{\"name\":\"v\",\"served\":true,\"schema\":"
	"{\"openAPIV3Schema\":{\"type\":\"object\",\"maximum\":1.5,\"additionalProperties\":true,\"default\":"
	"{\"a\":[1,null]},\"properties\":{\"p\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}}}]}}",
	"{\"kind\":\"Role\",\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"metadata\":{},\"rules\":null}",
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO_JSON *tree = NULL;
		struct error err;
		CHECK_INT(json_parse(texts[i], strlen(texts[i]), &tree, &err), 0);
		CHECK(kind_of(tree));
		check_object(kind_of(tree), tree);
	}
	size_t count = check_manifests();
	printf("%zu objects of manifests\n", count);
	CHECK(count > 10);
	return 0;
}
