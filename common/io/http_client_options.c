#include "common/io/http_client_internal.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>

#include "common/base/str.h"

#define CONNECT_TIMEOUT_MS 5000
#define CONNECTIONS_MAX    100
#define TOKEN_SIZE_MAX     (16u << 10)
#define TOKEN_AGE_MS       60000

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

/* "https://host:port/" to its authority; false if it is no such URL. */
static bool split_url(const char *url, bool *ret_tls, const char **ret_authority, size_t *ret_len)
{
	if (starts_with(url, "https://"))
		*ret_tls = true;
	else if (starts_with(url, "http://"))
		*ret_tls = false;
	else
		return false;
	*ret_authority = strstr(url, "://") + 3;
	*ret_len = strcspn(*ret_authority, "/?#");
	const char *rest = *ret_authority + *ret_len;
	if (!*ret_len || (rest[0] && !streq(rest, "/")))
		return false;
	for (size_t i = 0; i < *ret_len; i++)
		if (isspace((unsigned char)(*ret_authority)[i]) || (*ret_authority)[i] == '@')
			return false;
	return true;
}

/* "host:port", "[::1]:port" or either without a port. */
static bool split_authority(struct client_options *o)
{
	const char *host = o->authority, *end = strrchr(host, ':');
	unsigned long port = o->is_tls ? 443 : 80;
	if (host[0] == '[') {
		const char *bracket = strchr(++host, ']');
		if (!bracket || (bracket[1] && bracket[1] != ':'))
			return false;
		o->host = xstrndup(host, (size_t)(bracket - host));
		end = bracket[1] ? bracket + 1 : NULL;
	} else {
		o->host = end ? xstrndup(host, (size_t)(end - host)) : xstrdup(host);
	}
	if (end) {
		char *rest;
		port = strtoul(end + 1, &rest, 10);
		if (*rest || rest == end + 1 || port > 65535)
			return false;
	}
	o->port = (uint16_t)port;
	return o->host[0] && (port > 0 || o->unix_socket);
}

static int set_url(struct client_options *o, const struct http_client_options *from,
		   struct error *err)
{
	const char *authority;
	size_t len;
	bool good = from->base_url && split_url(from->base_url, &o->is_tls, &authority, &len);
	if (good) {
		o->authority = xstrndup(authority, len);
		good = split_authority(o);
	}
	if (!good)
		return error_set(err, ERR_INVALID, "'%s' is no http:// or https:// address",
				 from->base_url ? from->base_url : "");
	if (from->server_name && o->is_tls) {
		/* Connected to is the host; asked for, and verified, is the name. */
		free(o->authority);
		o->authority = xasprintf("%s:%u", from->server_name, o->port);
		o->server_name = xstrdup(from->server_name);
	}
	return 0;
}

static int set_tls(struct client_options *o, const struct http_client_options *from,
		   struct error *err)
{
	struct tls_credentials_options tls = { .ca_pem = from->ca_data,
					       .ca_file = from->ca_file,
					       .cert_pem = from->cert_data,
					       .cert_file = from->cert_file,
					       .key_pem = from->key_data,
					       .key_file = from->key_file,
					       .is_unverified = from->insecure_skip_verify };
	return o->is_tls ? tls_credentials_new(&tls, &o->tls, err) : 0;
}

/* Trailing newlines go; false if the file cannot be read or is empty or too large. */
static bool read_token(const char *file, char **ret)
{
	auto_close int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	auto_free char *text = xcalloc(1, TOKEN_SIZE_MAX + 1);
	ssize_t n = read(fd, text, TOKEN_SIZE_MAX);
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	if (n <= 0)
		return false;
	text[n] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)text[i] <= ' ')
			return false;
	free(*ret);
	*ret = TAKE(text);
	return true;
}

const char *client_token(struct client_options *o, int64_t now_ms)
{
	if (!o->bearer_token_file)
		return o->bearer_token;
	if (o->token_read_ms < 0 || now_ms - o->token_read_ms >= TOKEN_AGE_MS) {
		/* An unreadable file leaves the old token: it may be in the middle of a change. */
		(void)read_token(o->bearer_token_file, &o->bearer_token);
		o->token_read_ms = now_ms;
	}
	return o->bearer_token;
}

int client_options_init(struct client_options *o, const struct http_client_options *from,
			struct error *err)
{
	*o = (struct client_options){
		.unix_socket = copy(from->unix_socket),
		.bearer_token = copy(from->bearer_token),
		.bearer_token_file = copy(from->bearer_token_file),
		.token_read_ms = -1,
		.user_agent = copy(from->user_agent),
		.connect_timeout_ms = from->connect_timeout_ms > 0 ? from->connect_timeout_ms
								   : CONNECT_TIMEOUT_MS,
		.connections_max =
			from->connections_max > 0 ? (size_t)from->connections_max : CONNECTIONS_MAX,
	};
	int code = set_url(o, from, err);
	if (code == 0)
		code = set_tls(o, from, err);
	if (code == 0 && o->bearer_token_file &&
	    !read_token(o->bearer_token_file, &o->bearer_token))
		code = error_set(err, ERR_INVALID,
				 "token file %s: cannot be read or holds no token",
				 o->bearer_token_file);
	if (code < 0)
		client_options_fini(o);
	return code;
}

void client_options_fini(struct client_options *o)
{
	char *owned[] = { o->host,       o->authority,    o->server_name,      o->unix_socket,
			  o->user_agent, o->bearer_token, o->bearer_token_file };
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	tls_credentials_free(o->tls);
	*o = (struct client_options){ 0 };
}
