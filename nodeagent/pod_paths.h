/*
 * pod_paths.h - where a pod's files lie on the node, and what its /etc/hosts holds. Pure.
 */
#pragma once

#include "common/base/jsonx.h"
#include "common/base/str.h"

struct pod_paths {
	const char *root;     /* ROOT/pods/UID/… */
	const char *log_root; /* ROOT/log/NS_NAME_UID/CONTAINER/N.log */
};

char *pod_dir(const struct pod_paths *p, const json_t *pod);     /* the caller's */
char *pod_log_dir(const struct pod_paths *p, const json_t *pod); /* the caller's */
char *pod_volume_dir(const struct pod_paths *p, const json_t *pod, const json_t *volume);
char *pod_message_path(const struct pod_paths *p, const char *uid, const char *container,
		       uint32_t attempt);
char *pod_hosts_path(const struct pod_paths *p, const char *uid);

/* What /etc/hosts of the pod holds. */
void pod_hosts_text(const json_t *pod, const char *pod_ip, struct str *out);
