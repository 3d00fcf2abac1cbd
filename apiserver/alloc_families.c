/*
 * Which families of addresses a Service has, and by which policy: filled in, and refused where it asks
 * for what this cluster does not have. It has IPv4 alone. A Service without address and selector
 * is the exception: nobody here gives it addresses, so it may have both.
 */
#include "apiserver/alloc.h"
#include "apiserver/change.h"
#include "common/base/jsonx.h"
#include "schemas/names.h"

static const char *family_of(const char *ip)
{
	return strchr(ip, ':') ? "IPv6" : "IPv4";
}

static bool is_family(const char *text)
{
	return streq(text, "IPv4") || streq(text, "IPv6");
}

/* False: the kind's own rules have something to say, and before anybody else. */
static bool is_sound(const json_t *spec)
{
	const json_t *families = json_object_get(spec, "ipFamilies");
	const json_t *ips = json_object_get(spec, "clusterIPs");
	const char *ip = json_str_or(spec, "clusterIP", "");
	const char *policy = json_str_or(spec, "ipFamilyPolicy", "SingleStack");
	size_t count = json_array_size(families);
	bool is_good = streq(policy, "SingleStack") || streq(policy, "PreferDualStack") ||
		       streq(policy, "RequireDualStack");
	for (size_t i = 0; i < count && is_good; i++)
		is_good = is_family(json_string_value(json_array_get(families, i)));
	if (!is_good || count > 2 ||
	    (count == 2 && json_equal(json_array_get(families, 0), json_array_get(families, 1))))
		return false;
	if (!*ip || streq(ip, "None"))
		return *ip || json_array_size(ips) == 0;
	if (!ip_is_v4(ip) && !ip_is_v6(ip))
		return false;
	const char *first = json_string_value(json_array_get(ips, 0));
	bool is_mismatched =
		count && !streq(family_of(ip), json_string_value(json_array_get(families, 0)));
	return !is_mismatched && json_array_size(ips) < 2 && (!first || streq(first, ip));
}

static void choose_policy(const struct change *c, json_t *spec)
{
	const char *old = json_str(c->old_tree, "spec.ipFamilyPolicy");
	bool is_alone = streq(json_str_or(spec, "clusterIP", ""), "None") &&
			json_object_size(json_object_get(spec, "selector")) == 0;
	if (!json_object_get(spec, "ipFamilyPolicy"))
		json_put_str(spec, "ipFamilyPolicy",
			     old        ? old
			     : is_alone ? "RequireDualStack"
					: "SingleStack");
}

/* Who goes back to one family need not say which. */
static void drop_second(const struct change *c, json_t *spec)
{
	json_t *families = json_object_get(spec, "ipFamilies");
	if (json_array_size(families) == 2 &&
	    json_equal(families, json_dig(c->old_tree, "spec.ipFamilies")))
		json_array_remove(families, 1);
}

static json_t *families_list(json_t *spec)
{
	json_t *list = json_object_get(spec, "ipFamilies");
	if (!list) {
		list = json_array();
		json_object_set_new(spec, "ipFamilies", list);
	}
	return list;
}

static void check_configured(json_t *spec, struct field_errors *e)
{
	json_t *families = json_object_get(spec, "ipFamilies");
	json_t *policy = json_object_get(spec, "ipFamilyPolicy");
	if (streq(json_string_value(policy), "RequireDualStack"))
		field_errors_add(e, FIELD_INVALID, "spec.ipFamilyPolicy", policy, "%s",
				 "this cluster is not configured for dual-stack services");
	for (size_t i = 0; i < json_array_size(families); i++) {
		auto_free char *at = xasprintf("spec.ipFamilies[%zu]", i);
		if (streq(json_string_value(json_array_get(families, i)), "IPv6"))
			field_errors_add(e, FIELD_INVALID, at, json_array_get(families, i), "%s",
					 "not configured on this cluster");
	}
}

/* What can be wrong before an address is looked for; at most one kind of problem is told of. */
static void choose_families(const struct change *c, json_t *spec, struct field_errors *e)
{
	json_t *policy = json_object_get(spec, "ipFamilyPolicy");
	const char *ip = json_str_or(spec, "clusterIP", "");
	bool is_single = streq(json_string_value(policy), "SingleStack");
	bool is_headless = streq(ip, "None");
	if (is_single)
		drop_second(c, spec);
	json_t *families = families_list(spec);
	if (is_single && json_array_size(families) == 2) {
		field_errors_add(e, FIELD_INVALID, "spec.ipFamilyPolicy", policy, "%s",
				 "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP "
				 "families are specified");
		return;
	}
	if (*ip && !is_headless && !json_array_size(families) && streq(family_of(ip), "IPv6")) {
		AUTO_JSON *shown = json_pack("[s]", ip);
		field_errors_add(e, FIELD_INVALID, "spec.clusterIPs[0]", shown, "%s",
				 "IPv6 is not configured on this cluster");
		return;
	}
	bool is_alone = is_headless && json_object_size(json_object_get(spec, "selector")) == 0;
	if (!is_alone)
		check_configured(spec, e);
	if (e->count)
		return;
	if (!json_array_size(families))
		json_array_append_new(families, json_string("IPv4"));
	if (is_alone && !is_single && json_array_size(families) == 1) {
		bool is_v4 = streq(json_string_value(json_array_get(families, 0)), "IPv4");
		json_array_append_new(families, json_string(is_v4 ? "IPv6" : "IPv4"));
	}
}

int alloc_families(struct change *c, bool *ret_is_sound, struct failure *f)
{
	struct field_errors errors = { 0 };
	json_t *spec = json_object_get(c->tree, "spec");
	*ret_is_sound = is_sound(spec);
	if (!*ret_is_sound)
		return 0;
	choose_policy(c, spec);
	choose_families(c, spec, &errors);
	int code = errors.count ? fail_invalid(f, c->kind, c->name, &errors) : 0;
	field_errors_fini(&errors);
	return code;
}
