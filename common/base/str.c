#include "common/base/str.h"

#include <stdio.h>

static char empty[1]; /* never written: size is 0 while data points here */

void str_init(struct str *s, size_t max)
{
	*s = (struct str){ .data = empty, .max = max };
}

void str_fini(struct str *s)
{
	if (s->size)
		free(s->data);
	*s = (struct str){ .data = empty, .max = s->max };
}

char *str_reserve(struct str *s, size_t n)
{
	if (s->overflow || n > s->max || s->len > s->max - n) {
		s->overflow = true;
		return NULL;
	}
	size_t need = s->len + n + 1;
	if (need > s->size) {
		size_t size = MAX(need, 2 * s->size);
		size = MAX(size, (size_t)64);
		s->data = xrealloc(s->size ? s->data : NULL, size, 1);
		s->size = size;
		s->data[s->len] = '\0';
	}
	return s->data + s->len;
}

void str_grew(struct str *s, size_t n)
{
	assert(s->len + n < s->size);
	s->len += n;
	s->data[s->len] = '\0';
}

void str_add_bytes(struct str *s, const void *bytes, size_t n)
{
	if (n == 0)
		return;
	char *to = str_reserve(s, n);
	if (!to)
		return;
	memcpy(to, bytes, n);
	str_grew(s, n);
}

void str_add(struct str *s, const char *text)
{
	str_add_bytes(s, text, strlen(text));
}

void str_add_char_slowly(struct str *s, char c)
{
	str_add_bytes(s, &c, 1);
}

void str_vaddf(struct str *s, const char *fmt, va_list args)
{
	char small[256];
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(small, sizeof small, fmt, args);
	assert(n >= 0);
	if ((size_t)n < sizeof small) {
		str_add_bytes(s, small, (size_t)n);
	} else if (str_reserve(s, (size_t)n)) {
		(void)vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
		str_grew(s, (size_t)n);
	}
	va_end(again);
}

void str_addf(struct str *s, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	str_vaddf(s, fmt, args);
	va_end(args);
}

/* What must be escaped in JSON; 0x7f and above pass as they are. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

void str_add_json(struct str *s, const char *text, size_t n)
{
	str_add_char(s, '"');
	for (size_t i = 0; i < n;) {
		size_t from = i;
		while (i < n && is_plain((unsigned char)text[i]))
			i++;
		str_add_bytes(s, text + from, i - from);
		if (i == n)
			break;
		unsigned char c = (unsigned char)text[i++];
		const char *at = strchr("\"\"\\\\\bb\ff\nn\rr\tt", c);
		if (c && at)
			str_addf(s, "\\%c", at[1]);
		else
			str_addf(s, "\\u%04x", c);
	}
	str_add_char(s, '"');
}

void str_add_urlencoded(struct str *s, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool keep = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			    (c >= 'a' && c <= 'z') || strchr("-._~", c);
		if (keep)
			str_add_char(s, (char)c);
		else
			str_addf(s, "%%%02X", c);
	}
}

void str_clear(struct str *s)
{
	s->len = 0;
	s->overflow = false;
	if (s->size)
		s->data[0] = '\0';
}

void str_truncate(struct str *s, size_t n)
{
	assert(n <= s->len);
	s->len = n;
	if (s->size)
		s->data[n] = '\0';
}

void str_rewind(struct str *s, size_t n)
{
	str_truncate(s, n);
	s->overflow = false;
}

void str_consume(struct str *s, size_t n)
{
	assert(n <= s->len);
	if (n == 0)
		return;
	memmove(s->data, s->data + n, s->len - n);
	str_truncate(s, s->len - n);
}

int str_check(const struct str *s, const char *what, struct error *err)
{
	if (!s->overflow)
		return 0;
	return error_set(err, ERR_LIMIT, "%s is larger than %zu bytes", what, s->max);
}

char *str_take(struct str *s)
{
	char *text = s->size ? s->data : xstrdup("");
	*s = (struct str){ .data = empty, .max = s->max };
	return text;
}
