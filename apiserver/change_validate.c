/* Whether what is about to be stored follows the rules of its kind, and what to warn of. */
#include "apiserver/change.h"
#include "apiserver/signing.h"
#include "apiserver/zone.h"
#include "common/base/jsonx.h"

/* Whose rules depend on the version that the client speaks. */
static bool has_rules_by_version(const struct schema_kind *kind)
{
	return kind->custom || streq(kind->kind, "Event");
}

static json_t *asked_tree(const struct change *c, json_t *tree)
{
	if (!tree || c->asked == c->kind || !has_rules_by_version(c->kind))
		return json_incref(tree);
	json_t *copy = json_deep_copy(tree);
	schema_from_storage(c->asked, copy);
	return copy;
}

int change_validate(struct change *c, struct failure *f)
{
	struct field_errors errors = { 0 };
	const struct schema_kind *kind = has_rules_by_version(c->kind) ? c->asked : c->kind;
	AUTO_JSON *tree = asked_tree(c, c->tree), *old = asked_tree(c, c->old_tree);
	if (c->part == PART_STATUS)
		schema_validate_status(kind, tree, old, &errors);
	else if (c->part == PART_APPROVAL || c->part == PART_RESIZE || c->part == PART_EPHEMERAL)
		schema_validate_subresource(c->kind, c->r->target.subresource, c->tree, c->old_tree,
					    &errors);
	else if (c->part != PART_BINDING && c->part != PART_FINALIZE)
		schema_validate(kind, tree, old, &errors);
	if (c->part == PART_MAIN)
		zone_check(c->server->options.zones, c->kind, c->tree, c->old_tree, &errors);
	signing_check(c, &errors);
	int code = errors.count ? fail_invalid(f, c->kind, c->name, &errors) : 0;
	field_errors_fini(&errors);
	return code;
}

void change_warn(struct change *c)
{
	if (c->part != PART_MAIN || c->attempts > 1)
		return;
	struct schema_report report = { 0 };
	schema_warnings(c->kind, c->tree, c->old_tree, &report);
	for (size_t i = 0; i < report.count; i++)
		request_warn(c->r, "%s", report.problems[i]);
	schema_report_fini(&report);
}
