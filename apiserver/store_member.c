/* Members in the queue: their own copy of everything, and their answer. */
#include "apiserver/store_internal.h"

#define KNOWN_MAX   1024
#define OP_OVERHEAD 64 /* of a key in the transaction, about */

static bool is_protected(const struct store_member *m)
{
	for (size_t i = 0; i < m->guards_count; i++)
		for (size_t j = 0; j < m->writes_count; j++)
			if (m->guards[i].kind != STORE_VALUE_IS &&
			    streq(m->guards[i].key, m->writes[j].key))
				return true;
	return false;
}

static size_t size_of(const struct store_member *m)
{
	size_t n = sizeof(struct store_queued) + m->guards_count * sizeof *m->guards +
		   m->writes_count * sizeof *m->writes;
	for (size_t i = 0; i < m->guards_count; i++)
		n += strlen(m->guards[i].key) + 1 +
		     (m->guards[i].kind == STORE_VALUE_IS ? m->guards[i].len : 0);
	for (size_t i = 0; i < m->writes_count; i++)
		n += strlen(m->writes[i].key) + 1 + STORE_HEADER_SIZE + m->writes[i].len;
	return n;
}

static char *keep(char **at, const void *bytes, size_t n)
{
	char *to = *at;
	if (n)
		memcpy(to, bytes, n);
	*at += n;
	return to;
}

static void keep_guards(struct store_queued *q, const struct store_member *m, char **at)
{
	for (size_t i = 0; i < m->guards_count; i++) {
		struct store_guard *g = &q->guards[i];
		*g = m->guards[i];
		g->key = keep(at, g->key, strlen(g->key) + 1);
		if (g->kind == STORE_VALUE_IS)
			g->bytes = keep(at, g->bytes, g->len);
		q->bytes += strlen(g->key) + OP_OVERHEAD;
	}
}

static void keep_writes(struct store_queued *q, const struct store_member *m, char **at)
{
	for (size_t i = 0; i < m->writes_count; i++) {
		struct store_write *w = &q->writes[i];
		*w = m->writes[i];
		assert(w->key[0] && strlen(w->key) <= STORE_KEY_MAX);
		w->key = keep(at, w->key, strlen(w->key) + 1);
		*at += STORE_HEADER_SIZE; /* written when the place is known */
		w->bytes = keep(at, w->bytes, w->kind == STORE_PUT ? w->len : 0);
		q->ttl_s = MAX(q->ttl_s, w->ttl_s);
		q->bytes += strlen(w->key) + w->len + OP_OVERHEAD;
	}
}

struct store_queued *store_queued_new(struct store *s, const struct store_member *m)
{
	struct store_queued *q = xcalloc(1, size_of(m));
	q->guards = (struct store_guard *)(void *)(q + 1);
	q->guards_count = m->guards_count;
	q->writes = (struct store_write *)(void *)(q->guards + m->guards_count);
	q->writes_count = m->writes_count;
	q->is_protected = is_protected(m);
	do
		q->nonce = rng_next(&s->rng);
	while (!q->nonce);
	char *at = (char *)(q->writes + m->writes_count);
	keep_guards(q, m, &at);
	keep_writes(q, m, &at);
	return q;
}

void store_queued_free(struct store_queued *q)
{
	free(q);
}

void store_answer(struct store_queued *q, enum store_outcome outcome, uint64_t revision,
		  const struct error *err)
{
	store_done *done = q->done;
	q->done = NULL;
	if (done)
		done(q->ctx, outcome, revision, outcome == STORE_DONE ? q->versions : NULL, err);
}

/* ---- what VALUE_IS keys last were ---- */

void store_known_set(struct store *s, const char *key, uint64_t revision, const void *bytes,
		     size_t len)
{
	if (s->known.count >= KNOWN_MAX && !map_has(&s->known, key)) {
		const char *old;
		void *value;
		for (size_t i = 0; (i = map_next(&s->known, i, &old, &value)) != 0;)
			free(value);
		map_fini(&s->known);
		s->known = (struct map){ 0 };
	}
	struct store_known *k = xcalloc(1, sizeof *k + len);
	k->revision = revision;
	k->len = len;
	if (len)
		memcpy(k->bytes, bytes, len);
	free(map_put(&s->known, key, k));
}

uint64_t store_known_revision(struct store *s, const struct store_guard *g)
{
	const struct store_known *k = map_get(&s->known, g->key);
	bool is_same =
		k && k->revision && k->len == g->len && memcmp(k->bytes, g->bytes, g->len) == 0;
	return is_same ? k->revision : STORE_NO_REVISION;
}
