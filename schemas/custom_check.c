#include "schemas/custom_check.h"

#include "common/base/map.h"

#include <stdarg.h>

#define PLACE_SIZE_MAX  8192
#define DETAIL_SIZE_MAX 8192
#define KEYS_SIZE_MAX   (4u << 20)

/* ---- outcomes ---- */

void custom_outcome_fini(struct custom_outcome *o)
{
	field_errors_fini(&o->errors);
}

static bool has_same(const struct field_errors *e, const struct field_error *one)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->at[i].type == one->type && streq(e->at[i].field, one->field) &&
		    streq(e->at[i].detail, one->detail))
			return true;
	return false;
}

static void take_errors(struct field_errors *into, struct field_errors *from)
{
	for (size_t i = 0; i < from->count; i++)
		if (!has_same(into, &from->at[i]))
			field_errors_move(into, &from->at[i]);
	field_errors_fini(from);
}

void custom_outcome_merge(struct custom_outcome *into, struct custom_outcome *take_one)
{
	into->matches += take_one->matches;
	take_errors(&into->errors, &take_one->errors);
}

void custom_place_text(const struct custom_place *at, struct str *out)
{
	if (!at)
		return;
	custom_place_text(at->up, out);
	if (!at->name) {
		str_addf(out, "[%zu]", at->index);
		return;
	}
	if (out->len || at->has_dot)
		str_add_char(out, '.');
	str_add(out, at->name);
}

/* The field that a place is, for the answer. */
static char *field_of(const struct custom_checking *c, const struct custom_place *at)
{
	AUTO_STR text;
	str_init(&text, PLACE_SIZE_MAX);
	custom_place_text(at, &text);
	const char *name = text.len && *text.data == '.' ? text.data + 1 : text.data;
	if (!c->base)
		return xstrdup(*name ? name : "<nil>");
	return xasprintf("%s%s%s", c->base, *name ? "." : "", name);
}

void custom_problem(const struct custom_checking *c, struct custom_outcome *o,
		    enum field_error_type type, const struct custom_place *at, const json_t *value,
		    const char *detail, ...)
{
	struct field_errors one = { 0 };
	AUTO_STR text;
	auto_free char *field = field_of(c, at);
	str_init(&text, DETAIL_SIZE_MAX);
	if (type == FIELD_INVALID || type == FIELD_TYPE_INVALID) {
		custom_place_text(at, &text);
		str_add(&text, " in body ");
	}
	va_list args;
	va_start(args, detail);
	str_vaddf(&text, detail, args);
	va_end(args);
	field_errors_add(&one, type, field, value, "%s", text.data);
	take_errors(&o->errors, &one);
}

void custom_problem_apart(const struct custom_checking *c, struct custom_outcome *o,
			  const char *detail, ...)
{
	struct field_errors one = { 0 };
	AUTO_STR text;
	AUTO_JSON *nothing = json_string("");
	str_init(&text, DETAIL_SIZE_MAX);
	va_list args;
	va_start(args, detail);
	str_vaddf(&text, detail, args);
	va_end(args);
	field_errors_add(&one, FIELD_INVALID, c->base ? c->base : "<nil>", nothing, "%s",
			 text.data);
	take_errors(&o->errors, &one);
}

void custom_problem_bare(const struct custom_checking *c, struct custom_outcome *o,
			 const struct custom_place *at, const json_t *value, const char *detail,
			 ...)
{
	struct field_errors one = { 0 };
	AUTO_STR text;
	auto_free char *field = field_of(c, at);
	str_init(&text, DETAIL_SIZE_MAX);
	va_list args;
	va_start(args, detail);
	str_vaddf(&text, detail, args);
	va_end(args);
	field_errors_add(&one, FIELD_INVALID, field, value, "%s", text.data);
	take_errors(&o->errors, &one);
}

/* ---- what has not changed ---- */

static const struct custom_schema *below(const struct custom_schema *s, const char *name)
{
	const struct custom_schema *member = custom_member_of(s, name);
	return member ? member : s->rest;
}

/* A list's elements by what tells them apart. */
struct elements {
	struct map by_keys;
};

/* NULL: nothing does, for a key is missing or no scalar. */
static char *keys_text(const struct custom_schema *s, const json_t *element)
{
	AUTO_STR text;
	str_init(&text, KEYS_SIZE_MAX);
	str_add(&text, "");
	for (size_t i = 0; s->list_keys[i]; i++) {
		const json_t *value = json_object_get(element, s->list_keys[i]);
		if (!value || json_is_object(value) || json_is_array(value))
			return NULL;
		str_add(&text, json_is_real(value) ? "\nr" : "\nv");
		custom_print_value(value, &text);
	}
	return str_ok(&text) ? str_take(&text) : NULL;
}

/* Empty where nobody can say which element was which. */
static void elements_init(struct elements *e, const struct custom_schema *s, const json_t *list)
{
	*e = (struct elements){ 0 };
	if (s->list_type != SCHEMA_LIST_MAP || !s->list_keys)
		return;
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *one = json_array_get(list, i);
		auto_free char *keys = keys_text(s, one);
		if (keys && !map_has(&e->by_keys, keys))
			(void)map_put(&e->by_keys, keys, one);
	}
}

static void elements_fini(struct elements *e)
{
	map_fini(&e->by_keys);
}

/* The element that was this one, or NULL. */
static const json_t *old_element(const struct elements *e, const struct custom_schema *s,
				 const json_t *element)
{
	auto_free char *keys = e->by_keys.count ? keys_text(s, element) : NULL;
	return keys ? map_get(&e->by_keys, keys) : NULL;
}

static bool is_unchanged(const struct custom_schema *s, const json_t *value, const json_t *old);

static bool is_list_unchanged(const struct custom_schema *s, const json_t *value, const json_t *old)
{
	if (json_array_size(value) != json_array_size(old))
		return false;
	if (s->list_type != SCHEMA_LIST_MAP || !s->items)
		return json_equal(value, old);
	struct elements before;
	bool is_same = true;
	elements_init(&before, s, old);
	for (size_t i = 0; is_same && i < json_array_size(value); i++) {
		const json_t *one = json_array_get(value, i);
		const json_t *was = old_element(&before, s, one);
		is_same = was && is_unchanged(s->items, one, was);
	}
	elements_fini(&before);
	return is_same;
}

/* Equal; what no schema describes counts as changed. */
static bool is_unchanged(const struct custom_schema *s, const json_t *value, const json_t *old)
{
	const char *name;
	json_t *member;
	if (json_typeof(value) != json_typeof(old))
		return false;
	if (json_is_array(value))
		return is_list_unchanged(s, value, old);
	if (!json_is_object(value))
		return json_equal(value, old);
	if (json_object_size(value) != json_object_size(old))
		return false;
	json_object_foreach ((json_t *)(uintptr_t)value, name, member) {
		const json_t *was = json_object_get(old, name);
		const struct custom_schema *its = below(s, name);
		if (!was || !its || !is_unchanged(its, member, was))
			return false;
	}
	return true;
}

/* ---- the walk ---- */

static void check(const struct custom_checking *c, const struct custom_schema *s,
		  const json_t *value, const json_t *old, const struct custom_place *at,
		  struct custom_outcome *o);

/* A member or element: it may be as wrong as it was. */
static void check_below(const struct custom_checking *c, const struct custom_schema *s,
			const json_t *value, const json_t *old, const struct custom_place *at,
			struct custom_outcome *o)
{
	struct custom_outcome one = { 0 };
	check(c, s, value, old, at, &one);
	if (one.errors.count && old && is_unchanged(s, value, old))
		field_errors_fini(&one.errors);
	custom_outcome_merge(o, &one);
}

static void check_list(const struct custom_checking *c, const struct custom_schema *s,
		       const json_t *list, const json_t *old, const struct custom_place *at,
		       struct custom_outcome *o)
{
	const struct custom_checks *k = &s->checks;
	int64_t n = (int64_t)json_array_size(list);
	AUTO_JSON *count = json_integer(n);
	struct elements before;
	elements_init(&before, s, old);
	for (size_t i = 0; s->items && i < (size_t)n; i++) {
		const json_t *one = json_array_get(list, i);
		const json_t *was = old_element(&before, s, one);
		const struct custom_place here = { .up = at, .index = i };
		check_below(c, s->items, one, was, &here, o);
	}
	elements_fini(&before);
	if (k->min[CUSTOM_ITEMS] >= 0 && n < k->min[CUSTOM_ITEMS])
		custom_problem(c, o, FIELD_INVALID, at, count, "should have at least %lld items",
			       (long long)k->min[CUSTOM_ITEMS]);
	if (k->max[CUSTOM_ITEMS] >= 0 && n > k->max[CUSTOM_ITEMS])
		custom_problem(c, o, FIELD_TOO_MANY, at, count, "must have at most %lld item%s",
			       (long long)k->max[CUSTOM_ITEMS],
			       k->max[CUSTOM_ITEMS] == 1 ? "" : "s");
	o->matches++;
}

static void check_member(const struct custom_checking *c, const struct custom_schema *s,
			 const json_t *tree, const char *name, const json_t *old,
			 const struct custom_place *at, struct custom_outcome *o)
{
	const struct custom_schema *member = custom_member_of(s, name);
	const json_t *value = json_object_get(tree, name);
	const json_t *was = json_object_get(old, name);
	const struct custom_place here = { .up = at, .name = name, .has_dot = !member };
	/* What an object says that it is may never be wrong. */
	if (!at && (streq(name, "kind") || streq(name, "apiVersion")))
		was = NULL;
	if (!member && s->forbids_rest) {
		AUTO_STR text;
		AUTO_JSON *shown = json_string_nocheck(name);
		str_init(&text, PLACE_SIZE_MAX);
		custom_place_text(at, &text);
		custom_problem_bare(c, o, at, shown, "%s.%s in body is a forbidden property",
				    text.data, name);
	}
	if (member || s->rest)
		check_below(c, member ? member : s->rest, value, was, &here, o);
}

static void check_object(const struct custom_checking *c, const struct custom_schema *s,
			 const json_t *tree, const json_t *old, const struct custom_place *at,
			 struct custom_outcome *o)
{
	const struct custom_checks *k = &s->checks;
	int64_t n = (int64_t)json_object_size(tree);
	AUTO_JSON *count = json_integer(n);
	const char *name;
	json_t *member;
	if (k->min[CUSTOM_MEMBERS] >= 0 && n < k->min[CUSTOM_MEMBERS])
		custom_problem(c, o, FIELD_INVALID, at, count,
			       "should have at least %lld properties",
			       (long long)k->min[CUSTOM_MEMBERS]);
	if (k->max[CUSTOM_MEMBERS] >= 0 && n > k->max[CUSTOM_MEMBERS])
		custom_problem(c, o, FIELD_TOO_MANY, at, count, "must have at most %lld item%s",
			       (long long)k->max[CUSTOM_MEMBERS],
			       k->max[CUSTOM_MEMBERS] == 1 ? "" : "s");
	json_object_foreach ((json_t *)(uintptr_t)tree, name, member)
		check_member(c, s, tree, name, old, at, o);
	for (size_t i = 0; i < json_array_size(k->required); i++) {
		name = json_string_value(json_array_get(k->required, i));
		const struct custom_place here = { .up = at, .name = name, .has_dot = true };
		if (!json_object_get(tree, name))
			custom_problem(c, o, FIELD_REQUIRED, &here, NULL, "%s", "");
	}
}

/* ---- alternatives: of them all is told, also what has not changed ---- */

/* Problems of the alternative that comes nearest. */
struct best {
	struct custom_outcome outcome;
	bool is_set;
};

static void keep_best(struct best *b, struct custom_outcome *take_one)
{
	if (b->is_set && take_one->matches <= b->outcome.matches) {
		custom_outcome_fini(take_one);
		return;
	}
	custom_outcome_fini(&b->outcome);
	*b = (struct best){ *take_one, true };
}

static void drop_best(struct best *b)
{
	custom_outcome_fini(&b->outcome);
	*b = (struct best){ 0 };
}

static void say_apart(const struct custom_checking *c, struct custom_outcome *o,
		      const struct custom_place *at, const char *what)
{
	AUTO_STR text;
	str_init(&text, PLACE_SIZE_MAX);
	custom_place_text(at, &text);
	custom_problem_apart(c, o, "\"%s\" must %s", text.data, what);
}

static void check_any(const struct custom_checking *c, const struct custom_list *list,
		      const json_t *value, const struct custom_place *at, struct custom_outcome *o)
{
	struct best best = { 0 };
	for (size_t i = 0; i < list->count; i++) {
		struct custom_outcome one = { 0 };
		check(c, list->at[i], value, NULL, at, &one);
		if (one.errors.count == 0) {
			drop_best(&best);
			custom_outcome_merge(o, &one);
			return;
		}
		keep_best(&best, &one);
	}
	if (list->count)
		say_apart(c, o, at, "validate at least one schema (anyOf)");
	custom_outcome_merge(o, &best.outcome);
}

static void check_one(const struct custom_checking *c, const struct custom_list *list,
		      const json_t *value, const struct custom_place *at, struct custom_outcome *o)
{
	struct best best = { 0 };
	size_t good = 0, first = 0;
	for (size_t i = 0; i < list->count; i++) {
		struct custom_outcome one = { 0 };
		check(c, list->at[i], value, NULL, at, &one);
		if (one.errors.count == 0) {
			first = good ? first : one.matches;
			good++;
			drop_best(&best);
		} else if (good == 0) {
			keep_best(&best, &one);
			continue;
		}
		custom_outcome_fini(&one);
	}
	if (good == 1)
		o->matches += first;
	else if (list->count) {
		auto_free char *what =
			good ? xasprintf("validate one and only one schema (oneOf). Found %zu "
					 "valid alternatives",
					 good)
			     : xstrdup("validate one and only one schema (oneOf). Found none "
				       "valid");
		say_apart(c, o, at, what);
	}
	custom_outcome_merge(o, &best.outcome);
}

static void check_all(const struct custom_checking *c, const struct custom_list *list,
		      const json_t *value, const struct custom_place *at, struct custom_outcome *o)
{
	size_t good = 0;
	for (size_t i = 0; i < list->count; i++) {
		struct custom_outcome one = { 0 };
		check(c, list->at[i], value, NULL, at, &one);
		good += one.errors.count == 0;
		custom_outcome_merge(o, &one);
	}
	if (good < list->count)
		say_apart(c, o, at,
			  good ? "validate all the schemas (allOf)"
			       : "validate all the schemas (allOf). None validated");
}

static void check_alternatives(const struct custom_checking *c, const struct custom_schema *s,
			       const json_t *value, const struct custom_place *at,
			       struct custom_outcome *o)
{
	const struct custom_checks *k = &s->checks;
	check_any(c, &k->any_of, value, at, o);
	check_one(c, &k->one_of, value, at, o);
	check_all(c, &k->all_of, value, at, o);
	if (k->none_of) {
		struct custom_outcome one = { 0 };
		check(c, k->none_of, value, NULL, at, &one);
		if (one.errors.count == 0)
			say_apart(c, o, at, "not validate the schema (not)");
		custom_outcome_fini(&one);
	}
	o->matches++;
}

/* ---- a value ---- */

static void check(const struct custom_checking *c, const struct custom_schema *s,
		  const json_t *value, const json_t *old, const struct custom_place *at,
		  struct custom_outcome *o)
{
	bool has_form = s->form != CUSTOM_UNTYPED || s->is_int_or_string || s->checks.format;
	if (json_is_null(value)) {
		custom_check_form(c, s, value, at, o);
		custom_check_enum(c, s, value, at, o);
		return;
	}
	if (has_form) {
		custom_check_form(c, s, value, at, o);
		o->matches++;
	}
	check_alternatives(c, s, value, at, o);
	o->matches++;
	if (json_is_string(value))
		custom_check_text(c, s, value, at, o);
	if (json_is_number(value)) {
		custom_check_number(c, s, value, at, o);
		o->matches += 2;
	}
	if (json_is_array(value)) {
		check_list(c, s, value, old, at, o);
		o->matches++;
	}
	custom_check_enum(c, s, value, at, o);
	o->matches++;
	if (json_is_object(value)) {
		check_object(c, s, value, old, at, o);
		o->matches++;
	}
	o->matches++;
}

void custom_check(const struct custom_schema *s, const json_t *value, const json_t *old,
		  const char *base, struct field_errors *e)
{
	const struct custom_checking c = { .base = base };
	struct custom_outcome o = { 0 };
	check_below(&c, s, value, old, NULL, &o);
	take_errors(e, &o.errors);
}
