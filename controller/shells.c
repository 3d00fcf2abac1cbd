#include "controller/controllers_internal.h"

#include "controller/facts.h"

char *owner_key(const json_t *object, const char *kind)
{
	const json_t *owner = controller_of(object);
	if (!owner || !streq(json_str_or(owner, "kind", ""), kind))
		return NULL;
	return cache_key(namespace_of(object), json_str_or(owner, "name", ""));
}

static void child_write_free(void *ctx)
{
	struct child_write *f = ctx;
	json_decref(f->owner);
	free(f->child);
	free(f);
}

static void on_child_written(void *ctx, struct work *w, const struct api_reply *reply)
{
	struct child_write *f = ctx;
	(void)w; /* the loop retries by itself */
	const char *verb = f->is_delete ? "Delete" : "Create";
	auto_free char *reason = NULL;

	if (reply->code == 0) {
		reason = xasprintf("Successful%s", verb);
		context_event(f->context, f->owner_kind, f->owner, "Normal", reason, "%s %s: %s",
			      f->is_delete ? "Deleted" : "Created", f->child_kind, f->child);
	} else if (reply->code != ERR_EXISTS && reply->code != ERR_NOT_FOUND &&
		   reply->code != ERR_UNAVAILABLE && reply->code != ERR_CONFLICT) {
		reason = xasprintf("Failed%s", verb);
		context_event(f->context, f->owner_kind, f->owner, "Warning", reason,
			      "Error %s: %s", f->is_delete ? "deleting" : "creating",
			      reply->message);
		if (f->note)
			f->note(f->note_ctx, uid_of(f->owner), reply->message);
		return;
	}
	if (f->note && (reply->code == 0 || reply->code == ERR_EXISTS))
		f->note(f->note_ctx, uid_of(f->owner), NULL);
}

void child_write_track(struct work_write *write, const struct child_write *facts)
{
	struct child_write *f = xcalloc(1, sizeof *f);
	*f = *facts;
	f->owner = json_incref(facts->owner);
	f->child = xstrdup(facts->child);
	write->replied = on_child_written;
	write->replied_ctx = f;
	write->free_ctx = child_write_free;
}

json_t *pod_from_template(const json_t *template, const char *ns, const char *name,
			  json_t *take_owner_reference)
{
	static const char *const copied[] = { "labels", "annotations", "finalizers" };
	json_t *pod = json_object();
	json_put_str(pod, "apiVersion", "v1");
	json_put_str(pod, "kind", "Pod");
	json_put_str(pod, "metadata.name", name);
	json_put_str(pod, "metadata.namespace", ns);
	for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
		const json_t *value = json_at(template, "metadata", copied[i]);
		if (value)
			(void)json_object_set_new(json_object_get(pod, "metadata"), copied[i],
						  json_deep_copy(value));
	}
	json_t *owners = json_array();
	(void)json_array_append_new(owners, take_owner_reference);
	json_put(pod, "metadata.ownerReferences", owners);
	json_put(pod, "spec", json_deep_copy(json_object_get(template, "spec")));
	return pod;
}

void work_adopt(struct work *w, struct context *c, enum kind child_kind, const json_t *child,
		json_t *take_reference)
{
	json_t *patch = json_object(), *owners = json_array();
	(void)json_array_append_new(owners, take_reference);
	json_put_str(patch, "metadata.uid", uid_of(child));
	json_put(patch, "metadata.ownerReferences", owners);
	struct work_write *write =
		work_patch(w, c->caches[child_kind], resource_of(child_kind), namespace_of(child),
			   name_of(child), NULL, API_STRATEGIC_PATCH, patch);
	write->fine = WORK_FINE_GONE;
}

void work_release(struct work *w, struct context *c, enum kind child_kind, const json_t *child,
		  const char *owner_uid)
{
	json_t *patch = json_object(), *owners = json_array(), *gone = json_object();
	json_put_str(gone, "$patch", "delete");
	json_put_str(gone, "uid", owner_uid);
	(void)json_array_append_new(owners, gone);
	json_put_str(patch, "metadata.uid", uid_of(child));
	json_put(patch, "metadata.ownerReferences", owners);
	struct work_write *write =
		work_patch(w, c->caches[child_kind], resource_of(child_kind), namespace_of(child),
			   name_of(child), NULL, API_STRATEGIC_PATCH, patch);
	write->fine = WORK_FINE_GONE;
}
