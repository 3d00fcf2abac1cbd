/*
 * Defaulting of every kind against tests/golden/defaults.txt, both ways: objects are made of each
 * kind in which nothing is given, and then each one of the structures that it may hold; what
 * defaulting adds must be in the file, and all that is in the file must have been added.
 */
#include "schemas/schema.h"

#include "common/base/jsonx.h"
#include "tests/support/check.h"

#define ROWS_MAX  2048
#define DEPTH_MAX 24
#define LINE_SIZE 512

struct row {
	char api[64], kind[64], path[160], when[16], value[64];
	bool is_seen;
};
static struct row rows[ROWS_MAX];
static size_t rows_count;
static size_t wrong;

static void add_row(const char *api, const char *kind, const char *path, const struct row *like)
{
	CHECK(rows_count < ROWS_MAX);
	struct row *r = &rows[rows_count++];
	*r = *like;
	CHECK(snprintf(r->api, sizeof r->api, "%s", api) < (int)sizeof r->api);
	CHECK(snprintf(r->kind, sizeof r->kind, "%s", kind) < (int)sizeof r->kind);
	CHECK(snprintf(r->path, sizeof r->path, "%s", path) < (int)sizeof r->path);
}

/* Lines as the head of the file says; those of PodSpec are kept by themselves. */
static void read_rows(void)
{
	static struct row shared[256], uses[32];
	size_t shared_count = 0, uses_count = 0;
	FILE *file = fopen("tests/golden/defaults.txt", "re");
	char line[LINE_SIZE];
	CHECK(file != NULL);
	while (fgets(line, sizeof line, file)) {
		struct row r = { 0 };
		if (*line == '#')
			continue;
		CHECK_INT(sscanf(line, "%63s %63s %159s %15s %63[^\n]", r.api, r.kind, r.path,
				 r.when, r.value),
			  5);
		if (streq(r.path, "uses"))
			uses[uses_count++] = r;
		else if (*r.api == '-')
			shared[shared_count++] = r;
		else
			add_row(r.api, r.kind, r.path, &r);
	}
	CHECK_INT(fclose(file), 0);
	for (size_t u = 0; u < uses_count; u++) {
		/* "v1 Pod uses PodSpec spec": the path stands last. */
		for (size_t i = 0; i < shared_count; i++) {
			auto_free char *path = xasprintf("%s.%s", uses[u].value, shared[i].path);
			add_row(uses[u].api, uses[u].kind, path, &shared[i]);
		}
	}
}

static void saw(const char *api, const char *kind, const char *path, const json_t *leaf,
		const char *where)
{
	AUTO_STR value;
	str_init(&value, 1024);
	if (json_is_string(leaf) && json_string_length(leaf) == 0)
		return; /* the same as nothing, once it is written */
	auto_free char *text = json_dumps(leaf, JSON_ENCODE_ANY | JSON_COMPACT);
	for (size_t i = 0; i < rows_count; i++) {
		struct row *r = &rows[i];
		if (!streq(r->kind, kind) || !streq(r->api, api) || !streq(r->path, path) ||
		    !streq(r->value, text))
			continue;
		if (!streq(r->when, "parent") || *where)
			r->is_seen = true;
		return;
	}
	fprintf(stderr, "%s %s: %s = %s is not expected, given '%s'\n", api, kind, path, text,
		where);
	wrong++;
}

static void look(const char *api, const char *kind, const char *path, json_t *value,
		 const char *where)
{
	const char *key;
	size_t i;
	json_t *item;
	if (json_is_array(value)) {
		auto_free char *inner = xasprintf("%s[]", path);
		json_array_foreach (value, i, item)
			look(api, kind, inner, item, where);
	} else if (json_is_object(value)) {
		json_object_foreach (value, key, item) {
			auto_free char *inner = xasprintf("%s%s%s", path, *path ? "." : "", key);
			look(api, kind, inner, item, where);
		}
	} else {
		saw(api, kind, path, value, where);
	}
}

/* The fields on the way from the kind's type to a structure. */
static const struct schema_field *way[DEPTH_MAX];

static json_t *make(size_t depth, size_t at)
{
	json_t *tree = json_object();
	if (at == depth)
		return tree;
	json_t *inner = make(depth, at + 1);
	switch (way[at]->shape) {
	case SCHEMA_ONE:
		break;
	case SCHEMA_LIST:
		inner = json_pack("[o]", inner);
		break;
	case SCHEMA_MAP:
		inner = json_pack("{s:o}", "x", inner);
		break;
	}
	json_object_set_new_nocheck(tree, way[at]->name, inner);
	return tree;
}

static void check_tree(const struct schema_kind *k, size_t depth)
{
	AUTO_STR api, where;
	str_init(&api, 128);
	str_init(&where, 4096);
	schema_api_version(k, &api);
	str_add(&where, "");
	for (size_t i = 0; i < depth; i++)
		str_addf(&where, "%s%s", i ? "." : "", way[i]->name);
	AUTO_JSON *tree = make(depth, 0);
	schema_default(k, tree);
	look(api.data, k->kind, "", tree, where.data);
}

static void walk(const struct schema_kind *k, const struct schema_type *type, size_t depth)
{
	check_tree(k, depth);
	for (size_t i = 0; i < type->fields_count; i++) {
		const struct schema_field *f = &type->fields[i];
		bool is_known = f->form != SCHEMA_OBJECT;
		for (size_t d = 0; d < depth; d++)
			is_known |= way[d]->type == f->type; /* it holds itself */
		if (is_known || streq(f->name, "metadata"))
			continue;
		CHECK(depth < DEPTH_MAX);
		way[depth] = f;
		walk(k, f->type, depth + 1);
	}
}

int main(void)
{
	read_rows();
	for (size_t i = 0; i < schema_kinds_count(); i++)
		walk(schema_kind_at(i), schema_kind_at(i)->type, 0);
	for (size_t i = 0; i < rows_count; i++) {
		if (rows[i].is_seen)
			continue;
		fprintf(stderr, "%s %s: %s = %s is missing\n", rows[i].api, rows[i].kind,
			rows[i].path, rows[i].value);
		wrong++;
	}
	CHECK_INT(wrong, 0);
	return 0;
}
