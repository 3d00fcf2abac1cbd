#include "apiserver/pod_security_internal.h"
#include "schemas/app_armor.h"

#include <stdio.h>

#define DETAIL_MAX 16384

static void names_fini(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->at[i]);
	n->count = 0;
}
#define AUTO_NAMES __attribute__((cleanup(names_fini))) struct names

void security_add(struct names *n, const char *text)
{
	if (n->count < NAMES_MAX)
		n->at[n->count++] = xstrdup(text);
}

void security_add_sorted(struct names *n, const char *text)
{
	size_t at = 0;
	while (at < n->count && strcmp(n->at[at], text) < 0)
		at++;
	if (n->count == NAMES_MAX || (at < n->count && streq(n->at[at], text)))
		return;
	memmove(&n->at[at + 1], &n->at[at], (n->count - at) * sizeof *n->at);
	n->at[at] = xstrdup(text);
	n->count++;
}

void security_print(struct str *out, const struct names *n, bool quoted)
{
	for (size_t i = 0; i < n->count; i++)
		str_addf(out, quoted ? "%s\"%s\"" : "%s%s", i ? ", " : "", n->at[i]);
}

void security_print_containers(struct str *out, const struct names *n)
{
	str_add(out, n->count == 1 ? "container " : "containers ");
	security_print(out, n, true);
}

/* ---- walking ---- */

void security_each_container(const struct look *l, visit_container *visit)
{
	static const char *const lists[] = { "initContainers", "containers",
					     "ephemeralContainers" };
	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		size_t i;
		json_t *c;
		json_array_foreach (json_object_get(l->spec, lists[k]), i, c)
			visit(l, c, json_str_or(c, "name", ""));
	}
}

bool security_among(const char *text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (streq(list[i], text))
			return true;
	return false;
}

bool security_is_windows(const struct look *l)
{
	return l->minor >= 25 && streq(json_str_or(l->spec, "os.name", ""), "windows");
}

bool security_has_own_users(const struct look *l)
{
	return l->minor >= 35 && !json_bool_or(l->spec, "hostUsers", true);
}

/* "pod", "container "a"", "pod and containers "a", "b"" */
void security_print_setters(struct str *out, bool pod, const struct names *containers)
{
	str_add(out, pod ? "pod" : "");
	str_add(out, pod && containers->count ? " and " : "");
	if (containers->count)
		security_print_containers(out, containers);
}

/* ---- baseline ---- */

static bool host_namespaces(struct look *l, struct str *detail)
{
	static const char *const fields[] = { "hostNetwork", "hostPID", "hostIPC" };
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (json_bool_or(l->spec, fields[i], false))
			str_addf(detail, "%s%s=true", detail->len ? ", " : "", fields[i]);
	return detail->len == 0;
}

static bool host_paths(struct look *l, struct str *detail)
{
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(l->spec, "volumes"), i, v)
		if (json_object_get(v, "hostPath"))
			security_add(l->bad, json_str_or(v, "name", ""));
	str_add(detail, l->bad->count == 1 ? "volume " : "volumes ");
	security_print(detail, l->bad, true);
	return l->bad->count == 0;
}

static void look_host_ports(const struct look *l, const json_t *c, const char *name)
{
	size_t i;
	json_t *p;
	bool bad = false;
	json_array_foreach (json_object_get(c, "ports"), i, p) {
		char text[24];
		int64_t port = json_int_or(p, "hostPort", 0);
		if (port && snprintf(text, sizeof text, "%lld", (long long)port) > 0) {
			security_add_sorted(l->values, text);
			bad = true;
		}
	}
	if (bad)
		security_add(l->bad, name);
}

static bool host_ports(struct look *l, struct str *detail)
{
	security_each_container(l, look_host_ports);
	security_print_containers(detail, l->bad);
	str_add(detail, l->bad->count == 1 ? " uses " : " use ");
	str_add(detail, l->values->count == 1 ? "hostPort " : "hostPorts ");
	security_print(detail, l->values, false);
	return l->bad->count == 0;
}

static void look_hosts(const struct look *l, const json_t *c, const char *name)
{
	static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe",
					      "lifecycle.postStart", "lifecycle.preStop" };
	static const char *const ways[] = { "httpGet.host", "tcpSocket.host" };
	static const char *const local[] = { "", "127.0.0.1", "::1" };
	bool bad = false;
	for (size_t i = 0; i < ARRAY_LEN(probes); i++)
		for (size_t k = 0; k < ARRAY_LEN(ways); k++) {
			const char *host = json_str_or(json_dig(c, probes[i]), ways[k], "");
			if (security_among(host, local, ARRAY_LEN(local)))
				continue;
			security_add_sorted(l->values, host);
			bad = true;
		}
	if (bad)
		security_add_sorted(l->bad, name);
}

static bool probe_hosts(struct look *l, struct str *detail)
{
	security_each_container(l, look_hosts);
	security_print_containers(detail, l->bad);
	str_add(detail, l->bad->count == 1 ? " uses " : " use ");
	str_add(detail,
		l->values->count == 1 ? "probe or lifecycle host " : "probe or lifecycle hosts ");
	security_print(detail, l->values, true);
	return l->bad->count == 0;
}

static void look_privileged(const struct look *l, const json_t *c, const char *name)
{
	if (json_bool_or(c, "securityContext.privileged", false))
		security_add(l->bad, name);
}

static bool privileged(struct look *l, struct str *detail)
{
	security_each_container(l, look_privileged);
	security_print_containers(detail, l->bad);
	str_add(detail, " must not set securityContext.privileged=true");
	return l->bad->count == 0;
}

static void look_added(const struct look *l, const json_t *c, const char *name)
{
	static const char *const allowed[] = {
		"AUDIT_WRITE", "CHOWN",  "DAC_OVERRIDE",     "FOWNER",  "FSETID",
		"KILL",        "MKNOD",  "NET_BIND_SERVICE", "SETFCAP", "SETGID",
		"SETPCAP",     "SETUID", "SYS_CHROOT"
	};
	size_t i;
	json_t *v;
	bool bad = false;
	json_array_foreach (json_dig(c, "securityContext.capabilities.add"), i, v)
		if (!security_among(json_string_value(v), allowed, ARRAY_LEN(allowed))) {
			security_add_sorted(l->values, json_string_value(v));
			bad = true;
		}
	if (bad)
		security_add(l->bad, name);
}

static bool capabilities_baseline(struct look *l, struct str *detail)
{
	security_each_container(l, look_added);
	security_print_containers(detail, l->bad);
	str_add(detail, " must not include ");
	security_print(detail, l->values, true);
	str_add(detail, " in securityContext.capabilities.add");
	return l->bad->count == 0;
}

static void look_proc(const struct look *l, const json_t *c, const char *name)
{
	const char *mount = json_str_or(c, "securityContext.procMount", "Default");
	if (streq(mount, "Default"))
		return;
	security_add(l->bad, name);
	security_add_sorted(l->values, mount);
}

bool security_proc_mount(struct look *l, struct str *detail)
{
	security_each_container(l, look_proc);
	security_print_containers(detail, l->bad);
	str_add(detail, " must not set securityContext.procMount to ");
	security_print(detail, l->values, true);
	return l->bad->count == 0;
}

static bool proc_mount_baseline(struct look *l, struct str *detail)
{
	return security_has_own_users(l) || security_proc_mount(l, detail);
}

/* True where the options are bad; notes what is bad about them. */
static bool selinux_is_bad(const struct look *l, const json_t *options)
{
	static const char *const types[] = { "", "container_t", "container_init_t",
					     "container_kvm_t", "container_engine_t" };
	const char *type = json_str_or(options, "type", "");
	bool bad = false;
	if (!json_is_object(options))
		return false;
	if (!security_among(type, types, l->minor >= 31 ? ARRAY_LEN(types) : 4)) {
		security_add_sorted(l->values, type);
		bad = true;
	}
	/* Sorted otherwise than shown: "user" is told before "role". */
	if (*json_str_or(options, "user", "")) {
		security_add_sorted(l->more, "1user may not be set");
		bad = true;
	}
	if (*json_str_or(options, "role", "")) {
		security_add_sorted(l->more, "2role may not be set");
		bad = true;
	}
	return bad;
}

static void look_selinux(const struct look *l, const json_t *c, const char *name)
{
	if (selinux_is_bad(l, json_dig(c, "securityContext.seLinuxOptions")))
		security_add(l->bad, name);
}

static bool selinux(struct look *l, struct str *detail)
{
	bool pod = selinux_is_bad(l, json_dig(l->spec, "securityContext.seLinuxOptions"));
	security_each_container(l, look_selinux);
	security_print_setters(detail, pod, l->bad);
	str_add(detail, " set forbidden securityContext.seLinuxOptions: ");
	if (l->values->count) {
		str_add(detail, l->values->count == 1 ? "type " : "types ");
		security_print(detail, l->values, true);
	}
	for (size_t i = 0; i < l->more->count; i++)
		str_addf(detail, "%s%s", i || l->values->count ? "; " : "", l->more->at[i] + 1);
	return !pod && !l->bad->count;
}

/* Types of seccomp and AppArmor profiles that are no profile at all. */
static bool profile_is_bad(const struct look *l, const json_t *profile)
{
	const char *type = json_str_or(profile, "type", "");
	if (!json_is_object(profile) || streq(type, "RuntimeDefault") || streq(type, "Localhost"))
		return false;
	security_add_sorted(l->values, type);
	return true;
}

static void look_apparmor(const struct look *l, const json_t *c, const char *name)
{
	if (profile_is_bad(l, json_dig(c, "securityContext.appArmorProfile")))
		security_add(l->bad, name);
}

/* Annotations that say a profile which is none. How many. */
static size_t look_annotations(const struct look *l)
{
	size_t count = 0;
	const char *key;
	json_t *value;
	json_object_foreach (json_dig(l->pod, "metadata.annotations"), key, value) {
		const char *text = json_string_value(value);
		if (!starts_with(key, APP_ARMOR_PREFIX) || !text || !*text ||
		    streq(text, "runtime/default") || starts_with(text, "localhost/"))
			continue;
		auto_free char *shown = xasprintf("%s=\"%s\"", key, text);
		security_add_sorted(l->values, shown);
		count++;
	}
	return count;
}

static bool apparmor(struct look *l, struct str *detail)
{
	bool pod = profile_is_bad(l, json_dig(l->spec, "securityContext.appArmorProfile"));
	security_each_container(l, look_apparmor);
	security_print_setters(detail, pod, l->bad);
	size_t annotations = look_annotations(l);
	if (annotations)
		str_addf(detail, "%sannotation%s", detail->len ? " and " : "",
			 annotations > 1 ? "s" : "");
	str_add(detail, " must not set AppArmor profile type to ");
	security_print(detail, l->values, true);
	return l->values->count == 0;
}

static void look_seccomp(const struct look *l, const json_t *c, const char *name)
{
	const json_t *profile = json_dig(c, "securityContext.seccompProfile");
	if (profile_is_bad(l, profile))
		security_add(l->bad, name);
	else if (!profile)
		security_add(l->more, name); /* leaves it to the pod */
}

bool security_seccomp_baseline(struct look *l, struct str *detail)
{
	bool pod = profile_is_bad(l, json_dig(l->spec, "securityContext.seccompProfile"));
	security_each_container(l, look_seccomp);
	security_print_setters(detail, pod, l->bad);
	str_add(detail, " must not set securityContext.seccompProfile.type to ");
	security_print(detail, l->values, true);
	return !pod && !l->bad->count;
}

/* How many of the safe ones, in their order, were known when. */
static size_t sysctls_known(int minor)
{
	return minor >= 32 ? 12 : minor >= 29 ? 10 : minor >= 27 ? 6 : 5;
}

static bool sysctls(struct look *l, struct str *detail)
{
	static const char *const safe[] = { "kernel.shm_rmid_forced",
					    "net.ipv4.ip_local_port_range",
					    "net.ipv4.tcp_syncookies",
					    "net.ipv4.ping_group_range",
					    "net.ipv4.ip_unprivileged_port_start",
					    "net.ipv4.ip_local_reserved_ports",
					    "net.ipv4.tcp_keepalive_time",
					    "net.ipv4.tcp_fin_timeout",
					    "net.ipv4.tcp_keepalive_intvl",
					    "net.ipv4.tcp_keepalive_probes",
					    "net.ipv4.tcp_rmem",
					    "net.ipv4.tcp_wmem" };
	size_t i;
	json_t *v;
	json_array_foreach (json_dig(l->spec, "securityContext.sysctls"), i, v)
		if (!security_among(json_str_or(v, "name", ""), safe, sysctls_known(l->minor)))
			security_add(l->bad, json_str_or(v, "name", ""));
	security_print(detail, l->bad, false);
	return l->bad->count == 0;
}

static void look_host_process(const struct look *l, const json_t *c, const char *name)
{
	if (json_bool_or(c, "securityContext.windowsOptions.hostProcess", false))
		security_add(l->bad, name);
}

static bool host_process(struct look *l, struct str *detail)
{
	bool pod = json_bool_or(l->spec, "securityContext.windowsOptions.hostProcess", false);
	security_each_container(l, look_host_process);
	security_print_setters(detail, pod, l->bad);
	str_add(detail, " must not set securityContext.windowsOptions.hostProcess=true");
	return !pod && !l->bad->count;
}

/* ---- levels ---- */

#define NEVER INT_MAX

/* Of v1.`since` until v1.`until`. */
struct rule {
	const char *reason;
	bool (*holds)(struct look *l, struct str *detail);
	bool is_restricted; /* else of the baseline */
	int since, until;
	int replaced_since; /* a restricted rule says more */
};

/* In the order in which upstream tells of them. */
static const struct rule rules[] = {
	{ "forbidden AppArmor profile", apparmor, false, 0, NEVER, NEVER },
	{ "non-default capabilities", capabilities_baseline, false, 0, NEVER, 22 },
	{ "host namespaces", host_namespaces, false, 0, NEVER, NEVER },
	{ "hostPath volumes", host_paths, false, 0, NEVER, 0 },
	{ "hostPort", host_ports, false, 0, NEVER, NEVER },
	{ "probe or lifecycle host", probe_hosts, false, 34, NEVER, NEVER },
	{ "privileged", privileged, false, 0, NEVER, NEVER },
	{ "procMount", proc_mount_baseline, false, 0, NEVER, 35 },
	{ "seLinuxOptions", selinux, false, 0, NEVER, NEVER },
	{ "seccompProfile", security_seccomp_annotations, false, 0, 18, NEVER },
	{ "seccompProfile", security_seccomp_baseline, false, 19, NEVER, 19 },
	{ "forbidden sysctls", sysctls, false, 0, NEVER, NEVER },
	{ "hostProcess", host_process, false, 0, NEVER, NEVER },
	{ "allowPrivilegeEscalation != false", security_escalation, true, 8, NEVER, NEVER },
	{ "unrestricted capabilities", security_capabilities_restricted, true, 22, NEVER, NEVER },
	{ "procMount", security_proc_mount, true, 35, NEVER, NEVER },
	{ "restricted volume types", security_restricted_volumes, true, 0, NEVER, NEVER },
	{ "runAsNonRoot != true", security_non_root, true, 0, NEVER, NEVER },
	{ "runAsUser=0", security_run_as_user, true, 23, NEVER, NEVER },
	{ "seccompProfile", security_seccomp_restricted, true, 19, NEVER, NEVER },
};

static bool check_rule(const struct rule *rule, const json_t *pod, int minor, struct str *why,
		       struct str *reasons)
{
	AUTO_NAMES bad = { .count = 0 };
	AUTO_NAMES values = { .count = 0 };
	AUTO_NAMES more = { .count = 0 };
	AUTO_STR detail;
	str_init(&detail, DETAIL_MAX);
	struct look l = { pod, json_object_get(pod, "spec"), &bad, &values, &more, minor };
	if (rule->holds(&l, &detail))
		return true;
	const char *plural = rule->holds == apparmor && values.count > 1 ? "s" : "";
	str_addf(why, "%s%s%s (%s)", why->len ? ", " : "", rule->reason, plural, detail.data);
	if (reasons)
		str_addf(reasons, "%s%s%s", reasons->len ? ", " : "", rule->reason, plural);
	return false;
}

bool pod_security_check(const json_t *pod, enum pod_security_level level, int minor,
			struct str *why, struct str *reasons)
{
	bool good = true;
	if (level == POD_SECURITY_PRIVILEGED)
		return true;
	bool restricted = level == POD_SECURITY_RESTRICTED;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		bool is_of_then = minor >= rules[i].since &&
				  (minor <= rules[i].until || rules[i].until == NEVER);
		bool is_replaced =
			rules[i].replaced_since != NEVER && minor >= rules[i].replaced_since;
		if (is_of_then && (restricted ? !is_replaced : !rules[i].is_restricted))
			good = check_rule(&rules[i], pod, minor, why, reasons) && good;
	}
	return good;
}

static const char *const names[POD_SECURITY_LEVEL_COUNT] = { "privileged", "baseline",
							     "restricted" };

const char *pod_security_level_name(enum pod_security_level level)
{
	return names[level];
}

bool pod_security_level(const char *name, enum pod_security_level *ret)
{
	for (size_t i = 0; i < POD_SECURITY_LEVEL_COUNT; i++)
		if (streq(names[i], name)) {
			*ret = (enum pod_security_level)i;
			return true;
		}
	return false;
}
