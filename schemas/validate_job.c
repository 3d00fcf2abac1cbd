/* Job and CronJob. */
#include "common/base/selector.h"
#include "schemas/cron_text.h"
#include "schemas/rule.h"

#include <strings.h>

#define INDEXED_PARALLELISM_MAX 100000
#define MANY_COMPLETIONS        100000
#define MANY_PARALLELISM_MAX    10000
#define MANY_FAILED_MAX         10000
#define POLICY_RULES_MAX        20
#define MANAGER_SIZE_MAX        63
#define CRON_NAME_SIZE_MAX      52

static void check_indexed(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *completions = json_object_get(spec, "completions");
	const json_t *parallelism = json_object_get(spec, "parallelism");
	const json_t *failed = json_object_get(spec, "maxFailedIndexes");
	int64_t all = json_integer_value(completions);
	if (!completions)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "completions"), NULL,
			    "when completion mode is Indexed");
	if (json_integer_value(parallelism) > INDEXED_PARALLELISM_MAX)
		rule_broken(e, FIELD_INVALID, PATH(at, "parallelism"), parallelism,
			    "must be less than or equal to %d when completion mode is Indexed",
			    INDEXED_PARALLELISM_MAX);
	if (completions && failed && json_integer_value(failed) > all)
		rule_broken(e, FIELD_INVALID, PATH(at, "maxFailedIndexes"), failed,
			    "must be less than or equal to completions");
	if (json_integer_value(failed) > INDEXED_PARALLELISM_MAX)
		rule_broken(e, FIELD_INVALID, PATH(at, "maxFailedIndexes"), failed,
			    "must be less than or equal to %d", INDEXED_PARALLELISM_MAX);
	if (all <= MANY_COMPLETIONS || !json_object_get(spec, "backoffLimitPerIndex"))
		return;
	if (!failed)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "maxFailedIndexes"), NULL,
			    "must be specified when completions is above %d", MANY_COMPLETIONS);
	if (json_integer_value(parallelism) > MANY_PARALLELISM_MAX)
		rule_broken(e, FIELD_INVALID, PATH(at, "parallelism"), parallelism,
			    "must be less than or equal to %d when completions are above %d and "
			    "used with backoff limit per index",
			    MANY_PARALLELISM_MAX, MANY_COMPLETIONS);
	if (json_integer_value(failed) > MANY_FAILED_MAX)
		rule_broken(e, FIELD_INVALID, PATH(at, "maxFailedIndexes"), failed,
			    "must be less than or equal to %d when completions are above %d and "
			    "used with backoff limit per index",
			    MANY_FAILED_MAX, MANY_COMPLETIONS);
}

static void check_counts(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const char *const names[] = { "parallelism",
					     "completions",
					     "activeDeadlineSeconds",
					     "backoffLimit",
					     "ttlSecondsAfterFinished",
					     "backoffLimitPerIndex",
					     "maxFailedIndexes" };
	const char *manager = json_str(spec, "managedBy");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		rule_at_least(e, at, spec, names[i], 0);
	if (json_object_get(spec, "maxFailedIndexes") &&
	    !json_object_get(spec, "backoffLimitPerIndex"))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "backoffLimitPerIndex"), NULL,
			    "when maxFailedIndexes is specified");
	if (!manager)
		return;
	rule_domain_path(e, PATH(at, "managedBy"), manager);
	if (strlen(manager) > MANAGER_SIZE_MAX)
		rule_broken(e, FIELD_TOO_LONG, PATH(at, "managedBy"), NULL,
			    "may not be more than %d bytes", MANAGER_SIZE_MAX);
}

static bool has_container(const json_t *spec, const char *name)
{
	static const char *const lists[] = { "containers", "initContainers" };
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(json_dig(spec, "template.spec"), lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++)
			if (streq(json_str_or(json_array_get(list, i), "name", ""), name))
				return true;
	}
	return false;
}

static void check_exit_codes(const json_t *codes, const json_t *spec, const struct path *at,
			     struct field_errors *e)
{
	static const char *const operators[] = { "In", "NotIn", NULL };
	const char *op = json_str_or(codes, "operator", ""),
		   *name = json_str(codes, "containerName");
	const json_t *values = json_object_get(codes, "values");
	const struct path *values_at = PATH(at, "values");
	bool is_ordered = true;
	AUTO_JSON *nothing = json_null();
	if (!*op)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "operator"), NULL,
			    "valid values: [\"In\" \"NotIn\"]");
	else if (!rule_is_one_of(op, operators))
		rule_unsupported(e, PATH(at, "operator"), op, operators);
	if (name && !has_container(spec, name))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "containerName"), name,
			      "must be one of the container or initContainer names in the pod "
			      "template");
	if (!json_array_size(values))
		rule_broken(e, FIELD_INVALID, values_at, values ? values : nothing,
			    "at least one value is required");
	else if (json_array_size(values) > 255)
		rule_bad_count(e, values_at, json_array_size(values), 255);
	auto_free size_t *firsts = RULE_FIRSTS(values);
	for (size_t i = 0; i < json_array_size(values); i++) {
		const json_t *value = json_array_get(values, i);
		if (streq(op, "In") && json_integer_value(value) == 0)
			rule_broken(e, FIELD_INVALID, PATH_AT(values_at, i), value,
				    "must not be 0 for the In operator");
		if (firsts[i] != i)
			rule_broken(e, FIELD_DUPLICATE, PATH_AT(values_at, i), value, NULL);
		is_ordered &= i == 0 || json_integer_value(json_array_get(values, i - 1)) <=
						json_integer_value(value);
	}
	if (!is_ordered)
		rule_broken(e, FIELD_INVALID, values_at, values, "must be ordered");
}

static void check_pod_conditions(const json_t *list, const struct path *at, struct field_errors *e)
{
	static const char *const states[] = { "False", "True", "Unknown", NULL };
	if (json_array_size(list) > POLICY_RULES_MAX)
		rule_bad_count(e, at, json_array_size(list), POLICY_RULES_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *state = json_str_or(one, "status", "");
		rule_name(e, PATH(PATH_AT(at, i), "type"), json_str_or(one, "type", ""),
			  name_label_key);
		if (!*state)
			rule_broken(e, FIELD_REQUIRED, PATH(PATH_AT(at, i), "status"), NULL,
				    "valid values: [\"False\" \"True\" \"Unknown\"]");
		else if (!rule_is_one_of(state, states))
			rule_unsupported(e, PATH(PATH_AT(at, i), "status"), state, states);
	}
}

static void check_failure_rule(const json_t *rule, const json_t *spec, const struct path *at,
			       struct field_errors *e)
{
	static const char *const actions[] = { "Count", "FailIndex", "FailJob", "Ignore", NULL };
	const char *action = json_str_or(rule, "action", "");
	const json_t *codes = json_object_get(rule, "onExitCodes");
	const json_t *conditions = json_object_get(rule, "onPodConditions");
	if (!*action)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "action"), NULL,
			    "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]");
	else if (!rule_is_one_of(action, actions))
		rule_unsupported(e, PATH(at, "action"), action, actions);
	else if (streq(action, "FailIndex") && !json_object_get(spec, "backoffLimitPerIndex"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "action"), action,
			      "requires the backoffLimitPerIndex to be set");
	if (codes)
		check_exit_codes(codes, spec, PATH(at, "onExitCodes"), e);
	check_pod_conditions(conditions, PATH(at, "onPodConditions"), e);
	if (codes && json_array_size(conditions))
		rule_broken(e, FIELD_INVALID, at, NULL,
			    "specifying both OnExitCodes and OnPodConditions is not supported");
	if (!codes && !json_array_size(conditions))
		rule_broken(e, FIELD_INVALID, at, NULL,
			    "specifying one of OnExitCodes and OnPodConditions is required");
}

static void check_policies(const json_t *spec, bool is_indexed, const struct path *at,
			   struct field_errors *e)
{
	static const char *const replacements[] = { "Failed", "TerminatingOrFailed", NULL };
	static const char *const after_failure[] = { "Failed", NULL };
	const json_t *failure = json_object_get(spec, "podFailurePolicy");
	const json_t *success = json_object_get(spec, "successPolicy");
	const json_t *rules = json_object_get(failure, "rules");
	const struct path *here = PATH(PATH(at, "podFailurePolicy"), "rules");
	if (json_array_size(rules) > POLICY_RULES_MAX)
		rule_bad_count(e, here, json_array_size(rules), POLICY_RULES_MAX);
	for (size_t i = 0; i < json_array_size(rules); i++)
		check_failure_rule(json_array_get(rules, i), spec, PATH_AT(here, i), e);
	rules = json_object_get(success, "rules");
	here = PATH(PATH(at, "successPolicy"), "rules");
	if (success && !is_indexed) {
		rule_broken_inside(e, FIELD_INVALID, PATH(at, "successPolicy"),
				   "batch.v1.SuccessPolicy", success,
				   "requires indexed completion mode");
	} else if (success) {
		if (!json_array_size(rules))
			rule_broken(e, FIELD_REQUIRED, here, NULL,
				    "at least one rules must be specified when the successPolicy "
				    "is specified");
		if (json_array_size(rules) > POLICY_RULES_MAX)
			rule_bad_count(e, here, json_array_size(rules), POLICY_RULES_MAX);
		for (size_t i = 0; i < json_array_size(rules); i++)
			validate_success_rule(json_array_get(rules, i),
					      json_int_or(spec, "completions", 0), PATH_AT(here, i),
					      e);
	}
	if (json_object_get(spec, "podReplacementPolicy"))
		rule_enum(e, at, spec, "podReplacementPolicy",
			  failure ? after_failure : replacements);
}

static void check_restart(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const char *const policies[] = { "OnFailure", "Never", NULL };
	const char *policy = json_str_or(spec, "template.spec.restartPolicy", "");
	at = PATH(PATH(PATH(at, "template"), "spec"), "restartPolicy");
	if (streq(policy, "") || streq(policy, "Always"))
		rule_broken(e, FIELD_REQUIRED, at, NULL, "valid values: \"OnFailure\", \"Never\"");
	else if (!rule_is_one_of(policy, policies))
		rule_unsupported(e, at, policy, policies);
	else if (json_object_get(spec, "podFailurePolicy") && !streq(policy, "Never"))
		rule_bad_text(e, FIELD_INVALID, at, policy,
			      "only \"Never\" is supported when podFailurePolicy is specified");
}

/* What a Job and a CronJob's template have in common. */
static void check_spec(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const char *const modes[] = { "NonIndexed", "Indexed", NULL };
	static const char *const only_indexed[] = { "backoffLimitPerIndex", "maxFailedIndexes" };
	const char *mode = json_str(spec, "completionMode");
	bool is_indexed = mode && streq(mode, "Indexed");
	check_counts(spec, at, e);
	if (mode && !rule_is_one_of(mode, modes))
		rule_unsupported(e, PATH(at, "completionMode"), mode, modes);
	if (is_indexed)
		check_indexed(spec, at, e);
	for (size_t i = 0; i < ARRAY_LEN(only_indexed); i++) {
		const json_t *value = json_object_get(spec, only_indexed[i]);
		if (value && (!mode || streq(mode, "NonIndexed")))
			rule_broken(e, FIELD_INVALID, PATH(at, only_indexed[i]), value,
				    "requires indexed completion mode");
	}
	check_policies(spec, is_indexed, at, e);
	validate_template(json_object_get(spec, "template"), NULL, PATH(at, "template"), e);
	check_restart(spec, at, e);
}

static void check_selector(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *selector = json_object_get(spec, "selector");
	const json_t *labels = json_dig(spec, "template.metadata.labels");
	AUTO_SELECTOR parsed = { 0 };
	AUTO_JSON *none = json_null();
	struct error err;
	bool fits = false;
	if (selector)
		rule_label_selector(e, PATH(at, "selector"), selector);
	else
		rule_required(e, PATH(at, "selector"), NULL);
	if (selector && selector_from_json(selector, &parsed, &err) < 0)
		return;
	fits = selector && selector_matches_json(&parsed, labels);
	if (!fits)
		rule_broken(e, FIELD_INVALID,
			    PATH(PATH(PATH(at, "template"), "metadata"), "labels"),
			    labels ? labels : none, "`selector` does not match template `labels`");
}

/* What the server itself puts onto a Job's pods stays there. */
static void check_generated(const json_t *job, const struct path *at, struct field_errors *e)
{
	static const char *const names[][2] = {
		{ "controller-uid", "uid" },
		{ "job-name", "name" },
		{ "batch.kubernetes.io/controller-uid", "uid" },
		{ "batch.kubernetes.io/job-name", "name" },
	};
	const json_t *labels = json_dig(job, "spec.template.metadata.labels");
	const json_t *selector = json_dig(job, "spec.selector");
	const char *uid = json_str(job, "metadata.uid");
	const struct path *here = PATH(PATH(PATH(at, "template"), "metadata"), "labels");
	/* Before it is made there is nothing to hold it against. */
	if (!uid || !selector || json_bool_or(job, "spec.manualSelector", false))
		return;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *want = json_str_or(json_object_get(job, "metadata"), names[i][1], "");
		const json_t *is = json_object_get(labels, names[i][0]);
		if (!is)
			rule_broken(e, FIELD_REQUIRED, PATH_OF(here, names[i][0]), NULL,
				    "must be '%s'", want);
		else if (!streq(json_string_value(is), want))
			rule_broken(e, FIELD_INVALID, PATH_OF(here, names[i][0]), labels,
				    "must be '%s'", want);
	}
	AUTO_JSON *made =
		json_pack("{s:{s:s}}", "matchLabels", "batch.kubernetes.io/controller-uid", uid);
	AUTO_JSON *made_before = json_pack("{s:{s:s}}", "matchLabels", "controller-uid", uid);
	if (!rule_same(selector, made) && !rule_same(selector, made_before))
		rule_broken_as(e, FIELD_INVALID, PATH(at, "selector"), "apis.meta.v1.LabelSelector",
			       selector, "`selector` not auto-generated");
}

/* Each pod of an indexed job has its number in its host name. */
static void check_host_names(const json_t *job, struct field_errors *e)
{
	int64_t completions = json_int_or(job, "spec.completions", 0);
	const char *name = json_str_or(job, "metadata.name", "");
	if (completions <= 0 || !streq(json_str_or(job, "spec.completionMode", ""), "Indexed"))
		return;
	auto_free char *host = xasprintf("%s-%lld", name, (long long)completions - 1);
	if (!name_is(name_dns_label, host))
		rule_bad_text(e, FIELD_INVALID, PATH(PATH(NULL, "metadata"), "name"), name,
			      "will not able to create pod with invalid DNS label: %s", host);
}

/* A Job's template may change only where it has never started: its scheduling. */
static void check_template_update(const json_t *job, const json_t *old, const struct path *at,
				  struct field_errors *e)
{
	static const char *const free_fields[] = { "nodeSelector", "tolerations", "affinity",
						   "schedulingGates" };
	const json_t *template = json_dig(job, "spec.template");
	AUTO_JSON *was = json_deep_copy(json_dig(old, "spec.template"));
	bool is_suspended =
		json_bool_or(old, "spec.suspend", false) && !json_dig(old, "status.startTime");
	for (size_t i = 0; i < ARRAY_LEN(free_fields) && is_suspended; i++) {
		json_t *now = json_object_get(json_object_get(template, "spec"), free_fields[i]);
		json_t *target = json_object_get(was, "spec");
		if (now)
			json_object_set(target, free_fields[i], now);
		else
			json_object_del(target, free_fields[i]);
	}
	if (is_suspended)
		rule_unchanged(e, PATH(PATH(at, "template"), "spec"),
			       json_object_get(template, "spec"), json_object_get(was, "spec"));
	else
		rule_unchanged(e, PATH(at, "template"), template, was);
}

static void check_update(const json_t *job, const json_t *old, const struct path *at,
			 struct field_errors *e)
{
	static const char *const fixed[] = { "completionMode", "podFailurePolicy",
					     "backoffLimitPerIndex", "managedBy", "successPolicy" };
	const json_t *spec = json_object_get(job, "spec"), *before = json_object_get(old, "spec");
	const json_t *completions = json_object_get(spec, "completions");
	const json_t *earlier = json_object_get(before, "completions");
	if (!streq(json_str_or(spec, "completionMode", ""), "Indexed"))
		rule_unchanged(e, PATH(at, "completions"), completions, earlier);
	else if (completions && !rule_same(completions, earlier) &&
		 !rule_same(completions, json_object_get(spec, "parallelism")))
		rule_broken(e, FIELD_INVALID, PATH(at, "completions"), completions,
			    "can only be modified in tandem with spec.parallelism");
	rule_unchanged_selector(e, PATH(at, "selector"), json_object_get(spec, "selector"),
				json_object_get(before, "selector"));
	check_template_update(job, old, at, e);
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		rule_unchanged(e, PATH(at, fixed[i]), json_object_get(spec, fixed[i]),
			       json_object_get(before, fixed[i]));
}

void validate_job(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	check_generated(tree, at, e);
	/* The original looks at a changed one twice. */
	for (int i = 0; i < (old ? 2 : 1); i++) {
		check_spec(spec, at, e);
		check_selector(spec, at, e);
	}
	if (old)
		check_update(tree, old, at, e);
	else
		check_host_names(tree, e);
}

/* Whether the zone exists is asked by who knows the machine. */
static void check_zone(const char *zone, const struct path *at, struct field_errors *e)
{
	if (!*zone) {
		rule_bad_text(e, FIELD_INVALID, at, zone,
			      "timeZone must be nil or non-empty string");
		return;
	}
	if (!cron_text_is_zone(zone)) {
		rule_bad_text(e, FIELD_INVALID, at, zone, "unknown time zone %s", zone);
		return;
	}
	if (strcasecmp(zone, "local") == 0)
		rule_bad_text(e, FIELD_INVALID, at, zone,
			      "timeZone must be an explicit time zone as defined in "
			      "https://www.iana.org/time-zones");
}

static void check_schedule(const char *schedule, const char *zone, bool had_zone,
			   const struct path *at, struct field_errors *e)
{
	AUTO_STR why;
	str_init(&why, CRON_TEXT_WHY_MAX(strlen(schedule)));
	if (!*schedule) {
		rule_required(e, at, schedule);
		return;
	}
	if (!cron_text_check(schedule, &why))
		rule_bad_text(e, FIELD_INVALID, at, schedule, "%s", why.data);
	if (!strstr(schedule, "TZ"))
		return;
	if (!had_zone)
		rule_bad_text(e, FIELD_INVALID, at, schedule,
			      "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
	else if (zone)
		rule_bad_text(e, FIELD_INVALID, at, schedule,
			      "cannot use both timeZone field and TZ or CRON_TZ in schedule");
}

static void check_job_template(const json_t *template, const struct path *at,
			       struct field_errors *e)
{
	const json_t *spec = json_object_get(template, "spec");
	const json_t *selector = json_object_get(spec, "selector");
	AUTO_JSON *yes = json_true();
	at = PATH(at, "spec");
	check_spec(spec, at, e);
	if (selector)
		rule_broken(e, FIELD_INVALID, PATH(at, "selector"), selector,
			    "`selector` will be auto-generated");
	if (json_bool_or(spec, "manualSelector", false))
		rule_broken(e, FIELD_NOT_SUPPORTED, PATH(at, "manualSelector"), yes,
			    "supported values: \"nil\", \"false\"");
}

void validate_cron_job(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const policies[] = { "Allow", "Forbid", "Replace", NULL };
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const char *name = json_str_or(tree, "metadata.name", "");
	const char *schedule = json_str_or(spec, "schedule", "");
	const char *zone = json_str(spec, "timeZone");
	const char *old_zone = old ? json_str(old, "spec.timeZone") : NULL;
	bool had_zone = strstr(json_str_or(old, "spec.schedule", ""), "TZ") != NULL;
	check_schedule(schedule, zone, had_zone, PATH(at, "schedule"), e);
	rule_at_least(e, at, spec, "startingDeadlineSeconds", 0);
	if (zone && (!old_zone || !streq(zone, old_zone)))
		check_zone(zone, PATH(at, "timeZone"), e);
	rule_enum(e, at, spec, "concurrencyPolicy", policies);
	check_job_template(json_object_get(spec, "jobTemplate"), PATH(at, "jobTemplate"), e);
	rule_at_least(e, at, spec, "successfulJobsHistoryLimit", 0);
	rule_at_least(e, at, spec, "failedJobsHistoryLimit", 0);
	if (!old && strlen(name) > CRON_NAME_SIZE_MAX)
		rule_bad_text(e, FIELD_INVALID, PATH(PATH(NULL, "metadata"), "name"), name,
			      "must be no more than %d characters", CRON_NAME_SIZE_MAX);
}
