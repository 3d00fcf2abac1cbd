#include "nodeagent/net/dns_internal.h"

#include "common/io/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#define LISTEN_FD  3  /* sd_listen_fds(3): passed sockets start here */
#define A_TURN     64 /* packets read in one turn of the loop */
#define READ_SIZE  4096
#define WAIT_MS    4000 /* for the first lists; then other names are answered at least */
#define BACKLOG    128
#define PASSED_MAX 64

/* A question that another server was asked for us. */
struct job {
	struct dns_server *server;
	struct job *next, *previous;
	struct dns_client client;
	uint8_t *packet;
	size_t size;
	struct dns_result so_far; /* verdict CHASE */
	struct dns_ask *ask;
};

struct dns_server {
	struct dns_server_options options;
	int udp, tcp;
	struct loop_fd *ready;
	struct loop_timer *wait;
	struct dns_tcp *connections;
	struct dns_forward *forward;
	struct job *jobs;
	bool is_serving;
};

/* ---- sockets ---- */

/* The nth name of LISTEN_FDNAMES, or that nobody passed it: -1. */
static int passed_socket(const char *name)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS"),
		   *names = getenv("LISTEN_FDNAMES");
	if (!pid || !count || !names || strtol(pid, NULL, 10) != getpid())
		return -1;
	long n = strtol(count, NULL, 10);
	for (int i = 0; i < n && i < PASSED_MAX; i++) {
		size_t len = strcspn(names, ":");
		if (len == strlen(name) && strncmp(names, name, len) == 0) {
			int fd = LISTEN_FD + i;
			int flags = fcntl(fd, F_GETFL);
			if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
			    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
				return -1;
			return fd;
		}
		names += len + (names[len] == ':');
	}
	return -1;
}

static int open_socket(const struct dns_server_options *o, const char *name, int type, int *ret,
		       struct error *err)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(o->port ? o->port : 53) };
	int one = 1;
	int fd = passed_socket(name);
	if (fd >= 0) {
		*ret = fd;
		return 0;
	}
	if (inet_pton(AF_INET, o->address, &at.sin_addr) != 1)
		return error_set(err, ERR_INVALID, "'%s' is no address for DNS", o->address);
	fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) < 0)) {
		int code = error_set(err, ERR_UNAVAILABLE, "DNS cannot listen on %s: %s",
				     o->address, strerror(errno));
		if (fd >= 0)
			close(fd);
		return code;
	}
	*ret = fd;
	return 0;
}

/* ---- answering ---- */

static void reply(struct dns_server *s, const struct dns_client *to, const uint8_t *bytes,
		  size_t size)
{
	if (to->connection)
		dns_tcp_send(to->connection, bytes, size);
	else /* a full socket buffer loses it, as the network may; the client asks again */
		(void)sendto(s->udp, bytes, size, MSG_DONTWAIT, (const struct sockaddr *)&to->from,
			     sizeof(to->from));
}

static void reply_result(struct dns_server *s, const struct dns_client *to, struct dns_result *r)
{
	if (r->verdict == DNS_ANSWER)
		reply(s, to, r->bytes, r->size);
	dns_result_fini(r);
}

static void job_free(struct job *j)
{
	struct dns_server *s = j->server;
	if (j->previous)
		j->previous->next = j->next;
	else
		s->jobs = j->next;
	if (j->next)
		j->next->previous = j->previous;
	if (j->ask)
		dns_ask_cancel(j->ask);
	dns_result_fini(&j->so_far);
	free(j->packet);
	free(j);
}

static void on_answered(void *ctx, const uint8_t *bytes, size_t size)
{
	struct job *j = ctx;
	struct dns_server *s = j->server;
	struct dns_result r = { 0 };
	bool is_tcp = j->client.connection != NULL;
	j->ask = NULL;
	if (j->so_far.verdict == DNS_CHASE) {
		dns_join(j->packet, j->size, is_tcp, j->so_far.bytes, j->so_far.size, bytes, size,
			 &r);
		reply_result(s, &j->client, &r);
	} else if (bytes) {
		reply(s, &j->client, bytes, size);
	} else {
		dns_refuse(j->packet, j->size, DNS_SERVFAIL, &r);
		reply_result(s, &j->client, &r);
	}
	job_free(j);
}

static void ask_others(struct dns_server *s, const struct dns_client *client, const uint8_t *packet,
		       size_t size, struct dns_result *r)
{
	bool is_chase = r->verdict == DNS_CHASE;
	struct job *j = xcalloc(1, sizeof(*j));
	j->server = s;
	j->client = *client;
	j->packet = xmemdup(packet, size);
	j->size = size;
	j->so_far = *r;
	*r = (struct dns_result){ 0 };
	j->next = s->jobs;
	if (j->next)
		j->next->previous = j;
	s->jobs = j;
	j->ask = dns_forward_ask(s->forward, is_chase ? j->so_far.ask : packet,
				 is_chase ? j->so_far.ask_size : size, client->connection != NULL,
				 on_answered, j);
	if (!j->ask)
		on_answered(j, NULL, 0);
}

void dns_serve(struct dns_server *s, const struct dns_client *client, const uint8_t *packet,
	       size_t size)
{
	struct dns_result r;
	dns_answer(&s->options.zone, packet, size, client->connection != NULL, &r);
	bool is_known = cache_is_synced(s->options.services) && cache_is_synced(s->options.slices);
	if (!is_known && (r.verdict == DNS_ANSWER || r.verdict == DNS_CHASE)) {
		dns_result_fini(&r);
		dns_refuse(packet, size, DNS_SERVFAIL, &r);
	}
	if (r.verdict == DNS_FORWARD || r.verdict == DNS_CHASE)
		ask_others(s, client, packet, size, &r);
	else
		reply_result(s, client, &r);
}

void dns_serve_forget(struct dns_server *s, const struct dns_tcp_connection *connection)
{
	for (struct job *j = s->jobs, *next; j; j = next) {
		next = j->next;
		if (j->client.connection == connection)
			job_free(j);
	}
}

static void on_packets(void *ctx, unsigned events)
{
	struct dns_server *s = ctx;
	uint8_t packet[READ_SIZE];
	(void)events;
	for (int i = 0; i < A_TURN; i++) {
		struct dns_client client = { 0 };
		socklen_t len = sizeof(client.from);
		ssize_t n = recvfrom(s->udp, packet, sizeof(packet), MSG_DONTWAIT,
				     (struct sockaddr *)&client.from, &len);
		if (n < 0)
			return;
		dns_serve(s, &client, packet, (size_t)n);
	}
}

/* ---- beginning ---- */

static void serve(struct dns_server *s)
{
	if (s->is_serving)
		return;
	s->is_serving = true;
	loop_timer_stop(s->wait);
	loop_fd_set(s->ready, LOOP_READ);
	dns_tcp_start(s->connections);
	log_info("dns", "answering", "address", s->options.address);
}

static void on_wait(void *ctx)
{
	struct dns_server *s = ctx;
	if (!s->is_serving)
		log_warn("dns", "the API server has not told what there is, names of the cluster "
				"fail until it does");
	serve(s);
}

static void on_progressed(void *ctx)
{
	struct dns_server *s = ctx;
	if (!s->is_serving && cache_is_synced(s->options.services) &&
	    cache_is_synced(s->options.slices))
		serve(s);
}

int dns_server_new(const struct dns_server_options *options, struct dns_server **ret,
		   struct error *err)
{
	int udp, tcp;
	if (open_socket(options, "dns-udp", SOCK_DGRAM, &udp, err) < 0)
		return err->code;
	if (open_socket(options, "dns-tcp", SOCK_STREAM, &tcp, err) < 0) {
		close(udp);
		return err->code;
	}
	struct dns_server *s = xcalloc(1, sizeof(*s));
	s->options = *options;
	s->udp = udp;
	s->tcp = tcp;
	s->ready = loop_fd_new(options->loop, udp, on_packets, s);
	s->connections = dns_tcp_new(options->loop, s, tcp);
	s->forward = dns_forward_new(options->loop, options->resolv_conf, options->address);
	s->wait = loop_timer_new(options->loop, on_wait, s);
	loop_timer_set(s->wait, WAIT_MS);
	struct cache_subscriber subscriber = { NULL, on_progressed, s };
	cache_subscribe(options->services, &subscriber);
	cache_subscribe(options->slices, &subscriber);
	on_progressed(s);
	*ret = s;
	return 0;
}

void dns_server_free(struct dns_server *s)
{
	if (!s)
		return;
	cache_unsubscribe(s->options.services, s);
	cache_unsubscribe(s->options.slices, s);
	dns_tcp_free(s->connections);
	while (s->jobs)
		job_free(s->jobs);
	dns_forward_free(s->forward);
	loop_fd_free(s->ready);
	loop_timer_free(s->wait);
	close(s->udp);
	close(s->tcp);
	free(s);
}
