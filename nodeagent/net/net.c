#include "nodeagent/net/net.h"

#include "common/client/reflector.h"
#include "nodeagent/net/dns_server.h"
#include "nodeagent/net/routes.h"
#include "nodeagent/net/services.h"

static int start_dns(struct loop *loop, const struct net_options *o, struct cache *slices,
		     int slices_by_service, struct error *err)
{
	struct dns_server_options dns = {
		.loop = loop,
		.zone = { .domain = o->domain ? o->domain : "cluster.local",
			  .services = o->services,
			  .slices = slices,
			  .slices_by_service = slices_by_service,
			  .slices_by_address = cache_add_index(slices, dns_slices_by_address),
			  .services_by_address =
				  cache_add_index(o->services, dns_services_by_address) },
		.services = o->services,
		.slices = slices,
		.address = o->dns_address,
	};
	struct dns_server *server;
	if (!dns_range_parse(o->cluster_cidr, &dns.zone.pods) ||
	    !dns_range_parse(o->service_cidr, &dns.zone.addresses))
		return error_set(err, ERR_INVALID, "'%s' or '%s' is no IPv4 range", o->cluster_cidr,
				 o->service_cidr);
	return dns_server_new(&dns, &server, err);
}

int net_start(struct loop *loop, struct api *api, const struct net_options *options,
	      struct error *err)
{
	struct reflector_options slices = {
		.resource = { "discovery.k8s.io", "v1", "endpointslices", true },
		.seed = options->seed,
	};
	struct reflector_options nodes = { .resource = { "", "v1", "nodes", false },
					   .seed = options->seed + 1 };
	struct reflector *slices_reflector = reflector_new(loop, api, &slices);
	struct reflector *nodes_reflector = reflector_new(loop, api, &nodes);
	struct cache *cache = reflector_cache(slices_reflector);
	int by_service = cache_add_index(cache, dns_slices_by_service);
	struct services_options services = { .loop = loop,
					     .services = options->services,
					     .slices = cache,
					     .pods = options->pods,
					     .slices_by_service = by_service,
					     .node_name = options->node_name,
					     .cluster_id = options->cluster_id,
					     .cluster_cidr = options->cluster_cidr,
					     .service_cidr = options->service_cidr,
					     .dns_address = options->dns_address };
	struct services *kept;
	if (services_new(&services, &kept, err) < 0 ||
	    (options->dns_address && start_dns(loop, options, cache, by_service, err) < 0))
		return error_wrap(err, "network");
	routes_start(loop, reflector_cache(nodes_reflector), options->node_name);
	reflector_start(slices_reflector);
	reflector_start(nodes_reflector);
	return 0;
}
