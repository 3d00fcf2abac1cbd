#include "nodeagent/house.h"

#include "common/io/log.h"
#include "nodeagent/pod.h"

#include <dirent.h>
#include <stdio.h>

#define ROUND_MS    10000
#define LIVES_MAX   10000
#define ORPHANS_MAX 10000

struct life {
	char *dir, *id, *moved;
	uint32_t attempt;
	bool is_live, is_moved;
};

struct house {
	struct agent *agent;
	struct loop_timer *timer;
	struct life *lives; /* of the round under way */
	size_t lives_count;
	char *pods_dir, *log_dir;
	char **found; /* what lies below pods/ and log/: uid, path, and so on */
	size_t found_count;
	int64_t now_ms;
	bool is_working, are_orphans_gone, is_freed;
};

static void destroy(struct house *h)
{
	free(h->pods_dir);
	free(h->log_dir);
	free(h);
}

static void round_end(struct house *h)
{
	for (size_t i = 0; i < h->lives_count; i++) {
		free(h->lives[i].dir);
		free(h->lives[i].id);
		free(h->lives[i].moved);
	}
	free(h->lives);
	h->lives = NULL;
	h->lives_count = 0;
	for (size_t i = 0; i < h->found_count; i++)
		free(h->found[i]);
	free(h->found);
	h->found = NULL;
	h->found_count = 0;
	h->is_working = false;
	if (h->is_freed)
		destroy(h);
	else
		loop_timer_set(h->timer, ROUND_MS);
}

/* ---- files that nobody owns ---- */

static void find_below(struct house *h, const char *dir, bool is_log)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	while (d && h->found_count < 2 * ORPHANS_MAX && (e = readdir(d)) != NULL) {
		const char *uid = is_log ? strrchr(e->d_name, '_') : e->d_name;
		if (e->d_name[0] == '.' || !uid)
			continue;
		h->found = xrealloc(h->found, h->found_count + 2, sizeof(*h->found));
		h->found[h->found_count++] = xstrdup(uid + is_log);
		h->found[h->found_count++] = xasprintf("%s/%s", dir, e->d_name);
	}
	if (d)
		closedir(d);
}

static void find_files(void *ctx)
{
	struct house *h = ctx;
	find_below(h, h->pods_dir, false);
	find_below(h, h->log_dir, true);
}

static void remove_files(void *ctx)
{
	struct house *h = ctx;
	struct error err;
	for (size_t i = 0; i + 1 < h->found_count; i += 2)
		if (h->found[i] && volume_set_remove(h->found[i + 1], h->found[i + 1], &err) < 0)
			log_warn("house", "files of a pod that is gone stay", "path",
				 h->found[i + 1], "why", err.text);
}

static void files_removed(void *ctx)
{
	round_end(ctx);
}

static void files_found(void *ctx)
{
	struct house *h = ctx;
	h->are_orphans_gone = true;
	size_t n = 0;
	for (size_t i = 0; i + 1 < h->found_count && !h->is_freed; i += 2) {
		if (!agent_pod(h->agent, h->found[i])) {
			n++;
			continue;
		}
		free(h->found[i]);
		h->found[i] = NULL;
	}
	if (n == 0 || h->is_freed) {
		round_end(h);
		return;
	}
	char count[24];
	if (snprintf(count, sizeof(count), "%zu", n) > 0)
		log_info("house", "files of pods that are gone", "directories", count);
	loop_offload(h->agent->loop, remove_files, files_removed, h);
}

/* ---- logs ---- */

static void rotate_logs(void *ctx)
{
	struct house *h = ctx;
	for (size_t i = 0; i < h->lives_count; i++) {
		struct life *l = &h->lives[i];
		l->is_moved = log_rotate(l->dir, l->attempt, l->is_live, LOG_SIZE_MAX, h->now_ms,
					 &l->moved);
	}
}

static void on_reopened(void *ctx, const struct cri_reply *reply)
{
	char *moved = ctx, *dot = strrchr(moved, '.');
	if (reply->code < 0 && dot) {
		/* It goes on writing where it did: under its old name again. */
		auto_free char *path = xstrndup(moved, (size_t)(dot - moved));
		log_warn("house", "log not rotated", "path", path, "why", reply->message);
		(void)rename(moved, path);
	}
	free(moved);
}

static void logs_rotated(void *ctx)
{
	struct house *h = ctx;
	for (size_t i = 0; i < h->lives_count && !h->is_freed; i++) {
		struct life *l = &h->lives[i];
		if (l->is_moved)
			(void)runtime_start(
				h->agent->runtime,
				&(struct cri_request){ .op = CRI_REOPEN_LOG, .id = l->id },
				on_reopened, TAKE(l->moved));
	}
	round_end(h);
}

static void add_lives(struct house *h, struct pod *p)
{
	if (!p->object)
		return;
	auto_free char *dir = pod_log_dir(&h->agent->config.paths, p->object);
	for (size_t i = 0; i < p->memory_count && h->lives_count < LIVES_MAX; i++) {
		const struct view_instance *v = view_nth(p, p->memory[i].name, 0);
		if (!v)
			continue;
		h->lives = xrealloc(h->lives, h->lives_count + 1, sizeof(*h->lives));
		h->lives[h->lives_count++] =
			(struct life){ .dir = xasprintf("%s/%s", dir, v->name),
				       .id = xstrdup(v->id),
				       .attempt = v->attempt,
				       .is_live = v->state == INSTANCE_RUNNING };
	}
}

static void on_round(void *ctx)
{
	struct house *h = ctx;
	struct agent *a = h->agent;
	const char *uid;
	void *value;
	h->is_working = true;
	if (!h->are_orphans_gone) {
		loop_offload(a->loop, find_files, files_found, h);
		return;
	}
	h->now_ms = agent_now_ms(a);
	for (size_t i = 0; (i = map_next(&a->pods, i, &uid, &value)) != 0;)
		add_lives(h, value);
	loop_offload(a->loop, rotate_logs, logs_rotated, h);
}

struct house *house_new(struct agent *a)
{
	struct house *h = xcalloc(1, sizeof(*h));
	h->agent = a;
	h->pods_dir = xasprintf("%s/pods", a->root);
	h->log_dir = xstrdup(a->log_root);
	h->timer = loop_timer_new(a->loop, on_round, h);
	return h;
}

void house_start(struct house *h)
{
	loop_timer_set(h->timer, ROUND_MS);
}

void house_free(struct house *h)
{
	if (!h)
		return;
	loop_timer_free(h->timer);
	h->is_freed = true;
	if (!h->is_working)
		destroy(h);
}
