#include "cli/targets.h"

#include <stdio.h>

void targets_fini(struct targets *t)
{
	free(t->at);
	*t = (struct targets){ 0 };
}

static int add(struct targets *t, const struct kind *k, const char *name, struct error *err)
{
	if (t->count == TARGETS_MAX)
		return error_set(err, ERR_LIMIT, "more than %d objects are named", TARGETS_MAX);
	t->at = xrealloc(t->at, t->count + 1, sizeof *t->at);
	t->at[t->count++] = (struct target){ *k, name };
	return 0;
}

struct adding {
	struct targets *targets;
	const char *category;
};

static int add_if_in_category(void *ctx, const struct kind *k, const json_t *entry,
			      struct error *err)
{
	const struct adding *a = ctx;
	size_t i;
	json_t *c;
	json_array_foreach (json_object_get(entry, "categories"), i, c) {
		if (json_is_string(c) && streq(json_string_value(c), a->category))
			return add(a->targets, k, NULL, err);
	}
	return 0;
}

static int add_category(struct session *s, struct targets *t, const char *category,
			struct error *err)
{
	for (size_t i = 0; i < schema_kinds_count(); i++) {
		const struct schema_kind *k = schema_kind_at(i);
		for (size_t j = 0; k->categories && k->categories[j]; j++) {
			if (!streq(k->categories[j], category))
				continue;
			struct kind kind = kind_builtin(k->group, k->version, k->resource);
			if (add(t, &kind, NULL, err) < 0)
				return err->code;
		}
	}
	struct adding a = { t, category };
	return kinds_custom(s, add_if_in_category, &a, err);
}

static int add_types(struct session *s, const char *types, struct targets *t, struct error *err)
{
	auto_free char *copy = xstrdup(types);
	char *rest = copy;
	for (char *word; (word = strsep(&rest, ",")) != NULL;) {
		struct kind k;
		if (!*word)
			continue;
		int code = streq(word, "all") ? add_category(s, t, "all", err)
					      : kind_by_word(s, word, &k, err);
		if (code == 0 && !streq(word, "all"))
			code = add(t, &k, NULL, err);
		if (code < 0)
			return code;
	}
	return 0;
}

static int add_slashed(struct session *s, const char *word, struct targets *t, struct error *err)
{
	const char *slash = strchr(word, '/');
	struct kind k;
	if (!slash || slash == word || !slash[1])
		return error_set(err, ERR_INVALID,
				 "'%s': write TYPE/NAME for every object, or TYPE NAME…", word);
	auto_free char *type = xstrndup(word, (size_t)(slash - word));
	if (kind_by_word(s, type, &k, err) < 0)
		return err->code;
	return add(t, &k, slash + 1, err);
}

static int add_names(struct session *s, const struct words *w, struct targets *t, struct error *err)
{
	struct kind k;
	if (strchr(w->at[0], ','))
		return error_set(err, ERR_INVALID, "names go with one type, not with '%s'",
				 w->at[0]);
	if (kind_by_word(s, w->at[0], &k, err) < 0)
		return err->code;
	for (size_t i = 1; i < w->count; i++)
		if (add(t, &k, w->at[i], err) < 0)
			return err->code;
	return 0;
}

int targets_read(struct session *s, const struct words *words, struct targets *ret,
		 struct error *err)
{
	AUTO_TARGETS t = { 0 };
	int code = 0;
	if (words->count == 0)
		return error_set(err, ERR_INVALID,
				 "name a resource type: pods, deployments, all …");
	if (strchr(words->at[0], '/'))
		for (size_t i = 0; i < words->count && code == 0; i++)
			code = add_slashed(s, words->at[i], &t, err);
	else if (words->count == 1)
		code = add_types(s, words->at[0], &t, err);
	else
		code = add_names(s, words, &t, err);
	if (code < 0)
		return code;
	*ret = t;
	t = (struct targets){ 0 };
	return 0;
}

int target_read_one(struct session *s, const struct words *words, const char *kind,
		    struct target *ret, struct error *err)
{
	AUTO_TARGETS t = { 0 };
	if (words->count == 1 && kind && !strchr(words->at[0], '/')) {
		struct target one = { .name = words->at[0] };
		if (kind_by_word(s, kind, &one.kind, err) < 0)
			return err->code;
		*ret = one;
		return 0;
	}
	if (targets_read(s, words, &t, err) < 0)
		return err->code;
	if (t.count != 1 || !t.at[0].name)
		return error_set(err, ERR_INVALID, "name one object: %s",
				 kind ? "NAME or TYPE/NAME" : "TYPE/NAME");
	*ret = t.at[0];
	return 0;
}

char *target_path(const struct target *t, const char *ns, const char *label_selector,
		  const char *field_selector, const char *more)
{
	auto_free char *path = kind_path(&t->kind, ns, t->name, NULL);
	AUTO_STR s;
	str_init(&s, 65536);
	str_addf(&s, "%s?", path);
	if (label_selector) {
		str_add(&s, "labelSelector=");
		str_add_urlencoded(&s, label_selector);
		str_add_char(&s, '&');
	}
	if (field_selector) {
		str_add(&s, "fieldSelector=");
		str_add_urlencoded(&s, field_selector);
		str_add_char(&s, '&');
	}
	str_add(&s, more ? more : "");
	if (s.data[s.len - 1] == '&' || s.data[s.len - 1] == '?')
		str_truncate(&s, s.len - 1);
	return str_take(&s);
}
