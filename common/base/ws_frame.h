/*
 * ws_frame.h - WebSocket frames (RFC 6455, section 5): written whole, read as a stream of pieces,
 * so that a message of any size passes through without being held.
 *
 * Pure: no I/O. Threads: reentrant; one thread a reader.
 */
#pragma once

#include "common/base/str.h"

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

#define WS_CONTROL_MAX 125
#define WS_HEAD_MAX    14

/* The head of a final frame whose n bytes of payload the caller adds. Servers do not mask. */
void ws_head_add(struct str *out, enum ws_opcode opcode, size_t n);
/* A whole final frame; `mask` as a client must, NULL as a server must. */
void ws_frame_add(struct str *out, enum ws_opcode opcode, const uint8_t *mask, const void *bytes,
		  size_t n);

struct ws_reader {
	bool is_masked; /* what is read must be: it comes from a client */
	/* The rest is its own; {0} is a fresh one. */
	uint8_t head[WS_HEAD_MAX];
	size_t head_len, mask_at;
	uint64_t left; /* of the frame's payload */
	bool is_in_frame, is_in_message, is_first;
	enum ws_opcode opcode; /* of the message */
	char control[WS_CONTROL_MAX];
	size_t control_len;
};

struct ws_piece {
	enum ws_opcode opcode;  /* WS_TEXT or WS_BINARY of a message; else a whole control frame */
	char *bytes;            /* into the input, unmasked there; a control's: into the reader */
	size_t n;               /* 0 is possible */
	bool is_first, is_last; /* of its message */
};

/* Takes from the front of *bytes. 1: *ret is the next piece; 0: all is used up;
 * ERR_MALFORMED: no frame that this side may send. */
int ws_reader_next(struct ws_reader *r, char **bytes, size_t *n, struct ws_piece *ret,
		   struct error *err) MUST_CHECK;
