/* The audit log: which rule fits, what a line holds and never holds, and how the file turns. */
#include "apiserver/audit.h"
#include "common/base/jsonx.h"
#include "common/io/tls.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#include <dirent.h>
#include <stdio.h>

#define NS "/api/v1/namespaces/default"

static const char policy_text[] =
	"apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n"
	"- {level: None, users: [\"system:noise\"]}\n"
	"- {level: None, nonResourceURLs: [\"/healthz*\", /version]}\n"
	"- {level: Metadata, userGroups: [ops]}\n"
	"- {level: Request, verbs: [create], resources: [{group: \"\", resources: [pods, secrets]}]}\n"
	"- {level: RequestResponse, resources: [{group: apps, resources: [deployments],"
	" resourceNames: [web]}]}\n"
	"- {level: Metadata, namespaces: [prod], resources: [{group: \"\", resources: [\"pods/exec\","
	" \"*/status\"]}]}\n"
	"- {level: None, verbs: [watch]}\n"
	"- {level: Metadata, omitStages: [ResponseStarted]}\n";

static const struct {
	const char *name, *user, *group, *verb, *api_group, *resource, *subresource, *ns, *object,
		*path;
	enum audit_stage stage;
	enum audit_level level;
} fits[] = {
	{ "a user", "system:noise", "x", "get", "", "pods", 0, "n", 0, "", AUDIT_COMPLETE,
	  AUDIT_NONE },
	{ "a path", "u", "x", "get", 0, 0, 0, 0, 0, "/healthz/etcd", AUDIT_COMPLETE, AUDIT_NONE },
	{ "an exact path", "u", "x", "get", 0, 0, 0, 0, 0, "/version/x", AUDIT_COMPLETE,
	  AUDIT_METADATA },
	{ "a group", "u", "ops", "create", "", "pods", 0, "n", 0, "", AUDIT_COMPLETE,
	  AUDIT_METADATA },
	{ "verb and resource", "u", "x", "create", "", "pods", 0, "n", 0, "", AUDIT_COMPLETE,
	  AUDIT_REQUEST },
	{ "another verb", "u", "x", "delete", "", "pods", 0, "n", "p", "", AUDIT_COMPLETE,
	  AUDIT_METADATA },
	{ "a name", "u", "x", "patch", "apps", "deployments", 0, "n", "web", "", AUDIT_COMPLETE,
	  AUDIT_REQUEST_RESPONSE },
	{ "another name", "u", "x", "patch", "apps", "deployments", 0, "n", "db", "",
	  AUDIT_COMPLETE, AUDIT_METADATA },
	{ "another group", "u", "x", "watch", "", "deployments", 0, "n", "web", "", AUDIT_STARTED,
	  AUDIT_NONE },
	{ "omitted by its rule", "u", "x", "get", "", "pods", "exec", "n", "p", "", AUDIT_STARTED,
	  AUDIT_NONE },
	{ "a subresource", "u", "x", "get", "", "pods", "exec", "prod", "p", "", AUDIT_STARTED,
	  AUDIT_METADATA },
	{ "omitted by all", "u", "x", "get", "", "pods", "exec", "prod", "p", "", AUDIT_RECEIVED,
	  AUDIT_NONE },
};

static void test_policy(void)
{
	struct audit_policy *p = NULL;
	struct error err;
	CHECK(audit_policy_read(policy_text, &p, &err) == 0);
	for (size_t i = 0; i < ARRAY_LEN(fits); i++) {
		struct identity who = { .name = (char *)(uintptr_t)fits[i].user };
		identity_add_group(&who, fits[i].group);
		struct target t = { .is_resource = fits[i].resource != NULL,
				    .group = (char *)(uintptr_t)fits[i].api_group,
				    .resource = (char *)(uintptr_t)fits[i].resource,
				    .subresource = (char *)(uintptr_t)fits[i].subresource,
				    .ns = (char *)(uintptr_t)fits[i].ns,
				    .name = (char *)(uintptr_t)fits[i].object };
		enum audit_level got =
			audit_policy_level(p, &who, &t, fits[i].verb, fits[i].path, fits[i].stage);
		if (got != fits[i].level) {
			fprintf(stderr, "row '%s': level %d, expected %d\n", fits[i].name, got,
				fits[i].level);
			exit(1);
		}
		who.name = NULL;
		identity_fini(&who);
	}
	audit_policy_free(p);
	CHECK(audit_policy_read("kind: Policy\nrules: [{level: Much}]\n", &p, &err) == ERR_INVALID);
	CHECK_TEXT("level", err.text,
		   "rules[0].level: 'Much' is not None, Metadata, Request or RequestResponse");
	CHECK(audit_policy_read("kind: Policy\n", &p, &err) == ERR_INVALID);
}

/* ---- files ---- */

static char folder[] = "/tmp/skiff-audit-XXXXXX";

static size_t files_count(bool remove)
{
	size_t n = 0;
	DIR *d = opendir(folder);
	for (struct dirent *e; (e = readdir(d));) {
		if (*e->d_name == '.')
			continue;
		n++;
		auto_free char *path = xasprintf("%s/%s", folder, e->d_name);
		if (remove)
			CHECK(unlink(path) == 0);
	}
	closedir(d);
	return n;
}

static void test_file(void)
{
	auto_free char *path = xasprintf("%s/audit.log", folder);
	struct audit_file f = { .path = path, .size_max = 20, .backups_max = 2 };
	struct error err;
	int64_t day = 24 * 3600 * (int64_t)1000000, now = 1790000000 * (int64_t)1000000;
	for (int i = 0; i < 6; i++)
		CHECK(audit_file_write(&f, "0123456789abcde\n", 16, now + i, &err) == 0);
	CHECK_INT(files_count(false), 3); /* the file and two of five */
	f.backups_max = 0;
	f.age_max_days = 7;
	CHECK(audit_file_write(&f, "0123456789abcde\n", 16, now + 8 * day, &err) == 0);
	CHECK_INT(files_count(true), 2); /* the file and what was rotated now */
	f.path = (char *)(uintptr_t) "/nowhere/audit.log";
	CHECK(audit_file_write(&f, "x\n", 2, now, &err) == ERR_UNAVAILABLE);
}

/* ---- lines ---- */

static const struct api_row requests[] = {
	{ "account", 0, "POST", NS "/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}", 201,
	  "" },
	{ "pod", "ann/dev|User-Agent: kubectl/1", "POST", NS "/pods",
	  "{\"metadata\":{\"name\":\"p\"},\"spec\":{}}", 403, "" },
	{ "secret", 0, "POST", NS "/secrets",
	  "{\"metadata\":{\"name\":\"s\"},\"stringData\":{\"p\":\"hunter2\"}}", 201, "" },
	{ "secrets", 0, "GET", NS "/secrets", 0, 200, "aHVudGVyMg==" },
	{ "a name to draw", 0, "POST", NS "/secrets",
	  "{\"metadata\":{\"generateName\":\"drawn-\"}}", 201, "" },
	{ "a binding", 0, "POST",
	  "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
	  "{\"metadata\":{\"name\":\"viewers\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\","
	  "\"kind\":\"ClusterRole\",\"name\":\"view\"},\"subjects\":[{\"kind\":\"Group\",\"name\":\"dev\","
	  "\"apiGroup\":\"rbac.authorization.k8s.io\"}]}",
	  201, "" },
	{ "by it", "ann/dev", "GET", NS "/pods", 0, 200, "" },
	{ "a token", 0, "POST", NS "/serviceaccounts/default/token", "{}", 201, "" },
	{ "as another", "@|Impersonate-User: bob", "GET", NS "/pods", 0, 403, "" },
	{ "health", "", "GET", "/healthz", 0, 200, "" },
	{ "a watched namespace", 0, "POST", "/api/v1/namespaces",
	  "{\"metadata\":{\"name\":\"sec\",\"labels\":{\"pod-security.kubernetes.io/audit\":\"baseline\","
	  "\"pod-security.kubernetes.io/audit-version\":\"v1.30\","
	  "\"pod-security.kubernetes.io/enforce\":\"restricted\"}}}",
	  201, "" },
	{ "account", 0, "POST", "/api/v1/namespaces/sec/serviceaccounts",
	  "{\"metadata\":{\"name\":\"default\"}}", 201, "" },
	{ "a bad pod", 0, "POST", "/api/v1/namespaces/sec/pods",
	  "{\"metadata\":{\"name\":\"bad\"},\"spec\":{\"hostPID\":true,\"containers\":[{\"name\":\"c\","
	  "\"image\":\"i\"}]}}",
	  403, "" },
	{ "a terminal", 0, "GET", NS "/pods/p/exec?command=sh", 0, 404, "" },
	{ "a path that is no UTF-8", 0, "GET", "/hidden-\xff", 0, 404, "" },
	{ "as a name that is no UTF-8", "@|Impersonate-User: b\xff", "GET", NS "/pods", 0, 403,
	  "" },
};

static char *read_all(const char *path)
{
	FILE *f = fopen(path, "re");
	CHECK(f);
	char *text = xcalloc(1, 1 << 20);
	size_t n = fread(text, 1, (1 << 20) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static void test_lines(void)
{
	static const char *const has[] = {
		/* What was asked, by whom, and what came of it. */
		"\"level\":\"Request\",\"auditID\":\"",
		"\"stage\":\"ResponseComplete\",\"requestURI\":\"/api/v1/namespaces/default/pods\","
		"\"verb\":\"create\",\"user\":{\"username\":\"ann\",\"groups\":[\"dev\","
		"\"system:authenticated\"]}",
		"\"userAgent\":\"kubectl/1\",\"objectRef\":{\"resource\":\"pods\",\"namespace\":\"default\"",
		"\"apiVersion\":\"v1\"},\"responseStatus\":{\"metadata\":{},\"status\":\"Failure\","
		"\"message\":\"pods is forbidden: User \\\"ann\\\" cannot create resource \\\"pods\\\" in API "
		"group \\\"\\\" in the namespace \\\"default\\\"\",\"reason\":\"Forbidden\",\"details\":{"
		"\"kind\":\"pods\"},\"code\":403}",
		"\"annotations\":{\"authorization.k8s.io/decision\":\"forbid\","
		"\"authorization.k8s.io/reason\":\"\"}",
		/* The rule that let it in, the token by its id. */
		"\"authorization.k8s.io/reason\":\"RBAC: allowed by RoleBinding \\\"viewers/default\\\" of "
		"ClusterRole \\\"view\\\" to Group \\\"dev\\\"\"",
		"\"authentication.kubernetes.io/issued-credential-id\":\"JTI=",
		"\"requestObject\":{\"metadata\":{\"name\":\"p\"},\"spec\":{}}",
		"\"impersonatedUser\":{\"username\":\"bob\"",
		"\"resource\":\"secrets\"",
		"/pods/p/exec?command=sh",
		"\"requestURI\":\"/hidden-\xef\xbf\xbd\"",
		"\"impersonatedUser\":{\"username\":\"b\xef\xbf\xbd\"",
		/* Allowed to ask, and refused by the level; what it would have broken besides. */
		"\"annotations\":{\"authorization.k8s.io/reason\":\"\",\"authorization.k8s.io/decision\":"
		"\"allow\","
		"\"pod-security.kubernetes.io/enforce-policy\":\"restricted:latest\","
		"\"pod-security.kubernetes.io/audit-violations\":\"would violate PodSecurity "
		"\\\"baseline:v1.30\\\": host namespaces (hostPID=true)\"}",
	};
	static const char *const never[] = { "hunter2", "aHVudGVyMg", "/healthz" };
	auto_free char *path = xasprintf("%s/audit.log", folder), *key = NULL;
	struct api_world w;
	struct error err;
	CHECK_INT(tls_rsa_generate(&key, &err), 0);
	api_world_init_with(
		&w, 4,
		&(struct server_options){
			.token_key_pem = key,
			.audit = &(struct audit_options){ .path = path, .policy = policy_text } });
	api_rows_run(&w, requests, ARRAY_LEN(requests));
	loop_sim_run_until(w.loop, loop_now_ms(w.loop) + 1000);
	auto_free char *text = read_all(path);
	for (size_t i = 0; i < ARRAY_LEN(has); i++)
		if (!strstr(text, has[i])) {
			fprintf(stderr, "missing: %s\nin: %s\n", has[i], text);
			exit(1);
		}
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		CHECK(!strstr(text, never[i]));
	/* Each line is an object. */
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n")) && *line;) {
		AUTO_JSON *tree = NULL;
		CHECK(json_parse(line, strlen(line), &tree, &err) == 0);
	}
	api_world_fini(&w);
	files_count(true);
}

/* What is told of the object: what was sent of it, whatever came of that. As the original's. */
#define REF(resource, more) "\"objectRef\":{\"resource\":\"" resource "\"" more "}"
#define IN(ns)              ",\"namespace\":\"" ns "\""
#define NAMED(name)         ",\"name\":\"" name "\""
#define UID(uid)            ",\"uid\":\"" uid "\""
#define GROUP(group)        ",\"apiGroup\":\"" group "\""
#define V1                  ",\"apiVersion\":\"v1\""
#define AT(version)         ",\"resourceVersion\":\"" version "\""
#define SUB(name)           ",\"subresource\":\"" name "\""
#define MAPS                NS "/configmaps"
#define MAP(metadata)       "{\"metadata\":{" metadata "}}"
#define CALLED(name)        "\"name\":\"" name "\""
#define SELF                "selfsubjectaccessreviews"

static const struct {
	struct api_row row;
	const char *ref;
} objects[] = {
	{ { "made", 0, "POST", MAPS, MAP(CALLED("a")), 201, "" },
	  REF("configmaps", IN("default") NAMED("a") V1) },
	{ { "there already", 0, "POST", MAPS, MAP(CALLED("a")), 409, "" },
	  REF("configmaps", IN("default") NAMED("a") V1) },
	{ { "a name to draw", 0, "POST", MAPS, MAP("\"generateName\":\"drawn-\""), 201, "drawn-" },
	  REF("configmaps", IN("default") V1) },
	{ { "no name", 0, "POST", MAPS, MAP(""), 422, "" }, REF("configmaps", IN("default") V1) },
	{ { "a bad name", 0, "POST", MAPS, MAP(CALLED("A_B")), 422, "" },
	  REF("configmaps", IN("default") NAMED("A_B") V1) },
	{ { "another namespace", 0, "POST", MAPS, MAP(CALLED("b") IN("x")), 400, "" },
	  REF("configmaps", IN("default") NAMED("b") V1) },
	{ { "no namespace", 0, "POST", "/api/v1/namespaces/none/configmaps", MAP(CALLED("b")), 404,
	    "" },
	  REF("configmaps", IN("none") NAMED("b") V1) },
	{ { "with more", 0, "POST", MAPS, MAP(CALLED("c") UID("u-1") AT("5")), 500, "" },
	  REF("configmaps", IN("default") NAMED("c") UID("u-1") V1 AT("5")) },
	{ { "unreadable", 0, "POST", MAPS, "{\"metadata\":{\"name\":\"d\"}", 400, "" },
	  REF("configmaps", IN("default") V1) },
	{ { "of another kind", 0, "POST", MAPS,
	    "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"d\"}}", 400, "" },
	  REF("configmaps", IN("default") V1) },
	{ { "unknown fields", 0, "POST", MAPS "?fieldValidation=Strict",
	    "{\"x\":1,\"metadata\":{\"name\":\"d\"}}", 400, "" },
	  REF("configmaps", IN("default") V1) },
	{ { "not allowed", "ann/dev", "POST", MAPS, MAP(CALLED("d")), 403, "" },
	  REF("configmaps", IN("default") V1) },
	{ { "for show", 0, "POST", MAPS "?dryRun=All", MAP(CALLED("d")), 201, "" },
	  REF("configmaps", IN("default") NAMED("d") V1) },
	{ { "by a tree", 0, "POST", NS "/services", MAP(CALLED("d")), 422, "" },
	  REF("services", IN("default") NAMED("d") V1) },
	{ { "updated", 0, "PUT", MAPS "/a", MAP(CALLED("a") UID("abc") AT("1")), 409, "" },
	  REF("configmaps", IN("default") NAMED("a") UID("abc") V1 AT("1")) },
	{ { "by another name", 0, "PUT", MAPS "/a", MAP(CALLED("z") UID("q")), 400, "" },
	  REF("configmaps", IN("default") NAMED("a") UID("q") V1) },
	{ { "patched", 0, "PATCH", MAPS "/a", MAP("\"uid\":\"x\""), 422, "" },
	  REF("configmaps", IN("default") NAMED("a") V1) },
	{ { "of the cluster", 0, "POST", "/api/v1/nodes", MAP(CALLED("n")), 201, "" },
	  REF("nodes", NAMED("n") V1) },
	{ { "of a part", 0, "PUT", "/apis/apps/v1/namespaces/default/deployments/d/scale",
	    "{\"metadata\":{\"name\":\"d\",\"resourceVersion\":\"3\"}}", 404, "" },
	  REF("deployments", IN("default") NAMED("d") GROUP("apps") V1 AT("3") SUB("scale")) },
	{ { "bound", 0, "POST", NS "/pods/p/binding",
	    "{\"metadata\":{\"name\":\"p\",\"uid\":\"u\"},\"target\":{\"name\":\"n\"}}", 404, "" },
	  REF("pods", IN("default") NAMED("p") UID("u") V1 SUB("binding")) },
	{ { "bound as of old", 0, "POST", NS "/bindings",
	    "{\"metadata\":{\"name\":\"p\"},\"target\":{\"name\":\"n\"}}", 404, "" },
	  REF("bindings", IN("default") NAMED("p") V1) },
	{ { "a question", 0, "POST", "/apis/authorization.k8s.io/v1/" SELF,
	    "{\"spec\":{\"nonResourceAttributes\":{\"path\":\"/\",\"verb\":\"get\"}}}", 201, "" },
	  REF(SELF, GROUP("authorization.k8s.io") V1) },
	{ { "a question with a name", 0, "POST", "/apis/authorization.k8s.io/v1/" SELF,
	    "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"nonResourceAttributes\":{\"path\":\"/\","
	    "\"verb\":\"get\"}}}",
	    422, "" },
	  REF(SELF, NAMED("q") GROUP("authorization.k8s.io") V1) },
};

static void test_objects(void)
{
	auto_free char *path = xasprintf("%s/audit.log", folder);
	struct api_world w;
	api_world_init_with(&w, 4,
			    &(struct server_options){
				    .audit = &(struct audit_options){
					    .path = path,
					    .policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
						      "omitStages: [RequestReceived]\n"
						      "rules: [{level: Metadata}]\n" } });
	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		api_rows_run(&w, &objects[i].row, 1);
		loop_sim_run_until(w.loop, loop_now_ms(w.loop) + 1000);
		auto_free char *text = read_all(path);
		const char *at = strstr(text, objects[i].row.target), *ref = NULL;
		for (; at; at = strstr(at + 1, objects[i].row.target)) /* the last */
			ref = strstr(at, "\"objectRef\"");
		auto_free char *got = xstrndup(ref ? ref : "", ref ? strcspn(ref, "}") + 1 : 0);
		CHECK_TEXT(objects[i].row.name, got, objects[i].ref);
	}
	api_world_fini(&w);
	files_count(true);
}

/* Each stage, where the policy omits none. */
static void test_stages(void)
{
	static const struct api_row asked[] = {
		{ "a list", 0, "GET", NS "/pods", 0, 200, "" },
		{ "a watch", 0, "GET", NS "/pods?watch=1&timeoutSeconds=1", 0, 200, "" },
		{ "nobody", "|Authorization: Bearer none", "GET", NS "/pods", 0, 401, "" },
		{ "a head", 0, "HEAD", NS "/pods?limit=7", 0, 405, "" },
	};
	static const char *const has[] = {
		"\"stage\":\"RequestReceived\",\"requestURI\":\"/api/v1/namespaces/default/pods\","
		"\"verb\":\"list\",\"user\":{\"username\":\"skiff-admin\"",
		"\"stage\":\"ResponseStarted\",\"requestURI\":\"/api/v1/namespaces/default/pods?watch=1&"
		"timeoutSeconds=1\",\"verb\":\"watch\"",
		"\"stage\":\"ResponseComplete\",\"requestURI\":\"/api/v1/namespaces/default/pods?watch=1&"
		"timeoutSeconds=1\",\"verb\":\"watch\"",
		"\"stage\":\"ResponseStarted\",\"requestURI\":\"/api/v1/namespaces/default/pods\","
		"\"verb\":\"list\",\"user\":{},",
		"/pods?limit=7\",\"verb\":\"list\"",
	};
	auto_free char *path = xasprintf("%s/audit.log", folder);
	struct api_world w;
	api_world_init_with(&w, 4,
			    &(struct server_options){
				    .audit = &(struct audit_options){
					    .path = path,
					    .policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
						      "rules: [{level: Metadata}]\n" } });
	api_rows_run(&w, asked, ARRAY_LEN(asked));
	loop_sim_run_until(w.loop, loop_now_ms(w.loop) + 1000);
	auto_free char *text = read_all(path);
	for (size_t i = 0; i < ARRAY_LEN(has); i++)
		if (!strstr(text, has[i])) {
			fprintf(stderr, "missing: %s\nin: %s\n", has[i], text);
			exit(1);
		}
	api_world_fini(&w);
	files_count(true);
}

/* Lines are written while requests come and come, not only in the first pause. */
static void test_no_pause(void)
{
	auto_free char *path = xasprintf("%s/audit.log", folder);
	struct api_world w;
	api_world_init_with(
		&w, 5,
		&(struct server_options){ .audit = &(struct audit_options){ .path = path } });
	loop_sim_run_until(w.loop, loop_now_ms(w.loop) + 1000);
	files_count(true);
	int64_t until = loop_now_ms(w.loop) + 1000;
	while (loop_now_ms(w.loop) < until) {
		struct api_answer a;
		int64_t begin = loop_now_ms(w.loop);
		api_world_call(&w, w.admin, "GET", NS "/pods", NULL, NULL, NULL, 50, &a);
		CHECK_INT(a.status, 200);
		CHECK(loop_now_ms(w.loop) - begin <= 50);
		api_answer_fini(&a);
	}
	auto_free char *text = read_all(path);
	CHECK(strstr(text, "/namespaces/default/pods"));
	api_world_fini(&w);
	files_count(true);
}

/* Also when a check ends the program. */
static void clean(void)
{
	(void)files_count(true);
	(void)rmdir(folder);
}

int main(void)
{
	CHECK(mkdtemp(folder));
	CHECK(atexit(clean) == 0);
	test_policy();
	test_file();
	test_lines();
	test_objects();
	test_stages();
	test_no_pause();
	puts("ok");
	return 0;
}
