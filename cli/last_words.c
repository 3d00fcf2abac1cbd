#include "cli/last_words.h"
#include "cli/request.h"

#define LINE_MAX_BYTES 500
#define TIMEOUT_MS     10000

static void add_bytes(void *ctx, const char *bytes, size_t n)
{
	str_add_bytes(ctx, bytes, n);
}

static bool ask(struct session *s, const char *ns, const struct ready_culprit *c, bool is_previous,
		struct str *out)
{
	AUTO_STR target, text;
	AUTO_REPLY r = { 0 };
	str_init(&text, 1u << 20);
	str_init(&target, 8192);
	str_add(&target, "/api/v1/namespaces/");
	str_add_urlencoded(&target, ns);
	str_add(&target, "/pods/");
	str_add_urlencoded(&target, c->pod);
	str_add(&target, "/log?tailLines=1&container=");
	str_add_urlencoded(&target, c->container);
	str_add(&target, is_previous ? "&previous=true" : "");
	struct request q = { .method = "GET",
			     .target = target.data,
			     .accept = "*/*",
			     .timeout_ms = TIMEOUT_MS,
			     .data = add_bytes,
			     .ctx = &text };
	request_send(s, &q, &r);
	size_t n = strcspn(text.data, "\n");
	if (r.code || n == 0)
		return false;
	str_add_bytes(out, text.data, MIN(n, (size_t)LINE_MAX_BYTES));
	return true;
}

bool last_words(struct session *s, const char *ns, const struct ready_culprit *c, struct str *out)
{
	if (!c->pod[0] || !c->container[0])
		return false;
	return ask(s, ns, c, c->is_previous, out) || ask(s, ns, c, !c->is_previous, out);
}
