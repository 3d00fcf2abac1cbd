#include "common/io/zone_names.h"

#include "common/base/str.h"
#include "common/io/zone_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define DEPTH_MAX 4     /* America/Argentina/Salta, below right/; a link may lead back up */
#define NAMES_MAX 20000 /* Debian has 1,800 */

#define TEXT_SIZE_MAX (2 << 20)

/* One text and where its names begin, for there are many: a table of texts takes five times as much. */
struct zone_names {
	struct str text; /* of each what it is, and its name with its NUL */
	uint32_t *at;    /* of the names, in their order */
	size_t count, size;
};

static void note(struct zone_names *z, const char *name, enum zone_found found)
{
	size_t begin = z->text.len + 1;
	str_add_char(&z->text, (char)('0' + found));
	str_add_bytes(&z->text, name, strlen(name) + 1);
	if (!str_ok(&z->text))
		return;
	if (z->count == z->size) {
		z->size = z->size ? z->size * 2 : 256;
		z->at = xrealloc(z->at, z->size, sizeof *z->at);
	}
	z->at[z->count++] = (uint32_t)begin;
}

static int by_name(const void *a, const void *b, void *text)
{
	return strcmp((const char *)text + *(const uint32_t *)a,
		      (const char *)text + *(const uint32_t *)b);
}

static bool is_zone(int fd)
{
	char magic[4];
	return read(fd, magic, sizeof magic) == (ssize_t)sizeof magic &&
	       memcmp(magic, "TZif", sizeof magic) == 0;
}

static void read_folder(struct zone_names *z, int fd, const char *prefix, int depth);

static void read_entry(struct zone_names *z, int folder, const char *file, const char *prefix,
		       int depth)
{
	struct stat info;
	auto_close int fd = openat(folder, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &info) < 0)
		return;
	auto_free char *name = xasprintf("%s%s", prefix, file);
	if (S_ISREG(info.st_mode))
		note(z, name, is_zone(fd) ? ZONE_KNOWN : ZONE_BROKEN);
	else if (S_ISDIR(info.st_mode)) {
		auto_free char *below = xasprintf("%s/", name);
		note(z, name, ZONE_FOLDER);
		if (depth < DEPTH_MAX)
			read_folder(z, fd, below, depth + 1);
	}
}

static void read_folder(struct zone_names *z, int fd, const char *prefix, int depth)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *folder = copy < 0 ? NULL : fdopendir(copy);
	if (!folder) {
		if (copy >= 0)
			(void)close(copy); /* was only read */
		return;
	}
	for (struct dirent *d; z->count < NAMES_MAX && (d = readdir(folder));)
		if (d->d_name[0] != '.')
			read_entry(z, fd, d->d_name, prefix, depth);
	(void)closedir(folder); /* was only read */
}

struct zone_names *zone_names_new(void)
{
	auto_close int fd = open(zone_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	struct zone_names *z = xcalloc(1, sizeof *z);
	str_init(&z->text, TEXT_SIZE_MAX);
	read_folder(z, fd, "", 1);
	if (z->count == 0) {
		zone_names_free(z);
		return NULL;
	}
	qsort_r(z->at, z->count, sizeof *z->at, by_name, z->text.data);
	return z;
}

void zone_names_free(struct zone_names *z)
{
	if (!z)
		return;
	str_fini(&z->text);
	free(z->at);
	free(z);
}

enum zone_found zone_names_find(const struct zone_names *z, const char *name)
{
	for (size_t low = 0, high = z->count; low < high;) {
		size_t mid = (low + high) / 2;
		const char *at = z->text.data + z->at[mid];
		int order = strcmp(at, name);
		if (order == 0)
			return (enum zone_found)(at[-1] - '0');
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return ZONE_NONE;
}
