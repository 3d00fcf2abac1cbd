#include "nodeagent/hook.h"

#include "nodeagent/probe_check.h"

#include <stdio.h>

#define HTTP_MAX_MS 600000
#define EXEC_MAX_MS (24 * 3600 * (int64_t)1000) /* one without an end of its own */

struct hook {
	struct pod *pod;
	struct runtime_call *exec;
	struct probe_check *check;
	struct loop_timer *timer;
	bool is_sleep;
	const char *failed; /* at once: the timer tells */
	hook_done *done;
	void *ctx;
};

void hook_cancel(struct hook *h)
{
	if (!h)
		return;
	if (h->exec)
		runtime_cancel(h->pod->agent->runtime, h->exec);
	probe_check_cancel(h->check);
	loop_timer_free(h->timer);
	free(h);
}

static void end(struct hook *h, const char *why)
{
	hook_done *done = h->done;
	void *ctx = h->ctx;
	hook_cancel(h);
	done(ctx, why);
}

static void on_timer(void *ctx)
{
	struct hook *h = ctx;
	end(h, h->is_sleep ? NULL : h->failed ? h->failed : "its time is over");
}

static void on_exec(void *ctx, const struct cri_reply *reply)
{
	struct hook *h = ctx;
	char why[160];
	h->exec = NULL;
	if (reply->code == 0 && reply->exit_code == 0)
		end(h, NULL);
	else if (reply->code < 0)
		end(h, reply->message);
	else if (snprintf(why, sizeof(why), "command exited with %d: %.*s", reply->exit_code,
			  (int)MIN(reply->err_len, (size_t)100), (const char *)reply->err) > 0)
		end(h, why);
}

/* Any answer will do: only probes look at the status. */
static void on_checked(void *ctx, bool is_fine, const char *why)
{
	struct hook *h = ctx;
	h->check = NULL;
	end(h, is_fine || starts_with(why, "HTTP probe failed with") ? NULL : why);
}

static void start_exec(struct hook *h, const char *id, const json_t *command, int64_t timeout_ms)
{
	AUTO_ARENA a = { 0 };
	size_t i;
	json_t *each;
	const char **texts = arena_alloc(&a, json_array_size(command), sizeof(*texts));
	json_array_foreach (command, i, each) {
		texts[i] = json_string_value(each);
	}
	h->exec = runtime_start(h->pod->agent->runtime,
				&(struct cri_request){ .op = CRI_EXEC_SYNC,
						       .id = id,
						       .command = { texts, i },
						       .timeout_s = (timeout_ms + 999) / 1000,
						       .deadline_ms = timeout_ms ? timeout_ms + 2000
										 : EXEC_MAX_MS },
				on_exec, h);
}

struct hook *hook_start(struct pod *p, const json_t *container, const char *id,
			const json_t *handler, int64_t timeout_ms, hook_done *done, void *ctx)
{
	AUTO_ARENA a = { 0 };
	struct probe_target target;
	const json_t *command = json_dig(handler, "exec.command");
	const json_t *sleep = json_object_get(handler, "sleep");
	const json_t *http = json_object_get(handler, "httpGet");
	struct hook *h = xcalloc(1, sizeof(*h));
	*h = (struct hook){ .pod = p, .done = done, .ctx = ctx };
	h->timer = loop_timer_new(p->agent->loop, on_timer, h);
	if (timeout_ms > 0)
		loop_timer_set(h->timer, timeout_ms);
	if (command) {
		start_exec(h, id, command, timeout_ms);
	} else if (sleep) {
		int64_t ms = MAX(json_int_or(sleep, "seconds", 0), (int64_t)0) * 1000;
		h->is_sleep = true;
		loop_timer_set(h->timer, timeout_ms > 0 ? MIN(ms, timeout_ms) : ms);
	} else if (http) {
		probe_target_make(p, container, handler, timeout_ms ? timeout_ms : HTTP_MAX_MS, &a,
				  &target);
		h->check = probe_check_start(p->agent->loop, &target, on_checked, h);
	} else {
		h->failed = "there is no hook of this kind";
		loop_timer_set(h->timer, 0);
	}
	return h;
}

void hook_hurry(struct hook *h, int64_t timeout_ms)
{
	loop_timer_set(h->timer, MAX(timeout_ms, (int64_t)0));
}
