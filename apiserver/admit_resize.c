/* PodResizeValidator: a bound pod grows only to what its node has. */
#include "apiserver/change.h"
#include "common/base/jsonx.h"
#include "schemas/quantity.h"

#define OS_LABEL "kubernetes.io/os"

static int refuse(struct change *c, struct failure *f, const char *reason, const char *text)
{
	fail_forbidden(f, c->kind, c->name, "%s", text);
	failure_cause(f, reason, "", NULL);
	return -1;
}

/* Adds what is too much to `out`: whole numbers, cpu in thousandths. */
static void compare(const json_t *wanted, const json_t *node, const char *name, bool in_milli,
		    struct str *out)
{
	const char *request = json_string_value(json_object_get(wanted, name));
	const char *has = json_string_value(json_at(node, "status", "allocatable", name));
	int64_t asked = request ? quantity_milli(request) : 0;
	int64_t there = has ? quantity_milli(has) : 0;
	if (asked <= there)
		return;
	str_addf(out, "%s%s, requested: %lld, allocatable: %lld", out->len ? "; " : "", name,
		 (long long)(in_milli ? asked : quantity_value(request)),
		 (long long)(in_milli ? there
			     : has    ? quantity_value(has)
				      : 0));
}

int admit_resize(struct change *c, struct failure *f)
{
	const char *name = json_str_or(c->tree, "spec.nodeName", "");
	if (c->part != PART_RESIZE || !*name ||
	    json_int_or(c->tree, "metadata.generation", 0) ==
		    json_int_or(c->old_tree, "metadata.generation", 0))
		return 0;
	const struct object *o =
		hub_get(c->server->hub, schema_kind_by_kind("", "v1", "Node"), NULL, name);
	if (!o)
		return fail_forbidden(f, c->kind, c->name, "node \"%s\" not found", name);
	AUTO_JSON *node = object_tree_unowned(o);
	AUTO_STR why;
	str_init(&why, 4096);
	const char *os = json_member_str(json_dig(node, "metadata.labels"), OS_LABEL);
	if (os && !streq(os, "linux")) {
		str_addf(&why, "pod resize is only supported on linux nodes, node \"%s\" is \"%s\"",
			 name, os);
		return refuse(c, f, "UnsupportedPlatform", why.data);
	}
	AUTO_JSON *wanted = pod_amounts(json_object_get(c->tree, "spec"), "requests");
	compare(wanted, node, "cpu", true, &why);
	compare(wanted, node, "memory", false, &why);
	if (!why.len)
		return 0;
	auto_free char *text =
		xasprintf("node didn't have enough allocatable resources: %s", why.data);
	return refuse(c, f, "NodeCapacity", text);
}
