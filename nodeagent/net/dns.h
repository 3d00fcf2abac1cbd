/*
 * dns.h - cluster DNS: what the answer to a packet is. Names of the cluster and addresses of its
 * ranges come from the caches of Services and EndpointSlices; all others are to be forwarded.
 *
 * Pure: caches and a packet in, a packet out.
 */
#pragma once

#include "common/client/cache.h"

#define DNS_PACKET_MAX   65535
#define DNS_UDP_SIZE     1232 /* what we take by UDP at most, and say so */
#define DNS_UDP_SIZE_OLD 512  /* of clients that say nothing */

struct dns_zone {
	const char *domain; /* "cluster.local" */
	const struct cache *services, *slices;
	/* indexes, filled by the functions below */
	int slices_by_service, slices_by_address, services_by_address;
	struct dns_range {
		uint32_t address, mask; /* host byte order; mask 0: none */
	} pods, addresses;              /* whose reverse names are ours */
};

cache_index_function dns_slices_by_service, dns_slices_by_address, dns_services_by_address;
/* "10.244.0.0/16". false: not an IPv4 range. */
bool dns_range_parse(const char *text, struct dns_range *ret);

enum dns_verdict {
	DNS_DROP,    /* no question at all: silence */
	DNS_ANSWER,  /* bytes */
	DNS_FORWARD, /* not ours: another server knows */
	DNS_CHASE,   /* bytes lead to a name that is not ours: ask for it, then dns_join() */
};

struct dns_result {
	enum dns_verdict verdict;
	uint8_t *bytes; /* malloc */
	size_t size;
	uint8_t *ask; /* CHASE: the question to send on */
	size_t ask_size;
};
void dns_result_fini(struct dns_result *r);

void dns_answer(const struct dns_zone *zone, const uint8_t *packet, size_t size, bool is_tcp,
		struct dns_result *ret);
/* Our answer so far, and what another server said to the rest (NULL: nothing). */
void dns_join(const uint8_t *packet, size_t size, bool is_tcp, const uint8_t *so_far,
	      size_t so_far_size, const uint8_t *rest, size_t rest_size, struct dns_result *ret);
/* SERVFAIL and its like. */
void dns_refuse(const uint8_t *packet, size_t size, int rcode, struct dns_result *ret);

#define DNS_SERVFAIL 2
#define DNS_REFUSED  5

/* ---- dns_zone.c ---- */
#define DNS_RECORDS_MAX 1024
struct dns_records {
	struct str
		*answers; /* "TYPE DATA\n" of the name asked, or with its own "NAME TYPE DATA\n" */
	struct str *additional; /* "NAME TYPE DATA\n" */
	const char *canonical;  /* the name goes on there (ExternalName); borrowed */
	size_t count;
};
enum dns_found {
	DNS_NO_NAME, /* NXDOMAIN */
	DNS_NAME,    /* it exists; whether there are records says count */
	DNS_FOREIGN, /* not ours */
};
/* `name` in lower case, no dot at its end. type: a DNS type number. */
enum dns_found dns_zone_find(const struct dns_zone *zone, const char *name, int type,
			     struct dns_records *out);
