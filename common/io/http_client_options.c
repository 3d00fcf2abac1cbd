#include "common/io/http_client_internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "common/base/str.h"

#define CONNECT_TIMEOUT_MS 5000
#define CONNECTIONS_MAX    100
#define TOKEN_SIZE_MAX     (16u << 10)
#define TOKEN_AGE_MS       60000

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static int memory_file(const char *pem, int *ret_fd, char **ret_path, struct error *err)
{
	auto_close int fd = memfd_create("pem", MFD_CLOEXEC);
	size_t len = strlen(pem);
	if (fd < 0 || write(fd, pem, len) != (ssize_t)len)
		return error_set(err, ERR_INTERNAL, "memory file: %s", strerror(errno));
	*ret_path = xasprintf("/proc/self/fd/%d", fd);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* A PEM text or a file's path to a path; neither: NULL. */
static int material(const char *what, const char *file, const char *data, int *ret_fd,
		    char **ret_path, struct error *err)
{
	if (data)
		return memory_file(data, ret_fd, ret_path, err);
	if (!file)
		return 0;
	if (access(file, R_OK) < 0)
		return error_set(err, ERR_INVALID, "%s %s: %s", what, file, strerror(errno));
	*ret_path = xstrdup(file);
	return 0;
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

/* Connect to the authority, but ask for and check the certificate of `server_name`. */
static void use_server_name(struct client_options *o, const char *authority, size_t len,
			    const char *server_name)
{
	auto_free char *host = xstrndup(authority, len);
	const char *bracket = strchr(host, ']');
	char *colon = strrchr(bracket ? bracket : host, ':');
	const char *port = "443";
	if (colon) {
		*colon = '\0';
		port = colon + 1;
	}
	o->base_url = xasprintf("https://%s:%s", server_name, port);
	o->connect_to = xasprintf("%s:%s:%s:%s", server_name, port, host, port);
}

static int set_url(struct client_options *o, const struct http_client_options *from,
		   struct error *err)
{
	const char *authority;
	size_t len;
	if (!from->base_url || !split_url(from->base_url, &o->is_tls, &authority, &len))
		return error_set(err, ERR_INVALID, "'%s' is no http:// or https:// address",
				 from->base_url ? from->base_url : "");
	if (from->server_name && o->is_tls)
		use_server_name(o, authority, len, from->server_name);
	else
		o->base_url =
			xasprintf("%s://%.*s", o->is_tls ? "https" : "http", (int)len, authority);
	return 0;
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
		.memory_fds = { -1, -1, -1 },
		.unix_socket = copy(from->unix_socket),
		.bearer_token = copy(from->bearer_token),
		.bearer_token_file = copy(from->bearer_token_file),
		.token_read_ms = -1,
		.user_agent = copy(from->user_agent),
		.insecure_skip_verify = from->insecure_skip_verify,
		.connect_timeout_ms = from->connect_timeout_ms > 0 ? from->connect_timeout_ms
								   : CONNECT_TIMEOUT_MS,
		.connections_max =
			from->connections_max > 0 ? from->connections_max : CONNECTIONS_MAX,
	};
	int code = set_url(o, from, err);
	if (code == 0)
		code = material("CA", from->ca_file, from->ca_data, &o->memory_fds[0], &o->ca_path,
				err);
	if (code == 0)
		code = material("client certificate", from->cert_file, from->cert_data,
				&o->memory_fds[1], &o->cert_path, err);
	if (code == 0)
		code = material("client key", from->key_file, from->key_data, &o->memory_fds[2],
				&o->key_path, err);
	if (code == 0 && !o->cert_path != !o->key_path)
		code = error_set(err, ERR_INVALID, "client certificate and key go together");
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
	for (size_t i = 0; i < ARRAY_LEN(o->memory_fds); i++)
		if (o->memory_fds[i] >= 0)
			close(o->memory_fds[i]);
	char *owned[] = { o->base_url,     o->connect_to,        o->unix_socket,
			  o->ca_path,      o->cert_path,         o->key_path,
			  o->bearer_token, o->bearer_token_file, o->user_agent };
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	*o = (struct client_options){ .memory_fds = { -1, -1, -1 } };
}
