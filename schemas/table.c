#include "common/base/time_text.h"
#include "schemas/cells.h"
#include "schemas/custom.h"

#include <ctype.h>

static void add_trimmed(json_t *row, const char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	size_t n = strlen(text);
	while (n && isspace((unsigned char)text[n - 1]))
		n--;
	json_array_append_new(row, json_stringn_nocheck(text, n));
}

static const char *first_text(const json_t *o, const char *a, const char *b)
{
	const char *text = json_str_or(o, a, "");
	return *text ? text : json_str_or(o, b, "");
}

static void cell_event_object(const json_t *event, json_t *row)
{
	struct str text;
	str_init(&text, 4096);
	cell_add_lower(&text, json_str_or(event, "involvedObject.kind", ""));
	const char *name = json_str_or(event, "involvedObject.name", "");
	if (*name)
		str_addf(&text, "/%s", name);
	cell_take(row, &text);
}

static void table_event(const json_t *event, int64_t now_us, json_t *row)
{
	const char *first = json_str(event, "firstTimestamp");
	const char *last = json_str(event, "lastTimestamp");
	int64_t count = MAX(json_int_or(event, "count", 1), 1);
	if (!first)
		first = json_str(event, "eventTime");
	if (!last)
		last = first;
	if (json_object_get(event, "series")) {
		last = json_str(event, "series.lastObservedTime");
		count = json_int_or(event, "series.count", 0);
	}
	cell_since(row, last, now_us);
	cell_text(row, json_str_or(event, "type", ""));
	cell_text(row, json_str_or(event, "reason", ""));
	cell_event_object(event, row);
	cell_text(row, json_str_or(event, "involvedObject.fieldPath", ""));
	const char *component = first_text(event, "source.component", "reportingComponent");
	const char *host = first_text(event, "source.host", "reportingInstance");
	struct str source;
	str_init(&source, 4096);
	str_addf(&source, "%s%s%s", component, *host ? ", " : "", host);
	cell_take(row, &source);
	add_trimmed(row, json_str_or(event, "message", ""));
	cell_since(row, first, now_us);
	cell_int(row, count);
	cell_text(row, json_str_or(event, "metadata.name", ""));
}

static bool has_condition(const json_t *tree, const char *type)
{
	const json_t *list = json_dig(tree, "status.conditions");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		if (streq(json_str_or(c, "type", ""), type))
			return streq(json_str_or(c, "status", ""), "True");
	}
	return false;
}

static const char *job_status(const json_t *job)
{
	static const struct {
		const char *condition, *status;
	} rows[] = {
		{ "Complete", "Complete" },
		{ "Failed", "Failed" },
		{ NULL, "Terminating" },
		{ "Suspended", "Suspended" },
		{ "FailureTarget", "FailureTarget" },
		{ "SuccessCriteriaMet", "SuccessCriteriaMet" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool holds = rows[i].condition
				     ? has_condition(job, rows[i].condition)
				     : json_dig(job, "metadata.deletionTimestamp") != NULL;
		if (holds)
			return rows[i].status;
	}
	return "Running";
}

static void cell_duration(const json_t *job, int64_t now_us, json_t *row)
{
	const char *start = json_str(job, "status.startTime");
	const char *end = json_str(job, "status.completionTime");
	int64_t end_us = now_us;
	if (!start) {
		cell_text(row, "");
		return;
	}
	if (end)
		(void)time_parse(end, &end_us); /* validated; else until now */
	cell_since(row, start, end_us);
}

static void table_job(const json_t *job, int64_t now_us, json_t *row)
{
	struct str text;
	str_init(&text, 256);
	long long done = json_int_or(job, "status.succeeded", 0);
	long long parallel = json_int_or(job, "spec.parallelism", 0);
	const json_t *wanted = json_dig(job, "spec.completions");
	if (wanted)
		str_addf(&text, "%lld/%lld", done, (long long)json_integer_value(wanted));
	else if (parallel > 1)
		str_addf(&text, "%lld/1 of %lld", done, parallel);
	else
		str_addf(&text, "%lld/1", done);
	cell_text(row, job_status(job));
	cell_take(row, &text);
	cell_duration(job, now_us, row);
	cell_age(row, job, now_us);
	cell_containers(row, json_dig(job, "spec.template.spec.containers"));
	cell_selector(row, json_dig(job, "spec.selector"), "<none>");
}

static void table_config_map(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_int(row, (int64_t)(json_object_size(json_object_get(tree, "data")) +
				json_object_size(json_object_get(tree, "binaryData"))));
	cell_age(row, tree, now_us);
}

static void table_secret(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_text(row, json_str_or(tree, "type", ""));
	cell_int(row, (int64_t)json_object_size(json_object_get(tree, "data")));
	cell_age(row, tree, now_us);
}

static void table_namespace(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_text(row, json_str_or(tree, "status.phase", ""));
	cell_age(row, tree, now_us);
}

static void table_lease(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_text(row, json_str_or(tree, "spec.holderIdentity", ""));
	cell_age(row, tree, now_us);
}

/* Sorted by kind, which no two groups share but Event's and the autoscaler's. */
static const struct {
	const char *kind;
	void (*cells)(const json_t *tree, int64_t now_us, json_t *row);
} printers[] = {
	{ "APIService", table_api_service },
	{ "CSIDriver", table_csi_driver },
	{ "CSINode", table_csi_node },
	{ "CSIStorageCapacity", table_csi_capacity },
	{ "CertificateSigningRequest", table_certificate_request },
	{ "ClusterRole", table_created },
	{ "ClusterRoleBinding", table_role_binding },
	{ "ComponentStatus", table_component },
	{ "ConfigMap", table_config_map },
	{ "ControllerRevision", table_revision },
	{ "CronJob", table_cronjob },
	{ "CustomResourceDefinition", table_created },
	{ "DaemonSet", table_daemonset },
	{ "Deployment", table_deployment },
	{ "DeviceClass", cell_age_only },
	{ "EndpointSlice", table_slice },
	{ "Endpoints", table_endpoints },
	{ "FlowSchema", table_flow_schema },
	{ "HorizontalPodAutoscaler", table_autoscaler },
	{ "IPAddress", table_ip_address },
	{ "Ingress", table_ingress },
	{ "IngressClass", table_ingress_class },
	{ "Job", table_job },
	{ "Lease", table_lease },
	{ "LimitRange", table_created },
	{ "MutatingAdmissionPolicy", table_mutating_policy },
	{ "MutatingAdmissionPolicyBinding", table_policy_binding },
	{ "MutatingWebhookConfiguration", table_webhooks },
	{ "Namespace", table_namespace },
	{ "NetworkPolicy", table_network_policy },
	{ "Node", table_node },
	{ "PersistentVolume", table_volume },
	{ "PersistentVolumeClaim", table_claim },
	{ "Pod", table_pod },
	{ "PodDisruptionBudget", table_budget },
	{ "PodTemplate", table_pod_template },
	{ "PriorityClass", table_priority_class },
	{ "PriorityLevelConfiguration", table_priority_level },
	{ "ReplicaSet", table_replicaset },
	{ "ReplicationController", table_replication_controller },
	{ "ResourceClaim", table_resource_claim },
	{ "ResourceClaimTemplate", cell_age_only },
	{ "ResourceQuota", table_quota },
	{ "ResourceSlice", table_resource_slice },
	{ "Role", table_created },
	{ "RoleBinding", table_role_binding },
	{ "RuntimeClass", table_runtime_class },
	{ "Secret", table_secret },
	{ "Service", table_service },
	{ "ServiceAccount", cell_age_only },
	{ "ServiceCIDR", table_service_cidr },
	{ "StatefulSet", table_statefulset },
	{ "StorageClass", table_storage_class },
	{ "ValidatingAdmissionPolicy", table_validating_policy },
	{ "ValidatingAdmissionPolicyBinding", table_policy_binding },
	{ "ValidatingWebhookConfiguration", table_webhooks },
	{ "VolumeAttachment", table_attachment },
	{ "VolumeAttributesClass", table_attributes_class },
};

static int by_kind(const void *key, const void *row)
{
	return strcmp(key, *(const char *const *)row);
}

json_t *table_cells(const struct schema_kind *kind, const json_t *tree, int64_t now_us)
{
	if (kind->custom)
		return custom_cells(kind->custom, tree, now_us);
	json_t *row = json_array();
	if (streq(kind->kind, "Event")) {
		table_event(tree, now_us, row);
		return row;
	}
	cell_text(row, json_str_or(tree, "metadata.name", ""));
	size_t at = (size_t)-1;
	const char *const *found =
		bsearch(kind->kind, printers, ARRAY_LEN(printers), sizeof printers[0], by_kind);
	if (found)
		at = (size_t)((const char *)found - (const char *)printers) / sizeof printers[0];
	if (at < ARRAY_LEN(printers))
		printers[at].cells(tree, now_us, row);
	else
		cell_age(row, tree, now_us); /* those without columns of theirs */
	return row;
}
