/* What an issuer's discovery document says, and the URLs in it. Pure. */
#include "apiserver/oidc_fetch.h"
#include "common/base/jsonx.h"

#define URL_MAX 2048

int oidc_url_split(const char *url, char **ret_base, char **ret_target, struct error *err)
{
	static const char scheme[] = "https://";
	size_t n = strlen(url);
	if (!starts_with(url, scheme) || n > URL_MAX)
		return error_set(err, ERR_INVALID, "'%.80s' is no https URL", url);
	for (size_t i = 0; i < n; i++)
		if (url[i] <= ' ' || url[i] >= 0x7f || url[i] == '#')
			return error_set(err, ERR_INVALID,
					 "a URL with characters that it may not have");
	const char *host = url + sizeof scheme - 1;
	size_t host_len = strcspn(host, "/?");
	if (host_len == 0 || memchr(host, '@', host_len))
		return error_set(err, ERR_INVALID, "'%.80s' names no host, or a user", url);
	const char *target = host + host_len;
	*ret_base = xstrndup(url, (size_t)(target - url));
	*ret_target = *target == '/' ? xstrdup(target) : xasprintf("/%s", target);
	return 0;
}

int oidc_document_keys(const char *text, size_t len, const char *issuer, char **ret_url,
		       struct error *err)
{
	AUTO_JSON *tree = NULL;
	if (json_parse(text, len, &tree, err) < 0 || !json_is_object(tree))
		return error_set(err, ERR_INVALID, "the discovery document is no JSON object");
	const char *says = json_str_or(tree, "issuer", ""), *url = json_str(tree, "jwks_uri");
	if (!streq(says, issuer))
		return error_set(err, ERR_INVALID,
				 "the discovery document is of another issuer: '%.80s'", says);
	auto_free char *base = NULL, *target = NULL;
	if (!url)
		return error_set(err, ERR_INVALID, "the discovery document has no jwks_uri");
	if (oidc_url_split(url, &base, &target, err) < 0)
		return error_wrap(err, "jwks_uri");
	*ret_url = xstrdup(url);
	return 0;
}
