#include "controller/deployment_plan.h"

struct view {
	struct deployment_plan *plan;
	const struct deployment_want *want;
	const struct deployment_set *sets;
	size_t n;
	size_t new_set;       /* SIZE_MAX: none */
	const size_t *by_age; /* old sets, oldest first */
	size_t old_count;
	int64_t total, old_total; /* spec replicas */
};

static void push(struct view *v, enum deployment_verb verb, size_t set, int64_t replicas,
		 const char *why)
{
	assert(v->plan->count < ARRAY_LEN(v->plan->actions));
	v->plan->actions[v->plan->count++] = (struct deployment_action){ verb, set, replicas, why };
}

/* A set already of this size needs its annotations only; the shell sees to them. */
static bool scale(struct view *v, size_t set, int64_t replicas, const char *why)
{
	if (v->sets[set].replicas == replicas)
		return false;
	push(v, DEPLOYMENT_SCALE, set, replicas, why);
	return true;
}

static bool is_older(const struct deployment_set *a, const struct deployment_set *b)
{
	if (a->created_us != b->created_us)
		return a->created_us < b->created_us;
	if (a->revision != b->revision) /* made within one second */
		return a->revision < b->revision;
	return strcmp(a->name, b->name) < 0;
}

static bool served_before(const struct deployment_set *a, const struct deployment_set *b)
{
	return a->revision != b->revision ? a->revision < b->revision : is_older(a, b);
}

static size_t list_old(const struct deployment_set *sets, size_t n,
		       bool (*is_before)(const struct deployment_set *a,
					 const struct deployment_set *b),
		       size_t *ret)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++) {
		if (sets[i].is_new)
			continue;
		size_t at = count++;
		while (at > 0 && is_before(&sets[i], &sets[ret[at - 1]])) {
			ret[at] = ret[at - 1];
			at--;
		}
		ret[at] = i;
	}
	return count;
}

/* ---- a new size for all, in proportion ---- */

static bool is_scaling(const struct view *v)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->sets[i].replicas > 0 && v->sets[i].desired >= 0 &&
		    v->sets[i].desired != v->want->replicas)
			return true;
	return false;
}

/* The only set with pods; with none, the newest of all; with several, none. */
static size_t active_or_latest(const struct view *v)
{
	size_t active = 0, found = SIZE_MAX;
	for (size_t i = 0; i < v->n; i++)
		if (v->sets[i].replicas > 0) {
			active++;
			found = i;
		}
	if (active == 1)
		return found;
	if (active > 1)
		return SIZE_MAX;
	if (v->new_set != SIZE_MAX)
		return v->new_set;
	return v->old_count > 0 ? v->by_age[v->old_count - 1] : SIZE_MAX;
}

static int64_t rounded(int64_t numerator, int64_t denominator)
{
	return (2 * numerator + denominator) / (2 * denominator);
}

static int64_t proportion(const struct view *v, const struct deployment_set *s, int64_t to_add,
			  int64_t added)
{
	if (s->replicas == 0 || to_add == 0 || to_add == added)
		return 0;
	int64_t fraction = -s->replicas;
	if (v->want->replicas > 0) {
		int64_t annotated = s->max > 0 ? s->max : v->want->status_replicas;
		if (annotated <= 0)
			return 0;
		fraction =
			rounded(s->replicas * (v->want->replicas + v->want->max_surge), annotated) -
			s->replicas;
	}
	int64_t allowed = to_add - added;
	return to_add > 0 ? MIN(fraction, allowed) : MAX(fraction, allowed);
}

/* Larger sets first; of equal ones the newer when growing, the older when shrinking. */
static size_t list_active(const struct view *v, bool newer_first, size_t *ret)
{
	size_t count = 0;
	for (size_t i = 0; i < v->n; i++) {
		const struct deployment_set *s = &v->sets[i];
		if (s->replicas == 0)
			continue;
		size_t at = count++;
		while (at > 0) {
			const struct deployment_set *other = &v->sets[ret[at - 1]];
			bool is_before = s->replicas != other->replicas
						 ? s->replicas > other->replicas
						 : is_older(s, other) != newer_first;
			if (!is_before)
				break;
			ret[at] = ret[at - 1];
			at--;
		}
		ret[at] = i;
	}
	return count;
}

static void scale_in_proportion(struct view *v)
{
	int64_t allowed = v->want->replicas > 0 ? v->want->replicas + v->want->max_surge : 0;
	int64_t to_add = allowed - v->total, added = 0;
	auto_free size_t *order = xcalloc(v->n + 1, sizeof(size_t));
	auto_free int64_t *sizes = xcalloc(v->n + 1, sizeof(int64_t));
	size_t count = list_active(v, to_add > 0, order);
	for (size_t i = 0; i < count; i++) {
		const struct deployment_set *s = &v->sets[order[i]];
		int64_t share = to_add != 0 ? proportion(v, s, to_add, added) : 0;
		sizes[i] = s->replicas + share;
		added += share;
	}
	if (count > 0 && to_add != 0)
		sizes[0] = MAX(sizes[0] + to_add - added, (int64_t)0);
	for (size_t i = 0; i < count; i++)
		(void)scale(v, order[i], sizes[i], "in proportion"); /* no change is fine */
}

static void scale_all(struct view *v)
{
	size_t only = active_or_latest(v);
	if (only != SIZE_MAX) {
		(void)scale(v, only, v->want->replicas, "scaled"); /* no change is fine */
		return;
	}
	const struct deployment_set *s = v->new_set != SIZE_MAX ? &v->sets[v->new_set] : NULL;
	if (s && s->replicas == v->want->replicas && s->desired == v->want->replicas &&
	    s->available == v->want->replicas) {
		for (size_t i = 0; i < v->old_count; i++)
			(void)scale(v, v->by_age[i], 0, "the new revision has all"); /* fine */
		return;
	}
	if (!v->want->is_recreate)
		scale_in_proportion(v);
}

/* ---- rolling update ---- */

static int64_t new_size(const struct view *v, int64_t present)
{
	if (v->want->is_recreate)
		return v->want->replicas;
	int64_t room = v->want->replicas + v->want->max_surge - v->total;
	if (room <= 0)
		return present;
	return present + MIN(room, v->want->replicas - present);
}

static bool grow_new(struct view *v)
{
	const struct deployment_set *s = &v->sets[v->new_set];
	if (s->replicas > v->want->replicas)
		return scale(v, v->new_set, v->want->replicas, "scaled");
	return scale(v, v->new_set, new_size(v, s->replicas), "rolling out");
}

/* Pods that serve nobody go first, as far as `max` allows. */
static int64_t drop_unhealthy(struct view *v, int64_t max, int64_t *sizes)
{
	int64_t dropped = 0;
	for (size_t i = 0; i < v->old_count && dropped < max; i++) {
		int64_t *size = &sizes[i];
		int64_t unhealthy = *size - v->sets[v->by_age[i]].available;
		if (*size == 0 || unhealthy <= 0)
			continue;
		int64_t n = MIN(max - dropped, unhealthy);
		*size -= n;
		dropped += n;
	}
	return dropped;
}

static void drop_healthy(struct view *v, int64_t floor, int64_t *sizes)
{
	int64_t available = 0;
	for (size_t i = 0; i < v->n; i++)
		available += v->sets[i].available;
	int64_t left = available - floor;
	for (size_t i = 0; i < v->old_count && left > 0; i++) {
		int64_t n = MIN(sizes[i], left);
		sizes[i] -= n;
		left -= n;
	}
}

static void shrink_old(struct view *v)
{
	if (v->old_total == 0)
		return;
	int64_t floor = v->want->replicas - v->want->max_unavailable;
	const struct deployment_set *s = &v->sets[v->new_set];
	int64_t max = v->total - floor - (s->replicas - s->available);
	if (max <= 0)
		return;
	auto_free int64_t *sizes = xcalloc(v->old_count + 1, sizeof(int64_t));
	for (size_t i = 0; i < v->old_count; i++)
		sizes[i] = v->sets[v->by_age[i]].replicas;
	(void)drop_unhealthy(v, max, sizes); /* what it dropped shows in the sizes */
	drop_healthy(v, floor, sizes);
	for (size_t i = 0; i < v->old_count; i++)
		(void)scale(v, v->by_age[i], sizes[i], "outdated"); /* no change is fine */
}

static void roll(struct view *v)
{
	if (!grow_new(v))
		shrink_old(v);
}

static void recreate(struct view *v)
{
	bool asked = false;
	for (size_t i = 0; i < v->old_count; i++)
		asked |= scale(v, v->by_age[i], 0, "outdated");
	if (!asked && !v->want->old_pods_are_running)
		(void)scale(v, v->new_set, v->want->replicas, "recreated"); /* fine */
}

/* ---- history ---- */

static void forget_old(struct view *v)
{
	const struct deployment_want *want = v->want;
	if (want->history_limit < 0 || (int64_t)v->old_count <= want->history_limit)
		return;
	int64_t excess = (int64_t)v->old_count - want->history_limit;
	/* An undone one counts from when it served last. */
	auto_free size_t *by_revision = xcalloc(v->n, sizeof(size_t));
	size_t count = list_old(v->sets, v->n, served_before, by_revision);
	for (size_t i = 0; i < count && excess > 0; i++, excess--) {
		const struct deployment_set *s = &v->sets[by_revision[i]];
		if (s->replicas == 0 && s->status_replicas == 0 && s->is_observed &&
		    !s->is_deleting)
			push(v, DEPLOYMENT_DELETE, by_revision[i], 0, "history limit");
	}
}

static void create_new(struct view *v)
{
	bool must_wait =
		v->want->is_recreate && (v->old_total > 0 || v->want->old_pods_are_running);
	/* The revision before it serves on until the new one may start. */
	bool is_held = v->want->is_gate_closed && v->old_total > 0;
	if (must_wait && !v->want->is_gate_closed) {
		for (size_t i = 0; i < v->old_count; i++)
			(void)scale(v, v->by_age[i], 0, "outdated"); /* no change is fine */
		return;
	}
	push(v, DEPLOYMENT_CREATE, SIZE_MAX, is_held ? 0 : new_size(v, 0), "new revision");
}

void deployment_plan_make(struct deployment_plan *plan, const struct deployment_want *want,
			  const struct deployment_set *sets, size_t n)
{
	assert(n <= DEPLOYMENT_SETS_MAX);
	plan->count = 0;
	if (want->is_deleting)
		return;
	auto_free size_t *by_age = xcalloc(n + 1, sizeof(size_t));
	struct view v = { .plan = plan,
			  .want = want,
			  .sets = sets,
			  .n = n,
			  .new_set = SIZE_MAX,
			  .by_age = by_age };
	v.old_count = list_old(sets, n, is_older, by_age);
	for (size_t i = 0; i < n; i++) {
		if (sets[i].is_new)
			v.new_set = i;
		else
			v.old_total += sets[i].replicas;
		v.total += sets[i].replicas;
	}
	if (want->is_paused || is_scaling(&v)) {
		scale_all(&v);
	} else if (v.new_set == SIZE_MAX) {
		create_new(&v);
	} else if (want->is_gate_closed && v.old_total > 0) {
		return; /* neither up nor down before the dependencies hold */
	} else if (want->is_recreate) {
		recreate(&v);
	} else {
		roll(&v);
	}
	if (plan->count == 0 && (want->is_complete || want->is_paused))
		forget_old(&v);
}

void deployment_resolve(int64_t *surge, int64_t *unavailable)
{
	if (*surge == 0 && *unavailable == 0)
		*unavailable = 1;
}

bool deployment_is_complete(int64_t wanted, const struct deployment_counts *now)
{
	return now->updated == wanted && now->replicas == wanted && now->available == wanted;
}

bool deployment_is_progressing(const struct deployment_counts *before,
			       const struct deployment_counts *now)
{
	int64_t old_before = before->replicas - before->updated;
	int64_t old_now = now->replicas - now->updated;
	return now->updated > before->updated || old_now < old_before ||
	       now->ready > before->ready || now->available > before->available;
}
