/*
 * pod_config.h - what the runtime is asked to make: sandbox and container configurations from
 * a Pod. Pure but for the clock-free names of paths; everything made lives in the arena.
 *
 * Labels and annotations on sandboxes and containers are the kubelet's (io.kubernetes.*), and
 * are all that a restarted agent needs.
 */
#pragma once

#include "nodeagent/pod_env.h"
#include "nodeagent/pod_paths.h"

#define LABEL_POD_NAME            "io.kubernetes.pod.name"
#define LABEL_POD_NAMESPACE       "io.kubernetes.pod.namespace"
#define LABEL_POD_UID             "io.kubernetes.pod.uid"
#define LABEL_CONTAINER_NAME      "io.kubernetes.container.name"
#define ANNOTATION_HASH           "io.kubernetes.container.hash"
#define ANNOTATION_GRACE          "io.kubernetes.pod.terminationGracePeriod"
#define ANNOTATION_MESSAGE_PATH   "io.kubernetes.container.terminationMessagePath"
#define ANNOTATION_MESSAGE_POLICY "io.kubernetes.container.terminationMessagePolicy"
#define ANNOTATION_BOOT           "skiff.dev/boot"

struct pod_config_options {
	struct pod_paths paths;
	const char *cluster_dns, *cluster_domain; /* dns NULL: only the host's */
	const char *cgroup_parent;                /* "/skiff-x"; pods lie below it */
	const char *boot_id;
	const char *const *host_dns; /* nameservers and searches of the host's resolv.conf */
	size_t host_dns_count;
	const char *const *host_searches;
	size_t host_searches_count;
};

int pod_sandbox_config(const struct pod_config_options *o, const struct pod_context *p,
		       uint32_t attempt, struct arena *a, struct cri_sandbox_config *ret,
		       struct error *err) MUST_CHECK;

/* ERR_NOT_FOUND: something it is made from is missing (CreateContainerConfigError). */
int pod_container_config(const struct pod_config_options *o, const struct pod_context *p,
			 const json_t *container, uint32_t attempt, struct arena *a,
			 struct cri_container_config *ret, struct error *err) MUST_CHECK;

/* Changes when the container must be made anew: the image and nothing else may change. */
uint64_t pod_container_hash(const json_t *container);
