/*
 * Creates and updates from the body's bytes to the stored ones without a tree: of kinds whose good
 * objects are told from their bytes (schemas/sound.h) and which admission leaves as they are. Whatever
 * is not plainly good goes the way by trees, from the attempt's start: that words errors and warnings.
 */
#include "apiserver/change.h"
#include "schemas/canonical.h"
#include "schemas/owners.h"
#include "schemas/sound.h"

#include <stdio.h>

static struct span whole(const struct str *s)
{
	return (struct span){ s->data, s->len };
}

static bool is_ignored(const char *validation)
{
	return validation && streq(validation, "Ignore");
}

/* Only what strictness is known; others are refused, in words. */
static bool is_known(const char *validation)
{
	return !validation || !*validation || is_ignored(validation) || streq(validation, "Warn") ||
	       streq(validation, "Strict");
}

static bool may_be_straight(const struct change *c, enum schema_encoding *ret_encoding)
{
	return c->verb != CHANGE_PATCH && c->part == PART_MAIN &&
	       schema_storage(c->asked) == c->asked && sound_kind(c->asked) &&
	       content_type_encoding(c->content_type, ret_encoding) &&
	       *ret_encoding != SCHEMA_YAML && is_known(query_get(&c->r->query, "fieldValidation"));
}

/* An empty list of owners says that nobody owns anything: canonical bytes do not have it. (A message
 * cannot say it.) */
static bool clears_owners(const struct change *c, struct span metadata)
{
	static const char name[] = "managedFields";
	return !scan_member(metadata, name).at &&
	       memmem(c->r->x->body, c->r->x->body_len, name, sizeof name - 1);
}

void straight_decode(struct change *c)
{
	enum schema_encoding encoding;
	if (!may_be_straight(c, &encoding) || !c->r->x->body)
		return;
	AUTO_STR version;
	str_init(&version, 256);
	schema_api_version(c->asked, &version);
	const struct canonical_options o = {
		.type = c->asked->type,
		.api_version = version.data,
		.kind = c->asked->kind,
		.prunes = is_ignored(query_get(&c->r->query, "fieldValidation")),
	};
	(void)str_reserve(&c->sent, c->r->x->body_len + 64);
	c->sent_revision = c->asked->revision;
	struct span body = { c->r->x->body, c->r->x->body_len };
	if (encoding == SCHEMA_PROTOBUF)
		c->is_straight = canonical_write_wire(&o, body, &c->sent);
	else
		c->is_straight = canonical_write(&o, body, &c->sent) &&
				 !clears_owners(c, scan_member(whole(&c->sent), "metadata"));
	if (!c->is_straight)
		str_fini(&c->sent);
}

char *straight_text(const struct change *c, const char *name)
{
	char *text = scan_text(scan_member(scan_member(whole(&c->sent), "metadata"), name));
	return text ? text : xstrdup("");
}

/* ---- the object ---- */

static void add_member(const char *name, struct span value, struct str *out)
{
	if (!value.at)
		return;
	str_add(out, out->len && out->data[out->len - 1] == '{' ? "\"" : ",\"");
	str_add(out, name);
	str_add_bytes(out, "\":", 2);
	str_add_bytes(out, value.at, value.len);
}

static void add_text(const char *name, const char *text, struct str *out)
{
	str_add(out, out->data[out->len - 1] == '{' ? "\"" : ",\"");
	str_add(out, name);
	str_add_bytes(out, "\":", 2);
	str_add_json(out, text, strlen(text));
}

/* Behind the metadata: what a kind's generation counts the changes of. */
static struct span behind_metadata(struct span object)
{
	struct span metadata = scan_member(object, "metadata");
	const char *from = metadata.at + metadata.len;
	return (struct span){ from, (size_t)(object.at + object.len - from) };
}

/* The object's own status in place of what was sent, where statuses are written apart: of custom kinds,
 * whose members stand by name; no other kind that is known here has one. False: nothing changes. */
static bool exchange_status(const struct change *c, struct span rest, struct str *out)
{
	static const char status[] = "status";
	struct span sent = whole(&c->sent), kept = { 0 };
	bool is_behind = false;
	if (c->old)
		kept = scan_member((struct span){ c->old->bytes, c->old->len }, status);
	if (!c->asked->has_status || (!kept.at && !scan_member(sent, status).at))
		return false;
	(void)str_reserve(out, rest.len + kept.len + 16);
	struct scan s = scan_open(sent);
	for (struct span name, value; scan_next(&s, &name, &value);) {
		int order = memcmp(name.at, status, MIN(name.len, sizeof status - 1));
		if (order == 0)
			order = (int)name.len - (int)(sizeof status - 1);
		if (value.at < rest.at || order == 0)
			continue;
		if (order > 0 && !is_behind)
			add_member(status, kept, out);
		is_behind |= order > 0;
		str_add_bytes(out, ",\"", 2);
		str_add_bytes(out, name.at, name.len);
		str_add_bytes(out, "\":", 2);
		str_add_bytes(out, value.at, value.len);
	}
	if (!is_behind)
		add_member(status, kept, out);
	str_add_char(out, '}');
	return true;
}

static void add_generation(const struct change *c, struct span old, struct span now,
			   struct str *out)
{
	struct span has = scan_member(old, "generation");
	if (!c->kind->has_generation) {
		add_member("generation", has, out);
		return;
	}
	uint64_t generation = 1;
	if (c->old) {
		struct span was = behind_metadata((struct span){ c->old->bytes, c->old->len });
		bool is_same = was.len == now.len && memcmp(was.at, now.at, now.len) == 0;
		generation = has.at ? strtoull(has.at, NULL, 10) : 0;
		generation += !is_same;
	}
	if (generation)
		str_addf(out, "%s\"generation\":%llu", out->data[out->len - 1] == '{' ? "" : ",",
			 (unsigned long long)generation);
}

/* The members in the table's order: what the client says, and what the server keeps or has drawn. What
 * stands behind them is `rest`. */
static void add_metadata(const struct change *c, struct span sent, struct span rest,
			 struct str *out)
{
	static const char *const given[] = { "labels", "annotations", "ownerReferences",
					     "finalizers" };
	struct span old = c->old ? object_metadata(c->old) : (struct span){ 0 };
	str_add_char(out, '{');
	add_text("name", c->name, out);
	add_member("generateName", scan_member(sent, "generateName"), out);
	if (c->kind->is_namespaced)
		add_text("namespace", c->ns, out);
	add_member("selfLink", scan_member(old, "selfLink"), out);
	if (c->old)
		add_member("uid", scan_member(old, "uid"), out);
	else if (*c->uid)
		add_text("uid", c->uid, out);
	add_generation(c, old, rest, out);
	if (c->old)
		add_member("creationTimestamp", scan_member(old, "creationTimestamp"), out);
	else if (*c->uid)
		add_text("creationTimestamp", c->now, out);
	for (size_t i = 0; i < ARRAY_LEN(given); i++)
		add_member(given[i], scan_member(sent, given[i]), out);
	str_add_char(out, '}');
}

static void put_together(struct change *c)
{
	struct span sent = whole(&c->sent), metadata = scan_member(sent, "metadata");
	struct span rest = behind_metadata(sent);
	AUTO_STR exchanged;
	str_init(&exchanged, RENDER_LIMIT);
	if (exchange_status(c, rest, &exchanged))
		rest = whole(&exchanged);
	str_clear(&c->bytes);
	(void)str_reserve(&c->bytes, c->sent.len + rest.len + c->owners.len + 1000);
	str_add_bytes(&c->bytes, sent.at, (size_t)(metadata.at - sent.at));
	add_metadata(c, metadata, rest, &c->bytes);
	str_add_bytes(&c->bytes, rest.at, rest.len);
}

/* ---- the steps of an attempt ---- */

static bool is_uid_of(const struct object *o, struct span uid)
{
	auto_free char *text = scan_text(uid);
	return object_has_uid(o, text);
}

/* Somebody's idea of the object's identity is right, or there is none. */
static bool is_that_object(const struct change *c, struct span metadata)
{
	struct span uid = scan_member(metadata, "uid");
	struct span version = scan_member(metadata, "resourceVersion");
	char current[24];
	if (version.at && version.len == 2) /* "" */
		version = (struct span){ 0 };
	/* Who sends these with a new object owns them, though they are not kept. */
	if (!c->old)
		return !version.at && !scan_member(metadata, "deletionTimestamp").at &&
		       !scan_member(metadata, "deletionGracePeriodSeconds").at;
	int n = snprintf(current, sizeof current, "%llu", (unsigned long long)c->old->version);
	assert(n > 0);
	bool is_free = c->verb != CHANGE_UPDATE || !c->kind->needs_version_on_update;
	return !c->old->is_deleting && !c->old->raw &&
	       (!uid.at || uid.len == 2 || is_uid_of(c->old, uid)) &&
	       (version.at ? scan_is(version, current) : is_free);
}

static bool note_owners(struct change *c, struct span metadata)
{
	AUTO_STR before;
	str_init(&before, RENDER_LIMIT);
	if (c->old)
		object_unowned_bytes(c->old, &before);
	else
		schema_print_bare(c->kind->type, &before);
	struct owners_input in = { .before = whole(&before),
				   .now = whole(&c->bytes),
				   .sent = scan_member(metadata, "managedFields"),
				   .is_create = !c->old };
	return str_ok(&before) && managed_note_bytes(c, &in);
}

bool straight_build(struct change *c)
{
	struct span metadata = scan_member(whole(&c->sent), "metadata");
	struct span old = { 0 };
	*c->uid = '\0'; /* it is the loop's to draw one */
	/* A definition that was exchanged since has other rules, or is stored as another version. */
	if (c->kind != c->asked || c->kind->revision != c->sent_revision ||
	    !is_that_object(c, metadata))
		return false;
	put_together(c);
	if (c->old)
		old = (struct span){ c->old->bytes, c->old->len };
	return str_ok(&c->bytes) && sound_object(c->kind, whole(&c->bytes), old) &&
	       note_owners(c, metadata);
}

int straight_admit(struct change *c, struct failure *f)
{
	if (!c->old)
		server_new_uid(c->server, c->uid);
	if (admit_namespace(c, f) < 0)
		return -1;
	if (change_is_kind(c, "coordination.k8s.io", "Lease")) {
		struct span before = { 0 }, now = scan_member(whole(&c->sent), "spec");
		if (c->old)
			before = scan_member((struct span){ c->old->bytes, c->old->len }, "spec");
		auto_free char *was = scan_text(scan_member(before, "holderIdentity"));
		auto_free char *is = scan_text(scan_member(now, "holderIdentity"));
		auto_free char *transitions = scan_text(scan_member(now, "leaseTransitions"));
		admit_fence(c, is ? is : "", was ? was : "", transitions ? transitions : "0");
	}
	return 0;
}

int straight_print(struct change *c, struct failure *f)
{
	put_together(c);
	managed_put(c);
	return str_ok(&c->bytes) ? 0 : change_too_large(f);
}

int straight_validate(struct change *c, struct failure *f)
{
	if (admit_node(c, f) < 0)
		return -1;
	/* One more of these kinds may be too many, but no change of one costs anything. */
	return c->is_create ? admit_quota(c, f) : 0;
}
