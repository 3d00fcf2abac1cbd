/* What the client sent: decoding, strictness, warnings, delete options. */
#include "apiserver/change.h"
#include "common/base/jsonx.h"
#include "schemas/json_text.h"

#include <strings.h>

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

/* What is no object at all is told of in other words than an object with a wrong field. */
static int refuse_text(const struct http_exchange *x, enum schema_encoding encoding,
		       const char *kind, const char *prefix, const char *why, struct failure *f)
{
	static const char whole[] = " into Go value of type v1.";
	bool is_text = starts_with(why, "unexpected end of JSON") ||
		       starts_with(why, "invalid character") || starts_with(why, "yaml: ");
	const char *other = strstr(why, whole); /* a list, or a text */
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
	if (code < 0 || check_kind(c->body, api_version.data, kind, f) < 0)
		return -1;
	if (c->is_apply && (!json_str(c->body, "kind") || !json_str(c->body, "apiVersion")))
		return fail_bad_request(f, "Object '%s' is missing in the applied configuration",
					json_str(c->body, "kind") ? "apiVersion" : "Kind");
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
	if (is_list ? json_is_array(c->body) : json_is_object(c->body))
		return 0;
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
	if (schema_normalize(type, tree, &report, &err) < 0) {
		schema_report_fini(&report);
		str_add(why, err.text);
		return BODY_NO_OBJECT;
	}
	int code = judge_patched(c, &report, why, f);
	schema_report_fini(&report);
	if (code == 0)
		code = check_kind(tree, api_version.data, kind, f);
	return code != 0 ? code : check_names(c, tree, f);
}

/* ---- delete options ---- */

static int options_from_query(struct request *r, json_t *options, struct failure *f)
{
	struct error err;
	int64_t grace;
	if (query_int(&r->query, "gracePeriodSeconds", -1, &grace, &err) < 0)
		return fail_bad_request(f, "%s", err.text);
	if (query_get(&r->query, "gracePeriodSeconds"))
		json_put_int(options, "gracePeriodSeconds", grace);
	const char *policy = query_get(&r->query, "propagationPolicy");
	if (policy)
		json_put_str(options, "propagationPolicy", policy);
	if (query_get(&r->query, "orphanDependents"))
		json_put_bool(options, "orphanDependents",
			      query_bool(&r->query, "orphanDependents"));
	return 0;
}

static int check_options(const json_t *options, struct failure *f)
{
	static const char *const policies[] = { "Foreground", "Background", "Orphan" };
	const char *policy = json_str(options, "propagationPolicy");
	bool known = !policy;
	for (size_t i = 0; policy && i < ARRAY_LEN(policies); i++)
		known |= streq(policy, policies[i]);
	const json_t *shown = json_object_get(options, "propagationPolicy");
	if (policy && json_object_get(options, "orphanDependents"))
		return fail_option(f, "DeleteOptions", FIELD_INVALID, "propagationPolicy", shown,
				   "orphanDependents and deletionPropagation cannot be both set");
	if (!known)
		return fail_option(f, "DeleteOptions", FIELD_NOT_SUPPORTED, "propagationPolicy",
				   shown,
				   "supported values: \"Foreground\", \"Background\", \"Orphan\", "
				   "\"nil\"");
	return 0;
}

int body_delete_options(struct request *r, json_t **ret, struct failure *f)
{
	AUTO_JSON *options = NULL;
	if (r->x->body_len == 0) {
		options = json_object();
		if (options_from_query(r, options, f) < 0)
			return -1;
	} else {
		enum schema_encoding encoding;
		struct schema_report report = { 0 };
		struct error err;
		if (!content_type_encoding(http_header_get(r->x, "Content-Type"), &encoding))
			return fail_media_type(f, true);
		int code =
			schema_decode(schema_type_by_name("apis.meta.v1.DeleteOptions"), encoding,
				      r->x->body, r->x->body_len, &options, &report, &err);
		schema_report_fini(&report);
		if (code < 0)
			return fail_bad_request(
				f, "%s%s",
				starts_with(err.text, "unexpected end of JSON")
					? "couldn't get version/kind; json parse error: "
					: "",
				err.text);
	}
	if (check_options(options, f) < 0)
		return -1;
	*ret = TAKE(options);
	return 0;
}

int body_dry_run(struct request *r, const json_t *options, bool *ret, struct failure *f)
{
	const char *v = query_get(&r->query, "dryRun");
	const json_t *list = options ? json_object_get(options, "dryRun") : NULL;
	if (!v && json_array_size(list))
		v = json_string_value(json_array_get(list, 0));
	*ret = v && streq(v, "All");
	if (!v || *ret || (!*v && !json_array_size(list)))
		return 0;
	AUTO_JSON *shown = json_pack("[s]", v);
	return fail_option(f, verb_options(r->target.verb), FIELD_NOT_SUPPORTED, "dryRun", shown,
			   "supported values: \"All\"");
}
