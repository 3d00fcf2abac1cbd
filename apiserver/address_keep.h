/*
 * address_keep.h - keeps IPAddress objects as the keys alloc/ip/… say: the Service that holds an
 * address has one that names it, also when somebody removed it, or the cluster is older than they
 * are; one that the server made for a Service that does not hold the address any more goes. What users
 * make for something else is left alone. By events; nothing is polled.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/server_internal.h"

#define ADDRESS_FAMILY        "ipaddress.kubernetes.io/ip-family"
#define ADDRESS_MANAGED       "ipaddress.kubernetes.io/managed-by"
#define ADDRESS_MANAGER       "ipallocator.k8s.io"
#define ADDRESS_KEY_SIZE      64
#define ADDRESS_DEFAULT_RANGE "kubernetes" /* the ServiceCIDR of the servers' own range */

struct address_keeper;

struct address_keeper *address_keeper_new(struct server *s);
void address_keeper_free(struct address_keeper *k);

const struct schema_kind *address_kind(void);
/* "alloc/ip/10.96.0.1": its value is who holds it, "NAMESPACE/NAME". */
void address_key(char out[ADDRESS_KEY_SIZE], const char *ip);

/* The end of an IPAddress of a Service, from behind its metadata. */
void address_tail(struct str *to, const char *ns, const char *name);
/* It ends so: it is `owner`'s ("NAMESPACE/NAME"). */
bool address_is_of(const struct object *o, const char *owner, size_t len);
