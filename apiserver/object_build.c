/* From stored bytes to an object: one look at the bytes, one block of memory. */
#include "apiserver/object.h"
#include "common/plan/order_plan.h"

#include <stdio.h>

#define FIELDS_MAX   32 /* field labels of a kind */
#define VERSION_HEAD "\"resourceVersion\":\""
#define VERSION_MAX  (sizeof VERSION_HEAD + 24)
/* Places in the bytes are of 32 bits; what is stored is of some megabytes at most. */
#define BYTES_MAX (1u << 30)

/* What was found, before there is a place for it. */
struct found {
	struct span metadata, uid, labels, fields[FIELDS_MAX];
	size_t fields_count;
	size_t managed_at, managed_len;
	bool is_deleting, has_finalizers, has_order;
};

/* "skiff.dev/depends-on" has nothing that JSON escapes. */
static bool mentions_order(struct span annotations)
{
	struct scan s = scan_open(annotations);
	for (struct span name, value; scan_next(&s, &name, &value);)
		if (span_is(name, ORDER_DEPENDS_ON))
			return true;
	return false;
}

static void look_at_metadata(struct found *f, const char *whole)
{
	struct scan s = scan_open(f->metadata);
	for (struct span name, value; scan_next(&s, &name, &value);) {
		if (span_is(name, "uid")) {
			f->uid = value;
		} else if (span_is(name, "labels")) {
			f->labels = value;
		} else if (span_is(name, "annotations")) {
			f->has_order = mentions_order(value);
		} else if (span_is(name, "deletionTimestamp")) {
			f->is_deleting = true;
		} else if (span_is(name, "finalizers")) {
			f->has_finalizers = value.len > 2;
		} else if (span_is(name, "managedFields")) {
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
			if (rests[i] && span_is(key, rests[i])) {
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
		if (span_is(name, "metadata"))
			f->metadata = value;
		if (f->fields_count)
			look_at_fields(f, labels, name, value);
	}
	if (f->metadata.at && *f->metadata.at == '{')
		look_at_metadata(f, whole.at);
}

/* ---- the block ---- */

/* The version as the first member of the metadata; empty for what was never stored. */
struct spliced {
	char text[VERSION_MAX + 8];
	size_t at, len, digits;
};

static struct spliced version_text(const struct found *f, struct span whole, uint64_t version)
{
	struct spliced s = { .at = (size_t)(f->metadata.at - whole.at) + 1 };
	const char *comma = f->metadata.len == 2 ? "" : ",";
	if (version == 0)
		return s;
	int n = snprintf(s.text, sizeof s.text, VERSION_HEAD "%llu\"%s",
			 (unsigned long long)version, comma);
	assert(n > 0 && (size_t)n <= VERSION_MAX);
	s.len = (size_t)n;
	s.digits = s.len - strlen(VERSION_HEAD "\"") - strlen(comma);
	return s;
}

/* Where a value stands when the version is there. */
static uint32_t place_of(struct span value, struct span whole, const struct spliced *version)
{
	if (!value.at)
		return 0;
	size_t at = (size_t)(value.at - whole.at);
	return (uint32_t)(at < version->at ? at : at + version->len);
}

static char *put(char *to, const char *bytes, size_t n)
{
	memcpy(to, bytes, n);
	return to + n;
}

/* The namespace stands once more, for it ends with no zero where the key has it. */
static struct span namespace_in(const char *key)
{
	const char *last = strrchr(key, '/'), *before = last;
	while (before > key && before[-1] != '/')
		before--;
	return (struct span){ before, (size_t)(last - before) };
}

/* Key, namespace and bytes behind the fields. */
static void put_texts(struct object *o, const char *key, struct span whole, size_t fields_count,
		      const struct spliced *version)
{
	char *to = (char *)(o->fields_at + fields_count);
	struct span ns = namespace_in(key);
	o->key = to;
	o->name = to + (ns.at + ns.len + 1 - key);
	o->ns = to = put(to, key, strlen(key) + 1);
	to = put(to, ns.at, ns.len);
	*to++ = '\0';
	o->bytes = to;
	to = put(to, whole.at, version->at);
	to = put(to, version->text, version->len);
	to = put(to, whole.at + version->at, whole.len - version->at);
	*to = '\0';
	o->len = whole.len + version->len;
}

static size_t block_size(size_t fields_count, const char *key, size_t len)
{
	return sizeof(struct object) + fields_count * sizeof(uint32_t) + strlen(key) + 1 +
	       namespace_in(key).len + 1 + len + 1;
}

int object_new(const struct schema_kind *kind, const char *key, const void *bytes, size_t len,
	       uint64_t version, struct object **ret, struct error *err)
{
	struct span whole = { bytes, len };
	struct found f = { 0 };
	look(&f, kind, whole);
	if (len < 2 || len > BYTES_MAX || !f.metadata.at || *f.metadata.at != '{')
		return error_set(err, ERR_INTERNAL, "'%s' holds no object", key);
	struct spliced v = version_text(&f, whole, version);
	struct object *o = malloc(block_size(f.fields_count, key, len + v.len));
	if (!o)
		abort();
	*o = (struct object){ .refs = 1,
			      .kind = kind,
			      .version = version,
			      .is_deleting = f.is_deleting,
			      .has_finalizers = f.has_finalizers,
			      .has_order = f.has_order,
			      .field_labels = object_labels_of(kind),
			      .version_at = (uint32_t)(v.at + strlen(VERSION_HEAD)),
			      .version_len = (uint32_t)v.digits,
			      .managed_len = (uint32_t)f.managed_len,
			      .managed_at = f.managed_len ? (uint32_t)(f.managed_at + v.len) : 0,
			      .uid_at = place_of(f.uid, whole, &v),
			      .labels_at = place_of(f.labels, whole, &v) };
	for (size_t i = 0; i < f.fields_count; i++)
		o->fields_at[i] = place_of(f.fields[i], whole, &v);
	put_texts(o, key, whole, f.fields_count, &v);
	*ret = o;
	return 0;
}

/* ---- at another version ---- */

/* What pointed into one block points to the same place of its copy. */
static const char *moved(const struct object *from, struct object *to, const char *text)
{
	return (char *)to + (text - (const char *)from);
}

/* What stands behind the version's digits stands so much further. */
static void shift(uint32_t *at, uint32_t version_at, size_t by)
{
	if (*at > version_at)
		*at = (uint32_t)(*at + by);
}

/* The bytes are the last of the block: all before the version's digits stays where it is. */
struct object *object_at_version(const struct object *o, uint64_t version)
{
	char digits[24];
	int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)version);
	assert(n > 0 && n < (int)sizeof digits);
	size_t before = (size_t)(o->bytes + o->version_at - (const char *)o);
	size_t after = o->len - o->version_at - o->version_len;
	size_t by = (size_t)n - o->version_len; /* it may wrap, and wraps back */
	struct object *copy = malloc(before + (size_t)n + after + 1);
	if (!copy)
		abort();
	put(put(put((char *)copy, (const char *)o, before), digits, (size_t)n),
	    o->bytes + o->len - after, after + 1);
	copy->refs = 1;
	copy->raw = NULL;
	copy->version = version;
	copy->protobuf_len = 0;
	copy->key = moved(o, copy, o->key);
	copy->name = moved(o, copy, o->name);
	copy->ns = moved(o, copy, o->ns);
	copy->bytes = moved(o, copy, o->bytes);
	copy->len = o->len + by;
	copy->version_len = (uint32_t)n;
	shift(&copy->managed_at, o->version_at, by);
	shift(&copy->uid_at, o->version_at, by);
	shift(&copy->labels_at, o->version_at, by);
	for (size_t i = 0; o->field_labels && o->field_labels[i]; i++)
		shift(&copy->fields_at[i], o->version_at, by);
	return copy;
}
