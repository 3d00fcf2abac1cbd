/*
 * encode.h - protobuf straight from canonical JSON bytes: the tables say which member is which field; no
 * tree is made. What it writes, schema_encode_message() would write of the tree. Threads: any.
 */
#pragma once

#include "common/base/scan.h"
#include "schemas/schema.h"

/* The message of an object, or of any other value of the type. Check str_ok(out). */
void encode_message(const struct schema_type *type, struct span object, struct str *out);

/* A field of bytes that encode_message() writes: its number, its length, the message. */
void encode_member(uint32_t number, const struct schema_type *type, struct span object,
		   struct str *out);
