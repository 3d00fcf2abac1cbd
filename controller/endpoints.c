#include "controller/controllers_internal.h"

#include "common/base/selector.h"
#include "controller/endpoints_plan.h"
#include "controller/facts.h"

#define SERVICE_LABEL "kubernetes.io/service-name"
#define MANAGED_LABEL "endpointslice.kubernetes.io/managed-by"
#define MANAGED_BY    "endpointslice-controller.k8s.io"
#define HEADLESS      "service.kubernetes.io/headless"

struct endpoints_controller {
	struct context *context;
	struct control_loop *loop;
};

static bool has_selector(const json_t *service)
{
	return json_object_size(json_dig(service, "spec.selector")) > 0 &&
	       !streq(json_str_or(service, "spec.type", ""), "ExternalName");
}

/* Borrowed pods in key order; the list is the caller's. */
static const json_t **selected_pods(struct endpoints_controller *e, const json_t *service,
				    size_t *ret_count)
{
	AUTO_SELECTOR selector = { 0 };
	selector_from_map(json_dig(service, "spec.selector"), &selector);
	struct cache_range range =
		cache_in_namespace(e->context->caches[KIND_POD], namespace_of(service));
	const json_t **pods = xcalloc(range.count + 1, sizeof(json_t *));
	*ret_count = 0;
	for (size_t i = 0; i < range.count; i++) {
		const json_t *pod = range.at[i]->tree;
		if (selector_matches_json(&selector, json_dig(pod, "metadata.labels")))
			pods[(*ret_count)++] = pod;
	}
	return pods;
}

static void put_labels(const json_t *service, json_t *labels)
{
	const char *name;
	json_t *value;
	json_object_foreach (json_dig(service, "metadata.labels"), name, value)
		(void)json_object_set(labels, name, value);
	if (streq(json_str_or(service, "spec.clusterIP", ""), "None"))
		(void)json_object_set_new(labels, HEADLESS, json_string(""));
}

static void explain_failure(void *ctx, struct work *w, const struct api_reply *reply)
{
	struct endpoints_controller *e = ctx;
	const json_t *service = cache_get(e->context->caches[KIND_SERVICE], work_key(w));
	if (service && (reply->code == ERR_INVALID || reply->code == ERR_FORBIDDEN))
		context_event(e->context, KIND_SERVICE, service, "Warning",
			      "FailedToUpdateEndpoint", "Failed to update endpoint %s/%s: %s",
			      namespace_of(service), name_of(service), reply->message);
}

/* ---- Endpoints ---- */

static json_t *endpoints_object(const json_t *service, const json_t *present, json_t *take_subsets)
{
	json_t *o = present ? json_deep_copy(present) : json_object();
	json_t *labels = json_object();
	json_put_str(o, "apiVersion", "v1");
	json_put_str(o, "kind", "Endpoints");
	json_put_str(o, "metadata.name", name_of(service));
	json_put_str(o, "metadata.namespace", namespace_of(service));
	put_labels(service, labels);
	(void)json_object_set_new(labels, "endpoints.kubernetes.io/managed-by",
				  json_string("endpoint-controller"));
	json_put(o, "metadata.labels", labels);
	json_put(o, "subsets", take_subsets);
	return o;
}

static void write_endpoints(struct endpoints_controller *e, struct work *w, const json_t *service,
			    const json_t *const *pods, size_t n)
{
	struct cache *cache = e->context->caches[KIND_ENDPOINTS];
	const json_t *present = cache_get_at(cache, namespace_of(service), name_of(service));
	AUTO_JSON *subsets = endpoints_plan_subsets(service, pods, n);
	if (present && endpoints_are_same_subsets(json_object_get(present, "subsets"), subsets))
		return;
	json_t *object = endpoints_object(service, present, TAKE(subsets));
	struct work_write *write =
		present ? work_update(w, cache, resource_of(KIND_ENDPOINTS), NULL, object)
			: work_create(w, cache, resource_of(KIND_ENDPOINTS), namespace_of(service),
				      object);
	write->group = 1 | WORK_EAGER;
	write->replied = explain_failure;
	write->replied_ctx = e;
}

/* ---- slices ---- */

static const json_t **present_slices(struct endpoints_controller *e, const char *ns,
				     const char *name, size_t *ret_count)
{
	struct cache_range range = cache_in_namespace(e->context->caches[KIND_ENDPOINTSLICE], ns);
	const json_t **slices = xcalloc(range.count + 1, sizeof(json_t *));
	*ret_count = 0;
	for (size_t i = 0; i < range.count; i++) {
		const json_t *slice = range.at[i]->tree;
		const json_t *labels = json_dig(slice, "metadata.labels");
		const char *service = json_member_str(labels, SERVICE_LABEL);
		const char *manager = json_member_str(labels, MANAGED_LABEL);
		if (service && manager && streq(service, name) && streq(manager, MANAGED_BY) &&
		    !pod_is_terminating(slice))
			slices[(*ret_count)++] = slice;
	}
	return slices;
}

static json_t *slice_object(const json_t *service, const json_t *present, const char *name,
			    const struct slice_action *a)
{
	json_t *o = present ? json_copy((json_t *)(uintptr_t)present) : json_object();
	if (!present) {
		json_t *labels = json_object(), *owners = json_array();
		put_labels(service, labels);
		(void)json_object_set_new(labels, SERVICE_LABEL, json_string(name_of(service)));
		(void)json_object_set_new(labels, MANAGED_LABEL, json_string(MANAGED_BY));
		(void)json_array_append_new(owners, controller_reference("v1", "Service", service));
		json_put_str(o, "metadata.name", name);
		json_put_str(o, "metadata.namespace", namespace_of(service));
		json_put(o, "metadata.labels", labels);
		json_put(o, "metadata.ownerReferences", owners);
		json_put_str(o, "addressType", "IPv4");
	}
	json_put_str(o, "apiVersion", "discovery.k8s.io/v1");
	json_put_str(o, "kind", "EndpointSlice");
	(void)json_object_set(o, "ports", a->ports);
	(void)json_object_set(o, "endpoints", a->endpoints);
	return o;
}

/* The first derived name that no slice bears. */
static char *free_name(struct endpoints_controller *e, const json_t *service, int64_t *number)
{
	for (;; (*number)++) {
		char suffix[NAME_CHARS + 1];
		derived_suffix(uid_of(service), *number, 0, suffix);
		auto_free char *name = xasprintf("%.247s-%s", name_of(service), suffix);
		if (cache_get_at(e->context->caches[KIND_ENDPOINTSLICE], namespace_of(service),
				 name))
			continue;
		(*number)++;
		return TAKE(name);
	}
}

static void write_slice(struct endpoints_controller *e, struct work *w, const json_t *service,
			const json_t *const *slices, const struct slice_action *a, int64_t *number)
{
	struct cache *cache = e->context->caches[KIND_ENDPOINTSLICE];
	const struct api_resource *resource = resource_of(KIND_ENDPOINTSLICE);
	struct work_write *write = NULL;
	auto_free char *name = NULL;

	switch (a->verb) {
	case SLICE_CREATE:
		name = free_name(e, service, number);
		write = work_create(w, cache, resource, namespace_of(service),
				    slice_object(service, NULL, name, a));
		write->replied = explain_failure;
		write->replied_ctx = e;
		break;
	case SLICE_UPDATE:
		write = work_update(w, cache, resource, NULL,
				    slice_object(service, slices[a->slice], NULL, a));
		break;
	case SLICE_DELETE:
		write = work_delete(w, cache, resource, namespace_of(service),
				    name_of(slices[a->slice]), uid_of(slices[a->slice]), -1, NULL);
		break;
	case SLICE_VERB_COUNT:
		return;
	}
	assert(write);
	write->group = 1 | WORK_EAGER;
}

static void write_slices(struct endpoints_controller *e, struct work *w, const json_t *service,
			 const json_t *const *pods, size_t n)
{
	struct endpoint_groups groups;
	struct slice_plan plan;
	size_t count;
	int64_t number = 0;
	auto_free const json_t **slices =
		present_slices(e, namespace_of(service), name_of(service), &count);
	endpoints_plan_groups(service, pods, n, &groups);
	slice_plan_make(&plan, &groups, slices, count);
	for (size_t i = 0; i < plan.count; i++)
		write_slice(e, w, service, slices, &plan.actions[i], &number);
	slice_plan_fini(&plan);
	endpoint_groups_fini(&groups);
}

/* The Endpoints object of a Service that is gone goes too; slices have an owner. */
static void clean_up(struct endpoints_controller *e, struct work *w, const char *key)
{
	struct cache *cache = e->context->caches[KIND_ENDPOINTS];
	const json_t *present = cache_get(cache, key);
	const char *manager = present ? json_member_str(json_dig(present, "metadata.labels"),
							"endpoints.kubernetes.io/managed-by")
				      : NULL;
	if (manager && streq(manager, "endpoint-controller"))
		(void)work_delete(w, cache, resource_of(KIND_ENDPOINTS), namespace_of(present),
				  name_of(present), uid_of(present), -1, NULL);
}

static void reconcile(void *ctx, struct work *w, const char *key)
{
	struct endpoints_controller *e = ctx;
	const json_t *service = cache_get(e->context->caches[KIND_SERVICE], key);
	if (!service) {
		clean_up(e, w, key);
		return;
	}
	if (!has_selector(service) || pod_is_terminating(service))
		return; /* without a selector its endpoints are the user's */
	size_t n;
	auto_free const json_t **pods = selected_pods(e, service, &n);
	write_endpoints(e, w, service, pods, n);
	write_slices(e, w, service, pods, n);
}

/* ---- what wakes it ---- */

static void on_service(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct endpoints_controller *e = ctx;
	(void)before, (void)now; /* the key is all */
	control_loop_add(e->loop, key);
}

static void wake_services(struct endpoints_controller *e, const json_t *pod)
{
	struct cache_range services =
		cache_in_namespace(e->context->caches[KIND_SERVICE], namespace_of(pod));
	for (size_t i = 0; i < services.count; i++) {
		AUTO_SELECTOR selector = { 0 };
		if (!has_selector(services.at[i]->tree))
			continue;
		selector_from_map(json_dig(services.at[i]->tree, "spec.selector"), &selector);
		if (selector_matches_json(&selector, json_dig(pod, "metadata.labels")))
			control_loop_add(e->loop, services.at[i]->key);
	}
}

static bool is_same_to_services(const json_t *a, const json_t *b)
{
	return streq(json_str_or(a, "status.podIP", ""), json_str_or(b, "status.podIP", "")) &&
	       pod_is_ready(a, NULL) == pod_is_ready(b, NULL) &&
	       pod_is_terminating(a) == pod_is_terminating(b) &&
	       pod_is_finished(a) == pod_is_finished(b) &&
	       json_equal(json_dig(a, "metadata.labels"), json_dig(b, "metadata.labels"));
}

static void on_pod(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct endpoints_controller *e = ctx;
	(void)key; /* the Services' are asked for */
	if (before && now && is_same_to_services(before, now))
		return;
	if (before)
		wake_services(e, before);
	if (now)
		wake_services(e, now);
}

/* Somebody changed or deleted what we wrote. */
static void on_slice(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct endpoints_controller *e = ctx;
	const json_t *slice = now ? now : before;
	(void)key; /* the Service's is asked for */
	const char *service = json_member_str(json_dig(slice, "metadata.labels"), SERVICE_LABEL);
	if (!service || !before)
		return;
	auto_free char *owner = cache_key(namespace_of(slice), service);
	control_loop_add(e->loop, owner);
}

static void on_endpoints(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct endpoints_controller *e = ctx;
	(void)now; /* the key is all */
	if (before)
		control_loop_add(e->loop, key);
}

static const struct {
	enum kind kind;
	void (*changed)(void *ctx, const char *key, const json_t *before, const json_t *now);
} subscriptions[] = {
	{ KIND_SERVICE, on_service },
	{ KIND_POD, on_pod },
	{ KIND_ENDPOINTSLICE, on_slice },
	{ KIND_ENDPOINTS, on_endpoints },
};

struct endpoints_controller *endpoints_controller_new(struct context *c)
{
	static const enum kind needs[] = { KIND_SERVICE, KIND_POD, KIND_ENDPOINTSLICE,
					   KIND_ENDPOINTS };
	struct endpoints_controller *e = xcalloc(1, sizeof *e);
	e->context = c;
	e->loop = context_loop(c, "endpoints", reconcile, e, needs, ARRAY_LEN(needs));
	for (size_t i = 0; i < ARRAY_LEN(subscriptions); i++)
		cache_subscribe(c->caches[subscriptions[i].kind],
				&(struct cache_subscriber){ .changed = subscriptions[i].changed,
							    .ctx = e });
	return e;
}

void endpoints_controller_free(struct endpoints_controller *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < ARRAY_LEN(subscriptions); i++)
		cache_unsubscribe(e->context->caches[subscriptions[i].kind], e);
	control_loop_free(e->loop);
	free(e);
}
