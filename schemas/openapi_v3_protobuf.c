/*
 * A document of version 3 as protobuf: its text is walked over, and one path or schema at a time is a
 * tree.
 */
#include "common/base/jsonx.h"
#include "schemas/openapi_gnostic.h"
#include "schemas/openapi_internal.h"
#include "schemas/wire.h"

#define PART_SIZE_MAX (64u << 20)

/* A map of these, as field `number`. */
static void add_members(struct span members, const struct gnostic_field *message,
			uint32_t member_number, uint32_t number, struct str *out)
{
	AUTO_STR all;
	str_init(&all, PART_SIZE_MAX);
	struct scan s = scan_open(members);
	for (struct span name, value; scan_next(&s, &name, &value);) {
		auto_free char *text = xstrndup(name.at, name.len);
		AUTO_JSON *tree = openapi_tree(value);
		gnostic_add_named(&all, member_number, text, message, tree);
	}
	wire_add_bytes(out, number, all.data, all.len);
	out->overflow |= all.overflow;
}

static void add_components(struct span components, struct str *out)
{
	AUTO_STR all;
	AUTO_JSON *rest = json_object();
	struct span schemas = scan_member(components, "schemas");
	struct span security = scan_member(components, "securitySchemes");
	str_init(&all, PART_SIZE_MAX);
	if (schemas.at)
		add_members(schemas, gnostic_v3_schema_or_reference, GNOSTIC_V3_SCHEMA,
			    GNOSTIC_V3_SCHEMAS, &all);
	if (security.at)
		json_object_set_new(rest, "securitySchemes", openapi_tree(security));
	gnostic_add(&all, gnostic_v3_components, rest);
	wire_add_bytes(out, GNOSTIC_V3_COMPONENTS, all.data, all.len);
	out->overflow |= all.overflow;
}

void openapi_v3_protobuf(const struct str *document, struct str *out)
{
	static const char *const names[] = { "openapi", "info" };
	const struct span all = { document->data, document->len };
	AUTO_JSON *head = json_object();
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		json_object_set_new(head, names[i], openapi_tree(scan_member(all, names[i])));
	gnostic_add(out, gnostic_v3_document, head);
	add_members(scan_member(all, "paths"), gnostic_v3_path_item, GNOSTIC_V3_PATH,
		    GNOSTIC_V3_PATHS, out);
	add_components(scan_member(all, "components"), out);
}
