#include "apiserver/node_relay.h"
#include "apiserver/failure.h"
#include "common/io/stream_dial.h"
#include "common/io/tls.h"

#include <stdio.h>

#define HEAD_MAX        65536
#define DIAL_TIMEOUT_MS 15000
#define HEAD_TIMEOUT_MS 30000
#define LINGER_MS       2000
#define PIECE_BYTES     4096
/* The first frames of a client that speaks before it has its answer. */
#define BEGIN_MAX (64u << 10)

struct node_relay *node_relay_new(const struct node_address *node, const char *ca_pem,
				  const char *cert_pem, const char *key_pem)
{
	struct node_relay *n = xcalloc(1, sizeof *n);
	*n = (struct node_relay){ .node = *node,
				  .ca = xstrdup(ca_pem),
				  .cert = xstrdup(cert_pem),
				  .key = xstrdup(key_pem) };
	str_init(&n->head, HEAD_MAX);
	return n;
}

void node_relay_free(struct node_relay *n)
{
	if (!n)
		return;
	channels_fini(&n->channels);
	str_fini(&n->head);
	free(n->ca);
	free(n->cert);
	free(n->key);
	free(n->websocket_key);
	free(n);
}

void node_relay_done(void *relay)
{
	node_relay_free(relay);
}

static void answer_unavailable(struct http_duplex *client, const char *why)
{
	struct failure f = { 0 };
	AUTO_STR body, head;
	str_init(&body, HEAD_MAX);
	str_init(&head, HEAD_MAX);
	fail_unavailable(&f, "the node cannot be reached: %s", why);
	failure_json(&f, &body);
	failure_fini(&f);
	str_addf(&head,
		 "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
		 "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
		 body.len, body.data);
	(void)http_duplex_write(client, head.data, head.len); /* then nobody is left to tell */
}

/* ---- translated ---- */

static int from_client(void *ctx, char *bytes, size_t n, struct str *to_left, struct str *to_right)
{
	struct error err; /* the peer is told by the code of the close frame */
	return channels_from_client(ctx, bytes, n, to_left, to_right, &err);
}

static int from_node(void *ctx, char *bytes, size_t n, struct str *to_left, struct str *to_right)
{
	struct error err;
	return channels_from_node(ctx, bytes, n, to_left, to_right, &err);
}

static void node_ended(void *ctx, struct str *to_left)
{
	channels_node_ended(ctx, to_left);
}

static bool is_over(void *ctx)
{
	return ((const struct channels *)ctx)->is_over;
}

/* The agent's answer up to its blank line and what came behind it. The head's size; -1: none. */
static ssize_t read_answer(struct stream_dial *d, struct str *in)
{
	const char *end;
	while (!(end = strstr(in->data, "\r\n\r\n"))) {
		char *room = str_reserve(in, PIECE_BYTES);
		ssize_t n = room ? stream_dial_read_for(d, room, PIECE_BYTES, HEAD_TIMEOUT_MS) : -1;
		if (n <= 0)
			return -1;
		str_grew(in, (size_t)n);
	}
	return end - in->data + 4;
}

static void add_upgrade(const struct node_relay *n, struct str *out)
{
	/* RFC 6455, 4.2.2. */
	auto_free char *text =
		xasprintf("%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", n->websocket_key);
	uint8_t digest[TLS_SHA1_SIZE];
	tls_sha1(text, strlen(text), digest);
	str_add(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		     "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
	tls_base64_encode(digest, sizeof digest, out);
	if (n->protocol[0])
		str_addf(out, "\r\nSec-WebSocket-Protocol: %s", n->protocol);
	str_add(out, "\r\n\r\n");
}

static void relay(struct stream_dial *d, struct http_duplex *client,
		  const struct stream_filter *filter, const struct str *to_client,
		  const struct str *to_node)
{
	const struct stream_end left = http_duplex_end(client), right = stream_dial_end(d);
	const struct stream_relay_options options = {
		.filter = filter,
		.to_left = to_client,
		.to_right = to_node,
		.linger_ms = LINGER_MS,
		.stop_fds = { http_duplex_stop_fd(client), -1 },
	};
	stream_relay(&left, &right, &options);
}

static void run_translated(struct node_relay *n, struct stream_dial *d, struct http_duplex *client)
{
	struct channels *c = &n->channels;
	const struct stream_filter filter = { from_client, from_node, node_ended, is_over, c };
	AUTO_STR in, to_client, to_node;
	struct error err;
	str_init(&in, HEAD_MAX);
	str_init(&to_client, 2 * HEAD_MAX);
	str_init(&to_node, BEGIN_MAX);
	ssize_t head = read_answer(d, &in);
	if (head < 0) {
		answer_unavailable(client, "its agent gave no answer");
		return;
	}
	bool is_log = c->kind == CHANNELS_LOG || c->kind == CHANNELS_LOG_BASE64;
	const char *status = memchr(in.data, ' ', (size_t)head);
	if (!status || strtol(status, NULL, 10) != (is_log ? 200 : 101)) {
		relay(d, client, NULL, &in, NULL); /* a refusal is the answer */
		return;
	}
	add_upgrade(n, &to_client);
	channels_begin(c, &to_client, &to_node);
	if (channels_from_node(c, in.data + head, in.len - (size_t)head, &to_client, &to_node,
			       &err) < 0)
		answer_unavailable(client, err.text);
	else
		relay(d, client, &filter, &to_client, &to_node);
}

void node_relay_run(void *ctx, struct http_duplex *client)
{
	struct node_relay *n = ctx;
	struct stream_dial_options options = { .address = n->node.ip,
					       .port = n->node.port,
					       .ca_pem = n->ca,
					       .cert_pem = n->cert,
					       .key_pem = n->key,
					       .timeout_ms = DIAL_TIMEOUT_MS };
	AUTO(stream_dial) *d = NULL;
	struct error err;
	if (stream_dial_new(&options, &d, &err) < 0)
		answer_unavailable(client, err.text);
	else if (stream_dial_write(d, n->head.data, n->head.len) < 0)
		answer_unavailable(client, "its agent closed the connection");
	else if (n->is_translated)
		run_translated(n, d, client);
	else
		relay(d, client, NULL, NULL, NULL);
}
