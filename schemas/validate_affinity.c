#include "schemas/rule.h"

/* `is_strict`: values must be such as labels can have. */
static void check_requirement(const json_t *r, bool is_strict, const struct path *at,
			      struct field_errors *e)
{
	const json_t *op = json_object_get(r, "operator");
	const char *word = json_str_or(r, "operator", "");
	size_t values = json_array_size(json_object_get(r, "values"));
	AUTO_JSON *empty = json_string("");
	if (streq(word, "In") || streq(word, "NotIn")) {
		if (values == 0)
			rule_broken(e, FIELD_REQUIRED, PATH(at, "values"), NULL,
				    "must be specified when `operator` is 'In' or 'NotIn'");
	} else if (streq(word, "Exists") || streq(word, "DoesNotExist")) {
		if (values)
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, "values"), NULL,
				    "may not be specified when `operator` is 'Exists' or "
				    "'DoesNotExist'");
	} else if (streq(word, "Gt") || streq(word, "Lt")) {
		if (values != 1)
			rule_broken(
				e, FIELD_REQUIRED, PATH(at, "values"), NULL,
				"must be specified single value when `operator` is 'Lt' or 'Gt'");
	} else {
		rule_broken(e, FIELD_INVALID, PATH(at, "operator"), op ? op : empty,
			    "not a valid selector operator");
	}
	rule_name(e, PATH(at, "key"), json_str_or(r, "key", ""), name_label_key);
	for (size_t i = 0; i < values && is_strict; i++)
		rule_name(e, PATH_AT(PATH(at, "values"), i),
			  json_string_value(json_array_get(json_object_get(r, "values"), i)),
			  name_label_value);
}

/* Of the node itself: its name, no more. */
static void check_field(const json_t *r, const struct path *at, struct field_errors *e)
{
	const char *op = json_str_or(r, "operator", ""), *key = json_str_or(r, "key", "");
	const json_t *values = json_object_get(r, "values");
	if (!streq(op, "In") && !streq(op, "NotIn"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "operator"), op,
			      "not a valid selector operator");
	else if (json_array_size(values) != 1)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "values"), NULL,
			    "must be only one value when `operator` is 'In' or 'NotIn' for node "
			    "field selector");
	if (!streq(key, "metadata.name"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "key"), key,
			      "not a valid field selector key");
	for (size_t i = 0; streq(key, "metadata.name") && i < json_array_size(values); i++)
		rule_name(e, PATH_AT(PATH(at, "values"), i),
			  json_string_value(json_array_get(values, i)), name_dns_subdomain);
}

static void check_term(const json_t *term, bool is_strict, const struct path *at,
		       struct field_errors *e)
{
	const json_t *list = json_object_get(term, "matchExpressions");
	for (size_t i = 0; i < json_array_size(list); i++)
		check_requirement(json_array_get(list, i), is_strict,
				  PATH_AT(PATH(at, "matchExpressions"), i), e);
	list = json_object_get(term, "matchFields");
	for (size_t i = 0; i < json_array_size(list); i++)
		check_field(json_array_get(list, i), PATH_AT(PATH(at, "matchFields"), i), e);
}

static void check_weight(const json_t *preferred, const struct path *at, struct field_errors *e)
{
	AUTO_JSON *weight = json_integer(json_int_or(preferred, "weight", 0));
	if (json_integer_value(weight) < 1 || json_integer_value(weight) > 100)
		rule_broken(e, FIELD_INVALID, PATH(at, "weight"), weight,
			    "must be in the range 1-100");
}

void validate_node_selector(const json_t *selector, const struct path *at, struct field_errors *e)
{
	const json_t *terms = json_object_get(selector, "nodeSelectorTerms");
	at = PATH(at, "nodeSelectorTerms");
	if (json_array_size(terms) == 0)
		rule_broken(e, FIELD_REQUIRED, at, NULL,
			    "must have at least one node selector term");
	for (size_t i = 0; i < json_array_size(terms); i++)
		check_term(json_array_get(terms, i), true, PATH_AT(at, i), e);
}

static void check_node_affinity(const json_t *node, const struct path *at, struct field_errors *e)
{
	static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
	static const char preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";
	const json_t *must = json_object_get(node, required);
	if (must)
		validate_node_selector(must, PATH(at, required), e);
	const json_t *list = json_object_get(node, preferred);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const struct path *one = PATH_AT(PATH(at, preferred), i);
		check_weight(json_array_get(list, i), one, e);
		check_term(json_object_get(json_array_get(list, i), "preference"), false,
			   PATH(one, "preference"), e);
	}
}

/* A key may stand in the selector once: a pod's keys were put there when it was made. The original
 * names the last place of the key, and not the list. */
static void check_selector_keys(const json_t *keys, const json_t *selector, const struct path *at,
				struct field_errors *e)
{
	const json_t *labels = json_object_get(selector, "matchLabels");
	const json_t *list = json_object_get(selector, "matchExpressions");
	AUTO_JSON *seen = json_object();
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *key = json_str_or(json_array_get(list, i), "key", "");
		size_t place = json_array_size(keys);
		while (place > 0 && !streq(json_string_value(json_array_get(keys, place - 1)), key))
			place--;
		if (place == 0)
			continue;
		if (json_object_get(labels, key) || json_object_get(seen, key))
			rule_bad_text(e, FIELD_INVALID, PATH_AT(at, place - 1), key,
				      "exists in both matchLabelKeys and labelSelector");
		json_object_set_new(seen, key, json_true());
	}
}

void validate_label_keys(const json_t *term, const char *name, const struct path *at,
			 struct field_errors *e)
{
	const json_t *keys = json_object_get(term, name);
	const json_t *selector = json_object_get(term, "labelSelector");
	if (json_array_size(keys) && !selector) {
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, name), NULL,
			    "must not be specified when labelSelector is not set");
		return;
	}
	for (size_t i = 0; i < json_array_size(keys); i++)
		rule_name(e, PATH_AT(PATH(at, name), i), json_string_value(json_array_get(keys, i)),
			  name_label_key);
	if (streq(name, "matchLabelKeys"))
		check_selector_keys(keys, selector, at, e);
}

static void check_both_ways(const json_t *term, const struct path *at, struct field_errors *e)
{
	const json_t *keys = json_object_get(term, "matchLabelKeys"), *other;
	size_t k;
	for (size_t i = 0; i < json_array_size(keys); i++) {
		bool is_both = false;
		json_array_foreach (json_object_get(term, "mismatchLabelKeys"), k, other)
			is_both |= json_equal(other, json_array_get(keys, i));
		if (is_both)
			rule_broken(e, FIELD_INVALID, PATH_AT(PATH(at, "matchLabelKeys"), i),
				    json_array_get(keys, i),
				    "exists in both matchLabelKeys and mismatchLabelKeys");
	}
}

static void check_pod_term(const json_t *term, const struct path *at, struct field_errors *e)
{
	const char *key = json_str_or(term, "topologyKey", "");
	const json_t *spaces = json_object_get(term, "namespaces");
	rule_label_selector(e, PATH(at, "labelSelector"), json_object_get(term, "labelSelector"));
	rule_label_selector(e, PATH(at, "namespaceSelector"),
			    json_object_get(term, "namespaceSelector"));
	for (size_t i = 0; i < json_array_size(spaces); i++)
		rule_name(e, PATH(at, "namespace"), json_string_value(json_array_get(spaces, i)),
			  name_dns_label);
	validate_label_keys(term, "matchLabelKeys", at, e);
	validate_label_keys(term, "mismatchLabelKeys", at, e);
	check_both_ways(term, at, e);
	if (!*key)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "topologyKey"), NULL, "can not be empty");
	rule_name(e, PATH(at, "topologyKey"), key, name_label_key);
}

static void check_pod_affinity(const json_t *pods, const struct path *at, struct field_errors *e)
{
	static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
	static const char preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";
	const json_t *must = json_object_get(pods, required);
	for (size_t i = 0; i < json_array_size(must); i++)
		check_pod_term(json_array_get(must, i), PATH_AT(PATH(at, required), i), e);
	const json_t *list = json_object_get(pods, preferred);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const struct path *one = PATH_AT(PATH(at, preferred), i);
		check_weight(json_array_get(list, i), one, e);
		check_pod_term(json_object_get(json_array_get(list, i), "podAffinityTerm"),
			       PATH(one, "podAffinityTerm"), e);
	}
}

void validate_affinity(const json_t *affinity, const struct path *at, struct field_errors *e)
{
	static const char *const kinds[] = { "nodeAffinity", "podAffinity", "podAntiAffinity" };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const json_t *one = json_object_get(affinity, kinds[i]);
		if (one && i == 0)
			check_node_affinity(one, PATH(at, kinds[i]), e);
		else if (one)
			check_pod_affinity(one, PATH(at, kinds[i]), e);
	}
}
