#include "cli/request.h"
#include "cli/command.h"
#include "common/io/log.h"

#include <stdio.h>
#include <strings.h>

#define ANSWER_MAX (256u << 20)
#define TIMEOUT_MS 60000

struct sending {
	struct session *session;
	const struct request *request;
	struct http_call *call;
	struct str text;
	int status;
	bool is_done;
	struct error broken;
};

/* 299 - "text": the text, without its escapes. */
static void show_warning(const char *value)
{
	const char *open = strchr(value, '"');
	fputs("Warning: ", stderr);
	for (const char *p = open ? open + 1 : value; *p && !(open && *p == '"'); p++) {
		if (*p == '\\' && p[1])
			p++;
		fputc(*p, stderr);
	}
	fputc('\n', stderr);
}

static void on_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct sending *g = ctx;
	g->status = status;
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(headers[i].name, "Warning") == 0)
			show_warning(headers[i].value);
}

static void on_data(void *ctx, const char *bytes, size_t n)
{
	struct sending *g = ctx;
	if (g->request->data && g->status < 300)
		g->request->data(g->request->ctx, bytes, n);
	else
		str_add_bytes(&g->text, bytes, n);
}

static void on_done(void *ctx, const struct error *err)
{
	struct sending *g = ctx;
	if (err)
		g->broken = *err;
	g->is_done = true;
	loop_stop(g->session->loop);
}

static void read_answer(struct sending *g, struct session_reply *ret)
{
	struct error err = { .text = "" };
	if (g->broken.code) {
		ret->code = ERR_UNAVAILABLE;
		ret->message = xstrdup(g->broken.text);
		ret->reason = xstrdup("");
		return;
	}
	ret->status = g->status;
	if (str_check(&g->text, "the answer", &err) < 0) {
		ret->code = ERR_INTERNAL;
		ret->message = xstrdup(err.text);
		ret->reason = xstrdup("");
		return;
	}
	if (g->text.len > 0 && json_parse(g->text.data, g->text.len, &ret->body, &err) < 0)
		ret->body = NULL; /* plain text, or a proxy's page */
	ret->reason = xstrdup(g->status >= 300 ? json_str_or(ret->body, "reason", "") : "");
	ret->message =
		xstrdup(g->status >= 300 ? json_str_or(ret->body, "message", g->text.data) : "");
	ret->code = api_code_of(g->status, ret->reason);
}

void request_end(struct session *s)
{
	loop_stop(s->loop);
}

void request_send(struct session *s, const struct request *r, struct session_reply *ret)
{
	static const struct http_events events = { on_head, on_data, on_done };
	struct sending g = { .session = s, .request = r };
	const struct http_header headers[] = {
		{ "Accept", r->accept ? r->accept : "application/json" },
		{ "User-Agent", api_user_agent(s->api) },
		{ "Content-Type", r->content_type ? r->content_type : "application/json" },
	};
	AUTO_STR body;
	str_init(&body, ANSWER_MAX);
	str_init(&g.text, ANSWER_MAX);
	if (r->body)
		json_print(r->body, &body);
	struct http_request http = { .method = r->method,
				     .target = r->target,
				     .headers = headers,
				     .headers_count = r->body || r->body_fd > 0 ? 3 : 2,
				     .body = r->body ? body.data : NULL,
				     .body_len = body.len,
				     .body_fd = r->body_fd,
				     .timeout_ms = r->timeout_ms < 0 ? 0
						   : r->timeout_ms   ? r->timeout_ms
								     : TIMEOUT_MS };
	*ret = (struct session_reply){ 0 };
	g.call = http_start(s->transport, &http, &events, &g);
	loop_run(s->loop);
	if (!g.is_done)
		http_cancel(s->transport, g.call);
	read_answer(&g, ret);
	str_fini(&g.text);
}

void request_json(struct session *s, const char *method, const char *target, const json_t *body,
		  const char *content_type, struct session_reply *ret)
{
	struct request r = {
		.method = method, .target = target, .body = body, .content_type = content_type
	};
	request_send(s, &r, ret);
}

int reply_explain(const struct session *s, const char *what, const struct session_reply *r)
{
	if (r->status == 0) {
		fprintf(stderr,
			"error: the server at %s cannot be reached: %s\n"
			"  Is it running? `skiff cluster status` tells, `skiff cluster up` starts "
			"it.\n",
			s->config.server, r->message);
		return EXIT_UNREACHABLE;
	}
	fprintf(stderr, "error: %s%s%s", what ? what : "", what ? ": " : "", r->message);
	if (r->code == ERR_FORBIDDEN)
		fprintf(stderr,
			r->status == 401
				? "\n  The server does not know you: check the kubeconfig's "
				  "certificate or token."
				: "\n  Ask who manages the cluster for the right to do it.");
	fputc('\n', stderr);
	if (r->code == ERR_UNAVAILABLE)
		return EXIT_UNREACHABLE;
	return r->code == ERR_INVALID || r->code == ERR_FORBIDDEN ? EXIT_REFUSED : EXIT_FAILED;
}

int error_explain(const struct error *err)
{
	fprintf(stderr, "error: %s\n", err->text);
	switch (err->code) {
	case ERR_UNAVAILABLE:
		return EXIT_UNREACHABLE;
	case ERR_INVALID:
	case ERR_MALFORMED:
	case ERR_FORBIDDEN:
	case ERR_LIMIT:
	case ERR_NOT_FOUND:
		return EXIT_REFUSED;
	case ERR_OK:
	case ERR_EXISTS:
	case ERR_CONFLICT:
	case ERR_GONE:
	case ERR_INTERNAL:
		break;
	}
	return EXIT_FAILED;
}

int command_open(const struct arguments *a, struct session *ret)
{
	struct error err;
	/* A command says itself what went wrong, once. */
	log_set_level(LOG_ERROR);
	if (session_open_context(a->kubeconfig, a->context, ret, &err) == 0)
		return 0;
	(void)error_explain(&err); /* whatever it is: there is no server to talk to */
	return EXIT_UNREACHABLE;
}

int command_reach(const struct arguments *a, struct session *ret)
{
	AUTO_REPLY r = { 0 };
	int code = command_open(a, ret);
	if (code)
		return code;
	request_json(ret, "GET", "/version", NULL, NULL, &r);
	return r.status == 0 ? reply_explain(ret, NULL, &r) : 0;
}

int command_parse(const char *usage, int argc, char **argv, const struct option *options, size_t n,
		  struct arguments *ret)
{
	struct error err;
	if (options_parse(argc, argv, options, n, ret, &err) == 0)
		return 0;
	fprintf(stderr, "error: %s\n  usage: skiff %s\n", err.text, usage);
	return EXIT_REFUSED;
}

const char *command_namespace(const struct arguments *a, const struct session *s)
{
	return a->ns ? a->ns : s->config.ns;
}
