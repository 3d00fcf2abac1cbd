#include "common/io/http_target.h"
#include "common/base/base.h"

#include <ctype.h>

/* Behind the last colon, which may stand in brackets: an address of IPv6. */
static bool is_port(const char *text, size_t n)
{
	return strspn(text, "0123456789") >= n;
}

/* [USER@]HOST[:PORT], or nothing at all: only its form counts, for the Host header says whom the client
 * means, and whatever that is, it means us. */
static bool is_authority(const char *at, size_t n)
{
	const char *user = memchr(at, '@', n);
	const char *host = user ? user + 1 : at, *end = at + n;
	for (const char *p = at; p < end; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-._~!$&'()*+,;=:@[]", *p))
			return false;
	if (*host == '[') {
		const char *close = memchr(host, ']', (size_t)(end - host));
		return close &&
		       (close + 1 == end ||
			(close[1] == ':' && is_port(close + 2, (size_t)(end - close) - 2)));
	}
	const char *colon = memchr(host, ':', (size_t)(end - host));
	return !memchr(host, '[', (size_t)(end - host)) &&
	       (!colon || is_port(colon + 1, (size_t)(end - colon) - 1));
}

static size_t scheme_length(const char *uri)
{
	size_t n = 0;
	while (isalnum((unsigned char)uri[n]) || (n && strchr("+-.", uri[n]) && uri[n]))
		n++;
	return isalpha((unsigned char)*uri) && uri[n] == ':' ? n : 0;
}

const char *http_target_split(char *uri, const char **ret_path, const char **ret_query)
{
	size_t scheme = scheme_length(uri);
	char *path = uri, *query = strchr(uri, '?');
	const char *problem = NULL;
	if (query)
		*query++ = '\0';
	if (scheme && starts_with(uri + scheme, "://")) {
		const char *authority = uri + scheme + 3;
		size_t n = strcspn(authority, "/");
		path = uri + scheme + 3 + n;
		problem = is_authority(authority, n) ? NULL : "the target's host cannot be read";
	} else if (*uri != '/' && !scheme && !streq(uri, "*")) {
		problem = "a request's target is a path that begins with a slash, or a whole URL";
	}
	*ret_path = path;
	*ret_query = query ? query : "";
	return problem;
}
