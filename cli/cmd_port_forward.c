/* port-forward: a local port that leads to a pod's. Every connection is a child process of its own
 * with a WebSocket of its own; channel 0 carries the bytes, channel 1 what went wrong. */
#include "cli/command.h"
#include "cli/pods.h"
#include "cli/request.h"
#include "cli/ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define PORTS_MAX   16
#define PIECE_BYTES (32u << 10)

enum channel { DATA = 0, ERROR = 1, CLOSE = 255 };

/* The first can say that our direction has ended. */
#define PROTOCOLS "v5.channel.k8s.io, v4.channel.k8s.io"

extern const struct command command_port_forward;

struct forward {
	const struct session *session;
	const json_t *pod;
	uint16_t remote;
	int listener;
};

struct relay {
	int fd;
	size_t greetings; /* each channel begins with the port's number */
	bool is_broken;
};

static int parse_ports(const char *text, uint16_t *ret_local, uint16_t *ret_remote,
		       struct error *err)
{
	char *end;
	unsigned long local = strtoul(text, &end, 10), remote = local;
	bool has_local = end != text;
	if (*end == ':') {
		const char *second = end + 1;
		remote = strtoul(second, &end, 10);
		if (!has_local)
			local = 0; /* ":80": any free one */
		if (end == second)
			remote = 0;
	}
	if (*end || remote == 0 || remote > 65535 || local > 65535)
		return error_set(err, ERR_INVALID,
				 "'%s': write LOCAL:REMOTE, PORT or :REMOTE, each up to 65535",
				 text);
	*ret_local = (uint16_t)local;
	*ret_remote = (uint16_t)remote;
	return 0;
}

static int listen_on(uint16_t port, int *ret, uint16_t *ret_port, struct error *err)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t len = sizeof at;
	int one = 1;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return error_set(err, ERR_INVALID, "port %u of this machine: %s", port,
				 strerror(errno));
	*ret_port = ntohs(at.sin_port);
	*ret = TAKE_FD(fd);
	return 0;
}

static void on_message(void *ctx, uint8_t channel, const char *bytes, size_t n)
{
	struct relay *r = ctx;
	if (r->greetings < 2 && n == 2) {
		r->greetings++;
		return;
	}
	if (channel == ERROR && n > 0)
		fprintf(stderr, "error: %.*s\n", (int)n, bytes);
	while (channel == DATA && n > 0 && !r->is_broken) {
		ssize_t sent = send(r->fd, bytes, n, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		r->is_broken = sent <= 0;
		bytes += sent > 0 ? sent : 0;
		n -= sent > 0 ? (size_t)sent : 0;
	}
}

static void relay(struct ws *w, int fd)
{
	char buf[PIECE_BYTES];
	struct relay r = { .fd = fd };
	const uint8_t data = DATA;
	bool up = true, can_close = starts_with(ws_protocol(w), "v5.");
	int state = 1;
	while (state > 0 && !r.is_broken) {
		struct pollfd p[2] = { { .fd = ws_fd(w), .events = POLLIN },
				       { .fd = up ? fd : -1, .events = POLLIN } };
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents) {
			ssize_t n = read(fd, buf, sizeof buf);
			if (n < 0 || (n > 0 && ws_send(w, DATA, buf, (size_t)n) < 0))
				return;
			up = n > 0;
			if (!up && can_close && ws_send(w, CLOSE, &data, 1) < 0)
				return;
		}
		if (p[0].revents)
			do
				state = ws_receive(w, on_message, &r);
			while (state > 0 && ws_has_pending(w) && !r.is_broken);
	}
}

static void serve(const struct forward *f, int fd)
{
	AUTO_STR target;
	AUTO(ws) *w = NULL;
	struct error err;
	str_init(&target, 8192);
	str_add(&target, "/api/v1/namespaces/");
	str_add_urlencoded(&target, json_str_or(f->pod, "metadata.namespace", ""));
	str_add(&target, "/pods/");
	str_add_urlencoded(&target, json_str_or(f->pod, "metadata.name", ""));
	str_addf(&target, "/portforward?ports=%u", f->remote);
	if (ws_open(f->session, target.data, PROTOCOLS, &w, &err) < 0)
		fprintf(stderr, "error: %s\n", err.text);
	else
		relay(w, fd);
}

static void accept_one(const struct forward *f)
{
	auto_close int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return; /* it gave up while it waited */
	pid_t pid = fork();
	if (pid < 0) {
		fprintf(stderr, "error: fork: %s\n", strerror(errno));
	} else if (pid == 0) {
		/* It ends with us. The loop and its descriptors are the parent's: not touched. */
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		serve(f, fd);
		_exit(0);
	}
}

static int forward_all(struct forward *f, size_t n)
{
	signal(SIGCHLD, SIG_IGN); /* children vanish by themselves */
	for (;;) {
		struct pollfd p[PORTS_MAX];
		for (size_t i = 0; i < n; i++)
			p[i] = (struct pollfd){ .fd = f[i].listener, .events = POLLIN };
		if (poll(p, n, -1) < 0 && errno != EINTR)
			return EXIT_FAILED;
		for (size_t i = 0; i < n; i++)
			if (p[i].revents)
				accept_one(&f[i]);
	}
}

/* A Service's port is the port of its pods that it leads to. */
static uint16_t target_port(struct session *s, const struct arguments *a, const json_t *pod,
			    uint16_t port)
{
	AUTO_REPLY r = { 0 };
	const char *word = a->words.at[0];
	if (!starts_with(word, "svc/") && !starts_with(word, "service/") &&
	    !starts_with(word, "services/"))
		return port;
	struct api_resource services = { "", "v1", "services", true };
	auto_free char *path = api_path(&services, json_str_or(pod, "metadata.namespace", ""),
					strchr(word, '/') + 1, NULL);
	request_json(s, "GET", path, NULL, NULL, &r);
	const json_t *ports = json_dig(r.body, "spec.ports");
	for (size_t i = 0; i < json_array_size(ports); i++) {
		const json_t *p = json_array_get(ports, i);
		if (json_int_or(p, "port", 0) == port)
			return (uint16_t)json_int_or(p, "targetPort", port);
	}
	return port;
}

static int run(int argc, char **argv)
{
	struct arguments a = { 0 };
	struct error err;
	AUTO_SESSION s = { 0 };
	AUTO_JSON *pod = NULL;
	struct forward f[PORTS_MAX];
	size_t n = 0;
	int code = command_parse(command_port_forward.usage, argc, argv, NULL, 0, &a);
	if (code == 0 && (a.words.count < 2 || a.words.count > PORTS_MAX)) {
		fprintf(stderr, "usage: skiff %s\n", command_port_forward.usage);
		code = EXIT_REFUSED;
	}
	if (code == 0)
		code = command_open(&a, &s);
	if (code)
		return code;
	struct words target = { .at = { a.words.at[0] }, .count = 1 };
	code = pod_of_words(&s, &target, command_namespace(&a, &s), &pod);
	for (size_t i = 1; i < a.words.count && code == 0; i++) {
		uint16_t local = 0, remote = 0;
		f[n] = (struct forward){ .session = &s, .pod = pod, .listener = -1 };
		if (parse_ports(a.words.at[i], &local, &remote, &err) < 0 ||
		    listen_on(local, &f[n].listener, &local, &err) < 0) {
			code = error_explain(&err);
			break;
		}
		f[n].remote = target_port(&s, &a, pod, remote);
		printf("127.0.0.1:%u leads to %s:%u\n", local,
		       json_str_or(pod, "metadata.name", ""), f[n++].remote);
	}
	fflush(stdout);
	if (code == 0)
		code = forward_all(f, n);
	while (n > 0)
		close(f[--n].listener);
	return code;
}

const struct command command_port_forward = {
	.name = "port-forward",
	.usage = "port-forward POD | TYPE/NAME [LOCAL:]REMOTE…",
	.summary = "a port of this machine leads to a pod's",
	.help = "  8080:80   127.0.0.1:8080 leads to the pod's port 80; :80: any free port does\n"
		"  svc/web   one of its pods, the port being the Service's\n",
	.run = run,
};
