#include "common/base/time_text.h"
#include "schemas/cells.h"

#include <ctype.h>

static void add_trimmed(json_t *row, const char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	size_t n = strlen(text);
	while (n && isspace((unsigned char)text[n - 1]))
		n--;
	json_array_append_new(row, json_stringn_nocheck(text, n));
}

static const char *first_text(const json_t *o, const char *a, const char *b)
{
	const char *text = json_str_or(o, a, "");
	return *text ? text : json_str_or(o, b, "");
}

static void cell_event_object(const json_t *event, json_t *row)
{
	struct str text;
	str_init(&text, 4096);
	for (const char *p = json_str_or(event, "involvedObject.kind", ""); *p; p++)
		str_add_char(&text, (char)tolower((unsigned char)*p));
	const char *name = json_str_or(event, "involvedObject.name", "");
	if (*name)
		str_addf(&text, "/%s", name);
	cell_take(row, &text);
}

static void table_event(const json_t *event, int64_t now_us, json_t *row)
{
	const char *first = json_str(event, "firstTimestamp");
	const char *last = json_str(event, "lastTimestamp");
	int64_t count = MAX(json_int_or(event, "count", 1), 1);
	if (!first)
		first = json_str(event, "eventTime");
	if (!last)
		last = first;
	if (json_object_get(event, "series")) {
		last = json_str(event, "series.lastObservedTime");
		count = json_int_or(event, "series.count", 0);
	}
	cell_since(row, last, now_us);
	cell_text(row, json_str_or(event, "type", ""));
	cell_text(row, json_str_or(event, "reason", ""));
	cell_event_object(event, row);
	cell_text(row, json_str_or(event, "involvedObject.fieldPath", ""));
	const char *component = first_text(event, "source.component", "reportingComponent");
	const char *host = first_text(event, "source.host", "reportingInstance");
	struct str source;
	str_init(&source, 4096);
	str_addf(&source, "%s%s%s", component, *host ? ", " : "", host);
	cell_take(row, &source);
	add_trimmed(row, json_str_or(event, "message", ""));
	cell_since(row, first, now_us);
	cell_int(row, count);
	cell_text(row, json_str_or(event, "metadata.name", ""));
}

static bool has_condition(const json_t *tree, const char *type)
{
	const json_t *list = json_dig(tree, "status.conditions");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		if (streq(json_str_or(c, "type", ""), type))
			return streq(json_str_or(c, "status", ""), "True");
	}
	return false;
}

static const char *job_status(const json_t *job)
{
	static const struct {
		const char *condition, *status;
	} rows[] = {
		{ "Complete", "Complete" },
		{ "Failed", "Failed" },
		{ NULL, "Terminating" },
		{ "Suspended", "Suspended" },
		{ "FailureTarget", "FailureTarget" },
		{ "SuccessCriteriaMet", "SuccessCriteriaMet" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool holds = rows[i].condition
				     ? has_condition(job, rows[i].condition)
				     : json_dig(job, "metadata.deletionTimestamp") != NULL;
		if (holds)
			return rows[i].status;
	}
	return "Running";
}

static void cell_duration(const json_t *job, int64_t now_us, json_t *row)
{
	const char *start = json_str(job, "status.startTime");
	const char *end = json_str(job, "status.completionTime");
	int64_t end_us = now_us;
	if (!start) {
		cell_text(row, "");
		return;
	}
	if (end)
		(void)time_parse(end, &end_us); /* validated; else until now */
	cell_since(row, start, end_us);
}

static void table_job(const json_t *job, int64_t now_us, json_t *row)
{
	struct str text;
	str_init(&text, 256);
	long long done = json_int_or(job, "status.succeeded", 0);
	long long parallel = json_int_or(job, "spec.parallelism", 0);
	const json_t *wanted = json_dig(job, "spec.completions");
	if (wanted)
		str_addf(&text, "%lld/%lld", done, (long long)json_integer_value(wanted));
	else if (parallel > 1)
		str_addf(&text, "%lld/1 of %lld", done, parallel);
	else
		str_addf(&text, "%lld/1", done);
	cell_text(row, job_status(job));
	cell_take(row, &text);
	cell_duration(job, now_us, row);
	cell_age(row, job, now_us);
	cell_containers(row, json_dig(job, "spec.template.spec.containers"));
	cell_selector(row, json_dig(job, "spec.selector"), "<none>");
}

static void table_workload(const char *kind, const json_t *tree, int64_t now_us, json_t *row)
{
	long long wanted = json_int_or(tree, "spec.replicas", 0);
	long long ready = json_int_or(tree, "status.readyReplicas", 0);
	if (streq(kind, "Deployment")) {
		struct str text;
		str_init(&text, 64);
		str_addf(&text, "%lld/%lld", ready, wanted);
		cell_take(row, &text);
		cell_int(row, json_int_or(tree, "status.updatedReplicas", 0));
		cell_int(row, json_int_or(tree, "status.availableReplicas", 0));
	} else {
		cell_int(row, wanted);
		cell_int(row, json_int_or(tree, "status.replicas", 0));
		cell_int(row, ready);
	}
	cell_age(row, tree, now_us);
	cell_containers(row, json_dig(tree, "spec.template.spec.containers"));
	cell_selector(row, json_dig(tree, "spec.selector"), "");
}

static void table_config(const char *kind, const json_t *tree, int64_t now_us, json_t *row)
{
	size_t data = json_object_size(json_object_get(tree, "data"));
	if (streq(kind, "ConfigMap")) {
		cell_int(row,
			 (int64_t)(data + json_object_size(json_object_get(tree, "binaryData"))));
	} else if (streq(kind, "Secret")) {
		cell_text(row, json_str_or(tree, "type", ""));
		cell_int(row, (int64_t)data);
	} else if (streq(kind, "Namespace")) {
		cell_text(row, json_str_or(tree, "status.phase", ""));
	} else if (streq(kind, "Lease")) {
		cell_text(row, json_str_or(tree, "spec.holderIdentity", ""));
	}
	cell_age(row, tree, now_us);
}

json_t *table_cells(const struct schema_kind *kind, const json_t *tree, int64_t now_us)
{
	json_t *row = json_array();
	const char *name = kind->kind;
	if (streq(name, "Event")) {
		table_event(tree, now_us, row);
		return row;
	}
	cell_text(row, json_str_or(tree, "metadata.name", ""));
	if (streq(name, "Pod"))
		table_pod(tree, now_us, row);
	else if (streq(name, "Node"))
		table_node(tree, now_us, row);
	else if (streq(name, "Service"))
		table_service(tree, now_us, row);
	else if (streq(name, "Endpoints"))
		table_endpoints(tree, now_us, row);
	else if (streq(name, "EndpointSlice"))
		table_slice(tree, now_us, row);
	else if (streq(name, "Job"))
		table_job(tree, now_us, row);
	else if (streq(name, "Deployment") || streq(name, "ReplicaSet"))
		table_workload(name, tree, now_us, row);
	else
		table_config(name, tree, now_us, row);
	return row;
}
