/*
 * object.h - one stored object: canonical JSON bytes with the resourceVersion spliced in,
 * and a small index beside them. Immutable and reference-counted, so GET, LIST and WATCH
 * answer by reference, without parsing and without copying.
 *
 * Threads: the core loop's (the count is not atomic); the bytes may be read anywhere while a
 * reference is held.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/scan.h"
#include "common/base/selector.h"
#include "schemas/schema.h"

/* One block of memory: fields, key and bytes follow the structure (object_build.c). A hundred
 * thousand objects are held, so texts that the bytes have are not held again: a place in the bytes
 * tells where; 0: absent. */
struct object {
	uint32_t refs;
	uint8_t sealed_by; /* the key that it is encrypted with where it is stored; 0: none */
	bool is_deleting, has_finalizers;
	bool has_order; /* an annotation says what it depends on */
	const struct schema_kind *kind;
	/* Of a custom kind that has changed since: what the store has, of which this was made; a
	 * reference. NULL: this is what the store has. */
	struct object *raw;
	uint64_t version;
	const char *key;       /* in the store: "o/apps/deployments/ns/name" */
	const char *ns, *name; /* ns "" for cluster-scoped */
	const char *bytes;     /* JSON with metadata.resourceVersion */
	size_t len;
	const char *const *field_labels; /* what fields are indexed; NULL: none */
	uint32_t version_at;             /* where the digits stand in bytes */
	uint32_t version_len;
	/* `,"managedFields":[…]`, the last of the metadata; length 0: nobody owns anything. */
	uint32_t managed_at, managed_len;
	uint32_t uid_at, labels_at;
	uint32_t schema_revision; /* by what rules the bytes were printed */
	/* As an item of a list in protobuf, with tag and length; 0: nobody has asked yet. Set by
	 * workers, atomically. */
	uint32_t protobuf_len;
	uint32_t fields_at[]; /* of the values of field_labels */
};

/* "o/core/pods/default/web"; group "" becomes core. */
char *object_key(const struct schema_kind *kind, const char *ns, const char *name);

/* From canonical bytes without resourceVersion, as stored. version 0: it was never stored, and shows
 * none. ERR_INTERNAL: they are not ours. */
int object_new(const struct schema_kind *kind, const char *key, const void *bytes, size_t len,
	       uint64_t version, struct object **ret, struct error *err) MUST_CHECK;

/* The same object at another version (the last state of a deleted one); the caller's. */
struct object *object_at_version(const struct object *o, uint64_t version);

struct object *object_ref(struct object *o);
void object_unref(struct object *o); /* NULL is fine */
static inline void object_cleanup(struct object **o)
{
	object_unref(*o);
}

/* Its metadata in its bytes, found without looking at who owns which field. */
struct span object_metadata(const struct object *o);

/* Canonical bytes as stored, without the resourceVersion, appended to out. */
void object_stored_bytes(const struct object *o, struct str *out);

bool object_has_uid(const struct object *o, const char *uid);
char *object_uid(const struct object *o); /* the caller's; "": none */

/* Keys and values of labels have nothing that JSON escapes. */
struct span object_labels(const struct object *o); /* the member; absent: there are none */
struct span object_label(const struct object *o, const char *key); /* its text */
/* One of the kind's field labels; "" where the object has no such field. */
bool object_field_is(const struct object *o, const char *path, const char *text);
char *object_field(const struct object *o, const char *path); /* the caller's */

bool object_matches(const struct object *o, const struct selector *labels,
		    const struct selector *fields);

/* As a tree, with resourceVersion. The caller's. */
json_t *object_tree(const struct object *o);
/* The same without managedFields, which few writes look at; and these alone (NULL: none). */
json_t *object_tree_unowned(const struct object *o);
json_t *object_managed(const struct object *o);
/* The same list in its bytes; absent: nobody owns anything. */
struct span object_managed_bytes(const struct object *o);
/* Canonical bytes without managedFields get this list. */
void object_add_managed(struct str *bytes, struct span list);
/* As stored, without managedFields, appended to out. */
void object_unowned_bytes(const struct object *o, struct str *out);
