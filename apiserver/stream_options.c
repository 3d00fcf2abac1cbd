#include "apiserver/stream_options.h"

#include "common/base/jsonx.h"
#include "common/base/time_text.h"

#include <inttypes.h>

/* Not stored, so not among the tables: only its name is needed. */
static const struct schema_kind log_options = {
	.group = "", .version = "v1", .kind = "PodLogOptions", .resource = ""
};

struct number {
	bool is_given;
	int64_t value;
};

/* As Go's ParseInt and ParseUint read a decimal number. */
static int read_number(const char *text, const char *function, uint64_t max, bool may_be_negative,
		       const char *before, int64_t *ret, struct failure *f)
{
	bool is_negative = may_be_negative && *text == '-';
	const char *p = text + (may_be_negative && (*text == '-' || *text == '+'));
	uint64_t n = 0;
	bool fits = true;
	if (!*p || p[strspn(p, "0123456789")])
		return fail_bad_request(f, "%sstrconv.%s: parsing \"%s\": invalid syntax", before,
					function, text);
	for (; *p && fits; p++)
		fits = !__builtin_mul_overflow(n, 10, &n) &&
		       !__builtin_add_overflow(n, (uint64_t)(*p - '0'), &n) &&
		       n <= max + is_negative;
	if (!fits)
		return fail_bad_request(f, "%sstrconv.%s: parsing \"%s\": value out of range",
					before, function, text);
	*ret = is_negative ? (int64_t)(0 - n) : (int64_t)n;
	return 0;
}

static int read_option(const struct query *q, const char *name, struct number *ret,
		       struct failure *f)
{
	const char *text = query_get(q, name);
	if (!text)
		return 0;
	ret->is_given = true;
	return read_number(text, "ParseInt", INT64_MAX, true, "", &ret->value, f);
}

static int read_since(const struct query *q, bool *ret_given, struct failure *f)
{
	const char *text = query_get(q, "sinceTime");
	int64_t us;
	*ret_given = text && *text;
	if (!*ret_given || time_parse(text, &us))
		return 0;
	return fail_bad_request(
		f,
		"parsing time \"%s\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"%s\" as \"2006\"",
		text, text);
}

static void at_least(struct field_errors *e, const char *field, struct number n, int64_t min)
{
	if (!n.is_given || n.value >= min)
		return;
	AUTO_JSON *value = json_integer(n.value);
	field_errors_add(e, FIELD_INVALID, field, value, "%s",
			 min ? "must be greater than 0" : "must be greater than or equal to 0");
}

static int check_log(const struct query *q, const char *pod, struct failure *f)
{
	struct number since = { 0 }, tail = { 0 }, limit = { 0 };
	struct field_errors e = { 0 };
	bool has_time;
	if (read_option(q, "sinceSeconds", &since, f) < 0 || read_since(q, &has_time, f) < 0 ||
	    read_option(q, "tailLines", &tail, f) < 0 ||
	    read_option(q, "limitBytes", &limit, f) < 0)
		return -1;
	at_least(&e, "tailLines", tail, 0);
	at_least(&e, "limitBytes", limit, 1);
	if (since.is_given && has_time)
		field_errors_add(&e, FIELD_FORBIDDEN, "[]", NULL, "%s",
				 "at most one of `sinceTime` or `sinceSeconds` may be specified");
	else
		at_least(&e, "sinceSeconds", since, 1);
	if (query_get(q, "stream")) /* alpha, and off where it is known */
		field_errors_add(&e, FIELD_FORBIDDEN, "stream", NULL, "%s", "may not be specified");
	int code = e.count ? fail_invalid(f, &log_options, pod, &e) : 0;
	field_errors_fini(&e);
	return code;
}

static int check_ports(const struct query *q, struct failure *f)
{
	for (size_t i = 0; i < q->count; i++) {
		int64_t port;
		if (!streq(q->at[i].name, "ports"))
			continue;
		for (const char *at = q->at[i].value;; at++) {
			size_t n = strcspn(at, ",");
			auto_free char *text = xstrndup(at, n);
			if (read_number(text, "ParseUint", UINT16_MAX, false,
					"cannot convert to []int32: ", &port, f) < 0)
				return -1;
			at += n;
			if (!*at)
				break;
		}
	}
	return 0;
}

int stream_options_check(const struct query *q, const char *subresource, const char *pod,
			 struct failure *f)
{
	if (streq(subresource, "log"))
		return check_log(q, pod, f);
	return streq(subresource, "portforward") ? check_ports(q, f) : 0;
}
