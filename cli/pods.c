#include "cli/pods.h"
#include "cli/command.h"
#include "cli/ready_plan.h"
#include "cli/request.h"
#include "cli/targets.h"

#include <stdio.h>

static void add_pairs(const json_t *map, struct str *out)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)map, name, value)
		str_addf(out, "%s%s=%s", out->len ? "," : "", name,
			 json_string_value(value) ? json_string_value(value) : "");
}

static void add_expression(const json_t *e, struct str *out)
{
	const char *op = json_str_or(e, "operator", ""), *key = json_str_or(e, "key", "");
	const json_t *values = json_object_get(e, "values");
	if (out->len)
		str_add_char(out, ',');
	if (streq(op, "Exists") || streq(op, "DoesNotExist")) {
		str_addf(out, "%s%s", streq(op, "Exists") ? "" : "!", key);
		return;
	}
	str_addf(out, "%s %s (", key, streq(op, "In") ? "in" : "notin");
	for (size_t i = 0; i < json_array_size(values); i++) {
		const char *text = json_string_value(json_array_get(values, i));
		str_addf(out, "%s%s", i ? "," : "", text ? text : "");
	}
	str_add_char(out, ')');
}

bool selector_text_of(const json_t *object, struct str *out)
{
	const json_t *selector = json_dig(object, "spec.selector");
	const json_t *labels = json_object_get(selector, "matchLabels");
	const json_t *expressions = json_object_get(selector, "matchExpressions");
	if (!json_is_object(selector))
		return false;
	add_pairs(labels || expressions ? labels : selector, out);
	for (size_t i = 0; i < json_array_size(expressions); i++)
		add_expression(json_array_get(expressions, i), out);
	return out->len > 0;
}

const char *default_container(const json_t *pod)
{
	const char *named = json_member_str(json_dig(pod, "metadata.annotations"),
					    "kubectl.kubernetes.io/default-container");
	const json_t *list = json_dig(pod, "spec.containers");
	for (size_t i = 0; named && i < json_array_size(list); i++)
		if (streq(json_str_or(json_array_get(list, i), "name", ""), named))
			return named;
	return json_str_or(json_array_get(list, 0), "name", "");
}

/* Ready before not, then the newest. */
static bool is_better(const json_t *a, const json_t *b)
{
	bool ready_a = streq(json_str_or(ready_condition(a, "Ready"), "status", ""), "True");
	bool ready_b = streq(json_str_or(ready_condition(b, "Ready"), "status", ""), "True");
	if (ready_a != ready_b)
		return ready_a;
	return strcmp(json_str_or(a, "metadata.creationTimestamp", ""),
		      json_str_or(b, "metadata.creationTimestamp", "")) > 0;
}

static int pod_of_selector(struct session *s, const char *label, const json_t *object,
			   const char *ns, json_t **ret)
{
	AUTO_STR selector;
	AUTO_REPLY r = { 0 };
	str_init(&selector, 16384);
	if (!selector_text_of(object, &selector)) {
		fprintf(stderr, "error: %s has no pods\n", label);
		return EXIT_REFUSED;
	}
	struct target pods = { .kind = kind_builtin("", "v1", "pods") };
	auto_free char *path = target_path(&pods, ns, selector.data, NULL, NULL);
	request_json(s, "GET", path, NULL, NULL, &r);
	if (r.code)
		return reply_explain(s, label, &r);
	const json_t *items = json_object_get(r.body, "items");
	json_t *best = NULL;
	for (size_t i = 0; i < json_array_size(items); i++)
		if (!best || is_better(json_array_get(items, i), best))
			best = json_array_get(items, i);
	if (!best) {
		fprintf(stderr, "error: %s has no pods yet; `skiff why %s` tells the reason\n",
			label, label);
		return EXIT_FAILED;
	}
	*ret = json_incref(best);
	return 0;
}

int pod_of_words(struct session *s, const struct words *words, const char *ns, json_t **ret)
{
	struct target t;
	struct error err;
	AUTO_REPLY r = { 0 };
	if (target_read_one(s, words, "pods", &t, &err) < 0)
		return error_explain(&err);
	auto_free char *path = kind_path(&t.kind, ns, t.name, NULL);
	auto_free char *label = xasprintf("%s/%s", t.kind.kind, t.name);
	request_json(s, "GET", path, NULL, NULL, &r);
	if (r.code)
		return reply_explain(s, NULL, &r);
	if (!streq(t.kind.kind, "Pod"))
		return pod_of_selector(s, label, r.body, ns, ret);
	*ret = TAKE(r.body);
	return 0;
}
