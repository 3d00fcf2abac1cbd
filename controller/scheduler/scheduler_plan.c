#include "controller/scheduler/scheduler_plan.h"

#include "common/base/jsonx.h"

#define REASONS_MAX 32

/* Why a class of pods cannot go to a node at all. */
enum fixed { FITS, UNSCHEDULABLE, AFFINITY, TAINT };

struct class_view {
	enum fixed *fixed;    /* by node */
	int64_t *fixed_score; /* by node */
};

struct reasons {
	char *text[REASONS_MAX];
	int64_t nodes[REASONS_MAX];
	size_t count;
};

struct placing {
	struct sched_node *nodes;
	size_t nodes_count;
	struct class_view view; /* of the present class */
	const char *owner;      /* whose pods `owned` counts */
	int64_t *owned;         /* by node */
};

static bool keeps_away(const char *effect)
{
	return streq(effect, "NoSchedule") || streq(effect, "NoExecute");
}

static bool rather_not(const char *effect)
{
	return streq(effect, "PreferNoSchedule");
}

static bool tolerates_key(const json_t *tolerations, const char *key)
{
	AUTO_JSON *taint = json_object();
	size_t i;
	json_t *toleration;
	json_put_str(taint, "key", key);
	json_put_str(taint, "effect", "NoSchedule");
	json_array_foreach (tolerations, i, toleration) {
		if (sched_tolerates(toleration, taint))
			return true;
	}
	return false;
}

static enum fixed fixed_verdict(const json_t *spec, const struct sched_node *node)
{
	const json_t *tolerations = json_object_get(spec, "tolerations");
	if (node->is_unschedulable &&
	    !tolerates_key(tolerations, "node.kubernetes.io/unschedulable"))
		return UNSCHEDULABLE;
	if (!sched_matches_affinity(spec, node))
		return AFFINITY;
	/* The taint that says so may still be on its way. */
	if (!node->is_ready && !tolerates_key(tolerations, "node.kubernetes.io/not-ready"))
		return TAINT;
	if (sched_untolerated(tolerations, node->taints, keeps_away))
		return TAINT;
	return FITS;
}

static void view_class(struct placing *p, const json_t *spec)
{
	int64_t most = 0;
	for (size_t i = 0; i < p->nodes_count; i++) {
		const struct sched_node *node = &p->nodes[i];
		p->view.fixed[i] = fixed_verdict(spec, node);
		p->view.fixed_score[i] =
			p->view.fixed[i] == FITS ? sched_preferred_weight(spec, node) : 0;
		most = MAX(most, p->view.fixed_score[i]);
	}
	const json_t *tolerations = json_object_get(spec, "tolerations");
	for (size_t i = 0; i < p->nodes_count; i++) {
		if (p->view.fixed[i] != FITS)
			continue;
		const struct sched_node *node = &p->nodes[i];
		int64_t score = most > 0 ? 2 * 100 * p->view.fixed_score[i] / most : 0;
		if (!sched_untolerated(tolerations, node->taints, rather_not))
			score += 3 * 100;
		if (sched_has_images(spec, node->images))
			score += 100;
		p->view.fixed_score[i] = score;
	}
}

static int64_t present(const struct sched_resources *r, const char *name)
{
	for (size_t i = 0; i < r->extended_count; i++)
		if (streq(r->extended[i].name, name))
			return r->extended[i].amount;
	return 0;
}

static void note(struct reasons *r, const char *text)
{
	size_t at = 0;
	while (at < r->count && strcmp(r->text[at], text) < 0)
		at++;
	if (at < r->count && streq(r->text[at], text)) {
		r->nodes[at]++;
		return;
	}
	if (r->count == REASONS_MAX)
		return;
	for (size_t i = r->count; i > at; i--) {
		r->text[i] = r->text[i - 1];
		r->nodes[i] = r->nodes[i - 1];
	}
	r->text[at] = xstrdup(text);
	r->nodes[at] = 1;
	r->count++;
}

/* Every resource that is short, as upstream says it; true if none is. */
static bool resources_fit(const struct sched_pod *pod, const struct sched_node *node,
			  struct reasons *reasons)
{
	static const char *const short_of[SCHED_BASIC_COUNT] = { "Insufficient cpu",
								 "Insufficient memory",
								 "Insufficient ephemeral-storage" };
	bool fits = true;
	for (size_t i = 0; i < SCHED_BASIC_COUNT; i++) {
		int64_t wants = pod->wants.basic[i];
		if (wants == 0 || wants <= node->total.basic[i] - node->used.basic[i])
			continue;
		fits = false;
		if (reasons)
			note(reasons, short_of[i]);
	}
	for (size_t i = 0; i < pod->wants.extended_count; i++) {
		const struct sched_extended *e = &pod->wants.extended[i];
		if (e->amount == 0 ||
		    e->amount <= present(&node->total, e->name) - present(&node->used, e->name))
			continue;
		fits = false;
		auto_free char *text = xasprintf("Insufficient %s", e->name);
		if (reasons)
			note(reasons, text);
	}
	if (node->pods_used + 1 > node->pods_max) {
		fits = false;
		if (reasons)
			note(reasons, "Too many pods");
	}
	return fits;
}

static bool fits(const struct placing *p, const struct sched_pod *pod, size_t i)
{
	const struct sched_node *node = &p->nodes[i];
	return p->view.fixed[i] == FITS && !sched_ports_clash(pod->ports, node->ports) &&
	       resources_fit(pod, node, NULL);
}

static char *explain(const struct placing *p, const struct sched_pod *pod)
{
	static const char *const fixed_text[] = {
		[UNSCHEDULABLE] = "node(s) were unschedulable",
		[AFFINITY] = "node(s) didn't match Pod's node affinity/selector",
		[TAINT] = "node(s) had untolerated taint(s)",
	};
	if (p->nodes_count == 0)
		return xstrdup("no nodes available to schedule pods");
	struct reasons r = { .count = 0 };
	for (size_t i = 0; i < p->nodes_count; i++) {
		if (p->view.fixed[i] != FITS)
			note(&r, fixed_text[p->view.fixed[i]]);
		else if (sched_ports_clash(pod->ports, p->nodes[i].ports))
			note(&r, "node(s) didn't have free ports for the requested pod ports");
		else
			(void)resources_fit(pod, &p->nodes[i], &r); /* it does not: says why */
	}
	/* "1 …" before "2 …": sorted as they are written. */
	for (size_t i = 0; i < r.count; i++) {
		char *line = xasprintf("%lld %s", (long long)r.nodes[i], r.text[i]);
		size_t at = i;
		free(r.text[i]);
		for (; at > 0 && strcmp(r.text[at - 1], line) > 0; at--)
			r.text[at] = r.text[at - 1];
		r.text[at] = line;
	}
	AUTO_STR text;
	str_init(&text, 8192);
	str_addf(&text, "0/%zu nodes are available: ", p->nodes_count);
	for (size_t i = 0; i < r.count; i++) {
		str_addf(&text, "%s%s", i ? ", " : "", r.text[i]);
		free(r.text[i]);
	}
	str_add_char(&text, '.');
	return str_take(&text);
}

static int64_t free_share(int64_t total, int64_t used)
{
	return total > 0 && used < total ? (total - used) * 100 / total : 0;
}

static int64_t score(const struct placing *p, const struct sched_pod *pod, size_t i,
		     int64_t most_owned)
{
	const struct sched_node *node = &p->nodes[i];
	int64_t least = 0;
	for (size_t r = SCHED_CPU; r <= SCHED_MEMORY; r++)
		least +=
			free_share(node->total.basic[r], node->used.basic[r] + pod->wants.basic[r]);
	int64_t spread = most_owned > 0 ? (most_owned - p->owned[i]) * 100 / most_owned : 100;
	/* Pods that ask for nothing: the number of pods decides. */
	int64_t crowd = free_share(node->pods_max, node->pods_used);
	return (p->view.fixed_score[i] + least / 2 + 2 * spread) * 1000 + crowd;
}

static size_t best_node(const struct placing *p, const struct sched_pod *pod)
{
	size_t best = SIZE_MAX;
	int64_t best_score = 0, most_owned = 0;
	for (size_t i = 0; i < p->nodes_count; i++)
		most_owned = MAX(most_owned, p->owned[i]);
	for (size_t i = 0; i < p->nodes_count; i++) {
		if (!fits(p, pod, i))
			continue;
		int64_t s = score(p, pod, i, most_owned);
		if (best == SIZE_MAX || s > best_score) {
			best = i;
			best_score = s;
		}
	}
	return best;
}

static void count_owned(struct placing *p, const char *owner, const struct sched_owned *owned,
			size_t count)
{
	memset(p->owned, 0, p->nodes_count * sizeof *p->owned);
	p->owner = owner;
	for (size_t i = 0; *owner && i < count; i++)
		if (streq(owned[i].owner, owner))
			p->owned[owned[i].node] += owned[i].count;
}

static void place(struct placing *p, const struct sched_pod *pod, size_t i)
{
	struct sched_node *node = &p->nodes[i];
	sched_resources_add(&node->used, &pod->wants);
	sched_ports_add(&node->ports, pod->ports);
	node->pods_used++;
	if (*pod->owner)
		p->owned[i]++;
}

void sched_plan_make(struct sched_plan *plan, struct sched_node *nodes, size_t nodes_count,
		     const struct sched_pod *pods, size_t pods_count,
		     const struct sched_owned *owned, size_t owned_count)
{
	auto_free enum fixed *fixed = xcalloc(nodes_count + 1, sizeof *fixed);
	auto_free int64_t *numbers = xcalloc(2 * nodes_count + 1, sizeof *numbers);
	struct placing p = { .nodes = nodes,
			     .nodes_count = nodes_count,
			     .view = { fixed, numbers },
			     .owned = numbers + nodes_count };
	size_t class = SIZE_MAX;
	/* The counts of the last owner are only right while its pods come in a row; pods placed
	 * in this plan for an owner that comes back are a tie-break lost, no fault. */
	plan->count = pods_count;
	plan->places = xcalloc(pods_count + 1, sizeof *plan->places);
	for (size_t i = 0; i < pods_count; i++) {
		const struct sched_pod *pod = &pods[i];
		if (pod->class != class)
			view_class(&p, pod->spec);
		class = pod->class;
		if (!p.owner || !streq(p.owner, pod->owner))
			count_owned(&p, pod->owner, owned, owned_count);
		size_t node = best_node(&p, pod);
		plan->places[i].node = node;
		if (node == SIZE_MAX)
			plan->places[i].why = explain(&p, pod);
		else
			place(&p, pod, node);
	}
}

void sched_plan_fini(struct sched_plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->places[i].why);
	free(p->places);
	*p = (struct sched_plan){ 0 };
}
