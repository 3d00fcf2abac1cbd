/* `skiff cluster status`: what runs, and whether it answers. */
#include "cli/cluster.h"
#include "cli/files.h"
#include "cli/program.h"
#include "cli/session.h"
#include "common/base/jsonx.h"

#include <stdio.h>

static void show_program(const char *root, const char *name)
{
	struct process_id p;
	bool known = program_read_pid(root, name, &p);
	bool alive = known && process_is_alive(&p);
	if (alive)
		printf("  %-28s running   pid %d\n", name, (int)p.pid);
	else
		printf("  %-28s %s\n", name, known ? "ended" : "not started");
}

static int show_nodes(const struct cluster *c)
{
	auto_free char *config = cluster_path(c, "kubeconfig");
	AUTO_SESSION s = { 0 };
	AUTO_REPLY r = { 0 };
	struct error err;
	if (session_open(config, &s, &err) < 0)
		return 1;
	session_call(&s, "GET", "/api/v1/nodes", NULL, NULL, &r);
	if (r.status != 200) {
		printf("\nThe API server does not answer: %s\n", r.message ? r.message : "");
		return 1;
	}
	printf("\nNodes\n");
	size_t i, k;
	json_t *node, *condition;
	json_array_foreach (json_dig(r.body, "items"), i, node) {
		const char *ready = "Unknown";
		json_array_foreach (json_dig(node, "status.conditions"), k, condition)
			if (streq(json_str_or(condition, "type", ""), "Ready"))
				ready = json_str_or(condition, "status", "Unknown");
		printf("  %-28s %s\n", json_str_or(node, "metadata.name", "?"),
		       streq(ready, "True") ? "Ready" : "NotReady");
	}
	return 0;
}

int cluster_status(int argc, char **argv)
{
	struct cluster_arguments a;
	int code = cluster_arguments_read("usage: skiff cluster status [--root DIR]\n", argc, argv,
					  false, false, &a);
	if (code)
		return code;
	struct cluster c;
	struct error err;
	if (cluster_load(a.root, &c, &err) < 0) {
		fprintf(stderr, "skiff: %s\n",
			err.code == ERR_NOT_FOUND ? "no cluster here; `skiff cluster up` makes one"
						  : err.text);
		return 1;
	}
	printf("Cluster %s under %s\n  API                          https://%s:%d\n  pods         "
	       "                %s\n  Services                     %s\n\nPrograms\n",
	       c.id, c.root, c.advertise_ip, c.api_port, c.pod_range, c.service_range);
	static const char *const programs[] = { "supervisor", "etcd", "apiserver", "controller" };
	for (size_t i = 0; i < ARRAY_LEN(programs); i++)
		show_program(c.root, programs[i]);
	for (size_t i = 0; i < c.nodes_count; i++) {
		auto_free char *containerd = xasprintf("containerd-%s", c.nodes[i].name);
		auto_free char *agent = xasprintf("nodeagent-%s", c.nodes[i].name);
		show_program(c.root, containerd);
		show_program(c.root, agent);
	}
	return show_nodes(&c);
}
