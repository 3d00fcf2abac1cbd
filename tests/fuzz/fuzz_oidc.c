// link: apiserver io
/* What an OpenID Connect issuer answers: its discovery document, its keys. */
#include "apiserver/oidc_fetch.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	auto_free char *url = NULL, *base = NULL, *target = NULL;
	struct error err;
	if (oidc_document_keys(text, strlen(text), "https://a", &url, &err) == 0) {
		int code = oidc_url_split(url, &base, &target, &err);
		assert(code == 0 && *target == '/' && starts_with(url, base));
	}
	const struct authn_oidc_options options = { .issuer = "https://a", .client_id = "a" };
	AUTO(authn_oidc) *o = NULL;
	int code = authn_oidc_new(&options, &o, &err);
	assert(code == 0);
	if (authn_oidc_set_keys(o, text, &err) == 0)
		assert(!authn_oidc_wants_keys(o));
	return 0;
}
