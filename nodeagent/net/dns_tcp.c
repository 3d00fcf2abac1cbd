#include "nodeagent/net/dns_internal.h"

#include <errno.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 256
#define IDLE_MS         10000
#define OUT_MAX         ((size_t)1 << 20)
#define READ_SIZE       4096

struct dns_tcp_connection {
	struct dns_tcp *tcp;
	struct dns_tcp_connection *next, *previous;
	int fd;
	struct loop_fd *ready;
	struct loop_timer *idle;
	struct str in, out;
};

struct dns_tcp {
	struct loop *loop;
	struct dns_server *server;
	int fd;
	struct loop_fd *ready;
	struct dns_tcp_connection *connections;
	size_t connections_count;
};

static void connection_free(struct dns_tcp_connection *c)
{
	struct dns_tcp *t = c->tcp;
	dns_serve_forget(t->server, c);
	if (c->previous)
		c->previous->next = c->next;
	else
		t->connections = c->next;
	if (c->next)
		c->next->previous = c->previous;
	t->connections_count--;
	loop_fd_free(c->ready);
	loop_timer_free(c->idle);
	close(c->fd);
	str_fini(&c->in);
	str_fini(&c->out);
	free(c);
}

static void on_idle(void *ctx)
{
	connection_free(ctx);
}

/* false: the connection is broken. */
static bool write_some(struct dns_tcp_connection *c)
{
	while (c->out.len > 0) {
		ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			return false;
		str_consume(&c->out, (size_t)n);
	}
	loop_fd_set(c->ready, c->out.len > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
	return true;
}

void dns_tcp_send(struct dns_tcp_connection *c, const uint8_t *bytes, size_t size)
{
	const char length[2] = { (char)(size >> 8), (char)size };
	str_add_bytes(&c->out, length, sizeof(length));
	str_add_bytes(&c->out, bytes, size);
	/* Who does not read its answers is closed by the idle timer. */
	loop_timer_set(c->idle, str_ok(&c->out) ? IDLE_MS : 0);
	if (str_ok(&c->out))
		loop_fd_set(c->ready, LOOP_READ | LOOP_WRITE);
}

static bool serve_all(struct dns_tcp_connection *c)
{
	while (c->in.len >= 2) {
		const uint8_t *bytes = (const uint8_t *)c->in.data;
		size_t n = (size_t)bytes[0] << 8 | bytes[1];
		if (c->in.len - 2 < n)
			break;
		struct dns_client client = { .connection = c };
		dns_serve(c->tcp->server, &client, bytes + 2, n);
		str_consume(&c->in, n + 2);
	}
	return str_ok(&c->in);
}

static bool read_some(struct dns_tcp_connection *c)
{
	char *room = str_reserve(&c->in, READ_SIZE);
	if (!room)
		return false;
	ssize_t n = recv(c->fd, room, READ_SIZE, 0);
	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	str_grew(&c->in, (size_t)n);
	loop_timer_set(c->idle, IDLE_MS);
	return serve_all(c);
}

static void on_connection(void *ctx, unsigned events)
{
	struct dns_tcp_connection *c = ctx;
	if ((events & LOOP_READ && !read_some(c)) || (events & LOOP_WRITE && !write_some(c)))
		connection_free(c);
}

static void on_accept(void *ctx, unsigned events)
{
	struct dns_tcp *t = ctx;
	(void)events;
	for (int i = 0; i < 32; i++) {
		int fd = accept4(t->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		if (t->connections_count >= CONNECTIONS_MAX) {
			close(fd);
			continue;
		}
		struct dns_tcp_connection *c = xcalloc(1, sizeof(*c));
		c->tcp = t;
		c->fd = fd;
		str_init(&c->in, DNS_PACKET_MAX + 2 + READ_SIZE);
		str_init(&c->out, OUT_MAX);
		c->ready = loop_fd_new(t->loop, fd, on_connection, c);
		c->idle = loop_timer_new(t->loop, on_idle, c);
		c->next = t->connections;
		if (c->next)
			c->next->previous = c;
		t->connections = c;
		t->connections_count++;
		loop_timer_set(c->idle, IDLE_MS);
		loop_fd_set(c->ready, LOOP_READ);
	}
}

struct dns_tcp *dns_tcp_new(struct loop *loop, struct dns_server *server, int fd)
{
	struct dns_tcp *t = xcalloc(1, sizeof(*t));
	t->loop = loop;
	t->server = server;
	t->fd = fd;
	t->ready = loop_fd_new(loop, fd, on_accept, t);
	return t;
}

void dns_tcp_start(struct dns_tcp *t)
{
	loop_fd_set(t->ready, LOOP_READ);
}

void dns_tcp_free(struct dns_tcp *t)
{
	if (!t)
		return;
	while (t->connections)
		connection_free(t->connections);
	loop_fd_free(t->ready);
	free(t);
}
