/* LimitRanger: defaults for containers that ask for nothing, and bounds for those that ask. */
#include "apiserver/change.h"
#include "apiserver/read.h"
#include "common/base/jsonx.h"
#include "schemas/quantity.h"

#include <stdio.h>

#define ANNOTATION  "kubernetes.io/limit-ranger"
#define MESSAGE_MAX 32768

/* ---- the namespace's ranges ---- */

struct walk {
	const struct index *index;
	struct index_cursor at;
	char *prefix;
};

static struct walk walk_begin(struct change *c)
{
	const struct schema_kind *kind = schema_kind_by_kind("", "v1", "LimitRange");
	struct walk w = { .index = hub_index(c->server->hub, kind),
			  .prefix = xasprintf("o/core/limitranges/%s/", c->ns) };
	w.at = index_seek(w.index, w.prefix);
	return w;
}

/* The next range as a tree of the caller's; NULL: the walk is over. */
static json_t *walk_next(struct walk *w)
{
	struct object *o = index_next(w->index, &w->at);
	if (o && starts_with(o->key, w->prefix))
		return object_tree_unowned(o);
	free(TAKE(w->prefix));
	return NULL;
}

/* ---- defaults ---- */

/* Members of `defaults` that the container lacks; their names, sorted, go to `names`. */
static void fill(json_t *container, const char *path, const json_t *defaults, struct str *names)
{
	AUTO_JSON *sorted = json_object();
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)defaults, key, value)
		if (!json_object_get(json_dig(container, path), key))
			json_object_set(sorted, key, value);
	if (!json_object_size(sorted))
		return;
	if (!json_dig(container, path))
		json_put(container, path, json_object());
	struct str *out = names;
	for (size_t left = json_object_size(sorted); left; left--) {
		const char *least = NULL;
		json_object_foreach (sorted, key, value)
			if (!least || strcmp(key, least) < 0)
				least = key;
		auto_free char *name = xstrdup(least);
		json_object_set(json_dig(container, path), name, json_object_get(sorted, name));
		str_addf(out, "%s%s", out->len ? ", " : "", name);
		json_object_del(sorted, name);
	}
}

static void fill_container(json_t *container, const json_t *limit, const char *what,
			   struct str *notes)
{
	static const struct {
		const char *path, *defaults, *word;
	} parts[] = { { "resources.requests", "defaultRequest", "request" },
		      { "resources.limits", "default", "limit" } };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		AUTO_STR names;
		str_init(&names, MESSAGE_MAX);
		fill(container, parts[i].path, json_object_get(limit, parts[i].defaults), &names);
		if (names.len)
			str_addf(notes, "%s%s %s for %s %s", notes->len ? "; " : "", names.data,
				 parts[i].word, what, json_str_or(container, "name", ""));
	}
}

static void fill_pod(json_t *spec, const json_t *limit, struct str *notes)
{
	size_t i;
	json_t *container;
	json_array_foreach (json_object_get(spec, "containers"), i, container)
		fill_container(container, limit, "container", notes);
	json_array_foreach (json_object_get(spec, "initContainers"), i, container)
		fill_container(container, limit, "init container", notes);
}

static bool is_type(const json_t *limit, const char *type)
{
	return streq(json_str_or(limit, "type", ""), type);
}

int admit_limits(struct change *c)
{
	struct walk w = walk_begin(c);
	for (json_t *range; (range = walk_next(&w)); json_decref(range)) {
		AUTO_STR notes;
		size_t i;
		json_t *limit;
		str_init(&notes, MESSAGE_MAX);
		json_array_foreach (json_dig(range, "spec.limits"), i, limit)
			if (is_type(limit, "Container"))
				fill_pod(json_object_get(c->tree, "spec"), limit, &notes);
		if (!notes.len)
			continue;
		if (!json_dig(c->tree, "metadata.annotations"))
			json_put(c->tree, "metadata.annotations", json_object());
		auto_free char *text = xasprintf("LimitRanger plugin set: %s", notes.data);
		json_object_set_new(json_dig(c->tree, "metadata.annotations"), ANNOTATION,
				    json_string(text));
	}
	return 0;
}

/* ---- bounds ---- */

struct errors {
	struct str text;
	size_t count;
};

PRINTF_LIKE(2, 3) static void add_error(struct errors *e, const char *fmt, ...)
{
	va_list args;
	str_add(&e->text, e->count++ ? ", " : "");
	va_start(args, fmt);
	str_vaddf(&e->text, fmt, args);
	va_end(args);
}

static const char *amount(const json_t *list, const char *key)
{
	const json_t *v = json_object_get(list, key);
	return json_is_string(v) ? json_string_value(v) : NULL;
}

/* a < b: -1, a > b: 1 */
static int compare(const char *a, const char *b)
{
	int64_t x = quantity_milli(a), y = quantity_milli(b);
	if (x == y && x == INT64_MAX) {
		x = quantity_value(a);
		y = quantity_value(b);
	}
	return (x > y) - (x < y);
}

static void check_min(struct errors *e, const char *type, const char *name, const char *bound,
		      const char *request, const char *limit)
{
	if (!request)
		add_error(e, "minimum %s usage per %s is %s.  No request is specified", name, type,
			  bound);
	else if (compare(request, bound) < 0)
		add_error(e, "minimum %s usage per %s is %s, but request is %s", name, type, bound,
			  request);
	else if (limit && compare(limit, bound) < 0)
		add_error(e, "minimum %s usage per %s is %s, but limit is %s", name, type, bound,
			  limit);
}

static void check_max(struct errors *e, const char *type, const char *name, const char *bound,
		      const char *request, const char *limit)
{
	if (!limit)
		add_error(e, "maximum %s usage per %s is %s.  No limit is specified", name, type,
			  bound);
	else if (compare(limit, bound) > 0)
		add_error(e, "maximum %s usage per %s is %s, but limit is %s", name, type, bound,
			  limit);
	else if (request && compare(request, bound) > 0)
		add_error(e, "maximum %s usage per %s is %s, but request is %s", name, type, bound,
			  request);
}

static void check_ratio(struct errors *e, const char *type, const char *name, const char *bound,
			const char *request, const char *limit)
{
	int64_t asked = request ? quantity_milli(request) : 0;
	int64_t most = limit ? quantity_milli(limit) : 0;
	if (!asked)
		add_error(e,
			  "%s max limit to request ratio per %s is %s, but no request is "
			  "specified or request is 0",
			  name, type, bound);
	else if (!most)
		add_error(e,
			  "%s max limit to request ratio per %s is %s, but no limit is "
			  "specified or limit is 0",
			  name, type, bound);
	else if ((double)most / (double)asked * 1000 > (double)quantity_milli(bound))
		add_error(e, "%s max limit to request ratio per %s is %s, but provided ratio is %f",
			  name, type, bound, (double)most / (double)asked);
}

typedef void check_bound(struct errors *e, const char *type, const char *name, const char *bound,
			 const char *request, const char *limit);

static void check_list(struct errors *e, const json_t *limit, const char *member,
		       check_bound *check, const json_t *requests, const json_t *limits)
{
	const char *key;
	json_t *bound;
	json_object_foreach (json_object_get(limit, member), key, bound)
		check(e, json_str_or(limit, "type", ""), key, json_string_value(bound),
		      amount(requests, key), amount(limits, key));
}

static void check_resources(struct errors *e, const json_t *limit, const json_t *requests,
			    const json_t *limits)
{
	check_list(e, limit, "min", check_min, requests, limits);
	check_list(e, limit, "max", check_max, requests, limits);
	check_list(e, limit, "maxLimitRequestRatio", check_ratio, requests, limits);
}

/* ---- what a whole pod asks for ---- */

static bool is_bytes(const char *name)
{
	return streq(name, "memory") || streq(name, "ephemeral-storage") ||
	       starts_with(name, "hugepages-") || streq(name, "storage");
}

static void put_amount(json_t *sums, const char *name, int64_t milli)
{
	char text[QUANTITY_TEXT_SIZE];
	if (is_bytes(name) && milli % 1000 == 0)
		quantity_from_bytes(milli / 1000, text);
	else
		quantity_from_milli(milli, text);
	json_object_set_new(sums, name, json_string(text));
}

static int64_t milli_of(const json_t *list, const char *name)
{
	const char *text = amount(list, name);
	return text ? quantity_milli(text) : 0;
}

static void add_list(json_t *sums, const json_t *list)
{
	const char *name;
	json_t *v;
	json_object_foreach ((json_t *)(uintptr_t)list, name, v)
		put_amount(sums, name, milli_of(sums, name) + milli_of(list, name));
}

static void max_list(json_t *sums, const json_t *list)
{
	const char *name;
	json_t *v;
	json_object_foreach ((json_t *)(uintptr_t)list, name, v)
		if (!amount(sums, name) || milli_of(list, name) > milli_of(sums, name))
			json_object_set(sums, name, v);
}

json_t *pod_amounts(const json_t *spec, const char *what)
{
	json_t *sums = json_object(), *container;
	AUTO_JSON *most = json_object();   /* of the steps before the containers run */
	AUTO_JSON *beside = json_object(); /* sidecars so far */
	size_t i;
	json_array_foreach (json_object_get(spec, "containers"), i, container)
		add_list(sums, json_object_get(json_object_get(container, "resources"), what));
	json_array_foreach (json_object_get(spec, "initContainers"), i, container) {
		json_t *list = json_object_get(json_object_get(container, "resources"), what);
		AUTO_JSON *step = json_object();
		if (streq(json_str_or(container, "restartPolicy", ""), "Always")) {
			add_list(sums, list);
			add_list(beside, list);
			add_list(step, beside);
		} else {
			add_list(step, list);
			add_list(step, beside);
		}
		max_list(most, step);
	}
	max_list(sums, most);
	const char *name;
	json_t *v;
	json_object_foreach (json_object_get(json_object_get(spec, "resources"), what), name, v)
		json_object_set(sums, name, v);
	return sums;
}

/* ---- checking ---- */

static void check_containers(struct errors *e, const json_t *limit, const json_t *list)
{
	size_t i;
	json_t *c;
	json_array_foreach ((json_t *)(uintptr_t)list, i, c)
		check_resources(e, limit, json_dig(c, "resources.requests"),
				json_dig(c, "resources.limits"));
}

static void check_pod(struct errors *e, const json_t *limit, const json_t *spec)
{
	if (is_type(limit, "Container")) {
		check_containers(e, limit, json_object_get(spec, "containers"));
		check_containers(e, limit, json_object_get(spec, "initContainers"));
	} else if (is_type(limit, "Pod")) {
		AUTO_JSON *requests = pod_amounts(spec, "requests");
		AUTO_JSON *limits = pod_amounts(spec, "limits");
		check_resources(e, limit, requests, limits);
	}
}

/* A claim has no limits: its request is what is bounded. */
static void check_claim(struct errors *e, const json_t *limit, const json_t *tree)
{
	const json_t *requests = json_dig(tree, "spec.resources.requests");
	if (!is_type(limit, "PersistentVolumeClaim"))
		return;
	check_list(e, limit, "min", check_min, requests, NULL);
	const char *key;
	json_t *bound;
	json_object_foreach (json_object_get(limit, "max"), key, bound) {
		const char *request = amount(requests, key), *most = json_string_value(bound);
		if (!request)
			add_error(e,
				  "maximum %s usage per PersistentVolumeClaim is %s.  No "
				  "request is specified",
				  key, most);
		else if (compare(request, most) > 0)
			add_error(e,
				  "maximum %s usage per PersistentVolumeClaim is %s, but "
				  "request is %s",
				  key, most, request);
	}
}

int admit_check_limits(struct change *c, struct failure *f)
{
	bool is_pod = change_is_kind(c, "", "Pod") && (c->is_create || c->part == PART_RESIZE);
	bool is_claim = change_is_kind(c, "", "PersistentVolumeClaim");
	if ((c->part != PART_MAIN && c->part != PART_RESIZE) || (!is_pod && !is_claim))
		return 0;
	struct errors e = { .count = 0 };
	str_init(&e.text, MESSAGE_MAX);
	struct walk w = walk_begin(c);
	for (json_t *range; (range = walk_next(&w)); json_decref(range)) {
		size_t i;
		json_t *limit;
		json_array_foreach (json_dig(range, "spec.limits"), i, limit) {
			if (is_pod)
				check_pod(&e, limit, json_object_get(c->tree, "spec"));
			else
				check_claim(&e, limit, c->tree);
		}
	}
	int code = e.count ? fail_forbidden(f, c->kind, c->name, e.count > 1 ? "[%s]" : "%s",
					    e.text.data)
			   : 0;
	str_fini(&e.text);
	return code;
}
