/* What the agent's port and the node's status ask about pods. */
#include "nodeagent/pod.h"

static struct pod *find_pod(struct agent *a, const char *ns, const char *name, struct error *err)
{
	auto_free char *key = cache_key(ns, name);
	struct pod *p = map_get(&a->by_name, key);
	if (!p)
		error_set(err, ERR_NOT_FOUND, "pod \"%s\" not found on node \"%s\"", key,
			  a->node_name);
	return p;
}

/* The container's name as given, or the only one's. NULL: err says why. */
static const char *find_name(const struct pod *p, const char *name, struct error *err)
{
	const json_t *containers = json_dig(p->object, "spec.containers");
	if (name[0] == '\0' && json_array_size(containers) == 1)
		return json_str_or(json_array_get(containers, 0), "name", "");
	for (size_t i = 0; i < p->memory_count; i++)
		if (streq(p->memory[i].name, name))
			return p->memory[i].name;
	/* The API takes them; nothing here runs them yet. */
	if (json_find(json_dig(p->object, "spec.ephemeralContainers"), "name", name))
		error_set(err, ERR_INVALID, "container \"%s\" in pod \"%s\" is not available", name,
			  p->name);
	else
		error_set(err, ERR_NOT_FOUND, "container %s is not valid for pod %s", name,
			  p->name);
	return NULL;
}

int agent_find_container(struct agent *a, const char *ns, const char *pod, const char *container,
			 struct agent_container *ret, struct error *err)
{
	struct pod *p = find_pod(a, ns, pod, err);
	const char *name = p ? find_name(p, container, err) : NULL;
	if (!name)
		return err->code;
	const struct view_instance *v = view_nth(p, name, 0);
	*ret = (struct agent_container){
		.id = v ? v->id : NULL,
		.sandbox_id = p->view.sandboxes_count ? p->view.sandboxes[0].id : NULL,
		.is_running = v && v->state == INSTANCE_RUNNING,
		.tty = json_bool_or(pod_container_spec(p, name), "tty", false),
		.attempt = v ? v->attempt : 0,
	};
	for (size_t i = 0; i < p->memory_count; i++) {
		if (!streq(p->memory[i].name, name))
			continue;
		ret->waiting_reason = p->memory[i].wait_reason ? p->memory[i].wait_reason
				      : p->wait_reason         ? p->wait_reason
							       : "ContainerCreating";
		ret->waiting_message = p->memory[i].wait_message;
	}
	return 0;
}

int agent_find_sandbox(struct agent *a, const char *ns, const char *pod,
		       struct agent_container *ret, struct error *err)
{
	struct pod *p = find_pod(a, ns, pod, err);
	if (!p)
		return err->code;
	if (p->view.sandboxes_count == 0 || !p->view.sandboxes[0].is_ready)
		return error_set(err, ERR_INVALID, "pod %s is not running", p->name);
	*ret = (struct agent_container){ .sandbox_id = p->view.sandboxes[0].id };
	return 0;
}

/* Why it has not started, as the pod's status says. */
static const char *waiting_why(const struct pod *p, const char *name)
{
	static const char *const lists[] = { "status.containerStatuses",
					     "status.initContainerStatuses" };
	const char *reason = NULL;
	for (size_t i = 0; i < ARRAY_LEN(lists) && !reason; i++)
		reason = json_str(json_find(json_dig(p->object, lists[i]), "name", name),
				  "state.waiting.reason");
	if (!reason)
		return "ContainerCreating";
	if (streq(reason, "ErrImagePull"))
		return "image can't be pulled";
	return streq(reason, "ImagePullBackOff") ? "trying and failing to pull image" : reason;
}

int agent_log_path(struct agent *a, const char *ns, const char *pod, const char *container,
		   bool is_previous, char **ret, struct error *err)
{
	struct pod *p = find_pod(a, ns, pod, err);
	const char *name = p ? find_name(p, container, err) : NULL;
	if (!name)
		return err->code;
	const struct view_instance *v = view_nth(p, name, 0);
	/* Made but not started: the one before has what there is to read. */
	if (v && v->state == INSTANCE_CREATED && view_nth(p, name, 1))
		v = view_nth(p, name, 1);
	if (is_previous)
		v = view_nth(p, name, 1);
	if (!v && is_previous)
		return error_set(err, ERR_INVALID,
				 "previous terminated container \"%s\" in pod \"%s\" not found",
				 name, p->name);
	if (!v)
		return error_set(err, ERR_INVALID,
				 "container \"%s\" in pod \"%s\" is waiting to start: %s", name,
				 p->name, waiting_why(p, name));
	auto_free char *dir = pod_log_dir(&a->config.paths, p->object);
	*ret = xasprintf("%s/%s/%u.log", dir, name, v->attempt);
	return 0;
}

static bool is_settled(const struct pod *p)
{
	size_t i;
	json_t *c;
	if (!pod_is_held(p))
		return true;
	json_array_foreach (json_dig(p->object, "status.conditions"), i, c) {
		if (streq(json_str_or(c, "type", ""), "Ready"))
			return !streq(json_str_or(c, "status", ""), "True");
	}
	return true;
}

bool agent_pods_are_settled(const struct agent *a)
{
	const char *uid;
	void *value;
	for (size_t i = 0; (i = map_next(&a->pods, i, &uid, &value)) != 0;)
		if (!is_settled(value))
			return false;
	return a->is_running;
}

void agent_counts(const struct agent *a, struct agent_counts *ret)
{
	const char *uid;
	void *value;
	*ret = a->counts;
	for (size_t i = 0; (i = map_next(&a->pods, i, &uid, &value)) != 0;) {
		const struct pod *p = value;
		ret->pods++;
		for (size_t k = 0; k < p->view.instances_count; k++)
			ret->containers_running += p->view.instances[k].state == INSTANCE_RUNNING;
	}
}

struct cache *agent_pods(const struct agent *a)
{
	return reflector_cache(a->pods_reflector);
}

struct cache *agent_services(const struct agent *a)
{
	return reflector_cache(a->services_reflector);
}
