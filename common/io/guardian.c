#include "common/io/guardian.h"
#include "common/io/log.h"
#include "common/io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>

#define LOOK_MS 500 /* from its death, or from starting one, to looking for a living one */

struct guardian {
	struct loop *loop;
	char *root, *program;
	struct process *supervisor; /* NULL while none is known */
	struct loop_timer *look;
};

static void died(void *ctx, const struct process_exit *e);

/* Follow the one of the pid file, "PID STARTTIME"; false: it does not live. */
static bool follow_supervisor(struct guardian *g)
{
	auto_free char *path = xasprintf("%s/run/supervisor.pid", g->root);
	FILE *f = fopen(path, "re");
	int pid = 0;
	unsigned long long start = 0;
	if (f && fscanf(f, "%d %llu", &pid, &start) != 2)
		pid = 0;
	if (f)
		(void)fclose(f);
	struct error err; /* whatever it is: nobody is there to watch */
	return pid > 0 && process_adopt(g->loop, pid, start, died, g, &g->supervisor, &err) == 0;
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

static void died(void *ctx, const struct process_exit *e)
{
	struct guardian *g = ctx;
	(void)e;
	process_free(TAKE(g->supervisor));
	loop_timer_set(g->look, LOOK_MS);
}

static void look(void *ctx)
{
	struct guardian *g = ctx;
	auto_free char *stopping = xasprintf("%s/%s", g->root, GUARDIAN_STOPPING);
	if (follow_supervisor(g))
		return;
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
				.program = xstrdup(program) };
	g->look = loop_timer_new(loop, look, g);
	/* The supervisor that starts us may not have written its pid file yet. */
	loop_timer_set(g->look, 4 * LOOK_MS);
	return g;
}

void guardian_free(struct guardian *g)
{
	if (!g)
		return;
	process_free(g->supervisor);
	loop_timer_free(g->look);
	free(g->root);
	free(g->program);
	free(g);
}
