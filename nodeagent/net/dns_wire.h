/*
 * dns_wire.h - DNS messages (RFC 1035, EDNS of RFC 6891) from bytes and to bytes. Names are packed
 * and unpacked by the C library's resolver functions; records are kept without compression.
 *
 * Pure. Ownership: a message owns its records. A message of zeros is empty.
 */
#pragma once

#include "common/base/base.h"

#include <arpa/nameser.h>

enum dns_section { DNS_IN_ANSWER, DNS_IN_AUTHORITY, DNS_IN_ADDITIONAL };

struct dns_record {
	enum dns_section section;
	uint8_t owner[NS_MAXCDNAME]; /* uncompressed */
	uint16_t type, class;
	uint32_t ttl;
	uint8_t *data; /* names in it are uncompressed */
	uint16_t data_len;
};

struct dns_message {
	uint16_t id;
	uint8_t opcode, rcode;
	bool is_reply, is_authoritative, is_truncated, wants_recursion, has_recursion;
	bool has_edns;
	uint16_t udp_size; /* with has_edns */
	uint16_t questions_count;
	uint8_t question[NS_MAXCDNAME]; /* the first */
	uint16_t question_type, question_class;
	struct dns_record *records;
	size_t records_count;
};
void dns_message_fini(struct dns_message *m);
#define AUTO_DNS_MESSAGE __attribute__((cleanup(dns_message_fini))) struct dns_message

/* False, and an empty message: it is malformed. */
bool dns_message_parse(const uint8_t *bytes, size_t size, struct dns_message *ret);
/* At most DNS_PACKET_MAX bytes (malloc); NULL: it does not fit. */
uint8_t *dns_message_print(const struct dns_message *m, size_t *ret_size);

/* `rest` as in a zone file: "A 192.0.2.1", "SRV 0 100 80 a.b.", "PTR a.b.", "CNAME a.b.", "NS a.b.",
 * "SOA …" (one line) or "TXT \"word\"". What cannot be written so gets no record. */
void dns_message_add(struct dns_message *m, enum dns_section section, const char *owner,
		     uint32_t ttl, const char *rest);
void dns_message_copy(struct dns_message *m, enum dns_section section,
		      const struct dns_record *record);
size_t dns_message_count(const struct dns_message *m, enum dns_section section);
/* The last `n` of a section go. */
void dns_message_drop(struct dns_message *m, enum dns_section section, size_t n);

/* Text of a name in wire form, absolute: with a dot at its end. False: it is none. */
bool dns_name_text(const uint8_t *name, char out[NS_MAXDNAME + 1]);
