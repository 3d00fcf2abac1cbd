/*
 * service_nft.h - the kernel's side of Services: transactions by libnftables, and UDP connections
 * forgotten by netlink. One context, used by one worker at a time.
 *
 * Threads: the loop's; the work itself runs on a worker.
 */
#pragma once

#include "common/io/loop.h"
#include "nodeagent/net/service_plan.h"

struct service_nft;
typedef void service_nft_done(void *ctx, int code, const char *message);

int service_nft_new(struct loop *loop, const char *table, service_nft_done *done, void *ctx,
		    struct service_nft **ret, struct error *err) MUST_CHECK;
void service_nft_free(struct service_nft *n); /* not while something is under way */
DEFINE_CLEANUP(service_nft)

bool service_nft_is_busy(const struct service_nft *n);
/* One transaction, then the flushes. The change is the callee's. */
void service_nft_apply(struct service_nft *n, struct service_change *take_change);
/* Is the table still there? done's code: 0, ERR_NOT_FOUND. */
void service_nft_look(struct service_nft *n);

/* The transaction alone, at once and blocking (benches): 0, or ERR_UNAVAILABLE with the kernel's
 * words. */
int service_nft_run(struct service_nft *n, const char *text, struct error *err) MUST_CHECK;

/* ---- conntrack.c: blocking ---- */
int conntrack_flush_udp(const struct service_flush *flushes, size_t n,
			struct error *err) MUST_CHECK;
