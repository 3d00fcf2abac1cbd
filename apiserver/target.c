#include "apiserver/target.h"

#define SEGMENTS_MAX 12

static const char *const verb_names[VERB_COUNT] = { "get",    "list",  "watch",  "create",
						    "update", "patch", "delete", "deletecollection",
						    "none" };

const char *verb_name(enum verb v)
{
	return verb_names[v];
}

const char *verb_options(enum verb v)
{
	static const char *const names[VERB_COUNT] = {
		[VERB_GET] = "GetOptions",       [VERB_LIST] = "ListOptions",
		[VERB_WATCH] = "ListOptions",    [VERB_CREATE] = "CreateOptions",
		[VERB_UPDATE] = "UpdateOptions", [VERB_PATCH] = "PatchOptions",
		[VERB_DELETE] = "DeleteOptions", [VERB_DELETE_COLLECTION] = "DeleteOptions",
		[VERB_NONE] = "GetOptions",
	};
	return names[v];
}

/* One object is read, not watched, but on the old paths. */
static enum verb verb_of(const char *method, bool has_name, bool is_watch)
{
	if (streq(method, "GET") || streq(method, "HEAD"))
		return has_name && !is_watch ? VERB_GET : is_watch ? VERB_WATCH : VERB_LIST;
	if (streq(method, "POST"))
		return VERB_CREATE;
	if (streq(method, "PUT"))
		return VERB_UPDATE;
	if (streq(method, "PATCH"))
		return VERB_PATCH;
	if (streq(method, "DELETE"))
		return has_name ? VERB_DELETE : VERB_DELETE_COLLECTION;
	return VERB_NONE;
}

struct segments {
	char *at[SEGMENTS_MAX];
	size_t count;
	char *rest; /* room for a joined text */
};

/* False: broken escapes. What is beyond the last segment joins it with slashes. All is decoded into
 * `room`, which has twice the path's length and two bytes more. */
static bool split(const char *path, char *room, struct segments *s)
{
	while (*path == '/')
		path++;
	while (*path && s->count < SEGMENTS_MAX) {
		size_t n = s->count == SEGMENTS_MAX - 1 ? strlen(path) : strcspn(path, "/");
		ssize_t len = url_decode_to(room, path, n, false);
		if (len < 0)
			return false;
		s->at[s->count++] = room;
		room += len + 1;
		path += n;
		path += *path == '/';
	}
	s->rest = room;
	return true;
}

static char *segment(const struct segments *s, size_t i)
{
	return i < s->count ? s->at[i] : NULL;
}

/* What a segment decodes to may hold slashes itself. */
static char *join_rest(const struct segments *s, size_t from)
{
	char *to = s->rest;
	for (size_t i = from; i < s->count; i++) {
		size_t n = strlen(s->at[i]);
		memcpy(to, s->at[i], n + 1);
		to += n;
		if (i + 1 < s->count)
			*to++ = '/';
	}
	return from < s->count ? s->rest : NULL;
}

/* Behind the version: [namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE[/REST]]]. A namespace itself is
 * namespaces/NAME, and its subresources are these two words. */
static size_t namespaced(const struct segments *s, size_t i)
{
	if (i + 2 >= s->count || !streq(s->at[i], "namespaces"))
		return 0;
	return !streq(s->at[i + 2], "status") && !streq(s->at[i + 2], "finalize") ? 2 : 0;
}

static void parse_resource(const struct kinds *kinds, struct target *t, const struct segments *s,
			   size_t i)
{
	if (namespaced(s, i)) {
		t->ns = s->at[i + 1];
		i += 2;
	}
	t->rest = join_rest(s, i + 3);
	t->resource = segment(s, i);
	t->name = segment(s, i + 1);
	t->subresource = segment(s, i + 2);
	t->kind = kinds_by_resource(kinds, t->group, t->version, t->resource);
	if (t->name && !t->ns && streq(t->resource, "namespaces"))
		t->ns = t->name;
}

int target_parse(const struct kinds *kinds, const char *method, const char *path,
		 const struct query *query, struct target *ret, struct error *err)
{
	struct segments s = { .count = 0 };
	struct target *t = ret;
	size_t size = 2 * strlen(path) + 2;
	memset(t, 0, offsetof(struct target, room));
	t->text = size <= sizeof t->room ? t->room : xcalloc(size, 1);
	if (!split(path, t->text, &s)) {
		target_fini(t);
		return error_set(err, ERR_MALFORMED, "the path of the URL cannot be read");
	}
	bool core = s.count >= 3 && streq(s.at[0], "api");
	bool named = s.count >= 4 && streq(s.at[0], "apis");
	if (core || named) {
		t->is_resource = true;
		t->group = core ? "" : s.at[1];
		t->version = s.at[core ? 1 : 2];
		size_t at = core ? 2 : 3;
		bool old_watch = streq(s.at[at], "watch"); /* …/v1/watch/pods */
		parse_resource(kinds, t, &s, at + old_watch);
		t->verb = verb_of(method, t->name != NULL,
				  old_watch || (!t->name && query_bool(query, "watch")));
		if (streq(method, "HEAD") || (old_watch && t->verb != VERB_WATCH))
			t->verb = VERB_NONE;
	}
	return 0;
}

void target_fini(struct target *t)
{
	if (t->text != t->room)
		free(t->text);
	free(t->given);
	memset(t, 0, offsetof(struct target, room));
}
