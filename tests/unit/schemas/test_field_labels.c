/* What each kind can be selected by beside metadata.name and metadata.namespace. */
#include "schemas/schema.h"

#include "tests/support/check.h"

static const struct {
	const char *group, *kind, *want;
} rows[] = {
	{ "", "Pod",
	  "spec.nodeName spec.restartPolicy spec.schedulerName spec.serviceAccountName "
	  "spec.hostNetwork status.phase status.podIP status.podIPs status.nominatedNodeName "
	  "spec.host" },
	{ "", "Node", "spec.unschedulable" },
	{ "", "Namespace", "status.phase" },
	{ "", "Secret", "type" },
	{ "", "Service", "spec.clusterIP spec.type" },
	{ "", "ReplicationController", "status.replicas" },
	{ "", "Event",
	  "involvedObject.kind involvedObject.namespace involvedObject.name involvedObject.uid "
	  "involvedObject.apiVersion involvedObject.resourceVersion involvedObject.fieldPath reason "
	  "reportingComponent source type" },
	{ "events.k8s.io", "Event",
	  "regarding.kind regarding.namespace regarding.name regarding.uid regarding.apiVersion "
	  "regarding.resourceVersion regarding.fieldPath reason reportingController type" },
	{ "batch", "Job", "status.successful" },
	{ "certificates.k8s.io", "CertificateSigningRequest", "spec.signerName" },
	{ "resource.k8s.io", "ResourceSlice", "spec.nodeName spec.driver" },
};

static const char *wanted(const struct schema_kind *k)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (streq(rows[i].group, k->group) && streq(rows[i].kind, k->kind))
			return rows[i].want;
	return "";
}

int main(void)
{
	size_t found = 0;
	for (size_t i = 0; i < schema_kinds_count(); i++) {
		const struct schema_kind *k = schema_kind_at(i);
		AUTO_STR got;
		str_init(&got, 4096);
		str_add(&got, "");
		for (size_t n = 0; k->field_labels && k->field_labels[n]; n++)
			str_addf(&got, "%s%s", n ? " " : "", k->field_labels[n]);
		CHECK_TEXT(k->kind, got.data, wanted(k));
		found += got.len > 0;
	}
	CHECK_INT(found, ARRAY_LEN(rows));
	return 0;
}
