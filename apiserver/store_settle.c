/* The answer to a batch, and what is done when none comes. */
#include "apiserver/store_internal.h"

#define GUESSES_MAX 8

static void requeue(struct store *s, struct store_batch *b)
{
	for (size_t i = b->count; i-- > 0;) {
		struct store_queued *q = b->members[i];
		if (!q)
			continue;
		b->members[i] = NULL;
		if (!q->done) { /* told already that its time is over */
			store_queued_free(q);
			continue;
		}
		if (!s->first)
			s->last = &q->next;
		q->next = s->first;
		s->first = q;
		s->counts.queued_now++;
	}
}

/* Versions of a member that succeeded now; `before` goes on over the batch's members. */
static void set_versions(struct store_queued *q, uint64_t revision, uint64_t deleted,
			 unsigned first_place, int *before)
{
	for (size_t i = 0; i < q->writes_count; i++) {
		bool is_delete = q->writes[i].kind == STORE_DELETE;
		if (is_delete && !(deleted >> i & 1)) { /* there was nothing: no event */
			q->versions[i] = store_version_after(revision);
			continue;
		}
		int place = store_event_place(*before, is_delete ? -1 : (int)(first_place + i));
		assert(place >= 0);
		q->versions[i] = store_version(revision, (unsigned)place);
		*before = place;
	}
}

/* Versions of a member that had won before, as far as can be known afterwards: what a put left
 * is read from its header; a delete's is not below its event's. */
static void set_late_versions(struct store_queued *q, uint64_t revision)
{
	for (size_t i = 0; i < q->writes_count; i++)
		if (!q->versions[i])
			q->versions[i] = store_version_after(revision);
}

static const struct backend_kv *read_of(const struct backend_member *m,
					const struct backend_member_result *r, const char *key)
{
	for (size_t i = 0; i < m->reads_count; i++)
		if (streq(m->reads[i], key))
			return &r->reads[i];
	return NULL;
}

/* Had the first sending won? Then the keys hold our nonce, or what we deleted is gone. */
static bool had_won(struct store_queued *q, const struct backend_member *m,
		    const struct backend_member_result *r, uint64_t revision)
{
	bool has_put = false, is_gone = q->is_protected;
	for (size_t i = 0; i < q->writes_count; i++) {
		const struct backend_kv *kv = read_of(m, r, q->writes[i].key);
		struct store_header h;
		size_t len;
		if (q->writes[i].kind == STORE_DELETE) {
			is_gone = is_gone && (!kv || !kv->value);
			continue;
		}
		has_put = true;
		if (!kv || !kv->value || !store_header_read(kv->value, kv->len, &h, &len) ||
		    h.nonce != q->nonce)
			continue;
		q->is_evident = true;
		q->evident_revision = kv->mod_revision;
		q->versions[i] = store_version(kv->mod_revision, h.place);
	}
	if (!q->is_evident && (has_put || !is_gone))
		return false;
	set_late_versions(q, q->is_evident ? q->evident_revision : revision);
	return true;
}

/* A VALUE_IS guard is compared by the revision at which the value was last seen. True: a key
 * holds the value after all, at a revision that we did not know. */
static bool learn_values(struct store *s, struct store_queued *q, const struct backend_member *m,
			 const struct backend_member_result *r)
{
	bool is_news = false, all_same = true;
	for (size_t i = 0; i < q->guards_count; i++) {
		const struct store_guard *g = &q->guards[i];
		if (g->kind != STORE_VALUE_IS)
			continue;
		uint64_t guess = store_known_revision(s, g);
		const struct backend_kv *kv = read_of(m, r, g->key);
		struct store_header h;
		size_t skip = 0;
		if (kv && kv->value)
			(void)store_header_read(kv->value, kv->len, &h, &skip); /* else: none */
		store_known_set(s, g->key, kv && kv->value ? kv->mod_revision : 0,
				kv && kv->value ? (const char *)kv->value + skip : NULL,
				kv && kv->value ? kv->len - skip : 0);
		uint64_t now = store_known_revision(s, g);
		all_same = all_same && now != STORE_NO_REVISION;
		is_news = is_news || now != guess;
	}
	return is_news && all_same && q->guesses++ < GUESSES_MAX;
}

/* Its answer is told when the next batch has left. */
static void will_tell(struct store *s, struct store_queued *q, enum store_outcome outcome,
		      uint64_t revision)
{
	q->outcome = outcome;
	q->revision = revision;
	q->next = NULL;
	*s->settled_last = q;
	s->settled_last = &q->next;
}

/* Answers may be large: each is made by whoever asked. */
void store_tell_settled(void *ctx)
{
	struct store *s = ctx;
	int64_t begun_us = loop_turn_us(s->loop);
	while (s->settled) {
		struct store_queued *q = s->settled;
		s->settled = q->next;
		if (!s->settled)
			s->settled_last = &s->settled;
		store_answer(q, q->outcome, q->revision, NULL);
		store_queued_free(q);
		if (s->settled && store_turn_is_over(s->loop, begun_us)) {
			loop_timer_set(s->telling, 0);
			return;
		}
	}
}

/* True: the member has its answer, and is no longer the batch's. False: it goes again. */
static bool settle_failed(struct store *s, struct store_queued *q, const struct backend_member *m,
			  const struct backend_member_result *r, uint64_t revision)
{
	if (q->is_doubtful && had_won(q, m, r, revision)) {
		will_tell(s, q, STORE_DONE, q->is_evident ? q->evident_revision : revision);
		return true;
	}
	if (q->is_doubtful && !q->is_protected) {
		struct error err;
		error_set(&err, ERR_UNAVAILABLE, "the store's answer was lost");
		store_answer(q, STORE_UNKNOWN, 0, &err);
		store_queued_free(q);
		return true;
	}
	if (learn_values(s, q, m, r))
		return false;
	will_tell(s, q, STORE_REFUSED, revision);
	return true;
}

static void settle(struct store *s, struct store_batch *b, uint64_t revision,
		   const struct backend_member_result *results)
{
	int before = -1;
	unsigned place = 0;
	for (size_t i = 0; i < b->count; i++) {
		struct store_queued *q = b->members[i];
		bool is_answered = true;
		unsigned writes = (unsigned)q->writes_count;
		if (results[i].succeeded) {
			set_versions(q, revision, results[i].deleted, place, &before);
			will_tell(s, q, STORE_DONE, revision);
		} else {
			is_answered = settle_failed(s, q, &b->out[i], &results[i], revision);
		}
		place += writes;
		if (is_answered)
			b->members[i] = NULL;
	}
	requeue(s, b);
}

static void answer_all(struct store_batch *b, enum store_outcome outcome, const struct error *err)
{
	for (size_t i = 0; i < b->count; i++) {
		/* What may have been carried out before stays unknown. */
		bool is_open = b->members[i]->is_doubtful && outcome != STORE_DONE;
		store_answer(b->members[i], is_open ? STORE_UNKNOWN : outcome, 0, err);
		store_queued_free(b->members[i]);
		b->members[i] = NULL;
	}
}

static void doubt_all(struct store *s, struct store_batch *b, bool may_have_run)
{
	for (size_t i = 0; i < b->count; i++)
		b->members[i]->is_doubtful |= may_have_run;
	s->failures++;
	s->counts.retries++;
	requeue(s, b);
	store_doubt_begin(s);
}

/* The whole batch was refused: one bad write must not fail the others. */
static void split(struct store *s, struct store_batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		b->members[i]->goes_alone = true;
	s->counts.retries++;
	requeue(s, b);
}

static void renew_leases(struct store *s, struct store_batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->members[i]->lease)
			store_lease_forget(s, b->members[i]->lease);
		b->members[i]->lease = 0;
	}
	s->counts.retries++;
	requeue(s, b);
}

void store_batch_done(void *ctx, enum backend_outcome outcome, uint64_t revision,
		      const struct backend_member_result *results, const struct error *err)
{
	struct store_batch *b = ctx;
	struct store *s = b->store;
	s->in_flight = NULL;
	if (outcome == BACKEND_OK)
		s->failures = 0;
	store_note_trouble(s, outcome == BACKEND_OK ? NULL : err);
	switch (outcome) {
	case BACKEND_OK:
		settle(s, b, revision, results);
		break;
	case BACKEND_NOT_RUN:
	case BACKEND_UNKNOWN:
		doubt_all(s, b, outcome == BACKEND_UNKNOWN);
		break;
	case BACKEND_TOO_LARGE:
	case BACKEND_REFUSED:
	case BACKEND_FULL: /* a full etcd still takes deletes */
		if (b->count > 1)
			split(s, b);
		else
			answer_all(b, outcome == BACKEND_TOO_LARGE ? STORE_TOO_LARGE : STORE_FAILED,
				   err);
		break;
	case BACKEND_LEASE_GONE:
		renew_leases(s, b);
		break;
	case BACKEND_COMPACTED:
	case BACKEND_OUTCOME_COUNT:
		answer_all(b, STORE_FAILED, err);
		break;
	}
	store_batch_free(b);
	store_pump(s);
	/* The next batch leaves when the connection's turn ends: those who wait are told meanwhile. */
	if (!s->in_flight && loop_turn_us(s->loop) < STORE_TURN_LONG_US)
		store_tell_settled(s);
	else
		loop_timer_set(s->telling, 0);
}

/* ---- evidence from the follower ---- */

static void notice(struct store_queued *q, const struct backend_kv *kv,
		   const struct store_header *h, unsigned place)
{
	if (h && h->nonce != q->nonce)
		return;
	for (size_t i = 0; i < q->writes_count; i++) {
		bool is_delete = q->writes[i].kind == STORE_DELETE;
		if (is_delete != !h || !streq(q->writes[i].key, kv->key))
			continue;
		/* A delete leaves no nonce: it says its version, and proves nothing. */
		q->versions[i] = store_version(kv->mod_revision, place);
		if (is_delete)
			continue;
		q->is_evident = true;
		q->evident_revision = kv->mod_revision;
	}
}

void store_notice(struct store *s, const struct backend_kv *kv, const struct store_header *h,
		  unsigned place)
{
	for (struct store_queued *q = s->failures ? s->first : NULL; q; q = q->next)
		if (q->is_doubtful)
			notice(q, kv, h, place);
	/* The event may be here before the answer is known to be lost. */
	for (size_t i = 0; s->in_flight && i < s->in_flight->count; i++)
		notice(s->in_flight->members[i], kv, h, place);
}

void store_answer_evident(struct store *s)
{
	struct store_queued **link = &s->first;
	while (*link) {
		struct store_queued *q = *link;
		if (!q->is_evident) {
			link = &q->next;
			continue;
		}
		*link = q->next;
		if (s->last == &q->next)
			s->last = link;
		s->counts.queued_now--;
		set_late_versions(q, q->evident_revision);
		store_answer(q, STORE_DONE, q->evident_revision, NULL);
		store_queued_free(q);
		link = &s->first; /* the answer may have queued more */
	}
}
