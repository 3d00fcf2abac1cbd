/*
 * http_client_internal.h - what the files of the HTTP client share: its options (own copies), the
 * transport with its connections, and a call.
 */
#pragma once

#include "common/base/str.h"
#include "common/io/conn.h"
#include "common/io/http_client.h"

#include <http_parser.h>

struct client_options {
	char *host, *authority, *server_name; /* connected to; the Host header; verified, or NULL */
	uint16_t port;
	char *unix_socket;
	bool is_tls;
	struct tls_credentials *tls;
	char *bearer_token, *bearer_token_file;
	int64_t token_read_ms; /* when the file was read; -1: never */
	char *user_agent;
	int connect_timeout_ms;
	size_t connections_max;
};

int client_options_init(struct client_options *o, const struct http_client_options *from,
			struct error *err) MUST_CHECK;
void client_options_fini(struct client_options *o);

/* The token to send, or NULL; reads its file anew at most once a minute. Borrowed. */
const char *client_token(struct client_options *o, int64_t now_ms);

#define PIECE_SIZE (64u << 10)

/* A kept connection, with the call that has it or none. */
struct link {
	struct http_client *client;
	struct link *prev, *next;
	struct conn *conn;
	struct http_call *call;
	bool is_used; /* an answer came on it before */
	bool is_idle;
	int64_t idle_since_ms;
};

struct http_client {
	struct http_transport base;
	struct loop *loop;
	struct client_options options;
	struct loop_timer *turn;        /* calls are given connections, what has ended is freed */
	struct loop_timer *tidy;        /* connections idle for long are closed */
	bool tidies_soon;               /* more are idle than are kept */
	struct http_call *first, *last; /* in order of start */
	struct http_call *graveyard;
	struct link *links, *broken; /* broken: to be freed */
	size_t links_count, idle_count;
	char *piece;    /* PIECE_SIZE bytes: what was read last */
	unsigned depth; /* > 0: a callback is on the stack */
	bool is_closing;
};

struct http_call {
	struct http_client *client;
	struct http_call *prev, *next;
	struct link *link; /* NULL: waits for one */
	struct http_events events;
	void *ctx;
	bool is_head_only; /* HEAD: the answer has no body */
	bool is_safe;      /* may be sent once more where no byte of an answer came */
	bool is_gone;      /* ended or cancelled: in the graveyard */
	/* the request */
	struct str out; /* head and body in memory, and frames of what is read from body_fd */
	size_t out_at;
	int body_fd; /* owned, or -1 */
	bool is_chunked;
	struct loop_fd *body_ready; /* the file is a pipe and has nothing now */
	/* the answer */
	http_parser parser;
	struct str head; /* names and values, each ended by NUL */
	size_t headers_count;
	bool is_in_value, has_answer, is_head_told, is_complete, is_kept_alive;
	/* time */
	struct loop_timer *timeout, *idle; /* or NULL */
	int64_t idle_ms, last_byte_ms, timeout_ms;
};

/* ---- http_client.c ---- */
void client_enter(struct http_client *c);
void client_leave(struct http_client *c);
/* Ends the call: NULL: with a complete answer. Its connection is kept or closed. */
void call_finish(struct http_call *call, const char *why);

/* ---- http_client_exchange.c: one exchange on its connection ---- */
void exchange_prepare(struct http_call *call, const struct http_request *r);
void exchange_begin(struct http_call *call); /* it has an open connection */
/* False: the call has ended. */
bool exchange_write(struct http_call *call);
void exchange_read(struct http_call *call);
