/* Create, update and patch: from the client's body to the answer. */
#include "apiserver/account_wait.h"
#include "apiserver/change.h"
#include "apiserver/definitions.h"
#include "apiserver/work.h"
#include "common/base/jsonx.h"
#include "schemas/gates.h"

static void attempt(struct change *c);

static bool is_large(const struct change *c)
{
	return c->r->x->body_len > WORK_BYTES || (c->old && c->old->len > WORK_BYTES);
}

/* Before the answer: it ends the request, and with it the server's body. */
static void change_free(struct change *c)
{
	if (is_large(c) && !c->is_abandoned) {
		json_t *const trees[] = { TAKE(c->body), TAKE(c->old_tree), TAKE(c->tree) };
		server_free_trees(c->server, trees, ARRAY_LEN(trees));
	}
	change_reset(c);
	str_fini(&c->bytes);
	str_fini(&c->owners);
	str_fini(&c->sent);
	json_decref(c->body);
	failure_fini(&c->failure);
	schema_report_fini(&c->patch_report);
	change_free_headers(c);
	free(c->ns);
	free(c->name);
	free(c->base);
	free(c);
}

static void end_failed(struct change *c, struct failure *f)
{
	struct request *r = c->r;
	change_free(c);
	reply_failure(r, f);
}

/* ---- long steps ---- */

static void step_done(void *change, bool is_gone)
{
	struct change *c = change;
	if (!is_gone)
		deadline_give_back(c->r);
	c->after(c, is_gone);
}

/* A step that only needs the change itself, and what comes after it. */
static void run_step(struct change *c, void (*step)(void *change),
		     void (*after)(void *change, bool is_gone))
{
	if (is_large(c)) {
		c->after = after;
		deadline_lend(c->r);
		server_offload(c->server, step, step_done, c);
	} else {
		step(c);
		after(c, false);
	}
}

static void abandon(struct change *c)
{
	struct request *r = c->r;
	c->is_abandoned = true;
	change_free(c);
	request_abandon(r);
}

/* ---- one attempt ---- */

static int check_ending(struct change *c, struct failure *f)
{
	return c->kind->is_ending
		       ? fail_forbidden(f, c->kind, c->name,
					"create not allowed while custom resource definition is "
					"terminating")
		       : 0;
}

static int find_old(struct change *c, struct failure *f)
{
	if (!c->name) {
		char suffix[6];
		server_name_suffix(c->server, suffix);
		c->name = xasprintf("%.58s%s", c->base, suffix);
	}
	const char *ns = c->kind->is_namespaced ? c->ns : NULL;
	c->key = object_key(c->kind, ns, c->name);
	struct object *old = index_get(hub_index(c->server->hub, c->kind), c->key);
	if (!old && hub_is_unopened(c->server->hub, c->kind, ns, c->name))
		return fail_unopened(f, c->kind, c->name);
	if (c->verb == CHANGE_CREATE && c->part == PART_MAIN) {
		c->is_create = true;
		return old ? fail_exists(f, c->kind, c->name) : check_ending(c, f);
	}
	if (old) {
		c->old = object_ref(old);
		return 0;
	}
	bool makes = c->part == PART_MAIN &&
		     (c->is_apply || (c->verb == CHANGE_UPDATE && c->kind->creates_on_update));
	if (!makes)
		return fail_not_found(f, c->kind, c->name);
	c->is_create = true;
	return check_ending(c, f) < 0 ? -1 : authorize_create(c->r, f);
}

static void build_step(void *change)
{
	struct change *c = change;
	c->code = 0;
	if (c->is_straight && straight_build(c))
		return;
	if (c->is_straight) {
		c->is_straight = c->keeps_managed = false;
		str_clear(&c->owners);
	}
	c->code = change_build(c, &c->failure);
	if (c->code < 0)
		return;
	schema_default(c->kind, c->tree);
	strategy_owners(c);
	strategy_fill(c);
	managed_take_sent(c);
	if (c->is_create)
		managed_note(c);
	else
		c->code = strategy_update(c, &c->failure);
	/* Whoever sent it is said to own it, as in Kubernetes, though it is not there. */
	if (c->code == 0 && schema_drop_gated(c->kind, c->tree, c->old_tree))
		c->is_printed = false;
}

/* What needs to know the other objects; the loop's. */
static int admit(struct change *c, struct failure *f)
{
	if (c->is_straight)
		return straight_admit(c, f);
	int code = c->is_create ? strategy_create(c, f) : 0;
	if (code == 0)
		code = admit_definition(c, f);
	return code < 0 ? code : admit_mutate(c, f);
}

static int judge(struct change *c, struct failure *f)
{
	return c->is_straight ? straight_validate(c, f) : admit_validate(c, f);
}

static void print_step(void *change)
{
	struct change *c = change;
	if (c->is_straight) {
		c->code = straight_print(c, &c->failure);
		return;
	}
	strategy_count(c);
	c->code = change_validate(c, &c->failure);
	if (c->code < 0)
		return;
	change_warn(c);
	/* Admission changes nothing of a status: what was compared is what will be stored. */
	if (!c->is_printed || c->part != PART_STATUS) {
		str_clear(&c->bytes);
		schema_print(c->kind->type, c->tree, &c->bytes);
	}
	managed_put(c);
	c->code = str_ok(&c->bytes) ? 0 : change_too_large(&c->failure);
}

/* ---- answers ---- */

static void answer_tree(struct change *c, struct object *o, int status, uint64_t revision)
{
	struct request *r = c->r;
	bool scale = c->part == PART_SCALE, binding = c->part == PART_BINDING;
	if (scale) {
		AUTO_JSON *tree = object_tree(o);
		change_free(c);
		scale_reply(r, status, tree);
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
	struct hub *hub = c->server->hub;
	struct object *o = revision ? hub_arrived(hub, c->kind, c->key, version) : NULL;
	struct error err;
	struct failure f = { 0 };
	bool is_new = !o;
	if (is_new &&
	    object_new(c->kind, c->key, c->bytes.data, c->bytes.len, version, &o, &err) < 0) {
		fail_error(&f, &err);
		end_failed(c, &f);
		return;
	}
	if (is_new && revision && !c->is_delete)
		hub_expect(hub, o);
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
	if (!c->base || f->code != 409 || c->attempts >= CHANGE_ATTEMPTS_MAX)
		return false;
	free(TAKE(c->name));
	return true;
}

static void waited(void *change, bool is_gone)
{
	if (is_gone)
		abandon(change);
	else
		attempt(change);
}

/* The attempt failed in c->failure: final, or only because the hub was behind. */
static void refused(struct change *c)
{
	struct failure f = c->failure;
	c->failure = (struct failure){ 0 };
	if (draws_again(c, &f)) {
		failure_fini(&f);
		attempt(c);
	} else if (c->is_fresh && c->lacks_account && !c->has_waited) {
		failure_fini(&f);
		c->has_waited = true;
		account_wait(c->server, c->ns, waited, c);
	} else if (c->is_fresh || f.code == 400) {
		end_failed(c, &f);
	} else {
		failure_fini(&f);
		hub_when_fresh(c->server->hub, refreshed, c);
	}
}

static void submit(struct change *c)
{
	struct failure f = { 0 };
	if (!c->is_create && strategy_is_over(c->kind, c->tree)) {
		c->is_delete = true;
		admit_release(c, c->tree);
	}
	if (c->is_dry_run) {
		answer_stored(c, c->old ? c->old->version : 0, 0);
	} else if (change_is_same(c)) {
		if (c->is_fresh)
			answer_tree(c, c->old, 200, c->old->version);
		else
			hub_when_fresh(c->server->hub, refreshed, c);
	} else if (change_submit(c, stored, c, &f) < 0) {
		end_failed(c, &f);
	} else if (!is_large(c)) {
		/* While etcd is at it others compute: their trees shall find this memory, still warm. */
		change_drop_trees(c);
	}
}

/* While a worker was at it, the kind's definition was exchanged: it is computed by the new one. */
static bool has_changed_kind(const struct change *c)
{
	return kind_is_gone(c->asked) || schema_storage(c->asked) != c->kind ||
	       c->kind->revision != c->revision;
}

static void looked_at_pods(void *change, bool is_gone)
{
	if (is_gone)
		abandon(change);
	else
		submit(change);
}

static void printed(void *change, bool is_gone)
{
	struct change *c = change;
	if (is_gone)
		abandon(c);
	else if (has_changed_kind(c))
		attempt(c);
	else if (c->code < 0 || judge(c, &c->failure) < 0)
		refused(c);
	else if (c->looks_at_pods && !c->has_looked)
		admit_security_pods(c, looked_at_pods);
	else
		submit(c);
}

static void built(void *change, bool is_gone)
{
	struct change *c = change;
	if (is_gone)
		abandon(c);
	else if (has_changed_kind(c))
		attempt(c);
	else if (c->code < 0 || admit(c, &c->failure) < 0)
		refused(c);
	else
		run_step(c, print_step, printed);
}

static void attempt(struct change *c)
{
	change_reset(c);
	c->attempts++;
	server_now_text(c->server, c->now);
	/* A custom kind may have changed its storage version since. */
	c->kind = schema_storage(c->asked);
	c->revision = c->kind->revision;
	if (kind_is_gone(c->asked)) {
		(void)fail_path(&c->failure);
		c->is_fresh = true;
		refused(c);
	} else if (change_check_leader(c, &c->failure) < 0 || find_old(c, &c->failure) < 0)
		refused(c);
	else
		run_step(c, build_step, built);
}

/* ---- beginning ---- */

static void decode_step(void *change)
{
	struct change *c = change;
	if (c->verb != CHANGE_PATCH && managed_check_options(c, &c->failure) < 0) {
		c->code = -1;
		return;
	}
	straight_decode(c);
	c->code = c->is_straight ? 0 : body_decode(c, &c->failure);
}

static void decoded(void *change, bool is_gone)
{
	struct change *c = change;
	if (is_gone) {
		abandon(c);
	} else if (c->code < 0 || change_settle_names(c, &c->failure) < 0) {
		struct failure f = c->failure;
		c->failure = (struct failure){ 0 };
		end_failed(c, &f);
	} else {
		attempt(c);
	}
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
			      .part = change_part_of(r->target.subresource) };
	str_init(&c->bytes, RENDER_LIMIT);
	str_init(&c->owners, RENDER_LIMIT);
	str_init(&c->sent, RENDER_LIMIT);
	bool fits = c->part == PART_BINDING ? c->verb == CHANGE_CREATE
		    : c->part == PART_MAIN  ? (c->verb == CHANGE_CREATE) == !r->target.name
					    : c->verb != CHANGE_CREATE;
	change_read_headers(c);
	if (!fits)
		fail_method(&f);
	else if (body_dry_run(r, NULL, &c->is_dry_run, &f) == 0) {
		run_step(c, decode_step, decoded);
		return;
	}
	end_failed(c, &f);
}
