#include "common/plan/order_plan.h"

#define NAME_MAX_BYTES 253

const struct order_kind order_kinds[] = {
	{ "CronJob", "batch", "v1", "cronjobs", "spec.jobTemplate.spec.template.metadata.labels",
	  false, ORDER_RESTART_NONE },
	{ "DaemonSet", "apps", "v1", "daemonsets", "spec.template.metadata.labels", false,
	  ORDER_RESTART_ROLLS },
	{ "Deployment", "apps", "v1", "deployments", "spec.template.metadata.labels", false,
	  ORDER_RESTART_ROLLS },
	{ "Job", "batch", "v1", "jobs", "spec.template.metadata.labels", true, ORDER_RESTART_PODS },
	{ "Pod", "", "v1", "pods", "metadata.labels", true, ORDER_RESTART_PLACE },
	{ "Service", "", "v1", "services", NULL, false, ORDER_RESTART_NONE },
	{ "StatefulSet", "apps", "v1", "statefulsets", "spec.template.metadata.labels", false,
	  ORDER_RESTART_ROLLS },
};
const size_t order_kinds_count = ARRAY_LEN(order_kinds);

static const char *const condition_names[] = { "ready", "started", "completed", "exists" };

const struct order_kind *order_kind_find(const char *kind)
{
	for (size_t i = 0; i < order_kinds_count; i++)
		if (streq(order_kinds[i].kind, kind))
			return &order_kinds[i];
	return NULL;
}

const char *order_condition_name(enum order_condition c)
{
	assert(c < ORDER_CONDITION_COUNT);
	return condition_names[c];
}

void order_list_fini(struct order_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->at[i].kind);
		free(l->at[i].name);
	}
	free(l->at);
	*l = (struct order_list){ 0 };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(const char *text, size_t n)
{
	if (n == 0 || n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		bool is_inner = i > 0 && i + 1 < n && (c == '-' || c == '.');
		if (!is_letter && !is_inner)
			return false;
	}
	return true;
}

static int find_condition(const char *text, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(condition_names); i++)
		if (strlen(condition_names[i]) == n && memcmp(condition_names[i], text, n) == 0)
			return (int)i;
	return -1;
}

static int check_condition(const struct order_entry *e, size_t at, struct error *err)
{
	const struct order_kind *kind = e->kind ? order_kind_find(e->kind) : NULL;
	if (kind && !kind->pod_labels && e->condition != ORDER_READY &&
	    e->condition != ORDER_EXISTS)
		return error_set(err, ERR_INVALID,
				 "at character %zu: a Service can be 'ready' or 'exists'", at);
	if (kind && e->condition == ORDER_COMPLETED && !kind->can_complete)
		return error_set(
			err, ERR_INVALID,
			"at character %zu: a %s never completes; use ready, started or exists", at,
			e->kind);
	return 0;
}

/* `[Kind/]name[:condition]` in text[from, to), blanks around it gone. Positions count from 1. */
static int parse_entry(const char *text, size_t from, size_t to, struct order_entry *ret,
		       struct error *err)
{
	if (from == to)
		return error_set(err, ERR_INVALID, "at character %zu: an entry is empty", from + 1);
	const char *slash = memchr(text + from, '/', to - from);
	size_t name_at = slash ? (size_t)(slash - text) + 1 : from;
	const char *colon = memchr(text + name_at, ':', to - name_at);
	size_t name_end = colon ? (size_t)(colon - text) : to;
	int condition = ORDER_READY;

	if (colon)
		condition = find_condition(colon + 1, to - name_end - 1);
	if (condition < 0)
		return error_set(err, ERR_INVALID,
				 "at character %zu: unknown condition '%.*s': use ready, started, "
				 "completed or exists",
				 name_end + 2, (int)MIN(to - name_end - 1, (size_t)100), colon + 1);
	if (!is_name(text + name_at, name_end - name_at))
		return error_set(err, ERR_INVALID,
				 "at character %zu: '%.*s' is no name of a workload: lower case "
				 "letters, digits, '-' and '.'",
				 name_at + 1, (int)MIN(name_end - name_at, (size_t)100),
				 text + name_at);
	auto_free char *kind = slash ? xstrndup(text + from, name_at - 1 - from) : NULL;
	if (kind && !order_kind_find(kind))
		return error_set(err, ERR_INVALID,
				 "at character %zu: '%.100s' is no kind to depend on: use "
				 "Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod or Service",
				 from + 1, kind);
	struct order_entry e = { .kind = kind, .condition = (enum order_condition)condition };
	if (check_condition(&e, name_end + 2, err) < 0)
		return err->code;
	ret->kind = TAKE(kind);
	ret->name = xstrndup(text + name_at, name_end - name_at);
	ret->condition = e.condition;
	ret->at = from + 1;
	return 0;
}

int order_parse(const char *text, struct order_list *ret, struct error *err)
{
	AUTO_ORDER_LIST list = { 0 };
	size_t length = strlen(text), at = 0;
	while (at < length && is_blank(text[at]))
		at++;
	if (at == length) {
		*ret = (struct order_list){ 0 };
		return 0;
	}
	for (at = 0; at <= length;) {
		const char *comma = memchr(text + at, ',', length - at);
		size_t end = comma ? (size_t)(comma - text) : length, from = at, to = end;
		while (from < to && is_blank(text[from]))
			from++;
		while (to > from && is_blank(text[to - 1]))
			to--;
		if (list.count == ORDER_ENTRIES_MAX)
			return error_set(err, ERR_INVALID,
					 "at character %zu: more than %d dependencies", from + 1,
					 ORDER_ENTRIES_MAX);
		struct order_entry entry = { 0 };
		if (parse_entry(text, from, to, &entry, err) < 0)
			return err->code;
		list.at = xrealloc(list.at, list.count + 1, sizeof *list.at);
		list.at[list.count++] = entry;
		at = end + 1;
	}
	*ret = list;
	list = (struct order_list){ 0 };
	return 0;
}
