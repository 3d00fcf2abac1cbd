/*
 * Lines of JSON: one object as it is written again and again, by three managers in turn, some of whom send
 * managedFields. What owners.h makes of the bytes is what managed.h makes of the trees; where it does
 * not know, it says so. The first line's apiVersion and kind say what it is, or it is a version of a
 * CustomResourceDefinition and they are of that; else they are Pods.
 */
#include "schemas/owners.h"

#include "tests/fuzz/custom_kind.h"

#include <stdio.h>

#define LINES_MAX 12
#define TEXT_MAX  (64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct schema_kind *kind_of(const char *line, size_t n)
{
	const struct schema_kind *found = NULL;
	AUTO_JSON *tree = json_loadb(line, n, 0, NULL);
	const char *version = json_str_or(tree, "apiVersion", "v1");
	const char *slash = strchr(version, '/');
	auto_free char *group = slash ? xstrndup(version, (size_t)(slash - version)) : xstrdup("");
	found = schema_kind_by_kind(group, slash ? slash + 1 : version,
				    json_str_or(tree, "kind", ""));
	return found ? found : schema_kind_by_kind("", "v1", "Pod");
}

/* None is as empty here. */
static void print_list(const json_t *list, struct str *out)
{
	managed_print(list, out);
	if (out->len == 0)
		str_add(out, "[]");
}

struct state {
	const struct schema_kind *kind;
	struct str object, owners; /* canonical; owners "": none */
};

/* By trees, from the same bytes. False: nothing changes. */
static bool by_trees(const struct managed_writer *w, const struct state *s, const struct str *now,
		     const struct str *sent, struct str *out)
{
	struct managed_change change;
	bool is_create = s->object.len == 0;
	AUTO_JSON *before = is_create ? json_object() : json_loads(s->object.data, 0, NULL);
	AUTO_JSON *after = json_loads(now->data, 0, NULL);
	AUTO_JSON *stored = s->owners.len ? json_loads(s->owners.data, 0, NULL) : NULL;
	AUTO_JSON *given = sent->len ? json_loads(sent->data, 0, NULL) : NULL;
	bool differs = managed_compare(w, before, after, &change);
	bool writes = differs || given || is_create;
	if (writes) {
		AUTO_JSON *entries = managed_begin(stored, given);
		AUTO_JSON *next = managed_update(w, entries, &change, is_create);
		print_list(next, out);
	}
	managed_change_fini(&change);
	return writes;
}

static void check(const struct managed_writer *w, struct state *s, const struct str *now,
		  const struct str *sent)
{
	AUTO_STR trees, bytes;
	str_init(&trees, TEXT_MAX);
	str_init(&bytes, TEXT_MAX);
	bool writes = by_trees(w, s, now, sent, &trees);
	struct owners_input in = { .before = { s->object.len ? s->object.data : "{}",
					       s->object.len ? s->object.len : 2 },
				   .now = { now->data, now->len },
				   .is_create = s->object.len == 0 };
	if (s->owners.len)
		in.stored = (struct span){ s->owners.data, s->owners.len };
	if (sent->len)
		in.sent = (struct span){ sent->data, sent->len };
	enum owners_outcome outcome = owners_update(w, &in, &bytes);
	if (outcome == OWNERS_KEPT)
		assert(!writes);
	if (outcome == OWNERS_WRITTEN && !streq(trees.data, bytes.data))
		fprintf(stderr, "%s\n%s\n%s\n%s\n%s\n", in.before.at, now->data, s->owners.data,
			trees.data, bytes.data);
	assert(outcome != OWNERS_WRITTEN || (writes && streq(trees.data, bytes.data)));
	if (writes) {
		str_clear(&s->owners);
		if (!streq(trees.data, "[]"))
			str_add(&s->owners, trees.data);
	}
}

/* One write; false: the line is no object of the kind. */
static bool step(struct state *s, const char *line, size_t n, int turn)
{
	static const char *const managers[] = { "a", "b", "c" };
	struct error err;
	json_t *tree = NULL;
	AUTO_STR now, sent;
	str_init(&now, TEXT_MAX);
	str_init(&sent, TEXT_MAX);
	if (schema_decode(s->kind->type, SCHEMA_JSON, line, n, &tree, NULL, &err) < 0)
		return false;
	json_t *metadata = json_object_get(tree, "metadata");
	json_t *list = json_object_get(metadata, "managedFields");
	if (list)
		print_list(list, &sent);
	json_object_del(metadata, "managedFields");
	schema_default(s->kind, tree);
	schema_print(s->kind->type, tree, &now);
	json_decref(tree);
	struct managed_writer w = { .type = s->kind->type,
				    .api_version = "v1",
				    .manager = managers[turn % 3],
				    .subresource = turn % 3 == 2 ? "status" : "",
				    .ignored = turn % 3 == 2 ? "spec" : "status",
				    .now = turn % 2 ? "2026-01-01T00:00:01Z"
						    : "2026-01-01T00:00:00Z" };
	check(&w, s, &now, &sent);
	str_clear(&s->object);
	str_add_bytes(&s->object, now.data, now.len);
	return true;
}

/* NULL: the line is none, or a bad one. */
static struct custom *custom_in(const char *line, size_t n)
{
	struct error err;
	struct custom *c = NULL;
	AUTO_JSON *version = json_loadb(line, n, 0, NULL);
	AUTO_JSON *definition =
		json_object_get(version, "schema") ? custom_definition(version) : NULL;
	return definition && custom_compile(definition, "v1", &c, &err) == 0 ? c : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	struct state s = { 0 };
	struct custom *custom = NULL;
	struct schema_kind kind;
	str_init(&s.object, TEXT_MAX);
	str_init(&s.owners, TEXT_MAX);
	for (int i = 0; i < LINES_MAX && at < end; i++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((stop ? stop : end) - at);
		if (i == 0 && (custom = custom_in(at, n))) {
			kind = custom_kind(custom);
			s.kind = &kind;
			at += n + 1;
			continue;
		}
		if (i == 0)
			s.kind = kind_of(at, n);
		if (!step(&s, at, n, i))
			break;
		at += n + 1;
	}
	str_fini(&s.object);
	str_fini(&s.owners);
	custom_free(custom);
	return 0;
}
