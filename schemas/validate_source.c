#include "schemas/pattern.h"
#include "schemas/rule.h"

/* Where a volume comes from: the sources that Pods and PersistentVolumes share. */
struct place {
	const json_t *source;
	const char *volume; /* its name */
	bool is_persistent; /* of a PersistentVolume */
};

typedef void source_check(const struct place *p, const struct path *at, struct field_errors *e);

static const char *text_of(const struct place *p, const char *name)
{
	return json_str_or(p->source, name, "");
}

static void check_secret_ref(const json_t *secret, bool has_namespace, const struct path *at,
			     struct field_errors *e)
{
	if (!secret)
		return;
	rule_required(e, PATH(at, "name"), json_str(secret, "name"));
	if (has_namespace)
		rule_required(e, PATH(at, "namespace"), json_str(secret, "namespace"));
}

/* Reserved to the project: its domains and what is below them. */
static bool is_reserved(const char *key)
{
	static const char *const domains[] = { "kubernetes.io", "k8s.io" };
	size_t n = strcspn(key, "/");
	for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
		size_t m = strlen(domains[i]);
		if (n >= m && strncmp(key + n - m, domains[i], m) == 0 &&
		    (n == m || key[n - m - 1] == '.'))
			return true;
	}
	return false;
}

static void check_flex(const struct place *p, const struct path *at, struct field_errors *e)
{
	const char *key;
	json_t *value;
	json_object_foreach (json_object_get(p->source, "options"), key, value)
		if (is_reserved(key))
			rule_bad_text(e, FIELD_INVALID, PATH_OF(PATH(at, "options"), key), key,
				      "kubernetes.io and k8s.io namespaces are reserved");
}

static void check_glusterfs(const struct place *p, const struct path *at, struct field_errors *e)
{
	const char *namespace = json_str(p->source, "endpointsNamespace");
	if (!p->is_persistent || !namespace)
		return;
	if (*namespace)
		rule_name(e, PATH(at, "endpointsNamespace"), namespace, name_dns_label);
	else
		rule_bad_text(e, FIELD_INVALID, PATH(at, "endpointsNamespace"), namespace,
			      "if the endpointnamespace is set, it must be a valid namespace name");
}

static void check_own_path(const struct place *p, const struct path *at, struct field_errors *e)
{
	const char *path = text_of(p, "path");
	if (rule_path_goes_back(path))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "path"), path, "must not contain '..'");
}

static void check_host_path(const struct place *p, const struct path *at, struct field_errors *e)
{
	static const char *const types[] = {
		"",     "BlockDevice",  "CharDevice", "Directory", "DirectoryOrCreate",
		"File", "FileOrCreate", "Socket",     NULL
	};
	check_own_path(p, at, e);
	/* Of Pods the tables know them. */
	if (p->is_persistent && json_object_get(p->source, "type"))
		rule_enum(e, at, p->source, "type", types);
}

static void check_partition(const struct place *p, const struct path *at, struct field_errors *e)
{
	const json_t *partition = json_object_get(p->source, "partition");
	int64_t n = json_integer_value(partition);
	/* 0 is the whole disk, though the words forget it. */
	if (n < 0 || n > 255)
		rule_broken(e, FIELD_INVALID, PATH(at, "partition"), partition,
			    "must be between 1 and 255, inclusive");
}

static void check_nfs(const struct place *p, const struct path *at, struct field_errors *e)
{
	const char *path = text_of(p, "path");
	if (*path != '/')
		rule_bad_text(e, FIELD_INVALID, PATH(at, "path"), path, "must be an absolute path");
}

static bool matches(const char *expression, const char *text)
{
	struct pattern *p;
	struct error err;
	int rc = pattern_compile(expression, strlen(expression), &p, &err);
	assert(rc == 0);
	bool ret = pattern_match(p, text, strlen(text)) == PATTERN_YES;
	pattern_free(p);
	return ret;
}

/* The name of one end of iSCSI (RFC 3720, 3.2.6). */
static void check_iscsi_name(const char *name, bool says_how, const struct path *at,
			     struct field_errors *e)
{
	static const struct {
		const char *prefix, *form;
	} forms[] = {
		{ "iqn", "iqn\\.\\d{4}-\\d{2}\\.([[:alnum:]-.]+)(:[^,;*&$|\\s]+)$" },
		{ "eui", "^eui.[[:alnum:]]{16}$" },
		{ "naa", "^naa.[[:alnum:]]{32}$" },
	};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (!starts_with(name, forms[i].prefix))
			continue;
		if (!matches(forms[i].form, name))
			rule_bad_text(e, FIELD_INVALID, at, name, "must be valid format");
		return;
	}
	rule_bad_text(e, FIELD_INVALID, at, name, "must be valid format%s",
		      says_how ? " starting with iqn, eui, or naa" : "");
}

static void check_iscsi(const struct place *p, const struct path *at, struct field_errors *e)
{
	enum { TARGET_SIZE_MAX = 64 };
	static const char too_long[] = "Total length of <volume name>:<iscsi.targetPortal> must be "
				       "under 64 characters if iscsi.initiatorName is specified.";
	const json_t *secret = json_object_get(p->source, "secretRef");
	const char *name = text_of(p, "iqn"), *target = text_of(p, "targetPortal");
	const char *initiator = json_str(p->source, "initiatorName");
	bool is_long =
		initiator && strlen(p->volume) + strlen(":") + strlen(target) > TARGET_SIZE_MAX;
	if (is_long && p->is_persistent)
		rule_bad_text(e, FIELD_INVALID, PATH(at, "targetportal"), target, too_long);
	rule_required(e, PATH(at, "targetPortal"), target);
	rule_required(e, PATH(at, "iqn"), name);
	if (*name)
		check_iscsi_name(name, !p->is_persistent, PATH(at, "iqn"), e);
	rule_between(e, at, p->source, "lun", 0, 255);
	if (!secret && (json_bool_or(p->source, "chapAuthDiscovery", false) ||
			json_bool_or(p->source, "chapAuthSession", false)))
		rule_required(e, PATH(at, "secretRef"), NULL);
	if (p->is_persistent && secret)
		rule_required(e, PATH(PATH(at, "secretRef"), "name"), json_str(secret, "name"));
	if (initiator)
		check_iscsi_name(initiator, !p->is_persistent, PATH(at, "initiatorname"), e);
	if (is_long && !p->is_persistent)
		rule_bad_text(e, FIELD_INVALID, PATH(at->up, "name"), p->volume, too_long);
}

static void check_flocker(const struct place *p, const struct path *at, struct field_errors *e)
{
	const char *name = text_of(p, "datasetName"), *id = text_of(p, "datasetUUID");
	if (!*name && !*id)
		rule_broken(e, FIELD_REQUIRED, at, NULL,
			    "one of datasetName and datasetUUID is required");
	if (*name && *id)
		rule_bad_text(e, FIELD_INVALID, at, "resource",
			      "datasetName and datasetUUID can not be specified simultaneously");
	if (strchr(name, '/'))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "datasetName"), name,
			      "must not contain '/'");
}

static void check_monitors(const struct place *p, const struct path *at, struct field_errors *e)
{
	if (json_array_size(json_object_get(p->source, "monitors")) == 0)
		rule_required(e, PATH(at, "monitors"), NULL);
}

static void check_rbd(const struct place *p, const struct path *at, struct field_errors *e)
{
	check_monitors(p, at, e);
	rule_required(e, PATH(at, "image"), text_of(p, "image"));
}

static void check_cinder(const struct place *p, const struct path *at, struct field_errors *e)
{
	check_secret_ref(json_object_get(p->source, "secretRef"), p->is_persistent,
			 PATH(at, "secretRef"), e);
}

/* host:port, or more of them, parted by commas. */
static bool are_hosts(const char *text)
{
	for (const char *p = text; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
		auto_free char *one = xstrndup(p, strcspn(p, ","));
		const char *end = *one == '[' ? strchr(one, ']') : NULL;
		const char *colon = strchr(end ? end : one, ':');
		if (!colon || (end && end[1] != ':') || strchr(colon + 1, ':'))
			return false;
	}
	return true;
}

static void check_quobyte(const struct place *p, const struct path *at, struct field_errors *e)
{
	enum { TENANT_SIZE_MAX = 64 };
	static const char words[] =
		"must be a host:port pair or multiple pairs separated by commas";
	const char *registry = text_of(p, "registry");
	if (!*registry)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "registry"), NULL, "%s", words);
	else if (strlen(text_of(p, "tenant")) > TENANT_SIZE_MAX)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "tenant"), NULL,
			    "must be a UUID and may not exceed a length of 64 characters");
	else if (!are_hosts(registry))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "registry"), registry, "%s", words);
	rule_required(e, PATH(at, "volume"), text_of(p, "volume"));
}

static void check_fibre_channel(const struct place *p, const struct path *at,
				struct field_errors *e)
{
	const json_t *targets = json_object_get(p->source, "targetWWNs");
	size_t names = json_array_size(json_object_get(p->source, "wwids"));
	if (!json_array_size(targets) && !names)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "targetWWNs"), NULL,
			    "must specify either targetWWNs or wwids, but not both");
	if (json_array_size(targets) && names)
		rule_broken(e, FIELD_INVALID, PATH(at, "targetWWNs"), targets,
			    "targetWWNs and wwids can not be specified simultaneously");
	if (!json_array_size(targets))
		return;
	if (!json_object_get(p->source, "lun"))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "lun"), NULL,
			    "lun is required if targetWWNs is specified");
	else
		rule_between(e, at, p->source, "lun", 0, 255);
}

static void check_azure_file(const struct place *p, const struct path *at, struct field_errors *e)
{
	const char *namespace = json_str(p->source, "secretNamespace");
	if (p->is_persistent && namespace && !*namespace)
		rule_required(e, PATH(at, "secretNamespace"), namespace);
}

static void check_azure_disk(const struct place *p, const struct path *at, struct field_errors *e)
{
	static const char *const caching[] = { "None", "ReadOnly", "ReadWrite", NULL };
	static const char *const kinds[] = { "Dedicated", "Managed", "Shared", NULL };
	static const char *const managed[] = {
		"/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/"
		"disks/{disk-id}",
		NULL
	};
	static const char *const blob[] = {
		"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",
		NULL
	};
	const char *uri = text_of(p, "diskURI");
	if (json_object_get(p->source, "cachingMode"))
		rule_enum(e, at, p->source, "cachingMode", caching);
	if (json_object_get(p->source, "kind"))
		rule_enum(e, at, p->source, "kind", kinds);
	bool is_managed = streq(text_of(p, "kind"), "Managed");
	if (is_managed && !starts_with(uri, "/subscriptions/"))
		rule_unsupported(e, PATH(at, "diskURI"), uri, managed);
	else if (!is_managed && !starts_with(uri, "https://"))
		rule_unsupported(e, PATH(at, "diskURI"), uri, blob);
}

static void check_storageos(const struct place *p, const struct path *at, struct field_errors *e)
{
	const char *namespace = text_of(p, "volumeNamespace");
	rule_required_name(e, PATH(at, "volumeName"), text_of(p, "volumeName"), name_dns_label);
	if (*namespace)
		rule_name(e, PATH(at, "volumeNamespace"), namespace, name_dns_label);
	check_secret_ref(json_object_get(p->source, "secretRef"), p->is_persistent,
			 PATH(at, "secretRef"), e);
}

/* A secret of a CSI volume that has an object: its name and namespace must be such. */
static void check_csi_secret(const json_t *secret, const struct path *at, struct field_errors *e)
{
	if (!secret)
		return;
	rule_required_name(e, PATH(at, "name"), json_str_or(secret, "name", ""),
			   name_dns_subdomain);
	rule_required_name(e, PATH(at, "namespace"), json_str_or(secret, "namespace", ""),
			   name_dns_label);
}

static void check_csi(const struct place *p, const struct path *at, struct field_errors *e)
{
	static const char *const secrets[] = { "controllerPublishSecretRef",
					       "controllerExpandSecretRef", "nodePublishSecretRef",
					       "nodeExpandSecretRef" };
	const json_t *own = json_object_get(p->source, "nodePublishSecretRef");
	rule_driver_name(e, PATH(at, "driver"), json_str(p->source, "driver"));
	if (p->is_persistent) {
		rule_required(e, PATH(at, "volumeHandle"), json_str(p->source, "volumeHandle"));
		for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
			check_csi_secret(json_object_get(p->source, secrets[i]),
					 PATH(at, secrets[i]), e);
	} else if (own && !*json_str_or(own, "name", "")) {
		rule_required(e, PATH(PATH(at, "nodePublishSecretRef"), "name"), NULL);
	} else if (own) {
		rule_name(e, PATH(at, "name"), json_str(own, "name"), name_dns_subdomain);
	}
}

static const struct source {
	const char *name, *shown, *needs[4];
	source_check *check; /* NULL: nothing but its needs */
} sources[] = {
	{ "hostPath", "hostPath", { "path" }, check_host_path },
	{ "gcePersistentDisk", "persistentDisk", { "pdName" }, check_partition },
	{ "awsElasticBlockStore", "awsElasticBlockStore", { "volumeID" }, check_partition },
	{ "glusterfs", "glusterfs", { "endpoints", "path" }, check_glusterfs },
	{ "flocker", "flocker", { NULL }, check_flocker },
	{ "nfs", "nfs", { "server", "path" }, check_nfs },
	{ "rbd", "rbd", { NULL }, check_rbd },
	{ "quobyte", "quobyte", { NULL }, check_quobyte },
	{ "cephfs", "cephfs", { NULL }, check_monitors },
	{ "iscsi", "iscsi", { NULL }, check_iscsi },
	{ "cinder", "cinder", { "volumeID" }, check_cinder },
	{ "fc", "fc", { NULL }, check_fibre_channel },
	{ "flexVolume", "flexVolume", { "driver" }, check_flex },
	{ "azureFile", "azureFile", { "secretName", "shareName" }, check_azure_file },
	{ "vsphereVolume", "vsphereVolume", { "volumePath" }, NULL },
	{ "photonPersistentDisk", "photonPersistentDisk", { "pdID" }, NULL },
	{ "portworxVolume", "portworxVolume", { "volumeID" }, NULL },
	{ "azureDisk", "azureDisk", { "diskName", "diskURI" }, check_azure_disk },
	{ "scaleIO", "scaleIO", { "gateway", "system", "volumeName" }, NULL },
	{ "local", "local", { "path" }, check_own_path },
	{ "storageos", "storageos", { NULL }, check_storageos },
	{ "csi", "csi", { NULL }, check_csi },
};

void validate_source(const char *type, const json_t *source, const char *volume, bool is_persistent,
		     const struct path *at, struct field_errors *e)
{
	const struct place p = { .source = source,
				 .volume = volume,
				 .is_persistent = is_persistent };
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		const struct source *s = &sources[i];
		if (!streq(s->name, type))
			continue;
		const struct path *here = PATH(at, s->shown);
		for (const char *const *need = s->needs; *need; need++)
			rule_required(e, PATH(here, *need), json_str(source, *need));
		if (s->check)
			s->check(&p, here, e);
	}
}
