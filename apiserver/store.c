#include "apiserver/store.h"

#include <stdio.h>
#include <sys/random.h>

#include "apiserver/store_internal.h"

#define DEADLINE_MS       30000
#define DEADLINE_TURN_MS  1000
#define PROBE_DEADLINE_MS 10000
#define PROBE_TIMEOUT_MS  5000
#define BACKOFF_FIRST_MS  50
#define BACKOFF_MAX_MS    2000

int64_t store_backoff_ms(struct store *s, unsigned failures)
{
	int64_t ms = BACKOFF_FIRST_MS;
	for (unsigned i = 1; i < failures && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	ms = MIN(ms, BACKOFF_MAX_MS);
	return ms / 2 + (int64_t)rng_below(&s->rng, (uint64_t)ms);
}

/* ---- deadlines ---- */

void store_note_trouble(struct store *s, const struct error *err)
{
	int n = snprintf(s->trouble, sizeof s->trouble, "%s", err ? err->text : "");
	if (n < 0)
		s->trouble[0] = '\0';
}

void store_late(const struct store *s, struct error *err)
{
	if (s->trouble[0])
		error_set(err, ERR_UNAVAILABLE, "not done within %lld s: %s",
			  (long long)s->deadline_ms / 1000, s->trouble);
	else
		error_set(err, ERR_UNAVAILABLE, "the store did not answer in time");
}

static void expire_queue(struct store *s, int64_t now_ms, int64_t *ret_next_ms)
{
	struct store_queued **link = &s->first, *late = NULL, **late_last = &late;
	while (*link) {
		struct store_queued *q = *link;
		if (q->deadline_ms > now_ms) {
			*ret_next_ms = MIN(*ret_next_ms, q->deadline_ms);
			link = &q->next;
			continue;
		}
		*link = q->next;
		q->next = NULL;
		*late_last = q;
		late_last = &q->next;
		s->counts.queued_now--;
	}
	s->last = link;
	while (late) {
		struct store_queued *q = late;
		late = q->next;
		struct error err;
		store_late(s, &err);
		store_answer(q, q->is_doubtful ? STORE_UNKNOWN : STORE_FAILED, 0, &err);
		store_queued_free(q);
	}
}

void store_give_up(struct store *s, const struct error *err)
{
	struct store_queued *all = s->first;
	s->first = NULL;
	s->last = &s->first;
	while (all) { /* whoever asks again from inside an answer waits for the next look */
		struct store_queued *q = all;
		all = q->next;
		s->counts.queued_now--;
		store_answer(q, q->is_doubtful ? STORE_UNKNOWN : STORE_FAILED, 0, err);
		store_queued_free(q);
	}
}

static void check_deadlines(void *ctx)
{
	struct store *s = ctx;
	int64_t now_ms = loop_now_ms(s->loop), next_ms = INT64_MAX;
	store_batch_expire(s, now_ms, &next_ms);
	expire_queue(s, now_ms, &next_ms);
	/* Not more often than once a second: deadlines are long. */
	if (next_ms != INT64_MAX && !loop_timer_is_set(s->deadlines))
		loop_timer_set(s->deadlines, MAX(next_ms - now_ms, DEADLINE_TURN_MS));
}

/* ---- writing ---- */

int store_submit(struct store *s, const struct store_member *m, store_done *done, void *ctx,
		 struct error *err)
{
	assert(m->writes_count >= 1 && m->writes_count <= STORE_MEMBER_OPS_MAX);
	assert(m->guards_count <= STORE_MEMBER_OPS_MAX);
	if (s->counts.queued_now >= STORE_QUEUE_MAX)
		return error_set(err, ERR_LIMIT, "%d writes wait for the store already",
				 STORE_QUEUE_MAX);
	struct store_queued *q = store_queued_new(s, m);
	q->done = done;
	q->ctx = ctx;
	q->deadline_ms = loop_now_ms(s->loop) + s->deadline_ms;
	*s->last = q;
	s->last = &q->next;
	s->counts.queued_now++;
	if (!loop_timer_is_set(s->deadlines))
		loop_timer_set(s->deadlines, s->deadline_ms);
	store_pump(s);
	return 0;
}

void store_compact(struct store *s, uint64_t revision)
{
	s->counts.compacted_revision = MAX(s->counts.compacted_revision, revision);
	s->backend->ops->compact(s->backend, revision, STORE_CALL_TIMEOUT_MS, NULL, NULL);
}

/* ---- probes ---- */

static void send_probe(struct store *s);

static void answer_probes(struct store_prober *list, uint64_t revision, const struct error *err)
{
	while (list) {
		struct store_prober *p = list;
		list = p->next;
		p->done(p->ctx, revision, err);
		free(p);
	}
}

/* The failed probe's readers join those who wait, or give up. */
static void keep_probers(struct store *s, struct store_prober *list, const struct error *err)
{
	int64_t now_ms = loop_now_ms(s->loop);
	struct store_prober *late = NULL;
	while (list) {
		struct store_prober *p = list;
		list = p->next;
		struct store_prober **to = p->deadline_ms <= now_ms ? &late : &s->probe_waiting;
		p->next = *to;
		*to = p;
	}
	if (s->probe_waiting && !loop_timer_is_set(s->probe_retry))
		loop_timer_set(s->probe_retry, store_backoff_ms(s, 1));
	answer_probes(late, 0, err);
}

static void probe_done(void *ctx, enum backend_outcome outcome, uint64_t revision,
		       const struct error *err)
{
	struct store *s = ctx;
	struct store_prober *list = s->probing;
	s->probing = NULL;
	s->is_probe_sent = false;
	if (outcome == BACKEND_FULL) { /* it will not come back by waiting */
		struct store_prober *waiting = TAKE(s->probe_waiting);
		answer_probes(list, 0, err);
		answer_probes(waiting, 0, err);
		return;
	}
	if (outcome != BACKEND_OK) {
		keep_probers(s, list, err);
		return;
	}
	/* Whoever asks from inside the answers waits for the next one. */
	if (s->probe_waiting)
		send_probe(s);
	answer_probes(list, revision, NULL);
}

static void send_probe(struct store *s)
{
	if (s->is_probe_sent || !s->probe_waiting)
		return;
	s->probing = s->probe_waiting;
	s->probe_waiting = NULL;
	s->is_probe_sent = true;
	s->counts.probes++;
	s->backend->ops->probe(s->backend, PROBE_TIMEOUT_MS, probe_done, s);
}

static void retry_probe(void *ctx)
{
	send_probe(ctx);
}

void store_probe(struct store *s, store_probed *done, void *ctx)
{
	struct store_prober *p = xcalloc(1, sizeof *p);
	*p = (struct store_prober){ s->probe_waiting, done, ctx,
				    loop_now_ms(s->loop) + PROBE_DEADLINE_MS };
	s->probe_waiting = p;
	if (!loop_timer_is_set(s->probe_retry))
		send_probe(s);
}

/* ---- life ---- */

void store_counts(const struct store *s, struct store_counts *ret)
{
	*ret = s->counts;
}

static uint64_t random_seed(void)
{
	uint64_t seed = 0;
	/* 8 bytes always come whole; before the pool is ready the call waits. */
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		abort();
	return seed;
}

struct store *store_new(struct loop *loop, struct store_backend *take_backend,
			const struct store_options *options)
{
	struct store *s = xcalloc(1, sizeof *s);
	*s = (struct store){
		.loop = loop,
		.backend = take_backend,
		.cluster_id = options->cluster_id ? xstrdup(options->cluster_id) : NULL,
		.schema_revision = options->schema_revision,
		.deadline_ms = options->deadline_ms > 0 ? options->deadline_ms : DEADLINE_MS,
		.lease_slack_s = options->lease_slack_s,
		.rng = { options->seed ? options->seed : random_seed() },
		.compact.every_ms = options->compact_every_ms,
	};
	s->last = &s->first;
	s->settled_last = &s->settled;
	s->telling = loop_timer_new(loop, store_tell_settled, s);
	s->deadlines = loop_timer_new(loop, check_deadlines, s);
	s->retry = loop_timer_new(loop, store_doubt_retry, s);
	s->probe_retry = loop_timer_new(loop, retry_probe, s);
	s->follow_retry = loop_timer_new(loop, store_follow_retry, s);
	s->compact.timer = loop_timer_new(loop, store_compact_turn, s);
	if (s->compact.every_ms)
		loop_timer_set(s->compact.timer, s->compact.every_ms);
	if (s->cluster_id) { /* whose etcd is it? Writes wait for the answer. */
		s->follow_state = FOLLOW_WAIT;
		loop_timer_set(s->follow_retry, 0);
	}
	return s;
}

static void free_probers(struct store_prober *list)
{
	while (list) {
		struct store_prober *p = list;
		list = p->next;
		free(p);
	}
}

static void free_queued(struct store_queued *q)
{
	while (q) {
		struct store_queued *next = q->next;
		store_queued_free(q);
		q = next;
	}
}

void store_free(struct store *s)
{
	if (!s)
		return;
	s->backend->ops->free(s->backend);
	free_queued(s->first);
	free_queued(s->settled);
	store_batch_free(s->in_flight);
	free_probers(s->probing);
	free_probers(s->probe_waiting);
	const char *key;
	void *known;
	for (size_t i = 0; (i = map_next(&s->known, i, &key, &known)) != 0;)
		free(known);
	map_fini(&s->known);
	loop_timer_free(s->deadlines);
	loop_timer_free(s->telling);
	loop_timer_free(s->retry);
	loop_timer_free(s->probe_retry);
	loop_timer_free(s->follow_retry);
	loop_timer_free(s->compact.timer);
	free(s->load_from);
	free(s->cluster_id);
	free(s);
}
