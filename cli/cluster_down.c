/*
 * `skiff cluster down`: stops what runs and removes every trace of it from the machine, whatever
 * is dead, hung or half made. DIR stays (the next `up` brings the workloads back) unless
 * --delete is given.
 */
#include "cli/cluster.h"
#include "cli/files.h"
#include "cli/program.h"
#include "cli/step.h"
#include "common/io/cri_client.h"
#include "common/io/guardian.h"
#include "common/io/loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>

#define STOP_WAIT_MS 6000
#define GRACE_S      10
#define CRI_WAIT_MS  30000
#define PASSES       20

static const char down_usage[] =
	"usage: skiff cluster down [--root DIR] [--delete]\n"
	"  --root DIR   the cluster's directory (" CLUSTER_DEFAULT_ROOT ")\n"
	"  --delete     remove DIR too: objects, images, certificates\n";

/* ---- programs ---- */

static void stop_program(const char *root, const char *name, int timeout_ms)
{
	struct process_id p;
	auto_free char *pid_file = xasprintf("%s/run/%s.pid", root, name);
	if (program_read_pid(root, name, &p)) {
		process_signal(&p, SIGCONT); /* one that was stopped cannot hear SIGTERM */
		process_signal(&p, SIGTERM);
		int64_t until = wall_ms() + timeout_ms;
		while (process_is_alive(&p) && wall_ms() < until)
			sleep_ms(20);
		process_signal(&p, SIGKILL);
		while (process_is_alive(&p) && wall_ms() < until + 1000)
			sleep_ms(5);
	}
	(void)unlink(pid_file);
}

static void stop_node_programs(const struct cluster *c, const char *prefix)
{
	for (size_t i = 0; i < c->nodes_count; i++) {
		auto_free char *name = xasprintf("%s-%s", prefix, c->nodes[i].name);
		stop_program(c->root, name, STOP_WAIT_MS);
	}
}

/* ---- workloads, by CRI ---- */

struct teardown {
	struct loop *loop;
	struct cri_client *cri;
	struct loop_timer *deadline;
	size_t pending;
};

static void teardown_done(struct teardown *t)
{
	if (--t->pending == 0)
		loop_stop(t->loop);
}

static void one_done(void *ctx, const struct cri_reply *reply)
{
	(void)reply; /* what cannot be stopped so is killed by its cgroup below */
	teardown_done(ctx);
}

static void ask(struct teardown *t, const struct cri_request *request, cri_done *done)
{
	t->pending++;
	(void)cri_start(t->cri, request, done, t);
}

static void containers_listed(void *ctx, const struct cri_reply *reply)
{
	struct teardown *t = ctx;
	for (size_t i = 0; i < reply->containers_count; i++)
		if (reply->containers[i].state == CRI_RUNNING)
			ask(t,
			    &(struct cri_request){ .op = CRI_STOP_CONTAINER,
						   .id = reply->containers[i].id,
						   .timeout_s = GRACE_S },
			    one_done);
	teardown_done(t);
}

static void sandboxes_listed(void *ctx, const struct cri_reply *reply)
{
	struct teardown *t = ctx;
	for (size_t i = 0; i < reply->sandboxes_count; i++)
		ask(t,
		    &(struct cri_request){ .op = CRI_STOP_SANDBOX, .id = reply->sandboxes[i].id },
		    one_done);
	teardown_done(t);
}

static void too_long(void *ctx)
{
	loop_stop(((struct teardown *)ctx)->loop);
}

static void round_of(struct teardown *t, enum cri_op op, cri_done *listed)
{
	loop_timer_set(t->deadline, CRI_WAIT_MS);
	ask(t, &(struct cri_request){ .op = op }, listed);
	loop_run(t->loop);
}

static void stop_workloads(const struct cluster *c, const struct cluster_node *n)
{
	struct process_id p;
	struct error err;
	auto_free char *name = xasprintf("containerd-%s", n->name);
	auto_free char *socket = cluster_path(c, "run/c-%s.sock", n->name);
	if (!program_read_pid(c->root, name, &p) || !process_is_alive(&p))
		return;
	process_signal(&p, SIGCONT);
	struct teardown t = { .loop = loop_new() };
	struct cri_client_options o = { .socket = socket };
	t.deadline = loop_timer_new(t.loop, too_long, &t);
	if (cri_client_new(t.loop, &o, &t.cri, &err) == 0) {
		round_of(&t, CRI_LIST_CONTAINERS, containers_listed);
		t.pending = 0;
		round_of(&t, CRI_LIST_SANDBOXES, sandboxes_listed);
		cri_client_free(t.cri);
	}
	loop_timer_free(t.deadline);
	loop_free(t.loop);
}

/* ---- what is left ---- */

/* Kill every process whose command line names a path under DIR/run: shims, and what hung. */
static bool kill_by_path(const struct cluster *c)
{
	bool found = false;
	auto_free char *mark = cluster_path(c, "run/");
	DIR *proc = opendir("/proc");
	if (!proc)
		return false;
	for (struct dirent *e; (e = readdir(proc)) != NULL;) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (pid <= 1 || pid == getpid())
			continue;
		AUTO_STR text;
		struct error err;
		str_init(&text, 1 << 20);
		auto_free char *path = xasprintf("/proc/%d/cmdline", (int)pid);
		struct process_id p;
		if (file_read(path, &text, &err) < 0 ||
		    !memmem(text.data, text.len, mark, strlen(mark)) ||
		    !memmem(text.data, text.len, "containerd-shim", 15) || !process_read(pid, &p))
			continue;
		process_signal(&p, SIGKILL);
		found = true;
	}
	closedir(proc);
	return found;
}

static bool kill_cgroup(const char *dir)
{
	AUTO_STR text;
	struct error err;
	bool found = false;
	str_init(&text, 1 << 20);
	auto_free char *path = xasprintf("%s/cgroup.procs", dir);
	if (file_read(path, &text, &err) < 0)
		return false;
	char *rest = text.data;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		pid_t pid = (pid_t)strtol(line, NULL, 10);
		if (pid > 1 && pid != getpid()) {
			kill(pid, SIGKILL);
			found = true;
		}
	}
	return found;
}

/* Depth first: kill and remove a cgroup and those below it. */
static bool remove_cgroup(const char *dir)
{
	bool found = false;
	DIR *d = opendir(dir);
	if (!d)
		return false;
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		if (e->d_type == DT_DIR && e->d_name[0] != '.') {
			auto_free char *inner = xasprintf("%s/%s", dir, e->d_name);
			found |= remove_cgroup(inner);
		}
	closedir(d);
	found |= kill_cgroup(dir);
	return rmdir(dir) < 0 || found;
}

/* In each hierarchy of v1, and in v2 wherever it is mounted. */
static bool remove_cgroups(const struct cluster *c)
{
	bool found = false;
	auto_free char *direct = xasprintf("/sys/fs/cgroup%s", c->cgroup);
	if (file_exists(direct))
		found |= remove_cgroup(direct);
	DIR *d = opendir("/sys/fs/cgroup");
	if (!d)
		return found;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		auto_free char *path = xasprintf("/sys/fs/cgroup/%s%s", e->d_name, c->cgroup);
		if (e->d_name[0] != '.' && file_exists(path))
			found |= remove_cgroup(path);
	}
	closedir(d);
	return found;
}

/* Octal escapes of /proc/mounts, undone in place. */
static void unescape(char *path)
{
	char *to = path;
	for (char *p = path; *p; p++) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] && p[3]) {
			*to++ = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
			p += 3;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
}

/* Every mount below DIR, the latest first, so inner ones go before outer ones. */
static bool unmount_all(const struct cluster *c)
{
	AUTO_STR text;
	struct error err;
	bool found = false;
	str_init(&text, 16 << 20);
	if (file_read("/proc/self/mounts", &text, &err) < 0)
		return false;
	auto_free char *below = cluster_path(c, "%s", "");
	while (text.len) {
		char *line = memrchr(text.data, '\n', text.len - 1);
		line = line ? line + 1 : text.data;
		char *space = strchr(line, ' ');
		char *path = space ? space + 1 : line;
		path[strcspn(path, " ")] = '\0';
		unescape(path);
		if (starts_with(path, below)) {
			(void)umount2(path, MNT_DETACH); /* tried again in the next pass */
			found = true;
		}
		str_truncate(&text, (size_t)(line - text.data));
	}
	return found;
}

static bool sweep(const struct cluster *c)
{
	bool found = kill_by_path(c);
	found |= remove_cgroups(c);
	found |= unmount_all(c);
	for (int i = 0; found && i < PASSES; i++) {
		sleep_ms(50);
		found = kill_by_path(c);
		found |= remove_cgroups(c);
		found |= unmount_all(c);
	}
	return !found;
}

/* Sockets and states of what ran; locks and pid files too. */
static void clear_run(const struct cluster *c)
{
	struct error err;
	auto_free char *run = cluster_path(c, "run");
	(void)!dir_remove(run, &err); /* `up` makes it anew; a rest does not harm */
}

static void down(const struct cluster *c)
{
	struct step s = step_begin("supervisor");
	struct error err;
	auto_free char *mark = cluster_path(c, GUARDIAN_STOPPING);
	if (file_write(mark, "", 0, 0600, &err) < 0)
		fprintf(stderr, "skiff: %s\n", err.text); /* it is stopped all the same */
	stop_program(c->root, "supervisor", STOP_WAIT_MS);
	step_end(&s, true);
	s = step_begin("agents and control programs");
	stop_node_programs(c, "nodeagent");
	stop_program(c->root, "controller", STOP_WAIT_MS);
	step_end(&s, true);
	s = step_begin("workloads");
	for (size_t i = 0; i < c->nodes_count; i++)
		stop_workloads(c, &c->nodes[i]);
	step_end(&s, true);
	s = step_begin("containerd, API server, etcd");
	stop_node_programs(c, "containerd");
	stop_program(c->root, "apiserver", STOP_WAIT_MS);
	stop_program(c->root, "etcd", STOP_WAIT_MS);
	step_end(&s, true);
	s = step_begin("cgroups, mounts, networks");
	bool clean = sweep(c);
	cluster_net_down(c);
	step_end(&s, clean);
	clear_run(c);
}

int cluster_down(int argc, char **argv)
{
	struct cluster_arguments a;
	int code = cluster_arguments_read(down_usage, argc, argv, false, true, &a);
	if (code)
		return code;
	struct cluster c;
	struct error err;
	code = cluster_load(a.root, &c, &err);
	if (code == ERR_NOT_FOUND) {
		printf("There is no cluster under %s.\n", a.root);
		return 0;
	}
	if (code < 0 || geteuid() != 0) {
		fprintf(stderr, "skiff: %s\n", code < 0 ? err.text : "run this as root (sudo)");
		return 1;
	}
	down(&c);
	if (a.delete &&dir_remove(a.root, &err) < 0) {
		fprintf(stderr, "skiff: %s\n", err.text);
		return 1;
	}
	printf("\nCluster %s is down. %s\n", c.id,
	       a.delete
		       ? "Nothing of it is left."
		       : "`skiff cluster up` brings its workloads back; `down --delete` removes its "
			 "data.");
	return 0;
}
