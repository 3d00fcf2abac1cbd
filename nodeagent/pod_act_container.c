/* Actions on containers: making, starting, removing. */
#include "nodeagent/hook.h"
#include "nodeagent/pod_work.h"

#include "common/io/log.h"

#define CONFIG_RETRY_MS  5000
#define SOURCES_FRESH_MS 5000

static struct container_memory *memory_of(struct pod_work *w)
{
	return &w->pod->memory[w->index];
}

/* ---- making ---- */

static void start_failed(struct pod_work *w, const char *reason, const char *message)
{
	struct pod *p = w->pod;
	struct container_memory *m = memory_of(w);
	memory_wait(m, reason, message);
	p->agent->counts.actions_failed_total++;
	m->start_retry_ms = agent_now_ms(p->agent) + CONFIG_RETRY_MS;
	pod_event(p, w->container, "Warning", "Failed", "Error: %s", message);
}

static void container_made(void *ctx, const struct cri_reply *reply)
{
	struct pod_work *w = ctx;
	struct pod *p = w->pod;
	struct container_memory *m = memory_of(w);
	if (reply->code < 0) {
		start_failed(w, "CreateContainerError", reply->message);
		m->is_image_ready = false; /* it may be the image that went */
		p->view.is_known = false;
		work_end(w);
		return;
	}
	const struct view_instance *old = view_nth(p, w->container, 0);
	bool lived_long = old && old->started_ns > 0 &&
			  (old->finished_ns - old->started_ns) / 1000000 >= POD_BACKOFF_RESET_MS;
	m->streak = old ? (lived_long ? 1 : m->streak + 1) : 0;
	m->is_streak_known = true;
	p->agent->counts.restarts_total += w->attempt > 0;
	m->start_retry_ms = 0;
	pod_event(p, w->container, "Normal", "Created", "Created container: %s", w->container);
	auto_free char *hash = xasprintf("%llx", (unsigned long long)pod_container_hash(
							 pod_container_spec(p, w->container)));
	struct cri_pair notes[] = { { ANNOTATION_HASH, hash } };
	view_put_container(p,
			   &(struct cri_container){
				   .id = reply->text,
				   .name = w->container,
				   .sandbox_id = p->view.sandboxes[0].id,
				   .image = w->image,
				   .state = CRI_CREATED,
				   .attempt = w->attempt,
				   .created_ns = agent_now_ms(p->agent) * 1000000,
				   .reason = "",
				   .message = "",
				   .log_path = "",
				   .annotations = { notes, 1 },
			   },
			   false);
	work_end(w);
}

static void create_container(struct pod_work *w)
{
	struct pod *p = w->pod;
	AUTO_ARENA a = { 0 };
	struct pod_context context;
	struct cri_sandbox_config sandbox;
	struct cri_container_config config;
	const json_t *spec = pod_container_spec(p, w->container);
	pod_context_make(p, &a, &context);
	if (!p->object || !spec || p->view.sandboxes_count == 0) {
		work_end(w);
		return;
	}
	if (pod_sandbox_config(&p->agent->config, &context, p->view.sandboxes[0].attempt, &a,
			       &sandbox, &w->err) < 0 ||
	    pod_container_config(&p->agent->config, &context, spec, w->attempt, &a, &config,
				 &w->err) < 0) {
		start_failed(w, "CreateContainerConfigError", w->err.text);
		work_end(w);
		return;
	}
	w->image = xstrdup(config.image);
	struct cri_request request = { .op = CRI_CREATE_CONTAINER,
				       .container = &config,
				       .sandbox = &sandbox,
				       .id = p->view.sandboxes[0].id };
	(void)runtime_start(p->agent->runtime, &request, container_made, w);
}

/* Files that must be there before the container is made; on a worker. */
static void write_files(void *ctx)
{
	struct pod_work *w = ctx;
	if (w->hosts_path &&
	    volume_write_file(w->hosts_path, w->hosts.data, w->hosts.len, 0644, &w->err) < 0)
		w->is_failed = true;
	for (size_t i = 0; i + 1 < w->paths_count && !w->is_failed; i += 2) {
		int n = w->paths[i][0] == '\0'
				? volume_write_file(w->paths[i + 1], "", 0, 0666, &w->err)
				: volume_make_subpath(w->paths[i], w->paths[i + 1], &w->err);
		w->is_failed = n < 0;
	}
}

static void files_written(void *ctx)
{
	struct pod_work *w = ctx;
	if (w->is_failed) {
		start_failed(w, "CreateContainerConfigError", w->err.text);
		work_end(w);
		return;
	}
	create_container(w);
}

static void add_path(struct pod_work *w, const char *root, char *take_path)
{
	w->paths = xrealloc(w->paths, w->paths_count + 2, sizeof(*w->paths));
	w->paths[w->paths_count++] = xstrdup(root);
	w->paths[w->paths_count++] = take_path;
}

/* The subPath of a mount, with subPathExpr's variables replaced; NULL: none. What is wrong with it
 * is said when the container is made. */
static const char *sub_path(const struct pod_context *context, const json_t *spec,
			    const json_t *mount, struct arena *a)
{
	struct cri_pairs envs;
	struct error err;
	const char *sub = json_str(mount, "subPath"), *expr = json_str(mount, "subPathExpr");
	if (expr && expr[0])
		sub = pod_env_make(context, spec, a, &envs, &err) == 0
			      ? pod_env_expand(expr, &envs, a)
			      : NULL;
	return sub && sub[0] ? sub : NULL;
}

/* Directories of subPaths, which the runtime would not make. */
static void add_subpaths(struct pod_work *w, const struct pod_context *context, const json_t *spec,
			 struct arena *a)
{
	struct pod *p = w->pod;
	size_t i, k;
	json_t *m, *v;
	json_array_foreach (json_object_get(spec, "volumeMounts"), i, m) {
		const char *sub = sub_path(context, spec, m, a);
		json_array_foreach (json_dig(p->object, "spec.volumes"), k, v) {
			bool is_it = streq(json_str_or(v, "name", ""), json_str_or(m, "name", "-"));
			bool is_dir =
				json_object_get(v, "emptyDir") || json_object_get(v, "hostPath");
			if (!sub || !is_it || !is_dir)
				continue;
			const char *host = json_str(v, "hostPath.path");
			auto_free char *dir = pod_volume_dir(&p->agent->config.paths, p->object, v);
			add_path(w, host ? host : dir, xstrdup(sub));
		}
	}
}

static void prepare_files(struct pod *p)
{
	struct pod_work *w = p->work;
	AUTO_ARENA a = { 0 };
	struct pod_context context;
	pod_context_make(p, &a, &context);
	str_init(&w->hosts, 65536);
	w->hosts_path = pod_hosts_path(&p->agent->config.paths, p->uid);
	pod_hosts_text(p->object, context.pod_ip, &w->hosts);
	add_path(w, "",
		 pod_message_path(&p->agent->config.paths, p->uid, w->container, w->attempt));
	add_subpaths(w, &context, pod_container_spec(p, w->container), &a);
	loop_offload(p->agent->loop, write_files, files_written, w);
}

static bool must_refuse_root(struct pod_work *w, const json_t *spec)
{
	const json_t *pod = json_dig(w->pod->object, "spec.securityContext");
	const json_t *own = json_object_get(spec, "securityContext");
	const struct container_memory *m = memory_of(w);
	bool non_root = json_bool_or(own, "runAsNonRoot", json_bool_or(pod, "runAsNonRoot", false));
	int64_t user = json_int_or(own, "runAsUser", json_int_or(pod, "runAsUser", -1));
	if (!non_root || user > 0)
		return false;
	if (user < 0 && m->has_image_user && m->image_user > 0)
		return false;
	start_failed(w, "CreateContainerConfigError",
		     user == 0 ? "container's runAsUser breaks non-root policy"
		     : m->has_image_name
			     ? "container has runAsNonRoot and image has non-numeric user, cannot "
			       "verify user is non-root"
			     : "container has runAsNonRoot and image will run as root");
	return true;
}

void work_create(struct pod_work *w)
{
	struct pod *p = w->pod;
	if (must_refuse_root(w, pod_container_spec(p, w->container))) {
		work_end(w);
		return;
	}
	if (p->sources && agent_now_ms(p->agent) < p->sources_ms + SOURCES_FRESH_MS &&
	    memory_of(w)->start_retry_ms == 0)
		prepare_files(p);
	else
		pod_sources_fetch(p, prepare_files);
}

/* ---- starting ---- */

static void container_killed(void *ctx, const struct cri_reply *reply)
{
	struct pod_work *w = ctx;
	(void)reply; /* where it still runs, the next look shows it */
	w->pod->view.is_known = false;
	work_end(w);
}

/* A container whose postStart hook failed is killed, and its restart policy decides. */
static void on_post_start(void *ctx, const char *why)
{
	struct pod_work *w = ctx;
	struct pod *p = w->pod;
	w->hook = NULL;
	if (!why) {
		work_end(w);
		return;
	}
	log_info("pod", "postStart hook failed", "pod", p->name, "container", w->container, "why",
		 why);
	pod_event(p, w->container, "Warning", "FailedPostStartHook", "PostStartHook failed");
	pod_event(p, w->container, "Normal", "Killing", "FailedPostStartHook");
	(void)runtime_start(p->agent->runtime,
			    &(struct cri_request){ .op = CRI_STOP_CONTAINER,
						   .id = w->id,
						   .timeout_s = w->grace_s },
			    container_killed, w);
}

/* It runs, and nobody is told before its hook is through; others may start meanwhile. */
static void run_post_start(struct pod_work *w)
{
	struct pod *p = w->pod;
	const json_t *spec = pod_container_spec(p, w->container);
	const json_t *handler = json_dig(spec, "lifecycle.postStart");
	const struct view_instance *v = view_instance_of(p, w->id);
	bool is_needed = json_is_object(handler) && !w->is_failed && p->grace_s < 0 && v &&
			 v->state == INSTANCE_RUNNING && !v->has_ended;
	if (!is_needed) {
		work_end(w);
		return;
	}
	work_free_slot(w);
	w->hook = hook_start(p, spec, w->id, handler, 0, on_post_start, w);
}

void work_start_give_up(struct pod_work *w)
{
	hook_cancel(w->hook);
	w->hook = NULL;
	w->pod->view.is_known = false;
	work_end(w);
}

static void container_known(void *ctx, const struct cri_reply *reply)
{
	struct pod_work *w = ctx;
	if (reply->code == 0 && reply->containers_count)
		view_put_container(w->pod, &reply->containers[0], true);
	else
		w->pod->view.is_known = false;
	run_post_start(w);
}

static void ask_status(struct pod_work *w, const char *id)
{
	(void)runtime_start(w->pod->agent->runtime,
			    &(struct cri_request){ .op = CRI_CONTAINER_STATUS, .id = id },
			    container_known, w);
}

static void container_started(void *ctx, const struct cri_reply *reply)
{
	struct pod_work *w = ctx;
	struct container_memory *m = memory_of(w);
	if (reply->code < 0) {
		start_failed(w, "RunContainerError", reply->message);
		w->is_failed = true;
		m->is_image_ready = false;
	} else {
		memory_wait(m, NULL, NULL);
		m->is_image_ready = false; /* the next start looks again, by its pull policy */
		m->start_failures = 0;
		pod_event(w->pod, w->container, "Normal", "Started", "Started container %s",
			  w->container);
	}
	ask_status(w, w->id);
}

void work_start(struct pod_work *w, const struct pod_facts *f)
{
	w->id = xstrdup(f->containers[w->index].now.id);
	w->grace_s = f->grace_s;
	(void)runtime_start(w->pod->agent->runtime,
			    &(struct cri_request){ .op = CRI_START_CONTAINER, .id = w->id },
			    container_started, w);
}

/* ---- removing ---- */

static void container_removed(void *ctx, const struct cri_reply *reply)
{
	struct pod_work *w = ctx;
	if (reply->code == 0 || reply->code == ERR_NOT_FOUND)
		view_remove(w->pod, w->id);
	else
		work_hold(w->pod);
	work_end(w);
}

void work_remove(struct pod_work *w, const char *id)
{
	w->id = xstrdup(id);
	(void)runtime_start(w->pod->agent->runtime,
			    &(struct cri_request){ .op = CRI_REMOVE_CONTAINER, .id = w->id },
			    container_removed, w);
}
