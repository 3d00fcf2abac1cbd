/* What the client sent: decoding, strictness, warnings, delete options. */
#include "apiserver/change.h"
#include "common/base/jsonx.h"

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
	return fail(f, 422, "Invalid",
		    "fieldValidation: Unsupported value: \"%s\": supported values: \"Ignore\", "
		    "\"Strict\", \"Warn\"",
		    v);
}

/* Warn about, or refuse, what strict decoding found. `prefix` for the refusal. */
static int judge(struct request *r, const struct schema_report *report, const char *prefix,
		 struct failure *f)
{
	enum strictness how;
	if (strictness_of(r, &how, f) < 0)
		return -1;
	if (how == STRICT_IGNORE || report->count == 0)
		return 0;
	if (how == STRICT_WARN) {
		for (size_t i = 0; i < report->count; i++)
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
		return fail_bad_request(f, "%s%s", prefix, err.text);
	}
	/* A retried attempt must not warn twice. */
	int code = c->attempts > 1 ? 0 : judge(r, &report, prefix, f);
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

static int decode_patch(struct change *c, struct failure *f)
{
	static const char *const types[] = { "application/json-patch+json",
					     "application/merge-patch+json",
					     "application/strategic-merge-patch+json" };
	struct request *r = c->r;
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
		return fail(
			f, 415, "UnsupportedMediaType",
			"the body of the request was in an unknown format - accepted media types "
			"include: application/json-patch+json, application/merge-patch+json, "
			"%sapplication/apply-patch+yaml",
			count == ARRAY_LEN(types) ? "application/strategic-merge-patch+json, "
						  : "");
	struct error err;
	if (json_parse(r->x->body ? r->x->body : "", r->x->body_len, &c->body, &err) < 0)
		return fail_bad_request(f, "error decoding patch: %s", err.text);
	bool is_list = streq(c->patch_type, types[0]);
	if (is_list ? !json_is_array(c->body) : !json_is_object(c->body))
		return fail_bad_request(f, "error decoding patch: it is no JSON %s",
					is_list ? "array of operations" : "object");
	return 0;
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

int body_check_patched(struct change *c, json_t *tree, struct failure *f)
{
	AUTO_STR api_version;
	str_init(&api_version, 256);
	const char *kind;
	const struct schema_type *type = body_type(c, &kind, &api_version);
	struct schema_report report = { 0 };
	struct error err;
	if (schema_normalize(type, tree, &report, &err) < 0) {
		schema_report_fini(&report);
		return fail_bad_request(f, "%s", err.text);
	}
	/* A retried attempt must not warn twice. */
	int code = c->attempts > 1 ? 0 : judge(c->r, &report, "", f);
	schema_report_fini(&report);
	return code < 0 ? -1 : check_kind(tree, api_version.data, kind, f);
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
	const char *why = NULL;
	if (!known)
		why = "propagationPolicy: Invalid value: must be one of \"Background\", "
		      "\"Foreground\", \"Orphan\"";
	else if (policy && json_object_get(options, "orphanDependents"))
		why = "propagationPolicy: Invalid value: orphanDependents and "
		      "deletionPropagation cannot be both set";
	else if (json_int_or(options, "gracePeriodSeconds", 0) < -1)
		why = "gracePeriodSeconds: Invalid value: must be greater than or equal to 0";
	if (!why)
		return 0;
	return fail(f, 422, "Invalid", "DeleteOptions.meta.k8s.io \"\" is invalid: %s", why);
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
			return fail_bad_request(f, "%s", err.text);
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
	return fail(f, 422, "Invalid",
		    "dryRun: Unsupported value: \"%s\": supported values: \"All\"", v);
}
