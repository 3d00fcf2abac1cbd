/* Node ports of Services, and what they share with addresses. What is taken stands in the store under
 * alloc/…, written and compared together with the Service itself. */
#include "apiserver/alloc.h"
#include "apiserver/change.h"
#include "common/base/jsonx.h"

#include <stdio.h>

/* ---- what is taken ---- */

bool alloc_is_taken(const struct change *c, const char *key)
{
	const char *bytes;
	size_t len;
	uint64_t version;
	return hub_own_key(c->server->hub, key, &bytes, &len, &version);
}

void alloc_take(struct change *c, const char *key)
{
	auto_free char *owner = xasprintf("%s/%s", c->ns, c->name);
	change_guard_key(c, key);
	change_put_key(c, key, owner);
}

static void port_key(char out[64], int64_t port)
{
	int n = snprintf(out, 64, "alloc/port/%lld", (long long)port);
	assert(n > 0);
}

uint32_t alloc_random(struct change *c, uint32_t n)
{
	uint32_t r;
	server_random(c->server, &r, sizeof r);
	return r % n;
}

/* ---- node ports ---- */

static bool has_node_port(const json_t *service, int64_t port)
{
	if (port && json_int_or(service, "spec.healthCheckNodePort", 0) == port)
		return true;
	return alloc_has_node_port(service, port);
}

static int64_t pick_port(struct change *c)
{
	uint32_t n = NODE_PORT_LAST - NODE_PORT_FIRST + 1, start = alloc_random(c, n);
	for (uint32_t i = 0; i < n; i++) {
		char key[64];
		int64_t port = NODE_PORT_FIRST + (start + i) % n;
		port_key(key, port);
		if (!alloc_is_taken(c, key) && !has_node_port(c->tree, port))
			return port;
	}
	return 0;
}

/* A port that is to be new: free, in the range, and ours with this write. */
static int take_port(struct change *c, const char *field, int64_t *port, struct failure *f)
{
	char key[64];
	port_key(key, *port);
	if (*port && (*port < NODE_PORT_FIRST || *port > NODE_PORT_LAST))
		return fail_number(f, c->kind, c->name, field, *port,
				   "provided port is not in the valid range. The range of valid "
				   "ports is 30000-32767");
	if (*port && alloc_is_taken(c, key))
		return fail_number(f, c->kind, c->name, field, *port,
				   "provided port is already allocated");
	if (!*port)
		*port = pick_port(c);
	if (!*port)
		return fail_internal(f, "no node port is free");
	port_key(key, *port);
	alloc_take(c, key);
	return 0;
}

static int allocate_port(struct change *c, json_t *port, size_t at, struct failure *f)
{
	char field[64];
	int64_t wanted = json_int_or(port, "nodePort", 0);
	if (wanted && has_node_port(c->old_tree, wanted)) {
		json_put_int(port, "nodePort", wanted);
		return 0;
	}
	int n = snprintf(field, sizeof field, "spec.ports[%zu].nodePort", at);
	assert(n > 0);
	if (take_port(c, field, &wanted, f) < 0)
		return -1;
	json_put_int(port, "nodePort", wanted);
	return 0;
}

/* Those that are named, and where `all` the others as well. */
static int allocate_ports(struct change *c, bool all, struct failure *f)
{
	size_t i, count = 0;
	json_t *port;
	json_t *ports = json_dig(c->tree, "spec.ports");
	/* Each takes a key beside the Service's own, in one member of a batch. */
	for (i = 0; i < json_array_size(ports); i++)
		count += all || json_int_or(json_array_get(ports, i), "nodePort", 0);
	if (count > CHANGE_PORTS_MAX)
		return fail_field(f, c->kind, c->name, FIELD_TOO_MANY, "spec.ports", NULL,
				  "must have at most 12 items with node ports");
	json_array_foreach (ports, i, port)
		if ((all || json_int_or(port, "nodePort", 0)) && allocate_port(c, port, i, f) < 0)
			return -1;
	return 0;
}

/* Where balancers ask a node whether it has endpoints of the Service. */
static int allocate_health_port(struct change *c, struct failure *f)
{
	static const char field[] = "spec.healthCheckNodePort";
	int64_t port = json_int_or(c->tree, field, 0), old = json_int_or(c->old_tree, field, 0);
	if (!alloc_has_health_port(c->tree))
		return 0; /* validation has its say about one that does not fit */
	if (old && (!port || port == old)) {
		json_put(c->tree, field, json_integer(old));
		return 0;
	}
	/* A port that stays, and one that is none, are for validation to tell. */
	if (old || port < 0 || port > UINT16_MAX)
		return 0;
	if (take_port(c, field, &port, f) < 0)
		return -1;
	json_put(c->tree, field, json_integer(port));
	return 0;
}

int alloc_service(struct change *c, struct failure *f)
{
	if (c->old_tree)
		alloc_patch_service(c->tree, c->old_tree);
	const char *type = json_str_or(c->tree, "spec.type", "ClusterIP");
	bool is_balancer = streq(type, "LoadBalancer"), is_sound;
	if (streq(type, "ExternalName"))
		json_drop(c->tree, "spec.internalTrafficPolicy");
	else if (alloc_families(c, &is_sound, f) < 0 || (is_sound && alloc_address(c, f) < 0))
		return -1;
	bool all =
		!is_balancer || json_bool_or(c->tree, "spec.allocateLoadBalancerNodePorts", true);
	if ((is_balancer || streq(type, "NodePort")) && allocate_ports(c, all, f) < 0)
		return -1;
	if (allocate_health_port(c, f) < 0)
		return -1;
	if (c->old_tree)
		alloc_release_service(c, c->old_tree, c->tree);
	return 0;
}

static void drop_port(struct change *c, int64_t port, const json_t *keep)
{
	char key[64];
	if (port == 0 || has_node_port(keep, port))
		return;
	port_key(key, port);
	change_drop_key(c, key);
}

/* Let go of what `tree` holds and `keep` (NULL: nothing) does not. */
void alloc_release_service(struct change *c, const json_t *tree, const json_t *keep)
{
	const char *ip = json_str_or(tree, "spec.clusterIP", "");
	if (*ip && !streq(ip, "None") && !streq(ip, json_str_or(keep, "spec.clusterIP", "")))
		alloc_release_address(c, ip);
	size_t i;
	json_t *port;
	drop_port(c, json_int_or(tree, "spec.healthCheckNodePort", 0), keep);
	json_array_foreach (json_dig(tree, "spec.ports"), i, port)
		drop_port(c, json_int_or(port, "nodePort", 0), keep);
}
