/* What the server itself keeps, sets and forgets in an object: metadata, status against spec,
 * generation. */
#include "apiserver/change.h"
#include "apiserver/service_defaults.h"
#include "apiserver/signing.h"
#include "apiserver/strategy_pod.h"
#include "apiserver/strategy_status.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"
#include "schemas/rule.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const server_fields[] = {
	"uid",        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
	"generation", "selfLink",          "resourceVersion"
};

static void set_names(struct change *c, json_t *metadata)
{
	json_put_str(metadata, "name", c->name);
	if (c->kind->is_namespaced)
		json_put_str(metadata, "namespace", c->ns);
	else
		json_drop(metadata, "namespace");
}

/* ---- create ---- */

static void create_job(json_t *tree)
{
	const char *uid = json_str(tree, "metadata.uid"), *name = json_str(tree, "metadata.name");
	if (json_bool_or(tree, "spec.manualSelector", false))
		return;
	json_t *labels = json_dig(tree, "spec.template.metadata.labels");
	if (!labels) {
		labels = json_object();
		json_put(tree, "spec.template.metadata.labels", labels);
	}
	const char *const made[][2] = { { "batch.kubernetes.io/controller-uid", uid },
					{ "batch.kubernetes.io/job-name", name },
					{ "controller-uid", uid },
					{ "job-name", name } };
	/* One that is there already, and wrong, is for validation to tell of. */
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		if (!json_object_get(labels, made[i][0]))
			json_object_set_new(labels, made[i][0], json_string(made[i][1]));
	/* A default that comes back, now that there are labels. */
	if (!json_object_size(json_dig(tree, "metadata.labels")))
		json_put(tree, "metadata.labels", json_deep_copy(labels));
	if (!json_dig(tree, "spec.selector"))
		json_put(tree, "spec.selector",
			 json_pack("{s:{s:s}}", "matchLabels", "batch.kubernetes.io/controller-uid",
				   uid));
}

#define TEMPLATE_GENERATION "deprecated.daemonset.template.generation"

/* What clients of long ago look at: how many templates a DaemonSet has had. */
static void put_template_generation(json_t *tree, int64_t n)
{
	json_t *annotations = json_dig(tree, "metadata.annotations");
	char text[24];
	int len = snprintf(text, sizeof text, "%lld", (long long)n);
	assert(len > 0);
	if (!annotations) {
		annotations = json_object();
		json_put(tree, "metadata.annotations", annotations);
	}
	json_object_set_new(annotations, TEMPLATE_GENERATION, json_string(text));
}

static int64_t template_generation(const json_t *tree)
{
	const json_t *annotations = json_dig(tree, "metadata.annotations");
	const char *text = json_string_value(json_object_get(annotations, TEMPLATE_GENERATION));
	return text ? strtoll(text, NULL, 10) : 0;
}

static void update_daemon_set(struct change *c)
{
	bool is_same = rule_same(json_dig(c->old_tree, "spec.template"),
				 json_dig(c->tree, "spec.template"));
	int64_t before = template_generation(c->old_tree);
	put_template_generation(c->tree, (before < 1 ? 1 : before) + !is_same);
}

static void create_namespace(json_t *tree)
{
	json_put(tree, "spec.finalizers", json_pack("[s]", "kubernetes"));
	json_put(tree, "status", json_pack("{s:s}", "phase", "Active"));
	json_t *labels = json_dig(tree, "metadata.labels");
	if (!labels) {
		labels = json_object();
		json_put(tree, "metadata.labels", labels);
	}
	json_object_set(labels, "kubernetes.io/metadata.name", json_dig(tree, "metadata.name"));
}

/* A Deployment's annotations are handed on to its ReplicaSets: they count as its spec does. */
static bool changes_annotations(const struct change *c)
{
	return change_is_kind(c, "apps", "Deployment") &&
	       !rule_same(json_dig(c->old_tree, "metadata.annotations"),
			  json_dig(c->tree, "metadata.annotations"));
}

void strategy_owners(struct change *c)
{
	json_t *metadata = json_object_get(c->tree, "metadata");
	json_t *owners = json_object_get(metadata, "ownerReferences");
	AUTO_STR twice;
	str_init(&twice, 4096);
	if (c->is_create) {
		json_object_del(metadata, "deletionTimestamp");
		json_object_del(metadata, "deletionGracePeriodSeconds");
	}
	for (size_t i = 0; i < json_array_size(owners); i++)
		for (size_t k = json_array_size(owners) - 1; k > i; k--) {
			const json_t *one = json_array_get(owners, i);
			if (!json_equal(one, json_array_get(owners, k)))
				continue;
			json_array_remove(owners, k);
			const char *uid = json_str_or(one, "uid", "");
			if (!twice.len || !strstr(twice.data, uid))
				str_addf(&twice, "%s%s", twice.len ? ", " : "", uid);
		}
	if (twice.len && c->attempts == 1)
		request_warn(
			c->r,
			".metadata.ownerReferences contains duplicate entries; API server dedups "
			"owner references in 1.20+, and may reject such requests as early as 1.24; "
			"please fix your requests; duplicate UID(s) observed: %s",
			twice.data);
}

/* A device's taint says since when it is there. */
static void note_taints(struct change *c)
{
	size_t i, k;
	json_t *device, *taint;
	json_array_foreach (json_dig(c->tree, "spec.devices"), i, device)
		json_array_foreach (json_object_get(device, "taints"), k, taint)
			if (!json_str(taint, "timeAdded"))
				json_put_str(taint, "timeAdded", c->now);
}

void strategy_fill(struct change *c)
{
	size_t i;
	json_t *claim;
	if (c->is_create && change_is_kind(c, "apps", "DaemonSet"))
		put_template_generation(c->tree, MAX(template_generation(c->tree), 1));
	if (change_is_kind(c, "resource.k8s.io", "ResourceSlice"))
		note_taints(c);
	if (!change_is_kind(c, "apps", "StatefulSet"))
		return;
	json_array_foreach (json_dig(c->tree, "spec.volumeClaimTemplates"), i, claim) {
		json_put_str(claim, "apiVersion", "v1");
		json_put_str(claim, "kind", "PersistentVolumeClaim");
	}
}

int strategy_create(struct change *c, struct failure *f)
{
	json_t *tree = c->tree, *metadata = json_object_get(tree, "metadata");
	if (!json_is_object(metadata)) {
		metadata = json_object();
		json_object_set_new(tree, "metadata", metadata);
	}
	const char *version = json_str(metadata, "resourceVersion");
	if (version && *version)
		return fail(f, 500, "",
			    "resourceVersion should not be set on objects to be created");
	for (size_t i = 0; i < ARRAY_LEN(server_fields); i++)
		json_object_del(metadata, server_fields[i]);
	set_names(c, metadata);
	char uid[37], now[TIME_TEXT_SIZE];
	server_new_uid(c->server, uid);
	server_now_text(c->server, now);
	json_put_str(metadata, "uid", uid);
	json_put_str(metadata, "creationTimestamp", now);
	/* The original counts a CSIDriver's from its first change. */
	if (c->kind->has_generation && !change_is_kind(c, "storage.k8s.io", "CSIDriver"))
		json_put_int(metadata, "generation", 1);
	/* A node reports itself with its first write; nobody else brings a status. */
	if (c->asked->has_status && !change_is_kind(c, "", "Node"))
		json_object_del(tree, "status");
	/* Their phases and stored versions are defaults: they come back. */
	if (change_is_kind(c, "", "PersistentVolume") ||
	    change_is_kind(c, "", "PersistentVolumeClaim") ||
	    change_is_kind(c, "apiextensions.k8s.io", "CustomResourceDefinition"))
		schema_default(c->kind, tree);
	if (change_is_kind(c, "", "PersistentVolume"))
		json_put_str(json_object_get(tree, "status"), "lastPhaseTransitionTime", now);
	if (change_is_kind(c, "", "Pod"))
		strategy_create_pod(tree, now);
	else if (change_is_kind(c, "", "Namespace"))
		create_namespace(tree);
	else if (change_is_kind(c, "batch", "Job"))
		create_job(tree);
	else if (change_is_kind(c, "apiregistration.k8s.io", "APIService"))
		service_create(tree, now);
	signing_create(c);
	return 0;
}

/* ---- update ---- */

void strategy_keep(json_t *to, const json_t *from, const char *name)
{
	json_t *value = json_object_get(from, name);
	if (value)
		json_object_set(to, name, value);
	else
		json_object_del(to, name);
}

/* The objects without metadata and status, compared as canonical bytes. */
static bool same_spec(const struct change *c)
{
	bool same = false;
	struct str texts[2];
	const json_t *trees[2] = { c->old_tree, c->tree };
	for (int i = 0; i < 2; i++) {
		json_t *copy = json_copy((json_t *)trees[i]);
		json_object_del(copy, "metadata");
		/* Where a custom kind's status is a field like any other, it counts. */
		if (!c->kind->custom || c->asked->has_status)
			json_object_del(copy, "status");
		str_init(&texts[i], RENDER_LIMIT);
		schema_print(c->kind->type, copy, &texts[i]);
		json_decref(copy);
	}
	same = streq(texts[0].data, texts[1].data);
	str_fini(&texts[0]);
	str_fini(&texts[1]);
	return same;
}

static int check_identity(struct change *c, const json_t *metadata, struct failure *f)
{
	const char *uid = json_str(metadata, "uid");
	bool is_other = uid && *uid && !object_has_uid(c->old, uid);
	if (is_other && c->verb == CHANGE_PATCH && !c->is_apply)
		return fail_field(f, c->kind, c->name, FIELD_INVALID, "metadata.uid", uid,
				  "field is immutable");
	auto_free char *has = is_other ? object_uid(c->old) : NULL;
	if (is_other)
		return fail_conflict(f, c->kind, c->name,
				     "Precondition failed: UID in precondition: %s, UID in object "
				     "meta: %s",
				     uid, has);
	const char *version = json_str(metadata, "resourceVersion");
	if (!version || !*version) {
		if (c->verb == CHANGE_UPDATE && c->kind->needs_version_on_update)
			return fail_versionless(f, c->asked, c->name);
		return 0;
	}
	if (version[strspn(version, "0123456789")])
		return fail(f, 500, "", "strconv.ParseUint: parsing \"%s\": invalid syntax",
			    version);
	auto_free char *current = xasprintf("%llu", (unsigned long long)c->old->version);
	return streq(version, current) ? 0 : fail_modified(f, c->kind, c->name);
}

static void only_finalizers(struct change *c)
{
	json_t *mixed = json_deep_copy(c->old_tree);
	json_t *list = json_dig(c->tree, "spec.finalizers");
	if (list)
		json_put(mixed, "spec.finalizers", json_incref(list));
	else
		json_drop(mixed, "spec.finalizers");
	json_decref(c->tree);
	c->tree = mixed;
}

/* Those of the old containers with what a resize may change of the new ones. */
static json_t *resized(const json_t *now, const json_t *old)
{
	static const char *const taken[] = { "resources", "resizePolicy" };
	json_t *mixed = json_deep_copy(old);
	for (size_t i = 0; i < json_array_size(old); i++) {
		const json_t *from = json_array_get(now, i);
		json_t *to = json_array_get(mixed, i);
		if (!streq(json_str_or(from, "name", ""), json_str_or(to, "name", ""))) {
			json_decref(mixed);
			return json_deep_copy(now); /* which the rules refuse */
		}
		for (size_t k = 0; k < ARRAY_LEN(taken); k++)
			strategy_keep(to, from, taken[k]);
	}
	return mixed;
}

/* pods/resize: the old pod with new amounts. A pod with other containers is left for the rules to
 * refuse. */
static void only_resources(struct change *c)
{
	static const char *const lists[] = { "containers", "initContainers" };
	const json_t *now = json_object_get(c->tree, "spec");
	json_t *mixed = json_deep_copy(c->old_tree), *spec = json_object_get(mixed, "spec");
	bool is_same_count = true;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		is_same_count &= json_array_size(json_object_get(now, lists[i])) ==
				 json_array_size(json_object_get(spec, lists[i]));
	for (size_t i = 0; i < ARRAY_LEN(lists) && is_same_count; i++) {
		json_t *list = json_object_get(spec, lists[i]);
		if (list)
			json_object_set_new(spec, lists[i],
					    resized(json_object_get(now, lists[i]), list));
	}
	if (is_same_count)
		strategy_keep(spec, now, "resources");
	else
		strategy_keep(mixed, c->tree, "spec");
	json_decref(c->tree);
	c->tree = mixed;
}

/* pods/ephemeralcontainers: the old pod with the new list of them. */
static void only_ephemeral(struct change *c)
{
	json_t *mixed = json_deep_copy(c->old_tree);
	strategy_keep(json_object_get(mixed, "spec"), json_object_get(c->tree, "spec"),
		      "ephemeralContainers");
	json_decref(c->tree);
	c->tree = mixed;
}

/* A version that objects are stored in from now on joins those that they may be stored in. */
static void note_stored_version(json_t *definition)
{
	json_t *stored = json_dig(definition, "status.storedVersions"), *version;
	size_t i, k;
	json_array_foreach (json_dig(definition, "spec.versions"), i, version) {
		json_t *name = json_object_get(version, "name");
		bool is_known = !json_bool_or(version, "storage", false);
		for (k = 0; k < json_array_size(stored) && !is_known; k++)
			is_known = json_equal(json_array_get(stored, k), name);
		if (!is_known)
			json_array_append(stored, name);
	}
}

int strategy_update(struct change *c, struct failure *f)
{
	json_t *metadata = json_object_get(c->tree, "metadata");
	if (!json_is_object(metadata)) {
		metadata = json_object();
		json_object_set_new(c->tree, "metadata", metadata);
	}
	if (check_identity(c, metadata, f) < 0)
		return -1;
	if (c->part == PART_STATUS || c->part == PART_APPROVAL)
		strategy_status(c);
	else if (c->part == PART_FINALIZE)
		only_finalizers(c);
	else if (c->part == PART_RESIZE)
		only_resources(c);
	else if (c->part == PART_EPHEMERAL)
		only_ephemeral(c);
	else if (c->asked->has_status && c->part != PART_BINDING)
		strategy_keep(c->tree, c->old_tree, "status");
	if (c->part == PART_MAIN &&
	    change_is_kind(c, "apiextensions.k8s.io", "CustomResourceDefinition"))
		note_stored_version(c->tree);
	signing_update(c);
	if (c->part == PART_MAIN && change_is_kind(c, "", "Namespace"))
		strategy_keep(c->tree, c->old_tree, "spec");

	metadata = json_object_get(c->tree, "metadata");
	const json_t *old = json_object_get(c->old_tree, "metadata");
	for (size_t i = 0; i < ARRAY_LEN(server_fields); i++)
		strategy_keep(metadata, old, server_fields[i]);
	json_object_del(metadata, "resourceVersion");
	set_names(c, metadata);
	if (change_is_kind(c, "apps", "DaemonSet") && c->part == PART_MAIN)
		update_daemon_set(c);
	if (change_is_kind(c, "", "Pod") && c->part == PART_MAIN &&
	    json_int_or(c->tree, "spec.terminationGracePeriodSeconds", 0) < 0)
		json_put(c->tree, "spec.terminationGracePeriodSeconds", json_integer(1));
	managed_note(c);
	return 0;
}

void strategy_count(struct change *c)
{
	json_t *metadata = json_object_get(c->tree, "metadata");
	bool counts = c->part == PART_MAIN || c->part == PART_SCALE || c->part == PART_RESIZE ||
		      c->part == PART_EPHEMERAL;
	if (!c->is_create && c->kind->has_generation && counts &&
	    (!same_spec(c) || changes_annotations(c)))
		json_put_int(metadata, "generation",
			     json_int_or(c->old_tree, "metadata.generation", 0) + 1);
}

bool strategy_is_over(const struct schema_kind *kind, const json_t *tree)
{
	const json_t *metadata = json_object_get(tree, "metadata");
	bool is_namespace = streq(kind->group, "") && streq(kind->kind, "Namespace");
	return json_object_get(metadata, "deletionTimestamp") &&
	       json_int_or(metadata, "deletionGracePeriodSeconds", 0) == 0 &&
	       json_array_size(json_object_get(metadata, "finalizers")) == 0 &&
	       (!is_namespace || json_array_size(json_dig(tree, "spec.finalizers")) == 0);
}
