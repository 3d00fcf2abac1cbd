#include "apiserver/quota.h"
#include "apiserver/change.h"
#include "common/base/jsonx.h"
#include "schemas/quantity.h"

#define ONE 1000

static bool is_kind(const struct schema_kind *k, const char *group, const char *resource)
{
	return streq(k->group, group) && streq(k->resource, resource);
}

static const char *bare(const char *resource)
{
	static const char prefix[] = "requests.";
	return starts_with(resource, prefix) ? resource + strlen(prefix) : resource;
}

bool quota_same_resource(const char *a, const char *b)
{
	static const char *const doubled[] = { "cpu", "memory", "ephemeral-storage" };
	if (streq(a, b))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(doubled); i++)
		if (streq(bare(a), doubled[i]) && streq(bare(b), doubled[i]))
			return true;
	return false;
}

static bool is_bytes(const char *resource)
{
	static const char *const ends[] = { "memory", "storage", "ephemeral-storage" };
	const char *dot = strrchr(resource, '.');
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (streq(dot ? dot + 1 : resource, ends[i]))
			return true;
	return false;
}

void quota_print(const char *resource, int64_t milli, struct str *out)
{
	char text[QUANTITY_TEXT_SIZE];
	if (is_bytes(resource) && milli % ONE == 0)
		quantity_from_bytes(milli / ONE, text);
	else
		quantity_from_milli(milli, text);
	str_add(out, text);
}

/* ---- what an object costs ---- */

static bool is_over(const json_t *pod)
{
	const char *phase = json_str_or(pod, "status.phase", "");
	return streq(phase, "Succeeded") || streq(phase, "Failed");
}

static void charge_list(const json_t *list, const char *prefix, quota_charge *charge, void *ctx)
{
	const char *name;
	json_t *v;
	json_object_foreach ((json_t *)(uintptr_t)list, name, v) {
		auto_free char *resource = xasprintf("%s%s", prefix, name);
		charge(ctx, resource, quantity_milli(json_string_value(v)));
	}
}

static void charge_pod(const json_t *pod, quota_charge *charge, void *ctx)
{
	const json_t *spec = json_object_get(pod, "spec");
	if (is_over(pod))
		return;
	AUTO_JSON *requests = pod_amounts(spec, "requests");
	AUTO_JSON *limits = pod_amounts(spec, "limits");
	const json_t *overhead = json_object_get(spec, "overhead");
	charge(ctx, "pods", ONE);
	charge_list(requests, "requests.", charge, ctx);
	charge_list(overhead, "requests.", charge, ctx);
	charge_list(limits, "limits.", charge, ctx);
	charge_list(overhead, "limits.", charge, ctx);
}

static void charge_claim(const json_t *claim, quota_charge *charge, void *ctx)
{
	int64_t size = quantity_milli(json_str_or(claim, "spec.resources.requests.storage", "0"));
	const char *class = json_str_or(claim, "spec.storageClassName", "");
	charge(ctx, "persistentvolumeclaims", ONE);
	charge(ctx, "requests.storage", size);
	if (!*class)
		return;
	auto_free char *count =
		xasprintf("%s.storageclass.storage.k8s.io/persistentvolumeclaims", class);
	auto_free char *bytes = xasprintf("%s.storageclass.storage.k8s.io/requests.storage", class);
	charge(ctx, count, ONE);
	charge(ctx, bytes, size);
}

static void charge_service(const json_t *service, quota_charge *charge, void *ctx)
{
	const char *type = json_str_or(service, "spec.type", "");
	bool balanced = streq(type, "LoadBalancer");
	int64_t ports = (int64_t)json_array_size(json_dig(service, "spec.ports")) * ONE;
	charge(ctx, "services", ONE);
	if (balanced)
		charge(ctx, "services.loadbalancers", ONE);
	if (streq(type, "NodePort") ||
	    (balanced && json_bool_or(service, "spec.allocateLoadBalancerNodePorts", true)))
		charge(ctx, "services.nodeports", ports);
}

void quota_charges(const struct schema_kind *kind, const json_t *tree, quota_charge *charge,
		   void *ctx)
{
	static const char *const counted[] = { "configmaps", "secrets", "replicationcontrollers",
					       "resourcequotas" };
	auto_free char *count =
		xasprintf("count/%s%s%s", kind->resource, *kind->group ? "." : "", kind->group);
	charge(ctx, count, ONE);
	if (is_kind(kind, "", "pods"))
		charge_pod(tree, charge, ctx);
	else if (is_kind(kind, "", "persistentvolumeclaims"))
		charge_claim(tree, charge, ctx);
	else if (is_kind(kind, "", "services"))
		charge_service(tree, charge, ctx);
	for (size_t i = 0; i < ARRAY_LEN(counted); i++)
		if (is_kind(kind, "", counted[i]))
			charge(ctx, counted[i], ONE);
}

/* ---- scopes ---- */

static bool is_best_effort(const json_t *spec)
{
	static const char *const lists[] = { "containers", "initContainers" };
	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		size_t i;
		json_t *c;
		json_array_foreach (json_object_get(spec, lists[k]), i, c)
			if (json_object_size(json_dig(c, "resources.requests")) ||
			    json_object_size(json_dig(c, "resources.limits")))
				return false;
	}
	return true;
}

static bool in_values(const json_t *values, const char *text)
{
	size_t i;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)values, i, v)
		if (json_is_string(v) && streq(json_string_value(v), text))
			return true;
	return false;
}

/* Any term of the lists in one kind of affinity, in whatever way it is wanted, that looks beyond the
 * pod's namespace. */
static bool looks_beyond(const json_t *affinity)
{
	static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
	static const char preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";
	const char *const lists[] = { required, preferred };
	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		size_t i;
		json_t *term;
		json_array_foreach (json_object_get(affinity, lists[k]), i, term) {
			const json_t *wish = json_object_get(term, "podAffinityTerm");
			const json_t *t = wish ? wish : term;
			if (json_array_size(json_object_get(t, "namespaces")) ||
			    json_is_object(json_object_get(t, "namespaceSelector")))
				return true;
		}
	}
	return false;
}

/* A claim counts for the class that it has, that it wants, and that it is on its way to. */
static bool class_holds(const char *op, const json_t *values, const json_t *claim)
{
	static const char *const places[] = {
		"spec.volumeAttributesClassName", "status.currentVolumeAttributesClassName",
		"status.modifyVolumeStatus.targetVolumeAttributesClassName"
	};
	bool has = false, is_in = false;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		const char *class = json_str_or(claim, places[i], "");
		has = has || *class;
		is_in = is_in || (*class && in_values(values, class));
	}
	if (streq(op, "In"))
		return is_in;
	if (streq(op, "NotIn"))
		return !is_in;
	return streq(op, "DoesNotExist") ? !has : has;
}

static bool scope_holds(const char *scope, const char *op, const json_t *values, const json_t *pod)
{
	const json_t *spec = json_object_get(pod, "spec");
	bool ends = json_object_get(spec, "activeDeadlineSeconds") != NULL;
	const char *class = json_str_or(spec, "priorityClassName", "");
	if (streq(scope, "Terminating"))
		return ends;
	if (streq(scope, "NotTerminating"))
		return !ends;
	if (streq(scope, "BestEffort"))
		return is_best_effort(spec);
	if (streq(scope, "NotBestEffort"))
		return !is_best_effort(spec);
	if (streq(scope, "CrossNamespacePodAffinity"))
		return looks_beyond(json_dig(spec, "affinity.podAffinity")) ||
		       looks_beyond(json_dig(spec, "affinity.podAntiAffinity"));
	if (!streq(scope, "PriorityClass"))
		return false; /* what a scope of later days would mean is not known */
	if (streq(op, "In"))
		return in_values(values, class);
	if (streq(op, "NotIn"))
		return !in_values(values, class);
	return streq(op, "DoesNotExist") ? !*class : *class != '\0';
}

/* What a scope says of the other kind of thing is never so. */
static bool scope_is_for(const char *scope, const char *op, const json_t *values,
			 const struct schema_kind *kind, const json_t *tree)
{
	bool of_claims = streq(scope, "VolumeAttributesClass");
	if (is_kind(kind, "", "persistentvolumeclaims"))
		return of_claims && class_holds(op, values, tree);
	return !of_claims && is_kind(kind, "", "pods") && scope_holds(scope, op, values, tree);
}

bool quota_is_for(const json_t *quota, const struct schema_kind *kind, const json_t *tree)
{
	const json_t *scopes = json_dig(quota, "spec.scopes");
	const json_t *terms = json_dig(quota, "spec.scopeSelector.matchExpressions");
	size_t i;
	json_t *v;
	if (!json_array_size(scopes) && !json_array_size(terms))
		return true;
	json_array_foreach ((json_t *)(uintptr_t)scopes, i, v)
		if (!scope_is_for(json_string_value(v), "Exists", NULL, kind, tree))
			return false;
	json_array_foreach ((json_t *)(uintptr_t)terms, i, v)
		if (!scope_is_for(json_str_or(v, "scopeName", ""), json_str_or(v, "operator", ""),
				  json_object_get(v, "values"), kind, tree))
			return false;
	return true;
}

/* ---- compute resources must be said ---- */

static bool says(const json_t *container, const char *resource)
{
	static const char limits[] = "limits.";
	bool is_limit = starts_with(resource, limits);
	const char *name = is_limit ? resource + strlen(limits) : bare(resource);
	const json_t *list =
		json_dig(container, is_limit ? "resources.limits" : "resources.requests");
	return json_object_get(list, name) != NULL;
}

static void unsaid_by(const json_t *pod, const char *list, const char *resource, struct str *names)
{
	size_t i;
	json_t *c;
	json_array_foreach (json_object_get(json_object_get(pod, "spec"), list), i, c)
		if (!says(c, resource))
			str_addf(names, "%s%s", names->len ? "," : "", json_str_or(c, "name", ""));
}

void quota_unsaid(const json_t *quota, const json_t *pod, struct str *out)
{
	static const char *const compute[] = { "cpu",    "limits.cpu",   "limits.memory",
					       "memory", "requests.cpu", "requests.memory" };
	const json_t *hard = json_dig(quota, "spec.hard");
	for (size_t i = 0; i < ARRAY_LEN(compute); i++) {
		AUTO_STR names;
		str_init(&names, 8192);
		if (!json_object_get(hard, compute[i]))
			continue;
		unsaid_by(pod, "containers", compute[i], &names);
		unsaid_by(pod, "initContainers", compute[i], &names);
		if (names.len)
			str_addf(out, "%s%s for: %s", out->len ? "; " : "", compute[i], names.data);
	}
}
