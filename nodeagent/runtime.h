/*
 * runtime.h - what makes and runs containers, behind a face that tests and the simulation can
 * implement (tests/support/runtime_fake.h). The real one is containerd by CRI; the
 * requests and replies are cri_client.h's, whoever answers them.
 *
 * Threads: the loop's. No callback is made inside a call.
 */
#pragma once

#include "common/io/cri_client.h"

struct runtime;
struct runtime_call;

struct runtime_ops {
	struct runtime_call *(*start)(struct runtime *r, const struct cri_request *request,
				      cri_done *done, void *ctx);
	void (*cancel)(struct runtime *r, struct runtime_call *call);
	/* At most once, before anything is started. */
	void (*subscribe)(struct runtime *r, const struct cri_events *events);
	void (*free)(struct runtime *r);
};

struct runtime {
	const struct runtime_ops *ops;
};

static inline struct runtime_call *
runtime_start(struct runtime *r, const struct cri_request *request, cri_done *done, void *ctx)
{
	return r->ops->start(r, request, done, ctx);
}

static inline void runtime_cancel(struct runtime *r, struct runtime_call *call)
{
	r->ops->cancel(r, call);
}

static inline void runtime_free(struct runtime *r)
{
	if (r)
		r->ops->free(r);
}

/* containerd at a unix socket. */
int runtime_cri_new(struct loop *loop, const char *socket, struct runtime **ret,
		    struct error *err) MUST_CHECK;
