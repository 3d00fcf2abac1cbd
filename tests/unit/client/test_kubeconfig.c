/* kubeconfig: what is read, and what is said about files that will not do. */
#include "common/base/str.h"
#include "common/client/kubeconfig.h"
#include "tests/support/check.h"

#define CLUSTERS "clusters: [{name: c, cluster: {server: 'https://[::1]:6443/base/', "
#define CONTEXT                                                                                    \
	"contexts: [{name: x, context: {cluster: c, user: u, namespace: ns1}}]\ncurrent-context: x\n"

static const struct {
	const char *name, *text, *result;
} rows[] = {
	{ "certificates inside",
	  CONTEXT CLUSTERS "certificate-authority-data: Q0E=}}]\n"
			   "users: [{name: u, user: {client-certificate-data: Y3J0, client-key-data: "
			   "a2V5}}]\n",
	  "https://[::1]:6443 /base ns1 ca=CA cert=crt key=key" },
	{ "files beside it",
	  CONTEXT CLUSTERS "certificate-authority: ca.crt}}]\n"
			   "users: [{name: u, user: {client-certificate: /abs.crt, tokenFile: t}}]\n",
	  "https://[::1]:6443 /base ns1 ca-file=/dir/ca.crt cert-file=/abs.crt token-file=/dir/t" },
	{ "token", CONTEXT CLUSTERS "x: y}}]\nusers: [{name: u, user: {token: secret}}]\n",
	  "https://[::1]:6443 /base ns1 token=secret" },
	{ "no such context", "current-context: z\n",
	  "it has no context 'z'; choose one of its contexts" },
	{ "no such cluster", CONTEXT "clusters: []\n", "it has no cluster 'c'" },
	{ "no server", CONTEXT "clusters: [{name: c, cluster: {}}]\n",
	  "the cluster has no server URL" },
	{ "bad base64", CONTEXT CLUSTERS "certificate-authority-data: '*'}}]\n",
	  "certificate-authority-data is no base64" },
	{ "plugin", CONTEXT CLUSTERS "x: y}}]\nusers: [{name: u, user: {exec: {command: a}}}]\n",
	  "the user 'u' signs in through a plugin; use a token or a client certificate instead" },
	{ "empty", "", "it is empty" },
};

static void add(struct str *out, const char *name, const char *value)
{
	if (value)
		str_addf(out, " %s=%s", name, value);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_KUBECONFIG k = { 0 };
		struct error err;
		AUTO_STR got;
		str_init(&got, 4096);
		if (kubeconfig_parse(rows[i].text, strlen(rows[i].text), "/dir", NULL, &k, &err) <
		    0) {
			CHECK_TEXT(rows[i].name, err.text, rows[i].result);
			continue;
		}
		str_addf(&got, "%s %s %s", k.server, k.server_path, k.ns);
		add(&got, "ca", k.ca_data);
		add(&got, "ca-file", k.ca_file);
		add(&got, "cert", k.cert_data);
		add(&got, "key", k.key_data);
		add(&got, "cert-file", k.cert_file);
		add(&got, "token", k.token);
		add(&got, "token-file", k.token_file);
		CHECK_TEXT(rows[i].name, got.data, rows[i].result);
	}
	AUTO_KUBECONFIG k = { 0 };
	struct error err;
	CHECK_INT(kubeconfig_load("/does/not/exist", NULL, &k, &err), ERR_NOT_FOUND);
	return 0;
}
