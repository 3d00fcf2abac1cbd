/*
 * process.h - programs started from the loop, or found running and adopted. An exit is told by
 * pidfd, so it works for children and for others' alike; a pid is compared with its start time,
 * so a reused one is never taken for ours.
 *
 * Ownership: a process belongs to whoever made it; free() neither kills nor waits, and there
 * are no callbacks after it. Threads: the loop's. No callback is made inside a call. A child
 * that was freed before its exit was told is reaped by whoever waits for all (subreaper), or
 * stays a zombie until we end.
 */
#pragma once

#include "common/base/error.h"
#include "common/io/loop.h"

#include <sys/types.h>

struct process;

struct process_exit {
	int code;      /* exit code, or -1: killed, or not known (not our child) */
	int signal;    /* the signal that killed it, or 0 */
	bool is_known; /* false: it was not our child, so only that it ended is known */
};

#define PROCESS_FDS_MAX  64
#define PROCESS_LINE_MAX (16u << 10)

struct process_options {
	const char *const *argv; /* argv[0] with '/': that file; else searched in PATH */
	const char *const *env;  /* "NAME=value" …, NULL-terminated; NULL: ours */
	const char *cwd;         /* NULL: ours */
	/* Become descriptors 3, 4 … in the child. With fd_names ("dns:http", as many) they are
	 * announced as a systemd socket unit does: LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES. */
	const int *fds;
	size_t fds_count;
	const char *fd_names;
	int stdin_fd;         /* > 0: its standard input; else /dev/null */
	const char *log_file; /* stdout and stderr are appended here (0600) … */
	/* … or told line by line, without the newline; longer ones come in pieces. Neither:
	 * both are ours. */
	void (*line)(void *ctx, const char *text, size_t n);
	bool new_session;   /* setsid: a group of its own */
	const char *netns;  /* path of a network namespace to run in, or NULL */
	const char *cgroup; /* path of a cgroup's directory to start in, or NULL */
	void (*exited)(void *ctx, const struct process_exit *e); /* once; after the last line */
	void *ctx;
};

/* Everything is copied or passed on. ERR_NOT_FOUND: no such program; ERR_INVALID: cwd, netns,
 * cgroup or log file cannot be used, or it cannot be executed; the text says which. */
int process_spawn(struct loop *loop, const struct process_options *options, struct process **ret,
		  struct error *err) MUST_CHECK;

/* The same without a loop: whoever waits for all children reaps it. No lines, no exit. */
int process_start(const struct process_options *options, pid_t *ret, struct error *err) MUST_CHECK;

/* A process that somebody else started. ERR_NOT_FOUND: it is not running any more (or the pid
 * is another's now). */
int process_adopt(struct loop *loop, pid_t pid, uint64_t start_time,
		  void (*exited)(void *ctx, const struct process_exit *e), void *ctx,
		  struct process **ret, struct error *err) MUST_CHECK;

void process_free(struct process *p); /* NULL is fine */
DEFINE_CLEANUP(process)

pid_t process_pid(const struct process *p);
/* In clock ticks after boot: with the pid it names one process for ever (of this boot). */
uint64_t process_start_time(const struct process *p);
bool process_is_running(const struct process *p);

/* By pidfd: never hits another process. False: it has ended. */
bool process_kill(struct process *p, int signum);
/* The whole group of a process started with new_session. */
bool process_kill_group(struct process *p, int signum);

/* Of any pid, from /proc. ERR_NOT_FOUND: there is none. A zombie counts as gone. */
int process_find_start_time(pid_t pid, uint64_t *ret, struct error *err) MUST_CHECK;
