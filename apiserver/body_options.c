/* What a client asks for beside the object: how to delete, and whether to store at all. */
#include "apiserver/change.h"
#include "common/base/jsonx.h"

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
