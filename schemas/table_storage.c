/* Rows of volumes, their claims, classes and drivers, and of devices. */
#include "schemas/cells.h"

/* "RWO,ROX", in the order in which people know them, each once. */
static void cell_access_modes(const json_t *modes, json_t *row)
{
	static const char *const names[][2] = { { "ReadWriteOnce", "RWO" },
						{ "ReadOnlyMany", "ROX" },
						{ "ReadWriteMany", "RWX" },
						{ "ReadWriteOncePod", "RWOP" } };
	struct str text;
	str_init(&text, 64);
	for (size_t n = 0; n < ARRAY_LEN(names); n++)
		for (size_t i = 0; i < json_array_size(modes); i++) {
			const char *mode = json_string_value(json_array_get(modes, i));
			if (!mode || !streq(mode, names[n][0]))
				continue;
			str_addf(&text, "%s%s", text.len ? "," : "", names[n][1]);
			break;
		}
	cell_take(row, &text);
}

/* The class, which older objects name in an annotation. */
static const char *class_of(const json_t *tree)
{
	const char *old = json_member_str(json_dig(tree, "metadata.annotations"),
					  "volume.beta.kubernetes.io/storage-class");
	return old ? old : json_str_or(tree, "spec.storageClassName", "");
}

static const char *phase_of(const json_t *tree)
{
	return json_dig(tree, "metadata.deletionTimestamp") ? "Terminating"
							    : json_str_or(tree, "status.phase", "");
}

void table_volume(const json_t *tree, int64_t now_us, json_t *row)
{
	const char *claim = json_str(tree, "spec.claimRef.name");
	cell_text(row, json_str_or(tree, "spec.capacity.storage", "0"));
	cell_access_modes(json_dig(tree, "spec.accessModes"), row);
	cell_text(row, json_str_or(tree, "spec.persistentVolumeReclaimPolicy", ""));
	cell_text(row, phase_of(tree));
	struct str text;
	str_init(&text, 4096);
	if (claim)
		str_addf(&text, "%s/%s", json_str_or(tree, "spec.claimRef.namespace", ""), claim);
	cell_take(row, &text);
	cell_text(row, class_of(tree));
	cell_text_or(row, json_str(tree, "spec.volumeAttributesClassName"), "<unset>");
	cell_text(row, json_str_or(tree, "status.reason", ""));
	cell_age(row, tree, now_us);
	cell_text_or(row, json_str(tree, "spec.volumeMode"), "<unset>");
}

void table_claim(const json_t *tree, int64_t now_us, json_t *row)
{
	const char *volume = json_str_or(tree, "spec.volumeName", "");
	cell_text(row, phase_of(tree));
	cell_text(row, volume);
	cell_text(row, *volume ? json_str_or(tree, "status.capacity.storage", "") : "");
	if (*volume)
		cell_access_modes(json_dig(tree, "status.accessModes"), row);
	else
		cell_text(row, "");
	cell_text(row, class_of(tree));
	cell_text_or(row, json_str(tree, "spec.volumeAttributesClassName"), "<unset>");
	cell_age(row, tree, now_us);
	cell_text_or(row, json_str(tree, "spec.volumeMode"), "<unset>");
}

/* The name again, marked where the class is the default one. */
static void mark_default(const json_t *tree, json_t *row)
{
	const json_t *annotations = json_dig(tree, "metadata.annotations");
	const char *is_default =
		json_member_str(annotations, "storageclass.kubernetes.io/is-default-class");
	if (!is_default)
		is_default = json_member_str(annotations,
					     "storageclass.beta.kubernetes.io/is-default-class");
	if (!is_default || !streq(is_default, "true"))
		return;
	json_t *marked = json_sprintf("%s (default)", json_str_or(tree, "metadata.name", ""));
	json_array_set_new(row, 0, marked);
}

void table_storage_class(const json_t *tree, int64_t now_us, json_t *row)
{
	mark_default(tree, row);
	cell_text(row, json_str_or(tree, "provisioner", ""));
	cell_text_or(row, json_str(tree, "reclaimPolicy"), "Delete");
	cell_text_or(row, json_str(tree, "volumeBindingMode"), "Immediate");
	cell_bool(row, json_bool_or(tree, "allowVolumeExpansion", false));
	cell_age(row, tree, now_us);
}

void table_attributes_class(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_text(row, json_str_or(tree, "driverName", ""));
	cell_age(row, tree, now_us);
}

void table_attachment(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_text(row, json_str_or(tree, "spec.attacher", ""));
	cell_text(row, json_str_or(tree, "spec.source.persistentVolumeName", ""));
	cell_text(row, json_str_or(tree, "spec.nodeName", ""));
	cell_bool(row, json_bool_or(tree, "status.attached", false));
	cell_age(row, tree, now_us);
}

void table_csi_node(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_int(row, (int64_t)json_array_size(json_dig(tree, "spec.drivers")));
	cell_age(row, tree, now_us);
}

void table_csi_driver(const json_t *tree, int64_t now_us, json_t *row)
{
	const json_t *tokens = json_dig(tree, "spec.tokenRequests");
	const json_t *modes = json_dig(tree, "spec.volumeLifecycleModes");
	cell_bool(row, json_bool_or(tree, "spec.attachRequired", true));
	cell_bool(row, json_bool_or(tree, "spec.podInfoOnMount", false));
	cell_bool(row, json_bool_or(tree, "spec.storageCapacity", false));
	struct str text;
	str_init(&text, 4096);
	for (size_t i = 0; i < json_array_size(tokens); i++)
		str_addf(&text, "%s%s", i ? "," : "",
			 json_str_or(json_array_get(tokens, i), "audience", ""));
	if (!json_array_size(tokens))
		str_add(&text, "<unset>");
	cell_take(row, &text);
	cell_bool(row, json_bool_or(tree, "spec.requiresRepublish", false));
	str_init(&text, 4096);
	for (size_t i = 0; i < json_array_size(modes); i++)
		str_addf(&text, "%s%s", i ? "," : "", json_string_value(json_array_get(modes, i)));
	if (!json_array_size(modes))
		str_add(&text, "<none>");
	cell_take(row, &text);
	cell_age(row, tree, now_us);
}

void table_csi_capacity(const json_t *tree, int64_t now_us, json_t *row)
{
	(void)now_us;
	cell_text(row, json_str_or(tree, "storageClassName", ""));
	cell_text_or(row, json_str(tree, "capacity"), "<unset>");
}

void table_resource_claim(const json_t *tree, int64_t now_us, json_t *row)
{
	struct str text;
	str_init(&text, 64);
	bool is_going = json_dig(tree, "metadata.deletionTimestamp");
	bool is_allocated = json_dig(tree, "status.allocation");
	if (is_going)
		str_add(&text, "deleted");
	if (is_allocated)
		str_addf(&text, "%sallocated", text.len ? "," : "");
	if (json_array_size(json_dig(tree, "status.reservedFor")))
		str_addf(&text, "%sreserved", text.len ? "," : "");
	if (!is_allocated && !is_going)
		str_add(&text, "pending");
	cell_take(row, &text);
	cell_age(row, tree, now_us);
}

void table_resource_slice(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_text_or(row, json_str(tree, "spec.nodeName"), "<unset>");
	cell_text(row, json_str_or(tree, "spec.driver", ""));
	cell_text(row, json_str_or(tree, "spec.pool.name", ""));
	cell_age(row, tree, now_us);
}
