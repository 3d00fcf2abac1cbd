#include "nodeagent/exec_end.h"

#include "common/base/jsonx.h"

#define ANSWER_MAX 65536
#define API_CN     "skiff-apiserver-client"

void port_fail(struct http_exchange *x, int status, const char *message)
{
	static const struct http_header headers[] = { { "Content-Type", "application/json" } };
	const char *reason = status == 400   ? "BadRequest"
			     : status == 403 ? "Forbidden"
			     : status == 404 ? "NotFound"
			     : status == 503 ? "ServiceUnavailable"
					     : "InternalError";
	AUTO_JSON *body = json_pack("{s:s, s:s, s:{}, s:s, s:s, s:s, s:i}", "kind", "Status",
				    "apiVersion", "v1", "metadata", "status", "Failure", "message",
				    message, "reason", reason, "code", status);
	AUTO_STR text;
	str_init(&text, ANSWER_MAX);
	if (body)
		json_print(body, &text);
	http_reply(x, status, headers, 1, text.data, text.len, NULL, NULL);
}

void port_fail_error(struct http_exchange *x, const struct error *err)
{
	int status = 500;
	if (err->code == ERR_NOT_FOUND)
		status = 404;
	else if (err->code == ERR_INVALID || err->code == ERR_MALFORMED)
		status = 400;
	else if (err->code == ERR_UNAVAILABLE)
		status = 503;
	port_fail(x, status, err->text);
}

static void serve_metrics(struct port *p, struct http_exchange *x)
{
	static const struct http_header headers[] = { { "Content-Type",
							"text/plain; version=0.0.4" } };
	struct agent_counts c;
	AUTO_STR out;
	str_init(&out, ANSWER_MAX);
	agent_counts(p->agent, &c);
	str_addf(&out,
		 "# TYPE skiff_nodeagent_pods gauge\nskiff_nodeagent_pods %zu\n"
		 "# TYPE skiff_nodeagent_containers_running gauge\n"
		 "skiff_nodeagent_containers_running %zu\n"
		 "# TYPE skiff_nodeagent_actions_total counter\n"
		 "skiff_nodeagent_actions_total %llu\n"
		 "# TYPE skiff_nodeagent_actions_failed_total counter\n"
		 "skiff_nodeagent_actions_failed_total %llu\n"
		 "# TYPE skiff_nodeagent_restarts_total counter\n"
		 "skiff_nodeagent_restarts_total %llu\n"
		 "# TYPE skiff_loop_longest_turn_us gauge\nskiff_loop_longest_turn_us %lld\n",
		 c.pods, c.containers_running, (unsigned long long)c.actions_total,
		 (unsigned long long)c.actions_failed_total, (unsigned long long)c.restarts_total,
		 (long long)loop_longest_turn_us(p->loop));
	http_reply(x, 200, headers, 1, out.data, out.len, NULL, NULL);
}

/* "/exec/NS/POD/C" behind its first part. */
static void split(const char *path, struct port_path *ret)
{
	const char *p = strchr(path + 1, '/');
	*ret = (struct port_path){ 0 };
	while (p && *p == '/' && ret->count < PORT_PARTS_MAX) {
		size_t n = strcspn(++p, "/");
		AUTO_STR query; /* the decoder reads queries: "x=PART" */
		str_init(&query, 4096);
		str_add(&query, "x=");
		str_add_bytes(&query, p, n);
		ret->parts[ret->count++] = query_value(query.data, "x", 0);
		p += n;
	}
}

static void handle(void *ctx, struct http_exchange *x)
{
	struct port *p = ctx;
	if (streq(x->path, "/healthz")) {
		http_reply(x, 200, NULL, 0, "ok", 2, NULL, NULL);
		return;
	}
	if (!p->is_open && (!x->peer.cert_cn || !streq(x->peer.cert_cn, API_CN))) {
		port_fail(x, 403, "only the API server is served here");
		return;
	}
	struct port_path path;
	split(x->path, &path);
	if (streq(x->path, "/metrics"))
		serve_metrics(p, x);
	else if (streq(x->path, "/images"))
		port_images(p, x);
	else if (starts_with(x->path, "/containerLogs/") && path.count == 3)
		port_logs(p, x, &path);
	else if ((starts_with(x->path, "/exec/") && path.count == 3) ||
		 (starts_with(x->path, "/attach/") && path.count == 3) ||
		 (starts_with(x->path, "/portForward/") && path.count >= 2))
		port_stream(p, x, &path);
	else
		port_fail(x, 404, "the agent serves no such path");
	for (size_t i = 0; i < path.count; i++)
		free(path.parts[i]);
}

static bool wants_stream(void *ctx, const char *method, const char *path)
{
	(void)ctx;
	return streq(method, "POST") && streq(path, "/images");
}

static bool may_take_over(void *ctx, const char *path)
{
	(void)ctx;
	return starts_with(path, "/exec/") || starts_with(path, "/attach/") ||
	       starts_with(path, "/portForward/");
}

int port_new(struct loop *loop, struct agent *agent, struct runtime *runtime,
	     const struct port_options *options, struct port **ret, struct error *err)
{
	struct port *p = xcalloc(1, sizeof(*p));
	*p = (struct port){ .loop = loop,
			    .agent = agent,
			    .runtime = runtime,
			    .is_open = options->cert_pem == NULL };
	p->socket = xstrdup(options->containerd_socket ? options->containerd_socket : "");
	p->ctr = xstrdup(options->ctr ? options->ctr : "ctr");
	struct http_server_options server = {
		.address = options->address ? options->address : "0.0.0.0",
		.port = options->port,
		.cert_pem = options->cert_pem,
		.key_pem = options->key_pem,
		.client_ca_pem = options->client_ca_pem,
		.connections_max = 1000,
		.handle = handle,
		.wants_stream = wants_stream,
		.may_take_over = may_take_over,
		.ctx = p,
	};
	if (http_server_new(loop, &server, &p->server, err) < 0) {
		port_free(p);
		return err->code;
	}
	agent_watch_execs(agent, exec_end_event, p);
	*ret = p;
	return 0;
}

void port_free(struct port *p)
{
	if (!p)
		return;
	agent_watch_execs(p->agent, NULL, NULL);
	http_server_free(p->server);
	free(p->socket);
	free(p->ctr);
	free(p);
}
