/* Rows of what lets traffic in, of network policies and of the addresses of Services. */
#include "schemas/cells.h"

#define HOSTS_SHOWN 3

static void cell_hosts(const json_t *rules, json_t *row)
{
	struct str text;
	size_t count = 0;
	str_init(&text, 65536);
	for (size_t i = 0; i < json_array_size(rules); i++) {
		const char *host = json_str_or(json_array_get(rules, i), "host", "");
		if (!*host || count++ >= HOSTS_SHOWN)
			continue;
		str_addf(&text, "%s%s", text.len ? "," : "", host);
	}
	if (count == 0)
		str_add_char(&text, '*');
	if (count > HOSTS_SHOWN)
		str_addf(&text, " + %zu more...", count - HOSTS_SHOWN);
	cell_take(row, &text);
}

static void cell_addresses(const json_t *list, json_t *row)
{
	struct str text;
	str_init(&text, 65536);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *at = json_array_get(list, i);
		const char *ip = json_str_or(at, "ip", "");
		str_addf(&text, "%s%s", text.len ? "," : "",
			 *ip ? ip : json_str_or(at, "hostname", ""));
	}
	cell_take(row, &text);
}

void table_ingress(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_text_or(row, json_str(tree, "spec.ingressClassName"), "<none>");
	cell_hosts(json_dig(tree, "spec.rules"), row);
	cell_addresses(json_dig(tree, "status.loadBalancer.ingress"), row);
	cell_text(row, json_array_size(json_dig(tree, "spec.tls")) ? "80, 443" : "80");
	cell_age(row, tree, now_us);
}

void table_ingress_class(const json_t *tree, int64_t now_us, json_t *row)
{
	const json_t *ref = json_dig(tree, "spec.parameters");
	const char *group = json_str_or(ref, "apiGroup", "");
	struct str text;
	str_init(&text, 4096);
	if (ref)
		str_addf(&text, "%s%s%s/%s", json_str_or(ref, "kind", ""), *group ? "." : "", group,
			 json_str_or(ref, "name", ""));
	else
		str_add(&text, "<none>");
	cell_text(row, json_str_or(tree, "spec.controller", ""));
	cell_take(row, &text);
	cell_age(row, tree, now_us);
}

void table_network_policy(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_selector(row, json_dig(tree, "spec.podSelector"), "<none>");
	cell_age(row, tree, now_us);
}

void table_service_cidr(const json_t *tree, int64_t now_us, json_t *row)
{
	const json_t *list = json_dig(tree, "spec.cidrs");
	struct str text;
	str_init(&text, 4096);
	for (size_t i = 0; i < json_array_size(list); i++)
		str_addf(&text, "%s%s", i ? "," : "", json_string_value(json_array_get(list, i)));
	cell_take(row, &text);
	cell_age(row, tree, now_us);
}

void table_ip_address(const json_t *tree, int64_t now_us, json_t *row)
{
	(void)now_us;
	const json_t *ref = json_dig(tree, "spec.parentRef");
	const char *group = json_str_or(ref, "group", ""), *ns = json_str_or(ref, "namespace", "");
	struct str text;
	str_init(&text, 4096);
	str_addf(&text, "%s%s%s/%s%s%s", json_str_or(ref, "resource", ""), *group ? "." : "", group,
		 ns, *ns ? "/" : "", json_str_or(ref, "name", ""));
	cell_take(row, &text);
}
