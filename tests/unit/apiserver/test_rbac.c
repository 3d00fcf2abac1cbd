/*
 * Who may do what: rules against requests and against rules, then whole stories against a server.
 */
#include "apiserver/rbac_defaults.h"
#include "apiserver/rbac_rule.h"
#include "apiserver/system_objects.h"
#include "common/base/jsonx.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define CORE   "/api/v1"
#define NS     CORE "/namespaces/default"
#define RBAC   "/apis/rbac.authorization.k8s.io/v1"
#define ROLES  RBAC "/namespaces/default/roles"
#define BINDS  RBAC "/namespaces/default/rolebindings"
#define CROLES RBAC "/clusterroles"
#define CBINDS RBAC "/clusterrolebindings"

static void read_rules(const char *text, struct rbac_rules *ret)
{
	struct error err;
	AUTO_JSON *tree = NULL;
	CHECK(json_parse(text, strlen(text), &tree, &err) == 0);
	rbac_rules_read(tree, ret);
}

#define RULE(verbs, groups, resources, names)                                                      \
	"[{\"verbs\":[" verbs "],\"apiGroups\":[" groups "],\"resources\":[" resources             \
	"],\"resourceNames\":[" names "]}]"

/* Asked for: verb, group, resource, subresource, name; or a verb and a path. */
static const struct {
	const char *name, *rules, *verb, *group, *resource, *subresource, *object, *path;
	bool allowed;
} matches[] = {
	{ "plain", RULE("\"get\"", "\"\"", "\"pods\"", ""), "get", "", "pods", "", "x", "", true },
	{ "other verb", RULE("\"get\"", "\"\"", "\"pods\"", ""), "list", "", "pods", "", "", "",
	  false },
	{ "any verb", RULE("\"*\"", "\"\"", "\"pods\"", ""), "evict", "", "pods", "", "", "",
	  true },
	{ "other group", RULE("\"get\"", "\"apps\"", "\"pods\"", ""), "get", "", "pods", "", "", "",
	  false },
	{ "any group", RULE("\"get\"", "\"*\"", "\"pods\"", ""), "get", "x", "pods", "", "", "",
	  true },
	{ "no subresource by its parent", RULE("\"get\"", "\"\"", "\"pods\"", ""), "get", "",
	  "pods", "log", "x", "", false },
	{ "a subresource", RULE("\"get\"", "\"\"", "\"pods/log\"", ""), "get", "", "pods", "log",
	  "x", "", true },
	{ "not the parent by it", RULE("\"get\"", "\"\"", "\"pods/log\"", ""), "get", "", "pods",
	  "", "x", "", false },
	{ "not a longer name", RULE("\"get\"", "\"\"", "\"pods\"", ""), "get", "", "podsets", "",
	  "x", "", false },
	{ "not a shorter one", RULE("\"get\"", "\"\"", "\"pods\"", ""), "get", "", "pod", "", "x",
	  "", false },
	{ "all resources have all subresources", RULE("\"get\"", "\"\"", "\"*\"", ""), "get", "",
	  "pods", "log", "x", "", true },
	{ "one subresource of all", RULE("\"get\"", "\"*\"", "\"*/scale\"", ""), "get", "apps",
	  "deployments", "scale", "x", "", true },
	{ "not another", RULE("\"get\"", "\"*\"", "\"*/scale\"", ""), "get", "apps", "deployments",
	  "status", "x", "", false },
	{ "not the parent", RULE("\"get\"", "\"*\"", "\"*/scale\"", ""), "get", "apps",
	  "deployments", "", "x", "", false },
	{ "a name", RULE("\"get\"", "\"\"", "\"pods\"", "\"x\""), "get", "", "pods", "", "x", "",
	  true },
	{ "another name", RULE("\"get\"", "\"\"", "\"pods\"", "\"x\""), "get", "", "pods", "", "y",
	  "", false },
	{ "no name", RULE("\"list\"", "\"\"", "\"pods\"", "\"x\""), "list", "", "pods", "", "", "",
	  false },
	{ "no group named", RULE("\"get\"", "", "\"pods\"", ""), "get", "", "pods", "", "x", "",
	  false },
	{ "a path", "[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a\"]}]", "get", "", "", "", "",
	  "/a", true },
	{ "a path below", "[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a\"]}]", "get", "", "", "",
	  "", "/a/b", false },
	{ "a trailing star", "[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a/*\"]}]", "get", "",
	  "", "", "", "/a/b/c", true },
	{ "which asks for the slash", "[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a/*\"]}]",
	  "get", "", "", "", "", "/a", false },
	{ "a star inside is a letter", "[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/*/b\"]}]",
	  "get", "", "", "", "", "/a/b", false },
	{ "every path", "[{\"verbs\":[\"*\"],\"nonResourceURLs\":[\"*\"]}]", "post", "", "", "", "",
	  "/x", true },
	{ "no path by resources", RULE("\"*\"", "\"*\"", "\"*\"", ""), "get", "", "", "", "", "/x",
	  false },
};

static void test_matches(void)
{
	for (size_t i = 0; i < ARRAY_LEN(matches); i++) {
		struct rbac_rules rules;
		read_rules(matches[i].rules, &rules);
		struct access a = { !*matches[i].path,
				    matches[i].verb,
				    matches[i].group,
				    matches[i].resource,
				    matches[i].subresource,
				    matches[i].object,
				    "",
				    matches[i].path,
				    "" };
		CHECK_INT(rules.count, 1);
		if (rbac_rule_allows(&rules.at[0], &a) != matches[i].allowed) {
			fprintf(stderr, "row '%s'\n", matches[i].name);
			exit(1);
		}
		rbac_rules_fini(&rules);
	}
}

static const struct {
	const char *name, *owned, *wanted, *missing;
} covers[] = {
	{ "the same", RULE("\"get\"", "\"\"", "\"pods\"", ""),
	  RULE("\"get\"", "\"\"", "\"pods\"", ""), "" },
	{ "everything", RULE("\"*\"", "\"*\"", "\"*\"", ""),
	  RULE("\"x\"", "\"y\"", "\"z/q\"", "\"n\""), "" },
	{ "nothing", "[]", RULE("\"get\",\"list\"", "\"\"", "\"pods\"", ""),
	  "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\" \"list\"]}" },
	{ "a star is more than all we know", RULE("\"get\"", "\"\"", "\"pods\"", ""),
	  RULE("\"*\"", "\"\"", "\"pods\"", ""),
	  "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"*\"]}" },
	{ "names narrow", RULE("\"get\"", "\"\"", "\"pods\"", "\"a\""),
	  RULE("\"get\"", "\"\"", "\"pods\"", ""),
	  "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\"]}" },
	{ "one of two names", RULE("\"get\"", "\"\"", "\"pods\"", "\"a\""),
	  RULE("\"get\"", "\"\"", "\"pods\"", "\"a\",\"b\""),
	  "{APIGroups:[\"\"], Resources:[\"pods\"], ResourceNames:[\"b\"], Verbs:[\"get\"]}" },
	{ "a subresource of all", RULE("\"get\"", "\"\"", "\"*/log\"", ""),
	  RULE("\"get\"", "\"\"", "\"pods/log\",\"pods\"", ""),
	  "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\"]}" },
	{ "lines in order", "[]", RULE("\"get\"", "\"b\",\"a\"", "\"pods\"", ""),
	  "{APIGroups:[\"a\"], Resources:[\"pods\"], Verbs:[\"get\"]}\n"
	  "{APIGroups:[\"b\"], Resources:[\"pods\"], Verbs:[\"get\"]}" },
	{ "paths", "[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a/*\"]}]",
	  "[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a/b\",\"/c\"]}]",
	  "{NonResourceURLs:[\"/c\"], Verbs:[\"get\"]}" },
};

static void test_covers(void)
{
	for (size_t i = 0; i < ARRAY_LEN(covers); i++) {
		struct rbac_rules owned, wanted;
		const struct rbac_rule *list[4];
		AUTO_STR missing;
		str_init(&missing, 4096);
		read_rules(covers[i].owned, &owned);
		read_rules(covers[i].wanted, &wanted);
		for (size_t k = 0; k < owned.count; k++)
			list[k] = &owned.at[k];
		bool covered = rbac_rules_cover(list, owned.count, &wanted, &missing);
		CHECK_TEXT(covers[i].name, missing.data, covers[i].missing);
		CHECK_INT(covered, !*covers[i].missing);
		rbac_rules_fini(&owned);
		rbac_rules_fini(&wanted);
	}
}

/* ---- defaults ---- */

static void test_mend(void)
{
	AUTO_JSON *wanted =
		system_object_tree(system_object_find("ClusterRole", "", "system:basic-user"));
	AUTO_JSON *live = json_deep_copy(wanted);
	CHECK(!rbac_default_mend(live, wanted));
	json_array_remove(json_object_get(live, "rules"), 0);
	json_object_del(json_dig(live, "metadata.labels"), "kubernetes.io/bootstrapping");
	AUTO_JSON *mended = rbac_default_mend(live, wanted);
	CHECK(mended && json_array_size(json_object_get(mended, "rules")) == 2);
	CHECK(!rbac_default_mend(mended, wanted));
	json_object_set_new(json_dig(live, "metadata.annotations"),
			    "rbac.authorization.kubernetes.io/autoupdate", json_string("false"));
	CHECK(!rbac_default_mend(live, wanted));
}

/* ---- stories ---- */

#define ALICE "alice/dev"
#define GRANT(role_kind, role, subject_kind, subject)                                              \
	"\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"" role_kind            \
	"\",\"name\":\"" role "\"},\"subjects\":[{\"kind\":\"" subject_kind                        \
	"\",\"name\":\"" subject "\",\"apiGroup\":\"rbac.authorization.k8s.io\"}]"
#define CM(name) "{\"metadata\":{\"name\":\"" name "\"}}"

static const struct api_row story[] = {
	{ "defaults are there", 0, "GET", CROLES "/cluster-admin", 0, 200,
	  "\"nonResourceURLs\":[\"*\"] & kubernetes.io/bootstrapping & autoupdate" },
	{ "gathered", 0, "GET", CROLES "/view", 0, 200,
	  "\"pods/log\" & \"aggregationRule\" & !secrets" },
	{ "gathered through another", 0, "GET", CROLES "/admin", 0, 200,
	  "\"pods/log\" & \"secrets\" & \"rolebindings\" & localsubjectaccessreviews" },
	{ "discovery for the known", ALICE, "GET", "/apis", 0, 200, "APIGroupList" },
	{ "health for everybody", "", "GET", "/livez/ping", 0, 200, "ok" },
	{ "and each part of it", "", "GET", "/livez/etcd", 0, 200, "ok" },
	{ "of what is known", "", "GET", "/livez/odd", 0, 404, "" },
	{ "no metrics", ALICE, "GET", "/metrics", 0, 403,
	  "forbidden: User \\\"alice\\\" cannot get path \\\"/metrics\\\"\"" },
	{ "nothing by nature", ALICE, "GET", NS "/pods", 0, 403,
	  "\"message\":\"pods is forbidden: User \\\"alice\\\" cannot list resource \\\"pods\\\" in "
	  "API group \\\"\\\" in the namespace \\\"default\\\"\" & \"reason\":\"Forbidden\" & "
	  "\"details\":{\"kind\":\"pods\"} & \"code\":403" },
	{ "named", ALICE, "DELETE", "/apis/apps/v1/namespaces/default/deployments/x", 0, 403,
	  "deployments.apps \\\"x\\\" is forbidden: User \\\"alice\\\" cannot delete resource "
	  "\\\"deployments\\\" in API group \\\"apps\\\" in the namespace \\\"default\\\"" },
	{ "in the cluster", ALICE, "GET", CORE "/nodes", 0, 403, "at the cluster scope\"" },
	{ "a kind that is not there", ALICE, "GET", "/apis/x.y/v1/things", 0, 403,
	  "things.x.y is forbidden & \"group\":\"x.y\"" },
	{ "a subresource", ALICE, "GET", NS "/pods/x/log", 0, 403,
	  "pods \\\"x\\\" is forbidden & resource \\\"pods/log\\\"" },

	{ "a role", 0, "POST", ROLES,
	  "{\"metadata\":{\"name\":\"maps\"},\"rules\":[{\"verbs\":[\"get\",\"create\"],\"apiGroups\":"
	  "[\"\"],\"resources\":[\"configmaps\"]},{\"verbs\":[\"list\",\"watch\",\"deletecollection\"],"
	  "\"apiGroups\":[\"\"],\"resources\":[\"configmaps\"],\"resourceNames\":[\"a\"]}]}",
	  201, "" },
	{ "is not enough", ALICE, "POST", NS "/configmaps", CM("a"), 403, "cannot create" },
	{ "its binding", 0, "POST", BINDS,
	  "{\"metadata\":{\"name\":\"maps\"}," GRANT("Role", "maps", "User", "alice") "}", 201,
	  "" },
	{ "allows at once", ALICE, "POST", NS "/configmaps", CM("a"), 201, "" },
	{ "reading", ALICE, "GET", NS "/configmaps/a", 0, 200, "" },
	{ "not in another namespace", ALICE, "GET", CORE "/namespaces/kube-system/configmaps/a", 0,
	  403, "in the namespace \\\"kube-system\\\"" },
	{ "no whole list", ALICE, "GET", NS "/configmaps", 0, 403, "cannot list" },
	{ "a list of one name", ALICE, "GET", NS "/configmaps?fieldSelector=metadata.name%3Da", 0,
	  200, "\"name\":\"a\"" },
	{ "of another name", ALICE, "GET", NS "/configmaps?fieldSelector=metadata.name%3Db", 0, 403,
	  "configmaps \\\"b\\\" is forbidden: User & \"details\":{\"name\":\"b\",\"kind\":\"configmaps\"}" },
	{ "nor in all namespaces", ALICE, "GET", CORE "/configmaps?fieldSelector=metadata.name%3Da",
	  0, 403, "at the cluster scope" },
	{ "nor to empty it", ALICE, "DELETE", NS "/configmaps?fieldSelector=metadata.name%3Da", 0,
	  403, "configmaps is forbidden: User \\\"alice\\\" cannot deletecollection" },
	{ "one who administers a namespace", 0, "POST", BINDS,
	  "{\"metadata\":{\"name\":\"carol\"}," GRANT("ClusterRole", "admin", "User", "carol") "}",
	  201, "" },
	{ "grants what old charts ask for", "carol/x", "POST", ROLES,
	  "{\"metadata\":{\"name\":\"old\"},\"rules\":[{\"verbs\":[\"get\",\"list\",\"watch\",\"create\","
	  "\"update\"],\"apiGroups\":[\"extensions\",\"networking.k8s.io\"],\"resources\":[\"ingresses\"]}]}",
	  201, "" },
	{ "another scheduler", "system:kube-scheduler/system:authenticated", "GET", CORE "/pods", 0,
	  200, "" },
	{ "a path", ALICE, "GET", "/metrics", 0, 403,
	  "forbidden: User \\\"alice\\\" cannot get path \\\"/metrics\\\" & \"details\":{}" },
	{ "nobody else", "bob/dev", "GET", NS "/configmaps/a", 0, 403, "" },
	{ "a group", 0, "POST", CBINDS,
	  "{\"metadata\":{\"name\":\"devs\"}," GRANT("ClusterRole", "view", "Group", "dev") "}",
	  201, "" },
	{ "counts everywhere", "bob/dev", "GET", CORE "/namespaces/kube-system/services", 0, 200,
	  "kube-dns" },
	{ "but holds no secrets", "bob/dev", "GET", NS "/secrets", 0, 403, "secrets is forbidden" },
	{ "a missing role", 0, "POST", BINDS,
	  "{\"metadata\":{\"name\":\"gone\"}," GRANT("Role", "gone", "User", "bob") "}", 201, "" },
	{ "is told of", "bob/dev", "GET", NS "/secrets", 0, 403,
	  "in the namespace \\\"default\\\": RBAC: role.rbac.authorization.k8s.io \\\"gone\\\" not found\"" },
	{ "taken away", 0, "DELETE", BINDS "/maps", 0, 200, "" },
	{ "is gone", ALICE, "POST", NS "/configmaps", CM("b"), 403, "" },
	{ "the group's too", 0, "DELETE", CBINDS "/devs", 0, 200, "" },
	{ "and gone", "bob/dev", "GET", CORE "/services", 0, 403, "" },

	/* A terminal opened by GET is no reading. */
	{ "reads terminals", 0, "POST", ROLES,
	  "{\"metadata\":{\"name\":\"term\"},\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],"
	  "\"resources\":[\"pods/exec\"]}]}",
	  201, "" },
	{ "its binding", 0, "POST", BINDS,
	  "{\"metadata\":{\"name\":\"term\"}," GRANT("Role", "term", "User", "eve") "}", 201, "" },
	{ "and cannot open one", "eve", "GET", NS "/pods/x/exec?command=sh", 0, 403,
	  "cannot create resource \\\"pods/exec\\\"" },

	/* A PUT that makes the object is a create as well. */
	{ "updates leases", 0, "POST", ROLES,
	  "{\"metadata\":{\"name\":\"put\"},\"rules\":[{\"verbs\":[\"update\"],\"apiGroups\":["
	  "\"coordination.k8s.io\"],\"resources\":[\"leases\"]}]}",
	  201, "" },
	{ "its binding", 0, "POST", BINDS,
	  "{\"metadata\":{\"name\":\"put\"}," GRANT("Role", "put", "User", "pat") "}", 201, "" },
	{ "and makes none", "pat", "PUT",
	  "/apis/coordination.k8s.io/v1/namespaces/default/leases/l", CM("l"), 403,
	  "cannot create resource \\\"leases\\\"" },
	{ "where there is one", 0, "PUT",
	  "/apis/coordination.k8s.io/v1/namespaces/default/leases/l", CM("l"), 201, "" },
	{ "updates it", "pat", "PUT", "/apis/coordination.k8s.io/v1/namespaces/default/leases/l",
	  CM("l"), 422, "must be specified for an update" },

	/* Nobody grants what they do not hold. */
	{ "an admin of the namespace", 0, "POST", BINDS,
	  "{\"metadata\":{\"name\":\"admins\"}," GRANT("ClusterRole", "admin", "User", "ann") "}",
	  201, "" },
	{ "makes roles", "ann", "POST", ROLES,
	  "{\"metadata\":{\"name\":\"small\"},\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],"
	  "\"resources\":[\"pods\"]}]}",
	  201, "" },
	{ "within her own", "ann", "POST", ROLES,
	  "{\"metadata\":{\"name\":\"big\"},\"rules\":[{\"verbs\":[\"get\",\"update\"],\"apiGroups\":[\"\"],"
	  "\"resources\":[\"nodes\"]}]}",
	  403,
	  "roles.rbac.authorization.k8s.io \\\"big\\\" is forbidden: user \\\"ann\\\" "
	  "(groups=[\\\"system:authenticated\\\"]) is attempting to grant RBAC permissions not "
	  "currently held:\\n{APIGroups:[\\\"\\\"], Resources:[\\\"nodes\\\"], Verbs:[\\\"get\\\" "
	  "\\\"update\\\"]}" },
	{ "nor later", "ann", "PATCH", ROLES "/small",
	  "{\"rules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]}]}", 403,
	  "Verbs:[\\\"*\\\"]" },
	{ "binds what she holds", "ann", "POST", BINDS,
	  "{\"metadata\":{\"name\":\"edits\"}," GRANT("ClusterRole", "edit", "User", "bob") "}",
	  201, "" },
	{ "and no more", "ann", "POST", BINDS,
	  "{\"metadata\":{\"name\":\"all\"}," GRANT("ClusterRole", "cluster-admin", "User",
						    "bob") "}",
	  403,
	  "rolebindings.rbac.authorization.k8s.io \\\"all\\\" is forbidden & NonResourceURLs:[\\\"*\\\"]" },
	{ "no binding to what is not there", "ann", "POST", BINDS,
	  "{\"metadata\":{\"name\":\"none\"}," GRANT("ClusterRole", "none", "User", "bob") "}", 404,
	  "clusterroles.rbac.authorization.k8s.io \\\"none\\\" not found" },
	{ "the verb bind", 0, "POST", ROLES,
	  "{\"metadata\":{\"name\":\"binder\"},\"rules\":[{\"verbs\":[\"bind\"],\"apiGroups\":"
	  "[\"rbac.authorization.k8s.io\"],\"resources\":[\"clusterroles\"],\"resourceNames\":"
	  "[\"cluster-admin\"]}]}",
	  201, "" },
	{ "its binding", 0, "POST", BINDS,
	  "{\"metadata\":{\"name\":\"binder\"}," GRANT("Role", "binder", "User", "ann") "}", 201,
	  "" },
	{ "lets her", "ann", "POST", BINDS,
	  "{\"metadata\":{\"name\":\"all\"}," GRANT("ClusterRole", "cluster-admin", "User",
						    "bob") "}",
	  201, "" },
	{ "the verb escalate", 0, "POST", ROLES,
	  "{\"metadata\":{\"name\":\"rise\"},\"rules\":[{\"verbs\":[\"escalate\"],\"apiGroups\":"
	  "[\"rbac.authorization.k8s.io\"],\"resources\":[\"roles\"]}]}",
	  201, "" },
	{ "its binding", 0, "POST", BINDS,
	  "{\"metadata\":{\"name\":\"rise\"}," GRANT("Role", "rise", "User", "ann") "}", 201, "" },
	{ "lets her", "ann", "POST", ROLES,
	  "{\"metadata\":{\"name\":\"big\"},\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],"
	  "\"resources\":[\"nodes\"]}]}",
	  201, "" },

	/* A role that gathers. */
	{ "a gatherer", 0, "POST", CROLES,
	  "{\"metadata\":{\"name\":\"mine\"},\"aggregationRule\":{\"clusterRoleSelectors\":[{"
	  "\"matchLabels\":{\"to-mine\":\"yes\"}}]}}",
	  201, "" },
	{ "a part", 0, "POST", CROLES,
	  "{\"metadata\":{\"name\":\"part\",\"labels\":{\"to-mine\":\"yes\"}},\"rules\":[{\"verbs\":"
	  "[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"nodes\"]}]}",
	  201, "" },
	{ "bound", 0, "POST", CBINDS,
	  "{\"metadata\":{\"name\":\"mine\"}," GRANT("ClusterRole", "mine", "User", "joe") "}", 201,
	  "" },
};

static const struct api_row after_gathering[] = {
	{ "what is gathered counts", "joe", "GET", CORE "/nodes/x", 0, 404,
	  "nodes \\\"x\\\" not found" },
	{ "and shows", 0, "GET", CROLES "/mine", 0, 200, "\"resources\":[\"nodes\"]" },
	{ "what is gathered is no means to rise", 0, "POST", CBINDS,
	  "{\"metadata\":{\"name\":\"w\"}," GRANT("ClusterRole", "writer", "User", "joe") "}", 201,
	  "" },
	{ "roles may be written", 0, "POST", CROLES,
	  "{\"metadata\":{\"name\":\"writer\"},\"rules\":[{\"verbs\":[\"*\"],\"apiGroups\":"
	  "[\"rbac.authorization.k8s.io\"],\"resources\":[\"clusterrolebindings\"]},{\"verbs\":"
	  "[\"create\"],\"apiGroups\":[\"rbac.authorization.k8s.io\"],\"resources\":[\"clusterroles\"]}]}",
	  201, "" },
	{ "but not gather", "joe", "POST", CROLES,
	  "{\"metadata\":{\"name\":\"sly\"},\"aggregationRule\":{\"clusterRoleSelectors\":[{}]}}",
	  403, "must have cluster-admin privileges to use the aggregationRule" },
};

static void test_story(void)
{
	struct api_world w;
	api_world_init(&w, 7);
	api_rows_run(&w, story, ARRAY_LEN(story));
	loop_sim_run_until(w.loop, loop_now_ms(w.loop) + 1000);
	api_rows_run(&w, after_gathering, ARRAY_LEN(after_gathering));
	api_world_fini(&w);
}

/* ---- nodes ---- */

#define N1              "system:node:n1/system:nodes"
#define N2              "system:node:n2/system:nodes"
#define BIND(pod, node) "{\"metadata\":{\"name\":\"" pod "\"},\"target\":{\"name\":\"" node "\"}}"
#define LEASES          "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"

static const struct api_row nodes[] = {
	{ "account", 0, "POST", NS "/serviceaccounts", CM("default"), 201, "" },
	{ "another account", 0, "POST", NS "/serviceaccounts", CM("other"), 201, "" },
	{ "secret", 0, "POST", NS "/secrets", CM("s"), 201, "" },
	{ "another secret", 0, "POST", NS "/secrets", CM("t"), 201, "" },
	{ "map", 0, "POST", NS "/configmaps", CM("m"), 201, "" },
	{ "pod", 0, "POST", NS "/pods",
	  "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\","
	  "\"env\":[{\"name\":\"A\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"k\"}}}]}],"
	  "\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"m\"}},{\"name\":\"w\","
	  "\"persistentVolumeClaim\":{\"claimName\":\"data\"}}]}}",
	  201, "" },
	{ "a node makes itself", N1, "POST", CORE "/nodes", CM("n1"), 201, "" },
	{ "and no other", N1, "POST", CORE "/nodes", CM("n3"), 403,
	  "node \\\"n1\\\" is not allowed to modify node \\\"n3\\\"" },
	{ "no label to draw work by", N2, "POST", CORE "/nodes",
	  "{\"metadata\":{\"name\":\"n2\",\"labels\":{\"node-role.kubernetes.io/control-plane\":\"\","
	  "\"a\":\"b\",\"node-restriction.kubernetes.io/x\":\"y\"}}}",
	  403,
	  "node \\\"n2\\\" is not allowed to set the following labels: "
	  "node-restriction.kubernetes.io/x, node-role.kubernetes.io/control-plane" },
	{ "labels of its own", N2, "POST", CORE "/nodes",
	  "{\"metadata\":{\"name\":\"n2\",\"labels\":{\"kubernetes.io/hostname\":\"n2\","
	  "\"node.kubernetes.io/x\":\"y\",\"example.com/z\":\"1\"}}}",
	  201, "" },
	{ "no taints", N2, "PATCH", CORE "/nodes/n2",
	  "{\"spec\":{\"taints\":[{\"key\":\"a\",\"effect\":\"NoSchedule\"}]}}", 403,
	  "node \\\"n2\\\" is not allowed to modify taints" },
	{ "not the other's status", N2, "PATCH", CORE "/nodes/n1/status",
	  "{\"status\":{\"phase\":\"x\"}}", 403, "is not allowed to modify node \\\"n1\\\"" },
	{ "sees nodes", N1, "GET", CORE "/nodes", 0, 200, "\"name\":\"n2\"" },
	{ "before it is bound", N1, "GET", NS "/secrets/s", 0, 403,
	  "cannot get resource \\\"secrets\\\" in API group \\\"\\\" in the namespace \\\"default\\\": "
	  "no relationship found between node 'n1' and this object" },
	{ "bound", 0, "POST", NS "/pods/p/binding", BIND("p", "n1"), 201, "" },
	{ "its secret", N1, "GET", NS "/secrets/s", 0, 200, "" },
	{ "by watch as well", N1, "GET",
	  NS "/secrets?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Ds", 0, 200, "ADDED" },
	{ "not another", N1, "GET", NS "/secrets/t", 0, 403, "no relationship" },
	{ "not all", N1, "GET", NS "/secrets", 0, 403, "No Object name found" },
	{ "never written", N1, "DELETE", NS "/secrets/s", 0, 403, "can only read resources" },
	{ "not the other node", N2, "GET", NS "/secrets/s", 0, 403, "between node 'n2'" },
	{ "its map", N1, "GET", NS "/configmaps/m", 0, 200, "" },
	{ "its claim", N1, "GET", NS "/persistentvolumeclaims/data", 0, 404, "" },
	{ "its account", N1, "GET", NS "/serviceaccounts/default", 0, 200, "" },
	{ "no other account", N1, "GET", NS "/serviceaccounts/other", 0, 403, "no relationship" },
	{ "no token of it", N1, "POST", NS "/serviceaccounts/other/token", "{}", 403,
	  "no relationship found" },
	{ "no unbound token", N1, "POST", NS "/serviceaccounts/default/token", "{}", 403,
	  "node requested token not bound to a pod" },
	{ "no token without a key", 0, "POST", NS "/serviceaccounts/default/token", "{}", 503,
	  "no key" },
	{ "its pod", N1, "GET", NS "/pods/p", 0, 200, "" },
	{ "not the other's", N2, "GET", NS "/pods/p", 0, 403, "no relationship" },
	{ "pods by node", N1, "GET", CORE "/pods?fieldSelector=spec.nodeName%3Dn1", 0, 200,
	  "\"p\"" },
	{ "of another node", N1, "GET", CORE "/pods?fieldSelector=spec.nodeName%3Dn2", 0, 403,
	  "can only list/watch pods with spec.nodeName field selector" },
	{ "its pod's status", N1, "PATCH", NS "/pods/p/status",
	  "{\"status\":{\"phase\":\"Running\"}}", 200, "Running" },
	{ "not its labels", N1, "PATCH", NS "/pods/p/status",
	  "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}", 403,
	  "node \\\"n1\\\" cannot update labels through pod status" },
	{ "not the other's", N2, "PATCH", NS "/pods/p/status",
	  "{\"status\":{\"phase\":\"Failed\"}}", 403,
	  "node \\\"n2\\\" can only update pod status for pods with spec.nodeName set to itself" },
	{ "nor deletes it", N2, "DELETE", NS "/pods/p", 0, 403,
	  "node \\\"n2\\\" can only delete pods with spec.nodeName set to itself" },
	{ "no pod of its own making", N2, "POST", NS "/pods",
	  "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"nodeName\":\"n2\",\"containers\":[{\"name\":\"c\","
	  "\"image\":\"i\"}]}}",
	  403, "can only create mirror pods" },
	{ "its lease", N1, "POST", LEASES, "{\"metadata\":{\"name\":\"n1\"}}", 201, "" },
	{ "no other lease", N2, "POST", LEASES, "{\"metadata\":{\"name\":\"n3\"}}", 403,
	  "can only access node lease with the same name as the requesting node" },
	{ "not by update", N2, "PATCH", LEASES "/n1", "{\"spec\":{\"holderIdentity\":\"x\"}}", 403,
	  "can only access node lease" },
	{ "no roles", N1, "GET", CROLES, 0, 403, "" },
	{ "gone with its pod", N1, "DELETE", NS "/pods/p?gracePeriodSeconds=0", 0, 200, "" },
	{ "no more secret", N1, "GET", NS "/secrets/s", 0, 403, "no relationship" },
	{ "a node without a name", "other/system:nodes", "GET", NS "/secrets/s", 0, 403, "" },
};

static void test_nodes(void)
{
	struct api_world w;
	api_world_init(&w, 8);
	api_rows_run(&w, nodes, ARRAY_LEN(nodes));
	api_world_fini(&w);
}

int main(void)
{
	test_matches();
	test_covers();
	test_mend();
	test_story();
	test_nodes();
	puts("ok");
	return 0;
}
