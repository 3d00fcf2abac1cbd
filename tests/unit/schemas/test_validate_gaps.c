/*
 * Whatever a client leaves out or empties: rules, warnings, defaults and cells hold. Each object of
 * tests/golden/validation and tables.txt loses each of its parts, one at a time, and is judged as
 * new, as a change of what it was, and as what is changed. Answers are not compared: asserts and
 * sanitizers speak here.
 */
#include "common/base/jsonx.h"
#include "tests/support/check.h"
#include "tests/support/scenes.h"

#include <dirent.h>

static size_t judged;

static void judge(const struct schema_kind *kind, const json_t *tree, const json_t *old)
{
	struct field_errors errors = { 0 };
	schema_validate(kind, tree, old, &errors);
	if (old)
		schema_validate_status(kind, tree, old, &errors);
	for (size_t i = 0; i < errors.count; i++) {
		AUTO_STR text;
		str_init(&text, 1 << 20);
		field_error_text(&errors.at[i], &text);
	}
	field_errors_fini(&errors);
	judged++;
}

/* What a client can send is what can be decoded. */
static void try(const struct schema_kind *kind, const json_t *changed, const json_t *whole)
{
	struct error err = { 0 };
	struct schema_report warnings = { 0 };
	json_t *decoded = NULL;
	auto_free char *text = json_dumps(changed, JSON_COMPACT);
	if (schema_decode(kind->type, SCHEMA_JSON, text, strlen(text), &decoded, NULL, &err) < 0)
		return;
	schema_default(kind, decoded);
	judge(kind, decoded, NULL);
	judge(kind, decoded, whole);
	judge(kind, whole, decoded);
	json_decref(table_cells(kind, decoded, 0));
	schema_warnings(kind, decoded, NULL, &warnings);
	schema_report_fini(&warnings);
	json_decref(decoded);
}

static void change_each(const struct schema_kind *kind, json_t *root, json_t *at,
			const json_t *whole);

static void change_one(const struct schema_kind *kind, json_t *root, json_t *at, const char *key,
		       size_t i, const json_t *whole)
{
	json_t *empty[] = { NULL,         json_null(),   json_string(""),  json_integer(0),
			    json_array(), json_object(), json_pack("[n]"), json_string("-1") };
	json_t *value = key ? json_object_get(at, key) : json_array_get(at, i);
	json_incref(value);
	for (size_t n = 0; n < ARRAY_LEN(empty); n++) {
		if (key && !empty[n])
			json_object_del(at, key);
		else if (key)
			json_object_set(at, key, empty[n]);
		else if (empty[n])
			json_array_set(at, i, empty[n]);
		try(kind, root, whole);
		json_decref(empty[n]);
	}
	if (key)
		json_object_set(at, key, value);
	else
		json_array_set(at, i, value);
	change_each(kind, root, value, whole);
	json_decref(value);
}

static void change_each(const struct schema_kind *kind, json_t *root, json_t *at,
			const json_t *whole)
{
	if (json_is_array(at))
		for (size_t i = 0; i < json_array_size(at); i++)
			change_one(kind, root, at, NULL, i, whole);
	if (!json_is_object(at))
		return;
	AUTO_JSON *keys = json_copy(at);
	const char *key;
	json_t *value;
	json_object_foreach (keys, key, value)
		change_one(kind, root, at, key, 0, whole);
}

static void run(struct scene *s)
{
	enum { SIZE_MAX_TRIED = 8 << 10 }; /* what is large has its parts many times */
	AUTO_STR problem;
	str_init(&problem, 4096);
	if (s->parts[0].len > SIZE_MAX_TRIED)
		return;
	AUTO_JSON *whole = scene_parse(s, 0, &problem);
	if (!whole)
		return;
	AUTO_JSON *changed = json_deep_copy(whole);
	change_each(s->kind, changed, changed, whole);
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
	if (argc < 2)
		scenes_read("tests/golden/tables.txt", "row", run);
	CHECK(judged > 1000);
	return 0;
}
