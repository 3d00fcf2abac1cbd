/* An object at another version is what its stored bytes at that version make; what it answers from its
 * bytes; what it takes beside them. */
#include "apiserver/object.h"
#include "tests/support/check.h"

#include <malloc.h>

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
	CHECK_INT(got->uid_at, want->uid_at);
	CHECK_INT(got->labels_at, want->labels_at);
	CHECK(got->field_labels == want->field_labels);
	for (size_t i = 0; got->field_labels && got->field_labels[i]; i++)
		CHECK_INT(got->fields_at[i], want->fields_at[i]);
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

static const struct {
	size_t row;
	const char *labels, *fields;
	bool want;
} selections[] = {
	{ 0, "app=web", "", true },
	{ 0, "app=we", "", false },
	{ 0, "app=webs", "", false },
	{ 0, "z", "", true },
	{ 0, "!y", "", true },
	{ 0, "y!=1", "", true },
	{ 0, "z notin (first,last)", "", false },
	{ 0, "", "status.phase=Running", true },
	{ 0, "", "spec.nodeName=n\u00e9", true },
	{ 0, "", "spec.nodeName=n", false },
	{ 0, "", "spec.restartPolicy=", true },
	{ 0, "", "metadata.name=web-1,metadata.namespace=default", true },
	{ 0, "app=web", "status.phase!=Running", false },
	{ 1, "app", "", false },
	{ 1, "", "spec.nodeName=", true },
	{ 1, "", "spec.nodeName!=a", true },
	{ 3, "", "metadata.namespace=", true },
};

/* The same of an object that was made, and of one that is at another version. */
static void check_selections(void)
{
	for (size_t i = 0; i < ARRAY_LEN(selections); i++) {
		AUTO_SELECTOR labels = { 0 }, fields = { 0 };
		struct error err;
		CHECK_INT(selector_parse(selections[i].labels, &labels, &err), 0);
		CHECK_INT(field_selector_parse(selections[i].fields, &fields, &err), 0);
		struct object *o = make(selections[i].row, 7),
			      *later = object_at_version(o, 123456);
		CHECK_INT(object_matches(o, &labels, &fields), selections[i].want);
		CHECK_INT(object_matches(later, &labels, &fields), selections[i].want);
		object_unref(o);
		object_unref(later);
	}
}

static void check_texts(void)
{
	struct object *o = make(0, 7), *bare = make(1, 7);
	auto_free char *uid = object_uid(o), *no_uid = object_uid(bare);
	auto_free char *node = object_field(o, "spec.nodeName");
	auto_free char *no_node = object_field(bare, "spec.nodeName");
	CHECK_TEXT("uid", uid, "u-1");
	CHECK_TEXT("no uid", no_uid, "");
	CHECK_TEXT("node", node, "n\xc3\xa9");
	CHECK_TEXT("no node", no_node, "");
	CHECK(object_has_uid(o, "u-1") && !object_has_uid(o, "u-") && !object_has_uid(o, "u-12"));
	CHECK(object_has_uid(bare, "") && !object_has_uid(bare, "u-1"));
	CHECK(object_field_is(o, "spec.nodeName", "n\xc3\xa9"));
	CHECK(!object_field_is(o, "spec.nodeName", "n"));
	CHECK(object_field_is(bare, "spec.nodeName", ""));
	CHECK(span_is(object_label(o, "app"), "web") && !object_label(o, "ap").at);
	CHECK(!object_label(bare, "app").at && !object_labels(bare).at);
	object_unref(o);
	object_unref(bare);
}

/* Of an object as many are held as there are: beside its bytes the structure, a place a field, key and
 * namespace, three zeros, and what malloc rounds up. */
static void check_size(void)
{
	struct object *o = make(0, 7);
	size_t fields = 0;
	while (o->field_labels[fields])
		fields++;
	size_t texts = o->len + strlen(o->key) + strlen(o->ns) + 3;
	CHECK(malloc_usable_size(o) < texts + 112 + fields * 4 + 24);
	object_unref(o);
}

int main(void)
{
	check_selections();
	check_texts();
	check_size();
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
