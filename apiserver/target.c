#include "apiserver/target.h"

#define SEGMENTS_MAX 12

static const char *const verb_names[VERB_COUNT] = { "get",    "list",  "watch",  "create",
						    "update", "patch", "delete", "deletecollection",
						    "none" };

const char *verb_name(enum verb v)
{
	return verb_names[v];
}

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
};

static void segments_fini(struct segments *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->at[i]);
}

/* False: broken escapes. What is beyond the last segment joins it with slashes. */
static bool split(const char *path, struct segments *s)
{
	while (*path == '/')
		path++;
	while (*path && s->count < SEGMENTS_MAX) {
		size_t n = s->count == SEGMENTS_MAX - 1 ? strlen(path) : strcspn(path, "/");
		char *piece = url_decode(path, n, false);
		if (!piece)
			return false;
		s->at[s->count++] = piece;
		path += n;
		path += *path == '/';
	}
	return true;
}

static char *take_segment(struct segments *s, size_t i)
{
	return i < s->count ? TAKE(s->at[i]) : NULL;
}

static char *join_rest(const struct segments *s, size_t from)
{
	if (from >= s->count)
		return NULL;
	AUTO_STR out;
	str_init(&out, 16384);
	for (size_t i = from; i < s->count; i++)
		str_addf(&out, "%s%s", i > from ? "/" : "", s->at[i]);
	return str_take(&out);
}

/* Behind the version: [namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE[/REST]]]. A namespace itself is
 * namespaces/NAME, and its subresources are these two words. */
static size_t namespaced(const struct segments *s, size_t i)
{
	if (i + 2 >= s->count || !streq(s->at[i], "namespaces"))
		return 0;
	return !streq(s->at[i + 2], "status") && !streq(s->at[i + 2], "finalize") ? 2 : 0;
}

static void parse_resource(const struct kinds *kinds, struct target *t, struct segments *s,
			   size_t i)
{
	if (namespaced(s, i)) {
		t->ns = TAKE(s->at[i + 1]);
		i += 2;
	}
	t->rest = join_rest(s, i + 3);
	t->resource = take_segment(s, i);
	t->name = take_segment(s, i + 1);
	t->subresource = take_segment(s, i + 2);
	t->kind = kinds_by_resource(kinds, t->group, t->version, t->resource);
	if (t->name && !t->ns && streq(t->resource, "namespaces"))
		t->ns = xstrdup(t->name);
}

int target_parse(const struct kinds *kinds, const char *method, const char *path,
		 const struct query *query, struct target *ret, struct error *err)
{
	struct segments s = { 0 };
	if (!split(path, &s)) {
		segments_fini(&s);
		return error_set(err, ERR_MALFORMED, "the path of the URL cannot be read");
	}
	struct target t = { 0 };
	bool core = s.count >= 3 && streq(s.at[0], "api");
	bool named = s.count >= 4 && streq(s.at[0], "apis");
	if (core || named) {
		t.is_resource = true;
		t.group = core ? xstrdup("") : TAKE(s.at[1]);
		t.version = TAKE(s.at[core ? 1 : 2]);
		parse_resource(kinds, &t, &s, core ? 2 : 3);
		t.verb = verb_of(method, t.name != NULL, query_bool(query, "watch"));
	}
	for (size_t i = 0; i < s.count; i++)
		free(s.at[i]);
	*ret = t;
	return 0;
}

void target_fini(struct target *t)
{
	free(t->group);
	free(t->version);
	free(t->resource);
	free(t->ns);
	free(t->name);
	free(t->subresource);
	free(t->rest);
	*t = (struct target){ 0 };
}
