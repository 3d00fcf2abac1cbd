/*
 * What a pod's status may become: terminated containers that are not restarted stay so, its class of
 * service stays, addresses are addresses. Source: upstream's core validation (ValidatePodStatusUpdate).
 */
#include "schemas/cidr.h"
#include "schemas/rule.h"

#define HEALTH_MESSAGE_MAX 1024
#define ID_MAX             2147483647

static const json_t *named(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (streq(json_str_or(json_array_get(list, i), "name", ""), name))
			return json_array_get(list, i);
	return NULL;
}

/* ---- containers that have ended ---- */

static bool rule_restarts(const json_t *rule, int64_t code)
{
	const char *action = json_str_or(rule, "action", "");
	const char *op = json_str_or(rule, "exitCodes.operator", "");
	const json_t *values = json_dig(rule, "exitCodes.values");
	bool is_in = false;
	for (size_t i = 0; i < json_array_size(values); i++)
		is_in |= json_integer_value(json_array_get(values, i)) == code;
	bool fits = (streq(op, "In") && is_in) || (streq(op, "NotIn") && !is_in);
	return fits && (streq(action, "Restart") || streq(action, "RestartAllContainers"));
}

static bool policy_restarts(const char *policy, int64_t code)
{
	return streq(policy, "Always") || (streq(policy, "OnFailure") && code != 0);
}

/* Its own rules before its own policy before the pod's. */
static bool is_restarted(const json_t *pod, const json_t *container, int64_t code)
{
	const char *own = json_str(container, "restartPolicy");
	const json_t *rules = json_object_get(container, "restartPolicyRules");
	for (size_t i = 0; own && i < json_array_size(rules); i++)
		if (rule_restarts(json_array_get(rules, i), code))
			return true;
	return policy_restarts(own ? own : json_str_or(pod, "spec.restartPolicy", "Always"), code);
}

/* One container's end may start all of them anew. */
static bool all_may_restart(const json_t *pod)
{
	static const char *const lists[] = { "initContainers", "containers" };
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(json_object_get(pod, "spec"), lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *rules =
				json_object_get(json_array_get(list, i), "restartPolicyRules");
			for (size_t k = 0; k < json_array_size(rules); k++)
				if (streq(json_str_or(json_array_get(rules, k), "action", ""),
					  "RestartAllContainers"))
					return true;
		}
	}
	return false;
}

/* `containers` NULL: of ephemeral ones, which are never restarted. */
static void check_ended(const json_t *pod, const json_t *old, const char *list,
			const char *containers, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "status"), list);
	const json_t *now = json_object_get(json_object_get(pod, "status"), list);
	const json_t *before = json_object_get(json_object_get(old, "status"), list);
	const json_t *all =
		containers ? json_object_get(json_object_get(old, "spec"), containers) : NULL;
	for (size_t i = 0; i < json_array_size(before); i++) {
		const json_t *was = json_array_get(before, i);
		const char *name = json_str_or(was, "name", "");
		const json_t *end = json_dig(was, "state.terminated");
		const json_t *is = named(now, name), *container = named(all, name);
		if (!end || !is || json_dig(is, "state.terminated") ||
		    (container && is_restarted(old, container, json_int_or(end, "exitCode", 0))))
			continue;
		rule_broken(e, FIELD_FORBIDDEN, PATH(PATH_AT(at, i), "state"), NULL,
			    "may not be transitioned to non-terminated state");
	}
}

/* ---- claims of devices ---- */

static void check_claims(const json_t *pod, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "status"), "resourceClaimStatuses");
	const json_t *list = json_dig(pod, "status.resourceClaimStatuses");
	const json_t *claims = json_dig(pod, "spec.resourceClaims");
	auto_free size_t *firsts = NULL;
	AUTO_NAMES known;
	rule_names_init(&known, claims, "name");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *name = json_str_or(one, "name", "");
		const char *claim = json_str(one, "resourceClaimName");
		if (!rule_names_has(&known, name))
			rule_bad_text(e, FIELD_INVALID, PATH(PATH_AT(at, i), "name"), name,
				      "must match the name of an entry in `spec.resourceClaims`");
		if (rule_is_again(&firsts, list, i, "name"))
			rule_bad_text(e, FIELD_DUPLICATE, PATH(PATH_AT(at, i), "name"), name, NULL);
		if (claim)
			rule_name(e, PATH(PATH_AT(at, i), "resourceClaimName"), claim,
				  name_dns_subdomain);
	}
}

static void check_mapping(const json_t *list, size_t i, bool is_again, const json_t *spec,
			  const struct path *at, struct field_errors *e)
{
	static const char *const keys[] = { "containerName", "resourceName", "requestName" };
	const struct path *here = PATH_AT(PATH(at, "requestMappings"), i);
	const json_t *one = json_array_get(list, i);
	const char *name = json_str_or(one, "containerName", "");
	const char *resource = json_str_or(one, "resourceName", "");
	const json_t *container = named(json_object_get(spec, "containers"), name);
	if (!container)
		container = named(json_object_get(spec, "initContainers"), name);
	if (!container)
		rule_bad_text(e, FIELD_INVALID, PATH(here, "containerName"), name,
			      "must match the name of an entry in spec.initContainers.name or "
			      "spec.containers.name");
	else if (!json_object_get(json_dig(container, "resources.requests"), resource))
		rule_bad_text(e, FIELD_INVALID, PATH(here, "resourceName"), resource,
			      "must match the extended resource name of an entry in "
			      "spec.initContainers.resources.requests or "
			      "spec.containers.resources.requests");
	rule_name(e, PATH(at, "requestName"), json_str_or(one, "requestName", ""), name_dns_label);
	for (size_t m = 0; is_again && m < ARRAY_LEN(keys); m++)
		rule_bad_text(e, FIELD_DUPLICATE, PATH(here, keys[m]),
			      json_str_or(one, keys[m], ""), NULL);
}

static void check_extended_claim(const json_t *pod, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "status"), "extendedResourceClaimStatus");
	const json_t *status = json_dig(pod, "status.extendedResourceClaimStatus");
	const json_t *list = json_object_get(status, "requestMappings");
	const char *claim = json_str_or(status, "resourceClaimName", "");
	if (!status)
		return;
	if (!json_array_size(list))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "requestMappings"), NULL,
			    "at least one request mapping is required");
	auto_free size_t *firsts =
		RULE_FIRSTS(list, "containerName", "resourceName", "requestName");
	for (size_t i = 0; i < json_array_size(list); i++)
		check_mapping(list, i, firsts[i] != i, json_object_get(pod, "spec"), at, e);
	rule_required_name(e, PATH(at, "resourceClaimName"), claim, name_dns_subdomain);
}

/* ---- addresses ---- */

static bool had_ip(const json_t *list, const char *ip)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (streq(json_str_or(json_array_get(list, i), "ip", ""), ip))
			return true;
	return false;
}

/* As upstream's own type is shown. */
static json_t *shown_ips(const json_t *list)
{
	json_t *shown = json_array();
	for (size_t i = 0; i < json_array_size(list); i++)
		json_array_append_new(
			shown,
			json_pack("{s:s}", "IP", json_str_or(json_array_get(list, i), "ip", "")));
	return shown;
}

static bool is_pair(const json_t *list)
{
	struct cidr a, b;
	return json_array_size(list) == 2 &&
	       cidr_parse(json_str_or(json_array_get(list, 0), "ip", ""), false, &a) &&
	       cidr_parse(json_str_or(json_array_get(list, 1), "ip", ""), false, &b) &&
	       a.is_v6 != b.is_v6;
}

static void check_ips(const json_t *pod, const json_t *old, const char *name,
		      struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "status"), name);
	const json_t *list = json_object_get(json_object_get(pod, "status"), name);
	const json_t *before = json_object_get(json_object_get(old, "status"), name);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *ip = json_str_or(json_array_get(list, i), "ip", "");
		if (!had_ip(before, ip))
			rule_address(e, PATH_AT(at, i), ip, false);
	}
	if (json_array_size(list) > 1 && !is_pair(list)) {
		AUTO_JSON *shown = shown_ips(list);
		rule_broken(e, FIELD_INVALID, at, shown,
			    "may specify no more than one IP for each IP family");
	}
}

static void check_host_ip(const json_t *pod, struct field_errors *e)
{
	const json_t *list = json_dig(pod, "status.hostIPs");
	const char *first = json_str_or(json_array_get(list, 0), "ip", "");
	if (json_array_size(list) && !streq(first, json_str_or(pod, "status.hostIP", "")))
		rule_bad_text(e, FIELD_INVALID,
			      PATH(PATH_AT(PATH(PATH(NULL, "status"), "hostIPs"), 0), "ip"), first,
			      "must be equal to `hostIP`");
}

/* ---- who runs in it, and on what ---- */

static void check_id(const json_t *id, const struct path *at, struct field_errors *e)
{
	AUTO_JSON *shown = json_integer(json_integer_value(id));
	if (json_integer_value(id) < 0 || json_integer_value(id) > ID_MAX)
		rule_broken(e, FIELD_INVALID, at, shown,
			    "must be between 0 and 2147483647, inclusive");
}

static void check_users(const json_t *pod, const char *name, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "status"), name);
	const json_t *list = json_object_get(json_object_get(pod, "status"), name);
	bool is_windows = streq(json_str_or(json_dig(pod, "spec.os"), "name", ""), "windows");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const struct path *here = PATH(PATH(PATH_AT(at, i), "user"), "linux");
		const json_t *user = json_dig(json_array_get(list, i), "user.linux");
		const json_t *groups = json_object_get(user, "supplementalGroups");
		if (user && is_windows)
			rule_broken(e, FIELD_FORBIDDEN, here, NULL,
				    "cannot be set for a windows pod");
		if (!user || is_windows)
			continue;
		check_id(json_object_get(user, "uid"), PATH(here, "uid"), e);
		check_id(json_object_get(user, "gid"), PATH(here, "gid"), e);
		for (size_t k = 0; k < json_array_size(groups); k++)
			check_id(json_array_get(groups, k),
				 PATH_AT(PATH(here, "supplementalGroups"), k), e);
	}
}

/* "claim:NAME" or "claim:NAME/REQUEST" of the container's claims; else one of its requests. */
static bool container_has(const json_t *container, const char *resource)
{
	const json_t *claims = json_dig(container, "resources.claims");
	if (!starts_with(resource, "claim:"))
		return json_object_get(json_dig(container, "resources.requests"), resource) != NULL;
	for (size_t i = 0; i < json_array_size(claims); i++) {
		const char *request = json_str_or(json_array_get(claims, i), "request", "");
		auto_free char *name = xasprintf("claim:%s%s%s",
						 json_str_or(json_array_get(claims, i), "name", ""),
						 *request ? "/" : "", request);
		if (streq(name, resource))
			return true;
	}
	return false;
}

static void check_health(const json_t *one, bool is_again, const struct path *at,
			 struct field_errors *e)
{
	static const char *const states[] = { "Healthy", "Unhealthy", "Unknown", NULL };
	const char *health = json_str_or(one, "health", "");
	const char *message = json_str(one, "message");
	if (!rule_is_one_of(health, states))
		rule_unsupported(e, PATH(at, "health"), health, states);
	if (message && !*message)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "message"), NULL,
			    "must be non-empty if specified");
	if (message && strlen(message) > HEALTH_MESSAGE_MAX)
		rule_broken(e, FIELD_TOO_LONG, PATH(at, "message"), NULL,
			    "may not be more than %d bytes", HEALTH_MESSAGE_MAX);
	if (is_again)
		rule_bad_text(e, FIELD_DUPLICATE, PATH(at, "resourceID"),
			      json_str_or(one, "resourceID", ""), NULL);
}

static void check_allocated(const json_t *pod, const char *name, const char *containers,
			    struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "status"), name);
	const json_t *list = json_object_get(json_object_get(pod, "status"), name);
	const json_t *all = json_object_get(json_object_get(pod, "spec"), containers);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *status = json_array_get(list, i);
		const json_t *container = named(all, json_str_or(status, "name", ""));
		const json_t *resources = json_object_get(status, "allocatedResourcesStatus");
		for (size_t k = 0; k < json_array_size(resources); k++) {
			const struct path *here =
				PATH_AT(PATH(PATH_AT(at, i), "allocatedResourcesStatus"), k);
			const json_t *one = json_array_get(resources, k);
			const json_t *parts = json_object_get(one, "resources");
			auto_free size_t *firsts = NULL;
			const char *resource = json_str_or(one, "name", "");
			if (container && !container_has(container, resource))
				rule_bad_text(e, FIELD_INVALID, PATH(here, "name"), resource,
					      starts_with(resource, "claim:")
						      ? "must match one of the container's "
							"resource claims in a format "
							"'claim:<claimName>/<request>' or "
							"'claim:<claimName>' if request is empty"
						      : "must match one of the container's "
							"resource requests");
			for (size_t m = 0; m < json_array_size(parts); m++)
				check_health(json_array_get(parts, m),
					     rule_is_again(&firsts, parts, m, "resourceID"),
					     PATH_AT(PATH(here, "resources"), m), e);
		}
	}
}

static void check_none_allocated(const json_t *pod, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "status"), "ephemeralContainerStatuses");
	const json_t *list = json_dig(pod, "status.ephemeralContainerStatuses");
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_array_size(
			    json_object_get(json_array_get(list, i), "allocatedResourcesStatus")))
			rule_broken(e, FIELD_FORBIDDEN,
				    PATH(PATH_AT(at, i), "allocatedResourcesStatus"), NULL,
				    "must not be specified in container status");
}

/* ---- the whole ---- */

static void check_generation(const json_t *o, const struct path *at, struct field_errors *e)
{
	if (json_int_or(o, "observedGeneration", 0) < 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "observedGeneration"),
			    json_object_get(o, "observedGeneration"),
			    "must be a non-negative integer");
}

static void check_conditions(const json_t *list, const struct path *at, struct field_errors *e)
{
	static const char *const own[] = { "PodScheduled", "Ready", "Initialized", NULL };
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		const char *type = json_str_or(c, "type", "");
		check_generation(c, PATH_AT(at, i), e);
		if (!rule_is_one_of(type, own))
			rule_name(e, PATH(PATH_AT(at, i), "Type"), type, name_label_key);
	}
}

static void check_nominated(const json_t *pod, const json_t *old, const struct path *at,
			    struct field_errors *e)
{
	const char *now = json_str_or(pod, "status.nominatedNodeName", "");
	if (!*now || streq(now, json_str_or(old, "status.nominatedNodeName", "")))
		return;
	rule_name(e, PATH(at, "nominatedNodeName"), now, name_dns_subdomain);
	if (*json_str_or(old, "spec.nodeName", ""))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "nominatedNodeName"), NULL,
			    "may not be set on pods that are already bound to a node");
}

void validate_pod_status(const json_t *pod, const json_t *old, struct field_errors *e)
{
	static const char *const statuses[] = { "containerStatuses", "initContainerStatuses",
						"ephemeralContainerStatuses" };
	const struct path *at = PATH(NULL, "status");
	const json_t *status = json_object_get(pod, "status");
	const char *class = json_str_or(status, "qosClass", "");
	check_conditions(json_object_get(status, "conditions"), PATH(at, "conditions"), e);
	if (!streq(json_str_or(pod, "spec.nodeName", ""), json_str_or(old, "spec.nodeName", "")))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "nodeName"), NULL,
			    "may not be changed directly");
	check_nominated(pod, old, at, e);
	check_generation(status, at, e);
	if (!streq(class, json_str_or(old, "status.qosClass", "")))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "qosClass"), class, "field is immutable");
	if (!all_may_restart(old)) {
		check_ended(pod, old, "containerStatuses", "containers", e);
		check_ended(pod, old, "initContainerStatuses", "initContainers", e);
	}
	check_ended(pod, old, "ephemeralContainerStatuses", NULL, e);
	check_claims(pod, e);
	check_extended_claim(pod, e);
	check_ips(pod, old, "podIPs", e);
	check_host_ip(pod, e);
	check_ips(pod, old, "hostIPs", e);
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		check_users(pod, statuses[i], e);
	check_allocated(pod, "containerStatuses", "containers", e);
	check_allocated(pod, "initContainerStatuses", "initContainers", e);
	check_none_allocated(pod, e);
}
