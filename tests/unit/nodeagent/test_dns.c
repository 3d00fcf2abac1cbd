/* dns: questions in, answers out, as text. Packets are made and read with ldns. */
#include "nodeagent/net/dns.h"
#include "tests/support/check.h"

#include "common/base/str.h"

#include <ldns/ldns.h>
#include <stdio.h>

static const char *const services[] = {
	"{'metadata':{'namespace':'default','name':'web'},'spec':{'clusterIP':'10.96.0.5',"
	"'ports':[{'name':'http','port':80},{'name':'dns','port':53,'protocol':'UDP'}]}}",
	"{'metadata':{'namespace':'default','name':'db'},'spec':{'clusterIP':'None',"
	"'ports':[{'name':'pg','port':5432}]}}",
	"{'metadata':{'namespace':'default','name':'empty'},'spec':{'clusterIP':'None'}}",
	"{'metadata':{'namespace':'default','name':'big'},'spec':{'clusterIP':'None'}}",
	"{'metadata':{'namespace':'default','name':'alias'},'spec':{'type':'ExternalName',"
	"'externalName':'web.default.svc.cluster.local'}}",
	"{'metadata':{'namespace':'default','name':'out'},'spec':{'type':'ExternalName',"
	"'externalName':'www.example.org'}}",
	"{'metadata':{'namespace':'default','name':'ring'},'spec':{'type':'ExternalName',"
	"'externalName':'ring.default.svc.cluster.local'}}",
	"{'metadata':{'namespace':'other','name':'web'},'spec':{'clusterIP':'10.96.0.6'}}",
};

#define OF(s)                                                                                      \
	"{'metadata':{'namespace':'default','name':'" s                                            \
	"-1','labels':{'kubernetes.io/service-name':'" s "'}},'addressType':'IPv4',"

static const char *const slices[] = {
	OF("web") "'ports':[{'name':'http','port':8080}],'endpoints':[{'addresses':['10.244.0.9']}]}",
	OF("db") "'ports':[{'name':'pg','port':5432}],'endpoints':["
		 "{'addresses':['10.244.0.2'],'hostname':'db-0'},{'addresses':['10.244.0.3']},"
		 "{'addresses':['10.244.0.4'],'conditions':{'ready':false}}]}",
};

static struct cache *feed(struct cache *c, const char *const *texts, size_t n)
{
	struct error err;
	for (size_t i = 0; i < n; i++) {
		json_t *j;
		auto_free char *json = xstrdup(texts[i]);
		for (char *p = json; *p; p++)
			if (*p == '\'')
				*p = '"';
		CHECK(json_parse(json, strlen(json), &j, &err) == 0);
		CHECK(cache_put(c, j, &err) == 0);
	}
	return c;
}

/* So many endpoints that they do not fit into a UDP packet. */
static void feed_big(struct cache *c)
{
	AUTO_STR text;
	str_init(&text, 1 << 20);
	str_add(&text, OF("big") "'endpoints':[");
	for (int i = 0; i < 200; i++)
		str_addf(&text, "%s{'addresses':['10.244.9.%d']}", i ? "," : "", i);
	str_add(&text, "]}");
	const char *at[] = { text.data };
	feed(c, at, 1);
}

static void zone_init(struct dns_zone *z)
{
	struct cache *s = cache_new(1000), *e = cache_new(1000);
	*z = (struct dns_zone){ .domain = "cluster.local", .services = s, .slices = e };
	z->slices_by_service = cache_add_index(e, dns_slices_by_service);
	z->slices_by_address = cache_add_index(e, dns_slices_by_address);
	z->services_by_address = cache_add_index(s, dns_services_by_address);
	CHECK(dns_range_parse("10.244.0.0/16", &z->pods));
	CHECK(dns_range_parse("10.96.0.0/16", &z->addresses));
	feed(s, services, ARRAY_LEN(services));
	feed(e, slices, ARRAY_LEN(slices));
	feed_big(e);
}

static void show_list(struct str *out, const char *mark, const ldns_rr_list *list)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
		auto_free char *text = ldns_rr2str(ldns_rr_list_rr(list, i));
		text[strcspn(text, "\n")] = '\0';
		for (char *c = text; *c; c++)
			if (*c == '\t')
				*c = ' ';
		str_addf(out, "%s%s\n", mark, text);
	}
}

static void show(const struct dns_result *r, struct str *out)
{
	static const char *const names[] = { "DROP", "ANSWER", "FORWARD", "CHASE" };
	ldns_pkt *p = NULL;
	if (r->verdict != DNS_ANSWER)
		str_addf(out, "%s\n", names[r->verdict]);
	if (!r->bytes)
		return;
	CHECK(ldns_wire2pkt(&p, r->bytes, r->size) == LDNS_STATUS_OK);
	auto_free char *code = ldns_pkt_rcode2str(ldns_pkt_get_rcode(p));
	str_addf(out, "%s%s%s\n", code, ldns_pkt_aa(p) ? " aa" : "", ldns_pkt_tc(p) ? " tc" : "");
	CHECK(ldns_pkt_qr(p) && ldns_pkt_ra(p));
	show_list(out, "", ldns_pkt_answer(p));
	show_list(out, "! ", ldns_pkt_authority(p));
	show_list(out, "+ ", ldns_pkt_additional(p));
	ldns_pkt_free(p);
}

/* id 0, so that records come in their own order. */
static uint8_t *question(const char *name, const char *type, uint16_t udp_size, size_t *ret_size)
{
	ldns_pkt *p = NULL;
	uint8_t *wire;
	CHECK(ldns_pkt_query_new_frm_str(&p, name, ldns_get_rr_type_by_name(type), LDNS_RR_CLASS_IN,
					 LDNS_RD) == LDNS_STATUS_OK);
	ldns_pkt_set_id(p, 0);
	if (udp_size)
		ldns_pkt_set_edns_udp_size(p, udp_size);
	CHECK(ldns_pkt2wire(&wire, p, ret_size) == LDNS_STATUS_OK);
	ldns_pkt_free(p);
	return wire;
}

#define SOA                                                                                        \
	"! cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. "               \
	"1 7200 1800 86400 5\n"
#define NODATA   "NOERROR aa\n" SOA
#define NXDOMAIN "NXDOMAIN aa\n" SOA
#define D        ".default.svc.cluster.local. 5 IN "

static const struct {
	const char *name, *type, *want;
} table[] = {
	{ "web.default.svc.cluster.local.", "A", "NOERROR aa\nweb" D "A 10.96.0.5\n" },
	{ "WEB.Default.svc.CLUSTER.local.", "A",
	  "NOERROR aa\nWEB.Default.svc.CLUSTER.local. 5 IN A 10.96.0.5\n" },
	{ "web.other.svc.cluster.local.", "A",
	  "NOERROR aa\nweb.other.svc.cluster.local. 5 IN A 10.96.0.6\n" },
	{ "web.default.svc.cluster.local.", "AAAA", NODATA },
	{ "web.default.svc.cluster.local.", "MX", NODATA },
	{ "nope.default.svc.cluster.local.", "A", NXDOMAIN },
	{ "web.nope.svc.cluster.local.", "A", NXDOMAIN },
	{ "www.example.org.cluster.local.", "A", NXDOMAIN },
	{ "www.example.org.default.svc.cluster.local.", "A", NXDOMAIN },
	{ "a.b.c.d.e.f.g.h.i.cluster.local.", "A", NXDOMAIN },
	{ "x.web.default.svc.cluster.local.", "A", NXDOMAIN },
	{ "default.svc.cluster.local.", "A", NODATA },
	{ "nope.svc.cluster.local.", "A", NXDOMAIN },
	{ "svc.cluster.local.", "A", NODATA },
	{ "cluster.local.", "A", NODATA },
	{ "notcluster.local.", "A", "FORWARD\n" },
	{ "www.example.org.", "A", "FORWARD\n" },
	{ "local.", "A", "FORWARD\n" },
	{ ".", "NS", "FORWARD\n" },
	{ "dns-version.cluster.local.", "TXT",
	  "NOERROR aa\ndns-version.cluster.local. 5 IN TXT \"1.1.0\"\n" },
	{ "db.default.svc.cluster.local.", "A",
	  "NOERROR aa\ndb" D "A 10.244.0.2\ndb" D "A 10.244.0.3\n" },
	{ "db-0.db.default.svc.cluster.local.", "A", "NOERROR aa\ndb-0.db" D "A 10.244.0.2\n" },
	{ "10-244-0-3.db.default.svc.cluster.local.", "A",
	  "NOERROR aa\n10-244-0-3.db" D "A 10.244.0.3\n" },
	{ "10-244-0-4.db.default.svc.cluster.local.", "A", NXDOMAIN },
	{ "empty.default.svc.cluster.local.", "A", NODATA },
	{ "_http._tcp.web.default.svc.cluster.local.", "SRV",
	  "NOERROR aa\n_http._tcp.web" D "SRV 0 100 80 web.default.svc.cluster.local.\n"
	  "+ web" D "A 10.96.0.5\n" },
	{ "_HTTP._TCP.web.default.svc.cluster.local.", "A", NODATA },
	{ "_http._udp.web.default.svc.cluster.local.", "SRV", NXDOMAIN },
	{ "_tcp.web.default.svc.cluster.local.", "SRV", NODATA },
	{ "_pg._tcp.db.default.svc.cluster.local.", "SRV",
	  "NOERROR aa\n_pg._tcp.db" D "SRV 0 100 5432 db-0.db.default.svc.cluster.local.\n"
	  "_pg._tcp.db" D "SRV 0 100 5432 10-244-0-3.db.default.svc.cluster.local.\n"
	  "+ db-0.db" D "A 10.244.0.2\n+ 10-244-0-3.db" D "A 10.244.0.3\n" },
	{ "alias.default.svc.cluster.local.", "A",
	  "NOERROR aa\nalias" D "CNAME web.default.svc.cluster.local.\nweb" D "A 10.96.0.5\n" },
	{ "out.default.svc.cluster.local.", "A",
	  "CHASE\nNOERROR aa\nout" D "CNAME www.example.org.\n" },
	{ "out.default.svc.cluster.local.", "CNAME",
	  "NOERROR aa\nout" D "CNAME www.example.org.\n" },
	{ "10-244-0-9.default.pod.cluster.local.", "A",
	  "NOERROR aa\n10-244-0-9.default.pod.cluster.local. 5 IN A 10.244.0.9\n" },
	{ "10-244-0.default.pod.cluster.local.", "A", NXDOMAIN },
	{ "5.0.96.10.in-addr.arpa.", "PTR",
	  "NOERROR aa\n5.0.96.10.in-addr.arpa. 5 IN PTR web.default.svc.cluster.local.\n" },
	{ "2.0.244.10.in-addr.arpa.", "PTR",
	  "NOERROR aa\n2.0.244.10.in-addr.arpa. 5 IN PTR db-0.db.default.svc.cluster.local.\n" },
	{ "77.0.96.10.in-addr.arpa.", "PTR",
	  "NXDOMAIN aa\n! 77.0.96.10.in-addr.arpa. 5 IN SOA ns.dns.cluster.local. "
	  "hostmaster.cluster.local. 1 7200 1800 86400 5\n" },
	{ "8.8.8.8.in-addr.arpa.", "PTR", "FORWARD\n" },
	{ "web.default.svc.cluster.local.", "AXFR", "REFUSED\n" },
};

static void test_table(const struct dns_zone *z)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		AUTO_STR got;
		size_t size;
		struct dns_result r;
		str_init(&got, 1 << 16);
		auto_free uint8_t *wire = question(table[i].name, table[i].type, 1232, &size);
		dns_answer(z, wire, size, false, &r);
		show(&r, &got);
		auto_free char *name = xasprintf("%s %s", table[i].name, table[i].type);
		CHECK_TEXT(name, got.data, table[i].want);
		dns_result_fini(&r);
	}
}

static size_t answers(const struct dns_zone *z, uint16_t udp_size, bool is_tcp, bool *ret_tc)
{
	size_t size;
	struct dns_result r;
	ldns_pkt *p = NULL;
	auto_free uint8_t *wire = question("big.default.svc.cluster.local.", "A", udp_size, &size);
	dns_answer(z, wire, size, is_tcp, &r);
	CHECK_INT(r.verdict, DNS_ANSWER);
	CHECK(is_tcp || r.size <= MAX(udp_size, 512));
	CHECK(ldns_wire2pkt(&p, r.bytes, r.size) == LDNS_STATUS_OK);
	size_t n = ldns_rr_list_rr_count(ldns_pkt_answer(p));
	*ret_tc = ldns_pkt_tc(p);
	CHECK_INT(ldns_pkt_edns(p), udp_size > 0);
	ldns_pkt_free(p);
	dns_result_fini(&r);
	return n;
}

static void test_truncation(const struct dns_zone *z)
{
	bool tc;
	CHECK_INT(answers(z, 0, true, &tc), 200);
	CHECK(!tc);
	size_t small = answers(z, 0, false, &tc);
	CHECK(tc && small > 5 && small < 30);
	CHECK(answers(z, 1232, false, &tc) > small && tc);
}

/* What a client sees when its name leads outside. */
static void test_join(const struct dns_zone *z)
{
	AUTO_STR got;
	size_t size;
	struct dns_result r, joined;
	str_init(&got, 1 << 16);
	auto_free uint8_t *wire = question("out.default.svc.cluster.local.", "A", 0, &size);
	dns_answer(z, wire, size, false, &r);
	CHECK_INT(r.verdict, DNS_CHASE);
	ldns_pkt *p = NULL;
	ldns_rr *rr = NULL;
	uint8_t *rest;
	size_t rest_size;
	CHECK(ldns_wire2pkt(&p, r.ask, r.ask_size) == LDNS_STATUS_OK);
	show_list(&got, "? ", ldns_pkt_question(p));
	CHECK(ldns_rr_new_frm_str(&rr, "www.example.org. 60 IN A 192.0.2.1", 60, NULL, NULL) == 0);
	ldns_pkt_set_qr(p, true);
	ldns_pkt_push_rr(p, LDNS_SECTION_ANSWER, rr);
	CHECK(ldns_pkt2wire(&rest, p, &rest_size) == LDNS_STATUS_OK);
	ldns_pkt_free(p);
	dns_join(wire, size, false, r.bytes, r.size, rest, rest_size, &joined);
	show(&joined, &got);
	dns_result_fini(&joined);
	dns_join(wire, size, false, r.bytes, r.size, NULL, 0, &joined);
	show(&joined, &got);
	dns_result_fini(&joined);
	dns_result_fini(&r);
	free(rest);
	CHECK_TEXT("join", got.data,
		   "? www.example.org. IN A\n"
		   "NOERROR\nout" D "CNAME www.example.org.\nwww.example.org. 60 IN A 192.0.2.1\n"
		   "SERVFAIL\nout" D "CNAME www.example.org.\n");
}

/* Whatever comes: no crash, and an answer only to questions. */
static void test_garbage(const struct dns_zone *z)
{
	size_t size;
	struct dns_result r;
	auto_free uint8_t *wire = question("web.default.svc.cluster.local.", "A", 1232, &size);
	for (size_t n = 0; n < size; n++) {
		dns_answer(z, wire, n, false, &r);
		CHECK(n >= 12 || r.verdict == DNS_DROP);
		dns_result_fini(&r);
	}
	for (size_t i = 0; i < size; i++)
		for (int bit = 0; bit < 8; bit++) {
			wire[i] ^= (uint8_t)(1 << bit);
			dns_answer(z, wire, size, false, &r);
			CHECK(i != 2 || bit != 7 || r.verdict == DNS_DROP);
			dns_result_fini(&r);
			wire[i] ^= (uint8_t)(1 << bit);
		}
	auto_free uint8_t *ring = question("ring.default.svc.cluster.local.", "A", 0, &size);
	dns_answer(z, ring, size, false, &r);
	CHECK_INT(r.bytes[3] & 15, DNS_SERVFAIL);
	dns_result_fini(&r);
}

int main(void)
{
	struct dns_zone z;
	zone_init(&z);
	test_table(&z);
	test_truncation(&z);
	test_join(&z);
	test_garbage(&z);
	cache_free((struct cache *)(uintptr_t)z.services);
	cache_free((struct cache *)(uintptr_t)z.slices);
	return 0;
}
