#include "apiserver/alloc.h"
#include "apiserver/bootstrap_internal.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"
#include "common/io/tls.h"

#define PEM_MAX (1u << 20)

/* ---- Services ---- */

static json_t *make_kubernetes(const struct server *s)
{
	char ip[16];
	if (!s->options.advertise_address)
		return NULL;
	address_ranges_nth(s->ranges, 1, ip);
	return json_pack("{s:s,s:s,s:{s:{s:s,s:s}},s:{s:s,s:s,s:[{s:s,s:s,s:i,s:i}]}}",
			 "apiVersion", "v1", "kind", "Service", "metadata", "labels", "component",
			 "apiserver", "provider", "kubernetes", "spec", "type", "ClusterIP",
			 "clusterIP", ip, "ports", "name", "https", "protocol", "TCP", "port", 443,
			 "targetPort", (int)s->options.advertise_port);
}

static json_t *make_dns(const struct server *s)
{
	char ip[16];
	address_ranges_nth(s->ranges, 10, ip);
	return json_pack("{s:s,s:s,s:{s:{s:s,s:s}},s:{s:s,s:s,s:[{s:s,s:s,s:i},{s:s,s:s,s:i}]}}",
			 "apiVersion", "v1", "kind", "Service", "metadata", "labels", "k8s-app",
			 "kube-dns", "kubernetes.io/cluster-service", "true", "spec", "type",
			 "ClusterIP", "clusterIP", ip, "ports", "name", "dns", "protocol", "UDP",
			 "port", 53, "name", "dns-tcp", "protocol", "TCP", "port", 53);
}

/* ---- the range of Services ---- */

static json_t *make_range(const struct server *s)
{
	return json_pack("{s:s,s:s,s:{},s:{s:[s]}}", "apiVersion", "networking.k8s.io/v1", "kind",
			 "ServiceCIDR", "metadata", "spec", "cidrs", s->ranges->cidr);
}

static bool is_ready(const json_t *range)
{
	const json_t *ready = json_find(json_dig(range, "status.conditions"), "type", "Ready");
	return streq(json_str_or(ready, "status", ""), "True");
}

/* Of another range nothing is said: addresses are not given out of it. */
static json_t *mend_range(const struct server *s, const json_t *live, const char **ret_part)
{
	const json_t *cidrs = json_dig(live, "spec.cidrs");
	const char *first = json_string_value(json_array_get(cidrs, 0));
	char now[TIME_TEXT_SIZE];
	if (!first || !streq(first, s->ranges->cidr) || json_array_size(cidrs) != 1 ||
	    is_ready(live))
		return NULL;
	server_now_text(s, now);
	json_t *tree = json_deep_copy(live);
	json_put(tree, "status",
		 json_pack("{s:[{s:s,s:s,s:s,s:s,s:s}]}", "conditions", "type", "Ready", "status",
			   "True", "lastTransitionTime", now, "reason", "", "message",
			   "Kubernetes default Service CIDR is ready"));
	*ret_part = "status";
	return tree;
}

/* ---- who signs client certificates, for servers that extend this one ---- */

static const char begin_mark[] = "-----BEGIN CERTIFICATE-----";
static const char end_mark[] = "-----END CERTIFICATE-----";

/* The next certificate of a PEM text, from its first mark to its last; false: no more. */
static bool next_certificate(const char **at, const char **ret_text, size_t *ret_len)
{
	const char *start = strstr(*at, begin_mark);
	const char *end = start ? strstr(start, end_mark) : NULL;
	if (!end)
		return false;
	*at = end + strlen(end_mark);
	*ret_text = start;
	*ret_len = (size_t)(*at - start);
	return true;
}

/* Each certificate of `pem` that can be read, has not ended and is not there yet. */
static void add_certificates(struct str *to, const char *pem, int64_t now_s)
{
	const char *text;
	size_t len;
	while (next_certificate(&pem, &text, &len)) {
		auto_free char *one = xstrndup(text, len);
		struct tls_cert_info info;
		struct error err;
		if (strstr(to->data, one) || tls_cert_read(one, &info, &err) < 0 ||
		    info.not_after_s < now_s)
			continue;
		str_addf(to, "%s\n", one);
	}
}

static json_t *authorities(const struct server *s, const char *known)
{
	AUTO_STR all;
	int64_t now_s = loop_wall_us(s->loop) / 1000000;
	str_init(&all, PEM_MAX);
	str_add(&all, "");
	add_certificates(&all, known, now_s);
	add_certificates(&all, s->options.ca_pem, now_s);
	return json_string(str_ok(&all) ? all.data : s->options.ca_pem);
}

#define AUTHORITIES "client-ca-file"

static json_t *make_authorities(const struct server *s)
{
	if (!s->options.ca_pem)
		return NULL;
	return json_pack("{s:s,s:s,s:{},s:{s:o}}", "apiVersion", "v1", "kind", "ConfigMap",
			 "metadata", "data", AUTHORITIES, authorities(s, ""));
}

/* Servers with different authorities are known together. */
static json_t *mend_authorities(const struct server *s, const json_t *live, const char **ret_part)
{
	(void)ret_part;
	const char *known = json_member_str(json_object_get(live, "data"), AUTHORITIES);
	AUTO_JSON *wanted = authorities(s, known ? known : "");
	if (known && streq(known, json_string_value(wanted)))
		return NULL;
	json_t *tree = json_deep_copy(live);
	if (!json_object_get(tree, "data"))
		json_object_set_new(tree, "data", json_object());
	json_object_set(json_object_get(tree, "data"), AUTHORITIES, wanted);
	return tree;
}

/* ---- since when the use of tokens from Secrets is noted ---- */

#define SINCE "since"

static json_t *today(const struct server *s)
{
	char now[TIME_TEXT_SIZE];
	server_now_text(s, now);
	return json_stringn(now, strlen("2006-01-02"));
}

static json_t *make_tracking(const struct server *s)
{
	if (!s->tokens)
		return NULL;
	return json_pack("{s:s,s:s,s:{},s:{s:o}}", "apiVersion", "v1", "kind", "ConfigMap",
			 "metadata", "data", SINCE, today(s));
}

static json_t *mend_tracking(const struct server *s, const json_t *live, const char **ret_part)
{
	(void)ret_part;
	const char *since = json_member_str(json_object_get(live, "data"), SINCE);
	if (since && *since)
		return NULL;
	json_t *tree = json_deep_copy(live);
	json_object_set_new(tree, "data", json_pack("{s:o}", SINCE, today(s)));
	return tree;
}

const struct bootstrap_item bootstrap_items[] = {
	{ "networking.k8s.io", "v1", "ServiceCIDR", "", "kubernetes", make_range, mend_range },
	{ "", "v1", "Service", "default", "kubernetes", make_kubernetes, NULL },
	{ "", "v1", "Service", "kube-system", "kube-dns", make_dns, NULL },
	{ "", "v1", "ConfigMap", "kube-system", "extension-apiserver-authentication",
	  make_authorities, mend_authorities },
	{ "", "v1", "ConfigMap", "kube-system",
	  "kube-apiserver-legacy-service-account-token-tracking", make_tracking, mend_tracking },
};
const size_t bootstrap_items_count = ARRAY_LEN(bootstrap_items);
