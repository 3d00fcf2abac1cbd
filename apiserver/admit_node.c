/* NodeRestriction: an agent writes only about its own node and the pods bound to it. */
#include "apiserver/authz_node.h"
#include "apiserver/change.h"
#include "apiserver/signing.h"
#include "common/base/jsonx.h"
#include "common/io/tls_csr.h"

#define MIRROR "kubernetes.io/config.mirror"

static int forbid(struct change *c, struct failure *f, const char *text)
{
	return fail_forbidden(f, c->kind, c->name, "%s", text);
}

/* ---- pods ---- */

/* Nothing, [] and {} are the same. */
static bool same_or_absent(const struct change *c, const char *path)
{
	json_t *a = json_dig(c->old_tree, path), *b = json_dig(c->tree, path);
	size_t sizes =
		json_array_size(a) + json_object_size(a) + json_array_size(b) + json_object_size(b);
	return a && b ? json_equal(a, b) : sizes == 0;
}

static int check_mirror_owner(struct change *c, const char *node, struct failure *f)
{
	const json_t *owners = json_dig(c->tree, "metadata.ownerReferences");
	const json_t *owner = json_array_get(owners, 0);
	const struct schema_kind *kind = schema_kind_by_kind("", "v1", "Node");
	const struct object *self = hub_get(c->server->hub, kind, NULL, node);
	if (json_array_size(owners) > 1)
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" can only create pods with a single owner "
				      "reference set to itself",
				      node);
	if (!owner || !streq(json_str_or(owner, "kind", ""), "Node") ||
	    !streq(json_str_or(owner, "apiVersion", ""), "v1") ||
	    !streq(json_str_or(owner, "name", ""), node))
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" can only create pods with an owner reference "
				      "set to itself",
				      node);
	if (!json_bool_or(owner, "controller", false))
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" can only create pods with a controller owner "
				      "reference set to itself",
				      node);
	if (json_bool_or(owner, "blockOwnerDeletion", false))
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" must not set blockOwnerDeletion on an owner "
				      "reference",
				      node);
	if (!self)
		return fail_not_found(f, kind, node);
	auto_free char *uid = object_uid(self);
	if (!streq(json_str_or(owner, "uid", ""), uid))
		return fail_forbidden(f, c->kind, c->name,
				      "node %s UID mismatch: expected %s got %s", node,
				      json_str_or(owner, "uid", ""), uid);
	return 0;
}

static void note_reference(void *ctx, enum pod_reference kind, struct span name)
{
	static const char *const names[POD_REFERENCE_COUNT] = { "secrets", "configmaps",
								"persistentvolumeclaims",
								"serviceaccounts",
								"resourceclaims" };
	const char **found = ctx;
	(void)name;
	if (!*found)
		*found = names[kind];
}

static int check_pod_create(struct change *c, const char *node, struct failure *f)
{
	if (!json_object_get(json_dig(c->tree, "metadata.annotations"), MIRROR))
		return fail_forbidden(f, c->kind, c->name,
				      "pod does not have \"" MIRROR "\" annotation, node \"%s\" "
				      "can only create mirror pods",
				      node);
	if (!streq(json_str_or(c->tree, "spec.nodeName", ""), node))
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" can only create pods with spec.nodeName set to "
				      "itself",
				      node);
	if (check_mirror_owner(c, node, f) < 0)
		return -1;
	AUTO_STR bytes;
	const char *found = NULL;
	str_init(&bytes, RENDER_LIMIT);
	schema_print(c->kind->type, c->tree, &bytes);
	pod_references((struct span){ bytes.data, bytes.len }, note_reference, &found);
	return !found ? 0
		      : fail_forbidden(f, c->kind, c->name,
				       "node \"%s\" can not create pods that reference %s", node,
				       found);
}

static bool is_own_pod(const struct change *c, const char *node)
{
	return object_field_is(c->old, "spec.nodeName", node); /* a deletion may have no tree */
}

static int check_pod_status(struct change *c, const char *node, struct failure *f)
{
	json_t *before = json_dig(c->old_tree, "metadata.labels");
	json_t *after = json_dig(c->tree, "metadata.labels");
	if (!is_own_pod(c, node))
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" can only update pod status for pods with "
				      "spec.nodeName set to itself",
				      node);
	bool same = before && after ? json_equal(before, after)
				    : !json_object_size(before) && !json_object_size(after);
	if (!same)
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" cannot update labels through pod status", node);
	if (!same_or_absent(c, "status.resourceClaimStatuses"))
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" cannot update resource claim statues", node);
	if (!same_or_absent(c, "status.extendedResourceClaimStatus"))
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" cannot update extended resource claim status",
				      node);
	return 0;
}

static int check_pod(struct change *c, const char *node, struct failure *f)
{
	if (c->part == PART_STATUS)
		return check_pod_status(c, node, f);
	if (c->part == PART_MAIN && c->is_create)
		return check_pod_create(c, node, f);
	if (c->part != PART_MAIN)
		return fail_forbidden(f, c->kind, c->name,
				      "unexpected pod subresource \"%s\", only 'status' and "
				      "'eviction' are allowed",
				      c->r->target.subresource);
	return fail_forbidden(f, c->kind, c->name,
			      "unexpected operation \"UPDATE\", node \"%s\" can only create and "
			      "delete mirror pods",
			      node);
}

/* ---- the node itself ---- */

/* What a node may say about itself, among the labels of Kubernetes' own domains. */
static bool label_is_free(const char *key)
{
	static const char *const known[] = {
		"kubernetes.io/hostname",
		"kubernetes.io/os",
		"kubernetes.io/arch",
		"topology.kubernetes.io/zone",
		"topology.kubernetes.io/region",
		"node.kubernetes.io/instance-type",
		"node.kubernetes.io/windows-build",
		"beta.kubernetes.io/os",
		"beta.kubernetes.io/arch",
		"beta.kubernetes.io/instance-type",
		"failure-domain.beta.kubernetes.io/zone",
		"failure-domain.beta.kubernetes.io/region",
	};
	const char *slash = strchr(key, '/');
	if (!slash)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (streq(known[i], key))
			return true;
	auto_free char *domain = xstrndup(key, (size_t)(slash - key));
	size_t n = strlen(domain);
	const char *const own[] = { "kubernetes.io", "k8s.io" };
	bool is_kubernetes = false;
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		size_t m = strlen(own[i]);
		is_kubernetes |= streq(domain, own[i]) || (n > m && domain[n - m - 1] == '.' &&
							   streq(domain + n - m, own[i]));
	}
	const char *const open[] = { "kubelet.kubernetes.io", "node.kubernetes.io" };
	for (size_t i = 0; i < ARRAY_LEN(open); i++) {
		size_t m = strlen(open[i]);
		if (streq(domain, open[i]) ||
		    (n > m && domain[n - m - 1] == '.' && streq(domain + n - m, open[i])))
			return true;
	}
	return !is_kubernetes;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Labels that were changed and may not be, joined; false: none. */
static bool forbidden_labels(const json_t *before, const json_t *after, struct str *out)
{
	const char *names[256], *key;
	size_t n = 0;
	json_t *value;
	const json_t *sides[2][2] = { { after, before }, { before, after } };
	for (int side = 0; side < 2; side++)
		json_object_foreach ((json_t *)(uintptr_t)sides[side][0], key, value) {
			json_t *other = json_object_get(sides[side][1], key);
			bool seen = side == 1 && other; /* differing values were met before */
			if (n < ARRAY_LEN(names) && !seen && !(other && json_equal(other, value)) &&
			    !label_is_free(key))
				names[n++] = key;
		}
	qsort(names, n, sizeof *names, by_text);
	for (size_t i = 0; i < n; i++)
		str_addf(out, "%s%s", i ? ", " : "", names[i]);
	return n > 0;
}

static int check_node(struct change *c, const char *node, struct failure *f)
{
	AUTO_STR labels;
	str_init(&labels, 65536);
	if (!streq(c->name, node))
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" is not allowed to modify node \"%s\"", node,
				      c->name);
	bool bad = forbidden_labels(json_dig(c->old_tree, "metadata.labels"),
				    json_dig(c->tree, "metadata.labels"), &labels);
	if (c->is_create && json_dig(c->tree, "spec.configSource"))
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" is not allowed to create pods with a non-nil "
				      "configSource",
				      node);
	if (json_dig(c->tree, "spec.configSource") && !same_or_absent(c, "spec.configSource"))
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" is not allowed to update configSource to a new "
				      "non-nil configSource",
				      node);
	if (c->is_create)
		return bad ? fail_forbidden(f, c->kind, c->name,
					    "node \"%s\" is not allowed to set the following "
					    "labels: %s",
					    node, labels.data)
			   : 0;
	if (!same_or_absent(c, "spec.taints"))
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" is not allowed to modify taints", node);
	if (!same_or_absent(c, "metadata.ownerReferences"))
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" is not allowed to modify ownerReferences", node);
	return bad ? fail_forbidden(f, c->kind, c->name, "is not allowed to modify labels: %s",
				    labels.data)
		   : 0;
}

/* ---- the rest ---- */

/* A claim without what its node may say about it. */
static json_t *claim_rest(const json_t *tree)
{
	static const char *const free[] = { "status.capacity",
					    "status.conditions",
					    "status.allocatedResourceStatuses",
					    "status.allocatedResources",
					    "metadata.resourceVersion",
					    "metadata.managedFields" };
	json_t *copy = json_deep_copy(tree);
	for (size_t i = 0; i < ARRAY_LEN(free); i++)
		json_drop(copy, free[i]);
	return copy;
}

static int check_claim(struct change *c, const char *node, struct failure *f)
{
	if (c->part != PART_STATUS)
		return forbid(c, f, "may only update PVC status");
	AUTO_JSON *now = claim_rest(c->tree);
	AUTO_JSON *old = claim_rest(c->old_tree);
	return json_equal(now, old)
		       ? 0
		       : fail_forbidden(f, c->kind, c->name,
					"node \"%s\" is not allowed to update fields other than "
					"status.quantity and status.conditions: ",
					node);
}

/* A request for the agent's own certificates is for its own name. */
static int check_request(struct change *c, const char *node, struct failure *f)
{
	const char *signer = json_str_or(c->tree, "spec.signerName", "");
	AUTO_TLS_CSR request = { 0 };
	struct error err;
	if (!c->is_create || (!streq(signer, "kubernetes.io/kubelet-serving") &&
			      !streq(signer, "kubernetes.io/kube-apiserver-client-kubelet")))
		return 0;
	if (signing_read(c->tree, &request, &err) < 0)
		return fail_forbidden(f, c->kind, c->name, "unable to parse csr: %s", err.text);
	auto_free char *own = xasprintf("system:node:%s", node);
	return streq(request.common_name, own)
		       ? 0
		       : fail_forbidden(f, c->kind, c->name,
					"can only create a node CSR with CN=%s", own);
}

static int check_slice(struct change *c, const json_t *tree, const char *node, const char *verb,
		       struct failure *f)
{
	return streq(json_str_or(tree, "spec.nodeName", ""), node)
		       ? 0
		       : fail_forbidden(f, c->kind, c->name,
					"can only %s ResourceSlice with the same NodeName as the "
					"requesting node",
					verb);
}

static int check_csi_node(struct change *c, const char *node, struct failure *f)
{
	return streq(c->name, node) ? 0
				    : forbid(c, f,
					     "can only access CSINode with the same name as the "
					     "requesting node");
}

static int check_lease(struct change *c, const char *node, struct failure *f)
{
	if (!streq(c->ns, "kube-node-lease"))
		return forbid(c, f,
			      "can only access leases in the \"kube-node-lease\" system namespace");
	return streq(c->name, node) ? 0
				    : forbid(c, f,
					     "can only access node lease with the same name as the "
					     "requesting node");
}

int admit_node(struct change *c, struct failure *f)
{
	const struct identity *who = &c->r->who;
	const char *node = authz_node_name(who);
	if (!identity_in_group(who, "system:nodes") || identity_in_group(who, "system:masters"))
		return 0;
	if (!node)
		return fail_forbidden(f, c->kind, c->name,
				      "could not determine node from user \"%s\"", who->name);
	if (change_is_kind(c, "", "Pod"))
		return check_pod(c, node, f);
	if (change_is_kind(c, "", "Node"))
		return check_node(c, node, f);
	if (change_is_kind(c, "", "PersistentVolumeClaim"))
		return check_claim(c, node, f);
	if (change_is_kind(c, "coordination.k8s.io", "Lease"))
		return check_lease(c, node, f);
	if (change_is_kind(c, "storage.k8s.io", "CSINode"))
		return check_csi_node(c, node, f);
	if (change_is_kind(c, "certificates.k8s.io", "CertificateSigningRequest"))
		return check_request(c, node, f);
	if (c->is_create && change_is_kind(c, "resource.k8s.io", "ResourceSlice"))
		return check_slice(c, c->tree, node, "create", f);
	return 0;
}

int admit_node_deletes(struct change *c, bool is_eviction, struct failure *f)
{
	const struct identity *who = &c->r->who;
	const char *node = authz_node_name(who);
	if (!node || identity_in_group(who, "system:masters"))
		return 0;
	if (change_is_kind(c, "", "Pod") && !is_own_pod(c, node))
		return is_eviction ? fail_forbidden(f, c->kind, c->name,
						    "node %s can only evict pods with "
						    "spec.nodeName set to itself",
						    node)
				   : fail_forbidden(f, c->kind, c->name,
						    "node \"%s\" can only delete pods with "
						    "spec.nodeName set to itself",
						    node);
	if (change_is_kind(c, "", "Node") && !streq(c->name, node))
		return fail_forbidden(f, c->kind, c->name,
				      "node \"%s\" is not allowed to modify node \"%s\"", node,
				      c->name);
	if (change_is_kind(c, "", "PersistentVolumeClaim"))
		return forbid(c, f, "may only update PVC status");
	if (change_is_kind(c, "coordination.k8s.io", "Lease"))
		return check_lease(c, node, f);
	if (change_is_kind(c, "storage.k8s.io", "CSINode"))
		return check_csi_node(c, node, f);
	if (change_is_kind(c, "resource.k8s.io", "ResourceSlice"))
		return check_slice(c, c->old_tree, node, "delete", f);
	return 0;
}
