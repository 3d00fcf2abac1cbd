/* GET /containerLogs/NS/POD/CONTAINER */
#include "nodeagent/log_file.h"
#include "nodeagent/port_internal.h"

struct log_answer {
	struct port *port;
	struct http_exchange *x;
	struct log_file *file;
	char *ns, *pod, *container;
	uint32_t attempt;
};

static void answer_free(struct log_answer *l)
{
	log_file_free(l->file);
	free(l->ns);
	free(l->pod);
	free(l->container);
	free(l);
}

static void on_wake(void *ctx)
{
	struct log_answer *l = ctx;
	http_wake(l->x);
}

static bool is_live(void *ctx)
{
	struct log_answer *l = ctx;
	struct agent_container c;
	struct error err;
	return agent_find_container(l->port->agent, l->ns, l->pod, l->container, &c, &err) == 0 &&
	       c.is_running && c.attempt == l->attempt;
}

static ssize_t source_read(void *ctx, char *buf, size_t max)
{
	return log_file_read(((struct log_answer *)ctx)->file, buf, max);
}

static void source_closed(void *ctx)
{
	answer_free(ctx);
}

void port_logs(struct port *p, struct http_exchange *x, const struct port_path *path)
{
	static const struct http_header headers[] = { { "Content-Type", "text/plain" } };
	static const struct http_source source = { source_read, source_closed };
	struct log_file_options options = { 0 };
	struct agent_container c;
	struct error err;
	auto_free char *file = NULL;
	const char *const *parts = (const char *const *)path->parts;
	if (log_options_parse(x->query, loop_wall_us(p->loop), &options.log, &err) < 0 ||
	    agent_find_container(p->agent, parts[0], parts[1], parts[2], &c, &err) < 0 ||
	    agent_log_path(p->agent, parts[0], parts[1], parts[2], options.log.is_previous, &file,
			   &err) < 0) {
		port_fail_error(x, &err);
		return;
	}
	struct log_answer *l = xcalloc(1, sizeof(*l));
	*l = (struct log_answer){ .port = p, .x = x, .attempt = c.attempt };
	l->ns = xstrdup(parts[0]);
	l->pod = xstrdup(parts[1]);
	l->container = xstrdup(parts[2]);
	if (options.log.is_previous)
		options.log.follow = false;
	options.path = file;
	options.wake = on_wake;
	options.is_live = is_live;
	options.ctx = l;
	if (log_file_open(p->loop, &options, &l->file, &err) < 0) {
		answer_free(l);
		port_fail_error(x, &err);
		return;
	}
	http_stream(x, 200, headers, 1, &source, l);
}
