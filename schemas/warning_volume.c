/* Files of a volume that hide each other. */
#include "common/base/jsonx.h"
#include "schemas/report.h"
#include "schemas/warning.h"

#define FILES_LOOKED_AT 256 /* of a volume: each is compared with all before it */

struct file {
	const char *path, *type, *name; /* path as given; the source's type, and name or "" */
	size_t len;                     /* of the path without slashes at its end */
};

struct files {
	struct file *at;
	size_t count;
};

/* One is the other, or a folder that it is in. */
static bool overlaps(const struct file *a, const struct file *b)
{
	size_t n = MIN(a->len, b->len);
	const struct file *longer = a->len > b->len ? a : b;
	return strncmp(a->path, b->path, n) == 0 &&
	       (a->len == b->len || longer->path[n] == '/' || n == 0);
}

static void add_source(const struct file *f, bool is_projected, struct str *out)
{
	str_addf(out, "\"%.*s\"", (int)f->len, f->path);
	if (!is_projected)
		return;
	str_addf(out, *f->name ? " (%s \"%s\")" : " (%s)", f->type, f->name);
}

/* `projected`: the volume has many sources, which are told apart. */
static void add_file(struct files *files, const char *volume, struct file f, bool is_projected,
		     struct schema_report *ret)
{
	if (files->count == FILES_LOOKED_AT)
		return;
	f.len = strlen(f.path);
	while (f.len && f.path[f.len - 1] == '/')
		f.len--;
	for (size_t i = 0; i < files->count; i++) {
		if (!overlaps(&f, &files->at[i]))
			continue;
		AUTO_STR text;
		str_init(&text, 4096);
		str_addf(&text, "volume \"%s\" (", volume);
		if (is_projected)
			str_add(&text, "Projected");
		else
			str_addf(&text, *f.name ? "%s \"%s\"" : "%s", f.type, f.name);
		str_add(&text, "): overlapping paths: ");
		add_source(&f, is_projected, &text);
		str_add(&text, " with ");
		add_source(&files->at[i], is_projected, &text);
		if (str_ok(&text))
			report_add(ret, "%s", text.data);
	}
	files->at = xrealloc(files->at, files->count + 1, sizeof *files->at);
	files->at[files->count++] = f;
}

/* Sources as volumes and projections name them, how they are shown, and what holds their name. */
static const struct {
	const char *member, *shown, *name, *projected_name;
} types[] = {
	{ "configMap", "ConfigMap", "name", "name" },
	{ "secret", "Secret", "secretName", "name" },
	{ "downwardAPI", "DownwardAPI", "", "" },
};

static void add_source_files(struct files *files, const char *volume, const json_t *holder,
			     bool is_projected, struct schema_report *ret)
{
	for (size_t t = 0; t < ARRAY_LEN(types); t++) {
		const json_t *source = json_object_get(holder, types[t].member);
		const json_t *items = json_object_get(source, "items");
		const char *member = is_projected ? types[t].projected_name : types[t].name;
		struct file f = { .type = types[t].shown,
				  .name = *member ? json_str_or(source, member, "") : "" };
		for (size_t i = 0; i < json_array_size(items); i++) {
			f.path = json_str_or(json_array_get(items, i), "path", "");
			add_file(files, volume, f, is_projected, ret);
		}
	}
	const json_t *token = json_object_get(holder, "serviceAccountToken");
	if (token && is_projected)
		add_file(files, volume,
			 (struct file){ .path = json_str_or(token, "path", ""),
					.type = "ServiceAccountToken",
					.name = "" },
			 true, ret);
}

void warn_files(const json_t *volume, struct schema_report *ret)
{
	const char *name = json_str_or(volume, "name", "");
	const json_t *sources = json_at(volume, "projected", "sources");
	struct files files = { 0 };
	add_source_files(&files, name, volume, false, ret);
	for (size_t i = 0; i < json_array_size(sources); i++) {
		const json_t *one = json_array_get(sources, i);
		if (json_object_size(one) == 0)
			report_add(ret, "volume \"%s\" (Projected) has no sources provided", name);
		else
			add_source_files(&files, name, one, true, ret);
	}
	free(files.at);
}
