/*
 * events.h - says what was done and why, as core/v1 Events that `kubectl describe` shows.
 *
 * The same event about the same object again bumps the count of the first one; more than
 * ten that differ only in their message become one "(combined from similar events)"; an
 * object may cause 25 at once and then one every five minutes. Sending is best effort: at most
 * 1,000 wait, and what the server refuses is dropped.
 *
 * Threads: the loop's.
 */
#pragma once

#include "common/client/api.h"

struct events;

/* `component` is borrowed for ever. `host` may be NULL. */
struct events *events_new(struct loop *loop, struct api *api, const char *component,
			  const char *host, uint64_t seed);
void events_free(struct events *e);
DEFINE_CLEANUP(events)

/* `object` is the object itself (its kind and apiVersion are given: lists leave them out).
 * `type`: "Normal" or "Warning". `field_path` may be NULL ("spec.containers{web}"). */
void events_emit_at(struct events *e, const char *api_version, const char *kind,
		    const json_t *object, const char *field_path, const char *type,
		    const char *reason, const char *fmt, ...) PRINTF_LIKE(8, 9);
#define events_emit(e, api_version, kind, object, type, reason, ...)                               \
	events_emit_at((e), (api_version), (kind), (object), NULL, (type), (reason), __VA_ARGS__)

/* While true, what is told waits for up to a second: the caller has better use for the processors. */
void events_give_way(struct events *e, bool gives_way);

/* Nothing waits to be sent. */
bool events_is_idle(const struct events *e);
