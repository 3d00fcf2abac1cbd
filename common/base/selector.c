#include "common/base/selector_internal.h"
#include "common/base/jsonx.h"

#include <errno.h>
#include <stdlib.h>

#define LABEL_SIZE 64 /* with its zero */

void selector_fini(struct selector *s)
{
	for (size_t i = 0; i < s->count; i++) {
		for (size_t k = 0; k < s->terms[i].values_count; k++)
			free(s->terms[i].values[k]);
		free(s->terms[i].values);
		free(s->terms[i].key);
	}
	free(s->terms);
	*s = (struct selector){ 0 };
}

struct selector_term *selector_add_term(struct selector *s, char *take_key, enum selector_op op)
{
	s->terms = xrealloc(s->terms, s->count + 1, sizeof *s->terms);
	s->terms[s->count] = (struct selector_term){ .key = take_key, .op = op };
	return &s->terms[s->count++];
}

void selector_add_value(struct selector_term *t, char *take_value)
{
	t->values = xrealloc(t->values, t->values_count + 1, sizeof *t->values);
	t->values[t->values_count++] = take_value;
}

bool selector_number(const char *text, int64_t *ret)
{
	char *end;
	errno = 0;
	*ret = strtoll(text, &end, 10);
	return *text && !strchr(" \t\n\v\f\r", *text) && !*end && errno == 0;
}

/* ---- text of field selectors ---- */

struct reader {
	const char *text, *p;
};

/* One value up to an unescaped comma; backslash escapes comma, equals and itself. */
static char *field_value(struct reader *r)
{
	char *out = xcalloc(strlen(r->p) + 1, 1), *to = out;
	while (*r->p && *r->p != ',') {
		if (*r->p == '\\' && r->p[1])
			r->p++;
		*to++ = *r->p++;
	}
	return out;
}

int field_selector_parse(const char *text, struct selector *ret, struct error *err)
{
	AUTO_SELECTOR s = { 0 };
	struct reader r = { text, text };
	while (*r.p) {
		if (s.count == SELECTOR_TERMS_MAX)
			return error_set(err, ERR_MALFORMED,
					 "invalid selector: too many requirements");
		size_t n = strcspn(r.p, "=!,");
		const char *op = r.p + n;
		bool is_not = starts_with(op, "!=");
		if (n == 0 || (*op != '=' && !is_not))
			return error_set(err, ERR_MALFORMED,
					 "invalid selector: '%s'; can't understand '%s'", text,
					 r.p);
		struct selector_term *t =
			selector_add_term(&s, xstrndup(r.p, n), is_not ? SELECT_NOT_IN : SELECT_IN);
		r.p = op + (is_not || op[1] == '=' ? 2 : 1);
		selector_add_value(t, field_value(&r));
		if (*r.p == ',')
			r.p++;
	}
	*ret = s;
	s = (struct selector){ 0 };
	return 0;
}

/* ---- objects ---- */

static int op_of(const char *name)
{
	static const char *const names[] = { "In", "NotIn", "Exists", "DoesNotExist" };
	for (int i = 0; name && i < (int)ARRAY_LEN(names); i++)
		if (streq(names[i], name))
			return i;
	return -1;
}

void selector_from_map(const json_t *map, struct selector *ret)
{
	*ret = (struct selector){ 0 };
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)map, key, value)
		if (json_is_string(value))
			selector_add_value(selector_add_term(ret, xstrdup(key), SELECT_IN),
					   xstrdup(json_string_value(value)));
}

int selector_from_json(const json_t *label_selector, struct selector *ret, struct error *err)
{
	AUTO_SELECTOR s = { 0 };
	if (!json_is_object(label_selector)) {
		*ret = (struct selector){ .nothing = true };
		return 0;
	}
	selector_from_map(json_object_get(label_selector, "matchLabels"), &s);
	size_t i;
	json_t *e;
	json_array_foreach (json_object_get(label_selector, "matchExpressions"), i, e) {
		const char *key = json_str(e, "key");
		int op = op_of(json_str(e, "operator"));
		if (!key || op < 0)
			return error_set(err, ERR_INVALID,
					 "\"%s\" is not a valid label selector operator",
					 json_str_or(e, "operator", ""));
		struct selector_term *t = selector_add_term(&s, xstrdup(key), (enum selector_op)op);
		size_t k;
		json_t *v;
		json_array_foreach (json_object_get(e, "values"), k, v)
			selector_add_value(t,
					   xstrdup(json_is_string(v) ? json_string_value(v) : ""));
	}
	*ret = s;
	s = (struct selector){ 0 };
	return 0;
}

/* ---- matching ---- */

static bool has_value(const struct selector_term *t, struct span value)
{
	for (size_t i = 0; i < t->values_count; i++)
		if (span_is(value, t->values[i]))
			return true;
	return false;
}

static bool is_number(struct span value, int64_t *ret)
{
	char text[LABEL_SIZE];
	if (value.len >= sizeof text)
		return false;
	memcpy(text, value.at, value.len);
	text[value.len] = '\0';
	return selector_number(text, ret);
}

static bool term_matches(const struct selector_term *t, struct span value)
{
	int64_t has, wanted;
	switch (t->op) {
	case SELECT_IN:
		return value.at && has_value(t, value);
	case SELECT_NOT_IN:
		return !value.at || !has_value(t, value);
	case SELECT_EXISTS:
		return value.at != NULL;
	case SELECT_NOT_EXISTS:
		return value.at == NULL;
	case SELECT_GREATER:
	case SELECT_LESS:
		return value.at && is_number(value, &has) &&
		       selector_number(t->values[0], &wanted) &&
		       (t->op == SELECT_GREATER ? has > wanted : has < wanted);
	case SELECT_OP_COUNT:
		break;
	}
	abort();
}

bool selector_matches(const struct selector *s, selector_lookup *lookup, void *ctx)
{
	if (s->nothing)
		return false;
	for (size_t i = 0; i < s->count; i++)
		if (!term_matches(&s->terms[i], lookup(ctx, s->terms[i].key)))
			return false;
	return true;
}

static struct span lookup_json(void *labels, const char *key)
{
	const char *value = json_member_str(labels, key);
	return (struct span){ value, value ? strlen(value) : 0 };
}

bool selector_matches_json(const struct selector *s, const json_t *labels)
{
	return selector_matches(s, lookup_json, (json_t *)labels);
}
