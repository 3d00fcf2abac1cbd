/*
 * Cluster addresses of Services. Two things stand for an address that is taken, and both are made with
 * the Service, in one write, each only where it is not there yet: the key alloc/ip/ADDRESS, which the
 * server alone can write, and the IPAddress object, which everybody sees and which users may make
 * (then nobody is given the address) and remove (then it is made again, address_keep.h: the key is
 * still there).
 *
 * Addresses are given out of the server's own range, and when that is full, of further ServiceCIDRs,
 * which must be as they were seen to be: none is given out of a range that is going.
 */
#include "apiserver/address_keep.h"
#include "apiserver/alloc.h"
#include "apiserver/change.h"
#include "common/base/jsonx.h"

#include <arpa/inet.h>
#include <stdio.h>

/* ---- ranges ---- */

bool address_ranges_read(const char *cidr, struct address_ranges *ret)
{
	char text[64];
	const char *slash = strchr(cidr, '/');
	struct in_addr base;
	unsigned bits = 0;
	if (!slash || (size_t)(slash - cidr) >= sizeof text || strlen(cidr) >= sizeof ret->cidr)
		return false;
	memcpy(text, cidr, (size_t)(slash - cidr));
	text[slash - cidr] = '\0';
	for (const char *p = slash + 1; *p >= '0' && *p <= '9' && bits <= 32; p++)
		bits = bits * 10 + (unsigned)(*p - '0');
	if (inet_pton(AF_INET, text, &base) != 1 || bits < 8 || bits > 30)
		return false;
	*ret = (struct address_ranges){ .count = (1u << (32 - bits)) - 2 };
	ret->first = (ntohl(base.s_addr) & ~((1u << (32 - bits)) - 1)) + 1;
	memcpy(ret->cidr, cidr, strlen(cidr) + 1);
	return true;
}

int address_ranges_new(const char *service_cidr, struct address_ranges **ret, struct error *err)
{
	struct address_ranges a;
	if (!address_ranges_read(service_cidr, &a) || a.count < 14)
		return error_set(err, ERR_INVALID,
				 "Service range '%s' is no IPv4 CIDR between /8 and /28",
				 service_cidr);
	*ret = xmemdup(&a, sizeof a);
	return 0;
}

void address_ranges_nth(const struct address_ranges *a, uint32_t n, char out[16])
{
	struct in_addr address = { htonl(a->first + n - 1) };
	const char *text = inet_ntop(AF_INET, &address, out, 16);
	assert(text);
}

bool address_ranges_has(const struct address_ranges *a, const char *address)
{
	struct in_addr in;
	if (inet_pton(AF_INET, address, &in) != 1)
		return false;
	uint32_t n = ntohl(in.s_addr);
	return n >= a->first && n - a->first < a->count;
}

static const struct schema_kind *range_kind(void)
{
	return schema_kind_by_kind("networking.k8s.io", "v1", "ServiceCIDR");
}

/* False: nothing is given out of it, or not of IPv4. */
static bool read_range(const struct object *o, struct address_ranges *ret)
{
	if (o->is_deleting)
		return false;
	AUTO_JSON *tree = object_tree(o);
	const json_t *cidrs = json_dig(tree, "spec.cidrs");
	const json_t *ready = json_find(json_dig(tree, "status.conditions"), "type", "Ready");
	if (ready && !streq(json_str_or(ready, "status", ""), "True"))
		return false;
	for (size_t i = 0; i < json_array_size(cidrs); i++)
		if (address_ranges_read(json_string_value(json_array_get(cidrs, i)), ret))
			return true;
	return false;
}

/* The next range beside the server's own; NULL: no more. */
static const struct object *next_range(const struct index *x, struct index_cursor *at,
				       struct address_ranges *ret)
{
	const struct object *o;
	while ((o = index_next(x, at)))
		if (!streq(o->name, ADDRESS_DEFAULT_RANGE) && read_range(o, ret))
			return o;
	return NULL;
}

/* ---- one address ---- */

static bool is_free(const struct change *c, const char *ip)
{
	char key[ADDRESS_KEY_SIZE];
	address_key(key, ip);
	return !alloc_is_taken(c, key) && !hub_get(c->server->hub, address_kind(), NULL, ip);
}

/* As schema_print() would: a tree of it costs as much as the rest of the allocation. */
static void print_address(const struct change *c, const char *ip, struct str *to)
{
	char uid[37];
	server_new_uid(c->server, uid);
	str_addf(
		to,
		"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"IPAddress\",\"metadata\":{"
		"\"name\":\"%s\",\"uid\":\"%s\",\"creationTimestamp\":\"%s\",\"labels\":{"
		"\"" ADDRESS_FAMILY "\":\"IPv4\",\"" ADDRESS_MANAGED "\":\"" ADDRESS_MANAGER
		"\"},\"managedFields\":[{\"manager\":\"kube-apiserver\",\"operation\":\"Update\","
		"\"apiVersion\":\"networking.k8s.io/v1\",\"time\":\"%s\",\"fieldsType\":"
		"\"FieldsV1\",\"fieldsV1\":{\"f:metadata\":{\"f:labels\":{\".\":{},"
		"\"f:" ADDRESS_FAMILY "\":{},\"f:" ADDRESS_MANAGED "\":{}}},\"f:spec\":{"
		"\"f:parentRef\":{\".\":{},\"f:name\":{},\"f:namespace\":{},\"f:resource\":{}}}}}]}",
		ip, uid, c->now, c->now);
	address_tail(to, c->ns, c->name);
}

static int take(struct change *c, const char *ip, struct failure *f)
{
	char key[ADDRESS_KEY_SIZE];
	AUTO_STR bytes;
	str_init(&bytes, 4096);
	address_key(key, ip);
	alloc_take(c, key);
	print_address(c, ip, &bytes);
	if (change_make_object(c, address_kind(), "", ip, &bytes, f) < 0)
		return -1;
	json_put_str(c->tree, "spec.clusterIP", ip);
	json_put(c->tree, "spec.clusterIPs", json_pack("[s]", ip));
	return 0;
}

static int refuse(struct change *c, const char *ip, const char *why, struct failure *f)
{
	struct field_errors errors = { 0 };
	AUTO_JSON *shown = json_pack("[s]", ip);
	field_errors_add(&errors, FIELD_INVALID, "spec.clusterIPs", shown,
			 "failed to allocate IP %s: %s", ip, why);
	int code = fail_invalid(f, c->kind, c->name, &errors);
	field_errors_fini(&errors);
	return code;
}

/* The low 16th (at most 256) is left to those who ask for an address by name. */
static bool pick(struct change *c, const struct address_ranges *a, char out[16])
{
	uint32_t low = MIN(a->count / 16, 256u);
	uint32_t n = a->count - low, start = alloc_random(c, n);
	for (uint32_t i = 0; i < n; i++) {
		address_ranges_nth(a, low + 1 + (start + i) % n, out);
		if (is_free(c, out))
			return true;
	}
	return false;
}

static int take_any(struct change *c, struct failure *f)
{
	char ip[16];
	if (pick(c, c->server->ranges, ip))
		return take(c, ip, f);
	const struct index *ranges = hub_index(c->server->hub, range_kind());
	struct index_cursor at = index_seek(ranges, NULL);
	struct address_ranges more;
	for (const struct object *o; (o = next_range(ranges, &at, &more));) {
		if (!pick(c, &more, ip))
			continue;
		change_guard_object(c, o->kind, "", o->name);
		return take(c, ip, f);
	}
	return fail_internal(f, "failed to allocate a serviceIP: range %s is full",
			     c->server->ranges->cidr);
}

/* The range that the address is of; NULL: none, or (*ret_is_own) the server's. */
static const struct object *range_of(const struct change *c, const char *ip, bool *ret_is_own)
{
	struct address_ranges more;
	const struct index *ranges = hub_index(c->server->hub, range_kind());
	struct index_cursor at = index_seek(ranges, NULL);
	*ret_is_own = address_ranges_has(c->server->ranges, ip);
	if (*ret_is_own)
		return NULL;
	for (const struct object *o; (o = next_range(ranges, &at, &more));)
		if (address_ranges_has(&more, ip))
			return o;
	return NULL;
}

/* Does not touch what is refused anyway. */
int alloc_address(struct change *c, struct failure *f)
{
	const char *wanted = json_str_or(c->tree, "spec.clusterIP", "");
	const char *old = json_str_or(c->old_tree, "spec.clusterIP", "");
	bool is_own;
	char ip[16];
	if (streq(wanted, "None") || (*wanted && streq(wanted, old))) {
		json_put(c->tree, "spec.clusterIPs", json_pack("[s]", wanted));
		return 0;
	}
	if (!*wanted)
		return take_any(c, f);
	const struct object *range = range_of(c, wanted, &is_own);
	if (!range && !is_own)
		return refuse(c, wanted, "the provided network does not match the current range",
			      f);
	if (!is_free(c, wanted))
		return refuse(c, wanted, "provided IP is already allocated", f);
	if (range)
		change_guard_object(c, range->kind, "", range->name);
	int n = snprintf(ip, sizeof ip, "%.15s", wanted);
	assert(n > 0);
	return take(c, ip, f);
}

/* What somebody holds by a finalizer, or has made for something else, stays. */
void alloc_release_address(struct change *c, const char *ip)
{
	char key[ADDRESS_KEY_SIZE];
	auto_free char *owner = xasprintf("%s/%s", c->ns, c->name);
	const struct object *o = hub_get(c->server->hub, address_kind(), NULL, ip);
	address_key(key, ip);
	change_drop_key(c, key);
	if (o && !o->has_finalizers && address_is_of(o, owner, strlen(owner)))
		change_remove_object(c, o);
	else
		change_guard_object(c, address_kind(), "", ip);
}
