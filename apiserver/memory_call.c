#include "apiserver/memory_call.h"

struct backend_kv memory_kv(const char *key, const struct memory_version *v)
{
	struct backend_kv kv = { .key = key };
	if (v && !v->is_deleted)
		kv = (struct backend_kv){ key, v->bytes, v->len, v->create_revision,
					  v->mod_revision };
	else if (v)
		kv.mod_revision = v->mod_revision;
	return kv;
}

/* The answer may come after a compaction. */
static struct backend_kv read_and_hold(struct memory_call *c, const char *key)
{
	struct memory_version *v = memory_at(c->etcd, key, 0);
	if (v) {
		v->refs++;
		c->held[c->held_count++] = v;
	}
	return memory_kv(key, v);
}

static bool holds(const struct memory_etcd *e, const struct backend_member *m)
{
	for (size_t i = 0; i < m->compares_count; i++) {
		const struct memory_version *v = memory_at(e, m->compares[i].key, 0);
		if ((v ? v->mod_revision : 0) != m->compares[i].mod_revision)
			return false;
	}
	return true;
}

/* As etcd: two puts of one key in one transaction are refused, in whatever member. */
static bool puts_twice(const struct memory_call *c)
{
	const struct backend_op *ops = c->members[0].ops;
	size_t n = 0;
	for (size_t i = 0; i < c->count; i++)
		n += c->members[i].ops_count; /* their copies lie in a row */
	for (size_t i = 1; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (!ops[i].is_delete && !ops[j].is_delete && streq(ops[i].key, ops[j].key))
				return true;
	return false;
}

static enum backend_outcome check_txn(const struct memory_call *c)
{
	const struct memory_etcd *e = c->etcd;
	size_t bytes = 0;
	bool has_put = false;
	for (size_t i = 0; i < c->count; i++)
		for (size_t j = 0; j < c->members[i].ops_count; j++) {
			const struct backend_op *op = &c->members[i].ops[j];
			bytes += strlen(op->key) + op->len;
			has_put |= !op->is_delete;
			if (op->lease && !memory_has_lease(e, op->lease))
				return BACKEND_LEASE_GONE;
		}
	if (bytes > e->request_max)
		return BACKEND_TOO_LARGE;
	if (puts_twice(c))
		return BACKEND_REFUSED;
	return e->is_full && has_put ? BACKEND_FULL : BACKEND_OK;
}

/* Every compare before any write, as etcd evaluates them. */
static void run_txn(struct memory_call *c)
{
	struct memory_etcd *e = c->etcd;
	c->outcome = check_txn(c);
	if (c->outcome != BACKEND_OK)
		return;
	struct backend_kv *reads = c->kvs;
	for (size_t i = 0; i < c->count; i++)
		c->results[i].succeeded = holds(e, &c->members[i]);
	for (size_t i = 0; i < c->count; i++) {
		const struct backend_member *m = &c->members[i];
		for (size_t j = 0; c->results[i].succeeded && j < m->ops_count; j++) {
			const struct backend_op *op = &m->ops[j];
			if (!op->is_delete)
				memory_put(e, op->key, op->value, op->len, op->lease);
			else if (memory_delete(e, op->key))
				c->results[i].deleted |= 1ull << j;
		}
	}
	memory_commit(e);
	for (size_t i = 0; i < c->count; i++) {
		const struct backend_member *m = &c->members[i];
		c->results[i].reads = reads;
		for (size_t j = 0; j < m->reads_count; j++)
			*reads++ = read_and_hold(c, m->reads[j]);
	}
	c->number = e->revision;
}

void memory_call_range(struct memory_call *c)
{
	struct memory_etcd *e = c->etcd;
	uint64_t revision = c->range.revision ? c->range.revision : e->revision;
	if (revision < e->compacted) {
		c->outcome = BACKEND_COMPACTED;
		return;
	}
	c->number = revision;
	size_t size = 0;
	for (size_t i = memory_seek(e, c->range.from); i < e->keys_count; i++) {
		const struct memory_version *v = memory_key_at(e->keys[i], revision);
		if (c->range.is_single && !streq(e->keys[i]->key, c->range.from))
			break;
		if (!v)
			continue;
		if (c->kvs_count == (size_t)c->range.limit) {
			c->has_more = true;
			break;
		}
		if (c->kvs_count == size) {
			size = size ? 2 * size : 16;
			c->memory[1] = c->kvs = xrealloc(c->kvs, size, sizeof *c->kvs);
		}
		c->kvs[c->kvs_count++] = memory_kv(e->keys[i]->key, v);
	}
}

void memory_call_run(struct memory_call *c)
{
	struct memory_etcd *e = c->etcd;
	switch (c->kind) {
	case CALL_TXN:
		run_txn(c);
		break;
	case CALL_RANGE:
		break; /* is read when it is told: what it points to may be compacted meanwhile */
	case CALL_PROBE:
		c->number = e->revision;
		break;
	case CALL_GRANT:
		c->number = (uint64_t)memory_grant(e, (uint32_t)c->number);
		break;
	case CALL_COMPACT:
		memory_etcd_compact(e, c->number);
		break;
	}
}
