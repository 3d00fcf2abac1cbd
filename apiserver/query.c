#include "apiserver/query.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

char *url_decode(const char *text, size_t n, bool plus_is_blank)
{
	auto_free char *out = xcalloc(n + 1, 1);
	char *to = out;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '%') {
			int high = i + 2 < n ? hex(text[i + 1]) : -1;
			int low = high >= 0 ? hex(text[i + 2]) : -1;
			if (low < 0 || high * 16 + low == 0)
				return NULL;
			*to++ = (char)(high * 16 + low);
			i += 2;
		} else {
			*to++ = plus_is_blank && text[i] == '+' ? ' ' : text[i];
		}
	}
	return TAKE(out);
}

static void add(struct query *q, char *take_name, char *take_value)
{
	q->at = xrealloc(q->at, q->count + 1, sizeof *q->at);
	q->at[q->count++] = (struct query_pair){ take_name, take_value };
}

int query_parse(const char *text, struct query *ret, struct error *err)
{
	struct query q = { 0 };
	while (*text) {
		size_t n = strcspn(text, "&");
		const char *equals = memchr(text, '=', n);
		size_t name_len = equals ? (size_t)(equals - text) : n;
		auto_free char *name = url_decode(text, name_len, true);
		auto_free char *value =
			equals ? url_decode(equals + 1, n - name_len - 1, true) : xstrdup("");
		if (!name || !value || q.count == QUERY_PAIRS_MAX) {
			query_fini(&q);
			return error_set(err, ERR_MALFORMED, "the query of the URL cannot be read");
		}
		if (n > 0)
			add(&q, TAKE(name), TAKE(value));
		text += n + (text[n] == '&');
	}
	*ret = q;
	return 0;
}

void query_fini(struct query *q)
{
	for (size_t i = 0; i < q->count; i++) {
		free(q->at[i].name);
		free(q->at[i].value);
	}
	free(q->at);
	*q = (struct query){ 0 };
}

const char *query_get(const struct query *q, const char *name)
{
	for (size_t i = 0; i < q->count; i++)
		if (streq(q->at[i].name, name))
			return q->at[i].value;
	return NULL;
}

bool query_bool(const struct query *q, const char *name)
{
	const char *v = query_get(q, name);
	return v && !streq(v, "false") && !streq(v, "0");
}

int query_int(const struct query *q, const char *name, int64_t otherwise, int64_t *ret,
	      struct error *err)
{
	const char *v = query_get(q, name);
	if (!v || !*v) {
		*ret = otherwise;
		return 0;
	}
	int64_t n = 0;
	const char *p = *v == '-' ? v + 1 : v;
	for (; *p >= '0' && *p <= '9' && n < INT64_MAX / 10 - 1; p++)
		n = n * 10 + (*p - '0');
	if (*p || p == v || p[-1] == '-')
		return error_set(err, ERR_MALFORMED, "invalid value \"%s\" for %s: no number", v,
				 name);
	*ret = *v == '-' ? -n : n;
	return 0;
}
