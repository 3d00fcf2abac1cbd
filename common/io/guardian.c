#include "common/io/guardian.h"
#include "common/io/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LOOK_MS 500 /* from its death, or from starting one, to looking for a living one */

struct guardian {
	struct loop *loop;
	char *root, *program;
	int pid_fd;
	struct loop_fd *exits;
	struct loop_timer *look;
};

/* The supervisor's pid file holds "PID STARTTIME"; a stale one does not matter: the pidfd of a
 * stranger only delays us until the stranger ends, and the start time tells it apart. */
static int open_supervisor(const struct guardian *g)
{
	auto_free char *path = xasprintf("%s/run/supervisor.pid", g->root);
	FILE *f = fopen(path, "re");
	int pid = 0;
	unsigned long long start = 0, now = 0;
	if (f && fscanf(f, "%d %llu", &pid, &start) != 2)
		pid = 0;
	if (f)
		(void)fclose(f);
	if (pid <= 0)
		return -1;
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	auto_free char *stat = xasprintf("/proc/%d/stat", pid);
	f = fd >= 0 ? fopen(stat, "re") : NULL;
	char line[1024] = "";
	if (f && fgets(line, sizeof line, f)) {
		const char *after = strrchr(line, ')');
		if (!after || sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u "
						"%*u %*d %*d %*d %*d %*d %*d %llu", &now) != 1)
			now = 0;
	}
	if (f)
		(void)fclose(f);
	if (fd >= 0 && now != start) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Twice forked, so that it is nobody's child and outlives us. */
static void start_supervisor(const struct guardian *g)
{
	auto_free char *log = xasprintf("%s/log/supervisor.log", g->root);
	pid_t pid = fork();
	if (pid == 0) {
		if (setsid() < 0 || fork() != 0)
			_exit(0);
		int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
		int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0)
			execl(g->program, g->program, "cluster", "supervise", "--root", g->root,
			      (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	log_warn("guardian", "the supervisor has died, starting it again", "root", g->root);
}

static void died(void *ctx, unsigned events)
{
	struct guardian *g = ctx;
	(void)events;
	loop_fd_free(TAKE(g->exits));
	close(TAKE_FD(g->pid_fd));
	loop_timer_set(g->look, LOOK_MS);
}

static void look(void *ctx)
{
	struct guardian *g = ctx;
	auto_free char *stopping = xasprintf("%s/%s", g->root, GUARDIAN_STOPPING);
	g->pid_fd = open_supervisor(g);
	if (g->pid_fd >= 0) {
		fcntl(g->pid_fd, F_SETFD, FD_CLOEXEC);
		g->exits = loop_fd_new(g->loop, g->pid_fd, died, g);
		loop_fd_set(g->exits, LOOP_READ);
		return;
	}
	if (access(stopping, F_OK) == 0)
		return; /* somebody takes the cluster down */
	start_supervisor(g);
	loop_timer_set(g->look, 2 * LOOK_MS);
}

struct guardian *guardian_new(struct loop *loop)
{
	const char *root = getenv("SKIFF_SUPERVISOR_ROOT"), *program = getenv("SKIFF_SUPERVISOR");
	if (!root || !program)
		return NULL;
	struct guardian *g = xcalloc(1, sizeof *g);
	*g = (struct guardian){ .loop = loop,
				.root = xstrdup(root),
				.program = xstrdup(program),
				.pid_fd = -1 };
	g->look = loop_timer_new(loop, look, g);
	/* The supervisor that starts us may not have written its pid file yet. */
	loop_timer_set(g->look, 4 * LOOK_MS);
	return g;
}

void guardian_free(struct guardian *g)
{
	if (!g)
		return;
	loop_fd_free(g->exits);
	loop_timer_free(g->look);
	if (g->pid_fd >= 0)
		close(g->pid_fd);
	free(g->root);
	free(g->program);
	free(g);
}
