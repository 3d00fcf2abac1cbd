/* Deployment and ReplicaSet. */
#include "schemas/rule.h"

static const char *const always[] = { "Always", NULL };

void validate_lasting(const json_t *template, const char *kind, const struct path *at,
		      struct field_errors *e)
{
	const json_t *spec = json_object_get(template, "spec");
	at = PATH(at, "spec");
	rule_enum(e, at, spec, "restartPolicy", always);
	if (json_object_get(spec, "activeDeadlineSeconds"))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "activeDeadlineSeconds"), NULL,
			    "activeDeadlineSeconds in %s is not Supported", kind);
}

void validate_not_empty(const json_t *selector, const char *kind, const struct path *at,
			struct field_errors *e)
{
	if (selector && !json_object_size(json_object_get(selector, "matchLabels")) &&
	    !json_array_size(json_object_get(selector, "matchExpressions")))
		rule_broken_as(e, FIELD_INVALID, at, "apis.meta.v1.LabelSelector", selector,
			       "empty selector is invalid for %s", kind);
}

static void check_selector_and_template(const json_t *spec, const struct path *at,
					struct field_errors *e)
{
	const json_t *selector = json_object_get(spec, "selector");
	const json_t *template = json_object_get(spec, "template");
	size_t before = e->count;
	if (selector)
		rule_label_selector(e, PATH(at, "selector"), selector);
	else
		rule_required(e, PATH(at, "selector"), NULL);
	bool is_broken = selector && e->count != before;
	validate_not_empty(selector, "deployment", PATH(at, "selector"), e);
	if (is_broken) {
		rule_broken_as(e, FIELD_INVALID, PATH(at, "selector"), "apis.meta.v1.LabelSelector",
			       selector, "invalid label selector");
		return;
	}
	if (!selector)
		rule_template_unmatched(e, PATH(at, "template"), template);
	validate_template(template, selector, PATH(at, "template"), e);
	validate_lasting(template, "ReplicaSet", PATH(at, "template"), e);
}

static void check_rolling(const json_t *rolling, const struct path *at, struct field_errors *e)
{
	const json_t *missing = json_object_get(rolling, "maxUnavailable");
	const json_t *more = json_object_get(rolling, "maxSurge");
	int64_t down = rule_amount(e, PATH(at, "maxUnavailable"), missing);
	int64_t up = rule_amount(e, PATH(at, "maxSurge"), more);
	if ((down == 0 || (json_is_string(missing) && down < 0)) &&
	    (up == 0 || (json_is_string(more) && up < 0)))
		rule_broken(e, FIELD_INVALID, PATH(at, "maxUnavailable"), missing,
			    "may not be 0 when `maxSurge` is 0");
	rule_not_over_100_percent(e, PATH(at, "maxUnavailable"), missing);
}

static void check_strategy(const json_t *strategy, const struct path *at, struct field_errors *e)
{
	const json_t *rolling = json_object_get(strategy, "rollingUpdate");
	const char *type = json_str_or(strategy, "type", "");
	if (streq(type, "RollingUpdate"))
		check_rolling(rolling, PATH(at, "rollingUpdate"), e);
	else if (!streq(type, "Recreate"))
		rule_broken_inside(e, FIELD_NOT_SUPPORTED, at, "apps.v1.DeploymentStrategy",
				   strategy, "supported values: \"Recreate\", \"RollingUpdate\"");
	else if (rolling)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "rollingUpdate"), NULL,
			    "may not be specified when strategy `type` is 'Recreate'");
}

void validate_deployment(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *deadline = json_object_get(spec, "progressDeadlineSeconds");
	rule_at_least(e, at, spec, "replicas", 0);
	check_selector_and_template(spec, at, e);
	check_strategy(json_object_get(spec, "strategy"), PATH(at, "strategy"), e);
	rule_at_least(e, at, spec, "minReadySeconds", 0);
	rule_at_least(e, at, spec, "revisionHistoryLimit", 0);
	rule_at_least(e, at, spec, "progressDeadlineSeconds", 0);
	if (deadline && json_integer_value(deadline) <= json_int_or(spec, "minReadySeconds", 0))
		rule_broken(e, FIELD_INVALID, PATH(at, "progressDeadlineSeconds"), deadline,
			    "must be greater than minReadySeconds");
	if (old)
		rule_unchanged_selector(e, PATH(at, "selector"), json_object_get(spec, "selector"),
					json_dig(old, "spec.selector"));
}

void validate_replica_set(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	rule_at_least(e, at, spec, "replicas", 0);
	rule_at_least(e, at, spec, "minReadySeconds", 0);
	check_selector_and_template(spec, at, e);
	if (old)
		rule_unchanged_selector(e, PATH(at, "selector"), json_object_get(spec, "selector"),
					json_dig(old, "spec.selector"));
}
