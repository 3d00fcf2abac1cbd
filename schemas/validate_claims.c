#include "schemas/rule.h"

/* Devices that a pod claims, and what its containers take of them. */

static void check_claim(const json_t *one, bool is_again, const struct path *at,
			struct field_errors *e)
{
	const char *name = json_str_or(one, "name", "");
	const char *claim = json_str(one, "resourceClaimName");
	const char *template = json_str(one, "resourceClaimTemplateName");
	if (!*name)
		rule_required(e, PATH(at, "name"), NULL);
	else if (is_again)
		rule_bad_text(e, FIELD_DUPLICATE, PATH(at, "name"), name, NULL);
	else
		rule_name(e, PATH(at, "name"), name, name_dns_label);
	if (claim && template)
		rule_broken_inside(e, FIELD_INVALID, at, "core.v1.PodResourceClaim", one,
				   "at most one of `resourceClaimName` or "
				   "`resourceClaimTemplateName` may be specified");
	else if (!claim && !template)
		rule_broken_inside(e, FIELD_INVALID, at, "core.v1.PodResourceClaim", one,
				   "must specify one of: `resourceClaimName`, "
				   "`resourceClaimTemplateName`");
	if (claim)
		rule_name(e, PATH(at, "resourceClaimName"), claim, name_dns_subdomain);
	if (template)
		rule_name(e, PATH(at, "resourceClaimTemplateName"), template, name_dns_subdomain);
}

void validate_pod_claims(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *claims = json_object_get(spec, "resourceClaims");
	auto_free size_t *firsts = RULE_FIRSTS(claims, "name");
	for (size_t i = 0; i < json_array_size(claims); i++)
		check_claim(json_array_get(claims, i), firsts[i] != i,
			    PATH_AT(PATH(at, "resourceClaims"), i), e);
}

/* A claim is taken whole once, or by each of its requests once. */
static void check_taken(const json_t *one, bool is_whole, bool is_again, const struct path *at,
			struct field_errors *e)
{
	const char *name = json_str_or(one, "name", "");
	auto_free char *both = xasprintf("%s/%s", name, json_str_or(one, "request", ""));
	if (is_whole || is_again)
		rule_bad_text(e, FIELD_DUPLICATE, at, is_whole ? name : both, NULL);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "a, b", sorted; empty: there is none. */
static void list_claims(const json_t *claims, struct str *out)
{
	const char **names = xcalloc(json_array_size(claims) + 1, sizeof *names);
	size_t count = 0;
	for (size_t i = 0; i < json_array_size(claims); i++) {
		const char *name = json_str_or(json_array_get(claims, i), "name", "");
		if (*name)
			names[count++] = name;
	}
	qsort(names, count, sizeof *names, by_text);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || !streq(names[i], names[i - 1]))
			str_addf(out, "%s%s", i ? ", " : "", names[i]);
	free(names);
}

static void refuse_unknown(const json_t *claims, const char *name, const struct path *at,
			   struct field_errors *e)
{
	AUTO_STR all;
	str_init(&all, 1 << 16);
	str_add(&all, "");
	list_claims(claims, &all);
	rule_bad_text(e, FIELD_NOT_FOUND, at, name,
		      "must be one of the names in pod.spec.resourceClaims%s%s",
		      all.len ? ": " : " which is empty", all.data);
}

void validate_container_claims(const json_t *resources, const struct pod_names *pod,
			       const struct path *at, struct field_errors *e)
{
	const json_t *taken = json_object_get(resources, "claims");
	size_t count = json_array_size(taken);
	auto_free size_t *names = RULE_FIRSTS(taken, "name");
	auto_free size_t *firsts = RULE_FIRSTS(taken, "name", "request");
	auto_free bool *are_whole = xcalloc(count + 1, sizeof *are_whole); /* by names' firsts */
	for (size_t i = 0; i < count; i++) {
		const struct path *here = PATH_AT(PATH(at, "claims"), i);
		const char *name = json_str_or(json_array_get(taken, i), "name", "");
		const char *request = json_str_or(json_array_get(taken, i), "request", "");
		if (!*name) {
			rule_required(e, here, NULL);
		} else {
			bool is_whole = are_whole[names[i]] || (!*request && names[i] != i);
			check_taken(json_array_get(taken, i), is_whole, firsts[i] != i, here, e);
			if (!rule_names_has(&pod->claim_names, name))
				refuse_unknown(json_object_get(pod->spec, "resourceClaims"), name,
					       here, e);
		}
		are_whole[names[i]] |= !*request;
		if (*request)
			rule_name(e, PATH(here, "request"), request, name_dns_label);
	}
}
