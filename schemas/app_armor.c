#include "schemas/app_armor.h"
#include "common/base/str.h"
#include "schemas/rule.h"

#define LOCAL "localhost/"

static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };

const char *app_armor_annotation(const json_t *annotations, const json_t *container)
{
	if (!json_object_size(annotations))
		return NULL;
	auto_free char *key = xasprintf(APP_ARMOR_PREFIX "%s", json_str_or(container, "name", ""));
	return json_member_str(annotations, key);
}

json_t *app_armor_field(const char *annotation)
{
	const char *profile = annotation + strlen(LOCAL);
	if (streq(annotation, "runtime/default"))
		return json_pack("{s:s}", "type", "RuntimeDefault");
	if (streq(annotation, "unconfined"))
		return json_pack("{s:s}", "type", "Unconfined");
	if (!starts_with(annotation, LOCAL) || !*profile)
		return NULL;
	return json_pack("{s:s,s:s}", "type", "Localhost", "localhostProfile", profile);
}

bool app_armor_is_known(const char *annotation)
{
	return !*annotation || streq(annotation, "runtime/default") ||
	       streq(annotation, "unconfined") || starts_with(annotation, LOCAL);
}

static bool has_container(const json_t *spec, const char *name)
{
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		size_t i;
		json_t *c;
		json_array_foreach (json_object_get(spec, lists[l]), i, c)
			if (streq(json_str_or(c, "name", ""), name))
				return true;
	}
	return false;
}

static void check_names(const json_t *annotations, const json_t *spec, const struct path *at,
			struct field_errors *e)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)annotations, key, value) {
		const char *text = json_string_value(value);
		if (!starts_with(key, APP_ARMOR_PREFIX) || !text)
			continue;
		const char *name = key + strlen(APP_ARMOR_PREFIX);
		if (!has_container(spec, name))
			rule_bad_text(e, FIELD_INVALID, PATH_OF(at, key), name,
				      "container not found");
		if (!app_armor_is_known(text))
			rule_bad_text(e, FIELD_INVALID, PATH_OF(at, key), text,
				      "invalid AppArmor profile name: \"%s\"", text);
	}
}

/* The container's own field, or the pod's, and its annotation. */
static void check_match(const json_t *annotations, const json_t *spec, const json_t *container,
			const struct path *at, struct field_errors *e)
{
	const char *text = app_armor_annotation(annotations, container);
	const json_t *own = json_dig(container, "securityContext.appArmorProfile");
	const json_t *field = own ? own : json_dig(spec, "securityContext.appArmorProfile");
	if (!text || !json_is_object(field))
		return;
	AUTO_JSON *said = app_armor_field(text);
	at = PATH(PATH(at, "securityContext"), "appArmorProfile");
	if (!streq(json_str_or(said, "type", ""), json_str_or(field, "type", "")))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "type"), NULL,
			    "apparmor type in annotation and field must match");
	else if (!streq(json_str_or(said, "localhostProfile", ""),
			json_str_or(field, "localhostProfile", "")))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "localhostProfile"), NULL,
			    "apparmor profile in annotation and field must match");
}

void app_armor_check(const json_t *annotations, const json_t *spec, const struct path *at,
		     const struct path *spec_at, struct field_errors *e)
{
	check_names(annotations, spec, at, e);
	if (!json_object_size(annotations) ||
	    streq(json_str_or(json_object_get(spec, "os"), "name", ""), "windows"))
		return;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		size_t i;
		json_t *c;
		json_array_foreach (json_object_get(spec, lists[l]), i, c)
			check_match(annotations, spec, c, PATH_AT(PATH(spec_at, lists[l]), i), e);
	}
}
