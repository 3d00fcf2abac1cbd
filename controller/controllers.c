#include "controller/controllers.h"

#include "controller/controllers_internal.h"

#define YEAR_S (365 * 86400)

struct controllers {
	struct context context;
	char *cluster_cidr, *root_ca;
	struct replicaset_controller *replicasets;
	struct deployment_controller *deployments;
	struct job_controller *jobs;
	struct scheduler *scheduler;
	struct endpoints_controller *endpoints;
	struct node_controller *nodes;
	struct podgc_controller *podgc;
	struct namespace_controller *namespaces;
	struct account_controller *accounts;
	struct certificate_controller *certificates;
	struct disruption_controller *disruptions;
	struct gc_controller *gc;
	struct protection_controller *protection;
	struct account_token_controller *account_tokens;
	struct order_controller *order;
};

struct controllers *controllers_start(struct loop *loop, struct api *api,
				      const struct controllers_options *options)
{
	struct controllers *c = xcalloc(1, sizeof *c);
	c->cluster_cidr = xstrdup(options->cluster_cidr);
	c->root_ca = xstrdup(options->root_ca);
	context_init(
		&c->context, loop, api,
		&(struct controller_settings){
			.cluster_cidr = c->cluster_cidr,
			.root_ca = c->root_ca,
			.signing_cert = options->signing_cert,
			.signing_key = options->signing_key,
			.signing_ttl_s = options->signing_ttl_s ? options->signing_ttl_s : YEAR_S,
			.seed = options->seed });
	c->replicasets = replicaset_controller_new(&c->context);
	c->deployments = deployment_controller_new(&c->context);
	c->jobs = job_controller_new(&c->context);
	c->scheduler = scheduler_new(&c->context);
	c->endpoints = endpoints_controller_new(&c->context);
	c->nodes = node_controller_new(&c->context);
	c->podgc = podgc_controller_new(&c->context);
	c->accounts = account_controller_new(&c->context);
	c->order = order_controller_new(&c->context);
	c->disruptions = disruption_controller_new(&c->context);
	c->certificates = certificate_controller_new(&c->context);
	c->gc = gc_controller_new(&c->context);
	c->namespaces = namespace_controller_new(&c->context, c->gc);
	c->protection = protection_controller_new(&c->context, c->gc);
	c->account_tokens = account_token_controller_new(&c->context, c->gc);
	context_start(&c->context);
	return c;
}

void controllers_free(struct controllers *c)
{
	if (!c)
		return;
	account_token_controller_free(c->account_tokens);
	protection_controller_free(c->protection);
	namespace_controller_free(c->namespaces);
	gc_controller_free(c->gc);
	certificate_controller_free(c->certificates);
	disruption_controller_free(c->disruptions);
	order_controller_free(c->order);
	account_controller_free(c->accounts);
	podgc_controller_free(c->podgc);
	node_controller_free(c->nodes);
	endpoints_controller_free(c->endpoints);
	scheduler_free(c->scheduler);
	job_controller_free(c->jobs);
	deployment_controller_free(c->deployments);
	replicaset_controller_free(c->replicasets);
	context_fini(&c->context);
	free(c->cluster_cidr);
	free(c->root_ca);
	free(c);
}

bool controllers_are_synced(const struct controllers *c)
{
	return context_is_synced(&c->context);
}
