#include "common/io/tls.h"
#include "tests/support/check.h"

#define NOW_S 1700000000

static void base64(void)
{
	static const struct {
		const char *bytes, *url, *plain;
	} rows[] = {
		{ "", "", "" },
		{ "f", "Zg", "Zg==" },
		{ "fo", "Zm8", "Zm8=" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg", "Zm9vYg==" },
		{ "\xff\xef\xbe\xfb", "_---", NULL },
	};
	static const char *const bad[] = { "Z", "Zg=", "Zh", "Z g", "Zm9vY", "Zm9+" };
	struct error err;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_STR s;
		AUTO_STR back;
		str_init(&s, 1000);
		str_init(&back, 1000);
		if (!rows[i].plain)
			continue;
		tls_base64url_encode(rows[i].bytes, strlen(rows[i].bytes), &s);
		CHECK_TEXT("url", s.data, rows[i].url);
		CHECK_INT(tls_base64url_decode(s.data, s.len, &back, &err), 0);
		CHECK_TEXT("url back", back.data, rows[i].bytes);
		str_clear(&s);
		str_clear(&back);
		tls_base64_encode(rows[i].bytes, strlen(rows[i].bytes), &s);
		CHECK_TEXT("plain", s.data, rows[i].plain);
		CHECK_INT(tls_base64_decode(s.data, s.len, &back, &err), 0);
		CHECK_TEXT("plain back", back.data, rows[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_STR s;
		str_init(&s, 1000);
		CHECK_INT(tls_base64url_decode(bad[i], strlen(bad[i]), &s, &err), ERR_MALFORMED);
		CHECK_INT(tls_base64_decode(bad[i], strlen(bad[i]), &s, &err),
			  strchr(bad[i], '+') ? 0 : ERR_MALFORMED);
	}
}

static void certificates(void)
{
	AUTO_TLS_PAIR ca = { 0 };
	AUTO_TLS_PAIR other = { 0 };
	AUTO_TLS_PAIR server = { 0 };
	struct tls_cert_info info;
	struct error err;
	CHECK_INT(tls_ca_new("skiff-ca", NOW_S, 3650, &ca, &err), 0);
	CHECK_INT(tls_ca_new("skiff-ca", NOW_S, 3650, &other, &err), 0);
	struct tls_cert_request r = {
		.common_name = "kube-apiserver",
		.orgs = (const char *[]){ "a", "system:masters", NULL },
		.dns = (const char *[]){ "localhost", "kubernetes.default.svc", NULL },
		.ips = (const char *[]){ "127.0.0.1", "::1", NULL },
		.is_server = true,
		.now_s = NOW_S,
		.days = 365,
	};
	CHECK_INT(tls_cert_issue(&ca, &r, &server, &err), 0);
	CHECK_INT(tls_cert_read(server.cert_pem, &info, &err), 0);
	CHECK_TEXT("cn", info.common_name, "kube-apiserver");
	CHECK_TEXT("issuer", info.issuer_name, "skiff-ca");
	CHECK_INT(info.not_after_s, NOW_S + 365 * 86400);
	CHECK_INT(info.not_before_s, NOW_S - 3600);
	CHECK(!info.is_ca);
	CHECK_INT(tls_cert_read(ca.cert_pem, &info, &err), 0);
	CHECK(info.is_ca);
	CHECK(tls_cert_is_signed_by(server.cert_pem, ca.cert_pem, NOW_S));
	CHECK(!tls_cert_is_signed_by(server.cert_pem, ca.cert_pem, NOW_S + 366ll * 86400));
	CHECK(!tls_cert_is_signed_by(server.cert_pem, other.cert_pem, NOW_S));
	CHECK(tls_cert_names_host(server.cert_pem, "localhost"));
	CHECK(tls_cert_names_host(server.cert_pem, "127.0.0.1"));
	CHECK(tls_cert_names_host(server.cert_pem, "::1"));
	CHECK(!tls_cert_names_host(server.cert_pem, "10.0.0.1"));
	r.ips = (const char *[]){ "999.1.1.1", NULL };
	AUTO_TLS_PAIR none = { 0 };
	CHECK_INT(tls_cert_issue(&ca, &r, &none, &err), ERR_INVALID);
	CHECK(!none.cert_pem);
	CHECK_INT(tls_cert_read("no certificate", &info, &err), ERR_INVALID);
	/* Not longer than the CA itself. */
	r.ips = NULL;
	r.days = 10000;
	CHECK_INT(tls_cert_issue(&ca, &r, &none, &err), 0);
	CHECK_INT(tls_cert_read(none.cert_pem, &info, &err), 0);
	CHECK_INT(info.not_after_s, NOW_S + 3650ll * 86400);
}

static void signatures(void)
{
	auto_free char *pem = NULL;
	auto_free char *public_pem = NULL;
	uint8_t signature[TLS_RSA_SIGNATURE_MAX];
	size_t len;
	struct error err;
	CHECK_INT(tls_rsa_generate(&pem, &err), 0);
	AUTO(tls_rsa) *key = NULL;
	AUTO(tls_rsa) *public = NULL;
	CHECK_INT(tls_rsa_load(pem, &key, &err), 0);
	CHECK_INT(tls_rs256_sign(key, "hello", 5, signature, &len, &err), 0);
	CHECK_INT(len, 256);
	CHECK_INT(tls_rsa_public_pem(key, &public_pem, &err), 0);
	CHECK(strstr(public_pem, "BEGIN PUBLIC KEY"));
	CHECK_INT(tls_rsa_load(public_pem, &public, &err), 0);
	CHECK(tls_rs256_verify(public, "hello", 5, signature, len));
	CHECK(!tls_rs256_verify(public, "hellO", 5, signature, len));
	CHECK(!tls_rs256_verify(public, "hello", 5, signature, len - 1));
	CHECK_INT(tls_rs256_sign(public, "hello", 5, signature, &len, &err), ERR_INVALID);
	AUTO_STR n;
	AUTO_STR e;
	str_init(&n, 1000);
	str_init(&e, 1000);
	CHECK_INT(tls_rsa_jwk(public, &n, &e, &err), 0);
	CHECK_TEXT("exponent", e.data, "AQAB");
	CHECK_INT(n.len, 342);
	AUTO(tls_rsa) *none = NULL;
	CHECK_INT(tls_rsa_load("nothing", &none, &err), ERR_INVALID);
}

static void digests(void)
{
	static const uint8_t abc[TLS_SHA256_SIZE] = {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
		0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
	};
	uint8_t got[TLS_SHA256_SIZE], a[40], b[40];
	tls_sha256("abc", 3, got);
	CHECK(tls_equal_secret(got, abc, sizeof abc));
	tls_random(a, sizeof a);
	tls_random(b, sizeof b);
	CHECK(!tls_equal_secret(a, b, sizeof a));
}

int main(void)
{
	base64();
	digests();
	certificates();
	signatures();
	return 0;
}
