/* What the level "restricted" asks beyond the baseline. */
#include "apiserver/pod_security_internal.h"

static void look_escalation(const struct look *l, const json_t *c, const char *name)
{
	if (json_bool_or(c, "securityContext.allowPrivilegeEscalation", true))
		security_add(l->bad, name);
}

bool security_escalation(struct look *l, struct str *detail)
{
	if (security_is_windows(l))
		return true;
	security_each_container(l, look_escalation);
	security_print_containers(detail, l->bad);
	str_add(detail, " must set securityContext.allowPrivilegeEscalation=false");
	return l->bad->count == 0;
}

/* `more` are those that do not drop everything. */
static void look_capabilities(const struct look *l, const json_t *c, const char *name)
{
	size_t i;
	json_t *v;
	bool drops = false, adds = false;
	json_array_foreach (json_dig(c, "securityContext.capabilities.drop"), i, v)
		drops = drops || streq(json_string_value(v), "ALL");
	if (!drops)
		security_add(l->more, name);
	json_array_foreach (json_dig(c, "securityContext.capabilities.add"), i, v)
		if (!streq(json_string_value(v), "NET_BIND_SERVICE")) {
			security_add_sorted(l->values, json_string_value(v));
			adds = true;
		}
	if (adds)
		security_add(l->bad, name);
}

bool security_capabilities_restricted(struct look *l, struct str *detail)
{
	if (security_is_windows(l))
		return true;
	security_each_container(l, look_capabilities);
	if (l->more->count) {
		security_print_containers(detail, l->more);
		str_add(detail, " must set securityContext.capabilities.drop=[\"ALL\"]");
	}
	if (l->bad->count) {
		str_add(detail, l->more->count ? "; " : "");
		security_print_containers(detail, l->bad);
		str_add(detail, " must not include ");
		security_print(detail, l->values, true);
		str_add(detail, " in securityContext.capabilities.add");
	}
	return !l->more->count && !l->bad->count;
}

bool security_restricted_volumes(struct look *l, struct str *detail)
{
	static const char *const allowed[] = {
		"configMap", "csi",   "downwardAPI",           "emptyDir",
		"ephemeral", "image", "persistentVolumeClaim", "projected",
		"secret"
	};
	size_t i;
	json_t *volume, *source;
	const char *kind;
	json_array_foreach (json_object_get(l->spec, "volumes"), i, volume) {
		const char *bad = "unknown";
		json_object_foreach (volume, kind, source)
			if (json_is_object(source))
				bad = security_among(kind, allowed, ARRAY_LEN(allowed)) ? NULL
											: kind;
		if (!bad)
			continue;
		security_add(l->bad, json_str_or(volume, "name", ""));
		security_add_sorted(l->values, bad);
	}
	str_add(detail, l->bad->count == 1 ? "volume " : "volumes ");
	security_print(detail, l->bad, true);
	str_add(detail, l->bad->count == 1 ? " uses " : " use ");
	str_add(detail,
		l->values->count == 1 ? "restricted volume type " : "restricted volume types ");
	security_print(detail, l->values, true);
	return l->bad->count == 0;
}

static void look_root(const struct look *l, const json_t *c, const char *name)
{
	const json_t *set = json_dig(c, "securityContext.runAsNonRoot");
	if (json_is_false(set))
		security_add(l->bad, name);
	else if (!set)
		security_add(l->more, name);
}

bool security_non_root(struct look *l, struct str *detail)
{
	const json_t *set = json_dig(l->spec, "securityContext.runAsNonRoot");
	if (security_has_own_users(l))
		return true;
	security_each_container(l, look_root);
	if (json_is_false(set) || l->bad->count) {
		security_print_setters(detail, json_is_false(set), l->bad);
		str_add(detail, " must not set securityContext.runAsNonRoot=false");
		return false;
	}
	if (json_is_true(set) || !l->more->count)
		return true;
	str_add(detail, "pod or ");
	security_print_containers(detail, l->more);
	str_add(detail, " must set securityContext.runAsNonRoot=true");
	return false;
}

static void look_user(const struct look *l, const json_t *c, const char *name)
{
	if (json_int_or(c, "securityContext.runAsUser", 1) == 0)
		security_add(l->bad, name);
}

bool security_run_as_user(struct look *l, struct str *detail)
{
	bool pod = json_int_or(l->spec, "securityContext.runAsUser", 1) == 0;
	if (security_has_own_users(l))
		return true;
	security_each_container(l, look_user);
	security_print_setters(detail, pod, l->bad);
	str_add(detail, " must not set runAsUser=0");
	return !pod && !l->bad->count;
}

bool security_seccomp_restricted(struct look *l, struct str *detail)
{
	const json_t *profile = json_dig(l->spec, "securityContext.seccompProfile");
	if (security_is_windows(l))
		return true;
	if (!security_seccomp_baseline(l, detail))
		return false;
	str_clear(detail);
	if (profile || !l->more->count)
		return true;
	str_add(detail, "pod or ");
	security_print_containers(detail, l->more);
	str_add(detail, " must set securityContext.seccompProfile.type to \"RuntimeDefault\" or "
			"\"Localhost\"");
	return false;
}

/* ---- before profiles were fields ---- */

static void look_annotation(const struct look *l, const char *key)
{
	const char *value = json_member_str(json_dig(l->pod, "metadata.annotations"), key);
	if (!value || streq(value, "runtime/default") || streq(value, "docker/default") ||
	    starts_with(value, "localhost/"))
		return;
	auto_free char *text = xasprintf("%s=\"%s\"", key, value);
	security_add_sorted(l->bad, text);
}

static void look_container_annotation(const struct look *l, const json_t *c, const char *name)
{
	(void)c; /* its name says enough */
	auto_free char *key = xasprintf("container.seccomp.security.alpha.kubernetes.io/%s", name);
	look_annotation(l, key);
}

bool security_seccomp_annotations(struct look *l, struct str *detail)
{
	look_annotation(l, "seccomp.security.alpha.kubernetes.io/pod");
	security_each_container(l, look_container_annotation);
	str_add(detail, l->bad->count == 1 ? "forbidden annotation " : "forbidden annotations ");
	security_print(detail, l->bad, false);
	return l->bad->count == 0;
}
