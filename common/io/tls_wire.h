/*
 * tls_wire.h - between a TLS session and its socket, with few calls of the kernel. GnuTLS asks for
 * the head of a record and then for its rest: one recv() takes both and what follows. And an answer
 * that leaves as two records, its head and its body, leaves with one sendmsg().
 *
 * Many wires share one buffer each way (struct tls_wires): what a wire has not used when another
 * needs the buffer moves to memory of its own.
 *
 * Threads: one at a time; after tls_wire_detach() a wire may move to another thread.
 */
#pragma once

#include "common/base/base.h"

#define TLS_WIRE_READ_MAX 16640 /* a whole record */
#define TLS_WIRE_HELD_MAX 2048  /* longer ones are not held back */

struct tls_wire;

struct tls_wires {
	struct tls_wire *reader, *holder; /* whose bytes are in the buffers; NULL: nobody's */
	size_t read_at, read_len, held_len;
	size_t waiting;  /* wires with bytes of their own */
	int64_t now_ms;  /* the owner's clock, for moved_ms */
	unsigned pushes; /* sendmsg() calls; the owner's to reset */
	bool is_full;    /* a recv() took all there was room for; the owner's to reset */
	char read[TLS_WIRE_READ_MAX];
	char held[TLS_WIRE_HELD_MAX];
};

struct tls_wire {
	struct tls_wires *shared; /* NULL: detached */
	int fd;
	bool holds_next;
	int64_t moved_ms; /* when bytes last came or left; the owner may set it */
	char *own;        /* read, not asked for yet */
	size_t own_at, own_len;
};

/* From now on the session (GnuTLS', passed as void *) uses the wire, which must outlive it. */
void tls_wire_attach(struct tls_wire *w, struct tls_wires *shared, void *session, int fd);
void tls_wire_detach(struct tls_wire *w);
void tls_wire_fini(struct tls_wire *w); /* {0} is fine */

/* The next record waits for the one that comes after it. */
void tls_wire_hold(struct tls_wire *w);
/* Nothing comes after it: send what waits. */
void tls_wire_let_go(struct tls_wire *w);
/* Whether bytes have been read that the session has not seen: of one wire, of any. */
bool tls_wire_has_pending(const struct tls_wire *w);
static inline bool tls_wires_have_pending(const struct tls_wires *s)
{
	return s->waiting || s->read_len;
}
