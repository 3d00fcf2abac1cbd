/* Custom kinds: a schema and an object, and what becomes of it. */
#include "schemas/custom.h"

#include "common/base/jsonx.h"
#include "tests/support/check.h"

static json_t *parse(const char *text)
{
	struct error err;
	json_t *tree = NULL;
	if (json_parse(text, strlen(text), &tree, &err) < 0)
		fprintf(stderr, "%s\n%s\n", text, err.text);
	CHECK(tree != NULL);
	return tree;
}

/* A definition whose one version, v1, has the schema; the members of `more` beside it. */
static struct custom *compile(const char *schema, const char *more)
{
	struct error err;
	struct custom *c = NULL;
	AUTO_JSON *definition = json_object();
	AUTO_JSON *version = parse(more);
	json_put_str(version, "name", "v1");
	json_put(version, "schema.openAPIV3Schema", parse(schema));
	json_t *versions = json_array();
	json_array_append(versions, version);
	json_put(definition, "spec.versions", versions);
	if (custom_compile(definition, "v1", &c, &err) < 0)
		fprintf(stderr, "%s\n%s\n", schema, err.text);
	CHECK(c != NULL);
	return c;
}

static const struct {
	const char *name, *schema, *in, *out;
} rows[] = {
	{ "head first, the rest sorted, as it was given",
	  "{'x-kubernetes-preserve-unknown-fields':true}",
	  "{'z':null,'b':[],'a':{'y':{},'x':''},'kind':'K','metadata':{'name':'n'},'apiVersion':'v'}",
	  "{'apiVersion':'v','kind':'K','metadata':{'name':'n'},'a':{'x':'','y':{}},'b':[],'z':null}" },
	{ "numbers as Go writes them", "{'x-kubernetes-preserve-unknown-fields':true}",
	  "{'a':[1,1.0,1.5,1e20,1e21,1e-6,1e-7,123456789012345678901,-0.25,100.125]}",
	  "{'a':[1,1,1.5,100000000000000000000,1e+21,0.000001,1e-7,123456789012345680000,-0.25,"
	  "100.125]}" },
	{ "unknown fields go", "{'properties':{'spec':{'properties':{'a':{}}}}}",
	  "{'spec':{'a':1,'b':2},'x':1}",
	  "{'spec':{'a':1}}\nunknown field \"spec.b\"\nunknown field \"x\"" },
	{ "metadata is every object's", "{'properties':{'metadata':{'type':'object'}}}",
	  "{'metadata':{'name':'n','labels':{},'lable':1,'creationTimestamp':null}}",
	  "{'metadata':{'name':'n'}}\nunknown field \"metadata.lable\"" },
	{ "defaults",
	  "{'properties':{'spec':{'default':{},'properties':{'n':{'default':3},'s':{'default':'x',"
	  "'nullable':true}}}}}",
	  "{}", "{'spec':{'n':3,'s':'x'}}" },
	{ "nulls",
	  "{'properties':{'a':{'type':'string'},'b':{'type':'string','nullable':true},'c':{'type':"
	  "'string','default':'x'}}}",
	  "{'a':null,'b':null,'c':null}", "{'b':null,'c':'x'}" },
	{ "a name twice", "{'properties':{'spec':{'properties':{'a':{}}}}}",
	  "{'spec':{'a':1,'a':2,'b':3}}",
	  "{'spec':{'a':2}}\nduplicate field \"spec.a\"\nunknown field \"spec.b\"" },
	{ "metadata of the wrong kind", "{'properties':{}}", "{'metadata':{'labels':{'a':1}}}",
	  "error -10: json: cannot unmarshal number into Go struct field ObjectMeta.labels of type "
	  "string" },
	{ "metadata that is no object", "{'properties':{}}", "{'metadata':'x'}",
	  "error -10: json: cannot unmarshal string into Go value of type v1.ObjectMeta" },
	{ "a resource inside",
	  "{'properties':{'t':{'type':'object','x-kubernetes-embedded-resource':true,'properties':{"
	  "'spec':{'type':'object'}}}}}",
	  "{'t':{'kind':'K','apiVersion':'v1','metadata':{'labels':{},'name':'n','q':1},'spec':{'x':1}}}",
	  "{'t':{'apiVersion':'v1','kind':'K','metadata':{'name':'n'},'spec':{}}}\n"
	  "unknown field \"t.spec.x\"\nunknown field \"t.metadata.q\"" },
};

static char *quoted(const char *text)
{
	char *out = xstrdup(text);
	for (char *p = out; *p; p++)
		if (*p == '\'')
			*p = '"';
	return out;
}

static void run_row(size_t i)
{
	struct error err;
	struct schema_report report = { 0 };
	AUTO_STR got;
	json_t *tree = NULL;
	auto_free char *schema = quoted(rows[i].schema);
	auto_free char *in = quoted(rows[i].in);
	auto_free char *out = quoted(rows[i].out);
	struct custom *c = compile(schema, "{}");
	const struct schema_kind kind = { .type = custom_type(c), .custom = c };
	str_init(&got, 1 << 20);
	if (schema_decode(kind.type, SCHEMA_JSON, in, strlen(in), &tree, &report, &err) < 0) {
		str_addf(&got, "error %d: %s", err.code, err.text);
	} else {
		schema_default(&kind, tree);
		schema_print(kind.type, tree, &got);
		for (size_t k = 0; k < report.count; k++)
			str_addf(&got, "\n%s", report.problems[k]);
	}
	CHECK_TEXT(rows[i].name, got.data, out);
	json_decref(tree);
	schema_report_fini(&report);
	custom_free(c);
}

static void test_warnings(void)
{
	struct schema_report report = { 0 };
	struct custom *c = compile("{}", "{}");
	const struct schema_kind kind = { .type = custom_type(c), .custom = c };
	AUTO_JSON *old = parse("{\"metadata\":{\"finalizers\":[\"was\"]}}");
	AUTO_JSON *tree =
		parse("{\"metadata\":{\"finalizers\":[\"was\",\"orphan\",\"plain\",\"a.b\","
		      "\"a.b/c\"]}}");
	schema_warnings(&kind, tree, old, &report);
	CHECK_INT((long long)report.count, 2);
	CHECK_TEXT(
		"plain", report.problems[0],
		"metadata.finalizers: \"plain\": prefer a domain-qualified finalizer name to avoid "
		"accidental conflicts with other finalizer writers");
	CHECK_TEXT(
		"dotted", report.problems[1],
		"metadata.finalizers: \"a.b\": prefer a domain-qualified finalizer name including "
		"a path (/) to avoid accidental conflicts with other finalizer writers");
	schema_report_fini(&report);
	custom_free(c);
}

int main(void)
{
	test_warnings();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		run_row(i);
	return 0;
}
