#include "apiserver/store_etcd_json_pack.h"

#include <stdio.h>

#include "common/base/jsonx.h"
#include "common/io/tls.h"

/* ---- writing ---- */

static void add_bytes(struct str *out, const char *name, const void *bytes, size_t len)
{
	str_addf(out, "\"%s\":\"", name);
	tls_base64_encode(bytes, len, out);
	str_add(out, "\"");
}

static void add_key(struct str *out, const char *key)
{
	add_bytes(out, "key", key, strlen(key));
}

static void add_member(struct str *out, const struct backend_member *m)
{
	str_add(out, "{\"compare\":[");
	for (size_t i = 0; i < m->compares_count; i++) {
		str_addf(out,
			 "%s{\"target\":\"MOD\",\"result\":\"EQUAL\",\"mod_revision\":\"%llu\",",
			 i ? "," : "", (unsigned long long)m->compares[i].mod_revision);
		add_key(out, m->compares[i].key);
		str_add(out, "}");
	}
	str_add(out, "],\"success\":[");
	for (size_t i = 0; i < m->ops_count; i++) {
		const struct backend_op *op = &m->ops[i];
		str_addf(out, "%s{\"%s\":{", i ? "," : "",
			 op->is_delete ? "request_delete_range" : "request_put");
		add_key(out, op->key);
		if (!op->is_delete) {
			str_add(out, ",");
			add_bytes(out, "value", op->value, op->len);
			str_addf(out, ",\"lease\":\"%lld\"", (long long)op->lease);
		}
		str_add(out, "}}");
	}
	str_add(out, "],\"failure\":[");
	for (size_t i = 0; i < m->reads_count; i++) {
		str_addf(out, "%s{\"request_range\":{", i ? "," : "");
		add_key(out, m->reads[i]);
		str_add(out, "}}");
	}
	str_add(out, "]}");
}

void etcd_json_txn(const struct backend_member *members, size_t count, struct str *out)
{
	if (count == 1) {
		add_member(out, &members[0]);
		return;
	}
	str_add(out, "{\"success\":[");
	for (size_t i = 0; i < count; i++) {
		str_addf(out, "%s{\"request_txn\":", i ? "," : "");
		add_member(out, &members[i]);
		str_add(out, "}");
	}
	str_add(out, "]}");
}

void etcd_json_range(const struct backend_range *r, struct str *out)
{
	str_add(out, "{");
	add_bytes(out, "key", r->from, r->from[0] ? strlen(r->from) : 1); /* "" is "\0" */
	if (!r->is_single)
		str_add(out, ",\"range_end\":\"AA==\"");
	str_addf(out, ",\"limit\":\"%lld\",\"revision\":\"%llu\",\"keys_only\":%s}",
		 (long long)r->limit, (unsigned long long)r->revision,
		 r->keys_only ? "true" : "false");
}

/* ---- reading ---- */

static int unreadable(struct error *err)
{
	return error_set(err, ERR_INTERNAL, "etcd: the answer cannot be read");
}

/* 64-bit numbers are strings; what is 0 is left out. */
static uint64_t number(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);
	if (json_is_string(v))
		return strtoull(json_string_value(v), NULL, 10);
	return json_is_integer(v) ? (uint64_t)json_integer_value(v) : 0;
}

static char *keep(struct etcd_json_values *v, char *text)
{
	if (v->count == v->size) {
		v->size = v->size ? 2 * v->size : 16;
		v->at = xrealloc(v->at, v->size, sizeof(char *));
	}
	return v->at[v->count++] = text;
}

static void values_fini(struct etcd_json_values *v)
{
	for (size_t i = 0; i < v->count; i++)
		free(v->at[i]);
	free(v->at);
	*v = (struct etcd_json_values){ 0 };
}

static bool decode(const json_t *o, const char *name, struct str *out)
{
	const json_t *v = json_object_get(o, name);
	struct error err;
	if (!v)
		return true;
	return json_is_string(v) &&
	       tls_base64_decode(json_string_value(v), json_string_length(v), out, &err) == 0;
}

static bool add_kv(struct etcd_kvs *to, struct etcd_json_values *values, const json_t *kv,
		   bool is_deleted)
{
	AUTO_STR key;
	AUTO_STR value;
	str_init(&key, 64u << 10);
	str_init(&value, 256u << 20);
	if (!json_is_object(kv) || !decode(kv, "key", &key) || !decode(kv, "value", &value))
		return false;
	size_t len = value.len;
	const char *bytes = is_deleted ? NULL : keep(values, str_take(&value));
	etcd_kvs_add(to, key.data, key.len, bytes, is_deleted ? 0 : len,
		     number(kv, "create_revision"), number(kv, "mod_revision"));
	return true;
}

static bool read_member(const json_t *t, const struct etcd_json_asked *asked,
			struct etcd_json_txn *ret, struct backend_member_result *result)
{
	const json_t *responses = json_object_get(t, "responses"), *op;
	size_t i;
	result->succeeded = json_is_true(json_object_get(t, "succeeded"));
	if (json_array_size(responses) !=
	    (result->succeeded ? asked->ops_count : asked->reads_count))
		return false;
	json_array_foreach (responses, i, op) {
		if (result->succeeded) {
			if (number(json_object_get(op, "response_delete_range"), "deleted"))
				result->deleted |= 1ull << i;
			continue;
		}
		const json_t *r = json_object_get(op, "response_range");
		const json_t *kv = json_array_get(json_object_get(r, "kvs"), 0);
		if (!r || (kv && !add_kv(&ret->kvs, &ret->values, kv, false)))
			return false;
		if (!kv)
			etcd_kvs_add(&ret->kvs, NULL, 0, NULL, 0, 0, 0);
	}
	return true;
}

/* Where the reads of each failed member begin, once they no longer move. */
static void place_reads(const struct etcd_json_asked *asked, size_t count,
			struct etcd_json_txn *ret)
{
	const struct backend_kv *at = ret->kvs.at;
	for (size_t i = 0; i < count; i++) {
		if (ret->results[i].succeeded)
			continue;
		ret->results[i].reads = at;
		at = asked[i].reads_count ? at + asked[i].reads_count : at;
	}
}

int etcd_json_read_txn(const char *text, size_t len, const struct etcd_json_asked *asked,
		       size_t count, struct etcd_json_txn *ret, struct error *err)
{
	AUTO_JSON *t = NULL;
	if (json_parse(text, len, &t, err) < 0)
		return err->code;
	ret->revision = number(json_object_get(t, "header"), "revision");
	ret->results = xcalloc(count, sizeof *ret->results);
	const json_t *responses = json_object_get(t, "responses");
	if (!ret->revision || (count > 1 && json_array_size(responses) != count))
		return unreadable(err);
	for (size_t i = 0; i < count; i++) {
		const json_t *member = t;
		if (count > 1)
			member = json_object_get(json_array_get(responses, i), "response_txn");
		if (!json_is_object(member) ||
		    !read_member(member, &asked[i], ret, &ret->results[i]))
			return unreadable(err);
	}
	place_reads(asked, count, ret);
	return 0;
}

void etcd_json_txn_fini(struct etcd_json_txn *t)
{
	etcd_kvs_fini(&t->kvs);
	values_fini(&t->values);
	free(t->results);
}

int etcd_json_read_range(const char *text, size_t len, struct etcd_json_kvs *ret, struct error *err)
{
	AUTO_JSON *r = NULL;
	const json_t *kv;
	size_t i;
	if (json_parse(text, len, &r, err) < 0)
		return err->code;
	ret->revision = number(json_object_get(r, "header"), "revision");
	ret->has_more = json_is_true(json_object_get(r, "more"));
	if (!ret->revision)
		return unreadable(err);
	json_array_foreach (json_object_get(r, "kvs"), i, kv)
		if (!add_kv(&ret->kvs, &ret->values, kv, false))
			return unreadable(err);
	return 0;
}

int etcd_json_read_watch(const char *text, size_t len, struct etcd_json_kvs *ret, struct error *err)
{
	AUTO_JSON *line = NULL;
	const json_t *event;
	size_t i;
	if (json_parse(text, len, &line, err) < 0)
		return err->code;
	const json_t *r = json_object_get(line, "result");
	if (!json_is_object(r))
		return unreadable(err);
	ret->is_canceled = json_is_true(json_object_get(r, "canceled"));
	ret->compact_revision = number(r, "compact_revision");
	json_array_foreach (json_object_get(r, "events"), i, event) {
		const char *type = json_str_or(event, "type", "PUT");
		if (!add_kv(&ret->kvs, &ret->values, json_object_get(event, "kv"),
			    streq(type, "DELETE")))
			return unreadable(err);
	}
	return 0;
}

void etcd_json_kvs_fini(struct etcd_json_kvs *k)
{
	etcd_kvs_fini(&k->kvs);
	values_fini(&k->values);
}

int etcd_json_read_number(const char *text, size_t len, bool is_lease, uint64_t *ret,
			  struct error *err)
{
	AUTO_JSON *r = NULL;
	if (json_parse(text, len, &r, err) < 0)
		return err->code;
	*ret = is_lease ? number(r, "ID") : number(json_object_get(r, "header"), "revision");
	return *ret ? 0 : unreadable(err);
}

void etcd_json_error(const char *text, size_t len, int *ret_code, char *ret_message, size_t size)
{
	AUTO_JSON *r = NULL;
	struct error err;
	*ret_code = 0;
	ret_message[0] = '\0';
	if (json_parse(text, len, &r, &err) < 0)
		return;
	*ret_code = (int)json_int_or(r, "code", 0);
	const char *message = json_str(r, "message");
	int n = snprintf(ret_message, size, "%s", message ? message : json_str_or(r, "error", ""));
	assert(n >= 0); /* longer ones are cut */
}
