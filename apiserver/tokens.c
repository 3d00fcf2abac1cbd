#include "apiserver/tokens.h"
#include "apiserver/jwt.h"
#include "common/base/map.h"
#include "common/io/tls.h"

#define TOKEN_MAX     JWT_MAX
#define LEGACY_ISSUER "kubernetes/serviceaccount" /* of tokens that stand in Secrets */
#define KNOWN_MAX     1024 /* tokens whose signature was found good; all forgotten when full */

struct tokens {
	struct tls_rsa *key;
	char *issuer;
	char *key_id;
	char *header;     /* base64url of {"alg":"RS256","kid":…} */
	struct map known; /* token → claims (json_t) */
};

static void forget_known(struct tokens *t)
{
	void *claims;
	for (size_t i = 0; (i = map_next(&t->known, i, NULL, &claims)) != 0;)
		json_decref(claims);
	map_fini(&t->known);
}

static char *encode(const void *bytes, size_t n)
{
	AUTO_STR out;
	str_init(&out, TOKEN_MAX);
	tls_base64url_encode(bytes, n, &out);
	return str_take(&out);
}

static char *encode_json(json_t *take_tree)
{
	AUTO_STR text;
	str_init(&text, TOKEN_MAX);
	json_print(take_tree, &text);
	json_decref(take_tree);
	return encode(text.data, text.len);
}

int tokens_new(const char *key_pem, const char *issuer, struct tokens **ret, struct error *err)
{
	struct tls_rsa *key = NULL;
	int code = tls_rsa_load(key_pem, &key, err);
	if (code < 0)
		return error_wrap(err, "key for ServiceAccount tokens");
	auto_free char *public_pem = NULL;
	code = tls_rsa_public_pem(key, &public_pem, err);
	if (code < 0) {
		tls_rsa_free(key);
		return code;
	}
	uint8_t digest[TLS_SHA256_SIZE];
	tls_sha256(public_pem, strlen(public_pem), digest);
	struct tokens *t = xcalloc(1, sizeof *t);
	*t = (struct tokens){ .key = key, .issuer = xstrdup(issuer) };
	t->key_id = encode(digest, sizeof digest);
	t->header = encode_json(json_pack("{s:s,s:s}", "alg", "RS256", "kid", t->key_id));
	*ret = t;
	return 0;
}

void tokens_free(struct tokens *t)
{
	if (!t)
		return;
	forget_known(t);
	tls_rsa_free(t->key);
	free(t->issuer);
	free(t->key_id);
	free(t->header);
	free(t);
}

static json_t *claims_of(const struct tokens *t, const struct token_request *q)
{
	json_t *own = json_pack("{s:s,s:{s:s,s:s}}", "namespace", q->ns, "serviceaccount", "name",
				q->sa_name, "uid", q->sa_uid);
	if (q->bound_kind) {
		auto_free char *kind = xstrdup(q->bound_kind);
		if (*kind >= 'A' && *kind <= 'Z')
			*kind = (char)(*kind + 32);
		json_object_set_new(
			own, kind,
			json_pack("{s:s,s:s}", "name", q->bound_name, "uid", q->bound_uid));
	}
	if (q->node_name)
		json_object_set_new(own, "node",
				    q->node_uid ? json_pack("{s:s,s:s}", "name", q->node_name,
							    "uid", q->node_uid)
						: json_pack("{s:s}", "name", q->node_name));
	auto_free char *sub = xasprintf("system:serviceaccount:%s:%s", q->ns, q->sa_name);
	json_t *claims = json_pack("{s:I,s:I,s:I,s:s,s:s,s:s,s:o}", "exp", (json_int_t)q->expires_s,
				   "iat", (json_int_t)q->now_s, "nbf", (json_int_t)q->now_s, "iss",
				   t->issuer, "sub", sub, "jti", q->id, "kubernetes.io", own);
	if (json_array_size(q->audiences))
		json_object_set(claims, "aud", (json_t *)q->audiences);
	else
		json_object_set_new(claims, "aud", json_pack("[s]", t->issuer));
	return claims;
}

static int sign_claims(const struct tokens *t, json_t *take_claims, struct str *out,
		       struct error *err)
{
	auto_free char *body = encode_json(take_claims);
	auto_free char *head = xasprintf("%s.%s", t->header, body);
	uint8_t signature[TLS_RSA_SIGNATURE_MAX];
	size_t len;
	int code = tls_rs256_sign(t->key, head, strlen(head), signature, &len, err);
	if (code < 0)
		return code;
	auto_free char *tail = encode(signature, len);
	str_addf(out, "%s.%s", head, tail);
	return str_check(out, "token", err);
}

int tokens_issue(const struct tokens *t, const struct token_request *request, struct str *out,
		 struct error *err)
{
	return sign_claims(t, claims_of(t, request), out, err);
}

int tokens_issue_legacy(const struct tokens *t, const char *ns, const char *account,
			const char *account_uid, const char *secret, struct str *out,
			struct error *err)
{
	auto_free char *sub = xasprintf("system:serviceaccount:%s:%s", ns, account);
	json_t *claims = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "iss", LEGACY_ISSUER,
				   "kubernetes.io/serviceaccount/namespace", ns,
				   "kubernetes.io/serviceaccount/secret.name", secret,
				   "kubernetes.io/serviceaccount/service-account.name", account,
				   "kubernetes.io/serviceaccount/service-account.uid", account_uid,
				   "sub", sub);
	return sign_claims(t, claims, out, err);
}

bool tokens_is_legacy(const json_t *claims)
{
	return streq(json_str_or(claims, "iss", ""), LEGACY_ISSUER);
}

/* Which of the wanted audiences the token is for. One from a Secret is for us, whoever asks. */
static json_t *match_audiences(const struct tokens *t, const json_t *claims, const json_t *wanted)
{
	json_t *matched = json_array(), *w;
	size_t i;
	json_array_foreach ((json_t *)(uintptr_t)wanted, i, w) {
		const char *text = json_is_string(w) ? json_string_value(w) : "";
		if (tokens_is_legacy(claims) ? streq(text, t->issuer) : jwt_is_for(claims, text))
			json_array_append(matched, w);
	}
	if (!json_array_size(wanted) && (tokens_is_legacy(claims) || jwt_is_for(claims, t->issuer)))
		json_array_append_new(matched, json_string(t->issuer));
	return matched;
}

static int check_claims(const struct tokens *t, const json_t *claims, int64_t now_s,
			struct error *err)
{
	if (tokens_is_legacy(claims))
		return 0; /* it lives as long as its Secret */
	if (!streq(json_str_or(claims, "iss", ""), t->issuer))
		return error_set(err, ERR_FORBIDDEN, "token of another issuer");
	int code = jwt_check_times(claims, now_s, err);
	return code < 0 ? code : jwt_check_issued(claims, now_s, err);
}

static int check_signature(const struct tokens *t, const char *token, json_t **ret_claims,
			   struct error *err)
{
	AUTO_JWT jwt = { 0 };
	if (jwt_parse(token, &jwt, err) < 0)
		return error_set(err, ERR_FORBIDDEN, "no token of ours");
	/* Only what we issue: an attacker must not choose the algorithm. */
	if (!streq(json_str_or(jwt.header, "alg", ""), "RS256") ||
	    !streq(json_str_or(jwt.header, "kid", ""), t->key_id))
		return error_set(err, ERR_FORBIDDEN, "token of another key or algorithm");
	if (!tls_rs256_verify(t->key, token, jwt.signed_len, jwt.signature.data, jwt.signature.len))
		return error_set(err, ERR_FORBIDDEN, "token with a wrong signature");
	*ret_claims = json_incref(jwt.claims);
	return 0;
}

/* A client shows the same token with each request: its signature is checked once, its time and
 * whom it names each time. */
int tokens_verify(struct tokens *t, const char *token, const json_t *wanted, int64_t now_s,
		  json_t **ret_claims, json_t **ret_audiences, struct error *err)
{
	AUTO_JSON *claims = json_incref(map_get(&t->known, token));
	if (!claims) {
		int code = check_signature(t, token, &claims, err);
		if (code < 0)
			return code;
		if (t->known.count >= KNOWN_MAX)
			forget_known(t);
		map_put(&t->known, token, json_incref(claims));
	}
	int code = check_claims(t, claims, now_s, err);
	if (code < 0)
		return code;
	AUTO_JSON *audiences = match_audiences(t, claims, wanted);
	if (!json_array_size(audiences))
		return error_set(err, ERR_FORBIDDEN, "token for another audience");
	*ret_claims = TAKE(claims);
	*ret_audiences = TAKE(audiences);
	return 0;
}

const char *tokens_issuer(const struct tokens *t)
{
	return t->issuer;
}

int tokens_jwks(const struct tokens *t, struct str *out, struct error *err)
{
	AUTO_STR n, e;
	str_init(&n, 4096);
	str_init(&e, 64);
	int code = tls_rsa_jwk(t->key, &n, &e, err);
	if (code < 0)
		return code;
	str_addf(out,
		 "{\"keys\":[{\"use\":\"sig\",\"kty\":\"RSA\",\"kid\":\"%s\",\"alg\":\"RS256\","
		 "\"n\":\"%s\",\"e\":\"%s\"}]}",
		 t->key_id, n.data, e.data);
	return 0;
}
