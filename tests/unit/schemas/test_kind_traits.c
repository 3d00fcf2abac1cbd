/* How the objects of each kind may be written: which a PUT makes, which need a version in an update, which
 * a deletion answers with, which count their generations. */
#include "schemas/schema.h"

#include "tests/support/check.h"

static const char *const creates_on_update[] = {
	"ClusterRole", "ClusterRoleBinding", "Endpoints",    "Event",   "Lease", "LimitRange",
	"Role",        "RoleBinding",        "RuntimeClass", "Service",
};
static const char *const needs_version_on_update[] = {
	"APIService",
	"CSIDriver",
	"CSINode",
	"CSIStorageCapacity",
	"CustomResourceDefinition",
	"Lease",
	"MutatingAdmissionPolicy",
	"MutatingAdmissionPolicyBinding",
	"MutatingWebhookConfiguration",
	"PodDisruptionBudget",
	"RuntimeClass",
	"ValidatingAdmissionPolicy",
	"ValidatingAdmissionPolicyBinding",
	"ValidatingWebhookConfiguration",
	"VolumeAttachment",
};
static const char *const returns_object_on_delete[] = {
	"CSIDriver",
	"CSINode",
	"DeviceClass",
	"Namespace",
	"PersistentVolume",
	"PersistentVolumeClaim",
	"Pod",
	"PodTemplate",
	"ResourceClaim",
	"ResourceClaimTemplate",
	"ResourceQuota",
	"ResourceSlice",
	"Service",
	"ServiceAccount",
	"StorageClass",
	"VolumeAttachment",
	"VolumeAttributesClass",
};
static const char *const counts_generations[] = {
	"CSIDriver",
	"CronJob",
	"CustomResourceDefinition",
	"DaemonSet",
	"Deployment",
	"DeviceClass",
	"EndpointSlice",
	"FlowSchema",
	"Ingress",
	"IngressClass",
	"Job",
	"MutatingAdmissionPolicy",
	"MutatingAdmissionPolicyBinding",
	"MutatingWebhookConfiguration",
	"NetworkPolicy",
	"Pod",
	"PodDisruptionBudget",
	"PodTemplate",
	"PriorityClass",
	"PriorityLevelConfiguration",
	"ReplicaSet",
	"ReplicationController",
	"ResourceSlice",
	"StatefulSet",
	"ValidatingAdmissionPolicy",
	"ValidatingAdmissionPolicyBinding",
	"ValidatingWebhookConfiguration",
};

static void check(const char *trait, const struct schema_kind *k, bool got,
		  const char *const *names, size_t count)
{
	bool want = false;
	for (size_t i = 0; i < count && !want; i++)
		want = streq(names[i], k->kind);
	if (got != want)
		fprintf(stderr, "%s of %s\n", trait, k->kind);
	CHECK_INT(got, want);
}

#define CHECK_TRAIT(k, got, names) check(#names, (k), (got), (names), ARRAY_LEN(names))

int main(void)
{
	for (size_t i = 0; i < schema_kinds_count(); i++) {
		const struct schema_kind *k = schema_kind_at(i);
		CHECK_TRAIT(k, k->creates_on_update, creates_on_update);
		CHECK_TRAIT(k, k->needs_version_on_update, needs_version_on_update);
		CHECK_TRAIT(k, k->returns_object_on_delete, returns_object_on_delete);
		CHECK_TRAIT(k, k->has_generation, counts_generations);
	}
	return 0;
}
