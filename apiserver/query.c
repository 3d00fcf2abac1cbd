#include "apiserver/query.h"
#include "common/base/time_text.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

ssize_t url_decode_to(char *to, const char *text, size_t n, bool plus_is_blank)
{
	char *at = to;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '%') {
			int high = i + 2 < n ? hex(text[i + 1]) : -1;
			int low = high >= 0 ? hex(text[i + 2]) : -1;
			if (low < 0 || high * 16 + low == 0)
				return -1;
			*at++ = (char)(high * 16 + low);
			i += 2;
		} else {
			*at++ = plus_is_blank && text[i] == '+' ? ' ' : text[i];
		}
	}
	*at = '\0';
	return at - to;
}

char *url_decode(const char *text, size_t n, bool plus_is_blank)
{
	auto_free char *out = xcalloc(n + 1, 1);
	return url_decode_to(out, text, n, plus_is_blank) < 0 ? NULL : TAKE(out);
}

/* One "name=value" or "name"; *to moves behind what was written. */
static bool read_pair(const char *text, size_t n, char **to, struct query_pair *ret)
{
	const char *equals = memchr(text, '=', n);
	size_t name_len = equals ? (size_t)(equals - text) : n;
	ssize_t len = url_decode_to(*to, text, name_len, true);
	if (len < 0)
		return false;
	ret->name = *to;
	*to += len + 1;
	len = equals ? url_decode_to(*to, equals + 1, n - name_len - 1, true) : 0;
	if (len < 0)
		return false;
	ret->value = *to;
	(*to)[len] = '\0';
	*to += len + 1;
	return true;
}

int query_parse(const char *text, struct query *ret, struct error *err)
{
	*ret = (struct query){ 0 };
	if (!*text)
		return 0;
	size_t count = 1;
	for (const char *p = text; (p = strchr(p, '&')); p++)
		count++;
	/* Each pair has two ends, of which the text has one at most. */
	struct query q = { .at = xcalloc(count * (sizeof *q.at + 2) + strlen(text) + 1, 1) };
	char *to = (char *)(q.at + count);
	while (*text) {
		size_t n = strcspn(text, "&");
		if (n > 0 &&
		    (q.count == QUERY_PAIRS_MAX || !read_pair(text, n, &to, &q.at[q.count++]))) {
			query_fini(&q);
			return error_set(err, ERR_MALFORMED, "the query of the URL cannot be read");
		}
		text += n + (text[n] == '&');
	}
	*ret = q;
	return 0;
}

void query_fini(struct query *q)
{
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
	if (!v) {
		*ret = otherwise;
		return 0;
	}
	int64_t n = 0;
	bool is_too_large = false;
	const char *p = *v == '-' ? v + 1 : v;
	for (; *p >= '0' && *p <= '9'; p++) {
		int digit = *p - '0';
		is_too_large |= n > (INT64_MAX - digit) / 10;
		n = is_too_large ? n : n * 10 + digit;
	}
	if (*p || p == v || p[-1] == '-' || is_too_large)
		return error_set(err, ERR_MALFORMED, "strconv.ParseInt: parsing \"%s\": %s", v,
				 *p || p == v || p[-1] == '-' ? "invalid syntax"
							      : "value out of range");
	*ret = *v == '-' ? -n : n;
	return 0;
}

static bool is_unit(const char *text, size_t n)
{
	static const char *const units[] = { "ns", "us", "\xc2\xb5s", "ms", "s", "m", "h" };
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strlen(units[i]) == n && memcmp(units[i], text, n) == 0)
			return true;
	return false;
}

#define TIMEOUT_PROBLEM "invalid timeout specified in the request URL - time: "

int query_timeout(const struct query *q, int64_t *ret_us, struct error *err)
{
	const char *v = query_get(q, "timeout");
	*ret_us = 0;
	if (!v || !*v)
		return 0;
	if (duration_parse(v, ret_us)) {
		if (*ret_us == 0 && *v != '-' && strpbrk(v, "123456789"))
			*ret_us = 1;
		return 0;
	}
	for (const char *p = v + (*v == '-' || *v == '+'); *p;) {
		size_t number = strspn(p, "0123456789."), n = strcspn(p + number, "0123456789.");
		if (!strpbrk(p, "0123456789") || number == 0 || (number == 1 && *p == '.'))
			break;
		p += number;
		if (n == 0)
			return error_set(err, ERR_MALFORMED,
					 TIMEOUT_PROBLEM "missing unit in duration \"%s\"", v);
		if (!is_unit(p, n))
			return error_set(err, ERR_MALFORMED,
					 TIMEOUT_PROBLEM "unknown unit \"%.*s\" in duration \"%s\"",
					 (int)n, p, v);
		p += n;
	}
	return error_set(err, ERR_MALFORMED, TIMEOUT_PROBLEM "invalid duration \"%s\"", v);
}
