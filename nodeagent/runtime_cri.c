#include "nodeagent/runtime.h"

struct runtime_cri {
	struct runtime face;
	struct cri_client *client;
	struct cri_events events;
};

static struct runtime_cri *own(struct runtime *r)
{
	return CONTAINER_OF(r, struct runtime_cri, face);
}

static struct runtime_call *start(struct runtime *r, const struct cri_request *request,
				  cri_done *done, void *ctx)
{
	return (struct runtime_call *)(void *)cri_start(own(r)->client, request, done, ctx);
}

static void cancel(struct runtime *r, struct runtime_call *call)
{
	(void)r;
	cri_cancel((struct cri_call *)(void *)call);
}

static void subscribe(struct runtime *r, const struct cri_events *events)
{
	own(r)->events = *events;
}

static void free_runtime(struct runtime *r)
{
	cri_client_free(own(r)->client);
	free(own(r));
}

static const struct runtime_ops ops = { start, cancel, subscribe, free_runtime };

/* The client tells us; we tell whoever subscribed. */
static void on_event(void *ctx, enum cri_event_type type, const char *id, int exit_code)
{
	struct runtime_cri *c = ctx;
	if (c->events.event)
		c->events.event(c->events.ctx, type, id, exit_code);
}

static void on_connected(void *ctx, bool is_connected)
{
	struct runtime_cri *c = ctx;
	if (c->events.connected)
		c->events.connected(c->events.ctx, is_connected);
}

int runtime_cri_new(struct loop *loop, const char *socket, struct runtime **ret, struct error *err)
{
	struct runtime_cri *c = xcalloc(1, sizeof(*c));
	struct cri_events events = { on_event, on_connected, c };
	struct cri_client_options options = { .socket = socket, .events = &events };
	if (cri_client_new(loop, &options, &c->client, err) < 0) {
		free(c);
		return err->code;
	}
	c->face.ops = &ops;
	*ret = &c->face;
	return 0;
}
