#include "nodeagent/net/dns.h"

#include "common/base/str.h"

#include <ctype.h>
#include <ldns/ldns.h>

#define TTL_S            5
#define CHASES_MAX       8
#define RECORDS_TEXT_MAX ((size_t)1 << 20)
#define NAME_MAX_TEXT    1024

/* ---- small helpers around ldns ---- */

static void pkt_cleanup(ldns_pkt **p)
{
	ldns_pkt_free(*p);
}
#define AUTO_PKT __attribute__((cleanup(pkt_cleanup))) ldns_pkt

void dns_result_fini(struct dns_result *r)
{
	free(r->bytes);
	free(r->ask);
	*r = (struct dns_result){ 0 };
}

static void push(ldns_pkt *p, ldns_pkt_section section, const char *text)
{
	ldns_rr *rr = NULL;
	/* Names with characters that the text form cannot carry simply get no record. */
	if (ldns_rr_new_frm_str(&rr, text, TTL_S, NULL, NULL) == LDNS_STATUS_OK &&
	    !ldns_pkt_push_rr(p, section, rr))
		ldns_rr_free(rr);
}

static ldns_pkt *reply_to(const ldns_pkt *query)
{
	ldns_pkt *p = ldns_pkt_new();
	ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(query), 0);
	ldns_pkt_set_id(p, ldns_pkt_id(query));
	ldns_pkt_set_qr(p, true);
	ldns_pkt_set_aa(p, true);
	ldns_pkt_set_ra(p, true);
	ldns_pkt_set_rd(p, ldns_pkt_rd(query));
	ldns_pkt_set_opcode(p, ldns_pkt_get_opcode(query));
	if (question)
		ldns_pkt_push_rr(p, LDNS_SECTION_QUESTION, ldns_rr_clone(question));
	if (ldns_pkt_edns(query))
		ldns_pkt_set_edns_udp_size(p, DNS_UDP_SIZE);
	return p;
}

static size_t size_max(const ldns_pkt *query, bool is_tcp)
{
	size_t said = ldns_pkt_edns(query) ? ldns_pkt_edns_udp_size(query) : DNS_UDP_SIZE_OLD;
	return is_tcp ? DNS_PACKET_MAX : MAX((size_t)DNS_UDP_SIZE_OLD, MIN(said, DNS_UDP_SIZE));
}

static void drop_some(ldns_pkt *p, ldns_pkt_section section)
{
	ldns_rr_list *list =
		section == LDNS_SECTION_ANSWER ? ldns_pkt_answer(p) : ldns_pkt_additional(p);
	uint16_t n = (uint16_t)ldns_rr_list_rr_count(list);
	for (uint16_t gone = (uint16_t)(n / 4 + 1); gone > 0 && n > 0; gone--, n--)
		ldns_rr_free(ldns_rr_list_pop_rr(list));
	ldns_pkt_set_section_count(p, section, n);
}

/* What does not fit is left out: additional records in silence, answers with the flag that sends
 * the client to TCP. Some clients know no TCP, so what fits goes out. */
static void put(ldns_pkt *p, size_t max, enum dns_verdict verdict, struct dns_result *ret)
{
	for (;;) {
		uint8_t *wire = NULL;
		size_t size = 0;
		if (ldns_pkt2wire(&wire, p, &size) != LDNS_STATUS_OK) {
			ret->verdict = DNS_DROP;
			return;
		}
		if (size <= max) {
			ret->verdict = verdict;
			ret->bytes = wire;
			ret->size = size;
			return;
		}
		free(wire);
		if (ldns_rr_list_rr_count(ldns_pkt_additional(p)) > 0) {
			drop_some(p, LDNS_SECTION_ADDITIONAL);
		} else if (ldns_rr_list_rr_count(ldns_pkt_answer(p)) > 0) {
			ldns_pkt_set_tc(p, true);
			drop_some(p, LDNS_SECTION_ANSWER);
		} else {
			ret->verdict = DNS_DROP;
			return;
		}
	}
}

/* ---- answering from the zone ---- */

/* Records of `owner`, beginning at another one for each packet: clients take the first. */
static void push_answers(ldns_pkt *p, const char *owner, struct str *text, size_t count,
			 unsigned turn)
{
	const char **lines = xcalloc(count + 1, sizeof(*lines));
	size_t n = 0;
	char *at = text->data;
	for (char *line; n < count && (line = strsep(&at, "\n")) && *line;)
		lines[n++] = line;
	for (size_t i = 0; i < n; i++) {
		auto_free char *record =
			xasprintf("%s %d IN %s", owner, TTL_S, lines[(i + turn) % n]);
		push(p, LDNS_SECTION_ANSWER, record);
	}
	free(lines);
}

static void push_additional(ldns_pkt *p, struct str *text)
{
	char *at = text->data;
	for (char *line; (line = strsep(&at, "\n")) && *line;) {
		size_t name = strcspn(line, " ");
		auto_free char *record =
			xasprintf("%.*s %d IN%s", (int)name, line, TTL_S, line + name);
		push(p, LDNS_SECTION_ADDITIONAL, record);
	}
}

static void push_soa(ldns_pkt *p, const struct dns_zone *zone, const char *name)
{
	bool is_reverse = ldns_rr_list_rr_count(ldns_pkt_answer(p)) == 0 && strlen(name) > 13 &&
			  streq(name + strlen(name) - 13, ".in-addr.arpa");
	auto_free char *record = xasprintf(
		"%s. %d IN SOA ns.dns.%s. hostmaster.%s. 1 7200 1800 86400 %d",
		is_reverse ? name : zone->domain, TTL_S, zone->domain, zone->domain, TTL_S);
	push(p, LDNS_SECTION_AUTHORITY, record);
}

static char *lower(const char *name)
{
	char *out = xstrdup(name);
	size_t n = strlen(out);
	for (size_t i = 0; i < n; i++)
		out[i] = (char)tolower((unsigned char)out[i]);
	if (n > 0 && out[n - 1] == '.')
		out[n - 1] = '\0';
	return out;
}

static void make_ask(const char *name, ldns_rr_type type, struct dns_result *ret)
{
	ldns_pkt *ask = NULL;
	if (ldns_pkt_query_new_frm_str(&ask, name, type, LDNS_RR_CLASS_IN, LDNS_RD) !=
	    LDNS_STATUS_OK)
		return;
	ldns_pkt_set_edns_udp_size(ask, DNS_UDP_SIZE);
	if (ldns_pkt2wire(&ret->ask, ask, &ret->ask_size) != LDNS_STATUS_OK)
		ret->ask = NULL;
	ldns_pkt_free(ask);
}

/* Follows one name, and what it leads to, as far as we know it. */
static void answer_name(const struct dns_zone *zone, const ldns_pkt *query, const char *asked,
			ldns_rr_type type, bool is_tcp, struct dns_result *ret)
{
	AUTO_PKT *p = reply_to(query);
	auto_free char *name = lower(asked);
	auto_free char *owner = xstrdup(asked);
	size_t max = size_max(query, is_tcp);
	for (int i = 0; i < CHASES_MAX; i++) {
		AUTO_STR answers, additional;
		str_init(&answers, RECORDS_TEXT_MAX);
		str_init(&additional, RECORDS_TEXT_MAX);
		struct dns_records r = { &answers, &additional, NULL, 0 };
		enum dns_found found = dns_zone_find(zone, name, (int)type, &r);
		if (found == DNS_FOREIGN && i == 0) {
			ret->verdict = DNS_FORWARD;
			return;
		}
		if (found == DNS_FOREIGN) {
			make_ask(name, type, ret);
			put(p, DNS_PACKET_MAX, ret->ask ? DNS_CHASE : DNS_ANSWER, ret);
			return;
		}
		push_answers(p, owner, &answers, r.count, ldns_pkt_id(query));
		push_additional(p, &additional);
		if (r.canonical && *r.canonical) {
			auto_free char *record =
				xasprintf("%s %d IN CNAME %s%s", owner, TTL_S, r.canonical,
					  r.canonical[strlen(r.canonical) - 1] == '.' ? "" : ".");
			push(p, LDNS_SECTION_ANSWER, record);
			free(owner);
			free(name);
			name = lower(r.canonical);
			owner = xasprintf("%s.", name);
			if (type != LDNS_RR_TYPE_CNAME)
				continue;
		}
		if (found == DNS_NO_NAME)
			ldns_pkt_set_rcode(p, LDNS_RCODE_NXDOMAIN);
		if (r.count == 0 && !r.canonical)
			push_soa(p, zone, name);
		put(p, max, DNS_ANSWER, ret);
		return;
	}
	ldns_pkt_set_rcode(p, LDNS_RCODE_SERVFAIL); /* a circle of names */
	put(p, max, DNS_ANSWER, ret);
}

void dns_refuse(const uint8_t *packet, size_t size, int rcode, struct dns_result *ret)
{
	*ret = (struct dns_result){ 0 };
	if (size < LDNS_HEADER_SIZE || LDNS_QR_WIRE(packet))
		return;
	ldns_pkt *query = NULL;
	if (ldns_wire2pkt(&query, packet, size) == LDNS_STATUS_OK) {
		AUTO_PKT *p = reply_to(query);
		ldns_pkt_set_aa(p, false);
		ldns_pkt_set_rcode(p, (uint8_t)rcode);
		put(p, DNS_UDP_SIZE_OLD, DNS_ANSWER, ret);
		ldns_pkt_free(query);
		return;
	}
	/* Nothing of it can be understood but its number. */
	ret->bytes = xcalloc(1, LDNS_HEADER_SIZE);
	ret->size = LDNS_HEADER_SIZE;
	memcpy(ret->bytes, packet, 2);
	ret->bytes[2] = 0x80;
	ret->bytes[3] = (uint8_t)(0x80 | rcode);
	ret->verdict = DNS_ANSWER;
}

void dns_answer(const struct dns_zone *zone, const uint8_t *packet, size_t size, bool is_tcp,
		struct dns_result *ret)
{
	AUTO_PKT *query = NULL;
	*ret = (struct dns_result){ 0 };
	if (size < LDNS_HEADER_SIZE || LDNS_QR_WIRE(packet))
		return;
	if (LDNS_OPCODE_WIRE(packet) != LDNS_PACKET_QUERY) {
		dns_refuse(packet, size, LDNS_RCODE_NOTIMPL, ret);
		return;
	}
	if (ldns_wire2pkt(&query, packet, size) != LDNS_STATUS_OK ||
	    ldns_rr_list_rr_count(ldns_pkt_question(query)) != 1) {
		dns_refuse(packet, size, LDNS_RCODE_FORMERR, ret);
		return;
	}
	const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(query), 0);
	ldns_rr_type type = ldns_rr_get_type(question);
	auto_free char *name = ldns_rdf2str(ldns_rr_owner(question));
	if (!name || strlen(name) > NAME_MAX_TEXT) {
		dns_refuse(packet, size, LDNS_RCODE_FORMERR, ret);
		return;
	}
	if (type == LDNS_RR_TYPE_AXFR || type == LDNS_RR_TYPE_IXFR) {
		dns_refuse(packet, size, LDNS_RCODE_REFUSED, ret);
		return;
	}
	if (ldns_rr_get_class(question) != LDNS_RR_CLASS_IN) {
		ret->verdict = DNS_FORWARD;
		return;
	}
	answer_name(zone, query, name, type, is_tcp, ret);
}

void dns_join(const uint8_t *packet, size_t size, bool is_tcp, const uint8_t *so_far,
	      size_t so_far_size, const uint8_t *rest, size_t rest_size, struct dns_result *ret)
{
	AUTO_PKT *query = NULL, *answer = NULL, *more = NULL;
	*ret = (struct dns_result){ 0 };
	if (ldns_wire2pkt(&query, packet, size) != LDNS_STATUS_OK ||
	    ldns_wire2pkt(&answer, so_far, so_far_size) != LDNS_STATUS_OK) {
		dns_refuse(packet, size, DNS_SERVFAIL, ret);
		return;
	}
	ldns_pkt_set_aa(answer, false);
	if (!rest || ldns_wire2pkt(&more, rest, rest_size) != LDNS_STATUS_OK) {
		ldns_pkt_set_rcode(answer, LDNS_RCODE_SERVFAIL);
	} else {
		ldns_rr_list *list = ldns_pkt_answer(more);
		for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++)
			ldns_pkt_push_rr(answer, LDNS_SECTION_ANSWER,
					 ldns_rr_clone(ldns_rr_list_rr(list, i)));
		ldns_pkt_set_rcode(answer, (uint8_t)ldns_pkt_get_rcode(more));
	}
	put(answer, size_max(query, is_tcp), DNS_ANSWER, ret);
}
