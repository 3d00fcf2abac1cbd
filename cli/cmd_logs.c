/* logs: what a container has written. */
#include "cli/command.h"
#include "cli/pods.h"
#include "cli/request.h"

#include <stdio.h>

extern const struct command command_logs;

struct log_options {
	bool follows, is_previous, with_times, from_all;
	const char *container;
	int64_t tail, since_us;
};

static void write_out(void *ctx, const char *bytes, size_t n)
{
	(void)ctx; /* standard output is everybody's */
	fwrite(bytes, 1, n, stdout);
	fflush(stdout);
}

static int show(struct session *s, const json_t *pod, const char *container,
		const struct log_options *o)
{
	AUTO_REPLY r = { 0 };
	AUTO_STR t;
	str_init(&t, 8192);
	str_add(&t, "/api/v1/namespaces/");
	str_add_urlencoded(&t, json_str_or(pod, "metadata.namespace", ""));
	str_add(&t, "/pods/");
	str_add_urlencoded(&t, json_str_or(pod, "metadata.name", ""));
	str_add(&t, "/log?container=");
	str_add_urlencoded(&t, container);
	str_addf(&t, "%s%s%s", o->follows ? "&follow=true" : "",
		 o->is_previous ? "&previous=true" : "", o->with_times ? "&timestamps=true" : "");
	if (o->tail >= 0)
		str_addf(&t, "&tailLines=%lld", (long long)o->tail);
	if (o->since_us > 0)
		str_addf(&t, "&sinceSeconds=%lld", (long long)MAX(o->since_us / 1000000, 1));
	struct request q = {
		.method = "GET", .target = t.data, .accept = "*/*", .timeout_ms = -1,
		.data = write_out
	};
	request_send(s, &q, &r);
	return r.code ? reply_explain(s, json_str_or(pod, "metadata.name", ""), &r) : 0;
}

static int show_pod(struct session *s, const json_t *pod, const struct log_options *o)
{
	const json_t *list = json_dig(pod, "spec.containers");
	if (o->container)
		return show(s, pod, o->container, o);
	if (!o->from_all) {
		if (json_array_size(list) > 1)
			fprintf(stderr, "container %s of %zu; others with -c NAME\n",
				default_container(pod),
				json_array_size(list));
		return show(s, pod, default_container(pod), o);
	}
	int worst = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		int code = show(s, pod, json_str_or(json_array_get(list, i), "name", ""), o);
		worst = MAX(worst, code);
	}
	return worst;
}

static int run(int argc, char **argv)
{
	struct log_options o = { .tail = -1 };
	const struct option table[] = {
		{ .name = "follow", .letter = 'f', .flag = &o.follows },
		{ .name = "previous", .letter = 'p', .flag = &o.is_previous },
		{ .name = "timestamps", .flag = &o.with_times },
		{ .name = "all-containers", .flag = &o.from_all },
		{ .name = "container", .letter = 'c', .text = &o.container },
		{ .name = "tail", .number = &o.tail },
		{ .name = "since", .span_us = &o.since_us },
	};
	struct arguments a = { 0 };
	AUTO_SESSION s = { 0 };
	AUTO_JSON *pod = NULL;
	int code = command_parse(command_logs.usage, argc, argv, table, ARRAY_LEN(table), &a);
	if (code == 0)
		code = command_open(&a, &s);
	if (code == 0)
		code = pod_of_words(&s, &a.words, command_namespace(&a, &s), &pod);
	return code ? code : show_pod(&s, pod, &o);
}

const struct command command_logs = {
	.name = "logs",
	.usage = "logs POD | TYPE/NAME [-f] [--tail N] [-c CONTAINER] [--previous]",
	.summary = "what a container has written",
	.help = "  TYPE/NAME              a pod of deployment/web, job/migrate, service/db …\n"
		"  -f, --follow           and what it writes from now on\n"
		"  --tail N               the last N lines\n"
		"  -c, --container NAME   of a pod with several; --all-containers: one after another\n"
		"  -p, --previous         of the run before the last restart\n"
		"  --since 5m, --timestamps\n",
	.run = run,
};
