#include "schemas/rule.h"

bool rule_path_goes_back(const char *path)
{
	for (const char *p = path; p && *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += n + (p[n] == '/');
	}
	return false;
}

static void check_mode(const json_t *o, const char *name, const struct path *at,
		       struct field_errors *e)
{
	const json_t *mode = json_object_get(o, name);
	if (mode && (json_integer_value(mode) < 0 || json_integer_value(mode) > 0777))
		rule_broken(e, FIELD_INVALID, PATH(at, name), mode,
			    "must be a number between 0 and 0777 (octal), both inclusive");
}

/* A path below the volume that takes none of its own names. */
static void check_path(const json_t *item, const struct path *at, struct field_errors *e)
{
	const json_t *path = json_object_get(item, "path");
	const char *text = json_str_or(item, "path", "");
	rule_required(e, PATH(at, "path"), text);
	if (*text == '/')
		rule_broken(e, FIELD_INVALID, PATH(at, "path"), path, "must be a relative path");
	if (rule_path_goes_back(text))
		rule_broken(e, FIELD_INVALID, PATH(at, "path"), path, "must not contain '..'");
	if (starts_with(text, "..") && !starts_with(text, "../") && text[2])
		rule_broken(e, FIELD_INVALID, PATH(at, "path"), path, "must not start with '..'");
}

static void check_items(const json_t *source, const struct path *at, struct field_errors *e)
{
	const json_t *items = json_object_get(source, "items");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const struct path *here = PATH_AT(PATH(at, "items"), i);
		const json_t *item = json_array_get(items, i);
		rule_required(e, PATH(here, "key"), json_str(item, "key"));
		check_path(item, here, e);
		check_mode(item, "mode", here, e);
	}
}

static void check_downward(const json_t *source, const struct path *at, struct field_errors *e)
{
	const json_t *items = json_object_get(source, "items");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const struct path *here = PATH_AT(PATH(at, "items"), i);
		const json_t *item = json_array_get(items, i);
		check_path(item, here, e);
		check_mode(item, "mode", here, e);
		if (!json_object_get(item, "fieldRef") &&
		    !json_object_get(item, "resourceFieldRef"))
			rule_broken(e, FIELD_REQUIRED, here, NULL,
				    "one of fieldRef and resourceFieldRef is required");
	}
}

static void check_projected(const json_t *source, const struct path *at, struct field_errors *e)
{
	const json_t *sources = json_object_get(source, "sources");
	for (size_t i = 0; i < json_array_size(sources); i++) {
		const struct path *here = PATH_AT(PATH(at, "sources"), i);
		const json_t *one = json_array_get(sources, i);
		const json_t *map = json_object_get(one, "configMap");
		const json_t *secret = json_object_get(one, "secret");
		const json_t *token = json_object_get(one, "serviceAccountToken");
		if (map) {
			rule_required(e, PATH(PATH(here, "configMap"), "name"),
				      json_str(map, "name"));
			check_items(map, PATH(here, "configMap"), e);
		}
		if (secret) {
			rule_required(e, PATH(PATH(here, "secret"), "name"),
				      json_str(secret, "name"));
			check_items(secret, PATH(here, "secret"), e);
		}
		if (token) {
			const struct path *there = PATH(here, "serviceAccountToken");
			const json_t *expires = json_object_get(token, "expirationSeconds");
			/* The original names what is around it. */
			check_path(token, at, e);
			if (json_integer_value(expires) < 600)
				rule_broken(e, FIELD_INVALID, PATH(there, "expirationSeconds"),
					    expires,
					    "may not specify a duration less than 10 minutes");
		}
		check_downward(json_object_get(one, "downwardAPI"), PATH(here, "downwardAPI"), e);
	}
}

static void check_source(const char *type, const json_t *source, const struct path *at,
			 struct field_errors *e)
{
	check_mode(source, "defaultMode", at, e);
	if (streq(type, "hostPath")) {
		const char *path = json_str_or(source, "path", "");
		rule_required(e, PATH(at, "path"), path);
		if (rule_path_goes_back(path))
			rule_broken(e, FIELD_INVALID, PATH(at, "path"),
				    json_object_get(source, "path"), "must not contain '..'");
	} else if (streq(type, "configMap")) {
		rule_required(e, PATH(at, "name"), json_str(source, "name"));
		check_items(source, at, e);
	} else if (streq(type, "secret")) {
		rule_required(e, PATH(at, "secretName"), json_str(source, "secretName"));
		check_items(source, at, e);
	} else if (streq(type, "downwardAPI")) {
		check_downward(source, at, e);
	} else if (streq(type, "projected")) {
		check_projected(source, at, e);
	} else if (streq(type, "persistentVolumeClaim")) {
		rule_required(e, PATH(at, "claimName"), json_str(source, "claimName"));
	} else if (streq(type, "emptyDir")) {
		const char *size = json_str_or(source, "sizeLimit", "");
		if (*size == '-')
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, "sizeLimit"), NULL,
				    "SizeLimit field must be a valid resource quantity");
	}
}

void validate_volumes(const json_t *volumes, const struct path *at, struct field_errors *e)
{
	for (size_t i = 0; i < json_array_size(volumes); i++) {
		const struct path *here = PATH_AT(at, i);
		const json_t *volume = json_array_get(volumes, i);
		const char *name = json_str_or(volume, "name", ""), *type;
		json_t *source;
		size_t sources = 0;
		json_object_foreach ((json_t *)(uintptr_t)volume, type, source) {
			if (streq(type, "name"))
				continue;
			if (sources++ > 0)
				rule_broken(e, FIELD_FORBIDDEN, PATH(here, type), NULL,
					    "may not specify more than 1 volume type");
			else
				check_source(type, source, PATH(here, type), e);
		}
		if (sources == 0)
			rule_broken(e, FIELD_REQUIRED, here, NULL, "must specify a volume type");
		rule_required_name(e, PATH(here, "name"), name, name_dns_label);
		for (size_t k = 0; k < i; k++) {
			if (!*name ||
			    !streq(json_str_or(json_array_get(volumes, k), "name", ""), name))
				continue;
			rule_broken(e, FIELD_DUPLICATE, PATH(here, "name"),
				    json_object_get(volume, "name"), NULL);
			break;
		}
	}
}
