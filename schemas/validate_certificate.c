/* CertificateSigningRequest. Whether the request is signed by its own key is asked where keys are. */
#include "schemas/base64.h"
#include "schemas/rule.h"

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
	AUTO_JSON *none = json_null();
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
	auto_free size_t *firsts = NULL;
	at = PATH(at, "usages");
	if (!json_array_size(list))
		rule_required(e, at, NULL);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *usage = json_string_value(json_array_get(list, i));
		if (!rule_is_one_of(usage, usages))
			rule_unsupported(e, PATH_AT(at, i), usage, usages);
	}
	for (size_t i = 0; i < json_array_size(list); i++)
		if (rule_is_again(&firsts, list, i, NULL))
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
	size_t count;
	for (const char *p = domain; p; p = strchr(p, '.') ? strchr(p, '.') + 1 : NULL) {
		auto_free char *label = xstrndup(p, strcspn(p, "."));
		count = name_dns_label(label, problems);
		for (size_t i = 0; i < count; i++)
			rule_bad_text(e, FIELD_INVALID, at, domain, "validating label \"%s\": %s",
				      label, problems[i]);
	}
	if (!strchr(domain, '.'))
		rule_bad_text(e, FIELD_INVALID, at, domain,
			      "should be a domain with at least two segments separated by dots");
	count = name_dns_subdomain(slash + 1, problems);
	for (size_t i = 0; i < count; i++)
		rule_bad_text(e, FIELD_INVALID, at, slash + 1, "validating label \"%s\": %s",
			      slash + 1, problems[i]);
}

/* ---- the certificate ---- */

#define BEGIN "-----BEGIN "
#define END   "-----END "
#define DASH  "-----"

/* The next line of `*at`, without its end; NULL: there is none. */
static const char *next_line(const char **at, size_t *ret_len)
{
	const char *line = *at;
	if (!*line)
		return NULL;
	size_t n = strcspn(line, "\n");
	*at = line + n + (line[n] == '\n');
	while (n && strchr(" \t\r", line[n - 1]))
		n--;
	*ret_len = n;
	return line;
}

static bool is_mark(const char *line, size_t n, const char *mark)
{
	return n >= strlen(mark) + strlen(DASH) && strncmp(line, mark, strlen(mark)) == 0 &&
	       memcmp(line + n - strlen(DASH), DASH, strlen(DASH)) == 0;
}

/* The blocks of a text in PEM: false and why, where one is not what it may be. */
static bool are_certificates(const char *text, struct str *why)
{
	size_t n, blocks = 0;
	bool is_inside = false;
	for (const char *line; (line = next_line(&text, &n)) != NULL;) {
		if (!is_inside && is_mark(line, n, BEGIN)) {
			const char *type = line + strlen(BEGIN);
			size_t len = n - strlen(BEGIN) - strlen(DASH);
			if (len != strlen("CERTIFICATE") || memcmp(type, "CERTIFICATE", len) != 0) {
				str_addf(why,
					 "only CERTIFICATE PEM blocks are allowed, found \"%.*s\"",
					 (int)len, type);
				return false;
			}
			is_inside = true;
		} else if (is_inside && is_mark(line, n, END)) {
			is_inside = false;
			blocks++;
		} else if (is_inside && memchr(line, ':', n)) {
			str_add(why, "no PEM block headers are permitted");
			return false;
		}
	}
	if (blocks == 0)
		str_add(why, "must contain at least one CERTIFICATE PEM block");
	return blocks > 0;
}

static bool certificate_is_good(const json_t *tree, struct str *why)
{
	const char *coded = json_str_or(tree, "status.certificate", "");
	AUTO_STR text;
	str_init(&text, strlen(coded) + 1);
	base64_decode(coded, strlen(coded), &text);
	str_add_char(&text, '\0');
	return text.len <= 1 || are_certificates(text.data, why);
}

/* One that was bad before may stay. */
static void check_certificate(const json_t *tree, const json_t *old, struct field_errors *e)
{
	AUTO_STR why;
	AUTO_STR before;
	str_init(&why, 4096);
	str_init(&before, 4096);
	if (streq(json_str_or(tree, "status.certificate", ""),
		  json_str_or(old, "status.certificate", "")) ||
	    certificate_is_good(tree, &why) || !certificate_is_good(old, &before))
		return;
	rule_bad_text(e, FIELD_INVALID, PATH(PATH(NULL, "status"), "certificate"),
		      "<certificate data>", "%s", why.data);
}

/* ---- conditions ---- */

static bool is_decision(const char *type)
{
	static const char *const types[] = { "Approved", "Denied", "Failed", NULL };
	return rule_is_one_of(type, types);
}

static const json_t *conditions_of(const json_t *tree)
{
	return json_dig(tree, "status.conditions");
}

static size_t count_of(const json_t *list, const char *type)
{
	size_t count = 0;
	for (size_t i = 0; i < json_array_size(list); i++)
		count += streq(json_str_or(json_array_get(list, i), "type", ""), type);
	return count;
}

static bool has_again(const json_t *list)
{
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (rule_is_again(&firsts, list, i, "type"))
			return true;
	return false;
}

static void check_condition(const json_t *one, bool may_be_nameless, const struct path *at,
			    struct field_errors *e)
{
	static const char *const any[] = { "False", "True", "Unknown", NULL };
	static const char *const only[] = { "True", NULL };
	const char *type = json_str_or(one, "type", "");
	const char *status = json_str_or(one, "status", "");
	const char *const *allowed = is_decision(type) ? only : any;
	if (!may_be_nameless)
		rule_required(e, PATH(at, "type"), type);
	if (!*status)
		rule_required(e, PATH(at, "status"), NULL);
	else if (!rule_is_one_of(status, allowed))
		rule_unsupported(e, PATH(at, "status"), status, allowed);
}

/* What was wrong before may stay so. */
static void check_conditions(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const json_t *list = conditions_of(tree), *before = conditions_of(old);
	const struct path *at = PATH(PATH(NULL, "status"), "conditions");
	bool was_both = count_of(before, "Approved") && count_of(before, "Denied");
	bool was_again = has_again(before), was_nameless = count_of(before, "") > 0;
	bool is_approved = false, is_denied = false;
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *type = json_str_or(json_array_get(list, i), "type", "");
		check_condition(json_array_get(list, i), was_nameless, PATH_AT(at, i), e);
		is_approved |= streq(type, "Approved");
		is_denied |= streq(type, "Denied");
		if (!was_both && ((streq(type, "Approved") && is_denied) ||
				  (streq(type, "Denied") && is_approved)))
			rule_bad_text(e, FIELD_INVALID, at, type,
				      "Approved and Denied conditions are mutually exclusive");
		if (!was_again && rule_is_again(&firsts, list, i, "type"))
			rule_bad_text(e, FIELD_DUPLICATE, PATH(PATH_AT(at, i), "type"), type, NULL);
	}
}

/* ---- the whole ---- */

void validate_signing_request(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *seconds = json_object_get(spec, "expirationSeconds");
	const char *signer = json_str_or(spec, "signerName", "");
	check_request(spec, at, e);
	check_usages(spec, at, e);
	if (!streq(signer, LEGACY_SIGNER) || !old)
		check_signer(signer, PATH(at, "signerName"), e);
	if (seconds && json_integer_value(seconds) < 600)
		rule_broken(e, FIELD_INVALID, PATH(at, "expirationSeconds"), seconds,
			    "may not specify a duration less than 600 seconds (10 minutes)");
	check_conditions(tree, old, e);
	check_certificate(tree, old, e);
}

/* Of /status the certificate is what is set, of /approval the decision. */
static void check_change(const json_t *tree, const json_t *old, bool may_decide, bool may_sign,
			 struct field_errors *e)
{
	static const char *const kept[] = { "Approved", "Denied", "Failed" };
	static const char *const decided[] = { "Approved", "Denied" };
	const struct path *at = PATH(NULL, "status");
	const json_t *now = conditions_of(tree), *before = conditions_of(old);
	const char *had = json_str_or(old, "status.certificate", "");
	validate_signing_request(tree, old, e);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (count_of(now, kept[i]) < count_of(before, kept[i]))
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, "conditions"), NULL,
				    "updates may not remove a condition of type \"%s\"", kept[i]);
	for (size_t i = 0; i < ARRAY_LEN(decided) && !may_decide; i++)
		if (count_of(now, decided[i]) > count_of(before, decided[i]))
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, "conditions"), NULL,
				    "updates may not add a condition of type \"%s\"", decided[i]);
	if (streq(json_str_or(tree, "status.certificate", ""), had))
		return;
	if (!may_sign)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "certificate"), NULL,
			    "updates may not set certificate content");
	else if (*had)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "certificate"), NULL,
			    "updates may not modify existing certificate content");
}

void validate_signing_status(const json_t *tree, const json_t *old, struct field_errors *e)
{
	check_change(tree, old, false, true, e);
}

void validate_signing_approval(const json_t *tree, const json_t *old, struct field_errors *e)
{
	check_change(tree, old, true, false, e);
}
