/*
 * service_facts.h - what one Service, or one Pod of this node, wants in the kernel's maps.
 * Pure: objects in, elements out.
 */
#pragma once

#include "common/base/jsonx.h"
#include "nodeagent/net/service_plan.h"

/* The Service that an EndpointSlice belongs to; NULL: none. Borrowed. */
const char *slice_service(const json_t *slice);

/* false: not an IPv4 address. Host byte order. */
bool address_parse(const char *text, uint32_t *ret);

struct service_view {
	const json_t *service;
	const json_t *const *slices; /* the Service's */
	size_t slices_count;
	const char *node_name;
	uint32_t answered_here; /* an address that the node itself answers (DNS); 0: none */
};
void service_facts(const struct service_view *v, struct service_elements *ret);

/* hostPorts, and the address by which the pod may meet itself. Ended pods want nothing. */
void pod_facts_of_ports(const json_t *pod, struct service_elements *ret);
