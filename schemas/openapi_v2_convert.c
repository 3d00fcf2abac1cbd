/*
 * What version 2 says otherwise than version 3: bodies are parameters, content types stand with the
 * operation, parameters that many take are shared, references lead elsewhere and may have words beside
 * them, and there are neither defaults nor alternatives of built-in types.
 */
#include "common/base/jsonx.h"
#include "common/base/map.h"
#include "schemas/openapi_internal.h"
#include "schemas/openapi_v2.h"

#define TEXT_SIZE_MAX (1u << 20)

/* In the order in which they are listed. */
static const char *const content_types[] = {
	"text/plain",
	"application/json",
	"application/yaml",
	"application/vnd.kubernetes.protobuf",
	"application/json;stream=watch",
	"application/vnd.kubernetes.protobuf;stream=watch",
	"application/jwk-set+json",
	"application/json-patch+json",
	"application/merge-patch+json",
	"application/strategic-merge-patch+json",
	"application/apply-patch+yaml",
	"*/*",
};

/* ---- schemas ---- */

static void set_reference(json_t *schema, const char *to)
{
	static const char from[] = "#/components/schemas/";
	assert(starts_with(to, from));
	auto_free char *made = xasprintf("#/definitions/%s", to + strlen(from));
	json_object_del(schema, "allOf");
	json_object_set_new(schema, "$ref", json_string(made));
}

void openapi_v2_schema(json_t *schema)
{
	const char *name;
	json_t *member;
	const json_t *all = json_object_get(schema, "allOf");
	const char *to = json_str(all ? json_array_get(all, 0) : schema, "$ref");
	if (to)
		set_reference(schema, to);
	json_object_del(schema, "default");
	if (json_object_del(schema, "oneOf") == 0)
		json_object_set_new(schema, "type", json_string("string"));
	json_object_foreach (json_object_get(schema, "properties"), name, member)
		openapi_v2_schema(member);
	for (size_t i = 0; i < 2; i++) {
		member = json_object_get(schema, i ? "additionalProperties" : "items");
		if (json_is_object(member))
			openapi_v2_schema(member);
	}
}

/* ---- parameters ---- */

/* Many operations take the same: what says which object is not, and clients look for dryRun and
 * fieldValidation in the operation itself. */
static bool is_shared(const json_t *parameter)
{
	static const char *const own[] = { "name", "dryRun", "fieldValidation" };
	const char *name = json_str_or(parameter, "name", "");
	const char *body = json_str(json_object_get(parameter, "schema"), "$ref");
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (streq(name, own[i]))
			return false;
	return !streq(name, "body") || streq(body, "#/definitions/" OPENAPI_META "Patch") ||
	       streq(body, "#/definitions/" OPENAPI_META "DeleteOptions");
}

/* "limit-1NfNmdNH": by what it says. */
static void add_key(const json_t *parameter, struct str *out)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-_";
	AUTO_STR text;
	str_init(&text, TEXT_SIZE_MAX);
	json_print_sorted(parameter, &text);
	uint64_t hash = hash_bytes(text.data, text.len);
	str_addf(out, "%s-", json_str_or(parameter, "name", ""));
	for (size_t i = 0; i < 8; i++)
		str_add_char(out, letters[hash >> (6 * i) & 63]);
}

/* A reference to what is kept in `shared`, or the parameter itself. Steals it. */
static json_t *share(json_t *parameter, json_t *shared)
{
	if (!is_shared(parameter))
		return parameter;
	AUTO_STR key;
	str_init(&key, TEXT_SIZE_MAX);
	add_key(parameter, &key);
	json_object_set_new(shared, key.data, parameter);
	json_t *reference = json_object();
	auto_free char *to = xasprintf("#/parameters/%s", key.data);
	json_object_set_new(reference, "$ref", json_string(to));
	return reference;
}

/* What stands in a parameter's schema stands beside it. */
static json_t *flat(const json_t *parameter)
{
	json_t *made = json_copy((json_t *)(uintptr_t)parameter);
	json_object_update(made, json_object_get(parameter, "schema"));
	json_object_del(made, "schema");
	return made;
}

static json_t *body_of(const json_t *request)
{
	const json_t *content = json_object_get(request, "content");
	const json_t *any = json_object_iter_value(json_object_iter((json_t *)(uintptr_t)content));
	json_t *schema = json_incref(json_object_get(any, "schema"));
	openapi_v2_schema(schema);
	json_t *made = json_pack("{s:s,s:s,s:o}", "name", "body", "in", "body", "schema", schema);
	if (json_bool_or(request, "required", false))
		json_object_set_new(made, "required", json_true());
	return made;
}

/* Sorted by name: `body`, which is stolen, among the others. NULL: there are none. */
static json_t *parameters_of(const json_t *item, json_t *body, json_t *shared)
{
	json_t *made = json_array(), *one;
	size_t i;
	json_array_foreach (json_object_get(item, "parameters"), i, one) {
		if (body && strcmp(json_str_or(one, "name", ""), "body") > 0)
			json_array_append_new(made, share(TAKE(body), shared));
		json_array_append_new(made, share(flat(one), shared));
	}
	if (body)
		json_array_append_new(made, share(body, shared));
	if (json_array_size(made))
		return made;
	json_decref(made);
	return NULL;
}

/* ---- operations ---- */

static json_t *listed(const json_t *content)
{
	json_t *made = json_array();
	for (size_t i = 0; i < ARRAY_LEN(content_types); i++)
		if (json_object_get(content, content_types[i]))
			json_array_append_new(made, json_string(content_types[i]));
	assert(json_array_size(made) == json_object_size(content));
	return made;
}

static const json_t *answer_content(const json_t *operation)
{
	return json_at(operation, "responses", "200", "content");
}

/* NULL: it is not said. */
static json_t *consumed(const json_t *operation)
{
	const json_t *patch = json_object_get(operation, "requestBody");
	const json_t *answer = answer_content(operation);
	const char *action = json_str_or(operation, "x-kubernetes-action", NULL);
	bool has_json = json_at(answer, "application/json", "schema", "$ref") != NULL;
	bool has_protobuf = json_object_get(answer, "application/vnd.kubernetes.protobuf") != NULL;
	if (action && streq(action, "patch"))
		return listed(json_object_get(patch, "content"));
	if (has_json && !(action && has_protobuf))
		return listed(answer); /* of custom kinds, and where nothing is sent */
	return action ? json_pack("[s]", "*/*") : NULL;
}

static json_t *answers_of(const json_t *operation)
{
	json_t *made = json_object(), *answer;
	const char *code;
	json_object_foreach (json_object_get(operation, "responses"), code, answer) {
		json_t *one = json_object();
		json_object_set(one, "description", json_object_get(answer, "description"));
		json_t *content = json_object_get(answer, "content");
		json_t *any = json_object_iter_value(json_object_iter(content));
		json_t *schema = json_object_get(any, "schema");
		if (schema) {
			openapi_v2_schema(schema);
			json_object_set(one, "schema", schema);
		}
		json_object_set_new(made, code, one);
	}
	return made;
}

static void set(json_t *o, const char *name, json_t *take_value)
{
	if (take_value)
		json_object_set_new(o, name, take_value);
}

static json_t *operation_of(const json_t *operation, json_t *shared)
{
	static const char *const same[] = { "description", "tags", "operationId",
					    "x-kubernetes-action",
					    "x-kubernetes-group-version-kind" };
	json_t *made = json_object();
	const json_t *request = json_object_get(operation, "requestBody");
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		set(made, same[i], json_incref(json_object_get(operation, same[i])));
	set(made, "consumes", consumed(operation));
	set(made, "produces", listed(answer_content(operation)));
	set(made, "schemes", json_pack("[s]", "https"));
	set(made, "parameters",
	    parameters_of(operation, request ? body_of(request) : NULL, shared));
	set(made, "responses", answers_of(operation));
	return made;
}

json_t *openapi_v2_path(const json_t *item, json_t *shared)
{
	const char *name;
	json_t *operation, *made = json_object();
	json_object_foreach ((json_t *)(uintptr_t)item, name, operation)
		if (json_is_object(operation))
			json_object_set_new(made, name, operation_of(operation, shared));
	set(made, "parameters", parameters_of(item, NULL, shared));
	return made;
}
