#include "schemas/json_text.h"

/* Length of the valid sequence at `p`, or 0. */
static size_t sequence_length(const unsigned char *p, size_t n)
{
	if (p[0] < 0x80)
		return 1;
	size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || length > n)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return length;
}

void utf8_add_valid(struct str *out, const char *bytes, size_t n)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t from = 0;
	for (size_t i = 0; i < n;) {
		size_t length = sequence_length(p + i, n - i);
		if (length) {
			i += length;
			continue;
		}
		str_add_bytes(out, bytes + from, i - from);
		str_add(out, "\xef\xbf\xbd");
		from = ++i;
	}
	str_add_bytes(out, bytes + from, n - from);
}

bool utf8_is_valid(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t length = sequence_length((const unsigned char *)bytes + i, n - i);
		if (!length)
			return false;
		i += length;
	}
	return true;
}

json_t *json_string_valid(const char *bytes, size_t n)
{
	if (utf8_is_valid(bytes, n))
		return json_stringn_nocheck(bytes, n);
	AUTO_STR text;
	str_init(&text, 3 * n);
	utf8_add_valid(&text, bytes, n);
	return json_stringn_nocheck(text.data, text.len);
}
