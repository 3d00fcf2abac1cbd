/* A CustomResourceDefinition, read and compiled. */
#include "common/base/jsonx.h"
#include "common/base/map.h"
#include "schemas/kinds_internal.h"

#define REVISION_TEXT_MAX (16u << 20)
#define PRINT_REVISION    1 /* counts up when custom kinds are printed by other rules */

static void free_texts(char **texts)
{
	for (size_t i = 0; texts && texts[i]; i++)
		free(texts[i]);
	free(texts);
}

void definition_free(struct definition *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->versions_count; i++) {
		free(d->versions[i].name);
		free(d->versions[i].deprecation);
		custom_free(d->versions[i].custom);
	}
	free(d->versions);
	free_texts(d->short_names);
	free_texts(d->categories);
	free(d->group);
	free(d->plural);
	free(d->singular);
	free(d->kind);
	free(d->list_kind);
	free(d);
}

static bool has_condition(const json_t *tree, const char *type)
{
	size_t i;
	json_t *c;
	json_array_foreach (json_dig(tree, "status.conditions"), i, c)
		if (streq(json_str_or(c, "type", ""), type))
			return streq(json_str_or(c, "status", ""), "True");
	return false;
}

bool definition_is_established(const json_t *tree)
{
	return has_condition(tree, "Established");
}

static char **texts_of(const json_t *list)
{
	size_t n = json_array_size(list);
	if (n == 0)
		return NULL;
	char **texts = xcalloc(n + 1, sizeof *texts);
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		texts[i] = xstrdup(text ? text : "");
	}
	return texts;
}

/* A name that was accepted; until any is, the one that is asked for. */
static char *name_of(const json_t *tree, const char *name)
{
	const json_t *accepted = json_dig(tree, "status.acceptedNames");
	const json_t *wanted = json_dig(tree, "spec.names");
	const char *text = json_member_str(accepted, name);
	if (!text || !*text)
		text = json_member_str(wanted, name);
	return xstrdup(text ? text : "");
}

static char *deprecation_of(const struct definition *d, const json_t *version)
{
	const char *given = json_str(version, "deprecationWarning");
	if (!json_bool_or(version, "deprecated", false))
		return NULL;
	return given ? xstrdup(given)
		     : xasprintf("%s/%s %s is deprecated", d->group,
				 json_str_or(version, "name", ""), d->kind);
}

/* Two versions with equal revisions print an object to equal bytes. */
static uint32_t revision_of(const json_t *tree, const json_t *version)
{
	AUTO_STR text;
	str_init(&text, REVISION_TEXT_MAX);
	str_addf(&text, "%d %s %d ", PRINT_REVISION, json_str_or(version, "name", ""),
		 json_bool_or(tree, "spec.preserveUnknownFields", false));
	if (json_object_get(version, "schema"))
		json_print_sorted(json_object_get(version, "schema"), &text);
	uint64_t hash = hash_bytes(text.data, text.len);
	return ((uint32_t)(hash >> 32) ^ (uint32_t)hash) | 1u << 31;
}

static int read_versions(struct definition *d, const json_t *tree, struct error *err)
{
	const json_t *list = json_dig(tree, "spec.versions");
	size_t n = json_array_size(list);
	bool has_stored = false;
	d->versions = xcalloc(n + 1, sizeof *d->versions);
	for (size_t i = 0; i < n; i++) {
		const json_t *version = json_array_get(list, i);
		struct definition_version *v = &d->versions[i];
		const char *name = json_str_or(version, "name", "");
		if (custom_compile(tree, name, &v->custom, err) < 0)
			return error_wrap(err, "version %s", name);
		d->versions_count++;
		v->name = xstrdup(name);
		v->deprecation = deprecation_of(d, version);
		v->revision = revision_of(tree, version);
		v->is_served = json_bool_or(version, "served", false);
		if (json_bool_or(version, "storage", false)) {
			d->stored = i;
			has_stored = true;
		}
	}
	return has_stored ? 0 : error_set(err, ERR_INVALID, "no version is the storage version");
}

int definition_new(const json_t *tree, struct definition **ret, struct error *err)
{
	AUTO(definition) *d = xcalloc(1, sizeof *d);
	const json_t *accepted = json_dig(tree, "status.acceptedNames");
	d->group = xstrdup(json_str_or(tree, "spec.group", ""));
	d->plural = xstrdup(json_str_or(tree, "spec.names.plural", ""));
	d->singular = name_of(tree, "singular");
	d->kind = name_of(tree, "kind");
	d->list_kind = name_of(tree, "listKind");
	d->short_names = texts_of(json_object_get(accepted, "shortNames"));
	d->categories = texts_of(json_object_get(accepted, "categories"));
	d->is_namespaced = streq(json_str_or(tree, "spec.scope", ""), "Namespaced");
	d->is_ending =
		has_condition(tree, "Terminating") || json_dig(tree, "metadata.deletionTimestamp");
	if (!*d->group || !*d->plural || !*d->kind)
		return error_set(err, ERR_INVALID, "it has no group, plural or kind");
	if (read_versions(d, tree, err) < 0)
		return err->code;
	*ret = TAKE(d);
	return 0;
}
