#include "apiserver/rbac_defaults.h"
#include "apiserver/rbac_rule.h"
#include "common/base/jsonx.h"

#define GROUP       "rbac.authorization.k8s.io"
#define AUTO_UPDATE "rbac.authorization.kubernetes.io/autoupdate"

#define READ   "get list watch"
#define WRITE  "create delete deletecollection patch update"
#define ALL    "create delete deletecollection get list patch update watch"
#define CSR    "certificatesigningrequests"
#define SIGNER "system:certificates.k8s.io:"

/* Lists are words parted by blanks; the group "core" is written so and stored as "". A role's rules
 * stand together. With `urls` a rule is about paths. */
struct rule_row {
	const char *role, *verbs, *groups, *resources, *names, *urls;
};

static const struct rule_row rules[] = {
	{ "cluster-admin", "*", "*", "*", 0, 0 },
	{ "cluster-admin", "*", 0, 0, 0, "*" },
	{ "system:discovery", "get", 0, 0, 0,
	  "/livez /readyz /healthz /version /version/ /openapi /openapi/* /api /api/* /apis /apis/*" },
	{ "system:monitoring", "get", 0, 0, 0,
	  "/metrics /metrics/slis /livez /readyz /healthz /livez/* /readyz/* /healthz/* /flagz "
	  "/statusz" },
	{ "system:monitoring", "get", "core", "nodes/metrics", 0, 0 },
	{ "system:basic-user", "create", "authorization.k8s.io",
	  "selfsubjectaccessreviews selfsubjectrulesreviews", 0, 0 },
	{ "system:basic-user", "create", "authentication.k8s.io", "selfsubjectreviews", 0, 0 },
	{ "system:public-info-viewer", "get", 0, 0, 0,
	  "/livez /readyz /healthz /version /version/" },
	{ "system:service-account-issuer-discovery", "get", 0, 0, 0,
	  "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks "
	  "/openid/v1/jwks/" },

	{ "system:aggregate-to-admin", "create", "authorization.k8s.io",
	  "localsubjectaccessreviews", 0, 0 },
	{ "system:aggregate-to-admin", ALL, GROUP, "roles rolebindings", 0, 0 },
	{ "system:aggregate-to-edit", READ, "core",
	  "pods/attach pods/proxy pods/exec pods/portforward secrets services/proxy", 0, 0 },
	{ "system:aggregate-to-edit", "impersonate", "core", "serviceaccounts", 0, 0 },
	{ "system:aggregate-to-edit", WRITE, "core",
	  "pods pods/attach pods/proxy pods/exec pods/portforward", 0, 0 },
	{ "system:aggregate-to-edit", "create", "core", "pods/eviction", 0, 0 },
	{ "system:aggregate-to-edit", WRITE, "core",
	  "replicationcontrollers replicationcontrollers/scale serviceaccounts services "
	  "services/proxy persistentvolumeclaims configmaps secrets",
	  0, 0 },
	{ "system:aggregate-to-edit", "create", "core", "serviceaccounts/token", 0, 0 },
	{ "system:aggregate-to-edit", WRITE, "core events.k8s.io", "events", 0, 0 },
	{ "system:aggregate-to-edit", WRITE, "apps",
	  "statefulsets statefulsets/scale daemonsets deployments deployments/scale "
	  "deployments/rollback replicasets replicasets/scale",
	  0, 0 },
	{ "system:aggregate-to-edit", WRITE, "autoscaling", "horizontalpodautoscalers", 0, 0 },
	{ "system:aggregate-to-edit", WRITE, "batch", "jobs cronjobs", 0, 0 },
	{ "system:aggregate-to-edit", WRITE, "policy", "poddisruptionbudgets", 0, 0 },
	/* Nothing is served of "extensions", but roles of old charts grant it, and nobody may
	 * grant what they do not hold. */
	{ "system:aggregate-to-edit", WRITE, "extensions",
	  "daemonsets deployments deployments/scale deployments/rollback ingresses replicasets "
	  "replicasets/scale replicationcontrollers/scale networkpolicies",
	  0, 0 },
	{ "system:aggregate-to-edit", WRITE, "networking.k8s.io", "networkpolicies ingresses", 0,
	  0 },
	{ "system:aggregate-to-edit", ALL, "coordination.k8s.io", "leases", 0, 0 },
	{ "system:aggregate-to-edit", WRITE, "resource.k8s.io",
	  "resourceclaims resourceclaimtemplates", 0, 0 },
	{ "system:aggregate-to-view", READ, "core",
	  "pods replicationcontrollers replicationcontrollers/scale serviceaccounts services "
	  "services/status endpoints persistentvolumeclaims persistentvolumeclaims/status "
	  "configmaps",
	  0, 0 },
	{ "system:aggregate-to-view", READ, "core",
	  "limitranges resourcequotas bindings pods/status resourcequotas/status "
	  "namespaces/status replicationcontrollers/status pods/log",
	  0, 0 },
	{ "system:aggregate-to-view", READ, "core", "namespaces", 0, 0 },
	{ "system:aggregate-to-view", READ, "core events.k8s.io", "events", 0, 0 },
	{ "system:aggregate-to-view", READ, "discovery.k8s.io", "endpointslices", 0, 0 },
	{ "system:aggregate-to-view", READ, "apps",
	  "controllerrevisions statefulsets statefulsets/status statefulsets/scale daemonsets "
	  "daemonsets/status deployments deployments/status deployments/scale replicasets "
	  "replicasets/status replicasets/scale",
	  0, 0 },
	{ "system:aggregate-to-view", READ, "autoscaling",
	  "horizontalpodautoscalers horizontalpodautoscalers/status", 0, 0 },
	{ "system:aggregate-to-view", READ, "batch", "jobs cronjobs cronjobs/status jobs/status", 0,
	  0 },
	{ "system:aggregate-to-view", READ, "extensions",
	  "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses "
	  "ingresses/status replicasets replicasets/scale replicasets/status "
	  "replicationcontrollers/scale networkpolicies",
	  0, 0 },
	{ "system:aggregate-to-view", READ, "policy",
	  "poddisruptionbudgets poddisruptionbudgets/status", 0, 0 },
	{ "system:aggregate-to-view", READ, "networking.k8s.io",
	  "networkpolicies ingresses ingresses/status", 0, 0 },
	{ "system:aggregate-to-view", READ, "resource.k8s.io",
	  "resourceclaims resourceclaims/status resourceclaimtemplates", 0, 0 },

	/* Upstream's, and the nodes, endpoints and namespaces that our agent routes by. */
	{ "system:node", "create", "authentication.k8s.io", "tokenreviews", 0, 0 },
	{ "system:node", "create", "authorization.k8s.io",
	  "subjectaccessreviews localsubjectaccessreviews", 0, 0 },
	{ "system:node", READ, "core", "services", 0, 0 },
	{ "system:node", "create get list watch", "core", "nodes", 0, 0 },
	{ "system:node", "patch update", "core", "nodes/status", 0, 0 },
	{ "system:node", "patch update", "core", "nodes", 0, 0 },
	{ "system:node", "create patch update", "core events.k8s.io", "events", 0, 0 },
	{ "system:node", READ, "core", "pods", 0, 0 },
	{ "system:node", "create delete", "core", "pods", 0, 0 },
	{ "system:node", "patch update", "core", "pods/status", 0, 0 },
	{ "system:node", "create", "core", "pods/eviction", 0, 0 },
	{ "system:node", READ, "core", "configmaps secrets", 0, 0 },
	{ "system:node", "get", "core", "persistentvolumeclaims persistentvolumes", 0, 0 },
	{ "system:node", READ, "core", "endpoints namespaces", 0, 0 },
	{ "system:node", READ, "discovery.k8s.io", "endpointslices", 0, 0 },
	{ "system:node", "create get list watch", "certificates.k8s.io", CSR, 0, 0 },
	{ "system:node", "create delete get patch update", "coordination.k8s.io", "leases", 0, 0 },
	{ "system:node", "get", "storage.k8s.io", "volumeattachments", 0, 0 },
	{ "system:node", "create", "core", "serviceaccounts/token", 0, 0 },
	{ "system:node", "get patch update", "core", "persistentvolumeclaims/status", 0, 0 },
	{ "system:node", READ, "storage.k8s.io", "csidrivers", 0, 0 },
	{ "system:node", "create delete get patch update", "storage.k8s.io", "csinodes", 0, 0 },
	{ "system:node", READ, "node.k8s.io", "runtimeclasses", 0, 0 },
	{ "system:node", "get", "resource.k8s.io", "resourceclaims", 0, 0 },
	{ "system:node", "get", "core", "serviceaccounts", 0, 0 },

	/* Skiff's controller reads all, cleans up all, and writes what its loops make. */
	{ "system:skiff-controllers", "delete deletecollection get list patch update watch", "*",
	  "*", 0, 0 },
	{ "system:skiff-controllers", "create", "core",
	  "configmaps endpoints events persistentvolumes persistentvolumeclaims pods pods/binding "
	  "pods/eviction serviceaccounts",
	  0, 0 },
	{ "system:skiff-controllers", "create", "apps", "controllerrevisions replicasets", 0, 0 },
	{ "system:skiff-controllers", "create", "batch", "jobs", 0, 0 },
	{ "system:skiff-controllers", "create", "discovery.k8s.io", "endpointslices", 0, 0 },
	{ "system:skiff-controllers", "create", "coordination.k8s.io", "leases", 0, 0 },
	{ "system:skiff-controllers", "create", "events.k8s.io", "events", 0, 0 },
	{ "system:skiff-controllers", "create", "authorization.k8s.io", "subjectaccessreviews", 0,
	  0 },
	{ "system:skiff-controllers", "approve", "certificates.k8s.io", "signers",
	  "kubernetes.io/kube-apiserver-client-kubelet", 0 },
	{ "system:skiff-controllers", "sign", "certificates.k8s.io", "signers",
	  "kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet "
	  "kubernetes.io/kubelet-serving",
	  0 },

	{ "system:node-problem-detector", "get", "core", "nodes", 0, 0 },
	{ "system:node-problem-detector", "patch", "core", "nodes/status", 0, 0 },
	{ "system:node-problem-detector", "create patch update", "core events.k8s.io", "events", 0,
	  0 },
	{ "system:node-bootstrapper", "create get list watch", "certificates.k8s.io", CSR, 0, 0 },
	{ "system:auth-delegator", "create", "authentication.k8s.io", "tokenreviews", 0, 0 },
	{ "system:auth-delegator", "create", "authorization.k8s.io", "subjectaccessreviews", 0, 0 },
	{ "system:kube-aggregator", READ, "core", "endpoints services", 0, 0 },
	{ "system:kube-dns", "list watch", "core", "endpoints services", 0, 0 },
	{ "system:heapster", READ, "core", "events namespaces nodes pods", 0, 0 },
	{ "system:heapster", READ, "extensions", "deployments", 0, 0 },
	{ "system:node-proxier", "list watch", "core", "endpoints services", 0, 0 },
	{ "system:node-proxier", READ, "core", "nodes", 0, 0 },
	{ "system:node-proxier", "create patch update", "core events.k8s.io", "events", 0, 0 },
	{ "system:node-proxier", "list watch", "networking.k8s.io", "servicecidrs", 0, 0 },
	{ "system:node-proxier", "list watch", "discovery.k8s.io", "endpointslices", 0, 0 },
	{ "system:kubelet-api-admin", READ, "core", "nodes", 0, 0 },
	{ "system:kubelet-api-admin", "proxy", "core", "nodes", 0, 0 },
	{ "system:kubelet-api-admin", "*", "core",
	  "nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats",
	  0, 0 },
	{ "system:persistent-volume-provisioner", "create delete get list watch", "core",
	  "persistentvolumes", 0, 0 },
	{ "system:persistent-volume-provisioner", "get list update watch", "core",
	  "persistentvolumeclaims", 0, 0 },
	{ "system:persistent-volume-provisioner", READ, "storage.k8s.io", "storageclasses", 0, 0 },
	{ "system:persistent-volume-provisioner", "watch", "core", "events", 0, 0 },
	{ "system:persistent-volume-provisioner", "create patch update", "core events.k8s.io",
	  "events", 0, 0 },
	{ "system:volume-scheduler", "get list patch update watch", "core",
	  "persistentvolumeclaims persistentvolumes", 0, 0 },
	{ "system:volume-scheduler", READ, "storage.k8s.io", "storageclasses", 0, 0 },
	/* For a scheduler that somebody runs beside ours. */
	{ "system:kube-scheduler", "create patch update", "core events.k8s.io", "events", 0, 0 },
	{ "system:kube-scheduler", "create", "coordination.k8s.io", "leases", 0, 0 },
	{ "system:kube-scheduler", "get list update watch", "coordination.k8s.io", "leases",
	  "kube-scheduler", 0 },
	{ "system:kube-scheduler", ALL, "coordination.k8s.io", "leasecandidates", 0, 0 },
	{ "system:kube-scheduler", READ, "core",
	  "nodes namespaces replicationcontrollers services persistentvolumeclaims "
	  "persistentvolumes",
	  0, 0 },
	{ "system:kube-scheduler", "delete get list watch", "core", "pods", 0, 0 },
	{ "system:kube-scheduler", "create", "core", "bindings pods/binding", 0, 0 },
	{ "system:kube-scheduler", "patch update", "core", "pods/status", 0, 0 },
	{ "system:kube-scheduler", "update", "core", "pods/finalizers", 0, 0 },
	{ "system:kube-scheduler", READ, "apps extensions", "replicasets", 0, 0 },
	{ "system:kube-scheduler", READ, "apps", "statefulsets", 0, 0 },
	{ "system:kube-scheduler", READ, "policy", "poddisruptionbudgets", 0, 0 },
	{ "system:kube-scheduler", "create", "authentication.k8s.io", "tokenreviews", 0, 0 },
	{ "system:kube-scheduler", "create", "authorization.k8s.io", "subjectaccessreviews", 0, 0 },
	{ "system:kube-scheduler", READ, "storage.k8s.io",
	  "csinodes volumeattachments csidrivers csistoragecapacities", 0, 0 },
	{ "system:kube-scheduler", READ, "resource.k8s.io", "deviceclasses resourceslices", 0, 0 },
	{ "system:kube-scheduler", "get list patch update watch", "resource.k8s.io",
	  "resourceclaims resourceclaims/status", 0, 0 },
	{ "system:kube-scheduler", "create delete", "resource.k8s.io", "resourceclaims", 0, 0 },
	{ "system:kube-scheduler", "patch update", "resource.k8s.io", "resourceclaims/binding", 0,
	  0 },
	{ SIGNER CSR ":nodeclient", "create", "certificates.k8s.io", CSR "/nodeclient", 0, 0 },
	{ SIGNER CSR ":selfnodeclient", "create", "certificates.k8s.io", CSR "/selfnodeclient", 0,
	  0 },
	{ SIGNER "legacy-unknown-approver", "approve", "certificates.k8s.io", "signers",
	  "kubernetes.io/legacy-unknown", 0 },
	{ SIGNER "kubelet-serving-approver", "approve", "certificates.k8s.io", "signers",
	  "kubernetes.io/kubelet-serving", 0 },
	{ SIGNER "kube-apiserver-client-approver", "approve", "certificates.k8s.io", "signers",
	  "kubernetes.io/kube-apiserver-client", 0 },
	{ SIGNER "kube-apiserver-client-kubelet-approver", "approve", "certificates.k8s.io",
	  "signers", "kubernetes.io/kube-apiserver-client-kubelet", 0 },
};

/* Roles that gather others, and the labels by which roles are gathered. */
static const struct {
	const char *role, *gathers, *is_gathered_by;
} gathering[] = {
	{ "admin", "admin", NULL },
	{ "edit", "edit", "admin" },
	{ "view", "view", "edit" },
	{ "system:aggregate-to-admin", NULL, "admin" },
	{ "system:aggregate-to-edit", NULL, "edit" },
	{ "system:aggregate-to-view", NULL, "view" },
};

/* Subjects: "g:" group, "u:" user, "s:NS/NAME" ServiceAccount, parted by blanks. */
static const struct {
	const char *role, *subjects;
} bindings[] = {
	{ "cluster-admin", "g:system:masters" },
	{ "system:monitoring", "g:system:monitoring" },
	{ "system:discovery", "g:system:authenticated" },
	{ "system:basic-user", "g:system:authenticated" },
	{ "system:public-info-viewer", "g:system:authenticated g:system:unauthenticated" },
	{ "system:service-account-issuer-discovery", "g:system:serviceaccounts" },
	{ "system:skiff-controllers", "g:system:skiff-controllers" },
	{ "system:node-bootstrapper", "g:system:bootstrappers" },
	{ SIGNER CSR ":nodeclient", "g:system:bootstrappers" },
	{ SIGNER CSR ":selfnodeclient", "g:system:nodes" },
	{ "system:node-proxier", "u:system:kube-proxy" },
	{ "system:kube-dns", "s:kube-system/kube-dns" },
	{ "system:kube-scheduler", "u:system:kube-scheduler" },
	{ "system:volume-scheduler", "u:system:kube-scheduler" },
	{ "system:node", "" }, /* nodes have an authorizer of their own */
};

/* ---- making objects of them ---- */

static json_t *words(const char *text)
{
	json_t *list = json_array();
	while (text && *text) {
		size_t n = strcspn(text, " ");
		bool is_core = n == 4 && memcmp(text, "core", 4) == 0;
		json_array_append_new(list, is_core ? json_string("") : json_stringn(text, n));
		text += n + (text[n] == ' ');
	}
	return list;
}

static json_t *rule_of(const struct rule_row *row)
{
	json_t *rule = json_pack("{s:o}", "verbs", words(row->verbs));
	if (row->urls)
		json_object_set_new(rule, "nonResourceURLs", words(row->urls));
	if (row->groups)
		json_object_set_new(rule, "apiGroups", words(row->groups));
	if (row->resources)
		json_object_set_new(rule, "resources", words(row->resources));
	if (row->names)
		json_object_set_new(rule, "resourceNames", words(row->names));
	return rule;
}

static json_t *object_of(const char *kind, const char *name)
{
	return json_pack("{s:s,s:s,s:{s:s,s:{s:s},s:{s:s}}}", "apiVersion", GROUP "/v1", "kind",
			 kind, "metadata", "name", name, "labels", "kubernetes.io/bootstrapping",
			 "rbac-defaults", "annotations", AUTO_UPDATE, "true");
}

static json_t *gather(json_t *role, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(gathering); i++) {
		if (!streq(gathering[i].role, name))
			continue;
		if (gathering[i].is_gathered_by) {
			auto_free char *label =
				xasprintf(GROUP "/aggregate-to-%s", gathering[i].is_gathered_by);
			json_object_set_new(json_dig(role, "metadata.labels"), label,
					    json_string("true"));
		}
		if (gathering[i].gathers) {
			auto_free char *label =
				xasprintf(GROUP "/aggregate-to-%s", gathering[i].gathers);
			json_object_set_new(role, "aggregationRule",
					    json_pack("{s:[{s:{s:s}}]}", "clusterRoleSelectors",
						      "matchLabels", label, "true"));
		}
	}
	return role;
}

/* The role whose rules begin at row `i`. */
static json_t *role_at(size_t i)
{
	json_t *role = object_of("ClusterRole", rules[i].role), *list = json_array();
	for (size_t k = i; k < ARRAY_LEN(rules) && streq(rules[k].role, rules[i].role); k++)
		json_array_append_new(list, rule_of(&rules[k]));
	json_object_set_new(role, "rules", list);
	return gather(role, rules[i].role);
}

static json_t *subjects_of(const char *text)
{
	json_t *list = json_array();
	while (*text) {
		size_t n = strcspn(text, " ");
		auto_free char *name = xstrndup(text + 2, n - 2);
		char *slash = strchr(name, '/');
		if (*text == 's') {
			*slash = '\0';
			json_array_append_new(list,
					      json_pack("{s:s,s:s,s:s}", "kind", "ServiceAccount",
							"name", slash + 1, "namespace", name));
		} else {
			json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "kind",
							      *text == 'g' ? "Group" : "User",
							      "apiGroup", GROUP, "name", name));
		}
		text += n + (text[n] == ' ');
	}
	return list;
}

static json_t *binding_at(size_t i)
{
	json_t *b = object_of("ClusterRoleBinding", bindings[i].role);
	json_object_set_new(b, "roleRef",
			    json_pack("{s:s,s:s,s:s}", "apiGroup", GROUP, "kind", "ClusterRole",
				      "name", bindings[i].role));
	json_object_set_new(b, "subjects", subjects_of(bindings[i].subjects));
	return b;
}

static bool begins_role(size_t i)
{
	return i == 0 || !streq(rules[i].role, rules[i - 1].role);
}

static size_t roles_count(void)
{
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		n += begins_role(i);
	return n;
}

/* Those that only gather have no rules of their own. */
#define GATHERERS 3

size_t rbac_defaults_count(void)
{
	return roles_count() + GATHERERS + ARRAY_LEN(bindings);
}

json_t *rbac_default_at(size_t i)
{
	if (i < GATHERERS)
		return gather(object_of("ClusterRole", gathering[i].role), gathering[i].role);
	i -= GATHERERS;
	for (size_t k = 0; k < ARRAY_LEN(rules); k++)
		if (begins_role(k) && i-- == 0)
			return role_at(k);
	assert(i < ARRAY_LEN(bindings));
	return binding_at(i);
}

json_t *rbac_default_role(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (begins_role(i) && streq(rules[i].role, name))
			return role_at(i);
	return NULL;
}

/* ---- mending ---- */

static bool add_members(json_t *tree, const json_t *wanted, const char *path)
{
	bool changed = false;
	const char *name;
	json_t *value;
	json_object_foreach (json_dig(wanted, path), name, value) {
		if (json_object_get(json_dig(tree, path), name))
			continue;
		if (!json_dig(tree, path))
			json_put(tree, path, json_object());
		json_object_set(json_dig(tree, path), name, value);
		changed = true;
	}
	return changed;
}

static bool add_elements(json_t *tree, const json_t *wanted, const char *path)
{
	bool changed = false;
	size_t i, k;
	json_t *want, *have;
	json_array_foreach (json_dig(wanted, path), i, want) {
		json_t *list = json_dig(tree, path);
		bool is_there = false;
		json_array_foreach (list, k, have)
			is_there = is_there || json_equal(have, want);
		if (is_there)
			continue;
		if (!list) {
			list = json_array();
			json_put(tree, path, list);
		}
		json_array_append(list, want);
		changed = true;
	}
	return changed;
}

/* Rules that are worded otherwise but allow as much are left as they are. */
static bool add_rules(json_t *tree, const json_t *wanted)
{
	struct rbac_rules have, want;
	rbac_rules_read(json_object_get(tree, "rules"), &have);
	rbac_rules_read(json_object_get(wanted, "rules"), &want);
	const struct rbac_rule **owned = xcalloc(have.count + 1, sizeof *owned);
	for (size_t i = 0; i < have.count; i++)
		owned[i] = &have.at[i];
	AUTO_STR missing;
	str_init(&missing, 1 << 20);
	bool covered = rbac_rules_cover(owned, have.count, &want, &missing);
	free(owned);
	rbac_rules_fini(&have);
	rbac_rules_fini(&want);
	return !covered && add_elements(tree, wanted, "rules");
}

json_t *rbac_default_mend(const json_t *live, const json_t *wanted)
{
	const char *keeps = json_member_str(json_dig(live, "metadata.annotations"), AUTO_UPDATE);
	if (keeps && streq(keeps, "false"))
		return NULL;
	json_t *tree = json_deep_copy(live);
	bool changed = add_members(tree, wanted, "metadata.labels");
	changed |= add_members(tree, wanted, "metadata.annotations");
	changed |= add_rules(tree, wanted);
	changed |= add_elements(tree, wanted, "subjects");
	changed |= add_elements(tree, wanted, "aggregationRule.clusterRoleSelectors");
	if (changed)
		return tree;
	json_decref(tree);
	return NULL;
}
