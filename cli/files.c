#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define ARGS_MAX        64
#define OUTPUT_MAX      (1u << 20)
#define COMMAND_WAIT_MS 60000

int file_read(const char *path, struct str *out, struct error *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE,
				 "open %s: %s", path, strerror(errno));
	for (;;) {
		char buf[16384];
		ssize_t n = read(fd, buf, sizeof buf);
		if (n < 0)
			return error_set(err, ERR_UNAVAILABLE, "read %s: %s", path,
					 strerror(errno));
		if (n == 0)
			return str_check(out, path, err);
		str_add_bytes(out, buf, (size_t)n);
	}
}

int file_write(const char *path, const void *bytes, size_t n, unsigned mode, struct error *err)
{
	auto_free char *temporary = xasprintf("%s.tmp", path);
	auto_close int fd =
		open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
	if (fd < 0)
		return error_set(err, ERR_UNAVAILABLE, "create %s: %s", temporary,
				 strerror(errno));
	for (const char *p = bytes; n > 0;) {
		ssize_t done = write(fd, p, n);
		if (done < 0)
			return error_set(err, ERR_UNAVAILABLE, "write %s: %s", temporary,
					 strerror(errno));
		p += done;
		n -= (size_t)done;
	}
	if (fchmod(fd, (mode_t)mode) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0)
		return error_set(err, ERR_UNAVAILABLE, "write %s: %s", path, strerror(errno));
	return 0;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

int dir_make(const char *path, unsigned mode, struct error *err)
{
	auto_free char *copy = xstrdup(path);
	for (char *p = copy + 1;; p++) {
		if (*p && *p != '/')
			continue;
		char end = *p;
		*p = '\0';
		if (mkdir(copy, end ? 0755 : (mode_t)mode) < 0 && errno != EEXIST)
			return error_set(err, ERR_UNAVAILABLE, "mkdir %s: %s", copy,
					 strerror(errno));
		*p = end;
		if (!end)
			return 0;
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

int dir_remove(const char *path, struct error *err)
{
	if (nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 || errno == ENOENT)
		return 0;
	return error_set(err, ERR_UNAVAILABLE, "remove %s: %s", path, strerror(errno));
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void become(const char *const *argv, int out_fd)
{
	int null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(out_fd, 1);
	dup2(out_fd, 2);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Until the pipe ends or time is up; false: time is up. */
static bool collect(int fd, struct str *out, int timeout_ms)
{
	int64_t until = now_ms() + timeout_ms;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until - now_ms();
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return false;
		char buf[4096];
		ssize_t n = read(fd, buf, sizeof buf);
		if (n <= 0)
			return true;
		if (out)
			str_add_bytes(out, buf, (size_t)n);
	}
}

int command_run(const char *const *argv, struct str *out, int timeout_ms, int *ret_exit,
		struct error *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, ERR_UNAVAILABLE, "pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0)
		become(argv, fds[1]);
	close(fds[1]);
	auto_close int read_fd = fds[0];
	if (pid < 0)
		return error_set(err, ERR_UNAVAILABLE, "fork: %s", strerror(errno));
	bool in_time = collect(read_fd, out, timeout_ms);
	if (!in_time)
		kill(pid, SIGKILL);
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!in_time)
		return error_set(err, ERR_UNAVAILABLE, "%s took longer than %d s", argv[0],
				 timeout_ms / 1000);
	*ret_exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

static size_t gather(const char **argv, const char *arg0, va_list args)
{
	size_t n = 0;
	for (const char *a = arg0; a && n < ARGS_MAX - 1; a = va_arg(args, const char *))
		argv[n++] = a;
	argv[n] = NULL;
	return n;
}

int command_must(struct error *err, const char *arg0, ...)
{
	const char *argv[ARGS_MAX];
	va_list args;
	va_start(args, arg0);
	size_t n = gather(argv, arg0, args);
	va_end(args);
	AUTO_STR out, line;
	str_init(&out, OUTPUT_MAX);
	str_init(&line, OUTPUT_MAX);
	int code;
	if (command_run(argv, &out, COMMAND_WAIT_MS, &code, err) < 0)
		return err->code;
	if (code == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		str_addf(&line, "%s%s", i ? " " : "", argv[i]);
	while (out.len && out.data[out.len - 1] == '\n')
		str_truncate(&out, out.len - 1);
	return error_set(err, ERR_INTERNAL, "'%s' failed: %s", line.data, out.data);
}

void command_try(const char *arg0, ...)
{
	const char *argv[ARGS_MAX];
	va_list args;
	va_start(args, arg0);
	gather(argv, arg0, args);
	va_end(args);
	int code;
	struct error err;
	if (command_run(argv, NULL, COMMAND_WAIT_MS, &code, &err) < 0)
		return; /* what it would have removed may be gone already */
}
