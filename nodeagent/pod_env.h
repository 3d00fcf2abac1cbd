/*
 * pod_env.h - the environment of a container: Service variables, envFrom, env with values from
 * ConfigMaps, Secrets and the pod's own fields, $(NAME) expansion. Pure.
 */
#pragma once

#include "common/base/jsonx.h"
#include "common/io/cri_client.h"
#include "common/base/arena.h"

#define POD_ENV_MAX 16384 /* variables of one container */

/* What else a pod's containers are made from. Everything is borrowed. */
struct pod_context {
	const json_t *object; /* the Pod */
	/* "ConfigMap/NAME" and "Secret/NAME": the object, or null where there is none;
	 * "Token/VOLUME/INDEX": the token. */
	const json_t *sources;
	const json_t *const *services; /* of the pod's namespace */
	size_t services_count;
	const char *node_name, *host_ip, *pod_ip; /* pod_ip "" until it has one */
	const char *api_host;                     /* KUBERNETES_SERVICE_HOST and … */
	const char *api_port;                     /* … _PORT, or NULL */
	int64_t node_cpu_milli, node_memory;      /* allocatable: what no limit means */
};

/* ERR_NOT_FOUND: a ConfigMap, Secret or key that must be there is not; the text says which as
 * the kubelet would. Strings live in the arena or in the context. */
int pod_env_make(const struct pod_context *p, const json_t *container, struct arena *a,
		 struct cri_pairs *ret, struct error *err) MUST_CHECK;

/* $(NAME) by the variables' values, $$ is $; what is unknown stays. The arena's. */
const char *pod_env_expand(const char *text, const struct cri_pairs *vars, struct arena *a);

/* The value of a fieldRef ("metadata.labels['x']", "status.podIP") or a resourceFieldRef.
 * The arena's. ERR_INVALID: no such field. */
int pod_field_value(const struct pod_context *p, const char *path, struct arena *a,
		    const char **ret, struct error *err) MUST_CHECK;
int pod_resource_value(const struct pod_context *p, const json_t *container, const json_t *ref,
		       struct arena *a, const char **ret, struct error *err) MUST_CHECK;

/* A key's bytes in a ConfigMap (data, binaryData) or a Secret (data); NULL: absent. */
const char *pod_source_bytes(const json_t *object, bool is_secret, const char *key, struct arena *a,
			     size_t *ret_len);
