#include "apiserver/render.h"
#include "apiserver/server_internal.h"
#include "common/base/jsonx.h"

const char *render_content_type(const struct accept *a)
{
	switch (a->encoding) {
	case SCHEMA_YAML:
		return "application/yaml";
	case SCHEMA_PROTOBUF:
		return "application/vnd.kubernetes.protobuf";
	case SCHEMA_JSON:
		break;
	}
	return "application/json";
}

const char *render_bytes(const struct accept *a, const char *bytes, size_t len, struct str *out)
{
	struct error err;
	AUTO_JSON *tree = NULL;
	bool plain = a->encoding == SCHEMA_JSON && !a->is_pretty;
	if (!plain && json_parse(bytes, len, &tree, &err) == 0) {
		bool is_done = true;
		if (a->encoding == SCHEMA_YAML)
			yaml_print(tree, out);
		else if (a->encoding == SCHEMA_PROTOBUF)
			is_done = render_protobuf(tree, out);
		else
			json_print_pretty(tree, out);
		if (is_done && out->len)
			return render_content_type(a);
		str_clear(out);
	}
	str_add_bytes(out, bytes, len);
	return "application/json";
}

bool render_include(const struct query *q, enum include_object *ret)
{
	const char *v = query_get(q, "includeObject");
	*ret = INCLUDE_METADATA;
	if (!v || !*v || streq(v, "Metadata"))
		return true;
	*ret = streq(v, "None") ? INCLUDE_NONE : INCLUDE_OBJECT;
	return streq(v, "None") || streq(v, "Object");
}

void render_columns(const struct schema_kind *kind, struct str *out)
{
	str_add(out, "\"columnDefinitions\":[");
	for (size_t i = 0; i < kind->columns_count; i++) {
		const struct schema_column *c = &kind->columns[i];
		json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:i}", "name", c->name, "type", c->type,
				      "format", c->format ? c->format : "", "description",
				      c->description ? c->description : "", "priority",
				      c->priority);
		str_add(out, i ? "," : "");
		json_print(j, out);
		json_decref(j);
	}
	str_add(out, "]");
}

void render_partial(const struct object *o, const char *as_version, bool omits_owners,
		    struct str *out)
{
	struct span metadata = scan_member((struct span){ o->bytes, o->len }, "metadata");
	str_addf(out, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/%s\",",
		 *as_version ? as_version : "v1");
	str_add(out, "\"metadata\":");
	if (omits_owners && o->managed_len) {
		str_add_bytes(out, metadata.at, o->managed_at - (size_t)(metadata.at - o->bytes));
		str_add_char(out, '}');
	} else {
		str_add_bytes(out, metadata.at, metadata.len);
	}
	str_add(out, "}");
}

void render_row(const struct object *o, enum include_object include, int64_t now_us,
		const char *as_version, struct str *out)
{
	AUTO_JSON *tree = object_tree_unowned(o);
	AUTO_JSON *cells = table_cells(o->kind, tree, now_us);
	str_add(out, "{\"cells\":");
	json_print(cells, out);
	if (include != INCLUDE_NONE)
		str_add(out, ",\"object\":");
	if (include == INCLUDE_METADATA)
		render_partial(o, as_version, false, out);
	else if (include == INCLUDE_OBJECT)
		str_add_bytes(out, o->bytes, o->len);
	str_add(out, "}");
}

static void table_of_one(const struct rendering *how, const struct object *o, bool with_columns,
			 int64_t now_us, struct str *out)
{
	str_addf(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/%s\",\"metadata\":{",
		 *how->as_version ? how->as_version : "v1");
	str_addf(out, "\"resourceVersion\":\"%llu\"},", (unsigned long long)o->version);
	if (with_columns)
		render_columns(o->kind, out);
	else
		str_add(out, "\"columnDefinitions\":null");
	str_add(out, ",\"rows\":[");
	render_row(o, how->include, now_us, how->as_version, out);
	str_add(out, "]}");
}

void render_as(const struct schema_kind *kind, const struct object *o, bool omits_owners,
	       struct str *out)
{
	size_t after = o->managed_at + o->managed_len;
	bool is_cut = omits_owners && o->managed_len;
	if (kind && kind->storage == o->kind) {
		AUTO_JSON *tree = is_cut ? object_tree_unowned(o) : object_tree(o);
		schema_from_storage(kind, tree);
		schema_print(kind->type, tree, out);
		return;
	}
	str_add_bytes(out, o->bytes, is_cut ? o->managed_at : o->len);
	if (is_cut)
		str_add_bytes(out, o->bytes + after, o->len - after);
}

void render_item(const struct rendering *how, const struct object *o, bool is_first,
		 int64_t now_us, struct str *out)
{
	switch (how->as) {
	case ACCEPT_TABLE:
		table_of_one(how, o, is_first, now_us, out);
		return;
	case ACCEPT_PARTIAL:
	case ACCEPT_PARTIAL_LIST:
		render_partial(o, how->as_version, how->omits_owners, out);
		return;
	case ACCEPT_OBJECT:
	case ACCEPT_DISCOVERY:
		break;
	}
	render_as(how->kind, o, how->omits_owners, out);
}

bool render_omits_owners(const struct request *r)
{
	const char *omit = http_header_get(r->x, "Skiff-Omit");
	return omit && streq(omit, "managedFields");
}

const char *render_object(struct request *r, const struct object *o, struct str *out)
{
	struct rendering how = { .as = r->accept.as,
				 .kind = r->target.kind,
				 .omits_owners = render_omits_owners(r) };
	memcpy(how.as_version, r->accept.as_version, sizeof how.as_version);
	(void)render_include(&r->query, &how.include); /* checked when the request came */
	AUTO_STR json;
	str_init(&json, RENDER_MAX);
	render_item(&how, o, true, loop_wall_us(r->server->loop), &json);
	return render_bytes(&r->accept, json.data, json.len, out);
}
