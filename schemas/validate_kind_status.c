/* What a status may say, by kind. Those that are not here go by their tables; of pods see
 * validate_pod_status.c, of jobs validate_status.c, of claims of devices validate_devices_status.c. */
#include "schemas/cidr.h"
#include "schemas/quantity.h"
#include "schemas/rule.h"
#include "schemas/rule_hook.h"

#include <ctype.h>

#define COUNTERS_MAX 10

/* Counters are shown in the order in which they stand here. */
static const struct counted {
	const char *group, *kind;
	const char *counters[COUNTERS_MAX];    /* none is negative */
	const char *of_replicas[COUNTERS_MAX]; /* none is greater than replicas */
	const char *ready;                     /* how the words name it; NULL: no such rule */
	bool has_collisions;
} counted[] = {
	{ "",
	  "ReplicationController",
	  { "replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas",
	    "observedGeneration" },
	  { "fullyLabeledReplicas", "readyReplicas", "availableReplicas" },
	  "readyReplicas",
	  false },
	{ "apps",
	  "DaemonSet",
	  { "currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady",
	    "observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable",
	    "collisionCount" },
	  { NULL },
	  NULL,
	  true },
	{ "apps",
	  "Deployment",
	  { "observedGeneration", "replicas", "updatedReplicas", "readyReplicas",
	    "availableReplicas", "unavailableReplicas", "terminatingReplicas", "collisionCount" },
	  { "updatedReplicas", "readyReplicas", "availableReplicas" },
	  "readyReplicas",
	  true },
	{ "apps",
	  "ReplicaSet",
	  { "replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas",
	    "observedGeneration", "terminatingReplicas" },
	  { "fullyLabeledReplicas", "readyReplicas", "availableReplicas" },
	  "readyReplicas",
	  false },
	{ "apps",
	  "StatefulSet",
	  { "replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas",
	    "observedGeneration", "collisionCount" },
	  { "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas" },
	  "status.readyReplicas",
	  true },
	{ "autoscaling",
	  "HorizontalPodAutoscaler",
	  { "currentReplicas", "desiredReplicas" },
	  { NULL },
	  NULL,
	  false },
	{ "policy",
	  "PodDisruptionBudget",
	  { "disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods" },
	  { NULL },
	  NULL,
	  false },
};

static void check_counters(const struct counted *c, const json_t *status, const json_t *before,
			   const struct path *at, struct field_errors *e)
{
	for (size_t i = 0; i < COUNTERS_MAX && c->counters[i]; i++)
		rule_at_least(e, at, status, c->counters[i], 0);
	for (size_t i = 0; i < COUNTERS_MAX && c->of_replicas[i]; i++)
		if (json_int_or(status, c->of_replicas[i], 0) > json_int_or(status, "replicas", 0))
			rule_broken(e, FIELD_INVALID, PATH(at, c->of_replicas[i]),
				    json_object_get(status, c->of_replicas[i]),
				    "cannot be greater than status.replicas");
	if (c->ready &&
	    json_int_or(status, "availableReplicas", 0) > json_int_or(status, "readyReplicas", 0))
		rule_broken(e, FIELD_INVALID, PATH(at, "availableReplicas"),
			    json_object_get(status, "availableReplicas"),
			    "cannot be greater than %s", c->ready);
	int64_t collisions = json_int_or(status, "collisionCount", 0);
	const json_t *had = json_object_get(before, "collisionCount");
	if (c->has_collisions && had && collisions < json_integer_value(had)) {
		AUTO_JSON *shown = json_integer(collisions);
		rule_broken(e, FIELD_INVALID, PATH(at, "collisionCount"), shown,
			    "cannot be decremented");
	}
}

static bool is_reason(const char *text)
{
	size_t n = strlen(text);
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("_,:", text[i]))
			return false;
	return n && isalpha((unsigned char)*text) && text[n - 1] != ',' && text[n - 1] != ':';
}

void validate_condition(const json_t *c, const struct path *at, struct field_errors *e)
{
	static const char *const statuses[] = { "False", "True", "Unknown", NULL };
	const char *reason = json_str_or(c, "reason", "");
	const char *status = json_str_or(c, "status", "");
	rule_name(e, PATH(at, "type"), json_str_or(c, "type", ""), name_label_key);
	if (!rule_is_one_of(status, statuses))
		rule_unsupported(e, PATH(at, "status"), status, statuses);
	if (json_int_or(c, "observedGeneration", 0) < 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "observedGeneration"),
			    json_object_get(c, "observedGeneration"),
			    "must be greater than or equal to zero");
	rule_required(e, PATH(at, "lastTransitionTime"), json_str(c, "lastTransitionTime"));
	if (!*reason)
		rule_required(e, PATH(at, "reason"), NULL);
	else if (!is_reason(reason))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "reason"), reason,
			      "a condition reason must start with alphabetic character, optionally "
			      "followed by a string of alphanumeric characters or '_,:', and must "
			      "end with an alphanumeric character or '_' (e.g. 'my_name',  or "
			      "'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or "
			      "'ReasonA:ReasonB', regex used for validation is "
			      "'[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')");
}

static void check_budget(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const json_t *list = json_dig(tree, "status.conditions");
	const struct path *at = PATH(PATH(NULL, "status"), "conditions");
	(void)old;
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		if (rule_is_again(&firsts, list, i, "type"))
			rule_bad_text(e, FIELD_DUPLICATE, PATH(PATH_AT(at, i), "type"),
				      json_str_or(c, "type", ""), NULL);
		validate_condition(c, PATH_AT(at, i), e);
	}
}

/* Conditions that only have a type of their own. */
static void check_flow(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const json_t *list = json_dig(tree, "status.conditions");
	const struct path *at = PATH(PATH(NULL, "status"), "conditions");
	(void)old;
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *type = json_str_or(json_array_get(list, i), "type", "");
		if (rule_is_again(&firsts, list, i, "type"))
			rule_bad_text(e, FIELD_DUPLICATE, PATH(PATH_AT(at, i), "type"), type, NULL);
		rule_required(e, PATH(PATH_AT(at, i), "type"), type);
	}
}

static bool had_address(const json_t *old, const char *ip)
{
	size_t i;
	json_t *point;
	json_array_foreach (json_dig(old, "status.loadBalancer.ingress"), i, point)
		if (streq(json_str_or(point, "ip", ""), ip))
			return true;
	return false;
}

static void check_mode(const json_t *point, const struct path *at, struct field_errors *e)
{
	static const char *const modes[] = { "Proxy", "VIP", NULL };
	const char *mode = json_str(point, "ipMode");
	bool has_ip = *json_str_or(point, "ip", "");
	if (!mode && has_ip)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "ipMode"), NULL,
			    "must be specified when `ip` is set");
	else if (mode && !has_ip)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "ipMode"), NULL,
			    "may not be specified when `ip` is not set");
	else if (mode && !rule_is_one_of(mode, modes))
		rule_unsupported(e, PATH(at, "ipMode"), mode, modes);
}

static void check_points(const json_t *tree, const json_t *old, bool has_modes,
			 struct field_errors *e)
{
	const struct path *at = PATH(PATH(PATH(NULL, "status"), "loadBalancer"), "ingress");
	const json_t *list = json_dig(tree, "status.loadBalancer.ingress");
	struct cidr c;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *point = json_array_get(list, i);
		const char *ip = json_str_or(point, "ip", "");
		const char *host = json_str_or(point, "hostname", "");
		if (*ip && !had_address(old, ip))
			rule_address(e, PATH(PATH_AT(at, i), "ip"), ip, false);
		if (has_modes)
			check_mode(point, PATH_AT(at, i), e);
		if (*host)
			rule_name(e, PATH(PATH_AT(at, i), "hostname"), host, name_dns_subdomain);
		if (cidr_parse(host, false, &c))
			rule_bad_text(e, FIELD_INVALID, PATH(PATH_AT(at, i), "hostname"), host,
				      "must be a DNS name, not an IP address");
	}
}

static void check_ingress(const json_t *tree, const json_t *old, struct field_errors *e)
{
	check_points(tree, old, false, e);
}

static void check_service(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const json_t *list = json_dig(tree, "status.loadBalancer.ingress");
	bool is_balanced =
		streq(json_str_or(json_object_get(tree, "spec"), "type", ""), "LoadBalancer");
	if (is_balanced)
		check_points(tree, old, true, e);
	else if (json_array_size(list))
		rule_broken(e, FIELD_FORBIDDEN,
			    PATH(PATH(PATH(NULL, "status"), "loadBalancer"), "ingress"), NULL,
			    "may only be used when `spec.type` is 'LoadBalancer'");
}

static void check_namespace(const json_t *tree, const json_t *old, struct field_errors *e)
{
	bool is_going = json_dig(tree, "metadata.deletionTimestamp") != NULL;
	const char *phase = json_str_or(json_object_get(tree, "status"), "phase", "");
	(void)old;
	if (!streq(phase, is_going ? "Terminating" : "Active"))
		rule_bad_text(e, FIELD_INVALID, PATH(PATH(NULL, "status"), "Phase"), phase,
			      is_going ? "may only be 'Terminating' if `deletionTimestamp` is not "
					 "empty"
				       : "may only be 'Active' if `deletionTimestamp` is empty");
}

static void check_quota(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "status");
	(void)old;
	validate_quota_amounts(json_dig(tree, "status.hard"), PATH(at, "hard"), e);
	validate_quota_amounts(json_dig(tree, "status.used"), PATH(at, "used"), e);
}

static bool check_size(const json_t *size, const struct path *at, struct field_errors *e)
{
	int64_t value = quantity_value(json_string_value(size));
	AUTO_JSON *shown = json_integer(value);
	if (value < 0)
		rule_broken(e, FIELD_INVALID, at, shown, "must be a valid resource quantity");
	return value >= 0;
}

/* Resources of a claim are its storage, and others' that have a domain. */
static bool check_claim_resource(const char *name, const struct path *at, struct field_errors *e)
{
	static const char *const own[] = { "storage", NULL };
	size_t before = e->count;
	rule_name(e, at, name, name_label_key);
	if (e->count == before && !streq(name, "storage") &&
	    (!strchr(name, '/') || strstr(name, "kubernetes.io/")))
		rule_unsupported(e, at, name, own);
	return e->count == before;
}

static void check_claim(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const steps[] = {
		"ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress",
		"NodeResizeInfeasible",       "NodeResizePending",          NULL
	};
	const struct path *at = PATH(NULL, "status");
	const char *name;
	json_t *value;
	(void)old;
	json_object_foreach (json_dig(tree, "status.capacity"), name, value)
		(void)check_size(value, PATH_OF(PATH(at, "capacity"), name), e);
	json_object_foreach (json_dig(tree, "status.allocatedResourceStatuses"), name, value) {
		const struct path *here = PATH(at, "allocatedResourceStatuses");
		(void)check_claim_resource(name, here, e);
		if (!rule_is_one_of(json_string_value(value), steps))
			rule_unsupported(e, here, name, steps);
	}
	at = PATH(at, "allocatedResources");
	json_object_foreach (json_dig(tree, "status.allocatedResources"), name, value)
		if (check_claim_resource(name, at, e))
			(void)check_size(value, PATH_OF(at, name), e);
}

static void check_volume_claim(const json_t *tree, const json_t *old, struct field_errors *e)
{
	if (json_array_size(json_dig(tree, "spec.accessModes")) == 0)
		rule_broken(e, FIELD_REQUIRED, PATH(PATH(NULL, "Spec"), "accessModes"), NULL, NULL);
	check_claim(tree, old, e);
}

/* Nothing beyond the metadata. */
static void check_nothing(const json_t *tree, const json_t *old, struct field_errors *e)
{
	(void)tree, (void)old, (void)e;
}

static void check_api_service(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const statuses[] = { "True", "False", "Unknown", NULL };
	const struct path *at = PATH(PATH(NULL, "status"), "conditions");
	const json_t *list = json_dig(tree, "status.conditions");
	(void)old;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *status = json_str_or(json_array_get(list, i), "status", "");
		if (!rule_is_one_of(status, statuses))
			rule_unsupported(e, PATH(PATH_AT(at, i), "status"), status, statuses);
	}
}

static void check_policy(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at =
		PATH(PATH(PATH(NULL, "status"), "typeChecking"), "expressionWarnings");
	const json_t *list = json_dig(tree, "status.typeChecking.expressionWarnings");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		rule_required(e, PATH(PATH_AT(at, i), "warning"), json_str(one, "warning"));
		if (rule_is_blank(json_str(one, "fieldRef")))
			rule_required(e, PATH(PATH_AT(at, i), "fieldRef"), NULL);
	}
	check_budget(tree, old, e); /* conditions as those of a budget */
}

/* ---- nodes ---- */

static bool is_whole(const char *name)
{
	return validate_is_counted_resource(name) ||
	       (strchr(name, '/') && !starts_with(name, "kubernetes.io/"));
}

static void check_amounts(const json_t *status, const char *what, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "status"), what);
	const char *name;
	json_t *value;
	json_object_foreach (json_object_get(status, what), name, value) {
		rule_quantity_at_least_0(e, PATH(at, name), value);
		if (is_whole(name) && quantity_milli(json_string_value(value)) % 1000 != 0)
			rule_broken(e, FIELD_INVALID, PATH(at, name), value, "must be an integer");
	}
}

void validate_node_status(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "status"), "addresses");
	const json_t *status = json_object_get(tree, "status");
	const json_t *list = json_object_get(status, "addresses");
	check_amounts(status, "capacity", e);
	check_amounts(status, "allocatable", e);
	auto_free size_t *firsts = RULE_FIRSTS(list, "type", "address");
	for (size_t i = 0; old && i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		if (firsts[i] == i)
			continue;
		AUTO_JSON *shown = json_pack("{s:s,s:s}", "Type", json_str_or(one, "type", ""),
					     "Address", json_str_or(one, "address", ""));
		rule_broken(e, FIELD_DUPLICATE, PATH_AT(at, i), shown, NULL);
	}
}

static const struct {
	const char *group, *kind;
	kind_check *check;
} others[] = {
	{ "", "Namespace", check_namespace },
	{ "", "Node", validate_node_status },
	{ "", "PersistentVolume", check_nothing },
	{ "", "PersistentVolumeClaim", check_volume_claim },
	{ "", "ResourceQuota", check_quota },
	{ "", "Service", check_service },
	{ "admissionregistration.k8s.io", "ValidatingAdmissionPolicy", check_policy },
	{ "apiregistration.k8s.io", "APIService", check_api_service },
	{ "certificates.k8s.io", "CertificateSigningRequest", validate_signing_status },
	{ "flowcontrol.apiserver.k8s.io", "FlowSchema", check_flow },
	{ "flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", check_flow },
	{ "networking.k8s.io", "Ingress", check_ingress },
	{ "policy", "PodDisruptionBudget", check_budget },
	{ "resource.k8s.io", "ResourceClaim", validate_device_claim_status },
	{ "storage.k8s.io", "VolumeAttachment", validate_attachment_status },
};

bool validate_kind_status(const struct schema_kind *kind, const json_t *tree, const json_t *old,
			  struct field_errors *e)
{
	bool is_known = false;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (!streq(others[i].group, kind->group) || !streq(others[i].kind, kind->kind))
			continue;
		others[i].check(tree, old, e);
		is_known = true;
	}
	for (size_t i = 0; i < ARRAY_LEN(counted); i++) {
		if (!streq(counted[i].group, kind->group) || !streq(counted[i].kind, kind->kind))
			continue;
		check_counters(&counted[i], json_object_get(tree, "status"),
			       json_object_get(old, "status"), PATH(NULL, "status"), e);
		is_known = true;
	}
	return is_known;
}
