/*
 * scenes.h - golden files of scenes: a head line, parts, and the answer after "----". Lines that
 * begin with # and empty lines outside of a part are comments.
 *
 *	WORD NAME of VERSION KIND
 *	part 0
 *	was
 *	part 1 (may be absent)
 *	----
 *	the answer
 *
 * "@{TEXT*N}" stands for N times TEXT, for what is too long.
 */
#pragma once

#include "common/base/jsonx.h"
#include "schemas/schema.h"
#include "tests/support/check.h"

struct scene {
	const char *file;
	char head[256];
	const struct schema_kind *kind;
	struct str parts[3]; /* the object, the one before, the answer */
};

#define SCENE_PART_SIZE_MAX (1 << 22)

static inline void scene_find_kind(struct scene *s)
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

static inline void scene_begin(struct scene *s)
{
	*s->head = '\0';
	for (size_t i = 0; i < ARRAY_LEN(s->parts); i++) {
		str_init(&s->parts[i], SCENE_PART_SIZE_MAX);
		str_add(&s->parts[i], "");
	}
}

static inline void scene_end(struct scene *s, void (*run)(struct scene *s))
{
	if (*s->head) {
		scene_find_kind(s);
		run(s);
	}
	for (size_t i = 0; i < ARRAY_LEN(s->parts); i++)
		str_fini(&s->parts[i]);
}

/* Adds a line with its repeated texts. */
static inline void scene_add(struct str *part, const char *line)
{
	for (const char *p; (p = strstr(line, "@{")) != NULL;) {
		const char *end = p + 2;
		char *rest;
		unsigned long times = 0;
		for (; *end; end++)
			if (*end == '*' && (times = strtoul(end + 1, &rest, 10)) > 0 &&
			    rest > end + 1 && *rest == '}')
				break;
		CHECK(*end != '\0');
		str_add_bytes(part, line, (size_t)(p - line));
		for (unsigned long i = 0; i < times; i++)
			str_add_bytes(part, p + 2, (size_t)(end - p) - 2);
		line = rest + 1;
	}
	str_add(part, line);
}

/* Calls `run` with each scene; ends the program where the file cannot be read. */
static inline void scenes_read(const char *path, const char *word, void (*run)(struct scene *s))
{
	FILE *file = fopen(path, "re");
	auto_free char *line = NULL;
	size_t size = 0, part = 0;
	struct scene s = { .file = path };
	if (!file)
		fprintf(stderr, "cannot read %s\n", path);
	CHECK(file != NULL);
	scene_begin(&s);
	while (getline(&line, &size, file) > 0) {
		size_t n = strlen(word);
		if (strncmp(line, word, n) == 0 && line[n] == ' ') {
			scene_end(&s, run);
			scene_begin(&s);
			part = 0;
			CHECK(snprintf(s.head, sizeof s.head, "%s", line) < (int)sizeof s.head);
		} else if (streq(line, "was\n") && part == 0) {
			part = 1;
		} else if (streq(line, "----\n")) {
			part = 2;
		} else if (*s.head && !(part == 2 && (*line == '\n' || *line == '#'))) {
			scene_add(&s.parts[part], line);
		}
	}
	scene_end(&s, run);
	CHECK_INT(fclose(file), 0);
}

/* The tree of a part with defaults, named x (in namespace d) where it has no name; NULL: `out` says
 * why it cannot be read. */
static inline json_t *scene_parse(const struct scene *s, size_t part, struct str *out)
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

/* False, and both texts printed, where the answer is not `got`. */
static inline bool scene_check(const struct scene *s, const char *got)
{
	const char *want = s->parts[2].data;
	if (streq(got, want))
		return true;
	fprintf(stderr, "%s: %s  got\n%s  expected\n%s\n", s->file, s->head, got, want);
	return false;
}
