/*
 * A namespace's level is raised: those of its pods are told of that do not keep to it. There may be
 * many, so a worker looks at them, and not for long.
 */
#include "apiserver/change.h"
#include "apiserver/pod_security.h"
#include "apiserver/work.h"
#include "common/base/jsonx.h"
#include "common/base/map.h"

#include <time.h>

#define WHY_MAX     32768
#define PODS_MAX    3000
#define TIME_MAX_MS 1000

struct complaint {
	char *reasons, *pod; /* the first by name */
	size_t count;
};

struct pods_check {
	struct change *c;
	void (*after)(void *change, bool is_gone);
	struct pod_security_mode mode;
	struct index pods; /* of all namespaces */
	char *prefix;
	/* what the worker finds */
	struct complaint *list;
	size_t list_count, checked, total;
	int64_t until_ms;
};

static int64_t clock_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void add_complaint(struct pods_check *p, const char *reasons, const char *pod)
{
	for (size_t i = 0; i < p->list_count; i++) {
		struct complaint *k = &p->list[i];
		if (!streq(k->reasons, reasons))
			continue;
		k->count++;
		if (strcmp(pod, k->pod) < 0) {
			free(k->pod);
			k->pod = xstrdup(pod);
		}
		return;
	}
	p->list = xrealloc(p->list, p->list_count + 1, sizeof *p->list);
	p->list[p->list_count++] = (struct complaint){ xstrdup(reasons), xstrdup(pod), 1 };
}

static bool is_over(const struct pods_check *p)
{
	return p->checked >= PODS_MAX || (p->checked && clock_ms() >= p->until_ms);
}

static void check_pod(struct pods_check *p, const struct object *o)
{
	AUTO_JSON *pod = object_tree_unowned(o);
	AUTO_STR why;
	AUTO_STR reasons;
	str_init(&why, WHY_MAX);
	str_init(&reasons, WHY_MAX);
	p->checked++;
	if (!pod_security_check(pod, p->mode.level, p->mode.minor, &why, &reasons))
		add_complaint(p, reasons.data, o->name);
}

/* The uid of what controls the pod, the caller's; NULL: nothing. */
static char *controller_of(const struct object *o)
{
	struct span owner, name;
	struct scan s = scan_open(scan_member(object_metadata(o), "ownerReferences"));
	while (scan_next(&s, &name, &owner)) {
		struct span flag = scan_member(owner, "controller");
		if (flag.len == 4 && memcmp(flag.at, "true", 4) == 0)
			return scan_text(scan_member(owner, "uid"));
	}
	return NULL;
}

/* Pods of one controller are much alike: its first ones come before the others of any. */
static void look(void *ctx)
{
	struct pods_check *p = ctx;
	struct map seen = { 0 };
	struct object **later = NULL, *o;
	size_t later_count = 0;
	struct index_cursor at = index_seek(&p->pods, p->prefix);
	p->until_ms = clock_ms() + TIME_MAX_MS;
	for (; (o = index_next(&p->pods, &at)) && starts_with(o->key, p->prefix); p->total++) {
		auto_free char *uid = is_over(p) ? NULL : controller_of(o);
		if (is_over(p))
			continue; /* counted only */
		if (!uid || !map_put(&seen, uid, o)) {
			check_pod(p, o);
		} else if (later_count < PODS_MAX) {
			later = xrealloc(later, later_count + 1, sizeof *later);
			later[later_count++] = o;
		}
	}
	for (size_t i = 0; i < later_count && !is_over(p); i++)
		check_pod(p, later[i]);
	free(later);
	map_fini(&seen);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *line_of(const struct complaint *k)
{
	if (k->count == 1)
		return xasprintf("%s: %s", k->pod, k->reasons);
	if (k->count == 2)
		return xasprintf("%s (and 1 other pod): %s", k->pod, k->reasons);
	return xasprintf("%s (and %zu other pods): %s", k->pod, k->count - 1, k->reasons);
}

static void tell(const struct pods_check *p)
{
	struct request *r = p->c->r;
	AUTO_STR mode;
	str_init(&mode, 128);
	pod_security_mode_text(&p->mode, &mode);
	if (p->checked < p->total)
		request_warn(r,
			     "new PodSecurity enforce level only checked against the first %zu of "
			     "%zu existing pods",
			     p->checked, p->total);
	if (p->list_count == 0)
		return;
	request_warn(r,
		     "existing pods in namespace \"%s\" violate the new PodSecurity enforce level "
		     "\"%s\"",
		     p->c->name, mode.data);
	char **lines = xcalloc(p->list_count, sizeof *lines);
	for (size_t i = 0; i < p->list_count; i++)
		lines[i] = line_of(&p->list[i]);
	qsort(lines, p->list_count, sizeof *lines, by_text);
	for (size_t i = 0; i < p->list_count; i++) {
		request_warn(r, "%s", lines[i]);
		free(lines[i]);
	}
	free(lines);
}

static void looked(void *ctx, bool is_gone)
{
	struct pods_check *p = ctx;
	struct change *c = p->c;
	void (*after)(void *change, bool gone) = p->after;
	c->has_looked = true;
	if (!is_gone)
		tell(p);
	for (size_t i = 0; i < p->list_count; i++) {
		free(p->list[i].reasons);
		free(p->list[i].pod);
	}
	free(p->list);
	free(p->prefix);
	index_fini(&p->pods);
	free(p);
	after(c, is_gone);
}

void admit_security_pods(struct change *c, void (*after)(void *change, bool is_gone))
{
	const struct schema_kind *kind = schema_kind_by_kind("", "v1", "Pod");
	struct pod_security_policy now;
	struct field_errors errors = { 0 };
	struct pods_check *p = xcalloc(1, sizeof *p);
	pod_security_policy_read(json_dig(c->tree, "metadata.labels"), &now, &errors);
	field_errors_fini(&errors);
	*p = (struct pods_check){ .c = c,
				  .after = after,
				  .mode = now.enforce,
				  .pods = index_snapshot(hub_index(c->server->hub, kind)),
				  .prefix = xasprintf("o/core/pods/%s/", c->name) };
	server_offload(c->server, look, looked, p);
}
