/* NetworkPolicy, IPAddress, ServiceCIDR. */
#include "schemas/cidr.h"
#include "schemas/rule.h"

static void check_policy_port(const json_t *o, const struct path *at, struct field_errors *e)
{
	static const char *const protocols[] = { "TCP", "UDP", "SCTP", NULL };
	const json_t *port = json_object_get(o, "port"), *end = json_object_get(o, "endPort");
	rule_enum(e, at, o, "protocol", protocols);
	if (!port || json_is_string(port)) {
		if (end)
			rule_broken(e, FIELD_INVALID, PATH(at, "endPort"), end,
				    "may not be specified when `port` is %s",
				    port ? "non-numeric" : "not specified");
		if (port)
			rule_port_or_name(e, PATH(at, "port"), port);
		return;
	}
	rule_port(e, PATH(at, "port"), port);
	if (end && json_integer_value(end) < json_integer_value(port))
		rule_broken(e, FIELD_INVALID, PATH(at, "endPort"), port,
			    "must be greater than or equal to `port`");
	if (end)
		rule_port(e, PATH(at, "endPort"), end);
}

static void check_block(const json_t *block, const struct path *at, struct field_errors *e)
{
	const char *text = json_str_or(block, "cidr", "");
	const json_t *list = json_object_get(block, "except");
	struct cidr outer, inner;
	if (!*text) {
		rule_required(e, PATH(at, "cidr"), NULL);
		return;
	}
	rule_cidr(e, PATH(at, "cidr"), text, false);
	if (!cidr_parse(text, true, &outer))
		return;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const struct path *here = PATH_AT(PATH(at, "except"), i);
		const char *one = json_string_value(json_array_get(list, i));
		rule_cidr(e, here, one, false);
		if (cidr_parse(one, true, &inner) && !cidr_contains(&outer, &inner))
			rule_bad_text(e, FIELD_INVALID, here, one,
				      "must be a strict subset of `cidr`");
	}
}

static void check_peer(const json_t *peer, const struct path *at, struct field_errors *e)
{
	static const char *const selectors[] = { "podSelector", "namespaceSelector" };
	const json_t *block = json_object_get(peer, "ipBlock");
	size_t others = 0;
	for (size_t i = 0; i < ARRAY_LEN(selectors); i++) {
		const json_t *selector = json_object_get(peer, selectors[i]);
		others += selector != NULL;
		rule_label_selector(e, PATH(at, selectors[i]), selector);
	}
	if (block)
		check_block(block, PATH(at, "ipBlock"), e);
	else if (!others)
		rule_broken(e, FIELD_REQUIRED, at, NULL, "must specify a peer");
	if (block && others)
		rule_broken(e, FIELD_FORBIDDEN, at, NULL,
			    "may not specify both ipBlock and another peer");
}

static void check_direction(const json_t *rules, const char *peers, const struct path *at,
			    struct field_errors *e)
{
	for (size_t i = 0; i < json_array_size(rules); i++) {
		const json_t *ports = json_object_get(json_array_get(rules, i), "ports");
		const json_t *list = json_object_get(json_array_get(rules, i), peers);
		for (size_t k = 0; k < json_array_size(ports); k++)
			check_policy_port(json_array_get(ports, k),
					  PATH_AT(PATH(PATH_AT(at, i), "ports"), k), e);
		for (size_t k = 0; k < json_array_size(list); k++)
			check_peer(json_array_get(list, k), PATH_AT(PATH(PATH_AT(at, i), peers), k),
				   e);
	}
}

void validate_network_policy(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const types[] = { "Ingress", "Egress", NULL };
	(void)old;
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *list = json_object_get(spec, "policyTypes");
	rule_label_selector(e, PATH(at, "podSelector"), json_object_get(spec, "podSelector"));
	check_direction(json_object_get(spec, "ingress"), "from", PATH(at, "ingress"), e);
	check_direction(json_object_get(spec, "egress"), "to", PATH(at, "egress"), e);
	at = PATH(at, "policyTypes");
	if (json_array_size(list) > 2) {
		rule_broken(e, FIELD_INVALID, at, list,
			    "may not specify more than two policyTypes");
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *type = json_string_value(json_array_get(list, i));
		if (!rule_is_one_of(type, types))
			rule_unsupported(e, PATH_AT(at, i), type, types);
	}
}

void validate_ip_address(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "spec"), "parentRef");
	const json_t *parent = json_dig(tree, "spec.parentRef");
	const char *group = json_str_or(parent, "group", "");
	const char *namespace = json_str_or(parent, "namespace", "");
	rule_address(e, PATH(PATH(NULL, "metadata"), "name"),
		     json_str_or(tree, "metadata.name", ""), true);
	if (parent) {
		if (*group)
			rule_name(e, PATH(at, "group"), group, name_dns_subdomain);
		rule_required_name(e, PATH(at, "resource"), json_str(parent, "resource"),
				   name_path_segment);
		rule_required_name(e, PATH(at, "name"), json_str(parent, "name"),
				   name_path_segment);
		if (*namespace)
			rule_name(e, PATH(at, "namespace"), namespace, name_path_segment);
	} else {
		rule_required(e, at, NULL);
	}
	if (old && parent && !rule_same(parent, json_dig(old, "spec.parentRef")))
		rule_broken_inside(e, FIELD_INVALID, at, "networking.v1.ParentReference", parent,
				   "field is immutable");
	else if (old)
		rule_unchanged(e, at, parent, json_dig(old, "spec.parentRef"));
}

static void check_cidrs(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *list = json_object_get(spec, "cidrs");
	size_t count = json_array_size(list);
	struct cidr first, second;
	AUTO_JSON *shown = json_pack("{s:O?}", "CIDRs", list); /* as the original has it inside */
	if (count == 0)
		rule_broken(e, FIELD_REQUIRED, at, NULL, "at least one CIDR required");
	if (count > 2)
		rule_broken(e, FIELD_INVALID, at, shown, "may only hold up to 2 values");
	if (count == 0 || count > 2)
		return;
	for (size_t i = 0; i < count; i++)
		rule_cidr(e, PATH_AT(at, i), json_string_value(json_array_get(list, i)), true);
	if (count == 2 && cidr_parse(json_string_value(json_array_get(list, 0)), true, &first) &&
	    cidr_parse(json_string_value(json_array_get(list, 1)), true, &second) &&
	    first.is_v6 == second.is_v6)
		rule_broken(e, FIELD_INVALID, at, list,
			    "may specify no more than one IP for each IP family, i.e "
			    "192.168.0.0/24 and 2001:db8::/64");
}

/* A range stays; a second family may come. */
void validate_service_cidr(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "spec"), "cidrs");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *now = json_object_get(spec, "cidrs"), *was;
	if (!old) {
		check_cidrs(spec, at, e);
		return;
	}
	was = json_dig(old, "spec.cidrs");
	bool has_grown = json_array_size(was) == 1 && json_array_size(now) == 2;
	if (json_array_size(was) != json_array_size(now) && !has_grown) {
		rule_unchanged(e, at, now, was);
		return;
	}
	for (size_t i = 0; i < json_array_size(was); i++)
		if (!json_equal(json_array_get(was, i), json_array_get(now, i)))
			rule_broken(e, FIELD_INVALID, PATH_AT(at, i), json_array_get(now, i),
				    "field is immutable");
	if (has_grown)
		check_cidrs(spec, at, e);
}
