/*
 * protobuf.h - the Kubernetes protobuf encoding, driven by the tables: the "k8s\0" magic, the
 * Unknown envelope, and messages whose numbers the tables give. Unknown fields are skipped,
 * lengths checked before anything is allocated, depth at most PROTOBUF_DEPTH_MAX. Pure.
 */
#pragma once

#include "schemas/schema.h"

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
