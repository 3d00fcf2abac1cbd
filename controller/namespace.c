/* A namespace that is deleted is emptied, kind by kind, and then let go. Where workloads depend
 * on each other they go first, in their stop order; the conditions say what is awaited. */
#include "controller/controllers_internal.h"

#include "common/base/map.h"
#include "common/io/log.h"
#include "controller/facts.h"
#include "controller/order_facts.h"
#include "schemas/kinds.h"

#define LOOK_AGAIN_MS 500
#define LOOK_LATER_MS 5000
#define NAMES_SHOWN   8

struct namespace_controller {
	struct context *context;
	const struct gc_controller *gc; /* knows the custom kinds */
	struct control_loop *loop;
};

/* What is left of one kind. */
struct remainder {
	struct api_resource resource; /* of our own texts where it is of a custom kind */
	bool is_custom, has_collection;
	int64_t count;
	struct map finalizers; /* name → how many, as a pointer */
};

/* One round over a namespace; lives as long as the work. */
struct round {
	struct namespace_controller *owner;
	char *ns;
	bool only_workloads;
	struct remainder *at;
	size_t count;
	size_t references; /* writes that will still tell, and the round itself */
	char *trouble;     /* the last refusal of a list or delete */
};

static void remainder_fini(struct remainder *left)
{
	map_fini(&left->finalizers);
	if (!left->is_custom)
		return;
	free((char *)(uintptr_t)left->resource.group);
	free((char *)(uintptr_t)left->resource.version);
	free((char *)(uintptr_t)left->resource.resource);
}

static void round_unref(void *ctx)
{
	struct round *r = ctx;
	if (--r->references > 0)
		return;
	for (size_t i = 0; i < r->count; i++)
		remainder_fini(&r->at[i]);
	free(r->at);
	free(r->ns);
	free(r->trouble);
	free(r);
}

struct part {
	struct round *round;
	size_t kind;
};

static void part_free(void *ctx)
{
	struct part *p = ctx;
	round_unref(p->round);
	free(p);
}

static void tell_round(struct work_write *write, struct round *r, size_t kind,
		       work_replied *replied)
{
	struct part *p = xcalloc(1, sizeof *p);
	*p = (struct part){ r, kind };
	r->references++;
	write->replied = replied;
	write->replied_ctx = p;
	write->free_ctx = part_free;
}

/* ---- the end of a round ---- */

static void note_failure(struct round *r, const struct api_reply *reply)
{
	if (!r->trouble)
		log_warn("namespace", "cannot empty it", "name", r->ns, "why", reply->message);
	free(r->trouble);
	r->trouble = xstrdup(reply->message);
}

static void on_deleted(void *ctx, struct work *w, const struct api_reply *reply)
{
	struct part *p = ctx;
	(void)w; /* the round ends by itself */
	if (reply->code != 0 && reply->code != ERR_NOT_FOUND && reply->code != ERR_CONFLICT)
		note_failure(p->round, reply);
}

static void on_listed(void *ctx, struct work *w, const struct api_reply *reply)
{
	struct part *p = ctx;
	struct remainder *left = &p->round->at[p->kind];
	(void)w; /* the round ends by itself */
	if (reply->code != 0) {
		if (reply->code != ERR_NOT_FOUND) {
			left->count = -1;
			note_failure(p->round, reply);
		}
		return;
	}
	size_t i, k;
	json_t *item, *f;
	json_array_foreach (json_object_get(reply->body, "items"), i, item) {
		left->count++;
		json_array_foreach (json_dig(item, "metadata.finalizers"), k, f) {
			const char *name = json_string_value(f);
			if (name)
				(void)map_put(
					&left->finalizers, name,
					(void *)((uintptr_t)map_get(&left->finalizers, name) + 1));
		}
	}
	left->count += json_int_or(reply->body, "metadata.remainingItemCount", 0);
}

static bool is_empty(const struct round *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->at[i].count != 0)
			return false;
	return !r->only_workloads;
}

static void describe(const struct round *r, struct str *content, struct str *finalizers)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct remainder *left = &r->at[i];
		if (left->count == 0)
			continue;
		str_addf(content, "%s%s.%s has %lld resource instances", content->len ? ", " : "",
			 left->resource.resource, left->resource.group, (long long)left->count);
		const char **names = map_sorted_keys(&left->finalizers);
		for (size_t k = 0; k < left->finalizers.count && k < NAMES_SHOWN; k++)
			str_addf(finalizers, "%s%s in %zu resource instances",
				 finalizers->len ? ", " : "", names[k],
				 (size_t)(uintptr_t)map_get(&left->finalizers, names[k]));
		free(names);
	}
}

static void put_condition(json_t *conditions, const char *type, bool is_bad, const char *bad_reason,
			  const char *good_reason, const char *bad, const char *good,
			  int64_t now_us)
{
	const struct condition c = { .type = type,
				     .status = is_bad ? "True" : "False",
				     .reason = is_bad ? bad_reason : good_reason,
				     .message = is_bad ? bad : good };
	(void)condition_set(conditions, &c, now_us); /* compared as a whole */
}

static void write_conditions(struct round *r, struct work *w, const json_t *ns)
{
	AUTO_STR content, finalizers, failure;
	str_init(&content, 16384);
	str_init(&finalizers, 16384);
	str_init(&failure, 4096);
	describe(r, &content, &finalizers);
	AUTO_STR remaining, held;
	str_init(&remaining, 32768);
	str_init(&held, 32768);
	str_addf(&remaining, "Some resources are remaining: %s", content.data);
	str_addf(&held, "Some content in the namespace has finalizers remaining: %s",
		 finalizers.data);
	str_addf(&failure, "Failed to delete all resource types: %s", r->trouble ? r->trouble : "");
	int64_t now_us = work_wall_us(w);
	const json_t *before = json_dig(ns, "status.conditions");
	json_t *conditions = before ? json_deep_copy(before) : json_array();
	put_condition(conditions, "NamespaceDeletionDiscoveryFailure", false, "",
		      "ResourcesDiscovered", "", "All resources successfully discovered", now_us);
	put_condition(conditions, "NamespaceDeletionGroupVersionParsingFailure", false, "",
		      "ParsedGroupVersions", "", "All legacy kube types successfully parsed",
		      now_us);
	put_condition(conditions, "NamespaceDeletionContentFailure", r->trouble != NULL,
		      "ContentDeletionFailed", "ContentDeleted", failure.data,
		      "All content successfully deleted, may be waiting on finalization", now_us);
	put_condition(conditions, "NamespaceContentRemaining", content.len > 0,
		      "SomeResourcesRemain", "ContentRemoved", remaining.data,
		      "All content successfully removed", now_us);
	put_condition(conditions, "NamespaceFinalizersRemaining", finalizers.len > 0,
		      "SomeFinalizersRemain", "ContentHasNoFinalizers", held.data,
		      "All content-preserving finalizers finished", now_us);
	if (before && json_equal(before, conditions)) {
		json_decref(conditions);
		return;
	}
	json_t *changed = json_copy((json_t *)(uintptr_t)ns), *status = json_object();
	json_put_str(status, "phase", "Terminating");
	json_put(status, "conditions", conditions);
	(void)json_object_set_new(changed, "status", status);
	json_put_str(changed, "apiVersion", "v1");
	json_put_str(changed, "kind", "Namespace");
	struct work_write *write = work_update(w, r->owner->context->caches[KIND_NAMESPACE],
					       resource_of(KIND_NAMESPACE), "status", changed);
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
}

static void finalize(struct round *r, struct work *w, const json_t *ns)
{
	json_t *changed = json_deep_copy(ns), *kept = json_array(), *f;
	size_t i;
	json_array_foreach (json_dig(ns, "spec.finalizers"), i, f) {
		if (!streq(json_is_string(f) ? json_string_value(f) : "", "kubernetes"))
			(void)json_array_append(kept, f);
	}
	json_put(changed, "spec.finalizers", kept);
	json_put_str(changed, "apiVersion", "v1");
	json_put_str(changed, "kind", "Namespace");
	struct work_write *write = work_update(w, r->owner->context->caches[KIND_NAMESPACE],
					       resource_of(KIND_NAMESPACE), "finalize", changed);
	write->fine = WORK_FINE_GONE;
}

static void conclude(void *ctx, struct work *w, const char *key)
{
	struct round *r = ctx;
	const json_t *ns = cache_get(r->owner->context->caches[KIND_NAMESPACE], key);
	if (!ns)
		return;
	if (is_empty(r)) {
		finalize(r, w, ns);
		return;
	}
	write_conditions(r, w, ns);
	work_again(w, r->trouble ? LOOK_LATER_MS : LOOK_AGAIN_MS);
}

static void delete_rest(void *ctx, struct work *w, const char *key)
{
	struct round *r = ctx;
	(void)key; /* the round knows its namespace */
	for (size_t i = 0; i < r->count; i++) {
		if (r->at[i].count == 0 || !r->at[i].has_collection)
			continue;
		json_t *options = json_object();
		json_put_str(options, "apiVersion", "v1");
		json_put_str(options, "kind", "DeleteOptions");
		json_put_str(options, "propagationPolicy", "Background");
		struct work_write write = { .method = "DELETE",
					    .take_target =
						    api_path(&r->at[i].resource, r->ns, NULL, NULL),
					    .take_body = options,
					    .group = 2 | WORK_EAGER,
					    .fine = WORK_FINE_ANY };
		tell_round(&write, r, i, on_deleted);
		work_write(w, &write);
	}
	r->references++;
	work_then(w, conclude, r, round_unref);
}

/* ---- the beginning of a round ---- */

/* Workloads with dependents among them stop in order before anything else is touched. */
static bool has_order(struct namespace_controller *n, const char *ns)
{
	AUTO_ORDER_VIEW v = { 0 };
	order_view_init(&v, n->context, ns, NULL, 0);
	for (size_t i = 0; i < v.graph->nodes_count; i++)
		if (v.graph->nodes[i].edges_count > 0 &&
		    !streq(v.graph->nodes[i].kind->kind, "Pod"))
			return true;
	return false;
}

static bool is_workload(const struct schema_kind *k)
{
	const struct order_kind *kind = order_kind_find(k->kind);
	return kind && kind->pod_labels && streq(kind->group, k->group) && !streq(k->kind, "Pod");
}

static size_t count_customs(const struct namespace_controller *n)
{
	struct api_resource custom;
	size_t count = 0;
	for (size_t i = 0; gc_controller_custom(n->gc, &i, &custom);)
		count++;
	return count;
}

static void add_customs(struct round *r)
{
	struct api_resource custom;
	for (size_t i = 0; gc_controller_custom(r->owner->gc, &i, &custom);)
		if (custom.is_namespaced)
			r->at[r->count++] = (struct remainder){
				.resource = { xstrdup(custom.group), xstrdup(custom.version),
					      xstrdup(custom.resource), true },
				.is_custom = true,
				.has_collection = true,
			};
}

static struct round *round_new(struct namespace_controller *n, const char *ns)
{
	struct round *r = xcalloc(1, sizeof *r);
	r->owner = n;
	r->ns = xstrdup(ns);
	r->references = 1;
	r->only_workloads = has_order(n, ns);
	r->at = xcalloc(schema_kinds_count() + count_customs(n), sizeof *r->at);
	for (size_t i = 0; i < schema_kinds_count(); i++) {
		const struct schema_kind *k = schema_kind_at(i);
		if (!k->is_namespaced || k->storage || !kind_offers(k, "list") ||
		    !kind_offers(k, "delete"))
			continue;
		if (r->only_workloads && !is_workload(k))
			continue;
		r->at[r->count++] = (struct remainder){
			.resource = { k->group, k->version, k->resource, true },
			.has_collection = kind_offers(k, "deletecollection"),
		};
	}
	if (!r->only_workloads)
		add_customs(r);
	return r;
}

static void reconcile(void *ctx, struct work *w, const char *key)
{
	struct namespace_controller *n = ctx;
	const json_t *ns = cache_get(n->context->caches[KIND_NAMESPACE], key);
	bool is_ours = false;
	size_t i;
	json_t *f;
	if (!ns || !pod_is_terminating(ns))
		return;
	json_array_foreach (json_dig(ns, "spec.finalizers"), i, f)
		is_ours |= json_is_string(f) && streq(json_string_value(f), "kubernetes");
	if (!is_ours)
		return;
	struct round *r = round_new(n, key);
	for (i = 0; i < r->count; i++) {
		auto_free char *path = api_path(&r->at[i].resource, key, NULL, NULL);
		struct work_write write = { .method = "GET",
					    .take_target = xasprintf("%s?limit=100", path),
					    .group = 1 | WORK_EAGER,
					    .fine = WORK_FINE_ANY };
		tell_round(&write, r, i, on_listed);
		work_write(w, &write);
	}
	work_then(w, delete_rest, r, round_unref);
}

static void on_namespace(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct namespace_controller *n = ctx;
	if (now && pod_is_terminating(now) && (!before || !pod_is_terminating(before)))
		control_loop_add(n->loop, key);
}

struct namespace_controller *namespace_controller_new(struct context *c,
						      const struct gc_controller *gc)
{
	static const struct api_resource any = { "", "v1", "secrets", true };
	static const enum kind needs[] = { KIND_NAMESPACE, KIND_DEPLOYMENT, KIND_JOB,
					   KIND_POD,       KIND_SERVICE,    KIND_ENDPOINTSLICE };
	struct namespace_controller *n = xcalloc(1, sizeof *n);
	n->context = c;
	n->gc = gc;
	n->loop = context_loop(c, "namespace", reconcile, n, needs, ARRAY_LEN(needs));
	/* Whose watch has told of every custom kind by the time that any of its caches is complete. */
	control_loop_needs(n->loop, gc_controller_metadata(gc, &any));
	cache_subscribe(c->caches[KIND_NAMESPACE],
			&(struct cache_subscriber){ .changed = on_namespace, .ctx = n });
	return n;
}

void namespace_controller_free(struct namespace_controller *n)
{
	if (!n)
		return;
	cache_unsubscribe(n->context->caches[KIND_NAMESPACE], n);
	control_loop_free(n->loop);
	free(n);
}
