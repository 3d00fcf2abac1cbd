#include "schemas/wire.h"

#define NUMBER_MAX 536870911u /* 2^29 - 1 */

int wire_varint(struct wire *w, uint64_t *ret, struct error *err)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (w->at == w->end)
			return error_set(err, ERR_MALFORMED, "proto: unexpected EOF");
		uint8_t byte = *w->at++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = value;
			return 0;
		}
	}
	return error_set(err, ERR_MALFORMED, "proto: integer overflow");
}

static int read_fixed(struct wire *w, size_t n, uint64_t *ret, struct error *err)
{
	if ((size_t)(w->end - w->at) < n)
		return error_set(err, ERR_MALFORMED, "proto: unexpected EOF");
	uint64_t value = 0;
	for (size_t i = 0; i < n; i++)
		value |= (uint64_t)w->at[i] << (8 * i);
	w->at += n;
	*ret = value;
	return 0;
}

int wire_next(struct wire *w, struct wire_field *ret, struct error *err)
{
	uint64_t tag, length;
	if (w->at == w->end)
		return 0;
	if (wire_varint(w, &tag, err) < 0)
		return err->code;
	if (tag >> 3 == 0 || tag >> 3 > NUMBER_MAX)
		return error_set(err, ERR_MALFORMED, "proto: illegal tag %llu",
				 (unsigned long long)tag);
	struct wire_field f = { .number = (uint32_t)(tag >> 3) };
	int code = 0;
	switch (tag & 7) {
	case WIRE_VARINT:
		f.type = WIRE_VARINT;
		code = wire_varint(w, &f.value, err);
		break;
	case WIRE_64:
		f.type = WIRE_64;
		code = read_fixed(w, 8, &f.value, err);
		break;
	case WIRE_32:
		f.type = WIRE_32;
		code = read_fixed(w, 4, &f.value, err);
		break;
	case WIRE_BYTES:
		f.type = WIRE_BYTES;
		code = wire_varint(w, &length, err);
		if (code == 0 && length > (uint64_t)(w->end - w->at))
			code = error_set(err, ERR_MALFORMED, "proto: unexpected EOF");
		if (code == 0) {
			f.bytes = (struct wire){ w->at, w->at + length };
			w->at += length;
		}
		break;
	default:
		code = error_set(err, ERR_MALFORMED, "proto: illegal wireType %d", (int)(tag & 7));
	}
	if (code < 0)
		return code;
	*ret = f;
	return 1;
}

void wire_add_varint(struct str *out, uint64_t value)
{
	while (value >= 0x80) {
		str_add_char(out, (char)(value | 0x80));
		value >>= 7;
	}
	str_add_char(out, (char)value);
}

void wire_add_int(struct str *out, uint32_t number, uint64_t value)
{
	wire_add_varint(out, (uint64_t)number << 3 | WIRE_VARINT);
	wire_add_varint(out, value);
}

void wire_add_bytes(struct str *out, uint32_t number, const void *bytes, size_t n)
{
	wire_add_varint(out, (uint64_t)number << 3 | WIRE_BYTES);
	wire_add_varint(out, n);
	str_add_bytes(out, bytes, n);
}

void wire_add_double(struct str *out, uint32_t number, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	wire_add_varint(out, (uint64_t)number << 3 | WIRE_64);
	for (unsigned i = 0; i < 8; i++)
		str_add_char(out, (char)(bits >> (8 * i) & 0xff));
}
