/* What is doubtful in a pod or in a template of one. */
#include "common/base/jsonx.h"
#include "schemas/app_armor.h"
#include "schemas/quantity.h"
#include "schemas/report.h"
#include "schemas/rule.h"
#include "schemas/warning.h"

#include <stdarg.h>

void warn_at(struct schema_report *ret, const struct path *at, const char *words, ...)
{
	AUTO_STR text;
	str_init(&text, 4096);
	va_list args;
	va_start(args, words);
	str_vaddf(&text, words, args);
	va_end(args);
	auto_free char *path = path_dup(at);
	report_add(ret, "%s: %s", path, text.len ? text.data : "");
}

const char *warn_old_label(const char *name)
{
	static const char *const labels[][2] = {
		{ "beta.kubernetes.io/arch",
		  "deprecated since v1.14; use \"kubernetes.io/arch\" instead" },
		{ "beta.kubernetes.io/os",
		  "deprecated since v1.14; use \"kubernetes.io/os\" instead" },
		{ "failure-domain.beta.kubernetes.io/region",
		  "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead" },
		{ "failure-domain.beta.kubernetes.io/zone",
		  "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead" },
		{ "beta.kubernetes.io/instance-type",
		  "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead" },
	};
	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		if (streq(labels[i][0], name))
			return labels[i][1];
	return NULL;
}

void warn_fraction(const json_t *resources, const char *name, const struct path *at,
		   struct schema_report *ret)
{
	const char *text = json_member_str(resources, name);
	if (text && quantity_milli(text) % 1000)
		warn_at(ret, PATH_OF(at, name),
			"fractional byte value \"%s\" is invalid, must be an integer", text);
}

void warn_node_term(const json_t *term, const struct path *at, struct schema_report *ret)
{
	const json_t *list = json_object_get(term, "matchExpressions");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *key = json_str_or(json_array_get(list, i), "key", "");
		const char *words = warn_old_label(key);
		if (words)
			warn_at(ret, PATH(PATH_AT(PATH(at, "matchExpressions"), i), "key"),
				"%s is %s", key, words);
	}
}

static void warn_node_labels(const json_t *spec, const struct path *at, struct schema_report *ret)
{
	static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
	static const char preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";
	const json_t *node = json_dig(spec, "affinity.nodeAffinity");
	const json_t *terms = json_at(node, required, "nodeSelectorTerms");
	const json_t *wishes = json_object_get(node, preferred);
	const struct path *here = PATH(PATH(at, "affinity"), "nodeAffinity");
	const char *key;
	json_t *value;
	json_object_foreach (json_object_get(spec, "nodeSelector"), key, value) {
		if (warn_old_label(key))
			warn_at(ret, PATH_OF(PATH(at, "nodeSelector"), key), "%s",
				warn_old_label(key));
	}
	for (size_t i = 0; i < json_array_size(terms); i++)
		warn_node_term(json_array_get(terms, i),
			       PATH_AT(PATH(PATH(here, required), "nodeSelectorTerms"), i), ret);
	for (size_t i = 0; i < json_array_size(wishes); i++)
		warn_node_term(json_object_get(json_array_get(wishes, i), "preference"),
			       PATH(PATH_AT(PATH(here, preferred), i), "preference"), ret);
}

static const char no_pod[] = "a null labelSelector results in matching no pod";

static void warn_spreading(const json_t *list, const struct path *at, struct schema_report *ret)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *key = json_str_or(one, "topologyKey", ""), *words = warn_old_label(key);
		if (words)
			warn_at(ret, PATH(PATH_AT(at, i), "topologyKey"), "%s is %s", key, words);
		if (!json_object_get(one, "labelSelector"))
			warn_at(ret, PATH(PATH_AT(at, i), "labelSelector"), no_pod);
	}
}

#define SECCOMP     "seccomp.security.alpha.kubernetes.io/"
#define SECCOMP_OLD "non-functional in v1.27+; use the \"seccompProfile\" field instead"

static void warn_annotations(const json_t *annotations, const struct path *at,
			     struct schema_report *ret)
{
	static const char *const old[][2] = {
		{ "scheduler.alpha.kubernetes.io/critical-pod",
		  "non-functional in v1.16+; use the \"priorityClassName\" field instead" },
		{ "security.alpha.kubernetes.io/sysctls",
		  "non-functional in v1.11+; use the \"sysctls\" field instead" },
		{ "security.alpha.kubernetes.io/unsafe-sysctls",
		  "non-functional in v1.11+; use the \"sysctls\" field instead" },
	};
	for (size_t i = 0; i < ARRAY_LEN(old); i++)
		if (json_object_get(annotations, old[i][0]))
			warn_at(ret, PATH_OF(at, old[i][0]), "%s", old[i][1]);
}

static void warn_volumes(const json_t *list, const struct path *at, struct schema_report *ret)
{
	static const struct {
		const char *name, *shown, *words;
	} old[] = {
		{ "photonPersistentDisk", "photonPersistentDisk",
		  "deprecated in v1.11, non-functional in v1.16+" },
		{ "gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+" },
		{ "scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+" },
		{ "flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+" },
		{ "storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+" },
		{ "quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+" },
		{ "glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+" },
		{ "cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+" },
		{ "rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+" },
	};
	for (size_t i = 0; i < json_array_size(list); i++)
		for (size_t k = 0; k < ARRAY_LEN(old); k++)
			if (json_object_get(json_array_get(list, i), old[k].name))
				warn_at(ret, PATH(PATH_AT(at, i), old[k].shown), "%s",
					old[k].words);
}

static void warn_twice(const json_t *list, const char *member, const struct path *at,
		       struct schema_report *ret)
{
	auto_free size_t *firsts = RULE_FIRSTS(list, member);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (firsts[i] != i)
			warn_at(ret, PATH(PATH_AT(at, i), member), "duplicate %s \"%s\"", member,
				json_str_or(json_array_get(list, i), member, ""));
}

/* A variable set twice; one that builds on the earlier value is meant so. */
static void warn_env(const json_t *list, const struct path *at, struct schema_report *ret)
{
	auto_free size_t *firsts = RULE_FIRSTS(list, "name");
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (firsts[i] == i)
			continue;
		const json_t *one = json_array_get(list, i);
		const char *name = json_str_or(one, "name", "");
		const char *value = json_str_or(one, "value", "");
		auto_free char *reference = xasprintf("$(%s)", name);
		bool builds = !json_object_get(one, "valueFrom") && !streq(value, reference) &&
			      strstr(value, reference);
		if (!builds)
			warn_at(ret, PATH_AT(at, i),
				"hides previous definition of \"%s\", which may be dropped when using "
				"apply",
				name);
	}
}

static void warn_container(const json_t *container, const struct path *at,
			   struct schema_report *ret)
{
	static const char *const kinds[] = { "memory", "ephemeral-storage" };
	static const char *const bounds[] = { "limits", "requests" };
	const json_t *resources = json_object_get(container, "resources");
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (size_t b = 0; b < ARRAY_LEN(bounds); b++)
			warn_fraction(json_object_get(resources, bounds[b]), kinds[k],
				      PATH(PATH(at, "resources"), bounds[b]), ret);
	warn_env(json_object_get(container, "env"), PATH(at, "env"), ret);
}

static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };

/* One port against one before it, in the same container or another. */
static void warn_port(const json_t *port, const struct path *at, const json_t *other,
		      const struct path *other_at, struct schema_report *ret)
{
	int64_t mine = json_int_or(port, "hostPort", 0), yours = json_int_or(other, "hostPort", 0);
	const char *ip = json_str_or(port, "hostIP", ""),
		   *other_ip = json_str_or(other, "hostIP", "");
	const char *how = NULL;
	if (json_int_or(port, "containerPort", 0) != json_int_or(other, "containerPort", 0) ||
	    !streq(json_str_or(port, "protocol", ""), json_str_or(other, "protocol", "")))
		return;
	if (streq(ip, other_ip) && mine == yours)
		how = "duplicate";
	else if (!mine || !yours)
		how = "overlapping";
	else if (mine == yours && !*ip != !*other_ip)
		how = "dangerously ambiguous";
	if (!how)
		return;
	auto_free char *where = path_dup(other_at);
	warn_at(ret, at, "%s port definition with %s", how, where);
}

/* Calls for each port and each port before it, in the order of the containers. */
/* Shown as Go shows a struct. */
static void warn_host_ip(const json_t *port, const struct path *at, struct schema_report *ret)
{
	const char *ip = json_str_or(port, "hostIP", "");
	if (*ip && json_int_or(port, "hostPort", 0) == 0)
		warn_at(ret, at,
			"hostIP set without hostPort: {Name:%s HostPort:0 ContainerPort:%lld "
			"Protocol:%s HostIP:%s}",
			json_str_or(port, "name", ""),
			(long long)json_int_or(port, "containerPort", 0),
			json_str_or(port, "protocol", ""), ip);
}

static void warn_ports_before(const json_t *spec, const struct path *at, size_t list, size_t place,
			      size_t number, struct schema_report *ret)
{
	const json_t *container = json_array_get(json_object_get(spec, lists[list]), place);
	const json_t *port = json_array_get(json_object_get(container, "ports"), number);
	const struct path *here =
		PATH_AT(PATH(PATH_AT(PATH(at, lists[list]), place), "ports"), number);
	warn_host_ip(port, here, ret);
	for (size_t l = 0; l <= list; l++) {
		const json_t *others = json_object_get(spec, lists[l]);
		for (size_t c = 0; c < json_array_size(others) && (l < list || c <= place); c++) {
			const json_t *ports = json_object_get(json_array_get(others, c), "ports");
			size_t end = l == list && c == place ? number : json_array_size(ports);
			for (size_t p = 0; p < end; p++)
				warn_port(port, here, json_array_get(ports, p),
					  PATH_AT(PATH(PATH_AT(PATH(at, lists[l]), c), "ports"), p),
					  ret);
		}
	}
}

#define PORTS_LOOKED_AT 256 /* each is compared with all before it */

static void warn_ports(const json_t *spec, const struct path *at, struct schema_report *ret)
{
	size_t seen = 0;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(spec, lists[l]);
		for (size_t c = 0; c < json_array_size(list); c++) {
			const json_t *ports = json_object_get(json_array_get(list, c), "ports");
			for (size_t p = 0; p < json_array_size(ports) && seen < PORTS_LOOKED_AT;
			     p++, seen++)
				warn_ports_before(spec, at, l, c, p, ret);
		}
	}
}

/* Profiles that annotations say. A pod's own for AppArmor become fields where it is made, which is told
 * of there. */
static void warn_profiles(const json_t *annotations, const json_t *spec, const json_t *container,
			  bool is_template, const struct path *at, struct schema_report *ret)
{
	const json_t *own = json_object_get(container, "securityContext");
	const json_t *pods = json_object_get(spec, "securityContext");
	const char *name = json_str_or(container, "name", "");
	if (!json_object_size(annotations))
		return;
	auto_free char *seccomp = xasprintf("container." SECCOMP "%s", name);
	auto_free char *armor = xasprintf(APP_ARMOR_PREFIX "%s", name);
	if (json_object_get(annotations, seccomp) && !json_object_get(own, "seccompProfile"))
		warn_at(ret, PATH_OF(at, seccomp), SECCOMP_OLD);
	if (is_template && json_object_get(annotations, armor) &&
	    !json_object_get(own, "appArmorProfile") && !json_object_get(pods, "appArmorProfile"))
		warn_at(ret, PATH_OF(at, armor), APP_ARMOR_OLD);
}

static void warn_pod_terms(const json_t *affinity, const char *kind, const struct path *at,
			   struct schema_report *ret)
{
	static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
	static const char preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";
	const json_t *terms = json_at(affinity, kind, required);
	const json_t *wishes = json_at(affinity, kind, preferred);
	at = PATH(at, kind);
	for (size_t i = 0; i < json_array_size(terms); i++)
		if (!json_object_get(json_array_get(terms, i), "labelSelector"))
			warn_at(ret, PATH(PATH_AT(PATH(at, required), i), "labelSelector"), no_pod);
	for (size_t i = 0; i < json_array_size(wishes); i++)
		if (!json_at(json_array_get(wishes, i), "podAffinityTerm", "labelSelector"))
			warn_at(ret,
				PATH(PATH(PATH_AT(PATH(at, preferred), i), "podAffinityTerm"),
				     "labelSelector"),
				no_pod);
}

void warn_pod(const json_t *pod, const struct path *at, struct schema_report *ret)
{
	static const char *const bytes[] = { "memory", "ephemeral-storage" };
	const json_t *spec = json_object_get(pod, "spec");
	const json_t *secrets = json_object_get(spec, "imagePullSecrets");
	const json_t *annotations = json_dig(pod, "metadata.annotations");
	const struct path *here = PATH(at, "spec");
	warn_node_labels(spec, here, ret);
	warn_spreading(json_object_get(spec, "topologySpreadConstraints"),
		       PATH(here, "topologySpreadConstraints"), ret);
	warn_annotations(annotations, PATH(PATH(at, "metadata"), "annotations"), ret);
	if (json_object_get(annotations, SECCOMP "pod") &&
	    !json_dig(spec, "securityContext.seccompProfile"))
		warn_at(ret, PATH_OF(PATH(PATH(at, "metadata"), "annotations"), SECCOMP "pod"),
			SECCOMP_OLD);
	warn_volumes(json_object_get(spec, "volumes"), PATH(here, "volumes"), ret);
	for (size_t i = 0; i < json_array_size(json_object_get(spec, "volumes")); i++)
		warn_files(json_array_get(json_object_get(spec, "volumes"), i), ret);
	warn_twice(json_object_get(spec, "hostAliases"), "ip", PATH(here, "hostAliases"), ret);
	warn_twice(secrets, "name", PATH(here, "imagePullSecrets"), ret);
	for (size_t i = 0; i < json_array_size(secrets); i++)
		if (!*json_str_or(json_array_get(secrets, i), "name", ""))
			warn_at(ret, PATH(PATH_AT(PATH(here, "imagePullSecrets"), i), "name"),
				"invalid empty name \"\"");
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++)
		warn_fraction(json_object_get(spec, "overhead"), bytes[i], PATH(here, "overhead"),
			      ret);
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(spec, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *container = json_array_get(list, i);
			warn_profiles(annotations, spec, container, at != NULL,
				      PATH(PATH(at, "metadata"), "annotations"), ret);
			warn_container(container, PATH_AT(PATH(here, lists[l]), i), ret);
		}
	}
	warn_ports(spec, here, ret);
	if (json_int_or(spec, "terminationGracePeriodSeconds", 0) < 0)
		warn_at(ret, PATH(here, "terminationGracePeriodSeconds"),
			"must be >= 0; negative values are invalid and will be treated as 1");
	warn_pod_terms(json_object_get(spec, "affinity"), "podAffinity", PATH(here, "affinity"),
		       ret);
	warn_pod_terms(json_object_get(spec, "affinity"), "podAntiAffinity", PATH(here, "affinity"),
		       ret);
}
