#include "schemas/rule.h"

/* What pods of one system must not have of the other, and Windows' own options. */

#define NOT_ON_WINDOWS "cannot be set for a windows pod"

static void bar(const json_t *o, const char *name, const struct path *at, struct field_errors *e)
{
	if (json_object_get(o, name))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, name), NULL, NOT_ON_WINDOWS);
}

static void check_windows_container(const json_t *container, const struct path *at,
				    struct field_errors *e)
{
	static const char *const barred[] = { "appArmorProfile",
					      "seLinuxOptions",
					      "seccompProfile",
					      "capabilities",
					      "readOnlyRootFilesystem",
					      "privileged",
					      "allowPrivilegeEscalation",
					      "procMount",
					      "runAsUser",
					      "runAsGroup" };
	const json_t *context = json_object_get(container, "securityContext");
	for (size_t i = 0; i < ARRAY_LEN(barred); i++)
		bar(context, barred[i], PATH(at, "securityContext"), e);
}

/* In the order in which the original looks. */
static void check_windows(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const struct {
		const char *name;
		bool is_security;
	} barred[] = {
		{ "appArmorProfile", true },
		{ "seLinuxOptions", true },
		{ "hostUsers", false },
		{ "hostPID", false },
		{ "hostIPC", false },
		{ "seccompProfile", true },
		{ "fsGroup", true },
		{ "fsGroupChangePolicy", true },
		{ "sysctls", true },
		{ "shareProcessNamespace", false },
		{ "runAsUser", true },
		{ "runAsGroup", true },
		{ "supplementalGroups", true },
		{ "supplementalGroupsPolicy", true },
		{ "seLinuxChangePolicy", true },
	};
	const json_t *context = json_object_get(spec, "securityContext");
	for (size_t i = 0; i < ARRAY_LEN(barred); i++)
		bar(barred[i].is_security ? context : spec, barred[i].name,
		    barred[i].is_security ? PATH(at, "securityContext") : at, e);
}

static void check_linux_context(const json_t *o, const struct path *at, struct field_errors *e)
{
	if (json_dig(o, "securityContext.windowsOptions"))
		rule_broken(e, FIELD_FORBIDDEN, PATH(PATH(at, "securityContext"), "windowsOptions"),
			    NULL, "windows options cannot be set for a linux pod");
}

/* ---- options of Windows ---- */

static bool has_control(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return true;
	return false;
}

/* NetBIOS: up to 15 characters, not those that paths and wildcards have; DNS: labels with dots. */
static bool is_domain(const char *text)
{
	size_t n = strlen(text);
	if (n > 0 && n <= 15 && *text != '.' && !strpbrk(text, "\\/:*?\"<>|"))
		return true;
	auto_free char *small = name_lower(text);
	return name_is(name_dns_subdomain, small);
}

/* What is wrong with the name of an account, [DOMAIN\]USER; NULL: nothing. */
static const char *account_problem(const char *name)
{
	const char *slash = strchr(name, '\\');
	const char *user = slash ? slash + 1 : name;
	auto_free char *domain = xstrndup(name, slash ? (size_t)(slash - name) : 0);
	if (!*name)
		return "runAsUserName cannot be an empty string";
	if (has_control(name))
		return "runAsUserName cannot contain control characters";
	if (strchr(user, '\\'))
		return "runAsUserName cannot contain more than one backslash";
	if (slash && strlen(domain) >= 256)
		return "runAsUserName's Domain length must be under 256 characters";
	if (slash && !is_domain(domain))
		return "runAsUserName's Domain doesn't match the NetBios nor the DNS format";
	if (!*user)
		return "runAsUserName's User cannot be empty";
	if (strlen(user) > 104)
		return "runAsUserName's User length must not be longer than 104 characters";
	if (strspn(user, ". ") == strlen(user))
		return "runAsUserName's User cannot contain only periods or spaces";
	if (strpbrk(user, "\"/\\:;|=,+*?<>@[]"))
		return "runAsUserName's User cannot contain the following characters: "
		       "\"/\\:;|=,+*?<>@[]";
	return NULL;
}

void validate_windows_options(const json_t *context, const struct path *at, struct field_errors *e)
{
	enum { SPEC_SIZE_MAX = 64 << 10 };
	const json_t *options = json_object_get(context, "windowsOptions");
	const char *name = json_str(options, "gmsaCredentialSpecName");
	const char *spec = json_str(options, "gmsaCredentialSpec");
	const char *user = json_str(options, "runAsUserName");
	const char *why = user ? account_problem(user) : NULL;
	at = PATH(at, "windowsOptions");
	if (name)
		rule_name(e, PATH(at, "gmsaCredentialSpecName"), name, name_dns_subdomain);
	if (spec && !*spec)
		rule_bad_text(e, FIELD_INVALID, PATH(at, "gmsaCredentialSpec"), spec,
			      "gmsaCredentialSpec cannot be an empty string");
	else if (spec && strlen(spec) > SPEC_SIZE_MAX)
		rule_bad_text(e, FIELD_INVALID, PATH(at, "gmsaCredentialSpec"), spec,
			      "gmsaCredentialSpec size must be under %d KiB", SPEC_SIZE_MAX >> 10);
	if (why)
		rule_bad_text(e, FIELD_INVALID, PATH(at, "runAsUserName"), user, "%s", why);
}

/* ---- processes of the host: all containers are such, or none ---- */

static const json_t *host_process(const json_t *o)
{
	return json_dig(o, "securityContext.windowsOptions.hostProcess");
}

static void check_host_processes(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const char *const lists[] = { "initContainers", "containers" };
	const json_t *all = host_process(spec);
	size_t such = 0, others = 0;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(spec, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *own = host_process(json_array_get(list, i));
			const struct path *here = PATH_AT(PATH(at, lists[l]), i);
			if (all && own && json_is_true(all) != json_is_true(own))
				rule_broken(
					e, FIELD_INVALID,
					PATH(PATH(PATH(here, "securityContext"), "windowsOptions"),
					     "hostProcess"),
					own,
					"pod hostProcess value must be identical if both are "
					"specified, was %s",
					json_is_true(all) ? "true" : "false");
			bool is_such = json_is_true(own ? own : all);
			such += is_such;
			others += !is_such;
		}
	}
	if (such && others)
		rule_bad_text(e, FIELD_INVALID, at, "",
			      "If pod contains any hostProcess containers then all containers must "
			      "be HostProcess containers");
	if (such && !json_bool_or(spec, "hostNetwork", false)) {
		AUTO_JSON *none = json_false();
		rule_broken(e, FIELD_INVALID, PATH(at, "hostNetwork"), none,
			    "hostNetwork must be true if pod contains any hostProcess containers");
	}
}

void validate_os(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const char *const systems[] = { "linux", "windows", NULL };
	static const char *const lists[] = { "initContainers", "containers" };
	const json_t *os = json_object_get(spec, "os");
	const char *name = json_str_or(os, "name", "");
	bool is_windows = streq(name, "windows"), is_linux = streq(name, "linux");
	check_host_processes(spec, at, e);
	if (os && !*name)
		rule_required(e, PATH(PATH(at, "os"), "name"), NULL);
	else if (os && !rule_is_one_of(name, systems))
		rule_unsupported(e, PATH(at, "os"), name, systems);
	if (is_windows)
		check_windows(spec, at, e);
	else if (is_linux)
		check_linux_context(spec, at, e);
	for (size_t l = 0; l < ARRAY_LEN(lists) && (is_windows || is_linux); l++) {
		const json_t *list = json_object_get(spec, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++)
			(is_windows ? check_windows_container : check_linux_context)(
				json_array_get(list, i), PATH_AT(PATH(at, lists[l]), i), e);
	}
}
