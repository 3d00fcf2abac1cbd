/*
 * What a write may leave out of a Service, and what no longer fits its type. Clients send back what
 * they know of: addresses and ports that were given out stay with who does not speak of them, and what
 * another type does not have goes, if it is as it was. Source: pkg/registry/core/service in Kubernetes.
 */
#include "apiserver/alloc.h"
#include "apiserver/change.h"
#include "common/base/jsonx.h"
#include "schemas/rule.h"

static bool is_type(const json_t *service, const char *type)
{
	return streq(json_str_or(service, "spec.type", ""), type);
}

static bool has_address(const json_t *service)
{
	return !is_type(service, "ExternalName");
}

static bool has_ports(const json_t *service)
{
	return is_type(service, "NodePort") || is_type(service, "LoadBalancer");
}

bool alloc_has_health_port(const json_t *service)
{
	return is_type(service, "LoadBalancer") &&
	       streq(json_str_or(service, "spec.externalTrafficPolicy", ""), "Local");
}

bool alloc_has_node_port(const json_t *service, int64_t port)
{
	size_t i;
	json_t *p;
	json_array_foreach (json_dig(service, "spec.ports"), i, p)
		if (port && json_int_or(p, "nodePort", 0) == port)
			return true;
	return false;
}

/* ---- what was left out ---- */

static void patch_addresses(json_t *spec, const json_t *old)
{
	const char *was = json_str_or(old, "clusterIP", "");
	json_t *had = json_object_get(old, "clusterIPs");
	json_t *list = json_object_get(spec, "clusterIPs");
	if (!*json_str_or(spec, "clusterIP", "") && *was)
		json_put_str(spec, "clusterIP", was);
	const char *now = json_str_or(spec, "clusterIP", "");
	if (!json_array_size(list) && streq(now, was) && had)
		json_object_set(spec, "clusterIPs", had);
	else if (!streq(now, was) && json_array_size(list) && json_equal(list, had)) {
		/* Who writes the one alone means both. */
		AUTO_JSON *mine = json_copy(list);
		json_array_set_new(mine, 0, json_string(now));
		json_object_set(spec, "clusterIPs", mine);
	}
}

/* A port keeps its number by its name, unless another port of the write has that. */
static void patch_ports(json_t *tree, const json_t *old)
{
	size_t i, k;
	json_t *port, *before;
	AUTO_JSON *given = json_deep_copy(json_dig(tree, "spec.ports"));
	AUTO_JSON *sent = json_pack("{s:{s:O?}}", "spec", "ports", given);
	json_array_foreach (json_dig(tree, "spec.ports"), i, port) {
		int64_t was = 0;
		if (json_int_or(port, "nodePort", 0))
			continue;
		json_array_foreach (json_dig(old, "spec.ports"), k, before)
			if (streq(json_str_or(before, "name", ""), json_str_or(port, "name", "")))
				was = json_int_or(before, "nodePort", 0);
		if (was && !alloc_has_node_port(sent, was))
			json_put_int(port, "nodePort", was);
	}
}

/* ---- what no longer fits ---- */

static void drop_if_same(json_t *spec, const json_t *old, const char *name)
{
	if (rule_same(json_object_get(spec, name), json_object_get(old, name)))
		json_object_del(spec, name);
}

/* Both as they were, or one of them and the other left out. */
static void drop_addresses(json_t *spec, const json_t *old)
{
	const json_t *one = json_object_get(spec, "clusterIP");
	const json_t *list = json_object_get(spec, "clusterIPs");
	bool has_one = json_string_length(one) > 0, has_list = json_array_size(list) > 0;
	if ((!has_one || rule_same(one, json_object_get(old, "clusterIP"))) &&
	    (!has_list || rule_same(list, json_object_get(old, "clusterIPs")))) {
		json_object_del(spec, "clusterIP");
		json_object_del(spec, "clusterIPs");
	}
	drop_if_same(spec, old, "ipFamilies");
	drop_if_same(spec, old, "ipFamilyPolicy");
}

static void drop_ports(json_t *tree, const json_t *old)
{
	size_t i;
	json_t *port;
	json_array_foreach (json_dig(tree, "spec.ports"), i, port) {
		int64_t number = json_int_or(port, "nodePort", 0);
		if (number && !alloc_has_node_port(old, number))
			return;
	}
	json_array_foreach (json_dig(tree, "spec.ports"), i, port)
		json_object_del(port, "nodePort");
}

static void drop_unfit(json_t *tree, const json_t *old)
{
	json_t *spec = json_object_get(tree, "spec"), *was = json_object_get(old, "spec");
	bool no_balancer = is_type(old, "LoadBalancer") && !is_type(tree, "LoadBalancer");
	if (has_address(old) && !has_address(tree))
		drop_addresses(spec, was);
	if (has_ports(old) && !has_ports(tree)) {
		drop_ports(tree, old);
		drop_if_same(spec, was, "externalTrafficPolicy");
	}
	if (alloc_has_health_port(old) && !alloc_has_health_port(tree))
		drop_if_same(spec, was, "healthCheckNodePort");
	if (no_balancer) {
		drop_if_same(spec, was, "allocateLoadBalancerNodePorts");
		drop_if_same(spec, was, "loadBalancerClass");
	}
	if (!is_type(tree, "LoadBalancer") && json_dig(tree, "status.loadBalancer.ingress")) {
		json_t *status = json_copy(json_object_get(tree, "status"));
		json_object_set_new(status, "loadBalancer", json_object());
		json_object_set_new(tree, "status", status);
	}
}

void alloc_patch_service(json_t *tree, const json_t *old)
{
	json_t *spec = json_object_get(tree, "spec"), *was = json_object_get(old, "spec");
	if (has_address(old) && has_address(tree))
		patch_addresses(spec, was);
	if (has_ports(old) && has_ports(tree) &&
	    (!is_type(tree, "LoadBalancer") ||
	     json_bool_or(spec, "allocateLoadBalancerNodePorts", true)))
		patch_ports(tree, old);
	if (alloc_has_health_port(old) && alloc_has_health_port(tree) &&
	    !json_int_or(spec, "healthCheckNodePort", 0) &&
	    json_object_get(was, "healthCheckNodePort"))
		json_object_set(spec, "healthCheckNodePort",
				json_object_get(was, "healthCheckNodePort"));
	drop_unfit(tree, old);
}
