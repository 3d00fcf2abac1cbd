#include "common/client/control_loop_internal.h"

#include "common/io/log.h"

#include <stdio.h>

/* A conflict means that the cache is behind: soon it will not be. */
#define CONFLICT_MS 50

static bool is_fine(unsigned fine, int code)
{
	return code == ERR_OK || (fine & WORK_FINE_ANY) ||
	       (code == ERR_EXISTS && (fine & WORK_FINE_EXISTS)) ||
	       (code == ERR_NOT_FOUND && (fine & WORK_FINE_GONE)) ||
	       (code == ERR_CONFLICT && (fine & WORK_FINE_CONFLICT));
}

static void log_failure(const struct work *w, const struct work_write *write,
			const struct api_reply *reply)
{
	char status[16];
	int n = snprintf(status, sizeof status, "%d", reply->status);
	(void)n; /* a number of at most 11 characters */
	if (reply->code == ERR_CONFLICT)
		log_debug(w->owner->name, "conflict, planning anew", "key", w->key, "target",
			  write->take_target);
	else
		log_warn(w->owner->name, "write failed, will try again", "key", w->key, "method",
			 write->method, "target", write->take_target, "status", status, "why",
			 reply->message);
}

static void on_reply(void *ctx, const struct api_reply *reply)
{
	struct work_call *call = ctx;
	struct work *w = call->work;
	struct work_write *write = &w->writes[call->write];
	call->call = NULL;
	w->calls_running--;
	if (reply->code == 0)
		work_wrote(w, write->cache, reply->revision);
	if (!is_fine(write->fine, reply->code)) {
		log_failure(w, write, reply);
		w->is_failed = true;
		if (reply->retry_after_s > 0)
			work_again(w, (int64_t)reply->retry_after_s * 1000);
		else if (reply->code == ERR_CONFLICT)
			work_again(w, CONFLICT_MS);
	}
	if (write->replied)
		write->replied(write->replied_ctx, w, reply);
	if (w->calls_running == 0)
		work_step(w);
}

/* How many writes from the next one on may go out together. */
static size_t batch_size(struct work *w)
{
	size_t first = w->writes_started;
	unsigned group = w->writes[first].group;
	if (group == 0 || first == 0 || w->writes[first - 1].group != group)
		w->batch = group & WORK_EAGER ? CONTROL_LOOP_PARALLEL_MAX : 1;
	if (group == 0)
		return 1;
	size_t n = 0;
	while (first + n < w->writes_count && n < w->batch && w->writes[first + n].group == group)
		n++;
	w->batch = MIN(2 * w->batch, (size_t)CONTROL_LOOP_PARALLEL_MAX);
	return n;
}

void work_start_batch(struct work *w)
{
	size_t n = batch_size(w);
	w->calls = xrealloc(w->calls, n, sizeof *w->calls);
	w->calls_count = n;
	w->calls_running = n;
	for (size_t i = 0; i < n; i++) {
		struct work_write *write = &w->writes[w->writes_started + i];
		struct work_call *call = &w->calls[i];
		*call = (struct work_call){ .work = w, .write = w->writes_started + i };
		call->call = api_request(w->owner->api, write->method, write->take_target,
					 write->take_body, write->content_type, on_reply, call);
	}
	w->writes_started += n;
}

void work_write(struct work *w, const struct work_write *write)
{
	assert(w->writes_count < WORK_WRITES_MAX);
	if (w->writes_count == w->writes_size) {
		w->writes_size = w->writes_size ? 2 * w->writes_size : 8;
		w->writes = xrealloc(w->writes, w->writes_size, sizeof *w->writes);
	}
	w->writes[w->writes_count++] = *write;
}

static struct work_write *last_write(struct work *w)
{
	return &w->writes[w->writes_count - 1];
}

struct work_write *work_create(struct work *w, struct cache *c, const struct api_resource *r,
			       const char *ns, json_t *take_body)
{
	work_write(w, &(struct work_write){ .method = "POST",
					    .take_target = api_path(r, ns, NULL, NULL),
					    .take_body = take_body,
					    .cache = c });
	return last_write(w);
}

struct work_write *work_update(struct work *w, struct cache *c, const struct api_resource *r,
			       const char *subresource, json_t *take_object)
{
	char *target = api_path(r, json_str(take_object, "metadata.namespace"),
				json_str_or(take_object, "metadata.name", ""), subresource);
	work_write(w, &(struct work_write){ .method = "PUT",
					    .take_target = target,
					    .take_body = take_object,
					    .cache = c });
	return last_write(w);
}

struct work_write *work_patch(struct work *w, struct cache *c, const struct api_resource *r,
			      const char *ns, const char *name, const char *subresource,
			      const char *content_type, json_t *take_patch)
{
	work_write(w, &(struct work_write){ .method = "PATCH",
					    .take_target = api_path(r, ns, name, subresource),
					    .take_body = take_patch,
					    .content_type = content_type,
					    .cache = c });
	return last_write(w);
}

struct work_write *work_delete(struct work *w, struct cache *c, const struct api_resource *r,
			       const char *ns, const char *name, const char *uid, int grace_s,
			       const char *propagation)
{
	json_t *options = json_object();
	json_put_str(options, "apiVersion", "v1");
	json_put_str(options, "kind", "DeleteOptions");
	if (uid)
		json_put_str(options, "preconditions.uid", uid);
	if (grace_s >= 0)
		json_put_int(options, "gracePeriodSeconds", grace_s);
	if (propagation)
		json_put_str(options, "propagationPolicy", propagation);
	work_write(w, &(struct work_write){ .method = "DELETE",
					    .take_target = api_path(r, ns, name, NULL),
					    .take_body = options,
					    .cache = c,
					    .fine = WORK_FINE_GONE });
	return last_write(w);
}

struct work_write *work_get(struct work *w, const struct api_resource *r, const char *ns,
			    const char *name, work_replied *replied, void *ctx)
{
	work_write(w, &(struct work_write){ .method = "GET",
					    .take_target = api_path(r, ns, name, NULL),
					    .fine = WORK_FINE_GONE,
					    .replied = replied,
					    .replied_ctx = ctx });
	return last_write(w);
}

void work_then(struct work *w, work_then_function *then, void *ctx, void (*free_ctx)(void *ctx))
{
	assert(!w->then);
	w->then = then;
	w->then_ctx = ctx;
	w->then_free = free_ctx;
}

void work_again(struct work *w, int64_t delay_ms)
{
	assert(delay_ms >= 0);
	if (w->again_ms < 0 || delay_ms < w->again_ms)
		w->again_ms = delay_ms;
}

void work_fail(struct work *w, const char *why)
{
	log_warn(w->owner->name, "will try again", "key", w->key, "why", why);
	w->is_failed = true;
}

int64_t work_now_ms(const struct work *w)
{
	return loop_now_ms(w->owner->loop);
}

int64_t work_wall_us(const struct work *w)
{
	return loop_wall_us(w->owner->loop);
}

const char *work_key(const struct work *w)
{
	return w->key;
}
