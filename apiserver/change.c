#include "apiserver/change.h"
#include "apiserver/seal.h"
#include "common/base/jsonx.h"
#include "common/io/tls_aead.h"

#include <stdio.h>

void change_drop_trees(struct change *c)
{
	json_decref(c->old_tree);
	json_decref(c->tree);
	json_decref(c->sent_managed);
	json_decref(c->managed);
	c->old_tree = c->tree = c->sent_managed = c->managed = NULL;
}

void change_reset(struct change *c)
{
	object_unref(c->old);
	change_drop_trees(c);
	for (size_t i = 0; i < c->extras_count; i++) {
		free(c->extras[i].key);
		free(c->extras[i].bytes);
	}
	free(c->key);
	if (!c->bytes.max)
		str_init(&c->bytes, RENDER_LIMIT);
	str_clear(&c->bytes);
	str_clear(&c->owners);
	c->old = NULL;
	c->key = NULL;
	c->extras_count = 0;
	c->is_create = c->is_delete = c->keeps_managed = false;
	c->looks_at_pods = c->lacks_account = false;
}

enum change_part change_part_of(const char *subresource)
{
	static const struct {
		const char *name;
		enum change_part part;
	} parts[] = { { "status", PART_STATUS },
		      { "scale", PART_SCALE },
		      { "finalize", PART_FINALIZE },
		      { "binding", PART_BINDING },
		      { "approval", PART_APPROVAL },
		      { "resize", PART_RESIZE },
		      { "ephemeralcontainers", PART_EPHEMERAL } };
	if (!subresource)
		return PART_MAIN;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (streq(parts[i].name, subresource))
			return parts[i].part;
	return PART_OTHER;
}

static char *header(struct change *c, const char *name)
{
	const char *value = http_header_get(c->r->x, name);
	return value ? xstrdup(value) : NULL;
}

void change_read_headers(struct change *c)
{
	c->content_type = header(c, "Content-Type");
	c->user_agent = header(c, "User-Agent");
}

void change_free_headers(struct change *c)
{
	free(c->content_type);
	free(c->user_agent);
}

bool change_is_kind(const struct change *c, const char *group, const char *kind)
{
	return streq(c->kind->group, group) && streq(c->kind->kind, kind);
}

bool change_is_same(const struct change *c)
{
	if (c->is_create || c->is_delete)
		return false;
	/* So objects are brought to a new storage version. */
	if (c->old->raw)
		return false;
	/* Written again as it is, it is encrypted with the present key: so keys are changed. */
	if (seal_key(c->server->seal, c->kind) != c->old->sealed_by)
		return false;
	AUTO_STR old;
	str_init(&old, RENDER_LIMIT);
	object_stored_bytes(c->old, &old);
	return old.len == c->bytes.len && memcmp(old.data, c->bytes.data, old.len) == 0;
}

static struct change_extra *extra_for(struct change *c, const char *key)
{
	for (size_t i = 0; i < c->extras_count; i++)
		if (streq(c->extras[i].key, key))
			return &c->extras[i];
	if (c->extras_count == CHANGE_EXTRA_MAX)
		return NULL; /* admission has refused so many ports before */
	struct change_extra *e = &c->extras[c->extras_count++];
	*e = (struct change_extra){ .key = xstrdup(key) };
	return e;
}

void change_put_key(struct change *c, const char *key, const char *bytes)
{
	struct change_extra *e = extra_for(c, key);
	assert(e);
	e->has_write = true;
	e->write = STORE_PUT;
	free(e->bytes);
	e->bytes = xstrdup(bytes);
	e->len = strlen(bytes);
	e->sealed_by = 0;
}

void change_drop_key(struct change *c, const char *key)
{
	struct change_extra *e = extra_for(c, key);
	assert(e);
	e->has_write = true;
	e->write = STORE_DELETE;
}

void change_guard_key(struct change *c, const char *key)
{
	const char *bytes;
	size_t len;
	uint64_t version = 0;
	bool exists = hub_own_key(c->server->hub, key, &bytes, &len, &version);
	struct change_extra *e = extra_for(c, key);
	assert(e);
	e->has_guard = true;
	e->guard = (struct store_guard){ .kind = exists ? STORE_AT_VERSION : STORE_ABSENT,
					 .key = e->key,
					 .version = version };
}

/* "ns/lease/transitions" of the Skiff-Leader header → the key and the value it must have. */
static bool read_fence(struct request *r, char *key, size_t size, const char **ret_value)
{
	const char *fence = http_header_get(r->x, "Skiff-Leader");
	const char *last = fence ? strrchr(fence, '/') : NULL;
	if (!last)
		return false;
	int n = snprintf(key, size, "leader/%.*s", (int)(last - fence), fence);
	*ret_value = last + 1;
	return n > 0 && (size_t)n < size;
}

/* These bytes encrypted, where the kind's are: the key that did it, or 0: they stay as they are. */
static int seal_bytes(struct change *c, const struct schema_kind *kind, const char *key,
		      const struct str *bytes, struct str *sealed, uint8_t *ret_key,
		      struct failure *f)
{
	uint8_t nonce[TLS_AEAD_NONCE];
	struct error err;
	*ret_key = seal_key(c->server->seal, kind);
	if (!*ret_key)
		return 0;
	server_random(c->server, nonce, sizeof nonce);
	return seal_close(c->server->seal, *ret_key, key, nonce, bytes->data, bytes->len, sealed,
			  &err) < 0
		       ? fail_error(f, &err)
		       : 0;
}

/* What is stored of the object: its bytes, or these encrypted (in `sealed`). */
static int close_object(struct change *c, struct store_write *w, struct str *sealed,
			struct failure *f)
{
	uint8_t key;
	if (c->is_delete)
		return 0;
	if (seal_bytes(c, c->kind, c->key, &c->bytes, sealed, &key, f) < 0)
		return -1;
	if (key) {
		w->bytes = sealed->data;
		w->len = sealed->len;
		w->sealed_by = key;
	}
	return 0;
}

/* `version` 0: it must be absent. */
static void guard_extra(struct change_extra *e, uint64_t version)
{
	e->has_guard = true;
	e->guard = (struct store_guard){ .kind = version ? STORE_AT_VERSION : STORE_ABSENT,
					 .key = e->key,
					 .version = version };
}

static int put_other(struct change *c, const struct schema_kind *kind, const char *key,
		     uint64_t version, const struct str *bytes, struct failure *f)
{
	AUTO_STR sealed;
	uint8_t sealed_by;
	str_init(&sealed, RENDER_LIMIT + 64);
	if (seal_bytes(c, kind, key, bytes, &sealed, &sealed_by, f) < 0)
		return -1;
	const struct str *stored = sealed_by ? &sealed : bytes;
	struct change_extra *e = extra_for(c, key);
	assert(e);
	free(e->bytes);
	*e = (struct change_extra){ .key = e->key,
				    .write = STORE_PUT,
				    .has_write = true,
				    .bytes = xmemdup(stored->data, stored->len),
				    .len = stored->len,
				    .sealed_by = sealed_by };
	guard_extra(e, version);
	return 0;
}

int change_put_object(struct change *c, const struct object *o, const json_t *tree,
		      struct failure *f)
{
	AUTO_STR bytes;
	str_init(&bytes, RENDER_LIMIT);
	schema_print(o->kind->type, tree, &bytes);
	return put_other(c, o->kind, o->key, o->version, &bytes, f);
}

int change_make_object(struct change *c, const struct schema_kind *kind, const char *ns,
		       const char *name, const struct str *bytes, struct failure *f)
{
	auto_free char *key = object_key(kind, ns, name);
	return put_other(c, kind, key, 0, bytes, f);
}

void change_remove_object(struct change *c, const struct object *o)
{
	change_drop_key(c, o->key);
	guard_extra(extra_for(c, o->key), o->version);
}

void change_guard_object(struct change *c, const struct schema_kind *kind, const char *ns,
			 const char *name)
{
	auto_free char *key = object_key(kind, ns, name);
	const struct object *o = hub_get(c->server->hub, kind, *ns ? ns : NULL, name);
	struct change_extra *e = extra_for(c, key);
	assert(e);
	if (e->has_write && !o) /* what it was about to make */
		e->has_write = false;
	guard_extra(e, o ? o->version : 0);
}

/* What is made is of the definition that was looked at: once that is being deleted, nothing more is
 * made of it, through whichever server. */
static int guard_definition(struct change *c, char **ret_key, struct store_guard *ret,
			    struct failure *f)
{
	const struct schema_kind *kind =
		schema_kind_by_kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
	auto_free char *name = xasprintf("%s.%s", c->kind->resource, c->kind->group);
	struct object *o = hub_get(c->server->hub, kind, NULL, name);
	if (!o)
		return fail_path(f);
	*ret_key = object_key(kind, NULL, name);
	*ret = (struct store_guard){ .kind = STORE_AT_VERSION,
				     .key = *ret_key,
				     .version = o->version };
	return 0;
}

int change_too_large(struct failure *f)
{
	return fail(f, 413, "RequestEntityTooLarge",
		    "the object is larger than the limit of 3145728 bytes");
}

int change_submit(struct change *c, store_done *done, void *ctx, struct failure *f)
{
	struct store_guard guards[CHANGE_EXTRA_MAX + 3];
	struct store_write writes[CHANGE_EXTRA_MAX + 1];
	size_t guards_count = 0, writes_count = 0;
	guards[guards_count++] = (struct store_guard){
		.kind = c->is_create ? STORE_ABSENT : STORE_AT_VERSION,
		.key = c->key,
		.version = c->old ? c->old->version : 0,
	};
	writes[writes_count++] = (struct store_write){
		.kind = c->is_delete ? STORE_DELETE : STORE_PUT,
		.key = c->key,
		.bytes = c->bytes.data,
		.len = c->bytes.len,
		.schema_revision = c->kind->revision,
		.ttl_s = !c->is_delete && streq(c->kind->kind, "Event") ? 3600 : 0,
	};
	auto_free char *definition = NULL;
	if (c->is_create && c->kind->custom &&
	    guard_definition(c, &definition, &guards[guards_count++], f) < 0)
		return -1;
	AUTO_STR sealed;
	str_init(&sealed, RENDER_LIMIT + 64);
	if (close_object(c, &writes[0], &sealed, f) < 0)
		return -1;
	for (size_t i = 0; i < c->extras_count; i++) {
		const struct change_extra *e = &c->extras[i];
		if (e->has_guard)
			guards[guards_count++] = e->guard;
		if (e->has_write)
			writes[writes_count++] = (struct store_write){
				.kind = e->write,
				.key = e->key,
				.bytes = e->bytes,
				.len = e->bytes ? e->len : 0,
				.sealed_by = e->sealed_by,
			};
	}
	char leader[STORE_KEY_MAX];
	const char *value;
	if (read_fence(c->r, leader, sizeof leader, &value))
		guards[guards_count++] = (struct store_guard){
			.kind = STORE_VALUE_IS, .key = leader, .bytes = value, .len = strlen(value)
		};
	struct store_member m = { guards, guards_count, writes, writes_count };
	struct error err;
	if (store_submit(c->server->store, &m, done, ctx, &err) == 0)
		return 0;
	fail(f, 429, "TooManyRequests", "%s", err.text);
	f->retry_after_s = 1;
	return -1;
}

int change_check_leader(struct change *c, struct failure *f)
{
	char leader[STORE_KEY_MAX];
	const char *value, *bytes;
	size_t len;
	uint64_t version;
	if (!read_fence(c->r, leader, sizeof leader, &value))
		return 0;
	if (hub_own_key(c->server->hub, leader, &bytes, &len, &version) && len == strlen(value) &&
	    memcmp(bytes, value, len) == 0)
		return 0;
	return fail(f, 409, "LeaderChanged", "the lease %s has passed to another leader",
		    leader + strlen("leader/"));
}

int change_store_failure(struct change *c, enum store_outcome outcome, const struct error *err,
			 struct failure *f)
{
	const char *why = err ? err->text : "no reason given";
	switch (outcome) {
	case STORE_TOO_LARGE:
		return fail(f, 413, "RequestEntityTooLarge",
			    "the object is larger than etcd takes: %s", why);
	case STORE_FAILED:
		return fail_unavailable(f, "not written: %s", why);
	case STORE_UNKNOWN:
		return fail(
			f, 504, "Timeout",
			"etcd did not answer in time; whether %s \"%s\" was written is not known: "
			"%s",
			c->kind->resource, c->name ? c->name : "", why);
	case STORE_REFUSED:
		return fail_conflict(f, c->kind, c->name ? c->name : "",
				     "it was changed %d times while this write was tried",
				     c->attempts);
	case STORE_DONE:
	case STORE_OUTCOME_COUNT:
		break;
	}
	return fail_internal(f, "store outcome %d", (int)outcome);
}
