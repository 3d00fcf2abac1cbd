/* An object at another version is what its stored bytes at that version make. */
#include "apiserver/object.h"
#include "tests/support/check.h"

#define METADATA "\"creationTimestamp\":\"2026-01-02T03:04:05Z\""
#define OWNED    ",\"managedFields\":[{\"manager\":\"a\",\"operation\":\"Update\"}]"

static const struct {
	const char *name, *group, *kind, *key, *bytes;
} rows[] = {
	{ "labels, fields and an owner", "", "Pod", "o/core/pods/default/web-1",
	  "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{" METADATA
	  ",\"labels\":{\"z\":\"last\",\"app\":\"web\"},\"name\":\"web-1\",\"namespace\":\"default\","
	  "\"uid\":\"u-1\"" OWNED "},\"spec\":{\"nodeName\":\"n\\u00e9\",\"containers\":[]},"
	  "\"status\":{\"phase\":\"Running\"}}" },
	{ "no field is set", "", "Pod", "o/core/pods/default/web-2",
	  "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web-2\"},\"spec\":{}}" },
	{ "metadata of nothing", "", "ConfigMap", "o/core/configmaps/default/a",
	  "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{},\"data\":{\"k\":\"v\"}}" },
	{ "of the whole cluster, deleted, held", "", "Namespace", "o/core/namespaces//old",
	  "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"old\","
	  "\"deletionTimestamp\":\"2026-01-02T03:04:05Z\",\"finalizers\":[\"a\"]}}" },
};

static const uint64_t versions[] = { 1, 64, 999, 1000, 12345678901234567u };

static void check_same(const char *name, const struct object *got, const struct object *want)
{
	CHECK_TEXT(name, got->bytes, want->bytes);
	CHECK_INT(got->len, want->len);
	CHECK_INT(got->version, want->version);
	CHECK_TEXT(name, got->key, want->key);
	CHECK_TEXT(name, got->ns, want->ns);
	CHECK_TEXT(name, got->name, want->name);
	CHECK_TEXT(name, got->uid, want->uid);
	CHECK_INT(got->labels_count, want->labels_count);
	for (size_t i = 0; i < got->labels_count; i++) {
		CHECK_TEXT(name, got->labels[i].key, want->labels[i].key);
		CHECK_TEXT(name, got->labels[i].value, want->labels[i].value);
	}
	CHECK(got->field_labels == want->field_labels);
	size_t n = 0;
	for (; got->fields[n] && want->fields[n]; n++)
		CHECK_TEXT(name, got->fields[n], want->fields[n]);
	CHECK(!got->fields[n] && !want->fields[n]);
	CHECK_INT(got->version_at, want->version_at);
	CHECK_INT(got->version_len, want->version_len);
	CHECK_INT(got->managed_at, want->managed_at);
	CHECK_INT(got->managed_len, want->managed_len);
	CHECK(got->is_deleting == want->is_deleting && got->has_order == want->has_order);
	CHECK(got->has_finalizers == want->has_finalizers && got->kind == want->kind);
}

static struct object *make(size_t row, uint64_t version)
{
	struct object *o;
	struct error err;
	const char *bytes = rows[row].bytes;
	const struct schema_kind *kind = schema_kind_by_kind(rows[row].group, "v1", rows[row].kind);
	CHECK_INT(object_new(kind, rows[row].key, bytes, strlen(bytes), version, &o, &err), 0);
	return o;
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t from = 0; from < ARRAY_LEN(versions); from++)
			for (size_t to = 0; to < ARRAY_LEN(versions); to++) {
				struct object *before = make(i, versions[from]);
				struct object *want = make(i, versions[to]);
				struct object *got = object_at_version(before, versions[to]);
				object_unref(before); /* nothing of it is in the other */
				check_same(rows[i].name, got, want);
				object_unref(got);
				object_unref(want);
			}
	return 0;
}
