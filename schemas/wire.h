/*
 * wire.h - protobuf's wire format: varints, tags, lengths. A reader never passes its end. Pure.
 */
#pragma once

#include "common/base/str.h"

struct wire {
	const uint8_t *at, *end;
};

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;    /* VARINT, 64, 32 */
	struct wire bytes; /* BYTES */
};

/* The next field, read whole. 1: there is one, 0: the end, ERR_MALFORMED. */
int wire_next(struct wire *w, struct wire_field *ret, struct error *err) MUST_CHECK;
int wire_varint(struct wire *w, uint64_t *ret, struct error *err) MUST_CHECK;

void wire_add_varint(struct str *out, uint64_t value);
void wire_add_int(struct str *out, uint32_t number, uint64_t value);
void wire_add_bytes(struct str *out, uint32_t number, const void *bytes, size_t n);
void wire_add_double(struct str *out, uint32_t number, double value);
