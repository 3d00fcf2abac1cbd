#include "apiserver/text_source.h"

/* One object may be 3 MiB, and a table row of it a little more. */
#define PENDING_MAX (64u << 20)

void text_source_init(struct text_source *t, enum refill (*refill)(struct text_source *t),
		      void (*closed)(struct text_source *t))
{
	*t = (struct text_source){ .refill = refill, .closed = closed };
	str_init(&t->pending, PENDING_MAX);
}

void text_source_fini(struct text_source *t)
{
	str_fini(&t->pending);
}

static ssize_t source_read(void *ctx, char *buf, size_t max)
{
	struct text_source *t = ctx;
	if (t->at == t->pending.len) {
		str_clear(&t->pending);
		t->at = 0;
		if (!t->is_at_end && t->refill(t) == REFILL_END)
			t->is_at_end = true;
		if (!str_ok(&t->pending))
			return -2;
	}
	size_t n = MIN(max, t->pending.len - t->at);
	if (n == 0)
		return t->is_at_end ? -1 : 0;
	memcpy(buf, t->pending.data + t->at, n);
	t->at += n;
	return (ssize_t)n;
}

static void source_closed(void *ctx)
{
	struct text_source *t = ctx;
	t->closed(t);
}

const struct http_source text_source_ops = { .read = source_read, .closed = source_closed };
