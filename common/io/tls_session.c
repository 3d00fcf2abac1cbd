#include "common/io/tls_session.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define CHAIN_MAX 16

struct tls_identity {
	gnutls_pcert_st certs[CHAIN_MAX];
	unsigned count;
	gnutls_privkey_t key;
};

static tls_find_identity *find_identity;

int tls_identity_new(const char *cert_pem, const char *key_pem, struct tls_identity **ret,
		     struct error *err)
{
	gnutls_datum_t cert = { (unsigned char *)cert_pem, (unsigned)strlen(cert_pem) };
	gnutls_datum_t key = { (unsigned char *)key_pem, (unsigned)strlen(key_pem) };
	struct tls_identity *i = xcalloc(1, sizeof *i);
	unsigned count = CHAIN_MAX;
	int code =
		gnutls_pcert_list_import_x509_raw(i->certs, &count, &cert, GNUTLS_X509_FMT_PEM, 0);
	i->count = code < 0 ? 0 : count;
	if (code >= 0)
		code = gnutls_privkey_init(&i->key);
	if (code >= 0)
		code = gnutls_privkey_import_x509_raw(i->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (code < 0) {
		tls_identity_free(i);
		return error_set(err, ERR_INVALID, "server certificate: %s", gnutls_strerror(code));
	}
	*ret = i;
	return 0;
}

void tls_identity_free(struct tls_identity *i)
{
	if (!i)
		return;
	for (unsigned k = 0; k < i->count; k++)
		gnutls_pcert_deinit(&i->certs[k]);
	if (i->key)
		gnutls_privkey_deinit(i->key);
	free(i);
}

static int retrieve(gnutls_session_t session, const gnutls_datum_t *ca_names, int ca_names_count,
		    const gnutls_pk_algorithm_t *algorithms, int algorithms_count,
		    gnutls_pcert_st **certs, unsigned *certs_count, gnutls_privkey_t *key)
{
	const struct tls_identity *i = find_identity(gnutls_session_get_ptr(session));
	(void)ca_names;
	(void)ca_names_count;
	(void)algorithms;
	(void)algorithms_count;
	if (!i)
		return -1;
	*certs = (gnutls_pcert_st *)i->certs;
	*certs_count = i->count;
	*key = i->key;
	return 0;
}

void (*tls_identity_callback(tls_find_identity *find))(void)
{
	find_identity = find;
	return (void (*)(void))retrieve;
}

bool tls_session_is_established(void *session)
{
	/* The last message is forgotten once all is done; but whoever has sent data is through. */
	return gnutls_handshake_get_last_in(session) == GNUTLS_HANDSHAKE_FINISHED ||
	       gnutls_record_check_pending(session) > 0;
}

static char *name_part(gnutls_x509_crt_t cert, const char *oid, unsigned index)
{
	char text[512];
	size_t size = sizeof text;
	if (gnutls_x509_crt_get_dn_by_oid(cert, oid, index, 0, text, &size) < 0)
		return NULL;
	return memchr(text, '\0', size) || size == sizeof text ? NULL : xstrndup(text, size);
}

/* Signed by the CA, now valid, and for clients. */
static bool is_genuine(gnutls_session_t session)
{
	unsigned status = 0;
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	return gnutls_certificate_verify_peers(session, &purpose, 1, &status) >= 0 && status == 0;
}

void tls_session_peer(void *session, struct tls_peer *ret)
{
	unsigned count = 0;
	gnutls_x509_crt_t cert;
	*ret = (struct tls_peer){ 0 };
	const gnutls_datum_t *peers = gnutls_certificate_get_peers(session, &count);
	if (!peers || !count)
		return;
	ret->is_refused = true;
	if (!is_genuine(session) || gnutls_x509_crt_init(&cert) < 0)
		return;
	if (gnutls_x509_crt_import(cert, &peers[0], GNUTLS_X509_FMT_DER) >= 0) {
		ret->is_refused = false;
		ret->until_s = gnutls_x509_crt_get_expiration_time(cert);
		ret->common_name = name_part(cert, GNUTLS_OID_X520_COMMON_NAME, 0);
		for (unsigned i = 0; ret->common_name && i < ARRAY_LEN(ret->orgs); i++) {
			char *org = name_part(cert, GNUTLS_OID_X520_ORGANIZATION_NAME, i);
			if (!org)
				break;
			ret->orgs[ret->orgs_count++] = org;
		}
	}
	gnutls_x509_crt_deinit(cert);
}

void tls_peer_fini(struct tls_peer *p)
{
	free(p->common_name);
	for (size_t i = 0; i < p->orgs_count; i++)
		free(p->orgs[i]);
	*p = (struct tls_peer){ 0 };
}
