#include "nodeagent/node_images.h"

#include "common/io/log.h"
#include "nodeagent/pod.h"

#define LOOK_MS     60000
#define SHORT_MS    10000
#define UNUSED_MS   120000 /* younger ones may be about to be used */
#define SHOWN_MAX   50
#define NAMES_SHOWN 5
#define IMAGES_MAX  4096

struct image {
	char *id;
	char **names; /* digests first, then tags */
	size_t names_count;
	uint64_t size;
	bool is_pulled;  /* a registry has it */
	int64_t used_ms; /* last seen in use, or first seen */
};

struct node_images {
	struct agent *agent;
	struct image *at; /* largest first */
	size_t count;
	struct runtime_call *call;
	int64_t asked_ms;
	bool is_disk_short;
	char *removing;
};

static void image_fini(struct image *i)
{
	for (size_t k = 0; k < i->names_count; k++)
		free(i->names[k]);
	free(i->names);
	free(i->id);
}

static void drop_all(struct image *at, size_t count)
{
	for (size_t i = 0; i < count; i++)
		image_fini(&at[i]);
	free(at);
}

struct node_images *node_images_new(struct agent *a)
{
	struct node_images *n = xcalloc(1, sizeof(*n));
	n->agent = a;
	return n;
}

void node_images_free(struct node_images *n)
{
	if (!n)
		return;
	if (n->call)
		runtime_cancel(n->agent->runtime, n->call);
	drop_all(n->at, n->count);
	free(n->removing);
	free(n);
}

/* ---- what is used ---- */

static bool is_called(const struct image *i, const char *name)
{
	if (!name || streq(i->id, name))
		return name != NULL;
	for (size_t k = 0; k < i->names_count; k++)
		if (streq(i->names[k], name))
			return true;
	return false;
}

static bool is_in_spec(const struct image *i, const struct pod *p)
{
	static const char *const lists[] = { "spec.initContainers", "spec.containers" };
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		size_t k;
		json_t *c;
		json_array_foreach (json_dig(p->object, lists[l]), k, c) {
			if (is_called(i, json_str(c, "image")))
				return true;
		}
	}
	return false;
}

static bool is_used(const struct node_images *n, const struct image *i)
{
	const char *uid;
	void *value;
	for (size_t k = 0; (k = map_next(&n->agent->pods, k, &uid, &value)) != 0;) {
		const struct pod *p = value;
		if (is_in_spec(i, p))
			return true;
		for (size_t v = 0; v < p->view.instances_count; v++)
			if (is_called(i, p->view.instances[v].image_ref) ||
			    is_called(i, p->view.instances[v].image))
				return true;
	}
	return false;
}

/* ---- removing ---- */

static void on_removed(void *ctx, const struct cri_reply *reply)
{
	struct node_images *n = ctx;
	n->call = NULL;
	if (reply->code == 0)
		log_info("node", "image removed, the disk is full", "image", n->removing);
	else
		log_warn("node", "image not removed", "image", n->removing, "why", reply->message);
	free(n->removing);
	n->removing = NULL;
	n->asked_ms = 0; /* look again: the disk, then the images */
}

/* The one that was not used for longest. */
static void remove_one(struct node_images *n, int64_t now_ms)
{
	const struct image *best = NULL;
	for (size_t i = 0; i < n->count; i++) {
		const struct image *it = &n->at[i];
		if (it->is_pulled && now_ms - it->used_ms >= UNUSED_MS &&
		    (!best || it->used_ms < best->used_ms))
			best = it;
	}
	if (!best)
		return;
	n->removing = xstrdup(best->id);
	n->call =
		runtime_start(n->agent->runtime,
			      &(struct cri_request){ .op = CRI_REMOVE_IMAGE, .image = n->removing },
			      on_removed, n);
}

/* ---- the list ---- */

static void add_names(struct image *i, const struct cri_texts *from)
{
	for (size_t k = 0; k < from->count; k++) {
		i->names = xrealloc(i->names, i->names_count + 1, sizeof(*i->names));
		i->names[i->names_count++] = xstrdup(from->at[k]);
	}
}

static int64_t used_before(const struct node_images *n, const char *id, int64_t otherwise)
{
	for (size_t i = 0; i < n->count; i++)
		if (streq(n->at[i].id, id))
			return n->at[i].used_ms;
	return otherwise;
}

static int by_size(const void *a, const void *b)
{
	const struct image *x = a, *y = b;
	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return strcmp(x->id, y->id);
}

static void on_images(void *ctx, const struct cri_reply *reply)
{
	struct node_images *n = ctx;
	int64_t now_ms = loop_now_ms(n->agent->loop);
	n->call = NULL;
	if (reply->code < 0)
		return;
	size_t count = MIN(reply->images_count, (size_t)IMAGES_MAX);
	struct image *at = xcalloc(MAX(count, (size_t)1), sizeof(*at));
	for (size_t k = 0; k < count; k++) {
		const struct cri_image *from = &reply->images[k];
		struct image *i = &at[k];
		*i = (struct image){ .id = xstrdup(from->id), .size = from->size };
		for (size_t d = 0; d < from->digests.count; d++)
			i->is_pulled =
				i->is_pulled || (!starts_with(from->digests.at[d], "import-") &&
						 !starts_with(from->digests.at[d], "localhost/"));
		add_names(i, &from->digests);
		add_names(i, &from->tags);
		i->used_ms = is_used(n, i) ? now_ms : used_before(n, i->id, now_ms);
	}
	qsort(at, count, sizeof(*at), by_size);
	drop_all(n->at, n->count);
	n->at = at;
	n->count = count;
	if (n->is_disk_short)
		remove_one(n, now_ms);
}

void node_images_look(struct node_images *n, bool is_disk_short)
{
	int64_t now_ms = loop_now_ms(n->agent->loop);
	n->is_disk_short = is_disk_short;
	if (n->call || !n->agent->is_running ||
	    (n->asked_ms > 0 && now_ms < n->asked_ms + (is_disk_short ? SHORT_MS : LOOK_MS)))
		return;
	n->asked_ms = now_ms;
	n->call = runtime_start(n->agent->runtime, &(struct cri_request){ .op = CRI_LIST_IMAGES },
				on_images, n);
}

json_t *node_images_status(const struct node_images *n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n->count && i < SHOWN_MAX; i++) {
		json_t *names = json_array();
		for (size_t k = 0; k < n->at[i].names_count && k < NAMES_SHOWN; k++)
			json_array_append_new(names, json_string(n->at[i].names[k]));
		json_array_append_new(list, json_pack("{s:o, s:I}", "names", names, "sizeBytes",
						      (json_int_t)n->at[i].size));
	}
	return list;
}
