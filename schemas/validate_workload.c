#include "common/base/selector.h"
#include "schemas/rule.h"

#define INDEXED_PARALLELISM_MAX 100000

static void check_template(const json_t *template, const json_t *selector, const struct path *at,
			   struct field_errors *e)
{
	const json_t *meta = json_object_get(template, "metadata");
	const json_t *labels = json_object_get(meta, "labels");
	AUTO_SELECTOR parsed = { 0 };
	struct error err;
	AUTO_JSON *none = json_object();
	if (selector && selector_from_json(selector, &parsed, &err) == 0 &&
	    !selector_matches_json(&parsed, labels))
		rule_broken(e, FIELD_INVALID, PATH(PATH(at, "metadata"), "labels"),
			    labels ? labels : none, "`selector` does not match template `labels`");
	validate_labels_and_annotations(PATH(at, "metadata"), meta, e);
	validate_pod_spec(json_object_get(template, "spec"), PATH(at, "spec"), e);
}

/* The template of what runs for ever. */
static void check_lasting_template(const json_t *template, const json_t *selector,
				   const struct path *at, struct field_errors *e)
{
	static const char *const always[] = { "Always", NULL };
	const json_t *spec = json_object_get(template, "spec");
	check_template(template, selector, at, e);
	rule_one_of(e, PATH(PATH(at, "spec"), "restartPolicy"),
		    json_object_get(spec, "restartPolicy"), always);
	if (json_object_get(spec, "activeDeadlineSeconds"))
		rule_broken(e, FIELD_FORBIDDEN, PATH(PATH(at, "spec"), "activeDeadlineSeconds"),
			    NULL, "activeDeadlineSeconds in ReplicaSet is not Supported");
}

static void check_selector(const json_t *selector, const struct path *at, struct field_errors *e)
{
	if (!selector) {
		rule_required(e, at, NULL);
		return;
	}
	rule_label_selector(e, at, selector);
	if (json_object_size(json_object_get(selector, "matchLabels")) +
		    json_array_size(json_object_get(selector, "matchExpressions")) ==
	    0)
		rule_broken(e, FIELD_INVALID, at, selector,
			    "empty selector is invalid for deployment");
}

/* Number or percent; -1: neither. */
static int64_t check_amount(const json_t *value, const struct path *at, struct field_errors *e)
{
	if (json_is_string(value)) {
		const char *text = json_string_value(value);
		rule_name(e, at, text, name_percent);
		return name_is(name_percent, text) ? strtol(text, NULL, 10) : -1;
	}
	if (json_integer_value(value) < 0)
		rule_broken(e, FIELD_INVALID, at, value, "must be greater than or equal to 0");
	return json_integer_value(value);
}

static void check_strategy(const json_t *strategy, const struct path *at, struct field_errors *e)
{
	const json_t *rolling = json_object_get(strategy, "rollingUpdate");
	const char *type = json_str_or(strategy, "type", "");
	at = PATH(at, "rollingUpdate");
	if (streq(type, "Recreate") && rolling)
		rule_broken(e, FIELD_FORBIDDEN, at, NULL,
			    "may not be specified when strategy `type` is 'Recreate'");
	if (!streq(type, "RollingUpdate"))
		return;
	const json_t *unavailable = json_object_get(rolling, "maxUnavailable");
	int64_t down = check_amount(unavailable, PATH(at, "maxUnavailable"), e);
	int64_t surge = check_amount(json_object_get(rolling, "maxSurge"), PATH(at, "maxSurge"), e);
	if (down == 0 && surge == 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "maxUnavailable"), unavailable,
			    "may not be 0 when `maxSurge` is 0");
	if (json_is_string(unavailable) && down > 100)
		rule_broken(e, FIELD_INVALID, PATH(at, "maxUnavailable"), unavailable,
			    "must not be greater than 100%%");
}

static void check_deployment(const json_t *spec, const struct path *at, struct field_errors *e)
{
	check_strategy(json_object_get(spec, "strategy"), PATH(at, "strategy"), e);
	const json_t *deadline = json_object_get(spec, "progressDeadlineSeconds");
	if (deadline && json_integer_value(deadline) <= json_int_or(spec, "minReadySeconds", 0))
		rule_broken(e, FIELD_INVALID, PATH(at, "progressDeadlineSeconds"), deadline,
			    "must be greater than minReadySeconds");
}

static void check_indexed(const json_t *job, const json_t *spec, const struct path *at,
			  struct field_errors *e)
{
	const json_t *completions = json_object_get(spec, "completions");
	const json_t *parallelism = json_object_get(spec, "parallelism");
	if (!completions)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "completions"), NULL,
			    "when completion mode is Indexed");
	if (json_integer_value(parallelism) > INDEXED_PARALLELISM_MAX)
		rule_broken(e, FIELD_INVALID, PATH(at, "parallelism"), parallelism,
			    "must be less than or equal to %d when completion mode is Indexed",
			    INDEXED_PARALLELISM_MAX);
	if (json_integer_value(completions) <= 0)
		return;
	const char *name = json_str_or(job, "metadata.name", "");
	auto_free char *host =
		xasprintf("%s-%lld", name, (long long)json_integer_value(completions) - 1);
	AUTO_JSON *shown = json_string_nocheck(name);
	if (!name_is(name_dns_label, host))
		rule_broken(e, FIELD_INVALID, PATH(PATH(NULL, "metadata"), "name"), shown,
			    "will not able to create pod with invalid DNS label: %s", host);
}

static void check_job(const json_t *job, const json_t *spec, const struct path *at,
		      struct field_errors *e)
{
	static const char *const policies[] = { "OnFailure", "Never", NULL };
	const json_t *restart = json_dig(spec, "template.spec.restartPolicy");
	const char *policy = json_string_value(restart);
	const json_t *selector = json_object_get(spec, "selector");
	const struct path *here = PATH(PATH(PATH(at, "template"), "spec"), "restartPolicy");
	if (selector)
		rule_label_selector(e, PATH(at, "selector"), selector);
	else
		rule_required(e, PATH(at, "selector"), NULL);
	check_template(json_object_get(spec, "template"), selector, PATH(at, "template"), e);
	if (!policy || streq(policy, "") || streq(policy, "Always"))
		rule_broken(e, FIELD_REQUIRED, here, NULL,
			    "valid values: \"OnFailure\", \"Never\"");
	else
		rule_one_of(e, here, restart, policies);
	if (json_object_get(spec, "podFailurePolicy") && policy && !streq(policy, "Never"))
		rule_broken(e, FIELD_INVALID, here, restart,
			    "only \"Never\" is supported when podFailurePolicy is specified");
	bool is_indexed = streq(json_str_or(spec, "completionMode", ""), "Indexed");
	if (is_indexed)
		check_indexed(job, spec, at, e);
	if (!is_indexed && json_object_get(spec, "backoffLimitPerIndex"))
		rule_broken(e, FIELD_INVALID, PATH(at, "backoffLimitPerIndex"),
			    json_object_get(spec, "backoffLimitPerIndex"),
			    "requires indexed completion mode");
	if (json_object_get(spec, "maxFailedIndexes") &&
	    !json_object_get(spec, "backoffLimitPerIndex"))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "backoffLimitPerIndex"), NULL,
			    "when maxFailedIndexes is specified");
}

/* A Job's template may change only where it has never started: its scheduling. */
static void check_job_update(const json_t *job, const json_t *old, const struct path *at,
			     struct field_errors *e)
{
	const json_t *spec = json_object_get(job, "spec"), *before = json_object_get(old, "spec");
	const json_t *template = json_object_get(spec, "template");
	AUTO_JSON *was = json_deep_copy(json_object_get(before, "template"));
	bool is_suspended =
		json_bool_or(before, "suspend", false) && !json_dig(old, "status.startTime");
	static const char *const free_fields[] = { "nodeSelector", "tolerations", "affinity",
						   "schedulingGates" };
	for (size_t i = 0; i < ARRAY_LEN(free_fields) && is_suspended; i++) {
		json_t *now = json_object_get(json_object_get(template, "spec"), free_fields[i]);
		json_t *target = json_object_get(was, "spec");
		if (now)
			json_object_set(target, free_fields[i], now);
		else
			json_object_del(target, free_fields[i]);
	}
	if (is_suspended && json_object_get(template, "metadata"))
		json_object_set(was, "metadata", json_object_get(template, "metadata"));
	rule_unchanged(e, PATH(at, "template"), template, was);
	const json_t *completions = json_object_get(spec, "completions");
	const json_t *earlier = json_object_get(before, "completions");
	if (!streq(json_str_or(spec, "completionMode", ""), "Indexed"))
		rule_unchanged(e, PATH(at, "completions"), completions, earlier);
	else if (completions && !rule_same(completions, earlier) &&
		 !rule_same(completions, json_object_get(spec, "parallelism")))
		rule_broken(e, FIELD_INVALID, PATH(at, "completions"), completions,
			    "can only be modified in tandem with spec.parallelism");
}

void validate_workload(const char *kind, const json_t *tree, const json_t *old,
		       struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *selector = json_object_get(spec, "selector");
	if (streq(kind, "Job")) {
		check_job(tree, spec, at, e);
		if (old)
			check_job_update(tree, old, at, e);
		return;
	}
	check_selector(selector, PATH(at, "selector"), e);
	check_lasting_template(json_object_get(spec, "template"), selector, PATH(at, "template"),
			       e);
	if (streq(kind, "Deployment"))
		check_deployment(spec, at, e);
}
