/* Create, update and patch: from the client's body to the answer. */
#include "apiserver/change.h"
#include "apiserver/schedule.h"
#include "common/base/jsonx.h"

#include <stdio.h>

static void attempt(struct change *c);

static void change_free(struct change *c)
{
	change_reset(c);
	str_fini(&c->bytes);
	json_decref(c->body);
	free(c->ns);
	free(c->name);
	free(c);
}

static void end_failed(struct change *c, struct failure *f)
{
	struct request *r = c->r;
	change_free(c);
	reply_failure(r, f);
}

/* ---- the tree that is wanted ---- */

static int patched(struct change *c, const struct schema_type *type, const json_t *base,
		   json_t **ret, struct failure *f)
{
	struct error err;
	int code;
	if (streq(c->patch_type, "application/json-patch+json"))
		code = patch_json(base, c->body, ret, &err);
	else if (streq(c->patch_type, "application/merge-patch+json"))
		code = patch_merge(base, c->body, ret, &err);
	else
		code = patch_strategic(type, base, c->body, ret, &err);
	if (code == ERR_INVALID) {
		fail(f, 422, "Invalid",
		     "the server rejected our request due to an error in our request: %s",
		     err.text);
		return -1;
	}
	return code < 0 ? fail_bad_request(f, "%s", err.text) : body_check_patched(c, *ret, f);
}

static int build_scaled(struct change *c, struct failure *f)
{
	AUTO_JSON *scale = NULL;
	if (c->verb == CHANGE_PATCH) {
		AUTO_JSON *base = scale_of(c->old_tree);
		if (patched(c, schema_type_by_name("autoscaling.v1.Scale"), base, &scale, f) < 0)
			return -1;
	} else {
		scale = json_incref(c->body);
	}
	int64_t replicas = json_int_or(scale, "spec.replicas", 0);
	char text[24];
	int n = snprintf(text, sizeof text, "%lld", (long long)replicas);
	assert(n > 0);
	if (replicas < 0)
		return fail_field(f, c->kind, c->name, FIELD_INVALID, "spec.replicas", text,
				  "must be greater than or equal to 0");
	c->tree = json_deep_copy(c->old_tree);
	json_put_int(c->tree, "spec.replicas", replicas);
	const char *version = json_str(scale, "metadata.resourceVersion");
	if (version && *version)
		json_put_str(c->tree, "metadata.resourceVersion", version);
	return 0;
}

static void set_scheduled(struct change *c, json_t *status)
{
	char now[64];
	server_now_text(c->server, now);
	json_t *list = json_object_get(status, "conditions");
	if (!list) {
		list = json_array();
		json_object_set_new(status, "conditions", list);
	}
	size_t i;
	json_t *condition;
	json_array_foreach (list, i, condition)
		if (streq(json_str_or(condition, "type", ""), "PodScheduled")) {
			json_array_remove(list, i);
			break;
		}
	json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "type", "PodScheduled", "status",
					      "True", "lastTransitionTime", now));
}

/* pods/NAME/binding: the node is set once and for all. */
static int build_bound(struct change *c, struct failure *f)
{
	const char *node = json_str_or(c->body, "target.name", "");
	const char *already = json_str_or(c->old_tree, "spec.nodeName", "");
	if (!*node)
		return fail_field(f, c->kind, c->name, FIELD_REQUIRED, "target.name", NULL, "");
	if (json_dig(c->old_tree, "metadata.deletionTimestamp"))
		return fail_conflict(f, c->kind, c->name,
				     "pod %s is being deleted, cannot be "
				     "assigned to a host",
				     c->name);
	if (*already)
		return fail_conflict(f, c->kind, c->name,
				     "pod %s is already assigned to node \"%s\"", c->name, already);
	c->tree = json_deep_copy(c->old_tree);
	json_put_str(c->tree, "spec.nodeName", node);
	json_t *status = json_object_get(c->tree, "status");
	if (!status) {
		status = json_object();
		json_object_set_new(c->tree, "status", status);
	}
	set_scheduled(c, status);
	const char *key;
	json_t *value;
	json_object_foreach (json_dig(c->body, "metadata.annotations"), key, value) {
		json_t *annotations = json_dig(c->tree, "metadata.annotations");
		if (!annotations) {
			annotations = json_object();
			json_put(c->tree, "metadata.annotations", annotations);
		}
		json_object_set(annotations, key, value);
	}
	return 0;
}

static int build(struct change *c, struct failure *f)
{
	if (c->is_apply)
		return apply_build(c, f);
	if (c->part == PART_SCALE)
		return build_scaled(c, f);
	if (c->part == PART_BINDING)
		return build_bound(c, f);
	if (c->verb == CHANGE_PATCH && c->asked == c->kind)
		return patched(c, c->kind->type, c->old_tree, &c->tree, f);
	if (c->verb == CHANGE_PATCH) {
		AUTO_JSON *base = json_deep_copy(c->old_tree);
		schema_from_storage(c->asked, base);
		if (patched(c, c->asked->type, base, &c->tree, f) < 0)
			return -1;
	} else {
		c->tree = json_deep_copy(c->body);
	}
	schema_to_storage(c->asked, c->tree);
	return 0;
}

/* ---- one attempt ---- */

/* Patches that speak of managedFields need them in what they patch. */
static bool looks_at_owners(const struct change *c)
{
	static const char name[] = "managedFields";
	return c->verb == CHANGE_PATCH && !c->is_apply && c->r->x->body &&
	       memmem(c->r->x->body, c->r->x->body_len, name, sizeof name - 1);
}

static int find_old(struct change *c, struct failure *f)
{
	if (!c->name) {
		char suffix[6];
		server_name_suffix(c->server, suffix);
		const char *base = json_str_or(c->body, "metadata.generateName", "");
		c->name = xasprintf("%.58s%s", base, suffix);
	}
	c->key = object_key(c->kind, c->kind->is_namespaced ? c->ns : NULL, c->name);
	struct object *old = index_get(hub_index(c->server->hub, c->kind), c->key);
	if (c->verb == CHANGE_CREATE && c->part == PART_MAIN) {
		c->is_create = true;
		return old ? fail_exists(f, c->kind, c->name) : 0;
	}
	if (old) {
		c->old = object_ref(old);
		c->old_tree = looks_at_owners(c) ? object_tree(old) : object_tree_unowned(old);
		return 0;
	}
	bool makes = c->part == PART_MAIN &&
		     (c->is_apply || (c->verb == CHANGE_UPDATE && c->kind->creates_on_update));
	if (!makes)
		return fail_not_found(f, c->kind, c->name);
	c->is_create = true;
	return 0;
}

static int validate(struct change *c, struct failure *f)
{
	struct field_errors errors = { 0 };
	if (c->part == PART_STATUS)
		schema_validate_status(c->kind, c->tree, c->old_tree, &errors);
	else if (c->part != PART_BINDING && c->part != PART_FINALIZE)
		schema_validate(c->kind, c->tree, c->old_tree, &errors);
	if (c->part == PART_MAIN)
		schedule_check(c->kind, c->tree, &errors);
	int code = errors.count ? fail_invalid(f, c->kind, c->name, &errors) : 0;
	field_errors_fini(&errors);
	return code < 0 ? -1 : admit_validate(c, f);
}

static void warn(struct change *c)
{
	if (c->part != PART_MAIN || c->attempts > 1)
		return;
	struct schema_report report = { 0 };
	schema_warnings(c->kind, c->tree, &report);
	for (size_t i = 0; i < report.count; i++)
		request_warn(c->r, "%s", report.problems[i]);
	schema_report_fini(&report);
}

static int compute(struct change *c, struct failure *f)
{
	if (find_old(c, f) < 0 || build(c, f) < 0)
		return -1;
	schema_default(c->kind, c->tree);
	managed_take_sent(c);
	if (c->is_create)
		managed_note(c);
	if ((c->is_create ? strategy_create(c, f) : strategy_update(c, f)) < 0)
		return -1;
	if (admit_mutate(c, f) < 0 || validate(c, f) < 0)
		return -1;
	warn(c);
	schema_print(c->kind->type, c->tree, &c->bytes);
	if (c->keeps_managed)
		object_add_managed(c->old, &c->bytes);
	if (!str_ok(&c->bytes))
		return fail(f, 413, "RequestEntityTooLarge",
			    "the object is larger than the limit of 3145728 bytes");
	if (!c->is_create && strategy_is_over(c->kind, c->tree)) {
		c->is_delete = true;
		admit_release(c, c->tree);
	}
	return 0;
}

/* ---- answers ---- */

static void answer_tree(struct change *c, struct object *o, int status, uint64_t revision)
{
	struct request *r = c->r;
	bool scale = c->part == PART_SCALE, binding = c->part == PART_BINDING;
	if (scale) {
		AUTO_JSON *tree = object_tree(o);
		AUTO_JSON *answer = scale_of(tree);
		AUTO_STR text;
		str_init(&text, 65536);
		json_print(answer, &text);
		change_free(c);
		reply_json(r, status, text.data, text.len);
	} else if (binding) {
		change_free(c);
		reply_success(r, 201, NULL, NULL, NULL, revision);
	} else {
		change_free(c);
		reply_object(r, status, o, revision);
	}
}

static void answer_stored(struct change *c, uint64_t version, uint64_t revision)
{
	struct object *o = NULL;
	struct error err;
	struct failure f = { 0 };
	if (object_new(c->kind, c->key, c->bytes.data, c->bytes.len, version, &o, &err) < 0) {
		fail_error(&f, &err);
		end_failed(c, &f);
		return;
	}
	answer_tree(c, o, c->is_create ? 201 : 200, revision);
	object_unref(o);
}

static void refreshed(void *ctx, const struct error *err)
{
	struct change *c = ctx;
	struct failure f = { 0 };
	c->is_fresh = true;
	if (err) {
		fail_unavailable(&f, "%s", err->text);
		end_failed(c, &f);
	} else {
		attempt(c);
	}
}

static void stored(void *ctx, enum store_outcome outcome, uint64_t revision,
		   const uint64_t *versions, const struct error *err)
{
	struct change *c = ctx;
	struct failure f = { 0 };
	(void)revision;
	if (outcome == STORE_DONE) {
		answer_stored(c, versions[0], versions[0]);
	} else if (outcome == STORE_REFUSED && c->attempts < CHANGE_ATTEMPTS_MAX) {
		hub_when_fresh(c->server->hub, refreshed, c);
	} else {
		change_store_failure(c, outcome, err, &f);
		end_failed(c, &f);
	}
}

/* Another name when a generated one is taken. */
static bool draws_again(struct change *c, const struct failure *f)
{
	bool generated = c->verb == CHANGE_CREATE && !json_str(c->body, "metadata.name") &&
			 c->part == PART_MAIN;
	if (!generated || f->code != 409 || c->attempts >= CHANGE_ATTEMPTS_MAX)
		return false;
	free(TAKE(c->name));
	return true;
}

static void attempt(struct change *c)
{
	struct failure f = { 0 };
	change_reset(c);
	c->attempts++;
	if (change_check_leader(c, &f) < 0 || compute(c, &f) < 0) {
		if (draws_again(c, &f)) {
			failure_fini(&f);
			attempt(c);
		} else if (c->is_fresh || f.code == 400) {
			end_failed(c, &f);
		} else {
			failure_fini(&f);
			hub_when_fresh(c->server->hub, refreshed, c);
		}
		return;
	}
	if (c->is_dry_run) {
		answer_stored(c, c->old ? c->old->version : 0, 0);
		return;
	}
	if (change_is_same(c)) {
		if (c->is_fresh)
			answer_tree(c, c->old, 200, c->old->version);
		else
			hub_when_fresh(c->server->hub, refreshed, c);
		return;
	}
	if (change_submit(c, stored, c, &f) < 0)
		end_failed(c, &f);
}

/* ---- beginning ---- */

static enum change_part part_of(const char *subresource)
{
	static const struct {
		const char *name;
		enum change_part part;
	} parts[] = { { "status", PART_STATUS },
		      { "scale", PART_SCALE },
		      { "finalize", PART_FINALIZE },
		      { "binding", PART_BINDING } };
	if (!subresource)
		return PART_MAIN;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (streq(parts[i].name, subresource))
			return parts[i].part;
	return PART_OTHER;
}

/* The names in the body against those of the URL. */
static int settle_names(struct change *c, struct failure *f)
{
	const struct target *t = &c->r->target;
	c->ns = xstrdup(c->kind->is_namespaced && t->ns ? t->ns : "");
	if (c->verb == CHANGE_PATCH || c->part == PART_BINDING || c->part == PART_SCALE) {
		c->name = xstrdup(t->name);
		return 0;
	}
	const char *name = json_str_or(c->body, "metadata.name", "");
	const char *ns = json_str_or(c->body, "metadata.namespace", "");
	if (c->kind->is_namespaced && *ns && !streq(ns, c->ns))
		return fail_bad_request(f,
					"the namespace of the provided object does not match the "
					"namespace sent on the request");
	if (t->name && *name && !streq(name, t->name))
		return fail_bad_request(f,
					"the name of the object (%s) does not match the name on "
					"the URL (%s)",
					name, t->name);
	if (t->name || *name)
		c->name = xstrdup(t->name ? t->name : name);
	else if (!*json_str_or(c->body, "metadata.generateName", ""))
		return fail_field(f, c->kind, "", FIELD_REQUIRED, "metadata.name", NULL,
				  "name or generateName is required");
	if (c->kind->is_namespaced && !*c->ns)
		return fail_bad_request(f, "an empty namespace may not be set during creation");
	return 0;
}

void serve_write(struct request *r)
{
	static const enum change_verb verbs[VERB_COUNT] = { [VERB_CREATE] = CHANGE_CREATE,
							    [VERB_UPDATE] = CHANGE_UPDATE,
							    [VERB_PATCH] = CHANGE_PATCH };
	struct failure f = { 0 };
	struct change *c = xcalloc(1, sizeof *c);
	*c = (struct change){ .r = r,
			      .server = r->server,
			      .kind = schema_storage(r->target.kind),
			      .asked = r->target.kind,
			      .verb = verbs[r->target.verb],
			      .part = part_of(r->target.subresource) };
	str_init(&c->bytes, RENDER_LIMIT);
	bool fits = c->part == PART_BINDING ? c->verb == CHANGE_CREATE
		    : c->part == PART_MAIN  ? (c->verb == CHANGE_CREATE) == !r->target.name
					    : c->verb != CHANGE_CREATE;
	if (!fits)
		fail_method(&f);
	else if (body_dry_run(r, NULL, &c->is_dry_run, &f) == 0 && body_decode(c, &f) == 0 &&
		 settle_names(c, &f) == 0) {
		attempt(c);
		return;
	}
	end_failed(c, &f);
}
