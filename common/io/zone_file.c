#include "common/io/zone_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define ZONE_FOLDER "/usr/share/zoneinfo"

const char *zone_folder(void)
{
	const char *folder = getenv("TZDIR");
	return folder && folder[0] == '/' ? folder : ZONE_FOLDER;
}

static int read_all(int fd, const char *path, struct str *ret, struct error *err)
{
	char bytes[4096];
	for (;;) {
		ssize_t n = read(fd, bytes, sizeof bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
		if (n == 0)
			return 0;
		if (ret->len + (size_t)n > ZONE_FILE_MAX)
			return error_set(err, ERR_LIMIT, "%s: larger than %d bytes", path,
					 ZONE_FILE_MAX);
		str_add_bytes(ret, bytes, (size_t)n);
	}
}

int zone_file_read(const char *name, struct str *ret, struct error *err)
{
	auto_free char *path = xasprintf("%s/%s", zone_folder(), name);
	struct stat info;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
		bool has_any = access(zone_folder(), R_OK) == 0;
		return error_set(err, ERR_NOT_FOUND, "there is no time zone '%s'%s", name,
				 has_any ? " on this machine" : ": install the package tzdata");
	}
	return read_all(fd, path, ret, err);
}
