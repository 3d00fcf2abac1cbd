/*
 * The status of a ResourceClaim: who may use the devices, which ones it got, what drivers say of them.
 * Source: upstream's validation of resource.k8s.io/v1.
 */
#include "schemas/rule.h"

#define RESERVED_MAX   256
#define RESULTS_MAX    32
#define CONDITIONS_MAX 8
#define INTERFACE_MAX  256
#define HARDWARE_MAX   128

/* ---- who may use them ---- */

static bool has_consumer(const json_t *list, const json_t *one)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (rule_same(json_array_get(list, i), one))
			return true;
	return false;
}

static void check_reserved(const json_t *tree, struct field_errors *e)
{
	static const char *const needed[] = { "resource", "name", "uid" };
	const struct path *at = PATH(PATH(NULL, "status"), "reservedFor");
	const json_t *list = json_dig(tree, "status.reservedFor");
	if (rule_is_too_many(list, RESERVED_MAX, at, e))
		return;
	for (size_t i = 0; i < json_array_size(list); i++)
		for (size_t k = 0; k < ARRAY_LEN(needed); k++)
			rule_required(e, PATH(PATH_AT(at, i), needed[k]),
				      json_str(json_array_get(list, i), needed[k]));
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (rule_is_again(&firsts, list, i, "uid"))
			rule_bad_text(e, FIELD_DUPLICATE, PATH_AT(at, i),
				      json_str_or(json_array_get(list, i), "uid", ""), NULL);
}

static void check_reserved_fits(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "status"), "reservedFor");
	const json_t *list = json_dig(tree, "status.reservedFor");
	const json_t *before = json_dig(old, "status.reservedFor");
	if (!json_array_size(list))
		return;
	if (!json_dig(tree, "status.allocation")) {
		rule_broken(e, FIELD_FORBIDDEN, at, NULL,
			    "may not be specified when `allocated` is not set");
		return;
	}
	for (size_t i = 0;
	     json_dig(tree, "metadata.deletionTimestamp") && i < json_array_size(list); i++)
		if (!has_consumer(before, json_array_get(list, i))) {
			rule_broken(e, FIELD_FORBIDDEN, at, NULL,
				    "new entries may not be added while `deallocationRequested` or "
				    "`deletionTimestamp` are set");
			return;
		}
}

/* ---- what was got ---- */

static void check_result(const json_t *result, const json_t *devices, const struct path *at,
			 struct field_errors *e)
{
	const char *request = json_str_or(result, "request", "");
	const char *slash = strchr(request, '/');
	static const char words[] = "must be the name of a request in the claim or the name of a "
				    "request and a subrequest separated by '/'";
	if (slash && strchr(slash + 1, '/')) {
		rule_bad_text(e, FIELD_INVALID, PATH(at, "request"), request, words);
	} else {
		auto_free char *first = xasprintf("%.*s", (int)strcspn(request, "/"), request);
		rule_name(e, PATH(at, "request"), first, name_dns_label);
		if (slash)
			rule_name(e, PATH(at, "request"), slash + 1, name_dns_label);
		if (!device_claim_has_request(devices, request))
			rule_bad_text(e, FIELD_INVALID, PATH(at, "request"), request, words);
	}
	rule_driver_name(e, PATH(at, "driver"), json_str_or(result, "driver", ""));
	validate_pool_name(json_str_or(result, "pool", ""), PATH(at, "pool"), e);
	rule_required_name(e, PATH(at, "device"), json_str_or(result, "device", ""),
			   name_dns_label);
}

static void check_allocation(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "status"), "allocation");
	const json_t *now = json_dig(tree, "status.allocation");
	const json_t *before = json_dig(old, "status.allocation");
	const json_t *results = json_dig(now, "devices.results");
	if (now && before) {
		rule_unchanged(e, at, now, before);
		return;
	}
	if (!now)
		return;
	if (!rule_is_too_many(results, RESULTS_MAX, PATH(PATH(at, "devices"), "results"), e))
		for (size_t i = 0; i < json_array_size(results); i++)
			check_result(json_array_get(results, i), json_dig(tree, "spec.devices"),
				     PATH_AT(PATH(PATH(at, "devices"), "results"), i), e);
	if (json_object_get(now, "nodeSelector"))
		validate_node_selector(json_object_get(now, "nodeSelector"),
				       PATH(at, "nodeSelector"), e);
}

/* ---- what drivers say ---- */

static bool same_device(const json_t *a, const json_t *b)
{
	static const char *const keys[] = { "driver", "pool", "device", "shareID" };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!streq(json_str_or(a, keys[i], ""), json_str_or(b, keys[i], "")))
			return false;
	return true;
}

static bool is_allocated(const json_t *tree, const json_t *device)
{
	const json_t *results = json_dig(tree, "status.allocation.devices.results");
	for (size_t i = 0; i < json_array_size(results); i++)
		if (same_device(json_array_get(results, i), device))
			return true;
	return false;
}

/* DRIVER/POOL/DEVICE, as upstream shows it. */
static char *device_id(const json_t *device)
{
	const char *share = json_str_or(device, "shareID", "");
	return xasprintf("%s/%s/%s%s%s", json_str_or(device, "driver", ""),
			 json_str_or(device, "pool", ""), json_str_or(device, "device", ""),
			 *share ? "/" : "", share);
}

static void check_network(const json_t *data, const struct path *at, struct field_errors *e)
{
	const struct {
		const char *name;
		int max;
	} sizes[] = { { "interfaceName", INTERFACE_MAX }, { "hardwareAddress", HARDWARE_MAX } };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		if (strlen(json_str_or(data, sizes[i].name, "")) > (size_t)sizes[i].max)
			rule_broken(e, FIELD_TOO_LONG, PATH(at, sizes[i].name), NULL,
				    "may not be more than %d bytes", sizes[i].max);
}

static void check_device(const json_t *tree, const json_t *device, const struct path *at,
			 struct field_errors *e)
{
	const json_t *conditions = json_object_get(device, "conditions");
	rule_driver_name(e, PATH(at, "driver"), json_str_or(device, "driver", ""));
	validate_pool_name(json_str_or(device, "pool", ""), PATH(at, "pool"), e);
	rule_required_name(e, PATH(at, "device"), json_str_or(device, "device", ""),
			   name_dns_label);
	if (!is_allocated(tree, device)) {
		auto_free char *id = device_id(device);
		rule_bad_text(e, FIELD_INVALID, at, id, "must be an allocated device in the claim");
	}
	(void)rule_is_too_many(conditions, CONDITIONS_MAX, PATH(at, "conditions"), e); /* told of */
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(conditions); i++) {
		const struct path *here = PATH_AT(PATH(at, "conditions"), i);
		if (rule_is_again(&firsts, conditions, i, "type"))
			rule_bad_text(e, FIELD_DUPLICATE, PATH(here, "type"),
				      json_str_or(json_array_get(conditions, i), "type", ""), NULL);
		validate_condition(json_array_get(conditions, i), here, e);
	}
	check_network(json_object_get(device, "networkData"), PATH(at, "networkData"), e);
}

static void check_devices(const json_t *tree, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "status"), "devices");
	const json_t *list = json_dig(tree, "status.devices");
	for (size_t i = 0; i < json_array_size(list); i++)
		check_device(tree, json_array_get(list, i), PATH_AT(at, i), e);
	auto_free size_t *firsts = RULE_FIRSTS(list, "driver", "pool", "device", "shareID");
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (firsts[i] == i)
			continue;
		auto_free char *id = device_id(json_array_get(list, i));
		rule_bad_text(e, FIELD_DUPLICATE, PATH_AT(at, i), id, NULL);
	}
}

void validate_device_claim_status(const json_t *tree, const json_t *old, struct field_errors *e)
{
	check_reserved(tree, e);
	check_devices(tree, e);
	check_reserved_fits(tree, old, e);
	check_allocation(tree, old, e);
}
