/*
 * exec, attach and port-forward: the runtime gives a URL of its streaming server, good for one
 * request; the client's connection is taken over and its bytes are relayed there as they are.
 */
#include "nodeagent/exec_end.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX    65536
#define COMMAND_MAX 1024
#define PORTS_MAX   64
#define VALUES_MAX  16

struct stream {
	struct port *port;
	struct http_exchange *x;
	struct runtime_call *call;
	struct str head;      /* for the streaming server; the request line comes with the URL */
	char *method, *query; /* what of the query goes on: the ports */
	struct in_addr address;
	uint16_t number;
	struct exec_end *end; /* an exec with stdin; else NULL */
	int fd;               /* to the streaming server; closed with the stream */
};

static void stream_free(struct stream *s)
{
	exec_end_free(s->end);
	if (s->fd >= 0)
		close(s->fd);
	str_fini(&s->head);
	free(s->method);
	free(s->query);
	free(s);
}

/* ---- on the stream thread ---- */

static int dial(const struct stream *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(s->number),
				 .sin_addr = s->address };
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* costs only latency */
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool send_head(int fd, const struct str *head)
{
	for (size_t at = 0; at < head->len;) {
		ssize_t n = send(fd, head->data + at, head->len - at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

static void run(void *ctx, struct http_duplex *d)
{
	static const char refused[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
				      "Connection: close\r\n\r\n";
	struct stream *s = ctx;
	s->fd = dial(s);
	if (s->fd < 0 || !send_head(s->fd, &s->head)) {
		(void)http_duplex_write(d, refused, sizeof(refused) - 1); /* nobody else to tell */
		return;
	}
	if (s->end)
		exec_end_opened(s->end, s->fd, http_duplex_fd(d));
	http_duplex_relay(d, s->fd, s->end ? exec_end_fd(s->end) : -1);
	if (s->end)
		exec_end_tell(s->end, d);
	(void)shutdown(s->fd, SHUT_RDWR); /* the runtime need not wait for the loop */
}

static void done(void *ctx)
{
	stream_free(ctx);
}

/* ---- on the loop ---- */

/* "http://127.0.0.1:40123/exec/TOKEN" */
static bool take_url(struct stream *s, const char *url, struct str *path)
{
	const char *host = starts_with(url, "http://") ? url + 7 : NULL;
	const char *colon = host ? strchr(host, ':') : NULL;
	const char *slash = colon ? strchr(colon, '/') : NULL;
	char text[64];
	if (!slash || (size_t)(colon - host) >= sizeof(text))
		return false;
	memcpy(text, host, (size_t)(colon - host));
	text[colon - host] = '\0';
	long number = strtol(colon + 1, NULL, 10);
	if (inet_pton(AF_INET, text[0] ? text : "127.0.0.1", &s->address) != 1 || number <= 0 ||
	    number > 65535)
		return false;
	s->number = (uint16_t)number;
	str_add(path, slash);
	return true;
}

static void on_url(void *ctx, const struct cri_reply *reply)
{
	struct stream *s = ctx;
	AUTO_STR path, head;
	str_init(&path, HEAD_MAX);
	str_init(&head, HEAD_MAX);
	if (reply->code < 0) {
		struct error err;
		error_set(&err, (enum err_code)reply->code, "%s", reply->message);
		port_fail_error(s->x, &err);
		stream_free(s);
		return;
	}
	if (!take_url(s, reply->text, &path)) {
		port_fail(s->x, 500, "the runtime gave no streaming address");
		stream_free(s);
		return;
	}
	str_addf(&head, "%s %s%s%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n", s->method, path.data,
		 s->query[0] ? "?" : "", s->query, s->number);
	str_add_bytes(&head, s->head.data, s->head.len);
	str_clear(&s->head);
	str_add_bytes(&s->head, head.data, head.len);
	http_takeover(s->x, run, done, s);
}

/* A carrier that cannot list gives the first value alone. */
static size_t values_of(struct http_exchange *x, const char *name, const char *values[VALUES_MAX])
{
	if (x->ops->header_values)
		return http_header_values(x, name, values, VALUES_MAX);
	values[0] = http_header_get(x, name);
	return values[0] ? 1 : 0;
}

/* All that decides about protocols; neither credentials nor Origin go on. */
static void copy_headers(struct stream *s)
{
	static const char *const names[] = { "Upgrade",
					     "Connection",
					     "Sec-WebSocket-Key",
					     "Sec-WebSocket-Version",
					     "Sec-WebSocket-Protocol",
					     "X-Stream-Protocol-Version",
					     "User-Agent",
					     "Content-Length" };
	const char *values[VALUES_MAX];
	str_init(&s->head, HEAD_MAX);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t n = values_of(s->x, names[i], values);
		for (size_t k = 0; k < n; k++)
			if (!strpbrk(values[k], "\r\n"))
				str_addf(&s->head, "%s: %s\r\n", names[i], values[k]);
	}
	str_add(&s->head, "\r\n");
}

static size_t read_command(const char *query, char *command[COMMAND_MAX])
{
	size_t n = 0;
	while (n < COMMAND_MAX && (command[n] = query_value(query, "command", n)))
		n++;
	return n;
}

static size_t read_ports(struct stream *s, const char *query, int32_t ports[PORTS_MAX])
{
	size_t n = 0;
	AUTO_STR text;
	str_init(&text, HEAD_MAX);
	for (const char *name = "ports"; name; name = streq(name, "ports") ? "port" : NULL) {
		for (size_t i = 0; n < PORTS_MAX; i++) {
			auto_free char *value = query_value(query, name, i);
			if (!value)
				break;
			long number = strtol(value, NULL, 10);
			if (number > 0 && number <= 65535) {
				ports[n++] = (int32_t)number;
				str_addf(&text, "%s%s=%ld", text.len ? "&" : "", name, number);
			}
		}
	}
	free(s->query);
	s->query = str_take(&text);
	return n;
}

static bool either(const char *query, const char *a, const char *b)
{
	return query_true(query, a) || query_true(query, b);
}

void port_stream(struct port *p, struct http_exchange *x, const struct port_path *path)
{
	struct agent_container c;
	struct error err;
	const char *const *parts = (const char *const *)path->parts;
	bool is_exec = starts_with(x->path, "/exec/"),
	     is_forward = starts_with(x->path, "/portForward/");
	const char *container = is_forward ? "" : parts[2];
	int code = is_forward ? agent_find_sandbox(p->agent, parts[0], parts[1], &c, &err)
			      : agent_find_container(p->agent, parts[0], parts[1], container, &c,
						     &err);
	if (code == 0 && !is_forward && !c.is_running)
		code = error_set(&err, ERR_INVALID, "container %s is not running", container);
	if (code < 0) {
		port_fail_error(x, &err);
		return;
	}
	char *command[COMMAND_MAX];
	int32_t ports[PORTS_MAX];
	struct stream *s = xcalloc(1, sizeof(*s));
	s->port = p;
	s->x = x;
	s->method = xstrdup(x->method);
	s->query = xstrdup("");
	s->fd = -1;
	copy_headers(s);
	size_t words = is_exec ? read_command(x->query, command) : 0;
	struct cri_request request = {
		.op = is_exec      ? CRI_EXEC
		      : is_forward ? CRI_PORT_FORWARD
				   : CRI_ATTACH,
		.id = is_forward ? c.sandbox_id : c.id,
		.command = { (const char *const *)command, words },
		.tty = is_exec ? query_true(x->query, "tty") : c.tty,
		.use_stdin = either(x->query, "input", "stdin"),
		.use_stdout = either(x->query, "output", "stdout"),
		.use_stderr = either(x->query, "error", "stderr"),
		.ports = ports,
	};
	const char *upgrade = http_header_get(x, "Upgrade");
	if (is_exec && request.use_stdin)
		s->end = exec_end_new(p, c.id, upgrade && starts_with(upgrade, "SPDY/"));
	if (is_forward)
		request.ports_count = read_ports(s, x->query, ports);
	s->call = runtime_start(p->runtime, &request, on_url, s);
	for (size_t i = 0; i < words; i++)
		free(command[i]);
}
