/* Subresources that are neither status nor scale writes: binding, finalize, token, eviction,
 * those that write a part of the object, and reading scale. */
#include "apiserver/change.h"
#include "apiserver/tokens.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"

#define TOKEN_SECONDS_MIN 600
#define TOKEN_SECONDS_MAX (48 * 3600)

/* ---- GET scale ---- */

static void scale_now(void *ctx, const struct error *err)
{
	struct request *r = ctx;
	struct failure f = { 0 };
	struct object *o =
		err ? NULL : hub_get(r->server->hub, r->target.kind, r->target.ns, r->target.name);
	if (!o) {
		if (err)
			fail_unavailable(&f, "%s", err->text);
		else
			fail_not_found(&f, r->target.kind, r->target.name);
		reply_failure(r, &f);
		return;
	}
	AUTO_JSON *tree = object_tree(o);
	const struct schema_kind *kind = r->target.kind;
	if (kind->custom && !json_dig(tree, scale_path(kind))) {
		fail_internal(
			&f,
			"Internal error occurred: the spec replicas field \".%s\" does not exist",
			scale_path(kind));
		reply_failure(r, &f);
		return;
	}
	AUTO_JSON *scale = scale_of(kind, tree);
	AUTO_STR text;
	str_init(&text, 65536);
	json_print(scale, &text);
	reply_json(r, 200, text.data, text.len);
}

/* ---- serviceaccounts/NAME/token ---- */

/* What the token is bound to: 0 and its uid (NULL: not bound), or -1. */
/* The caller's; NULL: the token is bound to nothing. */
static int bound_uid(struct request *r, const json_t *body, char **ret, struct failure *f)
{
	const char *kind = json_str(body, "spec.boundObjectRef.kind");
	const char *name = json_str_or(body, "spec.boundObjectRef.name", "");
	const char *uid = json_str(body, "spec.boundObjectRef.uid");
	*ret = NULL;
	if (!kind)
		return 0;
	bool known = streq(kind, "Pod") || streq(kind, "Secret") || streq(kind, "Node");
	const struct schema_kind *k = known ? schema_kind_by_kind("", "v1", kind) : NULL;
	if (!k)
		return fail_bad_request(f, "cannot bind token to object of type %s", kind);
	struct object *o = hub_get(r->server->hub, k, k->is_namespaced ? r->target.ns : NULL, name);
	if (!o)
		return fail_not_found(f, k, name);
	if (uid && !object_has_uid(o, uid))
		return fail_conflict(f, r->target.kind, r->target.name,
				     "the UID in the bound object reference (%s) does not match "
				     "the UID in record. The object might have been deleted and "
				     "then recreated",
				     uid);
	*ret = object_uid(o);
	return 0;
}

static int issue(struct request *r, json_t *body, struct failure *f)
{
	struct server *s = r->server;
	struct object *account = hub_get(s->hub, r->target.kind, r->target.ns, r->target.name);
	auto_free char *uid = NULL;
	if (!account)
		return fail_not_found(f, r->target.kind, r->target.name);
	if (!s->tokens)
		return fail_unavailable(f, "this server issues no tokens: it has no key for them");
	if (admit_node_token(r, body, f) < 0 || bound_uid(r, body, &uid, f) < 0)
		return -1;
	int64_t now_s = loop_wall_us(s->loop) / 1000000;
	int64_t seconds = json_int_or(body, "spec.expirationSeconds", 3600);
	if (seconds < TOKEN_SECONDS_MIN)
		return fail(
			f, 422, "Invalid",
			"spec.expirationSeconds: Invalid value: %lld: may not specify a duration "
			"less than 10 minutes",
			(long long)seconds);
	seconds = MIN(seconds, (int64_t)TOKEN_SECONDS_MAX);
	auto_free char *account_uid = object_uid(account);
	char id[37], expires[TIME_TEXT_SIZE];
	server_new_uid(s, id);
	time_format((now_s + seconds) * 1000000, expires);
	struct token_request q = {
		.ns = r->target.ns,
		.sa_name = r->target.name,
		.sa_uid = account_uid,
		.bound_kind = uid ? json_str(body, "spec.boundObjectRef.kind") : NULL,
		.bound_name = uid ? json_str(body, "spec.boundObjectRef.name") : NULL,
		.bound_uid = uid,
		.audiences = json_dig(body, "spec.audiences"),
		.id = id,
		.now_s = now_s,
		.expires_s = now_s + seconds,
	};
	AUTO_STR token;
	str_init(&token, 16384);
	struct error err;
	if (tokens_issue(s->tokens, &q, &token, &err) < 0)
		return fail_error(f, &err);
	json_put_str(body, "status.token", token.data);
	json_put_str(body, "status.expirationTimestamp", expires);
	json_put_int(body, "spec.expirationSeconds", seconds);
	return 0;
}

static void serve_token(struct request *r)
{
	struct failure f = { 0 };
	struct schema_report report = { 0 };
	struct error err;
	AUTO_JSON *body = NULL;
	enum schema_encoding encoding;
	const struct schema_type *type = schema_type_by_name("authentication.v1.TokenRequest");
	if (r->target.verb != VERB_CREATE)
		fail_method(&f);
	else if (!content_type_encoding(http_header_get(r->x, "Content-Type"), &encoding))
		fail_media_type(&f, true);
	else if (schema_decode(type, encoding, r->x->body ? r->x->body : "", r->x->body_len, &body,
			       &report, &err) < 0)
		fail_error(&f, &err);
	else if (issue(r, body, &f) == 0) {
		json_put_str(body, "apiVersion", "authentication.k8s.io/v1");
		json_put_str(body, "kind", "TokenRequest");
		json_put_str(body, "metadata.name", r->target.name);
		json_put_str(body, "metadata.namespace", r->target.ns);
		AUTO_STR text;
		str_init(&text, 65536);
		json_print(body, &text);
		reply_json(r, 201, text.data, text.len);
	}
	schema_report_fini(&report);
	if (f.code)
		reply_failure(r, &f);
}

/* What a token is about must be known as it is now: a pod bound a moment ago counts. */
static void token_now(void *ctx, const struct error *err)
{
	struct request *r = ctx;
	struct failure f = { 0 };
	if (!err) {
		serve_token(r);
		return;
	}
	fail_unavailable(&f, "%s", err->text);
	reply_failure(r, &f);
}

/* It shows the object itself, and writes a part of it. */
static bool is_part(const char *sub)
{
	static const char *const parts[] = { "approval", "ephemeralcontainers", "resize" };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (streq(parts[i], sub))
			return true;
	return false;
}

void serve_subresource(struct request *r)
{
	const char *sub = r->target.subresource;
	struct failure f = { 0 };
	if (streq(sub, "scale"))
		hub_when_fresh(r->server->hub, scale_now, r);
	else if (streq(sub, "token"))
		hub_when_fresh(r->server->hub, token_now, r);
	else if (streq(sub, "eviction") && r->target.verb == VERB_CREATE)
		serve_eviction(r);
	else if (is_part(sub) && r->target.verb == VERB_GET)
		serve_get(r);
	else if (is_part(sub) && (r->target.verb == VERB_UPDATE || r->target.verb == VERB_PATCH))
		serve_write(r);
	else if ((streq(sub, "binding") && r->target.verb == VERB_CREATE) ||
		 (streq(sub, "finalize") && r->target.verb == VERB_UPDATE))
		serve_write(r);
	else {
		fail_method(&f);
		reply_failure(r, &f);
	}
}
