/*
 * cluster_images.h - localhost/pause:1 and localhost/busybox:1.
 */
#pragma once

#include "cli/cluster.h"

/* Archives under DIR/images; kept from one `up` to the next. */
int cluster_make_images(const struct cluster *c, struct error *err) MUST_CHECK;
/* Straight into a node's containerd, which must answer already. */
int cluster_import_image(const struct cluster *c, const struct cluster_node *n,
			 const char *archive, struct error *err) MUST_CHECK;
