#include "schemas/schema.h"

#include "common/base/jsonx.h"
#include "common/base/map.h"
#include "schemas/base64.h"
#include "schemas/json_text.h"
#include "schemas/yaml_scalar.h"

#include <stdio.h>
#include <yaml.h>

#define YAML_DEPTH_MAX     100
#define YAML_ALIASES_MAX   10000
#define YAML_NODES_MAX     100000 /* copied for aliases */
#define YAML_DOCUMENTS_MAX 10000
#define YAML_PROBLEMS_MAX  256

struct composer {
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	struct map anchors; /* name → json_t of this document */
	struct yaml_document *document;
	struct yaml_lines *lines; /* or NULL */
	size_t aliases, nodes, depth;
	struct error *err;
};

static int compose(struct composer *c, json_t **ret);

static int next_event(struct composer *c)
{
	if (c->has_event)
		yaml_event_delete(&c->event);
	c->has_event = false;
	if (!yaml_parser_parse(&c->parser, &c->event)) {
		const yaml_parser_t *p = &c->parser;
		if (p->error == YAML_READER_ERROR)
			return error_set(c->err, ERR_MALFORMED, "yaml: %s", p->problem);
		return error_set(c->err, ERR_MALFORMED, "yaml: line %zu: %s",
				 p->problem_mark.line + 1,
				 p->problem ? p->problem : "cannot be read");
	}
	c->has_event = true;
	return 0;
}

static size_t line_of(const struct composer *c)
{
	return c->event.start_mark.line + 1;
}

static void forget_anchors(struct composer *c)
{
	void *value;
	for (size_t i = 0; (i = map_next(&c->anchors, i, NULL, &value)) != 0;)
		json_decref(value);
	map_fini(&c->anchors);
}

static void remember(struct composer *c, const char *anchor, json_t *value)
{
	if (anchor)
		json_decref(map_put(&c->anchors, anchor, json_incref(value)));
}

/* Nodes and levels of a tree. */
static size_t measure(const json_t *tree, size_t *nodes)
{
	size_t levels = 0, i;
	json_t *item;
	const char *key;
	++*nodes;
	if (json_is_array(tree)) {
		json_array_foreach (tree, i, item) {
			size_t inside = measure(item, nodes);
			levels = MAX(levels, inside);
		}
	} else if (json_is_object(tree)) {
		json_object_foreach ((json_t *)(uintptr_t)tree, key, item) {
			size_t inside = measure(item, nodes);
			levels = MAX(levels, inside);
		}
	}
	return levels + 1;
}

static int compose_alias(struct composer *c, json_t **ret)
{
	json_t *target = map_get(&c->anchors, (const char *)c->event.data.alias.anchor);
	if (!target)
		return error_set(c->err, ERR_MALFORMED, "yaml: unknown anchor '%.100s' referenced",
				 (const char *)c->event.data.alias.anchor);
	if (c->depth + measure(target, &c->nodes) > YAML_DEPTH_MAX)
		return error_set(c->err, ERR_LIMIT, "yaml: nested deeper than %d levels",
				 YAML_DEPTH_MAX);
	if (++c->aliases > YAML_ALIASES_MAX || c->nodes > YAML_NODES_MAX)
		return error_set(c->err, ERR_LIMIT, "yaml: document contains excessive aliasing");
	*ret = json_deep_copy(target);
	return 0;
}

static int scalar_json(struct composer *c, const yaml_event_t *event, json_t **ret)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t n = event->data.scalar.length;
	const char *tag = (const char *)event->data.scalar.tag;
	if (tag && streq(tag, YAML_STR_TAG)) {
		*ret = json_string_valid(text, n);
		return 0;
	}
	if (tag && streq(tag, "tag:yaml.org,2002:binary")) {
		if (base64_check(text, n) >= 0)
			return error_set(
				c->err, ERR_MALFORMED,
				"yaml: line %zu: !!binary value contains invalid base64 data",
				line_of(c));
		AUTO_STR bytes;
		str_init(&bytes, n);
		base64_decode(text, n, &bytes);
		*ret = json_string_valid(bytes.data, bytes.len);
		return 0;
	}
	bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE || tag;
	struct yaml_scalar s = { .meaning = YAML_TEXT };
	if (is_plain)
		s = yaml_resolve(text, n);
	switch (s.meaning) {
	case YAML_TEXT:
		*ret = json_string_valid(text, n);
		return 0;
	case YAML_NULL:
		*ret = json_null();
		return 0;
	case YAML_BOOL:
		*ret = json_boolean(s.truth);
		return 0;
	case YAML_INT:
		*ret = json_integer(s.whole);
		return 0;
	case YAML_REAL:
		*ret = json_real(s.real);
		return 0;
	case YAML_NO_NUMBER:
		break;
	}
	return error_set(c->err, ERR_MALFORMED, "yaml: line %zu: %s is no number that JSON has",
			 line_of(c), text);
}

static int compose_sequence(struct composer *c, json_t **ret)
{
	AUTO_JSON *list = json_array();
	remember(c, (const char *)c->event.data.sequence_start.anchor, list);
	for (;;) {
		json_t *item = NULL;
		if (next_event(c) < 0)
			return c->err->code;
		if (c->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (compose(c, &item) < 0)
			return c->err->code;
		json_array_append_new(list, item);
	}
	*ret = TAKE(list);
	return 0;
}

/* A key as JSON spells it: true, 511, 1.5. */
static int key_text(struct composer *c, const json_t *key, char **ret)
{
	switch (json_typeof(key)) {
	case JSON_STRING:
		if (strlen(json_string_value(key)) != json_string_length(key))
			break;
		*ret = xstrdup(json_string_value(key));
		return 0;
	case JSON_INTEGER:
		*ret = xasprintf("%lld", (long long)json_integer_value(key));
		return 0;
	case JSON_REAL:
		*ret = xasprintf("%.15g", json_real_value(key));
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		*ret = xstrdup(json_is_true(key) ? "true" : "false");
		return 0;
	case JSON_NULL:
	case JSON_OBJECT:
	case JSON_ARRAY:
		break;
	}
	return error_set(c->err, ERR_MALFORMED, "yaml: line %zu: unsupported map key", line_of(c));
}

static void note_duplicate(struct composer *c, size_t line, const char *key)
{
	struct yaml_document *d = c->document;
	if (d->problems_count == YAML_PROBLEMS_MAX)
		return;
	AUTO_STR text;
	str_init(&text, 4096);
	str_addf(&text, "line %zu: key ", line);
	str_add_json(&text, key, strlen(key));
	str_add(&text, " already set in map");
	d->problems = xrealloc(d->problems, d->problems_count + 1, sizeof *d->problems);
	d->problems[d->problems_count++] = str_take(&text);
}

/* "<<": members that the mapping does not say itself; earlier sources win. */
static int merge_into(struct composer *c, json_t *merged, const json_t *source)
{
	const char *key;
	json_t *value;
	size_t i;
	if (json_is_array(source)) {
		json_array_foreach (source, i, value)
			if (!json_is_object(value) || merge_into(c, merged, value) < 0)
				return error_set(c->err, ERR_MALFORMED,
						 "yaml: map merge requires map or sequence of maps "
						 "as the value");
		return 0;
	}
	if (!json_is_object(source))
		return error_set(c->err, ERR_MALFORMED,
				 "yaml: map merge requires map or sequence of maps as the value");
	json_object_foreach ((json_t *)(uintptr_t)source, key, value)
		if (!json_object_get(merged, key))
			json_object_set_nocheck(merged, key, value);
	return 0;
}

static bool is_merge_key(const yaml_event_t *e)
{
	return e->type == YAML_SCALAR_EVENT && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       streq((const char *)e->data.scalar.value, "<<");
}

/* One member; the key's event is at hand. */
static int compose_member(struct composer *c, json_t *object, json_t *merged)
{
	bool is_merge = is_merge_key(&c->event);
	size_t line = line_of(c);
	AUTO_JSON *key = NULL, *value = NULL;
	auto_free char *name = NULL;
	size_t noted = c->lines ? c->lines->count : 0;
	if (compose(c, &key) < 0 || key_text(c, key, &name) < 0)
		return c->err->code;
	if (c->lines) /* the key goes again, and another node may come to stand where it stood */
		c->lines->count = noted;
	if (next_event(c) < 0 || compose(c, &value) < 0)
		return c->err->code;
	if (is_merge)
		return merge_into(c, merged, value);
	if (json_object_get(object, name))
		note_duplicate(c, line, name);
	json_object_set_nocheck(object, name, value);
	return 0;
}

static int compose_mapping(struct composer *c, json_t **ret)
{
	AUTO_JSON *object = json_object(), *merged = json_object();
	remember(c, (const char *)c->event.data.mapping_start.anchor, object);
	for (;;) {
		if (next_event(c) < 0)
			return c->err->code;
		if (c->event.type == YAML_MAPPING_END_EVENT)
			break;
		if (compose_member(c, object, merged) < 0)
			return c->err->code;
	}
	json_object_update_missing(object, merged);
	*ret = TAKE(object);
	return 0;
}

/* true, false and null are one object each: they stand nowhere. */
static void note_line(struct composer *c, const json_t *node, size_t line)
{
	struct yaml_lines *l = c->lines;
	if (!l || json_is_null(node) || json_is_boolean(node))
		return;
	if (l->count == l->size) {
		l->size = l->size ? 2 * l->size : 256;
		l->at = xrealloc(l->at, l->size, sizeof *l->at);
	}
	l->at[l->count++] = (struct yaml_line){ node, line };
}

/* The node whose event is at hand. */
static int compose(struct composer *c, json_t **ret)
{
	size_t line = line_of(c);
	if (c->depth == YAML_DEPTH_MAX)
		return error_set(c->err, ERR_LIMIT, "yaml: nested deeper than %d levels",
				 YAML_DEPTH_MAX);
	c->depth++;
	int code = 0;
	switch (c->event.type) {
	case YAML_ALIAS_EVENT:
		code = compose_alias(c, ret);
		break;
	case YAML_SCALAR_EVENT:
		code = scalar_json(c, &c->event, ret);
		if (code == 0)
			remember(c, (const char *)c->event.data.scalar.anchor, *ret);
		break;
	case YAML_SEQUENCE_START_EVENT:
		code = compose_sequence(c, ret);
		break;
	case YAML_MAPPING_START_EVENT:
		code = compose_mapping(c, ret);
		break;
	default:
		code = error_set(c->err, ERR_INTERNAL, "yaml: unexpected event %d",
				 (int)c->event.type);
	}
	c->depth--;
	if (code == 0)
		note_line(c, *ret, line);
	return code;
}

static int compose_document(struct composer *c, struct yaml_documents *all)
{
	if (all->count == YAML_DOCUMENTS_MAX)
		return error_set(c->err, ERR_LIMIT, "yaml: more than %d documents",
				 YAML_DOCUMENTS_MAX);
	all->at = xrealloc(all->at, all->count + 1, sizeof *all->at);
	c->document = &all->at[all->count++];
	*c->document = (struct yaml_document){ .line = line_of(c) };
	if (next_event(c) < 0 || compose(c, &c->document->tree) < 0)
		return c->err->code;
	forget_anchors(c);
	if (json_is_null(c->document->tree))
		c->document->tree = NULL;
	return next_event(c); /* the document's end */
}

static int compare_lines(const void *a, const void *b)
{
	const struct yaml_line *x = a, *y = b;
	return x->node < y->node ? -1 : x->node > y->node;
}

static int compare_places(const void *a, const void *b)
{
	const struct yaml_line *x = a, *y = b;
	int order = compare_lines(a, b);
	return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

/* Where a value was replaced (a key given twice) a later node may have its address: the last counts. */
static void sort_lines(struct yaml_lines *l)
{
	size_t kept = 0;
	if (l->count == 0)
		return;
	qsort(l->at, l->count, sizeof *l->at, compare_places);
	for (size_t i = 1; i < l->count; i++) {
		kept += l->at[i].node != l->at[kept].node;
		l->at[kept] = l->at[i];
	}
	l->count = kept + 1;
}

size_t yaml_line_of(const struct yaml_lines *l, const json_t *node)
{
	const struct yaml_line key = { .node = node };
	const struct yaml_line *found = NULL;
	if (l->count > 0)
		found = bsearch(&key, l->at, l->count, sizeof *l->at, compare_lines);
	return found ? found->line : 0;
}

void yaml_lines_fini(struct yaml_lines *l)
{
	free(l->at);
	*l = (struct yaml_lines){ 0 };
}

int yaml_parse(const char *text, size_t len, struct yaml_documents *ret, struct error *err)
{
	return yaml_parse_lines(text, len, ret, NULL, err);
}

int yaml_parse_lines(const char *text, size_t len, struct yaml_documents *ret,
		     struct yaml_lines *lines, struct error *err)
{
	struct composer c = { .err = err, .lines = lines };
	struct yaml_documents all = { 0 };
	if (!yaml_parser_initialize(&c.parser))
		abort();
	yaml_parser_set_input_string(&c.parser, (const unsigned char *)text, len);
	int code = next_event(&c);
	while (code == 0 && c.event.type != YAML_STREAM_END_EVENT) {
		if (c.event.type == YAML_DOCUMENT_START_EVENT)
			code = compose_document(&c, &all);
		if (code == 0)
			code = next_event(&c);
	}
	forget_anchors(&c);
	if (c.has_event)
		yaml_event_delete(&c.event);
	yaml_parser_delete(&c.parser);
	if (code < 0) {
		yaml_documents_fini(&all);
		return code;
	}
	if (lines)
		sort_lines(lines);
	*ret = all;
	return 0;
}

void yaml_documents_fini(struct yaml_documents *d)
{
	for (size_t i = 0; i < d->count; i++) {
		json_decref(d->at[i].tree);
		for (size_t k = 0; k < d->at[i].problems_count; k++)
			free(d->at[i].problems[k]);
		free(d->at[i].problems);
	}
	free(d->at);
	*d = (struct yaml_documents){ 0 };
}
