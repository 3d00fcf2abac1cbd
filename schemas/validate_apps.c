/* StatefulSet, DaemonSet, ReplicationController, ControllerRevision, PodTemplate. */
#include "common/base/selector.h"
#include "schemas/rule.h"

static bool matches(const json_t *selector, const json_t *template)
{
	AUTO_SELECTOR parsed = { 0 };
	struct error err;
	return !selector || selector_from_json(selector, &parsed, &err) < 0 ||
	       selector_matches_json(&parsed, json_dig(template, "metadata.labels"));
}

void rule_template_unmatched(struct field_errors *e, const struct path *at, const json_t *template)
{
	const json_t *labels = json_dig(template, "metadata.labels");
	AUTO_JSON *none = json_null();
	rule_broken(e, FIELD_INVALID, PATH(PATH(at, "metadata"), "labels"), labels ? labels : none,
		    "`selector` does not match template `labels`");
}

void validate_template(const json_t *template, const json_t *selector, const struct path *at,
		       struct field_errors *e)
{
	const json_t *meta = json_object_get(template, "metadata");
	if (!matches(selector, template))
		rule_template_unmatched(e, at, template);
	validate_labels_and_annotations(at, meta, e);
	const struct schema_type *type = schema_type_by_name("core.v1.PodSpec");
	validate_tables(type, json_object_get(template, "spec"), NULL, PATH(at, "spec"), e);
	validate_pod_spec(json_object_get(template, "spec"), NULL, PATH(at, "spec"), e);
	validate_init_resizes(json_object_get(template, "spec"), PATH(at, "spec"), e);
	validate_pod_annotations(template, PATH(at, "annotations"), PATH(at, "spec"), e);
	if (json_array_size(json_dig(template, "spec.ephemeralContainers")))
		rule_broken(e, FIELD_FORBIDDEN, PATH(PATH(at, "spec"), "ephemeralContainers"), NULL,
			    "ephemeral containers not allowed in pod template");
}

static void check_set_strategy(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *strategy = json_object_get(spec, "updateStrategy");
	const json_t *rolling = json_object_get(strategy, "rollingUpdate");
	const char *type = json_str_or(strategy, "type", "");
	at = PATH(at, "updateStrategy");
	const struct path *inner = PATH(at, "rollingUpdate");
	if (!*type)
		rule_required(e, at, NULL);
	else if (streq(type, "OnDelete") && rolling)
		rule_broken(e, FIELD_INVALID, inner, rolling,
			    "only allowed for updateStrategy 'RollingUpdate'");
	else if (!streq(type, "OnDelete") && !streq(type, "RollingUpdate"))
		rule_broken_inside(e, FIELD_INVALID, at, "apps.v1.StatefulSetUpdateStrategy",
				   strategy, "must be 'RollingUpdate' or 'OnDelete'");
	if (!streq(type, "RollingUpdate") || !rolling)
		return;
	const json_t *missing = json_object_get(rolling, "maxUnavailable");
	rule_at_least(e, inner, rolling, "partition", 0);
	if (!missing)
		return;
	if (rule_amount(e, PATH(inner, "maxUnavailable"), missing) == 0)
		rule_broken(e, FIELD_INVALID, PATH(inner, "maxUnavailable"), missing,
			    "cannot be 0");
	rule_not_over_100_percent(e, PATH(inner, "maxUnavailable"), missing);
}

/* A copy of the template as its pods will have it: claims as volumes, names of their own. */
static json_t *set_template(const json_t *spec)
{
	json_t *copy = json_deep_copy(json_object_get(spec, "template"));
	const json_t *claims = json_object_get(spec, "volumeClaimTemplates");
	json_t *pod = json_object_get(copy, "spec"), *volume;
	json_object_del(pod, "subdomain");
	json_object_del(pod, "hostname");
	if (!json_array_size(claims) || !json_is_object(pod))
		return copy;
	json_t *volumes = json_array();
	size_t i;
	AUTO_NAMES names;
	rule_names_init(&names, claims, "metadata.name");
	for (i = 0; i < json_array_size(claims); i++) {
		const char *name = json_str_or(json_array_get(claims, i), "metadata.name", "");
		if (rule_names_find(&names, name) == i)
			json_array_append_new(volumes, json_pack("{s:s, s:{s:s}}", "name", name,
								 "persistentVolumeClaim",
								 "claimName", name));
	}
	json_array_foreach (json_object_get(pod, "volumes"), i, volume)
		if (!rule_names_has(&names, json_str_or(volume, "name", "")))
			json_array_append(volumes, volume);
	json_object_set_new_nocheck(pod, "volumes", volumes);
	return copy;
}

static void check_set(const json_t *spec, bool is_new, const struct path *at,
		      struct field_errors *e)
{
	static const char *const fates[] = { "Retain", "Delete", NULL };
	const json_t *retention = json_object_get(spec, "persistentVolumeClaimRetentionPolicy");
	const json_t *selector = json_object_get(spec, "selector");
	const char *order = json_str_or(spec, "podManagementPolicy", "");
	if (!*order)
		rule_required(e, PATH(at, "podManagementPolicy"), order);
	else if (!streq(order, "OrderedReady") && !streq(order, "Parallel"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "podManagementPolicy"), order,
			      "must be 'OrderedReady' or 'Parallel'");
	check_set_strategy(spec, at, e);
	rule_enum(e, PATH(at, "persistentVolumeClaimRetentionPolicy"), retention, "whenDeleted",
		  fates);
	rule_enum(e, PATH(at, "persistentVolumeClaimRetentionPolicy"), retention, "whenScaled",
		  fates);
	const json_t *claims = json_object_get(spec, "volumeClaimTemplates");
	for (size_t i = 0; i < json_array_size(claims) && is_new; i++)
		validate_claim_spec(json_object_get(json_array_get(claims, i), "spec"),
				    PATH(PATH_AT(PATH(at, "volumeClaimTemplates"), i), "spec"), e);
	rule_at_least(e, at, spec, "replicas", 0);
	rule_at_least(e, at, spec, "minReadySeconds", 0);
	rule_at_least(e, PATH(at, "ordinals"), json_object_get(spec, "ordinals"), "start", 0);
	const char *service = json_str_or(spec, "serviceName", "");
	if (is_new && *service)
		rule_name(e, PATH(at, "serviceName"), service, name_dns_label);
	size_t before = e->count;
	if (selector)
		rule_label_selector(e, PATH(at, "selector"), selector);
	else
		rule_required(e, PATH(at, "selector"), NULL);
	bool is_broken = selector && e->count != before;
	validate_not_empty(selector, "statefulset", PATH(at, "selector"), e);
	AUTO_JSON *template = set_template(spec);
	if (!selector)
		rule_template_unmatched(e, PATH(at, "template"), template); /* nothing matches */
	if (is_broken)
		rule_broken(e, FIELD_INVALID, PATH(at, "selector"), selector, NULL);
	else
		validate_template(template, selector, PATH(at, "template"), e);
	validate_lasting(template, "StatefulSet", PATH(at, "template"), e);
}

void validate_stateful_set(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const free_fields[] = { "replicas",
						   "ordinals",
						   "template",
						   "updateStrategy",
						   "revisionHistoryLimit",
						   "persistentVolumeClaimRetentionPolicy",
						   "minReadySeconds" };
	const json_t *spec = json_object_get(tree, "spec");
	check_set(spec, !old, PATH(NULL, "spec"), e);
	if (!old)
		return;
	AUTO_JSON *now = json_copy((json_t *)(uintptr_t)spec);
	AUTO_JSON *was = json_copy(json_object_get(old, "spec"));
	for (size_t i = 0; i < ARRAY_LEN(free_fields); i++) {
		json_object_del(now, free_fields[i]);
		json_object_del(was, free_fields[i]);
	}
	if (!rule_same(now, was))
		rule_broken(e, FIELD_FORBIDDEN, PATH(NULL, "spec"), NULL,
			    "updates to statefulset spec for fields other than 'replicas', "
			    "'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
			    "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
			    "forbidden");
}

static void check_daemon_strategy(const json_t *strategy, const struct path *at,
				  struct field_errors *e)
{
	static const char *const types[] = { "RollingUpdate", "OnDelete", NULL };
	const char *type = json_str_or(strategy, "type", "");
	const json_t *rolling = json_object_get(strategy, "rollingUpdate");
	if (!rule_is_one_of(type, types)) {
		rule_broken_inside(e, FIELD_NOT_SUPPORTED, at, "apps.v1.DaemonSetUpdateStrategy",
				   strategy, "supported values: \"RollingUpdate\", \"OnDelete\"");
		return;
	}
	if (streq(type, "OnDelete"))
		return;
	at = PATH(at, "rollingUpdate");
	const json_t *missing = json_object_get(rolling, "maxUnavailable");
	const json_t *more = json_object_get(rolling, "maxSurge");
	int64_t down = rule_amount(e, PATH(at, "maxUnavailable"), missing);
	int64_t up = rule_amount(e, PATH(at, "maxSurge"), more);
	rule_not_over_100_percent(e, PATH(at, "maxUnavailable"), missing);
	rule_not_over_100_percent(e, PATH(at, "maxSurge"), more);
	if (json_is_string(missing) && down < 0)
		down = 0; /* no percentage */
	if (json_is_string(more) && up < 0)
		up = 0;
	if (down && up)
		rule_broken(e, FIELD_INVALID, PATH(at, "maxSurge"), more,
			    "may not be set when maxUnavailable is non-zero");
	else if (!down && !up)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "maxUnavailable"), NULL,
			    "cannot be 0 when maxSurge is 0");
}

void validate_daemon_set(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *selector = json_object_get(spec, "selector");
	const json_t *template = json_object_get(spec, "template");
	if (old)
		rule_unchanged_selector(e, PATH(at, "selector"), selector,
					json_dig(old, "spec.selector"));
	size_t before = e->count;
	rule_label_selector(e, PATH(at, "selector"), selector);
	/* Without a selector nothing matches. */
	if (e->count == before && (!selector || !matches(selector, template)))
		rule_template_unmatched(e, PATH(at, "template"), template);
	validate_not_empty(selector, "daemonset", PATH(at, "selector"), e);
	validate_template(template, NULL, PATH(at, "template"), e);
	validate_lasting(template, "DaemonSet", PATH(at, "template"), e);
	rule_at_least(e, at, spec, "minReadySeconds", 0);
	check_daemon_strategy(json_object_get(spec, "updateStrategy"), PATH(at, "updateStrategy"),
			      e);
	rule_at_least(e, at, spec, "revisionHistoryLimit", 0);
}

void validate_replication_controller(const json_t *tree, const json_t *old, struct field_errors *e)
{
	(void)old;
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *template = json_object_get(spec, "template");
	const json_t *labels = json_object_get(spec, "selector");
	AUTO_JSON *selector = json_pack("{s:O?}", "matchLabels", labels);
	rule_at_least(e, at, spec, "minReadySeconds", 0);
	rule_at_least(e, at, spec, "replicas", 0);
	if (!json_object_size(labels))
		rule_required(e, PATH(at, "selector"), NULL);
	if (!template) {
		rule_required(e, PATH(at, "template"), NULL);
	} else {
		validate_template(template, json_object_size(labels) ? selector : NULL,
				  PATH(at, "template"), e);
		validate_lasting(template, "ReplicationController", PATH(at, "template"), e);
	}
}

void validate_controller_revision(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "data");
	const json_t *data = json_object_get(tree, "data");
	rule_at_least(e, NULL, tree, "revision", 0);
	if (old) {
		const json_t *was = json_object_get(old, "data");
		if (!data || !was ? data != was : !json_equal(data, was))
			rule_broken(e, FIELD_INVALID, at, data, "field is immutable");
		return;
	}
	if (!data || json_is_null(data))
		rule_broken(e, FIELD_REQUIRED, at, NULL, "data is mandatory");
	else if (!json_is_object(data))
		rule_broken(e, FIELD_REQUIRED, at, NULL, "data must be a valid JSON object");
}

void validate_pod_template(const json_t *tree, const json_t *old, struct field_errors *e)
{
	(void)old;
	validate_template(json_object_get(tree, "template"), NULL, PATH(NULL, "template"), e);
}
