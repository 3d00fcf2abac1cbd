#include "common/client/api.h"

#include <stdio.h>
#include <strings.h>

#define API_TIMEOUT_MS 34000
#define API_BODY_MAX   (256u << 20)
#define API_HEADERS    6

struct api {
	struct loop *loop;                /* borrowed */
	struct http_transport *transport; /* borrowed */
	char *user_agent;
	char *fence; /* Skiff-Leader, or NULL */
	struct api_call *calls;
};

struct api_call {
	struct api *api;
	struct api_call *previous, *next;
	struct http_call *http;
	struct str body;
	int status;
	uint64_t revision;
	int retry_after_s;
	api_done *done;
	void *ctx;
};

struct api *api_new(struct loop *loop, struct http_transport *transport, const char *user_agent)
{
	struct api *a = xcalloc(1, sizeof *a);
	a->loop = loop;
	a->transport = transport;
	a->user_agent = xstrdup(user_agent);
	return a;
}

static void call_free(struct api_call *c)
{
	if (c->previous)
		c->previous->next = c->next;
	else
		c->api->calls = c->next;
	if (c->next)
		c->next->previous = c->previous;
	str_fini(&c->body);
	free(c);
}

void api_cancel(struct api *a, struct api_call *c)
{
	http_cancel(a->transport, c->http);
	call_free(c);
}

void api_free(struct api *a)
{
	if (!a)
		return;
	while (a->calls)
		api_cancel(a, a->calls);
	free(a->user_agent);
	free(a->fence);
	free(a);
}

void api_set_leader(struct api *a, const char *fence)
{
	free(a->fence);
	a->fence = fence ? xstrdup(fence) : NULL;
}

struct http_transport *api_transport(const struct api *a)
{
	return a->transport;
}

const char *api_user_agent(const struct api *a)
{
	return a->user_agent;
}

int api_code_of(int status, const char *reason)
{
	switch (status) {
	case 400:
	case 422:
	case 413:
	case 415:
		return ERR_INVALID;
	case 401:
	case 403:
		return ERR_FORBIDDEN;
	case 404:
		return ERR_NOT_FOUND;
	case 409:
		return streq(reason, "AlreadyExists") ? ERR_EXISTS : ERR_CONFLICT;
	case 410:
		return ERR_GONE;
	case 429:
		return ERR_LIMIT;
	case 0:
	case 502:
	case 503:
	case 504:
		return ERR_UNAVAILABLE;
	default:
		return status >= 200 && status < 300 ? ERR_OK : ERR_INTERNAL;
	}
}

static void on_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct api_call *c = ctx;
	c->status = status;
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(headers[i].name, "Skiff-Revision") == 0)
			c->revision = strtoull(headers[i].value, NULL, 10);
		else if (strcasecmp(headers[i].name, "Retry-After") == 0)
			c->retry_after_s = (int)strtol(headers[i].value, NULL, 10);
	}
}

static void on_data(void *ctx, const char *bytes, size_t n)
{
	struct api_call *c = ctx;
	str_add_bytes(&c->body, bytes, n);
}

static void tell(struct api_call *c, const struct error *broken)
{
	struct api_reply reply = { .status = c->status,
				   .revision = c->revision,
				   .retry_after_s = c->retry_after_s,
				   .reason = "",
				   .message = "" };
	AUTO_JSON *body = NULL;
	struct error err = { .text = "" };

	if (broken) {
		reply.status = 0;
		reply.code = ERR_UNAVAILABLE;
		reply.message = broken->text;
	} else if (c->body.len > 0 && str_check(&c->body, "the answer", &err) < 0) {
		reply.code = ERR_INTERNAL;
		reply.message = err.text;
	} else {
		/* An answer that is no JSON (a proxy's page, plain health text) has no body here. */
		if (c->body.len > 0 && json_parse(c->body.data, c->body.len, &body, &err) < 0)
			body = NULL;
		reply.body = body;
		if (c->status >= 300) {
			reply.reason = json_str_or(body, "reason", "");
			reply.message = json_str_or(body, "message", c->body.len ? "" : "no body");
		}
		reply.code = api_code_of(c->status, reply.reason);
	}
	c->done(c->ctx, &reply);
}

static void on_done(void *ctx, const struct error *err)
{
	struct api_call *c = ctx;
	tell(c, err);
	call_free(c);
}

struct api_call *api_request(struct api *a, const char *method, const char *target,
			     const json_t *body, const char *content_type, api_done *done,
			     void *ctx)
{
	static const struct http_events events = { on_head, on_data, on_done };
	bool is_read = streq(method, "GET");
	struct http_header headers[API_HEADERS];
	size_t n = 0;

	headers[n++] = (struct http_header){ "Accept", "application/json" };
	headers[n++] = (struct http_header){ "User-Agent", a->user_agent };
	if (body)
		headers[n++] =
			(struct http_header){ "Content-Type",
					      content_type ? content_type : "application/json" };
	if (!is_read) /* no writer of ours reads them in the answer */
		headers[n++] = (struct http_header){ "Skiff-Omit", "managedFields" };
	if (a->fence && !is_read)
		headers[n++] = (struct http_header){ "Skiff-Leader", a->fence };

	AUTO_STR text;
	str_init(&text, API_BODY_MAX);
	if (body)
		json_print(body, &text);

	struct api_call *c = xcalloc(1, sizeof *c);
	*c = (struct api_call){ .api = a, .next = a->calls, .done = done, .ctx = ctx };
	str_init(&c->body, API_BODY_MAX);
	if (a->calls)
		a->calls->previous = c;
	a->calls = c;

	struct http_request request = { .method = method,
					.target = target,
					.headers = headers,
					.headers_count = n,
					.body = body ? text.data : NULL,
					.body_len = text.len,
					.timeout_ms = API_TIMEOUT_MS };
	c->http = http_start(a->transport, &request, &events, c);
	return c;
}

char *api_path(const struct api_resource *r, const char *ns, const char *name,
	       const char *subresource)
{
	AUTO_STR s;
	str_init(&s, 8192);
	str_addf(&s, *r->group ? "/apis/%s/%s" : "/api%s/%s", r->group, r->version);
	if (r->is_namespaced && ns && *ns) {
		str_add(&s, "/namespaces/");
		str_add_urlencoded(&s, ns);
	}
	str_addf(&s, "/%s", r->resource);
	if (name) {
		str_add_char(&s, '/');
		str_add_urlencoded(&s, name);
	}
	if (subresource)
		str_addf(&s, "/%s", subresource);
	return str_take(&s);
}
