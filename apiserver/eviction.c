#include "apiserver/eviction.h"
#include "common/base/jsonx.h"
#include "common/base/selector.h"
#include "common/plan/budget_plan.h"

#define CAUSE "DisruptionBudget"

static const json_t *condition_of(const json_t *pod, const char *type)
{
	return json_find(json_dig(pod, "status.conditions"), "type", type);
}

/* Whoever has ended, has not begun or stops already disrupts nobody. */
static bool needs_no_budget(const json_t *pod)
{
	static const char *const phases[] = { "Succeeded", "Failed", "Pending" };
	const char *phase = json_str_or(pod, "status.phase", "");
	for (size_t i = 0; i < ARRAY_LEN(phases); i++)
		if (streq(phases[i], phase))
			return true;
	return json_dig(pod, "metadata.deletionTimestamp") != NULL;
}

static bool covers(const struct object *o, const json_t *labels)
{
	AUTO_JSON *budget = object_tree(o);
	AUTO_SELECTOR selector = { 0 };
	struct error err;
	return selector_from_json(json_dig(budget, "spec.selector"), &selector, &err) == 0 &&
	       selector_matches_json(&selector, labels);
}

/* The budgets of the pod: how many, and the first. */
static size_t budgets_of(struct change *c, struct object **ret)
{
	const struct schema_kind *kind = schema_kind_by_kind("policy", "v1", "PodDisruptionBudget");
	const struct index *x = hub_index(c->server->hub, kind);
	auto_free char *prefix = xasprintf("o/policy/poddisruptionbudgets/%s/", c->ns);
	struct index_cursor at = index_seek(x, prefix);
	size_t count = 0;
	for (struct object *o; (o = index_next(x, &at)) && starts_with(o->key, prefix);)
		if (covers(o, json_dig(c->old_tree, "metadata.labels")) && count++ == 0)
			*ret = o;
	return count;
}

static int refuse(struct failure *f, const char *why, int retry_after_s)
{
	fail(f, 429, "TooManyRequests",
	     "Cannot evict pod as it would violate the pod's disruption budget.");
	failure_cause(f, CAUSE, why, NULL);
	f->retry_after_s = retry_after_s;
	return -1;
}

static int refuse_stale(struct change *c, struct failure *f, const char *why)
{
	fail(f, 409, "Conflict", "Operation cannot be fulfilled on Pod \"%s\": %s", c->name, why);
	failure_kind(f, "", "Pod", c->name);
	return -1;
}

int eviction_check_preconditions(struct change *c, const json_t *options, struct failure *f)
{
	const char *uid = json_str_or(options, "preconditions.uid", "");
	const char *version = json_str_or(options, "preconditions.resourceVersion", "");
	auto_free char *current = xasprintf("%llu", (unsigned long long)c->old->version);
	auto_free char *has = object_uid(c->old);
	if (*uid && !streq(uid, has)) {
		auto_free char *why = xasprintf(
			"the UID in the precondition (%s) does not match the UID in record (%s). "
			"The object might have been deleted and then recreated",
			uid, has);
		return refuse_stale(c, f, why);
	}
	if (*version && !streq(version, current)) {
		auto_free char *why = xasprintf(
			"the ResourceVersion in the precondition (%s) does not match the "
			"ResourceVersion in record (%s). The object might have been modified",
			version, current);
		return refuse_stale(c, f, why);
	}
	return 0;
}

int eviction_check(struct change *c, struct failure *f)
{
	struct object *o = NULL;
	if (needs_no_budget(c->old_tree))
		return 0;
	size_t count = budgets_of(c, &o);
	if (count > 1)
		return fail(f, 500, "",
			    "This pod has more than one PodDisruptionBudget, which the eviction "
			    "subresource does not support.");
	if (count == 0)
		return 0;
	AUTO_JSON *budget = object_tree(o);
	json_object_del(json_object_get(budget, "metadata"), "resourceVersion");
	AUTO_STR why;
	str_init(&why, 8192);
	const json_t *ready = condition_of(c->old_tree, "Ready");
	switch (budget_take(budget, c->name, streq(json_str_or(ready, "status", ""), "True"),
			    c->now, &why)) {
	case BUDGET_FREE:
		break;
	case BUDGET_TAKEN:
		return change_put_object(c, o, budget, f);
	case BUDGET_BEHIND:
		return refuse(f, why.data, BUDGET_RETRY_S);
	case BUDGET_SPENT:
		return refuse(f, why.data, 0);
	case BUDGET_BROKEN:
		fail(f, 403, "Forbidden", "poddisruptionbudget.policy \"%s\" is forbidden: %s",
		     o->name, why.data);
		failure_kind(f, "policy", "poddisruptionbudget", o->name);
		return -1;
	}
	return 0;
}

void eviction_mark(struct change *c)
{
	json_t *list = json_dig(c->tree, "status.conditions");
	const json_t *old = condition_of(c->old_tree, "DisruptionTarget");
	bool was_true = streq(json_str_or(old, "status", ""), "True");
	json_t *mark =
		json_pack("{s:s,s:s,s:s,s:s,s:s}", "type", "DisruptionTarget", "status", "True",
			  "lastTransitionTime",
			  was_true ? json_str_or(old, "lastTransitionTime", c->now) : c->now,
			  "reason", "EvictionByEvictionAPI", "message", "Eviction API: evicting");
	if (!list) {
		list = json_array();
		json_put(c->tree, "status.conditions", list);
	}
	size_t i;
	json_t *one;
	json_array_foreach (list, i, one)
		if (streq(json_str_or(one, "type", ""), "DisruptionTarget")) {
			json_array_set_new(list, i, mark);
			return;
		}
	json_array_append_new(list, mark);
}
