/* From stored bytes to an object: one look at the bytes, one block of memory. */
#include "apiserver/object.h"
#include "common/plan/order_plan.h"

#include <stdio.h>

#define FIELDS_MAX   32 /* field labels of a kind */
#define VERSION_HEAD "\"resourceVersion\":\""
#define VERSION_MAX  (sizeof VERSION_HEAD + 24)

/* What was found, before there is a place for it. */
struct found {
	struct span metadata, uid, labels, fields[FIELDS_MAX];
	size_t fields_count, labels_count;
	size_t managed_at, managed_len;
	bool is_deleting, has_finalizers, has_order;
};

static bool is_named(struct span name, const char *text)
{
	size_t n = strlen(text);
	return name.len == n && memcmp(name.at, text, n) == 0;
}

/* "skiff.dev/depends-on" has nothing that JSON escapes. */
static bool mentions_order(struct span annotations)
{
	struct scan s = scan_open(annotations);
	for (struct span name, value; scan_next(&s, &name, &value);)
		if (is_named(name, ORDER_DEPENDS_ON))
			return true;
	return false;
}

static void look_at_metadata(struct found *f, const char *whole)
{
	struct scan s = scan_open(f->metadata);
	for (struct span name, value; scan_next(&s, &name, &value);) {
		if (is_named(name, "uid")) {
			f->uid = value;
		} else if (is_named(name, "labels")) {
			f->labels = value;
		} else if (is_named(name, "annotations")) {
			f->has_order = mentions_order(value);
		} else if (is_named(name, "deletionTimestamp")) {
			f->is_deleting = true;
		} else if (is_named(name, "finalizers")) {
			f->has_finalizers = value.len > 2;
		} else if (is_named(name, "managedFields")) {
			/* With the comma and the quote before; up to the end of the metadata. */
			f->managed_at = (size_t)(name.at - 2 - whole);
			f->managed_len =
				(size_t)(f->metadata.at + f->metadata.len - 1 - (name.at - 2));
		}
	}
}

/* Field labels below one member, which is walked once for all of them. */
static void look_at_fields(struct found *f, const char *const *labels, struct span name,
			   struct span value)
{
	const char *rests[FIELDS_MAX];
	size_t wanted = 0;
	for (size_t i = 0; i < f->fields_count; i++) {
		rests[i] = NULL;
		if (strncmp(labels[i], name.at, name.len) != 0)
			continue;
		const char *rest = labels[i] + name.len;
		if (!*rest) {
			f->fields[i] = value;
		} else if (*rest == '.' && strchr(rest + 1, '.')) {
			f->fields[i] = scan_dig(value, rest + 1);
		} else if (*rest == '.') {
			rests[i] = rest + 1;
			wanted++;
		}
	}
	struct scan s = scan_open(value);
	for (struct span key, inner; wanted > 0 && scan_next(&s, &key, &inner);)
		for (size_t i = 0; i < f->fields_count; i++)
			if (rests[i] && is_named(key, rests[i])) {
				f->fields[i] = inner;
				wanted--;
			}
}

/* What objects of a kind are indexed by: of a custom one, what any of its versions may ask for. */
static const char *const *object_labels_of(const struct schema_kind *kind)
{
	return kind->indexed_labels ? kind->indexed_labels : kind->field_labels;
}

static void look(struct found *f, const struct schema_kind *kind, struct span whole)
{
	const char *const *labels = object_labels_of(kind);
	while (labels && labels[f->fields_count])
		f->fields_count++;
	assert(f->fields_count <= FIELDS_MAX); /* ours have 8; kinds.c keeps custom ones below */
	struct scan s = scan_open(whole);
	for (struct span name, value; scan_next(&s, &name, &value);) {
		if (is_named(name, "metadata"))
			f->metadata = value;
		if (f->fields_count)
			look_at_fields(f, labels, name, value);
	}
	if (f->metadata.at && *f->metadata.at == '{')
		look_at_metadata(f, whole.at);
	s = scan_open(f->labels);
	for (struct span name, value; scan_next(&s, &name, &value);)
		f->labels_count++;
}

/* ---- the block ---- */

struct block {
	struct object *o;
	char *to; /* where the next text goes */
};

static const char *put_text(struct block *b, struct span text)
{
	char *begin = b->to;
	memcpy(begin, text.at, text.len);
	begin[text.len] = '\0';
	b->to += text.len + 1;
	return begin;
}

/* A JSON value as scan_text() has it. */
static const char *put_value(struct block *b, struct span value)
{
	if (!value.at)
		return "";
	if (value.len >= 2 && *value.at == '"' && !memchr(value.at, '\\', value.len))
		return put_text(b, (struct span){ value.at + 1, value.len - 2 });
	auto_free char *text = scan_text(value);
	return put_text(b, (struct span){ text, strlen(text) });
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct object_pair *)a)->key, ((const struct object_pair *)b)->key);
}

static void put_labels(struct block *b, struct object_pair *pairs, struct span labels)
{
	struct scan s = scan_open(labels);
	size_t n = 0;
	/* Label keys and values have no characters that JSON escapes. */
	for (struct span key, value; scan_next(&s, &key, &value); n++) {
		pairs[n].key = put_text(b, key);
		pairs[n].value = put_text(b, (struct span){ value.at + 1, value.len - 2 });
	}
	qsort(pairs, n, sizeof *pairs, by_key);
	b->o->labels = pairs;
	b->o->labels_count = n;
}

static void put_key(struct block *b, const char *key)
{
	const char *last = strrchr(key, '/'), *before = last;
	while (before > key && before[-1] != '/')
		before--;
	b->o->key = put_text(b, (struct span){ key, strlen(key) });
	b->o->name = b->o->key + (last + 1 - key);
	b->o->ns = put_text(b, (struct span){ before, (size_t)(last - before) });
}

/* At most what put_… write. */
static size_t block_size(const struct found *f, const char *key, size_t len)
{
	size_t n = sizeof(struct object) + f->labels_count * sizeof(struct object_pair) +
		   (f->fields_count + 1) * sizeof(char *);
	n += 2 * (strlen(key) + 1) + f->uid.len + 1;
	n += f->labels.len + f->labels_count;
	for (size_t i = 0; i < f->fields_count; i++)
		n += f->fields[i].len + 1;
	return n + len + VERSION_MAX + 1;
}

static void splice_version(struct block *b, const struct found *f, struct span whole)
{
	struct object *o = b->o;
	char text[VERSION_MAX + 8];
	bool is_empty = f->metadata.len == 2;
	size_t at = (size_t)(f->metadata.at - whole.at) + 1;
	int n = snprintf(text, sizeof text, VERSION_HEAD "%llu\"%s", (unsigned long long)o->version,
			 is_empty ? "" : ",");
	assert(n > 0 && (size_t)n <= VERSION_MAX);
	if (o->version == 0)
		n = 0;
	o->bytes = b->to;
	o->len = whole.len + (size_t)n;
	memcpy(b->to, whole.at, at);
	memcpy(b->to + at, text, (size_t)n);
	memcpy(b->to + at + n, whole.at + at, whole.len - at);
	b->to[o->len] = '\0';
	b->to += o->len + 1;
	o->version_at = at + strlen(VERSION_HEAD);
	o->version_len =
		n ? (uint32_t)((size_t)n - strlen(VERSION_HEAD "\"") - (is_empty ? 0 : 1)) : 0;
	o->managed_len = f->managed_len;
	o->managed_at = f->managed_len ? f->managed_at + (size_t)n : 0;
}

int object_new(const struct schema_kind *kind, const char *key, const void *bytes, size_t len,
	       uint64_t version, struct object **ret, struct error *err)
{
	struct span whole = { bytes, len };
	struct found f = { 0 };
	look(&f, kind, whole);
	if (len < 2 || !f.metadata.at || *f.metadata.at != '{')
		return error_set(err, ERR_INTERNAL, "'%s' holds no object", key);
	size_t size = block_size(&f, key, len);
	struct object *o = malloc(size);
	if (!o)
		abort();
	*o = (struct object){ .refs = 1,
			      .kind = kind,
			      .version = version,
			      .is_deleting = f.is_deleting,
			      .has_finalizers = f.has_finalizers,
			      .has_order = f.has_order,
			      .field_labels = object_labels_of(kind) };
	struct object_pair *pairs = (struct object_pair *)(o + 1);
	const char **fields = (const char **)(pairs + f.labels_count);
	struct block b = { o, (char *)(fields + f.fields_count + 1) };
	put_labels(&b, pairs, f.labels);
	put_key(&b, key);
	o->uid = put_value(&b, f.uid);
	for (size_t i = 0; i < f.fields_count; i++)
		fields[i] = put_value(&b, f.fields[i]);
	fields[f.fields_count] = NULL;
	o->fields = fields;
	splice_version(&b, &f, whole);
	assert((size_t)(b.to - (char *)o) <= size);
	*ret = o;
	return 0;
}

/* What pointed into one block points to the same place of its copy. */
static const char *moved(const struct object *from, struct object *to, const char *text)
{
	return (char *)to + (text - (const char *)from);
}

static void move_pointers(const struct object *from, struct object *to)
{
	struct object_pair *pairs = (struct object_pair *)(to + 1);
	const char **fields = (const char **)(pairs + to->labels_count);
	for (size_t i = 0; i < to->labels_count; i++)
		pairs[i] = (struct object_pair){ moved(from, to, pairs[i].key),
						 moved(from, to, pairs[i].value) };
	for (size_t i = 0; fields[i]; i++)
		if (*fields[i])
			fields[i] = moved(from, to, fields[i]);
		else
			fields[i] = ""; /* one that is absent is no text of the block */
	to->labels = pairs;
	to->fields = fields;
	to->key = moved(from, to, from->key);
	to->name = moved(from, to, from->name);
	to->ns = moved(from, to, from->ns);
	to->uid = *from->uid ? moved(from, to, from->uid) : "";
	to->bytes = moved(from, to, from->bytes);
}

/* The bytes are the last of the block: all before the version's digits stays where it is. */
struct object *object_at_version(const struct object *o, uint64_t version)
{
	char digits[24];
	int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)version);
	assert(n > 0 && n < (int)sizeof digits);
	size_t before = (size_t)(o->bytes + o->version_at - (const char *)o);
	size_t after = o->len - o->version_at - o->version_len;
	struct object *copy = malloc(before + (size_t)n + after + 1);
	if (!copy)
		abort();
	memcpy(copy, o, before);
	memcpy((char *)copy + before, digits, (size_t)n);
	memcpy((char *)copy + before + n, o->bytes + o->len - after, after + 1);
	move_pointers(o, copy);
	copy->refs = 1;
	copy->raw = NULL;
	copy->version = version;
	copy->protobuf_len = 0;
	copy->len = o->version_at + (size_t)n + after;
	copy->version_len = (uint32_t)n;
	copy->managed_at = o->managed_len ? o->managed_at - o->version_len + (size_t)n : 0;
	return copy;
}
