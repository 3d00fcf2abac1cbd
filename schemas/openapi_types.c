/*
 * The schemas of built-in types. Fields that are always written say so by a default, the zero value
 * that Go gives them; defaults that depend on the kind are none of a schema's, but the few that
 * Kubernetes declares.
 */
#include "schemas/openapi_internal.h"

#define EXTENSIONS "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
#define REFERENCE  "\"$ref\":\"#/components/schemas/"

/* What is no object of the tables, but has a name: its schema, without braces. */
static const struct leaf {
	const char *name, *description, *schema;
} leaves[] = {
	{ OPENAPI_META "Time", "A time to the second.",
	  "\"type\":\"string\",\"format\":\"date-time\"" },
	{ OPENAPI_META "MicroTime", "A time to the microsecond.",
	  "\"type\":\"string\",\"format\":\"date-time\"" },
	{ OPENAPI_META "FieldsV1", "A set of fields.", "\"type\":\"object\"" },
	{ OPENAPI_META "Patch", "A patch; its content type says of which kind.",
	  "\"type\":\"object\"" },
	{ OPENAPI_META "APIVersions", "The versions of the core group.",
	  "\"type\":\"object\",\"required\":[\"versions\",\"serverAddressByClientCIDRs\"],"
	  "\"properties\":{\"apiVersion\":{\"type\":\"string\"},\"kind\":{\"type\":\"string\"},"
	  "\"serverAddressByClientCIDRs\":{\"type\":\"array\",\"items\":{\"default\":{},\"allOf\":"
	  "[{" REFERENCE OPENAPI_META "ServerAddressByClientCIDR\"}]},"
	  "\"x-kubernetes-list-type\":\"atomic\"},\"versions\":{\"type\":\"array\",\"items\":{"
	  "\"type\":\"string\",\"default\":\"\"},\"x-kubernetes-list-type\":\"atomic\"}},"
	  "\"x-kubernetes-group-version-kind\":[{\"group\":\"\",\"kind\":\"APIVersions\","
	  "\"version\":\"v1\"}]" },
	{ "io.k8s.apimachinery.pkg.api.resource.Quantity", "A quantity: a number, with a unit.",
	  "\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]" },
	{ "io.k8s.apimachinery.pkg.util.intstr.IntOrString", "A number, or a text.",
	  "\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"format\":\"int-or-string\"" },
	{ "io.k8s.apimachinery.pkg.runtime.RawExtension", "An object of any kind.",
	  "\"type\":\"object\"" },
	{ "io.k8s.apimachinery.pkg.version.Info", "The version of the server.",
	  "\"type\":\"object\",\"required\":[\"major\",\"minor\",\"gitVersion\",\"gitCommit\","
	  "\"gitTreeState\",\"buildDate\",\"goVersion\",\"compiler\",\"platform\"],\"properties\":{"
	  "\"buildDate\":{\"type\":\"string\",\"default\":\"\"},\"compiler\":{\"type\":\"string\","
	  "\"default\":\"\"},\"emulationMajor\":{\"type\":\"string\"},\"emulationMinor\":{"
	  "\"type\":\"string\"},\"gitCommit\":{\"type\":\"string\",\"default\":\"\"},"
	  "\"gitTreeState\":{\"type\":\"string\",\"default\":\"\"},\"gitVersion\":{\"type\":"
	  "\"string\",\"default\":\"\"},\"goVersion\":{\"type\":\"string\",\"default\":\"\"},"
	  "\"major\":{\"type\":\"string\",\"default\":\"\"},\"minCompatibilityMajor\":{\"type\":"
	  "\"string\"},\"minCompatibilityMinor\":{\"type\":\"string\"},\"minor\":{\"type\":"
	  "\"string\",\"default\":\"\"},\"platform\":{\"type\":\"string\",\"default\":\"\"}}" },
	{ EXTENSIONS "JSON", "Any JSON value.", NULL },
	{ EXTENSIONS "JSONSchemaPropsOrArray", "A schema, or a list of them.", NULL },
	{ EXTENSIONS "JSONSchemaPropsOrBool", "A schema, or whether anything goes.", NULL },
	{ EXTENSIONS "JSONSchemaPropsOrStringArray", "A schema, or a list of names.", NULL },
};

/* Types that no kind is, but requests and answers are. */
static const struct {
	const char *type, *group, *version, *kind;
} bodies[] = {
	{ "autoscaling.v1.Scale", "autoscaling", "v1", "Scale" },
	{ "policy.v1.Eviction", "policy", "v1", "Eviction" },
	{ "authentication.v1.TokenRequest", "authentication.k8s.io", "v1", "TokenRequest" },
	{ "apis.meta.v1.Status", "", "v1", "Status" },
	{ "apis.meta.v1.APIGroup", "", "v1", "APIGroup" },
	{ "apis.meta.v1.APIGroupList", "", "v1", "APIGroupList" },
	{ "apis.meta.v1.APIResourceList", "", "v1", "APIResourceList" },
	{ "apis.meta.v1.DeleteOptions", "", "v1", "DeleteOptions" },
	{ "apis.meta.v1.WatchEvent", "", "v1", "WatchEvent" },
};

/* Defaults that Kubernetes declares, beside the zero values of what is always written. */
static const struct {
	const char *type, *field, *value;
} declared[] = {
	{ "apis.meta.v1.WatchEvent", "type", "\"\"" },
	{ "autoscaling.v1.ScaleSpec", "replicas", "0" },
	{ "core.v1.AzureDiskVolumeSource", "cachingMode", "\"ReadWrite\"" },
	{ "core.v1.AzureDiskVolumeSource", "fsType", "\"ext4\"" },
	{ "core.v1.AzureDiskVolumeSource", "kind", "\"Shared\"" },
	{ "core.v1.AzureDiskVolumeSource", "readOnly", "false" },
	{ "core.v1.ConfigMapEnvSource", "name", "\"\"" },
	{ "core.v1.ConfigMapKeySelector", "name", "\"\"" },
	{ "core.v1.ConfigMapProjection", "name", "\"\"" },
	{ "core.v1.ConfigMapVolumeSource", "name", "\"\"" },
	{ "core.v1.ContainerPort", "protocol", "\"TCP\"" },
	{ "core.v1.FileKeySelector", "optional", "false" },
	{ "core.v1.GRPCAction", "service", "\"\"" },
	{ "core.v1.ISCSIPersistentVolumeSource", "iscsiInterface", "\"default\"" },
	{ "core.v1.ISCSIVolumeSource", "iscsiInterface", "\"default\"" },
	{ "core.v1.LocalObjectReference", "name", "\"\"" },
	{ "core.v1.RBDPersistentVolumeSource", "keyring", "\"/etc/ceph/keyring\"" },
	{ "core.v1.RBDPersistentVolumeSource", "pool", "\"rbd\"" },
	{ "core.v1.RBDPersistentVolumeSource", "user", "\"admin\"" },
	{ "core.v1.RBDVolumeSource", "keyring", "\"/etc/ceph/keyring\"" },
	{ "core.v1.RBDVolumeSource", "pool", "\"rbd\"" },
	{ "core.v1.RBDVolumeSource", "user", "\"admin\"" },
	{ "core.v1.ReplicationControllerSpec", "minReadySeconds", "0" },
	{ "core.v1.ReplicationControllerSpec", "replicas", "1" },
	{ "core.v1.ScaleIOPersistentVolumeSource", "fsType", "\"xfs\"" },
	{ "core.v1.ScaleIOPersistentVolumeSource", "storageMode", "\"ThinProvisioned\"" },
	{ "core.v1.ScaleIOVolumeSource", "fsType", "\"xfs\"" },
	{ "core.v1.ScaleIOVolumeSource", "storageMode", "\"ThinProvisioned\"" },
	{ "core.v1.SecretEnvSource", "name", "\"\"" },
	{ "core.v1.SecretKeySelector", "name", "\"\"" },
	{ "core.v1.SecretProjection", "name", "\"\"" },
	{ "core.v1.ServicePort", "protocol", "\"TCP\"" },
	{ "resource.v1.DeviceToleration", "operator", "\"Equal\"" },
};

/* One of several fields is given, and which one another field may say. */
static const struct {
	const char *type, *discriminator, *fields;
} unions[] = {
	{ "core.v1.AppArmorProfile", "type", "\"localhostProfile\":\"LocalhostProfile\"" },
	{ "core.v1.PodSchedulingGroup", NULL, "\"podGroupName\":\"PodGroupName\"" },
	{ "core.v1.SeccompProfile", "type", "\"localhostProfile\":\"LocalhostProfile\"" },
	{ "flowcontrol.v1.LimitResponse", "type", "\"queuing\":\"Queuing\"" },
	{ "flowcontrol.v1.PriorityLevelConfigurationSpec", "type",
	  "\"exempt\":\"Exempt\",\"limited\":\"Limited\"" },
	{ "flowcontrol.v1.Subject", "kind",
	  "\"group\":\"Group\",\"serviceAccount\":\"ServiceAccount\",\"user\":\"User\"" },
};

/* What Kubernetes says of parts of a field, though it goes without saying: that they are owned one by
 * one, or, of bytes, which Go has as a list, that they are not. */
static const struct {
	const char *type, *field, *rule;
} declared_rules[] = {
	{ "core.v1.PersistentVolumeClaimStatus", "allocatedResourceStatuses",
	  ",\"x-kubernetes-map-type\":\"granular\"" },
	{ "core.v1.PersistentVolumeSpec", "claimRef", ",\"x-kubernetes-map-type\":\"granular\"" },
	{ "apiregistration.v1.APIServiceSpec", "caBundle",
	  ",\"x-kubernetes-list-type\":\"atomic\"" },
};

void openapi_add_member(struct str *out, const char *name, const char *value)
{
	str_addf(out, "\"%s\":", name);
	str_add_json(out, value, strlen(value));
}

/* ---- fields ---- */

/* The full name of what a field refers to, beside objects; NULL: it is a plain value. */
static const char *leaf_of(const struct schema_type *owner, const struct schema_field *f)
{
	static const char *const names[SCHEMA_FORM_COUNT] = {
		[SCHEMA_TIME] = OPENAPI_META "Time",
		[SCHEMA_MICRO_TIME] = OPENAPI_META "MicroTime",
		[SCHEMA_QUANTITY] = "io.k8s.apimachinery.pkg.api.resource.Quantity",
		[SCHEMA_INT_OR_STRING] = "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
		[SCHEMA_FIELDS_V1] = OPENAPI_META "FieldsV1",
		[SCHEMA_ANY] = "io.k8s.apimachinery.pkg.runtime.RawExtension",
		[SCHEMA_SCHEMA_OR_LIST] = EXTENSIONS "JSONSchemaPropsOrArray",
		[SCHEMA_SCHEMA_OR_BOOL] = EXTENSIONS "JSONSchemaPropsOrBool",
		[SCHEMA_SCHEMA_OR_STRINGS] = EXTENSIONS "JSONSchemaPropsOrStringArray",
	};
	if (f->form == SCHEMA_ANY && starts_with(owner->name, "apiextensions."))
		return EXTENSIONS "JSON";
	return names[f->form];
}

/* What stands where nothing is given; NULL: nothing. */
static const char *zero_of(const struct schema_field *f)
{
	switch (f->form) {
	case SCHEMA_OBJECT:
		return "{}";
	case SCHEMA_STRING:
		return "\"\"";
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_DOUBLE:
		return "0";
	case SCHEMA_BOOL:
		return "false";
	default:
		return NULL;
	}
}

static const char *default_of(const struct schema_type *owner, const struct schema_field *f)
{
	for (size_t i = 0; i < ARRAY_LEN(declared); i++)
		if (streq(declared[i].field, f->name) && streq(declared[i].type, owner->name))
			return declared[i].value;
	if (f->shape != SCHEMA_ONE || f->keeps_empty)
		return NULL;
	return f->form == SCHEMA_OBJECT || f->is_always_written ? zero_of(f) : NULL;
}

/* Beside anything else a reference does not stand alone: what is beside it would not count. */
static void add_reference(struct str *out, const struct schema_type *type, const char *leaf,
			  bool is_alone)
{
	str_add(out, is_alone ? REFERENCE : "\"allOf\":[{" REFERENCE);
	if (leaf)
		str_add(out, leaf);
	else
		openapi_type_name(type, out);
	str_add(out, is_alone ? "\"" : "\"}]");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_enum(struct str *out, const struct schema_type *owner, const struct schema_field *f)
{
	const char *const *values = f->enum_values;
	const char *listed;
	if (openapi_listed_values(owner, f, &listed)) {
		if (listed)
			str_addf(out, ",\"enum\":[%s]", listed);
		return;
	}
	if (!values)
		return;
	const char *sorted[64];
	size_t n = 0;
	while (values[n] && n < ARRAY_LEN(sorted)) {
		sorted[n] = values[n];
		n++;
	}
	qsort(sorted, n, sizeof *sorted, by_text);
	str_add(out, ",\"enum\":[");
	for (size_t i = 0; i < n; i++)
		str_addf(out, "%s\"%s\"", i ? "," : "", sorted[i]);
	str_add_char(out, ']');
}

/* One value: of the field, or of the list or map that it is. */
static void add_value(struct str *out, const struct schema_type *owner,
		      const struct schema_field *f, const char *fallback, bool is_alone)
{
	static const char *const texts[SCHEMA_FORM_COUNT] = {
		[SCHEMA_STRING] = "\"type\":\"string\"",
		[SCHEMA_INT32] = "\"type\":\"integer\",\"format\":\"int32\"",
		[SCHEMA_INT64] = "\"type\":\"integer\",\"format\":\"int64\"",
		[SCHEMA_BOOL] = "\"type\":\"boolean\"",
		[SCHEMA_DOUBLE] = "\"type\":\"number\",\"format\":\"double\"",
		[SCHEMA_BYTES] = "\"type\":\"string\",\"format\":\"byte\"",
		[SCHEMA_DURATION] = "\"type\":\"string\"",
		[SCHEMA_STRING_LIST] =
			"\"type\":\"array\",\"items\":{\"type\":\"string\",\"default\":\"\"}",
	};
	const char *leaf = leaf_of(owner, f);
	if (leaf || f->form == SCHEMA_OBJECT)
		add_reference(out, f->type, leaf, is_alone && !fallback);
	else
		str_add(out, texts[f->form]);
	if (fallback)
		str_addf(out, ",\"default\":%s", fallback);
	if (f->form == SCHEMA_STRING)
		add_enum(out, owner, f);
}

/* Of what is only answered nobody owns parts. */
static bool is_owned(const struct schema_type *owner, const struct schema_field *f)
{
	size_t n = strlen(owner->name), end = strlen("List");
	bool is_list = n > end && streq(owner->name + n - end, "List");
	return !(is_list && streq(f->name, "items")) &&
	       !(streq(f->name, "verbs") && streq(owner->name, "apis.meta.v1.APIResource"));
}

static void add_list_rules(struct str *out, const struct schema_field *f)
{
	static const char *const types[] = { "atomic", "set", "map" };
	str_addf(out, ",\"x-kubernetes-list-type\":\"%s\"", types[f->list_type]);
	if (!f->list_map_keys)
		return;
	str_add(out, ",\"x-kubernetes-list-map-keys\":[");
	for (size_t i = 0; f->list_map_keys[i]; i++)
		str_addf(out, "%s\"%s\"", i ? "," : "", f->list_map_keys[i]);
	str_add_char(out, ']');
}

static void add_patch_rules(struct str *out, const struct schema_field *f)
{
	if (f->patch_merge)
		str_addf(out, ",\"x-kubernetes-patch-strategy\":\"%s\"",
			 f->patch_retain_keys ? "merge,retainKeys" : "merge");
	else if (f->patch_replace || f->patch_retain_keys)
		str_addf(out, ",\"x-kubernetes-patch-strategy\":\"%s\"",
			 f->patch_replace ? "replace" : "retainKeys");
	if (f->patch_merge_key)
		str_addf(out, ",\"x-kubernetes-patch-merge-key\":\"%s\"", f->patch_merge_key);
}

static void add_property(struct str *out, const struct schema_type *owner,
			 const struct schema_field *f)
{
	const char *fallback = default_of(owner, f);
	str_add_json(out, f->name, strlen(f->name));
	str_add(out, ":{");
	if (f->description) {
		openapi_add_member(out, "description", f->description);
		str_add_char(out, ',');
	}
	switch (f->shape) {
	case SCHEMA_ONE:
		add_value(out, owner, f, fallback, !f->description && !f->patch_replace);
		break;
	case SCHEMA_LIST:
		str_add(out, "\"type\":\"array\",\"items\":{");
		add_value(out, owner, f, zero_of(f), true);
		str_add_char(out, '}');
		if (is_owned(owner, f))
			add_list_rules(out, f);
		break;
	case SCHEMA_MAP:
		str_add(out, "\"type\":\"object\",\"additionalProperties\":{");
		add_value(out, owner, f, zero_of(f), true);
		str_add_char(out, '}');
		break;
	}
	if (f->is_atomic_map)
		str_add(out, ",\"x-kubernetes-map-type\":\"atomic\"");
	for (size_t i = 0; i < ARRAY_LEN(declared_rules); i++)
		if (streq(declared_rules[i].field, f->name) &&
		    streq(declared_rules[i].type, owner->name))
			str_add(out, declared_rules[i].rule);
	add_patch_rules(out, f);
	str_add_char(out, '}');
}

/* ---- types ---- */

static void add_kind(struct str *out, bool has_one, const char *group, const char *version,
		     const char *kind, const char *suffix)
{
	str_addf(out, "%s{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s%s\"}",
		 has_one ? "," : ",\"x-kubernetes-group-version-kind\":[", group, version, kind,
		 suffix);
}

/* What deletes and watches stands in every group. */
static const char *const everywhere[] = { "apis.meta.v1.DeleteOptions", "apis.meta.v1.WatchEvent" };

bool openapi_is_everywhere(const char *name)
{
	static const char prefix[] = "io.k8s.apimachinery.pkg.";
	for (size_t i = 0; i < ARRAY_LEN(everywhere); i++)
		if (starts_with(name, prefix) && streq(name + sizeof prefix - 1, everywhere[i]))
			return true;
	return false;
}

static bool is_everywhere(const struct schema_type *type)
{
	AUTO_STR name;
	str_init(&name, 1024);
	openapi_type_name(type, &name);
	return openapi_is_everywhere(name.data);
}

/* "List" where `name` is that of `type` and this word. */
static bool is_list_of(const char *name, const char *type)
{
	size_t n = strlen(type);
	return strncmp(name, type, n) == 0 && streq(name + n, "List");
}

static void add_kinds(const struct openapi_types *t, const struct schema_type *type)
{
	bool has_one = false;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		if (!streq(bodies[i].type, type->name))
			continue;
		add_kind(t->out, false, bodies[i].group, bodies[i].version, bodies[i].kind, "");
		if (*t->group && is_everywhere(type))
			add_kind(t->out, true, t->group, t->version, bodies[i].kind, "");
		has_one = true;
	}
	for (size_t i = 0; i < schema_kinds_count() && !has_one; i++) {
		const struct schema_kind *k = schema_kind_at(i);
		bool is_list = is_list_of(type->name, k->type->name);
		if (k->type != type && !is_list)
			continue;
		add_kind(t->out, false, k->group, k->version, k->kind, is_list ? "List" : "");
		has_one = true;
	}
	if (has_one)
		str_add_char(t->out, ']');
}

static void start(struct openapi_types *t)
{
	if (t->has_one)
		str_add_char(t->out, ',');
	t->has_one = true;
}

static void add_leaf(struct openapi_types *t, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(leaves); i++) {
		if (!streq(leaves[i].name, name) || map_has(&t->seen, name))
			continue;
		map_put(&t->seen, name, t);
		start(t);
		str_addf(t->out, "\"%s\":{", name);
		openapi_add_member(t->out, "description", leaves[i].description);
		str_addf(t->out, "%s%s}", leaves[i].schema ? "," : "",
			 leaves[i].schema ? leaves[i].schema : "");
	}
}

static void add_required(struct str *out, const struct schema_type *type)
{
	bool has_one = false;
	for (size_t i = 0; i < type->fields_count; i++) {
		if (!type->fields[i].is_required)
			continue;
		str_addf(out, "%s\"%s\"", has_one ? "," : ",\"required\":[", type->fields[i].name);
		has_one = true;
	}
	if (has_one)
		str_add_char(out, ']');
}

static void add_union(struct str *out, const struct schema_type *type)
{
	for (size_t i = 0; i < ARRAY_LEN(unions); i++) {
		if (!streq(unions[i].type, type->name))
			continue;
		str_add(out, ",\"x-kubernetes-unions\":[{");
		if (unions[i].discriminator)
			str_addf(out, "\"discriminator\":\"%s\",", unions[i].discriminator);
		str_addf(out, "\"fields-to-discriminateBy\":{%s}}]", unions[i].fields);
	}
}

static void add_one(struct openapi_types *t, const struct schema_type *type)
{
	struct str *out = t->out;
	start(t);
	str_add_char(out, '"');
	openapi_type_name(type, out);
	str_add(out, "\":{\"type\":\"object\"");
	if (*type->description) {
		str_add_char(out, ',');
		openapi_add_member(out, "description", type->description);
	}
	add_kinds(t, type);
	add_required(out, type);
	for (size_t i = 0; i < type->fields_count; i++) {
		str_add(out, i ? "," : ",\"properties\":{");
		add_property(out, type, &type->fields[i]);
	}
	if (type->fields_count)
		str_add_char(out, '}');
	if (type->is_atomic)
		str_add(out, ",\"x-kubernetes-map-type\":\"atomic\"");
	add_union(out, type);
	str_add_char(out, '}');
}

void openapi_add_type(struct openapi_types *t, const struct schema_type *type)
{
	if (map_has(&t->seen, type->name))
		return;
	map_put(&t->seen, type->name, t);
	add_one(t, type);
	for (size_t i = 0; i < type->fields_count; i++) {
		const struct schema_field *f = &type->fields[i];
		const char *leaf = leaf_of(type, f);
		if (leaf)
			add_leaf(t, leaf);
		if (f->type)
			openapi_add_type(t, f->type);
	}
}

void openapi_add_named(struct openapi_types *t, const char *name)
{
	const struct schema_type *type = schema_type_by_name(name);
	if (type)
		openapi_add_type(t, type);
	else
		add_leaf(t, name);
}

void openapi_types_init(struct openapi_types *t, struct str *out, const char *group,
			const char *version)
{
	*t = (struct openapi_types){ .out = out, .group = group, .version = version };
}

void openapi_types_fini(struct openapi_types *t)
{
	map_fini(&t->seen);
}
