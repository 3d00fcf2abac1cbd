/* Certificates: making a CA, issuing from it, reading. */
#include "common/io/tls.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define SERIAL_SIZE  16
#define EARLIER_S    3600 /* clocks differ */
#define DAY_S        86400
#define CA_COUNT_MAX 64

void tls_pair_fini(struct tls_pair *p)
{
	free(p->cert_pem);
	if (p->key_pem)
		explicit_bzero(p->key_pem, strlen(p->key_pem));
	free(p->key_pem);
	*p = (struct tls_pair){ 0 };
}

static int fail(struct error *err, const char *what, int code)
{
	return error_set(err, ERR_INVALID, "%s: %s", what, gnutls_strerror(code));
}

static char *take_text(gnutls_datum_t *d)
{
	char *text = xstrndup((const char *)d->data, d->size);
	gnutls_memset(d->data, 0, d->size);
	gnutls_free(d->data);
	return text;
}

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){ (unsigned char *)text, (unsigned)strlen(text) };
}

/* ---- making ---- */

struct making {
	gnutls_x509_crt_t cert;
	gnutls_x509_privkey_t key;
};

static void making_fini(struct making *m)
{
	if (m->cert)
		gnutls_x509_crt_deinit(m->cert);
	if (m->key)
		gnutls_x509_privkey_deinit(m->key);
}
#define AUTO_MAKING __attribute__((cleanup(making_fini))) struct making

/* A fresh key, and a certificate with everything but names, uses and signature. */
static int begin(struct making *m, int64_t from_s, int64_t to_s)
{
	uint8_t serial[SERIAL_SIZE], id[64];
	size_t id_size = sizeof id;
	tls_random(serial, sizeof serial);
	serial[0] = (serial[0] & 0x7f) | 1; /* positive, and never shorter */
	int code = gnutls_x509_privkey_init(&m->key);
	if (code >= 0)
		code = gnutls_x509_privkey_generate(
			m->key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
			0);
	if (code >= 0)
		code = gnutls_x509_crt_init(&m->cert);
	if (code >= 0)
		code = gnutls_x509_crt_set_version(m->cert, 3);
	if (code >= 0)
		code = gnutls_x509_crt_set_serial(m->cert, serial, sizeof serial);
	if (code >= 0)
		code = gnutls_x509_crt_set_activation_time(m->cert, from_s);
	if (code >= 0)
		code = gnutls_x509_crt_set_expiration_time(m->cert, to_s);
	if (code >= 0)
		code = gnutls_x509_crt_set_key(m->cert, m->key);
	if (code >= 0)
		code = gnutls_x509_crt_get_key_id(m->cert, GNUTLS_KEYID_USE_SHA1, id, &id_size);
	if (code >= 0)
		code = gnutls_x509_crt_set_subject_key_id(m->cert, id, id_size);
	return code;
}

static int set_name(gnutls_x509_crt_t cert, const char *common_name, const char *const *orgs)
{
	int code = 0;
	for (size_t i = 0; orgs && orgs[i] && code >= 0; i++)
		code = gnutls_x509_crt_set_dn_by_oid(cert, GNUTLS_OID_X520_ORGANIZATION_NAME, 0,
						     orgs[i], (unsigned)strlen(orgs[i]));
	if (code >= 0)
		code = gnutls_x509_crt_set_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0,
						     common_name, (unsigned)strlen(common_name));
	return code;
}

static int finish(struct making *m, gnutls_x509_crt_t issuer, gnutls_x509_privkey_t issuer_key,
		  struct tls_pair *ret)
{
	gnutls_datum_t cert = { 0 }, key = { 0 };
	int code = gnutls_x509_crt_sign2(m->cert, issuer, issuer_key, GNUTLS_DIG_SHA256, 0);
	if (code >= 0)
		code = gnutls_x509_crt_export2(m->cert, GNUTLS_X509_FMT_PEM, &cert);
	if (code >= 0)
		code = gnutls_x509_privkey_export2_pkcs8(m->key, GNUTLS_X509_FMT_PEM, NULL,
							 GNUTLS_PKCS_PLAIN, &key);
	if (code < 0) {
		gnutls_free(cert.data);
		return code;
	}
	ret->cert_pem = take_text(&cert);
	ret->key_pem = take_text(&key);
	return 0;
}

int tls_ca_new(const char *common_name, int64_t now_s, int days, struct tls_pair *ret,
	       struct error *err)
{
	AUTO_MAKING m = { 0 };
	int code = begin(&m, now_s - EARLIER_S, now_s + (int64_t)days * DAY_S);
	if (code >= 0)
		code = set_name(m.cert, common_name, NULL);
	if (code >= 0)
		code = gnutls_x509_crt_set_basic_constraints(m.cert, 1, -1);
	if (code >= 0)
		code = gnutls_x509_crt_set_key_usage(m.cert, GNUTLS_KEY_KEY_CERT_SIGN |
								     GNUTLS_KEY_CRL_SIGN |
								     GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (code >= 0)
		code = finish(&m, m.cert, m.key, ret);
	return code < 0 ? fail(err, "CA", code) : 0;
}

static int load_pair(const struct tls_pair *p, struct making *ret)
{
	gnutls_datum_t cert = datum(p->cert_pem), key = datum(p->key_pem);
	int code = gnutls_x509_crt_init(&ret->cert);
	if (code >= 0)
		code = gnutls_x509_crt_import(ret->cert, &cert, GNUTLS_X509_FMT_PEM);
	if (code >= 0)
		code = gnutls_x509_privkey_init(&ret->key);
	if (code >= 0)
		code = gnutls_x509_privkey_import2(ret->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
	return code;
}

static int add_alternatives(gnutls_x509_crt_t cert, const struct tls_cert_request *r,
			    struct error *err)
{
	for (size_t i = 0; r->dns && r->dns[i]; i++) {
		int code = gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_DNSNAME, r->dns[i],
								(unsigned)strlen(r->dns[i]),
								GNUTLS_FSAN_APPEND);
		if (code < 0)
			return fail(err, r->dns[i], code);
	}
	for (size_t i = 0; r->ips && r->ips[i]; i++) {
		uint8_t ip[16];
		bool is_v4 = inet_pton(AF_INET, r->ips[i], ip) == 1;
		if (!is_v4 && inet_pton(AF_INET6, r->ips[i], ip) != 1)
			return error_set(err, ERR_INVALID, "'%s' is no address", r->ips[i]);
		int code = gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_IPADDRESS, ip,
								is_v4 ? 4 : 16, GNUTLS_FSAN_APPEND);
		if (code < 0)
			return fail(err, r->ips[i], code);
	}
	return 0;
}

static int set_uses(gnutls_x509_crt_t cert, const struct tls_cert_request *r,
		    gnutls_x509_crt_t issuer)
{
	uint8_t id[64];
	size_t size = sizeof id;
	int code = gnutls_x509_crt_set_basic_constraints(cert, 0, -1);
	if (code >= 0)
		code = gnutls_x509_crt_set_key_usage(cert, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (code >= 0 && r->is_server)
		code = gnutls_x509_crt_set_key_purpose_oid(cert, GNUTLS_KP_TLS_WWW_SERVER, 0);
	if (code >= 0 && r->is_client)
		code = gnutls_x509_crt_set_key_purpose_oid(cert, GNUTLS_KP_TLS_WWW_CLIENT, 0);
	if (code >= 0 && gnutls_x509_crt_get_subject_key_id(issuer, id, &size, NULL) >= 0)
		code = gnutls_x509_crt_set_authority_key_id(cert, id, size);
	return code;
}

int tls_cert_issue(const struct tls_pair *ca, const struct tls_cert_request *request,
		   struct tls_pair *ret, struct error *err)
{
	AUTO_MAKING issuer = { 0 };
	AUTO_MAKING m = { 0 };
	int code = load_pair(ca, &issuer);
	if (code < 0)
		return fail(err, "CA", code);
	int64_t until = request->now_s + (int64_t)request->days * DAY_S;
	until = MIN(until, (int64_t)gnutls_x509_crt_get_expiration_time(issuer.cert));
	code = begin(&m, request->now_s - EARLIER_S, until);
	if (code >= 0)
		code = set_name(m.cert, request->common_name, request->orgs);
	if (code >= 0)
		code = set_uses(m.cert, request, issuer.cert);
	if (code < 0)
		return fail(err, request->common_name, code);
	if (add_alternatives(m.cert, request, err) < 0)
		return err->code;
	code = finish(&m, issuer.cert, issuer.key, ret);
	return code < 0 ? fail(err, request->common_name, code) : 0;
}

/* ---- reading ---- */

static gnutls_x509_crt_t import(const char *pem)
{
	gnutls_x509_crt_t cert;
	gnutls_datum_t text = datum(pem);
	if (gnutls_x509_crt_init(&cert) < 0)
		return NULL;
	if (gnutls_x509_crt_import(cert, &text, GNUTLS_X509_FMT_PEM) >= 0)
		return cert;
	gnutls_x509_crt_deinit(cert);
	return NULL;
}

int tls_cert_read(const char *cert_pem, struct tls_cert_info *ret, struct error *err)
{
	gnutls_x509_crt_t cert = import(cert_pem);
	if (!cert)
		return error_set(err, ERR_INVALID, "this is no certificate in PEM form");
	*ret = (struct tls_cert_info){
		.not_before_s = gnutls_x509_crt_get_activation_time(cert),
		.not_after_s = gnutls_x509_crt_get_expiration_time(cert),
		.is_ca = gnutls_x509_crt_get_ca_status(cert, NULL) > 0,
	};
	size_t size = sizeof ret->common_name;
	/* A certificate without a common name, or with a longer one, has "" here. */
	if (gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, 0, ret->common_name,
					  &size) < 0)
		ret->common_name[0] = '\0';
	size = sizeof ret->issuer_name;
	if (gnutls_x509_crt_get_issuer_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, 0,
						 ret->issuer_name, &size) < 0)
		ret->issuer_name[0] = '\0';
	gnutls_x509_crt_deinit(cert);
	return 0;
}

static bool holds_at(gnutls_x509_crt_t cert, int64_t now_s)
{
	return gnutls_x509_crt_get_activation_time(cert) <= now_s &&
	       now_s <= gnutls_x509_crt_get_expiration_time(cert);
}

bool tls_cert_is_signed_by(const char *cert_pem, const char *ca_pem, int64_t now_s)
{
	gnutls_x509_crt_t cas[CA_COUNT_MAX];
	unsigned count = CA_COUNT_MAX, status = 0;
	gnutls_datum_t text = datum(ca_pem);
	gnutls_x509_crt_t cert = import(cert_pem);
	if (!cert)
		return false;
	if (gnutls_x509_crt_list_import(cas, &count, &text, GNUTLS_X509_FMT_PEM, 0) < 0)
		count = 0;
	bool is_signed = count && holds_at(cert, now_s) &&
			 gnutls_x509_crt_verify(cert, cas, count, GNUTLS_VERIFY_DISABLE_TIME_CHECKS,
						&status) >= 0 &&
			 status == 0;
	for (unsigned i = 0; i < count; i++)
		gnutls_x509_crt_deinit(cas[i]);
	gnutls_x509_crt_deinit(cert);
	return is_signed;
}

bool tls_cert_names_host(const char *cert_pem, const char *host)
{
	gnutls_x509_crt_t cert = import(cert_pem);
	if (!cert)
		return false;
	bool names = gnutls_x509_crt_check_hostname(cert, host) != 0;
	gnutls_x509_crt_deinit(cert);
	return names;
}
