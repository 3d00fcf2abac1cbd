#include "nodeagent/net/dns.h"
#include "nodeagent/net/dns_wire.h"

#include "common/base/str.h"

#include <ctype.h>

#define TTL_S            5
#define CHASES_MAX       8
#define RECORDS_TEXT_MAX ((size_t)1 << 20)

void dns_result_fini(struct dns_result *r)
{
	free(r->bytes);
	free(r->ask);
	*r = (struct dns_result){ 0 };
}

static void reply_to(const struct dns_message *query, struct dns_message *ret)
{
	*ret = (struct dns_message){ .id = query->id,
				     .opcode = query->opcode,
				     .is_reply = true,
				     .is_authoritative = true,
				     .has_recursion = true,
				     .wants_recursion = query->wants_recursion,
				     .has_edns = query->has_edns,
				     .udp_size = DNS_UDP_SIZE,
				     .questions_count = query->questions_count,
				     .question_type = query->question_type,
				     .question_class = query->question_class };
	memcpy(ret->question, query->question, sizeof ret->question);
}

static size_t size_max(const struct dns_message *query, bool is_tcp)
{
	size_t said = query->has_edns ? query->udp_size : DNS_UDP_SIZE_OLD;
	return is_tcp ? DNS_PACKET_MAX : MAX((size_t)DNS_UDP_SIZE_OLD, MIN(said, DNS_UDP_SIZE));
}

/* What does not fit is left out: additional records in silence, answers with the flag that sends
 * the client to TCP. Some clients know no TCP, so what fits goes out. */
static void put(struct dns_message *m, size_t max, enum dns_verdict verdict, struct dns_result *ret)
{
	for (;;) {
		size_t size = 0;
		uint8_t *wire = dns_message_print(m, &size);
		if (wire && size <= max) {
			ret->verdict = verdict;
			ret->bytes = wire;
			ret->size = size;
			return;
		}
		free(wire);
		size_t additional = dns_message_count(m, DNS_IN_ADDITIONAL);
		size_t answers = dns_message_count(m, DNS_IN_ANSWER);
		if (additional > 0) {
			dns_message_drop(m, DNS_IN_ADDITIONAL, additional / 4 + 1);
		} else if (answers > 0) {
			m->is_truncated = true;
			dns_message_drop(m, DNS_IN_ANSWER, answers / 4 + 1);
		} else {
			ret->verdict = DNS_DROP;
			return;
		}
	}
}

/* ---- answering from the zone ---- */

/* Records of `owner`, beginning at another one for each packet: clients take the first. */
static void push_answers(struct dns_message *m, const char *owner, struct str *text, size_t count,
			 unsigned turn)
{
	const char **lines = xcalloc(count + 1, sizeof(*lines));
	size_t n = 0;
	char *at = text->data;
	for (char *line; n < count && (line = strsep(&at, "\n")) && *line;)
		lines[n++] = line;
	for (size_t i = 0; i < n; i++)
		dns_message_add(m, DNS_IN_ANSWER, owner, TTL_S, lines[(i + turn) % n]);
	free(lines);
}

static void push_additional(struct dns_message *m, struct str *text)
{
	char *at = text->data;
	for (char *line; (line = strsep(&at, "\n")) && *line;) {
		char *rest = strchr(line, ' ');
		*rest = '\0';
		dns_message_add(m, DNS_IN_ADDITIONAL, line, TTL_S, rest + 1);
	}
}

static void push_soa(struct dns_message *m, const struct dns_zone *zone, const char *name)
{
	bool is_reverse = dns_message_count(m, DNS_IN_ANSWER) == 0 && strlen(name) > 13 &&
			  streq(name + strlen(name) - 13, ".in-addr.arpa");
	auto_free char *owner = xasprintf("%s.", is_reverse ? name : zone->domain);
	auto_free char *rest = xasprintf("SOA ns.dns.%s. hostmaster.%s. 1 7200 1800 86400 %d",
					 zone->domain, zone->domain, TTL_S);
	dns_message_add(m, DNS_IN_AUTHORITY, owner, TTL_S, rest);
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

static void make_ask(const char *name, uint16_t type, struct dns_result *ret)
{
	AUTO_DNS_MESSAGE m = { .questions_count = 1,
			       .question_type = type,
			       .question_class = ns_c_in,
			       .wants_recursion = true,
			       .has_edns = true,
			       .udp_size = DNS_UDP_SIZE };
	if (ns_name_pton(name, m.question, sizeof m.question) >= 0)
		ret->ask = dns_message_print(&m, &ret->ask_size);
}

/* Follows one name, and what it leads to, as far as we know it. */
static void answer_name(const struct dns_zone *zone, const struct dns_message *query,
			const char *asked, bool is_tcp, struct dns_result *ret)
{
	AUTO_DNS_MESSAGE m = { 0 };
	reply_to(query, &m);
	uint16_t type = query->question_type;
	auto_free char *name = lower(asked);
	auto_free char *owner = xstrdup(asked);
	size_t max = size_max(query, is_tcp);
	for (int i = 0; i < CHASES_MAX; i++) {
		AUTO_STR answers, additional;
		str_init(&answers, RECORDS_TEXT_MAX);
		str_init(&additional, RECORDS_TEXT_MAX);
		struct dns_records r = { &answers, &additional, NULL, 0 };
		enum dns_found found = dns_zone_find(zone, name, type, &r);
		if (found == DNS_FOREIGN && i == 0) {
			ret->verdict = DNS_FORWARD;
			return;
		}
		if (found == DNS_FOREIGN) {
			make_ask(name, type, ret);
			put(&m, DNS_PACKET_MAX, ret->ask ? DNS_CHASE : DNS_ANSWER, ret);
			return;
		}
		push_answers(&m, owner, &answers, r.count, query->id);
		push_additional(&m, &additional);
		if (r.canonical && *r.canonical) {
			auto_free char *rest =
				xasprintf("CNAME %s%s", r.canonical,
					  r.canonical[strlen(r.canonical) - 1] == '.' ? "" : ".");
			dns_message_add(&m, DNS_IN_ANSWER, owner, TTL_S, rest);
			free(owner);
			free(name);
			name = lower(r.canonical);
			owner = xasprintf("%s.", name);
			if (type != ns_t_cname)
				continue;
		}
		if (found == DNS_NO_NAME)
			m.rcode = ns_r_nxdomain;
		if (r.count == 0 && !r.canonical)
			push_soa(&m, zone, name);
		put(&m, max, DNS_ANSWER, ret);
		return;
	}
	m.rcode = ns_r_servfail; /* a circle of names */
	put(&m, max, DNS_ANSWER, ret);
}

static bool is_question(const uint8_t *packet, size_t size)
{
	return size >= NS_HFIXEDSZ && !(packet[2] & 0x80);
}

void dns_refuse(const uint8_t *packet, size_t size, int rcode, struct dns_result *ret)
{
	AUTO_DNS_MESSAGE query = { 0 }, m = { 0 };
	*ret = (struct dns_result){ 0 };
	if (!is_question(packet, size))
		return;
	if (dns_message_parse(packet, size, &query)) {
		reply_to(&query, &m);
		m.is_authoritative = false;
		m.rcode = (uint8_t)rcode;
		put(&m, DNS_UDP_SIZE_OLD, DNS_ANSWER, ret);
		return;
	}
	/* Nothing of it can be understood but its number. */
	ret->bytes = xcalloc(1, NS_HFIXEDSZ);
	ret->size = NS_HFIXEDSZ;
	memcpy(ret->bytes, packet, 2);
	ret->bytes[2] = 0x80;
	ret->bytes[3] = (uint8_t)(0x80 | rcode);
	ret->verdict = DNS_ANSWER;
}

/* -1: it can be answered; else the code to refuse it with. */
static int check_query(const struct dns_message *query, char name[NS_MAXDNAME + 1])
{
	if (query->questions_count != 1 || !dns_name_text(query->question, name))
		return ns_r_formerr;
	if (query->question_type == ns_t_axfr || query->question_type == ns_t_ixfr)
		return ns_r_refused;
	return -1;
}

void dns_answer(const struct dns_zone *zone, const uint8_t *packet, size_t size, bool is_tcp,
		struct dns_result *ret)
{
	AUTO_DNS_MESSAGE query = { 0 };
	char name[NS_MAXDNAME + 1];
	*ret = (struct dns_result){ 0 };
	if (!is_question(packet, size))
		return;
	int rcode = (packet[2] >> 3 & 15) != ns_o_query        ? ns_r_notimpl
		    : !dns_message_parse(packet, size, &query) ? ns_r_formerr
							       : check_query(&query, name);
	if (rcode >= 0)
		dns_refuse(packet, size, rcode, ret);
	else if (query.question_class != ns_c_in)
		ret->verdict = DNS_FORWARD;
	else
		answer_name(zone, &query, name, is_tcp, ret);
}

void dns_join(const uint8_t *packet, size_t size, bool is_tcp, const uint8_t *so_far,
	      size_t so_far_size, const uint8_t *rest, size_t rest_size, struct dns_result *ret)
{
	AUTO_DNS_MESSAGE query = { 0 }, answer = { 0 }, more = { 0 };
	*ret = (struct dns_result){ 0 };
	if (!dns_message_parse(packet, size, &query) ||
	    !dns_message_parse(so_far, so_far_size, &answer)) {
		dns_refuse(packet, size, DNS_SERVFAIL, ret);
		return;
	}
	answer.is_authoritative = false;
	if (!rest || !dns_message_parse(rest, rest_size, &more)) {
		answer.rcode = ns_r_servfail;
	} else {
		for (size_t i = 0; i < more.records_count; i++)
			if (more.records[i].section == DNS_IN_ANSWER)
				dns_message_copy(&answer, DNS_IN_ANSWER, &more.records[i]);
		answer.rcode = more.rcode;
	}
	put(&answer, size_max(&query, is_tcp), DNS_ANSWER, ret);
}
