/* What a container left as its last words: the termination message file, else the log's end. */
#include "nodeagent/log_lines.h"
#include "nodeagent/pod.h"

#include <errno.h>
#include <fcntl.h>

#define MESSAGE_MAX   4096
#define FALLBACK_MAX  2048
#define FALLBACK_READ 16384

struct message_work {
	struct pod *pod;
	char *id, *path, *log;
	bool may_use_log;
	struct str text;
};

/* The last `max` bytes of a small file. */
static void read_end(const char *path, size_t max, struct str *out)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char buf[4096];
	if (fd < 0)
		return;
	off_t size = lseek(fd, 0, SEEK_END);
	(void)lseek(fd, size > (off_t)max ? size - (off_t)max : 0, SEEK_SET);
	for (ssize_t n; out->len < max && (n = read(fd, buf, sizeof(buf))) > 0;)
		str_add_bytes(out, buf, MIN((size_t)n, max - out->len));
}

/* Text that the API takes: UTF-8 is not promised, so other bytes go. */
static void make_clean(struct str *s)
{
	for (size_t i = 0; i < s->len; i++)
		if ((unsigned char)s->data[i] >= 0x7f ||
		    ((unsigned char)s->data[i] < 0x20 && !strchr("\t\n", s->data[i])))
			s->data[i] = '?';
}

static void work(void *ctx)
{
	struct message_work *w = ctx;
	read_end(w->path, MESSAGE_MAX, &w->text);
	if (w->text.len == 0 && w->may_use_log && w->log[0]) {
		static const struct log_options all = { .tail_lines = -1, .limit_bytes = -1 };
		AUTO_STR raw;
		str_init(&raw, FALLBACK_READ);
		read_end(w->log, FALLBACK_READ, &raw);
		for (char *line = raw.data, *end; (end = strchr(line, '\n')); line = end + 1)
			(void)log_line(&all, line, (size_t)(end - line), &w->text);
		if (w->text.len > FALLBACK_MAX)
			str_consume(&w->text, w->text.len - FALLBACK_MAX);
	}
	make_clean(&w->text);
}

static void done(void *ctx)
{
	struct message_work *w = ctx;
	struct pod *p = w->pod;
	struct view_instance *v = view_instance_of(p, w->id);
	if (v && w->text.len) {
		free(v->message);
		v->message = xstrdup(w->text.data);
	}
	str_fini(&w->text);
	free(w->id);
	free(w->path);
	free(w->log);
	free(w);
	pod_look_again(p);
}

bool pod_message_collect(struct pod *p)
{
	for (size_t i = 0; i < p->view.instances_count; i++) {
		struct view_instance *v = &p->view.instances[i];
		if (v->state != INSTANCE_EXITED || !v->is_complete || v->is_message_read)
			continue;
		v->is_message_read = true;
		struct message_work *w = xcalloc(1, sizeof(*w));
		w->pod = p;
		w->id = xstrdup(v->id);
		w->path = pod_message_path(&p->agent->config.paths, p->uid, v->name, v->attempt);
		w->log = xstrdup(v->log_path ? v->log_path : "");
		w->may_use_log = v->exit_code != 0 && v->message_policy &&
				 streq(v->message_policy, "FallbackToLogsOnError");
		str_init(&w->text, 4 * FALLBACK_READ);
		loop_offload(p->agent->loop, work, done, w);
		return true;
	}
	return false;
}
