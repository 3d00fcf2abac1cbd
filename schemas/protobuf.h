/*
 * protobuf.h - the Kubernetes protobuf encoding, driven by the tables: the "k8s\0" magic, the
 * Unknown envelope, and messages whose numbers the tables give. Unknown fields are skipped,
 * lengths checked before anything is allocated, depth at most PROTOBUF_DEPTH_MAX. Pure.
 */
#pragma once

#include "schemas/schema.h"
#include "schemas/wire.h"

#define PROTOBUF_DEPTH_MAX 100

/* The embedded message that holds `field` directly inside `outer` (0: the object itself): its
 * number; 0 where the field does not stand in such a one. */
unsigned protobuf_within(const struct schema_field *field, unsigned outer);

/* The inside of the message (or bytes) that stands for a field's value in its form. */
void protobuf_add_inside(const struct schema_field *field, const json_t *value, struct str *out);

int protobuf_decode(const struct schema_type *type, const void *bytes, size_t len, json_t **ret,
		    struct error *err) MUST_CHECK;
int protobuf_peek(const void *bytes, size_t len, char **ret_api_version, char **ret_kind,
		  struct error *err) MUST_CHECK;

/* ---- pieces of it, for those that make no tree ---- */

/* What stands around an object; texts as they came, empty where there are none. */
struct protobuf_envelope {
	struct wire api_version, kind, raw;
};
int protobuf_open(const void *bytes, size_t len, struct protobuf_envelope *ret,
		  struct error *err) MUST_CHECK;
/* Messages of at most three members (times, quantities, map entries): the last of each wins. */
int protobuf_small(struct wire w, struct wire_field ret[4], struct error *err) MUST_CHECK;
/* A time, to TIME_TEXT_SIZE characters; "": none. */
int protobuf_moment(enum schema_form form, struct wire w, char *text, struct error *err) MUST_CHECK;
