/* Pods that nobody else removes: on nodes that are gone, stopping without ever having been
 * bound, finished beyond a threshold. */
#include "controller/controllers_internal.h"

#include "common/base/map.h"
#include "controller/facts.h"

#define EVERYTHING    "all"
#define ROUND_MS      20000
#define QUARANTINE_MS 40000 /* a node may come back under its name */
#define FINISHED_MAX  12500
#define DELETES_MAX   500

struct podgc_controller {
	struct context *context;
	struct control_loop *loop;
	struct map missing; /* node name → when first missed, as a pointer to int64_t */
};

static void force_delete(struct podgc_controller *p, struct work *w, const json_t *pod)
{
	struct work_write *write =
		work_delete(w, p->context->caches[KIND_POD], resource_of(KIND_POD),
			    namespace_of(pod), name_of(pod), uid_of(pod), 0, NULL);
	write->group = 1;
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
}

static bool is_orphaned(struct podgc_controller *p, const json_t *pod, int64_t now_ms)
{
	const char *node = json_str_or(pod, "spec.nodeName", "");
	if (!*node)
		return false;
	int64_t *since_ms = map_get(&p->missing, node);
	if (cache_get(p->context->caches[KIND_NODE], node)) {
		free(map_remove(&p->missing, node));
		return false;
	}
	if (!since_ms) {
		since_ms = xcalloc(1, sizeof *since_ms);
		*since_ms = now_ms;
		(void)map_put(&p->missing, node, since_ms); /* was absent */
	}
	return now_ms - *since_ms >= QUARANTINE_MS;
}

struct finished {
	int64_t created_us;
	const json_t *pod;
};

static int older_first(const void *a, const void *b)
{
	const struct finished *x = a, *y = b;
	return (x->created_us > y->created_us) - (x->created_us < y->created_us);
}

static void reconcile(void *ctx, struct work *w, const char *key)
{
	struct podgc_controller *p = ctx;
	struct cache_range pods = cache_all(p->context->caches[KIND_POD]);
	auto_free struct finished *finished = xcalloc(pods.count + 1, sizeof *finished);
	size_t finished_count = 0, deletes = 0;
	(void)key; /* there is but one */
	for (size_t i = 0; i < pods.count && deletes < DELETES_MAX; i++) {
		const json_t *pod = pods.at[i]->tree;
		bool is_unbound = !json_str(pod, "spec.nodeName");
		if ((is_unbound && pod_is_terminating(pod)) ||
		    is_orphaned(p, pod, work_now_ms(w))) {
			force_delete(p, w, pod);
			deletes++;
		} else if (pod_is_finished(pod) && !pod_is_terminating(pod)) {
			finished[finished_count++] =
				(struct finished){ time_of(pod, "metadata.creationTimestamp"),
						   pod };
		}
	}
	qsort(finished, finished_count, sizeof *finished, older_first);
	for (size_t i = 0; i + FINISHED_MAX < finished_count && deletes < DELETES_MAX;
	     i++, deletes++)
		force_delete(p, w, finished[i].pod);
	work_again(w, deletes == DELETES_MAX ? 0 : ROUND_MS);
}

struct podgc_controller *podgc_controller_new(struct context *c)
{
	static const enum kind needs[] = { KIND_POD, KIND_NODE };
	struct podgc_controller *p = xcalloc(1, sizeof *p);
	p->context = c;
	p->loop = context_loop(c, "pod-gc", reconcile, p, needs, ARRAY_LEN(needs));
	control_loop_add(p->loop, EVERYTHING);
	return p;
}

void podgc_controller_free(struct podgc_controller *p)
{
	if (!p)
		return;
	control_loop_free(p->loop);
	const char *node;
	void *since;
	for (size_t i = 0; (i = map_next(&p->missing, i, &node, &since)) != 0;)
		free(since);
	map_fini(&p->missing);
	free(p);
}
