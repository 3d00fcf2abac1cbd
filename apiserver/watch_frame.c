/* Frames of watches: a small table, the newest frame of a slot in the place of the one before. */
#include "apiserver/watch_frame.h"

#include "common/base/map.h"

/* All that a frame's bytes follow from; compared as bytes, so made with zeroes between its members. */
struct frame_key {
	struct object *object;
	const struct schema_kind *kind;
	const char *type;
	char as_version[sizeof((struct rendering *)0)->as_version];
	enum accept_as as;
	bool omits_owners, is_protobuf;
};

struct frame {
	struct frame_key
		key; /* a reference to the object: its address is nobody else's meanwhile */
	char *bytes;
	size_t len;
};

struct watch_frames {
	struct frame at[WATCH_FRAMES];
	uint64_t made;
};

static void frame_fini(struct frame *f)
{
	object_unref(f->key.object);
	free(f->bytes);
}

struct watch_frames *watch_frames_new(void)
{
	return xcalloc(1, sizeof(struct watch_frames));
}

void watch_frames_free(struct watch_frames *f)
{
	for (size_t i = 0; f && i < WATCH_FRAMES; i++)
		frame_fini(&f->at[i]);
	free(f);
}

uint64_t watch_frames_made(const struct watch_frames *f)
{
	return f->made;
}

/* JSON stands where it is wanted from the begin on, so that nothing is copied; protobuf is made
 * of it. */
size_t watch_frame_begin(bool is_protobuf, const char *type, struct str *out)
{
	if (!is_protobuf)
		str_addf(out, "{\"type\":\"%s\",\"object\":", type);
	return out->len;
}

void watch_frame_end(bool is_protobuf, const char *type, size_t begin, struct str *out)
{
	if (!is_protobuf) {
		str_add(out, "}\n");
		return;
	}
	auto_free char *object = xmemdup(out->data + begin, out->len - begin);
	size_t len = out->len - begin;
	str_truncate(out, begin);
	(void)render_protobuf_event(type, object, len, out); /* only kinds that have it are asked */
}

static void make(struct watch_frames *f, const struct frame_key *key, const struct rendering *how,
		 struct str *out)
{
	size_t begin = watch_frame_begin(key->is_protobuf, key->type, out);
	render_item(how, key->object, false, 0, out);
	watch_frame_end(key->is_protobuf, key->type, begin, out);
	f->made++;
}

/* Custom kinds change while objects of theirs are kept, so theirs are not. */
static bool is_kept(const struct frame_key *key)
{
	bool is_as_stored = key->as == ACCEPT_OBJECT && !key->is_protobuf &&
			    (!key->kind || key->kind == key->object->kind);
	return !is_as_stored && !key->object->kind->custom;
}

void watch_frame_add(struct watch_frames *f, const struct rendering *how, bool is_protobuf,
		     const char *type, struct object *o, struct str *out)
{
	struct frame_key key;
	memset(&key, 0, sizeof key);
	key.object = o;
	key.kind = how->kind;
	key.type = type;
	memcpy(key.as_version, how->as_version, sizeof key.as_version);
	key.as = how->as;
	key.omits_owners = how->omits_owners;
	key.is_protobuf = is_protobuf;
	assert(how->as != ACCEPT_TABLE);
	if (!is_kept(&key)) {
		make(f, &key, how, out);
		return;
	}
	struct frame *frame = &f->at[hash_bytes(&key, sizeof key) % WATCH_FRAMES];
	if (frame->bytes && memcmp(&frame->key, &key, sizeof key) == 0) {
		str_add_bytes(out, frame->bytes, frame->len);
		return;
	}
	size_t begin = out->len;
	make(f, &key, how, out);
	if (!str_ok(out) || out->len - begin > WATCH_FRAME_MAX)
		return;
	frame_fini(frame);
	memcpy(&frame->key, &key, sizeof key); /* with its zeroes */
	object_ref(o);
	frame->len = out->len - begin;
	frame->bytes = xmemdup(out->data + begin, frame->len);
}
