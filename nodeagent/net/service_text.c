#include "nodeagent/net/service_plan.h"

#include <netinet/in.h>

#define A_COMMAND 1000 /* elements in one `add element` */

/* Where an element lives. Protocols have sets of their own where nftables cannot join a protocol
 * with a port of the original direction. */
static const char *map_of(const struct service_element *e)
{
	static const char *const names[SERVICE_KIND_COUNT] = {
		[SERVICE_VIP] = "services",        [SERVICE_VIP_SLOT] = "endpoints",
		[SERVICE_NODE_PORT] = "nodeports", [SERVICE_NODE_SLOT] = "nodeport-endpoints",
		[SERVICE_HOST_PORT] = "hostports", [SERVICE_HOST_PORT_AT] = "hostports-at",
		[SERVICE_OWN_POD] = "own-pods",
	};
	static const char *const keeps[2][3] = {
		{ "node-keeps-tcp", "node-keeps-udp", "node-keeps-sctp" },
		{ "host-keeps-tcp", "host-keeps-udp", "host-keeps-sctp" },
	};
	if (names[e->kind])
		return names[e->kind];
	return keeps[e->kind == SERVICE_HOST_KEEPS][e->protocol == IPPROTO_UDP    ? 1
						    : e->protocol == IPPROTO_SCTP ? 2
										  : 0];
}

static const char *protocol_text(uint8_t protocol)
{
	return protocol == IPPROTO_UDP ? "udp" : protocol == IPPROTO_SCTP ? "sctp" : "tcp";
}

static void add_address(struct str *out, uint32_t a)
{
	str_addf(out, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

static void add_key(struct str *out, const struct service_element *e)
{
	if (e->kind == SERVICE_NODE_KEEPS || e->kind == SERVICE_HOST_KEEPS) {
		str_addf(out, "%u", e->port);
		return;
	}
	if (e->kind == SERVICE_OWN_POD) {
		add_address(out, e->address);
		str_add(out, " . ");
		add_address(out, e->address);
		return;
	}
	if (e->kind == SERVICE_VIP || e->kind == SERVICE_VIP_SLOT ||
	    e->kind == SERVICE_HOST_PORT_AT) {
		add_address(out, e->address);
		str_add(out, " . ");
	}
	str_addf(out, "%s . %u", protocol_text(e->protocol), e->port);
	if (e->kind == SERVICE_VIP_SLOT || e->kind == SERVICE_NODE_SLOT)
		str_addf(out, " . %u", e->slot);
}

static void add_value(struct str *out, const struct service_element *e)
{
	switch ((enum service_kind)e->kind) {
	case SERVICE_VIP:
	case SERVICE_NODE_PORT:
		if (e->to_port == 0)
			str_add(out, " : goto refuse");
		else
			str_addf(out, " : goto %c%u",
				 e->kind == SERVICE_VIP ? (e->to_address ? 'h' : 'n')
							: (e->to_address ? 'q' : 'p'),
				 e->to_port);
		return;
	case SERVICE_VIP_SLOT:
	case SERVICE_NODE_SLOT:
	case SERVICE_HOST_PORT:
	case SERVICE_HOST_PORT_AT:
		str_add(out, " : ");
		add_address(out, e->to_address);
		str_addf(out, " . %u", e->to_port);
		return;
	case SERVICE_NODE_KEEPS:
	case SERVICE_HOST_KEEPS:
	case SERVICE_OWN_POD:
	case SERVICE_KIND_COUNT:
		return;
	}
}

void service_text_elements(struct str *out, const char *table, const char *verb,
			   const struct service_element *at, size_t n)
{
	const char *map = "";
	bool with_value = streq(verb, "add");
	size_t in_command = 0;
	for (size_t i = 0; i < n; i++) {
		const char *now = map_of(&at[i]);
		if (!streq(now, map) || in_command == A_COMMAND) {
			str_add(out, *map ? " }\n" : "");
			str_addf(out, "%s element ip %s %s { ", verb, table, now);
			map = now;
			in_command = 0;
		} else {
			str_add(out, ", ");
		}
		in_command++;
		add_key(out, &at[i]);
		if (with_value)
			add_value(out, &at[i]);
	}
	str_add(out, n > 0 ? " }\n" : "");
}

/* Four ways to choose among as many endpoints: by chance or by the client's address, of an address
 * of its own or of a port on every address of the node. */
void service_text_chain(struct str *out, const char *table, size_t endpoints)
{
	static const struct {
		char name;
		const char *key, *choice, *map;
	} ways[] = {
		{ 'n', "ip daddr . ", "numgen random", "endpoints" },
		{ 'h', "ip daddr . ", "jhash ip saddr", "endpoints" },
		{ 'p', "", "numgen random", "nodeport-endpoints" },
		{ 'q', "", "jhash ip saddr", "nodeport-endpoints" },
	};
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		str_addf(out, "add chain ip %s %c%zu\n", table, ways[i].name, endpoints);
		str_addf(out,
			 "add rule ip %s %c%zu dnat ip to %smeta l4proto . th dport . %s mod %zu "
			 "map @%s\n",
			 table, ways[i].name, endpoints, ways[i].key, ways[i].choice, endpoints,
			 ways[i].map);
	}
}

static const char maps[] =
	"\tmap services {\n"
	"\t\ttype ipv4_addr . inet_proto . inet_service : verdict\n"
	"\t}\n"
	"\tmap endpoints {\n"
	"\t\ttypeof ip daddr . meta l4proto . th dport . numgen random mod 2"
	" : ip daddr . th dport\n"
	"\t}\n"
	"\tmap nodeports {\n"
	"\t\ttype inet_proto . inet_service : verdict\n"
	"\t}\n"
	"\tmap nodeport-endpoints {\n"
	"\t\ttypeof meta l4proto . th dport . numgen random mod 2 : ip daddr . th dport\n"
	"\t}\n"
	"\tmap hostports {\n"
	"\t\ttype inet_proto . inet_service : ipv4_addr . inet_service\n"
	"\t}\n"
	"\tmap hostports-at {\n"
	"\t\ttype ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service\n"
	"\t}\n"
	"\tset own-pods { type ipv4_addr . ipv4_addr; }\n"
	"\tset node-keeps-tcp { type inet_service; }\n"
	"\tset node-keeps-udp { type inet_service; }\n"
	"\tset node-keeps-sctp { type inet_service; }\n"
	"\tset host-keeps-tcp { type inet_service; }\n"
	"\tset host-keeps-udp { type inet_service; }\n"
	"\tset host-keeps-sctp { type inet_service; }\n";

static const char find[] = "\tchain refuse {\n"
			   "\t\tmeta l4proto tcp reject with tcp reset\n"
			   "\t\treject with icmp type port-unreachable\n"
			   "\t}\n"
			   "\tchain find {\n"
			   "\t\tip daddr . meta l4proto . th dport vmap @services\n"
			   "\t\tfib daddr type != local return\n"
			   "\t\tmeta l4proto . th dport vmap @nodeports\n"
			   "\t\tdnat ip to ip daddr . meta l4proto . th dport map @hostports-at\n"
			   "\t\tdnat ip to meta l4proto . th dport map @hostports\n"
			   "\t}\n"
			   "\tchain prerouting {\n"
			   "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
			   "\t\tjump find\n"
			   "\t}\n"
			   "\tchain output {\n"
			   "\t\ttype nat hook output priority -100; policy accept;\n"
			   "\t\tjump find\n"
			   "\t}\n";

/* What leaves with another source address: what leaves the cluster, a pod that reaches itself, what
 * came to the node from elsewhere and goes on to a pod that would answer past us. */
void service_text_table(struct str *out, const struct service_plan_options *o)
{
	str_addf(out, "add table ip skiff-%s\ndelete table ip skiff-%s\n", o->cluster_id,
		 o->cluster_id);
	str_addf(out, "table ip skiff-%s {\n%s%s", o->cluster_id, maps, find);
	str_addf(out,
		 "\tchain service-source {\n"
		 "\t\tip saddr != %s masquerade\n"
		 "\t}\n"
		 "\tchain translated {\n"
		 "\t\tip saddr . ip daddr @own-pods masquerade\n"
		 "\t\tct original ip daddr %s goto service-source\n"
		 "\t\tip saddr 127.0.0.0/8 masquerade\n",
		 o->cluster_cidr, o->service_cidr);
	static const char *const protocols[] = { "tcp", "udp", "sctp" };
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		str_addf(out,
			 "\t\tmeta l4proto %s ct original proto-dst @node-keeps-%s return\n"
			 "\t\tmeta l4proto %s ct original proto-dst @host-keeps-%s return\n",
			 protocols[i], protocols[i], protocols[i], protocols[i]);
	str_addf(out,
		 "\t\tmasquerade\n"
		 "\t}\n"
		 "\tchain postrouting {\n"
		 "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
		 "\t\tip saddr %s ip daddr != %s masquerade\n"
		 "\t\tct status dnat goto translated\n"
		 "\t}\n"
		 "}\n",
		 o->cluster_cidr, o->cluster_cidr);
}
