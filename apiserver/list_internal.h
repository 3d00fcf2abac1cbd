/*
 * list_internal.h - what the files of LIST share: list.c (options, snapshots, JSON as it is stored),
 * list_whole.c (answers that are made as a whole, on a worker), list_pieces.c (long ones that workers
 * make piece by piece while the client takes them), list_packed.c (the same in gzip).
 */
#pragma once

#include "apiserver/read.h"
#include "apiserver/server_internal.h"
#include "apiserver/text_source.h"
#include "apiserver/turn.h"
#include "apiserver/work.h"

struct list_piece;

/* What workers make ahead of the client. */
struct list_pieces {
	struct list_piece *first, **last;
	size_t count, running;
	bool is_walked, is_closed;
	uint64_t promised, sent; /* bytes of a message whose length was told before it */
};

struct gzip;

/* A piece is packed ahead of the client. */
struct list_packing {
	struct gzip *packer;
	struct str json; /* what is packed next */
	bool is_last;    /* nothing comes behind that */
	bool is_all;     /* it has been packed */
	bool is_running, is_closed;
};

struct list {
	struct text_source source;
	struct request *r; /* until the answer has begun */
	struct server *server;
	struct http_exchange *x;
	struct turn_wake wake;
	struct selection what;
	struct rendering how;
	struct index index;
	struct index_cursor at;
	uint64_t version;
	uint64_t wanted_version;
	bool is_exact, is_continued, is_inconsistent;
	char *start; /* the key where a continued list goes on */
	int64_t limit;
	int64_t left; /* of the limit; limit 0: not counted */
	bool has_items, has_head;
	unsigned put_off; /* turns in a row */
	char *next;       /* the key of the next page */
	size_t remaining;
	int64_t now_us;
	struct str rendered; /* the whole, where it is not JSON */
	const char *content_type;
	bool is_protobuf, is_packed; /* the latter: in gzip */
	struct list_pieces pieces;
	struct list_packing packing;
};

void list_free(struct list *l);
void list_fail(struct list *l, struct failure *f);
/* The options of l->r, checked, of what l->what selects; -1 with the failure. `start` is the list's. */
int list_read_options(struct list *l, bool *ret_is_set, struct failure *f);
/* A token to go on at `start`; version -1: of whatever there is when it is used. */
void list_add_token(int64_t version, const char *start, struct str *out);
bool list_is_selective(const struct list *l);
bool list_is_partial(const struct list *l);
/* Some more JSON; false: there is no more. */
bool list_add_some(struct list *l, struct str *out);
void list_add_metadata(struct list *l, struct str *out);
/* Without the comma before it. */
void list_add_item(struct list *l, const struct object *o, struct str *out);
/* Protobuf is made item by item from the bytes, unless another version's objects are asked for. */
bool list_encodes_items(const struct list *l);
/* The type of what the answer is, in its envelope. */
void list_protobuf_type(const struct list *l, struct str *ret_api_version, const char **ret_kind);

/* ---- list_whole.c ---- */
void list_answer_whole(struct list *l);

/* ---- list_packed.c ---- */
bool list_packs_pieces(const struct list *l);
/* From what l->source.pending has already on. */
void list_answer_packed(struct list *l);

/* ---- list_pieces.c ---- */
/* Whether making the items costs more than sending them. */
bool list_has_pieces(const struct list *l);
/* What l->source.pending has already goes before them. */
void list_answer_pieces(struct list *l);
