/* The names in a body against those of its URL, before anything is looked up by them. */
#include "apiserver/audit.h"
#include "apiserver/change.h"
#include "common/base/jsonx.h"

/* A text of the body's metadata, or ""; the caller's. */
static char *sent_text(const struct change *c, const char *name)
{
	if (c->is_straight)
		return straight_text(c, name);
	const json_t *metadata = json_object_get(c->body, "metadata");
	return xstrdup(json_str_or(metadata, name, ""));
}

/* A patch is no object. */
static void note_sent(const struct change *c)
{
	if (!c->server->audit || c->verb == CHANGE_PATCH)
		return;
	auto_free char *ns = sent_text(c, "namespace"), *name = sent_text(c, "name");
	auto_free char *uid = sent_text(c, "uid"), *version = sent_text(c, "resourceVersion");
	audit_note_object(c->r, &(struct audit_object){ ns, name, uid, version });
}

/* The names in the body against those of the URL. */
int change_settle_names(struct change *c, struct failure *f)
{
	const struct target *t = &c->r->target;
	note_sent(c);
	c->ns = xstrdup(c->kind->is_namespaced && t->ns ? t->ns : "");
	if (c->verb == CHANGE_PATCH || c->part == PART_SCALE) {
		c->name = xstrdup(t->name);
		return 0;
	}
	auto_free char *name = sent_text(c, "name"), *ns = sent_text(c, "namespace");
	if (c->kind->is_namespaced && *ns && !streq(ns, c->ns))
		return fail_other_namespace(f);
	if (c->part == PART_BINDING) {
		c->name = xstrdup(t->name);
		return streq(name, t->name) ? 0
					    : fail_bad_request(f, "name in URL does not match name "
								  "in Binding object");
	}
	if (t->name && *name && !streq(name, t->name))
		return fail_other_name(f, name, t->name);
	auto_free char *base = sent_text(c, "generateName");
	if (t->name && !*name)
		return fail_nameless(f, t->name);
	if (*name)
		c->name = TAKE(name);
	else if (*base)
		c->base = TAKE(base);
	else
		return fail_field(f, c->kind, "", FIELD_REQUIRED, "metadata.name", NULL,
				  "name or generateName is required");
	if (c->kind->is_namespaced && !*c->ns)
		return fail_bad_request(f, "an empty namespace may not be set during creation");
	return 0;
}
