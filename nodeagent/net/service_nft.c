#include "nodeagent/net/service_nft.h"

#include <nftables/libnftables.h>

struct service_nft {
	struct loop *loop;
	struct nft_ctx *context;
	char *look;
	service_nft_done *done;
	void *ctx;
	bool is_busy;
	/* of the work under way */
	struct service_change change;
	struct error err;
};

/* The first line says what was wrong; the rest quotes the input. */
static int run(struct nft_ctx *context, const char *text, struct error *err)
{
	if (nft_run_cmd_from_buffer(context, text) == 0) {
		(void)nft_ctx_get_output_buffer(context); /* empties it */
		return 0;
	}
	const char *why = nft_ctx_get_error_buffer(context);
	return error_set(err, ERR_UNAVAILABLE, "nftables: %.*s", (int)strcspn(why, "\n"), why);
}

static struct nft_ctx *context_new(void)
{
	struct nft_ctx *c = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!c)
		return NULL;
	if (nft_ctx_buffer_output(c) != 0 || nft_ctx_buffer_error(c) != 0) {
		nft_ctx_free(c);
		return NULL;
	}
	return c;
}

int service_nft_new(struct loop *loop, const char *table, service_nft_done *done, void *ctx,
		    struct service_nft **ret, struct error *err)
{
	struct nft_ctx *c = context_new();
	if (!c)
		return error_set(err, ERR_UNAVAILABLE, "nftables cannot be used");
	struct service_nft *n = xcalloc(1, sizeof(*n));
	n->loop = loop;
	n->context = c;
	n->look = xasprintf("list chain ip %s find", table);
	n->done = done;
	n->ctx = ctx;
	*ret = n;
	return 0;
}

void service_nft_free(struct service_nft *n)
{
	if (!n)
		return;
	assert(!n->is_busy);
	nft_ctx_free(n->context);
	free(n->look);
	free(n);
}

int service_nft_run(struct service_nft *n, const char *text, struct error *err)
{
	assert(!n->is_busy);
	return run(n->context, text, err);
}

bool service_nft_is_busy(const struct service_nft *n)
{
	return n->is_busy;
}

/* ---- on the worker ---- */

static void work_apply(void *ctx)
{
	struct service_nft *n = ctx;
	if (run(n->context, n->change.text, &n->err) < 0)
		return;
	/* The rules stand; connections that could not be forgotten end by themselves later. */
	struct error ignored;
	if (conntrack_flush_udp(n->change.flushes, n->change.flushes_count, &ignored) < 0)
		return;
}

static void work_look(void *ctx)
{
	struct service_nft *n = ctx;
	if (run(n->context, n->look, &n->err) < 0)
		n->err.code = ERR_NOT_FOUND;
}

/* ---- on the loop ---- */

static void finished(void *ctx)
{
	struct service_nft *n = ctx;
	struct error err = n->err;
	service_change_fini(&n->change);
	n->is_busy = false;
	n->done(n->ctx, err.code, err.text);
}

static void begin(struct service_nft *n, void (*work)(void *ctx))
{
	assert(!n->is_busy);
	n->is_busy = true;
	n->err = (struct error){ 0 };
	loop_offload(n->loop, work, finished, n);
}

void service_nft_apply(struct service_nft *n, struct service_change *take_change)
{
	n->change = *take_change;
	*take_change = (struct service_change){ 0 };
	begin(n, work_apply);
}

void service_nft_look(struct service_nft *n)
{
	begin(n, work_look);
}
