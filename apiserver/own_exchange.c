#include "apiserver/own_exchange.h"
#include "common/base/jsonx.h"
#include "common/io/log.h"

#include <strings.h>

#define BODY_MAX (3u << 20)

struct own_exchange {
	struct http_exchange x;
	struct own_exchange *next, **link; /* of the server's */
	struct server *server;
	const char *who; /* static */
	char *path, *body;
	struct loop_timer *end;
};

static void own_free(void *ctx)
{
	struct own_exchange *o = ctx;
	*o->link = o->next;
	if (o->next)
		o->next->link = o->link;
	loop_timer_free(o->end);
	free(o->path);
	free(o->body);
	free(o);
}

static const char *own_header(struct http_exchange *x, const char *name)
{
	bool is_patch = streq(x->method, "PATCH") && strcasecmp(name, "Content-Type") == 0;
	if (strcasecmp(name, "User-Agent") == 0)
		return "kube-apiserver"; /* whom fields are then said to belong to, as in Kubernetes */
	return is_patch ? "application/merge-patch+json" : NULL;
}

static size_t own_header_values(struct http_exchange *x, const char *name, const char **ret_values,
				size_t max)
{
	(void)x, (void)name, (void)ret_values, (void)max;
	return 0;
}

static void own_reply(struct http_exchange *x, int status, const struct http_header *headers,
		      size_t headers_count, const void *body, size_t body_len,
		      void (*release)(void *ctx), void *release_ctx)
{
	struct own_exchange *o = CONTAINER_OF(x, struct own_exchange, x);
	(void)headers, (void)headers_count;
	o->server->own_under_way--;
	if (status >= 400 && status != 409 && status != 404)
		log_warn(o->who, "own request refused", "path", o->path, "answer",
			 body_len ? body : "");
	if (release)
		release(release_ctx);
	loop_timer_set(o->end, 0);
}

static void own_stream(struct http_exchange *x, int status, const struct http_header *headers,
		       size_t headers_count, const struct http_source *source, void *ctx)
{
	(void)x, (void)status, (void)headers, (void)headers_count;
	source->closed(ctx); /* a POST is never answered so */
	abort();
}

static void own_wake(struct http_exchange *x)
{
	(void)x;
}

static const struct http_exchange_ops own_ops = { .header = own_header,
						  .header_values = own_header_values,
						  .reply = own_reply,
						  .stream = own_stream,
						  .wake = own_wake };

const struct http_exchange_ops *own_exchange_ops(void)
{
	return &own_ops;
}

char *own_path(const struct schema_kind *kind, const char *ns, const char *name)
{
	AUTO_STR path;
	str_init(&path, 4096);
	str_addf(&path, *kind->group ? "/apis/%s/%s/" : "/api/%s%s/", kind->group, kind->version);
	if (*ns)
		str_addf(&path, "namespaces/%s/", ns);
	str_addf(&path, "%s%s%s", kind->resource, name ? "/" : "", name ? name : "");
	return str_take(&path);
}

void own_request(struct server *s, const char *who, const char *method, const char *path,
		 const json_t *body)
{
	struct own_exchange *o = xcalloc(1, sizeof *o);
	AUTO_STR text;
	str_init(&text, BODY_MAX);
	json_print(body, &text);
	size_t len = text.len;
	o->server = s;
	o->who = who;
	s->own_under_way++;
	o->next = s->own;
	o->link = &s->own;
	if (o->next)
		o->next->link = &o->next;
	s->own = o;
	o->body = str_take(&text);
	o->path = xstrdup(path);
	o->end = loop_timer_new(s->loop, own_free, o);
	o->x = (struct http_exchange){ .ops = &own_ops,
				       .method = method,
				       .path = o->path,
				       .query = "",
				       .body = o->body,
				       .body_len = len,
				       .peer = { .cert_cn = "system:apiserver",
						 .cert_orgs = { "system:masters" },
						 .cert_orgs_count = 1,
						 .address = "self" } };
	server_handle(s, &o->x);
}

void own_exchanges_free(struct server *s)
{
	while (s->own)
		own_free(s->own);
}
