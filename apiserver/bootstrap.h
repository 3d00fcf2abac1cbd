/*
 * bootstrap.h - what a cluster contains from its first second: namespaces, roles, priority classes and
 * levels, the Service of the API itself and the one of DNS … Whatever is missing of it when the server
 * starts is made, and what lacks something is mended. Namespaces, Services, the range of addresses,
 * flow schemas, priority levels and ConfigMaps are put back whenever they go or change; nothing is
 * polled.
 *
 * Threads: the core loop's.
 */
#pragma once

struct bootstrap;
struct server;

struct bootstrap *bootstrap_new(struct server *s);
void bootstrap_free(struct bootstrap *b);
