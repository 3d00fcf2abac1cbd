#include "common/base/jsonx.h"
#include "schemas/base64.h"
#include "schemas/default.h"
#include "schemas/pod_sum.h"

/* Words of small letters and digits, parted by a dot, one or two underscores, or hyphens. */
static bool is_image_part(const char *p, size_t n)
{
	size_t i = 0;
	while (i < n) {
		size_t word = i, gap;
		while (i < n && ((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9')))
			i++;
		if (i == word)
			return false;
		if (i == n)
			return true;
		for (gap = i; i < n && p[i] == p[gap] && strchr("._-", p[i]);)
			i++;
		if (i == gap || (p[gap] == '.' && i - gap > 1) || (p[gap] == '_' && i - gap > 2))
			return false;
	}
	return false;
}

/* [HOST/]PART/PART…, as image references have it; what comes first is a host where it looks so. */
static bool is_image_name(const char *name, size_t n)
{
	size_t first = strcspn(name, "/"), start = 0;
	bool has_host = false;
	for (size_t i = 0; i < first && first < n; i++)
		has_host |= name[i] == '.' || name[i] == ':' || (name[i] >= 'A' && name[i] <= 'Z');
	has_host |= first < n && strncmp(name, "localhost/", 10) == 0;
	for (start = has_host ? first + 1 : 0; start <= n;) {
		const char *slash = memchr(name + start, '/', n - start);
		size_t end = slash ? (size_t)(slash - name) : n;
		if (!is_image_part(name + start, end - start))
			return false;
		start = end + 1;
	}
	return true;
}

/* Always where the tag is "latest" or nothing is said, as the image reference reads. */
static const char *pull_policy(const char *image)
{
	if (!image || !*image || strchr(image, '@'))
		return "IfNotPresent";
	const char *slash = strrchr(image, '/');
	const char *tag = strchr(slash ? slash : image, ':');
	if (!is_image_name(image, tag ? (size_t)(tag - image) : strlen(image)))
		return "IfNotPresent";
	return !tag || streq(tag, ":latest") ? "Always" : "IfNotPresent";
}

static void default_containers(json_t *list)
{
	static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe" };
	size_t i;
	json_t *container;
	json_array_foreach (list, i, container) {
		default_text(container, "imagePullPolicy",
			     pull_policy(json_str(container, "image")));
		for (size_t k = 0; k < ARRAY_LEN(probes); k++) {
			json_t *grpc = json_at(container, probes[k], "grpc");
			if (grpc && !json_object_get(grpc, "service"))
				json_put_str(grpc, "service", "");
		}
	}
}

static void default_volumes(json_t *list)
{
	size_t i;
	json_t *volume;
	json_array_foreach (list, i, volume) {
		if (json_object_size(volume) == (json_object_get(volume, "name") ? 1u : 0u))
			(void)default_object(volume, "emptyDir"); /* no source at all */
		json_t *host = json_object_get(volume, "hostPath");
		if (host && !json_object_get(host, "type"))
			json_put_str(host, "type", "");
		json_t *image = json_object_get(volume, "image");
		if (image)
			default_text(image, "pullPolicy",
				     pull_policy(json_str(image, "reference")));
	}
}

void default_pod_spec(json_t *spec)
{
	if (!json_is_object(spec))
		return;
	default_containers(json_object_get(spec, "containers"));
	default_containers(json_object_get(spec, "initContainers"));
	default_containers(json_object_get(spec, "ephemeralContainers"));
	default_volumes(json_object_get(spec, "volumes"));
	(void)default_object(spec, "securityContext");
	const char *old = json_str_or(spec, "serviceAccount", "");
	const char *name = json_str_or(spec, "serviceAccountName", "");
	if (*name && !streq(name, old))
		json_put_str(spec, "serviceAccount", name);
	else if (*old && !*name)
		json_put_str(spec, "serviceAccountName", old);
}

/* Where only limits are given, requests are the same. */
static void default_requests(json_t *list)
{
	size_t i;
	json_t *container, *value;
	const char *name;
	json_array_foreach (list, i, container) {
		json_t *limits = json_at(container, "resources", "limits");
		if (json_object_size(limits) == 0)
			continue;
		json_t *requests =
			default_object(json_object_get(container, "resources"), "requests");
		json_object_foreach (limits, name, value)
			if (!json_object_get(requests, name))
				json_object_set(requests, name, value);
	}
}

/* What a pod asks for as a whole, where it says some of it: what its containers ask for, or its own
 * limit. */
static void default_sums(json_t *spec)
{
	static const char *const lists[] = { "containers", "initContainers" };
	json_t *own = json_object_get(spec, "resources"), *value, *container;
	if (!json_object_size(own))
		return;
	AUTO_JSON *requests = json_deep_copy(json_object_get(own, "requests"));
	if (!requests)
		requests = json_object();
	const char *name;
	size_t i;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		json_array_foreach (json_object_get(spec, lists[l]), i, container)
			json_object_foreach (json_at(container, "resources", "requests"), name,
					     value) {
				char text[QUANTITY_TEXT_SIZE];
				if (!pod_has_resource(name) || json_object_get(requests, name))
					continue;
				pod_resource_text(name, pod_resource_sum(spec, "requests", name),
						  text);
				json_object_set_new(requests, name, json_string(text));
			}
	json_object_foreach (json_object_get(own, "limits"), name, value)
		if (pod_has_resource(name) && !json_object_get(requests, name))
			json_object_set(requests, name, value);
	if (json_object_size(requests))
		json_object_set(own, "requests", requests);
}

static void default_host_ports(json_t *list)
{
	size_t i, k;
	json_t *container, *port;
	json_array_foreach (list, i, container)
		json_array_foreach (json_object_get(container, "ports"), k, port)
			if (json_int_or(port, "hostPort", 0) == 0)
				json_put_int(port, "hostPort",
					     json_int_or(port, "containerPort", 0));
}

void default_pod(json_t *pod)
{
	json_t *spec = json_object_get(pod, "spec");
	if (!json_is_object(spec))
		return;
	default_pod_spec(spec);
	default_requests(json_object_get(spec, "containers"));
	default_requests(json_object_get(spec, "initContainers"));
	default_sums(spec);
	if (!json_object_get(spec, "enableServiceLinks"))
		json_put_bool(spec, "enableServiceLinks", true);
	if (json_bool_or(spec, "hostNetwork", false)) {
		default_host_ports(json_object_get(spec, "containers"));
		default_host_ports(json_object_get(spec, "initContainers"));
	}
}

static bool is_unset_port(const json_t *port)
{
	if (json_is_string(port))
		return json_string_length(port) == 0;
	return json_integer_value(port) == 0;
}

void default_service(json_t *service)
{
	json_t *spec = json_object_get(service, "spec");
	if (!json_is_object(spec))
		return;
	size_t i;
	json_t *port, *point;
	json_array_foreach (json_object_get(spec, "ports"), i, port)
		if (is_unset_port(json_object_get(port, "targetPort")))
			json_put_int(port, "targetPort", json_int_or(port, "port", 0));
	const char *type = json_str_or(spec, "type", "");
	bool is_balanced = streq(type, "LoadBalancer");
	bool is_outside = is_balanced || streq(type, "NodePort");
	if (streq(json_str_or(spec, "sessionAffinity", ""), "ClientIP")) {
		json_t *ip =
			default_object(default_object(spec, "sessionAffinityConfig"), "clientIP");
		default_int(ip, "timeoutSeconds", 10800);
	} else {
		json_drop(spec, "sessionAffinityConfig");
	}
	if (is_outside || json_array_size(json_object_get(spec, "externalIPs")))
		if (!streq(type, "ExternalName"))
			default_text(spec, "externalTrafficPolicy", "Cluster");
	if (is_outside || streq(type, "ClusterIP"))
		default_pointer(spec, "internalTrafficPolicy", "Cluster");
	if (is_balanced && !json_object_get(spec, "allocateLoadBalancerNodePorts"))
		json_put_bool(spec, "allocateLoadBalancerNodePorts", true);
	json_array_foreach (json_dig(service, "status.loadBalancer.ingress"), i, point)
		if (is_balanced && *json_str_or(point, "ip", ""))
			default_pointer(point, "ipMode", "VIP");
}

void default_secret(json_t *secret)
{
	json_t *plain = json_object_get(secret, "stringData"), *value;
	const char *key;
	if (!plain)
		return;
	json_object_foreach (plain, key, value) {
		AUTO_STR text;
		str_init(&text, json_string_length(value) * 2 + 8);
		base64_add(&text, json_string_value(value), json_string_length(value));
		json_object_set_new_nocheck(default_object(secret, "data"), key,
					    json_stringn_nocheck(text.data, text.len));
	}
	json_object_del(secret, "stringData");
}

static void default_deployment(json_t *spec)
{
	json_t *strategy = default_object(spec, "strategy");
	if (!streq(json_str_or(strategy, "type", ""), "RollingUpdate"))
		return;
	json_t *rolling = default_object(strategy, "rollingUpdate");
	default_pointer(rolling, "maxSurge", "25%");
	default_pointer(rolling, "maxUnavailable", "25%");
}

static void default_bool(json_t *o, const char *name, bool value)
{
	if (!json_object_get(o, name))
		json_put_bool(o, name, value);
}

static void default_job(json_t *job, json_t *spec)
{
	json_t *completions = json_object_get(spec, "completions");
	json_t *parallelism = json_object_get(spec, "parallelism");
	if (!completions && !parallelism)
		json_put_int(spec, "completions", 1);
	default_int(spec, "parallelism", 1);
	default_pointer(spec, "completionMode", "NonIndexed");
	default_bool(spec, "manualSelector", false);
	default_bool(spec, "suspend", false);
	default_int(spec, "backoffLimit",
		    json_object_get(spec, "backoffLimitPerIndex") ? INT32_MAX : 6);
	default_pointer(spec, "podReplacementPolicy",
			json_object_get(spec, "podFailurePolicy") ? "Failed"
								  : "TerminatingOrFailed");
	json_t *labels = json_dig(spec, "template.metadata.labels");
	if (json_object_size(labels) && !json_object_size(json_dig(job, "metadata.labels")))
		json_put(job, "metadata.labels", json_deep_copy(labels));
}

void default_workload(const char *kind, json_t *workload)
{
	json_t *spec = json_object_get(workload, "spec");
	if (!json_is_object(spec))
		return;
	default_pod_spec(json_dig(spec, "template.spec"));
	if (streq(kind, "Deployment")) {
		default_deployment(spec);
	} else if (streq(kind, "Job")) {
		default_job(workload, spec);
	} else if (streq(kind, "StatefulSet")) {
		default_stateful_set(spec);
	} else if (streq(kind, "DaemonSet")) {
		default_daemon_set(spec);
	} else if (streq(kind, "CronJob")) {
		default_pod_spec(json_dig(spec, "jobTemplate.spec.template.spec"));
	}
}
