#include "nodeagent/pod_config.h"

#include "common/base/map.h"
#include "nodeagent/pod_status.h"
#include "schemas/quantity.h"
#include "schemas/qos.h"

#include <stdio.h>

#define CPU_PERIOD_US  100000
#define SHARES_PER_CPU 1024
#define SHARES_MIN     2
#define QUOTA_MIN_US   1000

uint64_t pod_container_hash(const json_t *container)
{
	const char *image = json_str_or(container, "image", "");
	return hash_bytes(image, strlen(image));
}

/* ---- small conversions ---- */

struct texts {
	const char **at;
	size_t count, size;
};

static void texts_add(struct arena *a, struct texts *t, const char *text)
{
	if (t->count == t->size) {
		size_t size = t->size ? 2 * t->size : 8;
		const char **at = arena_alloc(a, size, sizeof(*at));
		if (t->count)
			memcpy(at, t->at, t->count * sizeof(*at));
		t->at = at;
		t->size = size;
	}
	t->at[t->count++] = text;
}

static void texts_add_json(struct arena *a, struct texts *t, const json_t *list)
{
	size_t i;
	json_t *each;
	json_array_foreach (list, i, each) {
		if (json_is_string(each))
			texts_add(a, t, json_string_value(each));
	}
}

static struct cri_texts texts_done(const struct texts *t)
{
	return (struct cri_texts){ t->at, t->count };
}

static struct cri_pairs pairs_of(struct arena *a, const json_t *map, const struct cri_pair *more,
				 size_t more_count)
{
	struct cri_pair *at = arena_alloc(a, json_object_size(map) + more_count, sizeof(*at));
	size_t n = 0;
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)map, key, value) {
		if (json_is_string(value))
			at[n++] = (struct cri_pair){ key, json_string_value(value) };
	}
	for (size_t i = 0; i < more_count; i++)
		at[n++] = more[i];
	return (struct cri_pairs){ at, n };
}

/* ---- security ---- */

static void set_seccomp(struct cri_security *s, const json_t *context, struct arena *a)
{
	const json_t *profile = json_object_get(context, "seccompProfile");
	const char *type = json_str_or(profile, "type", "");
	if (!type[0])
		return;
	s->has_seccomp = true;
	s->seccomp = streq(type, "RuntimeDefault") ? CRI_PROFILE_RUNTIME_DEFAULT
		     : streq(type, "Localhost")    ? CRI_PROFILE_LOCALHOST
						   : CRI_PROFILE_UNCONFINED;
	if (s->seccomp == CRI_PROFILE_LOCALHOST)
		s->seccomp_ref = arena_format(a, "/var/lib/kubelet/seccomp/%s",
					      json_str_or(profile, "localhostProfile", ""));
}

static void set_namespaces(struct cri_security *s, const json_t *spec)
{
	s->namespaces.network = json_bool_or(spec, "hostNetwork", false) ? CRI_NS_NODE : CRI_NS_POD;
	s->namespaces.ipc = json_bool_or(spec, "hostIPC", false) ? CRI_NS_NODE : CRI_NS_POD;
	s->namespaces.pid = json_bool_or(spec, "hostPID", false)                 ? CRI_NS_NODE
			    : json_bool_or(spec, "shareProcessNamespace", false) ? CRI_NS_POD
										 : CRI_NS_CONTAINER;
}

static void set_user(struct cri_security *s, const json_t *context)
{
	const json_t *user = json_object_get(context, "runAsUser");
	const json_t *group = json_object_get(context, "runAsGroup");
	if (json_is_integer(user)) {
		s->has_user = true;
		s->user = json_integer_value(user);
	}
	if (json_is_integer(group)) {
		s->has_group = true;
		s->group = json_integer_value(group);
	}
}

/* supplementalGroups and fsGroup. */
static void set_groups(struct cri_security *s, const json_t *context, struct arena *a)
{
	const json_t *list = json_object_get(context, "supplementalGroups");
	const json_t *fs = json_object_get(context, "fsGroup");
	int64_t *groups = arena_alloc(a, json_array_size(list) + 1, sizeof(*groups));
	size_t i;
	json_t *each;
	json_array_foreach (list, i, each) {
		groups[s->groups_count++] = json_integer_value(each);
	}
	if (json_is_integer(fs))
		groups[s->groups_count++] = json_integer_value(fs);
	s->groups = groups;
}

static bool any_privileged(const json_t *spec)
{
	static const char *const lists[] = { "initContainers", "containers" };
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		size_t i;
		json_t *c;
		json_array_foreach (json_object_get(spec, lists[l]), i, c) {
			if (json_bool_or(c, "securityContext.privileged", false))
				return true;
		}
	}
	return false;
}

static const char *const masked_paths[] = {
	"/proc/acpi",          "/proc/kcore",      "/proc/keys",
	"/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
	"/proc/sched_debug",   "/proc/scsi",       "/sys/firmware",
};
static const char *const readonly_paths[] = {
	"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static void container_security(const json_t *spec, const json_t *container, struct arena *a,
			       struct cri_security *s)
{
	const json_t *pod = json_object_get(spec, "securityContext");
	const json_t *own = json_object_get(container, "securityContext");
	set_namespaces(s, spec);
	set_user(s, pod);
	set_user(s, own);
	set_groups(s, pod, a);
	set_seccomp(s, pod, a);
	set_seccomp(s, own, a);
	s->is_privileged = json_bool_or(own, "privileged", false);
	s->readonly_rootfs = json_bool_or(own, "readOnlyRootFilesystem", false);
	s->no_new_privs = !json_bool_or(own, "allowPrivilegeEscalation", true);
	struct texts add = { 0 }, drop = { 0 };
	texts_add_json(a, &add, json_dig(own, "capabilities.add"));
	texts_add_json(a, &drop, json_dig(own, "capabilities.drop"));
	s->capabilities_add = texts_done(&add);
	s->capabilities_drop = texts_done(&drop);
	if (!s->is_privileged && !streq(json_str_or(own, "procMount", "Default"), "Unmasked")) {
		s->masked_paths = (struct cri_texts){ masked_paths, ARRAY_LEN(masked_paths) };
		s->readonly_paths = (struct cri_texts){ readonly_paths, ARRAY_LEN(readonly_paths) };
	}
}

/* ---- resources ---- */

static int64_t oom_score(const char *qos, int64_t request, int64_t node_memory)
{
	if (streq(qos, "Guaranteed"))
		return 0; /* a negative one needs a capability that hosts may lack */
	if (streq(qos, "BestEffort") || node_memory <= 0)
		return 1000;
	int64_t score = 1000 - 1000 * (request / 1024) / (node_memory / 1024);
	return MAX((int64_t)3, MIN(score, (int64_t)999));
}

static void container_resources(const struct pod_context *p, const json_t *container,
				struct cri_resources *r)
{
	const char *cpu_limit = json_string_value(json_at(container, "resources", "limits", "cpu"));
	const char *cpu = json_string_value(json_at(container, "resources", "requests", "cpu"));
	const char *memory_limit =
		json_string_value(json_at(container, "resources", "limits", "memory"));
	const char *memory =
		json_string_value(json_at(container, "resources", "requests", "memory"));
	int64_t milli = cpu ? quantity_milli(cpu) : cpu_limit ? quantity_milli(cpu_limit) : 0;
	r->cpu_shares = MAX(milli * SHARES_PER_CPU / 1000, (int64_t)SHARES_MIN);
	if (cpu_limit && quantity_milli(cpu_limit) > 0) {
		r->cpu_period = CPU_PERIOD_US;
		r->cpu_quota = MAX(quantity_milli(cpu_limit) * CPU_PERIOD_US / 1000,
				   (int64_t)QUOTA_MIN_US);
	}
	if (memory_limit)
		r->memory_limit = quantity_value(memory_limit);
	r->oom_score_adj =
		oom_score(pod_qos_class(json_object_get(p->object, "spec")),
			  memory ? quantity_value(memory) : r->memory_limit, p->node_memory);
}

/* ---- the sandbox ---- */

static const char *hostname_of(const json_t *pod, struct arena *a)
{
	const char *name = json_str(pod, "spec.hostname");
	char *text = arena_text(a, name ? name : json_str_or(pod, "metadata.name", ""));
	size_t n = strlen(text);
	if (n > 63) { /* a host name's limit; no dash or dot at the end */
		text[63] = '\0';
		for (n = 63; n > 0 && (text[n - 1] == '-' || text[n - 1] == '.'); n--)
			text[n - 1] = '\0';
	}
	return text;
}

static void add_host_dns(const struct pod_config_options *o, struct arena *a, struct texts *servers,
			 struct texts *searches)
{
	for (size_t i = 0; i < o->host_dns_count; i++)
		texts_add(a, servers, o->host_dns[i]);
	for (size_t i = 0; i < o->host_searches_count; i++)
		texts_add(a, searches, o->host_searches[i]);
}

static void sandbox_dns(const struct pod_config_options *o, const json_t *pod, struct arena *a,
			struct cri_sandbox_config *s)
{
	struct texts servers = { 0 }, searches = { 0 }, options = { 0 };
	const char *policy = json_str_or(pod, "spec.dnsPolicy", "ClusterFirst");
	const char *ns = json_str_or(pod, "metadata.namespace", "default");
	bool is_on_host = json_bool_or(pod, "spec.hostNetwork", false);
	bool is_cluster = o->cluster_dns && (streq(policy, "ClusterFirstWithHostNet") ||
					     (streq(policy, "ClusterFirst") && !is_on_host));
	if (is_cluster) {
		texts_add(a, &servers, o->cluster_dns);
		texts_add(a, &searches, arena_format(a, "%s.svc.%s", ns, o->cluster_domain));
		texts_add(a, &searches, arena_format(a, "svc.%s", o->cluster_domain));
		texts_add(a, &searches, o->cluster_domain);
		for (size_t i = 0; i < o->host_searches_count; i++)
			texts_add(a, &searches, o->host_searches[i]);
		texts_add(a, &options, "ndots:5");
	} else if (!streq(policy, "None")) {
		add_host_dns(o, a, &servers, &searches);
	}
	size_t i;
	json_t *each;
	texts_add_json(a, &servers, json_dig(pod, "spec.dnsConfig.nameservers"));
	texts_add_json(a, &searches, json_dig(pod, "spec.dnsConfig.searches"));
	json_array_foreach (json_dig(pod, "spec.dnsConfig.options"), i, each) {
		const char *value = json_str(each, "value"), *name = json_str_or(each, "name", "");
		texts_add(a, &options, value ? arena_format(a, "%s:%s", name, value) : name);
	}
	s->dns_servers = texts_done(&servers);
	s->dns_searches = texts_done(&searches);
	s->dns_options = texts_done(&options);
}

int pod_sandbox_config(const struct pod_config_options *o, const struct pod_context *p,
		       uint32_t attempt, struct arena *a, struct cri_sandbox_config *s,
		       struct error *err)
{
	const json_t *pod = p->object, *spec = json_object_get(pod, "spec");
	auto_free char *logs = pod_log_dir(&o->paths, pod);
	if (json_array_size(json_object_get(spec, "containers")) == 0)
		return error_set(err, ERR_INVALID, "the pod has no containers");
	*s = (struct cri_sandbox_config){
		.name = json_str_or(pod, "metadata.name", ""),
		.uid = json_str_or(pod, "metadata.uid", ""),
		.ns = json_str_or(pod, "metadata.namespace", ""),
		.attempt = attempt,
		.hostname = json_bool_or(spec, "hostNetwork", false) ? "" : hostname_of(pod, a),
		.log_directory = arena_text(a, logs),
		.cgroup_parent =
			arena_format(a, "%s/pod%s", o->cgroup_parent ? o->cgroup_parent : "",
				     json_str_or(pod, "metadata.uid", "")),
	};
	const struct cri_pair labels[] = {
		{ LABEL_POD_NAME, s->name },
		{ LABEL_POD_NAMESPACE, s->ns },
		{ LABEL_POD_UID, s->uid },
	};
	struct cri_pair *annotations = arena_alloc(a, 2, sizeof(*annotations));
	annotations[0] = (struct cri_pair){ ANNOTATION_BOOT, o->boot_id ? o->boot_id : "" };
	annotations[1] = (struct cri_pair){
		ANNOTATION_GRACE,
		arena_format(a, "%lld",
			     (long long)json_int_or(spec, "terminationGracePeriodSeconds", 30)),
	};
	s->labels = pairs_of(a, json_dig(pod, "metadata.labels"), labels, ARRAY_LEN(labels));
	s->annotations = (struct cri_pairs){ annotations, 2 };
	sandbox_dns(o, pod, a, s);
	set_namespaces(&s->security, spec);
	set_user(&s->security, json_object_get(spec, "securityContext"));
	set_groups(&s->security, json_object_get(spec, "securityContext"), a);
	set_seccomp(&s->security, json_object_get(spec, "securityContext"), a);
	s->security.is_privileged = any_privileged(spec);
	const json_t *sysctls = json_dig(spec, "securityContext.sysctls");
	struct cri_pair *pairs = arena_alloc(a, json_array_size(sysctls), sizeof(*pairs));
	size_t i;
	json_t *each;
	json_array_foreach (sysctls, i, each) {
		pairs[i] = (struct cri_pair){ json_str_or(each, "name", ""),
					      json_str_or(each, "value", "") };
	}
	s->sysctls = (struct cri_pairs){ pairs, json_array_size(sysctls) };
	return 0;
}

/* ---- containers ---- */

static const json_t *volume_named(const json_t *pod, const char *name)
{
	return json_find(json_dig(pod, "spec.volumes"), "name", name);
}

static bool path_goes_up(const char *path)
{
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == '\0'))
			return true;
	}
	return false;
}

static int mount_of(const struct pod_config_options *o, const struct pod_context *p,
		    const json_t *m, const struct cri_pairs *envs, struct arena *a,
		    struct cri_mount *ret, struct error *err)
{
	const char *name = json_str_or(m, "name", "");
	const json_t *volume = volume_named(p->object, name);
	const char *sub = json_str(m, "subPath"), *expr = json_str(m, "subPathExpr");
	const char *propagation = json_str_or(m, "mountPropagation", "None");
	if (!volume)
		return error_set(err, ERR_NOT_FOUND,
				 "cannot find volume \"%s\" to mount into "
				 "container",
				 name);
	auto_free char *dir = pod_volume_dir(&o->paths, p->object, volume);
	const char *host = json_str(volume, "hostPath.path");
	host = host ? host : arena_text(a, dir);
	if (expr && expr[0])
		sub = pod_env_expand(expr, envs, a);
	if (sub && (sub[0] == '/' || path_goes_up(sub)))
		return error_set(err, ERR_INVALID,
				 "subPath '%s' of volume \"%s\" leaves the volume", sub, name);
	*ret = (struct cri_mount){
		.container_path = json_str_or(m, "mountPath", ""),
		.host_path = sub && sub[0] ? arena_format(a, "%s/%s", host, sub) : host,
		.is_readonly = json_bool_or(m, "readOnly", false) ||
			       json_object_get(volume, "configMap") ||
			       json_object_get(volume, "secret") ||
			       json_object_get(volume, "downwardAPI") ||
			       json_object_get(volume, "projected"),
		.propagation = streq(propagation, "Bidirectional")     ? CRI_BIDIRECTIONAL
			       : streq(propagation, "HostToContainer") ? CRI_HOST_TO_CONTAINER
								       : CRI_PRIVATE,
	};
	return 0;
}

static int container_mounts(const struct pod_config_options *o, const struct pod_context *p,
			    const json_t *container, uint32_t attempt, struct arena *a,
			    struct cri_container_config *c, struct error *err)
{
	const json_t *list = json_object_get(container, "volumeMounts");
	const char *uid = json_str_or(p->object, "metadata.uid", "");
	struct cri_mount *mounts = arena_alloc(a, json_array_size(list) + 2, sizeof(*mounts));
	bool has_hosts = false;
	size_t i;
	json_t *m;
	json_array_foreach (list, i, m) {
		if (mount_of(o, p, m, &c->envs, a, &mounts[c->mounts_count], err) < 0)
			return err->code;
		has_hosts =
			has_hosts || streq(mounts[c->mounts_count].container_path, "/etc/hosts");
		c->mounts_count++;
	}
	if (!has_hosts && !json_bool_or(p->object, "spec.hostNetwork", false)) {
		auto_free char *path = pod_hosts_path(&o->paths, uid);
		mounts[c->mounts_count++] = (struct cri_mount){ .container_path = "/etc/hosts",
								.host_path = arena_text(a, path) };
	}
	const char *message =
		json_str_or(container, "terminationMessagePath", "/dev/termination-log");
	if (message[0]) {
		auto_free char *path = pod_message_path(&o->paths, uid, c->name, attempt);
		mounts[c->mounts_count++] = (struct cri_mount){ .container_path = message,
								.host_path = arena_text(a, path) };
	}
	c->mounts = mounts;
	return 0;
}

static void container_labels(const struct pod_context *p, const json_t *container, struct arena *a,
			     struct cri_container_config *c)
{
	struct cri_pair *labels = arena_alloc(a, 4, sizeof(*labels));
	struct cri_pair *notes = arena_alloc(a, 4, sizeof(*notes));
	labels[0] =
		(struct cri_pair){ LABEL_POD_NAME, json_str_or(p->object, "metadata.name", "") };
	labels[1] = (struct cri_pair){ LABEL_POD_NAMESPACE,
				       json_str_or(p->object, "metadata.namespace", "") };
	labels[2] = (struct cri_pair){ LABEL_POD_UID, json_str_or(p->object, "metadata.uid", "") };
	labels[3] = (struct cri_pair){ LABEL_CONTAINER_NAME, c->name };
	notes[0] = (struct cri_pair){
		ANNOTATION_HASH,
		arena_format(a, "%llx", (unsigned long long)pod_container_hash(container)),
	};
	notes[1] = (struct cri_pair){
		ANNOTATION_MESSAGE_PATH,
		json_str_or(container, "terminationMessagePath", "/dev/termination-log"),
	};
	notes[2] = (struct cri_pair){ ANNOTATION_MESSAGE_POLICY,
				      json_str_or(container, "terminationMessagePolicy", "File") };
	notes[3] = (struct cri_pair){
		ANNOTATION_GRACE,
		arena_format(a, "%lld",
			     (long long)json_int_or(p->object, "spec.terminationGracePeriodSeconds",
						    30)),
	};
	c->labels = (struct cri_pairs){ labels, 4 };
	c->annotations = (struct cri_pairs){ notes, 4 };
}

static struct cri_texts command_of(const json_t *list, const struct cri_pairs *envs,
				   struct arena *a)
{
	struct texts t = { 0 };
	size_t i;
	json_t *each;
	json_array_foreach (list, i, each) {
		texts_add(a, &t, pod_env_expand(json_string_value(each), envs, a));
	}
	return texts_done(&t);
}

int pod_container_config(const struct pod_config_options *o, const struct pod_context *p,
			 const json_t *container, uint32_t attempt, struct arena *a,
			 struct cri_container_config *c, struct error *err)
{
	*c = (struct cri_container_config){
		.name = json_str_or(container, "name", ""),
		.attempt = attempt,
		.image = json_str_or(container, "image", ""),
		.working_dir = json_str_or(container, "workingDir", ""),
		.use_stdin = json_bool_or(container, "stdin", false),
		.stdin_once = json_bool_or(container, "stdinOnce", false),
		.tty = json_bool_or(container, "tty", false),
	};
	c->log_path = arena_format(a, "%s/%u.log", c->name, attempt);
	if (pod_env_make(p, container, a, &c->envs, err) < 0)
		return err->code;
	c->command = command_of(json_object_get(container, "command"), &c->envs, a);
	c->args = command_of(json_object_get(container, "args"), &c->envs, a);
	if (container_mounts(o, p, container, attempt, a, c, err) < 0)
		return err->code;
	container_labels(p, container, a, c);
	container_resources(p, container, &c->resources);
	container_security(json_object_get(p->object, "spec"), container, a, &c->security);
	return 0;
}
