#include "schemas/app_armor.h"
#include "schemas/cidr.h"
#include "schemas/rule.h"
#include "schemas/seccomp.h"

void validate_tolerations(const json_t *tolerations, const struct path *at, struct field_errors *e)
{
	static const char *const operators[] = { "Equal", "Exists", NULL };
	static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute",
					       NULL };
	for (size_t i = 0; i < json_array_size(tolerations); i++) {
		const struct path *here = PATH_AT(at, i);
		const json_t *t = json_array_get(tolerations, i);
		const char *key = json_str_or(t, "key", ""), *op = json_str_or(t, "operator", "");
		AUTO_JSON *shown_op = json_string_nocheck(op);
		AUTO_JSON *effect = json_string_nocheck(json_str_or(t, "effect", ""));
		const json_t *value = json_object_get(t, "value");
		if (*key)
			rule_name(e, PATH(here, "key"), key, name_label_key);
		else if (!streq(op, "Exists"))
			rule_broken(e, FIELD_INVALID, PATH(here, "operator"), shown_op,
				    "operator must be Exists when `key` is empty, which means "
				    "\"match all values and all keys\"");
		if (json_object_get(t, "tolerationSeconds") &&
		    !streq(json_string_value(effect), "NoExecute"))
			rule_broken(e, FIELD_INVALID, PATH(here, "effect"), effect,
				    "effect must be 'NoExecute' when `tolerationSeconds` is set");
		if (*op)
			rule_one_of(e, PATH(here, "operator"), shown_op, operators);
		if (streq(op, "Exists") && json_string_length(value))
			rule_broken(e, FIELD_INVALID, PATH(here, "operator"), value,
				    "value must be empty when `operator` is 'Exists'");
		else if (!streq(op, "Exists"))
			rule_name(e, PATH(here, "operator"), json_str_or(t, "value", ""),
				  name_label_value);
		const char *does = json_string_value(effect);
		if (*does && !rule_is_one_of(does, effects))
			rule_unsupported(e, PATH(here, "effect"), does, effects);
	}
}

void validate_taints(const json_t *taints, const struct path *at, struct field_errors *e)
{
	static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute",
					       NULL };
	auto_free size_t *firsts = RULE_FIRSTS(taints, "key", "effect");
	for (size_t i = 0; i < json_array_size(taints); i++) {
		const struct path *here = PATH_AT(at, i);
		const json_t *taint = json_array_get(taints, i);
		const char *key = json_str_or(taint, "key", "");
		const char *effect = json_str_or(taint, "effect", "");
		rule_name(e, PATH(here, "key"), key, name_label_key);
		rule_name(e, PATH(here, "value"), json_str_or(taint, "value", ""),
			  name_label_value);
		rule_required(e, PATH(here, "effect"), effect);
		if (*effect && !rule_is_one_of(effect, effects))
			rule_unsupported(e, PATH(here, "effect"), effect, effects);
		if (firsts[i] != i)
			rule_broken_inside(e, FIELD_DUPLICATE, here, "core.v1.Taint", taint,
					   "taints must be unique by key and effect pair");
	}
}

static void check_names(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const struct {
		const char *field;
		name_check *check;
	} names[] = {
		{ "serviceAccountName", name_dns_subdomain },
		{ "nodeName", name_dns_subdomain },
		{ "hostname", name_dns_label },
		{ "subdomain", name_dns_label },
		{ "priorityClassName", name_dns_subdomain },
		{ "runtimeClassName", name_dns_subdomain },
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *text = json_str_or(spec, names[i].field, "");
		if (*text)
			rule_name(e, PATH(at, names[i].field), text, names[i].check);
	}
}

static void check_host_network(const json_t *spec, const struct path *at, struct field_errors *e)
{
	if (!json_bool_or(spec, "hostNetwork", false))
		return;
	static const char *const lists[] = { "containers", "initContainers" };
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(spec, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++) {
			const struct path *here = PATH(PATH_AT(PATH(at, lists[l]), i), "ports");
			const json_t *ports = json_object_get(json_array_get(list, i), "ports");
			for (size_t k = 0; k < json_array_size(ports); k++) {
				const json_t *port = json_array_get(ports, k);
				const json_t *host = json_object_get(port, "hostPort");
				if (json_integer_value(host) &&
				    json_integer_value(host) !=
					    json_int_or(port, "containerPort", 0))
					rule_broken(e, FIELD_INVALID,
						    PATH(PATH_AT(here, k), "hostPort"), host,
						    "must match `containerPort` when "
						    "`hostNetwork` is true");
			}
		}
	}
}

/* Told of the first of two: the original compares each with those that follow. */
static void check_spread_again(const json_t *one, bool is_followed, const struct path *at,
			       struct field_errors *e)
{
	auto_free char *both = xasprintf("{%s, %s}", json_str_or(one, "topologyKey", ""),
					 json_str_or(one, "whenUnsatisfiable", ""));
	if (is_followed)
		rule_bad_text(e, FIELD_DUPLICATE, PATH(at, "{topologyKey, whenUnsatisfiable}"),
			      both, NULL);
}

static void check_domains(const json_t *constraint, const struct path *at, struct field_errors *e)
{
	const json_t *domains = json_object_get(constraint, "minDomains");
	const char *action = json_str_or(constraint, "whenUnsatisfiable", "");
	at = PATH(at, "minDomains");
	if (domains && json_integer_value(domains) <= 0)
		rule_broken(e, FIELD_INVALID, at, domains, "must be greater than zero");
	if (domains && !streq(action, "DoNotSchedule"))
		rule_broken(e, FIELD_INVALID, at, domains,
			    "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not %s",
			    action);
}

static void check_spread(const json_t *list, const struct path *at, struct field_errors *e)
{
	static const char *const actions[] = { "DoNotSchedule", "ScheduleAnyway", NULL };
	size_t count = json_array_size(list);
	auto_free size_t *firsts = RULE_FIRSTS(list, "topologyKey", "whenUnsatisfiable");
	auto_free size_t *lasts = xcalloc(count + 1, sizeof *lasts); /* by firsts */
	for (size_t i = 0; i < count; i++)
		lasts[firsts[i]] = i;
	for (size_t i = 0; i < count; i++) {
		const json_t *c = json_array_get(list, i);
		const struct path *here = PATH_AT(at, i);
		AUTO_JSON *skew = json_integer(json_int_or(c, "maxSkew", 0));
		if (json_integer_value(skew) <= 0)
			rule_broken(e, FIELD_INVALID, PATH(here, "maxSkew"), skew,
				    "must be greater than zero");
		if (!*json_str_or(c, "topologyKey", ""))
			rule_broken(e, FIELD_REQUIRED, PATH(here, "topologyKey"), NULL,
				    "can not be empty");
		if (!*json_str_or(c, "whenUnsatisfiable", ""))
			rule_unsupported(e, PATH(here, "whenUnsatisfiable"), "", actions);
		rule_label_selector(e, PATH(here, "labelSelector"),
				    json_object_get(c, "labelSelector"));
		check_spread_again(c, lasts[firsts[i]] != i, here, e);
		check_domains(c, here, e);
		validate_label_keys(c, "matchLabelKeys", here, e);
	}
}

/* Users of its own, and nothing of the host. */
static void check_own_users(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const char *const lists[] = { "containers", "initContainers" };
	static const char why[] = "when `hostUsers` is false";
	static const struct {
		const char *name, *shown;
	} barred[] = { { "hostNetwork", "hostNetwork" },
		       { "hostPID", "HostPID" },
		       { "hostIPC", "HostIPC" } };
	if (json_bool_or(spec, "hostUsers", true))
		return;
	for (size_t i = 0; i < ARRAY_LEN(barred); i++)
		if (json_bool_or(spec, barred[i].name, false))
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, barred[i].shown), NULL, why);
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(spec, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++)
			if (json_array_size(
				    json_object_get(json_array_get(list, i), "volumeDevices")))
				rule_broken(e, FIELD_FORBIDDEN,
					    PATH(PATH_AT(PATH(at, lists[l]), i), "volumeDevices"),
					    NULL, why);
	}
}

static void check_gates(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *ready = json_object_get(spec, "readinessGates");
	const json_t *gates = json_object_get(spec, "schedulingGates");
	for (size_t i = 0; i < json_array_size(ready); i++)
		rule_name(e, PATH(PATH_AT(PATH(at, "readinessGates"), i), "conditionType"),
			  json_str_or(json_array_get(ready, i), "conditionType", ""),
			  name_label_key);
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(gates); i++) {
		const struct path *here = PATH_AT(PATH(at, "schedulingGates"), i);
		const char *name = json_str_or(json_array_get(gates, i), "name", "");
		rule_name(e, here, name, name_label_key);
		if (rule_is_again(&firsts, gates, i, "name"))
			rule_bad_text(e, FIELD_DUPLICATE, here, name, NULL);
	}
}

static void check_host_aliases(const json_t *list, const struct path *at, struct field_errors *e)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const struct path *here = PATH_AT(at, i);
		const json_t *alias = json_array_get(list, i);
		const json_t *names = json_object_get(alias, "hostnames");
		AUTO_JSON *ip = json_string_nocheck(json_str_or(alias, "ip", ""));
		rule_ip(e, PATH(here, "ip"), ip);
		for (size_t k = 0; k < json_array_size(names); k++)
			rule_name(e, PATH_AT(PATH(here, "hostnames"), k),
				  json_string_value(json_array_get(names, k)), name_dns_subdomain);
	}
}

/* A domain whose parts may have underscores, but not at their ends; one dot may follow. */
static bool is_search(const char *text)
{
	auto_free char *copy = xstrdup(text);
	size_t n = strlen(copy);
	if (n && copy[n - 1] == '.')
		copy[--n] = '\0';
	for (size_t i = 0; i < n; i++) {
		bool is_last = i + 1 == n || copy[i + 1] == '.';
		if (copy[i] == '_' && is_last)
			return false;
		if (copy[i] == '_')
			copy[i] = 'a';
	}
	return streq(text, ".") || name_is(name_dns_subdomain, copy);
}

static void check_searches(const json_t *list, const struct path *at, struct field_errors *e)
{
	enum { SEARCHES_MAX = 32, SEARCHES_SIZE_MAX = 2048 };
	size_t size = json_array_size(list) ? json_array_size(list) - 1 : 0;
	for (size_t i = 0; i < json_array_size(list); i++)
		size += json_string_length(json_array_get(list, i));
	if (json_array_size(list) > SEARCHES_MAX)
		rule_broken(e, FIELD_INVALID, at, list, "must not have more than %d search paths",
			    SEARCHES_MAX);
	if (size > SEARCHES_SIZE_MAX)
		rule_broken(
			e, FIELD_INVALID, at, list,
			"must not have more than %d characters (including spaces) in the search "
			"list",
			SEARCHES_SIZE_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		if (!is_search(json_string_value(one)))
			rule_broken(
				e, FIELD_INVALID, PATH_AT(at, i), one,
				"a lowercase RFC 1123 subdomain must consist of lower case "
				"alphanumeric characters, '_', '-' or '.', and must start and end "
				"with an alphanumeric character (e.g. 'example.com', regex used for "
				"validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]"
				"([-_a-z0-9]*[a-z0-9])?)*')");
	}
}

static void check_dns(const json_t *spec, const json_t *dns, const struct path *at,
		      struct field_errors *e)
{
	enum { SERVERS_MAX = 3 };
	const json_t *servers = json_object_get(dns, "nameservers");
	const json_t *options = json_object_get(dns, "options");
	if (streq(json_str_or(spec, "dnsPolicy", ""), "None") && json_array_size(servers) == 0) {
		rule_broken(
			e, FIELD_REQUIRED, dns ? PATH(at, "nameservers") : at, NULL,
			dns ? "must provide at least one DNS nameserver when `dnsPolicy` is None"
			    : "must provide `dnsConfig` when `dnsPolicy` is None");
		return;
	}
	if (json_array_size(servers) > SERVERS_MAX)
		rule_broken(e, FIELD_INVALID, PATH(at, "nameservers"), servers,
			    "must not have more than %d nameservers", SERVERS_MAX);
	for (size_t i = 0; i < json_array_size(servers); i++)
		rule_address(e, PATH_AT(PATH(at, "nameservers"), i),
			     json_string_value(json_array_get(servers, i)), false);
	check_searches(json_object_get(dns, "searches"), PATH(at, "searches"), e);
	for (size_t i = 0; i < json_array_size(options); i++)
		if (!*json_str_or(json_array_get(options, i), "name", ""))
			rule_broken(e, FIELD_REQUIRED, PATH_AT(PATH(at, "options"), i), NULL,
				    "must not be empty");
}

void validate_pod_spec(const json_t *spec, const char *name, const struct path *at,
		       struct field_errors *e)
{
	AUTO_JSON *volumes = json_array();
	validate_volumes(json_object_get(spec, "volumes"), name, volumes, PATH(at, "volumes"), e);
	validate_pod_claims(spec, at, e);
	validate_containers(spec, volumes, at, e);
	validate_pod_resources(spec, PATH(at, "resources"), e);
	validate_pod_security(spec, at, e);
	check_host_network(spec, at, e);
	rule_labels(e, PATH(at, "nodeSelector"), json_object_get(spec, "nodeSelector"));
	check_names(spec, at, e);
	validate_tolerations(json_object_get(spec, "tolerations"), PATH(at, "tolerations"), e);
	validate_affinity(json_object_get(spec, "affinity"), PATH(at, "affinity"), e);
	check_host_aliases(json_object_get(spec, "hostAliases"), PATH(at, "hostAliases"), e);
	check_spread(json_object_get(spec, "topologySpreadConstraints"),
		     PATH(at, "topologySpreadConstraints"), e);
	if (!json_object_get(spec, "terminationGracePeriodSeconds"))
		rule_required(e, PATH(at, "terminationGracePeriodSeconds"), NULL);
	check_dns(spec, json_object_get(spec, "dnsConfig"), PATH(at, "dnsConfig"), e);
	check_gates(spec, at, e);
	check_own_users(spec, at, e);
	validate_os(spec, at, e);
}

/* What annotations say of the pod itself. */
void validate_pod_annotations(const json_t *pod, const struct path *at, const struct path *spec_at,
			      struct field_errors *e)
{
	static const char mirror[] = "kubernetes.io/config.mirror";
	const json_t *annotations = json_dig(pod, "metadata.annotations");
	const json_t *spec = json_object_get(pod, "spec");
	const char *text = json_member_str(annotations, mirror);
	if (text && !*json_str_or(spec, "nodeName", ""))
		rule_bad_text(e, FIELD_INVALID, PATH_OF(at, mirror), text,
			      "must set spec.nodeName if mirror pod annotation is set");
	seccomp_check_annotations(annotations, at, e);
	app_armor_check(annotations, spec, at, spec_at, e);
	seccomp_check_fields(annotations, spec, spec_at, e);
}

void validate_pod_create(const json_t *pod, struct field_errors *e)
{
	validate_init_resizes(json_object_get(pod, "spec"), PATH(NULL, "spec"), e);
	const struct path *at = PATH(NULL, "spec");
	validate_pod_annotations(pod, PATH(PATH(NULL, "metadata"), "annotations"), at, e);
	const json_t *spec = json_object_get(pod, "spec");
	if (json_array_size(json_object_get(spec, "ephemeralContainers")))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "ephemeralContainers"), NULL,
			    "cannot be set on create");
	if (*json_str_or(spec, "nodeName", "") &&
	    json_array_size(json_object_get(spec, "schedulingGates")))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "nodeName"), NULL,
			    "cannot be set until all schedulingGates have been cleared");
}

/* Tolerations may be added, not taken away. */
static void check_only_added(const json_t *now, const json_t *before, const struct path *at,
			     struct field_errors *e)
{
	for (size_t i = 0; i < json_array_size(before); i++) {
		AUTO_JSON *old = json_deep_copy(json_array_get(before, i));
		bool is_kept = false;
		json_object_del(old, "tolerationSeconds");
		for (size_t k = 0; k < json_array_size(now) && !is_kept; k++) {
			AUTO_JSON *one = json_deep_copy(json_array_get(now, k));
			json_object_del(one, "tolerationSeconds");
			is_kept = rule_same(one, old);
		}
		if (is_kept)
			continue;
		rule_broken(e, FIELD_FORBIDDEN, at, NULL,
			    "existing toleration can not be modified except its tolerationSeconds");
		return;
	}
}

/* What an update may change is put back, and then nothing may differ. */
static json_t *without_changes(const json_t *spec, const json_t *old)
{
	static const char *const lists[] = { "containers", "initContainers" };
	static const char *const fields[] = { "activeDeadlineSeconds", "tolerations",
					      "schedulingGates" };
	json_t *copy = json_deep_copy(spec);
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(copy, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++) {
			json_t *image = json_object_get(
				json_array_get(json_object_get(old, lists[l]), i), "image");
			if (image)
				json_object_set(json_array_get(list, i), "image", image);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		json_t *before = json_object_get(old, fields[i]);
		if (before)
			json_object_set(copy, fields[i], before);
		else
			json_object_del(copy, fields[i]);
	}
	if (json_int_or(old, "terminationGracePeriodSeconds", 0) < 0 &&
	    json_int_or(copy, "terminationGracePeriodSeconds", 0) == 1)
		json_object_set(copy, "terminationGracePeriodSeconds",
				json_object_get(old, "terminationGracePeriodSeconds"));
	return copy;
}

static bool check_container_count(const json_t *spec, const json_t *before, const char *name,
				  const struct path *at, struct field_errors *e)
{
	if (json_array_size(json_object_get(spec, name)) ==
	    json_array_size(json_object_get(before, name)))
		return true;
	rule_broken(e, FIELD_FORBIDDEN, PATH(at, name), NULL,
		    "pod updates may not add or remove containers");
	return false;
}

void validate_pod_update(const json_t *pod, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(pod, "spec"), *before = json_object_get(old, "spec");
	if (!check_container_count(spec, before, "containers", at, e) ||
	    !check_container_count(spec, before, "initContainers", at, e))
		return;
	const json_t *deadline = json_object_get(spec, "activeDeadlineSeconds");
	const json_t *was = json_object_get(before, "activeDeadlineSeconds");
	AUTO_JSON *nothing = json_null();
	if (deadline && was && json_integer_value(was) < json_integer_value(deadline))
		rule_broken(e, FIELD_INVALID, PATH(at, "activeDeadlineSeconds"), deadline,
			    "must be less than or equal to previous value");
	else if (!deadline && was)
		rule_broken(e, FIELD_INVALID, PATH(at, "activeDeadlineSeconds"), nothing,
			    "must not update from a positive integer to nil value");
	check_only_added(json_object_get(spec, "tolerations"),
			 json_object_get(before, "tolerations"), PATH(at, "tolerations"), e);
	AUTO_JSON *rest = without_changes(spec, before);
	validate_gated_update(rest, spec, before, at, e);
	if (!rule_same(rest, before))
		rule_broken(e, FIELD_FORBIDDEN, at, NULL,
			    "pod updates may not change fields other than "
			    "`spec.containers[*].image`,`spec.initContainers[*].image`,"
			    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
			    "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it "
			    "to be set to 1 if it was previously negative)");
}
