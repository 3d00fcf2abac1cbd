#include "apiserver/jwt.h"
#include "common/io/tls.h"

#define LEEWAY_S 60

static int decode_object(const char *text, size_t n, json_t **ret, struct error *err)
{
	AUTO_STR plain;
	AUTO_JSON *tree = NULL;
	str_init(&plain, JWT_MAX);
	if (tls_base64url_decode(text, n, &plain, err) < 0 ||
	    json_parse(plain.data, plain.len, &tree, err) < 0 || !json_is_object(tree))
		return error_set(err, ERR_MALFORMED, "a part of the token is no JSON object");
	/* A claim "ann\0x" would be taken for "ann" wherever texts are C's. */
	if (strstr(plain.data, "\\u0000"))
		return error_set(err, ERR_MALFORMED, "a text of the token holds a NUL");
	*ret = TAKE(tree);
	return 0;
}

/* RFC 7515, 4.1.11: what the signer holds to be critical must be understood, or the token refused;
 * "b64" (RFC 7797) says that something else was signed. */
static int check_header(const json_t *header, struct error *err)
{
	if (!json_object_get(header, "crit") && !json_object_get(header, "b64"))
		return 0;
	return error_set(err, ERR_MALFORMED, "the token's header asks for what is not known here");
}

void jwt_fini(struct jwt *t)
{
	json_decref(t->header);
	json_decref(t->claims);
	str_fini(&t->signature);
	*t = (struct jwt){ 0 };
}

int jwt_parse(const char *token, struct jwt *ret, struct error *err)
{
	if (strnlen(token, JWT_MAX + 1) > JWT_MAX)
		return error_set(err, ERR_LIMIT, "the token is longer than %d bytes", JWT_MAX);
	const char *first = strchr(token, '.'), *second = first ? strchr(first + 1, '.') : NULL;
	if (!second || strchr(second + 1, '.'))
		return error_set(err, ERR_MALFORMED, "the token has not three parts");
	AUTO_JWT t = { .signed_len = (size_t)(second - token) };
	str_init(&t.signature, JWT_MAX);
	int code = decode_object(token, (size_t)(first - token), &t.header, err);
	if (code == 0)
		code = decode_object(first + 1, (size_t)(second - first) - 1, &t.claims, err);
	if (code == 0)
		code = check_header(t.header, err);
	if (code == 0 &&
	    tls_base64url_decode(second + 1, strlen(second + 1), &t.signature, err) < 0)
		code = error_set(err, ERR_MALFORMED, "the token's signature cannot be read");
	if (code < 0)
		return code;
	*ret = t;
	t = (struct jwt){ 0 };
	return 0;
}

static bool time_of(const json_t *claims, const char *name, int64_t *ret)
{
	const json_t *v = json_object_get(claims, name);
	if (json_is_integer(v))
		*ret = json_integer_value(v);
	else if (json_is_real(v) && json_real_value(v) > -1e15 && json_real_value(v) < 1e15)
		*ret = (int64_t)json_real_value(v);
	else
		return false;
	return true;
}

int jwt_check_times(const json_t *claims, int64_t now_s, struct error *err)
{
	int64_t at;
	if (!time_of(claims, "exp", &at))
		return error_set(err, ERR_FORBIDDEN, "token that never expires");
	if (at <= now_s)
		return error_set(err, ERR_FORBIDDEN, "token has expired");
	const json_t *from = json_object_get(claims, "nbf");
	if (from && !json_is_null(from) && (!time_of(claims, "nbf", &at) || at > now_s + LEEWAY_S))
		return error_set(err, ERR_FORBIDDEN, "token is not valid yet");
	if (json_object_get(claims, "iat") && !time_of(claims, "iat", &at))
		return error_set(err, ERR_FORBIDDEN, "token that was issued at no time");
	return 0;
}

int jwt_check_issued(const json_t *claims, int64_t now_s, struct error *err)
{
	int64_t at;
	if (time_of(claims, "iat", &at) && at > now_s + LEEWAY_S)
		return error_set(err, ERR_FORBIDDEN, "token of the future");
	return 0;
}

bool jwt_is_for(const json_t *claims, const char *audience)
{
	const json_t *aud = json_object_get(claims, "aud");
	if (json_is_string(aud))
		return streq(json_string_value(aud), audience);
	size_t i;
	json_t *a;
	json_array_foreach ((json_t *)(uintptr_t)aud, i, a)
		if (json_is_string(a) && streq(json_string_value(a), audience))
			return true;
	return false;
}
