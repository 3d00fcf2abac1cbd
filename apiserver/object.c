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

/* The value that begins there. */
static struct span value_at(const struct object *o, uint32_t at)
{
	const char *value = o->bytes + at;
	if (!at)
		return (struct span){ 0 };
	return (struct span){ value, (size_t)(scan_past(value, o->bytes + o->len) - value) };
}

static bool is_text(struct span value, const char *text)
{
	if (!value.at)
		return !*text;
	if (*value.at == '"' && !memchr(value.at, '\\', value.len))
		return scan_is(value, text);
	auto_free char *has = scan_text(value);
	return streq(has, text);
}

static char *text_of(struct span value)
{
	return value.at ? scan_text(value) : xstrdup("");
}

bool object_has_uid(const struct object *o, const char *uid)
{
	return is_text(value_at(o, o->uid_at), uid);
}

char *object_uid(const struct object *o)
{
	return text_of(value_at(o, o->uid_at));
}

struct span object_labels(const struct object *o)
{
	return value_at(o, o->labels_at);
}

struct span object_label(const struct object *o, const char *key)
{
	struct span value = scan_member(object_labels(o), key);
	return value.at ? (struct span){ value.at + 1, value.len - 2 } : value;
}

/* Absent as well where no such field is indexed. */
static struct span field_value(const struct object *o, const char *path)
{
	for (size_t i = 0; o->field_labels && o->field_labels[i]; i++)
		if (streq(o->field_labels[i], path))
			return value_at(o, o->fields_at[i]);
	return (struct span){ 0 };
}

bool object_field_is(const struct object *o, const char *path, const char *text)
{
	return is_text(field_value(o, path), text);
}

char *object_field(const struct object *o, const char *path)
{
	return text_of(field_value(o, path));
}

/* ---- selecting ---- */

struct looked_up {
	const struct object *o;
	char *unescaped; /* of the last value that had to be */
};

static struct span label_of(void *ctx, const char *key)
{
	return object_label(((struct looked_up *)ctx)->o, key);
}

static struct span whole_text(const char *text)
{
	return (struct span){ text, strlen(text) };
}

static struct span field_of(void *ctx, const char *path)
{
	struct looked_up *l = ctx;
	if (streq(path, "metadata.name"))
		return whole_text(l->o->name);
	if (streq(path, "metadata.namespace"))
		return whole_text(l->o->ns);
	struct span value = field_value(l->o, path);
	if (!value.at)
		return whole_text("");
	if (*value.at != '"')
		return value;
	if (!memchr(value.at, '\\', value.len))
		return (struct span){ value.at + 1, value.len - 2 };
	free(l->unescaped);
	l->unescaped = scan_text(value);
	return whole_text(l->unescaped);
}

bool object_matches(const struct object *o, const struct selector *labels,
		    const struct selector *fields)
{
	struct looked_up l = { .o = o };
	bool matches =
		selector_matches(labels, label_of, &l) && selector_matches(fields, field_of, &l);
	free(l.unescaped);
	return matches;
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
