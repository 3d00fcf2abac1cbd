/*
 * watch.h - what the server does to all its watches.
 */
#pragma once

struct server;

/* Every minute: a bookmark to each watch that wants them. Sets its timer again. */
void watch_bookmark_all(struct server *s);
/* Watches of kinds that are served no more end. */
void watch_end_gone(struct server *s);
