/*
 * node_images.h - the images of this node: the list in Node.status, and removing what nothing uses
 * when the disk fills up. Only images go that a registry can give again (they have a digest of
 * one); those that were imported stay.
 *
 * Threads: the loop's.
 */
#pragma once

#include "common/base/jsonx.h"

struct agent;
struct node_images;

struct node_images *node_images_new(struct agent *a);
void node_images_free(struct node_images *n); /* no callbacks any more; NULL is fine */

/* Asks the runtime when it is time (once a minute; `is_disk_short`: at once). */
void node_images_look(struct node_images *n, bool is_disk_short);
/* The 50 largest, as Node.status.images. A new tree. */
json_t *node_images_status(const struct node_images *n);
