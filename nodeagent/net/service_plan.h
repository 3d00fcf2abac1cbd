/*
 * service_plan.h - from wanted map elements to one nftables transaction, as text.
 *
 * Everything that Services, NodePorts and hostPorts need in the kernel is an element of a few
 * maps; rules and chains never change. Elements come in groups (one a Service, one a Pod); the plan
 * remembers what is loaded and writes only what differs. The first transaction, and the first
 * after a failed one, replaces the whole table at once.
 *
 * Two groups may want the same address and port (externalIPs, hostPorts): the first keeps it, the
 * other gets it when it becomes free.
 *
 * Pure: text and numbers in, text out. Ownership: the plan owns its groups.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/str.h"

#define SERVICE_SLOTS_MAX 4096 /* endpoints of one port */

enum service_kind {
	SERVICE_VIP,          /* address, protocol, port → chain with `to_port` endpoints */
	SERVICE_VIP_SLOT,     /* …, slot → to_address, to_port */
	SERVICE_NODE_PORT,    /* protocol, port → chain */
	SERVICE_NODE_SLOT,    /* …, slot → to_address, to_port */
	SERVICE_NODE_KEEPS,   /* protocol, port: policy Local, the source address stays */
	SERVICE_HOST_PORT,    /* protocol, port → to_address, to_port */
	SERVICE_HOST_PORT_AT, /* address, protocol, port → to_address, to_port */
	SERVICE_HOST_KEEPS,   /* protocol, port of a hostPort */
	SERVICE_OWN_POD,      /* address: a pod here, which may reach itself by a Service */
	SERVICE_KIND_COUNT,
};

struct service_element {
	uint8_t kind, protocol; /* enum service_kind; IPPROTO_… */
	uint16_t port;
	uint32_t address; /* host byte order, as all here */
	uint16_t slot;
	uint16_t to_port;    /* chains: how many endpoints; 0: refused */
	uint32_t to_address; /* chains: 1 = by client address (sessionAffinity) */
};

struct service_elements {
	struct service_element *at;
	size_t count;
};
void service_elements_add(struct service_elements *e, struct service_element element);
void service_elements_fini(struct service_elements *e);

struct service_plan_options {
	const char *cluster_id, *cluster_cidr, *service_cidr; /* borrowed for ever */
};

/* UDP connections that the kernel must forget. */
struct service_flush {
	uint32_t address; /* 0: any */
	uint16_t port;
	uint32_t to_address; /* 0: any */
};

struct service_change {
	char *text; /* NULL: nothing to do */
	bool is_full;
	struct service_flush *flushes;
	size_t flushes_count;
};
void service_change_fini(struct service_change *c);

struct service_plan;
struct service_plan *service_plan_new(const struct service_plan_options *options);
void service_plan_free(struct service_plan *p);
DEFINE_CLEANUP(service_plan)

/* What a group wants from now on; none: the group goes. */
void service_plan_want(struct service_plan *p, const char *group,
		       struct service_elements *take_elements);

/* The transaction from loaded to wanted. service_plan_done() must follow before the next one
 * (at once where there was nothing to do). ERR_LIMIT: more than 256 MiB of text. */
int service_plan_make(struct service_plan *p, struct service_change *ret,
		      struct error *err) MUST_CHECK;
/* is_loaded false: unknown what the kernel holds, the next one replaces everything. */
void service_plan_done(struct service_plan *p, bool is_loaded);
void service_plan_forget(struct service_plan *p); /* somebody removed the table */

size_t service_plan_blocked(const struct service_plan *p); /* groups that did not get all */

/* ---- service_text.c: nftables' words ---- */
void service_text_table(struct str *out, const struct service_plan_options *o);
void service_text_chain(struct str *out, const char *table, size_t endpoints);
/* Sorted elements; verb "add" or "delete". */
void service_text_elements(struct str *out, const char *table, const char *verb,
			   const struct service_element *at, size_t n);
