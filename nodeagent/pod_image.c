/* Images: is it there, must it be pulled, and what to say when that fails. */
#include "nodeagent/pod.h"

#define RETRY_FIRST_MS 10000
#define RETRY_MAX_MS   300000

struct image_work {
	struct pod *pod;
	size_t index;
	char *image, *policy;
	int64_t started_ms;
	void (*done)(struct pod *p);
};

static struct container_memory *memory_of(struct image_work *w)
{
	return &w->pod->memory[w->index];
}

static void finish(struct image_work *w)
{
	struct pod *p = w->pod;
	void (*done)(struct pod *) = w->done;
	free(w->image);
	free(w->policy);
	free(w);
	done(p);
}

static void ready(struct image_work *w)
{
	struct container_memory *m = memory_of(w);
	m->is_image_ready = true;
	m->image_failures = 0;
	m->image_retry_ms = 0;
	memory_wait(m, NULL, NULL);
	finish(w);
}

static void failed(struct image_work *w, const char *reason, const char *message)
{
	struct pod *p = w->pod;
	struct container_memory *m = memory_of(w);
	int64_t now_ms = agent_now_ms(p->agent);
	int64_t span_ms =
		MIN((int64_t)RETRY_FIRST_MS << MIN(m->image_failures, 10u), (int64_t)RETRY_MAX_MS);
	p->agent->counts.actions_failed_total++;
	m->image_failures++;
	m->image_failed_ms = now_ms;
	m->image_retry_ms = now_ms + span_ms;
	memory_wait(m, reason, message);
	pod_event(p, m->name, "Warning", "Failed", "Error: %s", reason);
	finish(w);
}

static void remember_user(struct container_memory *m, const struct cri_image *image)
{
	m->has_image_user = image->has_uid;
	m->image_user = image->uid;
	m->has_image_name = image->username && image->username[0];
}

static void on_pulled(void *ctx, const struct cri_reply *reply)
{
	struct image_work *w = ctx;
	struct pod *p = w->pod;
	const char *name = memory_of(w)->name;
	if (reply->code < 0) {
		pod_event(p, name, "Warning", "Failed", "Failed to pull image \"%s\": %s", w->image,
			  reply->message);
		failed(w, "ErrImagePull", reply->message);
		return;
	}
	int64_t ms = agent_now_ms(p->agent) - w->started_ms;
	pod_event(p, name, "Normal", "Pulled", "Successfully pulled image \"%s\" in %lld.%03llds",
		  w->image, (long long)ms / 1000, (long long)ms % 1000);
	ready(w);
}

static void pull_now(struct pod *p)
{
	struct image_work *w = TAKE(p->pulling);
	AUTO_ARENA a = { 0 };
	struct cri_auth auth;
	bool has_auth = pod_pull_auth(p, w->image, &a, &auth);
	struct container_memory *m = memory_of(w);
	pod_event(p, m->name, "Normal", "Pulling", "Pulling image \"%s\"", w->image);
	if (!m->wait_reason) { /* else why it failed before says more */
		auto_free char *message = xasprintf("pulling image \"%s\"", w->image);
		memory_wait(m, NULL, message);
		pod_report_meanwhile(p);
	}
	w->started_ms = agent_now_ms(p->agent);
	(void)runtime_start(p->agent->runtime,
			    &(struct cri_request){ .op = CRI_PULL_IMAGE,
						   .image = w->image,
						   .auth = has_auth ? &auth : NULL },
			    on_pulled, w);
}

/* Each try with the credentials of now: people put them right after the first one failed. */
static void pull(struct pod *p, struct image_work *w)
{
	p->pulling = w;
	if (json_array_size(json_dig(p->object, "spec.imagePullSecrets")) > 0)
		pod_sources_fetch(p, pull_now);
	else
		pull_now(p);
}

static void on_status(void *ctx, const struct cri_reply *reply)
{
	struct image_work *w = ctx;
	struct container_memory *m = memory_of(w);
	if (reply->code < 0) {
		failed(w, "ImageInspectError", reply->message);
		return;
	}
	bool is_there = reply->images_count > 0;
	if (is_there)
		remember_user(m, &reply->images[0]);
	if (is_there && !streq(w->policy, "Always")) {
		pod_event(w->pod, m->name, "Normal", "Pulled",
			  "Container image \"%s\" already present on machine", w->image);
		ready(w);
	} else if (streq(w->policy, "Never")) {
		auto_free char *message = xasprintf("Container image \"%s\" is not present with "
						    "pull policy of Never",
						    w->image);
		pod_event(w->pod, m->name, "Warning", "ErrImageNeverPull", "%s", message);
		failed(w, "ErrImageNeverPull", message);
	} else {
		pull(w->pod, w);
	}
}

void image_ensure(struct pod *p, size_t container, void (*done)(struct pod *p))
{
	struct image_work *w = xcalloc(1, sizeof(*w));
	const json_t *spec = pod_container_spec(p, p->memory[container].name);
	*w = (struct image_work){
		.pod = p,
		.index = container,
		.image = xstrdup(json_str_or(spec, "image", "")),
		.policy = xstrdup(json_str_or(spec, "imagePullPolicy", "IfNotPresent")),
		.done = done,
	};
	(void)runtime_start(p->agent->runtime,
			    &(struct cri_request){ .op = CRI_IMAGE_STATUS, .image = w->image },
			    on_status, w);
}
