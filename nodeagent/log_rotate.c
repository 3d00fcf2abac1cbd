#include "nodeagent/house.h"

#include "common/base/time_text.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#define NAMES_MAX 1024 /* of one directory at a time; the rest waits for the next round */

/* "3.log" and "3.log.20260101-101010": the life they belong to. */
static bool attempt_of(const char *name, uint32_t *ret)
{
	char *end;
	unsigned long n = strtoul(name, &end, 10);
	if (end == name || !starts_with(end, ".log") || n > UINT32_MAX)
		return false;
	*ret = (uint32_t)n;
	return end[4] == '\0' || end[4] == '.';
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void remove_in(const char *dir, const char *name)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	(void)unlink(path); /* what cannot go now is tried in the next round */
}

/* Rotated files of this life, by name and so by age; older lives' files go at once. */
static size_t list_rotated(const char *dir, uint32_t attempt, char **names)
{
	size_t n = 0;
	uint32_t life;
	const struct dirent *e;
	DIR *d = opendir(dir);
	while (d && n < NAMES_MAX && (e = readdir(d)) != NULL) {
		if (!attempt_of(e->d_name, &life))
			continue;
		if (life + 1 < attempt)
			remove_in(dir, e->d_name);
		else if (life == attempt && strstr(e->d_name, ".log."))
			names[n++] = xstrdup(e->d_name);
	}
	if (d)
		closedir(d);
	qsort(names, n, sizeof(*names), by_name);
	return n;
}

bool log_rotate(const char *dir, uint32_t attempt, bool is_live, int64_t size_max, int64_t now_ms,
		char **ret_moved)
{
	struct stat s;
	auto_free char *path = xasprintf("%s/%u.log", dir, attempt);
	bool is_due = is_live && stat(path, &s) == 0 && s.st_size > size_max;
	char **names = xcalloc(NAMES_MAX, sizeof(*names));
	size_t n = list_rotated(dir, attempt, names);
	size_t kept_max = LOG_FILES_MAX - 1 - (is_due ? 1 : 0);
	for (size_t i = 0; i < n; i++) {
		if (n - i > kept_max)
			remove_in(dir, names[i]);
		free(names[i]);
	}
	free(names);
	if (!is_due)
		return false;
	auto_free char *moved = xasprintf("%s.%013lld", path, (long long)now_ms);
	if (rename(path, moved) < 0)
		return false;
	*ret_moved = TAKE(moved);
	return true;
}
