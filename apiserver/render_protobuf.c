/* Answers in protobuf: objects, lists, metadata alone, Status, and the frames of watches. */
#include "apiserver/encode.h"
#include "apiserver/render.h"
#include "schemas/wire.h"

#include <stdio.h>

#define NAME_MAX_BYTES 256

/* The table's name of a type: "apps.v1.Deployment", whose group is apps; core's is "". */
static const struct schema_type *type_of(const char *api_version, const char *kind)
{
	char name[NAME_MAX_BYTES];
	const char *slash = strchr(api_version, '/');
	const char *version = slash ? slash + 1 : api_version;
	size_t group = slash ? strcspn(api_version, "./") : 0;
	if (streq(kind, "Status"))
		return schema_type_by_name("apis.meta.v1.Status");
	int n = snprintf(name, sizeof name, "%.*s.%s.%s", slash ? (int)group : 4,
			 slash ? api_version : "core", version, kind);
	return n > 0 && n < (int)sizeof name ? schema_type_by_name(name) : NULL;
}

bool render_has_protobuf(const struct schema_kind *kind)
{
	if (kind->custom)
		return false;
	const struct schema_field *metadata = schema_field_of(kind->type, "metadata");
	return metadata && metadata->proto != 0;
}

/* What metadata stands for: PartialObjectMetadata has only this one. */
static void partial_message(struct span object, struct str *out)
{
	encode_member(1, schema_type_by_name("apis.meta.v1.ObjectMeta"),
		      scan_member(object, "metadata"), out);
}

static void partial_list_message(struct span list, struct str *out)
{
	struct scan s = scan_open(scan_member(list, "items"));
	encode_member(1, schema_type_by_name("apis.meta.v1.ListMeta"),
		      scan_member(list, "metadata"), out);
	for (struct span name, item; scan_next(&s, &name, &item);) {
		AUTO_STR message;
		str_init(&message, out->max);
		partial_message(item, &message);
		wire_add_bytes(out, 2, message.data, message.len);
	}
}

/* Ours end with a newline where they are answers. */
static struct span trimmed(const char *bytes, size_t len)
{
	while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == ' '))
		len--;
	return (struct span){ bytes, len };
}

bool render_protobuf(const char *bytes, size_t len, struct str *out)
{
	struct span whole = trimmed(bytes, len);
	auto_free char *kind = scan_text(scan_member(whole, "kind"));
	auto_free char *api_version = scan_text(scan_member(whole, "apiVersion"));
	if (!kind || !api_version)
		return false;
	AUTO_STR message;
	str_init(&message, out->max);
	if (streq(kind, "PartialObjectMetadata")) {
		partial_message(whole, &message);
	} else if (streq(kind, "PartialObjectMetadataList")) {
		partial_list_message(whole, &message);
	} else {
		const struct schema_type *type = type_of(api_version, kind);
		if (!type)
			return false;
		encode_message(type, whole, &message);
	}
	if (str_ok(&message))
		schema_add_envelope(api_version, kind, message.data, message.len, out);
	return str_ok(&message) && str_ok(out);
}

bool render_protobuf_event(const char *type, const char *object, size_t len, struct str *out)
{
	AUTO_STR bytes, raw, event;
	str_init(&bytes, RENDER_MAX);
	str_init(&raw, RENDER_MAX);
	str_init(&event, RENDER_MAX);
	if (!render_protobuf(object, len, &bytes))
		return false;
	wire_add_bytes(&raw, 1, bytes.data, bytes.len); /* RawExtension */
	wire_add_bytes(&event, 1, type, strlen(type));  /* WatchEvent */
	wire_add_bytes(&event, 2, raw.data, raw.len);
	const uint8_t size[] = { (uint8_t)(event.len >> 24), (uint8_t)(event.len >> 16),
				 (uint8_t)(event.len >> 8), (uint8_t)event.len };
	str_add_bytes(out, size, sizeof size);
	str_add_bytes(out, event.data, event.len);
	return str_ok(out);
}

/* ---- lists that are made item by item ---- */

void render_protobuf_list_item(const struct schema_kind *kind, bool is_partial,
			       const struct object *o, struct str *message)
{
	struct span whole = { o->bytes, o->len };
	if (!is_partial) {
		encode_member(2, kind->type, whole, message);
		return;
	}
	AUTO_STR item;
	str_init(&item, message->max);
	partial_message(whole, &item);
	wire_add_bytes(message, 2, item.data, item.len);
}

void render_protobuf_list_head(const char *metadata, size_t len, struct str *message)
{
	encode_member(1, schema_type_by_name("apis.meta.v1.ListMeta"),
		      (struct span){ metadata, len }, message);
}

/* The envelope says how long the message is, so it is put before it when that is known. */
void render_protobuf_list_end(const char *api_version, const char *kind, struct str *message)
{
	AUTO_STR envelope;
	const size_t room = RENDER_LIST_ROOM;
	size_t len = message->len - room;
	str_init(&envelope, 1024);
	schema_add_envelope_head(api_version, kind, len, &envelope);
	assert(envelope.len <= room);
	if (!str_ok(message))
		return;
	memcpy(message->data + room - envelope.len, envelope.data, envelope.len);
	str_consume(message, room - envelope.len);
	schema_add_envelope_tail(message);
}
