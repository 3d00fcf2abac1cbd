/*
 * text_source.h - a http_source that is produced piece by piece into a buffer.
 */
#pragma once

#include "common/base/str.h"
#include "common/io/http_exchange.h"

enum refill { REFILL_MORE, REFILL_WAIT, REFILL_END };

struct text_source {
	struct str pending;
	size_t at;
	bool is_at_end;
	/* Append some more; a few tens of KB at most, so that no turn takes long. */
	enum refill (*refill)(struct text_source *t);
	void (*closed)(struct text_source *t); /* frees its owner */
};

void text_source_init(struct text_source *t, enum refill (*refill)(struct text_source *t),
		      void (*closed)(struct text_source *t));
void text_source_fini(struct text_source *t);

/* For reply_stream: the table, whose ctx is the text_source. */
extern const struct http_source text_source_ops;
