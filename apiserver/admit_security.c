/*
 * PodSecurity: a namespace's labels say which level its pods must keep to, at which to warn, and at
 * which to note it in the audit log; and in which version.
 */
#include "apiserver/change.h"
#include "apiserver/pod_security.h"
#include "common/base/jsonx.h"

#define LABEL   "pod-security.kubernetes.io/"
#define WHY_MAX 32768

/* ---- one pod ---- */

static void note_broken(struct change *c, const json_t *pod, const struct pod_security_mode *audit)
{
	AUTO_STR why;
	AUTO_STR text;
	str_init(&why, WHY_MAX);
	str_init(&text, WHY_MAX);
	if (pod_security_check(pod, audit->level, audit->minor, &why, NULL))
		return;
	str_add(&text, "would violate PodSecurity \"");
	pod_security_mode_text(audit, &text);
	str_addf(&text, "\": %s", why.data);
	request_annotate(c->r, LABEL "audit-violations", text.data);
}

static void note_errors(struct change *c, const struct field_errors *errors)
{
	AUTO_STR text;
	str_init(&text, WHY_MAX);
	if (errors->count == 0)
		return;
	str_add(&text,
		errors->count > 1 ? "Failed to parse policy: [" : "Failed to parse policy: ");
	for (size_t i = 0; i < errors->count; i++) {
		str_add(&text, i ? ", " : "");
		field_error_text(&errors->at[i], &text);
	}
	str_add(&text, errors->count > 1 ? "]" : "");
	request_annotate(c->r, LABEL "error", text.data);
}

static void warn(struct change *c, const json_t *pod, const struct pod_security_mode *m)
{
	AUTO_STR why;
	AUTO_STR mode;
	str_init(&why, WHY_MAX);
	str_init(&mode, 128);
	pod_security_mode_text(m, &mode);
	if (c->attempts == 1 && !pod_security_check(pod, m->level, m->minor, &why, NULL))
		request_warn(c->r, "would violate PodSecurity \"%s\": %s", mode.data, why.data);
}

static bool same_images(const json_t *now, const json_t *old)
{
	if (json_array_size(now) != json_array_size(old))
		return false;
	for (size_t i = 0; i < json_array_size(now); i++)
		if (!streq(json_str_or(json_array_get(now, i), "image", ""),
			   json_str_or(json_array_get(old, i), "image", "")))
			return false;
	return true;
}

/* Of an update only images, and containers that are added, make a pod another one. */
static bool is_unchanged(const struct change *c)
{
	static const char *const lists[] = { "containers", "initContainers",
					     "ephemeralContainers" };
	const json_t *old = json_object_get(c->old_tree, "spec");
	const json_t *now = json_object_get(c->tree, "spec");
	for (size_t i = 0; old && i < ARRAY_LEN(lists); i++)
		if (!same_images(json_object_get(now, lists[i]), json_object_get(old, lists[i])))
			return false;
	return old != NULL;
}

static int check_pod(struct change *c, const struct pod_security_policy *p,
		     const struct field_errors *errors, struct failure *f)
{
	AUTO_STR why;
	AUTO_STR mode;
	str_init(&why, WHY_MAX);
	str_init(&mode, 128);
	bool is_open = errors->count == 0 && p->enforce.level == POD_SECURITY_PRIVILEGED &&
		       p->audit.level == POD_SECURITY_PRIVILEGED &&
		       p->warn.level == POD_SECURITY_PRIVILEGED;
	if (is_open) {
		request_annotate(c->r, LABEL "enforce-policy", "privileged:latest");
		return 0;
	}
	if (is_unchanged(c))
		return 0;
	pod_security_mode_text(&p->enforce, &mode);
	request_annotate(c->r, LABEL "enforce-policy", mode.data);
	note_errors(c, errors);
	note_broken(c, c->tree, &p->audit);
	if (!pod_security_check(c->tree, p->enforce.level, p->enforce.minor, &why, NULL))
		return fail_forbidden(f, c->kind, c->name, "violates PodSecurity \"%s\": %s",
				      mode.data, why.data);
	warn(c, c->tree, &p->warn);
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

/* A namespace's labels that speak of this; the caller's, NULL: there are none. */
static json_t *labels_of(const struct object *ns)
{
	json_t *labels = NULL;
	struct scan s = scan_open(object_labels(ns));
	for (struct span name, value; scan_next(&s, &name, &value);) {
		if (name.len < strlen(LABEL) || memcmp(name.at, LABEL, strlen(LABEL)) != 0)
			continue;
		auto_free char *key = xstrndup(name.at, name.len);
		labels = labels ? labels : json_object();
		json_object_set_new(labels, key, json_stringn(value.at + 1, value.len - 2));
	}
	return labels;
}

static int check_in_namespace(struct change *c, const json_t *template, struct failure *f)
{
	const struct object *ns =
		hub_get(c->server->hub, schema_kind_by_kind("", "v1", "Namespace"), NULL, c->ns);
	struct pod_security_policy p;
	struct field_errors errors = { 0 };
	if (!ns)
		return 0;
	AUTO_JSON *labels = labels_of(ns);
	pod_security_policy_read(labels, &p, &errors);
	int code = template ? 0 : check_pod(c, &p, &errors, f);
	if (template) {
		note_errors(c, &errors);
		note_broken(c, template, &p.audit);
		warn(c, template, &p.warn);
	}
	field_errors_fini(&errors);
	return code;
}

/* ---- a namespace's labels ---- */

static bool same_errors(const struct field_errors *a, const struct field_errors *b)
{
	struct str texts[2];
	const struct field_errors *both[2] = { a, b };
	for (int k = 0; k < 2; k++) {
		str_init(&texts[k], WHY_MAX);
		str_add(&texts[k], "");
		for (size_t i = 0; i < both[k]->count; i++)
			field_error_text(&both[k]->at[i], &texts[k]);
	}
	bool same = streq(texts[0].data, texts[1].data);
	str_fini(&texts[0]);
	str_fini(&texts[1]);
	return same;
}

static int check_namespace(struct change *c, struct failure *f)
{
	struct pod_security_policy now, old;
	struct field_errors errors = { 0 }, before = { 0 };
	int code = 0;
	pod_security_policy_read(json_dig(c->tree, "metadata.labels"), &now, &errors);
	pod_security_policy_read(json_dig(c->old_tree, "metadata.labels"), &old, &before);
	if (errors.count && (c->is_create || !same_errors(&errors, &before)))
		code = fail_invalid(f, c->kind, c->name, &errors);
	bool same_version = now.enforce.minor == old.enforce.minor;
	bool is_relaxed = same_version && now.enforce.level <= old.enforce.level;
	c->looks_at_pods = code == 0 && !c->is_create && !is_relaxed &&
			   now.enforce.level != POD_SECURITY_PRIVILEGED;
	field_errors_fini(&errors);
	field_errors_fini(&before);
	return code;
}

int admit_security(struct change *c, struct failure *f)
{
	bool is_pod = change_is_kind(c, "", "Pod");
	bool writes_pod = is_pod && (c->part == PART_MAIN || c->part == PART_RESIZE ||
				     c->part == PART_EPHEMERAL);
	if (change_is_kind(c, "", "Namespace") && c->part == PART_MAIN)
		return check_namespace(c, f);
	if (writes_pod)
		return check_in_namespace(c, NULL, f);
	const json_t *template = is_pod || c->part != PART_MAIN ? NULL : template_of(c);
	return template ? check_in_namespace(c, template, f) : 0;
}
