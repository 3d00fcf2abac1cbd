/* The cluster's own CA, the certificates of its programs, and their kubeconfigs. Made once and
 * kept; certificates that end within a month are made anew. */
#include "cli/cluster.h"
#include "cli/files.h"
#include "common/io/tls.h"

#include <stdio.h>
#include <time.h>

#define CA_DAYS      3650
#define CERT_DAYS    365
#define RENEW_DAYS   30
#define PEM_MAX      65536

static int64_t now_s(void)
{
	return (int64_t)time(NULL);
}

static int read_pem(const struct cluster *c, const char *name, char **ret, struct error *err)
{
	AUTO_STR text;
	str_init(&text, PEM_MAX);
	auto_free char *path = cluster_path(c, "pki/%s", name);
	int code = file_read(path, &text, err);
	if (code == 0)
		*ret = str_take(&text);
	return code;
}

static int write_pem(const struct cluster *c, const char *name, const char *pem, unsigned mode,
		     struct error *err)
{
	auto_free char *path = cluster_path(c, "pki/%s", name);
	return file_write(path, pem, strlen(pem), mode, err);
}

static int write_pair(const struct cluster *c, const char *name, const struct tls_pair *p,
		      struct error *err)
{
	auto_free char *cert = xasprintf("%s.crt", name);
	auto_free char *key = xasprintf("%s.key", name);
	int code = write_pem(c, key, p->key_pem, 0600, err);
	return code < 0 ? code : write_pem(c, cert, p->cert_pem, 0644, err);
}

static int load_or_make_ca(const struct cluster *c, struct tls_pair *ret, struct error *err)
{
	struct error missing;
	if (read_pem(c, "ca.crt", &ret->cert_pem, &missing) == 0 &&
	    read_pem(c, "ca.key", &ret->key_pem, &missing) == 0)
		return 0;
	tls_pair_fini(ret);
	auto_free char *name = xasprintf("skiff-%s", c->id);
	int code = tls_ca_new(name, now_s(), CA_DAYS, ret, err);
	return code < 0 ? code : write_pair(c, "ca", ret, err);
}

static bool is_fresh(const struct cluster *c, const char *name, const struct tls_pair *ca)
{
	auto_free char *file = xasprintf("%s.crt", name);
	auto_free char *pem = NULL;
	struct error err;
	return read_pem(c, file, &pem, &err) == 0 &&
	       tls_cert_is_signed_by(pem, ca->cert_pem, now_s() + RENEW_DAYS * 86400);
}

static int issue(const struct cluster *c, const struct tls_pair *ca, const char *file,
		 const struct tls_cert_request *request, struct error *err)
{
	if (is_fresh(c, file, ca))
		return 0;
	AUTO_TLS_PAIR pair = { 0 };
	int code = tls_cert_issue(ca, request, &pair, err);
	if (code == 0)
		code = write_pair(c, file, &pair, err);
	return code < 0 ? error_wrap(err, "certificate '%s'", file) : 0;
}

static int issue_client(const struct cluster *c, const struct tls_pair *ca, const char *file,
			const char *common_name, const char *org, struct error *err)
{
	const char *orgs[] = { org, NULL };
	struct tls_cert_request q = { .common_name = common_name,
				      .orgs = org ? orgs : NULL,
				      .is_client = true,
				      .now_s = now_s(),
				      .days = CERT_DAYS };
	return issue(c, ca, file, &q, err);
}

static int issue_server(const struct cluster *c, const struct tls_pair *ca, struct error *err)
{
	char service[16], host[256] = "localhost";
	cluster_service_ip(c, 1, service);
	if (gethostname(host, sizeof host - 1) < 0)
		memcpy(host, "localhost", sizeof "localhost");
	const char *dns[] = { "localhost",
			      "kubernetes",
			      "kubernetes.default",
			      "kubernetes.default.svc",
			      "kubernetes.default.svc.cluster.local",
			      host,
			      NULL };
	const char *ips[] = { "127.0.0.1", service, c->advertise_ip, NULL };
	struct tls_cert_request q = { .common_name = "skiff-apiserver",
				      .dns = dns,
				      .ips = ips,
				      .is_server = true,
				      .now_s = now_s(),
				      .days = CERT_DAYS };
	return issue(c, ca, "apiserver", &q, err);
}

static int issue_node(const struct cluster *c, const struct tls_pair *ca,
		      const struct cluster_node *n, struct error *err)
{
	auto_free char *file = xasprintf("node-%s", n->name);
	auto_free char *name = xasprintf("system:node:%s", n->name);
	const char *orgs[] = { "system:nodes", NULL };
	const char *dns[] = { n->name, NULL };
	const char *ips[] = { n->ip, "127.0.0.1", NULL };
	struct tls_cert_request q = { .common_name = name,
				      .orgs = orgs,
				      .dns = dns,
				      .ips = ips,
				      .is_client = true,
				      .is_server = true,
				      .now_s = now_s(),
				      .days = CERT_DAYS };
	return issue(c, ca, file, &q, err);
}

static int make_token_key(const struct cluster *c, struct error *err)
{
	auto_free char *pem = NULL;
	struct error missing;
	if (read_pem(c, "token.key", &pem, &missing) == 0)
		return 0;
	int code = tls_rsa_generate(&pem, err);
	return code < 0 ? code : write_pem(c, "token.key", pem, 0600, err);
}

/* ---- kubeconfigs ---- */

static void add_data(struct str *out, const char *name, const char *pem)
{
	str_addf(out, "%s: ", name);
	tls_base64_encode(pem, strlen(pem), out);
	str_add(out, "\n");
}

static int write_kubeconfig(const struct cluster *c, const char *path, const char *server,
			    const char *user, const char *pair, struct error *err)
{
	auto_free char *ca = NULL, *cert = NULL, *key = NULL;
	auto_free char *cert_file = xasprintf("%s.crt", pair);
	auto_free char *key_file = xasprintf("%s.key", pair);
	int code = read_pem(c, "ca.crt", &ca, err);
	if (code == 0)
		code = read_pem(c, cert_file, &cert, err);
	if (code == 0)
		code = read_pem(c, key_file, &key, err);
	if (code < 0)
		return code;
	AUTO_STR out;
	str_init(&out, PEM_MAX * 4);
	str_addf(&out, "apiVersion: v1\nkind: Config\nclusters:\n- name: skiff\n  cluster:\n"
		       "    server: https://%s:%d\n", server, c->api_port);
	add_data(&out, "    certificate-authority-data", ca);
	str_addf(&out, "contexts:\n- name: skiff\n  context:\n    cluster: skiff\n    user: %s\n"
		       "current-context: skiff\nusers:\n- name: %s\n  user:\n", user, user);
	add_data(&out, "    client-certificate-data", cert);
	add_data(&out, "    client-key-data", key);
	return file_write(path, out.data, out.len, 0600, err);
}

static int write_kubeconfigs(const struct cluster *c, struct error *err)
{
	auto_free char *admin = cluster_path(c, "kubeconfig");
	auto_free char *controller = cluster_path(c, "pki/controller.kubeconfig");
	int code = write_kubeconfig(c, admin, "127.0.0.1", "skiff-admin", "admin", err);
	if (code == 0)
		code = write_kubeconfig(c, controller, "127.0.0.1", "skiff-controller",
					"controller", err);
	for (size_t i = 0; code == 0 && i < c->nodes_count; i++) {
		auto_free char *path =
			cluster_path(c, "pki/node-%s.kubeconfig", c->nodes[i].name);
		auto_free char *pair = xasprintf("node-%s", c->nodes[i].name);
		code = write_kubeconfig(c, path, c->advertise_ip, c->nodes[i].name, pair, err);
	}
	return code;
}

int cluster_make_pki(const struct cluster *c, struct error *err)
{
	AUTO_TLS_PAIR ca = { 0 };
	auto_free char *dir = cluster_path(c, "pki");
	int code = dir_make(dir, 0700, err);
	if (code == 0)
		code = load_or_make_ca(c, &ca, err);
	if (code == 0)
		code = issue_server(c, &ca, err);
	if (code == 0)
		code = issue_client(c, &ca, "admin", "skiff-admin", "system:masters", err);
	if (code == 0)
		code = issue_client(c, &ca, "controller", "system:skiff-controller",
				    "system:skiff-controllers", err);
	if (code == 0)
		code = issue_client(c, &ca, "apiserver-client", "skiff-apiserver-client", NULL,
				    err);
	for (size_t i = 0; code == 0 && i < c->nodes_count; i++)
		code = issue_node(c, &ca, &c->nodes[i], err);
	if (code == 0)
		code = make_token_key(c, err);
	return code < 0 ? code : write_kubeconfigs(c, err);
}
