#include "common/io/tls_csr.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define SERIAL_SIZE 16
#define NAME_SIZE   4096
#define CERTS_MAX   64

void tls_csr_fini(struct tls_csr *r)
{
	free(r->common_name);
	for (size_t i = 0; i < r->orgs_count; i++)
		free(r->orgs[i]);
	*r = (struct tls_csr){ 0 };
}

static void request_free(gnutls_x509_crq_t *r)
{
	if (*r)
		gnutls_x509_crq_deinit(*r);
}
#define AUTO_REQUEST __attribute__((cleanup(request_free))) gnutls_x509_crq_t

static void cert_free(gnutls_x509_crt_t *c)
{
	if (*c)
		gnutls_x509_crt_deinit(*c);
}
#define AUTO_CERT __attribute__((cleanup(cert_free))) gnutls_x509_crt_t

static void key_free(gnutls_x509_privkey_t *k)
{
	if (*k)
		gnutls_x509_privkey_deinit(*k);
}
#define AUTO_KEY __attribute__((cleanup(key_free))) gnutls_x509_privkey_t

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)text, (unsigned)strlen(text) };
}

static int fail(struct error *err, const char *what, int code)
{
	return error_set(err, ERR_INVALID, "%s: %s", what, gnutls_strerror(code));
}

/* ---- reading ---- */

static const char *bad_signature(gnutls_x509_crq_t r)
{
	unsigned bits;
	switch (gnutls_x509_crq_get_pk_algorithm(r, &bits)) {
	case GNUTLS_PK_RSA:
	case GNUTLS_PK_RSA_PSS:
		return "crypto/rsa: verification error";
	case GNUTLS_PK_EDDSA_ED25519:
		return "x509: Ed25519 verification failure";
	case GNUTLS_PK_ECDSA:
		return "x509: ECDSA verification failure";
	default:
		return "x509: cannot verify signature: algorithm unimplemented";
	}
}

static int load(const char *pem, gnutls_x509_crq_t *ret, struct error *err)
{
	gnutls_datum_t text = datum(pem);
	int code = gnutls_x509_crq_init(ret);
	if (code >= 0)
		code = gnutls_x509_crq_import(*ret, &text, GNUTLS_X509_FMT_PEM);
	if (code < 0)
		return fail(err, "the certificate request cannot be read", code);
	return gnutls_x509_crq_verify(*ret, 0) < 0
		       ? error_set(err, ERR_INVALID, "%s", bad_signature(*ret))
		       : 0;
}

/* The i-th value of a part of the subject, the caller's; NULL: there are not so many. */
static char *subject_part(gnutls_x509_crq_t r, const char *oid, unsigned i)
{
	char text[NAME_SIZE];
	size_t size = sizeof text;
	if (gnutls_x509_crq_get_dn_by_oid(r, oid, i, 0, text, &size) < 0)
		return NULL;
	return xstrndup(text, size);
}

/* Of several common names some libraries take the first and some the last: who approves one would
 * sign another. */
static int read_subject(gnutls_x509_crq_t r, struct tls_csr *ret, struct error *err)
{
	char *part = subject_part(r, GNUTLS_OID_X520_COMMON_NAME, 0);
	ret->common_name = part ? part : xstrdup("");
	auto_free char *second = subject_part(r, GNUTLS_OID_X520_COMMON_NAME, 1);
	if (second)
		return error_set(err, ERR_INVALID, "more than one common name");
	for (unsigned i = 0; (part = subject_part(r, GNUTLS_OID_X520_ORGANIZATION_NAME, i)); i++) {
		if (ret->orgs_count == TLS_CSR_ORGS_MAX) {
			free(part);
			return error_set(err, ERR_INVALID, "more than %d organizations",
					 TLS_CSR_ORGS_MAX);
		}
		ret->orgs[ret->orgs_count++] = part;
	}
	return 0;
}

/* The i-th name: its kind (gnutls_x509_subject_alt_name_t), or negative: there are not so many. */
static int name_at(gnutls_x509_crq_t r, unsigned i, char text[NAME_SIZE], size_t *size)
{
	unsigned kind = 0;
	*size = NAME_SIZE;
	return gnutls_x509_crq_get_subject_alt_name(r, i, text, size, &kind, NULL);
}

static int read_names(gnutls_x509_crq_t r, struct tls_csr *ret, struct error *err)
{
	char text[NAME_SIZE];
	size_t size;
	int kind;
	for (unsigned i = 0; (kind = name_at(r, i, text, &size)) >= 0; i++) {
		ret->dns_count += kind == GNUTLS_SAN_DNSNAME;
		ret->emails_count += kind == GNUTLS_SAN_RFC822NAME;
		ret->ips_count += kind == GNUTLS_SAN_IPADDRESS;
		ret->uris_count += kind == GNUTLS_SAN_URI;
	}
	return kind == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE
		       ? 0
		       : fail(err, "the names of the request cannot be read", kind);
}

int tls_csr_read(const char *pem, struct tls_csr *ret, struct error *err)
{
	AUTO_REQUEST r = NULL;
	struct tls_csr got = { 0 };
	if (load(pem, &r, err) < 0)
		return err->code;
	if (read_subject(r, &got, err) < 0 || read_names(r, &got, err) < 0) {
		tls_csr_fini(&got);
		return err->code;
	}
	*ret = got;
	return 0;
}

/* ---- signing ---- */

static const struct {
	const char *word;
	unsigned bit;
} key_usages[] = {
	{ "signing", GNUTLS_KEY_DIGITAL_SIGNATURE },
	{ "digital signature", GNUTLS_KEY_DIGITAL_SIGNATURE },
	{ "content commitment", GNUTLS_KEY_NON_REPUDIATION },
	{ "key encipherment", GNUTLS_KEY_KEY_ENCIPHERMENT },
	{ "key agreement", GNUTLS_KEY_KEY_AGREEMENT },
	{ "data encipherment", GNUTLS_KEY_DATA_ENCIPHERMENT },
	{ "cert sign", GNUTLS_KEY_KEY_CERT_SIGN },
	{ "crl sign", GNUTLS_KEY_CRL_SIGN },
	{ "encipher only", GNUTLS_KEY_ENCIPHER_ONLY },
	{ "decipher only", GNUTLS_KEY_DECIPHER_ONLY },
};

static const struct {
	const char *word, *oid;
} purposes[] = {
	{ "any", GNUTLS_KP_ANY },
	{ "server auth", GNUTLS_KP_TLS_WWW_SERVER },
	{ "client auth", GNUTLS_KP_TLS_WWW_CLIENT },
	{ "code signing", GNUTLS_KP_CODE_SIGNING },
	{ "email protection", GNUTLS_KP_EMAIL_PROTECTION },
	{ "s/mime", GNUTLS_KP_EMAIL_PROTECTION },
	{ "ipsec end system", "1.3.6.1.5.5.7.3.5" },
	{ "ipsec tunnel", "1.3.6.1.5.5.7.3.6" },
	{ "ipsec user", "1.3.6.1.5.5.7.3.7" },
	{ "timestamping", GNUTLS_KP_TIME_STAMPING },
	{ "ocsp signing", GNUTLS_KP_OCSP_SIGNING },
	{ "microsoft sgc", "1.3.6.1.4.1.311.10.3.3" },
	{ "netscape sgc", "2.16.840.1.113730.4.1" },
};

static bool has_word(const char *const *words, const char *word)
{
	for (size_t i = 0; words[i]; i++)
		if (streq(words[i], word))
			return true;
	return false;
}

static const char *unknown_usage(const char *const *usages)
{
	for (size_t i = 0; usages[i]; i++) {
		bool is_known = false;
		for (size_t k = 0; k < ARRAY_LEN(key_usages); k++)
			is_known |= streq(key_usages[k].word, usages[i]);
		for (size_t k = 0; k < ARRAY_LEN(purposes); k++)
			is_known |= streq(purposes[k].word, usages[i]);
		if (!is_known)
			return usages[i];
	}
	return NULL;
}

static int set_usages(gnutls_x509_crt_t cert, const char *const *usages)
{
	unsigned bits = 0;
	int code = 0;
	for (size_t i = 0; i < ARRAY_LEN(key_usages); i++)
		if (has_word(usages, key_usages[i].word))
			bits |= key_usages[i].bit;
	if (bits)
		code = gnutls_x509_crt_set_key_usage(cert, bits);
	for (size_t i = 0; i < ARRAY_LEN(purposes) && code >= 0; i++) {
		bool is_said = i && streq(purposes[i].oid, purposes[i - 1].oid) &&
			       has_word(usages, purposes[i - 1].word);
		if (has_word(usages, purposes[i].word) && !is_said)
			code = gnutls_x509_crt_set_key_purpose_oid(cert, purposes[i].oid, 0);
	}
	return code;
}

static int copy_names(gnutls_x509_crt_t cert, gnutls_x509_crq_t r)
{
	char text[NAME_SIZE];
	size_t size;
	int kind, code = 0;
	for (unsigned i = 0; code >= 0 && (kind = name_at(r, i, text, &size)) >= 0; i++)
		if (kind == GNUTLS_SAN_DNSNAME || kind == GNUTLS_SAN_RFC822NAME ||
		    kind == GNUTLS_SAN_IPADDRESS || kind == GNUTLS_SAN_URI)
			code = gnutls_x509_crt_set_subject_alt_name(
				cert, (gnutls_x509_subject_alt_name_t)kind, text, (unsigned)size,
				GNUTLS_FSAN_APPEND);
	return code;
}

static int fill(gnutls_x509_crt_t cert, gnutls_x509_crq_t r, gnutls_x509_crt_t issuer,
		const struct tls_csr_signing *how)
{
	uint8_t serial[SERIAL_SIZE], id[64];
	size_t id_size = sizeof id;
	int64_t end_s = gnutls_x509_crt_get_expiration_time(issuer);
	tls_random(serial, sizeof serial);
	serial[0] = (serial[0] & 0x7f) | 1;          /* positive, and never shorter */
	int code = gnutls_x509_crt_set_crq(cert, r); /* subject and key */
	if (code >= 0)
		code = gnutls_x509_crt_set_version(cert, 3);
	if (code >= 0)
		code = gnutls_x509_crt_set_serial(cert, serial, sizeof serial);
	if (code >= 0)
		code = gnutls_x509_crt_set_activation_time(cert, how->from_s);
	if (code >= 0)
		code = gnutls_x509_crt_set_expiration_time(cert, MIN(how->to_s, end_s));
	if (code >= 0)
		code = gnutls_x509_crt_set_basic_constraints(cert, 0, -1);
	if (code >= 0)
		code = set_usages(cert, how->usages);
	if (code >= 0)
		code = copy_names(cert, r);
	if (code >= 0 && gnutls_x509_crt_get_subject_key_id(issuer, id, &id_size, NULL) >= 0)
		code = gnutls_x509_crt_set_authority_key_id(cert, id, id_size);
	return code;
}

static int load_ca(const struct tls_pair *ca, gnutls_x509_crt_t *cert, gnutls_x509_privkey_t *key)
{
	gnutls_datum_t cert_text = datum(ca->cert_pem), key_text = datum(ca->key_pem);
	int code = gnutls_x509_crt_init(cert);
	if (code >= 0)
		code = gnutls_x509_crt_import(*cert, &cert_text, GNUTLS_X509_FMT_PEM);
	if (code >= 0)
		code = gnutls_x509_privkey_init(key);
	if (code >= 0)
		code = gnutls_x509_privkey_import2(*key, &key_text, GNUTLS_X509_FMT_PEM, NULL, 0);
	return code;
}

int tls_csr_sign(const struct tls_pair *ca, const char *pem, const struct tls_csr_signing *how,
		 char **ret_cert_pem, struct error *err)
{
	AUTO_REQUEST r = NULL;
	AUTO_CERT issuer = NULL;
	AUTO_CERT cert = NULL;
	AUTO_KEY key = NULL;
	gnutls_datum_t text = { 0 };
	const char *unknown = unknown_usage(how->usages);
	if (unknown)
		return error_set(err, ERR_INVALID, "unrecognized usage values: [\"%s\"]", unknown);
	if (load(pem, &r, err) < 0)
		return err->code;
	int code = load_ca(ca, &issuer, &key);
	if (code < 0)
		return fail(err, "CA", code);
	if (how->now_s >= gnutls_x509_crt_get_expiration_time(issuer))
		return error_set(err, ERR_INVALID, "the signer has expired");
	code = gnutls_x509_crt_init(&cert);
	if (code >= 0)
		code = fill(cert, r, issuer, how);
	if (code >= 0)
		code = gnutls_x509_crt_sign2(cert, issuer, key, GNUTLS_DIG_SHA256, 0);
	if (code >= 0)
		code = gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &text);
	if (code < 0)
		return fail(err, "certificate", code);
	*ret_cert_pem = xstrndup((const char *)text.data, text.size);
	gnutls_free(text.data);
	return 0;
}

int tls_pair_check(const struct tls_pair *ca, struct error *err)
{
	AUTO_CERT cert = NULL;
	AUTO_KEY key = NULL;
	uint8_t ids[2][64];
	size_t sizes[2] = { sizeof ids[0], sizeof ids[1] };
	int code = load_ca(ca, &cert, &key);
	if (code >= 0)
		code = gnutls_x509_crt_get_key_id(cert, GNUTLS_KEYID_USE_SHA256, ids[0], &sizes[0]);
	if (code >= 0)
		code = gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, ids[1],
						      &sizes[1]);
	if (code < 0)
		return fail(err, "CA", code);
	return sizes[0] == sizes[1] && memcmp(ids[0], ids[1], sizes[0]) == 0
		       ? 0
		       : error_set(err, ERR_INVALID, "the key is not the certificate's");
}

int tls_certs_check(const char *pem, struct error *err)
{
	gnutls_x509_crt_t certs[CERTS_MAX];
	unsigned count = CERTS_MAX;
	gnutls_datum_t text = datum(pem);
	int code = gnutls_x509_crt_list_import(certs, &count, &text, GNUTLS_X509_FMT_PEM,
					       GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
	for (unsigned i = 0; code >= 0 && i < count; i++)
		gnutls_x509_crt_deinit(certs[i]);
	return code < 0 ? error_set(err, ERR_INVALID, "x509: malformed certificate") : 0;
}
