/*
 * ServiceAccounts that bear kubernetes.io/enforce-mountable-secrets: their pods use the secrets that the
 * account names, and no others.
 */
#include "apiserver/change.h"
#include "common/base/jsonx.h"

#define ENFORCE "kubernetes.io/enforce-mountable-secrets"

struct looking {
	struct change *c;
	const json_t *account;
	const char *account_name;
	struct failure *f;
};

/* As Go reads booleans. */
static bool is_enforced(const json_t *account)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	const char *value = json_member_str(json_dig(account, "metadata.annotations"), ENFORCE);
	for (size_t i = 0; value && i < ARRAY_LEN(yes); i++)
		if (streq(yes[i], value))
			return true;
	return false;
}

static bool is_listed(const json_t *account, const char *list, const char *name)
{
	size_t i;
	json_t *one;
	json_array_foreach (json_object_get(account, list), i, one)
		if (streq(json_str_or(one, "name", ""), name))
			return true;
	return false;
}

/* NULL, or a secret that is not listed. */
static const char *unlisted(const struct looking *l, const json_t *reference)
{
	const char *name = reference ? json_str_or(reference, "name", "") : NULL;
	return name && !is_listed(l->account, "secrets", name) ? name : NULL;
}

static int check_container(const struct looking *l, const json_t *container, const char *what)
{
	size_t i;
	json_t *env;
	const char *name = json_str_or(container, "name", "");
	json_array_foreach (json_object_get(container, "env"), i, env) {
		const char *bad = unlisted(l, json_dig(env, "valueFrom.secretKeyRef"));
		if (bad)
			return fail_forbidden(
				l->f, l->c->kind, l->c->name,
				"%s %s with envVar %s referencing secret.secretName=\"%s\" is not "
				"allowed because service account %s does not reference that "
				"secret",
				what, name, json_str_or(env, "name", ""), bad, l->account_name);
	}
	json_array_foreach (json_object_get(container, "envFrom"), i, env) {
		const char *bad = unlisted(l, json_object_get(env, "secretRef"));
		if (bad)
			return fail_forbidden(
				l->f, l->c->kind, l->c->name,
				"%s %s with envFrom referencing secret.secretName=\"%s\" is not "
				"allowed because service account %s does not reference that "
				"secret",
				what, name, bad, l->account_name);
	}
	return 0;
}

static int check_list(const struct looking *l, const json_t *spec, const char *list,
		      const char *what)
{
	size_t i;
	json_t *container;
	json_array_foreach (json_object_get(spec, list), i, container)
		if (check_container(l, container, what) < 0)
			return -1;
	return 0;
}

int admit_account_secrets(struct change *c, const json_t *spec, const json_t *account,
			  struct failure *f)
{
	const struct looking l = { c, account, json_str_or(account, "metadata.name", ""), f };
	size_t i;
	json_t *one;
	if (!is_enforced(account))
		return 0;
	json_array_foreach (json_object_get(spec, "volumes"), i, one) {
		const char *name = json_str(one, "secret.secretName");
		if (name && !is_listed(account, "secrets", name))
			return fail_forbidden(f, c->kind, c->name,
					      "volume with secret.secretName=\"%s\" is not allowed "
					      "because service account %s does not reference that "
					      "secret",
					      name, l.account_name);
	}
	if (check_list(&l, spec, "initContainers", "init container") < 0 ||
	    check_list(&l, spec, "containers", "container") < 0)
		return -1;
	json_array_foreach (json_object_get(spec, "imagePullSecrets"), i, one) {
		const char *name = json_str_or(one, "name", "");
		if (!is_listed(account, "imagePullSecrets", name))
			return fail_forbidden(f, c->kind, c->name,
					      "imagePullSecrets[%zu].name=\"%s\" is not allowed "
					      "because service account %s does not reference that "
					      "imagePullSecret",
					      i, name, l.account_name);
	}
	return 0;
}

int admit_ephemeral_secrets(struct change *c, struct failure *f)
{
	const json_t *spec = json_object_get(c->tree, "spec");
	const char *name = json_str_or(spec, "serviceAccountName", "default");
	const struct object *o = hub_get(
		c->server->hub, schema_kind_by_kind("", "v1", "ServiceAccount"), c->ns, name);
	AUTO_JSON *account = o ? object_tree(o) : NULL;
	const struct looking l = { c, account, name, f };
	return is_enforced(account)
		       ? check_list(&l, spec, "ephemeralContainers", "ephemeral container")
		       : 0;
}
