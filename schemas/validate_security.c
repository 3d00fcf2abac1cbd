/* securityContext, of pods and of containers. Source: upstream's core validation. */
#include "schemas/rule.h"

#define GROUP_MAX         2147483647
#define SYSCTL_BYTES_MAX  253
#define PROFILE_BYTES_MAX 4095
#define SYSCTL_PATTERN    "([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"

/* ---- profiles ---- */

/* A path below a folder that the runtime knows. */
static void check_seccomp(const json_t *profile, const struct path *at, struct field_errors *e)
{
	const json_t *path = json_object_get(profile, "localhostProfile");
	const char *type = json_str_or(profile, "type", "");
	at = PATH(at, "seccompProfile");
	if (!profile)
		return;
	if (!*type)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "type"), NULL,
			    "type is required when seccompProfile is set");
	if (streq(type, "Localhost") && !json_is_string(path))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "localhostProfile"), NULL,
			    "must be set when seccomp type is Localhost");
	else if (streq(type, "Localhost"))
		rule_path_below(e, PATH(at, "localhostProfile"), json_string_value(path));
	else if (json_is_string(path))
		rule_broken_inside(e, FIELD_INVALID, PATH(at, "localhostProfile"),
				   "core.v1.SeccompProfile", profile,
				   "can only be set when seccomp type is Localhost");
}

static void check_app_armor(const json_t *profile, const struct path *at, struct field_errors *e)
{
	const json_t *name = json_object_get(profile, "localhostProfile");
	const char *type = json_str_or(profile, "type", ""), *text = json_string_value(name);
	at = PATH(at, "appArmorProfile");
	if (!profile)
		return;
	if (!*type)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "type"), NULL,
			    "type is required when appArmorProfile is set");
	at = PATH(at, "localhostProfile");
	if (!streq(type, "Localhost")) {
		if (text && (streq(type, "RuntimeDefault") || streq(type, "Unconfined")))
			rule_broken(e, FIELD_INVALID, at, name,
				    "can only be set when AppArmor type is Localhost");
		return;
	}
	size_t n = text ? strlen(text) : 0;
	if (n == 0)
		rule_broken(e, FIELD_REQUIRED, at, NULL,
			    "must be set when AppArmor type is Localhost");
	else if (strspn(text, " \t") > 0 || strchr(" \t", text[n - 1]))
		rule_broken(e, FIELD_INVALID, at, name, "must not be padded with whitespace");
	if (n > PROFILE_BYTES_MAX)
		rule_broken(e, FIELD_TOO_LONG, at, NULL, "may not be more than %d bytes",
			    PROFILE_BYTES_MAX);
}

/* ---- sysctls ---- */

static bool is_sysctl(const char *name)
{
	bool is_start = true;
	size_t n = strlen(name);
	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		bool is_end = i + 1 == n || name[i + 1] == '.' || name[i + 1] == '/';
		if (is_letter || ((c == '-' || c == '_') && !is_start && !is_end))
			is_start = false;
		else if ((c == '.' || c == '/') && !is_start && i + 1 < n)
			is_start = true;
		else
			return false;
	}
	return n > 0 && n <= SYSCTL_BYTES_MAX;
}

/* The namespace that a sysctl belongs to: the pod must have one of its own. */
static bool is_of_network(const char *name)
{
	return starts_with(name, "net.") || starts_with(name, "net/");
}

static bool is_of_ipc(const char *name)
{
	static const char *const starts[] = { "kernel.shm", "kernel.msg", "kernel.sem",
					      "fs.mqueue.", "kernel/shm", "kernel/msg",
					      "kernel/sem", "fs/mqueue/" };
	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		if (starts_with(name, starts[i]))
			return true;
	return false;
}

static void check_sysctls(const json_t *spec, const json_t *sysctls, const struct path *at,
			  struct field_errors *e)
{
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(sysctls); i++) {
		const json_t *value = json_object_get(json_array_get(sysctls, i), "name");
		const char *name = json_is_string(value) ? json_string_value(value) : "";
		const struct path *here = PATH(PATH_AT(at, i), "name");
		if (!*name)
			rule_required(e, here, NULL);
		else if (!is_sysctl(name))
			rule_broken(e, FIELD_INVALID, here, value,
				    "must have at most %d characters and match regex ^%s$",
				    SYSCTL_BYTES_MAX, SYSCTL_PATTERN);
		else if (rule_is_again(&firsts, sysctls, i, "name"))
			rule_broken(e, FIELD_DUPLICATE, here, value, NULL);
		if (json_bool_or(spec, "hostNetwork", false) && is_of_network(name))
			rule_broken(e, FIELD_INVALID, here, value,
				    "may not be specified when 'hostNetwork' is true");
		if (json_bool_or(spec, "hostIPC", false) && is_of_ipc(name))
			rule_broken(e, FIELD_INVALID, here, value,
				    "may not be specified when 'hostIPC' is true");
	}
}

/* ---- pods and containers ---- */

void validate_pod_security(const json_t *spec, const struct path *at, struct field_errors *e)
{
	/* MountOption hides behind a switch that is off. */
	static const char *const changes[] = { "Recursive", NULL };
	const json_t *context = json_object_get(spec, "securityContext");
	const json_t *groups = json_object_get(context, "supplementalGroups");
	at = PATH(at, "securityContext");
	if (json_bool_or(spec, "hostPID", false) &&
	    json_bool_or(spec, "shareProcessNamespace", false))
		rule_broken(e, FIELD_INVALID, PATH(at, "shareProcessNamespace"),
			    json_object_get(spec, "shareProcessNamespace"),
			    "ShareProcessNamespace and HostPID cannot both be enabled");
	if (!context)
		return;
	for (size_t i = 0; i < json_array_size(groups); i++) {
		int64_t group = json_integer_value(json_array_get(groups, i));
		if (group < 0 || group > GROUP_MAX)
			rule_broken(e, FIELD_INVALID, PATH_AT(PATH(at, "supplementalGroups"), i),
				    json_array_get(groups, i),
				    "must be between 0 and %d, inclusive", GROUP_MAX);
	}
	check_sysctls(spec, json_object_get(context, "sysctls"), PATH(at, "sysctls"), e);
	check_seccomp(json_object_get(context, "seccompProfile"), at, e);
	check_app_armor(json_object_get(context, "appArmorProfile"), at, e);
	if (json_object_get(context, "seLinuxChangePolicy"))
		rule_one_of(e, PATH(at, "seLinuxChangePolicy"),
			    json_object_get(context, "seLinuxChangePolicy"), changes);
	validate_windows_options(context, at, e);
}

void validate_container_security(const json_t *context, bool has_host_users, const struct path *at,
				 struct field_errors *e)
{
	const json_t *escalates = json_object_get(context, "allowPrivilegeEscalation");
	const json_t *added = json_dig(context, "capabilities.add");
	if (!context)
		return;
	check_seccomp(json_object_get(context, "seccompProfile"), at, e);
	check_app_armor(json_object_get(context, "appArmorProfile"), at, e);
	if (has_host_users && streq(json_str_or(context, "procMount", ""), "Unmasked"))
		rule_broken(e, FIELD_INVALID, PATH(at, "procMount"),
			    json_object_get(context, "procMount"),
			    "`hostUsers` must be false to use `Unmasked`");
	validate_windows_options(context, at, e);
	if (!json_is_false(escalates))
		return;
	if (json_bool_or(context, "privileged", false))
		rule_broken_inside(e, FIELD_INVALID, at, "core.v1.SecurityContext", context,
				   "cannot set `allowPrivilegeEscalation` to false and "
				   "`privileged` to true");
	for (size_t i = 0; i < json_array_size(added); i++)
		if (streq(json_string_value(json_array_get(added, i)), "CAP_SYS_ADMIN"))
			rule_broken_inside(e, FIELD_INVALID, at, "core.v1.SecurityContext", context,
					   "cannot set `allowPrivilegeEscalation` to false and "
					   "`capabilities.Add` CAP_SYS_ADMIN");
}
