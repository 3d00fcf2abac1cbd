/* Formats and rules in the schemas of a CustomResourceDefinition that nobody checks. */
#include "common/base/jsonx.h"
#include "schemas/report.h"
#include "schemas/rule.h"
#include "schemas/warning.h"

static bool is_known_format(const char *type, const char *format)
{
	/* Without their hyphens. */
	static const char *const texts[] = {
		"bsonobjectid", "uri",         "email",    "hostname",   "ipv4",     "ipv6",
		"cidr",         "mac",         "uuid",     "uuid3",      "uuid4",    "uuid5",
		"isbn",         "isbn10",      "isbn13",   "creditcard", "ssn",      "hexcolor",
		"rgbcolor",     "byte",        "password", "date",       "duration", "datetime",
		"k8sshortname", "k8slongname", NULL
	};
	if (streq(type, "integer"))
		return streq(format, "int32") || streq(format, "int64");
	if (streq(type, "number"))
		return streq(format, "float") || streq(format, "double");
	if (*type && !streq(type, "string"))
		return true;
	AUTO_STR plain;
	str_init(&plain, 4096);
	for (const char *p = format; *p; p++)
		if (*p != '-')
			str_add_char(&plain, *p);
	return plain.len && rule_is_one_of(plain.data, texts);
}

#define RULES "\n" /* no format is called so */

/* Adds the unknown formats to the set, and whether there are rules. */
static void find_formats(const json_t *schema, json_t *found)
{
	static const char *const inner[] = { "items", "additionalProperties", "not" };
	static const char *const lists[] = { "allOf", "anyOf", "oneOf" };
	const char *format = json_str_or(schema, "format", ""), *name;
	json_t *member;
	if (!json_is_object(schema))
		return;
	if (*format && !is_known_format(json_str_or(schema, "type", ""), format))
		json_object_set_new(found, format, json_true());
	if (json_array_size(json_object_get(schema, "x-kubernetes-validations")))
		json_object_set_new(found, RULES, json_true());
	json_object_foreach (json_object_get(schema, "properties"), name, member)
		find_formats(member, found);
	for (size_t i = 0; i < ARRAY_LEN(inner); i++)
		find_formats(json_object_get(schema, inner[i]), found);
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(schema, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++)
			find_formats(json_array_get(list, i), found);
	}
}

void warn_definition(const json_t *tree, struct schema_report *ret)
{
	const json_t *versions = json_dig(tree, "spec.versions");
	AUTO_JSON *found = json_object();
	const char *format;
	json_t *yes;
	for (size_t i = 0; i < json_array_size(versions); i++)
		find_formats(json_at(json_array_get(versions, i), "schema", "openAPIV3Schema"),
			     found);
	if (json_object_del(found, RULES) == 0)
		report_add(ret,
			   "x-kubernetes-validations are kept, and not evaluated by this server");
	json_object_foreach (found, format, yes)
		report_add(ret, "unrecognized format \"%s\"", format);
}
