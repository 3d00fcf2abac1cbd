/*
 * Deletion of one object. Finalizers, graceful pods, propagation policies and preconditions decide
 * whether a DELETE removes the object now or marks it.
 */
#include "apiserver/delete.h"
#include "apiserver/definition_plan.h"
#include "apiserver/eviction.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"

void deletion_free(struct deletion *d)
{
	change_reset(&d->c);
	str_fini(&d->c.bytes);
	json_decref(d->options);
	free(d->c.ns);
	free(d->c.name);
	free(d);
}

/* ---- what a DELETE means for this object ---- */

/* Here the object is called by its kind. */
static int refuse_precondition(struct failure *f, const struct change *c, const char *what,
			       const char *wanted, const char *has, const char *how)
{
	const char *dot = *c->kind->group ? "." : "";
	fail(f, 409, "Conflict",
	     "Operation cannot be fulfilled on %s%s%s \"%s\": the %s in the precondition (%s) does not "
	     "match the %s in record (%s). The object might have been %s",
	     c->kind->kind, dot, c->kind->group, c->name, what, wanted, what, has, how);
	failure_kind(f, c->kind->group, c->kind->kind, c->name);
	return -1;
}

static int check_preconditions(struct deletion *d, struct failure *f)
{
	struct change *c = &d->c;
	const char *uid = json_str(d->options, "preconditions.uid");
	const char *version = json_str(d->options, "preconditions.resourceVersion");
	auto_free char *has = uid ? object_uid(c->old) : NULL;
	if (uid && !streq(uid, has))
		return refuse_precondition(f, c, "UID", uid, has, "deleted and then recreated");
	auto_free char *current = xasprintf("%llu", (unsigned long long)c->old->version);
	if (version && !streq(version, current))
		return refuse_precondition(f, c, "ResourceVersion", version, current, "modified");
	return 0;
}

static int check_immortal(struct change *c, struct failure *f)
{
	static const char *const names[] = { "default", "kube-system", "kube-public" };
	static const char *const classes[] = { "system-node-critical", "system-cluster-critical" };
	bool is_class = change_is_kind(c, "scheduling.k8s.io", "PriorityClass");
	for (size_t i = 0; is_class && i < ARRAY_LEN(classes); i++)
		if (streq(c->name, classes[i]))
			return fail_forbidden(
				f, c->kind, c->name,
				"this is a system priority class and cannot be deleted");
	if (!change_is_kind(c, "", "Namespace"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(c->name, names[i]))
			return fail_forbidden(f, c->kind, c->name,
					      "this namespace may not be deleted");
	return 0;
}

static void set_finalizer(json_t *metadata, const char *name, bool wanted)
{
	json_t *list = json_object_get(metadata, "finalizers");
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v)
		if (json_is_string(v) && streq(json_string_value(v), name)) {
			if (!wanted)
				json_array_remove(list, i);
			return;
		}
	if (!wanted)
		return;
	if (!list) {
		list = json_array();
		json_object_set_new(metadata, "finalizers", list);
	}
	json_array_append_new(list, json_string(name));
}

static bool has_finalizer(const json_t *metadata, const char *name)
{
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(metadata, "finalizers"), i, v)
		if (json_is_string(v) && streq(json_string_value(v), name))
			return true;
	return false;
}

static void apply_policy(struct deletion *d, json_t *metadata)
{
	struct change *c = &d->c;
	const char *policy = json_str(d->options, "propagationPolicy");
	json_t *orphan = json_object_get(d->options, "orphanDependents");
	if (!policy && orphan)
		policy = json_is_true(orphan) ? "Orphan" : "Background";
	if (!policy &&
	    (has_finalizer(metadata, "orphan") || has_finalizer(metadata, "foregroundDeletion")))
		return; /* an earlier DELETE has chosen */
	if (!policy)
		policy = change_is_kind(c, "batch", "Job") ||
					 change_is_kind(c, "", "ReplicationController")
				 ? "Orphan"
				 : "Background";
	/* Nothing that an Event or a Pod owns is ever collected through an orphaning. */
	bool can_own = !change_is_kind(c, "", "Event");
	set_finalizer(metadata, "orphan", can_own && streq(policy, "Orphan"));
	set_finalizer(metadata, "foregroundDeletion", can_own && streq(policy, "Foreground"));
}

/* Seconds that a pod may take; 0: at once. */
static int64_t pod_grace(const struct deletion *d)
{
	const json_t *tree = d->c.old_tree;
	const char *phase = json_str_or(tree, "status.phase", "");
	if (!*json_str_or(tree, "spec.nodeName", "") || streq(phase, "Succeeded") ||
	    streq(phase, "Failed"))
		return 0;
	int64_t grace = json_int_or(tree, "spec.terminationGracePeriodSeconds", 30);
	grace = json_int_or(d->options, "gracePeriodSeconds", grace);
	return grace < 0 ? 1 : grace;
}

static void mark(struct deletion *d, json_t *metadata, int64_t grace)
{
	struct change *c = &d->c;
	bool first = !json_object_get(metadata, "deletionTimestamp");
	if (!first && grace >= json_int_or(metadata, "deletionGracePeriodSeconds", 0))
		return; /* a second DELETE may only shorten */
	char when[TIME_TEXT_SIZE];
	time_format(loop_wall_us(c->server->loop) + grace * 1000000, when);
	json_put_str(metadata, "deletionTimestamp", when);
	json_put_int(metadata, "deletionGracePeriodSeconds", grace);
	if (first && c->kind->has_generation)
		json_put_int(metadata, "generation", json_int_or(metadata, "generation", 0) + 1);
	if (first && change_is_kind(c, "", "Namespace"))
		json_put_str(c->tree, "status.phase", "Terminating");
}

static bool changes_nothing(const struct deletion *d)
{
	const char *policy = json_str(d->options, "propagationPolicy");
	return !json_object_get(d->options, "orphanDependents") &&
	       (!policy || streq(policy, "Background"));
}

/*
 * Most deletions need no tree: nothing holds the object, nothing hangs on it, and no policy
 * holds it up. Its last state is what it was.
 */
static bool is_plain(const struct deletion *d)
{
	static const struct {
		const char *group, *kind;
	} others[] = { { "", "Namespace" }, /* finalizers in its spec */
		       { "", "Service" },   /* addresses and ports are released */
		       { "batch", "Job" },  /* orphans by default */
		       { "", "ReplicationController" },
		       { "coordination.k8s.io", "Lease" },
		       { "apiextensions.k8s.io", "CustomResourceDefinition" } };
	const struct change *c = &d->c;
	if (d->is_eviction || c->old->has_finalizers || !changes_nothing(d))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (change_is_kind(c, others[i].group, others[i].kind))
			return false;
	if (!change_is_kind(c, "", "Pod"))
		return true;
	return object_field_is(c->old, "spec.nodeName", "") ||
	       object_field_is(c->old, "status.phase", "Succeeded") ||
	       object_field_is(c->old, "status.phase", "Failed") ||
	       json_int_or(d->options, "gracePeriodSeconds", -1) == 0;
}

/* Sets c->tree and c->is_delete. */
static void decide(struct deletion *d)
{
	struct change *c = &d->c;
	c->tree = json_deep_copy(c->old_tree);
	json_t *metadata = json_object_get(c->tree, "metadata");
	json_object_del(metadata, "resourceVersion");
	apply_policy(d, metadata);
	if (change_is_kind(c, "apiextensions.k8s.io", "CustomResourceDefinition") &&
	    !json_object_get(metadata, "deletionTimestamp")) {
		char now[TIME_TEXT_SIZE];
		server_now_text(c->server, now);
		definition_begin_end(c->tree, now);
	}
	bool is_pod = change_is_kind(c, "", "Pod");
	int64_t grace = is_pod ? pod_grace(d) : 0;
	bool waits = grace > 0 || json_array_size(json_object_get(metadata, "finalizers")) ||
		     (change_is_kind(c, "", "Namespace") &&
		      json_array_size(json_dig(c->tree, "spec.finalizers")));
	c->is_delete = !waits;
	if (waits)
		mark(d, metadata, grace);
	else
		admit_release(c, c->tree);
}

/* ---- one attempt ---- */

static void finish(struct deletion *d, struct object *o, bool is_gone, uint64_t revision,
		   struct failure *f)
{
	d->done(d, o, is_gone, revision, f);
}

static void fresh(void *ctx, const struct error *err)
{
	struct deletion *d = ctx;
	struct failure f = { 0 };
	d->c.is_fresh = true;
	if (err) {
		fail_unavailable(&f, "%s", err->text);
		finish(d, NULL, false, 0, &f);
	} else {
		deletion_attempt(d);
	}
}

static void removed(void *ctx, enum store_outcome outcome, uint64_t revision,
		    const uint64_t *versions, const struct error *err)
{
	struct deletion *d = ctx;
	struct change *c = &d->c;
	struct failure f = { 0 };
	(void)revision;
	if (outcome == STORE_REFUSED && c->attempts < CHANGE_ATTEMPTS_MAX) {
		hub_when_fresh(c->server->hub, fresh, d);
		return;
	}
	if (outcome != STORE_DONE) {
		change_store_failure(c, outcome, err, &f);
		finish(d, NULL, false, 0, &f);
		return;
	}
	struct hub *hub = c->server->hub;
	struct object *o = c->is_delete ? NULL : hub_arrived(hub, c->kind, c->key, versions[0]);
	struct error bad;
	bool is_new = !o;
	if (!c->bytes.len) {
		o = object_at_version(c->old, versions[0]);
	} else if (is_new && object_new(c->kind, c->key, c->bytes.data, c->bytes.len, versions[0],
					&o, &bad) < 0) {
		fail_error(&f, &bad);
		finish(d, NULL, false, 0, &f);
		return;
	}
	if (is_new)
		hub_expect(hub, o);
	finish(d, o, c->is_delete, versions[0], NULL);
	object_unref(o);
}

static int compute(struct deletion *d, struct failure *f)
{
	struct change *c = &d->c;
	c->key = object_key(c->kind, c->kind->is_namespaced ? c->ns : NULL, c->name);
	struct object *old = index_get(hub_index(c->server->hub, c->kind), c->key);
	if (!old)
		return fail_not_found(f, c->kind, c->name);
	c->old = object_ref(old);
	bool plain = is_plain(d);
	if (!plain)
		c->old_tree = object_tree(old);
	if ((d->is_eviction ? eviction_check_preconditions(c, d->options, f)
			    : check_preconditions(d, f)) < 0 ||
	    check_immortal(c, f) < 0 || admit_node_deletes(c, d->is_eviction, f) < 0)
		return -1;
	if (d->is_eviction && eviction_check(c, f) < 0)
		return -1;
	if (plain) {
		c->is_delete = true; /* without bytes: it stays as it is */
		return 0;
	}
	decide(d);
	if (d->is_eviction)
		eviction_mark(c);
	schema_print(c->kind->type, c->tree, &c->bytes);
	return 0;
}

void deletion_attempt(struct deletion *d)
{
	struct change *c = &d->c;
	struct failure f = { 0 };
	change_reset(c);
	c->attempts++;
	server_now_text(c->server, c->now);
	if (change_check_leader(c, &f) < 0 || compute(d, &f) < 0) {
		if (c->is_fresh) {
			finish(d, NULL, false, 0, &f);
		} else {
			failure_fini(&f);
			hub_when_fresh(c->server->hub, fresh, d);
		}
		return;
	}
	if (c->is_dry_run || change_is_same(c)) {
		finish(d, c->old, c->is_delete, c->is_dry_run ? 0 : c->old->version, NULL);
		return;
	}
	if (change_submit(c, removed, d, &f) < 0)
		finish(d, NULL, false, 0, &f);
}

struct deletion *deletion_new(struct request *r, const char *ns, const char *name,
			      const json_t *options, bool is_dry_run, deletion_done *done)
{
	struct deletion *d = xcalloc(1, sizeof *d);
	d->c = (struct change){ .r = r,
				.server = r->server,
				.kind = schema_storage(r->target.kind),
				.asked = r->target.kind,
				.ns = xstrdup(ns ? ns : ""),
				.name = xstrdup(name),
				.is_dry_run = is_dry_run };
	str_init(&d->c.bytes, RENDER_LIMIT);
	d->options = json_incref((json_t *)options);
	d->done = done;
	return d;
}

/* ---- one object ---- */

static void answer_one(struct deletion *d, struct object *o, bool is_gone, uint64_t revision,
		       struct failure *f)
{
	struct request *r = d->c.r;
	const struct schema_kind *kind = d->c.kind;
	if (f) {
		deletion_free(d);
		reply_failure(r, f);
		return;
	}
	object_ref(o);
	auto_free char *uid = object_uid(o);
	bool is_eviction = d->is_eviction;
	admit_order_deleted(r, o);
	deletion_free(d);
	if (is_eviction)
		reply_success(r, 201, NULL, NULL, NULL, revision);
	else if (is_gone && !kind->returns_object_on_delete)
		reply_success(r, 200, kind, o->name, uid, revision);
	else
		reply_object(r, 200, o, revision);
	object_unref(o);
}

static void serve_delete_one(struct request *r, const json_t *options, bool is_dry_run,
			     bool is_eviction)
{
	const struct target *t = &r->target;
	struct deletion *d = deletion_new(r, t->kind->is_namespaced ? t->ns : NULL, t->name,
					  options, is_dry_run, answer_one);
	d->is_eviction = is_eviction;
	if (is_eviction) /* a budget made a moment ago through another server counts */
		hub_when_fresh(r->server->hub, fresh, d);
	else
		deletion_attempt(d);
}

/* pods/NAME/eviction: a deletion with the options inside the Eviction. */
void serve_eviction(struct request *r)
{
	struct failure f = { 0 };
	AUTO_JSON *body = NULL;
	enum schema_encoding encoding;
	struct schema_report report = { 0 };
	struct error err;
	const struct schema_type *type = schema_type_by_name("policy.v1.Eviction");
	if (!content_type_encoding(http_header_get(r->x, "Content-Type"), &encoding) || !type) {
		fail_media_type(&f, true);
		reply_failure(r, &f);
		return;
	}
	int code = schema_decode(type, encoding, r->x->body ? r->x->body : "", r->x->body_len,
				 &body, &report, &err);
	schema_report_fini(&report);
	if (code < 0) {
		fail_bad_request(&f, "%s", err.text);
		reply_failure(r, &f);
		return;
	}
	AUTO_JSON *options = json_incref(json_object_get(body, "deleteOptions"));
	if (!options)
		options = json_object();
	bool is_dry_run;
	const char *ns = json_str_or(body, "metadata.namespace", "");
	if (*ns && !streq(ns, r->target.ns)) {
		fail_other_namespace(&f);
		reply_failure(r, &f);
	} else if (!streq(json_str_or(body, "metadata.name", ""), r->target.name)) {
		fail_bad_request(&f, "name in URL does not match name in Eviction object");
		reply_failure(r, &f);
	} else if (body_dry_run(r, options, &is_dry_run, &f) < 0) {
		reply_failure(r, &f);
	} else {
		serve_delete_one(r, options, is_dry_run, true);
	}
}

void serve_delete(struct request *r)
{
	struct failure f = { 0 };
	AUTO_JSON *options = NULL;
	bool is_dry_run;
	if (r->target.subresource)
		fail_method(&f);
	else if (body_delete_options(r, &options, &f) == 0 &&
		 body_dry_run(r, options, &is_dry_run, &f) == 0) {
		if (r->target.verb == VERB_DELETE)
			serve_delete_one(r, options, is_dry_run, false);
		else
			delete_collection(r, options, is_dry_run);
		return;
	}
	reply_failure(r, &f);
}
