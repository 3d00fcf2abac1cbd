/* Defaults that depend on other fields, of the kinds beside Pods and what runs them. */
#include "common/base/jsonx.h"
#include "schemas/default.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"

static bool is_text(const json_t *o, const char *name, const char *value)
{
	return streq(json_str_or(o, name, ""), value);
}

/* Without a selector or labels of its own it takes those of its template. */
static void default_replication_controller(json_t *tree)
{
	json_t *spec = json_object_get(tree, "spec");
	json_t *labels = json_dig(spec, "template.metadata.labels");
	default_pod_spec(json_dig(spec, "template.spec"));
	if (!json_object_size(labels))
		return;
	if (!json_object_size(json_object_get(spec, "selector")))
		json_object_set_new_nocheck(spec, "selector", json_deep_copy(labels));
	json_t *meta = json_object_get(tree, "metadata");
	if (!json_object_size(json_object_get(meta, "labels")))
		json_object_set_new_nocheck(meta, "labels", json_deep_copy(labels));
}

/* Values of `from` for the names that `to` lacks. */
static void fill(json_t *to, const json_t *from)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)from, name, value)
		if (!json_object_get(to, name))
			json_object_set(to, name, value);
}

static void default_limits(json_t *tree)
{
	size_t i;
	json_t *limit;
	json_array_foreach (json_dig(tree, "spec.limits"), i, limit) {
		if (!is_text(limit, "type", "Container"))
			continue;
		json_t *limits = default_object(limit, "default");
		json_t *requests = default_object(limit, "defaultRequest");
		fill(limits, json_object_get(limit, "max"));
		fill(requests, limits);
		fill(requests, json_object_get(limit, "min"));
	}
}

static void default_host_path(json_t *spec)
{
	json_t *host = json_object_get(spec, "hostPath");
	if (json_is_object(host) && !json_object_get(host, "type"))
		json_put_str(host, "type", "");
}

static void default_persistent_volume(json_t *tree)
{
	json_t *spec = json_object_get(tree, "spec");
	if (!json_is_object(spec))
		return;
	default_host_path(spec);
	default_text(spec, "persistentVolumeReclaimPolicy", "Retain");
	default_pointer(spec, "volumeMode", "Filesystem");
}

/* dataSource takes claims and snapshots only: what else it says is ignored, as it ever was. */
static bool is_old_source(const json_t *source)
{
	const char *group = json_str_or(source, "apiGroup", "");
	const char *kind = json_str_or(source, "kind", "");
	return (!*group && streq(kind, "PersistentVolumeClaim")) ||
	       (streq(group, "snapshot.storage.k8s.io") && streq(kind, "VolumeSnapshot"));
}

/* Where the new volume's content comes from stands in two fields; each fills the other. */
static void default_claim_sources(json_t *tree)
{
	json_t *spec = json_object_get(tree, "spec");
	if (json_object_get(spec, "dataSource") &&
	    !is_old_source(json_object_get(spec, "dataSource")))
		json_object_del(spec, "dataSource");
	json_t *old = json_object_get(spec, "dataSource");
	json_t *new = json_object_get(spec, "dataSourceRef");
	if (old && !new)
		json_object_set_new_nocheck(spec, "dataSourceRef", json_deep_copy(old));
	else if (new && !old && !*json_str_or(new, "namespace", ""))
		json_object_set_new_nocheck(spec, "dataSource", json_deep_copy(new));
}

/* { type, value, periodSeconds } */
static json_t *scaling_policy(const char *type, int value)
{
	return json_pack("{s:s, s:i, s:i}", "type", type, "value", value, "periodSeconds", 15);
}

static void default_autoscaler(json_t *tree)
{
	json_t *spec = json_object_get(tree, "spec");
	json_t *behavior = json_object_get(spec, "behavior");
	if (!json_array_size(json_object_get(spec, "metrics")) && json_is_object(spec))
		json_object_set_new_nocheck(spec, "metrics",
					    json_pack("[{s:s, s:{s:s, s:{s:s, s:i}}}]", "type",
						      "Resource", "resource", "name", "cpu",
						      "target", "type", "Utilization",
						      "averageUtilization", 80));
	if (!json_is_object(behavior))
		return;
	json_t *up = default_object(behavior, "scaleUp");
	json_t *down = default_object(behavior, "scaleDown");
	default_pointer(up, "selectPolicy", "Max");
	default_pointer(down, "selectPolicy", "Max");
	default_int(up, "stabilizationWindowSeconds", 0);
	if (!json_object_get(up, "policies"))
		json_object_set_new_nocheck(up, "policies",
					    json_pack("[o, o]", scaling_policy("Pods", 4),
						      scaling_policy("Percent", 100)));
	if (!json_object_get(down, "policies"))
		json_object_set_new_nocheck(down, "policies",
					    json_pack("[o]", scaling_policy("Percent", 100)));
}

static void default_network_policy(json_t *tree)
{
	json_t *spec = json_object_get(tree, "spec");
	if (json_array_size(json_object_get(spec, "policyTypes")))
		return;
	bool has_egress = json_array_size(json_object_get(spec, "egress")) > 0;
	json_object_set_new_nocheck(spec, "policyTypes",
				    has_egress ? json_pack("[s, s]", "Ingress", "Egress")
					       : json_pack("[s]", "Ingress"));
}

static void default_subjects(json_t *tree)
{
	size_t i;
	json_t *subject;
	json_array_foreach (json_object_get(tree, "subjects"), i, subject) {
		if (is_text(subject, "kind", "User") || is_text(subject, "kind", "Group"))
			default_text(subject, "apiGroup", RBAC_GROUP);
	}
}

static void default_webhooks(json_t *tree)
{
	size_t i;
	json_t *webhook;
	json_array_foreach (json_object_get(tree, "webhooks"), i, webhook) {
		(void)default_object(webhook, "namespaceSelector");
		(void)default_object(webhook, "objectSelector");
	}
}

static void default_match(json_t *match)
{
	if (!json_is_object(match))
		return;
	(void)default_object(match, "namespaceSelector");
	(void)default_object(match, "objectSelector");
}

static void default_definition(json_t *tree)
{
	json_t *spec = json_object_get(tree, "spec"), *version;
	json_t *names = json_object_get(spec, "names");
	const char *kind = json_str_or(names, "kind", "");
	if (*kind) {
		auto_free char *list = xasprintf("%sList", kind);
		auto_free char *lower = xstrdup(kind);
		for (char *p = lower; *p; p++)
			*p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
		default_text(names, "singular", lower);
		default_text(names, "listKind", list);
	}
	if (json_is_object(spec) && !json_object_get(spec, "conversion"))
		json_object_set_new_nocheck(spec, "conversion",
					    json_pack("{s:s}", "strategy", "None"));
	if (json_array_size(json_dig(tree, "status.storedVersions")))
		return;
	size_t i;
	json_array_foreach (json_object_get(spec, "versions"), i, version) {
		if (!json_bool_or(version, "storage", false))
			continue;
		json_object_set_new_nocheck(default_object(tree, "status"), "storedVersions",
					    json_pack("[s]", json_str_or(version, "name", "")));
		return;
	}
}

static void default_device_count(json_t *request)
{
	if (is_text(request, "allocationMode", "ExactCount") && !json_int_or(request, "count", 0))
		json_put_int(request, "count", 1);
}

static void default_claim(json_t *spec)
{
	size_t i, k;
	json_t *request, *choice;
	json_array_foreach (json_dig(spec, "devices.requests"), i, request) {
		default_device_count(json_object_get(request, "exactly"));
		json_array_foreach (json_object_get(request, "firstAvailable"), k, choice)
			default_device_count(choice);
	}
}

void default_daemon_set(json_t *spec)
{
	json_t *strategy = default_object(spec, "updateStrategy");
	default_text(strategy, "type", "RollingUpdate");
	if (!is_text(strategy, "type", "RollingUpdate"))
		return;
	json_t *rolling = default_object(strategy, "rollingUpdate");
	default_int(rolling, "maxUnavailable", 1);
	default_int(rolling, "maxSurge", 0);
}

void default_stateful_set(json_t *spec)
{
	json_t *strategy = default_object(spec, "updateStrategy");
	if (is_text(strategy, "type", "")) {
		json_put_str(strategy, "type", "RollingUpdate");
		(void)default_object(strategy, "rollingUpdate");
	}
	json_t *rolling = json_object_get(strategy, "rollingUpdate");
	if (is_text(strategy, "type", "RollingUpdate") && json_is_object(rolling))
		default_int(rolling, "partition", 0);
	json_t *retention = default_object(spec, "persistentVolumeClaimRetentionPolicy");
	default_text(retention, "whenDeleted", "Retain");
	default_text(retention, "whenScaled", "Retain");
}

static const struct {
	const char *group, *kind;
	void (*fill)(json_t *tree);
} kinds[] = {
	{ "", "ReplicationController", default_replication_controller },
	{ "", "LimitRange", default_limits },
	{ "", "PersistentVolume", default_persistent_volume },
	{ "", "PersistentVolumeClaim", default_claim_sources },
	{ "autoscaling", "HorizontalPodAutoscaler", default_autoscaler },
	{ "networking.k8s.io", "NetworkPolicy", default_network_policy },
	{ RBAC_GROUP, "RoleBinding", default_subjects },
	{ RBAC_GROUP, "ClusterRoleBinding", default_subjects },
	{ "admissionregistration.k8s.io", "MutatingWebhookConfiguration", default_webhooks },
	{ "admissionregistration.k8s.io", "ValidatingWebhookConfiguration", default_webhooks },
	{ "apiextensions.k8s.io", "CustomResourceDefinition", default_definition },
};

void default_group(const struct schema_kind *kind, json_t *tree)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (streq(kinds[i].group, kind->group) && streq(kinds[i].kind, kind->kind) &&
		    (!streq(kind->group, "autoscaling") || streq(kind->version, "v2")))
			kinds[i].fill(tree);
	if (streq(kind->group, "")) {
		if (streq(kind->kind, "PodTemplate"))
			default_pod_spec(json_dig(tree, "template.spec"));
	} else if (streq(kind->group, "admissionregistration.k8s.io")) {
		default_match(json_dig(tree, "spec.matchConstraints"));
		default_match(json_dig(tree, "spec.matchResources"));
	} else if (streq(kind->group, "storage.k8s.io")) {
		default_host_path(json_dig(tree, "spec.source.inlineVolumeSpec"));
	} else if (streq(kind->kind, "ResourceClaim")) {
		default_claim(json_object_get(tree, "spec"));
	} else if (streq(kind->kind, "ResourceClaimTemplate")) {
		default_claim(json_dig(tree, "spec.spec"));
	}
}
