/*
 * Long lists in gzip: a worker makes and packs a piece while the client takes the one before, so
 * memory stays flat. The packer goes on where it was, so one piece is made at a time. The answer
 * begins when the first is there: if that is all, it has a length.
 */
#include "apiserver/gzip.h"
#include "apiserver/list_internal.h"

#define PIECE_BYTES (128u << 10) /* packed */

bool list_packs_pieces(const struct list *l)
{
	return l->is_packed && l->r->accept.encoding == SCHEMA_JSON && !l->r->accept.is_pretty;
}

/* On a worker, which has all of the list but its source to itself. */
static void pack_some(void *list)
{
	struct list *l = list;
	struct list_packing *p = &l->packing;
	while (!p->is_all && l->rendered.len < PIECE_BYTES) {
		gzip_add(p->packer, p->json.data, p->json.len, p->is_last, &l->rendered);
		p->is_all = p->is_last || !str_ok(&p->json) || !str_ok(&l->rendered);
		str_clear(&p->json);
		if (!p->is_all)
			p->is_last = !list_add_some(l, &p->json);
	}
}

static void packed(void *list, bool is_gone)
{
	struct list *l = list;
	l->packing.is_running = false;
	if (l->packing.is_closed)
		list_free(l);
	else if (!is_gone)
		turns_wake(l->server->turns, &l->wake, l->x);
}

static void pack_next(struct list *l)
{
	l->packing.is_running = true;
	server_offload(l->server, pack_some, packed, l);
}

static enum refill packed_refill(struct text_source *t)
{
	struct list *l = CONTAINER_OF(t, struct list, source);
	if (l->packing.is_running)
		return REFILL_WAIT;
	struct str taken = t->pending;
	t->pending = l->rendered;
	l->rendered = taken;
	str_clear(&l->rendered);
	if (!str_ok(&l->packing.json)) { /* the source breaks the answer off */
		str_fini(&t->pending);
		t->pending = l->packing.json;
		l->packing.json = (struct str){ 0 };
	}
	if (l->packing.is_all)
		return REFILL_END;
	pack_next(l);
	return REFILL_MORE;
}

static void packed_closed(struct text_source *t)
{
	struct list *l = CONTAINER_OF(t, struct list, source);
	turn_wake_fini(l->server->turns, &l->wake);
	l->packing.is_closed = true;
	if (!l->packing.is_running)
		list_free(l);
}

static void first_packed(void *list, bool is_gone)
{
	struct list *l = list;
	struct request *r = TAKE(l->r);
	l->packing.is_running = false;
	if (is_gone) {
		request_abandon(r);
		list_free(l);
	} else if (l->packing.is_all && str_ok(&l->rendered) && str_ok(&l->packing.json)) {
		reply_whole(r, "application/json", true, &l->rendered);
		list_free(l);
	} else {
		l->x = r->x;
		l->source.refill = packed_refill;
		l->source.closed = packed_closed;
		reply_packed_stream(r, "application/json", &text_source_ops, &l->source);
	}
}

void list_answer_packed(struct list *l)
{
	struct list_packing *p = &l->packing;
	p->packer = gzip_new();
	p->json = l->source.pending;
	str_init(&l->source.pending, l->rendered.max);
	p->is_running = true;
	server_offload(l->server, pack_some, first_packed, l);
}
