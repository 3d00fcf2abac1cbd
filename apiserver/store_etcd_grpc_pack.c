#include "apiserver/store_etcd_grpc_pack.h"

#include "proto/etcd.pb-c.h"

static ProtobufCBinaryData binary(const void *bytes, size_t len)
{
	return (ProtobufCBinaryData){ len, (uint8_t *)bytes };
}

static ProtobufCBinaryData text(const char *s)
{
	return binary(s, strlen(s));
}

/* From a key to the end of the key space: "\0". */
static ProtobufCBinaryData first_key(void)
{
	return binary("", 1);
}

static struct grpc_message pack(const ProtobufCMessage *m)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	struct grpc_message b = grpc_message_new(len);
	protobuf_c_message_pack(m, b.bytes);
	return b;
}

/* ---- transactions ---- */

/* Everything that points: sized by what the members hold. */
struct packing {
	Etcd__Compare *compares, **compare_list;
	Etcd__RequestOp *ops, **op_list;
	Etcd__PutRequest *puts;
	Etcd__DeleteRangeRequest *deletes;
	Etcd__RangeRequest *ranges;
	Etcd__TxnRequest *txns;
};

static void packing_init(struct packing *p, const struct backend_member *members, size_t count)
{
	size_t compares = 0, ops = 0;
	for (size_t i = 0; i < count; i++) {
		compares += members[i].compares_count;
		ops += members[i].ops_count + members[i].reads_count;
	}
	ops += count; /* the nested transactions themselves */
	p->compares = xcalloc(compares + 1, sizeof *p->compares);
	p->compare_list = xcalloc(compares + 1, sizeof *p->compare_list);
	p->ops = xcalloc(ops, sizeof *p->ops);
	p->op_list = xcalloc(ops, sizeof *p->op_list);
	p->puts = xcalloc(ops, sizeof *p->puts);
	p->deletes = xcalloc(ops, sizeof *p->deletes);
	p->ranges = xcalloc(ops, sizeof *p->ranges);
	p->txns = xcalloc(count + 1, sizeof *p->txns);
}

static void packing_fini(struct packing *p)
{
	void *owned[] = { p->compares, p->compare_list, p->ops,    p->op_list,
			  p->puts,     p->deletes,      p->ranges, p->txns };
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
}

static void add_compares(struct packing *to, const struct backend_member *m, Etcd__TxnRequest *txn)
{
	txn->compare = to->compare_list;
	txn->n_compare = m->compares_count;
	for (size_t i = 0; i < m->compares_count; i++) {
		Etcd__Compare *c = to->compares++;
		etcd__compare__init(c);
		c->target = ETCD__COMPARE__COMPARE_TARGET__MOD;
		c->key = text(m->compares[i].key);
		c->target_union_case = ETCD__COMPARE__TARGET_UNION_MOD_REVISION;
		c->mod_revision = (int64_t)m->compares[i].mod_revision;
		*to->compare_list++ = c;
	}
}

static Etcd__RequestOp *next_op(struct packing *to)
{
	Etcd__RequestOp *op = to->ops++;
	etcd__request_op__init(op);
	*to->op_list++ = op;
	return op;
}

static void add_ops(struct packing *to, const struct backend_member *m, Etcd__TxnRequest *txn)
{
	txn->success = to->op_list;
	txn->n_success = m->ops_count;
	for (size_t i = 0; i < m->ops_count; i++) {
		const struct backend_op *from = &m->ops[i];
		Etcd__RequestOp *op = next_op(to);
		if (from->is_delete) {
			Etcd__DeleteRangeRequest *d = to->deletes++;
			etcd__delete_range_request__init(d);
			d->key = text(from->key);
			op->request_case = ETCD__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE;
			op->request_delete_range = d;
		} else {
			Etcd__PutRequest *p = to->puts++;
			etcd__put_request__init(p);
			p->key = text(from->key);
			p->value = binary(from->value, from->len);
			p->lease = from->lease;
			op->request_case = ETCD__REQUEST_OP__REQUEST_REQUEST_PUT;
			op->request_put = p;
		}
	}
}

static void add_reads(struct packing *to, const struct backend_member *m, Etcd__TxnRequest *txn)
{
	txn->failure = to->op_list;
	txn->n_failure = m->reads_count;
	for (size_t i = 0; i < m->reads_count; i++) {
		Etcd__RequestOp *op = next_op(to);
		Etcd__RangeRequest *r = to->ranges++;
		etcd__range_request__init(r);
		r->key = text(m->reads[i]);
		op->request_case = ETCD__REQUEST_OP__REQUEST_REQUEST_RANGE;
		op->request_range = r;
	}
}

static Etcd__TxnRequest *add_member(struct packing *to, const struct backend_member *m)
{
	Etcd__TxnRequest *txn = to->txns++;
	etcd__txn_request__init(txn);
	add_compares(to, m, txn);
	add_ops(to, m, txn);
	add_reads(to, m, txn);
	return txn;
}

struct grpc_message etcd_pack_txn(const struct backend_member *members, size_t count)
{
	struct packing all, at;
	packing_init(&all, members, count);
	at = all;
	Etcd__TxnRequest *txn;
	if (count == 1) {
		txn = add_member(&at, &members[0]);
	} else {
		txn = at.txns++;
		etcd__txn_request__init(txn);
		txn->success = at.op_list;
		txn->n_success = count;
		Etcd__RequestOp *ops = at.ops;
		for (size_t i = 0; i < count; i++)
			next_op(&at);
		for (size_t i = 0; i < count; i++) {
			ops[i].request_case = ETCD__REQUEST_OP__REQUEST_REQUEST_TXN;
			ops[i].request_txn = add_member(&at, &members[i]);
		}
	}
	struct grpc_message b = pack(&txn->base);
	packing_fini(&all);
	return b;
}

static bool read_member(const Etcd__TxnResponse *t, const struct etcd_asked *asked,
			struct etcd_txn_answer *ret, struct backend_member_result *result)
{
	result->succeeded = t->succeeded;
	if (t->n_responses != (t->succeeded ? asked->ops_count : asked->reads_count))
		return false;
	for (size_t i = 0; i < t->n_responses; i++) {
		const Etcd__ResponseOp *op = t->responses[i];
		if (t->succeeded) {
			if (op->response_case ==
				    ETCD__RESPONSE_OP__RESPONSE_RESPONSE_DELETE_RANGE &&
			    op->response_delete_range->deleted > 0)
				result->deleted |= 1ull << i;
			continue;
		}
		if (op->response_case != ETCD__RESPONSE_OP__RESPONSE_RESPONSE_RANGE)
			return false;
		const Etcd__RangeResponse *r = op->response_range;
		const Etcd__KeyValue *kv = r->n_kvs ? r->kvs[0] : NULL;
		if (kv)
			etcd_kvs_add(&ret->kvs, kv->key.data, kv->key.len,
				     kv->value.data ? (const void *)kv->value.data : "",
				     kv->value.len, (uint64_t)kv->create_revision,
				     (uint64_t)kv->mod_revision);
		else
			etcd_kvs_add(&ret->kvs, NULL, 0, NULL, 0, 0, 0);
	}
	return true;
}

/* Where the reads of each failed member begin, once they no longer move. */
static void place_reads(const struct etcd_asked *asked, size_t count, struct etcd_txn_answer *ret)
{
	const struct backend_kv *at = ret->kvs.at;
	for (size_t i = 0; i < count; i++) {
		if (ret->results[i].succeeded)
			continue;
		ret->results[i].reads = at;
		at = asked[i].reads_count ? at + asked[i].reads_count : at;
	}
}

bool etcd_unpack_txn(const void *bytes, size_t len, const struct etcd_asked *asked, size_t count,
		     struct etcd_txn_answer *ret)
{
	Etcd__TxnResponse *t = etcd__txn_response__unpack(NULL, len, bytes);
	if (!t)
		return false;
	ret->message = t;
	ret->revision = t->header ? (uint64_t)t->header->revision : 0;
	ret->results = xcalloc(count, sizeof *ret->results);
	bool is_good = ret->revision > 0 && (count == 1 || t->n_responses == count);
	for (size_t i = 0; is_good && i < count; i++) {
		const Etcd__TxnResponse *member = t;
		if (count > 1) {
			const Etcd__ResponseOp *op = t->responses[i];
			is_good = op->response_case == ETCD__RESPONSE_OP__RESPONSE_RESPONSE_TXN;
			member = op->response_txn;
		}
		is_good = is_good && read_member(member, &asked[i], ret, &ret->results[i]);
	}
	if (is_good)
		place_reads(asked, count, ret);
	return is_good;
}

void etcd_txn_answer_fini(struct etcd_txn_answer *a)
{
	if (a->message)
		etcd__txn_response__free_unpacked(a->message, NULL);
	etcd_kvs_fini(&a->kvs);
	free(a->results);
}

/* ---- the others ---- */

struct grpc_message etcd_pack_range(const struct backend_range *r)
{
	Etcd__RangeRequest m = ETCD__RANGE_REQUEST__INIT;
	m.key = r->from[0] ? text(r->from) : first_key();
	if (!r->is_single)
		m.range_end = first_key();
	m.limit = r->limit;
	m.revision = (int64_t)r->revision;
	m.keys_only = r->keys_only;
	return pack(&m.base);
}

/* Linearizable as every range without a revision, and it reads nothing. */
struct grpc_message etcd_pack_probe(void)
{
	Etcd__RangeRequest m = ETCD__RANGE_REQUEST__INIT;
	m.key = text("skiff/probe");
	m.count_only = true;
	return pack(&m.base);
}

struct grpc_message etcd_pack_grant(uint32_t ttl_s)
{
	Etcd__LeaseGrantRequest m = ETCD__LEASE_GRANT_REQUEST__INIT;
	m.ttl = ttl_s;
	return pack(&m.base);
}

struct grpc_message etcd_pack_compact(uint64_t revision)
{
	Etcd__CompactionRequest m = ETCD__COMPACTION_REQUEST__INIT;
	m.revision = (int64_t)revision;
	return pack(&m.base);
}

struct grpc_message etcd_pack_watch(uint64_t start_revision)
{
	Etcd__WatchCreateRequest create = ETCD__WATCH_CREATE_REQUEST__INIT;
	Etcd__WatchRequest m = ETCD__WATCH_REQUEST__INIT;
	create.key = first_key();
	create.range_end = first_key();
	create.start_revision = (int64_t)start_revision;
	m.request_union_case = ETCD__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
	m.create_request = &create;
	return pack(&m.base);
}

/* Any answer whose field 1 is a header. */
bool etcd_unpack_revision(const void *bytes, size_t len, uint64_t *ret)
{
	Etcd__CompactionResponse *r = etcd__compaction_response__unpack(NULL, len, bytes);
	bool is_good = r && r->header;
	if (is_good)
		*ret = (uint64_t)r->header->revision;
	if (r)
		etcd__compaction_response__free_unpacked(r, NULL);
	return is_good;
}

bool etcd_unpack_lease(const void *bytes, size_t len, uint64_t *ret)
{
	Etcd__LeaseGrantResponse *r = etcd__lease_grant_response__unpack(NULL, len, bytes);
	bool is_good = r && r->id && !r->error[0];
	if (is_good)
		*ret = (uint64_t)r->id;
	if (r)
		etcd__lease_grant_response__free_unpacked(r, NULL);
	return is_good;
}
