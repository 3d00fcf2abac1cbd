#include "schemas/cidr.h"
#include "schemas/rule.h"

static bool is_headless(const json_t *spec)
{
	return streq(json_str_or(spec, "clusterIP", ""), "None");
}

static void check_port(const json_t *ports, size_t i, const struct path *at, struct field_errors *e)
{
	const json_t *port = json_array_get(ports, i);
	const json_t *name = json_object_get(port, "name");
	if (json_array_size(ports) > 1 && !json_string_length(name))
		rule_required(e, PATH(at, "name"), NULL);
	else if (json_string_length(name))
		rule_name(e, PATH(at, "name"), json_string_value(name), name_dns_label);
	if (!json_object_get(port, "port")) {
		AUTO_JSON *none = json_integer(0);
		rule_port(e, PATH(at, "port"), none);
	}
	rule_port_or_name(e, PATH(at, "targetPort"), json_object_get(port, "targetPort"));
	const char *app = json_str(port, "appProtocol");
	if (app)
		rule_name(e, PATH(at, "appProtocol"), app, name_label_key);
}

/* The same name, port or node port twice. */
struct taken {
	bool name, port, node;
};

static void check_unique(const json_t *port, struct taken taken, const struct path *at,
			 struct field_errors *e)
{
	const char *protocol = json_str_or(port, "protocol", "");
	int64_t number = json_int_or(port, "port", 0);
	if (taken.name && *json_str_or(port, "name", ""))
		rule_broken(e, FIELD_DUPLICATE, PATH(at, "name"), json_object_get(port, "name"),
			    NULL);
	if (taken.node && json_int_or(port, "nodePort", 0))
		rule_broken(e, FIELD_DUPLICATE, PATH(at, "nodePort"),
			    json_object_get(port, "nodePort"), NULL);
	if (taken.port) {
		AUTO_JSON *key = json_pack("{s:s, s:I, s:i, s:i}", "protocol", protocol, "port",
					   (json_int_t)number, "targetPort", 0, "nodePort", 0);
		rule_broken_inside(e, FIELD_DUPLICATE, at, "core.v1.ServicePort", key, NULL);
	}
}

static void check_ports(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const char *type = json_str_or(spec, "type", "");
	const json_t *ports = json_object_get(spec, "ports");
	auto_free size_t *names = RULE_FIRSTS(ports, "name");
	auto_free size_t *numbers = RULE_FIRSTS(ports, "protocol", "port");
	auto_free size_t *nodes = RULE_FIRSTS(ports, "protocol", "nodePort");
	if (json_array_size(ports) == 0 && !is_headless(spec) && !streq(type, "ExternalName"))
		rule_required(e, at, NULL);
	for (size_t i = 0; i < json_array_size(ports); i++) {
		const struct path *here = PATH_AT(at, i);
		check_port(ports, i, here, e);
		check_unique(json_array_get(ports, i),
			     (struct taken){ names[i] != i, numbers[i] != i, nodes[i] != i }, here,
			     e);
		if (streq(type, "ClusterIP") &&
		    json_int_or(json_array_get(ports, i), "nodePort", 0))
			rule_broken(e, FIELD_FORBIDDEN, PATH(here, "nodePort"), NULL,
				    "may not be used when `type` is 'ClusterIP'");
	}
}

static void check_external_name(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const char *const barred[] = { "clusterIPs", "ipFamilies", "ipFamilyPolicy" };
	for (size_t i = 0; i < ARRAY_LEN(barred); i++) {
		const json_t *value = json_object_get(spec, barred[i]);
		if (json_array_size(value) || json_string_length(value) ||
		    (i == 0 && *json_str_or(spec, "clusterIP", "")))
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, barred[i]), NULL,
				    "may not be set for ExternalName services");
	}
	const char *name = json_str_or(spec, "externalName", "");
	size_t n = strlen(name);
	auto_free char *plain = xstrndup(name, n && name[n - 1] == '.' ? n - 1 : n);
	if (*plain)
		rule_name(e, PATH(at, "externalName"), plain, name_dns_subdomain);
	else
		rule_required(e, PATH(at, "externalName"), NULL);
}

static void check_families(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *families = json_object_get(spec, "ipFamilies");
	const json_t *ips = json_object_get(spec, "clusterIPs");
	const char *ip = json_str_or(spec, "clusterIP", "");
	if (!*ip && json_array_size(ips))
		rule_broken(e, FIELD_INVALID, PATH(at, "clusterIPs"), ips,
			    "must be empty when `clusterIP` is not specified");
	auto_free size_t *firsts = RULE_FIRSTS(families);
	for (size_t i = 0; i < json_array_size(families); i++)
		if (firsts[i] != i)
			rule_broken(e, FIELD_DUPLICATE, PATH_AT(PATH(at, "ipFamilies"), i),
				    json_array_get(families, i), NULL);
}

/* An address and the family that is said to be its. */
static void check_family(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *families = json_object_get(spec, "ipFamilies");
	const json_t *ips = json_object_get(spec, "clusterIPs");
	AUTO_JSON *one = json_pack("[s]", json_str_or(spec, "clusterIP", ""));
	const json_t *list = json_array_size(ips) ? ips : one;
	for (size_t i = 0; i < json_array_size(list) && i < json_array_size(families); i++) {
		const char *ip = json_string_value(json_array_get(list, i));
		const char *family = json_string_value(json_array_get(families, i));
		bool is_v6 = streq(family, "IPv6");
		if (*ip && (is_v6 ? ip_is_v4(ip) : streq(family, "IPv4") && ip_is_v6(ip)))
			rule_bad_text(e, FIELD_INVALID, PATH_AT(PATH(at, "clusterIPs"), i), ip,
				      "expected an IPv%c value as indicated by `ipFamilies[%zu]`",
				      is_v6 ? '6' : '4', i);
	}
	bool is_twin = json_array_size(list) == 2 &&
		       ip_is_v6(json_string_value(json_array_get(list, 0))) ==
			       ip_is_v6(json_string_value(json_array_get(list, 1)));
	if (is_twin)
		rule_broken(e, FIELD_INVALID, PATH(at, "clusterIPs"), list,
			    "may specify no more than one IP for each IP family");
}

static void check_addresses(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *ips = json_object_get(spec, "clusterIPs");
	const char *ip = json_str_or(spec, "clusterIP", "");
	bool is_external = streq(json_str_or(spec, "type", ""), "ExternalName");
	if (!is_external)
		check_families(spec, at, e);
	for (size_t i = 0; i < json_array_size(ips); i++) {
		const json_t *one = json_array_get(ips, i);
		if (i == 0 && !is_external && *ip && !streq(ip, json_string_value(one)))
			rule_broken(e, FIELD_INVALID, PATH(at, "clusterIPs"), ips,
				    "first value must match `clusterIP`");
		if (i > 0 || !streq(json_string_value(one), "None"))
			rule_ip(e, PATH_AT(PATH(at, "clusterIPs"), i), one);
	}
	if (json_array_size(ips) == 0 && *ip && !streq(ip, "None")) {
		AUTO_JSON *shown = json_string_nocheck(ip);
		rule_ip(e, PATH_AT(PATH(at, "clusterIPs"), 0), shown);
	}
	if (!is_external)
		check_family(spec, at, e);
	const json_t *external = json_object_get(spec, "externalIPs");
	for (size_t i = 0; i < json_array_size(external); i++) {
		const json_t *one = json_array_get(external, i);
		size_t before = e->count;
		rule_ip(e, PATH_AT(PATH(at, "externalIPs"), i), one);
		if (e->count == before)
			rule_not_special(json_string_value(one),
					 PATH_AT(PATH(at, "externalIPs"), i), e);
	}
}

static bool has_health(const json_t *spec)
{
	return streq(json_str_or(spec, "type", ""), "LoadBalancer") &&
	       streq(json_str_or(spec, "externalTrafficPolicy", ""), "Local");
}

/* The address stays while the type keeps one. */
static void check_class_update(const json_t *spec, const json_t *old, const struct path *at,
			       struct field_errors *e)
{
	const json_t *class = json_object_get(spec, "loadBalancerClass");
	AUTO_JSON *nothing = json_null();
	if (streq(json_str_or(old, "type", ""), "LoadBalancer") &&
	    streq(json_str_or(spec, "type", ""), "LoadBalancer") &&
	    !rule_same(class, json_object_get(old, "loadBalancerClass")))
		rule_broken(e, FIELD_INVALID, PATH(at, "loadBalancerClass"),
			    class ? class : nothing, "may not change once set");
}

/* Those that are no addresses are told of alone. */
static bool has_bad_addresses(const json_t *spec, const struct path *at)
{
	struct field_errors errors = { 0 };
	check_addresses(spec, at, &errors);
	bool is_bad = errors.count > 0;
	field_errors_fini(&errors);
	return is_bad;
}

static void check_update(const json_t *spec, const json_t *old, const struct path *at,
			 struct field_errors *e)
{
	const char *before = json_str_or(old, "clusterIP", "");
	const char *now = json_str_or(spec, "clusterIP", "");
	const json_t *list = json_object_get(spec, "clusterIPs");
	const char *first = json_string_value(json_array_get(list, 0));
	bool is_named = streq(json_str_or(old, "type", ""), "ExternalName") ||
			streq(json_str_or(spec, "type", ""), "ExternalName");
	bool is_same = streq(now, before) && (!first || streq(first, before));
	AUTO_JSON *shown = json_pack("[s]", now);
	if (!is_named && *before && !is_same && !has_bad_addresses(spec, at))
		rule_broken(e, FIELD_INVALID, PATH_AT(PATH(at, "clusterIPs"), 0),
			    list ? list : shown, "may not change once set");
	check_class_update(spec, old, at, e);
	if (has_health(spec) && has_health(old) &&
	    !rule_same(json_object_get(spec, "healthCheckNodePort"),
		       json_object_get(old, "healthCheckNodePort")))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "healthCheckNodePort"), NULL,
			    "field is immutable");
}

/* The port where a balancer asks a node whether it has endpoints. */
static void check_health(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *port = json_object_get(spec, "healthCheckNodePort");
	bool is_needed = has_health(spec);
	at = PATH(at, "healthCheckNodePort");
	if (json_integer_value(port) == 0 && is_needed)
		rule_required(e, at, NULL);
	else if (is_needed)
		rule_port(e, at, port);
	else if (json_integer_value(port) != 0)
		rule_broken(e, FIELD_INVALID, at, port,
			    "may only be set when `type` is 'LoadBalancer' and "
			    "`externalTrafficPolicy` is 'Local'");
}

static void check_traffic(const json_t *spec, const char *type, const struct path *at,
			  struct field_errors *e)
{
	static const char *const policies[] = { "Cluster", "Local", NULL };
	const json_t *policy = json_object_get(spec, "externalTrafficPolicy");
	bool is_outside =
		streq(type, "NodePort") || streq(type, "LoadBalancer") ||
		(streq(type, "ClusterIP") && json_array_size(json_object_get(spec, "externalIPs")));
	if (is_outside)
		rule_one_of(e, PATH(at, "externalTrafficPolicy"), policy, policies);
	else if (json_string_length(policy))
		rule_broken(e, FIELD_INVALID, PATH(at, "externalTrafficPolicy"), policy,
			    "may only be set for externally-accessible services");
	check_health(spec, at, e);
	const json_t *timeout = json_dig(spec, "sessionAffinityConfig.clientIP.timeoutSeconds");
	if (timeout && (json_integer_value(timeout) <= 0 || json_integer_value(timeout) > 86400))
		rule_broken(
			e, FIELD_INVALID,
			PATH(PATH(PATH(at, "sessionAffinityConfig"), "clientIP"), "timeoutSeconds"),
			timeout, "must be greater than 0 and less than 86400");
}

static void check_balancer(const json_t *spec, bool is_balancer, const struct path *at,
			   struct field_errors *e)
{
	static const char *const barred[] = { "allocateLoadBalancerNodePorts",
					      "loadBalancerClass" };
	/* The original names it so. */
	const struct path *ranges_at = PATH(at, "LoadBalancerSourceRanges");
	const json_t *ranges = json_object_get(spec, "loadBalancerSourceRanges");
	const char *class = json_str(spec, "loadBalancerClass");
	if (json_array_size(ranges) && !is_balancer)
		rule_broken(e, FIELD_FORBIDDEN, ranges_at, NULL,
			    "may only be used when `type` is 'LoadBalancer'");
	for (size_t i = 0; i < json_array_size(ranges) && is_balancer; i++)
		rule_cidr(e, PATH_AT(ranges_at, i), json_string_value(json_array_get(ranges, i)),
			  false);
	for (size_t i = 0; i < ARRAY_LEN(barred) && !is_balancer; i++)
		if (json_object_get(spec, barred[i]))
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, barred[i]), NULL,
				    "may only be used when `type` is 'LoadBalancer'");
	if (class && is_balancer)
		rule_name(e, PATH(at, "loadBalancerClass"), class, name_label_key);
}

void validate_service(const json_t *service, const json_t *old, struct field_errors *e)
{
	static const char *const distributions[] = { "PreferClose", "PreferSameZone",
						     "PreferSameNode", NULL };
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(service, "spec");
	const char *type = json_str_or(spec, "type", "");
	if (old)
		check_update(spec, json_object_get(old, "spec"), at, e);
	check_ports(spec, PATH(at, "ports"), e);
	if (streq(type, "ExternalName")) {
		check_external_name(spec, at, e);
	} else if (is_headless(spec) && !streq(type, "ClusterIP")) {
		AUTO_JSON *none = json_string("None");
		rule_broken(e, FIELD_INVALID, PATH_AT(PATH(at, "clusterIPs"), 0), none,
			    "may not be set to 'None' for %s services", type);
	}
	rule_labels(e, PATH(at, "selector"), json_object_get(spec, "selector"));
	check_addresses(spec, at, e);
	check_traffic(spec, type, at, e);
	check_balancer(spec, streq(type, "LoadBalancer"), at, e);
	if (json_object_get(spec, "trafficDistribution"))
		rule_enum(e, at, spec, "trafficDistribution", distributions);
}
