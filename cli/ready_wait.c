#include "cli/ready_wait.h"
#include "cli/command.h"
#include "cli/last_words.h"
#include "cli/live.h"
#include "cli/progress.h"
#include "cli/ready_plan.h"
#include "cli/request.h"

#include <stdio.h>

#define TEXT_MAX 4096

struct item {
	const struct ready_target *target;
	char *label; /* "Deployment/web", or "ns/Deployment/web" */
	enum ready_state state;
	bool waits_for_others;
	struct str text;
	struct ready_culprit culprit;
	int64_t ready_ms;  /* since the start; -1: not yet */
	int64_t settle_ms; /* when it may be believed to be ready; -1: it is not ready */
};

struct waiting {
	struct session *session;
	struct live *live;
	struct progress *progress;
	struct item *items;
	size_t count;
	int64_t start_ms;
	const struct ready_wait_options *options;
	struct loop_timer *limit, *give_up, *settle;
	bool is_over, is_ready, is_late, has_given_up;
};

void ready_targets_free(struct ready_target *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(at[i].ns);
		free(at[i].name);
	}
	free(at);
}

/* Ready by its status: is it for long enough? */
static void settle(struct waiting *w, struct item *it, const json_t *const *pods, size_t n)
{
	int64_t now_ms = loop_now_ms(w->session->loop);
	int64_t need_ms = ready_settle_ms(pods, n, loop_wall_us(w->session->loop));
	if (it->settle_ms < 0)
		it->settle_ms = now_ms + need_ms;
	if (now_ms >= it->settle_ms)
		return;
	it->state = READY_WAITING;
	str_add(&it->text, ", looking whether it stays so (it has no readiness probe)");
	if (!loop_timer_is_set(w->settle))
		loop_timer_set(w->settle, it->settle_ms - now_ms);
}

static void judge(struct waiting *w, struct item *it)
{
	const struct ready_target *t = it->target;
	struct cache *c = live_cache(w->live, t->kind.kind, t->ns);
	const json_t *tree =
		c ? cache_get_at(c, t->kind.is_namespaced ? t->ns : NULL, t->name) : NULL;
	str_clear(&it->text);
	it->culprit = (struct ready_culprit){ "", "", false };
	it->waits_for_others = false;
	if (!tree) {
		it->state = READY_FAILED;
		str_add(&it->text, "was deleted");
		return;
	}
	if (json_int_or(tree, "metadata.generation", 0) < t->generation) {
		it->state = READY_WAITING;
		str_add(&it->text, "accepted");
		return;
	}
	const json_t **pods = xcalloc(LIVE_PODS_MAX, sizeof *pods);
	size_t n = live_pods(w->live, t->kind.kind, tree, pods, LIVE_PODS_MAX);
	it->state = ready_plan(t->kind.kind, tree, pods, n, &it->text, &it->culprit);
	if (it->state == READY_YES)
		settle(w, it, pods, n);
	else
		it->settle_ms = -1;
	free(pods);
	it->waits_for_others = streq(
		json_str_or(ready_condition(tree, "DependenciesReady"), "status", ""), "False");
}

static void show(struct waiting *w, struct item *it)
{
	static const enum mark marks[READY_STATE_COUNT] = { MARK_DONE, MARK_WAIT, MARK_WARN,
							    MARK_FAIL };
	if (it->state != READY_YES) {
		it->ready_ms = -1;
		progress_tell(w->progress, it->label, marks[it->state], it->text.data);
		return;
	}
	if (it->ready_ms < 0)
		it->ready_ms = loop_now_ms(w->session->loop) - w->start_ms;
	auto_free char *text =
		xasprintf("%s (%lld.%lld s)", it->text.data, (long long)(it->ready_ms / 1000),
			  (long long)(it->ready_ms / 100 % 10));
	progress_tell(w->progress, it->label, MARK_DONE, text);
}

static void over(struct waiting *w)
{
	w->is_over = true;
	loop_stop(w->session->loop);
}

/* Something is wrong, and all else that is not ready waits for others. */
static bool is_standstill(const struct waiting *w)
{
	bool any = false;
	for (size_t i = 0; i < w->count; i++) {
		const struct item *it = &w->items[i];
		any |= it->state == READY_STUCK;
		if (it->state == READY_WAITING && !it->waits_for_others)
			return false;
	}
	return any;
}

static void on_change(void *ctx)
{
	struct waiting *w = ctx;
	size_t ready = 0, failed = 0;
	if (w->is_over || !live_is_synced(w->live))
		return;
	for (size_t i = 0; i < w->count; i++) {
		judge(w, &w->items[i]);
		show(w, &w->items[i]);
		ready += w->items[i].state == READY_YES;
		failed += w->items[i].state == READY_FAILED;
	}
	progress_show(w->progress);
	w->is_ready = ready == w->count;
	if (w->is_ready || failed > 0)
		over(w);
	if (!is_standstill(w))
		loop_timer_stop(w->give_up);
	else if (w->options->give_up_us && !loop_timer_is_set(w->give_up))
		loop_timer_set(w->give_up, w->options->give_up_us / 1000);
}

static void on_limit(void *ctx)
{
	struct waiting *w = ctx;
	w->is_late = true;
	over(w);
}

static void on_give_up(void *ctx)
{
	struct waiting *w = ctx;
	w->has_given_up = true;
	over(w);
}

/* ---- why not ---- */

static void explain(struct waiting *w, const struct item *it)
{
	AUTO_STR line;
	str_init(&line, TEXT_MAX + 2048);
	str_addf(&line, "%s: %s", it->label, it->text.len ? it->text.data : "not seen yet");
	AUTO_STR words;
	str_init(&words, TEXT_MAX);
	if (last_words(w->session, it->target->ns ? it->target->ns : "", &it->culprit, &words))
		str_addf(&line, "; last log line: %s", words.data);
	fprintf(stderr, "error: %s\n", line.data);
}

/* What was seen last may be old: if nobody answers now, that is the reason. */
static bool is_server_there(struct session *s)
{
	AUTO_REPLY r = { 0 };
	request_json(s, "GET", "/version", NULL, NULL, &r);
	return r.status != 0 || reply_explain(s, NULL, &r) != EXIT_UNREACHABLE;
}

static int conclude(struct waiting *w)
{
	bool was_synced = live_is_synced(w->live);
	auto_free char *trouble = xstrdup(live_trouble(w->live));
	/* No more callbacks: what follows asks for logs on the same loop. */
	live_free(TAKE(w->live));
	if (w->is_ready)
		return EXIT_DONE;
	if (!was_synced) {
		fprintf(stderr, "error: the server at %s does not answer: %s\n",
			w->session->config.server, *trouble ? trouble : "no answer in time");
		return EXIT_UNREACHABLE;
	}
	if (w->is_late && *trouble && !is_server_there(w->session))
		return EXIT_UNREACHABLE;
	for (size_t i = 0; i < w->count; i++)
		if (w->items[i].state != READY_YES)
			explain(w, &w->items[i]);
	if (w->is_late)
		fprintf(stderr,
			"error: not all is ready after %lld s; `skiff why KIND/NAME` and "
			"`skiff describe` tell more\n",
			(long long)(w->options->timeout_us / 1000000));
	if (w->has_given_up)
		fprintf(stderr, "error: something is wrong and nothing else has moved for %lld s\n",
			(long long)(w->options->give_up_us / 1000000));
	return EXIT_FAILED;
}

static bool is_one_namespace(const struct ready_target *targets, size_t n)
{
	const char *ns = NULL;
	for (size_t i = 0; i < n; i++) {
		if (!targets[i].ns)
			continue;
		if (ns && !streq(ns, targets[i].ns))
			return false;
		ns = targets[i].ns;
	}
	return true;
}

static void add_item(struct waiting *w, const struct ready_target *t, bool with_namespace)
{
	struct item *it = &w->items[w->count++];
	*it = (struct item){ .target = t, .state = READY_WAITING, .ready_ms = -1, .settle_ms = -1 };
	it->label = with_namespace && t->ns ? xasprintf("%s/%s/%s", t->ns, t->kind.kind, t->name)
					    : xasprintf("%s/%s", t->kind.kind, t->name);
	str_init(&it->text, TEXT_MAX);
	if (t->kind.is_namespaced)
		live_watch_workloads(w->live, t->ns);
	(void)live_watch(w->live, &t->kind, t->ns);
}

int ready_wait(struct session *s, const struct ready_target *targets, size_t n,
	       const struct ready_wait_options *options)
{
	struct waiting w = { .session = s, .options = options };
	bool with_namespace = !is_one_namespace(targets, n);
	w.start_ms = loop_now_ms(s->loop);
	w.live = live_new(s, on_change, &w);
	w.progress = progress_new();
	w.items = xcalloc(n ? n : 1, sizeof *w.items);
	w.limit = loop_timer_new(s->loop, on_limit, &w);
	w.settle = loop_timer_new(s->loop, on_change, &w);
	w.give_up = loop_timer_new(s->loop, on_give_up, &w);
	for (size_t i = 0; i < n; i++)
		if (ready_is_watched(targets[i].kind.kind))
			add_item(&w, &targets[i], with_namespace);
	loop_timer_set(w.limit, options->timeout_us / 1000);
	w.is_ready = w.count == 0;
	if (w.count > 0)
		loop_run(s->loop);
	loop_timer_free(w.limit);
	loop_timer_free(w.give_up);
	loop_timer_free(w.settle);
	int code = conclude(&w);
	progress_free(w.progress);
	for (size_t i = 0; i < w.count; i++) {
		free(w.items[i].label);
		str_fini(&w.items[i].text);
	}
	free(w.items);
	return code;
}
