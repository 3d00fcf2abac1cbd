/* What every namespace holds from its birth: ServiceAccount 'default' and the ConfigMap with
 * the cluster's root certificate. */
#include "controller/controllers_internal.h"

#include "controller/facts.h"

#define ROOT_CA "kube-root-ca.crt"

struct account_controller {
	struct context *context;
	struct control_loop *loop;
};

static json_t *named(const char *api_version, const char *kind, const char *ns, const char *name)
{
	json_t *o = json_object();
	json_put_str(o, "apiVersion", api_version);
	json_put_str(o, "kind", kind);
	json_put_str(o, "metadata.namespace", ns);
	json_put_str(o, "metadata.name", name);
	return o;
}

static void make_account(struct account_controller *a, struct work *w, const char *ns)
{
	struct cache *cache = a->context->caches[KIND_SERVICEACCOUNT];
	if (cache_get_at(cache, ns, "default"))
		return;
	work_create(w, cache, resource_of(KIND_SERVICEACCOUNT), ns,
		    named("v1", "ServiceAccount", ns, "default"))
		->fine = WORK_FINE_EXISTS;
}

static void publish_root(struct account_controller *a, struct work *w, const char *ns)
{
	static const char about[] =
		"Contains a CA bundle that can be used to verify the kube-apiserver when using "
		"internal endpoints such as the internal service IP or kubernetes.default.svc. No "
		"other usage is guaranteed across distributions of Kubernetes clusters.";
	struct cache *cache = a->context->caches[KIND_ROOT_CA];
	const char *root = a->context->settings.root_ca;
	const json_t *present = cache_get_at(cache, ns, ROOT_CA);
	if (!*root)
		return;
	const char *held = json_member_str(json_object_get(present, "data"), "ca.crt");
	if (held && streq(held, root))
		return;
	json_t *map = present ? json_deep_copy(present) : named("v1", "ConfigMap", ns, ROOT_CA);
	json_t *data = json_object(), *annotations = json_object();
	json_put_str(map, "apiVersion", "v1");
	json_put_str(map, "kind", "ConfigMap");
	(void)json_object_set_new(data, "ca.crt", json_string(root));
	(void)json_object_set_new(annotations, "kubernetes.io/description", json_string(about));
	json_put(map, "data", data);
	json_put(map, "metadata.annotations", annotations);
	struct work_write *write =
		present ? work_update(w, cache, resource_of(KIND_ROOT_CA), NULL, map)
			: work_create(w, cache, resource_of(KIND_ROOT_CA), ns, map);
	write->fine = WORK_FINE_EXISTS;
}

static void reconcile(void *ctx, struct work *w, const char *key)
{
	struct account_controller *a = ctx;
	const json_t *ns = cache_get(a->context->caches[KIND_NAMESPACE], key);
	if (!ns || pod_is_terminating(ns))
		return;
	make_account(a, w, key);
	publish_root(a, w, key);
}

static void on_namespace(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct account_controller *a = ctx;
	if (now && !before)
		control_loop_add(a->loop, key);
}

static void on_content(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct account_controller *a = ctx;
	char ns[256];
	(void)cache_key_split(key, ns);
	(void)now; /* gone or changed: both are looked at */
	if (before)
		control_loop_add(a->loop, ns);
}

struct account_controller *account_controller_new(struct context *c)
{
	static const enum kind needs[] = { KIND_NAMESPACE, KIND_SERVICEACCOUNT, KIND_ROOT_CA };
	struct account_controller *a = xcalloc(1, sizeof *a);
	a->context = c;
	a->loop = context_loop(c, "account", reconcile, a, needs, ARRAY_LEN(needs));
	cache_subscribe(c->caches[KIND_NAMESPACE],
			&(struct cache_subscriber){ .changed = on_namespace, .ctx = a });
	cache_subscribe(c->caches[KIND_SERVICEACCOUNT],
			&(struct cache_subscriber){ .changed = on_content, .ctx = a });
	cache_subscribe(c->caches[KIND_ROOT_CA],
			&(struct cache_subscriber){ .changed = on_content, .ctx = a });
	return a;
}

void account_controller_free(struct account_controller *a)
{
	if (!a)
		return;
	cache_unsubscribe(a->context->caches[KIND_NAMESPACE], a);
	cache_unsubscribe(a->context->caches[KIND_SERVICEACCOUNT], a);
	cache_unsubscribe(a->context->caches[KIND_ROOT_CA], a);
	control_loop_free(a->loop);
	free(a);
}
