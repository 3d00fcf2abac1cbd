#include "schemas/rule.h"

/* Where a container has its volumes: as files, or as devices. */

/* Of one list, mounts or devices, and of the other. */
struct places {
	struct rule_names names, paths;    /* in the other */
	size_t *name_firsts, *path_firsts; /* in the list itself */
};

static void places_init(struct places *p, const json_t *others, const char *path)
{
	*p = (struct places){ 0 };
	rule_names_init(&p->names, others, "name");
	rule_names_init(&p->paths, others, path);
}

static void places_fini(struct places *p)
{
	rule_names_fini(&p->names);
	rule_names_fini(&p->paths);
	free(p->name_firsts);
	free(p->path_firsts);
}

static bool has(const struct rule_names *names, const char *text)
{
	return *text && rule_names_has(names, text);
}

static void check_mount(const json_t *mounts, size_t i, const struct pod_names *pod,
			struct places *p, const struct path *at, struct field_errors *e)
{
	const json_t *mount = json_array_get(mounts, i);
	const struct path *here = PATH_AT(at, i);
	const char *name = json_str_or(mount, "name", "");
	const char *path = json_str_or(mount, "mountPath", "");
	rule_required(e, PATH(here, "name"), name);
	if (!rule_names_has(&pod->volume_names, name))
		rule_bad_text(e, FIELD_NOT_FOUND, PATH(here, "name"), name, NULL);
	rule_required(e, PATH(here, "mountPath"), path);
	if (rule_is_again(&p->path_firsts, mounts, i, "mountPath"))
		rule_bad_text(e, FIELD_INVALID, PATH(here, "mountPath"), path, "must be unique");
	if (has(&p->names, name))
		rule_bad_text(e, FIELD_INVALID, PATH(here, "name"), name,
			      "must not already exist in volumeDevices");
	if (has(&p->paths, path))
		rule_bad_text(e, FIELD_INVALID, PATH(here, "mountPath"), path,
			      "must not already exist as a path in volumeDevices");
	rule_path_below(e, PATH(at, "subPath"), json_str_or(mount, "subPath", ""));
	rule_path_below(e, PATH(at, "subPathExpr"), json_str_or(mount, "subPathExpr", ""));
	if (*json_str_or(mount, "subPath", "") && *json_str_or(mount, "subPathExpr", ""))
		rule_broken(e, FIELD_INVALID, PATH(here, "subPathExpr"),
			    json_object_get(mount, "subPathExpr"),
			    "subPathExpr and subPath are mutually exclusive");
}

static void check_device(const json_t *devices, size_t i, const struct pod_names *pod,
			 struct places *p, const struct path *at, struct field_errors *e)
{
	const json_t *device = json_array_get(devices, i);
	const char *name = json_str_or(device, "name", "");
	const char *path = json_str_or(device, "devicePath", "");
	const json_t *volume =
		json_array_get(pod->volumes, rule_names_find(&pod->volume_names, name));
	rule_required(e, PATH(at, "name"), name);
	if (rule_is_again(&p->name_firsts, devices, i, "name"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "name"), name, "must be unique");
	if (!volume)
		rule_bad_text(e, FIELD_NOT_FOUND, PATH(at, "name"), name, NULL);
	else if (!json_object_get(volume, "persistentVolumeClaim") &&
		 !json_object_get(volume, "ephemeral"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "name"), name,
			      "can only use volume source type of PersistentVolumeClaim or "
			      "Ephemeral for block mode");
	rule_required(e, PATH(at, "devicePath"), path);
	if (rule_is_again(&p->path_firsts, devices, i, "devicePath"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "devicePath"), path, "must be unique");
	if (rule_path_goes_back(path))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "devicePath"), path,
			      "can not contain backsteps ('..')");
	if (has(&p->names, name))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "name"), name,
			      "must not already exist in volumeMounts");
	if (has(&p->paths, path))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "devicePath"), path,
			      "must not already exist as a path in volumeMounts");
}

void validate_mounts(const json_t *container, const struct pod_names *pod, const struct path *at,
		     struct field_errors *e)
{
	const json_t *mounts = json_object_get(container, "volumeMounts");
	const json_t *devices = json_object_get(container, "volumeDevices");
	struct places p;
	places_init(&p, devices, "devicePath");
	for (size_t i = 0; i < json_array_size(mounts); i++)
		check_mount(mounts, i, pod, &p, PATH(at, "volumeMounts"), e);
	places_fini(&p);
	places_init(&p, mounts, "mountPath");
	for (size_t i = 0; i < json_array_size(devices); i++)
		check_device(devices, i, pod, &p, PATH_AT(PATH(at, "volumeDevices"), i), e);
	places_fini(&p);
}
