#include "apiserver/object.h"
#include "common/base/jsonx.h"

#include <stdio.h>

char *object_key(const struct schema_kind *kind, const char *ns, const char *name)
{
	const struct schema_kind *stored = schema_storage(kind);
	return xasprintf("o/%s/%s/%s/%s", *stored->group ? stored->group : "core",
			 stored->resource, ns ? ns : "", name);
}

const struct schema_kind *object_key_parse(const char *key, char **ret_ns, char **ret_name)
{
	const char *parts[4];
	if (!starts_with(key, "o/"))
		return NULL;
	const char *p = key + 2;
	for (int i = 0; i < 4; i++) {
		parts[i] = p;
		p = strchr(p, '/');
		if (!p && i < 3)
			return NULL;
		p = p ? p + 1 : NULL;
	}
	if (p)
		return NULL;
	auto_free char *group = xstrndup(parts[0], (size_t)(parts[1] - parts[0] - 1));
	auto_free char *resource = xstrndup(parts[1], (size_t)(parts[2] - parts[1] - 1));
	const char *wanted = streq(group, "core") ? "" : group;
	for (size_t i = 0; i < schema_kinds_count(); i++) {
		const struct schema_kind *k = schema_kind_at(i);
		if (!k->storage && streq(k->group, wanted) && streq(k->resource, resource)) {
			*ret_ns = xstrndup(parts[2], (size_t)(parts[3] - parts[2] - 1));
			*ret_name = xstrdup(parts[3]);
			return k;
		}
	}
	return NULL;
}

/* ---- the index ---- */

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct object_pair *)a)->key, ((const struct object_pair *)b)->key);
}

static void index_labels(struct object *o, struct span labels)
{
	struct scan s = scan_open(labels);
	size_t n = 0, bytes = 0;
	for (struct span key, value; scan_next(&s, &key, &value); n++)
		bytes += key.len + value.len;
	if (n == 0)
		return;
	/* Label keys and values have no characters that JSON escapes. */
	o->labels = xcalloc(n, sizeof *o->labels);
	o->text = xcalloc(bytes, 1);
	char *to = o->text;
	s = scan_open(labels);
	for (struct span key, value; scan_next(&s, &key, &value);) {
		struct object_pair *pair = &o->labels[o->labels_count++];
		pair->key = to;
		memcpy(to, key.at, key.len);
		to += key.len + 1;
		pair->value = to;
		memcpy(to, value.at + 1, value.len - 2);
		to += value.len - 1;
	}
	qsort(o->labels, n, sizeof *o->labels, by_key);
}

/* The top-level members are found once, not once a field label. */
static void index_fields(struct object *o, struct span whole)
{
	size_t n = 0;
	while (o->kind->field_labels && o->kind->field_labels[n])
		n++;
	o->fields = xcalloc(n + 1, sizeof *o->fields);
	struct scan s = scan_open(whole);
	for (struct span name, value; n > 0 && scan_next(&s, &name, &value);)
		for (size_t i = 0; i < n; i++) {
			const char *path = o->kind->field_labels[i];
			if (strncmp(path, name.at, name.len) != 0)
				continue;
			if (path[name.len] == '.')
				o->fields[i] = scan_text(scan_dig(value, path + name.len + 1));
			else if (!path[name.len])
				o->fields[i] = scan_text(value);
		}
	for (size_t i = 0; i < n; i++)
		if (!o->fields[i])
			o->fields[i] = xstrdup("");
}

static void splice_version(struct object *o, const char *bytes, size_t len, size_t at,
			   bool is_empty)
{
	char text[64];
	int n = snprintf(text, sizeof text, "\"resourceVersion\":\"%llu\"%s",
			 (unsigned long long)o->version, is_empty ? "" : ",");
	assert(n > 0 && (size_t)n < sizeof text);
	o->len = len + (size_t)n;
	o->bytes = xcalloc(o->len + 1, 1);
	memcpy(o->bytes, bytes, at);
	memcpy(o->bytes + at, text, (size_t)n);
	memcpy(o->bytes + at + n, bytes + at, len - at);
	o->version_at = at + strlen("\"resourceVersion\":\"");
	if (o->managed_len)
		o->managed_at += (size_t)n;
	o->version_len = (size_t)n - strlen("\"resourceVersion\":\"\"") - (is_empty ? 0 : 1);
}

static void index_metadata(struct object *o, struct span whole, struct span metadata)
{
	static const char managed[] = "managedFields";
	struct scan s = scan_open(metadata);
	for (struct span name, value; scan_next(&s, &name, &value);) {
		if (name.len == 3 && memcmp(name.at, "uid", 3) == 0)
			o->uid = scan_text(value);
		else if (name.len == 6 && memcmp(name.at, "labels", 6) == 0)
			index_labels(o, value);
		else if (name.len == 17 && memcmp(name.at, "deletionTimestamp", 17) == 0)
			o->is_deleting = true;
		else if (name.len == 10 && memcmp(name.at, "finalizers", 10) == 0)
			o->has_finalizers = value.len > 2;
		else if (name.len == sizeof managed - 1 &&
			 memcmp(name.at, managed, name.len) == 0) {
			/* With the comma and the quote before; up to the end of the metadata. */
			o->managed_at = (size_t)(name.at - 2 - whole.at);
			o->managed_len = (size_t)(metadata.at + metadata.len - 1 - (name.at - 2));
		}
	}
}

int object_new(const struct schema_kind *kind, const char *key, const void *bytes, size_t len,
	       uint64_t version, struct object **ret, struct error *err)
{
	struct span whole = { bytes, len };
	struct span metadata = scan_member(whole, "metadata");
	if (len < 2 || !metadata.at || *metadata.at != '{')
		return error_set(err, ERR_INTERNAL, "'%s' holds no object", key);

	struct object *o = xcalloc(1, sizeof *o);
	*o = (struct object){ .refs = 1, .kind = kind, .version = version, .key = xstrdup(key) };
	const char *last = strrchr(key, '/');
	const char *before = last;
	while (before > key && before[-1] != '/')
		before--;
	o->names = xstrdup(before);
	o->ns = o->names;
	o->names[last - before] = '\0';
	o->name = o->names + (last - before) + 1;
	index_metadata(o, whole, metadata);
	if (!o->uid)
		o->uid = xstrdup("");
	index_fields(o, whole);
	splice_version(o, bytes, len, (size_t)(metadata.at - whole.at) + 1, metadata.len == 2);
	*ret = o;
	return 0;
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

struct object *object_at_version(const struct object *o, uint64_t version)
{
	AUTO_STR stored;
	str_init(&stored, o->len);
	object_stored_bytes(o, &stored);
	struct object *copy = NULL;
	struct error err;
	int code = object_new(o->kind, o->key, stored.data, stored.len, version, &copy, &err);
	assert(code == 0);
	return copy;
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
	for (size_t i = 0; o->fields && o->fields[i]; i++)
		free(o->fields[i]);
	free(o->fields);
	free(o->labels);
	free(o->text);
	free(o->uid);
	free(o->names);
	free(o->key);
	free(o->bytes);
	free(o);
}

/* ---- reading ---- */

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
	for (size_t i = 0; o->kind->field_labels && o->kind->field_labels[i]; i++)
		if (streq(o->kind->field_labels[i], path))
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
