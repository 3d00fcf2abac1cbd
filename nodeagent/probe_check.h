/*
 * probe_check.h - one try of one probe, without blocking: TCP, HTTP, HTTPS, gRPC health. (exec goes
 * through the runtime.) Pod addresses are routed from where the agent runs.
 *
 * Threads: the loop's. done is called once, never inside the start; not after the cancel.
 */
#pragma once

#include "common/base/jsonx.h"
#include "common/io/loop.h"

enum probe_method { PROBE_TCP, PROBE_HTTP, PROBE_HTTPS, PROBE_GRPC };

struct probe_target {
	enum probe_method method;
	const char *address; /* numeric */
	uint16_t port;
	const char *path;      /* HTTP */
	const char *service;   /* gRPC */
	const json_t *headers; /* HTTP: list of {name, value}, or NULL */
	int64_t timeout_ms;
};

struct probe_check;

/* `why` is "" when it went well. */
struct probe_check *probe_check_start(struct loop *loop, const struct probe_target *target,
				      void (*done)(void *ctx, bool is_fine, const char *why),
				      void *ctx);
void probe_check_cancel(struct probe_check *c); /* NULL is fine */
