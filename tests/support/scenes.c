#include "tests/support/scenes.h"

#include "common/base/jsonx.h"
#include "tests/support/check.h"

#define PART_SIZE_MAX (1 << 18)

static void find_kind(struct scene *s)
{
	char version[64], kind[64], group[64] = "";
	const char *of = strstr(s->head, " of ");
	for (const char *next = of; next; next = strstr(next + 1, " of "))
		of = next;
	CHECK(of != NULL);
	CHECK_INT(sscanf(of, " of %63s %63s", version, kind), 2);
	const char *slash = strchr(version, '/');
	if (slash)
		CHECK(snprintf(group, sizeof group, "%.*s", (int)(slash - version), version) > 0);
	s->kind = schema_kind_by_kind(group, slash ? slash + 1 : version, kind);
	if (!s->kind)
		fprintf(stderr, "%s: %s", s->file, s->head);
	CHECK(s->kind != NULL);
}

static void begin(struct scene *s)
{
	*s->head = '\0';
	for (size_t i = 0; i < ARRAY_LEN(s->parts); i++) {
		str_init(&s->parts[i], PART_SIZE_MAX);
		str_add(&s->parts[i], "");
	}
}

static void end(struct scene *s, void (*run)(struct scene *s))
{
	if (*s->head) {
		find_kind(s);
		run(s);
	}
	for (size_t i = 0; i < ARRAY_LEN(s->parts); i++)
		str_fini(&s->parts[i]);
}

void scenes_read(const char *path, const char *word, void (*run)(struct scene *s))
{
	FILE *file = fopen(path, "re");
	auto_free char *line = NULL;
	size_t size = 0, part = 0;
	struct scene s = { .file = path };
	if (!file)
		fprintf(stderr, "cannot read %s\n", path);
	CHECK(file != NULL);
	begin(&s);
	while (getline(&line, &size, file) > 0) {
		size_t n = strlen(word);
		if (strncmp(line, word, n) == 0 && line[n] == ' ') {
			end(&s, run);
			begin(&s);
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
	end(&s, run);
	CHECK_INT(fclose(file), 0);
}

json_t *scene_parse(const struct scene *s, size_t part, struct str *out)
{
	struct error err = { 0 };
	json_t *tree = NULL;
	const struct str *yaml = &s->parts[part];
	if (schema_decode(s->kind->type, SCHEMA_YAML, yaml->data, yaml->len, &tree, NULL, &err) <
	    0) {
		str_addf(out, "undecodable: %s\n", err.text);
		return NULL;
	}
	if (!json_dig(tree, "metadata.name")) {
		json_put_str(tree, "metadata.name", "x");
		if (s->kind->is_namespaced)
			json_put_str(tree, "metadata.namespace", "d");
	}
	schema_default(s->kind, tree);
	return tree;
}

bool scene_check(const struct scene *s, const char *got)
{
	const char *want = s->parts[2].data;
	if (streq(got, want))
		return true;
	fprintf(stderr, "%s: %s  got\n%s  expected\n%s\n", s->file, s->head, got, want);
	return false;
}
