#include "schemas/names.h"

#include <arpa/inet.h>

#define TOO_LONG(n)  "must be no more than " #n " characters"
#define LABEL        "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define KEY          "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
#define REGEX(regex) "regex used for validation is '" regex "')"

#define LABEL_PROBLEM                                                                                   \
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "        \
	"and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', " REGEX( \
		LABEL)
#define SUBDOMAIN_PROBLEM                                                                            \
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "    \
	"or '.', and must start and end with an alphanumeric character (e.g. 'example.com', " REGEX( \
		LABEL "(\\." LABEL ")*")
#define KEY_PROBLEM                                                                                \
	"must consist of alphanumeric characters, '-', '_' or '.', and must start and end with "   \
	"an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', " REGEX(KEY)

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower_or_digit(char c)
{
	return is_lower(c) || is_digit(c);
}

static bool is_alphanumeric(char c)
{
	return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

/* [a-z0-9]([-a-z0-9]*[a-z0-9])? */
static bool matches_label(const char *s, size_t n)
{
	if (n == 0 || !is_lower_or_digit(s[0]) || !is_lower_or_digit(s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_lower_or_digit(s[i]) && s[i] != '-')
			return false;
	return true;
}

static bool matches_subdomain(const char *s)
{
	for (;;) {
		size_t n = strcspn(s, ".");
		if (!matches_label(s, n))
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9] */
static bool matches_key(const char *s)
{
	size_t n = strlen(s);
	if (n == 0 || !is_alphanumeric(s[0]) || !is_alphanumeric(s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alphanumeric(s[i]) && !strchr("-_.", s[i]))
			return false;
	return true;
}

bool name_is(name_check *check, const char *value)
{
	const char *problems[NAME_PROBLEMS_MAX];
	return check(value, problems) == 0;
}

size_t name_dns_label(const char *value, const char *ret[NAME_PROBLEMS_MAX])
{
	size_t n = 0;
	if (strlen(value) > 63)
		ret[n++] = TOO_LONG(63);
	if (!matches_label(value, strlen(value)))
		ret[n++] = matches_subdomain(value) ? "must not contain dots" : LABEL_PROBLEM;
	return n;
}

size_t name_dns_subdomain(const char *value, const char *ret[NAME_PROBLEMS_MAX])
{
	size_t n = 0;
	if (strlen(value) > 253)
		ret[n++] = TOO_LONG(253);
	if (!matches_subdomain(value))
		ret[n++] = SUBDOMAIN_PROBLEM;
	return n;
}

size_t name_dns1035_label(const char *value, const char *ret[NAME_PROBLEMS_MAX])
{
	size_t n = 0;
	if (strlen(value) > 63)
		ret[n++] = TOO_LONG(63);
	if (!matches_label(value, strlen(value)) || !is_lower(value[0]))
		ret[n++] = "a DNS-1035 label must consist of lower case alphanumeric characters or "
			   "'-', start with an alphabetic character, and end with an alphanumeric "
			   "character (e.g. 'my-name',  or 'abc-123', " REGEX(
				   "[a-z]([-a-z0-9]*[a-z0-9])?");
	return n;
}

size_t name_label_key(const char *value, const char *ret[NAME_PROBLEMS_MAX])
{
	size_t n = 0;
	const char *slash = strchr(value, '/'), *name = value;
	if (slash) {
		if (strchr(slash + 1, '/')) {
			ret[0] = "a valid label key " KEY_PROBLEM " with an optional DNS subdomain "
				 "prefix and '/' (e.g. 'example.com/MyName')";
			return 1;
		}
		name = slash + 1;
		auto_free char *prefix = xstrndup(value, (size_t)(slash - value));
		if (slash == value) {
			ret[n++] = "prefix part must be non-empty";
		} else {
			if (strlen(prefix) > 253)
				ret[n++] = "prefix part must be no more than 253 bytes";
			if (!matches_subdomain(prefix))
				ret[n++] = "prefix part " SUBDOMAIN_PROBLEM;
		}
	}
	if (!*name)
		ret[n++] = "name part must be non-empty";
	else if (strlen(name) > 63)
		ret[n++] = "name part must be no more than 63 bytes";
	if (!matches_key(name))
		ret[n++] = "name part " KEY_PROBLEM;
	return n;
}

size_t name_label_value(const char *value, const char *ret[NAME_PROBLEMS_MAX])
{
	size_t n = 0;
	if (strlen(value) > 63)
		ret[n++] = "must be no more than 63 bytes";
	if (*value && !matches_key(value))
		ret[n++] =
			"a valid label must be an empty string or consist of alphanumeric "
			"characters, '-', '_' or '.', and must start and end with an "
			"alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', " REGEX(
				"(" KEY ")?");
	return n;
}

size_t name_port(const char *value, const char *ret[NAME_PROBLEMS_MAX])
{
	size_t n = 0, length = strlen(value);
	if (length > 15)
		ret[n++] = TOO_LONG(15);
	bool is_clean = length > 0, has_letter = false;
	for (size_t i = 0; i < length; i++) {
		is_clean &= is_lower_or_digit(value[i]) || value[i] == '-';
		has_letter |= is_lower(value[i]);
	}
	if (!is_clean)
		ret[n++] = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
	if (!has_letter)
		ret[n++] = "must contain at least one letter (a-z)";
	if (strstr(value, "--"))
		ret[n++] = "must not contain consecutive hyphens";
	if (length && (value[0] == '-' || value[length - 1] == '-'))
		ret[n++] = "must not begin or end with a hyphen";
	return n;
}

size_t name_config_key(const char *value, const char *ret[NAME_PROBLEMS_MAX])
{
	size_t n = 0;
	if (strlen(value) > 253)
		ret[n++] = TOO_LONG(253);
	bool is_clean = *value;
	for (const char *p = value; *p; p++)
		is_clean &= is_alphanumeric(*p) || strchr("-_.", *p);
	if (!is_clean)
		ret[n++] =
			"a valid config key must consist of alphanumeric characters, '-', '_' or "
			"'.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', " REGEX(
				"[-._a-zA-Z0-9]+");
	if (streq(value, "."))
		ret[n++] = "must not be '.'";
	else if (streq(value, ".."))
		ret[n++] = "must not be '..'";
	else if (starts_with(value, ".."))
		ret[n++] = "must not start with '..'";
	return n;
}

size_t name_env(const char *value, const char *ret[NAME_PROBLEMS_MAX])
{
	if (!*value) {
		ret[0] = "environment variable name must be non-empty";
		return 1;
	}
	for (const char *p = value; *p; p++) {
		if (*p < 0x20 || *p >= 0x7f || *p == '=') {
			ret[0] = "a valid environment variable name must consist only of printable "
				 "ASCII characters other than '='";
			return 1;
		}
	}
	return 0;
}

size_t name_percent(const char *value, const char *ret[NAME_PROBLEMS_MAX])
{
	size_t digits = strspn(value, "0123456789");
	if (digits > 0 && streq(value + digits, "%"))
		return 0;
	ret[0] = "a valid percent string must be a numeric string followed by an ending '%' (e.g. "
		 "'1%',  or '93%', " REGEX("[0-9]+%");
	return 1;
}

size_t name_http_header(const char *value, const char *ret[NAME_PROBLEMS_MAX])
{
	bool is_clean = *value;
	for (const char *p = value; *p; p++)
		is_clean &= is_alphanumeric(*p) || *p == '-';
	if (is_clean)
		return 0;
	ret[0] = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. "
		 "'X-Header-Name', " REGEX("[-A-Za-z0-9]+");
	return 1;
}

size_t name_path_segment(const char *value, const char *ret[NAME_PROBLEMS_MAX])
{
	size_t n = 0;
	if (streq(value, "."))
		ret[n++] = "may not be '.'";
	if (streq(value, ".."))
		ret[n++] = "may not be '..'";
	if (strchr(value, '/'))
		ret[n++] = "may not contain '/'";
	if (strchr(value, '%'))
		ret[n++] = "may not contain '%'";
	return n;
}

char *name_lower(const char *text)
{
	char *out = xstrdup(text);
	for (char *p = out; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return out;
}

bool ip_is_v4(const char *text)
{
	struct in_addr address;
	return inet_pton(AF_INET, text, &address) == 1;
}

bool ip_is_v6(const char *text)
{
	struct in6_addr address;
	return inet_pton(AF_INET6, text, &address) == 1;
}
