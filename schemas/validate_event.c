/* Events of both groups: the same rules, under different names. */
#include "schemas/rule.h"

#define WORD_SIZE_MAX 128
#define NOTE_SIZE_MAX 1024

/* How the two groups call the same things; errors name them by `core`. */
static const struct names {
	const char *about, *note, *reporter;
} core_names = { "involvedObject", "message", "reportingComponent" },
  event_names = { "regarding", "note", "reportingController" };

static void check_length(const json_t *tree, const char *member, const char *shown, size_t max,
			 bool is_needed, struct field_errors *e)
{
	const char *text = json_str_or(tree, member, "");
	if (is_needed)
		rule_required(e, PATH(NULL, shown), text);
	if (strlen(text) > max)
		rule_bad_text(e, FIELD_INVALID, PATH(NULL, shown), "",
			      "can have at most %zu characters", max);
}

static void check_event(const json_t *tree, const struct names *names, struct field_errors *e)
{
	const char *own = json_str_or(tree, "metadata.namespace", "");
	const char *about = json_str_or(json_object_get(tree, names->about), "namespace", "");
	const char *reporter = json_str_or(tree, names->reporter, "");
	const struct path *at = PATH(PATH(NULL, "involvedObject"), "namespace");
	static const char words[] = "does not match event.namespace";
	bool is_default = !*own || streq(own, "default");
	if (!json_object_get(tree, "eventTime")) {
		if (*about ? !streq(about, own) : !is_default)
			rule_bad_text(e, FIELD_INVALID, at, about, words);
		return;
	}
	if (!*about && !streq(own, "default") && !streq(own, "kube-system"))
		rule_bad_text(e, FIELD_INVALID, at, about, words);
	rule_required(e, PATH(NULL, names->reporter), reporter);
	rule_name(e, PATH(NULL, names->reporter), reporter, name_label_key);
	check_length(tree, "reportingInstance", "reportingInstance", WORD_SIZE_MAX, true, e);
	check_length(tree, "action", "action", WORD_SIZE_MAX, true, e);
	check_length(tree, "reason", "reason", WORD_SIZE_MAX, true, e);
	check_length(tree, names->note, "message", NOTE_SIZE_MAX, false, e);
}

void validate_core_event(const json_t *tree, const json_t *old, struct field_errors *e)
{
	(void)old;
	check_event(tree, &core_names, e);
}

static void check_series(const json_t *series, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "series");
	if (!series)
		return;
	if (json_int_or(series, "count", 0) < 2)
		rule_bad_text(e, FIELD_INVALID, PATH(at, "count"), "", "should be at least 2");
	if (!json_object_get(series, "lastObservedTime"))
		rule_required(e, PATH(at, "lastObservedTime"), NULL);
}

static void check_new(const json_t *tree, struct field_errors *e)
{
	static const char *const unset[][2] = {
		{ "deprecatedFirstTimestamp", "firstTimestamp" },
		{ "deprecatedLastTimestamp", "lastTimestamp" },
		{ "deprecatedCount", "count" },
		{ "deprecatedSource", "source" },
	};
	const char *type = json_str_or(tree, "type", "");
	check_series(json_object_get(tree, "series"), e);
	if (!json_object_get(tree, "eventTime"))
		rule_required(e, PATH(NULL, "eventTime"), NULL);
	if (!streq(type, "Normal") && !streq(type, "Warning"))
		rule_bad_text(e, FIELD_INVALID, PATH(NULL, "type"), "", "has invalid value: %s",
			      type);
	for (size_t i = 0; i < ARRAY_LEN(unset); i++)
		if (!rule_same(json_object_get(tree, unset[i][0]), NULL))
			rule_bad_text(e, FIELD_INVALID, PATH(NULL, unset[i][1]), "",
				      "needs to be unset");
}

void validate_event(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const fixed[][2] = {
		{ "regarding", "involvedObject" },
		{ "reason", "reason" },
		{ "note", "message" },
		{ "deprecatedSource", "source" },
		{ "deprecatedFirstTimestamp", "firstTimestamp" },
		{ "deprecatedLastTimestamp", "lastTimestamp" },
		{ "deprecatedCount", "count" },
		{ "reason", "reason" },
		{ "type", "type" },
		{ "eventTime", "eventTime" },
		{ "action", "action" },
		{ "related", "related" },
		{ "reportingController", "reportingController" },
		{ "reportingInstance", "reportingInstance" },
	};
	check_event(tree, &event_names, e);
	if (!old) {
		check_new(tree, e);
		return;
	}
	if (!rule_same(json_object_get(tree, "series"), json_object_get(old, "series")))
		check_series(json_object_get(tree, "series"), e);
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		rule_unchanged(e, PATH(NULL, fixed[i][1]), json_object_get(tree, fixed[i][0]),
			       json_object_get(old, fixed[i][0]));
}
