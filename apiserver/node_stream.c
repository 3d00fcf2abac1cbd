/*
 * pods/log, exec, attach and portforward: the connection is taken over and its bytes are
 * relayed to the agent of the pod's node, whose answer passes as it is.
 */
#include "apiserver/node_address.h"
#include "common/base/jsonx.h"
#include "common/io/log.h"
#include "common/io/stream_dial.h"

#include <stdio.h>
#include <strings.h>

#define HEAD_MAX        65536
#define PROTOCOLS_MAX   16
#define DIAL_TIMEOUT_MS 15000

/* All that the stream thread needs; it owns it. */
struct node_stream {
	struct node_address node;
	char *ca, *cert, *key; /* PEM */
	struct str head;       /* the request as the agent gets it */
};

static void node_stream_free(struct node_stream *n)
{
	free(n->ca);
	free(n->cert);
	free(n->key);
	str_fini(&n->head);
	free(n);
}

/* ---- on the stream thread ---- */

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

static void run(void *ctx, struct http_duplex *client)
{
	struct node_stream *n = ctx;
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
	else if (stream_dial_write(d, n->head.data, n->head.len) == 0)
		stream_dial_relay(d, client);
}

static void done(void *ctx)
{
	node_stream_free(ctx);
}

/* ---- on the loop ---- */

/* A header is passed unless it is a hop's own, a secret, or would split the request. */
static void pass_header(struct request *r, const char *name, struct str *head)
{
	const char *values[PROTOCOLS_MAX];
	size_t n = http_header_values(r->x, name, values, PROTOCOLS_MAX);
	for (size_t i = 0; i < n; i++)
		if (!strpbrk(values[i], "\r\n"))
			str_addf(head, "%s: %s\r\n", name, values[i]);
}

static const char *agent_path(const char *subresource)
{
	static const char *const paths[][2] = { { "log", "containerLogs" },
						{ "exec", "exec" },
						{ "attach", "attach" },
						{ "portforward", "portForward" } };
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (streq(paths[i][0], subresource))
			return paths[i][1];
	return NULL;
}

/* The API's parameters, and the kubelet's names for the same. */
static void add_query(struct request *r, struct str *head)
{
	static const char *const names[][2] = { { "stdin", "input" },
						{ "stdout", "output" },
						{ "stderr", "error" } };
	str_addf(head, "?%s", r->x->query);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (query_bool(&r->query, names[i][0]))
			str_addf(head, "&%s=1", names[i][1]);
}

static void write_head(struct request *r, const char *container, struct node_stream *n)
{
	static const char *const passed[] = { "Upgrade", "Sec-WebSocket-Key",
					      "Sec-WebSocket-Version", "Sec-WebSocket-Protocol",
					      "X-Stream-Protocol-Version", "User-Agent" };
	const struct target *t = &r->target;
	struct str *head = &n->head;
	str_init(head, HEAD_MAX);
	str_addf(head, "%s /%s/", r->x->method, agent_path(t->subresource));
	str_add_urlencoded(head, t->ns);
	str_add(head, "/");
	str_add_urlencoded(head, t->name);
	if (container) {
		str_add(head, "/");
		str_add_urlencoded(head, container);
	}
	add_query(r, head);
	str_addf(head, " HTTP/1.1\r\nHost: %s:%u\r\n", n->node.ip, n->node.port);
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		pass_header(r, passed[i], head);
	bool upgrades = http_header_get(r->x, "Upgrade") != NULL;
	str_addf(head, "Connection: %s\r\n", upgrades ? "Upgrade" : "close");
	if (streq(r->x->method, "POST"))
		str_add(head, "Content-Length: 0\r\n");
	str_add(head, "\r\n");
}

static const char *const container_lists[] = { "containers", "initContainers",
					       "ephemeralContainers" };

static bool has_container(const json_t *pod, const char *name)
{
	for (size_t l = 0; l < ARRAY_LEN(container_lists); l++) {
		size_t i;
		json_t *c;
		json_array_foreach(json_at(pod, "spec", container_lists[l]), i, c)
			if (streq(json_str_or(c, "name", ""), name))
				return true;
	}
	return false;
}

/* The container that is meant: named, or the pod's default. */
static int choose_container(struct request *r, const json_t *pod, const char **ret,
			    struct failure *f)
{
	const char *name = query_get(&r->query, "container");
	json_t *list = json_dig(pod, "spec.containers");
	if (!name || !*name)
		name = json_member_str(json_dig(pod, "metadata.annotations"),
				       "kubectl.kubernetes.io/default-container");
	if ((!name || !*name) && json_array_size(list) == 1)
		name = json_str(json_array_get(list, 0), "name");
	if (name && has_container(pod, name)) {
		*ret = name;
		return 0;
	}
	if (name && *name)
		return fail_bad_request(f, "container %s is not valid for pod %s", name,
					r->target.name);
	AUTO_STR names;
	str_init(&names, 8192);
	size_t i;
	json_t *c;
	json_array_foreach(list, i, c)
		str_addf(&names, "%s%s", i ? " " : "", json_str_or(c, "name", ""));
	return fail_bad_request(f, "a container name must be specified for pod %s, choose one of: "
				   "[%s]", r->target.name, names.data);
}

static int begin(struct request *r, struct failure *f)
{
	struct server *s = r->server;
	const struct server_options *o = &s->options;
	struct object *pod = hub_get(s->hub, r->target.kind, r->target.ns, r->target.name);
	if (!pod)
		return fail_not_found(f, r->target.kind, r->target.name);
	if (!o->node_cert_pem)
		return fail_unavailable(f, "this server has no certificate for its nodes' agents");
	AUTO_JSON *tree = object_tree(pod);
	const char *container = NULL;
	if (!streq(r->target.subresource, "portforward") &&
	    choose_container(r, tree, &container, f) < 0)
		return -1;
	const char *node = json_str_or(tree, "spec.nodeName", "");
	if (!*node)
		return fail_bad_request(f, "pod %s does not have a host assigned", r->target.name);
	struct node_address address;
	if (node_address_of(s, node, &address, f) < 0)
		return -1;
	struct node_stream *n = xcalloc(1, sizeof *n);
	*n = (struct node_stream){ .node = address,
				   .ca = xstrdup(o->ca_pem),
				   .cert = xstrdup(o->node_cert_pem),
				   .key = xstrdup(o->node_key_pem) };
	write_head(r, container, n);
	struct http_exchange *x = r->x;
	server_count_request(s, r->target.verb, true, 200, 0);
	request_drop(r);
	http_takeover(x, run, done, n);
	return 0;
}

static void fresh(void *ctx, const struct error *err)
{
	struct request *r = ctx;
	struct failure f = { 0 };
	if (err)
		fail_unavailable(&f, "%s", err->text);
	if (err || begin(r, &f) < 0)
		reply_failure(r, &f);
}

void serve_node_stream(struct request *r)
{
	hub_when_fresh(r->server->hub, fresh, r);
}
