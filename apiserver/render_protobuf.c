/* Answers in protobuf: objects, lists, metadata alone, Status, and the frames of watches. */
#include "apiserver/render.h"
#include "common/base/jsonx.h"
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
	const struct schema_field *metadata = schema_field_of(kind->type, "metadata");
	return metadata && metadata->proto != 0;
}

/* PartialObjectMetadata has only this one. */
static bool partial_message(const json_t *tree, struct str *out)
{
	AUTO_STR metadata;
	struct error err;
	str_init(&metadata, out->max);
	if (schema_encode_message(schema_type_by_name("apis.meta.v1.ObjectMeta"),
				  json_object_get(tree, "metadata"), &metadata, &err) < 0)
		return false;
	wire_add_bytes(out, 1, metadata.data, metadata.len);
	return true;
}

static bool partial_list_message(const json_t *tree, struct str *out)
{
	const json_t *items = json_object_get(tree, "items");
	AUTO_STR metadata;
	struct error err;
	str_init(&metadata, out->max);
	if (schema_encode_message(schema_type_by_name("apis.meta.v1.ListMeta"),
				  json_object_get(tree, "metadata"), &metadata, &err) < 0)
		return false;
	wire_add_bytes(out, 1, metadata.data, metadata.len);
	for (size_t i = 0; i < json_array_size(items); i++) {
		AUTO_STR item;
		str_init(&item, out->max);
		if (!partial_message(json_array_get(items, i), &item))
			return false;
		wire_add_bytes(out, 2, item.data, item.len);
	}
	return true;
}

bool render_protobuf(const json_t *tree, struct str *out)
{
	const char *api_version = json_str_or(tree, "apiVersion", "v1");
	const char *kind = json_str_or(tree, "kind", "");
	AUTO_STR message;
	struct error err;
	bool is_done;
	str_init(&message, out->max);
	if (streq(kind, "PartialObjectMetadata")) {
		is_done = partial_message(tree, &message);
	} else if (streq(kind, "PartialObjectMetadataList")) {
		is_done = partial_list_message(tree, &message);
	} else {
		const struct schema_type *type = type_of(api_version, kind);
		is_done = type && schema_encode_message(type, tree, &message, &err) == 0;
	}
	if (is_done && str_ok(&message))
		schema_add_envelope(api_version, kind, message.data, message.len, out);
	return is_done && str_ok(&message) && str_ok(out);
}

bool render_protobuf_event(const char *type, const char *object, size_t len, struct str *out)
{
	AUTO_STR bytes, raw, event;
	AUTO_JSON *tree = NULL;
	struct error err;
	str_init(&bytes, RENDER_MAX);
	str_init(&raw, RENDER_MAX);
	str_init(&event, RENDER_MAX);
	if (json_parse(object, len, &tree, &err) < 0 || !render_protobuf(tree, &bytes))
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
