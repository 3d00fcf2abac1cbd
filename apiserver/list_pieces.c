/*
 * Lists whose items cost more to make than to send: Tables, protobuf, other versions. Workers make some
 * pieces ahead of the client, so memory stays flat and the core loop only sends.
 *
 * Protobuf tells a list's length before it, so items are measured first, on several workers. An object
 * remembers its length: the next list of it is made once only.
 */
#include "apiserver/list_internal.h"
#include "schemas/protobuf.h"

#define PIECE_BYTES   (256u << 10) /* of JSON, as it is stored */
#define PIECE_OBJECTS 2000
#define PIECES_AHEAD  6
#define MEASURERS     4
#define SCRATCH_MAX   (64u << 20)

struct list_piece {
	struct list *list;
	struct list_piece *next;
	struct index_cursor from;
	size_t objects;
	struct str text;
	bool is_made;
};

bool list_has_pieces(const struct list *l)
{
	if (l->is_packed || l->r->accept.is_pretty)
		return false;
	if (l->r->accept.encoding == SCHEMA_PROTOBUF)
		return list_encodes_items(l);
	return l->r->accept.encoding == SCHEMA_JSON &&
	       (l->how.as == ACCEPT_TABLE || (l->how.as == ACCEPT_OBJECT && l->how.kind->storage));
}

/* Pages end before the first object of the next one. */
static bool is_in(const struct list *l, const struct object *o)
{
	return o && starts_with(o->key, l->what.prefix) &&
	       !(l->next && strcmp(o->key, l->next) >= 0);
}

/* ---- on workers ---- */

static void add_to_piece(struct list *l, const struct object *o, struct str *out)
{
	if (l->is_protobuf) {
		render_protobuf_list_item(l->what.kind, list_is_partial(l), o, out);
		return;
	}
	str_add_char(out, ',');
	list_add_item(l, o, out);
}

static void make(void *piece)
{
	struct list_piece *p = piece;
	struct list *l = p->list;
	struct index_cursor at = p->from;
	for (size_t i = 0; i < p->objects; i++) {
		const struct object *o = index_next(&l->index, &at);
		if (selection_has(&l->what, o))
			add_to_piece(l, o, &p->text);
	}
}

/* ---- ahead of the client ---- */

static struct str take_first(struct list_pieces *all)
{
	struct list_piece *p = all->first;
	struct str text = p->text;
	all->first = p->next;
	if (!all->first)
		all->last = &all->first;
	all->count--;
	free(p);
	return text;
}

/* Who comes last, the client or a worker, ends it. */
static void leave(struct list *l)
{
	if (!l->pieces.is_closed || l->pieces.running > 0)
		return;
	while (l->pieces.first) {
		struct str text = take_first(&l->pieces);
		str_fini(&text);
	}
	list_free(l);
}

static void made(void *piece, bool is_gone)
{
	struct list_piece *p = piece;
	struct list *l = p->list;
	p->is_made = true;
	l->pieces.running--;
	if (!is_gone && !l->pieces.is_closed && p == l->pieces.first)
		turns_wake(l->server->turns, &l->wake, l->x);
	leave(l);
}

/* From l->at on; NULL: there are no more objects. */
static struct list_piece *next_piece(struct list *l)
{
	struct index_cursor from = l->at;
	size_t n = 0;
	for (size_t bytes = 0; bytes < PIECE_BYTES && n < PIECE_OBJECTS; n++) {
		const struct object *o = index_next(&l->index, &l->at);
		l->pieces.is_walked = !is_in(l, o);
		if (l->pieces.is_walked)
			break;
		bytes += o->len;
	}
	if (n == 0)
		return NULL;
	struct list_piece *p = xcalloc(1, sizeof *p);
	*p = (struct list_piece){ .list = l, .from = from, .objects = n };
	str_init(&p->text, l->source.pending.max);
	return p;
}

static void start_some(struct list *l)
{
	struct list_pieces *all = &l->pieces;
	while (!all->is_walked && all->count < PIECES_AHEAD) {
		struct list_piece *p = next_piece(l);
		if (!p)
			return;
		*all->last = p;
		all->last = &p->next;
		all->count++;
		all->running++;
		server_offload(l->server, make, made, p);
	}
}

static void add_end(struct list *l, struct str *out)
{
	if (!l->is_protobuf) {
		str_add(out, "]}\n");
		return;
	}
	assert(l->pieces.sent == l->pieces.promised);
	schema_add_envelope_tail(out);
}

static enum refill pieces_refill(struct text_source *t)
{
	struct list *l = CONTAINER_OF(t, struct list, source);
	struct list_pieces *all = &l->pieces;
	while (all->first && all->first->is_made) {
		str_fini(&t->pending);
		t->pending = take_first(all);
		start_some(l);
		if (t->pending.len == 0)
			continue;
		all->sent += t->pending.len;
		/* Each item brings a comma before it, and the first of all has none. */
		t->at = l->is_protobuf || l->has_items ? 0 : 1;
		l->has_items = true;
		return REFILL_MORE;
	}
	if (all->first)
		return REFILL_WAIT;
	add_end(l, &t->pending);
	return REFILL_END;
}

static void pieces_closed(struct text_source *t)
{
	struct list *l = CONTAINER_OF(t, struct list, source);
	turn_wake_fini(l->server->turns, &l->wake);
	l->pieces.is_closed = true;
	leave(l);
}

static void stream(struct list *l, const char *content_type)
{
	struct request *r = TAKE(l->r);
	l->x = r->x;
	l->source.refill = pieces_refill;
	l->source.closed = pieces_closed;
	start_some(l);
	reply_stream(r, 200, content_type, &text_source_ops, &l->source);
}

/* ---- how long a message will be ---- */

struct measure {
	struct measures *of;
	struct index_cursor from;
	uint64_t bytes;
};

struct measures {
	struct list *list;
	size_t objects; /* looked at by each */
	size_t running;
	struct measure at[MEASURERS];
};

static size_t length_of(struct list *l, struct object *o, struct str *scratch)
{
	bool is_partial = list_is_partial(l);
	uint32_t known = __atomic_load_n(&o->protobuf_len, __ATOMIC_RELAXED);
	if (known && !is_partial)
		return known;
	str_clear(scratch);
	render_protobuf_list_item(l->what.kind, is_partial, o, scratch);
	if (!is_partial && scratch->len <= UINT32_MAX) /* several may, and all say the same */
		__atomic_store_n(&o->protobuf_len, (uint32_t)scratch->len, __ATOMIC_RELAXED);
	return scratch->len;
}

static void measure(void *ctx)
{
	struct measure *m = ctx;
	struct list *l = m->of->list;
	AUTO_STR scratch;
	str_init(&scratch, SCRATCH_MAX);
	for (size_t i = 0; i < m->of->objects; i++) {
		struct object *o = index_next(&l->index, &m->from);
		if (!is_in(l, o))
			return;
		if (selection_has(&l->what, o))
			m->bytes += length_of(l, o, &scratch);
	}
}

static void begin_message(struct list *l, uint64_t items_bytes)
{
	AUTO_STR text, message;
	const char *kind;
	struct str *out = &l->source.pending;
	str_init(&text, 65536);
	str_init(&message, 65536);
	list_add_metadata(l, &text);
	render_protobuf_list_head(text.data, text.len, &message);
	list_protobuf_type(l, &text, &kind);
	schema_add_envelope_head(text.data, kind, message.len + items_bytes, out);
	str_add_bytes(out, message.data, message.len);
	l->pieces.promised = items_bytes;
}

static void measured(void *ctx, bool is_gone)
{
	struct measures *all = ((struct measure *)ctx)->of;
	struct list *l = all->list;
	if (--all->running > 0)
		return;
	uint64_t bytes = 0;
	for (size_t i = 0; i < MEASURERS; i++)
		bytes += all->at[i].bytes;
	free(all);
	if (is_gone) {
		request_abandon(TAKE(l->r));
		list_free(l);
		return;
	}
	begin_message(l, bytes);
	stream(l, l->content_type);
}

static void measure_all(struct list *l)
{
	struct measures *all = xcalloc(1, sizeof *all);
	struct index_cursor from = l->at;
	*all = (struct measures){ .list = l, .objects = l->index.count / MEASURERS + 1 };
	all->running = MEASURERS;
	for (size_t i = 0; i < MEASURERS; i++) {
		all->at[i] = (struct measure){ .of = all, .from = from };
		index_skip(&l->index, &from, all->objects);
		server_offload(l->server, measure, measured, &all->at[i]);
	}
}

void list_answer_pieces(struct list *l)
{
	l->pieces.last = &l->pieces.first;
	l->is_protobuf = l->r->accept.encoding == SCHEMA_PROTOBUF;
	l->content_type = render_content_type(&l->r->accept);
	if (!l->is_protobuf) {
		stream(l, l->content_type);
		return;
	}
	str_clear(&l->source.pending); /* it was JSON, to see that the list is long */
	l->at = index_seek(&l->index, l->start ? l->start : l->what.prefix);
	measure_all(l);
}
