/* The file of the audit log: appending, rotating, forgetting. */
#include "apiserver/audit.h"
#include "common/base/time_text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define BACKUPS_KNOWN_MAX 4096
#define DAY_US            (24 * 3600 * (int64_t)1000000)

static int refuse(struct error *err, const char *what, const char *path)
{
	return error_set(err, ERR_UNAVAILABLE, "%s: %s: %s", path, what, strerror(errno));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Rotated files, the oldest first: PATH-TIME. The caller frees names and array. */
static char **backups_of(const struct audit_file *f, size_t *ret_count)
{
	const char *slash = strrchr(f->path, '/');
	auto_free char *folder =
		slash ? xstrndup(f->path, (size_t)(slash - f->path)) : xstrdup(".");
	auto_free char *prefix = xasprintf("%s-", slash ? slash + 1 : f->path);
	char **names = xcalloc(BACKUPS_KNOWN_MAX, sizeof *names);
	*ret_count = 0;
	DIR *d = opendir(*folder ? folder : "/");
	for (struct dirent *e; d && (e = readdir(d)) && *ret_count < BACKUPS_KNOWN_MAX;)
		if (starts_with(e->d_name, prefix))
			names[(*ret_count)++] = xasprintf("%s/%s", folder, e->d_name);
	if (d)
		closedir(d);
	qsort(names, *ret_count, sizeof *names, by_name);
	return names;
}

static void forget_old(const struct audit_file *f, int64_t now_us)
{
	size_t count;
	char **names = backups_of(f, &count);
	for (size_t i = 0; i < count; i++) {
		const char *when = names[i] + strlen(names[i]) - MIN(strlen(names[i]), 27);
		int64_t at_us;
		bool many = f->backups_max && count - i > (size_t)f->backups_max;
		bool old = f->age_max_days && time_parse(when, &at_us) &&
			   now_us - at_us > f->age_max_days * DAY_US;
		if (many || old)
			(void)unlink(names[i]); /* the next rotation tries again */
		free(names[i]);
	}
	free(names);
}

static int rotate(const struct audit_file *f, int64_t now_us, struct error *err)
{
	char when[TIME_TEXT_SIZE];
	time_format_micro(now_us, when);
	auto_free char *to = xasprintf("%s-%s", f->path, when);
	if (rename(f->path, to) < 0)
		return refuse(err, "cannot be rotated", f->path);
	forget_old(f, now_us);
	return 0;
}

int audit_file_write(const struct audit_file *f, const char *lines, size_t len, int64_t now_us,
		     struct error *err)
{
	struct stat st;
	if (stat(f->path, &st) == 0 && st.st_size && st.st_size + (int64_t)len > f->size_max &&
	    rotate(f, now_us, err) < 0)
		return err->code;
	auto_close int fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return refuse(err, "cannot be opened", f->path);
	while (len) {
		ssize_t n = write(fd, lines, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return refuse(err, "cannot be written", f->path);
		lines += n;
		len -= (size_t)n;
	}
	return 0;
}
