/*
 * Rules of each kind with their exact answers: tests/golden/validation. A scene is
 *
 *	case NAME of VERSION KIND      (VERSION as in apiVersion)
 *	the object, YAML; without metadata it is x in namespace d
 *	was                            (an update, not a create)
 *	the object before
 *	----
 *	an error a line, then "warning: …"
 *
 * Those of status.txt are written through the status subresource, those of sub_NAME.txt through the
 * subresource of that name. The answers are those of the
 * original, but for ours.txt.
 */
#include "common/base/jsonx.h"
#include "tests/support/check.h"
#include "tests/support/scenes.h"

#include <dirent.h>

static size_t wrong, cases;

/* "approval" of sub_approval.txt; NULL: none. */
static char *subresource_of(const char *file)
{
	const char *name = strstr(file, "/sub_");
	return name ? xstrndup(name + 5, strlen(name) - 5 - strlen(".txt")) : NULL;
}

static void run(struct scene *s)
{
	AUTO_STR got;
	str_init(&got, 1 << 18);
	str_add(&got, "");
	bool is_update = s->parts[1].len > 0;
	AUTO_JSON *tree = scene_parse(s, 0, &got);
	AUTO_JSON *old = is_update ? scene_parse(s, 1, &got) : NULL;
	struct field_errors errors = { 0 };
	struct schema_report warnings = { 0 };
	auto_free char *sub = subresource_of(s->file);
	if (tree && old && sub)
		schema_validate_subresource(s->kind, sub, tree, old, &errors);
	else if (tree && old && strstr(s->file, "/status.txt"))
		schema_validate_status(s->kind, tree, old, &errors);
	else if (tree && (old || !is_update))
		schema_validate(s->kind, tree, old, &errors);
	for (size_t i = 0; i < errors.count; i++) {
		field_error_text(&errors.at[i], &got);
		if (got.data[got.len - 1] != '\n') /* some words end with one */
			str_add_char(&got, '\n');
	}
	if (tree)
		schema_warnings(s->kind, tree, NULL, &warnings);
	for (size_t i = 0; i < warnings.count && errors.count == 0; i++)
		str_addf(&got, "warning: %s\n", warnings.problems[i]);
	cases++;
	wrong += !scene_check(s, got.data);
	field_errors_fini(&errors);
	schema_report_fini(&warnings);
}

int main(int argc, char **argv)
{
	DIR *folder = opendir("tests/golden/validation");
	CHECK(folder != NULL);
	for (struct dirent *d = readdir(folder); d; d = readdir(folder)) {
		auto_free char *path = xasprintf("tests/golden/validation/%s", d->d_name);
		if (strstr(d->d_name, ".txt") && (argc < 2 || streq(argv[1], d->d_name)))
			scenes_read(path, "case", run);
	}
	CHECK_INT(closedir(folder), 0);
	CHECK(cases > 0);
	CHECK_INT(wrong, 0);
	return 0;
}
