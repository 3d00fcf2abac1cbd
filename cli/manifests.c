#include "cli/manifests.h"
#include "schemas/schema.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define DEPTH_MAX 16

void manifests_fini(struct manifests *m)
{
	for (size_t i = 0; i < m->count; i++) {
		json_decref(m->at[i].tree);
		free(m->at[i].source);
	}
	free(m->at);
	*m = (struct manifests){ 0 };
}

static int add(struct manifests *m, const char *name, size_t line, json_t *tree, struct error *err)
{
	const char *kind = json_str(tree, "kind"), *version = json_str(tree, "apiVersion");
	const json_t *items = json_object_get(tree, "items");
	if (!json_is_object(tree))
		return error_set(err, ERR_INVALID,
				 "%s:%zu: a manifest is a map, with apiVersion "
				 "and kind",
				 name, line);
	if (!kind || !version)
		return error_set(err, ERR_INVALID, "%s:%zu: %s is missing", name, line,
				 kind ? "apiVersion" : "kind");
	if (json_is_array(items) && strlen(kind) >= 4 && streq(kind + strlen(kind) - 4, "List")) {
		for (size_t i = 0; i < json_array_size(items); i++)
			if (add(m, name, line, json_array_get(items, i), err) < 0)
				return err->code;
		return 0;
	}
	const json_t *given = json_dig(tree, "metadata.name");
	if (given && !json_is_string(given))
		return error_set(err, ERR_INVALID,
				 "%s:%zu: metadata.name of %s is no text; quote it "
				 "(y, no, on and numbers are something else in YAML)",
				 name, line, kind);
	if (!given && !json_str(tree, "metadata.generateName"))
		return error_set(err, ERR_INVALID, "%s:%zu: %s has no metadata.name", name, line,
				 kind);
	if (m->count == MANIFESTS_MAX)
		return error_set(err, ERR_LIMIT, "more than %d objects", MANIFESTS_MAX);
	m->at = xrealloc(m->at, m->count + 1, sizeof *m->at);
	m->at[m->count++] = (struct manifest){ json_incref(tree), xasprintf("%s:%zu", name, line) };
	return 0;
}

int manifests_parse(const char *name, const char *text, size_t n, struct manifests *ret,
		    struct error *err)
{
	struct yaml_documents docs = { 0 };
	size_t start = 0;
	while (start < n && isspace((unsigned char)text[start]))
		start++;
	/* JSON may hold tabs and other things that YAML does not take. */
	AUTO_JSON *tree = NULL;
	if (start < n && text[start] == '{' && json_parse(text, n, &tree, err) == 0)
		return add(ret, name, 1, tree, err);
	if (yaml_parse(text, n, &docs, err) < 0)
		return error_wrap(err, "%s", name);
	int code = 0;
	for (size_t i = 0; i < docs.count && code == 0; i++) {
		struct yaml_document *d = &docs.at[i];
		if (d->problems_count > 0)
			code = error_set(err, ERR_INVALID, "%s: %s", name, d->problems[0]);
		else if (d->tree && !json_is_null(d->tree))
			code = add(ret, name, d->line, d->tree, err);
	}
	yaml_documents_fini(&docs);
	return code;
}

static int read_fd(int fd, const char *name, struct manifests *ret, struct error *err)
{
	AUTO_STR text;
	str_init(&text, MANIFEST_BYTES_MAX);
	char buf[16384];
	ssize_t n;
	while ((n = read(fd, buf, sizeof buf)) > 0)
		str_add_bytes(&text, buf, (size_t)n);
	if (n < 0)
		return error_set(err, ERR_INVALID, "%s: %s", name, strerror(errno));
	if (str_check(&text, name, err) < 0)
		return err->code;
	return manifests_parse(name, text.data, text.len, ret, err);
}

static int read_path(const char *path, bool is_recursive, int depth, struct manifests *ret,
		     struct error *err);

static bool is_manifest_name(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot && (streq(dot, ".yaml") || streq(dot, ".yml") || streq(dot, ".json"));
}

static int read_folder(const char *path, bool is_recursive, int depth, struct manifests *ret,
		       struct error *err)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort), code = 0;
	if (n < 0)
		return error_set(err, ERR_INVALID, "%s: %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		struct stat st;
		auto_free char *one = xasprintf("%s/%s", path, entries[i]->d_name);
		bool hidden = entries[i]->d_name[0] == '.';
		if (code == 0 && !hidden && stat(one, &st) == 0 &&
		    (S_ISDIR(st.st_mode) ? is_recursive : is_manifest_name(entries[i]->d_name)))
			code = read_path(one, is_recursive, depth + 1, ret, err);
		free(entries[i]);
	}
	free(entries);
	return code;
}

static int read_path(const char *path, bool is_recursive, int depth, struct manifests *ret,
		     struct error *err)
{
	struct stat st;
	if (depth > DEPTH_MAX)
		return error_set(err, ERR_LIMIT, "%s: folders nested too deep", path);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, ERR_INVALID, "%s: %s", path, strerror(errno));
	return S_ISDIR(st.st_mode) ? read_folder(path, is_recursive, depth, ret, err)
				   : read_fd(fd, path, ret, err);
}

int manifests_read(const struct words *files, bool is_recursive, struct manifests *ret,
		   struct error *err)
{
	AUTO_MANIFESTS m = { 0 };
	if (files->count == 0)
		return error_set(err, ERR_INVALID,
				 "name a file or folder with -f, or - for "
				 "standard input");
	for (size_t i = 0; i < files->count; i++) {
		int code = streq(files->at[i], "-")
				   ? read_fd(STDIN_FILENO, "standard input", &m, err)
				   : read_path(files->at[i], is_recursive, 0, &m, err);
		if (code < 0)
			return code;
	}
	if (m.count == 0)
		return error_set(err, ERR_INVALID, "%s holds no objects%s", files->at[0],
				 is_recursive ? "" : " (folders below it only with -R)");
	*ret = m;
	m = (struct manifests){ 0 };
	return 0;
}
