/* Frames of watches: the same bytes whoever asks, made once for all who want the same. */
#include "apiserver/watch_frame.h"
#include "schemas/kinds.h"
#include "tests/support/check.h"

#include <stdio.h>

static struct object *make_object(const char *name, size_t padding)
{
	AUTO_STR bytes;
	struct object *o;
	struct error err;
	auto_free char *blanks = xcalloc(1, padding + 1);
	memset(blanks, 'x', padding);
	str_init(&bytes, 1u << 20);
	str_addf(&bytes,
		 "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\","
		 "\"namespace\":\"default\",\"labels\":{\"a\":\"b\"}},\"data\":{\"k\":\"%s\"}}",
		 name, blanks);
	const struct schema_kind *kind = schema_kind_by_kind("", "v1", "ConfigMap");
	CHECK(kind);
	auto_free char *key = object_key(kind, "default", name);
	CHECK_INT(object_new(kind, key, bytes.data, bytes.len, 7, &o, &err), 0);
	return o;
}

struct shape {
	const char *what;
	enum accept_as as;
	const char *as_version;
	bool is_protobuf, is_kept;
};

static const struct shape shapes[] = {
	{ "JSON as stored", ACCEPT_OBJECT, "", false, false },
	{ "protobuf", ACCEPT_OBJECT, "", true, true },
	{ "metadata", ACCEPT_PARTIAL, "v1", false, true },
	{ "metadata of another version", ACCEPT_PARTIAL, "v1beta1", false, true },
	{ "metadata in protobuf", ACCEPT_PARTIAL, "v1", true, true },
};

static void add(struct watch_frames *f, const struct shape *shape, const char *type,
		struct object *o, struct str *out)
{
	struct rendering how = { .as = shape->as, .kind = o->kind };
	(void)snprintf(how.as_version, sizeof how.as_version, "%s", shape->as_version);
	watch_frame_add(f, &how, shape->is_protobuf, type, o, out);
}

/* Two watchers of each shape, in turn: the second of a shape makes none, and has the same bytes. */
static void test_shapes(void)
{
	struct watch_frames *f = watch_frames_new();
	struct object *o = make_object("one", 100);
	struct str first[ARRAY_LEN(shapes)];
	uint64_t made = 0;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		str_init(&first[i], 1u << 16);
		add(f, &shapes[i], "ADDED", o, &first[i]);
		CHECK_INT(watch_frames_made(f), ++made);
		for (size_t k = 0; k < i; k++)
			CHECK(first[i].len != first[k].len ||
			      memcmp(first[i].data, first[k].data, first[i].len) != 0);
		AUTO_STR again;
		str_init(&again, 1u << 16);
		add(f, &shapes[i], "ADDED", o, &again);
		made += shapes[i].is_kept ? 0 : 1;
		if (watch_frames_made(f) != made)
			printf("%s\n", shapes[i].what);
		CHECK_INT(watch_frames_made(f), made);
		CHECK_INT(again.len, first[i].len);
		CHECK(memcmp(again.data, first[i].data, again.len) == 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		str_fini(&first[i]);
	object_unref(o);
	watch_frames_free(f);
}

/* What differs in one thing has a frame of its own, though the slots are few. */
static void test_differences(void)
{
	struct watch_frames *f = watch_frames_new();
	const struct shape *protobuf = &shapes[1];
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < 3 * WATCH_FRAMES; i++) {
			char name[32];
			(void)snprintf(name, sizeof name, "name-%zu", i);
			struct object *o = make_object(name, 10);
			AUTO_STR added, deleted;
			str_init(&added, 1u << 16);
			str_init(&deleted, 1u << 16);
			add(f, protobuf, "ADDED", o, &added);
			add(f, protobuf, "DELETED", o, &deleted);
			CHECK(memmem(added.data, added.len, name, strlen(name)));
			CHECK(memmem(added.data, added.len, "ADDED", 5));
			CHECK(memmem(deleted.data, deleted.len, name, strlen(name)));
			CHECK(memmem(deleted.data, deleted.len, "DELETED", 7));
			object_unref(o);
		}
	}
	watch_frames_free(f);
}

static void test_large(void)
{
	struct watch_frames *f = watch_frames_new();
	struct object *o = make_object("large", WATCH_FRAME_MAX);
	for (unsigned i = 0; i < 3; i++) {
		AUTO_STR out;
		str_init(&out, 1u << 20);
		add(f, &shapes[1], "MODIFIED", o, &out);
		CHECK(out.len > WATCH_FRAME_MAX);
		CHECK_INT(watch_frames_made(f), i + 1);
	}
	CHECK_INT(o->refs, 1);
	object_unref(o);
	watch_frames_free(f);
}

int main(void)
{
	test_shapes();
	test_differences();
	test_large();
	return 0;
}
