#include "apiserver/seal.h"
#include "common/base/jsonx.h"
#include "common/io/tls.h"
#include "common/io/tls_aead.h"

#define RULES_MAX 64
#define KEYS_MAX  64
#define KEY_MAX   32

struct key {
	uint8_t number, bytes[KEY_MAX];
	size_t len;
};

struct rule {
	char *resource; /* "secrets", "things.example.com", "*.apps", "*.*" */
	uint8_t key;    /* that encrypts; 0: none */
};

struct seal {
	struct rule rules[RULES_MAX];
	size_t rules_count;
	struct key keys[KEYS_MAX];
	size_t keys_count;
};

static const struct key *find(const struct seal *s, uint8_t number)
{
	for (size_t i = 0; s && i < s->keys_count; i++)
		if (s->keys[i].number == number)
			return &s->keys[i];
	return NULL;
}

/* A key's number comes from its name, so that every server gives it the same. */
static uint8_t number_of(const char *name)
{
	uint8_t digest[TLS_SHA256_SIZE];
	tls_sha256(name, strlen(name), digest);
	return digest[0] ? digest[0] : 1;
}

/* ---- the configuration ---- */

/* A member that is misspelt would be one that protects nothing. */
static int check_members(const json_t *tree, const char *const *known, const char *where,
			 struct error *err)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)tree, name, value) {
		size_t i = 0;
		while (known[i] && !streq(known[i], name))
			i++;
		if (!known[i])
			return error_set(err, ERR_INVALID, "unknown field \"%s%s\"", where, name);
	}
	return 0;
}

static int read_key(struct seal *s, const json_t *k, uint8_t *ret, struct error *err)
{
	static const char *const members[] = { "name", "secret", NULL };
	if (check_members(k, members, "resources[].providers[].aesgcm.keys[].", err) < 0)
		return err->code;
	const char *name = json_str_or(k, "name", ""), *secret = json_str_or(k, "secret", "");
	AUTO_STR bytes;
	str_init(&bytes, 2 * KEY_MAX); /* decoding takes a little more room than it fills */
	if (!*name || tls_base64_decode(secret, strlen(secret), &bytes, err) < 0 ||
	    !tls_aead_key_size_is_good(bytes.len))
		return error_set(err, ERR_INVALID,
				 "key '%s': it needs a name, and a secret of 16, 24 or 32 bytes in "
				 "base64",
				 name);
	struct key key = { .number = number_of(name), .len = bytes.len };
	memcpy(key.bytes, bytes.data, bytes.len);
	explicit_bzero(bytes.data, bytes.len);
	const struct key *same = find(s, key.number);
	if (same && (same->len != key.len || memcmp(same->bytes, key.bytes, key.len) != 0))
		return error_set(err, ERR_INVALID,
				 "key '%s': another key's name gives the same number: name it "
				 "otherwise",
				 name);
	if (!same && s->keys_count == KEYS_MAX)
		return error_set(err, ERR_LIMIT, "more than %d keys", KEYS_MAX);
	if (!same)
		s->keys[s->keys_count++] = key;
	*ret = key.number;
	return 0;
}

/* The first provider writes: its first key, or none at all. */
static int read_providers(struct seal *s, const json_t *providers, uint8_t *ret, struct error *err)
{
	size_t i, k;
	json_t *provider, *key;
	if (!json_array_size(providers))
		return error_set(err, ERR_INVALID, "a rule has no providers");
	json_array_foreach ((json_t *)(uintptr_t)providers, i, provider) {
		static const char *const members[] = { "keys", NULL };
		const json_t *aesgcm = json_object_get(provider, "aesgcm");
		const json_t *keys = json_object_get(aesgcm, "keys");
		bool is_one = json_object_size(provider) == 1;
		if (is_one && json_object_get(provider, "identity"))
			continue;
		if (!is_one || !json_array_size(keys))
			return error_set(err, ERR_INVALID,
					 "provider %zu is neither aesgcm with keys nor identity",
					 i + 1);
		if (check_members(aesgcm, members, "resources[].providers[].aesgcm.", err) < 0)
			return err->code;
		json_array_foreach ((json_t *)(uintptr_t)keys, k, key) {
			uint8_t number = 0;
			if (read_key(s, key, &number, err) < 0)
				return err->code;
			if (i == 0 && k == 0)
				*ret = number;
		}
	}
	return 0;
}

static const char *group_in(const char *resource)
{
	const char *dot = strchr(resource, '.');
	return dot ? dot + 1 : "";
}

/* Would one of two names of one list never count? */
static bool overlap(const char *a, const char *b)
{
	return streq(a, b) || streq(a, "*.*") || streq(b, "*.*") ||
	       ((starts_with(a, "*.") || starts_with(b, "*.")) && streq(group_in(a), group_in(b)));
}

/* What would encrypt nothing, or not what was meant, is told at once. */
static int check_resources(const json_t *list, struct error *err)
{
	if (!json_array_size(list))
		return error_set(err, ERR_INVALID, "a rule has no resources");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		if (!name)
			return error_set(err, ERR_INVALID, "a resource's name must be a text");
		if (streq(name, "*"))
			return error_set(err, ERR_INVALID,
					 "resource '*': use '*.' for the core group or '*.*' for "
					 "all resources");
		if (strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
			return error_set(err, ERR_INVALID,
					 "resource '%s': names have no capital letters", name);
		for (size_t k = 0; k < i; k++) {
			const char *other = json_string_value(json_array_get(list, k));
			if (overlap(other, name))
				return error_set(err, ERR_INVALID,
						 "resources '%s' and '%s' of one rule overlap",
						 other, name);
		}
	}
	return 0;
}

static int read_rule(struct seal *s, const json_t *rule, struct error *err)
{
	static const char *const members[] = { "resources", "providers", NULL };
	uint8_t key = 0;
	size_t i;
	json_t *resource;
	if (check_members(rule, members, "resources[].", err) < 0 ||
	    check_resources(json_object_get(rule, "resources"), err) < 0)
		return err->code;
	if (read_providers(s, json_object_get(rule, "providers"), &key, err) < 0)
		return err->code;
	json_array_foreach (json_object_get(rule, "resources"), i, resource) {
		if (s->rules_count == RULES_MAX)
			return error_set(err, ERR_INVALID, "resources must be at most %d names",
					 RULES_MAX);
		s->rules[s->rules_count++] =
			(struct rule){ xstrdup(json_string_value(resource)), key };
	}
	return 0;
}

int seal_new(const char *config, struct seal **ret, struct error *err)
{
	AUTO(seal) *s = xcalloc(1, sizeof *s);
	struct yaml_documents d = { 0 };
	int code = yaml_parse(config, strlen(config), &d, err);
	if (code < 0)
		return code;
	const json_t *tree = d.count ? d.at[0].tree : NULL;
	const json_t *rules = json_object_get(tree, "resources");
	static const char *const members[] = { "apiVersion", "kind", "resources", NULL };
	if (!streq(json_str_or(tree, "kind", ""), "EncryptionConfiguration") ||
	    !streq(json_str_or(tree, "apiVersion", ""), "apiserver.config.k8s.io/v1") ||
	    !json_array_size(rules))
		code = error_set(err, ERR_INVALID,
				 "it must be an EncryptionConfiguration of "
				 "apiserver.config.k8s.io/v1 with resources");
	else
		code = check_members(tree, members, "", err);
	size_t i;
	json_t *rule;
	json_array_foreach ((json_t *)(uintptr_t)rules, i, rule)
		if (code == 0)
			code = read_rule(s, rule, err);
	yaml_documents_fini(&d);
	if (code == 0)
		*ret = TAKE(s);
	return code;
}

void seal_free(struct seal *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->rules_count; i++)
		free(s->rules[i].resource);
	explicit_bzero(s->keys, sizeof s->keys);
	free(s);
}

/* ---- objects ---- */

static bool fits(const char *pattern, const struct schema_kind *kind)
{
	if (streq(pattern, "*.*"))
		return true;
	if (starts_with(pattern, "*."))
		return streq(pattern + 2, kind->group);
	const char *dot = strchr(pattern, '.');
	size_t n = dot ? (size_t)(dot - pattern) : strlen(pattern);
	return strlen(kind->resource) == n && memcmp(pattern, kind->resource, n) == 0 &&
	       streq(dot ? dot + 1 : "", kind->group);
}

uint8_t seal_key(const struct seal *s, const struct schema_kind *kind)
{
	for (size_t i = 0; s && i < s->rules_count; i++)
		if (fits(s->rules[i].resource, kind))
			return s->rules[i].key;
	return 0;
}

int seal_close(const struct seal *s, uint8_t key, const char *store_key, const uint8_t *nonce,
	       const void *bytes, size_t len, struct str *out, struct error *err)
{
	const struct key *k = find(s, key);
	assert(k);
	str_add_bytes(out, nonce, TLS_AEAD_NONCE);
	char *to = str_reserve(out, len + TLS_AEAD_TAG);
	if (!to)
		return str_check(out, "encrypted object", err);
	int code = tls_aead_seal(k->bytes, k->len, nonce, store_key, strlen(store_key), bytes, len,
				 to, err);
	if (code == 0)
		str_grew(out, len + TLS_AEAD_TAG);
	return code;
}

int seal_open(const struct seal *s, uint8_t key, const char *store_key, const void *bytes,
	      size_t len, struct str *out, struct error *err)
{
	const struct key *k = find(s, key);
	const uint8_t *at = bytes;
	if (!k)
		return error_set(err, ERR_INVALID,
				 "it is encrypted with a key (number %u) that --encryption-config "
				 "does not name",
				 (unsigned)key);
	if (len < TLS_AEAD_NONCE + TLS_AEAD_TAG)
		return error_set(err, ERR_FORBIDDEN, "too short to be encrypted");
	size_t sealed = len - TLS_AEAD_NONCE;
	char *to = str_reserve(out, sealed - TLS_AEAD_TAG);
	if (!to)
		return str_check(out, "object", err);
	int code = tls_aead_open(k->bytes, k->len, at, store_key, strlen(store_key),
				 at + TLS_AEAD_NONCE, sealed, to, err);
	if (code == 0)
		str_grew(out, sealed - TLS_AEAD_TAG);
	return code;
}
