/* What runs in a cluster: the supervisor's list, DIR/run/programs.json. */
#include "cli/cluster.h"
#include "cli/files.h"
#include "common/base/jsonx.h"

#include <stdarg.h>
#include <stdio.h>

#define ETCD_REQUEST_MAX "8388608"
#define ETCD_QUOTA       "8589934592"

char *cluster_find_tool(const struct cluster *c, const char *name)
{
	static const char *const dirs[] = { "tools/usr/bin", "tools/usr/sbin" };
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		auto_free char *path = cluster_path(c, "%s/%s", dirs[i], name);
		if (access(path, X_OK) == 0)
			return TAKE(path);
	}
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n > 0) {
		self[n] = '\0';
		char *slash = strrchr(self, '/');
		*slash = '\0';
		auto_free char *path = xasprintf("%s/%s", self, name);
		if (access(path, X_OK) == 0)
			return TAKE(path);
	}
	const char *path = getenv("PATH");
	for (const char *p = path ? path : "/usr/sbin:/usr/bin:/sbin:/bin"; *p;) {
		size_t len = strcspn(p, ":");
		auto_free char *full = xasprintf("%.*s/%s", (int)len, p, name);
		if (access(full, X_OK) == 0)
			return TAKE(full);
		p += len + (p[len] == ':');
	}
	return NULL;
}

static json_t *program_new(const struct cluster *c, json_t *list, const char *name,
			   const char *netns)
{
	auto_free char *log = cluster_path(c, "log/%s.log", name);
	json_t *p = json_pack("{s:s,s:s,s:s,s:[],s:[],s:[]}", "name", name, "netns", netns, "log",
			      log, "argv", "env", "sockets");
	json_array_append_new(list, p);
	return p;
}

static void arg(json_t *program, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void arg(json_t *program, const char *fmt, ...)
{
	AUTO_STR text;
	str_init(&text, 8192);
	va_list args;
	va_start(args, fmt);
	str_vaddf(&text, fmt, args);
	va_end(args);
	json_array_append_new(json_object_get(program, "argv"), json_string(text.data));
}

static int tool_arg(const struct cluster *c, json_t *program, const char *name, struct error *err)
{
	auto_free char *path = cluster_find_tool(c, name);
	if (!path)
		return error_set(
			err, ERR_NOT_FOUND,
			"the program '%s' is not on this machine: scripts/up installs it, or "
			"put it into PATH",
			name);
	arg(program, "%s", path);
	return 0;
}

/* This program starts the supervisor anew when it dies (common/io/guardian.h). Only those in the
 * host's network namespace can: the supervisor must be there. */
static void guards(const struct cluster *c, json_t *program)
{
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n <= 0)
		return;
	self[n] = '\0';
	auto_free char *root = xasprintf("SKIFF_SUPERVISOR_ROOT=%s", c->root);
	auto_free char *exe = xasprintf("SKIFF_SUPERVISOR=%s", self);
	json_t *env = json_object_get(program, "env");
	json_array_append_new(env, json_string(root));
	json_array_append_new(env, json_string(exe));
}

static int add_etcd(const struct cluster *c, json_t *list, struct error *err)
{
	json_t *p = program_new(c, list, "etcd", "");
	int code = tool_arg(c, p, "etcd", err);
	arg(p, "--name=skiff");
	arg(p, "--data-dir=%s/etcd", c->root);
	/* etcd takes unix URLs only as NAME:PORT, and makes the socket NAME:PORT in its directory. */
	auto_free char *cwd = cluster_path(c, "run/etcd");
	json_object_set_new(p, "cwd", json_string(cwd));
	/* Killed, it leaves its sockets behind, and then does not start for them. */
	json_object_set_new(p, "unlink", json_pack("[s,s]", "client:0", "peer:0"));
	arg(p, "--listen-client-urls=unix://client:0");
	arg(p, "--advertise-client-urls=http://localhost:0");
	arg(p, "--listen-peer-urls=unix://peer:0");
	arg(p, "--initial-advertise-peer-urls=http://localhost:0");
	arg(p, "--initial-cluster=skiff=http://localhost:0");
	arg(p, "--max-request-bytes=" ETCD_REQUEST_MAX);
	arg(p, "--quota-backend-bytes=" ETCD_QUOTA);
	arg(p, "--logger=zap");
	arg(p, "--log-level=warn");
	return code;
}

static int add_apiserver(const struct cluster *c, json_t *list, struct error *err)
{
	json_t *p = program_new(c, list, "apiserver", "");
	int code = tool_arg(c, p, "skiff-apiserver", err);
	guards(c, p);
	arg(p, "--listen=0.0.0.0:%d", c->api_port);
	arg(p, "--etcd=unix://%s/run/etcd/client:0", c->root);
	arg(p, "--cluster-id=%s", c->id);
	arg(p, "--service-cidr=%s", c->service_range);
	arg(p, "--advertise-address=%s", c->advertise_ip);
	arg(p, "--tls-cert=%s/pki/apiserver.crt", c->root);
	arg(p, "--tls-key=%s/pki/apiserver.key", c->root);
	arg(p, "--client-ca=%s/pki/ca.crt", c->root);
	arg(p, "--token-key=%s/pki/token.key", c->root);
	arg(p, "--node-cert=%s/pki/apiserver-client.crt", c->root);
	arg(p, "--node-key=%s/pki/apiserver-client.key", c->root);
	return code;
}

static int add_controller(const struct cluster *c, json_t *list, struct error *err)
{
	json_t *p = program_new(c, list, "controller", "");
	int code = tool_arg(c, p, "skiff-controller", err);
	guards(c, p);
	arg(p, "--kubeconfig=%s/pki/controller.kubeconfig", c->root);
	arg(p, "--cluster-cidr=%s", c->pod_range);
	arg(p, "--root-ca-file=%s/pki/ca.crt", c->root);
	arg(p, "--cluster-signing-cert-file=%s/pki/ca.crt", c->root);
	arg(p, "--cluster-signing-key-file=%s/pki/ca.key", c->root);
	arg(p, "--identity-file=%s/controller.id", c->root);
	return code;
}

static int add_containerd(const struct cluster *c, json_t *list, const struct cluster_node *n,
			  struct error *err)
{
	auto_free char *name = xasprintf("containerd-%s", n->name);
	json_t *p = program_new(c, list, name, n->netns);
	int code = tool_arg(c, p, "containerd", err);
	arg(p, "--config=%s/nodes/%s/containerd.toml", c->root, n->name);
	/* Its shim must be found beside it when it was unpacked into DIR/tools. */
	const char *path = getenv("PATH");
	auto_free char *env = xasprintf("PATH=%s/tools/usr/bin:%s/tools/usr/sbin:%s", c->root,
					c->root, path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
	json_array_append_new(json_object_get(p, "env"), json_string(env));
	return code;
}

static int add_agent(const struct cluster *c, json_t *list, const struct cluster_node *n,
		     struct error *err)
{
	auto_free char *name = xasprintf("nodeagent-%s", n->name);
	json_t *p = program_new(c, list, name, n->netns);
	char dns[16];
	cluster_service_ip(c, 10, dns);
	int code = tool_arg(c, p, "skiff-nodeagent", err);
	arg(p, "--node-name=%s", n->name);
	arg(p, "--root=%s/nodes/%s", c->root, n->name);
	arg(p, "--kubeconfig=%s/pki/node-%s.kubeconfig", c->root, n->name);
	arg(p, "--containerd-socket=%s/run/c-%s.sock", c->root, n->name);
	arg(p, "--node-ip=%s", n->ip);
	arg(p, "--cluster-dns=%s", dns);
	arg(p, "--boot-id=%s", c->boot_id);
	arg(p, "--cert=%s/pki/node-%s.crt", c->root, n->name);
	arg(p, "--key=%s/pki/node-%s.key", c->root, n->name);
	arg(p, "--client-ca=%s/pki/ca.crt", c->root);
	arg(p, "--cgroup-parent=%s/%s", c->cgroup, n->name);
	arg(p, "--cni-conf-dir=%s/nodes/%s/cni", c->root, n->name);
	arg(p, "--cluster-id=%s", c->id);
	arg(p, "--cluster-cidr=%s", c->pod_range);
	arg(p, "--service-cidr=%s", c->service_range);
	auto_free char *ctr = cluster_find_tool(c, "ctr");
	if (ctr)
		arg(p, "--ctr=%s", ctr);
	json_t *sockets = json_object_get(p, "sockets");
	json_array_append_new(sockets, json_pack("{s:s,s:s,s:s,s:i}", "name", "dns-udp", "type",
						 "udp", "address", dns, "port", 53));
	json_array_append_new(sockets, json_pack("{s:s,s:s,s:s,s:i}", "name", "dns-tcp", "type",
						 "tcp", "address", dns, "port", 53));
	return code;
}

int cluster_write_programs(const struct cluster *c, struct error *err)
{
	AUTO_JSON *list = json_array();
	int code = add_etcd(c, list, err);
	if (code == 0)
		code = add_apiserver(c, list, err);
	if (code == 0)
		code = add_controller(c, list, err);
	for (size_t i = 0; code == 0 && i < c->nodes_count; i++) {
		code = add_containerd(c, list, &c->nodes[i], err);
		if (code == 0)
			code = add_agent(c, list, &c->nodes[i], err);
	}
	if (code < 0)
		return code;
	AUTO_STR text;
	str_init(&text, 1 << 20);
	json_print_pretty(list, &text);
	auto_free char *path = cluster_path(c, "run/programs.json");
	return file_write(path, text.data, text.len, 0600, err);
}
