/* PodSecurity: a namespace's labels say which level its pods must keep to, and at which to warn. */
#include "apiserver/change.h"
#include "apiserver/pod_security.h"
#include "common/base/jsonx.h"

#define LABEL   "pod-security.kubernetes.io/"
#define WHY_MAX 32768

/* A level that is no level counts as the strictest, as upstream reads it. */
static enum pod_security_level level_of(const struct object *ns, const char *mode,
					const char **ret_version)
{
	auto_free char *key = xasprintf(LABEL "%s", mode);
	auto_free char *version_key = xasprintf(LABEL "%s-version", mode);
	const char *name = object_label(ns, key), *version = object_label(ns, version_key);
	enum pod_security_level level = POD_SECURITY_PRIVILEGED;
	*ret_version = version ? version : "latest";
	if (name && !pod_security_level(name, &level))
		return POD_SECURITY_RESTRICTED;
	return level;
}

static const struct object *namespace_of(const struct change *c)
{
	return hub_get(c->server->hub, schema_kind_by_kind("", "v1", "Namespace"), NULL, c->ns);
}

static void warn(struct change *c, const json_t *pod, const struct object *ns)
{
	const char *version;
	enum pod_security_level level = level_of(ns, "warn", &version);
	AUTO_STR why;
	str_init(&why, WHY_MAX);
	if (c->attempts == 1 && !pod_security_check(pod, level, &why))
		request_warn(c->r, "would violate PodSecurity \"%s:%s\": %s",
			     pod_security_level_name(level), version, why.data);
}

/* What of an update matters: anything in the spec but what may change without making it worse. */
static bool is_unchanged(const struct change *c)
{
	const json_t *old = json_object_get(c->old_tree, "spec");
	return old && json_equal((json_t *)(uintptr_t)old, json_object_get(c->tree, "spec"));
}

static int check_pod(struct change *c, const struct object *ns, struct failure *f)
{
	const char *version;
	enum pod_security_level level = level_of(ns, "enforce", &version);
	AUTO_STR why;
	str_init(&why, WHY_MAX);
	if (is_unchanged(c))
		return 0;
	if (!pod_security_check(c->tree, level, &why))
		return fail_forbidden(f, c->kind, c->name, "violates PodSecurity \"%s:%s\": %s",
				      pod_security_level_name(level), version, why.data);
	warn(c, c->tree, ns);
	return 0;
}

/* The pods that a workload would make; NULL: it makes none. */
static const json_t *template_of(const struct change *c)
{
	if (change_is_kind(c, "batch", "CronJob"))
		return json_dig(c->tree, "spec.jobTemplate.spec.template");
	if (change_is_kind(c, "", "PodTemplate"))
		return json_object_get(c->tree, "template");
	bool is_workload = streq(c->kind->group, "apps") || change_is_kind(c, "batch", "Job") ||
			   change_is_kind(c, "", "ReplicationController");
	return is_workload ? json_dig(c->tree, "spec.template") : NULL;
}

int admit_security(struct change *c, struct failure *f)
{
	bool is_pod = change_is_kind(c, "", "Pod");
	bool writes_spec =
		c->part == PART_MAIN || c->part == PART_RESIZE || c->part == PART_EPHEMERAL;
	if (!c->kind->is_namespaced || !writes_spec)
		return 0;
	const json_t *template = is_pod ? NULL : template_of(c);
	const struct object *ns = is_pod || template ? namespace_of(c) : NULL;
	if (!ns)
		return 0;
	if (is_pod)
		return check_pod(c, ns, f);
	warn(c, template, ns);
	return 0;
}
