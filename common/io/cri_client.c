#include "common/io/cri_client.h"

#include "common/base/rng.h"
#include "common/io/cri_client_internal.h"
#include "common/io/h2_client.h"

#define REQUEST_MAX      ((size_t)16 << 20)
#define DEADLINE_MS      120000
#define DEADLINE_PULL_MS 3600000
#define RETRY_FIRST_MS   200
#define RETRY_MAX_MS     5000

/* A number in the request decides how long StopContainer and ExecSync may take. */
static const struct {
	const char *name;
	const char *method;
	int64_t deadline_ms;
	bool adds_timeout;
} ops[CRI_OP_COUNT] = {
#define RUNTIME(op) #op, "/runtime.v1.RuntimeService/" #op
#define IMAGES(op)  #op, "/runtime.v1.ImageService/" #op
	[CRI_VERSION] = { RUNTIME(Version), 10000, false },
	[CRI_STATUS] = { RUNTIME(Status), 10000, false },
	[CRI_RUN_SANDBOX] = { RUNTIME(RunPodSandbox), 240000, false },
	[CRI_STOP_SANDBOX] = { RUNTIME(StopPodSandbox), DEADLINE_MS, false },
	[CRI_REMOVE_SANDBOX] = { RUNTIME(RemovePodSandbox), DEADLINE_MS, false },
	[CRI_SANDBOX_STATUS] = { RUNTIME(PodSandboxStatus), DEADLINE_MS, false },
	[CRI_LIST_SANDBOXES] = { RUNTIME(ListPodSandbox), DEADLINE_MS, false },
	[CRI_CREATE_CONTAINER] = { RUNTIME(CreateContainer), DEADLINE_MS, false },
	[CRI_START_CONTAINER] = { RUNTIME(StartContainer), DEADLINE_MS, false },
	[CRI_STOP_CONTAINER] = { RUNTIME(StopContainer), DEADLINE_MS, true },
	[CRI_REMOVE_CONTAINER] = { RUNTIME(RemoveContainer), DEADLINE_MS, false },
	[CRI_CONTAINER_STATUS] = { RUNTIME(ContainerStatus), DEADLINE_MS, false },
	[CRI_LIST_CONTAINERS] = { RUNTIME(ListContainers), DEADLINE_MS, false },
	[CRI_EXEC_SYNC] = { RUNTIME(ExecSync), 10000, true },
	[CRI_EXEC] = { RUNTIME(Exec), 10000, false },
	[CRI_ATTACH] = { RUNTIME(Attach), 10000, false },
	[CRI_PORT_FORWARD] = { RUNTIME(PortForward), 10000, false },
	[CRI_PULL_IMAGE] = { IMAGES(PullImage), DEADLINE_PULL_MS, false },
	[CRI_IMAGE_STATUS] = { IMAGES(ImageStatus), DEADLINE_MS, false },
	[CRI_LIST_IMAGES] = { IMAGES(ListImages), DEADLINE_MS, false },
	[CRI_REMOVE_IMAGE] = { IMAGES(RemoveImage), DEADLINE_MS, false },
	[CRI_IMAGE_FS] = { IMAGES(ImageFsInfo), DEADLINE_MS, false },
	[CRI_LIST_STATS] = { RUNTIME(ListContainerStats), DEADLINE_MS, false },
	[CRI_UPDATE_RESOURCES] = { RUNTIME(UpdateContainerResources), DEADLINE_MS, false },
	[CRI_REOPEN_LOG] = { RUNTIME(ReopenContainerLog), DEADLINE_MS, false },
#undef RUNTIME
#undef IMAGES
};

struct cri_client {
	struct loop *loop;
	struct h2_client *h2;
	struct cri_call *first;
	struct cri_events events;
	struct grpc_call *stream;
	struct loop_timer *retry;
	int64_t retry_ms;
	bool is_connected;
	struct rng rng;
};

struct cri_call {
	struct cri_client *client;
	struct cri_call *prev, *next;
	enum cri_op op;
	struct grpc_call *grpc;
	cri_done *done;
	void *ctx;
};

const char *cri_op_name(enum cri_op op)
{
	return ops[op].name;
}

/* ---- calls ---- */

static void call_free(struct cri_call *call)
{
	if (call->prev)
		call->prev->next = call->next;
	else
		call->client->first = call->next;
	if (call->next)
		call->next->prev = call->prev;
	free(call);
}

static void on_done(void *ctx, const struct grpc_reply *r)
{
	struct cri_call *call = ctx;
	AUTO_ARENA a = { 0 };
	struct error err = { 0 };
	void *message = NULL;
	struct cri_reply reply = { .message = "", .text = "", .may_have_run = r->may_have_run };
	reply.code = grpc_reply_error(r, &err);
	if (reply.code == 0)
		reply.code = cri_unpack(call->op, r->bytes, r->len, &a, &reply, &message, &err);
	if (reply.code < 0)
		reply.message = err.text;
	cri_done *done = call->done;
	void *done_ctx = call->ctx;
	call_free(call);
	done(done_ctx, &reply);
	cri_unpack_free(message);
}

struct cri_call *cri_start(struct cri_client *c, const struct cri_request *request, cri_done *done,
			   void *ctx)
{
	struct cri_call *call = xcalloc(1, sizeof(*call));
	*call = (struct cri_call){ .client = c, .op = request->op, .done = done, .ctx = ctx };
	call->next = c->first;
	if (c->first)
		c->first->prev = call;
	c->first = call;

	AUTO_STR bytes;
	str_init(&bytes, REQUEST_MAX);
	cri_pack(request, &bytes);
	assert(str_ok(&bytes)); /* an API object is far smaller */
	int64_t deadline_ms = request->deadline_ms;
	if (deadline_ms == 0)
		deadline_ms = ops[request->op].deadline_ms +
			      (ops[request->op].adds_timeout ? request->timeout_s * 1000 : 0);
	call->grpc = grpc_call(c->h2, ops[request->op].method, bytes.data, bytes.len, deadline_ms,
			       on_done, call);
	return call;
}

void cri_cancel(struct cri_call *call)
{
	grpc_cancel(call->grpc);
	call_free(call);
}

/* ---- events ---- */

static void set_connected(struct cri_client *c, bool is_connected)
{
	if (c->is_connected == is_connected)
		return;
	c->is_connected = is_connected;
	if (c->events.connected)
		c->events.connected(c->events.ctx, is_connected);
}

static void on_stream_message(void *ctx, const void *bytes, size_t len)
{
	struct cri_client *c = ctx;
	AUTO_ARENA a = { 0 };
	enum cri_event_type type;
	const char *id;
	int exit_code;
	if (cri_unpack_event(bytes, len, &a, &type, &id, &exit_code) && c->events.event)
		c->events.event(c->events.ctx, type, id, exit_code);
}

static void on_stream_done(void *ctx, const struct grpc_reply *reply)
{
	struct cri_client *c = ctx;
	(void)reply;
	c->stream = NULL;
	int64_t span = c->retry_ms;
	c->retry_ms = MIN(span * 2, (int64_t)RETRY_MAX_MS);
	loop_timer_set(c->retry, span / 2 + (int64_t)rng_below(&c->rng, (uint64_t)span));
	set_connected(c, false);
}

/* containerd answers with headers only when the first event comes, so a call that comes back
 * after the subscription was sent shows that it stands. */
static void on_version(void *ctx, const struct cri_reply *reply)
{
	struct cri_client *c = ctx;
	if (reply->code < 0 || !c->stream)
		return;
	c->retry_ms = RETRY_FIRST_MS;
	set_connected(c, true);
}

static void subscribe(void *ctx)
{
	struct cri_client *c = ctx;
	static const struct grpc_stream_events events = {
		.message = on_stream_message,
		.done = on_stream_done,
	};
	AUTO_STR bytes;
	str_init(&bytes, 4096);
	cri_pack_subscribe(&bytes);
	c->stream = grpc_stream_open(c->h2, "/containerd.services.events.v1.Events/Subscribe",
				     &events, c);
	grpc_stream_send(c->stream, bytes.data, bytes.len);
	grpc_stream_finish(c->stream);
	(void)cri_start(c, &(struct cri_request){ .op = CRI_VERSION }, on_version, c);
}

/* ---- the client ---- */

int cri_client_new(struct loop *loop, const struct cri_client_options *options,
		   struct cri_client **ret, struct error *err)
{
	struct h2_endpoint at = { .unix_socket = options->socket };
	struct h2_client_options h2 = { .endpoints = &at, .endpoints_count = 1 };
	struct cri_client *c = xcalloc(1, sizeof(*c));
	if (h2_client_new(loop, &h2, &c->h2, err) < 0) {
		free(c);
		return err->code;
	}
	c->loop = loop;
	c->rng.state = (uint64_t)loop_wall_us(loop);
	c->retry_ms = RETRY_FIRST_MS;
	if (options->events) {
		c->events = *options->events;
		c->retry = loop_timer_new(loop, subscribe, c);
		loop_timer_set(c->retry, 0);
	}
	*ret = c;
	return 0;
}

void cri_client_free(struct cri_client *c)
{
	if (!c)
		return;
	while (c->first)
		cri_cancel(c->first);
	if (c->stream)
		grpc_cancel(c->stream);
	loop_timer_free(c->retry);
	h2_client_free(c->h2);
	free(c);
}
