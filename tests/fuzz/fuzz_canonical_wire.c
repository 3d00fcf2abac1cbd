/*
 * Any bytes as a message of a kind: what canonical.h makes of them without a tree is what decoding,
 * defaults and printing make of them with one. A first line "#NAME" names the type; then a message without its
 * envelope stands behind it. Else it is an envelope of a Pod, a Lease and one more. JSON behind the
 * line is made a message first: so what one fuzzer finds is tried by the other.
 */
#include "tests/fuzz/canonical.h"

static void compare(const struct schema_kind *k, struct span envelope)
{
	AUTO_STR version, tree, bytes;
	str_init(&version, 256);
	str_init(&tree, TEXT_MAX);
	str_init(&bytes, TEXT_MAX);
	schema_api_version(k, &version);
	const struct canonical_options o = { k->type, version.data, k->kind, false };
	if (!canonical_write_wire(&o, envelope, &bytes))
		return;
	by_tree(&o, SCHEMA_PROTOBUF, envelope, &tree);
	check_equal(&bytes, &tree);
	check_sound(k, &bytes, &(struct str){ 0 });
}

static void compare_message(const struct schema_kind *k, struct span message)
{
	AUTO_STR version, envelope;
	str_init(&version, 256);
	str_init(&envelope, TEXT_MAX);
	schema_api_version(k, &version);
	schema_add_envelope(version.data, k->kind, message.at, message.len, &envelope);
	compare(k, (struct span){ envelope.data, envelope.len });
}

static void compare_json(const struct schema_kind *k, struct span json)
{
	AUTO_JSON *tree = NULL;
	AUTO_STR message;
	struct error err;
	struct schema_report report = { 0 };
	str_init(&message, TEXT_MAX);
	if (schema_decode(k->type, SCHEMA_JSON, json.at, json.len, &tree, &report, &err) == 0 &&
	    schema_encode_message(k->type, tree, &message, &err) == 0)
		compare_message(k, (struct span){ message.data, message.len });
	schema_report_fini(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest, whole = { (const char *)data, size };
	const struct schema_kind *k = kind_in(data, size, &rest);
	if (k && rest.len && *rest.at == '{') {
		compare_json(k, rest);
	} else if (k) {
		compare_message(k, rest);
	} else {
		compare(schema_kind_by_kind("", "v1", "Pod"), whole);
		compare(schema_kind_by_kind("coordination.k8s.io", "v1", "Lease"), whole);
		compare(schema_kind_at(size % schema_kinds_count()), whole);
	}
	return 0;
}
