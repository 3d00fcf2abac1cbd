/* The system's own objects are created through the very handlers that clients use, so that they
 * are defaulted, validated and allocated like all others. Each step is one look at what is not known
 * to be right; what was asked for is not asked for again before it had the time to arrive. So servers
 * that start together, or one that is killed on the way, leave nothing but what the next look finds
 * right. */
#include "apiserver/bootstrap.h"
#include "apiserver/bootstrap_internal.h"
#include "apiserver/endpoints_keep.h"
#include "apiserver/flow_defaults.h"
#include "apiserver/own_exchange.h"
#include "apiserver/rbac_defaults.h"
#include "apiserver/service_defaults.h"
#include "apiserver/system_objects.h"
#include "common/base/jsonx.h"

#define RETRY_MS   500
#define LOOK_MS    50 /* while the server starts */
#define MEND_COUNT 24 /* comparisons a turn: each reads two objects */
/* Writes a turn, and the pause behind them: all at once are one long turn, and what they need meanwhile
 * lies between what stays of them, so that the heap keeps twice as much. */
#define ASK_COUNT 8
#define PAUSE_MS  2

struct row {
	const struct schema_kind *kind;
	const char *ns, *name;
	const struct system_object *constant; /* or */
	const struct bootstrap_item *item;
	bool is_right;
	uint64_t right_version; /* the last that was found right */
	uint64_t asked_version; /* what it was when something was asked for; 0: it was not there */
	int64_t asked_ms;       /* when that was; 0: never */
};

/* What is looked at again whenever something of the kind changes. */
static const char *const followed[][2] = {
	{ "", "Namespace" },
	{ "", "Service" },
	{ "", "ConfigMap" },
	{ "networking.k8s.io", "ServiceCIDR" },
	{ "flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration" },
	{ "flowcontrol.apiserver.k8s.io", "FlowSchema" },
};

struct follower {
	struct hub_watcher watcher;
	struct bootstrap *of;
	const struct schema_kind *kind;
};

struct bootstrap {
	struct server *server;
	struct loop_timer *timer;
	struct row *rows;
	size_t count;
	size_t asked; /* in this turn */
	struct follower followers[ARRAY_LEN(followed)];
};

static json_t *wanted(const struct server *s, const struct row *row)
{
	if (row->constant)
		return system_object_tree(row->constant);
	json_t *tree = row->item->make(s);
	if (tree)
		json_put_str(tree, "metadata.name", row->name);
	return tree;
}

static json_t *mended(const struct server *s, const struct row *row, const json_t *live,
		      const char **ret_part)
{
	if (row->item)
		return row->item->mend ? row->item->mend(s, live, ret_part) : NULL;
	AUTO_JSON *tree = wanted(s, row);
	if (streq(row->kind->group, "rbac.authorization.k8s.io"))
		return rbac_default_mend(live, tree);
	if (streq(row->kind->group, "flowcontrol.apiserver.k8s.io"))
		return flow_default_mend(live, tree);
	if (streq(row->kind->group, "apiregistration.k8s.io"))
		return service_default_mend(live, tree);
	return NULL;
}

static void ask(struct bootstrap *b, struct row *row, const struct object *o, const char *part,
		const json_t *tree)
{
	auto_free char *object = own_path(row->kind, row->ns, o ? row->name : NULL);
	auto_free char *path = part ? xasprintf("%s/%s", object, part) : xstrdup(object);
	row->asked_version = o ? o->version : 0;
	row->asked_ms = loop_now_ms(b->server->loop);
	b->asked++;
	own_request(b->server, "bootstrap", o ? "PUT" : "POST", path, tree);
}

/* What was asked for has arrived, or has had its time. */
static bool may_ask(const struct bootstrap *b, const struct row *row, const struct object *o)
{
	return !row->asked_ms || row->asked_version != (o ? o->version : 0) ||
	       loop_now_ms(b->server->loop) - row->asked_ms >= RETRY_MS;
}

static bool has_place(const struct bootstrap *b, const struct row *row)
{
	return !*row->ns ||
	       hub_get(b->server->hub, schema_kind_by_kind("", "v1", "Namespace"), NULL, row->ns);
}

/* True: it is right. */
static bool look(struct bootstrap *b, struct row *row, const struct object *o)
{
	const char *part = NULL;
	if (!o) {
		bool may = has_place(b, row) && may_ask(b, row, o);
		AUTO_JSON *tree = may ? wanted(b->server, row) : NULL;
		if (tree)
			ask(b, row, NULL, NULL, tree);
		return false;
	}
	if (o->version == row->right_version)
		return true;
	AUTO_JSON *live = object_tree(o);
	AUTO_JSON *better = mended(b->server, row, live, &part);
	if (better && may_ask(b, row, o))
		ask(b, row, o, part, better);
	if (!better)
		row->right_version = o->version;
	return !better;
}

static void step(void *ctx)
{
	struct bootstrap *b = ctx;
	struct server *s = b->server;
	bool all = hub_is_loaded(s->hub) && endpoints_keeper_is_right(s->endpoints);
	size_t looks = 0;
	b->asked = 0;
	for (size_t i = 0; hub_is_loaded(s->hub) && i < b->count; i++) {
		struct row *row = &b->rows[i];
		if (row->is_right)
			continue;
		if (looks >= MEND_COUNT || b->asked >= ASK_COUNT) {
			loop_timer_set(b->timer, b->asked ? PAUSE_MS : 0);
			return;
		}
		const struct object *o = hub_get(
			s->hub, row->kind, row->kind->is_namespaced ? row->ns : NULL, row->name);
		looks += o && o->version != row->right_version;
		row->is_right = look(b, row, o);
		all = all && row->is_right;
	}
	s->has_system_objects = s->has_system_objects || all;
	if (!all)
		loop_timer_set(b->timer, s->has_system_objects ? RETRY_MS : LOOK_MS);
}

static void changed(struct hub_watcher *w)
{
	struct follower *f = CONTAINER_OF(w, struct follower, watcher);
	for (size_t i = 0; i < f->of->count; i++)
		if (f->of->rows[i].kind == f->kind)
			f->of->rows[i].is_right = false;
	loop_timer_set(f->of->timer, 0);
}

static void add(struct bootstrap *b, const struct row *row)
{
	const struct system_object *c = row->constant;
	const struct bootstrap_item *i = row->item;
	struct row *to = &b->rows[b->count++];
	*to = *row;
	to->kind = c ? schema_kind_by_kind(c->group, c->version, c->kind)
		     : schema_kind_by_kind(i->group, i->version, i->kind);
	to->ns = c ? c->ns : i->ns;
	to->name = c ? c->name : i->name;
}

struct bootstrap *bootstrap_new(struct server *s)
{
	struct bootstrap *b = xcalloc(1, sizeof *b);
	b->server = s;
	b->timer = loop_timer_new(s->loop, step, b);
	b->rows = xcalloc(system_objects_count + bootstrap_items_count, sizeof *b->rows);
	for (size_t i = 0; i < system_objects_count; i++)
		add(b, &(struct row){ .constant = &system_objects[i] });
	for (size_t i = 0; i < bootstrap_items_count; i++) {
		AUTO_JSON *tree = bootstrap_items[i].make(s);
		if (tree)
			add(b, &(struct row){ .item = &bootstrap_items[i] });
	}
	for (size_t i = 0; i < ARRAY_LEN(followed); i++) {
		struct follower *f = &b->followers[i];
		*f = (struct follower){ { .changed = changed },
					b,
					schema_kind_by_kind(followed[i][0], "v1", followed[i][1]) };
		hub_watch(s->hub, f->kind, &f->watcher);
	}
	loop_timer_set(b->timer, 0);
	return b;
}

void bootstrap_free(struct bootstrap *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < ARRAY_LEN(b->followers); i++)
		hub_unwatch(b->server->hub, b->followers[i].kind, &b->followers[i].watcher);
	loop_timer_free(b->timer);
	free(b->rows);
	free(b);
}
