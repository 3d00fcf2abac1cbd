/*
 * CertificateSigningRequests: who asks is written down by the server, the rest of what is asked
 * stays as it was; /approval sets the decision, /status the certificate, each for those who hold
 * the verb approve or sign on the signer.
 */
#include "apiserver/signing.h"
#include "apiserver/authz.h"
#include "common/base/jsonx.h"
#include "common/io/tls_csr.h"
#include "schemas/base64.h"

#define REASON_MAX 16384
#define CLIENT     "kubernetes.io/kube-apiserver-client"
#define MASTERS    "system:masters"

static bool is_request(const struct schema_kind *k)
{
	return streq(k->group, "certificates.k8s.io") &&
	       streq(k->kind, "CertificateSigningRequest");
}

/* ---- what the server keeps ---- */

void signing_create(struct change *c)
{
	const struct identity *who = &c->r->who;
	json_t *spec = json_object_get(c->tree, "spec");
	if (!is_request(c->kind) || !spec)
		return;
	static const char *const own[] = { "username", "uid", "groups", "extra" };
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		json_object_del(spec, own[i]);
	json_put_str(spec, "username", who->name);
	if (who->uid && *who->uid)
		json_put_str(spec, "uid", who->uid);
	json_t *groups = json_array();
	for (size_t i = 0; i < who->groups_count; i++)
		json_array_append_new(groups, json_string(who->groups[i]));
	if (json_array_size(groups))
		json_object_set(spec, "groups", groups);
	json_decref(groups);
	if (json_object_size(who->extra))
		json_object_set_new(spec, "extra", json_deep_copy(who->extra));
}

/* The condition that stands in both with this type and status; NULL: none. */
static const json_t *same_before(const json_t *list, const json_t *condition)
{
	size_t i;
	json_t *old;
	json_array_foreach ((json_t *)(uintptr_t)list, i, old)
		if (streq(json_str_or(old, "type", ""), json_str_or(condition, "type", "")) &&
		    streq(json_str_or(old, "status", ""), json_str_or(condition, "status", "")) &&
		    json_str(old, "lastTransitionTime"))
			return old;
	return NULL;
}

static void set_times(struct change *c)
{
	const json_t *before = json_dig(c->old_tree, "status.conditions");
	size_t i;
	json_t *one;
	json_array_foreach (json_dig(c->tree, "status.conditions"), i, one) {
		if (!json_str(one, "lastUpdateTime"))
			json_put_str(one, "lastUpdateTime", c->now);
		if (json_str(one, "lastTransitionTime"))
			continue;
		const json_t *old = same_before(before, one);
		json_put_str(one, "lastTransitionTime",
			     old ? json_str(old, "lastTransitionTime") : c->now);
	}
}

static json_t *nth_of(const json_t *list, const char *type, size_t n)
{
	size_t i;
	json_t *one;
	json_array_foreach ((json_t *)(uintptr_t)list, i, one)
		if (streq(json_str_or(one, "type", ""), type) && n-- == 0)
			return one;
	return NULL;
}

/* A signer does not touch the decision: what is there stays word for word. */
static void keep_decision(struct change *c, const char *type)
{
	json_t *now = json_dig(c->tree, "status.conditions");
	const json_t *before = json_dig(c->old_tree, "status.conditions");
	size_t count = 0;
	while (nth_of(before, type, count))
		count++;
	if (nth_of(now, type, count) || (count && !nth_of(now, type, count - 1)))
		return; /* some came or went, which the rules refuse */
	for (size_t n = 0; n < count; n++) {
		json_t *one = nth_of(now, type, n);
		json_object_clear(one);
		json_object_update(one, nth_of(before, type, n));
	}
}

static void keep_member(json_t *tree, const json_t *old, const char *name)
{
	json_t *value = json_object_get(old, name);
	if (value)
		json_object_set(tree, name, value);
	else
		json_object_del(tree, name);
}

void signing_update(struct change *c)
{
	if (!is_request(c->kind))
		return;
	keep_member(c->tree, c->old_tree, "spec");
	if (c->part == PART_STATUS) {
		keep_decision(c, "Approved");
		keep_decision(c, "Denied");
		set_times(c);
	} else if (c->part == PART_APPROVAL) {
		json_t *status = json_object_get(c->tree, "status");
		set_times(c);
		if (status)
			keep_member(status, json_object_get(c->old_tree, "status"), "certificate");
	}
}

/* ---- what needs keys to be judged ---- */

/* The PEM text of a member in base64, the caller's. */
static char *pem_of(const json_t *tree, const char *path)
{
	const char *coded = json_str_or(tree, path, "");
	AUTO_STR text;
	str_init(&text, strlen(coded) + 1);
	base64_decode(coded, strlen(coded), &text);
	return str_take(&text);
}

int signing_read(const json_t *tree, struct tls_csr *ret, struct error *err)
{
	auto_free char *pem = pem_of(tree, "spec.request");
	return tls_csr_read(pem, ret, err);
}

static bool has_error(const struct field_errors *errors, const char *field)
{
	for (size_t i = 0; i < errors->count; i++)
		if (streq(errors->at[i].field, field))
			return true;
	return false;
}

void signing_check(const struct change *c, struct field_errors *errors)
{
	struct error err;
	if (!is_request(c->kind))
		return;
	if (c->is_create && !has_error(errors, "spec.request")) {
		AUTO_TLS_CSR request = { 0 };
		if (signing_read(c->tree, &request, &err) < 0)
			field_errors_add(errors, FIELD_INVALID, "spec.request",
					 json_dig(c->tree, "spec.request"), "%s", err.text);
	}
	const char *now = json_str_or(c->tree, "status.certificate", "");
	if (!*now || streq(now, json_str_or(c->old_tree, "status.certificate", "")) ||
	    has_error(errors, "status.certificate"))
		return;
	auto_free char *pem = pem_of(c->tree, "status.certificate");
	AUTO_JSON *shown = json_string("<certificate data>");
	if (tls_certs_check(pem, &err) < 0)
		field_errors_add(errors, FIELD_INVALID, "status.certificate", shown, "%s",
				 err.text);
}

/* ---- who may ---- */

static bool holds(struct change *c, const char *verb, const char *signer)
{
	AUTO_STR reason;
	str_init(&reason, REASON_MAX);
	const struct access a = { .is_resource = true,
				  .verb = verb,
				  .group = "certificates.k8s.io",
				  .resource = "signers",
				  .subresource = "",
				  .name = signer,
				  .ns = "",
				  .path = "",
				  .field_node = "" };
	return authz_allows(c->server, &c->r->who, &a, &reason);
}

/* The verb on the signer, or on all signers of its domain. */
static bool may(struct change *c, const char *verb, const char *signer)
{
	auto_free char *all = xasprintf("%.*s/*", (int)strcspn(signer, "/"), signer);
	return holds(c, verb, signer) || holds(c, verb, all);
}

static int check_subject(struct change *c, struct failure *f)
{
	AUTO_TLS_CSR request = { 0 };
	struct error err;
	if (!streq(json_str_or(c->tree, "spec.signerName", ""), CLIENT))
		return 0;
	if (signing_read(c->tree, &request, &err) < 0)
		return fail_forbidden(f, c->kind, c->name, "failed to parse CSR: %s", err.text);
	for (size_t i = 0; i < request.orgs_count; i++)
		if (streq(request.orgs[i], MASTERS))
			return fail_forbidden(f, c->kind, c->name,
					      "use of " CLIENT " signer with " MASTERS
					      " group is not allowed");
	return 0;
}

static bool has_signed(const struct change *c)
{
	static const char *const parts[] = { "status.certificate", "status.conditions" };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		json_t *now = json_dig(c->tree, parts[i]), *old = json_dig(c->old_tree, parts[i]);
		if (now && old ? !json_equal(now, old) : now != old)
			return true;
	}
	return false;
}

int signing_admit(struct change *c, struct failure *f)
{
	if (!is_request(c->kind))
		return 0;
	const char *signer =
		json_str_or(c->old_tree ? c->old_tree : c->tree, "spec.signerName", "");
	if (c->is_create)
		return check_subject(c, f);
	if (c->part == PART_APPROVAL && !may(c, "approve", signer))
		return fail_forbidden(f, c->kind, c->name,
				      "user not permitted to approve requests with signerName "
				      "\"%s\"",
				      signer);
	if (c->part == PART_STATUS && has_signed(c) && !may(c, "sign", signer))
		return fail_forbidden(f, c->kind, c->name,
				      "user not permitted to sign requests with signerName \"%s\"",
				      signer);
	return 0;
}
