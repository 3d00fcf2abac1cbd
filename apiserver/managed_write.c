/* managedFields on the way of a write, and PATCH with application/apply-patch+yaml. */
#include "apiserver/change.h"
#include "common/base/jsonx.h"
#include "schemas/field_walk.h"
#include "schemas/managed.h"
#include "schemas/owners.h"

#include <ctype.h>

#define MANAGER_MAX 128

/* ---- who writes ---- */

/* ?fieldManager=, or the user agent up to its first '/', without what cannot be shown. */
static void manager_of(const struct change *c, char out[MANAGER_MAX + 1])
{
	const char *given = query_get(&c->r->query, "fieldManager");
	const char *agent = c->user_agent;
	const char *from = given && *given ? given : agent ? agent : "unknown";
	size_t n = 0;
	for (const char *p = from; *p && n < MANAGER_MAX; p++) {
		if (*p == '/' && from == agent)
			break;
		if (isprint((unsigned char)*p))
			out[n++] = *p;
	}
	out[n] = '\0';
}

int managed_check_options(struct change *c, struct failure *f)
{
	const struct query *q = &c->r->query;
	const char *manager = query_get(q, "fieldManager");
	const char *options = verb_options(c->r->target.verb);
	bool applies = c->verb == CHANGE_PATCH && c->is_apply;
	if (applies && (!manager || !*manager))
		return fail_option(f, options, FIELD_REQUIRED, "fieldManager", NULL,
				   "is required for apply patch");
	if (c->verb == CHANGE_PATCH && !applies && query_get(q, "force"))
		return fail_option(f, options, FIELD_FORBIDDEN, "force", NULL,
				   "may not be specified for non-apply patch");
	if (manager && strlen(manager) > MANAGER_MAX)
		return fail_option(f, options, FIELD_TOO_LONG, "fieldManager", NULL,
				   "may not be more than 128 bytes");
	for (const char *p = manager ? manager : ""; *p; p++) {
		AUTO_JSON *shown = iscntrl((unsigned char)*p) ? json_string(manager) : NULL;
		if (shown)
			return fail_option(f, options, FIELD_INVALID, "fieldManager", shown,
					   "invalid character U+%04X (at position %td)",
					   (unsigned)(unsigned char)*p, p - manager);
	}
	return 0;
}

/* ---- the entries of an attempt ---- */

struct writing {
	struct managed_writer writer;
	struct str api_version;
	char manager[MANAGER_MAX + 1];
};

static void writing_init(struct writing *w, const struct change *c)
{
	static const char *const subresources[] = {
		[PART_STATUS] = "status",
		[PART_SCALE] = "scale",
		[PART_APPROVAL] = "approval",
		[PART_RESIZE] = "resize",
		[PART_EPHEMERAL] = "ephemeralcontainers",
	};
	bool has_name = c->part < ARRAY_LEN(subresources) && subresources[c->part];
	const char *ignored = NULL;
	if (c->part == PART_STATUS || c->part == PART_APPROVAL)
		ignored = "spec";
	else if (c->asked->has_status)
		ignored = "status";
	str_init(&w->api_version, 512);
	schema_api_version(c->asked, &w->api_version);
	manager_of(c, w->manager);
	w->writer = (struct managed_writer){ .type = c->asked->type,
					     .api_version = w->api_version.data,
					     .manager = w->manager,
					     .subresource = has_name ? subresources[c->part] : "",
					     .ignored = ignored,
					     /* The original notes no time of scales. */
					     .now = c->part == PART_SCALE ? "" : c->now };
}

static void writing_fini(struct writing *w)
{
	str_fini(&w->api_version);
}

void managed_take_sent(struct change *c)
{
	json_t *metadata = json_object_get(c->tree, "metadata");
	json_decref(c->sent_managed);
	c->sent_managed = json_incref(json_object_get(metadata, "managedFields"));
	json_object_del(metadata, "managedFields");
}

/* An object (NULL: {}) in the version whose fields the writer knows. */
static json_t *shown(const struct change *c, json_t *tree)
{
	if (!tree)
		return json_object();
	if (c->asked == c->kind)
		return json_incref(tree);
	json_t *copy = json_deep_copy(tree);
	schema_from_storage(c->asked, copy);
	return copy;
}

static bool note_bytes(struct change *c, const struct managed_writer *w, struct owners_input *in)
{
	if (c->old)
		in->stored = object_managed_bytes(c->old);
	str_clear(&c->owners);
	switch (owners_update(w, in, &c->owners)) {
	case OWNERS_UNKNOWN:
		str_clear(&c->owners);
		return false;
	case OWNERS_KEPT:
		c->keeps_managed = true;
		return true;
	case OWNERS_WRITTEN:
		break;
	}
	return str_ok(&c->owners);
}

bool managed_note_bytes(struct change *c, struct owners_input *in)
{
	struct writing w;
	writing_init(&w, c);
	bool done = note_bytes(c, &w.writer, in);
	writing_fini(&w);
	return done;
}

/* The tree's bytes beside those of the old object; false: somebody must look at the trees. */
static bool note_by_bytes(struct change *c, const struct managed_writer *w, json_t *sent)
{
	AUTO_STR before, list;
	str_init(&before, RENDER_LIMIT);
	str_init(&list, RENDER_LIMIT);
	if (c->asked != c->kind)
		return false;
	str_clear(&c->bytes);
	schema_print(c->kind->type, c->tree, &c->bytes);
	c->is_printed = true;
	if (c->old)
		object_unowned_bytes(c->old, &before);
	else
		schema_print_bare(c->kind->type, &before);
	if (sent)
		managed_print(sent, &list);
	struct owners_input in = { .before = { before.data, before.len },
				   .now = { c->bytes.data, c->bytes.len },
				   .is_create = !c->old };
	if (sent)
		in.sent = (struct span){ list.data, list.len };
	return str_ok(&c->bytes) && str_ok(&before) && str_ok(&list) && note_bytes(c, w, &in);
}

static json_t *bare_tree(const struct schema_type *type)
{
	AUTO_STR text;
	str_init(&text, RENDER_LIMIT);
	schema_print_bare(type, &text);
	json_t *tree = json_loadb(text.data, text.len, 0, NULL);
	assert(tree); /* our own text */
	return tree;
}

static void note_by_trees(struct change *c, const struct managed_writer *w, json_t *sent)
{
	struct managed_change change;
	AUTO_JSON *bare = c->old_tree ? NULL : bare_tree(c->kind->type);
	bool differs = managed_compare(w, c->old_tree ? c->old_tree : bare, c->tree, &change);
	if (!differs && !sent) {
		c->keeps_managed = c->old != NULL;
	} else {
		AUTO_JSON *stored = c->old ? object_managed(c->old) : NULL;
		AUTO_JSON *entries = managed_begin(stored, sent);
		c->managed = managed_update(w, entries, &change, !c->old);
	}
	managed_change_fini(&change);
}

void managed_note(struct change *c)
{
	json_t *sent = c->part == PART_MAIN ? c->sent_managed : NULL;
	if (c->managed)
		return; /* an apply has said it already */
	if (c->part == PART_BINDING || c->part == PART_FINALIZE) {
		c->keeps_managed = true;
		return;
	}
	struct writing w;
	writing_init(&w, c);
	if (!note_by_bytes(c, &w.writer, sent))
		note_by_trees(c, &w.writer, sent);
	writing_fini(&w);
}

void managed_put(struct change *c)
{
	static const char none[] = "[]";
	if (c->keeps_managed) {
		object_add_managed(&c->bytes, object_managed_bytes(c->old));
		return;
	}
	if (json_array_size(c->managed) > 0)
		managed_print(c->managed, &c->owners);
	if (c->owners.len > sizeof none - 1)
		object_add_managed(&c->bytes, (struct span){ c->owners.data, c->owners.len });
}

/* ---- apply ---- */

int apply_refuse(const struct change *c, const char *why, struct failure *f)
{
	const char *version = json_str_or(c->body, "apiVersion", "");
	return fail(f, 500, "", "failed to create typed patch object (%s/%s; %s%s, Kind=%s): %s",
		    json_str_or(c->body, "metadata.namespace", ""),
		    json_str_or(c->body, "metadata.name", ""), strchr(version, '/') ? "" : "/",
		    version, json_str_or(c->body, "kind", ""), why);
}

int apply_check_body(struct change *c, struct failure *f)
{
	const char *name = json_str(c->body, "metadata.name");
	const char *ns = json_str(c->body, "metadata.namespace");
	const struct target *t = &c->r->target;
	if (json_dig(c->body, "metadata.managedFields"))
		return fail_bad_request(f, "metadata.managedFields must be nil");
	AUTO_STR why;
	str_init(&why, 65536);
	if (c->part == PART_SCALE)
		return 0;
	if (!field_check_lists(c->asked->type, c->body, &why)) {
		AUTO_STR key;
		str_init(&key, 8192);
		if (!c->asked->custom && field_missing_key(c->asked->type, c->body, &key))
			return fail_field(f, c->asked, name ? name : t->name, FIELD_REQUIRED,
					  key.data, NULL, "");
		return apply_refuse(c, why.data, f);
	}
	if (name && *name && !streq(name, t->name))
		return fail_other_name(f, name, t->name);
	if (ns && *ns && t->ns && !streq(ns, t->ns))
		return fail_other_namespace(f);
	return 0;
}

static int refuse_conflicts(const struct managed_conflicts *conflicts, struct failure *f)
{
	AUTO_STR text;
	str_init(&text, 65536);
	managed_conflicts_text(conflicts, &text);
	fail(f, 409, "Conflict", "%s", text.data);
	for (size_t i = 0; i < conflicts->count; i++) {
		auto_free char *what = xasprintf("conflict with %s", conflicts->at[i].who);
		failure_cause(f, "FieldManagerConflict", what, conflicts->at[i].path);
	}
	return -1;
}

/* What is applied, as part of the whole object. */
static json_t *configuration(const struct change *c)
{
	if (c->part != PART_SCALE)
		return json_deep_copy(c->body);
	json_t *config = json_object();
	json_t *replicas = json_dig(c->body, "spec.replicas");
	json_put(config, scale_path(c->asked), replicas ? json_incref(replicas) : json_integer(0));
	return config;
}

int apply_build(struct change *c, struct failure *f)
{
	const char *uid = json_str(c->body, "metadata.uid");
	if (!c->old && uid && *uid)
		return fail_conflict(f, c->kind, c->name,
				     "uid mismatch: the provided object specified uid %s, and no "
				     "existing object was found",
				     uid);
	struct writing w;
	struct managed_conflicts *conflicts = xcalloc(1, sizeof *conflicts);
	writing_init(&w, c);
	AUTO_JSON *stored = c->old ? object_managed(c->old) : NULL;
	AUTO_JSON *entries = managed_begin(stored, NULL);
	AUTO_JSON *live = shown(c, c->old_tree);
	AUTO_JSON *config = configuration(c);
	const char *force = query_get(&c->r->query, "force");
	bool done = managed_apply(&w.writer, entries, live, config,
				  force && query_bool(&c->r->query, "force"), &c->tree, &c->managed,
				  conflicts);
	int code = done ? 0 : refuse_conflicts(conflicts, f);
	if (done) {
		/* Nothing below may write into trees that the old object shares. */
		json_t *own = json_deep_copy(c->tree);
		json_decref(c->tree);
		c->tree = own;
		schema_to_storage(c->asked, own);
	}
	managed_conflicts_fini(conflicts);
	free(conflicts);
	writing_fini(&w);
	return code;
}
