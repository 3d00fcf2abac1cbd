/* Tokens: good ones, and every way in which one can be bad. */
#include "apiserver/tokens.h"
#include "common/io/tls.h"
#include "tests/support/check.h"

static struct tokens *make(char **ret_pem)
{
	struct tokens *t = NULL;
	struct error err;
	char *pem = NULL;
	CHECK(tls_rsa_generate(&pem, &err) == 0);
	CHECK(tokens_new(pem, "https://issuer", &t, &err) == 0);
	if (ret_pem)
		*ret_pem = pem;
	else
		free(pem);
	return t;
}

static char *issue(const struct tokens *t, int64_t now_s, int64_t expires_s)
{
	AUTO_STR out;
	struct error err;
	str_init(&out, 16384);
	struct token_request q = { .ns = "n", .sa_name = "sa", .sa_uid = "u", .id = "i",
				   .bound_kind = "Pod", .bound_name = "p", .bound_uid = "pu",
				   .now_s = now_s, .expires_s = expires_s };
	CHECK(tokens_issue(t, &q, &out, &err) == 0);
	return str_take(&out);
}

static bool is_good(struct tokens *t, const char *token, int64_t now_s)
{
	json_t *claims = NULL, *audiences = NULL;
	struct error err;
	bool good = tokens_verify(t, token, NULL, now_s, &claims, &audiences, &err) == 0;
	if (good) {
		CHECK_TEXT("sub", json_str_or(claims, "sub", ""), "system:serviceaccount:n:sa");
		CHECK_TEXT("pod", json_string_value(json_at(claims, "kubernetes.io", "pod",
							    "uid")), "pu");
	}
	json_decref(claims);
	json_decref(audiences);
	return good;
}

/* A token with another header or body under the same signature. */
static char *forged(const char *token, const char *header, const char *body)
{
	AUTO_STR out;
	str_init(&out, 16384);
	const char *first = strchr(token, '.'), *second = strchr(first + 1, '.');
	if (header)
		tls_base64url_encode(header, strlen(header), &out);
	else
		str_add_bytes(&out, token, (size_t)(first - token));
	str_add(&out, ".");
	if (body)
		tls_base64url_encode(body, strlen(body), &out);
	else
		str_add_bytes(&out, first + 1, (size_t)(second - first) - 1);
	str_add(&out, second);
	return str_take(&out);
}

static void check_forged(struct tokens *t, const char *token, const char *header, const char *body)
{
	char *bad = forged(token, header, body);
	CHECK(!is_good(t, bad, 1000));
	free(bad);
}

int main(void)
{
	struct tokens *t = make(NULL), *other = make(NULL);
	char *token = issue(t, 1000, 2000), *foreign = issue(other, 1000, 2000);
	CHECK(is_good(t, token, 1000));
	CHECK(is_good(t, token, 1999)); /* now from those known */
	CHECK(!is_good(t, token, 2000)); /* expired, known or not */
	CHECK(!is_good(t, token, 900));  /* not yet */
	CHECK(!is_good(t, foreign, 1000));
	check_forged(t, token, "{\"alg\":\"none\"}", NULL);
	check_forged(t, token, "{\"alg\":\"HS256\",\"kid\":\"x\"}", NULL);
	check_forged(t, token, NULL, "{\"iss\":\"https://issuer\",\"sub\":\"system:admin\"}");
	static const char *const broken[] = { "", ".", "..", "a.b.c", "a.b", "a.b.c.d", "é.é.é" };
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		CHECK(!is_good(t, broken[i], 1000));
	free(token);
	free(foreign);
	tokens_free(t);
	tokens_free(other);
	return 0;
}
