#include "nodeagent/net/services.h"

#include "common/base/map.h"
#include "common/io/log.h"
#include "nodeagent/net/service_facts.h"
#include "nodeagent/net/service_nft.h"

#include <stdio.h>

#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS   30000
#define LOOK_MS        30000 /* how often we look whether somebody removed the table */

struct services {
	struct services_options options;
	struct service_plan *plan;
	struct service_nft *nft;
	struct loop_timer *work, *look;
	struct map dirty_services, dirty_pods; /* keys; the values say nothing */
	uint32_t dns_address;
	int64_t retry_ms;
	bool is_loaded, is_applying, is_looking;
};

static void mark(struct services *s, struct map *dirty, const char *key)
{
	if (!map_has(dirty, key))
		(void)map_put(dirty, key, s);
	if (s->retry_ms == 0)
		loop_timer_set(s->work, 0);
}

/* ---- what one group wants ---- */

static void want_service(struct services *s, const char *key)
{
	struct service_elements elements = { 0 };
	auto_free char *group = xasprintf("service %s", key);
	const json_t *service = cache_get(s->options.services, key);
	if (service) {
		char ns[256];
		const char *name = cache_key_split(key, ns);
		struct cache_range r =
			cache_indexed(s->options.slices, s->options.slices_by_service, name);
		const json_t **slices = xcalloc(r.count + 1, sizeof(*slices));
		size_t n = 0;
		for (size_t i = 0; i < r.count; i++)
			if (streq(json_str_or(r.at[i]->tree, "metadata.namespace", ""), ns))
				slices[n++] = r.at[i]->tree;
		struct service_view v = { service, slices, n, s->options.node_name,
					  s->dns_address };
		service_facts(&v, &elements);
		free(slices);
	}
	service_plan_want(s->plan, group, &elements);
}

static void want_pod(struct services *s, const char *key)
{
	struct service_elements elements = { 0 };
	auto_free char *group = xasprintf("pod %s", key);
	const json_t *pod = cache_get(s->options.pods, key);
	if (pod)
		pod_facts_of_ports(pod, &elements);
	service_plan_want(s->plan, group, &elements);
}

static void drain(struct services *s, struct map *dirty,
		  void (*want)(struct services *s, const char *key))
{
	const char **keys = map_sorted_keys(dirty);
	for (size_t i = 0, n = dirty->count; i < n; i++)
		want(s, keys[i]);
	free(keys);
	map_fini(dirty);
	*dirty = (struct map){ 0 };
}

/* ---- one transaction after the other ---- */

static bool is_synced(const struct services *s)
{
	return cache_is_synced(s->options.services) && cache_is_synced(s->options.slices) &&
	       cache_is_synced(s->options.pods);
}

static void back_off(struct services *s, const char *message)
{
	s->retry_ms = s->retry_ms ? MIN(s->retry_ms * 2, RETRY_MAX_MS) : RETRY_FIRST_MS;
	log_error("services", "rules cannot be loaded, trying again with all of them", "error",
		  message);
	loop_timer_set(s->work, s->retry_ms);
}

static void on_work(void *ctx)
{
	struct services *s = ctx;
	struct service_change change = { 0 };
	struct error err;
	/* What is loaded from before a restart stays until everything is known. */
	if (!is_synced(s) || service_nft_is_busy(s->nft))
		return;
	drain(s, &s->dirty_services, want_service);
	drain(s, &s->dirty_pods, want_pod);
	if (service_plan_make(s->plan, &change, &err) < 0) {
		back_off(s, err.text);
		return;
	}
	if (!change.text) {
		service_plan_done(s->plan, true);
		service_change_fini(&change);
		return;
	}
	s->is_applying = true;
	service_nft_apply(s->nft, &change);
}

/* NodePorts and hostPorts answer on 127.0.0.1 too; `martians` among the rules makes that safe. */
static void open_loopback(const struct services *s)
{
	FILE *f = fopen("/proc/sys/net/ipv4/conf/all/route_localnet", "we");
	bool good = f && fputs("1", f) >= 0;
	if (!f || fclose(f) != 0 || !good)
		log_warn("services",
			 "route_localnet cannot be set: NodePorts do not answer on "
			 "127.0.0.1",
			 "node", s->options.node_name);
}

static void applied(struct services *s, int code, const char *message)
{
	s->is_applying = false;
	service_plan_done(s->plan, code == 0);
	if (code < 0) {
		back_off(s, message);
		return;
	}
	if (!s->is_loaded || s->retry_ms)
		log_info("services", "rules loaded", "node", s->options.node_name);
	if (!s->is_loaded)
		open_loopback(s);
	s->is_loaded = true;
	s->retry_ms = 0;
	if (s->dirty_services.count > 0 || s->dirty_pods.count > 0)
		loop_timer_set(s->work, 0);
}

static void looked(struct services *s, int code)
{
	s->is_looking = false;
	if (code < 0) {
		log_warn("services", "somebody removed the rules, loading them again", "node",
			 s->options.node_name);
		service_plan_forget(s->plan);
	}
	loop_timer_set(s->work, 0);
}

static void on_nft(void *ctx, int code, const char *message)
{
	struct services *s = ctx;
	if (s->is_looking)
		looked(s, code);
	else
		applied(s, code, message);
}

static void on_look(void *ctx)
{
	struct services *s = ctx;
	loop_timer_set(s->look, LOOK_MS);
	if (!s->is_loaded || s->retry_ms || service_nft_is_busy(s->nft))
		return;
	s->is_looking = true;
	service_nft_look(s->nft);
}

/* ---- what the API says ---- */

static void service_changed(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct services *s = ctx;
	(void)before;
	(void)now;
	mark(s, &s->dirty_services, key);
}

static void slice_touches(struct services *s, const json_t *slice)
{
	const char *name = slice ? slice_service(slice) : NULL;
	if (!name)
		return;
	auto_free char *key = cache_key(json_str_or(slice, "metadata.namespace", ""), name);
	mark(s, &s->dirty_services, key);
}

static void slice_changed(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	(void)key;
	slice_touches(ctx, before);
	slice_touches(ctx, now);
}

static void pod_changed(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct services *s = ctx;
	(void)before;
	(void)now;
	mark(s, &s->dirty_pods, key);
}

static void progressed(void *ctx)
{
	struct services *s = ctx;
	if (!s->is_loaded && s->retry_ms == 0 && is_synced(s))
		loop_timer_set(s->work, 0);
}

int services_new(const struct services_options *options, struct services **ret, struct error *err)
{
	struct services *s = xcalloc(1, sizeof(*s));
	auto_free char *table = xasprintf("skiff-%s", options->cluster_id);
	if (service_nft_new(options->loop, table, on_nft, s, &s->nft, err) < 0) {
		free(s);
		return err->code;
	}
	s->options = *options;
	s->plan = service_plan_new(&(struct service_plan_options){
		options->cluster_id, options->cluster_cidr, options->service_cidr });
	if (!address_parse(options->dns_address, &s->dns_address))
		s->dns_address = 0;
	s->work = loop_timer_new(options->loop, on_work, s);
	s->look = loop_timer_new(options->loop, on_look, s);
	loop_timer_set(s->look, LOOK_MS);
	cache_subscribe(options->services,
			&(struct cache_subscriber){ service_changed, progressed, s });
	cache_subscribe(options->slices,
			&(struct cache_subscriber){ slice_changed, progressed, s });
	cache_subscribe(options->pods, &(struct cache_subscriber){ pod_changed, progressed, s });
	*ret = s;
	return 0;
}
