#include "cli/output.h"
#include "cli/jsonpath.h"
#include "cli/request.h"

#include <stdio.h>

#define OUTPUT_MAX (512u << 20)

int output_parse(const char *text, enum output_form *ret, struct error *err)
{
	static const struct {
		const char *name;
		enum output_form form;
	} forms[] = { { "wide", OUTPUT_WIDE },
		      { "yaml", OUTPUT_YAML },
		      { "json", OUTPUT_JSON },
		      { "name", OUTPUT_NAME } };
	*ret = OUTPUT_TABLE;
	if (!text)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (streq(text, forms[i].name)) {
			*ret = forms[i].form;
			return 0;
		}
	if (starts_with(text, "jsonpath=")) {
		*ret = OUTPUT_JSONPATH;
		return 0;
	}
	return error_set(err, ERR_INVALID,
			 "-o is wide, yaml, json, name or jsonpath=TEXT, not '%s'", text);
}

static int print(enum output_form form, const char *text, const json_t *tree)
{
	struct error err;
	AUTO_STR out;
	str_init(&out, OUTPUT_MAX);
	if (form == OUTPUT_JSONPATH) {
		if (jsonpath_print(text + strlen("jsonpath="), tree, &out, &err) < 0)
			return error_explain(&err);
	} else if (form == OUTPUT_YAML) {
		yaml_print(tree, &out);
	} else {
		json_print_pretty(tree, &out);
		if (out.len && out.data[out.len - 1] != '\n')
			str_add_char(&out, '\n');
	}
	if (str_check(&out, "what is to be shown", &err) < 0)
		return error_explain(&err);
	fwrite(out.data, 1, out.len, stdout);
	fflush(stdout);
	return 0;
}

static void print_name(const json_t *object, const struct kind *k)
{
	/* Of any object: from its own apiVersion and kind. */
	const char *version = json_str_or(object, "apiVersion", ""), *slash = strchr(version, '/');
	auto_free char *kind = xstrdup(json_str_or(object, "kind", k ? k->kind : ""));
	for (char *p = kind; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	int group = slash ? (int)(slash - version) : 0;
	printf("%s%s%.*s/%s\n", kind, group ? "." : "", group, version,
	       json_str_or(object, "metadata.name", ""));
}

static json_t *without_managed(const json_t *object)
{
	json_t *copy = json_deep_copy(object);
	json_object_del(json_object_get(copy, "metadata"), "managedFields");
	return copy;
}

int output_object(enum output_form form, const char *text, const struct kind *k,
		  const json_t *object)
{
	AUTO_JSON *clean = without_managed(object);
	if (form != OUTPUT_NAME)
		return print(form, text, clean);
	print_name(clean, k);
	return 0;
}

int output_list(enum output_form form, const char *text, const json_t *items)
{
	AUTO_JSON *clean = json_array();
	for (size_t i = 0; i < json_array_size(items); i++) {
		if (form == OUTPUT_NAME)
			print_name(json_array_get(items, i), NULL);
		json_array_append_new(clean, without_managed(json_array_get(items, i)));
	}
	if (form == OUTPUT_NAME)
		return 0;
	AUTO_JSON *list = json_pack("{s:s, s:s, s:{s:s}, s:O}", "apiVersion", "v1", "kind", "List",
				    "metadata", "resourceVersion", "", "items", clean);
	return print(form, text, list);
}
