/* The object that a write wants: the old one with what the client sent. */
#include "apiserver/change.h"
#include "common/base/jsonx.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int run_patch(const struct change *c, const struct schema_type *type, const json_t *base,
		     json_t **ret, struct error *err)
{
	if (streq(c->patch_type, "application/json-patch+json"))
		return patch_json(base, c->body, ret, err);
	if (streq(c->patch_type, "application/merge-patch+json"))
		return patch_merge(base, c->body, ret, err);
	return patch_strategic(type, base, c->body, ret, err);
}

/* A value as Go prints maps: map[data:map[a:1] kind:x]. */
static void add_go_value(const json_t *value, struct str *out)
{
	size_t i;
	json_t *item;
	if (json_is_object(value)) {
		str_add(out, "map[");
		size_t n = json_object_size(value);
		const char **names = xcalloc(n + 1, sizeof *names);
		size_t count = 0;
		const char *name;
		json_object_foreach ((json_t *)(uintptr_t)value, name, item)
			names[count++] = name;
		qsort(names, count, sizeof *names, by_text);
		for (i = 0; i < count; i++) {
			str_addf(out, "%s%s:", i ? " " : "", names[i]);
			add_go_value(json_object_get(value, names[i]), out);
		}
		free(names);
		str_add(out, "]");
	} else if (json_is_array(value)) {
		str_add(out, "[");
		json_array_foreach ((json_t *)(uintptr_t)value, i, item) {
			str_add(out, i ? " " : "");
			add_go_value(item, out);
		}
		str_add(out, "]");
	} else if (json_is_string(value)) {
		str_add(out, json_string_value(value));
	} else if (json_is_null(value)) {
		str_add(out, "<nil>");
	} else {
		json_print(value, out);
	}
}

/* An object whose members are in the order of their names, as far down as the patch has any. */
static json_t *in_order(const json_t *value, const json_t *patch)
{
	json_t *copy = json_object();
	const char **names = xcalloc(json_object_size(value) + 1, sizeof *names), *name;
	size_t count = 0;
	json_t *item;
	json_object_foreach ((json_t *)(uintptr_t)value, name, item)
		names[count++] = name;
	qsort(names, count, sizeof *names, by_text);
	for (size_t i = 0; i < count; i++) {
		json_t *below = json_object_get(value, names[i]);
		const json_t *change = json_object_get(patch, names[i]);
		bool goes_on = json_is_object(below) && json_is_object(change);
		json_object_set_new(copy, names[i],
				    goes_on ? in_order(below, change) : json_incref(below));
	}
	free(names);
	return copy;
}

/* 422 about what was to become of the object. */
static int refuse_patched(struct change *c, const struct schema_type *type, const json_t *base,
			  const char *why, struct failure *f)
{
	static const struct schema_kind nothing = { .group = "", .kind = "", .resource = "" };
	AUTO_STR text;
	AUTO_JSON *tree = NULL;
	struct error err;
	str_init(&text, RENDER_LIMIT);
	/* What is shown is the whole object, whatever part of it was enough to see that. */
	if (c->part == PART_STATUS && c->asked == c->kind)
		base = c->old_tree;
	if (streq(c->patch_type, "application/strategic-merge-patch+json")) {
		add_go_value(c->body, &text);
	} else if (run_patch(c, type, base, &tree, &err) == 0 && json_is_object(tree)) {
		AUTO_JSON *ordered = in_order(tree, c->body);
		json_print(ordered, &text);
	}
	return fail_field(f, &nothing, "", FIELD_INVALID, "patch", text.len ? text.data : "", why);
}

static int patched(struct change *c, const struct schema_type *type, const json_t *base,
		   json_t **ret, struct failure *f)
{
	struct error err;
	AUTO_STR why;
	str_init(&why, 65536);
	int code = run_patch(c, type, base, ret, &err);
	bool is_json = streq(c->patch_type, "application/json-patch+json");
	if (code == ERR_LIMIT)
		return fail(f, 413, "RequestEntityTooLarge", "Request entity too large: %s",
			    err.text);
	if (code == ERR_INVALID || (code < 0 && is_json))
		return fail_rejected(f);
	if (code < 0)
		return fail_bad_request(f, "%s", err.text);
	code = body_check_patched(c, *ret, &why, f);
	return code == BODY_NO_OBJECT ? refuse_patched(c, type, base, why.data, f) : code;
}

/* A status patch that speaks of nothing but what a status write may change is laid over that much of
 * the object: the rest, most of it, need not be copied, checked and defaulted to be dropped again. */
static json_t *patched_part(const struct change *c)
{
	static const char *const parts[] = { "apiVersion", "kind", "metadata", "status" };
	size_t known = 0;
	/* What a Service's status has where nothing is said depends on its type. */
	if (c->part != PART_STATUS || c->kind->custom || change_is_kind(c, "", "Service") ||
	    streq(c->patch_type, "application/json-patch+json"))
		return json_incref(c->old_tree);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		known += json_object_get(c->body, parts[i]) != NULL;
	if (known < json_object_size(c->body))
		return json_incref(c->old_tree);
	json_t *base = json_object();
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (json_object_get(c->old_tree, parts[i]))
			json_object_set(base, parts[i], json_object_get(c->old_tree, parts[i]));
	return base;
}

static int refuse_replicas(const struct change *c, const char *path, int64_t replicas,
			   struct failure *f)
{
	static const struct schema_kind scale = { .group = "autoscaling", .kind = "Scale" };
	auto_free char *at = xasprintf(".%s", path);
	if (c->asked->custom)
		return fail_number(f, c->asked, c->name, at, replicas,
				   "should be a non-negative integer");
	return fail_number(f, &scale, c->name, "spec.replicas", replicas,
			   "must be greater than or equal to 0");
}

static int build_scaled(struct change *c, struct failure *f)
{
	AUTO_JSON *scale = NULL;
	const char *path = scale_path(c->asked);
	if (c->verb == CHANGE_PATCH) {
		AUTO_JSON *base = scale_of(c->asked, c->old_tree);
		if (c->asked->custom && !json_dig(c->old_tree, path))
			json_object_del(json_object_get(base, "spec"), "replicas");
		if (patched(c, schema_type_by_name("autoscaling.v1.Scale"), base, &scale, f) < 0)
			return -1;
		if (c->asked->custom && !json_dig(c->old_tree, path) &&
		    !json_dig(scale, "spec.replicas"))
			return fail_bad_request(
				f, "the spec replicas field \".%s\" cannot be empty", path);
	} else {
		scale = json_incref(c->body);
	}
	int64_t replicas = json_int_or(scale, "spec.replicas", 0);
	if (replicas < 0)
		return refuse_replicas(c, path, replicas, f);
	c->tree = json_deep_copy(c->old_tree);
	json_put_int(c->tree, path, replicas);
	const char *version = json_str(scale, "metadata.resourceVersion");
	if (version && *version)
		json_put_str(c->tree, "metadata.resourceVersion", version);
	return 0;
}

static void set_scheduled(struct change *c, json_t *status)
{
	json_t *list = json_object_get(status, "conditions");
	if (!list) {
		list = json_array();
		json_object_set_new(status, "conditions", list);
	}
	size_t i;
	json_t *condition;
	json_array_foreach (list, i, condition)
		if (streq(json_str_or(condition, "type", ""), "PodScheduled")) {
			json_array_remove(list, i);
			break;
		}
	json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "type", "PodScheduled", "status",
					      "True", "lastTransitionTime", c->now));
}

static int refuse_binding(const struct change *c, struct failure *f, const char *why)
{
	fail(f, 409, "Conflict", "Operation cannot be fulfilled on pods/binding \"%s\": %s",
	     c->name, why);
	failure_kind(f, "", "pods/binding", c->name);
	return -1;
}

/* A binding may say which pod it means, more exactly than by name. */
static int check_bound(const struct change *c, struct failure *f)
{
	const char *uid = json_str_or(c->body, "metadata.uid", "");
	const char *version = json_str_or(c->body, "metadata.resourceVersion", "");
	auto_free char *has_uid = object_uid(c->old);
	auto_free char *has_version = xasprintf("%llu", (unsigned long long)c->old->version);
	bool is_other = *uid && !streq(uid, has_uid);
	if (!is_other && (!*version || streq(version, has_version)))
		return 0;
	const char *what = is_other ? "UID" : "ResourceVersion";
	fail(f, 409, "Conflict",
	     "Operation cannot be fulfilled on pods \"%s\": StorageError: invalid object, Code: 4, Key: "
	     "/registry/pods/%s/%s, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: %s in "
	     "precondition: %s, %s in object meta: %s",
	     c->name, c->ns, c->name, what, is_other ? uid : version, what,
	     is_other ? has_uid : has_version);
	failure_kind(f, "", "pods", c->name);
	return -1;
}

/* Texts of the binding become the pod's. */
static void take_texts(struct change *c, const char *path, bool overwrites)
{
	const char *key;
	json_t *value;
	json_object_foreach (json_dig(c->body, path), key, value) {
		json_t *all = json_dig(c->tree, path);
		if (!all) {
			all = json_object();
			json_put(c->tree, path, all);
		}
		if (overwrites || !json_object_get(all, key))
			json_object_set(all, key, value);
	}
}

/* pods/NAME/binding: the node is set once and for all. */
static int build_bound(struct change *c, struct failure *f)
{
	const char *node = json_str_or(c->body, "target.name", "");
	const char *kind = json_str_or(c->body, "target.kind", "");
	const char *already = json_str_or(c->old_tree, "spec.nodeName", "");
	if (*kind && !streq(kind, "Node"))
		return fail_field(f, c->kind, c->name, FIELD_NOT_SUPPORTED, "target.kind", kind,
				  "supported values: \"Node\", \"<empty>\"");
	if (!*node)
		return fail_field(f, c->kind, c->name, FIELD_REQUIRED, "target.name", NULL, "");
	if (check_bound(c, f) < 0)
		return -1;
	auto_free char *on =
		json_dig(c->old_tree, "metadata.deletionTimestamp")
			? xasprintf("pod %s is being deleted, cannot be assigned to a host",
				    c->name)
		: *already
			? xasprintf("pod %s is already assigned to node \"%s\"", c->name, already)
			: NULL;
	if (on)
		return refuse_binding(c, f, on);
	c->tree = json_deep_copy(c->old_tree);
	json_put_str(c->tree, "spec.nodeName", node);
	json_t *status = json_object_get(c->tree, "status");
	if (!status) {
		status = json_object();
		json_object_set_new(c->tree, "status", status);
	}
	set_scheduled(c, status);
	take_texts(c, "metadata.annotations", true);
	take_texts(c, "metadata.labels", false);
	return 0;
}

/* Patches that speak of managedFields need them in what they patch. */
static bool looks_at_owners(const struct change *c)
{
	static const char name[] = "managedFields";
	return c->verb == CHANGE_PATCH && !c->is_apply && c->r->x->body &&
	       memmem(c->r->x->body, c->r->x->body_len, name, sizeof name - 1);
}

int change_build(struct change *c, struct failure *f)
{
	if (!c->body && body_decode(c, f) < 0)
		return -1;
	if (c->old)
		c->old_tree =
			looks_at_owners(c) ? object_tree(c->old) : object_tree_unowned(c->old);
	if (c->is_apply)
		return apply_build(c, f);
	if (c->part == PART_SCALE)
		return build_scaled(c, f);
	if (c->part == PART_BINDING)
		return build_bound(c, f);
	if (c->verb == CHANGE_PATCH && c->asked == c->kind) {
		AUTO_JSON *base = patched_part(c);
		return patched(c, c->kind->type, base, &c->tree, f);
	}
	if (c->verb == CHANGE_PATCH) {
		AUTO_JSON *base = json_deep_copy(c->old_tree);
		schema_from_storage(c->asked, base);
		if (patched(c, c->asked->type, base, &c->tree, f) < 0)
			return -1;
	} else {
		c->tree = TAKE(c->body);
	}
	schema_to_storage(c->asked, c->tree);
	return 0;
}
