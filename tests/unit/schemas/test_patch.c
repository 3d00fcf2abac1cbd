#include "schemas/schema.h"

#include "common/base/jsonx.h"
#include "tests/support/check.h"

static json_t *load(const char *text)
{
	json_t *tree = json_loads(text, JSON_DECODE_ANY, NULL);
	if (!tree) {
		fprintf(stderr, "no JSON: %s\n", text);
		exit(1);
	}
	return tree;
}

static char *result_text(int code, json_t *tree, const struct error *err)
{
	struct str out;
	str_init(&out, 1 << 16);
	if (code < 0)
		str_addf(&out, "error %d", err->code);
	else
		json_print_sorted(tree, &out);
	json_decref(tree);
	return str_take(&out);
}

static const struct {
	const char *name, *target, *patch, *want;
} json_rows[] = {
	{ "add", "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":2}]", "{\"a\":1,\"b\":2}" },
	{ "insert", "[1,3]", "[{\"op\":\"add\",\"path\":\"/1\",\"value\":2}]", "[1,2,3]" },
	{ "append", "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":2}]", "{\"a\":[1,2]}" },
	{ "escapes", "{\"a/b\":{\"c~d\":1}}",
	  "[{\"op\":\"replace\",\"path\":\"/a~1b/c~0d\",\"value\":2}]", "{\"a/b\":{\"c~d\":2}}" },
	{ "remove", "{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/0\"}]", "{\"a\":[2]}" },
	{ "move", "{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b\"}]", "{\"b\":1}" },
	{ "copy", "{\"a\":{}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]",
	  "{\"a\":{},\"b\":{}}" },
	{ "test", "{\"a\":1}",
	  "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1},{\"op\":\"remove\",\"path\":\"/a\"}]", "{}" },
	{ "test fails", "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", "error -1" },
	{ "missing", "{}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", "error -1" },
	{ "replace missing", "{}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":1}]", "{\"a\":1}" },
	{ "replace in what is missing", "{}",
	  "[{\"op\":\"replace\",\"path\":\"/a/b\",\"value\":1}]", "error -1" },
	{ "replace behind a list", "{\"a\":[1]}",
	  "[{\"op\":\"replace\",\"path\":\"/a/1\",\"value\":1}]", "error -1" },
	{ "index past end", "[1]", "[{\"op\":\"add\",\"path\":\"/5\",\"value\":2}]", "error -1" },
	{ "no list", "{}", "{}", "error -10" },
	{ "no op", "{}", "[{}]", "error -10" },
	{ "unknown op", "{}", "[{\"op\":\"x\",\"path\":\"/a\",\"value\":1}]", "error -10" },
	{ "move into itself", "{\"a\":{}}",
	  "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", "error -1" },
	{ "whole", "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{}}]", "{}" },
}, merge_rows[] = {
	{ "set, remove", "{\"a\":1,\"b\":{\"c\":1,\"d\":2}}", "{\"a\":null,\"b\":{\"c\":3}}",
	  "{\"b\":{\"c\":3,\"d\":2}}" },
	{ "lists replace", "{\"a\":[1,2]}", "{\"a\":[3]}", "{\"a\":[3]}" },
	{ "nulls inside new", "{}", "{\"a\":{\"b\":null,\"c\":1}}", "{\"a\":{\"c\":1}}" },
	{ "no object", "{}", "[]", "error -10" },
}, strategic_rows[] = { /* of a PodSpec */
	{ "merge by key", "{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\"}]}",
	  "{\"containers\":[{\"name\":\"a\",\"image\":\"2\"}]}",
	  "{\"containers\":[{\"image\":\"2\",\"name\":\"a\"},{\"name\":\"b\"}]}" },
	{ "new elements come first", "{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
	  "{\"containers\":[{\"name\":\"c\"}]}",
	  "{\"containers\":[{\"name\":\"c\"},{\"name\":\"a\"},{\"name\":\"b\"}]}" },
	{ "order", "{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
	  "{\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"a\"},{\"name\":\"c\"}],"
	  "\"containers\":[{\"name\":\"c\"}]}",
	  "{\"containers\":[{\"name\":\"b\"},{\"name\":\"a\"},{\"name\":\"c\"}]}" },
	{ "order alone", "{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
	  "{\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}",
	  "{\"containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}" },
	{ "added in the place of deleted",
	  "{\"hostAliases\":[{\"ip\":\"b\"},{\"ip\":\"c\"}]}",
	  "{\"$setElementOrder/hostAliases\":[{\"ip\":\"a\"}],\"hostAliases\":[{\"ip\":\"a\"},{"
	  "\"ip\":\"b\",\"$patch\":\"delete\"}]}",
	  "{\"hostAliases\":[{\"ip\":\"c\"},{\"ip\":\"a\"}]}" },
	{ "delete element", "{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
	  "{\"containers\":[{\"name\":\"a\",\"$patch\":\"delete\"}]}",
	  "{\"containers\":[{\"name\":\"b\"}]}" },
	{ "replace list", "{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
	  "{\"containers\":[{\"$patch\":\"replace\"},{\"name\":\"c\"}]}",
	  "{\"containers\":[{\"name\":\"c\"}]}" },
	{ "replace object", "{\"securityContext\":{\"runAsUser\":1,\"fsGroup\":2}}",
	  "{\"securityContext\":{\"$patch\":\"replace\",\"fsGroup\":3}}",
	  "{\"securityContext\":{\"fsGroup\":3}}" },
	{ "delete object", "{\"securityContext\":{\"runAsUser\":1}}",
	  "{\"securityContext\":{\"$patch\":\"delete\"}}", "{\"securityContext\":{}}" },
	{ "null", "{\"hostname\":\"a\",\"subdomain\":\"b\"}", "{\"hostname\":null}",
	  "{\"subdomain\":\"b\"}" },
	{ "retain keys", "{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}",
	  "{\"volumes\":[{\"name\":\"v\",\"$retainKeys\":[\"name\",\"hostPath\"],\"hostPath\":{"
	  "\"path\":\"/x\"}}]}",
	  "{\"volumes\":[{\"hostPath\":{\"path\":\"/x\"},\"name\":\"v\"}]}" },
	{ "atomic list", "{\"tolerations\":[{\"key\":\"a\"}]}", "{\"tolerations\":[{\"key\":\"b\"}]}",
	  "{\"tolerations\":[{\"key\":\"b\"}]}" },
	{ "map", "{\"nodeSelector\":{\"a\":\"1\",\"b\":\"2\"}}",
	  "{\"nodeSelector\":{\"a\":null,\"c\":\"3\"}}", "{\"nodeSelector\":{\"b\":\"2\",\"c\":\"3\"}}" },
	{ "no merge key", "{\"containers\":[{\"name\":\"a\"}]}", "{\"containers\":[{\"image\":\"x\"}]}",
	  "error -1" },
	{ "bad directive", "{}", "{\"$patch\":\"sing\"}", "error -10" },
	{ "delete where nothing is", "{}", "{\"containers\":[{\"name\":\"a\",\"$patch\":\"delete\"}]}",
	  "{\"containers\":[]}" },
}, meta_rows[] = { /* of ObjectMeta */
	{ "primitives", "{\"finalizers\":[\"a\",\"b\"]}", "{\"finalizers\":[\"c\"]}",
	  "{\"finalizers\":[\"c\",\"a\",\"b\"]}" },
	{ "delete primitive", "{\"finalizers\":[\"a\",\"b\"]}",
	  "{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}", "{\"finalizers\":[\"b\"]}" },
	{ "delete and order", "{\"finalizers\":[\"a\",\"b\"]}",
	  "{\"$deleteFromPrimitiveList/finalizers\":[\"a\"],\"$setElementOrder/finalizers\":[\"b\","
	  "\"c\"],\"finalizers\":[\"c\"]}",
	  "{\"finalizers\":[\"b\",\"c\"]}" },
};

/* last, want, live; the patch; and live with the patch. */
static const struct {
	const char *name, *last, *want, *live, *patch, *result;
} three_rows[] = {
	{ "others' members stay", "{\"hostname\":\"a\"}", "{\"hostname\":\"b\"}",
	  "{\"hostname\":\"a\",\"nodeName\":\"n\"}", "{\"hostname\":\"b\"}",
	  "{\"hostname\":\"b\",\"nodeName\":\"n\"}" },
	{ "own members go", "{\"hostname\":\"a\",\"subdomain\":\"s\"}", "{\"hostname\":\"a\"}",
	  "{\"hostname\":\"a\",\"subdomain\":\"s\"}", "{\"subdomain\":null}",
	  "{\"hostname\":\"a\"}" },
	{ "a union's old member goes", "{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}",
	  "{\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/x\"}}]}",
	  "{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}",
	  "{\"$setElementOrder/volumes\":[{\"name\":\"v\"}],\"volumes\":[{\"$retainKeys\":[\"name\","
	  "\"hostPath\"],\"emptyDir\":null,\"hostPath\":{\"path\":\"/x\"},\"name\":\"v\"}]}",
	  "{\"volumes\":[{\"hostPath\":{\"path\":\"/x\"},\"name\":\"v\"}]}" },
	{ "nothing", "{\"hostname\":\"a\"}", "{\"hostname\":\"a\"}", "{\"hostname\":\"a\"}", "{}",
	  "{\"hostname\":\"a\"}" },
	{ "list by key",
	  "{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"1\"}]}",
	  "{\"containers\":[{\"name\":\"a\",\"image\":\"2\"},{\"name\":\"c\",\"image\":\"1\"}]}",
	  "{\"containers\":[{\"name\":\"a\",\"image\":\"1\",\"tty\":true},{\"name\":\"b\",\"image\":"
	  "\"1\"},{\"name\":\"side\"}]}",
	  "{\"$setElementOrder/containers\":[{\"name\":\"a\"},{\"name\":\"c\"}],\"containers\":[{"
	  "\"image\":\"2\",\"name\":\"a\"},{\"image\":\"1\",\"name\":\"c\"},{\"$patch\":\"delete\","
	  "\"name\":\"b\"}]}",
	  "{\"containers\":[{\"image\":\"2\",\"name\":\"a\",\"tty\":true},{\"name\":\"side\"},{"
	  "\"image\":\"1\",\"name\":\"c\"}]}" },
};

static void test_three_way(void)
{
	const struct schema_type *type = schema_type_by_name("core.v1.PodSpec");
	for (size_t i = 0; i < ARRAY_LEN(three_rows); i++) {
		struct error err = { 0 };
		AUTO_JSON *last = load(three_rows[i].last), *want = load(three_rows[i].want),
			  *live = load(three_rows[i].live);
		json_t *patch = NULL, *result = NULL;
		CHECK_INT(patch_three_way(type, last, want, live, &patch, &err), 0);
		int code = patch_strategic(type, live, patch, &result, &err);
		auto_free char *patch_text = result_text(0, patch, &err);
		auto_free char *text = result_text(code, result, &err);
		CHECK_TEXT(three_rows[i].name, patch_text, three_rows[i].patch);
		CHECK_TEXT(three_rows[i].name, text, three_rows[i].result);
	}
}

#define RUN(rows, call)                                                                            \
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {                                             \
		struct error err = { 0 };                                                          \
		AUTO_JSON *target = load(rows[i].target), *patch = load(rows[i].patch);            \
		AUTO_JSON *copy = json_deep_copy(target);                                          \
		json_t *result = NULL;                                                             \
		int code = call;                                                                   \
		auto_free char *text = result_text(code, result, &err);                            \
		CHECK_TEXT(rows[i].name, text, rows[i].want);                                      \
		CHECK(json_equal(copy, target));                                                   \
	}

int main(void)
{
	const struct schema_type *spec = schema_type_by_name("core.v1.PodSpec");
	const struct schema_type *meta = schema_type_by_name("apis.meta.v1.ObjectMeta");
	RUN(json_rows, patch_json(target, patch, &result, &err));
	RUN(merge_rows, patch_merge(target, patch, &result, &err));
	RUN(strategic_rows, patch_strategic(spec, target, patch, &result, &err));
	RUN(meta_rows, patch_strategic(meta, target, patch, &result, &err));
	test_three_way();
	return 0;
}
