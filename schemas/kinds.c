#include "schemas/kinds.h"
#include "schemas/kinds_internal.h"
#include "schemas/tables.h"

/* One version of a custom kind: what others point to. */
struct slot {
	struct schema_kind kind;
	struct family *family;
	char *version;
	bool is_served;
};

/* One group and resource, whose objects are stored together. */
struct family {
	char *group, *resource;
	size_t place;
	struct slot **slots;
	size_t slots_count;
	struct slot *stored;
	struct definition *definition; /* NULL: gone */
	/* Lists of labels that objects were ever indexed by: old objects refer to old ones. */
	const char ***labels;
	size_t labels_count;
};

struct kinds {
	struct family **families;
	size_t families_count;
	const struct schema_kind **served; /* NULL: the constant ones alone */
	size_t served_count;
};

#define LABELS_MAX 32 /* of all versions together: each may name 8 */

/* In the order in which the original lists those of custom kinds. */
static const char *const verbs[] = { "delete", "deletecollection", "get",   "list", "patch",
				     "create", "update",           "watch", NULL };

static bool is_constant(const struct schema_kind *k)
{
	return k >= schema_tables.kinds && k < schema_tables.kinds + schema_tables.kinds_count;
}

const struct kinds *kinds_constant(void)
{
	static const struct kinds constant;
	return &constant;
}

struct kinds *kinds_new(void)
{
	return xcalloc(1, sizeof(struct kinds));
}

static void free_labels(const char **labels)
{
	for (size_t i = 0; labels[i]; i++)
		free((char *)(uintptr_t)labels[i]);
	free(labels);
}

static void family_free(struct family *f)
{
	for (size_t i = 0; i < f->slots_count; i++) {
		free(f->slots[i]->version);
		free(f->slots[i]);
	}
	for (size_t i = 0; i < f->labels_count; i++)
		free_labels(f->labels[i]);
	definition_free(f->definition);
	free(f->labels);
	free(f->slots);
	free(f->group);
	free(f->resource);
	free(f);
}

void kinds_free(struct kinds *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->families_count; i++)
		family_free(k->families[i]);
	free(k->families);
	free(k->served);
	free(k);
}

struct kinds *kinds_snapshot(const struct kinds *k)
{
	struct kinds *copy = kinds_new();
	if (k->served) {
		copy->served = xmemdup(k->served, k->served_count * sizeof *k->served);
		copy->served_count = k->served_count;
	}
	return copy;
}

/* ---- finding ---- */

size_t kinds_count(const struct kinds *k)
{
	return k->served ? k->served_count : schema_tables.kinds_count;
}

const struct schema_kind *kinds_at(const struct kinds *k, size_t i)
{
	assert(i < kinds_count(k));
	return k->served ? k->served[i] : &schema_tables.kinds[i];
}

int kind_order(const struct schema_kind *a, const struct schema_kind *b)
{
	int order = strcmp(a->group, b->group);
	if (!order)
		order = version_order(a->version, b->version);
	return order ? order : strcmp(a->resource, b->resource);
}

/* The first kind that does not come before `key`. */
static size_t seek(const struct kinds *k, const struct schema_kind *key)
{
	size_t low = 0, high = kinds_count(k);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (kind_order(kinds_at(k, middle), key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct schema_kind *kinds_by_resource(const struct kinds *k, const char *group,
					    const char *version, const char *resource)
{
	const struct schema_kind key = { .group = group, .version = version, .resource = resource };
	size_t i = seek(k, &key);
	return i < kinds_count(k) && kind_order(kinds_at(k, i), &key) == 0 ? kinds_at(k, i) : NULL;
}

static bool is_of(const struct schema_kind *k, const char *group, const char *version)
{
	return streq(k->group, group) && streq(k->version, version);
}

const struct schema_kind *kinds_by_kind(const struct kinds *k, const char *group,
					const char *version, const char *kind)
{
	const struct schema_kind key = { .group = group, .version = version, .resource = "" };
	for (size_t i = seek(k, &key); i < kinds_count(k); i++) {
		const struct schema_kind *found = kinds_at(k, i);
		if (!is_of(found, group, version))
			break;
		if (streq(found->kind, kind))
			return found;
	}
	return NULL;
}

bool kinds_has_group_version(const struct kinds *k, const char *group, const char *version)
{
	const struct schema_kind key = { .group = group, .version = version, .resource = "" };
	size_t i = seek(k, &key);
	return i < kinds_count(k) && is_of(kinds_at(k, i), group, version);
}

/* ---- storing ---- */

size_t kinds_places(const struct kinds *k)
{
	return schema_tables.kinds_count + k->families_count;
}

size_t kind_place(const struct schema_kind *kind)
{
	if (!is_constant(kind))
		return CONTAINER_OF(kind, struct slot, kind)->family->place;
	return (size_t)(schema_storage(kind) - schema_tables.kinds);
}

const struct schema_kind *kinds_stored(const struct kinds *k, size_t place)
{
	if (place < schema_tables.kinds_count) {
		const struct schema_kind *kind = &schema_tables.kinds[place];
		return kind->storage ? NULL : kind;
	}
	const struct family *f = k->families[place - schema_tables.kinds_count];
	return f->definition ? &f->stored->kind : NULL;
}

bool kind_offers(const struct schema_kind *kind, const char *verb)
{
	for (size_t i = 0; kind->verbs && kind->verbs[i]; i++)
		if (streq(kind->verbs[i], verb))
			return true;
	return false;
}

bool kind_is_gone(const struct schema_kind *kind)
{
	return !is_constant(kind) && !kind->custom;
}

const struct schema_kind *kinds_version_of(const struct kinds *k, size_t place, const char *version)
{
	assert(place >= schema_tables.kinds_count);
	const struct family *f = k->families[place - schema_tables.kinds_count];
	for (size_t i = 0; i < f->slots_count; i++)
		if (streq(f->slots[i]->version, version) && f->slots[i]->kind.custom)
			return &f->slots[i]->kind;
	return NULL;
}

/* ---- definitions ---- */

static struct family *family_of(const struct kinds *k, const char *group, const char *resource)
{
	for (size_t i = 0; i < k->families_count; i++)
		if (streq(k->families[i]->resource, resource) &&
		    streq(k->families[i]->group, group))
			return k->families[i];
	return NULL;
}

size_t kinds_place_of(const struct kinds *k, const char *group, const char *resource)
{
	const struct family *f = family_of(k, group, resource);
	return f ? f->place : SIZE_MAX;
}

static struct family *family_new(struct kinds *k, const struct definition *d)
{
	struct family *f = xcalloc(1, sizeof *f);
	*f = (struct family){ .group = xstrdup(d->group),
			      .resource = xstrdup(d->plural),
			      .place = kinds_places(k) };
	k->families = xrealloc(k->families, k->families_count + 1, sizeof(struct family *));
	k->families[k->families_count++] = f;
	return f;
}

static struct slot *slot_of(struct family *f, const char *version)
{
	for (size_t i = 0; i < f->slots_count; i++)
		if (streq(f->slots[i]->version, version))
			return f->slots[i];
	struct slot *s = xcalloc(1, sizeof *s);
	s->family = f;
	s->version = xstrdup(version);
	f->slots = xrealloc(f->slots, f->slots_count + 1, sizeof *f->slots);
	f->slots[f->slots_count++] = s;
	return s;
}

/* What a kind is whose definition, or version, is gone: it has a name, and nothing is served by it;
 * but who began before may still look at its type. */
static void slot_clear(struct slot *s)
{
	s->is_served = false;
	s->kind = (struct schema_kind){ .group = s->family->group,
					.version = s->version,
					.resource = s->family->resource,
					.kind = "",
					.list_kind = "",
					.singular = "",
					.verbs = verbs,
					.type = schema_type_by_name("core.v1.Namespace"),
					.is_namespaced = s->kind.is_namespaced,
					.is_ending = true };
}

static bool has_label(const char *const *labels, size_t n, const char *label)
{
	for (size_t i = 0; i < n; i++)
		if (streq(labels[i], label))
			return true;
	return false;
}

/* The fields by which any version's objects may be selected; the same list as before where it says
 * the same. */
static const char *const *labels_of(struct family *f, const struct definition *d)
{
	const char **all = xcalloc(1, sizeof *all);
	size_t n = 0;
	for (size_t v = 0; v < d->versions_count; v++) {
		const char *const *own = custom_field_labels(d->versions[v].custom);
		for (size_t i = 0; own && own[i]; i++) {
			if (n == LABELS_MAX || has_label(all, n, own[i]))
				continue;
			all = xrealloc(all, n + 2, sizeof *all);
			all[n++] = xstrdup(own[i]);
			all[n] = NULL;
		}
	}
	for (size_t i = 0; i < f->labels_count; i++) {
		size_t same = 0;
		while (same < n && f->labels[i][same] && streq(f->labels[i][same], all[same]))
			same++;
		if (same == n && !f->labels[i][same]) {
			free_labels(all);
			return f->labels[i];
		}
	}
	f->labels = xrealloc(f->labels, f->labels_count + 1, sizeof *f->labels);
	f->labels[f->labels_count++] = all;
	return all;
}

static void slot_fill(struct slot *s, const struct definition *d,
		      const struct definition_version *v, const char *const *labels)
{
	const struct family *f = s->family;
	s->is_served = v->is_served;
	s->kind = (struct schema_kind){
		.group = f->group,
		.version = s->version,
		.kind = d->kind,
		.list_kind = d->list_kind,
		.resource = f->resource,
		.singular = d->singular,
		.short_names = (const char *const *)d->short_names,
		.categories = (const char *const *)d->categories,
		.verbs = verbs,
		.type = custom_type(v->custom),
		.storage = s == f->stored ? NULL : &f->stored->kind,
		.is_namespaced = d->is_namespaced,
		.has_status = custom_has_status(v->custom),
		.has_scale = custom_scale(v->custom) != NULL,
		.creates_on_update = false,
		.needs_version_on_update = true,
		.has_generation = true,
		.field_labels = custom_field_labels(v->custom),
		.indexed_labels = labels,
		.custom = v->custom,
		.revision = v->revision,
		.is_ending = d->is_ending,
		.deprecation = v->deprecation,
	};
	s->kind.columns = custom_columns(v->custom, &s->kind.columns_count);
}

static void insert(struct kinds *k, const struct schema_kind *kind)
{
	size_t i = seek(k, kind);
	memmove(k->served + i + 1, k->served + i, (k->served_count - i) * sizeof *k->served);
	k->served[i] = kind;
	k->served_count++;
}

/* What is served of the family, anew; one search a version, for there may be a thousand families. */
static void list_served(struct kinds *k, const struct family *f)
{
	bool is_first = !k->served;
	size_t before = kinds_count(k), n = 0;
	k->served = xrealloc(k->served, before + f->slots_count, sizeof *k->served);
	for (size_t i = 0; i < before; i++) {
		const struct schema_kind *kind = is_first ? &schema_tables.kinds[i] : k->served[i];
		if (is_constant(kind) || CONTAINER_OF(kind, struct slot, kind)->family != f)
			k->served[n++] = kind;
	}
	k->served_count = n;
	for (size_t i = 0; i < f->slots_count; i++)
		if (f->slots[i]->is_served)
			insert(k, &f->slots[i]->kind);
}

bool kinds_are_replaced(const struct kinds *k, const struct definition *d)
{
	return family_of(k, d->group, d->plural) != NULL;
}

static bool is_overlapping(const struct definition *d)
{
	for (size_t i = 0; i < schema_tables.kinds_count; i++)
		if (streq(schema_tables.kinds[i].resource, d->plural) &&
		    streq(schema_tables.kinds[i].group, d->group))
			return true;
	return false;
}

size_t kinds_set(struct kinds *k, struct definition *take_d)
{
	struct definition *d = take_d;
	if (is_overlapping(d)) {
		definition_free(d);
		return SIZE_MAX;
	}
	struct family *f = family_of(k, d->group, d->plural);
	if (!f)
		f = family_new(k, d);
	const char *const *labels = labels_of(f, d);
	f->stored = slot_of(f, d->versions[d->stored].name);
	for (size_t i = 0; i < f->slots_count; i++)
		slot_clear(f->slots[i]);
	for (size_t i = 0; i < d->versions_count; i++)
		slot_fill(slot_of(f, d->versions[i].name), d, &d->versions[i], labels);
	definition_free(f->definition);
	f->definition = d;
	list_served(k, f);
	return f->place;
}

size_t kinds_remove(struct kinds *k, const char *group, const char *resource)
{
	struct family *f = family_of(k, group, resource);
	if (!f || !f->definition)
		return SIZE_MAX;
	for (size_t i = 0; i < f->slots_count; i++)
		slot_clear(f->slots[i]);
	definition_free(f->definition);
	f->definition = NULL;
	list_served(k, f);
	return f->place;
}
