/* Signing requests made with openssl: what stands in them, and what is signed. */
#include "common/io/tls_csr.h"
#include "tests/support/check.h"

#define NOW_S 1700000000

/* /O=system:nodes/CN=system:node:n1 with DNS n1 and 10.0.0.7; /O=devs/CN=ann with a bit of its
 * signature turned; and /O=system:nodes/CN=skiff-apiserver-client/CN=system:node:n1. */
#define SERVING                                                                                    \
	"-----BEGIN CERTIFICATE REQUEST-----\n"                                                    \
	"MIIBETCBuAIBADAwMRUwEwYDVQQKDAxzeXN0ZW06bm9kZXMxFzAVBgNVBAMMDnN5\n"                       \
	"c3RlbTpub2RlOm4xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEo5ynCgPwyABG\n"                       \
	"3lSYH9X4gthVf69EGYGNuuyZ01jjsyIHKZxb+q9EoIdrAo0BHf/PVIpNptQgtGL2\n"                       \
	"voTsFYWavaAmMCQGCSqGSIb3DQEJDjEXMBUwEwYDVR0RBAwwCoICbjGHBAoAAAcw\n"                       \
	"CgYIKoZIzj0EAwIDSAAwRQIgHDiGoMv3RtHGkfr40mtktxd6liMBEVnYyckZQCFA\n"                       \
	"22cCIQDmg+utfqGoW5G9T3NqMnw9xwJ3hfpnCCFPqIc5Q8iraw==\n"                                   \
	"-----END CERTIFICATE REQUEST-----\n"
#define BROKEN                                                                                     \
	"-----BEGIN CERTIFICATE REQUEST-----\n"                                                    \
	"MIHXMH8CAQAwHTENMAsGA1UECgwEZGV2czEMMAoGA1UEAwwDYW5uMFkwEwYHKoZI\n"                       \
	"zj0CAQYIKoZIzj0DAQcDQgAEo5ynCgPwyABG3lSYH9X4gthVf69EGYGNuuyZ01jj\n"                       \
	"syIHKZxb+q9EoIdrAo0BHf/PVIpNptQgtGL2voTsFYWavaAAMAoGCCqGSM49BAMC\n"                       \
	"A0gAMEUCIHNlhuHgydwsBdfhgVfhxj4/XQfs7uRmjUZiQesgaSWUAiEA1nfiq4G7\n"                       \
	"VyCpFEUD/oTjeEyzcx49xUq7npCodAnaIDA=\n"                                                   \
	"-----END CERTIFICATE REQUEST-----\n"
#define TWO                                                                                        \
	"-----BEGIN CERTIFICATE REQUEST-----\n"                                                    \
	"MIIBDDCBswIBADBRMRUwEwYDVQQKDAxzeXN0ZW06bm9kZXMxHzAdBgNVBAMMFnNr\n"                       \
	"aWZmLWFwaXNlcnZlci1jbGllbnQxFzAVBgNVBAMMDnN5c3RlbTpub2RlOm4xMFkw\n"                       \
	"EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEo5ynCgPwyABG3lSYH9X4gthVf69EGYGN\n"                       \
	"uuyZ01jjsyIHKZxb+q9EoIdrAo0BHf/PVIpNptQgtGL2voTsFYWavaAAMAoGCCqG\n"                       \
	"SM49BAMCA0gAMEUCIBQgef9IwUDy737YEcFYjqWieOJOqJEz16IT85k6w05jAiEA\n"                       \
	"yko9fgChryGowaGDE7Q4leDUqxp0EHs+h4or3k2BThQ=\n"                                           \
	"-----END CERTIFICATE REQUEST-----\n"

static void reading(void)
{
	AUTO_TLS_CSR r = { 0 };
	struct error err;
	CHECK_INT(tls_csr_read(SERVING, &r, &err), 0);
	CHECK_TEXT("name", r.common_name, "system:node:n1");
	CHECK_INT(r.orgs_count, 1);
	CHECK_TEXT("organization", r.orgs[0], "system:nodes");
	CHECK_INT(r.dns_count, 1);
	CHECK_INT(r.ips_count, 1);
	CHECK_INT(r.emails_count + r.uris_count, 0);
	AUTO_TLS_CSR none = { 0 };
	CHECK_INT(tls_csr_read(BROKEN, &none, &err), ERR_INVALID);
	CHECK_TEXT("signature", err.text, "x509: ECDSA verification failure");
	CHECK_INT(tls_csr_read(TWO, &none, &err), ERR_INVALID);
	CHECK_TEXT("names", err.text, "more than one common name");
	CHECK_INT(tls_csr_read("", &none, &err), ERR_INVALID);
	CHECK_INT(tls_csr_read("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"
			       "-----END CERTIFICATE REQUEST-----\n",
			       &none, &err),
		  ERR_INVALID);
}

static void signing(void)
{
	AUTO_TLS_PAIR ca = { 0 };
	AUTO_TLS_PAIR other = { 0 };
	auto_free char *cert = NULL;
	struct tls_cert_info info;
	struct error err;
	CHECK_INT(tls_ca_new("skiff-ca", NOW_S, 10, &ca, &err), 0);
	CHECK_INT(tls_ca_new("skiff-ca", NOW_S, 10, &other, &err), 0);
	struct tls_csr_signing how = {
		.usages = (const char *[]){ "digital signature", "server auth", NULL },
		.now_s = NOW_S,
		.from_s = NOW_S - 300,
		.to_s = NOW_S + 3600,
	};
	CHECK_INT(tls_csr_sign(&ca, SERVING, &how, &cert, &err), 0);
	CHECK_INT(tls_cert_read(cert, &info, &err), 0);
	CHECK_TEXT("name", info.common_name, "system:node:n1");
	CHECK_INT(info.not_before_s, NOW_S - 300);
	CHECK_INT(info.not_after_s, NOW_S + 3600);
	CHECK(!info.is_ca);
	CHECK(tls_cert_names_host(cert, "n1"));
	CHECK(tls_cert_names_host(cert, "10.0.0.7"));
	CHECK(!tls_cert_names_host(cert, "n2"));
	CHECK(tls_cert_is_signed_by(cert, ca.cert_pem, NOW_S));
	CHECK(!tls_cert_is_signed_by(cert, other.cert_pem, NOW_S));
	CHECK_INT(tls_certs_check(cert, &err), 0);
	CHECK_INT(tls_certs_check("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
				  &err),
		  ERR_INVALID);

	/* Never longer than the CA itself, and not by a CA that has ended. */
	free(TAKE(cert));
	how.to_s = NOW_S + 100 * 86400;
	CHECK_INT(tls_csr_sign(&ca, SERVING, &how, &cert, &err), 0);
	CHECK_INT(tls_cert_read(cert, &info, &err), 0);
	CHECK_INT(info.not_after_s, NOW_S + 10 * 86400);
	free(TAKE(cert));
	how.now_s = NOW_S + 11 * 86400;
	CHECK_INT(tls_csr_sign(&ca, SERVING, &how, &cert, &err), ERR_INVALID);
	CHECK_TEXT("an old CA", err.text, "the signer has expired");
	how.now_s = NOW_S;
	how.usages = (const char *[]){ "magic", NULL };
	CHECK_INT(tls_csr_sign(&ca, SERVING, &how, &cert, &err), ERR_INVALID);
	CHECK_TEXT("a usage", err.text, "unrecognized usage values: [\"magic\"]");
	how.usages = (const char *[]){ "client auth", NULL };
	CHECK_INT(tls_csr_sign(&ca, BROKEN, &how, &cert, &err), ERR_INVALID);
	CHECK(!cert);

	CHECK_INT(tls_pair_check(&ca, &err), 0);
	const struct tls_pair mixed = { ca.cert_pem, other.key_pem };
	CHECK_INT(tls_pair_check(&mixed, &err), ERR_INVALID);
	CHECK_TEXT("a pair", err.text, "the key is not the certificate's");
}

int main(void)
{
	reading();
	signing();
	return 0;
}
