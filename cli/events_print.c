#include "cli/events_print.h"
#include "cli/request.h"
#include "cli/table.h"
#include "cli/targets.h"
#include "common/base/time_text.h"

#include <stdio.h>
#include <time.h>

static int64_t time_of(const json_t *e)
{
	static const char *const fields[] = { "series.lastObservedTime", "lastTimestamp",
					      "eventTime", "metadata.creationTimestamp" };
	int64_t us;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (time_parse(json_str_or(e, fields[i], ""), &us))
			return us;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	int64_t ta = time_of(*(json_t *const *)a), tb = time_of(*(json_t *const *)b);
	return ta < tb ? -1 : ta > tb;
}

int events_read(struct session *s, const char *ns, const char *fields, json_t **ret)
{
	AUTO_REPLY r = { 0 };
	struct target events = { .kind = kind_builtin("", "v1", "events") };
	auto_free char *path = target_path(&events, ns, NULL, fields, NULL);
	request_json(s, "GET", path, NULL, NULL, &r);
	if (r.code)
		return reply_explain(s, "events", &r);
	const json_t *items = json_object_get(r.body, "items");
	size_t n = json_array_size(items);
	json_t **sorted = xcalloc(n + 1, sizeof(json_t *));
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_array_get(items, i);
	qsort(sorted, n, sizeof(json_t *), by_time);
	*ret = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append(*ret, sorted[i]);
	free(sorted);
	return 0;
}

static void add_age(struct table *t, const json_t *e)
{
	char age[TIME_TEXT_SIZE];
	time_format_age((int64_t)time(NULL) - time_of(e) / 1000000, age);
	int64_t count = json_int_or(e, "series.count", json_int_or(e, "count", 1));
	auto_free char *text =
		count > 1 ? xasprintf("%s (x%lld)", age, (long long)count) : xstrdup(age);
	table_add(t, text);
}

void events_print(const json_t *items, bool with_namespace, bool with_object, size_t indent)
{
	AUTO_TABLE t = { .columns = 4u + with_namespace + with_object };
	static const char *const head[] = { "NAMESPACE", "LAST SEEN", "TYPE",
					    "REASON",    "OBJECT",    "MESSAGE" };
	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		if ((i != 0 || with_namespace) && (i != 4 || with_object))
			table_add(&t, head[i]);
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *e = json_array_get(items, i);
		auto_free char *about =
			xasprintf("%s/%s", json_str_or(e, "involvedObject.kind", ""),
				  json_str_or(e, "involvedObject.name", ""));
		if (with_namespace)
			table_add(&t, json_str_or(e, "metadata.namespace", ""));
		add_age(&t, e);
		table_add(&t, json_str_or(e, "type", ""));
		table_add(&t, json_str_or(e, "reason", ""));
		if (with_object)
			table_add(&t, about);
		table_add(&t, json_str_or(e, "message", ""));
	}
	AUTO_STR out;
	str_init(&out, 64u << 20);
	table_text(&t, &out);
	char *rest = out.data;
	for (char *line; (line = strsep(&rest, "\n")) != NULL && *line;)
		printf("%*s%s\n", (int)indent, "", line);
}
