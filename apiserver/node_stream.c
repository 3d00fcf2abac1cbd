/*
 * pods/log, exec, attach and portforward: the connection is taken over and led to the agent of the
 * pod's node; a WebSocket's channels are translated on the way, everything else passes as it is.
 */
#include "apiserver/audit.h"
#include "apiserver/node_relay.h"
#include "apiserver/stream_options.h"
#include "common/base/jsonx.h"
#include "common/io/log.h"

#include <strings.h>

#define HEAD_MAX      65536
#define PROTOCOLS_MAX 16

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

/* ---- what the client speaks ---- */

/* Which of our protocols the client names first; NULL: none of them. */
static const char *choose_protocol(struct request *r, const char *const *ours, size_t n)
{
	const char *values[PROTOCOLS_MAX];
	size_t count = http_header_values(r->x, "Sec-WebSocket-Protocol", values, PROTOCOLS_MAX);
	for (size_t v = 0; v < count; v++)
		for (const char *at = values[v]; *at;) {
			at += strspn(at, " ,\t");
			size_t len = strcspn(at, " ,\t");
			for (size_t i = 0; i < n; i++)
				if (strlen(ours[i]) == len && strncmp(ours[i], at, len) == 0)
					return ours[i];
			at += len;
		}
	return NULL;
}

static int read_ports(struct request *r, struct channels *c, struct failure *f)
{
	for (size_t i = 0; i < r->query.count; i++) {
		char *end;
		if (!streq(r->query.at[i].name, "ports"))
			continue;
		const char *list = r->query.at[i].value;
		do {
			unsigned long port = strtoul(list, &end, 10);
			if (end == list || (*end && *end != ',') || port < 1 || port > 65535)
				return fail_bad_request(f, "\"%s\" is not a valid port", list);
			if (c->ports_count == CHANNELS_PORTS_MAX)
				return fail_bad_request(f, "more than %d ports",
							CHANNELS_PORTS_MAX);
			c->ports[c->ports_count++] = (uint16_t)port;
			list = end + 1;
		} while (*end);
	}
	if (c->ports_count == 0)
		return fail_bad_request(f, "query parameter \"ports\" is required");
	return 0;
}

/* What a WebSocket will carry; *ret_protocol NULL: this server does not translate it. */
static int choose_channels(struct request *r, struct channels *c, const char **ret_protocol,
			   struct failure *f)
{
	static const char *const exec[] = { "v5.channel.k8s.io", "v4.channel.k8s.io" };
	/* v5 is not upstream's: with its close a client can end its direction, as through the tunnel. */
	static const char *const forward[] = { "SPDY/3.1+portforward.k8s.io", "v5.channel.k8s.io",
					       "v4.channel.k8s.io", "portforward.k8s.io" };
	static const char *const log[] = { "binary.k8s.io", "base64.binary.k8s.io" };
	const char *sub = r->target.subresource, *p;
	*c = (struct channels){ .has_stdin = query_bool(&r->query, "stdin"),
				.has_stdout = query_bool(&r->query, "stdout"),
				.has_stderr = query_bool(&r->query, "stderr"),
				.has_tty = query_bool(&r->query, "tty") };
	if (streq(sub, "portforward")) {
		p = choose_protocol(r, forward, ARRAY_LEN(forward));
		c->kind = p == forward[0] ? CHANNELS_TUNNEL : CHANNELS_FORWARD;
		c->can_close = p == forward[1];
		if (c->kind == CHANNELS_FORWARD && p && read_ports(r, c, f) < 0)
			return -1;
	} else if (streq(sub, "log")) {
		p = choose_protocol(r, log, ARRAY_LEN(log));
		c->kind = p == log[1] ? CHANNELS_LOG_BASE64 : CHANNELS_LOG;
		if (!p) /* upstream's default */
			p = "";
	} else {
		p = choose_protocol(r, exec, ARRAY_LEN(exec));
		c->can_close = p == exec[0];
	}
	*ret_protocol = p;
	return 0;
}

static bool is_websocket(struct request *r)
{
	const char *upgrade = http_header_get(r->x, "Upgrade");
	return streq(r->x->method, "GET") && upgrade && strcasecmp(upgrade, "websocket") == 0;
}

static int plan_websocket(struct request *r, struct node_relay *n, struct failure *f)
{
	const char *protocol;
	if (!is_websocket(r))
		return 0;
	const char *key = http_header_get(r->x, "Sec-WebSocket-Key");
	const char *version = http_header_get(r->x, "Sec-WebSocket-Version");
	if (!key || strlen(key) != 24 || !version || !streq(version, "13"))
		return fail_bad_request(f, "a WebSocket needs Sec-WebSocket-Version: 13 and a "
					   "Sec-WebSocket-Key");
	if (choose_channels(r, &n->channels, &protocol, f) < 0)
		return -1;
	n->is_translated = protocol != NULL;
	n->protocol = protocol;
	n->websocket_key = xstrdup(key);
	return 0;
}

/* ---- what the agent is asked ---- */

static void add_path(struct request *r, const char *container, struct str *head)
{
	const struct target *t = &r->target;
	str_addf(head, " /%s/", agent_path(t->subresource));
	str_add_urlencoded(head, t->ns);
	str_add(head, "/");
	str_add_urlencoded(head, t->name);
	if (container) {
		str_add(head, "/");
		str_add_urlencoded(head, container);
	}
	add_query(r, head);
}

/* A translated stream is a SPDY one for the agent; a log a plain answer up to its end. */
static void write_translated_head(struct request *r, const char *container, struct node_relay *n)
{
	struct str *head = &n->head;
	bool is_log = streq(r->target.subresource, "log");
	bool is_forward = streq(r->target.subresource, "portforward");
	str_add(head, is_log ? "GET" : "POST");
	add_path(r, container, head);
	str_addf(head, " HTTP/1.%d\r\nHost: %s:%u\r\n", is_log ? 0 : 1, n->node.ip, n->node.port);
	pass_header(r, "User-Agent", head);
	if (!is_log)
		str_addf(head,
			 "Upgrade: SPDY/3.1\r\nConnection: Upgrade\r\n"
			 "X-Stream-Protocol-Version: %s\r\nContent-Length: 0\r\n",
			 is_forward ? "portforward.k8s.io" : "v4.channel.k8s.io");
	str_add(head, "\r\n");
}

static void write_head(struct request *r, const char *container, struct node_relay *n)
{
	static const char *const passed[] = { "Upgrade",
					      "Sec-WebSocket-Key",
					      "Sec-WebSocket-Version",
					      "Sec-WebSocket-Protocol",
					      "X-Stream-Protocol-Version",
					      "User-Agent" };
	struct str *head = &n->head;
	str_add(head, r->x->method);
	add_path(r, container, head);
	str_addf(head, " HTTP/1.1\r\nHost: %s:%u\r\n", n->node.ip, n->node.port);
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		pass_header(r, passed[i], head);
	bool upgrades = http_header_get(r->x, "Upgrade") != NULL;
	str_addf(head, "Connection: %s\r\n", upgrades ? "Upgrade" : "close");
	if (streq(r->x->method, "POST"))
		str_add(head, "Content-Length: 0\r\n");
	str_add(head, "\r\n");
}

/* ---- the pod and its container ---- */

static const char *const container_lists[] = { "initContainers", "containers",
					       "ephemeralContainers" };

static bool has_container(const json_t *pod, const char *name)
{
	for (size_t l = 0; l < ARRAY_LEN(container_lists); l++) {
		size_t i;
		json_t *c;
		json_array_foreach (json_at(pod, "spec", container_lists[l]), i, c)
			if (streq(json_str_or(c, "name", ""), name))
				return true;
	}
	return false;
}

/* The container that is meant: named, or the only one. (The annotation of a default is kubectl's.) */
static int choose_container(struct request *r, const json_t *pod, const char **ret,
			    struct failure *f)
{
	const char *name = query_get(&r->query, "container");
	json_t *list = json_dig(pod, "spec.containers");
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
	for (size_t l = 0; l < ARRAY_LEN(container_lists); l++) {
		size_t i;
		json_t *c;
		json_array_foreach (json_at(pod, "spec", container_lists[l]), i, c)
			str_addf(&names, "%s%s", names.len ? " " : "", json_str_or(c, "name", ""));
	}
	return fail_bad_request(f,
				"a container name must be specified for pod %s, choose one of: "
				"[%s]",
				r->target.name, names.data);
}

static bool is_log(const struct request *r)
{
	return streq(r->target.subresource, "log");
}

static int lead_on(struct request *r, const char *node, const char *container, struct failure *f)
{
	struct server *s = r->server;
	const struct server_options *o = &s->options;
	struct node_address address;
	if (!o->node_cert_pem)
		return fail_unavailable(f, "this server has no certificate for its nodes' agents");
	if (node_address_of(s, node, &address, f) < 0)
		return -1;
	struct node_relay *n =
		node_relay_new(&address, o->ca_pem, o->node_cert_pem, o->node_key_pem);
	if (plan_websocket(r, n, f) < 0) {
		node_relay_free(n);
		return -1;
	}
	if (n->is_translated)
		write_translated_head(r, container, n);
	else
		write_head(r, container, n);
	struct http_exchange *x = r->x;
	server_count_request(s, r->target.verb, true, 200, 0);
	audit_tell(s->audit, r, AUDIT_STARTED, is_log(r) ? 200 : 101, NULL, 0);
	request_drop(r);
	http_takeover(x, node_relay_run, node_relay_done, n);
	return 0;
}

static int begin(struct request *r, struct failure *f)
{
	const char *sub = r->target.subresource;
	if (stream_options_check(&r->query, sub, r->target.name, f) < 0)
		return -1;
	struct object *pod = hub_get(r->server->hub, r->target.kind, r->target.ns, r->target.name);
	if (!pod)
		return fail_not_found(f, r->target.kind, r->target.name);
	AUTO_JSON *tree = object_tree(pod);
	const char *container = NULL;
	if (!streq(sub, "portforward") && choose_container(r, tree, &container, f) < 0)
		return -1;
	const char *node = json_str_or(tree, "spec.nodeName", "");
	if (*node)
		return lead_on(r, node, container, f);
	if (!streq(sub, "log"))
		return fail_bad_request(f, "pod %s does not have a host assigned", r->target.name);
	reply_text(r, 204, NULL, "", 0); /* nothing was said yet */
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
