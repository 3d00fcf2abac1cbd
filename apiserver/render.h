/*
 * render.h - objects as clients want them: as they are, as YAML, as Table rows, as
 * PartialObjectMetadata.
 */
#pragma once

#include "apiserver/request.h"

#define RENDER_MAX (64u << 20)

enum include_object { INCLUDE_METADATA, INCLUDE_OBJECT, INCLUDE_NONE };

/* JSON bytes in the encoding that was asked for; returns the Content-Type (static). */
const char *render_bytes(const struct accept *a, const char *bytes, size_t len, struct str *out);

/* One object as the request wants it. */
const char *render_object(struct request *r, const struct object *o, struct str *out);

/* ?includeObject=; false: unknown value. */
bool render_include(const struct query *q, enum include_object *ret);

/* `"columnDefinitions":[…]` */
void render_columns(const struct schema_kind *kind, struct str *out);
/* One row: {"cells":[…],"object":{…}} */
void render_row(const struct schema_kind *asked, const struct object *o,
		enum include_object include, int64_t now_us, const char *as_version,
		struct str *out);
/* {"kind":"PartialObjectMetadata",…,"metadata":{…}} without parsing. */
void render_partial(const struct object *o, const char *as_version, bool omits_owners,
		    struct str *out);

/* One object inside a list or a watch event, in the request's rendering. `first` adds the
 * column definitions where a Table is a watch event. */
/* An object in the version that was asked for. */
void render_as(const struct schema_kind *kind, const struct object *o, bool omits_owners,
	       struct str *out);

struct rendering {
	enum accept_as as;
	char as_version[16];
	enum include_object include;
	const struct schema_kind *kind;
	bool omits_owners;
};
/* `Skiff-Omit: managedFields`: half of what our own programs would read for nothing. */
bool render_omits_owners(const struct request *r);
void render_item(const struct rendering *how, const struct object *o, bool is_first, int64_t now_us,
		 struct str *out);
const char *render_content_type(const struct accept *a);

/* ---- render_protobuf.c ---- */

/* False: kinds of ours that no protobuf was defined for. */
bool render_has_protobuf(const struct schema_kind *kind);
/* An object, a list, metadata alone, a Status, from its bytes without blanks. False: none that has
 * protobuf; `out` is spoilt. */
bool render_protobuf(const char *bytes, size_t len, struct str *out);
/* One frame of a watch: its length in four bytes, and a WatchEvent around the object (JSON). */
bool render_protobuf_event(const char *type, const char *object, size_t len, struct str *out);
/* A list item by item: its ListMeta (JSON), its items, and the envelope, for which the message begins
 * with so many bytes of anything. */
#define RENDER_LIST_ROOM 512
void render_protobuf_list_head(const char *metadata, size_t len, struct str *message);
void render_protobuf_list_item(const struct schema_kind *kind, bool is_partial,
			       const struct object *o, struct str *message);
void render_protobuf_list_end(const char *api_version, const char *kind, struct str *message);
