#include "common/base/jsonx.h"
#include "schemas/print.h"
#include "schemas/yaml_scalar.h"

static void print_node(const json_t *value, size_t indent, struct str *out);

static void print_indent(size_t indent, struct str *out)
{
	for (size_t i = 0; i < indent; i++)
		str_add_char(out, ' ');
}

/* "2026-11-26" and "2026-11-26T…": what YAML 1.1 reads as a time. */
static bool is_time(const char *text)
{
	static const char shape[] = "0000-00-00";
	for (size_t i = 0; shape[i]; i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';
		if (shape[i] == '0' ? !digit : text[i] != shape[i])
			return false;
	}
	return !text[10] || strchr("Tt ", text[10]);
}

/* What YAML would read as something else without quotes. */
static bool needs_quotes(const char *text, size_t n)
{
	if (strchr("#,[]{}&*!|>'\"%@`", text[0]) || text[0] == ' ' || text[n - 1] == ' ' ||
	    text[n - 1] == ':')
		return true;
	if (strchr("-?:", text[0]) && (n == 1 || text[1] == ' '))
		return true;
	if (starts_with(text, "---") || starts_with(text, "..."))
		return true;
	return strstr(text, ": ") || strstr(text, " #");
}

static bool has_control(const char *text, size_t n, bool allow_lines)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		if ((c < 0x20 && !(allow_lines && (c == '\n' || c == '\t'))) || c == 0x7f)
			return true;
	}
	return false;
}

static void print_single_quoted(const char *text, struct str *out)
{
	str_add_char(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			str_add_char(out, '\'');
		str_add_char(out, *text);
	}
	str_add_char(out, '\'');
}

/* | with the lines below; the sign says how the text ends. */
static void print_literal(const char *text, size_t n, size_t indent, struct str *out)
{
	str_add_char(out, '|');
	if (text[0] == ' ' || text[0] == '\n')
		str_add_char(out, '2');
	if (text[n - 1] != '\n')
		str_add_char(out, '-');
	else if (n == 1 || text[n - 2] == '\n')
		str_add_char(out, '+');
	for (const char *line = text; *line;) {
		const char *end = strchrnul(line, '\n');
		str_add_char(out, '\n');
		if (end > line) {
			print_indent(indent, out);
			str_add_bytes(out, line, (size_t)(end - line));
		}
		line = *end ? end + 1 : end;
	}
}

static void print_text(const char *text, size_t n, size_t indent, struct str *out)
{
	struct yaml_scalar s = yaml_resolve(text, n);
	bool is_lined = n > 0 && memchr(text, '\n', n);
	if (n == 0 || strlen(text) != n || s.meaning != YAML_TEXT || is_time(text) ||
	    has_control(text, n, is_lined)) {
		str_add_json(out, text, n);
	} else if (is_lined) {
		print_literal(text, n, indent, out);
	} else if (needs_quotes(text, n)) {
		print_single_quoted(text, out);
	} else {
		str_add(out, text);
	}
}

static void print_object(const json_t *object, size_t indent, bool is_inline, struct str *out)
{
	size_t count;
	auto_free const char **keys = sorted_keys(object, &count);
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(object, keys[i]);
		if (i || !is_inline)
			print_indent(indent, out);
		print_text(keys[i], strlen(keys[i]), indent, out);
		str_add_char(out, ':');
		if (json_is_array(value) && json_array_size(value)) {
			str_add_char(out, '\n');
			print_node(value, indent, out);
		} else if (json_is_object(value) && json_object_size(value)) {
			str_add_char(out, '\n');
			print_object(value, indent + 2, false, out);
		} else {
			str_add_char(out, ' ');
			print_node(value, indent + 2, out);
			str_add_char(out, '\n');
		}
	}
}

static void print_array(const json_t *list, size_t indent, struct str *out)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *value = json_array_get(list, i);
		print_indent(indent, out);
		str_add(out, "- ");
		if (json_is_object(value) && json_object_size(value)) {
			print_object(value, indent + 2, true, out);
		} else if (json_is_array(value) && json_array_size(value)) {
			AUTO_STR inner;
			str_init(&inner, out->max);
			print_array(value, indent + 2, &inner);
			str_add(out, inner.len > indent + 2 ? inner.data + indent + 2 : "");
			out->overflow |= inner.overflow;
		} else {
			print_node(value, indent + 2, out);
			str_add_char(out, '\n');
		}
	}
}

static void print_node(const json_t *value, size_t indent, struct str *out)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		if (json_object_size(value) == 0)
			str_add(out, "{}");
		else
			print_object(value, indent, false, out);
		return;
	case JSON_ARRAY:
		if (json_array_size(value) == 0)
			str_add(out, "[]");
		else
			print_array(value, indent, out);
		return;
	case JSON_STRING:
		print_text(json_string_value(value), json_string_length(value), indent, out);
		return;
	case JSON_INTEGER:
	case JSON_REAL:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	json_print(value, out);
}

void yaml_print(const json_t *tree, struct str *out)
{
	print_node(tree, 0, out);
	bool is_block = (json_is_object(tree) && json_object_size(tree)) ||
			(json_is_array(tree) && json_array_size(tree));
	if (!is_block)
		str_add_char(out, '\n');
}
