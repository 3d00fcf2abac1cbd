/*
 * Secrets of type kubernetes.io/service-account-token: the controller writes whom it is for and what the
 * cluster's certificate is; the token comes from here, because the key is here. A Secret gets it when
 * it names an account that is there, by name and uid, and has none yet.
 */
#include "apiserver/change.h"
#include "apiserver/tokens.h"
#include "common/base/jsonx.h"
#include "schemas/base64.h"

#define TYPE      "kubernetes.io/service-account-token"
#define NAME_KEY  "kubernetes.io/service-account.name"
#define UID_KEY   "kubernetes.io/service-account.uid"
#define TOKEN_MAX 16384

int admit_account_token(struct change *c, struct failure *f)
{
	const json_t *annotations = json_dig(c->tree, "metadata.annotations");
	const char *name = json_member_str(annotations, NAME_KEY);
	const char *uid = json_member_str(annotations, UID_KEY);
	const char *held = json_member_str(json_object_get(c->tree, "data"), "token");
	if (!change_is_kind(c, "", "Secret") || c->is_dry_run || !c->server->tokens || !name ||
	    !uid || (held && *held) || !streq(json_str_or(c->tree, "type", ""), TYPE))
		return 0;
	const struct object *account = hub_get(
		c->server->hub, schema_kind_by_kind("", "v1", "ServiceAccount"), c->ns, name);
	if (!account || account->is_deleting || !object_has_uid(account, uid))
		return 0;
	AUTO_STR token;
	AUTO_STR coded;
	struct error err;
	str_init(&token, TOKEN_MAX);
	str_init(&coded, 2 * TOKEN_MAX);
	if (tokens_issue_legacy(c->server->tokens, c->ns, name, uid, c->name, &token, &err) < 0)
		return fail_error(f, &err);
	base64_add(&coded, token.data, token.len);
	json_t *data = json_object_get(c->tree, "data");
	if (!data) {
		data = json_object();
		json_object_set_new(c->tree, "data", data);
	}
	json_object_set_new(data, "token", json_string(coded.data));
	return 0;
}
