/*
 * hook.h - one lifecycle hook (postStart, preStop) of one container: exec, httpGet or sleep, bounded
 * in time. A hook of a kind that is not performed (tcpSocket) fails, as in the kubelet.
 *
 * Threads: the loop's. done is called once, never inside the start; not after the cancel.
 */
#pragma once

#include "nodeagent/pod.h"

struct hook;

/* `handler` is lifecycle.postStart or .preStop; timeout_ms 0: none. `why` NULL: it went well. */
typedef void hook_done(void *ctx, const char *why);
struct hook *hook_start(struct pod *p, const json_t *container, const char *id,
			const json_t *handler, int64_t timeout_ms, hook_done *done, void *ctx);
void hook_hurry(struct hook *h, int64_t timeout_ms); /* it ends by then; 0: in the next turn */
void hook_cancel(struct hook *h);                    /* NULL is fine */
