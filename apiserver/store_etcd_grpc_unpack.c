/* Ranges and events, which are long: read in place, field by field as apiserver/proto/etcd.proto has
 * them. Values lie in the message; only keys are copied, for they want a NUL. */
#include "apiserver/store_etcd_grpc_pack.h"
#include "schemas/wire.h"

enum {
	HEADER_REVISION = 3,
	KV_KEY = 1,
	KV_CREATE_REVISION = 2,
	KV_MOD_REVISION = 3,
	KV_VALUE = 5,
	RANGE_HEADER = 1,
	RANGE_KVS = 2,
	RANGE_MORE = 3,
	EVENT_TYPE = 1,
	EVENT_KV = 2,
	EVENT_TYPE_DELETE = 1,
	WATCH_CANCELED = 4,
	WATCH_COMPACT_REVISION = 5,
	WATCH_EVENTS = 11,
};

static struct wire open_message(const void *bytes, size_t len)
{
	return (struct wire){ bytes, (const uint8_t *)bytes + len };
}

/* The next field; false at the end, or where the message is broken: then *is_good is false. */
static bool next(struct wire *w, struct wire_field *f, bool *is_good)
{
	struct error err;
	int code = wire_next(w, f, &err);
	*is_good = *is_good && code >= 0;
	return code == 1;
}

static bool read_header(struct wire w, uint64_t *ret_revision)
{
	bool is_good = true;
	for (struct wire_field f; next(&w, &f, &is_good);)
		if (f.number == HEADER_REVISION && f.type == WIRE_VARINT)
			*ret_revision = f.value;
	return is_good;
}

static size_t length(struct wire w)
{
	return (size_t)(w.end - w.at);
}

static bool read_kv(struct wire w, bool is_deleted, struct etcd_kvs *to)
{
	static const uint8_t nothing[1];
	struct wire key = { nothing, nothing }, value = { nothing, nothing };
	uint64_t created = 0, modified = 0;
	bool is_good = true;
	for (struct wire_field f; next(&w, &f, &is_good);) {
		if (f.number == KV_KEY && f.type == WIRE_BYTES)
			key = f.bytes;
		else if (f.number == KV_VALUE && f.type == WIRE_BYTES)
			value = f.bytes;
		else if (f.number == KV_CREATE_REVISION && f.type == WIRE_VARINT)
			created = f.value;
		else if (f.number == KV_MOD_REVISION && f.type == WIRE_VARINT)
			modified = f.value;
	}
	etcd_kvs_add(to, key.at, length(key), is_deleted ? NULL : value.at,
		     is_deleted ? 0 : length(value), created, modified);
	return is_good;
}

bool etcd_unpack_range(const void *bytes, size_t len, struct etcd_range_answer *ret)
{
	struct wire w = open_message(bytes, len);
	bool is_good = true, has_header = false;
	for (struct wire_field f; is_good && next(&w, &f, &is_good);) {
		if (f.number == RANGE_HEADER && f.type == WIRE_BYTES) {
			has_header = true;
			is_good = read_header(f.bytes, &ret->revision);
		} else if (f.number == RANGE_KVS && f.type == WIRE_BYTES) {
			is_good = read_kv(f.bytes, false, &ret->kvs);
		} else if (f.number == RANGE_MORE && f.type == WIRE_VARINT) {
			ret->has_more = f.value != 0;
		}
	}
	return is_good && has_header;
}

static bool read_event(struct wire w, struct etcd_kvs *to)
{
	bool is_good = true, is_deleted = false, has_kv = false;
	struct wire kv = { 0 };
	for (struct wire_field f; next(&w, &f, &is_good);) {
		if (f.number == EVENT_TYPE && f.type == WIRE_VARINT) {
			is_deleted = f.value == EVENT_TYPE_DELETE;
		} else if (f.number == EVENT_KV && f.type == WIRE_BYTES) {
			kv = f.bytes;
			has_kv = true;
		}
	}
	return is_good && has_kv && read_kv(kv, is_deleted, to);
}

bool etcd_unpack_watch(const void *bytes, size_t len, struct etcd_watch_answer *ret)
{
	struct wire w = open_message(bytes, len);
	bool is_good = true;
	for (struct wire_field f; is_good && next(&w, &f, &is_good);) {
		if (f.number == WATCH_CANCELED && f.type == WIRE_VARINT)
			ret->is_canceled = f.value != 0;
		else if (f.number == WATCH_COMPACT_REVISION && f.type == WIRE_VARINT)
			ret->compact_revision = f.value;
		else if (f.number == WATCH_EVENTS && f.type == WIRE_BYTES)
			is_good = read_event(f.bytes, &ret->kvs);
	}
	return is_good;
}
