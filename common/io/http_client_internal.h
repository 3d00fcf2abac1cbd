/*
 * http_client_internal.h - what http_client.c keeps of its options: copies, PEM texts as
 * memory files (libcurl's GnuTLS flavour takes certificates only by path), the token; and
 * the two structures that its files share.
 */
#pragma once

#include "common/base/str.h"
#include "common/io/http_client.h"

#include <curl/curl.h>

struct client_options {
	char *base_url;   /* without a slash at the end; authority is server_name where given */
	char *connect_to; /* CONNECT_TO entry, or NULL: where server_name really is */
	char *unix_socket;
	char *ca_path, *cert_path, *key_path; /* files, or /proc/self/fd/N of the memory files */
	int memory_fds[3];
	char *bearer_token, *bearer_token_file;
	int64_t token_read_ms; /* when the file was read; -1: never */
	char *user_agent;
	bool is_tls, insecure_skip_verify;
	int connect_timeout_ms, connections_max;
};

int client_options_init(struct client_options *o, const struct http_client_options *from,
			struct error *err) MUST_CHECK;
void client_options_fini(struct client_options *o);

/* The token to send, or NULL; reads its file anew at most once a minute. Borrowed. */
const char *client_token(struct client_options *o, int64_t now_ms);

struct http_client {
	struct http_transport base;
	struct loop *loop;
	CURLM *multi;
	struct loop_timer *timer; /* libcurl's */
	struct loop_timer *turn;  /* for what must not happen inside libcurl's own calls */
	struct client_options options;
	struct http_call *calls;
	unsigned depth; /* > 0: libcurl, or our loop over its results, is on the stack */
	bool is_closing;
};

struct http_call {
	struct http_client *client;
	struct http_call *next, **link;
	CURL *easy;
	struct curl_slist *request_headers, *connect_to;
	char *url;
	void *body;                 /* owned copy */
	int body_fd;                /* owned, or -1 */
	struct loop_fd *body_ready; /* the file is a pipe and has nothing now */
	struct http_events events;
	void *ctx;
	char error_text[CURL_ERROR_SIZE];
	struct str head; /* names and values, each ended by NUL */
	size_t headers_count;
	bool is_head_told, is_added, is_cancelled;
	int64_t idle_ms, last_byte_ms;
	struct loop_timer *idle;
};

/* Everything about the request goes into the easy handle (http_client_request.c). */
void client_set_request(struct http_call *call, const struct http_request *r);
/* libcurl's write callbacks (http_client.c). */
size_t client_got_header(char *bytes, size_t size, size_t n, void *ctx);
size_t client_got_data(char *bytes, size_t size, size_t n, void *ctx);
