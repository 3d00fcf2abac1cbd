/* The Node object, its status, and the network configuration that follows from it. */
#include "nodeagent/node_images.h"
#include "nodeagent/node_lease.h"
#include "nodeagent/node_machine.h"
#include "nodeagent/pod.h"

#include "common/base/time_text.h"
#include "common/io/log.h"
#include "common/plan/containerd_config.h"
#include "schemas/quantity.h"

#include <stdio.h>
#include <sys/utsname.h>

#define STATUS_MS    10000  /* looked at; sent when something changed … */
#define HEARTBEAT_MS 300000 /* … or after so long */
#define RETRY_MS     1000
#define TEXT_MAX     65536
#define TOLERATED_MS 30000

static const struct api_resource nodes = { "", "v1", "nodes", false };
static const struct api_resource services = { "", "v1", "services", true };

struct node {
	struct agent *agent;
	struct loop_timer *status_timer;
	struct node_lease *lease;
	json_t *object; /* as the API last gave it */
	json_t *sent;   /* the status sent last, without heartbeats */
	int64_t sent_ms;
	char *runtime_version;
	bool is_runtime_ready, is_network_ready;
	char runtime_message[256];
	bool is_cni_written;
	char *cni_path;
	struct str cni;
	struct error cni_err;
	struct node_images *images;
	struct machine machine, measured; /* the latter is the worker's */
	char *root;
	int64_t down_since_ms; /* the last moment at which all was well */
	bool is_measuring, is_freed;
};

/* ---- what the machine is ---- */

/* A new boot is told when no pod of the last one that must wait for its turn counts as ready:
 * whoever sees the boot and a ready pod believes that it started in this boot. */
static const char *shown_boot_id(const struct node *n)
{
	const char *stored = json_str_or(n->object, "status.nodeInfo.bootID", "");
	bool is_other = stored[0] && !streq(stored, n->agent->boot_id);
	return is_other && !agent_pods_are_settled(n->agent) ? stored : n->agent->boot_id;
}

static json_t *node_info(const struct node *n)
{
	const struct machine *m = &n->machine;
	struct utsname u = { 0 };
	json_t *info = json_object();
	(void)uname(&u); /* empty texts where it fails */
	json_put_str(info, "machineID", m->id);
	json_put_str(info, "systemUUID", m->uuid[0] ? m->uuid : m->id);
	json_put_str(info, "bootID", shown_boot_id(n));
	json_put_str(info, "kernelVersion", u.release);
	json_put_str(info, "osImage", m->os);
	json_put_str(info, "containerRuntimeVersion", n->runtime_version ? n->runtime_version : "");
	json_put_str(info, "kubeletVersion", "v1.36.3+skiff." SKIFF_VERSION);
	json_put_str(info, "kubeProxyVersion", "");
	json_put_str(info, "operatingSystem", "linux");
	json_put_str(info, "architecture",
		     streq(u.machine, "x86_64")    ? "amd64"
		     : streq(u.machine, "aarch64") ? "arm64"
						   : u.machine);
	return info;
}

static json_t *capacity(const struct node *n)
{
	char text[QUANTITY_TEXT_SIZE];
	json_t *c = json_object();
	json_object_set_new(c, "cpu", json_sprintf("%ld", sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(c, "memory",
			    json_sprintf("%lldKi", (long long)n->agent->node_memory / 1024));
	json_object_set_new(c, "pods",
			    json_sprintf("%d", n->agent->options.pods_max > 0
						       ? n->agent->options.pods_max
						       : PODS_MAX));
	if (n->machine.disk_total > 0) {
		quantity_from_bytes(n->machine.disk_total / 1024 * 1024, text);
		json_object_set_new(c, "ephemeral-storage", json_string(text));
	}
	return c;
}

/* ---- status ---- */

static json_t *now_text(const struct agent *a)
{
	char text[TIME_TEXT_SIZE];
	time_format(loop_wall_us(a->loop), text);
	return json_string(text);
}

static void add_condition(struct node *n, json_t *list, const char *type, const char *status,
			  const char *reason, const char *message)
{
	json_t *c = json_pack("{s:s, s:s, s:s, s:s}", "type", type, "status", status, "reason",
			      reason, "message", message);
	json_t *since = NULL, *old;
	size_t i;
	json_array_foreach (json_dig(n->object, "status.conditions"), i, old) {
		if (streq(json_str_or(old, "type", ""), type) &&
		    streq(json_str_or(old, "status", ""), status))
			since = json_object_get(old, "lastTransitionTime");
	}
	json_object_set_new(c, "lastTransitionTime",
			    since ? json_incref(since) : now_text(n->agent));
	json_array_append_new(list, c);
}

static void add_pressure(struct node *n, json_t *list, const char *type, bool is_pressed,
			 const char *yes, const char *no, const char *what)
{
	auto_free char *message = is_pressed ? xasprintf("too little %s is left", what)
					     : xasprintf("enough %s is left", what);
	add_condition(n, list, type, is_pressed ? "True" : "False", is_pressed ? yes : no, message);
}

/* A runtime that starts anew is away for a moment: a node that was ready stays so meanwhile, or
 * all its pods would leave their Services. */
static bool is_tolerated(const struct node *n)
{
	size_t i;
	json_t *c;
	if (loop_now_ms(n->agent->loop) > n->down_since_ms + TOLERATED_MS)
		return false;
	json_array_foreach (json_dig(n->object, "status.conditions"), i, c) {
		if (streq(json_str_or(c, "type", ""), "Ready"))
			return streq(json_str_or(c, "status", ""), "True");
	}
	return false;
}

static json_t *conditions(struct node *n)
{
	json_t *list = json_array();
	bool is_ready = (n->is_runtime_ready && n->is_network_ready) || is_tolerated(n);
	add_pressure(n, list, "MemoryPressure", machine_lacks_memory(&n->machine),
		     "KubeletHasInsufficientMemory", "KubeletHasSufficientMemory", "memory");
	add_pressure(n, list, "DiskPressure", machine_lacks_disk(&n->machine),
		     "KubeletHasDiskPressure", "KubeletHasNoDiskPressure", "disk");
	add_pressure(n, list, "PIDPressure", machine_lacks_tasks(&n->machine),
		     "KubeletHasInsufficientPID", "KubeletHasSufficientPID", "PID");
	add_condition(n, list, "Ready", is_ready ? "True" : "False",
		      is_ready ? "KubeletReady" : "KubeletNotReady",
		      is_ready ? "the node agent is ready" : n->runtime_message);
	return list;
}

static json_t *status_of(struct node *n)
{
	struct agent *a = n->agent;
	json_t *s = json_object(), *c = capacity(n);
	json_put(s, "capacity", c);
	json_put(s, "allocatable", json_deep_copy(c));
	json_put(s, "conditions", conditions(n));
	json_put(s, "addresses",
		 json_pack("[{s:s, s:s}, {s:s, s:s}]", "type", "InternalIP", "address", a->node_ip,
			   "type", "Hostname", "address", a->node_name));
	json_put(s, "nodeInfo", node_info(n));
	json_put(s, "images", node_images_status(n->images));
	json_put(s, "daemonEndpoints",
		 json_pack("{s:{s:i}}", "kubeletEndpoint", "Port", (int)a->options.port));
	return s;
}

/* Somebody else says otherwise: the controller, when this agent was away for a while. */
static bool is_contradicted(const struct node *n, const json_t *status)
{
	size_t i, k;
	json_t *own, *told;
	json_array_foreach (json_object_get(status, "conditions"), i, own)
		json_array_foreach (json_dig(n->object, "status.conditions"), k, told)
			if (streq(json_str_or(own, "type", ""), json_str_or(told, "type", "")) &&
			    !streq(json_str_or(own, "status", ""), json_str_or(told, "status", "")))
				return true;
	return false;
}

static void on_status(void *ctx, const struct api_reply *reply);

static void take_object(struct node *n, json_t *object)
{
	json_decref(n->object);
	n->object = json_incref(object);
	node_lease_set_owner(n->lease, json_str_or(object, "metadata.uid", ""));
	const char *cidr = json_str(object, "spec.podCIDR");
	if (cidr && !n->agent->pod_cidr)
		n->agent->pod_cidr = xstrdup(cidr);
}

static void send_status(struct node *n)
{
	struct agent *a = n->agent;
	AUTO_JSON *status = status_of(n);
	int64_t now_ms = loop_now_ms(a->loop);
	/* Until it is ready, nothing tells that the runtime or the network has come. */
	bool is_ready = n->is_runtime_ready && n->is_network_ready;
	bool is_boot_told = streq(json_str_or(status, "nodeInfo.bootID", ""), n->agent->boot_id);
	loop_timer_set(n->status_timer, is_ready && is_boot_told ? STATUS_MS : RETRY_MS / 4);
	if (n->sent && json_equal(n->sent, status) && !is_contradicted(n, status) &&
	    now_ms < n->sent_ms + HEARTBEAT_MS)
		return;
	json_decref(n->sent);
	n->sent = json_deep_copy(status);
	n->sent_ms = now_ms;
	size_t i;
	json_t *c;
	json_array_foreach (json_object_get(status, "conditions"), i, c) {
		json_object_set_new(c, "lastHeartbeatTime", now_text(a));
	}
	AUTO_JSON *body = json_pack("{s:O}", "status", status);
	auto_free char *path = api_path(&nodes, NULL, a->node_name, "status");
	(void)api_request(a->api, "PATCH", path, body, API_MERGE_PATCH, on_status, n);
}

static void on_status(void *ctx, const struct api_reply *reply)
{
	struct node *n = ctx;
	if (reply->code == 0) {
		take_object(n, reply->body);
		return;
	}
	log_warn("node", "status not accepted", "message", reply->message);
	json_decref(n->sent);
	n->sent = NULL;
	if (reply->code == ERR_NOT_FOUND) { /* somebody deleted the Node: it is made again */
		json_decref(n->object);
		n->object = NULL;
	}
	loop_timer_set(n->status_timer, RETRY_MS);
}

/* ---- the pod network's configuration ---- */

static void write_cni(void *ctx)
{
	struct node *n = ctx;
	n->is_cni_written =
		volume_write_file(n->cni_path, n->cni.data, n->cni.len, 0644, &n->cni_err) == 0;
}

static void cni_written(void *ctx)
{
	struct node *n = ctx;
	if (!n->is_cni_written)
		log_error("node", "no pod network", "why", n->cni_err.text);
	else
		loop_timer_set(n->status_timer, RETRY_MS);
	str_fini(&n->cni);
	free(n->cni_path);
	n->cni_path = NULL;
}

static void fit_network(struct node *n)
{
	struct agent *a = n->agent;
	if (n->is_cni_written || n->cni_path || !a->pod_cidr || !a->options.cni_conf_dir)
		return;
	auto_free char *data = xasprintf("%s/cni", a->root);
	str_init(&n->cni, TEXT_MAX);
	if (cni_config_print("skiff", a->pod_cidr, data, 0, &n->cni, &n->cni_err) < 0) {
		log_error("node", "no pod network", "why", n->cni_err.text);
		str_fini(&n->cni);
		return;
	}
	n->cni_path = xasprintf("%s/10-skiff.conflist", a->options.cni_conf_dir);
	loop_offload(a->loop, write_cni, cni_written, n);
}

/* ---- the turn ---- */

static void on_runtime(void *ctx, const struct cri_reply *reply)
{
	struct node *n = ctx;
	n->is_runtime_ready = n->is_network_ready = false;
	if (reply->code < 0 && snprintf(n->runtime_message, sizeof(n->runtime_message),
					"container runtime is down: %s", reply->message) < 0)
		n->runtime_message[0] = '\0';
	for (size_t i = 0; i < reply->conditions_count; i++) {
		const struct cri_condition *c = &reply->conditions[i];
		if (streq(c->type, "RuntimeReady"))
			n->is_runtime_ready = c->status;
		else if (streq(c->type, "NetworkReady"))
			n->is_network_ready = c->status;
		if (!c->status && snprintf(n->runtime_message, sizeof(n->runtime_message), "%s: %s",
					   c->reason, c->message) < 0)
			n->runtime_message[0] = '\0';
	}
	if (n->is_runtime_ready && n->is_network_ready)
		n->down_since_ms = loop_now_ms(n->agent->loop);
	node_images_look(n->images, machine_wants_disk(&n->machine));
	fit_network(n);
	send_status(n);
}

static void on_version(void *ctx, const struct cri_reply *reply)
{
	struct node *n = ctx;
	if (reply->code == 0) {
		free(n->runtime_version);
		n->runtime_version =
			xasprintf("%s://%s", reply->runtime_name, reply->runtime_version);
	}
	(void)runtime_start(n->agent->runtime, &(struct cri_request){ .op = CRI_STATUS },
			    on_runtime, n);
}

static void on_node(void *ctx, const struct api_reply *reply);

static void create_node(struct node *n)
{
	struct agent *a = n->agent;
	AUTO_JSON *body = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "Node",
				    "metadata", "name", a->node_name);
	json_t *labels =
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "kubernetes.io/hostname", a->node_name,
			  "kubernetes.io/os", "linux", "kubernetes.io/arch", "amd64",
			  "beta.kubernetes.io/os", "linux", "beta.kubernetes.io/arch", "amd64");
	AUTO_JSON *info = node_info(n);
	json_object_set(labels, "kubernetes.io/arch", json_object_get(info, "architecture"));
	json_object_set(labels, "beta.kubernetes.io/arch", json_object_get(info, "architecture"));
	for (const char *const *l = a->options.labels; l && *l; l++) {
		const char *equals = strchr(*l, '=');
		auto_free char *key = xstrndup(*l, equals ? (size_t)(equals - *l) : strlen(*l));
		json_object_set_new(labels, key, json_string(equals ? equals + 1 : ""));
	}
	json_object_set_new(json_object_get(body, "metadata"), "labels", labels);
	if (a->pod_cidr)
		json_put(
			body, "spec",
			json_pack("{s:s, s:[s]}", "podCIDR", a->pod_cidr, "podCIDRs", a->pod_cidr));
	auto_free char *path = api_path(&nodes, NULL, NULL, NULL);
	(void)api_request(a->api, "POST", path, body, NULL, on_node, n);
}

static void on_node(void *ctx, const struct api_reply *reply)
{
	struct node *n = ctx;
	if (reply->code == 0) {
		if (!n->object)
			log_info("node", "registered", "node", n->agent->node_name);
		take_object(n, reply->body);
		enum cri_op op = n->runtime_version ? CRI_STATUS : CRI_VERSION;
		(void)runtime_start(n->agent->runtime, &(struct cri_request){ .op = op },
				    op == CRI_STATUS ? on_runtime : on_version, n);
	} else if (reply->code == ERR_NOT_FOUND) {
		create_node(n);
	} else {
		loop_timer_set(n->status_timer, RETRY_MS);
	}
}

static void on_kubernetes(void *ctx, const struct api_reply *reply)
{
	struct node *n = ctx;
	struct agent *a = n->agent;
	const char *ip = json_str(reply->body, "spec.clusterIP");
	if (reply->code < 0 || !ip || a->api_host)
		return;
	const json_t *port = json_array_get(json_dig(reply->body, "spec.ports"), 0);
	a->api_host = xstrdup(ip);
	a->api_port = xasprintf("%lld", (long long)json_int_or(port, "port", 443));
}

static void measure(void *ctx)
{
	struct node *n = ctx;
	machine_measure(n->root, &n->measured);
}

static void turn(struct node *n)
{
	struct agent *a = n->agent;
	if (!a->api_host) {
		auto_free char *path = api_path(&services, "default", "kubernetes", NULL);
		(void)api_request(a->api, "GET", path, NULL, NULL, on_kubernetes, n);
	}
	/* Each time: others may have written to it, or deleted it, since. */
	auto_free char *path = api_path(&nodes, NULL, a->node_name, NULL);
	(void)api_request(a->api, "GET", path, NULL, NULL, on_node, n);
}

static void measured(void *ctx)
{
	struct node *n = ctx;
	n->is_measuring = false;
	if (n->is_freed) {
		free(n->root);
		free(n);
		return;
	}
	n->machine = n->measured;
	turn(n);
}

static void on_status_timer(void *ctx)
{
	struct node *n = ctx;
	if (n->is_measuring)
		return;
	n->is_measuring = true;
	loop_offload(n->agent->loop, measure, measured, n);
}

struct node *node_new(struct agent *a)
{
	struct node *n = xcalloc(1, sizeof(*n));
	n->agent = a;
	n->status_timer = loop_timer_new(a->loop, on_status_timer, n);
	n->lease = node_lease_new(a);
	a->node_cpu_milli = (int64_t)sysconf(_SC_NPROCESSORS_ONLN) * 1000;
	a->node_memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	n->root = xstrdup(a->root);
	n->images = node_images_new(a);
	n->down_since_ms = loop_now_ms(a->loop);
	return n;
}

void node_start(struct node *n)
{
	loop_timer_set(n->status_timer, 0);
	node_lease_start(n->lease);
}

void node_free(struct node *n)
{
	if (!n)
		return;
	loop_timer_free(n->status_timer);
	node_lease_free(n->lease);
	json_decref(n->object);
	json_decref(n->sent);
	free(n->runtime_version);
	free(n->cni_path);
	str_fini(&n->cni);
	node_images_free(n->images);
	n->is_freed = true;
	if (n->is_measuring) /* the worker's end frees it */
		return;
	free(n->root);
	free(n);
}
