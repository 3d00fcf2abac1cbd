/* Which kind has which rules. Those that are not here go by their tables and validate.c. */
#include "schemas/rule.h"

#define ADMISSION "admissionregistration.k8s.io"
#define FLOW      "flowcontrol.apiserver.k8s.io"
#define RBAC      "rbac.authorization.k8s.io"

/* Names that their kind's rules look at. */
static size_t name_any(const char *value, const char *ret[NAME_PROBLEMS_MAX])
{
	(void)value;
	(void)ret;
	return 0;
}

static const struct {
	const char *group, *kind;
	kind_check *check; /* NULL: nothing beside the metadata */
	name_check *name;  /* NULL: a subdomain */
} kinds[] = {
	{ "", "Endpoints", validate_endpoints, NULL },
	{ "", "Event", validate_core_event, name_path_segment },
	{ "", "LimitRange", validate_limit_range, NULL },
	{ "", "PersistentVolume", validate_volume, NULL },
	{ "", "PersistentVolumeClaim", validate_claim, NULL },
	{ "", "PodTemplate", validate_pod_template, NULL },
	{ "", "ReplicationController", validate_replication_controller, NULL },
	{ "", "ResourceQuota", validate_quota, NULL },
	{ ADMISSION, "MutatingAdmissionPolicy", validate_mutating_policy, NULL },
	{ ADMISSION, "MutatingAdmissionPolicyBinding", validate_mutating_binding, NULL },
	{ ADMISSION, "MutatingWebhookConfiguration", validate_mutating_webhooks, NULL },
	{ ADMISSION, "ValidatingAdmissionPolicy", validate_validating_policy, NULL },
	{ ADMISSION, "ValidatingAdmissionPolicyBinding", validate_validating_binding, NULL },
	{ ADMISSION, "ValidatingWebhookConfiguration", validate_validating_webhooks, NULL },
	{ "apiextensions.k8s.io", "CustomResourceDefinition", validate_definition, NULL },
	{ "apiregistration.k8s.io", "APIService", validate_api_service, name_path_segment },
	{ "apps", "ControllerRevision", validate_controller_revision, NULL },
	{ "apps", "DaemonSet", validate_daemon_set, NULL },
	{ "apps", "Deployment", validate_deployment, NULL },
	{ "apps", "ReplicaSet", validate_replica_set, NULL },
	{ "apps", "StatefulSet", validate_stateful_set, name_dns_label },
	{ "autoscaling", "HorizontalPodAutoscaler", validate_autoscaler, NULL },
	{ "batch", "CronJob", validate_cron_job, NULL },
	{ "batch", "Job", validate_job, NULL },
	{ "certificates.k8s.io", "CertificateSigningRequest", validate_signing_request,
	  name_path_segment },
	{ "coordination.k8s.io", "Lease", validate_lease, NULL },
	{ "discovery.k8s.io", "EndpointSlice", validate_endpoint_slice, NULL },
	{ "events.k8s.io", "Event", validate_event, NULL },
	{ FLOW, "FlowSchema", validate_flow_schema, NULL },
	{ FLOW, "PriorityLevelConfiguration", validate_priority_level, NULL },
	{ "networking.k8s.io", "IPAddress", validate_ip_address, name_any },
	{ "networking.k8s.io", "Ingress", validate_ingress, NULL },
	{ "networking.k8s.io", "IngressClass", validate_ingress_class, NULL },
	{ "networking.k8s.io", "NetworkPolicy", validate_network_policy, NULL },
	{ "networking.k8s.io", "ServiceCIDR", validate_service_cidr, NULL },
	{ "node.k8s.io", "RuntimeClass", validate_runtime_class, NULL },
	{ "policy", "PodDisruptionBudget", validate_disruption_budget, name_path_segment },
	{ RBAC, "ClusterRole", validate_cluster_role, name_path_segment },
	{ RBAC, "ClusterRoleBinding", validate_cluster_role_binding, name_path_segment },
	{ RBAC, "Role", validate_role, name_path_segment },
	{ RBAC, "RoleBinding", validate_role_binding, name_path_segment },
	{ "resource.k8s.io", "DeviceClass", validate_device_class, NULL },
	{ "resource.k8s.io", "ResourceClaim", validate_device_claim, NULL },
	{ "resource.k8s.io", "ResourceClaimTemplate", validate_device_claim_template, NULL },
	{ "resource.k8s.io", "ResourceSlice", validate_device_slice, NULL },
	{ "scheduling.k8s.io", "PriorityClass", validate_priority_class, NULL },
	{ "storage.k8s.io", "CSIDriver", validate_csi_driver, NULL },
	{ "storage.k8s.io", "CSINode", validate_csi_node, NULL },
	{ "storage.k8s.io", "CSIStorageCapacity", validate_capacity, NULL },
	{ "storage.k8s.io", "StorageClass", validate_storage_class, NULL },
	{ "storage.k8s.io", "VolumeAttachment", validate_attachment, NULL },
	{ "storage.k8s.io", "VolumeAttributesClass", validate_attributes_class, NULL },
};

bool validate_kind(const struct schema_kind *kind, const json_t *tree, const json_t *old,
		   struct field_errors *e)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!streq(kinds[i].kind, kind->kind) || !streq(kinds[i].group, kind->group))
			continue;
		if (kinds[i].check)
			kinds[i].check(tree, old, e);
		return true;
	}
	return false;
}

name_check *validate_name_rule(const struct schema_kind *kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (streq(kinds[i].kind, kind->kind) && streq(kinds[i].group, kind->group))
			return kinds[i].name ? kinds[i].name : name_dns_subdomain;
	if (kind->custom)
		return name_dns_subdomain;
	if (streq(kind->kind, "Namespace") || streq(kind->kind, "Service"))
		return name_dns_label;
	return name_dns_subdomain;
}
