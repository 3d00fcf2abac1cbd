/* Deletion of every selected object, some at a time. */
#include "apiserver/delete.h"
#include "apiserver/list_internal.h"
#include "apiserver/read.h"
#include "common/base/jsonx.h"

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
	char *start;   /* the key where a continued one begins */
	char *end;     /* the key where its limit ends it; NULL: there is none before the last */
	int64_t limit; /* 0: none */
};

static void collection_step(struct collection *l);

/* Where the one begins that the limit leaves over. */
static void find_end(struct collection *l)
{
	struct index_cursor c = l->at;
	struct object *o;
	int64_t left = l->limit;
	while (l->limit && !l->end && (o = index_next(&l->index, &c)) &&
	       starts_with(o->key, l->what.prefix))
		if (selection_has(&l->what, o) && left-- == 0)
			l->end = xstrdup(o->key);
}

/* The answer grows as its objects go: it may be as long as a list. */
static void begin_answer(struct collection *l)
{
	AUTO_STR api_version, token;
	str_init(&token, 8192);
	if (l->end)
		list_add_token((int64_t)l->version, l->end, &token);
	str_init(&api_version, 256);
	schema_api_version(l->what.kind, &api_version);
	str_addf(&l->answer,
		 "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":"
		 "\"%llu\"%s%s%s},\"items\":[",
		 l->what.kind->list_kind, api_version.data, (unsigned long long)l->version,
		 l->end ? ",\"continue\":\"" : "", l->end ? token.data : "", l->end ? "\"" : "");
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
	free(l->start);
	free(l->end);
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
		if (!o || !starts_with(o->key, l->what.prefix) ||
		    (l->end && strcmp(o->key, l->end) >= 0)) {
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
		l->at = index_seek(&l->index, l->start ? l->start : l->what.prefix);
		l->version = hub_version(l->r->server->hub);
		find_end(l);
		begin_answer(l);
	}
	l->is_walked = err != NULL;
	collection_step(l);
}

/* It has the options of a list, and takes no more than that would show. A version is one that each
 * object must have: the original makes a precondition of it. */
static int read_options(struct collection *l, const json_t *options, struct failure *f)
{
	bool is_set;
	struct list list = { .r = l->r, .server = l->r->server, .what = l->what };
	int code = list_read_options(&list, &is_set, f);
	l->start = list.start;
	l->limit = list.limit;
	if (code < 0)
		return code;
	const char *version = query_get(&l->r->query, "resourceVersion");
	l->options = options ? json_deep_copy(options) : json_object();
	if (is_set && !json_dig(l->options, "preconditions.resourceVersion"))
		json_put_str(l->options, "preconditions.resourceVersion", version);
	return 0;
}

void delete_collection(struct request *r, const json_t *options, bool is_dry_run)
{
	struct failure f = { 0 };
	struct collection *l = xcalloc(1, sizeof *l);
	*l = (struct collection){ .r = r, .is_dry_run = is_dry_run };
	int code = selection_init(&l->what, r, &f);
	if (code == 0 && (code = read_options(l, options, &f)) < 0)
		selection_fini(&l->what);
	if (code < 0) {
		free(l->start);
		free(l);
		reply_failure(r, &f);
		return;
	}
	str_init(&l->answer, RENDER_MAX);
	hub_when_fresh(r->server->hub, collection_begin, l);
}
