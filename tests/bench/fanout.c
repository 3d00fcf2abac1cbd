/*
 * fanout.c - the floor of watches: GnuTLS, sockets, and the same bytes to everybody. No HTTP server.
 *
 *	fanout PORT CERT KEY BYTES
 *
 * Says "ready" once it listens. Whoever connects and sends a request's head gets an answer's head (chunked)
 * and stays. A line "N" on standard input sends N events of BYTES bytes to all of them, each event in one
 * record, as fast as they are taken; then the CPU time of that in microseconds is printed.
 */
#include "common/base/base.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX  20000
#define EVENT_MAX  65536
#define MARK       "change-%06d"
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:%SERVER_PRECEDENCE"

static gnutls_session_t peers[PEERS_MAX];
static size_t peers_count;

static void must(bool is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "fanout: %s\n", what);
	exit(1);
}

static void send_all(gnutls_session_t s, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = gnutls_record_send(s, bytes, n);
		if (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED)
			continue;
		must(sent > 0, "a peer left");
		bytes += sent;
		n -= (size_t)sent;
	}
}

static void welcome(int listening, gnutls_certificate_credentials_t credentials)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				     "Transfer-Encoding: chunked\r\n\r\n";
	char head[4096];
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC), one = 1;
	gnutls_session_t s;
	must(fd >= 0 && peers_count < PEERS_MAX, "accept");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	must(gnutls_init(&s, GNUTLS_SERVER) == 0 &&
		     gnutls_priority_set_direct(s, PRIORITIES, NULL) == 0 &&
		     gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, credentials) == 0,
	     "session");
	gnutls_transport_set_int(s, fd);
	int code;
	while ((code = gnutls_handshake(s)) == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED)
		;
	if (code < 0) { /* whoever only asks whether the port is there */
		gnutls_deinit(s);
		close(fd);
		return;
	}
	must(gnutls_record_recv(s, head, sizeof head) > 0, "no request");
	send_all(s, answer, sizeof answer - 1);
	peers[peers_count++] = s;
}

static double cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void send_events(long count, size_t bytes)
{
	static char event[EVENT_MAX];
	double begun = cpu_us();
	for (long i = 0; i < count; i++) {
		int n = snprintf(event, sizeof event, "%zx\r\n", bytes);
		must(n > 0, "snprintf");
		memset(event + n, 'x', bytes);
		char mark[32];
		int marked = snprintf(mark, sizeof mark, MARK, (int)i);
		must(marked > 0, "snprintf");
		memcpy(event + n, mark, (size_t)marked);
		event[n + (int)bytes - 1] = '\n';
		memcpy(event + n + bytes, "\r\n", 2);
		for (size_t p = 0; p < peers_count; p++)
			send_all(peers[p], event, (size_t)n + bytes + 2);
	}
	printf("%.0f\n", cpu_us() - begun);
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	must(argc == 5, "usage: fanout PORT CERT KEY BYTES");
	size_t bytes = strtoul(argv[4], NULL, 10);
	must(bytes >= 64 && bytes < EVENT_MAX - 64, "BYTES");
	gnutls_certificate_credentials_t credentials;
	must(gnutls_certificate_allocate_credentials(&credentials) == 0 &&
		     gnutls_certificate_set_x509_key_file(credentials, argv[2], argv[3],
							  GNUTLS_X509_FMT_PEM) >= 0,
	     "certificate");
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10)),
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	(void)setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	must(bind(listening, (struct sockaddr *)&a, sizeof a) == 0 && listen(listening, 8192) == 0,
	     "listen");
	puts("ready");
	(void)fflush(stdout);
	for (;;) {
		struct pollfd now[2] = { { .fd = listening, .events = POLLIN },
					 { .fd = 0, .events = POLLIN } };
		must(poll(now, 2, -1) > 0, "poll");
		if (now[0].revents) {
			welcome(listening, credentials);
		} else if (now[1].revents) {
			char line[32];
			if (!fgets(line, sizeof line, stdin))
				return 0;
			send_events(strtol(line, NULL, 10), bytes);
		}
	}
}
