/*
 * Where the values that a field's schema lists are not those that are checked here: Kubernetes lists
 * none of some fields whose values it checks, and those of others that it does not check, or checks
 * elsewhere.
 */
#include "schemas/openapi_internal.h"

#define QUOTA_SCOPES                                                                               \
	"\"BestEffort\",\"CrossNamespacePodAffinity\",\"NotBestEffort\","                          \
	"\"NotTerminating\",\"PriorityClass\",\"Terminating\","                                    \
	"\"VolumeAttributesClass\""
#define ACCESS_MODES                                                                               \
	"\"ReadOnlyMany\",\"ReadWriteMany\",\"ReadWriteOnce\","                                    \
	"\"ReadWriteOncePod\""
#define SIGNALS                                                                                    \
	"\"SIGABRT\",\"SIGALRM\",\"SIGBUS\",\"SIGCHLD\",\"SIGCLD\",\"SIGCONT\","                   \
	"\"SIGFPE\",\"SIGHUP\",\"SIGILL\",\"SIGINT\",\"SIGIO\",\"SIGIOT\","                        \
	"\"SIGKILL\",\"SIGPIPE\",\"SIGPOLL\",\"SIGPROF\",\"SIGPWR\","                              \
	"\"SIGQUIT\",\"SIGRTMAX\",\"SIGRTMAX-1\",\"SIGRTMAX-10\","                                 \
	"\"SIGRTMAX-11\",\"SIGRTMAX-12\",\"SIGRTMAX-13\",\"SIGRTMAX-14\","                         \
	"\"SIGRTMAX-2\",\"SIGRTMAX-3\",\"SIGRTMAX-4\",\"SIGRTMAX-5\","                             \
	"\"SIGRTMAX-6\",\"SIGRTMAX-7\",\"SIGRTMAX-8\",\"SIGRTMAX-9\","                             \
	"\"SIGRTMIN\",\"SIGRTMIN+1\",\"SIGRTMIN+10\",\"SIGRTMIN+11\","                             \
	"\"SIGRTMIN+12\",\"SIGRTMIN+13\",\"SIGRTMIN+14\",\"SIGRTMIN+15\","                         \
	"\"SIGRTMIN+2\",\"SIGRTMIN+3\",\"SIGRTMIN+4\",\"SIGRTMIN+5\","                             \
	"\"SIGRTMIN+6\",\"SIGRTMIN+7\",\"SIGRTMIN+8\",\"SIGRTMIN+9\","                             \
	"\"SIGSEGV\",\"SIGSTKFLT\",\"SIGSTOP\",\"SIGSYS\",\"SIGTERM\","                            \
	"\"SIGTRAP\",\"SIGTSTP\",\"SIGTTIN\",\"SIGTTOU\",\"SIGURG\","                              \
	"\"SIGUSR1\",\"SIGUSR2\",\"SIGVTALRM\",\"SIGWINCH\",\"SIGXCPU\","                          \
	"\"SIGXFSZ\""

static const struct {
	const char *type, *field;
	const char *values; /* as JSON; NULL: none are listed */
} listed[] = {
	{ "admissionregistration.v1.ParamRef", "parameterNotFoundAction", NULL },
	{ "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy", "whenDeleted", NULL },
	{ "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy", "whenScaled", NULL },
	{ "autoscaling.v2.HPAScalingPolicy", "type", NULL },
	{ "autoscaling.v2.HPAScalingRules", "selectPolicy", NULL },
	{ "autoscaling.v2.MetricTarget", "type", NULL },
	{ "batch.v1.PodFailurePolicyOnExitCodesRequirement", "operator", "\"In\",\"NotIn\"" },
	{ "batch.v1.PodFailurePolicyRule", "action",
	  "\"Count\",\"FailIndex\",\"FailJob\",\"Ignore\"" },
	{ "certificates.v1.CertificateSigningRequestSpec", "usages",
	  "\"any\",\"cert sign\",\"client auth\",\"code signing\","
	  "\"content commitment\",\"crl sign\",\"data encipherment\","
	  "\"decipher only\",\"digital signature\",\"email protection\","
	  "\"encipher only\",\"ipsec end system\",\"ipsec tunnel\","
	  "\"ipsec user\",\"key agreement\",\"key encipherment\","
	  "\"microsoft sgc\",\"netscape sgc\",\"ocsp signing\",\"s/mime\","
	  "\"server auth\",\"signing\",\"timestamping\"" },
	{ "core.v1.AzureDiskVolumeSource", "cachingMode", "\"None\",\"ReadOnly\",\"ReadWrite\"" },
	{ "core.v1.AzureDiskVolumeSource", "kind", "\"Dedicated\",\"Managed\",\"Shared\"" },
	{ "core.v1.ContainerStatus", "stopSignal", SIGNALS },
	{ "core.v1.Lifecycle", "stopSignal", SIGNALS },
	{ "core.v1.ModifyVolumeStatus", "status", "\"InProgress\",\"Infeasible\",\"Pending\"" },
	{ "core.v1.NamespaceStatus", "phase", "\"Active\",\"Terminating\"" },
	{ "core.v1.NodeSelectorRequirement", "operator",
	  "\"DoesNotExist\",\"Exists\",\"Gt\",\"In\",\"Lt\",\"NotIn\"" },
	{ "core.v1.NodeStatus", "phase", "\"Pending\",\"Running\",\"Terminated\"" },
	{ "core.v1.PersistentVolumeClaimSpec", "accessModes", ACCESS_MODES },
	{ "core.v1.PersistentVolumeClaimStatus", "accessModes", ACCESS_MODES },
	{ "core.v1.PersistentVolumeClaimStatus", "allocatedResourceStatuses",
	  "\"ControllerResizeInProgress\",\"ControllerResizeInfeasible\","
	  "\"NodeResizeInProgress\",\"NodeResizeInfeasible\","
	  "\"NodeResizePending\"" },
	{ "core.v1.PersistentVolumeClaimStatus", "phase", "\"Bound\",\"Lost\",\"Pending\"" },
	{ "core.v1.PersistentVolumeSpec", "accessModes", ACCESS_MODES },
	{ "core.v1.PersistentVolumeStatus", "phase",
	  "\"Available\",\"Bound\",\"Failed\",\"Pending\",\"Released\"" },
	{ "core.v1.PodOS", "name", NULL },
	{ "core.v1.PodStatus", "phase",
	  "\"Failed\",\"Pending\",\"Running\",\"Succeeded\",\"Unknown\"" },
	{ "core.v1.PodStatus", "qosClass", "\"BestEffort\",\"Burstable\",\"Guaranteed\"" },
	{ "core.v1.ResourceQuotaSpec", "scopes", QUOTA_SCOPES },
	{ "core.v1.ScopedResourceSelectorRequirement", "operator",
	  "\"DoesNotExist\",\"Exists\",\"In\",\"NotIn\"" },
	{ "core.v1.ScopedResourceSelectorRequirement", "scopeName", QUOTA_SCOPES },
	{ "core.v1.ServiceSpec", "externalTrafficPolicy", "\"Cluster\",\"Local\"" },
	{ "core.v1.ServiceSpec", "ipFamilies", "\"\",\"IPv4\",\"IPv6\"" },
	{ "core.v1.Taint", "effect", "\"NoExecute\",\"NoSchedule\",\"PreferNoSchedule\"" },
	{ "core.v1.Toleration", "effect", "\"NoExecute\",\"NoSchedule\",\"PreferNoSchedule\"" },
	{ "core.v1.Toleration", "operator", "\"Equal\",\"Exists\",\"Gt\",\"Lt\"" },
	{ "core.v1.VolumeMount", "recursiveReadOnly", NULL },
	{ "core.v1.VolumeMountStatus", "recursiveReadOnly", NULL },
	{ "discovery.v1.EndpointSlice", "addressType", "\"FQDN\",\"IPv4\",\"IPv6\"" },
	{ "flowcontrol.v1.FlowDistinguisherMethod", "type", NULL },
	{ "flowcontrol.v1.LimitResponse", "type", NULL },
	{ "flowcontrol.v1.PriorityLevelConfigurationSpec", "type", NULL },
	{ "flowcontrol.v1.Subject", "kind", NULL },
	{ "networking.v1.HTTPIngressPath", "pathType",
	  "\"Exact\",\"ImplementationSpecific\",\"Prefix\"" },
	{ "resource.v1.DeviceAllocationConfiguration", "source", "\"FromClaim\",\"FromClass\"" },
	{ "resource.v1.DeviceSubRequest", "allocationMode", "\"All\",\"ExactCount\"" },
	{ "resource.v1.DeviceTaint", "effect", "\"NoExecute\",\"NoSchedule\",\"None\"" },
	{ "resource.v1.DeviceToleration", "effect", "\"NoExecute\",\"NoSchedule\",\"None\"" },
	{ "resource.v1.DeviceToleration", "operator", "\"Equal\",\"Exists\"" },
	{ "resource.v1.ExactDeviceRequest", "allocationMode", "\"All\",\"ExactCount\"" },
	{ "storage.v1.CSIDriverSpec", "fsGroupPolicy", NULL },
	{ "storage.v1.CSIDriverSpec", "volumeLifecycleModes", NULL },
	{ "apiextensions.v1.ValidationRule", "reason",
	  "\"FieldValueDuplicate\",\"FieldValueForbidden\",\"FieldValueInvalid\","
	  "\"FieldValueRequired\"" },
};

bool openapi_listed_values(const struct schema_type *owner, const struct schema_field *f,
			   const char **ret_values)
{
	for (size_t i = 0; i < ARRAY_LEN(listed); i++) {
		if (!streq(listed[i].field, f->name) || !streq(listed[i].type, owner->name))
			continue;
		*ret_values = listed[i].values;
		return true;
	}
	return false;
}
