/*
 * http_server_internal.h - what the files of the HTTP server share: http_server.c (life, the
 * daemon on the loop), http_server_request.c (from bytes to a handler's exchange),
 * http_server_answer.c (from its answer to bytes), http_server_listen.c (sockets),
 * stream_takeover.c (connections that leave HTTP). libmicrohttpd's types end here.
 */
#pragma once

#include "common/base/map.h"
#include "common/base/str.h"
#include "common/io/http_server.h"
#include "common/io/tls_session.h"
#include "common/io/tls_wire.h"

#include <microhttpd.h>
#include <pthread.h>

#define SERVER_BODY_MAX          (3u << 20)
#define SERVER_CONNECTIONS_MAX   20000
#define SERVER_IDLE_TIMEOUT_S    120
#define SERVER_CONNECTION_MEMORY (24u << 10)
#define SERVER_STREAMS_MAX       1024
#define SERVER_HEAD_MS           10000
#define SERVER_BODY_MS           60000
#define SERVER_DEADLINES_MS      5000
#define SERVER_STAYS_MAX         8   /* runs of libmicrohttpd that a brief answer is waited for */
#define SERVER_SPARE_MAX         256 /* exchanges kept for the next requests */
#define SERVER_URI_MAX           400 /* longer ones are allocated */

struct server_exchange;
struct server_stream;

/* What hangup_epoll looks for. */
enum connection_watch { WATCH_NONE, WATCH_HANDSHAKE, WATCH_HANGUP };

/* One accepted connection; lives while MHD has it or an exchange looks at its peer. */
struct server_connection {
	struct http_server *server; /* NULL: the server is gone */
	struct server_connection *next, **link;
	unsigned refs;
	struct MHD_Connection *mhd; /* NULL: closed */
	int fd;
	void *session; /* GnuTLS', or NULL */
	struct tls_wire wire;
	struct http_memo memo;
	struct tls_peer peer;
	bool is_peer_known, has_hung_up, had_request, is_cut;
	enum connection_watch watch;
	/* The TLS handshake is not over: in the server's list of those. */
	struct server_connection *next_handshake, **handshake_link;
	bool is_handshake_paused;
	int64_t opened_ms;
	int64_t free_since_ms; /* without a request under way */
	char *client;          /* its address without the port; NULL: a unix socket */
	char address[80];
	struct server_exchange *exchange; /* the request under way, or NULL */
};

enum exchange_state {
	EXCHANGE_HEAD,     /* libmicrohttpd has not told its headers yet */
	EXCHANGE_BODY,     /* collecting the body, or handing it to the sink */
	EXCHANGE_WAITING,  /* the handler has everything and owes the answer */
	EXCHANGE_ANSWERED, /* queued */
	EXCHANGE_TAKEN,    /* a stream thread has the connection */
	EXCHANGE_STATE_COUNT,
};

struct server_exchange {
	struct http_exchange base;
	struct server_connection *connection;
	enum exchange_state state;
	unsigned refs; /* libmicrohttpd's request; the handler's, until answered and closed */
	struct server_exchange *next_spare;
	char *uri;                  /* in uri_room, or the exchange's */
	const char *target_problem; /* NULL: none */
	char method[24];            /* of those that nobody knows */
	uint32_t initials;          /* of its headers */
	int64_t begun_ms;           /* when its request line was there */
	struct str body;
	uint64_t discarded;
	bool is_in_callback, is_suspended, is_handed, is_hung, must_close;
	bool is_too_large, is_mhd_over, is_answered;
	/* It waits for its answer without being suspended: leaving the epoll set and entering it
	 * again costs as much as reading the request. So many times it was asked in vain. */
	bool is_staying;
	unsigned stays;
	/* the answer, until it can be queued */
	struct MHD_Response *response;
	int status;
	bool has_body; /* its head waits for it on the wire */
	bool was_suspended;
	/* a streamed answer */
	struct http_source source;
	void *source_ctx;
	bool is_streaming, is_woken;
	/* a streamed request body */
	bool is_body_streamed, is_body_ended, is_paused;
	struct http_body_sink sink;
	void *sink_ctx;
	struct server_stream *stream;
	/* Its connection may be taken over: `body` collects what follows the head, and the stream
	 * begins when libmicrohttpd has handed that on. */
	bool may_be_taken, has_passed;
	char uri_room[SERVER_URI_MAX]; /* the last: not zeroed for the next request */
};

/* What happened in a run of libmicrohttpd, and since the one before. */
struct server_run {
	unsigned queued, completed; /* answers */
	bool has_resumed, has_body; /* a connection; bytes of one came */
	bool must_rejoin; /* one is over that was suspended: it is not in the epoll set yet */
};

struct http_server {
	struct loop *loop;
	struct MHD_Daemon *daemon;
	struct loop_fd *ready;
	struct loop_timer *later; /* libmicrohttpd's own time-outs */
	struct loop_timer *soon;  /* run it in the next turn */
	struct loop_timer *handshake_check;
	struct server_connection *handshakes;
	struct loop_wake *wake; /* stream threads that ended */
	int hangup_epoll;       /* peers that leave while their connection is suspended */
	struct loop_fd *hangups;
	struct http_server_options options;
	char *client_ca_pem;
	struct tls_identity *identity;
	struct tls_identity **retired; /* handshakes may still use them */
	size_t retired_count;
	uint16_t port;
	char *unix_socket;
	struct server_connection *connections;
	struct map clients;            /* address → how many connections, as a number */
	struct loop_timer *deadlines;  /* runs while there are connections */
	struct server_stream *streams; /* all */
	size_t streams_count;
	bool is_in_run, is_dirty, is_closing;
	struct server_run run;
	struct tls_wires *wires; /* NULL: no TLS */
	struct server_exchange *spare;
	size_t spare_count;
	struct http_server_counts counts;
};

static inline struct server_exchange *exchange_of(struct http_exchange *x)
{
	return CONTAINER_OF(x, struct server_exchange, base);
}

/* ---- http_server.c ---- */
void server_turn_soon(struct http_server *s); /* MHD_run in the next turn */
void server_suspend(struct server_exchange *x);
void server_resume(struct server_exchange *x);

/* ---- http_server_connection.c ---- */
void server_connection_changed(void *cls, struct MHD_Connection *mhd, void **context,
			       enum MHD_ConnectionNotificationCode code);
void server_hangups_ready(void *server, unsigned events);
void server_watch_hangup(struct server_connection *c);
/* Handshakes that wait for their peer are put aside, for libmicrohttpd would spin on them. */
void server_pause_handshakes(struct http_server *s);
void server_check_handshakes(void *server); /* those that take too long end */
void server_handshake_over(struct server_connection *c);
void server_connection_unref(struct server_connection *c);

/* ---- http_server_limits.c ---- */
/* For libmicrohttpd: may this client have one more connection? */
enum MHD_Result server_may_connect(void *server, const struct sockaddr *from, socklen_t len);
void server_limits_opened(struct server_connection *c);
void server_limits_closed(struct server_connection *c);
void server_check_deadlines(void *server); /* those that take too long end */

/* ---- http_server_listen.c ---- */
int server_listen(struct http_server *s, struct error *err);

/* ---- http_server_request.c ---- */
extern const struct http_exchange_ops server_exchange_ops;
void *server_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result server_access(void *cls, struct MHD_Connection *mhd, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **request);
void server_completed(void *cls, struct MHD_Connection *mhd, void **request,
		      enum MHD_RequestTerminationCode code);
void server_exchange_unref(struct server_exchange *x);
void server_spare_free(struct http_server *s);
void server_peer_left(struct server_exchange *x); /* while it was suspended */

/* ---- http_server_answer.c ---- */
void server_reply(struct http_exchange *base, int status, const struct http_header *headers,
		  size_t headers_count, const void *body, size_t body_len,
		  void (*release)(void *ctx), void *release_ctx);
void server_stream(struct http_exchange *base, int status, const struct http_header *headers,
		   size_t headers_count, const struct http_source *source, void *ctx);
void server_wake(struct http_exchange *base);
enum MHD_Result server_queue(struct server_exchange *x);
/* The server's own answers: a Status object. */
void server_reply_status(struct server_exchange *x, int status, const char *reason,
			 const char *message, bool closes);

/* ---- http_server_framing.c ---- */
/* Why nobody can be sure where this request ends, or whom it is for; NULL: all is well. `version` as
 * the client wrote it. *ret_initials: with what letters the names of its headers begin. */
const char *server_framing_problem(struct MHD_Connection *mhd, const char *version,
				   uint32_t *ret_initials);
/* Of its host alone. */
const char *server_host_problem(struct MHD_Connection *mhd, const char *version);

/* A bit for each letter, whatever its case; what is no letter shares them. */
static inline uint32_t server_initial(const char *name)
{
	return 1u << (*name & 31);
}

/* ---- stream_takeover.c ---- */
void server_streams_launch(struct http_server *s); /* threads of those taken over meanwhile */
void server_streams_reap(void *server);            /* on the loop: join those that ended */
void server_streams_stop(struct http_server *s);   /* all, and wait for them */
