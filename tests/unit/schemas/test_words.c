/* Every field and every kind has a description of one short line; kubectl explain shows them. */
#include "schemas/tables.h"

#include "tests/support/check.h"

#define WORDS_MAX 110

static size_t missing;

static void check(const char *type, const char *field, const char *words)
{
	const char *why = !words || !*words ? "has no description" : NULL;
	if (!why && (strlen(words) > WORDS_MAX || strchr(words, '\n')))
		why = "has a description that is no short line";
	if (!why && words[strlen(words) - 1] != '.')
		why = "has a description without a full stop";
	if (!why)
		return;
	fprintf(stderr, "%s%s%s %s\n", type, field ? "." : "", field ? field : "", why);
	missing++;
}

int main(void)
{
	for (size_t i = 0; i < schema_tables.types_count; i++) {
		const struct schema_type *t = &schema_tables.types[i];
		for (size_t k = 0; k < t->fields_count; k++)
			check(t->name, t->fields[k].name, t->fields[k].description);
	}
	for (size_t i = 0; i < schema_kinds_count(); i++)
		check(schema_kind_at(i)->kind, NULL, schema_kind_at(i)->type->description);
	/* Say it in schemas/words*.yaml: by field name, or by type and field. */
	CHECK_INT(missing, 0);
	return 0;
}
