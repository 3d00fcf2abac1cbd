#include "schemas/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_add(struct str *out, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	for (size_t i = 0; i < n; i += 3) {
		size_t left = MIN(n - i, (size_t)3);
		unsigned v = (unsigned)p[i] << 16;
		if (left > 1)
			v |= (unsigned)p[i + 1] << 8;
		if (left > 2)
			v |= p[i + 2];
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63],
				 left > 1 ? digits[v >> 6 & 63] : '=',
				 left > 2 ? digits[v & 63] : '=' };
		str_add_bytes(out, four, 4);
	}
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

long base64_check(const char *text, size_t n)
{
	size_t count = 0, padding = 0;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n' || text[i] == '\r')
			continue;
		if (text[i] == '=' && count % 4 >= 2)
			padding++;
		else if (value_of(text[i]) < 0 || padding)
			return (long)i;
		count++;
	}
	return count % 4 == 0 && padding <= 2 ? -1 : (long)n;
}

void base64_decode(const char *text, size_t n, struct str *out)
{
	unsigned bits = 0, held = 0;
	for (size_t i = 0; i < n; i++) {
		int value = value_of(text[i]);
		if (value < 0)
			continue;
		held = held << 6 | (unsigned)value;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			str_add_char(out, (char)(held >> bits & 0xff));
		}
	}
}
