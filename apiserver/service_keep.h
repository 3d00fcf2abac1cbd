/*
 * service_keep.h - an APIService for each version of each group of custom kinds, while it is served.
 *
 * Threads: the core loop's.
 */
#pragma once

struct server;
struct service_keeper;

struct service_keeper *service_keeper_new(struct server *s);
void service_keeper_free(struct service_keeper *k);
/* What is served has changed. */
void service_keeper_follow(struct service_keeper *k);
