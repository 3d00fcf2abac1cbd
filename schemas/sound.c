#include "schemas/sound.h"

#include "schemas/cidr.h"
#include "schemas/custom.h"
#include "schemas/rule.h"

#define CONTENT_SIZE_MAX     (1024 * 1024)
#define ANNOTATIONS_SIZE_MAX (256 * 1024)
#define WORD_SIZE_MAX        128
#define NOTE_SIZE_MAX        1024
#define ADDRESSES_MAX        100
#define ENDPOINTS_MAX        1000
#define PORTS_MAX            32  /* a slice's; more are looked at by the tree */
#define TEXT_MAX             320 /* longer than any name may be */

/* ---- texts ---- */

/* What stands between the quotes, without anything escaped. */
static bool copy(struct span inside, char to[TEXT_MAX])
{
	if (inside.len >= TEXT_MAX || memchr(inside.at, '\\', inside.len))
		return false;
	memcpy(to, inside.at, inside.len);
	to[inside.len] = '\0';
	return true;
}

static struct span inside(struct span value)
{
	if (value.len < 2 || *value.at != '"')
		return (struct span){ "", 0 };
	return (struct span){ value.at + 1, value.len - 2 };
}

static bool is_name(struct span text, name_check *check)
{
	char name[TEXT_MAX];
	return copy(text, name) && name_is(check, name);
}

static bool is_same(struct span a, struct span b)
{
	return a.len == b.len && (a.at == b.at || (a.at && b.at && !memcmp(a.at, b.at, a.len)));
}

/* A member's text; empty where there is none. */
static struct span text_of(struct span object, const char *name)
{
	return inside(scan_member(object, name));
}

/* ---- metadata ---- */

static bool are_labels(struct span labels)
{
	struct scan s = scan_open(labels);
	for (struct span name, value; scan_next(&s, &name, &value);)
		if (!is_name(name, name_label_key) || !is_name(inside(value), name_label_value))
			return false;
	return true;
}

static bool are_annotations(struct span annotations)
{
	size_t size = 0;
	struct scan s = scan_open(annotations);
	for (struct span name, value; scan_next(&s, &name, &value);) {
		char lower[TEXT_MAX];
		if (!copy(name, lower))
			return false;
		for (char *p = lower; *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p - 'A' + 'a');
		if (!name_is(name_label_key, lower))
			return false;
		size += name.len + value.len; /* at least what it is */
	}
	return size <= ANNOTATIONS_SIZE_MAX;
}

static bool are_owners(struct span owners)
{
	static const char *const needed[] = { "apiVersion", "kind", "name", "uid" };
	size_t controllers = 0;
	struct scan s = scan_open(owners);
	for (struct span name, owner; scan_next(&s, &name, &owner);) {
		for (size_t i = 0; i < ARRAY_LEN(needed); i++)
			if (text_of(owner, needed[i]).len == 0)
				return false;
		if (scan_is(scan_member(owner, "kind"), "Event"))
			return false;
		struct span controller = scan_member(owner, "controller"), uid, at, other;
		controllers += controller.at && *controller.at == 't';
		/* One that is there twice is taken out, and told of. */
		uid = scan_member(owner, "uid");
		for (struct scan rest = s; scan_next(&rest, &at, &other);) {
			struct span again = scan_member(other, "uid");
			if (again.len == uid.len && memcmp(again.at, uid.at, uid.len) == 0)
				return false;
		}
	}
	return controllers <= 1;
}

static bool are_finalizers(struct span finalizers)
{
	struct scan s = scan_open(finalizers);
	for (struct span name, value; scan_next(&s, &name, &value);)
		if (!memchr(value.at, '/', value.len) || !is_name(inside(value), name_label_key))
			return false;
	return true;
}

static bool is_metadata(const struct schema_kind *kind, struct span metadata, bool is_create)
{
	struct span namespace = scan_member(metadata, "namespace");
	if (kind->is_namespaced ? !is_name(inside(namespace), name_dns_label)
				: namespace.at != NULL)
		return false;
	struct span name = text_of(metadata, "name");
	if (is_create && (!name.len || !is_name(name, validate_name_rule(kind))))
		return false;
	struct span base = text_of(metadata, "generateName");
	if (base.len > 1 && base.at[base.len - 1] == '-')
		base.len--; /* it may end so */
	if (base.len && !is_name(base, validate_name_rule(kind)))
		return false;
	return are_labels(scan_member(metadata, "labels")) &&
	       are_annotations(scan_member(metadata, "annotations")) &&
	       are_owners(scan_member(metadata, "ownerReferences")) &&
	       are_finalizers(scan_member(metadata, "finalizers"));
}

/* ---- ConfigMap, Secret ---- */

static bool is_content(struct span map, size_t *size)
{
	struct scan s = scan_open(map);
	for (struct span name, value; scan_next(&s, &name, &value);) {
		if (!is_name(name, name_config_key))
			return false;
		*size += value.len; /* at least what it is */
	}
	return true;
}

static bool is_locked(struct span old)
{
	struct span immutable = scan_member(old, "immutable");
	return immutable.at && *immutable.at == 't';
}

static bool is_config_map(struct span object, struct span old)
{
	size_t size = 0;
	struct span data = scan_member(object, "data"), bytes = scan_member(object, "binaryData");
	return (!data.at || !bytes.at) && !is_locked(old) && is_content(data, &size) &&
	       is_content(bytes, &size) && size <= CONTENT_SIZE_MAX;
}

/* Those of Kubernetes' own types have rules of their own, and some get a token. */
static bool is_secret(struct span object, struct span old)
{
	static const char own[] = "kubernetes.io/";
	size_t size = 0;
	struct span type = text_of(object, "type");
	bool is_own = type.len >= sizeof own - 1 && !memcmp(type.at, own, sizeof own - 1);
	return !is_own && !scan_member(object, "stringData").at && !is_locked(old) &&
	       is_content(scan_member(object, "data"), &size) && size <= CONTENT_SIZE_MAX;
}

/* ---- Lease, Event ---- */

static bool is_lease(struct span object, struct span old)
{
	struct span spec = scan_member(object, "spec");
	struct span duration = scan_member(spec, "leaseDurationSeconds");
	(void)old;
	return !scan_member(spec, "strategy").at && !scan_member(spec, "preferredHolder").at &&
	       (!duration.at || (*duration.at >= '1' && *duration.at <= '9'));
}

/* Escapes make a text longer than it is. */
static bool is_word(struct span object, const char *name)
{
	size_t n = text_of(object, name).len;
	return n > 0 && n <= WORD_SIZE_MAX;
}

static bool is_core_event(struct span object, struct span old)
{
	struct span own = text_of(scan_member(object, "metadata"), "namespace");
	struct span about = text_of(scan_member(object, "involvedObject"), "namespace");
	(void)old;
	if (!is_same(own, about))
		return false;
	if (!scan_member(object, "eventTime").at)
		return true;
	return is_name(text_of(object, "reportingComponent"), name_label_key) &&
	       is_word(object, "reportingInstance") && is_word(object, "action") &&
	       is_word(object, "reason") && text_of(object, "message").len <= NOTE_SIZE_MAX;
}

/* ---- ServiceAccount ---- */

/* Who may set its role is asked elsewhere, and an annotation of it is warned of. */
static bool is_account(struct span object, struct span old)
{
	static const char role[] = "skiff.dev/role",
			  mounts[] = "kubernetes.io/enforce-mountable-secrets";
	struct span now = scan_member(object, "metadata"), before = scan_member(old, "metadata");
	return !scan_member(scan_member(now, "labels"), role).at &&
	       !scan_member(scan_member(before, "labels"), role).at &&
	       !scan_member(scan_member(now, "annotations"), mounts).at;
}

/* ---- EndpointSlice ---- */

static bool is_address(struct span value)
{
	static const char *const special[] = { "0.", "127.", "169.254.", "224." };
	char text[TEXT_MAX];
	struct cidr address;
	if (!copy(inside(value), text) || !cidr_parse(text, false, &address) || address.is_v6 ||
	    address.has_zeros)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(special); i++)
		if (starts_with(text, special[i]))
			return false;
	return true;
}

static bool is_endpoint(struct span endpoint)
{
	size_t count = 0;
	struct span node = scan_member(endpoint, "nodeName");
	struct span host = scan_member(endpoint, "hostname");
	struct scan s = scan_open(scan_member(endpoint, "addresses"));
	for (struct span name, value; scan_next(&s, &name, &value); count++)
		if (!is_address(value))
			return false;
	return count > 0 && count <= ADDRESSES_MAX && !scan_member(endpoint, "hints").at &&
	       !scan_member(endpoint, "deprecatedTopology").at &&
	       (!node.at || is_name(inside(node), name_dns_subdomain)) &&
	       (!host.at || is_name(inside(host), name_dns_label));
}

static bool are_ports(struct span ports)
{
	struct span names[PORTS_MAX];
	size_t count = 0;
	struct scan s = scan_open(ports);
	for (struct span name, port; scan_next(&s, &name, &port); count++) {
		struct span own = scan_member(port, "name");
		struct span protocol = scan_member(port, "appProtocol");
		/* One without a name would get an empty one. */
		if (count == PORTS_MAX || !own.at)
			return false;
		names[count] = inside(own);
		if ((names[count].len && !is_name(names[count], name_dns_label)) ||
		    (protocol.at && !is_name(inside(protocol), name_label_key)))
			return false;
		for (size_t i = 0; i < count; i++)
			if (is_same(names[i], names[count]))
				return false;
	}
	return true;
}

static bool is_slice(struct span object, struct span old)
{
	size_t count = 0;
	struct span family = scan_member(object, "addressType");
	if (!scan_is(family, "IPv4") || !are_ports(scan_member(object, "ports")) ||
	    (old.at && !is_same(family, scan_member(old, "addressType"))))
		return false;
	struct scan s = scan_open(scan_member(object, "endpoints"));
	for (struct span name, value; scan_next(&s, &name, &value); count++)
		if (count == ENDPOINTS_MAX || !is_endpoint(value))
			return false;
	return true;
}

/* ---- kinds ---- */

static const struct {
	const char *group, *kind;
	bool (*is_sound)(struct span object, struct span old);
} kinds[] = {
	{ "", "ConfigMap", is_config_map },
	{ "", "Event", is_core_event },
	{ "", "Secret", is_secret },
	{ "", "ServiceAccount", is_account },
	{ "coordination.k8s.io", "Lease", is_lease },
	{ "discovery.k8s.io", "EndpointSlice", is_slice },
};

/* What stands at a dotted path. False: something on the way is no object. */
static bool dig(struct span object, const char *path, struct span *ret)
{
	*ret = object;
	for (const char *p = path; ret->at && *p; p += *p == '.') {
		size_t n = strcspn(p, ".");
		auto_free char *name = xstrndup(p, n);
		if (*ret->at != '{')
			return false;
		*ret = scan_member(*ret, name);
		p += n;
	}
	return true;
}

/* A number that a scale may show, or none. */
static bool has_count(struct span object, const char *path)
{
	struct span number;
	if (!dig(object, path, &number))
		return false;
	for (size_t i = 0; i < number.len; i++)
		if (number.at[i] < '0' || number.at[i] > '9')
			return false;
	return number.len < sizeof "2147483647" - 1;
}

/* What canonical_write() has made of it meets its schema. */
static bool is_custom_object(const struct custom *custom, struct span object)
{
	const struct custom_scale *scale = custom_scale(custom);
	struct span selector = { 0 };
	if (!scale)
		return true;
	return has_count(object, scale->replicas) && has_count(object, scale->status_replicas) &&
	       (!scale->selector || dig(object, scale->selector, &selector)) &&
	       (!selector.at || *selector.at == '"');
}

bool sound_kind(const struct schema_kind *kind)
{
	if (kind->custom)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (streq(kinds[i].kind, kind->kind) && streq(kinds[i].group, kind->group))
			return true;
	return false;
}

/* What the table says must stay; of these kinds' tables it stands at the top. */
static bool keeps_fixed(const struct schema_type *type, struct span object, struct span old)
{
	for (size_t i = 0; old.at && i < type->fields_count; i++) {
		const char *name = type->fields[i].name;
		if (type->fields[i].is_immutable &&
		    !is_same(scan_member(object, name), scan_member(old, name)))
			return false;
	}
	return true;
}

bool sound_object(const struct schema_kind *kind, struct span object, struct span old)
{
	if (kind->custom)
		return is_metadata(kind, scan_member(object, "metadata"), !old.at) &&
		       is_custom_object(kind->custom, object);
	if (!is_metadata(kind, scan_member(object, "metadata"), !old.at) ||
	    !keeps_fixed(kind->type, object, old))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (streq(kinds[i].kind, kind->kind) && streq(kinds[i].group, kind->group))
			return kinds[i].is_sound(object, old);
	return false;
}
