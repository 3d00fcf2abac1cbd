#include "nodeagent/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define SLICE          65536
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define CHECK_MS       500 /* has the container ended, was the file replaced */

struct log_file {
	struct loop *loop;
	char *path;
	struct log_options log;
	void (*wake)(void *ctx);
	bool (*is_live)(void *ctx);
	void *ctx;
	int fd, notify_fd;
	struct loop_fd *notify;
	struct loop_timer *check;
	struct str raw; /* bytes of the file that are no whole line yet */
	struct str out; /* what was not taken yet */
	int64_t left;   /* of limit_bytes; < 0: no limit */
	bool is_over;
	bool was_dead; /* the container had ended before the file's end was read last */
};

void log_file_free(struct log_file *f)
{
	if (!f)
		return;
	loop_fd_free(f->notify);
	if (f->notify_fd >= 0)
		close(f->notify_fd);
	loop_timer_free(f->check);
	if (f->fd >= 0)
		close(f->fd);
	str_fini(&f->raw);
	str_fini(&f->out);
	free(f->path);
	free(f);
}

/* Where the last n lines begin: from the end backwards, slice by slice. */
static int64_t tail_offset(int fd, int64_t lines)
{
	struct stat s;
	char buf[SLICE];
	if (fstat(fd, &s) < 0 || lines < 0)
		return 0;
	if (lines == 0)
		return s.st_size;
	int64_t seen = 0;
	for (int64_t end = s.st_size; end > 0;) {
		int64_t at = MAX(end - SLICE, (int64_t)0);
		ssize_t n = pread(fd, buf, (size_t)(end - at), at);
		if (n <= 0)
			return 0;
		for (ssize_t i = n; i-- > 0;)
			/* The newline at the very end closes the last line. */
			if (buf[i] == '\n' && at + i != s.st_size - 1 && ++seen == lines)
				return at + i + 1;
		end = at;
	}
	return 0;
}

static void on_notify(void *ctx, unsigned events)
{
	struct log_file *f = ctx;
	char buf[4096];
	(void)events;
	while (read(f->notify_fd, buf, sizeof(buf)) > 0)
		continue; /* which event it was does not matter */
	f->wake(f->ctx);
}

static void on_check(void *ctx)
{
	struct log_file *f = ctx;
	loop_timer_set(f->check, CHECK_MS);
	if (!f->is_live(f->ctx))
		f->wake(f->ctx);
}

static void start_following(struct log_file *f)
{
	f->check = loop_timer_new(f->loop, on_check, f);
	loop_timer_set(f->check, CHECK_MS);
	f->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (f->notify_fd < 0 || inotify_add_watch(f->notify_fd, f->path, IN_MODIFY) < 0)
		return; /* the check alone finds what is added, a little later */
	f->notify = loop_fd_new(f->loop, f->notify_fd, on_notify, f);
	loop_fd_set(f->notify, LOOP_READ);
}

int log_file_open(struct loop *loop, const struct log_file_options *options, struct log_file **ret,
		  struct error *err)
{
	int fd = open(options->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_set(err, ERR_NOT_FOUND, "failed to open log: %s", strerror(errno));
	struct log_file *f = xcalloc(1, sizeof(*f));
	*f = (struct log_file){ .loop = loop,
				.log = options->log,
				.wake = options->wake,
				.is_live = options->is_live,
				.ctx = options->ctx,
				.fd = fd,
				.notify_fd = -1,
				.left = options->log.limit_bytes };
	f->path = xstrdup(options->path);
	str_init(&f->raw, LINE_MAX_BYTES + SLICE);
	str_init(&f->out, 4 * LINE_MAX_BYTES);
	(void)lseek(fd, tail_offset(fd, f->log.tail_lines), SEEK_SET);
	if (f->log.follow)
		start_following(f);
	*ret = f;
	return 0;
}

/* Another file took the name (rotation): go on there. */
static bool reopen(struct log_file *f)
{
	struct stat own, named;
	if (fstat(f->fd, &own) < 0 || stat(f->path, &named) < 0 ||
	    (own.st_ino == named.st_ino && own.st_dev == named.st_dev))
		return false;
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	close(f->fd);
	f->fd = fd;
	if (f->notify_fd >= 0)
		(void)inotify_add_watch(f->notify_fd, f->path, IN_MODIFY);
	return true;
}

static void take_lines(struct log_file *f)
{
	size_t at = 0;
	while (at < f->raw.len && f->out.len < SLICE) {
		const char *line = f->raw.data + at;
		const char *end = memchr(line, '\n', f->raw.len - at);
		if (!end)
			break;
		(void)log_line(&f->log, line, (size_t)(end - line), &f->out);
		at += (size_t)(end - line) + 1;
	}
	str_consume(&f->raw, at);
	if (f->raw.len > LINE_MAX_BYTES) /* no line of ours is that long: let it go */
		str_clear(&f->raw);
}

/* More from the file into out; false: nothing there now. */
static bool fill(struct log_file *f)
{
	char buf[SLICE];
	take_lines(f);
	if (f->out.len > 0)
		return true;
	ssize_t n = read(f->fd, buf, sizeof(buf));
	if (n <= 0 && !(f->log.follow && reopen(f)))
		return false;
	if (n > 0)
		str_add_bytes(&f->raw, buf, (size_t)n);
	take_lines(f);
	return true;
}

ssize_t log_file_read(struct log_file *f, char *buf, size_t max)
{
	while (f->out.len == 0 && !f->is_over) {
		bool is_live = f->log.follow && f->is_live(f->ctx);
		if (fill(f))
			continue;
		if (is_live)
			return 0;
		f->is_over = true;
	}
	if (f->out.len == 0 || f->left == 0)
		return -1;
	size_t n = MIN(max, f->out.len);
	if (f->left > 0)
		n = MIN(n, (size_t)f->left);
	memcpy(buf, f->out.data, n);
	str_consume(&f->out, n);
	if (f->left > 0)
		f->left -= (int64_t)n;
	return (ssize_t)n;
}
