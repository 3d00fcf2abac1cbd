#include "schemas/rule.h"

/* Where a container has its volumes: as files, or as devices. */

static bool has(const json_t *list, const char *member, const char *value)
{
	return *value && json_find(list, member, value);
}

static void check_mount(const json_t *container, const json_t *volumes, size_t i,
			const struct path *at, struct field_errors *e)
{
	const json_t *mounts = json_object_get(container, "volumeMounts");
	const json_t *devices = json_object_get(container, "volumeDevices");
	const json_t *mount = json_array_get(mounts, i);
	const struct path *here = PATH_AT(at, i);
	const char *name = json_str_or(mount, "name", "");
	const char *path = json_str_or(mount, "mountPath", "");
	rule_required(e, PATH(here, "name"), name);
	if (!json_find(volumes, "name", name))
		rule_bad_text(e, FIELD_NOT_FOUND, PATH(here, "name"), name, NULL);
	rule_required(e, PATH(here, "mountPath"), path);
	if (rule_is_again(mounts, i, "mountPath"))
		rule_bad_text(e, FIELD_INVALID, PATH(here, "mountPath"), path, "must be unique");
	if (has(devices, "name", name))
		rule_bad_text(e, FIELD_INVALID, PATH(here, "name"), name,
			      "must not already exist in volumeDevices");
	if (has(devices, "devicePath", path))
		rule_bad_text(e, FIELD_INVALID, PATH(here, "mountPath"), path,
			      "must not already exist as a path in volumeDevices");
	rule_path_below(e, PATH(at, "subPath"), json_str_or(mount, "subPath", ""));
	rule_path_below(e, PATH(at, "subPathExpr"), json_str_or(mount, "subPathExpr", ""));
	if (*json_str_or(mount, "subPath", "") && *json_str_or(mount, "subPathExpr", ""))
		rule_broken(e, FIELD_INVALID, PATH(here, "subPathExpr"),
			    json_object_get(mount, "subPathExpr"),
			    "subPathExpr and subPath are mutually exclusive");
}

static void check_device(const json_t *container, const json_t *volumes, size_t i,
			 const struct path *at, struct field_errors *e)
{
	const json_t *devices = json_object_get(container, "volumeDevices");
	const json_t *mounts = json_object_get(container, "volumeMounts");
	const json_t *device = json_array_get(devices, i);
	const char *name = json_str_or(device, "name", "");
	const char *path = json_str_or(device, "devicePath", "");
	const json_t *volume = json_find(volumes, "name", name);
	rule_required(e, PATH(at, "name"), name);
	if (rule_is_again(devices, i, "name"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "name"), name, "must be unique");
	if (!volume)
		rule_bad_text(e, FIELD_NOT_FOUND, PATH(at, "name"), name, NULL);
	else if (!json_object_get(volume, "persistentVolumeClaim") &&
		 !json_object_get(volume, "ephemeral"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "name"), name,
			      "can only use volume source type of PersistentVolumeClaim or "
			      "Ephemeral for block mode");
	rule_required(e, PATH(at, "devicePath"), path);
	if (rule_is_again(devices, i, "devicePath"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "devicePath"), path, "must be unique");
	if (rule_path_goes_back(path))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "devicePath"), path,
			      "can not contain backsteps ('..')");
	if (has(mounts, "name", name))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "name"), name,
			      "must not already exist in volumeMounts");
	if (has(mounts, "mountPath", path))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "devicePath"), path,
			      "must not already exist as a path in volumeMounts");
}

void validate_mounts(const json_t *container, const json_t *volumes, const struct path *at,
		     struct field_errors *e)
{
	const json_t *mounts = json_object_get(container, "volumeMounts");
	const json_t *devices = json_object_get(container, "volumeDevices");
	for (size_t i = 0; i < json_array_size(mounts); i++)
		check_mount(container, volumes, i, PATH(at, "volumeMounts"), e);
	for (size_t i = 0; i < json_array_size(devices); i++)
		check_device(container, volumes, i, PATH_AT(PATH(at, "volumeDevices"), i), e);
}
