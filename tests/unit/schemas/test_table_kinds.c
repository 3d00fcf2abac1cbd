/* Columns and rows of each kind, tests/golden/tables.txt: those of the original's printers. */
#include "common/base/jsonx.h"
#include "tests/support/check.h"
#include "tests/support/scenes.h"

static size_t wrong;
static bool is_seen[256];

static void run(struct scene *s)
{
	AUTO_STR got;
	str_init(&got, 1 << 16);
	AUTO_JSON *tree = scene_parse(s, 0, &got);
	str_add(&got, "columns:");
	for (size_t i = 0; i < s->kind->columns_count; i++) {
		const struct schema_column *c = &s->kind->columns[i];
		str_addf(&got, "%s%s:%s:%s:%d", i ? ", " : " ", c->name, c->type, c->format,
			 c->priority);
	}
	AUTO_JSON *row = tree ? table_cells(s->kind, tree, 0) : NULL;
	str_add(&got, "\ncells: ");
	if (row)
		json_print(row, &got);
	str_add_char(&got, '\n');
	wrong += !scene_check(s, got.data);
	for (size_t i = 0; i < schema_kinds_count(); i++)
		is_seen[i] |= schema_kind_at(i) == s->kind;
}

/* Those whose answers are no objects to be listed, or that have no printer. */
static bool has_no_row(const struct schema_kind *k)
{
	static const char *const none[] = {
		"Pod",  "Event",       "ComponentStatus",          "LimitRange",
		"Role", "ClusterRole", "CustomResourceDefinition", "APIService"
	};
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		if (streq(k->kind, none[i]))
			return true;
	for (size_t i = 0; k->verbs[i]; i++)
		if (streq(k->verbs[i], "list"))
			return false;
	return true;
}

int main(void)
{
	CHECK(schema_kinds_count() <= ARRAY_LEN(is_seen));
	scenes_read("tests/golden/tables.txt", "row", run);
	for (size_t i = 0; i < schema_kinds_count(); i++) {
		const struct schema_kind *k = schema_kind_at(i);
		if (is_seen[i] || has_no_row(k))
			continue;
		fprintf(stderr, "%s %s has no row in tests/golden/tables.txt\n", k->group, k->kind);
		wrong++;
	}
	CHECK_INT(wrong, 0);
	return 0;
}
