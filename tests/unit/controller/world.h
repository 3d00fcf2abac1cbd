/*
 * world.h - for tests of controllers: all of them on a simulated loop with fake_api.h, and short
 * ways to make, change and look at things.
 */
#pragma once

#include "tests/support/check.h"

#include "common/base/rng.h"
#include "common/io/log.h"
#include "controller/controllers.h"
#include "tests/unit/controller/fake_api.h"

struct world {
	struct rng rng;
	bool is_killed_often; /* the controllers die and start again every few moments */
	struct loop *loop;
	struct fake *api;
	struct api *client;
	struct controllers *controllers;
};

static inline void start_controllers(struct world *w)
{
	w->controllers =
		controllers_start(w->loop, w->client,
				  &(struct controllers_options){ .cluster_cidr = "10.244.0.0/16",
								 .root_ca = "PEM",
								 .seed = rng_next(&w->rng) });
}

static inline void start(struct world *w, uint64_t seed)
{
	*w = (struct world){ .rng = { seed } };
	w->loop = loop_sim_new(seed, 1800000000000000);
	w->api = fake_new(w->loop);
	fake_add(w->api, "namespaces", "",
		 "{'metadata':{'name':'default'},'spec':{'finalizers':['kubernetes']},"
		 "'status':{'phase':'Active'}}");
	fake_add_node(w->api, "node-1");
	fake_add_node(w->api, "node-2");
	w->client = api_new(w->loop, &w->api->transport, "test");
	start_controllers(w);
}

static inline void run(struct world *w, int64_t ms)
{
	int64_t end_ms = loop_now_ms(w->loop) + ms;
	/* The last ten seconds are quiet. */
	while (w->is_killed_often && loop_now_ms(w->loop) + 10000 < end_ms) {
		int64_t next_ms = loop_now_ms(w->loop) + (int64_t)rng_below(&w->rng, 600);
		CHECK(loop_sim_run_until(w->loop, next_ms));
		controllers_free(w->controllers);
		start_controllers(w);
	}
	CHECK(loop_sim_run_until(w->loop, end_ms));
}

static inline void finish(struct world *w)
{
	controllers_free(w->controllers);
	api_free(w->client);
	fake_free(w->api);
	loop_free(w->loop);
}

static inline json_t *add_deployment(struct world *w, const char *name, int replicas,
				     const char *extra)
{
	char *text = xasprintf(
		"{'metadata':{'name':'%s','annotations':{%s}},'spec':{'replicas':%d,"
		"'revisionHistoryLimit':2,'progressDeadlineSeconds':600,"
		"'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':'25%%','maxUnavailable':'25%%'}},"
		"'selector':{'matchLabels':{'app':'%s'}},"
		"'template':{'metadata':{'labels':{'app':'%s'}},'spec':{'containers':[{'name':'c',"
		"'image':'x:1','ports':[{'name':'web','containerPort':80}],"
		"'resources':{'requests':{'cpu':'100m','memory':'64Mi'}}}]}}}}",
		name, extra, replicas, name, name);
	json_t *d = fake_add(w->api, "deployments", "default", text);
	free(text);
	return d;
}

static inline json_t *deployment(struct world *w, const char *name)
{
	json_t *d = fake_get(w->api, "deployments", "default", name);
	CHECK(d);
	return d;
}

static inline const char *condition(const json_t *o, const char *type, const char *member)
{
	size_t i;
	json_t *c;
	json_array_foreach (json_dig(o, "status.conditions"), i, c) {
		if (streq(json_str_or(c, "type", ""), type))
			return json_str_or(c, member, "");
	}
	return "(none)";
}

static inline void update(struct world *w, const char *resource, const char *name, const char *path,
			  json_t *value)
{
	struct fake_object *o = fake_find(w->api, resource, "default", name);
	CHECK(o);
	json_put(o->tree, path, value);
	json_put_int(o->tree, "metadata.generation",
		     json_int_or(o->tree, "metadata.generation", 1) + 1);
	fake_changed(w->api, o);
}

static inline void delete_object(struct world *w, const char *resource, const char *ns,
				 const char *name, const char *policy)
{
	struct fake_object *o = fake_find(w->api, resource, ns, name);
	CHECK(o);
	struct fake_call call = { .body = json_object() };
	json_t *reply = NULL;
	json_put_str(call.body, "propagationPolicy", policy);
	fake_delete(w->api, &call, o, &reply);
	json_decref(reply);
	json_decref(call.body);
}

static inline void check_complete(struct world *w, const char *name, int replicas)
{
	const json_t *d = deployment(w, name);
	CHECK_INT(json_int_or(d, "status.replicas", 0), replicas);
	CHECK_INT(json_int_or(d, "status.updatedReplicas", 0), replicas);
	CHECK_INT(json_int_or(d, "status.availableReplicas", 0), replicas);
	CHECK_INT(json_int_or(d, "status.observedGeneration", 0),
		  json_int_or(d, "metadata.generation", -1));
	CHECK_TEXT(name, condition(d, "Available", "status"), "True");
	CHECK_TEXT(name, condition(d, "Progressing", "reason"), "NewReplicaSetAvailable");
}
