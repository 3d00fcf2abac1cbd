#include "common/io/http_client_internal.h"

#include <poll.h>
#include <sys/stat.h>

/* The answers of a busy connection are taken in pieces of this size. */
#define PIECE_SIZE (64l << 10)

static void body_is_ready(void *ctx, unsigned events)
{
	struct http_call *call = ctx;
	(void)events;
	loop_fd_free(call->body_ready);
	call->body_ready = NULL;
	call->client->depth++;
	curl_easy_pause(call->easy, CURLPAUSE_CONT);
	call->client->depth--;
}

static size_t read_body(char *buf, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;
	struct pollfd now = { .fd = call->body_fd, .events = POLLIN };
	if (poll(&now, 1, 0) == 0) { /* a pipe without data; plain files are always ready */
		call->body_ready =
			loop_fd_new(call->client->loop, call->body_fd, body_is_ready, call);
		loop_fd_set(call->body_ready, LOOP_READ);
		return CURL_READFUNC_PAUSE;
	}
	ssize_t got = read(call->body_fd, buf, size * n);
	call->last_byte_ms = loop_now_ms(call->client->loop);
	return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static int seek_body(void *ctx, curl_off_t offset, int whence)
{
	struct http_call *call = ctx;
	return lseek(call->body_fd, offset, whence) < 0 ? CURL_SEEKFUNC_CANTSEEK : CURL_SEEKFUNC_OK;
}

/* Bytes from the present offset to the end of a plain file, or -1. */
static int64_t file_left(int fd)
{
	struct stat st;
	off_t at = lseek(fd, 0, SEEK_CUR);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || at < 0 || at > st.st_size)
		return -1;
	return st.st_size - at;
}

static bool has_header(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->headers_count; i++)
		if (strcasecmp(r->headers[i].name, name) == 0)
			return true;
	return false;
}

static void add_header(struct http_call *call, const char *name, const char *value)
{
	/* "Name;" is how libcurl is told to send an empty value. */
	auto_free char *line = value[0] ? xasprintf("%s: %s", name, value) : xasprintf("%s;", name);
	call->request_headers = curl_slist_append(call->request_headers, line);
}

static void set_headers(struct http_call *call, const struct http_request *r)
{
	struct http_client *c = call->client;
	for (size_t i = 0; i < r->headers_count; i++)
		add_header(call, r->headers[i].name, r->headers[i].value);
	/* "Name:" takes out what libcurl would add by itself. */
	call->request_headers = curl_slist_append(call->request_headers, "Expect:");
	if (!has_header(r, "Content-Type"))
		call->request_headers = curl_slist_append(call->request_headers, "Content-Type:");
	const char *token = client_token(&c->options, loop_now_ms(c->loop));
	if (token && !has_header(r, "Authorization")) {
		auto_free char *value = xasprintf("Bearer %s", token);
		add_header(call, "Authorization", value);
	}
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->request_headers);
}

static void set_body(struct http_call *call, const struct http_request *r)
{
	CURL *easy = call->easy;
	if (call->body_fd >= 0) {
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1l);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_body);
		curl_easy_setopt(easy, CURLOPT_READDATA, call);
		curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_body);
		curl_easy_setopt(easy, CURLOPT_SEEKDATA, call);
		int64_t left = file_left(call->body_fd);
		if (left >= 0)
			curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)left);
	} else if (r->body) {
		call->body = xmemdup(r->body, r->body_len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (char *)call->body);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
	} else if (streq(r->method, "HEAD")) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1l);
	} else if (streq(r->method, "POST") || streq(r->method, "PUT") ||
		   streq(r->method, "PATCH")) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0l);
	}
	/* Last: the options above choose methods of their own. */
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_connection(struct http_call *call)
{
	const struct client_options *o = &call->client->options;
	CURL *easy = call->easy;
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1l);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1l);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1l);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 20l);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 5l);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
	if (o->unix_socket)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, o->unix_socket);
	if (o->connect_to) {
		call->connect_to =
			curl_slist_append(NULL, o->connect_to); /* not copied by libcurl */
		curl_easy_setopt(easy, CURLOPT_CONNECT_TO, call->connect_to);
	}
	if (!o->is_tls)
		return;
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, o->insecure_skip_verify ? 0l : 1l);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, o->insecure_skip_verify ? 0l : 2l);
	if (o->ca_path) {
		/* Else libcurl reads all of /etc/ssl/certs for each connection (60 MB), and
		 * trusts it. */
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
		curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca_path);
	}
	if (o->cert_path) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, o->cert_path);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, o->key_path);
	}
}

static void set_exchange(struct http_call *call, const struct http_request *r)
{
	CURL *easy = call->easy;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(easy, CURLOPT_URL, call->url);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1l);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error_text);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, PIECE_SIZE);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, PIECE_SIZE);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, client_got_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, client_got_data);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	if (r->timeout_ms > 0)
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	if (call->client->options.user_agent)
		curl_easy_setopt(easy, CURLOPT_USERAGENT, call->client->options.user_agent);
}

void client_set_request(struct http_call *call, const struct http_request *r)
{
	set_exchange(call, r);
	set_connection(call);
	set_body(call, r);
	set_headers(call, r);
}
