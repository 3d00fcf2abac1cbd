/* What the client sent: decoding, strictness, warnings. */
#include "apiserver/change.h"
#include "common/base/jsonx.h"
#include "schemas/json_text.h"

#include <strings.h>

#define BODY_SHOWN_MAX 4096

enum strictness { STRICT_IGNORE, STRICT_WARN, STRICT_FAIL };

static int strictness_of(struct request *r, enum strictness *ret, struct failure *f)
{
	const char *v = query_get(&r->query, "fieldValidation");
	*ret = STRICT_WARN;
	if (!v || !*v || streq(v, "Warn"))
		return 0;
	*ret = streq(v, "Ignore") ? STRICT_IGNORE : STRICT_FAIL;
	if (streq(v, "Ignore") || streq(v, "Strict"))
		return 0;
	AUTO_JSON *shown = json_string(v);
	return fail_option(f, verb_options(r->target.verb), FIELD_NOT_SUPPORTED, "fieldValidation",
			   shown, "supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"");
}

/* Warn about, or refuse, what strict decoding found. `prefix` for the refusal. */
static int judge(const struct change *c, const struct schema_report *report, const char *prefix,
		 struct failure *f)
{
	struct request *r = c->r;
	enum strictness how;
	if (strictness_of(r, &how, f) < 0)
		return -1;
	if (how == STRICT_IGNORE || report->count == 0)
		return 0;
	if (how == STRICT_WARN) {
		/* A retried attempt must not warn twice. */
		for (size_t i = 0; i < report->count && c->attempts <= 1; i++)
			request_warn(r, "%s", report->problems[i]);
		return 0;
	}
	AUTO_STR text;
	str_init(&text, 65536);
	for (size_t i = 0; i < report->count; i++)
		str_addf(&text, "%s%s", i ? ", " : "", report->problems[i]);
	return fail_bad_request(f, "%sstrict decoding error: %s", prefix, text.data);
}

static void group_version(const struct schema_kind *k, struct str *out)
{
	schema_api_version(k, out);
}

/* apiVersion and kind may be empty; if set they must be the endpoint's. */
static int check_kind(const json_t *tree, const char *api_version, const char *kind,
		      struct failure *f)
{
	const char *has_version = json_str_or(tree, "apiVersion", "");
	const char *has_kind = json_str_or(tree, "kind", "");
	if ((*has_version && !streq(has_version, api_version)) ||
	    (*has_kind && !streq(has_kind, kind)))
		return fail_bad_request(f,
					"the API version in the data (%s, Kind=%s) does not match "
					"the expected API version (%s, Kind=%s)",
					has_version, has_kind, api_version, kind);
	return 0;
}

/* 422 about a custom object that calls itself another kind or version. */
static int refuse_custom_part(const struct change *c, const json_t *tree, const char *part,
			      const char *has, const char *wanted, struct failure *f)
{
	const char *version = json_str_or(tree, "apiVersion", ""), *slash = strchr(version, '/');
	auto_free char *group = xstrndup(version, slash ? (size_t)(slash - version) : 0);
	const struct schema_kind named = { .group = group,
					   .kind = json_str_or(tree, "kind", ""),
					   .resource = c->asked->resource };
	auto_free char *detail = xasprintf("must be %s", wanted);
	return fail_field(f, &named, json_str_or(tree, "metadata.name", ""), FIELD_INVALID, part,
			  has, detail);
}

/* What an endpoint's body is: the kind itself, a Scale or a Binding. */
static const struct schema_type *body_type(const struct change *c, const char **ret_kind,
					   struct str *api_version)
{
	*ret_kind = c->asked->kind;
	if (c->part == PART_SCALE) {
		*ret_kind = "Scale";
		str_add(api_version, "autoscaling/v1");
		return schema_type_by_name("autoscaling.v1.Scale");
	}
	if (c->part == PART_BINDING) {
		*ret_kind = "Binding";
		str_add(api_version, "v1");
		return schema_type_by_name("core.v1.Binding");
	}
	group_version(c->asked, api_version);
	return c->asked->type;
}

/* ".spec.containers[name=\"c\"].foo" of "spec.containers[0].foo": elements are called by their names. */
static void field_path(const json_t *tree, const char *path, struct str *out)
{
	while (*path) {
		size_t n = strcspn(path, ".[");
		auto_free char *name = xstrndup(path, n);
		tree = json_object_get(tree, name);
		str_addf(out, ".%s", name);
		path += n;
		while (*path == '[') {
			tree = json_array_get(tree, strtoul(path + 1, NULL, 10));
			const char *end = strchrnul(path, ']'), *own = json_str(tree, "name");
			if (own)
				str_addf(out, "[name=\"%s\"]", own);
			else
				str_addf(out, "%.*s]", (int)(end - path), path);
			path = end + (*end == ']');
		}
		path += *path == '.';
	}
}

/* Who applies must know each field, however lenient they ask to be. */
static int judge_applied(struct change *c, const struct schema_report *report, struct failure *f)
{
	static const char unknown[] = "unknown field \"";
	AUTO_STR text;
	struct schema_report others = { 0 };
	str_init(&text, 65536);
	for (size_t i = 0; i < report->count; i++) {
		if (!starts_with(report->problems[i], unknown)) {
			report_add(&others, "%s", report->problems[i]);
			continue;
		}
		if (text.len)
			continue; /* the first one is told of */
		auto_free char *path = xstrdup(report->problems[i] + sizeof unknown - 1);
		path[strlen(path) - 1] = '\0';
		field_path(c->body, path, &text);
		str_add(&text, ": field not declared in schema");
	}
	int code = judge(c, &others, "error strict decoding YAML: ", f);
	schema_report_fini(&others);
	return code == 0 && text.len ? apply_refuse(c, text.data, f) : code;
}

/* The first bytes of a body: as they are where it may be an object, else in hex. */
static void add_snippet(const struct http_exchange *x, struct str *out)
{
	enum { SHOWN_MAX = 30 };
	const char *body = x->body;
	size_t n = MIN(x->body_len, (size_t)SHOWN_MAX);
	if (n == 0)
		str_add(out, "<empty>");
	else if (body[0] == '{')
		utf8_add_valid(out, body, n);
	else
		for (size_t i = 0; i < n; i++)
			str_addf(out, "%02x", (unsigned char)body[i]);
	str_add(out, x->body_len > SHOWN_MAX ? " ..." : "");
}

static int refuse_kindless(const struct change *c, const char *kind, struct failure *f)
{
	const struct http_exchange *x = c->r->x;
	AUTO_STR body, snippet;
	str_init(&body, BODY_SHOWN_MAX);
	str_init(&snippet, 256);
	utf8_add_valid(&body, x->body, MIN(x->body_len, (size_t)BODY_SHOWN_MAX - 4));
	add_snippet(x, &snippet);
	return fail_bad_request(f,
				"the object provided is unrecognized (must be of type %s): Object "
				"'Kind' is missing in '%s' (%s)",
				kind, body.data, snippet.data);
}

/* Of a custom kind nothing is guessed: its objects say what they are. */
static int check_custom_kind(const struct change *c, const char *api_version, const char *kind,
			     struct failure *f)
{
	const char *version = json_str_or(c->body, "apiVersion", "");
	const char *name = json_str_or(c->body, "kind", "");
	if (!*name)
		return refuse_kindless(c, kind, f);
	if (!streq(version, api_version))
		return fail_bad_request(f,
					"the API version in the data (%s) does not match the "
					"expected API version (%s)",
					version, api_version);
	return streq(name, kind) ? 0 : refuse_custom_part(c, c->body, "kind", name, kind, f);
}

/* What is no object at all is told of in other words than an object with a wrong field. */
static int refuse_text(const struct http_exchange *x, enum schema_encoding encoding,
		       const char *kind, const char *prefix, const char *why, struct failure *f)
{
	static const char whole[] = " into Go value of type ", inside[] = " into Go struct field ";
	bool is_text = starts_with(why, "unexpected end of JSON") ||
		       starts_with(why, "invalid character") || starts_with(why, "yaml: ");
	const char *other = strstr(why, whole); /* a list, or a text */
	const char *field = strstr(why, ".TypeMeta.");
	if (field && strstr(why, inside)) {
		/* It is read before anything else is. */
		AUTO_STR snippet;
		str_init(&snippet, 256);
		add_snippet(x, &snippet);
		return fail_bad_request(
			f,
			"the object provided is unrecognized (must be of type %s): "
			"couldn't get version/kind; json parse error: %.*s%s%s (%s)",
			kind, (int)(strstr(why, inside) - why), why, inside,
			field + strlen(".TypeMeta"), snippet.data);
	}
	if (encoding == SCHEMA_PROTOBUF || (!is_text && !other))
		return fail_bad_request(f, "%s%s", prefix, why);
	auto_free char *typed =
		other ? xasprintf("%.*s into Go value of type struct { APIVersion string "
				  "\"json:\\\"apiVersion,omitempty\\\"\"; Kind string "
				  "\"json:\\\"kind,omitempty\\\"\" }",
				  (int)(other - why), why)
		      : NULL;
	AUTO_STR snippet;
	str_init(&snippet, 256);
	add_snippet(x, &snippet);
	return fail_bad_request(
		f, "the object provided is unrecognized (must be of type %s): %s%s (%s)", kind,
		encoding == SCHEMA_JSON ? "couldn't get version/kind; json parse error: " : "",
		typed ? typed : why, snippet.data);
}

static int check_any_kind(const struct change *c, const char *api_version, const char *kind,
			  struct failure *f)
{
	const char *version = json_str_or(c->body, "apiVersion", "");
	const char *name = json_str_or(c->body, "kind", "");
	if (c->is_apply && (!streq(version, api_version) || !streq(name, kind)))
		return fail_bad_request(f, "invalid object type: %s%s, Kind=%s",
					strchr(version, '/') ? "" : "/", version, name);
	if (c->asked->custom && c->part != PART_SCALE)
		return check_custom_kind(c, api_version, kind, f);
	return check_kind(c->body, api_version, kind, f);
}

static int decode_typed(struct change *c, enum schema_encoding encoding, struct failure *f)
{
	struct request *r = c->r;
	AUTO_STR api_version;
	str_init(&api_version, 256);
	const char *kind;
	const struct schema_type *type = body_type(c, &kind, &api_version);
	const char *slash = strchr(api_version.data, '/');
	auto_free char *prefix = xasprintf("%s in version \"%s\" cannot be handled as a %s: ", kind,
					   slash ? slash + 1 : api_version.data, kind);
	struct schema_report report = { 0 };
	struct error err;
	if (schema_decode(type, encoding, r->x->body ? r->x->body : "", r->x->body_len, &c->body,
			  &report, &err) < 0) {
		schema_report_fini(&report);
		if (err.code == ERR_LIMIT)
			return fail_error(f, &err);
		return refuse_text(r->x, encoding, kind, prefix, err.text, f);
	}
	int code = c->is_apply ? judge_applied(c, &report, f) : judge(c, &report, prefix, f);
	schema_report_fini(&report);
	if (code < 0 || check_any_kind(c, api_version.data, kind, f) < 0)
		return -1;
	json_put_str(c->body, "apiVersion", api_version.data);
	json_put_str(c->body, "kind", kind);
	return 0;
}

static int decode_object(struct change *c, struct failure *f)
{
	enum schema_encoding encoding;
	bool is_custom = c->asked->custom && c->part != PART_SCALE;
	if (!content_type_encoding(c->content_type, &encoding))
		return fail_media_type(f, !is_custom);
	if (is_custom && encoding == SCHEMA_PROTOBUF)
		return fail_media_type(f, false);
	return decode_typed(c, encoding, f);
}

/* JSON is YAML. */
static int decode_configuration(struct change *c, struct failure *f)
{
	c->patch_type = "application/apply-patch+yaml";
	return decode_typed(c, SCHEMA_YAML, f) < 0 ? -1 : apply_check_body(c, f);
}

static const char *json_type_name(const json_t *value)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "object",  [JSON_ARRAY] = "array", [JSON_STRING] = "string",
		[JSON_INTEGER] = "number", [JSON_REAL] = "number", [JSON_TRUE] = "bool",
		[JSON_FALSE] = "bool",     [JSON_NULL] = "null",
	};
	return names[json_typeof(value)];
}

/* Members of operations that nobody knows are told of as unknown fields. */
static void judge_operations(struct change *c)
{
	static const char *const known[] = { "op", "path", "from", "value" };
	size_t i;
	json_t *op, *value;
	const char *name;
	json_array_foreach (c->body, i, op) {
		json_object_foreach (op, name, value) {
			bool is_known = false;
			for (size_t k = 0; k < ARRAY_LEN(known); k++)
				is_known |= streq(name, known[k]);
			if (!is_known)
				report_add(&c->patch_report,
					   "json patch unknown field \"[%zu].%s\"", i, name);
		}
	}
}

static int parse_patch(struct change *c, bool is_list, bool is_strategic, struct failure *f)
{
	const struct http_exchange *x = c->r->x;
	const char *prefix = is_strategic ? "" : "error decoding patch: ";
	struct schema_report found = { 0 };
	struct error err;
	int code = json_text_parse(x->body ? x->body : "", x->body_len, &c->body, &found, &err);
	for (size_t i = 0; i < found.count; i++)
		report_add(&c->patch_report, "%s%s", is_list ? "json patch " : "",
			   found.problems[i]);
	schema_report_fini(&found);
	if (code == ERR_LIMIT)
		return fail_error(f, &err);
	if (code < 0)
		return fail_bad_request(f, "%s%s", prefix, err.text);
	if (is_list ? json_is_array(c->body) : json_is_object(c->body)) {
		judge_operations(c);
		return 0;
	}
	return fail_bad_request(f, "%sjson: cannot unmarshal %s into Go value of type %s", prefix,
				json_type_name(c->body),
				is_list ? "[]handlers.jsonPatchOp" : "map[string]interface {}");
}

static int decode_patch(struct change *c, struct failure *f)
{
	static const char *const types[] = { "application/json-patch+json",
					     "application/merge-patch+json",
					     "application/strategic-merge-patch+json" };
	c->is_apply = content_type_is(c->content_type, "application/apply-patch+yaml");
	if (managed_check_options(c, f) < 0)
		return -1;
	if (c->is_apply)
		return decode_configuration(c, f);
	/* Nobody says how a custom kind's lists would be merged. */
	size_t count = c->asked->custom ? ARRAY_LEN(types) - 1 : ARRAY_LEN(types);
	for (size_t i = 0; i < count; i++)
		if (content_type_is(c->content_type, types[i]))
			c->patch_type = types[i];
	if (!c->patch_type)
		return fail_patch_type(f, c->asked->custom != NULL);
	return parse_patch(c, c->patch_type == types[0], c->patch_type == types[2], f);
}

int body_decode(struct change *c, struct failure *f)
{
	f->is_final = true;
	if (c->verb == CHANGE_PATCH ? decode_patch(c, f) : decode_object(c, f)) {
		f->is_final = true;
		return -1;
	}
	f->is_final = false;
	return 0;
}

/* What the patch makes is still what the URL names. */
static int check_names(const struct change *c, const json_t *tree, struct failure *f)
{
	const char *name = json_str_or(tree, "metadata.name", "");
	const char *ns = json_str_or(tree, "metadata.namespace", "");
	if (!*name)
		return fail_nameless(f, c->name);
	if (!streq(name, c->name))
		return fail_other_name(f, name, c->name);
	return *ns && *c->ns && !streq(ns, c->ns) ? fail_other_namespace(f) : 0;
}

/* Of a patch: BODY_NO_OBJECT where strict decoding refuses it. */
static int judge_patched(struct change *c, const struct schema_report *report, struct str *why,
			 struct failure *f)
{
	struct failure strict = { 0 };
	int code = judge(c, report, "", &strict);
	if (code < 0 && strict.code == 400) {
		str_add(why, strict.message);
		code = BODY_NO_OBJECT;
		failure_fini(&strict);
	} else if (code < 0) {
		*f = strict;
	}
	return code;
}

/* What a patch makes of apiVersion and kind. A strategic one is laid over an object that has its
 * type already. */
static int check_patched_kind(const struct change *c, json_t *tree, const char *api_version,
			      const char *kind, struct str *why, struct failure *f)
{
	const char *has_version = json_str_or(tree, "apiVersion", api_version);
	const char *has_kind = json_str_or(tree, "kind", kind);
	if (streq(has_version, api_version) && streq(has_kind, kind))
		return 0;
	if (streq(c->patch_type, "application/strategic-merge-patch+json")) {
		json_put_str(tree, "apiVersion", api_version);
		json_put_str(tree, "kind", kind);
		return 0;
	}
	if (c->asked->custom && c->part != PART_SCALE)
		return streq(has_kind, kind)
			       ? refuse_custom_part(c, tree, "apiVersion", has_version, api_version,
						    f)
			       : refuse_custom_part(c, tree, "kind", has_kind, kind, f);
	const char *slash = strchr(has_version, '/');
	const char *version = slash ? slash + 1 : has_version;
	auto_free char *group = xstrndup(has_version, slash ? (size_t)(slash - has_version) : 0);
	if (schema_kind_by_kind(group, version, has_kind))
		str_addf(why, "converting (%s.%s) to (%.*s.%s): unknown conversion", version,
			 has_kind, *c->asked->group ? (int)strcspn(c->asked->group, ".") : 4,
			 *c->asked->group ? c->asked->group : "core", kind);
	else
		str_addf(why,
			 "no kind \"%s\" is registered for version \"%s\" in scheme "
			 "\"pkg/runtime/scheme.go:111\"",
			 has_kind, has_version);
	return BODY_NO_OBJECT;
}

int body_check_patched(struct change *c, json_t *tree, struct str *why, struct failure *f)
{
	AUTO_STR api_version;
	str_init(&api_version, 256);
	const char *kind;
	const struct schema_type *type = body_type(c, &kind, &api_version);
	struct schema_report report = { 0 };
	struct error err;
	for (size_t i = 0; i < c->patch_report.count; i++)
		report_add(&report, "%s", c->patch_report.problems[i]);
	bool is_strategic = streq(c->patch_type, "application/strategic-merge-patch+json");
	int done = is_strategic ? schema_normalize_converted(type, tree, &report, &err)
				: schema_normalize(type, tree, &report, &err);
	if (done < 0) {
		schema_report_fini(&report);
		str_add(why, err.text);
		return BODY_NO_OBJECT;
	}
	int code = judge_patched(c, &report, why, f);
	schema_report_fini(&report);
	if (code == 0)
		code = check_patched_kind(c, tree, api_version.data, kind, why, f);
	return code != 0 ? code : check_names(c, tree, f);
}
