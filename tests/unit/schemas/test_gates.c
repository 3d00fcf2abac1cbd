/* What stands behind gates that are off is dropped as the original drops it, unless it was there before. */
#include "schemas/gates.h"
#include "common/base/jsonx.h"
#include "schemas/schema.h"
#include "tests/support/check.h"

#define POD(spec)     "{\"spec\":{" spec "}}"
#define STOP          "\"containers\":[{\"name\":\"c\",\"lifecycle\":{\"stopSignal\":\"SIGTERM\"}}]"
#define SOURCES(list) "\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[" list "]}}]"
#define BUNDLE        "{\"clusterTrustBundle\":{\"path\":\"p\"}}"
#define CERTIFICATE   "{\"podCertificate\":{\"keyType\":\"k\"}}"
#define GROUP         "\"schedulingGroup\":{\"podGroupName\":\"g\"}"
#define CLAIM(more)   "{\"spec\":{\"dataSourceRef\":{\"kind\":\"K\",\"name\":\"n\"" more "}}}"
#define DEVICE(more)  "{\"spec\":{\"devices\":[{\"name\":\"a\"" more "}]}}"
#define ROLLING(more)                                                                              \
	"{\"spec\":{\"updateStrategy\":{\"rollingUpdate\":{\"partition\":0" more "}}}}"
#define STATUS(more) "{\"status\":{" more "}}"
#define MOUNT(more)  STATUS("\"containerStatuses\":[{\"volumeMounts\":[{\"name\":\"v\"" more "}]}]")
#define ELSEWHERE    ",\"namespace\":\"other\""

static const struct {
	const char *name, *group, *kind, *tree, *old, *left; /* old NULL: none; left NULL: all */
} rows[] = {
	{ "a signal", "", "Pod", POD(STOP), NULL, POD("\"containers\":[{\"name\":\"c\"}]") },
	{ "one that was there", "", "Pod", POD(STOP), POD(STOP), NULL },
	{ "beside a hook", "", "Pod",
	  POD("\"containers\":[{\"lifecycle\":{\"stopSignal\":\"SIGTERM\",\"preStop\":{}}}]"), NULL,
	  POD("\"containers\":[{\"lifecycle\":{\"preStop\":{}}}]") },
	{ "an empty struct stays", "", "Pod", POD("\"containers\":[{\"lifecycle\":{}}]"), NULL,
	  NULL },
	{ "in an init container", "", "Pod",
	  POD("\"initContainers\":[{\"lifecycle\":{\"stopSignal\":\"SIGTERM\"}}]"), NULL,
	  POD("\"initContainers\":[{}]") },
	{ "sources of files", "", "Pod",
	  POD(SOURCES(BUNDLE ",{\"configMap\":{\"name\":\"x\"}}," CERTIFICATE)), NULL,
	  POD(SOURCES("{},{\"configMap\":{\"name\":\"x\"}},{}")) },
	{ "one of which was there", "", "Pod", POD(SOURCES(BUNDLE "," CERTIFICATE)),
	  POD(SOURCES(BUNDLE)), POD(SOURCES(BUNDLE ",{}")) },
	{ "a group", "", "Pod", POD(GROUP), NULL, POD("") },
	{ "in a template", "apps", "Deployment",
	  POD("\"template\":{\"spec\":{" GROUP "," STOP "}}"), NULL,
	  POD("\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\"}]}}") },
	{ "in a template's template", "batch", "CronJob",
	  POD("\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":{" GROUP "}}}}"), NULL,
	  POD("\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":{}}}}") },
	{ "what a signal was is told", "", "Pod",
	  STATUS("\"containerStatuses\":[{\"stopSignal\":\"SIGTERM\"}]"), NULL, NULL },
	{ "of a mounted image", "", "Pod", MOUNT(",\"volumeStatus\":{\"image\":{}}"), NULL,
	  MOUNT("") },
	{ "of a node's resources", "", "Pod",
	  STATUS("\"nodeAllocatableResourceClaimStatuses\":[{\"resourceClaimName\":\"x\"}]"), NULL,
	  STATUS("") },
	{ "an election", "coordination.k8s.io", "Lease",
	  POD("\"strategy\":\"a.b/c\",\"preferredHolder\":\"x\",\"holderIdentity\":\"y\""), NULL,
	  POD("\"holderIdentity\":\"y\"") },
	{ "half of which was there", "coordination.k8s.io", "Lease",
	  POD("\"strategy\":\"a.b/c\",\"preferredHolder\":\"x\""), POD("\"strategy\":\"d\""),
	  POD("\"strategy\":\"a.b/c\"") },
	{ "an update's bound", "apps", "StatefulSet", ROLLING(",\"maxUnavailable\":0"), NULL,
	  ROLLING("") },
	{ "a DaemonSet has that", "apps", "DaemonSet", ROLLING(",\"maxUnavailable\":1"), NULL,
	  NULL },
	{ "a driver", "storage.k8s.io", "CSIDriver",
	  POD("\"preventPodSchedulingIfMissing\":true,\"seLinuxMount\":true"), NULL,
	  POD("\"seLinuxMount\":true") },
	{ "attributes", "resource.k8s.io", "ResourceSlice",
	  DEVICE(",\"attributes\":{\"x\":{\"strings\":[\"a\"],\"int\":5},\"y\":{\"bools\":[true]}}"),
	  NULL, DEVICE(",\"attributes\":{\"x\":{\"int\":5},\"y\":{}}") },
	{ "any list was there", "resource.k8s.io", "ResourceSlice",
	  DEVICE(",\"attributes\":{\"x\":{\"strings\":[\"a\"]}}"),
	  DEVICE(",\"attributes\":{\"z\":{\"ints\":[1]}}"), NULL },
	{ "mappings", "resource.k8s.io", "ResourceSlice",
	  DEVICE(",\"nodeAllocatableResourceMappings\":{\"cpu\":{}}"), NULL, DEVICE("") },
	{ "a source elsewhere", "", "PersistentVolumeClaim", CLAIM(ELSEWHERE), NULL, POD("") },
	{ "a source here", "", "PersistentVolumeClaim", CLAIM(""), NULL, NULL },
	{ "it was elsewhere before", "", "PersistentVolumeClaim", CLAIM(ELSEWHERE),
	  CLAIM(ELSEWHERE), NULL },
	{ "a template's source", "apps", "StatefulSet",
	  POD("\"volumeClaimTemplates\":[" CLAIM(ELSEWHERE) "]"), NULL, NULL },
	{ "nothing of the kind", "", "ConfigMap", "{\"data\":{\"stopSignal\":\"x\"}}", NULL, NULL },
};

static json_t *tree_of(const char *text)
{
	json_t *tree = NULL;
	struct error err;
	CHECK(!text || json_parse(text, strlen(text), &tree, &err) == 0);
	return tree;
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct schema_kind *kind =
			schema_kind_by_kind(rows[i].group, "v1", rows[i].kind);
		AUTO_JSON *tree = tree_of(rows[i].tree), *old = tree_of(rows[i].old);
		AUTO_JSON *left = tree_of(rows[i].left ? rows[i].left : rows[i].tree);
		CHECK(kind);
		bool has_dropped = schema_drop_gated(kind, tree, old);
		AUTO_STR got, wanted;
		str_init(&got, 65536);
		str_init(&wanted, 65536);
		json_print(tree, &got);
		json_print(left, &wanted);
		CHECK_TEXT(rows[i].name, got.data, wanted.data);
		CHECK_INT(has_dropped, rows[i].left != NULL);
	}
	puts("ok");
	return 0;
}
