#include "nodeagent/net/dns_internal.h"

#include "common/io/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SERVERS_MAX   8
#define ASKS_MAX      1024
#define TRIES_MAX     4
#define TRY_MS        1500
#define REREAD_MS     2000
#define HEADER        12
#define RESOLVED_CONF "/run/systemd/resolve/resolv.conf" /* behind systemd's stub */

struct resolver {
	struct sockaddr_storage address;
	socklen_t size;
};

struct dns_forward {
	struct loop *loop;
	const char *path, *own;
	struct resolver servers[SERVERS_MAX];
	size_t servers_count;
	struct timespec read_from; /* the file's time when it was read */
	int64_t looked_ms;
	bool is_read;
	struct dns_ask *asks;
	size_t asks_count;
};

struct dns_ask {
	struct dns_forward *forward;
	struct dns_ask *next, *previous;
	dns_ask_done *done;
	void *ctx;
	uint8_t *packet; /* with room for TCP's length in front */
	size_t size;
	uint16_t id, id_asked;
	bool by_tcp;
	size_t server;
	unsigned tries;
	int fd;
	struct loop_fd *ready;
	struct loop_timer *timer;
	size_t sent; /* TCP */
	struct str in;
};

/* ---- /etc/resolv.conf ---- */

static bool parse_address(const char *text, struct resolver *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&ret->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&ret->address;
	*ret = (struct resolver){ .size = sizeof(*v4) };
	v4->sin_family = AF_INET;
	v4->sin_port = htons(53);
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		return true;
	*ret = (struct resolver){ .size = sizeof(*v6) };
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(53);
	return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
}

/* Our own address would be a circle; so would a stub that asks us, hence its file first. */
static void read_servers(struct dns_forward *f, const char *path, bool with_loopback)
{
	char line[1024], word[256];
	FILE *file = fopen(path, "re");
	f->servers_count = 0;
	while (file && fgets(line, sizeof(line), file) && f->servers_count < SERVERS_MAX) {
		if (sscanf(line, "nameserver %255s", word) != 1 || streq(word, f->own) ||
		    (!with_loopback && starts_with(word, "127.0.0.53")))
			continue;
		if (parse_address(word, &f->servers[f->servers_count]))
			f->servers_count++;
	}
	if (file)
		fclose(file);
}

static void reread(struct dns_forward *f)
{
	struct stat st = { 0 };
	int64_t now = loop_now_ms(f->loop);
	if (f->is_read && now - f->looked_ms < REREAD_MS)
		return;
	f->looked_ms = now;
	(void)stat(f->path, &st); /* gone: no resolvers, as the file says */
	if (f->is_read && st.st_mtim.tv_sec == f->read_from.tv_sec &&
	    st.st_mtim.tv_nsec == f->read_from.tv_nsec)
		return;
	f->is_read = true;
	f->read_from = st.st_mtim;
	read_servers(f, f->path, false);
	if (f->servers_count == 0)
		read_servers(f, RESOLVED_CONF, false);
	if (f->servers_count == 0)
		read_servers(f, f->path, true);
	if (f->servers_count == 0)
		log_warn("dns", "no resolver, only names of the cluster can be answered", "file",
			 f->path);
}

/* ---- one question ---- */

static void ask_close(struct dns_ask *a)
{
	loop_fd_free(TAKE(a->ready));
	if (a->fd >= 0)
		close(TAKE_FD(a->fd));
}

void dns_ask_cancel(struct dns_ask *a)
{
	struct dns_forward *f = a->forward;
	if (a->previous)
		a->previous->next = a->next;
	else
		f->asks = a->next;
	if (a->next)
		a->next->previous = a->previous;
	f->asks_count--;
	ask_close(a);
	loop_timer_free(a->timer);
	str_fini(&a->in);
	free(a->packet);
	free(a);
}

static void ask_end(struct dns_ask *a, uint8_t *bytes, size_t size)
{
	dns_ask_done *done = a->done;
	void *ctx = a->ctx;
	auto_free uint8_t *copy = NULL;
	if (bytes) {
		copy = xmemdup(bytes, size);
		copy[0] = (uint8_t)(a->id_asked >> 8);
		copy[1] = (uint8_t)a->id_asked;
	}
	dns_ask_cancel(a);
	done(ctx, copy, size);
}

/* The question's own bytes, name in any case: a reply to something else is thrown away. */
static bool is_reply(const struct dns_ask *a, const uint8_t *bytes, size_t size)
{
	const uint8_t *asked = a->packet + 2;
	size_t n = HEADER;
	if (size < HEADER || bytes[0] != (uint8_t)(a->id >> 8) || bytes[1] != (uint8_t)a->id ||
	    !(bytes[2] & 0x80))
		return false;
	while (n < a->size && asked[n] != 0)
		n += (size_t)asked[n] + 1;
	n += 5;
	if (bytes[4] == 0 && bytes[5] == 0)
		return (bytes[3] & 15) != 0; /* refused without saying what */
	return n <= a->size && n <= size &&
	       strncasecmp((const char *)asked + HEADER, (const char *)bytes + HEADER,
			   n - HEADER) == 0;
}

static void try_next(struct dns_ask *a);

static void read_udp(struct dns_ask *a)
{
	uint8_t bytes[4096];
	for (int i = 0; i < 8; i++) {
		ssize_t n = recv(a->fd, bytes, sizeof(bytes), 0);
		if (n < 0 && errno == ECONNREFUSED) {
			try_next(a);
			return;
		}
		if (n < 0)
			return;
		if (is_reply(a, bytes, (size_t)n)) {
			ask_end(a, bytes, (size_t)n);
			return;
		}
	}
}

static void tcp_turn(struct dns_ask *a, unsigned events)
{
	char *room;
	if (events & LOOP_WRITE && a->sent < a->size + 2) {
		ssize_t n = send(a->fd, a->packet + a->sent, a->size + 2 - a->sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN) {
			try_next(a);
			return;
		}
		a->sent += n > 0 ? (size_t)n : 0;
		if (a->sent == a->size + 2)
			loop_fd_set(a->ready, LOOP_READ);
	}
	if (!(events & LOOP_READ) || !(room = str_reserve(&a->in, 4096)))
		return;
	ssize_t n = recv(a->fd, room, 4096, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		try_next(a);
		return;
	}
	str_grew(&a->in, (size_t)n);
	uint8_t *bytes = (uint8_t *)a->in.data;
	if (a->in.len < 2 || a->in.len - 2 < ((size_t)bytes[0] << 8 | bytes[1]))
		return;
	if (is_reply(a, bytes + 2, (size_t)bytes[0] << 8 | bytes[1]))
		ask_end(a, bytes + 2, (size_t)bytes[0] << 8 | bytes[1]);
	else
		try_next(a);
}

static void on_ready(void *ctx, unsigned events)
{
	struct dns_ask *a = ctx;
	if (a->by_tcp)
		tcp_turn(a, events);
	else
		read_udp(a);
}

static bool send_to(struct dns_ask *a, const struct resolver *r)
{
	int type = (a->by_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
	a->fd = socket(r->address.ss_family, type, 0);
	if (a->fd < 0)
		return false;
	if (connect(a->fd, (const struct sockaddr *)&r->address, r->size) < 0 &&
	    !(a->by_tcp && errno == EINPROGRESS))
		return false;
	if (!a->by_tcp && send(a->fd, a->packet + 2, a->size, 0) < 0)
		return false;
	a->ready = loop_fd_new(a->forward->loop, a->fd, on_ready, a);
	loop_fd_set(a->ready, a->by_tcp ? LOOP_READ | LOOP_WRITE : LOOP_READ);
	return true;
}

/* The next resolver, each twice at most; the timer ends what stays silent. */
static void try_next(struct dns_ask *a)
{
	struct dns_forward *f = a->forward;
	size_t tries = MIN((size_t)TRIES_MAX, f->servers_count * 2);
	ask_close(a);
	a->sent = 0;
	str_clear(&a->in);
	while (a->tries < tries) {
		a->tries++;
		if (send_to(a, &f->servers[a->server++ % f->servers_count])) {
			loop_timer_set(a->timer, TRY_MS);
			return;
		}
		ask_close(a);
	}
	a->tries = TRIES_MAX;
	ask_end(a, NULL, 0);
}

static void on_timer(void *ctx)
{
	try_next(ctx);
}

struct dns_ask *dns_forward_ask(struct dns_forward *f, const uint8_t *packet, size_t size,
				bool by_tcp, dns_ask_done *done, void *ctx)
{
	uint16_t id;
	reread(f);
	if (f->servers_count == 0 || f->asks_count >= ASKS_MAX || size < HEADER ||
	    size > DNS_PACKET_MAX || getrandom(&id, sizeof(id), 0) != sizeof(id))
		return NULL;
	struct dns_ask *a = xcalloc(1, sizeof(*a));
	a->forward = f;
	a->fd = -1;
	a->done = done;
	a->ctx = ctx;
	a->by_tcp = by_tcp;
	a->id = id;
	a->id_asked = (uint16_t)(packet[0] << 8 | packet[1]);
	a->packet = xcalloc(1, size + 2);
	a->size = size;
	memcpy(a->packet + 2, packet, size);
	a->packet[0] = (uint8_t)(size >> 8);
	a->packet[1] = (uint8_t)size;
	a->packet[2] = (uint8_t)(id >> 8);
	a->packet[3] = (uint8_t)id;
	str_init(&a->in, DNS_PACKET_MAX + 8192);
	a->timer = loop_timer_new(f->loop, on_timer, a);
	a->next = f->asks;
	if (f->asks)
		f->asks->previous = a;
	f->asks = a;
	f->asks_count++;
	loop_timer_set(a->timer, 0); /* the first try is a later turn's: done never comes inside */
	return a;
}

struct dns_forward *dns_forward_new(struct loop *loop, const char *resolv_conf,
				    const char *own_address)
{
	struct dns_forward *f = xcalloc(1, sizeof(*f));
	f->loop = loop;
	f->path = resolv_conf ? resolv_conf : "/etc/resolv.conf";
	f->own = own_address;
	return f;
}

void dns_forward_free(struct dns_forward *f)
{
	if (!f)
		return;
	while (f->asks)
		dns_ask_cancel(f->asks);
	free(f);
}
