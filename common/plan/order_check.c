/* What the annotations may say, beyond the syntax of depends-on. */
#include "common/base/jsonx.h"
#include "common/plan/order_plan.h"

size_t order_entry_meant(const struct order_list *depends, const struct order_entry *e)
{
	for (size_t i = 0; i < depends->count; i++) {
		const struct order_entry *d = &depends->at[i];
		if (streq(d->name, e->name) && (!d->kind || !e->kind || streq(d->kind, e->kind)))
			return i;
	}
	return ORDER_NONE;
}

/* Its containers can only be started again in place where the pod would do that anyway. */
static int check_can_restart(const struct order_kind *kind, const json_t *object, const char *value,
			     struct error *err)
{
	const char *policy = json_str_or(object, "spec.restartPolicy", "Always");
	if (kind->restart == ORDER_RESTART_PLACE && !streq(policy, "Always"))
		return error_set(err, ERR_INVALID,
				 "at character 1: a %s with restartPolicy %s is not started again "
				 "after a stop; leave '%.100s' out, or use restartPolicy Always",
				 kind->kind, policy, value);
	return 0;
}

static int check_choice(const char *value, const char *const *allowed, const char *text,
			struct error *err)
{
	for (size_t i = 0; allowed[i]; i++)
		if (streq(allowed[i], value))
			return 0;
	return error_set(err, ERR_INVALID, "at character 1: '%.100s' is unknown: use %s", value,
			 text);
}

static int check_lost(const struct order_kind *kind, const json_t *object, const char *value,
		      struct error *err)
{
	static const char *const allowed[] = { "ignore", "stop", "restart", NULL };
	if (check_choice(value, allowed, "ignore, stop or restart", err) < 0)
		return err->code;
	return streq(value, "ignore") ? 0 : check_can_restart(kind, object, value, err);
}

/* Only what it depends on restarts a workload: so restarts cannot go round in a circle. */
static int check_restart_with(const struct order_kind *kind, const json_t *object,
			      const char *value, const struct order_list *depends,
			      struct error *err)
{
	AUTO_ORDER_LIST list = { 0 };
	if (order_parse(value, &list, err) < 0)
		return err->code;
	for (size_t i = 0; i < list.count; i++) {
		const struct order_entry *e = &list.at[i];
		if (e->condition != ORDER_READY)
			return error_set(
				err, ERR_INVALID,
				"at character %zu: '%.100s' takes no condition here: it is "
				"about being replaced",
				e->at, e->name);
		if (order_entry_meant(depends, e) == ORDER_NONE)
			return error_set(
				err, ERR_INVALID,
				"at character %zu: '%s%s%.100s' is not in " ORDER_DEPENDS_ON
				": only what a workload depends on restarts it; add it "
				"there",
				e->at, e->kind ? e->kind : "", e->kind ? "/" : "", e->name);
	}
	return list.count > 0 ? check_can_restart(kind, object, value, err) : 0;
}

int order_check(const struct order_kind *kind, const json_t *object, const char **ret_annotation,
		struct error *err)
{
	static const char *const booleans[] = { "true", "false", NULL };
	const json_t *annotations = json_dig(object, "metadata.annotations");
	const char *depends_on = json_member_str(annotations, ORDER_DEPENDS_ON);
	const char *updates = json_member_str(annotations, ORDER_ORDER_UPDATES);
	const char *lost = json_member_str(annotations, ORDER_ON_LOST);
	const char *with = json_member_str(annotations, ORDER_RESTART_WITH);
	AUTO_ORDER_LIST depends = { 0 };

	*ret_annotation = ORDER_DEPENDS_ON;
	if (depends_on && order_parse(depends_on, &depends, err) < 0)
		return err->code;
	*ret_annotation = ORDER_ORDER_UPDATES;
	if (updates && check_choice(updates, booleans, "\"true\" or \"false\"", err) < 0)
		return err->code;
	*ret_annotation = ORDER_ON_LOST;
	if (lost && check_lost(kind, object, lost, err) < 0)
		return err->code;
	*ret_annotation = ORDER_RESTART_WITH;
	return with ? check_restart_with(kind, object, with, &depends, err) : 0;
}
