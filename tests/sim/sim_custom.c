/*
 * Custom kinds: two people, each at another server, make, change and delete definitions that want the
 * same names, and objects of them.
 *
 * At every write:
 *	- no two definitions of a group have one name
 *	- an object is only made while its definition is there, established and not about to go
 *	- a definition goes after the last of its objects
 * Once all has settled, what one follows through the other server is what is stored, and what an
 * object owns goes with it.
 */
#include "common/client/reflector.h"
#include "schemas/kinds.h"
#include "tests/sim/sim.h"

#include <stdio.h>

#define GROUP       "example.com"
#define STORED      "o/" GROUP "/"
#define ACT_MIN_MS  300
#define ACT_MAX_MS  4000
#define QUIET_MS    2000
#define NAMES_COUNT 6

static const struct api_resource definitions = { "apiextensions.k8s.io", "v1",
						 "customresourcedefinitions", false };
static const struct api_resource lamps = { GROUP, "v1", "lamps", true };
static const struct api_resource configmaps = { "", "v1", "configmaps", true };

struct sim_custom {
	struct sim *sim;
	struct api *rival; /* at the second server */
	struct reflector *follower;
	struct loop_timer *timer;
};

static void ignored(void *ctx, const struct api_reply *reply)
{
	(void)ctx, (void)reply; /* what failed is asked again by a later act */
}

/* Either of the two. */
static struct api *somebody(struct sim_custom *u)
{
	return sim_dice(u->sim, 2) ? u->rival : u->sim->user;
}

static void ask(struct sim_custom *u, const char *method, const struct api_resource *r,
		const char *name, json_t *take_body, const char *type)
{
	auto_free char *path = api_path(r, r->is_namespaced ? "default" : NULL, name, NULL);
	(void)api_request(somebody(u), method, path, take_body, type, ignored, NULL);
	json_decref(take_body);
}

/* ---- what they make ---- */

static json_t *version(struct sim_custom *u, const char *name, bool is_served, bool is_stored)
{
	json_t *spec = json_pack("{s:s,s:{s:{s:s,s:i}}}", "type", "object", "properties", "watts",
				 "type", "integer", "default", 40);
	if (sim_dice(u->sim, 2)) /* comes and goes */
		json_put_str(spec, "properties.color.type", "string");
	return json_pack("{s:s,s:b,s:b,s:{s:{s:s,s:{s:o}}}}", "name", name, "served", is_served,
			 "storage", is_stored, "schema", "openAPIV3Schema", "type", "object",
			 "properties", "spec", spec);
}

static json_t *versions(struct sim_custom *u)
{
	bool second = sim_dice(u->sim, 2);
	json_t *list = json_array();
	json_array_append_new(list, version(u, "v1", true, !second));
	json_array_append_new(list, version(u, "v2", sim_dice(u->sim, 2), second));
	return list;
}

/* Both want the kind Lamp. */
static void define(struct sim_custom *u, const char *plural)
{
	auto_free char *name = xasprintf("%s." GROUP, plural);
	ask(u, "POST", &definitions, NULL,
	    json_pack("{s:{s:s},s:{s:s,s:s,s:{s:s,s:s},s:o}}", "metadata", "name", name, "spec",
		      "group", GROUP, "scope", "Namespaced", "names", "plural", plural, "kind",
		      "Lamp", "versions", versions(u)),
	    NULL);
}

static const char *some_name(struct sim_custom *u)
{
	static const char *const names[NAMES_COUNT] = { "l0", "l1", "l2", "l3", "l4", "l5" };
	return names[rng_below(&u->sim->rng, NAMES_COUNT)];
}

static void make(struct sim_custom *u, const char *name)
{
	ask(u, "POST", &lamps, NULL,
	    json_pack("{s:s,s:s,s:{s:s},s:{s:s}}", "apiVersion", GROUP "/v1", "kind", "Lamp",
		      "metadata", "name", name, "spec", "color", "red"),
	    NULL);
}

/* Something that a lamp of now owns; the lamp may be gone before it is made. */
static void make_child(struct sim_custom *u)
{
	const char *name = some_name(u);
	const json_t *owner = sim_check_object(u->sim->check, GROUP, "lamps", "default", name);
	if (!owner)
		return;
	auto_free char *child = xasprintf("of-%s", name);
	ask(u, "POST", &configmaps, NULL,
	    json_pack("{s:{s:s,s:[{s:s,s:s,s:s,s:s}]}}", "metadata", "name", child,
		      "ownerReferences", "apiVersion", GROUP "/v1", "kind", "Lamp", "name", name,
		      "uid", json_str_or(owner, "metadata.uid", "")),
	    NULL);
}

static void change(struct sim_custom *u)
{
	switch (rng_below(&u->sim->rng, 16)) {
	case 0:
	case 1: /* both at once */
		define(u, "lights");
		define(u, "lamps");
		break;
	case 2:
	case 3:
	case 4:
		define(u, "lamps");
		break;
	case 5: /* and what is made meanwhile */
		ask(u, "DELETE", &definitions, "lamps." GROUP, NULL, NULL);
		for (int64_t n = sim_between(u->sim, 0, 4); n > 0; n--)
			make(u, some_name(u));
		break;
	case 6:
		ask(u, "DELETE", &definitions, "lights." GROUP, NULL, NULL);
		break;
	case 7:
		ask(u, "PATCH", &definitions, "lamps." GROUP,
		    json_pack("{s:{s:o}}", "spec", "versions", versions(u)), API_MERGE_PATCH);
		break;
	case 8:
		ask(u, "DELETE", &lamps, some_name(u), NULL, NULL);
		break;
	case 9:
		if (sim_dice(u->sim, 4))
			ask(u, "DELETE", &lamps, NULL, NULL, NULL);
		break;
	case 10:
	case 11:
		ask(u, "PATCH", &lamps, some_name(u),
		    json_pack("{s:{s:i}}", "spec", "watts", (int)sim_between(u->sim, 1, 99)),
		    API_MERGE_PATCH);
		break;
	case 12:
		make_child(u);
		break;
	default:
		make(u, some_name(u));
	}
}

static void act(void *ctx)
{
	struct sim_custom *u = ctx;
	struct sim *s = u->sim;
	loop_timer_set(u->timer, s->faults ? sim_between(s, ACT_MIN_MS, ACT_MAX_MS) : QUIET_MS);
	if (s->is_ending)
		return;
	if (s->faults) {
		for (int64_t n = sim_between(s, 1, 4); n > 0; n--)
			change(u);
		return;
	}
	ask(u, "DELETE", &definitions, "lights." GROUP, NULL, NULL);
	define(u, "lamps");
	make(u, "l0");
}

void sim_custom_delete_all(struct sim_custom *u)
{
	ask(u, "DELETE", &definitions, "lamps." GROUP, NULL, NULL);
}

/* ---- what must hold at every write ---- */

static const json_t *definition_of(const struct sim_check *c, const char *plural)
{
	auto_free char *name = xasprintf("%s." GROUP, plural);
	return sim_check_object(c, "apiextensions.k8s.io", "customresourcedefinitions", "", name);
}

static void check_names(struct sim *s)
{
	const json_t *a = definition_of(s->check, "lamps"), *b = definition_of(s->check, "lights");
	const char *of_a = json_str_or(a, "status.acceptedNames.kind", "");
	const char *of_b = json_str_or(b, "status.acceptedNames.kind", "");
	if (*of_a && streq(of_a, of_b))
		sim_fail(s, "two definitions have the kind %s", of_a);
	if (definition_is_established(a) && definition_is_established(b))
		sim_fail(s, "both definitions of one kind are established");
}

static void check_made(struct sim *s, const char *key)
{
	auto_free char *plural = xstrdup(key + strlen(STORED));
	plural[strcspn(plural, "/")] = '\0';
	const json_t *definition = definition_of(s->check, plural);
	if (!definition)
		sim_fail(s, "%s was made and has no definition", key);
	else if (json_dig(definition, "metadata.deletionTimestamp"))
		sim_fail(s, "%s was made while its definition was about to go", key);
	else if (!definition_is_established(definition))
		sim_fail(s, "%s was made before its definition was established", key);
}

void sim_custom_see(struct sim *s, const char *key, const json_t *before, const json_t *now)
{
	static const char of[] = "o/apiextensions.k8s.io/customresourcedefinitions//";
	if (starts_with(key, STORED)) {
		if (!before && now)
			check_made(s, key);
	} else if (starts_with(key, of)) {
		check_names(s);
		const char *name = key + strlen(of); /* lamps.example.com */
		auto_free char *prefix = xasprintf(STORED "%.*s/", (int)strcspn(name, "."), name);
		const char *left = now ? NULL : sim_check_first(s->check, prefix);
		if (left)
			sim_fail(s, "%s is gone and left %s", key, left);
	}
}

/* ---- once all has settled ---- */

static bool is_followed(struct sim_custom *u, char *why, size_t size)
{
	struct cache *cache = reflector_cache(u->follower);
	struct cache_range r = cache_all(cache);
	size_t stored = sim_check_count(u->sim->check, STORED);
	int n = snprintf(why, size, "%zu lamps are stored, %zu are seen: %s", stored, r.count,
			 reflector_trouble(u->follower));
	assert(n > 0);
	if (!cache_is_synced(cache) || r.count != stored)
		return false;
	for (size_t i = 0; i < r.count; i++) {
		const char *name = json_str_or(r.at[i]->tree, "metadata.name", "");
		const json_t *is = sim_check_object(u->sim->check, GROUP, "lamps", "default", name);
		int64_t watts = json_int_or(r.at[i]->tree, "spec.watts", 0);
		n = snprintf(why, size, "%s is seen with %lld watts", name, (long long)watts);
		assert(n > 0);
		if (!is ||
		    !streq(json_str_or(is, "metadata.uid", ""),
			   json_str_or(r.at[i]->tree, "metadata.uid", "-")) ||
		    json_int_or(is, "spec.watts", 40) != watts)
			return false;
	}
	return true;
}

/* Children go with their lamps, and not before. */
static bool are_children_right(struct sim *s, char *why, size_t size)
{
	for (int i = 0; i < NAMES_COUNT; i++) {
		char name[] = "of-l0";
		name[4] = (char)('0' + i);
		const json_t *child =
			sim_check_object(s->check, "core", "configmaps", "default", name);
		const json_t *owner =
			sim_check_object(s->check, GROUP, "lamps", "default", name + 3);
		const char *uid = json_str_or(
			json_array_get(json_dig(child, "metadata.ownerReferences"), 0), "uid", "");
		int n = snprintf(why, size, "%s has no owner any more", name);
		assert(n > 0);
		if (child && !streq(uid, json_str_or(owner, "metadata.uid", "-")))
			return false;
	}
	return true;
}

bool sim_custom_is_settled(struct sim_custom *u, char *why, size_t size)
{
	const struct sim_check *c = u->sim->check;
	int n = snprintf(why, size, "the definitions are not as wanted");
	assert(n > 0);
	return definition_is_established(definition_of(c, "lamps")) &&
	       !definition_of(c, "lights") &&
	       sim_check_object(c, GROUP, "lamps", "default", "l0") != NULL &&
	       are_children_right(u->sim, why, size) && is_followed(u, why, size);
}

bool sim_custom_is_gone(struct sim_custom *u, char *why, size_t size)
{
	const char *left = sim_check_first(u->sim->check, STORED);
	int n = snprintf(why, size, "%s", left ? left : "a definition");
	assert(n > 0);
	return !left && !definition_of(u->sim->check, "lamps") &&
	       are_children_right(u->sim, why, size);
}

struct sim_custom *sim_custom_start(struct sim *s)
{
	struct sim_custom *u = xcalloc(1, sizeof *u);
	*u = (struct sim_custom){ .sim = s };
	s->rival_transport = sim_transport_new(
		s->loop, s->seed + 6,
		&(struct sim_peer){ .cn = "skiff-admin", .org = "system:masters" }, server_handle,
		s->servers[1].server, &s->network);
	u->rival = api_new(s->loop, s->rival_transport, "sim-rival");
	u->follower = reflector_new(
		s->loop, u->rival,
		&(struct reflector_options){ .resource = lamps, .seed = s->seed + 7 });
	reflector_start(u->follower);
	u->timer = loop_timer_new(s->loop, act, u);
	loop_timer_set(u->timer, ACT_MAX_MS);
	return u;
}

void sim_custom_stop(struct sim_custom *u)
{
	if (!u)
		return;
	loop_timer_free(u->timer);
	reflector_free(u->follower);
	api_free(u->rival);
	http_transport_free(u->sim->rival_transport);
	free(u);
}
