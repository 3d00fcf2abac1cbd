/* EndpointSlice and Endpoints. */
#include "schemas/cidr.h"
#include "schemas/rule.h"

#define ADDRESSES_MAX 100
#define ENDPOINTS_MAX 1000
#define PORTS_MAX     20000
#define HINTS_MAX     8

static const char *const protocols[] = { "SCTP", "TCP", "UDP", NULL };

/* An address in the form that old objects may have. */
static bool check_address(const char *text, const struct path *at, struct field_errors *e)
{
	struct cidr c;
	const char *problem = NULL;
	if (!cidr_parse(text, false, &c))
		problem = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
	else if (c.has_zeros)
		problem = "must not have leading 0s";
	if (problem)
		rule_bad_text(e, FIELD_INVALID, at, text, "%s", problem);
	return !problem;
}

static void check_domain(const char *name, const struct path *at, struct field_errors *e)
{
	const char *problems[NAME_PROBLEMS_MAX];
	size_t n = name ? strlen(name) : 0;
	if (!n) {
		rule_required(e, at, NULL);
		return;
	}
	auto_free char *plain = xasprintf("%.*s", (int)(n - (name[n - 1] == '.')), name);
	if (name_dns_subdomain(plain, problems))
		rule_bad_text(e, FIELD_INVALID, at, plain, "%s", problems[0]);
	else if (!strchr(plain, '.'))
		rule_bad_text(e, FIELD_INVALID, at, plain,
			      "should be a domain with at least two segments separated by dots");
}

static void check_slice_address(const char *text, const char *family, const struct path *list_at,
				size_t i, struct field_errors *e)
{
	const struct path *at = PATH_AT(list_at, i);
	struct cidr c;
	if (streq(family, "FQDN")) {
		check_domain(text, at, e);
		return;
	}
	bool wants_v6 = streq(family, "IPv6");
	size_t before = e->count;
	if (wants_v6)
		rule_address(e, at, text, true);
	else if (streq(family, "IPv4"))
		(void)check_address(text, at, e);
	else
		return;
	if (e->count != before || !cidr_parse(text, false, &c))
		return;
	if (c.is_v6 != wants_v6)
		rule_bad_text(e, FIELD_INVALID, list_at, text, "must be an IPv%d address",
			      wants_v6 ? 6 : 4);
	rule_not_special(text, at, e);
}

/* Names of zones or nodes, of which a few are enough. */
static bool check_hints(const json_t *list, name_check *check, const struct path *at,
			struct field_errors *e)
{
	if (json_array_size(list) > HINTS_MAX) {
		rule_bad_count(e, at, json_array_size(list), HINTS_MAX);
		return false;
	}
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_str_or(json_array_get(list, i), "name", "");
		if (rule_is_again(&firsts, list, i, "name"))
			rule_bad_text(e, FIELD_DUPLICATE, PATH(PATH_AT(at, i), "name"), name, NULL);
		rule_name(e, PATH(PATH_AT(at, i), "name"), name, check);
	}
	return true;
}

static void check_endpoint(const json_t *endpoint, const char *family, const struct path *at,
			   struct field_errors *e)
{
	const json_t *list = json_object_get(endpoint, "addresses");
	const json_t *hints = json_object_get(endpoint, "hints");
	const char *node = json_str(endpoint, "nodeName"), *host = json_str(endpoint, "hostname");
	const struct path *list_at = PATH(at, "addresses");
	if (json_array_size(list) == 0)
		rule_broken(e, FIELD_REQUIRED, list_at, NULL, "must contain at least 1 address");
	else if (json_array_size(list) > ADDRESSES_MAX)
		rule_bad_count(e, list_at, json_array_size(list), ADDRESSES_MAX);
	for (size_t i = 0; i < json_array_size(list); i++)
		check_slice_address(json_string_value(json_array_get(list, i)), family, list_at, i,
				    e);
	if (node)
		rule_name(e, PATH(at, "nodeName"), node, name_dns_subdomain);
	if (host)
		rule_name(e, PATH(at, "hostname"), host, name_dns_label);
	at = PATH(at, "hints");
	if (check_hints(json_object_get(hints, "forZones"), name_label_value, PATH(at, "forZones"),
			e))
		(void)check_hints(json_object_get(hints, "forNodes"), name_dns_subdomain,
				  PATH(at, "forNodes"), e);
}

static void check_slice_port(const json_t *port, bool is_again, const struct path *at,
			     struct field_errors *e)
{
	const char *name = json_str_or(port, "name", "");
	const char *protocol = json_str(port, "appProtocol");
	if (*name)
		rule_name(e, PATH(at, "name"), name, name_dns_label);
	if (is_again)
		rule_bad_text(e, FIELD_DUPLICATE, PATH(at, "name"), name, NULL);
	rule_enum(e, at, port, "protocol", protocols);
	if (protocol)
		rule_name(e, PATH(at, "appProtocol"), protocol, name_label_key);
}

void validate_endpoint_slice(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const families[] = { "FQDN", "IPv4", "IPv6", NULL };
	const char *family = json_str_or(tree, "addressType", "");
	const json_t *ports = json_object_get(tree, "ports");
	const json_t *list = json_object_get(tree, "endpoints");
	if (!*family)
		rule_required(e, PATH(NULL, "addressType"), NULL);
	else
		rule_enum(e, NULL, tree, "addressType", families);
	auto_free size_t *firsts = RULE_FIRSTS(ports, "name");
	if (json_array_size(ports) > PORTS_MAX)
		rule_bad_count(e, PATH(NULL, "ports"), json_array_size(ports), PORTS_MAX);
	for (size_t i = 0; i < json_array_size(ports) && json_array_size(ports) <= PORTS_MAX; i++)
		check_slice_port(json_array_get(ports, i), firsts[i] != i,
				 PATH_AT(PATH(NULL, "ports"), i), e);
	bool is_same = old && json_equal(list, json_object_get(old, "endpoints"));
	if (json_array_size(list) > ENDPOINTS_MAX && !is_same)
		rule_bad_count(e, PATH(NULL, "endpoints"), json_array_size(list), ENDPOINTS_MAX);
	else
		for (size_t i = 0; i < json_array_size(list) && !is_same; i++)
			check_endpoint(json_array_get(list, i), family,
				       PATH_AT(PATH(NULL, "endpoints"), i), e);
	if (old)
		rule_unchanged_text(e, PATH(NULL, "addressType"),
				    json_object_get(tree, "addressType"),
				    json_object_get(old, "addressType"));
}

static void check_endpoint_address(const json_t *address, const struct path *at,
				   struct field_errors *e)
{
	const char *ip = json_str_or(address, "ip", ""),
		   *host = json_str_or(address, "hostname", "");
	const char *node = json_str(address, "nodeName");
	(void)check_address(ip, PATH(at, "ip"), e);
	if (*host)
		rule_name(e, PATH(at, "hostname"), host, name_dns_label);
	if (node)
		rule_name(e, PATH(at, "nodeName"), node, name_dns_subdomain);
	rule_not_special(ip, PATH(at, "ip"), e);
}

static void check_endpoint_port(const json_t *port, bool needs_name, const struct path *at,
				struct field_errors *e)
{
	const char *name = json_str_or(port, "name", ""), *protocol = json_str(port, "appProtocol");
	AUTO_JSON *number = json_integer(json_int_or(port, "port", 0));
	if (*name)
		rule_name(e, PATH(at, "name"), name, name_dns_label);
	else if (needs_name)
		rule_required(e, PATH(at, "name"), NULL);
	rule_port(e, PATH(at, "port"), number);
	rule_enum(e, at, port, "protocol", protocols);
	if (protocol)
		rule_name(e, PATH(at, "appProtocol"), protocol, name_label_key);
}

void validate_endpoints(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const lists[] = { "addresses", "notReadyAddresses" };
	const json_t *subsets = json_object_get(tree, "subsets");
	if (old && rule_same(subsets, json_object_get(old, "subsets")))
		return;
	for (size_t i = 0; i < json_array_size(subsets); i++) {
		const struct path *at = PATH_AT(PATH(NULL, "subsets"), i);
		const json_t *subset = json_array_get(subsets, i);
		const json_t *ports = json_object_get(subset, "ports");
		if (!json_array_size(json_object_get(subset, lists[0])) &&
		    !json_array_size(json_object_get(subset, lists[1])))
			rule_broken(e, FIELD_REQUIRED, at, NULL,
				    "must specify `addresses` or `notReadyAddresses`");
		for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
			const json_t *list = json_object_get(subset, lists[l]);
			for (size_t k = 0; k < json_array_size(list); k++)
				check_endpoint_address(json_array_get(list, k),
						       PATH_AT(PATH(at, lists[l]), k), e);
		}
		for (size_t k = 0; k < json_array_size(ports); k++)
			check_endpoint_port(json_array_get(ports, k), json_array_size(ports) > 1,
					    PATH_AT(PATH(at, "ports"), k), e);
	}
}
