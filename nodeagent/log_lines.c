#include "nodeagent/log_lines.h"

#include "common/base/time_text.h"

#include <stdio.h>

/* ---- queries ---- */

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static char *decode(const char *text, size_t n)
{
	char *out = xcalloc(n + 1, 1);
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '%' && i + 2 < n && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
			out[len++] = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
			i += 2;
		} else {
			out[len++] = text[i] == '+' ? ' ' : text[i];
		}
	}
	return out;
}

char *query_value(const char *query, const char *name, size_t nth)
{
	size_t len = strlen(name);
	for (const char *p = query; *p;) {
		size_t n = strcspn(p, "&");
		if (n >= len && strncmp(p, name, len) == 0 && (p[len] == '=' || n == len) &&
		    nth-- == 0)
			return n == len ? xstrdup("") : decode(p + len + 1, n - len - 1);
		p += n;
		p += *p == '&';
	}
	return NULL;
}

bool query_true(const char *query, const char *name)
{
	auto_free char *value = query_value(query, name, 0);
	return value && (value[0] == '\0' || streq(value, "1") || streq(value, "true"));
}

static int number(const char *query, const char *name, int64_t *ret, struct error *err)
{
	auto_free char *value = query_value(query, name, 0);
	char *end;
	if (!value || !value[0])
		return 0;
	long long n = strtoll(value, &end, 10);
	if (*end || n < 0)
		return error_set(err, ERR_MALFORMED, "%s: '%s' is no number", name, value);
	*ret = n;
	return 1;
}

int log_options_parse(const char *query, int64_t now_us, struct log_options *ret, struct error *err)
{
	struct log_options o = { .tail_lines = -1, .limit_bytes = -1 };
	int64_t since_s = 0;
	o.follow = query_true(query, "follow");
	o.timestamps = query_true(query, "timestamps");
	o.is_previous = query_true(query, "previous");
	if (number(query, "tailLines", &o.tail_lines, err) < 0 ||
	    number(query, "limitBytes", &o.limit_bytes, err) < 0)
		return err->code;
	int has_since = number(query, "sinceSeconds", &since_s, err);
	if (has_since < 0)
		return err->code;
	if (has_since)
		o.since_us = now_us - since_s * 1000000;
	auto_free char *since = query_value(query, "sinceTime", 0);
	if (since && since[0] && !time_parse(since, &o.since_us))
		return error_set(err, ERR_MALFORMED, "sinceTime: '%s' is no time", since);
	auto_free char *stream = query_value(query, "stream", 0);
	if (stream && streq(stream, "Stdout"))
		o.stream = "stdout";
	else if (stream && streq(stream, "Stderr"))
		o.stream = "stderr";
	*ret = o;
	return 0;
}

/* ---- lines ---- */

bool log_line(const struct log_options *o, const char *line, size_t n, struct str *out)
{
	const char *end = line + n;
	const char *time_end = memchr(line, ' ', n);
	const char *stream = time_end ? time_end + 1 : end;
	const char *stream_end = stream < end ? memchr(stream, ' ', (size_t)(end - stream)) : NULL;
	const char *tag = stream_end ? stream_end + 1 : end;
	if (tag >= end) { /* not CRI's format: shown as it is */
		str_add_bytes(out, line, n);
		str_add_char(out, '\n');
		return true;
	}
	const char *text = memchr(tag, ' ', (size_t)(end - tag));
	text = text ? text + 1 : end;
	bool is_partial = tag[0] == 'P';
	if (o->stream && ((size_t)(stream_end - stream) != strlen(o->stream) ||
			  strncmp(stream, o->stream, strlen(o->stream)) != 0))
		return false;
	if (o->since_us) {
		char time[TIME_TEXT_SIZE];
		int64_t at_us;
		size_t len = (size_t)(time_end - line);
		if (len < sizeof(time)) {
			memcpy(time, line, len);
			time[len] = '\0';
			if (time_parse(time, &at_us) && at_us < o->since_us)
				return false;
		}
	}
	if (o->timestamps)
		str_add_bytes(out, line, (size_t)(time_end - line) + 1);
	str_add_bytes(out, text, (size_t)(end - text));
	if (!is_partial)
		str_add_char(out, '\n');
	return true;
}
