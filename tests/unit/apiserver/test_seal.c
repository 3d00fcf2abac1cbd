/* Secrets at rest: what stands in etcd, and what opens it. */
#include "apiserver/memory_etcd.h"
#include "apiserver/seal.h"
#include "apiserver/store_value.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define SECRETS "/api/v1/namespaces/default/secrets"
#define KEY_A   "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=" /* 32 times A */
#define KEY_B   "QkJCQkJCQkJCQkJCQkJCQg=="                     /* 16 times B */
#define CONFIG(providers)                                                                          \
	"apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n"      \
	"- resources: [secrets]\n  providers:\n" providers
#define OF(list)                                                                                   \
	"apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n"      \
	"- resources: " list "\n  providers:\n" A
#define A     "  - aesgcm: {keys: [{name: a, secret: " KEY_A "}]}\n"
#define B     "  - aesgcm: {keys: [{name: b, secret: " KEY_B "}]}\n"
#define PLAIN "  - identity: {}\n"

static const struct {
	const char *name, *config, *error;
} configs[] = {
	{ "good", CONFIG(A PLAIN), NULL },
	{ "several", CONFIG(B A PLAIN), NULL },
	{ "not that kind", "kind: Pod\n",
	  "it must be an EncryptionConfiguration of apiserver.config.k8s.io/v1 with resources" },
	{ "another version",
	  "apiVersion: apiserver.config.k8s.io/v2\nkind: EncryptionConfiguration\nresources:\n"
	  "- resources: [secrets]\n  providers:\n" A,
	  "it must be an EncryptionConfiguration of apiserver.config.k8s.io/v1 with resources" },
	{ "misspelt", CONFIG(A) "resource: []\n", "unknown field \"resource\"" },
	{ "misspelt in a rule", CONFIG(A) "  provider: []\n",
	  "unknown field \"resources[].provider\"" },
	{ "misspelt in a key",
	  CONFIG("  - aesgcm: {keys: [{name: a, secret: " KEY_A ", key: x}]}\n"),
	  "unknown field \"resources[].providers[].aesgcm.keys[].key\"" },
	{ "two in one",
	  CONFIG("  - {identity: {}, aesgcm: {keys: [{name: a, secret: " KEY_A "}]}}\n"),
	  "provider 1 is neither aesgcm with keys nor identity" },
	{ "nothing", OF("[]"), "a rule has no resources" },
	{ "a star", OF("['*']"),
	  "resource '*': use '*.' for the core group or '*.*' for all resources" },
	{ "a kind's name", OF("[Secret]"), "resource 'Secret': names have no capital letters" },
	{ "twice", OF("[secrets, secrets]"),
	  "resources 'secrets' and 'secrets' of one rule overlap" },
	{ "twice, by a star", OF("['*.', secrets]"),
	  "resources '*.' and 'secrets' of one rule overlap" },
	{ "twice, by all", OF("[deployments.apps, '*.*']"),
	  "resources 'deployments.apps' and '*.*' of one rule overlap" },
	{ "two groups", OF("['*.', '*.apps', lamps.example.com]"), NULL },
	{ "no providers", CONFIG(""), "a rule has no providers" },
	{ "another provider", CONFIG("  - secretbox: {}\n"),
	  "provider 1 is neither aesgcm with keys nor identity" },
	{ "a short key", CONFIG("  - aesgcm: {keys: [{name: a, secret: QUFB}]}\n"),
	  "key 'a': it needs a name, and a secret of 16, 24 or 32 bytes in base64" },
	{ "one name, two keys", CONFIG(A "  - aesgcm: {keys: [{name: a, secret: " KEY_B "}]}\n"),
	  "key 'a': another key's name gives the same number: name it otherwise" },
};

static void test_configs(void)
{
	for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
		struct seal *s = NULL;
		struct error err;
		int code = seal_new(configs[i].config, &s, &err);
		CHECK_TEXT(configs[i].name, code < 0 ? err.text : "",
			   configs[i].error ? configs[i].error : "");
		seal_free(s);
	}
}

static void test_opens(void)
{
	struct seal *s = NULL, *other = NULL;
	struct error err;
	const uint8_t nonce[12] = { 1 };
	const struct schema_kind *kind = schema_kind_by_kind("", "v1", "Secret");
	CHECK(seal_new(CONFIG(A), &s, &err) == 0 && seal_new(CONFIG(B), &other, &err) == 0);
	uint8_t key = seal_key(s, kind);
	CHECK(key && !seal_key(s, schema_kind_by_kind("", "v1", "ConfigMap")));
	AUTO_STR closed, open;
	str_init(&closed, 4096);
	str_init(&open, 4096);
	CHECK(seal_close(s, key, "o/core/secrets/d/x", nonce, "hello", 5, &closed, &err) == 0);
	CHECK_INT(closed.len, 12 + 5 + 16);
#define OPENS(by, at, n) seal_open((by), key, (at), closed.data, (n), &open, &err)
	CHECK_INT(OPENS(s, "o/core/secrets/d/y", closed.len), ERR_FORBIDDEN); /* moved */
	CHECK_INT(OPENS(s, "o/core/secrets/d/x", closed.len - 1), ERR_FORBIDDEN);
	CHECK_INT(OPENS(s, "o/core/secrets/d/x", 20), ERR_FORBIDDEN);
	CHECK_INT(OPENS(other, "o/core/secrets/d/x", closed.len), ERR_INVALID);
	CHECK_INT(OPENS(NULL, "o/core/secrets/d/x", closed.len), ERR_INVALID);
	CHECK(OPENS(s, "o/core/secrets/d/x", closed.len) == 0);
	CHECK_TEXT("plain", open.data, "hello");
	closed.data[14] ^= 1;
	str_clear(&open);
	CHECK_INT(OPENS(s, "o/core/secrets/d/x", closed.len), ERR_FORBIDDEN);
	seal_free(s);
	seal_free(other);
}

/* The stored bytes hold the text, anywhere and ever. */
static bool etcd_holds(const struct memory_etcd *e, const char *text)
{
	for (size_t i = 0; i < e->keys_count; i++)
		for (size_t k = 0; k < e->keys[i]->count; k++) {
			const struct memory_version *v = e->keys[i]->versions[k];
			if (v->len && memmem(v->bytes, v->len, text, strlen(text)))
				return true;
		}
	return false;
}

static uint8_t stored_key(const struct memory_etcd *e, const char *name)
{
	auto_free char *key = xasprintf("o/core/secrets/default/%s", name);
	const struct memory_version *v = memory_at(e, key, 0);
	struct store_header h;
	size_t skip;
	CHECK(v && store_header_read(v->bytes, v->len, &h, &skip));
	return h.flags & STORE_FLAG_ENCRYPTED ? h.key_id : 0;
}

static const struct api_row written[] = {
	{ "secret", 0, "POST", SECRETS,
	  "{\"metadata\":{\"name\":\"s\"},\"data\":{\"p\":\"dG9wLXNlY3JldA==\"}}", 201,
	  "dG9wLXNlY3JldA==" },
	{ "map", 0, "POST", "/api/v1/namespaces/default/configmaps",
	  "{\"metadata\":{\"name\":\"m\"},\"data\":{\"p\":\"well-known\"}}", 201, "" },
};
static const struct api_row read_again[] = {
	{ "read", 0, "GET", SECRETS "/s", 0, 200, "dG9wLXNlY3JldA==" },
	{ "listed", 0, "GET", SECRETS, 0, 200, "dG9wLXNlY3JldA==" },
};
static const struct api_row changed[] = {
	{ "changed", 0, "PATCH", SECRETS "/s", "{\"data\":{\"q\":\"bW9yZQ==\"}}", 200,
	  "dG9wLXNlY3JldA== & bW9yZQ==" },
};
static const struct api_row rewritten[] = {
	{ "written again as it is", 0, "PATCH", SECRETS "/s", "{}", 200, "dG9wLXNlY3JldA==" },
};
static const struct api_row lost[] = {
	{ "without its key it cannot be read", 0, "GET", SECRETS "/s", 0, 500,
	  "unable to read secrets \\\"s\\\"" },
	{ "nor changed", 0, "PATCH", SECRETS "/s", "{}", 500, "unable to read" },
	{ "nor deleted", 0, "DELETE", SECRETS "/s", 0, 500, "unable to read" },
	{ "nor made again", 0, "POST", SECRETS, "{\"metadata\":{\"name\":\"s\"}}", 500,
	  "unable to read" },
	{ "lists are without it", 0, "GET", SECRETS, 0, 200, "\"items\":[]" },
	{ "another is another", 0, "GET", SECRETS "/t", 0, 404, "" },
};
static const struct api_row removed[] = {
	{ "and goes", 0, "DELETE", SECRETS "/s", 0, 200, "" },
};

/* Another server on the same etcd, with another configuration. */
static void with_config(const struct api_world *first, const char *config,
			const struct api_row *rows, size_t count)
{
	struct api_world w;
	api_world_join(&w, 3, &(struct server_options){ .encryption = config }, first);
	api_rows_run(&w, rows, count);
	api_world_fini(&w);
}

static void test_at_rest(void)
{
	struct api_world w;
	api_world_init_with(&w, 1, &(struct server_options){ .encryption = CONFIG(A PLAIN) });
	api_rows_run(&w, written, ARRAY_LEN(written));
	api_rows_run(&w, read_again, ARRAY_LEN(read_again));
	api_rows_run(&w, changed, ARRAY_LEN(changed));
	CHECK(etcd_holds(w.etcd, "well-known"));
	CHECK(!etcd_holds(w.etcd, "dG9wLXNlY3JldA") && !etcd_holds(w.etcd, "top-secret") &&
	      !etcd_holds(w.etcd, "bW9yZQ"));
	uint8_t a = stored_key(w.etcd, "s");
	CHECK(a);
	/* A second key: the old one still opens, what is written again is under the new one. */
	with_config(&w, CONFIG(B A), read_again, ARRAY_LEN(read_again));
	CHECK_INT(stored_key(w.etcd, "s"), a);
	with_config(&w, CONFIG(B A), rewritten, ARRAY_LEN(rewritten));
	uint8_t b = stored_key(w.etcd, "s");
	CHECK(b && b != a);
	/* Now the first key may go; without the second nothing opens. */
	with_config(&w, CONFIG(B), read_again, ARRAY_LEN(read_again));
	with_config(&w, CONFIG(A), lost, ARRAY_LEN(lost));
	/* Back to plain. */
	with_config(&w, CONFIG(PLAIN B), rewritten, ARRAY_LEN(rewritten));
	CHECK_INT(stored_key(w.etcd, "s"), 0);
	with_config(&w, NULL, read_again, ARRAY_LEN(read_again));
	with_config(&w, CONFIG(B), rewritten, ARRAY_LEN(rewritten));
	CHECK_INT(stored_key(w.etcd, "s"), b);
	with_config(&w, CONFIG(B), removed, ARRAY_LEN(removed));
	api_world_fini(&w);
}

int main(void)
{
	test_configs();
	test_opens();
	test_at_rest();
	puts("ok");
	return 0;
}
