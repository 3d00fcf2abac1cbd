#include "common/io/http_client.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include "common/base/str.h"
#include "common/io/http_client_internal.h"

#define HEADERS_MAX      128
#define HEADER_BYTES_MAX (256u << 10)

static struct http_client *client_of(struct http_transport *t)
{
	return CONTAINER_OF(t, struct http_client, base);
}

static void call_free(struct http_call *call)
{
	if (call->is_added)
		curl_multi_remove_handle(call->client->multi, call->easy);
	if (call->next)
		call->next->link = call->link;
	*call->link = call->next;
	loop_timer_free(call->idle);
	loop_fd_free(call->body_ready);
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->request_headers);
	curl_slist_free_all(call->connect_to);
	if (call->body_fd >= 0)
		close(call->body_fd);
	str_fini(&call->head);
	free(call->url);
	free(call->body);
	free(call);
}

/* ---- the answer ---- */

static void tell_head(struct http_call *call)
{
	if (call->is_head_told || call->is_cancelled)
		return;
	call->is_head_told = true;
	long status = 0;
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	struct http_header headers[HEADERS_MAX];
	const char *at = call->head.data;
	for (size_t i = 0; i < call->headers_count; i++) {
		headers[i].name = at;
		at += strlen(at) + 1;
		headers[i].value = at;
		at += strlen(at) + 1;
	}
	if (call->events.head)
		call->events.head(call->ctx, (int)status, headers, call->headers_count);
}

static void keep_header(struct http_call *call, const char *bytes, size_t len)
{
	const char *colon = memchr(bytes, ':', len);
	if (!colon || call->headers_count == HEADERS_MAX)
		return;
	size_t name = (size_t)(colon - bytes), value = name + 1;
	while (value < len && (bytes[value] == ' ' || bytes[value] == '\t'))
		value++;
	str_add_bytes(&call->head, bytes, name);
	str_add_char(&call->head, '\0');
	str_add_bytes(&call->head, bytes + value, len - value);
	str_add_char(&call->head, '\0');
	if (str_ok(&call->head))
		call->headers_count++;
}

size_t client_got_header(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;
	size_t whole = size * n, len = whole;
	call->last_byte_ms = loop_now_ms(call->client->loop);
	while (len && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
		len--;
	long status = 0;
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (call->is_head_told || call->is_cancelled) {
		/* trailers */
	} else if (len > 5 && memcmp(bytes, "HTTP/", 5) == 0) {
		str_clear(&call->head); /* anew after a 1xx */
		call->headers_count = 0;
	} else if (len) {
		keep_header(call, bytes, len);
	} else if (status >= 200) {
		tell_head(call);
	}
	return call->is_cancelled || !str_ok(&call->head) ? 0 : whole;
}

size_t client_got_data(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;
	call->last_byte_ms = loop_now_ms(call->client->loop);
	tell_head(call);
	if (!call->is_cancelled && call->events.data)
		call->events.data(call->ctx, bytes, size * n);
	return call->is_cancelled ? 0 : size * n;
}

/* ---- ends ---- */

static void finish(struct http_call *call, CURLcode code, const char *why)
{
	if (call->is_added)
		curl_multi_remove_handle(call->client->multi, call->easy);
	call->is_added = false;
	if (code == CURLE_OK)
		tell_head(call); /* an answer that ended with its head was told already */
	struct error err = { 0 };
	if (code != CURLE_OK)
		error_set(&err, ERR_UNAVAILABLE, "%s", why);
	if (!call->is_cancelled && call->events.done)
		call->events.done(call->ctx, code == CURLE_OK ? NULL : &err);
	call_free(call);
}

static void destroy(struct http_client *c)
{
	while (c->calls)
		call_free(c->calls);
	curl_multi_cleanup(c->multi);
	loop_timer_free(c->timer);
	loop_timer_free(c->turn);
	client_options_fini(&c->options);
	free(c);
}

/* What callbacks asked for while libcurl was on the stack. */
static void turn(void *ctx)
{
	struct http_client *c = ctx;
	if (c->is_closing) {
		destroy(c);
		return;
	}
	for (struct http_call *call = c->calls, *next; call; call = next) {
		next = call->next;
		if (call->is_cancelled) {
			call_free(call);
		} else if (!call->is_added) {
			call->is_added = true;
			curl_multi_add_handle(c->multi, call->easy);
		}
	}
}

static void reap(struct http_client *c)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(c->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		struct http_call *call = NULL;
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		finish(call, code,
		       call->error_text[0] ? call->error_text : curl_easy_strerror(code));
	}
}

static void act(struct http_client *c, curl_socket_t fd, int events)
{
	int running;
	c->depth++;
	curl_multi_socket_action(c->multi, fd, events, &running);
	reap(c);
	c->depth--;
}

static void idle_passed(void *ctx)
{
	struct http_call *call = ctx;
	struct http_client *c = call->client;
	int64_t left = call->last_byte_ms + call->idle_ms - loop_now_ms(c->loop);
	if (left > 0) {
		loop_timer_set(call->idle, left);
		return;
	}
	c->depth++;
	auto_free char *why = xasprintf("no byte came for %lld ms", (long long)call->idle_ms);
	finish(call, CURLE_OPERATION_TIMEDOUT, why);
	c->depth--;
}

/* ---- libcurl's wishes ---- */

struct watched {
	struct http_client *client;
	curl_socket_t fd;
	struct loop_fd *handle;
};

static void socket_is_ready(void *ctx, unsigned events)
{
	struct watched *w = ctx;
	int ours = (events & LOOP_READ ? CURL_CSELECT_IN : 0) |
		   (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
	act(w->client, w->fd, ours); /* may free w */
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct http_client *c = ctx;
	struct watched *w = socket_ctx;
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w) {
			loop_fd_free(w->handle);
			free(w);
		}
		curl_multi_assign(c->multi, fd, NULL);
		return 0;
	}
	if (!w) {
		w = xcalloc(1, sizeof *w);
		*w = (struct watched){ .client = c, .fd = fd };
		w->handle = loop_fd_new(c->loop, fd, socket_is_ready, w);
		curl_multi_assign(c->multi, fd, w);
	}
	loop_fd_set(w->handle, (what & CURL_POLL_IN ? LOOP_READ : 0) |
				       (what & CURL_POLL_OUT ? LOOP_WRITE : 0));
	return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct http_client *c = ctx;
	(void)multi;
	if (timeout_ms < 0)
		loop_timer_stop(c->timer);
	else
		loop_timer_set(c->timer, timeout_ms);
	return 0;
}

static void timer_fired(void *ctx)
{
	act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- the transport ---- */

static struct http_call *start(struct http_transport *t, const struct http_request *r,
			       const struct http_events *events, void *ctx)
{
	struct http_client *c = client_of(t);
	assert(!c->is_closing);
	struct http_call *call = xcalloc(1, sizeof *call);
	*call = (struct http_call){
		.client = c,
		.next = c->calls,
		.link = &c->calls,
		.easy = curl_easy_init(),
		.url = xasprintf("%s%s", c->options.base_url, r->target),
		.body_fd = r->body_fd > 0 ? fcntl(r->body_fd, F_DUPFD_CLOEXEC, 0) : -1,
		.events = *events,
		.ctx = ctx,
		.idle_ms = r->idle_ms,
		.last_byte_ms = loop_now_ms(c->loop),
	};
	assert(call->easy);
	if (call->next)
		call->next->link = &call->next;
	c->calls = call;
	str_init(&call->head, HEADER_BYTES_MAX);
	client_set_request(call, r);
	if (call->idle_ms > 0) {
		call->idle = loop_timer_new(c->loop, idle_passed, call);
		loop_timer_set(call->idle, call->idle_ms);
	}
	if (c->depth == 0) {
		call->is_added = true;
		curl_multi_add_handle(c->multi, call->easy); /* only sets the timer */
	} else {
		loop_timer_set(c->turn, 0);
	}
	return call;
}

static void cancel(struct http_transport *t, struct http_call *call)
{
	struct http_client *c = client_of(t);
	call->is_cancelled = true;
	if (c->depth == 0)
		call_free(call);
	else
		loop_timer_set(c->turn, 0);
}

static void client_free(struct http_transport *t)
{
	struct http_client *c = client_of(t);
	for (struct http_call *call = c->calls; call; call = call->next)
		call->is_cancelled = true;
	c->is_closing = true;
	if (c->depth == 0)
		destroy(c);
	else
		loop_timer_set(c->turn, 0);
}

static const struct http_transport_ops client_ops = {
	.start = start,
	.cancel = cancel,
	.free = client_free,
};

static void curl_ready(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

int http_client_new(struct loop *loop, const struct http_client_options *options,
		    struct http_transport **ret, struct error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, curl_ready);
	struct client_options own;
	int code = client_options_init(&own, options, err);
	if (code < 0)
		return code;
	struct http_client *c = xcalloc(1, sizeof *c);
	*c = (struct http_client){
		.base = { &client_ops },
		.loop = loop,
		.multi = curl_multi_init(),
		.options = own,
	};
	assert(c->multi);
	c->timer = loop_timer_new(loop, timer_fired, c);
	c->turn = loop_timer_new(loop, turn, c);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)own.connections_max);
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)own.connections_max);
	*ret = &c->base;
	return 0;
}
