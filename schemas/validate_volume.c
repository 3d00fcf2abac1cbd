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

void rule_path_below(struct field_errors *e, const struct path *at, const char *path)
{
	if (*path == '/')
		rule_bad_text(e, FIELD_INVALID, at, path, "must be a relative path");
	if (rule_path_goes_back(path))
		rule_bad_text(e, FIELD_INVALID, at, path, "must not contain '..'");
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
	const char *text = json_str_or(item, "path", "");
	rule_required(e, PATH(at, "path"), text);
	rule_path_below(e, PATH(at, "path"), text);
	if (starts_with(text, "..") && text[2] != '/')
		rule_bad_text(e, FIELD_INVALID, PATH(at, "path"), text, "must not start with '..'");
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

/* The original tells of items where their list is. */
static void check_downward(const json_t *source, const struct path *at, struct field_errors *e)
{
	static const char *const known[] = { "metadata.annotations", "metadata.labels",
					     "metadata.name",        "metadata.namespace",
					     "metadata.uid",         NULL };
	const json_t *items = json_object_get(source, "items");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		const json_t *field = json_object_get(item, "fieldRef");
		const json_t *resource = json_object_get(item, "resourceFieldRef");
		check_path(item, at, e);
		if (field)
			validate_field_ref(field, known, PATH(at, "fieldRef"), e);
		if (field && resource)
			rule_bad_text(e, FIELD_INVALID, at, "resource",
				      "fieldRef and resourceFieldRef can not be specified "
				      "simultaneously");
		else if (resource)
			validate_resource_ref(resource, true, PATH(at, "resourceFieldRef"), e);
		else if (!field)
			rule_broken(e, FIELD_REQUIRED, at, NULL,
				    "one of fieldRef and resourceFieldRef is required");
		check_mode(item, "mode", at, e);
	}
}

static void check_token(const json_t *token, const struct path *at, struct field_errors *e)
{
	const json_t *expires = json_object_get(token, "expirationSeconds");
	const struct path *expires_at = PATH(PATH(at, "serviceAccountToken"), "expirationSeconds");
	if (json_integer_value(expires) < 600)
		rule_broken(e, FIELD_INVALID, expires_at, expires,
			    "may not specify a duration less than 10 minutes");
	if (json_integer_value(expires) > INT64_C(1) << 32)
		rule_broken(e, FIELD_INVALID, expires_at, expires,
			    "may not specify a duration larger than 2^32 seconds");
}

/* Notes the files of a source; the second of a name is told of by `shown`, or else by itself. */
static void take_paths(const json_t *source, const char *shown, json_t *taken,
		       const struct path *at, struct field_errors *e)
{
	const json_t *items = json_object_get(source, "items");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const char *path = json_str_or(json_array_get(items, i), "path", "");
		if (!*path)
			continue;
		if (json_object_get(taken, path))
			rule_bad_text(e, FIELD_INVALID, at, shown ? shown : path,
				      "conflicting duplicate paths");
		json_object_set_new(taken, path, json_true());
	}
}

/* `at` is the volume's projected, `here` one of its sources. */
static void check_projection(const json_t *one, json_t *taken, const struct path *at,
			     const struct path *here, struct field_errors *e)
{
	static const char *const types[] = { "secret", "configMap", "downwardAPI",
					     "serviceAccountToken" };
	size_t found = 0;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const json_t *source = json_object_get(one, types[i]);
		const struct path *there = PATH(here, types[i]);
		if (!source)
			continue;
		if (found++ > 0) {
			rule_broken(e, FIELD_FORBIDDEN, here, NULL,
				    "may not specify more than 1 volume type per source");
		} else if (streq(types[i], "serviceAccountToken")) {
			check_token(source, here, e);
			check_path(source, at, e); /* the original names what is around it */
		} else if (streq(types[i], "downwardAPI")) {
			check_downward(source, there, e);
			take_paths(source, NULL, taken, at, e);
		} else {
			rule_required(e, PATH(there, "name"), json_str(source, "name"));
			check_items(source, there, e);
			take_paths(source, json_str_or(source, "name", ""), taken, at, e);
		}
	}
}

static void check_projected(const json_t *source, const struct path *at, struct field_errors *e)
{
	const json_t *sources = json_object_get(source, "sources");
	AUTO_JSON *taken = json_object();
	for (size_t i = 0; i < json_array_size(sources); i++)
		check_projection(json_array_get(sources, i), taken, at,
				 PATH_AT(PATH(at, "sources"), i), e);
}

static void check_ephemeral(const json_t *source, const struct path *at, struct field_errors *e)
{
	static const char *const barred[] = { "name",
					      "generateName",
					      "namespace",
					      "selfLink",
					      "uid",
					      "resourceVersion",
					      "generation",
					      "creationTimestamp",
					      "deletionTimestamp",
					      "deletionGracePeriodSeconds",
					      "ownerReferences",
					      "finalizers",
					      "managedFields" };
	const json_t *template = json_object_get(source, "volumeClaimTemplate");
	const json_t *meta = json_object_get(template, "metadata");
	at = PATH(at, "volumeClaimTemplate");
	if (!template) {
		rule_required(e, at, NULL);
		return;
	}
	const struct path *meta_at = PATH(at, "metadata");
	validate_annotations(json_object_get(meta, "annotations"), PATH(meta_at, "annotations"), e);
	rule_labels(e, PATH(meta_at, "labels"), json_object_get(meta, "labels"));
	for (size_t i = 0; i < ARRAY_LEN(barred); i++)
		if (json_object_get(meta, barred[i]))
			rule_broken(e, FIELD_FORBIDDEN, PATH(meta_at, barred[i]), NULL,
				    "cannot be set");
	AUTO_JSON *spec = json_copy(json_object_get(template, "spec"));
	json_object_del(spec, "volumeMode"); /* the tables know its values */
	validate_claim_spec(spec, PATH(at, "spec"), e);
}

/* What Pods alone have. */
static void check_own_source(const char *type, const json_t *source, const struct path *at,
			     struct field_errors *e)
{
	check_mode(source, "defaultMode", at, e);
	if (streq(type, "gitRepo")) {
		rule_required(e, PATH(at, "repository"), json_str(source, "repository"));
		rule_path_below(e, PATH(at, "directory"), json_str_or(source, "directory", ""));
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
	} else if (streq(type, "ephemeral")) {
		check_ephemeral(source, at, e);
	} else if (streq(type, "image")) {
		rule_required(e, PATH(at, "reference"), json_str(source, "reference"));
	} else if (streq(type, "emptyDir") && *json_str_or(source, "sizeLimit", "") == '-') {
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "sizeLimit"), NULL,
			    "SizeLimit field must be a valid resource quantity");
	}
}

/* One that says nothing is an emptyDir, by default. */
static void check_volume(const json_t *volume, const struct path *at, struct field_errors *e)
{
	/* In the order in which they are looked at. */
	static const char *const types[] = { "emptyDir",
					     "hostPath",
					     "gitRepo",
					     "gcePersistentDisk",
					     "awsElasticBlockStore",
					     "secret",
					     "nfs",
					     "iscsi",
					     "glusterfs",
					     "flocker",
					     "persistentVolumeClaim",
					     "rbd",
					     "cinder",
					     "cephfs",
					     "quobyte",
					     "downwardAPI",
					     "fc",
					     "flexVolume",
					     "configMap",
					     "azureFile",
					     "vsphereVolume",
					     "photonPersistentDisk",
					     "portworxVolume",
					     "azureDisk",
					     "storageos",
					     "projected",
					     "scaleIO",
					     "csi",
					     "ephemeral",
					     "image" };
	const char *name = json_str_or(volume, "name", "");
	size_t sources = 0;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const json_t *source = json_object_get(volume, types[i]);
		if (!source)
			continue;
		if (sources++ > 0) {
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, types[i]), NULL,
				    "may not specify more than 1 volume type");
		} else {
			check_own_source(types[i], source, PATH(at, types[i]), e);
			validate_source(types[i], source, name, false, at, e);
		}
	}
}

/* The claim that is made for an ephemeral volume is called after pod and volume. */
static void check_claim_name(const json_t *volume, const char *pod_name, const struct path *at,
			     struct field_errors *e)
{
	const char *problems[NAME_PROBLEMS_MAX];
	const char *name = json_str_or(volume, "name", "");
	if (!json_object_get(volume, "ephemeral") || !*name || !pod_name || !*pod_name)
		return;
	auto_free char *claim = xasprintf("%s-%s", pod_name, name);
	size_t count = name_dns_subdomain(claim, problems);
	for (size_t i = 0; i < count; i++)
		rule_bad_text(e, FIELD_INVALID, PATH(at, "name"), name, "PVC name \"%s\": %s",
			      claim, problems[i]);
}

void validate_volumes(const json_t *volumes, const char *pod_name, json_t *ret_sound,
		      const struct path *at, struct field_errors *e)
{
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(volumes); i++) {
		const struct path *here = PATH_AT(at, i);
		json_t *volume = json_array_get(volumes, i);
		size_t before = e->count;
		check_volume(volume, here, e);
		rule_required_name(e, PATH(here, "name"), json_str_or(volume, "name", ""),
				   name_dns_label);
		check_claim_name(volume, pod_name, here, e);
		if (rule_is_again(&firsts, volumes, i, "name"))
			rule_broken(e, FIELD_DUPLICATE, PATH(here, "name"),
				    json_object_get(volume, "name"), NULL);
		if (e->count == before)
			json_array_append(ret_sound, volume);
	}
}
