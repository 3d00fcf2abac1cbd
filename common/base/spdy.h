/*
 * spdy.h - the part of SPDY/3.1 that Kubernetes' streams use: opening streams, data, the end of
 * one direction, pings. Written whole, read as a stream of pieces.
 *
 * Source: SPDY Protocol, draft 3.1 (2013), sections 2.2 and 2.6. Flow control is left out as the
 * other implementations of these streams leave it out: TCP's is what holds a sender back. Header
 * blocks are written as stored deflate blocks (RFC 1951, 3.2.4) of one zlib stream that names
 * SPDY's dictionary by its checksum: valid for every reader, and neither the dictionary nor a
 * compressor is needed for a hundred bytes. Headers that come in are passed over unread: a stream
 * is known by its number alone.
 *
 * Pure: no I/O. Threads: reentrant.
 */
#pragma once

#include "common/base/str.h"

#define SPDY_DATA_MAX  0xffffffu /* of one frame */
#define SPDY_BLOCK_MAX 8192      /* of names and values of one stream's headers */

struct spdy_header {
	const char *name; /* lower case */
	const char *value;
};

/* `has_begun` of the connection: false before its first stream. ERR_LIMIT. */
int spdy_open_add(struct str *out, bool *has_begun, uint32_t stream,
		  const struct spdy_header *headers, size_t n, struct error *err) MUST_CHECK;
/* The head of a data frame whose n bytes (SPDY_DATA_MAX at most) the caller adds. */
void spdy_data_head_add(struct str *out, uint32_t stream, size_t n, bool is_end);
void spdy_ping_add(struct str *out, uint32_t id);

enum spdy_kind {
	SPDY_DATA,
	SPDY_REPLY,  /* the peer took the stream */
	SPDY_RESET,  /* the peer gave the stream up: both directions are over */
	SPDY_PING,   /* `stream` is the ping's id; odd ones answer a client's */
	SPDY_GOAWAY, /* the peer opens nothing more */
	SPDY_OTHER,  /* settings, windows, streams of the peer's: of no concern */
	SPDY_KIND_COUNT,
};

struct spdy_reader {
	/* Its own; {0} is a fresh one. */
	uint8_t head[12];
	size_t head_len;
	uint32_t left; /* of the frame's payload */
	bool is_in_frame;
};

struct spdy_piece {
	enum spdy_kind kind;
	uint32_t stream;
	char *bytes; /* SPDY_DATA: into the input */
	size_t n;
	bool is_end; /* of the peer's direction of the stream: after these bytes */
};

/* Takes from the front of *bytes. 1: *ret is the next piece; 0: all is used up;
 * ERR_MALFORMED: this is not SPDY/3. */
int spdy_reader_next(struct spdy_reader *r, char **bytes, size_t *n, struct spdy_piece *ret,
		     struct error *err) MUST_CHECK;
