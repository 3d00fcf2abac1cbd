#include "controller/deployment_internal.h"

#include "common/base/map.h"

struct deployment_controller {
	struct context *context;
	struct control_loop *loop;
	struct order_waiters *waiters;
	struct map seen; /* key → struct seen */
	struct deployment_plan plan;
};

/* When a generation was seen first: the settling of dependency order counts from there. */
struct seen {
	int64_t generation, at_ms;
};

static int64_t seen_since_ms(struct deployment_controller *d, const char *key,
			     const json_t *deployment, int64_t now_ms)
{
	struct seen *s = map_get(&d->seen, key);
	if (!s) {
		s = xcalloc(1, sizeof *s);
		(void)map_put(&d->seen, key, s); /* was absent */
	}
	int64_t generation = json_int_or(deployment, "metadata.generation", 0);
	if (s->generation != generation)
		*s = (struct seen){ generation, now_ms };
	return s->at_ms;
}

/* ---- adopting and letting go of sets ---- */

static bool settle_ownership(struct deployment_controller *d, struct work *w, const json_t *o,
			     const struct selector *selector)
{
	bool asked = false;
	if (pod_is_terminating(o))
		return false;
	struct cache_range own = controlled_by(d->context, KIND_REPLICASET, uid_of(o));
	for (size_t i = 0; i < own.count; i++) {
		const json_t *set = own.at[i]->tree;
		if (selector_matches_json(selector, json_dig(set, "metadata.labels")) ||
		    pod_is_terminating(set))
			continue;
		work_release(w, d->context, KIND_REPLICASET, set, uid_of(o));
		asked = true;
	}
	struct cache_range orphans = controlled_by(d->context, KIND_REPLICASET, "");
	for (size_t i = 0; i < orphans.count; i++) {
		const json_t *set = orphans.at[i]->tree;
		if (!streq(namespace_of(set), namespace_of(o)) || pod_is_terminating(set) ||
		    !selector_matches_json(selector, json_dig(set, "metadata.labels")))
			continue;
		work_adopt(w, d->context, KIND_REPLICASET, set,
			   controller_reference("apps/v1", "Deployment", o));
		asked = true;
	}
	return asked;
}

/* ---- annotations of sets ---- */

static bool is_copied(const char *name)
{
	static const char *const own[] = {
		"kubectl.kubernetes.io/last-applied-configuration",
		REVISION_ANNOTATION,
		HISTORY_ANNOTATION,
		DESIRED_ANNOTATION,
		MAX_ANNOTATION,
		"deprecated.deployment.rollback.to",
	};
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (streq(name, own[i]))
			return false;
	return !starts_with(name, "skiff.dev/");
}

static int64_t next_revision(const struct deployment_facts *f)
{
	int64_t newest = 0;
	for (size_t i = 0; i < f->sets.count; i++)
		if (!f->at[i].is_new)
			newest = MAX(newest, f->at[i].revision);
	return newest + 1;
}

static void put_number(json_t *annotations, const char *name, int64_t value)
{
	auto_free char *text = xasprintf("%lld", (long long)value);
	(void)json_object_set_new(annotations, name, json_string(text));
}

static void put_copied(const struct deployment_facts *f, json_t *annotations)
{
	const char *name;
	json_t *value;
	json_object_foreach (json_dig(f->deployment, "metadata.annotations"), name, value) {
		if (is_copied(name))
			(void)json_object_set(annotations, name, value);
	}
}

static void put_sizes(const struct deployment_facts *f, json_t *annotations)
{
	put_number(annotations, DESIRED_ANNOTATION, f->want.replicas);
	put_number(annotations, MAX_ANNOTATION, f->want.replicas + f->want.max_surge);
}

/* The new set gets its revision, and what people wrote on the Deployment. */
static void put_revision(const struct deployment_facts *f, json_t *annotations)
{
	const json_t *set = deployment_new_set(f);
	int64_t revision = next_revision(f), before = f->at[f->new_set].revision;
	put_copied(f, annotations);
	if (before >= revision)
		return;
	put_number(annotations, REVISION_ANNOTATION, revision);
	if (before == 0)
		return;
	const char *history = annotation_of(set, HISTORY_ANNOTATION);
	auto_free char *text = history && *history
				       ? xasprintf("%.4000s,%lld", history, (long long)before)
				       : xasprintf("%lld", (long long)before);
	(void)json_object_set_new(annotations, HISTORY_ANNOTATION, json_string(text));
}

static bool has_all(const json_t *set, const json_t *annotations)
{
	const json_t *present = json_dig(set, "metadata.annotations");
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)annotations, name, value) {
		if (!json_equal(json_object_get(present, name), value))
			return false;
	}
	return true;
}

/* One patch a set for all that changes: size, annotations, latch. */
static void patch_set(struct deployment_controller *d, struct work *w,
		      const struct deployment_facts *f, size_t i, const int64_t *replicas)
{
	json_t *set = f->sets.at[i]->tree;
	AUTO_JSON *annotations = json_object();
	if (replicas || f->at[i].replicas > 0)
		put_sizes(f, annotations);
	if (f->at[i].is_new) {
		put_revision(f, annotations);
		if (f->latch == ORDER_LATCH_OPEN_NOW)
			(void)json_object_set_new(annotations, ORDER_GATE_OPEN,
						  json_string("true"));
	}
	int64_t min_ready = json_int_or(f->deployment, "spec.minReadySeconds", 0);
	bool is_min_ready_old =
		f->at[i].is_new && json_int_or(set, "spec.minReadySeconds", 0) != min_ready;
	if (!replicas && !is_min_ready_old && has_all(set, annotations))
		return;
	json_t *patch = json_object();
	json_put_str(patch, "metadata.resourceVersion",
		     json_str_or(set, "metadata.resourceVersion", ""));
	json_put(patch, "metadata.annotations", TAKE(annotations));
	if (replicas)
		json_put_int(patch, "spec.replicas", *replicas);
	if (is_min_ready_old)
		json_put_int(patch, "spec.minReadySeconds", min_ready);
	(void)work_patch(w, d->context->caches[KIND_REPLICASET], resource_of(KIND_REPLICASET),
			 namespace_of(set), name_of(set), NULL, API_MERGE_PATCH, patch);
}

/* ---- making the new set ---- */

struct creation {
	struct deployment_controller *owner;
	json_t *deployment; /* a reference */
	char *name;
	int64_t replicas;
};

static void creation_free(void *ctx)
{
	struct creation *c = ctx;
	json_decref(c->deployment);
	free(c->name);
	free(c);
}

/* The name is taken: by our own earlier try, or by another template of the same hash. */
static void on_collision(struct creation *c, struct work *w)
{
	struct context *context = c->owner->context;
	json_t *set = cache_get_at(context->caches[KIND_REPLICASET], namespace_of(c->deployment),
				   c->name);
	const json_t *owner = set ? controller_of(set) : NULL;
	if (!set || (owner && streq(json_str_or(owner, "uid", ""), uid_of(c->deployment)) &&
		     json_equal(json_dig(set, "spec.template.spec"),
				json_dig(c->deployment, "spec.template.spec")))) {
		work_again(w, 500); /* ours, and not seen yet */
		return;
	}
	json_t *patch = json_object();
	json_put_int(patch, "status.collisionCount",
		     json_int_or(c->deployment, "status.collisionCount", 0) + 1);
	(void)work_patch(w, context->caches[KIND_DEPLOYMENT], resource_of(KIND_DEPLOYMENT),
			 namespace_of(c->deployment), name_of(c->deployment), "status",
			 API_MERGE_PATCH, patch);
}

static void on_created(void *ctx, struct work *w, const struct api_reply *reply)
{
	struct creation *c = ctx;
	struct context *context = c->owner->context;
	if (reply->code == ERR_EXISTS)
		on_collision(c, w);
	else if (reply->code == 0 && c->replicas > 0)
		context_event(context, KIND_DEPLOYMENT, c->deployment, "Normal",
			      "ScalingReplicaSet", "Scaled up replica set %s from 0 to %lld",
			      c->name, (long long)c->replicas);
	else if (reply->code == ERR_INVALID || reply->code == ERR_FORBIDDEN)
		context_event(
			context, KIND_DEPLOYMENT, c->deployment, "Warning", "ReplicaSetCreateError",
			"Failed to create new replica set \"%s\": %s", c->name, reply->message);
}

static json_t *new_set_body(const struct deployment_facts *f, const char *name, const char *hash,
			    int64_t replicas)
{
	json_t *d = f->deployment, *set = json_object();
	json_t *template = json_deep_copy(json_dig(d, "spec.template"));
	json_t *selector = json_deep_copy(json_dig(d, "spec.selector"));
	json_t *owners = json_array(), *annotations = json_object();
	json_put_str(template, "metadata.labels." HASH_LABEL, hash);
	json_put_str(selector, "matchLabels." HASH_LABEL, hash);
	json_put_str(set, "apiVersion", "apps/v1");
	json_put_str(set, "kind", "ReplicaSet");
	json_put_str(set, "metadata.name", name);
	json_put_str(set, "metadata.namespace", namespace_of(d));
	json_put(set, "metadata.labels", json_deep_copy(json_dig(template, "metadata.labels")));
	(void)json_array_append_new(owners, controller_reference("apps/v1", "Deployment", d));
	json_put(set, "metadata.ownerReferences", owners);
	put_copied(f, annotations);
	put_sizes(f, annotations);
	put_number(annotations, REVISION_ANNOTATION, next_revision(f));
	if (f->latch == ORDER_LATCH_CLOSED)
		(void)json_object_set_new(annotations, ORDER_GATE_OPEN, json_string("false"));
	else if (f->latch == ORDER_LATCH_OPEN_NOW)
		(void)json_object_set_new(annotations, ORDER_GATE_OPEN, json_string("true"));
	json_put(set, "metadata.annotations", annotations);
	json_put_int(set, "spec.replicas", replicas);
	if (json_int_or(d, "spec.minReadySeconds", 0) > 0)
		json_put_int(set, "spec.minReadySeconds",
			     json_int_or(d, "spec.minReadySeconds", 0));
	json_put(set, "spec.selector", selector);
	json_put(set, "spec.template", template);
	return set;
}

static void create_set(struct deployment_controller *d, struct work *w,
		       const struct deployment_facts *f, int64_t replicas)
{
	char hash[16];
	template_hash(json_dig(f->deployment, "spec.template"),
		      json_int_or(f->deployment, "status.collisionCount", 0), hash);
	auto_free char *name = xasprintf("%.240s-%s", name_of(f->deployment), hash);
	struct creation *creation = xcalloc(1, sizeof *creation);
	*creation = (struct creation){ d, json_incref(f->deployment), xstrdup(name), replicas };
	struct work_write *write =
		work_create(w, d->context->caches[KIND_REPLICASET], resource_of(KIND_REPLICASET),
			    namespace_of(f->deployment), new_set_body(f, name, hash, replicas));
	write->fine = WORK_FINE_EXISTS;
	write->replied = on_created;
	write->replied_ctx = creation;
	write->free_ctx = creation_free;
}

/* ---- one reconcile ---- */

static void tell_of_gate(struct deployment_controller *d, const struct deployment_facts *f,
			 const json_t *status)
{
	const json_t *before =
		condition_of(json_dig(f->deployment, "status.conditions"), ORDER_CONDITION);
	const json_t *now = condition_of(json_object_get(status, "conditions"), ORDER_CONDITION);
	if (!now || (f->is_waiting && f->gate == ORDER_GATE_HOLDS) ||
	    streq(json_str_or(before, "message", ""), json_str_or(now, "message", "")))
		return;
	context_event(d->context, KIND_DEPLOYMENT, f->deployment,
		      f->is_waiting && f->gate != ORDER_GATE_PENDING ? "Warning" : "Normal",
		      json_str_or(now, "reason", ""), "%s", json_str_or(now, "message", ""));
}

static void write_status(struct deployment_controller *d, struct work *w,
			 const struct deployment_facts *f)
{
	int64_t wake_ms = -1;
	AUTO_JSON *status = deployment_make_status(f, work_wall_us(w), &wake_ms);
	if (wake_ms >= 0)
		work_again(w, wake_ms);
	if (json_equal(status, json_object_get(f->deployment, "status")))
		return;
	tell_of_gate(d, f, status);
	json_t *changed = json_copy(f->deployment); /* shallow: status is replaced */
	(void)json_object_set_new(changed, "status", TAKE(status));
	json_put_str(changed, "apiVersion", "apps/v1");
	json_put_str(changed, "kind", "Deployment");
	(void)work_update(w, d->context->caches[KIND_DEPLOYMENT], resource_of(KIND_DEPLOYMENT),
			  "status", changed); /* the write needs no change */
}

/* `kubectl rollout history` reads the present revision from the Deployment. */
static void write_revision(struct deployment_controller *d, struct work *w,
			   const struct deployment_facts *f)
{
	if (f->new_set == SIZE_MAX && f->want.is_paused)
		return;
	int64_t revision = next_revision(f);
	if (f->new_set != SIZE_MAX)
		revision = MAX(revision, f->at[f->new_set].revision);
	else if (d->plan.count == 0 || d->plan.actions[d->plan.count - 1].verb != DEPLOYMENT_CREATE)
		return;
	auto_free char *text = xasprintf("%lld", (long long)revision);
	const char *present = annotation_of(f->deployment, REVISION_ANNOTATION);
	if (present && streq(present, text))
		return;
	json_t *patch = json_object(), *annotations = json_object();
	(void)json_object_set_new(annotations, REVISION_ANNOTATION, json_string(text));
	json_put(patch, "metadata.annotations", annotations);
	(void)work_patch(w, d->context->caches[KIND_DEPLOYMENT], resource_of(KIND_DEPLOYMENT),
			 namespace_of(f->deployment), name_of(f->deployment), NULL, API_MERGE_PATCH,
			 patch); /* the write needs no change */
}

static void tell_of_scaling(struct deployment_controller *d, const struct deployment_facts *f,
			    const struct deployment_action *a)
{
	int64_t before = f->at[a->set].replicas;
	context_event(d->context, KIND_DEPLOYMENT, f->deployment, "Normal", "ScalingReplicaSet",
		      "Scaled %s replica set %s from %lld to %lld",
		      a->replicas > before ? "up" : "down", f->at[a->set].name, (long long)before,
		      (long long)a->replicas);
}

static void perform(struct deployment_controller *d, struct work *w,
		    const struct deployment_facts *f)
{
	auto_free bool *is_scaled = xcalloc(f->sets.count + 1, sizeof(bool));
	for (size_t i = 0; i < d->plan.count; i++) {
		const struct deployment_action *a = &d->plan.actions[i];
		switch (a->verb) {
		case DEPLOYMENT_CREATE:
			create_set(d, w, f, a->replicas);
			break;
		case DEPLOYMENT_SCALE:
			patch_set(d, w, f, a->set, &a->replicas);
			tell_of_scaling(d, f, a);
			is_scaled[a->set] = true;
			break;
		case DEPLOYMENT_DELETE:
			(void)work_delete(w, d->context->caches[KIND_REPLICASET],
					  resource_of(KIND_REPLICASET), namespace_of(f->deployment),
					  f->at[a->set].name, uid_of(f->sets.at[a->set]->tree), -1,
					  "Background");
			is_scaled[a->set] = true;
			break;
		case DEPLOYMENT_VERB_COUNT:
			break;
		}
	}
	for (size_t i = 0; i < f->sets.count; i++)
		if (!is_scaled[i])
			patch_set(d, w, f, i, NULL);
}

static void gone(struct deployment_controller *d, const char *key)
{
	order_wait(d->waiters, key, false);
	free(map_remove(&d->seen, key));
}

static void reconcile(void *ctx, struct work *w, const char *key)
{
	struct deployment_controller *d = ctx;
	json_t *deployment = cache_get(d->context->caches[KIND_DEPLOYMENT], key);
	AUTO_SELECTOR selector = { 0 };
	struct error err;
	if (!deployment) {
		gone(d, key);
		return;
	}
	if (selector_from_json(json_dig(deployment, "spec.selector"), &selector, &err) < 0) {
		work_fail(w, err.text);
		return;
	}
	if (settle_ownership(d, w, deployment, &selector))
		return; /* the sets' events bring us back */
	struct deployment_facts f;
	deployment_facts_init(&f, d->context, deployment);
	deployment_facts_gate(&f, d->context, seen_since_ms(d, key, deployment, work_now_ms(w)),
			      work_now_ms(w));
	order_wait(d->waiters, key, f.is_waiting || f.watches_dependencies);
	if (f.gate_wake_ms >= 0)
		work_again(w, f.gate_wake_ms);
	deployment_plan_make(&d->plan, &f.want, f.at, f.sets.count);
	if (!f.want.is_deleting)
		perform(d, w, &f); /* first: pods wait for it, nobody waits for the status */
	write_status(d, w, &f);
	if (!f.want.is_deleting)
		write_revision(d, w, &f);
	deployment_facts_fini(&f);
}

/* ---- what wakes it ---- */

static void on_deployment(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct deployment_controller *d = ctx;
	(void)before, (void)now; /* the key is all */
	control_loop_add(d->loop, key);
}

static void wake_owner(struct deployment_controller *d, const json_t *set)
{
	auto_free char *key = owner_key(set, "Deployment");
	if (key)
		control_loop_add(d->loop, key);
}

static void on_set(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct deployment_controller *d = ctx;
	(void)key; /* its owner's is asked for */
	if (before)
		wake_owner(d, before);
	if (now)
		wake_owner(d, now);
	if (!now || controller_of(now))
		return;
	struct cache_range all =
		cache_in_namespace(d->context->caches[KIND_DEPLOYMENT], namespace_of(now));
	for (size_t i = 0; i < all.count; i++)
		control_loop_add(d->loop, all.at[i]->key);
}

/* Recreate waits for the last old pod to go. */
static void on_pod(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct deployment_controller *d = ctx;
	(void)key; /* its owner's is asked for */
	if (!before || (now && !pod_is_finished(now)))
		return;
	auto_free char *set_key = owner_key(before, "ReplicaSet");
	const json_t *set =
		set_key ? cache_get(d->context->caches[KIND_REPLICASET], set_key) : NULL;
	if (set)
		wake_owner(d, set);
}

static const struct {
	enum kind kind;
	void (*changed)(void *ctx, const char *key, const json_t *before, const json_t *now);
} subscriptions[] = {
	{ KIND_DEPLOYMENT, on_deployment },
	{ KIND_REPLICASET, on_set },
	{ KIND_POD, on_pod },
};

struct deployment_controller *deployment_controller_new(struct context *c)
{
	static const enum kind needs[] = { KIND_DEPLOYMENT, KIND_REPLICASET, KIND_POD,
					   KIND_JOB,        KIND_SERVICE,    KIND_ENDPOINTSLICE };
	struct deployment_controller *d = xcalloc(1, sizeof *d);
	d->context = c;
	d->loop = context_loop(c, "deployment", reconcile, d, needs, ARRAY_LEN(needs));
	d->waiters = order_waiters_new(c, d->loop);
	for (size_t i = 0; i < ARRAY_LEN(subscriptions); i++)
		cache_subscribe(c->caches[subscriptions[i].kind],
				&(struct cache_subscriber){ .changed = subscriptions[i].changed,
							    .ctx = d });
	return d;
}

void deployment_controller_free(struct deployment_controller *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < ARRAY_LEN(subscriptions); i++)
		cache_unsubscribe(d->context->caches[subscriptions[i].kind], d);
	order_waiters_free(d->waiters);
	control_loop_free(d->loop);
	const char *key;
	void *seen;
	for (size_t i = 0; (i = map_next(&d->seen, i, &key, &seen)) != 0;)
		free(seen);
	map_fini(&d->seen);
	free(d);
}
