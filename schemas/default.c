#include "common/base/jsonx.h"
#include "schemas/custom.h"
#include "schemas/default.h"
#include "schemas/members.h"
#include "schemas/print.h"

/* The value of a table default: a scalar in nearly every case. */
static json_t *default_value(const char *text)
{
	size_t n = strlen(text);
	if (text[0] == '"' && !memchr(text, '\\', n))
		return json_stringn(text + 1, n - 2);
	return json_loads(text, JSON_DECODE_ANY, NULL);
}

static void default_inside(const struct schema_field *f, json_t *value)
{
	size_t i;
	json_t *item;
	const char *key;
	if (f->form != SCHEMA_OBJECT)
		return;
	switch (f->shape) {
	case SCHEMA_ONE:
		default_fields(f->type, value);
		break;
	case SCHEMA_LIST:
		json_array_foreach (value, i, item)
			default_fields(f->type, item);
		break;
	case SCHEMA_MAP:
		json_object_foreach (value, key, item)
			default_fields(f->type, item);
		break;
	}
}

void default_fields(const struct schema_type *type, json_t *tree)
{
	if (!json_is_object(tree))
		return;
	struct members members;
	members_open(&members, type, tree);
	for (size_t i = 0; i < type->fields_count; i++) {
		const struct schema_field *f = &type->fields[i];
		json_t *value = members_at(&members, i);
		if (f->default_json && is_empty_value(f, value) && (!value || !f->keeps_empty)) {
			json_object_set_new_nocheck(tree, f->name, default_value(f->default_json));
			continue;
		}
		if (!value && f->is_always_written && f->form == SCHEMA_OBJECT &&
		    f->shape == SCHEMA_ONE) {
			value = json_object();
			json_object_set_new_nocheck(tree, f->name, value);
		}
		if (value)
			default_inside(f, value);
	}
}

void default_text(json_t *o, const char *name, const char *value)
{
	const json_t *now = json_object_get(o, name);
	bool is_empty_text = json_is_string(now) && json_string_length(now) == 0;
	if (!now || json_is_null(now) || is_empty_text)
		json_object_set_new_nocheck(o, name, json_string(value));
}

void default_pointer(json_t *o, const char *name, const char *value)
{
	const json_t *now = json_object_get(o, name);
	if (!now || json_is_null(now))
		json_object_set_new_nocheck(o, name, json_string(value));
}

void default_int(json_t *o, const char *name, int64_t value)
{
	json_t *now = json_object_get(o, name);
	if (!now || json_is_null(now))
		json_object_set_new_nocheck(o, name, json_integer(value));
}

/* One address, and a list of all that begins with it: what names one says it of both. */
static void default_first(json_t *o, const char *one, const char *all, const char *member)
{
	const char *text = json_str_or(o, one, "");
	json_t *first = json_array_get(json_object_get(o, all), 0);
	const char *listed = member ? json_str_or(first, member, "") : json_string_value(first);
	if (!*text && listed && *listed)
		json_object_set_new_nocheck(o, one, json_string_nocheck(listed));
	else if (*text && !streq(listed ? listed : "", text))
		json_object_set_new_nocheck(o, all,
					    member ? json_pack("[{s:s}]", member, text)
						   : json_pack("[s]", text));
}

static void default_config(json_t *tree, const char *kind)
{
	if (streq(kind, "Namespace")) {
		const char *name = json_str(tree, "metadata.name");
		if (name && *name)
			default_text(default_object(json_dig(tree, "metadata"), "labels"),
				     "kubernetes.io/metadata.name", name);
	} else if (streq(kind, "Node")) {
		json_t *capacity = json_dig(tree, "status.capacity");
		default_first(json_object_get(tree, "spec"), "podCIDR", "podCIDRs", NULL);
		if (json_object_size(capacity) && !json_dig(tree, "status.allocatable"))
			json_put(tree, "status.allocatable", json_deep_copy(capacity));
	} else if (streq(kind, "Secret")) {
		default_secret(tree);
	} else if (streq(kind, "EndpointSlice")) {
		size_t i;
		json_t *port;
		json_array_foreach (json_object_get(tree, "ports"), i, port)
			if (!json_object_get(port, "name"))
				json_put_str(port, "name", "");
	}
}

json_t *default_object(json_t *o, const char *name)
{
	json_t *now = json_object_get(o, name);
	if (json_is_object(now) || !json_is_object(o))
		return now;
	now = json_object();
	json_object_set_new_nocheck(o, name, now);
	return now;
}

void schema_default(const struct schema_kind *kind, json_t *tree)
{
	if (kind->custom) {
		custom_default(kind->custom, tree);
		return;
	}
	default_fields(kind->type, tree);
	const char *name = kind->kind;
	if (streq(kind->group, "")) {
		if (streq(name, "Pod")) {
			default_pod(tree);
			default_first(json_object_get(tree, "status"), "podIP", "podIPs", "ip");
		} else if (streq(name, "Service"))
			default_service(tree);
		else
			default_config(tree, name);
	} else if (streq(kind->group, "apps") || streq(kind->group, "batch")) {
		default_workload(name, tree);
	} else {
		default_config(tree, name);
	}
	default_group(kind, tree);
}
