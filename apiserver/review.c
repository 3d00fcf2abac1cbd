/*
 * Questions that look like creating an object and store none: who am I, may I, may they, what may
 * I, whose token is this. And the old form of binding a pod.
 */
#include "apiserver/audit.h"
#include "apiserver/authz.h"
#include "apiserver/authz_node.h"
#include "apiserver/authn.h"
#include "apiserver/change.h"
#include "apiserver/review_check.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"

#define REASON_MAX 16384
#define ANSWER_MAX (4u << 20)

/* ---- may they? ---- */

/* Refused in the words that Kubernetes has for a kind without a name. */
static int fail_check(struct failure *f, struct field_errors *take)
{
	static const struct schema_kind nameless = { .group = "authorization.k8s.io",
						     .kind = "",
						     .resource = "" };
	int code = take->count ? fail_invalid(f, &nameless, "", take) : 0;
	field_errors_fini(take);
	return code;
}

/* The one equality on a field among the attributes' selector requirements. */
static const char *selected(const json_t *attributes, const char *key)
{
	size_t i;
	json_t *q;
	json_array_foreach (json_dig(attributes, "fieldSelector.requirements"), i, q)
		if (streq(json_str_or(q, "key", ""), key) &&
		    streq(json_str_or(q, "operator", ""), "In") &&
		    json_array_size(json_object_get(q, "values")) == 1)
			return json_string_value(json_array_get(json_object_get(q, "values"), 0));
	return NULL;
}

static struct access access_of(const json_t *spec)
{
	const json_t *a = json_object_get(spec, "resourceAttributes");
	const json_t *path = json_object_get(spec, "nonResourceAttributes");
	const char *node = selected(a, "spec.nodeName");
	if (!json_is_object(a))
		return (struct access){ false, json_str_or(path, "verb", ""), "", "", "", "",
					"",    json_str_or(path, "path", ""), "" };
	return (struct access){ true,
				json_str_or(a, "verb", ""),
				json_str_or(a, "group", ""),
				json_str_or(a, "resource", ""),
				json_str_or(a, "subresource", ""),
				json_str_or(a, "name", ""),
				json_str_or(a, "namespace", ""),
				"",
				node ? node : "" };
}

static void answer_access(struct request *r, json_t *tree, const struct identity *who)
{
	AUTO_STR reason;
	str_init(&reason, REASON_MAX);
	struct access a = access_of(json_object_get(tree, "spec"));
	bool allowed = authz_allows(r->server, who, &a, &reason);
	json_t *status = json_pack("{s:b}", "allowed", allowed);
	if (reason.len)
		json_put_str(status, "reason", reason.data);
	json_object_set_new(tree, "status", status);
}

static void add_groups(struct identity *who, const json_t *groups)
{
	size_t i;
	json_t *g;
	json_array_foreach ((json_t *)(uintptr_t)groups, i, g)
		if (json_is_string(g))
			identity_add_group(who, json_string_value(g));
}

static void answer_other(struct request *r, json_t *tree)
{
	const json_t *spec = json_object_get(tree, "spec");
	struct identity who = { .name = xstrdup(json_str_or(spec, "user", "")) };
	add_groups(&who, json_object_get(spec, "groups"));
	authn_describe_account(r->server, &who);
	answer_access(r, tree, &who);
	identity_fini(&who);
}

static int review_other(struct request *r, json_t *tree, struct failure *f)
{
	struct field_errors errors = { 0 };
	review_check_other(tree, &errors);
	if (fail_check(f, &errors) < 0)
		return -1;
	answer_other(r, tree);
	return 0;
}

static int review_local(struct request *r, json_t *tree, struct failure *f)
{
	struct field_errors errors = { 0 };
	json_t *metadata = json_object_get(tree, "metadata");
	const char *ns = json_str_or(metadata, "namespace", "");
	if (*ns && !streq(ns, r->target.ns))
		return fail_other_namespace(f);
	json_put_str(metadata, "namespace", r->target.ns);
	review_check_local(tree, r->target.ns, &errors);
	if (fail_check(f, &errors) < 0)
		return -1;
	answer_other(r, tree);
	return 0;
}

static int review_self(struct request *r, json_t *tree, struct failure *f)
{
	struct field_errors errors = { 0 };
	review_check_self(tree, &errors);
	if (fail_check(f, &errors) < 0)
		return -1;
	answer_access(r, tree, &r->who);
	return 0;
}

/* ---- what may I? ---- */

struct rules_answer {
	json_t *resources, *paths, *missing;
};

static void put_list(json_t *to, const char *name, const char *const *list, bool is_needed)
{
	if (!*list && !is_needed)
		return;
	json_t *out = json_array();
	for (; *list; list++)
		json_array_append_new(out, json_string(*list));
	json_object_set_new(to, name, out);
}

static bool add_rule(void *ctx, const struct rbac_source *source, const struct rbac_rule *rule)
{
	struct rules_answer *a = ctx;
	if (!rule) {
		auto_free char *text = xasprintf(
			"%s.rbac.authorization.k8s.io \"%s\" not found",
			streq(source->role_kind, "Role") ? "role" : "clusterrole", source->role);
		json_array_append_new(a->missing, json_string(text));
		return true;
	}
	if (*rule->resources) {
		json_t *out = json_object();
		put_list(out, "verbs", rule->verbs, true);
		put_list(out, "apiGroups", rule->groups, false);
		put_list(out, "resources", rule->resources, false);
		put_list(out, "resourceNames", rule->names, false);
		json_array_append_new(a->resources, out);
	}
	if (*rule->urls) {
		json_t *out = json_object();
		put_list(out, "verbs", rule->verbs, true);
		put_list(out, "nonResourceURLs", rule->urls, false);
		json_array_append_new(a->paths, out);
	}
	return true;
}

static void join(const json_t *texts, struct str *out)
{
	size_t i;
	json_t *t;
	bool many = json_array_size(texts) > 1;
	str_add(out, many ? "[" : "");
	json_array_foreach ((json_t *)(uintptr_t)texts, i, t)
		str_addf(out, "%s%s", i ? ", " : "", json_string_value(t));
	str_add(out, many ? "]" : "");
}

static int review_rules(struct request *r, json_t *tree, struct failure *f)
{
	const char *ns = json_str_or(tree, "spec.namespace", "");
	if (!*ns)
		return fail_bad_request(f, "no namespace on request");
	struct rules_answer a = { json_array(), json_array(), json_array() };
	rbac_rules_for(r->server->rbac, &r->who, ns, add_rule, &a);
	if (r->who.is_deployer && streq(ns, r->who.sa_ns))
		json_array_append_new(a.resources, json_pack("{s:[s],s:[s],s:[s]}", "verbs", "*",
							     "apiGroups", "*", "resources", "*"));
	bool is_node = authz_node_name(&r->who) != NULL;
	if (is_node)
		json_array_append_new(a.missing, json_string("node authorizer does not support "
							     "user rule resolution"));
	json_t *status =
		json_pack("{s:o,s:o,s:b}", "resourceRules", a.resources, "nonResourceRules",
			  a.paths, "incomplete", json_array_size(a.missing) > 0);
	AUTO_STR text;
	str_init(&text, REASON_MAX);
	join(a.missing, &text);
	if (text.len)
		json_put_str(status, "evaluationError", text.data);
	json_decref(a.missing);
	/* The answer does not repeat the question. */
	json_object_set_new(tree, "spec", json_object());
	json_object_set_new(tree, "status", status);
	return 0;
}

/* ---- who? ---- */

static json_t *user_info(const struct identity *who)
{
	json_t *info = json_pack("{s:s}", "username", who->name), *groups = json_array();
	if (who->uid && *who->uid)
		json_put_str(info, "uid", who->uid);
	for (size_t i = 0; i < who->groups_count; i++)
		json_array_append_new(groups, json_string(who->groups[i]));
	json_object_set_new(info, "groups", groups);
	if (json_object_size(who->extra))
		json_object_set(info, "extra", who->extra);
	return info;
}

static int review_me(struct request *r, json_t *tree, struct failure *f)
{
	(void)f;
	char now[TIME_TEXT_SIZE];
	time_format(loop_wall_us(r->server->loop), now);
	json_object_set_new(tree, "metadata", json_pack("{s:s}", "creationTimestamp", now));
	json_put(tree, "status.userInfo", user_info(&r->who));
	return 0;
}

static int review_token(struct request *r, json_t *tree, struct failure *f)
{
	const char *token = json_str_or(tree, "spec.token", "");
	const json_t *wanted = json_dig(tree, "spec.audiences");
	struct identity who = { 0 };
	struct error err;
	AUTO_JSON *audiences = NULL;
	if (!*token)
		return fail_bad_request(f, "token is required for TokenReview in authentication");
	json_t *status = json_object();
	if (authn_token(r, token, wanted, &who, &audiences, &err)) {
		json_put_bool(status, "authenticated", true);
		json_object_set_new(status, "user", user_info(&who));
		if (json_array_size(audiences))
			json_object_set(status, "audiences", audiences);
	} else {
		json_object_set_new(status, "user", json_object());
		json_put_str(status, "error", "invalid bearer token");
	}
	identity_fini(&who);
	/* The token itself goes back to nobody. */
	json_drop(json_object_get(tree, "spec"), "token");
	json_object_set_new(tree, "status", status);
	return 0;
}

/* ---- old bindings ---- */

static int as_pod_binding(struct request *r, const json_t *tree, struct failure *f)
{
	const char *name = json_str_or(tree, "metadata.name", "");
	if (!*name)
		return fail_bad_request(f, "Name parameter required.");
	r->target.resource = "pods";
	r->target.name = r->target.given = xstrdup(name);
	r->target.subresource = "binding";
	r->target.kind = schema_kind_by_kind("", "v1", "Pod");
	return 0;
}

/* ---- serving ---- */

static const struct {
	const char *resource;
	int (*answer)(struct request *r, json_t *tree, struct failure *f);
} reviews[] = {
	{ "localsubjectaccessreviews", review_local }, { "selfsubjectaccessreviews", review_self },
	{ "selfsubjectreviews", review_me },           { "selfsubjectrulesreviews", review_rules },
	{ "subjectaccessreviews", review_other },      { "tokenreviews", review_token },
};

static int answer(struct request *r, json_t *tree, struct failure *f)
{
	json_t *metadata = json_object_get(tree, "metadata");
	if (!metadata)
		json_object_set_new(tree, "metadata", json_object());
	else if (!r->target.ns || !*r->target.ns)
		json_drop(metadata, "namespace");
	for (size_t i = 0; i < ARRAY_LEN(reviews); i++)
		if (streq(reviews[i].resource, r->target.resource))
			return reviews[i].answer(r, tree, f);
	return fail_path(f);
}

static void note_sent(struct request *r, const json_t *tree)
{
	const struct audit_object sent = {
		.ns = json_str_or(tree, "metadata.namespace", ""),
		.name = json_str_or(tree, "metadata.name", ""),
		.uid = json_str_or(tree, "metadata.uid", ""),
		.version = json_str_or(tree, "metadata.resourceVersion", ""),
	};
	audit_note_object(r, &sent);
}

/* What was written a moment ago, through whichever server, counts. */
static void review_now(void *ctx, const struct error *err)
{
	struct request *r = ctx;
	struct failure f = { 0 };
	const char *type = http_header_get(r->x, "Content-Type");
	struct change c = { .r = r,
			    .server = r->server,
			    .kind = r->target.kind,
			    .asked = r->target.kind,
			    .content_type = (char *)(uintptr_t)type, /* read only */
			    .verb = CHANGE_CREATE,
			    .part = PART_MAIN };
	change_read_headers(&c);
	int code = err ? fail_unavailable(&f, "%s", err->text) : body_decode(&c, &f);
	change_free_headers(&c);
	if (code == 0) {
		note_sent(r, c.body);
		if (streq(r->target.resource, "bindings")) {
			if (as_pod_binding(r, c.body, &f) == 0) {
				json_decref(c.body);
				serve_write(r);
				return;
			}
		} else if (answer(r, c.body, &f) == 0) {
			AUTO_STR text;
			str_init(&text, ANSWER_MAX);
			schema_print(c.kind->type, c.body, &text);
			json_decref(c.body);
			reply_json(r, 201, text.data, text.len);
			return;
		}
	}
	json_decref(c.body);
	reply_failure(r, &f);
}

void serve_review(struct request *r)
{
	struct failure f = { 0 };
	bool dry;
	const struct accept_offer offer = { .protobuf = true, .yaml = true };
	if (r->accept.as != ACCEPT_OBJECT) {
		fail_not_acceptable(&f, &offer);
		reply_failure(r, &f);
	} else if (body_dry_run(r, NULL, &dry, &f) < 0) {
		reply_failure(r, &f);
	} else {
		hub_when_fresh(r->server->hub, review_now, r);
	}
}
