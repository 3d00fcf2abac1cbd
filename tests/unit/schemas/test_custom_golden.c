/*
 * Custom kinds against what Kubernetes says: files of schemas, objects and answers.
 *
 *	schema NAME
 *	the openAPIV3Schema
 *	with (may be absent: what stands beside it in the version)
 *	case NAME [status | table | set]
 *	the object
 *	was
 *	the one before (may be absent)
 *	----
 *	the object without its head, unknown fields, problems sorted, cells; sets of fields
 */
#include "schemas/custom.h"
#include "schemas/custom_internal.h"
#include "schemas/field_walk.h"
#include "tests/support/check.h"

#define PART_SIZE_MAX (1 << 18)
#define NOW_US        INT64_C(1700000000000000)

enum part { SCHEMA, WITH, OBJECT, WAS, ANSWER, PART_COUNT };

struct scene {
	const char *file;
	char head[256];
	struct str parts[PART_COUNT];
	struct custom *custom;
};

static size_t failures, scenes;

static json_t *from_yaml(const struct str *text)
{
	struct error err;
	struct yaml_documents documents = { 0 };
	if (yaml_parse(text->data, text->len, &documents, &err) < 0)
		fprintf(stderr, "%s\n%s\n", text->data, err.text);
	json_t *tree = documents.count && documents.at[0].tree ? json_incref(documents.at[0].tree)
							       : json_object();
	yaml_documents_fini(&documents);
	return tree;
}

static void compile(struct scene *s)
{
	struct error err;
	AUTO_JSON *definition = json_object();
	json_t *versions = json_array(), *version = from_yaml(&s->parts[WITH]);
	json_put_str(version, "name", "v1");
	json_put(version, "schema.openAPIV3Schema", from_yaml(&s->parts[SCHEMA]));
	json_array_append_new(versions, version);
	json_put(definition, "spec.versions", versions);
	if (custom_compile(definition, "v1", &s->custom, &err) < 0)
		fprintf(stderr, "%s: %s: %s\n", s->file, s->head, err.text);
	CHECK(s->custom != NULL);
}

static void put_missing(json_t *o, const char *path, const char *value)
{
	if (!json_dig(o, path))
		json_put_str(o, path, value);
}

static json_t *read_object(const struct schema_kind *kind, const struct str *text, struct str *out)
{
	struct error err;
	struct schema_report report = { 0 };
	json_t *tree = from_yaml(text);
	put_missing(tree, "kind", "Thing");
	put_missing(tree, "apiVersion", "example.com/v1");
	put_missing(tree, "metadata.name", "x");
	put_missing(tree, "metadata.namespace", "d");
	put_missing(tree, "metadata.resourceVersion", "1");
	if (schema_normalize(kind->type, tree, &report, &err) < 0) {
		str_addf(out, "error: %s\n", err.text);
		schema_report_fini(&report);
		json_decref(tree);
		return NULL;
	}
	schema_default(kind, tree);
	AUTO_JSON *rest = json_copy(tree);
	json_object_del(rest, "apiVersion");
	json_object_del(rest, "kind");
	json_object_del(rest, "metadata");
	custom_print_value(rest, out);
	str_add_char(out, '\n');
	for (size_t i = 0; i < report.count; i++)
		str_addf(out, "%s\n", report.problems[i]);
	schema_report_fini(&report);
	return tree;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_errors(const struct field_errors *e, struct str *out)
{
	char *lines[256];
	for (size_t i = 0; i < e->count; i++) {
		AUTO_STR line;
		str_init(&line, PART_SIZE_MAX);
		field_error_text(&e->at[i], &line);
		lines[i] = str_take(&line);
	}
	qsort(lines, e->count, sizeof *lines, by_text);
	for (size_t i = 0; i < e->count; i++) {
		str_addf(out, "%s\n", lines[i]);
		free(lines[i]);
	}
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && streq(text + n - m, end);
}

static void add_line(const json_t *tree, struct str *out)
{
	AUTO_JSON *copy = json_copy((json_t *)(uintptr_t)tree);
	json_object_del(copy, "apiVersion");
	json_object_del(copy, "kind");
	json_object_del(copy, "metadata");
	json_print_sorted(copy, out);
	str_add_char(out, '\n');
}

/* The object's fields, both merged, what came, changed and went. */
static void add_fields(const struct schema_type *type, const json_t *tree, const json_t *old,
		       struct str *out)
{
	struct field_difference d;
	AUTO_JSON *set = field_set_of(type, tree);
	json_print_sorted(set, out);
	str_add_char(out, '\n');
	if (!old)
		return;
	AUTO_JSON *merged = field_merge(type, old, tree);
	add_line(merged, out);
	field_compare(type, old, tree, &d);
	add_line(d.added, out);
	add_line(d.modified, out);
	add_line(d.removed, out);
	field_difference_fini(&d);
}

static void run(struct scene *s)
{
	static const char *const labels[] = { NULL };
	struct field_errors errors = { 0 };
	AUTO_STR got, ignored;
	str_init(&got, PART_SIZE_MAX);
	str_init(&ignored, PART_SIZE_MAX);
	if (!s->custom)
		compile(s);
	const struct schema_kind kind = { .group = "example.com",
					  .version = "v1",
					  .kind = "Thing",
					  .is_namespaced = true,
					  .field_labels = labels,
					  .type = custom_type(s->custom),
					  .custom = s->custom };
	AUTO_JSON *tree = read_object(&kind, &s->parts[OBJECT], &got);
	AUTO_JSON *old = s->parts[WAS].len ? read_object(&kind, &s->parts[WAS], &ignored) : NULL;
	if (tree && ends_with(s->head, " status"))
		schema_validate_status(&kind, tree, old, &errors);
	else if (tree)
		schema_validate(&kind, tree, old, &errors);
	add_errors(&errors, &got);
	if (tree && ends_with(s->head, " table")) {
		AUTO_JSON *cells = table_cells(&kind, tree, NOW_US);
		custom_print_value(cells, &got);
		str_add_char(&got, '\n');
	}
	if (tree && ends_with(s->head, " set"))
		add_fields(kind.type, tree, old, &got);
	field_errors_fini(&errors);
	scenes++;
	if (streq(got.data, s->parts[ANSWER].data))
		return;
	failures++;
	fprintf(stderr, "%s: %s\ngot\n%s\nexpected\n%s\n", s->file, s->head, got.data,
		s->parts[ANSWER].data);
}

static void clear(struct scene *s, enum part from)
{
	for (enum part i = from; i < PART_COUNT; i++)
		str_clear(&s->parts[i]);
}

static void end_case(struct scene *s)
{
	if (*s->head)
		run(s);
	*s->head = '\0';
	clear(s, OBJECT);
}

static void read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	auto_free char *line = NULL;
	size_t size = 0;
	enum part part = PART_COUNT;
	struct scene s = { .file = path };
	if (!file)
		fprintf(stderr, "cannot read %s\n", path);
	CHECK(file != NULL);
	for (enum part i = 0; i < PART_COUNT; i++)
		str_init(&s.parts[i], PART_SIZE_MAX);
	for (ssize_t n; (n = getline(&line, &size, file)) > 0;) {
		if (starts_with(line, "schema ")) {
			end_case(&s);
			custom_free(s.custom);
			s.custom = NULL;
			clear(&s, SCHEMA);
			part = SCHEMA;
		} else if (starts_with(line, "case ")) {
			end_case(&s);
			line[n - 1] = '\0';
			CHECK(snprintf(s.head, sizeof s.head, "%s", line) < (int)sizeof s.head);
			part = OBJECT;
		} else if (streq(line, "with\n") && part == SCHEMA) {
			part = WITH;
		} else if (streq(line, "was\n") && part == OBJECT) {
			part = WAS;
		} else if (streq(line, "----\n")) {
			part = ANSWER;
		} else if (part < PART_COUNT && *line != '\n' && *line != '#') {
			str_add(&s.parts[part], line);
		}
	}
	end_case(&s);
	custom_free(s.custom);
	for (enum part i = 0; i < PART_COUNT; i++)
		str_fini(&s.parts[i]);
	CHECK_INT(fclose(file), 0);
}

int main(int argc, char **argv)
{
	static const char *const files[] = { "values",  "shapes", "formats",
					     "columns", "apply",  "random" };
	for (size_t i = 0; i < ARRAY_LEN(files) && argc < 2; i++) {
		auto_free char *path = xasprintf("tests/golden/custom/%s.txt", files[i]);
		read_file(path);
	}
	for (int i = 1; i < argc; i++)
		read_file(argv[i]);
	CHECK(scenes > 0);
	CHECK_INT(failures, 0);
	return 0;
}
