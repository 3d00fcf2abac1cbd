#include "nodeagent/net/dns_wire.h"

#include <arpa/inet.h>
#include <stdio.h>

#define MESSAGE_MAX 65535
#define POINTERS    64 /* names that later ones may point at */
#define DATA_MAX    1024

static void record_fini(struct dns_record *r)
{
	free(r->data);
}

void dns_message_fini(struct dns_message *m)
{
	for (size_t i = 0; i < m->records_count; i++)
		record_fini(&m->records[i]);
	free(m->records);
	*m = (struct dns_message){ 0 };
}

static struct dns_record *grow(struct dns_message *m)
{
	if ((m->records_count & (m->records_count - 1)) == 0)
		m->records = xrealloc(m->records, m->records_count ? m->records_count * 2 : 1,
				      sizeof *m->records);
	return &m->records[m->records_count++];
}

static void add(struct dns_message *m, enum dns_section section, const struct dns_record *like,
		const uint8_t *data, size_t len)
{
	struct dns_record *r = grow(m);
	*r = *like;
	r->section = section;
	r->data = xmemdup(data, len);
	r->data_len = (uint16_t)len;
}

void dns_message_copy(struct dns_message *m, enum dns_section section,
		      const struct dns_record *record)
{
	add(m, section, record, record->data, record->data_len);
}

size_t dns_message_count(const struct dns_message *m, enum dns_section section)
{
	size_t n = 0;
	for (size_t i = 0; i < m->records_count; i++)
		n += m->records[i].section == section;
	return n;
}

void dns_message_drop(struct dns_message *m, enum dns_section section, size_t n)
{
	for (size_t i = m->records_count; i > 0 && n > 0; i--) {
		struct dns_record *r = &m->records[i - 1];
		if (r->section != section)
			continue;
		record_fini(r);
		memmove(r, r + 1, (m->records_count - i) * sizeof *r);
		m->records_count--;
		n--;
	}
}

bool dns_name_text(const uint8_t *name, char out[NS_MAXDNAME + 1])
{
	if (ns_name_ntop(name, out, NS_MAXDNAME) < 0)
		return false;
	size_t n = strlen(out);
	if (n == 0 || out[n - 1] != '.') /* the root is "." already */
		memcpy(out + n, ".", 2);
	return true;
}

/* ---- from bytes ---- */

/* Where names stand in the data of types whose names may be compressed (RFC 1035, 2782). */
static const struct {
	uint16_t type;
	uint8_t before, names;
} layouts[] = {
	{ ns_t_ns, 0, 1 },  { ns_t_cname, 0, 1 }, { ns_t_ptr, 0, 1 },
	{ ns_t_soa, 0, 2 }, { ns_t_mx, 2, 1 },    { ns_t_srv, 6, 1 },
};

/* A record's data without compression. */
static ssize_t unpack_data(const ns_msg *msg, const ns_rr *rr, uint8_t out[DATA_MAX])
{
	const uint8_t *at = ns_rr_rdata(*rr), *end = at + ns_rr_rdlen(*rr);
	size_t len = 0;
	for (size_t i = 0; i < ARRAY_LEN(layouts); i++) {
		if (layouts[i].type != ns_rr_type(*rr))
			continue;
		if (end - at < layouts[i].before)
			return -1;
		memcpy(out, at, layouts[i].before);
		len = layouts[i].before;
		at += len;
		for (int k = 0; k < layouts[i].names; k++) {
			int used = ns_name_unpack(ns_msg_base(*msg), ns_msg_end(*msg), at,
						  out + len, NS_MAXCDNAME);
			if (used < 0 || used > end - at)
				return -1;
			at += used;
			for (const uint8_t *label = out + len; *label; label += *label + 1)
				len += (size_t)*label + 1;
			len++;
		}
	}
	if (len == 0 || len + (size_t)(end - at) > DATA_MAX)
		return len == 0 ? 0 : -1;
	memcpy(out + len, at, (size_t)(end - at));
	return (ssize_t)(len + (size_t)(end - at));
}

static bool take_record(struct dns_message *m, ns_msg *msg, int section, int i)
{
	static const enum dns_section sections[] = { [ns_s_an] = DNS_IN_ANSWER,
						     [ns_s_ns] = DNS_IN_AUTHORITY,
						     [ns_s_ar] = DNS_IN_ADDITIONAL };
	struct dns_record r = { 0 };
	uint8_t data[DATA_MAX];
	ns_rr rr;
	if (ns_parserr(msg, (ns_sect)section, i, &rr) < 0)
		return false;
	if (ns_rr_type(rr) == ns_t_opt) {
		m->has_edns = true;
		m->udp_size = (uint16_t)ns_rr_class(rr);
		return true;
	}
	ssize_t len = unpack_data(msg, &rr, data);
	if (len < 0 || ns_name_pton(ns_rr_name(rr), r.owner, sizeof r.owner) < 0)
		return false;
	r.type = (uint16_t)ns_rr_type(rr);
	r.class = (uint16_t)ns_rr_class(rr);
	r.ttl = ns_rr_ttl(rr);
	add(m, sections[section], &r, len > 0 ? data : ns_rr_rdata(rr),
	    len > 0 ? (size_t)len : ns_rr_rdlen(rr));
	return true;
}

static bool parse(const uint8_t *bytes, size_t size, struct dns_message *m)
{
	ns_msg msg;
	ns_rr question;
	if (size > MESSAGE_MAX || ns_initparse(bytes, (int)size, &msg) < 0)
		return false;
	m->id = ns_msg_id(msg);
	m->opcode = (uint8_t)ns_msg_getflag(msg, ns_f_opcode);
	m->rcode = (uint8_t)ns_msg_getflag(msg, ns_f_rcode);
	m->is_reply = ns_msg_getflag(msg, ns_f_qr);
	m->is_authoritative = ns_msg_getflag(msg, ns_f_aa);
	m->is_truncated = ns_msg_getflag(msg, ns_f_tc);
	m->wants_recursion = ns_msg_getflag(msg, ns_f_rd);
	m->has_recursion = ns_msg_getflag(msg, ns_f_ra);
	m->questions_count = ns_msg_count(msg, ns_s_qd);
	if (m->questions_count > 0) {
		if (ns_parserr(&msg, ns_s_qd, 0, &question) < 0 ||
		    ns_name_pton(ns_rr_name(question), m->question, sizeof m->question) < 0)
			return false;
		m->question_type = (uint16_t)ns_rr_type(question);
		m->question_class = (uint16_t)ns_rr_class(question);
	}
	for (int section = ns_s_an; section <= ns_s_ar; section++)
		for (int i = 0; i < ns_msg_count(msg, (ns_sect)section); i++)
			if (!take_record(m, &msg, section, i))
				return false;
	return true;
}

bool dns_message_parse(const uint8_t *bytes, size_t size, struct dns_message *ret)
{
	*ret = (struct dns_message){ 0 };
	if (parse(bytes, size, ret))
		return true;
	dns_message_fini(ret);
	return false;
}

/* ---- to bytes ---- */

struct out {
	uint8_t bytes[MESSAGE_MAX];
	size_t len;
	bool is_full;
	const uint8_t *pointers[POINTERS];
};

static uint8_t *room(struct out *o, size_t n)
{
	if (o->is_full || n > sizeof o->bytes - o->len) {
		o->is_full = true;
		return NULL;
	}
	o->len += n;
	return o->bytes + o->len - n;
}

static void put16(struct out *o, unsigned value)
{
	uint8_t *at = room(o, 2);
	if (at)
		ns_put16(value, at);
}

static void put32(struct out *o, uint32_t value)
{
	uint8_t *at = room(o, 4);
	if (at)
		ns_put32(value, at);
}

static void put_name(struct out *o, const uint8_t *name)
{
	int left = (int)MIN(sizeof o->bytes - o->len, (size_t)NS_MAXCDNAME);
	int n = o->is_full ? -1
			   : ns_name_pack(name, o->bytes + o->len, left, o->pointers,
					  o->pointers + POINTERS);
	if (n < 0)
		o->is_full = true;
	else
		o->len += (size_t)n;
}

static void put_record(struct out *o, const struct dns_record *r)
{
	put_name(o, r->owner);
	put16(o, r->type);
	put16(o, r->class);
	put32(o, r->ttl);
	put16(o, r->data_len);
	uint8_t *at = room(o, r->data_len);
	if (at && r->data_len > 0)
		memcpy(at, r->data, r->data_len);
}

static void put_edns(struct out *o, uint16_t udp_size)
{
	static const uint8_t root[1] = { 0 };
	put_name(o, root);
	put16(o, ns_t_opt);
	put16(o, udp_size);
	put32(o, 0);
	put16(o, 0);
}

static void put_head(struct out *o, const struct dns_message *m)
{
	unsigned flags = (unsigned)m->is_reply << 15 | (unsigned)m->opcode << 11 |
			 (unsigned)m->is_authoritative << 10 | (unsigned)m->is_truncated << 9 |
			 (unsigned)m->wants_recursion << 8 | (unsigned)m->has_recursion << 7 |
			 (m->rcode & 15u);
	put16(o, m->id);
	put16(o, flags);
	put16(o, m->questions_count > 0);
	put16(o, (unsigned)dns_message_count(m, DNS_IN_ANSWER));
	put16(o, (unsigned)dns_message_count(m, DNS_IN_AUTHORITY));
	put16(o, (unsigned)dns_message_count(m, DNS_IN_ADDITIONAL) + m->has_edns);
	if (m->questions_count > 0) {
		put_name(o, m->question);
		put16(o, m->question_type);
		put16(o, m->question_class);
	}
}

uint8_t *dns_message_print(const struct dns_message *m, size_t *ret_size)
{
	auto_free struct out *o = xcalloc(1, sizeof *o);
	o->pointers[0] = o->bytes; /* names are found again from here on */
	put_head(o, m);
	for (int section = DNS_IN_ANSWER; section <= DNS_IN_ADDITIONAL; section++)
		for (size_t i = 0; i < m->records_count; i++)
			if (m->records[i].section == (enum dns_section)section)
				put_record(o, &m->records[i]);
	if (m->has_edns)
		put_edns(o, m->udp_size);
	if (o->is_full)
		return NULL;
	*ret_size = o->len;
	return xmemdup(o->bytes, o->len);
}

/* ---- records from text ---- */

static ssize_t add_name(const char *text, uint8_t *out)
{
	if (ns_name_pton(text, out, NS_MAXCDNAME) < 0)
		return -1;
	size_t len = 1;
	for (const uint8_t *label = out; *label; label += *label + 1)
		len += (size_t)*label + 1;
	return (ssize_t)len;
}

static ssize_t srv_data(const char *text, uint8_t *out)
{
	unsigned priority, weight, port;
	char target[NS_MAXDNAME];
	if (sscanf(text, "%u %u %u %1024s", &priority, &weight, &port, target) != 4)
		return -1;
	ns_put16(priority, out);
	ns_put16(weight, out + 2);
	ns_put16(port, out + 4);
	ssize_t n = add_name(target, out + 6);
	return n < 0 ? -1 : n + 6;
}

static ssize_t soa_data(const char *text, uint8_t *out)
{
	char names[2][NS_MAXDNAME];
	unsigned numbers[5];
	if (sscanf(text, "%1024s %1024s %u %u %u %u %u", names[0], names[1], &numbers[0],
		   &numbers[1], &numbers[2], &numbers[3], &numbers[4]) != 7)
		return -1;
	size_t len = 0;
	for (size_t i = 0; i < 2; i++) {
		ssize_t n = add_name(names[i], out + len);
		if (n < 0)
			return -1;
		len += (size_t)n;
	}
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++, len += 4)
		ns_put32(numbers[i], out + len);
	return (ssize_t)len;
}

static ssize_t a_data(const char *text, uint8_t *out)
{
	return inet_pton(AF_INET, text, out) == 1 ? 4 : -1;
}

/* One word in quotes. */
static ssize_t txt_data(const char *text, uint8_t *out)
{
	size_t n = strlen(text);
	if (n < 2 || n > 257 || text[0] != '"' || text[n - 1] != '"')
		return -1;
	out[0] = (uint8_t)(n - 2);
	memcpy(out + 1, text + 1, n - 2);
	return (ssize_t)n - 1;
}

void dns_message_add(struct dns_message *m, enum dns_section section, const char *owner,
		     uint32_t ttl, const char *rest)
{
	static const struct {
		const char *name;
		uint16_t type;
		ssize_t (*data)(const char *text, uint8_t *out);
	} types[] = {
		{ "A ", ns_t_a, a_data },       { "SRV ", ns_t_srv, srv_data },
		{ "PTR ", ns_t_ptr, add_name }, { "CNAME ", ns_t_cname, add_name },
		{ "SOA ", ns_t_soa, soa_data }, { "TXT ", ns_t_txt, txt_data },
		{ "NS ", ns_t_ns, add_name },
	};
	struct dns_record r = { .class = ns_c_in, .ttl = ttl };
	uint8_t data[DATA_MAX];
	if (ns_name_pton(owner, r.owner, sizeof r.owner) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (!starts_with(rest, types[i].name))
			continue;
		r.type = types[i].type;
		ssize_t len = types[i].data(rest + strlen(types[i].name), data);
		if (len >= 0)
			add(m, section, &r, data, (size_t)len);
	}
}
