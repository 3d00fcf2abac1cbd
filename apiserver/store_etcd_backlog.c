#include "apiserver/store_etcd_backlog.h"

struct etcd_message {
	struct etcd_message *next;
	struct etcd_kvs kvs;
	size_t taken;
	void (*free)(void *memory);
	void *memory; /* that the values lie in */
};

static void message_free(struct etcd_message *m)
{
	etcd_kvs_fini(&m->kvs);
	m->free(m->memory);
	free(m);
}

static struct etcd_message *take_first(struct etcd_backlog *l)
{
	struct etcd_message *m = l->first;
	l->first = m->next;
	if (!l->first)
		l->last = &l->first;
	return m;
}

static void put_first(struct etcd_backlog *l, struct etcd_message *m)
{
	m->next = l->first;
	l->first = m;
	if (!m->next)
		l->last = &m->next;
}

static void go_on(void *ctx)
{
	struct etcd_backlog *l = ctx;
	int64_t begun_us = loop_turn_us(l->loop);
	while (l->first && !store_turn_is_over(l->loop, begun_us)) {
		/* Out of the list meanwhile: whoever takes its events may drop them all. */
		struct etcd_message *m = take_first(l);
		uint64_t epoch = l->epoch;
		m->taken += l->tell(l->ctx, m->kvs.at + m->taken, m->kvs.count - m->taken);
		if (l->epoch == epoch && m->taken < m->kvs.count)
			put_first(l, m);
		else
			message_free(m);
	}
	if (l->first)
		loop_timer_set(l->timer, 0);
}

void etcd_backlog_init(struct etcd_backlog *l, struct loop *loop, etcd_backlog_tell *tell,
		       void *ctx)
{
	*l = (struct etcd_backlog){ .loop = loop, .tell = tell, .ctx = ctx };
	l->last = &l->first;
	l->timer = loop_timer_new(loop, go_on, l);
}

void etcd_backlog_fini(struct etcd_backlog *l)
{
	etcd_backlog_clear(l);
	loop_timer_free(l->timer);
}

void etcd_backlog_clear(struct etcd_backlog *l)
{
	l->epoch++;
	while (l->first)
		message_free(take_first(l));
	loop_timer_stop(l->timer);
}

bool etcd_backlog_has_turn(const struct etcd_backlog *l)
{
	return !l->first && loop_turn_us(l->loop) < STORE_TURN_LONG_US;
}

void etcd_backlog_add(struct etcd_backlog *l, struct etcd_kvs *take_kvs, size_t taken,
		      void *take_memory, void (*free_memory)(void *memory))
{
	struct etcd_message *m = xcalloc(1, sizeof *m);
	*m = (struct etcd_message){
		.kvs = *take_kvs, .taken = taken, .free = free_memory, .memory = take_memory
	};
	*take_kvs = (struct etcd_kvs){ 0 };
	*l->last = m;
	l->last = &m->next;
	loop_timer_set(l->timer, 0);
}
