/*
 * From fork to exec. Other threads may hold any lock at the time of the fork, so the child calls
 * only what is async-signal-safe; everything that needs memory is made before.
 */
#include "common/io/process_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SPARE_FD 200 /* inherited descriptors stand aside here while 3, 4 … are filled */

struct child {
	char *program;
	char **env;
	int in, out, err;  /* its 0, 1, 2; -1: ours */
	int netns, cgroup; /* or -1 */
	int report;        /* errno goes here if exec does not happen */
	int *fds;
	size_t fds_count;
	char *listen_pid; /* where in env its pid is written, or NULL */
	const struct process_options *options;
};

enum child_step { STEP_NETNS, STEP_CGROUP, STEP_CWD, STEP_FDS, STEP_EXEC, STEP_COUNT };

struct report {
	int step, error;
};

static void child_fini(struct child *c)
{
	int *fds[] = { &c->in, &c->out, &c->netns, &c->cgroup, &c->report };
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (*fds[i] >= 0)
			close(*fds[i]);
	for (size_t i = 0; c->env && c->env[i]; i++)
		free(c->env[i]);
	free(c->env);
	free(c->program);
	free(c->fds);
}
#define AUTO_CHILD __attribute__((cleanup(child_fini))) struct child

/* ---- before the fork ---- */

static int find_program(const char *name, char **ret, struct error *err)
{
	if (strchr(name, '/')) {
		*ret = xstrdup(name);
		return access(name, F_OK) == 0
			       ? 0
			       : error_set(err, ERR_NOT_FOUND, "%s: %s", name, strerror(errno));
	}
	const char *dirs = getenv("PATH");
	while (dirs && *dirs) {
		size_t n = strcspn(dirs, ":");
		auto_free char *path = xasprintf("%.*s/%s", (int)n, dirs, name);
		if (access(path, X_OK) == 0) {
			*ret = TAKE(path);
			return 0;
		}
		dirs += n + (dirs[n] == ':');
	}
	return error_set(err, ERR_NOT_FOUND, "%s: not found in PATH", name);
}

static void make_env(struct child *c)
{
	const struct process_options *o = c->options;
	char *const *from = o->env ? (char *const *)o->env : environ;
	size_t n = 0, k = 0;
	while (from[n])
		n++;
	c->env = xcalloc(n + 4, sizeof(char *));
	for (size_t i = 0; i < n; i++)
		if (!o->fd_names || !starts_with(from[i], "LISTEN_"))
			c->env[k++] = xstrdup(from[i]);
	if (!o->fd_names)
		return;
	c->env[k++] = xasprintf("LISTEN_FDS=%zu", o->fds_count);
	c->env[k++] = xasprintf("LISTEN_FDNAMES=%s", o->fd_names);
	c->env[k] = xstrdup("LISTEN_PID=0000000000");
	c->listen_pid = c->env[k] + strlen("LISTEN_PID=");
}

static int open_path(const char *path, int flags, const char *what, int *ret, struct error *err)
{
	if (!path)
		return 0;
	*ret = open(path, flags | O_CLOEXEC, 0600);
	if (*ret >= 0)
		return 0;
	return error_set(err, ERR_INVALID, "%s %s: %s", what, path, strerror(errno));
}

static int prepare(struct child *c, int *ret_output, struct error *err)
{
	const struct process_options *o = c->options;
	auto_free char *procs = o->cgroup ? xasprintf("%s/cgroup.procs", o->cgroup) : NULL;
	int ends[2];
	if (o->fds_count > PROCESS_FDS_MAX)
		return error_set(err, ERR_LIMIT, "more than %d descriptors", PROCESS_FDS_MAX);
	if (find_program(o->argv[0], &c->program, err) < 0 ||
	    open_path(o->netns, O_RDONLY, "network namespace", &c->netns, err) < 0 ||
	    open_path(procs, O_WRONLY, "cgroup", &c->cgroup, err) < 0 ||
	    open_path(o->log_file, O_WRONLY | O_CREAT | O_APPEND, "log", &c->out, err) < 0)
		return err->code;
	c->in = o->stdin_fd > 0 ? fcntl(o->stdin_fd, F_DUPFD_CLOEXEC, 3)
				: open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!o->log_file && o->line) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return error_set(err, ERR_LIMIT, "pipe: %s", strerror(errno));
		c->out = ends[1];
		*ret_output = ends[0];
		fcntl(ends[0], F_SETFL, O_NONBLOCK);
	}
	c->fds = xcalloc(o->fds_count + 1, sizeof *c->fds);
	c->fds_count = o->fds_count;
	make_env(c);
	return 0;
}

/* ---- after it: async-signal-safe calls only ---- */

static void fail_child(const struct child *c, enum child_step step)
{
	struct report r = { (int)step, errno };
	ssize_t n = write(c->report, &r, sizeof r);
	_exit(n == sizeof r ? 127 : 126);
}

static void write_number(char *to, int number)
{
	for (int i = 9; i >= 0; i--, number /= 10)
		to[i] = (char)('0' + number % 10);
}

static void reset_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void place_fds(const struct child *c)
{
	const struct process_options *o = c->options;
	for (size_t i = 0; i < c->fds_count; i++) {
		c->fds[i] = fcntl(o->fds[i], F_DUPFD_CLOEXEC, SPARE_FD);
		if (c->fds[i] < 0)
			fail_child(c, STEP_FDS);
	}
	/* The first three, after which 3, 4 … may overwrite what they came from. */
	if ((c->in >= 0 && dup2(c->in, 0) < 0) || (c->out >= 0 && dup2(c->out, 1) < 0) ||
	    (c->out >= 0 && dup2(c->out, 2) < 0))
		fail_child(c, STEP_FDS);
	for (size_t i = 0; i < c->fds_count; i++)
		if (dup2(c->fds[i], (int)(3 + i)) < 0)
			fail_child(c, STEP_FDS);
	/* What somebody left open in us goes no further. Kernels before 5.11 cannot. */
	syscall(SYS_close_range, 3 + c->fds_count, ~0u, CLOSE_RANGE_CLOEXEC);
}

static void run_child(struct child *c)
{
	const struct process_options *o = c->options;
	reset_signals();
	if (o->new_session)
		setsid();
	/* Written by itself: "0" is the writer. */
	if (c->cgroup >= 0 && write(c->cgroup, "0", 1) != 1)
		fail_child(c, STEP_CGROUP);
	if (c->netns >= 0 && setns(c->netns, CLONE_NEWNET) < 0)
		fail_child(c, STEP_NETNS);
	if (o->cwd && chdir(o->cwd) < 0)
		fail_child(c, STEP_CWD);
	if (c->listen_pid)
		write_number(c->listen_pid, (int)getpid());
	place_fds(c);
	execve(c->program, (char *const *)o->argv, c->env);
	fail_child(c, STEP_EXEC);
}

/* ---- in the parent ---- */

static int explain(const struct child *c, const struct report *r, struct error *err)
{
	const struct process_options *o = c->options;
	const char *const what[STEP_COUNT] = {
		[STEP_NETNS] = o->netns,    [STEP_CGROUP] = o->cgroup, [STEP_CWD] = o->cwd,
		[STEP_FDS] = "descriptors", [STEP_EXEC] = c->program,
	};
	return error_set(err, r->error == ENOENT ? ERR_NOT_FOUND : ERR_INVALID, "%s: %s",
			 what[r->step], strerror(r->error));
}

int process_start_child(const struct process_options *o, pid_t *ret_pid, int *ret_output,
			struct error *err)
{
	AUTO_CHILD c = {
		.in = -1, .out = -1, .netns = -1, .cgroup = -1, .report = -1, .options = o
	};
	int ends[2];
	if (prepare(&c, ret_output, err) < 0)
		return err->code;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, ERR_LIMIT, "pipe: %s", strerror(errno));
	auto_close int report = ends[0];
	/* Out of the way of 3, 4 …, which the child overwrites. */
	c.report = fcntl(ends[1], F_DUPFD_CLOEXEC, SPARE_FD);
	close(ends[1]);
	/* A signal must not reach the child before it has its own handlers. */
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pid_t pid = fork();
	if (pid == 0)
		run_child(&c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return error_set(err, ERR_LIMIT, "fork: %s", strerror(errno));
	close(TAKE_FD(c.report));
	struct report r;
	ssize_t n;
	/* Closed by exec: a matter of microseconds. */
	while ((n = read(report, &r, sizeof r)) < 0 && errno == EINTR)
		;
	if (n != sizeof r) {
		*ret_pid = pid;
		return 0;
	}
	waitpid(pid, NULL, 0);
	return explain(&c, &r, err);
}
