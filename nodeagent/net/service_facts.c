#include "nodeagent/net/service_facts.h"

#include <arpa/inet.h>

struct target {
	uint32_t address;
	uint16_t port;
};

struct targets {
	struct target at[SERVICE_SLOTS_MAX];
	size_t count;
};

/* ---- reading ---- */

const char *slice_service(const json_t *slice)
{
	return json_member_str(json_dig(slice, "metadata.labels"), "kubernetes.io/service-name");
}

bool address_parse(const char *text, uint32_t *ret)
{
	struct in_addr a;
	if (!text || inet_pton(AF_INET, text, &a) != 1)
		return false;
	*ret = ntohl(a.s_addr);
	return true;
}

static uint8_t protocol_of(const json_t *port)
{
	const char *text = json_str_or(port, "protocol", "TCP");
	return streq(text, "UDP") ? IPPROTO_UDP : streq(text, "SCTP") ? IPPROTO_SCTP : IPPROTO_TCP;
}

static uint16_t port_of(const json_t *o, const char *member)
{
	int64_t n = json_int_or(o, member, 0);
	return n > 0 && n < 65536 ? (uint16_t)n : 0;
}

static int compare(const void *x, const void *y)
{
	const struct target *a = x, *b = y;
	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return a->port < b->port ? -1 : a->port > b->port;
}

static void targets_sort(struct targets *t)
{
	size_t n = 0;
	qsort(t->at, t->count, sizeof(t->at[0]), compare);
	for (size_t i = 0; i < t->count; i++)
		if (n == 0 || compare(&t->at[n - 1], &t->at[i]) != 0)
			t->at[n++] = t->at[i];
	t->count = n;
}

/* ---- endpoints ---- */

enum choice {
	CHOICE_READY,
	CHOICE_SERVING, /* nothing is ready: what still answers while it terminates */
};

static bool fits(const json_t *endpoint, enum choice choice)
{
	bool is_ready = json_bool_or(endpoint, "conditions.ready", true);
	if (choice == CHOICE_READY)
		return is_ready;
	return json_bool_or(endpoint, "conditions.serving", is_ready) &&
	       json_bool_or(endpoint, "conditions.terminating", false);
}

static void slice_targets(const json_t *slice, uint16_t port, enum choice choice,
			  const char *only_node, struct targets *out)
{
	size_t i, k;
	json_t *endpoint, *text;
	json_array_foreach (json_object_get(slice, "endpoints"), i, endpoint) {
		if (!fits(endpoint, choice) ||
		    (only_node && !streq(json_str_or(endpoint, "nodeName", ""), only_node)))
			continue;
		json_array_foreach (json_object_get(endpoint, "addresses"), k, text) {
			uint32_t address;
			if (address_parse(json_string_value(text), &address) &&
			    out->count < SERVICE_SLOTS_MAX)
				out->at[out->count++] = (struct target){ address, port };
		}
	}
}

static void find_targets(const struct service_view *v, const json_t *port, const char *only_node,
			 struct targets *out)
{
	const char *name = json_str_or(port, "name", "");
	out->count = 0;
	for (int choice = CHOICE_READY; choice <= CHOICE_SERVING && out->count == 0; choice++)
		for (size_t s = 0; s < v->slices_count; s++) {
			size_t i;
			json_t *p;
			if (!streq(json_str_or(v->slices[s], "addressType", "IPv4"), "IPv4"))
				continue;
			json_array_foreach (json_object_get(v->slices[s], "ports"), i, p)
				if (streq(json_str_or(p, "name", ""), name) &&
				    protocol_of(p) == protocol_of(port) && port_of(p, "port") > 0)
					slice_targets(v->slices[s], port_of(p, "port"),
						      (enum choice)choice, only_node, out);
		}
	targets_sort(out);
}

/* ---- elements ---- */

static void add_chain(struct service_elements *out, struct service_element head,
		      const struct targets *t, bool by_client)
{
	head.to_port = (uint16_t)t->count;
	head.to_address = by_client && t->count > 0;
	service_elements_add(out, head);
	head.kind = head.kind == SERVICE_VIP ? SERVICE_VIP_SLOT : SERVICE_NODE_SLOT;
	for (size_t i = 0; i < t->count; i++) {
		head.slot = (uint16_t)i;
		head.to_address = t->at[i].address;
		head.to_port = t->at[i].port;
		service_elements_add(out, head);
	}
}

static void add_addresses(const json_t *list, const char *member, struct service_element head,
			  const struct targets *t, bool by_client, struct service_elements *out)
{
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item) {
		const char *text = member ? json_str(item, member) : json_string_value(item);
		if (address_parse(text, &head.address))
			add_chain(out, head, t, by_client);
	}
}

static void port_facts(const struct service_view *v, const json_t *port, struct targets *t,
		       struct service_elements *out)
{
	const json_t *spec = json_object_get(v->service, "spec");
	bool by_client = streq(json_str_or(spec, "sessionAffinity", "None"), "ClientIP");
	bool stays_in = streq(json_str_or(spec, "internalTrafficPolicy", "Cluster"), "Local");
	bool keeps = streq(json_str_or(spec, "externalTrafficPolicy", "Cluster"), "Local");
	struct service_element head = { .kind = SERVICE_VIP,
					.protocol = protocol_of(port),
					.port = port_of(port, "port") };
	if (head.port == 0)
		return;
	find_targets(v, port, stays_in ? v->node_name : NULL, t);
	if (address_parse(json_str(spec, "clusterIP"), &head.address) &&
	    head.address != v->answered_here)
		add_chain(out, head, t, by_client);
	if (keeps != stays_in)
		find_targets(v, port, keeps ? v->node_name : NULL, t);
	add_addresses(json_object_get(spec, "externalIPs"), NULL, head, t, by_client, out);
	add_addresses(json_dig(v->service, "status.loadBalancer.ingress"), "ip", head, t, by_client,
		      out);
	struct service_element node = { .kind = SERVICE_NODE_PORT,
					.protocol = head.protocol,
					.port = port_of(port, "nodePort") };
	if (node.port == 0)
		return;
	add_chain(out, node, t, by_client);
	node.kind = SERVICE_NODE_KEEPS;
	if (keeps)
		service_elements_add(out, node);
}

void service_facts(const struct service_view *v, struct service_elements *ret)
{
	const json_t *spec = json_object_get(v->service, "spec");
	size_t i;
	json_t *port;
	*ret = (struct service_elements){ 0 };
	if (streq(json_str_or(spec, "type", "ClusterIP"), "ExternalName"))
		return;
	struct targets *t = xcalloc(1, sizeof(*t));
	json_array_foreach (json_object_get(spec, "ports"), i, port)
		port_facts(v, port, t, ret);
	free(t);
}

/* ---- pods ---- */

static void host_ports(const json_t *containers, uint32_t pod, struct service_elements *out)
{
	size_t i, k;
	json_t *container, *port;
	json_array_foreach (containers, i, container) {
		json_array_foreach (json_object_get(container, "ports"), k, port) {
			struct service_element e = { .kind = SERVICE_HOST_PORT,
						     .protocol = protocol_of(port),
						     .port = port_of(port, "hostPort"),
						     .to_address = pod,
						     .to_port = port_of(port, "containerPort") };
			if (e.port == 0 || e.to_port == 0)
				continue;
			if (address_parse(json_str(port, "hostIP"), &e.address) && e.address != 0)
				e.kind = SERVICE_HOST_PORT_AT;
			service_elements_add(out, e);
			service_elements_add(out,
					     (struct service_element){ .kind = SERVICE_HOST_KEEPS,
								       .protocol = e.protocol,
								       .port = e.port });
		}
	}
}

void pod_facts_of_ports(const json_t *pod, struct service_elements *ret)
{
	const json_t *spec = json_object_get(pod, "spec");
	const char *phase = json_str_or(pod, "status.phase", "");
	uint32_t address;
	*ret = (struct service_elements){ 0 };
	if (json_bool_or(spec, "hostNetwork", false) || streq(phase, "Succeeded") ||
	    streq(phase, "Failed") || !address_parse(json_str(pod, "status.podIP"), &address))
		return;
	service_elements_add(
		ret, (struct service_element){ .kind = SERVICE_OWN_POD, .address = address });
	host_ports(json_object_get(spec, "containers"), address, ret);
	host_ports(json_object_get(spec, "initContainers"), address, ret);
}
