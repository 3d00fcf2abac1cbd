/* A request about a resource: which kind it is, whether the kind has what is asked, and who answers. */
#include "apiserver/audit.h"
#include "apiserver/definitions.h"
#include "apiserver/own_exchange.h"
#include "apiserver/render.h"

static bool has_subresource(const struct schema_kind *k, const char *name)
{
	if (streq(name, "status"))
		return k->has_status;
	if (streq(name, "scale"))
		return k->has_scale;
	for (size_t i = 0; k->subresources && k->subresources[i]; i++)
		if (streq(k->subresources[i], name))
			return true;
	return false;
}

static int check_target(struct request *r, struct failure *f)
{
	const struct target *t = &r->target;
	if (!t->kind)
		return fail_path(f);
	if (!t->kind->is_namespaced && t->ns && !streq(t->resource, "namespaces"))
		return fail_path(f);
	/* Only a list or a watch may be one over all namespaces. */
	bool is_wide = t->kind->is_namespaced && !t->ns;
	if (is_wide && t->name)
		return fail_path(f);
	if (is_wide && t->verb != VERB_LIST && t->verb != VERB_WATCH)
		return fail_method(f);
	if (t->subresource && !has_subresource(t->kind, t->subresource))
		return fail_path(f);
	if (t->rest)
		return fail_path(f);
	if (t->verb == VERB_NONE || (!t->subresource && !kind_offers(t->kind, verb_name(t->verb))))
		return fail_method(f);
	return 0;
}

/* The subresource is the object, or stands for it with metadata of its own. */
static bool shows_object(const char *subresource)
{
	static const char *const names[] = { "status", "scale", "approval", "ephemeralcontainers",
					     "resize" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(names[i], subresource))
			return true;
	return false;
}

static int check_accept(struct request *r, struct failure *f)
{
	const char *sub = r->target.subresource;
	const struct schema_kind *kind = r->target.kind;
	bool is_scale = sub && streq(sub, "scale");
	struct accept_offer offer = { .protobuf = render_has_protobuf(kind) || is_scale,
				      .partial_protobuf = kind->custom != NULL,
				      .yaml = r->target.verb != VERB_WATCH,
				      .table = !sub || is_scale || streq(sub, "status"),
				      .partial = !sub || shows_object(sub) };
	const char *header = http_header_get(r->x, "Accept");
	if (!accept_choose(header, &offer, &r->accept)) {
		offer.yaml = true;
		/* What is good for a list and no stream. */
		if (r->target.verb == VERB_WATCH && accept_choose(header, &offer, &r->accept))
			return fail_not_acceptable_stream(f, &offer);
		return kind->custom || accept_names_known(header)
			       ? fail_not_acceptable(f, &offer)
			       : fail_no_representation(f, !r->target.name);
	}
	if (r->accept.as == ACCEPT_PARTIAL && r->target.verb == VERB_LIST)
		return fail(
			f, 406, "NotAcceptable",
			"you requested PartialObjectMetadata, but the requested object is a list "
			"(*%.*s.%s)",
			*kind->group ? (int)strcspn(kind->group, ".") : 4,
			*kind->group ? kind->group : "core", kind->list_kind);
	const char *pretty = query_get(&r->query, "pretty");
	if (pretty && query_bool(&r->query, "pretty"))
		r->accept.is_pretty = true;
	const char *include = query_get(&r->query, "includeObject");
	bool known = !include || !*include || streq(include, "None") ||
		     streq(include, "Metadata") || streq(include, "Object");
	if (known || r->accept.as != ACCEPT_TABLE)
		return 0;
	return fail_bad_request(f,
				"Unable to convert to Table as requested: includeObject: Invalid "
				"value: \"%s\": must be 'Metadata', 'Object', 'None', or empty",
				include);
}

bool server_is_stream(const char *subresource)
{
	static const char *const names[] = { "log", "exec", "attach", "portforward" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(names[i], subresource))
			return true;
	return false;
}

static void serve_resource(struct request *r)
{
	const char *sub = r->target.subresource;
	bool own = sub && (streq(sub, "status") || streq(sub, "scale"));
	if (!kind_offers(r->target.kind, verb_name(VERB_GET))) {
		serve_review(r);
		return;
	}
	if (sub && server_is_stream(sub)) {
		serve_node_stream(r);
		return;
	}
	if (sub && !own) {
		serve_subresource(r);
		return;
	}
	switch (r->target.verb) {
	case VERB_GET:
		if (sub && streq(sub, "scale"))
			serve_subresource(r);
		else
			serve_get(r);
		return;
	case VERB_LIST:
		serve_list(r);
		return;
	case VERB_WATCH:
		serve_watch(r);
		return;
	case VERB_CREATE:
	case VERB_UPDATE:
	case VERB_PATCH:
		serve_write(r);
		return;
	case VERB_DELETE:
	case VERB_DELETE_COLLECTION:
		serve_delete(r);
		return;
	case VERB_NONE:
	case VERB_COUNT:
		break;
	}
	abort(); /* check_target has refused it */
}

/* What cannot be read is not to be taken for gone. */
static int check_opened(struct request *r, struct failure *f)
{
	const struct target *t = &r->target;
	const char *ns = t->kind->is_namespaced ? t->ns : NULL;
	if (!t->name || !hub_is_unopened(r->server->hub, t->kind, ns, t->name))
		return 0;
	return fail_unopened(f, t->kind, t->name);
}

static void serve_found(struct request *r)
{
	struct failure f = { 0 };
	if (check_target(r, &f) < 0 || check_accept(r, &f) < 0 || check_opened(r, &f) < 0) {
		reply_failure(r, &f);
		return;
	}
	if (r->target.kind->deprecation)
		request_warn(r, "%s", r->target.kind->deprecation);
	serve_resource(r);
}

/* The server itself reaches what it does not serve: objects of a version that nobody may ask for. */
static const struct schema_kind *unserved_kind(const struct request *r)
{
	const struct target *t = &r->target;
	size_t place = kinds_place_of(r->server->kinds, t->group, t->resource);
	return r->x->ops == own_exchange_ops() && place != SIZE_MAX
		       ? kinds_version_of(r->server->kinds, place, t->version)
		       : NULL;
}

static void look_again(void *ctx)
{
	struct request *r = ctx;
	struct target *t = &r->target;
	t->kind = kinds_by_resource(r->server->kinds, t->group, t->version, t->resource);
	serve_found(r);
}

static void served_by_now(void *ctx, const struct error *err)
{
	struct request *r = ctx;
	struct failure f = { 0 };
	if (!err) {
		definitions_when_served(r->server->definitions, look_again, r);
		return;
	}
	fail_unavailable(&f, "%s", err->text);
	reply_failure(r, &f);
}

/* A definition that was written a moment ago, through whichever server, counts: a kind is found not to
 * exist on a fresh cache only. */
void serve_kind(struct request *r)
{
	struct target *t = &r->target;
	if (!t->kind)
		t->kind = unserved_kind(r);
	if (t->kind || !*t->group)
		serve_found(r);
	else
		hub_when_fresh(r->server->hub, served_by_now, r);
}
