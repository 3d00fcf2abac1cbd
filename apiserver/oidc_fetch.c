#include "apiserver/oidc_fetch.h"
#include "common/base/str.h"
#include "common/io/http_client.h"
#include "common/io/log.h"

#define DOCUMENT_MAX     (64u << 10)
#define KEYS_MAX         (1u << 20)
#define TIMEOUT_MS       10000
#define AGAIN_MS         3600000
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAX_MS   60000
#define REFRESH_MIN_MS   10000 /* from the begin of one fetch to the next, asked for by a token */
#define WAITERS_MAX      1000
#define WELL_KNOWN       "/.well-known/openid-configuration"

struct oidc_waiter {
	struct oidc_waiter *next;
	void (*fetched)(void *ctx);
	void *ctx;
};

enum fetch_state {
	FETCH_IDLE,
	FETCH_DOCUMENT,
	FETCH_KEYS,
	FETCH_STATE_COUNT,
};

struct oidc_fetch {
	struct loop *loop;
	struct authn_oidc *oidc;
	char *issuer, *ca_pem, *document_url;
	enum fetch_state state;
	struct loop_timer *next; /* the next fetch */
	struct loop_timer *step; /* an answer is there: outside the client's own callbacks */
	struct http_transport *http;
	struct str text;
	int status;
	bool is_over; /* done() came */
	struct error err;
	int64_t begun_ms;
	bool has_begun;
	unsigned failures; /* in a row */
	struct oidc_waiter *waiters;
	size_t waiters_count;
	struct oidc_fetch_counts counts;
};

/* ---- one GET ---- */

static void got_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	(void)headers;
	(void)n;
	((struct oidc_fetch *)ctx)->status = status;
}

static void got_data(void *ctx, const char *bytes, size_t n)
{
	struct oidc_fetch *f = ctx;
	str_add_bytes(&f->text, bytes, n);
	if (!str_ok(&f->text))
		loop_timer_set(f->step, 0); /* enough: it is cut off */
}

static void got_all(void *ctx, const struct error *err)
{
	struct oidc_fetch *f = ctx;
	f->is_over = true;
	if (err)
		f->err = *err;
	loop_timer_set(f->step, 0);
}

static int get(struct oidc_fetch *f, const char *url, size_t max, struct error *err)
{
	static const struct http_events events = { got_head, got_data, got_all };
	static const struct http_header accept = { "Accept", "application/json" };
	auto_free char *base = NULL, *target = NULL;
	if (oidc_url_split(url, &base, &target, err) < 0)
		return err->code;
	struct http_client_options o = { .base_url = base,
					 .ca_data = f->ca_pem,
					 .user_agent = "skiff-apiserver",
					 .connect_timeout_ms = TIMEOUT_MS,
					 .connections_max = 1 };
	if (http_client_new(f->loop, &o, &f->http, err) < 0)
		return err->code;
	str_fini(&f->text);
	str_init(&f->text, max);
	f->status = 0;
	f->is_over = false;
	f->err = (struct error){ 0 };
	http_start(f->http,
		   &(struct http_request){ .method = "GET",
					   .target = target,
					   .headers = &accept,
					   .headers_count = 1,
					   .timeout_ms = TIMEOUT_MS },
		   &events, f);
	return 0;
}

/* ---- the two of them ---- */

static void wake_waiters(struct oidc_fetch *f)
{
	struct oidc_waiter *list = TAKE(f->waiters);
	f->waiters_count = 0;
	while (list) {
		struct oidc_waiter *w = list;
		list = w->next;
		w->fetched(w->ctx);
		free(w);
	}
}

/* err NULL: new keys are there. */
static void end(struct oidc_fetch *f, const struct error *err)
{
	f->state = FETCH_IDLE;
	if (err) {
		int64_t wait_ms = BACKOFF_FIRST_MS;
		for (unsigned i = 0; i < f->failures && wait_ms < BACKOFF_MAX_MS; i++)
			wait_ms *= 2;
		f->failures++;
		f->counts.failures++;
		loop_timer_set(f->next, MIN(wait_ms, BACKOFF_MAX_MS));
		log_warn("oidc", "the issuer's keys were not fetched; trying again", "issuer",
			 f->issuer, "error", err->text);
	} else {
		f->failures = 0;
		loop_timer_set(f->next, AGAIN_MS);
		log_info("oidc", "keys fetched", "issuer", f->issuer);
	}
	wake_waiters(f);
}

static void begin(void *ctx)
{
	struct oidc_fetch *f = ctx;
	struct error err;
	if (f->state != FETCH_IDLE)
		return;
	loop_timer_stop(f->next);
	f->counts.fetches++;
	f->begun_ms = loop_now_ms(f->loop);
	f->has_begun = true;
	f->state = FETCH_DOCUMENT;
	if (get(f, f->document_url, DOCUMENT_MAX, &err) < 0)
		end(f, &err);
}

static int check_answer(struct oidc_fetch *f, struct error *err)
{
	const char *what = f->state == FETCH_DOCUMENT ? "the discovery document" : "the keys";
	if (!str_ok(&f->text))
		return error_set(err, ERR_LIMIT, "%s are more than %zu bytes", what, f->text.max);
	if (f->err.code) {
		*err = f->err;
		return error_wrap(err, "%s", what);
	}
	return f->status == 200 ? 0 : error_set(err, ERR_INVALID, "%s: HTTP %d", what, f->status);
}

static int take_document(struct oidc_fetch *f, struct error *err)
{
	auto_free char *url = NULL;
	if (oidc_document_keys(f->text.data, f->text.len, f->issuer, &url, err) < 0)
		return err->code;
	f->state = FETCH_KEYS;
	return get(f, url, KEYS_MAX, err);
}

static void take_answer(void *ctx)
{
	struct oidc_fetch *f = ctx;
	struct error err;
	http_transport_free(TAKE(f->http)); /* and with it what is still under way */
	int code = check_answer(f, &err);
	if (code == 0 && f->state == FETCH_DOCUMENT) {
		if (take_document(f, &err) < 0)
			end(f, &err);
		return;
	}
	if (code == 0)
		code = authn_oidc_set_keys(f->oidc, f->text.data, &err);
	end(f, code < 0 ? &err : NULL);
}

bool oidc_fetch_wait(struct oidc_fetch *f, void (*fetched)(void *ctx), void *ctx)
{
	bool is_due = !f->has_begun || loop_now_ms(f->loop) - f->begun_ms >= REFRESH_MIN_MS;
	if (f->waiters_count >= WAITERS_MAX || (f->state == FETCH_IDLE && !is_due))
		return false;
	struct oidc_waiter *w = xcalloc(1, sizeof *w);
	*w = (struct oidc_waiter){ .next = f->waiters, .fetched = fetched, .ctx = ctx };
	f->waiters = w;
	f->waiters_count++;
	if (f->state == FETCH_IDLE)
		loop_timer_set(f->next, 0);
	return true;
}

/* ---- life ---- */

int oidc_fetch_new(struct loop *loop, struct authn_oidc *oidc, const char *issuer,
		   const char *ca_pem, struct oidc_fetch **ret, struct error *err)
{
	auto_free char *base = NULL, *target = NULL;
	if (oidc_url_split(issuer, &base, &target, err) < 0)
		return error_wrap(err, "--oidc-issuer-url");
	size_t n = strlen(issuer);
	while (n > 0 && issuer[n - 1] == '/')
		n--;
	struct oidc_fetch *f = xcalloc(1, sizeof *f);
	*f = (struct oidc_fetch){ .loop = loop,
				  .oidc = oidc,
				  .issuer = xstrdup(issuer),
				  .ca_pem = ca_pem ? xstrdup(ca_pem) : NULL };
	f->document_url = xasprintf("%.*s" WELL_KNOWN, (int)n, issuer);
	f->next = loop_timer_new(loop, begin, f);
	f->step = loop_timer_new(loop, take_answer, f);
	loop_timer_set(f->next, 0);
	*ret = f;
	return 0;
}

void oidc_fetch_free(struct oidc_fetch *f)
{
	if (!f)
		return;
	http_transport_free(f->http);
	while (f->waiters) {
		struct oidc_waiter *w = f->waiters;
		f->waiters = w->next;
		free(w);
	}
	loop_timer_free(f->next);
	loop_timer_free(f->step);
	str_fini(&f->text);
	free(f->issuer);
	free(f->ca_pem);
	free(f->document_url);
	free(f);
}

void oidc_fetch_counts(const struct oidc_fetch *f, struct oidc_fetch_counts *ret)
{
	*ret = f->counts;
}
