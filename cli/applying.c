#include "cli/applying.h"
#include "cli/apply_plan.h"
#include "cli/command.h"
#include "cli/request.h"

#include <stdio.h>

#define TRIES 5

int applying_init(struct session *s, const json_t *manifest, const char *ns,
		  struct applying *ret, struct error *err)
{
	struct applying a = { .manifest = manifest };
	if (kind_by_name(s, json_str_or(manifest, "apiVersion", ""),
			 json_str_or(manifest, "kind", ""), &a.kind, err) < 0)
		return err->code;
	if (a.kind.is_namespaced)
		a.ns = json_str_or(manifest, "metadata.namespace", ns);
	*ret = a;
	return 0;
}

static char *label_of(const struct applying *a)
{
	return kind_slash_name(&a->kind, json_str_or(a->manifest, "metadata.name",
				 json_str_or(a->manifest, "metadata.generateName", "?")));
}

static const char *query(const struct applying *a)
{
	return a->is_dry_run ? "?fieldManager=kubectl-client-side-apply&fieldValidation=Strict"
			       "&dryRun=All"
			     : "?fieldManager=kubectl-client-side-apply&fieldValidation=Strict";
}

int apply_read(struct session *s, const struct applying *a, json_t **ret)
{
	AUTO_REPLY r = { 0 };
	const char *name = json_str(a->manifest, "metadata.name");
	*ret = NULL;
	if (!name)
		return 0; /* generateName: a new one every time */
	auto_free char *path = kind_path(&a->kind, a->ns, name, NULL);
	auto_free char *label = label_of(a);
	request_json(s, "GET", path, NULL, NULL, &r);
	if (r.code == 0)
		*ret = TAKE(r.body);
	return r.code == 0 || r.code == ERR_NOT_FOUND ? 0 : reply_explain(s, label, &r);
}

/* The manifest names the namespace that it goes to. */
static json_t *wanted(const struct applying *a)
{
	AUTO_JSON *named = json_deep_copy(a->manifest);
	if (a->ns)
		json_put_str(named, "metadata.namespace", a->ns);
	return apply_wanted(named);
}

static void create(struct session *s, const struct applying *a, const json_t *want,
		   struct session_reply *ret)
{
	auto_free char *path = kind_path(&a->kind, a->ns, NULL, NULL);
	auto_free char *target = xasprintf("%s%s", path, query(a));
	request_json(s, "POST", target, want, NULL, ret);
}

/* What was applied before; NULL: it was made in another way. */
static json_t *last_applied(const json_t *live)
{
	struct error ignored;
	json_t *last = NULL;
	const char *text = json_member_str(json_dig(live, "metadata.annotations"), LAST_APPLIED);
	if (!text || json_parse(text, strlen(text), &last, &ignored) < 0)
		return NULL;
	return last;
}

static int change(struct session *s, const struct applying *a, const json_t *want,
		  const json_t *live, struct session_reply *ret, bool *ret_is_same)
{
	AUTO_JSON *last = last_applied(live), *patch = NULL;
	struct error err;
	const struct schema_type *type = a->kind.schema ? a->kind.schema->type : NULL;
	*ret_is_same = false;
	if (patch_three_way(type, last, want, live, &patch, &err) < 0)
		return error_explain(&err);
	if (json_object_size(patch) == 0) {
		*ret_is_same = true;
		ret->body = json_incref((json_t *)(uintptr_t)live);
		return 0;
	}
	auto_free char *path =
		kind_path(&a->kind, a->ns, json_str_or(live, "metadata.name", ""), NULL);
	auto_free char *target = xasprintf("%s%s", path, query(a));
	request_json(s, "PATCH", target, patch, type ? API_STRATEGIC_PATCH : API_MERGE_PATCH, ret);
	*ret_is_same = ret->code == 0 &&
		       streq(json_str_or(ret->body, "metadata.resourceVersion", "+"),
			     json_str_or(live, "metadata.resourceVersion", "-"));
	return 0;
}

static int apply_once(struct session *s, const struct applying *a, const json_t *want,
		      enum applied *ret, struct session_reply *reply)
{
	AUTO_JSON *live = NULL;
	bool is_same = false;
	int code = apply_read(s, a, &live);
	if (code)
		return code;
	if (!live) {
		*ret = APPLIED_CREATED;
		create(s, a, want, reply);
		return 0;
	}
	code = change(s, a, want, live, reply, &is_same);
	*ret = is_same ? APPLIED_UNCHANGED : APPLIED_CONFIGURED;
	return code;
}

int apply_object(struct session *s, const struct applying *a, enum applied *ret,
		 json_t **ret_object)
{
	AUTO_JSON *want = wanted(a);
	auto_free char *label = label_of(a);
	for (int i = 1;; i++) {
		AUTO_REPLY r = { 0 };
		int code = apply_once(s, a, want, ret, &r);
		if (code)
			return code;
		if (r.code == 0) {
			*ret_object = TAKE(r.body);
			return 0;
		}
		/* Somebody else made, changed or removed it in between. */
		bool raced = r.code == ERR_EXISTS || r.code == ERR_CONFLICT ||
			     (r.code == ERR_NOT_FOUND && *ret == APPLIED_CONFIGURED);
		if (!raced || i == TRIES)
			return reply_explain(s, label, &r);
	}
}
