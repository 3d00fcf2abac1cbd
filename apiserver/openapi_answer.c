#include "apiserver/openapi_answer.h"
#include "apiserver/openapi_whole.h"
#include "apiserver/server_internal.h"
#include "apiserver/work.h"
#include "common/base/map.h"
#include "schemas/discovery.h"

#include <inttypes.h>

#define DOCUMENT_MAX (64u << 20)

/* What documents are answered as; of protobuf's names Go refuses to parse the one with an @. */
static const char *const types[] = { "application/json",
				     "application/com.github.proto-openapi.spec.v3@v1.0+protobuf",
				     "application/com.github.proto-openapi.spec.v3.v1.0+protobuf" };

enum what { WHAT_INDEX, WHAT_NAMED, WHAT_NAMED_PROTOBUF };

struct answer {
	struct request *r;
	enum what what;
	char *name;          /* of a document, as in the index */
	struct kinds *kinds; /* a snapshot */
	bool has_keys;
	uint64_t changes; /* the server's, when it was asked for */
	struct str text;
	bool is_there;
	uint64_t hash;
};

static void answer_free(struct answer *a)
{
	kinds_free(a->kinds);
	str_fini(&a->text);
	free(a->name);
	free(a);
}

/* On a worker. */
static void render(void *answer)
{
	struct answer *a = answer;
	a->is_there = true;
	switch (a->what) {
	case WHAT_INDEX:
		openapi_v3_index(a->kinds, a->has_keys, &a->text);
		break;
	case WHAT_NAMED:
	case WHAT_NAMED_PROTOBUF:
		a->is_there = openapi_v3_named(a->kinds, a->name, &a->text);
		break;
	}
	a->hash = hash_bytes(a->text.data, a->text.len);
	if (a->what == WHAT_NAMED_PROTOBUF && a->is_there && str_ok(&a->text)) {
		struct str protobuf;
		str_init(&protobuf, DOCUMENT_MAX);
		openapi_v3_protobuf(&a->text, &protobuf);
		str_fini(&a->text);
		a->text = protobuf;
	}
}

/* A document's address in the index holds its hash, as JSON: there it may be kept for long, and with
 * an old hash it leads to the new one. */
static void reply_document(struct request *r, const struct answer *a)
{
	const char *hash = query_get(&r->query, "hash");
	char now[24];
	int n = snprintf(now, sizeof now, "%016" PRIX64, a->hash);
	assert(n > 0 && n < (int)sizeof now);
	if (hash && !streq(hash, now)) {
		auto_free char *location = xasprintf("%s?hash=%s", r->x->path, now);
		reply_moved(r, location);
		return;
	}
	reply_cached(r, types[a->what == WHAT_NAMED ? 0 : ARRAY_LEN(types) - 1], a->text.data,
		     a->text.len, hash != NULL);
}

static void keep_index(struct server *s, const struct answer *a)
{
	if (a->changes != s->openapi_changes)
		return; /* it was true when it was asked for, and is no more */
	free(s->openapi_index);
	s->openapi_index = xstrdup(a->text.data);
}

static void rendered(void *answer, bool is_gone)
{
	struct answer *a = answer;
	struct request *r = TAKE(a->r);
	struct failure f = { 0 };
	if (is_gone) {
		request_abandon(r);
	} else if (!a->is_there || !str_ok(&a->text)) {
		fail_path(&f);
		reply_failure(r, &f);
	} else if (a->what == WHAT_INDEX) {
		keep_index(r->server, a);
		reply_cached(r, types[0], a->text.data, a->text.len, false);
	} else {
		reply_document(r, a);
	}
	answer_free(a);
}

static void answer(struct request *r, enum what what, const char *name)
{
	struct server *s = r->server;
	struct answer *a = xcalloc(1, sizeof *a);
	*a = (struct answer){ .r = r,
			      .what = what,
			      .name = xstrdup(name),
			      .kinds = kinds_snapshot(s->kinds),
			      .has_keys = s->tokens != NULL,
			      .changes = s->openapi_changes };
	str_init(&a->text, DOCUMENT_MAX);
	server_offload(s, render, rendered, a);
}

bool openapi_serve(struct request *r)
{
	static const char documents[] = "/openapi/v3/";
	struct server *s = r->server;
	const char *path = r->x->path;
	if (streq(path, "/openapi/v3")) {
		const char *index = s->openapi_index;
		if (index)
			reply_cached(r, "application/json", index, strlen(index), false);
		else
			answer(r, WHAT_INDEX, "");
		return true;
	}
	if (streq(path, "/openapi/v2")) {
		if (!s->openapi_whole)
			s->openapi_whole = openapi_whole_new(s);
		openapi_whole_serve(s->openapi_whole, r);
		return true;
	}
	if (!starts_with(path, documents))
		return false;
	size_t type = accept_choose_type(http_header_get(r->x, "Accept"), types, ARRAY_LEN(types));
	if (type == SIZE_MAX)
		reply_text(r, 406, "text/plain; charset=utf-8", "", 0);
	else
		answer(r, type ? WHAT_NAMED_PROTOBUF : WHAT_NAMED, path + sizeof documents - 1);
	return true;
}

void openapi_changed(struct server *s)
{
	free(TAKE(s->openapi_index));
	s->openapi_changes++;
}
