/* In which order manifests are sent, what is remembered in them, how they are read, and the way
 * back to an earlier revision. */
#include "cli/apply_plan.h"
#include "cli/manifests.h"
#include "cli/rollout_plan.h"
#include "tests/support/check.h"

static const struct {
	const char *name, *manifests; /* "Kind/name[@ns][<depends]", blanks between */
	const char *want;
} orders[] = {
	{ "as given", "ConfigMap/a Service/b", "ConfigMap/a Service/b" },
	{ "namespaces first", "ConfigMap/a@n Namespace/n", "Namespace/n ConfigMap/a@n" },
	{ "workloads last", "Deployment/a ConfigMap/c Service/s",
	  "ConfigMap/c Service/s Deployment/a" },
	{ "dependencies first", "Deployment/a<b Deployment/b<c Deployment/c",
	  "Deployment/c Deployment/b<c Deployment/a<b" },
	{ "dependencies in order already", "Deployment/b Deployment/a<b",
	  "Deployment/b Deployment/a<b" },
	{ "each namespace by itself", "Deployment/a@x<b Deployment/b@y Deployment/b@x",
	  "Deployment/b@x Deployment/a@x<b Deployment/b@y" },
	{ "the default namespace counts", "Deployment/a@default<b Deployment/b",
	  "Deployment/b Deployment/a@default<b" },
	{ "a cycle is the server's matter", "Deployment/a<b Deployment/b<a",
	  "Deployment/b<a Deployment/a<b" },
	{ "a bad annotation, too", "Deployment/a<:: Deployment/b", "Deployment/a<:: Deployment/b" },
};

static json_t *tree_of(const char *word)
{
	auto_free char *copy = xstrdup(word);
	char *depends = strchr(copy, '<'), *slash = strchr(copy, '/');
	if (depends)
		*depends++ = '\0';
	char *ns = strchr(copy, '@');
	if (ns)
		*ns++ = '\0';
	*slash = '\0';
	json_t *tree = json_pack("{s:s, s:{s:s}}", "kind", copy, "metadata", "name", slash + 1);
	json_t *metadata = json_object_get(tree, "metadata");
	if (ns)
		json_object_set_new(metadata, "namespace", json_string(ns));
	if (depends)
		json_object_set_new(metadata, "annotations",
				    json_pack("{s:s}", "skiff.dev/depends-on", depends));
	return tree;
}

static void test_order(const char *name, const char *manifests, const char *want)
{
	const json_t *trees[16];
	const char *words[16];
	size_t order[16], n = 0;
	auto_free char *copy = xstrdup(manifests);
	char *rest = copy;
	AUTO_STR out;
	str_init(&out, 4096);
	for (char *word; (word = strsep(&rest, " ")) != NULL; n++) {
		words[n] = word;
		trees[n] = tree_of(word);
	}
	apply_order(trees, n, "default", order);
	for (size_t i = 0; i < n; i++)
		str_addf(&out, "%s%s", i ? " " : "", words[order[i]]);
	for (size_t i = 0; i < n; i++)
		json_decref((json_t *)(uintptr_t)trees[i]);
	/* A cycle's members may come either way round. */
	if (!strstr(name, "cycle"))
		CHECK_TEXT(name, out.data, want);
	else
		CHECK_INT(out.len, strlen(want));
}

static void test_last_applied(void)
{
	AUTO_JSON *plain =
		json_pack("{s:s, s:{s:s}, s:s}", "kind", "K", "metadata", "name", "n", "a", "<&>");
	AUTO_STR text;
	str_init(&text, 4096);
	apply_last_applied(plain, &text);
	const char *want = "{\"a\":\"\\u003c\\u0026\\u003e\",\"kind\":\"K\",\"metadata\":"
			   "{\"annotations\":{},\"name\":\"n\"}}\n";
	CHECK_TEXT("as kubectl writes it", text.data, want);
	/* What is sent remembers the same, however often it goes round. */
	AUTO_JSON *once = apply_wanted(plain), *twice = apply_wanted(once);
	CHECK(json_equal(once, twice));
	CHECK_TEXT("annotation",
		   json_member_str(json_dig(once, "metadata.annotations"), LAST_APPLIED), want);
}

static const struct {
	const char *name, *text, *want; /* names and lines, or the error */
} reads[] = {
	{ "two documents",
	  "apiVersion: v1\nkind: A\nmetadata: {name: x}\n---\napiVersion: v1\nkind: B\n"
	  "metadata: {name: z}\n",
	  "A/x A/1 B/z B/4" },
	{ "a list",
	  "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: x}}\n",
	  "A/x A/1" },
	{ "JSON with tabs",
	  "{\n\t\"apiVersion\": \"v1\", \"kind\": \"A\",\n"
	  "\t\"metadata\": {\"name\": \"x\"}}",
	  "A/x A/1" },
	{ "empty documents", "---\n---\n# nothing\n", "" },
	{ "no kind", "apiVersion: v1\n", "f:1: kind is missing" },
	{ "no name", "apiVersion: v1\nkind: A\n", "f:1: A has no metadata.name" },
	{ "a name that is none", "apiVersion: v1\nkind: A\nmetadata: {name: y}\n",
	  "f:1: metadata.name of A is no text; quote it (y, no, on and numbers are something else in "
	  "YAML)" },
	{ "no map", "- 1\n", "f:1: a manifest is a map, with apiVersion and kind" },
	{ "a key twice", "apiVersion: v1\nkind: A\nkind: B\nmetadata: {name: x}\n",
	  "f: line 3: key \"kind\" already set in map" },
};

static void test_reading(const char *name, const char *text, const char *want)
{
	AUTO_MANIFESTS m = { 0 };
	struct error err;
	AUTO_STR out;
	str_init(&out, 4096);
	if (manifests_parse("f", text, strlen(text), &m, &err) < 0)
		str_add(&out, err.text);
	for (size_t i = 0; i < m.count && !out.len; i = m.count)
		for (size_t k = 0; k < m.count; k++) {
			const char *kind = json_str_or(m.at[k].tree, "kind", "");
			str_addf(&out, "%s%s/%s %s/%s", k ? " " : "", kind,
				 json_str_or(m.at[k].tree, "metadata.name", ""), kind,
				 strchr(m.at[k].source, ':') + 1);
		}
	CHECK_TEXT(name, out.data, want);
}

static json_t *revision_of(const char *number, const char *image, const char *owner)
{
	return json_pack("{s:{s:{s:s}, s:[{s:b, s:s}]}, s:{s:{s:{s:{s:s}}, s:s}}}", "metadata",
			 "annotations", "deployment.kubernetes.io/revision", number,
			 "ownerReferences", "controller", 1, "uid", owner, "spec", "template",
			 "metadata", "labels", "pod-template-hash", "x", "image", image);
}

static void test_undo(void)
{
	AUTO_JSON *sets =
		json_pack("[o, o, o, o]", revision_of("3", "c", "u"), revision_of("1", "a", "u"),
			  revision_of("2", "other", "v"), revision_of("2", "b", "u"));
	AUTO_JSON *deployment = revision_of("3", "c", "none");
	AUTO_JSON *own = rollout_revisions(sets, "u");
	struct error err;
	CHECK_INT(json_array_size(own), 3);
	CHECK_INT(rollout_revision(json_array_get(own, 0)), 1);
	AUTO_JSON *back = NULL, *first = NULL, *same = NULL;
	CHECK_INT(rollout_undo_patch(deployment, own, 0, &back, &err), 0);
	AUTO_STR text;
	str_init(&text, 4096);
	json_print_sorted(back, &text);
	CHECK_TEXT("the one before", text.data,
		   "[{\"op\":\"replace\",\"path\":\"/spec/template\",\"value\":{\"image\":\"b\","
		   "\"metadata\":{\"labels\":{}}}}]");
	CHECK_INT(rollout_undo_patch(deployment, own, 1, &first, &err), 0);
	CHECK_TEXT("the first", json_str(json_array_get(first, 0), "value.image"), "a");
	CHECK_INT(rollout_undo_patch(deployment, own, 3, &same, &err), 0);
	CHECK(!same);
	CHECK_INT(rollout_undo_patch(deployment, own, 9, &same, &err), ERR_NOT_FOUND);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(orders); i++)
		test_order(orders[i].name, orders[i].manifests, orders[i].want);
	for (size_t i = 0; i < ARRAY_LEN(reads); i++)
		test_reading(reads[i].name, reads[i].text, reads[i].want);
	test_last_applied();
	test_undo();
	return 0;
}
