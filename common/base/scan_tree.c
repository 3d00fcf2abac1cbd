#include "common/base/scan_tree.h"

#include <stdio.h>

#define DEPTH_MAX  512
#define NUMBER_MAX 64

struct reader {
	const char *p, *end;
	int depth;
};

static json_t *read_value(struct reader *r);

/* The text of a string, its escapes undone where it has any (then the caller's, in *ret_own). */
static bool read_string(struct reader *r, struct span *ret, char **ret_own)
{
	const char *from = r->p;
	*ret_own = NULL;
	if (r->p >= r->end || *from != '"')
		return false;
	r->p = scan_past(from, r->end);
	if (r->p - from < 2 || r->p[-1] != '"')
		return false;
	*ret = (struct span){ from + 1, (size_t)(r->p - from) - 2 };
	if (memchr(ret->at, '\\', ret->len)) {
		*ret_own = scan_text_len((struct span){ from, (size_t)(r->p - from) }, &ret->len);
		ret->at = *ret_own;
	}
	return true;
}

static json_t *read_text(struct reader *r)
{
	struct span text;
	auto_free char *own = NULL;
	return read_string(r, &text, &own) ? json_stringn_nocheck(text.at, text.len) : NULL;
}

static json_t *read_number(struct reader *r)
{
	char text[NUMBER_MAX];
	const char *from = r->p;
	r->p = scan_past(from, r->end);
	size_t n = (size_t)(r->p - from);
	bool is_negative = *from == '-';
	if (n == 0 || n >= sizeof text)
		return NULL;
	json_int_t whole = 0;
	size_t i = is_negative;
	for (; i < n && i < 18 && from[i] >= '0' && from[i] <= '9'; i++)
		whole = whole * 10 + (from[i] - '0');
	if (i == n && i > is_negative)
		return json_integer(is_negative ? -whole : whole);
	return NULL; /* long or real: somebody else's */
}

static json_t *read_word(struct reader *r)
{
	const char *from = r->p;
	r->p = scan_past(from, r->end);
	size_t n = (size_t)(r->p - from);
	if (n == 4 && memcmp(from, "true", 4) == 0)
		return json_true();
	if (n == 5 && memcmp(from, "false", 5) == 0)
		return json_false();
	return n == 4 && memcmp(from, "null", 4) == 0 ? json_null() : NULL;
}

static bool read_member(struct reader *r, json_t *object)
{
	struct span name;
	auto_free char *own = NULL;
	if (!read_string(r, &name, &own) || r->p >= r->end || *r->p++ != ':')
		return false;
	json_t *value = read_value(r);
	return value && json_object_setn_new_nocheck(object, name.at, name.len, value) == 0;
}

static json_t *read_object(struct reader *r)
{
	json_t *object = json_object();
	r->p++;
	bool is_good = true;
	for (bool goes_on = r->p < r->end && *r->p != '}'; goes_on;) {
		is_good = read_member(r, object);
		goes_on = is_good && r->p < r->end && *r->p == ',';
		r->p += goes_on;
	}
	if (is_good && r->p < r->end && *r->p == '}') {
		r->p++;
		return object;
	}
	json_decref(object);
	return NULL;
}

static json_t *read_array(struct reader *r)
{
	json_t *list = json_array();
	r->p++;
	bool is_good = true;
	for (bool goes_on = r->p < r->end && *r->p != ']'; goes_on;) {
		json_t *item = read_value(r);
		is_good = item && json_array_append_new(list, item) == 0;
		goes_on = is_good && r->p < r->end && *r->p == ',';
		r->p += goes_on;
	}
	if (is_good && r->p < r->end && *r->p == ']') {
		r->p++;
		return list;
	}
	json_decref(list);
	return NULL;
}

static json_t *read_value(struct reader *r)
{
	json_t *value = NULL;
	if (r->p >= r->end || ++r->depth > DEPTH_MAX)
		return NULL;
	if (*r->p == '{')
		value = read_object(r);
	else if (*r->p == '[')
		value = read_array(r);
	else if (*r->p == '"')
		value = read_text(r);
	else if (*r->p == '-' || (*r->p >= '0' && *r->p <= '9'))
		value = read_number(r);
	else
		value = read_word(r);
	r->depth--;
	return value;
}

json_t *scan_tree(struct span value)
{
	struct reader r = { value.at, value.at + value.len, 0 };
	json_t *tree = read_value(&r);
	if (r.p == r.end)
		return tree;
	json_decref(tree);
	return NULL;
}
