/* The scale subresource: autoscaling/v1 Scale in front of whatever has spec.replicas. */
#include "apiserver/change.h"
#include "common/base/jsonx.h"
#include "schemas/custom.h"

static void add_expression(const json_t *e, struct str *out)
{
	const char *op = json_str_or(e, "operator", ""), *key = json_str_or(e, "key", "");
	if (streq(op, "DoesNotExist"))
		str_addf(out, "!%s", key);
	else
		str_add(out, key);
	if (!streq(op, "In") && !streq(op, "NotIn"))
		return;
	str_add(out, streq(op, "In") ? " in (" : " notin (");
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(e, "values"), i, v)
		str_addf(out, "%s%s", i ? "," : "", json_string_value(v));
	str_add(out, ")");
}

/* A LabelSelector as text: "a=b,c in (d,e)". */
static void selector_text(const json_t *selector, struct str *out)
{
	const char *key;
	json_t *value;
	json_object_foreach (json_object_get(selector, "matchLabels"), key, value)
		str_addf(out, "%s%s=%s", out->len ? "," : "", key, json_string_value(value));
	size_t i;
	json_t *e;
	json_array_foreach (json_object_get(selector, "matchExpressions"), i, e) {
		str_add(out, out->len ? "," : "");
		add_expression(e, out);
	}
}

const char *scale_path(const struct schema_kind *kind)
{
	return kind->custom ? custom_scale(kind->custom)->replicas : "spec.replicas";
}

/* What a custom kind says where its definition says that it says it. */
static void custom_selector(const struct custom_scale *s, const json_t *tree, struct str *out)
{
	const char *text = s->selector ? json_str(tree, s->selector) : NULL;
	if (text)
		str_add(out, text);
}

json_t *scale_of(const struct schema_kind *kind, const json_t *tree)
{
	const struct custom_scale *custom = kind->custom ? custom_scale(kind->custom) : NULL;
	AUTO_STR text;
	str_init(&text, 65536);
	if (custom)
		custom_selector(custom, tree, &text);
	else
		selector_text(json_dig(tree, "spec.selector"), &text);
	json_t *scale =
		json_pack("{s:s,s:s,s:{},s:{s:I},s:{s:I}}", "kind", "Scale", "apiVersion",
			  "autoscaling/v1", "metadata", "spec", "replicas",
			  (json_int_t)json_int_or(tree, scale_path(kind), 0), "status", "replicas",
			  (json_int_t)json_int_or(
				  tree, custom ? custom->status_replicas : "status.replicas", 0));
	static const char *const names[] = { "name", "namespace", "uid", "resourceVersion",
					     "creationTimestamp" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_t *v = json_at(tree, "metadata", names[i]);
		if (v)
			json_object_set(json_object_get(scale, "metadata"), names[i], v);
	}
	if (text.len)
		json_put_str(scale, "status.selector", text.data);
	return scale;
}
