/*
 * Invariants, checked at every write: a follower of its own sees each revision in order.
 *
 *	- a pod is bound once, and a node never holds more than it has
 *	- no address and no node port belongs to two Services
 *	- a gated workload's pods appear only after its gate was opened
 *	- a ReplicaSet never has more live pods than it ever asked for
 *	- the leader's fence only grows
 *	- a budget is never overdrawn, and says at last what is there
 *	- with faults off, what is deleted is gone within the stop order's sum of times
 *	- of all that is deleted at once, nothing goes before the pods that stop before it
 */
#include "tests/sim/sim.h"

#include "common/plan/order_plan.h"
#include "common/base/time_text.h"
#include "schemas/quantity.h"

#include <stdio.h>

/* web stops before api, api before migrate, migrate before db; then pods that cannot be killed
 * hold a foreground deletion, and everybody has a few seconds to act. */
#define CHAIN    3
#define LINK_MS  (SIM_GRACE_S * 1000 + ORDER_STOP_EXTRA_MS)
#define BOUND_MS (CHAIN * LINK_MS + SIM_STUCK_MS + 30000)
#define SLACK_MS 2000

struct sim_check {
	struct sim *sim;
	struct store *store;
	struct map objects; /* key → json_t */
	struct map most;    /* ReplicaSet uid → the most replicas ever wanted */
	struct map leaving; /* key of what has a deletionTimestamp → since when, int64_t */
	bool is_loading;
	uint64_t version;
};

static bool is_of(const char *key, const char *resource)
{
	const char *p = strchr(key + 2, '/');
	size_t n = strlen(resource);
	return starts_with(key, "o/") && p && strncmp(p + 1, resource, n) == 0 && p[1 + n] == '/';
}

static bool is_live(const json_t *pod)
{
	const char *phase = json_str_or(pod, "status.phase", "");
	return !json_dig(pod, "metadata.deletionTimestamp") && !streq(phase, "Failed") &&
	       !streq(phase, "Succeeded");
}

static const json_t *controller_of(const json_t *tree)
{
	size_t i;
	json_t *owner;
	json_array_foreach (json_dig(tree, "metadata.ownerReferences"), i, owner)
		if (json_bool_or(owner, "controller", false))
			return owner;
	return NULL;
}

static const json_t *object_named(const struct sim_check *c, const char *group,
				  const char *resource, const char *ns, const char *name)
{
	auto_free char *key = xasprintf("o/%s/%s/%s/%s", group, resource, ns, name);
	return map_get(&c->objects, key);
}

/* ---- what must hold when a pod is written ---- */

static void check_bound_once(struct sim_check *c, const char *key, const json_t *before,
			     const json_t *now)
{
	const char *was = json_str_or(before, "spec.nodeName", "");
	const char *is = json_str_or(now, "spec.nodeName", "");
	bool same = streq(json_str_or(before, "metadata.uid", ""),
			  json_str_or(now, "metadata.uid", ""));
	if (same && *was && !streq(was, is))
		sim_fail(c->sim, "%s moved from %s to %s", key, was, is);
}

static void check_node_room(struct sim_check *c, const json_t *pod)
{
	const char *node = json_str_or(pod, "spec.nodeName", "");
	int64_t milli = 0;
	const char *key;
	void *value;
	for (size_t i = 0; (i = map_next(&c->objects, i, &key, &value)) != 0;) {
		const json_t *other = value;
		const char *phase = json_str_or(other, "status.phase", "");
		if (!is_of(key, "pods") || !streq(json_str_or(other, "spec.nodeName", ""), node) ||
		    streq(phase, "Failed") || streq(phase, "Succeeded"))
			continue;
		const json_t *container = json_array_get(json_dig(other, "spec.containers"), 0);
		milli += quantity_milli(json_str_or(container, "resources.requests.cpu", "0"));
	}
	if (milli > 4000)
		sim_fail(c->sim, "node %s holds %lld m of 4000 m CPU", node, (long long)milli);
}

static void check_gate(struct sim_check *c, const char *key, const json_t *pod)
{
	const json_t *owner = controller_of(pod);
	const char *ns = json_str_or(pod, "metadata.namespace", "");
	if (!owner || !streq(json_str_or(owner, "kind", ""), "ReplicaSet"))
		return;
	const json_t *set =
		object_named(c, "apps", "replicasets", ns, json_str_or(owner, "name", ""));
	const json_t *top = controller_of(set);
	const json_t *deployment =
		top ? object_named(c, "apps", "deployments", ns, json_str_or(top, "name", ""))
		    : NULL;
	const char *depends =
		json_member_str(json_dig(deployment, "metadata.annotations"), ORDER_DEPENDS_ON);
	const char *open = json_member_str(json_dig(set, "metadata.annotations"), ORDER_GATE_OPEN);
	if (depends && *depends && !(open && streq(open, "true")))
		sim_fail(c->sim, "%s was made before the gate of %s opened", key,
			 json_str_or(set, "metadata.name", "?"));
}

static void check_replicas(struct sim_check *c, const char *key, const json_t *pod)
{
	const json_t *owner = controller_of(pod);
	const char *uid = json_str_or(owner, "uid", "");
	uintptr_t most = (uintptr_t)map_get(&c->most, uid), live = 0;
	const char *other_key;
	void *other;
	if (!owner || !streq(json_str_or(owner, "kind", ""), "ReplicaSet") || !most)
		return;
	for (size_t i = 0; (i = map_next(&c->objects, i, &other_key, &other)) != 0;)
		if (is_of(other_key, "pods") && is_live(other) &&
		    streq(json_str_or(controller_of(other), "uid", ""), uid))
			live++;
	if (live > most)
		sim_fail(c->sim,
			 "%s is one of %zu live pods of a ReplicaSet that wanted %zu at "
			 "most",
			 key, (size_t)live, (size_t)most);
}

static void check_pod(struct sim_check *c, const char *key, const json_t *before, const json_t *now)
{
	bool bound = *json_str_or(now, "spec.nodeName", "") &&
		     !*json_str_or(before, "spec.nodeName", "");
	if (before)
		check_bound_once(c, key, before, now);
	if (bound)
		check_node_room(c, now);
	if (!before) {
		check_gate(c, key, now);
		check_replicas(c, key, now);
	}
}

static void check_service(struct sim_check *c, const char *key, const json_t *now)
{
	const char *ip = json_str_or(now, "spec.clusterIP", "None");
	int64_t port = json_int_or(json_array_get(json_dig(now, "spec.ports"), 0), "nodePort", 0);
	const char *other_key;
	void *other;
	for (size_t i = 0; (i = map_next(&c->objects, i, &other_key, &other)) != 0;) {
		if (!is_of(other_key, "services") || streq(other_key, key))
			continue;
		int64_t theirs = json_int_or(json_array_get(json_dig(other, "spec.ports"), 0),
					     "nodePort", 0);
		if (!streq(ip, "None") && streq(ip, json_str_or(other, "spec.clusterIP", "")))
			sim_fail(c->sim, "%s and %s have the address %s", key, other_key, ip);
		if (port && port == theirs)
			sim_fail(c->sim, "%s and %s have the node port %lld", key, other_key,
				 (long long)port);
	}
}

/* Who is let go is taken from what there was. */
static void check_budget(struct sim_check *c, const char *key, const json_t *before,
			 const json_t *now)
{
	int64_t was = json_int_or(before, "status.disruptionsAllowed", 0);
	int64_t is = json_int_or(now, "status.disruptionsAllowed", 0);
	const char *pod;
	json_t *at;
	if (is < 0)
		sim_fail(c->sim, "%s allows %lld disruptions", key, (long long)is);
	json_object_foreach (json_dig(now, "status.disruptedPods"), pod, at)
		if (!json_object_get(json_dig(before, "status.disruptedPods"), pod) &&
		    (was < 1 || is != was - 1))
			sim_fail(c->sim, "%s let %s go: %lld allowed before, %lld then", key, pod,
				 (long long)was, (long long)is);
}

/* ---- what is deleted ---- */

static bool stop_order_holds(const json_t *object)
{
	size_t i;
	json_t *f;
	json_array_foreach (json_dig(object, "metadata.finalizers"), i, f)
		if (streq(json_string_value(f), ORDER_FINALIZER))
			return true;
	return false;
}

/* The pod has had its time: its grace and what the stop order adds. */
static bool is_overdue(struct sim_check *c, const json_t *pod)
{
	int64_t deleted_us, grace_ms = SIM_GRACE_S * 1000;
	const char *text = json_str_or(pod, "metadata.deletionTimestamp", "");
	if (!time_parse(text, &deleted_us))
		return false;
	return loop_wall_us(c->sim->loop) / 1000 - (deleted_us / 1000 - grace_ms) >=
	       LINK_MS - SLACK_MS;
}

/* In this world a Service stands for the Deployment of its name. */
static bool names_it(const char *depends, const char *key, const char *name)
{
	AUTO_ORDER_LIST list = { 0 };
	struct error ignored;
	if (order_parse(depends, &list, &ignored) < 0)
		return false;
	for (size_t i = 0; i < list.count; i++) {
		const char *kind = list.at[i].kind ? list.at[i].kind : "";
		if (streq(list.at[i].name, name) &&
		    (!is_of(key, "services") || streq(kind, "Service")))
			return true;
	}
	return false;
}

static void check_stop_order(struct sim_check *c, const char *key, const json_t *object)
{
	const char *name = json_str_or(object, "metadata.name", ""), *other_key;
	void *other;
	for (size_t i = 0; (i = map_next(&c->objects, i, &other_key, &other)) != 0;) {
		const char *before = json_member_str(json_dig(other, "metadata.annotations"),
						     ORDER_STOPS_BEFORE);
		const char *phase = json_str_or(other, "status.phase", "");
		if (!is_of(other_key, "pods") || !before || !names_it(before, key, name) ||
		    streq(phase, "Failed") || streq(phase, "Succeeded") || is_overdue(c, other))
			continue;
		sim_fail(c->sim, "%s was let go before %s stopped", key, other_key);
	}
}

static void note_leaving(struct sim_check *c, const char *key, const json_t *now)
{
	bool is_leaving = now && json_dig(now, "metadata.deletionTimestamp");
	if (!is_leaving) {
		free(map_remove(&c->leaving, key));
	} else if (!map_has(&c->leaving, key)) {
		int64_t *since_ms = xcalloc(1, sizeof *since_ms);
		*since_ms = loop_now_ms(c->sim->loop);
		(void)map_put(&c->leaving, key, since_ms); /* was absent */
	}
}

static void check_bound(struct sim_check *c)
{
	const char *key;
	void *value;
	int64_t now_ms = loop_now_ms(c->sim->loop);
	if (c->sim->faults)
		return;
	for (size_t i = 0; (i = map_next(&c->leaving, i, &key, &value)) != 0;) {
		int64_t since_ms = MAX(*(int64_t *)value, c->sim->quiet_since_ms);
		if (now_ms - since_ms > BOUND_MS)
			sim_fail(c->sim, "%s is deleted and still there after %lld s", key,
				 (long long)(now_ms - since_ms) / 1000);
	}
}

static void note_replicas(struct sim_check *c, const json_t *set)
{
	const char *uid = json_str_or(set, "metadata.uid", "");
	uintptr_t wants = (uintptr_t)json_int_or(set, "spec.replicas", 0);
	if (wants > (uintptr_t)map_get(&c->most, uid))
		map_put(&c->most, uid, (void *)wants);
}

/* ---- following ---- */

static void see(struct sim_check *c, const struct store_item *item)
{
	if (!starts_with(item->key, "o/"))
		return;
	if (!item->bytes) {
		json_t *gone = map_remove(&c->objects, item->key);
		note_leaving(c, item->key, NULL);
		sim_custom_see(c->sim, item->key, gone, NULL);
		if (c->sim->is_ending && stop_order_holds(gone))
			check_stop_order(c, item->key, gone);
		json_decref(gone);
		return;
	}
	json_t *now = NULL;
	struct error err;
	if (json_parse(item->bytes, item->len, &now, &err) < 0) {
		sim_fail(c->sim, "%s is no JSON: %s", item->key, err.text);
		return;
	}
	json_t *before = map_put(&c->objects, item->key, now);
	if (is_of(item->key, "replicasets"))
		note_replicas(c, now);
	else if (is_of(item->key, "pods") && !c->is_loading)
		check_pod(c, item->key, before, now);
	else if (is_of(item->key, "services"))
		check_service(c, item->key, now);
	else if (is_of(item->key, "poddisruptionbudgets"))
		check_budget(c, item->key, before, now);
	if (!c->is_loading)
		sim_custom_see(c->sim, item->key, before, now);
	note_leaving(c, item->key, now);
	if (c->sim->is_ending && stop_order_holds(before) && !stop_order_holds(now))
		check_stop_order(c, item->key, now);
	json_decref(before);
}

static void load_begin(void *ctx)
{
	((struct sim_check *)ctx)->is_loading = true;
}

static void load_item(void *ctx, const struct store_item *item)
{
	see(ctx, item);
}

static void load_end(void *ctx, uint64_t revision)
{
	struct sim_check *c = ctx;
	c->is_loading = false;
	(void)revision;
}

static void events(void *ctx, const struct store_item *items, size_t count, uint64_t revision)
{
	struct sim_check *c = ctx;
	(void)revision;
	for (size_t i = 0; i < count; i++) {
		if (items[i].version <= c->version)
			sim_fail(c->sim, "version %llu after %llu",
				 (unsigned long long)items[i].version,
				 (unsigned long long)c->version);
		c->version = items[i].version;
		see(c, &items[i]);
	}
}

static void connection(void *ctx, bool is_up, const char *why)
{
	(void)ctx, (void)is_up, (void)why;
}

static const struct store_follower follower = { .load_begin = load_begin,
						.load_item = load_item,
						.load_end = load_end,
						.events = events,
						.connection = connection };

struct sim_check *sim_check_new(struct sim *s)
{
	struct sim_check *c = xcalloc(1, sizeof *c);
	c->sim = s;
	c->store = store_new(
		s->loop, store_memory_on(s->etcd),
		&(struct store_options){ .cluster_id = "simsim", .schema_revision = 1, .seed = 1 });
	store_follow(c->store, &follower, c);
	return c;
}

void sim_check_free(struct sim_check *c)
{
	void *value;
	store_free(c->store);
	for (size_t i = 0; (i = map_next(&c->objects, i, NULL, &value)) != 0;)
		json_decref(value);
	map_fini(&c->objects);
	map_fini(&c->most);
	for (size_t i = 0; (i = map_next(&c->leaving, i, NULL, &value)) != 0;)
		free(value);
	map_fini(&c->leaving);
	free(c);
}

/* ---- settled? ---- */

static bool deployment_is_settled(const json_t *d)
{
	int64_t wants = json_int_or(d, "spec.replicas", 1);
	return json_int_or(d, "status.observedGeneration", 0) ==
		       json_int_or(d, "metadata.generation", 0) &&
	       json_int_or(d, "status.replicas", 0) == wants &&
	       json_int_or(d, "status.updatedReplicas", 0) == wants &&
	       json_int_or(d, "status.readyReplicas", 0) == wants;
}

/* One of web's pods may be missing; all are there. */
static bool budget_is_settled(struct sim_check *c, const json_t *budget)
{
	const json_t *web = object_named(c, "apps", "deployments", "default", "web");
	int64_t wants = json_int_or(web, "spec.replicas", -1);
	return json_int_or(budget, "status.observedGeneration", 0) ==
		       json_int_or(budget, "metadata.generation", 0) &&
	       json_int_or(budget, "status.expectedPods", 0) == wants &&
	       json_int_or(budget, "status.currentHealthy", 0) == wants &&
	       json_int_or(budget, "status.disruptionsAllowed", 0) == 1 &&
	       !json_dig(budget, "status.disruptedPods");
}

static bool job_is_complete(const json_t *job)
{
	size_t i;
	json_t *condition;
	json_array_foreach (json_dig(job, "status.conditions"), i, condition)
		if (streq(json_str_or(condition, "type", ""), "Complete"))
			return streq(json_str_or(condition, "status", ""), "True");
	return false;
}

const char *sim_check_some_pod(struct sim_check *c, const char *app, struct rng *rng)
{
	const char *found = NULL;
	size_t count = 0;
	auto_free const char **keys = map_sorted_keys(&c->objects);
	for (size_t i = 0; keys[i]; i++) {
		const json_t *o = map_get(&c->objects, keys[i]);
		const char *label = json_member_str(json_dig(o, "metadata.labels"), "app");
		if (is_of(keys[i], "pods") && is_live(o) && label && streq(label, app) &&
		    rng_below(rng, ++count) == 0)
			found = json_str(o, "metadata.name");
	}
	return found;
}

const json_t *sim_check_object(const struct sim_check *c, const char *group, const char *resource,
			       const char *ns, const char *name)
{
	return object_named(c, group, resource, ns, name);
}

const char *sim_check_first(const struct sim_check *c, const char *prefix)
{
	const char *key, *first = NULL;
	for (size_t i = 0; (i = map_next(&c->objects, i, &key, NULL)) != 0;)
		if (starts_with(key, prefix) && (!first || strcmp(key, first) < 0))
			first = key;
	return first;
}

size_t sim_check_count(const struct sim_check *c, const char *prefix)
{
	const char *key;
	size_t n = 0;
	for (size_t i = 0; (i = map_next(&c->objects, i, &key, NULL)) != 0;)
		n += starts_with(key, prefix);
	return n;
}

size_t sim_check_pods(const struct sim_check *c, const char *app, const json_t **ret, size_t max)
{
	size_t n = 0;
	auto_free const char **keys = map_sorted_keys(&c->objects);
	for (size_t i = 0; keys[i] && n < max; i++) {
		const json_t *o = map_get(&c->objects, keys[i]);
		const char *label = json_member_str(json_dig(o, "metadata.labels"), "app");
		if (is_of(keys[i], "pods") && is_live(o) && label && streq(label, app))
			ret[n++] = o;
	}
	return n;
}

bool sim_check_settled(struct sim_check *c, char *why, size_t size)
{
	const char *key;
	void *value;
	size_t deployments = 0;
	check_bound(c);
	for (size_t i = 0; (i = map_next(&c->objects, i, &key, &value)) != 0;) {
		const json_t *o = value;
		bool good = !json_dig(o, "metadata.deletionTimestamp");
		if (good && is_of(key, "deployments")) {
			deployments++;
			good = deployment_is_settled(o);
		} else if (good && is_of(key, "jobs")) {
			good = job_is_complete(o);
		} else if (good && is_of(key, "poddisruptionbudgets")) {
			good = budget_is_settled(c, o);
		}
		good = good && sim_lost_is_settled(c, o) && sim_address_is_settled(c, key, o);
		if (good)
			continue;
		AUTO_STR text;
		str_init(&text, 4096);
		json_print(json_object_get(o, "status"), &text);
		int n = snprintf(why, size, "%s: deleted %s status %.300s", key,
				 json_str_or(o, "metadata.deletionTimestamp", "-"), text.data);
		assert(n > 0);
		return false;
	}
	if (c->sim->custom && !sim_custom_is_settled(c->sim->custom, why, size))
		return false;
	if (!sim_servers_are_settled(c->sim, why, size))
		return false;
	size_t wants = sim_user_deployments(c->sim);
	int n = snprintf(why, size, "%zu of %zu Deployments", deployments, wants);
	assert(n > 0);
	return deployments == wants;
}

bool sim_check_gone(struct sim_check *c, char *why, size_t size)
{
	static const char *const resources[] = { "deployments", "replicasets", "jobs", "pods" };
	const char *key;
	void *value;
	check_bound(c);
	for (size_t i = 0; (i = map_next(&c->objects, i, &key, &value)) != 0;) {
		bool counts = stop_order_holds(value);
		for (size_t k = 0; k < ARRAY_LEN(resources); k++)
			counts = counts || is_of(key, resources[k]);
		if (!counts)
			continue;
		int n = snprintf(why, size, "%s", key);
		assert(n > 0);
		return false;
	}
	return !c->sim->custom || sim_custom_is_gone(c->sim->custom, why, size);
}

void sim_check_dump(struct sim_check *c)
{
	auto_free const char **keys = map_sorted_keys(&c->objects);
	for (size_t i = 0; keys[i]; i++) {
		const json_t *o = map_get(&c->objects, keys[i]);
		if (is_of(keys[i], "events") || is_of(keys[i], "endpointslices"))
			continue;
		AUTO_STR text;
		str_init(&text, 65536);
		json_print(o, &text);
		printf("%s\n  %.4000s\n", keys[i], text.data);
	}
}
