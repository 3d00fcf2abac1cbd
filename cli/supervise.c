/*
 * `skiff cluster supervise`: keeps the programs of DIR/run/programs.json running. Reads nothing
 * from the network. Killed, it stops nothing: whoever starts it again adopts what runs, by pid and
 * start time.
 */
#include "cli/cluster.h"
#include "cli/files.h"
#include "cli/program.h"
#include "common/base/jsonx.h"
#include "common/io/log.h"
#include "common/io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 10000
#define STEADY_MS      30000 /* after so long up, the next failure starts at the minimum */
#define LOG_MAX_BYTES  (32 << 20)
#define LOG_CHECK_MS   60000
#define PID_AGAIN_MS   2000
#define GONE_GRACE_MS  5000 /* programs of a cluster whose directory was deleted */

struct supervisor;

struct supervised {
	struct supervisor *s;
	const json_t *description;
	const char *name;
	struct process_id process;
	bool is_running, has_pid_file;
	int pid_fd;
	struct loop_fd *exits;
	struct loop_timer *again;
	int64_t backoff_ms, started_ms;
	struct program_sockets sockets; /* opened when it is first started by us, then kept */
};

struct supervisor {
	struct loop *loop;
	const char *root;
	json_t *programs;
	struct supervised *at;
	size_t count;
	struct loop_timer *logs, *pid_files, *killing;
	int root_watch; /* inotify */
	struct loop_fd *root_events;
	bool is_root_gone;
};

static void start(void *ctx);

static void end_if_empty(struct supervisor *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->at[i].is_running)
			return;
	loop_stop(s->loop);
}

static void plan_restart(struct supervised *p)
{
	if (p->s->is_root_gone) {
		end_if_empty(p->s);
		return;
	}
	bool steady = loop_now_ms(p->s->loop) - p->started_ms > STEADY_MS;
	p->backoff_ms =
		steady || !p->backoff_ms ? BACKOFF_MIN_MS : MIN(p->backoff_ms * 2, BACKOFF_MAX_MS);
	loop_timer_set(p->again, p->backoff_ms);
}

static void forget(struct supervised *p)
{
	loop_fd_free(TAKE(p->exits));
	if (p->pid_fd >= 0)
		close(TAKE_FD(p->pid_fd));
	p->is_running = false;
}

static void reap(void *ctx);

static void exited(void *ctx, unsigned events)
{
	struct supervised *p = ctx;
	int status = 0;
	char text[32];
	(void)events;
	/* Ours are reaped here; an adopted one belongs to somebody else. */
	pid_t got = waitpid(p->process.pid, &status, WNOHANG);
	int n = got <= 0              ? snprintf(text, sizeof text, "unknown")
		: WIFSIGNALED(status) ? snprintf(text, sizeof text, "signal %d", WTERMSIG(status))
				      : snprintf(text, sizeof text, "code %d", WEXITSTATUS(status));
	assert(n > 0);
	log_warn("supervise", "ended, starting it again", "program", p->name, "with", text);
	forget(p);
	plan_restart(p);
	reap(p->s); /* what ended behind it and was left for later */
}

static bool follow(struct supervised *p)
{
	p->pid_fd = (int)syscall(SYS_pidfd_open, p->process.pid, 0);
	if (p->pid_fd < 0)
		return false;
	fcntl(p->pid_fd, F_SETFD, FD_CLOEXEC);
	/* The pid may have passed to another process before we held it. */
	if (!process_is_alive(&p->process)) {
		close(TAKE_FD(p->pid_fd));
		return false;
	}
	p->exits = loop_fd_new(p->s->loop, p->pid_fd, exited, p);
	loop_fd_set(p->exits, LOOP_READ);
	p->is_running = true;
	p->started_ms = loop_now_ms(p->s->loop);
	return true;
}

/* On a full disk it is tried again and again: without the file `down` does not find the program, and
 * a new supervisor would start it twice. */
static void write_pid_file(struct supervised *p)
{
	struct error err;
	bool had_trouble = loop_timer_is_set(p->s->pid_files);
	p->has_pid_file = program_write_pid(p->s->root, p->name, &p->process, &err) == 0;
	if (p->has_pid_file)
		return;
	loop_timer_set(p->s->pid_files, PID_AGAIN_MS);
	if (!had_trouble)
		log_error("supervise", "the pid file cannot be written, trying again", "program",
			  p->name, "error", err.text);
}

static void write_pid_files(void *ctx)
{
	struct supervisor *s = ctx;
	for (size_t i = 0; i < s->count; i++)
		if (s->at[i].is_running && !s->at[i].has_pid_file)
			write_pid_file(&s->at[i]);
}

static void start(void *ctx)
{
	struct supervised *p = ctx;
	struct error err;
	char pid[16];
	if ((p->sockets.count == 0 &&
	     program_open_sockets(p->description, &p->sockets, &err) < 0) ||
	    program_start(p->description, &p->sockets, &p->process, &err) < 0) {
		log_error("supervise", "cannot be started, trying again", "program", p->name,
			  "error", err.text);
		plan_restart(p);
		return;
	}
	int n = snprintf(pid, sizeof pid, "%d", (int)p->process.pid);
	assert(n > 0);
	log_info("supervise", "started", "program", p->name, "pid", pid);
	write_pid_file(p);
	if (!follow(p))
		plan_restart(p);
}

static void adopt_or_start(struct supervised *p)
{
	if (program_read_pid(p->s->root, p->name, &p->process) && process_is_alive(&p->process) &&
	    follow(p)) {
		p->has_pid_file = true;
		log_info("supervise", "adopted", "program", p->name);
	} else {
		start(p);
	}
}

/* Orphans of the programs (shims) become our children when they end. */
static void reap(void *ctx)
{
	struct supervisor *s = ctx;
	for (;;) {
		siginfo_t info = { 0 };
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
			return;
		bool known = false;
		for (size_t i = 0; i < s->count; i++)
			known |= s->at[i].is_running && s->at[i].process.pid == info.si_pid;
		if (known)
			return; /* its descriptor tells us, and it is reaped there */
		waitpid(info.si_pid, NULL, WNOHANG);
	}
}

/* A program writes on into the same file: copy what is there aside, then empty it. */
static void rotate(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0 || st.st_size < LOG_MAX_BYTES)
		return;
	auto_free char *old = xasprintf("%s.1", path);
	command_try("cp", path, old, NULL);
	if (truncate(path, 0) < 0)
		log_warn("supervise", "log cannot be emptied, it grows on", "file", path);
}

static void rotate_logs(void *ctx)
{
	struct supervisor *s = ctx;
	for (size_t i = 0; i < s->count; i++)
		rotate(json_str_or(s->at[i].description, "log", ""));
	auto_free char *own = xasprintf("%s/log/supervisor.log", s->root);
	rotate(own);
	loop_timer_set(s->logs, LOG_CHECK_MS);
}

/* ---- a cluster whose directory was deleted under it ---- */

static void end_programs(struct supervisor *s, int signal_number)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->at[i].is_running)
			(void)syscall(SYS_pidfd_send_signal, s->at[i].pid_fd, signal_number, NULL,
				      0);
}

static void kill_programs(void *ctx)
{
	end_programs(ctx, SIGKILL);
}

/* Nothing could find these programs any more: neither `down` nor a new supervisor. */
static void on_root_event(void *ctx, unsigned events)
{
	struct supervisor *s = ctx;
	struct stat st;
	char text[4096];
	(void)events;
	while (read(s->root_watch, text, sizeof text) > 0)
		continue; /* whether it is there is what counts */
	/* Mounts below may keep the directory itself. */
	auto_free char *programs = xasprintf("%s/run/programs.json", s->root);
	if (s->is_root_gone || stat(programs, &st) == 0)
		return;
	log_error("supervise", "the cluster's directory is gone: its programs are ended", "root",
		  s->root);
	s->is_root_gone = true;
	for (size_t i = 0; i < s->count; i++)
		loop_timer_stop(s->at[i].again);
	end_programs(s, SIGTERM);
	loop_timer_set(s->killing, GONE_GRACE_MS);
	end_if_empty(s);
}

static void watch_root(struct supervisor *s)
{
	auto_free char *run = xasprintf("%s/run", s->root);
	s->root_watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->root_watch < 0 ||
	    inotify_add_watch(s->root_watch, run, IN_DELETE | IN_DELETE_SELF) < 0) {
		log_warn("supervise", "its directory cannot be watched", "error", strerror(errno));
		return;
	}
	s->root_events = loop_fd_new(s->loop, s->root_watch, on_root_event, s);
	loop_fd_set(s->root_events, LOOP_READ);
}

static void stop(void *ctx)
{
	loop_stop(((struct supervisor *)ctx)->loop);
}

static int load_programs(struct supervisor *s, struct error *err)
{
	AUTO_STR text;
	str_init(&text, 1 << 20);
	auto_free char *path = xasprintf("%s/run/programs.json", s->root);
	int code = file_read(path, &text, err);
	if (code == 0)
		code = json_parse(text.data, text.len, &s->programs, err);
	if (code < 0)
		return code;
	s->count = json_array_size(s->programs);
	s->at = xcalloc(s->count + 1, sizeof *s->at);
	for (size_t i = 0; i < s->count; i++) {
		struct supervised *p = &s->at[i];
		*p = (struct supervised){ .s = s,
					  .description = json_array_get(s->programs, i),
					  .pid_fd = -1 };
		p->name = json_str_or(p->description, "name", "?");
		p->again = loop_timer_new(s->loop, start, p);
	}
	return 0;
}

/* One supervisor a cluster; the lock lasts as long as the process. */
static int take_lock(const char *root, struct error *err)
{
	auto_free char *path = xasprintf("%s/run/supervisor.lock", root);
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, ERR_UNAVAILABLE, "open %s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0; /* fd stays open on purpose */
	close(fd);
	return error_set(err, ERR_EXISTS, "a supervisor runs already for %s", root);
}

static int run(const char *root, struct error *err)
{
	struct supervisor s = { .root = root };
	struct process_id own;
	int code = take_lock(root, err);
	if (code < 0)
		return code;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		log_warn("supervise", "no child subreaper; ended shims fall to pid 1");
	s.loop = loop_new();
	code = load_programs(&s, err);
	if (code == 0 && process_read(getpid(), &own))
		code = program_write_pid(root, "supervisor", &own, err);
	if (code < 0)
		return code;
	struct loop_signal *child = loop_signal_new(s.loop, SIGCHLD, reap, &s);
	struct loop_signal *term = loop_signal_new(s.loop, SIGTERM, stop, &s);
	struct loop_signal *interrupt = loop_signal_new(s.loop, SIGINT, stop, &s);
	s.logs = loop_timer_new(s.loop, rotate_logs, &s);
	loop_timer_set(s.logs, LOG_CHECK_MS);
	s.pid_files = loop_timer_new(s.loop, write_pid_files, &s);
	s.killing = loop_timer_new(s.loop, kill_programs, &s);
	watch_root(&s);
	for (size_t i = 0; i < s.count; i++)
		adopt_or_start(&s.at[i]);
	loop_run(s.loop);
	log_info("supervise", s.is_root_gone ? "leaving" : "leaving; the programs run on");
	loop_fd_free(s.root_events);
	if (s.root_watch >= 0)
		close(s.root_watch);
	loop_timer_free(s.killing);
	loop_signal_free(child);
	loop_signal_free(term);
	loop_signal_free(interrupt);
	loop_timer_free(s.logs);
	loop_timer_free(s.pid_files);
	for (size_t i = 0; i < s.count; i++) {
		forget(&s.at[i]);
		loop_timer_free(s.at[i].again);
	}
	free(s.at);
	json_decref(s.programs);
	loop_free(s.loop);
	return 0;
}

int cluster_supervise(int argc, char **argv)
{
	struct error err;
	const char *root = argc == 3 && streq(argv[1], "--root") ? argv[2] : NULL;
	if (!root) {
		fprintf(stderr, "usage: skiff cluster supervise --root DIR\n");
		return 2;
	}
	int code = run(root, &err);
	if (code == ERR_EXISTS) { /* another was quicker: all is well */
		log_info("supervise", "not needed", "why", err.text);
		return 0;
	}
	if (code < 0) {
		log_error("supervise", "cannot run", "error", err.text);
		return 1;
	}
	return 0;
}
