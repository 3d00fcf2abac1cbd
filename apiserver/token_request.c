/* serviceaccounts/NAME/token: a token for an account, perhaps bound to what must go on living. */
#include "apiserver/change.h"
#include "apiserver/tokens.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"

#define SECONDS_DEFAULT 3600
#define SECONDS_MIN     600
#define SECONDS_MAX     (INT64_C(1) << 32)
#define GROUP           "authentication.k8s.io"

/* What the token will say of the thing that it is bound to, and of the node below a pod. */
struct binding {
	const char *kind, *name; /* kind NULL: not bound */
	char *uid;
	char *node, *node_uid; /* NULL: no node, or one that is not there */
};

static void binding_fini(struct binding *b)
{
	free(b->uid);
	free(b->node);
	free(b->node_uid);
}

/* ---- what it is bound to ---- */

static int fail_kind(struct failure *f, const char *version, const char *kind)
{
	const char *slash = strchr(version, '/');
	return fail_bad_request(f, "cannot bind token to object of type %.*s/%s, Kind=%s",
				slash ? (int)(slash - version) : 0, version,
				slash ? slash + 1 : version, kind);
}

static int check_pod(struct request *r, const struct object *pod, struct binding *b,
		     struct failure *f)
{
	if (!object_field_is(pod, "spec.serviceAccountName", r->target.name))
		return fail_bad_request(f,
					"cannot bind token for serviceaccount \"%s\" to pod "
					"running with different serviceaccount name.",
					r->target.name);
	if (object_field_is(pod, "spec.nodeName", ""))
		return 0;
	b->node = object_field(pod, "spec.nodeName");
	struct object *node =
		hub_get(r->server->hub, schema_kind_by_kind("", "v1", "Node"), NULL, b->node);
	b->node_uid = node ? object_uid(node) : NULL;
	return 0;
}

static int find_bound(struct request *r, const json_t *body, struct binding *b, struct failure *f)
{
	const json_t *ref = json_dig(body, "spec.boundObjectRef");
	const char *kind = json_str_or(ref, "kind", ""), *name = json_str_or(ref, "name", "");
	const char *version = json_str_or(ref, "apiVersion", "");
	const char *uid = json_str_or(ref, "uid", "");
	if (!json_is_object(ref))
		return 0;
	if (!*name && (streq(kind, "Pod") || streq(kind, "Secret") || streq(kind, "Node")))
		return fail_bad_request(f, "Name parameter required.");
	bool known = streq(kind, "Pod") || streq(kind, "Secret") || streq(kind, "Node");
	if (!known || strchr(version, '/'))
		return fail_kind(f, version, kind);
	const struct schema_kind *k = schema_kind_by_kind("", "v1", kind);
	struct object *o = hub_get(r->server->hub, k, k->is_namespaced ? r->target.ns : NULL, name);
	if (!o)
		return fail_not_found(f, k, name);
	if (streq(kind, "Pod") && check_pod(r, o, b, f) < 0)
		return -1;
	b->kind = kind;
	b->name = name;
	b->uid = object_uid(o);
	if (!*uid || object_has_uid(o, uid))
		return 0;
	fail(f, 409, "Conflict",
	     "Operation cannot be fulfilled on %s \"%s\": the UID in the bound object reference "
	     "(%s) does not match the UID in record. The object might have been deleted and then "
	     "recreated",
	     kind, name, uid);
	failure_kind(f, "", kind, name);
	return -1;
}

/* ---- what may be asked for ---- */

static int check_seconds(const json_t *body, const struct schema_kind *kind, struct failure *f)
{
	json_t *seconds = json_dig(body, "spec.expirationSeconds");
	if (!json_is_integer(seconds))
		return 0;
	json_int_t n = json_integer_value(seconds);
	if (n >= SECONDS_MIN && n <= SECONDS_MAX)
		return 0;
	struct field_errors e = { 0 };
	field_errors_add(&e, FIELD_INVALID, "spec.expirationSeconds", seconds,
			 n < SECONDS_MIN ? "may not specify a duration less than 10 minutes"
					 : "may not specify a duration larger than 2^32 seconds");
	fail_invalid(f, kind, "", &e);
	field_errors_fini(&e);
	return -1;
}

static int check(struct request *r, const json_t *body, struct failure *f)
{
	static const struct schema_kind asked = { .group = GROUP,
						  .kind = "TokenRequest",
						  .resource = "" };
	const char *name = json_str_or(body, "metadata.name", "");
	const char *ns = json_str_or(body, "metadata.namespace", "");
	struct change c = { .r = r,
			    .server = r->server,
			    .kind = r->target.kind,
			    .ns = (char *)(uintptr_t)r->target.ns, /* read only, as the name */
			    .name = (char *)(uintptr_t)r->target.name,
			    .is_create = true };
	if (*ns && !streq(ns, r->target.ns))
		return fail_other_namespace(f);
	if (admit_namespace(&c, f) < 0)
		return -1;
	if (!hub_get(r->server->hub, r->target.kind, r->target.ns, r->target.name))
		return fail_not_found(f, r->target.kind, r->target.name);
	if (admit_node_token(r, body, f) < 0)
		return -1;
	if (*name && !streq(name, r->target.name))
		return fail_field(f, &asked, r->target.name, FIELD_INVALID, "metadata.name", name,
				  "must match the service account name if specified");
	return check_seconds(body, &asked, f);
}

/* ---- giving it out ---- */

/* What was not said is filled in, as whoever asks will see. */
static void fill(struct request *r, json_t *body)
{
	char uid[37], now[TIME_TEXT_SIZE];
	server_new_uid(r->server, uid);
	time_format(loop_wall_us(r->server->loop), now);
	json_put_str(body, "apiVersion", GROUP "/v1");
	json_put_str(body, "kind", "TokenRequest");
	json_put_str(body, "metadata.name", r->target.name);
	json_put_str(body, "metadata.namespace", r->target.ns);
	json_put_str(body, "metadata.uid", uid);
	json_put_str(body, "metadata.creationTimestamp", now);
	if (!json_array_size(json_dig(body, "spec.audiences")))
		json_put(body, "spec.audiences",
			 json_pack("[s]", tokens_issuer(r->server->tokens)));
	if (!json_is_integer(json_dig(body, "spec.expirationSeconds")))
		json_put_int(body, "spec.expirationSeconds", SECONDS_DEFAULT);
}

static int give(struct request *r, json_t *body, const struct binding *bound, struct failure *f)
{
	struct server *s = r->server;
	int64_t now_s = loop_wall_us(s->loop) / 1000000;
	int64_t until_s = now_s + json_int_or(body, "spec.expirationSeconds", SECONDS_DEFAULT);
	auto_free char *account =
		object_uid(hub_get(s->hub, r->target.kind, r->target.ns, r->target.name));
	char id[37], expires[TIME_TEXT_SIZE];
	server_new_uid(s, id);
	time_format(until_s * 1000000, expires);
	struct token_request q = {
		.ns = r->target.ns,
		.sa_name = r->target.name,
		.sa_uid = account,
		.bound_kind = bound->kind,
		.bound_name = bound->name,
		.bound_uid = bound->uid,
		.node_name = bound->node,
		.node_uid = bound->node_uid,
		.audiences = json_dig(body, "spec.audiences"),
		.id = id,
		.now_s = now_s,
		.expires_s = until_s,
	};
	AUTO_STR token;
	str_init(&token, 16384);
	struct error err;
	if (tokens_issue(s->tokens, &q, &token, &err) < 0)
		return fail_error(f, &err);
	auto_free char *credential = xasprintf("JTI=%s", id);
	request_annotate(r, "authentication.kubernetes.io/issued-credential-id", credential);
	json_put_str(body, "status.token", token.data);
	json_put_str(body, "status.expirationTimestamp", expires);
	return 0;
}

static int issue(struct request *r, json_t *body, struct failure *f)
{
	struct binding bound = { 0 };
	if (check(r, body, f) < 0)
		return -1;
	if (!r->server->tokens)
		return fail_unavailable(f, "this server issues no tokens: it has no key for them");
	int code = find_bound(r, body, &bound, f);
	if (code == 0) {
		fill(r, body);
		code = give(r, body, &bound, f);
	}
	binding_fini(&bound);
	return code;
}

/* The body, read as that of any object: what is unknown in it is told of, or refused. */
static int read_body(struct request *r, json_t **ret, struct failure *f)
{
	const struct schema_kind kind = {
		.group = GROUP,
		.version = "v1",
		.kind = "TokenRequest",
		.resource = "",
		.type = schema_type_by_name("authentication.v1.TokenRequest"),
	};
	struct change c = { .r = r,
			    .server = r->server,
			    .kind = &kind,
			    .asked = &kind,
			    .verb = CHANGE_CREATE,
			    .part = PART_MAIN };
	bool dry;
	if (r->target.verb != VERB_CREATE)
		return fail_method(f);
	change_read_headers(&c);
	int code = body_dry_run(r, NULL, &dry, f) < 0 ? -1 : body_decode(&c, f);
	change_free_headers(&c);
	*ret = c.body;
	return code;
}

static void serve(struct request *r)
{
	struct failure f = { 0 };
	AUTO_JSON *body = NULL;
	if (read_body(r, &body, &f) == 0 && issue(r, body, &f) == 0) {
		AUTO_STR text;
		str_init(&text, 65536);
		json_print(body, &text);
		reply_json(r, 201, text.data, text.len);
	}
	if (f.code)
		reply_failure(r, &f);
}

/* What a token is about must be known as it is now: a pod bound a moment ago counts. */
static void token_now(void *ctx, const struct error *err)
{
	struct request *r = ctx;
	struct failure f = { 0 };
	if (!err) {
		serve(r);
		return;
	}
	fail_unavailable(&f, "%s", err->text);
	reply_failure(r, &f);
}

void serve_token_request(struct request *r)
{
	hub_when_fresh(r->server->hub, token_now, r);
}
