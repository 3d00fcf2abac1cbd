/* `skiff cluster up`: every step named and timed; running it again is quick and harmless. */
#include "cli/cluster.h"
#include "cli/cluster_images.h"
#include "cli/files.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/step.h"
#include "common/base/jsonx.h"
#include "common/io/guardian.h"
#include "common/plan/containerd_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>

#define DISK_MIN_BYTES (1ull << 30)
#define READY_MS       60000
#define UP_ROOT_MAX    59

static const char up_usage[] =
	"usage: skiff cluster up [--root DIR] [--nodes N]\n"
	"  --root DIR   where everything of the cluster lies (" CLUSTER_DEFAULT_ROOT ")\n"
	"  --nodes N    so many nodes on this machine, 1 to 16 (1; kept from the first `up` on)\n";

struct up {
	struct cluster c;
	const char *root;
	size_t nodes; /* 0: not said */
	bool is_new, was_running;
};

/* ---- can this machine do it? ---- */

static int check_machine(const struct up *u, struct error *err)
{
	struct statvfs disk;
	if (geteuid() != 0)
		return error_set(err, ERR_FORBIDDEN,
				 "containers and networks need root: run this as root (sudo)");
	if (!file_exists("/sys/fs/cgroup/cgroup.controllers") &&
	    !file_exists("/sys/fs/cgroup/memory") && !file_exists("/sys/fs/cgroup/unified"))
		return error_set(err, ERR_UNAVAILABLE,
				 "no cgroups are mounted under /sys/fs/cgroup: mount them, or run "
				 "this outside of a restricted container");
	int code = dir_make(u->root, 0755, err);
	if (code < 0)
		return code;
	if (statvfs(u->root, &disk) == 0 &&
	    (uint64_t)disk.f_bavail * disk.f_frsize < DISK_MIN_BYTES)
		return error_set(err, ERR_LIMIT,
				 "less than 1 GiB is free under %s: make room, or use another disk "
				 "with --root DIR",
				 u->root);
	static const char *const needed[][2] = { { "ip", "iproute2" },
						 { "nft", "nftables" },
						 { "nsenter", "util-linux" },
						 { "sysctl", "procps" } };
	struct cluster none = { 0 };
	memcpy(none.root, u->root, MIN(strlen(u->root), sizeof none.root - 1));
	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		auto_free char *path = cluster_find_tool(&none, needed[i][0]);
		if (!path)
			return error_set(err, ERR_NOT_FOUND, "'%s' is missing: apt-get install %s",
					 needed[i][0], needed[i][1]);
	}
	if (!file_exists("/usr/lib/cni/ptp"))
		return error_set(err, ERR_NOT_FOUND,
				 "the CNI plugins are missing: apt-get install "
				 "containernetworking-plugins");
	return 0;
}

/* ---- steps ---- */

static bool supervisor_lives(const struct cluster *c)
{
	struct process_id p;
	return program_read_pid(c->root, "supervisor", &p) && process_is_alive(&p);
}

/* Workloads that run belong to the boot in which they were started, whoever else has died. */
static bool node_lives(const struct cluster *c)
{
	static const char *const programs[] = { "containerd", "nodeagent" };
	struct process_id p;
	for (size_t i = 0; i < c->nodes_count; i++)
		for (size_t k = 0; k < ARRAY_LEN(programs); k++) {
			auto_free char *name = xasprintf("%s-%s", programs[k], c->nodes[i].name);
			if (program_read_pid(c->root, name, &p) && process_is_alive(&p))
				return true;
		}
	return false;
}

static int new_boot_id(char out[40], struct error *err)
{
	AUTO_STR text;
	str_init(&text, 64);
	int code = file_read("/proc/sys/kernel/random/uuid", &text, err);
	if (code < 0)
		return code;
	memcpy(out, text.data, 36);
	out[36] = '\0';
	return 0;
}

static int step_choose(struct up *u, struct error *err)
{
	static const char *const dirs[] = { "run", "run/etcd", "log", "nodes", "images", "etcd" };
	int code = cluster_load(u->root, &u->c, err);
	u->is_new = code == ERR_NOT_FOUND;
	if (u->is_new)
		code = cluster_choose(u->root, u->nodes ? u->nodes : 1, &u->c, err);
	else if (code == 0)
		code = cluster_register(&u->c, err);
	if (code < 0)
		return code;
	if (u->nodes && u->nodes != u->c.nodes_count)
		return error_set(err, ERR_INVALID,
				 "this cluster has %zu nodes; to change that, `skiff cluster down "
				 "--delete` it first, or use another --root",
				 u->c.nodes_count);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		auto_free char *path = cluster_path(&u->c, "%s", dirs[i]);
		code = dir_make(path, i == 1 || i == 5 ? 0700 : 0755, err);
		if (code < 0)
			return code;
	}
	u->was_running = supervisor_lives(&u->c);
	if (!u->was_running && !node_lives(&u->c))
		code = new_boot_id(u->c.boot_id, err);
	return code < 0 ? code : cluster_save(&u->c, err);
}

static bool lacks_sys_resource(void)
{
	AUTO_STR text;
	struct error err;
	str_init(&text, 65536);
	if (file_read("/proc/self/status", &text, &err) < 0)
		return false;
	const char *line = strstr(text.data, "CapEff:\t");
	return line && !(strtoull(line + 8, NULL, 16) & (1ull << 24));
}

static int write_containerd(const struct cluster *c, const struct cluster_node *n,
			    struct error *err)
{
	auto_free char *dir = cluster_path(c, "nodes/%s/cni", n->name);
	auto_free char *root = cluster_path(c, "nodes/%s/containerd", n->name);
	auto_free char *state = cluster_path(c, "run/c-%s", n->name);
	auto_free char *socket = cluster_path(c, "run/c-%s.sock", n->name);
	auto_free char *path = cluster_path(c, "nodes/%s/containerd.toml", n->name);
	auto_free char *registries = cluster_path(c, "nodes/%s/registries", n->name);
	auto_free char *runc = cluster_find_tool(c, "runc");
	if (!runc)
		return error_set(err, ERR_NOT_FOUND, "'runc' is missing: apt-get install runc");
	struct containerd_config config = { .root = root,
					    .state = state,
					    .socket = socket,
					    .runc = runc,
					    .cni_conf_dir = dir,
					    .registry_dir = registries,
					    .restrict_oom_score_adj = lacks_sys_resource(),
					    .disable_apparmor = true };
	AUTO_STR text;
	str_init(&text, 65536);
	int code = dir_make(dir, 0755, err);
	if (code == 0)
		code = dir_make(registries, 0755, err);
	if (code == 0)
		code = containerd_config_print(&config, &text, err);
	return code < 0 ? code : file_write(path, text.data, text.len, 0644, err);
}

static int step_files(struct up *u, struct error *err)
{
	int code = cluster_make_pki(&u->c, err);
	for (size_t i = 0; code == 0 && i < u->c.nodes_count; i++)
		code = write_containerd(&u->c, &u->c.nodes[i], err);
	if (code == 0)
		code = cluster_make_images(&u->c, err);
	return code < 0 ? code : cluster_write_programs(&u->c, err);
}

static int step_network(struct up *u, struct error *err)
{
	return cluster_net_up(&u->c, err);
}

/* A process of its own, which nothing of this terminal holds on to. */
static int step_supervisor(struct up *u, struct error *err)
{
	auto_free char *stopping = cluster_path(&u->c, GUARDIAN_STOPPING);
	(void)unlink(stopping); /* a `down` that was cut off */
	if (u->was_running)
		return 0;
	auto_free char *log = cluster_path(&u->c, "log/supervisor.log");
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n <= 0)
		return error_set(err, ERR_INTERNAL, "/proc/self/exe: %s", strerror(errno));
	self[n] = '\0';
	AUTO_JSON *program =
		json_pack("{s:s,s:s,s:s,s:[s,s,s,s,s]}", "name", "supervisor", "netns", "", "log",
			  log, "argv", self, "cluster", "supervise", "--root", u->c.root);
	struct process_id p;
	int code = program_start(program, NULL, &p, err);
	for (int i = 0; code == 0 && i < 100 && !supervisor_lives(&u->c); i++)
		sleep_ms(20);
	if (code == 0 && !supervisor_lives(&u->c))
		return error_set(err, ERR_UNAVAILABLE, "the supervisor ended at once: see %s", log);
	return code;
}

/* `ready(…)` until it says 0, at most READY_MS. */
static int wait_until(struct up *u, int (*ready)(struct up *u, struct error *err),
		      struct error *err)
{
	int64_t until = wall_ms() + READY_MS;
	int code;
	while ((code = ready(u, err)) < 0 && wall_ms() < until)
		sleep_ms(50);
	return code;
}

static int api_ready(struct up *u, struct error *err)
{
	auto_free char *config = cluster_path(&u->c, "kubeconfig");
	AUTO_SESSION s = { 0 };
	AUTO_REPLY r = { 0 };
	int code = session_open(config, &s, err);
	if (code < 0)
		return code;
	session_call(&s, "GET", "/readyz", NULL, NULL, &r);
	if (r.status == 200)
		return 0;
	return error_set(err, ERR_UNAVAILABLE,
			 "the API server is not ready (%s): see %s/log/apiserver.log and etcd.log",
			 r.message && *r.message ? r.message : "no answer", u->c.root);
}

static int containerd_ready(struct up *u, struct error *err)
{
	for (size_t i = 0; i < u->c.nodes_count; i++) {
		auto_free char *ctr = cluster_find_tool(&u->c, "ctr");
		auto_free char *socket = cluster_path(&u->c, "run/c-%s.sock", u->c.nodes[i].name);
		if (!ctr)
			return error_set(err, ERR_NOT_FOUND, "containerd's 'ctr' is missing");
		int code = command_must(err, ctr, "--address", socket, "version", NULL);
		if (code < 0)
			return code;
	}
	return 0;
}

static int step_api(struct up *u, struct error *err)
{
	return wait_until(u, api_ready, err);
}

static int step_images(struct up *u, struct error *err)
{
	static const char *const names[] = { "pause", "busybox" };
	int code = wait_until(u, containerd_ready, err);
	for (size_t i = 0; code == 0 && i < u->c.nodes_count; i++)
		for (size_t k = 0; code == 0 && k < ARRAY_LEN(names); k++) {
			auto_free char *archive = cluster_path(&u->c, "images/%s.tar", names[k]);
			code = cluster_import_image(&u->c, &u->c.nodes[i], archive, err);
		}
	return code;
}

static bool is_ready_node(const json_t *node, const char *boot_id)
{
	if (!streq(json_str_or(node, "status.nodeInfo.bootID", ""), boot_id))
		return false; /* what it said before it was restarted */
	size_t i;
	json_t *c;
	/* The controller takes the taint away a moment later: till then nothing is placed there. */
	json_array_foreach (json_dig(node, "spec.taints"), i, c)
		if (streq(json_str_or(c, "key", ""), "node.kubernetes.io/not-ready"))
			return false;
	json_array_foreach (json_dig(node, "status.conditions"), i, c)
		if (streq(json_str_or(c, "type", ""), "Ready"))
			return streq(json_str_or(c, "status", ""), "True");
	return false;
}

static int nodes_ready(struct up *u, struct error *err)
{
	auto_free char *config = cluster_path(&u->c, "kubeconfig");
	AUTO_SESSION s = { 0 };
	AUTO_REPLY r = { 0 };
	int code = session_open(config, &s, err);
	if (code < 0)
		return code;
	session_call(&s, "GET", "/api/v1/nodes", NULL, NULL, &r);
	size_t ready = 0, i;
	json_t *node;
	json_array_foreach (json_dig(r.body, "items"), i, node)
		ready += is_ready_node(node, u->c.boot_id);
	if (ready >= u->c.nodes_count)
		return 0;
	return error_set(err, ERR_UNAVAILABLE,
			 "%zu of %zu nodes are ready: see %s/log/nodeagent-*.log", ready,
			 u->c.nodes_count, u->c.root);
}

static int step_nodes(struct up *u, struct error *err)
{
	return wait_until(u, nodes_ready, err);
}

static const struct {
	const char *name;
	int (*run)(struct up *u, struct error *err);
} steps[] = {
	{ "choosing names and ranges", step_choose },
	{ "certificates and images", step_files },
	{ "network", step_network },
	{ "supervisor", step_supervisor },
	{ "API server", step_api },
	{ "containerd", step_images },
	{ "nodes", step_nodes },
};

int cluster_up(int argc, char **argv)
{
	struct cluster_arguments a;
	struct error err;
	int code = cluster_arguments_read(up_usage, argc, argv, true, false, &a);
	if (code)
		return code;
	if (strlen(a.root) > UP_ROOT_MAX) {
		fprintf(stderr,
			"skiff: --root is longer than %d characters: sockets below it would not "
			"have room for their names\n",
			UP_ROOT_MAX);
		return 2;
	}
	struct up u = { .root = a.root, .nodes = (size_t)a.nodes };
	if (check_machine(&u, &err) < 0) {
		fprintf(stderr, "skiff: %s\n", err.text);
		return 1;
	}
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct step s = step_begin(steps[i].name);
		code = steps[i].run(&u, &err);
		step_end(&s, code == 0);
		if (code < 0) {
			fprintf(stderr, "skiff: %s: %s\n", steps[i].name, err.text);
			return 1;
		}
	}
	printf("\nCluster %s is up: %zu node%s, API at https://%s:%d\n"
	       "  export KUBECONFIG=%s/kubeconfig\n",
	       u.c.id, u.c.nodes_count, u.c.nodes_count == 1 ? "" : "s", u.c.advertise_ip,
	       u.c.api_port, u.c.root);
	return 0;
}
