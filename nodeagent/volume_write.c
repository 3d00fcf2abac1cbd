#include "nodeagent/volume_write.h"

#include "common/base/map.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define OPEN_FDS_MAX 16

static int failed(struct error *err, const char *what, const char *path)
{
	return error_set(err, ERR_INTERNAL, "%s %s: %s", what, path, strerror(errno));
}

int volume_make_dirs(const char *path, unsigned mode, struct error *err)
{
	auto_free char *copy = xstrdup(path);
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return failed(err, "mkdir", copy);
		*p = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return failed(err, "mkdir", copy);
	return 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

int volume_write_file(const char *path, const char *text, size_t len, unsigned mode,
		      struct error *err)
{
	auto_free char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		if (volume_make_dirs(dir, 0755, err) < 0)
			return err->code;
	}
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0 || fchmod(fd, mode) < 0 || write_all(fd, text, len) < 0)
		return failed(err, "write", path);
	return 0;
}

/* ---- files that are replaced together ---- */

static uint64_t hash_of(const struct volume *v)
{
	uint64_t h = 14695981039346656037u ^ (v->has_group ? (uint64_t)v->group : 0);
	for (size_t i = 0; i < v->files_count; i++) {
		const struct volume_file *f = &v->files[i];
		h = h * 31 + hash_bytes(f->path, strlen(f->path) + 1);
		h = h * 31 + hash_bytes(f->bytes, f->len) + f->mode;
	}
	return h;
}

static int write_payload(const struct volume *v, const char *dir, struct error *err)
{
	for (size_t i = 0; i < v->files_count; i++) {
		const struct volume_file *f = &v->files[i];
		auto_free char *path = xasprintf("%s/%s", dir, f->path);
		if (volume_write_file(path, f->bytes, f->len, f->mode, err) < 0)
			return err->code;
		if (v->has_group && (chown(path, (uid_t)-1, (gid_t)v->group) < 0 ||
				     chmod(path, f->mode | ((f->mode & 0400) >> 3)) < 0))
			return failed(err, "chown", path);
	}
	return 0;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
	(void)s;
	(void)type;
	(void)at;
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

static int remove_tree(const char *path, struct error *err)
{
	if (nftw(path, remove_one, OPEN_FDS_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 &&
	    errno != ENOENT)
		return failed(err, "remove", path);
	return 0;
}

static bool is_top_name(const struct volume *v, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < v->files_count; i++)
		if (strncmp(v->files[i].path, name, n) == 0 &&
		    (v->files[i].path[n] == '/' || v->files[i].path[n] == '\0'))
			return true;
	return false;
}

/* Links of the present files, none of former ones, no former contents. */
static int tidy(const struct volume *v, const char *present, struct error *err)
{
	for (size_t i = 0; i < v->files_count; i++) {
		size_t n = strcspn(v->files[i].path, "/");
		auto_free char *link = xasprintf("%s/%.*s", v->dir, (int)n, v->files[i].path);
		auto_free char *to = xasprintf("..data/%.*s", (int)n, v->files[i].path);
		if (symlink(to, link) < 0 && errno != EEXIST)
			return failed(err, "link", link);
	}
	DIR *d = opendir(v->dir);
	if (!d)
		return failed(err, "open", v->dir);
	int code = 0;
	for (struct dirent *e; code == 0 && (e = readdir(d));) {
		if (streq(e->d_name, ".") || streq(e->d_name, "..") || streq(e->d_name, "..data") ||
		    streq(e->d_name, present) || is_top_name(v, e->d_name))
			continue;
		auto_free char *path = xasprintf("%s/%s", v->dir, e->d_name);
		code = remove_tree(path, err);
	}
	closedir(d);
	return code;
}

static int write_files(const struct volume *v, struct error *err)
{
	char now[PATH_MAX], name[40];
	auto_free char *data = xasprintf("%s/..data", v->dir);
	auto_free char *fresh = xasprintf("%s/..data_tmp", v->dir);
	if (snprintf(name, sizeof(name), "..%016llx", (unsigned long long)hash_of(v)) < 0)
		return error_set(err, ERR_INTERNAL, "no name");
	ssize_t n = readlink(data, now, sizeof(now) - 1);
	if (n > 0) {
		now[n] = '\0';
		if (streq(now, name))
			return 0;
	}
	auto_free char *dir = xasprintf("%s/%s", v->dir, name);
	if (remove_tree(dir, err) < 0 || volume_make_dirs(dir, 0755, err) < 0 ||
	    write_payload(v, dir, err) < 0)
		return err->code;
	if ((unlink(fresh) < 0 && errno != ENOENT) || symlink(name, fresh) < 0 ||
	    rename(fresh, data) < 0)
		return failed(err, "link", data);
	return tidy(v, name, err);
}

/* ---- the other kinds ---- */

static bool is_mounted(const char *dir)
{
	struct stat own, parent;
	auto_free char *up = xasprintf("%s/..", dir);
	return stat(dir, &own) == 0 && stat(up, &parent) == 0 && own.st_dev != parent.st_dev;
}

static int write_empty(const struct volume *v, struct error *err)
{
	bool is_new = access(v->dir, F_OK) < 0;
	if (volume_make_dirs(v->dir, 0777, err) < 0)
		return err->code;
	if (v->kind == VOLUME_MEMORY && !is_mounted(v->dir)) {
		char options[64] = "";
		if (v->size_limit > 0 &&
		    snprintf(options, sizeof(options), "size=%lld", (long long)v->size_limit) < 0)
			return error_set(err, ERR_INTERNAL, "no options");
		if (mount("tmpfs", v->dir, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
			return failed(err, "mount", v->dir);
		is_new = true;
	}
	if (is_new && chmod(v->dir, 0777) < 0)
		return failed(err, "chmod", v->dir);
	if (is_new && v->has_group &&
	    (chown(v->dir, (uid_t)-1, (gid_t)v->group) < 0 || chmod(v->dir, 02777) < 0))
		return failed(err, "chown", v->dir);
	return 0;
}

static int check_host(const struct volume *v, struct error *err)
{
	struct stat s;
	const char *type = v->host_type;
	if (streq(type, "DirectoryOrCreate") || streq(type, "FileOrCreate")) {
		if (streq(type, "DirectoryOrCreate")) {
			if (volume_make_dirs(v->dir, 0755, err) < 0)
				return err->code;
		} else {
			auto_close int fd = open(v->dir, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
			if (fd < 0)
				return failed(err, "create", v->dir);
		}
	}
	if (type[0] == '\0')
		return 0;
	bool exists = stat(v->dir, &s) == 0;
	bool fits = exists && (starts_with(type, "Directory") ? S_ISDIR(s.st_mode)
			       : starts_with(type, "File")    ? S_ISREG(s.st_mode)
			       : streq(type, "Socket")        ? S_ISSOCK(s.st_mode)
			       : streq(type, "CharDevice")    ? S_ISCHR(s.st_mode)
			       : streq(type, "BlockDevice")   ? S_ISBLK(s.st_mode)
							      : true);
	return fits ? 0
		    : error_set(err, ERR_INVALID, "hostPath type check failed: %s is not a %s",
				v->dir, type);
}

static int write_volume(const struct volume *v, struct error *err)
{
	switch (v->kind) {
	case VOLUME_DIRECTORY:
	case VOLUME_MEMORY:
		return write_empty(v, err);
	case VOLUME_FILES:
		if (volume_make_dirs(v->dir, 0755, err) < 0)
			return err->code;
		return write_files(v, err);
	case VOLUME_HOST:
		return check_host(v, err);
	case VOLUME_KIND_COUNT:
		break;
	}
	return 0;
}

int volume_set_write(const struct volume_set *s, struct error *err)
{
	auto_free char *volumes = xasprintf("%s/volumes", s->pod_dir);
	auto_free char *messages = xasprintf("%s/messages", s->pod_dir);
	if (volume_make_dirs(volumes, 0755, err) < 0 || volume_make_dirs(messages, 0755, err) < 0 ||
	    volume_make_dirs(s->log_dir, 0755, err) < 0)
		return err->code;
	for (size_t i = 0; i < s->count; i++)
		if (write_volume(&s->at[i], err) < 0)
			return error_wrap(err, "MountVolume.SetUp failed for volume \"%s\" ",
					  s->at[i].name);
	return 0;
}

/* ---- removal ---- */

static int unmount_below(const char *pod_dir, struct error *err)
{
	auto_free char *volumes = xasprintf("%s/volumes", pod_dir);
	DIR *d = opendir(volumes);
	if (!d)
		return errno == ENOENT ? 0 : failed(err, "open", volumes);
	int code = 0;
	for (struct dirent *e; (e = readdir(d));) {
		auto_free char *dir = xasprintf("%s/%s", volumes, e->d_name);
		if (e->d_name[0] == '.' || !is_mounted(dir))
			continue;
		if (umount2(dir, UMOUNT_NOFOLLOW) < 0 &&
		    umount2(dir, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
			code = failed(err, "unmount", dir);
	}
	closedir(d);
	return code;
}

int volume_set_remove(const char *pod_dir, const char *log_dir, struct error *err)
{
	if (unmount_below(pod_dir, err) < 0 || remove_tree(pod_dir, err) < 0)
		return err->code;
	return remove_tree(log_dir, err);
}

void volume_remove_cgroup(const char *cgroup_parent, const char *uid)
{
	DIR *d = opendir("/sys/fs/cgroup");
	if (!d)
		return;
	/* Version 2 has it at the root, version 1 in a directory for each controller. */
	for (struct dirent *e; (e = readdir(d));) {
		if (streq(e->d_name, ".."))
			continue;
		auto_free char *path =
			xasprintf("/sys/fs/cgroup/%s%s/pod%s", e->d_name, cgroup_parent, uid);
		(void)rmdir(path); /* not there, or somebody still is in it */
	}
	closedir(d);
}

/* ---- subPath ---- */

static int open_beneath(int root, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

int volume_make_subpath(const char *root, const char *sub, struct error *err)
{
	auto_close int dir = open(root, O_PATH | O_CLOEXEC | O_DIRECTORY);
	if (dir < 0)
		return failed(err, "open", root);
	auto_free char *path = xstrdup(sub);
	for (char *p = path;;) {
		p += strcspn(p, "/");
		char end = *p;
		*p = '\0';
		auto_close int there = open_beneath(dir, path);
		/* mkdirat follows links only in the part that was just checked. */
		if (there < 0 &&
		    (errno != ENOENT || (mkdirat(dir, path, 0755) < 0 && errno != EEXIST)))
			return failed(err, "subPath", path);
		if (end == '\0')
			return 0;
		*p++ = end;
	}
}
