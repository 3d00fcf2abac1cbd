/* What an issuer's discovery document and the URLs in it may be. */
#include "apiserver/oidc_fetch.h"
#include "tests/support/check.h"

#include <stdio.h>

static const struct {
	const char *url, *want; /* "base target", or the error */
} urls[] = {
	{ "https://a", "https://a /" },
	{ "https://a:1/b?c=d", "https://a:1 /b?c=d" },
	{ "https://a?c", "https://a /?c" },
	{ "https://[::1]:8443/x", "https://[::1]:8443 /x" },
	{ "http://a/b", "'http://a/b' is no https URL" },
	{ "https://", "'https://' names no host, or a user" },
	{ "https:///x", "'https:///x' names no host, or a user" },
	{ "https://u:p@a/x", "'https://u:p@a/x' names no host, or a user" },
	{ "https://a/b c", "a URL with characters that it may not have" },
	{ "https://a/b\r\nHost: c", "a URL with characters that it may not have" },
	{ "https://a/b#c", "a URL with characters that it may not have" },
	{ "", "'' is no https URL" },
};

static void test_urls(void)
{
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		auto_free char *base = NULL, *target = NULL, *got = NULL;
		struct error err;
		if (oidc_url_split(urls[i].url, &base, &target, &err) == 0)
			got = xasprintf("%s %s", base, target);
		else
			got = xstrdup(err.text);
		CHECK_TEXT(urls[i].url, got, urls[i].want);
	}
}

static const struct {
	const char *text, *want;
} documents[] = {
	{ "{\"issuer\":\"https://a\",\"jwks_uri\":\"https://b/k\"}", "https://b/k" },
	{ "{\"issuer\":\"https://a/\",\"jwks_uri\":\"https://b/k\"}",
	  "the discovery document is of another issuer: 'https://a/'" },
	{ "{\"jwks_uri\":\"https://b/k\"}", "the discovery document is of another issuer: ''" },
	{ "{\"issuer\":\"https://a\"}", "the discovery document has no jwks_uri" },
	{ "{\"issuer\":\"https://a\",\"jwks_uri\":7}", "the discovery document has no jwks_uri" },
	{ "{\"issuer\":\"https://a\",\"jwks_uri\":\"file:///etc/passwd\"}",
	  "jwks_uri: 'file:///etc/passwd' is no https URL" },
	{ "[]", "the discovery document is no JSON object" },
	{ "<html>", "the discovery document is no JSON object" },
	{ "", "the discovery document is no JSON object" },
};

static void test_documents(void)
{
	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		auto_free char *url = NULL;
		struct error err;
		const char *text = documents[i].text;
		int code = oidc_document_keys(text, strlen(text), "https://a", &url, &err);
		CHECK_TEXT(text, code == 0 ? url : err.text, documents[i].want);
	}
}

int main(void)
{
	test_urls();
	test_documents();
	return 0;
}
