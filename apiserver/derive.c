#include "apiserver/derive.h"
#include "common/base/jsonx.h"

#define BYTES_MAX (16u << 20)

/* The version in an object's own apiVersion: "v1" of "example.com/v1". */
static const char *version_in(const json_t *tree)
{
	const char *text = json_str_or(tree, "apiVersion", "");
	const char *slash = strchr(text, '/');
	return slash ? slash + 1 : text;
}

/* False: it does not fit what the schema says now, and stays as it is. */
static bool derive(const struct kinds *kinds, size_t place, const struct object *o,
		   struct str *bytes)
{
	const struct schema_kind *to = kinds_stored(kinds, place);
	AUTO_JSON *tree = NULL;
	AUTO_STR api_version, stored;
	struct error err;
	str_init(&api_version, 512);
	str_init(&stored, o->len);
	object_stored_bytes(o, &stored);
	if (json_parse(stored.data, stored.len, &tree, &err) < 0)
		return false;
	const struct schema_kind *from = kinds_version_of(kinds, place, version_in(tree));
	schema_default(from ? from : to, tree);
	schema_api_version(to, &api_version);
	json_put_str(tree, "apiVersion", api_version.data);
	json_put_str(tree, "kind", to->kind);
	if (schema_normalize(to->type, tree, NULL, &err) < 0)
		return false;
	schema_print(to->type, tree, bytes);
	return str_ok(bytes);
}

static bool is_same(const struct object *o, const struct str *bytes)
{
	AUTO_STR old;
	str_init(&old, o->len);
	object_stored_bytes(o, &old);
	return old.len == bytes->len && memcmp(old.data, bytes->data, old.len) == 0;
}

struct object *object_derived(const struct kinds *kinds, size_t place, struct object *o)
{
	const struct schema_kind *kind = kinds_stored(kinds, place);
	struct object *raw = o->raw ? o->raw : o; /* what was pruned may have its place again */
	AUTO_STR bytes;
	struct object *made = NULL;
	struct error err;
	str_init(&bytes, BYTES_MAX);
	if (raw->schema_revision == kind->revision || !derive(kinds, place, raw, &bytes)) {
		str_clear(&bytes);
		object_stored_bytes(raw, &bytes);
	}
	int code = object_new(kind, o->key, bytes.data, bytes.len, o->version, &made, &err);
	assert(code == 0); /* derive() keeps the metadata */
	made->schema_revision = kind->revision;
	made->sealed_by = o->sealed_by;
	if (!is_same(raw, &bytes))
		made->raw = object_ref(raw);
	return made;
}
