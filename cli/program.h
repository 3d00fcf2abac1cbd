/*
 * program.h - one program of a cluster: started, known by pid and start time, signalled. Used by
 * the supervisor, and by `down` and `status`, which only look.
 */
#pragma once

#include "common/base/error.h"

#include <jansson.h>
#include <sys/types.h>

struct process_id {
	pid_t pid;
	uint64_t start; /* clock ticks since boot: /proc/PID/stat, field 22 */
};

/* True and filled where the process lives and is no zombie. */
bool process_read(pid_t pid, struct process_id *ret);
bool process_is_alive(const struct process_id *p);
/* Only if it is still the same process. */
void process_signal(const struct process_id *p, int signum);

/* DIR/run/NAME.pid: pid, start time and boot id. False too where it is of another boot. */
bool program_read_pid(const char *root, const char *name, struct process_id *ret);
int program_write_pid(const char *root, const char *name, const struct process_id *p,
		      struct error *err) MUST_CHECK;

#define PROGRAM_SOCKETS_MAX 8

/* The listening sockets of a program, held by who starts it: they outlive it, so what arrives
 * while it is started again waits in them. */
struct program_sockets {
	int fds[PROGRAM_SOCKETS_MAX];
	size_t count;
};
/* As its entry of programs.json says, in the program's network namespace. ERR_UNAVAILABLE: the
 * address is taken, or the namespace is gone. */
int program_open_sockets(const json_t *description, struct program_sockets *ret,
			 struct error *err) MUST_CHECK;

/* Start it: own session, standard output and error appended to its log, in its network
 * namespace, with its sockets (or NULL) passed by LISTEN_FDS. `description` is its entry of
 * programs.json. */
int program_start(const json_t *description, const struct program_sockets *sockets,
		  struct process_id *ret, struct error *err) MUST_CHECK;
