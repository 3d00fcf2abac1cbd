#include "cli/live.h"

#include <stdio.h>

#define DEBOUNCE_MS 20

struct watched {
	struct live *live;
	struct kind kind; /* lives as long as the reflector that borrows its texts */
	char *ns;
	struct reflector *reflector;
	struct cache_subscriber subscriber;
};

struct live {
	struct session *session;
	struct watched *at[LIVE_CACHES_MAX];
	size_t count;
	struct loop_timer *timer;
	void (*changed)(void *ctx);
	void *ctx;
	struct loop_timer *sync_limit;
	bool is_syncing, is_late;
};

static void on_timer(void *ctx)
{
	struct live *l = ctx;
	if (l->is_syncing && live_is_synced(l))
		loop_stop(l->session->loop);
	if (l->changed)
		l->changed(l->ctx);
}

static void mark(struct live *l)
{
	if (!loop_timer_is_set(l->timer))
		loop_timer_set(l->timer, DEBOUNCE_MS);
}

static void on_change(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	(void)key, (void)before, (void)now; /* the present is read when it is needed */
	mark(((struct watched *)ctx)->live);
}

static void on_progress(void *ctx)
{
	mark(((struct watched *)ctx)->live);
}

static void on_late(void *ctx)
{
	struct live *l = ctx;
	l->is_late = true;
	loop_stop(l->session->loop);
}

struct live *live_new(struct session *s, void (*changed)(void *ctx), void *ctx)
{
	struct live *l = xcalloc(1, sizeof *l);
	*l = (struct live){ .session = s, .changed = changed, .ctx = ctx };
	l->timer = loop_timer_new(s->loop, on_timer, l);
	l->sync_limit = loop_timer_new(s->loop, on_late, l);
	return l;
}

void live_free(struct live *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++) {
		reflector_free(l->at[i]->reflector);
		free(l->at[i]->ns);
		free(l->at[i]);
	}
	loop_timer_free(l->timer);
	loop_timer_free(l->sync_limit);
	free(l);
}

static struct watched *find(const struct live *l, const char *kind, const char *ns)
{
	for (size_t i = 0; i < l->count; i++) {
		struct watched *w = l->at[i];
		bool is_here = !w->kind.is_namespaced || !w->ns || (ns && streq(ns, w->ns));
		if (streq(w->kind.kind, kind) && is_here)
			return w;
	}
	return NULL;
}

struct cache *live_watch(struct live *l, const struct kind *k, const char *ns)
{
	struct watched *w = find(l, k->kind, ns);
	if (w)
		return reflector_cache(w->reflector);
	if (l->count == LIVE_CACHES_MAX)
		return NULL;
	w = xcalloc(1, sizeof *w);
	w->live = l;
	w->kind = *k;
	w->ns = ns && k->is_namespaced ? xstrdup(ns) : NULL;
	struct reflector_options o = { .resource = kind_resource(&w->kind),
				       .ns = w->ns,
				       .seed = (uint64_t)loop_wall_us(l->session->loop) };
	w->reflector = reflector_new(l->session->loop, l->session->api, &o);
	w->subscriber = (struct cache_subscriber){ on_change, on_progress, w };
	cache_subscribe(reflector_cache(w->reflector), &w->subscriber);
	reflector_start(w->reflector);
	l->at[l->count++] = w;
	return reflector_cache(w->reflector);
}

struct cache *live_cache(const struct live *l, const char *kind, const char *ns)
{
	struct watched *w = find(l, kind, ns);
	return w ? reflector_cache(w->reflector) : NULL;
}

bool live_is_synced(const struct live *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (!cache_is_synced(reflector_cache(l->at[i]->reflector)))
			return false;
	return true;
}

const char *live_trouble(const struct live *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (*reflector_trouble(l->at[i]->reflector))
			return reflector_trouble(l->at[i]->reflector);
	return "";
}

void live_watch_workloads(struct live *l, const char *ns)
{
	static const char *const at[][3] = { { "", "v1", "pods" },
					     { "apps", "v1", "deployments" },
					     { "apps", "v1", "replicasets" },
					     { "apps", "v1", "statefulsets" },
					     { "apps", "v1", "daemonsets" },
					     { "batch", "v1", "jobs" } };
	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		if (schema_kind_by_resource(at[i][0], at[i][1], at[i][2])) {
			struct kind k = kind_builtin(at[i][0], at[i][1], at[i][2]);
			(void)live_watch(l, &k, ns); /* too many: it shows no pods */
		}
}

static const char *controller_uid(const json_t *object)
{
	const json_t *owners = json_dig(object, "metadata.ownerReferences");
	for (size_t i = 0; i < json_array_size(owners); i++)
		if (json_bool_or(json_array_get(owners, i), "controller", false))
			return json_str_or(json_array_get(owners, i), "uid", "");
	return "";
}

static size_t pods_of_uid(const struct live *l, const char *ns, const char *uid,
			  const json_t **ret, size_t max)
{
	struct cache *pods = live_cache(l, "Pod", ns);
	size_t n = 0;
	if (!pods)
		return 0;
	struct cache_range all = cache_all(pods);
	for (size_t i = 0; i < all.count && n < max; i++)
		if (streq(controller_uid(all.at[i]->tree), uid))
			ret[n++] = all.at[i]->tree;
	return n;
}

/* The ReplicaSet of a Deployment's present revision; NULL: not made yet. */
static const json_t *present_set(const struct live *l, const char *ns, const json_t *deployment)
{
	static const char revision[] = "deployment.kubernetes.io/revision";
	struct cache *sets = live_cache(l, "ReplicaSet", ns);
	const char *uid = json_str_or(deployment, "metadata.uid", "-");
	const char *want = json_member_str(json_dig(deployment, "metadata.annotations"), revision);
	if (!sets || !want)
		return NULL;
	struct cache_range all = cache_all(sets);
	for (size_t i = 0; i < all.count; i++) {
		const json_t *tree = all.at[i]->tree;
		const char *has = json_member_str(json_dig(tree, "metadata.annotations"), revision);
		if (has && streq(has, want) && streq(controller_uid(tree), uid))
			return tree;
	}
	return NULL;
}

size_t live_pods(const struct live *l, const char *kind, const json_t *workload, const json_t **ret,
		 size_t max)
{
	const char *ns = json_str_or(workload, "metadata.namespace", "");
	if (streq(kind, "Deployment"))
		workload = present_set(l, ns, workload);
	return workload ? pods_of_uid(l, ns, json_str_or(workload, "metadata.uid", "-"), ret, max)
			: 0;
}

int live_sync(struct live *l, int64_t timeout_ms, struct error *err)
{
	if (live_is_synced(l))
		return 0;
	l->is_syncing = true;
	l->is_late = false;
	loop_timer_set(l->sync_limit, timeout_ms);
	loop_run(l->session->loop);
	loop_timer_stop(l->sync_limit);
	l->is_syncing = false;
	if (!l->is_late)
		return 0;
	return error_set(err, ERR_UNAVAILABLE, "the server at %s does not answer: %s",
			 l->session->config.server,
			 *live_trouble(l) ? live_trouble(l) : "no answer in time");
}
