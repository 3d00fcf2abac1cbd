#include "schemas/cidr.h"

#include "schemas/rule.h"

#include <arpa/inet.h>

#define TEXT_SIZE (INET6_ADDRSTRLEN + 8)

/* A copy of a dotted address without leading zeros. */
static bool drop_zeros(const char *text, char out[TEXT_SIZE], bool *ret_had)
{
	size_t n = 0;
	bool is_start = true;
	for (const char *p = text; *p; p++) {
		bool is_digit = *p >= '0' && *p <= '9';
		if (n + 1 >= TEXT_SIZE || (!is_digit && *p != '.'))
			return false;
		if (is_start && *p == '0' && p[1] >= '0' && p[1] <= '9') {
			*ret_had = true;
			continue;
		}
		out[n++] = *p;
		is_start = *p == '.';
	}
	out[n] = '\0';
	return true;
}

static bool parse_address(const char *text, struct cidr *ret)
{
	char plain[TEXT_SIZE];
	if (strchr(text, ':')) {
		ret->is_v6 = true;
		ret->prefix = 128;
		return inet_pton(AF_INET6, text, ret->bytes) == 1;
	}
	ret->prefix = 32;
	return drop_zeros(text, plain, &ret->has_zeros) &&
	       inet_pton(AF_INET, plain, ret->bytes) == 1;
}

bool cidr_parse(const char *text, bool wants_prefix, struct cidr *ret)
{
	struct cidr got = { 0 };
	char address[TEXT_SIZE];
	const char *slash = text ? strchr(text, '/') : NULL;
	size_t n = slash ? (size_t)(slash - text) : text ? strlen(text) : 0;
	if (!text || !slash == wants_prefix || n >= sizeof address)
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	if (!parse_address(address, &got))
		return false;
	if (slash) {
		int prefix = 0;
		if (!slash[1])
			return false;
		for (const char *p = slash + 1; *p; p++) {
			if (*p < '0' || *p > '9' || prefix > 128)
				return false;
			prefix = prefix * 10 + (*p - '0');
		}
		got.has_zeros |= slash[1] == '0' && slash[2];
		if (prefix > got.prefix)
			return false;
		got.prefix = prefix;
	}
	*ret = got;
	return true;
}

static bool has_prefix_of(const struct cidr *c, const struct cidr *of)
{
	for (int bit = 0; bit < of->prefix; bit++) {
		unsigned mask = 0x80u >> (bit % 8);
		if ((c->bytes[bit / 8] & mask) != (of->bytes[bit / 8] & mask))
			return false;
	}
	return true;
}

bool cidr_contains(const struct cidr *outer, const struct cidr *inner)
{
	return outer->is_v6 == inner->is_v6 && outer->prefix < inner->prefix &&
	       has_prefix_of(inner, outer);
}

/* ::ffff:a.b.c.d */
static bool is_mapped(const struct cidr *c)
{
	static const uint8_t head[12] = { [10] = 0xff, [11] = 0xff };
	return c->is_v6 && memcmp(c->bytes, head, sizeof head) == 0;
}

static bool has_bits_beyond(const struct cidr *c)
{
	for (int bit = c->prefix; bit < (c->is_v6 ? 128 : 32); bit++)
		if (c->bytes[bit / 8] & (0x80u >> (bit % 8)))
			return true;
	return false;
}

static void check_canonical(struct field_errors *e, const struct path *at, const char *text,
			    const struct cidr *c, bool has_prefix)
{
	char address[INET6_ADDRSTRLEN];
	(void)inet_ntop(c->is_v6 ? AF_INET6 : AF_INET, c->bytes, address, sizeof address);
	auto_free char *form =
		has_prefix ? xasprintf("%s/%d", address, c->prefix) : xstrdup(address);
	if (!streq(form, text))
		rule_bad_text(e, FIELD_INVALID, at, text, "must be in canonical form (\"%s\")",
			      form);
}

void rule_cidr(struct field_errors *e, const struct path *at, const char *text, bool is_canonical)
{
	struct cidr c;
	const char *problem = NULL;
	if (!cidr_parse(text, true, &c))
		problem = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
	else if (c.has_zeros)
		problem = "must not have leading 0s in IP or prefix length";
	else if (is_mapped(&c))
		problem = "must not have an IPv4-mapped IPv6 address";
	else if (has_bits_beyond(&c))
		problem = "must not have bits set beyond the prefix length";
	if (problem)
		rule_bad_text(e, FIELD_INVALID, at, text, "%s", problem);
	else if (is_canonical)
		check_canonical(e, at, text, &c, true);
}

void rule_address(struct field_errors *e, const struct path *at, const char *text,
		  bool is_canonical)
{
	struct cidr c;
	const char *problem = NULL;
	if (!cidr_parse(text, false, &c))
		problem = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
	else if (c.has_zeros)
		problem = "must not have leading 0s";
	else if (is_mapped(&c))
		problem = "must not be an IPv4-mapped IPv6 address";
	if (problem)
		rule_bad_text(e, FIELD_INVALID, at, text, "%s", problem);
	else if (is_canonical)
		check_canonical(e, at, text, &c, false);
}

void rule_not_special(const char *text, const struct path *at, struct field_errors *e)
{
	static const struct {
		const char *range, *words;
	} special[] = {
		{ "0.0.0.0/32", "may not be unspecified (0.0.0.0)" },
		{ "::/128", "may not be unspecified (::)" },
		{ "127.0.0.0/8", "may not be in the loopback range (127.0.0.0/8, ::1/128)" },
		{ "::1/128", "may not be in the loopback range (127.0.0.0/8, ::1/128)" },
		{ "169.254.0.0/16",
		  "may not be in the link-local range (169.254.0.0/16, fe80::/10)" },
		{ "fe80::/10", "may not be in the link-local range (169.254.0.0/16, fe80::/10)" },
		{ "224.0.0.0/24",
		  "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)" },
		{ "ff02::/16",
		  "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)" },
	};
	struct cidr address, range;
	if (!cidr_parse(text, false, &address)) {
		rule_bad_text(e, FIELD_INVALID, at, text, "must be a valid IP address");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(special); i++) {
		if (!cidr_parse(special[i].range, true, &range))
			continue;
		bool is_it = range.is_v6 == address.is_v6 && range.prefix == address.prefix &&
			     memcmp(range.bytes, address.bytes, sizeof range.bytes) == 0;
		if (is_it || cidr_contains(&range, &address))
			rule_bad_text(e, FIELD_INVALID, at, text, "%s", special[i].words);
	}
}
