/*
 * bootstrap.h - what a new cluster contains from its first second: the namespaces, the Service
 * of the API itself and the one of DNS.
 */
#pragma once

struct server;

/* Make what is missing, now and until all is there. */
void bootstrap_start(struct server *s);
