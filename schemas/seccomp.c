#include "schemas/seccomp.h"

#include "schemas/rule.h"

#define OF_POD       "seccomp.security.alpha.kubernetes.io/pod"
#define OF_CONTAINER "container.seccomp.security.alpha.kubernetes.io/"
#define LOCAL        "localhost/"

static bool is_default(const char *profile)
{
	return streq(profile, "runtime/default") || streq(profile, "docker/default");
}

static void check_profile(const char *profile, const struct path *at, struct field_errors *e)
{
	if (is_default(profile) || streq(profile, "unconfined"))
		return;
	if (!starts_with(profile, LOCAL)) {
		rule_bad_text(e, FIELD_INVALID, at, profile, "must be a valid seccomp profile");
		return;
	}
	const char *path = profile + strlen(LOCAL);
	if (*path == '/')
		rule_bad_text(e, FIELD_INVALID, at, path, "must be a relative path");
	if (rule_path_goes_back(path))
		rule_bad_text(e, FIELD_INVALID, at, path, "must not contain '..'");
}

void seccomp_check_annotations(const json_t *annotations, const struct path *at,
			       struct field_errors *e)
{
	const char *key, *pod = json_member_str(annotations, OF_POD);
	json_t *value;
	if (pod)
		check_profile(pod, PATH(at, OF_POD), e);
	json_object_foreach ((json_t *)(uintptr_t)annotations, key, value)
		if (starts_with(key, OF_CONTAINER) && json_is_string(value))
			check_profile(json_string_value(value), PATH(at, key), e);
}

static void check_match(const char *annotation, const json_t *profile, const struct path *at,
			struct field_errors *e)
{
	const char *type = json_str_or(profile, "type", "");
	const char *local = json_str(profile, "localhostProfile");
	if (!annotation || !profile)
		return;
	bool is_local = starts_with(annotation, LOCAL);
	bool is_other = streq(type, "Unconfined")       ? !streq(annotation, "unconfined")
			: streq(type, "RuntimeDefault") ? !is_default(annotation)
			: streq(type, "Localhost")      ? !is_local
							: false;
	if (is_other)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "type"), NULL,
			    "seccomp type in annotation and field must match");
	else if (streq(type, "Localhost") && (!local || !streq(annotation + strlen(LOCAL), local)))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "localhostProfile"), NULL,
			    "seccomp profile in annotation and field must match");
}

void seccomp_check_fields(const json_t *annotations, const json_t *spec, const struct path *spec_at,
			  struct field_errors *e)
{
	static const char *const lists[] = { "initContainers", "containers",
					     "ephemeralContainers" };
	check_match(json_member_str(annotations, OF_POD),
		    json_dig(spec, "securityContext.seccompProfile"),
		    PATH(PATH(spec_at, "securityContext"), "seccompProfile"), e);
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(spec, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *c = json_array_get(list, i);
			const struct path *at = PATH_AT(PATH(spec_at, lists[l]), i);
			auto_free char *key =
				xasprintf(OF_CONTAINER "%s", json_str_or(c, "name", ""));
			check_match(json_member_str(annotations, key),
				    json_dig(c, "securityContext.seccompProfile"),
				    PATH(PATH(at, "securityContext"), "seccompProfile"), e);
		}
	}
}
