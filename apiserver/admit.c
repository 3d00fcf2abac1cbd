/* Admission: what the server adds to objects, and what it refuses beyond their schema. */
#include "apiserver/authz_node.h"
#include "apiserver/change.h"
#include "apiserver/signing.h"
#include "common/base/jsonx.h"
#include "schemas/app_armor.h"
#include "schemas/qos.h"

#include <stdio.h>

#define TOKEN_MOUNT   "/var/run/secrets/kubernetes.io/serviceaccount"
#define TOKEN_SECONDS 3607
#define ROLE_LABEL    "skiff.dev/role"
#define MIRROR        "kubernetes.io/config.mirror"

static bool is_master(const struct change *c)
{
	return identity_in_group(&c->r->who, "system:masters");
}

/* ---- the namespace must be there, and stay ---- */

int admit_namespace(struct change *c, struct failure *f)
{
	if (!c->kind->is_namespaced || !c->is_create)
		return 0;
	const struct schema_kind *k = schema_kind_by_kind("", "v1", "Namespace");
	struct object *ns = hub_get(c->server->hub, k, NULL, c->ns);
	if (!ns)
		return fail_not_found(f, k, c->ns);
	if (!ns->is_deleting)
		return 0;
	fail_forbidden(
		f, c->kind, c->name,
		"unable to create new content in namespace %s because it is being terminated",
		c->ns);
	auto_free char *why = xasprintf("namespace %s is being terminated", c->ns);
	failure_cause(f, "NamespaceTerminating", why, "metadata.namespace");
	return -1;
}

/* ---- pods ---- */

static bool has_mount(const json_t *container, const char *path)
{
	size_t i;
	json_t *m;
	json_array_foreach (json_object_get(container, "volumeMounts"), i, m)
		if (streq(json_str_or(m, "mountPath", ""), path))
			return true;
	return false;
}

static json_t *list_of(json_t *o, const char *name)
{
	json_t *list = json_object_get(o, name);
	if (!list) {
		list = json_array();
		json_object_set_new(o, name, list);
	}
	return list;
}

static json_t *token_volume(const char *name)
{
	return json_pack(
		"{s:s,s:{s:i,s:[{s:{s:i,s:s}},{s:{s:s,s:[{s:s,s:s}]}},{s:{s:[{s:s,s:{s:s,s:s}}]}}]}}",
		"name", name, "projected", "defaultMode", 420, "sources", "serviceAccountToken",
		"expirationSeconds", TOKEN_SECONDS, "path", "token", "configMap", "name",
		"kube-root-ca.crt", "items", "key", "ca.crt", "path", "ca.crt", "downwardAPI",
		"items", "path", "namespace", "fieldRef", "apiVersion", "v1", "fieldPath",
		"metadata.namespace");
}

static void mount_token(struct change *c, json_t *spec)
{
	static const char *const lists[] = { "initContainers", "containers" };
	char suffix[6];
	server_name_suffix(c->server, suffix);
	auto_free char *name = xasprintf("kube-api-access-%s", suffix);
	bool mounted = false;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		size_t i;
		json_t *container;
		json_array_foreach (json_object_get(spec, lists[l]), i, container) {
			if (has_mount(container, TOKEN_MOUNT))
				continue;
			json_array_append_new(list_of(container, "volumeMounts"),
					      json_pack("{s:s,s:b,s:s}", "name", name, "readOnly",
							1, "mountPath", TOKEN_MOUNT));
			mounted = true;
		}
	}
	if (mounted)
		json_array_append_new(list_of(spec, "volumes"), token_volume(name));
}

/* A pod that stands in a file of its node is shown, and gets nothing. */
static bool is_mirror(const struct change *c)
{
	return json_object_get(json_dig(c->tree, "metadata.annotations"), MIRROR) != NULL;
}

static void note_secret(void *ctx, enum pod_reference kind, struct span name)
{
	(void)name;
	*(bool *)ctx |= kind == REFERS_SECRET;
}

static bool names_secret(const struct change *c)
{
	AUTO_STR bytes;
	bool found = false;
	str_init(&bytes, RENDER_LIMIT);
	schema_print(c->kind->type, c->tree, &bytes);
	pod_references((struct span){ bytes.data, bytes.len }, note_secret, &found);
	return found;
}

static bool projects_token(const json_t *spec)
{
	size_t i, k;
	json_t *volume, *source;
	json_array_foreach (json_object_get(spec, "volumes"), i, volume)
		json_array_foreach (json_dig(volume, "projected.sources"), k, source)
			if (json_object_get(source, "serviceAccountToken"))
				return true;
	return false;
}

static int check_mirror(struct change *c, const json_t *spec, struct failure *f)
{
	const char *why = NULL;
	if (*json_str_or(spec, "serviceAccountName", ""))
		why = "a mirror pod may not reference service accounts";
	else if (names_secret(c))
		why = "a mirror pod may not reference secrets";
	else if (projects_token(spec))
		why = "a mirror pod may not use ServiceAccountToken volume projections";
	return why ? fail_forbidden(f, c->kind, c->name, "%s", why) : 0;
}

/* Nothing in it is about the pods that run as it: most accounts are so. */
static bool is_plain_account(const struct object *o)
{
	struct span whole = { o->bytes, o->len };
	return !scan_member(whole, "imagePullSecrets").at &&
	       !scan_member(whole, "automountServiceAccountToken").at &&
	       !scan_member(object_metadata(o), "annotations").at;
}

static int admit_account(struct change *c, json_t *spec, struct failure *f)
{
	if (is_mirror(c))
		return check_mirror(c, spec, f);
	const char *name = json_str_or(spec, "serviceAccountName", "");
	if (!*name) /* "" as templates leave it is none */
		name = json_str_or(spec, "serviceAccount", "");
	if (!*name)
		name = "default";
	json_put_str(spec, "serviceAccountName", name);
	name = json_str_or(spec, "serviceAccountName", "");
	json_put_str(spec, "serviceAccount", name);
	const struct schema_kind *k = schema_kind_by_kind("", "v1", "ServiceAccount");
	struct object *o = hub_get(c->server->hub, k, c->ns, name);
	c->lacks_account = !o && streq(name, "default"); /* which each namespace is given */
	if (!o)
		return fail_forbidden(
			f, c->kind, c->name,
			"error looking up service account %s/%s: serviceaccount \"%s\" "
			"not found",
			c->ns, name, name);
	AUTO_JSON *account = is_plain_account(o) ? NULL : object_tree_unowned(o);
	json_t *secrets = json_object_get(account, "imagePullSecrets");
	if (json_array_size(secrets) && !json_array_size(json_object_get(spec, "imagePullSecrets")))
		json_object_set(spec, "imagePullSecrets", secrets);
	bool wants = json_bool_or(account, "automountServiceAccountToken", true);
	if (json_bool_or(spec, "automountServiceAccountToken", wants))
		mount_token(c, spec);
	return admit_account_secrets(c, spec, account, f);
}

static bool tolerates(const json_t *tolerations, const char *key)
{
	size_t i;
	json_t *t;
	json_array_foreach ((json_t *)tolerations, i, t) {
		const char *k = json_str_or(t, "key", ""), *e = json_str_or(t, "effect", "");
		if ((!*k || streq(k, key)) && (!*e || streq(e, "NoExecute")))
			return true;
	}
	return false;
}

/* A pod stays five minutes on a node that is not heard of (DefaultTolerationSeconds). */
static void admit_tolerations(json_t *spec)
{
	static const char *const keys[] = { "node.kubernetes.io/not-ready",
					    "node.kubernetes.io/unreachable" };
	json_t *list = list_of(spec, "tolerations");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!tolerates(list, keys[i]))
			json_array_append_new(list,
					      json_pack("{s:s,s:s,s:s,s:i}", "key", keys[i],
							"operator", "Exists", "effect", "NoExecute",
							"tolerationSeconds", 300));
}

/* Who replaces a pod need not know what admission gave it. */
static void keep_priority(struct change *c, json_t *spec)
{
	static const char *const given[] = { "priority", "preemptionPolicy" };
	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		json_t *old = json_object_get(json_object_get(c->old_tree, "spec"), given[i]);
		if (old && !json_object_get(spec, given[i]))
			json_object_set(spec, given[i], old);
	}
}

/* What an old annotation says of a container becomes its field, unless the pod says as much. */
static void field_from_annotation(struct change *c, const json_t *spec, json_t *container)
{
	const char *text =
		app_armor_annotation(json_dig(c->tree, "metadata.annotations"), container);
	if (!text || json_dig(container, "securityContext.appArmorProfile"))
		return;
	AUTO_JSON *field = app_armor_field(text);
	if (field && json_equal(field, json_dig(spec, "securityContext.appArmorProfile")))
		return;
	request_warn(c->r, "metadata.annotations[" APP_ARMOR_PREFIX "%s]: " APP_ARMOR_OLD,
		     json_str_or(container, "name", ""));
	if (field)
		json_put(container, "securityContext.appArmorProfile", TAKE(field));
}

static void admit_app_armor(struct change *c, json_t *spec)
{
	static const char *const lists[] = { "initContainers", "containers" };
	if (streq(json_str_or(spec, "os.name", ""), "windows"))
		return;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		size_t i;
		json_t *container;
		json_array_foreach (json_object_get(spec, lists[l]), i, container)
			field_from_annotation(c, spec, container);
	}
}

static int admit_pod(struct change *c, struct failure *f)
{
	json_t *spec = json_object_get(c->tree, "spec");
	if (!c->is_create && spec) {
		keep_priority(c, spec);
		admit_tolerations(spec);
	}
	if (!c->is_create || !spec)
		return 0;
	if (admit_account(c, spec, f) < 0)
		return -1;
	admit_tolerations(spec);
	admit_topology(c);
	admit_app_armor(c, spec);
	if (admit_pod_classes(c, spec, f) < 0 || admit_limits(c) < 0)
		return -1;
	/* What a LimitRange gives counts. */
	json_put_str(c->tree, "status.qosClass", pod_qos_class(spec));
	return 0;
}

/* ---- leases, roles ---- */

void admit_fence(struct change *c, const char *holder, const char *before, const char *transitions)
{
	if (streq(c->ns, "kube-node-lease") || streq(holder, before))
		return;
	auto_free char *key = xasprintf("leader/%s/%s", c->ns, c->name);
	change_guard_key(c, key);
	change_put_key(c, key, transitions);
}

static void fence_lease(struct change *c)
{
	char value[24];
	int n = snprintf(value, sizeof value, "%lld",
			 (long long)json_int_or(c->tree, "spec.leaseTransitions", 0));
	assert(n > 0);
	admit_fence(c, json_str_or(c->tree, "spec.holderIdentity", ""),
		    json_str_or(c->old_tree, "spec.holderIdentity", ""), value);
}

static const char *role_of(const json_t *tree)
{
	const char *role = json_member_str(json_dig(tree, "metadata.labels"), ROLE_LABEL);
	return role ? role : "";
}

static int check_role(struct change *c, struct failure *f)
{
	if (is_master(c) || streq(role_of(c->tree), role_of(c->old_tree)))
		return 0;
	return fail_forbidden(f, c->kind, c->name,
			      "only system:masters may set the label " ROLE_LABEL);
}

/* ---- what new storage and new nodes are born with ---- */

/* StorageObjectInUseProtection: the controller takes it off when nobody uses the object. */
static void protect_storage(struct change *c)
{
	static const struct {
		const char *group, *kind, *finalizer;
	} kinds[] = {
		{ "", "PersistentVolume", "kubernetes.io/pv-protection" },
		{ "", "PersistentVolumeClaim", "kubernetes.io/pvc-protection" },
		{ "storage.k8s.io", "VolumeAttributesClass", "kubernetes.io/vac-protection" },
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!change_is_kind(c, kinds[i].group, kinds[i].kind))
			continue;
		json_t *list = list_of(json_object_get(c->tree, "metadata"), "finalizers"), *one;
		size_t k;
		json_array_foreach (list, k, one)
			if (json_is_string(one) &&
			    streq(json_string_value(one), kinds[i].finalizer))
				return;
		json_array_append_new(list, json_string(kinds[i].finalizer));
	}
}

/* TaintNodesByCondition: nothing is placed before the node says that it is ready; then the node
 * controller takes it off. */
static void taint_node(struct change *c)
{
	static const char key[] = "node.kubernetes.io/not-ready", effect[] = "NoSchedule";
	json_t *spec = json_object_get(c->tree, "spec"), *taint;
	size_t i;
	if (!spec) {
		spec = json_object();
		json_object_set_new(c->tree, "spec", spec);
	}
	json_t *list = list_of(spec, "taints");
	json_array_foreach (list, i, taint)
		if (streq(json_str_or(taint, "key", ""), key) &&
		    streq(json_str_or(taint, "effect", ""), effect))
			return;
	json_array_append_new(list, json_pack("{s:s,s:s}", "key", key, "effect", effect));
}

/* ---- the two passes ---- */

int admit_mutate(struct change *c, struct failure *f)
{
	if (admit_namespace(c, f) < 0)
		return -1;
	if (c->part == PART_BINDING)
		admit_topology(c);
	if (c->part == PART_EPHEMERAL)
		return admit_ephemeral_secrets(c, f);
	if (c->part != PART_MAIN && c->part != PART_SCALE)
		return 0;
	if (change_is_kind(c, "", "Pod"))
		return admit_pod(c, f);
	if (c->is_create)
		protect_storage(c);
	if (c->is_create && change_is_kind(c, "", "Node"))
		taint_node(c);
	admit_classes(c);
	if (change_is_kind(c, "", "Service"))
		return alloc_service(c, f);
	if (change_is_kind(c, "", "Secret"))
		return admit_account_token(c, f);
	if (change_is_kind(c, "coordination.k8s.io", "Lease"))
		fence_lease(c);
	return 0;
}

int admit_validate(struct change *c, struct failure *f)
{
	if (change_is_kind(c, "", "ServiceAccount") && check_role(c, f) < 0)
		return -1;
	if (admit_node(c, f) < 0 || admit_rbac(c, f) < 0 || signing_admit(c, f) < 0 ||
	    admit_check_classes(c, f) < 0 || admit_check_limits(c, f) < 0 ||
	    admit_security(c, f) < 0 || admit_resize(c, f) < 0)
		return -1;
	if (c->part == PART_MAIN && admit_order(c, f) < 0)
		return -1;
	return admit_quota(c, f);
}

void admit_release(struct change *c, const json_t *tree)
{
	if (change_is_kind(c, "", "Service"))
		alloc_release_service(c, tree, NULL);
	else if (change_is_kind(c, "coordination.k8s.io", "Lease")) {
		auto_free char *key = xasprintf("leader/%s/%s", c->ns, c->name);
		const char *bytes;
		size_t len;
		uint64_t version;
		if (hub_own_key(c->server->hub, key, &bytes, &len, &version))
			change_drop_key(c, key);
	}
}
