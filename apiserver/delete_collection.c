/* Deletion of every selected object, some at a time. */
#include "apiserver/delete.h"
#include "apiserver/read.h"

#define PARALLEL_MAX 256

struct collection {
	struct request *r;
	json_t *options;
	bool is_dry_run;
	struct index index; /* the state it began with */
	struct index_cursor at;
	struct selection what;
	size_t running;
	bool is_walking, is_walked;
	struct failure failure; /* the first */
	struct str answer;
	bool has_items;
	uint64_t version;
};

static void collection_step(struct collection *l);

/* The answer grows as its objects go: it may be as long as a list. */
static void begin_answer(struct collection *l)
{
	AUTO_STR api_version;
	str_init(&api_version, 256);
	schema_api_version(l->what.kind, &api_version);
	str_addf(&l->answer,
		 "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":"
		 "\"%llu\"},\"items\":[",
		 l->what.kind->list_kind, api_version.data, (unsigned long long)l->version);
}

static void collection_end(struct collection *l)
{
	struct request *r = l->r;
	struct failure f = l->failure;
	AUTO_STR answer = l->answer;
	bool is_plain = r->accept.encoding == SCHEMA_JSON && !r->accept.is_pretty;
	str_add(&answer, "]}");
	selection_fini(&l->what);
	index_fini(&l->index);
	json_decref(l->options);
	free(l);
	if (f.code)
		reply_failure(r, &f);
	else if (is_plain)
		reply_whole(r, "application/json", false, &answer);
	else
		reply_json(r, 200, answer.data, answer.len);
}

static void one_of_many(struct deletion *d, struct object *o, bool is_gone, uint64_t revision,
			struct failure *f)
{
	struct collection *l = d->of;
	(void)is_gone;
	(void)revision;
	if (!f) {
		if (l->has_items)
			str_add_char(&l->answer, ',');
		l->has_items = true;
		render_as(l->what.kind, o, false, &l->answer);
	} else if (f->code != 404 && !l->failure.code) {
		l->failure = *f;
		*f = (struct failure){ 0 };
	} else {
		failure_fini(f);
	}
	l->running--;
	deletion_free(d);
	if (!l->is_walking)
		collection_step(l);
}

static void collection_step(struct collection *l)
{
	l->is_walking = true;
	while (!l->is_walked && !l->failure.code && l->running < PARALLEL_MAX) {
		struct object *o = index_next(&l->index, &l->at);
		if (!o || !starts_with(o->key, l->what.prefix)) {
			l->is_walked = true;
			break;
		}
		if (!selection_has(&l->what, o))
			continue;
		struct deletion *d =
			deletion_new(l->r, o->ns, o->name, l->options, l->is_dry_run, one_of_many);
		d->of = l;
		l->running++;
		deletion_attempt(d);
	}
	l->is_walking = false;
	if (l->running == 0)
		collection_end(l);
}

static void collection_begin(void *ctx, const struct error *err)
{
	struct collection *l = ctx;
	if (err) {
		fail_unavailable(&l->failure, "%s", err->text);
	} else {
		l->index = index_snapshot(hub_index(l->r->server->hub, l->what.kind));
		l->at = index_seek(&l->index, l->what.prefix);
		l->version = hub_version(l->r->server->hub);
		begin_answer(l);
	}
	l->is_walked = err != NULL;
	collection_step(l);
}

void delete_collection(struct request *r, const json_t *options, bool is_dry_run)
{
	struct failure f = { 0 };
	struct collection *l = xcalloc(1, sizeof *l);
	*l = (struct collection){ .r = r, .is_dry_run = is_dry_run };
	if (selection_init(&l->what, r, &f) < 0) {
		free(l);
		reply_failure(r, &f);
		return;
	}
	l->options = json_incref((json_t *)options);
	str_init(&l->answer, RENDER_MAX);
	hub_when_fresh(r->server->hub, collection_begin, l);
}
