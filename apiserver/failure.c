#include "apiserver/failure.h"
#include "common/base/jsonx.h"

#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_MAX 65536

void failure_fini(struct failure *f)
{
	free(f->message);
	free(f->continue_token);
	json_decref(f->details);
	*f = (struct failure){ 0 };
}

PRINTF_LIKE(5, 0)
static int set(struct failure *f, int code, const char *reason, const char *prefix, const char *fmt,
	       va_list args)
{
	failure_fini(f);
	AUTO_STR text;
	str_init(&text, MESSAGE_MAX);
	str_add(&text, prefix);
	str_vaddf(&text, fmt, args);
	f->code = code;
	f->reason = reason;
	f->message = str_take(&text);
	return -1;
}

int fail(struct failure *f, int code, const char *reason, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	set(f, code, reason, "", fmt, args);
	va_end(args);
	return -1;
}

static json_t *details(struct failure *f)
{
	if (!f->details)
		f->details = json_object();
	return f->details;
}

void failure_kind(struct failure *f, const char *group, const char *resource, const char *name)
{
	json_t *d = details(f);
	if (name && *name)
		json_put_str(d, "name", name);
	if (*group)
		json_put_str(d, "group", group);
	if (*resource)
		json_put_str(d, "kind", resource);
}

void failure_name(struct failure *f, const struct schema_kind *kind, const char *name)
{
	failure_kind(f, kind->group, kind->resource, name);
}

void failure_cause(struct failure *f, const char *reason, const char *message, const char *field)
{
	json_t *d = details(f), *causes = json_object_get(d, "causes");
	if (!causes) {
		causes = json_array();
		json_object_set_new(d, "causes", causes);
	}
	json_t *cause = json_object();
	if (*reason)
		json_put_str(cause, "reason", reason);
	if (*message)
		json_put_str(cause, "message", message);
	if (field)
		json_put_str(cause, "field", field);
	json_array_append_new(causes, cause);
}

/* "deployments.apps" */
static const char *qualified(const struct schema_kind *kind, char *out, size_t size)
{
	int n = snprintf(out, size, "%s%s%s", kind->resource, *kind->group ? "." : "", kind->group);
	assert(n > 0);
	return out;
}

int fail_nameless(struct failure *f, const char *name)
{
	return fail_bad_request(f,
				"the name of the object (%s based on URL) was undeterminable: name "
				"must be provided",
				name);
}

int fail_other_name(struct failure *f, const char *name, const char *in_url)
{
	return fail_bad_request(
		f, "the name of the object (%s) does not match the name on the URL (%s)", name,
		in_url);
}

int fail_other_namespace(struct failure *f)
{
	return fail_bad_request(f, "the namespace of the provided object does not match the "
				   "namespace sent on the request");
}

int fail_rejected(struct failure *f)
{
	fail(f, 422, "Invalid", "the server rejected our request due to an error in our request");
	(void)details(f);
	return -1;
}

int fail_not_found(struct failure *f, const struct schema_kind *kind, const char *name)
{
	char resource[256];
	fail(f, 404, "NotFound", "%s \"%s\" not found", qualified(kind, resource, sizeof resource),
	     name);
	failure_name(f, kind, name);
	return -1;
}

int fail_unopened(struct failure *f, const struct schema_kind *kind, const char *name)
{
	return fail_internal(
		f,
		"unable to read %s \"%s\": what is stored cannot be opened; the log says "
		"why",
		kind->resource, name);
}

int fail_exists(struct failure *f, const struct schema_kind *kind, const char *name)
{
	char resource[256];
	fail(f, 409, "AlreadyExists", "%s \"%s\" already exists",
	     qualified(kind, resource, sizeof resource), name);
	failure_name(f, kind, name);
	return -1;
}

int fail_conflict(struct failure *f, const struct schema_kind *kind, const char *name,
		  const char *fmt, ...)
{
	char resource[256];
	auto_free char *prefix = xasprintf("Operation cannot be fulfilled on %s \"%s\": ",
					   qualified(kind, resource, sizeof resource), name);
	va_list args;
	va_start(args, fmt);
	set(f, 409, "Conflict", prefix, fmt, args);
	va_end(args);
	failure_name(f, kind, name);
	return -1;
}

int fail_modified(struct failure *f, const struct schema_kind *kind, const char *name)
{
	return fail_conflict(f, kind, name,
			     "the object has been modified; please apply your changes to the "
			     "latest version and try again");
}

int fail_forbidden(struct failure *f, const struct schema_kind *kind, const char *name,
		   const char *fmt, ...)
{
	char resource[256];
	qualified(kind, resource, sizeof resource);
	auto_free char *prefix = name && *name
					 ? xasprintf("%s \"%s\" is forbidden: ", resource, name)
					 : xasprintf("%s is forbidden: ", resource);
	va_list args;
	va_start(args, fmt);
	set(f, 403, "Forbidden", prefix, fmt, args);
	va_end(args);
	failure_name(f, kind, name);
	return -1;
}

int fail_bad_request(struct failure *f, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	set(f, 400, "BadRequest", "", fmt, args);
	va_end(args);
	return -1;
}

int fail_method(struct failure *f)
{
	fail(f, 405, "MethodNotAllowed",
	     "the server does not allow this method on the requested resource");
	(void)details(f); /* there, and empty */
	return -1;
}

int fail_path(struct failure *f)
{
	fail(f, 404, "NotFound", "the server could not find the requested resource");
	(void)details(f);
	return -1;
}

int fail_not_acceptable(struct failure *f, const struct accept_offer *offer)
{
	return fail(f, 406, "NotAcceptable",
		    "only the following media types are accepted: application/json%s%s",
		    offer->yaml ? ", application/yaml" : "",
		    offer->protobuf ? ", application/vnd.kubernetes.protobuf" : "");
}

int fail_not_acceptable_stream(struct failure *f, const struct accept_offer *offer)
{
	return fail(f, 406, "NotAcceptable",
		    "only the following media types are accepted: application/json;stream=watch%s",
		    offer->protobuf ? ", application/vnd.kubernetes.protobuf;stream=watch" : "");
}

int fail_no_representation(struct failure *f, bool is_collection)
{
	fail(f, 406, "NotAcceptable",
	     "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
	     "application/vnd.kubernetes.protobuf%s",
	     is_collection ? ", application/json;stream=watch, "
			     "application/vnd.kubernetes.protobuf;stream=watch"
			   : "");
	(void)details(f);
	return -1;
}

/* The original's router refuses for the kinds it knows, its handler for custom ones. */
int fail_patch_type(struct failure *f, bool is_custom)
{
	if (is_custom)
		return fail(
			f, 415, "UnsupportedMediaType",
			"the body of the request was in an unknown format - accepted media types "
			"include: application/json-patch+json, application/merge-patch+json, "
			"application/apply-patch+yaml");
	fail(f, 415, "UnsupportedMediaType", "415: Unsupported Media Type");
	(void)details(f);
	return -1;
}

int fail_media_type(struct failure *f, bool has_protobuf)
{
	return fail(f, 415, "UnsupportedMediaType",
		    "the body of the request was in an unknown format - accepted media types "
		    "include: application/json, application/yaml%s",
		    has_protobuf ? ", application/vnd.kubernetes.protobuf" : "");
}

int fail_expired(struct failure *f, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	set(f, 410, "Expired", "", fmt, args);
	va_end(args);
	return -1;
}

void failure_watch_expired(uint64_t version, uint64_t reached, struct str *out)
{
	struct failure f = { 0 };
	fail_expired(&f, "too old resource version: %llu (%llu)", (unsigned long long)version,
		     (unsigned long long)reached);
	failure_json(&f, out);
	str_truncate(out, out->len - 1); /* its newline */
	failure_fini(&f);
}

int fail_too_large_version(struct failure *f, uint64_t wanted, uint64_t current)
{
	fail(f, 504, "Timeout", "Timeout: Too large resource version: %llu, current: %llu",
	     (unsigned long long)wanted, (unsigned long long)current);
	failure_cause(f, "ResourceVersionTooLarge", "Too large resource version", NULL);
	json_put_int(f->details, "retryAfterSeconds", 1);
	f->retry_after_s = 1;
	return -1;
}

int fail_internal(struct failure *f, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	set(f, 500, "InternalError", "Internal error occurred: ", fmt, args);
	va_end(args);
	return -1;
}

int fail_unavailable(struct failure *f, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	set(f, 503, "ServiceUnavailable", "", fmt, args);
	va_end(args);
	/* No Retry-After: clients of Go would ask on and on, and their users would not learn why. */
	return -1;
}

int fail_invalid(struct failure *f, const struct schema_kind *kind, const char *name,
		 const struct field_errors *errors)
{
	assert(errors->count > 0);
	AUTO_STR text;
	str_init(&text, MESSAGE_MAX);
	for (size_t i = 0; i < errors->count; i++) {
		str_add(&text, i ? ", " : "");
		field_error_text(&errors->at[i], &text);
	}
	bool many = errors->count > 1;
	fail(f, 422, "Invalid", "%s%s%s \"%s\" is invalid: %s%s%s", kind->kind,
	     *kind->group ? "." : "", kind->group, name ? name : "", many ? "[" : "", text.data,
	     many ? "]" : "");
	failure_name(f, kind, name);
	if (*kind->kind)
		json_put_str(f->details, "kind", kind->kind);
	for (size_t i = 0; i < errors->count; i++) {
		const struct field_error *e = &errors->at[i];
		AUTO_STR body;
		str_init(&body, MESSAGE_MAX);
		field_error_body(e, &body);
		failure_cause(f, field_error_reason(e->type), body.data, e->field);
	}
	return -1;
}

int fail_field(struct failure *f, const struct schema_kind *kind, const char *name,
	       enum field_error_type type, const char *field, const char *value, const char *detail)
{
	struct field_errors errors = { 0 };
	json_t *shown = value ? json_string(value) : NULL;
	field_errors_add(&errors, type, field, shown, "%s", detail);
	json_decref(shown);
	fail_invalid(f, kind, name, &errors);
	field_errors_fini(&errors);
	return -1;
}

int fail_number(struct failure *f, const struct schema_kind *kind, const char *name,
		const char *field, int64_t value, const char *detail)
{
	struct field_errors errors = { 0 };
	AUTO_JSON *shown = json_integer(value);
	field_errors_add(&errors, FIELD_INVALID, field, shown, "%s", detail);
	fail_invalid(f, kind, name, &errors);
	field_errors_fini(&errors);
	return -1;
}

int fail_versionless(struct failure *f, const struct schema_kind *kind, const char *name)
{
	const struct schema_kind named = { .group = kind->group,
					   .kind = kind->resource,
					   .resource = kind->resource };
	return fail_number(f, &named, name, "metadata.resourceVersion", 0,
			   "must be specified for an update");
}

int fail_option(struct failure *f, const char *options, enum field_error_type type,
		const char *field, const json_t *value, const char *fmt, ...)
{
	const struct schema_kind kind = { .group = "meta.k8s.io",
					  .kind = options,
					  .resource = options };
	struct field_errors errors = { 0 };
	AUTO_STR detail;
	va_list args;
	str_init(&detail, MESSAGE_MAX);
	va_start(args, fmt);
	str_vaddf(&detail, fmt, args);
	va_end(args);
	field_errors_add(&errors, type, field, value, "%s", detail.len ? detail.data : "");
	fail_invalid(f, &kind, "", &errors);
	field_errors_fini(&errors);
	return -1;
}

int fail_options(struct failure *f, const char *options, struct field_errors *errors)
{
	const struct schema_kind kind = { .group = "meta.k8s.io",
					  .kind = options,
					  .resource = options };
	int code = errors->count ? fail_invalid(f, &kind, "", errors) : 0;
	field_errors_fini(errors);
	return code;
}

int fail_error(struct failure *f, const struct error *err)
{
	switch (err->code) {
	case ERR_MALFORMED:
		return fail_bad_request(f, "%s", err->text);
	case ERR_INVALID:
		return fail(f, 422, "Invalid", "%s", err->text);
	case ERR_LIMIT:
		return fail(f, 413, "RequestEntityTooLarge", "%s", err->text);
	case ERR_UNAVAILABLE:
		return fail_unavailable(f, "%s", err->text);
	default:
		return fail_internal(f, "%s", err->text);
	}
}

void failure_json(const struct failure *f, struct str *out)
{
	json_t *status =
		json_pack("{s:s,s:s,s:{},s:s,s:s}", "kind", "Status", "apiVersion", "v1",
			  "metadata", "status", "Failure", "message", f->message ? f->message : "");
	if (*f->reason)
		json_put_str(status, "reason", f->reason);
	if (f->continue_token)
		json_put_str(status, "metadata.continue", f->continue_token);
	if (f->details)
		json_object_set(status, "details", f->details);
	if (f->retry_after_s)
		json_put_int(status, "details.retryAfterSeconds", f->retry_after_s);
	json_put_int(status, "code", f->code);
	json_print(status, out);
	str_add_char(out, '\n');
	json_decref(status);
}
