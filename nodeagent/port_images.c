/*
 * /images: POST takes an image archive (docker or OCI, tar) as a stream and hands it to containerd
 * through `ctr images import -`, which knows every format; GET lists; DELETE ?ref= removes.
 */
#include "nodeagent/port_internal.h"

#include "common/base/jsonx.h"
#include "common/io/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ANSWER_MAX ((size_t)16 << 20)
#define OUTPUT_MAX 65536
#define IMPORT_MAX ((int64_t)16 << 30)

extern char **environ;

/* ---- list and remove ---- */

static void on_list(void *ctx, const struct cri_reply *reply)
{
	static const struct http_header headers[] = { { "Content-Type", "application/json" } };
	struct http_exchange *x = ctx;
	if (reply->code < 0) {
		port_fail(x, 503, reply->message);
		return;
	}
	AUTO_JSON *items = json_array();
	for (size_t i = 0; i < reply->images_count; i++) {
		const struct cri_image *image = &reply->images[i];
		json_t *names = json_array();
		for (size_t k = 0; k < image->tags.count; k++)
			json_array_append_new(names, json_string(image->tags.at[k]));
		for (size_t k = 0; k < image->digests.count; k++)
			json_array_append_new(names, json_string(image->digests.at[k]));
		json_array_append_new(items,
				      json_pack("{s:s, s:o, s:I}", "id", image->id, "names", names,
						"sizeBytes", (json_int_t)image->size));
	}
	AUTO_JSON *body = json_pack("{s:s, s:s, s:O}", "apiVersion", "skiff.dev/v1", "kind",
				    "ImageList", "items", items);
	AUTO_STR out;
	str_init(&out, ANSWER_MAX);
	json_print(body, &out);
	http_reply(x, 200, headers, 1, out.data, out.len, NULL, NULL);
}

static void answer_done(struct http_exchange *x, const char *message)
{
	static const struct http_header headers[] = { { "Content-Type", "application/json" } };
	AUTO_JSON *body = json_pack("{s:s, s:s, s:s, s:s}", "kind", "Status", "apiVersion", "v1",
				    "status", "Success", "message", message);
	AUTO_STR out;
	str_init(&out, 2 * OUTPUT_MAX);
	if (body)
		json_print(body, &out);
	http_reply(x, 200, headers, 1, out.data, out.len, NULL, NULL);
}

static void on_removed(void *ctx, const struct cri_reply *reply)
{
	if (reply->code < 0)
		port_fail(ctx, reply->code == ERR_NOT_FOUND ? 404 : 503, reply->message);
	else
		answer_done(ctx, "removed");
}

struct removal {
	struct port *port;
	struct http_exchange *x;
	char *ref;
};

/* The runtime removes what is not there, too, and says nothing. */
static void on_looked_up(void *ctx, const struct cri_reply *reply)
{
	struct removal *r = ctx;
	if (reply->code < 0)
		port_fail(r->x, 503, reply->message);
	else if (reply->images_count == 0)
		port_fail(r->x, 404, "there is no such image");
	else
		(void)runtime_start(
			r->port->runtime,
			&(struct cri_request){ .op = CRI_REMOVE_IMAGE, .image = r->ref },
			on_removed, r->x);
	free(r->ref);
	free(r);
}

static void remove_image(struct port *p, struct http_exchange *x, char *take_ref)
{
	struct removal *r = xcalloc(1, sizeof(*r));
	*r = (struct removal){ p, x, take_ref };
	(void)runtime_start(p->runtime,
			    &(struct cri_request){ .op = CRI_IMAGE_STATUS, .image = r->ref },
			    on_looked_up, r);
}

/* ---- import: the body goes into the program's standard input as fast as it reads ---- */

struct import {
	struct port *port;
	struct http_exchange *x;
	pid_t pid;
	int in_fd, out_fd, pid_fd; /* -1: closed */
	struct loop_fd *in, *out, *ended;
	struct str pending; /* what the program did not take yet */
	struct str output;
	int64_t total;
	bool is_body_done, is_broken, is_too_large;
};

static void close_in(struct import *m)
{
	loop_fd_free(m->in);
	m->in = NULL;
	if (m->in_fd >= 0)
		close(m->in_fd);
	m->in_fd = -1;
}

static void import_free(struct import *m)
{
	close_in(m);
	loop_fd_free(m->out);
	loop_fd_free(m->ended);
	if (m->out_fd >= 0)
		close(m->out_fd);
	if (m->pid_fd >= 0)
		close(m->pid_fd);
	str_fini(&m->pending);
	str_fini(&m->output);
	free(m);
}

static void read_output(struct import *m)
{
	char buf[4096];
	for (ssize_t n; (n = read(m->out_fd, buf, sizeof(buf))) > 0;)
		if (m->output.len + (size_t)n < OUTPUT_MAX)
			str_add_bytes(&m->output, buf, (size_t)n);
}

static void finish(struct import *m, int status)
{
	struct http_exchange *x = m->x;
	read_output(m);
	while (m->output.len && m->output.data[m->output.len - 1] == '\n')
		str_truncate(&m->output, m->output.len - 1);
	bool is_fine = WIFEXITED(status) && WEXITSTATUS(status) == 0 && !m->is_broken;
	log_info("images", is_fine ? "imported" : "import failed", "output", m->output.data);
	if (is_fine)
		answer_done(x, m->output.data);
	else if (m->is_too_large)
		port_fail(x, 413, "the archive is larger than 16 GiB");
	else
		port_fail(x, 400,
			  m->output.len ? m->output.data : "the archive did not arrive whole");
	import_free(m);
}

static void on_ended(void *ctx, unsigned events)
{
	struct import *m = ctx;
	int status = 0;
	(void)events;
	if (waitpid(m->pid, &status, WNOHANG) != m->pid)
		return;
	if (m->is_body_done) {
		finish(m, status);
		return;
	}
	/* It gave up early: the rest of the body is let go, then the answer is given. */
	m->is_broken = true;
	loop_fd_free(m->ended);
	m->ended = NULL;
	close_in(m);
	str_clear(&m->pending);
	http_body_resume(m->x);
}

static void on_output(void *ctx, unsigned events)
{
	(void)events;
	read_output(ctx);
}

/* Give the program what waits; true if nothing does any more. */
static bool feed(struct import *m)
{
	while (m->pending.len > 0 && m->in_fd >= 0) {
		ssize_t n = write(m->in_fd, m->pending.data, m->pending.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			loop_fd_set(m->in, LOOP_WRITE);
			return false;
		}
		if (n < 0) { /* it reads no more; its end says why */
			str_clear(&m->pending);
			break;
		}
		str_consume(&m->pending, (size_t)n);
	}
	if (m->in)
		loop_fd_set(m->in, 0);
	return true;
}

static void on_writable(void *ctx, unsigned events)
{
	struct import *m = ctx;
	(void)events;
	if (!feed(m))
		return;
	if (m->is_body_done)
		close_in(m);
	else
		http_body_resume(m->x);
}

static bool on_piece(void *ctx, const char *bytes, size_t n)
{
	struct import *m = ctx;
	m->total += (int64_t)n;
	if (m->total > IMPORT_MAX && !m->is_too_large) {
		m->is_too_large = m->is_broken = true;
		if (m->ended)
			kill(m->pid, SIGKILL);
	}
	if (m->is_broken)
		return true;
	str_add_bytes(&m->pending, bytes, n);
	return feed(m);
}

static void on_body_end(void *ctx, bool is_complete)
{
	struct import *m = ctx;
	m->is_body_done = true;
	if (!is_complete && m->ended) {
		m->is_broken = true;
		kill(m->pid, SIGKILL);
	}
	if (!m->ended)
		finish(m, 1 << 8);
	else if (feed(m))
		close_in(m);
}

/* The program with its standard input and output on pipes of ours. */
static int spawn_ctr(struct port *p, struct import *m, struct error *err)
{
	int in[2], out[2];
	if (pipe2(in, O_CLOEXEC) < 0)
		return error_set(err, ERR_INTERNAL, "pipe: %s", strerror(errno));
	if (pipe2(out, O_CLOEXEC) < 0) {
		close(in[0]);
		close(in[1]);
		return error_set(err, ERR_INTERNAL, "pipe: %s", strerror(errno));
	}
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_adddup2(&actions, out[1], 2);
	char import_word[] = "import", images[] = "images", ns[] = "k8s.io", n_flag[] = "-n",
	     a_flag[] = "-a", dash[] = "-";
	char *argv[] = { p->ctr, a_flag, p->socket, n_flag, ns, images, import_word, dash, NULL };
	int n = posix_spawnp(&m->pid, p->ctr, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	m->in_fd = in[1];
	m->out_fd = out[0];
	if (n != 0)
		return error_set(err, ERR_INTERNAL, "%s cannot be started: %s", p->ctr,
				 strerror(n));
	m->pid_fd = (int)syscall(SYS_pidfd_open, m->pid, 0);
	if (m->pid_fd < 0) {
		kill(m->pid, SIGKILL);
		return error_set(err, ERR_INTERNAL, "pidfd: %s", strerror(errno));
	}
	(void)fcntl(m->in_fd, F_SETFL, O_NONBLOCK); /* a pipe of ours takes this */
	(void)fcntl(m->out_fd, F_SETFL, O_NONBLOCK);
	return 0;
}

static void import(struct port *p, struct http_exchange *x)
{
	static const struct http_body_sink sink = { on_piece, on_body_end };
	struct error err;
	struct import *m = xcalloc(1, sizeof(*m));
	*m = (struct import){ .port = p, .x = x, .in_fd = -1, .out_fd = -1, .pid_fd = -1 };
	str_init(&m->pending, (size_t)64 << 20);
	str_init(&m->output, OUTPUT_MAX);
	if (spawn_ctr(p, m, &err) < 0) {
		port_fail_error(x, &err);
		import_free(m);
		return;
	}
	m->in = loop_fd_new(p->loop, m->in_fd, on_writable, m);
	m->out = loop_fd_new(p->loop, m->out_fd, on_output, m);
	m->ended = loop_fd_new(p->loop, m->pid_fd, on_ended, m);
	loop_fd_set(m->out, LOOP_READ);
	loop_fd_set(m->ended, LOOP_READ);
	http_body_consume(x, &sink, m);
}

void port_images(struct port *p, struct http_exchange *x)
{
	auto_free char *ref = query_value(x->query, "ref", 0);
	if (streq(x->method, "GET")) {
		(void)runtime_start(p->runtime, &(struct cri_request){ .op = CRI_LIST_IMAGES },
				    on_list, x);
	} else if (streq(x->method, "DELETE") && ref && ref[0]) {
		remove_image(p, x, TAKE(ref));
	} else if (streq(x->method, "POST")) {
		import(p, x);
	} else {
		port_fail(x, 400, "images: GET, POST an archive, or DELETE ?ref=NAME");
	}
}
