/*
 * alloc.h - ranges that addresses and ports are given out from.
 */
#pragma once

#include "common/base/error.h"

#include <jansson.h>

struct change;
struct failure;

#define NODE_PORT_FIRST 30000
#define NODE_PORT_LAST  32767

/* An IPv4 range; numbers in host byte order. */
struct address_ranges {
	uint32_t first, count; /* the Service range, without network and broadcast */
	char cidr[64];
};

/* True: `cidr` is IPv4 and leaves room for addresses; between /8 and /30. */
bool address_ranges_read(const char *cidr, struct address_ranges *ret);
bool address_ranges_has(const struct address_ranges *a, const char *address);
int address_ranges_new(const char *service_cidr, struct address_ranges **ret,
		       struct error *err) MUST_CHECK;
/* The n-th address of the Service range, from 1. */
void address_ranges_nth(const struct address_ranges *a, uint32_t n, char out[16]);
/* Of a Service that has addresses: its families and their policy. *ret_is_sound false: what it says
 * of them is refused by its kind's rules, and nothing was filled in. */
int alloc_families(struct change *c, bool *ret_is_sound, struct failure *f);

/* ---- alloc_update.c ---- */

/* The Service with what was given out before and is not spoken of, and without what its new type does
 * not have. */
void alloc_patch_service(json_t *tree, const json_t *old);
bool alloc_has_health_port(const json_t *service);
/* One of its ports has that node port, which is not 0. */
bool alloc_has_node_port(const json_t *service, int64_t port);

/* ---- alloc.c: own keys of what is taken, for alloc_address.c ---- */
bool alloc_is_taken(const struct change *c, const char *key);
void alloc_take(struct change *c, const char *key);
uint32_t alloc_random(struct change *c, uint32_t n);

/* ---- alloc_address.c ---- */
/* Gives the Service an address, or the one it asks for: the key alloc/ip/ADDRESS, which nobody else may
 * write, and its IPAddress object go with it. */
int alloc_address(struct change *c, struct failure *f);
void alloc_release_address(struct change *c, const char *ip);
