#include "schemas/json_path.h"

#include "schemas/custom_internal.h"

#include <errno.h>

#define VALUES_MAX 100000
#define DEPTH_MAX  512
#define NESTED_MAX 8       /* filters in filters */
#define LOOKS_MAX  1000000 /* values looked at for one path, filters and all */

/* The path that is left, and what it points to so far. */
struct walk {
	const char *p, *end;
	struct json_values now, next;
	size_t nested;
	size_t *left; /* of LOOKS_MAX */
	struct error *err;
};

void json_values_fini(struct json_values *v)
{
	free(v->at);
	*v = (struct json_values){ 0 };
}

static void add(struct json_values *v, const json_t *one)
{
	if (!one || v->count == VALUES_MAX)
		return;
	if ((v->count & (v->count - 1)) == 0)
		v->at = xrealloc(v->at, v->count ? v->count * 2 : 1, sizeof *v->at);
	v->at[v->count++] = one;
}

static int bad(struct error *err, const char *at, const char *end)
{
	return error_set(err, ERR_INVALID, "jsonpath: not understood at '%.*s'",
			 (int)(end - at > 40 ? 40 : end - at), at);
}

/* `outer`: the walk that it is a filter of, or NULL. */
static int find(const char *path, const char *end, const json_t *from, const struct walk *outer,
		struct json_values *ret, struct error *err);

static int charge(const struct walk *w, size_t looks)
{
	if (looks > *w->left)
		return error_set(w->err, ERR_LIMIT, "jsonpath: it looks at too much");
	*w->left -= looks;
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All elements, or members by name. */
static void add_all(struct json_values *to, const json_t *of)
{
	const char *name;
	json_t *value;
	size_t n = 0;
	for (size_t i = 0; i < json_array_size(of); i++)
		add(to, json_array_get(of, i));
	auto_free const char **names = xcalloc(json_object_size(of) + 1, sizeof *names);
	json_object_foreach ((json_t *)(uintptr_t)of, name, value)
		names[n++] = name;
	qsort(names, n, sizeof *names, by_text);
	for (size_t i = 0; i < n; i++)
		add(to, json_object_get(of, names[i]));
}

static void add_below(struct json_values *to, const json_t *of, size_t depth)
{
	const char *name;
	json_t *value;
	add(to, of);
	if (depth == DEPTH_MAX || to->count == VALUES_MAX)
		return;
	for (size_t i = 0; i < json_array_size(of); i++)
		add_below(to, json_array_get(of, i), depth + 1);
	json_object_foreach ((json_t *)(uintptr_t)of, name, value)
		add_below(to, value, depth + 1);
}

void json_path_print(const json_t *value, struct str *out)
{
	if (json_is_string(value))
		str_add(out, json_string_value(value));
	else
		custom_print_value(value, out);
}

/* ---- [?(@.a.b=="x")], the part from @ on ---- */

enum relation { IS_THERE, EQUAL, UNEQUAL, LESS, AT_MOST, MORE, AT_LEAST };

struct filter {
	const char *path, *path_end;
	enum relation relation;
	char *value;
	bool is_text; /* it stood in quotes */
};

static enum relation read_relation(const char **p)
{
	static const struct {
		const char *text;
		enum relation relation;
	} all[] = { { "==", EQUAL },    { "!=", UNEQUAL }, { "<=", AT_MOST },
		    { ">=", AT_LEAST }, { "<", LESS },     { ">", MORE } };
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!starts_with(*p, all[i].text))
			continue;
		*p += strlen(all[i].text);
		return all[i].relation;
	}
	return IS_THERE;
}

static void trim(const char **from, const char **end)
{
	while (*from < *end && **from == ' ')
		++*from;
	while (*end > *from && (*end)[-1] == ' ')
		--*end;
}

static int read_filter(const char *text, const char *end, struct filter *ret, struct error *err)
{
	trim(&text, &end);
	const char *p = text + 1;
	char quote = '\0';
	if (text == end || *text != '@')
		return bad(err, text, end);
	for (; p < end && (quote || !strchr("=!<>", *p)); p++)
		quote = quote ? (*p == quote ? '\0' : quote) : *p == '\'' || *p == '"' ? *p : '\0';
	*ret = (struct filter){ .path = text + 1, .path_end = p };
	trim(&ret->path, &ret->path_end);
	if (p == end)
		return 0;
	ret->relation = read_relation(&p);
	if (ret->relation == IS_THERE || p > end)
		return bad(err, text, end);
	trim(&p, &end);
	ret->is_text = end - p >= 2 && (*p == '"' || *p == '\'') && end[-1] == *p;
	ret->value = xstrndup(p + ret->is_text, (size_t)(end - p) - 2u * ret->is_text);
	return 0;
}

static int compare(const json_t *a, const struct filter *f, bool *ret_comparable)
{
	char *rest;
	double number = strtod(f->value, &rest);
	*ret_comparable = true;
	if (json_is_number(a) && !f->is_text && *f->value && !*rest) {
		double x = json_number_value(a);
		return x < number ? -1 : x > number;
	}
	AUTO_STR text;
	str_init(&text, 1u << 20);
	json_path_print(a, &text);
	*ret_comparable = json_is_string(a) || f->relation == EQUAL || f->relation == UNEQUAL;
	return strcmp(text.data, f->value);
}

static bool holds(const json_t *a, const struct filter *f)
{
	bool is_comparable;
	int order = compare(a, f, &is_comparable);
	switch (is_comparable ? f->relation : IS_THERE) {
	case EQUAL:
		return order == 0;
	case UNEQUAL:
		return order != 0;
	case LESS:
		return order < 0;
	case AT_MOST:
		return order <= 0;
	case MORE:
		return order > 0;
	case AT_LEAST:
		return order >= 0;
	case IS_THERE:
		break;
	}
	return false;
}

static int step_filter(struct walk *w, const char *text, const char *end)
{
	struct filter f = { 0 };
	int code = w->nested == NESTED_MAX ? bad(w->err, text, end)
					   : read_filter(text, end, &f, w->err);
	/* It is understood or not, whatever there is to filter. */
	struct json_values none = { 0 };
	if (code == 0)
		code = find(f.path, f.path_end, NULL, w, &none, w->err);
	json_values_fini(&none);
	for (size_t i = 0; code == 0 && i < w->now.count; i++) {
		struct json_values all = { 0 };
		add_all(&all, w->now.at[i]);
		code = charge(w, all.count + 1);
		for (size_t k = 0; k < all.count && code == 0; k++) {
			struct json_values found = { 0 };
			code = find(f.path, f.path_end, all.at[k], w, &found, w->err);
			bool is_in = code == 0 && found.count > 0;
			if (is_in && (f.relation == IS_THERE || holds(found.at[0], &f)))
				add(&w->next, all.at[k]);
			json_values_fini(&found);
		}
		json_values_fini(&all);
	}
	free(f.value);
	return code;
}

/* ---- other steps ---- */

static bool read_index(const char **p, const char *end, long long *ret)
{
	char *rest;
	errno = 0;
	auto_free char *text = xstrndup(*p, (size_t)(end - *p));
	*ret = strtoll(text, &rest, 10);
	bool is_good = rest > text && errno == 0 && *text != ' ' && *text != '+';
	*p += is_good ? rest - text : 0;
	return is_good;
}

/* n, from:to or from:to:step; false: it is none. */
static bool add_slice(struct walk *w, const char *p, const char *end)
{
	long long at[3] = { 0, 0, 1 };
	bool has[3] = { false, false, false };
	size_t n = 0;
	for (; n < 3; n++) {
		has[n] = read_index(&p, end, &at[n]);
		if (p == end || *p != ':')
			break;
		p++;
	}
	if (p < end || n == 3 || (n == 0 && !has[0]) || (has[2] && at[2] < 1))
		return false;
	for (size_t i = 0; i < w->now.count; i++) {
		long long size = (long long)json_array_size(w->now.at[i]);
		long long from = at[0] < 0 ? at[0] + size : at[0];
		long long to = n == 0      ? from + 1
			       : !has[1]   ? size
			       : at[1] < 0 ? at[1] + size
					   : at[1];
		if (from < 0 || from >= size || to > size)
			continue; /* nothing of it, where upstream complains */
		for (long long k = from; k >= 0 && k < to && k < size;) {
			add(&w->next, json_array_get(w->now.at[i], (size_t)k));
			k = at[2] > size ? size : k + (has[2] ? at[2] : 1);
		}
	}
	return true;
}

/* Without the backslashes before other characters. */
static char *unescaped(const char *p, const char *end)
{
	char *out = xcalloc((size_t)(end - p) + 1, 1), *to = out;
	for (; p < end; p++) {
		p += *p == '\\' && p + 1 < end;
		*to++ = *p;
	}
	return out;
}

/* One part of what stands in brackets. */
static int step_part(struct walk *w, const char *p, const char *end)
{
	trim(&p, &end);
	if (end - p == 1 && *p == '*') {
		for (size_t i = 0; i < w->now.count; i++)
			add_all(&w->next, w->now.at[i]);
		return 0;
	}
	if (end - p >= 2 && (*p == '\'' || *p == '"') && end[-1] == *p) {
		auto_free char *name = unescaped(p + 1, end - 1);
		for (size_t i = 0; i < w->now.count; i++)
			add(&w->next, json_object_get(w->now.at[i], name));
		return 0;
	}
	return add_slice(w, p, end) ? 0 : bad(w->err, p, end);
}

/* Where what begins at `p` ends: at a comma or at the closing bracket; quotes and brackets inside
 * do not count. NULL: nowhere. */
static const char *part_end(const char *p, const char *end, bool stops_at_comma)
{
	char quote = '\0';
	size_t depth = 0;
	for (; p < end; p++) {
		if (quote)
			quote = *p == quote ? '\0' : quote;
		else if (*p == '\'' || *p == '"')
			quote = *p;
		else if (*p == '[')
			depth++;
		else if (*p == ']' && depth-- == 0)
			return p;
		else if (*p == ',' && depth == 0 && stops_at_comma)
			return p;
	}
	return NULL;
}

static int step_bracket(struct walk *w)
{
	const char *start = w->p++;
	bool is_filter = w->end - w->p >= 2 && w->p[0] == '?' && w->p[1] == '(';
	for (;;) {
		const char *stop = part_end(w->p, w->end, !is_filter);
		if (!stop || (is_filter && (stop - w->p < 3 || stop[-1] != ')')))
			return bad(w->err, start, w->end);
		int code =
			is_filter ? step_filter(w, w->p + 2, stop - 1) : step_part(w, w->p, stop);
		w->p = stop + 1;
		if (code < 0 || *stop == ']')
			return code;
	}
}

/* A name; a backslash before a character makes it part of the name. */
static int step_name(struct walk *w)
{
	AUTO_STR name;
	str_init(&name, 4096);
	const char *start = w->p++;
	bool is_deep = w->p < w->end && *w->p == '.';
	if (is_deep) {
		struct json_values all = { 0 };
		w->p++;
		for (size_t i = 0; i < w->now.count; i++)
			add_below(&all, w->now.at[i], 0);
		json_values_fini(&w->now);
		w->now = all;
	}
	for (; w->p < w->end && *w->p != '.' && *w->p != '['; w->p++) {
		if (*w->p == '\\' && w->p + 1 < w->end)
			w->p++;
		str_add_char(&name, *w->p);
	}
	if (name.len == 0)
		return w->p < w->end && *w->p == '[' ? step_bracket(w) : bad(w->err, start, w->end);
	for (size_t i = 0; i < w->now.count; i++) {
		if (streq(name.data, "*"))
			add_all(&w->next, w->now.at[i]);
		else
			add(&w->next, json_object_get(w->now.at[i], name.data));
	}
	return 0;
}

static int find(const char *path, const char *end, const json_t *from, const struct walk *outer,
		struct json_values *ret, struct error *err)
{
	size_t left = LOOKS_MAX;
	struct walk w = { .p = path,
			  .end = end,
			  .nested = outer ? outer->nested + 1 : 0,
			  .left = outer ? outer->left : &left,
			  .err = err };
	int code = 0;
	add(&w.now, from);
	if (end - path == 1 && *path == '.')
		w.p++; /* the object itself */
	while (w.p < end && code == 0) {
		if (*w.p == '.')
			code = step_name(&w);
		else if (*w.p == '[')
			code = step_bracket(&w);
		else
			code = bad(err, w.p, end);
		if (code == 0)
			code = charge(&w, w.now.count + w.next.count + 1);
		json_values_fini(&w.now);
		w.now = w.next;
		w.next = (struct json_values){ 0 };
	}
	json_values_fini(&w.next);
	if (code < 0)
		json_values_fini(&w.now);
	*ret = w.now;
	return code;
}

int json_path_find(const char *path, size_t len, const json_t *from, struct json_values *ret,
		   struct error *err)
{
	return find(path, path + len, from, NULL, ret, err);
}

int json_path_check(const char *path, size_t len, struct error *err)
{
	struct json_values none = { 0 };
	int code = find(path, path + len, NULL, NULL, &none, err);
	json_values_fini(&none);
	return code;
}
