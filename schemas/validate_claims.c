#include "schemas/rule.h"

/* Devices that a pod claims, and what its containers take of them. */

static void check_claim(const json_t *claims, size_t i, const struct path *at,
			struct field_errors *e)
{
	const json_t *one = json_array_get(claims, i);
	const char *name = json_str_or(one, "name", "");
	const char *claim = json_str(one, "resourceClaimName");
	const char *template = json_str(one, "resourceClaimTemplateName");
	if (!*name)
		rule_required(e, PATH(at, "name"), NULL);
	else if (rule_is_again(claims, i, "name"))
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
	for (size_t i = 0; i < json_array_size(claims); i++)
		check_claim(claims, i, PATH_AT(PATH(at, "resourceClaims"), i), e);
}

/* A claim is taken whole once, or by each of its requests once. */
static void check_taken(const json_t *taken, size_t i, const struct path *at,
			struct field_errors *e)
{
	const char *name = json_str_or(json_array_get(taken, i), "name", "");
	const char *request = json_str_or(json_array_get(taken, i), "request", "");
	bool is_whole = false, is_again = false;
	for (size_t k = 0; k < i; k++) {
		const json_t *other = json_array_get(taken, k);
		const char *part = json_str_or(other, "request", "");
		if (!streq(json_str_or(other, "name", ""), name))
			continue;
		is_whole |= !*part || !*request;
		is_again |= streq(part, request);
	}
	auto_free char *both = xasprintf("%s/%s", name, request);
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

static void check_known(const json_t *claims, const char *name, const struct path *at,
			struct field_errors *e)
{
	for (size_t i = 0; i < json_array_size(claims); i++)
		if (streq(json_str_or(json_array_get(claims, i), "name", ""), name))
			return;
	AUTO_STR all;
	str_init(&all, 1 << 16);
	str_add(&all, "");
	list_claims(claims, &all);
	rule_bad_text(e, FIELD_NOT_FOUND, at, name,
		      "must be one of the names in pod.spec.resourceClaims%s%s",
		      all.len ? ": " : " which is empty", all.data);
}

void validate_container_claims(const json_t *resources, const json_t *spec, const struct path *at,
			       struct field_errors *e)
{
	const json_t *taken = json_object_get(resources, "claims");
	for (size_t i = 0; i < json_array_size(taken); i++) {
		const struct path *here = PATH_AT(PATH(at, "claims"), i);
		const char *name = json_str_or(json_array_get(taken, i), "name", "");
		const char *request = json_str_or(json_array_get(taken, i), "request", "");
		if (!*name) {
			rule_required(e, here, NULL);
		} else {
			check_taken(taken, i, here, e);
			check_known(json_object_get(spec, "resourceClaims"), name, here, e);
		}
		if (*request)
			rule_name(e, PATH(here, "request"), request, name_dns_label);
	}
}
