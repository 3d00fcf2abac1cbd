/* Subresources that are neither status nor scale writes: binding, finalize, eviction, those that
 * write a part of the object, and reading scale. */
#include "apiserver/change.h"
#include "common/base/jsonx.h"

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
		fail_internal(&f, "the spec replicas field \".%s\" does not exist",
			      scale_path(kind));
		reply_failure(r, &f);
		return;
	}
	scale_reply(r, 200, tree);
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
		serve_token_request(r);
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
