#include "cli/ws.h"
#include "cli/files.h"
#include "common/io/stream_dial.h"
#include "common/io/tls.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <strings.h>

#define TIMEOUT_MS  15000
#define HEAD_MAX    (64u << 10)
#define PIECE_BYTES (64u << 10)

struct ws {
	struct stream_dial *dial;
	struct ws_reader reader;
	struct str in; /* what has come and was not looked at: the answer's head, then frames */
	struct str message; /* pieces of a fragmented one */
	char *protocol;
};

/* ---- dialing ---- */

static int read_pem(const char *data, const char *file, struct str *out, struct error *err)
{
	if (data)
		str_add(out, data);
	else if (file)
		return file_read(file, out, err);
	return 0;
}

static int split_server(const char *server, char **ret_host, uint16_t *ret_port, struct error *err)
{
	if (!starts_with(server, "https://"))
		return error_set(err, ERR_INVALID, "%s: only https:// servers", server);
	const char *host = server + strlen("https://");
	auto_free char *copy = xstrndup(host, strcspn(host, "/"));
	char *colon = strrchr(copy, ':');
	*ret_port = 443;
	if (colon) {
		*colon = '\0';
		*ret_port = (uint16_t)strtoul(colon + 1, NULL, 10);
	}
	*ret_host = TAKE(copy);
	return 0;
}

static int resolve(const char *host, char address[INET_ADDRSTRLEN], struct error *err)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found;
	int code = getaddrinfo(host, NULL, &hints, &found);
	if (code)
		return error_set(err, ERR_UNAVAILABLE, "%s: %s", host, gai_strerror(code));
	const struct sockaddr_in *in = (const void *)found->ai_addr;
	const char *text = inet_ntop(AF_INET, &in->sin_addr, address, INET_ADDRSTRLEN);
	freeaddrinfo(found);
	return text ? 0 : error_set(err, ERR_UNAVAILABLE, "%s has no IPv4 address", host);
}

static int dial(const struct kubeconfig *k, struct stream_dial **ret, struct error *err)
{
	AUTO_STR ca, cert, key;
	auto_free char *host = NULL;
	char address[INET_ADDRSTRLEN];
	uint16_t port = 0;
	str_init(&ca, 1u << 20);
	str_init(&cert, 1u << 20);
	str_init(&key, 1u << 20);
	if (split_server(k->server, &host, &port, err) < 0 || resolve(host, address, err) < 0 ||
	    read_pem(k->ca_data, k->ca_file, &ca, err) < 0 ||
	    read_pem(k->cert_data, k->cert_file, &cert, err) < 0 ||
	    read_pem(k->key_data, k->key_file, &key, err) < 0)
		return err->code;
	if (ca.len == 0)
		return error_set(err, ERR_INVALID, "the kubeconfig names no certificate authority");
	struct stream_dial_options o = { .address = address,
					 .port = port,
					 .server_name = k->server_name ? k->server_name : host,
					 .ca_pem = ca.data,
					 .cert_pem = cert.len ? cert.data : NULL,
					 .key_pem = key.len ? key.data : NULL,
					 .timeout_ms = TIMEOUT_MS };
	return stream_dial_new(&o, ret, err);
}

static int add_token(const struct kubeconfig *k, struct str *out, struct error *err)
{
	AUTO_STR text;
	str_init(&text, 16384);
	if (!k->token && !k->token_file)
		return 0;
	if (read_pem(k->token, k->token_file, &text, err) < 0)
		return err->code;
	while (text.len && (unsigned char)text.data[text.len - 1] <= ' ')
		str_truncate(&text, text.len - 1);
	str_addf(out, "Authorization: Bearer %s\r\n", text.data);
	return 0;
}

/* ---- the upgrade ---- */

static int send_upgrade(struct ws *w, const struct session *s, const char *target,
			const char *protocols, struct error *err)
{
	uint8_t nonce[16];
	AUTO_STR head, key;
	str_init(&head, HEAD_MAX);
	str_init(&key, 64);
	tls_random(nonce, sizeof nonce);
	tls_base64_encode(nonce, sizeof nonce, &key);
	const char *host = s->config.server + strlen("https://");
	str_addf(&head,
		 "GET %s HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"
		 "Sec-WebSocket-Protocol: %s\r\nUser-Agent: %s\r\n",
		 target, (int)strcspn(host, "/"), host, key.data, protocols,
		 api_user_agent(s->api));
	if (add_token(&s->config, &head, err) < 0)
		return err->code;
	str_add(&head, "\r\n");
	if (str_check(&head, "the request", err) < 0)
		return err->code;
	if (stream_dial_write(w->dial, head.data, head.len) < 0)
		return error_set(err, ERR_UNAVAILABLE, "the server closed the connection");
	return 0;
}

/* What the server said instead of 101: a Status, or plain text. */
static int refusal(struct ws *w, int status, const char *body, struct error *err)
{
	struct error ignored;
	AUTO_JSON *tree = NULL;
	AUTO_STR text;
	str_init(&text, HEAD_MAX);
	str_add(&text, body);
	char buf[4096];
	ssize_t n;
	while (json_parse(text.data, text.len, &tree, &ignored) < 0 && str_ok(&text) &&
	       (n = stream_dial_read(w->dial, buf, sizeof buf)) > 0)
		str_add_bytes(&text, buf, (size_t)n);
	const char *message = json_str(tree, "message");
	int code = api_code_of(status, json_str_or(tree, "reason", ""));
	return error_set(err, code ? code : ERR_INTERNAL, "%.900s",
			 message    ? message
			 : text.len ? text.data
				    : "the server refused");
}

static char *header_of(const char *head, const char *name)
{
	size_t n = strlen(name);
	for (const char *line = strchr(head, '\n'); line; line = strchr(line, '\n')) {
		line++;
		if (strncasecmp(line, name, n) != 0 || line[n] != ':')
			continue;
		const char *value = line + n + 1;
		value += strspn(value, " \t");
		return xstrndup(value, strcspn(value, "\r\n"));
	}
	return xstrdup("");
}

static int read_upgrade(struct ws *w, struct error *err)
{
	char buf[4096];
	const char *end;
	while (!(end = strstr(w->in.data, "\r\n\r\n"))) {
		ssize_t n = stream_dial_read(w->dial, buf, sizeof buf);
		if (n <= 0 || w->in.len > HEAD_MAX)
			return error_set(err, ERR_UNAVAILABLE, "the server closed the connection");
		str_add_bytes(&w->in, buf, (size_t)n);
	}
	size_t len = (size_t)(end - w->in.data) + 4;
	auto_free char *head = xstrndup(w->in.data, len);
	int status = starts_with(head, "HTTP/1.1 ") ? (int)strtol(head + 9, NULL, 10) : 0;
	if (status != 101)
		return refusal(w, status, w->in.data + len, err);
	w->protocol = header_of(head, "Sec-WebSocket-Protocol");
	str_consume(&w->in, len);
	return 0;
}

int ws_open(const struct session *s, const char *target, const char *protocols, struct ws **ret,
	    struct error *err)
{
	AUTO(ws) *w = xcalloc(1, sizeof *w);
	str_init(&w->in, 2 * WS_MESSAGE_MAX);
	str_init(&w->message, WS_MESSAGE_MAX);
	if (dial(&s->config, &w->dial, err) < 0 || send_upgrade(w, s, target, protocols, err) < 0 ||
	    read_upgrade(w, err) < 0)
		return err->code;
	*ret = TAKE(w);
	return 0;
}

void ws_free(struct ws *w)
{
	if (!w)
		return;
	stream_dial_free(w->dial);
	str_fini(&w->in);
	str_fini(&w->message);
	free(w->protocol);
	free(w);
}

const char *ws_protocol(const struct ws *w)
{
	return w->protocol;
}

int ws_fd(const struct ws *w)
{
	return stream_dial_fd(w->dial);
}

bool ws_has_pending(const struct ws *w)
{
	return w->in.len > 0 || stream_dial_has_pending(w->dial);
}

/* ---- messages ---- */

static int send_frame(struct ws *w, enum ws_opcode opcode, const void *bytes, size_t n)
{
	uint8_t mask[4];
	AUTO_STR out;
	str_init(&out, WS_MESSAGE_MAX);
	tls_random(mask, sizeof mask);
	ws_frame_add(&out, opcode, mask, bytes, n);
	return str_ok(&out) ? stream_dial_write(w->dial, out.data, out.len) : -1;
}

int ws_send(struct ws *w, uint8_t channel, const void *bytes, size_t n)
{
	AUTO_STR message;
	str_init(&message, WS_MESSAGE_MAX);
	str_add_bytes(&message, &channel, 1);
	str_add_bytes(&message, bytes, n);
	return str_ok(&message) ? send_frame(w, WS_BINARY, message.data, message.len) : -1;
}

static int take_piece(struct ws *w, const struct ws_piece *p,
		      void (*message)(void *ctx, uint8_t channel, const char *bytes, size_t n),
		      void *ctx)
{
	switch (p->opcode) {
	case WS_PING:
		return send_frame(w, WS_PONG, p->bytes, p->n) < 0 ? -1 : 1;
	case WS_PONG:
	case WS_CONTINUATION: /* never given */
		return 1;
	case WS_CLOSE:
		(void)send_frame(w, WS_CLOSE, p->bytes, MIN(p->n, (size_t)2)); /* politeness */
		return 0;
	case WS_TEXT:
	case WS_BINARY:
		break;
	}
	str_add_bytes(&w->message, p->bytes, p->n);
	if (!str_ok(&w->message))
		return -1;
	if (!p->is_last)
		return 1;
	if (w->message.len > 0)
		message(ctx, (uint8_t)w->message.data[0], w->message.data + 1, w->message.len - 1);
	str_clear(&w->message);
	return 1;
}

int ws_receive(struct ws *w,
	       void (*message)(void *ctx, uint8_t channel, const char *bytes, size_t n), void *ctx)
{
	struct ws_piece p;
	struct error err;
	if (w->in.len == 0) {
		char *room = str_reserve(&w->in, PIECE_BYTES);
		ssize_t n = room ? stream_dial_read(w->dial, room, PIECE_BYTES) : -1;
		if (n <= 0)
			return (int)n;
		str_grew(&w->in, (size_t)n);
	}
	char *at = w->in.data;
	size_t left = w->in.len;
	int state = 1, code = 0;
	while (state > 0 && (code = ws_reader_next(&w->reader, &at, &left, &p, &err)) > 0)
		state = take_piece(w, &p, message, ctx);
	str_clear(&w->in);
	return code < 0 ? -1 : state;
}
