/*
 * canonical.h - what the targets fuzz_canonical*.c share: the same object by its tree, and
 * what sound.h thinks of its bytes.
 */
#pragma once

#include "common/base/jsonx.h"
#include "schemas/canonical.h"
#include "schemas/custom.h"
#include "schemas/default.h"
#include "schemas/rule.h"
#include "schemas/sound.h"

#include <stdio.h>

#define TEXT_MAX (64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The kind of a first line "#TYPE", and what stands behind it; NULL: there is none. */
static inline const struct schema_kind *kind_in(const uint8_t *data, size_t size,
						struct span *ret_rest)
{
	const char *text = (const char *)data;
	const char *stop = size && *text == '#' ? memchr(text, '\n', size) : NULL;
	for (size_t i = 0; stop && i < schema_kinds_count(); i++) {
		const struct schema_kind *k = schema_kind_at(i);
		size_t n = strlen(k->type->name), head = (size_t)(stop - text) + 1;
		*ret_rest = (struct span){ stop + 1, size - head };
		if (n == head - 2 && memcmp(text + 1, k->type->name, n) == 0)
			return k;
	}
	return NULL;
}

static void check_equal(const struct str *straight, const struct str *tree)
{
	bool is_equal =
		tree->len == straight->len && memcmp(tree->data, straight->data, tree->len) == 0;
	if (!is_equal)
		fprintf(stderr, "%s\n%s\n", tree->data, straight->data);
	assert(is_equal);
}

static void by_tree(const struct canonical_options *o, enum schema_encoding encoding,
		    struct span body, struct str *out)
{
	struct error err;
	struct schema_report report = { 0 };
	struct field_errors errors = { 0 };
	json_t *tree = NULL;
	int code = schema_decode(o->type, encoding, body.at, body.len, &tree, &report, &err);
	assert(code == 0);
	assert(o->prunes || report.count == 0);
	const char *version = json_str_or(tree, "apiVersion", ""),
		   *kind = json_str_or(tree, "kind", "");
	assert(!*version || streq(version, o->api_version));
	assert(!*kind || streq(kind, o->kind));
	json_put_str(tree, "apiVersion", o->api_version);
	json_put_str(tree, "kind", o->kind);
	if (o->type->is_custom)
		custom_default(custom_of(o->type), tree);
	else
		default_fields(o->type, tree);
	schema_print(o->type, tree, out);
	if (!o->type->is_custom)
		validate_tables(o->type, tree, NULL, NULL, &errors);
	assert(errors.count == 0);
	field_errors_fini(&errors);
	schema_report_fini(&report);
	json_decref(tree);
}

static json_t *parsed(const struct str *bytes)
{
	json_t *tree = json_loadb(bytes->data, bytes->len, JSON_ALLOW_NUL, NULL);
	assert(tree);
	return tree;
}

/* `old` may be empty. */
static void check_sound(const struct schema_kind *k, const struct str *bytes, const struct str *old)
{
	struct span was = { old->len ? old->data : NULL, old->len }, none = { 0 };
	struct span now = { bytes->data, bytes->len };
	if (!sound_kind(k) || (was.at && !sound_object(k, was, none)) || !sound_object(k, now, was))
		return;
	struct field_errors errors = { 0 };
	struct schema_report report = { 0 };
	AUTO_STR again;
	AUTO_JSON *tree = parsed(bytes), *before = old->len ? parsed(old) : NULL;
	str_init(&again, TEXT_MAX);
	schema_default(k, tree);
	schema_print(k->type, tree, &again);
	assert(again.len == bytes->len && memcmp(again.data, bytes->data, again.len) == 0);
	/* The server writes the metadata of an update itself. */
	if (before)
		json_object_set(tree, "metadata", json_object_get(before, "metadata"));
	schema_validate(k, tree, before, &errors);
	schema_warnings(k, tree, before, &report);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "%s %s\n", errors.at[i].field, errors.at[i].detail);
	assert(errors.count == 0 && report.count == 0);
	field_errors_fini(&errors);
	schema_report_fini(&report);
}
