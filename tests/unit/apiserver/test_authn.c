/*
 * Whose is this token: OpenID Connect by fixed tokens (their keys were thrown away), the others
 * through a whole server.
 */
#include "apiserver/authn_file.h"
#include "apiserver/authn_oidc.h"
#include "apiserver/jwt.h"
#include "common/base/jsonx.h"
#include "common/io/tls.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

static const char keys[] =
	"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"ec\",\"use\":\"sig\",\"alg\":"
	"\"ES256\",\"x\":\"V6XCT9Rnecd7ABgUwer1ZQOr864Jipcx5PVU4UGAGzQ\",\"y\":\"LYmJ9rhD3jRS"
	"Rezs2bW7NaGpNaXXDa9L14qkpIVLOv4\"},{\"kty\":\"RSA\",\"kid\":\"rsa\",\"n\":\"z0aF2TtZ"
	"wEtdHLIWeqkxRDqHIzC3feGfkN8UdbXHdnkuexTpuon296l8ZSSjlFDJATe869bq269VqAgUCsWojnvwdoqv"
	"hiuCJfAtKIbmAu8QX1kckWKjeYHW5bxNQtQSYSUByu_vI_zit9bBub2p8NbmP4LoJW6tAPRgs0ky4VSmleOy"
	"CcREERN0chkfzdmB6rinp8G-CJNWYa0ZRJW_i0UPs8NEbxZD21L-0C85BL-jrZ_kySvf5yBLXaS4jVEzl-Ci"
	"URQCpm-fumI6rA-Ho82SODAwASQ9bgJm_K2le-IOzJoTD_nm5q0cmkJR2fG4FLGOgfOoZE30CPUK46VxnQ\""
	",\"e\":\"AQAB\"},{\"kty\":\"oct\",\"kid\":\"k\",\"k\":\"AAAA\"}]}";

static const char es256[] =
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVk"
	"IjpbInNraWZmIiwib3RoZXIiXSwiZXhwIjo0MTAyNDQ0ODAwLCJzdWIiOiJ1MSIsImVtYWlsIjoiYW5uQGV4"
	"YW1wbGUub3JnIiwiZW1haWxfdmVyaWZpZWQiOnRydWUsImdyb3VwcyI6WyJhIiwiYiJdLCJoZCI6ImV4YW1w"
	"bGUub3JnIn0.ZSSeA_s-raXv6E9DaHHzRThqldszBXRWAu_685tuhf20351PSUqOAm9jej9XozDKrwC6mtwk"
	"-QHAs2B7-CqYHA";

static const char rs256[] =
	"eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXV"
	"kIjoic2tpZmYiLCJleHAiOjQxMDI0NDQ4MDAsInN1YiI6InUxIiwiZW1haWwiOiJhbm5AZXhhbXBsZS5vcmc"
	"iLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwiZ3JvdXBzIjpbImEiLCJiIl0sImhkIjoiZXhhbXBsZS5vcmcifQ."
	"rTqKmdl9gkXz14zS_shGkvAspmAcg1EsthaGY3hxhPpQ5WuwwGyO2KJ9_880BYonY8vzuE-XigVrk2tvnT_K"
	"huPFavib6UCkMUygHh9fyrt1g-2kIjjXxQrzKbeup2-NaEIM7GsQ9BdQ8j3uHKSosZtCLWXHeOWnBZDB8Gsi"
	"fTOkavvcWMs-43qDwSng_-mNpZmEuYKNgAtB2BTKvzlgBl8QZb4uWWc3TCHLP0tkH6d1yz2y2G3oGefUo3a3"
	"R-BaXVfnN57pW_FxLLuPAw7YuYottf9fsaSc1hwxu1Af-56KQB0A0kt_vKK4uKkggg7NazzuqMrhdeXNA7kl"
	"PkKJ5Q";

static const char no_kid[] =
	"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjpbInNraWZmIiw"
	"ib3RoZXIiXSwiZXhwIjo0MTAyNDQ0ODAwLCJzdWIiOiJ1MSIsImVtYWlsIjoiYW5uQGV4YW1wbGUub3JnIiw"
	"iZW1haWxfdmVyaWZpZWQiOnRydWUsImdyb3VwcyI6WyJhIiwiYiJdLCJoZCI6ImV4YW1wbGUub3JnIn0.ggG"
	"2lzgTGGS2U5Njp7oDlkW8jPBfak6l59A4QFbtEs_9R4rq065bEJUXs4Km3mUeICd60jlDje4cmjSWAW5Hew";

static const char expired[] =
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVk"
	"IjpbInNraWZmIiwib3RoZXIiXSwiZXhwIjoxNzAwMDAwMDAwLCJzdWIiOiJ1MSIsImVtYWlsIjoiYW5uQGV4"
	"YW1wbGUub3JnIiwiZW1haWxfdmVyaWZpZWQiOnRydWUsImdyb3VwcyI6WyJhIiwiYiJdLCJoZCI6ImV4YW1w"
	"bGUub3JnIn0.aEdQblu71xHj2bWtCmDafnakBv9zLeo6h-mXMC3tR9FrIq0tiK_d9IbRrIi0VSqicrlxXVpT"
	"kHgEJc4KRlG4Hw";

static const char eternal[] =
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVk"
	"IjpbInNraWZmIiwib3RoZXIiXSwic3ViIjoidTEiLCJlbWFpbCI6ImFubkBleGFtcGxlLm9yZyIsImVtYWls"
	"X3ZlcmlmaWVkIjp0cnVlLCJncm91cHMiOlsiYSIsImIiXSwiaGQiOiJleGFtcGxlLm9yZyJ9.8WQIB3pBlJr"
	"MEks8jyxx9EnWykTL1NbD8VCPpJ-qedmGk35LnXIBNxB0ahqNQCwMeNYLkywnWzGa1DNmW7wvNg";

static const char other_audience[] =
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVk"
	"Ijoib3RoZXIiLCJleHAiOjQxMDI0NDQ4MDAsInN1YiI6InUxIiwiZW1haWwiOiJhbm5AZXhhbXBsZS5vcmci"
	"LCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwiZ3JvdXBzIjpbImEiLCJiIl0sImhkIjoiZXhhbXBsZS5vcmcifQ.V"
	"rHZBZsCUVHDD4uhrln2xvHyGAKEspAhr9ZIF9njpFbdWS4X4x-KpNwWfBSqK3Zgm_W_NlS8F34JD41nQPI9v"
	"A";

static const char other_issuer[] =
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlLyIsImF1"
	"ZCI6WyJza2lmZiIsIm90aGVyIl0sImV4cCI6NDEwMjQ0NDgwMCwic3ViIjoidTEiLCJlbWFpbCI6ImFubkBl"
	"eGFtcGxlLm9yZyIsImVtYWlsX3ZlcmlmaWVkIjp0cnVlLCJncm91cHMiOlsiYSIsImIiXSwiaGQiOiJleGFt"
	"cGxlLm9yZyJ9.xNcLzOTW2q4hTkxKBU-E6zK600fiafJRxfMq6SpdfwmwhYkiC2d4KYXMVuXC61UnvJ053Ys"
	"dxzxgRQEEm0US7g";

static const char other_domain[] =
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVk"
	"IjpbInNraWZmIiwib3RoZXIiXSwiZXhwIjo0MTAyNDQ0ODAwLCJzdWIiOiJ1MSIsImVtYWlsIjoiYW5uQGV4"
	"YW1wbGUub3JnIiwiZW1haWxfdmVyaWZpZWQiOnRydWUsImdyb3VwcyI6WyJhIiwiYiJdLCJoZCI6ImV2aWwu"
	"ZXhhbXBsZSJ9.e22jtdtWwn3RBmwzLLbF-pPhUi159q8Vz8yNvqRNnA1dJasYlpzsSDMNxFkWIvONYwoIhEU"
	"PmkvtzkeVtf8wkw";

static const char unverified[] =
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVk"
	"IjpbInNraWZmIiwib3RoZXIiXSwiZXhwIjo0MTAyNDQ0ODAwLCJzdWIiOiJ1MSIsImVtYWlsIjoiYW5uQGV4"
	"YW1wbGUub3JnIiwiZW1haWxfdmVyaWZpZWQiOmZhbHNlLCJncm91cHMiOlsiYSIsImIiXSwiaGQiOiJleGFt"
	"cGxlLm9yZyJ9.chwZFuVXQ7Qf6k6FhgLCXj6o_8vRyrkGdOiZvw3dc6tsWWNmAqsu7VKFI4fiFRysEe7brIy"
	"aU2gmYPgoM3NmJQ";

static const char nameless[] =
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVk"
	"IjpbInNraWZmIiwib3RoZXIiXSwiZXhwIjo0MTAyNDQ0ODAwLCJzdWIiOiJ1MSIsImVtYWlsX3ZlcmlmaWVk"
	"Ijp0cnVlLCJncm91cHMiOlsiYSIsImIiXSwiaGQiOiJleGFtcGxlLm9yZyJ9.PbcbYA50Hz8Wq-SRYhJG08s"
	"s5rAwUJfaAQI2dcJpETUGEjW_t9Qjoxs3CzFUIu9RLrs8gwoZcAkHkgoMc2HIGg";

static const char unknown_key[] =
	"eyJhbGciOiJFUzI1NiIsImtpZCI6Im5ldyJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXV"
	"kIjpbInNraWZmIiwib3RoZXIiXSwiZXhwIjo0MTAyNDQ0ODAwLCJzdWIiOiJ1MSIsImVtYWlsIjoiYW5uQGV"
	"4YW1wbGUub3JnIiwiZW1haWxfdmVyaWZpZWQiOnRydWUsImdyb3VwcyI6WyJhIiwiYiJdLCJoZCI6ImV4YW1"
	"wbGUub3JnIn0.AwLeZh-vcR8nx_s1bJU1Zm9S3n39GoVR9MiIbnGA2BOxSHV4_-5OIOHkp4KemdVibTkYhZV"
	"yRGKWXh30PRsq3w";

static const char wrong_algorithm[] =
	"eyJhbGciOiJFUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXV"
	"kIjpbInNraWZmIiwib3RoZXIiXSwiZXhwIjo0MTAyNDQ0ODAwLCJzdWIiOiJ1MSIsImVtYWlsIjoiYW5uQGV"
	"4YW1wbGUub3JnIiwiZW1haWxfdmVyaWZpZWQiOnRydWUsImdyb3VwcyI6WyJhIiwiYiJdLCJoZCI6ImV4YW1"
	"wbGUub3JnIn0.83-RdVZ_niJct02uPhpJ_W5Sr6YBE86S0vvoYiDqnSCnnEijCQ80krStT3NB2cQSr-AqfVk"
	"zbButGuVhNpbJmw";

static const char unsigned_token[] =
	"eyJhbGciOiJub25lIiwia2lkIjoiZWMifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkI"
	"jpbInNraWZmIiwib3RoZXIiXSwiZXhwIjo0MTAyNDQ0ODAwLCJzdWIiOiJ1MSIsImVtYWlsIjoiYW5uQGV4Y"
	"W1wbGUub3JnIiwiZW1haWxfdmVyaWZpZWQiOnRydWUsImdyb3VwcyI6WyJhIiwiYiJdLCJoZCI6ImV4YW1wb"
	"GUub3JnIn0.";

static const char claims_changed[] =
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVk"
	"IjpbInNraWZmIiwib3RoZXIiXSwiZXhwIjo0MTAyNDQ0ODAwLCJzdWIiOiJ1MSIsImVtYWlsIjoicm9vdEBl"
	"eGFtcGxlLm9yZyIsImVtYWlsX3ZlcmlmaWVkIjp0cnVlLCJncm91cHMiOlsiYSIsImIiXSwiaGQiOiJleGFt"
	"cGxlLm9yZyJ9.SwOcv0KQqe2V80nIe2VdB-lVUGgjI_5EKMF4dtlcJn0M7LDNs_BuuJmpFPVnWJatjQRK4iR"
	"nsXkHT09jBcc-OQ";

static const char hmac_by_public_key[] =
	"eyJhbGciOiJIUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXV"
	"kIjpbInNraWZmIiwib3RoZXIiXSwiZXhwIjo0MTAyNDQ0ODAwLCJzdWIiOiJ1MSIsImVtYWlsIjoiYW5uQGV"
	"4YW1wbGUub3JnIiwiZW1haWxfdmVyaWZpZWQiOnRydWUsImdyb3VwcyI6WyJhIiwiYiJdLCJoZCI6ImV4YW1"
	"wbGUub3JnIn0.e7HAFca7Wuiw11DCqEjR5ISch-iToEXkognR6NXXTHs";

#define NOW_S 1790000000

static const struct {
	const char *name, *token, *error;
} oidc[] = {
	{ "ES256", es256, NULL },
	{ "RS256", rs256, NULL },
	{ "no key named", no_kid, NULL },
	{ "expired", expired, "token has expired" },
	{ "never expires", eternal, "token that never expires" },
	{ "for another client", other_audience, "OpenID Connect: for another client" },
	{ "a slash more", other_issuer, "OpenID Connect: another issuer" },
	{ "claim differs", other_domain, "OpenID Connect: a required claim is missing or differs" },
	{ "not verified", unverified, "OpenID Connect: the address is not verified" },
	{ "no name", nameless, "OpenID Connect: it has no user name" },
	{ "unknown key", unknown_key, "OpenID Connect: no known key has signed it" },
	{ "key of another kind", wrong_algorithm, "OpenID Connect: no known key has signed it" },
	{ "alg none", unsigned_token, "OpenID Connect: no known key has signed it" },
	{ "claims changed", claims_changed, "OpenID Connect: no known key has signed it" },
	{ "HS256 by the public key", hmac_by_public_key,
	  "OpenID Connect: no known key has signed it" },
	{ "no token", "abc", "the token has not three parts" },
	{ "four parts", "a.b.c.d", "the token has not three parts" },
	{ "no JSON", "YQ.YQ.YQ", "a part of the token is no JSON object" },
	{ "empty", "", "the token has not three parts" },
};

/* ---- what signed claims say, whoever signed them ---- */

#define SAYS(more) "{\"aud\":\"skiff\",\"exp\":1790000100" more "}"

/* `as`: the user and groups, or the error. */
static const struct {
	const char *name, *claims, *as;
} said[] = {
	{ "no groups", SAYS(",\"sub\":\"a\""), "i#a system:authenticated" },
	{ "one group", SAYS(",\"sub\":\"a\",\"groups\":\"x\""), "i#a x system:authenticated" },
	{ "null", SAYS(",\"sub\":\"a\",\"groups\":null"), "i#a system:authenticated" },
	{ "half a list", SAYS(",\"sub\":\"a\",\"groups\":[\"x\",1]"),
	  "OpenID Connect: its groups are neither a text nor a list of texts" },
	{ "a number", SAYS(",\"sub\":\"a\",\"groups\":1"),
	  "OpenID Connect: its groups are neither a text nor a list of texts" },
	{ "elsewhere", SAYS(",\"sub\":\"a\",\"_claim_names\":{\"groups\":\"s\"}"),
	  "OpenID Connect: its groups are neither a text nor a list of texts" },
	{ "other claims elsewhere", SAYS(",\"sub\":\"a\",\"_claim_names\":{\"x\":\"s\"}"),
	  "i#a system:authenticated" },
	{ "a clock a minute behind", SAYS(",\"sub\":\"a\",\"nbf\":1790000060"),
	  "i#a system:authenticated" },
	{ "and more", SAYS(",\"sub\":\"a\",\"nbf\":1790000061"), "token is not valid yet" },
	{ "from null", SAYS(",\"sub\":\"a\",\"nbf\":null"), "i#a system:authenticated" },
	{ "issued null", SAYS(",\"sub\":\"a\",\"iat\":null"), "token that was issued at no time" },
	{ "issued at a text", SAYS(",\"sub\":\"a\",\"iat\":\"x\""),
	  "token that was issued at no time" },
};

static void test_claims(void)
{
	struct authn_oidc *o = NULL;
	struct error err;
	const struct authn_oidc_options options = { .issuer = "i",
						    .client_id = "skiff",
						    .groups_claim = "groups" };
	CHECK(authn_oidc_new(&options, &o, &err) == 0);
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		AUTO_JSON *claims = NULL;
		AUTO_STR as;
		struct identity who = { 0 };
		str_init(&as, 4096);
		CHECK(json_parse(said[i].claims, strlen(said[i].claims), &claims, &err) == 0);
		bool good = authn_oidc_claims(o, claims, NOW_S, &who, &err);
		str_add(&as, good ? who.name : err.text);
		for (size_t k = 0; good && k < who.groups_count; k++)
			str_addf(&as, " %s", who.groups[k]);
		CHECK_TEXT(said[i].name, as.data, said[i].as);
		identity_fini(&who);
	}
	authn_oidc_free(o);
}

static const struct {
	const char *name, *header, *claims, *error;
} parts[] = {
	{ "plain", "{\"alg\":\"RS256\"}", "{\"sub\":\"a\"}", "" },
	{ "critical", "{\"alg\":\"RS256\",\"crit\":[\"exp\"]}", "{}",
	  "the token's header asks for what is not known here" },
	{ "something else is signed", "{\"alg\":\"RS256\",\"b64\":false}", "{}",
	  "the token's header asks for what is not known here" },
	{ "a name that ends early", "{\"alg\":\"RS256\"}", "{\"sub\":\"admin\\u0000x\"}",
	  "a text of the token holds a NUL" },
};

static void test_parts(void)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		AUTO_STR token;
		AUTO_JWT jwt = { 0 };
		struct error err;
		str_init(&token, 4096);
		tls_base64url_encode(parts[i].header, strlen(parts[i].header), &token);
		str_add(&token, ".");
		tls_base64url_encode(parts[i].claims, strlen(parts[i].claims), &token);
		str_add(&token, ".AAAA");
		int code = jwt_parse(token.data, &jwt, &err);
		CHECK_TEXT(parts[i].name, code < 0 ? err.text : "", parts[i].error);
	}
}

static void test_oidc(void)
{
	struct authn_oidc *o = NULL;
	struct error err;
	const struct authn_oidc_options options = { .issuer = "https://issuer.example",
						    .client_id = "skiff",
						    .username_claim = "email",
						    .groups_claim = "groups",
						    .groups_prefix = "oidc:",
						    .required_claims = "hd=example.org" };
	CHECK(authn_oidc_new(&options, &o, &err) == 0);
	struct identity who = { 0 };
	CHECK(!authn_oidc_token(o, es256, NOW_S, &who, &err)); /* no keys yet */
	CHECK(authn_oidc_wants_keys(o) && !authn_oidc_wants_keys(o));
	CHECK(authn_oidc_set_keys(o, "{\"keys\":[]}", &err) == ERR_INVALID);
	CHECK(authn_oidc_set_keys(o, keys, &err) == 0);
	for (size_t i = 0; i < ARRAY_LEN(oidc); i++) {
		bool good = authn_oidc_token(o, oidc[i].token, NOW_S, &who, &err);
		CHECK_TEXT(oidc[i].name, good ? "" : err.text, oidc[i].error ? oidc[i].error : "");
		if (good) {
			CHECK_TEXT("user", who.name, "ann@example.org");
			CHECK(identity_in_group(&who, "oidc:a") &&
			      identity_in_group(&who, "system:authenticated"));
		}
		identity_fini(&who);
	}
	CHECK(authn_oidc_wants_keys(o)); /* one token named a key that is not known */
	auto_free char *huge = xcalloc(40000, 1);
	memset(huge, 'a', 39999);
	CHECK(!authn_oidc_token(o, huge, NOW_S, &who, &err));
	CHECK_INT(err.code, ERR_LIMIT);
	authn_oidc_free(o);
	CHECK(authn_oidc_new(&(struct authn_oidc_options){ .issuer = "x" }, &o, &err) ==
	      ERR_INVALID);
}

static void test_file(void)
{
	static const struct {
		const char *text, *error;
	} bad[] = { { "a,b\n", "line 1: it must be TOKEN,USER,UID[,\"GROUP,GROUP…\"]" },
		    { "t,u,1\n\n,u,2\n", "line 3: it must be TOKEN,USER,UID[,\"GROUP,GROUP…\"]" },
		    { "t,u,1,\"g\",x\n", "line 1: it must be TOKEN,USER,UID[,\"GROUP,GROUP…\"]" } };
	struct authn_file *f = NULL;
	struct error err;
	struct identity who = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(authn_file_new(bad[i].text, &f, &err) == ERR_MALFORMED);
		CHECK_TEXT("error", err.text, bad[i].error);
	}
	CHECK(authn_file_new("# comment\ns1,ann,7,\"a,b\"\r\n\"s,2\",\"b \"\"b\"\"\",8", &f,
			     &err) == 0);
	CHECK(authn_file_token(f, "s1", &who));
	CHECK_TEXT("user", who.name, "ann");
	CHECK(identity_in_group(&who, "a") && identity_in_group(&who, "b"));
	identity_fini(&who);
	CHECK(authn_file_token(f, "s,2", &who));
	CHECK_TEXT("user", who.name, "b \"b\"");
	identity_fini(&who);
	CHECK(!authn_file_token(f, "s", &who) && !authn_file_token(f, "", &who));
	authn_file_free(f);
}

/* ---- through a server ---- */

#define ME     "/apis/authentication.k8s.io/v1/selfsubjectreviews"
#define REVIEW "/apis/authentication.k8s.io/v1/tokenreviews"
#define NS     "/api/v1/namespaces/default"
#define SECRET(name, type, data)                                                                   \
	"{\"metadata\":{\"name\":\"" name "\"},\"type\":\"" type "\",\"stringData\":{" data "}}"
#define BOOT(id, secret, more)                                                                     \
	SECRET("bootstrap-token-" id, "bootstrap.kubernetes.io/token",                             \
	       "\"token-id\":\"" id "\",\"token-secret\":\"" secret "\"" more)
#define GOOD_SECRET    "0123456789abcdef"
#define TOKEN(account) NS "/serviceaccounts/" account "/token"
#define BOUND(version, kind, name, more)                                                           \
	"{\"spec\":{\"boundObjectRef\":{\"apiVersion\":\"" version "\",\"kind\":\"" kind           \
	"\",\"name\":\"" name "\"" more "}}}"
#define USED ",\"usage-bootstrap-authentication\":\"true\""

static const struct api_row others[] = {
	{ "the keys, for an hour", 0, "GET", "/openid/v1/jwks", 0, 200,
	  "Cache-Control: public, max-age=3600 & Content-Type: application/jwk-set+json & \"keys\"" },
	{ "a group of nobody", "@|Impersonate-Group: devs", "GET", NS "/pods", 0, 400,
	  "\"requested &user.DefaultInfo{Name:\\\"\\\", UID:\\\"\\\", Groups:[]string{\\\"devs\\\"}, "
	  "Extra:map[string][]string(nil)} without impersonating a user name\"" },
	{ "more of nobody", "@|Impersonate-Extra-Scopes: view", "GET", NS "/pods", 0, 400,
	  "Groups:[]string(nil), Extra:map[string][]string{\\\"scopes\\\":[]string{\\\"view\\\"}}} without" },
	{ "from the file", "|Authorization: Bearer file-token", "POST", ME, "{}", 201,
	  "\"username\":\"ann\" & \"ops\" & \"uid\":\"7\"" },
	{ "not in it", "|Authorization: Bearer file-toke", "POST", ME, "{}", 401,
	  "\"message\":\"Unauthorized\" & \"reason\":\"Unauthorized\" & WWW-Authenticate" },
	{ "no bearer", "|Authorization: Basic YTpi", "POST", ME, "{}", 403,
	  "User \\\"system:anonymous\\\" cannot create" },
	{ "nor this", "|Authorization: file-token", "POST", ME, "{}", 403, "system:anonymous" },
	{ "a bearer of nothing", "|Authorization: Bearer ", "POST", ME, "{}", 403,
	  "system:anonymous & !Warning" },
	{ "in small letters", "|Authorization: bearer file-token", "POST", ME, "{}", 201,
	  "\"username\":\"ann\"" },
	{ "with more behind it", "|Authorization: Bearer file-token x", "POST", ME, "{}", 201,
	  "\"username\":\"ann\"" },
	{ "too much between", "|Authorization: Bearer  file-token", "POST", ME, "{}", 403,
	  "system:anonymous & Warning: 299 - \"the provided Authorization header contains extra space "
	  "before the bearer token, and is ignored\"" },

	{ "bootstrap", 0, "POST", "/api/v1/namespaces/kube-system/secrets",
	  BOOT("abcdef", GOOD_SECRET, USED ",\"auth-extra-groups\":\"system:bootstrappers:x\""),
	  201, "" },
	{ "is known", "|Authorization: Bearer abcdef." GOOD_SECRET, "POST", ME, "{}", 201,
	  "\"username\":\"system:bootstrap:abcdef\" & \"system:bootstrappers\",\"system:bootstrappers:x\"" },
	{ "may ask for certificates", "|Authorization: Bearer abcdef." GOOD_SECRET, "GET",
	  "/apis/certificates.k8s.io/v1/certificatesigningrequests", 0, 200, "" },
	{ "and nothing else", "|Authorization: Bearer abcdef." GOOD_SECRET, "GET", NS "/secrets", 0,
	  403, "" },
	{ "another secret", "|Authorization: Bearer abcdef.0123456789abcdee", "POST", ME, "{}", 401,
	  "" },
	{ "another id", "|Authorization: Bearer abcdeg." GOOD_SECRET, "POST", ME, "{}", 401, "" },
	{ "not for this", 0, "POST", "/api/v1/namespaces/kube-system/secrets",
	  BOOT("unused", GOOD_SECRET, ""), 201, "" },
	{ "is refused", "|Authorization: Bearer unused." GOOD_SECRET, "POST", ME, "{}", 401, "" },
	{ "over", 0, "POST", "/api/v1/namespaces/kube-system/secrets",
	  BOOT("overxx", GOOD_SECRET, USED ",\"expiration\":\"2020-01-01T00:00:00Z\""), 201, "" },
	{ "is refused", "|Authorization: Bearer overxx." GOOD_SECRET, "POST", ME, "{}", 401, "" },
	{ "a group too high", 0, "POST", "/api/v1/namespaces/kube-system/secrets",
	  BOOT("highxx", GOOD_SECRET, USED ",\"auth-extra-groups\":\"system:masters\""), 201, "" },
	{ "is refused", "|Authorization: Bearer highxx." GOOD_SECRET, "POST", ME, "{}", 401, "" },
	{ "no group's name", 0, "POST", "/api/v1/namespaces/kube-system/secrets",
	  BOOT("ending", GOOD_SECRET, USED ",\"auth-extra-groups\":\"system:bootstrappers:a-\""),
	  201, "" },
	{ "is refused", "|Authorization: Bearer ending." GOOD_SECRET, "POST", ME, "{}", 401, "" },
	{ "hidden behind a NUL", 0, "POST", "/apis/authentication.k8s.io/v1/tokenreviews",
	  "{\"spec\":{\"token\":\"file-token\\u0000x\"}}", 400, "U+0000" },
	{ "nor is anybody else", 0, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews",
	  "{\"spec\":{\"user\":\"x\",\"groups\":[\"system:masters\\u0000\"],"
	  "\"nonResourceAttributes\":{\"path\":\"/x\",\"verb\":\"get\"}}}",
	  400, "U+0000" },
	{ "a name", 0, "POST", NS "/configmaps", "{\"metadata\":{\"name\":\"n\\u0000n\"}}", 400,
	  "U+0000" },
	{ "but what is kept may", 0, "POST", NS "/configmaps",
	  "{\"metadata\":{\"name\":\"nul\"},\"data\":{\"a\":\"x\\u0000y\"}}", 201, "x\\u0000y" },
	{ "in another namespace", 0, "POST", NS "/secrets", BOOT("elsewh", GOOD_SECRET, USED), 201,
	  "" },
	{ "is refused", "|Authorization: Bearer elsewh." GOOD_SECRET, "POST", ME, "{}", 401, "" },

	{ "account", 0, "POST", NS "/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}", 201,
	  "" },
	{ "pod", 0, "POST", NS "/pods",
	  "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
	  201, "" },
	{ "another account", 0, "POST", NS "/serviceaccounts",
	  "{\"metadata\":{\"name\":\"robot\"}}", 201, "" },
	{ "too short a life", 0, "POST", TOKEN("default"), "{\"spec\":{\"expirationSeconds\":10}}",
	  422,
	  "\"TokenRequest.authentication.k8s.io \\\"\\\" is invalid: spec.expirationSeconds: Invalid "
	  "value: 10: may not specify a duration less than 10 minutes\" & \"causes\":[{ & "
	  "\"kind\":\"TokenRequest\"" },
	{ "too long a life", 0, "POST", TOKEN("default"),
	  "{\"spec\":{\"expirationSeconds\":4294967297}}", 422,
	  "Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds" },
	{ "a year", 0, "POST", TOKEN("default"), "{\"spec\":{\"expirationSeconds\":31536000}}", 201,
	  "\"expirationSeconds\":31536000 & \"uid\":\" & \"creationTimestamp\":\" & "
	  "\"audiences\":[\"https://kubernetes.default.svc" },
	{ "by another name", 0, "POST", TOKEN("default"), "{\"metadata\":{\"name\":\"robot\"}}",
	  422,
	  "TokenRequest.authentication.k8s.io \\\"default\\\" is invalid: metadata.name: Invalid value: "
	  "\\\"robot\\\": must match the service account name if specified" },
	{ "elsewhere", 0, "POST", TOKEN("default"), "{\"metadata\":{\"namespace\":\"x\"}}", 400,
	  "the namespace of the provided object does not match the namespace sent on the request" },
	{ "of nobody", 0, "POST", TOKEN("nobody"), "{}", 404,
	  "serviceaccounts \\\"nobody\\\" not found" },
	{ "bound to another's pod", 0, "POST", TOKEN("robot"), BOUND("v1", "Pod", "p", ""), 400,
	  "cannot bind token for serviceaccount \\\"robot\\\" to pod running with different "
	  "serviceaccount name." },
	{ "bound to one before", 0, "POST", TOKEN("default"),
	  BOUND("v1", "Pod", "p", ",\"uid\":\"x\""), 409,
	  "Operation cannot be fulfilled on Pod \\\"p\\\": the UID in the bound object reference (x) "
	  "does not match & \"kind\":\"Pod\"" },
	{ "bound to what binds nothing", 0, "POST", TOKEN("default"),
	  BOUND("v1", "ConfigMap", "c", ""), 400,
	  "cannot bind token to object of type /v1, Kind=ConfigMap" },
	{ "of another group", 0, "POST", TOKEN("default"), BOUND("a.b/v1", "Pod", "p", ""), 400,
	  "cannot bind token to object of type a.b/v1, Kind=Pod" },
	{ "bound to nothing", 0, "POST", TOKEN("default"), "{\"spec\":{\"boundObjectRef\":{}}}",
	  400, "cannot bind token to object of type /, Kind=" },
	{ "a namespace", 0, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"ends\"}}", 201,
	  "" },
	{ "and an account", 0, "POST", "/api/v1/namespaces/ends/serviceaccounts",
	  "{\"metadata\":{\"name\":\"default\",\"finalizers\":[\"a.b/c\"]}}", 201, "" },
	{ "the namespace goes", 0, "DELETE", "/api/v1/namespaces/ends", 0, 200, "" },
	{ "a token of another kind", 0, "POST", TOKEN("default"),
	  "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}", 400,
	  "the API version in the data (v1, Kind=Pod) does not match" },
	{ "strictly read", 0, "POST", TOKEN("default") "?fieldValidation=Strict", "{\"foo\":1}",
	  400,
	  "TokenRequest in version \\\"v1\\\" cannot be handled as a TokenRequest: strict decoding "
	  "error: unknown field \\\"foo\\\"" },
	{ "told of", 0, "POST", TOKEN("default"), "{\"foo\":1}", 201,
	  "Warning: 299 - \"unknown field \\\"foo\\\"\"" },
	{ "dry in no way", 0, "POST", TOKEN("default") "?dryRun=x", "{}", 422,
	  "CreateOptions.meta.k8s.io" },
	{ "bound to nothing", 0, "POST", TOKEN("default"),
	  "{\"spec\":{\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}}}", 400,
	  "Name parameter required." },
	{ "no token there", 0, "POST", "/api/v1/namespaces/ends/serviceaccounts/default/token",
	  "{}", 403,
	  "serviceaccounts \\\"default\\\" is forbidden: unable to create new content in namespace ends "
	  "because it is being terminated & NamespaceTerminating" },
	{ "bound to what is not there", 0, "POST", TOKEN("default"),
	  "{\"spec\":{\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"name\":\"q\"}}}",
	  404, "" },
};

/* The token that the server gives out for the account. */
static char *ask_token(struct api_world *w, const char *spec)
{
	struct api_answer a;
	struct error err;
	AUTO_JSON *tree = NULL;
	api_world_call(w, w->admin, "POST", NS "/serviceaccounts/default/token", NULL, NULL, spec,
		       20000, &a);
	CHECK_INT(a.status, 201);
	CHECK(json_parse(a.body.data, a.body.len, &tree, &err) == 0);
	char *token = xstrdup(json_str_or(tree, "status.token", ""));
	api_answer_fini(&a);
	return token;
}

static void expect(struct api_world *w, const char *name, const char *token, int status,
		   const char *has)
{
	auto_free char *as = xasprintf("|Authorization: Bearer %s", token);
	api_rows_run(w, &(struct api_row){ name, as, "POST", ME, "{}", status, has }, 1);
}

static void review(struct api_world *w, const char *name, const char *token, const char *audiences,
		   const char *has)
{
	auto_free char *body =
		xasprintf("{\"spec\":{\"token\":\"%s\",\"audiences\":[%s]}}", token, audiences);
	api_rows_run(w, &(struct api_row){ name, NULL, "POST", REVIEW, body, 201, has }, 1);
}

static void test_accounts(struct api_world *w)
{
	auto_free char *plain = ask_token(w, "{}");
	auto_free char *vault = ask_token(w, "{\"spec\":{\"audiences\":[\"vault\"]}}");
	auto_free char *bound = ask_token(w, "{\"spec\":{\"boundObjectRef\":{\"kind\":\"Pod\","
					     "\"apiVersion\":\"v1\",\"name\":\"p\"}}}");
	expect(w, "an account", plain, 201,
	       "system:serviceaccount:default:default & system:serviceaccounts:default & JTI=");
	expect(w, "for somebody else", vault, 401, "");
	expect(w, "bound", bound, 201, "\"authentication.kubernetes.io/pod-name\":[\"p\"]");
	review(w, "ours", plain, "",
	       "\"authenticated\":true & \"audiences\":[\"https://kubernetes.default.svc");
	review(w, "not vault's", plain, "\"vault\"",
	       "!\"authenticated\":true & invalid bearer token");
	review(w, "vault's", vault, "\"vault\",\"x\"",
	       "\"authenticated\":true & \"audiences\":[\"vault\"]");
	review(w, "not ours", vault, "", "!\"authenticated\":true");
	static const struct api_row gone[] = {
		{ "the pod goes", 0, "DELETE", NS "/pods/p?gracePeriodSeconds=0", 0, 200, "" },
	};
	api_rows_run(w, gone, 1);
	expect(w, "its token with it", bound, 401, "");
	expect(w, "the other stays", plain, 201, "");
	loop_sim_run_until(w->loop, loop_now_ms(w->loop) + 3700000);
	expect(w, "an hour later", plain, 401, "");
	auto_free char *again = ask_token(w, "{}");
	expect(w, "a new one", again, 201, "");
	static const struct api_row end[] = {
		{ "the account goes", 0, "DELETE", NS "/serviceaccounts/default", 0, 200, "" },
		{ "and comes back", 0, "POST", NS "/serviceaccounts",
		  "{\"metadata\":{\"name\":\"default\"}}", 201, "" },
	};
	api_rows_run(w, end, ARRAY_LEN(end));
	expect(w, "as another", again, 401, "");
}

/* Whom a certificate names, until it ends; a bad one is not taken for none. */
static void test_certificates(struct api_world *w)
{
	int64_t now_s = loop_wall_us(w->loop) / 1000000;
	static const char *const token = "file-token";
	const struct {
		struct sim_peer peer;
		const char *token, *path;
		int status;
	} rows[] = {
		{ { .cn = "admin", .org = "system:masters" }, NULL, NS "/pods", 200 },
		{ { .cn = "admin", .org = "system:masters", .until_s = now_s + 3600 },
		  NULL,
		  NS "/pods",
		  200 },
		{ { .cn = "admin", .org = "system:masters", .until_s = now_s - 1 },
		  NULL,
		  NS "/pods",
		  401 },
		{ { .is_bad = true }, NULL, NS "/pods", 401 },
		{ { .is_bad = true }, NULL, "/healthz", 401 }, /* which nobody may ask for */
		{ { .is_bad = false }, NULL, "/healthz", 200 },
		{ { .is_bad = true }, "wrong", "/healthz", 401 },
		{ { .is_bad = true }, token, "/healthz", 200 }, /* a token alone is enough */
		{ { .cn = "admin", .org = "system:masters", .until_s = now_s - 1 },
		  token,
		  NS "/pods",
		  403 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct api_answer a;
		struct http_transport *t = sim_transport_new(w->loop, w->rng, &rows[i].peer,
							     server_handle, w->server, NULL);
		auto_free char *bearer = xasprintf("Bearer %s", rows[i].token ? rows[i].token : "");
		w->extra_count = rows[i].token != NULL;
		w->extra[0] = (struct http_header){ "Authorization", bearer };
		api_world_call(w, t, "GET", rows[i].path, NULL, NULL, NULL, 5000, &a);
		w->extra_count = 0;
		if (a.status != rows[i].status)
			fprintf(stderr, "certificate %zu: %d %s\n", i, a.status, a.body.data);
		CHECK_INT(a.status, rows[i].status);
		api_answer_fini(&a);
		http_transport_free(t);
	}
}

int main(void)
{
	struct api_world w;
	struct error err;
	auto_free char *pem = NULL;
	test_oidc();
	test_claims();
	test_parts();
	test_file();
	CHECK(tls_rsa_generate(&pem, &err) == 0);
	api_world_init_with(&w, 9,
			    &(struct server_options){ .token_key_pem = pem,
						      .token_file = "file-token,ann,7,ops\n" });
	api_rows_run(&w, others, ARRAY_LEN(others));
	test_accounts(&w);
	test_certificates(&w);
	api_world_fini(&w);
	puts("ok");
	return 0;
}
