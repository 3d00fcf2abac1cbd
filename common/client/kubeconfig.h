/*
 * kubeconfig.h - reads a kubeconfig file: where the API server is and who we are.
 * Reading is blocking: at program start only. Threads: any.
 */
#pragma once

#include "common/io/http_client.h"

struct kubeconfig {
	char *server;      /* "https://127.0.0.1:6443" */
	char *server_path; /* what followed the authority, or "" */
	char *ns;          /* the context's namespace, or "default" */
	char *context, *user;
	char *ca_file, *ca_data;
	char *cert_file, *key_file, *cert_data, *key_data;
	char *token, *token_file;
	char *server_name;
	bool insecure_skip_verify;
};

void kubeconfig_fini(struct kubeconfig *k); /* {0} is fine */
#define AUTO_KUBECONFIG __attribute__((cleanup(kubeconfig_fini))) struct kubeconfig

/* `context` NULL: the file's current one. ERR_NOT_FOUND: no such file; ERR_INVALID: says
 * what is missing. Relative file names are taken from the file's folder. */
int kubeconfig_load(const char *path, const char *context, struct kubeconfig *ret,
		    struct error *err) MUST_CHECK;
int kubeconfig_parse(const char *text, size_t n, const char *folder, const char *context,
		     struct kubeconfig *ret, struct error *err) MUST_CHECK;

/* From inside a pod: KUBERNETES_SERVICE_HOST, _PORT and the mounted service account. */
int kubeconfig_in_cluster(struct kubeconfig *ret, struct error *err) MUST_CHECK;

/* Borrowed texts; the rest of the options is left at its defaults. */
void kubeconfig_options(const struct kubeconfig *k, struct http_client_options *ret);
