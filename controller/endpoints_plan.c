#include "controller/endpoints_plan.h"

#include "controller/facts.h"

static const char *pod_ip(const json_t *pod)
{
	const char *ip = json_str(pod, "status.podIP");
	return ip && *ip && !pod_is_finished(pod) ? ip : NULL;
}

static bool publishes_unready(const json_t *service)
{
	return json_bool_or(service, "spec.publishNotReadyAddresses", false);
}

/* The number behind a named port of the pod, or 0. */
static int64_t named_port(const json_t *pod, const char *name, const char *protocol)
{
	static const char *const lists[] = { "spec.containers", "spec.initContainers" };
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		size_t i, k;
		json_t *container, *port;
		json_array_foreach (json_dig(pod, lists[l]), i, container) {
			json_array_foreach (json_object_get(container, "ports"), k, port) {
				if (streq(json_str_or(port, "name", ""), name) &&
				    streq(json_str_or(port, "protocol", "TCP"), protocol))
					return json_int_or(port, "containerPort", 0);
			}
		}
	}
	return 0;
}

static json_t *ports_for(const json_t *service, const json_t *pod)
{
	json_t *ports = json_array(), *port;
	size_t i;
	json_array_foreach (json_dig(service, "spec.ports"), i, port) {
		const json_t *target = json_object_get(port, "targetPort");
		const char *protocol = json_str_or(port, "protocol", "TCP");
		int64_t number = json_int_or(port, "port", 0);
		if (json_is_integer(target) && json_integer_value(target) > 0)
			number = json_integer_value(target);
		else if (json_is_string(target))
			number = named_port(pod, json_string_value(target), protocol);
		if (number <= 0)
			continue;
		json_t *o = json_object();
		json_put_str(o, "name", json_str_or(port, "name", ""));
		json_put_int(o, "port", number);
		json_put_str(o, "protocol", protocol);
		if (json_str(port, "appProtocol"))
			json_put_str(o, "appProtocol", json_str(port, "appProtocol"));
		(void)json_array_append_new(ports, o);
	}
	return ports;
}

static json_t *target_of(const json_t *pod)
{
	json_t *o = json_object();
	json_put_str(o, "kind", "Pod");
	json_put_str(o, "namespace", namespace_of(pod));
	json_put_str(o, "name", name_of(pod));
	json_put_str(o, "uid", uid_of(pod));
	return o;
}

/* A pod's own name under a headless Service, or NULL. */
static const char *hostname_for(const json_t *service, const json_t *pod)
{
	const char *hostname = json_str(pod, "spec.hostname");
	const char *subdomain = json_str_or(pod, "spec.subdomain", "");
	return hostname && *hostname && streq(subdomain, name_of(service)) ? hostname : NULL;
}

static json_t *endpoint_for(const json_t *service, const json_t *pod)
{
	bool is_ready = pod_is_ready(pod, NULL), is_terminating = pod_is_terminating(pod);
	json_t *o = json_object(), *addresses = json_array();
	(void)json_array_append_new(addresses, json_string(pod_ip(pod)));
	json_put(o, "addresses", addresses);
	json_put_bool(o, "conditions.ready",
		      publishes_unready(service) || (is_ready && !is_terminating));
	json_put_bool(o, "conditions.serving", is_ready);
	json_put_bool(o, "conditions.terminating", is_terminating);
	if (hostname_for(service, pod))
		json_put_str(o, "hostname", hostname_for(service, pod));
	if (json_str(pod, "spec.nodeName"))
		json_put_str(o, "nodeName", json_str(pod, "spec.nodeName"));
	json_put(o, "targetRef", target_of(pod));
	return o;
}

static struct endpoint_group *group_for(struct endpoint_groups *g, json_t *take_ports)
{
	AUTO_JSON *ports = take_ports;
	for (size_t i = 0; i < g->count; i++)
		if (json_equal(g->at[i].ports, ports))
			return &g->at[i];
	g->at = xrealloc(g->at, g->count + 1, sizeof *g->at);
	g->at[g->count] = (struct endpoint_group){ TAKE(ports), json_array() };
	return &g->at[g->count++];
}

void endpoint_groups_fini(struct endpoint_groups *g)
{
	for (size_t i = 0; i < g->count; i++) {
		json_decref(g->at[i].ports);
		json_decref(g->at[i].endpoints);
	}
	free(g->at);
	*g = (struct endpoint_groups){ 0 };
}

void endpoints_plan_groups(const json_t *service, const json_t *const *pods, size_t n,
			   struct endpoint_groups *ret)
{
	*ret = (struct endpoint_groups){ 0 };
	for (size_t i = 0; i < n; i++) {
		if (!pod_ip(pods[i]))
			continue;
		struct endpoint_group *g = group_for(ret, ports_for(service, pods[i]));
		(void)json_array_append_new(g->endpoints, endpoint_for(service, pods[i]));
	}
}

/* ---- Endpoints ---- */

static json_t *address_for(const json_t *service, const json_t *pod)
{
	json_t *o = json_object();
	json_put_str(o, "ip", pod_ip(pod));
	if (hostname_for(service, pod))
		json_put_str(o, "hostname", hostname_for(service, pod));
	if (json_str(pod, "spec.nodeName"))
		json_put_str(o, "nodeName", json_str(pod, "spec.nodeName"));
	json_put(o, "targetRef", target_of(pod));
	return o;
}

static json_t *subset_for(json_t *subsets, json_t *take_ports)
{
	AUTO_JSON *ports = take_ports;
	size_t i;
	json_t *subset, *port;
	json_array_foreach (ports, i, port) {
		if (*json_str_or(port, "name", "") == '\0')
			json_drop(port, "name");
	}
	json_array_foreach (subsets, i, subset) {
		const json_t *own = json_object_get(subset, "ports");
		if (own ? json_equal(own, ports) : json_array_size(ports) == 0)
			return subset;
	}
	subset = json_object();
	if (json_array_size(ports) > 0)
		json_put(subset, "ports", TAKE(ports));
	(void)json_array_append_new(subsets, subset);
	return subset;
}

json_t *endpoints_plan_subsets(const json_t *service, const json_t *const *pods, size_t n)
{
	json_t *subsets = json_array();
	size_t count = 0;
	bool all = publishes_unready(service);
	bool has_ports = json_array_size(json_dig(service, "spec.ports")) > 0;
	for (size_t i = 0; i < n && count < ENDPOINTS_SUBSET_MAX; i++) {
		if (!pod_ip(pods[i]) || (pod_is_terminating(pods[i]) && !all))
			continue;
		AUTO_JSON *ports = ports_for(service, pods[i]);
		if (has_ports && json_array_size(ports) == 0)
			continue; /* it has none of the ports by those names */
		json_t *subset = subset_for(subsets, TAKE(ports));
		const char *list =
			all || pod_is_ready(pods[i], NULL) ? "addresses" : "notReadyAddresses";
		if (!json_object_get(subset, list))
			json_put(subset, list, json_array());
		(void)json_array_append_new(json_object_get(subset, list),
					    address_for(service, pods[i]));
		count++;
	}
	return subsets;
}

static bool is_same_text(const json_t *a, const json_t *b, const char *path)
{
	return streq(json_str_or(a, path, ""), json_str_or(b, path, ""));
}

static bool are_same_addresses(const json_t *a, const json_t *b)
{
	static const char *const paths[] = { "ip", "hostname", "nodeName", "targetRef.uid" };
	if (json_array_size(a) != json_array_size(b))
		return false;
	for (size_t i = 0; i < json_array_size(a); i++)
		for (size_t k = 0; k < ARRAY_LEN(paths); k++)
			if (!is_same_text(json_array_get(a, i), json_array_get(b, i), paths[k]))
				return false;
	return true;
}

static bool are_same_ports(const json_t *a, const json_t *b)
{
	if (json_array_size(a) != json_array_size(b))
		return false;
	for (size_t i = 0; i < json_array_size(a); i++) {
		const json_t *x = json_array_get(a, i), *y = json_array_get(b, i);
		if (!is_same_text(x, y, "name") || !is_same_text(x, y, "appProtocol") ||
		    !streq(json_str_or(x, "protocol", "TCP"), json_str_or(y, "protocol", "TCP")) ||
		    json_int_or(x, "port", 0) != json_int_or(y, "port", 0))
			return false;
	}
	return true;
}

bool endpoints_are_same_subsets(const json_t *a, const json_t *b)
{
	static const char *const lists[] = { "addresses", "notReadyAddresses" };
	if (json_array_size(a) != json_array_size(b))
		return false;
	for (size_t i = 0; i < json_array_size(a); i++) {
		const json_t *x = json_array_get(a, i), *y = json_array_get(b, i);
		for (size_t l = 0; l < ARRAY_LEN(lists); l++)
			if (!are_same_addresses(json_object_get(x, lists[l]),
						json_object_get(y, lists[l])))
				return false;
		if (!are_same_ports(json_object_get(x, "ports"), json_object_get(y, "ports")))
			return false;
	}
	return true;
}

/* ---- slices ---- */

static const char *address_of(const json_t *endpoint)
{
	const char *text =
		json_string_value(json_array_get(json_object_get(endpoint, "addresses"), 0));
	return text ? text : "";
}

static bool is_same_endpoint(const json_t *a, const json_t *b)
{
	static const char *const texts[] = { "hostname", "nodeName", "targetRef.uid",
					     "targetRef.name" };
	static const char *const flags[] = { "conditions.serving", "conditions.terminating" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!is_same_text(a, b, texts[i]))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (json_bool_or(a, flags[i], false) != json_bool_or(b, flags[i], false))
			return false;
	return json_bool_or(a, "conditions.ready", true) ==
	       json_bool_or(b, "conditions.ready", true);
}

/* One present slice while it is refilled. */
struct slice_view {
	const json_t *slice;
	const struct endpoint_group *group; /* NULL: nobody has its ports any more */
	json_t *endpoints;
	bool is_changed;
};

static size_t find_address(const json_t *endpoints, const char *address)
{
	size_t i;
	json_t *e;
	json_array_foreach (endpoints, i, e) {
		if (streq(address_of(e), address))
			return i;
	}
	return SIZE_MAX;
}

/* What is wanted and in it already stays, at its new state; the rest leaves it. */
static void keep_wanted(struct slice_view *v, json_t *left)
{
	size_t i;
	json_t *e;
	v->endpoints = json_array();
	json_array_foreach (json_object_get(v->slice, "endpoints"), i, e) {
		size_t at = find_address(left, address_of(e));
		if (at == SIZE_MAX) {
			v->is_changed = true;
			continue;
		}
		json_t *wanted = json_array_get(left, at);
		v->is_changed |= !is_same_endpoint(e, wanted);
		(void)json_array_append(v->endpoints, wanted);
		(void)json_array_remove(left, at);
	}
}

static void fill(struct slice_view *v, json_t *left)
{
	while (json_array_size(left) > 0 && json_array_size(v->endpoints) < SLICE_ENDPOINTS_MAX) {
		(void)json_array_append(v->endpoints, json_array_get(left, 0));
		(void)json_array_remove(left, 0);
		v->is_changed = true;
	}
}

static void push(struct slice_plan *p, struct slice_action action)
{
	p->actions = xrealloc(p->actions, p->count + 1, sizeof *p->actions);
	p->actions[p->count++] = action;
}

static void plan_group(struct slice_plan *p, const struct endpoint_group *g,
		       struct slice_view *views, size_t n)
{
	AUTO_JSON *left = json_copy(g->endpoints); /* shallow */
	for (size_t i = 0; i < n; i++)
		if (views[i].group == g)
			keep_wanted(&views[i], left);
	for (int changed_first = 1; changed_first >= 0; changed_first--)
		for (size_t i = 0; i < n; i++)
			if (views[i].group == g && views[i].is_changed == changed_first &&
			    json_array_size(views[i].endpoints) > 0)
				fill(&views[i], left);
	for (size_t i = 0; i < n; i++) /* emptied ones last: else they go */
		if (views[i].group == g && json_array_size(views[i].endpoints) == 0)
			fill(&views[i], left);
	while (json_array_size(left) > 0) {
		struct slice_view fresh = { .endpoints = json_array() };
		fill(&fresh, left);
		push(p, (struct slice_action){ SLICE_CREATE, SIZE_MAX, json_incref(g->ports),
					       fresh.endpoints });
	}
}

void slice_plan_make(struct slice_plan *plan, const struct endpoint_groups *groups,
		     const json_t *const *slices, size_t n)
{
	auto_free struct slice_view *views = xcalloc(n + 1, sizeof *views);
	*plan = (struct slice_plan){ 0 };
	for (size_t i = 0; i < n; i++) {
		views[i].slice = slices[i];
		for (size_t k = 0; k < groups->count && !views[i].group; k++)
			if (are_same_ports(json_object_get(slices[i], "ports"),
					   groups->at[k].ports))
				views[i].group = &groups->at[k];
	}
	for (size_t k = 0; k < groups->count; k++)
		plan_group(plan, &groups->at[k], views, n);
	for (size_t i = 0; i < n; i++) {
		struct slice_view *v = &views[i];
		if (!v->group || json_array_size(v->endpoints) == 0)
			push(plan, (struct slice_action){ .verb = SLICE_DELETE, .slice = i });
		else if (v->is_changed)
			push(plan,
			     (struct slice_action){ SLICE_UPDATE, i, json_incref(v->group->ports),
						    json_incref(v->endpoints) });
		json_decref(v->endpoints);
	}
}

void slice_plan_fini(struct slice_plan *p)
{
	for (size_t i = 0; i < p->count; i++) {
		json_decref(p->actions[i].ports);
		json_decref(p->actions[i].endpoints);
	}
	free(p->actions);
	*p = (struct slice_plan){ 0 };
}
