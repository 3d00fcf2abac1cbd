#include "schemas/rule.h"
#include "schemas/warning.h"

#include "common/base/jsonx.h"
#include "schemas/custom.h"
#include "schemas/names.h"
#include "schemas/report.h"

/* Names of what makes pods become parts of host names. */
static void warn_name(const json_t *tree, const char *words, struct schema_report *ret)
{
	const char *problems[NAME_PROBLEMS_MAX];
	const char *name = json_str_or(tree, "metadata.name", "");
	size_t count = *name ? name_dns_label(name, problems) : 0;
	AUTO_STR all;
	str_init(&all, 4096);
	for (size_t i = 0; i < count; i++)
		str_addf(&all, "%s%s", i ? " " : "", problems[i]);
	if (count)
		report_add(
			ret,
			"metadata.name: %s, which can result in surprising behavior; a DNS label "
			"is recommended: [%s]",
			words, all.data);
}

static void warn_headless(const json_t *spec, struct schema_report *ret)
{
	if (*json_str_or(spec, "loadBalancerIP", ""))
		report_add(ret, "spec.loadBalancerIP is ignored for headless services");
	if (json_array_size(json_object_get(spec, "externalIPs")))
		report_add(ret, "spec.externalIPs is ignored for headless services");
	if (!streq(json_str_or(spec, "sessionAffinity", "None"), "None"))
		report_add(ret, "spec.SessionAffinity is ignored for headless services");
}

static void warn_service(const json_t *tree, struct schema_report *ret)
{
	static const char hints[] = "service.kubernetes.io/topology-aware-hints";
	const json_t *spec = json_object_get(tree, "spec");
	bool is_external = streq(json_str_or(spec, "type", ""), "ExternalName");
	bool is_headless = streq(json_str_or(spec, "clusterIP", ""), "None");
	bool has_outside = json_array_size(json_object_get(spec, "externalIPs")) > 0;
	if (json_at(tree, "metadata", "annotations", hints))
		report_add(ret,
			   "annotation %s is deprecated, please use "
			   "service.kubernetes.io/topology-mode instead",
			   hints);
	if (is_headless)
		warn_headless(spec, ret);
	if (has_outside && !is_headless && !is_external)
		report_add(ret,
			   "spec.externalIPs is deprecated and may no longer be implemented in "
			   "some clusters");
	if (is_external && has_outside)
		report_add(ret, "spec.externalIPs is ignored when spec.type is \"ExternalName\"");
	if (!is_external && *json_str_or(spec, "externalName", ""))
		report_add(ret,
			   "spec.externalName is ignored when spec.type is not \"ExternalName\"");
	if (streq(json_str_or(spec, "trafficDistribution", ""), "PreferClose"))
		report_add(ret, "spec.trafficDistribution: \"PreferClose\" is deprecated; use "
				"\"PreferSameZone\"");
}

static void warn_claim_spec(const json_t *spec, const struct path *at, struct schema_report *ret)
{
	static const char *const bounds[] = { "requests", "limits" };
	for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
		warn_fraction(json_at(spec, "resources", bounds[i]), "storage",
			      PATH(PATH(at, "resources"), bounds[i]), ret);
}

static void warn_set(const json_t *tree, struct schema_report *ret)
{
	const json_t *claims = json_dig(tree, "spec.volumeClaimTemplates");
	const struct path *at = PATH(NULL, "spec");
	for (size_t i = 0; i < json_array_size(claims); i++)
		warn_claim_spec(json_object_get(json_array_get(claims, i), "spec"),
				PATH_AT(PATH(at, "volumeClaimTemplates"), i), ret);
	if (json_int_or(tree, "spec.revisionHistoryLimit", 0) < 0)
		report_add(ret,
			   "spec.revisionHistoryLimit: a negative value retains all historical "
			   "revisions; a value >= 0 is recommended");
}

static void warn_pods_of(const json_t *tree, struct schema_report *ret)
{
	warn_pod(json_dig(tree, "spec.template"), PATH(PATH(NULL, "spec"), "template"), ret);
}

static const char of_pods[] = "this is used in Pod names and hostnames";

static void warn_single_pod(const json_t *tree, struct schema_report *ret)
{
	warn_pod(tree, NULL, ret);
}

static void warn_job(const json_t *tree, struct schema_report *ret)
{
	if (streq(json_str_or(tree, "spec.completionMode", ""), "Indexed") &&
	    json_int_or(tree, "spec.completions", 0) > 100000 &&
	    json_int_or(tree, "spec.parallelism", 0) > 10000)
		report_add(ret,
			   "spec: In Indexed Jobs with a number of completions higher than 10^5 "
			   "and a parallelism higher than 10^4, Kubernetes might not be able to "
			   "track completedIndexes when a big number of indexes fail");
	warn_pods_of(tree, ret);
}

static void warn_cron_job(const json_t *tree, struct schema_report *ret)
{
	const struct path *at = PATH(PATH(PATH(NULL, "spec"), "jobTemplate"), "spec");
	warn_pod(json_dig(tree, "spec.jobTemplate.spec.template"), PATH(at, "template"), ret);
}

static void warn_template(const json_t *tree, struct schema_report *ret)
{
	warn_pod(json_object_get(tree, "template"), PATH(NULL, "template"), ret);
}

static void warn_ingress(const json_t *tree, struct schema_report *ret)
{
	if (json_at(tree, "metadata", "annotations", "kubernetes.io/ingress.class"))
		report_add(ret,
			   "annotation \"kubernetes.io/ingress.class\" is deprecated, please use "
			   "'spec.ingressClassName' instead");
}

static void warn_volume(const json_t *tree, struct schema_report *ret)
{
	static const char *const old[][3] = {
		{ "photonPersistentDisk", "photonPersistentDisk",
		  "deprecated in v1.11, non-functional in v1.16+" },
		{ "scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+" },
		{ "storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+" },
		{ "quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+" },
		{ "glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+" },
		{ "cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+" },
		{ "rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+" },
	};
	static const char class[] = "volume.beta.kubernetes.io/storage-class";
	const struct path *at = PATH(NULL, "spec");
	const struct path *meta_at = PATH(PATH(NULL, "metadata"), "annotations");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *terms = json_dig(spec, "nodeAffinity.required.nodeSelectorTerms");
	if (json_at(tree, "metadata", "annotations", class))
		warn_at(ret, PATH_OF(meta_at, class),
			"deprecated since v1.8; use \"storageClassName\" attribute instead");
	if (streq(json_str_or(spec, "persistentVolumeReclaimPolicy", ""), "Recycle"))
		warn_at(ret, PATH(at, "persistentVolumeReclaimPolicy"),
			"The Recycle reclaim policy is deprecated. Instead, the recommended approach "
			"is to use dynamic provisioning.");
	for (size_t i = 0; i < json_array_size(terms); i++)
		warn_node_term(json_array_get(terms, i),
			       PATH_AT(PATH(PATH(PATH(at, "nodeAffinity"), "required"),
					    "nodeSelectorTerms"),
				       i),
			       ret);
	for (size_t i = 0; i < ARRAY_LEN(old); i++)
		if (json_object_get(spec, old[i][0]))
			warn_at(ret, PATH(at, old[i][1]), "%s", old[i][2]);
}

static void warn_claim(const json_t *tree, struct schema_report *ret)
{
	static const char class[] = "volume.beta.kubernetes.io/storage-class";
	if (json_at(tree, "metadata", "annotations", class))
		warn_at(ret, PATH_OF(PATH(PATH(NULL, "metadata"), "annotations"), class),
			"deprecated since v1.8; use \"storageClassName\" attribute instead");
	warn_claim_spec(json_object_get(tree, "spec"), PATH(NULL, "spec"), ret);
}

static void warn_storage_class(const json_t *tree, struct schema_report *ret)
{
	const json_t *terms = json_object_get(tree, "allowedTopologies");
	for (size_t i = 0; i < json_array_size(terms); i++) {
		const json_t *list =
			json_object_get(json_array_get(terms, i), "matchLabelExpressions");
		const struct path *at =
			PATH(PATH_AT(PATH(NULL, "allowedTopologies"), i), "matchLabelExpressions");
		for (size_t k = 0; k < json_array_size(list); k++) {
			const char *words =
				warn_old_label(json_str_or(json_array_get(list, k), "key", ""));
			if (words)
				warn_at(ret, PATH(PATH_AT(at, k), "key"), "%s", words);
		}
	}
}

static void warn_capacity(const json_t *tree, struct schema_report *ret)
{
	const char *key;
	json_t *value;
	json_object_foreach (json_dig(tree, "nodeTopology.matchLabels"), key, value) {
		if (warn_old_label(key))
			warn_at(ret, PATH(PATH(PATH(NULL, "nodeTopology"), "matchLabels"), key),
				"%s", warn_old_label(key));
	}
}

static void warn_runtime_class(const json_t *tree, struct schema_report *ret)
{
	const char *key;
	json_t *value;
	json_object_foreach (json_dig(tree, "scheduling.nodeSelector"), key, value) {
		if (warn_old_label(key))
			report_add(ret, "scheduling.nodeSelector: %s", warn_old_label(key));
	}
}

static void warn_node(const json_t *tree, struct schema_report *ret)
{
	if (*json_str_or(tree, "spec.externalID", ""))
		report_add(ret, "spec.externalID: this field is deprecated, and is unused by "
				"Kubernetes");
}

static const char mountable[] = "kubernetes.io/enforce-mountable-secrets";

static void warn_account(const json_t *tree, struct schema_report *ret)
{
	if (json_at(tree, "metadata", "annotations", mountable))
		warn_at(ret, PATH_OF(PATH(PATH(NULL, "metadata"), "annotations"), mountable),
			"deprecated in v1.32+; prefer separate namespaces to isolate access to "
			"mounted secrets");
}

static void warn_slice(const json_t *tree, struct schema_report *ret)
{
	if (streq(json_str_or(tree, "addressType", ""), "FQDN"))
		report_add(ret, "spec.addressType: FQDN endpoints are deprecated");
}

/* Of updates: always, never, when they count up the generation, change the template, add the
 * annotation. */
enum occasion { ALWAYS, WHEN_MADE, WHEN_WANTED, WHEN_TEMPLATED, WHEN_ANNOTATED };

static const struct {
	const char *group, *kind;
	enum occasion when;
	void (*warn)(const json_t *tree, struct schema_report *ret);
	const char *name_use; /* what its name is used for; said when it is made */
} kinds[] = {
	{ "", "Pod", WHEN_MADE, warn_single_pod, "this is used in the Pod's hostname" },
	{ "", "Service", ALWAYS, warn_service, NULL },
	{ "", "Node", ALWAYS, warn_node, NULL },
	{ "", "PersistentVolume", ALWAYS, warn_volume, NULL },
	{ "", "PersistentVolumeClaim", ALWAYS, warn_claim, NULL },
	{ "", "PodTemplate", WHEN_WANTED, warn_template, NULL },
	{ "", "ReplicationController", WHEN_WANTED, warn_pods_of, of_pods },
	{ "", "ServiceAccount", WHEN_ANNOTATED, warn_account, NULL },
	{ "apiextensions.k8s.io", "CustomResourceDefinition", ALWAYS, warn_definition, NULL },
	{ "apps", "DaemonSet", WHEN_TEMPLATED, warn_pods_of, NULL },
	{ "apps", "Deployment", WHEN_WANTED, warn_pods_of, of_pods },
	{ "apps", "ReplicaSet", WHEN_WANTED, warn_pods_of, of_pods },
	{ "apps", "StatefulSet", WHEN_WANTED, warn_pods_of, NULL },
	{ "apps", "StatefulSet", ALWAYS, warn_set, NULL },
	{ "batch", "CronJob", WHEN_WANTED, warn_cron_job, of_pods },
	{ "batch", "Job", WHEN_WANTED, warn_job, of_pods },
	{ "discovery.k8s.io", "EndpointSlice", ALWAYS, warn_slice, NULL },
	{ "networking.k8s.io", "Ingress", WHEN_MADE, warn_ingress, NULL },
	{ "node.k8s.io", "RuntimeClass", ALWAYS, warn_runtime_class, NULL },
	{ "storage.k8s.io", "CSIStorageCapacity", ALWAYS, warn_capacity, NULL },
	{ "storage.k8s.io", "StorageClass", ALWAYS, warn_storage_class, NULL },
};

static bool is_time(enum occasion when, const json_t *tree, const json_t *old)
{
	switch (when) {
	case ALWAYS:
		return true;
	case WHEN_MADE:
		return !old;
	case WHEN_WANTED:
		return !old || json_int_or(tree, "metadata.generation", 0) !=
				       json_int_or(old, "metadata.generation", 0);
	case WHEN_TEMPLATED:
		return !old ||
		       !rule_same(json_dig(tree, "spec.template"), json_dig(old, "spec.template"));
	case WHEN_ANNOTATED:
		return !old || !json_at(old, "metadata", "annotations", mountable);
	}
	return true;
}

void schema_warnings(const struct schema_kind *kind, const json_t *tree, const json_t *old,
		     struct schema_report *ret)
{
	if (kind->custom) {
		custom_warnings(tree, old, ret);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!streq(kinds[i].kind, kind->kind) || !streq(kinds[i].group, kind->group))
			continue;
		if (kinds[i].name_use && !old)
			warn_name(tree, kinds[i].name_use, ret);
		if (is_time(kinds[i].when, tree, old))
			kinds[i].warn(tree, ret);
	}
}
