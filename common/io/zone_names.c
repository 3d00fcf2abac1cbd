#include "common/io/zone_names.h"

#include "common/base/map.h"
#include "common/io/zone_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define DEPTH_MAX 4     /* America/Argentina/Salta, below right/; a link may lead back up */
#define NAMES_MAX 20000 /* Debian has 1,800 */

struct zone_names {
	struct map found; /* to one of `marks` */
};

static const enum zone_found marks[ZONE_FOUND_COUNT] = { ZONE_NONE, ZONE_KNOWN, ZONE_FOLDER,
							 ZONE_BROKEN };

static void note(struct zone_names *z, const char *name, enum zone_found found)
{
	(void)map_put(&z->found, name, (void *)(uintptr_t)&marks[found]);
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
	for (struct dirent *d; z->found.count < NAMES_MAX && (d = readdir(folder));)
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
	read_folder(z, fd, "", 1);
	if (z->found.count > 0)
		return z;
	zone_names_free(z);
	return NULL;
}

void zone_names_free(struct zone_names *z)
{
	if (!z)
		return;
	map_fini(&z->found);
	free(z);
}

enum zone_found zone_names_find(const struct zone_names *z, const char *name)
{
	const enum zone_found *found = map_get(&z->found, name);
	return found ? *found : ZONE_NONE;
}
