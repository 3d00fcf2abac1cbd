/* Names and addresses. */
#include "schemas/format_net.h"

#include "common/base/base.h"
#include "schemas/pattern_internal.h"

#include <arpa/inet.h>
#include <ctype.h>

/* ---- addresses ---- */

/* Four numbers, leading zeros allowed. */
static bool is_four_numbers(const char *text)
{
	for (int part = 0; part < 4; part++) {
		size_t n = strspn(text, "0123456789");
		const char *digits = text + strspn(text, "0");
		size_t size = digits < text + n ? (size_t)(text + n - digits) : 0;
		if (n == 0 || size > 3 || (size == 3 && strncmp(digits, "255", 3) > 0))
			return false;
		text += n;
		if (part < 3 && *text++ != '.')
			return false;
	}
	return *text == '\0';
}

/* Also one of the other kind that ends in such numbers. */
bool format_is_ipv4(const char *text)
{
	return is_four_numbers(text) || (strchr(text, '.') && format_is_ipv6(text));
}

bool format_is_ipv6(const char *text)
{
	struct in6_addr address;
	return strchr(text, ':') && inet_pton(AF_INET6, text, &address) == 1;
}

bool format_is_cidr(const char *text)
{
	const char *slash = strchr(text, '/');
	if (!slash)
		return false;
	auto_free char *address = xstrndup(text, (size_t)(slash - text));
	size_t n = strspn(slash + 1, "0123456789");
	if (n == 0 || n > 3 || slash[1 + n])
		return false;
	long bits = strtol(slash + 1, NULL, 10);
	return is_four_numbers(address) ? bits <= 32 : format_is_ipv6(address) && bits <= 128;
}

/* Pairs with : or -, or fours with a dot; 6, 8 or 20 bytes. */
bool format_is_mac(const char *text)
{
	size_t n = strlen(text);
	char separator = n > 4 && text[4] == '.' ? '.' : n > 2 ? text[2] : '\0';
	size_t group = separator == '.' ? 4 : 2;
	size_t bytes = (n + 1) / (group + 1) * (group / 2);
	if (!separator || !strchr(".:-", separator) || (n + 1) % (group + 1) != 0 ||
	    (bytes != 6 && bytes != 8 && bytes != 20))
		return false;
	for (size_t i = 0; i < n; i++) {
		bool is_between = i % (group + 1) == group;
		if (is_between ? text[i] != separator : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return true;
}

/* ---- names ---- */

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_segment(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_plain(text[i]) && (text[i] != '-' || i == 0 || i + 1 == n))
			return false;
	return n > 0;
}

bool format_is_short_name(const char *text)
{
	size_t n = strlen(text);
	return n <= 63 && is_segment(text, n);
}

bool format_is_long_name(const char *text)
{
	if (strlen(text) > 253)
		return false;
	for (;; text++) {
		size_t n = strcspn(text, ".");
		if (!is_segment(text, n))
			return false;
		text += n;
		if (!*text)
			return true;
	}
}

static bool is_of(uint32_t rune, const char *category)
{
	for (size_t i = 0; i < unicode_tables.categories_count; i++) {
		const struct unicode_category *c = &unicode_tables.categories[i];
		if (streq(c->name, category))
			return runes_have(c->at, c->count, rune);
	}
	return false;
}

enum letter { NO_LETTER, HYPHEN, DIGIT_OR_SIGN, LETTER };

static enum letter letter_of(uint32_t rune)
{
	if (rune == '-')
		return HYPHEN;
	if (is_of(rune, "L"))
		return LETTER;
	return (rune >= '0' && rune <= '9') || is_of(rune, "S") ? DIGIT_OR_SIGN : NO_LETTER;
}

/* A part between dots; the last of several has letters only. */
static bool is_part(const char *text, size_t n, bool is_only, bool is_last)
{
	size_t count = 0, hyphens = 0;
	enum letter one = NO_LETTER;
	for (size_t i = 0, size; i < n; i += size, count++) {
		uint32_t rune = 0;
		size = rune_read(text + i, n - i, &rune);
		one = size ? letter_of(rune) : NO_LETTER;
		hyphens += one == HYPHEN;
		if (one == NO_LETTER ||
		    (one == HYPHEN && (count == 0 || (is_only && count != 1))) ||
		    (is_last && !is_only && one != LETTER))
			return false;
	}
	if (is_only)
		return count > 0 && count - hyphens <= 63;
	return is_last ? count >= 2 && count <= 63 : count > 0 && count <= 63 && one != HYPHEN;
}

bool format_is_hostname(const char *text)
{
	bool is_only = !strchr(text, '.');
	if (strlen(text) > 255)
		return false;
	for (;; text++) {
		size_t n = strcspn(text, ".");
		if (n > 63 || !is_part(text, n, is_only, !text[n]))
			return false;
		text += n;
		if (!*text)
			return true;
	}
}

/* ---- email ---- */

static bool is_atom_character(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 ||
	       (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Atoms with dots between; returns what follows, or NULL. */
static const char *past_atoms(const char *p)
{
	for (;; p++) {
		const char *from = p;
		while (is_atom_character(*p))
			p++;
		if (p == from)
			return NULL;
		if (*p != '.')
			return p;
	}
}

static const char *past_quoted(const char *p)
{
	for (p++; *p && *p != '"'; p++) {
		if ((unsigned char)*p < ' ' && *p != '\t')
			return NULL;
		if (*p == '\\' && *++p == '\0')
			return NULL;
	}
	return *p ? p + 1 : NULL;
}

/* name@domain; returns what follows, or NULL. */
static const char *past_address(const char *p)
{
	p = *p == '"' ? past_quoted(p) : past_atoms(p);
	if (!p || *p++ != '@')
		return NULL;
	return past_atoms(p);
}

bool format_is_email(const char *text)
{
	text += strspn(text, " \t");
	const char *end = past_address(text), *open = strchr(text, '<');
	if (end)
		return end[strspn(end, " \t")] == '\0';
	if (!open)
		return false;
	/* Words, perhaps in quotes, before what stands in brackets. */
	for (const char *p = text; p < open;) {
		const char *next = *p == '"' ? past_quoted(p) : p + 1;
		if (*p != '"' && *p != ' ' && *p != '\t' && *p != '.' && !is_atom_character(*p))
			return false;
		if (!next || next > open)
			return false;
		p = next;
	}
	end = past_address(open + 1);
	return end && *end == '>' && end[1 + strspn(end + 1, " \t")] == '\0';
}

/* ---- URIs, as a request's line has them ---- */

static bool has_good_escapes(const char *p, const char *end)
{
	for (; p < end; p++)
		if (*p == '%' && (end - p < 3 || !isxdigit((unsigned char)p[1]) ||
				  !isxdigit((unsigned char)p[2])))
			return false;
	return true;
}

static bool is_host(const char *p, const char *end)
{
	const char *colon = NULL;
	if (p < end && *p == '[') {
		const char *close = memchr(p, ']', (size_t)(end - p));
		if (!close)
			return false;
		colon = close + 1;
	} else {
		for (const char *q = p; q < end; q++)
			colon = *q == ':' ? q : colon;
	}
	if (colon && colon < end && *colon != ':')
		return false;
	for (const char *q = colon ? colon + 1 : end; q < end; q++)
		if (!isdigit((unsigned char)*q))
			return false;
	for (const char *q = p; q < end; q++)
		if ((unsigned char)*q < 0x80 && !isalnum((unsigned char)*q) &&
		    !strchr("-_.~!$&'()*+,;=:[]<>\"%", *q))
			return false;
	/* Of ASCII only the percent sign itself may be escaped. */
	for (const char *q = p; q + 1 < end; q++)
		if (*q == '%' && q[1] < '8' && strncmp(q, "%25", 3) != 0)
			return false;
	return has_good_escapes(p, end);
}

static bool is_authority(const char *p, const char *end)
{
	const char *host = p;
	for (const char *q = p; q < end; q++)
		host = *q == '@' ? q + 1 : host;
	for (const char *q = p; q + 1 < host; q++)
		if (!isalnum((unsigned char)*q) && !strchr("-._:~!$&'()*+,;=%@", *q))
			return false;
	return has_good_escapes(p, host) && is_host(host, end);
}

bool format_is_uri(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	if (streq(text, "*"))
		return true;
	const char *rest = text;
	size_t n = 0;
	while (isalnum((unsigned char)text[n]) || (n && text[n] && strchr("+-.", text[n])))
		n++;
	bool has_scheme = text[n] == ':' && isalpha((unsigned char)*text);
	if (*text == ':')
		return false;
	rest += has_scheme ? n + 1 : 0;
	if (*rest != '/')
		return has_scheme;
	size_t path_end = strcspn(rest, "?");
	if (has_scheme && starts_with(rest, "//") && !starts_with(rest, "///")) {
		size_t size = strcspn(rest + 2, "/?");
		if (!is_authority(rest + 2, rest + 2 + size))
			return false;
	}
	return has_good_escapes(rest, rest + path_end);
}
