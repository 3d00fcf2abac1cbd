#include "nodeagent/net/dns.h"

#include "common/base/str.h"
#include "nodeagent/net/service_facts.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { TYPE_A = 1, TYPE_NS = 2, TYPE_PTR = 12, TYPE_TXT = 16, TYPE_SRV = 33, TYPE_ANY = 255 };

#define LABELS_MAX 8

/* ---- indexes ---- */

void dns_slices_by_service(const json_t *tree, struct cache_values *out)
{
	const char *name = slice_service(tree);
	if (name)
		cache_value_add(out, name);
}

void dns_slices_by_address(const json_t *tree, struct cache_values *out)
{
	size_t i, k;
	json_t *endpoint, *address;
	json_array_foreach (json_object_get(tree, "endpoints"), i, endpoint)
		json_array_foreach (json_object_get(endpoint, "addresses"), k, address)
			if (json_is_string(address))
				cache_value_add(out, json_string_value(address));
}

void dns_services_by_address(const json_t *tree, struct cache_values *out)
{
	const char *address = json_str(tree, "spec.clusterIP");
	if (address && *address && !streq(address, "None"))
		cache_value_add(out, address);
}

bool dns_range_parse(const char *text, struct dns_range *ret)
{
	char address[32];
	unsigned bits;
	uint32_t a;
	if (!text || sscanf(text, "%31[0-9.]/%2u", address, &bits) != 2 || bits == 0 || bits > 32 ||
	    !address_parse(address, &a))
		return false;
	ret->mask = ~(uint32_t)0 << (32 - bits);
	ret->address = a & ret->mask;
	return true;
}

static bool in_range(const struct dns_range *r, uint32_t a)
{
	return r->mask && (a & r->mask) == r->address;
}

/* ---- records ---- */

static bool wants(int type, int have)
{
	return type == have || type == TYPE_ANY;
}

static void answer(struct dns_records *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void answer(struct dns_records *out, const char *fmt, ...)
{
	if (out->count == DNS_RECORDS_MAX)
		return;
	va_list args;
	va_start(args, fmt);
	str_vaddf(out->answers, fmt, args);
	va_end(args);
	str_add_char(out->answers, '\n');
	out->count++;
}

/* "10-244-0-7": how an endpoint without a hostname is called. */
static void dashed(const char *address, char out[64])
{
	size_t i = 0;
	for (; address[i] && i < 63; i++)
		out[i] = address[i] == '.' ? '-' : address[i];
	out[i] = '\0';
}

static const char *endpoint_label(const json_t *endpoint, const char *address, char buf[64])
{
	const char *hostname = json_str(endpoint, "hostname");
	if (hostname && *hostname)
		return hostname;
	dashed(address, buf);
	return buf;
}

/* ---- endpoints of headless Services ---- */

struct walk {
	const struct dns_zone *zone;
	const char *ns, *service;
	const char *label;           /* only the endpoint of that name; NULL: all */
	const char *port, *protocol; /* only that port; NULL: all (SRV) */
	int type;
	struct dns_records *out;
	bool has_any; /* the label exists */
};

static void endpoint_ports(struct walk *w, const json_t *slice, const char *label,
			   const char *address)
{
	size_t i;
	json_t *port;
	json_array_foreach (json_object_get(slice, "ports"), i, port) {
		const char *name = json_str_or(port, "name", "");
		if (w->port && (strcasecmp(w->port, name) != 0 ||
				strcasecmp(w->protocol, json_str_or(port, "protocol", "TCP")) != 0))
			continue;
		w->has_any = true;
		if (!wants(w->type, TYPE_SRV))
			continue;
		answer(w->out, "SRV 0 100 %d %s.%s.%s.svc.%s.", (int)json_int_or(port, "port", 0),
		       label, w->service, w->ns, w->zone->domain);
		str_addf(w->out->additional, "%s.%s.%s.svc.%s. A %s\n", label, w->service, w->ns,
			 w->zone->domain, address);
	}
}

static void walk_slice(struct walk *w, const json_t *slice)
{
	size_t i, k;
	json_t *endpoint, *text;
	if (!streq(json_str_or(slice, "addressType", "IPv4"), "IPv4"))
		return;
	json_array_foreach (json_object_get(slice, "endpoints"), i, endpoint) {
		if (!json_bool_or(endpoint, "conditions.ready", true))
			continue;
		json_array_foreach (json_object_get(endpoint, "addresses"), k, text) {
			char buf[64];
			uint32_t address;
			if (!address_parse(json_string_value(text), &address))
				continue;
			const char *ip = json_string_value(text);
			const char *label = endpoint_label(endpoint, ip, buf);
			if (w->label && strcasecmp(w->label, label) != 0)
				continue;
			if (!w->port) {
				w->has_any = true;
				if (wants(w->type, TYPE_A))
					answer(w->out, "A %s", ip);
			}
			if (w->port || w->type == TYPE_SRV)
				endpoint_ports(w, slice, label, ip);
		}
	}
}

static void walk_endpoints(struct walk *w)
{
	struct cache_range r =
		cache_indexed(w->zone->slices, w->zone->slices_by_service, w->service);
	for (size_t i = 0; i < r.count; i++)
		if (streq(json_str_or(r.at[i]->tree, "metadata.namespace", ""), w->ns))
			walk_slice(w, r.at[i]->tree);
}

/* ---- names of Services ---- */

static bool is_headless(const json_t *service)
{
	const char *ip = json_str_or(service, "spec.clusterIP", "");
	return streq(ip, "None") || !*ip;
}

/* SRV records of a Service with an address; port NULL: all ports. */
static bool service_ports(struct walk *w, const json_t *service)
{
	size_t i;
	json_t *port;
	bool is_any = false;
	json_array_foreach (json_dig(service, "spec.ports"), i, port) {
		const char *name = json_str_or(port, "name", "");
		if (w->port && (strcasecmp(w->port, name) != 0 ||
				strcasecmp(w->protocol, json_str_or(port, "protocol", "TCP")) != 0))
			continue;
		is_any = true;
		if (!wants(w->type, TYPE_SRV))
			continue;
		answer(w->out, "SRV 0 100 %d %s.%s.svc.%s.", (int)json_int_or(port, "port", 0),
		       w->service, w->ns, w->zone->domain);
	}
	if (is_any && w->type == TYPE_SRV)
		str_addf(w->out->additional, "%s.%s.svc.%s. A %s\n", w->service, w->ns,
			 w->zone->domain, json_str_or(service, "spec.clusterIP", ""));
	return is_any;
}

static enum dns_found find_service(struct walk *w, const json_t *service)
{
	if (streq(json_str_or(service, "spec.type", ""), "ExternalName")) {
		w->out->canonical = json_str(service, "spec.externalName");
		return DNS_NAME;
	}
	if (is_headless(service)) {
		walk_endpoints(w);
		return DNS_NAME;
	}
	if (wants(w->type, TYPE_A))
		answer(w->out, "A %s", json_str_or(service, "spec.clusterIP", ""));
	if (w->type == TYPE_SRV)
		(void)service_ports(w, service);
	return DNS_NAME;
}

/* labels: what stands before ".svc.DOMAIN", from the right: namespace, service, … */
static enum dns_found find_in_services(const struct dns_zone *zone, const char *const *labels,
				       size_t n, int type, struct dns_records *out)
{
	if (n == 0)
		return DNS_NAME;
	if (n == 1)
		return cache_in_namespace(zone->services, labels[0]).count > 0 ? DNS_NAME
									       : DNS_NO_NAME;
	struct walk w = {
		.zone = zone, .ns = labels[0], .service = labels[1], .type = type, .out = out
	};
	const json_t *service = cache_get_at(zone->services, w.ns, w.service);
	if (!service)
		return DNS_NO_NAME;
	if (n == 2)
		return find_service(&w, service);
	bool is_external = streq(json_str_or(service, "spec.type", ""), "ExternalName");
	if (n == 3 && !is_external) {
		bool is_protocol = streq(labels[2], "_tcp") || streq(labels[2], "_udp") ||
				   streq(labels[2], "_sctp");
		w.label = labels[2];
		if (is_protocol || !is_headless(service))
			return is_protocol ? DNS_NAME : DNS_NO_NAME;
		walk_endpoints(&w);
		return w.has_any ? DNS_NAME : DNS_NO_NAME;
	}
	if (n != 4 || is_external || labels[2][0] != '_' || labels[3][0] != '_')
		return DNS_NO_NAME;
	w.protocol = labels[2] + 1;
	w.port = labels[3] + 1;
	if (!is_headless(service))
		return service_ports(&w, service) ? DNS_NAME : DNS_NO_NAME;
	walk_endpoints(&w);
	return w.has_any ? DNS_NAME : DNS_NO_NAME;
}

/* ---- names of pods: a-b-c-d.ns.pod ---- */

static enum dns_found find_in_pods(const char *const *labels, size_t n, int type,
				   struct dns_records *out)
{
	char address[64];
	uint32_t number;
	if (n < 2)
		return DNS_NAME;
	if (n > 2)
		return DNS_NO_NAME;
	size_t i = 0;
	for (; labels[1][i] && i < 63; i++)
		address[i] = labels[1][i] == '-' ? '.' : labels[1][i];
	address[i] = '\0';
	if (!address_parse(address, &number))
		return DNS_NO_NAME;
	if (wants(type, TYPE_A))
		answer(out, "A %s", address);
	return DNS_NAME;
}

/* ---- addresses back to names ---- */

static enum dns_found find_reverse(const struct dns_zone *zone, const char *name, int type,
				   struct dns_records *out)
{
	unsigned a, b, c, d;
	int used = 0;
	if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &d, &c, &b, &a, &used) != 4 ||
	    used == 0 || name[used] || a > 255 || b > 255 || c > 255 || d > 255)
		return DNS_FOREIGN;
	uint32_t number = a << 24 | b << 16 | c << 8 | d;
	bool is_ours = in_range(&zone->pods, number) || in_range(&zone->addresses, number);
	if (!is_ours)
		return DNS_FOREIGN;
	auto_free char *ip = xasprintf("%u.%u.%u.%u", a, b, c, d);
	struct cache_range r = cache_indexed(zone->services, zone->services_by_address, ip);
	for (size_t i = 0; i < r.count && wants(type, TYPE_PTR); i++)
		answer(out, "PTR %s.%s.svc.%s.", json_str_or(r.at[i]->tree, "metadata.name", ""),
		       json_str_or(r.at[i]->tree, "metadata.namespace", ""), zone->domain);
	bool is_known = r.count > 0;
	r = cache_indexed(zone->slices, zone->slices_by_address, ip);
	for (size_t i = 0; i < r.count; i++) {
		const json_t *slice = r.at[i]->tree;
		const char *service = slice_service(slice);
		size_t k;
		json_t *e;
		json_array_foreach (json_object_get(slice, "endpoints"), k, e) {
			char buf[64];
			if (!service || !streq(json_string_value(json_array_get(
						       json_object_get(e, "addresses"), 0))
						       ?: "",
					       ip))
				continue;
			is_known = true;
			if (wants(type, TYPE_PTR))
				answer(out, "PTR %s.%s.%s.svc.%s.", endpoint_label(e, ip, buf),
				       service, json_str_or(slice, "metadata.namespace", ""),
				       zone->domain);
		}
	}
	return is_known ? DNS_NAME : DNS_NO_NAME;
}

/* ---- public ---- */

enum dns_found dns_zone_find(const struct dns_zone *zone, const char *name, int type,
			     struct dns_records *out)
{
	size_t len = strlen(name), domain_len = strlen(zone->domain);
	if (len < domain_len || strcasecmp(name + len - domain_len, zone->domain) != 0 ||
	    (len > domain_len && name[len - domain_len - 1] != '.'))
		return find_reverse(zone, name, type, out);
	if (len == domain_len) {
		if (wants(type, TYPE_NS))
			answer(out, "NS ns.dns.%s.", zone->domain);
		return DNS_NAME;
	}
	auto_free char *rest = xstrndup(name, len - domain_len - 1);
	const char *labels[LABELS_MAX];
	size_t n = 0;
	for (char *dot; n < LABELS_MAX; *dot = '\0') {
		dot = strrchr(rest, '.');
		labels[n++] = dot ? dot + 1 : rest;
		if (!dot)
			break;
	}
	if (n == LABELS_MAX)
		return DNS_NO_NAME; /* nothing of ours is so deep */
	if (n == 1 && streq(labels[0], "dns-version")) {
		if (wants(type, TYPE_TXT))
			answer(out, "TXT \"1.1.0\"");
		return DNS_NAME;
	}
	if (streq(labels[0], "svc"))
		return find_in_services(zone, labels + 1, n - 1, type, out);
	if (streq(labels[0], "pod"))
		return find_in_pods(labels + 1, n - 1, type, out);
	return DNS_NO_NAME;
}
