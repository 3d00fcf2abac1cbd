/*
 * exec_end.h - the end of an exec session that containerd leaves hanging: 1.6 waits for its stdin
 * to be drained although the process is gone (more than 64 KiB unread). Containerd's events name
 * the process; when it has ended and the session stays silent for a second, the relay is stopped
 * and the client gets the exit status from us.
 *
 * Which exec is a session's own is not told: all that were added to its container in the seconds
 * after its begin must have ended. So it may come late, not early.
 *
 * Threads: the loop's, except exec_end_opened, exec_end_fd and exec_end_tell (stream thread).
 */
#pragma once

#include "nodeagent/port_internal.h"

struct exec_end;

struct exec_end *exec_end_new(struct port *p, const char *container, bool is_spdy);
void exec_end_free(struct exec_end *e); /* NULL is fine; after the stream thread */

/* The descriptors between which bytes are relayed; they stay open until exec_end_free. */
void exec_end_opened(struct exec_end *e, int runtime_fd, int client_fd);
int exec_end_fd(const struct exec_end *e); /* readable: the relay must end */
/* After the relay: says to the client how the process ended, if the relay was stopped. */
void exec_end_tell(struct exec_end *e, struct http_duplex *d);

/* From containerd's events: an exec was added to a container, or ended. */
void exec_end_event(void *port, bool is_end, const char *container, const char *exec, int code);

/* Frames with an exit status, as the client's protocol has them (see test). */
void exec_status_frame(bool is_spdy, int code, bool is_code_known, struct str *out);
