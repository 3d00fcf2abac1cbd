/* Tokens that stand in Secrets: who gets one, and how long it is good. */
#include "common/base/jsonx.h"
#include "common/io/tls.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define NS      "/api/v1/namespaces/default"
#define SECRETS NS "/secrets"
#define TYPE    "kubernetes.io/service-account-token"

static json_t *get(struct api_world *w, const char *path)
{
	struct api_answer a;
	struct error err;
	json_t *tree = NULL;
	api_world_call(w, w->admin, "GET", path, NULL, NULL, NULL, 5000, &a);
	CHECK_INT(a.status, 200);
	CHECK(json_parse(a.body.data, a.body.len, &tree, &err) == 0);
	api_answer_fini(&a);
	return tree;
}

static void row(struct api_world *w, const char *name, const char *as, const char *method,
		const char *path, const char *body, int status, const char *has)
{
	const struct api_row r = { name, as, method, path, body, status, has };
	api_rows_run(w, &r, 1);
}

static char *secret(const char *name, const char *account, const char *uid, const char *more)
{
	return xasprintf("{\"metadata\":{\"name\":\"%s\",\"annotations\":{"
			 "\"kubernetes.io/service-account.name\":\"%s\",%s%s%s}},\"type\":\"" TYPE
			 "\"%s}",
			 name, account, uid ? "\"kubernetes.io/service-account.uid\":\"" : "",
			 uid ? uid : "\"x\":\"y", "\"", more);
}

/* "|Authorization: Bearer …" of the Secret's token. */
static char *bearer(struct api_world *w, const char *name)
{
	auto_free char *path = xasprintf(SECRETS "/%s", name);
	AUTO_JSON *tree = get(w, path);
	const char *coded = json_str_or(tree, "data.token", "");
	AUTO_STR token;
	struct error err;
	str_init(&token, 16384);
	CHECK(*coded);
	CHECK_INT(tls_base64_decode(coded, strlen(coded), &token, &err), 0);
	return xasprintf("|Authorization: Bearer %s", token.data);
}

static void story(struct api_world *w)
{
	row(w, "an account", 0, "POST", NS "/serviceaccounts",
	    "{\"metadata\":{\"name\":\"robot\"}}", 201, "");
	AUTO_JSON *account = get(w, NS "/serviceaccounts/robot");
	const char *uid = json_str(account, "metadata.uid");

	auto_free char *bare = secret("bare", "robot", NULL, "");
	row(w, "of nobody in particular", 0, "POST", SECRETS, bare, 201, "!\"token\"");
	auto_free char *other = secret("other", "robot", "not-it", "");
	row(w, "of an account before", 0, "POST", SECRETS, other, 201, "!\"token\"");
	auto_free char *none = secret("none", "nobody", uid, "");
	row(w, "of none", 0, "POST", SECRETS, none, 201, "!\"token\"");
	auto_free char *given = secret("given", "robot", uid, ",\"data\":{\"token\":\"eA==\"}");
	row(w, "one is there", 0, "POST", SECRETS, given, 201, "\"token\":\"eA==\"");
	auto_free char *tried = secret("tried", "robot", uid, "");
	row(w, "tried only", 0, "POST", SECRETS "?dryRun=All", tried, 201, "!\"token\"");
	auto_free char *good = secret("good", "robot", uid, "");
	row(w, "a token", 0, "POST", SECRETS, good, 201, "\"token\":\"");
	auto_free char *says_whose = xasprintf(
		"{\"metadata\":{\"annotations\":{\"kubernetes.io/service-account.uid\":\"%s\"}}}",
		uid);
	row(w, "another for a later word", 0, "PATCH", SECRETS "/bare", says_whose, 200,
	    "\"token\":\"");

	auto_free char *as = bearer(w, "good");
	row(w, "who that is", as, "GET", NS "/pods", NULL, 403,
	    "User \\\"system:serviceaccount:default:robot\\\" cannot list");
	row(w, "when it was used", 0, "GET", SECRETS "/good", NULL, 200,
	    "\"kubernetes.io/legacy-token-last-used\":\"20");
	row(w, "another day", 0, "PATCH", SECRETS "/good",
	    "{\"metadata\":{\"labels\":{\"kubernetes.io/legacy-token-last-used\":\"2020-01-01\"}}}",
	    200, "2020-01-01");
	row(w, "a note that is on its way is not made again", as, "GET", NS "/pods", NULL, 403,
	    "!Warning");
	row(w, "not yet", 0, "GET", SECRETS "/good", NULL, 200, "2020-01-01");
	(void)loop_sim_run_until(w->loop, loop_now_ms(w->loop) + 11000);
	row(w, "of a token that somebody made", 0, "PATCH", NS "/serviceaccounts/robot",
	    "{\"secrets\":[{\"name\":\"good\"}]}", 200, "");
	row(w, "is told of better ones", as, "GET", NS "/pods", NULL, 403,
	    "Warning: 299 - \"Use tokens from the TokenRequest API or manually created secret-based "
	    "tokens instead of auto-generated secret-based tokens.\"");
	row(w, "noted again", 0, "GET", SECRETS "/good", NULL, 200, "!2020-01-01");
	row(w, "kept by others' words", 0, "PATCH", SECRETS "/good",
	    "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}", 200, "\"token\":\"");
	row(w, "still good", as, "GET", NS "/pods", NULL, 403, "robot");
	row(w, "marked", 0, "PATCH", SECRETS "/good",
	    "{\"metadata\":{\"labels\":{\"kubernetes.io/legacy-token-invalid-since\":\"2027-01-01\"}}}",
	    200, "");
	row(w, "not while it is marked", as, "GET", NS "/pods", NULL, 401, "Unauthorized");
	row(w, "unmarked", 0, "PATCH", SECRETS "/good",
	    "{\"metadata\":{\"labels\":{\"kubernetes.io/legacy-token-invalid-since\":null}}}", 200,
	    "");
	row(w, "good again", as, "GET", NS "/pods", NULL, 403, "robot");
	row(w, "gone", 0, "DELETE", SECRETS "/good", NULL, 200, "");
	row(w, "not without its Secret", as, "GET", NS "/pods", NULL, 401, "Unauthorized");
	auto_free char *again = secret("good", "robot", uid, ",\"data\":{\"token\":\"eA==\"}");
	row(w, "one of that name", 0, "POST", SECRETS, again, 201, "");
	row(w, "is not the same", as, "GET", NS "/pods", NULL, 401, "Unauthorized");

	auto_free char *as_bare = bearer(w, "bare");
	row(w, "another", as_bare, "GET", NS "/pods", NULL, 403, "robot");
	row(w, "the account goes", 0, "DELETE", NS "/serviceaccounts/robot", NULL, 200, "");
	row(w, "not without its account", as_bare, "GET", NS "/pods", NULL, 401, "");
}

int main(void)
{
	struct api_world w;
	struct error err;
	auto_free char *key = NULL;
	CHECK_INT(tls_rsa_generate(&key, &err), 0);
	api_world_init_with(&w, 5, &(struct server_options){ .token_key_pem = key });
	story(&w);
	api_world_fini(&w);
	return 0;
}
