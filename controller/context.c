#include "controller/context.h"

#define R(group, version, resource, is_namespaced)                                                 \
	{                                                                                          \
		group, version, resource, is_namespaced                                            \
	}

const struct kind_facts kind_facts[KIND_COUNT] = {
	[KIND_POD] = { "Pod", "v1", R("", "v1", "pods", true), NULL, NULL },
	[KIND_REPLICASET] = { "ReplicaSet", "apps/v1", R("apps", "v1", "replicasets", true), NULL,
			      NULL },
	[KIND_DEPLOYMENT] = { "Deployment", "apps/v1", R("apps", "v1", "deployments", true), NULL,
			      NULL },
	[KIND_JOB] = { "Job", "batch/v1", R("batch", "v1", "jobs", true), NULL, NULL },
	[KIND_NODE] = { "Node", "v1", R("", "v1", "nodes", false), NULL, NULL },
	[KIND_NAMESPACE] = { "Namespace", "v1", R("", "v1", "namespaces", false), NULL, NULL },
	[KIND_SERVICE] = { "Service", "v1", R("", "v1", "services", true), NULL, NULL },
	[KIND_ENDPOINTS] = { "Endpoints", "v1", R("", "v1", "endpoints", true), NULL, NULL },
	[KIND_ENDPOINTSLICE] = { "EndpointSlice", "discovery.k8s.io/v1",
				 R("discovery.k8s.io", "v1", "endpointslices", true), NULL, NULL },
	[KIND_SERVICEACCOUNT] = { "ServiceAccount", "v1", R("", "v1", "serviceaccounts", true),
				  NULL, "metadata.name=default" },
	[KIND_ROOT_CA] = { "ConfigMap", "v1", R("", "v1", "configmaps", true), NULL,
			   "metadata.name=kube-root-ca.crt" },
	[KIND_LEASE] = { "Lease", "coordination.k8s.io/v1",
			 R("coordination.k8s.io", "v1", "leases", true), "kube-node-lease", NULL },
	[KIND_CERTIFICATE_REQUEST] = { "CertificateSigningRequest", "certificates.k8s.io/v1",
				       R("certificates.k8s.io", "v1", "certificatesigningrequests",
					 false),
				       NULL, NULL },
	[KIND_BUDGET] = { "PodDisruptionBudget", "policy/v1",
			  R("policy", "v1", "poddisruptionbudgets", true), NULL, NULL },
	[KIND_STATEFULSET] = { "StatefulSet", "apps/v1", R("apps", "v1", "statefulsets", true),
			       NULL, NULL },
	[KIND_REPLICATION_CONTROLLER] = { "ReplicationController", "v1",
					  R("", "v1", "replicationcontrollers", true), NULL, NULL },
};

/* As cache_by_controller_uid, and "" for those that nobody controls. */
static void by_controller(const json_t *tree, struct cache_values *out)
{
	size_t i;
	json_t *owner;
	json_array_foreach (json_dig(tree, "metadata.ownerReferences"), i, owner) {
		const char *uid = json_str(owner, "uid");
		if (uid && json_bool_or(owner, "controller", false)) {
			cache_value_add(out, uid);
			return;
		}
	}
	cache_value_add(out, "");
}

void context_init(struct context *c, struct loop *loop, struct api *api,
		  const struct controller_settings *settings)
{
	*c = (struct context){ .loop = loop, .api = api, .settings = *settings };
	c->events = events_new(loop, api, "skiff-controller", NULL, settings->seed ^ 0x65766e74);
	for (size_t k = 0; k < KIND_COUNT; k++) {
		const struct reflector_options options = {
			.resource = kind_facts[k].resource,
			.ns = kind_facts[k].ns,
			.field_selector = kind_facts[k].field_selector,
			.seed = settings->seed,
		};
		c->reflectors[k] = reflector_new(loop, api, &options);
		c->caches[k] = reflector_cache(c->reflectors[k]);
		int controller = cache_add_index(c->caches[k], by_controller);
		assert(controller == INDEX_CONTROLLER);
		int node = cache_add_index(c->caches[k], cache_by_node);
		assert(node == INDEX_NODE);
		(void)controller, (void)node;
	}
}

void context_fini(struct context *c)
{
	for (size_t k = 0; k < KIND_COUNT; k++)
		reflector_free(c->reflectors[k]);
	events_free(c->events);
	*c = (struct context){ 0 };
}

void context_start(struct context *c)
{
	for (size_t k = 0; k < KIND_COUNT; k++)
		reflector_start(c->reflectors[k]);
}

bool context_is_synced(const struct context *c)
{
	for (size_t k = 0; k < KIND_COUNT; k++)
		if (!cache_is_synced(c->caches[k]))
			return false;
	return true;
}

struct control_loop *context_loop(struct context *c, const char *name,
				  void (*reconcile)(void *ctx, struct work *w, const char *key),
				  void *ctx, const enum kind *needs, size_t needs_count)
{
	struct control_loop *l = control_loop_new(&(struct control_loop_options){
		.name = name,
		.loop = c->loop,
		.api = c->api,
		.seed = c->settings.seed + 1,
		.reconcile = reconcile,
		.ctx = ctx,
	});
	for (size_t i = 0; i < needs_count; i++)
		control_loop_needs(l, c->caches[needs[i]]);
	control_loop_run(l);
	return l;
}
