#include "apiserver/pod_security.h"
#include "common/base/jsonx.h"

#include <ctype.h>

#define PREFIX "pod-security.kubernetes.io/"

static const char *label(const json_t *labels, const char *name)
{
	auto_free char *key = xasprintf(PREFIX "%s", name);
	return json_member_str(labels, key);
}

static void complain(const char *name, const char *value, const char *why,
		     struct field_errors *errors)
{
	auto_free char *field = xasprintf("metadata.labels[" PREFIX "%s]", name);
	AUTO_JSON *shown = json_string_nocheck(value);
	field_errors_add(errors, FIELD_INVALID, field, shown, "%s", why);
}

/* False: there is none, or it is none. */
static bool read_level(const json_t *labels, const char *name, enum pod_security_level otherwise,
		       enum pod_security_level *ret, struct field_errors *errors)
{
	const char *value = label(labels, name);
	if (!value || pod_security_level(value, ret))
		return value != NULL;
	*ret = otherwise;
	complain(name, value, "must be one of privileged, baseline, restricted", errors);
	return false;
}

/* "v1.0" to "v1.9999"; a leading zero is none. */
static bool read_minor(const char *text, int *ret)
{
	int n = 0;
	if (!starts_with(text, "v1.") || !isdigit((unsigned char)text[3]) ||
	    (text[3] == '0' && text[4]))
		return false;
	for (const char *p = text + 3; *p; p++) {
		if (!isdigit((unsigned char)*p) || n > 9999)
			return false;
		n = n * 10 + (*p - '0');
	}
	*ret = n;
	return true;
}

static void read_version(const json_t *labels, const char *name, int *ret,
			 struct field_errors *errors)
{
	const char *value = label(labels, name);
	if (!value || streq(value, "latest") || read_minor(value, ret))
		return;
	complain(name, value, "must be \"latest\" or \"v1.x\"", errors);
}

void pod_security_policy_read(const json_t *labels, struct pod_security_policy *ret,
			      struct field_errors *errors)
{
	const struct pod_security_mode open = { POD_SECURITY_PRIVILEGED, POD_SECURITY_LATEST };
	*ret = (struct pod_security_policy){ open, open, open };
	bool enforces =
		read_level(labels, "enforce", POD_SECURITY_RESTRICTED, &ret->enforce.level, errors);
	read_version(labels, "enforce-version", &ret->enforce.minor, errors);
	(void)read_level(labels, "audit", POD_SECURITY_PRIVILEGED, &ret->audit.level,
			 errors); /* there need not be one */
	read_version(labels, "audit-version", &ret->audit.minor, errors);
	(void)read_level(labels, "warn", POD_SECURITY_PRIVILEGED, &ret->warn.level,
			 errors); /* neither */
	read_version(labels, "warn-version", &ret->warn.minor, errors);
	/* Who enforces without a word about warnings is warned of workloads, too. */
	if (label(labels, "warn") || !enforces || ret->enforce.level <= ret->warn.level)
		return;
	ret->warn.level = ret->enforce.level;
	if (!label(labels, "warn-version"))
		ret->warn.minor = ret->enforce.minor;
}

void pod_security_mode_text(const struct pod_security_mode *m, struct str *out)
{
	str_addf(out, "%s:", pod_security_level_name(m->level));
	if (m->minor == POD_SECURITY_LATEST)
		str_add(out, "latest");
	else
		str_addf(out, "v1.%d", m->minor);
}
