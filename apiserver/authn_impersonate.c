/* Acting as somebody else: whoever may impersonate user, groups, uid and extra becomes them for this
 * request. */
#include "apiserver/authn.h"
#include "apiserver/authz.h"
#include "apiserver/query.h"
#include "common/base/jsonx.h"

#include <strings.h>

#define EXTRA_PREFIX "Impersonate-Extra-"
#define AUTHN_GROUP  "authentication.k8s.io"
#define EXTRAS_MAX   64

struct extras {
	struct identity *who;
	size_t count;
};

/* Keys are lower case, and percent-encoded where a header could not hold them. */
static void add_extra(void *ctx, const char *name, const char *value)
{
	struct extras *e = ctx;
	const char *coded = name + strlen(EXTRA_PREFIX);
	auto_free char *key = url_decode(coded, strlen(coded), false);
	if (!key || !*key || e->count++ >= EXTRAS_MAX)
		return;
	for (char *p = key; *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
	identity_add_extra(e->who, key, value);
}

static void read_wanted(struct request *r, struct identity *ret)
{
	const char *groups[IDENTITY_GROUPS_MAX];
	const char *user = http_header_get(r->x, "Impersonate-User");
	const char *uid = http_header_get(r->x, "Impersonate-Uid");
	size_t n = http_header_values(r->x, "Impersonate-Group", groups, ARRAY_LEN(groups));
	struct extras extras = { .who = ret };
	ret->name = xstrdup(user ? user : "");
	ret->uid = uid ? xstrdup(uid) : NULL;
	for (size_t i = 0; i < n; i++)
		identity_add_group(ret, groups[i]);
	http_headers_like(r->x, EXTRA_PREFIX, add_extra, &extras);
}

static int may(struct request *r, const char *group, const char *resource, const char *subresource,
	       const char *ns, const char *name, struct failure *f)
{
	const struct access a = { .is_resource = true,
				  .verb = "impersonate",
				  .group = group,
				  .resource = resource,
				  .subresource = subresource,
				  .name = name,
				  .ns = ns,
				  .path = "",
				  .field_node = "" };
	AUTO_STR reason, cannot;
	str_init(&reason, 16384);
	str_init(&cannot, 16384);
	if (authz_allows(r->server, &r->who, &a, &reason))
		return 0;
	authz_cannot_text(&r->who, &a, &cannot);
	const char *quote = *name ? "\"" : "";
	fail(f, 403, "Forbidden", "%s%s%s%s%s%s%s is forbidden: %s%s%s", resource,
	     *group ? "." : "", group, *name ? " " : "", quote, name, quote, cannot.data,
	     reason.len ? ": " : "", reason.data);
	failure_kind(f, group, resource, name);
	return -1;
}

static int may_be_user(struct request *r, const struct identity *wanted, struct failure *f)
{
	struct identity account = { .name = xstrdup(wanted->name) };
	authn_describe_account(r->server, &account);
	int code = account.sa_ns
			   ? may(r, "", "serviceaccounts", "", account.sa_ns, account.sa_name, f)
			   : may(r, "", "users", "", "", wanted->name, f);
	identity_fini(&account);
	return code;
}

static int may_be(struct request *r, const struct identity *wanted, struct failure *f)
{
	const char *key;
	json_t *values, *value;
	size_t i;
	if (may_be_user(r, wanted, f) < 0)
		return -1;
	for (i = 0; i < wanted->groups_count; i++)
		if (may(r, "", "groups", "", "", wanted->groups[i], f) < 0)
			return -1;
	if (wanted->uid && may(r, AUTHN_GROUP, "uids", "", "", wanted->uid, f) < 0)
		return -1;
	json_object_foreach (wanted->extra, key, values)
		json_array_foreach (values, i, value)
			if (may(r, AUTHN_GROUP, "userextras", key, "", json_string_value(value),
				f) < 0)
				return -1;
	return 0;
}

/* What everybody of this kind belongs to, once they may be it. */
static void complete(struct request *r, struct identity *who)
{
	bool anonymous = streq(who->name, "system:anonymous");
	if (!who->groups_count)
		(void)authn_account_groups(who);
	if (!identity_in_group(who, "system:unauthenticated"))
		identity_add_group(who,
				   anonymous ? "system:unauthenticated" : "system:authenticated");
	authn_describe_account(r->server, who);
}

static void note(void *ctx, const char *name, const char *value)
{
	(void)name, (void)value;
	*(bool *)ctx = true;
}

static void add_list(struct str *out, const json_t *list)
{
	size_t i;
	json_t *v;
	str_add(out, "[]string{");
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		str_add(out, i ? ", " : "");
		str_add_json(out, json_string_value(v), json_string_length(v));
	}
	str_add(out, "}");
}

/* In Kubernetes' words, which are Go's way of showing what was asked for. */
static int fail_without_name(const struct identity *wanted, struct failure *f)
{
	AUTO_STR text;
	str_init(&text, 1 << 16);
	AUTO_JSON *groups = json_array();
	const char *uid = wanted->uid ? wanted->uid : "";
	for (size_t i = 0; i < wanted->groups_count; i++)
		json_array_append_new(groups, json_string(wanted->groups[i]));
	str_add(&text, "requested &user.DefaultInfo{Name:\"\", UID:");
	str_add_json(&text, uid, strlen(uid));
	str_add(&text, ", Groups:");
	if (wanted->groups_count)
		add_list(&text, groups);
	else
		str_add(&text, "[]string(nil)");
	str_add(&text, ", Extra:map[string][]string");
	str_add(&text, wanted->extra ? "{" : "(nil)");
	const char *key;
	json_t *values;
	bool is_first = true;
	json_object_foreach (wanted->extra, key, values) {
		str_add(&text, is_first ? "" : ", ");
		str_add_json(&text, key, strlen(key));
		str_add(&text, ":");
		add_list(&text, values);
		is_first = false;
	}
	str_add(&text, wanted->extra ? "}}" : "}");
	return fail_bad_request(f, "%s without impersonating a user name", text.data);
}

int authn_impersonate(struct request *r, struct failure *f)
{
	struct identity wanted = { 0 };
	bool is_asked = false;
	if (r->real.name)
		return 0; /* done */
	http_headers_like(r->x, "Impersonate-", note, &is_asked);
	if (!is_asked && r->x->ops->headers_like)
		return 0;
	read_wanted(r, &wanted);
	bool wants = *wanted.name || wanted.groups_count || wanted.uid || wanted.extra;
	int code = 0;
	if (wants && !*wanted.name)
		code = fail_without_name(&wanted, f);
	else if (wants)
		code = may_be(r, &wanted, f);
	if (code < 0 || !wants) {
		identity_fini(&wanted);
		return code;
	}
	r->real = r->who;
	r->who = wanted;
	complete(r, &r->who);
	return 0;
}
