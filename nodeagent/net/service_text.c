#include "nodeagent/net/service_plan.h"

#include <netinet/in.h>

#define A_COMMAND 1000 /* elements in one `add element` */

/* What `services` and `nodeports` say is kept for a moment in the first packet's priority, whose
 * values of this class lead on by `ways`. With verdicts in these large maps the kernel would walk
 * all of them at each change, to see where they lead (10,000 Services: 0.9 ms instead of 0.08). */
#define WAY_CLASS "5348"
#define WAY_STEP  0x2000

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

/* Ways to choose among as many endpoints: by chance or by the client's address, of an address of
 * its own or of a port on every address of the node. */
static const struct {
	char name;
	const char *key, *choice, *map;
} ways[] = {
	{ 'n', "ip daddr . ", "numgen random", "endpoints" },
	{ 'h', "ip daddr . ", "jhash ip saddr", "endpoints" },
	{ 'p', "", "numgen random", "nodeport-endpoints" },
	{ 'q', "", "jhash ip saddr", "nodeport-endpoints" },
};
#define WAYS ARRAY_LEN(ways)

/* The value that stands for `ways[way]` among so many endpoints; 0 endpoints: refused. */
static void add_way(struct str *out, size_t way, size_t endpoints)
{
	_Static_assert(SERVICE_SLOTS_MAX < WAY_STEP && ARRAY_LEN(ways) * WAY_STEP < 65536,
		       "a minor number has 16 bits");
	str_addf(out, WAY_CLASS ":%zx", endpoints ? way * WAY_STEP + endpoints : 0);
}

static void add_value(struct str *out, const struct service_element *e)
{
	switch ((enum service_kind)e->kind) {
	case SERVICE_VIP:
	case SERVICE_NODE_PORT:
		str_add(out, " : ");
		add_way(out, (e->kind == SERVICE_VIP ? 0 : WAYS / 2) + (e->to_address != 0),
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

void service_text_chain(struct str *out, const char *table, size_t endpoints)
{
	for (size_t i = 0; i < WAYS; i++) {
		str_addf(out, "add chain ip %s %c%zu\n", table, ways[i].name, endpoints);
		str_addf(out, "add rule ip %s %c%zu meta priority set 0:0\n", table, ways[i].name,
			 endpoints);
		str_addf(out,
			 "add rule ip %s %c%zu dnat ip to %smeta l4proto . th dport . %s mod %zu "
			 "map @%s\n",
			 table, ways[i].name, endpoints, ways[i].key, ways[i].choice, endpoints,
			 ways[i].map);
		str_addf(out, "add element ip %s ways { ", table);
		add_way(out, i, endpoints);
		str_addf(out, " : goto %c%zu }\n", ways[i].name, endpoints);
	}
}

static const char maps[] =
	"\tmap services {\n"
	"\t\ttype ipv4_addr . inet_proto . inet_service : classid\n"
	"\t}\n"
	"\tmap endpoints {\n"
	"\t\ttypeof ip daddr . meta l4proto . th dport . numgen random mod 2"
	" : ip daddr . th dport\n"
	"\t}\n"
	"\tmap nodeports {\n"
	"\t\ttype inet_proto . inet_service : classid\n"
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
	"\tmap ways {\n"
	"\t\ttype classid : verdict\n"
	"\t\telements = { " WAY_CLASS ":0 : goto refuse }\n"
	"\t}\n"
	"\tset own-pods { type ipv4_addr . ipv4_addr; }\n"
	"\tset node-keeps-tcp { type inet_service; }\n"
	"\tset node-keeps-udp { type inet_service; }\n"
	"\tset node-keeps-sctp { type inet_service; }\n"
	"\tset host-keeps-tcp { type inet_service; }\n"
	"\tset host-keeps-udp { type inet_service; }\n"
	"\tset host-keeps-sctp { type inet_service; }\n";

static const char find[] =
	"\tchain refuse {\n"
	"\t\tmeta l4proto tcp reject with tcp reset\n"
	"\t\treject with icmp type port-unreachable\n"
	"\t}\n"
	"\tchain find {\n"
	"\t\tmeta priority set"
	" ip daddr . meta l4proto . th dport map @services\n"
	"\t\tmeta priority vmap @ways\n"
	"\t\tfib daddr type != local return\n"
	"\t\tmeta priority set meta l4proto . th dport map @nodeports\n"
	"\t\tmeta priority vmap @ways\n"
	"\t\tdnat ip to ip daddr . meta l4proto . th dport map @hostports-at\n"
	"\t\tdnat ip to meta l4proto . th dport map @hostports\n"
	"\t}\n"
	/* route_localnet is on, so that a NodePort answers on 127.0.0.1 too: what
			    * the kernel would drop as a martian is dropped here. Answers are not
			    * translated back yet. */
	"\tchain martians {\n"
	"\t\ttype filter hook prerouting priority raw; policy accept;\n"
	"\t\tiif != lo ip daddr 127.0.0.0/8 drop\n"
	"\t\tiif != lo ip saddr 127.0.0.0/8 drop\n"
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
