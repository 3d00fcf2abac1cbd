/*
 * fake_kubelet.h - the part of fake_api.h that runs pods; included by it alone.
 */
#pragma once

static inline json_t *fake_condition(const char *type, const char *status, const char *now)
{
	json_t *c = json_object();
	json_put_str(c, "type", type);
	json_put_str(c, "status", status);
	json_put_str(c, "lastTransitionTime", now);
	return c;
}

static inline json_t *fake_statuses(bool runs, const char *now)
{
	json_t *statuses = json_array(), *s = json_object();
	json_put_str(s, runs ? "state.running.startedAt" : "state.terminated.finishedAt", now);
	json_array_append_new(statuses, s);
	return statuses;
}

static inline void fake_run_pod(struct fake *f, struct fake_object *o)
{
	const json_t *annotations = json_dig(o->tree, "metadata.annotations");
	const char *phase = json_str_or(o->tree, "status.phase", "Pending");
	const char *code = json_member_str(annotations, "test/exit");
	char now[TIME_TEXT_SIZE], ip[32];
	time_format(loop_wall_us(f->loop), now);
	if (json_str(o->tree, "metadata.deletionTimestamp")) {
		if (json_int_or(o->tree, "metadata.deletionGracePeriodSeconds", 0) == 0 ||
		    json_member_str(annotations, "test/deaf"))
			return;
		json_put_int(o->tree, "metadata.deletionGracePeriodSeconds", 0);
		fake_changed(f, o);
		return;
	}
	/* As the agent: what is stopped for its dependency does not run, and may run again. */
	const char *lost = json_member_str(annotations, "skiff.dev/dependency-lost");
	bool stops = lost && !streq(lost, "lost");
	const json_t *running = json_dig(
		json_array_get(json_dig(o->tree, "status.containerStatuses"), 0), "state.running");
	if (streq(phase, "Running") && !code && stops == (running != NULL)) {
		json_t *conditions = json_array();
		json_array_append_new(conditions,
				      fake_condition("Ready", stops ? "False" : "True", now));
		json_put(o->tree, "status.conditions", conditions);
		json_put(o->tree, "status.containerStatuses", fake_statuses(!stops, now));
		json_put_int(o->tree, "status.starts",
			     json_int_or(o->tree, "status.starts", 0) + !stops);
		fake_changed(f, o);
	} else if (streq(phase, "Running") && code) {
		json_put_str(o->tree, "status.phase", *code == '0' ? "Succeeded" : "Failed");
		json_t *statuses = json_array(), *s = json_object();
		json_put_str(s, "state.terminated.finishedAt", now);
		json_array_append_new(statuses, s);
		json_put(o->tree, "status.containerStatuses", statuses);
		json_put(o->tree, "status.conditions", json_array());
		fake_changed(f, o);
	} else if (streq(phase, "Pending")) {
		bool is_ready = !json_member_str(annotations, "test/never-ready");
		json_t *conditions = json_array();
		json_array_append_new(conditions,
				      fake_condition("Ready", is_ready ? "True" : "False", now));
		CHECK(snprintf(ip, sizeof ip, "10.244.0.%u", ++f->uids % 250) > 0);
		json_put_str(o->tree, "status.phase", "Running");
		json_put_str(o->tree, "status.podIP", ip);
		json_put(o->tree, "status.conditions", conditions);
		json_put(o->tree, "status.containerStatuses", fake_statuses(true, now));
		json_put_int(o->tree, "status.starts", 1);
		fake_changed(f, o);
	}
}

static inline void fake_kubelet(void *ctx)
{
	struct fake *f = ctx;
	loop_timer_set(f->kubelet, 100);
	char now[TIME_TEXT_SIZE];
	time_format_micro(loop_wall_us(f->loop), now);
	for (size_t i = f->count; !f->kubelet_is_off && i-- > 0;) {
		if (i >= f->count)
			continue;
		struct fake_object *o = &f->objects[i];
		if (streq(o->resource, "pods") && json_str(o->tree, "spec.nodeName"))
			fake_run_pod(f, o);
		else if (streq(o->resource, "leases") && streq(o->ns, "kube-node-lease") &&
			 loop_now_ms(f->loop) % 10000 < 100) {
			json_put_str(o->tree, "spec.renewTime", now);
			fake_changed(f, o);
		}
	}
}
