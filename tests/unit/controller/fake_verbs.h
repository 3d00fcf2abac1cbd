/*
 * fake_verbs.h - the part of fake_api.h that reads targets and does what writes ask for;
 * included by it alone.
 */
#pragma once

/* ---- patches ---- */
static inline void fake_merge(json_t *target, json_t *patch, bool is_strategic)
{
	const char *name;
	json_t *value;
	json_object_foreach (patch, name, value) {
		json_t *old = json_object_get(target, name);
		if (json_is_null(value)) {
			json_object_del(target, name);
		} else if (json_is_object(value)) {
			if (!json_is_object(old)) {
				json_object_set_new(target, name, json_object());
				old = json_object_get(target, name);
			}
			fake_merge(old, value, is_strategic);
		} else if (is_strategic && json_is_array(value) &&
			   (streq(name, "conditions") || streq(name, "ownerReferences"))) {
			const char *key = streq(name, "conditions") ? "type" : "uid";
			if (!old) {
				json_object_set_new(target, name, json_array());
				old = json_object_get(target, name);
			}
			for (size_t i = 0; i < json_array_size(value); i++) {
				json_t *item = json_array_get(value, i);
				for (size_t k = json_array_size(old); k-- > 0;)
					if (streq(json_str_or(json_array_get(old, k), key, ""),
						  json_str_or(item, key, "-")))
						json_array_remove(old, k);
				if (!json_object_get(item, "$patch"))
					json_array_append(old, item);
			}
		} else {
			json_object_set(target, name, value);
		}
	}
}

/* ---- requests ---- */
struct fake_target {
	char resource[64], ns[128], name[256], sub[32];
};

static inline void fake_parse(const char *path, struct fake_target *t)
{
	char copy[1024], *save = NULL, *parts[8] = { NULL };
	size_t n = 0;
	*t = (struct fake_target){ 0 };
	CHECK(snprintf(copy, sizeof copy, "%s", path) > 0);
	for (char *p = strtok_r(copy, "/", &save); p && n < 8; p = strtok_r(NULL, "/", &save))
		parts[n++] = p;
	CHECK(n >= 3);
	size_t at = streq(parts[0], "api") ? 2 : 3;
	CHECK(n > at);
	if (n > at + 2 && streq(parts[at], "namespaces") && !streq(parts[at + 2], "status") &&
	    !streq(parts[at + 2], "finalize")) {
		CHECK(snprintf(t->ns, sizeof t->ns, "%s", parts[at + 1]) > 0);
		at += 2;
	}
	CHECK(snprintf(t->resource, sizeof t->resource, "%s", parts[at]) > 0);
	if (n > at + 1)
		CHECK(snprintf(t->name, sizeof t->name, "%s", parts[at + 1]) > 0);
	if (n > at + 2)
		CHECK(snprintf(t->sub, sizeof t->sub, "%s", parts[at + 2]) > 0);
}

static inline bool fake_selected(const struct fake_call *c, const char *resource, const char *ns,
				 const json_t *tree)
{
	struct fake_target t;
	fake_parse(c->path, &t);
	const char *by_name = strstr(c->query, "metadata.name%3D");
	if (!streq(t.resource, resource) || (*t.ns && !streq(t.ns, ns)))
		return false;
	if (!by_name)
		return true;
	by_name += strlen("metadata.name%3D");
	const char *name = json_str_or(tree, "metadata.name", "");
	return strncmp(by_name, name, strlen(name)) == 0;
}

static inline json_t *fake_status(int code, const char *reason)
{
	json_t *s = json_object();
	json_put_str(s, "kind", "Status");
	json_put_int(s, "code", code);
	json_put_str(s, "reason", reason);
	json_put_str(s, "message", reason);
	return s;
}

static inline int fake_delete(struct fake *f, struct fake_call *c, struct fake_object *o,
			      json_t **reply)
{
	const char *uid = json_str(c->body, "preconditions.uid");
	const char *policy = json_str_or(c->body, "propagationPolicy", "");
	bool is_pod = streq(o->resource, "pods");
	*reply = json_deep_copy(o->tree);
	if (uid && !streq(uid, json_str_or(o->tree, "metadata.uid", ""))) {
		json_decref(*reply);
		*reply = fake_status(409, "Conflict");
		return 409;
	}
	if (!json_str(o->tree, "metadata.deletionTimestamp")) {
		int64_t grace = json_int_or(c->body, "gracePeriodSeconds", is_pod ? 30 : 0);
		const char *phase = json_str_or(o->tree, "status.phase", "");
		if (!json_str(o->tree, "spec.nodeName") || streq(phase, "Succeeded") ||
		    streq(phase, "Failed"))
			grace = 0;
		char now[TIME_TEXT_SIZE];
		time_format(loop_wall_us(f->loop) + grace * 1000000, now);
		json_put_str(o->tree, "metadata.deletionTimestamp", now);
		json_put_int(o->tree, "metadata.deletionGracePeriodSeconds", grace);
		const char *finalizer = streq(policy, "Foreground") ? "foregroundDeletion"
					: streq(policy, "Orphan")   ? "orphan"
								    : NULL;
		if (finalizer) {
			if (!json_dig(o->tree, "metadata.finalizers"))
				json_put(o->tree, "metadata.finalizers", json_array());
			json_array_append_new(json_dig(o->tree, "metadata.finalizers"),
					      json_string(finalizer));
		}
		if (streq(o->resource, "namespaces"))
			json_put_str(o->tree, "status.phase", "Terminating");
	} else if (json_int_or(c->body, "gracePeriodSeconds", -1) == 0) {
		json_put_int(o->tree, "metadata.deletionGracePeriodSeconds", 0);
	} else {
		return 200;
	}
	fake_changed(f, o);
	return 200;
}

static inline int fake_refuse(json_t **reply, int code, const char *reason)
{
	*reply = fake_status(code, reason);
	return code;
}

static inline int fake_bind(struct fake *f, struct fake_call *c, struct fake_object *o,
			    json_t **reply)
{
	if (!o)
		return fake_refuse(reply, 404, "NotFound");
	if (json_str(o->tree, "spec.nodeName"))
		return fake_refuse(reply, 409, "Conflict");
	json_put_str(o->tree, "spec.nodeName", json_str_or(c->body, "target.name", ""));
	json_t *annotations = json_dig(c->body, "metadata.annotations");
	if (annotations && !json_dig(o->tree, "metadata.annotations"))
		json_put(o->tree, "metadata.annotations", json_object());
	if (annotations)
		json_object_update(json_dig(o->tree, "metadata.annotations"), annotations);
	fake_changed(f, o);
	*reply = json_object();
	return 201;
}

static inline int fake_post(struct fake *f, struct fake_call *c, const struct fake_target *t,
			    json_t **reply)
{
	const char *name = json_str_or(c->body, "metadata.name", "");
	json_t *ns = *t->ns ? fake_get(f, "namespaces", "", t->ns) : NULL;
	if (ns && json_str(ns, "metadata.deletionTimestamp"))
		return fake_refuse(reply, 403, "Forbidden");
	if (fake_find(f, t->resource, t->ns, name))
		return fake_refuse(reply, 409, "AlreadyExists");
	*reply = json_deep_copy(fake_create(f, t->resource, t->ns, json_deep_copy(c->body)));
	return 201;
}

static inline int fake_delete_all(struct fake *f, struct fake_call *c, const struct fake_target *t,
				  json_t **reply)
{
	for (size_t i = f->count; i-- > 0;) {
		if (i >= f->count || !streq(f->objects[i].resource, t->resource) ||
		    !streq(f->objects[i].ns, t->ns))
			continue;
		json_t *one = NULL;
		fake_delete(f, c, &f->objects[i], &one);
		json_decref(one);
	}
	*reply = json_object();
	return 200;
}

/* What a PUT or PATCH makes of the object: a new tree. */
static inline json_t *fake_next(struct fake_call *c, const struct fake_target *t,
				const struct fake_object *o)
{
	json_t *next = json_deep_copy(streq(c->method, "PUT") ? c->body : o->tree);
	if (!streq(c->method, "PUT"))
		fake_merge(next, c->body, strstr(c->content_type, "strategic") != NULL);
	if (streq(t->sub, "status")) { /* only the status counts */
		json_t *status = json_incref(json_object_get(next, "status"));
		json_decref(next);
		next = json_deep_copy(o->tree);
		json_object_set_new(next, "status", status);
	} else if (!*t->sub && json_dig(o->tree, "status")) {
		json_object_set_new(next, "status", json_deep_copy(json_dig(o->tree, "status")));
	}
	if (!json_equal(json_object_get(next, "spec"), json_object_get(o->tree, "spec")))
		json_put_int(next, "metadata.generation",
			     json_int_or(o->tree, "metadata.generation", 1) + 1);
	json_object_del(next, "apiVersion");
	json_object_del(next, "kind");
	return next;
}

static inline int fake_write(struct fake *f, struct fake_call *c, const struct fake_target *t,
			     json_t **reply)
{
	struct fake_object *o = *t->name ? fake_find(f, t->resource, t->ns, t->name) : NULL;
	f->writes++;
	if (streq(c->method, "POST"))
		return streq(t->sub, "binding") ? fake_bind(f, c, o, reply)
						: fake_post(f, c, t, reply);
	if (streq(c->method, "DELETE") && !*t->name)
		return fake_delete_all(f, c, t, reply);
	if (!o)
		return fake_refuse(reply, 404, "NotFound");
	if (streq(c->method, "DELETE"))
		return fake_delete(f, c, o, reply);
	const char *version = json_str(c->body, "metadata.resourceVersion");
	const char *uid = json_str(c->body, "metadata.uid");
	if ((version && !streq(version, json_str_or(o->tree, "metadata.resourceVersion", ""))) ||
	    (uid && !streq(uid, json_str_or(o->tree, "metadata.uid", ""))))
		return fake_refuse(reply, 409, "Conflict");
	json_t *next = fake_next(c, t, o);
	*reply = json_deep_copy(next);
	if (json_equal(next, o->tree)) {
		json_decref(next);
		return 200;
	}
	json_decref(o->tree);
	o->tree = next;
	json_decref(*reply);
	fake_changed(f, o);
	*reply = json_object();
	json_t *now = fake_get(f, t->resource, t->ns, t->name);
	if (now) {
		json_decref(*reply);
		*reply = json_deep_copy(now);
	}
	return 200;
}
