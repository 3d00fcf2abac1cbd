#include "common/io/http_server_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#define BACKLOG 1024

static int fail(struct error *err, const char *what)
{
	int code = errno == EADDRINUSE ? ERR_EXISTS : ERR_INVALID;
	return error_set(err, (enum err_code)code, "cannot listen on %s: %s", what,
			 strerror(errno));
}

static int listen_unix(const char *path, int *ret, struct error *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	if (snprintf(at.sun_path, sizeof at.sun_path, "%s", path) >= (int)sizeof at.sun_path)
		return error_set(err, ERR_INVALID, "socket path '%s' is too long", path);
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(err, path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, BACKLOG) < 0)
		return fail(err, path);
	*ret = TAKE_FD(fd);
	return 0;
}

static bool parse_address(const char *text, uint16_t port, struct sockaddr_storage *ret,
			  socklen_t *ret_len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	memset(ret, 0, sizeof *ret);
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		*ret_len = sizeof *v4;
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		*ret_len = sizeof *v6;
		return true;
	}
	return false;
}

static int listen_tcp(const char *address, uint16_t port, int *ret, struct error *err)
{
	struct sockaddr_storage at;
	socklen_t len;
	int on = 1;
	if (!parse_address(address, port, &at, &len))
		return error_set(err, ERR_INVALID, "'%s' is no address", address);
	auto_close int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	auto_free char *what = xasprintf("%s port %u", address, port);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, BACKLOG) < 0)
		return fail(err, what);
	*ret = TAKE_FD(fd);
	return 0;
}

/* Accepted sockets inherit them: answers are written whole; and a peer that has vanished without
 * a word (power, cable, NAT) is noticed within two minutes, however quiet its watch or stream. */
static void set_options(int fd)
{
	const struct {
		int level, name, value;
	} options[] = { { IPPROTO_TCP, TCP_NODELAY, 1 },
			{ SOL_SOCKET, SO_KEEPALIVE, 1 },
			{ IPPROTO_TCP, TCP_KEEPIDLE, 60 },
			{ IPPROTO_TCP, TCP_KEEPINTVL, 15 },
			{ IPPROTO_TCP, TCP_KEEPCNT, 4 } };
	for (size_t i = 0; i < ARRAY_LEN(options); i++) /* unix sockets have none: no matter */
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
				 sizeof options[i].value);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;
	if (getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return 0;
	if (at.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&at)->sin_port);
	return at.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&at)->sin6_port) : 0;
}

/* The descriptor, or an error. */
int server_listen(struct http_server *s, struct error *err)
{
	const struct http_server_options *o = &s->options;
	int fd = -1, code = 0;
	if (o->listen_fd > 0)
		fd = fcntl(o->listen_fd, F_DUPFD_CLOEXEC, 3);
	else if (o->unix_socket)
		code = listen_unix(o->unix_socket, &fd, err);
	else
		code = listen_tcp(o->address ? o->address : "127.0.0.1", o->port, &fd, err);
	if (code < 0)
		return code;
	if (fd < 0)
		return fail(err, "the inherited socket");
	set_options(fd);
	s->port = port_of(fd);
	return fd;
}
