/* The shells on a simulated loop against an API in memory: reflector and cache, control loop with
 * its barrier, two leaders, events. */
#include "tests/support/check.h"

#include "common/base/base.h"
#include "common/client/control_loop.h"
#include "common/client/events.h"
#include "common/client/leader.h"
#include "common/client/reflector.h"
#include "common/io/log.h"
#include "tests/unit/controller/fake_api.h"

static const struct api_resource configmaps = { "", "v1", "configmaps", true };

static void run(struct loop *loop, int64_t ms)
{
	CHECK(loop_sim_run_until(loop, loop_now_ms(loop) + ms));
}

static void note(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	str_addf(ctx, "%s%c%s", ((struct str *)ctx)->len ? " " : "",
		 !before ? '+'
		 : now   ? '*'
			 : '-',
		 key);
}

static void test_reflector(void)
{
	struct loop *loop = loop_sim_new(1, 1800000000000000);
	struct fake *f = fake_new(loop);
	struct api *api = api_new(loop, &f->transport, "test");
	AUTO_STR seen;
	str_init(&seen, 4096);
	fake_add(f, "configmaps", "b", "{'metadata':{'name':'x','managedFields':[{}]}}");
	fake_add(f, "configmaps", "a", "{'metadata':{'name':'y'}}");
	struct reflector *r = reflector_new(
		loop, api, &(struct reflector_options){ .resource = configmaps, .seed = 1 });
	struct cache *c = reflector_cache(r);
	cache_subscribe(c, &(struct cache_subscriber){ .changed = note, .ctx = &seen });
	reflector_start(r);
	CHECK(!cache_is_synced(c));
	run(loop, 100);
	CHECK(cache_is_synced(c));
	CHECK_TEXT("first list", seen.data, "+b/x +a/y");
	CHECK_TEXT("in key order", cache_all(c).at[0]->key, "a/y");
	CHECK(!json_dig(cache_get(c, "b/x"), "metadata.managedFields"));
	str_clear(&seen);
	fake_add(f, "configmaps", "b", "{'metadata':{'name':'w'}}");
	struct fake_object *o = fake_find(f, "configmaps", "a", "y");
	CHECK(o);
	json_put_str(o->tree, "data.k", "v");
	fake_changed(f, o);
	o = fake_find(f, "configmaps", "b", "x");
	CHECK(o);
	json_put_str(o->tree, "metadata.deletionTimestamp", "2027-01-01T00:00:00Z");
	fake_changed(f, o);
	run(loop, 100);
	CHECK_TEXT("events", seen.data, "+b/w *a/y -b/x");
	CHECK_INT(cache_in_namespace(c, "b").count, 1);
	CHECK(cache_reached(c, f->revision));
	/* Other kinds move the position too, by bookmarks. */
	fake_add(f, "secrets", "b", "{'metadata':{'name':'s'}}");
	CHECK(!cache_reached(c, f->revision));
	run(loop, 2000);
	CHECK(cache_reached(c, f->revision));
	reflector_free(r);
	api_free(api);
	fake_free(f);
	loop_free(loop);
}

/* A counter kept in a ConfigMap: it is raised once a look, which goes wrong if a look does not see
 * the write before it. */
struct counter {
	struct api *api;
	struct cache *cache;
	int looks, wanted;
};

static void raise_counter(void *ctx, struct work *w, const char *key)
{
	struct counter *c = ctx;
	json_t *map = cache_get(c->cache, key);
	if (!map)
		return;
	c->looks++;
	json_int_t n = json_int_or(map, "data.n", 0);
	if (n >= c->wanted)
		return;
	json_t *patch = json_object(); /* no version: a stale look would lose a count */
	json_put_int(patch, "data.n", n + 1);
	work_patch(w, c->cache, &configmaps, "a", "m", NULL, API_MERGE_PATCH, patch);
	work_again(w, 0);
}

static void test_barrier(void)
{
	struct loop *loop = loop_sim_new(2, 1800000000000000);
	struct fake *f = fake_new(loop);
	struct api *api = api_new(loop, &f->transport, "test");
	fake_add(f, "configmaps", "a", "{'metadata':{'name':'m'}}");
	struct reflector *r = reflector_new(
		loop, api, &(struct reflector_options){ .resource = configmaps, .seed = 1 });
	struct counter counter = { api, reflector_cache(r), 0, 50 };
	struct control_loop *l =
		control_loop_new(&(struct control_loop_options){ .name = "counter",
								 .loop = loop,
								 .api = api,
								 .reconcile = raise_counter,
								 .ctx = &counter });
	control_loop_needs(l, counter.cache);
	control_loop_run(l);
	control_loop_add(l, "a/m");
	CHECK_INT(counter.looks, 0);
	reflector_start(r);
	run(loop, 5000);
	CHECK_INT(json_int_or(fake_get(f, "configmaps", "a", "m"), "data.n", 0), 50);
	CHECK_INT(f->writes, 50); /* one write a count: none was made twice */
	CHECK_INT(counter.looks, 51);
	CHECK(control_loop_is_idle(l, 60000));
	control_loop_free(l);
	reflector_free(r);
	api_free(api);
	fake_free(f);
	loop_free(loop);
}

struct candidate {
	const char *name;
	struct leader *leader;
	struct api *api;
	struct str *log;
};

static void began(void *ctx)
{
	struct candidate *c = ctx;
	str_addf(c->log, "%s+ ", c->name);
}

static void ended(void *ctx)
{
	struct candidate *c = ctx;
	str_addf(c->log, "%s- ", c->name);
}

static void campaign(struct candidate *c, struct loop *loop, struct fake *f, const char *former)
{
	c->api = api_new(loop, &f->transport, "test");
	c->leader = leader_new(&(struct leader_options){ .loop = loop,
							 .api = c->api,
							 .ns = "kube-system",
							 .lease = "skiff-controller",
							 .identity = c->name,
							 .former = former,
							 .seed = (uint64_t)(uintptr_t)c->name[0],
							 .started = began,
							 .stopped = ended,
							 .ctx = c });
}

static void die(struct candidate *c)
{
	leader_free(TAKE(c->leader));
	api_free(TAKE(c->api));
}

static void count(void *ctx)
{
	++*(int *)ctx;
}

static void test_hand_over(void)
{
	struct loop *loop = loop_sim_new(3, 1800000000000000);
	struct fake *f = fake_new(loop);
	AUTO_STR log;
	str_init(&log, 4096);
	struct candidate all[] = { { .name = "a_1", .log = &log },
				   { .name = "b_1", .log = &log },
				   { .name = "a_2", .log = &log },
				   { .name = "a_3", .log = &log } };
	campaign(&all[0], loop, f, "a_");
	run(loop, 1000);
	campaign(&all[1], loop, f, "b_");
	run(loop, 5000);
	/* Killed: who knows that it is dead need not wait, and the fence moves. */
	die(&all[0]);
	campaign(&all[2], loop, f, "a_");
	run(loop, 1000);
	CHECK_TEXT("killed", log.data, "a_1+ a_2+ ");
	const json_t *lease = fake_get(f, "leases", "kube-system", "skiff-controller");
	CHECK_INT(json_int_or(lease, "spec.leaseTransitions", -1), 1);
	/* Stopped in order: the other need not wait either. */
	int done = 0;
	leader_release(all[2].leader, count, &done);
	run(loop, 1000);
	CHECK_INT(done, 1);
	die(&all[2]);
	run(loop, 3000);
	CHECK_TEXT("stopped", log.data, "a_1+ a_2+ a_2- b_1+ ");
	/* A name like ours that is seen later is that of one who lives. */
	campaign(&all[3], loop, f, "a_");
	run(loop, 3000);
	struct fake_object *o = fake_find(f, "leases", "kube-system", "skiff-controller");
	CHECK(o);
	json_put_str(o->tree, "spec.holderIdentity", "a_4");
	fake_changed(f, o);
	run(loop, 5000);
	CHECK_TEXT("a twin", log.data, "a_1+ a_2+ a_2- b_1+ b_1- ");
	/* One that does not lead lets go of nothing. */
	leader_release(all[3].leader, count, &done);
	run(loop, 1000);
	CHECK_INT(done, 2);
	CHECK_TEXT("holder",
		   json_str_or(fake_get(f, "leases", "kube-system", "skiff-controller"),
			       "spec.holderIdentity", ""),
		   "a_4");
	die(&all[1]);
	die(&all[3]);
	fake_free(f);
	loop_free(loop);
}

/* Whatever is on its way: what the server gave us is given back. */
static void test_release_at_any_moment(void)
{
	for (int64_t ms = 0; ms < 5000; ms += 23) {
		struct loop *loop = loop_sim_new((uint64_t)ms, 1800000000000000);
		struct fake *f = fake_new(loop);
		AUTO_STR log;
		str_init(&log, 4096);
		struct candidate c = { .name = "a", .log = &log };
		int done = 0;
		campaign(&c, loop, f, NULL);
		run(loop, ms);
		leader_release(c.leader, count, &done);
		run(loop, 1000);
		CHECK_INT(done, 1);
		const json_t *lease = fake_get(f, "leases", "kube-system", "skiff-controller");
		CHECK_TEXT("holder", json_str_or(lease, "spec.holderIdentity", ""), "");
		die(&c);
		fake_free(f);
		loop_free(loop);
	}
}

static void test_identity(void)
{
	struct leader_identity first, second, none;
	struct error err;
	char path[] = "/tmp/leader-id.XXXXXX";
	int fd = mkstemp(path);
	CHECK(fd >= 0);
	close(fd);
	CHECK_INT(leader_identity_open(path, 0x1111111100000001, &first, &err), 0);
	CHECK(first.former && starts_with(first.name, first.former));
	/* Locked: its owner lives. */
	CHECK_INT(leader_identity_open(path, 0x2222222200000002, &none, &err), 0);
	CHECK(!none.former && !starts_with(none.name, first.former));
	leader_identity_fini(&none);
	auto_free char *former = TAKE(first.former);
	leader_identity_fini(&first);
	CHECK_INT(leader_identity_open(path, 0x3333333300000003, &second, &err), 0);
	CHECK_TEXT("the id is kept", second.former, former);
	leader_identity_fini(&second);
	unlink(path);
	CHECK_INT(leader_identity_open("/nowhere/id", 1, &none, &err), ERR_INVALID);
	CHECK_INT(leader_identity_open(NULL, 1, &none, &err), 0);
	CHECK(!none.former);
	leader_identity_fini(&none);
}

static void test_leaders(void)
{
	struct loop *loop = loop_sim_new(3, 1800000000000000);
	struct fake *f = fake_new(loop);
	AUTO_STR log;
	str_init(&log, 4096);
	struct candidate all[2] = { { .name = "a", .log = &log }, { .name = "b", .log = &log } };
	for (size_t i = 0; i < 2; i++)
		campaign(&all[i], loop, f, NULL);
	run(loop, 60000);
	CHECK_INT(log.len, 3); /* one leads, for good */
	size_t first = log.data[0] == 'a' ? 0 : 1;
	CHECK(leader_leads(all[first].leader) && !leader_leads(all[1 - first].leader));
	/* The leader dies; the other takes over after 15 s, not before. */
	leader_free(all[first].leader);
	all[first].leader = NULL;
	run(loop, 12000);
	CHECK(!leader_leads(all[1 - first].leader));
	run(loop, 10000);
	CHECK(leader_leads(all[1 - first].leader));
	const json_t *lease = fake_get(f, "leases", "kube-system", "skiff-controller");
	CHECK_INT(json_int_or(lease, "spec.leaseTransitions", -1), 1);
	/* Somebody else writes himself in: it stops leading at the next renewal. */
	struct fake_object *o = fake_find(f, "leases", "kube-system", "skiff-controller");
	CHECK(o);
	json_put_str(o->tree, "spec.holderIdentity", "c");
	fake_changed(f, o);
	run(loop, 3000);
	CHECK(!leader_leads(all[1 - first].leader));
	for (size_t i = 0; i < 2; i++) {
		leader_free(all[i].leader);
		api_free(all[i].api);
	}
	fake_free(f);
	loop_free(loop);
}

/* kubectl shows events of one second in the order of their names. */
static void check_event_names(const struct fake *f)
{
	const char *last = "";
	for (int i = 0; i < 10; i++) {
		char message[16];
		CHECK(snprintf(message, sizeof message, "try %d", i) > 0);
		for (size_t k = 0; k < f->count; k++) {
			const json_t *o = f->objects[k].tree;
			if (!streq(json_str_or(o, "message", ""), message))
				continue;
			const char *name = json_str_or(o, "metadata.name", "");
			CHECK(strcmp(last, name) < 0);
			last = name;
		}
	}
	CHECK(*last);
}

static void test_events(void)
{
	struct loop *loop = loop_sim_new(4, 1800000000000000);
	struct fake *f = fake_new(loop);
	struct api *api = api_new(loop, &f->transport, "test");
	struct events *e = events_new(loop, api, "tester", NULL, 1);
	json_t *pod = fake_add(f, "pods", "a", "{'metadata':{'name':'p'}}");
	for (int i = 0; i < 3; i++)
		events_emit(e, "v1", "Pod", pod, "Normal", "Pulled", "image %s", "x");
	run(loop, 100);
	CHECK_INT(fake_count(f, "events", "a", "p."), 1);
	for (size_t i = 0; i < f->count; i++)
		if (streq(f->objects[i].resource, "events"))
			CHECK_INT(json_int_or(f->objects[i].tree, "count", 0), 3);
	for (int i = 0; i < 100; i++)
		events_emit(e, "v1", "Pod", pod, "Warning", "Failed", "try %d", i);
	run(loop, 1000);
	CHECK_INT(fake_count(f, "events", "a", "p."), 12); /* 10 of them, then one for the crowd */
	check_event_names(f);
	CHECK(events_is_idle(e));
	events_free(e);
	api_free(api);
	fake_free(f);
	loop_free(loop);
}

int main(void)
{
	log_set_quiet(true);
	test_reflector();
	test_barrier();
	test_leaders();
	test_hand_over();
	test_release_at_any_moment();
	test_identity();
	test_events();
	return 0;
}
