/*
 * Objects of custom kinds: what custom_normalize(), custom_default(), custom_print() and the schema's
 * checks make of a tree. It knows schemas as generators write them: typed, without alternatives.
 * Where something is preserved, embedded, nullable or a fraction, the tree knows better.
 */
#include "schemas/canonical_internal.h"
#include "schemas/custom_internal.h"
#include "schemas/format.h"
#include "schemas/pattern.h"

#define ELEMENTS_MAX 32 /* of a list in which nothing may be twice */
#define KEYS_MAX     8

static bool write_value(struct canonical *c, const struct custom_schema *s);

/* ---- schemas that are known here ---- */

static bool is_form(const struct custom_schema *s, enum custom_form form)
{
	const struct custom_checks *k = &s->checks;
	return s->form == form && !s->is_int_or_string && !k->pattern_text && !k->format &&
	       !k->enums && !k->least && !k->most;
}

/* "anyOf: integer, string" beside x-kubernetes-int-or-string says the same again. */
static bool says_int_or_string(const struct custom_schema *s)
{
	const struct custom_list *any = &s->checks.any_of;
	return s->is_int_or_string && any->count == 2 && is_form(any->at[0], CUSTOM_INTEGER) &&
	       is_form(any->at[1], CUSTOM_STRING);
}

static bool is_known(const struct custom_schema *s)
{
	const struct custom_checks *k = &s->checks;
	return !s->is_embedded && !s->keeps_unknown && !k->multiple && !k->is_unique &&
	       k->all_of.count == 0 && k->one_of.count == 0 && !k->none_of &&
	       (k->any_of.count == 0 || says_int_or_string(s));
}

static bool is_counted(const struct custom_checks *k, enum custom_bound bound, size_t n)
{
	return (k->min[bound] < 0 || (int64_t)n >= k->min[bound]) &&
	       (k->max[bound] < 0 || (int64_t)n <= k->max[bound]);
}

/* ---- scalars ---- */

static bool is_in_enum(const struct custom_checks *k, struct span text)
{
	for (size_t i = 0; i < json_array_size(k->enums); i++) {
		const json_t *one = json_array_get(k->enums, i);
		if (json_is_string(one) && json_string_length(one) == text.len &&
		    memcmp(json_string_value(one), text.at, text.len) == 0)
			return true;
	}
	return json_array_size(k->enums) == 0;
}

static bool is_long_enough(const struct custom_checks *k, struct span text)
{
	size_t n = 0;
	if (k->min[CUSTOM_LENGTH] < 0 && k->max[CUSTOM_LENGTH] < 0)
		return true;
	for (size_t i = 0; i < text.len; i++)
		n += (text.at[i] & 0xc0) != 0x80;
	return is_counted(k, CUSTOM_LENGTH, n);
}

static bool is_like(const struct custom_checks *k, struct span text)
{
	if (k->pattern_text &&
	    (!k->pattern || pattern_match(k->pattern, text.at, text.len) != PATTERN_YES))
		return false;
	return !k->format ||
	       (format_is_text(k->format) && format_matches(k->format, text.at, text.len));
}

static bool write_text(struct canonical *c, const struct custom_schema *s)
{
	const struct custom_checks *k = &s->checks;
	struct span text;
	bool is_checked = k->pattern_text || k->format || k->enums || k->min[CUSTOM_LENGTH] >= 0 ||
			  k->max[CUSTOM_LENGTH] >= 0;
	if ((s->form != CUSTOM_STRING && !s->is_int_or_string) || !canonical_text(c, &text))
		return false;
	if (!is_checked)
		return true;
	/* The text itself, not its escapes, is what is judged. */
	return !memchr(text.at, '\\', text.len) && is_in_enum(k, text) && is_long_enough(k, text) &&
	       is_like(k, text);
}

static bool write_integer(struct canonical *c, const struct custom_schema *s)
{
	const struct custom_checks *k = &s->checks;
	const char *format = s->is_int_or_string || !k->format ? "" : k->format;
	bool is_small = streq(format, "int32");
	int64_t n;
	if ((s->form != CUSTOM_INTEGER && s->form != CUSTOM_NUMBER && !s->is_int_or_string) ||
	    k->enums || !canonical_integer(c, &n) || (is_small && (n > INT32_MAX || n < INT32_MIN)))
		return false;
	const json_t *const bounds[] = { k->least, k->most };
	for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
		if (!bounds[i])
			continue;
		int64_t bound = json_integer_value(bounds[i]);
		/* Others are compared, and told of, in their own ways. */
		if (!json_is_integer(bounds[i]) || bound > INT32_MAX || bound < INT32_MIN)
			return false;
		bool is_out = i == 0 ? k->excludes_least : k->excludes_most;
		if (n == bound ? is_out : (i == 0) == (n < bound))
			return false;
	}
	return true;
}

static bool write_scalar(struct canonical *c, const struct custom_schema *s)
{
	struct written ignored;
	if (*c->p == '"')
		return write_text(c, s);
	if (*c->p == 't' || *c->p == 'f')
		return s->form == CUSTOM_BOOLEAN && !s->checks.enums && canonical_word(c, &ignored);
	return write_integer(c, s);
}

/* ---- lists ---- */

/* What tells one element from another. */
struct identity {
	struct span keys[KEYS_MAX];
};

static bool is_same(struct span a, struct span b)
{
	return a.len == b.len && (a.at == b.at || (a.at && b.at && !memcmp(a.at, b.at, a.len)));
}

/* Elements of a set or a map of those written; false: two are the same, or they are many. */
static bool are_different(const struct custom_schema *s, struct span list)
{
	struct identity seen[ELEMENTS_MAX];
	size_t count = 0, keys = 0;
	while (s->list_keys && s->list_keys[keys])
		keys++;
	struct scan scan = scan_open(list);
	for (struct span name, item; scan_next(&scan, &name, &item); count++) {
		if (count == ELEMENTS_MAX || keys > KEYS_MAX)
			return false;
		struct identity *one = &seen[count];
		for (size_t k = 0; k < keys; k++)
			one->keys[k] = scan_member(item, s->list_keys[k]);
		if (keys == 0)
			one->keys[0] = item;
		for (size_t i = 0; i < count; i++) {
			bool differs = false;
			for (size_t k = 0; k < MAX(keys, (size_t)1); k++)
				differs |= !is_same(seen[i].keys[k], one->keys[k]);
			if (!differs)
				return false;
		}
	}
	return true;
}

static bool write_list(struct canonical *c, const struct custom_schema *s)
{
	size_t count = 0, begin = c->out->len;
	bool is_map = s->list_type == SCHEMA_LIST_MAP;
	if (s->form != CUSTOM_ARRAY || !s->items || s->checks.enums || s->checks.format ||
	    (is_map && (s->items->form != CUSTOM_OBJECT || !s->list_keys)) ||
	    !canonical_past(c, '['))
		return false;
	str_add_char(c->out, '[');
	for (; c->p < c->end && *c->p != ']'; count++) {
		if (count && !canonical_past(c, ','))
			return false;
		if (count)
			str_add_char(c->out, ',');
		if (!write_value(c, s->items))
			return false;
		canonical_blanks(c);
	}
	str_add_char(c->out, ']');
	if (c->p++ >= c->end || !str_ok(c->out) || !is_counted(&s->checks, CUSTOM_ITEMS, count))
		return false;
	return s->list_type == SCHEMA_LIST_ATOMIC ||
	       are_different(s, (struct span){ c->out->data + begin, c->out->len - begin });
}

/* ---- objects ---- */

static int name_order(const char *a, struct span b)
{
	int order = strncmp(a, b.at, b.len);
	return order ? order : a[b.len] != '\0';
}

static const struct custom_schema *member_named(const struct custom_schema *s, struct span name)
{
	size_t from = 0, to = s->members_count;
	while (from < to) {
		size_t middle = (from + to) / 2;
		int order = name_order(s->members[middle].name, name);
		if (order == 0)
			return s->members[middle].schema;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

static bool is_there(const struct canonical *c, const struct pairs *p, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < p->count; i++)
		if (p->at[i].name_len == n &&
		    memcmp(c->out->data + p->at[i].whole.at + 1, name, n) == 0)
			return true;
	return false;
}

/* What nobody describes goes, where the client does not ask to be told. */
static bool skip_member(struct canonical *c, struct pairs *p, size_t begin)
{
	str_truncate(c->out, begin);
	p->count--;
	return canonical_skip(c);
}

static bool read_member(struct canonical *c, const struct custom_schema *s, struct pairs *p)
{
	struct span name;
	size_t begin = c->out->len;
	struct pair *one = canonical_pair(c, p);
	if (!canonical_text(c, &name) || memchr(name.at, '\\', name.len) || !canonical_past(c, ':'))
		return false;
	one->name_len = name.len;
	const struct custom_schema *member = member_named(s, name);
	if (!member && s->has_rest && !s->rest)
		return false;
	member = member ? member : s->rest;
	if (!member)
		return c->options->prunes && skip_member(c, p, begin);
	if (c->end - c->p >= 4 && memcmp(c->p, "null", 4) == 0)
		return !member->is_nullable && !member->fallback && skip_member(c, p, begin);
	str_add_char(c->out, ':');
	if (!write_value(c, member))
		return false;
	canonical_pair_end(c, p);
	return true;
}

/* A member that did not come, by the schema. */
static bool add_default(struct canonical *c, const struct custom_member *m, struct pairs *p)
{
	const char *from = c->p, *end = c->end;
	struct pair *one = canonical_pair(c, p);
	one->name_len = strlen(m->name);
	str_add_json(c->out, m->name, one->name_len);
	str_add_char(c->out, ':');
	c->p = m->schema->fallback_text;
	c->end = c->p + strlen(c->p);
	bool done = write_value(c, m->schema) && c->p == c->end;
	c->p = from;
	c->end = end;
	canonical_pair_end(c, p);
	return done && !strpbrk(m->name, "\"\\");
}

/* All came: what did not, and whether that may be. */
static bool finish_members(struct canonical *c, const struct custom_schema *s, struct pairs *p)
{
	const json_t *required = s->checks.required;
	for (size_t i = 0; i < s->members_count; i++)
		if (s->members[i].schema->fallback && !is_there(c, p, s->members[i].name) &&
		    !add_default(c, &s->members[i], p))
			return false;
	for (size_t i = 0; i < json_array_size(required); i++) {
		const char *name = json_string_value(json_array_get(required, i));
		bool is_given = c->depth == 1 && (streq(name, "apiVersion") || streq(name, "kind"));
		if (!is_given && !is_there(c, p, name))
			return false;
	}
	return is_counted(&s->checks, CUSTOM_MEMBERS, p->count);
}

static bool read_members(struct canonical *c, const struct custom_schema *s, struct pairs *p)
{
	if (!canonical_past(c, '{'))
		return false;
	for (bool is_first = true; c->p < c->end && *c->p != '}'; is_first = false) {
		if (!is_first && !canonical_past(c, ','))
			return false;
		if (!read_member(c, s, p))
			return false;
		canonical_blanks(c);
	}
	return c->p++ < c->end && str_ok(c->out) && finish_members(c, s, p);
}

static bool write_object(struct canonical *c, const struct custom_schema *s)
{
	struct pairs p;
	if (s->form != CUSTOM_OBJECT || s->checks.enums || s->checks.format ||
	    ++c->depth > CANONICAL_DEPTH_MAX)
		return false;
	canonical_pairs_open(c, &p);
	bool is_good = read_members(c, s, &p);
	c->depth--;
	return canonical_pairs_close(c, &p, is_good);
}

static bool write_value(struct canonical *c, const struct custom_schema *s)
{
	if (c->p >= c->end || !is_known(s))
		return false;
	if (*c->p == '{')
		return write_object(c, s);
	return *c->p == '[' ? write_list(c, s) : write_scalar(c, s);
}

/* ---- the object itself ---- */

/* What it says that it is, which is what the endpoint is. */
static bool read_head(struct canonical *c, const char *expected)
{
	struct span text;
	size_t begin = c->out->len, n = strlen(expected);
	if (!canonical_text(c, &text))
		return false;
	bool is_said = text.len == n && memcmp(text.at, expected, n) == 0;
	str_truncate(c->out, begin);
	return is_said;
}

/* One member. apiVersion and kind are written at the end. */
static bool read_own(struct canonical *c, const struct custom *custom, struct pairs *p,
		     unsigned *seen)
{
	static const char *const heads[] = { "\"apiVersion\"", "\"kind\"", "\"metadata\"" };
	const char *const texts[] = { c->options->api_version, c->options->kind };
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		size_t n = strlen(heads[i]);
		if ((size_t)(c->end - c->p) < n || memcmp(c->p, heads[i], n) != 0)
			continue;
		bool is_again = *seen >> i & 1;
		*seen |= 1u << i;
		c->p += n;
		if (is_again || !canonical_past(c, ':'))
			return false;
		if (i < ARRAY_LEN(texts))
			return read_head(c, texts[i]);
		struct written ignored;
		struct pair *one = canonical_pair(c, p);
		one->name_len = n - 2;
		str_add_bytes(c->out, heads[i], n);
		str_add_char(c->out, ':');
		bool done = canonical_object(c, custom->meta, &ignored);
		canonical_pair_end(c, p);
		return done;
	}
	return read_member(c, custom->schema, p);
}

static bool read_all(struct canonical *c, const struct custom *custom, struct pairs *p)
{
	unsigned seen = 0;
	if (!canonical_past(c, '{'))
		return false;
	for (bool is_first = true; c->p < c->end && *c->p != '}'; is_first = false) {
		if (!is_first && !canonical_past(c, ','))
			return false;
		if (!read_own(c, custom, p, &seen))
			return false;
		canonical_blanks(c);
	}
	/* It says all three. */
	return c->p++ < c->end && seen == 7 && str_ok(c->out) &&
	       finish_members(c, custom->schema, p);
}

/* From the order of names to apiVersion, kind, metadata and the rest by name. */
static bool put_heads_first(struct canonical *c, size_t begin)
{
	static const char name[] = "\"metadata\":";
	struct span all = { c->out->data + begin, c->out->len - begin };
	struct span metadata = scan_member(all, "metadata");
	const char *before = metadata.at - (sizeof name - 1), *after = metadata.at + metadata.len;
	struct str *to = &c->scratch;
	str_clear(to);
	str_add(to, "{\"apiVersion\":");
	str_add_json(to, c->options->api_version, strlen(c->options->api_version));
	str_add(to, ",\"kind\":");
	str_add_json(to, c->options->kind, strlen(c->options->kind));
	str_add_char(to, ',');
	str_add_bytes(to, before, (size_t)(after - before));
	if (before > all.at + 1) {
		str_add_char(to, ',');
		str_add_bytes(to, all.at + 1, (size_t)(before - 1 - (all.at + 1)));
	}
	str_add_bytes(to, after, (size_t)(all.at + all.len - after));
	str_truncate(c->out, begin);
	str_add_bytes(c->out, to->data, to->len);
	return str_ok(to) && str_ok(c->out);
}

/* What the schema says of the three is what they are anyway. */
static bool knows_heads(const struct custom_schema *s)
{
	static const char *const names[] = { "apiVersion", "kind", "metadata" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct custom_schema *m = custom_member_of(s, names[i]);
		enum custom_form form = i == 2 ? CUSTOM_OBJECT : CUSTOM_STRING;
		if (!m)
			continue;
		const struct custom_checks *k = &m->checks;
		bool is_bounded = json_array_size(k->required) > 0;
		for (int b = 0; b < CUSTOM_BOUND_COUNT; b++)
			is_bounded |= k->min[b] >= 0 || k->max[b] >= 0;
		if (is_bounded || !is_form(m, form) || !is_known(m) || m->members_count ||
		    m->has_rest || m->fallback || m->is_nullable || k->any_of.count)
			return false;
	}
	const struct custom_checks *k = &s->checks;
	return k->min[CUSTOM_MEMBERS] < 0 && k->max[CUSTOM_MEMBERS] < 0 && is_known(s) &&
	       s->form == CUSTOM_OBJECT && !s->has_rest && !k->enums && !k->any_of.count;
}

bool canonical_custom(struct canonical *c, const struct custom *custom)
{
	struct pairs p;
	size_t begin = c->out->len;
	if (!knows_heads(custom->schema))
		return false;
	c->depth++;
	canonical_pairs_open(c, &p);
	bool is_good = read_all(c, custom, &p);
	c->depth--;
	return canonical_pairs_close(c, &p, is_good) && put_heads_first(c, begin);
}
