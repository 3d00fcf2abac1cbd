/* CertificateSigningRequest. Whether the request is signed by its own key is asked where keys are. */
#include "schemas/base64.h"
#include "schemas/rule_hook.h"

#define LEGACY_SIGNER "kubernetes.io/legacy-unknown"
#define PART_SIZE_MAX 253

static const char *const usages[] = { "any",
				      "cert sign",
				      "client auth",
				      "code signing",
				      "content commitment",
				      "crl sign",
				      "data encipherment",
				      "decipher only",
				      "digital signature",
				      "email protection",
				      "encipher only",
				      "ipsec end system",
				      "ipsec tunnel",
				      "ipsec user",
				      "key agreement",
				      "key encipherment",
				      "microsoft sgc",
				      "netscape sgc",
				      "ocsp signing",
				      "s/mime",
				      "server auth",
				      "signing",
				      "timestamping",
				      NULL };

static void check_request(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *request = json_object_get(spec, "request");
	const char *coded = json_str_or(spec, "request", "");
	AUTO_JSON *none = json_string("");
	AUTO_STR text;
	str_init(&text, strlen(coded) + 1);
	base64_decode(coded, strlen(coded), &text);
	str_add_char(&text, '\0');
	if (!str_ok(&text) || !strstr(text.data, "-----BEGIN CERTIFICATE REQUEST-----"))
		rule_broken(e, FIELD_INVALID, PATH(at, "request"), request ? request : none,
			    "PEM block type must be CERTIFICATE REQUEST");
}

static void check_usages(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *list = json_object_get(spec, "usages");
	at = PATH(at, "usages");
	if (!json_array_size(list))
		rule_required(e, at, NULL);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *usage = json_string_value(json_array_get(list, i));
		if (!rule_is_one_of(usage, usages))
			rule_unsupported(e, PATH_AT(at, i), usage, usages);
	}
	for (size_t i = 0; i < json_array_size(list); i++)
		if (rule_is_again(list, i, NULL))
			rule_broken(e, FIELD_DUPLICATE, PATH_AT(at, i), json_array_get(list, i),
				    NULL);
}

/* domain/path */
static void check_signer(const char *name, const struct path *at, struct field_errors *e)
{
	const char *slash = strchr(name, '/');
	if (!*name) {
		rule_required(e, at, NULL);
		return;
	}
	if (streq(name, LEGACY_SIGNER)) {
		rule_bad_text(e, FIELD_INVALID, at, name,
			      "the legacy signerName is not allowed via this API version");
		return;
	}
	if (!slash || strchr(slash + 1, '/')) {
		rule_bad_text(e, FIELD_INVALID, at, name,
			      "must be a fully qualified domain and path of the form "
			      "'example.com/signer-name'");
		return;
	}
	auto_free char *domain = xasprintf("%.*s", (int)(slash - name), name);
	const char *problems[NAME_PROBLEMS_MAX];
	size_t count = name_dns_subdomain(domain, problems);
	for (size_t i = 0; i < count; i++)
		rule_bad_text(e, FIELD_INVALID, at, domain, "validating label \"%s\": %s", domain,
			      problems[i]);
	if (!strchr(domain, '.'))
		rule_bad_text(e, FIELD_INVALID, at, domain,
			      "should be a domain with at least two segments separated by dots");
	count = name_dns_subdomain(slash + 1, problems);
	for (size_t i = 0; i < count; i++)
		rule_bad_text(e, FIELD_INVALID, at, slash + 1, "validating label \"%s\": %s",
			      slash + 1, problems[i]);
}

static bool is_decision(const char *type)
{
	static const char *const types[] = { "Approved", "Denied", "Failed", NULL };
	return rule_is_one_of(type, types);
}

static void check_conditions(const json_t *list, struct field_errors *e)
{
	static const char *const any[] = { "False", "True", "Unknown", NULL };
	static const char *const only[] = { "True", NULL };
	const struct path *at = PATH(PATH(NULL, "status"), "conditions");
	bool is_approved = false, is_denied = false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *type = json_str_or(one, "type", "");
		const char *status = json_str_or(one, "status", "");
		const char *const *allowed = is_decision(type) ? only : any;
		rule_required(e, PATH(PATH_AT(at, i), "type"), type);
		if (!*status)
			rule_required(e, PATH(PATH_AT(at, i), "status"), NULL);
		else if (!rule_is_one_of(status, allowed))
			rule_unsupported(e, PATH(PATH_AT(at, i), "status"), status, allowed);
		is_approved |= streq(type, "Approved");
		is_denied |= streq(type, "Denied");
		if ((streq(type, "Approved") && is_denied) ||
		    (streq(type, "Denied") && is_approved))
			rule_bad_text(e, FIELD_INVALID, at, type,
				      "Approved and Denied conditions are mutually exclusive");
		if (rule_is_again(list, i, "type"))
			rule_bad_text(e, FIELD_DUPLICATE, PATH(PATH_AT(at, i), "type"), type, NULL);
	}
}

void validate_signing_request(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *seconds = json_object_get(spec, "expirationSeconds");
	(void)old;
	check_request(spec, at, e);
	check_usages(spec, at, e);
	check_signer(json_str_or(spec, "signerName", ""), PATH(at, "signerName"), e);
	if (seconds && json_integer_value(seconds) < 600)
		rule_broken(e, FIELD_INVALID, PATH(at, "expirationSeconds"), seconds,
			    "may not specify a duration less than 600 seconds (10 minutes)");
	check_conditions(json_dig(tree, "status.conditions"), e);
}
