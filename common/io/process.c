#include "common/io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/base/str.h"
#include "common/io/process_internal.h"

struct process {
	struct loop *loop;
	pid_t pid;
	uint64_t start_time;
	int pidfd, output; /* output: where its lines come from, or -1 */
	struct loop_fd *exit_watch, *output_watch;
	struct str partial; /* a line without its end */
	bool is_child, has_exited;
	void (*line)(void *ctx, const char *text, size_t n);
	void (*exited)(void *ctx, const struct process_exit *e);
	void *ctx;
};

/* ---- finding ---- */

int process_find_start_time(pid_t pid, uint64_t *ret, struct error *err)
{
	char path[40], text[1024];
	int n = snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	assert(n > 0);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (len <= 0)
		return error_set(err, ERR_NOT_FOUND, "no process %d", (int)pid);
	text[len] = '\0';
	/* The name (field 2) may hold anything; after its last ')' come fields 3, 4 … */
	char *at = strrchr(text, ')');
	if (!at || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
		return error_set(err, ERR_NOT_FOUND, "process %d has ended", (int)pid);
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return error_set(err, ERR_INTERNAL, "%s cannot be read", path);
	*ret = strtoull(at + 1, NULL, 10);
	return 0;
}

pid_t process_pid(const struct process *p)
{
	return p->pid;
}

uint64_t process_start_time(const struct process *p)
{
	return p->start_time;
}

bool process_is_running(const struct process *p)
{
	return !p->has_exited;
}

bool process_kill(struct process *p, int signum)
{
	return !p->has_exited && syscall(SYS_pidfd_send_signal, p->pidfd, signum, NULL, 0) == 0;
}

bool process_kill_group(struct process *p, int signum)
{
	/* The group outlives its leader; it is ours as long as the leader was not reaped. */
	return !p->has_exited && kill(-p->pid, signum) == 0;
}

/* ---- lines ---- */

static void tell_lines(struct process *p, bool is_end)
{
	char *at = p->partial.data;
	size_t left = p->partial.len;
	while (left) {
		char *newline = memchr(at, '\n', left);
		bool is_full = left >= PROCESS_LINE_MAX;
		if (!newline && !is_end && !is_full)
			break;
		size_t n = newline ? (size_t)(newline - at) : left;
		p->line(p->ctx, at, n);
		n += newline ? 1 : 0;
		at += n;
		left -= n;
	}
	str_consume(&p->partial, p->partial.len - left);
}

/* False: no more comes. */
static bool read_output(struct process *p)
{
	char buf[4096];
	ssize_t n = read(p->output, buf, sizeof buf);
	if (n > 0) {
		str_add_bytes(&p->partial, buf, (size_t)n);
		tell_lines(p, false);
		return true;
	}
	return n < 0 && (errno == EINTR || errno == EAGAIN);
}

static void output_ready(void *ctx, unsigned events)
{
	struct process *p = ctx;
	(void)events;
	if (read_output(p))
		return;
	loop_fd_free(p->output_watch);
	p->output_watch = NULL;
}

/* What it wrote before it ended; its own children may keep the pipe open. */
static void drain(struct process *p)
{
	if (p->output < 0)
		return;
	char buf[4096];
	ssize_t n;
	while ((n = read(p->output, buf, sizeof buf)) > 0) {
		str_add_bytes(&p->partial, buf, (size_t)n);
		tell_lines(p, false);
	}
	tell_lines(p, true);
	loop_fd_free(p->output_watch);
	p->output_watch = NULL;
}

/* ---- the end ---- */

static void read_status(struct process *p, struct process_exit *ret)
{
	siginfo_t info = { 0 };
	*ret = (struct process_exit){ .code = -1 };
	if (!p->is_child || waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG) < 0)
		return;
	ret->is_known = true;
	if (info.si_code == CLD_EXITED)
		ret->code = info.si_status;
	else
		ret->signal = info.si_status;
}

static void has_ended(void *ctx, unsigned events)
{
	struct process *p = ctx;
	struct process_exit e;
	(void)events;
	read_status(p, &e);
	p->has_exited = true;
	loop_fd_free(p->exit_watch);
	p->exit_watch = NULL;
	drain(p);
	if (p->exited)
		p->exited(p->ctx, &e);
}

static struct process *process_new(struct loop *loop, pid_t pid, int pidfd)
{
	struct process *p = xcalloc(1, sizeof *p);
	*p = (struct process){ .loop = loop, .pid = pid, .pidfd = pidfd, .output = -1 };
	str_init(&p->partial, PROCESS_LINE_MAX + 4096);
	p->exit_watch = loop_fd_new(loop, pidfd, has_ended, p);
	loop_fd_set(p->exit_watch, LOOP_READ);
	return p;
}

static int open_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by definition */
}

int process_adopt(struct loop *loop, pid_t pid, uint64_t start_time,
		  void (*exited)(void *ctx, const struct process_exit *e), void *ctx,
		  struct process **ret, struct error *err)
{
	uint64_t found;
	auto_close int pidfd = open_pidfd(pid);
	if (pidfd < 0)
		return error_set(err, ERR_NOT_FOUND, "no process %d", (int)pid);
	/* After the descriptor: from here on the pid cannot become another's unseen. */
	if (process_find_start_time(pid, &found, err) < 0)
		return err->code;
	if (found != start_time)
		return error_set(err, ERR_NOT_FOUND, "process %d is another one now", (int)pid);
	struct process *p = process_new(loop, pid, TAKE_FD(pidfd));
	p->start_time = start_time;
	p->is_child = true; /* perhaps, as a subreaper's: waitid says */
	p->exited = exited;
	p->ctx = ctx;
	*ret = p;
	return 0;
}

int process_spawn(struct loop *loop, const struct process_options *options, struct process **ret,
		  struct error *err)
{
	auto_close int output = -1;
	pid_t pid;
	if (process_start_child(options, &pid, &output, err) < 0)
		return err->code;
	int pidfd = open_pidfd(pid); /* it cannot be gone: nobody but us reaps it */
	if (pidfd < 0)
		return error_set(err, ERR_INTERNAL, "pidfd: %s", strerror(errno));
	struct process *p = process_new(loop, pid, pidfd);
	p->is_child = true;
	p->line = options->line;
	p->exited = options->exited;
	p->ctx = options->ctx;
	struct error gone;
	if (process_find_start_time(pid, &p->start_time, &gone) < 0)
		p->start_time = 0; /* it ended already: that is told in the next turn */
	p->output = TAKE_FD(output);
	if (p->output >= 0) {
		p->output_watch = loop_fd_new(loop, p->output, output_ready, p);
		loop_fd_set(p->output_watch, LOOP_READ);
	}
	*ret = p;
	return 0;
}

int process_start(const struct process_options *options, pid_t *ret, struct error *err)
{
	int output = -1;
	assert(!options->line && !options->exited);
	return process_start_child(options, ret, &output, err);
}

void process_free(struct process *p)
{
	if (!p)
		return;
	loop_fd_free(p->exit_watch);
	loop_fd_free(p->output_watch);
	close(p->pidfd);
	if (p->output >= 0)
		close(p->output);
	str_fini(&p->partial);
	free(p);
}
