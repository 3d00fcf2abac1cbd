/* Group commit: what waits goes out as one transaction, each member with its own compares. */
#include "apiserver/store_internal.h"

/* So many waiting members are looked at for one batch. */
#define SCAN_MAX 512

enum use { USE_NONE, USE_COMPARED, USE_WRITTEN };

static void mark(struct map *uses, const struct store_queued *q, bool is_waiting)
{
	static char uses_of[] = { USE_NONE, USE_COMPARED, USE_WRITTEN };
	for (size_t i = 0; i < q->guards_count; i++)
		if (is_waiting || !map_has(uses, q->guards[i].key))
			map_put(uses, q->guards[i].key,
				&uses_of[is_waiting ? USE_WRITTEN : USE_COMPARED]);
	for (size_t i = 0; i < q->writes_count; i++)
		map_put(uses, q->writes[i].key, &uses_of[USE_WRITTEN]);
}

static enum use use_of(const struct map *uses, const char *key)
{
	const char *use = map_get(uses, key);
	return use ? (enum use) * use : USE_NONE;
}

/* Rule 1: no key written by one member is written or compared by another. */
static bool is_apart(const struct map *uses, const struct store_queued *q)
{
	for (size_t i = 0; i < q->guards_count; i++)
		if (use_of(uses, q->guards[i].key) == USE_WRITTEN)
			return false;
	for (size_t i = 0; i < q->writes_count; i++)
		if (use_of(uses, q->writes[i].key) != USE_NONE)
			return false;
	return true;
}

/* One takes its place though it guards nothing: that nothing be done a second time. */
static size_t guards_of(const struct store_queued *q)
{
	return MAX(q->guards_count, 1u);
}

static bool fits(const struct store_batch *b, const struct store_queued *q)
{
	if (b->count == 0)
		return true;
	return !q->goes_alone && !b->members[0]->goes_alone &&
	       b->keys + q->writes_count <= STORE_PLACES &&
	       b->guards + guards_of(q) <= STORE_BATCH_GUARDS_MAX &&
	       b->bytes + q->bytes <= STORE_BATCH_BYTES;
}

static bool has_lease(struct store *s, struct store_queued *q)
{
	if (q->ttl_s && !q->lease)
		q->lease = store_lease_for(s, q->ttl_s, (unsigned)q->writes_count);
	return !q->ttl_s || q->lease;
}

static void gather(struct store *s, struct store_batch *b)
{
	struct map uses = { 0 };
	struct store_queued **link = &s->first;
	for (size_t seen = 0; *link && seen < SCAN_MAX && b->keys < STORE_PLACES; seen++) {
		struct store_queued *q = *link;
		bool goes = is_apart(&uses, q) && fits(b, q) && has_lease(s, q);
		mark(&uses, q, !goes); /* what waits holds its keys: order stays per key */
		if (!goes) {
			link = &q->next;
			continue;
		}
		*link = q->next;
		if (s->last == &q->next)
			s->last = link;
		q->next = NULL;
		b->members[b->count++] = q;
		b->keys += (unsigned)q->writes_count;
		b->bytes += q->bytes;
		b->guards += guards_of(q);
		s->counts.queued_now--;
	}
	map_fini(&uses);
}

static size_t put_compares(struct store *s, const struct store_queued *q,
			   struct backend_compare *to)
{
	size_t n = 0;
	/* Never a second time: only look what became of it. */
	if (q->is_doubtful && !q->is_protected)
		to[n++] = (struct backend_compare){ q->writes[0].key, STORE_NO_REVISION };
	for (size_t i = 0; n == i && i < q->guards_count; i++) {
		const struct store_guard *g = &q->guards[i];
		uint64_t revision = 0;
		if (g->kind == STORE_AT_VERSION)
			revision = store_version_revision(g->version);
		else if (g->kind == STORE_VALUE_IS)
			revision = store_known_revision(s, g);
		to[n++] = (struct backend_compare){ g->key, revision };
	}
	return n;
}

static size_t put_reads(const struct store_queued *q, const char **to)
{
	size_t n = 0;
	for (size_t i = 0; i < q->guards_count; i++)
		if (q->guards[i].kind == STORE_VALUE_IS)
			to[n++] = q->guards[i].key;
	for (size_t i = 0; q->is_doubtful && i < q->writes_count; i++)
		to[n++] = q->writes[i].key;
	return n;
}

static void put_ops(struct store *s, struct store_queued *q, unsigned place, struct backend_op *to)
{
	for (size_t i = 0; i < q->writes_count; i++) {
		struct store_write *w = &q->writes[i];
		to[i] = (struct backend_op){ .is_delete = w->kind == STORE_DELETE, .key = w->key };
		if (to[i].is_delete)
			continue;
		uint8_t *value = (uint8_t *)w->bytes - STORE_HEADER_SIZE;
		store_header_write(
			&(struct store_header){
				.flags = w->sealed_by ? STORE_FLAG_ENCRYPTED : 0,
				.key_id = w->sealed_by,
				.place = (uint8_t)(place + i),
				.nonce = q->nonce,
				.schema_revision = w->schema_revision ? w->schema_revision
								      : s->schema_revision,
			},
			value);
		to[i].value = value;
		to[i].len = w->len + STORE_HEADER_SIZE;
		to[i].lease = w->ttl_s ? q->lease : 0;
	}
}

static void lay_out(struct store *s, struct store_batch *b)
{
	struct backend_compare *compare = b->compares;
	struct backend_op *op = b->ops;
	const char **read = b->reads;
	for (size_t i = 0; i < b->count; i++) {
		struct store_queued *q = b->members[i];
		struct backend_member *m = &b->out[i];
		*m = (struct backend_member){
			.compares = compare, .ops = op, .ops_count = q->writes_count, .reads = read
		};
		m->compares_count = put_compares(s, q, compare);
		m->reads_count = put_reads(q, read);
		put_ops(s, q, (unsigned)(op - b->ops), op);
		compare += m->compares_count;
		read += m->reads_count;
		op += q->writes_count;
	}
}

void store_batch_free(struct store_batch *b)
{
	for (size_t i = 0; b && i < b->count; i++)
		if (b->members[i])
			store_queued_free(b->members[i]);
	free(b);
}

void store_batch_expire(struct store *s, int64_t now_ms, int64_t *ret_next_ms)
{
	struct store_batch *b = s->in_flight;
	for (size_t i = 0; b && i < b->count; i++) {
		struct store_queued *q = b->members[i];
		if (!q->done)
			continue;
		if (q->deadline_ms > now_ms) {
			*ret_next_ms = MIN(*ret_next_ms, q->deadline_ms);
			continue;
		}
		struct error err;
		store_late(s, &err);
		store_answer(q, STORE_UNKNOWN, 0, &err);
	}
}

void store_pump(struct store *s)
{
	if (s->in_flight || !s->first || s->doubt != DOUBT_NONE || !store_may_write(s))
		return;
	if (s->failures)
		store_answer_evident(s);
	/* 40 KB, of which a batch of few writes touches little: what lay_out() writes is not cleared. */
	struct store_batch *b = xrealloc(NULL, 1, sizeof *b);
	b->store = s;
	b->count = b->bytes = b->guards = 0;
	b->keys = 0;
	if (!s->in_flight && s->first)
		gather(s, b);
	if (b->count == 0) { /* waiting for a lease */
		free(b);
		return;
	}
	lay_out(s, b);
	s->in_flight = b;
	s->counts.batches++;
	s->counts.members += b->count;
	s->counts.keys += b->keys;
	s->counts.batch_keys_max = MAX(s->counts.batch_keys_max, b->keys);
	s->backend->ops->txn(s->backend, b->out, b->count, STORE_TXN_TIMEOUT_MS, store_batch_done,
			     b);
}
