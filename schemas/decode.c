#include "common/base/jsonx.h"
#include "schemas/json_text.h"
#include "schemas/normalize.h"
#include "schemas/protobuf.h"

static void documents_cleanup(struct yaml_documents *d)
{
	yaml_documents_fini(d);
}

/* The first document that holds something. */
static int tree_from_yaml(const char *text, size_t len, json_t **ret, struct schema_report *report,
			  struct error *err)
{
	__attribute__((cleanup(documents_cleanup))) struct yaml_documents documents = { 0 };
	if (yaml_parse(text, len, &documents, err) < 0)
		return err->code;
	for (size_t i = 0; i < documents.count; i++) {
		struct yaml_document *d = &documents.at[i];
		if (!d->tree)
			continue;
		for (size_t k = 0; k < d->problems_count; k++)
			report_add(report, "%s", d->problems[k]);
		*ret = json_incref(d->tree);
		return 0;
	}
	return error_set(err, ERR_MALFORMED, "unexpected end of YAML input");
}

int schema_decode(const struct schema_type *type, enum schema_encoding encoding, const void *bytes,
		  size_t len, json_t **ret, struct schema_report *report, struct error *err)
{
	AUTO_JSON *tree = NULL;
	int code = 0;
	switch (encoding) {
	case SCHEMA_JSON:
		code = json_text_parse(bytes, len, &tree, report, err);
		break;
	case SCHEMA_YAML:
		code = tree_from_yaml(bytes, len, &tree, report, err);
		break;
	case SCHEMA_PROTOBUF:
		code = protobuf_decode(type, bytes, len, &tree, err);
		break;
	}
	if (code < 0 || (code = normalize_object(type, tree, NULL, report, err)) < 0)
		return code;
	*ret = TAKE(tree);
	return 0;
}

int schema_peek(enum schema_encoding encoding, const void *bytes, size_t len,
		char **ret_api_version, char **ret_kind, struct error *err)
{
	if (encoding == SCHEMA_PROTOBUF)
		return protobuf_peek(bytes, len, ret_api_version, ret_kind, err);
	AUTO_JSON *tree = NULL;
	int code = encoding == SCHEMA_JSON ? json_text_parse(bytes, len, &tree, NULL, err)
					   : tree_from_yaml(bytes, len, &tree, NULL, err);
	if (code < 0)
		return code;
	*ret_api_version = xstrdup(json_str_or(tree, "apiVersion", ""));
	*ret_kind = xstrdup(json_str_or(tree, "kind", ""));
	return 0;
}
