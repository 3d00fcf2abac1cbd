/* The system's own objects are created through the very handlers that clients use, so that they
 * are defaulted, validated and allocated like all others. */
#include "apiserver/bootstrap.h"
#include "apiserver/alloc.h"
#include "apiserver/own_exchange.h"
#include "apiserver/rbac_keep.h"
#include "common/base/jsonx.h"

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
	return json_pack("{s:s,s:s,s:{s:{s:s}},s:s,s:[{s:[s],s:{s:b}}],s:[{s:s,s:i,s:s}]}",
			 "apiVersion", "discovery.k8s.io/v1", "kind", "EndpointSlice", "metadata",
			 "labels", "kubernetes.io/service-name", "kubernetes", "addressType",
			 "IPv4", "endpoints", "addresses", s->options.advertise_address,
			 "conditions", "ready", 1, "ports", "name", "https", "port",
			 (int)s->options.advertise_port, "protocol", "TCP");
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

static json_t *make_priority(int64_t value, const char *what)
{
	return json_pack("{s:s,s:s,s:{},s:I,s:s}", "apiVersion", "scheduling.k8s.io/v1", "kind",
			 "PriorityClass", "metadata", "value", (json_int_t)value, "description",
			 what);
}

static json_t *make_cluster_critical(const struct server *s)
{
	(void)s;
	return make_priority(2000000000, "Used for system critical pods that must run in the "
					 "cluster, but can be moved to another node if necessary.");
}

static json_t *make_node_critical(const struct server *s)
{
	(void)s;
	return make_priority(2000001000, "Used for system critical pods that must not be moved "
					 "from their current node.");
}

static const struct item items[] = {
	{ "scheduling.k8s.io", "v1", "PriorityClass", "", "system-cluster-critical",
	  make_cluster_critical },
	{ "scheduling.k8s.io", "v1", "PriorityClass", "", "system-node-critical",
	  make_node_critical },
	{ "", "v1", "Namespace", "", "kube-system", make_namespace },
	{ "", "v1", "Namespace", "", "default", make_namespace },
	{ "", "v1", "Namespace", "", "kube-public", make_namespace },
	{ "", "v1", "Namespace", "", "kube-node-lease", make_namespace },
	{ "", "v1", "Service", "default", "kubernetes", make_kubernetes },
	{ "", "v1", "Endpoints", "default", "kubernetes", make_endpoints },
	{ "discovery.k8s.io", "v1", "EndpointSlice", "default", "kubernetes", make_slice },
	{ "", "v1", "Service", "kube-system", "kube-dns", make_dns },
};

static void post(struct server *s, const struct item *item, const struct schema_kind *kind)
{
	AUTO_JSON *tree = item->make(s);
	json_put_str(tree, "metadata.name", item->name);
	auto_free char *path = own_path(kind, item->ns, NULL);
	own_request(s, "bootstrap", "POST", path, tree);
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
	all = hub_is_loaded(s->hub) && rbac_keep_defaults(s) && all;
	s->has_system_objects = s->has_system_objects || all;
	if (!all)
		loop_timer_set(s->bootstrap, s->has_system_objects ? RETRY_MS : RETRY_MS / 10);
}

void bootstrap_start(struct server *s)
{
	s->bootstrap = loop_timer_new(s->loop, step, s);
	loop_timer_set(s->bootstrap, 0);
}
