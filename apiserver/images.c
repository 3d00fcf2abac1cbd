/*
 * /apis/skiff.dev/v1/nodes/NAME/images: import (POST, the archive as a stream), list (GET) and
 * remove (DELETE ?ref=), passed on to the node's agent.
 */
#include "apiserver/node_address.h"
#include "common/io/http_client.h"
#include "common/io/http_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define ANSWER_MAX    (8u << 20)
#define WAITING_MAX   (4u << 20)
#define IMPORT_MAX    (16ull << 30)
#define IDLE_MS       300000

struct image_call {
	struct request *r;
	struct http_transport *transport;
	struct http_call *call;
	struct loop_timer *end; /* frees it in a turn of its own */
	int status;
	struct str answer;
	struct error err;
	/* an upload: from the client's connection into a pipe that the transport reads */
	int pipe_fd;
	struct loop_fd *writable;
	struct str waiting;
	uint64_t bytes;
	bool is_upload, body_ended, body_broken, is_answered, is_paused;
};

static void call_free(void *ctx)
{
	struct image_call *c = ctx;
	http_transport_free(c->transport);
	loop_fd_free(c->writable);
	if (c->pipe_fd >= 0)
		close(c->pipe_fd);
	loop_timer_free(c->end);
	str_fini(&c->answer);
	str_fini(&c->waiting);
	free(c);
}

static void maybe_end(struct image_call *c)
{
	if (c->is_answered && (!c->is_upload || c->body_ended))
		loop_timer_set(c->end, 0);
}

/* ---- the agent's answer ---- */

static void head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct image_call *c = ctx;
	(void)headers, (void)n;
	c->status = status;
}

static void data(void *ctx, const char *bytes, size_t n)
{
	str_add_bytes(&((struct image_call *)ctx)->answer, bytes, n);
}

static void done(void *ctx, const struct error *err)
{
	struct image_call *c = ctx;
	struct failure f = { 0 };
	c->call = NULL;
	c->is_answered = true;
	if (err) {
		fail_unavailable(&f, "the node's agent: %s", err->text);
		reply_failure(c->r, &f);
	} else if (!str_ok(&c->answer)) {
		fail_internal(&f, "the node's agent answered more than %u bytes", ANSWER_MAX);
		reply_failure(c->r, &f);
	} else {
		reply_text(c->r, c->status, "application/json", c->answer.data, c->answer.len);
	}
	maybe_end(c);
}

static const struct http_events events = { .head = head, .data = data, .done = done };

/* ---- the upload ---- */

static void close_pipe(struct image_call *c)
{
	loop_fd_free(TAKE(c->writable));
	if (c->pipe_fd >= 0)
		close(TAKE_FD(c->pipe_fd));
}

static void flush(struct image_call *c)
{
	while (c->pipe_fd >= 0 && c->waiting.len) {
		ssize_t n = write(c->pipe_fd, c->waiting.data, c->waiting.len);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) { /* the agent has answered early; what comes now is dropped */
			close_pipe(c);
			break;
		}
		str_consume(&c->waiting, (size_t)n);
	}
	if (c->pipe_fd < 0)
		str_clear(&c->waiting);
	else if (c->waiting.len == 0 && c->body_ended)
		close_pipe(c); /* the end of the file */
	else
		loop_fd_set(c->writable, c->waiting.len ? LOOP_WRITE : 0);
	if (c->is_paused && c->waiting.len == 0 && !c->is_answered) {
		c->is_paused = false;
		http_body_resume(c->r->x);
	}
}

static void writable(void *ctx, unsigned events_ready)
{
	(void)events_ready;
	flush(ctx);
}

static bool piece(void *ctx, const char *bytes, size_t n)
{
	struct image_call *c = ctx;
	c->bytes += n;
	if (c->bytes > IMPORT_MAX)
		close_pipe(c); /* the agent sees a short archive and refuses it */
	if (c->pipe_fd < 0)
		return true;
	str_add_bytes(&c->waiting, bytes, n);
	flush(c);
	c->is_paused = c->waiting.len > 0;
	return !c->is_paused;
}

static void body_end(void *ctx, bool is_complete)
{
	struct image_call *c = ctx;
	c->body_ended = true;
	c->body_broken = !is_complete;
	if (!is_complete && c->call) {
		/* Half an image must not be imported: cut the call to the agent. */
		http_cancel(c->transport, TAKE(c->call));
		struct error err;
		error_set(&err, ERR_UNAVAILABLE, "the upload was cut off");
		close_pipe(c);
		done(c, &err);
		return;
	}
	flush(c);
	maybe_end(c);
}

static const struct http_body_sink sink = { .piece = piece, .end = body_end };

/* ---- beginning ---- */

static int connect_agent(struct image_call *c, struct failure *f)
{
	struct request *r = c->r;
	const struct server_options *o = &r->server->options;
	struct node_address node;
	struct error err;
	if (!o->node_cert_pem)
		return fail_unavailable(f, "this server has no certificate for its nodes' agents");
	if (node_address_of(r->server, r->target.name, &node, f) < 0)
		return -1;
	auto_free char *url = xasprintf("https://%s:%u", node.ip, node.port);
	struct http_client_options options = { .base_url = url,
					       .ca_data = o->ca_pem,
					       .cert_data = o->node_cert_pem,
					       .key_data = o->node_key_pem,
					       .user_agent = "skiff-apiserver/" SKIFF_VERSION };
	if (http_client_new(r->server->loop, &options, &c->transport, &err) < 0)
		return fail_error(f, &err);
	return 0;
}

static int open_pipe(struct image_call *c, int *ret_read, struct failure *f)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail_internal(f, "pipe: %s", strerror(errno));
	c->pipe_fd = fds[1];
	c->writable = loop_fd_new(c->r->server->loop, fds[1], writable, c);
	*ret_read = fds[0];
	return 0;
}

static int begin(struct image_call *c, struct failure *f)
{
	struct request *r = c->r;
	auto_close int body_fd = -1;
	if (connect_agent(c, f) < 0 || (c->is_upload && open_pipe(c, &body_fd, f) < 0))
		return -1;
	AUTO_STR target;
	str_init(&target, 16384);
	str_addf(&target, "/images%s%s", *r->x->query ? "?" : "", r->x->query);
	struct http_request q = { .method = r->x->method,
				  .target = target.data,
				  .body_fd = c->is_upload ? body_fd : 0,
				  .idle_ms = IDLE_MS };
	c->call = http_start(c->transport, &q, &events, c);
	if (c->is_upload)
		http_body_consume(r->x, &sink, c);
	return 0;
}

void serve_images(struct request *r)
{
	struct failure f = { 0 };
	struct image_call *c = xcalloc(1, sizeof *c);
	*c = (struct image_call){ .r = r, .pipe_fd = -1,
				  .is_upload = streq(r->x->method, "POST") };
	c->end = loop_timer_new(r->server->loop, call_free, c);
	str_init(&c->answer, ANSWER_MAX);
	str_init(&c->waiting, WAITING_MAX);
	bool known = c->is_upload || r->target.verb == VERB_GET || r->target.verb == VERB_DELETE;
	if (known ? begin(c, &f) : fail_method(&f)) {
		call_free(c);
		reply_failure(r, &f);
	}
}
