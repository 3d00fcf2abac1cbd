/*
 * decode.h - the fuzz target of one encoding, FUZZ_ENCODING: any bytes as a body of a Pod and of
 * another kind are refused, or are an object whose bytes read back the same. Included once by each
 * fuzz_*.c of a decoder.
 */
#pragma once

#include "schemas/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const struct schema_kind *k, const uint8_t *data, size_t size)
{
	struct error err;
	struct schema_report report = { 0 };
	json_t *tree = NULL, *second = NULL;
	if (schema_decode(k->type, FUZZ_ENCODING, data, size, &tree, &report, &err) == 0) {
		AUTO_STR once, twice;
		str_init(&once, 64 << 20);
		str_init(&twice, 64 << 20);
		schema_print(k->type, tree, &once);
		if (str_ok(&once)) {
			int code = schema_decode(k->type, SCHEMA_JSON, once.data, once.len, &second,
						 NULL, &err);
			assert(code == 0);
			schema_print(k->type, second, &twice);
			assert(once.len == twice.len &&
			       memcmp(once.data, twice.data, once.len) == 0);
		}
		struct field_errors errors = { 0 };
		schema_default(k, tree);
		schema_validate(k, tree, NULL, &errors);
		field_errors_fini(&errors);
		json_decref(table_cells(k, tree, 0));
	}
	json_decref(tree);
	json_decref(second);
	schema_report_fini(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode(schema_kind_by_kind("", "v1", "Pod"), data, size);
	decode(schema_kind_at(size % schema_kinds_count()), data, size);
	return 0;
}
