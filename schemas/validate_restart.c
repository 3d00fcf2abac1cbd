#include "schemas/rule.h"

/* What happens to a container that ends, and to one whose resources change. */

static void check_rule(const json_t *rule, const struct path *at, struct field_errors *e)
{
	enum { VALUES_MAX = 255 };
	static const char *const actions[] = { "Restart", "RestartAllContainers", NULL };
	static const char *const operators[] = { "In", "NotIn", NULL };
	const json_t *codes = json_object_get(rule, "exitCodes");
	const json_t *values = json_object_get(codes, "values");
	const char *action = json_str_or(rule, "action", "");
	const char *op = json_str_or(codes, "operator", "");
	const struct path *here = PATH(at, "exitCodes");
	if (!rule_is_one_of(action, actions))
		rule_unsupported(e, PATH(at, "action"), action, actions);
	if (!codes) {
		rule_broken(e, FIELD_REQUIRED, here, NULL, "must be specified");
		return;
	}
	if (!rule_is_one_of(op, operators))
		rule_unsupported(e, PATH(here, "operator"), op, operators);
	(void)rule_is_too_many(values, VALUES_MAX, PATH(here, "values"), e); /* told of */
}

void validate_restart(const json_t *container, const struct path *at, struct field_errors *e)
{
	enum { RULES_MAX = 20 };
	static const char *const policies[] = { "Always", "Never", "OnFailure", NULL };
	const json_t *rules = json_object_get(container, "restartPolicyRules");
	const char *policy = json_str(container, "restartPolicy");
	const struct path *here = PATH(at, "restartPolicyRules");
	if (!policy && json_array_size(rules))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "restartPolicy"), NULL,
			    "must specify restartPolicy when restart rules are used");
	else if (policy && !rule_is_one_of(policy, policies))
		rule_unsupported(e, PATH(at, "restartPolicy"), policy, policies);
	(void)rule_is_too_many(rules, RULES_MAX, here, e); /* told of */
	for (size_t i = 0; i < json_array_size(rules); i++)
		check_rule(json_array_get(rules, i), PATH_AT(here, i), e);
}

/* The original names the list, not its element. */
static void check_resize(const json_t *one, bool is_once, const struct path *at,
			 struct field_errors *e)
{
	static const char *const resources[] = { "cpu", "memory", NULL };
	static const char *const policies[] = { "NotRequired", "RestartContainer", NULL };
	const char *name = json_str_or(one, "resourceName", "");
	const char *policy = json_str_or(one, "restartPolicy", "");
	if (!*name)
		rule_required(e, at, NULL);
	else if (!rule_is_one_of(name, resources))
		rule_unsupported(e, at, name, resources);
	if (!*policy)
		rule_required(e, at, NULL);
	else if (!rule_is_one_of(policy, policies))
		rule_unsupported(e, at, policy, policies);
	if (is_once && !streq(policy, "NotRequired"))
		rule_bad_text(e, FIELD_INVALID, at, policy,
			      "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
}

void validate_resize_policy(const json_t *container, const json_t *spec, const struct path *at,
			    struct field_errors *e)
{
	const json_t *list = json_object_get(container, "resizePolicy");
	bool is_once = streq(json_str_or(spec, "restartPolicy", ""), "Never");
	at = PATH(at, "resizePolicy");
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (rule_is_again(&firsts, list, i, "resourceName"))
			rule_bad_text(e, FIELD_DUPLICATE, PATH_AT(at, i),
				      json_str(json_array_get(list, i), "resourceName"), NULL);
		check_resize(json_array_get(list, i), is_once, at, e);
	}
}

void validate_init_resizes(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *inits = json_object_get(spec, "initContainers");
	for (size_t i = 0; i < json_array_size(inits); i++) {
		const json_t *one = json_array_get(inits, i);
		const json_t *list = json_object_get(one, "resizePolicy");
		const struct path *here =
			PATH(PATH_AT(PATH(at, "initContainers"), i), "resizePolicy");
		if (streq(json_str_or(one, "restartPolicy", ""), "Always"))
			continue;
		for (size_t k = 0; k < json_array_size(list); k++) {
			const char *policy =
				json_str_or(json_array_get(list, k), "restartPolicy", "");
			if (streq(policy, "RestartContainer"))
				rule_bad_text(e, FIELD_INVALID,
					      PATH(PATH_AT(here, k), "restartPolicy"), policy,
					      "must not be set to 'RestartContainer' for "
					      "non-sidecar initContainers");
		}
	}
}
