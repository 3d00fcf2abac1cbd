/* What classes give to the objects that name them, or name none: priorities, runtimes, storage,
 * ingress; and what a node's labels give to its pods. */
#include "apiserver/change.h"
#include "apiserver/read.h"
#include "common/base/jsonx.h"
#include "schemas/quantity.h"

#include <stdio.h>

#define TOPOLOGY "topology.kubernetes.io/"

static bool is_marked(const json_t *annotations, const char *name)
{
	const char *mark = name ? json_member_str(annotations, name) : NULL;
	return mark && streq(mark, "true");
}

/* The object marked by the annotation, or by the old one where there is one: the newest, by name where
 * two are as new; a tree of the caller's or NULL. */
static json_t *find_default(struct change *c, const struct schema_kind *kind,
			    const char *annotation, const char *old_annotation)
{
	const struct index *x = hub_index(c->server->hub, kind);
	struct index_cursor at = index_seek(x, NULL);
	json_t *best = NULL;
	for (struct object *o; (o = index_next(x, &at));) {
		AUTO_JSON *tree = object_tree_unowned(o);
		const json_t *marks = json_dig(tree, "metadata.annotations");
		if (!is_marked(marks, annotation) && !is_marked(marks, old_annotation))
			continue;
		const char *made = json_str_or(tree, "metadata.creationTimestamp", "");
		if (best && strcmp(made, json_str_or(best, "metadata.creationTimestamp", "")) <= 0)
			continue;
		json_decref(best);
		best = json_incref(tree);
	}
	return best;
}

/* ---- Priority ---- */

static const struct schema_kind *priority_kind(void)
{
	return schema_kind_by_kind("scheduling.k8s.io", "v1", "PriorityClass");
}

/* The global default; the lowest where there are two (one came by another server). */
static json_t *default_priority(struct change *c)
{
	const struct index *x = hub_index(c->server->hub, priority_kind());
	struct index_cursor at = index_seek(x, NULL);
	json_t *best = NULL;
	for (struct object *o; (o = index_next(x, &at));) {
		if (!scan_member((struct span){ o->bytes, o->len }, "globalDefault").at)
			continue; /* false is not stored */
		AUTO_JSON *tree = object_tree_unowned(o);
		if (!json_bool_or(tree, "globalDefault", false))
			continue;
		if (best && json_int_or(tree, "value", 0) >= json_int_or(best, "value", 0))
			continue;
		json_decref(best);
		best = json_incref(tree);
	}
	return best;
}

static int admit_priority(struct change *c, json_t *spec, struct failure *f)
{
	const char *name = json_str_or(spec, "priorityClassName", "");
	AUTO_JSON *class = NULL;
	if (*name) {
		struct object *o = hub_get(c->server->hub, priority_kind(), NULL, name);
		if (!o)
			return fail_forbidden(f, c->kind, c->name,
					      "no PriorityClass with name %s was found", name);
		class = object_tree_unowned(o);
	} else {
		class = default_priority(c);
	}
	int64_t value = json_int_or(class, "value", 0);
	const json_t *given = json_object_get(spec, "priority");
	if (json_is_integer(given) && json_integer_value(given) != value)
		return fail_forbidden(
			f, c->kind, c->name,
			"the integer value of priority (%lld) must not be provided in "
			"pod spec; priority admission controller computed %lld from "
			"the given PriorityClass name",
			(long long)json_integer_value(given), (long long)value);
	const char *policy = json_str_or(class, "preemptionPolicy", "PreemptLowerPriority");
	const char *wanted = json_str_or(spec, "preemptionPolicy", policy);
	if (!streq(policy, wanted))
		return fail_forbidden(
			f, c->kind, c->name,
			"the string value of PreemptionPolicy (%s) must not be "
			"provided in pod spec; priority admission controller computed "
			"%s from the given PriorityClass name",
			wanted, policy);
	if (class && !*name)
		json_put_str(spec, "priorityClassName", json_str_or(class, "metadata.name", ""));
	json_put_int(spec, "priority", value);
	json_put_str(spec, "preemptionPolicy", policy);
	return 0;
}

static int check_one_default(struct change *c, struct failure *f)
{
	AUTO_JSON *other = default_priority(c);
	if (!json_bool_or(c->tree, "globalDefault", false) || !other ||
	    streq(json_str_or(other, "metadata.name", ""), c->name))
		return 0;
	return fail_forbidden(f, c->kind, c->name,
			      "PriorityClass %s is already marked as default. Only one default can "
			      "exist",
			      json_str_or(other, "metadata.name", ""));
}

/* ---- RuntimeClass ---- */

static int merge_selector(struct change *c, json_t *spec, const json_t *wanted, struct failure *f)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)wanted, key, value) {
		json_t *selector = json_object_get(spec, "nodeSelector");
		const json_t *has = json_object_get(selector, key);
		if (has && !json_equal((json_t *)(uintptr_t)has, value))
			return fail_forbidden(
				f, c->kind, c->name,
				"conflict: runtimeClass.scheduling.nodeSelector[%s] = "
				"%s; pod.spec.nodeSelector[%s] = %s",
				key, json_string_value(value), key, json_string_value(has));
		if (!selector) {
			selector = json_object();
			json_object_set_new(spec, "nodeSelector", selector);
		}
		json_object_set(selector, key, value);
	}
	return 0;
}

static void merge_tolerations(json_t *spec, const json_t *wanted)
{
	size_t i, k;
	json_t *t, *has;
	json_array_foreach ((json_t *)(uintptr_t)wanted, i, t) {
		json_t *list = json_object_get(spec, "tolerations");
		bool is_there = false;
		json_array_foreach (list, k, has)
			is_there = is_there || json_equal(has, t);
		if (is_there)
			continue;
		if (!list) {
			list = json_array();
			json_object_set_new(spec, "tolerations", list);
		}
		json_array_append(list, t);
	}
}

static int admit_runtime(struct change *c, json_t *spec, struct failure *f)
{
	const struct schema_kind *kind = schema_kind_by_kind("node.k8s.io", "v1", "RuntimeClass");
	const char *name = json_str_or(spec, "runtimeClassName", "");
	json_t *given = json_object_get(spec, "overhead");
	if (!*name)
		return given ? fail_forbidden(
				       f, c->kind, c->name,
				       "pod rejected: Pod Overhead set without corresponding "
				       "RuntimeClass defined Overhead")
			     : 0;
	struct object *o = hub_get(c->server->hub, kind, NULL, name);
	if (!o)
		return fail_forbidden(f, c->kind, c->name,
				      "pod rejected: RuntimeClass \"%s\" not found", name);
	AUTO_JSON *class = object_tree_unowned(o);
	json_t *overhead = json_dig(class, "overhead.podFixed");
	if (given && (!overhead || !json_equal(given, overhead)))
		return fail_forbidden(f, c->kind, c->name,
				      overhead ? "pod rejected: Pod's Overhead doesn't match "
						 "RuntimeClass's defined Overhead"
					       : "pod rejected: Pod Overhead set without "
						 "corresponding RuntimeClass defined Overhead");
	if (overhead)
		json_object_set(spec, "overhead", overhead);
	merge_tolerations(spec, json_dig(class, "scheduling.tolerations"));
	return merge_selector(c, spec, json_dig(class, "scheduling.nodeSelector"), f);
}

int admit_pod_classes(struct change *c, json_t *spec, struct failure *f)
{
	return admit_runtime(c, spec, f) < 0 ? -1 : admit_priority(c, spec, f);
}

/* ---- storage, ingress ---- */

static const struct schema_kind *storage_kind(void)
{
	return schema_kind_by_kind("storage.k8s.io", "v1", "StorageClass");
}

static void default_storage(struct change *c)
{
	const json_t *annotations = json_dig(c->tree, "metadata.annotations");
	if (json_dig(c->tree, "spec.storageClassName") ||
	    json_object_get(annotations, "volume.beta.kubernetes.io/storage-class"))
		return; /* even an empty name is a choice */
	AUTO_JSON *class =
		find_default(c, storage_kind(), "storageclass.kubernetes.io/is-default-class",
			     "storageclass.beta.kubernetes.io/is-default-class");
	if (class)
		json_put_str(c->tree, "spec.storageClassName",
			     json_str_or(class, "metadata.name", ""));
}

static void default_ingress(struct change *c)
{
	const json_t *annotations = json_dig(c->tree, "metadata.annotations");
	if (json_dig(c->tree, "spec.ingressClassName") ||
	    json_object_get(annotations, "kubernetes.io/ingress.class"))
		return;
	AUTO_JSON *class =
		find_default(c, schema_kind_by_kind("networking.k8s.io", "v1", "IngressClass"),
			     "ingressclass.kubernetes.io/is-default-class", NULL);
	if (class)
		json_put_str(c->tree, "spec.ingressClassName",
			     json_str_or(class, "metadata.name", ""));
}

/* A claim grows only where its class says that volumes can. */
static int check_resize(struct change *c, struct failure *f)
{
	static const char path[] = "spec.resources.requests.storage";
	int64_t before = quantity_value(json_str_or(c->old_tree, path, "0"));
	int64_t after = quantity_value(json_str_or(c->tree, path, "0"));
	if (after <= before)
		return 0;
	struct object *o = hub_get(c->server->hub, storage_kind(), NULL,
				   json_str_or(c->tree, "spec.storageClassName", ""));
	AUTO_JSON *class = o ? object_tree_unowned(o) : NULL;
	return json_bool_or(class, "allowVolumeExpansion", false)
		       ? 0
		       : fail_forbidden(f, c->kind, c->name,
					"only dynamically provisioned pvc can be resized and the "
					"storageclass that provisions the pvc must support resize");
}

/* ---- a pod learns where its node stands ---- */

void admit_topology(struct change *c)
{
	static const char *const labels[] = { TOPOLOGY "zone", TOPOLOGY "region" };
	const struct schema_kind *kind = schema_kind_by_kind("", "v1", "Node");
	struct object *node =
		hub_get(c->server->hub, kind, NULL, json_str_or(c->tree, "spec.nodeName", ""));
	for (size_t i = 0; node && i < ARRAY_LEN(labels); i++) {
		struct span value = object_label(node, labels[i]);
		json_t *all = json_dig(c->tree, "metadata.labels");
		if (!value.at)
			continue;
		if (!all) {
			all = json_object();
			json_put(c->tree, "metadata.labels", all);
		}
		json_object_set_new(all, labels[i], json_stringn(value.at, value.len));
	}
}

/* ---- both passes ---- */

void admit_classes(struct change *c)
{
	if (!c->is_create)
		return;
	if (change_is_kind(c, "", "PersistentVolumeClaim"))
		default_storage(c);
	else if (change_is_kind(c, "networking.k8s.io", "Ingress"))
		default_ingress(c);
}

int admit_check_classes(struct change *c, struct failure *f)
{
	if (change_is_kind(c, "scheduling.k8s.io", "PriorityClass"))
		return check_one_default(c, f);
	if (change_is_kind(c, "", "PersistentVolumeClaim") && !c->is_create && c->part == PART_MAIN)
		return check_resize(c, f);
	return 0;
}
