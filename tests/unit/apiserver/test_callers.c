/*
 * What a server keeps of who was good and of what was allowed: each change that it rests on counts with
 * the next request, and there is a bound to it.
 */
#include "apiserver/callers.h"
#include "apiserver/server_internal.h"
#include "common/base/jsonx.h"
#include "common/io/tls.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define NS    "/api/v1/namespaces/default"
#define RBAC  "/apis/rbac.authorization.k8s.io/v1"
#define ROLES RBAC "/namespaces/default/roles"
#define BINDS RBAC "/namespaces/default/rolebindings"
#define ME    "/apis/authentication.k8s.io/v1/selfsubjectreviews"
#define READS(verb)                                                                                \
	"\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"configmaps\"],\"verbs\":[\"" verb "\"]}]"
#define BINDING                                                                                    \
	"{\"metadata\":{\"name\":\"b\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\","  \
	"\"kind\":\"Role\",\"name\":\"r\"},\"subjects\":[{\"kind\":\"ServiceAccount\","            \
	"\"name\":\"sa\",\"namespace\":\"default\"}]}"

static const struct api_row before[] = {
	{ "account", 0, "POST", NS "/serviceaccounts", "{\"metadata\":{\"name\":\"sa\"}}", 201,
	  "" },
	{ "default", 0, "POST", NS "/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}", 201,
	  "" },
	{ "map", 0, "POST", NS "/configmaps", "{\"metadata\":{\"name\":\"m\"}}", 201, "" },
	{ "node", 0, "POST", "/api/v1/nodes", "{\"metadata\":{\"name\":\"n\"}}", 201, "" },
	{ "secret", 0, "POST", NS "/secrets", "{\"metadata\":{\"name\":\"s\"}}", 201, "" },
	{ "pod", 0, "POST", NS "/pods",
	  "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"serviceAccountName\":\"sa\","
	  "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
	  201, "" },
};

/* In order: what the admin does, then twice what the account may read. */
static const struct {
	const char *name;
	struct api_row change;
	int status;
} decisions[] = {
	{ "nothing yet",
	  { 0, 0, "POST", ROLES, "{\"metadata\":{\"name\":\"r\"}," READS("get") "}", 201, "" },
	  403 },
	{ "a binding", { 0, 0, "POST", BINDS, BINDING, 201, "" }, 200 },
	{ "the role has another verb",
	  { 0, 0, "PATCH", ROLES "/r", "{" READS("list") "}", 200, "" },
	  403 },
	{ "and the verb again", { 0, 0, "PATCH", ROLES "/r", "{" READS("get") "}", 200, "" }, 200 },
	{ "the binding goes", { 0, 0, "DELETE", BINDS "/b", 0, 200, "" }, 403 },
	{ "and comes back", { 0, 0, "POST", BINDS, BINDING, 201, "" }, 200 },
	{ "the role goes", { 0, 0, "DELETE", ROLES "/r", 0, 200, "" }, 403 },
	{ "the account deploys",
	  { 0, 0, "PATCH", NS "/serviceaccounts/sa",
	    "{\"metadata\":{\"labels\":{\"skiff.dev/role\":\"deploy\"}}}", 200, "" },
	  200 },
	{ "and does not any more",
	  { 0, 0, "PATCH", NS "/serviceaccounts/sa",
	    "{\"metadata\":{\"labels\":{\"skiff.dev/role\":null}}}", 200, "" },
	  403 },
	{ "a role of the cluster",
	  { 0, 0, "POST", RBAC "/clusterroles", "{\"metadata\":{\"name\":\"c\"}," READS("get") "}",
	    201, "" },
	  403 },
	{ "bound there",
	  { 0, 0, "POST", RBAC "/clusterrolebindings",
	    "{\"metadata\":{\"name\":\"c\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\","
	    "\"kind\":\"ClusterRole\",\"name\":\"c\"},\"subjects\":[{\"kind\":\"Group\","
	    "\"apiGroup\":\"rbac.authorization.k8s.io\",\"name\":\"system:serviceaccounts\"}]}",
	    201, "" },
	  200 },
	{ "and not any more", { 0, 0, "DELETE", RBAC "/clusterrolebindings/c", 0, 200, "" }, 403 },
};

static char *ask_token(struct api_world *w, const char *spec)
{
	struct api_answer a;
	struct error err;
	AUTO_JSON *tree = NULL;
	api_world_call(w, w->admin, "POST", NS "/serviceaccounts/sa/token", NULL, NULL, spec, 20000,
		       &a);
	CHECK_INT(a.status, 201);
	CHECK(json_parse(a.body.data, a.body.len, &tree, &err) == 0);
	char *token = xstrdup(json_str_or(tree, "status.token", ""));
	api_answer_fini(&a);
	return token;
}

static void get(struct api_world *w, const char *name, const char *token, const char *target,
		int status)
{
	auto_free char *as = xasprintf("|Authorization: Bearer %s", token);
	api_rows_run(w, &(struct api_row){ name, as, "GET", target, NULL, status, "" }, 1);
}

static void who(struct api_world *w, const char *name, const char *token, int status)
{
	auto_free char *as = xasprintf("|Authorization: Bearer %s", token);
	api_rows_run(w, &(struct api_row){ name, as, "POST", ME, "{}", status, "" }, 1);
}

static void test_decisions(struct api_world *w)
{
	auto_free char *token = ask_token(w, "{}");
	for (size_t i = 0; i < ARRAY_LEN(decisions); i++) {
		struct api_row change = decisions[i].change;
		change.name = decisions[i].name;
		api_rows_run(w, &change, 1);
		for (int k = 0; k < 2; k++) {
			get(w, decisions[i].name, token, NS "/configmaps/m", decisions[i].status);
			get(w, decisions[i].name, token, NS "/configmaps/m?resourceVersion=0",
			    decisions[i].status);
		}
		/* What is allowed of one thing is not of another. */
		bool everywhere = streq(decisions[i].name, "bound there");
		get(w, "another namespace", token, "/api/v1/namespaces/kube-system/configmaps/m",
		    everywhere ? 404 : 403);
		get(w, "another kind", token, NS "/secrets/m",
		    streq(decisions[i].name, "the account deploys") ? 404 : 403);
	}
}

#define BOUND(kind, name)                                                                          \
	"{\"spec\":{\"boundObjectRef\":{\"kind\":\"" kind                                          \
	"\",\"apiVersion\":\"v1\",\"name\":\"" name "\"}}}"

/* In order: what a token is bound to, and what ends it. */
static const struct {
	const char *name, *spec;
	struct api_row end;
} lives[] = {
	{ "bound to a pod",
	  BOUND("Pod", "p"),
	  { 0, 0, "DELETE", NS "/pods/p?gracePeriodSeconds=0", 0, 200, "" } },
	{ "bound to a secret",
	  BOUND("Secret", "s"),
	  { 0, 0, "DELETE", NS "/secrets/s", 0, 200, "" } },
	{ "bound to a node",
	  BOUND("Node", "n"),
	  { 0, 0, "DELETE", "/api/v1/nodes/n", 0, 200, "" } },
	{ "of an account", "{}", { 0, 0, "DELETE", NS "/serviceaccounts/sa", 0, 200, "" } },
};

static void test_lives(struct api_world *w)
{
	auto_free char *short_lived = ask_token(w, "{\"spec\":{\"expirationSeconds\":600}}");
	auto_free char *other = ask_token(w, "{}");
	for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
		auto_free char *token = ask_token(w, lives[i].spec);
		who(w, lives[i].name, token, 201);
		who(w, lives[i].name, token, 201);
		struct api_row end = lives[i].end;
		end.name = lives[i].name;
		if (i + 1 == ARRAY_LEN(lives)) {
			loop_sim_run_until(w->loop, loop_now_ms(w->loop) + 590000);
			who(w, "it lives for ten minutes", short_lived, 201);
			loop_sim_run_until(w->loop, loop_now_ms(w->loop) + 11000);
			who(w, "and no longer", short_lived, 401);
			who(w, "others do", other, 201);
		}
		api_rows_run(w, &end, 1);
		who(w, lives[i].name, token, 401);
		who(w, lives[i].name, token, 401);
	}
	who(w, "with its account", other, 401);
}

/* ---- bounds ---- */

static void test_bounds(struct api_world *w)
{
	struct error err;
	AUTO_JSON *claims = NULL;
	static const char text[] = "{\"exp\":2000,\"kubernetes.io\":{}}";
	CHECK(json_parse(text, sizeof text - 1, &claims, &err) == 0);
	AUTO(callers) *c = callers_new(w->server->hub);
	struct http_memo memo = { 0 };
	struct identity who_it_is = { .name = xstrdup("first") }, again;
	callers_learn(c, &memo, "first", claims, 1000, &who_it_is);
	CHECK(who_it_is.caller != NULL);
	CHECK(callers_know(c, NULL, "first", 1000, &again));
	CHECK_TEXT("name", again.name, "first");
	identity_fini(&again);
	CHECK(!callers_know(c, NULL, "first", 999, &again)); /* the clock was set back */
	CHECK(callers_know(c, &memo, "first", 1999, &again));
	identity_fini(&again);
	CHECK(!callers_know(c, &memo, "first", 2000, &again));
	CHECK(!callers_know(c, &memo, "firs", 1000, &again));
	unsigned known = 0;
	for (int i = 0; i < 5000; i++) {
		auto_free char *token = xasprintf("t%d", i);
		struct identity one = { .name = xstrdup(token) };
		callers_learn(c, NULL, token, claims, 1000, &one);
		identity_fini(&one);
	}
	for (int i = 0; i < 5000; i++) {
		auto_free char *token = xasprintf("t%d", i);
		if (callers_know(c, NULL, token, 1000, &again)) {
			known++;
			CHECK_TEXT("its own", again.name, token);
			identity_fini(&again);
		}
	}
	CHECK(known > 0 && known <= 1024);
	/* Forgotten, it lives while somebody is it. */
	CHECK(!callers_know(c, NULL, "first", 1000, &again));
	CHECK(callers_know(c, &memo, "first", 1000, &again));
	identity_fini(&again);
	struct caller *k = who_it_is.caller;
	unsigned kept = 0;
	for (int i = 0; i < 1000; i++) {
		auto_free char *path = xasprintf("/api/v1/namespaces/n/pods/p%d", i);
		CHECK(!caller_was_allowed(k, VERB_GET, path, 7));
		caller_allow(k, VERB_GET, path, 7, "why");
		CHECK_TEXT(path, caller_was_allowed(k, VERB_GET, path, 7), "why");
		CHECK(!caller_was_allowed(k, VERB_DELETE, path, 7));
		CHECK(!caller_was_allowed(k, VERB_GET, path, 8));
	}
	for (int i = 0; i < 1000; i++) {
		auto_free char *path = xasprintf("/api/v1/namespaces/n/pods/p%d", i);
		kept += caller_was_allowed(k, VERB_GET, path, 7) != NULL;
	}
	CHECK(kept > 0 && kept <= 16);
	auto_free char *long_path = xcalloc(2000, 1);
	memset(long_path, 'x', 1999);
	caller_allow(k, VERB_GET, long_path, 7, "");
	CHECK(!caller_was_allowed(k, VERB_GET, long_path, 7));
	identity_fini(&who_it_is);
	memo.release(memo.value);
}

int main(void)
{
	struct api_world w;
	struct error err;
	auto_free char *pem = NULL;
	CHECK(tls_rsa_generate(&pem, &err) == 0);
	api_world_init_with(&w, 11, &(struct server_options){ .token_key_pem = pem });
	api_rows_run(&w, before, ARRAY_LEN(before));
	test_decisions(&w);
	test_lives(&w);
	test_bounds(&w);
	api_world_fini(&w);
	puts("ok");
	return 0;
}
