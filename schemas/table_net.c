#include "schemas/cells.h"
#include "schemas/print.h"

#define SHOWN_MAX 3

/* At most three, then how many more. */
struct shown {
	struct str text;
	size_t count;
};

static void show(struct shown *s, const char *host, const json_t *port)
{
	if (s->count++ >= SHOWN_MAX)
		return;
	bool is_v6 = strchr(host, ':') && port;
	str_addf(&s->text, "%s%s%s%s", s->count > 1 ? "," : "", is_v6 ? "[" : "", host,
		 is_v6 ? "]" : "");
	if (port)
		str_addf(&s->text, ":%lld", (long long)json_integer_value(port));
}

static void cell_shown(json_t *row, struct shown *s)
{
	if (s->count > SHOWN_MAX)
		str_addf(&s->text, " + %zu more...", s->count - SHOWN_MAX);
	cell_take(row, &s->text);
}

void table_endpoints(const json_t *endpoints, int64_t now_us, json_t *row)
{
	const json_t *subsets = json_object_get(endpoints, "subsets");
	struct shown s = { 0 };
	str_init(&s.text, 4096);
	if (json_array_size(subsets) == 0)
		str_add(&s.text, "<none>");
	for (size_t i = 0; i < json_array_size(subsets); i++) {
		const json_t *subset = json_array_get(subsets, i);
		const json_t *addresses = json_object_get(subset, "addresses");
		const json_t *ports = json_object_get(subset, "ports");
		size_t rounds = MAX(json_array_size(ports), (size_t)1);
		for (size_t p = 0; p < rounds; p++)
			for (size_t a = 0; a < json_array_size(addresses); a++)
				show(&s, json_str_or(json_array_get(addresses, a), "ip", ""),
				     json_object_get(json_array_get(ports, p), "port"));
	}
	cell_shown(row, &s);
	cell_age(row, endpoints, now_us);
}

void table_slice(const json_t *slice, int64_t now_us, json_t *row)
{
	const json_t *ports = json_object_get(slice, "ports");
	const json_t *endpoints = json_object_get(slice, "endpoints");
	struct shown s = { 0 };
	cell_text(row, json_str_or(slice, "addressType", ""));
	str_init(&s.text, 4096);
	if (json_array_size(ports) == 0)
		str_add(&s.text, "<unset>");
	for (size_t i = 0; i < json_array_size(ports); i++) {
		const json_t *port = json_array_get(ports, i);
		const json_t *number = json_object_get(port, "port");
		auto_free char *text =
			number ? xasprintf("%lld", (long long)json_integer_value(number))
			       : xstrdup(json_str_or(port, "name", "*"));
		show(&s, text, NULL);
	}
	cell_shown(row, &s);
	s = (struct shown){ 0 };
	str_init(&s.text, 4096);
	if (json_array_size(endpoints) == 0)
		str_add(&s.text, "<unset>");
	for (size_t i = 0; i < json_array_size(endpoints); i++) {
		const json_t *list = json_object_get(json_array_get(endpoints, i), "addresses");
		for (size_t k = 0; k < json_array_size(list); k++)
			show(&s, json_string_value(json_array_get(list, k)), NULL);
	}
	cell_shown(row, &s);
	cell_age(row, slice, now_us);
}

static void join(struct str *out, const char *text)
{
	str_addf(out, "%s%s", out->len ? "," : "", text);
}

static void cell_external_ip(const json_t *service, json_t *row)
{
	const char *type = json_str_or(service, "spec.type", "");
	const json_t *ips = json_dig(service, "spec.externalIPs");
	const json_t *ingress = json_dig(service, "status.loadBalancer.ingress");
	struct str text;
	str_init(&text, 4096);
	if (streq(type, "LoadBalancer"))
		for (size_t i = 0; i < json_array_size(ingress); i++) {
			const json_t *one = json_array_get(ingress, i);
			const char *ip = json_str_or(one, "ip", "");
			join(&text, *ip ? ip : json_str_or(one, "hostname", ""));
		}
	if (streq(type, "ExternalName"))
		str_add(&text, json_str_or(service, "spec.externalName", ""));
	else
		for (size_t i = 0; i < json_array_size(ips); i++)
			join(&text, json_string_value(json_array_get(ips, i)));
	if (text.len == 0)
		str_add(&text, streq(type, "LoadBalancer") ? "<pending>" : "<none>");
	cell_take(row, &text);
}

static void cell_ports(const json_t *ports, json_t *row)
{
	struct str text;
	str_init(&text, 4096);
	for (size_t i = 0; i < json_array_size(ports); i++) {
		const json_t *port = json_array_get(ports, i);
		long long node = json_int_or(port, "nodePort", 0);
		str_addf(&text, "%s%lld", i ? "," : "", (long long)json_int_or(port, "port", 0));
		if (node > 0)
			str_addf(&text, ":%lld", node);
		str_addf(&text, "/%s", json_str_or(port, "protocol", ""));
	}
	if (text.len == 0)
		str_add(&text, "<none>");
	cell_take(row, &text);
}

void table_service(const json_t *service, int64_t now_us, json_t *row)
{
	const json_t *ip = json_array_get(json_dig(service, "spec.clusterIPs"), 0);
	cell_text(row, json_str_or(service, "spec.type", ""));
	cell_text_or(row, ip ? json_string_value(ip) : json_str(service, "spec.clusterIP"),
		     "<none>");
	cell_external_ip(service, row);
	cell_ports(json_dig(service, "spec.ports"), row);
	cell_age(row, service, now_us);
	cell_labels(row, json_dig(service, "spec.selector"));
}

static void cell_node_status(const json_t *node, json_t *row)
{
	const json_t *list = json_dig(node, "status.conditions");
	const char *status = "Unknown";
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		if (streq(json_str_or(c, "type", ""), "Ready"))
			status = streq(json_str_or(c, "status", ""), "True") ? "Ready" : "NotReady";
	}
	struct str text;
	str_init(&text, 256);
	str_add(&text, status);
	if (json_bool_or(node, "spec.unschedulable", false))
		str_add(&text, ",SchedulingDisabled");
	cell_take(row, &text);
}

static void cell_roles(const json_t *node, json_t *row)
{
	static const char prefix[] = "node-role.kubernetes.io/";
	const json_t *labels = json_dig(node, "metadata.labels");
	size_t count;
	auto_free const char **keys = sorted_keys(labels, &count);
	AUTO_JSON *roles = json_object();
	for (size_t i = 0; i < count; i++) {
		const char *role = NULL;
		if (starts_with(keys[i], prefix) && keys[i][sizeof prefix - 1])
			role = keys[i] + sizeof prefix - 1;
		else if (streq(keys[i], "kubernetes.io/role"))
			role = json_string_value(json_object_get(labels, keys[i]));
		if (role && *role)
			json_object_set_new(roles, role, json_true());
	}
	auto_free const char **names = sorted_keys(roles, &count);
	struct str text;
	str_init(&text, 4096);
	for (size_t i = 0; i < count; i++)
		join(&text, names[i]);
	if (text.len == 0)
		str_add(&text, "<none>");
	cell_take(row, &text);
}

static const char *node_address(const json_t *node, const char *type)
{
	const json_t *list = json_dig(node, "status.addresses");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *a = json_array_get(list, i);
		if (streq(json_str_or(a, "type", ""), type))
			return json_str(a, "address");
	}
	return NULL;
}

void table_node(const json_t *node, int64_t now_us, json_t *row)
{
	const json_t *info = json_dig(node, "status.nodeInfo");
	cell_node_status(node, row);
	cell_roles(node, row);
	cell_age(row, node, now_us);
	cell_text(row, json_str_or(info, "kubeletVersion", ""));
	cell_text_or(row, node_address(node, "InternalIP"), "<none>");
	cell_text_or(row, node_address(node, "ExternalIP"), "<none>");
	cell_text_or(row, json_str(info, "osImage"), "<unknown>");
	const char *kernel = json_str_or(info, "kernelVersion", "");
	const char *machine = json_str_or(info, "architecture", "");
	struct str text;
	str_init(&text, 1024);
	str_add(&text, *kernel ? kernel : "<unknown>");
	if (*machine)
		str_addf(&text, " (%s)", machine);
	cell_take(row, &text);
	cell_text_or(row, json_str(info, "containerRuntimeVersion"), "<unknown>");
}
