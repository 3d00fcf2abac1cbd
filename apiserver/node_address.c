#include "apiserver/node_address.h"
#include "common/base/jsonx.h"

#include <stdio.h>

int node_address_of(struct server *s, const char *node, struct node_address *ret,
		    struct failure *f)
{
	const struct schema_kind *kind = schema_kind_by_kind("", "v1", "Node");
	struct object *o = hub_get(s->hub, kind, NULL, node);
	if (!o)
		return fail_not_found(f, kind, node);
	AUTO_JSON *tree = object_tree(o);
	const char *ip = NULL;
	size_t i;
	json_t *a;
	json_array_foreach(json_dig(tree, "status.addresses"), i, a)
		if (!ip && streq(json_str_or(a, "type", ""), "InternalIP"))
			ip = json_str(a, "address");
	if (!ip || strlen(ip) >= sizeof ret->ip)
		return fail_unavailable(f, "node %s has not told its address yet", node);
	memcpy(ret->ip, ip, strlen(ip) + 1);
	ret->port = (uint16_t)json_int_or(tree, "status.daemonEndpoints.kubeletEndpoint.Port",
					  10250);
	return 0;
}
