#include "cli/jsonpath.h"

#include <errno.h>

#define DEPTH_MAX  8
#define VALUES_MAX 100000

struct values {
	const json_t **at;
	size_t count;
};

static void add(struct values *v, const json_t *one)
{
	if (!one || v->count == VALUES_MAX)
		return;
	v->at = xrealloc(v->at, v->count + 1, sizeof *v->at);
	v->at[v->count++] = one;
}

static int bad(struct error *err, const char *at)
{
	return error_set(err, ERR_INVALID, "jsonpath: not understood at '%.40s'", at);
}

static int find(const char **path, const char *end, const json_t *from, struct values *ret,
		struct error *err);

static void add_all(struct values *to, const json_t *of)
{
	const char *name;
	json_t *value;
	for (size_t i = 0; i < json_array_size(of); i++)
		add(to, json_array_get(of, i));
	json_object_foreach((json_t *)(uintptr_t)of, name, value) add(to, value);
}

/* ---- [?(@.a.b=="x")], the part from @ on ---- */

struct filter {
	const char *path, *path_end;
	char op; /* 'e' ==, 'n' !=, 0: is there */
	char *value;
};

static int read_filter(const char **p, const char *end, struct filter *ret, struct error *err)
{
	const char *start = *p, *close = strstr(*p, ")]");
	struct filter f = { .path = *p + 1 };
	if (**p != '@' || !close || close >= end)
		return bad(err, start);
	const char *op = *p;
	while (op < close && *op != '=' && *op != '!')
		op++;
	f.path_end = op;
	while (f.path_end > f.path && f.path_end[-1] == ' ')
		f.path_end--;
	if (op < close) {
		if (op[1] != '=')
			return bad(err, op);
		f.op = *op == '=' ? 'e' : 'n';
		const char *v = op + 2, *v_end = close;
		while (*v == ' ')
			v++;
		while (v_end > v && v_end[-1] == ' ')
			v_end--;
		if (v_end - v >= 2 && (*v == '"' || *v == '\'') && v_end[-1] == *v)
			v++, v_end--;
		f.value = xstrndup(v, (size_t)(v_end - v));
	}
	*ret = f;
	*p = close + 2;
	return 0;
}

static void print_value(const json_t *v, struct str *out)
{
	if (json_is_string(v))
		str_add(out, json_string_value(v));
	else
		json_print(v, out);
}

static int passes(const struct filter *f, const json_t *element, bool *ret, struct error *err)
{
	struct values found = { 0 };
	const char *path = f->path;
	if (find(&path, f->path_end, element, &found, err) < 0) {
		free(found.at);
		return err->code;
	}
	bool is_equal = false;
	for (size_t i = 0; f->op && i < found.count; i++) {
		AUTO_STR text;
		str_init(&text, 1u << 20);
		print_value(found.at[i], &text);
		is_equal |= streq(text.data, f->value);
	}
	*ret = f->op == 0 ? found.count > 0 : (f->op == 'e') == is_equal && found.count > 0;
	free(found.at);
	return 0;
}

static int step_filter(const char **p, const char *end, const struct values *from,
		       struct values *to, struct error *err)
{
	struct filter f = { 0 };
	*p += 2; /* ?( */
	if (read_filter(p, end, &f, err) < 0)
		return err->code;
	int code = 0;
	for (size_t i = 0; i < from->count && code == 0; i++) {
		struct values all = { 0 };
		bool is_in = false;
		add_all(&all, from->at[i]);
		for (size_t k = 0; k < all.count && code == 0; k++) {
			code = passes(&f, all.at[k], &is_in, err);
			if (code == 0 && is_in)
				add(to, all.at[k]);
		}
		free(all.at);
	}
	free(f.value);
	return code;
}

/* ---- other steps ---- */

static int step_bracket(const char **p, const char *end, const struct values *from,
			struct values *to, struct error *err)
{
	const char *start = (*p)++;
	if (starts_with(*p, "?("))
		return step_filter(p, end, from, to, err);
	const char *close = memchr(*p, ']', (size_t)(end - *p));
	if (!close)
		return bad(err, start);
	auto_free char *text = xstrndup(*p, (size_t)(close - *p));
	size_t len = strlen(text);
	*p = close + 1;
	if (streq(text, "*")) {
		for (size_t i = 0; i < from->count; i++)
			add_all(to, from->at[i]);
		return 0;
	}
	if (len >= 2 && (text[0] == '\'' || text[0] == '"') && text[len - 1] == text[0]) {
		text[len - 1] = '\0';
		for (size_t i = 0; i < from->count; i++)
			add(to, json_object_get(from->at[i], text + 1));
		return 0;
	}
	char *rest;
	errno = 0;
	long long n = strtoll(text, &rest, 10);
	if (!*text || *rest || errno)
		return bad(err, start);
	for (size_t i = 0; i < from->count; i++) {
		long long size = (long long)json_array_size(from->at[i]);
		long long at = n < 0 ? size + n : n;
		if (at >= 0 && at < size)
			add(to, json_array_get(from->at[i], (size_t)at));
	}
	return 0;
}

/* A name; a backslash before a dot makes it part of the name. */
static int step_name(const char **p, const char *end, const struct values *from,
		     struct values *to, struct error *err)
{
	AUTO_STR name;
	str_init(&name, 4096);
	const char *start = ++*p;
	for (; *p < end && **p != '.' && **p != '['; (*p)++) {
		if (**p == '\\' && *p + 1 < end)
			(*p)++;
		str_add_char(&name, **p);
	}
	if (name.len == 0)
		return *p < end && **p == '[' ? step_bracket(p, end, from, to, err)
					      : bad(err, start);
	for (size_t i = 0; i < from->count; i++) {
		if (streq(name.data, "*"))
			add_all(to, from->at[i]);
		else
			add(to, json_object_get(from->at[i], name.data));
	}
	return 0;
}

static int find(const char **path, const char *end, const json_t *from, struct values *ret,
		struct error *err)
{
	struct values now = { 0 };
	int code = 0;
	add(&now, from);
	if (*path < end && **path == '.' && *path + 1 == end)
		(*path)++; /* "." is the object itself */
	while (*path < end && code == 0) {
		struct values next = { 0 };
		if (**path == '.')
			code = step_name(path, end, &now, &next, err);
		else if (**path == '[')
			code = step_bracket(path, end, &now, &next, err);
		else
			code = bad(err, *path);
		free(now.at);
		now = next;
	}
	*ret = now;
	return code;
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
	struct values v = { 0 };
	path = skip_blanks(path, path_end);
	const json_t *from = *path == '$' ? root : object;
	if (*path == '$' || *path == '@')
		path++;
	int code = find(&path, path_end, from, &v, err);
	for (size_t i = 0; i < v.count && code == 0; i++)
		code = print_part(body, body_end, v.at[i], root, depth + 1, out, err);
	free(v.at);
	return code;
}

static int print_path(const char *p, const char *end, const json_t *object, const json_t *root,
		      struct str *out, struct error *err)
{
	struct values v = { 0 };
	const json_t *from = *p == '$' ? root : object;
	if (*p == '$' || *p == '@')
		p++;
	while (end > p && end[-1] == ' ')
		end--;
	int code = find(&p, end, from, &v, err);
	for (size_t i = 0; i < v.count && code == 0; i++) {
		if (i)
			str_add_char(out, ' ');
		print_value(v.at[i], out);
	}
	free(v.at);
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
