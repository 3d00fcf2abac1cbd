/*
 * Rules of each kind with their exact answers: tests/golden/validation. A case is
 *
 *	case NAME of VERSION KIND      (VERSION as in apiVersion)
 *	the object, YAML; without metadata it is x in namespace d
 *	was                            (an update, not a create)
 *	the object before
 *	----
 *	an error a line, then "warning: …"
 *
 * The answers are those of the original.
 */
#include "schemas/schema.h"

#include "common/base/jsonx.h"
#include "tests/support/check.h"

#include <dirent.h>

#define FILES_MAX 64

static size_t wrong, cases;

static json_t *parse(const struct schema_kind *k, const struct str *yaml, struct str *out)
{
	struct error err = { 0 };
	json_t *tree = NULL;
	if (schema_decode(k->type, SCHEMA_YAML, yaml->data, yaml->len, &tree, NULL, &err) < 0) {
		str_addf(out, "undecodable: %s\n", err.text);
		return NULL;
	}
	if (!json_dig(tree, "metadata.name")) {
		json_put_str(tree, "metadata.name", "x");
		if (k->is_namespaced)
			json_put_str(tree, "metadata.namespace", "d");
	}
	schema_default(k, tree);
	return tree;
}

static void answer(const struct schema_kind *k, const struct str *yaml, const struct str *old_yaml,
		   struct str *out)
{
	AUTO_JSON *tree = parse(k, yaml, out),
		  *old = old_yaml->len ? parse(k, old_yaml, out) : NULL;
	struct field_errors errors = { 0 };
	struct schema_report warnings = { 0 };
	if (!tree || (old_yaml->len && !old))
		return;
	schema_validate(k, tree, old, &errors);
	for (size_t i = 0; i < errors.count; i++) {
		field_error_text(&errors.at[i], out);
		str_add_char(out, '\n');
	}
	schema_warnings(k, tree, &warnings);
	for (size_t i = 0; i < warnings.count && errors.count == 0; i++)
		str_addf(out, "warning: %s\n", warnings.problems[i]);
	field_errors_fini(&errors);
	schema_report_fini(&warnings);
}

/* One case: what stands after its head line. */
struct scene {
	char head[256];
	struct str parts[3]; /* the object, the one before, the answer */
};

static void scene_run(struct scene *s, const char *file)
{
	char version[64], kind[64];
	AUTO_STR group, got;
	str_init(&group, 128);
	str_init(&got, 1 << 18);
	str_add(&got, "");
	const char *of = strstr(s->head, " of ");
	for (const char *next = of; next; next = strstr(next + 1, " of "))
		of = next;
	CHECK(of != NULL);
	CHECK_INT(sscanf(of, " of %63s %63s", version, kind), 2);
	const char *slash = strchr(version, '/');
	if (slash)
		str_add_bytes(&group, version, (size_t)(slash - version));
	else
		str_add(&group, "");
	const struct schema_kind *k =
		schema_kind_by_kind(group.data, slash ? slash + 1 : version, kind);
	if (!k)
		fprintf(stderr, "%s: %s", file, s->head);
	CHECK(k != NULL);
	answer(k, &s->parts[0], &s->parts[1], &got);
	const char *want = s->parts[2].len ? s->parts[2].data : "";
	cases++;
	if (streq(got.data, want))
		return;
	wrong++;
	fprintf(stderr, "%s: %s  got\n%s  expected\n%s\n", file, s->head, got.data, want);
}

static void scene_init(struct scene *s)
{
	*s->head = '\0';
	for (size_t i = 0; i < ARRAY_LEN(s->parts); i++)
		str_init(&s->parts[i], 1 << 18);
}

static void scene_end(struct scene *s, const char *file)
{
	if (*s->head)
		scene_run(s, file);
	for (size_t i = 0; i < ARRAY_LEN(s->parts); i++)
		str_fini(&s->parts[i]);
	scene_init(s);
}

static void run_file(const char *name)
{
	auto_free char *path = xasprintf("tests/golden/validation/%s", name);
	FILE *file = fopen(path, "re");
	auto_free char *line = NULL;
	size_t size = 0, part = 0;
	struct scene s;
	scene_init(&s);
	CHECK(file != NULL);
	while (getline(&line, &size, file) > 0) {
		if (strncmp(line, "case ", 5) == 0) {
			scene_end(&s, name);
			part = 0;
			CHECK(snprintf(s.head, sizeof s.head, "%s", line) < (int)sizeof s.head);
		} else if (streq(line, "was\n") && part == 0) {
			part = 1;
		} else if (streq(line, "----\n")) {
			part = 2;
		} else if (*s.head && !(part == 2 && (*line == '\n' || *line == '#'))) {
			str_add(&s.parts[part], line);
		}
	}
	scene_end(&s, name);
	CHECK_INT(fclose(file), 0);
}

int main(int argc, char **argv)
{
	DIR *folder = opendir("tests/golden/validation");
	CHECK(folder != NULL);
	for (struct dirent *d = readdir(folder); d; d = readdir(folder))
		if (strstr(d->d_name, ".txt") && (argc < 2 || streq(argv[1], d->d_name)))
			run_file(d->d_name);
	CHECK_INT(closedir(folder), 0);
	CHECK(cases > 0);
	CHECK_INT(wrong, 0);
	return 0;
}
