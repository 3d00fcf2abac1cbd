/*
 * node_lease.h - the node's Lease, renewed every ten seconds: a sign of life for the controller.
 *
 * Threads: the loop's.
 */
#pragma once

struct agent;
struct node_lease;

struct node_lease *node_lease_new(struct agent *a);
void node_lease_free(struct node_lease *n);
void node_lease_start(struct node_lease *n);
/* The Node's uid: the lease belongs to it and is not made before. */
void node_lease_set_owner(struct node_lease *n, const char *uid);
