/* token: a ServiceAccount's token, alone or as a kubeconfig that a pipeline can use. */
#include "cli/command.h"
#include "cli/files.h"
#include "cli/request.h"
#include "common/io/tls.h"

#include <stdio.h>

#define DURATION_US ((int64_t)3600 * 1000000)
#define TEXT_MAX    (1u << 20)

extern const struct command command_token;

static int ca_of(const struct kubeconfig *k, struct str *out, struct error *err)
{
	AUTO_STR pem;
	str_init(&pem, TEXT_MAX);
	if (k->ca_data)
		str_add(&pem, k->ca_data);
	else if (k->ca_file && file_read(k->ca_file, &pem, err) < 0)
		return err->code;
	tls_base64_encode(pem.data, pem.len, out);
	return 0;
}

static int print_kubeconfig(const struct session *s, const char *name, const char *ns,
			    const char *token)
{
	AUTO_STR ca;
	struct error err;
	str_init(&ca, TEXT_MAX);
	if (ca_of(&s->config, &ca, &err) < 0)
		return error_explain(&err);
	printf("apiVersion: v1\nkind: Config\ncurrent-context: skiff\n"
	       "clusters:\n- name: skiff\n  cluster:\n    server: %s\n",
	       s->config.server);
	if (ca.len)
		printf("    certificate-authority-data: %s\n", ca.data);
	printf("users:\n- name: %s\n  user:\n    token: %s\n"
	       "contexts:\n- name: skiff\n  context:\n    cluster: skiff\n    user: %s\n"
	       "    namespace: %s\n",
	       name, token, name, ns);
	return EXIT_DONE;
}

static int run(int argc, char **argv)
{
	bool as_kubeconfig = false;
	int64_t duration_us = DURATION_US;
	const struct option table[] = { { .name = "as-kubeconfig", .flag = &as_kubeconfig },
					{ .name = "duration", .span_us = &duration_us } };
	struct arguments a = { 0 };
	AUTO_SESSION s = { 0 };
	AUTO_REPLY r = { 0 };
	int code = command_parse(command_token.usage, argc, argv, table, ARRAY_LEN(table), &a);
	if (code == 0 && a.words.count != 1) {
		fprintf(stderr, "usage: skiff %s\n", command_token.usage);
		code = EXIT_REFUSED;
	}
	if (code == 0)
		code = command_open(&a, &s);
	if (code)
		return code;
	const char *ns = command_namespace(&a, &s);
	struct api_resource accounts = { "", "v1", "serviceaccounts", true };
	auto_free char *path = api_path(&accounts, ns, a.words.at[0], "token");
	AUTO_JSON *body = json_pack("{s:s, s:s, s:{s:I}}", "apiVersion", "authentication.k8s.io/v1",
				    "kind", "TokenRequest", "spec", "expirationSeconds",
				    (json_int_t)(duration_us / 1000000));
	request_json(&s, "POST", path, body, NULL, &r);
	if (r.code)
		return reply_explain(&s, a.words.at[0], &r);
	const char *token = json_str_or(r.body, "status.token", "");
	if (as_kubeconfig)
		return print_kubeconfig(&s, a.words.at[0], ns, token);
	puts(token);
	return EXIT_DONE;
}

const struct command command_token = {
	.name = "token",
	.usage = "token SERVICEACCOUNT [--duration 1h] [--as-kubeconfig]",
	.summary = "a token for a ServiceAccount, for pipelines",
	.help = "  --as-kubeconfig  a whole kubeconfig with it\n  --duration 1h    how long it holds\n",
	.run = run,
};
