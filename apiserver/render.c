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
	if (a->encoding == SCHEMA_PROTOBUF) {
		if (render_protobuf(bytes, len, out))
			return render_content_type(a);
		str_clear(out);
		plain = true;
	}
	if (!plain && json_parse(bytes, len, &tree, &err) == 0) {
		if (a->encoding == SCHEMA_YAML)
			yaml_print(tree, out);
		else
			json_print_pretty(tree, out);
		if (out->len)
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
		json_t *j =
			json_pack("{s:s,s:s,s:s,s:s,s:i}", "name", c->name, "type", c->type,
				  "format", c->format ? c->format : "", "description",
				  c->description ? c->description : "", "priority", c->priority);
		str_add(out, i ? "," : "");
		json_print(j, out);
		json_decref(j);
	}
	str_add(out, "]");
}

void render_partial(const struct object *o, const char *as_version, bool omits_owners,
		    struct str *out)
{
	struct span metadata = object_metadata(o);
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

/* A list without what its elements hold: cells count containers and no more. */
static void add_hollow(struct span list, const char *keeps, struct str *out)
{
	struct scan s = scan_open(list);
	const char *comma = "";
	str_add_char(out, '[');
	for (struct span name, item; scan_next(&s, &name, &item); comma = ",") {
		struct span kept = keeps ? scan_member(item, keeps) : (struct span){ 0 };
		str_addf(out, "%s{", comma);
		if (kept.at)
			str_addf(out, "\"%s\":%.*s", keeps, (int)kept.len, kept.at);
		struct span called = scan_member(item, "name");
		if (kept.at && called.at)
			str_addf(out, ",\"name\":%.*s", (int)called.len, called.at);
		str_add_char(out, '}');
	}
	str_add_char(out, ']');
}

static void add_pod_spec(struct span spec, struct str *out)
{
	struct scan s = scan_open(spec);
	const char *comma = "";
	str_add_char(out, '{');
	for (struct span name, value; scan_next(&s, &name, &value);) {
		bool is_list = span_is(name, "containers"), inits = span_is(name, "initContainers");
		if (!is_list && !inits && !span_is(name, "nodeName") &&
		    !span_is(name, "readinessGates"))
			continue;
		str_addf(out, "%s\"%.*s\":", comma, (int)name.len, name.at);
		if (is_list || inits)
			add_hollow(value, inits ? "restartPolicy" : NULL, out);
		else
			str_add_bytes(out, value.at, value.len);
		comma = ",";
	}
	str_add_char(out, '}');
}

/* Only texts are in cells: names and times. */
static void add_pod_metadata(const struct object *o, struct str *out)
{
	struct span metadata = object_metadata(o);
	if (o->managed_len) /* without what is last, and a brace for it that nobody reads */
		metadata.len = o->managed_at - (size_t)(metadata.at - o->bytes) + 1;
	struct scan s = scan_open(metadata);
	const char *comma = "";
	str_add_char(out, '{');
	for (struct span name, value; scan_next(&s, &name, &value);) {
		if (*value.at != '"')
			continue;
		str_addf(out, "%s\"%.*s\":%.*s", comma, (int)name.len, name.at, (int)value.len,
			 value.at);
		comma = ",";
	}
	str_add_char(out, '}');
}

/* What a pod's cells look at: most of a pod are its containers, of which only the number counts. */
static json_t *pod_outline(const struct object *o)
{
	struct span metadata = object_metadata(o);
	struct scan s = { metadata.at + metadata.len, o->bytes + o->len - 1, true };
	json_t *tree = NULL;
	struct error err;
	AUTO_STR text;
	str_init(&text, o->len + 1024);
	(void)str_reserve(&text,
			  MIN(o->len, 3000u)); /* grown in steps, workers wait for each other */
	str_add(&text, "{\"metadata\":");
	add_pod_metadata(o, &text);
	for (struct span name, value; scan_next(&s, &name, &value);) {
		str_addf(&text, ",\"%.*s\":", (int)name.len, name.at);
		if (span_is(name, "spec"))
			add_pod_spec(value, &text);
		else
			str_add_bytes(&text, value.at, value.len);
	}
	str_add_char(&text, '}');
	int code = json_parse(text.data, text.len, &tree, &err);
	assert(code == 0); /* parts of canonical bytes are JSON */
	return tree;
}

void render_row(const struct schema_kind *asked, const struct object *o,
		enum include_object include, int64_t now_us, const char *as_version,
		struct str *out)
{
	const struct schema_kind *kind = o->kind;
	bool is_pod = streq(kind->kind, "Pod") && !*kind->group;
	bool is_other = asked && asked->custom && asked != o->kind;
	AUTO_JSON *tree =
		is_pod ? pod_outline(o) : object_tree_unowned(is_other && o->raw ? o->raw : o);
	if (is_other) {
		kind = asked; /* each version has columns of its own */
		schema_from_storage(kind, tree);
	}
	AUTO_JSON *cells = table_cells(kind, tree, now_us);
	str_add(out, "{\"cells\":");
	json_print(cells, out);
	if (include != INCLUDE_NONE)
		str_add(out, ",\"object\":");
	if (include == INCLUDE_METADATA)
		render_partial(o, as_version, false, out);
	else if (include == INCLUDE_OBJECT)
		render_as(asked, o, false, out);
	str_add(out, "}");
}

static void table_of_one(const struct rendering *how, const struct object *o, bool with_columns,
			 int64_t now_us, struct str *out)
{
	str_addf(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/%s\",\"metadata\":{",
		 *how->as_version ? how->as_version : "v1");
	str_addf(out, "\"resourceVersion\":\"%llu\"},", (unsigned long long)o->version);
	if (with_columns)
		render_columns(how->kind && how->kind->custom ? how->kind : o->kind, out);
	else
		str_add(out, "\"columnDefinitions\":null");
	str_add(out, ",\"rows\":[");
	render_row(how->kind, o, how->include, now_us, how->as_version, out);
	str_add(out, "]}");
}

void render_as(const struct schema_kind *kind, const struct object *o, bool omits_owners,
	       struct str *out)
{
	size_t after = o->managed_at + o->managed_len;
	bool is_cut = omits_owners && o->managed_len;
	if (kind && kind != o->kind && (kind->storage == o->kind || kind->custom)) {
		/* Fields that only another version has may be there still. */
		const struct object *from = kind->custom && o->raw ? o->raw : o;
		AUTO_JSON *tree = is_cut ? object_tree_unowned(from) : object_tree(from);
		schema_from_storage(kind, tree);
		schema_print(kind->type, tree, out);
		return;
	}
	str_add_bytes(out, o->bytes, is_cut ? o->managed_at : o->len);
	if (is_cut)
		str_add_bytes(out, o->bytes + after, o->len - after);
}

void render_item(const struct rendering *how, const struct object *o, bool is_first, int64_t now_us,
		 struct str *out)
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
