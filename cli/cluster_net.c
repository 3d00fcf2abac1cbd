/*
 * The network that nodes live in. One node of the default root: the host's own namespace.
 * Otherwise a namespace a node, joined by a bridge on the host. Every node has the DNS address, so
 * that what pods ask there is answered on the node.
 */
#include "cli/cluster.h"
#include "cli/files.h"

#include <stdio.h>

static void bridge_name(const struct cluster *c, char out[16])
{
	int n = snprintf(out, 16, "sk%s", c->id);
	assert(n > 0);
}

static void veth_name(const struct cluster *c, size_t i, char out[16])
{
	int n = snprintf(out, 16, "sk%sv%zu", c->id, i + 1);
	assert(n > 0);
}

static bool link_exists(const char *name)
{
	auto_free char *path = xasprintf("/sys/class/net/%s", name);
	return file_exists(path);
}

/* ---- sysctls of the host, put back by `down` ---- */

static const char *const sysctls[] = {
	"/proc/sys/net/ipv4/ip_forward",
	"/proc/sys/net/ipv4/conf/all/route_localnet", /* the node agent's, when its rules stand */
};

static char *saved_path(const struct cluster *c, const char *path)
{
	return cluster_path(c, "run/sysctl-%s", strrchr(path, '/') + 1);
}

/* What it was before this cluster. */
static int save_sysctl(const struct cluster *c, const char *path, struct str *ret,
		       struct error *err)
{
	auto_free char *saved = saved_path(c, path);
	int code = file_read(path, ret, err);
	if (code < 0)
		return code;
	str_truncate(ret, strcspn(ret->data, "\n"));
	return file_exists(saved) ? 0 : file_write(saved, ret->data, ret->len, 0600, err);
}

static int set_sysctl(const struct cluster *c, const char *path, const char *value,
		      struct error *err)
{
	AUTO_STR old;
	str_init(&old, 64);
	int code = save_sysctl(c, path, &old, err);
	if (code < 0 || streq(old.data, value))
		return code;
	FILE *f = fopen(path, "we");
	bool good = f && fputs(value, f) >= 0;
	good = f && fclose(f) == 0 && good;
	return good ? 0 : error_set(err, ERR_UNAVAILABLE, "%s cannot be written", path);
}

static void restore_sysctl(const struct cluster *c, const char *path)
{
	AUTO_STR old;
	struct error err;
	str_init(&old, 64);
	auto_free char *saved = saved_path(c, path);
	if (file_read(saved, &old, &err) < 0)
		return;
	FILE *f = fopen(path, "we");
	if (f) {
		(void)fputs(old.data, f); /* best effort: the machine may have changed it since */
		(void)fclose(f);
	}
	(void)unlink(saved);
}

/* ---- up ---- */

/* The DNS address stands on the loopback interface: nothing else is there in every kernel. */
static int dns_up(const struct cluster *c, const char *netns, struct error *err)
{
	char dns[16];
	cluster_service_ip(c, 10, dns);
	auto_free char *address = xasprintf("%s/32", dns);
	if (!*netns)
		return command_must(err, "ip", "address", "replace", address, "dev", "lo", NULL);
	return command_must(err, "ip", "-n", netns, "address", "replace", address, "dev", "lo",
			    NULL);
}

static int bridge_up(const struct cluster *c, struct error *err)
{
	char name[16];
	bridge_name(c, name);
	auto_free char *address = xasprintf("%s/24", c->advertise_ip);
	if (link_exists(name))
		return 0;
	int code = command_must(err, "ip", "link", "add", name, "type", "bridge", NULL);
	if (code == 0)
		code = command_must(err, "ip", "address", "add", address, "dev", name, NULL);
	if (code == 0)
		code = command_must(err, "ip", "link", "set", name, "up", NULL);
	if (code < 0)
		return code;
	/* Nodes reach the world through the host. */
	auto_free char *rules = xasprintf(
		"add table ip skiff-%s-host\n"
		"add chain ip skiff-%s-host out { type nat hook postrouting priority srcnat; }\n"
		"flush chain ip skiff-%s-host out\n"
		"add rule ip skiff-%s-host out ip saddr %s oifname != \"%s\" masquerade\n",
		c->id, c->id, c->id, c->id, c->link_range, name);
	auto_free char *path = cluster_path(c, "run/host.nft");
	code = file_write(path, rules, strlen(rules), 0600, err);
	return code < 0 ? code : command_must(err, "nft", "-f", path, NULL);
}

static int node_up(const struct cluster *c, size_t i, struct error *err)
{
	const struct cluster_node *n = &c->nodes[i];
	char veth[16], bridge[16];
	veth_name(c, i, veth);
	bridge_name(c, bridge);
	auto_free char *path = xasprintf("/run/netns/%s", n->netns);
	auto_free char *address = xasprintf("%s/24", n->ip);
	if (file_exists(path) && link_exists(veth))
		return dns_up(c, n->netns, err);
	command_try("ip", "link", "delete", veth, NULL);
	if (!file_exists(path)) {
		int code = command_must(err, "ip", "netns", "add", n->netns, NULL);
		if (code < 0)
			return code;
	}
	int code = command_must(err, "ip", "link", "add", veth, "type", "veth", "peer", "name",
				"eth0", "netns", n->netns, NULL);
	if (code == 0)
		code = command_must(err, "ip", "link", "set", veth, "master", bridge, "up", NULL);
	if (code == 0)
		code = command_must(err, "ip", "-n", n->netns, "link", "set", "lo", "up", NULL);
	if (code == 0)
		code = command_must(err, "ip", "-n", n->netns, "address", "add", address, "dev",
				    "eth0", NULL);
	if (code == 0)
		code = command_must(err, "ip", "-n", n->netns, "link", "set", "eth0", "up", NULL);
	if (code == 0)
		code = command_must(err, "ip", "-n", n->netns, "route", "add", "default", "via",
				    c->advertise_ip, NULL);
	if (code < 0)
		return code;
	auto_free char *net = xasprintf("--net=/run/netns/%s", n->netns);
	code = command_must(err, "nsenter", net, "sysctl", "-qw", "net.ipv4.ip_forward=1", NULL);
	return code < 0 ? code : dns_up(c, n->netns, err);
}

int cluster_net_up(const struct cluster *c, struct error *err)
{
	AUTO_STR old;
	str_init(&old, 64);
	int code = set_sysctl(c, sysctls[0], "1", err);
	if (code == 0 && c->in_host)
		code = save_sysctl(c, sysctls[1], &old, err);
	if (code == 0 && c->in_host)
		return dns_up(c, "", err);
	if (code == 0)
		code = bridge_up(c, err);
	for (size_t i = 0; code == 0 && i < c->nodes_count; i++)
		code = node_up(c, i, err);
	return code < 0 ? error_wrap(err, "network") : 0;
}

/* ---- down ---- */

static void delete_table(const char *netns, const char *family, const char *name)
{
	auto_free char *net = xasprintf("--net=/run/netns/%s", netns);
	if (*netns)
		command_try("nsenter", net, "nft", "delete", "table", family, name, NULL);
	else
		command_try("nft", "delete", "table", family, name, NULL);
}

/* Every nftables table and interface in the host's namespace that carries the id. */
static void sweep_host(const struct cluster *c)
{
	static const char *const families[] = { "ip", "ip6", "inet" };
	auto_free char *host = xasprintf("skiff-%s-host", c->id);
	auto_free char *node = xasprintf("skiff-%s", c->id);
	char bridge[16], dns[16];
	bridge_name(c, bridge);
	cluster_service_ip(c, 10, dns);
	auto_free char *address = xasprintf("%s/32", dns);
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		delete_table("", families[i], host);
		delete_table("", families[i], node);
	}
	for (size_t i = 0; i < CLUSTER_NODES_MAX; i++) {
		char veth[16];
		veth_name(c, i, veth);
		if (link_exists(veth))
			command_try("ip", "link", "delete", veth, NULL);
	}
	if (c->in_host)
		command_try("ip", "address", "delete", address, "dev", "lo", NULL);
	if (link_exists(bridge))
		command_try("ip", "link", "delete", bridge, NULL);
}

void cluster_net_down(const struct cluster *c)
{
	for (size_t i = 0; i < c->nodes_count; i++)
		if (*c->nodes[i].netns)
			command_try("ip", "netns", "delete", c->nodes[i].netns, NULL);
	/* Before the rules go that make them safe. */
	for (size_t i = 0; i < ARRAY_LEN(sysctls); i++)
		restore_sysctl(c, sysctls[i]);
	sweep_host(c);
}
