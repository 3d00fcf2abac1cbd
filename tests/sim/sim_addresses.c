#include "common/base/jsonx.h"
#include "tests/sim/sim.h"

#include <stdio.h>

#define ADDRESSES "o/networking.k8s.io/ipaddresses/"
#define SERVICES  "o/core/services/"

static bool has_ip(const json_t *addresses, const char *ip)
{
	return json_find(addresses, "ip", ip) != NULL;
}

bool sim_servers_are_settled(const struct sim *s, char *why, size_t size)
{
	const json_t *endpoints =
		sim_check_object(s->check, "core", "endpoints", "default", "kubernetes");
	const json_t *slice = sim_check_object(s->check, "discovery.k8s.io", "endpointslices",
					       "default", "kubernetes");
	const json_t *subset = json_array_get(json_object_get(endpoints, "subsets"), 0);
	const json_t *addresses = json_object_get(subset, "addresses");
	bool good = json_array_size(addresses) == SIM_SERVERS &&
		    json_array_size(json_object_get(slice, "endpoints")) == SIM_SERVERS;
	for (size_t i = 0; i < SIM_SERVERS; i++)
		good = good && has_ip(addresses, s->servers[i].address);
	if (good)
		return true;
	AUTO_STR text;
	str_init(&text, 4096);
	if (endpoints)
		json_print(endpoints, &text);
	int n = snprintf(why, size, "servers at %s and %s, but %.300s", s->servers[0].address,
			 s->servers[1].address, text.len ? text.data : "nothing");
	assert(n > 0);
	return false;
}

bool sim_address_is_settled(const struct sim_check *c, const char *key, const json_t *object)
{
	if (starts_with(key, SERVICES)) {
		const char *ip = json_str_or(object, "spec.clusterIP", "None");
		const json_t *address =
			sim_check_object(c, "networking.k8s.io", "ipaddresses", "", ip);
		return streq(ip, "None") || !*ip ||
		       streq(json_str_or(address, "spec.parentRef.name", ""),
			     json_str_or(object, "metadata.name", "?"));
	}
	if (!starts_with(key, ADDRESSES))
		return true;
	const json_t *service = sim_check_object(
		c, "core", "services", json_str_or(object, "spec.parentRef.namespace", ""),
		json_str_or(object, "spec.parentRef.name", ""));
	return streq(json_str_or(service, "spec.clusterIP", ""),
		     json_str_or(object, "metadata.name", "?"));
}
