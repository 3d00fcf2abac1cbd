#include "schemas/base64.h"
#include "schemas/cidr.h"
#include "schemas/json_text.h"
#include "schemas/rule.h"

#define CONTENT_SIZE_MAX (1024 * 1024)

/* Adds the sizes of the values to *size. */
static void check_keys(const json_t *map, const struct path *at, const json_t *other, bool is_bytes,
		       size_t *size, struct field_errors *e)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)map, key, value) {
		rule_name(e, PATH_OF(at, key), key, name_config_key);
		AUTO_JSON *shown = json_string_nocheck(key);
		if (json_object_get(other, key))
			rule_broken(e, FIELD_INVALID, PATH_OF(at, key), shown,
				    "duplicate of key present in binaryData");
		size_t n = json_string_length(value);
		*size += is_bytes ? n / 4 * 3 : n;
	}
}

static void check_locked(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const fields[] = { "data", "binaryData" };
	if (!json_bool_or(old, "immutable", false))
		return;
	if (!json_bool_or(tree, "immutable", false))
		rule_broken(e, FIELD_FORBIDDEN, PATH(NULL, "immutable"), NULL,
			    "field is immutable when `immutable` is set");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const json_t *now = json_object_get(tree, fields[i]);
		const json_t *before = json_object_get(old, fields[i]);
		bool is_same = json_object_size(now) + json_object_size(before) == 0 ||
			       json_equal(now, before);
		if (!is_same)
			rule_broken(e, FIELD_FORBIDDEN, PATH(NULL, fields[i]), NULL,
				    "field is immutable when `immutable` is set");
	}
}

static void check_config_map(const json_t *tree, struct field_errors *e)
{
	size_t size = 0;
	const json_t *bytes = json_object_get(tree, "binaryData");
	check_keys(json_object_get(tree, "data"), PATH(NULL, "data"), bytes, false, &size, e);
	check_keys(bytes, PATH(NULL, "binaryData"), NULL, true, &size, e);
	if (size > CONTENT_SIZE_MAX)
		rule_broken(e, FIELD_TOO_LONG, PATH_OF(NULL, ""), NULL,
			    "may not be more than %d bytes", CONTENT_SIZE_MAX);
}

/* The keys that a type of Secret must have; NULL-terminated. */
static const struct {
	const char *type, *keys[3];
} secret_types[] = {
	{ "kubernetes.io/dockercfg", { ".dockercfg" } },
	{ "kubernetes.io/dockerconfigjson", { ".dockerconfigjson" } },
	{ "kubernetes.io/ssh-auth", { "ssh-privatekey" } },
	{ "kubernetes.io/tls", { "tls.crt", "tls.key" } },
};

static const char *kind_of(const json_t *value)
{
	return json_is_array(value)    ? "array"
	       : json_is_string(value) ? "string"
	       : json_is_number(value) ? "number"
				       : "bool";
}

static void check_json_content(const json_t *value, const struct path *at, struct field_errors *e)
{
	AUTO_STR text;
	str_init(&text, json_string_length(value));
	base64_decode(json_string_value(value), json_string_length(value), &text);
	struct error why = { 0 };
	AUTO_JSON *tree = NULL;
	AUTO_JSON *hidden = json_string("<secret contents redacted>");
	int rc = json_text_parse(text.data, text.len, &tree, NULL, &why);
	const char *line = strstr(why.text, " (line "); /* of no use where the text is hidden */
	if (rc < 0)
		rule_broken(e, FIELD_INVALID, at, hidden, "%.*s",
			    line ? (int)(line - why.text) : (int)strlen(why.text), why.text);
	else if (!json_is_object(tree) && !json_is_null(tree))
		rule_broken(e, FIELD_INVALID, at, hidden,
			    "json: cannot unmarshal %s into Go value of type "
			    "map[string]interface {}",
			    kind_of(tree));
}

static void check_secret(const json_t *tree, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "data");
	const json_t *data = json_object_get(tree, "data");
	const char *type = json_str_or(tree, "type", "");
	size_t size = 0;
	check_keys(data, at, NULL, true, &size, e);
	if (size > CONTENT_SIZE_MAX)
		rule_broken(e, FIELD_TOO_LONG, at, NULL, "may not be more than %d bytes",
			    CONTENT_SIZE_MAX);
	if (streq(type, "kubernetes.io/service-account-token")) {
		const char *key = "kubernetes.io/service-account.name";
		const char *name = json_member_str(json_dig(tree, "metadata.annotations"), key);
		rule_required(e, PATH_OF(PATH(PATH(NULL, "metadata"), "annotations"), key), name);
	}
	if (streq(type, "kubernetes.io/basic-auth") && !json_object_get(data, "username") &&
	    !json_object_get(data, "password")) {
		rule_required(e, PATH_OF(at, "username"), NULL);
		rule_required(e, PATH_OF(at, "password"), NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(secret_types); i++) {
		if (!streq(secret_types[i].type, type))
			continue;
		for (const char *const *key = secret_types[i].keys; *key; key++) {
			const json_t *value = json_object_get(data, *key);
			/* An SSH key must be one; of the others it is enough to be there. */
			bool is_key = streq(*key, "ssh-privatekey");
			if (!value || (is_key && !json_string_length(value)))
				rule_required(e, PATH_OF(at, *key), NULL);
			else if (i < 2)
				check_json_content(value, PATH_OF(at, *key), e);
		}
	}
}

static void check_pod_cidrs(const json_t *list, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "spec"), "podCIDRs");
	size_t count = json_array_size(list);
	bool has[2] = { false, false };
	const char *bad = NULL;
	size_t bad_at = 0;
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		struct cidr cidr;
		if (cidr_parse(text, true, &cidr)) {
			has[cidr.is_v6] = true;
			continue;
		}
		rule_bad_text(e, FIELD_INVALID, PATH_AT(at, i), text,
			      "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
		if (!bad) {
			bad = text;
			bad_at = i;
		}
	}
	if (count < 2)
		return;
	if (bad)
		rule_broken(e, FIELD_INTERNAL, at, NULL,
			    "invalid PodCIDRs. failed to check with dual stack with error:invalid "
			    "CIDR[%zu]: <nil> (invalid CIDR address: %s)",
			    bad_at, bad);
	if (bad || count > 2 || !has[0] || !has[1])
		rule_broken(e, FIELD_INVALID, at, list,
			    "may specify no more than one CIDR for each IP family");
}

static void check_node_update(const json_t *tree, const json_t *old, struct field_errors *e)
{
	/* podCIDR is the first of podCIDRs, by default. */
	static const char *const fields[] = { "podCIDRs", "providerID" };
	static const char *const words[] = { "podCIDR", "providerID" };
	const json_t *spec = json_object_get(tree, "spec"), *before = json_object_get(old, "spec");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const json_t *was = json_object_get(before, fields[i]);
		if (was && !rule_same(was, NULL) &&
		    !rule_same(json_object_get(spec, fields[i]), was))
			rule_broken(e, FIELD_FORBIDDEN, PATH(PATH(NULL, "spec"), fields[i]), NULL,
				    "node updates may not change %s except from \"\" to valid",
				    words[i]);
	}
}

void validate_config(const char *kind, const json_t *tree, const json_t *old,
		     struct field_errors *e)
{
	if (streq(kind, "ConfigMap"))
		check_config_map(tree, e);
	else if (streq(kind, "Secret"))
		check_secret(tree, e);
	else if (streq(kind, "Namespace"))
		validate_namespace_finalizers(json_dig(tree, "spec.finalizers"),
					      PATH(PATH(NULL, "spec"), "finalizers"), e);
	else if (streq(kind, "Node")) {
		/* Told of metadata, as the original has it. */
		validate_taints(json_dig(tree, "spec.taints"),
				PATH(PATH(NULL, "metadata"), "taints"), e);
		check_pod_cidrs(json_dig(tree, "spec.podCIDRs"), e);
		validate_node_status(tree, old, e);
	}
	if (old && (streq(kind, "ConfigMap") || streq(kind, "Secret")))
		check_locked(tree, old, e);
	else if (old && streq(kind, "Node"))
		check_node_update(tree, old, e);
}
