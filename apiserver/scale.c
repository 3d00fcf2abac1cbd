/* The scale subresource: autoscaling/v1 Scale in front of whatever has spec.replicas. */
#include "apiserver/change.h"
#include "apiserver/render.h"
#include "common/base/jsonx.h"
#include "schemas/cells.h"
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

/* ---- the answer ---- */

static json_t *column(const char *name, const char *type, const char *format,
		      const char *description)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:i}", "name", name, "type", type, "format", format,
			 "description", description, "priority", 0);
}

static json_t *columns_of(const struct schema_kind *kind)
{
	return json_pack(
		"[o,o,o,o]",
		column("Name", "string", kind->custom ? "name" : "", "Name of what is scaled."),
		column("Desired", "integer", "", "How many are wanted."),
		column("Available", "integer", "", "How many there are."),
		column("Age", kind->custom ? "date" : "string", "", "Time since it was created."));
}

static json_t *partial_of(const struct request *r, const json_t *scale)
{
	auto_free char *version =
		xasprintf("meta.k8s.io/%s", *r->accept.as_version ? r->accept.as_version : "v1");
	return json_pack("{s:s,s:s,s:O}", "kind", "PartialObjectMetadata", "apiVersion", version,
			 "metadata", json_object_get(scale, "metadata"));
}

static json_t *table_of(const struct request *r, json_t *scale)
{
	enum include_object include;
	(void)render_include(&r->query, &include); /* checked when the request came */
	json_t *cells = json_array();
	cell_text(cells, json_str_or(scale, "metadata.name", ""));
	cell_int(cells, json_int_or(scale, "spec.replicas", 0));
	cell_int(cells, json_int_or(scale, "status.replicas", 0));
	cell_age(cells, scale, loop_wall_us(r->server->loop));
	json_t *object = include == INCLUDE_NONE     ? json_null()
			 : include == INCLUDE_OBJECT ? json_incref(scale)
						     : partial_of(r, scale);
	auto_free char *version =
		xasprintf("meta.k8s.io/%s", *r->accept.as_version ? r->accept.as_version : "v1");
	return json_pack("{s:s,s:s,s:{s:s},s:o,s:[{s:o,s:o}]}", "kind", "Table", "apiVersion",
			 version, "metadata", "resourceVersion",
			 json_str_or(scale, "metadata.resourceVersion", ""), "columnDefinitions",
			 columns_of(r->target.kind), "rows", "cells", cells, "object", object);
}

void scale_reply(struct request *r, int status, const json_t *tree)
{
	AUTO_JSON *scale = scale_of(r->target.kind, tree);
	AUTO_JSON *shown = r->accept.as == ACCEPT_TABLE     ? table_of(r, scale)
			   : r->accept.as == ACCEPT_PARTIAL ? partial_of(r, scale)
							    : json_incref(scale);
	AUTO_STR text;
	str_init(&text, 131072);
	json_print(shown, &text);
	reply_json(r, status, text.data, text.len);
}
