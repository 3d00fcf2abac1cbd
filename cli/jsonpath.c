#include "cli/jsonpath.h"

#include "schemas/json_path.h"

#define DEPTH_MAX 8

static int bad(struct error *err, const char *at)
{
	return error_set(err, ERR_INVALID, "jsonpath: not understood at '%.40s'", at);
}

/* ---- the template ---- */

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && *p == ' ')
		p++;
	return p;
}

/* The brace that closes what was opened before `p`; quotes and brackets may hold braces. */
static const char *closing(const char *p)
{
	char quote = 0;
	for (; *p; p++) {
		if (quote)
			quote = *p == quote ? 0 : quote;
		else if (*p == '"' || *p == '\'')
			quote = *p;
		else if (*p == '}')
			return p;
	}
	return NULL;
}

static void add_quoted(struct str *out, const char *p, const char *end)
{
	for (p++; p < end - 1; p++) {
		if (*p == '\\' && p + 1 < end - 1) {
			p++;
			str_add_char(out, *p == 'n' ? '\n' : *p == 't' ? '\t' : *p);
		} else {
			str_add_char(out, *p);
		}
	}
}

/* After {range …}: its {end}, nested ones skipped. */
static const char *find_end(const char *p)
{
	for (int depth = 1; (p = strchr(p, '{')) != NULL; p++) {
		const char *word = skip_blanks(p + 1, p + strlen(p));
		if (starts_with(word, "range"))
			depth++;
		else if (starts_with(word, "end") && --depth == 0)
			return p;
	}
	return NULL;
}

static int print_part(const char *p, const char *end, const json_t *object, const json_t *root,
		      int depth, struct str *out, struct error *err);

static int print_range(const char *path, const char *path_end, const char *body,
		       const char *body_end, const json_t *object, const json_t *root, int depth,
		       struct str *out, struct error *err)
{
	struct json_values v = { 0 };
	path = skip_blanks(path, path_end);
	const json_t *from = *path == '$' ? root : object;
	if (*path == '$' || *path == '@')
		path++;
	while (path_end > path && path_end[-1] == ' ')
		path_end--;
	int code = json_path_find(path, (size_t)(path_end - path), from, &v, err);
	for (size_t i = 0; i < v.count && code == 0; i++)
		code = print_part(body, body_end, v.at[i], root, depth + 1, out, err);
	json_values_fini(&v);
	return code;
}

static int print_path(const char *p, const char *end, const json_t *object, const json_t *root,
		      struct str *out, struct error *err)
{
	struct json_values v = { 0 };
	const json_t *from = *p == '$' ? root : object;
	if (*p == '$' || *p == '@')
		p++;
	while (end > p && end[-1] == ' ')
		end--;
	int code = json_path_find(p, (size_t)(end - p), from, &v, err);
	for (size_t i = 0; i < v.count && code == 0; i++) {
		if (i)
			str_add_char(out, ' ');
		json_path_print(v.at[i], out);
	}
	json_values_fini(&v);
	return code;
}

static int print_part(const char *p, const char *end, const json_t *object, const json_t *root,
		      int depth, struct str *out, struct error *err)
{
	if (depth > DEPTH_MAX)
		return error_set(err, ERR_INVALID, "jsonpath: ranges nested too deep");
	int code = 0;
	while (p < end && code == 0) {
		if (*p != '{') {
			str_add_char(out, *p++);
			continue;
		}
		const char *close = closing(p + 1), *word = close ? skip_blanks(p + 1, close) : p;
		if (!close || close >= end)
			return bad(err, p);
		if (starts_with(word, "range")) {
			const char *stop = find_end(close + 1);
			if (!stop || stop >= end)
				return error_set(err, ERR_INVALID,
						 "jsonpath: {range} without {end}");
			code = print_range(word + 5, close, close + 1, stop, object, root, depth,
					   out, err);
			close = closing(stop + 1);
			if (!close)
				return bad(err, stop);
		} else if (*word == '"' || *word == '\'') {
			add_quoted(out, word, close);
		} else {
			code = print_path(word, close, object, root, out, err);
		}
		p = close + 1;
	}
	return code;
}

int jsonpath_print(const char *template, const json_t *object, struct str *out, struct error *err)
{
	if (strchr(template, '{'))
		return print_part(template, template + strlen(template), object, object, 0, out,
				  err);
	/* .metadata.name without braces, as kubectl takes it */
	auto_free char *whole = xasprintf("{%s%s}", *template == '.' ? "" : ".", template);
	return print_part(whole, whole + strlen(whole), object, object, 0, out, err);
}
