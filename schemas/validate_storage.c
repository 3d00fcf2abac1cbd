/* PersistentVolume and PersistentVolumeClaim. */
#include "schemas/quantity.h"
#include "schemas/rule.h"

static const char *const modes[] = { "Block", "Filesystem", NULL };

static void check_access_modes(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const char *const known[] = { "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce",
					     "ReadWriteOncePod", NULL };
	const json_t *list = json_object_get(spec, "accessModes");
	bool has_single = false, has_other = false;
	at = PATH(at, "accessModes");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *mode = json_string_value(json_array_get(list, i));
		if (!rule_is_one_of(mode, known))
			rule_unsupported(e, at, mode, known);
		else if (streq(mode, "ReadWriteOncePod"))
			has_single = true;
		else
			has_other = true;
	}
	if (has_single && has_other)
		rule_broken(e, FIELD_FORBIDDEN, at, NULL,
			    "may not use ReadWriteOncePod with other access modes");
}

/* dataSource and dataSourceRef. */
static void check_data_source(const json_t *source, const struct path *at, struct field_errors *e)
{
	const char *group = json_str_or(source, "apiGroup", "");
	const char *kind = json_str_or(source, "kind", "");
	const char *namespace = json_str_or(source, "namespace", "");
	if (!source)
		return;
	rule_required(e, PATH(at, "name"), json_str(source, "name"));
	rule_required(e, PATH(at, "kind"), kind);
	if (!*group && !streq(kind, "PersistentVolumeClaim"))
		rule_bad_text(e, FIELD_INVALID, at, kind,
			      "must be 'PersistentVolumeClaim' when referencing the default "
			      "apiGroup");
	if (*group)
		rule_name(e, PATH(at, "apiGroup"), group, name_dns_subdomain);
	if (*namespace)
		rule_name(e, PATH(at, "namespace"), namespace, name_dns_label);
}

static void check_data_sources(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const char *const same[] = { "apiGroup", "kind", "name" };
	const json_t *source = json_object_get(spec, "dataSource");
	const json_t *ref = json_object_get(spec, "dataSourceRef");
	check_data_source(source, PATH(at, "dataSource"), e);
	check_data_source(ref, PATH(at, "dataSourceRef"), e);
	if (!source || !ref)
		return;
	AUTO_JSON *shown = json_object(); /* a path, as the original shows it */
	if (*json_str_or(ref, "namespace", "")) {
		rule_broken(e, FIELD_INVALID, at, shown,
			    "may not be specified when dataSourceRef.namespace is specified");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		if (streq(json_str_or(source, same[i], ""), json_str_or(ref, same[i], "")))
			continue;
		rule_broken(e, FIELD_INVALID, at, shown, "must match dataSourceRef");
		return;
	}
}

static void check_class_name(const json_t *spec, const char *name, const struct path *at,
			     struct field_errors *e)
{
	const char *class = json_str_or(spec, name, "");
	if (*class)
		rule_name(e, PATH(at, name), class, name_dns_subdomain);
}

void validate_claim_spec(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *size = json_dig(spec, "resources.requests.storage");
	const struct path *size_at = PATH_OF(PATH(at, "resources"), "storage");
	if (!json_array_size(json_object_get(spec, "accessModes")))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "accessModes"), NULL,
			    "at least 1 access mode is required");
	rule_label_selector(e, PATH(at, "selector"), json_object_get(spec, "selector"));
	check_access_modes(spec, at, e);
	if (!size)
		rule_required(e, size_at, NULL);
	else if (quantity_milli(json_string_value(size)) <= 0)
		rule_broken(e, FIELD_INVALID, size_at, size, "must be greater than zero");
	check_class_name(spec, "storageClassName", at, e);
	if (json_object_get(spec, "volumeMode"))
		rule_enum(e, at, spec, "volumeMode", modes);
	check_data_sources(spec, at, e);
	check_class_name(spec, "volumeAttributesClassName", at, e);
}

/* A bound claim may grow and change its class; an unbound one may be bound. */
static void check_claim_update(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	AUTO_JSON *now = json_deep_copy(json_object_get(tree, "spec"));
	AUTO_JSON *was = json_deep_copy(json_object_get(old, "spec"));
	const char *size = json_str_or(tree, "spec.resources.requests.storage", "0");
	const char *old_size = json_str_or(old, "spec.resources.requests.storage", "0");
	const char *given = json_str_or(old, "status.capacity.storage", "0");
	const char *attributes = json_str(tree, "spec.volumeAttributesClassName");
	bool is_bound = streq(json_str_or(old, "status.phase", ""), "Bound");
	if (!*json_str_or(was, "volumeName", ""))
		json_object_del(now, "volumeName");
	/* A class may be given to a claim without one. */
	if (!json_object_get(was, "storageClassName"))
		json_object_del(now, "storageClassName");
	json_object_del(was, is_bound ? "volumeAttributesClassName" : "");
	json_object_del(now, is_bound ? "volumeAttributesClassName" : "");
	if (is_bound) {
		json_drop(was, "resources.requests.storage");
		json_drop(now, "resources.requests.storage");
	}
	if (!rule_same(now, was))
		rule_broken(e, FIELD_FORBIDDEN, at, NULL,
			    "spec is immutable after creation except resources.requests and "
			    "volumeAttributesClassName for bound claims");
	if (quantity_milli(size) < quantity_milli(old_size) &&
	    quantity_milli(size) <= quantity_milli(given))
		rule_broken(e, FIELD_FORBIDDEN,
			    PATH(PATH(PATH(at, "resources"), "requests"), "storage"), NULL,
			    "field can not be less than status.capacity");
	rule_unchanged(e, PATH(NULL, "volumeMode"), json_dig(tree, "spec.volumeMode"),
		       json_dig(old, "spec.volumeMode"));
	if (!rule_same(json_dig(tree, "spec.volumeAttributesClassName"),
		       json_dig(old, "spec.volumeAttributesClassName")) &&
	    json_dig(old, "status.currentVolumeAttributesClassName") &&
	    (!attributes || !*attributes))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "volumeAttributesClassName"), NULL,
			    "update to %s is forbidden when "
			    "status.currentVolumeAttributesClassName is not nil",
			    attributes ? "empty string" : "nil");
}

void validate_claim(const json_t *tree, const json_t *old, struct field_errors *e)
{
	validate_claim_spec(json_object_get(tree, "spec"), PATH(NULL, "spec"), e);
	if (old)
		check_claim_update(tree, old, e);
}

/* In the order in which they are looked at. */
static const char *const sources[] = {
	"hostPath",
	"gcePersistentDisk",
	"awsElasticBlockStore",
	"glusterfs",
	"flocker",
	"nfs",
	"rbd",
	"quobyte",
	"cephfs",
	"iscsi",
	"cinder",
	"fc",
	"flexVolume",
	"azureFile",
	"vsphereVolume",
	"photonPersistentDisk",
	"portworxVolume",
	"azureDisk",
	"scaleIO",
	"local",
	"storageos",
	"csi",
};

static void check_sources(const json_t *spec, const char *name, const struct path *at,
			  struct field_errors *e)
{
	size_t found = 0;
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		const json_t *source = json_object_get(spec, sources[i]);
		if (!source)
			continue;
		if (found++)
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, sources[i]), NULL,
				    "may not specify more than 1 volume type");
		else
			validate_source(sources[i], source, name, true, at, e);
		if (found == 1 && streq(sources[i], "local") &&
		    !json_object_get(spec, "nodeAffinity"))
			rule_broken(e, FIELD_REQUIRED, PATH(at, "nodeAffinity"), NULL,
				    "Local volume requires node affinity");
	}
	if (!found)
		rule_broken(e, FIELD_REQUIRED, at, NULL, "must specify a volume type");
}

static void check_inline(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const char *const never[] = { "claimRef", "capacity" };
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (json_object_get(spec, never[i]))
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, never[i]), NULL,
				    "may not be specified in the context of inline volumes");
	if (!json_object_get(spec, "csi"))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "csi"), NULL,
			    "has to be specified in the context of inline volumes");
}

static void check_capacity(const json_t *capacity, const struct path *at, struct field_errors *e)
{
	AUTO_JSON *none = json_null();
	const char *name;
	json_t *size;
	if (!json_object_size(capacity))
		rule_required(e, at, NULL);
	if (json_object_size(capacity) != 1 || !json_object_get(capacity, "storage"))
		rule_broken(e, FIELD_NOT_SUPPORTED, at, capacity ? capacity : none,
			    "supported values: \"storage\"");
	json_object_foreach ((json_t *)(uintptr_t)capacity, name, size) {
		int64_t value = quantity_value(json_string_value(size));
		AUTO_JSON *shown = json_integer(value);
		if (value < 0)
			rule_broken(e, FIELD_INVALID, PATH_OF(at, name), shown,
				    "must be a valid resource quantity");
		if (quantity_milli(json_string_value(size)) <= 0)
			rule_broken(e, FIELD_INVALID, PATH_OF(at, name), size,
				    "must be greater than zero");
	}
}

/* Of a volume with an object. */
static void check_outer(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *affinity = json_object_get(spec, "nodeAffinity");
	const json_t *required = json_object_get(affinity, "required");
	if (required)
		validate_node_selector(required, PATH(PATH(at, "nodeAffinity"), "required"), e);
	else if (affinity)
		rule_broken(e, FIELD_REQUIRED, PATH(PATH(at, "nodeAffinity"), "required"), NULL,
			    "must specify required node constraints");
}

void validate_volume_spec(const json_t *spec, const char *name, bool is_inline,
			  const struct path *at, struct field_errors *e)
{
	static const char *const fates[] = { "Delete", "Recycle", "Retain", NULL };
	const char *fate = json_str_or(spec, "persistentVolumeReclaimPolicy", "");
	const char *attributes = json_str(spec, "volumeAttributesClassName");
	if (is_inline)
		check_inline(spec, at, e);
	if (!json_array_size(json_object_get(spec, "accessModes")))
		rule_required(e, PATH(at, "accessModes"), NULL);
	check_access_modes(spec, at, e);
	if (!is_inline)
		check_capacity(json_object_get(spec, "capacity"), PATH(at, "capacity"), e);
	if (*fate && !rule_is_one_of(fate, fates))
		rule_unsupported(e, PATH(at, "persistentVolumeReclaimPolicy"), fate, fates);
	if (!is_inline)
		check_outer(spec, at, e);
	check_sources(spec, name, at, e);
	if (streq(json_str_or(spec, "hostPath.path", ""), "/") && streq(fate, "Recycle"))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "persistentVolumeReclaimPolicy"), NULL,
			    "may not be 'recycle' for a hostPath mount of '/'");
	check_class_name(spec, "storageClassName", at, e);
	if (json_object_get(spec, "volumeMode"))
		rule_enum(e, at, spec, "volumeMode", modes);
	if (!attributes)
		return;
	if (!*attributes)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "volumeAttributesClassName"), NULL,
			    "an empty string is disallowed");
	check_class_name(spec, "volumeAttributesClassName", at, e);
	if (!json_object_get(spec, "csi"))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "csi"), NULL,
			    "has to be specified when using volumeAttributesClassName");
}

static bool has_same_sources(const json_t *spec, const json_t *old)
{
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		AUTO_JSON *now = json_deep_copy(json_object_get(spec, sources[i]));
		const json_t *was = json_object_get(old, sources[i]);
		if (!json_object_get(was, "controllerExpandSecretRef"))
			json_object_del(now, "controllerExpandSecretRef");
		if (!rule_same(now, was) || !now != !was)
			return false;
	}
	return true;
}

void validate_volume(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const json_t *spec = json_object_get(tree, "spec"), *before = json_object_get(old, "spec");
	const struct path *at = PATH(NULL, "spec");
	validate_volume_spec(spec, json_str_or(tree, "metadata.name", ""), false, at, e);
	if (!old)
		return;
	if (!has_same_sources(spec, before))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "persistentvolumesource"), NULL,
			    "spec.persistentvolumesource is immutable after creation");
	rule_unchanged(e, PATH(NULL, "volumeMode"), json_object_get(spec, "volumeMode"),
		       json_object_get(before, "volumeMode"));
	if (json_object_get(before, "nodeAffinity"))
		rule_unchanged(e, PATH(NULL, "nodeAffinity"), json_object_get(spec, "nodeAffinity"),
			       json_object_get(before, "nodeAffinity"));
	if (json_object_get(before, "volumeAttributesClassName") &&
	    !json_object_get(spec, "volumeAttributesClassName"))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "volumeAttributesClassName"), NULL,
			    "update from non-nil value to nil is forbidden");
}
