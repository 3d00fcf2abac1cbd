#include "apiserver/object.h"
#include "common/base/jsonx.h"

#include <stdio.h>

char *object_key(const struct schema_kind *kind, const char *ns, const char *name)
{
	const struct schema_kind *stored = schema_storage(kind);
	return xasprintf("o/%s/%s/%s/%s", *stored->group ? stored->group : "core", stored->resource,
			 ns ? ns : "", name);
}

void object_stored_bytes(const struct object *o, struct str *out)
{
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

json_t *object_tree(const struct object *o)
{
	json_t *tree = NULL;
	struct error err;
	int code = json_parse(o->bytes, o->len, &tree, &err);
	assert(code == 0); /* canonical bytes are JSON */
	return tree;
}

json_t *object_tree_unowned(const struct object *o)
{
	if (!o->managed_len)
		return object_tree(o);
	json_t *tree = NULL;
	struct error err;
	size_t after = o->managed_at + o->managed_len;
	AUTO_STR text;
	str_init(&text, o->len);
	str_add_bytes(&text, o->bytes, o->managed_at);
	str_add_bytes(&text, o->bytes + after, o->len - after);
	int code = json_parse(text.data, text.len, &tree, &err);
	assert(code == 0); /* canonical bytes are JSON */
	return tree;
}

json_t *object_managed(const struct object *o)
{
	static const char head[] = ",\"managedFields\":";
	if (!o->managed_len)
		return NULL;
	json_t *list = NULL;
	struct error err;
	int code = json_parse(o->bytes + o->managed_at + sizeof head - 1,
			      o->managed_len - (sizeof head - 1), &list, &err);
	assert(code == 0);
	return list;
}

void object_add_managed(const struct object *o, struct str *bytes)
{
	if (!o->managed_len || !str_ok(bytes))
		return;
	struct span metadata = scan_member((struct span){ bytes->data, bytes->len }, "metadata");
	size_t at = (size_t)(metadata.at + metadata.len - 1 - bytes->data);
	AUTO_STR rest;
	str_init(&rest, bytes->max);
	str_add_bytes(&rest, bytes->data + at, bytes->len - at);
	str_truncate(bytes, at);
	str_add_bytes(bytes, o->bytes + o->managed_at, o->managed_len);
	str_add_bytes(bytes, rest.data, rest.len);
}
