/*
 * http_client.h - an HTTP/1.1 client (RFC 9112) on the loop, as a http_transport. Connections are
 * kept alive and shared. A GET or HEAD is sent once more when a kept connection ends before a
 * byte of its answer came; everything else is left to the caller, for it may have been carried out.
 * No proxies, no redirects.
 */
#pragma once

#include "common/io/http_transport.h"
#include "common/io/loop.h"

struct http_client_options {
	const char *base_url;             /* "https://127.0.0.1:6443"; scheme and authority only */
	const char *unix_socket;          /* NULL, or connect here whatever the authority says */
	const char *ca_file;              /* PEM; NULL: the system's */
	const char *ca_data;              /* PEM text instead of a file, or NULL */
	const char *cert_file, *key_file; /* client certificate, PEM, or NULL */
	const char *cert_data, *key_data; /* PEM text instead of files, or NULL */
	const char *bearer_token;         /* or NULL */
	const char *bearer_token_file;    /* or NULL: read anew at most once a minute */
	const char *server_name;          /* TLS name to verify instead of the authority, or NULL */
	bool insecure_skip_verify;
	const char *user_agent; /* "skiff-controller/0.1.0 (linux/amd64)" */
	int connect_timeout_ms; /* 0: 5,000 */
	int connections_max;    /* 0: 100 */
};

/* All strings are copied. ERR_INVALID: a file cannot be read or the URL is none. */
int http_client_new(struct loop *loop, const struct http_client_options *options,
		    struct http_transport **ret, struct error *err) MUST_CHECK;
