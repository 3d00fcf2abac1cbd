#include "apiserver/object.h"
#include "common/base/jsonx.h"
#include "common/base/scan_tree.h"

#include <stdio.h>

char *object_key(const struct schema_kind *kind, const char *ns, const char *name)
{
	const struct schema_kind *stored = schema_storage(kind);
	return xasprintf("o/%s/%s/%s/%s", *stored->group ? stored->group : "core", stored->resource,
			 ns ? ns : "", name);
}

void object_stored_bytes(const struct object *o, struct str *out)
{
	if (o->version_len == 0) {
		str_add_bytes(out, o->bytes, o->len);
		return;
	}
	size_t from = o->version_at - strlen("\"resourceVersion\":\"");
	size_t to = o->version_at + o->version_len + 1;
	if (o->bytes[to] == ',')
		to++;
	str_add_bytes(out, o->bytes, from);
	str_add_bytes(out, o->bytes + to, o->len - to);
}

struct object *object_ref(struct object *o)
{
	o->refs++;
	return o;
}

void object_unref(struct object *o)
{
	if (!o || --o->refs > 0)
		return;
	object_unref(o->raw);
	free(o); /* all else of it is one block */
}

/* ---- reading ---- */

struct span object_metadata(const struct object *o)
{
	/* The version is its first member, managedFields its last. */
	const char *at = o->bytes + o->version_at - strlen("{\"resourceVersion\":\"");
	const char *end = o->managed_len ? o->bytes + o->managed_at + o->managed_len + 1
					 : scan_past(at, o->bytes + o->len);
	return (struct span){ at, (size_t)(end - at) };
}

const char *object_label(const struct object *o, const char *key)
{
	for (size_t i = 0; i < o->labels_count; i++)
		if (streq(o->labels[i].key, key))
			return o->labels[i].value;
	return NULL;
}

const char *object_field(const struct object *o, const char *path)
{
	if (streq(path, "metadata.name"))
		return o->name;
	if (streq(path, "metadata.namespace"))
		return o->ns;
	for (size_t i = 0; o->field_labels && o->field_labels[i]; i++)
		if (streq(o->field_labels[i], path))
			return o->fields[i];
	return NULL;
}

static const char *label_of(const void *o, const char *key)
{
	return object_label(o, key);
}

static const char *field_of(const void *o, const char *key)
{
	return object_field(o, key);
}

bool object_matches(const struct object *o, const struct selector *labels,
		    const struct selector *fields)
{
	return selector_matches(labels, label_of, o) && selector_matches(fields, field_of, o);
}

static json_t *tree_of(const char *bytes, size_t len)
{
	json_t *tree = scan_tree((struct span){ bytes, len });
	struct error err;
	if (tree)
		return tree;
	int code = json_parse(bytes, len, &tree, &err);
	assert(code == 0); /* canonical bytes are JSON */
	return tree;
}

json_t *object_tree(const struct object *o)
{
	return tree_of(o->bytes, o->len);
}

json_t *object_tree_unowned(const struct object *o)
{
	if (!o->managed_len)
		return object_tree(o);
	size_t after = o->managed_at + o->managed_len;
	AUTO_STR text;
	str_init(&text, o->len);
	str_add_bytes(&text, o->bytes, o->managed_at);
	str_add_bytes(&text, o->bytes + after, o->len - after);
	return tree_of(text.data, text.len);
}

#define MANAGED_HEAD ",\"managedFields\":"

struct span object_managed_bytes(const struct object *o)
{
	size_t n = strlen(MANAGED_HEAD);
	if (!o->managed_len)
		return (struct span){ 0 };
	return (struct span){ o->bytes + o->managed_at + n, o->managed_len - n };
}

json_t *object_managed(const struct object *o)
{
	struct span text = object_managed_bytes(o);
	if (!text.at)
		return NULL;
	return tree_of(text.at, text.len);
}

void object_unowned_bytes(const struct object *o, struct str *out)
{
	size_t begin = out->len;
	object_stored_bytes(o, out);
	if (!o->managed_len || !str_ok(out))
		return;
	/* Behind the version, which was cut out, nothing else was. */
	size_t cut = o->len - (out->len - begin), at = begin + o->managed_at - cut;
	size_t after = at + o->managed_len;
	memmove(out->data + at, out->data + after, out->len - after);
	str_truncate(out, out->len - o->managed_len);
}

void object_add_managed(struct str *bytes, struct span list)
{
	size_t head = strlen(MANAGED_HEAD);
	if (!list.at || !str_ok(bytes))
		return;
	struct span metadata = scan_member((struct span){ bytes->data, bytes->len }, "metadata");
	size_t at = (size_t)(metadata.at + metadata.len - 1 - bytes->data);
	size_t behind = bytes->len - at;
	if (!str_reserve(bytes, head + list.len))
		return;
	char *to = bytes->data + at;
	memmove(to + head + list.len, to, behind);
	memcpy(to, MANAGED_HEAD, head);
	memcpy(to + head, list.at, list.len);
	str_grew(bytes, head + list.len);
}
