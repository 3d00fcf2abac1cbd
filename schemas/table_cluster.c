/* Rows of who may do what, of quotas and classes, of what extends the API and shares it out. */
#include "schemas/cells.h"
#include "schemas/print.h"

/* Names of the subjects of a kind, joined. */
static void cell_subjects(const json_t *tree, const char *kind, json_t *row)
{
	const json_t *subjects = json_object_get(tree, "subjects");
	struct str text;
	str_init(&text, 65536);
	for (size_t i = 0; i < json_array_size(subjects); i++) {
		const json_t *s = json_array_get(subjects, i);
		if (!streq(json_str_or(s, "kind", ""), kind))
			continue;
		str_add(&text, text.len ? ", " : "");
		if (streq(kind, "ServiceAccount"))
			str_addf(&text, "%s/", json_str_or(s, "namespace", ""));
		str_add(&text, json_str_or(s, "name", ""));
	}
	cell_take(row, &text);
}

void table_role_binding(const json_t *tree, int64_t now_us, json_t *row)
{
	struct str text;
	str_init(&text, 4096);
	str_addf(&text, "%s/%s", json_str_or(tree, "roleRef.kind", ""),
		 json_str_or(tree, "roleRef.name", ""));
	cell_take(row, &text);
	cell_age(row, tree, now_us);
	cell_subjects(tree, "User", row);
	cell_subjects(tree, "Group", row);
	cell_subjects(tree, "ServiceAccount", row);
}

void table_created(const json_t *tree, int64_t now_us, json_t *row)
{
	(void)now_us;
	cell_text(row, json_str_or(tree, "metadata.creationTimestamp", ""));
}

/* What was decided about a request for a certificate, and whether there is one. */
static void cell_decision(const json_t *tree, json_t *row)
{
	bool is_approved = false, is_denied = false, is_failed = false;
	const json_t *list = json_dig(tree, "status.conditions");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *type = json_str_or(json_array_get(list, i), "type", "");
		is_approved |= streq(type, "Approved");
		is_denied |= streq(type, "Denied");
		is_failed |= streq(type, "Failed");
	}
	struct str text;
	str_init(&text, 64);
	str_add(&text, is_denied ? "Denied" : is_approved ? "Approved" : "Pending");
	str_add(&text, is_failed ? ",Failed" : "");
	str_add(&text, json_str(tree, "status.certificate") ? ",Issued" : "");
	cell_take(row, &text);
}

void table_certificate_request(const json_t *tree, int64_t now_us, json_t *row)
{
	const json_t *seconds = json_dig(tree, "spec.expirationSeconds");
	cell_age(row, tree, now_us);
	cell_text_or(row, json_str(tree, "spec.signerName"), "<none>");
	cell_text(row, json_str_or(tree, "spec.username", ""));
	if (seconds)
		cell_span(row, json_integer_value(seconds));
	else
		cell_text(row, "<none>");
	cell_decision(tree, row);
}

/* "name: used/hard" of the limits, or of everything else. */
static void cell_quota(const json_t *tree, bool limits, json_t *row)
{
	size_t count;
	const json_t *hard = json_dig(tree, "status.hard"), *used = json_dig(tree, "status.used");
	auto_free const char **names = sorted_keys(hard, &count);
	struct str text;
	str_init(&text, 65536);
	for (size_t i = 0; i < count; i++) {
		if (starts_with(names[i], "limits.") != limits)
			continue;
		const char *now = json_member_str(used, names[i]);
		str_addf(&text, "%s%s: %s/%s", text.len ? ", " : "", names[i], now ? now : "0",
			 json_member_str(hard, names[i]));
	}
	cell_take(row, &text);
}

void table_quota(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_quota(tree, false, row);
	cell_quota(tree, true, row);
	cell_age(row, tree, now_us);
}

void table_priority_class(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_int(row, json_int_or(tree, "value", 0));
	cell_bool(row, json_bool_or(tree, "globalDefault", false));
	cell_age(row, tree, now_us);
	cell_text(row, json_str_or(tree, "preemptionPolicy", ""));
}

void table_runtime_class(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_text(row, json_str_or(tree, "handler", ""));
	cell_age(row, tree, now_us);
}

void table_component(const json_t *tree, int64_t now_us, json_t *row)
{
	(void)now_us;
	const json_t *list = json_object_get(tree, "conditions");
	const char *status = "Unknown", *message = "", *error = "";
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		if (!streq(json_str_or(c, "type", ""), "Healthy"))
			continue;
		bool is_good = streq(json_str_or(c, "status", ""), "True");
		status = is_good ? "Healthy" : "Unhealthy";
		message = json_str_or(c, "message", "");
		error = json_str_or(c, "error", "");
	}
	cell_text(row, status);
	cell_text(row, message);
	cell_text(row, error);
}

void table_webhooks(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_int(row, (int64_t)json_array_size(json_object_get(tree, "webhooks")));
	cell_age(row, tree, now_us);
}

static void policy(const json_t *tree, const char *list, int64_t now_us, json_t *row)
{
	const char *version = json_str(tree, "spec.paramKind.apiVersion");
	struct str text;
	str_init(&text, 4096);
	cell_int(row, (int64_t)json_array_size(json_dig(tree, list)));
	if (version)
		str_addf(&text, "%s/%s", version, json_str_or(tree, "spec.paramKind.kind", ""));
	else
		str_add(&text, "<unset>");
	cell_take(row, &text);
	cell_age(row, tree, now_us);
}

void table_validating_policy(const json_t *tree, int64_t now_us, json_t *row)
{
	policy(tree, "spec.validations", now_us, row);
}

void table_mutating_policy(const json_t *tree, int64_t now_us, json_t *row)
{
	policy(tree, "spec.mutations", now_us, row);
}

void table_policy_binding(const json_t *tree, int64_t now_us, json_t *row)
{
	const json_t *ref = json_dig(tree, "spec.paramRef");
	cell_text(row, json_str_or(tree, "spec.policyName", ""));
	struct str text;
	str_init(&text, 4096);
	if (!ref) {
		str_add(&text, "<unset>");
	} else {
		const char *ns = json_str_or(ref, "namespace", "");
		const char *name = json_str_or(ref, "name", "");
		str_addf(&text, "%s%s%s", ns, *ns ? "/" : "", *name ? name : "*");
	}
	cell_take(row, &text);
	cell_age(row, tree, now_us);
}

void table_flow_schema(const json_t *tree, int64_t now_us, json_t *row)
{
	const json_t *list = json_dig(tree, "status.conditions");
	const char *is_missing = "?";
	for (size_t i = 0; i < json_array_size(list); i++)
		if (streq(json_str_or(json_array_get(list, i), "type", ""), "Dangling"))
			is_missing = json_str_or(json_array_get(list, i), "status", "?");
	cell_text(row, json_str_or(tree, "spec.priorityLevelConfiguration.name", ""));
	cell_int(row, json_int_or(tree, "spec.matchingPrecedence", 0));
	cell_text_or(row, json_str(tree, "spec.distinguisherMethod.type"), "<none>");
	cell_age(row, tree, now_us);
	cell_text(row, is_missing);
}

static void cell_number_or_none(const json_t *value, json_t *row)
{
	if (value)
		json_array_append(row, (json_t *)(uintptr_t)value);
	else
		cell_text(row, "<none>");
}

void table_priority_level(const json_t *tree, int64_t now_us, json_t *row)
{
	const json_t *limited = json_dig(tree, "spec.limited");
	const json_t *shares = limited ? limited : json_dig(tree, "spec.exempt");
	const json_t *queuing = json_dig(limited, "limitResponse.queuing");
	cell_text(row, json_str_or(tree, "spec.type", ""));
	cell_number_or_none(json_object_get(shares, "nominalConcurrencyShares"), row);
	cell_number_or_none(json_object_get(queuing, "queues"), row);
	cell_number_or_none(json_object_get(queuing, "handSize"), row);
	cell_number_or_none(json_object_get(queuing, "queueLengthLimit"), row);
	cell_age(row, tree, now_us);
}

void table_api_service(const json_t *tree, int64_t now_us, json_t *row)
{
	const json_t *list = json_dig(tree, "status.conditions");
	const json_t *service = json_dig(tree, "spec.service");
	struct str text;
	str_init(&text, 4096);
	if (service)
		str_addf(&text, "%s/%s", json_str_or(service, "namespace", ""),
			 json_str_or(service, "name", ""));
	else
		str_add(&text, "Local");
	cell_take(row, &text);
	str_init(&text, 4096);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		if (!streq(json_str_or(c, "type", ""), "Available"))
			continue;
		const char *status = json_str_or(c, "status", "");
		str_add(&text, status);
		if (!streq(status, "True"))
			str_addf(&text, " (%s)", json_str_or(c, "reason", ""));
	}
	cell_take(row, &text);
	cell_age(row, tree, now_us);
}
