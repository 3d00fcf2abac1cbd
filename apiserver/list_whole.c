/* Lists that are made as a whole, on a worker: YAML, what is printed for people, protobuf in gzip, and
 * objects in protobuf that another version's are made of. */
#include "apiserver/gzip.h"
#include "apiserver/list_internal.h"

#define PROTOBUF_MAX (1u << 30)

static void encode_items(struct list *l, struct str *out)
{
	static const char room[RENDER_LIST_ROOM];
	AUTO_STR text;
	const char *kind;
	str_init(out, PROTOBUF_MAX);
	str_init(&text, 65536);
	str_add_bytes(out, room, sizeof room);
	list_add_metadata(l, &text);
	render_protobuf_list_head(text.data, text.len, out);
	l->at = index_seek(&l->index, l->start ? l->start : l->what.prefix);
	for (l->left = l->limit; !l->limit || l->left > 0;) {
		struct object *o = index_next(&l->index, &l->at);
		if (!o || !starts_with(o->key, l->what.prefix))
			break;
		if (!selection_has(&l->what, o))
			continue;
		l->left--;
		render_protobuf_list_item(l->what.kind, list_is_partial(l), o, out);
	}
	list_protobuf_type(l, &text, &kind);
	render_protobuf_list_end(text.data, kind, out);
	l->content_type = render_content_type(&l->r->accept);
}

/* On a worker: the snapshot is the list's own and nobody changes it. */
static void render_step(void *list)
{
	struct list *l = list;
	struct str *json = &l->source.pending;
	AUTO_STR whole = { .max = 0 };
	if (list_encodes_items(l)) {
		encode_items(l, &whole);
	} else {
		str_init(&whole, RENDER_MAX);
		while (list_add_some(l, json))
			;
		l->content_type = render_bytes(&l->r->accept, json->data, json->len, &whole);
	}
	l->is_packed = l->is_packed && whole.len >= GZIP_BYTES;
	if (l->is_packed) {
		AUTO(gzip) *g = gzip_new();
		gzip_add(g, whole.data, whole.len, true, &l->rendered);
	} else {
		struct str empty = l->rendered;
		l->rendered = whole;
		whole = empty;
	}
}

static void rendered(void *list, bool is_gone)
{
	struct list *l = list;
	struct request *r = TAKE(l->r);
	struct failure f = { 0 };
	if (is_gone) {
		request_abandon(r);
	} else if (!str_ok(&l->source.pending) || !str_ok(&l->rendered)) {
		fail(&f, 413, "RequestEntityTooLarge",
		     "the list is too large for this encoding: ask for pages (limit) or for JSON");
		reply_failure(r, &f);
	} else {
		reply_whole(r, l->content_type, l->is_packed, &l->rendered);
	}
	list_free(l);
}

void list_answer_whole(struct list *l)
{
	server_offload(l->server, render_step, rendered, l);
}
