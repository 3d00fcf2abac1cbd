/* What is chosen for a cluster at its first `up`, and kept in DIR/cluster.json. */
#include "cli/cluster.h"
#include "cli/files.h"
#include "common/base/jsonx.h"
#include "common/io/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>

#define RANGES_LOCK  "/run/skiff-ranges.lock"
#define KNOWN_ROOTS  "/run/skiff-roots" /* of clusters of this machine, a line each */
#define CLUSTERS_MAX 64
#define PORT_DEFAULT 6443
#define PORT_OTHERS  16443

char *cluster_path(const struct cluster *c, const char *fmt, ...)
{
	AUTO_STR path;
	str_init(&path, 4096);
	str_addf(&path, "%s/", c->root);
	va_list args;
	va_start(args, fmt);
	str_vaddf(&path, fmt, args);
	va_end(args);
	return str_take(&path);
}

static void set(char *to, size_t size, const char *text)
{
	size_t n = MIN(strlen(text), size - 1);
	memcpy(to, text, n);
	to[n] = '\0';
}

/* ---- cluster.json ---- */

static void read_nodes(const json_t *tree, struct cluster *c)
{
	size_t i;
	json_t *n;
	json_array_foreach (json_object_get(tree, "nodes"), i, n) {
		if (c->nodes_count == CLUSTER_NODES_MAX)
			break;
		struct cluster_node *node = &c->nodes[c->nodes_count++];
		set(node->name, sizeof node->name, json_str_or(n, "name", ""));
		set(node->netns, sizeof node->netns, json_str_or(n, "netns", ""));
		set(node->ip, sizeof node->ip, json_str_or(n, "ip", ""));
	}
}

int cluster_load(const char *root, struct cluster *ret, struct error *err)
{
	AUTO_STR text;
	str_init(&text, 1 << 20);
	AUTO_JSON *tree = NULL;
	auto_free char *path = xasprintf("%s/cluster.json", root);
	int code = file_read(path, &text, err);
	if (code == 0)
		code = json_parse(text.data, text.len, &tree, err);
	if (code < 0)
		return error_wrap(err, "cluster under %s", root);
	struct cluster c = { 0 };
	set(c.root, sizeof c.root, root);
	set(c.id, sizeof c.id, json_str_or(tree, "id", ""));
	set(c.pod_range, sizeof c.pod_range, json_str_or(tree, "podRange", ""));
	set(c.service_range, sizeof c.service_range, json_str_or(tree, "serviceRange", ""));
	set(c.link_range, sizeof c.link_range, json_str_or(tree, "linkRange", ""));
	set(c.advertise_ip, sizeof c.advertise_ip, json_str_or(tree, "advertiseIP", ""));
	set(c.boot_id, sizeof c.boot_id, json_str_or(tree, "bootID", ""));
	set(c.cgroup, sizeof c.cgroup, json_str_or(tree, "cgroup", ""));
	c.in_host = json_bool_or(tree, "inHost", false);
	c.api_port = (int)json_int_or(tree, "apiPort", 0);
	read_nodes(tree, &c);
	if (strlen(c.id) != 6 || c.nodes_count == 0 || c.api_port == 0)
		return error_set(err, ERR_INVALID, "%s is damaged: remove it, or restore it", path);
	*ret = c;
	return 0;
}

int cluster_save(const struct cluster *c, struct error *err)
{
	json_t *nodes = json_array();
	for (size_t i = 0; i < c->nodes_count; i++)
		json_array_append_new(nodes,
				      json_pack("{s:s,s:s,s:s}", "name", c->nodes[i].name, "netns",
						c->nodes[i].netns, "ip", c->nodes[i].ip));
	AUTO_JSON *tree =
		json_pack("{s:s,s:b,s:s,s:s,s:s,s:s,s:i,s:s,s:s,s:o}", "id", c->id, "inHost",
			  c->in_host, "podRange", c->pod_range, "serviceRange", c->service_range,
			  "linkRange", c->link_range, "advertiseIP", c->advertise_ip, "apiPort",
			  c->api_port, "bootID", c->boot_id, "cgroup", c->cgroup, "nodes", nodes);
	AUTO_STR text;
	str_init(&text, 1 << 20);
	json_print_pretty(tree, &text);
	str_add_char(&text, '\n');
	auto_free char *path = cluster_path(c, "cluster.json");
	return file_write(path, text.data, text.len, 0600, err);
}

/* ---- other clusters of this machine ---- */

struct others {
	struct cluster at[CLUSTERS_MAX];
	size_t count;
};

/* Those that are there still; ours is not among them. */
static void find_others(const char *root, struct others *ret)
{
	AUTO_STR text;
	struct error err;
	str_init(&text, 1 << 20);
	ret->count = 0;
	if (file_read(KNOWN_ROOTS, &text, &err) < 0)
		return;
	char *rest = text.data;
	for (char *line; (line = strsep(&rest, "\n")) != NULL && ret->count < CLUSTERS_MAX;)
		if (line[0] == '/' && !streq(line, root) &&
		    cluster_load(line, &ret->at[ret->count], &err) == 0)
			ret->count++;
}

static int lock_choices(int *ret_fd, struct error *err)
{
	*ret_fd = open(RANGES_LOCK, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (*ret_fd >= 0 && flock(*ret_fd, LOCK_EX) == 0)
		return 0;
	return error_set(err, ERR_UNAVAILABLE, "lock %s: %s", RANGES_LOCK, strerror(errno));
}

/* What was chosen is known to who chooses next, before a route or a socket shows it. */
static int make_known(const char *root, const struct others *others, struct error *err)
{
	AUTO_STR text;
	str_init(&text, 1 << 20);
	for (size_t i = 0; i < others->count; i++)
		str_addf(&text, "%s\n", others->at[i].root);
	str_addf(&text, "%s\n", root);
	return file_write(KNOWN_ROOTS, text.data, text.len, 0600, err);
}

static bool port_is_taken(const struct others *others, int port)
{
	for (size_t i = 0; i < others->count; i++)
		if (others->at[i].api_port == port)
			return true;
	return false;
}

static bool link_is_taken(const struct others *others, const char *range)
{
	for (size_t i = 0; i < others->count; i++)
		if (streq(others->at[i].link_range, range))
			return true;
	return false;
}

/* ---- choosing ---- */

/* Do the host's routes touch net/bits? The default route does not count. */
static bool range_is_used(uint32_t net, unsigned bits)
{
	AUTO_STR text;
	struct error err;
	str_init(&text, 1 << 20);
	if (file_read("/proc/net/route", &text, &err) < 0)
		return false;
	uint32_t mask = ~0u << (32 - bits);
	for (const char *line = strchr(text.data, '\n'); line && line[1];
	     line = strchr(line + 1, '\n')) {
		unsigned destination, gateway, flags, route_mask;
		if (sscanf(line + 1, "%*s %x %x %x %*d %*d %*d %x", &destination, &gateway, &flags,
			   &route_mask) != 4 ||
		    route_mask == 0)
			continue;
		uint32_t common = mask & ntohl(route_mask);
		if ((net & common) == (ntohl(destination) & common))
			return true;
	}
	return false;
}

/* The first of `count` ranges, `step` apart, that no route touches. */
static int choose_range(uint32_t first, unsigned bits, uint32_t step, unsigned count,
			const char *what, const struct others *others, char out[20],
			struct error *err)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t net = first + i * step;
		if (range_is_used(net, bits))
			continue;
		struct in_addr a = { htonl(net) };
		char text[16];
		(void)inet_ntop(AF_INET, &a, text, sizeof text);
		int n = snprintf(out, 20, "%s/%u", text, bits);
		assert(n > 0 && n < 20);
		if (!link_is_taken(others, out))
			return 0;
	}
	return error_set(err, ERR_LIMIT,
			 "no range for %s is free: the host's routes (ip route) cover all that "
			 "could be taken",
			 what);
}

static bool port_is_free(int port)
{
	auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	return fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
}

static int choose_port(bool is_default, const struct others *others, int *ret, struct error *err)
{
	int first = is_default ? PORT_DEFAULT : PORT_OTHERS;
	int last = is_default ? PORT_DEFAULT : PORT_OTHERS + 1000;
	for (int port = first; port <= last; port++)
		if (!port_is_taken(others, port) && port_is_free(port)) {
			*ret = port;
			return 0;
		}
	return error_set(
		err, ERR_LIMIT,
		"port %d is in use: stop what listens there (ss -ltnp), or use another root "
		"with --root",
		first);
}

/* The address that this machine is known by: the source of its default route. */
static void host_ip(char out[16])
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) }, from;
	socklen_t len = sizeof from;
	(void)inet_pton(AF_INET, "192.0.2.1", &to.sin_addr); /* nothing is sent by connect */
	auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	set(out, 16, "127.0.0.1");
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
	    getsockname(fd, (struct sockaddr *)&from, &len) == 0)
		(void)inet_ntop(AF_INET, &from.sin_addr, out, 16);
}

void cluster_service_ip(const struct cluster *c, unsigned n, char out[16])
{
	char net[20];
	set(net, sizeof net, c->service_range);
	net[strcspn(net, "/")] = '\0';
	struct in_addr a = { 0 };
	(void)inet_pton(AF_INET, net, &a);
	a.s_addr = htonl(ntohl(a.s_addr) + n);
	(void)inet_ntop(AF_INET, &a, out, 16);
}

static void link_ip(const struct cluster *c, unsigned n, char out[16])
{
	struct cluster copy = *c;
	memcpy(copy.service_range, c->link_range, sizeof copy.service_range);
	cluster_service_ip(&copy, n, out);
}

static void name_nodes(struct cluster *c, size_t nodes)
{
	c->nodes_count = nodes;
	for (size_t i = 0; i < nodes; i++) {
		struct cluster_node *n = &c->nodes[i];
		int len = snprintf(n->name, sizeof n->name, "node-%zu", i + 1);
		assert(len > 0);
		if (nodes == 1 && gethostname(n->name, sizeof n->name - 1) < 0)
			set(n->name, sizeof n->name, "node-1");
		if (c->in_host) {
			host_ip(n->ip);
			continue;
		}
		len = snprintf(n->netns, sizeof n->netns, "skiff-%s-%zu", c->id, i + 1);
		assert(len > 0);
		link_ip(c, (unsigned)i + 10, n->ip);
	}
}

static void new_id(char out[8])
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	uint8_t b[6];
	tls_random(b, sizeof b);
	for (int i = 0; i < 6; i++)
		out[i] = letters[b[i] % (sizeof letters - 1)];
	out[6] = '\0';
}

int cluster_choose(const char *root, size_t nodes, struct cluster *ret, struct error *err)
{
	struct cluster c = { 0 };
	auto_free struct others *others = xcalloc(1, sizeof *others);
	auto_close int lock = -1;
	if (lock_choices(&lock, err) < 0)
		return err->code;
	find_others(root, others);
	set(c.root, sizeof c.root, root);
	new_id(c.id);
	bool is_default = streq(root, CLUSTER_DEFAULT_ROOT);
	c.in_host = is_default && nodes == 1;
	int n = snprintf(c.cgroup, sizeof c.cgroup, "/skiff-%s", c.id);
	assert(n > 0);
	int code = choose_range(0x0af40000, 16, 0x10000, 11, "pods", others, c.pod_range, err);
	if (code == 0)
		code = choose_range(0x0a600000, 16, 0x10000, 64, "Services", others,
				    c.service_range, err);
	if (code == 0 && !c.in_host)
		code = choose_range(0xac1f0000, 24, 0x100, 200, "the nodes' link", others,
				    c.link_range, err);
	if (code == 0)
		code = choose_port(is_default, others, &c.api_port, err);
	if (code < 0)
		return code;
	if (c.in_host)
		host_ip(c.advertise_ip);
	else
		link_ip(&c, 1, c.advertise_ip);
	name_nodes(&c, nodes);
	/* Saved before the lock is let go: others read it from there. */
	code = dir_make(root, 0755, err);
	if (code == 0)
		code = cluster_save(&c, err);
	if (code == 0)
		code = make_known(root, others, err);
	if (code == 0)
		*ret = c;
	return code;
}

int cluster_register(const struct cluster *c, struct error *err)
{
	auto_free struct others *others = xcalloc(1, sizeof *others);
	auto_close int lock = -1;
	if (lock_choices(&lock, err) < 0)
		return err->code;
	find_others(c->root, others);
	return make_known(c->root, others, err);
}
