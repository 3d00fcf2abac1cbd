/*
 * A received object against its schema: what nobody describes goes (and is named), nulls that may not
 * be go, metadata becomes an ObjectMeta's, also of resources inside it. The order of the steps
 * decides what is named first, and is upstream's.
 */
#include "schemas/custom_internal.h"
#include "schemas/normalize.h"
#include "schemas/report.h"

#define META_SIZE_MAX (4u << 20)

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void hand_over(struct schema_report *from, struct schema_report *to)
{
	if (from->count)
		qsort(from->problems, from->count, sizeof *from->problems, by_text);
	for (size_t i = 0; i < from->count; i++)
		report_add(to, "%s", from->problems[i]);
}

/* ---- unknown fields ---- */

static void prune(struct schema_report *report, json_t *value, const struct custom_schema *s,
		  bool is_resource, const struct path *at);
static void skip(struct schema_report *report, json_t *value, const struct custom_schema *s,
		 bool is_resource, const struct path *at);

/* One member that somebody describes; false: nobody does. */
static bool prune_known(struct schema_report *report, const char *name, json_t *value,
			const struct custom_schema *s, const struct path *at)
{
	const struct custom_schema *member = custom_member_of(s, name);
	if (!member && !s->has_rest)
		return false;
	if (!member)
		member = s->rest;
	prune(report, value, member, member && member->is_embedded, PATH(at, name));
	return true;
}

static void prune_members(struct schema_report *report, json_t *value,
			  const struct custom_schema *s, bool is_resource, const struct path *at)
{
	const char *name;
	json_t *member;
	void *next;
	json_object_foreach_safe (value, next, name, member) {
		if (s && is_resource && custom_is_head(name))
			continue;
		if (s && prune_known(report, name, member, s, at))
			continue;
		if (!s || at || !custom_is_head(name))
			report_field(report, "unknown", PATH(at, name));
		json_object_del(value, name);
	}
}

static void prune(struct schema_report *report, json_t *value, const struct custom_schema *s,
		  bool is_resource, const struct path *at)
{
	size_t i;
	json_t *item;
	if (s && s->keeps_unknown) {
		skip(report, value, s, is_resource, at);
		return;
	}
	if (json_is_object(value))
		prune_members(report, value, s, is_resource, at);
	const struct custom_schema *items = s ? s->items : NULL;
	json_array_foreach (value, i, item)
		prune(report, item, items, items && items->is_embedded, PATH_AT(at, i));
}

/* Unknown fields are kept here; what is described is pruned again. */
static void skip(struct schema_report *report, json_t *value, const struct custom_schema *s,
		 bool is_resource, const struct path *at)
{
	const char *name;
	json_t *member;
	size_t i;
	if (!s)
		return;
	json_object_foreach (value, name, member)
		if (!is_resource || !custom_is_head(name))
			(void)prune_known(report, name, member, s, at); /* or it is kept */
	json_array_foreach (value, i, member)
		skip(report, member, s->items, s->items && s->items->is_embedded, PATH_AT(at, i));
}

void custom_prune(const struct custom_schema *s, json_t *value, bool is_resource,
		  struct schema_report *report)
{
	prune(report, value, s, is_resource, NULL);
}

/* ---- nulls ---- */

static const struct custom_schema *schema_below(const struct custom_schema *s, const char *name)
{
	const struct custom_schema *member = s ? custom_member_of(s, name) : NULL;
	return member || !s ? member : s->rest;
}

static void drop_nulls(json_t *value, const struct custom_schema *s)
{
	const char *name;
	json_t *member;
	void *next;
	size_t i;
	if (!s)
		return;
	json_object_foreach_safe (value, next, name, member) {
		const struct custom_schema *below = schema_below(s, name);
		if (below && json_is_null(member) && !below->is_nullable && !below->fallback)
			json_object_del(value, name);
		else
			drop_nulls(member, below);
	}
	json_array_foreach (value, i, member)
		drop_nulls(member, s->items);
}

/* ---- metadata ---- */

/* The reader's own report names fields from metadata on; `prefix` is what stands before them. */
static void rename_problems(const struct schema_report *from, const char *prefix,
			    struct schema_report *to)
{
	for (size_t i = 0; i < from->count; i++) {
		const char *quote = strchr(from->problems[i], '"');
		if (quote)
			report_add(to, "%.*s\"%s.%s", (int)(quote - from->problems[i]),
				   from->problems[i], prefix, quote + 1);
	}
}

static int read_meta(const struct custom *c, json_t *resource, const char *prefix,
		     struct schema_report *report, struct error *err)
{
	__attribute__((cleanup(schema_report_fini))) struct schema_report found = { 0 };
	json_t *meta = json_object_get(resource, "metadata");
	if (json_is_null(meta)) {
		meta = json_object();
		json_object_set_new(resource, "metadata", meta);
	}
	if (!meta)
		return 0;
	if (normalize_object(c->meta, meta, NULL, &found, err) < 0)
		return err->code;
	rename_problems(&found, prefix, report);
	return 0;
}

/* As ObjectMeta writes it: empty values are gone. */
static void rewrite_meta(const struct custom *c, json_t *resource)
{
	AUTO_STR text;
	struct error ignored;
	json_t *meta = json_object_get(resource, "metadata"), *made = NULL;
	str_init(&text, META_SIZE_MAX);
	schema_print(c->meta, meta, &text);
	if (str_ok(&text) && json_parse(text.data, text.len, &made, &ignored) == 0)
		json_object_set_new(resource, "metadata", made);
}

static int wrong_head(const json_t *value, const char *name, const struct path *at,
		      struct error *err)
{
	AUTO_STR shown;
	auto_free char *where = path_dup(PATH(at, name));
	str_init(&shown, 1u << 12);
	custom_print_value(value, &shown);
	return error_set(err, ERR_MALFORMED, "%s: Invalid value: %s: must be a string", where,
			 shown.data);
}

static int coerce_resource(const struct custom *c, json_t *value, const struct path *at,
			   struct schema_report *report, struct error *err)
{
	static const char *const texts[] = { "apiVersion", "kind" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const json_t *text = json_object_get(value, texts[i]);
		if (text && !json_is_string(text))
			return wrong_head(text, texts[i], at, err);
	}
	if (!json_object_get(value, "metadata"))
		return 0;
	auto_free char *where = path_dup(PATH(at, "metadata"));
	AUTO_STR given;
	str_init(&given, META_SIZE_MAX);
	custom_print_value(json_object_get(value, "metadata"), &given);
	if (read_meta(c, value, where, report, err) < 0)
		return error_wrap(err, "%s: Invalid value: %s", where, given.data);
	rewrite_meta(c, value);
	return 0;
}

/* Resources inside: their metadata. */
static int coerce(const struct custom *c, json_t *value, const struct custom_schema *s,
		  bool is_resource, const struct path *at, struct schema_report *report,
		  struct error *err)
{
	const char *name;
	json_t *member;
	size_t i;
	if (!s)
		return 0;
	if (json_is_object(value) && is_resource && coerce_resource(c, value, at, report, err) < 0)
		return err->code;
	json_object_foreach (value, name, member) {
		const struct custom_schema *below = custom_member_of(s, name);
		const struct path *here = below ? PATH(at, name) : PATH_OF(at, name);
		below = below ? below : s->rest;
		if (coerce(c, member, below, below && below->is_embedded, here, report, err) < 0)
			return err->code;
	}
	json_array_foreach (value, i, member)
		if (coerce(c, member, s->items, s->items && s->items->is_embedded, PATH_AT(at, i),
			   report, err) < 0)
			return err->code;
	return 0;
}

/* ---- all of it ---- */

static bool is_deeper(const json_t *value, size_t levels)
{
	const char *name;
	json_t *below;
	if (!json_is_object(value) && !json_is_array(value))
		return false;
	if (levels == 0)
		return true;
	json_object_foreach ((json_t *)(uintptr_t)value, name, below)
		if (is_deeper(below, levels - 1))
			return true;
	for (size_t i = 0; i < json_array_size(value); i++)
		if (is_deeper(json_array_get(value, i), levels - 1))
			return true;
	return false;
}

int custom_normalize(const struct custom *c, json_t *tree, struct schema_report *report,
		     struct error *err)
{
	__attribute__((cleanup(schema_report_fini))) struct schema_report unknown = { 0 };
	__attribute__((cleanup(schema_report_fini))) struct schema_report inside = { 0 };
	if (!json_is_object(tree))
		return error_set(err, ERR_MALFORMED,
				 "json: cannot unmarshal %s into Go value of type "
				 "map[string]interface {}",
				 json_is_array(tree)    ? "array"
				 : json_is_string(tree) ? "string"
				 : json_is_number(tree) ? "number"
				 : json_is_null(tree)   ? "null"
							: "bool");
	if (is_deeper(tree, CUSTOM_DEPTH_MAX))
		return error_set(err, ERR_LIMIT, "nested deeper than %d levels", CUSTOM_DEPTH_MAX);
	if (read_meta(c, tree, "metadata", report, err) < 0)
		return err->code;
	prune(&unknown, tree, c->schema, true, NULL);
	hand_over(&unknown, report);
	drop_nulls(tree, c->schema);
	/* The object's own metadata is read already. */
	if (coerce(c, tree, c->schema, false, NULL, &inside, err) < 0)
		return err->code;
	hand_over(&inside, report);
	return 0;
}
