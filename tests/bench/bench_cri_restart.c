/*
 * The floor of restarts: a container created and started in a sandbox that is there, by direct CRI
 * calls. bench_cri_restart SOCKET TIMES CGROUP prints the median milliseconds. The namespace
 * "bench-cri" of the runtime is its own; everything is removed again.
 */
#include "common/io/cri_client.h"
#include "common/io/loop.h"

#include <stdio.h>

#define TIMES_MAX 100

struct bench {
	struct loop *loop;
	struct cri_client *cri;
	struct cri_sandbox_config config;
	char sandbox[128], container[128];
	double took_ms[TIMES_MAX];
	size_t count, done;
	int64_t begin_us;
};

static void must(const struct cri_reply *reply, const char *what)
{
	if (reply->code == 0)
		return;
	fprintf(stderr, "%s: %s\n", what, reply->message);
	exit(1);
}

static void copy(char *to, size_t size, const char *from)
{
	int n = snprintf(to, size, "%s", from);
	if (n < 0 || (size_t)n >= size)
		exit(1);
}

static void call(struct bench *b, enum cri_op op, const char *id, cri_done *done)
{
	(void)cri_start(b->cri, &(struct cri_request){ .op = op, .id = id }, done, b);
}

static void over(void *ctx, const struct cri_reply *reply)
{
	(void)reply;
	loop_stop(((struct bench *)ctx)->loop);
}

static void stopped(void *ctx, const struct cri_reply *reply)
{
	struct bench *b = ctx;
	(void)reply;
	call(b, CRI_REMOVE_SANDBOX, b->sandbox, over);
}

static void next(void *ctx, const struct cri_reply *reply);

static void killed(void *ctx, const struct cri_reply *reply)
{
	struct bench *b = ctx;
	must(reply, "StopContainer");
	call(b, CRI_REMOVE_CONTAINER, b->container, next);
}

static void runs(void *ctx, const struct cri_reply *reply)
{
	struct bench *b = ctx;
	must(reply, "StartContainer");
	b->took_ms[b->done++] = (double)(loop_wall_us(b->loop) - b->begin_us) / 1000;
	call(b, CRI_STOP_CONTAINER, b->container, killed); /* at once: no grace is given */
}

static void created(void *ctx, const struct cri_reply *reply)
{
	struct bench *b = ctx;
	must(reply, "CreateContainer");
	copy(b->container, sizeof b->container, reply->text);
	call(b, CRI_START_CONTAINER, b->container, runs);
}

static void next(void *ctx, const struct cri_reply *reply)
{
	static const char *const command[] = { "sleep", "100000" };
	struct bench *b = ctx;
	must(reply, "RunPodSandbox or RemoveContainer");
	if (b->sandbox[0] == '\0')
		copy(b->sandbox, sizeof b->sandbox, reply->text);
	if (b->done == b->count) {
		call(b, CRI_STOP_SANDBOX, b->sandbox, stopped);
		return;
	}
	struct cri_container_config c = { .name = "c",
					  .image = "localhost/busybox:1",
					  .log_path = "bench-cri.log",
					  .attempt = (uint32_t)b->done,
					  .command = { command, 2 } };
	b->begin_us = loop_wall_us(b->loop);
	(void)cri_start(b->cri,
			&(struct cri_request){ .op = CRI_CREATE_CONTAINER,
					       .id = b->sandbox,
					       .sandbox = &b->config,
					       .container = &c },
			created, b);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct error err;
	char uid[48];
	if (argc != 4 || snprintf(uid, sizeof uid, "bench-restart-%d", (int)getpid()) < 0)
		return 2;
	b.count = MAX(MIN(strtoul(argv[2], NULL, 10), (unsigned long)TIMES_MAX), 1UL);
	b.config = (struct cri_sandbox_config){ .name = "bench-restart",
						.uid = uid,
						.ns = "bench-cri",
						.hostname = "bench-restart",
						.log_directory = "/tmp",
						.cgroup_parent = argv[3] };
	b.loop = loop_new();
	struct cri_client_options o = { .socket = argv[1] };
	if (cri_client_new(b.loop, &o, &b.cri, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	(void)cri_start(b.cri, &(struct cri_request){ .op = CRI_RUN_SANDBOX, .sandbox = &b.config },
			next, &b);
	loop_run(b.loop);
	qsort(b.took_ms, b.done, sizeof(double), compare);
	printf("%.1f\n", b.took_ms[b.done / 2]);
	cri_client_free(b.cri);
	loop_free(b.loop);
	return 0;
}
