/* The system's own objects are created through the very handlers that clients use, so that they
 * are defaulted, validated and allocated like all others. */
#include "apiserver/bootstrap.h"
#include "apiserver/alloc.h"
#include "apiserver/server_internal.h"
#include "common/base/jsonx.h"
#include "common/io/log.h"

#define RETRY_MS 500

struct item {
	const char *group, *version, *kind, *ns, *name;
	json_t *(*make)(const struct server *s); /* without its name */
};

static json_t *make_namespace(const struct server *s)
{
	(void)s;
	return json_pack("{s:s,s:s,s:{}}", "apiVersion", "v1", "kind", "Namespace", "metadata");
}

static json_t *make_kubernetes(const struct server *s)
{
	char ip[16];
	address_ranges_nth(s->ranges, 1, ip);
	return json_pack("{s:s,s:s,s:{s:{s:s,s:s}},s:{s:s,s:s,s:[{s:s,s:s,s:i,s:i}]}}",
			 "apiVersion", "v1", "kind", "Service", "metadata", "labels", "component",
			 "apiserver", "provider", "kubernetes", "spec", "type", "ClusterIP",
			 "clusterIP", ip, "ports", "name", "https", "protocol", "TCP", "port", 443,
			 "targetPort", (int)s->options.advertise_port);
}

static json_t *make_endpoints(const struct server *s)
{
	return json_pack("{s:s,s:s,s:{s:{s:s}},s:[{s:[{s:s}],s:[{s:s,s:i,s:s}]}]}", "apiVersion",
			 "v1", "kind", "Endpoints", "metadata", "labels",
			 "endpointslice.kubernetes.io/skip-mirror", "true", "subsets", "addresses",
			 "ip", s->options.advertise_address, "ports", "name", "https", "port",
			 (int)s->options.advertise_port, "protocol", "TCP");
}

static json_t *make_slice(const struct server *s)
{
	return json_pack(
		"{s:s,s:s,s:{s:{s:s}},s:s,s:[{s:[s],s:{s:b}}],s:[{s:s,s:i,s:s}]}", "apiVersion",
		"discovery.k8s.io/v1", "kind", "EndpointSlice", "metadata", "labels",
		"kubernetes.io/service-name", "kubernetes", "addressType", "IPv4", "endpoints",
		"addresses", s->options.advertise_address, "conditions", "ready", 1, "ports",
		"name", "https", "port", (int)s->options.advertise_port, "protocol", "TCP");
}

static json_t *make_dns(const struct server *s)
{
	char ip[16];
	address_ranges_nth(s->ranges, 10, ip);
	return json_pack("{s:s,s:s,s:{s:{s:s,s:s}},s:{s:s,s:s,s:[{s:s,s:s,s:i},{s:s,s:s,s:i}]}}",
			 "apiVersion", "v1", "kind", "Service", "metadata", "labels", "k8s-app",
			 "kube-dns", "kubernetes.io/cluster-service", "true", "spec", "type",
			 "ClusterIP", "clusterIP", ip, "ports", "name", "dns", "protocol", "UDP",
			 "port", 53, "name", "dns-tcp", "protocol", "TCP", "port", 53);
}

static const struct item items[] = {
	{ "", "v1", "Namespace", "", "kube-system", make_namespace },
	{ "", "v1", "Namespace", "", "default", make_namespace },
	{ "", "v1", "Namespace", "", "kube-public", make_namespace },
	{ "", "v1", "Namespace", "", "kube-node-lease", make_namespace },
	{ "", "v1", "Service", "default", "kubernetes", make_kubernetes },
	{ "", "v1", "Endpoints", "default", "kubernetes", make_endpoints },
	{ "discovery.k8s.io", "v1", "EndpointSlice", "default", "kubernetes", make_slice },
	{ "", "v1", "Service", "kube-system", "kube-dns", make_dns },
};

/* ---- an exchange with ourselves ---- */

struct own_exchange {
	struct http_exchange x;
	char *path, *body;
	struct loop_timer *end;
};

static void own_free(void *ctx)
{
	struct own_exchange *o = ctx;
	loop_timer_free(o->end);
	free(o->path);
	free(o->body);
	free(o);
}

static const char *own_header(struct http_exchange *x, const char *name)
{
	(void)x, (void)name;
	return NULL;
}

static size_t own_header_values(struct http_exchange *x, const char *name,
				const char **ret_values, size_t max)
{
	(void)x, (void)name, (void)ret_values, (void)max;
	return 0;
}

static void own_reply(struct http_exchange *x, int status, const struct http_header *headers,
		      size_t headers_count, const void *body, size_t body_len,
		      void (*release)(void *ctx), void *release_ctx)
{
	struct own_exchange *o = CONTAINER_OF(x, struct own_exchange, x);
	(void)headers, (void)headers_count;
	if (status >= 400 && status != 409)
		log_warn("bootstrap", "object not made, trying again", "path", o->path, "answer",
			 body_len ? body : "");
	if (release)
		release(release_ctx);
	loop_timer_set(o->end, 0);
}

static void own_stream(struct http_exchange *x, int status, const struct http_header *headers,
		       size_t headers_count, const struct http_source *source, void *ctx)
{
	(void)x, (void)status, (void)headers, (void)headers_count;
	source->closed(ctx); /* a POST is never answered so */
	abort();
}

static void own_wake(struct http_exchange *x)
{
	(void)x;
}

static const struct http_exchange_ops own_ops = { .header = own_header,
						  .header_values = own_header_values,
						  .reply = own_reply,
						  .stream = own_stream,
						  .wake = own_wake };

static void post(struct server *s, const struct item *item, const struct schema_kind *kind)
{
	struct own_exchange *o = xcalloc(1, sizeof *o);
	AUTO_JSON *tree = item->make(s);
	json_put_str(tree, "metadata.name", item->name);
	AUTO_STR body;
	str_init(&body, 65536);
	json_print(tree, &body);
	size_t len = body.len;
	o->body = str_take(&body);
	auto_free char *ns = *item->ns ? xasprintf("namespaces/%s/", item->ns) : xstrdup("");
	o->path = *item->group ? xasprintf("/apis/%s/%s/%s%s", item->group, item->version, ns,
					   kind->resource) :
				 xasprintf("/api/%s/%s%s", item->version, ns, kind->resource);
	o->end = loop_timer_new(s->loop, own_free, o);
	o->x = (struct http_exchange){ .ops = &own_ops,
				       .method = "POST",
				       .path = o->path,
				       .query = "",
				       .body = o->body,
				       .body_len = len,
				       .peer = { .cert_cn = "system:apiserver",
						 .cert_orgs = { "system:masters" },
						 .cert_orgs_count = 1,
						 .address = "self" } };
	server_handle(s, &o->x);
}

static bool is_wanted(const struct server *s, const struct item *item)
{
	bool needs_address = item->make == make_endpoints || item->make == make_slice ||
			     item->make == make_kubernetes;
	return !needs_address || s->options.advertise_address;
}

static void step(void *ctx)
{
	struct server *s = ctx;
	bool all = hub_is_loaded(s->hub);
	for (size_t i = 0; hub_is_loaded(s->hub) && i < ARRAY_LEN(items); i++) {
		const struct item *item = &items[i];
		const struct schema_kind *kind =
			schema_kind_by_kind(item->group, item->version, item->kind);
		const struct schema_kind *ns = schema_kind_by_kind("", "v1", "Namespace");
		if (!is_wanted(s, item) ||
		    hub_get(s->hub, kind, kind->is_namespaced ? item->ns : NULL, item->name))
			continue;
		all = false;
		if (!*item->ns || hub_get(s->hub, ns, NULL, item->ns))
			post(s, item, kind);
	}
	s->has_system_objects = s->has_system_objects || all;
	if (!all)
		loop_timer_set(s->bootstrap, s->has_system_objects ? RETRY_MS : RETRY_MS / 10);
}

void bootstrap_start(struct server *s)
{
	s->bootstrap = loop_timer_new(s->loop, step, s);
	loop_timer_set(s->bootstrap, 0);
}
