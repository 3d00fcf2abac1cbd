#include "apiserver/gzip.h"

#include <zlib.h>

#define LEVEL       1
#define WINDOW_GZIP (15 + 16)
#define MEMORY      8
#define PIECE_BYTES (64u << 10)

struct gzip {
	z_stream stream;
};

struct gzip *gzip_new(void)
{
	struct gzip *g = xcalloc(1, sizeof *g);
	int code = deflateInit2(&g->stream, LEVEL, Z_DEFLATED, WINDOW_GZIP, MEMORY,
				Z_DEFAULT_STRATEGY);
	assert(code == Z_OK); /* only for want of memory */
	(void)code;
	return g;
}

void gzip_free(struct gzip *g)
{
	if (!g)
		return;
	deflateEnd(&g->stream);
	free(g);
}

void gzip_add(struct gzip *g, const void *bytes, size_t n, bool is_end, struct str *out)
{
	z_stream *z = &g->stream;
	const char *at = bytes;
	do {
		size_t part = MIN(n, (size_t)1 << 30);
		int flush = is_end && part == n ? Z_FINISH : Z_NO_FLUSH;
		z->next_in = (Bytef *)(uintptr_t)at;
		z->avail_in = (uInt)part;
		at += part;
		n -= part;
		do {
			char *room = str_reserve(out, PIECE_BYTES);
			if (!room)
				return; /* overflow: the caller checks */
			z->next_out = (Bytef *)room;
			z->avail_out = PIECE_BYTES;
			int code = deflate(z, flush);
			assert(code != Z_STREAM_ERROR);
			(void)code;
			str_grew(out, PIECE_BYTES - z->avail_out);
		} while (z->avail_out == 0);
	} while (n > 0);
}
